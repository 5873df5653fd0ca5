/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs must do with packets, in the lab of lab.h. A row is a
 * packet on a port's device, and what becomes of it: the one counter that
 * moves, the target, the bytes and the metadata that leave. And what is counted
 * of VMs' credits: a packet to a VM's socket, and no other.
 */
#ifndef TESTS_BPF_ROWS_H
#define TESTS_BPF_ROWS_H

#include <pktagent/meta.h>

#include "lab.h"

enum target_kind { TO_NOBODY, TO_DEV, TO_XSK_PORT, TO_XSK_VM, TO_MEMBERS };

enum row_state {
	STALE = 0x01,		/* the heartbeat is too old */
	GONE = 0x02,		/* the agent has left */
	NO_SOCKETS = 0x04,
	NO_MEMBERS = 0x08,
	NO_META = 0x10,		/* opts.no_meta */
	FOREIGN_META = 0x20,	/* the packet comes with metadata */
	REFRESHED = 0x40,	/* the source's entry is written */
	NOT_REFRESHED = 0x80,
	UNKNOWN_DEV = 0x100,	/* comes in on lo */
	NO_DEV = 0x200,		/* devs is empty */
	STRANGE_DEV = 0x400,	/* comes in on add_strange_device()'s */
};

/* Room for the packets to one VM: after so many there is room for @left by
 * right, for @cap_left with slack, of which the queue has @slack. No other VM
 * has any. */
struct row_credit {
	uint32_t handed;
	int32_t left;
	int32_t cap_left;
	int32_t slack;
};

struct row {
	const char *name;
	uint8_t from;			/* slot */
	const char *in;
	int reason;			/* enum pkt_reason */
	uint8_t counted;		/* slot that it counts against; 0: from */
	uint8_t to;			/* enum target_kind */
	uint16_t to_slot;		/* TO_MEMBERS: network */
	const char *out;		/* NULL = the same bytes */
	bool has_meta;
	uint16_t vlan;			/* of the metadata */
	uint8_t pcp;
	uint8_t flags;			/* PKT_F_* */
	uint16_t state;			/* enum row_state */
	struct row_credit credit;	/* zero: all VMs have room */
	struct {
		uint8_t slot;
		uint8_t set;
		uint8_t clear;
	} change[2];			/* PORT_F_* */
};

#define DROP(why)	.reason = PKT_##why
#define FULL(slot)	.reason = PKT_pool_full, .counted = slot
#define CREDIT(...)	.credit = { __VA_ARGS__ }
#define HOST		.reason = PKT_to_host
#define DEV(slot, ...)	.reason = PKT_to_kernel, .to = TO_DEV, \
			.to_slot = slot, ##__VA_ARGS__
#define XPORT(slot, ...) .reason = PKT_to_agent, .to = TO_XSK_PORT, \
			.to_slot = slot, ##__VA_ARGS__
#define XVM(slot, ...)	.reason = PKT_to_agent, .to = TO_XSK_VM, \
			.to_slot = slot, ##__VA_ARGS__
#define MEMBERS(net, ...) .reason = PKT_to_flood, .to = TO_MEMBERS, \
			.to_slot = net, ##__VA_ARGS__
#define OUT(text)	.out = text
#define META(net, bits, prio) .has_meta = true, .vlan = net, .flags = bits, \
			.pcp = prio
#define IN_STATE(bits)	.state = bits
#define SET(slot, bits)	.change[0] = { slot, bits, 0 }
#define CLEAR(slot, bits) .change[0] = { slot, 0, bits }
#define CLEAR2(slot, bits) .change[1] = { slot, 0, bits }
#define SET2(slot, bits) .change[1] = { slot, bits, 0 }

#define FLOOD	PKT_F_FLOOD
#define NEW	PKT_F_LEARN
#define PART	PKT_F_CSUM_PARTIAL

#define VM2_NA	"dst=wire src=vm2 ip6=fd00::2 icmp6=136 "
#define TARGET(hex16) "hex=" hex16

static const struct row rows[] = {
	/* ---- uplink: before the packet is ours ---- */
	{ "unknown device", 1, "ip4 udp", DROP(port_unknown),
	  IN_STATE(UNKNOWN_DEV) },
	{ "uplink down", 1, "tag=10 ip4 udp", DROP(port_down), CLEAR(1, UP) },
	{ "own MAC", 1, "dst=host ip4 udp", HOST },
	{ "own MAC, tagged, malformed", 1, "dst=host tag=99 ip4 udp cut=30",
	  HOST },
	{ "other uplink's MAC", 1, "dst=host2 tag=10 ip4 udp",
	  XPORT(1, OUT("dst=host2 ip4 udp"), META(10, FLOOD, 0)) },
	{ "LLDP", 1, "dst=lldp type=0x88cc data=30", HOST },
	{ "group next to the link's", 1, "dst=notlldp type=0x88cc data=30",
	  XPORT(1, META(0, FLOOD, 0)) },
	{ "malformed", 1, "tag=10 ip4 udp poke=18,0x44", DROP(ipv4_header) },
	{ "cut tag", 1, "tag=10 cut=17", DROP(vlan_short) },
	{ "three tags", 1, "tag=10 tag=1 tag=2 ip4 udp", DROP(vlan_deep) },
	/* ---- uplink: network ---- */
	{ "vlan nobody has", 1, "tag=11 ip4 udp", DROP(vlan_unknown) },
	{ "vlan of the other uplink", 1, "dst=vm6 tag=20 ip4 udp",
	  DROP(vlan_unknown) },
	{ "untagged on the tagged uplink", 2, "dst=vm3 ip4 udp",
	  DROP(vlan_unknown) },
	{ "vlan 4095", 1, "tag=4095 ip4 udp", DROP(vlan_unknown) },
	{ "inner tag on the untagged network", 1, "dst=vm3 tag=0 tag=10 ip4",
	  DROP(vlan_denied), SET(5, TAGS) },
	/* ---- uplink: size and source ---- */
	{ "largest", 1, "tag=10 ip4 udp data=1472",
	  DEV(3, OUT("ip4 udp data=1472")) },
	{ "one more", 1, "tag=10 ip4 udp data=1473", DROP(too_big) },
	{ "broadcast, one more", 1, "dst=bcast tag=10 ip4 udp data=1473",
	  DROP(too_big) },
	{ "largest untagged", 1, "dst=vm3 ip4 udp data=1472", DEV(5) },
	{ "one more untagged", 1, "dst=vm3 ip4 udp data=1473", DROP(too_big) },
	{ "group as source", 1, "src=mcast tag=10 ip4 udp",
	  DROP(src_multicast) },
	{ "local VM as source", 1, "src=vm2 tag=10 ip4 udp", DROP(src_local) },
	{ "local VM of another network as source", 1,
	  "src=vm3 tag=10 ip4 udp",
	  XVM(3, OUT("src=vm3 ip4 udp"), META(10, NEW, 0)) },
	/* ---- uplink: to a VM, kernel way ---- */
	{ "to a VM", 1, "tag=10 ip4 udp data=9",
	  DEV(3, OUT("ip4 udp data=9")), IN_STATE(REFRESHED) },
	{ "to a VM, service tag", 1, "stag=10 ip6 tcp",
	  DEV(3, OUT("ip6 tcp")) },
	{ "to a VM, priority", 1, "tag=10,6 ip4 udp", DEV(3, OUT("ip4 udp")) },
	{ "to a VM, untagged", 1, "dst=vm3 ip6 tcp data=3", DEV(5) },
	{ "to a VM, priority tag only", 1, "dst=vm3 tag=0,7 arp",
	  DEV(5, OUT("dst=vm3 arp")) },
	{ "to a VM, of a static source", 1, "src=static tag=10 ip4 udp",
	  DEV(3, OUT("src=static ip4 udp")) },
	{ "to a VM, smallest", 1, "tag=10 type=0x88b5",
	  DEV(3, OUT("type=0x88b5")) },
	{ "to a VM, foreign metadata", 1, "tag=10 ip4 udp",
	  DEV(3, OUT("ip4 udp")), IN_STATE(FOREIGN_META) },
	{ "to a VM, agent gone", 1, "tag=10 ip4 udp", DEV(3, OUT("ip4 udp")),
	  IN_STATE(GONE) },
	{ "to a VM without a device", 1, "tag=10 ip4 udp",
	  DROP(redirect_failed), IN_STATE(NO_DEV) },
	{ "to a VM that is down", 1, "tag=10 ip4 udp", DROP(port_down),
	  CLEAR(3, UP) },
	{ "to a port that is none", 1, "dst=gone tag=10 ip4 udp",
	  DROP(port_down) },
	{ "inner tag to a VM without", 1, "tag=10 tag=5 ip4 udp",
	  DROP(vlan_denied) },
	{ "inner tag to a VM with", 1, "tag=10 tag=5,1 ip4 udp",
	  DEV(3, OUT("tag=5,1 ip4 udp")), SET(3, TAGS) },
	{ "unfinished checksum, unchecked", 1, "tag=10 ip4 udp csum=partial",
	  DEV(3, OUT("ip4 udp csum=partial")) },
	/* ---- uplink: to a VM, agent way ---- */
	{ "to an agent VM", 1, "dst=vm4 tag=10,5 ip4 udp data=4",
	  XVM(6, OUT("dst=vm4 ip4 udp data=4"), META(10, 0, 5)) },
	{ "to an agent VM, inner tag", 1, "dst=vm4 tag=10 tag=7 ip6 hbh tcp",
	  XVM(6, OUT("dst=vm4 tag=7 ip6 hbh tcp"), META(10, 0, 0)) },
	{ "to a VM, uplink's way is the agent", 1, "tag=10 ip4 udp",
	  XVM(3, OUT("ip4 udp"), META(10, 0, 0)), SET(1, AGENT) },
	{ "to a VM without transmit", 1, "dst=vm5 tag=10 ip4 tcp",
	  XVM(7, OUT("dst=vm5 ip4 tcp"), META(10, 0, 0)) },
	{ "to a VM, new source", 1, "src=new tag=10 ip4 udp",
	  XVM(3, OUT("src=new ip4 udp"), META(10, NEW, 0)) },
	{ "to a VM, moved source", 1, "src=wire2 tag=10 ip4 udp",
	  XVM(3, OUT("src=wire2 ip4 udp"), META(10, NEW, 0)) },
	{ "to a VM, new source, uplink does not learn", 1,
	  "src=new tag=10 ip4 udp", DEV(3, OUT("src=new ip4 udp")),
	  CLEAR(1, LEARN) },
	{ "to a VM, unfinished checksum", 1, "tag=10 ip4 udp csum=partial",
	  XVM(3, OUT("ip4 udp csum=partial"), META(10, PART, 0)),
	  SET(1, CSUM) },
	{ "to a VM, first fragment", 1, "dst=vm4 tag=10 ip4 frag=0,1 udp "
	  "data=8", XVM(6, OUT("dst=vm4 ip4 frag=0,1 udp data=8"),
			META(10, PKT_F_FRAGMENT, 0)) },
	{ "to a VM, later fragment", 1, "dst=vm4 tag=10 ip6 frag=64,0 "
	  "proto=17 data=8",
	  XVM(6, OUT("dst=vm4 ip6 frag=64,0 proto=17 data=8"),
	      META(10, PKT_F_FRAGMENT | PKT_F_FRAG_LATER, 0)) },
	{ "to an agent VM, foreign metadata", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  IN_STATE(FOREIGN_META) },
	{ "to an agent VM, no metadata", 1, "dst=vm4 tag=10 ip4 udp", XVM(6),
	  IN_STATE(NO_META) },
	/* ---- uplink: what a VM's pool allows ---- */
	{ "credit: within it", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  CREDIT(70, 10, 10, 0) },
	{ "credit: the last", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  CREDIT(70, 1, 1, 9) },
	{ "credit: used up", 1, "dst=vm4 tag=10 ip4 udp", FULL(6),
	  CREDIT(70, 0, 0, 9) },
	{ "credit: less than nothing", 1, "dst=vm4 tag=10 ip4 udp", FULL(6),
	  CREDIT(70, -30, -30, 9) },
	{ "credit: out of slack", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  CREDIT(70, 0, 5, 9) },
	{ "credit: far beyond it, out of slack", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  CREDIT(70, -20, 1, 1) },
	{ "credit: slack used up", 1, "dst=vm4 tag=10 ip4 udp", FULL(6),
	  CREDIT(70, 0, 5, 0) },
	{ "credit: slack overdrawn", 1, "dst=vm4 tag=10 ip4 udp", FULL(6),
	  CREDIT(70, 0, 5, -7) },
	{ "credit: by right, slack used up", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  CREDIT(70, 3, 5, -7) },
	{ "credit: may not grow", 1, "dst=vm4 tag=10 ip4 udp", FULL(6),
	  CREDIT(70, -1, 0, 9) },
	{ "credit: before the wrap", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  CREDIT(UINT32_MAX - 3, 9, 9, 0) },
	{ "credit: at the wrap", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  CREDIT(UINT32_MAX, 1, 1, 0) },
	{ "credit: slack at the wrap", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  CREDIT(UINT32_MAX, 0, 1, 1) },
	{ "credit: used up at the wrap", 1, "dst=vm4 tag=10 ip4 udp", FULL(6),
	  CREDIT(UINT32_MAX, 0, 0, 5) },
	{ "credit: less than nothing across the wrap", 1,
	  "dst=vm4 tag=10 ip4 udp", FULL(6), CREDIT(2, -5, -3, 5) },
	{ "credit: slack overdrawn across the wrap", 1,
	  "dst=vm4 tag=10 ip4 udp", FULL(6), CREDIT(2, -5, 4, -5) },
	{ "credit: half of all away", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  CREDIT(UINT32_MAX, INT32_MAX, INT32_MAX, 0) },
	{ "credit: no metadata", 1, "dst=vm4 tag=10 ip4 udp", XVM(6),
	  IN_STATE(NO_META), CREDIT(70, 0, 1, 1) },
	{ "credit: no metadata, used up", 1, "dst=vm4 tag=10 ip4 udp", FULL(6),
	  IN_STATE(NO_META), CREDIT(70, 0, 1, 0) },
	{ "credit: new source, used up", 1, "src=new tag=10 ip4 udp", FULL(3),
	  CREDIT(70, 0, 0, 0) },
	{ "credit: on the other uplink", 2, "dst=vm6 src=wire2 tag=20 ip4 udp",
	  XVM(8, OUT("dst=vm6 src=wire2 ip4 udp"), META(20, 0, 0)),
	  CREDIT(70, 0, 1, 1), SET(2, AGENT) },
	{ "credit: on the other uplink, used up", 2,
	  "dst=vm6 src=wire2 tag=20 ip4 udp", FULL(8),
	  CREDIT(70, 0, 1, 0), SET(2, AGENT) },
	/* That way needs none. */
	{ "credit: kernel way", 1, "tag=10 ip4 udp", DEV(3, OUT("ip4 udp")),
	  CREDIT(70, -1, -1, 0) },
	{ "credit: agent gone", 1, "dst=vm4 tag=10 ip4 udp",
	  DEV(6, OUT("dst=vm4 ip4 udp")), IN_STATE(GONE),
	  CREDIT(70, -1, -1, 0) },
	{ "credit: broadcast", 1, "dst=bcast tag=10 arp",
	  XPORT(1, OUT("dst=bcast arp"), META(10, FLOOD, 0)),
	  CREDIT(70, -1, -1, 0) },
	/* ---- uplink: floods and dead ends ---- */
	{ "broadcast", 1, "dst=bcast tag=10 arp",
	  XPORT(1, OUT("dst=bcast arp"), META(10, FLOOD, 0)) },
	{ "multicast, new source", 1, "dst=mcast src=new tag=10,3 ip4 udp",
	  XPORT(1, OUT("dst=mcast src=new ip4 udp"),
		META(10, FLOOD | NEW, 3)) },
	{ "unknown unicast", 1, "dst=new ip4 udp", XPORT(1, META(0, FLOOD, 0)) },
	{ "known only in another network", 1, "dst=vm1 ip4 udp",
	  XPORT(1, META(0, FLOOD, 0)) },
	{ "broadcast, no metadata", 1, "dst=bcast tag=10 arp", XPORT(1),
	  IN_STATE(NO_META) },
	{ "back where it came from", 1, "dst=wire src=static tag=10 ip4 udp",
	  DROP(same_port) },
	{ "to the other uplink", 1, "dst=wire2 tag=10 ip4 udp",
	  DROP(uplink_uplink) },
	/* ---- uplink: without the agent ---- */
	{ "stale: to an agent VM", 1, "dst=vm4 tag=10 ip4 udp",
	  DEV(6, OUT("dst=vm4 ip4 udp")), IN_STATE(STALE) },
	{ "gone: to an agent VM", 1, "dst=vm4 tag=10 ip4 udp",
	  DEV(6, OUT("dst=vm4 ip4 udp")), IN_STATE(GONE) },
	{ "no socket: to an agent VM", 1, "dst=vm4 tag=10 ip4 udp",
	  DEV(6, OUT("dst=vm4 ip4 udp")), IN_STATE(NO_SOCKETS) },
	{ "stale: new source", 1, "src=new tag=10 ip4 udp",
	  DEV(3, OUT("src=new ip4 udp")), IN_STATE(STALE) },
	{ "stale: VM without transmit", 1, "dst=vm5 tag=10 ip4 udp",
	  DROP(no_agent), IN_STATE(STALE) },
	{ "stale: unfinished checksum", 1, "tag=10 ip4 udp csum=partial",
	  DROP(no_agent), IN_STATE(STALE), SET(1, CSUM) },
	{ "stale: broadcast", 1, "dst=bcast tag=10 arp",
	  MEMBERS(10, OUT("dst=bcast arp")), IN_STATE(STALE) },
	{ "stale: broadcast, untagged", 1, "dst=bcast arp", MEMBERS(0),
	  IN_STATE(STALE) },
	{ "no socket: unknown", 1, "dst=new tag=10 ip4 udp",
	  MEMBERS(10, OUT("dst=new ip4 udp")), IN_STATE(NO_SOCKETS) },
	{ "stale: broadcast with an inner tag", 1, "dst=bcast tag=10 tag=5 arp",
	  DROP(no_agent), IN_STATE(STALE) },
	{ "stale: broadcast, no members", 1, "dst=bcast tag=10 arp",
	  DROP(no_agent), IN_STATE(STALE | NO_MEMBERS) },
	{ "stale: broadcast, no metadata", 1, "dst=bcast tag=10 arp",
	  MEMBERS(10, OUT("dst=bcast arp")), IN_STATE(STALE | NO_META) },
	/* ---- port: before the packet goes anywhere ---- */
	{ "port: unknown device", 3, "src=vm1 ip4 udp", DROP(port_unknown),
	  IN_STATE(UNKNOWN_DEV) },
	{ "port: down", 3, "dst=wire src=vm1 ip4 udp", DROP(port_down),
	  CLEAR(3, UP) },
	{ "port: malformed", 3, "dst=wire src=vm1 ip6 udp poke=14,0x40",
	  DROP(ipv6_header) },
	{ "port: too big", 3, "dst=wire src=vm1 ip4 udp data=1473",
	  DROP(too_big) },
	{ "port: LLDP", 3, "dst=lldp src=vm1 type=0x88cc data=30",
	  DROP(link_local) },
	{ "port: tag", 3, "dst=wire src=vm1 tag=10 ip4 udp",
	  DROP(vlan_denied) },
	{ "port: two tags, first is priority", 3,
	  "dst=wire src=vm1 tag=0 tag=10 ip4 udp", DROP(vlan_denied) },
	{ "port: two tags of its own", 6,
	  "dst=wire src=vm4 tag=1 tag=2 ip4 udp", DROP(vlan_deep) },
	{ "port: tags in the untagged network", 5,
	  "dst=wire src=vm3 tag=10 ip4 udp", DROP(vlan_denied),
	  SET(5, TAGS) },
	{ "port: group as source", 5, "dst=wire src=bcast ip4 udp",
	  DROP(src_multicast) },
	{ "port: another's MAC", 3, "dst=wire src=vm2 ip4 udp",
	  DROP(src_mac) },
	{ "port: unknown MAC", 3, "dst=wire src=new ip4 udp", DROP(src_mac) },
	{ "port: MAC learned on the wire", 3, "dst=vm2 src=wire ip4 udp",
	  DROP(src_mac) },
	{ "port: its MAC in another network", 5, "dst=wire src=vm1 ip4 udp",
	  XPORT(5, META(0, NEW, 0)) },
	{ "port: configured MAC, learning VM", 3, "dst=wire src=static ip4",
	  DROP(src_mac), SET(3, LEARN), CLEAR2(3, MAC) },
	/* ---- port: addresses ---- */
	{ "ip: listed", 4, "dst=wire src=vm2 ip4=10.0.0.2 udp",
	  DEV(1, OUT("dst=wire src=vm2 tag=10 ip4=10.0.0.2 udp")) },
	{ "ip: another", 4, "dst=wire src=vm2 ip4=10.0.0.3 udp",
	  DROP(src_ip) },
	{ "ip: another, later fragment", 4,
	  "dst=wire src=vm2 ip4=10.0.0.3 frag=64,0 proto=17 data=8",
	  DROP(src_ip) },
	{ "ip: listed for another VM only", 4,
	  "dst=wire src=vm2 ip4=10.0.0.1 tcp", DROP(src_ip) },
	{ "ip: DHCP", 4,
	  "dst=bcast src=vm2 ip4=0.0.0.0,255.255.255.255 udp=68,67 data=240",
	  XPORT(4, META(10, FLOOD, 0)) },
	{ "ip: nobody, other source port", 4,
	  "dst=bcast src=vm2 ip4=0.0.0.0 udp=69,67", DROP(src_ip) },
	{ "ip: nobody, other destination port", 4,
	  "dst=bcast src=vm2 ip4=0.0.0.0 udp=68,69", DROP(src_ip) },
	{ "ip: nobody, tcp", 4, "dst=wire src=vm2 ip4=0.0.0.0 tcp=68,67",
	  DROP(src_ip) },
	{ "ip: nobody, later fragment", 4,
	  "dst=wire src=vm2 ip4=0.0.0.0 frag=64,0 proto=17 data=8",
	  DROP(src_ip) },
	{ "arp: listed", 4, "dst=wire src=vm2 arp=10.0.0.2",
	  DEV(1, OUT("dst=wire src=vm2 tag=10 arp=10.0.0.2")) },
	{ "arp: probe", 4, "dst=bcast src=vm2 arp=0.0.0.0",
	  XPORT(4, META(10, FLOOD, 0)) },
	{ "arp: another", 4, "dst=wire src=vm2 arp=10.0.0.9", DROP(src_ip) },
	{ "arp: another's MAC inside", 4,
	  "dst=wire src=vm2 arp=10.0.0.2 poke=27,1", DROP(src_mac) },
	{ "ip6: listed", 4, "dst=wire src=vm2 ip6=fd00::2 udp",
	  DEV(1, OUT("dst=wire src=vm2 tag=10 ip6=fd00::2 udp")) },
	{ "ip6: another", 4, "dst=wire src=vm2 ip6=fd00::3 udp",
	  DROP(src_ip) },
	{ "ip6: link-local of its MAC", 4,
	  "dst=wire src=vm2 ip6=fe80::ff:fe00:2 udp",
	  DEV(1, OUT("dst=wire src=vm2 tag=10 ip6=fe80::ff:fe00:2 udp")) },
	{ "ip6: another link-local", 4,
	  "dst=wire src=vm2 ip6=fe80::ff:fe00:3 udp", DROP(src_ip) },
	{ "ip6: nobody, solicitation", 4,
	  "dst=mcast src=vm2 ip6=::,ff02::1 icmp6=135 data=16",
	  XPORT(4, META(10, FLOOD, 0)) },
	{ "ip6: nobody, MLD", 4,
	  "dst=mcast src=vm2 ip6=::,ff02::16 hbh icmp6=143 data=12",
	  XPORT(4, META(10, FLOOD, 0)) },
	{ "ip6: nobody, echo", 4, "dst=wire src=vm2 ip6=:: icmp6=128",
	  DROP(src_ip) },
	{ "ip6: nobody, udp", 4, "dst=wire src=vm2 ip6=:: udp",
	  DROP(src_ip) },
	{ "nd: advertises its own", 4,
	  VM2_NA TARGET("fd000000000000000000000000000002"),
	  DEV(1, OUT("dst=wire src=vm2 tag=10 ip6=fd00::2 icmp6=136 "
		     TARGET("fd000000000000000000000000000002"))) },
	{ "nd: advertises another's", 4,
	  VM2_NA TARGET("fd000000000000000000000000000003"), DROP(src_ip) },
	{ "nd: advertises nothing", 4, VM2_NA "data=8", DROP(src_ip) },
	{ "nd: advertises in a fragment", 4,
	  "dst=wire src=vm2 ip6=fd00::2 frag=0,1 icmp6=136 "
	  TARGET("fd000000000000000000000000000002"), DROP(src_ip) },
	{ "ip: unlisted, inside the VM's own tag", 4,
	  "dst=wire src=vm2 tag=3 ip4=10.0.0.3 udp", DROP(src_ip),
	  SET(4, TAGS) },
	{ "neither ip nor arp", 4, "dst=wire src=vm2 type=0x88b5 data=4",
	  DEV(1, OUT("dst=wire src=vm2 tag=10 type=0x88b5 data=4")) },
	/* ---- port: kernel way ---- */
	{ "VM to wire", 3, "dst=wire src=vm1 ip4 tcp data=6",
	  DEV(1, OUT("dst=wire src=vm1 tag=10 ip4 tcp data=6")) },
	{ "VM to wire, untagged", 5, "dst=wire src=vm3 ip4 tcp", DEV(1) },
	{ "VM to wire, priority tag", 3, "dst=wire src=vm1 tag=0,5 ip4 tcp",
	  DEV(1, OUT("dst=wire src=vm1 tag=10,5 ip4 tcp")) },
	{ "VM to wire, priority tag, untagged", 5,
	  "dst=wire src=vm3 tag=0,5 ip4 tcp",
	  DEV(1, OUT("dst=wire src=vm3 ip4 tcp")) },
	{ "VM to wire, service priority tag", 3,
	  "dst=wire src=vm1 stag=0,1 ip4 tcp",
	  DEV(1, OUT("dst=wire src=vm1 tag=10,1 ip4 tcp")) },
	{ "VM to wire, own tag", 6, "dst=wire src=vm4 tag=9,2 ip4 tcp",
	  DEV(1, OUT("dst=wire src=vm4 tag=10 tag=9,2 ip4 tcp")),
	  CLEAR(6, AGENT) },
	{ "VM to wire, own tag, largest", 6,
	  "dst=wire src=vm4 tag=9 ip4 udp data=1468",
	  DEV(1, OUT("dst=wire src=vm4 tag=10 tag=9 ip4 udp data=1468")),
	  CLEAR(6, AGENT) },
	{ "VM to wire, own tag, one more", 6,
	  "dst=wire src=vm4 tag=9 ip4 udp data=1469", DROP(too_big),
	  CLEAR(6, AGENT) },
	{ "VM to wire, foreign metadata", 3, "dst=wire src=vm1 ip4 udp",
	  DEV(1, OUT("dst=wire src=vm1 tag=10 ip4 udp")),
	  IN_STATE(FOREIGN_META) },
	{ "VM to VM", 3, "dst=vm2 src=vm1 ip4 udp", DEV(4) },
	{ "VM to VM, priority tag", 3, "dst=vm2 src=vm1 tag=0,3 ip4 udp",
	  DEV(4, OUT("dst=vm2 src=vm1 ip4 udp")) },
	{ "VM to VM, own tag that it may not get", 6,
	  "dst=vm1 src=vm4 tag=5 ip4 udp", DROP(vlan_denied),
	  CLEAR(6, AGENT) },
	{ "VM to VM, down", 3, "dst=vm2 src=vm1 ip4 udp", DROP(port_down),
	  CLEAR(4, UP) },
	{ "VM to itself", 3, "dst=vm1 src=vm1 ip4 udp", DROP(same_port) },
	{ "VM to wire, uplink down", 3, "dst=wire src=vm1 ip4 udp",
	  DROP(port_down), CLEAR(1, UP) },
	{ "checked and finished", 8, "dst=wire2 src=vm6 ip4 tcp data=7",
	  DEV(2, OUT("dst=wire2 src=vm6 tag=20 ip4 tcp data=7")) },
	/* ---- port: agent way ---- */
	{ "agent VM to wire", 6, "dst=wire src=vm4 ip4 tcp",
	  XPORT(6, META(10, 0, 0)) },
	{ "agent VM to wire, priority tag", 6,
	  "dst=wire src=vm4 tag=0,5 ip4 tcp",
	  XPORT(6, OUT("dst=wire src=vm4 ip4 tcp"), META(10, 0, 5)) },
	{ "agent VM to wire, own tag", 6, "dst=wire src=vm4 tag=9,2 ip4 tcp",
	  XPORT(6, META(10, 0, 0)) },
	{ "VM to agent VM", 3, "dst=vm4 src=vm1 ip6 udp",
	  XPORT(3, META(10, 0, 0)) },
	{ "VM to VM without transmit", 3, "dst=vm5 src=vm1 ip4 udp",
	  XPORT(3, META(10, 0, 0)) },
	{ "VM to agent uplink", 3, "dst=wire src=vm1 ip4 udp",
	  XPORT(3, META(10, 0, 0)), SET(1, AGENT) },
	{ "VM, broadcast", 3, "dst=bcast src=vm1 arp",
	  XPORT(3, META(10, FLOOD, 0)) },
	{ "VM, unknown unicast", 3, "dst=new src=vm1 ip4 udp",
	  XPORT(3, META(10, FLOOD, 0)) },
	{ "VM, another network's MAC", 3, "dst=vm6 src=vm1 ip4 udp",
	  XPORT(3, META(10, FLOOD, 0)) },
	{ "VM, new source", 5, "dst=wire src=new ip4 udp",
	  XPORT(5, META(0, NEW, 0)) },
	{ "VM, moved source", 5, "dst=vm3 src=wire ip4 udp",
	  DROP(same_port) },
	{ "VM, source moved from the wire", 5, "dst=new src=wire ip4 udp",
	  XPORT(5, META(0, FLOOD | NEW, 0)) },
	{ "unfinished udp", 8, "dst=wire2 src=vm6 ip4 udp csum=partial",
	  XPORT(8, META(20, PART, 0)) },
	{ "unfinished tcp6, broadcast", 8,
	  "dst=mcast src=vm6 ip6 tcp csum=partial",
	  XPORT(8, META(20, FLOOD | PART, 0)) },
	{ "unfinished sctp", 8, "dst=wire2 src=vm6 ip4 sctp csum=partial",
	  XPORT(8, META(20, PART, 0)) },
	{ "agent VM to wire, foreign metadata", 6, "dst=wire src=vm4 ip4 tcp",
	  XPORT(6, META(10, 0, 0)), IN_STATE(FOREIGN_META) },
	{ "agent VM to wire, no metadata", 6,
	  "dst=wire src=vm4 tag=0,5 ip4 tcp", XPORT(6), IN_STATE(NO_META) },
	/* ---- port: without the agent ---- */
	{ "stale: agent VM to wire", 6, "dst=wire src=vm4 ip4 tcp",
	  DEV(1, OUT("dst=wire src=vm4 tag=10 ip4 tcp")), IN_STATE(STALE) },
	{ "no socket: agent VM to wire", 6, "dst=wire src=vm4 ip4 tcp",
	  DEV(1, OUT("dst=wire src=vm4 tag=10 ip4 tcp")),
	  IN_STATE(NO_SOCKETS) },
	{ "stale: new source", 5, "dst=wire src=new ip4 udp", DEV(1),
	  IN_STATE(STALE) },
	{ "stale: unfinished", 8, "dst=wire2 src=vm6 ip4 udp csum=partial",
	  DROP(no_agent), IN_STATE(STALE) },
	{ "stale: unfinished broadcast", 8,
	  "dst=mcast src=vm6 ip4 udp csum=partial", DROP(no_agent),
	  IN_STATE(STALE) },
	{ "stale: VM without transmit", 3, "dst=vm5 src=vm1 ip4 udp",
	  DROP(no_agent), IN_STATE(STALE) },
	{ "stale: VM, broadcast", 3, "dst=bcast src=vm1 arp",
	  MEMBERS(10, META(10, 0, 0)), IN_STATE(STALE) },
	{ "gone: VM, broadcast, priority", 3, "dst=bcast src=vm1 tag=0,4 arp",
	  MEMBERS(10, OUT("dst=bcast src=vm1 arp"), META(10, 0, 4)),
	  IN_STATE(GONE) },
	{ "stale: VM, broadcast, untagged", 5, "dst=bcast src=vm3 arp",
	  MEMBERS(0), IN_STATE(STALE | FOREIGN_META) },
	{ "stale: VM, unknown", 3, "dst=new src=vm1 ip4 udp",
	  MEMBERS(10, META(10, 0, 0)), IN_STATE(STALE) },
	{ "stale: VM, broadcast, no metadata", 3, "dst=bcast src=vm1 arp",
	  DROP(no_agent), IN_STATE(STALE | NO_META) },
	{ "stale: VM, tagged broadcast", 6, "dst=bcast src=vm4 tag=5 arp",
	  DROP(no_agent), IN_STATE(STALE) },
	/* ---- what is and is not written to the table ---- */
	{ "dropped packets do not refresh", 1, "tag=10 ip4 udp poke=18,0",
	  DROP(ipv4_header), IN_STATE(NOT_REFRESHED) },
	{ "another port does not refresh", 3, "dst=vm2 src=vm1 ip4 udp",
	  DEV(4), IN_STATE(NOT_REFRESHED) },
	{ "agent way refreshes", 1, "dst=vm4 tag=10 ip4 udp",
	  XVM(6, OUT("dst=vm4 ip4 udp"), META(10, 0, 0)),
	  IN_STATE(REFRESHED) },
};

#define N_ROWS	(sizeof(rows) / sizeof(rows[0]))

#endif
