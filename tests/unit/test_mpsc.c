// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The ring of many producers and one consumer: what goes in comes out once,
 * each producer's values in its order; full, empty, and positions that pass
 * 2^64.
 */
#include <sched.h>

#include "memory/mpsc.h"
#include "unit.h"

#define N_PRODUCERS 4
#define N_VALUES    (UNIT_SLOW ? 20000u : 80000u)

/* A ring that has been in use for @pos values. */
static void ring_at(struct mpsc *ring, uint32_t size, uint64_t pos)
{
	assert_int_equal(mpsc_init(ring, size), 0);
	ring->head = pos;
	ring->tail = pos;
	ring->seen = pos;
	for (uint32_t i = 0; i < size; i++)
		ring->cells[(pos + i) & ring->mask].seq = pos + i;
}

static void fill_and_empty(struct mpsc *ring, uint32_t size)
{
	uint64_t value;

	assert_true(mpsc_is_empty(ring));
	assert_false(mpsc_pop(ring, &value));
	for (uint64_t i = 0; i < size; i++) {
		assert_true(mpsc_push(ring, i * 3));
		assert_false(mpsc_is_empty(ring));
	}
	assert_false(mpsc_push(ring, 1));
	assert_false(mpsc_push(ring, 2));
	for (uint64_t i = 0; i < size; i++) {
		assert_false(mpsc_is_empty(ring));
		assert_true(mpsc_pop(ring, &value));
		assert_int_equal(value, i * 3);
	}
	assert_true(mpsc_is_empty(ring));
	assert_false(mpsc_pop(ring, &value));
}

static void test_full_and_empty(void **state)
{
	(void)state;
	for (uint32_t size = 2; size <= 1024; size *= 2) {
		struct mpsc ring;

		assert_int_equal(mpsc_init(&ring, size), 0);
		for (int round = 0; round < 3; round++)
			fill_and_empty(&ring, size);
		mpsc_done(&ring);
	}
}

/* One room at a time, at the edge between full and not. */
static void test_edge_of_full(void **state)
{
	struct mpsc ring;
	uint64_t value;

	(void)state;
	ring_at(&ring, 8, 0);
	for (uint64_t i = 0; i < 8; i++)
		assert_true(mpsc_push(&ring, i));
	for (uint64_t i = 8; i < 100; i++) {
		assert_false(mpsc_push(&ring, i));
		assert_true(mpsc_pop(&ring, &value));
		assert_int_equal(value, i - 8);
		assert_true(mpsc_push(&ring, i));
	}
	mpsc_done(&ring);
}

/* Every start from 40 positions before the counter's end. */
static void test_counter_wraps(void **state)
{
	(void)state;
	for (uint64_t before = 1; before <= 40; before++) {
		struct mpsc ring;

		ring_at(&ring, 16, 0 - before);
		for (int round = 0; round < 4; round++)
			fill_and_empty(&ring, 16);
		assert_true(ring.head < 64);
		mpsc_done(&ring);
	}
}

/* A producer has claimed the first place and not filled it yet: the consumer
 * waits for it, other producers do not. */
static void test_claimed_not_filled(void **state)
{
	struct mpsc ring;
	uint64_t value;

	(void)state;
	ring_at(&ring, 4, 0);
	ring.tail = 1;
	assert_true(mpsc_push(&ring, 7));
	assert_false(mpsc_is_empty(&ring));
	assert_false(mpsc_pop(&ring, &value));
	ring.cells[0].value = 6;
	__atomic_store_n(&ring.cells[0].seq, 1, __ATOMIC_RELEASE);
	assert_true(mpsc_pop(&ring, &value));
	assert_int_equal(value, 6);
	assert_true(mpsc_pop(&ring, &value));
	assert_int_equal(value, 7);
	mpsc_done(&ring);
}

/* Many at a time: as many as there is room for, with what is beside them. */
static void batches_at(uint64_t begin)
{
	uint64_t values[20], random = 1, next_in = 0, next_out = 0;
	uint16_t tags[20];
	struct mpsc ring;

	ring_at(&ring, 16, begin);
	for (uint32_t round = 0; round < 1000; round++) {
		const uint32_t room = 16 - (uint32_t)(next_in - next_out);
		uint32_t n = unit_below(&random, ARRAY_SIZE(values) + 1);

		for (uint32_t i = 0; i < n; i++) {
			values[i] = next_in + i;
			tags[i] = (uint16_t)(values[i] * 7);
		}
		n = mpsc_push_n(&ring, values, round % 3 ? tags : NULL, n);
		assert_true(n <= room);
		next_in += n;
		assert_int_equal(mpsc_is_empty(&ring), next_in == next_out);
		n = unit_below(&random, ARRAY_SIZE(values) + 1);
		n = mpsc_pop_n(&ring, values, tags, n);
		for (uint32_t i = 0; i < n; i++, next_out++) {
			assert_int_equal(values[i], next_out);
			if (tags[i])
				assert_int_equal(tags[i],
						 (uint16_t)(next_out * 7));
		}
	}
	assert_true(next_out > 3000);
	/* All at once, and not one more. */
	while (mpsc_pop_n(&ring, values, NULL, 7))
		;
	assert_int_equal(mpsc_push_n(&ring, values, NULL, 20), 16);
	assert_int_equal(mpsc_push_n(&ring, values, NULL, 20), 0);
	assert_int_equal(mpsc_pop_n(&ring, values, NULL, 3), 3);
	assert_int_equal(mpsc_push_n(&ring, values, NULL, 20), 3);
	mpsc_done(&ring);
}

static void test_batches(void **state)
{
	(void)state;
	batches_at(0);
	batches_at(0 - 1000ull);
	batches_at((1ull << 32) - 1000);
}

struct producer {
	struct mpsc *ring;
	uint32_t index;
	uint32_t batch;
};

static void *produce(void *arg)
{
	const struct producer *p = arg;
	uint64_t values[16];
	uint16_t tags[16];

	for (uint32_t i = 0; i < N_VALUES;) {
		const uint32_t n = min_u32(p->batch, N_VALUES - i);
		uint32_t pushed;

		for (uint32_t k = 0; k < n; k++) {
			values[k] = (uint64_t)p->index << 32 | (i + k);
			tags[k] = (uint16_t)(p->index + i + k);
		}
		pushed = mpsc_push_n(p->ring, values, tags, n);
		if (!pushed)
			sched_yield();
		i += pushed;
	}
	return NULL;
}

/* @batch: at most 16. */
static void many_producers(uint32_t size, uint64_t pos, uint32_t batch)
{
	struct producer producers[N_PRODUCERS];
	uint32_t next[N_PRODUCERS] = { 0 }, n;
	pthread_t threads[N_PRODUCERS];
	uint64_t values[16];
	uint16_t tags[16];
	struct mpsc ring;

	ring_at(&ring, size, pos);
	for (uint32_t i = 0; i < N_PRODUCERS; i++) {
		producers[i] = (struct producer){ &ring, i, batch };
		threads[i] = unit_start(produce, &producers[i]);
	}
	for (uint32_t left = N_PRODUCERS * N_VALUES; left; left -= n) {
		n = mpsc_pop_n(&ring, values, tags, batch);
		if (!n)
			sched_yield();
		for (uint32_t i = 0; i < n; i++) {
			const uint32_t index = (uint32_t)(values[i] >> 32);

			assert_true(index < N_PRODUCERS);
			assert_int_equal((uint32_t)values[i], next[index]++);
			assert_int_equal(tags[i],
					 (uint16_t)(index + values[i]));
		}
	}
	for (uint32_t i = 0; i < N_PRODUCERS; i++)
		unit_join(threads[i]);
	assert_true(mpsc_is_empty(&ring));
	assert_int_equal(mpsc_pop_n(&ring, values, NULL, 1), 0);
	mpsc_done(&ring);
}

static void test_many_producers(void **state)
{
	(void)state;
	many_producers(256, 0, 1);
	many_producers(256, 0, 16);
}

/* Small, so that it is full most of the time, and through 2^64. */
static void test_many_producers_full(void **state)
{
	(void)state;
	many_producers(4, 0 - (uint64_t)N_VALUES, 1);
	many_producers(8, 0 - (uint64_t)N_VALUES, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_and_empty),
		cmocka_unit_test(test_edge_of_full),
		cmocka_unit_test(test_counter_wraps),
		cmocka_unit_test(test_claimed_not_filled),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_many_producers),
		cmocka_unit_test(test_many_producers_full),
	};

	return cmocka_run_group_tests_name("mpsc", tests, NULL, NULL);
}
