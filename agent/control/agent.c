// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The agent's start, stop and clockwork: see agent.h. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/log.h"
#include "control/agent.h"
#include "control/guests.h"
#include "control/isolation.h"
#include "control/lifecycle.h"
#include "control/networks.h"
#include "control/pools.h"
#include "control/shaping.h"
#include "control/tags.h"
#include "policy/admission.h"
#include "ports/queue.h"
#include "switching/worker.h"

/* ---- start ---- */

/* One agent per run directory, and so per set of pins and sockets. */
static int take_lock(struct agent *agent, char *err, size_t err_size)
{
	char path[300];
	int ret;

	if (mkdir(agent->config->run_dir, 0755) < 0 && errno != EEXIST) {
		ret = -errno;
		snprintf(err, err_size, "agent.run_dir: %s: %s",
			 agent->config->run_dir, strerror(-ret));
		return ret;
	}
	snprintf(path, sizeof(path), "%s/lock", agent->config->run_dir);
	agent->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (agent->lock_fd >= 0 && !flock(agent->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	ret = -errno;
	snprintf(err, err_size, "%s: %s", path,
		 ret == -EWOULDBLOCK ? "another pktagent runs there" :
				       strerror(-ret));
	return ret;
}

static int start_switch(struct agent *agent, char *err, size_t err_size)
{
	const struct config *config = agent->config;
	uint32_t last = 0;
	struct vswitch_opts opts = {
		.n_frames = config->frames,
		.frame_size = config->frame_size,
		.n_reserve = admission_reserve(
			config, config->n_cores ? config->n_cores : 1),
		.batch = config->pool_batch,
		.window_ms = config->pool_window_ms,
		.pages = config->hugepages == WANT_REQUIRE ? ARENA_PAGES_HUGE :
			 config->hugepages == WANT_OFF	   ? ARENA_PAGES_SMALL :
							     ARENA_PAGES_AUTO,
		.cores = config->cores,
		.n_cores = config->n_cores,
		.idle_us = config->idle_us,
	};
	cpu_set_t cpus;
	int ret;

	if (!opts.n_cores) {
		/* The last core we may run on: the first often has the
		 * interrupts. */
		CPU_ZERO(&cpus);
		sched_getaffinity(0, sizeof(cpus), &cpus);
		for (uint32_t i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &cpus))
				last = i;
		opts.cores = &last;
		opts.n_cores = 1;
	}
	ret = vswitch_init(&agent->vs, &opts, err, err_size);
	if (ret)
		return ret;
	if (agent->vs.arena.regions[0].huge)
		log_info("memory: %u frames of %u bytes in 2-MiB pages",
			 config->frames, config->frame_size);
	else if (config->hugepages == WANT_OFF)
		log_info("memory: %u frames of %u bytes in small pages",
			 config->frames, config->frame_size);
	else
		log_warning("memory: %u frames of %u bytes in small pages, which is slower: %s",
			    config->frames, config->frame_size,
			    agent->vs.arena.regions[0].why);
	return 0;
}

/* What is wrong with the configuration on this host is found before anything
 * on it is touched. */
static int check_devices(const struct config *config, char *err,
			 size_t err_size)
{
	struct link_info info;

	for (uint32_t i = 0; i < config->n_uplinks; i++) {
		const struct config_uplink *u = &config->uplinks[i];

		if (link_get(u->device, &info) == -ENODEV) {
			snprintf(err, err_size,
				 "%s:%d:%d: uplinks[%u].device: %s: no such device; see: ip link",
				 config->file, u->device_pos.line,
				 u->device_pos.col, i, u->device);
			return -EINVAL;
		}
	}
	for (uint32_t i = 0; i < config->n_vms; i++) {
		const struct config_device *d = &config->vms[i].device;

		if (d->type != DEVICE_VHOST_USER && !d->create &&
		    link_get(d->name, &info) == -ENODEV) {
			snprintf(err, err_size,
				 "%s:%d:%d: vms[%u].device.name: %s: no such device; make it, or set device.create: true",
				 config->file, d->name_pos.line,
				 d->name_pos.col, i, d->name);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_pools(const struct config *config, uint32_t n_workers,
		       char *err, size_t err_size)
{
	uint32_t n_queues[CONFIG_MAX_UPLINKS];
	int ret;

	admission_count_queues(config, n_queues);
	ret = admission_check_queues(config, n_queues, err, err_size);
	if (ret)
		return ret;
	return admission_check(config, config->frames, n_queues, n_workers,
			       err, err_size);
}

/* An uplink that cannot be brought up ends the start: the agent would be of no
 * use. A VM that is not there yet does not. */
static int start_ports(struct agent *agent, char *err, size_t err_size)
{
	const struct config *config = agent->config;
	struct port *port;
	int ret;

	for (uint32_t i = 0; i < config->n_uplinks; i++) {
		ret = lifecycle_new_uplink(agent, &config->uplinks[i], &port);
		if (!ret)
			ret = lifecycle_up(agent, port);
		else
			port = NULL;
		if (ret) {
			snprintf(err, err_size, "uplink %s: %s",
				 config->uplinks[i].name,
				 port ? port->why : strerror(-ret));
			return ret;
		}
	}
	for (uint32_t i = 0; i < config->n_vms; i++) {
		ret = lifecycle_new_vm(agent, &config->vms[i], &port);
		if (ret) {
			snprintf(err, err_size, "vm %s: %s",
				 config->vms[i].name, strerror(-ret));
			return ret;
		}
		if (!lifecycle_up(agent, port))
			continue;
		/* Somebody else's program stays, and has to be dealt with. */
		if (port->state == PORT_STATE_DOWN) {
			snprintf(err, err_size, "vm %s: %s", port->name,
				 port->why);
			return -EPERM;
		}
		log_warning("%s: down: %s", port->name, port->why);
	}
	return shaping_classify(agent);
}

static int start(struct agent *agent, char *err, size_t err_size)
{
	const struct config *config = agent->config;
	uint32_t n_taken = 0, n_workers, n_stale;
	char path[300];
	int ret;

	n_workers = config->n_cores ? config->n_cores : 1;
	ret = check_devices(config, err, err_size);
	if (!ret)
		ret = check_pools(config, n_workers, err, err_size);
	if (ret)
		return -EINVAL;
	ret = take_lock(agent, err, err_size);
	if (ret)
		return ret;
	ret = start_switch(agent, err, err_size);
	if (ret)
		return ret;
	ret = datapath_open(config->bpffs, config->heartbeat_timeout_ms,
			    config->metadata, &agent->dp, &n_taken, err,
			    err_size);
	if (ret)
		return ret;
	agent->vhost_fd = epoll_create1(EPOLL_CLOEXEC);
	ret = agent->vhost_fd < 0 ? -errno : guest_mem_guard();
	if (ret) {
		snprintf(err, err_size, "vhost-user: %s", strerror(-ret));
		return ret;
	}
	if (n_taken)
		log_info("took over %u BPF maps of an earlier process in %s",
			 n_taken, config->bpffs);
	snprintf(path, sizeof(path), "%s/devices.json", config->run_dir);
	agent->journal = device_journal_open(path);
	if (!agent->journal) {
		snprintf(err, err_size, "no memory for the device journal");
		return -ENOMEM;
	}
	if (device_journal_inherited(agent->journal))
		log_info("took over %u device settings that an earlier process had changed",
			 device_journal_inherited(agent->journal));
	/* The programs count on the agent from the first port on. */
	datapath_heartbeat(agent->dp, now_ns());
	ret = isolation_open(agent, err, err_size);
	if (!ret)
		ret = start_ports(agent, err, err_size);
	if (ret)
		return ret;
	networks_sweep(agent);
	n_stale = datapath_sweep_links(agent->dp);
	if (n_stale)
		log_info("detached %u devices that an earlier process had attached",
			 n_stale);
	agent->ready = true;
	tags_started(agent);
	agent_beat(agent);
	return 0;
}

int agent_start(struct agent *agent, struct config *config, char *err,
		size_t err_size)
{
	int ret;

	agent->config = config;
	agent->lock_fd = -1;
	agent->vhost_fd = -1;
	agent->started_ns = now_ns();
	agent->pools_log = calloc(1, sizeof(*agent->pools_log));
	ret = start(agent, err, err_size);
	if (ret)
		agent_stop(agent);
	return ret;
}

/* ---- stop ---- */

/* Frames that no cache and no pool has, now that all queues are closed. */
static uint32_t count_missing(struct agent *agent)
{
	struct vswitch *vs = &agent->vs;
	const uint32_t n_frames = vs->arena.regions[0].n_frames;
	uint32_t count[FRAME_N_PLACES], in_pool;

	for (uint32_t i = 0; i < vs->n_workers; i++) {
		worker_free(vs->workers[i]);
		vs->workers[i] = NULL;
	}
	vs->n_workers = 0;
	frame_cache_done(&vs->cache);
	arena_count_region(&vs->arena, 0, count);
	in_pool = hostpool_free_frames(&vs->hostpool) +
		  hostpool_withdrawn(&vs->hostpool);
	if (count[FRAME_HOST] == n_frames && in_pool == n_frames)
		return 0;
	log_error("frames missing at shutdown: %u in all, host pool %u, ledger: host %u, caches %u, queues %u, out %u",
		  n_frames, in_pool, count[FRAME_HOST],
		  count[FRAME_CACHE],
		  count[FRAME_QUEUE] + count[FRAME_RECALL], count[FRAME_OUT]);
	/* More than there are is as wrong as fewer. */
	return max_u32(1, n_frames - min_u32(in_pool, count[FRAME_HOST]));
}

uint32_t agent_stop(struct agent *agent)
{
	uint32_t missing = 0;

	agent->ready = false;
	pools_recall_stop(agent);
	tags_started(agent);
	if (agent->dp && agent->journal) {
		datapath_heartbeat(agent->dp, 0);
		for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
			lifecycle_free(agent, agent->ports[i]);
		device_restore(agent->journal, NULL);
	}
	device_journal_close(agent->journal);
	datapath_close(agent->dp);
	if (agent->vs.arena.ledger) {
		missing = isolation_close(agent);
		missing += count_missing(agent);
		vswitch_done(&agent->vs);
	}
	if (agent->vhost_fd >= 0)
		close(agent->vhost_fd);
	if (agent->lock_fd >= 0)
		close(agent->lock_fd);
	config_free(agent->config);
	free(agent->pools_log);
	memset(agent, 0, sizeof(*agent));
	agent->lock_fd = -1;
	agent->vhost_fd = -1;
	return missing;
}

/* ---- clockwork ---- */

bool agent_beat(struct agent *agent)
{
	bool all = true;

	for (uint32_t i = 0; i < agent->vs.n_workers; i++) {
		struct worker *w = agent->vs.workers[i];
		uint64_t loops = __atomic_load_n(&w->stats.loops,
						 __ATOMIC_RELAXED);

		if (loops == agent->worker_loops[i] &&
		    !__atomic_load_n(&w->sleeping, __ATOMIC_RELAXED)) {
			/* Perhaps a guest's descriptor blocks. */
			worker_interrupt(w);
			all = false;
		}
		agent->worker_loops[i] = loops;
	}
	if (all && agent->ready)
		datapath_heartbeat(agent->dp, now_ns());
	guests_tick(agent);
	if (agent->ready)
		pools_tick(agent);
	return all;
}

void agent_tick(struct agent *agent)
{
	lifecycle_look(agent);
	lifecycle_retry(agent);
	networks_age(agent);
}

void agent_learn(struct agent *agent)
{
	uint64_t dummy;

	if (read(agent->vs.learn_fd, &dummy, sizeof(dummy)) < 0 &&
	    errno != EAGAIN)
		log_warning("learning: %s", strerror(errno));
	networks_learn(agent);
	pools_recall_run(agent, false);
	pools_balance(agent);
	guests_check(agent);
}

void agent_run_guests(struct agent *agent)
{
	guests_run(agent);
}

/* ---- devices ---- */

static void check_device(struct agent *agent, struct port *port)
{
	char why[sizeof(port->why)];
	struct link_info info;
	int err;

	if (!port->ifindex) {
		/* One that is there and does not work is looked at once a
		 * second: each look changes it, and so brings us here. */
		if (port->state == PORT_STATE_ABSENT)
			port->retry_ns = 0;
		return;
	}
	err = link_get(port->ifname, &info);
	if (err == -ENODEV || (!err && info.ifindex != port->ifindex)) {
		snprintf(why, sizeof(why), "%s: the device has gone",
			 port->ifname);
		log_warning("%s: down: %s", port->name, why);
		lifecycle_down(agent, port, PORT_STATE_ABSENT, why);
		port->retry_ns = 0;
		return;
	}
	if (!err && port->vm_config && info.vnet_hdr &&
	    !port->vm_config->device.vnet_hdr) {
		lifecycle_down(agent, port, PORT_STATE_DOWN,
			       "the tap's reader has switched vnet headers on");
		lifecycle_up(agent, port);	/* says what to do */
		log_warning("%s: down: %s", port->name, port->why);
		return;
	}
	if (!err)
		lifecycle_admit(agent, port, &info);
	lifecycle_refresh(agent, port, err ? NULL : &info);
}

void agent_device_changed(struct agent *agent, int ifindex, const char *name,
			  bool gone)
{
	(void)gone;
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		/* A guest has no device that could go. */
		if (!port || port->vhost)
			continue;
		if (!ifindex || port->ifindex == ifindex ||
		    !strcmp(port->ifname, name))
			check_device(agent, port);
	}
	lifecycle_retry(agent);
}

/* ---- accessors ---- */

struct port *agent_find_port(struct agent *agent, const char *name)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (agent->ports[i] && !strcmp(agent->ports[i]->name, name))
			return agent->ports[i];
	return NULL;
}

enum config_way agent_port_way(const struct port *port)
{
	return port->way == WAY_KERNEL && port->xmit ? WAY_KERNEL : WAY_AGENT;
}

static void add_socket(struct rx_ring_stats *sum, const struct rx_ring *rx,
		       bool primary)
{
	struct rx_ring_stats stats;

	if (rx_ring_get_stats(rx, &stats))
		return;
	sum->rx_dropped += stats.rx_dropped;
	sum->rx_ring_full += stats.rx_ring_full;
	if (primary)
		sum->tx_invalid += stats.tx_invalid;
}

static void add_sockets(struct agent *agent, const struct port *port,
			struct rx_ring_stats *sum)
{
	for (uint32_t i = 0; i < port->n_queues; i++)
		add_socket(sum, &port->queues[i]->primary.rx, true);
	for (uint32_t i = 0; port->uplink && i < port->uplink->n_queues; i++) {
		const struct queue *queue = port->uplink->queues[i];

		for (uint32_t s = 1; s < queue->n_shares; s++)
			if (queue->shares[s]->to == port)
				add_socket(sum, &queue->shares[s]->rx, false);
	}
	(void)agent;
}

int agent_port_counters(struct agent *agent, const struct port *port,
			struct port_counters *ret_counters)
{
	struct counter *sum = (struct counter *)ret_counters;
	struct rx_ring_stats sockets = port->past;
	int err;

	err = datapath_get_counters(agent->dp, port->slot, ret_counters);
	if (err)
		return err;
	for (uint32_t i = 0; i < agent->vs.n_workers; i++) {
		const struct counter *c = (const struct counter *)
			&agent->vs.workers[i]->counters[port->slot];

		for (uint32_t r = 0; r < PKT_N_REASONS; r++) {
			sum[r].packets += __atomic_load_n(&c[r].packets,
							  __ATOMIC_RELAXED);
			sum[r].bytes += __atomic_load_n(&c[r].bytes,
							__ATOMIC_RELAXED);
		}
	}
	add_sockets(agent, port, &sockets);
	ret_counters->rx_ring_full.packets += sockets.rx_ring_full;
	/* The programs let nothing through that is too long for a frame, so
	 * what a socket dropped had none. (The kernel's own count of that is
	 * per queue: it cannot tell whose packet it was.) */
	ret_counters->fill_empty.packets += sockets.rx_dropped;
	ret_counters->tx_failed.packets += sockets.tx_invalid;
	return 0;
}

void agent_count_frames(struct agent *agent, struct agent_frames *ret_frames)
{
	uint32_t count[FRAME_N_PLACES];

	arena_count(&agent->vs.arena, count);
	ret_frames->total = arena_n_frames(&agent->vs.arena);
	ret_frames->host = count[FRAME_HOST];
	ret_frames->caches = count[FRAME_CACHE];
	ret_frames->queues = count[FRAME_QUEUE] + count[FRAME_RECALL];
	ret_frames->out = count[FRAME_OUT];
}

/* What a VM's, or an uplink's, queue has. */
static void add_queue(const struct queue *queue, bool is_vm,
		      struct agent_pool *pool)
{
	pool->posted += queue_held(queue);
	pool->posted_max += __atomic_load_n(is_vm ? &queue->base :
						    &queue->target,
					    __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < queue->n_shares; i++)
		pool->posted_used += rx_ring_waiting(&queue->shares[i]->rx);
}

/* What the VM has on the queues of its uplink. */
static void add_shares(const struct port *vm, struct agent_pool *pool)
{
	for (uint32_t i = 0; vm->uplink && i < vm->uplink->n_queues; i++) {
		const struct queue *queue = vm->uplink->queues[i];

		if (queue->owner == vm)
			pool->rx_limit += __atomic_load_n(&queue->base,
							  __ATOMIC_RELAXED);
		for (uint32_t s = 1; s < queue->n_shares; s++) {
			const struct share *share = queue->shares[s];

			if (share->to != vm)
				continue;
			pool->rx_limit += __atomic_load_n(&share->limit,
							  __ATOMIC_RELAXED);
			pool->rx_used += rx_ring_waiting(&share->rx);
		}
	}
}

void agent_port_pool(struct agent *agent, const struct port *port,
		     struct agent_pool *ret_pool)
{
	struct agent_pool pool = {
		.out_max = pool_load(&port->out_max),
		.out_used = port_out_frames(port, agent->vs.n_workers),
	};

	for (uint32_t i = 0; i < port->n_queues; i++)
		add_queue(port->queues[i], port->vm_config, &pool);
	if (port->vm_config) {
		add_shares(port, &pool);
		pool.size = pool_load(&port->pool.size);
		pool.min = port->pool.min;
		pool.max = port->pool.max;
		pool.asked = port->pool.asked;
	} else {
		pool.size = pool.posted_max + pool.out_max;
		pool.min = admission_uplink_frames(port->uplink_config,
						   port->n_queues);
		pool.max = agent->vs.arena.regions[0].n_frames;
	}
	pool.used = pool.posted_used + pool.rx_used + pool.out_used;
	*ret_pool = pool;
}
