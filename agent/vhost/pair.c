// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A queue pair and its copies: see pair.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/copy.h"
#include "memory/umem.h"
#include "vhost/pair.h"

/* Buffers that one packet may take: 64 KiB in 128-byte buffers. */
#define MAX_BUFFERS	512
/* Descriptors of all of them: each may have one for the vnet header. */
#define MAX_WALKED	(2 * MAX_BUFFERS)

/* virtio_net.h of older kernels' headers has them under these names. */
#define GSO_TYPE(hdr)	((hdr)->gso_type & ~VIRTIO_NET_HDR_GSO_ECN)

int pair_new(struct port *port, uint32_t index, uint32_t worker,
	     uint32_t in_size, struct vhost_pair **ret_pair)
{
	struct vhost_pair *pair = aligned_alloc(CACHE_LINE, sizeof(*pair));

	if (!pair)
		return -ENOMEM;
	memset(pair, 0, sizeof(*pair));
	if (mpsc_init(&pair->in, in_size)) {
		free(pair);
		return -ENOMEM;
	}
	pair->port = port;
	pair->index = index;
	pair->worker = worker;
	pair->call_packets = 1;
	*ret_pair = pair;
	return 0;
}

void pair_free(struct vhost_pair *pair)
{
	if (!pair)
		return;
	mpsc_done(&pair->in);
	free(pair);
}

void pair_start(struct vhost_pair *pair, const struct vhost_ring_start *start)
{
	const uint64_t long_header = VIRTIO_VERSION_1 | VIRTIO_NET_MRG_RXBUF;

	/* Of both rings: all stop when the features change. */
	pair_lock(pair);
	pair->hdr_len = start->features & long_header ?
				sizeof(struct virtio_net_hdr_mrg_rxbuf) :
				sizeof(struct virtio_net_hdr);
	if (start->index & 1) {
		virtq_start(&pair->tx, start);
	} else {
		pair->mergeable = start->features & VIRTIO_NET_MRG_RXBUF;
		virtq_start(&pair->rx, start);
	}
	pair_unlock(pair);
}

uint16_t pair_stop(struct vhost_pair *pair, bool tx)
{
	struct virtq *vq = tx ? &pair->tx : &pair->rx;
	uint16_t next;

	if (!tx)
		pair_lock(pair);
	virtq_publish(vq);
	vq->running = false;
	vq->kick_fd = -1;
	vq->call_fd = -1;
	next = vq->next_avail;
	if (!tx)
		pair_unlock(pair);
	return next;
}

void pair_forget(struct vhost_pair *pair, bool tx)
{
	struct virtq *vq = tx ? &pair->tx : &pair->rx;

	__atomic_store_n(&vq->broken, NULL, __ATOMIC_RELAXED);
}

const char *pair_broken(const struct vhost_pair *pair)
{
	const char *why = __atomic_load_n(&pair->tx.broken, __ATOMIC_ACQUIRE);

	if (why)
		return why;
	return __atomic_load_n(&pair->rx.broken, __ATOMIC_ACQUIRE);
}

/* ---- from the guest ---- */

/* Reads @len bytes at piece *at, offset *off of @chain; fewer if it ends. */
static uint32_t read_chain(const struct virtq_chain *chain, uint32_t *at,
			   uint32_t *off, void *to, uint32_t len)
{
	uint32_t done = 0;

	while (done < len && *at < chain->n) {
		const struct virtq_piece *piece = &chain->pieces[*at];
		uint32_t n = min_u32(len - done, piece->len - *off);

		copy_bytes((char *)to + done, piece->data + *off, n);
		done += n;
		*off += n;
		if (*off == piece->len) {
			*off = 0;
			(*at)++;
		}
	}
	return done;
}

/* Whether the guest may ask for what it asks for, and it makes sense as far as
 * it can without a look at the packet. */
static bool header_is_good(const struct vhost_pair *pair,
			   const struct pair_packet *packet)
{
	const struct virtio_net_hdr *hdr = &packet->hdr;
	const uint64_t features = pair->tx.features;
	uint64_t need;

	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!(features & VIRTIO_NET_CSUM) ||
		    (uint32_t)hdr->csum_start + hdr->csum_offset + 2 >
			    packet->len)
			return false;
	}
	switch (GSO_TYPE(hdr)) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		need = VIRTIO_NET_HOST_TSO4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		need = VIRTIO_NET_HOST_TSO6;
		break;
	default:
		return false;
	}
	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		need |= VIRTIO_NET_HOST_ECN;
	return (features & need) == need && hdr->gso_size &&
	       hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
}

/* Reads the first @head bytes behind the vnet header. */
static void read_head(const struct virtq_chain *chain, uint32_t head,
		      struct pair_packet *packet)
{
	const struct virtq_piece *piece = &chain->pieces[packet->rest];

	head = min_u32(head, packet->len);
	if (head && head < piece->len - packet->rest_off) {
		copy_bytes(packet->head, piece->data + packet->rest_off, head);
		packet->rest_off += head;
		packet->head_len = head;
		return;
	}
	packet->head_len = read_chain(chain, &packet->rest, &packet->rest_off,
				      packet->head, head);
}

enum pair_verdict pair_peek(struct vhost_pair *pair, uint32_t head,
			    struct pair_packet *packet)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	struct virtq_chain *chain = &pair->chain;
	struct virtq *vq = &pair->tx;

	if (!virtq_avail(vq, 1))
		return virtq_is_broken(vq) ? PAIR_BROKEN : PAIR_NONE;
	if (virtq_walk(vq, vq->next_avail, false, chain))
		return PAIR_BROKEN;
	packet->len = 0;
	packet->head_len = 0;
	if (chain->len < pair->hdr_len)
		return PAIR_BAD_HEADER;
	packet->len = chain->len - pair->hdr_len;
	packet->rest = 0;
	packet->rest_off = 0;
	if (chain->pieces[0].len > pair->hdr_len) {
		memcpy(&hdr.hdr, chain->pieces[0].data, sizeof(hdr.hdr));
		packet->rest_off = pair->hdr_len;
	} else {
		read_chain(chain, &packet->rest, &packet->rest_off, &hdr,
			   pair->hdr_len);
	}
	packet->hdr = hdr.hdr;
	if (packet->len > PACKET_MAX_LEN)
		return PAIR_TOO_BIG;
	if (hdr.hdr.flags | hdr.hdr.gso_type) {
		if (!header_is_good(pair, packet))
			return PAIR_BAD_HEADER;
		/* Its headers have to be looked at. */
		head = head ? PAIR_HEAD_HEADERS : 0;
	}
	read_head(chain, min_u32(head, PAIR_HEAD_MAX), packet);
	return PAIR_PACKET;
}

void pair_ext(const struct virtio_net_hdr *hdr, struct packet_ext *ext)
{
	ext->gso = PACKET_GSO_NONE;
	if (GSO_TYPE(hdr) == VIRTIO_NET_HDR_GSO_TCPV4)
		ext->gso = PACKET_GSO_TCP4;
	else if (GSO_TYPE(hdr) == VIRTIO_NET_HDR_GSO_TCPV6)
		ext->gso = PACKET_GSO_TCP6;
	ext->ecn = hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN;
	ext->csum = hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	ext->gso_size = hdr->gso_size;
	ext->hdr_len = hdr->hdr_len;
	ext->csum_start = hdr->csum_start;
	ext->csum_offset = hdr->csum_offset;
	ext->n_more = 0;
}

/* The rest of a packet that the first frame could not hold. */
static bool fill_more(struct vhost_pair *pair, struct frame_cache *cache,
		      uint32_t *at, uint32_t *off, uint32_t left,
		      struct packet_ext *ext)
{
	struct arena *arena = cache->pool->arena;

	while (left) {
		uint32_t frame = FRAME_NONE;
		uint32_t n = min_u32(left, arena->frame_size);

		if (ext->n_more < PACKET_MAX_MORE)
			frame = frame_cache_get(cache);
		if (frame == FRAME_NONE) {
			while (ext->n_more)
				frame_cache_put(cache,
						ext->more[--ext->n_more]);
			return false;
		}
		ext->more[ext->n_more++] = frame;
		read_chain(&pair->chain, at, off,
			   arena_data(arena, arena_addr(arena, frame)), n);
		left -= n;
	}
	return true;
}

bool pair_to_frames(struct vhost_pair *pair, const struct pair_packet *packet,
		    struct frame_cache *cache, uint64_t *ret_packet)
{
	struct arena *arena = cache->pool->arena;
	uint32_t at = packet->rest, off = packet->rest_off, n;
	uint32_t frame = frame_cache_get(cache);
	struct packet_ext *ext;
	uint64_t addr;
	char *data;

	if (frame == FRAME_NONE)
		return false;
	addr = arena_addr(arena, frame) + UMEM_HEADROOM;
	data = arena_data(arena, addr);
	n = min_u32(packet->len, arena->frame_size - UMEM_HEADROOM);
	copy_bytes(data, packet->head, packet->head_len);
	read_chain(&pair->chain, &at, &off, data + packet->head_len,
		   n - packet->head_len);
	*ret_packet = packet_pack(addr, packet->len);
	if (!packet->hdr.flags && !packet->hdr.gso_type && n == packet->len)
		return true;

	*ret_packet |= PACKET_EXT;
	ext = packet_ext(arena, *ret_packet);
	pair_ext(&packet->hdr, ext);
	if (fill_more(pair, cache, &at, &off, packet->len - n, ext))
		return true;
	frame_cache_put(cache, frame);
	return false;
}

uint32_t pair_pieces(const struct vhost_pair *pair,
		     const struct pair_packet *packet,
		     struct iovec *pieces, uint32_t max)
{
	const struct virtq_chain *chain = &pair->chain;
	uint32_t off = packet->rest_off, n = 0;

	if (packet->head_len)
		pieces[n++] = (struct iovec){ (void *)packet->head,
					      packet->head_len };
	for (uint32_t at = packet->rest; at < chain->n; at++) {
		if (n == max)
			return 0;
		pieces[n].iov_base = chain->pieces[at].data + off;
		pieces[n].iov_len = chain->pieces[at].len - off;
		n++;
		off = 0;
	}
	return n;
}

/* ---- to the guest ---- */

void pair_header(const struct packet_ext *ext, struct virtio_net_hdr *ret_hdr)
{
	memset(ret_hdr, 0, sizeof(*ret_hdr));
	if (ext->csum) {
		ret_hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		ret_hdr->csum_start = ext->csum_start;
		ret_hdr->csum_offset = ext->csum_offset;
	}
	if (ext->gso == PACKET_GSO_NONE)
		return;
	ret_hdr->gso_type = ext->gso == PACKET_GSO_TCP4 ?
				    VIRTIO_NET_HDR_GSO_TCPV4 :
				    VIRTIO_NET_HDR_GSO_TCPV6;
	if (ext->ecn)
		ret_hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	ret_hdr->gso_size = ext->gso_size;
	ret_hdr->hdr_len = ext->hdr_len;
}

/* Where the next byte comes from: the rest of one piece, then the others. */
struct source {
	struct iovec piece;
	const struct iovec *next;
};

/* Fills @len bytes at @to; the source has them. */
static void copy_from(struct source *src, char *to, uint32_t len)
{
	for (;;) {
		uint32_t n = min_u32(len, src->piece.iov_len);

		copy_bytes(to, src->piece.iov_base, n);
		src->piece.iov_base = (char *)src->piece.iov_base + n;
		src->piece.iov_len -= n;
		len -= n;
		if (!len)
			return;
		to += n;
		src->piece = *src->next++;
	}
}

static void log_piece(const struct vhost_pair *pair,
		      const struct virtq_piece *piece, uint32_t len)
{
	if (guest_mem_logs(pair->rx.mem))
		guest_log_write(pair->rx.mem, piece->gpa, len);
}

/* Fills the chain's buffers from @src with up to @len bytes; how many. */
static uint32_t fill_chain(struct vhost_pair *pair, struct source *src,
			   uint32_t len)
{
	const struct virtq_chain *chain = &pair->rx_chain;
	uint32_t done = 0;

	for (uint32_t i = 0; i < chain->n && done < len; i++) {
		uint32_t n = min_u32(len - done, chain->pieces[i].len);

		copy_from(src, chain->pieces[i].data, n);
		log_piece(pair, &chain->pieces[i], n);
		done += n;
	}
	return done;
}

/* Where byte @off of the chain is. */
static uint8_t *chain_byte(const struct virtq_chain *chain, uint32_t off)
{
	uint32_t i = 0;

	while (off >= chain->pieces[i].len)
		off -= chain->pieces[i++].len;
	return (uint8_t *)chain->pieces[i].data + off;
}

/* What a packet's first chain has to be good for. */
static int check_first(struct vhost_pair *pair, uint8_t *num_buffers[2])
{
	const struct virtq_chain *chain = &pair->rx_chain;

	if (chain->len < pair->hdr_len)
		return virtq_break(&pair->rx,
				   "a buffer too small for the vnet header");
	if (pair->hdr_len < sizeof(struct virtio_net_hdr_mrg_rxbuf))
		return 0;
	num_buffers[0] = chain_byte(chain, sizeof(struct virtio_net_hdr));
	num_buffers[1] = chain_byte(chain, sizeof(struct virtio_net_hdr) + 1);
	return 0;
}

/* There is no buffer, or no such ring any more. */
static int starve(struct vhost_pair *pair)
{
	if (virtq_is_broken(&pair->rx))
		return -EPIPE;
	if (!pair->starved)
		count_add(&pair->n_no_room, 1);
	pair->starved = true;
	return -EAGAIN;
}

/* pair_write() into whatever buffers the guest has posted. */
static int write_chains(struct vhost_pair *pair,
			const struct virtio_net_hdr *hdr,
			const struct iovec *pieces, uint32_t len)
{
	struct virtio_net_hdr_mrg_rxbuf header = { .hdr = *hdr,
						   .num_buffers = 1 };
	struct source src = { { &header, pair->hdr_len }, pieces };
	uint32_t left = pair->hdr_len + len, n = 0;
	uint8_t *num_buffers[2] = { NULL, NULL };
	struct virtq *vq = &pair->rx;

	vq->n_walked = 0;
	do {
		uint32_t part;

		if (virtq_avail(vq, n + 1) <= n) {
			/* More will not come while it waits for these. */
			return n == vq->num && !vq->broken ? -EMSGSIZE :
							  starve(pair);
		}
		if (virtq_walk(vq, (uint16_t)(vq->next_avail + n), true,
			       &pair->rx_chain) ||
		    (!n && check_first(pair, num_buffers)))
			return -EPIPE;
		if (vq->n_walked > MAX_WALKED) {
			virtq_break(vq, "buffers of more than 1024 pieces for one packet");
			return -EPIPE;
		}
		part = fill_chain(pair, &src, left);
		virtq_put_used(vq, (uint16_t)n, pair->rx_chain.head, part);
		left -= part;
		n++;
		if (left && (!pair->mergeable || n == MAX_BUFFERS))
			return -EMSGSIZE;
	} while (left);
	if (n > 1) {
		*num_buffers[0] = (uint8_t)n;
		*num_buffers[1] = (uint8_t)(n >> 8);
	}
	virtq_advance(vq, (uint16_t)n);
	virtq_count(vq, len);
	pair->starved = false;
	return 0;
}

int pair_write(struct vhost_pair *pair, const struct virtio_net_hdr *hdr,
	       const struct iovec *pieces, uint32_t len)
{
	const uint32_t total = pair->hdr_len + len;
	const uint16_t one = 1;
	struct virtq *vq = &pair->rx;
	char *data;

	if (!virtq_avail(vq, 1))
		return starve(pair);
	if (virtq_walk(vq, vq->next_avail, true, &pair->rx_chain))
		return -EPIPE;
	if (pair->rx_chain.n != 1 || pair->rx_chain.len < total)
		return write_chains(pair, hdr, pieces, len);
	/* All of it in one buffer. */
	data = pair->rx_chain.pieces[0].data;
	memcpy(data, hdr, sizeof(*hdr));
	if (pair->hdr_len > sizeof(*hdr))
		memcpy(data + sizeof(*hdr), &one, sizeof(one));
	data += pair->hdr_len;
	for (uint32_t left = len; left; pieces++) {
		uint32_t n = min_u32(left, pieces->iov_len);

		copy_bytes(data, pieces->iov_base, n);
		data += n;
		left -= n;
	}
	log_piece(pair, &pair->rx_chain.pieces[0], total);
	virtq_put_used(vq, 0, pair->rx_chain.head, total);
	virtq_advance(vq, 1);
	virtq_count(vq, len);
	pair->starved = false;
	return 0;
}
