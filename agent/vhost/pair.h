/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A queue pair of a guest: the ring that packets go to it by, the ring they
 * come from it by, and the copies between guest memory and frames. What
 * becomes of the packets is switching/guest.c's business.
 *
 * A packet from the guest is looked at with pair_peek(), which reads its vnet
 * header and its first bytes into memory of our own: what is checked is what
 * is used afterwards, whatever the guest writes meanwhile. Then it is copied,
 * once, into frames (pair_to_frames()) or another guest's buffers
 * (pair_write()), and taken with pair_take(). Nothing is shown to the guest
 * before virtq_publish().
 *
 * Thread-safety: the members of tx belong to the pair's worker. The ring rx
 * belongs to whoever holds rx_lock: the pair's worker, or another one whose
 * guest's packets bypass the switch. The control thread starts and stops rings
 * by worker_call(), holding rx_lock.
 */
#ifndef VHOST_PAIR_H
#define VHOST_PAIR_H

#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "memory/hostpool.h"
#include "memory/mpsc.h"
#include "memory/packet.h"
#include "ports/port.h"
#include "vhost/virtq.h"

/* Bytes of a packet that pair_peek() reads ahead at most. */
#define PAIR_HEAD_MAX	256
/* As many as all headers may have, but IPv6 with extension headers: two tags,
 * 60 bytes of IPv4, 60 of TCP. */
#define PAIR_HEAD_HEADERS	160

/* Why a guest's packet was refused when it was looked at. */
enum pair_verdict {
	PAIR_NONE,		/* no packet */
	PAIR_PACKET,
	PAIR_BAD_HEADER,	/* vnet header that makes no sense; drop it */
	PAIR_TOO_BIG,		/* longer than any packet; drop it */
	PAIR_BROKEN,		/* see tx.broken */
};

/* A packet from the guest, before it is taken. */
struct pair_packet {
	struct virtio_net_hdr hdr;	/* our copy */
	uint32_t len;			/* bytes behind the vnet header */
	uint32_t head_len;
	/* the first head_len bytes, our copy; the rest of the packet begins at
	 * rest_off in pieces[rest] of the chain */
	uint8_t head[PAIR_HEAD_MAX] CACHE_ALIGNED;
	uint32_t rest, rest_off;
};

struct vhost_pair {
	/* hot: its worker */
	struct virtq tx;		/* from the guest */
	uint32_t hdr_len;		/* of the vnet header: 10 or 12 */
	uint32_t n_pending, pending_at;
	uint64_t pending[BATCH];	/* taken off in, no room at the guest */
	struct virtq_chain chain;	/* of tx, see pair_peek() */
	/* whoever holds the lock */
	uint32_t rx_lock CACHE_ALIGNED;
	bool mergeable;
	struct virtq rx;		/* to the guest */
	struct virtq_chain rx_chain;
	/* any worker */
	struct mpsc in;			/* packets on their way to the guest */
	/* cold: C */
	struct port *port;
	uint32_t index;
	uint32_t worker;
	bool in_use;			/* A: the guest uses it: packets wait
					 * while its rings pause */
	/* A: counted by the pair's worker */
	uint64_t n_to_frames, n_from_frames;	/* copies, in packets */
	uint64_t n_merged;		/* segments that GRO merged into others */
	uint64_t n_no_room;		/* times that the guest ran out of
					 * buffers; holding the lock */
	bool starved;			/* and has none yet; likewise */
	uint64_t waiting_since;		/* ns: W, see guest_bypass.c; 0: not */
	bool limited;			/* W: its guest may send no more now:
					 * the limiter's time will come */
	struct vhost_pair *waiting_for;	/* W: of this worker, whose guest has no
					 * buffer for the next packet; of this round only */
	struct counter bypassed[PKT_MAX_PORTS];	/* straight to other guests */
	/* moderation, C: see vms[].device.moderation */
	uint32_t call_packets;		/* A: call after so many, 1: at once */
	uint32_t call_us;		/* A: or so long after the first */
	uint64_t uncalled_since;	/* ns; 0: nothing is owed; rx lock */
};

/* Both rings off, nothing pending. @in_size: a power of two. */
int pair_new(struct port *port, uint32_t index, uint32_t worker,
	     uint32_t in_size, struct vhost_pair **ret_pair);
void pair_free(struct vhost_pair *pair);

/* Begins or ends a ring (start->index odd: tx). Its worker, or nobody. */
void pair_start(struct vhost_pair *pair, const struct vhost_ring_start *start);
uint16_t pair_stop(struct vhost_pair *pair, bool tx);

/* Control thread, once no worker touches the ring any more: it is not broken. A
 * worker in the middle of a call may have found that after the end. */
void pair_forget(struct vhost_pair *pair, bool tx);

/* Why one of the rings is broken; NULL: none is. Any thread. */
const char *pair_broken(const struct vhost_pair *pair);

/* ---- from the guest ---- */

/* Looks at the next packet, of which at most @head bytes (and no more than
 * PAIR_HEAD_MAX) are read; PAIR_HEAD_HEADERS instead, if @head is not 0, of
 * one whose vnet header asks for something. */
enum pair_verdict pair_peek(struct vhost_pair *pair, uint32_t head,
			    struct pair_packet *packet);

/* Copies it into frames of @cache, UMEM_HEADROOM from the first one's start,
 * with a packet_ext if the vnet header asks for something. False: no frames. */
bool pair_to_frames(struct vhost_pair *pair, const struct pair_packet *packet,
		    struct frame_cache *cache, uint64_t *ret_packet);

/* The packet's pieces: head, then what is in guest memory. Returns their
 * number, or 0 if there are more than @max. */
uint32_t pair_pieces(const struct vhost_pair *pair,
		     const struct pair_packet *packet,
		     struct iovec *pieces, uint32_t max);

/* Takes the packet that was looked at. */
static inline void pair_take(struct vhost_pair *pair)
{
	uint32_t len = pair->chain.len;

	virtq_put_used(&pair->tx, 0, pair->chain.head, 0);
	virtq_advance(&pair->tx, 1);
	virtq_count(&pair->tx, len > pair->hdr_len ? len - pair->hdr_len : 0);
}

/* ---- to the guest; holding rx_lock ---- */

static inline bool pair_trylock(struct vhost_pair *pair)
{
	return !__atomic_exchange_n(&pair->rx_lock, 1, __ATOMIC_ACQUIRE);
}

static inline void pair_lock(struct vhost_pair *pair)
{
	while (!pair_trylock(pair))
		while (__atomic_load_n(&pair->rx_lock, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

static inline void pair_unlock(struct vhost_pair *pair)
{
	__atomic_store_n(&pair->rx_lock, 0, __ATOMIC_RELEASE);
}

static inline bool pair_rx_ready(const struct vhost_pair *pair)
{
	return pair->rx.running && pair->rx.enabled && !virtq_is_broken(&pair->rx);
}

/*
 * Writes a packet of @len bytes behind its vnet header into the guest's next
 * buffers. 0; -EAGAIN: the guest has not enough buffers now; -EMSGSIZE: it has
 * none that large, the packet is to be dropped; -EPIPE: the ring is broken.
 * Nothing is shown to the guest yet, and nothing is taken on failure.
 */
int pair_write(struct vhost_pair *pair, const struct virtio_net_hdr *hdr,
	       const struct iovec *pieces, uint32_t len);

/* The vnet header that says what @ext does, and the other way round (without
 * frames). */
void pair_header(const struct packet_ext *ext, struct virtio_net_hdr *ret_hdr);
void pair_ext(const struct virtio_net_hdr *hdr, struct packet_ext *ret_ext);

#endif
