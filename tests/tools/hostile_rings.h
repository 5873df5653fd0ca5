/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a hostile guest does with its rings: rows of hostile.c. */
#ifndef TOOLS_HOSTILE_RINGS_H
#define TOOLS_HOSTILE_RINGS_H

#include "hostile.h"

#define OUTSIDE 0x7000000000ull /* where no guest has memory */
#define READ	0
#define WRITE	VRING_DESC_F_WRITE
#define NEXT	VRING_DESC_F_NEXT
#define TABLE_F VRING_DESC_F_INDIRECT

/* Has something sent to us, whatever becomes of it. */
static void provoke(struct hostile *h, uint32_t n, uint32_t len)
{
	uint8_t frame[1514];

	for (uint32_t i = 0; i < n; i++) {
		make_frame(h, frame, len);
		send_frame(h, NULL, frame, len);
	}
}

/* ---- heads and indices; either ring ---- */

/* The ring under attack: without buffers it is the one to the guest, which the
 * back-end looks at when it has something for it. */
static struct front_ring *target(struct hostile *h, const struct row *row)
{
	return row->how & EMPTY_RX ? rx_ring(h) : tx_ring(h);
}

static uint16_t direction(const struct row *row)
{
	return row->how & EMPTY_RX ? WRITE : READ;
}

static void attacked(struct hostile *h, const struct row *row)
{
	front_ring_kick_always(target(h, row));
	if (row->how & EMPTY_RX)
		provoke(h, 1, 600);
}

static void attack_head(struct hostile *h, const struct row *row)
{
	front_ring_put(target(h, row), (uint16_t)row->a);
	attacked(h, row);
}

static void attack_avail_idx(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);

	ring->avail_idx = (uint16_t)(ring->avail_idx + row->a);
	attacked(h, row);
}

/* a: the index of the next one */
static void attack_next(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0);

	put_desc(ring, d, h->scratch_gpa, 64, direction(row) | NEXT,
		 (uint16_t)row->a);
	front_ring_put(ring, d);
	attacked(h, row);
}

/* a: descriptors in the loop; b: bytes of each */
static void attack_loop(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);

	for (uint32_t i = 0; i < row->a; i++)
		put_desc(ring, free_desc(ring, i), h->scratch_gpa,
			 (uint32_t)row->b, direction(row) | NEXT,
			 free_desc(ring, (i + 1) % (uint32_t)row->a));
	front_ring_put(ring, free_desc(ring, 0));
	attacked(h, row);
}

/* All entries of the ring are heads of one chain that is all of the ring. */
static void attack_long_chains(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = tx_ring(h);

	for (uint32_t i = 0; i < ring->num; i++) {
		bool last = i == ring->num - 1;

		put_desc(ring, (uint16_t)i, h->scratch_gpa, (uint32_t)row->b,
			 last ? 0 : NEXT, (uint16_t)(last ? 0 : i + 1));
	}
	for (uint32_t i = 0; i < ring->num; i++)
		front_ring_put(ring, 0);
	attacked(h, row);
}

/* a: gpa, b: bytes */
static void attack_address(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0);

	put_desc(ring, d, row->a, (uint32_t)row->b, direction(row), 0);
	front_ring_put(ring, d);
	attacked(h, row);
}

/* The last bytes of the (first) region and what is behind. */
static void attack_region_end(struct hostile *h, const struct row *row)
{
	const struct front_region *region = &h->front.regions[0];
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0);

	put_desc(ring, d, region->gpa + region->size - row->a, (uint32_t)row->b,
		 direction(row), 0);
	front_ring_put(ring, d);
	attacked(h, row);
}

static void attack_direction(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0);

	put_desc(ring, d, h->scratch_gpa, 2048, direction(row) ^ WRITE, 0);
	front_ring_put(ring, d);
	attacked(h, row);
}

/* Right at first, and wrong in the last piece. */
static void attack_mixed(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0), e = free_desc(ring, 1);

	put_desc(ring, d, h->scratch_gpa, 64, direction(row) | NEXT, e);
	put_desc(ring, e, h->scratch_gpa, 64, direction(row) ^ WRITE, 0);
	front_ring_put(ring, d);
	attacked(h, row);
}

/* a: bytes of each of the ring's pieces, of which one chain is made */
static void attack_big_chain(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);
	uint64_t gpa = h->front.regions[0].gpa;

	for (uint32_t i = 0; i < row->b; i++)
		put_desc(ring, free_desc(ring, i), gpa, (uint32_t)row->a,
			 direction(row) | (i + 1 < row->b ? NEXT : 0),
			 i + 1 < row->b ? free_desc(ring, i + 1) : 0);
	front_ring_put(ring, free_desc(ring, 0));
	attacked(h, row);
}

/* ---- indirect tables ---- */

/* a: bytes of the table, b: flags of the entry in the ring besides */
static void attack_table(struct hostile *h, const struct row *row)
{
	struct vring_desc *table = (struct vring_desc *)h->scratch;
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0);

	for (uint32_t i = 0; i < ring->num + 1; i++)
		set_desc(&table[i], h->scratch_gpa, 64,
			 direction(row) | (i < ring->num ? NEXT : 0),
			 (uint16_t)(i + 1));
	put_desc(ring, d, h->scratch_gpa, (uint32_t)row->a,
		 TABLE_F | (uint16_t)row->b, free_desc(ring, 1));
	front_ring_put(ring, d);
	attacked(h, row);
}

/* Of two entries: the flags of the second are a, its next is b. */
static void attack_table_entry(struct hostile *h, const struct row *row)
{
	struct vring_desc *table = (struct vring_desc *)h->scratch;
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0);

	set_desc(&table[0], h->scratch_gpa + 64, 64, direction(row) | NEXT, 1);
	set_desc(&table[1], h->scratch_gpa + 64, 64,
		 direction(row) | (uint16_t)row->a, (uint16_t)row->b);
	put_desc(ring, d, h->scratch_gpa, 32, TABLE_F, 0);
	front_ring_put(ring, d);
	attacked(h, row);
}

/* The table is the ring's own descriptors, this one among them. */
static void attack_table_is_ring(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0);

	put_desc(ring, d, front_gpa(&h->front, &ring->desc[d]), 16, TABLE_F, 0);
	front_ring_put(ring, d);
	attacked(h, row);
}

/* a: where it is */
static void attack_table_at(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0);

	put_desc(ring, d, row->a, 32, TABLE_F, 0);
	front_ring_put(ring, d);
	attacked(h, row);
}

/* Its first entry is the region's last bytes, and half of it is missing. */
static void attack_table_end(struct hostile *h, const struct row *row)
{
	const struct front_region *region = &h->front.regions[0];
	struct front_ring *ring = target(h, row);
	uint16_t d = free_desc(ring, 0);

	put_desc(ring, d, region->gpa + region->size - 8, 32, TABLE_F, 0);
	front_ring_put(ring, d);
	attacked(h, row);
}

/* ---- what is unusual, and right ---- */

static void sent_all_the_same(struct hostile *h, uint32_t len)
{
	expect_back(h, (uint8_t *)h->scratch + HDR, len);
}

/* The header in one byte after another, the frame in pieces of a bytes. */
static void attack_split(struct hostile *h, const struct row *row)
{
	uint32_t len = scratch_frame(h, 200), piece = (uint32_t)row->a, n = 0;
	struct front_buf bufs[256];

	for (uint32_t off = 0; off < HDR; off++)
		bufs[n++] = (struct front_buf){ h->scratch_gpa + off, 1 };
	for (uint32_t off = HDR; off < len; off += piece)
		bufs[n++] = (struct front_buf){
			h->scratch_gpa + off,
			len - off < piece ? len - off : piece,
		};
	send_chain(h, bufs, n, false);
	sent_all_the_same(h, 200);
}

/* Empty pieces all over, at addresses that are nobody's. */
static void attack_empty_pieces(struct hostile *h, const struct row *row)
{
	uint32_t len = scratch_frame(h, 200);
	const struct front_buf bufs[] = {
		{ row->a, 0 }, { h->scratch_gpa, 7 },
		{ row->a, 0 }, { h->scratch_gpa + 7, len - 7 },
		{ row->a, 0 },
	};

	send_chain(h, bufs, ARRAY_SIZE(bufs), row->b);
	sent_all_the_same(h, 200);
}

/* Half in one region and half in the one that touches it. */
static void attack_two_regions(struct hostile *h, const struct row *row)
{
	const struct front_region *region = &h->front.regions[1];
	struct front_buf buf = { region->gpa - 100, scratch_frame(h, 200) };

	(void)row;
	memcpy(h->front.regions[0].mem + h->front.regions[0].size - 100,
	       h->scratch, 100);
	memcpy(region->mem, h->scratch + 100, buf.len - 100);
	send_chain(h, &buf, 1, false);
	sent_all_the_same(h, 200);
}

/* Buffers that lie in the rings themselves. We do not look at what is used from
 * then on: that may be written over. */
static void attack_own_ring(struct hostile *h, const struct row *row)
{
	struct front_buf frame = { h->scratch_gpa, scratch_frame(h, 1514) };
	struct front_ring *ring = rx_ring(h);
	struct front_buf bufs[] = {
		{ front_gpa(&h->front, ring->desc), 16 * ring->num },
		{ front_gpa(&h->front, ring->avail), 6 + 2 * ring->num },
		{ front_gpa(&h->front, ring->used), 6 + 8 * ring->num },
		{ front_gpa(&h->front, tx_ring(h)->used), 2048 },
	};

	front_ring_add(ring, &bufs[row->a], 0, 1);
	front_ring_kick_always(ring);
	for (uint32_t i = 0; i < 4; i++)
		send_chain(h, &frame, 1, false);
}

/* The back-end's own index. */
static void attack_used_idx(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = target(h, row);

	for (uint32_t i = 0; i < 1000; i++) {
		ring->used->idx = (uint16_t)(row->a * i);
		ring->used->flags ^= 1;
		ring->used->ring[ring->num].id ^= 0xffff;
	}
	attacked(h, row);
}

/* Descriptors that change while they are read. */
static void attack_double_fetch(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = tx_ring(h);
	uint32_t len = scratch_frame(h, 60);
	uint64_t end = now_ns() + NSEC_PER_SEC, rng = 1;

	/* To ourselves, which the switch does not do: there are many. */
	memcpy(h->scratch + HDR, h->mac, 6);
	for (uint32_t i = 0; i < ring->num; i++)
		put_desc(ring, (uint16_t)i, h->scratch_gpa, len, 0, 0);
	for (uint32_t i = 0; i < ring->num; i++)
		front_ring_put(ring, (uint16_t)i);
	front_ring_kick_always(ring);
	while (now_ns() < end && !front_is_gone(&h->front)) {
		for (uint32_t i = 0; i < ring->num; i++) {
			volatile struct vring_desc *desc = &ring->desc[i];

			desc->addr = i & 1 ? row->a : h->scratch_gpa;
			desc->len = (uint32_t)random_next(&rng);
			desc->addr = h->scratch_gpa;
			desc->len = len;
		}
		ring->avail_idx = (uint16_t)(front_ring_ready(ring) +
					     ring->last_used + ring->num);
		front_ring_kick_always(ring);
	}
}

/* ---- packets ---- */

/* A chain of a bytes in all. */
static void attack_short(struct hostile *h, const struct row *row)
{
	struct front_buf buf = { h->scratch_gpa, (uint32_t)row->a };

	scratch_frame(h, 200);
	send_chain(h, &buf, 1, false);
}

static void attack_nothing(struct hostile *h, const struct row *row)
{
	struct front_buf bufs[] = { { row->a, 0 }, { row->a, 0 } };

	send_chain(h, bufs, 2, false);
}

/* A frame of a bytes. */
static void attack_length(struct hostile *h, const struct row *row)
{
	struct front_buf buf = { h->scratch_gpa, HDR + (uint32_t)row->a };

	scratch_frame(h, 200);
	send_chain(h, &buf, 1, false);
}

/* Somebody else's. */
static void attack_source(struct hostile *h, const struct row *row)
{
	uint8_t frame[60];

	(void)row;
	make_frame(h, frame, sizeof(frame));
	memcpy(frame + 6, h->echo, 6);
	send_frame(h, NULL, frame, sizeof(frame));
}

/* A TCP segment of @payload bytes. */
static uint32_t make_tcp(struct hostile *h, uint8_t *buf, uint32_t payload)
{
	const struct in_addr src = { htonl(0xc0000201) };
	const struct in_addr dst = { htonl(0xc0000202) };
	uint8_t *ip = packet_put_eth(buf, h->echo, h->mac, 0, ETH_P_IP), *tcp;

	tcp = packet_put_ip4(ip, src, dst, IPPROTO_TCP, 20 + payload);
	packet_put_tcp(tcp, 1000, 2000, 1);
	memset(tcp + 20, 'x', payload);
	packet_finish_ip4(ip, 20 + payload, 0);
	return ETH_HLEN + 20 + 20 + payload;
}

/* a: the first eight bytes of the header, in order; b: csum_offset, and bit 16:
 * the frame is no TCP */
static void attack_header(struct hostile *h, const struct row *row)
{
	static uint8_t frame[4096];
	struct front_net_hdr hdr = { 0 };
	uint64_t first = be64toh(row->a);
	uint32_t len = make_tcp(h, frame, 3000);

	if (row->b >> 16)
		make_frame(h, frame, len);
	memcpy(&hdr, &first, 8);
	/* In the row they are written as numbers. */
	hdr.hdr_len = be16toh(hdr.hdr_len);
	hdr.gso_size = be16toh(hdr.gso_size);
	hdr.csum_start = be16toh(hdr.csum_start);
	hdr.csum_offset = (uint16_t)row->b;
	send_frame(h, &hdr, frame, len);
}

/* ---- to the guest ---- */

/* Buffers of a bytes, as many as b. */
/* A buffer where front_net_receive() expects it, but shorter. */
static void add_buffer(struct hostile *h, uint32_t len)
{
	struct front_buf buf = {
		h->net.rx_gpa + rx_ring(h)->free_head * h->net.rx_size, len
	};

	front_ring_add(rx_ring(h), &buf, 0, 1);
}

static void attack_buffers(struct hostile *h, const struct row *row)
{
	for (uint32_t i = 0; i < row->b; i++)
		add_buffer(h, (uint32_t)row->a);
	front_ring_kick_always(rx_ring(h));
	provoke(h, 4, 1000);
}

/* One buffer for the header, then nothing but chains of a empty pieces. */
static void attack_empty_buffers(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = rx_ring(h);
	uint16_t first;

	add_buffer(h, HDR);
	first = free_desc(ring, 0);
	for (uint32_t i = 0; i < row->a; i++)
		put_desc(ring, free_desc(ring, i), OUTSIDE, 0,
			 WRITE | (i + 1 < row->a ? NEXT : 0),
			 free_desc(ring, i + 1));
	for (uint32_t i = 1; i < ring->num; i++)
		front_ring_put(ring, first);
	attacked(h, row);
}

/* Never enough for one packet, until there are all at once; then until one comes
 * back: the others wait before it, or were dropped. */
/* In hostile.c. */
static uint64_t ask_counter(const char *reason);
static bool in_time(uint64_t since);
static void pause_a_little(void);

static void attack_no_room(struct hostile *h, const struct row *row)
{
	uint64_t before = ask_counter(row->expect), since = now_ns();

	add_buffer(h, (uint32_t)row->a);
	front_ring_kick_always(rx_ring(h));
	provoke(h, (uint32_t)row->b, 1514);
	/* Not before the agent has come to it. */
	while (ask_counter(row->expect) == before && in_time(since))
		pause_a_little();
	front_net_post(&h->net);
	knock(h);
}

/* ---- the rows ---- */

#define TX     0
#define RX     EMPTY_RX
#define IDX    "avail->idx claims more entries than the ring has"
#define INDEX  "a descriptor index beyond the ring"
#define AWAY   "a descriptor points outside the guest's memory"
#define LENGTH "an indirect table of a wrong length"
#define LOOP   "a chain with a loop"

/* clang-format off */
static const struct row ring_rows[] = {
	{ "head-beyond-ring", NULL, REFUSED, INDEX, attack_head, TX, 256, 0 },
	{ "head-65535", NULL, REFUSED, INDEX, attack_head, TX, 65535, 0 },
	{ "head-beyond-ring-rx", NULL, REFUSED, INDEX, attack_head, RX, 256, 0 },
	{ "next-beyond-ring", NULL, REFUSED, INDEX, attack_next, TX, 256, 0 },
	{ "next-65535-rx", NULL, REFUSED, INDEX, attack_next, RX, 65535, 0 },
	{ "avail-idx-65535", NULL, REFUSED, IDX, attack_avail_idx, TX, 65535, 0 },
	{ "avail-idx-one-too-many", NULL, REFUSED, IDX, attack_avail_idx, TX, 257, 0 },
	{ "avail-idx-back", NULL, REFUSED, IDX, attack_avail_idx, TX, 65535 - 3, 0 },
	{ "avail-idx-65535-rx", NULL, REFUSED, IDX, attack_avail_idx, RX, 65535, 0 },
	{ "used-idx-moved", NULL, ANY, NULL, attack_used_idx, TX, 7, 0 },
	{ "used-idx-moved-rx", NULL, ANY, NULL, attack_used_idx, RX, 7, 0 },

	{ "loop-of-one", NULL, REFUSED, LOOP, attack_loop, TX, 1, 64 },
	{ "loop-of-two", NULL, REFUSED, LOOP, attack_loop, TX, 2, 64 },
	{ "loop-of-all", NULL, REFUSED, LOOP, attack_loop, TX, 200, 1 },
	{ "loop-of-empty", "CVE-2019-3900", REFUSED, LOOP, attack_loop, TX, 1, 0 },
	{ "loop-rx", NULL, REFUSED, LOOP, attack_loop, RX, 2, 1 },
	{ "loop-of-empty-rx", "CVE-2019-3900", REFUSED, LOOP, attack_loop, RX, 2, 0 },
	{ "too-many-pieces", NULL, REFUSED, "a chain of more than 512 pieces", attack_big_chain, BIG_RING, 1, 600 },
	{ "too-many-pieces-rx", NULL, REFUSED, "a chain of more than 512 pieces", attack_big_chain, BIG_RING | RX, 1, 600 },
	{ "too-many-empty-pieces", "CVE-2019-3900", REFUSED, "a chain of more than 512 pieces", attack_long_chains, BIG_RING, 0, 0 },
	{ "too-long-chain", NULL, REFUSED, "a chain of more than 2 GiB", attack_big_chain, TX, 16 << 20, 128 },
	{ "too-long-chain-rx", NULL, REFUSED, "a chain of more than 2 GiB", attack_big_chain, RX, 16 << 20, 128 },

	{ "indirect-empty", NULL, REFUSED, LENGTH, attack_table, TX, 0, 0 },
	{ "indirect-17-bytes", NULL, REFUSED, LENGTH, attack_table, TX, 17, 0 },
	{ "indirect-too-long", NULL, REFUSED, LENGTH, attack_table, TX, 257 * 16, 0 },
	{ "indirect-4-gib", NULL, REFUSED, LENGTH, attack_table, TX, 0xfffffff0, 0 },
	{ "indirect-and-next", NULL, REFUSED, "an indirect table in the middle of a chain", attack_table, TX, 32, NEXT },
	{ "indirect-too-long-rx", NULL, REFUSED, LENGTH, attack_table, RX, 257 * 16, 0 },
	{ "indirect-nested", NULL, REFUSED, "an indirect table inside another", attack_table_entry, TX, TABLE_F, 0 },
	{ "indirect-loop", NULL, REFUSED, "a chain with a loop in an indirect table", attack_table_entry, TX, NEXT, 0 },
	{ "indirect-loop-rx", NULL, REFUSED, "a chain with a loop in an indirect table", attack_table_entry, RX, NEXT, 0 },
	{ "indirect-next-beyond", NULL, REFUSED, "a descriptor index beyond the indirect table", attack_table_entry, TX, NEXT, 2 },
	{ "indirect-write-only", NULL, REFUSED, "a buffer to be sent is write-only", attack_table_entry, TX, WRITE, 0 },
	{ "indirect-is-the-ring", NULL, REFUSED, "an indirect table inside another", attack_table_is_ring, TX, 0, 0 },
	{ "indirect-outside", NULL, REFUSED, "an indirect table outside the guest's memory", attack_table_at, TX, OUTSIDE, 0 },
	{ "indirect-wraps", NULL, REFUSED, "an indirect table outside the guest's memory", attack_table_at, TX, -8ull, 0 },
	{ "indirect-over-the-end", NULL, REFUSED, "an indirect table outside the guest's memory", attack_table_end, TX, 0, 0 },
	{ "indirect-not-negotiated", NULL, REFUSED, "an indirect table that was not negotiated", attack_table, NO_TABLES, 32, 0 },

	{ "address-outside", NULL, REFUSED, AWAY, attack_address, TX, OUTSIDE, 64 },
	{ "address-0", NULL, REFUSED, AWAY, attack_address, TX, 0, 64 },
	{ "address-wraps", NULL, REFUSED, AWAY, attack_address, TX, -16ull, 64 },
	{ "address-4-gib-long", NULL, REFUSED, AWAY, attack_address, TX, 1 << 20, UINT32_MAX },
	{ "address-outside-rx", NULL, REFUSED, AWAY, attack_address, RX, OUTSIDE, 2048 },
	{ "address-wraps-rx", NULL, REFUSED, AWAY, attack_address, RX, -16ull, 2048 },
	{ "over-the-end", NULL, REFUSED, AWAY, attack_region_end, TX, 32, 64 },
	{ "over-the-end-rx", NULL, REFUSED, AWAY, attack_region_end, RX, 1024, 2048 },
	{ "over-a-gap", "CVE-2018-1059", REFUSED, AWAY, attack_region_end, TWO_REGIONS | GAP, 32, 64 },
	{ "over-a-gap-rx", "CVE-2018-1059", REFUSED, AWAY, attack_region_end, TWO_REGIONS | GAP | RX, 1024, 2048 },
	{ "two-regions", "CVE-2018-1059", ALLOWED, NULL, attack_two_regions, TWO_REGIONS, 0, 0 },
	{ "write-only", NULL, REFUSED, "a buffer to be sent is write-only", attack_direction, TX, 0, 0 },
	{ "write-only-at-last", NULL, REFUSED, "a buffer to be sent is write-only", attack_mixed, TX, 0, 0 },
	{ "read-only-rx", NULL, REFUSED, "a buffer to be filled is read-only", attack_direction, RX, 0, 0 },
	{ "read-only-at-last-rx", NULL, REFUSED, "a buffer to be filled is read-only", attack_mixed, RX, 0, 0 },

	{ "empty-pieces-outside", "CVE-2020-10725", ALLOWED, NULL, attack_empty_pieces, TX, OUTSIDE, 0 },
	{ "empty-pieces-outside-indirect", "CVE-2020-10725", ALLOWED, NULL, attack_empty_pieces, TX, -1ull, 1 },
	{ "header-in-12-pieces", "CVE-2022-2132", ALLOWED, NULL, attack_split, TX, 1000, 0 },
	{ "all-in-pieces-of-1", "CVE-2022-2132", ALLOWED, NULL, attack_split, TX, 1, 0 },
	{ "descriptors-that-change", "DPDK 285e6b8b18 (double fetch)", ANY, NULL, attack_double_fetch, TX, OUTSIDE, 0 },

	{ "no-byte", "DPDK e31b57e732 (short chains)", COUNTED, "guest_header", attack_nothing, TX, OUTSIDE, 0 },
	{ "shorter-than-header", "CVE-2022-2132", COUNTED, "guest_header", attack_short, TX, 11, 0 },
	{ "header-only", "DPDK e31b57e732 (short chains)", COUNTED, "eth_short", attack_short, TX, 12, 0 },
	{ "one-byte", "DPDK e31b57e732 (short chains)", COUNTED, "eth_short", attack_short, TX, 13, 0 },
	{ "frame-over-mtu", NULL, COUNTED, "too_big", attack_length, TX, 1515, 0 },
	{ "frame-of-64-kib", NULL, COUNTED, "too_big", attack_length, TX, 65536, 0 },
	{ "frame-over-64-kib", NULL, COUNTED, "too_big", attack_length, TX, 65535 + 14 + 8 + 1, 0 },
	{ "frame-of-200-kb", NULL, COUNTED, "too_big", attack_length, TX, 200000, 0 },
	{ "source-of-another", NULL, COUNTED, "src_mac", attack_source, TX, 0, 0 },

	/*                                                              flags type hdr_len gso_size csum_start, csum_offset */
	{ "csum-not-negotiated", NULL, COUNTED, "guest_header", attack_header, TX, 0x0100000000000022, 16 },
	{ "csum-start-beyond", "CVE-2024-11614", COUNTED, "guest_header", attack_header, OFFLOADS, 0x010000000000ffff, 0 },
	{ "csum-offset-beyond", "CVE-2024-11614", COUNTED, "guest_header", attack_header, OFFLOADS, 0x0100000000000022, 0xffff },
	{ "csum-wraps", "CVE-2024-11614", COUNTED, "guest_header", attack_header, OFFLOADS, 0x010000000000ffff, 0xffff },
	{ "csum-last-byte", "CVE-2024-11614", COUNTED, "guest_header", attack_header, OFFLOADS, 0x0100000000000bed, 0 },
	{ "gso-not-negotiated", NULL, COUNTED, "guest_header", attack_header, TX, 0x0101003605b40022, 16 },
	{ "gso-size-0", NULL, COUNTED, "guest_header", attack_header, OFFLOADS, 0x0101003600000022, 16 },
	{ "gso-size-1", NULL, COUNTED, "gso_bad", attack_header, OFFLOADS, 0x0101003600010022, 16 },
	{ "gso-unknown", NULL, COUNTED, "guest_header", attack_header, OFFLOADS, 0x017f003605b40022, 16 },
	{ "gso-udp", NULL, COUNTED, "guest_header", attack_header, OFFLOADS, 0x0103003605b40022, 16 },
	{ "gso-without-csum", NULL, COUNTED, "guest_header", attack_header, OFFLOADS, 0x0001003605b40022, 16 },
	{ "gso-ecn-alone", NULL, COUNTED, "guest_header", attack_header, OFFLOADS, 0x0180003605b40022, 16 },
	{ "gso-ipv6-of-ipv4", NULL, COUNTED, "gso_bad", attack_header, OFFLOADS, 0x0104003605b40022, 16 },
	{ "gso-wrong-csum-start", NULL, COUNTED, "gso_bad", attack_header, OFFLOADS, 0x0101003605b40000, 16 },
	{ "gso-of-no-tcp", NULL, COUNTED, "gso_bad", attack_header, OFFLOADS, 0x0101003605b40022, 0x10000 | 16 },
	{ "gso-size-over-mtu", NULL, COUNTED, "too_big", attack_header, OFFLOADS, 0x01010036ffff0022, 16 },
	{ "gso-hdr-len-beyond", NULL, ALLOWED, NULL, attack_header, OFFLOADS, 0x0101ffff05b40022, 16 },

	{ "buffers-of-1", NULL, REFUSED, "a buffer too small for the vnet header", attack_buffers, RX, 1, 16 },
	{ "buffers-of-11", NULL, REFUSED, "a buffer too small for the vnet header", attack_buffers, RX, 11, 200 },
	{ "buffers-of-12", NULL, ANY, NULL, attack_buffers, RX, 12, 200 },
	{ "buffers-of-empty-pieces", "CVE-2019-3900", REFUSED, "buffers of more than 1024 pieces for one packet", attack_empty_buffers, RX | BIG_RING, 500, 0 },
	{ "buffers-too-small", NULL, COUNTED, "guest_buffer", attack_buffers, RX | PLAIN_RX, 100, 1 },
	{ "buffers-never-enough", NULL, COUNTED, "out_full", attack_no_room, RX, 12, 1000 },
	{ "buffer-is-descriptors", NULL, ANY, NULL, attack_own_ring, RX, 0, 0 },
	{ "buffer-is-avail-ring", NULL, ANY, NULL, attack_own_ring, RX, 1, 0 },
	{ "buffer-is-used-ring", NULL, ANY, NULL, attack_own_ring, RX, 2, 0 },
	{ "buffer-is-other-ring", NULL, ANY, NULL, attack_own_ring, RX, 3, 0 },
};
/* clang-format on */

#endif
