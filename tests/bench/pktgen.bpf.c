// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The generator's half in the kernel. It runs on frames that
 * BPF_PROG_TEST_RUN makes, and sends each out of a device.
 *
 * The kernel uses the pages of such frames again without restoring what a
 * receiver changed in them (a switch takes tags off in place), so the headers
 * are written anew every time.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "pktgen.h"

const volatile struct pktgen_opts opts = {};
struct pktgen_state state = {};

/* Whether the next packet is to go now. A run cannot wait, so frames that are
 * not due are dropped where they are. */
static __always_inline bool is_due(void)
{
	__u64 now;

	if (state.sent >= opts.count)
		return false;
	if (state.sent && !opts.gap_ps)
		return true;
	now = bpf_ktime_get_ns();
	if (!state.sent)
		state.first_ns = now;
	return now - state.first_ns >= state.sent * opts.gap_ps / 1000;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	__be16 *sport;
	__u32 flow;

	if (data + PKTGEN_HEAD > data_end || !is_due())
		return XDP_DROP;
	__builtin_memcpy(data, state.head, PKTGEN_HEAD);

	flow = state.flow++;
	if (state.flow >= opts.n_flows)
		state.flow = 0;
	sport = data + (opts.tagged ? PKTGEN_SPORT_TAGGED : PKTGEN_SPORT);
	*sport = bpf_htons(PKTGEN_FIRST_SPORT + (flow & 0x7fff));

	if (++state.sent == opts.count)
		state.last_ns = bpf_ktime_get_ns();
	return (int)bpf_redirect(opts.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
