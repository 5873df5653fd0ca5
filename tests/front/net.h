/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A simple virtio-net driver on a front's rings: frames in and out, one at a
 * time, with their virtio-net headers. It copies, which a test can afford.
 *
 * Received frames may be spread over several buffers (MRG_RXBUF), of one piece
 * or more each; sent ones may be cut into pieces, chained or by an indirect
 * table, to make any layout that virtio 1.2 allows.
 */
#ifndef FRONT_NET_H
#define FRONT_NET_H

#include "front.h"

#define FRONT_NET_MAX_FRAME (65535 + 18)

struct front_net {
	struct front *front;	    /* borrowed */
	struct front_ring *rx, *tx; /* borrowed: the front's */
	uint32_t rx_size;	    /* bytes of a receive buffer */
	uint32_t tx_size;
	char *rx_mem, *tx_mem; /* guest memory: a buffer per descriptor */
	uint64_t rx_gpa, tx_gpa;
	uint32_t n_tx; /* buffers */
	/* How to send: */
	uint32_t tx_piece; /* bytes per piece, 0 = all in one; header apart */
	bool tx_indirect;
	uint32_t tx_next; /* buffer to use */
};

/*
 * For queue pair @pair of @front, before or after front_start(). Buffers come
 * from region @region: as many of @rx_size bytes as the ring has entries, and
 * @n_tx of 64 KiB for sending. 0 or -ENOMEM.
 */
int front_net_init(struct front_net *net, struct front *front, uint32_t pair,
		   uint32_t region, uint32_t rx_size, uint32_t n_tx);

/* Makes every receive buffer available that is not, and kicks. */
void front_net_post(struct front_net *net);

/* Sends one frame. @hdr NULL: all zero. -EAGAIN: the ring is full, also after
 * taking back what was sent. */
int front_net_send(struct front_net *net, const struct front_net_hdr *hdr,
		   const void *frame, uint32_t len);

/* Waits until all that was sent has come back. */
int front_net_flush(struct front_net *net, int timeout_ms);

/*
 * Receives one frame into @buf and makes its buffers available again. Returns
 * its length; -ETIMEDOUT; -EMSGSIZE: longer than @size; -EBADMSG: the device
 * broke the rules of the ring or of the header.
 */
int front_net_receive(struct front_net *net, struct front_net_hdr *ret_hdr,
		      void *buf, uint32_t size, int timeout_ms);

#endif
