/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What pktgen.c and pktgen.bpf.c share. */
#ifndef BENCH_PKTGEN_H
#define BENCH_PKTGEN_H

#include <linux/types.h>

/* Ethernet, one tag, IPv4, UDP: 46 bytes; the smallest frame has 60. */
#define PKTGEN_HEAD	    56
#define PKTGEN_SPORT	    (14 + 20)
#define PKTGEN_SPORT_TAGGED (18 + 20)
#define PKTGEN_FIRST_SPORT  1024
#define PKTGEN_MAX_FLOWS    32768

struct pktgen_opts {
	__u64 count;   /* packets to send */
	__u64 gap_ps;  /* between packets, picoseconds; 0 = none */
	__u32 ifindex; /* device to send out of */
	__u32 n_flows; /* source ports to go round */
	__u32 tagged;
	__u32 pad;
};

/* Written by the program, of which one runs at a time; read by the process. */
struct pktgen_state {
	__u8 head[PKTGEN_HEAD]; /* the first bytes of each frame */
	__u64 sent;
	__u64 first_ns; /* CLOCK_MONOTONIC of the first packet */
	__u64 last_ns;	/* of packet number count */
	__u32 flow;
	__u32 pad;
};

#endif
