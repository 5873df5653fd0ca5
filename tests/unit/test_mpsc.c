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

struct producer {
	struct mpsc *ring;
	uint32_t index;
};

static void *produce(void *arg)
{
	const struct producer *p = arg;

	for (uint32_t i = 0; i < N_VALUES; i++)
		while (!mpsc_push(p->ring, (uint64_t)p->index << 32 | i))
			sched_yield();
	return NULL;
}

static void many_producers(uint32_t size, uint64_t pos)
{
	struct producer producers[N_PRODUCERS];
	uint32_t next[N_PRODUCERS] = { 0 };
	pthread_t threads[N_PRODUCERS];
	struct mpsc ring;
	uint64_t value;

	ring_at(&ring, size, pos);
	for (uint32_t i = 0; i < N_PRODUCERS; i++) {
		producers[i] = (struct producer){ &ring, i };
		threads[i] = unit_start(produce, &producers[i]);
	}
	for (uint32_t n = 0; n < N_PRODUCERS * N_VALUES; n++) {
		while (!mpsc_pop(&ring, &value))
			sched_yield();
		assert_true(value >> 32 < N_PRODUCERS);
		assert_int_equal((uint32_t)value, next[value >> 32]++);
	}
	for (uint32_t i = 0; i < N_PRODUCERS; i++)
		unit_join(threads[i]);
	assert_true(mpsc_is_empty(&ring));
	assert_false(mpsc_pop(&ring, &value));
	mpsc_done(&ring);
}

static void test_many_producers(void **state)
{
	(void)state;
	many_producers(256, 0);
}

/* Small, so that it is full most of the time, and through 2^64. */
static void test_many_producers_full(void **state)
{
	(void)state;
	many_producers(4, 0 - (uint64_t)N_VALUES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_and_empty),
		cmocka_unit_test(test_edge_of_full),
		cmocka_unit_test(test_counter_wraps),
		cmocka_unit_test(test_claimed_not_filled),
		cmocka_unit_test(test_many_producers),
		cmocka_unit_test(test_many_producers_full),
	};

	return cmocka_run_group_tests_name("mpsc", tests, NULL, NULL);
}
