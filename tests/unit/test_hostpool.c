// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The host pool and its caches: frames are conserved, none is handed out
 * twice, by threads that get and put at random and whose caches come and go,
 * while the ends of regions are withdrawn, cut off, and come back.
 */
#include <sched.h>

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
	assert_int_equal(hostpool_init(&pool->host, &pool->arena, 0, n_caches),
			 0);
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
	unit_check(frame < pool->arena.regions[0].n_frames, "frame %u", frame);
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

/* ---- withdrawal ---- */

/* Every magazine is on one stack when there are no caches. */
static void assert_magazines(const struct hostpool *host)
{
	const uint64_t heads[] = { host->full, host->partial, host->empty };
	uint32_t n = 0, frames = 0;

	for (uint32_t i = 0; i < 3; i++) {
		uint32_t at = (uint32_t)heads[i];

		for (; at != UINT32_MAX; at = host->magazines[at].next) {
			frames += host->magazines[at].n;
			n++;
		}
	}
	assert_int_equal(n, host->n_magazines);
	assert_int_equal(frames, hostpool_free_frames(host));
}

static void test_withdraw(void **state)
{
	uint32_t held[1000], n = 0, frame;
	struct frame_cache cache;
	struct pool pool;

	(void)state;
	pool_init(&pool, 1000, 1);
	frame_cache_init(&cache, &pool.host, 0);
	/* Where are the first 300? 250 in hands, 50 in the cache. */
	while (n < 300)
		held[n++] = take(&pool, &cache);
	while (n > 250)
		give(&pool, &cache, held[--n]);
	assert_int_equal(hostpool_withdrawn(&pool.host), 0);
	hostpool_withdraw(&pool.host, 10);
	frame_cache_trim(&cache);
	assert_int_equal(hostpool_withdraw(&pool.host, 10), 740);
	assert_int_equal(cache.n + hostpool_free_frames(&pool.host), 10);
	for (uint32_t i = 0; i < 10; i++) {
		frame = take(&pool, &cache);
		assert_true(frame < 10);
		held[n++] = frame;
	}
	assert_int_equal(take(&pool, &cache), FRAME_NONE);
	for (uint32_t i = 0; i < 250; i++)
		give(&pool, &cache, held[--n]);
	/* All that is still in hands may be one of the ten. */
	while (n)
		give(&pool, &cache, held[--n]);
	assert_int_equal(hostpool_withdrawn(&pool.host), 990);
	assert_int_equal(hostpool_withdraw(&pool.host, 10), 990);
	frame_cache_done(&cache);
	assert_int_equal(hostpool_free_frames(&pool.host), 10);
	hostpool_restore(&pool.host);
	assert_int_equal(hostpool_withdrawn(&pool.host), 0);
	assert_places(&pool, 1000, 0, 0);
	assert_magazines(&pool.host);
	pool_done(&pool);
}

/* A cache that has been trimmed loads what another, which has not been yet, had
 * put into the depot. */
static void test_load_after_trim(void **state)
{
	struct frame_cache trimmed, late;
	uint32_t n = 0, frame;
	struct pool pool;

	(void)state;
	pool_init(&pool, 1000, 2);
	frame_cache_init(&trimmed, &pool.host, 0);
	frame_cache_init(&late, &pool.host, 1);
	while ((frame = take(&pool, &late)) != FRAME_NONE)
		n++;
	assert_int_equal(n, 1000);
	n = 0;
	for (frame = 800; frame < 928; frame++)
		give(&pool, &late, frame);
	assert_int_equal(late.n, 128);
	hostpool_withdraw(&pool.host, 500);
	frame_cache_trim(&trimmed);
	for (frame = 0; frame < 100; frame++)
		give(&pool, &late, frame);
	while ((frame = take(&pool, &trimmed)) != FRAME_NONE) {
		assert_true(frame < 500);
		n++;
	}
	assert_true(n <= 100);
	frame_cache_trim(&late);
	assert_int_equal(hostpool_withdraw(&pool.host, 500), 128);
	assert_int_equal(late.n, 100 - n);
	frame_cache_done(&trimmed);
	frame_cache_done(&late);
	pool_done(&pool);
}

/* Who has seen the old limit sets a frame aside after all have been put back:
 * it must not stay there. */
static void test_late_for_restore(void **state)
{
	struct frame_cache cache;
	struct pool pool;
	uint32_t frame;

	(void)state;
	pool_init(&pool, 1000, 1);
	frame_cache_init(&cache, &pool.host, 0);
	frame = frame_cache_get(&cache);
	hostpool_withdraw(&pool.host, 1);
	hostpool_restore(&pool.host);
	frame_cache_put_elsewhere(&cache, frame);
	assert_int_equal(hostpool_withdrawn(&pool.host), 0);
	assert_int_equal(frame_cache_get(&cache), frame);
	frame_cache_put(&cache, frame);
	frame_cache_done(&cache);
	assert_places(&pool, 1000, 0, 0);
	pool_done(&pool);
}

/* What growing leaves half full is filled up before more is left. */
static void test_grow_by_one(void **state)
{
	struct pool pool;

	(void)state;
	pool_init(&pool, 1, 1);
	for (uint32_t n = 2; n < 1000; n++) {
		assert_int_equal(arena_resize(&pool.arena, n), 0);
		hostpool_grow(&pool.host);
		assert_places(&pool, n, 0, 0);
		assert_magazines(&pool.host);
	}
	pool_done(&pool);
}

/* Back and forth, with the frames anywhere, and the memory goes and comes. */
static void test_resize_at_random(void **state)
{
	uint32_t held[MAX_HELD], n = 0, n_frames = 1000, n_cut = 0;
	uint64_t seed = 77;
	struct frame_cache cache;
	struct pool pool;

	(void)state;
	pool_init(&pool, n_frames, 2);
	free(pool.held);
	pool.held = calloc(5000, 1);
	frame_cache_init(&cache, &pool.host, 0);
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t target = unit_below(&seed, MAX_HELD);
		uint32_t limit = 1 + unit_below(&seed, n_frames), frame = 0;

		while (n < target && frame != FRAME_NONE) {
			frame = take(&pool, &cache);
			if (frame != FRAME_NONE)
				held[n++] = frame;
		}
		hostpool_withdraw(&pool.host, limit);
		frame_cache_trim(&cache);
		assert_int_equal(cache.spare->n % MAGAZINE_SIZE, 0);
		target = unit_below(&seed, 4) ? n : 0;
		for (uint32_t i = 0; i < target; i++) {
			uint32_t at = unit_below(&seed, n);

			give(&pool, &cache, held[at]);
			held[at] = take(&pool, &cache);
			assert_true(held[at] < limit || held[at] == FRAME_NONE);
			if (held[at] == FRAME_NONE)
				held[at] = held[--n];
			if (!n)
				break;
		}
		while (n && unit_below(&seed, 50))
			give(&pool, &cache, held[--n]);
		if (hostpool_withdraw(&pool.host, limit) == n_frames - limit) {
			assert_int_equal(arena_resize(&pool.arena, limit), 0);
			hostpool_cut(&pool.host);
			assert_int_equal(hostpool_withdrawn(&pool.host), 0);
			n_frames = 1 + unit_below(&seed, 4999);
			n_frames = max_u32(n_frames, limit);
			assert_int_equal(arena_resize(&pool.arena, n_frames),
					 0);
			hostpool_grow(&pool.host);
			n_cut++;
		} else {
			hostpool_restore(&pool.host);
		}
		assert_places(&pool, n_frames - n - cache.n, cache.n, n);
		if (round % 10 == 0) {
			frame_cache_done(&cache);
			assert_magazines(&pool.host);
			frame_cache_init(&cache, &pool.host, 0);
		}
	}
	assert_true(n_cut > 100 && n_cut < 2900);
	while (n)
		give(&pool, &cache, held[--n]);
	frame_cache_done(&cache);
	assert_places(&pool, n_frames, 0, 0);
	assert_magazines(&pool.host);
	pool_done(&pool);
}

/* ---- several regions ---- */

#define N_REGIONS 4
#define N_ROUNDS  (UNIT_SLOW ? 150 : 600)

static const uint32_t region_frames[N_REGIONS] = { 2000, 1500, 700, 64 };

/* The control thread asks, the others answer between two steps, as workers do
 * (worker_call()). */
struct regions {
	struct arena arena;
	struct hostpool hosts[N_REGIONS];
	uint8_t *held;		   /* A: by frame */
	uint32_t limit[N_REGIONS]; /* A: none beyond it may be handed out */
	uint32_t asked;		   /* A: number of the last question */
	bool drain;		   /* A: frames are wanted back */
	bool stop;		   /* A */
	struct {
		struct regions *all;
		uint32_t who;
		uint32_t answered CACHE_ALIGNED; /* A */
	} jobs[N_THREADS];
};

static void regions_init(struct regions *all, uint32_t n_caches)
{
	uint32_t region;

	memset(all, 0, sizeof(*all));
	assert_int_equal(arena_init(&all->arena, region_frames[0], 4096,
				    ARENA_PAGES_SMALL),
			 0);
	for (uint32_t i = 0; i < N_REGIONS; i++) {
		if (i) {
			assert_int_equal(
				arena_add_region(&all->arena, region_frames[i],
						 ARENA_PAGES_SMALL, &region),
				0);
			assert_int_equal(region, i);
		}
		assert_int_equal(hostpool_init(&all->hosts[i], &all->arena, i,
					       n_caches),
				 0);
		all->limit[i] = UINT32_MAX;
	}
	all->held = calloc(ARENA_MAX_FRAMES, 1);
	assert_non_null(all->held);
}

static void regions_done(struct regions *all)
{
	uint32_t count[FRAME_N_PLACES];

	for (uint32_t i = 0; i < N_REGIONS; i++) {
		struct hostpool *host = &all->hosts[i];
		uint32_t n = all->arena.regions[i].n_frames;

		assert_int_equal(hostpool_free_frames(host), n);
		arena_count_region(&all->arena, i, count);
		assert_int_equal(count[FRAME_HOST], n);
		assert_magazines(host);
		hostpool_done(host);
		if (i)
			assert_int_equal(arena_del_region(&all->arena, i), 0);
	}
	free(all->held);
	arena_done(&all->arena);
}

static void open_caches(struct regions *all, struct frame_cache *own,
			struct frame_caches *caches, uint32_t who)
{
	memset(caches, 0, sizeof(*caches));
	for (uint32_t i = 0; i < N_REGIONS; i++) {
		frame_cache_init(&own[i], &all->hosts[i], who);
		frame_cache_join(&own[i], caches);
	}
}

static uint32_t take_from(struct regions *all, struct frame_cache *cache)
{
	uint32_t region = cache->pool->region, limit, at;
	uint32_t frame = frame_cache_get(cache);

	if (frame == FRAME_NONE)
		return frame;
	at = frame - arena_region_first(region);
	limit = __atomic_load_n(&all->limit[region], __ATOMIC_RELAXED);
	unit_check(arena_region_of(frame) == region && at < limit,
		   "frame %u of region %u, limit %u", frame, region, limit);
	unit_check(!__atomic_exchange_n(&all->held[frame], 1, __ATOMIC_RELAXED),
		   "frame %u was handed out twice", frame);
	arena_move(&all->arena, frame, FRAME_OUT, cache->who);
	/* Nobody else writes to it. */
	*(uint32_t *)arena_data(&all->arena, arena_addr(&all->arena, frame)) =
		cache->who;
	return frame;
}

/* Into whatever cache: that it finds its own is what is tested. */
static void give_any(struct regions *all, struct frame_cache *cache,
		     uint32_t frame)
{
	unit_check(__atomic_exchange_n(&all->held[frame], 0, __ATOMIC_RELAXED),
		   "frame %u was not held", frame);
	frame_cache_put(cache, frame);
}

static void test_foreign(void **state)
{
	struct frame_cache own[N_REGIONS];
	struct frame_caches caches;
	struct regions all;

	(void)state;
	regions_init(&all, 1);
	open_caches(&all, own, &caches, 5);
	for (uint32_t from = 0; from < N_REGIONS; from++) {
		assert_ptr_equal(frame_cache_of(&own[0], from), &own[from]);
		for (uint32_t to = 0; to < N_REGIONS; to++) {
			uint32_t before[N_REGIONS], frame;

			frame = take_from(&all, &own[from]);
			for (uint32_t i = 0; i < N_REGIONS; i++)
				before[i] = own[i].n;
			give_any(&all, &own[to], frame);
			for (uint32_t i = 0; i < N_REGIONS; i++)
				assert_int_equal(own[i].n,
						 before[i] + (i == from));
			assert_int_equal(arena_where(&all.arena, frame),
					 FRAME_CACHE << 12 | 5);
			assert_int_equal(frame_cache_get(&own[from]), frame);
			frame_cache_put(&own[from], frame);
		}
	}
	/* A frame that is not welcome in its own region either. */
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t frame = take_from(&all, &own[2]);

		hostpool_withdraw(&all.hosts[2], 1);
		give_any(&all, &own[1], frame);
		assert_int_equal(arena_where(&all.arena, frame) >> 12,
				 frame == arena_region_first(2) ? FRAME_CACHE
								: FRAME_HOST);
		hostpool_restore(&all.hosts[2]);
	}
	for (uint32_t i = 0; i < N_REGIONS; i++)
		frame_cache_done(&own[i]);
	assert_null(caches.of[2]);
	regions_done(&all);
}

static void *get_and_put_regions(void *arg)
{
	typeof(((struct regions *)NULL)->jobs[0]) *job = arg;
	struct regions *all = job->all;
	uint32_t held[MAX_HELD], n = 0, target = 0, frame, asked;
	struct frame_cache own[N_REGIONS];
	struct frame_caches caches;
	uint64_t seed = 0x99 + job->who;

	open_caches(all, own, &caches, job->who);
	while (!__atomic_load_n(&all->stop, __ATOMIC_RELAXED)) {
		asked = __atomic_load_n(&all->asked, __ATOMIC_ACQUIRE);
		if (asked != job->answered) {
			for (uint32_t i = 0; i < N_REGIONS; i++)
				frame_cache_trim(&own[i]);
			__atomic_store_n(&job->answered, asked,
					 __ATOMIC_RELEASE);
		}
		if (unit_below(&seed, 97) == 0)
			target = unit_below(&seed, MAX_HELD);
		if (__atomic_load_n(&all->drain, __ATOMIC_RELAXED))
			target = 0;
		if (n < target) {
			frame = take_from(all,
					  &own[unit_below(&seed, N_REGIONS)]);
			if (frame != FRAME_NONE)
				held[n++] = frame;
		} else if (n) {
			uint32_t at = unit_below(&seed, n);

			give_any(all, &own[unit_below(&seed, N_REGIONS)],
				 held[at]);
			held[at] = held[--n];
		}
	}
	while (n)
		give_any(all, &own[0], held[--n]);
	for (uint32_t i = 0; i < N_REGIONS; i++)
		frame_cache_done(&own[i]);
	return NULL;
}

static void ask_all(struct regions *all)
{
	uint32_t number = all->asked + 1;

	__atomic_store_n(&all->asked, number, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < N_THREADS; i++)
		while (__atomic_load_n(&all->jobs[i].answered,
				       __ATOMIC_ACQUIRE) != number)
			sched_yield();
}

/* Withdraws the end of a region; waits for all of it, or does not. */
static bool withdraw(struct regions *all, uint32_t region, uint32_t limit,
		     bool wait)
{
	struct hostpool *host = &all->hosts[region];
	uint32_t n = all->arena.regions[region].n_frames - limit;
	uint64_t end = now_ns() + 60 * NS_PER_SEC;

	hostpool_withdraw(host, limit);
	ask_all(all);
	hostpool_withdraw(host, limit);
	/* From here on nobody gets one that is beyond it. */
	__atomic_store_n(&all->limit[region], limit, __ATOMIC_RELAXED);
	if (!wait)
		return hostpool_withdrawn(host) == n;
	__atomic_store_n(&all->drain, true, __ATOMIC_RELAXED);
	while (hostpool_withdrawn(host) != n) {
		unit_check(now_ns() < end, "%u of %u withdrawn",
			   hostpool_withdrawn(host), n);
		sched_yield();
	}
	__atomic_store_n(&all->drain, false, __ATOMIC_RELAXED);
	return true;
}

/* Threads set frames aside at the very moment that the limit is raised again:
 * each comes back, and once. */
static void restore_at_once(struct regions *all, struct hostpool *host)
{
	hostpool_restore(host);
	for (uint32_t i = 0; i < 30; i++) {
		hostpool_withdraw(host, 1);
		sched_yield();
		hostpool_restore(host);
	}
	/* Those that were in the middle of it are through. */
	ask_all(all);
	assert_int_equal(hostpool_withdrawn(host), 0);
}

/* Regions lose their ends and get them back while all threads take frames of
 * all of them; region 0 is cut, too, and grows. */
static void test_withdraw_threads(void **state)
{
	struct regions *all = aligned_alloc(CACHE_LINE, sizeof(*all));
	pthread_t threads[N_THREADS];
	uint32_t n_whole = 0, n_cut = 0;
	uint64_t seed = 3;

	(void)state;
	regions_init(all, N_THREADS);
	for (uint32_t i = 0; i < N_THREADS; i++) {
		all->jobs[i].all = all;
		all->jobs[i].who = i;
		threads[i] = unit_start(get_and_put_regions, &all->jobs[i]);
	}
	for (uint32_t round = 0; round < N_ROUNDS; round++) {
		uint32_t region = unit_below(&seed, N_REGIONS);
		uint32_t n = all->arena.regions[region].n_frames;
		uint32_t limit = 1 + unit_below(&seed, n);
		bool whole = withdraw(all, region, limit, unit_below(&seed, 2));

		n_whole += whole;
		__atomic_store_n(&all->limit[region], UINT32_MAX,
				 __ATOMIC_RELAXED);
		if (region || !whole) {
			restore_at_once(all, &all->hosts[region]);
			continue;
		}
		assert_int_equal(arena_resize(&all->arena, limit), 0);
		hostpool_cut(&all->hosts[0]);
		assert_int_equal(arena_resize(&all->arena,
					      limit + unit_below(&seed, 3000)),
				 0);
		hostpool_grow(&all->hosts[0]);
		n_cut++;
	}
	__atomic_store_n(&all->stop, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < N_THREADS; i++)
		unit_join(threads[i]);
	assert_true(n_whole > N_ROUNDS / 4 && n_cut > N_ROUNDS / 20);
	regions_done(all);
	free(all);
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
		cmocka_unit_test(test_withdraw),
		cmocka_unit_test(test_load_after_trim),
		cmocka_unit_test(test_late_for_restore),
		cmocka_unit_test(test_grow_by_one),
		cmocka_unit_test(test_resize_at_random),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_withdraw_threads),
	};

	return cmocka_run_group_tests_name("hostpool", tests, NULL, NULL);
}
