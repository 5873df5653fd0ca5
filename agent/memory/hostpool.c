// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The host pool and the workers' frame caches: see hostpool.h. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

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

/* ---- frames that come into the depot, and that leave it for good ---- */

/* A magazine to add frames to: one that was left half full, if there is one.
 * depot_put() ends it. */
static struct magazine *begin_adding(struct hostpool *pool)
{
	struct magazine *mag = stack_pop(pool, &pool->partial);

	if (!mag)
		return stack_pop(pool, &pool->empty);
	__atomic_fetch_sub(&pool->n_free, (int64_t)mag->n, __ATOMIC_RELAXED);
	return mag;
}

static void add_frame(struct hostpool *pool, struct magazine **mag,
		      uint32_t frame)
{
	if ((*mag)->n == MAGAZINE_SIZE) {
		depot_put(pool, *mag);
		*mag = stack_pop(pool, &pool->empty);
	}
	(*mag)->frames[(*mag)->n++] = frame;
}

/* False if the limit was raised meanwhile: @frame is the caller's again. The
 * other side is hostpool_restore(). */
static bool set_aside(struct hostpool *pool, uint32_t frame)
{
	uint32_t at = frame - pool->first;
	uint64_t *word = &pool->aside[at / 64], bit = 1ull << at % 64;

	arena_move(pool->arena, frame, FRAME_HOST, 0);
	__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	if (at < __atomic_load_n(&pool->limit, __ATOMIC_SEQ_CST) &&
	    __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit)
		return false;
	/* Last: who sees that all are withdrawn may clear the bits. */
	__atomic_fetch_add(&pool->n_aside, 1, __ATOMIC_RELEASE);
	return true;
}

/* Sets aside what @mag has beyond the limit; returns what is left. */
static uint32_t sort_out(struct hostpool *pool, struct magazine *mag)
{
	uint32_t limit = __atomic_load_n(&pool->limit, __ATOMIC_RELAXED);
	uint32_t n = 0;

	if (limit >= __atomic_load_n(&pool->n_frames, __ATOMIC_RELAXED))
		return mag->n;
	for (uint32_t i = 0; i < mag->n; i++) {
		uint32_t frame = mag->frames[i];

		if (frame - pool->first < limit || !set_aside(pool, frame))
			mag->frames[n++] = frame;
	}
	mag->n = n;
	return n;
}

/* Moves frames from @from to @to until one is empty or the other full. */
static void pour(struct magazine *from, struct magazine *to)
{
	while (from->n && to->n < MAGAZINE_SIZE)
		to->frames[to->n++] = from->frames[--from->n];
}

/* All are taken out before the first is put back: stacks give back what was put
 * last. */
static void sort_out_depot(struct hostpool *pool)
{
	struct magazine *mag, *list = NULL, *left = NULL;
	uint32_t next;

	while ((mag = depot_get(pool))) {
		next = list ? (uint32_t)(list - pool->magazines) : NO_MAGAZINE;
		__atomic_store_n(&mag->next, next, __ATOMIC_RELAXED);
		list = mag;
	}
	while ((mag = list)) {
		list = mag->next == NO_MAGAZINE ? NULL :
						  &pool->magazines[mag->next];
		sort_out(pool, mag);
		if (left && mag->n < MAGAZINE_SIZE)
			pour(mag, left);
		if (left && left->n == MAGAZINE_SIZE) {
			depot_put(pool, left);
			left = NULL;
		}
		if (!left && mag->n && mag->n < MAGAZINE_SIZE)
			left = mag;
		else
			depot_put(pool, mag);
	}
	if (left)
		depot_put(pool, left);
}

/* ---- public ---- */

/* See hostpool.h for the reason. */
static uint32_t magazines_for(const struct hostpool *pool, uint32_t n_frames)
{
	return n_frames / MAGAZINE_SIZE + 4 * pool->max_caches + 3;
}

int hostpool_init(struct hostpool *pool, struct arena *arena, uint32_t region,
		  uint32_t max_caches)
{
	uint32_t max_frames = region ? arena->regions[region].n_frames :
				       ARENA_SHARED_MAX;
	size_t aside_at;
	void *map;

	memset(pool, 0, sizeof(*pool));
	pool->arena = arena;
	pool->region = region;
	pool->first = arena_region_first(region);
	pool->max_caches = max_caches;
	pool->full = NO_MAGAZINE;
	pool->empty = NO_MAGAZINE;
	pool->partial = NO_MAGAZINE;
	aside_at = magazines_for(pool, max_frames) * sizeof(struct magazine);
	pool->map_size = aside_at + (max_frames + 63) / 64 * sizeof(uint64_t);
	map = mmap(NULL, pool->map_size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	pool->magazines = map;
	pool->aside = (uint64_t *)((char *)map + aside_at);
	hostpool_grow(pool);
	return 0;
}

void hostpool_done(struct hostpool *pool)
{
	if (pool->magazines)
		munmap(pool->magazines, pool->map_size);
	pool->magazines = NULL;
	pool->aside = NULL;
}

void hostpool_grow(struct hostpool *pool)
{
	uint32_t n_frames = pool->arena->regions[pool->region].n_frames;
	uint32_t need = magazines_for(pool, n_frames);
	struct magazine *mag;

	for (; pool->n_magazines < need; pool->n_magazines++)
		stack_push(pool, &pool->empty,
			   &pool->magazines[pool->n_magazines]);
	/* First: frames beyond it would be set aside when they come back. */
	__atomic_store_n(&pool->limit, n_frames, __ATOMIC_SEQ_CST);
	mag = begin_adding(pool);
	for (uint32_t i = pool->n_frames; i < n_frames; i++)
		add_frame(pool, &mag, pool->first + i);
	depot_put(pool, mag);
	__atomic_store_n(&pool->n_frames, n_frames, __ATOMIC_RELAXED);
}

uint32_t hostpool_withdraw(struct hostpool *pool, uint32_t limit)
{
	__atomic_store_n(&pool->limit, limit, __ATOMIC_SEQ_CST);
	sort_out_depot(pool);
	return hostpool_withdrawn(pool);
}

uint32_t hostpool_withdrawn(const struct hostpool *pool)
{
	int32_t n = __atomic_load_n(&pool->n_aside, __ATOMIC_ACQUIRE);

	return n < 0 ? 0 : (uint32_t)n;
}

void hostpool_restore(struct hostpool *pool)
{
	uint32_t word = pool->limit / 64;
	struct magazine *mag = begin_adding(pool);

	__atomic_store_n(&pool->limit, pool->n_frames, __ATOMIC_SEQ_CST);
	for (; word < (pool->n_frames + 63) / 64; word++) {
		uint64_t bits = __atomic_exchange_n(&pool->aside[word], 0,
						    __ATOMIC_SEQ_CST);

		__atomic_fetch_sub(&pool->n_aside, __builtin_popcountll(bits),
				   __ATOMIC_RELAXED);
		for (; bits; bits &= bits - 1)
			add_frame(pool, &mag,
				  pool->first + word * 64 +
					  (uint32_t)__builtin_ctzll(bits));
	}
	depot_put(pool, mag);
}

void hostpool_cut(struct hostpool *pool)
{
	/* Of the first word only the upper bits: whoever has seen an earlier, lower
	 * limit may be in set_aside() with a frame below this one. */
	uint64_t keep = (1ull << pool->limit % 64) - 1;

	for (uint32_t word = pool->limit / 64;
	     word < (pool->n_frames + 63) / 64; word++, keep = 0) {
		uint64_t bits = __atomic_fetch_and(&pool->aside[word], keep,
						   __ATOMIC_SEQ_CST);

		__atomic_fetch_sub(&pool->n_aside,
				   __builtin_popcountll(bits & ~keep),
				   __ATOMIC_RELAXED);
	}
	__atomic_store_n(&pool->n_frames, pool->limit, __ATOMIC_RELAXED);
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

void frame_cache_join(struct frame_cache *cache, struct frame_caches *caches)
{
	cache->all = caches;
	caches->of[cache->pool->region] = cache;
}

static void swap_magazines(struct frame_cache *cache)
{
	struct magazine *mag = cache->loaded;

	cache->loaded = cache->spare;
	cache->spare = mag;
}

static void note_in_ledger(const struct frame_cache *cache,
			   const struct magazine *mag)
{
	for (uint32_t i = 0; i < mag->n; i++)
		arena_move(cache->pool->arena, mag->frames[i], FRAME_CACHE,
			   cache->who);
}

/* The spare one is full or empty, as always. */
void frame_cache_trim(struct frame_cache *cache)
{
	cache->n = sort_out(cache->pool, cache->loaded);
	cache->n += sort_out(cache->pool, cache->spare);
	pour(cache->spare, cache->loaded);
	if (cache->spare->n && cache->spare->n < MAGAZINE_SIZE)
		swap_magazines(cache);
	/* Some may have been set aside and taken back. */
	note_in_ledger(cache, cache->loaded);
	note_in_ledger(cache, cache->spare);
}

void frame_cache_done(struct frame_cache *cache)
{
	struct hostpool *pool = cache->pool;
	struct magazine *left;

	if (!pool)
		return;
	if (cache->all)
		cache->all->of[pool->region] = NULL;
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

int frame_cache_load(struct frame_cache *cache)
{
	struct hostpool *pool = cache->pool;
	struct magazine *mag;

	if (cache->spare->n) {
		swap_magazines(cache);
		return 0;
	}
	while ((mag = depot_get(pool)) && !sort_out(pool, mag))
		stack_push(pool, &pool->empty, mag);
	if (!mag)
		return -ENOMEM;
	note_in_ledger(cache, mag);
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

void frame_cache_put_elsewhere(struct frame_cache *cache, uint32_t frame)
{
	uint32_t region = arena_region_of(frame);

	if (region != cache->pool->region)
		frame_cache_put(cache->all->of[region], frame);
	else if (!set_aside(cache->pool, frame))
		frame_cache_put(cache, frame);
}

/* ---- looking at all of it ---- */

static uint32_t each_in(const struct magazine *mag,
			void (*fn)(uint32_t frame, void *arg), void *arg)
{
	for (uint32_t i = 0; i < mag->n; i++)
		fn(mag->frames[i], arg);
	return mag->n;
}

static uint32_t each_on(const struct hostpool *pool, uint64_t head,
			void (*fn)(uint32_t frame, void *arg), void *arg)
{
	uint32_t index = head_index(head), n = 0;

	while (index != NO_MAGAZINE) {
		n += each_in(&pool->magazines[index], fn, arg);
		index = pool->magazines[index].next;
	}
	return n;
}

uint32_t hostpool_each(const struct hostpool *pool,
		       void (*fn)(uint32_t frame, void *arg), void *arg)
{
	uint32_t n = each_on(pool, pool->full, fn, arg) +
		     each_on(pool, pool->partial, fn, arg);

	for (uint32_t i = 0; i < pool->n_frames; i++) {
		if (!(pool->aside[i / 64] >> i % 64 & 1))
			continue;
		fn(pool->first + i, arg);
		n++;
	}
	return n;
}

uint32_t frame_cache_each(const struct frame_cache *cache,
			  void (*fn)(uint32_t frame, void *arg), void *arg)
{
	return each_in(cache->loaded, fn, arg) +
	       each_in(cache->spare, fn, arg);
}
