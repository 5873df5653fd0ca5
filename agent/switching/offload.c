// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a sender left to do: see offload.h. */
#include <string.h>

#include "memory/umem.h"
#include "switching/csum.h"
#include "switching/gso.h"
#include "switching/offload.h"
#include "switching/output.h"

bool offload_accepted(const struct port *to, const struct packet_ext *ext)
{
	uint8_t accepts = __atomic_load_n(&to->accepts, __ATOMIC_RELAXED);
	uint8_t need = ext->csum ? PORT_ACCEPTS_CSUM : 0;

	if (ext->gso == PACKET_GSO_TCP4)
		need |= PORT_ACCEPTS_TSO4;
	else if (ext->gso == PACKET_GSO_TCP6)
		need |= PORT_ACCEPTS_TSO6;
	if (ext->ecn)
		need |= PORT_ACCEPTS_ECN;
	return (accepts & need) == need;
}

/* Each segment in a frame of its own. */
static void stage_segments(struct worker *worker, struct port *to,
			   uint64_t packet, uint16_t tag)
{
	struct arena *arena = &worker->vs->arena;
	struct iovec pieces[PACKET_MAX_PIECES];
	uint32_t n = packet_pieces(arena, packet, pieces);
	struct frame_cache *cache = frame_cache_of(
		&worker->cache,
		arena_region_of(arena_frame(arena, packet_addr(packet))));
	struct gso gso;
	int len;

	if (gso_begin(&gso, pieces, n, packet_len(packet),
		      packet_ext(arena, packet))) {
		output_drop(worker, to->slot, PKT_gso_bad, packet);
		return;
	}
	while (gso_count(&gso)) {
		uint32_t frame = frame_cache_get(cache);
		uint64_t addr;

		if (frame == FRAME_NONE) {
			worker_count(worker, to->slot, PKT_no_frame,
				     gso_count(&gso), 0);
			break;
		}
		addr = arena_addr(arena, frame) + UMEM_HEADROOM;
		len = gso_next(&gso, arena_data(arena, addr),
			       arena->frame_size - UMEM_HEADROOM);
		if (len <= 0) {
			frame_cache_put(cache, frame);
			worker_count(worker, to->slot, PKT_gso_bad, 1, 0);
			break;
		}
		output_stage(worker, to,
			     packet_with_hash(packet_pack(addr, (uint32_t)len),
					      packet_hash(packet)),
			     tag);
	}
	packet_free(&worker->cache, packet);
}

static void finish(struct worker *worker, struct port *to, uint64_t packet,
		   uint16_t tag)
{
	struct arena *arena = &worker->vs->arena;
	const struct packet_ext *ext = packet_ext(arena, packet);
	struct iovec pieces[PACKET_MAX_PIECES];
	uint32_t n = packet_pieces(arena, packet, pieces);

	/* Longer than a frame and not to be cut: of no use to anybody. */
	if (n > 1 || csum_finish_pieces(pieces, n, ext->csum_start,
					ext->csum_offset)) {
		output_drop(worker, to->slot, PKT_gso_bad, packet);
		return;
	}
	output_stage(worker, to, packet & ~PACKET_EXT, tag);
}

void offload_stage(struct worker *worker, struct port *to, uint64_t packet,
		   uint16_t tag)
{
	const struct packet_ext *ext = packet_ext(&worker->vs->arena, packet);

	if (offload_accepted(to, ext))
		output_stage(worker, to, packet, tag);
	else if (ext->gso != PACKET_GSO_NONE)
		stage_segments(worker, to, packet, tag);
	else if (ext->csum)
		finish(worker, to, packet, tag);
	else
		output_stage(worker, to, packet & ~PACKET_EXT, tag);
}

static bool copy_more(struct frame_cache *cache, const struct packet_ext *from,
		      struct packet_ext *ext)
{
	struct arena *arena = cache->pool->arena;

	for (ext->n_more = 0; ext->n_more < from->n_more; ext->n_more++) {
		uint32_t frame = frame_cache_get(cache);

		if (frame == FRAME_NONE)
			return false;
		ext->more[ext->n_more] = frame;
		memcpy(arena_data(arena, arena_addr(arena, frame)),
		       arena_data(arena, arena_addr(arena,
					from->more[ext->n_more])),
		       arena->frame_size);
	}
	return true;
}

bool offload_copy(struct worker *worker, uint64_t packet, uint32_t region,
		  uint64_t *ret_addr)
{
	struct frame_cache *cache = frame_cache_of(&worker->cache, region);
	struct arena *arena = &worker->vs->arena;
	const struct packet_ext *from = packet_ext(arena, packet);
	uint32_t frame = frame_cache_get(cache);
	uint64_t addr = packet_addr(packet);
	uint64_t start = arena_addr(arena, arena_frame(arena, addr));
	struct packet_ext *ext;
	uint64_t copy;

	if (frame == FRAME_NONE)
		return false;
	copy = arena_addr(arena, frame);
	memcpy(arena_data(arena, copy), arena_data(arena, start),
	       arena->frame_size);
	ext = arena_data(arena, copy);
	*ret_addr = copy + (addr - start);
	if (copy_more(cache, from, ext))
		return true;
	while (ext->n_more)
		frame_cache_put(cache, ext->more[--ext->n_more]);
	frame_cache_put(cache, frame);
	return false;
}
