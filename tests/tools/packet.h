/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Headers and checksums for the tools that make packets of their own.
 *
 * Packets are built from the outside in: each packet_put_*() writes one header
 * at @p and returns the byte after it. packet_finish_*() then fills in what
 * depends on everything after it (lengths, checksums).
 */
#ifndef TOOLS_PACKET_H
#define TOOLS_PACKET_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PACKET_MAX (ETH_HLEN + 4 + 65535)

/* ---- checksums (RFC 1071) ---- */

/* Adds @len bytes to the running sum @sum. @buf starts at an even offset of
 * what is summed; any alignment. */
static inline uint32_t csum_add(const void *buf, size_t len, uint32_t sum)
{
	const uint8_t *p = buf;
	uint64_t wide = sum;
	uint16_t word;

	for (; len >= 2; len -= 2, p += 2) {
		memcpy(&word, p, 2);
		wide += word;
	}
	if (len) {
		word = 0;
		memcpy(&word, p, 1);
		wide += word;
	}
	while (wide >> 32)
		wide = (wide & 0xffffffff) + (wide >> 32);
	return (uint32_t)wide;
}

/* The sum in 16 bits, not inverted. */
static inline uint16_t csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static inline uint32_t csum_pseudo4(const struct iphdr *ip, uint8_t proto,
				    uint32_t l4_len)
{
	uint16_t tail[2] = { htons(proto), htons((uint16_t)l4_len) };

	return csum_add(tail, 4, csum_add(&ip->saddr, 8, 0));
}

static inline uint32_t csum_pseudo6(const struct ip6_hdr *ip, uint8_t proto,
				    uint32_t l4_len)
{
	uint32_t tail[2] = { htonl(l4_len), htonl(proto) };

	return csum_add(tail, 8, csum_add(&ip->ip6_src, 32, 0));
}

/* ---- headers ---- */

/* @vlan 0 = no tag. */
static inline uint8_t *packet_put_eth(uint8_t *p, const uint8_t dmac[6],
				      const uint8_t smac[6], uint16_t vlan,
				      uint16_t proto)
{
	uint16_t tag[2] = { htons(ETH_P_8021Q), htons(vlan) };

	memcpy(p, dmac, 6);
	memcpy(p + 6, smac, 6);
	p += 12;
	if (vlan) {
		memcpy(p, tag, 4);
		p += 4;
	}
	proto = htons(proto);
	memcpy(p, &proto, 2);
	return p + 2;
}

static inline uint8_t *packet_put_ip4(uint8_t *p, struct in_addr src,
				      struct in_addr dst, uint8_t proto,
				      size_t l4_len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(sizeof(ip) + l4_len)),
		.frag_off = htons(IP_DF),
		.ttl = 64,
		.protocol = proto,
		.saddr = src.s_addr,
		.daddr = dst.s_addr,
	};

	ip.check = (uint16_t)~csum_fold(csum_add(&ip, sizeof(ip), 0));
	memcpy(p, &ip, sizeof(ip));
	return p + sizeof(ip);
}

static inline uint8_t *packet_put_ip6(uint8_t *p, const struct in6_addr *src,
				      const struct in6_addr *dst, uint8_t proto,
				      size_t l4_len, uint8_t hop_limit)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons((uint16_t)l4_len),
		.ip6_nxt = proto,
		.ip6_hlim = hop_limit,
		.ip6_src = *src,
		.ip6_dst = *dst,
	};

	memcpy(p, &ip, sizeof(ip));
	return p + sizeof(ip);
}

static inline uint8_t *packet_put_udp(uint8_t *p, uint16_t sport,
				      uint16_t dport, size_t l4_len)
{
	struct udphdr udp = {
		.source = htons(sport),
		.dest = htons(dport),
		.len = htons((uint16_t)l4_len),
	};

	memcpy(p, &udp, sizeof(udp));
	return p + sizeof(udp);
}

static inline uint8_t *packet_put_tcp(uint8_t *p, uint16_t sport,
				      uint16_t dport, uint32_t seq)
{
	struct tcphdr tcp = {
		.source = htons(sport),
		.dest = htons(dport),
		.seq = htonl(seq),
		.ack_seq = htonl(1),
		.doff = sizeof(tcp) / 4,
		.ack = 1,
		.psh = 1,
		.window = htons(1024),
	};

	memcpy(p, &tcp, sizeof(tcp));
	return p + sizeof(tcp);
}

/* Where the checksum stands in a header of @proto; -1 = this protocol has
 * none that covers a pseudo header or is known here. */
static inline int packet_csum_offset(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_UDP:
		return offsetof(struct udphdr, check);
	case IPPROTO_TCP:
		return offsetof(struct tcphdr, check);
	case IPPROTO_ICMPV6:
		return offsetof(struct icmp6_hdr, icmp6_cksum);
	default:
		return -1;
	}
}

/*
 * Writes the L4 checksum of @l4_len bytes at @l4 with the pseudo header's sum
 * @pseudo: the complete one, or, if @partial, what a stack leaves for the
 * device to finish (the folded sum of the pseudo header alone).
 */
static inline void packet_finish_l4(uint8_t *l4, size_t l4_len, uint8_t proto,
				    uint32_t pseudo, int partial)
{
	int off = packet_csum_offset(proto);
	uint16_t check = 0;

	if (off < 0)
		return;
	memcpy(l4 + off, &check, 2);
	if (partial) {
		check = csum_fold(pseudo);
	} else {
		check = (uint16_t)~csum_fold(csum_add(l4, l4_len, pseudo));
		if (proto == IPPROTO_UDP && !check)
			check = 0xffff;
	}
	memcpy(l4 + off, &check, 2);
}

static inline void packet_finish_ip4(uint8_t *l3, size_t l4_len, int partial)
{
	struct iphdr ip;

	memcpy(&ip, l3, sizeof(ip));
	packet_finish_l4(l3 + sizeof(ip), l4_len, ip.protocol,
			 csum_pseudo4(&ip, ip.protocol, (uint32_t)l4_len),
			 partial);
}

static inline void packet_finish_ip6(uint8_t *l3, size_t l4_len)
{
	struct ip6_hdr ip;

	memcpy(&ip, l3, sizeof(ip));
	packet_finish_l4(l3 + sizeof(ip), l4_len, ip.ip6_nxt,
			 csum_pseudo6(&ip, ip.ip6_nxt, (uint32_t)l4_len), 0);
}

#endif
