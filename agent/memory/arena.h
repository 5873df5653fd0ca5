/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The arena: one memory area, cut into frames of one size, that every
 * AF_XDP queue registers as its UMEM (overlapping registrations: a frame that
 * came in on one device leaves by another without a copy).
 *
 * Beside it lies the ledger: for each frame, where it is. The ledger is
 * written by whoever moves a frame and read by the audit; both memories are
 * memfds, so that a successor process can map them.
 *
 * Pages of the arena are never given back with madvise() or by punching
 * holes: the kernel has pinned them, and would go on using the old ones.
 */
#ifndef MEMORY_ARENA_H
#define MEMORY_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_NONE	UINT32_MAX

/* Where a frame is: the upper four bits of its ledger entry. */
enum frame_place {
	FRAME_HOST = 0,		/* in the host pool */
	FRAME_CACHE = 1,	/* in the cache of worker @who */
	FRAME_QUEUE = 2,	/* posted to, or received on, queue @who */
	FRAME_OUT = 3,		/* on its way out of the port in slot @who */
	FRAME_N_PLACES
};
#define FRAME_WHO_MAX	0x0fffu

struct arena {
	void *base;		/* owned: the mapping */
	uint16_t *ledger;	/* owned: one entry per frame */
	uint32_t n_frames;
	uint32_t frame_size;	/* bytes */
	uint32_t frame_shift;	/* log2(frame_size) */
	int fd;			/* owned: memfd of the frames */
	int ledger_fd;		/* owned */
	bool huge;		/* backed by 2-MiB pages */
	char why[160];		/* why not huge; empty if it is */
};

enum arena_pages { ARENA_PAGES_AUTO, ARENA_PAGES_HUGE, ARENA_PAGES_SMALL };

/*
 * Makes an arena of @n_frames frames of @frame_size bytes (a power of two).
 * ARENA_PAGES_AUTO falls back to small pages and says why in arena->why.
 * Returns 0; -ENOMEM, also when ARENA_PAGES_HUGE cannot be had (arena->why is
 * set then too). On failure nothing is left open.
 */
int arena_init(struct arena *arena, uint32_t n_frames, uint32_t frame_size,
	       enum arena_pages pages);
void arena_done(struct arena *arena);

static inline size_t arena_size(const struct arena *arena)
{
	return (size_t)arena->n_frames << arena->frame_shift;
}

/* The frame that holds byte @addr of the arena. */
static inline uint32_t arena_frame(const struct arena *arena, uint64_t addr)
{
	return (uint32_t)(addr >> arena->frame_shift);
}

static inline uint64_t arena_addr(const struct arena *arena, uint32_t frame)
{
	return (uint64_t)frame << arena->frame_shift;
}

static inline void *arena_data(const struct arena *arena, uint64_t addr)
{
	return (char *)arena->base + addr;
}

/* Only the thread that holds the frame may move it in the ledger. */
static inline void arena_move(struct arena *arena, uint32_t frame,
			      enum frame_place place, uint32_t who)
{
	__atomic_store_n(&arena->ledger[frame],
			 (uint16_t)((place << 12) | (who & FRAME_WHO_MAX)),
			 __ATOMIC_RELAXED);
}

static inline uint16_t arena_where(const struct arena *arena, uint32_t frame)
{
	return __atomic_load_n(&arena->ledger[frame], __ATOMIC_RELAXED);
}

static inline enum frame_place frame_place(uint16_t entry)
{
	return (enum frame_place)(entry >> 12);
}

static inline uint32_t frame_who(uint16_t entry)
{
	return entry & FRAME_WHO_MAX;
}

/* Counts the ledger's entries by place. Exact when no worker runs; a
 * snapshot, each frame counted once, when they do. */
void arena_count(const struct arena *arena, uint32_t ret_count[FRAME_N_PLACES]);

#endif
