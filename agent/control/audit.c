// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The full audit of all frames: see audit.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "control/audit.h"
#include "ports/queue.h"
#include "switching/worker.h"

#define N_CACHES	(PORT_MAX_WORKERS + 1)	/* and the control thread's */

/* What is gathered while the workers stand still. */
struct work {
	struct agent *agent;
	struct audit *audit;
	uint64_t *seen;			/* owned bitmap: found in a pool, cache
					 * or ring */
	struct queue *queues[QUEUE_ID_MAX];	/* by id */
	/* the ledger's frames, by who has them */
	uint32_t in_cache[N_CACHES];
	uint32_t in_queue[QUEUE_ID_MAX];
	uint32_t out_of[PKT_MAX_PORTS];
	uint32_t in_host;
	/* the frame being looked at, and where */
	const char *where;
	uint16_t entry;			/* what the ledger has to say */
};

__attribute__((format(printf, 2, 3)))
static void problem(struct work *w, const char *fmt, ...)
{
	struct audit *audit = w->audit;
	va_list args;

	if (audit->n_problems < AUDIT_MAX_TEXTS) {
		va_start(args, fmt);
		vsnprintf(audit->texts[audit->n_problems],
			  sizeof(audit->texts[0]), fmt, args);
		va_end(args);
	}
	audit->n_problems++;
}

static uint16_t entry_of(enum frame_place place, uint32_t who)
{
	return (uint16_t)(place << 12 | who);
}

/* ---- the ledger ---- */

static void look_at_queue_frame(struct work *w, uint32_t frame, uint32_t id,
				bool recalled)
{
	const struct queue *queue = w->queues[id];

	if (!queue) {
		problem(w, "frame %u: on queue %u, which there is not", frame,
			id);
		return;
	}
	w->in_queue[id]++;
	if (recalled && !queue->recall)
		problem(w, "frame %u: being taken off queue %u of %s, which knows nothing of it",
			frame, id, queue->port->name);
	if (!umem_holds(&queue->umem, arena_addr(&w->agent->vs.arena, frame)))
		problem(w, "frame %u: on queue %u of %s, which is on other memory",
			frame, id, queue->port->name);
}

static void look_at_frame(struct work *w, uint32_t frame)
{
	uint16_t entry = arena_where(&w->agent->vs.arena, frame);
	uint32_t who = frame_who(entry);

	switch (frame_place(entry)) {
	case FRAME_HOST:
		w->in_host++;
		return;
	case FRAME_CACHE:
		if (who < N_CACHES)
			w->in_cache[who]++;
		else
			problem(w, "frame %u: in cache %u, which there is not",
				frame, who);
		return;
	case FRAME_QUEUE:
	case FRAME_RECALL:
		if (who < QUEUE_ID_MAX)
			look_at_queue_frame(w, frame, who,
					    frame_place(entry) == FRAME_RECALL);
		return;
	case FRAME_OUT:
		if (who < PKT_MAX_PORTS && w->agent->ports[who])
			w->out_of[who]++;
		else
			problem(w, "frame %u: on its way out of slot %u, where no port is",
				frame, who);
		return;
	case FRAME_N_PLACES:
		break;
	}
	problem(w, "frame %u: the ledger has %#x, which means nothing", frame,
		entry);
}

static void look_at_ledger(struct work *w)
{
	const struct arena *arena = &w->agent->vs.arena;

	for (uint32_t r = 0; r < ARENA_N_REGIONS; r++) {
		const struct arena_region *region = &arena->regions[r];

		for (uint32_t i = 0; i < region->n_frames; i++)
			look_at_frame(w, region->first + i);
		w->audit->n_frames += region->n_frames;
	}
}

/* ---- pools, caches and rings ---- */

static void look_at_place(uint32_t frame, void *arg)
{
	struct work *w = arg;
	uint64_t bit = 1ull << frame % 64;

	if (frame >= ARENA_MAX_FRAMES) {
		problem(w, "%s: frame %u, which there is not", w->where,
			frame);
		return;
	}
	if (w->seen[frame / 64] & bit)
		problem(w, "%s: frame %u is in another place, too", w->where,
			frame);
	w->seen[frame / 64] |= bit;
	if (arena_where(&w->agent->vs.arena, frame) != w->entry)
		problem(w, "%s: frame %u is %#x in the ledger, not %#x",
			w->where, frame,
			arena_where(&w->agent->vs.arena, frame), w->entry);
}

static void look_at_cache(struct work *w, struct frame_cache *cache,
			  uint32_t *ret_n)
{
	w->where = "cache";
	w->entry = entry_of(FRAME_CACHE, cache->who);
	*ret_n += frame_cache_each(cache, look_at_place, w);
}

static void look_at_caches(struct work *w, struct frame_caches *caches,
			   uint32_t who)
{
	uint32_t n = 0;

	for (uint32_t r = 0; r < ARENA_N_REGIONS; r++)
		if (caches->of[r])
			look_at_cache(w, caches->of[r], &n);
	if (n != w->in_cache[who])
		problem(w, "cache %u: has %u frames, the ledger %u", who, n,
			w->in_cache[who]);
}

static void look_at_host(struct work *w)
{
	struct vswitch *vs = &w->agent->vs;
	uint32_t n = 0;

	w->where = "host pool";
	w->entry = entry_of(FRAME_HOST, 0);
	for (uint32_t r = 0; r < ARENA_N_REGIONS; r++) {
		struct hostpool *pool = vswitch_hostpool(vs, r);

		if (pool)
			n += hostpool_each(pool, look_at_place, w);
	}
	if (n != w->in_host)
		problem(w, "host pools: have %u frames, the ledger %u", n,
			w->in_host);
	for (uint32_t i = 0; i < vs->n_workers; i++)
		look_at_caches(w, &vs->workers[i]->caches, i);
	look_at_caches(w, &vs->caches, PORT_MAX_WORKERS);
}

static void look_at_addr(struct work *w, const struct queue *queue,
			 uint64_t ring_addr)
{
	uint64_t addr = umem_arena_addr(&queue->umem, ring_addr);
	uint32_t frame = arena_frame(&w->agent->vs.arena, addr);
	uint16_t entry = w->entry;

	w->audit->n_ring_entries++;
	/* It was to be taken off the queue, and has been received instead. */
	if (queue->recall && frame < ARENA_MAX_FRAMES &&
	    arena_where(&w->agent->vs.arena, frame) ==
		    entry_of(FRAME_RECALL, queue->id))
		w->entry = entry_of(FRAME_RECALL, queue->id);
	look_at_place(frame, w);
	w->entry = entry;
}

/* What waits in the queue's receive rings. */
static void look_at_rx(struct work *w, const struct queue *queue)
{
	w->where = "receive ring";
	w->entry = entry_of(FRAME_QUEUE, queue->id);
	for (uint32_t i = 0; i < queue->n_shares; i++) {
		struct rx_ring *rx = &queue->shares[i]->rx;
		uint32_t n = rx_ring_waiting(rx);
		uint32_t pos = __atomic_load_n(rx->ring.consumer,
					       __ATOMIC_RELAXED);

		for (uint32_t j = 0; j < n; j++)
			look_at_addr(w, queue,
				     xsk_ring_cons__rx_desc(&rx->ring,
							    pos + j)->addr);
	}
}

/* What the kernel has not taken off the transmit ring yet. */
static void look_at_tx(struct work *w, struct queue *queue)
{
	struct xsk_ring_prod *tx = &queue->umem.tx;
	uint32_t end = __atomic_load_n(tx->producer, __ATOMIC_RELAXED);
	uint32_t pos = __atomic_load_n(tx->consumer, __ATOMIC_ACQUIRE);

	w->where = "transmit ring";
	w->entry = entry_of(FRAME_OUT, queue->port->slot);
	for (; pos != end; pos++)
		look_at_addr(w, queue, xsk_ring_prod__tx_desc(tx, pos)->addr);
}

/* ---- accounts ---- */

static void look_at_queue(struct work *w, struct queue *queue)
{
	const char *name = queue->port->name;
	uint32_t target = queue->base + queue->loan;

	look_at_rx(w, queue);
	look_at_tx(w, queue);
	if (w->in_queue[queue->id] != queue_held(queue))
		problem(w, "%s, queue %u: has counted %u frames, the ledger %u",
			name, queue->index, queue_held(queue),
			w->in_queue[queue->id]);
	for (uint32_t i = 0; i < queue->n_shares; i++) {
		const struct share *share = queue->shares[i];

		target += share->limit;
		if (share->to && share->counts == share &&
		    share_used(share) > share->rx.size)
			problem(w, "%s, queue %u: %u packets read for %s that were not handed over",
				name, queue->index, -share_used(share),
				share->to->name);
	}
	if (target != queue->target)
		problem(w, "%s, queue %u: wants %u frames, its parts %u", name,
			queue->index, queue->target, target);
	if (queue->granted < queue->outstanding + queue->in_doubt +
				     queue_short_of(queue))
		problem(w, "%s, queue %u: is promised %u frames, has %u and wants %u",
			name, queue->index, queue->granted, queue_held(queue),
			queue->target);
}

/* The sum of a VM's bounds is its size. */
static void look_at_pool(struct work *w, const struct port *port)
{
	uint32_t sum = pool_load(&port->out_max);

	for (uint32_t i = 0; i < port->n_queues; i++)
		sum += port->queues[i]->base;
	for (uint32_t i = 0; port->uplink && i < port->uplink->n_queues; i++) {
		const struct queue *queue = port->uplink->queues[i];

		if (queue->owner == port)
			sum += queue->base;
		for (uint32_t s = 1; s < queue->n_shares; s++)
			if (queue->shares[s]->to == port)
				sum += queue->shares[s]->limit;
	}
	if (sum != pool_load(&port->pool.size))
		problem(w, "%s: its pool has %u frames, its parts %u",
			port->name, pool_load(&port->pool.size), sum);
}

static void look_at_port(struct work *w, struct port *port)
{
	uint32_t out = port_out_frames(port, w->agent->vs.n_workers);

	w->audit->n_ports++;
	for (uint32_t i = 0; i < port->n_queues; i++) {
		look_at_queue(w, port->queues[i]);
		w->audit->n_queues++;
	}
	if (w->out_of[port->slot] != out)
		problem(w, "%s: has counted %u frames on their way, the ledger %u",
			port->name, out, w->out_of[port->slot]);
	if (port->vm_config)
		look_at_pool(w, port);
}

/* pool.h: each frame of a memory is in one of these terms. */
static void look_at_promises(struct work *w, uint32_t region)
{
	struct agent *agent = w->agent;
	const struct promises *promises =
		vswitch_promises(&agent->vs, region);
	int64_t sum;

	if (!promises)
		return;
	sum = promises_spare(promises) +
	      (region ? agent->vs.regions[region]->n_reserve :
			agent->vs.n_reserve);
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		if (port && port->promises == promises)
			sum += port->pool.reserved + pool_load(&port->out_max);
		for (uint32_t q = 0; port && q < port->n_queues; q++)
			if (port->queues[q]->promises == promises)
				sum += port->queues[q]->granted;
	}
	if (sum != agent->vs.arena.regions[region].n_frames)
		problem(w, "promises of region %u: %lld frames in all, there are %u",
			region, (long long)sum,
			agent->vs.arena.regions[region].n_frames);
}

static void look(void *arg)
{
	struct work *w = arg;

	look_at_ledger(w);
	look_at_host(w);
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (w->agent->ports[i])
			look_at_port(w, w->agent->ports[i]);
	for (uint32_t r = 0; r < ARENA_N_REGIONS; r++)
		look_at_promises(w, r);
}

int audit_run(struct agent *agent, struct audit *ret_audit)
{
	struct work *w = calloc(1, sizeof(*w));

	memset(ret_audit, 0, sizeof(*ret_audit));
	if (!w)
		return -ENOMEM;
	w->agent = agent;
	w->audit = ret_audit;
	w->seen = calloc(ARENA_MAX_FRAMES / 64, sizeof(w->seen[0]));
	if (!w->seen) {
		free(w);
		return -ENOMEM;
	}
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		for (uint32_t q = 0; port && q < port->n_queues; q++)
			w->queues[port->queues[q]->id] = port->queues[q];
	}
	ret_audit->held_ns = vswitch_hold(&agent->vs, look, w);
	free(w->seen);
	free(w);
	return 0;
}
