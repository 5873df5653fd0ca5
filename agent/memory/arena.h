/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The arena: packet memory, cut into frames of one size, in regions. Region 0
 * is shared: most AF_XDP queues register it as their UMEM (overlapping
 * registrations: a frame that came in on one device leaves by another without
 * a copy). The others are each for one isolated VM, and registered on its own
 * queues only, so that the kernel itself keeps those queues out of all other
 * memory.
 *
 * Theory. All frames have one space of numbers, and all regions lie in one
 * range of addresses, reserved at the start: byte @addr of the arena is at
 * base + addr whatever region it is in, and neither moves while a region grows
 * or another comes or goes. Region 0 begins at frame 0 and may grow up to
 * ARENA_SHARED_MAX; region r > 0 begins at ARENA_SHARED_MAX + (r - 1) *
 * ARENA_REGION_MAX. So a frame's region follows from its number alone, and no
 * thread reads a table for it. What is only reserved costs nothing: no memory,
 * no accounting, no huge pages.
 *
 * Beside it lies the ledger: for each frame, where it is. The ledger is
 * written by whoever moves a frame and read by the audit; it and the regions
 * are memfds, so that a successor process can map them. The ledger has a place
 * for every number; its pages come with the regions.
 *
 * Pages of a region are never given back with madvise() or by punching
 * holes: the kernel has pinned them, and would go on using the old ones. See
 * arena_resize() for the only way to give some back.
 *
 * Thread-safety: regions are made, resized and taken away by the control
 * thread; the inline functions are for all threads.
 */
#ifndef MEMORY_ARENA_H
#define MEMORY_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_NONE	UINT32_MAX

/* 2^22 is the most that the configuration allows. With these and frames of
 * 4096 bytes 76 GiB are reserved, of the 256 that a packet's word can say. */
#define ARENA_SHARED_MAX	(1u << 22)
#define ARENA_REGION_SHIFT	16
#define ARENA_REGION_MAX	(1u << ARENA_REGION_SHIFT)
#define ARENA_N_REGIONS		(1 + 240)
#define ARENA_MAX_FRAMES	(ARENA_SHARED_MAX + \
				 (ARENA_N_REGIONS - 1) * ARENA_REGION_MAX)

/* Where a frame is: the upper four bits of its ledger entry. */
enum frame_place {
	FRAME_HOST = 0,		/* in its region's host pool */
	FRAME_CACHE = 1,	/* in the cache of worker @who */
	FRAME_QUEUE = 2,	/* posted to, or received on, queue @who */
	FRAME_OUT = 3,		/* on its way out of the port in slot @who */
	FRAME_RECALL = 4,	/* was posted to queue @who: ports/recall.h */
	FRAME_N_PLACES
};
#define FRAME_WHO_MAX	0x0fffu

struct arena_region {
	uint32_t first;		/* its first frame's number */
	uint32_t n_frames;	/* 0: there is no such region */
	int fd;			/* owned: memfd of the frames */
	bool huge;		/* backed by 2-MiB pages */
	char why[160];		/* why not huge; empty if it is */
};

struct arena {
	/* hot */
	void *base;		/* owned: the reserved range, 2-MiB aligned */
	uint16_t *ledger;	/* owned: ARENA_MAX_FRAMES entries */
	uint32_t frame_size;	/* bytes */
	uint32_t frame_shift;	/* log2(frame_size) */
	/* cold */
	int ledger_fd;		/* owned */
	struct arena_region regions[ARENA_N_REGIONS];
};

enum arena_pages { ARENA_PAGES_AUTO, ARENA_PAGES_HUGE, ARENA_PAGES_SMALL };

/*
 * Makes an arena whose region 0 has @n_frames frames of @frame_size bytes
 * (2048 or 4096). ARENA_PAGES_AUTO falls back to small pages and says why in
 * the region's why. Returns 0; -EINVAL if @n_frames is not in
 * 1..ARENA_SHARED_MAX; -ENOMEM, also when ARENA_PAGES_HUGE cannot be had (why
 * is set then too). On failure nothing is left open.
 */
int arena_init(struct arena *arena, uint32_t n_frames, uint32_t frame_size,
	       enum arena_pages pages);
void arena_done(struct arena *arena);

/*
 * Makes another region, of @n_frames frames, all of which the ledger has at
 * FRAME_HOST. Returns 0 and its number (from 1); -EINVAL if @n_frames is not in
 * 1..ARENA_REGION_MAX; -ENOSPC if there are ARENA_N_REGIONS; -ENOMEM. On
 * failure regions[] has changed in nothing but one unused region's why.
 */
int arena_add_region(struct arena *arena, uint32_t n_frames,
		     enum arena_pages pages, uint32_t *ret_region);

/* Takes region @region (not 0) away, whose host pool and caches are closed; all
 * queues over it must have been closed, too. 0; -EBUSY if a frame is not in the
 * host pool: nothing is done then. */
int arena_del_region(struct arena *arena, uint32_t region);

/*
 * Changes the number of frames of region 0. Frames that stay keep their
 * numbers, addresses and contents. 0; -EINVAL if @n_frames is not in
 * 1..ARENA_SHARED_MAX; -ENOMEM, with nothing changed: the extension is made of
 * the pages that the region has, huge or small, or not at all.
 *
 * More: queues that were opened before know the old size and lose the frames
 * beyond it that are posted on them. So: resize, open all queues anew, then
 * hostpool_grow().
 *
 * Less: the frames from @n_frames on must all be withdrawn, see
 * hostpool_withdraw(). The kernel has pinned the pages of each queue that was
 * opened before over the old size (umem_sizes.frames can say less): they are
 * free only when the last of these queues has been closed; and to grow again
 * before that would leave such a queue on pages that are not the arena's any
 * more. So: withdraw, open all queues anew with fewer frames, resize,
 * hostpool_cut().
 */
int arena_resize(struct arena *arena, uint32_t n_frames);

/* Frames of all regions. */
uint32_t arena_n_frames(const struct arena *arena);

/* Bytes that @region has to register, from its first frame on. */
static inline size_t arena_region_size(const struct arena *arena,
				       uint32_t region)
{
	return (size_t)arena->regions[region].n_frames << arena->frame_shift;
}

/* The region that @frame is in. */
static inline uint32_t arena_region_of(uint32_t frame)
{
	if (__builtin_expect(frame < ARENA_SHARED_MAX, 1))
		return 0;
	return 1 + ((frame - ARENA_SHARED_MAX) >> ARENA_REGION_SHIFT);
}

/* The first frame of @region, whether there is one or not. */
static inline uint32_t arena_region_first(uint32_t region)
{
	return region ? ARENA_SHARED_MAX + (region - 1) * ARENA_REGION_MAX : 0;
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

/* Counts the ledger's entries of all regions by place. Exact when no worker
 * runs; a snapshot, each frame counted once, when they do. */
void arena_count(const struct arena *arena, uint32_t ret_count[FRAME_N_PLACES]);

/* The same of one region. */
void arena_count_region(const struct arena *arena, uint32_t region,
			uint32_t ret_count[FRAME_N_PLACES]);

#endif
