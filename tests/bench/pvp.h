/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What pvp.c and pvp.bpf.c share: the frames of the benchmark, what the wire
 * sends and what it counts.
 */
#ifndef BENCH_PVP_H
#define BENCH_PVP_H

#include <linux/types.h>

#define PVP_MAGIC	0x70767031
#define PVP_FIRST_SPORT 1024

/* Ethernet, IPv4, UDP, then struct pvp_stamp. */
#define PVP_DST_OFF   5 /* the last byte of the destination MAC */
#define PVP_SPORT_OFF (14 + 20)
#define PVP_STAMP_OFF 44
#define PVP_HEAD      64 /* bytes written anew for each frame */

struct pvp_stamp {
	__u32 magic;
	__u64 ns; /* CLOCK_MONOTONIC when it was sent, or 0 */
} __attribute__((packed));

/*
 * Times in nanoseconds, counted in buckets of which 64 make an octave: 1.6 %
 * wide. The last one has everything above.
 */
#define PVP_SUB	    64
#define PVP_OCTAVES 24
#define PVP_BUCKETS (PVP_SUB * PVP_OCTAVES)

static inline __attribute__((always_inline)) __u32 pvp_bucket(__u64 ns)
{
	__u32 shift = 0;

	if (ns >= 1ull << 29)
		return PVP_BUCKETS - 1;
	/* A binary search for the highest bit: BPF has no instruction. */
	for (__u32 step = 16; step; step /= 2)
		if (ns >> shift >> step >= PVP_SUB)
			shift += step;
	return shift * PVP_SUB + (__u32)(ns >> shift);
}

/* The least time of a bucket. */
static inline __u64 pvp_bucket_ns(__u32 bucket)
{
	__u32 shift = bucket < 2 * PVP_SUB ? 0 : bucket / PVP_SUB - 1;

	return (__u64)(bucket - shift * PVP_SUB) << shift;
}

/* The generator. Written by the process; "epoch" last. */
struct pvp_send {
	__u8 head[PVP_HEAD];
	__u64 gap_ps; /* between frames, picoseconds; 0 = as fast as may be */
	__u32 ifindex;
	__u32 n_flows;
	__u32 other; /* added to the last byte of every second frame's
			destination MAC */
	__u32 epoch; /* a new one: begin anew */
	__u32 on;
	__u32 n_burst; /* the frame after which it is last_ns; 0: none */
};

/* Written by the program, of which one runs at a time. */
struct pvp_sent {
	__u64 sent; /* in this epoch */
	__u64 first_ns, last_ns;
	__u32 epoch;
	__u32 flow;
};

/* One per CPU. */
struct pvp_received {
	__u64 frames;
	__u64 foreign; /* not the benchmark's */
	__u32 hist[PVP_BUCKETS];
};

#endif
