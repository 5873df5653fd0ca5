/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Spare frames as slack: what an uplink's queue holds for bursts to anybody.
 *
 * A burst to a VM whose pool is small has to be caught before the worker has
 * run, so by what is posted already, and is nobody's: see struct vm_credit. Half
 * of the queue's base is there for that. Besides, frames that are spare are lent
 * to the queues rather than left lying in the host's pool: they are promised to
 * the queue and posted (queue->loan), until somebody needs them.
 *
 *	loan = the larger of
 *		an equal share of the half of what is spare, the loans among it
 *		what bursts need: twice the most packets of a burst in this
 *		window and the one before, less what the base gives; a burst
 *		ends with a pause, or when a worker will have come to it
 *	and at most queue->loan_max.
 *
 * The first follows what is spare, at the control thread's beat (slack_set()).
 * The second is looked for by the worker, each millisecond while packets come and
 * once after them. It takes what pools have and do not use once their own burst is
 * over (SLACK_QUIET_NS): what a pool holds for the next burst of one VM is better
 * held for that of any.
 *
 * A pool that grows when nothing is spare takes what others do not use, then
 * loans. A part on the same queue gets their frames as they are, posted;
 * others get them when packets have come in them; until then they are kept from
 * being lent to the queue again (queue->kept).
 *
 * All functions: the worker, unless said otherwise.
 */
#ifndef SWITCHING_SLACK_H
#define SWITCHING_SLACK_H

#include "ports/queue.h"
#include "switching/worker.h"

/* The most that is lent to a queue: what arrives in 2 ms of 64 B packets at the
 * rate that a core forwards. More would only make it cycle through more of the
 * memory, and less of that be in the caches. */
#define SLACK_LOAN_MAX	4096

/* What the queue should have been lent, in whole batches. Any thread. */
uint32_t slack_wanted(const struct queue *queue);

/* Has it be that, as far as frames are spare. */
void slack_set(struct queue *queue);

/* Without a packet for so long a burst is over. */
#define SLACK_QUIET_NS	(200 * NS_PER_US)
/* And after so long in any case. */
#define SLACK_AWAY_NS	(2 * NS_PER_MS)
/* Until a loan that could not be had is looked for again. */
#define SLACK_PAUSE_NS	(1 * NS_PER_MS)

/* @n packets of the queue's were read in a round. */
void slack_note(struct worker *worker, struct queue *queue, uint32_t n);

/* Looks for loans, of the queues that it is time for. */
void slack_look(struct worker *worker, uint64_t now_ns);

/* Nanoseconds until it is time; UINT64_MAX: it is not. */
uint64_t slack_wait(const struct worker *worker, uint64_t now_ns);

/* At the end of a window. */
void slack_window(struct worker *worker, struct queue *queue);

/* @n frames that are posted on the queue and were promised to it no longer are
 * for somebody else. */
void slack_keep(struct queue *queue, uint32_t n);

/* Has up to @n frames of the queue's loan be promised to it for others of its
 * parts: see queue_cover(). Returns how many. */
uint32_t slack_convert(struct queue *queue, uint32_t n);

/* Calls loans of @promises' memory in, until @want frames are spare or nothing
 * is lent. Those that are still posted become spare when they have been used. */
void slack_call_in(struct worker *worker, struct promises *promises,
		   uint32_t want);

#endif
