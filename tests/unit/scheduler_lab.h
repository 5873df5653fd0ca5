/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tests of the scheduler share: one under a clock that is a number.
 * Each packet says in its word whose it is, and which; what comes out is
 * checked for its order and counted.
 */
#ifndef TESTS_UNIT_SCHEDULER_LAB_H
#define TESTS_UNIT_SCHEDULER_LAB_H

#include <pktagent/limits.h>

#include "memory/packet.h"
#include "switching/scheduler.h"
#include "unit.h"

#define LAB_VMS		8
#define LAB_BATCH	64
#define LAB_SEQ_BITS	31
#define MBIT		1000000ull
#define GBIT		1000000000ull

/* One VM's packets of one class. */
struct lab_flow {
	uint32_t next_in, next_out;	/* sequence numbers */
	uint64_t n_in, n_out, n_dropped;
	uint64_t bytes_out;
	uint32_t n_waiting;
};

struct lab {
	struct scheduler *s;
	struct scheduler_conf conf;
	uint64_t now;
	uint64_t random;
	struct lab_flow flows[PKT_N_CLASSES][LAB_VMS];
	uint64_t n_dropped[SCHEDULER_N_DROPS];
	uint64_t n_asked_to_mark;
	bool can_mark;
	uint32_t last_dropped;		/* its sequence number */
};

static inline uint64_t lab_packet(uint8_t class, uint16_t vm, uint32_t seq,
				  uint32_t len)
{
	return packet_pack((uint64_t)class << (LAB_SEQ_BITS + 3) |
				   (uint64_t)vm << LAB_SEQ_BITS | seq,
			   len);
}

static inline uint8_t lab_class(uint64_t packet)
{
	return packet_addr(packet) >> (LAB_SEQ_BITS + 3) & 7;
}

static inline uint16_t lab_vm(uint64_t packet)
{
	return packet_addr(packet) >> LAB_SEQ_BITS & 7;
}

static inline uint32_t lab_seq(uint64_t packet)
{
	return packet_addr(packet) & ((1u << LAB_SEQ_BITS) - 1);
}

static inline void lab_drop(void *ctx, uint64_t packet, uint8_t class,
			    uint16_t vm, enum scheduler_drop why)
{
	struct lab *lab = ctx;
	struct lab_flow *flow = &lab->flows[class][vm];

	assert_int_equal(lab_class(packet), class);
	assert_int_equal(lab_vm(packet), vm);
	lab->n_dropped[why]++;
	flow->n_dropped++;
	lab->last_dropped = lab_seq(packet);
	if (why != SCHEDULER_AGED && why != SCHEDULER_CLEARED)
		return;
	/* It had been let in: the oldest one. */
	assert_true(lab_seq(packet) >= flow->next_out);
	flow->next_out = lab_seq(packet) + 1;
	flow->n_waiting--;
}

static inline bool lab_mark(void *ctx, uint64_t packet)
{
	struct lab *lab = ctx;

	(void)packet;
	lab->n_asked_to_mark++;
	return lab->can_mark;
}

/* lab->conf is set. */
static inline void lab_start(struct lab *lab)
{
	const struct scheduler_ops ops = { .drop = lab_drop,
					   .mark = lab_mark,
					   .ctx = lab };

	lab->random = 1;
	lab->now = 12345678901ull;
	assert_int_equal(scheduler_new(&lab->conf, &ops, lab->now, &lab->s), 0);
}

/* Classes 0 to @n_classes - 1 are in use. */
static inline void lab_init(struct lab *lab, uint32_t n_classes)
{
	memset(lab, 0, sizeof(*lab));
	scheduler_conf_init(&lab->conf, 8192);
	lab->conf.used = (uint8_t)((1u << n_classes) - 1);
}

static inline bool lab_push(struct lab *lab, uint8_t class, uint16_t vm,
			    uint32_t len)
{
	struct lab_flow *flow = &lab->flows[class][vm];
	const uint64_t packet = lab_packet(class, vm, flow->next_in, len);

	if (!scheduler_enqueue(lab->s, class, vm, packet, lab->now)) {
		flow->next_in++;
		return false;
	}
	flow->next_in++;
	flow->n_in++;
	flow->n_waiting++;
	return true;
}

/* Everything that may go now, up to @max; returns how many. */
static inline uint32_t lab_pull_some(struct lab *lab, uint32_t max)
{
	uint64_t packets[LAB_BATCH];
	uint32_t sum = 0, n;

	do {
		n = scheduler_dequeue(lab->s, lab->now,
				      min_u32(LAB_BATCH, max - sum), UINT64_MAX,
				      packets);
		for (uint32_t i = 0; i < n; i++) {
			struct lab_flow *flow =
				&lab->flows[lab_class(packets[i])]
					   [lab_vm(packets[i])];

			/* Gaps are what was dropped. */
			if (lab_seq(packets[i]) < flow->next_out)
				fail_msg("packet %u after %u",
					 lab_seq(packets[i]), flow->next_out);
			flow->next_out = lab_seq(packets[i]) + 1;
			flow->n_out++;
			flow->n_waiting--;
			flow->bytes_out += packet_len(packets[i]);
		}
		sum += n;
	} while (n && sum < max);
	return sum;
}

static inline uint32_t lab_pull(struct lab *lab)
{
	return lab_pull_some(lab, UINT32_MAX);
}

static inline uint32_t lab_len(struct lab *lab)
{
	return 64 + unit_below(&lab->random, 1451);
}

/* Has the VM's queue be @n packets long; @len: 0 for any. */
static inline void lab_fill(struct lab *lab, uint8_t class, uint16_t vm,
			    uint32_t n, uint32_t len)
{
	while (lab->flows[class][vm].n_waiting < n)
		assert_true(lab_push(lab, class, vm, len ? len : lab_len(lab)));
}

static inline uint64_t lab_class_bytes(const struct lab *lab, uint8_t class)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < LAB_VMS; i++)
		bytes += lab->flows[class][i].bytes_out;
	return bytes;
}

/* What the scheduler has counted is what the lab has. */
static inline void lab_assert_conserved(const struct lab *lab)
{
	uint64_t n_waiting = 0, dropped[SCHEDULER_N_DROPS] = { 0 };

	for (uint8_t c = 0; c < PKT_N_CLASSES; c++) {
		uint64_t n_in = 0, n_out = 0, waiting = 0;
		struct scheduler_stats stats;

		scheduler_get_stats(lab->s, c, &stats);
		for (uint32_t v = 0; v < LAB_VMS; v++) {
			const struct lab_flow *flow = &lab->flows[c][v];

			n_in += flow->n_in;
			n_out += flow->n_out;
			waiting += flow->n_waiting;
			assert_int_equal(flow->next_in,
					 flow->n_out + flow->n_dropped +
						 flow->n_waiting);
		}
		assert_int_equal(stats.n_in, n_in);
		assert_int_equal(stats.n_out, n_out);
		assert_int_equal(stats.n_waiting, waiting);
		assert_int_equal(stats.bytes_out, lab_class_bytes(lab, c));
		assert_int_equal(stats.n_in,
				 stats.n_out + stats.n_waiting +
					 stats.n_dropped[SCHEDULER_AGED] +
					 stats.n_dropped[SCHEDULER_CLEARED]);
		n_waiting += waiting;
		for (uint32_t i = 0; i < SCHEDULER_N_DROPS; i++)
			dropped[i] += stats.n_dropped[i];
	}
	assert_int_equal(scheduler_n_waiting(lab->s), n_waiting);
	for (uint32_t i = 0; i < SCHEDULER_N_DROPS; i++)
		assert_int_equal(lab->n_dropped[i], dropped[i]);
}

static inline void lab_done(struct lab *lab)
{
	lab_assert_conserved(lab);
	scheduler_clear(lab->s);
	lab_assert_conserved(lab);
	assert_int_equal(scheduler_n_waiting(lab->s), 0);
	scheduler_free(lab->s);
}

/* @got is @want, within @permille thousandths. */
static inline void lab_assert_near(const char *what, uint64_t got,
				   uint64_t want, uint64_t permille)
{
	const uint64_t off = got > want ? got - want : want - got;

	if (off * 1000 > want * permille)
		fail_msg("%s: %lu, expected %lu within %lu/1000", what, got,
			 want, permille);
}

#endif
