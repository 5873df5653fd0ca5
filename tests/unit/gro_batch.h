/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Batches of packets for the tests of merging: making them, running gro.h on
 * them, putting together what a guest would get.
 */
#ifndef TESTS_UNIT_GRO_BATCH_H
#define TESTS_UNIT_GRO_BATCH_H

#include "switching/gro.h"
#include "tcp_maker.h"

#define ALL		(GRO_TCP4 | GRO_TCP6 | GRO_ECN)

static uint8_t payload[65536];
static struct tcp_packet merged;
static struct gro gro;

/* A batch. Each packet is memory of its own, for the sanitizer. */
static struct {
	struct gro_packet packets[GRO_MAX_PACKETS];
	uint32_t flow[GRO_MAX_PACKETS];
	bool is_bad[GRO_MAX_PACKETS];	/* a checksum is wrong */
	uint32_t n;
} batch;

static inline void add(const uint8_t *data, uint32_t len)
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

static inline void add_shape(const struct tcp_shape *shape)
{
	static struct tcp_packet p;

	tcp_make(&p, shape);
	add(p.data, p.len);
}

static inline void empty_batch(void)
{
	for (uint32_t i = 0; i < batch.n; i++)
		free((void *)batch.packets[i].data);
	batch.n = 0;
}

/* The metadata a program would have written. */
static inline void add_hints(void)
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
static inline void put_together(const struct gro_group *group,
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

static inline void run(uint32_t accepts)
{
	memset(&gro, 0xa5, sizeof(gro));
	gro_run(&gro, batch.packets, batch.n, accepts);
}

/* ---- what packets are made from ---- */

static inline int fill_payload(void **state)
{
	uint64_t seed = 20;

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)unit_random(&seed);
	return 0;
}

static inline struct tcp_shape plain_shape(bool v6)
{
	return (struct tcp_shape){
		.v6 = v6, .tcp_options = 12, .ttl = 64, .tcp_flags = 0x10,
		.df = true, .id = 100, .window = 500, .sport = 1234,
		.seq = 0xfffffe00, .ack = 7, .payload = payload, .size = 1000,
	};
}

/* Adds @n packets of @size bytes that continue @s. */
static inline void add_stream(struct tcp_shape *s, uint32_t n, uint32_t size)
{
	for (uint32_t i = 0; i < n; i++) {
		s->size = size;
		s->payload = payload + s->seq % 1000;
		add_shape(s);
		s->seq += size;
		s->id++;
	}
}

/* Makes the checksums of an untagged packet right, as if all the rest were. */
static inline void mend(uint8_t *data, uint32_t len, bool v6)
{
	uint8_t *ip = data + 14, *tcp = ip + (v6 ? 40 : 20);
	uint32_t ihl = (ip[0] & 15) * 4u, tcp_len = len - (v6 ? 54 : 34);

	if (!v6) {
		set16(ip + 10, 0);
		set16(ip + 10, (uint16_t)~slow_sum(ip, ihl, 0));
	}
	set16(tcp + 16, 0);
	set16(tcp + 16,
	      (uint16_t)~slow_sum(tcp, tcp_len,
				  slow_pseudo(ip + (v6 ? 8 : 12), v6,
					      tcp_len)));
}

#endif
