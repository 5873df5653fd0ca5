/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A sequence of random frames that both ends can make from the same seed, so
 * that the receiver knows every byte of every frame before it comes.
 *
 * Kinds: an unassigned EtherType with random payload; UDP and TCP over IPv4
 * and IPv6 with right checksums. Frame 0 has the smallest size, frame 1 the
 * largest, the others any between. After the headers stands a marker with the
 * frame's number; all else is random.
 */
#ifndef TOOLS_FRAMEGEN_H
#define TOOLS_FRAMEGEN_H

#include "common.h"
#include "packet.h"

#define FRAME_MIN	60 /* bytes without FCS and without tag */
#define FRAME_MAX	3512
#define FRAME_ETHERTYPE 0x88b5 /* IEEE 802: local experimental */

enum frame_mix { FRAME_MIX_ALL, FRAME_MIX_RAW, FRAME_MIX_IP };

struct frame_spec {
	uint32_t seed;
	uint32_t min; /* FRAME_MIN.. */
	uint32_t max; /* min..FRAME_MAX */
	uint8_t dmac[6];
	uint8_t smac[6];
	uint16_t vlan; /* 0 = untagged */
	enum frame_mix mix;
	struct in_addr src4, dst4;
	struct in6_addr src6, dst6;
};

static inline enum frame_mix frame_parse_mix(const char *text)
{
	static const char *const names[] = { "mix", "raw", "ip" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(text, names[i]))
			return (enum frame_mix)i;
	die("--ethertype %s: expected mix, raw or ip", text);
}

struct frame_marker {
	uint32_t magic;
	uint32_t seed;
	uint32_t seq;
	uint32_t check; /* of the three */
};

#define FRAME_MAGIC 0x46524d31u

static inline void frame_spec_init(struct frame_spec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->seed = 1;
	spec->min = FRAME_MIN;
	spec->max = 1514;
	spec->smac[0] = 2;
	spec->smac[5] = 1;
	/* Addresses for documentation: no stack answers them. */
	spec->src4 = parse_ipv4("src-ip", "192.0.2.1");
	spec->dst4 = parse_ipv4("dst-ip", "192.0.2.2");
	spec->src6 = parse_ipv6("src-ip6", "2001:db8::1");
	spec->dst6 = parse_ipv6("dst-ip6", "2001:db8::2");
}

static inline uint32_t frame_marker_check(const struct frame_marker *m)
{
	uint64_t state = ((uint64_t)m->seed << 32) ^ m->seq ^ m->magic;

	return (uint32_t)random_next(&state);
}

enum frame_kind {
	FRAME_RAW,
	FRAME_UDP4,
	FRAME_TCP4,
	FRAME_UDP6,
	FRAME_TCP6,
	FRAME_N_KINDS,
};

/* Bytes of header after the EtherType. */
static inline uint32_t frame_header_len(enum frame_kind kind)
{
	static const uint8_t len[FRAME_N_KINDS] = { 0, 28, 40, 48, 60 };

	return len[kind];
}

/* The kinds that fit @size, or raw if none of the wanted does. */
static inline enum frame_kind frame_pick(const struct frame_spec *spec,
					 uint32_t size, uint64_t *rng)
{
	enum frame_kind fits[FRAME_N_KINDS];
	uint32_t n = 0;

	if (spec->mix != FRAME_MIX_IP)
		fits[n++] = FRAME_RAW;
	if (spec->mix != FRAME_MIX_RAW)
		for (int kind = FRAME_UDP4; kind < FRAME_N_KINDS; kind++)
			if (ETH_HLEN + frame_header_len(kind) +
				    sizeof(struct frame_marker) <=
			    size)
				fits[n++] = kind;
	return n ? fits[random_next(rng) % n] : FRAME_RAW;
}

/* Headers at @l3 for @len bytes from there on; the rest is there already. */
static inline void frame_put_ip(const struct frame_spec *spec, uint8_t *l3,
				size_t len, enum frame_kind kind, uint64_t *rng)
{
	bool v6 = kind == FRAME_UDP6 || kind == FRAME_TCP6;
	bool udp = kind == FRAME_UDP4 || kind == FRAME_UDP6;
	uint8_t proto = udp ? IPPROTO_UDP : IPPROTO_TCP;
	size_t l4_len =
		len - (v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr));
	uint16_t sport = (uint16_t)(1024 + random_next(rng) % 60000);
	uint16_t dport = (uint16_t)(1024 + random_next(rng) % 60000);
	uint8_t *l4;

	if (v6)
		l4 = packet_put_ip6(l3, &spec->src6, &spec->dst6, proto, l4_len,
				    64);
	else
		l4 = packet_put_ip4(l3, spec->src4, spec->dst4, proto, l4_len);
	if (udp)
		packet_put_udp(l4, sport, dport, l4_len);
	else
		packet_put_tcp(l4, sport, dport, (uint32_t)random_next(rng));
	if (v6)
		packet_finish_ip6(l3, l4_len);
	else
		packet_finish_ip4(l3, l4_len, 0);
}

/* Makes frame number @seq at @buf (FRAME_MAX + 4 bytes of room). Returns its
 * length, with the tag. */
static inline size_t frame_make(const struct frame_spec *spec, uint32_t seq,
				uint8_t *buf)
{
	static const uint16_t ethertypes[FRAME_N_KINDS] = {
		FRAME_ETHERTYPE, ETH_P_IP, ETH_P_IP, ETH_P_IPV6, ETH_P_IPV6,
	};
	struct frame_marker marker = {
		.magic = FRAME_MAGIC,
		.seed = spec->seed,
		.seq = seq,
	};
	uint64_t rng = ((uint64_t)spec->seed << 32) | seq;
	uint32_t size = spec->min, spread = spec->max - spec->min + 1;
	enum frame_kind kind;
	uint8_t *p;

	if (seq == 1)
		size = spec->max;
	else if (seq)
		size += (uint32_t)(random_next(&rng) % spread);
	kind = frame_pick(spec, size, &rng);
	p = packet_put_eth(buf, spec->dmac, spec->smac, spec->vlan,
			   ethertypes[kind]);
	random_fill(&rng, p, size - ETH_HLEN);
	marker.check = frame_marker_check(&marker);
	memcpy(p + frame_header_len(kind), &marker, sizeof(marker));
	if (kind != FRAME_RAW)
		frame_put_ip(spec, p, size - ETH_HLEN, kind, &rng);
	return (size_t)(p - buf) + size - ETH_HLEN;
}

/* Bytes of the up to two tags that a received frame has. */
static inline size_t frame_tags_len(const uint8_t *buf, size_t len)
{
	size_t tags = 0;
	uint16_t ethertype;

	while (tags < 8 && 14 + tags <= len) {
		memcpy(&ethertype, buf + 12 + tags, 2);
		if (ethertype != htons(ETH_P_8021Q))
			break;
		tags += 4;
	}
	return tags;
}

/* Finds the number of a received frame. False: it carries no marker of this
 * seed. */
static inline bool frame_identify(const struct frame_spec *spec,
				  const uint8_t *buf, size_t len,
				  uint32_t *ret_seq)
{
	struct frame_marker marker;
	size_t off = ETH_HLEN;

	off += frame_tags_len(buf, len);
	for (int kind = 0; kind < FRAME_N_KINDS; kind++) {
		size_t at = off + frame_header_len(kind);

		if (at + sizeof(marker) > len)
			continue;
		memcpy(&marker, buf + at, sizeof(marker));
		if (marker.magic != FRAME_MAGIC || marker.seed != spec->seed ||
		    marker.check != frame_marker_check(&marker))
			continue;
		*ret_seq = marker.seq;
		return true;
	}
	return false;
}

#endif
