/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stages: may this packet's source addresses be there, and are they new?
 */
#ifndef BPF_SOURCE_H
#define BPF_SOURCE_H

#include "pass.bpf.h"

#define NSEC_PER_SEC	1000000000ull

static __always_inline int is_vm(__u32 port)
{
	const struct port_cfg *cfg = bpf_map_lookup_elem(&ports, &port);

	return cfg && cfg->kind == PORT_VM;
}

/* Ageing needs seconds, so the entry is written once a second: a write per
 * packet would move its cache line between all cores. */
static __always_inline void refresh(struct fdb_entry *entry)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	if (now - entry->seen_s * NSEC_PER_SEC >= NSEC_PER_SEC)
		entry->seen_s = now / NSEC_PER_SEC;
}

/* Asks the agent to learn a source that is unknown here or was elsewhere. */
static __always_inline void learn(struct pass *s, struct fdb_entry *entry)
{
	if (entry && entry->flags & FDB_F_STATIC)
		return;
	if (entry && entry->port == s->in_port)
		refresh(entry);
	else if (s->in->flags & PORT_F_LEARN)
		s->flags |= PKT_F_LEARN;
}

/* Nobody outside may have a local VM's address. */
static __always_inline int wire_may_send(const struct fdb_entry *entry)
{
	return !entry || !(entry->flags & FDB_F_STATIC) || !is_vm(entry->port);
}

/* A VM has its own addresses; with learning, any that the configuration does
 * not give to somebody else. */
static __always_inline int vm_may_send(const struct pass *s,
				       const struct fdb_entry *entry)
{
	if (entry && entry->flags & FDB_F_STATIC)
		return entry->port == s->in_port;
	return !(s->in->flags & PORT_F_CHECK_MAC);
}

/* The source MAC. @from_uplink is constant. */
stage check_source(struct pass *s, int from_uplink)
{
	const __u8 *data = pass_data(s);
	struct recent_addr *recent;
	struct fdb_entry *entry;
	struct fdb_key key;
	__u32 index;

	if (data + PKT_ETH_LEN > (const __u8 *)pass_end(s))
		return PKT_eth_short;
	if (data[6] & 1)
		return PKT_src_multicast;
	fdb_key_set(&key, data + 6, s->vlan);
	index = (data[10] ^ data[11] ^ s->vlan) % PKT_RECENT_ADDRS;
	recent = bpf_map_lookup_elem(&recent_srcs, &index);
	if (recent && recent->port == s->in_port &&
	    recent_matches(recent, &key, s->stamp))
		return STAGE_NEXT;

	entry = bpf_map_lookup_elem(&fdb, &key);
	if (from_uplink && !wire_may_send(entry))
		return PKT_src_local;
	if (!from_uplink && !vm_may_send(s, entry))
		return PKT_src_mac;
	learn(s, entry);
	if (recent && !(s->flags & PKT_F_LEARN))
		recent_set(recent, &key, s->in_port, s->stamp);
	return STAGE_NEXT;
}

/* ---- IP addresses ---- */

static __always_inline int addr_listed(const struct addr_key *key)
{
	return bpf_map_lookup_elem(&vm_addrs, key) != NULL;
}

static __always_inline int ipv4_listed(const struct pass *s, __u32 addr)
{
	struct addr_key key = { .port = s->in_port, .family = 4 };

	__builtin_memcpy(key.addr, &addr, sizeof(addr));
	return addr_listed(&key);
}

/* fe80::/64 with the interface identifier made of @mac (RFC 4291, app. A). */
static __always_inline int is_eui64(const __u8 *addr, const __u8 *mac)
{
	return pkt_raw64(addr) == bpf_cpu_to_be64(0xfe80ull << 48) &&
	       addr[8] == (mac[0] ^ 2) && addr[9] == mac[1] &&
	       addr[10] == mac[2] && addr[11] == 0xff && addr[12] == 0xfe &&
	       addr[13] == mac[3] && addr[14] == mac[4] && addr[15] == mac[5];
}

/* @addr and @mac lie in the packet. */
static __always_inline int ipv6_allowed(const struct pass *s,
					const __u8 *addr, const __u8 *mac)
{
	struct addr_key key = { .port = s->in_port, .family = 6 };
	pkt_u32 *words = (pkt_u32 *)key.addr;

	if (is_eui64(addr, mac))
		return 1;
	words[0] = pkt_raw32(addr);
	words[1] = pkt_raw32(addr + 4);
	words[2] = pkt_raw32(addr + 8);
	words[3] = pkt_raw32(addr + 12);
	return addr_listed(&key);
}

/* Sender of an ARP packet. A probe has none (RFC 5227). */
stage check_arp(const struct pass *s, const __u8 *data, const void *data_end)
{
	const __u8 *arp = data + (s->parsed.l3_off & 31);
	__u32 sender;

	if (arp + 28 > (const __u8 *)data_end)
		return PKT_arp_bad;
	if (!mac_equal(arp + 8, data + 6))
		return PKT_src_mac;
	sender = pkt_raw32(arp + 14);
	return !sender || ipv4_listed(s, sender) ? STAGE_NEXT : PKT_src_ip;
}

/* 0.0.0.0 only as a DHCP client. */
stage check_ipv4(const struct pass *s, const __u8 *data, const void *data_end)
{
	const __u8 *ip = data + (s->parsed.l3_off & 31);
	const __u8 *udp;
	__u32 src;

	if (ip + 20 > (const __u8 *)data_end)
		return PKT_ipv4_short;
	src = pkt_raw32(ip + 12);
	if (src)
		return ipv4_listed(s, src) ? STAGE_NEXT : PKT_src_ip;
	if (s->parsed.l4_proto != PKT_PROTO_UDP)
		return PKT_src_ip;
	udp = pkt_l4_get(data, data_end, &s->parsed, 8);
	if (!udp || pkt_be16(udp) != 68 || pkt_be16(udp + 2) != 67)
		return PKT_src_ip;
	return STAGE_NEXT;
}

enum {
	ICMPV6_MLD_REPORT = 131,
	ICMPV6_MLD_DONE = 132,
	ICMPV6_ROUTER_SOLICIT = 133,
	ICMPV6_NEIGH_SOLICIT = 135,
	ICMPV6_NEIGH_ADVERT = 136,
	ICMPV6_MLD2_REPORT = 143,
};

/* What a node without an address may send (RFC 4862, RFC 3590). */
static __always_inline int from_unspecified(__u8 type)
{
	return type == ICMPV6_NEIGH_SOLICIT || type == ICMPV6_ROUTER_SOLICIT ||
	       type == ICMPV6_MLD_REPORT || type == ICMPV6_MLD_DONE ||
	       type == ICMPV6_MLD2_REPORT;
}

/* The source, and the address that a neighbour advertisement claims: it must
 * be whole and unfragmented (RFC 6980) to be believed. */
stage check_ipv6(const struct pass *s, const __u8 *data, const void *data_end)
{
	const __u8 *ip = data + (s->parsed.l3_off & 31);
	const __u8 *icmp = NULL;

	if (ip + 40 > (const __u8 *)data_end)
		return PKT_ipv6_short;
	if (s->parsed.l4_proto == PKT_PROTO_ICMPV6)
		icmp = pkt_l4_get(data, data_end, &s->parsed, 8);
	if (!(pkt_raw64(ip + 8) | pkt_raw64(ip + 16))) {
		if (!icmp || !from_unspecified(icmp[0]))
			return PKT_src_ip;
	} else if (!ipv6_allowed(s, ip + 8, data + 6)) {
		return PKT_src_ip;
	}
	if (!icmp || icmp[0] != ICMPV6_NEIGH_ADVERT)
		return STAGE_NEXT;
	icmp = pkt_l4_get(data, data_end, &s->parsed, 24);
	if (!icmp || s->parsed.flags & PKT_F_FRAGMENT ||
	    !ipv6_allowed(s, icmp + 8, data + 6))
		return PKT_src_ip;
	return STAGE_NEXT;
}

/* On a VM's port whose addresses are listed. */
stage check_source_ip(const struct pass *s)
{
	const __u8 *data = pass_data(s);
	const void *data_end = pass_end(s);

	if (!(s->in->flags & PORT_F_CHECK_IP))
		return STAGE_NEXT;
	if (data + PKT_ETH_LEN > (const __u8 *)data_end)
		return PKT_eth_short;
	switch (s->parsed.l3) {
	case PKT_L3_ARP:
		return check_arp(s, data, data_end);
	case PKT_L3_IPV4:
		return check_ipv4(s, data, data_end);
	case PKT_L3_IPV6:
		return check_ipv6(s, data, data_end);
	default:
		return STAGE_NEXT;
	}
}

#endif
