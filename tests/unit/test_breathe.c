// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Pools that grow and shrink (switching/breathe.c).
 */
#include "breathe_rig.h"

/* ---- growing ---- */

/* Over three quarters of its receive ring: twice of what is used, in whole
 * batches, in the round in which it is seen. */
static void test_rx_high(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	net.port[VM1]->up = false; /* what is read goes nowhere */
	assert_int_equal(to_vm(&net, VM1, 12), 12);
	rig_round(net.rig, 0);
	assert_int_equal(limit(&net, VM1), RX);
	assert_int_equal(to_vm(&net, VM1, 13), 13);
	rig_round(net.rig, 0);
	check(&net);
	assert_int_equal(limit(&net, VM1), RX + 64);
	assert_int_equal(n_resizes(&net, VM1, POOL_RX_HIGH), 1);
	expect_event(&net, 0, VM1, POOL_RX_HIGH, MIN, MIN + 64);
	/* And it may be used at once; the rest is slack, for half of 80. */
	assert_int_equal(to_vm(&net, VM1, 200), 80 + 40);
	net.port[VM1]->up = true;
	net_done(&net);
}

/* Full: a burst that finds room in the slack is all there. */
static void test_rx_full(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	net.port[VM1]->up = false;
	assert_int_equal(to_vm(&net, VM1, 200), RX + 40);
	rig_round(net.rig, 0);
	check(&net);
	/* 2 * 56 - 16 = 96: two batches */
	assert_int_equal(limit(&net, VM1), RX + 128);
	assert_int_equal(n_resizes(&net, VM1, POOL_RX_FULL), 1);
	expect_event(&net, 0, VM1, POOL_RX_FULL, MIN, MIN + 128);
	assert_int_equal(net.share[VM1]->n_lost, 0);
	net.port[VM1]->up = true;
	net_done(&net);
}

/* What the VM sends is three quarters of what is posted, or all. */
static void test_fill(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	assert_int_equal(from_vm(&net, VM1, 30), 30);
	rig_round(net.rig, 1);
	assert_int_equal(base(&net, VM1), POSTED);
	assert_int_equal(from_vm(&net, VM1, 31), 31);
	rig_round(net.rig, 1);
	check(&net);
	assert_int_equal(base(&net, VM1), POSTED + 64);
	assert_int_equal(net.port[VM1]->queues[0]->outstanding, POSTED + 64);
	assert_int_equal(n_resizes(&net, VM1, POOL_FILL_LOW), 1);
	expect_event(&net, 1, VM1, POOL_FILL_LOW, MIN, MIN + 64);

	assert_int_equal(from_vm(&net, VM2, 200), POSTED);
	rig_round(net.rig, 0);
	check(&net);
	assert_int_equal(base(&net, VM2), POSTED + 64);
	assert_int_equal(n_resizes(&net, VM2, POOL_FILL_EMPTY), 1);
	net_done(&net);
}

/* The same of a queue that is the VM's alone. */
static void test_own_queue(void **state)
{
	struct queue *queue;
	struct net net;

	(void)state;
	net_init(&net, 4096);
	queue = net.port[WAN]->queues[0];
	queue_detach_share(queue, &net.share[VM2]->share,
			   &net.rig->vs.workers[0]->cache);
	pool_give(&net.port[VM2]->pool, RX);
	net.port[VM2]->pool.min -= RX;
	queue_set_owner(queue, &net.share[VM1]->share, net.port[VM1], 0,
			&net.rig->vs.promises);
	queue_settle(queue, &net.rig->vs.promises);
	check(&net);
	assert_int_equal(queue->base, RX);
	net.port[VM1]->up = false;
	to_vm(&net, VM1, 13);
	rig_round(net.rig, 0);
	check(&net);
	assert_int_equal(queue->base, RX + 64);
	assert_int_equal(n_resizes(&net, VM1, POOL_FILL_LOW), 1);
	for (uint32_t i = 0; i < 10; i++) {
		to_vm(&net, VM1, 500);
		rig_round(net.rig, 0);
		check(&net);
	}
	assert_true(n_resizes(&net, VM1, POOL_FILL_EMPTY) > 0);
	assert_int_equal(net.port[VM1]->pool.size, MAX);
	for (uint32_t i = 0; i < 60; i++)
		window(&net);
	assert_int_equal(queue->base, RX);
	assert_int_equal(net.port[VM1]->pool.size, MIN);
	net.port[VM1]->up = true;
	net_done(&net);
}

/* The guest is slow: room is made for what comes, packet by packet. */
static void test_out_full(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	assert_int_equal(to_vm(&net, VM1, 8), 8);
	rig_rounds(net.rig);
	assert_int_equal(net.port[VM1]->out_max, OUT);
	assert_int_equal(to_vm(&net, VM1, 1), 1);
	rounds(&net);
	assert_int_equal(net.port[VM1]->out_max, OUT + 64);
	assert_int_equal(n_resizes(&net, VM1, POOL_OUT_FULL), 1);
	expect_event(&net, 0, VM1, POOL_OUT_FULL, MIN, MIN + 64);
	assert_int_equal(rig_drain(net.rig, net.port[VM1]), 9);
	net_done(&net);
}

/* More is on its way than may be: room is what there is beyond that. */
static void test_overdrawn(void **state)
{
	struct worker *worker;
	struct port *vm;
	struct net net;

	(void)state;
	net_init(&net, 4096);
	vm = net.port[VM1];
	worker = net.rig->vs.workers[0];
	vm->account[1].charged += 30;
	assert_int_equal(vm->out_max, OUT);
	assert_int_equal(breathe_make_room(worker, vm, 5), OUT + 64 - 30);
	vm->pool.cap = vm->pool.size;
	assert_int_equal(breathe_make_room(worker, vm, 60), OUT + 64 - 30);
	vm->account[1].charged += 60;
	assert_int_equal(breathe_make_room(worker, vm, 1), 0);
	vm->account[1].charged -= 90;
	net_done(&net);
}

/* More arrives in a millisecond than there is room for: it would not survive
 * the worker being away for that long. */
static void test_rate(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(to_vm(&net, VM1, 8), 8);
		rig_rounds(net.rig);
		rig_drain(net.rig, net.port[VM1]);
	}
	assert_int_equal(limit(&net, VM1), RX);
	/* 8000 in 100 ms: 80 in one */
	window(&net);
	assert_int_equal(limit(&net, VM1), RX + 64);
	assert_int_equal(n_resizes(&net, VM1, POOL_RATE), 1);
	/* As long as it goes on it does not shrink. */
	for (uint32_t i = 0; i < 1000; i++) {
		to_vm(&net, VM1, 8);
		rig_rounds(net.rig);
		rig_drain(net.rig, net.port[VM1]);
	}
	window(&net);
	assert_int_equal(limit(&net, VM1), RX + 64);
	window(&net);
	assert_int_equal(limit(&net, VM1), RX);
	net_done(&net);
}

/* Up to the cap, to the last frame, and no further. */
static void test_cap(void **state)
{
	struct pool *pool;
	struct net net;

	(void)state;
	net_init(&net, 4096);
	pool = &net.port[VM1]->pool;
	pool->cap = 200;
	for (uint32_t i = 0; i < 10; i++) {
		to_vm(&net, VM1, 200);
		from_vm(&net, VM1, 200);
		rounds(&net);
		assert_true(pool->size <= 200);
	}
	assert_int_equal(pool->size, 200);
	/* Taken down from above: it stays, but does not grow. */
	pool->cap = 100;
	to_vm(&net, VM1, 200);
	rounds(&net);
	assert_int_equal(pool->size, 200);
	pool->cap = 500;
	for (uint32_t i = 0; i < 10; i++) {
		to_vm(&net, VM1, 200);
		from_vm(&net, VM1, 200);
		rounds(&net);
	}
	assert_int_equal(pool->size, 500);
	net_done(&net);
}

/* Nothing to spare: it has what there is, and the control thread is told who
 * goes without, once. */
static void test_spare_is_out(void **state)
{
	struct promises *promises;
	struct net net;
	uint64_t n;

	(void)state;
	net_init(&net, 4096);
	promises = &net.rig->vs.promises;
	net.rig->reserve += (uint32_t)promises->spare - 30;
	promises->spare = 30;
	net.port[VM1]->up = false;
	net.port[VM2]->up = false;
	/* Nobody has more than the minimum to lend. */
	net.port[VM1]->pool.least = (struct pool_parts){ MAX, MAX, MAX };
	net.port[VM2]->pool.least = (struct pool_parts){ MAX, MAX, MAX };
	to_vm(&net, VM1, 14);
	rig_round(net.rig, 0);
	check(&net);
	assert_int_equal(limit(&net, VM1), RX + 30);
	assert_int_equal(promises->spare, 0);
	assert_int_equal(promises->wanted, VM1);
	assert_int_equal(read(net.rig->vs.learn_fd, &n, sizeof(n)), 8);
	to_vm(&net, VM2, 14);
	rig_round(net.rig, 0);
	check(&net);
	assert_int_equal(limit(&net, VM2), RX);
	assert_int_equal(promises->wanted, VM1);
	assert_true(read(net.rig->vs.learn_fd, &n, sizeof(n)) < 0);
	/* As pools_balance() does it. */
	promises->wanted = 0;
	to_vm(&net, VM2, 14);
	rig_round(net.rig, 0);
	assert_int_equal(promises->wanted, VM2);
	assert_int_equal(read(net.rig->vs.learn_fd, &n, sizeof(n)), 8);
	/* Below zero: nobody grows until it is made up for. */
	promises_force(promises, 100);
	net.rig->reserve += 100;
	promises_give(promises, 90);
	net.rig->reserve -= 90;
	to_vm(&net, VM1, 100);
	rig_round(net.rig, 0);
	check(&net);
	assert_int_equal(limit(&net, VM1), RX + 30);
	assert_int_equal(promises->spare, -10);
	/* What another gives up is there at once. */
	promises_give(promises, 74);
	net.rig->reserve -= 74;
	to_vm(&net, VM1, 100);
	rig_round(net.rig, 0);
	check(&net);
	assert_int_equal(limit(&net, VM1), RX + 94);
	net.port[VM1]->up = true;
	net.port[VM2]->up = true;
	net_done(&net);
}

/* ---- shrinking ---- */

/* Everything as large as it becomes. */
static void inflate(struct net *net, uint16_t slot)
{
	struct port *vm = net->port[slot];

	for (uint32_t i = 0; i < 3; i++) {
		to_vm(net, slot, 400);
		from_vm(net, slot, 400);
		rounds(net);
	}
	drain(net);
	rounds(net);
	for (uint32_t i = 0; i < 20; i++) {
		rounds(net);
		drain(net);
	}
	rounds(net);
	assert_int_equal(port_out_frames(vm, 2), 0);
	forget_events(net);
}

/* Window by window a quarter of what is too much, in batches, one at least; and
 * nothing is left of it at last. */
static void test_idle(void **state)
{
	const uint32_t sizes[] = { 912, 720, 592, 464, 400, 336,
				   272, 208, 144, 80,  RX };
	struct net net;

	(void)state;
	net_init(&net, 4096);
	breathe_set(net.rig->vs.workers[0], net.port[VM1],
		    &(struct pool_parts){ 912, OUT, POSTED }, POOL_REQUEST);
	check(&net);
	assert_int_equal(limit(&net, VM1), 912);
	for (uint32_t i = 1; i < ARRAY_SIZE(sizes); i++) {
		window(&net);
		assert_int_equal(limit(&net, VM1), sizes[i]);
		assert_int_equal(n_resizes(&net, VM1, POOL_IDLE), i);
	}
	for (uint32_t i = 0; i < 5; i++)
		window(&net);
	assert_int_equal(net.port[VM1]->pool.size, MIN);
	assert_int_equal(n_resizes(&net, VM1, POOL_IDLE), 10);
	net_done(&net);
}

/* From whatever size: idle, it has its minimum, and its worker sleeps. */
static void test_idle_has_minimum(void **state)
{
	uint64_t seed = 5;
	struct net net;

	(void)state;
	net_init(&net, 4096);
	for (uint32_t i = 0; i < 200; i++) {
		const struct pool_parts parts = {
			.rx_per_queue = RX + unit_below(&seed, 300),
			.tx_per_queue = POSTED + unit_below(&seed, 300),
			.out = OUT + unit_below(&seed, 300),
		};

		/* Sometimes there are not all of a batch. */
		net.port[VM1]->pool.cap = MIN + unit_below(&seed, 900);
		set_pool(&net, &parts);
		rounds(&net);
		for (uint32_t k = 0; k < 12; k++)
			window(&net);
		assert_int_equal(net.port[VM1]->pool.size, MIN);
		assert_int_equal(base(&net, VM1), POSTED);
		assert_int_equal(limit(&net, VM1), RX);
		for (uint32_t w = 0; w < 2; w++)
			assert_true(breathe_wait(net.rig->vs.workers[w],
						 net.now_ns) == UINT64_MAX);
	}
	net_done(&net);
}

/* What is asked for it keeps, and no more. */
static void test_floor(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	net.port[VM1]->pool.floor = (struct pool_parts){ 100, 90, 120 };
	inflate(&net, VM1);
	assert_true(net.port[VM1]->pool.size > 400);
	for (uint32_t i = 0; i < 30; i++)
		window(&net);
	assert_int_equal(limit(&net, VM1), 100);
	assert_int_equal(net.port[VM1]->out_max, 90);
	assert_int_equal(base(&net, VM1), 120);
	assert_int_equal(net.port[VM1]->pool.size, 310);
	net_done(&net);
}

/* A window is not over before its time. */
static void test_windows(void **state)
{
	struct worker *worker;
	struct net net;

	(void)state;
	net_init(&net, 4096);
	worker = net.rig->vs.workers[0];
	assert_true(breathe_wait(worker, net.now_ns) == UINT64_MAX);
	breathe_set(worker, net.port[VM1],
		    &(struct pool_parts){ 400, OUT, POSTED }, POOL_REQUEST);
	assert_int_equal(breathe_wait(worker, net.now_ns), 100 * NS_PER_MS);
	assert_int_equal(breathe_wait(worker, net.now_ns + 30 * NS_PER_MS),
			 70 * NS_PER_MS);
	/* Late: at once. */
	assert_int_equal(breathe_wait(worker, net.now_ns + 300 * NS_PER_MS), 1);
	breathe_window(worker, net.now_ns + 99 * NS_PER_MS);
	assert_int_equal(limit(&net, VM1), 400);
	breathe_window(worker, net.now_ns + 100 * NS_PER_MS);
	assert_int_equal(limit(&net, VM1), 336);
	breathe_window(worker, net.now_ns + 199 * NS_PER_MS);
	assert_int_equal(limit(&net, VM1), 336);
	net_done(&net);
}

/* ---- hysteresis ---- */

struct load {
	uint32_t rx, tx, out; /* packets a round; out: left with the guest */
};

/* One window of the same: bursts of load->rx and load->tx, 20 times. */
static void load_window(struct net *net, const struct load *load)
{
	for (uint32_t i = 0; i < 20; i++) {
		to_vm(net, VM1, load->rx);
		from_vm(net, VM1, load->tx);
		rig_rounds(net->rig);
		rig_drain(net->rig, net->port[WAN]);
		while (port_out_frames(net->port[VM1], 2) > load->out &&
		       rig_drain(net->rig, net->port[VM1]))
			rig_round(net->rig, 1);
	}
	window(net);
}

static uint64_t n_changes(const struct net *net)
{
	const struct pool *pool = &net->port[VM1]->pool;
	uint64_t n = 0;

	for (int i = 0; i < POOL_N_REASONS; i++)
		n += pool->n_resizes[i];
	return n;
}

/* A constant load, whatever it is: the pool finds its size and keeps it, loses
 * nothing then, and each part is at most twice and a batch of what is used. */
static void test_no_flapping(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	for (uint32_t k = 1; k < 230; k += UNIT_SLOW ? 9 : 3) {
		const struct load load = { k, k, k };
		uint64_t before, refused;

		for (uint32_t i = 0; i < 20; i++)
			load_window(&net, &load);
		before = n_changes(&net);
		refused = net.share[VM1]->n_pool_full;
		for (uint32_t i = 0; i < 20; i++)
			load_window(&net, &load);
		assert_int_equal(n_changes(&net), before);
		assert_int_equal(net.share[VM1]->n_pool_full, refused);
		assert_true(limit(&net, VM1) <= max_u32(2 * k + 64, RX));
		assert_true(base(&net, VM1) <= max_u32(2 * k + 64, POSTED));
	}
	forget_events(&net);
	net_done(&net);
}

/* The same from above: a load that falls from peak to peak. */
static void test_no_flapping_down(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	for (uint32_t k = 230; k > 9; k -= UNIT_SLOW ? 9 : 3) {
		const struct load load = { k, k, 0 };
		uint64_t before;

		for (uint32_t i = 0; i < 20; i++)
			load_window(&net, &load);
		before = n_changes(&net);
		for (uint32_t i = 0; i < 20; i++)
			load_window(&net, &load);
		assert_int_equal(n_changes(&net), before);
		assert_true(limit(&net, VM1) <= max_u32(2 * k + 64, RX));
	}
	net_done(&net);
}

/* Spare is out, and one has what it does not use: another that needs it has it
 * in the same round, down to the first one's minimum, but for packets. */
static void test_lend(void **state)
{
	struct promises *promises;
	struct net net;
	uint32_t had;

	(void)state;
	net_init(&net, 4096);
	promises = &net.rig->vs.promises;
	set_pool(&net, &(struct pool_parts){ RX + 200, OUT + 200, POSTED });
	assert_int_equal(to_vm(&net, VM1, 20), 20);
	rig_round(net.rig, 0);
	had = net.port[VM1]->pool.size;
	net.rig->reserve += (uint32_t)promises->spare;
	promises->spare = 0;
	net.port[VM1]->pool.min = MIN;
	net.port[VM1]->pool.least =
		(struct pool_parts){ RX, OUT, POSTED };
	assert_int_equal(to_vm(&net, VM2, RX), RX);
	rig_round(net.rig, 0);
	check(&net);
	/* VM1's 20 packets are on their way: they have their frames. */
	assert_true(net.port[VM1]->pool.size < had);
	assert_true(net.port[VM1]->pool.size >= MIN);
	assert_true(net.port[VM1]->out_max >= 20);
	assert_true(limit(&net, VM2) > RX);
	assert_int_equal(promises->wanted, 0);
	assert_true(net.port[VM1]->pool.n_resizes[POOL_RECLAIM] > 0);
	net_done(&net);
}

/* ---- on request ---- */

static void test_set(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	set_pool(&net, &(struct pool_parts){ 100, 101, 103 });
	/* What was asked for, whatever a batch is. */
	assert_int_equal(limit(&net, VM1), 100);
	assert_int_equal(net.port[VM1]->out_max, 101);
	assert_int_equal(base(&net, VM1), 103);
	set_pool(&net, &(struct pool_parts){ 50, 51, 53 });
	assert_int_equal(limit(&net, VM1), 50);
	assert_int_equal(net.port[VM1]->out_max, 51);
	assert_int_equal(base(&net, VM1), 53);
	assert_int_equal(net.port[VM1]->pool.size, 154);
	set_pool(&net, &(struct pool_parts){ 2000, 500, 500 });
	assert_int_equal(net.port[VM1]->pool.size, MAX);
	set_pool(&net, &(struct pool_parts){ RX, OUT, POSTED });
	assert_int_equal(net.port[VM1]->pool.size, MIN);
	net_done(&net);
}

/* Less than is in use: the part keeps that. */
static void test_set_below_use(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	set_pool(&net, &(struct pool_parts){ 200, 200, 200 });
	to_vm(&net, VM1, 70);
	rounds(&net); /* 70 on their way */
	assert_int_equal(to_vm(&net, VM1, 90), 90);
	assert_int_equal(from_vm(&net, VM1, 110), 110);
	set_pool(&net, &(struct pool_parts){ RX, OUT, POSTED });
	assert_int_equal(net.port[VM1]->out_max, 70);
	assert_int_equal(limit(&net, VM1), 90);
	assert_int_equal(base(&net, VM1), 110);
	net_done(&net);
}

/* Down to what is used and to the minimum; as much as is wanted; and it says
 * how much that was. */
static void test_trim(void **state)
{
	int64_t spare;
	uint32_t got;
	struct net net;

	(void)state;
	net_init(&net, 4096);
	set_pool(&net,
		 &(struct pool_parts){ RX + 128, OUT + 128, POSTED + 64 });
	net.port[VM1]->pool.floor = (struct pool_parts){ 100, 100, 100 };
	forget_events(&net);
	rounds(&net);
	spare = promises_spare(&net.rig->vs.promises);
	got = breathe_trim(worker_of(&net, WAN), net.port[VM1], 50,
			   POOL_RECLAIM);
	check(&net);
	assert_int_equal(got, 50);
	assert_int_equal(limit(&net, VM1), RX + 78);
	expect_event(&net, 0, VM1, POOL_RECLAIM, MIN + 320, MIN + 270);
	rounds(&net);
	/* It was posted: it is to spare when it has been used up. */
	assert_int_equal(promises_spare(&net.rig->vs.promises), spare);

	/* The rest of what worker 0 has: to receive, and on the way. */
	got = breathe_trim(worker_of(&net, WAN), net.port[VM1], 5000,
			   POOL_RECLAIM);
	check(&net);
	assert_int_equal(got, 78 + 128);
	got = breathe_trim(worker_of(&net, VM1), net.port[VM1], 5000,
			   POOL_RECLAIM);
	check(&net);
	assert_int_equal(got, 64);
	assert_int_equal(net.port[VM1]->pool.size, MIN);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(breathe_trim(net.rig->vs.workers[i],
					      net.port[VM1], 5000,
					      POOL_RECLAIM),
				 0);
	net_done(&net);
}

/* What carries packets is not taken. */
static void test_trim_spares_packets(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 4096);
	set_pool(&net, &(struct pool_parts){ 200, 200, 200 });
	to_vm(&net, VM1, 70);
	rounds(&net);
	assert_int_equal(to_vm(&net, VM1, 90), 90);
	assert_int_equal(from_vm(&net, VM1, 110), 110);
	for (uint32_t i = 0; i < 2; i++) {
		breathe_trim(net.rig->vs.workers[i], net.port[VM1], 5000,
			     POOL_RECLAIM);
		check(&net);
	}
	assert_int_equal(net.port[VM1]->out_max, 70);
	assert_int_equal(limit(&net, VM1), 90);
	assert_int_equal(base(&net, VM1), 110);
	net.port[VM1]->pool.cap = 0;
	rounds(&net);
	/* None of them was lost. */
	drain(&net);
	for (uint32_t i = 0; i < 5; i++) {
		rounds(&net);
		drain(&net);
	}
	assert_int_equal(
		rig_count(net.rig, net.port[VM1], PKT_out_full).packets, 0);
	assert_int_equal(net.share[VM1]->share.n_packets, 160);
	net_done(&net);
}

/* ---- everything at once ---- */

static void random_step(struct net *net, uint64_t *seed)
{
	uint16_t slot = VM1 + (uint16_t)unit_below(seed, 2);
	struct worker *worker = net->rig->vs.workers[unit_below(seed, 2)];
	struct rig_packet packet;

	switch (unit_below(seed, 9)) {
	case 0:
		to_vm(net, slot, unit_below(seed, 200));
		break;
	case 1:
		from_vm(net, slot, unit_below(seed, 200));
		break;
	case 2:
		rig_drain(net->rig, net->port[slot]);
		break;
	case 3:
		for (uint32_t n = unit_below(seed, 50); n > 0; n--)
			if (!rig_sent(net->rig, net->port[slot], &packet))
				break;
		break;
	case 4:
		net->now_ns += unit_below(seed, 200) * NS_PER_MS;
		breathe_window(worker, net->now_ns);
		break;
	case 5:
		breathe_set(
			worker, net->port[slot],
			&(struct pool_parts){ RX + unit_below(seed, 300),
					      OUT + unit_below(seed, 300),
					      POSTED + unit_below(seed, 300) },
			POOL_REQUEST);
		break;
	case 6:
		breathe_trim(worker, net->port[slot], unit_below(seed, 300),
			     POOL_RECLAIM);
		break;
	case 7:
		net->port[slot]->pool.cap = MIN + unit_below(seed, MAX);
		break;
	default:
		rig_drain(net->rig, net->port[WAN]);
		break;
	}
	/* What has been promised is posted in the same round. */
	rig_round(net->rig, worker->index);
}

static void test_random(void **state)
{
	uint64_t seed = 1234;
	struct net net;

	(void)state;
	/* For both to grow there is too little. */
	net_init(&net, 2600);
	for (uint32_t i = 0; i < (UNIT_SLOW ? 20000 : 100000); i++) {
		random_step(&net, &seed);
		check(&net);
		assert_int_equal(
			net.share[VM1]->n_lost + net.share[VM2]->n_lost, 0);
	}
	assert_true(net.port[VM1]->pool.n_grown > 5000);
	assert_true(net.rig->vs.promises.wanted > 0);
	for (uint32_t i = 0; i < 300; i++) {
		rounds(&net);
		drain(&net);
	}
	for (uint32_t i = 0; i < 60; i++) {
		window(&net);
		rounds(&net);
	}
	assert_int_equal(net.port[VM1]->pool.size, MIN);
	assert_int_equal(net.port[VM2]->pool.size, MIN);
	net_done(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rx_high),
		cmocka_unit_test(test_rx_full),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_own_queue),
		cmocka_unit_test(test_out_full),
		cmocka_unit_test(test_overdrawn),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_spare_is_out),
		cmocka_unit_test(test_lend),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_idle_has_minimum),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_no_flapping),
		cmocka_unit_test(test_no_flapping_down),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_below_use),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_trim_spares_packets),
		cmocka_unit_test(test_random),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests_name("breathe", tests, NULL, NULL);
	rcu_unregister_thread();
	return ret;
}
