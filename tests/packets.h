/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets for tests, written as words from the outside in:
 *
 *	"dst=vm1 src=wire tag=10,5 ip4 opt=4 udp=68,67 data=20"
 *
 *   dst= src=      MAC by name, see packet_mac(); without, vm1 and wire
 *   tag=VID[,PCP]  802.1Q; stag= the same with TPID 0x88a8
 *   type=N         any EtherType
 *   arp[=SENDER]   request; its sender MAC is src=
 *   ip4[=SRC[,DST]]  ip6[=SRC[,DST]]
 *   opt=BYTES      IPv4 options, directly behind ip4
 *   frag=OFFSET,MORE   in IPv4's header, or as IPv6's fragment header
 *   hbh= rt= dopt= ah=BYTES    IPv6 extension headers of that size
 *   none proto=N   next header 59; any other
 *   tcp= udp= sctp=SPORT,DPORT  icmp=TYPE  icmp6=TYPE
 *   data=BYTES     payload
 *   hex=DIGITS     bytes as they are
 * and, behind all of them:
 *   csum=partial   the L4 checksum as the kernel leaves it to a device
 *   csum=zero      none
 *   pad=BYTES      bytes behind the packet
 *   poke=AT,VALUE  overwrite one byte
 *   cut=LENGTH     cut off; fit: then say so in the IP header
 *
 * Lengths and checksums are right unless told otherwise.
 */
#ifndef TESTS_PACKETS_H
#define TESTS_PACKETS_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_MAX	4096

struct made_packet {
	uint8_t data[PACKET_MAX];
	uint32_t len;
};

/* Where the maker of a packet has got to. Offsets; 0 = not there. */
struct packet_maker {
	struct made_packet *p;
	uint32_t type_at;	/* EtherType to fill in */
	uint32_t proto_at;	/* IP protocol to fill in */
	uint32_t ip_at;
	uint32_t l4_at;
	uint8_t family;		/* 4 or 6 */
	uint8_t l4_proto;
	bool is_frag;
	bool is_done;
};

static inline void packet_error(const char *word)
{
	fprintf(stderr, "packets.h: cannot make '%s'\n", word);
	abort();
}

static inline void packet_mac(const char *name, uint8_t mac[6])
{
	static const char *const hosts[] = {
		"none", "vm1", "vm2", "vm3", "vm4", "vm5", "vm6", "vm7", "vm8",
		"host", "host2", "wire", "wire2", "new", "static", "gone",
	};
	size_t i;

	memset(mac, 0, 6);
	if (!strcmp(name, "bcast")) {
		memset(mac, 0xff, 6);
		return;
	}
	if (!strcmp(name, "mcast")) {
		memcpy(mac, "\x01\x00\x5e\x00\x00\x05", 6);
		return;
	}
	if (!strcmp(name, "lldp")) {
		memcpy(mac, "\x01\x80\xc2\x00\x00\x0e", 6);
		return;
	}
	if (!strcmp(name, "notlldp")) {
		memcpy(mac, "\x01\x80\xc2\x00\x00\x10", 6);
		return;
	}
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (!strcmp(name, hosts[i])) {
			mac[0] = 2;
			mac[5] = i;
			return;
		}
	}
	packet_error(name);
}

static inline void packet_put16(uint8_t *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static inline uint8_t *packet_add(struct made_packet *p, uint32_t len)
{
	uint8_t *at = p->data + p->len;

	if (p->len + len > PACKET_MAX)
		packet_error("too long");
	memset(at, 0, len);
	p->len += len;
	return at;
}

static inline uint32_t packet_sum(const uint8_t *data, uint32_t len)
{
	uint32_t sum = 0, i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? data[i] : data[i] << 8;
	return sum;
}

static inline uint16_t packet_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline uint8_t *packet_csum_field(const struct packet_maker *m)
{
	uint8_t *l4 = m->p->data + m->l4_at;

	if (!m->l4_at)
		return NULL;
	switch (m->l4_proto) {
	case 6:
		return l4 + 16;
	case 17:
		return l4 + 6;
	case 58:
	case 1:
		return l4 + 2;
	default:
		return NULL;
	}
}

static inline uint32_t packet_pseudo_sum(const struct packet_maker *m)
{
	const uint8_t *ip = m->p->data + m->ip_at;
	uint32_t len = m->p->len - m->l4_at;

	if (m->l4_proto == 1)
		return 0;
	if (m->family == 4)
		return packet_sum(ip + 12, 8) + m->l4_proto + len;
	return packet_sum(ip + 8, 32) + m->l4_proto + len;
}

static inline void packet_set_lengths(struct packet_maker *m)
{
	uint8_t *ip = m->p->data + m->ip_at;

	if (!m->ip_at)
		return;
	if (m->family == 4 && m->p->len >= m->ip_at + 20)
		packet_put16(ip + 2, m->p->len - m->ip_at);
	if (m->family == 6 && m->p->len >= m->ip_at + 40)
		packet_put16(ip + 4, m->p->len - m->ip_at - 40);
}

/* Lengths and checksums, once all headers are there. */
static inline void packet_done(struct packet_maker *m)
{
	uint8_t *l4 = m->p->data + m->l4_at;
	uint8_t *field;
	uint32_t sum;

	if (m->is_done)
		return;
	m->is_done = true;
	packet_set_lengths(m);
	if (m->l4_at && m->l4_proto == 17)
		packet_put16(l4 + 4, m->p->len - m->l4_at);
	if (m->family == 4) {
		uint8_t *ip = m->p->data + m->ip_at;
		uint32_t ihl = (ip[0] & 15) * 4;

		packet_put16(ip + 10, ~packet_fold(packet_sum(ip, ihl)));
	}
	if (m->l4_at && m->l4_proto == 132)
		memcpy(l4 + 8, "\x12\x34\x56\x78", 4);
	field = packet_csum_field(m);
	if (!field || m->is_frag)
		return;
	sum = packet_pseudo_sum(m) + packet_sum(l4, m->p->len - m->l4_at);
	sum = (uint16_t)~packet_fold(sum);
	packet_put16(field, sum ? sum : 0xffff);
}

static inline void packet_set_csum(struct packet_maker *m, const char *how)
{
	uint8_t *field = packet_csum_field(m);
	bool partial = !strcmp(how, "partial");

	packet_done(m);
	if (m->l4_proto == 132)
		memset(m->p->data + m->l4_at + 8, 0, 4);
	else if (!field)
		packet_error("csum");
	else
		packet_put16(field,
			     partial ? packet_fold(packet_pseudo_sum(m)) : 0);
}

/* The next layer is EtherType @type. */
static inline uint8_t *packet_l3(struct packet_maker *m, uint32_t type,
				 uint32_t len)
{
	packet_put16(m->p->data + m->type_at, type);
	return packet_add(m->p, len);
}

/* The next header is @proto. */
static inline uint8_t *packet_next(struct packet_maker *m, uint8_t proto,
				   uint32_t len)
{
	if (!m->proto_at)
		packet_error("L4 without IP");
	m->p->data[m->proto_at] = proto;
	return packet_add(m->p, len);
}

static inline void packet_tag(struct packet_maker *m, uint32_t tpid,
			      uint32_t vid, uint32_t pcp)
{
	uint8_t *tag = packet_l3(m, tpid, 4);

	packet_put16(tag, vid | pcp << 13);
	m->type_at = m->p->len - 2;
}

static inline void packet_ip(struct packet_maker *m, int family, char *src,
			     char *dst)
{
	uint8_t *ip = packet_l3(m, family == 4 ? 0x0800 : 0x86dd,
				family == 4 ? 20 : 40);
	int af = family == 4 ? AF_INET : AF_INET6;

	if (!src || !*src)
		src = family == 4 ? "10.0.0.1" : "fd00::1";
	if (!dst)
		dst = family == 4 ? "10.0.0.2" : "fd00::2";
	m->family = family;
	m->ip_at = ip - m->p->data;
	ip[0] = family == 4 ? 0x45 : 0x60;
	ip[family == 4 ? 8 : 7] = 64;
	m->proto_at = m->ip_at + (family == 4 ? 9 : 6);
	if (family == 4)
		ip[9] = 253;
	else
		ip[6] = 253;
	if (inet_pton(af, src, ip + (family == 4 ? 12 : 8)) != 1 ||
	    inet_pton(af, dst, ip + (family == 4 ? 16 : 24)) != 1)
		packet_error(src);
}

static inline void packet_arp(struct packet_maker *m, const char *sender)
{
	uint8_t *arp = packet_l3(m, 0x0806, 28);

	memcpy(arp, "\x00\x01\x08\x00\x06\x04\x00\x01", 8);
	memcpy(arp + 8, m->p->data + 6, 6);
	if (inet_pton(AF_INET, sender ? sender : "10.0.0.1", arp + 14) != 1)
		packet_error("arp");
	memcpy(arp + 24, "\x0a\x00\x00\x02", 4);
}

static inline void packet_frag(struct packet_maker *m, uint32_t off, bool more)
{
	uint8_t *ext;

	m->is_frag = true;
	if (m->family == 4) {
		packet_put16(m->p->data + m->ip_at + 6,
			     off / 8 | (more ? 0x2000 : 0));
		return;
	}
	ext = packet_next(m, 44, 8);
	ext[0] = 253;
	packet_put16(ext + 2, off | more);
	m->proto_at = ext - m->p->data;
	m->is_frag = off || more;
}

static inline void packet_put_ext(struct packet_maker *m, uint8_t proto,
			      uint32_t len)
{
	uint8_t *ext = packet_next(m, proto, len);

	ext[0] = 253;
	ext[1] = proto == 51 ? len / 4 - 2 : len / 8 - 1;
	m->proto_at = ext - m->p->data;
}

static inline void packet_l4(struct packet_maker *m, uint8_t proto,
			     uint32_t len, uint32_t a, uint32_t b)
{
	uint8_t *l4 = packet_next(m, proto, len);

	m->l4_at = l4 - m->p->data;
	m->l4_proto = proto;
	if (proto == 1 || proto == 58) {
		l4[0] = a;
		return;
	}
	packet_put16(l4, a);
	packet_put16(l4 + 2, b);
	if (proto == 6)
		l4[12] = 0x50;
}

static inline void packet_hex(struct made_packet *p, const char *digits)
{
	unsigned int byte;

	for (; digits[0]; digits += 2) {
		if (!digits[1] || sscanf(digits, "%2x", &byte) != 1)
			packet_error(digits);
		*packet_add(p, 1) = byte;
	}
}

/* Words behind the headers. Returns false if @key is none of them. */
static inline bool packet_late_word(struct packet_maker *m, const char *key,
				    const char *a, uint32_t n, uint32_t n2)
{
	struct made_packet *p = m->p;

	if (!strcmp(key, "csum")) {
		packet_set_csum(m, a);
	} else if (!strcmp(key, "pad")) {
		packet_done(m);
		memset(packet_add(p, n), 0xee, n);
	} else if (!strcmp(key, "poke")) {
		packet_done(m);
		p->data[n] = n2;
	} else if (!strcmp(key, "cut")) {
		packet_done(m);
		p->len = n;
	} else if (!strcmp(key, "fit")) {
		packet_set_lengths(m);
	} else {
		return false;
	}
	return true;
}

static inline bool packet_l4_word(struct packet_maker *m, const char *key,
				  uint32_t n, uint32_t n2)
{
	static const struct {
		const char *key;
		uint8_t proto;
		uint8_t len;
		bool is_ext;
	} words[] = {
		{ "tcp", 6, 20, false },   { "udp", 17, 8, false },
		{ "sctp", 132, 12, false }, { "icmp", 1, 8, false },
		{ "icmp6", 58, 8, false }, { "none", 59, 0, false },
		{ "hbh", 0, 0, true },	   { "rt", 43, 0, true },
		{ "dopt", 60, 0, true },   { "ah", 51, 0, true },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(key, words[i].key))
			continue;
		if (words[i].is_ext)
			packet_put_ext(m, words[i].proto, n ? n : 8);
		else if (words[i].len)
			packet_l4(m, words[i].proto, words[i].len,
				  n ? n : 1000, n2 ? n2 : 2000);
		else
			packet_next(m, words[i].proto, 0);
		return true;
	}
	return false;
}

static inline void packet_put_word(struct packet_maker *m, const char *key,
			       char *a, char *b)
{
	uint32_t n = a ? strtoul(a, NULL, 0) : 0;
	uint32_t n2 = b ? strtoul(b, NULL, 0) : 0;
	struct made_packet *p = m->p;
	uint32_t i;

	if (packet_late_word(m, key, a, n, n2) ||
	    packet_l4_word(m, key, n, n2))
		return;
	if (!strcmp(key, "dst")) {
		packet_mac(a, p->data);
	} else if (!strcmp(key, "src")) {
		packet_mac(a, p->data + 6);
	} else if (!strcmp(key, "tag") || !strcmp(key, "stag")) {
		packet_tag(m, key[0] == 's' ? 0x88a8 : 0x8100, n, n2);
	} else if (!strcmp(key, "type")) {
		packet_l3(m, n, 0);
	} else if (!strcmp(key, "arp")) {
		packet_arp(m, a);
	} else if (!strcmp(key, "ip4") || !strcmp(key, "ip6")) {
		packet_ip(m, key[2] - '0', a, b);
	} else if (!strcmp(key, "opt")) {
		memset(packet_add(p, n), 1, n);
		p->data[m->ip_at] += n / 4;
	} else if (!strcmp(key, "frag")) {
		packet_frag(m, n, n2);
	} else if (!strcmp(key, "proto")) {
		packet_next(m, n, 0);
	} else if (!strcmp(key, "hex")) {
		packet_hex(p, a);
	} else if (!strcmp(key, "data")) {
		packet_add(p, n);
		for (i = 0; i < n; i++)
			p->data[p->len - n + i] = i * 7 + 1;
	} else {
		packet_error(key);
	}
}

/* Makes @p from @text; ends the program if that says something impossible. */
static inline void packet_make(struct made_packet *p, const char *text)
{
	struct packet_maker m = { .p = p, .type_at = 12 };
	char *copy = strdup(text), *rest = copy, *word;

	if (!copy)
		abort();
	memset(p, 0, sizeof(*p));
	packet_add(p, 14);
	packet_mac("vm1", p->data);
	packet_mac("wire", p->data + 6);
	while ((word = strsep(&rest, " "))) {
		char *a = strchr(word, '='), *b = NULL;

		if (!*word)
			continue;
		if (a)
			*a++ = 0;
		if (a)
			b = strchr(a, ',');
		if (b)
			*b++ = 0;
		packet_put_word(&m, word, a, b);
	}
	packet_done(&m);
	free(copy);
}

#endif
