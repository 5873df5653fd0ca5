// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One (device, queue) and the shares on it: see queue.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ports/queue.h"
#include "ports/recall.h"

/* @credit NULL: one that nobody reads. */
static void share_init(struct share *share, struct queue *queue,
		       struct port *to, struct vm_credit *credit)
{
	share->queue = queue;
	share->to = to;
	share->credit = credit ? credit : &share->none;
	share->counts = share;
	share->read = __atomic_load_n(&share->credit->handed,
				      __ATOMIC_ACQUIRE);
	share->handed_seen = share->read;
}

/* @taken: what had been taken when queue->over was not yet counted. */
static void publish_slack(struct queue *queue, uint32_t taken)
{
	uint32_t left = queue_slack(queue);

	left -= min_u32(queue->over, left);
	__atomic_store_n(&queue->slack->end, taken + left, __ATOMIC_RELEASE);
}

int queue_open(const struct arena *arena, struct port *port,
	       const struct queue_opts *opts, struct queue **ret_queue)
{
	struct umem_sizes sizes = {
		.fill = queue_fill_entries(opts->fill_max),
		.tx = round_up_pow2(opts->out_max),
		.comp = round_up_pow2(opts->out_max) * 2,
		.rx = opts->rx_size,
		.frames = opts->region_frames,
	};
	struct queue *queue;
	int err;

	queue = aligned_alloc(CACHE_LINE, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	memset(queue, 0, sizeof(*queue));
	queue->port = port;
	queue->index = opts->index;
	queue->id = opts->id;
	queue->worker = opts->worker;
	queue->base = opts->base;
	queue->base_max = opts->base_max;
	queue->loan_max = opts->loan_max;
	queue->copy = opts->copy;
	queue->owner = opts->owner;
	queue->promises = opts->promises;
	queue->slack = opts->slack;
	share_init(&queue->primary, queue, NULL, NULL);
	queue->primary.rx.fd = -1;
	queue->umem.fd = -1;

	err = mpsc_init(&queue->in, sizes.tx);
	if (err)
		goto fail;
	queue->shares = calloc(1, sizeof(queue->shares[0]));
	if (!queue->shares) {
		err = -ENOMEM;
		goto fail;
	}
	err = umem_prepare(&queue->umem, &queue->primary.rx, arena,
			   opts->region, &sizes);
	if (!err)
		err = queue_bind_umem(queue, &queue->umem, &queue->primary.rx);
	if (err)
		goto fail;
	queue->shares[0] = &queue->primary;
	queue->n_shares = 1;
	queue->target = opts->base;
	if (queue->slack)
		publish_slack(queue, queue->slack->handed);
	*ret_queue = queue;
	return 0;
fail:
	queue_close(queue);
	return err;
}

void queue_close(struct queue *queue)
{
	if (!queue)
		return;
	umem_close(&queue->umem, &queue->primary.rx);
	recall_forget(queue);
	mpsc_done(&queue->in);
	free(queue->shares);
	free(queue);
}

static uint32_t reclaim_region(struct arena *arena,
			       const struct arena_region *region,
			       struct frame_cache *cache, uint16_t entry)
{
	/* On a queue is also what is being taken off it. */
	uint16_t recalled = frame_place(entry) == FRAME_QUEUE ?
				    FRAME_RECALL << 12 | frame_who(entry) :
				    entry;
	uint32_t n = 0;

	for (uint32_t i = 0; i < region->n_frames; i++) {
		uint32_t frame = region->first + i;

		if (arena_where(arena, frame) != entry &&
		    arena_where(arena, frame) != recalled)
			continue;
		queue_forget_meta(arena, frame);
		frame_cache_put(cache, frame);
		n++;
	}
	return n;
}

uint32_t queue_reclaim(struct arena *arena, struct frame_cache *cache,
		       enum frame_place place, uint32_t who)
{
	uint16_t entry = (uint16_t)(place << 12 | who);
	uint32_t n = 0;

	for (uint32_t i = 0; i < ARENA_N_REGIONS; i++)
		n += reclaim_region(arena, &arena->regions[i], cache, entry);
	return n;
}

/* ---- what is on its way out ---- */

/* Moves what waits in the queue's ring in the ledger. */
static void move_waiting(struct queue *queue, struct arena *arena,
			 enum frame_place place, uint32_t who)
{
	uint64_t packet;

	for (uint64_t i = 0; mpsc_peek(&queue->in, i, &packet); i++)
		packet_move(arena, packet, place, who);
}

uint32_t queue_take_back(struct port *port, uint32_t region,
			 struct arena *arena, struct frame_cache *cache)
{
	const uint16_t entry = (uint16_t)(FRAME_OUT << 12 | port->slot);
	uint32_t n;

	/* To a place that there is not, while nobody can see it. */
	for (uint32_t i = 0; i < port->n_queues; i++)
		move_waiting(port->queues[i], arena, FRAME_N_PLACES, 0);
	n = reclaim_region(arena, &arena->regions[region], cache, entry);
	for (uint32_t i = 0; i < port->n_queues; i++) {
		struct queue *queue = port->queues[i];

		move_waiting(queue, arena, FRAME_OUT, port->slot);
		if (queue->umem.region != region)
			continue;
		port_release(port, queue->worker, queue->n_out);
		queue->n_out = 0;
	}
	return n;
}

void queue_keep_stats(struct port *port, const struct rx_ring *rx)
{
	struct rx_ring_stats stats;

	if (rx_ring_get_stats(rx, &stats))
		return;
	port->past.rx_dropped += stats.rx_dropped;
	port->past.rx_ring_full += stats.rx_ring_full;
	port->past.tx_invalid += stats.tx_invalid;
}

/* ---- shares ---- */

int share_open(struct queue *queue, struct port *to, uint32_t size,
	       struct vm_credit *credit, struct share **ret_share)
{
	struct share *share = calloc(1, sizeof(*share));
	int err;

	if (!share)
		return -ENOMEM;
	share_init(share, queue, to, credit);
	err = rx_ring_open(&share->rx, &queue->umem, queue->port->ifname,
			   queue->index, size);
	if (err) {
		share_close(share);
		return err;
	}
	*ret_share = share;
	return 0;
}

void share_close(struct share *share)
{
	if (!share)
		return;
	rx_ring_close(&share->rx);
	free(share);
}

int queue_attach_share(struct queue *queue, struct share *share)
{
	struct share **shares;

	shares = realloc(queue->shares,
			 (queue->n_shares + 1) * sizeof(shares[0]));
	if (!shares)
		return -ENOMEM;
	queue->shares = shares;
	shares[queue->n_shares++] = share;
	queue->target += share->limit;
	share_publish(share);
	return 0;
}

void queue_succeed_share(struct queue *queue, struct share *share,
			 struct share *old)
{
	uint32_t limit = old->limit;

	queue_set_limit(queue, old, 0);
	old->counts = share;
	share->read = old->read;
	share->over = old->over;
	old->over = 0;
	queue_set_limit(queue, share, limit);
}

uint32_t queue_cover(struct queue *queue, struct promises *promises,
		     uint32_t n, bool forced)
{
	uint32_t over = queue_surplus(queue);
	uint32_t need = n > over ? n - over : 0;
	uint32_t got = forced ? promises_force(promises, need) :
				promises_take(promises, need);

	queue->granted += got;
	return n - (need - got);
}

void share_lost(struct share *share, uint32_t n)
{
	share->counts->read += n;
	share_publish(share->counts);
}

static void count_over(struct queue *queue, struct share *counts)
{
	uint32_t used = share_used(counts);
	uint32_t over = used > counts->limit ? used - counts->limit : 0;

	if (!counts->to)
		return;		/* the primary: nobody counts for it */
	queue->over += over - counts->over;
	counts->over = over;
}

void queue_publish(struct queue *queue, struct share *share)
{
	uint32_t taken = 0;

	/* Read first: what is handed over meanwhile counts twice, not never. */
	if (queue->slack)
		taken = __atomic_load_n(&queue->slack->handed,
					__ATOMIC_ACQUIRE);
	/* By whom is not known, and not all have been read since. */
	if (queue->slack && taken != queue->taken)
		for (uint32_t i = 1; i < queue->n_shares; i++)
			count_over(queue, queue->shares[i]->counts);
	queue->taken = taken;
	count_over(queue, share->counts);
	share_publish(share->counts);
	if (queue->slack)
		publish_slack(queue, taken);
}

void queue_set_owner(struct queue *queue, struct share *share,
		     struct port *owner, uint32_t base,
		     struct promises *promises)
{
	uint32_t bound;

	if (owner) {
		queue_set_loan(queue, 0);
		bound = share->limit;
		queue->owner = owner;
		queue_set_limit(queue, share, 0);
		queue_set_base(queue, bound);
		return;
	}
	bound = queue->base;
	queue->owner = NULL;
	queue_cover(queue, promises, base, true);
	queue_set_base(queue, base);
	queue_set_limit(queue, share, bound);
}

uint32_t queue_detach_share(struct queue *queue, struct share *share,
			    struct frame_cache *cache)
{
	struct arena *arena = cache->pool->arena;
	uint32_t pos, n, n_left = 0;

	for (uint32_t i = 1; i < queue->n_shares; i++) {
		if (queue->shares[i] != share)
			continue;
		queue->shares[i] = queue->shares[--queue->n_shares];
		queue->target -= share->limit;
		queue->over -= share->over;
		break;
	}
	while ((n = xsk_ring_cons__peek(&share->rx.ring, BATCH, &pos))) {
		for (uint32_t i = 0; i < n; i++) {
			const struct xdp_desc *desc =
				xsk_ring_cons__rx_desc(&share->rx.ring,
						       pos + i);
			uint32_t frame = arena_frame(
				arena,
				umem_arena_addr(&queue->umem, desc->addr));

			queue_forget_meta(arena, frame);
			frame_cache_put(cache, frame);
		}
		queue_release(queue, share, n);
		n_left += n;
	}
	return n_left;
}

void queue_set_limit(struct queue *queue, struct share *share, uint32_t limit)
{
	queue->target += limit - share->limit;
	share->limit = limit;
	share_publish(share);
}

void queue_set_base(struct queue *queue, uint32_t base)
{
	queue->target += base - queue->base;
	queue->base = base;
	/* Slack is a part of it. */
	if (queue->slack)
		queue_publish(queue, &queue->primary);
}

void queue_set_loan(struct queue *queue, uint32_t loan)
{
	queue->target += loan - queue->loan;
	__atomic_store_n(&queue->loan, loan, __ATOMIC_RELAXED);
	if (queue->slack)
		queue_publish(queue, &queue->primary);
}

uint32_t queue_reap(struct queue *queue, struct arena *arena,
		    struct frame_cache *cache)
{
	uint32_t pos, n, total = 0;

	if (!queue->n_out)
		return 0;
	while ((n = xsk_ring_cons__peek(&queue->umem.comp, BATCH, &pos))) {
		for (uint32_t i = 0; i < n; i++) {
			uint64_t addr = *xsk_ring_cons__comp_addr(
				&queue->umem.comp, pos + i);

			addr = umem_arena_addr(&queue->umem, addr);
			frame_cache_put(cache, arena_frame(arena, addr));
		}
		xsk_ring_cons__release(&queue->umem.comp, n);
		total += n;
	}
	queue->n_out -= total;
	port_release(queue->port, queue->worker, total);
	return total;
}

/* Posts one batch; false when no more can be had. */
static bool post(struct queue *queue, struct arena *arena,
		 struct frame_cache *cache)
{
	uint32_t want = queue_short_of(queue);
	uint32_t n, pos;

	if (want > BATCH)
		want = BATCH;
	/* The ring was made for all that is ever posted, and for what has been
	 * taken off it besides. */
	if (xsk_ring_prod__reserve(&queue->umem.fill, want, &pos) != want)
		return false;
	for (n = 0; n < want; n++) {
		uint32_t frame = frame_cache_get(cache);

		if (frame == FRAME_NONE)
			break;
		arena_move(arena, frame, FRAME_QUEUE, queue->id);
		*xsk_ring_prod__fill_addr(&queue->umem.fill, pos + n) =
			umem_ring_addr(&queue->umem, arena_addr(arena, frame));
	}
	if (n < want) {
		/* What was reserved and not used is given back. */
		queue->umem.fill.cached_prod -= want - n;
		count_add(&queue->n_fill_short, 1);
	}
	xsk_ring_prod__submit(&queue->umem.fill, n);
	queue->outstanding += n;
	return n == want;
}

void queue_refill(struct queue *queue, struct arena *arena,
		  struct frame_cache *cache)
{
	cache = frame_cache_of(cache, queue->umem.region);
	while (queue_is_short(queue))
		if (!post(queue, arena, cache))
			break;
	/* A zero-copy driver that found no frame waits to be told; the first
	 * time that is when the queue has just been bound. */
	if (queue->umem.zero_copy &&
	    xsk_ring_prod__needs_wakeup(&queue->umem.fill))
		recvfrom(queue->umem.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

uint32_t queue_send(struct queue *queue, const uint64_t *packets, uint32_t n)
{
	uint32_t free_entries, pos;

	free_entries = xsk_prod_nb_free(&queue->umem.tx, n);
	if (n > free_entries)
		n = free_entries;
	if (!n || xsk_ring_prod__reserve(&queue->umem.tx, n, &pos) != n)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct xdp_desc *desc =
			xsk_ring_prod__tx_desc(&queue->umem.tx, pos + i);

		desc->addr =
			umem_ring_addr(&queue->umem, packet_addr(packets[i]));
		desc->len = packet_len(packets[i]);
		desc->options = 0;
	}
	xsk_ring_prod__submit(&queue->umem.tx, n);
	queue->n_out += n;
	queue->n_unsent += n;
	count_add(&queue->n_tx, n);
	return n;
}

uint32_t queue_room(struct queue *queue, uint32_t n)
{
	return min_u32(xsk_prod_nb_free(&queue->umem.tx, n), n);
}

/* Entries of the tx ring that the kernel has not taken yet. */
static uint32_t tx_backlog(const struct queue *queue)
{
	return queue->umem.tx.cached_prod -
	       __atomic_load_n(queue->umem.tx.consumer, __ATOMIC_ACQUIRE);
}

uint32_t queue_kick(struct queue *queue)
{
	uint32_t before = tx_backlog(queue), dropped = 0;

	while (before) {
		uint32_t after;
		int err = 0;

		if (queue->umem.zero_copy &&
		    !xsk_ring_prod__needs_wakeup(&queue->umem.tx))
			break;
		count_add(&queue->n_kicks, 1);
		if (sendto(queue->umem.fd, NULL, 0, MSG_DONTWAIT, NULL,
			   0) < 0)
			err = errno;
		after = tx_backlog(queue);
		/* EBUSY: the device took the packet and dropped it. */
		if (err == EBUSY)
			dropped++;
		else if (after == before) {
			count_add(&queue->n_tx_again, 1);
			break;
		}
		if (queue->umem.zero_copy)
			break;
		before = after;
	}
	queue->n_unsent = tx_backlog(queue);
	return dropped;
}
