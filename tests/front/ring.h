/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The driver's side of a split ring (virtio 1.2, 2.7): descriptors, chains and
 * indirect tables; entries made available and taken back, each exactly once;
 * notifications with and without EVENT_IDX.
 *
 * The three parts of the ring are open to whoever wants to corrupt them. What
 * the driver itself believes is kept beside the ring, so that nothing a
 * back-end writes confuses it: an entry that comes back and was not out is
 * -EBADMSG.
 */
#ifndef FRONT_RING_H
#define FRONT_RING_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

struct front;

#define FRONT_INDIRECT_MAX 32 /* entries of an indirect table */

struct front_ring {
	/* in guest memory */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_desc *tables; /* num * FRONT_INDIRECT_MAX, or NULL */
	/* the driver's own */
	uint32_t num;
	uint16_t avail_idx;  /* next to be filled, maybe not published */
	uint16_t kicked_idx; /* published when the device was last asked */
	uint16_t last_used;
	uint16_t base; /* where the device is to begin */
	bool event_idx;
	uint16_t n_free;
	uint16_t free_head;
	uint16_t *next;	   /* owned; of free descriptors */
	uint16_t *n_chain; /* owned; per head: descriptors, 0 = not out */
	uint64_t n_kicks, n_calls;
	uint64_t log_gpa; /* for SET_VRING_ADDR */
	uint64_t tables_gpa;
	int kick_fd, call_fd, err_fd; /* owned, non-blocking */
};

/* A piece of a chain. */
struct front_buf {
	uint64_t gpa;
	uint32_t len;
};

/* Makes the ring in region 0. 0 or a negative errno; front_ring_done() also
 * after that. */
int front_ring_init(struct front_ring *ring, struct front *f, uint32_t num);
void front_ring_done(struct front_ring *ring);

/* As a driver does that begins anew: everything empty and zero. */
void front_ring_reset(struct front_ring *ring);

/* Makes a chain available: @n_out pieces for the device to read, then @n_in to
 * write. Returns its head, or -ENOSPC. The device sees it after
 * front_ring_publish(). */
int front_ring_add(struct front_ring *ring, const struct front_buf *bufs,
		   uint32_t n_out, uint32_t n_in);

/* The same by one indirect table; at most FRONT_INDIRECT_MAX pieces. */
int front_ring_add_indirect(struct front_ring *ring,
			    const struct front_buf *bufs, uint32_t n_out,
			    uint32_t n_in);

/* Makes any descriptor index available, as a hostile driver may. */
void front_ring_put(struct front_ring *ring, uint16_t head);

void front_ring_publish(struct front_ring *ring);

/* Publishes, and asks the device if it wants to be asked. Returns whether it
 * did. */
bool front_ring_kick(struct front_ring *ring);

/* Asks whether or not the device wants it. */
void front_ring_kick_always(struct front_ring *ring);

/* Takes back one chain: its head, *ret_len = bytes written. -EAGAIN: none;
 * -EBADMSG: it was not out. */
int front_ring_take(struct front_ring *ring, uint32_t *ret_len);

/* How many have come back and were not taken yet. */
static inline uint16_t front_ring_ready(const struct front_ring *ring)
{
	return (uint16_t)(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) -
			  ring->last_used);
}

/* Tells the device not to call: a driver that polls. */
void front_ring_silence(struct front_ring *ring);

/* Asks for a call when more comes back. True: more has; do not wait. */
bool front_ring_ask(struct front_ring *ring);

/* Takes the calls that came. */
void front_ring_clear(struct front_ring *ring);

/* Asks for a call and waits for it until something has come back. 0 or
 * -ETIMEDOUT. */
int front_ring_wait(struct front_ring *ring, int timeout_ms);

#endif
