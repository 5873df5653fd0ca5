// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts every packet and drops it. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "sink.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sink_count);
} counts SEC(".maps");

SEC("xdp")
int count_drop(struct xdp_md *ctx)
{
	struct sink_count *count;
	__u32 key = 0;

	count = bpf_map_lookup_elem(&counts, &key);
	if (!count)
		return XDP_ABORTED;
	count->packets++;
	count->bytes += (__u64)((long)ctx->data_end - (long)ctx->data);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
