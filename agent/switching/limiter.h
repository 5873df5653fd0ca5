/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limiters of what VMs send: one per pair of a source VM and a destination,
 * under one per source VM.
 *
 * Theory. After Carousel (Saeed et al., SIGCOMM 2017): what may not go yet waits
 * in a timing wheel, in the slot of the time when it may; who is out of room is
 * told so and keeps his packets (back-pressure); all is O(1), whatever the number
 * of limiters. Carousel has a wheel of packets, each with its time stamp. Here
 * rates change every 200 us, and what waits has to follow the new ones: so a
 * pair's packets wait in a queue of its own, and the wheel has the pair, in the
 * slot of its first packet. A pair is in one of these states:
 *
 *	idle	no packet waits
 *	held	it is new, and packets of its VM that were pushed before there
 *		was a limiter for it are still to go: none may overtake another
 *	timed	its own rate does not allow its first packet yet: in the wheel
 *	ready	it does: in its VM's round
 *
 * A VM's round is deficit round robin (see scheduler.h), so that pairs share
 * their VM's rate by bytes. When that is used up the VM itself is in the wheel.
 * A VM with something ready that may send is in the list of those to be served.
 *
 * What a VM sends to destinations without a limiter (most: a limiter comes with
 * the first feedback) is, if the VM has a rate, one more queue in its round;
 * otherwise it does not stop here at all, and costs a look-up.
 *
 * The wheel has 4096 slots of 8.2 us: 33 ms. What may go later than that is
 * looked at again then. Nothing goes early, and buckets (rate.h) make up for
 * what goes late. Memory: 128 bytes per limiter and 16 per packet that may wait,
 * all of it from limiter_new().
 *
 * Thread-safety: one owner: a worker.
 */
#ifndef SWITCHING_LIMITER_H
#define SWITCHING_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include <pktagent/limits.h>

#include "switching/rate.h"

#define LIMITER_SLOT_NS		8192ull
#define LIMITER_N_SLOTS		4096u
#define LIMITER_MAX_PAIRS	(1u << 20)
#define LIMITER_MAX_PACKETS	(1u << 20)

struct limiter_conf {
	uint32_t n_pairs;	/* limiters that there may be */
	uint32_t n_packets;	/* that may wait, of all VMs */
	uint32_t vm_packets;	/* of one VM */
	uint32_t pair_packets;	/* of one pair */
	uint32_t overhead;	/* bytes that each takes on the wire besides
				 * its own; at most 256 */
	uint64_t late_ns;	/* how late the owner may be without costing
				 * anybody his rate: up to RATE_MAX_LATE_NS */
	uint64_t idle_ns;	/* a limiter that nobody has used or set for so
				 * long is taken away */
};

enum limiter_result {
	LIMITER_PASS,		/* nothing limits it: the caller's, to be sent */
	LIMITER_KEPT,		/* it waits, and comes out of limiter_pop() */
	LIMITER_FULL,		/* no room: the caller's, to be left where it is */
};

struct limiter_packet {
	uint64_t packet;	/* packet_pack() */
	uint32_t to;
	uint16_t vm;
};

/* A pair, or all of a VM. Packets, and bytes without overhead. */
struct limiter_info {
	uint16_t vm;
	uint32_t to;		/* 0: the VM */
	uint64_t bits, packets;	/* its rate; 0: no limit */
	uint32_t n_waiting;
	uint64_t n_out, bytes_out;
	uint64_t n_full;	/* pushes refused: of a VM only */
};

struct limiter;

/* No limits yet. 0, -EINVAL: something is out of its range, or -ENOMEM. On
 * success *ret_limiter is the caller's. Its time begins at @now_ns. */
int limiter_new(const struct limiter_conf *conf, uint64_t now_ns,
		struct limiter **ret_limiter);

/* Nothing may wait any more: limiter_clear_vm(). NULL is allowed. */
void limiter_free(struct limiter *limiter);

/* From now on VM @vm (its slot, below PKT_MAX_PORTS) sends no faster; 0 and 0:
 * as fast as it likes. What waits follows the new rate. 0 or -EINVAL. */
int limiter_set_vm(struct limiter *limiter, uint16_t vm,
		   const struct rate *rate, uint64_t now_ns);

/* The same of what it sends to @to, the owner's number of a destination, not
 * 0. Without a rate the limiter stays until it is idle. 0, -EINVAL, or -ENOSPC:
 * there are n_pairs of them, and that is not one. */
int limiter_set_pair(struct limiter *limiter, uint16_t vm, uint32_t to,
		     const struct rate *rate, uint64_t now_ns);

/* @packet (packet_pack()) of @vm to @to (0: somebody who never has a limiter).
 * The order of packets of one (@vm, @to) is kept if those that pass, or are
 * popped, are sent before anything else is pushed. */
enum limiter_result limiter_push(struct limiter *limiter, uint16_t vm,
				 uint32_t to, uint64_t packet,
				 uint64_t now_ns);

/* What a packet becomes on a wire: @n packets, each with a copy of its first
 * @header bytes. */
struct limiter_segments {
	uint16_t n;		/* 1 at least */
	uint16_t header;
};

/* The same of one that is to be cut: its segments count. */
enum limiter_result limiter_push_long(struct limiter *limiter, uint16_t vm,
				      uint32_t to, uint64_t packet,
				      struct limiter_segments segments,
				      uint64_t now_ns);

/* Whether a push would not end in FULL: before the packet is read. */
bool limiter_has_room(const struct limiter *limiter, uint16_t vm, uint32_t to);

/* Packets that may be pushed of @vm before it is out of room, if no pair is
 * before that. */
uint32_t limiter_room(const struct limiter *limiter, uint16_t vm);

/* Packets that may go now, at most @max, into @ret_packets. Returns how many;
 * they are the caller's. VMs take turns. */
uint32_t limiter_pop(struct limiter *limiter, uint64_t now_ns, uint32_t max,
		     struct limiter_packet *ret_packets);

/* When limiter_pop() has to be called next: @now_ns if at once, RATE_NEVER if
 * nothing waits. It may turn out that nothing may go then. */
uint64_t limiter_next(const struct limiter *limiter, uint64_t now_ns);

/* Looks at @n limiters, those after the ones it looked at last, and takes away
 * those that are idle. Returns how many. */
uint32_t limiter_collect(struct limiter *limiter, uint64_t now_ns, uint32_t n);

/* VM @vm is no more: its limiters go, and what waits, to @drop. */
void limiter_clear_vm(struct limiter *limiter, uint16_t vm,
		      void (*drop)(void *ctx, uint64_t packet), void *ctx);

/* Takes out what waits and @is says so of, to @drop; the rest stays in order. */
void limiter_drop_if(struct limiter *limiter, uint64_t now_ns,
		     bool (*is)(void *ctx, uint64_t packet),
		     void (*drop)(void *ctx, uint16_t vm, uint64_t packet),
		     void *ctx);

/* Whether @vm has a rate, or a limiter to anybody, or something waits of it. */
bool limiter_limits(const struct limiter *limiter, uint16_t vm);

uint32_t limiter_n_waiting(const struct limiter *limiter);
uint32_t limiter_n_pairs(const struct limiter *limiter);

/* For reports. False: there is none (any more). */
bool limiter_get_vm(const struct limiter *limiter, uint16_t vm,
		    struct limiter_info *ret_info);
bool limiter_get_pair(const struct limiter *limiter, uint16_t vm, uint32_t to,
		      struct limiter_info *ret_info);
/* The first pair at *@ret_at or behind; *ret_at is then where to go on. Begin
 * with 0. */
bool limiter_next_pair(const struct limiter *limiter, uint32_t *ret_at,
		       struct limiter_info *ret_info);

#endif
