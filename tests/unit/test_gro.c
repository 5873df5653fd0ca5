// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Merging TCP segments. What was cut becomes the same packet again; what
 * differs in any one field stays apart; and of batches of many flows in which
 * everything goes wrong, each merged packet is cut again into what it was
 * made from, and no packet of a flow overtakes another.
 */
#include "switching/gro.h"
#include "switching/gso.h"
#include "tcp_maker.h"

#define ALL		(GRO_TCP4 | GRO_TCP6 | GRO_ECN)
#define MAX_FLOWS	12

static uint8_t payload[65536];
static struct tcp_packet big, merged;
static struct gro gro;

/* A batch. Each packet is memory of its own, for the sanitizer. */
static struct {
	struct gro_packet packets[GRO_MAX_PACKETS];
	uint32_t flow[GRO_MAX_PACKETS];
	bool is_bad[GRO_MAX_PACKETS];	/* a checksum is wrong */
	uint32_t n;
} batch;

static void add(const uint8_t *data, uint32_t len)
{
	struct gro_packet *packet = &batch.packets[batch.n];
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	assert_true(batch.n < GRO_MAX_PACKETS);
	memcpy(copy, data, len);
	*packet = (struct gro_packet){ .data = copy, .len = len };
	batch.flow[batch.n] = 0;
	batch.is_bad[batch.n] = false;
	batch.n++;
}

static void add_shape(const struct tcp_shape *shape)
{
	static struct tcp_packet p;

	tcp_make(&p, shape);
	add(p.data, p.len);
}

static void empty_batch(void)
{
	for (uint32_t i = 0; i < batch.n; i++)
		free((void *)batch.packets[i].data);
	batch.n = 0;
}

/* The metadata a program would have written. */
static void add_hints(void)
{
	for (uint32_t i = 0; i < batch.n; i++) {
		struct gro_packet *packet = &batch.packets[i];
		struct pkt_parsed p;

		if (pkt_parse(packet->data, packet->data + packet->len, 0, &p))
			continue;
		packet->l4_proto = p.l4_proto;
		packet->l3_off = p.l3_off;
		packet->l4_off = p.l4_off;
	}
}

/* Puts together what the guest would get for @group, in @merged. */
static void put_together(const struct gro_group *group,
			 struct packet_ext *ret_ext)
{
	uint32_t packet = group->head, i = 0;

	memset(ret_ext, 0, sizeof(*ret_ext));
	gro_header(group, batch.packets[packet].data, merged.data, ret_ext);
	merged.len = group->hdr_len;
	for (; packet != GRO_NONE; packet = gro.next[packet], i++) {
		uint32_t len = gro_payload(group, i);

		assert_true(group->hdr_len + len <= batch.packets[packet].len);
		memcpy(merged.data + merged.len,
		       batch.packets[packet].data + group->hdr_len, len);
		merged.len += len;
	}
	assert_int_equal(i, group->n);
	assert_int_equal(merged.len, group->len);
}

static void run(uint32_t accepts)
{
	memset(&gro, 0xa5, sizeof(gro));
	gro_run(&gro, batch.packets, batch.n, accepts);
}

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
	F_POKE_L4, F_CUT, F_HAS_EXT, F_V6,
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
	{ "IHL", 0, BOTH, F_POKE_L3, 0 << 8 | 0x46, false },
	{ "source address", 0, 2, F_POKE_L3, 15 << 8 | 9, false },
	{ "destination address", 1, 2, F_POKE_L3, 39 << 8 | 9, false },
	{ "more fragments", 0, BOTH, F_POKE_L3, 6 << 8 | 0x20, false },
	{ "reserved fragment flag", 0, BOTH, F_POKE_L3, 6 << 8 | 0x80, false },
	{ "UDP", 0, 2, F_POKE_L3, 9 << 8 | 17, false },
	{ "UDP, 6", 1, 2, F_POKE_L3, 6 << 8 | 17, false },
	{ "ESP", 1, 2, F_POKE_L3, 6 << 8 | 50, false },
	{ "IP checksum", 0, 2, F_POKE_L3, 10 << 8 | 9, false },
	{ "IP checksum of the first", 0, 1, F_POKE_L3, 10 << 8 | 9, false },
	{ "TCP checksum", 0, 2, F_POKE_L4, 16 << 8 | 9, false },
	{ "TCP checksum of the first", 1, 1, F_POKE_L4, 16 << 8 | 9, false },
	{ "payload", 1, 2, F_POKE_L4, 500 << 8 | 9, false },
	{ "payload of the first", 0, 1, F_POKE_L4, 500 << 8 | 9, false },
	{ "data offset short", 0, BOTH, F_POKE_L4, 12 << 8 | 0x40, false },
	{ "data offset long", 0, 2, F_POKE_L4, 12 << 8 | 0xf0, false },
	{ "cut in the payload", 0, 2, F_CUT, 600, false },
	{ "cut in TCP", 0, 2, F_CUT, 53, false },
	{ "cut in IP", 1, 2, F_CUT, 53, false },
	{ "cut in Ethernet", 0, 2, F_CUT, 13, false },
	{ "first cut in the payload", 1, 1, F_CUT, 600, false },
	{ "sender left something to do", 0, 2, F_HAS_EXT, 0, false },
	{ "first sender left something to do", 0, 1, F_HAS_EXT, 0, false },
	{ "other IP", 0, 2, F_V6, 0, false },
};

static struct tcp_shape plain_shape(bool v6)
{
	return (struct tcp_shape){
		.v6 = v6, .tcp_options = 12, .ttl = 64, .tcp_flags = 0x10,
		.df = true, .id = 100, .window = 500, .sport = 1234,
		.seq = 0xfffffe00, .ack = 7, .payload = payload, .size = 1000,
	};
}

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
		break;
	case F_POKE_L4:
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

/* ---- longer batches ---- */

/* Adds @n packets of @size bytes that continue @s. */
static void add_stream(struct tcp_shape *s, uint32_t n, uint32_t size)
{
	for (uint32_t i = 0; i < n; i++) {
		s->size = size;
		s->payload = payload + s->seq % 1000;
		add_shape(s);
		s->seq += size;
		s->id++;
	}
}

/* A merged packet ends where the next one would be longer than IP can say. */
static void test_longest(void **state)
{
	struct packet_ext ext;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct tcp_shape s = plain_shape(v6);

		s.tcp_options = 0;
		add_stream(&s, 21, (65535 - (v6 ? 60 : 40)) / 21);
		add_stream(&s, 1, 65535 - (v6 ? 60 : 40) -
					  21 * ((65535 - (v6 ? 60 : 40)) / 21) +
					  1);
		add_stream(&s, 2, 700);
		run(ALL);
		assert_int_equal(gro.n_groups, 3);
		assert_int_equal(gro.groups[0].n, 21);
		assert_int_equal(gro.groups[1].n, 1);
		assert_int_equal(gro.groups[2].n, 2);
		put_together(&gro.groups[0], &ext);
		assert_true(merged.len <= 14 + 65535);
		empty_batch();

		s = plain_shape(v6);
		s.tcp_options = 0;
		add_stream(&s, 43, 1500);
		add_stream(&s, 1, 65535 - (v6 ? 60 : 40) - 43 * 1500);
		run(ALL);
		assert_int_equal(gro.n_groups, 1);
		put_together(&gro.groups[0], &ext);
		assert_int_equal(merged.len, 14 + 65535);
		empty_batch();
	}
}

/* Identifications that stay, then count, and the other way round. */
static void test_identifications(void **state)
{
	static const uint16_t ids[] = { 5, 5, 5, 6, 7, 8, 8, 8, 0xffff, 0, 1 };
	static const uint32_t want[] = { 3, 3, 2, 3 };
	struct tcp_shape s = plain_shape(false);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		s.id = ids[i];
		add_stream(&s, 1, 100);
	}
	run(ALL);
	assert_int_equal(gro.n_groups, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(gro.groups[i].n, want[i]);
	empty_batch();
}

/* More flows than slots in turn: less is merged, nothing goes wrong; a handful
 * in turn is merged as if each were alone. */
static void test_interleaved(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 12; n++) {
		struct tcp_shape s[12];

		for (uint32_t i = 0; i < n; i++) {
			s[i] = plain_shape(i % 2);
			s[i].sport = (uint16_t)i;
		}
		for (uint32_t i = 0; i < 60 / n * n; i++)
			add_stream(&s[i % n], 1, 200);
		run(ALL);
		if (n <= 8)
			assert_int_equal(gro.n_groups, n);
		for (uint32_t i = 0; i < gro.n_groups && n <= 8; i++) {
			assert_int_equal(gro.groups[i].head, i);
			assert_int_equal(gro.groups[i].n, 60 / n);
		}
		empty_batch();
	}
}

/* One that cannot be merged stands between the groups of its flow, not of
 * another. */
static void test_between(void **state)
{
	struct tcp_shape a = plain_shape(false), b = plain_shape(true);

	(void)state;
	for (int i = 0; i < 6; i++) {
		a.seq += 50;
		b.sport = 77;
		add_stream(&a, 2, 500);
		add_stream(&b, 2, 500);
		a.size = i == 0 ? 0 : 500;
		add_shape(&a);		/* 4 */
		if (i == 0)
			a.size = 500;	/* an acknowledgement only */
		else if (i == 1)
			batch.packets[4].has_ext = true;
		else if (i == 2)	/* later fragment: may be anybody's */
			((uint8_t *)batch.packets[4].data)[21] = 5;
		else if (i == 3)	/* first fragment */
			((uint8_t *)batch.packets[4].data)[20] = 0x20;
		else if (i == 4)	/* broken on the way */
			((uint8_t *)batch.packets[4].data)[100]++;
		else			/* a long packet: IP says more */
			((uint8_t *)batch.packets[4].data)[16] = 0x99;
		if (i) {
			a.seq += a.size;
			a.id++;
		}
		add_stream(&a, 2, 500);
		add_stream(&b, 2, 500);
		run(ALL);
		assert_int_equal(gro.groups[0].n, 2);
		assert_int_equal(gro.groups[1].head, 2);
		assert_int_equal(gro.groups[1].n, i == 2 ? 2 : 4);
		assert_int_equal(gro.groups[2].head, 4);
		assert_int_equal(gro.groups[2].n, 1);
		assert_int_equal(gro.groups[3].head, 5);
		assert_int_equal(gro.groups[3].n, 2);
		assert_int_equal(gro.n_groups, i == 2 ? 5 : 4);
		empty_batch();
	}
}

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

/* ---- anything ---- */

/* One packet of a stream, and what goes wrong with it. */
static void add_random(struct tcp_shape *s, uint32_t flow, uint64_t *seed)
{
	uint32_t kind = unit_below(seed, 80);
	struct tcp_shape once = *s;
	uint8_t *data;
	uint32_t at;

	once.size = unit_below(seed, 12) ? 200 : unit_below(seed, 202);
	once.payload = payload + unit_below(seed, 30000);
	switch (kind) {
	case 0:
		once.seq += unit_below(seed, 3) - 1;
		break;
	case 1:
		s->ack += 100;
		break;
	case 2:
		s->window++;
		break;
	case 3:
		once.tcp_flags = (uint8_t)unit_random(seed);
		break;
	case 4:
		once.tos ^= 3;
		break;
	case 5:
		once.ttl--;
		break;
	case 6:
		s->df = !s->df;
		break;
	case 7:
		s->id = (uint16_t)(s->id + unit_below(seed, 3) - 1);
		break;
	case 8:
		s->option_seed++;
		break;
	case 9:
		once.tcp_options = (uint8_t)(once.tcp_options ^ 4);
		break;
	case 10:
		once.ip_options = 8;
		break;
	case 11:
		once.reserved ^= 1;
		break;
	case 12:
		once.flow_label ^= 1;
		break;
	case 13:
		once.size = 0;
		break;
	case 14:
	case 15:
		once.padding = unit_below(seed, 10);
		break;
	case 16:
	case 17:
		once.tcp_flags |= 0x08;
		break;
	case 18:
		once.tcp_flags ^= 0x80;
		break;
	default:
		break;
	}
	add_shape(&once);
	s->seq = once.seq + once.size;
	s->id++;
	batch.flow[batch.n - 1] = flow;
	data = (uint8_t *)batch.packets[batch.n - 1].data;
	at = 14 + 4u * s->n_tags;
	if (kind == 19) {
		batch.packets[batch.n - 1].has_ext = true;
	} else if (kind == 20 && !s->v6) {
		data[at + 6] |= (uint8_t)(unit_below(seed, 2) << 5);
		data[at + 7] = (uint8_t)unit_below(seed, 2);
	} else if (kind == 21 || kind == 22) {
		at += unit_below(seed, batch.packets[batch.n - 1].len - at -
					       once.padding);
		data[at] ^= (uint8_t)(1u << unit_below(seed, 8));
		/* Other flips change the flow, or what was padded. */
		batch.is_bad[batch.n - 1] = true;
	}
}

/* Cuts what was merged and compares with what it was made from. */
static void check_merged(const struct gro_group *group)
{
	struct iovec piece = { .iov_base = merged.data };
	uint32_t packet = group->head;
	struct packet_ext ext;
	uint8_t segment[512];
	struct gso gso;
	int len;

	put_together(group, &ext);
	piece.iov_len = merged.len;
	assert_true(merged.len - group->l3_off <= 65535);
	assert_int_equal(gso_begin(&gso, &piece, 1, merged.len, &ext), 0);
	assert_int_equal(gso.hdr_len, group->hdr_len);
	assert_int_equal(gso_count(&gso), group->n);
	while ((len = gso_next(&gso, segment, sizeof(segment))) > 0) {
		const uint8_t *data = batch.packets[packet].data;
		uint8_t want[512];

		assert_false(batch.packets[packet].has_ext);
		assert_false(batch.is_bad[packet]);
		assert_true((uint32_t)len <= batch.packets[packet].len);
		memcpy(want, data, (size_t)len);
		if (group->l3 == PKT_L3_IPV4 && data[group->l3_off + 6]) {
			/* With DF, another identification is as good. */
			memcpy(want + group->l3_off + 4,
			       segment + group->l3_off + 4, 2);
			memcpy(want + group->l3_off + 10,
			       segment + group->l3_off + 10, 2);
		}
		assert_memory_equal(want, segment, (size_t)len);
		packet = gro.next[packet];
	}
	assert_int_equal(len, 0);
	assert_int_equal(packet, GRO_NONE);
}

/* Each packet is somewhere, once, and in its flow's order. Returns how many
 * were merged into another. */
static uint32_t check_groups(void)
{
	uint32_t last_of[MAX_FLOWS + 1] = { 0 };
	uint32_t n_seen = 0, last_head = 0;

	for (uint32_t i = 0; i < gro.n_groups; i++) {
		const struct gro_group *group = &gro.groups[i];
		uint32_t packet = group->head, n = 0;

		assert_true(!i || packet > last_head);
		last_head = packet;
		for (; packet != GRO_NONE; packet = gro.next[packet], n++) {
			uint32_t *last;

			assert_true(packet < batch.n);
			last = &last_of[batch.flow[packet]];
			assert_true(packet + 1 > *last);
			*last = packet + 1;
		}
		assert_int_equal(n, group->n);
		n_seen += n;
		if (n > 1)
			check_merged(group);
	}
	assert_int_equal(n_seen, batch.n);
	return batch.n - gro.n_groups;
}

static void test_random(void **state)
{
	uint32_t n_packets = 0, n_merged = 0;
	uint64_t seed = 22;

	(void)state;
	for (int i = 0; i < (UNIT_SLOW ? 1000 : 5000); i++) {
		uint32_t n_flows = 1 + unit_below(&seed, MAX_FLOWS);
		uint32_t n = unit_below(&seed, GRO_MAX_PACKETS + 1);
		struct tcp_shape s[MAX_FLOWS];
		uint32_t flow = 0;

		for (uint32_t f = 0; f < n_flows; f++) {
			s[f] = tcp_shape_random(&seed, false);
			s[f].sport = (uint16_t)f;
			s[f].tcp_options = (uint8_t)(s[f].tcp_options / 2 & ~3);
		}
		while (batch.n < n) {
			if (!unit_below(&seed, 3))
				flow = unit_below(&seed, n_flows);
			add_random(&s[flow], flow, &seed);
		}
		run(ALL);
		n_merged += check_groups();
		n_packets += n;
		add_hints();
		run(ALL);
		check_groups();
		empty_batch();
	}
	assert_true(n_merged > n_packets / 3);
}

static int setup(void **state)
{
	uint64_t seed = 20;

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)unit_random(&seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_identifications),
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("gro", tests, setup, NULL);
}
