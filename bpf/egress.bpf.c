// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * egress: the devmap program of an uplink. A flood reaches all members in the
 * inner form; here the uplink's copy gets its network's tag.
 *
 * Every entry of an uplink's device has to name this program, in devs and in
 * the members of flood alike: the kernel keeps one queue per device and CPU,
 * and runs for all of it the program of the first packet in it. Packets that
 * are tagged already have no metadata and pass as they are.
 */
#include "rewrite.bpf.h"

SEC("xdp/devmap")
int egress(struct xdp_md *ctx)
{
	struct pkt_meta *meta = meta_get(ctx);
	__u16 tci;

	if (!meta || meta->magic != PKT_META_MAGIC)
		return XDP_PASS;
	tci = meta->vlan | meta->pcp << PKT_TCI_PCP_SHIFT;
	/* Failures are counted like the device's own, by the drops program. */
	if (meta_clear(ctx) || tag_push(ctx, tci))
		return XDP_DROP;
	return XDP_PASS;
}
