/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One (device, queue): its fill, completion and tx rings, and the shares that
 * receive on it. See port.h for the accounts.
 *
 * The functions under "worker" are called by the worker that serves the queue,
 * or by the control thread while no worker does.
 */
#ifndef PORTS_QUEUE_H
#define PORTS_QUEUE_H

#include <pktagent/meta.h>

#include "memory/packet.h"
#include "ports/port.h"

/* ---- control ---- */

struct queue_opts {
	uint32_t id;		/* unique among the open queues */
	uint32_t index;		/* on the device */
	uint32_t worker;
	uint32_t rx_size;	/* entries of the primary share's ring */
	uint32_t base;		/* frames to post besides those of shares */
	uint32_t fill_max;	/* frames that may ever be posted */
	uint32_t out_max;	/* frames that may be sent at one time */
	enum umem_copy copy;
};

/* Binds the queue of port->ifname. Nothing is posted yet. On success
 * *ret_queue is the caller's. Waits for a queue whose old socket the kernel is
 * still letting go of, up to 3 s. 0 or a negative errno. */
int queue_open(const struct arena *arena, struct port *port,
	       const struct queue_opts *opts, struct queue **ret_queue);

/* Closes the queue, which no worker may serve any more. The frames it held
 * are where the ledger says: see queue_reclaim(). NULL is allowed. */
void queue_close(struct queue *queue);

/* Moves every frame that the ledger has at (@place, @who) to @cache; the
 * holder is gone. Returns how many. */
uint32_t queue_reclaim(struct arena *arena, struct frame_cache *cache,
		       enum frame_place place, uint32_t who);

/* A VM's receive-only share of @queue, of @size entries (a power of two). Not
 * attached yet. */
int share_open(struct queue *queue, struct port *to, uint32_t size,
	       struct share **ret_share);
/* Frees a share that is attached to no queue. NULL is allowed. */
void share_close(struct share *share);

/* ---- worker ---- */

int queue_attach_share(struct queue *queue, struct share *share);
/* Detaches @share, and gives the frames still in its ring to @cache. The
 * kernel must not be able to fill it any more. */
void queue_detach_share(struct queue *queue, struct share *share,
			struct frame_cache *cache);

/* Changes what a VM's share may hold (1..its ring's size), or what is posted
 * besides: the places where pools breathe. */
void queue_set_limit(struct queue *queue, struct share *share, uint32_t limit);
void queue_set_base(struct queue *queue, uint32_t base);

/* Gives @n packets' entries back to the kernel after they were read. */
static inline void queue_release(struct queue *queue, struct share *share,
				 uint32_t n)
{
	queue->outstanding -= n;
	queue->target -= rx_ring_release(&share->rx, n);
}

/* Gives completed frames to @cache and to the port's account. Returns how
 * many. */
uint32_t queue_reap(struct queue *queue, struct arena *arena,
		    struct frame_cache *cache);

/* Posts frames up to the target. */
void queue_refill(struct queue *queue, struct arena *arena,
		  struct frame_cache *cache);

/* Puts @n packets (memory/packet.h; plain ones) on the tx ring; returns how many
 * found room. They go with the next kick. */
uint32_t queue_send(struct queue *queue, const uint64_t *packets, uint32_t n);

/* Has the kernel send what is on the tx ring. Returns the number of packets
 * the kernel threw away because the device was full. */
uint32_t queue_kick(struct queue *queue);

/*
 * Makes @frame show no metadata to the next packet in it, which may come by a
 * driver that carries none: its place in front of a packet that was not moved.
 * Whoever takes a frame off a queue does this. The kernel writes metadata also
 * in front of packets that a full ring then refuses.
 */
static inline void queue_forget_meta(const struct arena *arena, uint32_t frame)
{
	struct pkt_meta *meta = arena_data(
		arena, arena_addr(arena, frame) + UMEM_HEADROOM -
			       sizeof(*meta));

	meta->magic = 0;
}

static inline bool queue_has_unsent(const struct queue *queue)
{
	return queue->n_unsent > 0;
}

/* Whether the host pool had no frame when it was to be posted. */
static inline bool queue_is_short(const struct queue *queue)
{
	return queue->outstanding < queue->target;
}

#endif
