/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A guest's queue pair without a front-end's connection: memory and rings are
 * those of tests/front, whose driver is the other side; the device's side is
 * the agent's. The dirty log is on if the rig is opened with it.
 */
#ifndef TESTS_UNIT_RING_RIG_H
#define TESTS_UNIT_RING_RIG_H

#include <sys/mman.h>
#include <unistd.h>

#include "../front/net.h"
#include "unit.h"
#include "vhost/pair.h"

#define RIG_GPA	     0x100000ull
#define RIG_REGION   (16ull << 20)
#define RIG_LOG_SIZE ((RIG_GPA + 3 * RIG_REGION) / 4096 / 8)

struct ring_rig {
	struct front front;
	struct front_net net; /* rig_net() */
	struct guest_mem *mem;
	uint64_t features;
	struct vhost_pair *pair;
	struct arena arena;
	struct hostpool pool;
	struct frame_cache cache;
	uint8_t *scratch; /* guest memory */
	uint64_t scratch_gpa;
};

#define RIG_SCRATCH (1u << 20)

/* Adds the front's regions as a front-end would tell them. */
static inline void rig_memory(struct ring_rig *rig, bool logs)
{
	char why[160];

	rig->mem = guest_mem_new();
	assert_non_null(rig->mem);
	for (uint32_t i = 0; i < rig->front.opts.n_regions; i++) {
		const struct front_region *region = &rig->front.regions[i];
		const struct guest_region_spec spec = {
			.gpa = region->gpa,
			.size = region->size,
			.uva = (uintptr_t)region->mem,
		};

		if (guest_mem_add(rig->mem, &spec, dup(region->fd), why,
				  sizeof(why)))
			fail_msg("%s", why);
	}
	if (!logs)
		return;
	rig->front.log_size = RIG_LOG_SIZE;
	rig->front.log_fd = memfd_create("log", MFD_CLOEXEC);
	assert_int_equal(ftruncate(rig->front.log_fd, RIG_LOG_SIZE), 0);
	rig->front.log = mmap(NULL, RIG_LOG_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED, rig->front.log_fd, 0);
	assert_true(rig->front.log != MAP_FAILED);
	assert_int_equal(guest_mem_set_log(rig->mem, dup(rig->front.log_fd), 0,
					   RIG_LOG_SIZE, why, sizeof(why)),
			 0);
	guest_mem_use_log(rig->mem, true);
}

/* Begins ring @index (0: to the guest, 1: from it). */
static inline void rig_start(struct ring_rig *rig, uint32_t index)
{
	const struct front_ring *ring = &rig->front.rings[index];
	const struct vhost_ring_start start = {
		.index = index,
		.num = ring->num,
		.features = rig->features,
		.mem = rig->mem,
		.desc = guest_mem_at_uva(rig->mem, (uintptr_t)ring->desc,
					 16ull * ring->num, 16, NULL),
		.avail = guest_mem_at_uva(rig->mem, (uintptr_t)ring->avail,
					  6 + 2ull * ring->num, 2, NULL),
		.used = guest_mem_at_uva(rig->mem, (uintptr_t)ring->used,
					 6 + 8ull * ring->num, 4, NULL),
		.used_log_gpa = ring->log_gpa,
		.log_used = rig->mem->log.base != NULL,
		.base = ring->base,
		.kick_fd = ring->kick_fd,
		.call_fd = ring->call_fd,
		.enabled = true,
	};

	assert_true(start.desc && start.avail && start.used);
	pair_start(rig->pair, &start);
}

/* With @num entries; @features as negotiated; @n_regions that touch. */
static inline struct ring_rig *rig_open_regions(uint32_t num, uint64_t features,
						bool logs, uint32_t n_regions)
{
	struct ring_rig *rig = calloc(1, sizeof(*rig));
	struct front_opts opts = front_defaults("/nowhere");

	assert_non_null(rig);
	opts.connect = true;
	opts.ring_size = num;
	opts.gpa = RIG_GPA;
	opts.region_size = RIG_REGION;
	opts.n_regions = n_regions;
	assert_int_equal(front_open(&rig->front, &opts), 0);
	rig->features = features;
	rig->front.features = features;
	for (uint32_t i = 0; i < 2; i++)
		rig->front.rings[i].event_idx = features &
						VIRTIO_RING_EVENT_IDX;
	rig_memory(rig, logs);
	assert_int_equal(arena_init(&rig->arena, 256, 4096, ARENA_PAGES_SMALL),
			 0);
	assert_int_equal(hostpool_init(&rig->pool, &rig->arena, 0, 2), 0);
	frame_cache_init(&rig->cache, &rig->pool, 0);
	assert_int_equal(pair_new(NULL, 0, 0, 64, &rig->pair), 0);
	rig->scratch = front_alloc(&rig->front, 0, RIG_SCRATCH, 4096);
	assert_non_null(rig->scratch);
	rig->scratch_gpa = front_gpa(&rig->front, rig->scratch);
	rig_start(rig, 0);
	rig_start(rig, 1);
	return rig;
}

static inline struct ring_rig *rig_open(uint32_t num, uint64_t features)
{
	return rig_open_regions(num, features, false, 1);
}

/* A driver with buffers of @rx_size bytes. */
static inline void rig_net(struct ring_rig *rig, uint32_t rx_size)
{
	assert_int_equal(
		front_net_init(&rig->net, &rig->front, 0, 0, rx_size, 8), 0);
}

static inline uint32_t rig_frames(const struct ring_rig *rig)
{
	return rig->cache.n + hostpool_free_frames(&rig->pool);
}

static inline void rig_close(struct ring_rig *rig)
{
	assert_int_equal(rig_frames(rig), arena_n_frames(&rig->arena));
	frame_cache_done(&rig->cache);
	hostpool_done(&rig->pool);
	arena_done(&rig->arena);
	pair_free(rig->pair);
	guest_mem_free(rig->mem);
	front_close(&rig->front);
	free(rig);
}

/* Random bytes in the scratch from @off on. */
static inline void rig_fill(struct ring_rig *rig, uint32_t off, uint32_t len)
{
	uint64_t state = 0x9e3779b97f4a7c15ull + off + len;

	for (uint32_t i = 0; i < len; i++)
		rig->scratch[off + i] = (uint8_t)unit_random(&state);
}

/* Pages of guest memory that the log names from @gpa on, @len bytes, are those
 * and no others. Clears the log. */
struct rig_range {
	uint64_t gpa, len;
};

static inline void rig_assert_logged(struct ring_rig *rig,
				     const struct rig_range *ranges, uint32_t n)
{
	for (uint64_t page = 0; page < RIG_LOG_SIZE * 8; page++) {
		bool is = rig->front.log[page / 8] >> page % 8 & 1,
		     want = false;

		for (uint32_t i = 0; i < n; i++)
			want |= page >= ranges[i].gpa / 4096 &&
				page <= (ranges[i].gpa + ranges[i].len - 1) /
						4096;
		if (is != want)
			fail_msg("page 0x%lx is %slogged", (long)page,
				 is ? "" : "not ");
	}
	memset(rig->front.log, 0, RIG_LOG_SIZE);
}

#endif
