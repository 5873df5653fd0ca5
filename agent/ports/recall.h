/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Recall: frames that are posted on a queue taken off its fill ring again,
 * while the kernel may be receiving by it.
 *
 * Theory. In copy mode the kernel reads an entry of the fill ring when a packet
 * needs a frame, not before, and passes over one that says an address outside
 * the umem (net/xdp/xsk_buff_pool.c, __xp_alloc(): it counts it as invalid, and
 * takes the next). So an entry that it has not read is taken back by
 * overwriting it with UMEM_NO_ADDR. What is to be found out is which entries it
 * had read before that:
 *
 *	begin	(worker) overwrites entries, the last one first, and says in the
 *		ledger of each of these frames: FRAME_RECALL
 *	grace	datapath_synchronize(): whoever had read an entry when it was
 *		overwritten has ended his softirq
 *	finish	(worker) frames that the ledger still has as FRAME_RECALL, and
 *		that are in no receive ring, are nobody's: they go to the cache
 *
 * Proof. An entry is read, the packet copied into its frame, and the frame put
 * on a receive ring, by one softirq, which publishes that ring at its end
 * (xsk_flush()); with softirqs off is inside an RCU read-side section; so after
 * the grace period a frame that was read has come up on a receive ring. There
 * the worker has read it, and whoever reads a packet says in the ledger where
 * its frame goes, or finish finds it there. Nothing is concluded from the order
 * in which entries were read, nor from counts.
 *
 * One exception: a packet that its receive ring had no room for has left its
 * frame on a list of the kernel's (pool->free_list), from which the next packet
 * has it. That is one frame at most, as the next packet takes that one first,
 * and a packet is one frame. It is not one of ours,
 *
 *	- if the kernel has still a frame in the ring that precedes all of ours:
 *	  it reads them in the order of the ring, so it has read none of ours.
 *	  Begin leaves the first one that the kernel can have read last. (What
 *	  the kernel has published of its reading lacks, after a packet that was
 *	  refused, just the frame on the list.) This is the rule for a queue
 *	  that is silent.
 *	- or if no receive ring has refused anything since before begin: then
 *	  the list has what it had, which precedes ours, or nothing.
 *	- or, later, once a packet has been received after the last refusal.
 *
 * Until one of these holds the frames are in doubt: the recall stays with the
 * queue (queue->recall), and is finished another time. Only the primary ring of
 * an uplink can come to that, and only if the queue turned out not to be
 * silent: the receive ring of a VM's own queue holds all that is posted there, a
 * share's its credit.
 *
 * Accounts. From begin on these frames are queue->in_doubt, and no longer among
 * its outstanding ones, so that what stays is posted anew as it is used, however
 * long the rest takes; all are still promised to the queue. Those that are
 * received all the same are released as if they were outstanding, by which
 * that number is too small, or below zero, until finish corrects both. Meanwhile
 * as many too many are posted: frames that those in_doubt are promises for. The
 * sum of the two, what the queue holds, is right at any time.
 *
 * What was overwritten stays in the ring, dead, until the kernel gets there. The
 * ring has as many entries as frames may be posted, and as many again for dead
 * ones: begin takes no more than that leaves (queue->n_dead). So there is always
 * room to post, in the moment the queue is to have more.
 *
 * Zero-copy drivers read ahead by the batch, and say late how far: nothing is
 * recalled there.
 *
 * The kernel counts dead entries as rx_invalid_descs: an errand, not an error.
 * Nobody shows it.
 */
#ifndef PORTS_RECALL_H
#define PORTS_RECALL_H

#include "ports/queue.h"

/* Frames in one call of a worker, which serves nobody meanwhile. */
#define RECALL_BATCH	512

struct recall {
	uint32_t n;			/* frames */
	uint32_t size;			/* of frames[] */
	uint32_t n_done;		/* of those, looked at by finish */
	uint32_t n_back;		/* of those, the queue's no longer */
	uint32_t first;			/* the first entry overwritten */
	bool begun;
	bool met;			/* finish was called once */
	bool sure;			/* none of them is on the kernel's list */
	bool waiting;			/* C: for the grace period under way */
	/* C: what the receive rings say, see recall_look() */
	bool looked;
	bool compare;			/* received may be compared */
	uint64_t refused;		/* of all of them */
	uint32_t received;		/* the primary's producer */
	uint32_t frames[];
};

/* How many frames the queue has beyond @posted, if they can be taken off it:
 * not while it is closed or suspended, nor on zero-copy queues, and once at a
 * time. control. */
uint32_t recall_possible(const struct queue *queue, uint32_t posted);

/* control: has the queue begin one, of up to @n frames, as recall_possible()
 * says. 0 or a negative errno. */
int recall_start(struct queue *queue, uint32_t n);

/* worker: overwrites entries, as long as the queue has more than @posted frames
 * besides. Returns whether there are more of them: call it again. */
bool recall_begin(struct queue *queue, uint32_t posted, struct arena *arena);

/* control, after the grace period and before recall_finish(): is any frame in
 * doubt? That may be found out by finish itself. */
void recall_look(struct queue *queue);

/* worker: gives frames to @cache. Returns whether there are more of them: call
 * it again. */
bool recall_finish(struct queue *queue, struct arena *arena,
		   struct frame_cache *cache);

/* control: it is over, unless its frames are in doubt. Returns how many came
 * back. */
uint32_t recall_end(struct queue *queue);

/* Forgets about it: the queue is closed, and all its frames are taken back. */
void recall_forget(struct queue *queue);

#endif
