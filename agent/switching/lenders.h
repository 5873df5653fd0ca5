/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames from others' pools, in the same round.
 *
 * Who grows while spare is out need not wait for the control thread: what others
 * have and do not use, and this worker can take, is taken in the moment, down
 * to their minimum; of those that have as little as who asks, only what is more
 * than twice of what they use. The one that has most gives first.
 *
 * All functions: the worker.
 */
#ifndef SWITCHING_LENDERS_H
#define SWITCHING_LENDERS_H

#include "ports/queue.h"
#include "switching/worker.h"

/* For @port's pool, until @want frames can be promised: to its part on @queue,
 * or elsewhere (NULL). Not again at once when nobody had any. */
void lenders_ask(struct worker *worker, struct port *port,
		 const struct queue *queue, uint32_t want);

/* For @queue's slack: from pools that are idle. Returns how many they gave. */
uint32_t lenders_ask_idle(struct worker *worker, const struct queue *queue,
			  uint32_t want);

#endif
