/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bypass: from one guest's ring straight into another's. See guest.h.
 * All functions: the worker of the sending pair.
 */
#ifndef SWITCHING_GUEST_BYPASS_H
#define SWITCHING_GUEST_BYPASS_H

#include "switching/worker.h"
#include "vhost/pair.h"

/* Pairs of other workers that one batch remembers to call. */
#define BYPASS_MAX_CALLS	8

/* A batch of one guest's packets. */
struct guest_bypass {
	struct worker *worker;
	struct vhost_pair *from;
	uint32_t head;			/* bytes to peek at; 0: no bypass */
	uint32_t ready;			/* packets that are to be expected */
	bool wait;			/* the other guest has no buffer: leave
					 * the packet where it is */
	/* what the last packet was found to be */
	uint8_t macs[12];		/* its addresses */
	bool known;			/* macs and to are of this batch */
	struct port *to;		/* NULL: not past the switch */
	uint64_t diverted[PKT_MAX_PORTS / 64];	/* slots that a packet of this
						 * batch goes to by the switch */
	/* the run of packets being written to @dst, whose lock is held */
	struct vhost_pair *dst;
	uint64_t n, bytes;
	/* pairs of other workers to be called */
	struct vhost_pair *calls[BYPASS_MAX_CALLS];
	uint32_t n_calls;
};

/* A batch of about @ready packets. */
void guest_bypass_begin(struct guest_bypass *bypass, struct worker *worker,
			struct vhost_pair *from, uint32_t ready);

/* Sends the packet past the switch, if that may be. False: it was not, and
 * belongs to the switch unless bypass->wait is set. */
bool guest_bypass_packet(struct guest_bypass *bypass,
			 const struct pair_packet *packet);

/* Ends the batch: what was written is shown, who got something is called. */
void guest_bypass_end(struct guest_bypass *bypass);

/* Whether no packet waits for the pair's guest. Its worker, or holding the
 * lock; to others it is a hint. */
static inline bool guest_pair_is_idle(const struct vhost_pair *pair)
{
	return __atomic_load_n(&pair->pending_at, __ATOMIC_RELAXED) ==
		       __atomic_load_n(&pair->n_pending, __ATOMIC_RELAXED) &&
	       mpsc_is_empty(&pair->in);
}

/* Whether all headers of the packet that begins at @data are within its first
 * 160 bytes: all but IPv6 with extension headers. Reads 160 bytes at most. */
bool guest_head_is_short(const uint8_t *data);

/* The longest frame that becomes of a packet on a wire. */
static inline uint32_t guest_longest(const struct packet_ext *ext, uint32_t len)
{
	if (!ext || ext->gso == PACKET_GSO_NONE)
		return len;
	return min_u32(len, (uint32_t)ext->hdr_len + ext->gso_size);
}

#endif
