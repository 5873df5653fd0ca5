/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The agent's vm_credit map, mapped for reading: what the XDP program has
 * received for a VM on a queue, and up to where it may.
 */
#ifndef BENCH_POOLSCREDIT_H
#define BENCH_POOLSCREDIT_H

#include <glob.h>
#include <sys/mman.h>

#include "bench.h"

struct credit {
	const uint8_t *mem; /* owned mapping */
	uint32_t stride;    /* bytes of an entry */
	uint32_t n;
};

/* @pattern: of the path that it is pinned at, which has a version in it. */
static inline void credit_open(struct credit *c, const char *pattern)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	glob_t found;
	int fd;

	if (glob(pattern, 0, NULL, &found))
		die("%s: this agent has no such map", pattern);
	fd = bpf_obj_get(found.gl_pathv[0]);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		die("%s: %s", found.gl_pathv[0], strerror(errno));
	globfree(&found);
	c->stride = (info.value_size + 7) / 8 * 8;
	c->n = info.max_entries;
	c->mem = mmap(NULL, (size_t)c->stride * c->n, PROT_READ, MAP_SHARED, fd,
		      0);
	if (c->mem == MAP_FAILED)
		die("%s: cannot be mapped: %s", pattern, strerror(errno));
	close(fd);
}

static inline uint32_t credit_word(const struct credit *c, uint32_t key,
				   uint32_t word)
{
	const uint32_t *entry =
		(const void *)(c->mem + (size_t)key * c->stride);

	return __atomic_load_n(entry + word, __ATOMIC_ACQUIRE);
}

/* Packets received for the VM so far; wraps, as the next one does. */
static inline uint32_t credit_handed(const struct credit *c, uint32_t key)
{
	return credit_word(c, key, 0);
}

/* How many there may be. */
static inline uint32_t credit_end(const struct credit *c, uint32_t key)
{
	return credit_word(c, key, 1);
}

#endif
