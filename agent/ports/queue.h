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

#include "ports/port.h"

/* ---- control ---- */

struct queue_opts {
	uint32_t id;		/* unique among the open queues */
	uint32_t index;		/* on the device */
	uint32_t worker;
	uint32_t rx_limit;	/* frames of the primary share */
	uint32_t rx_max;	/* entries its ring is made for */
	uint32_t slack;
	uint32_t fill_max;	/* frames that may ever be posted */
	uint32_t out_max;	/* frames that may be sent at one time */
	enum umem_copy copy;
};

/* Binds the queue of port->ifname. Nothing is posted yet. On success
 * *ret_queue is the caller's. Waits for a queue whose old socket the kernel is
 * still letting go of, up to 500 ms. 0 or a negative errno. */
int queue_open(const struct arena *arena, struct port *port,
	       const struct queue_opts *opts, struct queue **ret_queue);

/* Closes the queue, which no worker may serve any more. The frames it held
 * are where the ledger says: see queue_reclaim(). NULL is allowed. */
void queue_close(struct queue *queue);

/* Moves every frame that the ledger has at (@place, @who) to @cache; the
 * holder is gone. Returns how many. */
uint32_t queue_reclaim(struct arena *arena, struct frame_cache *cache,
		       enum frame_place place, uint32_t who);

/* A VM's receive-only share of @queue, of @limit frames now and @max at most.
 * Not attached yet. */
int share_open(struct queue *queue, struct port *to, uint32_t limit,
	       uint32_t max, struct share **ret_share);
/* Frees a share that is attached to no queue. NULL is allowed. */
void share_close(struct share *share);

/* ---- worker ---- */

int queue_attach_share(struct queue *queue, struct share *share);
/* Detaches @share, and gives the frames still in its ring to @cache. The
 * kernel must not be able to fill it any more. */
void queue_detach_share(struct queue *queue, struct share *share,
			struct frame_cache *cache);

/* Changes what a share may hold: the place where pools breathe. */
void queue_set_limit(struct queue *queue, struct share *share, uint32_t limit);

/* Gives completed frames to @cache and to the port's account. Returns how
 * many. */
uint32_t queue_reap(struct queue *queue, struct arena *arena,
		    struct frame_cache *cache);

/* Posts frames up to the target. */
void queue_refill(struct queue *queue, struct arena *arena,
		  struct frame_cache *cache);

/* Puts @n packets (address << 16 | length) on the tx ring; returns how many
 * found room. They go with the next kick. */
uint32_t queue_send(struct queue *queue, const uint64_t *packets, uint32_t n);

/* Has the kernel send what is on the tx ring. Returns the number of packets
 * the kernel threw away because the device was full. */
uint32_t queue_kick(struct queue *queue);

static inline bool queue_has_unsent(const struct queue *queue)
{
	return queue->n_unsent > 0;
}

static inline uint64_t packet_pack(uint64_t addr, uint32_t len)
{
	return addr << 16 | len;
}

static inline uint64_t packet_addr(uint64_t packet)
{
	return packet >> 16;
}

static inline uint32_t packet_len(uint64_t packet)
{
	return packet & 0xffff;
}

#endif
