/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parser: from Ethernet to L4, in one pass, the same code in the BPF
 * programs and in the agent. tests/packets.h has rows that both must agree on.
 *
 * What is read:
 *   Ethernet  up to two tags with TPID 0x8100 or 0x88a8. 0x9100 and the other
 *             private values are no tags here, as in Linux: such frames pass
 *             as an unknown EtherType. Length frames (802.3) pass unread.
 *   ARP       for Ethernet and IPv4 only.
 *   IPv4      with options. Padding behind the total length is allowed.
 *   IPv6      with up to PKT_MAX_EXT extension headers: hop-by-hop, routing,
 *             destination options, fragment and AH. Others end the chain and
 *             count as L4.
 *   L4        TCP, UDP, SCTP, and ICMP and ICMPv6 in their own family. Others
 *             pass unread. L4 must fit in what the IP header announces, not
 *             just in the frame.
 *
 * Fragments. Only the first has an L4 header, and has to have all of it: a
 * later one that begins inside a TCP header is refused too (RFC 1858). An
 * IPv6 fragment header that says "first and last" is no fragment (RFC 6946).
 * Fragments that could not have come out of any packet (empty, not the last
 * but not a multiple of eight, ending behind 65,535) are refused.
 *
 * Written for the verifier: every access follows a comparison with @data_end
 * of the same pointer, and a packet without extension headers meets no loop.
 */
#ifndef PKTAGENT_PARSE_H
#define PKTAGENT_PARSE_H

#include <linux/types.h>

#include <pktagent/meta.h>
#include <pktagent/reason.h>

#define PKT_MAX_EXT		8

#define PKT_ETH_LEN		14
#define PKT_TAG_LEN		4

#define PKT_TPID_8021Q		0x8100
#define PKT_TPID_8021AD		0x88a8
#define PKT_ETHERTYPE_IPV4	0x0800
#define PKT_ETHERTYPE_ARP	0x0806
#define PKT_ETHERTYPE_IPV6	0x86dd

#define PKT_TCI_VID		0x0fff
#define PKT_TCI_PCP_SHIFT	13

#define PKT_PROTO_HOPOPTS	0
#define PKT_PROTO_ICMP		1
#define PKT_PROTO_TCP		6
#define PKT_PROTO_UDP		17
#define PKT_PROTO_ROUTING	43
#define PKT_PROTO_FRAGMENT	44
#define PKT_PROTO_AH		51
#define PKT_PROTO_ICMPV6	58
#define PKT_PROTO_NONE		59
#define PKT_PROTO_DSTOPTS	60
#define PKT_PROTO_SCTP		132

/* Everything in host order. Offsets count from the start of the frame. */
struct pkt_parsed {
	__u16 tci[2];		/* of the tags, outer first */
	__u16 tpid;		/* of the outer tag */
	__u16 ethertype;	/* behind the tags; below 1536: a length */
	__u16 l3_off;
	__u16 src_off;		/* L3 addresses; ARP: the protocol addresses; */
	__u16 dst_off;		/* 0 = none */
	__u16 l4_off;		/* 0 = no L4 header in this packet */
	__u16 l4_len;		/* bytes from there to the end of the packet */
	__u8 n_tags;
	__u8 l3;		/* enum pkt_l3 */
	__u8 l4_proto;		/* later fragments: as the fragment says */
	__u8 flags;		/* PKT_F_FRAGMENT, _FRAG_LATER, _CSUM_PARTIAL */
	__u8 pad[2];
	__u32 hash;		/* pkt_flow_hash() */
};
_Static_assert(sizeof(struct pkt_parsed) == 28, "pkt_parsed layout");

/* Packet bytes have no alignment. For BPF that must not be said: the compiler
 * would load byte by byte, and the machines it runs on do not need it. */
#ifdef __bpf__
#define PKT_UNALIGNED(type) type __attribute__((may_alias))
#else
#define PKT_UNALIGNED(type) type __attribute__((may_alias, aligned(1)))
#endif
typedef PKT_UNALIGNED(__u16) pkt_u16;
typedef PKT_UNALIGNED(__u32) pkt_u32;
typedef PKT_UNALIGNED(__u64) pkt_u64;

#define pkt_inline static inline __attribute__((always_inline, unused))

pkt_inline __u16 pkt_swap16(__u16 x)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap16(x);
#else
	return x;
#endif
}

/* Tells the verifier, not the compiler, what bits @x can have. */
#ifdef __bpf__
#define pkt_bound(x, mask) do {						\
		__asm__("" : "+r"(x));					\
		(x) &= (mask);						\
	} while (0)
#else
#define pkt_bound(x, mask) ((void)0)
#endif

/* A big-endian 16-bit field. */
pkt_inline __u16 pkt_be16(const void *p)
{
	return pkt_swap16(*(const pkt_u16 *)p);
}

/* The same of a length that will be added to a pointer: the verifier of Linux
 * 6.1 does not know that a value with its bytes swapped has 16 bits. */
pkt_inline __u32 pkt_len16(const void *p)
{
	__u32 len = pkt_be16(p);

	pkt_bound(len, 0xffff);
	return len;
}

pkt_inline __u32 pkt_raw32(const void *p)
{
	return *(const pkt_u32 *)p;
}

pkt_inline __u64 pkt_raw64(const void *p)
{
	return *(const pkt_u64 *)p;
}

/* One's complement sums of 16-bit words, in the words' own byte order. */
pkt_inline __u16 pkt_sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Sum of the two addresses at @addr, of a packet that has been checked. */
pkt_inline __u64 pkt_sum_addrs(const __u8 *addr, int l3)
{
	__u64 sum = (__u64)pkt_raw32(addr) + pkt_raw32(addr + 4);

	if (l3 == PKT_L3_IPV6) {
		sum += (__u64)pkt_raw32(addr + 8) + pkt_raw32(addr + 12);
		sum += (__u64)pkt_raw32(addr + 16) + pkt_raw32(addr + 20);
		sum += (__u64)pkt_raw32(addr + 24) + pkt_raw32(addr + 28);
	}
	return sum;
}

/*
 * Whether the checksum field holds the pseudo header's sum, as the kernel
 * leaves it for a device to finish (CHECKSUM_PARTIAL). A finished checksum
 * looks the same once in 65,536 packets: finishing it again does no harm.
 * @len is the L4 length as the pseudo header has it.
 */
pkt_inline int pkt_sum_is_pseudo(const __u8 *addr, int l3, __u8 proto,
				 __u16 len, __u16 field)
{
	__u64 sum = pkt_sum_addrs(addr, l3);
	__u16 pseudo;

	pseudo = pkt_sum_fold(sum + pkt_swap16(proto) + pkt_swap16(len));
	if (pseudo == 0 || pseudo == 0xffff)
		return field == 0 || field == 0xffff;
	return field == pseudo;
}

/* ---- Ethernet ---- */

pkt_inline int pkt_is_tag(__u16 ethertype)
{
	return ethertype == PKT_TPID_8021Q || ethertype == PKT_TPID_8021AD;
}

pkt_inline int pkt_parse_eth(const __u8 *data, const void *data_end,
			     struct pkt_parsed *p)
{
	p->l3_off = PKT_ETH_LEN;
	if (data + PKT_ETH_LEN > (const __u8 *)data_end)
		return PKT_eth_short;
	p->ethertype = pkt_be16(data + 12);
	if (!pkt_is_tag(p->ethertype))
		return 0;

	if (data + PKT_ETH_LEN + PKT_TAG_LEN > (const __u8 *)data_end)
		return PKT_vlan_short;
	p->tpid = p->ethertype;
	p->tci[0] = pkt_be16(data + 14);
	p->ethertype = pkt_be16(data + 16);
	p->l3_off = PKT_ETH_LEN + PKT_TAG_LEN;
	p->n_tags = 1;
	if (!pkt_is_tag(p->ethertype))
		return 0;

	if (data + PKT_ETH_LEN + 2 * PKT_TAG_LEN > (const __u8 *)data_end)
		return PKT_vlan_short;
	p->tci[1] = pkt_be16(data + 18);
	p->ethertype = pkt_be16(data + 20);
	p->l3_off = PKT_ETH_LEN + 2 * PKT_TAG_LEN;
	p->n_tags = 2;
	return pkt_is_tag(p->ethertype) ? PKT_vlan_deep : 0;
}

pkt_inline int pkt_parse_arp(const __u8 *arp, const void *data_end,
			     struct pkt_parsed *p)
{
	if (arp + 28 > (const __u8 *)data_end)
		return PKT_arp_bad;
	/* Ethernet, IPv4, and the lengths of their addresses */
	if (pkt_be16(arp) != 1 || pkt_be16(arp + 2) != PKT_ETHERTYPE_IPV4 ||
	    arp[4] != 6 || arp[5] != 4)
		return PKT_arp_bad;
	p->l3 = PKT_L3_ARP;
	p->src_off = p->l3_off + 14;
	p->dst_off = p->l3_off + 24;
	return 0;
}

/* ---- L4 ---- */

pkt_inline int pkt_parse_tcp(const __u8 *l4, const void *data_end, __u32 len,
			     const __u8 *addr, int want_csum,
			     struct pkt_parsed *p)
{
	const int frag = p->flags & PKT_F_FRAGMENT;
	__u32 doff;

	if (len < 20 || l4 + 20 > (const __u8 *)data_end)
		return frag ? PKT_frag_bad : PKT_l4_short;
	doff = (l4[12] >> 4) * 4;
	if (doff < 20)
		return PKT_tcp_offset;
	if (doff > len)
		return frag ? PKT_frag_bad : PKT_tcp_offset;
	if (want_csum && !frag &&
	    pkt_sum_is_pseudo(addr, p->l3, PKT_PROTO_TCP, len,
			      *(const pkt_u16 *)(l4 + 16)))
		p->flags |= PKT_F_CSUM_PARTIAL;
	return 0;
}

/* The UDP length of a first fragment can only be held against its minimum:
 * where the datagram ends is in another packet. */
pkt_inline int pkt_parse_udp(const __u8 *l4, const void *data_end, __u32 len,
			     const __u8 *addr, int want_csum,
			     struct pkt_parsed *p)
{
	const int frag = p->flags & PKT_F_FRAGMENT;
	__u16 udp_len, field;

	if (len < 8 || l4 + 8 > (const __u8 *)data_end)
		return frag ? PKT_frag_bad : PKT_l4_short;
	udp_len = pkt_be16(l4 + 4);
	if (udp_len < 8 || (!frag && udp_len > len))
		return PKT_udp_length;
	field = *(const pkt_u16 *)(l4 + 6);
	if (want_csum && !frag && field &&
	    pkt_sum_is_pseudo(addr, p->l3, PKT_PROTO_UDP, udp_len, field))
		p->flags |= PKT_F_CSUM_PARTIAL;
	return 0;
}

/* An unfinished CRC32c is left as 0. */
pkt_inline int pkt_parse_sctp(const __u8 *l4, const void *data_end, __u32 len,
			      int want_csum, struct pkt_parsed *p)
{
	const int frag = p->flags & PKT_F_FRAGMENT;

	if (len < 12 || l4 + 12 > (const __u8 *)data_end)
		return frag ? PKT_frag_bad : PKT_l4_short;
	if (want_csum && !frag && !pkt_raw32(l4 + 8))
		p->flags |= PKT_F_CSUM_PARTIAL;
	return 0;
}

pkt_inline int pkt_parse_icmp(const __u8 *l4, const void *data_end, __u32 len,
			      const struct pkt_parsed *p)
{
	if (len < 8 || l4 + 8 > (const __u8 *)data_end)
		return p->flags & PKT_F_FRAGMENT ? PKT_frag_bad : PKT_l4_short;
	return 0;
}

/* @l4 with @len bytes by the IP header; @addr the L3 addresses. p->l4_proto
 * and p->flags are set. */
pkt_inline int pkt_parse_l4(const __u8 *l4, const void *data_end, __u32 len,
			    const __u8 *addr, int want_csum,
			    struct pkt_parsed *p)
{
	switch (p->l4_proto) {
	case PKT_PROTO_TCP:
		return pkt_parse_tcp(l4, data_end, len, addr, want_csum, p);
	case PKT_PROTO_UDP:
		return pkt_parse_udp(l4, data_end, len, addr, want_csum, p);
	case PKT_PROTO_SCTP:
		return pkt_parse_sctp(l4, data_end, len, want_csum, p);
	case PKT_PROTO_ICMP:
		if (p->l3 != PKT_L3_IPV4)
			return 0;
		return pkt_parse_icmp(l4, data_end, len, p);
	case PKT_PROTO_ICMPV6:
		if (p->l3 != PKT_L3_IPV6)
			return 0;
		return pkt_parse_icmp(l4, data_end, len, p);
	default:
		return 0;
	}
}

/* ---- IP ---- */

/* A fragment of @len bytes at @off of a packet with @max bytes of room. */
pkt_inline int pkt_frag_is_bad(__u32 off, __u32 len, int more, __u32 max,
			       __u8 proto)
{
	if (!len || (more && len % 8) || off + len > max)
		return 1;
	return proto == PKT_PROTO_TCP && off && off < 20;
}

pkt_inline int pkt_parse_ipv4(const __u8 *ip, const void *data_end,
			      int want_csum, struct pkt_parsed *p)
{
	__u32 ihl, total, frag, len;

	if (ip + 20 > (const __u8 *)data_end)
		return PKT_ipv4_short;
	ihl = (ip[0] & 15) * 4;
	if (ip[0] >> 4 != 4 || ihl < 20)
		return PKT_ipv4_header;
	if (ip + ihl > (const __u8 *)data_end)
		return PKT_ipv4_short;
	total = pkt_len16(ip + 2);
	if (total < ihl || ip + total > (const __u8 *)data_end)
		return PKT_ipv4_length;

	p->l3 = PKT_L3_IPV4;
	p->src_off = p->l3_off + 12;
	p->dst_off = p->l3_off + 16;
	p->l4_proto = ip[9];
	len = total - ihl;
	frag = pkt_be16(ip + 6) & 0x3fff;	/* more fragments, offset */
	if (frag) {
		__u32 off = (frag & 0x1fff) * 8;

		if (pkt_frag_is_bad(off, len, frag & 0x2000, 65535 - ihl,
				    ip[9]))
			return PKT_frag_bad;
		p->flags |= PKT_F_FRAGMENT;
		if (off) {
			p->flags |= PKT_F_FRAG_LATER;
			return 0;
		}
	}
	p->l4_off = p->l3_off + ihl;
	p->l4_len = len;
	return pkt_parse_l4(ip + ihl, data_end, len, ip + 12, want_csum, p);
}

pkt_inline int pkt_is_ext(__u8 proto)
{
	return proto == PKT_PROTO_HOPOPTS || proto == PKT_PROTO_ROUTING ||
	       proto == PKT_PROTO_DSTOPTS || proto == PKT_PROTO_FRAGMENT ||
	       proto == PKT_PROTO_AH;
}

/* Where an IPv6 header chain has got to. */
struct pkt_chain {
	__u32 off;		/* of the next header, from the IPv6 header */
	__u32 len;		/* bytes left of the packet */
	__u8 proto;		/* of the next header */
};

/* One IPv6 extension header. */
pkt_inline int pkt_parse_ext(const __u8 *ip, const void *data_end,
			     struct pkt_chain *c, struct pkt_parsed *p)
{
	const __u8 *ext = ip + c->off;
	__u8 proto = c->proto;
	__u32 size, frag;

	if (c->len < 8 || ext + 8 > (const __u8 *)data_end)
		return PKT_ipv6_ext;
	if (proto == PKT_PROTO_FRAGMENT)
		size = 8;
	else if (proto == PKT_PROTO_AH)
		size = (ext[1] + 2) * 4;
	else
		size = (ext[1] + 1) * 8;
	if (size > c->len)
		return PKT_ipv6_ext;
	c->off += size;
	/* Without, it would follow each length that the chain can have. */
	pkt_bound(c->off, 0x7fff);
	c->len -= size;
	c->proto = ext[0];
	if (proto != PKT_PROTO_FRAGMENT)
		return 0;

	frag = pkt_be16(ext + 2) & 0xfff9;
	if (!frag)
		return 0;
	if (p->flags & PKT_F_FRAGMENT)
		return PKT_frag_bad;
	if (pkt_frag_is_bad(frag & 0xfff8, c->len, frag & 1, 65535, ext[0]))
		return PKT_frag_bad;
	p->flags |= PKT_F_FRAGMENT;
	if (frag & 0xfff8)
		p->flags |= PKT_F_FRAG_LATER;
	return 0;
}

pkt_inline int pkt_parse_ipv6(const __u8 *ip, const void *data_end,
			      int want_csum, struct pkt_parsed *p)
{
	struct pkt_chain c = { .off = 40 };
	int err, i;

	if (ip + 40 > (const __u8 *)data_end)
		return PKT_ipv6_short;
	if (ip[0] >> 4 != 6)
		return PKT_ipv6_header;
	c.len = pkt_len16(ip + 4);
	if (ip + 40 + c.len > (const __u8 *)data_end)
		return PKT_ipv6_length;

	p->l3 = PKT_L3_IPV6;
	p->src_off = p->l3_off + 8;
	p->dst_off = p->l3_off + 24;
	c.proto = ip[6];
	for (i = 0; i < PKT_MAX_EXT; i++) {
		if (!pkt_is_ext(c.proto) || p->flags & PKT_F_FRAG_LATER)
			break;
		err = pkt_parse_ext(ip, data_end, &c, p);
		if (err)
			return err;
	}
	p->l4_proto = c.proto;
	if (p->flags & PKT_F_FRAG_LATER)
		return 0;
	if (pkt_is_ext(c.proto))
		return PKT_ipv6_ext;
	if (c.proto == PKT_PROTO_NONE)
		return 0;
	p->l4_off = p->l3_off + c.off;
	p->l4_len = c.len;
	return pkt_parse_l4(ip + c.off, data_end, c.len, ip + 8, want_csum, p);
}

/*
 * Parses the frame from @data to @data_end into @p, all but the flow hash.
 * Returns 0, or the reason (enum pkt_reason, above 0) for which the frame is
 * malformed; @p then holds what was found until there. PKT_F_CSUM_PARTIAL is
 * looked for only if @want_csum: not in fragments, not inside tunnels.
 */
pkt_inline int pkt_parse_headers(const void *data, const void *data_end,
				 int want_csum, struct pkt_parsed *p)
{
	const __u8 *l3;
	int err;

	*p = (struct pkt_parsed){ 0 };
	err = pkt_parse_eth(data, data_end, p);
	if (err)
		return err;
	l3 = (const __u8 *)data + p->l3_off;
	switch (p->ethertype) {
	case PKT_ETHERTYPE_IPV4:
		return pkt_parse_ipv4(l3, data_end, want_csum, p);
	case PKT_ETHERTYPE_IPV6:
		return pkt_parse_ipv6(l3, data_end, want_csum, p);
	case PKT_ETHERTYPE_ARP:
		return pkt_parse_arp(l3, data_end, p);
	default:
		return 0;
	}
}

/* ---- flow hash ---- */

#define PKT_HASH_SEED		0x9e3779b97f4a7c15ull
#define PKT_HASH_MUL		0xbf58476d1ce4e5b9ull

/* The multiply-and-fold of Steele and Vigna's SplitMix64: a bijection of the
 * hash so far. */
pkt_inline __u64 pkt_hash_step(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * PKT_HASH_MUL;
	return hash ^ hash >> 32;
}

/* The first @size bytes of the L4 header, if the packet has them. @size is
 * constant. */
pkt_inline const __u8 *pkt_l4_get(const void *data, const void *data_end,
				  const struct pkt_parsed *p, __u32 size)
{
	__u32 off = p->l4_off;
	const __u8 *l4;

	/* The farthest that 22 bytes of Ethernet, 40 of IPv6 and the extension
	 * headers can reach. */
	if (!off || off > 22 + 40 + PKT_MAX_EXT * 2048)
		return 0;
	l4 = (const __u8 *)data + off;
	if (p->l4_len < size || l4 + size > (const __u8 *)data_end)
		return 0;
	return l4;
}

pkt_inline int pkt_has_ports(__u8 proto)
{
	return proto == PKT_PROTO_TCP || proto == PKT_PROTO_UDP ||
	       proto == PKT_PROTO_SCTP;
}

/*
 * The flow hash of a frame that pkt_parse_headers() found well-formed: of its
 * addresses, protocol and ports; of the addresses of a fragment (so that all
 * fragments of a datagram agree); of the MAC addresses and EtherType of what
 * is neither IPv4 nor IPv6. Two directions of a flow differ.
 */
pkt_inline __u32 pkt_flow_hash(const void *data, const void *data_end,
			       const struct pkt_parsed *p)
{
	/* The mask changes nothing: it is for the verifier. */
	const __u8 *l3 = (const __u8 *)data + (p->l3_off & 31);
	__u64 hash = PKT_HASH_SEED;
	const __u8 *l4;

	if (p->l3 == PKT_L3_IPV4 && l3 + 20 <= (const __u8 *)data_end) {
		hash = pkt_hash_step(hash, pkt_raw64(l3 + 12));
	} else if (p->l3 == PKT_L3_IPV6 &&
		   l3 + 40 <= (const __u8 *)data_end) {
		hash = pkt_hash_step(hash, pkt_raw64(l3 + 8));
		hash = pkt_hash_step(hash, pkt_raw64(l3 + 16));
		hash = pkt_hash_step(hash, pkt_raw64(l3 + 24));
		hash = pkt_hash_step(hash, pkt_raw64(l3 + 32));
	} else {
		l3 = data;
		if (l3 + PKT_ETH_LEN > (const __u8 *)data_end)
			return 0;
		hash = pkt_hash_step(hash, pkt_raw64(l3));
		return pkt_hash_step(hash, (__u64)pkt_raw32(l3 + 8) << 16 |
						   p->ethertype);
	}
	if (p->flags & PKT_F_FRAGMENT)
		return hash;
	hash = pkt_hash_step(hash, p->l4_proto);
	if (!pkt_has_ports(p->l4_proto))
		return hash;
	l4 = pkt_l4_get(data, data_end, p, 4);
	return l4 ? pkt_hash_step(hash, pkt_raw32(l4)) : hash;
}

/* Both: what the agent wants of a packet. */
pkt_inline int pkt_parse(const void *data, const void *data_end, int want_csum,
			 struct pkt_parsed *p)
{
	int err = pkt_parse_headers(data, data_end, want_csum, p);

	if (!err)
		p->hash = pkt_flow_hash(data, data_end, p);
	return err;
}

/* The metadata of a packet parsed into @p whose network tag, @popped bytes of
 * it, has been or is being taken off. The caller fills in the rest. */
pkt_inline void pkt_parsed_to_meta(const struct pkt_parsed *p, __u32 popped,
				   struct pkt_meta *meta)
{
	meta->l3 = p->l3;
	meta->l4_proto = p->l4_proto;
	meta->l3_off = p->l3_off - popped;
	meta->l4_off = p->l4_off ? p->l4_off - popped : 0;
	meta->hash = p->hash;
}

#endif
