/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A region of the arena registered with the kernel for one (device, queue), and
 * the AF_XDP sockets on it: one primary socket that owns fill, completion and
 * tx, and any number of receive-only ones that share through it.
 *
 * Opening has two halves. Preparing makes the socket and its rings and, for the
 * primary one, registers the region, which pins its pages: what takes time and
 * memory, but no device's queue. Binding takes the queue.
 *
 * Thread-safety: opening and closing belong to the control thread; the rings
 * belong to the worker that the queue was given to.
 */
#ifndef MEMORY_UMEM_H
#define MEMORY_UMEM_H

#include <stdbool.h>
#include <stdint.h>
#include <xdp/xsk.h>

#include "memory/arena.h"
#include "memory/xdp_ring.h"

/* Bytes the kernel leaves free in front of a received packet. */
#define UMEM_HEADROOM	256

/* A receive ring. What a VM may have in it at one time is not the ring's size,
 * but its share's credit: see ports/queue.h. */
struct rx_ring {
	struct xsk_ring_cons ring;
	uint32_t size;		/* entries, power of two */
	struct xdp_map map;	/* owned: where it is */
	int fd;			/* owned: the socket; -1: none */
};

/*
 * Addresses on the rings count from what was registered, the region's first
 * byte: umem_ring_addr() and umem_arena_addr() go between the two. No address
 * on a ring means another region's memory: one from there is out of range for
 * the kernel, which refuses it (tx_invalid, for tx). But what a fill ring says
 * is then forgotten, and by some kernels what a tx ring says, too, until the
 * queue is closed. So no frame that umem_holds() denies is put on a ring.
 */
struct umem {
	struct xsk_ring_prod fill;
	struct xsk_ring_cons comp;
	struct xsk_ring_prod tx;
	uint64_t offset;	/* the region's address in the arena */
	uint64_t size;		/* registered bytes */
	uint32_t region;
	struct xdp_map fill_map;	/* owned these three: the rings */
	struct xdp_map comp_map;
	struct xdp_map tx_map;
	int fd;			/* borrowed: the primary socket */
	bool zero_copy;		/* as bound */
	bool need_wakeup;
	uint32_t fill_size;
	uint32_t tx_size;
	char why[96];		/* why not zero-copy; empty if it is */
};

/* An entry of a fill ring that the kernel is to skip: no umem is so large. */
#define UMEM_NO_ADDR	UINT64_MAX

struct umem_sizes {
	uint32_t fill;		/* entries, powers of two these four */
	uint32_t comp;
	uint32_t tx;
	uint32_t rx;
	uint32_t frames;	/* of the region, from its first on; 0: all */
};

enum umem_copy { UMEM_COPY_AUTO, UMEM_COPY_ZERO, UMEM_COPY_COPY };

/*
 * Registers @region for a socket that is to be the primary one of some queue;
 * @rx becomes its receive ring. No device is touched: the queue may still be
 * somebody else's, and the region be registered for that, too. 0 and both are
 * the caller's to close; or a negative errno, and nothing is open.
 */
int umem_prepare(struct umem *umem, struct rx_ring *rx,
		 const struct arena *arena, uint32_t region,
		 const struct umem_sizes *sizes);

/*
 * Binds what umem_prepare() has made to @queue of @ifname. UMEM_COPY_AUTO falls
 * back to copy mode and says why in umem->why. 0 or a negative errno: then it
 * is as before, and can be bound later. -EBUSY if another process (or a socket
 * of ours that the kernel has not let go of yet, some 20 ms after close())
 * holds the queue.
 */
int umem_bind(struct umem *umem, struct rx_ring *rx, const char *ifname,
	      uint32_t queue, enum umem_copy copy);

/* Both; if the second fails nothing is open. */
int umem_open(struct umem *umem, struct rx_ring *rx, const struct arena *arena,
	      uint32_t region, const char *ifname, uint32_t queue,
	      const struct umem_sizes *sizes, enum umem_copy copy);

/* @rx: the primary socket's. All others must have been closed. When it returns
 * the kernel no longer touches the arena through this queue (copy mode). */
void umem_close(struct umem *umem, struct rx_ring *rx);

/* The same with the @n receive-only sockets @others, all at the same time: each
 * close() waits for the kernel 10 ms or more, and all of them for the same. */
void umem_close_all(struct umem *umem, struct rx_ring *rx,
		    struct rx_ring *const *others, uint32_t n);

/* Whether byte @addr of the arena can be on the rings. */
static inline bool umem_holds(const struct umem *umem, uint64_t addr)
{
	return addr - umem->offset < umem->size;
}

static inline uint64_t umem_ring_addr(const struct umem *umem, uint64_t addr)
{
	return addr - umem->offset;
}

static inline uint64_t umem_arena_addr(const struct umem *umem, uint64_t addr)
{
	return addr + umem->offset;
}

/* A receive-only socket with a ring of @size entries, in the same two halves:
 * to be bound to the queue that @umem is bound to. 0 or a negative errno: then
 * it is not open, or as before. */
int rx_ring_prepare(struct rx_ring *rx, uint32_t size);
int rx_ring_bind(struct rx_ring *rx, const struct umem *umem,
		 const char *ifname, uint32_t queue);
/* Both; if the second fails nothing is open. */
int rx_ring_open(struct rx_ring *rx, const struct umem *umem,
		 const char *ifname, uint32_t queue, uint32_t size);
/* What is left of @rx can be read, and is empty. One that is not open is
 * allowed. */
void rx_ring_close(struct rx_ring *rx);

/* Readable packets. Owner thread. */
static inline uint32_t rx_ring_ready(struct rx_ring *rx)
{
	rx->ring.cached_prod =
		__atomic_load_n(rx->ring.producer, __ATOMIC_ACQUIRE);
	return rx->ring.cached_prod - rx->ring.cached_cons;
}

/* The same, by what the owner read when it last released entries. Any thread. */
static inline uint32_t rx_ring_waiting(const struct rx_ring *rx)
{
	return __atomic_load_n(rx->ring.producer, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(rx->ring.consumer, __ATOMIC_RELAXED);
}

struct rx_ring_stats {
	uint64_t rx_dropped;
	uint64_t rx_ring_full;
	uint64_t tx_invalid;
};

/* What the kernel counted on one socket since it was opened. Any thread. */
int rx_ring_get_stats(const struct rx_ring *rx, struct rx_ring_stats *ret_stats);

#endif
