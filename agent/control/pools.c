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

/* Spare frames below which idle pools shrink faster than they would. */
#define LOW_PART	16

/* Times that a sum is read which does not come out. */
#define COUNT_TRIES	64

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
		if ((int64_t)frames - had > spare)
			pools_take_back(agent, port,
					(uint32_t)(frames - had));
		pools_set(agent, port, (uint32_t)frames, POOL_REQUEST);
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

/* ---- taking back ---- */

/* The VM with most frames above its minimum. */
static struct port *greediest(struct agent *agent, const struct port *but,
			      uint64_t tried[])
{
	struct port *most = NULL;
	uint32_t n_most = 0;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];
		uint32_t size, n;

		if (!port || port == but || port->kind != PORT_VM ||
		    port->region || tried[i / 64] >> i % 64 & 1)
			continue;
		size = pool_load(&port->pool.size);
		n = size > port->pool.min ? size - port->pool.min : 0;
		if (n <= n_most)
			continue;
		n_most = n;
		most = port;
	}
	return most;
}

static uint32_t trim(struct agent *agent, struct port *port, uint32_t want,
		     enum pool_reason reason)
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < agent->vs.n_workers && got < want; i++)
		got += worker_trim_pool(agent->vs.workers[i], port, want - got,
					reason);
	return got;
}

void pools_take_back(struct agent *agent, struct port *for_whom, uint32_t want)
{
	struct promises *promises = &agent->vs.promises;
	uint64_t tried[PKT_MAX_PORTS / 64] = { 0 };
	const uint32_t batch = promises->batch;
	struct port *port;

	while ((int64_t)want > promises_spare(promises) &&
	       (port = greediest(agent, for_whom, tried))) {
		int64_t short_of = want - promises_spare(promises);
		uint32_t size = pool_load(&port->pool.size), has = 0, n;

		tried[port->slot / 64] |= 1ull << port->slot % 64;
		/* A minimum comes first; else the two are to be equal. */
		n = size - port->pool.min;
		if (for_whom && promises_spare(promises) >= 0) {
			has = pool_load(&for_whom->pool.size);
			if (size < has + 2 * batch)
				return;
			n = min_u32(n, (size - has) / 2);
		}
		if (n > short_of)
			n = (uint32_t)short_of;
		n = min_u32((n + batch - 1) / batch * batch,
			    size - port->pool.min);
		/* Before: it would take them back at once. */
		set(&port->pool.cap, size - n);
		trim(agent, port, n, POOL_RECLAIM);
	}
}

/* Who has been given what others had to give has it by now. */
static void raise_caps(struct agent *agent)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (port && port->kind == PORT_VM)
			set(&port->pool.cap, pool_load(&port->pool.max));
	}
}

/* For who has asked, unless it may not grow. */
static void serve_wanted(struct agent *agent)
{
	struct promises *promises = &agent->vs.promises;
	uint32_t slot = __atomic_exchange_n(&promises->wanted, 0,
					    __ATOMIC_ACQUIRE);
	struct port *port = slot ? agent->ports[slot] : NULL;
	uint32_t size;

	if (!port || port->kind != PORT_VM || port->region)
		return;
	size = pool_load(&port->pool.size);
	if (pool_load(&port->pool.cap) > size)
		pools_take_back(agent, port,
				max_u32(promises->batch, size / 2));
	/* Nothing is to be had: nobody need ask again before the next beat. */
	if (promises_spare(promises) <= 0)
		__atomic_store_n(&promises->wanted, slot, __ATOMIC_RELEASE);
}

static void cover_minimums(struct agent *agent)
{
	if (promises_spare(&agent->vs.promises) < 0)
		pools_take_back(agent, NULL, 0);
}

void pools_balance(struct agent *agent)
{
	cover_minimums(agent);
	/* Until the question is taken up nobody asks again: who must not grow
	 * would do so in every round. */
	if (pools_pressed(agent))
		return;
	raise_caps(agent);
	serve_wanted(agent);
}

/* ---- memory pressure ---- */

bool pools_pressed(const struct agent *agent)
{
	const struct pressure *pressure = &agent->pressure;

	return pressure->last_ns && now_ns() - pressure->last_ns < PRESSURE_NS;
}

/* The frames of the VM's pool that carry packets. */
static uint32_t used_by(struct agent *agent, const struct port *port)
{
	struct agent_pool pool;

	agent_port_pool(agent, port, &pool);
	return pool.used;
}

static void press_one(struct agent *agent, struct port *port)
{
	const uint32_t batch = agent->vs.promises.batch;
	struct pool *pool = &port->pool;
	uint32_t size = pool_load(&pool->size);
	uint32_t keep = max_u32(pool->asked, used_by(agent, port)), n;

	/* Before: what it loses it would take back at once. */
	set(&pool->cap, max_u32(size, pool->asked));
	if (size <= keep)
		return;
	n = min_u32(max_u32((size - keep) / 4, batch), size - keep);
	set(&pool->cap, size - n);
	trim(agent, port, n, POOL_PRESSURE);
}

static void press(struct agent *agent)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (port && port->kind == PORT_VM)
			press_one(agent, port);
	}
	serve_wanted(agent);
}

void pools_press(struct agent *agent)
{
	bool first = !pools_pressed(agent);

	agent->pressure.last_ns = now_ns();
	agent->pressure.n_events++;
	if (first)
		press(agent);
}

/* ---- nearly empty ---- */

/* Given up by pools, and posted until packets bring them back. */
static uint32_t to_come(const struct agent *agent)
{
	uint32_t sum = 0;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		for (uint32_t q = 0; port && q < port->n_queues; q++) {
			const struct queue *queue = port->queues[q];
			uint32_t granted = pool_load(&queue->granted);
			uint32_t target = pool_load(&queue->target);

			if (!queue->umem.region && granted > target)
				sum += granted - target;
		}
	}
	return sum;
}

/* What an idle pool could do without: it neither uses it, nor has at the beat
 * before, nor was it asked to have it. */
static uint32_t idle_frames(const struct port *port, uint32_t used)
{
	const struct pool *pool = &port->pool;
	uint32_t size = pool_load(&pool->size), keep;

	used = max_u32(used, pool->used_seen);
	if (used >= size / 4)
		return 0;
	keep = max_u32(pool->asked, 2 * used);
	return size > keep ? size - keep : 0;
}

/* Trims idle pools, those with most first, until @missing frames are found. */
static void trim_idle(struct agent *agent, const uint32_t *idle,
		      uint32_t missing)
{
	uint64_t tried[PKT_MAX_PORTS / 64] = { 0 };
	uint32_t best;

	do {
		best = 0;
		for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
			if (!(tried[i / 64] >> i % 64 & 1) &&
			    idle[i] > idle[best])
				best = i;
		if (!best)
			return;
		tried[best / 64] |= 1ull << best % 64;
		missing -= trim(agent, agent->ports[best],
				min_u32(idle[best], missing), POOL_HOST_LOW);
	} while (missing);
}

static void look_at_idle(struct agent *agent)
{
	int64_t missing = agent->vs.arena.regions[0].n_frames / LOW_PART -
			  promises_spare(&agent->vs.promises);
	uint32_t idle[PKT_MAX_PORTS] = { 0 };

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];
		uint32_t used;

		if (!port || port->kind != PORT_VM || port->region)
			continue;
		used = used_by(agent, port);
		idle[i] = idle_frames(port, used);
		port->pool.used_seen = used;
	}
	if (missing <= 0)
		return;
	missing -= to_come(agent);
	if (missing > 0)
		trim_idle(agent, idle, (uint32_t)missing);
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
	if (pools_pressed(agent))
		press(agent);
	look_at_idle(agent);
	pools_balance(agent);
	pools_collect(agent);
}

/* ---- account ---- */

static int64_t read_account(const struct agent *agent,
			    struct pools_account *account)
{
	account->queues = account->out = account->minimums = 0;
	account->spare = promises_spare(&agent->vs.promises);
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		/* The shared memory's only. */
		for (uint32_t q = 0; port && q < port->n_queues; q++)
			if (!port->queues[q]->umem.region)
				account->queues += pool_load(
					&port->queues[q]->granted);
		if (!port || port->region)
			continue;
		account->out += pool_load(&port->out_max);
		account->minimums += port->pool.reserved;
	}
	return account->total - account->spare - account->queues -
	       account->out - account->minimums - account->reserve;
}

void pools_count(const struct agent *agent, struct pools_account *ret_account)
{
	struct pools_account account = {
		.total = agent->vs.arena.regions[0].n_frames,
		.reserve = agent->vs.n_reserve,
	};
	int tries = 0;

	do
		account.missing = read_account(agent, &account);
	while (account.missing && ++tries < COUNT_TRIES);
	*ret_account = account;
}

/* ---- log ---- */

static void add_entry(struct agent *agent, const struct pool_event *event)
{
	struct pools_log *log = agent->pools_log;
	const struct port *port = agent->ports[event->slot];
	struct pools_entry *entry = &log->entries[log->n++ % POOLS_LOG_SIZE];

	entry->time_ns = event->time_ns + clock_ns(CLOCK_REALTIME) - now_ns();
	snprintf(entry->port, sizeof(entry->port), "%s",
		 port ? port->name : "");
	entry->reason = (enum pool_reason)event->reason;
	entry->from = event->from;
	entry->to = event->to;
}

/* What this thread itself has changed. */
static void note(struct agent *agent, struct port *port,
		 enum pool_reason reason, uint32_t n, bool grown)
{
	struct pool_event event = {
		.time_ns = now_ns(),
		.slot = port->slot,
		.reason = (uint16_t)reason,
		.to = pool_load(&port->pool.size),
	};

	if (!n)
		return;
	pool_note(&port->pool, NULL, port->slot, reason, n, grown);
	event.from = grown ? event.to - n : event.to + n;
	pools_collect(agent);
	if (agent->pools_log)
		add_entry(agent, &event);
}

void pools_add_part(struct agent *agent, struct port *port, uint32_t n)
{
	pool_add(&port->pool, n);
	note(agent, port, POOL_START, n, true);
}

void pools_del_part(struct agent *agent, struct port *port, uint32_t n)
{
	pool_give(&port->pool, n);
	note(agent, port, POOL_GONE, n, false);
}

/* The workers' next event, in the order of time; false: there is none. */
static bool next_event(struct agent *agent, struct pool_event *ret_event)
{
	struct pool_events *first = NULL;
	uint64_t first_ns = UINT64_MAX;

	for (uint32_t i = 0; i < agent->vs.n_workers; i++) {
		struct pool_events *events = &agent->vs.workers[i]->pool_events;
		struct pool_event event;

		if (pool_peek_event(events, &event) &&
		    event.time_ns < first_ns) {
			first = events;
			first_ns = event.time_ns;
		}
	}
	return first && pool_next_event(first, ret_event);
}

void pools_collect(struct agent *agent)
{
	struct pool_event event;
	uint64_t n_lost = 0;

	if (!agent->pools_log)
		return;
	while (next_event(agent, &event))
		add_entry(agent, &event);
	for (uint32_t i = 0; i < agent->vs.n_workers; i++)
		n_lost += __atomic_load_n(
			&agent->vs.workers[i]->pool_events.n_lost,
			__ATOMIC_RELAXED);
	agent->pools_log->n_lost = n_lost;
}
