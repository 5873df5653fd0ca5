// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The scheduler's queues: what finds no room and why, order, ageing beside the
 * pseudo-code of RFC 8289, marks; and random operations beside a model.
 */
#include "scheduler_lab.h"

/* ---- no room ---- */

static void test_drops(void **state)
{
	struct lab lab;
	uint64_t n_full;
	uint32_t n;

	(void)state;
	lab_init(&lab, 3);
	lab.conf.n_packets = 100;
	lab.conf.classes[1].limit = 40;
	lab.conf.classes[2].vm_limit = 5;
	lab_start(&lab);

	/* One VM has half of its class's room, the next half of what is
	 * left, ... */
	for (n = 0; lab_push(&lab, 1, 1, 100); n++)
		;
	assert_int_equal(n, 20);
	assert_int_equal(lab.n_dropped[SCHEDULER_VM_FULL], 1);
	for (n = 0; lab_push(&lab, 1, 2, 100); n++)
		;
	assert_int_equal(n, 10);
	/* ... until there is none at all. */
	for (uint32_t i = 0; i < 100; i++)
		lab_push(&lab, 1, (uint16_t)(3 + i % 5), 100);
	assert_int_equal(lab.n_dropped[SCHEDULER_CLASS_FULL], 0);
	assert_true(lab_push(&lab, 1, 0, 100));
	assert_false(lab_push(&lab, 1, 0, 100));
	assert_int_equal(lab.n_dropped[SCHEDULER_CLASS_FULL], 1);

	n_full = lab.n_dropped[SCHEDULER_VM_FULL];
	for (n = 0; lab_push(&lab, 2, 1, 100); n++)
		;
	assert_int_equal(n, 5);
	assert_int_equal(lab.n_dropped[SCHEDULER_VM_FULL], n_full + 1);

	for (uint32_t i = 0; i < 500; i++)
		lab_push(&lab, 0, (uint16_t)(i % LAB_VMS), 100);
	/* The port is as good as full of them, and others still find room ... */
	assert_true(lab_push(&lab, 2, 2, 100));
	/* ... until there is none at all. */
	for (uint16_t vm = 3; vm < LAB_VMS; vm++)
		lab_push(&lab, 2, vm, 100);
	lab_push(&lab, 2, 0, 100);
	assert_int_equal(scheduler_n_waiting(lab.s), 100);
	assert_true(lab.n_dropped[SCHEDULER_PORT_FULL] > 0);

	/* With room again all goes on. */
	lab_assert_conserved(&lab);
	assert_int_equal(lab_pull(&lab), 100);
	assert_true(lab_push(&lab, 1, 1, 100));
	lab_done(&lab);
}

/* Whoever comes last finds room, and his turn, however much others send. */
static void test_hog(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab, 1);
	lab.conf.n_packets = 1024;
	lab.conf.rate.bits = 100 * MBIT;
	lab_start(&lab);
	for (uint32_t i = 0; i < 1000; i++) {
		/* Three send all they can, VM 4 a packet in 1 ms. */
		for (uint32_t k = 0; k < 300; k++)
			lab_push(&lab, 0, (uint16_t)(1 + k % 3), 1500);
		if (i % 10 == 0)
			assert_true(lab_push(&lab, 0, 4, 1500));
		lab_pull(&lab);
		/* A round of the four is 480 us. */
		assert_true(lab.flows[0][4].n_waiting <= 1);
		lab.now += 100 * NS_PER_US;
	}
	lab_assert_near("VM 1", lab.flows[0][1].n_out, lab.flows[0][2].n_out,
			10);
	lab_done(&lab);
}

/* Slots that are none, classes that are not in use. */
static void test_strangers(void **state)
{
	uint64_t packets[LAB_BATCH];
	struct scheduler_stats stats;
	struct lab lab;

	(void)state;
	lab_init(&lab, 2);
	lab_start(&lab);
	assert_true(scheduler_enqueue(lab.s, 7, PKT_MAX_PORTS,
				      lab_packet(0, 0, 0, 60), lab.now));
	assert_true(scheduler_enqueue(lab.s, 255, UINT16_MAX,
				      lab_packet(0, 0, 1, 60), lab.now));
	assert_true(scheduler_enqueue(lab.s, 0, 0, lab_packet(0, 0, 2, 60),
				      lab.now));
	scheduler_get_stats(lab.s, 0, &stats);
	assert_int_equal(stats.n_waiting, 3);
	assert_int_equal(stats.bytes_waiting, 180);
	assert_int_equal(scheduler_dequeue(lab.s, lab.now, LAB_BATCH,
					   UINT64_MAX, packets),
			 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(lab_seq(packets[i]), i);
	assert_string_equal(scheduler_drop_name(SCHEDULER_AGED), "aged");
	scheduler_free(lab.s);
	scheduler_free(NULL);
}

/* ---- ageing ---- */

/* RFC 8289, section 5, as it stands there; in its own arithmetic but for the
 * square root, which both round down to 1/256. */
#define TARGET	 4
#define INTERVAL 97
#define MTU	 1514

struct reference {
	uint64_t at[4096]; /* of packets, a ring */
	uint32_t len[4096];
	uint32_t head, tail; /* sequence numbers */
	uint64_t bytes;
	uint64_t first_above, drop_next;
	uint32_t count, last_count;
	bool dropping;
	uint32_t dropped[4096], n_dropped;
};

struct reference_result {
	uint32_t seq;
	bool any, ok_to_drop;
};

static uint64_t reference_law(uint64_t t, uint32_t n)
{
	uint64_t root = 0;

	while ((root + 1) * (root + 1) <= (uint64_t)n << 16)
		root++;
	return t + ((uint64_t)INTERVAL << 8) / root;
}

static struct reference_result reference_dodequeue(struct reference *r,
						   uint64_t now)
{
	struct reference_result result = { 0 };
	uint64_t sojourn;

	if (r->head == r->tail) {
		r->first_above = 0;
		return result;
	}
	result.any = true;
	result.seq = r->head++;
	r->bytes -= r->len[result.seq % 4096];
	sojourn = now - r->at[result.seq % 4096];
	if (sojourn < TARGET || r->bytes <= MTU)
		r->first_above = 0;
	else if (!r->first_above)
		r->first_above = now + INTERVAL;
	else if (now >= r->first_above)
		result.ok_to_drop = true;
	return result;
}

static void reference_drop(struct reference *r,
			   const struct reference_result *result)
{
	r->dropped[r->n_dropped++ % 4096] = result->seq;
}

static struct reference_result reference_deque(struct reference *r,
					       uint64_t now)
{
	struct reference_result result = reference_dodequeue(r, now);

	if (r->dropping) {
		if (!result.ok_to_drop)
			r->dropping = false;
		while (now >= r->drop_next && r->dropping) {
			reference_drop(r, &result);
			++r->count;
			result = reference_dodequeue(r, now);
			if (!result.ok_to_drop)
				r->dropping = false;
			else
				r->drop_next =
					reference_law(r->drop_next, r->count);
		}
	} else if (result.ok_to_drop) {
		uint32_t delta;

		reference_drop(r, &result);
		result = reference_dodequeue(r, now);
		r->dropping = true;
		delta = r->count - r->last_count;
		r->count = 1;
		if (delta > 1 && now - r->drop_next < 16 * INTERVAL)
			r->count = delta;
		r->drop_next = reference_law(now, r->count);
		r->last_count = r->count;
	}
	return result;
}

/* Loads that rise over what leaves and fall below it, for @steps steps of the
 * unit of ages. Returns packets dropped. */
static uint64_t beside_reference(struct lab *lab, struct reference *r,
				 uint32_t steps)
{
	uint32_t load = 0;

	for (uint32_t i = 0; i < steps; i++) {
		const uint64_t now = lab->now >> 10;
		struct reference_result result;
		uint32_t n_dropped = r->n_dropped;

		if (i % 500 == 0)
			load = unit_below(&lab->random, 150);
		if (unit_below(&lab->random, 100) < load) {
			const uint32_t len = lab_len(lab);

			if (lab_push(lab, 0, 1, len)) {
				r->at[r->tail % 4096] = now;
				r->len[r->tail % 4096] = len;
				r->bytes += len;
				r->tail++;
			}
		}
		if (unit_below(&lab->random, 100) < 60) {
			const uint32_t n = lab_pull_some(lab, 1);

			result = reference_deque(r, now);
			assert_int_equal(n, result.any);
			if (n)
				assert_int_equal(lab->flows[0][1].next_out,
						 result.seq + 1);
			n_dropped = r->n_dropped - n_dropped;
			assert_int_equal(lab->n_dropped[SCHEDULER_AGED],
					 r->n_dropped);
		}
		lab->now += 1024;
	}
	return r->n_dropped;
}

static void init_ageing(struct lab *lab)
{
	lab_init(lab, 1);
	lab->conf.n_packets = 8192;
	lab->conf.classes[0].limit = 4000; /* of one VM: 2000 */
	lab->conf.classes[0].target_us = TARGET * 1024 / 1000 + 1;
	lab->conf.classes[0].interval_us = INTERVAL * 1024 / 1000 + 1;
	lab->conf.mtu = MTU;
	lab_start(lab);
}

static void test_codel(void **state)
{
	struct reference *r = calloc(1, sizeof(*r));
	struct lab lab;

	(void)state;
	assert_non_null(r);
	init_ageing(&lab);
	/* So that numbers in both agree: nothing is refused at the door. */
	assert_true(beside_reference(&lab, r, 300000) > 1000);
	assert_int_equal(lab.n_dropped[SCHEDULER_VM_FULL], 0);
	assert_true(r->count > 3);
	lab_done(&lab);
	free(r);
}

/* Ages pass 2^32 of their units. */
static void test_codel_wraps(void **state)
{
	struct reference *r = calloc(1, sizeof(*r));
	struct lab lab;

	(void)state;
	assert_non_null(r);
	init_ageing(&lab);
	lab.now = ((1ull << 32) - 20000) << 10;
	assert_true(beside_reference(&lab, r, 60000) > 100);
	lab_done(&lab);
	free(r);
}

/* The 5 and 100 ms of the RFC: one VM that floods a class is held to the
 * target in the long run, its neighbour loses nothing. */
static void test_codel_per_vm(void **state)
{
	uint32_t most = 0;
	struct lab lab;

	(void)state;
	lab_init(&lab, 1);
	lab.conf.rate.bits = 100 * MBIT;
	lab.conf.classes[0].target_us = 5000;
	lab.conf.classes[0].interval_us = 100000;
	lab_start(&lab);
	for (uint32_t i = 0; i < 100000; i++) {
		/* 92 Mbit/s beside 10 */
		if (i % 30 < 23)
			lab_push(&lab, 0, 1, 1500);
		if (i % 12 == 0)
			lab_push(&lab, 0, 2, 1500);
		lab_pull(&lab);
		most = max_u32(most, lab.flows[0][1].n_waiting);
		lab.now += 100 * NS_PER_US;
	}
	assert_int_equal(lab.flows[0][2].n_dropped, 0);
	/* Without it 1667 packets would wait by now. */
	assert_in_range(lab.flows[0][1].n_dropped, 1200, 2000);
	if (most < 200 || most > 400)
		fail_msg("%u waited, %u do", most, lab.flows[0][1].n_waiting);
	lab_done(&lab);
}

/* ---- marks ---- */

static void test_marks_rather_than_drops(void **state)
{
	struct scheduler_stats stats;
	struct lab lab;

	(void)state;
	for (int can = 0; can < 2; can++) {
		lab_init(&lab, 1);
		lab.conf.rate.bits = 100 * MBIT;
		lab.conf.classes[0].target_us = 5000;
		lab.conf.classes[0].interval_us = 100000;
		lab.conf.classes[0].ecn = true;
		lab.can_mark = can;
		lab_start(&lab);
		for (uint32_t i = 0; i < 10000; i++) {
			lab_push(&lab, 0, 1, 1500);
			lab_pull(&lab);
			lab.now += 100 * NS_PER_US;
		}
		scheduler_get_stats(lab.s, 0, &stats);
		if (can)
			assert_int_equal(lab.n_dropped[SCHEDULER_AGED], 0);
		else
			assert_int_equal(stats.n_marked, 0);
		assert_true(stats.n_marked + lab.n_dropped[SCHEDULER_AGED] >
			    15);
		lab_done(&lab);
	}
}

/* Those that have waited as long as the threshold, and no others. */
static void test_mark_threshold(void **state)
{
	struct scheduler_stats stats;
	struct lab lab;

	(void)state;
	lab_init(&lab, 1);
	lab.conf.classes[0].mark_us = 500;
	lab.can_mark = true;
	lab_start(&lab);
	lab_fill(&lab, 0, 1, 10, 1500);
	lab.now += 400 * NS_PER_US;
	lab_fill(&lab, 0, 1, 20, 1500);
	lab.now += 101 * NS_PER_US;
	assert_int_equal(lab_pull(&lab), 20);
	scheduler_get_stats(lab.s, 0, &stats);
	assert_int_equal(stats.n_marked, 10);
	assert_int_equal(lab.n_asked_to_mark, 10);
	lab.can_mark = false;
	lab_fill(&lab, 0, 1, 10, 1500);
	lab.now += 600 * NS_PER_US;
	assert_int_equal(lab_pull(&lab), 10);
	scheduler_get_stats(lab.s, 0, &stats);
	assert_int_equal(stats.n_marked, 10);
	lab_done(&lab);
}

/* ---- anything ---- */

static struct rate any_rate(struct lab *lab, uint64_t most)
{
	struct rate rate = { 0 };

	if (unit_below(&lab->random, 2))
		rate.bits = 1 + unit_random(&lab->random) % most;
	if (!unit_below(&lab->random, 4))
		rate.packets = 1 + unit_random(&lab->random) % (most / 1000);
	rate.burst = unit_below(&lab->random, 100000);
	rate.burst_packets = unit_below(&lab->random, 100);
	return rate;
}

static void any_conf(struct lab *lab)
{
	struct scheduler_conf *conf = &lab->conf;

	do {
		conf->rate = any_rate(lab, 10 * GBIT);
		conf->quantum_ns = 1000 + unit_below(&lab->random, 1000000);
		conf->late_ns = unit_below(&lab->random, 5000000);
		conf->overhead = unit_below(&lab->random, 30);
		for (uint32_t i = 0; i < PKT_N_CLASSES; i++) {
			struct scheduler_class_conf *class = &conf->classes[i];

			memset(class, 0, sizeof(*class));
			class->weight =
				(uint16_t)(1 + unit_below(&lab->random, 256));
			class->max = any_rate(lab, 10 * GBIT);
			class->strict = !unit_below(&lab->random, 4);
			if (!class->strict && !unit_below(&lab->random, 3))
				class->min = any_rate(lab, GBIT);
			class->limit = unit_below(&lab->random, 600);
			class->vm_limit = unit_below(&lab->random, 200);
			if (!unit_below(&lab->random, 3))
				class->target_us =
					1 + unit_below(&lab->random, 5000);
			class->interval_us =
				1 + unit_below(&lab->random, 100000);
			class->ecn = unit_below(&lab->random, 2);
			class->mark_us = unit_below(&lab->random, 2000);
		}
	} while (scheduler_check(conf));
}

/* What the port may have sent since its rate was set, at most. */
struct port_bound {
	uint64_t since_ns, bytes, packets;
};

static void assert_bound(const struct lab *lab, const struct port_bound *begin,
			 uint64_t bytes, uint64_t packets)
{
	const struct rate *rate = &lab->conf.rate;
	/* The time since, what may be made up for, and the quantum that had
	 * begun. */
	const double s = (double)(lab->now - begin->since_ns + 5 * NS_PER_MS +
				  lab->conf.quantum_ns) /
			 1e9;

	bytes += lab->conf.overhead * (packets - begin->packets);
	if (rate->bits)
		assert_true((double)(bytes - begin->bytes) <=
			    (double)rate->bits / 8 * s + rate->burst + 66000);
	if (rate->packets)
		assert_true((double)(packets - begin->packets) <=
			    (double)rate->packets * s + rate->burst_packets +
				    2);
}

static void sum_sent(const struct lab *lab, uint64_t *ret_bytes,
		     uint64_t *ret_packets)
{
	*ret_bytes = 0;
	*ret_packets = 0;
	for (uint32_t c = 0; c < PKT_N_CLASSES; c++)
		for (uint32_t v = 0; v < LAB_VMS; v++) {
			*ret_bytes += lab->flows[c][v].bytes_out;
			*ret_packets += lab->flows[c][v].n_out;
		}
}

/* Settings, arrivals, departures, time in any order: all is conserved and in
 * order (lab_pull()), no more goes than may, and when nothing goes the time it
 * will is known. */
static void run_random(uint64_t seed, uint32_t n_steps)
{
	struct port_bound begin;
	uint64_t bytes, packets;
	struct lab lab;

	lab_init(&lab, 8);
	lab.random = seed;
	lab.conf.n_packets = 1000;
	any_conf(&lab);
	lab_start(&lab);
	lab.random = seed;
	begin = (struct port_bound){ .since_ns = lab.now };
	for (uint32_t i = 0; i < n_steps; i++) {
		uint32_t n;
		uint64_t next;

		lab.can_mark = unit_below(&lab.random, 2);
		for (n = unit_below(&lab.random, 100); n; n--)
			lab_push(&lab, (uint8_t)unit_below(&lab.random, 8),
				 (uint16_t)unit_below(&lab.random, LAB_VMS),
				 unit_below(&lab.random, 50) ? lab_len(&lab)
							     : 65000);
		lab_pull_some(&lab, unit_below(&lab.random, 200));
		sum_sent(&lab, &bytes, &packets);
		assert_bound(&lab, &begin, bytes, packets);
		lab.now += unit_below(&lab.random, 200000);
		if (!unit_below(&lab.random, 50)) {
			any_conf(&lab);
			assert_int_equal(
				scheduler_set(lab.s, &lab.conf, lab.now), 0);
			begin = (struct port_bound){ lab.now, bytes, packets };
		}
		if (!unit_below(&lab.random, 500))
			scheduler_clear(lab.s);
		/* Until nothing goes: then at the time it says, and not
		 * before. */
		if (!unit_below(&lab.random, 20)) {
			lab_pull(&lab);
			next = scheduler_next(lab.s, lab.now);
			if (!scheduler_n_waiting(lab.s)) {
				assert_int_equal(next, RATE_NEVER);
				continue;
			}
			assert_true(next > lab.now);
			if (next - lab.now > NS_PER_SEC)
				continue;
			lab.now = next - 1;
			assert_int_equal(lab_pull(&lab), 0);
			lab.now = next;
			assert_true(lab_pull(&lab) > 0 ||
				    !scheduler_n_waiting(lab.s));
		}
		lab_assert_conserved(&lab);
	}
	lab_done(&lab);
}

static void test_random(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		run_random(seed, UNIT_SLOW ? 500 : 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_hog),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_codel),
		cmocka_unit_test(test_codel_wraps),
		cmocka_unit_test(test_codel_per_vm),
		cmocka_unit_test(test_marks_rather_than_drops),
		cmocka_unit_test(test_mark_threshold),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("scheduler_queue", tests, NULL,
					   NULL);
}
