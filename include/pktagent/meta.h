/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Metadata that an XDP program writes directly in front of the packet
 * (bpf_xdp_adjust_meta) and a worker reads there, so that nothing is parsed
 * twice. With the metadata the packet has been brought to its inner form: the
 * network's VLAN tag is taken off and stands in @vlan and @pcp.
 *
 * A driver that cannot carry metadata delivers the packet as it came; the
 * worker then makes the same structure with the same parser (parse.h).
 */
#ifndef PKTAGENT_META_H
#define PKTAGENT_META_H

#include <linux/types.h>

/* "pkt" and the layout's version. A worker clears it once it has read the
 * metadata, so that a frame never shows an older packet's. */
#define PKT_META_MAGIC		0x706b7401u

/* @flags */
#define PKT_F_FLOOD		0x01	/* broadcast, multicast or unknown */
#define PKT_F_LEARN		0x02	/* source is new or moved: learn it */
#define PKT_F_CSUM_PARTIAL	0x04	/* L4 checksum holds the pseudo sum */
#define PKT_F_FRAGMENT		0x08	/* any fragment of a datagram */
#define PKT_F_FRAG_LATER	0x10	/* not the first: no L4 header */

/* @l3 */
enum pkt_l3 {
	PKT_L3_OTHER = 0,
	PKT_L3_ARP = 1,
	PKT_L3_IPV4 = 2,
	PKT_L3_IPV6 = 3,
};

struct pkt_meta {
	__u32 magic;		/* PKT_META_MAGIC */
	__u16 in_port;		/* slot of the port it came in on */
	__u16 vlan;		/* network, host order; 0 = untagged */
	__u8 flags;		/* PKT_F_* */
	__u8 class;		/* traffic class, 0..PKT_N_CLASSES-1 */
	__u8 l3;		/* enum pkt_l3 */
	__u8 l4_proto;		/* IPPROTO_*; 0 = none found */
	__u16 l3_off;		/* bytes from the start of the packet */
	__u16 l4_off;		/* 0 = no L4 header in this packet */
	__u32 hash;		/* of the flow; equal both for all fragments */
	__u8 pcp;		/* priority bits of the tag taken off */
	__u8 pad[3];
};
_Static_assert(sizeof(struct pkt_meta) == 24, "metadata layout");
_Static_assert(sizeof(struct pkt_meta) % 4 == 0, "adjust_meta's granularity");

#endif
