/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets whose sender left work to whoever comes after it (struct packet_ext):
 * handed on as they are to a port that accepts them, finished here for others.
 * All functions: worker.
 */
#ifndef SWITCHING_OFFLOAD_H
#define SWITCHING_OFFLOAD_H

#include "memory/packet.h"
#include "switching/worker.h"

/* Stages @packet, which has an ext, for @to: whole if the port accepts that,
 * with its checksum finished, or cut into segments. The packet is no longer
 * the caller's. */
void offload_stage(struct worker *worker, struct port *to, uint64_t packet,
		   uint16_t tag);

/* Whether @to takes a packet with @ext as it is. */
bool offload_accepted(const struct port *to, const struct packet_ext *ext);

/* A copy of @packet, which has an ext, in frames of its own. False: not enough
 * frames. */
bool offload_copy(struct worker *worker, uint64_t packet, uint32_t region,
		  uint64_t *ret_addr);

#endif
