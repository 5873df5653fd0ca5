/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The host pool of a region: all its frames that no queue, port or worker
 * holds, and the workers' caches in front of it.
 *
 * Theory. Frames are handed about in magazines of 64, as in Bonwick's and
 * Adams's slab allocator ("Magazines and Vmem", USENIX 2001): a worker's
 * cache is two magazines, and a trip to the shared depot moves a whole one, so
 * that sharing costs a few nanoseconds per 64 frames. The depot is three
 * lock-free stacks, of full magazines, of empty ones, and of those in between;
 * their heads carry a generation in the upper half against ABA. A magazine is
 * on exactly one stack or in exactly one cache, and a frame is in at most one
 * magazine: that is the whole invariant, and push, pop, cache_get and cache_put
 * are the only operations on it. The array of magazines never moves: address
 * space for the most there can be is taken at the start.
 *
 * There is always an empty magazine for who needs one. Whoever would leave one
 * half full first fills up another that was left, so that there are never more
 * of those than caches may be open, and one for the control thread; the full
 * ones are at most n_frames / 64; a cache has two, or three in the middle of
 * load and unload, the control thread two.
 *
 * Withdrawal. The end of the region's frames, from @limit on, can be taken out
 * of circulation while the workers go on: a withdrawn frame is in no magazine
 * but has its bit in @aside. Who puts a frame beyond the limit sets it aside;
 * who loads a magazine sets aside those that are in it. Both look at the
 * limit, which they may see late, so what is out of circulation for good is
 * known only after each cache's thread has called frame_cache_trim() (or closed
 * the cache), and the depot has been gone through once more: then no magazine of any cache holds
 * a frame beyond the limit, and none comes into one again. A frame set aside
 * while the limit is raised again is taken back by one of the two sides: both
 * write first (bit; limit) and then look at what the other wrote.
 *
 * Caches. A worker has a cache for each region. frame_cache_put() takes any
 * frame: what does not belong to the cache's region goes the slow way, to the
 * cache of its own region in the worker's struct frame_caches. So that there
 * is one: no frame of a region may be taken out of its host pool before all
 * threads that may be given it have a cache of it.
 *
 * Thread-safety: the depot may be used by any thread; a cache, and a struct
 * frame_caches, belong to one. What is marked "control" belongs to one thread
 * at a time.
 */
#ifndef MEMORY_HOSTPOOL_H
#define MEMORY_HOSTPOOL_H

#include <stdint.h>

#include "base/base.h"
#include "memory/arena.h"

#define MAGAZINE_SIZE	64

struct magazine {
	uint32_t next;		/* index of the next on the stack */
	uint32_t n;
	uint32_t frames[MAGAZINE_SIZE];
};

struct hostpool {
	/* hot: generation << 32 | index of the top magazine */
	uint64_t full CACHE_ALIGNED;
	uint64_t empty CACHE_ALIGNED;
	uint64_t partial CACHE_ALIGNED;
	int64_t n_free CACHE_ALIGNED;	/* frames in the depot */
	int32_t n_aside;		/* A: bits in aside, a moment late */
	/* read by all, seldom written */
	struct arena *arena CACHE_ALIGNED;	/* borrowed */
	struct magazine *magazines;	/* owned */
	uint64_t *aside;		/* A: bitmap, by number in the region */
	uint32_t first;			/* the region's first frame */
	uint32_t limit;			/* A: frames that may go about */
	uint32_t n_frames;		/* A: limit, if nothing is withdrawn */
	uint32_t region;
	/* cold */
	uint32_t n_magazines;
	uint32_t max_caches;
	size_t map_size;		/* of magazines and aside, one mapping */
};

struct frame_caches;

struct frame_cache {
	struct hostpool *pool;		/* borrowed */
	struct magazine *loaded;
	struct magazine *spare;
	uint32_t who;			/* the worker's number, for the ledger */
	uint32_t n;			/* frames in both magazines */
	struct frame_caches *all;	/* borrowed; NULL: there is no other */
};

/* One thread's caches, by region. Begins as zeros. */
struct frame_caches {
	struct frame_cache *of[ARENA_N_REGIONS];	/* borrowed */
};

/* All frames of @region go into the pool. @max_caches caches may be opened at
 * one time; each keeps up to 2 * MAGAZINE_SIZE frames. 0 or -ENOMEM. */
int hostpool_init(struct hostpool *pool, struct arena *arena, uint32_t region,
		  uint32_t max_caches);
void hostpool_done(struct hostpool *pool);

/* Frames in the depot (not in caches). Any thread. */
uint32_t hostpool_free_frames(const struct hostpool *pool);

/* Calls @fn with each frame in the depot, and with each that is withdrawn.
 * Returns how many. While no cache is used. */
uint32_t hostpool_each(const struct hostpool *pool,
		       void (*fn)(uint32_t frame, void *arg), void *arg);

/* control: puts the region's new frames, after arena_resize(), into the pool,
 * of which nothing is withdrawn. */
void hostpool_grow(struct hostpool *pool);

/*
 * control: from now on the region's frames from number @limit (not 0, and
 * counted from its first) on are set aside when they come back. Goes through
 * the depot, which workers find nearly empty meanwhile: about 0.1 us for each
 * magazine in it. A lower limit than before may follow, a higher one only after
 * hostpool_restore(). Returns hostpool_withdrawn().
 *
 * To be done again, with the same limit, after frame_cache_trim() in each
 * cache: see above. After that the frames that are missing are on queues or on
 * their way, and come one by one.
 */
uint32_t hostpool_withdraw(struct hostpool *pool, uint32_t limit);

/* Frames that are withdrawn by now: all of them if it is the number beyond
 * the limit. Any thread. */
uint32_t hostpool_withdrawn(const struct hostpool *pool);

/* control: raises the limit to what it was and puts what was withdrawn back. */
void hostpool_restore(struct hostpool *pool);

/* control: forgets the withdrawn frames, which must be all beyond the limit:
 * they are no more. See arena_resize(). */
void hostpool_cut(struct hostpool *pool);

void frame_cache_init(struct frame_cache *cache, struct hostpool *pool,
		      uint32_t who);
/* Gives everything back to the pool, and takes the cache out of its
 * frame_caches. */
void frame_cache_done(struct frame_cache *cache);

/* Makes @cache the one of its region in @caches: frames of the others in there
 * may be put into it, and its own into them. */
void frame_cache_join(struct frame_cache *cache, struct frame_caches *caches);

/* Calls @fn with each frame in it. Returns how many. Its thread, or while that
 * stands still. */
uint32_t frame_cache_each(const struct frame_cache *cache,
			  void (*fn)(uint32_t frame, void *arg), void *arg);

/* Sets aside what it holds beyond the limit. */
void frame_cache_trim(struct frame_cache *cache);

/* Slow halves of the two below. */
int frame_cache_load(struct frame_cache *cache);
void frame_cache_unload(struct frame_cache *cache);
void frame_cache_put_elsewhere(struct frame_cache *cache, uint32_t frame);

/* The same thread's cache of @region. */
static inline struct frame_cache *frame_cache_of(struct frame_cache *cache,
						 uint32_t region)
{
	if (__builtin_expect(cache->pool->region == region, 1))
		return cache;
	return cache->all->of[region];
}

/* A free frame, or FRAME_NONE when the host pool is empty. */
static inline uint32_t frame_cache_get(struct frame_cache *cache)
{
	if (__builtin_expect(!cache->loaded->n, 0) && frame_cache_load(cache))
		return FRAME_NONE;
	cache->n--;
	return cache->loaded->frames[--cache->loaded->n];
}

/* Takes @frame back, of any region. The caller held it. */
static inline void frame_cache_put(struct frame_cache *cache, uint32_t frame)
{
	const struct hostpool *pool = cache->pool;
	uint32_t limit = __atomic_load_n(&pool->limit, __ATOMIC_RELAXED);

	/* Another region's, or withdrawn. */
	if (__builtin_expect(frame - pool->first >= limit, 0)) {
		frame_cache_put_elsewhere(cache, frame);
		return;
	}
	if (__builtin_expect(cache->loaded->n == MAGAZINE_SIZE, 0))
		frame_cache_unload(cache);
	arena_move(pool->arena, frame, FRAME_CACHE, cache->who);
	cache->n++;
	cache->loaded->frames[cache->loaded->n++] = frame;
}

#endif
