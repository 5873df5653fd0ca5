/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out of a port: staging, the port's account, the queue's tx ring or
 * the ring to the worker that owns it. All functions: worker.
 */
#ifndef SWITCHING_OUTPUT_H
#define SWITCHING_OUTPUT_H

#include "switching/worker.h"

/* Stages one packet for @port, with shaper_tag() beside it; the frame is no
 * longer the caller's. */
void output_stage(struct worker *worker, struct port *port, uint64_t packet,
		  uint16_t tag);

/* Sends what is staged for any port. */
void output_flush(struct worker *worker);

/* Moves packets that other workers sent to @queue to its tx ring. Returns how
 * many. */
uint32_t output_drain(struct worker *worker, struct queue *queue);

/* Has the kernel send what is on the tx ring of @queue. */
void output_kick(struct worker *worker, struct queue *queue);

/*
 * Has the port of @shaper, which @worker owns, send what may go by now: what
 * came to its class rings goes to the scheduler, and what that lets go to the
 * device's queue or the guest, as much as they have room for. Returns how many
 * packets came and went.
 */
uint32_t output_schedule(struct worker *worker, struct port_shaper *shaper,
			 uint64_t now_ns);

/* Gives back the frames of a packet that goes nowhere, and counts why. */
void output_drop(struct worker *worker, uint16_t slot, enum pkt_reason reason,
		 uint64_t packet);

/* The same for packets that @port is charged with: they are taken off its
 * account. */
void output_drop_charged(struct worker *worker, struct port *port,
			 enum pkt_reason reason, const uint64_t *packets,
			 uint32_t n);

/* Charges @port with packets and pushes them to @in, the ring to worker @owner,
 * which is woken; what finds no room is dropped. */
void output_push(struct worker *worker, struct port *port, struct mpsc *in,
		 uint32_t owner, const uint64_t *packets, uint32_t n);

/* The same for packets that @port is charged with. */
void output_push_charged(struct worker *worker, struct port *port,
			 struct mpsc *in, uint32_t owner,
			 const uint64_t *packets, uint32_t n);

#endif
