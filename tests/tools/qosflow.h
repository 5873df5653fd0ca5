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
	struct in_addr to;
	uint16_t port;
	uint32_t flow;
	uint32_t size; /* of frames, without FCS */
	uint64_t rate; /* bit/s, with QOS_WIRE for each frame; 0: any */
	uint64_t start_ns;
	uint64_t end_ns; /* 0: until SIGTERM */
	/* A part of each period that is sent in; no period: always. */
	uint64_t period_ns, from_ns, to_ns;
	uint64_t bin_ns;
	int tos;
	bool tcp;
};

#endif
