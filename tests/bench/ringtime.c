// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a packet costs in a ring between workers, many producers and one
 * consumer: memory/mpsc.h in batches, and one by one; Vyukov's ring, which it
 * was before; Concurrency Kit's ck_ring (if its headers, libck-dev, are here);
 * liburcu's wfcqueue.
 *
 * "alone": one thread pushes and pops a batch, what all in the caches costs.
 * Otherwise the consumer runs on one core and the producers on the other, as fast
 * as they can; who finds the ring full or empty yields. ns is the time per packet
 * that went through, the median of the rounds; all are measured in turn.
 */
#define _LGPL_SOURCE
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <urcu/wfcqueue.h>
#if __has_include(<ck_ring.h>)
#include <ck_ring.h>
#define HAVE_CK 1
#else
#define HAVE_CK 0
#endif

#include "../tools/common.h"

/* common.h has them as well. */
#undef ARRAY_SIZE
#define now_ns base_now_ns
#include "memory/mpsc.h"
#undef now_ns

#define MAX_BATCH     64
#define MAX_PRODUCERS 3
#define MAX_ROUNDS    31
#define RING_SIZE     1024u
#define NODES	      (2 * RING_SIZE)

/* ---- the rings ---- */

/* As memory/mpsc.h was. */
struct vyukov_cell {
	uint64_t seq, value;
};

static struct {
	uint64_t tail CACHE_ALIGNED;
	uint64_t head CACHE_ALIGNED;
	struct vyukov_cell cells[RING_SIZE] CACHE_ALIGNED;
} vyukov;

static bool vyukov_push(uint64_t value)
{
	uint64_t pos = __atomic_load_n(&vyukov.tail, __ATOMIC_RELAXED);
	struct vyukov_cell *cell;

	for (;;) {
		uint64_t seq;

		cell = &vyukov.cells[pos % RING_SIZE];
		seq = __atomic_load_n(&cell->seq, __ATOMIC_ACQUIRE);
		if (seq == pos) {
			if (__atomic_compare_exchange_n(
				    &vyukov.tail, &pos, pos + 1, true,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
				break;
		} else if ((int64_t)(seq - pos) < 0) {
			return false;
		} else {
			pos = __atomic_load_n(&vyukov.tail, __ATOMIC_RELAXED);
		}
	}
	cell->value = value;
	__atomic_store_n(&cell->seq, pos + 1, __ATOMIC_RELEASE);
	return true;
}

static bool vyukov_pop(uint64_t *ret_value)
{
	uint64_t pos = vyukov.head;
	struct vyukov_cell *cell = &vyukov.cells[pos % RING_SIZE];

	if (__atomic_load_n(&cell->seq, __ATOMIC_ACQUIRE) != pos + 1)
		return false;
	*ret_value = cell->value;
	__atomic_store_n(&cell->seq, pos + RING_SIZE, __ATOMIC_RELEASE);
	__atomic_store_n(&vyukov.head, pos + 1, __ATOMIC_RELAXED);
	return true;
}

static void vyukov_init(void)
{
	vyukov.tail = 0;
	vyukov.head = 0;
	for (uint32_t i = 0; i < RING_SIZE; i++)
		vyukov.cells[i].seq = i;
}

static uint32_t vyukov_push_n(uint32_t producer, const uint64_t *values,
			      uint32_t n)
{
	uint32_t i = 0;

	(void)producer;
	while (i < n && vyukov_push(values[i]))
		i++;
	return i;
}

static uint32_t vyukov_pop_n(uint64_t *ret_values, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && vyukov_pop(&ret_values[i]))
		i++;
	return i;
}

static struct mpsc mpsc;

static void init_mpsc(void)
{
	mpsc_done(&mpsc);
	if (mpsc_init(&mpsc, RING_SIZE))
		die("no memory");
}

static uint32_t push_mpsc(uint32_t producer, const uint64_t *values, uint32_t n)
{
	static const uint16_t tags[MAX_BATCH];

	(void)producer;
	return mpsc_push_n(&mpsc, values, tags, n);
}

static uint32_t pop_mpsc(uint64_t *ret_values, uint32_t n)
{
	uint16_t tags[MAX_BATCH];

	return mpsc_pop_n(&mpsc, ret_values, tags, n);
}

static uint32_t push_mpsc_one(uint32_t producer, const uint64_t *values,
			      uint32_t n)
{
	uint32_t i = 0;

	(void)producer;
	while (i < n && mpsc_push(&mpsc, values[i]))
		i++;
	return i;
}

static uint32_t pop_mpsc_one(uint64_t *ret_values, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && mpsc_pop(&mpsc, &ret_values[i]))
		i++;
	return i;
}

#if HAVE_CK
static ck_ring_t ck CACHE_ALIGNED;
static ck_ring_buffer_t ck_buffer[RING_SIZE] CACHE_ALIGNED;

static void init_ck(void)
{
	ck_ring_init(&ck, RING_SIZE);
}

static uint32_t push_ck(uint32_t producer, const uint64_t *values, uint32_t n)
{
	uint32_t i = 0;

	(void)producer;
	while (i < n && ck_ring_enqueue_mpsc(&ck, ck_buffer, (void *)values[i]))
		i++;
	return i;
}

static uint32_t pop_ck(uint64_t *ret_values, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && ck_ring_dequeue_mpsc(&ck, ck_buffer, &ret_values[i]))
		i++;
	return i;
}
#endif

/* A list without a bound: its nodes would be in the packets' frames, and the
 * bound is counted by producer. */
struct wfc_node {
	struct cds_wfcq_node node;
	uint64_t value;
};

static struct {
	struct __cds_wfcq_head head CACHE_ALIGNED;
	struct cds_wfcq_tail tail CACHE_ALIGNED;
	/* taken off the list, and not popped yet */
	struct __cds_wfcq_head local_head CACHE_ALIGNED;
	struct cds_wfcq_tail local_tail;
	struct {
		uint64_t pushed CACHE_ALIGNED;
		uint64_t popped CACHE_ALIGNED;
		struct wfc_node nodes[NODES];
	} of[MAX_PRODUCERS];
} wfc;

static void init_wfc(void)
{
	memset(&wfc, 0, sizeof(wfc));
	__cds_wfcq_init(&wfc.head, &wfc.tail);
	__cds_wfcq_init(&wfc.local_head, &wfc.local_tail);
}

static uint32_t push_wfc(uint32_t producer, const uint64_t *values, uint32_t n)
{
	const uint64_t at = wfc.of[producer].pushed;
	struct wfc_node *nodes = wfc.of[producer].nodes;

	if (at + n -
		    __atomic_load_n(&wfc.of[producer].popped,
				    __ATOMIC_ACQUIRE) >
	    RING_SIZE)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct wfc_node *node = &nodes[(at + i) % NODES];

		node->value = values[i];
		node->node.next = i + 1 < n ? &nodes[(at + i + 1) % NODES].node
					    : NULL;
	}
	___cds_wfcq_append(&wfc.head, &wfc.tail, &nodes[at % NODES].node,
			   &nodes[(at + n - 1) % NODES].node);
	wfc.of[producer].pushed = at + n;
	return n;
}

static uint32_t pop_wfc(uint64_t *ret_values, uint32_t n)
{
	uint32_t done[MAX_PRODUCERS] = { 0 }, i;

	if (__cds_wfcq_splice_nonblocking(&wfc.local_head, &wfc.local_tail,
					  &wfc.head,
					  &wfc.tail) == CDS_WFCQ_RET_WOULDBLOCK)
		return 0;
	for (i = 0; i < n; i++) {
		struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(
			&wfc.local_head, &wfc.local_tail);

		if (!node || node == CDS_WFCQ_WOULDBLOCK)
			break;
		ret_values[i] = ((struct wfc_node *)node)->value;
		done[ret_values[i] >> 32]++;
	}
	for (uint32_t p = 0; p < MAX_PRODUCERS; p++)
		if (done[p])
			__atomic_store_n(&wfc.of[p].popped,
					 wfc.of[p].popped + done[p],
					 __ATOMIC_RELEASE);
	return i;
}

struct ring {
	const char *name;
	void (*init)(void);
	/* The values are producer << 32 | number. */
	uint32_t (*push)(uint32_t producer, const uint64_t *values, uint32_t n);
	uint32_t (*pop)(uint64_t *ret_values, uint32_t n);
};

static const struct ring rings[] = {
	{ "mpsc", init_mpsc, push_mpsc, pop_mpsc },
	{ "mpsc one by one", init_mpsc, push_mpsc_one, pop_mpsc_one },
	{ "Vyukov", vyukov_init, vyukov_push_n, vyukov_pop_n },
#if HAVE_CK
	{ "ck_ring", init_ck, push_ck, pop_ck },
#endif
	{ "wfcqueue", init_wfc, push_wfc, pop_wfc },
};
#define N_RINGS (sizeof(rings) / sizeof(rings[0]))

/* ---- measuring ---- */

/* A run ends then, however much has gone through: with a producer that is
 * preempted in the middle of a push, some rings stand still for a while. */
#define RUN_NS (300 * 1000000ull)

static bool stop;

struct options {
	uint64_t n_packets;
	uint32_t rounds;
	bool json;
};

struct producer {
	const struct ring *ring;
	uint32_t index, batch;
	uint64_t n;
	pthread_barrier_t *begin;
};

static uint32_t push_some(const struct producer *p, uint64_t at)
{
	uint64_t values[MAX_BATCH];
	uint32_t n = p->batch, done = 0;

	if (n > p->n - at)
		n = (uint32_t)(p->n - at);
	for (uint32_t i = 0; i < n; i++)
		values[i] = (uint64_t)p->index << 32 | (uint32_t)(at + i);
	while (done < n && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint32_t more =
			p->ring->push(p->index, values + done, n - done);

		if (!more)
			sched_yield();
		done += more;
	}
	return n;
}

static void *produce(void *arg)
{
	const struct producer *p = arg;

	pin_to_cpu(1);
	pthread_barrier_wait(p->begin);
	for (uint64_t i = 0;
	     i < p->n && !__atomic_load_n(&stop, __ATOMIC_RELAXED);)
		i += push_some(p, i);
	return NULL;
}

/* What comes out is right, or the figure is worth nothing. */
static void check(const uint64_t *values, uint32_t n, uint32_t *next)
{
	for (uint32_t i = 0; i < n; i++)
		if ((uint32_t)values[i] != next[values[i] >> 32]++)
			die("a value is out of order");
}

static double run_alone(const struct ring *ring, uint32_t batch, uint64_t n)
{
	struct producer p = { .ring = ring, .batch = batch, .n = n };
	uint32_t next[MAX_PRODUCERS] = { 0 };
	uint64_t begin, values[MAX_BATCH];

	ring->init();
	begin = now_ns();
	for (uint64_t i = 0; i < n;) {
		uint32_t pushed = push_some(&p, i), popped = 0;

		while (popped < pushed)
			popped +=
				ring->pop(values + popped, MAX_BATCH - popped);
		check(values, popped, next);
		i += pushed;
	}
	return (double)(now_ns() - begin) / (double)n;
}

static double run(const struct ring *ring, uint32_t n_producers, uint32_t batch,
		  uint64_t n)
{
	struct producer producers[MAX_PRODUCERS];
	pthread_t threads[MAX_PRODUCERS];
	uint32_t next[MAX_PRODUCERS] = { 0 };
	uint64_t begin, ns, values[MAX_BATCH], all, left;
	pthread_barrier_t barrier;

	if (!n_producers)
		return run_alone(ring, batch, n);
	ring->init();
	pthread_barrier_init(&barrier, NULL, n_producers + 1);
	for (uint32_t i = 0; i < n_producers; i++) {
		producers[i] = (struct producer){ ring, i, batch,
						  n / n_producers, &barrier };
		if (pthread_create(&threads[i], NULL, produce, &producers[i]))
			die("cannot start a thread");
	}
	all = n / n_producers * n_producers;
	left = all;
	pthread_barrier_wait(&barrier);
	begin = now_ns();
	do {
		const uint32_t got = ring->pop(values, MAX_BATCH);

		if (!got)
			sched_yield();
		check(values, got, next);
		left -= got;
		ns = now_ns() - begin;
	} while (left && ns < RUN_NS);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < n_producers; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	stop = false;
	return (double)ns / (double)(all - left + 1);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct options *o, uint32_t n_producers,
		    uint32_t batch)
{
	double ns[N_RINGS][MAX_ROUNDS];

	for (uint32_t round = 0; round < o->rounds; round++)
		for (size_t i = 0; i < N_RINGS; i++)
			ns[i][round] = run(&rings[i], n_producers, batch,
					   o->n_packets);
	for (size_t i = 0; i < N_RINGS; i++) {
		qsort(ns[i], o->rounds, sizeof(ns[i][0]), compare);
		if (o->json)
			printf("{\"what\":\"ringtime\",\"ring\":\"%s\","
			       "\"producers\":%u,\"batch\":%u,"
			       "\"median_ns\":%.1f,\"min_ns\":%.1f,"
			       "\"max_ns\":%.1f}\n",
			       rings[i].name, n_producers, batch,
			       ns[i][o->rounds / 2], ns[i][0],
			       ns[i][o->rounds - 1]);
		else
			printf("%u producers, batch %2u, %-15s %6.1f ns "
			       "(%.1f..%.1f)\n",
			       n_producers, batch, rings[i].name,
			       ns[i][o->rounds / 2], ns[i][0],
			       ns[i][o->rounds - 1]);
	}
}

static const struct option long_options[] = {
	{ "packets", required_argument, NULL, 'n' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "producers", required_argument, NULL, 'p' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	static const uint32_t batches[] = { 1, 8, MAX_BATCH };
	struct options o = { .n_packets = 1000000, .rounds = 7 };
	uint32_t from = 0, to = MAX_PRODUCERS;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'n':
			o.n_packets = parse_number("packets", optarg, 1000,
						   1000000000);
			break;
		case 'r':
			o.rounds = (uint32_t)parse_number("rounds", optarg, 1,
							  MAX_ROUNDS);
			break;
		case 'p':
			from = to = (uint32_t)parse_number("producers", optarg,
							   0, MAX_PRODUCERS);
			break;
		case 'j':
			o.json = true;
			break;
		case 'h':
			puts("ringtime [options]: what a packet costs in rings "
			     "between workers\n"
			     "  --packets N    in a run (1000000)\n"
			     "  --rounds N     of which the median counts (7)\n"
			     "  --producers N  0: one thread that pushes and "
			     "pops (0 to 3)\n"
			     "  --json         print JSON");
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	setlinebuf(stdout);
	if (!HAVE_CK)
		fputs("without ck_ring: no libck-dev\n", stderr);
	pin_to_cpu(0);
	for (uint32_t p = from; p <= to; p++)
		for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]);
		     i++)
			measure(&o, p, batches[i]);
	return EXIT_OK;
}
