/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parser must make of packets. tests/unit/test_parse.c holds the C
 * build of the parser to these rows, tests/bpf/test_parser.c the BPF build,
 * and both to each other.
 */
#ifndef TESTS_PARSE_ROWS_H
#define TESTS_PARSE_ROWS_H

#include <pktagent/parse.h>

#include "packets.h"

struct parse_row {
	const char *name;
	const char *packet;
	int reason;			/* 0 = well-formed */
	struct pkt_parsed want;		/* checked if well-formed, but hash */
};

#define FRAG	PKT_F_FRAGMENT
#define LATER	(PKT_F_FRAGMENT | PKT_F_FRAG_LATER)
#define PARTIAL	PKT_F_CSUM_PARTIAL

/* The addresses' offsets follow from the header's. */
#define ETH(type)	.ethertype = (type)
#define OTHER(off)	.l3_off = (off)
#define ARP(off)	ETH(0x0806), .l3 = PKT_L3_ARP, .l3_off = (off), \
			.src_off = (off) + 14, .dst_off = (off) + 24
#define IP4(off)	ETH(0x0800), .l3 = PKT_L3_IPV4, .l3_off = (off), \
			.src_off = (off) + 12, .dst_off = (off) + 16
#define IP6(off)	ETH(0x86dd), .l3 = PKT_L3_IPV6, .l3_off = (off), \
			.src_off = (off) + 8, .dst_off = (off) + 24
#define L4(proto, off, len) .l4_proto = (proto), .l4_off = (off), \
			.l4_len = (len)
#define TAG(t)		.n_tags = 1, .tpid = 0x8100, .tci = { t }
#define TAGS(o, i)	.n_tags = 2, .tpid = 0x8100, .tci = { o, i }

#define BAD(n, text, why)	{ .name = n, .packet = text, .reason = PKT_##why }
#define GOOD(n, text, ...)	{ .name = n, .packet = text, \
				  .want = { __VA_ARGS__ } }

#define EXT7 "hbh rt dopt ah=16 dopt rt dopt "

static const struct parse_row parse_rows[] = {
	/* Ethernet and tags */
	GOOD("nothing inside", "type=0x88b5", ETH(0x88b5), OTHER(14)),
	GOOD("802.3 length", "type=46 data=46", ETH(46), OTHER(14)),
	GOOD("tag", "tag=10,5 type=0x88b5", ETH(0x88b5), TAG(0xa00a),
	     OTHER(18)),
	GOOD("service tag", "stag=10 type=0x88b5", ETH(0x88b5), .n_tags = 1,
	     .tpid = 0x88a8, .tci = { 10 }, OTHER(18)),
	GOOD("two tags", "tag=10 tag=4094,7 type=0x88b5", ETH(0x88b5),
	     TAGS(10, 0xeffe), OTHER(22)),
	GOOD("0x9100 is no tag", "type=0x9100 data=8", ETH(0x9100), OTHER(14)),
	GOOD("0x9100 in a tag", "tag=10 type=0x9100 data=8", ETH(0x9100),
	     TAG(10), OTHER(18)),
	BAD("three tags", "tag=1 tag=2 tag=3 ip4 udp", vlan_deep),
	BAD("three tags, last one cut", "tag=1 tag=2 tag=3 cut=22", vlan_deep),
	/* ARP */
	GOOD("arp", "arp", ARP(14)),
	GOOD("arp, padded", "arp pad=18", ARP(14)),
	GOOD("arp in two tags", "tag=1 tag=2 arp", TAGS(1, 2), ARP(22)),
	BAD("arp, hardware", "arp poke=15,6", arp_bad),
	BAD("arp, protocol", "arp poke=16,9", arp_bad),
	BAD("arp, hardware size", "arp poke=18,8", arp_bad),
	BAD("arp, protocol size", "arp poke=19,16", arp_bad),
	/* IPv4 */
	GOOD("ip4", "ip4 proto=47 data=5", IP4(14), L4(47, 34, 5)),
	GOOD("ip4, empty", "ip4 proto=47", IP4(14), L4(47, 34, 0)),
	GOOD("ip4, padded", "ip4 udp data=1 pad=17", IP4(14), L4(17, 34, 9)),
	GOOD("ip4, options", "ip4 opt=4 udp", IP4(14), L4(17, 38, 8)),
	GOOD("ip4, all options", "ip4 opt=40 tcp data=3", IP4(14),
	     L4(6, 74, 23)),
	GOOD("ip4 in a tag", "tag=7 ip4 tcp", TAG(7), IP4(18), L4(6, 38, 20)),
	GOOD("ip4 in two tags", "tag=7 tag=8 ip4 icmp=8", TAGS(7, 8), IP4(22),
	     L4(1, 42, 8)),
	GOOD("ip4, don't fragment", "ip4 udp poke=20,0x40", IP4(14),
	     L4(17, 34, 8)),
	BAD("ip4, version 5", "ip4 udp poke=14,0x55", ipv4_header),
	BAD("ip4, version 6", "ip4 udp poke=14,0x65", ipv4_header),
	BAD("ip4, header of 16", "ip4 udp poke=14,0x44", ipv4_header),
	BAD("ip4, header of 0", "ip4 udp poke=14,0x40", ipv4_header),
	BAD("ip4, header beyond the frame", "ip4 data=3 poke=14,0x46",
	    ipv4_short),
	BAD("ip4, header beyond the packet", "ip4 data=4 poke=14,0x46 "
	    "poke=17,20", ipv4_length),
	BAD("ip4, length 0", "ip4 udp poke=16,0 poke=17,0", ipv4_length),
	BAD("ip4, length 19", "ip4 udp poke=16,0 poke=17,19", ipv4_length),
	BAD("ip4, length 1 too long", "ip4 udp poke=17,29", ipv4_length),
	BAD("ip4, length 65535", "ip4 udp poke=16,255 poke=17,255",
	    ipv4_length),
	/* IPv4 fragments */
	GOOD("ip4, first fragment", "ip4 frag=0,1 udp data=8", IP4(14),
	     L4(17, 34, 16), .flags = FRAG),
	GOOD("ip4, middle fragment", "ip4 frag=16,1 proto=17 data=16", IP4(14),
	     .l4_proto = 17, .flags = LATER),
	GOOD("ip4, last fragment", "ip4 frag=1480,0 proto=17 data=3", IP4(14),
	     .l4_proto = 17, .flags = LATER),
	GOOD("ip4, last possible byte", "ip4 frag=65512,0 proto=17 data=3",
	     IP4(14), .l4_proto = 17, .flags = LATER),
	BAD("ip4, one byte more", "ip4 frag=65512,0 proto=17 data=4", frag_bad),
	BAD("ip4, ping of death", "ip4 frag=65528,0 proto=1 data=100",
	    frag_bad),
	BAD("ip4, empty fragment", "ip4 frag=16,0 proto=17", frag_bad),
	BAD("ip4, empty first fragment", "ip4 frag=0,1 proto=17", frag_bad),
	BAD("ip4, odd fragment", "ip4 frag=16,1 proto=17 data=15", frag_bad),
	BAD("ip4, tiny tcp fragment", "ip4 frag=0,1 proto=6 data=16", frag_bad),
	BAD("ip4, tcp flags fragment", "ip4 frag=8,0 proto=6 data=16",
	    frag_bad),
	BAD("ip4, tcp urgent fragment", "ip4 frag=16,0 proto=6 data=16",
	    frag_bad),
	GOOD("ip4, second tcp fragment", "ip4 frag=24,0 proto=6 data=16",
	     IP4(14), .l4_proto = 6, .flags = LATER),
	BAD("ip4, tcp options in two fragments",
	    "ip4 frag=0,1 tcp data=4 poke=46,0x80", frag_bad),
	GOOD("ip4, first udp fragment, long udp",
	     "ip4 frag=0,1 udp data=8 poke=38,5", IP4(14), L4(17, 34, 16),
	     .flags = FRAG),
	BAD("ip4, first udp fragment, udp length 7",
	    "ip4 frag=0,1 udp data=8 poke=39,7", udp_length),
	GOOD("ip4, fragment is not partial",
	     "ip4 frag=0,1 udp data=8 csum=partial", IP4(14), L4(17, 34, 16),
	     .flags = FRAG),
	/* IPv6 */
	GOOD("ip6", "ip6 proto=47 data=5", IP6(14), L4(47, 54, 5)),
	GOOD("ip6, nothing", "ip6 none", IP6(14), .l4_proto = 59),
	GOOD("ip6, padded", "ip6 udp pad=9", IP6(14), L4(17, 54, 8)),
	GOOD("ip6 in a tag", "tag=7 ip6 tcp", TAG(7), IP6(18), L4(6, 58, 20)),
	GOOD("ip6 in two tags", "tag=7 tag=8 ip6 icmp6=128", TAGS(7, 8),
	     IP6(22), L4(58, 62, 8)),
	GOOD("ip6, hop-by-hop", "ip6 hbh udp", IP6(14), L4(17, 62, 8)),
	GOOD("ip6, long hop-by-hop", "ip6 hbh=2048 udp", IP6(14),
	     L4(17, 2102, 8)),
	GOOD("ip6, routing", "ip6 rt=24 tcp", IP6(14), L4(6, 78, 20)),
	GOOD("ip6, destination options", "ip6 dopt=16 tcp", IP6(14),
	     L4(6, 70, 20)),
	GOOD("ip6, ah", "ip6 ah=24 tcp", IP6(14), L4(6, 78, 20)),
	GOOD("ip6, ah of 12", "ip6 ah=12 tcp", IP6(14), L4(6, 66, 20)),
	GOOD("ip6, esp", "ip6 proto=50 data=20", IP6(14), L4(50, 54, 20)),
	GOOD("ip6, seven extensions", "ip6 " EXT7 "udp", IP6(14),
	     L4(17, 54 + 64, 8)),
	GOOD("ip6, eight extensions", "ip6 " EXT7 "dopt udp", IP6(14),
	     L4(17, 54 + 72, 8)),
	BAD("ip6, nine extensions", "ip6 " EXT7 "dopt dopt udp", ipv6_ext),
	BAD("ip6, version 4", "ip6 udp poke=14,0x45", ipv6_header),
	BAD("ip6, length 1 too long", "ip6 udp poke=19,9", ipv6_length),
	BAD("ip6, length 65535", "ip6 udp poke=18,255 poke=19,255",
	    ipv6_length),
	BAD("ip6, length 0 (jumbogram)", "ip6 hbh udp poke=19,0", ipv6_ext),
	BAD("ip6, length inside udp", "ip6 udp poke=19,7", l4_short),
	BAD("ip6, extension beyond the packet", "ip6 hbh udp poke=55,2",
	    ipv6_ext),
	GOOD("ip6, extension up to the end", "ip6 hbh proto=59 data=8 "
	     "poke=55,1", IP6(14), .l4_proto = 59),
	BAD("ip6, ah beyond the packet", "ip6 ah=12 tcp poke=55,255",
	    ipv6_ext),
	/* IPv6 fragments */
	GOOD("ip6, first fragment", "ip6 frag=0,1 udp data=8", IP6(14),
	     L4(17, 62, 16), .flags = FRAG),
	GOOD("ip6, last fragment", "ip6 hbh frag=1448,0 proto=17 data=3",
	     IP6(14), .l4_proto = 17, .flags = LATER),
	GOOD("ip6, atomic fragment", "ip6 frag=0,0 udp", IP6(14),
	     L4(17, 62, 8)),
	GOOD("ip6, first fragment with options", "ip6 frag=0,1 dopt tcp "
	     "data=4", IP6(14), L4(6, 70, 24), .flags = FRAG),
	GOOD("ip6, later fragment of options", "ip6 frag=48,0 proto=60 "
	     "data=4", IP6(14), .l4_proto = 60, .flags = LATER),
	BAD("ip6, fragment of a fragment", "ip6 frag=0,1 frag=0,1 udp data=8",
	    frag_bad),
	BAD("ip6, empty fragment", "ip6 frag=8,1 proto=17", frag_bad),
	BAD("ip6, odd fragment", "ip6 frag=8,1 proto=17 data=9", frag_bad),
	BAD("ip6, beyond 65535", "ip6 frag=65528,0 proto=17 data=8", frag_bad),
	GOOD("ip6, last possible byte", "ip6 frag=65528,0 proto=17 data=7",
	     IP6(14), .l4_proto = 17, .flags = LATER),
	BAD("ip6, tiny first fragment", "ip6 frag=0,1 proto=58 data=0",
	    frag_bad),
	BAD("ip6, tcp header in two", "ip6 frag=0,1 proto=6 data=16",
	    frag_bad),
	BAD("ip6, options cut by the first fragment",
	    "ip6 frag=0,1 dopt=16 cut=70 fit", ipv6_ext),
	/* L4 */
	GOOD("tcp", "ip4 tcp data=10", IP4(14), L4(6, 34, 30)),
	GOOD("tcp, options", "ip4 tcp data=40 poke=46,0xf0", IP4(14),
	     L4(6, 34, 60)),
	BAD("tcp, offset 4", "ip4 tcp poke=46,0x40", tcp_offset),
	BAD("tcp, offset beyond the packet", "ip4 tcp data=3 poke=46,0x60",
	    tcp_offset),
	BAD("tcp, offset into the padding", "ip4 tcp pad=20 poke=46,0x60",
	    tcp_offset),
	GOOD("udp, shorter than the packet", "ip4 udp data=9 poke=39,8",
	     IP4(14), L4(17, 34, 17)),
	BAD("udp, length 0", "ip4 udp poke=39,0", udp_length),
	BAD("udp, length 7", "ip4 udp poke=39,7", udp_length),
	BAD("udp, 1 too long", "ip4 udp poke=39,9", udp_length),
	BAD("udp, into the padding", "ip4 udp pad=10 poke=39,12", udp_length),
	BAD("ip6 udp, length 0", "ip6 udp poke=59,0", udp_length),
	GOOD("sctp", "ip4 sctp data=4", IP4(14), L4(132, 34, 16)),
	BAD("sctp, short", "ip4 proto=132 data=11", l4_short),
	BAD("icmp, short", "ip4 proto=1 data=7", l4_short),
	BAD("icmp6, short", "ip6 proto=58 data=7", l4_short),
	BAD("icmp, only the padding is long enough",
	    "ip4 proto=1 data=7 pad=18", l4_short),
	GOOD("icmp6 in ip4", "ip4 proto=58 data=1", IP4(14), L4(58, 34, 1)),
	GOOD("icmp in ip6", "ip6 proto=1 data=1", IP6(14), L4(1, 54, 1)),
	/* unfinished checksums */
	GOOD("tcp, partial", "ip4 tcp data=5 csum=partial", IP4(14),
	     L4(6, 34, 25), .flags = PARTIAL),
	GOOD("tcp, partial, padded", "ip4 tcp csum=partial pad=6", IP4(14),
	     L4(6, 34, 20), .flags = PARTIAL),
	GOOD("udp, partial", "ip4=10.0.0.1,10.0.0.9 udp data=5 csum=partial",
	     IP4(14), L4(17, 34, 13), .flags = PARTIAL),
	GOOD("udp, none", "ip4 udp data=5 csum=zero", IP4(14), L4(17, 34, 13)),
	GOOD("ip6 tcp, partial", "ip6 tcp data=5 csum=partial", IP6(14),
	     L4(6, 54, 25), .flags = PARTIAL),
	GOOD("ip6 udp, partial, options",
	     "tag=5 ip6=fe80::1,ff02::fb hbh udp data=6 csum=partial", TAG(5),
	     IP6(18), L4(17, 66, 14), .flags = PARTIAL),
	GOOD("sctp, partial", "ip4 sctp data=5 csum=partial", IP4(14),
	     L4(132, 34, 17), .flags = PARTIAL),
	GOOD("tcp, one off", "ip4 tcp csum=partial poke=51,0", IP4(14),
	     L4(6, 34, 20)),
};

#define N_PARSE_ROWS	(sizeof(parse_rows) / sizeof(parse_rows[0]))

/*
 * Truncation: each packet is cut at each length, once leaving the IP header's
 * length as it is, once setting it to what is left (where that is possible).
 * A bound says why everything shorter than it is refused; from @ok on it is
 * accepted. Bounds ascend.
 */
struct parse_bound {
	uint32_t below;
	int reason;
};

struct parse_cut {
	const char *packet;
	bool fit;
	struct parse_bound bounds[8];	/* ends with below 0 */
};

#define B(at, why)	{ at, PKT_##why }
#define CUT(packet, ...)	{ packet, false, { __VA_ARGS__, { 0, 0 } } }
#define FIT(packet, ...)	{ packet, true, { __VA_ARGS__, { 0, 0 } } }

static const struct parse_cut parse_cuts[] = {
	CUT("type=0x88b5 data=4", B(14, eth_short)),
	CUT("tag=1 type=0x88b5 data=4", B(14, eth_short), B(18, vlan_short)),
	CUT("stag=1 tag=2 type=0x88b5 data=4", B(14, eth_short),
	    B(22, vlan_short)),
	CUT("tag=1 tag=2 tag=3 ip4 udp", B(14, eth_short), B(22, vlan_short),
	    B(55, vlan_deep)),
	CUT("arp", B(14, eth_short), B(42, arp_bad)),
	CUT("tag=1 arp", B(14, eth_short), B(18, vlan_short), B(46, arp_bad)),
	CUT("ip4 udp data=4", B(14, eth_short), B(34, ipv4_short),
	    B(46, ipv4_length)),
	CUT("tag=1 ip4 tcp data=4", B(14, eth_short), B(18, vlan_short),
	    B(38, ipv4_short), B(62, ipv4_length)),
	CUT("tag=1 tag=2 ip4 opt=40 icmp", B(14, eth_short),
	    B(22, vlan_short), B(82, ipv4_short), B(90, ipv4_length)),
	CUT("ip6 udp data=4", B(14, eth_short), B(54, ipv6_short),
	    B(66, ipv6_length)),
	CUT("tag=1 tag=2 ip6 hbh dopt=24 icmp6", B(14, eth_short),
	    B(22, vlan_short), B(62, ipv6_short), B(102, ipv6_length)),
	FIT("ip4 tcp data=4", B(14, eth_short), B(34, ipv4_short),
	    B(54, l4_short)),
	FIT("ip4 opt=8 tcp data=20 poke=54,0xa0", B(14, eth_short),
	    B(42, ipv4_short), B(62, l4_short), B(82, tcp_offset)),
	FIT("ip4 icmp data=4", B(14, eth_short), B(34, ipv4_short),
	    B(42, l4_short)),
	FIT("ip4 udp data=4", B(14, eth_short), B(34, ipv4_short),
	    B(42, l4_short), B(46, udp_length)),
	FIT("ip4 sctp data=4", B(14, eth_short), B(34, ipv4_short),
	    B(46, l4_short)),
	FIT("ip6 tcp data=4", B(14, eth_short), B(54, ipv6_short),
	    B(74, l4_short)),
	FIT("ip6 udp data=4", B(14, eth_short), B(54, ipv6_short),
	    B(62, l4_short), B(66, udp_length)),
	FIT("ip6 icmp6 data=4", B(14, eth_short), B(54, ipv6_short),
	    B(62, l4_short)),
	FIT("ip6 hbh=16 icmp6", B(14, eth_short), B(54, ipv6_short),
	    B(70, ipv6_ext), B(78, l4_short)),
	FIT("ip6 rt=24 icmp6", B(14, eth_short), B(54, ipv6_short),
	    B(78, ipv6_ext), B(86, l4_short)),
	FIT("ip6 dopt=8 icmp6", B(14, eth_short), B(54, ipv6_short),
	    B(62, ipv6_ext), B(70, l4_short)),
	FIT("ip6 ah=20 icmp6", B(14, eth_short), B(54, ipv6_short),
	    B(74, ipv6_ext), B(82, l4_short)),
	FIT("ip6 frag=0,0 icmp6", B(14, eth_short), B(54, ipv6_short),
	    B(62, ipv6_ext), B(70, l4_short)),
	FIT("ip6 frag=8,0 proto=17 data=8", B(14, eth_short),
	    B(54, ipv6_short), B(62, ipv6_ext), B(63, frag_bad)),
};

#define N_PARSE_CUTS	(sizeof(parse_cuts) / sizeof(parse_cuts[0]))

/* The reason expected of @cut at @len bytes; 0 = accepted. */
static inline int parse_cut_reason(const struct parse_cut *cut, uint32_t len)
{
	const struct parse_bound *b;

	for (b = cut->bounds; b->below; b++)
		if (len < b->below)
			return b->reason;
	return 0;
}

/* @cut at @len bytes. */
static inline void parse_cut_make(const struct parse_cut *cut, uint32_t len,
				  struct made_packet *p)
{
	char text[256];

	snprintf(text, sizeof(text), "%s cut=%u%s", cut->packet, len,
		 cut->fit ? " fit" : "");
	packet_make(p, text);
}

static inline uint32_t parse_cut_len(const struct parse_cut *cut)
{
	struct made_packet p;

	packet_make(&p, cut->packet);
	return p.len;
}

#endif
