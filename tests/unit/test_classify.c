// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Traffic classes by rules, and marks of congestion in IP headers. */
#include <netinet/in.h>

#include "../packets.h"
#include "pktagent/parse.h"
#include "switching/classify.h"
#include "switching/ecn.h"
#include "unit.h"

enum { SENDER = 70, OTHER = 3 };

/* The class of @text (packets.h) from @slot, its own being 1. */
static uint8_t class_of(const struct classifier *classifier, const char *text,
			uint16_t slot)
{
	struct pkt_meta meta = {
		.in_port = slot, .class = 1, .vlan = 10, .pcp = 5
	};
	struct made_packet packet;
	struct pkt_parsed parsed;

	packet_make(&packet, text);
	assert_int_equal(pkt_parse(packet.data, packet.data + packet.len, 1,
				   &parsed),
			 0);
	pkt_parsed_to_meta(&parsed, 0, &meta);
	meta.flags = parsed.flags;
	return classify(classifier, &meta, packet.data, packet.len);
}

#define UDP4   "dst=vm2 src=vm1 ip4 udp=7,53 data=20"
#define TCP4   "dst=vm2 src=vm1 ip4 tcp=443,9 data=20"
#define OTHER4 "dst=vm2 src=vm1 ip4 proto=200 data=20"

/* One rule for class 2: whether it fits. */
static bool fits(const struct classify_rule *rule, const char *text)
{
	struct classifier *one = malloc(sizeof(*one) + sizeof(*rule));
	uint8_t class;

	assert_non_null(one);
	one->n = 1;
	one->rules[0] = *rule;
	one->rules[0].class = 2;
	class = class_of(one, text, SENDER);
	free(one);
	return class == 2;
}

static void test_keys(void **state)
{
	struct classify_rule any = { .any_sender = true }, rule = any;

	(void)state;
	assert_true(fits(&any, UDP4));
	rule.protocols[0] = rule.protocols[1] = IPPROTO_UDP;
	assert_true(fits(&rule, UDP4));
	assert_false(fits(&rule, TCP4));
	rule = any;
	rule.n_ports = 2;
	rule.ports[0] = 443;
	rule.ports[1] = 53;
	assert_true(fits(&rule, UDP4));
	assert_true(fits(&rule, TCP4));
	assert_false(fits(&rule, OTHER4));
	rule.n_ports = 1;
	assert_false(fits(&rule, UDP4));
	rule = any;
	rule.n_vlans = 1;
	rule.vlans[0] = 10;
	assert_true(fits(&rule, UDP4));
	rule.vlans[0] = 11;
	assert_false(fits(&rule, UDP4));
	rule = any;
	rule.pcp = 1 << 5;
	assert_true(fits(&rule, UDP4));
	rule.pcp = 1 << 4;
	assert_false(fits(&rule, UDP4));
	rule = any;
	rule.dscp = 1;
	assert_true(fits(&rule, UDP4));
	rule.dscp = 2;
	assert_false(fits(&rule, UDP4));
	rule = (struct classify_rule){ 0 };
	rule.from[SENDER / 64] = 1ull << SENDER % 64;
	assert_true(fits(&rule, UDP4));
	rule.from[SENDER / 64] = 1ull << (SENDER % 64 + 1);
	assert_false(fits(&rule, UDP4));
}

static void test_order(void **state)
{
	struct classifier *two =
		calloc(1, sizeof(*two) + 2 * sizeof(two->rules[0]));

	(void)state;
	assert_non_null(two);
	two->n = 2;
	two->rules[0] = (struct classify_rule){
		.class = 6, .n_ports = 1, .ports = { 53 }, .any_sender = true
	};
	two->rules[1] = (struct classify_rule){ .class = 7 };
	two->rules[1].from[0] = 1ull << OTHER;
	assert_int_equal(class_of(two, UDP4, OTHER), 6);
	assert_int_equal(class_of(two, TCP4, OTHER), 7);
	assert_int_equal(class_of(two, TCP4, SENDER), 1);
	free(two);
}

/* ---- ECN ---- */

static uint16_t sum_of(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* An IPv4 header with a right checksum behind @n_tags tags. */
static uint32_t make_ip4(uint8_t *data, uint32_t n_tags, uint8_t tos,
			 uint16_t id)
{
	uint32_t at = 12 + 4 * n_tags;
	uint8_t *ip = data + at + 2;
	uint16_t sum;

	memset(data, 0x11, 12);
	for (uint32_t i = 0; i < n_tags; i++)
		memcpy(data + 12 + 4 * i, "\x81\x00\x00\x05", 4);
	memcpy(data + at, "\x08\x00", 2);
	memcpy(ip,
	       "\x45\x00\x00\x14\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00"
	       "\x00\x01\x0a\x00\x00\x02",
	       20);
	ip[1] = tos;
	ip[4] = (uint8_t)(id >> 8);
	ip[5] = (uint8_t)id;
	sum = (uint16_t)~sum_of(ip);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	return at + 2 + 20;
}

static void test_mark_ip4(void **state)
{
	uint8_t data[64];

	(void)state;
	for (uint32_t i = 0; i < 3 * 256 * 1024; i++) {
		const uint32_t n_tags = i % 3;
		const uint8_t tos = (uint8_t)(i / 3);
		const uint32_t len =
			make_ip4(data, n_tags, tos, (uint16_t)(i * 7919));
		const uint8_t *ip = data + len - 20;

		assert_int_equal(ecn_mark(data, len), (tos & 3) != 0);
		assert_int_equal(ip[1], tos & 3 ? tos | 3 : tos);
		assert_int_equal(sum_of(ip), 0xffff);
		assert_int_equal(ecn_get(data, len),
				 tos & 3 ? ECN_CONGESTED : ECN_NONE);
	}
}

static void test_mark_ip6(void **state)
{
	uint8_t data[14 + 40] = { [12] = 0x86, [13] = 0xdd };

	(void)state;
	for (uint32_t class = 0; class < 256; class ++) {
		data[14] = (uint8_t)(0x60 | class >> 4);
		data[15] = (uint8_t)(class << 4 | 0x0a);
		assert_int_equal(ecn_get(data, sizeof(data)),
				 (class & 3) == 3 ? ECN_CONGESTED
				 : class & 3	  ? ECN_CAPABLE
						  : ECN_NONE);
		assert_int_equal(ecn_mark(data, sizeof(data)),
				 (class & 3) != 0);
		assert_int_equal(data[14], 0x60 | class >> 4);
		assert_int_equal(data[15],
				 class & 3 ? ((class | 3) << 4 & 0xf0) | 0x0a
					   : (class << 4 & 0xf0) | 0x0a);
	}
}

/* Whatever is cut off: nothing is read or written behind the end. */
static void test_short(void **state)
{
	uint8_t data[64];

	(void)state;
	for (uint32_t n_tags = 0; n_tags <= 3; n_tags++) {
		const uint32_t len = make_ip4(data, n_tags, 1, 1);

		for (uint32_t n = 0; n <= len; n++) {
			uint8_t *copy = malloc(n ? n : 1);

			assert_non_null(copy);
			memcpy(copy, data, n);
			assert_int_equal(ecn_mark(copy, n),
					 n == len && n_tags < 3);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_mark_ip4),
		cmocka_unit_test(test_mark_ip6),
		cmocka_unit_test(test_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
