/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet's way through the agent: from a share, or a guest's ring, to the
 * ports it goes to. All functions: worker.
 */
#ifndef SWITCHING_FORWARD_H
#define SWITCHING_FORWARD_H

#include <pktagent/meta.h>

#include "memory/packet.h"
#include "switching/worker.h"

/* A packet in the agent's hands, in its inner form: the network's tag is off
 * and stands in the metadata. */
struct packet {
	uint64_t addr;
	uint32_t len;
	uint64_t flags;			/* PACKET_EXT or 0 */
	uint32_t number;		/* of the forwarding entry that it goes
					 * by; 0: of none */
	struct pkt_meta meta;
};

static inline uint8_t *packet_data(const struct worker *worker,
				   const struct packet *p)
{
	return arena_data(&worker->vs->arena, p->addr);
}

static inline uint64_t packet_word(const struct packet *p)
{
	return packet_with_hash(packet_pack(p->addr, p->len) | p->flags,
				p->meta.hash);
}

/* NULL if it is a plain one. */
static inline struct packet_ext *packet_get_ext(const struct worker *worker,
						const struct packet *p)
{
	return packet_ext(&worker->vs->arena,
			  packet_pack(p->addr, p->len) | p->flags);
}

/* Reads up to one batch from @share and stages it for its ports. Returns the
 * number of packets read. */
uint32_t forward_share(struct worker *worker, struct share *share);

/* Takes the outer tag off. */
void forward_pop_tag(struct worker *worker, struct packet *p);

/* Sends @p where its destination address is, or to all of its network. */
void forward_switch(struct worker *worker, const struct port *in,
		    struct packet *p);

/* The same after the source was noted and asked to be learned if it has to. */
void forward_learn(struct worker *worker, const struct port *in,
		   const struct packet *p);

#endif
