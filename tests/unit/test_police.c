// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Buckets that CPUs share (include/pktagent/police.h, ports/police.h): the same
 * as switching/rate.h on one, nothing lost or made on several, and settings that
 * change under way.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "ports/police.h"
#include "switching/rate.h"

#define BEGIN_NS 1000000000000ull

static struct config_rate to_config(const struct rate *rate)
{
	return (struct config_rate){ .max = rate->bits,
				     .max_packets = (uint32_t)rate->packets,
				     .burst = rate->burst,
				     .burst_packets = rate->burst_packets };
}

static void set(struct police *police, const struct rate *rate, uint64_t now)
{
	struct config_rate config = to_config(rate);

	police_set(police, &config, now);
}

/* Any times, lengths and changes of the rate: both let the same packets pass, and
 * have the same levels. */
static void test_as_rate(void **state)
{
	static const struct rate rates[] = {
		{ .bits = 1000000, .burst = 16384 },
		{ .bits = 3, .burst = 1 },
		{ .bits = RATE_MAX_BITS, .burst = RATE_MAX_BURST },
		{ .packets = 7, .burst_packets = 3 },
		{ .packets = RATE_MAX_PACKETS,
		  .burst_packets = RATE_MAX_BURST_PACKETS },
		{ .bits = 999999937, .packets = 86028121, .burst = 1500,
		  .burst_packets = 2 },
		{ .bits = 0 },
	};
	struct rate_limit limit = { 0 };
	struct police police = { 0 };
	uint64_t now = BEGIN_NS, n_passed = 0, n_dropped = 0;

	(void)state;
	srandom(1);
	for (uint32_t i = 0; i < 2000000; i++) {
		const uint32_t len = 60 + (uint32_t)random() % 3000;
		const struct rate *rate;
		bool open;

		if (i % 1000 == 0) {
			rate = &rates[(uint32_t)random() % ARRAY_SIZE(rates)];
			rate_limit_set(&limit, rate, now, 0);
			set(&police, rate, now);
		}
		/* from nothing to hours */
		now += (uint64_t)random() >> random() % 31 << random() % 14;
		rate_limit_fill(&limit, now, 0);
		open = rate_limit_is_open(&limit);
		if (open)
			rate_limit_take(&limit, len + PKT_WIRE_BYTES);
		assert_int_equal(police_take(&police, now, len), open);
		if (limit.bits.rate)
			assert_int_equal(police.level[POLICE_BITS],
					 limit.bits.level);
		if (limit.packets.rate)
			assert_int_equal(police.level[POLICE_PACKETS],
					 limit.packets.level);
		n_passed += open;
		n_dropped += !open;
	}
	assert_true(n_passed > 100000 && n_dropped > 100000);
}

/* A clock that goes back is no time, and none is counted twice after it. */
static void test_clock_back(void **state)
{
	const struct rate rate = { .bits = 8000, .burst = 1000 };
	struct police police = { 0 };

	(void)state;
	set(&police, &rate, BEGIN_NS);
	assert_true(police_take(&police, BEGIN_NS, 2000 - PKT_WIRE_BYTES));
	assert_int_equal(police.level[POLICE_BITS], -8000 * (int64_t)NS_PER_SEC);
	police_fill(&police, BEGIN_NS - NS_PER_SEC);
	assert_int_equal(police.level[POLICE_BITS], -8000 * (int64_t)NS_PER_SEC);
	assert_false(police_take(&police, BEGIN_NS + NS_PER_SEC - 1, 100));
	assert_true(police_take(&police, BEGIN_NS + NS_PER_SEC, 100));
}

/* A debt is kept, a burst is cut, and what had no limit begins with its burst. */
static void test_change(void **state)
{
	const struct rate slow = { .bits = 8000, .burst = 4000 };
	const struct rate fast = { .bits = 80000, .burst = 1000 };
	const struct rate none = { 0 };
	struct police police = { 0 }, same;

	(void)state;
	set(&police, &slow, BEGIN_NS);
	assert_int_equal(police.level[POLICE_BITS], 32000 * (int64_t)NS_PER_SEC);
	for (int i = 0; i < 5; i++)
		assert_true(police_take(&police, BEGIN_NS,
					1000 - PKT_WIRE_BYTES));
	/* a debt of 8000 bits: half of it comes at the old rate */
	set(&police, &fast, BEGIN_NS + NS_PER_SEC / 2);
	assert_int_equal(police.level[POLICE_BITS], -4000 * (int64_t)NS_PER_SEC);
	assert_false(police_take(&police, BEGIN_NS + NS_PER_SEC / 2 +
						  NS_PER_SEC / 20 - 1, 100));
	same = police;
	set(&police, &fast, police.at_ns);
	assert_memory_equal(&police, &same, sizeof(same));
	/* no more than the new burst was saved */
	police_fill(&police, BEGIN_NS + 100 * NS_PER_SEC);
	assert_int_equal(police.level[POLICE_BITS], 8000 * (int64_t)NS_PER_SEC);
	set(&police, &none, BEGIN_NS + 100 * NS_PER_SEC);
	for (int i = 0; i < 100; i++)
		assert_true(police_take(&police, BEGIN_NS, 1000));
	set(&police, &slow, BEGIN_NS + 100 * NS_PER_SEC);
	assert_int_equal(police.level[POLICE_BITS], 32000 * (int64_t)NS_PER_SEC);
}

/* ---- threads ---- */

#define N_THREADS 4
#define N_TAKES	  200000

struct taker {
	struct police *police;
	uint64_t *clock;
	pthread_t thread;
	uint64_t n_passed;
};

/* Each look moves the clock that all share on by 100 ns. */
static void *take(void *arg)
{
	struct taker *taker = arg;

	for (uint32_t i = 0; i < N_TAKES; i++) {
		uint64_t now = __atomic_add_fetch(taker->clock, 100,
						  __ATOMIC_ACQ_REL);

		taker->n_passed += (uint64_t)police_take(
			taker->police, now, 1000 - PKT_WIRE_BYTES);
	}
	return NULL;
}

/* What came and what passed: nothing is lost or made. */
static void test_threads(void **state)
{
	/* for half of the packets */
	const struct rate rate = { .bits = 40000000000, .burst = 100000 };
	struct taker takers[N_THREADS] = { 0 };
	uint64_t clock = BEGIN_NS, n_passed = 0;
	struct police police = { 0 };
	int64_t came, level;

	(void)state;
	set(&police, &rate, BEGIN_NS);
	for (int i = 0; i < N_THREADS; i++) {
		takers[i].police = &police;
		takers[i].clock = &clock;
		assert_int_equal(pthread_create(&takers[i].thread, NULL, take,
						&takers[i]),
				 0);
	}
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(takers[i].thread, NULL);
		n_passed += takers[i].n_passed;
	}
	police_fill(&police, clock);
	came = 100000 * 8 + (int64_t)((clock - BEGIN_NS) * 40);
	level = police.level[POLICE_BITS] / (int64_t)NS_PER_SEC;
	assert_true(police.level[POLICE_BITS] <= police.depth[POLICE_BITS]);
	/* what came when it was full is gone, and that is all */
	assert_true((int64_t)n_passed * 8000 + level <= came);
	assert_true((int64_t)n_passed * 8000 <= came + N_THREADS * 8000);
	/* had a thread's share been lost, it would be a quarter */
	assert_true((int64_t)n_passed * 8000 + level > came * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_rate),
		cmocka_unit_test(test_clock_back),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
