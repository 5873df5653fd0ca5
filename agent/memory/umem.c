// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A region registered for one (device, queue), and its sockets: see umem.h. */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/base.h"
#include "memory/umem.h"

/* linux/if_xdp.h of 6.16 and later. Descriptors one sendto() may send in copy
 * mode; the kernel's default is 32. */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET	9
#endif
#define TX_BUDGET		256

/* Both ends of a ring that is closed. */
static uint32_t nothing;

/* Opens a socket; @umem's first one is its primary socket. */
static int socket_open(struct rx_ring *rx, struct umem *umem,
		       struct xsk_ring_prod *tx, const char *ifname,
		       uint32_t queue, uint32_t rx_size, uint32_t tx_size,
		       uint16_t bind_flags)
{
	struct xsk_socket_config config = {
		.rx_size = rx_size,
		.tx_size = tx_size,
		.libbpf_flags = XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = bind_flags,
	};
	int err;

	err = xsk_socket__create_shared(&rx->xsk, ifname, queue, umem->umem,
					&rx->ring, tx, &umem->fill,
					&umem->comp, &config);
	if (err) {
		rx->xsk = NULL;
		rx->fd = -1;
		return err;
	}
	rx->fd = xsk_socket__fd(rx->xsk);
	rx->size = rx_size;
	return 0;
}

static int umem_bind(struct umem *umem, struct rx_ring *rx,
		     const struct arena *arena, const char *ifname,
		     uint32_t queue, const struct umem_sizes *sizes,
		     uint16_t bind_flags)
{
	struct xsk_umem_config config = {
		.fill_size = sizes->fill,
		.comp_size = sizes->comp,
		.frame_size = arena->frame_size,
		.frame_headroom = 0,
	};
	int err;

	err = xsk_umem__create(&umem->umem, arena_data(arena, umem->offset),
			       umem->size, &umem->fill, &umem->comp, &config);
	if (err) {
		umem->umem = NULL;
		return err;
	}
	err = socket_open(rx, umem, &umem->tx, ifname, queue, sizes->rx,
			  sizes->tx, bind_flags);
	if (err) {
		xsk_umem__delete(umem->umem);
		umem->umem = NULL;
	}
	return err;
}

static bool bound_zero_copy(int fd)
{
	struct xdp_options options = { 0 };
	socklen_t len = sizeof(options);

	return !getsockopt(fd, SOL_XDP, XDP_OPTIONS, &options, &len) &&
	       (options.flags & XDP_OPTIONS_ZEROCOPY);
}

int umem_open(struct umem *umem, struct rx_ring *rx, const struct arena *arena,
	      uint32_t region, const char *ifname, uint32_t queue,
	      const struct umem_sizes *sizes, enum umem_copy copy)
{
	int budget = TX_BUDGET;
	int err = -EOPNOTSUPP;

	memset(umem, 0, sizeof(*umem));
	memset(rx, 0, sizeof(*rx));
	umem->fd = -1;
	rx->fd = -1;
	umem->region = region;
	umem->offset = arena_addr(arena, arena_region_first(region));
	umem->size = sizes->frames ? arena_addr(arena, sizes->frames) :
				     arena_region_size(arena, region);
	if (copy != UMEM_COPY_COPY)
		err = umem_bind(umem, rx, arena, ifname, queue, sizes,
				XDP_USE_NEED_WAKEUP | XDP_ZEROCOPY);
	else
		snprintf(umem->why, sizeof(umem->why), "zero_copy is off");
	/* Taken now, perhaps by a socket that is going away: that is no reason
	 * to go without zero-copy. */
	if (err && (copy == UMEM_COPY_ZERO || err == -EBUSY))
		return err;
	if (err) {
		if (!umem->why[0])
			snprintf(umem->why, sizeof(umem->why),
				 err == -EOPNOTSUPP ?
					 "the driver has no zero-copy" :
					 "zero-copy bind failed: %s",
				 strerror(-err));
		err = umem_bind(umem, rx, arena, ifname, queue, sizes,
				XDP_USE_NEED_WAKEUP | XDP_COPY);
	}
	if (err)
		return err;
	/* Older kernels do not know the option and keep to 32. */
	if ((int)sizes->tx < budget)
		budget = (int)sizes->tx;
	umem->fd = rx->fd;
	setsockopt(umem->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget,
		   sizeof(budget));
	umem->zero_copy = bound_zero_copy(umem->fd);
	umem->need_wakeup = true;
	umem->fill_size = sizes->fill;
	umem->tx_size = sizes->tx;
	return 0;
}

void umem_close(struct umem *umem, struct rx_ring *rx)
{
	rx_ring_close(rx);
	if (umem->umem)
		xsk_umem__delete(umem->umem);
	umem->umem = NULL;
}

int rx_ring_open(struct rx_ring *rx, struct umem *umem, const char *ifname,
		 uint32_t queue, uint32_t size)
{
	memset(rx, 0, sizeof(*rx));
	rx->fd = -1;
	return socket_open(rx, umem, NULL, ifname, queue, size, 0, 0);
}

void rx_ring_close(struct rx_ring *rx)
{
	if (rx->xsk)
		xsk_socket__delete(rx->xsk);
	rx->xsk = NULL;
	rx->fd = -1;
	rx->ring.cached_prod = 0;
	rx->ring.cached_cons = 0;
	rx->ring.producer = &nothing;
	rx->ring.consumer = &nothing;
}

int rx_ring_get_stats(const struct rx_ring *rx, struct rx_ring_stats *ret_stats)
{
	struct xdp_statistics stats = { 0 };
	socklen_t len = sizeof(stats);

	if (rx->fd < 0)
		return -ENOTCONN;
	if (getsockopt(rx->fd, SOL_XDP, XDP_STATISTICS, &stats, &len) < 0)
		return -errno;
	ret_stats->rx_dropped = stats.rx_dropped;
	ret_stats->rx_ring_full = stats.rx_ring_full;
	ret_stats->tx_invalid = stats.tx_invalid_descs;
	return 0;
}
