// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pools on the control thread: see pools.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "control/pools.h"
#include "control/shares.h"
#include "policy/admission.h"
#include "ports/queue.h"
#include "switching/worker.h"

static void set(uint32_t *value, uint32_t to)
{
	__atomic_store_n(value, to, __ATOMIC_RELAXED);
}

static void set_parts(struct pool_parts *to, const struct pool_parts *parts)
{
	set(&to->rx_per_queue, parts->rx_per_queue);
	set(&to->tx_per_queue, parts->tx_per_queue);
	set(&to->out, parts->out);
}

/* ---- set up ---- */

static int divide(struct agent *agent, const struct port *port,
		  uint32_t frames, struct pool_parts *ret_parts)
{
	const struct port *uplink = shares_uplink_of(agent, port->vlan);
	uint32_t n_up = uplink ? shares_count(agent, port, uplink) : 0;

	return admission_divide(frames, n_up, port->n_queues, ret_parts);
}

void pools_begin(struct port *port)
{
	const struct config_pool *config = &port->vm_config->pool;
	struct pool *pool = &port->pool;

	set(&pool->min, config->min);
	pool->asked = config->min;
	set(&pool->max, config->max);
	set(&pool->cap, config->max);
	pools_reserve(port);
}

void pools_end(struct port *port)
{
	promises_give(port->promises, port->pool.reserved);
	port->pool.reserved = 0;
	port->pool.min = 0;
}

int pools_divide(struct agent *agent, struct port *port)
{
	const struct port *uplink = shares_uplink_of(agent, port->vlan);
	struct pool *pool = &port->pool;
	struct pool_parts least, floor;

	if (divide(agent, port, pool->min, &least) ||
	    divide(agent, port, pool->asked, &floor)) {
		snprintf(port->why, sizeof(port->why),
			 "pool.min: %u: too few frames for %u uplink queues and %u of its own: at least %u",
			 pool->min, uplink ? shares_count(agent, port, uplink) : 0,
			 port->n_queues,
			 admission_least(uplink ? shares_count(agent, port, uplink) :
						  0,
					 port->n_queues));
		return -EINVAL;
	}
	set_parts(&pool->least, &least);
	set_parts(&pool->floor, &floor);
	pools_reserve(port);
	return 0;
}

int pools_configure(struct agent *agent, struct port *port)
{
	const struct config_pool *config = &port->vm_config->pool;
	struct pool *pool = &port->pool;
	int err;

	err = shares_set_max(agent, port, config->max);
	if (err)
		return err;
	set(&pool->max, config->max);
	set(&pool->cap, config->max);
	set(&pool->min, config->min);
	pool->asked = config->min;
	err = pools_divide(agent, port);
	if (err || port->state != PORT_STATE_UP)
		return err;
	if (promises_spare(&agent->vs.promises) < 0)
		pools_take_back(agent, port, 0);
	pools_set(agent, port, config->initial, POOL_RELOAD);
	return 0;
}

void pools_tune(struct agent *agent)
{
	const struct config *config = agent->config;

	for (uint32_t i = 0; i < ARENA_N_REGIONS; i++) {
		struct promises *promises = vswitch_promises(&agent->vs, i);

		if (!promises)
			continue;
		set(&promises->batch, config->pool_batch);
		__atomic_store_n(&promises->window_ns,
				 config->pool_window_ms * NS_PER_MS,
				 __ATOMIC_RELAXED);
	}
}

/* What of the minimum the parts that are open have. After the minimum was raised
 * they have not yet what they are to have. */
static uint32_t covered(const struct port *port)
{
	const struct port *uplink = port->uplink;
	const struct pool *pool = &port->pool;
	uint32_t n = 0;

	for (uint32_t i = 0; i < port->n_queues; i++)
		n += min_u32(pool_load(&port->queues[i]->base),
			     pool->least.tx_per_queue);
	for (uint32_t i = 0; uplink && i < uplink->n_queues; i++) {
		const struct queue *queue = uplink->queues[i];
		const struct share *share = shares_find(port, queue);

		if (share)
			n += min_u32(pool_load(queue->owner == port ?
						       &queue->base :
						       &share->limit),
				     pool->least.rx_per_queue);
	}
	if (port->out_open)
		n += min_u32(pool_load(&port->out_max), pool->least.out);
	return n;
}

void pools_reserve(struct port *port)
{
	struct pool *pool = &port->pool;
	uint32_t has = covered(port);
	uint32_t wanted = pool->min > has ? pool->min - has : 0;

	if (wanted > pool->reserved)
		promises_force(port->promises, wanted - pool->reserved);
	else
		promises_give(port->promises, pool->reserved - wanted);
	pool->reserved = wanted;
}

void pools_open_out(struct agent *agent, struct port *port)
{
	uint32_t n = port->pool.least.out;

	if (port->out_open)
		return;
	pools_add_part(agent, port, n);
	promises_force(port->promises, n);
	set(&port->out_max, n);
	set(&port->out_most, port->n_queues ?
				     port->queues[0]->umem.tx_size :
				     round_up_pow2(port->pool.max));
	port->out_open = true;
	pools_reserve(port);
}

void pools_close_out(struct agent *agent, struct port *port)
{
	uint32_t n = pool_load(&port->out_max);

	if (!port->out_open)
		return;
	set(&port->out_max, 0);
	pools_del_part(agent, port, n);
	promises_give(port->promises, n);
	port->out_open = false;
	pools_reserve(port);
}

void pools_rest(struct agent *agent, struct port *port)
{
	pools_set(agent, port, port->pool.min, POOL_GONE);
}

/* ---- on request ---- */

void pools_set(struct agent *agent, struct port *port, uint32_t frames,
	       enum pool_reason reason)
{
	struct pool_parts parts;

	if (divide(agent, port, frames, &parts))
		return;
	/* Once more, as what one worker's parts were too large by may have been
	 * what another's were to have. */
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < agent->vs.n_workers; i++)
			worker_set_pool(agent->vs.workers[i], port, &parts,
					reason);
	/* Now the parts have what was reserved for them. */
	pools_reserve(port);
}

static int check_resize(struct agent *agent, const struct port *port,
			uint64_t frames, uint64_t max, char *text, size_t size)
{
	const struct pool *pool = &port->pool;
	const uint32_t n_frames = port->region ?
					  port->vm_config->pool.max :
					  agent->vs.arena.regions[0].n_frames;
	uint64_t most = max ? max : pool->max;

	if (max && (max < pool->min || max > n_frames)) {
		snprintf(text, size,
			 "--max: %" PRIu64 ": must be from %u (the pool's minimum) to %u (%s)",
			 max, pool->min, n_frames,
			 port->region ? "what its own memory was made for" :
					"all frames of the host");
		return -EINVAL;
	}
	if (frames < pool->min || frames > most) {
		snprintf(text, size,
			 "--frames: %" PRIu64 ": must be from %u to %" PRIu64 ", the minimum and maximum of %s's pool%s",
			 frames, pool->min, most, port->name,
			 max ? "" : "; --max changes the maximum");
		return -EINVAL;
	}
	return 0;
}

/* The most that a part on the port's own queues may have. */
static uint32_t rings_hold(const struct port *port)
{
	uint32_t n = UINT32_MAX;

	for (uint32_t i = 0; i < port->n_queues; i++)
		n = min_u32(n, port->queues[i]->base_max);
	return n;
}

int pools_resize(struct agent *agent, struct port *port, uint64_t frames,
		 uint64_t max, char *text, size_t size)
{
	struct pool *pool = &port->pool;
	struct pool_parts floor;
	char rings[112] = "";
	int64_t spare;
	uint32_t had;
	int ret;

	ret = check_resize(agent, port, frames, max, text, size);
	if (ret)
		return ret;
	if (max) {
		ret = shares_set_max(agent, port, (uint32_t)max);
		if (ret) {
			snprintf(text, size, "%s: receive rings: %s",
				 port->name, strerror(-ret));
			return ret;
		}
		set(&pool->max, (uint32_t)max);
	}
	set(&pool->cap, pool->max);
	pool->asked = (uint32_t)frames;
	if (!divide(agent, port, pool->asked, &floor))
		set_parts(&pool->floor, &floor);
	had = pool_load(&pool->size);
	if (port->state == PORT_STATE_UP) {
		spare = promises_spare(port->promises);
		if ((int64_t)frames - had > spare) {
			pools_call_in(agent, (uint32_t)(frames - had));
			pools_recall_quiet(agent);
			pools_recall_wait(agent);
			spare = promises_spare(port->promises);
		}
		if ((int64_t)frames - had > spare)
			pools_take_back(agent, port,
					(uint32_t)(frames - had));
		pools_set(agent, port, (uint32_t)frames, POOL_REQUEST);
		if (frames < had)
			pools_recall_of(agent, port);
	}
	if (pool->max > rings_hold(port))
		snprintf(rings, sizeof(rings),
			 "; its device's rings were made for %u: a reload with pool.max makes larger ones",
			 rings_hold(port));
	snprintf(text, size, "%s: %u frames, %u before; minimum %u, maximum %u%s%s",
		 port->name, pool_load(&pool->size), had, pool->min, pool->max,
		 port->state != PORT_STATE_UP ? "; the VM is down" :
		 pool_load(&pool->size) < frames ?
			 "; more are not to be had now" :
		 pool_load(&pool->size) > frames ?
			 "; the others carry packets now, they go when those have left" :
			 "",
		 rings);
	return 0;
}

/* ---- clockwork ---- */

/* What the kernel lost of what the program had handed over would be missing
 * from the credit for ever. */
static void find_losses(struct agent *agent, struct queue *queue)
{
	for (uint32_t i = 1; i < queue->n_shares; i++) {
		struct share *share = queue->shares[i];
		uint32_t handed = __atomic_load_n(&share->credit->handed,
						  __ATOMIC_RELAXED);
		struct rx_ring_stats stats;
		uint64_t lost;

		if (handed == share->handed_seen ||
		    rx_ring_get_stats(&share->rx, &stats))
			continue;
		share->handed_seen = handed;
		lost = stats.rx_dropped + stats.rx_ring_full;
		if (lost == share->n_lost_seen)
			continue;
		worker_lost(agent->vs.workers[queue->worker], share,
			    (uint32_t)(lost - share->n_lost_seen));
		share->n_lost_seen = lost;
	}
}

void pools_tick(struct agent *agent)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (!port || port->kind != PORT_UPLINK)
			continue;
		for (uint32_t q = 0; q < port->n_queues; q++)
			find_losses(agent, port->queues[q]);
	}
	pools_relieve(agent);
	pools_lend(agent);
	pools_recall_silent(agent);
	pools_collect(agent);
}
