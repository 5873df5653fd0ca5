// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames taken off a fill ring, with the kernel behind it (xsk_lab.h), while
 * another thread sends as fast as it can, or in bursts:
 *
 *	r1: sender ==veth== r0: queue, native XDP
 *	g1: sender ==veth== g0: queue, generic XDP
 *	    sender ==tap=== t0: queue
 *
 * Each packet is filled with its number, each frame that came back with a
 * pattern that nobody may write over.
 */
#include <inttypes.h>

#include "ports/datapath.h"
#include "ports/recall.h"
#include "xsk_lab.h"

#define N_FRAMES  8192
#define FILL_MAX  2048
#define ID	  7
#define WAIT_NS	  (60 * NS_PER_SEC)
#define PACKET	  256
#define POISON	  0xa5
#define N_RECALLS (UNIT_SLOW ? 80 : 200)

enum { NATIVE, GENERIC, TAP, N_SIDES };

static const char *const names[N_SIDES] = { "r0", "g0", "t0" };
static int send_fds[N_SIDES];
static uint32_t n_recalls = N_RECALLS;

/* What the sender does. */
struct sender {
	int fd;
	uint8_t key;
	bool stop;	 /* A */
	uint32_t burst;	 /* A: packets at a time; 0: none at all */
	uint32_t now;	 /* A: what it sends at the moment */
	uint64_t n_sent; /* A */
	uint64_t n_failed;
};

struct bench {
	struct arena arena;
	struct hostpool host;
	struct frame_cache cache;
	struct port *port;
	struct queue *queue;
	struct promises promises;
	struct sender sender;
	pthread_t thread;
	uint32_t last; /* number received */
	uint64_t n_received;
	uint8_t poisoned[N_FRAMES];
	uint64_t seed;
	/* how recalls ended */
	uint32_t n_recalls, n_unread, n_raced, n_doubts;
	uint64_t n_back, n_read_anyhow;
};

/* ---- sender ---- */

static void make_packet(uint8_t *data, uint8_t key, uint32_t number)
{
	memset(data, 0, 16);
	data[12] = ETHERTYPE >> 8;
	data[13] = ETHERTYPE & 0xff;
	data[14] = key;
	for (uint32_t i = 16; i < PACKET; i += 4)
		memcpy(data + i, &number, 4);
}

static void *send_all(void *arg)
{
	struct sender *sender = arg;
	uint8_t data[PACKET];
	uint32_t number = 0;

	while (!__atomic_load_n(&sender->stop, __ATOMIC_RELAXED)) {
		uint32_t n = __atomic_load_n(&sender->burst, __ATOMIC_ACQUIRE);

		__atomic_store_n(&sender->now, n, __ATOMIC_RELEASE);
		for (uint32_t i = 0; i < n; i++) {
			make_packet(data, sender->key, ++number);
			if (write(sender->fd, data, PACKET) != PACKET) {
				sender->n_failed++;
				number--;
				break;
			}
			__atomic_store_n(&sender->n_sent, number,
					 __ATOMIC_RELEASE);
		}
		if (n < 1000)
			usleep(n ? 50 : 100);
	}
	return NULL;
}

/* ---- bench ---- */

static void open_queue(struct bench *bench, uint32_t rx_size)
{
	struct queue_opts opts = {
		.id = ID,
		.promises = &bench->promises,
		.rx_size = rx_size,
		.base = 64,
		.fill_max = FILL_MAX,
		.out_max = 64,
		.copy = UMEM_COPY_AUTO,
	};
	uint32_t key = bench->sender.key;

	queue_wait_for(bench->port, QUEUE_WAIT_NS);
	assert_int_equal(queue_open(&bench->arena, bench->port, &opts,
				    &bench->queue),
			 0);
	bench->queue->granted = promises_force(&bench->promises, 64);
	queue_refill(bench->queue, &bench->arena, &bench->cache);
	assert_int_equal(bpf_map_update_elem(map_fd, &key,
					     &bench->queue->primary.rx.fd,
					     BPF_ANY),
			 0);
}

static void bench_init(struct bench *bench, uint32_t side, uint32_t rx_size)
{
	memset(bench, 0, sizeof(*bench));
	bench->seed = 41 + side;
	assert_int_equal(arena_init(&bench->arena, N_FRAMES, 2048,
				    ARENA_PAGES_SMALL),
			 0);
	assert_int_equal(hostpool_init(&bench->host, &bench->arena, 0, 1), 0);
	frame_cache_init(&bench->cache, &bench->host, 0);
	bench->promises.spare = N_FRAMES;
	bench->port = aligned_alloc(CACHE_LINE, sizeof(*bench->port));
	memset(bench->port, 0, sizeof(*bench->port));
	bench->port->slot = 3;
	strcpy(bench->port->ifname, names[side]);
	bench->sender.fd = send_fds[side];
	bench->sender.key = (uint8_t)side;
	open_queue(bench, rx_size);
	bench->thread = unit_start(send_all, &bench->sender);
}

static uint32_t consumed(const struct bench *bench)
{
	return __atomic_load_n(bench->queue->umem.fill.consumer,
			       __ATOMIC_ACQUIRE);
}

static struct rx_ring_stats stats_of(const struct bench *bench)
{
	struct rx_ring_stats stats;

	assert_int_equal(rx_ring_get_stats(&bench->queue->primary.rx, &stats),
			 0);
	return stats;
}

static void assert_places(const struct bench *bench)
{
	uint32_t count[FRAME_N_PLACES];

	arena_count(&bench->arena, count);
	assert_int_equal(count[FRAME_QUEUE] + count[FRAME_RECALL],
			 bench->queue->outstanding + bench->queue->in_doubt);
	if (!bench->queue->recall)
		assert_int_equal(count[FRAME_RECALL], 0);
	assert_int_equal(count[FRAME_OUT], 0);
	assert_int_equal(count[FRAME_CACHE], bench->cache.n);
	assert_int_equal(count[FRAME_HOST], hostpool_free_frames(&bench->host));
	assert_int_equal(bench->promises.spare + bench->queue->granted,
			 N_FRAMES);
	assert_true(bench->queue->granted >=
		    bench->queue->outstanding + bench->queue->in_doubt);
}

static void send_at(struct bench *bench, uint32_t burst)
{
	__atomic_store_n(&bench->sender.burst, burst, __ATOMIC_RELEASE);
}

/* ---- worker ---- */

static void look_at_packet(struct bench *bench, const struct xdp_desc *desc)
{
	const uint8_t *data = arena_data(&bench->arena, desc->addr);
	uint32_t frame = arena_frame(&bench->arena, desc->addr), number;
	uint16_t entry = arena_where(&bench->arena, frame);

	assert_true(entry == (FRAME_QUEUE << 12 | ID) ||
		    entry == (FRAME_RECALL << 12 | ID));
	/* The kernel has no frame that came back, and was not posted since. */
	assert_false(bench->poisoned[frame]);
	assert_int_equal(desc->len, PACKET);
	memcpy(&number, data + 16, 4);
	for (uint32_t i = 20; i < PACKET; i += 4)
		assert_memory_equal(data + i, &number, 4);
	/* In order, each once; those for which there was no frame are lost. */
	assert_true(number > bench->last);
	bench->last = number;
	bench->n_received++;
}

/* Reads up to @n packets. Returns how many. */
static uint32_t receive(struct bench *bench, uint32_t n)
{
	struct share *share = &bench->queue->primary;
	uint32_t pos, got;

	got = xsk_ring_cons__peek(&share->rx.ring, n, &pos);
	for (uint32_t i = 0; i < got; i++) {
		const struct xdp_desc *desc =
			xsk_ring_cons__rx_desc(&share->rx.ring, pos + i);

		look_at_packet(bench, desc);
		frame_cache_put(&bench->cache,
				arena_frame(&bench->arena, desc->addr));
	}
	queue_release(bench->queue, share, got);
	return got;
}

/* Packets that have been received, or found no frame or no room. */
static uint64_t n_settled(const struct bench *bench)
{
	struct rx_ring_stats stats = stats_of(bench);

	return bench->n_received + stats.rx_dropped + stats.rx_ring_full;
}

/* Nothing is sent, and nothing is on its way. */
static void fall_silent(struct bench *bench)
{
	uint64_t end = now_ns() + WAIT_NS;

	send_at(bench, 0);
	while (__atomic_load_n(&bench->sender.now, __ATOMIC_ACQUIRE) ||
	       n_settled(bench) != __atomic_load_n(&bench->sender.n_sent,
						   __ATOMIC_ACQUIRE)) {
		receive(bench, BATCH);
		if (now_ns() > end)
			fail_msg("%" PRIu64 " sent, %" PRIu64 " settled",
				 bench->sender.n_sent, n_settled(bench));
	}
}

/* What is posted is the kernel's, pattern or not. */
static void refill(struct bench *bench)
{
	for (uint32_t i = 0; i < N_FRAMES; i++) {
		if (!bench->poisoned[i])
			continue;
		for (uint32_t k = 0; k < PACKET; k++)
			assert_int_equal(((uint8_t *)arena_data(
						 &bench->arena,
						 arena_addr(&bench->arena, i) +
							 UMEM_HEADROOM))[k],
					 POISON);
		bench->poisoned[i] = 0;
	}
	queue_refill(bench->queue, &bench->arena, &bench->cache);
	assert_int_equal(bench->queue->outstanding,
			 max_u32(bench->queue->target,
				 bench->queue->outstanding));
	assert_false(queue_is_short(bench->queue));
	assert_int_equal(bench->queue->n_fill_short, 0);
	queue_settle(bench->queue, &bench->promises);
}

static void set_target(struct bench *bench, uint32_t n)
{
	struct queue *queue = bench->queue;

	if (n > queue->target)
		assert_int_equal(queue_cover(queue, &bench->promises,
					     n - queue->target, false),
				 n - queue->target);
	queue_set_base(queue, n);
	queue_settle(queue, &bench->promises);
}

static void *grace(void *arg)
{
	bool *done = arg;

	datapath_synchronize();
	__atomic_store_n(done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* The worker goes on, and posts, while the other waits. */
static void serve_while(struct bench *bench, bool post)
{
	bool done = false;
	pthread_t thread = unit_start(grace, &done);

	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		receive(bench, BATCH);
		if (post)
			queue_refill(bench->queue, &bench->arena,
				     &bench->cache);
	}
	unit_join(thread);
}

static void poison(struct bench *bench, uint32_t frame)
{
	if (frame_place(arena_where(&bench->arena, frame)) > FRAME_CACHE)
		return;
	memset(arena_data(&bench->arena,
			  arena_addr(&bench->arena, frame) + UMEM_HEADROOM),
	       POISON, PACKET);
	bench->poisoned[frame] = 1;
}

/* Has it finished, and says how. */
static bool finish(struct bench *bench)
{
	struct queue *queue = bench->queue;
	struct recall *recall = queue->recall;
	uint32_t *frames = calloc(recall->n + 1, sizeof(frames[0]));
	uint32_t n = recall->n, n_back = 0;
	uint32_t before = queue->outstanding + queue->in_doubt;

	memcpy(frames, recall->frames, n * sizeof(frames[0]));
	for (uint32_t i = 0; i < n; i++)
		n_back += arena_where(&bench->arena, frames[i]) ==
			  (FRAME_RECALL << 12 | ID);
	recall_look(queue);
	while (recall_finish(queue, &bench->arena, &bench->cache))
		;
	if (!recall->sure) {
		free(frames);
		assert_int_equal(recall_end(queue), 0);
		assert_ptr_equal(queue->recall, n ? recall : NULL);
		return !n;
	}
	assert_int_equal(queue->in_doubt, 0);
	assert_int_equal(before - queue->outstanding, recall->n_back);
	assert_true(recall->n_back <= n_back);
	bench->n_back += recall->n_back;
	bench->n_read_anyhow += n - recall->n_back;
	bench->n_recalls++;
	if (recall->n_back == n)
		bench->n_unread++;
	else
		bench->n_raced++;
	recall_end(queue);
	assert_null(queue->recall);
	for (uint32_t i = 0; i < n; i++)
		poison(bench, frames[i]);
	free(frames);
	return true;
}

/* Down to @posted frames on the queue. False: in doubt. */
static bool recall_to(struct bench *bench, uint32_t posted, bool post)
{
	uint32_t n = recall_possible(bench->queue, posted);

	if (!n)
		return true;
	assert_int_equal(recall_start(bench->queue, n), 0);
	assert_int_equal(recall_possible(bench->queue, posted), 0);
	while (recall_begin(bench->queue, posted, &bench->arena))
		;
	assert_places(bench);
	serve_while(bench, post);
	return finish(bench);
}

static void bench_done(struct bench *bench)
{
	struct rx_ring_stats stats;
	uint64_t n_sent;

	fall_silent(bench);
	__atomic_store_n(&bench->sender.stop, true, __ATOMIC_RELAXED);
	unit_join(bench->thread);
	n_sent = bench->sender.n_sent;
	stats = stats_of(bench);
	assert_places(bench);
	printf("%s: %u recalls: %u of frames that nobody had read, %u raced; %" PRIu64
	       " frames back, %" PRIu64
	       " received all the same; %u times in doubt; %" PRIu64
	       " packets sent, %" PRIu64 " received, %" PRIu64
	       " without a frame, %" PRIu64 " without room\n",
	       bench->port->ifname, bench->n_recalls, bench->n_unread,
	       bench->n_raced, bench->n_back, bench->n_read_anyhow,
	       bench->n_doubts, n_sent, bench->n_received,
	       (uint64_t)stats.rx_dropped, (uint64_t)stats.rx_ring_full);
	promises_give(&bench->promises, bench->queue->granted);
	queue_close(bench->queue);
	queue_reclaim(&bench->arena, &bench->cache, FRAME_QUEUE, ID);
	frame_cache_done(&bench->cache);
	assert_int_equal(hostpool_free_frames(&bench->host), N_FRAMES);
	assert_int_equal(bench->promises.spare, N_FRAMES);
	hostpool_done(&bench->host);
	arena_done(&bench->arena);
	free(bench->port);
}

/* ---- tests ---- */

/* A queue that is silent: all but what is to stay comes back at once, the
 * promises with it; a burst then has just these, and what is posted after
 * it, up to all the rings were made for. */
static void test_silent(uint32_t side)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	uint64_t slowest = 0;

	bench_init(bench, side, FILL_MAX);
	for (int round = 0; round < 20; round++) {
		uint64_t end = now_ns() + WAIT_NS, begin, received, dropped;
		uint32_t n = 1 + unit_below(&bench->seed, 100), cons;

		set_target(bench, FILL_MAX);
		refill(bench);
		set_target(bench, n);
		cons = consumed(bench);
		begin = now_ns();
		assert_true(recall_to(bench, n, false));
		if (now_ns() - begin > slowest)
			slowest = now_ns() - begin;
		assert_int_equal(consumed(bench), cons);
		assert_int_equal(bench->queue->outstanding, n);
		assert_int_equal(bench->queue->granted, n);
		assert_places(bench);
		/* There is nothing left to take, nor could all go. */
		assert_true(recall_to(bench, 0, false));
		assert_int_equal(bench->queue->outstanding, 1);
		/* The ring holds what it was made for, besides the dead. */
		refill(bench);
		assert_int_equal(bench->queue->outstanding, n);
		received = bench->n_received;
		dropped = stats_of(bench).rx_dropped;
		send_at(bench, 30);
		while (stats_of(bench).rx_dropped == dropped)
			if (now_ns() > end)
				fail_msg("the burst does not come to its end");
		assert_int_equal(rx_ring_ready(&bench->queue->primary.rx), n);
		fall_silent(bench);
		assert_int_equal(bench->n_received, received + n);
	}
	printf("%s: the slowest of 20 took %" PRIu64 " us\n", names[side],
	       slowest / 1000);
	bench_done(bench);
	free(bench);
}

/* Waits until the kernel has taken @n packets more, or refused them. */
static void send_more(struct bench *bench, uint64_t n)
{
	uint64_t end = now_ns() + WAIT_NS;
	uint64_t until = bench->sender.n_sent + n;
	const struct rx_ring *rx = &bench->queue->primary.rx;
	struct rx_ring_stats stats;

	send_at(bench, 3);
	do {
		stats = stats_of(bench);
		if (now_ns() > end)
			fail_msg("%" PRIu64 " packets are not sent", n);
	} while (bench->n_received + rx_ring_waiting(rx) + stats.rx_dropped +
			 stats.rx_ring_full <
		 until);
	send_at(bench, 0);
	while (__atomic_load_n(&bench->sender.now, __ATOMIC_ACQUIRE))
		;
}

/* As if the kernel had read the first @n entries before they were overwritten:
 * it finds them as they were, and the rest dead. */
static void put_back(struct bench *bench, uint32_t n)
{
	struct queue *queue = bench->queue;
	const struct recall *recall = queue->recall;

	for (uint32_t i = 0; i < n; i++)
		__atomic_store_n(
			(uint64_t *)xsk_ring_prod__fill_addr(&queue->umem.fill,
							     recall->first + i),
			umem_ring_addr(
				&queue->umem,
				arena_addr(&bench->arena,
					   recall->frames[recall->n - 1 - i])),
			__ATOMIC_SEQ_CST);
}

/* The kernel has read ahead, into what is being taken: what it has read is
 * received, the rest comes back. */
static void test_read_ahead(uint32_t side)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench_init(bench, side, FILL_MAX);
	for (uint32_t round = 0; round < 30; round++) {
		uint32_t low = 1 + unit_below(&bench->seed, 40);
		uint32_t ahead = unit_below(&bench->seed, 40), n;
		uint64_t received = bench->n_received, back = bench->n_back;

		set_target(bench, FILL_MAX);
		refill(bench);
		set_target(bench, low);
		n = FILL_MAX - low;
		assert_int_equal(recall_start(bench->queue, n), 0);
		while (recall_begin(bench->queue, low, &bench->arena))
			;
		assert_int_equal(bench->queue->recall->n, n);
		put_back(bench, ahead);
		send_more(bench, 100);
		/* Some are read before, some are found in the ring. */
		receive(bench, unit_below(&bench->seed, low + ahead));
		datapath_synchronize();
		assert_true(finish(bench));
		assert_int_equal(bench->n_back - back, n - ahead);
		fall_silent(bench);
		assert_int_equal(bench->n_received - received, low + ahead);
		assert_int_equal(bench->queue->outstanding, 0);
		assert_places(bench);
	}
	bench_done(bench);
	free(bench);
}

/* The same, and then its receive ring is full: one of the frames is still the
 * kernel's, for the next packet. Nothing says which one. */
static void test_kept(uint32_t side)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	const uint32_t size = 64;

	bench_init(bench, side, size);
	for (uint32_t round = 0; round < 30; round++) {
		uint32_t low = 1 + unit_below(&bench->seed, size - 1), n;
		uint64_t back = bench->n_back;

		set_target(bench, FILL_MAX);
		refill(bench);
		set_target(bench, low);
		n = FILL_MAX - low;
		assert_int_equal(recall_start(bench->queue, n), 0);
		while (recall_begin(bench->queue, low, &bench->arena))
			;
		/* All that the ring holds, and the one it refuses. */
		put_back(bench, size + 1 - low);
		send_more(bench, 2 * size);
		assert_true(stats_of(bench).rx_ring_full > 0);
		datapath_synchronize();
		for (int i = 0; i < 3; i++) {
			assert_false(finish(bench));
			assert_places(bench);
		}
		assert_int_equal(bench->n_back, back);
		/* The queue goes on meanwhile: what it has received can be
		 * read, and as much is posted. */
		assert_int_equal(receive(bench, 2 * size), size);
		assert_int_equal(bench->queue->outstanding, 0);
		queue_refill(bench->queue, &bench->arena, &bench->cache);
		assert_int_equal(bench->queue->outstanding, low);
		assert_false(finish(bench));
		/* Now the next packet has it. */
		send_more(bench, 1);
		datapath_synchronize();
		assert_true(finish(bench));
		assert_int_equal(bench->n_back - back, n - (size - low) - 1);
		receive(bench, size);
		fall_silent(bench);
		assert_places(bench);
		bench->n_doubts++;
	}
	memset(bench->poisoned, 0, sizeof(bench->poisoned));
	bench_done(bench);
	free(bench);
}

/* At any moment, whatever is sent meanwhile, from a random number of frames to
 * another. */
static void test_traffic(uint32_t side, bool post)
{
	static const uint32_t bursts[] = { 0, 3, 30, 1000 };
	struct bench *bench = calloc(1, sizeof(*bench));

	bench_init(bench, side, FILL_MAX);
	for (int i = 0; i < (int)n_recalls; i++) {
		uint32_t low = 1 + unit_below(&bench->seed, 64);
		uint32_t more = unit_below(&bench->seed, 2) ? 16
							    : FILL_MAX - low;
		uint64_t end;

		/* A few are where the kernel reads. */
		set_target(bench, low + unit_below(&bench->seed, more));
		refill(bench);
		send_at(bench, bursts[unit_below(&bench->seed, 4)]);
		end = now_ns() + unit_below(&bench->seed, 2000) * 1000;
		while (now_ns() < end)
			if (receive(bench, BATCH))
				refill(bench);
		set_target(bench, low);
		/* The ring may hold dead entries of the last time still. */
		assert_true(recall_to(bench, low, post));
		assert_places(bench);
		/* What came back stays as it is, while the others arrive. */
		end = now_ns() + unit_below(&bench->seed, 500) * 1000;
		while (now_ns() < end && !post)
			receive(bench, BATCH);
		if (post)
			memset(bench->poisoned, 0, sizeof(bench->poisoned));
	}
	assert_true(bench->n_unread > 0);
	assert_int_equal(stats_of(bench).rx_ring_full, 0);
	bench_done(bench);
	free(bench);
}

/* A receive ring that is smaller than what is posted refuses packets, whose
 * frame the kernel keeps: nothing is taken until that is certain not to be one of
 * them. */
static void test_refusals(uint32_t side)
{
	static const uint32_t bursts[] = { 0, 3, 30, 1000 };
	struct bench *bench = calloc(1, sizeof(*bench));

	bench_init(bench, side, 64);
	for (int i = 0; i < (int)n_recalls; i++) {
		uint32_t low = 1 + unit_below(&bench->seed, 4);
		uint32_t more = unit_below(&bench->seed, 2) ? 16
							    : FILL_MAX - low;
		uint32_t n_tries = 0;
		bool over;

		set_target(bench, low + unit_below(&bench->seed, more));
		refill(bench);
		send_at(bench, bursts[unit_below(&bench->seed, 4)]);
		if (unit_below(&bench->seed, 2))
			usleep(unit_below(&bench->seed, 500));
		receive(bench, unit_below(&bench->seed, 64));
		set_target(bench, low);
		over = recall_to(bench, low, false);
		bench->n_doubts += !over;
		while (!over) {
			/* Slowly: nothing more is refused. */
			if (++n_tries > 2)
				send_at(bench, 3);
			assert_true(n_tries < 1000);
			queue_refill(bench->queue, &bench->arena,
				     &bench->cache);
			serve_while(bench, true);
			over = finish(bench);
		}
		assert_places(bench);
	}
	memset(bench->poisoned, 0, sizeof(bench->poisoned));
	bench_done(bench);
	free(bench);
}

#define BY_SIDES(name, call)                     \
	static void name##_native(void **state)  \
	{                                        \
		const uint32_t side = NATIVE;    \
                                                 \
		(void)state;                     \
		call;                            \
	}                                        \
	static void name##_generic(void **state) \
	{                                        \
		const uint32_t side = GENERIC;   \
                                                 \
		(void)state;                     \
		call;                            \
	}                                        \
	static void name##_tap(void **state)     \
	{                                        \
		const uint32_t side = TAP;       \
                                                 \
		(void)state;                     \
		call;                            \
	}

BY_SIDES(silent, test_silent(side))
BY_SIDES(read_ahead, test_read_ahead(side))
BY_SIDES(kept, test_kept(side))
BY_SIDES(traffic, test_traffic(side, false))
BY_SIDES(posting, test_traffic(side, true))
BY_SIDES(refusals, test_refusals(side))

#define ON_SIDES(name)                                                     \
	cmocka_unit_test(name##_native), cmocka_unit_test(name##_generic), \
		cmocka_unit_test(name##_tap)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_SIDES(silent),  ON_SIDES(read_ahead), ON_SIDES(kept),
		ON_SIDES(traffic), ON_SIDES(posting),	 ON_SIDES(refusals),
	};
	const char *why = lab_begin();

	/* For a longer run. */
	if (getenv("RECALLS"))
		n_recalls = (uint32_t)atoi(getenv("RECALLS"));
	if (!why) {
		send_fds[NATIVE] = lab_pair("r0", "r1");
		send_fds[GENERIC] = lab_pair_by("g0", "g1", XDP_FLAGS_SKB_MODE);
		send_fds[TAP] = lab_tap("t0");
		for (uint32_t i = 0; i < N_SIDES; i++)
			if (send_fds[i] < 0)
				why = "no XDP on veth or tap";
	}
	if (why) {
		puts(why);
		return EXIT_SKIP;
	}
	return cmocka_run_group_tests_name("recall", tests, NULL, NULL);
}
