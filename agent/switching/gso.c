// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Cutting big TCP packets: see gso.h. */
#include <errno.h>
#include <string.h>

#include <pktagent/parse.h>

#include "base/base.h"
#include "switching/csum.h"
#include "switching/gso.h"
#include "switching/tcp.h"

/*
 * Holds the length in the IP header at @ip against @len, the bytes from there
 * to the packet's end, and replaces it by @avail, the bytes at hand: the
 * parser wants to see whole packets, and none above 65,535 bytes.
 */
static int fit_length(uint8_t *ip, uint32_t avail, uint32_t len, uint16_t type)
{
	switch (type) {
	case PKT_ETHERTYPE_IPV4:
		if (avail < IP4_HDR_LEN)
			return -EBADMSG;
		if (pkt_be16(ip + IP4_LENGTH) != len)
			return -EINVAL;
		be16_put(ip + IP4_LENGTH, (uint16_t)avail);
		return 0;
	case PKT_ETHERTYPE_IPV6:
		if (avail < IP6_HDR_LEN)
			return -EBADMSG;
		if (IP6_HDR_LEN + pkt_be16(ip + IP6_LENGTH) != len)
			return -EINVAL;
		be16_put(ip + IP6_LENGTH, (uint16_t)(avail - IP6_HDR_LEN));
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* Whether all headers between IPv6 and TCP, which the parser found whole, mean
 * the same in each segment. A routing header would change the checksum. */
static bool exts_can_repeat(const uint8_t *ip, const uint8_t *tcp)
{
	const uint8_t *ext = ip + IP6_HDR_LEN;
	uint8_t proto = ip[IP6_NEXT];

	while (ext < tcp) {
		if (proto != PKT_PROTO_HOPOPTS && proto != PKT_PROTO_DSTOPTS)
			return false;
		proto = ext[0];
		ext += (ext[1] + 1) * 8;
	}
	return true;
}

/* Parses the first @avail bytes, at most GSO_MAX_HEADERS, of a packet of @len
 * bytes. Changes the length in its IP header. */
static int parse(uint8_t *data, uint32_t avail, uint32_t len,
		 struct pkt_parsed *p)
{
	uint8_t *end = data + avail;
	uint8_t *ip;
	int err;

	*p = (struct pkt_parsed){ 0 };
	if (pkt_parse_eth(data, end, p))
		return -EBADMSG;
	ip = data + p->l3_off;
	err = fit_length(ip, avail - p->l3_off, len - p->l3_off, p->ethertype);
	if (err)
		return err;
	if (p->ethertype == PKT_ETHERTYPE_IPV4)
		err = pkt_parse_ipv4(ip, end, 0, p);
	else
		err = pkt_parse_ipv6(ip, end, 0, p);
	if (err)
		return -EBADMSG;
	if (p->l4_proto != PKT_PROTO_TCP || p->flags & PKT_F_FRAGMENT)
		return -EOPNOTSUPP;
	if (data[p->l4_off + TCP_FLAGS] & (TCP_SYN | TCP_RST))
		return -EOPNOTSUPP;
	if (p->l3 == PKT_L3_IPV6 && !exts_can_repeat(ip, data + p->l4_off))
		return -EOPNOTSUPP;
	return 0;
}

static int check_ext(const struct packet_ext *ext, uint32_t len,
		     const struct pkt_parsed *p, uint32_t hdr_len)
{
	const uint8_t gso = p->l3 == PKT_L3_IPV4 ? PACKET_GSO_TCP4
						 : PACKET_GSO_TCP6;

	if (ext->gso != gso || ext->gso_size < GSO_MIN_SIZE)
		return -EINVAL;
	if (!ext->csum || ext->csum_start != p->l4_off ||
	    ext->csum_offset != TCP_CSUM)
		return -EINVAL;
	if (ext->hdr_len && (ext->hdr_len < hdr_len || ext->hdr_len > len))
		return -EINVAL;
	return hdr_len < len ? 0 : -EINVAL; /* some payload */
}

/* Copies the headers to @headers (GSO_MAX_HEADERS bytes), parses and checks
 * them there. */
static int take_headers(const void *data, uint32_t avail, uint32_t len,
			const struct packet_ext *ext, uint8_t *headers,
			struct pkt_parsed *p, uint32_t *ret_hdr_len)
{
	uint32_t hdr_len;
	int err;

	avail = min_u32(avail, GSO_MAX_HEADERS);
	memcpy(headers, data, avail);
	err = parse(headers, avail, len, p);
	if (err)
		return err;
	hdr_len = p->l4_off + tcp_hdr_len(headers + p->l4_off);
	err = check_ext(ext, len, p, hdr_len);
	if (err)
		return err;
	*ret_hdr_len = hdr_len;
	return 0;
}

int gso_check(const void *data, uint32_t avail, uint32_t len,
	      struct packet_ext *ext)
{
	uint8_t headers[GSO_MAX_HEADERS];
	struct pkt_parsed p;
	uint32_t hdr_len;
	int err;

	err = take_headers(data, avail, len, ext, headers, &p, &hdr_len);
	if (err)
		return err;
	ext->hdr_len = (uint16_t)hdr_len;
	ext->ecn = headers[p.l4_off + TCP_FLAGS] & TCP_CWR;
	return 0;
}

/* Takes the fields that differ between segments out of the headers, and sums
 * up the rest. */
static void make_template(struct gso *gso)
{
	uint8_t *ip = gso->headers + gso->l3_off;
	uint8_t *tcp = gso->headers + gso->l4_off;
	const uint8_t *addrs = ip + IP6_ADDRS;

	if (gso->l3 == PKT_L3_IPV4) {
		addrs = ip + IP4_ADDRS;
		gso->id = pkt_be16(ip + IP4_ID);
		be16_put(ip + IP4_LENGTH, 0);
		be16_put(ip + IP4_ID, 0);
		be16_put(ip + IP4_CSUM, 0);
		gso->ip_sum = csum_words(ip, (size_t)(tcp - ip), 0);
	}
	gso->seq = be32_get(tcp + TCP_SEQ);
	gso->tcp_flags = tcp[TCP_FLAGS];
	gso->urgent = pkt_be16(tcp + TCP_URGENT);
	be32_put(tcp + TCP_SEQ, 0);
	tcp[TCP_FLAGS] = 0;
	be16_put(tcp + TCP_CSUM, 0);
	be16_put(tcp + TCP_URGENT, 0);
	gso->tcp_sum = csum_words(tcp, gso->hdr_len - gso->l4_off,
				  pkt_sum_addrs(addrs, gso->l3) +
					  pkt_swap16(PKT_PROTO_TCP));
}

int gso_begin(struct gso *gso, const struct iovec *pieces, uint32_t n,
	      uint32_t len, const struct packet_ext *ext)
{
	struct pkt_parsed p;
	uint32_t hdr_len;
	size_t sum = 0;
	int err;

	for (uint32_t i = 0; i < n; i++)
		sum += pieces[i].iov_len;
	if (!n || sum != len)
		return -EINVAL;
	err = take_headers(pieces[0].iov_base,
			   min_u32(pieces[0].iov_len, GSO_MAX_HEADERS), len,
			   ext, gso->headers, &p, &hdr_len);
	if (err)
		return err;
	gso->pieces = pieces;
	gso->piece_off = hdr_len;
	gso->left = len - hdr_len;
	gso->done = 0;
	gso->gso_size = ext->gso_size;
	gso->hdr_len = (uint16_t)hdr_len;
	gso->l3_off = p.l3_off;
	gso->l4_off = p.l4_off;
	gso->l3 = p.l3;
	make_template(gso);
	return 0;
}

/* Copies the next @len bytes of payload, and returns their sum. */
static uint16_t copy_payload(struct gso *gso, uint8_t *dst, uint32_t len)
{
	uint64_t sum = 0;
	size_t at = 0;

	while (at < len) {
		const uint8_t *src = gso->pieces->iov_base;
		size_t part = gso->pieces->iov_len - gso->piece_off;

		if (part > len - at)
			part = len - at;
		if (!part) {
			gso->pieces++;
			gso->piece_off = 0;
			continue;
		}
		sum += csum_at(
			csum_copy(dst + at, src + gso->piece_off, part, 0), at);
		gso->piece_off += part;
		at += part;
	}
	return pkt_sum_fold(sum);
}

/* The IP header's own fields, for @len bytes from there on. */
static void put_ip(struct gso *gso, uint8_t *ip, uint32_t len)
{
	uint16_t csum;

	if (gso->l3 == PKT_L3_IPV6) {
		be16_put(ip + IP6_LENGTH, (uint16_t)(len - IP6_HDR_LEN));
		return;
	}
	be16_put(ip + IP4_LENGTH, (uint16_t)len);
	be16_put(ip + IP4_ID, gso->id);
	csum = (uint16_t)~pkt_sum_fold((uint64_t)gso->ip_sum +
				       pkt_swap16(gso->id) +
				       pkt_swap16((uint16_t)len));
	memcpy(ip + IP4_CSUM, &csum, 2);
	gso->id++;
}

/* TCP's, for @size bytes of payload with the sum @sum. */
static void put_tcp(struct gso *gso, uint8_t *tcp, uint32_t size, uint64_t sum)
{
	uint32_t len = gso->hdr_len - gso->l4_off + size;
	uint32_t urgent = gso->urgent;
	uint8_t flags = gso->tcp_flags;
	uint16_t csum;

	if (gso->done)
		flags &= (uint8_t)~TCP_CWR;
	if (size < gso->left)
		flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	/* The pointer counts from the segment's own sequence number. */
	if (flags & TCP_URG && gso->done) {
		if (urgent <= gso->done)
			flags &= (uint8_t)~TCP_URG;
		urgent -= min_u32(urgent, gso->done);
	}
	be16_put(tcp + TCP_URGENT, (uint16_t)urgent);
	be32_put(tcp + TCP_SEQ, gso->seq);
	tcp[TCP_FLAGS] = flags;

	sum += gso->tcp_sum;
	sum += pkt_swap16((uint16_t)len);
	sum += pkt_raw32(tcp + TCP_SEQ);
	sum += pkt_swap16(flags);
	sum += pkt_swap16((uint16_t)urgent);
	csum = (uint16_t)~pkt_sum_fold(sum);
	memcpy(tcp + TCP_CSUM, &csum, 2);
}

int gso_next(struct gso *gso, void *dst, uint32_t capacity)
{
	uint32_t size = min_u32(gso->left, gso->gso_size);
	uint32_t len = gso->hdr_len + size;
	uint8_t *data = dst;
	uint16_t sum;

	if (!size)
		return 0;
	if (len > capacity)
		return -ENOBUFS;
	memcpy(data, gso->headers, gso->hdr_len);
	sum = copy_payload(gso, data + gso->hdr_len, size);
	put_ip(gso, data + gso->l3_off, len - gso->l3_off);
	put_tcp(gso, data + gso->l4_off, size, sum);
	gso->seq += size;
	gso->done += size;
	gso->left -= size;
	return (int)len;
}
