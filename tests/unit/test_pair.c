// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets between a guest's rings and frames, against the test front-end's
 * driver: vnet headers, buffers of all kinds, the dirty log. */
#include "ring_rig.h"

#define PLAIN VIRTIO_VERSION_1
#define MERGE (PLAIN | VIRTIO_NET_MRG_RXBUF | VIRTIO_RING_INDIRECT)
#define HDR   12
#define HEAD  160

static struct pair_packet packet;

/* ---- from the guest ---- */

/* @hdr_len bytes of header and @len of packet are in the scratch. */
static void send_piece(struct ring_rig *rig, uint32_t len)
{
	struct front_buf buf = { rig->scratch_gpa, len };

	assert_true(front_ring_add(&rig->front.rings[1], &buf, 1, 0) >= 0);
	front_ring_publish(&rig->front.rings[1]);
}

static enum pair_verdict peek(struct ring_rig *rig)
{
	return pair_peek(rig->pair, HEAD, &packet);
}

static void done(struct ring_rig *rig)
{
	uint32_t len = 1;

	pair_take(rig->pair);
	virtq_publish(&rig->pair->tx);
	assert_true(front_ring_take(&rig->front.rings[1], &len) >= 0);
	assert_int_equal(len, 0);
}

/* The packet in frames is that in the scratch behind its header. */
static void assert_frames(struct ring_rig *rig, uint32_t hdr_len, uint32_t len)
{
	struct iovec pieces[PACKET_MAX_PIECES];
	const uint8_t *want = rig->scratch + hdr_len;
	uint32_t n;
	uint64_t word;

	assert_true(pair_to_frames(rig->pair, &packet, &rig->cache, &word));
	assert_int_equal(packet_len(word), len);
	n = packet_pieces(&rig->arena, word, pieces);
	assert_int_equal(n, packet_n_frames(&rig->arena, word));
	for (uint32_t i = 0; i < n; i++) {
		assert_memory_equal(pieces[i].iov_base, want,
				    pieces[i].iov_len);
		want += pieces[i].iov_len;
		len -= (uint32_t)pieces[i].iov_len;
	}
	assert_int_equal(len, 0);
	assert_int_equal(rig_frames(rig) + n, arena_n_frames(&rig->arena));
	packet_free(&rig->cache, word);
}

static void test_lengths(void **state)
{
	static const uint32_t lens[] = { 1,    13,   60,   159,	  160,	161,
					 1514, 3584, 3841, 40000, 65557 };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(lens); i++) {
		struct ring_rig *rig = rig_open(64, PLAIN);
		uint32_t want = lens[i] < HEAD ? lens[i] : HEAD;

		memset(rig->scratch, 0, HDR);
		rig_fill(rig, HDR, lens[i]);
		assert_int_equal(peek(rig), PAIR_NONE);
		send_piece(rig, HDR + lens[i]);
		assert_int_equal(peek(rig), PAIR_PACKET);
		assert_int_equal(packet.len, lens[i]);
		assert_int_equal(packet.head_len, want);
		assert_memory_equal(packet.head, rig->scratch + HDR, want);
		assert_frames(rig, HDR, lens[i]);
		done(rig);
		assert_int_equal(peek(rig), PAIR_NONE);
		assert_int_equal(rig->pair->tx.n_packets, 1);
		assert_int_equal(rig->pair->tx.n_bytes, lens[i]);
		rig_close(rig);
	}
}

/* What was looked at stays as it was, whatever the guest writes then. */
static void test_double_fetch(void **state)
{
	struct ring_rig *rig = rig_open(64, PLAIN);
	struct front_net_hdr hdr = { 0 };
	uint8_t before[HEAD];
	uint64_t word;

	(void)state;
	memcpy(rig->scratch, &hdr, HDR);
	rig_fill(rig, HDR, 600);
	memcpy(before, rig->scratch + HDR, HEAD);
	send_piece(rig, HDR + 600);
	assert_int_equal(peek(rig), PAIR_PACKET);
	memset(rig->scratch, 0xff, HDR + HEAD);
	memset(rig->front.rings[1].desc, 0xff, 16);
	assert_true(pair_to_frames(rig->pair, &packet, &rig->cache, &word));
	assert_false(word & PACKET_EXT);
	assert_memory_equal(arena_data(&rig->arena, packet_addr(word)), before,
			    HEAD);
	assert_int_equal(packet_len(word), 600);
	packet_free(&rig->cache, word);
	done(rig);
	rig_close(rig);
}

/* Chains cut in every way; the pieces are the packet. */
static void test_pieces(void **state)
{
	static const uint32_t cuts[] = { 1, 5, 12, 13, 171, 172, 173, 300 };

	(void)state;
	for (uint32_t c = 0; c < ARRAY_SIZE(cuts); c++) {
		struct ring_rig *rig = rig_open(1024, MERGE);
		struct iovec pieces[512];
		struct front_buf bufs[512];
		const uint8_t *want = rig->scratch + HDR;
		uint32_t n = 0, left = 400;

		memset(rig->scratch, 0, HDR);
		rig_fill(rig, HDR, left);
		for (uint32_t off = 0; off < HDR + left; off += cuts[c])
			bufs[n++] = (struct front_buf){
				rig->scratch_gpa + off,
				HDR + left - off < cuts[c] ? HDR + left - off
							   : cuts[c],
			};
		assert_true(front_ring_add(&rig->front.rings[1], bufs, n, 0) >=
			    0);
		front_ring_publish(&rig->front.rings[1]);
		assert_int_equal(peek(rig), PAIR_PACKET);
		assert_int_equal(packet.len, 400);
		assert_frames(rig, HDR, 400);
		n = pair_pieces(rig->pair, &packet, pieces, 512);
		assert_true(n > 0);
		assert_int_equal(pair_pieces(rig->pair, &packet, pieces, n - 1),
				 0);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(pieces[i].iov_len <= left);
			assert_memory_equal(pieces[i].iov_base, want,
					    pieces[i].iov_len);
			want += pieces[i].iov_len;
			left -= (uint32_t)pieces[i].iov_len;
		}
		assert_int_equal(left, 0);
		done(rig);
		rig_close(rig);
	}
}

/* No frames: the packet stays, and none is lost. */
static void test_no_frames(void **state)
{
	struct ring_rig *rig = rig_open(64, PLAIN);
	uint32_t taken[256], n = 0;
	uint64_t word;

	(void)state;
	memset(rig->scratch, 0, HDR);
	send_piece(rig, HDR + 60000);
	/* Down to fewer than the packet needs. */
	while (n < arena_n_frames(&rig->arena) - 10) {
		taken[n] = frame_cache_get(&rig->cache);
		assert_int_not_equal(taken[n], FRAME_NONE);
		n++;
	}
	assert_int_equal(peek(rig), PAIR_PACKET);
	assert_false(pair_to_frames(rig->pair, &packet, &rig->cache, &word));
	assert_int_equal(rig_frames(rig), 10);
	/* They are all there, each once. */
	while (n < arena_n_frames(&rig->arena)) {
		taken[n] = frame_cache_get(&rig->cache);
		for (uint32_t i = 0; i < n; i++)
			assert_int_not_equal(taken[i], taken[n]);
		n++;
	}
	assert_int_equal(frame_cache_get(&rig->cache), FRAME_NONE);
	while (n)
		frame_cache_put(&rig->cache, taken[--n]);
	assert_int_equal(peek(rig), PAIR_PACKET);
	assert_frames(rig, HDR, 60000);
	done(rig);
	rig_close(rig);
}

/* ---- vnet headers ---- */

#define OFFLOADS                                          \
	(PLAIN | VIRTIO_NET_CSUM | VIRTIO_NET_HOST_TSO4 | \
	 VIRTIO_NET_HOST_TSO6 | VIRTIO_NET_HOST_ECN)
#define CSUM FRONT_NET_NEEDS_CSUM
#define TCP4 FRONT_NET_GSO_TCPV4
#define TCP6 FRONT_NET_GSO_TCPV6
#define ECN  FRONT_NET_GSO_ECN

/* Of a packet of 1000 bytes. */
static const struct header {
	const char *name;
	uint64_t features;
	enum pair_verdict verdict;
	struct front_net_hdr hdr; /* flags, gso_type, hdr_len, gso_size,
				   * csum_start, csum_offset, n_buffers */
} headers[] = {
	{ "none", PLAIN, PAIR_PACKET, { 0 } },
	{ "only what does not count",
	  PLAIN,
	  PAIR_PACKET,
	  { 0, 0, 65535, 65535, 65535, 65535, 65535 } },
	{ "data is valid", PLAIN, PAIR_PACKET, { 2, 0, 0, 0, 0, 0, 0 } },
	{ "checksum", OFFLOADS, PAIR_PACKET, { CSUM, 0, 0, 0, 34, 16, 0 } },
	{ "checksum at the end",
	  OFFLOADS,
	  PAIR_PACKET,
	  { CSUM, 0, 0, 0, 998, 0, 0 } },
	{ "checksum over the end",
	  OFFLOADS,
	  PAIR_BAD_HEADER,
	  { CSUM, 0, 0, 0, 999, 0, 0 } },
	{ "checksum's offset",
	  OFFLOADS,
	  PAIR_BAD_HEADER,
	  { CSUM, 0, 0, 0, 0, 999, 0 } },
	{ "checksum wraps",
	  OFFLOADS,
	  PAIR_BAD_HEADER,
	  { CSUM, 0, 0, 0, 65535, 65535, 0 } },
	{ "checksum unasked",
	  PLAIN,
	  PAIR_BAD_HEADER,
	  { CSUM, 0, 0, 0, 34, 16, 0 } },
	{ "TSO", OFFLOADS, PAIR_PACKET, { CSUM, TCP4, 54, 500, 34, 16, 0 } },
	{ "TSO of IPv6",
	  OFFLOADS,
	  PAIR_PACKET,
	  { CSUM, TCP6, 74, 500, 54, 16, 0 } },
	{ "TSO and ECN",
	  OFFLOADS,
	  PAIR_PACKET,
	  { CSUM, TCP4 | ECN, 54, 500, 34, 16, 0 } },
	{ "TSO unasked",
	  OFFLOADS & ~VIRTIO_NET_HOST_TSO4,
	  PAIR_BAD_HEADER,
	  { CSUM, TCP4, 54, 500, 34, 16, 0 } },
	{ "TSO of IPv6 unasked",
	  OFFLOADS & ~VIRTIO_NET_HOST_TSO6,
	  PAIR_BAD_HEADER,
	  { CSUM, TCP6, 74, 500, 54, 16, 0 } },
	{ "ECN unasked",
	  OFFLOADS & ~VIRTIO_NET_HOST_ECN,
	  PAIR_BAD_HEADER,
	  { CSUM, TCP4 | ECN, 54, 500, 34, 16, 0 } },
	{ "TSO of size 0",
	  OFFLOADS,
	  PAIR_BAD_HEADER,
	  { CSUM, TCP4, 54, 0, 34, 16, 0 } },
	{ "TSO without checksum",
	  OFFLOADS,
	  PAIR_BAD_HEADER,
	  { 0, TCP4, 54, 500, 34, 16, 0 } },
	{ "UDP", OFFLOADS, PAIR_BAD_HEADER, { CSUM, 3, 42, 500, 34, 6, 0 } },
	{ "ECN of nothing",
	  OFFLOADS,
	  PAIR_BAD_HEADER,
	  { CSUM, ECN, 54, 500, 34, 16, 0 } },
	{ "unknown",
	  OFFLOADS,
	  PAIR_BAD_HEADER,
	  { CSUM, 0x7f, 54, 500, 34, 16, 0 } },
};

static void assert_ext(struct ring_rig *rig, const struct front_net_hdr *hdr)
{
	struct virtio_net_hdr back;
	struct packet_ext *ext;
	uint64_t word;

	assert_true(pair_to_frames(rig->pair, &packet, &rig->cache, &word));
	ext = packet_ext(&rig->arena, word);
	assert_int_equal(ext != NULL, hdr->flags || hdr->gso_type);
	if (ext) {
		assert_int_equal(ext->csum, hdr->flags & CSUM);
		assert_int_equal(ext->ecn, !!(hdr->gso_type & ECN));
		assert_int_equal(ext->gso != PACKET_GSO_NONE,
				 !!(hdr->gso_type));
		pair_header(ext, &back);
		/* As it came, but for what is for the device only. */
		if (hdr->flags & CSUM)
			assert_memory_equal(&back, hdr, sizeof(back));
		else
			assert_int_equal(back.flags | back.gso_type, 0);
	}
	packet_free(&rig->cache, word);
}

static void test_headers(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(headers); i++) {
		const struct header *row = &headers[i];
		struct ring_rig *rig = rig_open(64, row->features);
		enum pair_verdict verdict;

		memcpy(rig->scratch, &row->hdr, HDR);
		rig_fill(rig, HDR, 1000);
		send_piece(rig, HDR + 1000);
		verdict = peek(rig);
		if (verdict != row->verdict)
			fail_msg("%s: %d", row->name, verdict);
		if (verdict == PAIR_PACKET)
			assert_ext(rig, &row->hdr);
		done(rig);
		rig_close(rig);
	}
}

/* 10 bytes of header without VERSION_1 and MRG_RXBUF, both ways. */
static void test_legacy(void **state)
{
	struct ring_rig *rig = rig_open(64, VIRTIO_NET_CSUM);
	const struct virtio_net_hdr hdr = { .flags = CSUM };
	struct front_buf buf = { rig->scratch_gpa + 8192, 70 };
	struct iovec piece = { rig->scratch + 10, 60 };
	uint32_t len;

	(void)state;
	memset(rig->scratch, 0, 10);
	rig_fill(rig, 10, 60);
	send_piece(rig, 9);
	assert_int_equal(peek(rig), PAIR_BAD_HEADER);
	done(rig);
	send_piece(rig, 10 + 60);
	assert_int_equal(peek(rig), PAIR_PACKET);
	assert_int_equal(packet.len, 60);
	assert_frames(rig, 10, 60);
	done(rig);

	front_ring_add(&rig->front.rings[0], &buf, 0, 1);
	front_ring_publish(&rig->front.rings[0]);
	assert_int_equal(pair_write(rig->pair, &hdr, &piece, 60), 0);
	virtq_publish(&rig->pair->rx);
	assert_true(front_ring_take(&rig->front.rings[0], &len) >= 0);
	assert_int_equal(len, 70);
	assert_memory_equal(rig->scratch + 8192, &hdr, 10);
	assert_memory_equal(rig->scratch + 8192 + 10, rig->scratch + 10, 60);
	rig_close(rig);
}

static void test_bad_chains(void **state)
{
	struct ring_rig *rig = rig_open(64, PLAIN);
	const struct front_buf none = { 0x7000000000ull, 0 };

	(void)state;
	memset(rig->scratch, 0, HDR);
	front_ring_add(&rig->front.rings[1], &none, 1, 0);
	front_ring_publish(&rig->front.rings[1]);
	assert_int_equal(peek(rig), PAIR_BAD_HEADER);
	done(rig);
	send_piece(rig, 11);
	assert_int_equal(peek(rig), PAIR_BAD_HEADER);
	assert_int_equal(packet.len, 0);
	done(rig);
	/* Only the header: a packet of nothing. */
	send_piece(rig, 12);
	assert_int_equal(peek(rig), PAIR_PACKET);
	assert_frames(rig, HDR, 0);
	done(rig);
	send_piece(rig, HDR + PACKET_MAX_LEN + 1);
	assert_int_equal(peek(rig), PAIR_TOO_BIG);
	done(rig);
	assert_int_equal(rig->pair->tx.n_packets, 4);
	front_ring_put(&rig->front.rings[1], 64);
	front_ring_publish(&rig->front.rings[1]);
	assert_int_equal(peek(rig), PAIR_BROKEN);
	assert_int_equal(peek(rig), PAIR_BROKEN);
	assert_string_equal(pair_broken(rig->pair),
			    "a descriptor index beyond the ring");
	rig_close(rig);
}

/* ---- to the guest ---- */

static const struct virtio_net_hdr plain;

/* A packet of @len bytes from ordinary memory, in three pieces. */
static int write_packet(struct ring_rig *rig, uint32_t len)
{
	static uint8_t bytes[PACKET_MAX_LEN];
	uint64_t rng = len + 1;
	const struct iovec pieces[] = {
		{ bytes, len / 3 },
		{ bytes + len / 3, len / 3 },
		{ bytes + 2 * (len / 3), len - 2 * (len / 3) },
	};

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)unit_random(&rng);
	return pair_write(rig->pair, &plain, pieces, len);
}

/* The driver gets it, with so many buffers. */
static void assert_received(struct ring_rig *rig, uint32_t len, uint32_t n)
{
	static uint8_t got[PACKET_MAX_LEN];
	struct front_net_hdr hdr;
	uint64_t rng = len + 1;

	/* Nothing before it is shown. */
	assert_int_equal(front_ring_ready(rig->net.rx), 0);
	virtq_publish(&rig->pair->rx);
	assert_int_equal(front_ring_ready(rig->net.rx), n);
	assert_int_equal(
		front_net_receive(&rig->net, &hdr, got, sizeof(got), 0), len);
	assert_int_equal(hdr.n_buffers, n);
	assert_memory_equal(&hdr, &plain, sizeof(plain));
	for (uint32_t i = 0; i < len; i++)
		if (got[i] != (uint8_t)unit_random(&rng))
			fail_msg("byte %u of %u", i, len);
}

/* Around the ring many times, in one buffer and in many. */
static void test_mergeable(void **state)
{
	static const uint32_t sizes[] = { 128, 1526, 2048, 65569 };
	static const uint32_t lens[] = { 14, 60, 116, 117, 1514, 9000, 40000 };

	(void)state;
	for (uint32_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct ring_rig *rig =
			rig_open(sizes[s] > 10000 ? 16 : 512, MERGE);
		uint64_t n_packets = 0;

		rig_net(rig, sizes[s]);
		front_net_post(&rig->net);
		for (uint32_t round = 0; round < 100; round++) {
			uint32_t len = lens[round % ARRAY_SIZE(lens)];
			uint32_t n = (HDR + len + sizes[s] - 1) / sizes[s];

			if (n > rig->net.rx->num)
				continue;
			n_packets++;
			assert_int_equal(write_packet(rig, len), 0);
			assert_received(rig, len, n);
		}
		assert_int_equal(rig->pair->rx.n_packets, n_packets);
		rig_close(rig);
	}
}

/* The header's last field, in pieces of a byte; and a packet that ends where a
 * buffer does. */
static void test_split_header(void **state)
{
	struct ring_rig *rig = rig_open(64, MERGE);
	struct front_ring *ring = &rig->front.rings[0];
	struct iovec piece = { rig->scratch + 65536, 200 };
	struct front_buf bufs[2][17];
	uint32_t len;

	(void)state;
	rig_fill(rig, 65536, 200);
	for (uint32_t b = 0; b < 2; b++) {
		for (uint32_t i = 0; i < 16; i++)
			bufs[b][i] = (struct front_buf){
				rig->scratch_gpa + 256 * b + i, 1
			};
		bufs[b][16] =
			(struct front_buf){ rig->scratch_gpa + 256 * b + 16,
					    90 };
		front_ring_add(ring, bufs[b], 0, 17);
	}
	front_ring_publish(ring);
	assert_int_equal(pair_write(rig->pair, &plain, &piece, 200), 0);
	virtq_publish(&rig->pair->rx);
	assert_int_equal(front_ring_take(ring, &len), 0);
	assert_int_equal(len, 106);
	assert_int_equal(front_ring_take(ring, &len), 17);
	assert_int_equal(len, 106);
	assert_int_equal(rig->scratch[10], 2);
	assert_int_equal(rig->scratch[11], 0);
	assert_memory_equal(rig->scratch + HDR, piece.iov_base, 94);
	assert_memory_equal(rig->scratch + 256, (char *)piece.iov_base + 94,
			    106);
	rig_close(rig);
}

/* Pieces are counted per packet, not for ever. */
static void test_many_pieces(void **state)
{
	struct ring_rig *rig = rig_open(64, MERGE);
	struct front_ring *ring = &rig->front.rings[0];
	const struct front_buf bufs[] = { { rig->scratch_gpa, HDR },
					  { rig->scratch_gpa + 64, 100 } };
	uint32_t len;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		front_ring_add(ring, bufs, 0, 2);
		front_ring_publish(ring);
		assert_int_equal(write_packet(rig, 60), 0);
		virtq_publish(&rig->pair->rx);
		assert_true(front_ring_take(ring, &len) >= 0);
	}
	rig_close(rig);
}

/* What finds no room waits, and nothing is taken; then it goes on its way. */
static void test_no_room(void **state)
{
	struct ring_rig *rig = rig_open(4, MERGE);
	struct front_ring *ring = &rig->front.rings[0];
	struct front_buf buf = { rig->scratch_gpa, 100 };

	(void)state;
	assert_int_equal(write_packet(rig, 300), -EAGAIN);
	for (uint32_t i = 0; i < 3; i++) {
		front_ring_add(ring, &buf, 0, 1);
		front_ring_publish(ring);
		assert_int_equal(write_packet(rig, 300), -EAGAIN);
		assert_int_equal(rig->pair->rx.next_avail, 0);
	}
	/* Starving once, not once per attempt. */
	assert_int_equal(rig->pair->n_no_room, 1);
	front_ring_add(ring, &buf, 0, 1);
	front_ring_publish(ring);
	assert_int_equal(write_packet(rig, 300), 0);
	assert_int_equal(rig->pair->rx.next_avail, 4);
	virtq_publish(&rig->pair->rx);
	assert_int_equal(front_ring_ready(ring), 4);
	rig_close(rig);
}

/* Never: all of the ring is too small. */
static void test_never_room(void **state)
{
	struct ring_rig *rig = rig_open(4, MERGE);
	struct front_buf buf = { rig->scratch_gpa, 100 };

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		front_ring_add(&rig->front.rings[0], &buf, 0, 1);
	front_ring_publish(&rig->front.rings[0]);
	assert_int_equal(write_packet(rig, 389), -EMSGSIZE);
	assert_int_equal(rig->pair->rx.next_avail, 0);
	assert_int_equal(write_packet(rig, 388), 0);
	rig_close(rig);
}

/* Without MRG_RXBUF a packet has one buffer, of pieces maybe. */
static void test_not_mergeable(void **state)
{
	struct ring_rig *rig = rig_open(64, PLAIN);
	struct front_ring *ring = &rig->front.rings[0];
	const struct front_buf bufs[] = { { rig->scratch_gpa, HDR },
					  { rig->scratch_gpa + 64, 100 },
					  { rig->scratch_gpa + 256, 100 } };
	uint32_t len;

	(void)state;
	front_ring_add(ring, bufs, 0, 3);
	front_ring_add(ring, bufs, 0, 3);
	front_ring_publish(ring);
	assert_int_equal(write_packet(rig, 201), -EMSGSIZE);
	assert_int_equal(rig->pair->rx.next_avail, 0);
	assert_int_equal(write_packet(rig, 200), 0);
	virtq_publish(&rig->pair->rx);
	assert_int_equal(front_ring_take(ring, &len), 0);
	assert_int_equal(len, 212);
	assert_int_equal(rig->scratch[10], 1);
	rig_close(rig);
}

static void assert_breaks(struct ring_rig *rig, const char *why)
{
	assert_int_equal(write_packet(rig, 600), -EPIPE);
	assert_string_equal(pair_broken(rig->pair), why);
	assert_false(pair_rx_ready(rig->pair));
	rig_close(rig);
}

static void test_broken(void **state)
{
	struct ring_rig *rig = rig_open(64, MERGE);
	struct front_buf small = { rig->scratch_gpa, 11 };
	struct front_buf empty[500] = { 0 };

	(void)state;
	front_ring_add(&rig->front.rings[0], &small, 0, 1);
	front_ring_publish(&rig->front.rings[0]);
	assert_breaks(rig, "a buffer too small for the vnet header");

	rig = rig_open(64, MERGE);
	front_ring_add(&rig->front.rings[0], &small, 1, 0);
	front_ring_publish(&rig->front.rings[0]);
	assert_breaks(rig, "a buffer to be filled is read-only");

	/* Buffers for the header and then nothing. */
	rig = rig_open(2048, MERGE);
	small = (struct front_buf){ rig->scratch_gpa, HDR };
	front_ring_add(&rig->front.rings[0], &small, 0, 1);
	for (uint32_t i = 0; i < 3; i++)
		front_ring_add(&rig->front.rings[0], empty, 0, 500);
	front_ring_publish(&rig->front.rings[0]);
	assert_breaks(rig, "buffers of more than 1024 pieces for one packet");
}

/* ---- the log ---- */

/* Of two buffers of 3000 bytes in a row, over pages: only what is written. */
static void test_log(void **state)
{
	struct ring_rig *rig = rig_open_regions(64, MERGE, true, 1);
	struct front_ring *ring = &rig->front.rings[0];
	const uint64_t used = ring->log_gpa,
		       at = rig->scratch_gpa + 2 * 4096 - 71;
	const struct front_buf bufs[] = { { at, 3000 },
					  { at + 0x10000, 0x8000 } };
	const struct rig_range first[] = { { at, 72 } };
	const struct rig_range both[] = { { at, 3000 },
					  { at + 0x10000, HDR + 9000 - 3000 } };
	const struct rig_range ring_range[] = { { used, 4 }, { used + 4, 24 } };

	(void)state;
	for (uint32_t i = 0; i < 2; i++)
		front_ring_add(ring, bufs, 0, 1);
	front_ring_add(ring, &bufs[1], 0, 1);
	front_ring_publish(ring);
	assert_int_equal(write_packet(rig, 60), 0);
	rig_assert_logged(rig, first, 1);
	assert_int_equal(write_packet(rig, 9000), 0);
	rig_assert_logged(rig, both, 2);
	virtq_publish(&rig->pair->rx);
	rig_assert_logged(rig, ring_range, 2);
	/* From the guest only the ring is written. */
	memset(rig->scratch, 0, HDR);
	send_piece(rig, HDR + 60);
	assert_int_equal(peek(rig), PAIR_PACKET);
	assert_frames(rig, HDR, 60);
	rig_assert_logged(rig, NULL, 0);
	/* While it is off, nothing is. */
	guest_mem_use_log(rig->mem, false);
	front_ring_add(ring, bufs, 0, 1);
	front_ring_publish(ring);
	assert_int_equal(write_packet(rig, 60), 0);
	rig_assert_logged(rig, NULL, 0);
	rig_close(rig);
}

/* ---- stop and start ---- */

/* Rings of both kinds go on where they were, with nothing lost or twice. */
static void test_restart(void **state)
{
	struct ring_rig *rig = rig_open(16, MERGE);

	(void)state;
	rig_net(rig, 2048);
	front_net_post(&rig->net);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(write_packet(rig, 60 + i), 0);
		assert_received(rig, 60 + i, 1);
		/* Written, and not shown: the end shows it. */
		assert_int_equal(write_packet(rig, 500 + i), 0);
		assert_int_equal(pair_stop(rig->pair, false),
				 (uint16_t)(2 * i + 2));
		assert_false(pair_rx_ready(rig->pair));
		assert_int_equal(front_ring_ready(rig->net.rx), 1);
		rig_start(rig, 0);
		front_ring_take(rig->net.rx, &(uint32_t){ 0 });
		front_net_post(&rig->net);
	}
	rig_close(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_double_fetch),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_no_frames),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_bad_chains),
		cmocka_unit_test(test_mergeable),
		cmocka_unit_test(test_split_header),
		cmocka_unit_test(test_many_pieces),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_never_room),
		cmocka_unit_test(test_not_mergeable),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
