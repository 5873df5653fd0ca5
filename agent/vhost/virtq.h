/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A split virtqueue, seen from the device's side (virtio 1.2, section 2.7).
 *
 * Everything in it is the guest's: each value is read once into a local, then
 * checked, then used. What breaks the rules breaks the queue: vq->broken says
 * how, and nothing more is taken from it.
 *
 * Entries are used strictly in the order they were made available, and between
 * two calls of the owner none is in between: so used->idx alone tells where to
 * go on, for whoever comes after us (design D6).
 *
 *	virtq_avail()	how many entries there are to take
 *	virtq_peek()	walks one entry's chain
 *	virtq_use()	takes it, and puts it on the used ring, not seen yet
 *	virtq_publish()	shows the guest all that was used
 *	virtq_needs_call()	whether the guest wants to be told
 *
 * Thread-safety: one thread at a time; who, the owner of the struct decides.
 */
#ifndef VHOST_VIRTQ_H
#define VHOST_VIRTQ_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "vhost/features.h"
#include "vhost/guest_mem.h"
#include "vhost/session.h"

/* Contiguous pieces of memory that one chain may consist of. */
#define VIRTQ_MAX_PIECES	512

struct virtq_piece {
	char *data;
	uint64_t gpa;
	uint32_t len;
};

/* One entry: its buffers in order, empty ones left out. */
struct virtq_chain {
	uint16_t head;
	uint16_t n;
	uint32_t len;			/* of all pieces, at most 2^31 */
	struct virtq_piece pieces[VIRTQ_MAX_PIECES];
};

struct virtq {
	/* hot */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t num, mask;
	uint16_t next_avail;		/* A: entry to take next */
	uint16_t seen_avail;		/* avail->idx at the last look */
	uint16_t next_used;		/* where the next one is put */
	uint16_t published;		/* used->idx as the guest sees it */
	uint16_t called;		/* used->idx at the last decision */
	bool running;
	bool enabled;
	bool event_idx;
	bool indirect;
	bool call_always;		/* until the first call has been made */
	uint32_t n_walked;		/* descriptors, but for those that are a
					 * chain alone; reset by the owner */
	struct guest_mem *mem;		/* borrowed from the session */
	struct guest_region *hint;
	/* cold */
	const char *broken;		/* A: why; NULL: it is not */
	bool log_used;
	uint64_t used_log_gpa;
	uint64_t features;
	int call_fd;			/* borrowed; -1: none */
	int kick_fd;			/* borrowed; -1: none */
	/* A: counted by the owner */
	uint64_t n_calls, n_kicks_armed, n_packets, n_bytes;
};

/* Begins at used->idx as the guest's memory has it, whatever @start->base is. */
void virtq_start(struct virtq *vq, const struct vhost_ring_start *start);

/* Marks the queue broken; the first reason stays. Returns -1. */
int virtq_break(struct virtq *vq, const char *why);

static inline bool virtq_is_broken(const struct virtq *vq)
{
	return __atomic_load_n(&vq->broken, __ATOMIC_RELAXED) != NULL;
}

/* Looks for new entries; how many there are. 0 too when it is broken. */
uint32_t virtq_look(struct virtq *vq);

static inline uint32_t virtq_avail(struct virtq *vq, uint32_t want)
{
	uint16_t n = (uint16_t)(vq->seen_avail - vq->next_avail);

	return n >= want ? n : virtq_look(vq);
}

/* One descriptor, each of its words read once. */
static inline struct vring_desc virtq_load_desc(const struct vring_desc *from)
{
	const uint64_t *words = (const uint64_t *)from;
	struct vring_desc desc;
	uint64_t word;

	desc.addr = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
	word = __atomic_load_n(&words[1], __ATOMIC_RELAXED);
	desc.len = (uint32_t)word;
	desc.flags = (uint16_t)(word >> 32);
	desc.next = (uint16_t)(word >> 48);
	return desc;
}

/* virtq_walk() of what is not just one buffer. */
int virtq_walk_chain(struct virtq *vq, uint16_t next, bool write,
		     struct virtq_chain *chain);

/* The chain of entry @next (vq->next_avail for the first); to be written if
 * @write, to be read otherwise. 0, or -1: the queue is broken. */
static inline int virtq_walk(struct virtq *vq, uint16_t next, bool write,
			     struct virtq_chain *chain)
{
	uint16_t head = __atomic_load_n(&vq->avail->ring[next & vq->mask],
					__ATOMIC_RELAXED);
	struct vring_desc desc;
	uint32_t len;

	if (__builtin_expect(head >= vq->num, 0))
		return virtq_walk_chain(vq, next, write, chain);
	desc = virtq_load_desc(&vq->desc[head]);
	len = desc.len;
	/* One buffer in one region. All else is read anew. */
	if (desc.flags != (write ? VRING_DESC_F_WRITE : 0) ||
	    len - 1 >= INT32_MAX)
		return virtq_walk_chain(vq, next, write, chain);
	chain->pieces[0].data = guest_mem_at(vq->mem, &vq->hint, desc.addr,
					     &len);
	if (!chain->pieces[0].data || len != desc.len)
		return virtq_walk_chain(vq, next, write, chain);
	chain->pieces[0].gpa = desc.addr;
	chain->pieces[0].len = len;
	chain->head = head;
	chain->n = 1;
	chain->len = len;
	return 0;
}

/* Has the next @n entries' descriptors, and the beginnings of their first
 * buffers, brought into the cache: the guest's core wrote them last. Only a
 * hint: nothing is checked, and nothing of it is used. */
void virtq_prefetch(const struct virtq *vq, uint32_t n, bool write);

/* Puts a chain's head on the used ring @nth behind the last one used. */
static inline void virtq_put_used(struct virtq *vq, uint16_t nth,
				  uint16_t head, uint32_t len)
{
	struct vring_used_elem *elem =
		&vq->used->ring[(uint16_t)(vq->next_used + nth) & vq->mask];

	elem->id = head;
	elem->len = len;
}

/* Takes @n entries whose heads have been put on the used ring. */
static inline void virtq_advance(struct virtq *vq, uint16_t n)
{
	__atomic_store_n(&vq->next_avail, (uint16_t)(vq->next_avail + n),
			 __ATOMIC_RELAXED);
	vq->next_used = (uint16_t)(vq->next_used + n);
}

/* Counts a packet of @bytes. */
static inline void virtq_count(struct virtq *vq, uint32_t bytes)
{
	__atomic_store_n(&vq->n_packets, vq->n_packets + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&vq->n_bytes, vq->n_bytes + bytes, __ATOMIC_RELAXED);
}

/* Shows the guest what was used. */
void virtq_log_used(struct virtq *vq);
static inline void virtq_publish(struct virtq *vq)
{
	if (vq->published == vq->next_used)
		return;
	__atomic_store_n(&vq->used->idx, vq->next_used, __ATOMIC_RELEASE);
	if (__builtin_expect(vq->log_used, 0))
		virtq_log_used(vq);
	vq->published = vq->next_used;
}

/* Whether the guest wants to be told of what was published since the last
 * decision. A full fence is inside. */
bool virtq_needs_call(struct virtq *vq);

/* Tells it by @fd, what call_fd was at the decision. Never blocks for long: see
 * virtq.c. Whoever decided; the queue need not be his any more. */
void virtq_call(struct virtq *vq, int fd);

/* Whether the guest is to kick when it makes entries available behind @seen
 * (on), or need not (off). After switching on: a full fence, and look again. */
void virtq_kicks_on(struct virtq *vq);
void virtq_kicks_off(struct virtq *vq);

/* Whether there is more than at the last look; for a last look before sleep. */
static inline bool virtq_has_new(const struct virtq *vq)
{
	return __atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE) !=
	       vq->seen_avail;
}

#endif
