// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Queues and receive rings with the kernel behind them: AF_XDP sockets in copy
 * mode on one end of a veth pair (xsk_lab.h), u0; the packet socket is on u1.
 */
#include <poll.h>

#include "ports/queue.h"
#include "xsk_lab.h"

#define N_FRAMES    4096
#define WAIT_NS	    (60 * NS_PER_SEC)
#define KEY_PRIMARY 1
#define KEY_SHARE   2

static int packet_fd;

/* ---- the bench ---- */

struct bench {
	struct arena arena;
	struct hostpool host;
	struct frame_cache cache;
	struct port *port;
	struct queue *queue;
};

static void open_queue(struct bench *bench, uint32_t rx_size)
{
	struct queue_opts opts = {
		.id = 7,
		.rx_size = rx_size,
		.base = 512,
		.fill_max = N_FRAMES,
		.out_max = 256,
		.copy = UMEM_COPY_AUTO,
	};

	queue_wait_for(bench->port, QUEUE_WAIT_NS);
	assert_int_equal(queue_open(&bench->arena, bench->port, &opts,
				    &bench->queue),
			 0);
	queue_refill(bench->queue, &bench->arena, &bench->cache);
}

static void bench_init(struct bench *bench, uint32_t rx_size)
{
	memset(bench, 0, sizeof(*bench));
	assert_int_equal(arena_init(&bench->arena, N_FRAMES, 2048,
				    ARENA_PAGES_SMALL),
			 0);
	assert_int_equal(hostpool_init(&bench->host, &bench->arena, 0, 1), 0);
	frame_cache_init(&bench->cache, &bench->host, 0);
	bench->port = aligned_alloc(CACHE_LINE, sizeof(*bench->port));
	memset(bench->port, 0, sizeof(*bench->port));
	bench->port->slot = 3;
	strcpy(bench->port->ifname, "u0");
	open_queue(bench, rx_size);
}

static void assert_places(const struct bench *bench, uint32_t queue,
			  uint32_t out)
{
	uint32_t count[FRAME_N_PLACES];

	arena_count(&bench->arena, count);
	assert_int_equal(count[FRAME_QUEUE], queue);
	assert_int_equal(count[FRAME_OUT], out);
	assert_int_equal(count[FRAME_CACHE], bench->cache.n);
	assert_int_equal(count[FRAME_HOST], hostpool_free_frames(&bench->host));
	assert_int_equal(count[FRAME_HOST] + count[FRAME_CACHE] + queue + out,
			 N_FRAMES);
}

static void close_queue(struct bench *bench, uint32_t out)
{
	uint32_t held = bench->queue->outstanding;

	assert_places(bench, held, out);
	queue_close(bench->queue);
	bench->queue = NULL;
	assert_int_equal(queue_reclaim(&bench->arena, &bench->cache,
				       FRAME_QUEUE, 7),
			 held);
	assert_int_equal(
		queue_reclaim(&bench->arena, &bench->cache, FRAME_OUT, 3), out);
	assert_places(bench, 0, 0);
}

static void bench_done(struct bench *bench)
{
	if (bench->queue)
		close_queue(bench, 0);
	frame_cache_done(&bench->cache);
	assert_int_equal(hostpool_free_frames(&bench->host), N_FRAMES);
	hostpool_done(&bench->host);
	arena_done(&bench->arena);
	free(bench->port);
}

static void map_set(uint32_t key, const struct rx_ring *rx)
{
	assert_int_equal(bpf_map_update_elem(map_fd, &key, &rx->fd, BPF_ANY),
			 0);
}

static uint64_t ring_full(const struct rx_ring *rx)
{
	struct rx_ring_stats stats;

	assert_int_equal(rx_ring_get_stats(rx, &stats), 0);
	return stats.rx_ring_full;
}

static uint32_t produced(const struct rx_ring *rx)
{
	return __atomic_load_n(rx->ring.producer, __ATOMIC_ACQUIRE);
}

/* Sends frames number @first and up, in steps that veth's ring of 256 holds,
 * and waits until the kernel has placed or refused each. Returns how many it
 * has placed. */
static uint32_t send_frames(const struct rx_ring *rx, uint8_t key,
			    uint32_t first, uint32_t n)
{
	uint64_t full = ring_full(rx);
	uint32_t placed = produced(rx), sent = 0;

	while (sent < n) {
		uint32_t step = n - sent < 64 ? n - sent : 64;
		uint64_t end = now_ns() + WAIT_NS;

		for (uint32_t i = 0; i < step; i++, sent++) {
			uint8_t data[LEN] = { [12] = ETHERTYPE >> 8,
					      [13] = ETHERTYPE & 0xff,
					      [14] = key };
			uint32_t number = first + sent;

			memcpy(data + 16, &number, 4);
			assert_int_equal(send(packet_fd, data, LEN, 0), LEN);
		}
		while (produced(rx) - placed + (ring_full(rx) - full) < sent)
			if (now_ns() > end)
				fail_msg("%u sent, %u placed, %u refused", sent,
					 produced(rx) - placed,
					 (uint32_t)(ring_full(rx) - full));
		assert_int_equal(produced(rx) - placed + (ring_full(rx) - full),
				 sent);
	}
	return produced(rx) - placed;
}

/* Reads up to @n packets of @share and gives their entries and frames back.
 * Their numbers go to @ret. Returns how many. */
static uint32_t read_frames(struct bench *bench, struct share *share,
			    uint32_t n, uint32_t *ret)
{
	uint32_t before = *share->rx.ring.consumer, pos, got;

	got = xsk_ring_cons__peek(&share->rx.ring, n, &pos);
	for (uint32_t i = 0; i < got; i++) {
		const struct xdp_desc *desc =
			xsk_ring_cons__rx_desc(&share->rx.ring, pos + i);
		uint32_t frame = arena_frame(&bench->arena, desc->addr);
		uint16_t entry = arena_where(&bench->arena, frame);

		assert_int_equal(desc->len, LEN);
		assert_int_equal(desc->addr % 2048, UMEM_HEADROOM);
		/* Nobody else's, and not read before. */
		assert_int_equal(frame_place(entry), FRAME_QUEUE);
		memcpy(&ret[i],
		       (uint8_t *)arena_data(&bench->arena, desc->addr) + 16,
		       4);
		frame_cache_put(&bench->cache, frame);
	}
	queue_release(bench->queue, share, got);
	/* The consumer index never goes back. */
	assert_true(*share->rx.ring.consumer - before <= got);
	queue_refill(bench->queue, &bench->arena, &bench->cache);
	return got;
}

static struct share *add_share(struct bench *bench, uint32_t size)
{
	struct share *share;

	assert_int_equal(share_open(bench->queue, bench->port, size, NULL,
				    &share),
			 0);
	share->limit = size;
	assert_int_equal(queue_attach_share(bench->queue, share), 0);
	queue_refill(bench->queue, &bench->arena, &bench->cache);
	map_set(KEY_SHARE, &share->rx);
	return share;
}

static void del_share(struct bench *bench, struct share *share)
{
	uint32_t key = KEY_SHARE;

	bpf_map_delete_elem(map_fd, &key);
	queue_detach_share(bench->queue, share, &bench->cache);
	share_close(share);
	queue_refill(bench->queue, &bench->arena, &bench->cache);
}

/* ---- receiving ---- */

static void test_modes(void **state)
{
	struct umem_sizes sizes = { 64, 64, 64, 64, 0 };
	uint64_t end = now_ns() + WAIT_NS;
	struct bench bench;
	struct rx_ring rx;
	struct umem umem;
	int err;

	(void)state;
	bench_init(&bench, 64);
	assert_false(bench.queue->umem.zero_copy);
	assert_string_equal(bench.queue->umem.why,
			    "the driver has no zero-copy");
	/* Taken, and then given back. */
	assert_int_equal(umem_open(&umem, &rx, &bench.arena, 0, "u0", 0, &sizes,
				   UMEM_COPY_COPY),
			 -EBUSY);
	assert_int_equal(umem_open(&umem, &rx, &bench.arena, 0, "u0", 0, &sizes,
				   UMEM_COPY_AUTO),
			 -EBUSY);
	assert_string_equal(umem.why, "");
	close_queue(&bench, 0);
	do
		err = umem_open(&umem, &rx, &bench.arena, 0, "u0", 0, &sizes,
				UMEM_COPY_ZERO);
	while (err == -EBUSY && now_ns() < end);
	assert_int_equal(err, -EOPNOTSUPP);
	assert_true(umem_open(&umem, &rx, &bench.arena, 0, "u0", 1, &sizes,
			      UMEM_COPY_COPY) < 0);
	assert_true(umem_open(&umem, &rx, &bench.arena, 0, "none", 0, &sizes,
			      UMEM_COPY_COPY) < 0);
	open_queue(&bench, 64);
	bench_done(&bench);
}

/* A VM that does not read: its ring's size and not a packet more, from the
 * first packet on, while its neighbour gets all of its own. */
static void test_ring_is_bound(void **state)
{
	uint32_t numbers[256], n = 0;
	struct share *share;
	struct bench bench;

	(void)state;
	bench_init(&bench, 256);
	map_set(KEY_PRIMARY, &bench.queue->primary.rx);
	share = add_share(&bench, 64);
	assert_int_equal(send_frames(&share->rx, KEY_SHARE, 0, 1000), 64);
	assert_int_equal(ring_full(&share->rx), 936);
	assert_int_equal(send_frames(&bench.queue->primary.rx, KEY_PRIMARY, 0,
				     200),
			 200);
	assert_int_equal(read_frames(&bench, share, 256, numbers), 64);
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(numbers[i], i);
	while ((n = read_frames(&bench, &bench.queue->primary, 256, numbers)))
		;
	del_share(&bench, share);
	bench_done(&bench);
}

/* Any number read at any time: what is placed is what the ring has room for,
 * each packet is read once and in order, frames and index are in order. */
static void test_random_reads(void **state)
{
	uint32_t expected[256], head = 0, n_expected = 0, number = 0;
	uint32_t numbers[256], n_refused = 0;
	uint64_t seed = 31;
	struct share *share;
	struct bench bench;

	(void)state;
	bench_init(&bench, 64);
	share = add_share(&bench, 256);
	for (int round = 0; round < 1500; round++) {
		uint32_t n = unit_below(&seed, 100);
		uint32_t room = 256 - n_expected, placed, got;

		placed = send_frames(&share->rx, KEY_SHARE, number, n);
		assert_int_equal(placed, n < room ? n : room);
		n_refused += n - placed;
		for (uint32_t i = 0; i < placed; i++)
			expected[(head + n_expected++) % 256] = number + i;
		number += n;

		got = read_frames(&bench, share, unit_below(&seed, 90),
				  numbers);
		for (uint32_t i = 0; i < got; i++, head++, n_expected--)
			assert_int_equal(numbers[i], expected[head % 256]);
		assert_int_equal(rx_ring_ready(&share->rx), n_expected);
		assert_int_equal(rx_ring_waiting(&share->rx), n_expected);
		assert_places(&bench, bench.queue->outstanding, 0);
		assert_int_equal(bench.queue->outstanding,
				 bench.queue->target);
	}
	assert_true(n_refused > 1000);
	del_share(&bench, share);
	bench_done(&bench);
}

/* With packets in its ring it goes; the frames are all there, and its
 * successor starts whole. */
static void test_shares_come_and_go(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, 64);
	for (uint32_t round = 0; round < 20; round++) {
		struct share *share = add_share(&bench, 64);
		uint32_t n = round * 5;

		assert_int_equal(send_frames(&share->rx, KEY_SHARE, 0, n),
				 n < 64 ? n : 64);
		del_share(&bench, share);
		assert_int_equal(bench.queue->target, 512);
		assert_places(&bench, bench.queue->outstanding, 0);
	}
	bench_done(&bench);
}

/* Closed with packets in the ring and bound again at once, while the kernel
 * is still letting go of the old socket. */
static void test_bind_again(void **state)
{
	uint32_t key = KEY_PRIMARY;
	struct bench bench;

	(void)state;
	bench_init(&bench, 64);
	for (uint32_t round = 0; round < 5; round++) {
		map_set(KEY_PRIMARY, &bench.queue->primary.rx);
		assert_int_equal(send_frames(&bench.queue->primary.rx,
					     KEY_PRIMARY, 0, 50),
				 50);
		bpf_map_delete_elem(map_fd, &key);
		close_queue(&bench, 0);
		open_queue(&bench, 64);
	}
	bench_done(&bench);
}

/* What is prepared while the queue is in use takes its place as often as it has
 * to be tried, and its shares with it; what is not bound leaves no trace. */
static void test_bind_prepared(void **state)
{
	uint32_t numbers[64], key = KEY_SHARE, n;
	struct queue_sockets *sockets, *unused;
	struct share *share;
	struct bench bench;

	(void)state;
	bench_init(&bench, 64);
	share = add_share(&bench, 64);
	for (uint32_t round = 0; round < 4; round++) {
		const uint32_t fill = round % 2 ? 1024 : 2048;

		assert_int_equal(queue_prepare(bench.queue, &bench.arena, 0,
					       fill, &sockets),
				 0);
		assert_int_equal(queue_prepare(bench.queue, &bench.arena, 0, 0,
					       &unused),
				 0);
		queue_sockets_free(unused);
		/* The old ones are untouched. */
		assert_int_equal(send_frames(&share->rx, KEY_SHARE, 0, 20), 20);
		assert_int_equal(read_frames(&bench, share, 64, numbers), 20);
		assert_int_equal(send_frames(&share->rx, KEY_SHARE, 0, 30), 30);

		bpf_map_delete_elem(map_fd, &key);
		queue_unbind(bench.queue, &bench.arena, &bench.cache);
		assert_int_equal(share->rx.fd, -1);
		assert_int_equal(rx_ring_ready(&share->rx), 0);
		assert_places(&bench, 0, 0);
		queue_wait_for(bench.port, QUEUE_WAIT_NS);
		assert_int_equal(queue_bind(bench.queue, sockets), 0);
		assert_int_equal(bench.queue->umem.fill_size,
				 queue_fill_entries(fill));
		map_set(KEY_SHARE, &share->rx);
		queue_refill(bench.queue, &bench.arena, &bench.cache);
		n = send_frames(&share->rx, KEY_SHARE, 100, 50);
		assert_int_equal(n, 50);
		assert_int_equal(read_frames(&bench, share, 64, numbers), 50);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(numbers[i], 100 + i);
		assert_places(&bench, bench.queue->outstanding, 0);
	}
	del_share(&bench, share);
	bench_done(&bench);
}

/* Somebody else has it, for longer than one waits. */
static void test_bind_in_vain(void **state)
{
	struct umem_sizes sizes = { 64, 64, 64, 64, 0 };
	struct queue_sockets *sockets;
	uint64_t end = now_ns() + WAIT_NS;
	struct bench bench;
	struct rx_ring rx;
	struct umem umem;
	int err;

	(void)state;
	bench_init(&bench, 64);
	assert_int_equal(queue_prepare(bench.queue, &bench.arena, 0, 0,
				       &sockets),
			 0);
	assert_int_equal(umem_prepare(&umem, &rx, &bench.arena, 0, &sizes), 0);
	assert_int_equal(umem_bind(&umem, &rx, "none", 0, UMEM_COPY_COPY),
			 -ENODEV);
	assert_int_equal(umem_bind(&umem, &rx, "u0", 0, UMEM_COPY_AUTO),
			 -EBUSY);
	queue_unbind(bench.queue, &bench.arena, &bench.cache);
	do
		err = umem_bind(&umem, &rx, "u0", 0, UMEM_COPY_AUTO);
	while (err == -EBUSY && now_ns() < end);
	assert_int_equal(err, 0);
	assert_string_equal(umem.why, "the driver has no zero-copy");
	queue_wait_for(bench.port, 20 * NS_PER_MS);
	assert_int_equal(queue_bind(bench.queue, sockets), -EBUSY);
	assert_int_equal(bench.queue->primary.rx.fd, -1);
	umem_close(&umem, &rx);
	bench_done(&bench);
}

/* ---- sending ---- */

static void make_packets(struct bench *bench, uint64_t *packets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t frame = frame_cache_get(&bench->cache);
		uint64_t addr = arena_addr(&bench->arena, frame) + 100;
		uint8_t *data = arena_data(&bench->arena, addr);

		memset(data, 0, LEN);
		memset(data, 0xff, 6);
		data[12] = ETHERTYPE >> 8;
		data[13] = ETHERTYPE & 0xff;
		memcpy(data + 16, &i, 4);
		packets[i] = packet_pack(addr, LEN);
		arena_move(&bench->arena, frame, FRAME_OUT, 3);
	}
	count_add(&bench->port->account[0].charged, n);
}

static void receive_numbers(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct pollfd poll_fd = { .fd = packet_fd, .events = POLLIN };
		uint8_t data[256];
		uint32_t number;

		assert_int_equal(poll(&poll_fd, 1, WAIT_NS / NS_PER_MS), 1);
		assert_int_equal(recv(packet_fd, data, sizeof(data), 0), LEN);
		memcpy(&number, data + 16, 4);
		assert_int_equal(number, i);
	}
}

static void reap_all(struct bench *bench)
{
	uint64_t end = now_ns() + WAIT_NS;

	while (bench->queue->n_out) {
		queue_reap(bench->queue, &bench->arena, &bench->cache);
		if (now_ns() > end)
			fail_msg("%u not completed", bench->queue->n_out);
	}
}

static void test_send(void **state)
{
	uint64_t packets[200];
	struct bench bench;

	(void)state;
	bench_init(&bench, 64);
	for (int round = 0; round < 5; round++) {
		make_packets(&bench, packets, 200);
		assert_int_equal(queue_send(bench.queue, packets, 200), 200);
		assert_true(queue_has_unsent(bench.queue));
		assert_int_equal(queue_kick(bench.queue), 0);
		assert_false(queue_has_unsent(bench.queue));
		receive_numbers(200);
		reap_all(&bench);
		assert_int_equal(port_out_frames(bench.port, 1), 0);
		assert_places(&bench, 512, 0);
	}
	bench_done(&bench);
}

/* The device is down: packets stay on the ring, the worker is not held up; and
 * when the queue is closed every frame on its way out is found. */
static void test_send_down(void **state)
{
	struct link_info info;
	uint64_t packets[200];
	struct bench bench;

	(void)state;
	bench_init(&bench, 64);
	assert_int_equal(link_get("u0", &info), 0);
	make_packets(&bench, packets, 200);
	assert_int_equal(link_set_flags(info.ifindex, 0, IFF_UP), 0);
	assert_int_equal(queue_send(bench.queue, packets, 200), 200);
	queue_kick(bench.queue);
	assert_true(queue_has_unsent(bench.queue));
	assert_int_equal(queue_reap(bench.queue, &bench.arena, &bench.cache),
			 0);
	close_queue(&bench, 200);
	assert_int_equal(link_set_flags(info.ifindex, IFF_UP, IFF_UP), 0);
	open_queue(&bench, 64);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_ring_is_bound),
		cmocka_unit_test(test_random_reads),
		cmocka_unit_test(test_shares_come_and_go),
		cmocka_unit_test(test_bind_again),
		cmocka_unit_test(test_bind_prepared),
		cmocka_unit_test(test_bind_in_vain),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_send_down),
	};
	const char *why = lab_begin();

	if (!why) {
		packet_fd = lab_pair("u0", "u1");
		if (packet_fd < 0)
			why = "no XDP on veth";
	}
	if (why) {
		puts(why);
		return EXIT_SKIP;
	}
	return cmocka_run_group_tests_name("umem", tests, NULL, NULL);
}
