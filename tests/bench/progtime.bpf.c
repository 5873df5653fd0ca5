// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For timing a program that changes its packet. BPF_PROG_TEST_RUN repeats a
 * program on one packet without restoring it: a program that moves the
 * packet's ends or its metadata would run on something else each time. So
 * "again" puts the packet back, then jumps into the program under test.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "progtime.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

const volatile __u32 packet_len = 0;
struct progtime_head original = {};

SEC("xdp")
int again(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	int moved = (int)(packet_len - (__u32)(data_end - data));
	int meta;

	if (moved && bpf_xdp_adjust_head(ctx, -moved))
		return XDP_ABORTED;
	meta = (int)((long)ctx->data - (long)ctx->data_meta);
	if (meta && bpf_xdp_adjust_meta(ctx, meta))
		return XDP_ABORTED;

	data_end = (void *)(long)ctx->data_end;
	data = (void *)(long)ctx->data;
	if (data + PROGTIME_HEAD > data_end)
		return XDP_ABORTED;
	__builtin_memcpy(data, original.bytes, PROGTIME_HEAD);

	bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
