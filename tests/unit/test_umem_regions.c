// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Queues on regions of the arena, with the kernel behind them (xsk_lab.h): what
 * is on the rings of one is never another's memory.
 *
 *	s1 ==veth== s0: queue on region 0
 *	i1 ==veth== i0: queue on region @region of an isolated VM
 */
#include <poll.h>

#include "ports/queue.h"
#include "xsk_lab.h"

#define N_SHARED   1000
#define N_ISOLATED 500
#define N_POSTED   64
#define WAIT_NS	   (60 * NS_PER_SEC)

enum { SHARED, ISOLATED, N_SIDES };

static const char *const names[N_SIDES] = { "s0", "i0" };
static int packet_fds[N_SIDES];

struct side {
	struct hostpool host;
	struct frame_cache cache;
	struct port *port;
	struct queue *queue;
	uint32_t region;
	uint32_t n_frames;
};

struct bench {
	struct arena arena;
	struct frame_caches caches;
	struct side sides[N_SIDES];
};

static void open_queue(struct bench *bench, uint32_t which, uint32_t n_frames)
{
	struct side *side = &bench->sides[which];
	struct queue_opts opts = {
		.id = which,
		.region = side->region,
		.region_frames = n_frames,
		.rx_size = 64,
		.base = N_POSTED,
		.fill_max = 512,
		.out_max = 64,
		.copy = UMEM_COPY_AUTO,
	};

	queue_wait_for(side->port, QUEUE_WAIT_NS);
	assert_int_equal(
		queue_open(&bench->arena, side->port, &opts, &side->queue), 0);
	assert_int_equal(bpf_map_update_elem(map_fd, &which,
					     &side->queue->primary.rx.fd,
					     BPF_ANY),
			 0);
	/* By the other side's cache: that is what a worker has at hand. */
	queue_refill(side->queue, &bench->arena, &bench->sides[SHARED].cache);
	assert_int_equal(side->queue->outstanding, N_POSTED);
}

static void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	assert_int_equal(arena_init(&bench->arena, N_SHARED, 2048,
				    ARENA_PAGES_SMALL),
			 0);
	assert_int_equal(arena_add_region(&bench->arena, N_ISOLATED,
					  ARENA_PAGES_SMALL,
					  &bench->sides[ISOLATED].region),
			 0);
	for (uint32_t i = 0; i < N_SIDES; i++) {
		struct side *side = &bench->sides[i];

		side->n_frames = i == SHARED ? N_SHARED : N_ISOLATED;
		assert_int_equal(hostpool_init(&side->host, &bench->arena,
					       side->region, 1),
				 0);
		frame_cache_init(&side->cache, &side->host, 0);
		frame_cache_join(&side->cache, &bench->caches);
		side->port = aligned_alloc(CACHE_LINE, sizeof(*side->port));
		memset(side->port, 0, sizeof(*side->port));
		side->port->slot = (uint16_t)(i + 1);
		strcpy(side->port->ifname, names[i]);
	}
	for (uint32_t i = 0; i < N_SIDES; i++)
		open_queue(bench, i, 0);
}

static void close_queue(struct bench *bench, uint32_t which, uint32_t n_out)
{
	struct side *side = &bench->sides[which];
	struct frame_cache *cache = &bench->sides[SHARED].cache;
	uint32_t held = side->queue->outstanding;

	queue_close(side->queue);
	side->queue = NULL;
	assert_int_equal(
		queue_reclaim(&bench->arena, cache, FRAME_QUEUE, which), held);
	assert_int_equal(queue_reclaim(&bench->arena, cache, FRAME_OUT,
				       side->port->slot),
			 n_out);
}

static void bench_done(struct bench *bench)
{
	for (uint32_t i = 0; i < N_SIDES; i++) {
		struct side *side = &bench->sides[i];

		if (side->queue)
			close_queue(bench, i, 0);
	}
	for (uint32_t i = 0; i < N_SIDES; i++) {
		struct side *side = &bench->sides[i];

		frame_cache_done(&side->cache);
		assert_int_equal(hostpool_free_frames(&side->host),
				 side->n_frames);
		hostpool_done(&side->host);
		free(side->port);
	}
	assert_int_equal(arena_del_region(&bench->arena,
					  bench->sides[ISOLATED].region),
			 0);
	arena_done(&bench->arena);
}

/* Every one is posted, or free in its own region. */
static void assert_frames(const struct bench *bench)
{
	for (uint32_t i = 0; i < N_SIDES; i++) {
		const struct side *side = &bench->sides[i];
		uint32_t posted = side->queue ? side->queue->outstanding : 0;

		assert_int_equal(side->cache.n + posted +
					 hostpool_free_frames(&side->host),
				 side->n_frames);
	}
}

static struct rx_ring_stats stats_of(const struct side *side)
{
	struct rx_ring_stats stats;

	assert_int_equal(rx_ring_get_stats(&side->queue->primary.rx, &stats),
			 0);
	return stats;
}

/* @number goes in by the wire and is read, without giving the entry or the
 * frame back. Returns its address in the arena. */
static uint64_t receive(struct bench *bench, uint32_t which, uint32_t number)
{
	struct side *side = &bench->sides[which];
	struct rx_ring *rx = &side->queue->primary.rx;
	uint8_t data[LEN] = {
		[12] = ETHERTYPE >> 8, [13] = ETHERTYPE & 0xff, [14] = (uint8_t)which
	};
	uint64_t end = now_ns() + WAIT_NS, addr;
	const struct xdp_desc *desc;
	uint32_t pos, frame;

	memcpy(data + 16, &number, 4);
	assert_int_equal(send(packet_fds[which], data, LEN, 0), LEN);
	while (!rx_ring_ready(rx))
		if (now_ns() > end)
			fail_msg("%s: nothing was received", names[which]);
	assert_int_equal(xsk_ring_cons__peek(&rx->ring, 1, &pos), 1);
	desc = xsk_ring_cons__rx_desc(&rx->ring, pos);
	addr = umem_arena_addr(&side->queue->umem, desc->addr);
	assert_int_equal(desc->len, LEN);
	assert_memory_equal(arena_data(&bench->arena, addr), data, LEN);
	frame = arena_frame(&bench->arena, addr);
	assert_int_equal(arena_region_of(frame), side->region);
	assert_int_equal(arena_where(&bench->arena, frame),
			 FRAME_QUEUE << 12 | which);
	queue_release(side->queue, &side->queue->primary, 1);
	return addr;
}

static void send_packet(struct bench *bench, uint32_t which, uint64_t addr)
{
	struct side *side = &bench->sides[which];
	uint64_t packet = packet_pack(addr, LEN);

	packet_move(&bench->arena, packet, FRAME_OUT, side->port->slot);
	count_add(&side->port->account[0].charged, 1);
	assert_int_equal(queue_send(side->queue, &packet, 1), 1);
	queue_kick(side->queue);
}

static void expect_packet(uint32_t which, uint32_t number)
{
	struct pollfd poll_fd = { .fd = packet_fds[which], .events = POLLIN };
	uint8_t data[256];

	assert_int_equal(poll(&poll_fd, 1, WAIT_NS / NS_PER_MS), 1);
	assert_int_equal(recv(packet_fds[which], data, sizeof(data), 0), LEN);
	assert_memory_equal(data + 16, &number, 4);
}

static void reap(struct bench *bench, uint32_t which)
{
	struct side *side = &bench->sides[which];
	uint64_t end = now_ns() + WAIT_NS;

	/* Again by the other region's cache. */
	while (!queue_reap(side->queue, &bench->arena,
			   &bench->sides[!which].cache))
		if (now_ns() > end)
			fail_msg("%s: nothing was completed", names[which]);
}

/* More often than there are frames: each is posted, received, sent, completed
 * and free again in its own region. */
static void test_own_memory(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	assert_true(umem_holds(&bench.sides[SHARED].queue->umem, 0));
	assert_int_equal(bench.sides[SHARED].queue->umem.offset, 0);
	assert_false(umem_holds(&bench.sides[ISOLATED].queue->umem, 0));
	for (uint32_t i = 0; i < 2 * N_SHARED; i++) {
		uint32_t which = i % N_SIDES;
		struct side *side = &bench.sides[which];
		uint64_t addr = receive(&bench, which, i);

		assert_true(umem_holds(&side->queue->umem, addr));
		assert_false(
			umem_holds(&bench.sides[!which].queue->umem, addr));
		send_packet(&bench, which, addr);
		expect_packet(which, i);
		reap(&bench, which);
		queue_refill(side->queue, &bench.arena, &side->cache);
		assert_int_equal(side->queue->outstanding, N_POSTED);
		assert_frames(&bench);
	}
	bench_done(&bench);
}

/* What is not of the queue's region does not leave by it: the kernel refuses
 * it. The frame comes back as completed (6.18) or is found when the queue is
 * closed. */
static void test_foreign_memory(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	for (uint32_t which = 0; which < N_SIDES; which++) {
		struct side *side = &bench.sides[which];
		uint64_t addr = receive(&bench, !which, 77);
		struct pollfd poll_fd = { .fd = packet_fds[which],
					  .events = POLLIN };

		assert_int_equal(stats_of(side).tx_invalid, 0);
		send_packet(&bench, which, addr);
		assert_int_equal(stats_of(side).tx_invalid, 1);
		assert_int_equal(poll(&poll_fd, 1, 100), 0);
		assert_int_equal(arena_where(&bench.arena,
					     arena_frame(&bench.arena, addr)),
				 FRAME_OUT << 12 | side->port->slot);
		queue_reap(side->queue, &bench.arena, &side->cache);
		/* The next one does. */
		addr = receive(&bench, which, 78);
		send_packet(&bench, which, addr);
		expect_packet(which, 78);
		reap(&bench, which);
		close_queue(&bench, which, side->queue->n_out);
		assert_frames(&bench);
		open_queue(&bench, which, 0);
	}
	bench_done(&bench);
}

/* The arena loses its end, and grows beyond what it was, under queues that are
 * opened anew each time. */
static void test_resize(void **state)
{
	const uint32_t sizes[] = { 300, 1500, 200, 3000 };
	struct side *side;
	struct bench bench;

	(void)state;
	bench_init(&bench);
	side = &bench.sides[SHARED];
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t n = sizes[i];
		uint64_t addr;

		if (n < side->n_frames) {
			hostpool_withdraw(&side->host, n);
			frame_cache_trim(&side->cache);
			hostpool_withdraw(&side->host, n);
			close_queue(&bench, SHARED, 0);
			assert_int_equal(hostpool_withdrawn(&side->host),
					 side->n_frames - n);
			open_queue(&bench, SHARED, n);
			assert_false(umem_holds(&side->queue->umem,
						arena_addr(&bench.arena, n)));
			assert_int_equal(arena_resize(&bench.arena, n), 0);
			hostpool_cut(&side->host);
		} else {
			assert_int_equal(arena_resize(&bench.arena, n), 0);
			close_queue(&bench, SHARED, 0);
			open_queue(&bench, SHARED, 0);
			hostpool_grow(&side->host);
		}
		side->n_frames = n;
		for (uint32_t k = 0; k < 200; k++) {
			addr = receive(&bench, SHARED, k);
			assert_true(umem_holds(&side->queue->umem, addr));
			send_packet(&bench, SHARED, addr);
			expect_packet(SHARED, k);
			reap(&bench, SHARED);
			queue_refill(side->queue, &bench.arena, &side->cache);
		}
		assert_int_equal(stats_of(side).tx_invalid, 0);
		addr = receive(&bench, ISOLATED, i);
		frame_cache_put(&side->cache, arena_frame(&bench.arena, addr));
		queue_refill(bench.sides[ISOLATED].queue, &bench.arena,
			     &side->cache);
	}
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_memory),
		cmocka_unit_test(test_foreign_memory),
		cmocka_unit_test(test_resize),
	};
	const char *why = lab_begin();

	if (!why) {
		packet_fds[SHARED] = lab_pair("s0", "s1");
		packet_fds[ISOLATED] = lab_pair("i0", "i1");
		if (packet_fds[SHARED] < 0 || packet_fds[ISOLATED] < 0)
			why = "no XDP on veth";
	}
	if (why) {
		puts(why);
		return EXIT_SKIP;
	}
	return cmocka_run_group_tests_name("umem_regions", tests, NULL, NULL);
}
