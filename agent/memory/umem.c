// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A region registered for one (device, queue), and its sockets: see umem.h. */
#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base.h"
#include "base/descriptors.h"
#include "memory/umem.h"

/* linux/if_xdp.h of 6.16 and later. Descriptors one sendto() may send in copy
 * mode; the kernel's default is 32. */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET	9
#endif
#define TX_BUDGET		256

/* Both ends of a ring that is closed. */
static uint32_t nothing;

static int bind_socket(int fd, const char *ifname, uint32_t queue,
		       uint16_t flags, int umem_fd)
{
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = flags,
		.sxdp_ifindex = if_nametoindex(ifname),
		.sxdp_queue_id = queue,
		.sxdp_shared_umem_fd = umem_fd >= 0 ? (uint32_t)umem_fd : 0,
	};

	if (!addr.sxdp_ifindex ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return 0;
}

/* ---- the primary socket ---- */

static int register_region(const struct umem *umem, const struct arena *arena)
{
	struct xdp_umem_reg reg = {
		.addr = (uintptr_t)arena_data(arena, umem->offset),
		.len = umem->size,
		.chunk_size = arena->frame_size,
	};

	if (setsockopt(umem->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0)
		return -errno;
	return 0;
}

static int open_rings(struct umem *umem, const struct umem_sizes *sizes)
{
	int err;

	err = xdp_ring_open_fill(umem->fd, sizes->fill, &umem->fill,
				 &umem->fill_map);
	if (!err)
		err = xdp_ring_open_comp(umem->fd, sizes->comp, &umem->comp,
					 &umem->comp_map);
	if (!err)
		err = xdp_ring_open_tx(umem->fd, sizes->tx, &umem->tx,
				       &umem->tx_map);
	return err;
}

int umem_prepare(struct umem *umem, struct rx_ring *rx,
		 const struct arena *arena, uint32_t region,
		 const struct umem_sizes *sizes)
{
	int err;

	memset(umem, 0, sizeof(*umem));
	umem->fd = -1;
	umem->region = region;
	umem->offset = arena_addr(arena, arena_region_first(region));
	umem->size = sizes->frames ? arena_addr(arena, sizes->frames) :
				     arena_region_size(arena, region);
	umem->fill_size = sizes->fill;
	umem->tx_size = sizes->tx;
	err = rx_ring_prepare(rx, sizes->rx);
	if (err)
		return err;
	umem->fd = rx->fd;
	err = register_region(umem, arena);
	if (!err)
		err = open_rings(umem, sizes);
	if (err)
		umem_close(umem, rx);
	return err;
}

static bool bound_zero_copy(int fd)
{
	struct xdp_options options = { 0 };
	socklen_t len = sizeof(options);

	return !getsockopt(fd, SOL_XDP, XDP_OPTIONS, &options, &len) &&
	       (options.flags & XDP_OPTIONS_ZEROCOPY);
}

int umem_bind(struct umem *umem, struct rx_ring *rx, const char *ifname,
	      uint32_t queue, enum umem_copy copy)
{
	int budget = TX_BUDGET;
	int err = -EOPNOTSUPP;

	umem->why[0] = 0;
	if (copy != UMEM_COPY_COPY)
		err = bind_socket(rx->fd, ifname, queue,
				  XDP_USE_NEED_WAKEUP | XDP_ZEROCOPY, -1);
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
		err = bind_socket(rx->fd, ifname, queue,
				  XDP_USE_NEED_WAKEUP | XDP_COPY, -1);
	}
	if (err)
		return err;
	/* Older kernels do not know the option and keep to 32. */
	if ((int)umem->tx_size < budget)
		budget = (int)umem->tx_size;
	setsockopt(umem->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget,
		   sizeof(budget));
	umem->zero_copy = bound_zero_copy(umem->fd);
	umem->need_wakeup = true;
	return 0;
}

int umem_open(struct umem *umem, struct rx_ring *rx, const struct arena *arena,
	      uint32_t region, const char *ifname, uint32_t queue,
	      const struct umem_sizes *sizes, enum umem_copy copy)
{
	int err;

	err = umem_prepare(umem, rx, arena, region, sizes);
	if (err)
		return err;
	err = umem_bind(umem, rx, ifname, queue, copy);
	if (err)
		umem_close(umem, rx);
	return err;
}

/* ---- receive-only sockets ---- */

int rx_ring_prepare(struct rx_ring *rx, uint32_t size)
{
	int err;

	memset(rx, 0, sizeof(*rx));
	rx->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (rx->fd < 0)
		return -errno;
	err = xdp_ring_open_rx(rx->fd, size, &rx->ring, &rx->map);
	if (err)
		rx_ring_close(rx);
	else
		rx->size = size;
	return err;
}

int rx_ring_bind(struct rx_ring *rx, const struct umem *umem,
		 const char *ifname, uint32_t queue)
{
	return bind_socket(rx->fd, ifname, queue, XDP_SHARED_UMEM, umem->fd);
}

int rx_ring_open(struct rx_ring *rx, const struct umem *umem,
		 const char *ifname, uint32_t queue, uint32_t size)
{
	int err;

	err = rx_ring_prepare(rx, size);
	if (err)
		return err;
	err = rx_ring_bind(rx, umem, ifname, queue);
	if (err)
		rx_ring_close(rx);
	return err;
}

/* ---- closing ---- */

/* All of a ring but the socket, which is the caller's to close if there is one:
 * it is not gone before the last ring is. */
static int leave_ring(struct rx_ring *rx)
{
	int fd = rx->fd;

	xdp_ring_close(&rx->map);
	rx->fd = -1;
	rx->ring.cached_prod = 0;
	rx->ring.cached_cons = 0;
	rx->ring.producer = &nothing;
	rx->ring.consumer = &nothing;
	return fd;
}

void rx_ring_close(struct rx_ring *rx)
{
	int fd = leave_ring(rx);

	if (fd >= 0)
		close(fd);
}

void umem_close_all(struct umem *umem, struct rx_ring *rx,
		    struct rx_ring *const *others, uint32_t n)
{
	_cleanup_free_ int *fds = calloc(n + 1, sizeof(fds[0]));
	uint32_t n_fds = 0;

	xdp_ring_close(&umem->fill_map);
	xdp_ring_close(&umem->comp_map);
	xdp_ring_close(&umem->tx_map);
	umem->fd = -1;
	for (uint32_t i = 0; i <= n; i++) {
		int fd = leave_ring(i < n ? others[i] : rx);

		if (fd < 0)
			continue;
		if (fds)
			fds[n_fds++] = fd;
		else
			close(fd);
	}
	descriptors_close(fds, n_fds);
}

void umem_close(struct umem *umem, struct rx_ring *rx)
{
	umem_close_all(umem, rx, NULL, 0);
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
