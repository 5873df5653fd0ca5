// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A guest's memory, its regions and dirty log: see guest_mem.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vhost/guest_guard.h"
#include "vhost/guest_mem.h"

#define LOG_PAGE_SHIFT 12

/* Writes @why and returns @err, a negative errno. */
__attribute__((format(printf, 4, 5))) static int refuse(int err, char *why,
							size_t why_size,
							const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, why_size, fmt, ap);
	va_end(ap);
	return err;
}

/* ---- files and their mappings ---- */

/*
 * Touching a page of the file must not make us wait for anybody: a file system
 * that a process serves (FUSE), or a network, could hold a worker for ever.
 * Bytes [0, @end) are to be mapped; in *ret_map_size up to the end of a page.
 */
static int check_file(int fd, uint64_t end, size_t *ret_map_size, char *why,
		      size_t why_size)
{
	struct statfs fs;
	struct stat st;
	uint64_t block;
	int flags;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return refuse(-errno, why, why_size, "its file: %s",
			      strerror(errno));
	if (!S_ISREG(st.st_mode) ||
	    (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC &&
	     fs.f_type != RAMFS_MAGIC))
		return refuse(
			-EINVAL, why, why_size,
			"a file of memory (memfd, tmpfs, hugetlbfs) is allowed");
	flags = fcntl(fd, F_GETFL);
	if ((flags & O_ACCMODE) != O_RDWR)
		return refuse(-EINVAL, why, why_size,
			      "its file must be open for reading and writing");
	if (st.st_size < 0 || end > (uint64_t)st.st_size)
		return refuse(-EINVAL, why, why_size,
			      "it ends at 0x%" PRIx64 " in a file of 0x%" PRIx64
			      " bytes",
			      end, (uint64_t)st.st_size);
	block = (uint64_t)sysconf(_SC_PAGESIZE);
	if ((uint64_t)st.st_blksize > block)
		block = (uint64_t)st.st_blksize;
	*ret_map_size = (end + block - 1) / block * block;
	return 0;
}

/* Guarded; NULL with errno set if it cannot be. */
static void *map_file(int fd, size_t size, bool *broken)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_NORESERVE, fd, 0);
	int ret;

	if (map == MAP_FAILED)
		return NULL;
	/* A guest's memory has no place in our core file. */
	madvise(map, size, MADV_DONTDUMP);
	ret = guest_guard_add(map, size, broken);
	if (ret) {
		munmap(map, size);
		errno = -ret;
		return NULL;
	}
	return map;
}

static void unmap_file(void *map, size_t size)
{
	if (!map)
		return;
	guest_guard_del(map);
	munmap(map, size);
}

/* ---- regions ---- */

struct guest_mem *guest_mem_new(void)
{
	return calloc(1, sizeof(struct guest_mem));
}

static int check_range(const struct guest_region_spec *spec, char *why,
		       size_t why_size)
{
	if (!spec->size)
		return refuse(-EINVAL, why, why_size, "it is empty");
	/* The last byte's address, not the one behind it, must exist. */
	if (spec->gpa + (spec->size - 1) < spec->gpa ||
	    spec->uva + (spec->size - 1) < spec->uva ||
	    spec->offset + spec->size < spec->size)
		return refuse(-EINVAL, why, why_size,
			      "it goes beyond the end of 64-bit addresses");
	return 0;
}

/* Whether the log has a bit for each page up to the one of @last. */
static bool log_covers(const struct dirty_log *log, uint64_t last)
{
	return !log->map || (last >> LOG_PAGE_SHIFT >> 3) < log->size;
}

static int check_place(const struct guest_mem *mem,
		       const struct guest_region_spec *spec, size_t map_size,
		       char *why, size_t why_size)
{
	uint64_t sum = map_size;

	if (mem->n_regions == GUEST_MAX_REGIONS)
		return refuse(-ENOSPC, why, why_size, "%d are allowed",
			      GUEST_MAX_REGIONS);
	for (uint32_t i = 0; i < mem->n_regions; i++) {
		const struct guest_region *other = &mem->regions[i];

		sum += other->map_size;
		if (spec->gpa - other->gpa < other->size ||
		    other->gpa - spec->gpa < spec->size)
			return refuse(-EINVAL, why, why_size,
				      "it overlaps the one of 0x%" PRIx64
				      " bytes at 0x%" PRIx64,
				      other->size, other->gpa);
	}
	if (map_size > GUEST_MAX_BYTES || sum > GUEST_MAX_BYTES)
		return refuse(-ENOSPC, why, why_size,
			      "up to %llu GiB of files can be mapped for a VM",
			      GUEST_MAX_BYTES >> 30);
	if (!log_covers(&mem->log, spec->gpa + (spec->size - 1)))
		return refuse(-EINVAL, why, why_size,
			      "the log of 0x%" PRIx64
			      " bytes does not cover it",
			      mem->log.size);
	return 0;
}

int guest_mem_add(struct guest_mem *mem, const struct guest_region_spec *spec,
		  int fd, char *why, size_t why_size)
{
	struct guest_region *region;
	size_t map_size = 0;
	uint32_t at;
	int ret = check_range(spec, why, why_size);

	if (!ret)
		ret = check_file(fd, spec->offset + spec->size, &map_size, why,
				 why_size);
	if (!ret)
		ret = check_place(mem, spec, map_size, why, why_size);
	if (ret) {
		close(fd);
		return ret;
	}
	for (at = mem->n_regions; at; at--) {
		if (mem->regions[at - 1].gpa < spec->gpa)
			break;
		mem->regions[at] = mem->regions[at - 1];
	}
	region = &mem->regions[at];
	memset(region, 0, sizeof(*region));
	region->gpa = spec->gpa;
	region->size = spec->size;
	region->uva = spec->uva;
	region->offset = spec->offset;
	region->map_size = map_size;
	region->fd = fd;
	mem->n_regions++;
	return 0;
}

static struct guest_region *find_same(struct guest_mem *mem,
				      const struct guest_region_spec *spec)
{
	for (uint32_t i = 0; i < mem->n_regions; i++) {
		struct guest_region *region = &mem->regions[i];

		if (region->gpa == spec->gpa && region->uva == spec->uva &&
		    region->size == spec->size)
			return region;
	}
	return NULL;
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

bool guest_mem_add_again(struct guest_mem *mem,
			 const struct guest_region_spec *spec, int fd)
{
	struct guest_region *region = find_same(mem, spec);

	if (!region || region->offset != spec->offset ||
	    !same_file(region->fd, fd))
		return false;
	region->n_again++;
	close(fd);
	return true;
}

static void free_region(struct guest_region *region)
{
	unmap_file(region->map, region->map_size);
	close(region->fd);
}

int guest_mem_del(struct guest_mem *mem, const struct guest_region_spec *spec)
{
	struct guest_region *region = find_same(mem, spec);

	if (!region)
		return -ENOENT;
	if (region->n_again) {
		region->n_again--;
		return 0;
	}
	free_region(region);
	mem->n_regions--;
	memmove(region, region + 1,
		(size_t)((char *)&mem->regions[mem->n_regions] -
			 (char *)region));
	return 0;
}

/* Two workers may come here at once: the second takes the first one's. */
char *guest_region_map(struct guest_mem *mem, struct guest_region *region)
{
	void *map = map_file(region->fd, region->map_size, &mem->broken);
	void *first = NULL;

	if (!map) {
		__atomic_store_n(&mem->broken, true, __ATOMIC_RELAXED);
		return NULL;
	}
	if (!__atomic_compare_exchange_n(&region->map, &first, map, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		unmap_file(map, region->map_size);
		map = first;
	}
	__atomic_store_n(&region->host, (char *)map + region->offset,
			 __ATOMIC_RELEASE);
	return (char *)map + region->offset;
}

void *guest_mem_at_uva(struct guest_mem *mem, uint64_t uva, uint64_t len,
		       uint32_t align, uint64_t *ret_gpa)
{
	for (uint32_t i = 0; i < mem->n_regions; i++) {
		struct guest_region *region = &mem->regions[i];
		uint64_t off = uva - region->uva;
		char *host;

		if (off >= region->size || len > region->size - off)
			continue;
		host = __atomic_load_n(&region->host, __ATOMIC_ACQUIRE);
		if (!host)
			host = guest_region_map(mem, region);
		if (!host || (uintptr_t)(host + off) % align)
			return NULL;
		if (ret_gpa)
			*ret_gpa = region->gpa + off;
		return host + off;
	}
	return NULL;
}

void guest_mem_free(struct guest_mem *mem)
{
	if (!mem)
		return;
	for (uint32_t i = 0; i < mem->n_regions; i++)
		free_region(&mem->regions[i]);
	unmap_file(mem->log.map, mem->log.map_size);
	free(mem);
}

uint64_t guest_mem_mapped(const struct guest_mem *mem)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < mem->n_regions; i++)
		if (__atomic_load_n(&mem->regions[i].host, __ATOMIC_RELAXED))
			sum += mem->regions[i].size;
	return sum;
}

/* ---- the dirty log ---- */

/* The highest guest physical address there is; 0 without regions. */
static uint64_t last_gpa(const struct guest_mem *mem)
{
	const struct guest_region *region;

	if (!mem->n_regions)
		return 0;
	region = &mem->regions[mem->n_regions - 1];
	return region->gpa + (region->size - 1);
}

static int check_log(struct guest_mem *mem, int fd, uint64_t offset,
		     uint64_t size, struct dirty_log *log, char *why,
		     size_t why_size)
{
	int ret;

	if (!size || offset + size < size)
		return refuse(-EINVAL, why, why_size,
			      "0x%" PRIx64 " bytes at 0x%" PRIx64
			      ": empty, or beyond the end of 64-bit addresses",
			      size, offset);
	ret = check_file(fd, offset + size, &log->map_size, why, why_size);
	if (ret)
		return ret;
	if (log->map_size > GUEST_MAX_BYTES)
		return refuse(-ENOSPC, why, why_size,
			      "up to %llu GiB can be mapped",
			      GUEST_MAX_BYTES >> 30);
	log->size = size;
	log->offset = offset;
	log->map = map_file(fd, log->map_size, &mem->broken);
	if (!log->map)
		return refuse(-errno, why, why_size, "mapping it: %s",
			      strerror(errno));
	if (log_covers(log, last_gpa(mem)))
		return 0;
	unmap_file(log->map, log->map_size);
	return refuse(-EINVAL, why, why_size,
		      "0x%" PRIx64
		      " bytes do not cover the memory up to 0x%" PRIx64,
		      size, last_gpa(mem));
}

int guest_mem_set_log(struct guest_mem *mem, int fd, uint64_t offset,
		      uint64_t size, char *why, size_t why_size)
{
	struct dirty_log log = { 0 };
	int ret = 0;

	if (fd >= 0) {
		ret = check_log(mem, fd, offset, size, &log, why, why_size);
		close(fd);
	}
	if (ret)
		return ret;
	unmap_file(mem->log.map, mem->log.map_size);
	mem->log = log;
	return 0;
}

void guest_mem_use_log(struct guest_mem *mem, bool on)
{
	struct dirty_log *log = &mem->log;

	log->base = on && log->map ? (uint8_t *)log->map + log->offset : NULL;
}

int guest_mem_take_log(struct guest_mem *mem, struct guest_mem *from, char *why,
		       size_t why_size)
{
	if (!from->log.map)
		return 0;
	if (!log_covers(&from->log, last_gpa(mem)))
		return refuse(-EINVAL, why, why_size,
			      "the log of 0x%" PRIx64
			      " bytes does not cover the memory up to "
			      "0x%" PRIx64,
			      from->log.size, last_gpa(mem));
	mem->log = from->log;
	memset(&from->log, 0, sizeof(from->log));
	guest_guard_move(mem->log.map, &mem->broken);
	return 0;
}

void guest_log_write(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	uint8_t *base = mem->log.base;
	uint64_t page, last;

	if (!base || !len)
		return;
	last = gpa + (len - 1) < gpa ? UINT64_MAX : gpa + (len - 1);
	last >>= LOG_PAGE_SHIFT;
	if (last >> 3 >= mem->log.size)
		last = mem->log.size * 8 - 1;
	/* Released: who finds the bit finds what has been written. */
	for (page = gpa >> LOG_PAGE_SHIFT; page <= last; page++)
		__atomic_fetch_or(&base[page >> 3], (uint8_t)(1u << (page & 7)),
				  __ATOMIC_RELEASE);
}
