/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet in the agent's hands, as one word, and what is known of a packet
 * besides its bytes.
 *
 * Most packets are one frame, and their word says all: where, how long, eight
 * bits of the flow's hash. A packet with the flag PACKET_EXT has a struct
 * packet_ext at the start of its (first) frame, below any headroom that tags
 * need: it is longer than a frame, or its sender has left the L4 checksum or
 * the segmentation to whoever knows how it goes on (as virtio_net_hdr does).
 *
 * The first frame goes with all the others: whoever holds it holds them.
 *
 * The bytes of a long packet fill its first frame from where the word says to
 * the frame's end, then the frames in more[], each from its beginning. All
 * headers up to L4 are in the first frame.
 */
#ifndef MEMORY_PACKET_H
#define MEMORY_PACKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory/arena.h"
#include "memory/hostpool.h"

/* The longest packet: 64 KiB by its IP header, Ethernet and two tags. */
#define PACKET_MAX_LEN		(65535 + 14 + 8)
/* Frames of 2048 bytes behind a first one with 1792 bytes. */
#define PACKET_MAX_MORE		32

#define PACKET_LEN_BITS		17
#define PACKET_ADDR_BITS	38
#define PACKET_HASH_SHIFT	(PACKET_LEN_BITS + PACKET_ADDR_BITS)
#define PACKET_EXT		(1ull << 63)

_Static_assert(ARENA_MAX_FRAMES * 4096ull <= 1ull << PACKET_ADDR_BITS,
	       "a packet's word says where it is in the arena");

/* Where in the (first) frame of a packet stands what whoever keeps it needs to
 * send it on: behind struct packet_ext, below any headroom that tags need. */
#define PACKET_WAY		192

enum packet_gso {
	PACKET_GSO_NONE = 0,
	PACKET_GSO_TCP4 = 1,
	PACKET_GSO_TCP6 = 2,
};

struct packet_ext {
	uint8_t gso;		/* enum packet_gso: to be cut, or passed whole */
	bool ecn;		/* TCP with CWR set: only the first segment */
	bool csum;		/* the L4 checksum is to be finished: the sum
				 * from csum_start to the end goes to
				 * csum_start + csum_offset, where the pseudo
				 * header's sum stands */
	uint8_t n_more;		/* frames in more[] */
	uint16_t gso_size;	/* payload bytes of a segment */
	uint16_t hdr_len;	/* all headers up to the TCP payload */
	uint16_t csum_start;	/* from the start of the packet */
	uint16_t csum_offset;
	uint32_t more[PACKET_MAX_MORE];
};

/* The port that a kept packet goes to, and its tag (switching/shaper.h). */
struct packet_way {
	uint16_t slot;
	uint16_t tag;
};

_Static_assert(sizeof(struct packet_ext) <= PACKET_WAY,
	       "both are in the headroom");

static inline uint64_t packet_pack(uint64_t addr, uint32_t len)
{
	return addr << PACKET_LEN_BITS | len;
}

static inline uint64_t packet_addr(uint64_t packet)
{
	return packet >> PACKET_LEN_BITS & ((1ull << PACKET_ADDR_BITS) - 1);
}

static inline uint32_t packet_len(uint64_t packet)
{
	return packet & ((1u << PACKET_LEN_BITS) - 1);
}

/* Eight bits of the flow's hash. */
static inline uint64_t packet_with_hash(uint64_t packet, uint32_t hash)
{
	return packet | (uint64_t)(hash & 0xff) << PACKET_HASH_SHIFT;
}

static inline uint32_t packet_hash(uint64_t packet)
{
	return packet >> PACKET_HASH_SHIFT & 0xff;
}

/* NULL if the packet is one plain frame. */
static inline struct packet_ext *packet_ext(const struct arena *arena,
					    uint64_t packet)
{
	if (!(packet & PACKET_EXT))
		return NULL;
	return arena_data(arena, arena_addr(arena, arena_frame(arena,
						packet_addr(packet))));
}

static inline struct packet_way *packet_way(const struct arena *arena,
					    uint64_t packet)
{
	uint64_t addr = arena_addr(arena,
				   arena_frame(arena, packet_addr(packet)));

	return arena_data(arena, addr + PACKET_WAY);
}

/* Pieces a packet may be in. */
#define PACKET_MAX_PIECES	(1 + PACKET_MAX_MORE)

/* Where the packet's bytes are; returns the number of pieces. */
static inline uint32_t packet_pieces(const struct arena *arena, uint64_t packet,
				     struct iovec pieces[PACKET_MAX_PIECES])
{
	const struct packet_ext *ext = packet_ext(arena, packet);
	uint64_t addr = packet_addr(packet);
	uint32_t left = packet_len(packet), n = 0;
	uint32_t room = arena->frame_size -
			(uint32_t)(addr & (arena->frame_size - 1));

	for (;;) {
		uint32_t len = left < room ? left : room;

		pieces[n].iov_base = arena_data(arena, addr);
		pieces[n].iov_len = len;
		left -= len;
		if (!left || !ext || n == ext->n_more)
			return n + 1;
		addr = arena_addr(arena, ext->more[n++]);
		room = arena->frame_size;
	}
}

/* Frames it consists of. */
static inline uint32_t packet_n_frames(const struct arena *arena,
				       uint64_t packet)
{
	return packet & PACKET_EXT ? 1 + packet_ext(arena, packet)->n_more : 1;
}

/* Gives all of them back to @cache. The caller held them. */
static inline void packet_free(struct frame_cache *cache, uint64_t packet)
{
	const struct arena *arena = cache->pool->arena;
	const struct packet_ext *ext = packet_ext(arena, packet);

	for (uint32_t i = 0; ext && i < ext->n_more; i++)
		frame_cache_put(cache, ext->more[i]);
	frame_cache_put(cache, arena_frame(arena, packet_addr(packet)));
}

/* Moves all of them in the ledger. The caller holds them. */
static inline void packet_move(struct arena *arena, uint64_t packet,
			       enum frame_place place, uint32_t who)
{
	const struct packet_ext *ext = packet_ext(arena, packet);

	for (uint32_t i = 0; ext && i < ext->n_more; i++)
		arena_move(arena, ext->more[i], place, who);
	arena_move(arena, arena_frame(arena, packet_addr(packet)), place, who);
}

#endif
