/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets of TCP and UDP as the guest tests mean them: headers, tags, and a
 * piece of endless content. From one description come a large packet with its
 * virtio-net header, and, each on its own and not by changing the large one,
 * the segments it has to be cut into: what a test holds the agent's against.
 */
#ifndef TOOLS_SEGMENT_H
#define TOOLS_SEGMENT_H

#include "../front/proto.h"
#include "packet.h"

#define SEGMENT_FIN 0x01
#define SEGMENT_PSH 0x08
#define SEGMENT_ACK 0x10
#define SEGMENT_URG 0x20
#define SEGMENT_ECE 0x40
#define SEGMENT_CWR 0x80

/* ---- content ---- */

/* A prime, so that nothing of a power of two brings the same bytes again. */
#define CONTENT_SIZE 1048573u

/* What each flow's bytes are, at any offset; twice, to be read in one go. */
static uint8_t segment_content[2 * CONTENT_SIZE];

static inline void segment_make_content(void)
{
	uint64_t state = 20;

	random_fill(&state, segment_content, CONTENT_SIZE);
	memcpy(segment_content + CONTENT_SIZE, segment_content, CONTENT_SIZE);
}

static inline const uint8_t *segment_bytes(uint64_t offset)
{
	return segment_content + offset % CONTENT_SIZE;
}

/* ---- descriptions ---- */

struct segment {
	uint8_t dmac[6], smac[6];
	uint16_t tci[2]; /* outer first */
	uint32_t n_tags;
	bool v6;
	uint8_t proto;	  /* TCP or UDP */
	uint8_t src, dst; /* hosts of 10.78.0.0/24 and fd78::/64 */
	uint16_t sport, dport;
	uint8_t tos;
	uint16_t id;
	bool may_fragment; /* no DF */
	/* TCP */
	uint32_t seq;
	uint8_t flags;
	uint16_t urgent;
	uint32_t n_options; /* bytes: a multiple of 4 */
	/* payload */
	uint64_t offset;
	uint32_t size;
	bool partial; /* of the checksum there is only the pseudo header's */
};

static inline uint32_t segment_l3_off(const struct segment *s)
{
	return ETH_HLEN + 4 * s->n_tags;
}

static inline uint32_t segment_l4_off(const struct segment *s)
{
	return segment_l3_off(s) + (s->v6 ? 40 : 20);
}

static inline uint32_t segment_hdr_len(const struct segment *s)
{
	return segment_l4_off(s) +
	       (s->proto == IPPROTO_TCP ? 20 + s->n_options : 8);
}

static inline uint32_t segment_len(const struct segment *s)
{
	return segment_hdr_len(s) + s->size;
}

static inline uint8_t *segment_put_l2(const struct segment *s, uint8_t *p)
{
	uint16_t word;

	memcpy(p, s->dmac, 6);
	memcpy(p + 6, s->smac, 6);
	p += 12;
	for (uint32_t i = 0; i < s->n_tags; i++) {
		word = htons(ETH_P_8021Q);
		memcpy(p, &word, 2);
		word = htons(s->tci[i]);
		memcpy(p + 2, &word, 2);
		p += 4;
	}
	word = htons(s->v6 ? ETH_P_IPV6 : ETH_P_IP);
	memcpy(p, &word, 2);
	return p + 2;
}

static inline uint8_t *segment_put_l3(const struct segment *s, uint8_t *p,
				      uint32_t l4_len)
{
	struct in6_addr src = { .s6_addr = { 0xfd, 0x78, [15] = s->src } };
	struct in6_addr dst = { .s6_addr = { 0xfd, 0x78, [15] = s->dst } };
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tos = s->tos,
		.tot_len = htons((uint16_t)(20 + l4_len)),
		.id = htons(s->id),
		.frag_off = htons(s->may_fragment ? 0 : IP_DF),
		.ttl = 61,
		.protocol = s->proto,
		.saddr = htonl(0x0a4e0000u | s->src),
		.daddr = htonl(0x0a4e0000u | s->dst),
	};
	struct ip6_hdr ip6 = {
		.ip6_flow = htonl(6u << 28 | (uint32_t)s->tos << 20 | 0x4321),
		.ip6_plen = htons((uint16_t)l4_len),
		.ip6_nxt = s->proto,
		.ip6_hlim = 61,
		.ip6_src = src,
		.ip6_dst = dst,
	};

	if (s->v6) {
		memcpy(p, &ip6, sizeof(ip6));
		return p + sizeof(ip6);
	}
	ip.check = (uint16_t)~csum_fold(csum_add(&ip, sizeof(ip), 0));
	memcpy(p, &ip, sizeof(ip));
	return p + sizeof(ip);
}

static inline uint8_t *segment_put_tcp(const struct segment *s, uint8_t *p)
{
	struct tcphdr tcp = {
		.source = htons(s->sport),
		.dest = htons(s->dport),
		.seq = htonl(s->seq),
		.ack_seq = htonl(0x01020304),
		.doff = (5 + s->n_options / 4) & 15,
		.window = htons(777),
		.urg_ptr = htons(s->urgent),
	};

	memcpy(p, &tcp, sizeof(tcp));
	p[13] = s->flags;
	p += sizeof(tcp);
	/* No option that anybody knows, of this length. */
	if (s->n_options) {
		memset(p, 0x5a, s->n_options);
		p[0] = 253;
		p[1] = (uint8_t)s->n_options;
	}
	return p + s->n_options;
}

/* Writes the packet to @buf (PACKET_MAX + 8 bytes). Returns its length. */
static inline uint32_t segment_make(const struct segment *s, uint8_t *buf)
{
	uint32_t l4_len = segment_len(s) - segment_l4_off(s);
	uint8_t *l3 = segment_put_l2(s, buf);
	uint8_t *l4 = segment_put_l3(s, l3, l4_len), *p;

	if (s->proto == IPPROTO_TCP)
		p = segment_put_tcp(s, l4);
	else
		p = packet_put_udp(l4, s->sport, s->dport, l4_len);
	memcpy(p, segment_bytes(s->offset), s->size);
	if (s->v6) {
		struct ip6_hdr ip6;

		memcpy(&ip6, l3, sizeof(ip6));
		packet_finish_l4(l4, l4_len, s->proto,
				 csum_pseudo6(&ip6, s->proto, l4_len),
				 s->partial);
	} else {
		packet_finish_ip4(l3, l4_len, s->partial);
	}
	return segment_len(s);
}

/* What the virtio-net header says of it; @gso_size 0: it is not to be cut. */
static inline struct front_net_hdr segment_header(const struct segment *s,
						  uint32_t gso_size)
{
	struct front_net_hdr hdr = { 0 };

	if (!s->partial)
		return hdr;
	hdr.flags = FRONT_NET_NEEDS_CSUM;
	hdr.csum_start = (uint16_t)segment_l4_off(s);
	hdr.csum_offset = (uint16_t)packet_csum_offset(s->proto);
	if (!gso_size)
		return hdr;
	hdr.gso_type = s->v6 ? FRONT_NET_GSO_TCPV6 : FRONT_NET_GSO_TCPV4;
	if (s->flags & SEGMENT_CWR)
		hdr.gso_type |= FRONT_NET_GSO_ECN;
	hdr.gso_size = (uint16_t)gso_size;
	hdr.hdr_len = (uint16_t)segment_hdr_len(s);
	return hdr;
}

/*
 * Number @k of the segments that @s is to be cut into, complete; false: it has
 * fewer. Sequence numbers and IPv4's identification count up; FIN and PSH are
 * the last one's, CWR the first one's (RFC 3168, 6.1.2), URG theirs up to the
 * urgent data's end.
 */
static inline bool segment_cut(const struct segment *s, uint32_t gso_size,
			       uint32_t k, struct segment *ret)
{
	uint32_t before = k * gso_size;

	if (before >= s->size)
		return false;
	*ret = *s;
	ret->partial = false;
	ret->id = (uint16_t)(s->id + k);
	ret->seq = s->seq + before;
	ret->offset = s->offset + before;
	ret->size = s->size - before;
	if (ret->size > gso_size) {
		ret->size = gso_size;
		ret->flags &= (uint8_t) ~(SEGMENT_FIN | SEGMENT_PSH);
	}
	if (k)
		ret->flags &= (uint8_t)~SEGMENT_CWR;
	if (s->urgent > before) {
		ret->urgent = (uint16_t)(s->urgent - before);
	} else {
		ret->urgent = 0;
		ret->flags &= (uint8_t)~SEGMENT_URG;
	}
	return true;
}

/* ---- checks ---- */

/* Whether the packet's checksums are right; @partial: the L4 one is the pseudo
 * header's. Offsets are the reader's own. */
static inline bool segment_sums_are_right(const uint8_t *l3, const uint8_t *l4,
					  bool v6, uint8_t proto,
					  uint32_t l4_len, bool partial)
{
	uint16_t check, want;
	uint32_t pseudo;

	if (v6) {
		struct ip6_hdr ip;

		memcpy(&ip, l3, sizeof(ip));
		pseudo = csum_pseudo6(&ip, proto, l4_len);
	} else {
		struct iphdr ip;

		memcpy(&ip, l3, sizeof(ip));
		if (csum_fold(csum_add(l3, 20, 0)) != 0xffff)
			return false;
		pseudo = csum_pseudo4(&ip, proto, l4_len);
	}
	if (!partial)
		return csum_fold(csum_add(l4, l4_len, pseudo)) == 0xffff;
	memcpy(&check, l4 + packet_csum_offset(proto), 2);
	want = csum_fold(pseudo);
	return check == want;
}

#endif
