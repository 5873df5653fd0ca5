/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A switch on a bench: real memory, tables, ports and queues, but no threads,
 * and rings in ordinary memory. The test plays the kernel: rig_receive() is a
 * packet that arrives in a share, rig_sent() takes what left by a queue. One
 * rig_round() is what a worker does in one (switching/worker.c).
 */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include <pktagent/meta.h>
#include <pktagent/parse.h>

#include "ports/queue.h"
#include "switching/forward.h"
#include "switching/output.h"
#include "unit.h"

#define RIG_RING       256 /* entries of all rings but rx */
#define RIG_MAX_QUEUES 16

struct rig_ring {
	uint32_t producer, consumer, flags;
	uint32_t size; /* rx: entries, a power of two */
	union {
		uint64_t addrs[RIG_RING];
		struct xdp_desc descs[RIG_RING];
	};
};

struct rig_queue {
	struct queue queue;
	struct rig_ring fill, comp, tx, rx;
	/* The kernel's: frames it took off the fill ring and still has. */
	uint64_t spare[RIG_RING];
	uint32_t n_spare;
};

struct rig_share {
	struct share share;
	struct rig_ring rx;
	uint64_t n_ring_full;
};

struct rig {
	struct vswitch vs;
	struct rig_queue *queues[RIG_MAX_QUEUES];
	uint32_t n_queues;
	struct rig_share *shares[RIG_MAX_QUEUES];
	uint32_t n_shares;
};

/* What rig_sent() returns. */
struct rig_packet {
	uint8_t data[4096];
	uint32_t len;
	uint64_t addr;
};

static inline void *rig_alloc(size_t size)
{
	void *p = aligned_alloc(CACHE_LINE,
				(size + CACHE_LINE - 1) & ~(CACHE_LINE - 1ul));

	assert_non_null(p);
	memset(p, 0, size);
	return p;
}

static inline struct rig *rig_new(uint32_t n_frames, uint32_t n_workers)
{
	struct rig *rig = rig_alloc(sizeof(*rig));
	struct vswitch *vs = &rig->vs;

	assert_int_equal(
		arena_init(&vs->arena, n_frames, 4096, ARENA_PAGES_SMALL), 0);
	assert_int_equal(
		hostpool_init(&vs->hostpool, &vs->arena, n_workers + 1), 0);
	frame_cache_init(&vs->cache, &vs->hostpool, PORT_MAX_WORKERS);
	vs->fdb = fdb_new();
	assert_non_null(vs->fdb);
	vs->learn_fd = -1;
	vs->host_fd = -1;
	vs->n_workers = n_workers;
	for (uint32_t i = 0; i < n_workers; i++) {
		struct worker *worker = rig_alloc(sizeof(*worker));

		worker->vs = vs;
		worker->index = i;
		worker->event_fd = -1;
		worker->epoll_fd = -1;
		frame_cache_init(&worker->cache, &vs->hostpool, i);
		vs->workers[i] = worker;
	}
	return rig;
}

static inline void rig_cons(struct xsk_ring_cons *cons, struct rig_ring *ring,
			    void *entries)
{
	cons->mask = RIG_RING - 1;
	cons->size = RIG_RING;
	cons->producer = &ring->producer;
	cons->consumer = &ring->consumer;
	cons->flags = &ring->flags;
	cons->ring = entries;
}

static inline void rig_prod(struct xsk_ring_prod *prod, struct rig_ring *ring,
			    void *entries)
{
	prod->mask = RIG_RING - 1;
	prod->size = RIG_RING;
	prod->cached_cons = RIG_RING;
	prod->producer = &ring->producer;
	prod->consumer = &ring->consumer;
	prod->flags = &ring->flags;
	prod->ring = entries;
}

static inline void rig_rx(struct rx_ring *rx, struct rig_ring *ring,
			  uint32_t size)
{
	rig_cons(&rx->ring, ring, ring->descs);
	rx->ring.mask = size - 1;
	rx->ring.size = size;
	ring->size = size;
	rx->fd = -1;
	rx->size = size;
	rx->limit = size;
}

static inline struct rig_queue *rig_queue(struct rig *rig, struct port *port,
					  uint32_t worker)
{
	struct rig_queue *rq = rig_alloc(sizeof(*rq));
	struct queue *queue = &rq->queue;
	struct worker *w = rig->vs.workers[worker];

	rig_prod(&queue->umem.fill, &rq->fill, rq->fill.addrs);
	rig_cons(&queue->umem.comp, &rq->comp, rq->comp.addrs);
	rig_prod(&queue->umem.tx, &rq->tx, rq->tx.descs);
	queue->umem.fd = -1;
	queue->umem.tx_size = RIG_RING;
	queue->umem.fill_size = RIG_RING;
	rig_rx(&queue->primary.rx, &rq->rx, 64);
	queue->primary.queue = queue;
	queue->port = port;
	queue->id = rig->n_queues + 100;
	queue->index = port->n_queues;
	queue->worker = worker;
	queue->base = 80;
	queue->target = 80;
	assert_int_equal(mpsc_init(&queue->in, RIG_RING), 0);
	queue->shares = calloc(1, sizeof(queue->shares[0]));
	queue->shares[queue->n_shares++] = &queue->primary;
	port->queues = realloc(port->queues,
			       (port->n_queues + 1) * sizeof(port->queues[0]));
	port->queues[port->n_queues++] = queue;
	w->queues =
		realloc(w->queues, (w->n_queues + 1) * sizeof(w->queues[0]));
	w->queues[w->n_queues++] = queue;
	rig->queues[rig->n_queues++] = rq;
	for (uint32_t i = 0; i < rig->vs.n_workers; i++) {
		port->out_queue[i] = port->queues[0];
		for (uint32_t q = 0; q < port->n_queues; q++)
			if (port->queues[q]->worker == i)
				port->out_queue[i] = port->queues[q];
	}
	queue_refill(queue, &rig->vs.arena, &w->cache);
	return rq;
}

/* A port with one queue, served by @worker, up and visible. */
static inline struct port *rig_port(struct rig *rig, uint16_t slot,
				    uint8_t kind, uint16_t vlan,
				    uint32_t worker)
{
	struct port *port = rig_alloc(sizeof(*port));

	port->slot = slot;
	port->kind = kind;
	port->vlan = vlan;
	port->up = true;
	port->max_len = 1514;
	port->out_max = 128;
	port->state = PORT_STATE_UP;
	rig_queue(rig, port, worker);
	vswitch_publish_port(&rig->vs, port);
	return port;
}

static inline struct rig_queue *rig_queue_of(struct rig *rig,
					     const struct port *port)
{
	for (uint32_t i = 0; i < rig->n_queues; i++)
		if (rig->queues[i]->queue.port == port)
			return rig->queues[i];
	fail_msg("port %u has no queue", port->slot);
	return NULL;
}

/* @vm's own share of @uplink's first queue, a ring of @size entries. */
static inline struct rig_share *rig_share(struct rig *rig,
					  const struct port *uplink,
					  struct port *vm, uint32_t size)
{
	struct rig_share *rs = rig_alloc(sizeof(*rs));
	struct queue *queue = uplink->queues[0];

	rig_rx(&rs->share.rx, &rs->rx, size);
	rs->share.to = vm;
	rs->share.queue = queue;
	assert_int_equal(queue_attach_share(queue, &rs->share), 0);
	rig->shares[rig->n_shares++] = rs;
	queue_refill(queue, &rig->vs.arena,
		     &rig->vs.workers[queue->worker]->cache);
	return rs;
}

/* ---- the kernel's part ---- */

static inline bool rig_take_frame(struct rig_queue *rq, uint64_t *ret_addr)
{
	if (rq->n_spare) {
		*ret_addr = rq->spare[--rq->n_spare];
		return true;
	}
	if (rq->fill.consumer == rq->fill.producer)
		return false;
	*ret_addr = rq->fill.addrs[rq->fill.consumer++ % RIG_RING];
	return true;
}

/* A packet arrives in a receive ring: @meta in front of it, if there is one.
 * False if the ring or the fill ring is at its end; a frame that a full ring
 * refuses has been written to already, as in the kernel. */
static inline bool rig_arrive(struct rig *rig, struct rig_queue *rq,
			      struct rig_ring *rx, const uint8_t *data,
			      uint32_t len, const struct pkt_meta *meta)
{
	uint64_t addr;
	uint8_t *at;

	if (!rig_take_frame(rq, &addr))
		return false;
	addr += UMEM_HEADROOM;
	at = arena_data(&rig->vs.arena, addr);
	memcpy(at, data, len);
	if (meta)
		memcpy(at - sizeof(*meta), meta, sizeof(*meta));
	if (rx->producer - rx->consumer >= rx->size) {
		rq->spare[rq->n_spare++] = addr - UMEM_HEADROOM;
		return false;
	}
	rx->descs[rx->producer % rx->size] = (struct xdp_desc){
		.addr = addr,
		.len = len,
	};
	rx->producer++;
	return true;
}

/* In the primary share of @in's first queue. */
static inline bool rig_receive(struct rig *rig, const struct port *in,
			       const uint8_t *data, uint32_t len,
			       const struct pkt_meta *meta)
{
	struct rig_queue *rq = rig_queue_of(rig, in);

	return rig_arrive(rig, rq, &rq->rx, data, len, meta);
}

/* In a VM's own share. */
static inline bool rig_receive_share(struct rig *rig, struct rig_share *rs,
				     const uint8_t *data, uint32_t len,
				     const struct pkt_meta *meta)
{
	struct rig_queue *rq =
		container_of(rs->share.queue, struct rig_queue, queue);
	bool taken = rig_arrive(rig, rq, &rs->rx, data, len, meta);

	rs->n_ring_full += !taken;
	return taken;
}

/* The next packet that left by @port, of any of its queues; the frame is
 * completed. False if there is none. */
static inline bool rig_sent(struct rig *rig, const struct port *port,
			    struct rig_packet *ret_packet)
{
	for (uint32_t i = 0; i < rig->n_queues; i++) {
		struct rig_queue *rq = rig->queues[i];
		const struct xdp_desc *desc;

		if (rq->queue.port != port ||
		    rq->tx.consumer == rq->tx.producer)
			continue;
		desc = &rq->tx.descs[rq->tx.consumer++ % RIG_RING];
		assert_true(desc->len <= sizeof(ret_packet->data));
		ret_packet->len = desc->len;
		ret_packet->addr = desc->addr;
		memcpy(ret_packet->data, arena_data(&rig->vs.arena, desc->addr),
		       desc->len);
		rq->comp.addrs[rq->comp.producer++ % RIG_RING] = desc->addr;
		return true;
	}
	return false;
}

static inline uint32_t rig_drain(struct rig *rig, const struct port *port)
{
	struct rig_packet packet;
	uint32_t n = 0;

	while (rig_sent(rig, port, &packet))
		n++;
	return n;
}

/* ---- the worker's part ---- */

static inline void rig_round(struct rig *rig, uint32_t index)
{
	struct worker *worker = rig->vs.workers[index];

	worker->blocked = false;
	worker->round++;
	for (uint32_t i = 0; i < worker->n_queues; i++) {
		struct queue *queue = worker->queues[i];

		queue_reap(queue, &rig->vs.arena, &worker->cache);
		for (uint32_t s = 0; s < queue->n_shares; s++)
			forward_share(worker, queue->shares[s]);
		output_drain(worker, queue);
		queue_refill(queue, &rig->vs.arena, &worker->cache);
	}
	output_flush(worker);
}

static inline void rig_rounds(struct rig *rig)
{
	for (uint32_t n = 0; n < 4; n++)
		for (uint32_t i = 0; i < rig->vs.n_workers; i++)
			rig_round(rig, i);
}

/* All workers' counts of one reason against one port. */
static inline struct counter rig_count(const struct rig *rig,
				       const struct port *port,
				       enum pkt_reason reason)
{
	struct counter sum = { 0 };

	for (uint32_t i = 0; i < rig->vs.n_workers; i++) {
		const struct port_counters *counters =
			&rig->vs.workers[i]->counters[port->slot];
		const struct counter *c =
			(const struct counter *)counters + reason;

		sum.packets += c->packets;
		sum.bytes += c->bytes;
	}
	return sum;
}

/*
 * Between rounds every frame is where the ledger says: in the host pool, in a
 * cache, on a queue (posted or received), or on its way out and charged to
 * that port.
 */
static inline void rig_assert_conserved(const struct rig *rig)
{
	const struct vswitch *vs = &rig->vs;
	uint32_t count[FRAME_N_PLACES], caches = vs->cache.n, queues = 0;
	uint32_t out = 0, seen[PKT_MAX_PORTS] = { 0 };

	arena_count(&vs->arena, count);
	for (uint32_t i = 0; i < vs->n_workers; i++)
		caches += vs->workers[i]->cache.n;
	for (uint32_t i = 0; i < rig->n_queues; i++) {
		const struct rig_queue *rq = rig->queues[i];

		queues += rq->queue.outstanding;
		assert_int_equal(rq->queue.n_out,
				 rq->tx.producer - rq->tx.consumer +
					 rq->comp.producer - rq->comp.consumer);
	}
	for (uint32_t i = 0; i < vs->arena.n_frames; i++) {
		uint16_t entry = arena_where(&vs->arena, i);

		if (frame_place(entry) == FRAME_OUT)
			seen[frame_who(entry)]++;
	}
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		uint32_t n;

		if (!vs->ports[i])
			continue;
		n = port_out_frames(vs->ports[i], vs->n_workers);
		assert_int_equal(seen[i], n);
		out += n;
	}
	assert_int_equal(count[FRAME_HOST],
			 hostpool_free_frames(&vs->hostpool));
	assert_int_equal(count[FRAME_CACHE], caches);
	assert_int_equal(count[FRAME_QUEUE], queues);
	assert_int_equal(count[FRAME_OUT], out);
	assert_int_equal(count[FRAME_HOST] + caches + queues + out,
			 vs->arena.n_frames);
}

static inline void rig_free(struct rig *rig)
{
	struct vswitch *vs = &rig->vs;

	for (uint32_t i = 0; i < vs->n_workers; i++) {
		frame_cache_done(&vs->workers[i]->cache);
		free(vs->workers[i]->queues);
		free(vs->workers[i]);
	}
	vs->n_workers = 0;
	for (uint32_t i = 0; i < rig->n_queues; i++) {
		struct queue *queue = &rig->queues[i]->queue;

		mpsc_done(&queue->in);
		free(queue->shares);
		free(rig->queues[i]);
	}
	for (uint32_t i = 0; i < rig->n_shares; i++)
		free(rig->shares[i]);
	for (uint32_t i = 0; i < PKT_MAX_PORTS; i++) {
		if (vs->ports[i])
			free(vs->ports[i]->queues);
		free(vs->ports[i]);
	}
	for (uint32_t i = 0; i <= PKT_VLAN_MAX; i++)
		free(vs->nets[i]);
	frame_cache_done(&vs->cache);
	hostpool_done(&vs->hostpool);
	arena_done(&vs->arena);
	fdb_free(vs->fdb);
	free(rig);
}

#endif
