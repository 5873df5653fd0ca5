/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A switch on a bench: real memory, tables, ports and queues, but no threads,
 * and rings in ordinary memory. The test plays the kernel: rig_receive() is a
 * packet that arrives in a share, rig_sent() takes what left by a queue. One
 * rig_round() is what a worker does in one (switching/worker.c).
 *
 * What a port and its queues may hold is promised to them as pool.h says, even
 * if there are too few frames for it; a VM's pool is all that it has, and keeps
 * its size unless the test lets it breathe: cap and floor.
 */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include <pktagent/meta.h>
#include <pktagent/parse.h>

#include "ports/queue.h"
#include "switching/forward.h"
#include "switching/output.h"
#include "switching/sending.h"
#include "switching/shaper.h"
#include "switching/slack.h"
#include "unit.h"

#ifndef RIG_RING
#define RIG_RING 256 /* entries of all rings but rx */
#endif
#ifndef RIG_RX
#define RIG_RX 64 /* entries of a primary share's */
#endif
#define RIG_MAX_QUEUES 128
#define RIG_BASE       80 /* frames posted besides shares' */
#define RIG_OUT	       128
#define RIG_BATCH      64 /* of pools */
#define RIG_ROUND_NS   (10 * NS_PER_US)

/* Where the counts of credits begin: they wrap soon. */
#define RIG_COUNTED (UINT32_MAX - 40)

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
	struct vm_credit slack; /* uplink */
	/* The kernel's: frames it took off the fill ring and still has. */
	uint64_t spare[RIG_RING];
	uint32_t n_spare;
};

struct rig_share {
	struct share share;
	struct rig_ring rx;
	struct vm_credit credit;
	uint64_t n_pool_full; /* refused by the program */
	uint64_t n_lost;      /* by the kernel, after its verdict */
};

struct rig {
	struct vswitch vs;
	struct rig_queue *queues[RIG_MAX_QUEUES];
	uint32_t n_queues;
	struct rig_share *shares[RIG_MAX_QUEUES];
	uint32_t n_shares;
	uint32_t reserve; /* frames that are never promised */
	/* Of the next port: frames posted, and on their way to it. */
	uint32_t base, out;
	uint32_t region; /* of queues that are made from now on */
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
		hostpool_init(&vs->hostpool, &vs->arena, 0, n_workers + 1), 0);
	frame_cache_init(&vs->cache, &vs->hostpool, PORT_MAX_WORKERS);
	vs->fdb = fdb_new();
	assert_non_null(vs->fdb);
	vs->learn_fd = -1;
	vs->host_fd = -1;
	rig->base = RIG_BASE;
	rig->out = RIG_OUT;
	vs->n_workers = n_workers;
	vs->promises.spare = n_frames;
	vs->promises.batch = RIG_BATCH;
	vs->promises.window_ns = 100 * NS_PER_MS;
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
}

/* As share_open() does it. */
static inline void rig_init_share(struct share *share, struct queue *queue,
				  struct port *to, struct vm_credit *credit)
{
	share->queue = queue;
	share->to = to;
	share->credit = credit ? credit : &share->none;
	share->counts = share;
	share->credit->handed = RIG_COUNTED;
	share->read = RIG_COUNTED;
	share->handed_seen = RIG_COUNTED;
}

/* What has just been promised to @port is its pool's. */
static inline void rig_grow(struct port *port, uint32_t n)
{
	pool_add(&port->pool, n);
	port->pool.cap = port->pool.size;
	port->pool.max = port->pool.size;
}

/* The bound of what is on its way to @port, promised. */
static inline void rig_set_out(struct rig *rig, struct port *port, uint32_t n)
{
	struct promises *promises = &rig->vs.promises;

	port->promises = promises;
	promises_force(promises, n);
	promises_give(promises, port->out_max);
	pool_give(&port->pool, port->out_max);
	port->out_max = n;
	port->out_most = UINT32_MAX;
	port->pool.floor.out = n;
	rig_grow(port, n);
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
	queue->umem.region = rig->region;
	queue->umem.offset = arena_addr(&rig->vs.arena,
					arena_region_first(rig->region));
	queue->umem.size = arena_region_size(&rig->vs.arena, rig->region);
	queue->umem.tx_size = RIG_RING;
	queue->umem.fill_size = RIG_RING;
	rig_rx(&queue->primary.rx, &rq->rx, RIG_RX);
	rig_init_share(&queue->primary, queue, NULL, NULL);
	queue->port = port;
	queue->promises = &rig->vs.promises;
	queue->id = rig->n_queues + 100;
	queue->index = port->n_queues;
	queue->worker = worker;
	queue->base_max = RIG_RING;
	queue->slack = port->kind == PORT_UPLINK ? &rq->slack : NULL;
	queue_cover(queue, &rig->vs.promises, rig->base, true);
	queue_set_base(queue, rig->base);
	port->pool.floor.tx_per_queue = rig->base;
	rig_grow(port, rig->base);
	rq->slack.handed = RIG_COUNTED;
	queue_publish(queue, &queue->primary);
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
	port->state = PORT_STATE_UP;
	rig_set_out(rig, port, rig->out);
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

/* A ring of @size entries for @vm on @queue, not attached. */
static inline struct rig_share *rig_new_share(struct rig *rig,
					      struct queue *queue,
					      struct port *vm, uint32_t size)
{
	struct rig_share *rs = rig_alloc(sizeof(*rs));

	rig_rx(&rs->share.rx, &rs->rx, size);
	rig_init_share(&rs->share, queue, vm, &rs->credit);
	rig->shares[rig->n_shares++] = rs;
	return rs;
}

/* @vm's own share of @queue, a ring of @size entries of which it may fill
 * @limit. */
static inline struct rig_share *rig_share_on(struct rig *rig,
					     struct queue *queue,
					     struct port *vm, uint32_t size,
					     uint32_t limit)
{
	struct rig_share *rs = rig_new_share(rig, queue, vm, size);

	rs->share.limit = limit;
	queue_cover(queue, &rig->vs.promises, limit, true);
	vm->pool.floor.rx_per_queue = limit;
	rig_grow(vm, limit);
	assert_int_equal(queue_attach_share(queue, &rs->share), 0);
	queue_refill(queue, &rig->vs.arena,
		     &rig->vs.workers[queue->worker]->cache);
	return rs;
}

/* All of a ring of @size entries on @uplink's first queue. */
static inline struct rig_share *rig_share(struct rig *rig,
					  const struct port *uplink,
					  struct port *vm, uint32_t size)
{
	return rig_share_on(rig, uplink->queues[0], vm, size, size);
}

/* Lets @vm's pool breathe from what it has now, its minimum, up to @max. */
static inline void rig_breathe(struct rig *rig, struct port *vm, uint32_t max)
{
	struct pool *pool = &vm->pool;

	pool->least = pool->floor;
	pool->min = pool->size;
	pool->asked = pool->size;
	pool->max = max;
	pool->cap = max;
	for (uint32_t i = 0; i < rig->n_shares; i++)
		if (rig->shares[i]->share.to == vm)
			share_publish(&rig->shares[i]->share);
}

/* ---- the kernel's part ---- */

static inline void rig_advance(uint32_t *index)
{
	__atomic_store_n(index, *index + 1, __ATOMIC_RELEASE);
}

static inline bool rig_take_frame(struct rig_queue *rq, uint64_t *ret_addr)
{
	if (rq->n_spare) {
		*ret_addr = rq->spare[--rq->n_spare];
		return true;
	}
	if (rq->fill.consumer ==
	    __atomic_load_n(&rq->fill.producer, __ATOMIC_ACQUIRE))
		return false;
	*ret_addr = rq->fill.addrs[rq->fill.consumer % RIG_RING];
	rig_advance(&rq->fill.consumer);
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
	at = arena_data(&rig->vs.arena,
			umem_arena_addr(&rq->queue.umem, addr));
	memcpy(at, data, len);
	if (meta)
		memcpy(at - sizeof(*meta), meta, sizeof(*meta));
	if (rx->producer - __atomic_load_n(&rx->consumer, __ATOMIC_ACQUIRE) >=
	    rx->size) {
		rq->spare[rq->n_spare++] = addr - UMEM_HEADROOM;
		return false;
	}
	rx->descs[rx->producer % rx->size] = (struct xdp_desc){
		.addr = addr,
		.len = len,
	};
	rig_advance(&rx->producer);
	return true;
}

/* ---- the program's part: bpf/credit.bpf.h ---- */

static inline bool rig_may(const struct vm_credit *credit, const uint32_t *end)
{
	return (int32_t)(__atomic_load_n(end, __ATOMIC_ACQUIRE) -
			 credit->handed) > 0;
}

/* Room for one more packet; *ret_slack: out of what else, or NULL. */
static inline bool rig_ask(struct rig_queue *rq, const struct vm_credit *credit,
			   struct vm_credit **ret_slack)
{
	*ret_slack = NULL;
	if (rig_may(credit, &credit->end))
		return true;
	*ret_slack = &rq->slack;
	return rig_may(credit, &credit->cap_end) &&
	       rig_may(&rq->slack, &rq->slack.end);
}

/* ---- both ---- */

/* In the primary share of @in's first queue. */
static inline bool rig_receive(struct rig *rig, const struct port *in,
			       const uint8_t *data, uint32_t len,
			       const struct pkt_meta *meta)
{
	struct rig_queue *rq = rig_queue_of(rig, in);

	return rig_arrive(rig, rq, &rq->rx, data, len, meta);
}

/* In a VM's own share, if its credit allows it. What the kernel loses has been
 * counted as handed over. */
static inline bool rig_receive_share(struct rig *rig, struct rig_share *rs,
				     const uint8_t *data, uint32_t len,
				     const struct pkt_meta *meta)
{
	struct rig_queue *rq =
		container_of(rs->share.queue, struct rig_queue, queue);
	struct vm_credit *credit = rs->share.credit, *slack;

	if (!rig_ask(rq, credit, &slack)) {
		rs->n_pool_full++;
		return false;
	}
	rig_advance(&credit->handed);
	if (slack)
		rig_advance(&slack->handed);
	if (rig_arrive(rig, rq, &rs->rx, data, len, meta))
		return true;
	rs->n_lost++;
	return false;
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
		ret_packet->addr =
			umem_arena_addr(&rq->queue.umem, desc->addr);
		memcpy(ret_packet->data,
		       arena_data(&rig->vs.arena, ret_packet->addr), desc->len);
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
		uint32_t n = 0;

		queue_reap(queue, &rig->vs.arena, &worker->cache);
		for (uint32_t s = 0; s < queue->n_shares; s++)
			n += forward_share(worker, queue->shares[s]);
		if (n)
			slack_note(worker, queue, n);
		if (queue->suspended)
			continue;
		output_drain(worker, queue);
		queue_refill(queue, &rig->vs.arena, &worker->cache);
		queue_settle(queue, &rig->vs.promises);
	}
	sending_run(worker);
	output_flush(worker);
	for (uint32_t i = 0; i < worker->n_shapers; i++)
		output_schedule(worker, worker->shapers[i], worker->now_ns);
	slack_look(worker, worker->now_ns + RIG_ROUND_NS);
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
	for (uint32_t i = 0; i < arena_n_frames(&vs->arena); i++) {
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
			 arena_n_frames(&vs->arena));
}

/*
 * Between operations on pools: all frames are promised to somebody, spare, or
 * the reserve (pool.h), and nobody holds more than what is promised to it.
 */
static inline void rig_assert_promises(const struct rig *rig)
{
	const struct vswitch *vs = &rig->vs;
	int64_t sum = promises_spare(&vs->promises) + rig->reserve;

	for (uint32_t i = 0; i < rig->n_queues; i++) {
		const struct queue *queue = &rig->queues[i]->queue;
		uint32_t target = queue->base + queue->loan;

		for (uint32_t s = 0; s < queue->n_shares; s++)
			target += queue->shares[s]->limit;
		assert_int_equal(queue->target, target);
		assert_true(queue->granted >= queue->target);
		assert_true(queue->granted >= queue->outstanding);
		sum += queue->granted;
	}
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (vs->ports[i])
			sum += vs->ports[i]->out_max +
			       vs->ports[i]->pool.reserved;
	assert_int_equal(sum, vs->arena.regions[0].n_frames);
}

/* A pool's size is the sum of its bounds. */
static inline void rig_assert_size(const struct rig *rig, const struct port *vm)
{
	uint32_t sum = vm->out_max;

	for (uint32_t i = 0; i < rig->n_queues; i++) {
		const struct queue *queue = &rig->queues[i]->queue;

		if (queue->port == vm || queue->owner == vm)
			sum += queue->base;
		for (uint32_t s = 1; s < queue->n_shares; s++)
			if (queue->shares[s]->to == vm)
				sum += queue->shares[s]->limit;
	}
	assert_int_equal(vm->pool.size, sum);
	assert_true(vm->pool.size >= vm->pool.min);
}

static inline void rig_free(struct rig *rig)
{
	struct vswitch *vs = &rig->vs;

	for (uint32_t i = 0; i < vs->n_workers; i++) {
		frame_cache_done(&vs->workers[i]->cache);
		free(vs->workers[i]->queues);
		free(vs->workers[i]->shapers);
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
