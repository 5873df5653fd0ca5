// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The host pool and its caches: frames are conserved, none is handed out
 * twice, by threads that get and put at random and whose caches come and go.
 */
#include "memory/hostpool.h"
#include "unit.h"

#define N_THREADS 4
#define N_OPS	  (UNIT_SLOW ? 300000 : 2000000)
#define MAX_HELD  400

struct pool {
	struct arena arena;
	struct hostpool host;
	uint8_t *held; /* by frame: somebody has it */
};

static void pool_init(struct pool *pool, uint32_t n_frames, uint32_t n_caches)
{
	assert_int_equal(
		arena_init(&pool->arena, n_frames, 2048, ARENA_PAGES_SMALL), 0);
	assert_int_equal(hostpool_init(&pool->host, &pool->arena, n_caches), 0);
	pool->held = calloc(n_frames, 1);
	assert_non_null(pool->held);
}

static void pool_done(struct pool *pool)
{
	free(pool->held);
	hostpool_done(&pool->host);
	arena_done(&pool->arena);
}

static void assert_places(const struct pool *pool, uint32_t host,
			  uint32_t caches, uint32_t queues)
{
	uint32_t count[FRAME_N_PLACES];

	arena_count(&pool->arena, count);
	assert_int_equal(count[FRAME_HOST], host);
	assert_int_equal(count[FRAME_CACHE], caches);
	assert_int_equal(count[FRAME_QUEUE], queues);
	assert_int_equal(hostpool_free_frames(&pool->host), host);
}

/* A frame, marked as held; FRAME_NONE if there is none. */
static uint32_t take(struct pool *pool, struct frame_cache *cache)
{
	uint32_t frame = frame_cache_get(cache);

	if (frame == FRAME_NONE)
		return frame;
	unit_check(frame < pool->arena.n_frames, "frame %u", frame);
	unit_check(!__atomic_exchange_n(&pool->held[frame], 1,
					__ATOMIC_RELAXED),
		   "frame %u was handed out twice", frame);
	arena_move(&pool->arena, frame, FRAME_QUEUE, cache->who);
	return frame;
}

static void give(struct pool *pool, struct frame_cache *cache, uint32_t frame)
{
	unit_check(__atomic_exchange_n(&pool->held[frame], 0, __ATOMIC_RELAXED),
		   "frame %u was not held", frame);
	frame_cache_put(cache, frame);
}

static void test_take_all(void **state)
{
	const uint32_t n = 1000; /* not a multiple of a magazine */
	struct frame_cache cache;
	struct pool pool;
	uint32_t frame;

	(void)state;
	pool_init(&pool, n, 1);
	assert_places(&pool, n, 0, 0);
	frame_cache_init(&cache, &pool.host, 3);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_not_equal(take(&pool, &cache), FRAME_NONE);
		assert_places(&pool, n - i - 1 - cache.n, cache.n, i + 1);
	}
	assert_int_equal(take(&pool, &cache), FRAME_NONE);
	assert_int_equal(frame_cache_get(&cache), FRAME_NONE);
	assert_places(&pool, 0, 0, n);
	for (frame = 0; frame < n; frame++) {
		assert_int_equal(frame_who(arena_where(&pool.arena, frame)), 3);
		give(&pool, &cache, frame);
	}
	assert_true(cache.n <= 2 * MAGAZINE_SIZE);
	assert_places(&pool, n - cache.n, cache.n, 0);
	frame_cache_done(&cache);
	assert_places(&pool, n, 0, 0);
	pool_done(&pool);
}

/* A cache that goes back and forth at a magazine's edge stays by itself. */
static void test_edge(void **state)
{
	struct frame_cache cache;
	struct pool pool;

	(void)state;
	pool_init(&pool, 1024, 1);
	frame_cache_init(&cache, &pool.host, 0);
	for (uint32_t depth = 1; depth <= 2 * MAGAZINE_SIZE; depth++) {
		uint32_t frames[2 * MAGAZINE_SIZE];
		uint64_t before;

		for (uint32_t i = 0; i < depth; i++)
			frames[i] = take(&pool, &cache);
		for (uint32_t i = 0; i < depth; i++)
			give(&pool, &cache, frames[i]);
		before = pool.host.full;
		give(&pool, &cache, take(&pool, &cache));
		give(&pool, &cache, take(&pool, &cache));
		if (cache.n > 1 && cache.n < 2 * MAGAZINE_SIZE)
			assert_true(pool.host.full == before);
	}
	frame_cache_done(&cache);
	pool_done(&pool);
}

/* The same magazine on top again is another head: a thread that was asleep
 * meanwhile must notice. */
static void test_generation(void **state)
{
	struct frame_cache cache;
	struct pool pool;
	uint64_t before;

	(void)state;
	pool_init(&pool, 1024, 1);
	frame_cache_init(&cache, &pool.host, 0);
	before = pool.host.full;
	give(&pool, &cache, take(&pool, &cache));
	frame_cache_done(&cache);
	assert_int_equal((uint32_t)pool.host.full, (uint32_t)before);
	assert_true(pool.host.full != before);
	pool_done(&pool);
}

struct job {
	struct pool *pool;
	uint32_t who;
	bool reopen;
};

static void *get_and_put(void *arg)
{
	const struct job *job = arg;
	struct pool *pool = job->pool;
	uint64_t seed = 0x1234 + job->who;
	uint32_t held[MAX_HELD], n = 0, frame;
	struct frame_cache cache;
	uint32_t target = 0;

	frame_cache_init(&cache, &pool->host, job->who);
	for (uint32_t i = 0; i < N_OPS; i++) {
		uint64_t r = unit_random(&seed);

		if (job->reopen && r % 61 == 0) {
			frame_cache_done(&cache);
			frame_cache_init(&cache, &pool->host, job->who);
		}
		/* Towards a target that moves, not about a mean. */
		if (r % 97 == 0)
			target = unit_below(&seed, MAX_HELD);
		if (n < target) {
			frame = take(pool, &cache);
			if (frame != FRAME_NONE)
				held[n++] = frame;
		} else if (n) {
			uint32_t at = unit_below(&seed, n);

			give(pool, &cache, held[at]);
			held[at] = held[--n];
		}
	}
	while (n)
		give(pool, &cache, held[--n]);
	frame_cache_done(&cache);
	return NULL;
}

static void run_threads(uint32_t n_frames, bool reopen)
{
	pthread_t threads[N_THREADS];
	struct job jobs[N_THREADS];
	struct pool pool;

	pool_init(&pool, n_frames, N_THREADS);
	for (uint32_t i = 0; i < N_THREADS; i++) {
		jobs[i] = (struct job){ &pool, i, reopen };
		threads[i] = unit_start(get_and_put, &jobs[i]);
	}
	for (uint32_t i = 0; i < N_THREADS; i++)
		unit_join(threads[i]);
	assert_places(&pool, n_frames, 0, 0);
	pool_done(&pool);
}

static void test_threads(void **state)
{
	(void)state;
	run_threads(4096, false);
}

/* Less than the threads want: they meet the empty pool all the time. */
static void test_shortage(void **state)
{
	(void)state;
	run_threads(777, false);
}

static void test_caches_come_and_go(void **state)
{
	(void)state;
	run_threads(4096, true);
}

/* What caches leave behind when they close are magazines that are not full;
 * they must not use up the magazines of those that open. */
static void test_reopen_forever(void **state)
{
	uint64_t seed = 99;
	uint32_t held[512], n = 0;
	struct pool pool;

	(void)state;
	pool_init(&pool, 1000, 2);
	for (uint32_t i = 0; i < 20000; i++) {
		struct frame_cache caches[2];
		uint32_t who = unit_below(&seed, 2);

		frame_cache_init(&caches[0], &pool.host, 0);
		frame_cache_init(&caches[1], &pool.host, 1);
		for (uint32_t k = unit_below(&seed, 200); k > 0; k--) {
			uint32_t frame;

			if (n < 512 && unit_below(&seed, 2)) {
				frame = take(&pool, &caches[who]);
				if (frame != FRAME_NONE)
					held[n++] = frame;
			} else if (n) {
				give(&pool, &caches[who], held[--n]);
			}
		}
		frame_cache_done(&caches[who]);
		frame_cache_done(&caches[!who]);
		assert_places(&pool, 1000 - n, 0, n);
	}
	pool_done(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_all),
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_generation),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_shortage),
		cmocka_unit_test(test_caches_come_and_go),
		cmocka_unit_test(test_reopen_forever),
	};

	return cmocka_run_group_tests_name("hostpool", tests, NULL, NULL);
}
