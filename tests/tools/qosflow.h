/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What both halves of qosflow share: qosflow.c sends, qosrecv.h receives. */
#ifndef TOOLS_QOSFLOW_H
#define TOOLS_QOSFLOW_H

#include "common.h"

#define QOS_MAGIC     0x514f5331u
#define QOS_MAX_FLOWS 64

/* In front of a datagram's payload, and of a TCP stream. Both ends are on one
 * machine: host byte order, and the same clock. */
struct qos_head {
	uint32_t magic;
	uint32_t flow;
	uint64_t seq;	  /* of the datagram */
	uint64_t sent_ns; /* CLOCK_MONOTONIC */
};

/* Of a frame, besides the payload: Ethernet, IPv4 and UDP. */
#define QOS_UDP_HEAD 42
/* What a frame takes of a wire, or of the agent's rates, besides itself. */
#define QOS_WIRE     24
#define QOS_MIN_SIZE 72
#define QOS_MAX_SIZE 1514
/* A full segment with timestamps, and what of it is content. */
#define QOS_TCP_FRAME	1514
#define QOS_TCP_CONTENT 1448

struct qos_options {
	const char *dev, *out;
	struct in_addr to; /* 0: nothing is sent */
	uint16_t port;
	uint32_t flow;
	uint32_t size; /* of frames, without FCS */
	uint64_t rate; /* bit/s, with QOS_WIRE for each frame; 0: any */
	uint64_t start_ns;
	double seconds;
	uint64_t end_ns; /* 0: until SIGTERM */
	/* A part of each period that is sent in; no period: always. */
	uint64_t period_ns, from_ns, to_ns;
	uint64_t bin_ns;
	int tos;
	bool tcp;
	/* A guest: */
	char *end; /* as ends.h takes it */
	struct in_addr from;
	uint8_t dmac[6];
	uint64_t read_pps; /* it reads so many at most; 0: all */
};

/* ns between frames at the rate; 0: any number. */
static inline uint64_t qos_gap_ns(const struct qos_options *o)
{
	return o->rate ? (o->size + QOS_WIRE) * 8ull * NSEC_PER_SEC / o->rate
		       : 0;
}

/* When the turn ends in which @now_ns is; 0: it is in none. */
static inline uint64_t qos_turn_ends(const struct qos_options *o,
				     uint64_t start_ns, uint64_t now_ns)
{
	uint64_t end = UINT64_MAX, at;

	if (now_ns < start_ns || (o->end_ns && now_ns >= o->end_ns))
		return 0;
	if (o->period_ns) {
		at = start_ns +
		     (now_ns - start_ns) / o->period_ns * o->period_ns;
		if (now_ns < at + o->from_ns || now_ns >= at + o->to_ns)
			return 0;
		end = at + o->to_ns;
	}
	return o->end_ns && o->end_ns < end ? o->end_ns : end;
}

#endif
