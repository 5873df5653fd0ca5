// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Merging in long batches of many flows: what belongs together is found,
 * within the limits; and where everything goes wrong, each merged packet is
 * cut again into what it was made from, and no packet of a flow overtakes
 * another.
 */
#include "gro_batch.h"
#include "switching/gso.h"

#define MAX_FLOWS	12
#define NOBODYS		MAX_FLOWS

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

/* Merging goes on behind more flows than there are slots. */
static void test_many_flows(void **state)
{
	struct tcp_shape s[2] = { plain_shape(false), plain_shape(false) };

	(void)state;
	for (uint16_t i = 0; i < 20; i++) {
		s[0].sport = i;
		add_stream(&s[0], 1, 200);
	}
	s[0].sport = 100;
	s[1].sport = 101;
	for (uint32_t i = 0; i < 20; i++)
		add_stream(&s[i % 2], 1, 200);
	run(ALL);
	assert_int_equal(gro.n_groups, 22);
	assert_int_equal(gro.groups[20].n, 10);
	assert_int_equal(gro.groups[21].n, 10);
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
		/* In front of TCP's sequence number it makes another flow. */
		if (at < 14 + 4u * s->n_tags + (s->v6 ? 44 : 24))
			batch.flow[batch.n - 1] = NOBODYS;
		/* No checksum has what is in front of IPv6's addresses. */
		batch.is_bad[batch.n - 1] =
			!s->v6 || at >= 14 + 4u * s->n_tags + 8;
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
	uint32_t last_of[MAX_FLOWS] = { 0 };
	uint32_t n_seen = 0, last_head = 0;

	for (uint32_t i = 0; i < gro.n_groups; i++) {
		const struct gro_group *group = &gro.groups[i];
		uint32_t packet = group->head, n = 0;

		assert_true(!i || packet > last_head);
		last_head = packet;
		for (; packet != GRO_NONE; packet = gro.next[packet], n++) {
			uint32_t *last;

			assert_true(packet < batch.n);
			if (batch.flow[packet] == NOBODYS)
				continue;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_identifications),
		cmocka_unit_test(test_many_flows),
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("gro, batches", tests, fill_payload,
					   NULL);
}
