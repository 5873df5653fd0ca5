// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a receiver tells its senders (policy/rate_control.c), in simulated time.
 * One round is 200 us.
 */
#include "rate_rig.h"

#define ROUNDS_IN_MS(ms) ((ms)*5)

static struct rig rig;

/* ---- convergence ---- */

/* 1, 3, 1 senders and more, with a round of delay: within 5 % and 1 ms, on the
 * full link, where nothing shows how much more is sent than fits. */
static void test_steps(void **state)
{
	static const uint32_t senders[] = { 1, 3, 1, 2, 40, 1, 7, 3, 2, 1 };
	struct rig_vm *vm;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	vm = rig_add(&rig, 1, 0, 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(senders); i++) {
		rig_senders(vm, senders[i]);
		assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 500), 0,
				ROUNDS_IN_MS(1));
		assert_true(
			rig_near(vm->state.rate.bps, 9 * GBIT / senders[i]));
	}
}

/* The same below what the link can bring, where all that is sent arrives. */
static void test_steps_below_link(void **state)
{
	static const uint32_t senders[] = { 1, 3, 1, 2, 10, 3, 1 };
	struct rig_vm *vm;

	(void)state;
	rig_init(&rig, 100 * GBIT, 1);
	vm = rig_add(&rig, 1, 0, 9 * GBIT);
	for (uint32_t i = 0; i < ARRAY_SIZE(senders); i++) {
		rig_senders(vm, senders[i]);
		assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 500), 0,
				ROUNDS_IN_MS(1));
	}
}

/* Feedback that takes longer, or not at all, is as good, if later; and with
 * up to four rounds besides it still settles. */
static void test_delays(void **state)
{
	static const uint32_t senders[] = { 1, 3, 1, 7, 2 };
	static const uint32_t limit[] = { 5, 5, 8, 15, 50 };

	(void)state;
	for (uint32_t delay = 0; delay < ARRAY_SIZE(limit); delay++) {
		struct rig_vm *vm;

		rig_init(&rig, 10 * GBIT, delay);
		vm = rig_add(&rig, 1, 0, 0);
		for (uint32_t i = 0; i < ARRAY_SIZE(senders); i++) {
			rig_senders(vm, senders[i]);
			assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 500), 0,
					limit[delay]);
		}
	}
}

/* What is in a buffer before the link, and arrives as fast as ever, is not taken
 * for what is sent: it gets empty in 5 ms, and not much is lost for that. */
static void test_buffer(void **state)
{
	struct rig_vm *vm;
	double waits;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	rig.buffer_bits = 10 * GBIT / 1000;
	vm = rig_add(&rig, 1, 0, 0);
	rig_senders(vm, 1);
	rig_run(&rig, 100);
	rig_senders(vm, 20);
	rig_run(&rig, 3);
	for (uint32_t i = 3; i < 200; i++) {
		rig_round(&rig);
		assert_true(vm->state.rate.bps > 0.75 * 9 / 20 * GBIT);
		waits = 0;
		for (uint32_t j = 0; j < 20; j++)
			waits += vm->sources[j].waits;
		if (i == 3)
			assert_true(waits > 0.8 * rig.buffer_bits);
		if (i >= ROUNDS_IN_MS(5))
			assert_true(waits < 0.1 * rig.buffer_bits);
	}
	assert_true(rig_near(vm->got, 9 * GBIT));
}

/* A few who want little leave the rest to the others. */
static void test_small_demands(void **state)
{
	struct rig_vm *vm;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	vm = rig_add(&rig, 1, 0, 0);
	rig_senders(vm, 2);
	for (uint32_t i = 2; i < 12; i++)
		vm->sources[i].demand = 0.01 * GBIT;
	/* 1.5 Gbit/s, where 3 would be fair */
	vm->sources[12].demand = 1.5 * GBIT;
	assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 500), 0,
			ROUNDS_IN_MS(2));
	assert_true(rig_near(vm->state.rate.bps, (9 - 0.1 - 1.5) / 2 * GBIT));
	/* And when one of the two stops, the other gets it. */
	vm->sources[0].demand = 0;
	assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 500), 0,
			ROUNDS_IN_MS(2));
	assert_true(rig_near(vm->state.rate.bps, (9 - 0.1 - 1.5) * GBIT));
}

/* Sources whose limiters give 20 % more, or less, than they were told. */
static void test_inexact_senders(void **state)
{
	struct rig_vm *vm;

	(void)state;
	for (double factor = 0.8; factor < 1.3; factor += 0.4) {
		rig_init(&rig, 10 * GBIT, 1);
		vm = rig_add(&rig, 1, 0, 5 * GBIT);
		for (uint32_t i = 0; i < RIG_SOURCES; i++)
			vm->sources[i].exceeds = factor;
		rig_senders(vm, 4);
		assert_in_range(rig_settle(&rig, vm, 5 * GBIT, 500), 0,
				ROUNDS_IN_MS(10));
	}
}

/* Whole packets, in step: the mean is there, each gets the same, and what they
 * are told does not swing much. */
static void test_packets(void **state)
{
	static const uint32_t senders[] = { 1, 27, 40 };

	(void)state;
	for (double bps = 1e7; bps < 1e12; bps *= 10)
		for (uint32_t i = 0; i < ARRAY_SIZE(senders); i++) {
			uint32_t n = senders[i],
				 rounds = UNIT_SLOW ? 5000 : 20000;
			struct rig_vm *vm;
			uint64_t first;
			double got;

			rig_init(&rig, bps, 1);
			rig.packet = 12000;
			rig.buffer_bits = 20 * rig.packet + bps / 1000;
			vm = rig_add(&rig, 1, 0, 0);
			rig_senders(vm, n);
			rig_run(&rig, rounds);
			first = vm->rx_bytes;
			for (uint32_t j = 0; j < rounds; j++) {
				double told;

				rig_round(&rig);
				told = vm->state.rate.bps * n / (0.9 * bps);
				assert_true(told > 0.5 && told < 1.2);
			}
			got = (double)(vm->rx_bytes - first) * 8 /
			      (rounds * 200e-6);
			assert_true(got > 0.85 * 0.9 * bps);
			assert_true(got < 1.05 * 0.9 * bps);
			assert_true((double)vm->sources[0].bytes >=
				    0.97 * (double)vm->sources[n - 1].bytes);
		}
}

/* ---- VMs beside each other ---- */

/* By weight, not by senders, within 3 ms; then what one leaves is shared by the
 * weights of those that are left, within 2. Wherever in S's round it begins. */
static void test_weights(void **state)
{
	double share = 9 * GBIT / 7;
	struct rig_vm *vm[3];

	(void)state;
	for (uint32_t phase = 0; phase < 5; phase++) {
		rig_init(&rig, 10 * GBIT, 1);
		for (uint32_t i = 0; i < 3; i++)
			vm[i] = rig_add(&rig, 1u << i, 0, 0);
		rig_senders(vm[0], 1);
		rig_run(&rig, 100 + phase);
		assert_true(rig_near(vm[0]->got, 9 * GBIT));
		rig_senders(vm[1], 20);
		rig_senders(vm[2], 2);
		rig_run(&rig, ROUNDS_IN_MS(3) - 1);
		for (uint32_t i = 0; i < 500; i++) {
			rig_round(&rig);
			for (uint32_t v = 0; v < 3; v++)
				assert_true(rig_near(vm[v]->got,
						     share * (1u << v)));
		}
		rig_senders(vm[2], 0);
		assert_in_range(rig_settle(&rig, vm[1], 6 * GBIT, 500), 0,
				ROUNDS_IN_MS(2));
		assert_true(rig_near(vm[0]->got, 3 * GBIT));
	}
}

/* A VM that was idle has its guarantee within 5 ms of wanting it, however many
 * send to the other; and what it does not use is the other's, as soon. */
static void test_guarantee(void **state)
{
	struct rig_vm *victim, *greedy;

	(void)state;
	for (uint32_t n = 1; n <= RIG_SOURCES; n += 7) {
		rig_init(&rig, 10 * GBIT, 1);
		victim = rig_add(&rig, 1, 6 * GBIT, 0);
		greedy = rig_add(&rig, 1, 1 * GBIT, 0);
		rig_senders(greedy, n);
		rig_run(&rig, 200);
		assert_true(rig_near(greedy->got, 9 * GBIT));
		for (uint32_t times = 0; times < 3; times++) {
			rig_senders(victim, 1);
			rig_run(&rig, ROUNDS_IN_MS(5));
			for (uint32_t i = 0; i < 200; i++) {
				rig_round(&rig);
				assert_true(victim->got > 0.95 * 6 * GBIT);
				assert_true(greedy->got > 0.95 * 1 * GBIT);
			}
			assert_true(
				rig_near(victim->got + greedy->got, 9 * GBIT));
			rig_senders(victim, 0);
			assert_in_range(rig_settle(&rig, greedy, 9 * GBIT, 200),
					0, ROUNDS_IN_MS(5));
		}
	}
}

/* Where all have more by their guarantee than by their share, and want less than
 * both, what nobody uses is not offered to each of them. */
static void test_guarantees_only(void **state)
{
	struct rig_vm *vm[RIG_VMS];

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	for (uint32_t i = 0; i < RIG_VMS; i++) {
		vm[i] = rig_add(&rig, 1, 2.25 * GBIT, 0);
		vm[i]->sources[0].demand = 1 * GBIT;
	}
	rig_run(&rig, 100);
	rig.link.share.bps = 0.3 * GBIT;
	for (uint32_t i = 0; i < ROUNDS_IN_MS(2); i++) {
		rig_round(&rig);
		assert_true(rig.link.share.bps < 2.6 * GBIT);
	}
	/* But it is at least the least of what is guaranteed. */
	assert_true(rig.link.share.bps > 2.2 * GBIT);
}

/* One that cannot be controlled (it sends what it likes, half the link) is paid
 * by those that have no guarantee. */
static void test_does_not_obey(void **state)
{
	struct rig_vm *victim, *greedy;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	victim = rig_add(&rig, 1, 4 * GBIT, 0);
	greedy = rig_add(&rig, 1, 0, 0);
	rig_senders(greedy, 1);
	greedy->sources[0].exceeds = INFINITY;
	greedy->sources[0].demand = 5 * GBIT;
	rig_senders(victim, 3);
	rig_run(&rig, 500);
	assert_true(victim->got > 0.95 * 4 * GBIT);
	assert_true(greedy->state.rate.bps < 0.6 * GBIT);
}

/* ---- slow guests ---- */

/* The rate goes to what the guest takes, with its ring neither full nor empty;
 * and comes back. */
static void test_slow_guest(void **state)
{
	struct rig_vm *vm, *other;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	vm = rig_add(&rig, 1, 1 * GBIT, 0);
	other = rig_add(&rig, 1, 1 * GBIT, 0);
	rig_senders(vm, 4);
	rig_senders(other, 1);
	rig_run(&rig, 200);
	assert_true(rig_near(vm->got, 4.5 * GBIT));
	vm->guest_bps = 0.5 * GBIT;
	/* 5 ms to see it, and 60 more to have the ring emptier. */
	rig_run(&rig, ROUNDS_IN_MS(5));
	for (uint32_t i = 0; i < 2000; i++) {
		rig_round(&rig);
		assert_true(vm->got < 1.05 * vm->guest_bps);
		assert_true(i < 50 || vm->got > 0.75 * vm->guest_bps);
		assert_int_equal(vm->state.limit, RATE_BY_GUEST);
	}
	assert_true(rig_near(vm->got, vm->guest_bps));
	assert_in_range(vm->measure.ring_used, 480, 600);
	/* The other one has the rest. */
	assert_true(rig_near(vm->got + other->got, 9 * GBIT));
	vm->guest_bps = INFINITY;
	assert_in_range(rig_settle(&rig, vm, 4.5 * GBIT, 500), 0,
			ROUNDS_IN_MS(5));
	assert_int_equal(vm->state.limit, RATE_BY_SHARE);
}

/* One that takes nothing for 0.6 ms, and then twice as fast for as long, by and
 * by has what it takes in the mean. */
static void test_guest_in_turns(void **state)
{
	struct rig_vm *vm;
	uint64_t first = 0;
	double got;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	vm = rig_add(&rig, 1, 1 * GBIT, 0);
	rig_senders(vm, 4);
	for (uint32_t i = 0; i < 3000; i++) {
		if (i == 1000)
			first = vm->rx_bytes;
		vm->guest_bps = i / 3 % 2 ? 4 * GBIT : 0;
		rig_round(&rig);
		assert_true(i < 1000 || (vm->state.rate.bps > 0.25 * GBIT &&
					 vm->state.rate.bps < 0.75 * GBIT));
	}
	got = (double)(vm->rx_bytes - first) * 8 / 0.4;
	assert_true(rig_near(got, 2 * GBIT));
}

/* A guest that stops gets a tenth of its guarantee, all sources together, and
 * its rate is there again soon after it goes on. */
static void test_stopped_guest(void **state)
{
	struct rig_vm *vm;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	vm = rig_add(&rig, 1, 1 * GBIT, 0);
	rig_senders(vm, 40);
	rig_run(&rig, 100);
	vm->guest_bps = 0;
	rig_run(&rig, 1000);
	assert_true(rig_near(vm->got, 0.1 * GBIT));
	vm->guest_bps = INFINITY;
	assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 1000), 0,
			ROUNDS_IN_MS(20));
}

/* What comes from the same host is taken off. */
static void test_local(void **state)
{
	struct rig_vm *vm;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	vm = rig_add(&rig, 1, 0, 4 * GBIT);
	rig_senders(vm, 2);
	for (uint32_t i = 0; i < 200; i++) {
		vm->measure.local_bytes += 25000; /* 1 Gbit/s */
		rig_round(&rig);
	}
	assert_true(rig_near(vm->got, 3 * GBIT));
	assert_int_equal(vm->state.limit, RATE_BY_MAX);
}

/* ---- order ---- */

/* One round of a VM whose rate was @rate: what it is told with @y arrived. */
static double told(double rate, double y, uint32_t n, uint32_t used,
		   double capacity)
{
	struct rate_vm_measure m = { .ring_used = used, .ring_size = 1024 };
	struct rate_source sources[8] = { 0 };
	struct rate_round round;
	struct rate_link link;
	struct rate_vm vm;
	double got;

	assert_int_equal(rate_link_init(&link, 10000000000, RATE_GAIN), 0);
	assert_int_equal(rate_vm_init(&vm, &link, 1, 0, (uint64_t)capacity), 0);
	assert_false(rate_round_begin(&round, &vm, 0, 1000));
	assert_true(rate_round_begin(&round, &vm, 0, 201000));
	for (uint32_t i = 0; i < n; i++)
		assert_false(rate_round_source(&round, &sources[i], 0));
	rate_vm_update(&round, &link, &m);
	vm.rate = (struct rate_law){ .bps = rate };
	vm.drained_bps = 1e9;
	assert_true(
		rate_round_begin(&round, &vm, (uint64_t)(y * 25e-6), 401000));
	for (uint32_t i = 0; i < n; i++)
		assert_true(rate_round_source(&round, &sources[i],
					      (uint64_t)(y * 25e-6 / n)));
	got = rate_vm_update(&round, &link, &m);
	assert_true(got == vm.rate.bps);
	return got;
}

/* Not more than rounding to bytes makes. */
static bool at_most(double a, double b)
{
	return a <= b * 1.001;
}

/* More arrived: never a higher rate. A fuller ring: never a higher one. A
 * higher capacity, or a higher rate before: never a lower one. */
static void test_monotonous(void **state)
{
	static const uint32_t ns[] = { 1, 3, 8 };
	uint64_t seed = 5;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		double rate = 1e7 + unit_below(&seed, 900000) * 1e4;
		double y = 1e7 + unit_below(&seed, 1000000) * 1e4;
		double capacity = 1e9 + unit_below(&seed, 800000) * 1e4;
		uint32_t used = unit_below(&seed, 1025);
		uint32_t n = ns[i % 3];
		double more = 1 + unit_below(&seed, 1000) / 1000.0;
		double r = told(rate, y, n, used, capacity);

		assert_true(
			at_most(r, told(rate * more, y, n, used, capacity)));
		assert_true(
			at_most(r, told(rate, y, n, used, capacity * more)));
		assert_true(
			at_most(told(rate, y * more, n, used, capacity), r));
		assert_true(at_most(told(rate, y, n, used + 100, capacity), r));
	}
}

/* The law itself: near its place the gain, and nothing else. */
static void test_gain(void **state)
{
	(void)state;
	for (double off = -0.049; off < 0.05; off += 0.007) {
		double got = told(1e9, 2e9 * (1 + off), 2, 0, 2e9);

		assert_true(fabs(got / (1e9 * (1 - RATE_GAIN * off)) - 1) <
			    1e-4);
	}
	/* Far from it, the fair share of two. */
	assert_true(fabs(told(2e9, 4e9, 2, 0, 2e9) - 1e9) < 1e5);
	assert_true(fabs(told(0.5e9, 1e9, 2, 0, 2e9) - 1e9) < 1e5);
}

/* ---- extremes ---- */

/* From 1 Mbit/s to 400 Gbit/s, anything measured, any clock. */
static void test_extremes(void **state)
{
	static const double links[] = { 1e6, 1e7, 1e9, 4e11, RATE_MOST_BPS };
	uint64_t seed = 9;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(links) * 2000; i++) {
		uint64_t bps = (uint64_t)links[i % ARRAY_SIZE(links)];
		struct rate_source sources[3] = { 0 };
		struct rate_vm *vms[1];
		struct rate_link link;
		struct rate_vm vm;
		uint64_t now = i % 2 ? unit_random(&seed) : 0;

		assert_int_equal(rate_link_init(&link, bps, RATE_GAIN), 0);
		assert_int_equal(rate_vm_init(&vm, &link,
					      1 + unit_below(&seed, 1000),
					      bps / (1 + i % 7), 0),
				 0);
		vms[0] = &vm;
		for (uint32_t j = 0; j < 50; j++) {
			struct rate_vm_measure m = { 0 };
			struct rate_round round;
			uint64_t rx = 0;

			switch (unit_below(&seed, 8)) {
			case 0: /* anything at all */
				rx = unit_random(&seed);
				m.drained_bytes = unit_random(&seed);
				m.local_bytes = unit_random(&seed);
				m.ring_used = (uint32_t)unit_random(&seed);
				m.ring_size = (uint32_t)unit_random(&seed);
				now = unit_random(&seed);
				break;
			case 1:
				rx = UINT64_MAX;
				m.ring_used = UINT32_MAX;
				m.ring_size = 1;
				now += 1;
				break;
			case 2: /* back */
				now -= unit_below(&seed, 1000000000);
				break;
			case 3: /* an hour */
				now += 3600 * NS_PER_SEC;
				break;
			default:
				now += 200000;
			}
			if (rate_round_begin(&round, &vm, rx, now)) {
				for (uint32_t k = 0; k < 3; k++)
					rate_round_source(&round, &sources[k],
							  unit_below(&seed, 2)
								  ? rx / 3
								  : 0);
				rate_vm_update(&round, &link, &m);
			}
			rate_link_update(&link, vms, 1, rx, now);
			assert_true(vm.rate.bps >= RATE_LEAST_BPS &&
				    vm.rate.bps <= 0.9 * (double)bps);
			assert_true(vm.capacity_bps >= RATE_LEAST_BPS &&
				    vm.capacity_bps <= 0.9 * (double)bps);
			assert_true(link.share.bps > 0 &&
				    link.share.bps <= 0.9 * (double)bps);
		}
	}
}

/* Nothing arrives, for long: the rate is all there is, for whoever comes. */
static void test_silence(void **state)
{
	struct rig_vm *vm;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	vm = rig_add(&rig, 1, 0, 0);
	rig_senders(vm, 40);
	rig_run(&rig, 100);
	rig_senders(vm, 0);
	rig_run(&rig, ROUNDS_IN_MS(5));
	assert_true(rig_near(vm->state.rate.bps, 9 * GBIT));
	rig_run(&rig, 100000);
	assert_true(rig_near(vm->state.rate.bps, 9 * GBIT));
	assert_int_equal(vm->state.n_sources, 0);
}

/* A clock that jumps, and a thread that stood still, disturb for a few rounds
 * at most; counters that begin anew for one. */
static void test_jumps(void **state)
{
	struct rig_vm *vm;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	vm = rig_add(&rig, 1, 0, 0);
	rig_senders(vm, 3);
	rig_run(&rig, 100);
	rig_round_of(&rig, NS_PER_SEC);
	assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 100), 0, 5);
	rig.now += 10 * NS_PER_SEC;
	assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 100), 0, 15);
	rig.now -= 5 * NS_PER_SEC;
	assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 100), 0, 5);
	for (uint32_t i = 0; i < RIG_SOURCES; i++) {
		vm->sources[i].bytes = 0;
		vm->sources[i].arrived = 0;
	}
	vm->rx_bytes = 0;
	rig.rx_bytes = 0;
	assert_in_range(rig_settle(&rig, vm, 9 * GBIT, 100), 0, 15);
}

/* Counters that have been there for long say nothing of the first round. */
static void test_old_counters(void **state)
{
	struct rig_vm *vm;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	vm = rig_add(&rig, 1, 0, 0);
	vm->rx_bytes = 1ull << 50;
	rig.rx_bytes = 1ull << 50;
	vm->sources[0].bytes = 1ull << 50;
	vm->sources[0].arrived = (double)(1ull << 53);
	rig_senders(vm, 1);
	rig_run(&rig, 100);
	assert_true(rig_near(vm->got, 9 * GBIT));
}

/* ---- settings ---- */

static void test_settings(void **state)
{
	struct rate_link link, link_before;
	struct rate_vm vm, before;

	(void)state;
	memset(&link, 0xa5, sizeof(link));
	link_before = link;
	assert_int_equal(rate_link_init(&link, 999, 0.25), -EINVAL);
	assert_int_equal(rate_link_init(&link, 4000000000001, 0.25), -EINVAL);
	assert_int_equal(rate_link_init(&link, 1000000, 0), -EINVAL);
	assert_int_equal(rate_link_init(&link, 1000000, 1), -EINVAL);
	assert_int_equal(rate_link_init(&link, 1000000, NAN), -EINVAL);
	assert_memory_equal(&link, &link_before, sizeof(link));
	assert_int_equal(rate_link_init(&link, 1000, 0.25), 0);
	assert_int_equal(rate_link_init(&link, 4000000000000, 0.5), 0);

	memset(&vm, 0xa5, sizeof(vm));
	before = vm;
	assert_int_equal(rate_vm_init(&vm, &link, 0, 0, 0), -EINVAL);
	assert_int_equal(rate_vm_init(&vm, &link, 1, 2000, 1999), -EINVAL);
	assert_int_equal(rate_vm_init(&vm, &link, 1, UINT64_MAX, 0), -EINVAL);
	assert_int_equal(rate_vm_init(&vm, &link, 1, 0, UINT64_MAX), -EINVAL);
	assert_memory_equal(&vm, &before, sizeof(vm));
	assert_int_equal(rate_vm_init(&vm, &link, 1, 2000, 2000), 0);
}

/* Another speed, weight or guarantee takes effect where it is. */
static void test_set_later(void **state)
{
	struct rig_vm *a, *b;

	(void)state;
	rig_init(&rig, 10 * GBIT, 1);
	a = rig_add(&rig, 1, 0, 0);
	b = rig_add(&rig, 1, 0, 0);
	rig_senders(a, 2);
	rig_senders(b, 2);
	rig_run(&rig, 100);
	assert_true(rig_near(a->got, 4.5 * GBIT));
	assert_int_equal(rate_vm_set(&a->state, 2, 0, 0), 0);
	rig_run(&rig, ROUNDS_IN_MS(10));
	assert_true(rig_near(a->got, 6 * GBIT));
	assert_int_equal(rate_vm_set(&b->state, 1, 8000000000, 0), 0);
	rig_run(&rig, ROUNDS_IN_MS(10));
	assert_true(rig_near(b->got, 8 * GBIT));
	assert_int_equal(rate_vm_set(&b->state, 1, 0, 1000000000), 0);
	rig_run(&rig, ROUNDS_IN_MS(10));
	assert_true(rig_near(b->got, 1 * GBIT));
	assert_true(rig_near(a->got, 8 * GBIT));
	rig.link_bps = 1 * GBIT;
	assert_int_equal(rate_link_set(&rig.link, 1000000000, RATE_GAIN), 0);
	rig_run(&rig, ROUNDS_IN_MS(20));
	assert_true(rig_near(a->got + b->got, 0.9 * GBIT));
}

/* Rounds that come too early are put off, and lose nothing. */
static void test_due(void **state)
{
	struct rate_vm_measure m = { 0 };
	struct rate_source source = { 0 };
	struct rate_round round;
	struct rate_link link;
	struct rate_vm vm;

	(void)state;
	assert_int_equal(rate_link_init(&link, 10000000000, RATE_GAIN), 0);
	assert_int_equal(rate_vm_init(&vm, &link, 1, 0, 0), 0);
	assert_false(rate_round_begin(&round, &vm, 0, 0));
	assert_false(rate_round_begin(&round, &vm, 0, 100000));
	assert_true(rate_round_begin(&round, &vm, 0, 190001));
	rate_vm_update(&round, &link, &m);
	assert_false(rate_round_begin(&round, &vm, 50000, 290001));
	assert_true(rate_round_begin(&round, &vm, 100000, 390001));
	assert_true(rate_round_source(&round, &source, 100000));
	assert_true(fabs(source.bps - 4e9) < 1);
	rate_vm_update(&round, &link, &m);
	/* A slow VM has long rounds. */
	assert_int_equal(rate_vm_set(&vm, 1, 0, 10000000), 0);
	assert_true(rate_round_begin(&round, &vm, 100000, 590001));
	rate_vm_update(&round, &link, &m);
	assert_false(rate_round_begin(&round, &vm, 100000, 5000000));
	assert_true(rate_round_begin(&round, &vm, 100000, 10200001));
}

/* Between rounds: one that begins is new, and one that was not seen in time. */
static void test_new(void **state)
{
	struct rate_source source = { 0 };

	(void)state;
	assert_false(rate_source_is_new(&source, 0));
	assert_true(rate_source_is_new(&source, 1));
	source.rx_bytes = 1;
	assert_false(rate_source_is_new(&source, 1));
	source.seen_ns = 5;
	assert_false(rate_source_is_new(&source, 2));
}

/* A source is one for as long as four of its packets take. */
static void test_active(void **state)
{
	struct rate_vm_measure m = { 0 };
	struct rate_source source = { 0 };
	struct rate_round round;
	struct rate_link link;
	struct rate_vm vm;

	(void)state;
	assert_int_equal(rate_link_init(&link, 10000000000, RATE_GAIN), 0);
	assert_int_equal(rate_vm_init(&vm, &link, 1, 0, 0), 0);
	assert_false(rate_round_begin(&round, &vm, 0, 200000));
	for (uint32_t i = 2; i < 9; i++) {
		assert_true(rate_round_begin(&round, &vm, 0, i * 200000));
		/* 0.96 ms */
		vm.rate.bps = 50e6;
		assert_int_equal(rate_round_source(&round, &source,
						   i < 3 ? 0 : 1500),
				 i >= 3 && i < 8);
		assert_int_equal(source.bps > 0, i >= 3 && i < 8);
		rate_vm_update(&round, &link, &m);
		assert_int_equal(vm.n_sources, i >= 3 && i < 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_steps_below_link),
		cmocka_unit_test(test_delays),
		cmocka_unit_test(test_buffer),
		cmocka_unit_test(test_small_demands),
		cmocka_unit_test(test_inexact_senders),
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_guarantee),
		cmocka_unit_test(test_guarantees_only),
		cmocka_unit_test(test_does_not_obey),
		cmocka_unit_test(test_slow_guest),
		cmocka_unit_test(test_guest_in_turns),
		cmocka_unit_test(test_stopped_guest),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_monotonous),
		cmocka_unit_test(test_gain),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_old_counters),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_set_later),
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_active),
		cmocka_unit_test(test_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
