// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The host pool and the workers' frame caches: see hostpool.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/hostpool.h"

#define NO_MAGAZINE	UINT32_MAX

static uint32_t head_index(uint64_t head)
{
	return (uint32_t)head;
}

static uint64_t head_make(uint64_t old, uint32_t index)
{
	return ((old >> 32) + 1) << 32 | index;
}

static void stack_push(struct hostpool *pool, uint64_t *head,
		       struct magazine *mag)
{
	uint32_t index = (uint32_t)(mag - pool->magazines);
	uint64_t old = __atomic_load_n(head, __ATOMIC_RELAXED);

	do {
		__atomic_store_n(&mag->next, head_index(old),
				 __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(head, &old,
					      head_make(old, index), true,
					      __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
}

static struct magazine *stack_pop(struct hostpool *pool, uint64_t *head)
{
	uint64_t old = __atomic_load_n(head, __ATOMIC_ACQUIRE);
	struct magazine *mag;
	uint32_t next;

	do {
		if (head_index(old) == NO_MAGAZINE)
			return NULL;
		mag = &pool->magazines[head_index(old)];
		/* May be another thread's by now: the generation tells. */
		next = __atomic_load_n(&mag->next, __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(head, &old,
					      head_make(old, next), true,
					      __ATOMIC_ACQUIRE,
					      __ATOMIC_ACQUIRE));
	return mag;
}

static void depot_put(struct hostpool *pool, struct magazine *mag)
{
	for (uint32_t i = 0; i < mag->n; i++)
		arena_move(pool->arena, mag->frames[i], FRAME_HOST, 0);
	__atomic_fetch_add(&pool->n_free, (int64_t)mag->n, __ATOMIC_RELAXED);
	if (mag->n == MAGAZINE_SIZE)
		stack_push(pool, &pool->full, mag);
	else
		stack_push(pool, mag->n ? &pool->partial : &pool->empty, mag);
}

/* A magazine with frames, or NULL when the depot has none. */
static struct magazine *depot_get(struct hostpool *pool)
{
	struct magazine *mag = stack_pop(pool, &pool->full);

	if (!mag)
		mag = stack_pop(pool, &pool->partial);
	if (mag)
		__atomic_fetch_sub(&pool->n_free, (int64_t)mag->n,
				   __ATOMIC_RELAXED);
	return mag;
}

int hostpool_init(struct hostpool *pool, struct arena *arena,
		  uint32_t max_caches)
{
	uint32_t n_full = (arena->n_frames + MAGAZINE_SIZE - 1) / MAGAZINE_SIZE;
	/* Per cache: two, one more in load and unload, one left half full. */
	uint32_t n = n_full + 4 * max_caches;
	uint32_t frame = 0;

	memset(pool, 0, sizeof(*pool));
	pool->arena = arena;
	pool->n_magazines = n;
	pool->full = NO_MAGAZINE;
	pool->empty = NO_MAGAZINE;
	pool->partial = NO_MAGAZINE;
	pool->magazines = calloc(n, sizeof(pool->magazines[0]));
	if (!pool->magazines)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct magazine *mag = &pool->magazines[i];

		while (frame < arena->n_frames && mag->n < MAGAZINE_SIZE)
			mag->frames[mag->n++] = frame++;
		depot_put(pool, mag);
	}
	return 0;
}

void hostpool_done(struct hostpool *pool)
{
	free(pool->magazines);
	pool->magazines = NULL;
}

uint32_t hostpool_free_frames(const struct hostpool *pool)
{
	int64_t n = __atomic_load_n(&pool->n_free, __ATOMIC_RELAXED);

	return n < 0 ? 0 : (uint32_t)n;
}

void frame_cache_init(struct frame_cache *cache, struct hostpool *pool,
		      uint32_t who)
{
	memset(cache, 0, sizeof(*cache));
	cache->pool = pool;
	cache->who = who;
	cache->loaded = stack_pop(pool, &pool->empty);
	cache->spare = stack_pop(pool, &pool->empty);
}

/* Moves frames from @from to @to until one is empty or the other full. */
static void pour(struct magazine *from, struct magazine *to)
{
	while (from->n && to->n < MAGAZINE_SIZE)
		to->frames[to->n++] = from->frames[--from->n];
}

void frame_cache_done(struct frame_cache *cache)
{
	struct hostpool *pool = cache->pool;
	struct magazine *left;

	if (!pool)
		return;
	/* Of a cache's two, only the loaded one can be half full. */
	left = stack_pop(pool, &pool->partial);
	if (left) {
		__atomic_fetch_sub(&pool->n_free, (int64_t)left->n,
				   __ATOMIC_RELAXED);
		pour(left, cache->loaded);
		pour(left, cache->spare);
		depot_put(pool, left);
	}
	depot_put(pool, cache->loaded);
	depot_put(pool, cache->spare);
	memset(cache, 0, sizeof(*cache));
}

static void swap_magazines(struct frame_cache *cache)
{
	struct magazine *mag = cache->loaded;

	cache->loaded = cache->spare;
	cache->spare = mag;
}

int frame_cache_load(struct frame_cache *cache)
{
	struct hostpool *pool = cache->pool;
	struct magazine *mag;

	if (cache->spare->n) {
		swap_magazines(cache);
		return 0;
	}
	mag = depot_get(pool);
	if (!mag)
		return -ENOMEM;
	for (uint32_t i = 0; i < mag->n; i++)
		arena_move(pool->arena, mag->frames[i], FRAME_CACHE,
			   cache->who);
	stack_push(pool, &pool->empty, cache->spare);
	cache->spare = cache->loaded;
	cache->loaded = mag;
	cache->n += mag->n;
	return 0;
}

void frame_cache_unload(struct frame_cache *cache)
{
	struct hostpool *pool = cache->pool;
	struct magazine *mag;

	if (cache->spare->n < MAGAZINE_SIZE) {
		swap_magazines(cache);
		return;
	}
	mag = stack_pop(pool, &pool->empty);	/* never NULL: see hostpool.h */
	cache->n -= cache->spare->n;
	depot_put(pool, cache->spare);
	cache->spare = cache->loaded;
	cache->loaded = mag;
}
