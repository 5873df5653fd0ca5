// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every packet to one other device. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

SEC("xdp")
int to_device(struct xdp_md *ctx)
{
	(void)ctx;
	return (int)bpf_redirect_map(&devices, 0, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
