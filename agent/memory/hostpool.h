/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The host pool: all frames that no queue, port or worker holds, and the
 * workers' caches in front of it.
 *
 * Theory. Frames are handed about in magazines of 64, as in Bonwick's and
 * Adams's slab allocator ("Magazines and Vmem", USENIX 2001): a worker's
 * cache is two magazines, and a trip to the shared depot moves a whole one, so
 * that sharing costs a few nanoseconds per 64 frames. The depot is three
 * lock-free stacks, of full magazines, of empty ones, and of what closed caches
 * left half full; their heads carry a generation in the upper half against
 * ABA. A magazine is on exactly one stack or in exactly one cache, and a frame
 * is in at most one magazine: that is the whole invariant, and push, pop,
 * cache_get and cache_put are the only operations on it.
 *
 * There is always an empty magazine for who needs one. A closing cache fills
 * up what another had left before it leaves one half full of its own, so that
 * there are never more of those than caches may be open; the full ones are at
 * most n_frames / 64, and a cache has two, or three in the middle of load and
 * unload.
 *
 * Thread-safety: the depot may be used by any thread; a cache belongs to one.
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
	/* cold */
	struct magazine *magazines CACHE_ALIGNED;	/* owned */
	uint32_t n_magazines;
	struct arena *arena;		/* borrowed */
};

struct frame_cache {
	struct hostpool *pool;		/* borrowed */
	struct magazine *loaded;
	struct magazine *spare;
	uint32_t who;			/* the worker's number, for the ledger */
	uint32_t n;			/* frames in both magazines */
};

/* All frames of @arena go into the pool. @max_caches caches may be opened at
 * one time. 0 or -ENOMEM. */
int hostpool_init(struct hostpool *pool, struct arena *arena,
		  uint32_t max_caches);
void hostpool_done(struct hostpool *pool);

/* Frames in the depot (not in caches). Any thread. */
uint32_t hostpool_free_frames(const struct hostpool *pool);

void frame_cache_init(struct frame_cache *cache, struct hostpool *pool,
		      uint32_t who);
/* Gives everything back to the pool. */
void frame_cache_done(struct frame_cache *cache);

/* Slow halves of the two below. */
int frame_cache_load(struct frame_cache *cache);
void frame_cache_unload(struct frame_cache *cache);

/* A free frame, or FRAME_NONE when the host pool is empty. */
static inline uint32_t frame_cache_get(struct frame_cache *cache)
{
	if (__builtin_expect(!cache->loaded->n, 0) && frame_cache_load(cache))
		return FRAME_NONE;
	cache->n--;
	return cache->loaded->frames[--cache->loaded->n];
}

/* Takes @frame back. The caller held it. */
static inline void frame_cache_put(struct frame_cache *cache, uint32_t frame)
{
	if (__builtin_expect(cache->loaded->n == MAGAZINE_SIZE, 0))
		frame_cache_unload(cache);
	arena_move(cache->pool->arena, frame, FRAME_CACHE, cache->who);
	cache->n++;
	cache->loaded->frames[cache->loaded->n++] = frame;
}

#endif
