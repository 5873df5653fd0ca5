// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The arena of frames, its regions and its ledger: see arena.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/base.h"
#include "memory/arena.h"

#define HUGE_PAGE	(2ul << 20)

#define LEDGER_SIZE	(ARENA_MAX_FRAMES * sizeof(uint16_t))

static size_t range_size(const struct arena *arena)
{
	return (size_t)ARENA_MAX_FRAMES << arena->frame_shift;
}

/* What @n_frames frames take in pages of one kind. */
static size_t map_size(const struct arena *arena, uint32_t n_frames, bool huge)
{
	size_t page = huge ? HUGE_PAGE : (size_t)getpagesize();
	size_t size = (size_t)n_frames << arena->frame_shift;

	return (size + page - 1) & ~(page - 1);
}

/* ---- address space ---- */

/* Nothing may be there but what the arena itself has put there. */
static int reserve(void *at, size_t size)
{
	if (mmap(at, size, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		return -errno;
	return 0;
}

/* A range that begins where a huge page may: what is in front of it and
 * behind it is given back. */
static int reserve_range(struct arena *arena)
{
	size_t size = range_size(arena), front;
	char *at;

	at = mmap(NULL, size + HUGE_PAGE, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	front = -(uintptr_t)at & (HUGE_PAGE - 1);
	if (front)
		munmap(at, front);
	munmap(at + front + size, HUGE_PAGE - front);
	arena->base = at + front;
	return 0;
}

/* ---- memory ---- */

/* Has the memory of a memfd from @offset on, or fails: a shortage must not
 * show as SIGBUS later. The file is then @offset + @size long. */
static int allocate(int fd, size_t offset, size_t size)
{
	int err;

	do
		err = fallocate(fd, 0, (off_t)offset, (off_t)size) < 0 ?
			      -errno : 0;
	while (err == -EINTR);
	return err == -ENOSPC ? -ENOMEM : err;
}

/* Puts a part of a memfd to its place in the range, with all page tables. */
static int map_at(void *at, size_t size, int fd, size_t offset)
{
	int err;

	if (mmap(at, size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd,
		 (off_t)offset) != MAP_FAILED)
		return 0;
	err = -errno;
	/* Kernels differ in whether the old mapping is still there. */
	reserve(at, size);
	return err;
}

static void *region_base(const struct arena *arena, uint32_t region)
{
	return arena_data(arena,
			  arena_addr(arena, arena_region_first(region)));
}

static int make_region(struct arena *arena, uint32_t region, uint32_t n_frames,
		       bool huge, int *ret_fd)
{
	size_t size = map_size(arena, n_frames, huge);
	int fd, err;

	fd = memfd_create("pktagent-arena",
			  MFD_CLOEXEC |
				  (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
	if (fd < 0)
		return -errno;
	err = allocate(fd, 0, size);
	if (!err)
		err = map_at(region_base(arena, region), size, fd, 0);
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* Has the ledger's pages of these frames. They are at FRAME_HOST, as all that
 * were there before and went. */
static int begin_ledger(const struct arena *arena, uint32_t first,
			uint32_t n_frames)
{
	return allocate(arena->ledger_fd, first * sizeof(uint16_t),
			n_frames * sizeof(uint16_t));
}

static int open_region(struct arena *arena, uint32_t region, uint32_t n_frames,
		       enum arena_pages pages)
{
	struct arena_region *r = &arena->regions[region];
	uint32_t first = arena_region_first(region);
	bool huge = pages != ARENA_PAGES_SMALL;
	int err, fd;

	err = begin_ledger(arena, first, n_frames);
	if (err)
		return err;
	snprintf(r->why, sizeof(r->why), "%s",
		 huge ? "" : "memory.hugepages is off");
	err = make_region(arena, region, n_frames, huge, &fd);
	if (err && huge) {
		snprintf(r->why, sizeof(r->why),
			 "%zu huge pages of 2 MiB needed: %s (raise vm.nr_hugepages)",
			 map_size(arena, n_frames, true) / HUGE_PAGE,
			 strerror(-err));
		if (pages == ARENA_PAGES_HUGE)
			return err;
		huge = false;
		err = make_region(arena, region, n_frames, huge, &fd);
	}
	if (err)
		return err;
	r->first = first;
	r->n_frames = n_frames;
	r->fd = fd;
	r->huge = huge;
	return 0;
}

static int map_ledger(struct arena *arena)
{
	void *ledger;

	arena->ledger_fd = memfd_create("pktagent-ledger", MFD_CLOEXEC);
	if (arena->ledger_fd < 0)
		return -errno;
	if (ftruncate(arena->ledger_fd, LEDGER_SIZE) < 0)
		return -errno;
	ledger = mmap(NULL, LEDGER_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE, arena->ledger_fd, 0);
	if (ledger == MAP_FAILED)
		return -errno;
	arena->ledger = ledger;
	return 0;
}

/* ---- public ---- */

int arena_init(struct arena *arena, uint32_t n_frames, uint32_t frame_size,
	       enum arena_pages pages)
{
	int err;

	memset(arena, 0, sizeof(*arena));
	for (uint32_t i = 0; i < ARENA_N_REGIONS; i++)
		arena->regions[i].fd = -1;
	arena->ledger_fd = -1;
	arena->frame_size = frame_size;
	arena->frame_shift = (uint32_t)__builtin_ctz(frame_size);
	if (!n_frames || n_frames > ARENA_SHARED_MAX)
		return -EINVAL;

	err = reserve_range(arena);
	if (!err)
		err = map_ledger(arena);
	if (!err)
		err = open_region(arena, 0, n_frames, pages);
	if (err)
		arena_done(arena);
	return err;
}

void arena_done(struct arena *arena)
{
	if (arena->base)
		munmap(arena->base, range_size(arena));
	if (arena->ledger)
		munmap(arena->ledger, LEDGER_SIZE);
	for (uint32_t i = 0; i < ARENA_N_REGIONS; i++) {
		if (arena->base && arena->regions[i].fd >= 0)
			close(arena->regions[i].fd);
		arena->regions[i].fd = -1;
		arena->regions[i].n_frames = 0;
	}
	if (arena->ledger_fd >= 0)
		close(arena->ledger_fd);
	arena->base = NULL;
	arena->ledger = NULL;
	arena->ledger_fd = -1;
}

int arena_add_region(struct arena *arena, uint32_t n_frames,
		     enum arena_pages pages, uint32_t *ret_region)
{
	uint32_t region = 1;
	int err;

	if (!n_frames || n_frames > ARENA_REGION_MAX)
		return -EINVAL;
	while (region < ARENA_N_REGIONS && arena->regions[region].n_frames)
		region++;
	if (region == ARENA_N_REGIONS)
		return -ENOSPC;
	err = open_region(arena, region, n_frames, pages);
	if (err)
		return err;
	*ret_region = region;
	return 0;
}

int arena_del_region(struct arena *arena, uint32_t region)
{
	struct arena_region *r = &arena->regions[region];
	uint32_t count[FRAME_N_PLACES];
	int err;

	arena_count_region(arena, region, count);
	if (count[FRAME_HOST] != r->n_frames)
		return -EBUSY;
	err = reserve(region_base(arena, region),
		      map_size(arena, r->n_frames, r->huge));
	if (err)
		return err;
	close(r->fd);
	r->fd = -1;
	r->n_frames = 0;
	return 0;
}

static int extend(struct arena *arena, struct arena_region *r,
		  uint32_t n_frames)
{
	size_t old = map_size(arena, r->n_frames, r->huge);
	size_t new = map_size(arena, n_frames, r->huge);
	int err;

	err = begin_ledger(arena, r->n_frames, n_frames - r->n_frames);
	if (err || new == old)
		return err;
	err = allocate(r->fd, old, new - old);
	if (!err)
		err = map_at((char *)arena->base + old, new - old, r->fd, old);
	/* Huge pages that could be had before there were no more. */
	if (err && ftruncate(r->fd, (off_t)old) < 0)
		return -errno;
	return err;
}

static int cut(struct arena *arena, struct arena_region *r, uint32_t n_frames)
{
	size_t old = map_size(arena, r->n_frames, r->huge);
	size_t new = map_size(arena, n_frames, r->huge);
	int err;

	if (new == old)
		return 0;
	err = reserve((char *)arena->base + new, old - new);
	if (err)
		return err;
	if (ftruncate(r->fd, (off_t)new) < 0)
		return -errno;
	return 0;
}

int arena_resize(struct arena *arena, uint32_t n_frames)
{
	struct arena_region *r = &arena->regions[0];
	int err = 0;

	if (!n_frames || n_frames > ARENA_SHARED_MAX)
		return -EINVAL;
	if (n_frames > r->n_frames)
		err = extend(arena, r, n_frames);
	else if (n_frames < r->n_frames)
		err = cut(arena, r, n_frames);
	if (!err)
		r->n_frames = n_frames;
	return err;
}

uint32_t arena_n_frames(const struct arena *arena)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ARENA_N_REGIONS; i++)
		n += arena->regions[i].n_frames;
	return n;
}

static void add_region(const struct arena *arena, uint32_t region,
		       uint32_t count[FRAME_N_PLACES])
{
	const struct arena_region *r = &arena->regions[region];

	for (uint32_t i = 0; i < r->n_frames; i++) {
		enum frame_place place =
			frame_place(arena_where(arena, r->first + i));

		if (place < FRAME_N_PLACES)
			count[place]++;
	}
}

void arena_count_region(const struct arena *arena, uint32_t region,
			uint32_t ret_count[FRAME_N_PLACES])
{
	memset(ret_count, 0, FRAME_N_PLACES * sizeof(ret_count[0]));
	add_region(arena, region, ret_count);
}

void arena_count(const struct arena *arena, uint32_t ret_count[FRAME_N_PLACES])
{
	memset(ret_count, 0, FRAME_N_PLACES * sizeof(ret_count[0]));
	for (uint32_t i = 0; i < ARENA_N_REGIONS; i++)
		add_region(arena, i, ret_count);
}
