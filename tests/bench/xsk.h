/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The least around an AF_XDP socket for a benchmark: one memory area,
 * registered once per socket (so that a frame can come in on one device and
 * leave on another), one socket per (device, queue), copy mode.
 *
 * Thread-safety: none; each socket belongs to one thread.
 */
#ifndef BENCH_XSK_H
#define BENCH_XSK_H

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include "bench.h"

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* in the headers since Linux 6.18 */
#endif

#define BENCH_RING 2048

struct bench_area {
	uint8_t *mem; /* owned */
	uint32_t frame_size;
	uint32_t n_frames;
};

struct bench_xsk {
	struct xsk_ring_cons rx;
	struct xsk_ring_prod tx;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons comp;
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	int fd; /* xsk's, borrowed */
};

static inline void bench_area_open(struct bench_area *area, uint32_t n_frames,
				   uint32_t frame_size, bool hugepages)
{
	size_t size = (size_t)n_frames * frame_size;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;

	if (hugepages)
		flags |= MAP_HUGETLB;
	area->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (area->mem == MAP_FAILED)
		die("%zu bytes of packet memory: %s", size, strerror(errno));
	area->n_frames = n_frames;
	area->frame_size = frame_size;
}

/* @skb: bind in generic mode, for a program attached so. @tx_budget: packets
 * sent per system call; 0 = the kernel's default. */
static inline void bench_xsk_open(struct bench_xsk *x, struct bench_area *area,
				  const char *dev, uint32_t queue, bool skb,
				  uint32_t tx_budget)
{
	struct xsk_umem_config umem_config = {
		.fill_size = 2 * BENCH_RING,
		.comp_size = BENCH_RING,
		.frame_size = area->frame_size,
	};
	struct xsk_socket_config config = {
		.rx_size = BENCH_RING,
		.tx_size = BENCH_RING,
		.libbpf_flags = XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD,
		.xdp_flags = skb ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE,
		.bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
	};
	int err;

	err = xsk_umem__create(&x->umem, area->mem,
			       (uint64_t)area->n_frames * area->frame_size,
			       &x->fill, &x->comp, &umem_config);
	if (err)
		die("packet memory for %s: %s", dev, strerror(-err));
	err = xsk_socket__create(&x->xsk, dev, queue, x->umem, &x->rx, &x->tx,
				 &config);
	if (err)
		die("AF_XDP socket on %s queue %u: %s", dev, queue,
		    strerror(-err));
	x->fd = xsk_socket__fd(x->xsk);
	if (tx_budget && setsockopt(x->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET,
				    &tx_budget, sizeof(tx_budget)))
		die("XDP_MAX_TX_SKB_BUDGET %u: %s", tx_budget, strerror(errno));
}

static inline void bench_xsk_close(struct bench_xsk *x)
{
	xsk_socket__delete(x->xsk);
	xsk_umem__delete(x->umem);
}

/* Posts frames @first..@first+@n-1 of @area to the fill ring. */
static inline void bench_xsk_fill(struct bench_xsk *x,
				  const struct bench_area *area, uint32_t first,
				  uint32_t n)
{
	uint32_t pos;

	if (xsk_ring_prod__reserve(&x->fill, n, &pos) != n)
		die("the fill ring does not hold %u frames", n);
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&x->fill, pos + i) =
			(uint64_t)(first + i) * area->frame_size;
	xsk_ring_prod__submit(&x->fill, n);
}

/* Puts the socket into the XSKMAP @map_fd under its queue. */
static inline void bench_xsk_steer(struct bench_xsk *x, int map_fd,
				   uint32_t queue)
{
	if (bpf_map_update_elem(map_fd, &queue, &x->fd, BPF_ANY))
		die("socket map: %s", strerror(errno));
}

static inline void bench_xsk_print_drops(struct bench_xsk *x)
{
	struct xdp_statistics stats = { 0 };
	socklen_t len = sizeof(stats);

	if (getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, &stats, &len))
		return;
	fprintf(stderr,
		"not received: ring full %llu, no fill frame %llu, dropped %llu\n",
		stats.rx_ring_full, stats.rx_fill_ring_empty_descs,
		stats.rx_dropped);
}

#endif
