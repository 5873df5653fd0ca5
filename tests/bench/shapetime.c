// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a packet costs in the scheduler of a port, and in the limiters of VMs:
 * ns per packet, in and out, by the thread's CPU time; the median of the rounds.
 *
 * The clock that they see is a number, which goes on by 10 us a step; so do a
 * step's packets, 64 of them, at the same rate altogether however many limiters
 * share it. A VM has 1,000 pairs.
 *
 *	scheduler	1 class, 1 VM; 8 classes, 64 VMs; the same with a
 *			minimum and a maximum for each class
 *	limiter		10, 1,000, 10,000 pairs; a VM without any limit
 */
#include <getopt.h>

#include "../tools/common.h"

/* common.h has them as well. */
#undef ARRAY_SIZE
#define now_ns base_now_ns
#include "memory/packet.h"
#include "switching/limiter.h"
#include "switching/scheduler.h"
#undef now_ns

#define BATCH	   64
#define LEN	   1000
#define STEP_NS	   10000ull
#define MAX_ROUNDS 31
/* Bits a second of all packets together: 6.4 Mpps. */
#define ALL_BITS (BATCH * LEN * 8ull * (NS_PER_SEC / STEP_NS))

struct options {
	uint32_t rounds;
	uint32_t steps;
	bool json;
};

static uint64_t cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- the scheduler ---- */

static void drop(void *ctx, uint64_t packet, uint8_t class, uint16_t vm,
		 enum scheduler_drop why)
{
	(void)packet;
	(void)class;
	(void)vm;
	(void)why;
	++*(uint64_t *)ctx;
}

static double time_scheduler(const struct options *o, uint32_t n_classes,
			     uint32_t n_vms, bool limits)
{
	uint64_t packets[BATCH], n_dropped = 0, now = 1, begin;
	const struct scheduler_ops ops = { .drop = drop, .ctx = &n_dropped };
	struct scheduler_conf conf;
	struct scheduler *s;
	uint64_t n = 0, i = 0;

	scheduler_conf_init(&conf, 8192);
	conf.used = (uint8_t)((1u << n_classes) - 1);
	conf.rate.bits = ALL_BITS;
	for (uint32_t c = 0; limits && c < n_classes; c++) {
		conf.classes[c].min.bits = ALL_BITS / n_classes / 2;
		conf.classes[c].max.bits = ALL_BITS;
	}
	if (scheduler_new(&conf, &ops, now, &s))
		die("no scheduler");
	begin = cpu_ns();
	for (uint32_t step = 0; step < o->steps; step++) {
		for (uint32_t k = 0; k < BATCH; k++, i++)
			scheduler_enqueue(s, (uint8_t)(i % n_classes),
					  (uint16_t)(i / n_classes % n_vms),
					  packet_pack(i & 0xffff, LEN), now);
		now += STEP_NS;
		n += scheduler_dequeue(s, now, BATCH, UINT64_MAX, packets);
	}
	begin = cpu_ns() - begin;
	if (n < (uint64_t)o->steps * BATCH * 9 / 10)
		die("the scheduler let only %lu packets go", n);
	scheduler_clear(s);
	scheduler_free(s);
	return (double)begin / (double)n;
}

/* ---- limiters ---- */

static void forget(void *ctx, uint64_t packet)
{
	(void)ctx;
	(void)packet;
}

#define PAIRS_OF_VM 1000

static double time_limiter(const struct options *o, uint32_t n_pairs)
{
	const struct limiter_conf conf = { .n_pairs = n_pairs,
					   .n_packets = 65536,
					   .vm_packets = 65536,
					   .pair_packets = 1024,
					   .late_ns = RATE_MAX_LATE_NS };
	/* A little more than what comes: all wait for their times, none for
	 * ever. */
	const struct rate rate = { .bits = ALL_BITS / n_pairs * 102 / 100 };
	const struct rate of_vm = { .bits = ALL_BITS * 2 };
	struct limiter_packet packets[BATCH];
	uint64_t n = 0, now = 1, i = 0, begin, n_kept = 0;
	struct limiter *l;

	if (limiter_new(&conf, now, &l))
		die("no limiters");
	for (uint32_t p = 0; p < n_pairs; p++)
		if (limiter_set_pair(l, (uint16_t)(p / PAIRS_OF_VM),
				     p % PAIRS_OF_VM + 1, &rate, now))
			die("no limiter");
	for (uint32_t p = 0; p < n_pairs; p += PAIRS_OF_VM)
		limiter_set_vm(l, (uint16_t)(p / PAIRS_OF_VM), &of_vm, now);
	/* A packet of each waits before it begins. */
	for (uint32_t p = 0; p < 2 * n_pairs; p++, i++)
		limiter_push(l, (uint16_t)(i % n_pairs / PAIRS_OF_VM),
			     i % n_pairs % PAIRS_OF_VM + 1,
			     packet_pack(i & 0xffff, LEN), now);
	begin = cpu_ns();
	for (uint32_t step = 0; step < o->steps; step++) {
		for (uint32_t k = 0; k < BATCH; k++, i++) {
			const uint32_t p = (uint32_t)(i % n_pairs);

			n_kept += limiter_push(l, (uint16_t)(p / PAIRS_OF_VM),
					       p % PAIRS_OF_VM + 1,
					       packet_pack(i & 0xffff, LEN),
					       now) == LIMITER_KEPT;
		}
		now += STEP_NS;
		n += limiter_pop(l, now, BATCH, packets);
	}
	begin = cpu_ns() - begin;
	if (n < (uint64_t)o->steps * BATCH * 9 / 10)
		die("the limiters let only %lu packets of %lu go", n, n_kept);
	for (uint32_t p = 0; p < n_pairs; p += PAIRS_OF_VM)
		limiter_clear_vm(l, (uint16_t)(p / PAIRS_OF_VM), forget, NULL);
	limiter_free(l);
	return (double)begin / (double)n;
}

static double time_pass(const struct options *o)
{
	const struct limiter_conf conf = { .n_pairs = 16384,
					   .n_packets = 1024,
					   .vm_packets = 1024,
					   .pair_packets = 1024 };
	uint64_t n = 0, begin;
	struct limiter *l;

	if (limiter_new(&conf, 1, &l))
		die("no limiters");
	begin = cpu_ns();
	for (uint32_t i = 0; i < o->steps * BATCH; i++)
		n += limiter_push(l, (uint16_t)(i % 64), i % 1000 + 1,
				  packet_pack(i & 0xffff, LEN),
				  i) == LIMITER_PASS;
	begin = cpu_ns() - begin;
	limiter_free(l);
	return (double)begin / (double)n;
}

/* ---- rows ---- */

static double run_row(const struct options *o, uint32_t row)
{
	switch (row) {
	case 0:
		return time_scheduler(o, 1, 1, false);
	case 1:
		return time_scheduler(o, 8, 64, false);
	case 2:
		return time_scheduler(o, 8, 64, true);
	case 3:
		return time_limiter(o, 10);
	case 4:
		return time_limiter(o, 1000);
	case 5:
		return time_limiter(o, 10000);
	default:
		return time_pass(o);
	}
}

static const char *const rows[] = {
	"scheduler, 1 class, 1 VM",
	"scheduler, 8 classes, 64 VMs",
	"scheduler, 8 classes with min and max, 64 VMs",
	"limiter, 10 pairs",
	"limiter, 1000 pairs",
	"limiter, 10000 pairs",
	"limiter, none",
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct options *o)
{
	static double ns[N_ROWS][MAX_ROUNDS];

	for (uint32_t round = 0; round < o->rounds; round++)
		for (uint32_t row = 0; row < N_ROWS; row++)
			ns[row][round] = run_row(o, row);
	for (uint32_t row = 0; row < N_ROWS; row++) {
		qsort(ns[row], o->rounds, sizeof(ns[row][0]), compare);
		printf(o->json ? "{\"what\":\"shapetime\",\"row\":\"%s\","
				 "\"median_ns\":%.1f,\"min_ns\":%.1f,"
				 "\"max_ns\":%.1f}\n"
			       : "%-46s %6.1f ns (%.1f..%.1f)\n",
		       rows[row], ns[row][o->rounds / 2], ns[row][0],
		       ns[row][o->rounds - 1]);
	}
}

static const struct option long_options[] = {
	{ "rounds", required_argument, NULL, 'r' },
	{ "steps", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	struct options o = { .rounds = 9, .steps = 20000 };
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'r':
			o.rounds = (uint32_t)parse_number("rounds", optarg, 1,
							  MAX_ROUNDS);
			break;
		case 's':
			o.steps = (uint32_t)parse_number("steps", optarg, 1000,
							 10000000);
			break;
		case 'j':
			o.json = true;
			break;
		case 'h':
			puts("shapetime [--rounds N] [--steps N] [--json]: "
			     "what a packet costs in the scheduler and\nin "
			     "limiters; a step is 64 packets (9 rounds of "
			     "20000)");
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	measure(&o);
	return EXIT_OK;
}
