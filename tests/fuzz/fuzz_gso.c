// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Any bytes as a large packet, and any words about it. The input is struct
 * says, and then the packet's first bytes. Besides what the sanitizers find:
 * what is refused is refused for a stated reason; each segment of what is not
 * parses, has the right checksum and its part of the payload; and both
 * functions that check agree.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pktagent/parse.h>

#include "switching/csum.h"
#include "switching/gso.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What random bytes would never get right is right if these are set. */
#define MEND_LENGTH 0x01 /* of the IP header */
#define MEND_EXT    0x02 /* checksum's place, kind of IP */

struct says {
	uint8_t mend;
	uint8_t gso;
	uint8_t csum;
	uint8_t first; /* bytes of the first piece, but for 128 */
	uint16_t gso_size;
	uint16_t hdr_len;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t more;	/* bytes of payload behind the input */
	uint16_t piece; /* length of further pieces */
};

#define FIRST	   64
#define MAX_MORE   10000
#define MAX_LEN	   (4096 + MAX_MORE)
#define MAX_PIECES 64

static uint8_t packet[MAX_LEN];
static uint8_t segment[MAX_LEN];

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Where IP begins; 0 = nowhere. */
static uint32_t find_ip(uint32_t len)
{
	struct pkt_parsed p = { 0 };

	if (pkt_parse_eth(packet, packet + len, &p) || len < p.l3_off + 40u)
		return 0;
	return p.l3_off;
}

static void mend(const struct says *says, uint32_t len, struct packet_ext *ext)
{
	uint32_t l3_off = find_ip(len);
	uint8_t *ip = packet + l3_off;
	uint32_t ip_len = len - l3_off;
	bool v4 = ip[0] >> 4 == 4;

	if (!l3_off)
		return;
	if (says->mend & MEND_LENGTH) {
		if (!v4)
			ip_len -= 40;
		ip[v4 ? 2 : 4] = (uint8_t)(ip_len >> 8);
		ip[v4 ? 3 : 5] = (uint8_t)ip_len;
	}
	if (says->mend & MEND_EXT) {
		ext->gso = v4 ? PACKET_GSO_TCP4 : PACKET_GSO_TCP6;
		ext->csum = true;
		ext->csum_offset = 16;
		if (v4)
			ext->csum_start = (uint16_t)(l3_off + (ip[0] & 15) * 4);
		else if (ip[6] == PKT_PROTO_TCP)
			ext->csum_start = (uint16_t)(l3_off + 40);
		else
			ext->csum_start =
				(uint16_t)(l3_off + 40 + (ip[41] + 1) * 8);
	}
}

static uint32_t make_pieces(const struct says *says, uint32_t len,
			    struct iovec *pieces)
{
	uint32_t size = FIRST + says->first, at = 0, n = 0;

	while (at < len && n < MAX_PIECES) {
		if (size > len - at || n == MAX_PIECES - 1)
			size = len - at;
		pieces[n].iov_base = packet + at;
		if (!n) { /* memory of its own, for the sanitizer */
			pieces[n].iov_base = malloc(size);
			require(pieces[n].iov_base);
			memcpy(pieces[n].iov_base, packet, size);
		}
		pieces[n++].iov_len = size;
		at += size;
		size = says->piece;
	}
	return n;
}

static void check_segment(const struct gso *gso, uint32_t len)
{
	const uint32_t at = gso->done - (len - gso->hdr_len);
	struct pkt_parsed p;

	require(!pkt_parse(segment, segment + len, 0, &p));
	require(p.l4_proto == PKT_PROTO_TCP && p.l4_off == gso->l4_off);
	require(p.l4_off + (uint32_t)p.l4_len == len);
	require(csum_tcp_is_right(segment + p.l4_off, p.l4_len,
				  segment + p.src_off, p.l3));
	if (p.l3 == PKT_L3_IPV4)
		require(csum_words(segment + p.l3_off,
				   (uint32_t)p.l4_off - p.l3_off, 0) == 0xffff);
	require(!memcmp(segment + gso->hdr_len, packet + gso->hdr_len + at,
			len - gso->hdr_len));
}

static void check_cut(struct gso *gso, uint32_t total)
{
	uint32_t n = gso_count(gso), max = gso_max_len(gso);
	int len;

	require(n > 0 && n <= 65535 / GSO_MIN_SIZE + 1);
	require(gso_next(gso, segment, max - 1) == -ENOBUFS);
	for (; n; n--) {
		len = gso_next(gso, segment, max);
		require(len > (int)gso->hdr_len && (uint32_t)len <= max);
		require(gso_count(gso) == n - 1);
		check_segment(gso, (uint32_t)len);
	}
	require(gso_next(gso, segment, max) == 0);
	require(gso->hdr_len + gso->done == total);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct iovec pieces[MAX_PIECES];
	struct packet_ext ext = { 0 };
	struct says says;
	struct gso gso;
	uint32_t len, n;
	int err;

	if (size < sizeof(says) || size > 4096)
		return -1;
	memcpy(&says, data, sizeof(says));
	size -= sizeof(says);
	len = (uint32_t)size + says.more % MAX_MORE;
	memcpy(packet, data + sizeof(says), size);
	for (uint32_t i = (uint32_t)size; i < len; i++)
		packet[i] = (uint8_t)(i * 7 + (i >> 8));

	ext.gso = says.gso;
	ext.csum = says.csum & 1;
	ext.gso_size = says.gso_size;
	ext.hdr_len = says.hdr_len;
	ext.csum_start = says.csum_start;
	ext.csum_offset = says.csum_offset;
	mend(&says, len, &ext);
	n = make_pieces(&says, len, pieces);
	err = gso_begin(&gso, pieces, n, len, &ext);
	require(!err || err == -EINVAL || err == -EBADMSG ||
		err == -EOPNOTSUPP);
	if (n)
		require(gso_check(pieces[0].iov_base,
				  (uint32_t)pieces[0].iov_len, len,
				  &ext) == err);
	if (!err) {
		require(ext.hdr_len == gso.hdr_len);
		check_cut(&gso, len);
	}
	if (n)
		free(pieces[0].iov_base);
	return 0;
}
