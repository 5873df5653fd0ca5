/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A guest of the benchmark: a virtio-net driver that polls and does the least,
 * on the front-end of tests/front. One descriptor a frame, header and data in
 * one piece, indices published once per burst, as DPDK's driver does.
 *
 * Every buffer is with the device in one of the rings, or in the list of free
 * ones. A receive descriptor keeps its number for ever and gets another buffer
 * when the one it had goes on to the transmit ring (the MAC swap).
 */
#ifndef BENCH_PVPGUEST_H
#define BENCH_PVPGUEST_H

#include "../front/front.h"
#include "bench.h"
#include "pvp.h"

/* A benchmark with many guests makes them smaller. */
#ifndef GUEST_RING
#define GUEST_RING 1024
#endif
#define GUEST_BURST  32
#define GUEST_BUF    2048
#define GUEST_BUFS   (2 * GUEST_RING)
#define GUEST_REGION (16384ull * GUEST_RING)
#define GUEST_HDR    ((uint32_t)sizeof(struct front_net_hdr))

struct guest {
	/* hot */
	struct front_ring *rx, *tx; /* the front's */
	char *mem;		    /* buffers */
	uint64_t gpa;		    /* of the buffers */
	uint16_t rx_buf[GUEST_RING], tx_buf[GUEST_RING];
	uint16_t free[GUEST_BUFS];
	uint32_t n_free;
	uint16_t tx_tail; /* next descriptor to send with: they come back in
			     order, so the oldest is free first */
	uint64_t received, foreign, sent, tx_full;
	uint32_t *hist; /* owned: PVP_BUCKETS */
	/* cold */
	struct front front;
};

static inline char *guest_buf(struct guest *g, uint16_t buf)
{
	return g->mem + (size_t)buf * GUEST_BUF;
}

/* Listens at @path, or connects to it. */
static inline void guest_open(struct guest *g, const char *path, bool connect,
			      bool hugepages)
{
	struct front_opts opts = front_defaults(path);
	int err;

	opts.connect = connect;
	opts.ring_size = GUEST_RING;
	opts.region_size = GUEST_REGION;
	opts.hugepages = hugepages;
	opts.timeout_ms = 20000;
	err = front_open(&g->front, &opts);
	if (err)
		die("guest at %s: %s", path, strerror(-err));
	g->rx = &g->front.rings[0];
	g->tx = &g->front.rings[1];
	g->mem = front_alloc(&g->front, 0, (uint64_t)GUEST_BUFS * GUEST_BUF,
			     GUEST_BUF);
	g->hist = calloc(PVP_BUCKETS, sizeof(*g->hist));
	if (!g->mem || !g->hist)
		die("guest at %s: no memory", path);
	g->gpa = front_gpa(&g->front, g->mem);
}

/* Asks for no calls, which polling does without. */
static inline void guest_silence(struct guest *g)
{
	g->rx->last_used = g->rx->used->idx;
	front_ring_silence(g->rx);
	front_ring_silence(g->tx);
}

/* Waits for the back-end and sets up, without a buffer to receive in. */
static inline void guest_connect(struct guest *g, int timeout_ms)
{
	int err = front_accept(&g->front, timeout_ms);

	if (!err)
		err = front_start(&g->front);
	if (err)
		die("the back-end at %s: %s", g->front.opts.path,
		    strerror(-err));
	for (uint16_t i = 0; i < GUEST_BUFS; i++)
		memset(guest_buf(g, i), 0, GUEST_BUF);
	for (uint16_t i = 0; i < GUEST_RING; i++) {
		g->rx_buf[i] = i;
		g->rx->desc[i].addr = g->gpa + (uint64_t)i * GUEST_BUF;
		g->rx->desc[i].len = GUEST_BUF;
		g->rx->desc[i].flags = VRING_DESC_F_WRITE;
	}
	for (uint16_t i = GUEST_RING; i < GUEST_BUFS; i++)
		g->free[g->n_free++] = i;
	guest_silence(g);
}

/* Like front_ring_put(), by a constant. */
static inline void guest_avail(struct front_ring *ring, uint16_t d)
{
	ring->avail->ring[ring->avail_idx++ % GUEST_RING] = d;
}

/* Gives @n buffers to the receive ring. Descriptors come back in order, so
 * those that have are the next ones. */
static inline void guest_post(struct guest *g, uint32_t n)
{
	for (; n; n--)
		guest_avail(g->rx, g->rx->avail_idx % GUEST_RING);
	front_ring_kick(g->rx);
}

/* Waits for the back-end, sets up and fills the receive ring. */
static inline void guest_start(struct guest *g, int timeout_ms)
{
	guest_connect(g, timeout_ms);
	guest_post(g, GUEST_RING);
}

static inline void guest_close(struct guest *g)
{
	front_close(&g->front);
	free(g->hist);
}

/* ---- sending ---- */

/* Takes back the buffers of what was sent. */
static inline void guest_reclaim(struct guest *g)
{
	struct front_ring *tx = g->tx;
	uint16_t n = front_ring_ready(tx);

	for (; n; n--) {
		const struct vring_used_elem *elem =
			&tx->used->ring[tx->last_used % GUEST_RING];

		g->free[g->n_free++] = g->tx_buf[elem->id % GUEST_RING];
		tx->last_used++;
	}
}

static inline uint32_t guest_tx_room(const struct guest *g)
{
	return GUEST_RING - (uint16_t)(g->tx->avail_idx - g->tx->last_used);
}

/* To be followed by guest_kick(). There is room. */
static inline void guest_put(struct guest *g, uint16_t buf, uint32_t len)
{
	uint16_t d = g->tx_tail++ % GUEST_RING;

	g->tx_buf[d] = buf;
	g->tx->desc[d].addr = g->gpa + (uint64_t)buf * GUEST_BUF;
	g->tx->desc[d].len = GUEST_HDR + len;
	g->tx->desc[d].flags = 0;
	guest_avail(g->tx, d);
}

static inline void guest_kick(struct guest *g)
{
	if (g->tx->avail_idx != g->tx->kicked_idx)
		front_ring_kick(g->tx);
}

/* Sends up to @n frames of @len bytes that begin with @head, which the driver
 * writes anew each time; the rest is what the buffer has. Returns how many
 * found room. */
static inline uint32_t guest_send(struct guest *g, const uint8_t *head,
				  uint32_t len, uint32_t n, bool stamp)
{
	uint32_t room;

	guest_reclaim(g);
	room = guest_tx_room(g);
	if (n > room)
		n = room;
	if (n > g->n_free)
		n = g->n_free;
	for (uint32_t i = 1; i <= n; i++)
		__builtin_prefetch(guest_buf(g, g->free[g->n_free - i]), 1);
	for (uint32_t i = 0; i < n; i++) {
		uint16_t buf = g->free[--g->n_free];
		char *mem = guest_buf(g, buf);
		struct pvp_stamp *s = (void *)(mem + GUEST_HDR + PVP_STAMP_OFF);

		memset(mem, 0, GUEST_HDR);
		memcpy(mem + GUEST_HDR, head, PVP_HEAD);
		if (stamp)
			s->ns = now_ns();
		guest_put(g, buf, len);
	}
	guest_kick(g);
	g->sent += n;
	return n;
}

/* ---- receiving ---- */

static inline void guest_swap_macs(char *frame)
{
	char dst[6];

	memcpy(dst, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, dst, 6);
}

/* Sends the buffer back where it came from; false if there is no room. */
static inline bool guest_return(struct guest *g, uint16_t d, uint32_t len)
{
	uint16_t buf = g->rx_buf[d];
	char *mem = guest_buf(g, buf);

	if (!guest_tx_room(g) || !g->n_free) {
		g->tx_full++;
		return false;
	}
	guest_swap_macs(mem + GUEST_HDR);
	memset(mem, 0, GUEST_HDR);
	guest_put(g, buf, len - GUEST_HDR);
	g->rx_buf[d] = g->free[--g->n_free];
	g->rx->desc[d].addr = g->gpa + (uint64_t)g->rx_buf[d] * GUEST_BUF;
	return true;
}

static inline void guest_look(struct guest *g, const char *frame)
{
	const struct pvp_stamp *s = (const void *)(frame + PVP_STAMP_OFF);

	if (s->magic != PVP_MAGIC) {
		g->foreign++;
		return;
	}
	g->received++;
	if (s->ns)
		g->hist[pvp_bucket(now_ns() - s->ns)]++;
}

/* Receives a burst; with @swap sends it back. Returns its size. */
static inline uint32_t guest_poll(struct guest *g, bool swap)
{
	struct front_ring *rx = g->rx;
	uint32_t n = front_ring_ready(rx);

	if (!n)
		return 0;
	if (n > GUEST_BURST)
		n = GUEST_BURST;
	for (uint32_t i = 0; i < n; i++) {
		uint16_t d =
			rx->used->ring[(rx->last_used + i) % GUEST_RING].id %
			GUEST_RING;

		__builtin_prefetch(guest_buf(g, g->rx_buf[d]));
	}
	if (swap)
		guest_reclaim(g);
	for (uint32_t i = 0; i < n; i++) {
		struct vring_used_elem elem =
			rx->used->ring[(rx->last_used + i) % GUEST_RING];
		uint16_t d = elem.id % GUEST_RING;
		char *mem = guest_buf(g, g->rx_buf[d]);

		guest_look(g, mem + GUEST_HDR);
		if (swap)
			guest_return(g, d, elem.len);
		guest_avail(rx, d);
	}
	rx->last_used = (uint16_t)(rx->last_used + n);
	front_ring_kick(rx);
	if (swap)
		guest_kick(g);
	return n;
}

#endif
