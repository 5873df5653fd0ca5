/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What VMs send, held to their rates: the limiter (limiter.h) of a worker, what
 * waits in it, and how its VMs are told to wait.
 *
 *	from a VM: classify, switch ─► limiter ─► staged for the port it goes to
 *
 * Theory. A VM that sends faster than it may is not read: its virtqueue, or
 * what its device has received, stays where it is as long as there is no room
 * in the limiter (sending_room()). So nothing is lost to a rate, and the VM's
 * own stack notices. What is read and may not go yet waits in the limiter, up to
 * SENDING_VM_PACKETS of a VM, for a pair's rate cannot be known before a packet
 * has been read. A pair that is told to be slow so holds up what its VM sends to
 * others, once all of that waits for it: a virtqueue is one queue.
 *
 * What waits is charged to the account of the port it came by, as frames that
 * the agent holds for that VM (ports/port.h): they come out of its own pool,
 * and when that is all in use it is not read, either. What is on its way to the
 * VM is in the same account, and each leaves the other a quarter of it: a VM
 * that does not read can send, and one that sends too much gets its answers.
 *
 * Nothing is dropped for a rate but copies of broadcasts: a batch has room for
 * all its packets from the beginning, copies get what is left.
 *
 * A VM with a rate is served by one worker, so that the rate is exact and its
 * packets keep their order.
 *
 * A worker without limited VMs has none of it: one load per packet.
 *
 * Thread-safety: "control" is the control thread, "any" any thread, the others
 * the worker.
 */
#ifndef SWITCHING_SENDING_H
#define SWITCHING_SENDING_H

#include "memory/mpsc.h"
#include "switching/limiter.h"
#include "switching/worker.h"

#define SENDING_VM_PACKETS	256
#define SENDING_PAIRS		16384	/* limiters of pairs, per worker */

struct sending {
	struct limiter *limiter;	/* owned */
	struct port *ports[PKT_MAX_PORTS];	/* borrowed: limited VMs */
	uint64_t now_ns;		/* of this batch */
	uint32_t n_left;		/* packets and frames that there is to
					 * be room for in this batch */
	uint16_t hand;			/* the slot to be looked at next */
	uint64_t collected_ns;
	struct mpsc requests;		/* from any thread: rates of pairs */
	uint64_t n_requests_lost;	/* A, any: the ring was full */
	uint64_t n_pairs_refused;	/* A: more than SENDING_PAIRS */
};

/* Whether the VM in slot @slot is limited on this worker. */
static inline bool sending_stops(const struct worker *worker, uint16_t slot)
{
	return __builtin_expect(worker->sending != NULL, 0) &&
	       worker->sending->ports[slot];
}

/* control: from now on the VM behind @port, which is up and served by @worker
 * alone, sends no faster; zeros: as fast as it likes. 0; -EINVAL: @rate is out
 * of range; -ENOMEM. */
int sending_set_vm(struct worker *worker, struct port *port,
		   const struct rate *rate);

/* control: @port is hidden, and nothing waits for it, or of the VM behind it, any
 * more: that is dropped as out_down. Nor is the VM limited, nor its pairs. */
void sending_clear(struct vswitch *vs, struct port *port);

/* control: has @worker ready for rates of pairs. 0 or -ENOMEM. */
int sending_open(struct worker *worker);

/* any: asks @worker, which serves the VM in slot @vm and is open for it, to have
 * it send no more than @kbps to the destination with the forwarding entry
 * @number, not 0; 0: no limit. 0, or -EAGAIN: the ring of requests is full. */
int sending_set_pair(struct worker *worker, uint16_t vm, uint32_t number,
		     uint32_t kbps);

/* A batch begins, of @n packets that are there: how many may be read from the VM
 * behind @port. 0: none, and the worker will come round again by itself. */
uint32_t sending_room(struct worker *worker, struct port *port, uint32_t n);

/* Whether there is room for a copy of @packet, which is of this batch, too; it
 * is kept for it. */
bool sending_has_room(struct worker *worker, uint16_t vm, uint64_t packet);

/* Whether the packet of the VM in slot @vm, which is limited, to @to waits, or is
 * dropped for want of room; it is not the caller's any more then. @number: of
 * the forwarding entry that it goes by; 0: of none. */
bool sending_keep(struct worker *worker, uint16_t vm, const struct port *to,
		  uint32_t number, uint64_t packet, uint16_t tag);

/* Takes requests, and stages what may go by now. Returns how many. */
uint32_t sending_run(struct worker *worker);

/* Whether a request has come. */
bool sending_has_come(const struct worker *worker);

/* Nanoseconds until something may go; UINT64_MAX: nothing waits. */
uint64_t sending_wait(const struct worker *worker, uint64_t now_ns);

/* What the control thread has done on the worker: the same as sending_set_vm()
 * and sending_clear(), of a worker that has a limiter. */
int sending_limit(struct worker *worker, struct port *port,
		  const struct rate *rate);
void sending_forget(struct worker *worker, struct port *port);

/* 0 and *ret_sending, or -ENOMEM. */
int sending_new(struct sending **ret_sending);

/* Nothing waits. NULL is allowed. */
void sending_free(struct sending *sending);

#endif
