// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Any bytes as a batch of packets. The input is a list of packets: a length, a
 * byte of flags, and the bytes; one that repeats the packet before it has the
 * sequence number that follows, and right checksums. Besides what the
 * sanitizers find: each packet is in one group, and what is merged is cut
 * again into the same packets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pktagent/parse.h>

#include "base/base.h"
#include "switching/csum.h"
#include "switching/gro.h"
#include "switching/gso.h"
#include "switching/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REPEAT	0x01 /* begins as the one before */
#define MEND	0x02 /* lengths and checksums are right */
#define HAS_EXT 0x04
#define HINTS	0x08

#define MAX_LEN 512

static struct gro gro;
static struct gro_packet packets[GRO_MAX_PACKETS];
static uint32_t n_packets;
static uint8_t merged[GRO_MAX_PACKETS * MAX_LEN];

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* The packet has payload up to its end, and follows @before. */
static void mend(uint8_t *data, uint32_t len, const struct gro_packet *before)
{
	struct pkt_parsed p = { 0 };
	uint16_t csum;
	uint8_t *ip;

	if (pkt_parse_eth(data, data + len, &p) || len < p.l3_off + 60u)
		return;
	ip = data + p.l3_off;
	if (ip[0] >> 4 == 4) {
		be16_put(ip + IP4_LENGTH, (uint16_t)(len - p.l3_off));
		be16_put(ip + IP4_CSUM, 0);
		csum = (uint16_t)~csum_words(ip, IP4_HDR_LEN, 0);
		memcpy(ip + IP4_CSUM, &csum, 2);
	} else {
		be16_put(ip + IP6_LENGTH,
			 (uint16_t)(len - p.l3_off - IP6_HDR_LEN));
	}
	if (pkt_parse(data, data + len, 0, &p) || !p.l4_off ||
	    p.l4_proto != PKT_PROTO_TCP)
		return;
	if (before && before->len > p.l4_off + TCP_HDR_LEN) {
		const uint8_t *tcp = before->data + p.l4_off;
		uint32_t hdr_len = p.l4_off + tcp_hdr_len(tcp);

		be32_put(data + p.l4_off + TCP_SEQ,
			 be32_get(tcp + TCP_SEQ) + before->len - hdr_len);
	}
	csum_finish(data, &p);
}

static void add_hints(struct gro_packet *packet)
{
	struct pkt_parsed p;

	if (pkt_parse(packet->data, packet->data + packet->len, 0, &p))
		return;
	packet->l4_proto = p.l4_proto;
	packet->l3_off = p.l3_off;
	packet->l4_off = p.l4_off;
}

/* Takes a packet off the input; returns the bytes taken, 0 at the end. */
static size_t take(const uint8_t *data, size_t size)
{
	struct gro_packet *packet = &packets[n_packets];
	const struct gro_packet *before = NULL;
	uint8_t flags;
	uint32_t len;
	uint8_t *copy;
	size_t taken;

	if (size < 3)
		return 0;
	len = 1 + (data[0] | (uint32_t)data[1] << 8) % MAX_LEN;
	flags = data[2];
	taken = len < size - 3 ? len : size - 3;
	if (flags & REPEAT && n_packets) {
		before = packet - 1;
		len = min_u32(len, before->len);
		taken = 0;
	}
	/* Memory of its own, for the sanitizer. */
	copy = calloc(1, len);
	require(copy);
	memcpy(copy, before ? before->data : data + 3, before ? len : taken);
	if (flags & MEND)
		mend(copy, len, before);
	*packet = (struct gro_packet){ .data = copy,
				       .len = len,
				       .has_ext = flags & HAS_EXT };
	if (flags & HINTS)
		add_hints(packet);
	n_packets++;
	return 3 + taken;
}

/* What is merged, cut again. */
static void check_merged(const struct gro_group *group)
{
	struct iovec piece = { .iov_base = merged };
	uint32_t packet = group->head, len = group->hdr_len, i = 0;
	struct packet_ext ext = { 0 };
	uint8_t segment[MAX_LEN];
	struct gso gso;

	require(group->hdr_len <= GRO_MAX_HEADERS);
	gro_header(group, packets[packet].data, merged, &ext);
	for (; packet != GRO_NONE; packet = gro.next[packet], i++) {
		uint32_t size = gro_payload(group, i);

		require(size && group->hdr_len + size <= packets[packet].len);
		memcpy(merged + len, packets[packet].data + group->hdr_len,
		       size);
		len += size;
	}
	require(len == group->len && i == group->n);
	piece.iov_len = len;
	require(!gso_begin(&gso, &piece, 1, len, &ext));
	require(gso_count(&gso) == group->n);
	for (packet = group->head; gso_count(&gso); packet = gro.next[packet]) {
		int n = gso_next(&gso, segment, sizeof(segment));
		const uint8_t *data = packets[packet].data;

		require(n > 0 && (uint32_t)n <= packets[packet].len);
		require(!memcmp(segment + group->l4_off, data + group->l4_off,
				(uint32_t)n - group->l4_off));
		require(!memcmp(segment, data, group->l3_off + 4u));
	}
}

static void check_groups(void)
{
	bool seen[GRO_MAX_PACKETS] = { false };
	uint32_t n_seen = 0;

	require(gro.n_groups <= n_packets);
	for (uint32_t i = 0; i < gro.n_groups; i++) {
		uint32_t packet = gro.groups[i].head;

		for (; packet != GRO_NONE; packet = gro.next[packet]) {
			require(packet < n_packets && !seen[packet]);
			seen[packet] = true;
			n_seen++;
		}
		if (gro.groups[i].n > 1)
			check_merged(&gro.groups[i]);
	}
	require(n_seen == n_packets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t taken = 1;

	n_packets = 0;
	while (taken && n_packets < GRO_MAX_PACKETS) {
		taken = take(data, size);
		data += taken;
		size -= taken;
	}
	gro_run(&gro, packets, n_packets, GRO_TCP4 | GRO_TCP6 | GRO_ECN);
	check_groups();
	for (uint32_t i = 0; i < n_packets; i++)
		free((void *)packets[i].data);
	return 0;
}
