// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A guest's source addresses: see source.h. */
#include <string.h>

#include "control/config.h"
#include "switching/source.h"

enum {
	ICMPV6_MLD_REPORT = 131,
	ICMPV6_MLD_DONE = 132,
	ICMPV6_ROUTER_SOLICIT = 133,
	ICMPV6_NEIGH_SOLICIT = 135,
	ICMPV6_NEIGH_ADVERT = 136,
	ICMPV6_MLD2_REPORT = 143,
};

int source_addr_cmp(const void *a, const void *b)
{
	const struct config_addr *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return memcmp(x->addr, y->addr, x->family == 4 ? 4 : 16);
}

static bool listed(const struct source_rules *rules, uint8_t family,
		   const uint8_t *addr)
{
	struct config_addr key = { .family = family };

	memcpy(key.addr, addr, family == 4 ? 4 : 16);
	return bsearch(&key, rules->addrs, rules->n_addrs, sizeof(key),
		       source_addr_cmp) != NULL;
}

bool source_is_link_local(const uint8_t *mac)
{
	static const uint8_t group[5] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };

	return !memcmp(mac, group, sizeof(group)) && mac[5] < 16;
}

enum pkt_reason source_check_tags(const struct port *in,
				  const struct pkt_parsed *parsed,
				  bool *ret_pop)
{
	uint32_t n_own = parsed->n_tags;

	*ret_pop = n_own && !(parsed->tci[0] & PKT_TCI_VID);
	if (*ret_pop)
		n_own--;
	if (n_own && (!in->vlan ||
		      !__atomic_load_n(&in->guest_tags, __ATOMIC_RELAXED)))
		return PKT_vlan_denied;
	return n_own > 1 ? PKT_vlan_deep : PKT_N_REASONS;
}

enum pkt_reason source_check_mac(const struct port *in,
				 const struct source_rules *rules,
				 const struct fdb_found *known,
				 const uint8_t *mac)
{
	if (mac[0] & 1)
		return PKT_src_multicast;
	if (known && known->flags & FDB_F_STATIC)
		return known->port == in->slot ? PKT_N_REASONS : PKT_src_mac;
	return rules->check_mac ? PKT_src_mac : PKT_N_REASONS;
}

/* fe80::/64 with the interface identifier made of @mac (RFC 4291, app. A). */
static bool is_eui64(const uint8_t *addr, const uint8_t *mac)
{
	const uint8_t made[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
				   mac[0] ^ 2, mac[1], mac[2], 0xff,
				   0xfe, mac[3], mac[4], mac[5] };

	return !memcmp(addr, made, sizeof(made));
}

static enum pkt_reason check_arp(const struct source_rules *rules,
				 const uint8_t *data, const uint8_t *arp)
{
	if (memcmp(arp + 8, data + 6, 6) != 0)
		return PKT_src_mac;
	/* A probe has none (RFC 5227). */
	return !pkt_raw32(arp + 14) || listed(rules, 4, arp + 14) ?
		       PKT_N_REASONS :
		       PKT_src_ip;
}

/* The first bytes of the L4 header, if they are here. */
static const uint8_t *l4_get(const uint8_t *data, uint32_t len,
			     const struct pkt_parsed *parsed, uint32_t size)
{
	if (!parsed->l4_off || parsed->l4_len < size ||
	    parsed->l4_off + size > len)
		return NULL;
	return data + parsed->l4_off;
}

/* 0.0.0.0 only as a DHCP client. */
static enum pkt_reason check_ipv4(const struct source_rules *rules,
				  const uint8_t *data, uint32_t len,
				  const struct pkt_parsed *parsed)
{
	const uint8_t *src = data + parsed->l3_off + 12, *udp;

	if (pkt_raw32(src))
		return listed(rules, 4, src) ? PKT_N_REASONS : PKT_src_ip;
	if (parsed->l4_proto != PKT_PROTO_UDP)
		return PKT_src_ip;
	udp = l4_get(data, len, parsed, 8);
	if (!udp || pkt_be16(udp) != 68 || pkt_be16(udp + 2) != 67)
		return PKT_src_ip;
	return PKT_N_REASONS;
}

static bool ipv6_allowed(const struct source_rules *rules, const uint8_t *addr,
			 const uint8_t *mac)
{
	return is_eui64(addr, mac) || listed(rules, 6, addr);
}

/* What a node without an address may send (RFC 4862, RFC 3590). */
static bool from_unspecified(uint8_t type)
{
	return type == ICMPV6_NEIGH_SOLICIT || type == ICMPV6_ROUTER_SOLICIT ||
	       type == ICMPV6_MLD_REPORT || type == ICMPV6_MLD_DONE ||
	       type == ICMPV6_MLD2_REPORT;
}

/* The source, and the address that a neighbour advertisement claims: it must
 * be whole and unfragmented (RFC 6980) to be believed. */
static enum pkt_reason check_ipv6(const struct source_rules *rules,
				  const uint8_t *data, uint32_t len,
				  const struct pkt_parsed *parsed)
{
	const uint8_t *src = data + parsed->l3_off + 8, *icmp = NULL;

	if (parsed->l4_proto == PKT_PROTO_ICMPV6)
		icmp = l4_get(data, len, parsed, 8);
	if (!(pkt_raw64(src) | pkt_raw64(src + 8))) {
		if (!icmp || !from_unspecified(icmp[0]))
			return PKT_src_ip;
	} else if (!ipv6_allowed(rules, src, data + 6)) {
		return PKT_src_ip;
	}
	if (!icmp || icmp[0] != ICMPV6_NEIGH_ADVERT)
		return PKT_N_REASONS;
	icmp = l4_get(data, len, parsed, 24);
	if (!icmp || parsed->flags & PKT_F_FRAGMENT ||
	    !ipv6_allowed(rules, icmp + 8, data + 6))
		return PKT_src_ip;
	return PKT_N_REASONS;
}

enum pkt_reason source_check_ip(const struct source_rules *rules,
				const uint8_t *data, uint32_t len,
				const struct pkt_parsed *parsed)
{
	switch (parsed->l3) {
	case PKT_L3_ARP:
		return check_arp(rules, data, data + parsed->l3_off);
	case PKT_L3_IPV4:
		return check_ipv4(rules, data, len, parsed);
	case PKT_L3_IPV6:
		return check_ipv6(rules, data, len, parsed);
	default:
		return PKT_N_REASONS;
	}
}
