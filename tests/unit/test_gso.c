// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Big packets of every kind, in pieces of every kind, against the segments
 * that a plain reading of the rules makes one by one, byte for byte; and
 * packets of guests that lie.
 */
#include <sys/uio.h>

#include "switching/gso.h"
#include "tcp_maker.h"

#define MAX_PIECES 40

static uint8_t payload[65536];
static struct tcp_packet big, want;
static uint8_t got[TCP_MAKER_ROOM];

static void fill_payload(uint64_t *seed)
{
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)unit_random(seed);
	/* A stretch that makes carries. */
	memset(payload + 5000, 0xff, 20000);
}

/* Cuts @len bytes into pieces: all headers in the first, the others of random
 * length, some of them empty. Each is memory of its own, for the sanitizer. */
static uint32_t make_pieces(uint64_t *seed, const uint8_t *data, uint32_t len,
			    uint32_t hdr_len, struct iovec *pieces)
{
	uint32_t n = 0, at = 0;

	while (at < len || !n) {
		uint32_t size = unit_below(seed, 5) ? unit_below(seed, 3000)
						    : unit_below(seed, 3);

		if (!n && size < hdr_len)
			size = hdr_len;
		if (size > len - at || n == MAX_PIECES - 1)
			size = len - at;
		pieces[n].iov_base = malloc(size ? size : 1);
		pieces[n].iov_len = size;
		assert_non_null(pieces[n].iov_base);
		memcpy(pieces[n++].iov_base, data + at, size);
		at += size;
	}
	return n;
}

static void free_pieces(struct iovec *pieces, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		free(pieces[i].iov_base);
}

/* Segment number @i by the rules, made from scratch. */
static void make_want(const struct tcp_shape *shape, uint32_t gso_size,
		      uint32_t i)
{
	struct tcp_shape s = *shape;
	uint32_t at = i * gso_size;

	s.payload += at;
	s.size -= at;
	s.seq += at;
	s.id = (uint16_t)(s.id + i);
	s.pseudo = false;
	if (s.size > gso_size) {
		s.size = gso_size;
		s.tcp_flags &= 0xff & ~(0x01 | 0x08);
	}
	if (i)
		s.tcp_flags &= 0x7f;
	if (s.tcp_flags & 0x20 && i) {
		s.urgent = shape->urgent > at ? (uint16_t)(shape->urgent - at)
					      : 0;
		if (!s.urgent)
			s.tcp_flags &= 0xff & ~0x20;
	}
	tcp_make(&want, &s);
}

static void check_cut(const struct tcp_shape *shape, uint32_t gso_size,
		      uint64_t *seed)
{
	uint32_t n_segments = (shape->size + gso_size - 1) / gso_size;
	struct iovec pieces[MAX_PIECES];
	struct packet_ext ext;
	struct gso gso;
	uint32_t n;

	tcp_make(&big, shape);
	ext = tcp_ext(&big, shape->v6, (uint16_t)gso_size);
	n = make_pieces(seed, big.data, big.len, big.hdr_len, pieces);
	assert_int_equal(gso_begin(&gso, pieces, n, big.len, &ext), 0);
	for (uint32_t i = 0; i < n_segments; i++) {
		uint32_t max = gso_max_len(&gso);
		int len;

		make_want(shape, gso_size, i);
		assert_int_equal(gso_count(&gso), n_segments - i);
		assert_int_equal(max, want.len);
		memset(got, 0xa5, max + 1);
		if (i % 16 == 0)
			assert_int_equal(gso_next(&gso, got, max - 1),
					 -ENOBUFS);
		len = gso_next(&gso, got, max);
		assert_int_equal(len, want.len);
		assert_memory_equal(got, want.data, want.len);
		assert_int_equal(got[max], 0xa5);
	}
	assert_int_equal(gso_count(&gso), 0);
	assert_int_equal(gso_next(&gso, got, sizeof(got)), 0);
	free_pieces(pieces, n);
}

static void test_random(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (int i = 0; i < (UNIT_SLOW ? 150 : 600); i++) {
		struct tcp_shape s = tcp_shape_random(&seed, true);
		uint32_t room = 65535 - 20u - s.ip_options - s.tcp_options -
				(s.v6 ? s.dst_options : 20u);
		uint32_t gso_size = 48 + unit_below(&seed, 1500);

		s.tcp_flags |= (uint8_t)(unit_random(&seed) & ~0x06);
		s.urgent = (uint16_t)unit_below(&seed, 4000);
		s.pseudo = true;
		s.payload = payload;
		s.size = 1 +
			 unit_below(&seed, unit_below(&seed, 4) ? 9000 : room);
		check_cut(&s, gso_size, &seed);
	}
}

/* The longest there is: 65,535 by the IP header, two tags. */
static void test_longest(void **state)
{
	uint64_t seed = 12;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct tcp_shape s = {
			.v6 = v6,
			.n_tags = 2,
			.tcp_flags = 0x98,
			.id = 65530,
			.seq = 0xffff0000,
			.pseudo = true,
			.payload = payload,
			.size = 65535 - (v6 ? 20 : 40),
		};

		check_cut(&s, 1448, &seed);
		check_cut(&s, 48, &seed);
		check_cut(&s, 65535, &seed);
	}
	/* Exactly full segments, and one byte around that. */
	for (uint32_t size = 2895; size <= 2897; size++) {
		struct tcp_shape s = { .tcp_flags = 0x19,
				       .pseudo = true,
				       .payload = payload,
				       .size = size };

		check_cut(&s, 1448, &seed);
	}
}

/* ---- guests that lie ---- */

enum lie {
	LIE_NONE,
	LIE_POKE,    /* byte a of the packet is b */
	LIE_POKE_L3, /* byte a of the IP header is b */
	LIE_POKE_L4, /* byte a of the TCP header is b */
	LIE_LENGTH,  /* the packet is a bytes longer than IP says */
	LIE_CUT,     /* only a bytes are there, and the IP header fits */
	LIE_FIRST,   /* a bytes are in the first piece */
	LIE_TOTAL,   /* the length given is a more than the pieces have */
	LIE_HDR_LEN,
	LIE_GSO_SIZE,
	LIE_CSUM_START,
	LIE_CSUM_OFFSET,
	LIE_NO_CSUM,
	LIE_GSO,
};

struct lie_row {
	const char *name;
	bool v6;
	uint8_t ext; /* IPv6: bytes of hop-by-hop options */
	enum lie lie;
	int a, b;
	int err;
};

static const struct lie_row lies[] = {
	{ "none", 0, 0, LIE_NONE, 0, 0, 0 },
	{ "none, 6", 1, 8, LIE_NONE, 0, 0, 0 },
	{ "EtherType unknown", 0, 0, LIE_POKE, 13, 1, -EOPNOTSUPP },
	{ "ARP", 0, 0, LIE_POKE, 13, 6, -EOPNOTSUPP },
	{ "tag, nothing behind", 0, 0, LIE_POKE, 12, 0x81, -EOPNOTSUPP },
	{ "4 by EtherType", 1, 0, LIE_POKE_L3, 0, 0x45, -EBADMSG },
	{ "6 by version", 0, 0, LIE_POKE_L3, 0, 0x65, -EBADMSG },
	{ "IHL short", 0, 0, LIE_POKE_L3, 0, 0x44, -EBADMSG },
	{ "IHL into TCP", 0, 0, LIE_POKE_L3, 0, 0x46, -1 },
	{ "total too long", 0, 0, LIE_LENGTH, -1, 0, -EINVAL },
	{ "total too short", 0, 0, LIE_LENGTH, 1, 0, -EINVAL },
	{ "total 0", 0, 0, LIE_LENGTH, 4040, 0, -EINVAL },
	{ "payload too long", 1, 0, LIE_LENGTH, -1, 0, -EINVAL },
	{ "payload too short", 1, 0, LIE_LENGTH, 1, 0, -EINVAL },
	{ "payload 0, a jumbogram", 1, 8, LIE_LENGTH, 4028, 0, -EINVAL },
	{ "more fragments", 0, 0, LIE_POKE_L3, 6, 0x20, -1 },
	{ "later fragment", 0, 0, LIE_POKE_L3, 7, 0x10, -1 },
	{ "fragment header", 1, 8, LIE_POKE_L3, 6, 44, -1 },
	{ "AH", 1, 8, LIE_POKE_L3, 6, 51, -1 },
	{ "routing header", 1, 8, LIE_POKE_L3, 6, 43, -EOPNOTSUPP },
	{ "UDP", 0, 0, LIE_POKE_L3, 9, 17, -1 },
	{ "ESP", 1, 0, LIE_POKE_L3, 6, 50, -EOPNOTSUPP },
	{ "none by next header", 1, 0, LIE_POKE_L3, 6, 59, -EOPNOTSUPP },
	{ "header too long", 1, 8, LIE_POKE_L3, 41, 255, -EBADMSG },
	{ "data offset 0", 0, 0, LIE_POKE_L4, 12, 0x00, -EBADMSG },
	{ "data offset 4", 1, 0, LIE_POKE_L4, 12, 0x40, -EBADMSG },
	{ "data offset longer", 0, 0, LIE_POKE_L4, 12, 0x60, -EINVAL },
	{ "data offset shorter is data", 0, 0, LIE_NONE, 0, 0, 0 },
	{ "SYN", 0, 0, LIE_POKE_L4, 13, 0x12, -EOPNOTSUPP },
	{ "RST", 1, 0, LIE_POKE_L4, 13, 0x14, -EOPNOTSUPP },
	{ "no payload", 0, 0, LIE_CUT, 54, 0, -EINVAL },
	{ "TCP cut", 0, 0, LIE_CUT, 53, 0, -EBADMSG },
	{ "IP only", 1, 0, LIE_CUT, 54, 0, -EBADMSG },
	{ "IP cut", 0, 0, LIE_CUT, 33, 0, -EBADMSG },
	{ "IP cut, 6", 1, 0, LIE_CUT, 53, 0, -EBADMSG },
	{ "Ethernet only", 0, 0, LIE_CUT, 14, 0, -EBADMSG },
	{ "Ethernet cut", 0, 0, LIE_CUT, 13, 0, -EBADMSG },
	{ "nothing", 0, 0, LIE_CUT, 0, 0, -EBADMSG },
	{ "first piece empty", 0, 0, LIE_FIRST, 0, 0, -EBADMSG },
	{ "first piece ends in IP", 0, 0, LIE_FIRST, 30, 0, -EBADMSG },
	{ "first piece ends in TCP", 0, 0, LIE_FIRST, 53, 0, -EBADMSG },
	{ "first piece ends behind TCP", 0, 0, LIE_FIRST, 54, 0, 0 },
	{ "longer than its pieces", 0, 0, LIE_TOTAL, 1, 0, -EINVAL },
	{ "shorter than its pieces", 0, 0, LIE_TOTAL, -1, 0, -EINVAL },
	{ "hdr_len unknown", 0, 0, LIE_HDR_LEN, 0, 0, 0 },
	{ "hdr_len a hint", 0, 0, LIE_HDR_LEN, 1000, 0, 0 },
	{ "hdr_len short", 0, 0, LIE_HDR_LEN, 53, 0, -EINVAL },
	{ "hdr_len beyond the packet", 0, 0, LIE_HDR_LEN, 4055, 0, -EINVAL },
	{ "gso_size 0", 0, 0, LIE_GSO_SIZE, 0, 0, -EINVAL },
	{ "gso_size 47", 0, 0, LIE_GSO_SIZE, 47, 0, -EINVAL },
	{ "gso_size 48", 0, 0, LIE_GSO_SIZE, 48, 0, 0 },
	{ "gso_size of the maximum", 0, 0, LIE_GSO_SIZE, 65535, 0, 0 },
	{ "csum_start off", 0, 0, LIE_CSUM_START, 33, 0, -EINVAL },
	{ "csum_start 0", 0, 0, LIE_CSUM_START, 0, 0, -EINVAL },
	{ "csum_start far", 0, 0, LIE_CSUM_START, 65535, 0, -EINVAL },
	{ "csum_offset UDP's", 0, 0, LIE_CSUM_OFFSET, 6, 0, -EINVAL },
	{ "csum_offset far", 0, 0, LIE_CSUM_OFFSET, 65535, 0, -EINVAL },
	{ "no checksum asked for", 0, 0, LIE_NO_CSUM, 0, 0, -EINVAL },
	{ "gso of the other IP", 0, 0, LIE_GSO, PACKET_GSO_TCP6, 0, -EINVAL },
	{ "gso of the other IP, 6", 1, 0, LIE_GSO, PACKET_GSO_TCP4, 0,
	  -EINVAL },
	{ "gso none", 0, 0, LIE_GSO, PACKET_GSO_NONE, 0, -EINVAL },
	{ "gso unheard of", 0, 0, LIE_GSO, 5, 0, -EINVAL },
};

/* The IP header says @len. */
static void set_ip_length(struct tcp_packet *p, bool v6, int len)
{
	uint8_t *ip = p->data + p->l3_off;

	set16(ip + (v6 ? 4 : 2), (uint32_t)(v6 ? len - 40 : len));
}

static void tell_ext(const struct lie_row *row, struct packet_ext *ext)
{
	switch (row->lie) {
	case LIE_HDR_LEN:
		ext->hdr_len = (uint16_t)row->a;
		break;
	case LIE_GSO_SIZE:
		ext->gso_size = (uint16_t)row->a;
		break;
	case LIE_CSUM_START:
		ext->csum_start = (uint16_t)row->a;
		break;
	case LIE_CSUM_OFFSET:
		ext->csum_offset = (uint16_t)row->a;
		break;
	case LIE_NO_CSUM:
		ext->csum = false;
		break;
	case LIE_GSO:
		ext->gso = (uint8_t)row->a;
		break;
	default:
		break;
	}
}

static void tell_packet(const struct lie_row *row, struct tcp_packet *p)
{
	switch (row->lie) {
	case LIE_POKE:
		p->data[row->a] = (uint8_t)row->b;
		break;
	case LIE_POKE_L3:
		p->data[p->l3_off + (uint32_t)row->a] = (uint8_t)row->b;
		break;
	case LIE_POKE_L4:
		p->data[p->l4_off + (uint32_t)row->a] = (uint8_t)row->b;
		break;
	case LIE_LENGTH:
		set_ip_length(p, row->v6, (int)(p->len - p->l3_off) - row->a);
		break;
	case LIE_TOTAL: /* and IP says the same */
		set_ip_length(p, row->v6, (int)(p->len - p->l3_off) + row->a);
		break;
	case LIE_CUT:
		p->len = (uint32_t)row->a;
		set_ip_length(p, row->v6, row->a - (int)p->l3_off);
		break;
	default:
		break;
	}
}

/* Both functions, on exact copies. -1 stands for any error. */
static void check_lie(const struct lie_row *row)
{
	struct tcp_shape s = { .v6 = row->v6,
			       .ip_options = row->ext,
			       .tcp_flags = 0x10,
			       .pseudo = true,
			       .payload = payload,
			       .size = 4000 };
	uint32_t total, first;
	struct iovec pieces[2];
	struct packet_ext ext;
	struct gso gso;
	int err;

	tcp_make(&big, &s);
	ext = tcp_ext(&big, row->v6, 1448);
	tell_packet(row, &big);
	tell_ext(row, &ext);
	total = big.len;
	first = row->lie == LIE_FIRST ? (uint32_t)row->a : total;
	pieces[0].iov_base = malloc(first ? first : 1);
	pieces[0].iov_len = first;
	pieces[1].iov_base = big.data + first;
	pieces[1].iov_len = total - first;
	assert_non_null(pieces[0].iov_base);
	memcpy(pieces[0].iov_base, big.data, first);
	if (row->lie == LIE_TOTAL)
		total = (uint32_t)((int)total + row->a);

	err = gso_begin(&gso, pieces, 2, total, &ext);
	if (row->lie != LIE_TOTAL)
		assert_int_equal(
			gso_check(pieces[0].iov_base, first, total, &ext), err);
	free(pieces[0].iov_base);
	if (row->err == -1 ? err >= 0 : err != row->err)
		fail_msg("%s: %d, not %d", row->name, err, row->err);
}

static void test_lies(void **state)
{
	struct gso gso;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		check_lie(&lies[i]);
	assert_int_equal(gso_begin(&gso, NULL, 0, 0, &(struct packet_ext){ 0 }),
			 -EINVAL);
}

/* A first fragment of a length that a fragment may have. */
static void test_fragment(void **state)
{
	struct tcp_shape s = { .tcp_flags = 0x10,
			       .pseudo = true,
			       .payload = payload,
			       .size = 100 };
	struct packet_ext ext;

	(void)state;
	tcp_make(&big, &s);
	ext = tcp_ext(&big, false, 48);
	assert_int_equal(gso_check(big.data, big.len, big.len, &ext), 0);
	big.data[14 + 6] = 0x20;
	assert_int_equal(gso_check(big.data, big.len, big.len, &ext),
			 -EOPNOTSUPP);
}

/* Every byte of the headers wrong in every way: refused, or cut into whole
 * segments; and the payload is not touched. */
static void test_pokes(void **state)
{
	uint64_t seed = 13;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct tcp_shape s = tcp_shape_random(&seed, true);
		struct iovec piece = { .iov_base = big.data };
		struct packet_ext ext;
		struct gso gso;
		uint32_t sum = 0;
		int len;

		s.payload = payload;
		s.size = 300;
		s.pseudo = true;
		tcp_make(&big, &s);
		ext = tcp_ext(&big, s.v6, 64);
		big.data[12 + unit_below(&seed, big.hdr_len - 12)] ^=
			(uint8_t)(1u << unit_below(&seed, 8));
		piece.iov_len = big.len;
		if (gso_begin(&gso, &piece, 1, big.len, &ext))
			continue;
		while ((len = gso_next(&gso, got, sizeof(got))) > 0) {
			assert_memory_equal(got + gso.hdr_len,
					    big.data + gso.hdr_len + sum,
					    (size_t)len - gso.hdr_len);
			sum += (uint32_t)len - gso.hdr_len;
		}
		assert_int_equal(len, 0);
		assert_int_equal(gso.hdr_len + sum, big.len);
	}
}

/* What goes on whole gets the truth in its ext. */
static void test_check(void **state)
{
	uint64_t seed = 14;

	(void)state;
	for (int i = 0; i < 500; i++) {
		struct tcp_shape s = tcp_shape_random(&seed, true);
		bool cwr = unit_below(&seed, 2);
		struct packet_ext ext, before;
		uint8_t *first;

		s.payload = payload;
		s.size = 1 + unit_below(&seed, 20000);
		s.pseudo = true;
		s.tcp_flags |= cwr ? 0x80 : 0;
		tcp_make(&big, &s);
		ext = tcp_ext(&big, s.v6, 1000);
		ext.ecn = unit_below(&seed, 2);
		if (i % 2)
			ext.hdr_len = 0;
		before = ext;
		first = malloc(big.hdr_len);
		assert_non_null(first);
		memcpy(first, big.data, big.hdr_len);
		assert_int_equal(gso_check(first, big.hdr_len, big.len, &ext),
				 0);
		assert_memory_equal(first, big.data, big.hdr_len);
		free(first);
		assert_int_equal(ext.hdr_len, big.hdr_len);
		assert_int_equal(ext.ecn, cwr);
		before.hdr_len = ext.hdr_len;
		before.ecn = ext.ecn;
		assert_memory_equal(&before, &ext, sizeof(ext));
	}
}

static int setup(void **state)
{
	uint64_t seed = 10;

	(void)state;
	fill_payload(&seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random), cmocka_unit_test(test_longest),
		cmocka_unit_test(test_lies),   cmocka_unit_test(test_fragment),
		cmocka_unit_test(test_pokes),  cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests_name("gso", tests, setup, NULL);
}
