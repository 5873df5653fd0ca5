// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The wire of the benchmark of VMs: "generate" runs on frames that
 * BPF_PROG_TEST_RUN makes and sends them out of the wire's device, as in
 * pktgen.bpf.c, but at a rate that the process changes while it runs;
 * "wire_count" is what frames meet that come back, at the first place where
 * the kernel need not copy them: an XDP program would want more room in front,
 * and that would be counted as the switch's.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "pvp.h"

struct pvp_send send = {};
struct pvp_sent state = {};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pvp_received);
} received SEC(".maps");

static __always_inline bool is_due(void)
{
	const volatile struct pvp_send *s = &send;
	__u64 now;

	if (!s->on)
		return false;
	if (state.epoch == s->epoch && !s->gap_ps)
		return true;
	now = bpf_ktime_get_ns();
	if (state.epoch != s->epoch) {
		state.epoch = s->epoch;
		state.first_ns = now;
		state.sent = 0;
	}
	return now - state.first_ns >= state.sent * s->gap_ps / 1000;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	__be16 *sport = data + PVP_SPORT_OFF;
	__u8 *dst = data + PVP_DST_OFF;
	__u32 flow;

	if (data + PVP_HEAD > data_end || !is_due())
		return XDP_DROP;
	__builtin_memcpy(data, send.head, PVP_HEAD);
	flow = state.flow++;
	if (state.flow >= send.n_flows)
		state.flow = 0;
	*sport = bpf_htons(PVP_FIRST_SPORT + (flow & 0x7fff));
	if (state.sent & 1)
		*dst = (__u8)(*dst + send.other);
	if (++state.sent == send.n_burst)
		state.last_ns = bpf_ktime_get_ns();
	return (int)bpf_redirect(send.ifindex, 0);
}

SEC("tc")
int wire_count(struct __sk_buff *skb)
{
	void *data_end = (void *)(long)skb->data_end;
	void *data = (void *)(long)skb->data;
	struct pvp_stamp *stamp = data + PVP_STAMP_OFF;
	struct pvp_received *r;
	__u32 key = 0, bucket;

	r = bpf_map_lookup_elem(&received, &key);
	if (!r)
		return TC_ACT_SHOT;
	if ((void *)(stamp + 1) > data_end || stamp->magic != PVP_MAGIC) {
		r->foreign++;
		return TC_ACT_SHOT;
	}
	r->frames++;
	if (stamp->ns) {
		bucket = pvp_bucket(bpf_ktime_get_ns() - stamp->ns);
		if (bucket < PVP_BUCKETS)
			r->hist[bucket]++;
	}
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
