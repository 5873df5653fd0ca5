/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The full audit: every frame is where the ledger says, once, with its owner.
 *
 * On the fast path a frame belongs to the tag of the queue that it is on by
 * construction: only a queue's worker posts on it, from its own region's cache;
 * the program hands a VM's packets to that VM's socket alone; output.c charges
 * the port before it sends. The audit does not rely on any of that. While all
 * workers stand still (vswitch_hold()) it looks at
 *
 *	the ledger	one entry per frame: a place that there is, and whose
 *			(queue, port, cache) it can be: in the same memory
 *	host pools	each frame in one magazine, and the ledger says so
 *	caches		likewise
 *	rx rings	what waits there is the queue's
 *	tx rings	what waits there is on its way out of that port
 *	accounts	what the ledger says of each queue and port is what they
 *			have counted
 *	promises	the sum of pool.h, exactly; bounds and sizes
 *	credits		nothing is read that was not handed over
 *
 * What the kernel does meanwhile, from the fill ring to a receive ring and from
 * the tx ring to the completion ring, moves no frame in the ledger. Control
 * thread.
 */
#ifndef CONTROL_AUDIT_H
#define CONTROL_AUDIT_H

#include "control/agent.h"

#define AUDIT_MAX_TEXTS	16

struct audit {
	uint32_t n_frames;		/* looked at, all memory together */
	uint32_t n_ring_entries;	/* of rx and tx rings */
	uint32_t n_queues, n_ports;
	uint64_t held_ns;		/* workers stood still for so long */
	uint32_t n_problems;
	char texts[AUDIT_MAX_TEXTS][160];	/* the first of them */
};

/* 0, whatever was found; -ENOMEM. */
int audit_run(struct agent *agent, struct audit *ret_audit);

#endif
