/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How pools grow and shrink while packets flow: what the worker that owns a
 * part of a pool does with it. ports/pool.h has the theory of what a pool is.
 *
 * Growing. A part grows in the round in which it is seen to be over three
 * quarters full, or full, by as much as makes it twice of what was in use; what
 * is on the way out, by as much as is missing, since it is asked first. If the
 * host has none to spare, the worker takes in the same round what others have
 * and do not use, as far as it owns that. What has not got its frames then asks
 * for them (promises->wanted); the control thread takes them from the greediest.
 *
 * Shrinking. Use is looked at window by window (pools.window_ms). A part is
 * cut, by a quarter of what is too much and a batch at least, when it is more
 * than a batch larger than twice the most that was in use in this window and
 * the one before, and larger than what arrives in a millisecond at the rate of
 * this window. The distance between three quarters and twice is the
 * hysteresis: a part that has just been cut is at most half used. A part whose
 * floor is enough goes down to that, be it by less than a batch.
 *
 * All functions: the worker, unless said otherwise.
 */
#ifndef SWITCHING_BREATHE_H
#define SWITCHING_BREATHE_H

#include "ports/queue.h"
#include "switching/worker.h"

/* @share is to be read, with @used packets in it: grows its part if need be. */
void breathe_receive(struct worker *worker, struct share *share,
		     uint32_t used);

/* Room for @want more frames in the account of @port, if it can be made.
 * Returns how much there is. */
uint32_t breathe_make_room(struct worker *worker, struct port *port,
			   uint32_t want);

/* The same for what the VM behind @port has sent, which waits for its rate. As long
 * as it is limited, what it sends and what is on its way to it leave each
 * other a quarter of the account. */
uint32_t breathe_make_sending_room(struct worker *worker, struct port *port,
				   uint32_t want);

/* The same for @n packets of @share, which this round takes off its queue, and
 * which go behind @staged others. Returns how many of them there is room for;
 * so many have to be taken. */
uint32_t breathe_make_way(struct worker *worker, struct share *share,
			  uint32_t staged, uint32_t n);

/* Shrinks what was too large in the window that ends at @now_ns, and begins the
 * next. */
void breathe_window(struct worker *worker, uint64_t now_ns);

/* Nanoseconds until a window ends in which something may shrink; UINT64_MAX:
 * there is nothing to shrink. */
uint64_t breathe_wait(const struct worker *worker, uint64_t now_ns);

/* Has each part of @port's pool that the worker owns hold @parts: more if they
 * can be had, less as far as they are not in use. */
void breathe_set(struct worker *worker, struct port *port,
		 const struct pool_parts *parts, enum pool_reason reason);

/* Takes up to @want frames from @port's parts that the worker owns, down to
 * what is used and to the pool's minimum. Returns how many. */
uint32_t breathe_trim(struct worker *worker, struct port *port, uint32_t want,
		      enum pool_reason reason);

/* Takes up to @want frames for others from @from's parts that the worker owns,
 * down to @times what they use and to the pool's minimum; if @idle only from
 * what has had no packet of late, and nothing that was asked for. Returns how
 * many. */
uint32_t breathe_take(struct worker *worker, struct port *from, uint32_t want,
		      uint32_t times, bool idle);

#endif
