/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A guest's memory as the front-end has described it: regions of files that
 * are mapped when something in them is touched for the first time.
 *
 * Nothing here is to be trusted. Ranges are checked for overflow, against the
 * file's size, against each other; a translation never leaves its region. The
 * front-end may still shrink a file under the mapping: guest_mem_guard()
 * catches the SIGBUS that follows, puts memory of our own in the region's
 * place and marks the memory broken; whoever touched it reads zeros, and looks
 * at guest_mem_is_broken() after each batch.
 *
 * Thread-safety: made, changed and freed by the control thread; a memory that
 * workers use is never changed, but replaced while its rings are stopped.
 * Translation and mapping: any worker.
 */
#ifndef VHOST_GUEST_MEM_H
#define VHOST_GUEST_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define GUEST_MAX_REGIONS	32
/* Address space that one guest may take here. */
#define GUEST_MAX_BYTES		(1ull << 42)

struct guest_region {
	uint64_t gpa;			/* guest physical address */
	uint64_t size;
	uint64_t uva;			/* address in the front-end */
	uint64_t offset;		/* of the region in the file */
	char *host;			/* A: where it begins here; NULL: not
					 * mapped yet */
	void *map;			/* A: owned mapping, from offset 0 */
	size_t map_size;		/* of the mapping, once it is there */
	int fd;				/* owned */
	uint32_t n_again;		/* see guest_mem_add_again() */
};

/* The dirty log: a bit per 4-KiB page of guest physical memory. */
struct dirty_log {
	uint8_t *base;			/* where page 0's bit is; NULL: off */
	uint64_t size;			/* bytes of the bitmap */
	uint64_t offset;		/* of the bitmap in the mapping */
	void *map;			/* owned mapping */
	size_t map_size;
};

struct guest_mem {
	bool broken;			/* A: a file has shrunk */
	uint32_t n_regions;
	struct guest_region regions[GUEST_MAX_REGIONS];	/* by gpa */
	struct dirty_log log;
};

/* Worker: maps @region if it is not; its address here, or NULL (then the
 * memory counts as broken). */
char *guest_region_map(struct guest_mem *mem, struct guest_region *region);

/* Worker: the region that @gpa is in, or NULL. */
static inline struct guest_region *guest_mem_find(struct guest_mem *mem,
						  uint64_t gpa)
{
	for (uint32_t i = 0; i < mem->n_regions; i++) {
		struct guest_region *region = &mem->regions[i];

		if (gpa - region->gpa < region->size)
			return region;
	}
	return NULL;
}

/*
 * Worker: the address here of guest physical @gpa. *len is cut to what is
 * contiguous from there, within one region. NULL: no such memory. *hint speeds
 * up a next look-up nearby; NULL at first.
 */
static inline void *guest_mem_at(struct guest_mem *mem,
				 struct guest_region **hint, uint64_t gpa,
				 uint32_t *len)
{
	struct guest_region *region = *hint;
	uint64_t off, left;
	char *host;

	if (__builtin_expect(!region || gpa - region->gpa >= region->size,
			     0)) {
		region = guest_mem_find(mem, gpa);
		if (!region)
			return NULL;
		*hint = region;
	}
	off = gpa - region->gpa;
	left = region->size - off;
	host = __atomic_load_n(&region->host, __ATOMIC_ACQUIRE);
	if (__builtin_expect(!host, 0)) {
		host = guest_region_map(mem, region);
		if (!host)
			return NULL;
	}
	if (*len > left)
		*len = (uint32_t)left;
	return host + off;
}

/* The address here of @len bytes at the front-end's @uva, for rings: all in
 * one region and aligned to @align, or NULL. *ret_gpa, if wanted: their guest
 * physical address. Control thread, or any worker. */
void *guest_mem_at_uva(struct guest_mem *mem, uint64_t uva, uint64_t len,
		       uint32_t align, uint64_t *ret_gpa);

/* Worker: says that @len bytes at @gpa have been written. Call after the
 * write and before the guest is told. Addresses outside the log are left out. */
void guest_log_write(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

static inline bool guest_mem_logs(const struct guest_mem *mem)
{
	return __builtin_expect(mem->log.base != NULL, 0);
}

static inline bool guest_mem_is_broken(const struct guest_mem *mem)
{
	return __builtin_expect(__atomic_load_n(&mem->broken,
						__ATOMIC_RELAXED), 0);
}

/* ---- control ---- */

/* What a front-end says of a region. */
struct guest_region_spec {
	uint64_t gpa, size, uva, offset;
};

struct guest_mem *guest_mem_new(void);

/* Adds a region of @fd, which becomes the memory's also on failure. 0; -EINVAL:
 * empty, overflowing, overlapping another, not covered by the log, larger than
 * its file, or the file is not one of a memory file system, open for reading
 * and writing; -ENOSPC: too many, or GUEST_MAX_BYTES; with words in @why. */
int guest_mem_add(struct guest_mem *mem, const struct guest_region_spec *spec,
		  int fd, char *why, size_t why_size);

/* Whether this very region of this very file is there already: then it takes
 * one more guest_mem_del() to remove it, and @fd is closed. QEMU tells each
 * region once for every queue pair, and takes it back as often. */
bool guest_mem_add_again(struct guest_mem *mem,
			 const struct guest_region_spec *spec, int fd);

/* Removes the region with just this gpa, uva and size. 0 or -ENOENT. */
int guest_mem_del(struct guest_mem *mem, const struct guest_region_spec *spec);

/* Sets the log: @size bytes at @offset of @fd (closed in any case), or none with
 * fd -1; it is off then. 0; -EINVAL: larger than its file, or it does not cover
 * all regions; or another negative errno; with words in @why. */
int guest_mem_set_log(struct guest_mem *mem, int fd, uint64_t offset,
		      uint64_t size, char *why, size_t why_size);

/* Switches the log on or off; nothing if none is set. */
void guest_mem_use_log(struct guest_mem *mem, bool on);

/* @mem, which has none, gets the log of @from, on or off as it is. 0, or -EINVAL
 * with words in @why: it does not cover all of @mem's regions. */
int guest_mem_take_log(struct guest_mem *mem, struct guest_mem *from, char *why,
		       size_t why_size);

/* Unmaps and closes everything. NULL is allowed. */
void guest_mem_free(struct guest_mem *mem);

/* Bytes that are mapped now, for "pktctl vm show". */
uint64_t guest_mem_mapped(const struct guest_mem *mem);

/* Installs the SIGBUS handler, once per process. 0 or a negative errno. */
int guest_mem_guard(void);

#endif
