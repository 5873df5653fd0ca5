/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pools: what each VM may hold of the host's frames, while packets flow.
 *
 * Theory. A frame can be used only if it has been promised first, and nobody
 * ever promises more frames than there are:
 *
 *	  spare				promised to nobody
 *	+ queue->granted		of all queues: posted on it, or received
 *					and not read, or being recalled; what
 *					is lent to it as slack among it
 *	+ port->out_max			of all ports: on their way out
 *	+ pool->reserved		of all VMs: of min, what no part has now
 *	+ memory.reserve		caches, packets in a worker's hands, and
 *					what workers charge at the same moment
 *	= all frames
 *
 * A VM's pool has three parts, each with a bound:
 *
 *	rx	received for it on its uplink's queues and not read: the
 *		credit of each of its shares (share->limit); on a queue of its
 *		own, what is posted there (queue->base)
 *	tx	posted on its own device's queues (queue->base)
 *	out	on their way to it (port->out_max)
 *
 * pool->size is the sum of the bounds, min <= size <= cap <= max. A part is
 * moved by the worker that owns it, in batches: first the size grows
 * (pool_take()), then the frames are promised (queue_cover(),
 * promises_take()), then the bound moves; the other way round it moves first.
 * So a bound is covered at any moment, also in the middle of a batch of
 * packets, and no lock is needed. What a smaller bound sets free is spare again
 * only when the frames are back: queue->granted falls to what is posted, not
 * to what should be (queue_settle()). They come with packets, or are recalled
 * where none come (recall.h). On one queue frames are alike, so that what one
 * VM gives up there another has at once.
 *
 * A VM's own minimum cannot be lent: it is reserved before anybody may grow,
 * and promises_force() lets spare fall below zero rather than refuse it; then
 * nobody grows until the control thread has taken frames back from the
 * greediest (control/pools.c).
 *
 * Proof. Each operation below moves a number between two terms of the sum, or
 * from spare to a term; spare is changed by compare-and-swap or atomic
 * addition alone, every other term has one writer. So the sum holds whenever
 * no operation is under way, and in the middle of one a frame is counted twice
 * rather than not at all. That frames really stay within their terms is kept
 * by the bounds themselves: the program refuses what exceeds a credit, a
 * queue is refilled up to its target, and output.c charges before it sends.
 * Packets that go from a queue to their VM when nothing is spare take the queue's
 * promises along (breathe_make_way()); the queue has less than it holds then
 * until that batch has been read, which is before it is refilled or settled.
 * tests/unit/test_pools_random.c holds all of it together, with threads.
 *
 * Thread-safety: A = atomic, C = control thread, read by workers.
 */
#ifndef PORTS_POOL_H
#define PORTS_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* Why a pool changed its size. X(NAME, "as it is printed", "what happened") */
#define POOL_REASONS(X) \
	X(START, "start", "the VM came up") \
	X(GONE, "gone", "the VM or its uplink went down") \
	X(RX_HIGH, "rx_high", "its receive ring was over three quarters full") \
	X(RX_FULL, "rx_full", "its receive ring was full") \
	X(FILL_LOW, "fill_low", "its fill ring was under a quarter full") \
	X(FILL_EMPTY, "fill_empty", "its fill ring ran empty") \
	X(OUT_FULL, "out_full", "the guest, or its device, was full") \
	X(RATE, "rate", "more arrives in a millisecond than it held") \
	X(IDLE, "idle", "it did not need as much for a while") \
	X(REQUEST, "request", "pktctl pool resize") \
	X(RELOAD, "reload", "another configuration") \
	X(RECLAIM, "reclaim", "others needed the frames more") \
	X(HOST_LOW, "host_low", "the host's pool was nearly empty") \
	X(PRESSURE, "pressure", "the host is short of memory (PSI)")

enum pool_reason {
#define POOL_X(name, text, why) POOL_##name,
	POOL_REASONS(POOL_X)
#undef POOL_X
	POOL_N_REASONS
};

const char *pool_reason_name(enum pool_reason reason);

/* The frames promised to nobody, and how they are given out. */
struct promises {
	int64_t spare CACHE_ALIGNED;	/* A */
	uint32_t wanted;	/* A: slot of a VM that did not get what it
				 * asked for; 0: none */
	uint32_t n_borrowers;	/* C, A: queues that spare frames are lent to;
				 * 0: none are lent */
	uint32_t batch;		/* C, A: frames moved at a time */
	uint64_t window_ns;	/* C, A: that a pool's need is looked at over */
};

/* The bounds of the parts: see admission_divide(). They add up to the whole. */
struct pool_parts {
	uint32_t rx_per_queue;		/* per uplink queue */
	uint32_t out;			/* frames on their way to the VM */
	uint32_t tx_per_queue;		/* posted per own queue */
};

struct pool {
	uint32_t size;		/* A: the sum of the bounds */
	uint32_t cap;		/* A: what it may grow to at the moment */
	uint32_t max;		/* A */
	uint64_t out_ns;	/* A: when some last were on their way to it */
	uint32_t out_peak;	/* A: frames on their way to it, this window */
	uint32_t out_last;	/* and in the one before: W, see breathe.c */
	/* What the parts do not shrink below: by themselves (what has been
	 * asked for), and when frames are taken back (the minimum). C, A */
	struct pool_parts floor, least;
	/* C */
	uint32_t min;
	uint32_t asked;		/* what floor adds up to */
	uint32_t reserved;	/* see above */
	uint32_t used_seen;	/* at the last beat */
	uint64_t n_resizes[POOL_N_REASONS];	/* A */
	uint64_t n_grown, n_shrunk;		/* A: frames */
};

/* One change of size, as it is logged. */
struct pool_event {
	uint64_t time_ns;	/* CLOCK_MONOTONIC */
	uint16_t slot;
	uint16_t reason;	/* enum pool_reason */
	uint32_t from, to;	/* frames */
};

/* From one worker to the control thread; what finds no room is counted. */
#define POOL_EVENTS	1024
struct pool_events {
	uint32_t head CACHE_ALIGNED;	/* A: reader's */
	uint32_t tail CACHE_ALIGNED;	/* A: writer's */
	uint64_t n_lost;		/* A */
	struct pool_event events[POOL_EVENTS];
};

static inline uint32_t pool_load(const uint32_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

/* Raises the size by @want, in whole batches if there is room for them.
 * Returns by how much; 0: it is all it may be. Any thread. */
uint32_t pool_take(struct pool *pool, uint32_t want, uint32_t batch);

/* Raises it by @n whatever it may be, or lowers it. Any thread. */
void pool_add(struct pool *pool, uint32_t n);
void pool_give(struct pool *pool, uint32_t n);

/* How much it might still grow, if not at the moment. Any thread. */
static inline uint32_t pool_room(const struct pool *pool)
{
	uint32_t size = pool_load(&pool->size), max = pool_load(&pool->max);

	return size < max ? max - size : 0;
}

/* Up to @want frames from spare; all of them, from what is not there. Returns
 * how many. Any thread. */
uint32_t promises_take(struct promises *promises, uint32_t want);
uint32_t promises_force(struct promises *promises, uint32_t n);
void promises_give(struct promises *promises, uint32_t n);

static inline int64_t promises_spare(const struct promises *promises)
{
	return __atomic_load_n(&promises->spare, __ATOMIC_RELAXED);
}

/* Counts a change of @pool by @n frames, which has just been made, and logs it
 * in @events (NULL: not). The owner of @events. */
void pool_note(struct pool *pool, struct pool_events *events, uint16_t slot,
	       enum pool_reason reason, uint32_t n, bool grown);

/* The next of them, looked at or taken; false: there is none. Control
 * thread. */
bool pool_peek_event(const struct pool_events *events,
		     struct pool_event *ret_event);
bool pool_next_event(struct pool_events *events, struct pool_event *ret_event);

#endif
