/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sizes that the BPF programs and the agent must agree on. Changing one of
 * them changes the layout of pinned maps: see PKT_MAPS_VERSION.
 */
#ifndef PKTAGENT_LIMITS_H
#define PKTAGENT_LIMITS_H

/* The directory below the bpffs root that pinned objects live in ("v1"). It
 * changes whenever a pinned map changes its meaning, so that two versions of
 * the agent never read each other's maps. */
#define PKT_MAPS_VERSION	1

/* Port slots; slot 0 is "no port" and is never given out. */
#define PKT_MAX_PORTS		256
/* Receive queues of one device that the agent can serve. */
#define PKT_MAX_QUEUES		64
/* Keys of the socket maps: slot * PKT_MAX_QUEUES + receive queue. */
#define PKT_MAX_XSKS		(PKT_MAX_PORTS * PKT_MAX_QUEUES)
/* Entries of the forwarding table, all networks together. */
#define PKT_MAX_FDB		32768
/* Source addresses that `addresses:` may list, all VMs together. */
#define PKT_MAX_ADDRS		16384
/* Networks (VLANs) that have at least one port. */
#define PKT_MAX_NETS		256
/* Traffic classes. Class 0 is the default. */
#define PKT_N_CLASSES		8

/* What a frame takes of a wire besides itself: preamble, checksum and gap. */
#define PKT_WIRE_BYTES		24

/* Network 0 is the untagged one; 1..4094 are VLAN identifiers. */
#define PKT_VLAN_NONE		0
#define PKT_VLAN_MAX		4094

/* The largest MTU that fits one frame with two VLAN tags: a 4096-byte frame
 * less 256 bytes of XDP headroom, 320 of skb_shared_info that veth keeps at
 * the end, 14 of Ethernet and 8 of tags. */
#define PKT_MTU_MIN		576
#define PKT_MTU_MAX		3498

#endif
