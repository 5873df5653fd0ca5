// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the scheduler gives to whom, under a clock that is a number: shares,
 * strict order, minimum, maximum, burst, rates, and that nothing is left unused
 * while somebody could use it.
 */
#include "scheduler_lab.h"

static const uint64_t quanta[] = { 10 * NS_PER_US, 100 * NS_PER_US,
				   1 * NS_PER_MS };

/* ---- shares ---- */

/* 10^6 packets of classes by 1:2:4, each from VMs by 1:3, at 1 Gbit/s. */
static void exact_shares(uint64_t quantum_ns)
{
	uint64_t n = 0, all;
	struct lab lab;

	lab_init(&lab, 3);
	lab.conf.quantum_ns = quantum_ns;
	lab.conf.rate.bits = 10 * GBIT;
	/* Room for all, and for one more of them. */
	lab.conf.n_packets = 7 * 1200;
	for (uint16_t c = 0; c < 3; c++)
		lab.conf.classes[c].weight = (uint16_t)(1u << c);
	lab_start(&lab);
	scheduler_set_weight(lab.s, 2, 3);
	while (n < 1000000) {
		for (uint8_t c = 0; c < 3; c++)
			for (uint16_t vm = 1; vm <= 2; vm++)
				lab_fill(&lab, c, vm, 1200, 0);
		n += lab_pull(&lab);
		lab.now += quantum_ns;
	}
	all = lab_class_bytes(&lab, 0) + lab_class_bytes(&lab, 1) +
	      lab_class_bytes(&lab, 2);
	for (uint8_t c = 0; c < 3; c++) {
		const uint64_t bytes = lab_class_bytes(&lab, c);

		lab_assert_near("class", bytes, all * (1u << c) / 7, 1);
		lab_assert_near("VM 1", lab.flows[c][1].bytes_out, bytes / 4,
				1);
		lab_assert_near("VM 2", lab.flows[c][2].bytes_out,
				bytes * 3 / 4, 1);
	}
	lab_done(&lab);
}

static void test_exact_shares(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(quanta); i++)
		exact_shares(quanta[i]);
}

/* Small packets beside large ones, and those that are longer than a turn: by
 * bytes it is the same. */
static void test_shares_by_bytes(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab, 2);
	lab.conf.rate.bits = 10 * GBIT;
	lab_start(&lab);
	for (uint32_t i = 0; i < 2000; i++) {
		lab_fill(&lab, 0, 1, 2500, 64);
		lab_fill(&lab, 1, 1, 10, 65000);
		lab_fill(&lab, 1, 2, 200, 1000);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	lab_assert_near("class", lab_class_bytes(&lab, 0),
			lab_class_bytes(&lab, 1), 2);
	lab_assert_near("VM", lab.flows[1][1].bytes_out,
			lab.flows[1][2].bytes_out, 2);
	lab_done(&lab);
}

/* A class or VM that comes and goes has neither more nor less than its share
 * while it is there. */
static void test_no_hoarding(void **state)
{
	struct lab lab;
	uint64_t before;

	(void)state;
	lab_init(&lab, 2);
	lab.conf.rate.bits = GBIT;
	lab_start(&lab);
	for (uint32_t i = 0; i < 1000; i++) {
		lab_fill(&lab, 0, 1, 100, 1000);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	before = lab_class_bytes(&lab, 0);
	for (uint32_t i = 0; i < 100; i++) {
		lab_fill(&lab, 0, 1, 100, 1000);
		lab_fill(&lab, 1, 1, 100, 1000);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	lab_assert_near("share", lab_class_bytes(&lab, 1),
			lab_class_bytes(&lab, 0) - before, 10);
	lab_done(&lab);
}

/* Turns that its maximum has ended early are not saved up. */
static void test_no_hoarding_by_maximum(void **state)
{
	struct lab lab;
	uint64_t was;

	(void)state;
	lab_init(&lab, 2);
	lab.conf.rate.bits = GBIT;
	lab.conf.classes[0].max.bits = MBIT;
	lab_start(&lab);
	for (uint32_t i = 0; i < 10000; i++) {
		lab_fill(&lab, 0, 1, 100, 100);
		lab_fill(&lab, 1, 1, 100, 1000);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	lab.conf.classes[0].max.bits = 0;
	assert_int_equal(scheduler_set(lab.s, &lab.conf, lab.now), 0);
	was = lab_class_bytes(&lab, 0);
	for (uint32_t i = 0; i < 100; i++) {
		lab_fill(&lab, 0, 1, 200, 100);
		lab_fill(&lab, 1, 1, 100, 1000);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	lab_assert_near("share", lab_class_bytes(&lab, 0) - was,
			GBIT / 8 / 100 / 2, 20);
	lab_done(&lab);
}

/* ---- strict classes ---- */

static void test_strict_order(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab, 5);
	lab.conf.rate.bits = GBIT;
	lab.conf.classes[3].strict = true;
	lab.conf.classes[4].strict = true;
	lab_start(&lab);
	for (uint32_t i = 0; i < 5000; i++) {
		uint64_t packets[LAB_BATCH];
		uint32_t n;

		for (uint8_t c = 0; c < 5; c++)
			for (uint32_t k = unit_below(&lab.random, 4); k; k--)
				lab_push(&lab, c, 1, lab_len(&lab));
		n = scheduler_dequeue(lab.s, lab.now, LAB_BATCH, UINT64_MAX,
				      packets);
		for (uint32_t k = 0; k < n; k++) {
			const uint8_t class = lab_class(packets[k]);
			struct lab_flow *flow = &lab.flows[class][1];

			if (class < 4)
				assert_int_equal(lab.flows[4][1].n_waiting, 0);
			if (class < 3)
				assert_int_equal(lab.flows[3][1].n_waiting, 0);
			assert_int_equal(lab_seq(packets[k]), flow->next_out);
			flow->next_out++;
			flow->n_out++;
			flow->n_waiting--;
			flow->bytes_out += packet_len(packets[k]);
		}
		lab.now += 30 * NS_PER_US;
		/* What was refused is a gap: begin anew. */
		for (uint8_t c = 0; c < 5; c++)
			if (lab.flows[c][1].n_waiting > 1000)
				scheduler_clear(lab.s);
	}
	lab_done(&lab);
}

/* A strict class that has its maximum leaves the rest to the others. */
static void test_strict_maximum(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab, 2);
	lab.conf.rate.bits = GBIT;
	lab.conf.classes[1].strict = true;
	lab.conf.classes[1].max.bits = 200 * MBIT;
	lab_start(&lab);
	for (uint32_t i = 0; i < 1000; i++) {
		lab_fill(&lab, 0, 1, 100, 1000);
		lab_fill(&lab, 1, 1, 100, 1000);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	lab_assert_near("strict", lab_class_bytes(&lab, 1), 200 * MBIT / 8 / 10,
			10);
	lab_assert_near("rest", lab_class_bytes(&lab, 0), 800 * MBIT / 8 / 10,
			10);
	lab_done(&lab);
}

/* ---- minimum ---- */

/* 1 Gbit/s; class 0 has at least 300 Mbit/s and weight 1, class 1 weight 9. */
static void init_minimum(struct lab *lab)
{
	lab_init(lab, 2);
	lab->conf.rate.bits = GBIT;
	lab->conf.classes[0].min.bits = 300 * MBIT;
	lab->conf.classes[1].weight = 9;
	lab_start(lab);
}

/* For @ms; the packets of class 0 come @to_0 at a time. */
static void run_minimum(struct lab *lab, uint32_t ms, uint32_t to_0,
			uint32_t to_1)
{
	for (uint32_t i = 0; i < ms * 10; i++) {
		lab_fill(lab, 0, 1, to_0, 1000);
		lab_fill(lab, 1, 1, to_1, 1000);
		lab_pull(lab);
		lab->now += 100 * NS_PER_US;
	}
}

static void test_minimum(void **state)
{
	uint64_t was[2];
	struct lab lab;

	(void)state;
	init_minimum(&lab);
	run_minimum(&lab, 200, 100, 100);
	/* the minimum, and by weight of what is left */
	lab_assert_near("class 0", lab_class_bytes(&lab, 0), 370 * MBIT / 8 / 5,
			10);
	lab_assert_near("class 1", lab_class_bytes(&lab, 1), 630 * MBIT / 8 / 5,
			10);

	/* What it does not use is the other's at once, */
	while (lab.flows[0][1].n_waiting) {
		lab.now += 100 * NS_PER_US;
		lab_pull(&lab);
	}
	was[1] = lab_class_bytes(&lab, 1);
	run_minimum(&lab, 100, 0, 100);
	lab_assert_near("spare", lab_class_bytes(&lab, 1) - was[1],
			GBIT / 8 / 10, 10);

	/* and comes back at once: three milliseconds are enough to see it. */
	was[0] = lab_class_bytes(&lab, 0);
	was[1] = lab_class_bytes(&lab, 1);
	run_minimum(&lab, 3, 100, 100);
	lab_assert_near("steal back", lab_class_bytes(&lab, 0) - was[0],
			370 * MBIT / 8 * 3 / 1000, 50);
	lab_done(&lab);
}

/* A minimum in packets a second, for small packets beside large ones. */
static void test_minimum_packets(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab, 2);
	lab.conf.rate.bits = GBIT;
	lab.conf.classes[0].min.packets = 500000;
	lab.conf.classes[1].weight = SCHEDULER_MAX_WEIGHT;
	lab_start(&lab);
	for (uint32_t i = 0; i < 1000; i++) {
		lab_fill(&lab, 0, 1, 1000, 64);
		lab_fill(&lab, 1, 1, 100, 1500);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	/* 256 Mbit/s; and 1/257 of what that leaves */
	lab_assert_near("packets", lab.flows[0][1].n_out,
			50000 + GBIT * 744 / 1000 / 257 / 512 / 10, 10);
	lab_done(&lab);
}

/* Where nothing but the device limits: by what room it has. */
static void test_minimum_of_device(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab, 2);
	lab.conf.classes[0].min.bits = 80 * MBIT;
	lab.conf.classes[1].weight = SCHEDULER_MAX_WEIGHT;
	lab_start(&lab);
	for (uint32_t i = 0; i < 1000; i++) {
		lab_fill(&lab, 0, 1, 100, 1000);
		lab_fill(&lab, 1, 1, 100, 1000);
		lab_pull_some(&lab, 2);
		lab.now += 100 * NS_PER_US;
	}
	lab_assert_near("class 0", lab_class_bytes(&lab, 0), 80 * MBIT / 8 / 10,
			20);
	lab_done(&lab);
}

/* ---- maximum and burst ---- */

static void test_maximum(void **state)
{
	struct lab lab;
	uint64_t was;

	(void)state;
	lab_init(&lab, 2);
	lab.conf.classes[0].max =
		(struct rate){ .bits = 100 * MBIT, .burst = 50000 };
	lab_start(&lab);
	for (uint32_t round = 0; round < 3; round++) {
		was = lab_class_bytes(&lab, 0);
		lab_fill(&lab, 0, 1, 1000, 1000);
		lab_pull(&lab);
		/* The burst, and the packet that exceeds it. */
		assert_int_equal(lab_class_bytes(&lab, 0) - was, 51000);
		was = lab_class_bytes(&lab, 0);
		for (uint32_t i = 0; i < 100; i++) {
			lab.now += 100 * NS_PER_US;
			lab_fill(&lab, 0, 1, 100, 1000);
			/* Others are not held up. */
			lab_fill(&lab, 1, 1, 20, 1000);
			lab_pull(&lab);
			assert_int_equal(lab.flows[1][1].n_waiting, 0);
		}
		lab_assert_near("maximum", lab_class_bytes(&lab, 0) - was,
				100 * MBIT / 8 / 100, 9);
		while (lab.flows[0][1].n_waiting) {
			lab.now += 1 * NS_PER_MS;
			lab_pull(&lab);
		}
		/* Long idle: the burst is back, and no more than that. */
		lab.now += 3 * NS_PER_SEC;
	}
	lab_done(&lab);
}

/* A maximum just above the share by weight, and packets much smaller than a
 * turn: turns that it ends early cost nothing. */
static void test_maximum_in_turns(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab, 2);
	lab.conf.rate.bits = 10 * MBIT;
	lab.conf.classes[0].max.bits = 6 * MBIT;
	lab_start(&lab);
	for (uint32_t i = 0; i < 10000; i++) {
		lab_fill(&lab, 0, 1, 100, 64);
		lab_fill(&lab, 1, 1, 100, 64);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	lab_assert_near("share", lab_class_bytes(&lab, 0), 5 * MBIT / 8, 20);
	lab_done(&lab);
}

/* ---- rates ---- */

/* What leaves in 100 ms, seen by a worker that looks when it is told to, up to
 * @late_ns later. */
static void accurate(const struct rate *rate, uint32_t len, uint64_t late_ns,
		     bool of_class)
{
	uint64_t end, n = 0;
	struct lab lab;
	char what[64];

	lab_init(&lab, 1);
	if (of_class)
		lab.conf.classes[0].max = *rate;
	else
		lab.conf.rate = *rate;
	lab_start(&lab);
	lab_fill(&lab, 0, 1, 4000, len);
	lab_pull(&lab);
	end = lab.now + 100 * NS_PER_MS;
	for (;;) {
		uint64_t next;

		/* The queue of 4000 is what a worker finds. */
		lab_fill(&lab, 0, 1, 4000, len);
		n += lab_pull_some(&lab, 3999);
		next = scheduler_next(lab.s, lab.now);
		if (next <= lab.now)
			continue;
		if (late_ns)
			next += unit_below(&lab.random, (uint32_t)late_ns);
		if (next > end)
			break;
		lab.now = next;
	}
	snprintf(what, sizeof(what), "%lu bit/s %lu packets/s %u bytes",
		 rate->bits, rate->packets, len);
	if (rate->bits)
		lab_assert_near(what, n * len, rate->bits / 80, 20);
	else
		lab_assert_near(what, n, rate->packets / 10, 20);
	lab_done(&lab);
}

static void test_rates_accurate(void **state)
{
	const struct rate bits[] = {
		{ .bits = MBIT }, { .bits = 10 * MBIT }, { .bits = 100 * MBIT },
		{ .bits = GBIT }, { .bits = 10 * GBIT }, { .bits = 100 * GBIT }
	};
	const uint32_t lens[] = { 64, 128, 1000, 1500, 1500, 9000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		accurate(&bits[i], lens[i], 0, false);
		accurate(&bits[i], lens[i], 200 * NS_PER_US, true);
		/* 2 ms: what epoll and another process on the core can do. */
		if (bits[i].bits <= GBIT)
			accurate(&bits[i], lens[i], 2 * NS_PER_MS, false);
	}
	for (uint64_t packets = 1000; packets <= 10000000; packets *= 10) {
		const struct rate rate = { .packets = packets };

		accurate(&rate, 1500, 0, true);
		accurate(&rate, 64, 200 * NS_PER_US, false);
	}
}

/* Of a limit in bits and one in packets the narrower one counts; overhead
 * counts as bits. */
static void test_rates_together(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab, 1);
	lab.conf.rate = (struct rate){ .bits = 100 * MBIT, .packets = 50000 };
	lab.conf.overhead = 24;
	lab_start(&lab);
	for (uint32_t i = 0; i < 1000; i++) {
		lab_fill(&lab, 0, 1, 100, 64);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	lab_assert_near("packets", lab.flows[0][1].n_out, 5000, 5);
	scheduler_clear(lab.s);
	for (uint32_t i = 0; i < 1000; i++) {
		lab_fill(&lab, 0, 2, 100, 976);
		lab_pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	lab_assert_near("bits", lab.flows[0][2].n_out, 1250, 20);
	lab_done(&lab);
}

/* ---- nothing is left unused ---- */

static uint64_t all_bytes(const struct lab *lab)
{
	uint64_t bytes = 0;

	for (uint8_t c = 0; c < PKT_N_CLASSES; c++)
		bytes += lab_class_bytes(lab, c);
	return bytes;
}

/* Random arrivals: as long as something waits the port's rate is used up,
 * quantum by quantum, and no more than that. */
static void test_work_conserving(void **state)
{
	const int64_t grant = 12500; /* bytes in a quantum */
	uint32_t n_busy = 0, n_idle = 0;
	int64_t level = 0;
	struct lab lab;

	(void)state;
	lab_init(&lab, 4);
	lab.conf.rate.bits = GBIT;
	lab.conf.classes[0].min.bits = 100 * MBIT;
	lab.conf.classes[2].weight = 7;
	lab_start(&lab);
	for (uint32_t i = 0; i < 20000; i++) {
		const uint64_t was = all_bytes(&lab);

		for (uint32_t k = unit_below(&lab.random, 31); k; k--)
			lab_push(&lab, (uint8_t)unit_below(&lab.random, 4),
				 (uint16_t)unit_below(&lab.random, LAB_VMS),
				 lab_len(&lab));
		lab_pull(&lab);
		level -= (int64_t)(all_bytes(&lab) - was);
		assert_true(level >= -1514);
		if (scheduler_n_waiting(lab.s)) {
			assert_true(level < 0);
			n_busy++;
		} else {
			n_idle++;
		}
		level += grant;
		if (!scheduler_n_waiting(lab.s) && level > 0)
			level = 0;
		lab.now += 100 * NS_PER_US;
	}
	if (n_busy < 1000 || n_idle < 500)
		fail_msg("busy %u, idle %u", n_busy, n_idle);
	lab_done(&lab);
}

/* Without limits all goes at once, as much as the caller has room for. */
static void test_no_limit(void **state)
{
	uint64_t packets[LAB_BATCH];
	struct lab lab;

	(void)state;
	lab_init(&lab, 8);
	lab_start(&lab);
	for (uint32_t i = 0; i < 8; i++)
		for (uint32_t k = 0; k < 100; k++)
			lab_push(&lab, (uint8_t)i, (uint16_t)(k % LAB_VMS),
				 lab_len(&lab));
	assert_int_equal(scheduler_next(lab.s, lab.now), lab.now);
	assert_int_equal(lab_pull(&lab), 800);
	assert_int_equal(scheduler_next(lab.s, lab.now), RATE_NEVER);
	/* A limit in bytes ends with the packet that reaches it. */
	lab_fill(&lab, 0, 1, 10, 1000);
	assert_int_equal(
		scheduler_dequeue(lab.s, lab.now, LAB_BATCH, 2001, packets), 3);
	for (uint32_t i = 0; i < 3; i++) {
		lab.flows[0][1].next_out++;
		lab.flows[0][1].n_out++;
		lab.flows[0][1].n_waiting--;
		lab.flows[0][1].bytes_out += 1000;
	}
	lab_done(&lab);
}

/* ---- when ---- */

static void test_next(void **state)
{
	struct lab lab;
	uint64_t next;

	(void)state;
	lab_init(&lab, 2);
	lab.conf.classes[0].max.bits = 8 * MBIT; /* a byte in 1 us */
	lab.conf.classes[1].max.bits = 80 * MBIT;
	lab_start(&lab);
	assert_int_equal(scheduler_next(lab.s, lab.now), RATE_NEVER);
	lab_fill(&lab, 0, 1, 3, 1000);
	assert_int_equal(scheduler_next(lab.s, lab.now), lab.now);
	assert_int_equal(lab_pull(&lab), 1);
	/* 1000 us: ten quanta */
	next = scheduler_next(lab.s, lab.now);
	assert_int_equal(next, lab.now + 1000 * NS_PER_US);
	lab.now = next - 1;
	assert_int_equal(lab_pull(&lab), 0);
	lab.now = next;
	assert_int_equal(lab_pull(&lab), 1);
	/* the sooner one of two; within a quantum, at its end */
	lab.now += 30 * NS_PER_US;
	lab_fill(&lab, 1, 1, 3, 777);
	assert_int_equal(lab_pull(&lab), 1);
	next = scheduler_next(lab.s, lab.now);
	assert_int_equal(next, lab.now + 70 * NS_PER_US);
	lab.now = next;
	assert_int_equal(lab_pull(&lab), 1);
	/* a clock that goes back is no news */
	lab.now -= 50 * NS_PER_US;
	assert_int_equal(lab_pull(&lab), 0);
	lab_done(&lab);
}

/* ---- settings ---- */

/* Another rate while packets wait holds from then on. */
static void test_set(void **state)
{
	struct lab lab;
	uint64_t was;

	(void)state;
	lab_init(&lab, 1);
	lab.conf.rate.bits = MBIT;
	lab_start(&lab);
	lab_fill(&lab, 0, 1, 4000, 1000);
	lab_pull(&lab);
	lab.conf.rate.bits = 100 * MBIT;
	assert_int_equal(scheduler_set(lab.s, &lab.conf, lab.now), 0);
	was = lab_class_bytes(&lab, 0);
	for (uint32_t i = 0; i < 100; i++) {
		lab.now += 100 * NS_PER_US;
		lab_pull(&lab);
	}
	lab_assert_near("new rate", lab_class_bytes(&lab, 0) - was,
			100 * MBIT / 8 / 100, 10);
	lab.conf.rate.bits = 0;
	assert_int_equal(scheduler_set(lab.s, &lab.conf, lab.now), 0);
	lab_pull(&lab);
	assert_int_equal(lab.flows[0][1].n_waiting, 0);
	/* What another scheduler is needed for. */
	lab.conf.used = 3;
	assert_int_equal(scheduler_set(lab.s, &lab.conf, lab.now), -EINVAL);
	lab.conf.used = 1;
	lab.conf.n_packets++;
	assert_int_equal(scheduler_set(lab.s, &lab.conf, lab.now), -EINVAL);
	lab_done(&lab);
}

static void test_check(void **state)
{
	struct scheduler_conf ok, conf;

	(void)state;
	scheduler_conf_init(&ok, 100);
	ok.used = 7;
	ok.rate = (struct rate){ .bits = GBIT, .packets = 1000 };
	ok.classes[0].min.bits = 400 * MBIT;
	ok.classes[1].min = (struct rate){ .bits = 300 * MBIT, .packets = 400 };
	ok.classes[2].strict = true;
	ok.classes[2].max = (struct rate){ .bits = 300 * MBIT, .packets = 600 };
	assert_int_equal(scheduler_check(&ok), 0);
#define BAD(err, change)                                       \
	do {                                                   \
		conf = ok;                                     \
		conf.change;                                   \
		assert_int_equal(scheduler_check(&conf), err); \
	} while (0)
	BAD(-ERANGE, classes[0].min.bits++);
	BAD(-ERANGE, classes[1].min.packets++);
	BAD(-ERANGE, classes[2].max.bits++);
	BAD(-ERANGE, classes[2].max.packets = 0);
	BAD(0, classes[3].min.bits = GBIT); /* not in use */
	BAD(-EINVAL, classes[2].min.bits = 1);
	BAD(-EINVAL, classes[1].weight = 0);
	BAD(-EINVAL, classes[1].weight = SCHEDULER_MAX_WEIGHT + 1);
	BAD(-EINVAL, classes[1].target_us = 5000);
	BAD(-EINVAL, classes[1].max.burst = RATE_MAX_BURST + 1);
	BAD(-EINVAL, used = 6);
	BAD(-EINVAL, n_packets = 0);
	BAD(-EINVAL, n_packets = SCHEDULER_MAX_PACKETS + 1);
	BAD(-EINVAL, quantum_ns = 0);
	BAD(-EINVAL, quantum_ns = SCHEDULER_MAX_QUANTUM_NS + 1);
	BAD(-EINVAL, late_ns = RATE_MAX_LATE_NS + 1);
	BAD(-EINVAL, overhead = 257);
	BAD(-EINVAL, rate.bits = RATE_MAX_BITS + 1);
#undef BAD
}

/* The largest of everything at once stays within 64 bits. */
static void test_largest(void **state)
{
	const struct rate most = { .bits = RATE_MAX_BITS,
				   .packets = RATE_MAX_PACKETS,
				   .burst = RATE_MAX_BURST,
				   .burst_packets = RATE_MAX_BURST_PACKETS };
	struct lab lab;

	(void)state;
	lab_init(&lab, 1);
	lab.conf.rate = most;
	lab.conf.classes[0].max = most;
	lab.conf.late_ns = RATE_MAX_LATE_NS;
	lab.conf.quantum_ns = SCHEDULER_MAX_QUANTUM_NS;
	lab_start(&lab);
	for (uint32_t i = 0; i < 100; i++) {
		lab_fill(&lab, 0, 1, 1000, PACKET_MAX_LEN);
		lab_pull_some(&lab, 900);
		lab.now += i % 10 ? 1 : i * 1000 * NS_PER_SEC;
	}
	lab_done(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_shares),
		cmocka_unit_test(test_shares_by_bytes),
		cmocka_unit_test(test_no_hoarding),
		cmocka_unit_test(test_no_hoarding_by_maximum),
		cmocka_unit_test(test_strict_order),
		cmocka_unit_test(test_strict_maximum),
		cmocka_unit_test(test_minimum),
		cmocka_unit_test(test_minimum_packets),
		cmocka_unit_test(test_minimum_of_device),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_maximum_in_turns),
		cmocka_unit_test(test_rates_accurate),
		cmocka_unit_test(test_rates_together),
		cmocka_unit_test(test_work_conserving),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
