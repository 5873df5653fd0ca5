// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Promises and sizes of pools (ports/pool.c), alone and by several threads at
 * one time; and the ring on which changes are told.
 */
#include "ports/pool.h"
#include "unit.h"

#define N_THREADS 4
#define N_OPS	  (UNIT_SLOW ? 50000u : 400000u)
#define N_EVENTS  (UNIT_SLOW ? 200000u : 2000000u)

/* ---- one thread ---- */

/* Whole batches, and what is left at the end. */
static void test_take(void **state)
{
	struct pool pool = { .size = 16, .cap = 300, .max = 300 };

	(void)state;
	assert_int_equal(pool_take(&pool, 1, 64), 64);
	assert_int_equal(pool.size, 80);
	assert_int_equal(pool_take(&pool, 64, 64), 64);
	assert_int_equal(pool_take(&pool, 65, 64), 128);
	assert_int_equal(pool.size, 272);
	assert_int_equal(pool_room(&pool), 28);
	assert_int_equal(pool_take(&pool, 1, 64), 28);
	assert_int_equal(pool_take(&pool, 1, 64), 0);
	assert_int_equal(pool_take(&pool, 0, 64), 0);
	assert_int_equal(pool.size, 300);

	/* Above what it may be now: no more, and no less by that. */
	pool.cap = 200;
	assert_int_equal(pool_room(&pool), 0);
	assert_int_equal(pool_take(&pool, 64, 64), 0);
	assert_int_equal(pool.size, 300);
	pool_give(&pool, 110);
	assert_int_equal(pool_take(&pool, 64, 16), 10);
	assert_int_equal(pool.size, 200);
	/* A minimum does not ask. */
	pool_add(&pool, 50);
	assert_int_equal(pool.size, 250);
}

static void test_promises(void **state)
{
	struct promises promises = { .spare = 100 };

	(void)state;
	assert_int_equal(promises_take(&promises, 0), 0);
	assert_int_equal(promises_take(&promises, 60), 60);
	assert_int_equal(promises_take(&promises, 60), 40);
	assert_int_equal(promises_take(&promises, 60), 0);
	assert_int_equal(promises_spare(&promises), 0);
	assert_int_equal(promises_force(&promises, 30), 30);
	assert_int_equal(promises_spare(&promises), -30);
	assert_int_equal(promises_take(&promises, 1), 0);
	promises_give(&promises, 30);
	assert_int_equal(promises_take(&promises, 1), 0);
	promises_give(&promises, 5);
	assert_int_equal(promises_take(&promises, 9), 5);
	assert_int_equal(promises_force(&promises, 0), 0);
	assert_int_equal(promises_spare(&promises), 0);
}

static void test_reasons(void **state)
{
	(void)state;
	assert_string_equal(pool_reason_name(POOL_START), "start");
	assert_string_equal(pool_reason_name(POOL_OUT_FULL), "out_full");
	assert_string_equal(pool_reason_name(POOL_PRESSURE), "pressure");
	assert_string_equal(pool_reason_name(POOL_N_REASONS), "unknown");
	for (int i = 0; i < POOL_N_REASONS; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(
				pool_reason_name((enum pool_reason)i),
				pool_reason_name((enum pool_reason)k));
}

/* ---- events ---- */

static struct pool_events *new_events(uint32_t from)
{
	struct pool_events *events = aligned_alloc(CACHE_LINE, sizeof(*events));

	assert_non_null(events);
	memset(events, 0, sizeof(*events));
	events->head = from;
	events->tail = from;
	return events;
}

static void test_note(void **state)
{
	struct pool pool = { .size = 144 };
	struct pool_events *events = new_events(0);
	uint64_t before = now_ns();
	struct pool_event event;

	(void)state;
	assert_false(pool_peek_event(events, &event));
	assert_false(pool_next_event(events, &event));
	pool_note(&pool, events, 7, POOL_RX_HIGH, 64, true);
	pool.size = 80;
	pool_note(&pool, events, 7, POOL_IDLE, 64, false);
	/* Counted only. */
	pool_note(&pool, NULL, 7, POOL_IDLE, 16, false);
	assert_int_equal(pool.n_resizes[POOL_RX_HIGH], 1);
	assert_int_equal(pool.n_resizes[POOL_IDLE], 2);
	assert_int_equal(pool.n_grown, 64);
	assert_int_equal(pool.n_shrunk, 80);

	for (int i = 0; i < 2; i++) {
		assert_true(pool_peek_event(events, &event));
		assert_int_equal(event.reason, POOL_RX_HIGH);
	}
	assert_true(pool_next_event(events, &event));
	assert_int_equal(event.slot, 7);
	assert_int_equal(event.from, 80);
	assert_int_equal(event.to, 144);
	assert_true(event.time_ns >= before && event.time_ns <= now_ns());
	assert_true(pool_next_event(events, &event));
	assert_int_equal(event.reason, POOL_IDLE);
	assert_int_equal(event.from, 144);
	assert_int_equal(event.to, 80);
	assert_false(pool_next_event(events, &event));

	/* Another part has become smaller meanwhile: the size that it had
	 * before is not to be known, but is no frames less than none. */
	pool.size = 10;
	pool_note(&pool, events, 7, POOL_RX_FULL, 64, true);
	assert_true(pool_next_event(events, &event));
	assert_int_equal(event.from, 0);
	assert_int_equal(event.to, 10);
	free(events);
}

/* What finds no room is counted; the first ones stay, and the ring goes on. Its
 * indexes wrap on the way. */
static void test_ring_full(void **state)
{
	struct pool_events *events = new_events(UINT32_MAX - 100);
	struct pool pool = { 0 };
	struct pool_event event;

	(void)state;
	for (uint32_t i = 0; i < POOL_EVENTS + 10; i++) {
		pool.size = i;
		pool_note(&pool, events, 1, POOL_IDLE, 0, false);
	}
	assert_int_equal(events->n_lost, 10);
	for (uint32_t i = 0; i < POOL_EVENTS; i++) {
		assert_true(pool_next_event(events, &event));
		assert_int_equal(event.to, i);
	}
	assert_false(pool_next_event(events, &event));
	pool_note(&pool, events, 1, POOL_IDLE, 0, false);
	assert_true(pool_next_event(events, &event));
	assert_int_equal(event.to, POOL_EVENTS + 9);
	assert_int_equal(events->n_lost, 10);
	free(events);
}

static void *tell(void *arg)
{
	struct pool_events *events = arg;
	struct pool pool = { 0 };

	for (uint32_t i = 1; i <= N_EVENTS; i++) {
		__atomic_store_n(&pool.size, i, __ATOMIC_RELAXED);
		pool_note(&pool, events, (uint16_t)i, POOL_RATE, 1, true);
	}
	return NULL;
}

/* Each event is whole, later than the one before, or counted as lost. */
static void test_ring_threads(void **state)
{
	struct pool_events *events = new_events(0);
	struct pool_event event, peeked;
	uint32_t last = 0, n = 0;
	uint64_t last_ns = 0;
	pthread_t thread;

	(void)state;
	thread = unit_start(tell, events);
	while (n + __atomic_load_n(&events->n_lost, __ATOMIC_RELAXED) <
	       N_EVENTS) {
		if (!pool_peek_event(events, &peeked))
			continue;
		unit_check(pool_next_event(events, &event), "event gone");
		unit_check(!memcmp(&peeked, &event, sizeof(event)),
			   "event changed");
		unit_check(event.to > last, "%u after %u", event.to, last);
		unit_check(event.from == event.to - 1 &&
				   event.slot == (uint16_t)event.to &&
				   event.reason == POOL_RATE &&
				   event.time_ns >= last_ns,
			   "event %u torn", event.to);
		last = event.to;
		last_ns = event.time_ns;
		n++;
	}
	unit_join(thread);
	assert_false(pool_next_event(events, &event));
	assert_true(n >= POOL_EVENTS);
	free(events);
}

/* ---- threads ---- */

struct shared {
	struct pool pool;
	struct promises promises;
	uint32_t held[N_THREADS], forced[N_THREADS];
};

struct job {
	struct shared *shared;
	uint32_t index;
	bool force;
};

#define CAP    5000
#define FRAMES 3000

/* Each grows its part as breathe.c does, and gives back, and some force. */
static void *grow_and_shrink(void *arg)
{
	const struct job *job = arg;
	struct shared *shared = job->shared;
	uint32_t held = 0, forced = 0;
	uint64_t seed = 77 + job->index;

	for (uint32_t i = 0; i < N_OPS; i++) {
		uint32_t n = 1 + unit_below(&seed, 200), got;

		switch (unit_below(&seed, job->force ? 4 : 2)) {
		case 0:
			n = pool_take(&shared->pool, n, 64);
			got = promises_take(&shared->promises, n);
			unit_check(got <= n, "%u of %u", got, n);
			pool_give(&shared->pool, n - got);
			held += got;
			break;
		case 1:
			n = min_u32(n, held);
			promises_give(&shared->promises, n);
			pool_give(&shared->pool, n);
			held -= n;
			break;
		case 2:
			forced += promises_force(&shared->promises, n % 32);
			break;
		default:
			n = min_u32(n, forced);
			promises_give(&shared->promises, n);
			forced -= n;
			break;
		}
		unit_check(pool_load(&shared->pool.size) <= CAP, "a size of %u",
			   shared->pool.size);
		unit_check(job->force || promises_spare(&shared->promises) >= 0,
			   "promised what is not there");
	}
	shared->held[job->index] = held;
	shared->forced[job->index] = forced;
	return NULL;
}

static void run_threads(bool force)
{
	struct shared shared = { .pool.cap = CAP, .promises.spare = FRAMES };
	pthread_t threads[N_THREADS];
	struct job jobs[N_THREADS];
	uint32_t held = 0, forced = 0;

	for (uint32_t i = 0; i < N_THREADS; i++) {
		jobs[i] = (struct job){ &shared, i, force };
		threads[i] = unit_start(grow_and_shrink, &jobs[i]);
	}
	for (uint32_t i = 0; i < N_THREADS; i++) {
		unit_join(threads[i]);
		held += shared.held[i];
		forced += shared.forced[i];
	}
	assert_int_equal(shared.pool.size, held);
	assert_int_equal(promises_spare(&shared.promises),
			 (int64_t)FRAMES - held - forced);
}

static void test_threads(void **state)
{
	(void)state;
	run_threads(false);
}

static void test_threads_force(void **state)
{
	(void)state;
	run_threads(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_promises),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_ring_full),
		cmocka_unit_test(test_ring_threads),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_threads_force),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
