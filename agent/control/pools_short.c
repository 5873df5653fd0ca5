// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* When frames, or memory, are short: see pools.h. */
#include "base/base.h"
#include "base/log.h"
#include "control/pools.h"
#include "switching/worker.h"

/* Spare frames below which idle pools shrink faster than they would: one in so
 * many. */
#define LOW_PART	16

static void set(uint32_t *value, uint32_t to)
{
	__atomic_store_n(value, to, __ATOMIC_RELAXED);
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

	pools_call_in(agent, want);
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
	uint32_t size, want;

	if (!port || port->kind != PORT_VM || port->region)
		return;
	size = pool_load(&port->pool.size);
	want = max_u32(promises->batch, size / 2);
	if (pool_load(&port->pool.cap) > size) {
		/* First what nobody misses: it is here in a moment, and who
		 * asked will ask again. */
		pools_call_in(agent, want);
		if (want > promises_spare(promises))
			want -= min_u32(want, pools_recall_quiet(agent));
		pools_take_back(agent, port, want);
	}
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
	if (first) {
		press(agent);
		pools_recall_quiet(agent);
	}
}

/* ---- nearly empty ---- */

/* Given up by pools, and posted until packets bring them back, or a recall; or
 * lent. */
static uint32_t to_come(const struct agent *agent)
{
	uint32_t sum = 0;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		for (uint32_t q = 0; port && q < port->n_queues; q++) {
			const struct queue *queue = port->queues[q];
			uint32_t granted = pool_load(&queue->granted);
			uint32_t target = pool_load(&queue->target);

			if (queue->umem.region)
				continue;
			sum += pool_load(&queue->loan);
			if (granted > target)
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

/* ---- with each beat ---- */

void pools_relieve(struct agent *agent)
{
	if (pools_pressed(agent))
		press(agent);
	look_at_idle(agent);
	pools_balance(agent);
}
