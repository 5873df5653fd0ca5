/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sink.c and sink.bpf.c share. */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include <linux/types.h>

struct sink_count {
	__u64 packets;
	__u64 bytes;
};

#endif
