// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A queue's own rules on the bench of rig.h: what is posted, detached, told to
 * the driver. With the kernel behind it: test_umem.c.
 */
#include <sys/socket.h>
#include <urcu-qsbr.h>

#include "rig.h"

struct net {
	struct rig *rig;
	struct port *wan, *vm;
	struct queue *queue;	 /* wan's */
	struct rig_share *share; /* vm's on it */
	struct frame_cache *cache;
};

static void net_init(struct net *net, uint32_t n_frames)
{
	net->rig = rig_new(n_frames, 1);
	net->wan = rig_port(net->rig, 1, PORT_UPLINK, 0, 0);
	net->vm = rig_port(net->rig, 2, PORT_VM, 0, 0);
	net->queue = net->wan->queues[0];
	net->share = rig_share(net->rig, net->wan, net->vm, 32);
	net->cache = &net->rig->vs.workers[0]->cache;
}

static void net_done(struct net *net)
{
	rig_assert_conserved(net->rig);
	rig_free(net->rig);
}

static void refill(struct net *net)
{
	queue_refill(net->queue, &net->rig->vs.arena, net->cache);
}

/* The fill ring as the kernel sees it. */
static uint32_t posted(const struct net *net)
{
	const struct rig_queue *rq = rig_queue_of(net->rig, net->wan);

	return rq->fill.producer - rq->fill.consumer;
}

/* What the kernel finds there are frames of the queue, each once. */
static void assert_posted_once(const struct net *net)
{
	const struct rig_queue *rq = rig_queue_of(net->rig, net->wan);
	const struct arena *arena = &net->rig->vs.arena;
	uint8_t seen[512] = { 0 };

	for (uint32_t i = rq->fill.consumer; i != rq->fill.producer; i++) {
		uint64_t addr = rq->fill.addrs[i % RIG_RING];
		uint32_t frame = arena_frame(arena, addr);

		assert_int_equal(addr, arena_addr(arena, frame));
		assert_int_equal(seen[frame]++, 0);
		assert_int_equal(frame_place(arena_where(arena, frame)),
				 FRAME_QUEUE);
		assert_int_equal(frame_who(arena_where(arena, frame)),
				 net->queue->id);
	}
}

static void test_posts_to_target(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 512);
	assert_int_equal(net.queue->target, 80 + 32);
	assert_int_equal(posted(&net), 112);
	refill(&net);
	assert_int_equal(posted(&net), 112);

	queue_set_base(net.queue, 100);
	refill(&net);
	assert_int_equal(posted(&net), 132);
	/* Less: what is posted stays, nothing is added. */
	queue_set_base(net.queue, 10);
	refill(&net);
	assert_int_equal(posted(&net), 132);
	assert_int_equal(net.queue->outstanding, 132);
	assert_false(queue_is_short(net.queue));
	net_done(&net);
}

/* Too few frames: what there is, and the rest when there is more. */
static void test_shortage(void **state)
{
	uint32_t held[512], n = 0, frame;
	struct net net;

	(void)state;
	net_init(&net, 512);
	while ((frame = frame_cache_get(net.cache)) != FRAME_NONE)
		held[n++] = frame;
	for (uint32_t i = 0; i < 7; i++)
		frame_cache_put(net.cache, held[--n]);
	queue_set_base(net.queue, 80 + 20);
	refill(&net);
	assert_int_equal(posted(&net), 112 + 7);
	assert_true(queue_is_short(net.queue));
	assert_true(net.queue->n_fill_short > 0);
	refill(&net);
	assert_int_equal(posted(&net), 112 + 7);
	while (n)
		frame_cache_put(net.cache, held[--n]);
	refill(&net);
	assert_int_equal(posted(&net), 132);
	assert_false(queue_is_short(net.queue));
	assert_posted_once(&net);
	net_done(&net);
}

static uint32_t receive(struct net *net, uint32_t n)
{
	uint8_t data[64] = { 0 };
	uint32_t got = 0;

	for (uint32_t i = 0; i < n; i++)
		got += rig_receive_share(net->rig, net->share, data,
					 sizeof(data), NULL);
	return got;
}

/* One round of a VM that has room for @room packets. */
static void read_some(struct net *net, uint32_t room)
{
	rig_set_out(net->rig, net->vm, room);
	rig_round(net->rig, 0);
	rig_drain(net->rig, net->vm);
	rig_assert_promises(net->rig);
}

/* A limit holds at once, for what is not there yet; what is posted too much is
 * used up, and spare again only then. */
static void test_limit(void **state)
{
	struct promises *promises;
	struct share *share;
	struct net net;
	int64_t spare;

	(void)state;
	net_init(&net, 512);
	share = &net.share->share;
	promises = &net.rig->vs.promises;
	spare = promises_spare(promises);
	assert_int_equal(receive(&net, 20), 20);
	queue_set_limit(net.queue, share, 10);
	assert_int_equal(receive(&net, 40), 0);
	assert_int_equal(net.share->n_pool_full, 40);
	assert_int_equal(net.queue->target, 80 + 10);
	queue_settle(net.queue, promises);
	assert_int_equal(promises_spare(promises), spare);

	/* Twelve are read: twelve frames are not replaced, two may come. */
	read_some(&net, 12);
	assert_int_equal(net.queue->outstanding, 112 - 12);
	assert_int_equal(net.queue->granted, 100);
	assert_int_equal(receive(&net, 40), 2);
	rig_round(net.rig, 0);
	read_some(&net, 128);
	read_some(&net, 128);
	assert_int_equal(share_used(share), 0);
	assert_int_equal(net.queue->outstanding, 90);
	assert_int_equal(net.queue->granted, 90);

	/* A higher one is covered first, and holds at once as well. */
	assert_int_equal(receive(&net, 40), 10);
	assert_int_equal(queue_cover(net.queue, promises, 10, false), 10);
	queue_set_limit(net.queue, share, 20);
	rig_assert_promises(net.rig);
	assert_int_equal(receive(&net, 40), 10);
	assert_int_equal(net.queue->target, 80 + 20);
	read_some(&net, 128);
	assert_int_equal(net.queue->outstanding, 100);
	assert_int_equal(net.share->n_lost, 0);
	net_done(&net);
}

/* Whatever is received, read and changed: the program stops at the limit, and
 * gets exactly as far. Its counts wrap on the way. */
static void test_limit_at_random(void **state)
{
	uint64_t seed = 31, n_refused = 0, n_taken = 0;
	struct share *share;
	struct net net;

	(void)state;
	net_init(&net, 512);
	share = &net.share->share;
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t n = unit_below(&seed, 40), used = share_used(share);
		uint32_t room = used < share->limit ? share->limit - used : 0;

		assert_int_equal(receive(&net, n), min_u32(n, room));
		n_taken += min_u32(n, room);
		n_refused += n - min_u32(n, room);
		if (unit_below(&seed, 4) == 0) {
			uint32_t limit = unit_below(&seed, 33);

			if (limit > share->limit)
				queue_cover(net.queue, &net.rig->vs.promises,
					    limit - share->limit, true);
			queue_set_limit(net.queue, share, limit);
		}
		read_some(&net, unit_below(&seed, 50));
	}
	assert_int_equal(net.share->n_pool_full, n_refused);
	assert_int_equal(net.share->n_lost, 0);
	assert_true(n_refused > 10000 && n_taken > 10000);
	for (uint32_t i = 0; i < 4; i++)
		read_some(&net, 128);
	net_done(&net);
}

/* ---- promises ---- */

static void test_cover(void **state)
{
	struct promises *promises;
	struct net net;

	(void)state;
	net_init(&net, 512);
	promises = &net.rig->vs.promises;
	promises->spare = 30;
	assert_int_equal(queue_cover(net.queue, promises, 20, false), 20);
	assert_int_equal(net.queue->granted, 132);
	/* What is promised and not wanted yet is not asked for again. */
	assert_int_equal(queue_cover(net.queue, promises, 20, false), 20);
	assert_int_equal(net.queue->granted, 132);
	assert_int_equal(promises->spare, 10);
	/* Some, or all if it must be. */
	assert_int_equal(queue_cover(net.queue, promises, 50, false), 30);
	assert_int_equal(promises->spare, 0);
	assert_int_equal(queue_cover(net.queue, promises, 50, true), 50);
	assert_int_equal(promises->spare, -20);
	assert_int_equal(queue_cover(net.queue, promises, 60, false), 50);
	assert_int_equal(net.queue->granted, 162);
	queue_settle(net.queue, promises);
	assert_int_equal(net.queue->granted, 112);
	assert_int_equal(promises->spare, 30);
	net_done(&net);
}

/* What one VM gives up on a queue another has there at once, also while the
 * frames are still posted and nothing is to spare. */
static void test_cover_by_another(void **state)
{
	struct rig_share *other;
	struct net net;

	(void)state;
	net_init(&net, 512);
	other = rig_share_on(net.rig, net.queue,
			     rig_port(net.rig, 3, PORT_VM, 0, 0), 32, 8);
	net.rig->vs.promises.spare = 0;
	queue_set_limit(net.queue, &net.share->share, 12);
	queue_settle(net.queue, &net.rig->vs.promises);
	assert_int_equal(promises_spare(&net.rig->vs.promises), 0);
	assert_int_equal(
		queue_cover(net.queue, &net.rig->vs.promises, 30, false), 20);
	queue_set_limit(net.queue, &other->share, 28);
	assert_int_equal(net.queue->granted, net.queue->target);
	net_done(&net);
}

/* ---- slack ---- */

/* @vm's pool may become @n frames larger. */
static void may_grow(struct net *net, uint32_t n)
{
	net->vm->pool.max = net->vm->pool.size + n;
	share_publish(&net->share->share);
}

static uint32_t slack_left(const struct net *net)
{
	const struct rig_queue *rq = rig_queue_of(net->rig, net->wan);

	return rq->slack.end - rq->slack.handed;
}

/* A burst beyond a small limit finds half of the uplink's base, once. */
static void test_slack(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 512);
	queue_set_limit(net.queue, &net.share->share, 4);
	rig_set_out(net.rig, net.vm, 0);
	/* As far as the pool may grow, and the ring's size. */
	assert_int_equal(receive(&net, 40), 4);
	may_grow(&net, 10);
	assert_int_equal(receive(&net, 40), 10);
	assert_int_equal(slack_left(&net), 30);
	may_grow(&net, 100);
	assert_int_equal(receive(&net, 40), 18);
	assert_int_equal(net.share->n_lost, 0);
	assert_int_equal(slack_left(&net), 12);
	/* None of it has been read: that gives no more. */
	net.vm->pool.max = net.vm->pool.size;
	rig_round(net.rig, 0);
	assert_int_equal(slack_left(&net), 12);
	assert_int_equal(net.queue->over, 28);
	/* As it is read the slack comes back. */
	read_some(&net, 8);
	assert_int_equal(net.queue->over, 20);
	assert_int_equal(slack_left(&net), 20);
	for (uint32_t i = 0; i < 3; i++)
		read_some(&net, 128);
	assert_int_equal(net.queue->over, 0);
	assert_int_equal(slack_left(&net), 40);
	net_done(&net);
}

/* Two share the slack: what one has taken is not given out again because the
 * other has been read. */
static void test_slack_of_two(void **state)
{
	struct rig_share *other;
	struct net net;

	(void)state;
	net_init(&net, 1024);
	other = rig_share_on(net.rig, net.queue,
			     rig_port(net.rig, 3, PORT_VM, 0, 0), 32, 4);
	queue_set_limit(net.queue, &net.share->share, 4);
	may_grow(&net, 100);
	other->share.to->pool.cap += 100;
	other->share.to->pool.max += 100;
	share_publish(&other->share);
	assert_int_equal(receive(&net, 14), 14);
	net.share = other;
	assert_int_equal(receive(&net, 40), 32);
	assert_int_equal(slack_left(&net), 2);
	assert_int_equal(forward_share(net.rig->vs.workers[0],
				       net.rig->queues[0]->queue.shares[1]),
			 14);
	assert_int_equal(slack_left(&net), 12);
	rig_rounds(net.rig);
	rig_drain(net.rig, net.vm);
	rig_drain(net.rig, other->share.to);
	rig_rounds(net.rig);
	assert_int_equal(slack_left(&net), 40);
	net_done(&net);
}

/* A share that goes takes what is in it beyond its limit with it. */
static void test_slack_of_detached(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 512);
	queue_set_limit(net.queue, &net.share->share, 4);
	may_grow(&net, 100);
	rig_set_out(net.rig, net.vm, 0);
	assert_int_equal(receive(&net, 40), 32);
	rig_round(net.rig, 0);
	assert_int_equal(net.queue->over, 28);
	queue_detach_share(net.queue, &net.share->share, net.cache);
	assert_int_equal(net.queue->over, 0);
	queue_publish(net.queue, &net.queue->primary);
	assert_int_equal(slack_left(&net), 40);
	refill(&net);
	net_done(&net);
}

/* ---- losses ---- */

/* Packets that the kernel loses after the program has counted them are given
 * back, or the VM could never receive as much again. */
static void test_lost(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 512);
	rig_advance(&net.share->share.credit->handed);
	rig_advance(&net.share->share.credit->handed);
	assert_int_equal(receive(&net, 40), 30);
	share_lost(&net.share->share, 2);
	assert_int_equal(receive(&net, 40), 2);
	for (uint32_t i = 0; i < 3; i++)
		read_some(&net, 128);
	assert_int_equal(share_used(&net.share->share), 0);
	net_done(&net);
}

/* ---- other forms ---- */

/* A queue becomes the VM's own and is everybody's again, with packets in it:
 * the pool stays as large, nothing is lost, and all is promised. */
static void test_owner(void **state)
{
	struct share *share;
	struct net net;
	uint32_t size;

	(void)state;
	net_init(&net, 512);
	share = &net.share->share;
	size = net.vm->pool.size;
	assert_int_equal(receive(&net, 20), 20);
	queue_set_owner(net.queue, share, net.vm, 0, &net.rig->vs.promises);
	assert_int_equal(net.queue->base, 32);
	assert_int_equal(net.queue->target, 32);
	assert_int_equal(share->limit, 0);
	assert_int_equal(slack_left(&net), 16);
	rig_assert_promises(net.rig);
	/* The program asks for no more than room in the receive ring; what is
	 * posted is the bound. */
	assert_int_equal(receive(&net, 40), 12);
	assert_int_equal(net.share->n_lost, 0);
	for (uint32_t i = 0; i < 4; i++) {
		read_some(&net, 128);
		assert_int_equal(receive(&net, 40), 32);
	}
	assert_int_equal(net.share->n_lost, 0);
	assert_int_equal(net.queue->granted, 32);
	queue_set_base(net.queue, 20);
	pool_give(&net.vm->pool, 12);
	read_some(&net, 128);
	assert_int_equal(net.queue->granted, 20);
	assert_int_equal(receive(&net, 40), 20);
	assert_int_equal(net.share->n_lost, 12);
	share_lost(share, 12);
	read_some(&net, 128);
	assert_int_equal(share_used(share), 0);

	assert_int_equal(slack_left(&net), 10);
	queue_set_owner(net.queue, share, NULL, 80, &net.rig->vs.promises);
	assert_int_equal(slack_left(&net), 40);
	assert_int_equal(net.queue->base, 80);
	assert_int_equal(share->limit, 20);
	assert_int_equal(net.queue->target, 100);
	rig_assert_promises(net.rig);
	refill(&net);
	assert_int_equal(receive(&net, 40), 20);
	assert_int_equal(net.share->n_lost, 12);
	assert_int_equal(net.vm->pool.size, size - 12);
	read_some(&net, 128);
	rig_rounds(net.rig);
	net_done(&net);
}

/* A larger ring takes a share's place: the bound is the same in both, the limit
 * counts the packets of both, and the old one's are all read. */
static void test_succession(void **state)
{
	struct rig_share *old, *next;
	struct net net;

	(void)state;
	net_init(&net, 512);
	old = net.share;
	assert_int_equal(receive(&net, 20), 20);
	next = rig_new_share(net.rig, net.queue, net.vm, 64);
	/* As share_open() with the credit that is there. */
	next->share.credit = old->share.credit;
	next->share.read = old->share.credit->handed;
	assert_int_equal(queue_attach_share(net.queue, &next->share), 0);
	queue_succeed_share(net.queue, &next->share, &old->share);
	assert_int_equal(net.queue->target, 112);
	assert_int_equal(next->share.limit, 32);
	assert_int_equal(old->share.limit, 0);
	rig_assert_promises(net.rig);
	/* The program's map still has the old one, then the new one. */
	assert_int_equal(receive(&net, 5), 5);
	net.share = next;
	assert_int_equal(receive(&net, 40), 7);
	assert_int_equal(share_used(&next->share), 32);
	read_some(&net, 10);
	assert_int_equal(share_used(&next->share), 22);
	assert_int_equal(receive(&net, 40), 10);
	for (uint32_t i = 0; i < 4; i++)
		read_some(&net, 128);
	assert_int_equal(rx_ring_ready(&old->share.rx), 0);
	assert_int_equal(queue_detach_share(net.queue, &old->share, net.cache),
			 0);
	assert_int_equal(net.queue->target, 112);
	assert_int_equal(share_used(&next->share), 0);
	assert_int_equal(receive(&net, 40), 32);
	assert_int_equal(next->n_lost, 0);
	for (uint32_t i = 0; i < 3; i++)
		read_some(&net, 128);
	net_done(&net);
}

static void test_detach(void **state)
{
	uint8_t data[64] = { 0 };
	struct net net;

	(void)state;
	net_init(&net, 512);
	for (uint32_t i = 0; i < 12; i++)
		assert_true(rig_receive_share(net.rig, net.share, data,
					      sizeof(data), NULL));
	queue_detach_share(net.queue, &net.share->share, net.cache);
	assert_int_equal(net.queue->n_shares, 1);
	assert_int_equal(net.queue->target, 80);
	/* What is posted too much is used up before anything is posted. */
	assert_int_equal(net.queue->outstanding, 112 - 12);
	rig_assert_conserved(net.rig);
	refill(&net);
	assert_int_equal(net.queue->outstanding, 100);
	for (uint32_t i = 0; i < 30; i++)
		assert_true(rig_receive(net.rig, net.wan, data, sizeof(data),
					NULL));
	rig_round(net.rig, 0);
	assert_int_equal(net.queue->outstanding, 80);
	rig_drain(net.rig, net.vm);
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- zero-copy ---- */

static bool was_poked(int fd)
{
	/* Poking reads; what can be read stands for the driver's sleep. */
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

/* A driver that found the fill ring empty waits to be told, and only then. */
static void test_fill_wakes_driver(void **state)
{
	struct rig_queue *rq;
	struct net net;
	int pair[2];

	(void)state;
	net_init(&net, 512);
	rq = rig_queue_of(net.rig, net.wan);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	net.queue->umem.fd = pair[0];
	net.queue->umem.zero_copy = true;
	assert_int_equal(send(pair[1], "", 1, 0), 1);
	refill(&net);
	assert_false(was_poked(pair[0]));
	rq->fill.flags = XDP_RING_NEED_WAKEUP;
	refill(&net);
	assert_true(was_poked(pair[0]));
	close(pair[0]);
	close(pair[1]);
	net_done(&net);
}

/* A driver that has not taken all yet is not forgotten. */
static void test_tx_waits_for_driver(void **state)
{
	struct rig_queue *rq;
	uint64_t packets[4];
	struct net net;
	int pair[2];

	(void)state;
	net_init(&net, 512);
	rq = rig_queue_of(net.rig, net.vm);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	rq->queue.umem.fd = pair[0];
	rq->queue.umem.zero_copy = true;
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t frame = frame_cache_get(net.cache);

		arena_move(&net.rig->vs.arena, frame, FRAME_OUT, 2);
		packets[i] =
			packet_pack(arena_addr(&net.rig->vs.arena, frame), 60);
	}
	count_add(&net.vm->account[0].charged, 4);
	assert_int_equal(queue_send(&rq->queue, packets, 4), 4);
	assert_int_equal(queue_kick(&rq->queue), 0);
	assert_int_equal(rq->queue.n_kicks, 0); /* it is awake */
	assert_true(queue_has_unsent(&rq->queue));
	rq->tx.flags = XDP_RING_NEED_WAKEUP;
	assert_int_equal(queue_kick(&rq->queue), 0);
	assert_int_equal(rq->queue.n_kicks, 1);
	assert_int_equal(rig_drain(net.rig, net.vm), 4);
	assert_int_equal(queue_kick(&rq->queue), 0);
	assert_false(queue_has_unsent(&rq->queue));
	close(pair[0]);
	close(pair[1]);
	rig_rounds(net.rig);
	net_done(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_posts_to_target),
		cmocka_unit_test(test_shortage),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_at_random),
		cmocka_unit_test(test_cover),
		cmocka_unit_test(test_cover_by_another),
		cmocka_unit_test(test_slack),
		cmocka_unit_test(test_slack_of_two),
		cmocka_unit_test(test_slack_of_detached),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_succession),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_fill_wakes_driver),
		cmocka_unit_test(test_tx_waits_for_driver),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests_name("queue", tests, NULL, NULL);
	rcu_unregister_thread();
	return ret;
}
