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

/* A limit that falls takes effect with what is read; one that rises, at
 * once. The target follows what the kernel may really use. */
static void test_limit(void **state)
{
	uint8_t data[64] = { 0 };
	struct share *share;
	uint32_t before;
	struct net net;

	(void)state;
	net_init(&net, 512);
	share = &net.share->share;
	queue_set_limit(net.queue, share, 10);
	assert_int_equal(rx_ring_usable(&share->rx), 32);
	assert_int_equal(net.queue->target, 112);
	for (uint32_t i = 0; i < 40; i++)
		rig_receive_share(net.rig, net.share, data, sizeof(data), NULL);
	assert_int_equal(net.share->n_ring_full, 8);
	before = net.share->rx.consumer;
	net.vm->out_max = 15;
	rig_round(net.rig, 0);
	assert_int_equal(rx_ring_usable(&share->rx), 32 - 15);
	assert_int_equal(net.queue->target, 112 - 15);
	assert_int_equal(net.share->rx.consumer, before);
	rig_drain(net.rig, net.vm);
	rig_rounds(net.rig);
	rig_drain(net.rig, net.vm);
	rig_rounds(net.rig);
	rig_drain(net.rig, net.vm);
	rig_rounds(net.rig);
	assert_int_equal(rx_ring_usable(&share->rx), 10);
	assert_int_equal(net.queue->target, 80 + 10);

	net.share->n_ring_full = 0;
	for (uint32_t i = 0; i < 40; i++)
		rig_receive_share(net.rig, net.share, data, sizeof(data), NULL);
	assert_int_equal(net.share->n_ring_full, 30);
	queue_set_limit(net.queue, share, 20);
	for (uint32_t i = 0; i < 40; i++)
		rig_receive_share(net.rig, net.share, data, sizeof(data), NULL);
	assert_int_equal(net.share->n_ring_full, 30 + 30);
	assert_int_equal(net.queue->target, 80 + 20);
	for (uint32_t i = 0; i < 10; i++) {
		rig_rounds(net.rig);
		rig_drain(net.rig, net.vm);
	}
	rig_rounds(net.rig);
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
