// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Limiters under a clock that is a number: rates of pairs and VMs, order, the
 * wheel's end, other rates while packets wait, back-pressure, collection; and
 * random operations beside a model.
 */
#include "memory/packet.h"
#include "switching/limiter.h"
#include "unit.h"

#define VMS   4
#define TOS   9 /* destinations 0 to 8 */
#define BATCH 64
#define MBIT  1000000ull
#define GBIT  1000000000ull

/* What is known of one VM's packets to one destination. */
struct flow {
	uint32_t next_in, next_out;
	uint32_t n_waiting;
	uint64_t n_out, bytes_out;
	uint64_t limited_bytes_out; /* by its limiter */
};

struct lab {
	struct limiter *l;
	struct limiter_conf conf;
	uint64_t now, random;
	struct flow flows[VMS][TOS];
	uint32_t n_waiting;
	uint64_t n_dropped;
};

static void lab_init(struct lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	lab->now = 987654321987ull;
	lab->random = 1;
	lab->conf = (struct limiter_conf){ .n_pairs = 64,
					   .n_packets = 100000,
					   .vm_packets = 20000,
					   .pair_packets = 10000,
					   .late_ns = 5 * NS_PER_MS,
					   .idle_ns = 1 * NS_PER_SEC };
	assert_int_equal(limiter_new(&lab->conf, lab->now, &lab->l), 0);
}

static void set_vm(struct lab *lab, uint16_t vm, uint64_t bits)
{
	const struct rate rate = { .bits = bits };

	assert_int_equal(limiter_set_vm(lab->l, vm, &rate, lab->now), 0);
}

static void set_pair(struct lab *lab, uint16_t vm, uint32_t to, uint64_t bits)
{
	const struct rate rate = { .bits = bits };

	assert_int_equal(limiter_set_pair(lab->l, vm, to, &rate, lab->now), 0);
}

static void went(struct lab *lab, uint16_t vm, uint32_t to, uint64_t packet)
{
	struct flow *flow = &lab->flows[vm][to];

	assert_int_equal(packet_addr(packet) & 0xffffff, flow->next_out);
	assert_int_equal(packet_addr(packet) >> 24, vm * TOS + to);
	flow->next_out++;
	flow->n_out++;
	flow->bytes_out += packet_len(packet);
}

/* A packet that passes has gone. */
static enum limiter_result push(struct lab *lab, uint16_t vm, uint32_t to,
				uint32_t len)
{
	struct flow *flow = &lab->flows[vm][to];
	const uint64_t packet = packet_pack(
		(uint64_t)(vm * TOS + to) << 24 | flow->next_in, len);
	const bool has_room = limiter_has_room(lab->l, vm, to);
	const enum limiter_result result =
		limiter_push(lab->l, vm, to, packet, lab->now);

	assert_int_equal(has_room, result != LIMITER_FULL);
	if (result == LIMITER_FULL)
		return result;
	flow->next_in++;
	if (result == LIMITER_PASS) {
		went(lab, vm, to, packet);
	} else {
		flow->n_waiting++;
		lab->n_waiting++;
	}
	return result;
}

static uint32_t pull_some(struct lab *lab, uint32_t max)
{
	struct limiter_packet packets[BATCH];
	uint32_t sum = 0, n;

	do {
		n = limiter_pop(lab->l, lab->now, min_u32(BATCH, max - sum),
				packets);
		for (uint32_t i = 0; i < n; i++) {
			const uint32_t key = packet_addr(packets[i].packet) >>
					     24;

			/* Those of the rest say 0. */
			assert_int_equal(packets[i].vm, key / TOS);
			if (packets[i].to) {
				assert_int_equal(packets[i].to, key % TOS);
				lab->flows[key / TOS][key % TOS]
					.limited_bytes_out +=
					packet_len(packets[i].packet);
			}
			went(lab, packets[i].vm, key % TOS, packets[i].packet);
			lab->flows[packets[i].vm][key % TOS].n_waiting--;
			lab->n_waiting--;
		}
		sum += n;
	} while (n && sum < max);
	assert_int_equal(limiter_n_waiting(lab->l), lab->n_waiting);
	return sum;
}

static uint32_t pull(struct lab *lab)
{
	return pull_some(lab, UINT32_MAX);
}

static void fill(struct lab *lab, uint16_t vm, uint32_t to, uint32_t n,
		 uint32_t len)
{
	while (lab->flows[vm][to].n_waiting < n)
		assert_int_equal(push(lab, vm, to, len), LIMITER_KEPT);
}

static void drop(void *ctx, uint64_t packet)
{
	struct lab *lab = ctx;
	const uint32_t key = packet_addr(packet) >> 24;
	struct flow *flow = &lab->flows[key / TOS][key % TOS];

	lab->n_dropped++;
	lab->n_waiting--;
	flow->n_waiting--;
	flow->next_out++;
}

static void lab_done(struct lab *lab)
{
	for (uint16_t vm = 0; vm < VMS; vm++)
		limiter_clear_vm(lab->l, vm, drop, lab);
	assert_int_equal(lab->n_waiting, 0);
	assert_int_equal(limiter_n_waiting(lab->l), 0);
	assert_int_equal(limiter_n_pairs(lab->l), 0);
	for (uint16_t vm = 0; vm < VMS; vm++)
		for (uint32_t to = 0; to < TOS; to++)
			assert_int_equal(lab->flows[vm][to].next_in,
					 lab->flows[vm][to].next_out);
	limiter_free(lab->l);
}

static void assert_near(const char *what, uint64_t got, uint64_t want,
			uint64_t permille)
{
	const uint64_t off = got > want ? got - want : want - got;

	if (off * 1000 > want * permille)
		fail_msg("%s: %lu, expected %lu within %lu/1000", what, got,
			 want, permille);
}

/* For @ns, as a worker that comes when it is told to, or up to @late_ns later;
 * flows that are @to_fill (a bit per destination) never run empty. */
static void run(struct lab *lab, uint16_t vm, uint64_t ns, uint64_t late_ns,
		uint32_t to_fill, uint32_t len)
{
	const uint64_t end = lab->now + ns;
	/* What a worker that comes late may find to be sent. */
	const uint32_t n = late_ns ? 4000 : 200;

	for (;;) {
		uint64_t next;

		for (uint32_t to = 0; to < TOS; to++)
			if (to_fill >> to & 1)
				fill(lab, vm, to, n, len);
		pull_some(lab, n - 1);
		next = limiter_next(lab->l, lab->now);
		if (next <= lab->now)
			continue;
		if (late_ns)
			next += unit_below(&lab->random, (uint32_t)late_ns);
		if (next > end)
			break;
		lab->now = next;
	}
	lab->now = end;
}

/* ---- rates ---- */

static void accurate(const struct rate *rate, uint32_t len, uint64_t late_ns,
		     bool of_vm)
{
	struct lab lab;
	uint64_t was;
	char what[64];

	lab_init(&lab);
	if (of_vm)
		assert_int_equal(limiter_set_vm(lab.l, 1, rate, lab.now), 0);
	else
		assert_int_equal(limiter_set_pair(lab.l, 1, 1, rate, lab.now),
				 0);
	run(&lab, 1, 1 * NS_PER_MS, 0, 2, len);
	was = lab.flows[1][1].n_out;
	run(&lab, 1, 100 * NS_PER_MS, late_ns, 2, len);
	was = lab.flows[1][1].n_out - was;
	snprintf(what, sizeof(what), "%lu bit/s %lu packets/s late %lu",
		 rate->bits, rate->packets, late_ns);
	if (rate->bits)
		assert_near(what, was * len, rate->bits / 80, 20);
	else
		assert_near(what, was, rate->packets / 10, 20);
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
		accurate(&bits[i], lens[i], 0, true);
		accurate(&bits[i], lens[i], 100 * NS_PER_US, false);
		if (bits[i].bits <= GBIT)
			accurate(&bits[i], lens[i], 2 * NS_PER_MS, true);
	}
	for (uint64_t packets = 1000; packets <= 10000000; packets *= 10) {
		const struct rate rate = { .packets = packets };

		accurate(&rate, 1500, 0, false);
		accurate(&rate, 64, 100 * NS_PER_US, true);
	}
}

/* Pairs of a VM share its rate by bytes; one that has a lower one of its own
 * leaves the rest to the others, those without limiter among them. */
static void test_pairs_under_vm(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	set_vm(&lab, 1, 100 * MBIT);
	set_pair(&lab, 1, 1, GBIT);
	set_pair(&lab, 1, 2, GBIT);
	for (uint32_t i = 0; i < 1000; i++) {
		fill(&lab, 1, 1, 100, 1500);
		fill(&lab, 1, 2, 1000, 64);
		pull(&lab);
		lab.now += 100 * NS_PER_US;
	}
	assert_near("1500 B", lab.flows[1][1].bytes_out, 100 * MBIT / 160, 10);
	assert_near("64 B", lab.flows[1][2].bytes_out, 100 * MBIT / 160, 10);
	limiter_clear_vm(lab.l, 1, drop, &lab);

	lab.flows[1][1].bytes_out = lab.flows[1][2].bytes_out = 0;
	set_vm(&lab, 1, 100 * MBIT);
	set_pair(&lab, 1, 1, 20 * MBIT);
	set_pair(&lab, 1, 2, 10 * MBIT);
	run(&lab, 1, 100 * NS_PER_MS, 0, 1 | 2 | 4 | 8, 1000);
	assert_near("20", lab.flows[1][1].bytes_out, 20 * MBIT / 80, 10);
	assert_near("10", lab.flows[1][2].bytes_out, 10 * MBIT / 80, 20);
	assert_near("rest",
		    lab.flows[1][0].bytes_out + lab.flows[1][3].bytes_out,
		    70 * MBIT / 80, 10);
	/* Another VM is not concerned. */
	assert_int_equal(push(&lab, 2, 1, 1000), LIMITER_PASS);
	lab_done(&lab);
}

/* Long idle: what may be sent at once is the burst, and a packet more. After
 * that, whenever it is time something goes. */
static void burst(bool of_vm)
{
	const struct rate rate = { .bits = 10 * MBIT, .burst = 10000 };
	struct lab lab;

	lab_init(&lab);
	if (of_vm)
		assert_int_equal(limiter_set_vm(lab.l, 1, &rate, lab.now), 0);
	else
		assert_int_equal(limiter_set_pair(lab.l, 1, 1, &rate, lab.now),
				 0);
	for (uint32_t i = 0; i < 3; i++) {
		fill(&lab, 1, 1, 100, 1000);
		assert_int_equal(pull(&lab), 11);
		while (lab.n_waiting) {
			lab.now = limiter_next(lab.l, lab.now);
			assert_true(pull(&lab) > 0);
		}
		lab.now += 10 * NS_PER_SEC;
	}
	lab_done(&lab);
}

static void test_burst(void **state)
{
	(void)state;
	burst(false);
	burst(true);
}

/* Pairs of several VMs, a packet each in 3 to 31 ms: all over the wheel, each at
 * its time. */
static void test_on_time(void **state)
{
	struct lab lab;
	uint64_t begin;

	(void)state;
	lab_init(&lab);
	begin = lab.now;
	for (uint16_t vm = 0; vm < VMS; vm++)
		for (uint32_t to = 1; to < TOS; to++) {
			set_pair(&lab, vm, to, 8000 * 1000 / (vm * 8 + to + 2));
			fill(&lab, vm, to, 200, 1000);
		}
	while (lab.now < begin + 300 * NS_PER_MS) {
		pull(&lab);
		for (uint32_t i = 0; i < VMS * 8; i++) {
			const uint64_t n = lab.flows[i / 8][i % 8 + 1].n_out;
			/* A packet of 8000 bits at the rate, cut, above. */
			const uint64_t each =
				8000 * NS_PER_SEC / (8000 * 1000 / (i + 3));

			assert_true((n - 1) * each <=
				    lab.now - begin + LIMITER_SLOT_NS);
			assert_true(n * each + 2 * LIMITER_SLOT_NS >
				    lab.now - begin);
		}
		lab.now = limiter_next(lab.l, lab.now);
	}
	lab_done(&lab);
}

/* Through the end of the wheel, several times: a packet in 1.2 s, on time and
 * not before. */
static void test_horizon(void **state)
{
	uint64_t due;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	set_pair(&lab, 1, 1, 10000);
	due = lab.now;
	fill(&lab, 1, 1, 10, 1500);
	for (uint32_t n = 0; n < 10; n++) {
		while (!pull(&lab)) {
			const uint64_t next = limiter_next(lab.l, lab.now);

			assert_true(next > lab.now);
			assert_true(next <= lab.now + LIMITER_N_SLOTS *
							      LIMITER_SLOT_NS);
			lab.now = next;
		}
		assert_in_range(lab.now, due, due + LIMITER_SLOT_NS);
		due += 1200 * NS_PER_MS;
	}
	/* It has not been asked for long: nothing is forgotten. */
	fill(&lab, 1, 1, 1, 1500);
	assert_int_equal(pull(&lab), 0);
	lab.now += 3600 * NS_PER_SEC;
	assert_int_equal(pull(&lab), 1);
	assert_int_equal(limiter_next(lab.l, lab.now), RATE_NEVER);
	lab_done(&lab);
}

/* ---- other rates ---- */

static void test_rate_changes(void **state)
{
	struct lab lab;
	uint64_t was;

	(void)state;
	lab_init(&lab);
	set_pair(&lab, 1, 1, MBIT);
	set_vm(&lab, 2, MBIT);
	fill(&lab, 1, 1, 5000, 1000);
	fill(&lab, 2, 1, 5000, 1000);
	pull(&lab);
	/* What waits, waits for the new one: 5000 packets are 40 ms, not 40
	 * s. */
	set_pair(&lab, 1, 1, GBIT);
	set_vm(&lab, 2, GBIT);
	was = lab.now;
	while (lab.n_waiting) {
		lab.now = limiter_next(lab.l, lab.now);
		pull(&lab);
	}
	/* And the debt in bytes. */
	assert_near("faster", lab.now - was, 40 * NS_PER_MS, 20);

	/* Slower in the midst of it. */
	fill(&lab, 1, 1, 5000, 1000);
	run(&lab, 1, 1 * NS_PER_MS, 0, 0, 0);
	set_pair(&lab, 1, 1, 8 * MBIT);
	was = lab.flows[1][1].n_out;
	run(&lab, 1, 100 * NS_PER_MS, 0, 0, 0);
	assert_near("slower", lab.flows[1][1].n_out - was, 100, 20);

	/* And without any, all goes. */
	set_pair(&lab, 1, 1, 0);
	pull(&lab);
	assert_int_equal(lab.n_waiting, 0);
	assert_int_equal(push(&lab, 1, 1, 1000), LIMITER_PASS);
	lab_done(&lab);
}

/* ---- order ---- */

/* A limiter comes while packets to there wait without one; and goes. (The lab
 * looks at the order.) */
static void test_order_when_it_comes(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	set_vm(&lab, 1, 10 * MBIT);
	fill(&lab, 1, 1, 50, 1000);
	fill(&lab, 1, 2, 50, 1000);
	pull(&lab);
	set_pair(&lab, 1, 1, 5 * MBIT);
	assert_int_equal(push(&lab, 1, 1, 1000), LIMITER_KEPT);
	/* Those behind it do not wait for it. */
	set_pair(&lab, 1, 2, GBIT);
	fill(&lab, 1, 2, 80, 1000);
	fill(&lab, 1, 3, 10, 1000);
	while (lab.n_waiting) {
		lab.now = limiter_next(lab.l, lab.now);
		pull(&lab);
		if (lab.flows[1][1].n_out < 40)
			fill(&lab, 1, 1, 55, 1000);
	}
	/* Without a rate for the VM what waits still goes first. */
	fill(&lab, 1, 3, 10, 1000);
	set_vm(&lab, 1, 0);
	assert_int_equal(push(&lab, 1, 3, 1000), LIMITER_KEPT);
	set_pair(&lab, 1, 4, 0);
	assert_int_equal(push(&lab, 1, 4, 1000), LIMITER_KEPT);
	pull(&lab);
	assert_int_equal(lab.n_waiting, 0);
	assert_int_equal(push(&lab, 1, 3, 1000), LIMITER_PASS);
	assert_int_equal(push(&lab, 1, 4, 1000), LIMITER_PASS);
	lab_done(&lab);
}

/* ---- bounds ---- */

static void test_back_pressure(void **state)
{
	struct limiter_info info;
	struct lab lab;
	uint32_t n = 0;

	(void)state;
	lab_init(&lab);
	set_vm(&lab, 1, MBIT);
	set_vm(&lab, 2, MBIT);
	assert_int_equal(limiter_room(lab.l, 1), 20000);
	while (push(&lab, 1, 1, 100) == LIMITER_KEPT)
		n++;
	assert_int_equal(n, 10000); /* of a pair; the rest is one */
	set_pair(&lab, 1, 2, MBIT);
	set_pair(&lab, 1, 3, MBIT);
	for (n = 0; push(&lab, 1, 2, 100) == LIMITER_KEPT; n++)
		push(&lab, 1, 3, 100);
	assert_int_equal(n, 5000); /* of a VM */
	assert_int_equal(limiter_room(lab.l, 1), 0);
	/* Another one has its room. */
	assert_int_equal(limiter_room(lab.l, 2), 20000);
	assert_int_equal(push(&lab, 2, 1, 100), LIMITER_KEPT);
	assert_true(limiter_get_vm(lab.l, 1, &info));
	assert_int_equal(info.n_waiting, 20000);
	assert_true(info.n_full >= 2);
	/* With what goes room comes. */
	lab.now += 10 * NS_PER_MS;
	assert_true(pull(&lab) > 0);
	assert_true(limiter_room(lab.l, 1) > 0);
	assert_true(limiter_get_pair(lab.l, 1, 2, &info));
	assert_int_equal(info.bits, MBIT);
	assert_false(limiter_get_pair(lab.l, 1, 7, &info));
	lab_done(&lab);
}

static void test_out_of_nodes(void **state)
{
	struct lab lab;
	uint32_t n = 0;

	(void)state;
	lab_init(&lab);
	for (uint16_t vm = 0; vm < VMS; vm++)
		set_vm(&lab, vm, MBIT);
	lab.conf.n_packets = 100;
	limiter_free(lab.l);
	assert_int_equal(limiter_new(&lab.conf, lab.now, &lab.l), 0);
	for (uint16_t vm = 0; vm < VMS; vm++)
		set_vm(&lab, vm, MBIT);
	for (uint16_t vm = 0; vm < VMS; vm++)
		for (uint32_t i = 0; i < 40; i++)
			n += push(&lab, vm, 1, 100) == LIMITER_KEPT;
	assert_int_equal(n, 100);
	assert_int_equal(limiter_room(lab.l, 3), 0);
	lab_done(&lab);
}

static void test_collection(void **state)
{
	const struct rate rate = { .bits = MBIT };
	uint32_t at = 0, n = 0;
	struct limiter_info info;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	for (uint32_t to = 1; to <= 64; to++)
		set_pair(&lab, 1, to, MBIT);
	assert_int_equal(limiter_set_pair(lab.l, 1, 65, &rate, lab.now),
			 -ENOSPC);
	while (limiter_next_pair(lab.l, &at, &info))
		n++;
	assert_int_equal(n, 64);
	lab.now += 900 * NS_PER_MS;
	assert_int_equal(limiter_collect(lab.l, lab.now, 1000), 0);
	/* One is used, one waits, one is set: the others go, a few at a
	 * time. */
	push(&lab, 1, 1, 1000);
	pull(&lab);
	fill(&lab, 1, 2, 100, 1000);
	pull(&lab);
	set_pair(&lab, 1, 3, MBIT);
	lab.now += 200 * NS_PER_MS;
	for (n = 0; limiter_n_pairs(lab.l) > 3; n++)
		assert_true(limiter_collect(lab.l, lab.now, 10) <= 10);
	assert_in_range(n, 6, 7);
	lab.now += 800 * NS_PER_MS + 1 * NS_PER_MS;
	limiter_collect(lab.l, lab.now, 1000);
	assert_int_equal(limiter_n_pairs(lab.l), 1);
	assert_true(limiter_get_pair(lab.l, 1, 2, &info));
	/* And there is room for others. */
	assert_int_equal(limiter_set_pair(lab.l, 1, 65, &rate, lab.now), 0);
	lab_done(&lab);
}

static void test_check(void **state)
{
	struct rate rate = { .bits = RATE_MAX_BITS + 1 };
	struct limiter *l;
	struct lab lab;

	(void)state;
	lab_init(&lab);
#define BAD(change)                                                   \
	do {                                                          \
		struct limiter_conf conf = lab.conf;                  \
		conf.change;                                          \
		assert_int_equal(limiter_new(&conf, 0, &l), -EINVAL); \
	} while (0)
	BAD(n_pairs = 0);
	BAD(n_pairs = LIMITER_MAX_PAIRS + 1);
	BAD(n_packets = 0);
	BAD(n_packets = LIMITER_MAX_PACKETS + 1);
	BAD(overhead = 257);
	BAD(late_ns = RATE_MAX_LATE_NS + 1);
#undef BAD
	assert_int_equal(limiter_set_vm(lab.l, 1, &rate, lab.now), -EINVAL);
	assert_int_equal(limiter_set_pair(lab.l, 1, 1, &rate, lab.now),
			 -EINVAL);
	assert_int_equal(limiter_n_pairs(lab.l), 0);
	limiter_free(NULL);
	lab_done(&lab);
}

/* ---- anything ---- */

/* What a pair or VM may have sent since its rate was set. */
struct bound {
	uint64_t bits, since_ns, bytes;
};

static void assert_bound(const struct lab *lab, const struct bound *bound,
			 uint64_t bytes)
{
	const double s = (double)(lab->now - bound->since_ns) / 1e9 + 0.005;

	if (bound->bits)
		assert_true((double)(bytes - bound->bytes) <=
			    (double)bound->bits / 8 * s + 1501);
}

static uint64_t vm_bytes(const struct lab *lab, uint16_t vm)
{
	uint64_t bytes = 0;

	for (uint32_t to = 0; to < TOS; to++)
		bytes += lab->flows[vm][to].bytes_out;
	return bytes;
}

static uint64_t any_bits(struct lab *lab)
{
	return unit_below(&lab->random, 4)
		       ? 10000 + unit_random(&lab->random) % (100 * MBIT)
		       : 0;
}

/* Pushes, rates, time, and VMs that go, in any order: all is conserved and in
 * order (went()), nobody is faster than he may, and while something waits the
 * time to come is known. */
static void run_random(uint64_t seed, uint32_t n_steps)
{
	struct bound vms[VMS] = { 0 }, pairs[VMS][TOS] = { 0 };
	struct lab lab;

	lab_init(&lab);
	lab.random = seed;
	for (uint32_t i = 0; i < n_steps; i++) {
		const uint16_t vm = (uint16_t)unit_below(&lab.random, VMS);
		const uint32_t to = unit_below(&lab.random, TOS);
		uint64_t next;

		for (uint32_t n = unit_below(&lab.random, 20); n; n--)
			push(&lab, (uint16_t)unit_below(&lab.random, VMS),
			     unit_below(&lab.random, TOS),
			     64 + unit_below(&lab.random, 1437));
		if (!unit_below(&lab.random, 30)) {
			vms[vm] = (struct bound){ any_bits(&lab), lab.now,
						  vm_bytes(&lab, vm) };
			set_vm(&lab, vm, vms[vm].bits);
		}
		if (to && !unit_below(&lab.random, 10)) {
			pairs[vm][to] = (struct bound){
				any_bits(&lab), lab.now,
				lab.flows[vm][to].limited_bytes_out
			};
			set_pair(&lab, vm, to, pairs[vm][to].bits);
		}
		if (!unit_below(&lab.random, 20))
			limiter_collect(lab.l, lab.now, 5);
		if (!unit_below(&lab.random, 1000)) {
			limiter_clear_vm(lab.l, vm, drop, &lab);
			memset(&vms[vm], 0, sizeof(vms[vm]));
			memset(pairs[vm], 0, sizeof(pairs[vm]));
		}
		pull_some(&lab, unit_below(&lab.random, 100));
		for (uint16_t v = 0; v < VMS; v++) {
			assert_bound(&lab, &vms[v], vm_bytes(&lab, v));
			for (uint32_t t = 1; t < TOS; t++)
				assert_bound(&lab, &pairs[v][t],
					     lab.flows[v][t].limited_bytes_out);
		}
		next = limiter_next(lab.l, lab.now);
		assert_int_equal(next == RATE_NEVER, !lab.n_waiting);
		switch (unit_below(&lab.random, 4)) {
		case 0:
			pull(&lab);
			next = limiter_next(lab.l, lab.now);
			assert_true(next > lab.now);
			if (next == RATE_NEVER)
				break;
			lab.now = next - 1;
			assert_int_equal(pull(&lab), 0);
			lab.now = next;
			break;
		case 1:
			lab.now += unit_below(&lab.random, 1000000);
			break;
		case 2:
			if (!unit_below(&lab.random, 100))
				lab.now += unit_random(&lab.random) %
					   (2 * NS_PER_SEC);
			break;
		default:
			break;
		}
	}
	/* In the end all goes. */
	for (uint16_t vm = 0; vm < VMS; vm++)
		set_vm(&lab, vm, 0);
	for (uint16_t vm = 0; vm < VMS; vm++)
		for (uint32_t to = 1; to < TOS; to++)
			set_pair(&lab, vm, to, 0);
	pull(&lab);
	assert_int_equal(lab.n_waiting, 0);
	lab_done(&lab);
}

static void test_random(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		run_random(seed, UNIT_SLOW ? 1000 : 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates_accurate),
		cmocka_unit_test(test_pairs_under_vm),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_on_time),
		cmocka_unit_test(test_horizon),
		cmocka_unit_test(test_rate_changes),
		cmocka_unit_test(test_order_when_it_comes),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_out_of_nodes),
		cmocka_unit_test(test_collection),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
