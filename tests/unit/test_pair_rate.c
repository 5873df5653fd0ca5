// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a pair may send, from what it was told and when (policy/pair_rate.c). */
#include "policy/pair_rate.h"
#include "unit.h"

#define MBIT 1000000ull
#define MS   1000000ull
#define T0   5000000000ull
#define HOST 7

static struct pair_rate pair;

static void begin(uint64_t guarantee, uint64_t told)
{
	memset(&pair, 0xa5, sizeof(pair));
	pair_rate_init(&pair, guarantee, told, HOST, 100, 1, T0);
}

static uint64_t after(uint64_t ms)
{
	return pair_rate_bps(&pair, T0 + ms * MS);
}

/* A second as told, then half every 100 ms, down to the guarantee for ever. */
static void test_fall(void **state)
{
	(void)state;
	begin(100 * MBIT, 800 * MBIT);
	assert_int_equal(after(0), 800 * MBIT);
	assert_int_equal(after(1000), 800 * MBIT);
	assert_int_equal(after(1050), 600 * MBIT);
	assert_int_equal(after(1100), 400 * MBIT);
	assert_int_equal(after(1150), 300 * MBIT);
	assert_int_equal(after(1200), 200 * MBIT);
	assert_int_equal(after(1300), 100 * MBIT);
	assert_int_equal(after(1301), 100 * MBIT);
	assert_int_equal(after(100000000), 100 * MBIT);
	assert_int_equal(pair_rate_bps(&pair, UINT64_MAX), 100 * MBIT);
}

/* From less than the guarantee up to it, not to zero. */
static void test_rise(void **state)
{
	(void)state;
	begin(100 * MBIT, 10 * MBIT);
	assert_int_equal(after(1000), 10 * MBIT);
	assert_int_equal(after(1050), 15 * MBIT);
	assert_int_equal(after(1100), 20 * MBIT);
	assert_int_equal(after(1300), 80 * MBIT);
	assert_int_equal(after(1350), 100 * MBIT);
	assert_int_equal(after(2000), 100 * MBIT);
	/* As far as there are bits, and further. */
	for (uint64_t ms = 7000; ms < 8000; ms++)
		assert_int_equal(after(ms), 100 * MBIT);
	assert_int_equal(pair_rate_bps(&pair, UINT64_MAX), 100 * MBIT);
}

/* Whatever was told: between that and the guarantee, towards the latter only,
 * there after 4.2 s (2^32 kbit/s down to 1 bit/s), and never 0. */
static void test_monotonous(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t told = unit_random(&seed) >> (22 + i % 42);
		uint64_t guarantee = unit_random(&seed) >> (22 + i % 41);
		uint64_t end = guarantee ? guarantee : 1;
		uint64_t last;

		begin(guarantee, told);
		last = after(0);
		assert_int_equal(last, told ? told : 1);
		for (uint64_t ms = 0; ms < 5400; ms += 1 + i % 17) {
			uint64_t bps = after(ms);

			assert_true(bps > 0);
			if (told > end)
				assert_true(bps <= last && bps >= end);
			else
				assert_true(bps >= last && bps <= end);
			last = bps;
		}
		assert_int_equal(after(5300), end);
	}
}

/* Feedback begins the second anew; so 30 % of it lost does nothing. */
static void test_told_again(void **state)
{
	uint64_t seed = 4, now = T0;

	(void)state;
	begin(1 * MBIT, 800 * MBIT);
	for (uint64_t i = 2; i < 20000; i++) {
		now += 200000;
		if (unit_below(&seed, 10) >= 3)
			assert_true(pair_rate_told(&pair, 900 * MBIT, HOST, 100,
						   i, now));
		assert_true(pair_rate_bps(&pair, now) >= 800 * MBIT);
	}
	/* From within the fall as well. */
	now += 1200 * MS;
	assert_int_equal(pair_rate_bps(&pair, now) < 800 * MBIT, 1);
	assert_true(pair_rate_told(&pair, 50 * MBIT, HOST, 100, 20000, now));
	assert_int_equal(pair_rate_bps(&pair, now), 50 * MBIT);
	assert_int_equal(pair_rate_bps(&pair, now + 1000 * MS), 50 * MBIT);
}

/* The newest of a host counts; another host is another order. */
static void test_order(void **state)
{
	(void)state;
	begin(1 * MBIT, 10 * MBIT);
	assert_false(pair_rate_told(&pair, 5 * MBIT, HOST, 100, 1, T0 + 1));
	assert_false(pair_rate_told(&pair, 5 * MBIT, HOST, 100, 0, T0 + 1));
	assert_false(pair_rate_told(&pair, 5 * MBIT, HOST, 99, 50, T0 + 1));
	assert_int_equal(after(1), 10 * MBIT);
	/* What is refused does not hold it either. */
	assert_int_equal(pair.told_ns, T0);
	assert_true(pair_rate_told(&pair, 6 * MBIT, HOST, 100, 5, T0 + 2));
	assert_false(pair_rate_told(&pair, 7 * MBIT, HOST, 100, 4, T0 + 3));
	/* It has begun anew. */
	assert_true(pair_rate_told(&pair, 8 * MBIT, HOST, 101, 1, T0 + 4));
	assert_false(pair_rate_told(&pair, 9 * MBIT, HOST, 100, 6, T0 + 5));
	assert_int_equal(after(1), 8 * MBIT);
	/* The receiver has moved to a host that began long ago. */
	assert_true(pair_rate_told(&pair, 3 * MBIT, 8, 4, 1, T0 + 6));
	assert_false(pair_rate_told(&pair, 4 * MBIT, 8, 4, 1, T0 + 7));
	assert_int_equal(after(1), 3 * MBIT);
}

/* The rate is the same for as long as that says, and another one then. */
static void test_steady(void **state)
{
	(void)state;
	begin(100 * MBIT, 800 * MBIT);
	assert_int_equal(pair_rate_steady_ns(&pair, T0), 1000 * MS);
	assert_int_equal(pair_rate_steady_ns(&pair, T0 + 300 * MS), 700 * MS);
	assert_int_equal(after(300 + 700), 800 * MBIT);
	assert_int_equal(pair_rate_steady_ns(&pair, T0 + 1000 * MS), 0);
	assert_int_equal(pair_rate_steady_ns(&pair, T0 + 1200 * MS), 0);
	assert_int_equal(pair_rate_steady_ns(&pair, T0 + 1300 * MS),
			 UINT64_MAX);
	begin(100 * MBIT, 100 * MBIT);
	assert_int_equal(pair_rate_steady_ns(&pair, T0), UINT64_MAX);
}

static void test_guarantee(void **state)
{
	(void)state;
	begin(100 * MBIT, 800 * MBIT);
	pair_rate_guarantee(&pair, 50 * MBIT);
	assert_int_equal(after(0), 800 * MBIT);
	assert_int_equal(after(5000), 50 * MBIT);
	pair_rate_guarantee(&pair, 0);
	assert_int_equal(after(10000), 1);
	assert_int_equal(after(1), 800 * MBIT);
}

/* A clock that goes back. */
static void test_clock(void **state)
{
	(void)state;
	begin(100 * MBIT, 800 * MBIT);
	assert_int_equal(pair_rate_bps(&pair, T0 - 1), 800 * MBIT);
	assert_int_equal(pair_rate_bps(&pair, 0), 800 * MBIT);
	assert_int_equal(pair_rate_steady_ns(&pair, 0), 1000 * MS);
	assert_false(pair_rate_forgotten(&pair, 0, 0));
}

static void test_forgotten(void **state)
{
	uint64_t end = T0 + PAIR_RATE_FORGET_NS;

	(void)state;
	begin(100 * MBIT, 800 * MBIT);
	assert_false(pair_rate_forgotten(&pair, 0, end - 1));
	assert_true(pair_rate_forgotten(&pair, T0, end));
	assert_false(pair_rate_forgotten(&pair, T0 + 1, end));
	assert_true(pair_rate_forgotten(&pair, T0 + 1, end + 1));
	assert_true(pair_rate_told(&pair, 1, HOST, 100, 2, end));
	assert_false(pair_rate_forgotten(&pair, T0 + 1, end + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fall),
		cmocka_unit_test(test_rise),
		cmocka_unit_test(test_monotonous),
		cmocka_unit_test(test_told_again),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_guarantee),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
