/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out of a port: staging, the port's account, the queue's tx ring or
 * the ring to the worker that owns it. All functions: worker.
 */
#ifndef SWITCHING_OUTPUT_H
#define SWITCHING_OUTPUT_H

#include "switching/worker.h"

/* Stages one packet for @port; the frame is no longer the caller's. */
void output_stage(struct worker *worker, struct port *port, uint64_t packet);

/* Sends what is staged for any port. */
void output_flush(struct worker *worker);

/* Moves packets that other workers sent to @queue to its tx ring. Returns how
 * many. */
uint32_t output_drain(struct worker *worker, struct queue *queue);

/* Has the kernel send what is on the tx ring of @queue. */
void output_kick(struct worker *worker, struct queue *queue);

/* Gives back the frames of a packet that goes nowhere, and counts why. */
void output_drop(struct worker *worker, uint16_t slot, enum pkt_reason reason,
		 uint64_t packet);

/* Charges @port with packets and pushes them to @in, the ring to worker @owner,
 * which is woken; what finds no room is dropped. */
void output_push(struct worker *worker, struct port *port, struct mpsc *in,
		 uint32_t owner, const uint64_t *packets, uint32_t n);

#endif
