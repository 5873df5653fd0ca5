// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The C build of <pktagent/parse.h> against the rows that the BPF build has
 * to pass too (tests/bpf/test_parser.c). Each packet lies at the end of its
 * own allocation, so that the sanitizer sees a read beyond it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../parse_rows.h"

static int parse(const struct made_packet *packet, int want_csum,
		 struct pkt_parsed *ret_parsed)
{
	uint8_t *copy = malloc(packet->len ? packet->len : 1);
	int reason;

	assert_non_null(copy);
	memcpy(copy, packet->data, packet->len);
	reason = pkt_parse(copy, copy + packet->len, want_csum, ret_parsed);
	free(copy);
	return reason;
}

static void test_rows(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PARSE_ROWS; i++) {
		const struct parse_row *row = &parse_rows[i];
		struct pkt_parsed got, want = row->want;
		struct made_packet packet;
		int reason;

		packet_make(&packet, row->packet);
		reason = parse(&packet, 1, &got);
		if (reason != row->reason)
			fail_msg("%s: reason %d, not %d", row->name, reason,
				 row->reason);
		want.hash = got.hash;
		if (!reason && memcmp(&got, &want, sizeof(got)))
			fail_msg("%s: l3 %u at %u, l4 %u at %u len %u, tags "
				 "%u, flags %#x, type %#x", row->name, got.l3,
				 got.l3_off, got.l4_proto, got.l4_off,
				 got.l4_len, got.n_tags, got.flags,
				 got.ethertype);
	}
}

static void test_cuts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PARSE_CUTS; i++) {
		const struct parse_cut *cut = &parse_cuts[i];
		uint32_t full = parse_cut_len(cut), len;

		for (len = 0; len <= full; len++) {
			struct pkt_parsed got;
			struct made_packet packet;
			int reason, want = parse_cut_reason(cut, len);

			parse_cut_make(cut, len, &packet);
			reason = parse(&packet, 1, &got);
			if (reason != want)
				fail_msg("%s at %u: reason %d, not %d",
					 cut->packet, len, reason, want);
		}
	}
}

static struct pkt_parsed parse_text(const char *text, int want_csum)
{
	struct made_packet packet;
	struct pkt_parsed got;

	packet_make(&packet, text);
	assert_int_equal(parse(&packet, want_csum, &got), 0);
	return got;
}

/* Partial checksums are looked for only when asked. */
static void test_csum_not_wanted(void **state)
{
	(void)state;
	assert_int_equal(parse_text("ip4 tcp csum=partial", 0).flags, 0);
	assert_int_equal(parse_text("ip4 sctp csum=partial", 0).flags, 0);
}

/* A pseudo sum of 0xffff equals 0: both forms of zero count as partial. */
static void test_csum_zero(void **state)
{
	/* TCP of 20 bytes adds 6 + 20; the source makes it up to 0xffff. */
	const char *zero = "ip4=255.229.0.0,0.0.0.0 tcp csum=zero";
	const char *ones = "ip4=255.229.0.0,0.0.0.0 tcp csum=partial";

	(void)state;
	assert_int_equal(parse_text(zero, 1).flags, PKT_F_CSUM_PARTIAL);
	assert_int_equal(parse_text(ones, 1).flags, PKT_F_CSUM_PARTIAL);
}

static void test_hash(void **state)
{
	const uint32_t udp = parse_text("ip4 udp=1,2", 0).hash;
	const uint32_t frag = parse_text("ip4 frag=0,1 udp=1,2 data=8", 0).hash;
	const uint32_t frag6 = parse_text("ip6 frag=0,1 dopt udp data=8", 0)
				       .hash;

	(void)state;
	assert_int_equal(udp, parse_text("tag=3 ip4 opt=4 udp=1,2 data=9", 0)
				      .hash);
	assert_int_not_equal(udp, parse_text("ip4 udp=1,3", 0).hash);
	assert_int_not_equal(udp, parse_text("ip4 tcp=1,2", 0).hash);
	assert_int_not_equal(udp, parse_text("ip4=10.0.0.3 udp=1,2", 0).hash);
	/* all fragments alike, other ports or not */
	assert_int_equal(frag, parse_text("ip4 frag=0,1 udp=5,6 data=8", 0)
				       .hash);
	assert_int_equal(frag, parse_text("ip4 frag=64,0 proto=17 data=5", 0)
				       .hash);
	assert_int_not_equal(frag, udp);
	assert_int_not_equal(frag, parse_text("ip4=10.0.0.3 frag=64,0 proto=17 "
					      "data=5", 0).hash);
	assert_int_equal(frag6, parse_text("ip6 frag=64,0 proto=60 data=5", 0)
					.hash);
	/* what is not IP is told apart by its MAC addresses */
	assert_int_not_equal(parse_text("type=0x88b5", 0).hash,
			     parse_text("src=wire2 type=0x88b5", 0).hash);
}

/* 4,096 flows over 8 queues by any three bits: none gets twice its share. */
static void test_hash_spread(void **state)
{
	unsigned int shift, flow, n[8];

	(void)state;
	for (shift = 0; shift <= 29; shift++) {
		memset(n, 0, sizeof(n));
		for (flow = 0; flow < 4096; flow++) {
			char text[64];

			snprintf(text, sizeof(text),
				 "ip4=10.0.%u.%u udp=%u,80", flow & 3,
				 flow >> 2 & 255, 1024 + (flow >> 10));
			n[parse_text(text, 0).hash >> shift & 7]++;
		}
		for (flow = 0; flow < 8; flow++)
			assert_in_range(n[flow], 256, 1024);
	}
}

static void test_meta(void **state)
{
	const struct pkt_parsed p = parse_text("tag=9 ip4 udp", 0);
	const struct pkt_parsed later = parse_text("ip4 frag=64,0 proto=17 "
						   "data=5", 0);
	struct pkt_meta meta = { 0 };

	(void)state;
	pkt_parsed_to_meta(&p, PKT_TAG_LEN, &meta);
	assert_int_equal(meta.l3, PKT_L3_IPV4);
	assert_int_equal(meta.l4_proto, 17);
	assert_int_equal(meta.l3_off, 14);
	assert_int_equal(meta.l4_off, 34);
	assert_int_equal(meta.hash, p.hash);
	pkt_parsed_to_meta(&later, 0, &meta);
	assert_int_equal(meta.l4_off, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_csum_not_wanted),
		cmocka_unit_test(test_csum_zero),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_hash_spread),
		cmocka_unit_test(test_meta),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
