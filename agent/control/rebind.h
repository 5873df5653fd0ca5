/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An arena of another size, while packets flow.
 *
 * The kernel has the size of the memory that a queue was bound with, and the
 * pages of it, until the queue is closed. So the shared memory (region 0)
 * becomes larger or smaller by binding all queues on it anew, one after the
 * other, each where it is (queue_bind()). What is sent by a queue meanwhile
 * waits in its ring; what arrives on it goes the kernel way or is counted as
 * no_agent: that is the outage. All the rest goes on.
 *
 * All that can be made before is made before (queue_prepare()). What is left
 * waits for the kernel: a grace period until no program has a socket any more
 * (5 to 15 ms), another one for close(), of all sockets together (8 to 16 ms),
 * and a third with a work item until it lets go of the queue (some 20 ms).
 *
 *	more	arena_resize(); all queues anew; hostpool_grow(); promise them
 *	less	take back what is promised beyond; hostpool_withdraw(), also from
 *		the caches; all queues anew with fewer frames; wait for those
 *		that carry packets; arena_resize(); hostpool_cut()
 *
 * While it becomes less, a packet in a frame that is to go cannot leave by a
 * queue that was bound anew: it is copied into another frame
 * (switching/output.c, queue->narrow).
 *
 * A frame that was sent and does not come back, since whoever is behind the
 * device does not read, is taken back. The ledger says only out of which port
 * it was to go, so then all of the port's queues are closed at the same time.
 *
 * Control thread.
 */
#ifndef CONTROL_REBIND_H
#define CONTROL_REBIND_H

#include "control/agent.h"

struct rebound {
	char port[CONFIG_NAME_MAX];
	uint32_t index;
	uint64_t outage_ns;
};

struct rebind_report {
	uint32_t from, to;		/* frames */
	struct rebound *queues;		/* owned */
	uint32_t n_queues;
	uint64_t longest_ns, sum_ns;	/* of outages */
	uint32_t n_taken_back;		/* frames that did not come back */
	uint32_t n_down;
	char down[160];			/* the last port that went down, why */
};

/*
 * Has the shared memory hold @frames. 0 and the report, whose queues the
 * caller gives back with rebind_report_done(); ports whose queues could not be
 * bound are down then, and are tried again as after any failure. Or a negative
 * errno with one line in @err, and the memory as it was: -ERANGE, -ENOSPC (less
 * than the minimums need), -ENOMEM and others (a queue's next sockets cannot be
 * made; those before it have been bound anew for nothing), -EBUSY (somebody holds
 * frames that are to go, and does not read; all queues have, for nothing).
 */
int rebind_arena(struct agent *agent, uint64_t frames,
		 struct rebind_report *ret_report, char *err, size_t err_size);

void rebind_report_done(struct rebind_report *report);

#endif
