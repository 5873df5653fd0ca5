// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The arena of frames and its ledger: see arena.h. */
#include <errno.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/base.h"
#include "memory/arena.h"

#define HUGE_PAGE	(2ul << 20)

/* Maps a new memfd of @size bytes. MAP_POPULATE makes a shortage of huge
 * pages show here, not as SIGBUS later. */
static int map_memfd(const char *name, size_t size, unsigned int flags,
		     int *ret_fd, void **ret_base)
{
	void *base;
	int fd, err;

	fd = memfd_create(name, MFD_CLOEXEC | flags);
	if (fd < 0) {
		err = -errno;
		return err;
	}
	if (ftruncate(fd, (off_t)size) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	base = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, fd, 0);
	if (base == MAP_FAILED) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	*ret_base = base;
	return 0;
}

static size_t round_to_huge(size_t size)
{
	return (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

static int map_huge(struct arena *arena)
{
	size_t size = round_to_huge(arena_size(arena));
	int err;

	err = map_memfd("pktagent-arena", size, MFD_HUGETLB | MFD_HUGE_2MB,
			&arena->fd, &arena->base);
	if (err) {
		snprintf(arena->why, sizeof(arena->why),
			 "%zu huge pages of 2 MiB needed: %s (raise vm.nr_hugepages)",
			 size / HUGE_PAGE, strerror(-err));
		return err;
	}
	arena->huge = true;
	return 0;
}

int arena_init(struct arena *arena, uint32_t n_frames, uint32_t frame_size,
	       enum arena_pages pages)
{
	void *ledger;
	int err = -ENOMEM;

	memset(arena, 0, sizeof(*arena));
	arena->fd = -1;
	arena->ledger_fd = -1;
	arena->n_frames = n_frames;
	arena->frame_size = frame_size;
	arena->frame_shift = (uint32_t)__builtin_ctz(frame_size);

	if (pages != ARENA_PAGES_SMALL)
		err = map_huge(arena);
	else
		snprintf(arena->why, sizeof(arena->why),
			 "memory.hugepages is off");
	if (err && pages == ARENA_PAGES_HUGE)
		return err;
	if (err)
		err = map_memfd("pktagent-arena", arena_size(arena), 0,
				&arena->fd, &arena->base);
	if (err)
		return err;

	err = map_memfd("pktagent-ledger", n_frames * sizeof(uint16_t), 0,
			&arena->ledger_fd, &ledger);
	if (err) {
		arena_done(arena);
		return err;
	}
	arena->ledger = ledger;
	return 0;
}

void arena_done(struct arena *arena)
{
	size_t size = arena_size(arena);

	if (arena->base)
		munmap(arena->base,
		       arena->huge ? round_to_huge(size) : size);
	if (arena->ledger)
		munmap(arena->ledger, arena->n_frames * sizeof(uint16_t));
	if (arena->fd >= 0)
		close(arena->fd);
	if (arena->ledger_fd >= 0)
		close(arena->ledger_fd);
	arena->base = NULL;
	arena->ledger = NULL;
	arena->fd = -1;
	arena->ledger_fd = -1;
}

void arena_count(const struct arena *arena, uint32_t ret_count[FRAME_N_PLACES])
{
	memset(ret_count, 0, FRAME_N_PLACES * sizeof(ret_count[0]));
	for (uint32_t i = 0; i < arena->n_frames; i++) {
		enum frame_place place = frame_place(arena_where(arena, i));

		if (place < FRAME_N_PLACES)
			ret_count[place]++;
	}
}
