// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Spare frames lent to an uplink's queue (switching/slack.c). */
#include "breathe_rig.h"

#define LOAN_MAX 512

/* Rounds after which a burst is over, and a loan has been looked for again. */
#define LATER ((SLACK_QUIET_NS + 2 * SLACK_PAUSE_NS) / RIG_ROUND_NS)

/* As the control thread's beat. */
static void beat(struct net *net)
{
	struct queue *queue = net->port[WAN]->queues[0];

	if (slack_wanted(queue) != queue->loan)
		slack_set(queue);
	check(net);
}

static struct queue *net_lend(struct net *net, uint32_t spare)
{
	struct queue *queue;

	net_init(net, 4096);
	queue = net->port[WAN]->queues[0];
	/* The rest is somebody else's. */
	net->rig->reserve += promises_spare(&net->rig->vs.promises) - spare;
	net->rig->vs.promises.spare = spare;
	net->rig->vs.promises.n_borrowers = 1;
	queue->loan_max = LOAN_MAX;
	check(net);
	return queue;
}

static int64_t spare_of(const struct net *net)
{
	return promises_spare(&net->rig->vs.promises);
}

/* Half of what is spare, in whole batches, up to the maximum; and all of it
 * slack for who may grow. */
static void test_idle_share(void **state)
{
	struct net net;
	struct queue *queue = net_lend(&net, 400);

	(void)state;
	assert_int_equal(slack_wanted(queue), 192);
	beat(&net);
	assert_int_equal(queue->loan, 192);
	assert_int_equal(spare_of(&net), 208);
	/* It counts what it has as if it were spare. */
	beat(&net);
	assert_int_equal(queue->loan, 192);
	rounds(&net);
	assert_int_equal(queue->outstanding, queue->target);
	net.port[VM1]->up = false;
	assert_int_equal(to_vm(&net, VM1, 400), RX + 40 + 192);
	net.port[VM1]->up = true;
	net_done(&net);
}

static void test_shares_and_limits(void **state)
{
	struct net net;
	struct queue *queue = net_lend(&net, 2000);
	struct promises *promises = &net.rig->vs.promises;

	(void)state;
	assert_int_equal(slack_wanted(queue), LOAN_MAX);
	promises->n_borrowers = 4;
	assert_int_equal(slack_wanted(queue), 192);
	beat(&net);
	assert_int_equal(queue->loan, 192);
	/* When a minimum is not covered, or under pressure: nothing. */
	queue->run_peak = 200; /* 2 * 200 - 40 */
	promises->spare -= 4000;
	assert_int_equal(slack_wanted(queue), 0);
	promises->spare += 4000;
	assert_int_equal(slack_wanted(queue), 320);
	promises->n_borrowers = 0;
	assert_int_equal(slack_wanted(queue), 0);
	beat(&net);
	assert_int_equal(queue->loan, 0);
	promises->n_borrowers = 1;
	queue->loan_max = 0;
	assert_int_equal(slack_wanted(queue), 0);
	net_done(&net);
}

/* What is called in and still posted is spare when packets have come in it. */
static void test_call_in(void **state)
{
	struct net net;
	struct queue *queue = net_lend(&net, 400);
	struct worker *worker = worker_of(&net, WAN);

	(void)state;
	beat(&net);
	rounds(&net);
	slack_call_in(worker, queue->promises, 208);
	assert_int_equal(queue->loan, 192);
	slack_call_in(worker, queue->promises, 300);
	assert_int_equal(queue->loan, 100);
	queue->promises->n_borrowers = 0;
	assert_int_equal(spare_of(&net), 208);
	check(&net);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(to_vm(&net, VM2, 4), 4);
		rounds(&net);
		drain(&net);
	}
	assert_int_equal(spare_of(&net), 208 + 80);
	net_done(&net);
}

/* A part that grows on the queue when nothing is spare gets the loan's frames
 * as they are. */
static void test_convert(void **state)
{
	struct net net;
	struct queue *queue = net_lend(&net, 400);
	struct promises *promises = &net.rig->vs.promises;

	(void)state;
	beat(&net);
	rounds(&net);
	promises->n_borrowers = 0; /* no beat of ours */
	net.rig->reserve += 208;
	promises->spare = 0;
	net.port[VM1]->up = false;
	assert_int_equal(to_vm(&net, VM1, 100), 100);
	rig_round(net.rig, 0);
	check(&net);
	/* 2 * 100 - 16, in batches */
	assert_int_equal(limit(&net, VM1), RX + 192);
	assert_int_equal(queue->loan, 0);
	assert_int_equal(queue->over, 0);
	net.port[VM1]->up = true;
	net_done(&net);
}

static void later(struct net *net)
{
	for (uint32_t i = 0; i < LATER; i++)
		rig_round(net->rig, 0);
	check(net);
}

/* What one VM's burst needed is there for the next one's, and is taken from who
 * had it and does not use it any more. */
static void test_bursts(void **state)
{
	struct net net;
	struct queue *queue = net_lend(&net, 480);
	struct worker *worker = worker_of(&net, WAN);
	uint32_t half;

	(void)state;
	net.rig->vs.promises.n_borrowers = 1000; /* only what bursts need */
	assert_int_equal(to_vm(&net, VM1, 56), 56);
	rig_round(net.rig, 0);
	check(&net);
	assert_true(limit(&net, VM1) > 56);
	assert_int_equal(queue->loan, 0);
	assert_int_equal(slack_wait(worker, worker->now_ns),
			 SLACK_QUIET_NS - RIG_ROUND_NS);
	/* 2 * 56 - 40, in whole batches, when the burst is over */
	later(&net);
	assert_int_equal(queue->loan, 64);
	assert_true(slack_wait(worker, worker->now_ns) == UINT64_MAX);
	drain(&net);
	assert_int_equal(to_vm(&net, VM1, 130), 130);
	later(&net);
	assert_int_equal(queue->run_peak, 130);
	/* 2 * 130 - 40 */
	assert_int_equal(queue->loan, 192);
	drain(&net);
	rounds(&net);
	queue->run_peak = 500;
	assert_int_equal(to_vm(&net, VM2, 1), 1);
	later(&net);
	/* VM1 had some of it; not now that its burst is over. */
	assert_int_equal(limit(&net, VM1), RX);
	assert_true(queue->loan > 192);
	/* The need is forgotten with the windows; a beat calls the loan in. */
	window(&net);
	assert_true(worker->breathing);
	window(&net);
	window(&net);
	net.rig->vs.promises.n_borrowers = 100;
	/* A hundredth of half of what is spare and lent to a hundred */
	half = queue->loan / 2 / 64 * 64;
	assert_int_equal(slack_wanted(queue), half);
	beat(&net);
	assert_int_equal(queue->loan, half);
	net_done(&net);
}

/* A queue that is one VM's is lent nothing. */
static void test_owned(void **state)
{
	struct net net;
	struct queue *queue = net_lend(&net, 400);
	struct share *share = &net.share[VM1]->share;

	(void)state;
	beat(&net);
	assert_int_equal(queue->loan, 192);
	queue_set_owner(queue, share, net.port[VM1], 0, queue->promises);
	assert_int_equal(queue->loan, 0);
	assert_int_equal(slack_wanted(queue), 0);
	queue_set_owner(queue, share, NULL, POSTED * 2, queue->promises);
	assert_true(slack_wanted(queue) > 0);
	rounds(&net);
	net_done(&net);
}

/* Traffic goes on without a pause, so the queue's bursts need all that it may be
 * lent. What is called in for somebody's minimum comes all the same. */
static void test_called_in_for_a_minimum(void **state)
{
	struct net net;
	struct queue *queue = net_lend(&net, 600);
	struct worker *worker = worker_of(&net, WAN);

	(void)state;
	queue->run = queue->run_peak = 5000;
	queue->run_ns = queue->run_begin_ns = worker->now_ns;
	beat(&net);
	rounds(&net);
	assert_int_equal(queue->loan, LOAN_MAX);
	/* A minimum that nothing is spare for. */
	net.rig->reserve += 200;
	promises_force(queue->promises, 200);
	assert_int_equal(spare_of(&net), 600 - LOAN_MAX - 200);
	for (int i = 0; i < 40; i++) {
		/* cover_minimums() */
		if (spare_of(&net) < 0)
			slack_call_in(worker, queue->promises, 0);
		assert_int_equal(to_vm(&net, VM2, 8), 8);
		rounds(&net);
		drain(&net);
	}
	assert_true(spare_of(&net) >= 0);
	net_done(&net);
}

/* So does what a pool asks for that cannot have it on this queue: VM1's worker
 * has no loans to call in. */
static void test_called_in_for_another_pool(void **state)
{
	struct net net;
	struct queue *queue = net_lend(&net, LOAN_MAX);
	struct promises *promises = queue->promises;
	uint32_t had;

	(void)state;
	queue->run = queue->run_peak = 5000;
	queue->run_ns = worker_of(&net, WAN)->now_ns;
	queue->run_begin_ns = queue->run_ns;
	beat(&net);
	rounds(&net);
	assert_int_equal(spare_of(&net), 0);
	had = base(&net, VM1);
	for (int i = 0; i < 60 && base(&net, VM1) == had; i++) {
		from_vm(&net, VM1, had);
		/* serve_wanted(), at the next beat */
		if (__atomic_exchange_n(&promises->wanted, 0,
					__ATOMIC_ACQUIRE)) {
			slack_call_in(worker_of(&net, WAN), promises, 64);
			if (spare_of(&net) <= 0)
				promises->wanted = VM1;
		}
		assert_int_equal(to_vm(&net, VM2, 8), 8);
		rounds(&net);
		drain(&net);
	}
	assert_true(base(&net, VM1) > had);
	net_done(&net);
}

/* What a pool was asked to hold it keeps: nobody goes without. */
static void test_asked(void **state)
{
	struct net net;
	struct queue *queue = net_lend(&net, 480);
	const struct pool_parts parts = { .rx_per_queue = RX + 400,
					  .tx_per_queue = POSTED,
					  .out = OUT };

	(void)state;
	net.rig->vs.promises.n_borrowers = 1000;
	/* pools_resize() */
	net.port[VM1]->pool.floor = parts;
	set_pool(&net, &parts);
	assert_int_equal(limit(&net, VM1), RX + 400);
	queue->run_peak = 500;
	assert_int_equal(to_vm(&net, VM2, 1), 1);
	later(&net);
	assert_int_equal(limit(&net, VM1), RX + 400);
	assert_int_equal(queue->loan, 480 - 400);
	net_done(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_share),
		cmocka_unit_test(test_shares_and_limits),
		cmocka_unit_test(test_call_in),
		cmocka_unit_test(test_convert),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_owned),
		cmocka_unit_test(test_called_in_for_a_minimum),
		cmocka_unit_test(test_called_in_for_another_pool),
		cmocka_unit_test(test_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
