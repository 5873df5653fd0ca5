// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recall: frames posted on a queue that nothing arrives on, back to the agent.
 *
 * What has been posted on a fill ring cannot be taken off again: the kernel may
 * have read ahead. It comes back with a packet only, so the agent sends one for
 * each: it runs this program on empty frames in live-frame mode
 * (BPF_F_TEST_XDP_LIVE_FRAMES), which the kernel takes for packets that arrived
 * on queue 0 of the device.
 */
#include "pass.bpf.h"

SEC("xdp")
int recall(struct xdp_md *ctx)
{
	__u32 port = dev_to_port(ctx->ingress_ifindex, stamp_now());

	return bpf_redirect_map(&xsk_port, port * PKT_MAX_QUEUES, XDP_DROP);
}
