/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rings of an AF_XDP socket that is not bound yet.
 *
 * libxdp, whose inline functions put and take entries, makes a socket's rings
 * and binds it in one call. Here they are apart, so that all that may want for
 * memory or descriptors is there before a queue is given up for it.
 */
#ifndef MEMORY_XDP_RING_H
#define MEMORY_XDP_RING_H

#include <stddef.h>
#include <stdint.h>
#include <xdp/xsk.h>

/* Where a ring is; it keeps the socket, and the queue, as long as it is there. */
struct xdp_map {
	void *at; /* owned; NULL: nothing */
	size_t bytes;
};

/* Give socket @fd a ring of @size entries, a power of two. 0, and @ret_map is
 * the caller's; or a negative errno, and the socket is good for close() only. */
int xdp_ring_open_rx(int fd, uint32_t size, struct xsk_ring_cons *ret_ring,
		     struct xdp_map *ret_map);
int xdp_ring_open_tx(int fd, uint32_t size, struct xsk_ring_prod *ret_ring,
		     struct xdp_map *ret_map);
int xdp_ring_open_fill(int fd, uint32_t size, struct xsk_ring_prod *ret_ring,
		       struct xdp_map *ret_map);
int xdp_ring_open_comp(int fd, uint32_t size, struct xsk_ring_cons *ret_ring,
		       struct xdp_map *ret_map);

/* Nothing of a ring in it may be touched any more. An empty one is allowed. */
void xdp_ring_close(struct xdp_map *map);

#endif
