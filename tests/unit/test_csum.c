// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checksums against a plain reading of RFC 1071 and 768, for packets of every
 * length, in pieces of every length, and for data that makes every carry;
 * CRC32c against known values.
 */
#include "switching/csum.h"
#include "unit.h"

#define MAX_LEN	   200
#define MAX_PIECES 20

/* RFC 1071 word by word, big endian, each carry at once. */
static uint16_t naive(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static void random_bytes(uint64_t *seed, uint8_t *p, size_t len)
{
	/* Mostly extremes: they make the carries. */
	uint32_t kind = unit_below(seed, 4);

	for (size_t i = 0; i < len; i++)
		p[i] = kind == 0   ? 0xff
		       : kind == 1 ? (uint8_t) - (int)unit_below(seed, 2)
				   : (uint8_t)unit_random(seed);
}

static void test_words(void **state)
{
	uint8_t buffer[MAX_LEN + 8];
	uint64_t seed = 1;

	(void)state;
	for (size_t len = 0; len <= MAX_LEN; len++) {
		for (int i = 0; i < 50; i++) {
			uint8_t *p = buffer + i % 8; /* any alignment */
			uint16_t got, want;

			random_bytes(&seed, p, len);
			got = pkt_swap16(csum_words(p, len, 0));
			want = naive(p, len, 0);
			assert_int_equal(got, want);
		}
	}
}

/* What is added may have any of its 64 bits. */
static void test_words_initial(void **state)
{
	const uint8_t data[3] = { 0xff, 0xff, 0xfe };
	uint64_t seed = 2;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t sum = unit_random(&seed) | (i % 3 ? 0 : ~0ull << 17);
		uint32_t want = 0xffff;

		want += pkt_swap16(0xfe00);
		for (int shift = 0; shift < 64; shift += 16)
			want += sum >> shift & 0xffff;
		while (want >> 16)
			want = (want & 0xffff) + (want >> 16);
		assert_int_equal(csum_words(data, sizeof(data), sum), want);
	}
}

/* Large ones too; the bytes around the copy stay, and those read are memory of
 * their own, for the sanitizer. */
static void test_copy(void **state)
{
	uint64_t seed = 9;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		size_t len = unit_below(&seed, i % 10 ? 300 : 70000);
		size_t to_at = unit_below(&seed, 64);
		uint8_t *from = malloc(len ? len : 1);
		uint8_t *to = malloc(to_at + len + 1);
		uint16_t sum;

		assert_non_null(from);
		assert_non_null(to);
		random_bytes(&seed, from, len);
		memset(to, 0x5a, to_at + len + 1);
		sum = csum_copy(to + to_at, from, len, 0);
		assert_int_equal(pkt_swap16(sum), naive(from, len, 0));
		assert_int_equal(csum_words(from, len, 0), sum);
		assert_memory_equal(to + to_at, from, len);
		for (size_t k = 0; k < to_at; k++)
			assert_int_equal(to[k], 0x5a);
		assert_int_equal(to[to_at + len], 0x5a);
		assert_int_equal(csum_copy(to, from, len, 0xfffffffff),
				 csum_words(from, len, 0xfffffffff));
		free(from);
		free(to);
	}
}

/* Cuts @data into pieces of random length, some empty. */
static uint32_t cut(uint64_t *seed, uint8_t *data, size_t len, size_t first,
		    struct iovec pieces[MAX_PIECES])
{
	uint32_t n = 0;
	size_t at = 0;

	while (at < len && n < MAX_PIECES) {
		size_t size = n ? unit_below(seed, 100) : first;

		if (size > len - at || n == MAX_PIECES - 1)
			size = len - at;
		pieces[n].iov_base = data + at;
		pieces[n++].iov_len = size;
		at += size;
	}
	return n;
}

static void test_pieces(void **state)
{
	struct iovec pieces[MAX_PIECES];
	uint8_t data[3000];
	uint64_t seed = 10;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		size_t len = unit_below(&seed, sizeof(data) + 1);
		size_t from = unit_below(&seed, 400);
		uint16_t want;
		uint32_t n;

		random_bytes(&seed, data, len);
		n = cut(&seed, data, len, unit_below(&seed, 300), pieces);
		want = from < len ? naive(data + from, len - from, 0) : 0;
		assert_int_equal(pkt_swap16(csum_pieces(pieces, n, from)),
				 want);
	}
}

static void test_finish_pieces(void **state)
{
	static const uint32_t offsets[] = { 6, 16, 2, 0 };
	struct iovec pieces[MAX_PIECES];
	uint8_t data[3000], before[3000];
	uint64_t seed = 11;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint32_t start = unit_below(&seed, 100);
		uint32_t offset = offsets[i % 4];
		size_t first = start + offset + 2 + unit_below(&seed, 50);
		size_t len = first + unit_below(&seed, 2000);
		uint16_t want;
		uint32_t n;

		random_bytes(&seed, data, len);
		memcpy(before, data, len);
		want = (uint16_t)~naive(data + start, len - start, 0);
		if (!want && offset == 6)
			want = 0xffff;
		n = cut(&seed, data, len, first, pieces);
		assert_int_equal(csum_finish_pieces(pieces, n, start, offset),
				 0);
		before[start + offset] = (uint8_t)(want >> 8);
		before[start + offset + 1] = (uint8_t)want;
		assert_memory_equal(data, before, len);
	}
}

/* Places that a guest may name, but no checksum has. */
static void test_finish_refused(void **state)
{
	uint8_t data[100] = { 0 };
	struct iovec pieces[2] = { { data, 50 }, { data + 50, 50 } };
	uint8_t zero[100] = { 0 };

	(void)state;
	assert_int_equal(csum_finish_pieces(pieces, 0, 0, 0), -EINVAL);
	assert_int_equal(csum_finish_pieces(pieces, 2, 33, 16), -EINVAL);
	assert_int_equal(csum_finish_pieces(pieces, 2, 49, 0), -EINVAL);
	assert_int_equal(csum_finish_pieces(pieces, 2, 10, 17), -EINVAL);
	assert_int_equal(csum_finish_pieces(pieces, 2, 65535, 65534), -EINVAL);
	assert_int_equal(csum_finish_pieces(pieces, 2, ~0u, ~0u - 1), -EINVAL);
	assert_int_equal(csum_finish_pieces(pieces, 2, ~0u - 5, 6), -EINVAL);
	assert_memory_equal(data, zero, sizeof(data));
	assert_int_equal(csum_finish_pieces(pieces, 2, 32, 16), 0);
	assert_int_equal(data[48], 0xff);
}

static void test_crc32c(void **state)
{
	uint8_t data[48];

	(void)state;
	/* RFC 3720, B.4 */
	memset(data, 0, 32);
	assert_int_equal(csum_crc32c(data, 32), 0x8a9136aa);
	memset(data, 0xff, 32);
	assert_int_equal(csum_crc32c(data, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		data[i] = (uint8_t)i;
	assert_int_equal(csum_crc32c(data, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		data[i] = (uint8_t)(31 - i);
	assert_int_equal(csum_crc32c(data, 32), 0x113fdb5c);
	assert_int_equal(csum_crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(csum_crc32c("", 0), 0);
}

/* ---- whole packets ---- */

struct frame {
	uint8_t data[14 + 8 + 60 + MAX_LEN + 32];
	size_t len;
	size_t l4;
	size_t l4_len;
};

/* A frame of @l4_len bytes of @proto, with @options bytes of IPv4 options, and
 * 3 bytes of Ethernet padding behind it. */
static void make_frame(struct frame *f, uint64_t *seed, bool v6, uint8_t proto,
		       size_t l4_len, size_t options)
{
	size_t ip = 14;

	random_bytes(seed, f->data, sizeof(f->data));
	f->data[12] = v6 ? 0x86 : 0x08;
	f->data[13] = v6 ? 0xdd : 0x00;
	if (v6) {
		f->data[ip] = 0x60;
		f->data[ip + 4] = (uint8_t)(l4_len >> 8);
		f->data[ip + 5] = (uint8_t)l4_len;
		f->data[ip + 6] = proto;
		f->l4 = ip + 40;
	} else {
		size_t total = 20 + options + l4_len;

		f->data[ip] = (uint8_t)(0x45 + options / 4);
		f->data[ip + 2] = (uint8_t)(total >> 8);
		f->data[ip + 3] = (uint8_t)total;
		f->data[ip + 6] = 0x40;
		f->data[ip + 7] = 0;
		f->data[ip + 9] = proto;
		f->l4 = ip + 20 + options;
	}
	f->l4_len = l4_len;
	f->len = f->l4 + l4_len + 3;
	if (proto == PKT_PROTO_TCP)
		f->data[f->l4 + 12] = 0x50;
	if (proto == PKT_PROTO_UDP) {
		f->data[f->l4 + 4] = (uint8_t)(l4_len >> 8);
		f->data[f->l4 + 5] = (uint8_t)l4_len;
	}
}

static size_t csum_field(uint8_t proto)
{
	return proto == PKT_PROTO_TCP ? 16 : 6;
}

static uint16_t naive_pseudo(const struct frame *f, bool v6, uint8_t proto,
			     size_t len)
{
	const uint8_t *addrs = f->data + 14 + (v6 ? 8 : 12);

	return naive(addrs, v6 ? 32 : 8,
		     naive(NULL, 0, (uint32_t)(proto + len)));
}

/* Finishes it, and compares with the plain way; all else stays. */
static void check_frame(struct frame *f, bool v6, uint8_t proto)
{
	size_t field = f->l4 + csum_field(proto);
	struct pkt_parsed parsed;
	struct frame before;
	uint16_t want;

	/* The pseudo header's sum, as a stack leaves it. */
	want = naive_pseudo(f, v6, proto, f->l4_len);
	f->data[field] = (uint8_t)(want >> 8);
	f->data[field + 1] = (uint8_t)want;
	assert_int_equal(pkt_parse(f->data, f->data + f->len, 1, &parsed), 0);
	if (want)
		assert_true(parsed.flags & PKT_F_CSUM_PARTIAL);
	before = *f;
	assert_true(csum_finish(f->data, &parsed));

	memset(before.data + field, 0, 2);
	want = (uint16_t)~naive(before.data + f->l4, f->l4_len,
				naive_pseudo(f, v6, proto, f->l4_len));
	if (!want && proto == PKT_PROTO_UDP)
		want = 0xffff;
	before.data[field] = (uint8_t)(want >> 8);
	before.data[field + 1] = (uint8_t)want;
	assert_memory_equal(f->data, before.data, f->len);
}

static void test_tcp_udp(void **state)
{
	static const uint8_t protos[] = { PKT_PROTO_TCP, PKT_PROTO_UDP };
	uint64_t seed = 3;
	struct frame f;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t p = 0; p < ARRAY_SIZE(protos); p++) {
			size_t min = protos[p] == PKT_PROTO_TCP ? 20 : 8;

			for (size_t len = min; len <= MAX_LEN; len++) {
				for (int i = 0; i < 20; i++) {
					make_frame(&f, &seed, v6, protos[p],
						   len, v6 ? 0 : i % 11 * 4);
					check_frame(&f, v6, protos[p]);
				}
			}
		}
	}
}

/* 0 in the field means "none" to UDP: the other zero is sent. */
static void test_udp_zero(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct pkt_parsed parsed;
		struct frame f;
		uint16_t sum;

		make_frame(&f, &seed, v6, PKT_PROTO_UDP, 10, 0);
		memset(f.data + f.l4 + 6, 0, 2);
		memset(f.data + f.l4 + 8, 0, 2);
		sum = (uint16_t)~naive(f.data + f.l4, 10,
				       naive_pseudo(&f, v6, PKT_PROTO_UDP, 10));
		f.data[f.l4 + 8] = (uint8_t)(sum >> 8);
		f.data[f.l4 + 9] = (uint8_t)sum;
		assert_int_equal(pkt_parse(f.data, f.data + f.len, 1, &parsed),
				 0);
		assert_true(csum_finish(f.data, &parsed));
		assert_int_equal(f.data[f.l4 + 6], 0xff);
		assert_int_equal(f.data[f.l4 + 7], 0xff);

		/* The same sum in TCP is a plain 0. */
		make_frame(&f, &seed, v6, PKT_PROTO_TCP, 20, 0);
		memset(f.data + f.l4 + 16, 0, 4);
		sum = (uint16_t)~naive(f.data + f.l4, 20,
				       naive_pseudo(&f, v6, PKT_PROTO_TCP, 20));
		f.data[f.l4 + 18] = (uint8_t)(sum >> 8);
		f.data[f.l4 + 19] = (uint8_t)sum;
		assert_int_equal(pkt_parse(f.data, f.data + f.len, 1, &parsed),
				 0);
		assert_true(csum_finish(f.data, &parsed));
		assert_int_equal(f.data[f.l4 + 16] | f.data[f.l4 + 17], 0);
	}
}

/* Right only if every bit is. */
static void test_tcp_is_right(void **state)
{
	uint64_t seed = 12;
	struct frame f;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		bool v6 = i % 2;
		size_t len = 20 + unit_below(&seed, MAX_LEN - 19);
		const uint8_t *addrs = f.data + 14 + (v6 ? 8 : 12);
		int l3 = v6 ? PKT_L3_IPV6 : PKT_L3_IPV4;
		struct pkt_parsed parsed;
		size_t at;

		make_frame(&f, &seed, v6, PKT_PROTO_TCP, len, 0);
		assert_int_equal(pkt_parse(f.data, f.data + f.len, 0, &parsed),
				 0);
		assert_true(csum_finish(f.data, &parsed));
		assert_true(csum_tcp_is_right(f.data + f.l4, (uint16_t)len,
					      addrs, l3));
		at = unit_below(&seed, 2)
			     ? f.l4 + unit_below(&seed, len)
			     : 14 + (v6 ? 8 : 12) + unit_below(&seed, 8);
		f.data[at] ^= (uint8_t)(1u << unit_below(&seed, 8));
		assert_false(csum_tcp_is_right(f.data + f.l4, (uint16_t)len,
					       addrs, l3));
	}
}

static void test_sctp(void **state)
{
	uint64_t seed = 6;
	struct frame f;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t len = 12; len <= MAX_LEN; len++) {
			struct pkt_parsed parsed;
			uint8_t *l4;
			uint32_t crc;

			make_frame(&f, &seed, v6, PKT_PROTO_SCTP, len, 0);
			l4 = f.data + f.l4;
			memset(l4 + 8, 0, 4);
			crc = csum_crc32c(l4, len);
			assert_int_equal(pkt_parse(f.data, f.data + f.len, 1,
						   &parsed),
					 0);
			assert_true(parsed.flags & PKT_F_CSUM_PARTIAL);
			assert_true(csum_finish(f.data, &parsed));
			assert_int_equal(l4[8] | l4[9] << 8 | l4[10] << 16 |
						 (uint32_t)l4[11] << 24,
					 crc);
			/* Finishing again does no harm. */
			assert_true(csum_finish(f.data, &parsed));
			assert_int_equal(l4[8] | l4[9] << 8 | l4[10] << 16 |
						 (uint32_t)l4[11] << 24,
					 crc);
		}
	}
}

/* The CRC over data with its own CRC behind it, low byte first, is a constant:
 * so a receiver can check it, and so the byte order is right. */
static void test_sctp_residue(void **state)
{
	uint8_t data[64];
	uint64_t seed = 7;
	uint32_t crc;

	(void)state;
	for (int i = 0; i < 100; i++) {
		random_bytes(&seed, data, 60);
		crc = csum_crc32c(data, 60);
		for (int b = 0; b < 4; b++)
			data[60 + b] = (uint8_t)(crc >> 8 * b);
		assert_int_equal(csum_crc32c(data, 64), 0x48674bc7);
	}
}

static void test_none(void **state)
{
	struct pkt_parsed parsed;
	uint64_t seed = 8;
	struct frame f, before;

	(void)state;
	make_frame(&f, &seed, false, PKT_PROTO_ICMP, 40, 0);
	before = f;
	assert_int_equal(pkt_parse(f.data, f.data + f.len, 1, &parsed), 0);
	assert_false(csum_finish(f.data, &parsed));
	assert_memory_equal(f.data, before.data, sizeof(f.data));

	/* A later fragment has no L4 header. */
	make_frame(&f, &seed, false, PKT_PROTO_UDP, 40, 0);
	f.data[14 + 6] = 0;
	f.data[14 + 7] = 8;
	before = f;
	assert_int_equal(pkt_parse(f.data, f.data + f.len, 1, &parsed), 0);
	assert_false(csum_finish(f.data, &parsed));
	assert_memory_equal(f.data, before.data, sizeof(f.data));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_initial),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_finish_pieces),
		cmocka_unit_test(test_finish_refused),
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_tcp_udp),
		cmocka_unit_test(test_udp_zero),
		cmocka_unit_test(test_tcp_is_right),
		cmocka_unit_test(test_sctp),
		cmocka_unit_test(test_sctp_residue),
		cmocka_unit_test(test_none),
	};

	int n_failed = cmocka_run_group_tests_name("csum", tests, NULL, NULL);

	csum_narrow = true;
	return n_failed +
	       cmocka_run_group_tests_name("csum, narrow", tests, NULL, NULL);
}
