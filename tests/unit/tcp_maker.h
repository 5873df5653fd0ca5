/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP packets of any size for the tests of what cuts and merges them, made
 * field by field, with checksums summed up byte by byte: nothing here is
 * shared with what is tested.
 */
#ifndef TESTS_UNIT_TCP_MAKER_H
#define TESTS_UNIT_TCP_MAKER_H

#include "memory/packet.h"
#include "unit.h"

#define TCP_MAKER_ROOM	(PACKET_MAX_LEN + 64)

/* What a packet is made from. */
struct tcp_shape {
	uint8_t n_tags;
	bool v6;
	uint8_t ip_options;	/* bytes; IPv6: 8 or more of hop-by-hop, ... */
	uint8_t dst_options;	/* ... and of destination options */
	uint8_t tcp_options;	/* bytes */
	uint8_t tos;
	uint8_t ttl;
	uint8_t tcp_flags;
	uint8_t reserved;	/* the four bits behind the data offset */
	bool df;
	bool pseudo;		/* the TCP checksum is left unfinished */
	uint16_t id;
	uint16_t window;
	uint16_t urgent;
	uint16_t sport;
	uint32_t seq;
	uint32_t ack;
	uint32_t flow_label;
	uint64_t option_seed;	/* the options' bytes are made from it */
	uint32_t padding;	/* behind the packet */
	const uint8_t *payload;
	uint32_t size;
};

struct tcp_packet {
	uint8_t data[TCP_MAKER_ROOM];
	uint32_t len;		/* with padding */
	uint32_t l3_off;
	uint32_t l4_off;
	uint32_t hdr_len;
};

static inline void put8(struct tcp_packet *p, uint32_t value)
{
	p->data[p->len++] = (uint8_t)value;
}

static inline void put16(struct tcp_packet *p, uint32_t value)
{
	put8(p, value >> 8);
	put8(p, value & 0xff);
}

static inline void put32(struct tcp_packet *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p, value & 0xffff);
}

static inline void set16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* RFC 1071 word by word, big endian, each carry at once. */
static inline uint16_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static inline uint16_t slow_pseudo(const uint8_t *addrs, bool v6, uint32_t len)
{
	return slow_sum(addrs, v6 ? 32 : 8, 6 + len);
}

static inline void make_ip4(struct tcp_packet *p, const struct tcp_shape *s)
{
	uint32_t l4_len = 20u + s->tcp_options + s->size;

	put8(p, 0x45 + s->ip_options / 4);
	put8(p, s->tos);
	put16(p, 20u + s->ip_options + l4_len);
	put16(p, s->id);
	put16(p, s->df ? 0x4000 : 0);
	put8(p, s->ttl);
	put8(p, 6);
	put16(p, 0);
	put32(p, 0x0a000001);
	put32(p, 0x0a0000fe);
	for (uint32_t i = 0; i < s->ip_options; i++)
		put8(p, 1);
	set16(p->data + p->l3_off + 10,
	      (uint16_t)~slow_sum(p->data + p->l3_off, 20u + s->ip_options, 0));
}

static inline void make_ext(struct tcp_packet *p, uint32_t next, uint32_t len)
{
	put8(p, next);
	put8(p, len / 8 - 1);
	put8(p, 1);
	put8(p, len - 4);
	for (uint32_t i = 4; i < len; i++)
		put8(p, 0);
}

static inline void make_ip6(struct tcp_packet *p, const struct tcp_shape *s)
{
	uint32_t last = s->dst_options ? 60 : 6;

	put32(p, 6u << 28 | (uint32_t)s->tos << 20 | s->flow_label);
	put16(p, s->ip_options + s->dst_options + 20u + s->tcp_options +
			 s->size);
	put8(p, s->ip_options ? 0 : last);
	put8(p, s->ttl);
	for (uint32_t i = 0; i < 32; i++)
		put8(p, i * 37);
	if (s->ip_options)
		make_ext(p, last, s->ip_options);
	if (s->dst_options)
		make_ext(p, 6, s->dst_options);
}

static inline void make_tcp(struct tcp_packet *p, const struct tcp_shape *s)
{
	uint64_t seed = s->option_seed + 1;

	put16(p, s->sport);
	put16(p, 80);
	put32(p, s->seq);
	put32(p, s->ack);
	put8(p, (5u + s->tcp_options / 4) << 4 | s->reserved);
	put8(p, s->tcp_flags);
	put16(p, s->window);
	put16(p, 0);
	put16(p, s->urgent);
	for (uint32_t i = 0; i < s->tcp_options; i++)
		put8(p, (uint32_t)unit_random(&seed) & 0xff);
}

static inline void tcp_make(struct tcp_packet *p, const struct tcp_shape *s)
{
	uint32_t l4_len = 20u + s->tcp_options + s->size;
	uint16_t sum;

	memcpy(p->data, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
	p->len = 12;
	for (uint32_t i = 0; i < s->n_tags; i++) {
		put16(p, i + 1u < s->n_tags ? 0x88a8 : 0x8100);
		put16(p, 5 + i);
	}
	put16(p, s->v6 ? 0x86dd : 0x0800);
	p->l3_off = p->len;
	if (s->v6)
		make_ip6(p, s);
	else
		make_ip4(p, s);
	p->l4_off = p->len;
	make_tcp(p, s);
	p->hdr_len = p->len;
	memcpy(p->data + p->len, s->payload, s->size);
	p->len += s->size;

	sum = slow_pseudo(p->data + p->l3_off + (s->v6 ? 8 : 12), s->v6,
			  l4_len);
	if (!s->pseudo)
		sum = (uint16_t)~slow_sum(p->data + p->l4_off, l4_len, sum);
	set16(p->data + p->l4_off + 16, sum);
	for (uint32_t i = 0; i < s->padding; i++)
		put8(p, 0xee);
}

/* What a guest says of such a packet. */
static inline struct packet_ext tcp_ext(const struct tcp_packet *p, bool v6,
					uint16_t gso_size)
{
	return (struct packet_ext){
		.gso = v6 ? PACKET_GSO_TCP6 : PACKET_GSO_TCP4,
		.csum = true,
		.gso_size = gso_size,
		.hdr_len = (uint16_t)p->hdr_len,
		.csum_start = (uint16_t)p->l4_off,
		.csum_offset = 16,
	};
}

/* Random but for the payload and its size. */
static inline struct tcp_shape tcp_shape_random(uint64_t *seed, bool may_ext)
{
	struct tcp_shape s = {
		.n_tags = (uint8_t)unit_below(seed, 3),
		.v6 = unit_below(seed, 2),
		.tcp_options = (uint8_t)(unit_below(seed, 11) * 4),
		.tos = (uint8_t)unit_random(seed),
		.ttl = (uint8_t)unit_random(seed),
		.tcp_flags = 0x10,
		.reserved = (uint8_t)unit_below(seed, 16),
		.df = unit_below(seed, 2),
		.id = (uint16_t)unit_random(seed),
		.window = (uint16_t)unit_random(seed),
		.sport = (uint16_t)unit_random(seed),
		.seq = (uint32_t)unit_random(seed),
		.ack = (uint32_t)unit_random(seed),
		.flow_label = (uint32_t)unit_below(seed, 1 << 20),
		.option_seed = unit_random(seed) >> 1,
	};

	if (may_ext && s.v6) {
		s.ip_options = (uint8_t)(unit_below(seed, 4) * 8);
		s.dst_options = (uint8_t)(unit_below(seed, 4) * 8);
	} else if (may_ext) {
		s.ip_options = (uint8_t)(unit_below(seed, 11) * 4);
	}
	return s;
}

#endif
