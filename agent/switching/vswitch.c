// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The switch's tables and workers: see vswitch.h. */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "ports/host.h"
#include "switching/vswitch.h"
#include "switching/worker.h"

/* The control thread's cache is numbered behind the workers'. */
#define CONTROL_CACHE	PORT_MAX_WORKERS
/* A round takes microseconds. */
#define HOLD_WAIT_NS	(200 * NS_PER_MS)

static int init_memory(struct vswitch *vs, const struct vswitch_opts *opts,
		       char *err, size_t err_size)
{
	int ret;

	ret = arena_init(&vs->arena, opts->n_frames, opts->frame_size,
			 opts->pages);
	if (ret) {
		snprintf(err, err_size, "memory: %u frames of %u bytes: %s",
			 opts->n_frames, opts->frame_size,
			 vs->arena.regions[0].why[0] ? vs->arena.regions[0].why :
						       strerror(-ret));
		return ret;
	}
	ret = hostpool_init(&vs->hostpool, &vs->arena, 0,
			    PORT_MAX_WORKERS + 1);
	if (ret) {
		snprintf(err, err_size, "memory: no room for the host pool");
		return ret;
	}
	frame_cache_init(&vs->cache, &vs->hostpool, CONTROL_CACHE);
	frame_cache_join(&vs->cache, &vs->caches);
	vs->n_reserve = opts->n_reserve;
	vs->promises.spare = (int64_t)opts->n_frames - opts->n_reserve;
	vs->promises.batch = opts->batch;
	vs->promises.window_ns = opts->window_ms * NS_PER_MS;
	return 0;
}

/* ---- memory of isolated VMs ---- */

struct hostpool *vswitch_hostpool(struct vswitch *vs, uint32_t region)
{
	if (!region)
		return &vs->hostpool;
	return vs->regions[region] ? &vs->regions[region]->hostpool : NULL;
}

struct promises *vswitch_promises(struct vswitch *vs, uint32_t region)
{
	if (!region)
		return &vs->promises;
	return vs->regions[region] ? &vs->regions[region]->promises : NULL;
}

static void join_region(struct worker *worker, void *arg)
{
	struct vswitch_region *region = arg;

	frame_cache_join(&region->caches[worker->index], &worker->caches);
}

static void leave_region(struct worker *worker, void *arg)
{
	struct vswitch_region *region = arg;

	frame_cache_done(&region->caches[worker->index]);
}

/* A cache each, and a batch of packets that are being copied. */
uint32_t vswitch_region_reserve(const struct vswitch *vs)
{
	return (vs->n_workers + 1) * 2 * MAGAZINE_SIZE + vs->n_workers * BATCH;
}

int vswitch_add_region(struct vswitch *vs, uint32_t n_frames,
		       uint32_t n_beside, enum arena_pages pages,
		       uint32_t *ret_region)
{
	const uint32_t n_reserve = vswitch_region_reserve(vs) + n_beside;
	struct vswitch_region *region;
	uint32_t number;
	int err;

	region = aligned_alloc(CACHE_LINE, sizeof(*region));
	if (!region)
		return -ENOMEM;
	memset(region, 0, sizeof(*region));
	err = arena_add_region(&vs->arena, n_frames + n_reserve, pages,
			       &number);
	if (err) {
		free(region);
		return err;
	}
	err = hostpool_init(&region->hostpool, &vs->arena, number,
			    PORT_MAX_WORKERS + 1);
	if (err) {
		arena_del_region(&vs->arena, number);
		free(region);
		return err;
	}
	region->n_reserve = n_reserve;
	region->promises.spare = n_frames;
	region->promises.batch = vs->promises.batch;
	region->promises.window_ns = vs->promises.window_ns;
	for (uint32_t i = 0; i < vs->n_workers; i++) {
		frame_cache_init(&region->caches[i], &region->hostpool, i);
		worker_call(vs->workers[i], join_region, region);
	}
	frame_cache_init(&region->caches[PORT_MAX_WORKERS], &region->hostpool,
			 CONTROL_CACHE);
	frame_cache_join(&region->caches[PORT_MAX_WORKERS], &vs->caches);
	vs->regions[number] = region;
	__atomic_store_n(&vs->n_regions, vs->n_regions + 1, __ATOMIC_RELEASE);
	*ret_region = number;
	return 0;
}

uint32_t vswitch_del_region(struct vswitch *vs, uint32_t number)
{
	struct vswitch_region *region = vs->regions[number];
	const uint32_t n_frames = vs->arena.regions[number].n_frames;
	uint32_t n_free;

	for (uint32_t i = 0; i < vs->n_workers; i++)
		worker_call(vs->workers[i], leave_region, region);
	frame_cache_done(&region->caches[PORT_MAX_WORKERS]);
	n_free = hostpool_free_frames(&region->hostpool);
	hostpool_done(&region->hostpool);
	vs->regions[number] = NULL;
	__atomic_store_n(&vs->n_regions, vs->n_regions - 1, __ATOMIC_RELEASE);
	free(region);
	if (arena_del_region(&vs->arena, number))
		return max_u32(1, n_frames - min_u32(n_free, n_frames));
	return n_frames - min_u32(n_free, n_frames);
}

/* ---- start and end ---- */

static int init_workers(struct vswitch *vs, const struct vswitch_opts *opts,
			char *err, size_t err_size)
{
	for (uint32_t i = 0; i < opts->n_cores; i++) {
		int ret = worker_new(vs, i, opts->cores[i], &vs->workers[i]);

		if (ret) {
			snprintf(err, err_size,
				 "workers.cores[%u]: %u: cannot start a worker on that core: %s",
				 i, opts->cores[i], strerror(-ret));
			return ret;
		}
		__atomic_store_n(&vs->n_workers, i + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

static void on_signal(int signal)
{
	(void)signal;
}

int vswitch_init(struct vswitch *vs, const struct vswitch_opts *opts,
		 char *err, size_t err_size)
{
	const struct sigaction ignore = { .sa_handler = on_signal };
	int ret;

	memset(vs, 0, sizeof(*vs));
	vs->arena.ledger_fd = -1;
	vs->idle_ns = opts->idle_us * NS_PER_US;
	vs->host_fd = -1;
	vs->learn_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rcu_register_thread();
	/* Without SA_RESTART: all it does is end a system call. */
	sigaction(WORKER_SIGNAL, &ignore, NULL);
	if (vs->learn_fd < 0) {
		ret = -errno;
		snprintf(err, err_size, "eventfd: %s", strerror(-ret));
		goto fail;
	}
	vs->host_fd = host_open();
	if (vs->host_fd < 0) {
		ret = vs->host_fd;
		snprintf(err, err_size, "cannot load a BPF program: %s",
			 strerror(-ret));
		goto fail;
	}
	vs->fdb = fdb_new();
	if (!vs->fdb) {
		ret = -ENOMEM;
		snprintf(err, err_size, "no memory for the forwarding table");
		goto fail;
	}
	ret = init_memory(vs, opts, err, err_size);
	if (ret)
		goto fail;
	ret = init_workers(vs, opts, err, err_size);
	if (ret)
		goto fail;
	return 0;
fail:
	vswitch_done(vs);
	return ret;
}

void vswitch_done(struct vswitch *vs)
{
	for (uint32_t i = 0; i < vs->n_workers; i++)
		worker_free(vs->workers[i]);
	vs->n_workers = 0;
	for (uint32_t i = 0; i <= PKT_VLAN_MAX; i++)
		free(vs->nets[i]);
	frame_cache_done(&vs->cache);
	hostpool_done(&vs->hostpool);
	arena_done(&vs->arena);
	fdb_free(vs->fdb);
	vs->fdb = NULL;
	free(vs->classifier);
	vs->classifier = NULL;
	if (vs->learn_fd >= 0)
		close(vs->learn_fd);
	if (vs->host_fd >= 0)
		close(vs->host_fd);
	rcu_unregister_thread();
}

void vswitch_synchronize(struct vswitch *vs)
{
	for (uint32_t i = 0; i < vs->n_workers; i++)
		worker_round(vs->workers[i]);
}

struct hold {
	sem_t there;			/* posted by each worker */
	sem_t go;			/* and for each */
};

static void stand_still(struct worker *worker, void *arg)
{
	struct hold *hold = arg;

	(void)worker;
	sem_post(&hold->there);
	while (sem_wait(&hold->go) < 0)
		;		/* a signal: see worker_interrupt() */
}

/* Interrupts those that do not come: see worker_call(). */
static void wait_for_all(struct vswitch *vs, struct hold *hold)
{
	uint32_t n = 0;

	rcu_thread_offline();
	while (n < vs->n_workers) {
		uint64_t until = now_ns() + HOLD_WAIT_NS;
		struct timespec deadline = {
			.tv_sec = (time_t)(until / NS_PER_SEC),
			.tv_nsec = (long)(until % NS_PER_SEC)
		};

		if (!sem_clockwait(&hold->there, CLOCK_MONOTONIC, &deadline)) {
			n++;
			continue;
		}
		for (uint32_t i = 0; i < vs->n_workers; i++)
			worker_interrupt(vs->workers[i]);
	}
	rcu_thread_online();
}

uint64_t vswitch_hold(struct vswitch *vs, void (*fn)(void *arg), void *arg)
{
	uint64_t begin = now_ns(), ns;
	struct hold hold;

	sem_init(&hold.there, 0, 0);
	sem_init(&hold.go, 0, 0);
	for (uint32_t i = 0; i < vs->n_workers; i++)
		worker_begin_call(vs->workers[i], stand_still, &hold);
	wait_for_all(vs, &hold);
	fn(arg);
	for (uint32_t i = 0; i < vs->n_workers; i++)
		sem_post(&hold.go);
	ns = now_ns() - begin;
	for (uint32_t i = 0; i < vs->n_workers; i++)
		worker_end_call(vs->workers[i]);
	sem_destroy(&hold.there);
	sem_destroy(&hold.go);
	return ns;
}

void vswitch_publish_port(struct vswitch *vs, struct port *port)
{
	__atomic_store_n(&vs->ports[port->slot], port, __ATOMIC_RELEASE);
}

void vswitch_hide_port(struct vswitch *vs, uint16_t slot)
{
	__atomic_store_n(&vs->ports[slot], NULL, __ATOMIC_RELEASE);
	vswitch_synchronize(vs);
}

int vswitch_set_network(struct vswitch *vs, uint16_t vlan,
			const uint16_t *members, uint32_t n_members)
{
	struct network *old = vs->nets[vlan], *net = NULL;

	if (n_members) {
		net = malloc(sizeof(*net) + n_members * sizeof(members[0]));
		if (!net)
			return -ENOMEM;
		net->vlan = vlan;
		net->n_members = (uint16_t)n_members;
		memcpy(net->members, members, n_members * sizeof(members[0]));
	}
	__atomic_store_n(&vs->nets[vlan], net, __ATOMIC_RELEASE);
	if (old) {
		vswitch_synchronize(vs);
		free(old);
	}
	return 0;
}

void vswitch_set_classifier(struct vswitch *vs, struct classifier *classifier)
{
	struct classifier *old = vs->classifier;

	__atomic_store_n(&vs->classifier, classifier, __ATOMIC_RELEASE);
	if (old) {
		vswitch_synchronize(vs);
		free(old);
	}
}

int vswitch_take_queue_id(struct vswitch *vs)
{
	for (int id = 0; id < (int)QUEUE_ID_MAX; id++) {
		if (vs->queue_ids[id / 8] & 1u << id % 8)
			continue;
		vs->queue_ids[id / 8] |= (uint8_t)(1u << id % 8);
		return id;
	}
	return -ENOSPC;
}

void vswitch_give_queue_id(struct vswitch *vs, uint32_t id)
{
	vs->queue_ids[id / 8] &= (uint8_t)~(1u << id % 8);
}
