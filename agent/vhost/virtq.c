// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A split virtqueue, device side: see virtq.h. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vhost/virtq.h"

/* Legacy guests have the machine's own byte order, all others this one. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "virtqueues are little-endian");

#define SIZE_OF_TABLE_ENTRY	sizeof(struct vring_desc)

void virtq_start(struct virtq *vq, const struct vhost_ring_start *start)
{
	memset(vq, 0, offsetof(struct virtq, n_calls));
	vq->desc = start->desc;
	vq->avail = start->avail;
	vq->used = start->used;
	vq->num = (uint16_t)start->num;
	vq->mask = (uint16_t)(start->num - 1);
	/* Entries are used in the order in which they were made available, so
	 * used->idx tells both. QEMU's base says the same; virtio-user says 0,
	 * whatever the ring has behind it, when a back-end comes back. */
	vq->next_used = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
	vq->next_avail = vq->next_used;
	vq->seen_avail = vq->next_used;
	vq->published = vq->next_used;
	vq->called = vq->next_used;
	vq->enabled = start->enabled;
	vq->event_idx = start->features & VIRTIO_RING_EVENT_IDX;
	vq->indirect = start->features & VIRTIO_RING_INDIRECT;
	/* What an earlier process has published and not told of. */
	vq->call_always = true;
	vq->mem = start->mem;
	vq->log_used = start->log_used;
	vq->used_log_gpa = start->used_log_gpa;
	vq->features = start->features;
	vq->call_fd = start->call_fd;
	vq->kick_fd = start->kick_fd;
	vq->running = true;
}

int virtq_break(struct virtq *vq, const char *why)
{
	const char *none = NULL;

	__atomic_compare_exchange_n(&vq->broken, &none, why, false,
				    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	return -1;
}

uint32_t virtq_look(struct virtq *vq)
{
	uint16_t idx = __atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE);
	uint16_t n = (uint16_t)(idx - vq->next_avail);

	if (__builtin_expect(n > vq->num, 0)) {
		virtq_break(vq, "avail->idx claims more entries than the ring has");
		return 0;
	}
	if (__builtin_expect(virtq_is_broken(vq), 0))
		return 0;
	vq->seen_avail = idx;
	return n;
}

/* Empty ones count, too: a guest shall not have us walk for nothing. */
static int break_too_many(struct virtq *vq)
{
	return virtq_break(vq, "a chain of more than 512 pieces");
}

/* Adds the memory of one descriptor, which may lie in several regions. */
static int add_pieces(struct virtq *vq, const struct vring_desc *desc,
		      struct virtq_chain *chain)
{
	uint64_t gpa = desc->addr;
	uint32_t left = desc->len;

	while (left) {
		struct virtq_piece *piece = &chain->pieces[chain->n];
		uint32_t len = left;

		if (chain->n == VIRTQ_MAX_PIECES)
			return break_too_many(vq);
		piece->data = guest_mem_at(vq->mem, &vq->hint, gpa, &len);
		if (!piece->data)
			return virtq_break(vq, "a descriptor points outside the guest's memory");
		piece->gpa = gpa;
		piece->len = len;
		chain->n++;
		gpa += len;
		left -= len;
	}
	if (desc->len > INT32_MAX - chain->len)
		return virtq_break(vq, "a chain of more than 2 GiB");
	chain->len += desc->len;
	return 0;
}

static int check_direction(struct virtq *vq, const struct vring_desc *desc,
			   bool write)
{
	if (!(desc->flags & VRING_DESC_F_WRITE) == !write)
		return 0;
	return virtq_break(vq, write ? "a buffer to be filled is read-only" :
				       "a buffer to be sent is write-only");
}

/* An indirect table lies anywhere in guest memory, in whatever alignment. */
static int load_indirect(struct virtq *vq, uint64_t gpa,
			 struct vring_desc *ret_desc)
{
	uint32_t len = sizeof(*ret_desc);
	const char *data = guest_mem_at(vq->mem, &vq->hint, gpa, &len);

	if (!data || len < sizeof(*ret_desc))
		return virtq_break(vq, "an indirect table outside the guest's memory");
	memcpy(ret_desc, data, sizeof(*ret_desc));
	/* The copy is what counts from here on. */
	__asm__ volatile("" ::: "memory");
	return 0;
}

static int walk_indirect(struct virtq *vq, const struct vring_desc *table,
			 bool write, struct virtq_chain *chain)
{
	uint32_t num = table->len / SIZE_OF_TABLE_ENTRY, i = 0;
	struct vring_desc desc;

	if (!vq->indirect)
		return virtq_break(vq, "an indirect table that was not negotiated");
	if (table->flags & VRING_DESC_F_NEXT)
		return virtq_break(vq, "an indirect table in the middle of a chain");
	if (!num || table->len % SIZE_OF_TABLE_ENTRY || num > vq->num)
		return virtq_break(vq, "an indirect table of a wrong length");
	for (uint32_t seen = 0; seen < num; seen++) {
		vq->n_walked++;
		if (seen == VIRTQ_MAX_PIECES)
			return break_too_many(vq);
		if (load_indirect(vq, table->addr + i * SIZE_OF_TABLE_ENTRY,
				  &desc))
			return -1;
		if (desc.flags & VRING_DESC_F_INDIRECT)
			return virtq_break(vq, "an indirect table inside another");
		if (check_direction(vq, &desc, write) ||
		    add_pieces(vq, &desc, chain))
			return -1;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 0;
		i = desc.next;
		if (i >= num)
			return virtq_break(vq, "a descriptor index beyond the indirect table");
	}
	return virtq_break(vq, "a chain with a loop in an indirect table");
}

int virtq_walk_chain(struct virtq *vq, uint16_t next, bool write,
		     struct virtq_chain *chain)
{
	uint16_t i = __atomic_load_n(&vq->avail->ring[next & vq->mask],
				     __ATOMIC_RELAXED);
	struct vring_desc desc;

	chain->head = i;
	chain->n = 0;
	chain->len = 0;
	for (uint32_t seen = 0; seen < vq->num; seen++) {
		vq->n_walked++;
		if (__builtin_expect(seen == VIRTQ_MAX_PIECES, 0))
			return break_too_many(vq);
		if (__builtin_expect(i >= vq->num, 0))
			return virtq_break(vq, "a descriptor index beyond the ring");
		desc = virtq_load_desc(&vq->desc[i]);
		if (desc.flags & VRING_DESC_F_INDIRECT)
			return walk_indirect(vq, &desc, write, chain);
		if (check_direction(vq, &desc, write) ||
		    add_pieces(vq, &desc, chain))
			return -1;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 0;
		i = desc.next;
	}
	return virtq_break(vq, "a chain with a loop");
}

static const struct vring_desc *peek_desc(const struct virtq *vq, uint16_t next)
{
	uint16_t head = __atomic_load_n(&vq->avail->ring[next & vq->mask],
					__ATOMIC_RELAXED);

	return &vq->desc[head & vq->mask];
}

void virtq_prefetch(const struct virtq *vq, uint32_t n, bool write)
{
	const struct guest_region *region = vq->hint;
	uint16_t next = vq->next_avail;
	const char *host;

	for (uint32_t i = 0; i < n; i++)
		__builtin_prefetch(peek_desc(vq, (uint16_t)(next + i)));
	host = region ? __atomic_load_n(&region->host, __ATOMIC_ACQUIRE) : NULL;
	if (!host)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t off = virtq_load_desc(peek_desc(
				       vq, (uint16_t)(next + i))).addr -
			       region->gpa;

		if (off >= region->size)
			continue;
		if (write) {
			__builtin_prefetch(host + off, 1);
			__builtin_prefetch(host + off + CACHE_LINE, 1);
		} else {
			__builtin_prefetch(host + off);
			__builtin_prefetch(host + off + CACHE_LINE);
		}
	}
}

/* The used ring is written to by address; the log wants to know where. */
void virtq_log_used(struct virtq *vq)
{
	uint64_t ring = vq->used_log_gpa + offsetof(struct vring_used, ring);

	for (uint16_t i = vq->published; i != vq->next_used; i++)
		guest_log_write(vq->mem,
				ring + (i & vq->mask) *
					       sizeof(vq->used->ring[0]),
				sizeof(vq->used->ring[0]));
	guest_log_write(vq->mem,
			vq->used_log_gpa + offsetof(struct vring_used, idx),
			sizeof(vq->used->idx));
}

bool virtq_needs_call(struct virtq *vq)
{
	uint16_t old = vq->called, event;

	if (old == vq->published && !vq->call_always)
		return false;
	vq->called = vq->published;
	/* What was published, before what the guest wants. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__builtin_expect(vq->call_always, 0)) {
		vq->call_always = false;
		return true;
	}
	if (!vq->event_idx)
		return !(__atomic_load_n(&vq->avail->flags, __ATOMIC_RELAXED) &
			 VRING_AVAIL_F_NO_INTERRUPT);
	event = __atomic_load_n(&vq->avail->ring[vq->num], __ATOMIC_RELAXED);
	return vring_need_event(event, vq->published, old);
}

/*
 * The descriptor is the front-end's. It was made non-blocking, but its owner
 * can undo that and fill the counter: then the write blocks until the control
 * thread, which waits for this worker or misses its beat, interrupts it by a
 * signal.
 */
void virtq_call(struct virtq *vq, int fd)
{
	uint64_t one = 1;

	__atomic_fetch_add(&vq->n_calls, 1, __ATOMIC_RELAXED);
	if (fd < 0)
		return;
	if (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		virtq_break(vq, "the call descriptor blocks");
}

static uint16_t *avail_event(struct virtq *vq)
{
	return (uint16_t *)&vq->used->ring[vq->num];
}

static void log_event(struct virtq *vq, uint64_t offset)
{
	if (vq->log_used)
		guest_log_write(vq->mem, vq->used_log_gpa + offset,
				sizeof(uint16_t));
}

void virtq_kicks_on(struct virtq *vq)
{
	__atomic_store_n(&vq->n_kicks_armed, vq->n_kicks_armed + 1,
			 __ATOMIC_RELAXED);
	if (vq->event_idx) {
		__atomic_store_n(avail_event(vq), vq->seen_avail,
				 __ATOMIC_RELAXED);
		log_event(vq, offsetof(struct vring_used, ring) +
				      vq->num * sizeof(vq->used->ring[0]));
	} else {
		__atomic_store_n(&vq->used->flags, 0, __ATOMIC_RELAXED);
		log_event(vq, offsetof(struct vring_used, flags));
	}
}

void virtq_kicks_off(struct virtq *vq)
{
	/* With event indices the old one does: it lies behind. */
	if (vq->event_idx)
		return;
	__atomic_store_n(&vq->used->flags, VRING_USED_F_NO_NOTIFY,
			 __ATOMIC_RELAXED);
	log_event(vq, offsetof(struct vring_used, flags));
}
