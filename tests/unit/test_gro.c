// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Merging TCP segments. What was cut becomes the same packet again; what
 * differs in any one field, or lies about it, stays apart.
 */
#include "gro_batch.h"
#include "switching/gso.h"

static struct tcp_packet big;

/* ---- cut and merge ---- */

static void cut_into_batch(const struct tcp_packet *p,
			   const struct packet_ext *ext)
{
	struct iovec piece = { .iov_base = (void *)p->data,
			       .iov_len = p->len };
	uint8_t segment[4096];
	struct gso gso;
	int len;

	assert_int_equal(gso_begin(&gso, &piece, 1, p->len, ext), 0);
	while ((len = gso_next(&gso, segment, sizeof(segment))) > 0)
		add(segment, (uint32_t)len);
	assert_int_equal(len, 0);
}

static void test_round_trip(void **state)
{
	uint64_t seed = 21;

	(void)state;
	for (int i = 0; i < (UNIT_SLOW ? 300 : 1500); i++) {
		struct tcp_shape s = tcp_shape_random(&seed, false);
		uint32_t gso_size = 48 + unit_below(&seed, 1500);
		uint32_t room = 65535 - (s.v6 ? 60 : 40) - s.tcp_options;
		struct packet_ext ext, got;

		if (room > gso_size * GRO_MAX_PACKETS)
			room = gso_size * GRO_MAX_PACKETS;
		s.tcp_flags |= (uint8_t)unit_random(&seed) & 0xc9;
		s.pseudo = true;
		s.payload = payload;
		s.size = gso_size + 1 + unit_below(&seed, room - gso_size);
		tcp_make(&big, &s);
		ext = tcp_ext(&big, s.v6, (uint16_t)gso_size);
		ext.ecn = s.tcp_flags & 0x80;
		cut_into_batch(&big, &ext);
		if (i % 2)
			add_hints();
		run(ALL);
		assert_int_equal(gro.n_groups, 1);
		assert_int_equal(gro.groups[0].n, batch.n);
		put_together(&gro.groups[0], &got);
		assert_int_equal(merged.len, big.len);
		assert_memory_equal(merged.data, big.data, big.len);
		assert_memory_equal(&got, &ext, sizeof(ext));
		empty_batch();
	}
}

/* ---- one field at a time ---- */

enum field {
	F_NONE, F_SEQ, F_ACK, F_WINDOW, F_FLAGS, F_RESERVED, F_TOS, F_TTL,
	F_DF, F_ID, F_URGENT, F_LABEL, F_OPTIONS, F_OPTIONS_LEN, F_IP_OPTIONS,
	F_DST_OPTIONS, F_TAGS, F_SPORT, F_SIZE, F_PADDING, F_POKE, F_POKE_L3,
	F_POKE_L4, F_SPOIL_L3, F_SPOIL_L4, F_CUT, F_HAS_EXT, F_V6,
};

#define BOTH	3

/* Two packets of 1,000 bytes that would be merged but for a field. */
struct rule_row {
	const char *name;
	bool v6;
	uint8_t which;		/* packet is changed: bit 0, bit 1 */
	enum field field;
	uint32_t value;
	bool merges;
};

static const struct rule_row rules[] = {
	{ "nothing", 0, 2, F_NONE, 0, true },
	{ "nothing, 6", 1, 2, F_NONE, 0, true },
	{ "one byte missing", 0, 2, F_SEQ, 1001, false },
	{ "one byte twice", 0, 2, F_SEQ, 999, false },
	{ "sent again", 1, 2, F_SEQ, 0, false },
	{ "acknowledges more", 0, 2, F_ACK, 8, false },
	{ "window", 0, 2, F_WINDOW, 8, false },
	{ "window, 6", 1, 2, F_WINDOW, 8, false },
	{ "PSH ends it", 0, 2, F_FLAGS, 0x18, true },
	{ "PSH on the first", 0, 1, F_FLAGS, 0x18, false },
	{ "FIN ends it", 0, 2, F_FLAGS, 0x11, true },
	{ "FIN on the first", 1, 1, F_FLAGS, 0x11, false },
	{ "FIN and PSH", 1, 2, F_FLAGS, 0x19, true },
	{ "SYN", 0, 2, F_FLAGS, 0x12, false },
	{ "SYN on both", 0, BOTH, F_FLAGS, 0x12, false },
	{ "RST", 0, 2, F_FLAGS, 0x14, false },
	{ "RST on both", 1, BOTH, F_FLAGS, 0x14, false },
	{ "URG", 0, 2, F_FLAGS, 0x30, false },
	{ "URG on both", 0, BOTH, F_FLAGS, 0x30, false },
	{ "no ACK", 0, 2, F_FLAGS, 0x00, false },
	{ "ECE", 0, 2, F_FLAGS, 0x50, false },
	{ "ECE on both", 0, BOTH, F_FLAGS, 0x50, true },
	{ "CWR on the first", 0, 1, F_FLAGS, 0x90, true },
	{ "CWR on the second", 0, 2, F_FLAGS, 0x90, false },
	{ "CWR on both", 1, BOTH, F_FLAGS, 0x90, false },
	{ "accurate ECN", 0, 2, F_RESERVED, 1, false },
	{ "accurate ECN on both", 0, BOTH, F_RESERVED, 1, true },
	{ "CE", 0, 2, F_TOS, 0x03, false },
	{ "CE on both", 0, BOTH, F_TOS, 0x03, true },
	{ "CE, 6", 1, 2, F_TOS, 0x03, false },
	{ "DSCP", 0, 2, F_TOS, 0x40, false },
	{ "TTL", 0, 2, F_TTL, 63, false },
	{ "hop limit", 1, 2, F_TTL, 63, false },
	{ "no DF", 0, BOTH, F_DF, 0, true },
	{ "DF on the first only", 0, 2, F_DF, 0, false },
	{ "identification the same, DF", 0, 2, F_ID, 100, true },
	{ "identification skips", 0, 2, F_ID, 102, false },
	{ "identification backwards", 0, 2, F_ID, 99, false },
	{ "flow label", 1, 2, F_LABEL, 9, false },
	{ "timestamps", 0, 2, F_OPTIONS, 9, false },
	{ "timestamps, 6", 1, 2, F_OPTIONS, 9, false },
	{ "fewer options", 0, 2, F_OPTIONS_LEN, 8, false },
	{ "no options", 0, BOTH, F_OPTIONS_LEN, 0, true },
	{ "all options", 1, BOTH, F_OPTIONS_LEN, 40, true },
	{ "IPv4 options", 0, BOTH, F_IP_OPTIONS, 4, false },
	{ "hop-by-hop options", 1, BOTH, F_IP_OPTIONS, 8, false },
	{ "destination options", 1, BOTH, F_DST_OPTIONS, 8, false },
	{ "tag", 0, 2, F_TAGS, 1, false },
	{ "tag on both", 0, BOTH, F_TAGS, 1, true },
	{ "two tags on both", 1, BOTH, F_TAGS, 2, true },
	{ "port", 0, 2, F_SPORT, 9, false },
	{ "urgent pointer", 0, 2, F_URGENT, 9, false },
	{ "second is shorter", 0, 2, F_SIZE, 1, true },
	{ "second is longer", 0, 2, F_SIZE, 1001, false },
	{ "second is empty", 0, 2, F_SIZE, 0, false },
	{ "first is short", 0, BOTH, F_SIZE, 47, false },
	{ "first is long enough", 0, BOTH, F_SIZE, 48, true },
	{ "padded", 0, BOTH, F_PADDING, 6, true },
	{ "padded, 6", 1, 1, F_PADDING, 6, true },
	{ "source MAC", 0, 2, F_POKE, 6 << 8 | 4, false },
	{ "destination MAC", 1, 2, F_POKE, 0 << 8 | 4, false },
	{ "EtherType of the other IP", 0, BOTH, F_POKE, 12 << 8 | 0x86, false },
	{ "IP version", 0, BOTH, F_POKE_L3, 0 << 8 | 0x65, false },
	{ "IP version, 6", 1, BOTH, F_POKE_L3, 0 << 8 | 0x45, false },
	{ "IP version 5", 0, BOTH, F_POKE_L3, 0 << 8 | 0x55, false },
	{ "IP version 5, 6", 1, BOTH, F_POKE_L3, 0 << 8 | 0x50, false },
	{ "IHL", 0, BOTH, F_POKE_L3, 0 << 8 | 0x46, false },
	{ "source address", 0, 2, F_POKE_L3, 15 << 8 | 9, false },
	{ "destination address", 1, 2, F_POKE_L3, 39 << 8 | 9, false },
	{ "more fragments", 0, BOTH, F_POKE_L3, 6 << 8 | 0x20, false },
	{ "reserved fragment flag", 0, BOTH, F_POKE_L3, 6 << 8 | 0x80, false },
	{ "UDP", 0, 2, F_POKE_L3, 9 << 8 | 17, false },
	{ "UDP, 6", 1, 2, F_POKE_L3, 6 << 8 | 17, false },
	{ "ESP", 1, 2, F_POKE_L3, 6 << 8 | 50, false },
	{ "IP checksum", 0, 2, F_SPOIL_L3, 10 << 8 | 9, false },
	{ "IP checksum of the first", 0, 1, F_SPOIL_L3, 10 << 8 | 9, false },
	{ "TCP checksum", 0, 2, F_SPOIL_L4, 16 << 8 | 9, false },
	{ "TCP checksum of the first", 1, 1, F_SPOIL_L4, 16 << 8 | 9, false },
	{ "payload", 1, 2, F_SPOIL_L4, 500 << 8 | 9, false },
	{ "payload of the first", 0, 1, F_SPOIL_L4, 500 << 8 | 9, false },
	{ "data offset short", 0, BOTH, F_POKE_L4, 12 << 8 | 0x40, false },
	{ "data offset long", 0, 2, F_POKE_L4, 12 << 8 | 0xf0, false },
	{ "cut in the payload", 0, 2, F_CUT, 600, false },
	{ "cut in TCP", 0, 2, F_CUT, 53, false },
	{ "cut in TCP, 6", 1, 2, F_CUT, 60, false },
	{ "IHL short", 0, BOTH, F_POKE_L3, 0 << 8 | 0x44, false },
	{ "cut in IP", 1, 2, F_CUT, 53, false },
	{ "cut in Ethernet", 0, 2, F_CUT, 13, false },
	{ "first cut in the payload", 1, 1, F_CUT, 600, false },
	{ "sender left something to do", 0, 2, F_HAS_EXT, 0, false },
	{ "first sender left something to do", 0, 1, F_HAS_EXT, 0, false },
	{ "other IP", 0, 2, F_V6, 0, false },
};

static void change_shape(const struct rule_row *row, struct tcp_shape *s)
{
	switch (row->field) {
	case F_SEQ:
		s->seq = s->seq - 1000 + row->value;
		break;
	case F_ACK:
		s->ack = row->value;
		break;
	case F_WINDOW:
		s->window = (uint16_t)row->value;
		break;
	case F_FLAGS:
		s->tcp_flags = (uint8_t)row->value;
		break;
	case F_RESERVED:
		s->reserved = (uint8_t)row->value;
		break;
	case F_TOS:
		s->tos = (uint8_t)row->value;
		break;
	case F_TTL:
		s->ttl = (uint8_t)row->value;
		break;
	case F_DF:
		s->df = row->value;
		break;
	case F_ID:
		s->id = (uint16_t)row->value;
		break;
	case F_URGENT:
		s->urgent = (uint16_t)row->value;
		break;
	case F_LABEL:
		s->flow_label = row->value;
		break;
	case F_OPTIONS:
		s->option_seed = row->value;
		break;
	case F_OPTIONS_LEN:
		s->tcp_options = (uint8_t)row->value;
		break;
	case F_IP_OPTIONS:
		s->ip_options = (uint8_t)row->value;
		break;
	case F_DST_OPTIONS:
		s->dst_options = (uint8_t)row->value;
		break;
	case F_TAGS:
		s->n_tags = (uint8_t)row->value;
		break;
	case F_SPORT:
		s->sport = (uint16_t)row->value;
		break;
	case F_SIZE:
		s->size = row->value;
		break;
	case F_PADDING:
		s->padding = row->value;
		break;
	case F_V6:
		s->v6 = true;
		break;
	default:
		break;
	}
}

/* Changes behind the maker's back. */
static void change_packet(const struct rule_row *row, struct gro_packet *packet)
{
	uint32_t at = row->value >> 8, l3_off = 14, l4_off = row->v6 ? 54 : 34;
	uint8_t *data = (uint8_t *)packet->data;

	switch (row->field) {
	case F_POKE:
		data[at] = (uint8_t)row->value;
		break;
	case F_POKE_L3:
		data[l3_off + at] = (uint8_t)row->value;
		mend(data, packet->len, row->v6);
		break;
	case F_POKE_L4:
		data[l4_off + at] = (uint8_t)row->value;
		mend(data, packet->len, row->v6);
		break;
	case F_SPOIL_L3:
		data[l3_off + at] ^= (uint8_t)row->value;
		break;
	case F_SPOIL_L4:
		data[l4_off + at] ^= (uint8_t)row->value;
		break;
	case F_CUT:
		packet->data = realloc(data, row->value);
		assert_non_null(packet->data);
		packet->len = row->value;
		break;
	case F_HAS_EXT:
		packet->has_ext = true;
		break;
	default:
		break;
	}
}

static void make_pair(const struct rule_row *row)
{
	struct tcp_shape s = plain_shape(row->v6);

	for (uint32_t i = 0; i < 2; i++) {
		struct tcp_shape changed = s;

		if (row->which & 1u << i)
			change_shape(row, &changed);
		add_shape(&changed);
		if (row->which & 1u << i)
			change_packet(row, &batch.packets[i]);
		s.seq += changed.size;
		s.id++;
	}
}

static void test_rules(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(rules); i++) {
		const struct rule_row *row = &rules[i / 2];

		make_pair(row);
		if (i % 2)
			add_hints();
		run(ALL);
		if (gro.n_groups != (row->merges ? 1 : 2))
			fail_msg("%s: %u groups", row->name, gro.n_groups);
		assert_int_equal(gro.groups[0].head, 0);
		assert_int_equal(gro.groups[0].n, row->merges ? 2 : 1);
		empty_batch();
	}
}

/* Each kind is merged only for a guest that accepts it. */
static void test_accepts(void **state)
{
	(void)state;
	for (uint32_t accepts = 0; accepts <= ALL; accepts++) {
		for (uint32_t i = 0; i < 4; i++) {
			uint32_t need = i / 2 ? GRO_TCP6 : GRO_TCP4;
			struct rule_row row = {
				.v6 = i / 2, .which = 1, .field = F_FLAGS,
				.value = i % 2 ? 0x90 : 0x10,
			};

			need |= i % 2 ? GRO_ECN : 0;
			make_pair(&row);
			run(accepts);
			assert_int_equal(gro.n_groups,
					 (accepts & need) == need ? 1 : 2);
			empty_batch();
		}
	}
}

/* ---- others ---- */

/* Whatever is not TCP stays alone, and is no candidate. */
static void test_others(void **state)
{
	static const struct {
		bool v6;
		uint32_t at;
		uint8_t value;
		bool is_candidate;
	} rows[] = {
		{ false, 23, 17, false }, { false, 23, 1, false },
		{ false, 13, 6, false },  { true, 20, 17, false },
		{ true, 20, 58, false },  { true, 20, 44, true },
		{ false, 23, 6, true },	  { true, 20, 6, true },
		{ false, 12, 0x81, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tcp_shape s = plain_shape(rows[i].v6);

		s.tcp_flags = 0x18;
		add_stream(&s, 1, 10);
		((uint8_t *)batch.packets[0].data)[rows[i].at] = rows[i].value;
		assert_int_equal(gro_is_candidate(&batch.packets[0]),
				 rows[i].is_candidate);
		run(ALL);
		assert_int_equal(gro.n_groups, 1);
		assert_int_equal(gro.groups[0].n, 1);
		empty_batch();
	}
	run(ALL);
	assert_int_equal(gro.n_groups, 0);
}

/* A data offset that ends inside the fixed header, with a sequence number that
 * would fit. */
static void test_short_offset(void **state)
{
	struct tcp_shape s = plain_shape(false);

	(void)state;
	s.tcp_options = 0;
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t *data;

		add_stream(&s, 1, 500);
		s.seq += 4;
		data = (uint8_t *)batch.packets[i].data;
		data[34 + 12] = 0x40;
		mend(data, batch.packets[i].len, false);
	}
	run(ALL);
	assert_int_equal(gro.n_groups, 2);
	empty_batch();
}

/* A short packet, by its metadata of the flow of the one before: its ports are
 * where its IP header begins. */
static void test_overlapping_hints(void **state)
{
	struct tcp_shape s = plain_shape(true);

	(void)state;
	s.sport = 0x6000;
	s.flow_label = 80;
	add_stream(&s, 1, 500);
	add(batch.packets[0].data, 40);
	batch.packets[1].l4_proto = 6;
	batch.packets[1].l3_off = 14;
	batch.packets[1].l4_off = 14;
	run(ALL);
	assert_int_equal(gro.n_groups, 2);
	empty_batch();
}

/* Metadata that do not fit the packet: nothing is merged by them. */
static void test_wrong_hints(void **state)
{
	static const struct {
		const char *name;
		bool v6;
		uint8_t n_tags, l3_off, l4_off;
		uint32_t at;	/* byte of the IP header to change, 0 = none */
		uint8_t value;
	} rows[] = {
		{ "L4 too early", false, 1, 18, 34, 0, 0 },
		{ "L4 too late", false, 0, 14, 38, 0, 0 },
		{ "L4 too late, 6", true, 0, 14, 58, 0, 0 },
		{ "L3 too early", false, 1, 14, 38, 0, 0 },
		{ "L3 too late", true, 0, 18, 58, 0, 0 },
		{ "L3 0", false, 0, 0, 34, 0, 0 },
		{ "L4 0", true, 0, 14, 0, 0, 0 },
		{ "L4 behind the end", false, 0, 14, 255, 0, 0 },
		{ "three tags", false, 3, 26, 46, 0, 0 },
		{ "not TCP", false, 0, 14, 34, 9, 17 },
		{ "not TCP, 6", true, 0, 14, 54, 6, 17 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tcp_shape s = plain_shape(rows[i].v6);

		s.n_tags = rows[i].n_tags;
		s.size = 50;
		for (uint32_t k = 0; k < 2; k++) {
			struct gro_packet *packet = &batch.packets[k];

			add_stream(&s, 1, 50);
			packet->l4_proto = 6;
			packet->l3_off = rows[i].l3_off;
			packet->l4_off = rows[i].l4_off;
			if (!rows[i].at)
				continue;
			((uint8_t *)packet->data)[14 + rows[i].at] =
				rows[i].value;
			mend((uint8_t *)packet->data, packet->len, rows[i].v6);
		}
		run(ALL);
		if (gro.n_groups != 2)
			fail_msg("%s: %u groups", rows[i].name, gro.n_groups);
		empty_batch();
	}
}

/* Packets of one flow cut anywhere and with any bytes in their headers: none
 * is read behind its end, which is the sanitizer's to say. */
static void test_cut_anywhere(void **state)
{
	uint64_t seed = 23;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct tcp_shape s = tcp_shape_random(&seed, true);
		static struct tcp_packet p;

		s.payload = payload;
		s.size = 100;
		tcp_make(&p, &s);
		add(p.data, p.len);
		p.data[p.l3_off + unit_below(&seed, 60)] =
			(uint8_t)unit_random(&seed);
		if (unit_below(&seed, 2))
			p.data[p.l3_off] =
				(uint8_t)(unit_below(&seed, 2) ? 0x60 : 0x40);
		add(p.data, 1 + unit_below(&seed, p.len));
		add(p.data, 1 + unit_below(&seed, p.hdr_len));
		if (i % 2)
			add_hints();
		run(ALL);
		assert_true(gro.n_groups >= 1 && gro.n_groups <= 3);
		empty_batch();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_short_offset),
		cmocka_unit_test(test_overlapping_hints),
		cmocka_unit_test(test_wrong_hints),
		cmocka_unit_test(test_cut_anywhere),
	};

	return cmocka_run_group_tests_name("gro", tests, fill_payload, NULL);
}
