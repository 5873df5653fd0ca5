/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the rows of hostile.c are made of: a front-end whose guest has one queue
 * pair, an echo at the other end of the switch, and everything that can be done
 * wrong by hand.
 */
#ifndef TOOLS_HOSTILE_H
#define TOOLS_HOSTILE_H

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../front/net.h"
#include "common.h"
#include "packet.h"

/* For what comes at all: the machine may be slow. */
#define PATIENCE_MS 60000

#define ETHERTYPE 0x88b5 /* IEEE 802: local experimental */
#define SCRATCH	  (256u << 10)
#define HDR	  ((uint32_t)sizeof(struct front_net_hdr))

struct hostile;
struct row;

/* What is to come of it. */
enum outcome {
	REFUSED, /* the connection ends, port show tells why */
	GONE,	 /* the same, by our own doing */
	COUNTED, /* packets dropped under a reason; the guest goes on */
	ALLOWED, /* nothing: the guest goes on */
	ANY,	 /* refused or not, as long as it harms nobody */
};

enum {
	EMPTY_RX = 1, /* no buffers are posted */
	OFFLOADS = 2,
	PLAIN_RX = 4,	/* buffers are not mergeable */
	NO_EVENT = 8,	/* no EVENT_IDX */
	NO_TABLES = 16, /* no INDIRECT_DESC */
	BIG_RING = 32,	/* 1024 entries */
	TWO_REGIONS = 64,
	GAP = 128, /* between the two */
	LOG = 256,
	LEGACY = 512, /* no VERSION_1 */
	EARLY = 1024, /* connected, and nothing said */
};

struct row {
	const char *name;
	const char *after; /* published failures of others, or NULL */
	enum outcome outcome;
	const char *expect; /* REFUSED: part of the reason; COUNTED: its name */
	void (*attack)(struct hostile *h, const struct row *row);
	uint32_t how; /* of the above */
	uint64_t a, b;
};

struct hostile {
	struct front front;
	struct front_net net;
	char *scratch; /* in guest memory, SCRATCH bytes */
	uint64_t scratch_gpa;
	uint8_t mac[6], echo[6];
	uint32_t seq;
};

#define require(what, ...)                \
	do {                              \
		if (!(what))              \
			die(__VA_ARGS__); \
	} while (0)

/* ---- frames to the echo and back ---- */

static inline uint32_t make_frame(struct hostile *h, uint8_t *buf, uint32_t len)
{
	uint8_t *p = packet_put_eth(buf, h->echo, h->mac, 0, ETHERTYPE);
	uint64_t seed = ++h->seq;

	random_fill(&seed, p, len - ETH_HLEN);
	memcpy(p, &h->seq, sizeof(h->seq));
	return len;
}

/* Whether the frame just made comes back. Others may come before it: what is for
 * everybody, or is left of an attack. */
static inline bool comes_back(struct hostile *h, const uint8_t *sent,
			      uint32_t len, int timeout_ms)
{
	static uint8_t got[FRONT_NET_MAX_FRAME];
	struct front_net_hdr hdr;
	int n;

	do {
		n = front_net_receive(&h->net, &hdr, got, sizeof(got),
				      timeout_ms);
		if (n == -ETIMEDOUT)
			return false;
		if (n < 0)
			die("receiving: %s", strerror(-n));
	} while (n < ETH_HLEN + 4 || memcmp(got, h->mac, 6) != 0 ||
		 memcmp(got + 12, sent + 12, 6) != 0);
	if ((uint32_t)n != len || memcmp(got + 6, h->echo, 6) != 0 ||
	    memcmp(got + 12, sent + 12, len - 12) != 0)
		die("frame %u came back with other bytes", h->seq);
	return true;
}

static inline void expect_back(struct hostile *h, const uint8_t *sent,
			       uint32_t len)
{
	if (!comes_back(h, sent, len, PATIENCE_MS))
		die("frame %u of %u bytes does not come back", h->seq, len);
}

static inline void send_frame(struct hostile *h,
			      const struct front_net_hdr *hdr,
			      const void *frame, uint32_t len)
{
	int err = front_net_send(&h->net, hdr, frame, len);

	if (err == -EAGAIN) {
		err = front_net_flush(&h->net, PATIENCE_MS);
		if (!err)
			err = front_net_send(&h->net, hdr, frame, len);
	}
	if (err)
		die("sending a frame of %u bytes: %s", len, strerror(-err));
}

/* Sends until one comes back: before, the port may not be up, or full. */
static inline void knock(struct hostile *h)
{
	uint8_t frame[60];

	do {
		make_frame(h, frame, sizeof(frame));
		send_frame(h, NULL, frame, sizeof(frame));
	} while (!comes_back(h, frame, sizeof(frame), 100));
}

/* Proof that the guest works. */
static inline void exchange(struct hostile *h, uint32_t n)
{
	static const uint32_t sizes[] = { 60, 1514, 61, 600 };
	uint8_t frame[1514];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = make_frame(h, frame, sizes[i % 4]);

		send_frame(h, NULL, frame, len);
		expect_back(h, frame, len);
	}
}

/* ---- rings by hand ---- */

static inline struct front_ring *tx_ring(struct hostile *h)
{
	return h->net.tx;
}

static inline struct front_ring *rx_ring(struct hostile *h)
{
	return h->net.rx;
}

/* The number of the @nth free descriptor. */
static inline uint16_t free_desc(const struct front_ring *ring, uint32_t nth)
{
	uint16_t d = ring->free_head;

	while (nth--)
		d = ring->next[d];
	return d;
}

static inline void set_desc(struct vring_desc *desc, uint64_t gpa, uint32_t len,
			    uint16_t flags, uint16_t next)
{
	desc->addr = gpa;
	desc->len = len;
	desc->flags = flags;
	desc->next = next;
}

static inline void put_desc(struct front_ring *ring, uint16_t i, uint64_t gpa,
			    uint32_t len, uint16_t flags, uint16_t next)
{
	set_desc(&ring->desc[i], gpa, len, flags, next);
}

static inline void make_available(struct front_ring *ring, uint16_t head)
{
	front_ring_put(ring, head);
	front_ring_kick_always(ring);
}

/* A frame with its header at the start of the scratch; its length with both. */
static inline uint32_t scratch_frame(struct hostile *h, uint32_t len)
{
	memset(h->scratch, 0, HDR);
	return HDR + make_frame(h, (uint8_t *)h->scratch + HDR, len);
}

/* One chain of pieces, to be sent; in the order of the driver's own. */
static inline void send_chain(struct hostile *h, const struct front_buf *bufs,
			      uint32_t n, bool indirect)
{
	int head = indirect ? front_ring_add_indirect(tx_ring(h), bufs, n, 0)
			    : front_ring_add(tx_ring(h), bufs, n, 0);

	require(head >= 0, "no room for a chain of %u pieces", n);
	front_ring_kick_always(tx_ring(h));
}

/* ---- messages by hand ---- */

/* The back-end may have gone already. */
static inline void say(struct hostile *h, const struct front_msg *msg,
		       const int *fds, uint32_t n_fds)
{
	int err = front_send(&h->front, msg, fds, n_fds);

	require(!err || err == -ECONNRESET, "message %u: %s", msg->request,
		strerror(-err));
}

static inline void say_u64(struct hostile *h, uint32_t request, uint64_t value)
{
	struct front_msg msg = front_msg_u64(request, value);

	say(h, &msg, NULL, 0);
}

static inline void say_state(struct hostile *h, uint32_t request,
			     uint32_t index, uint32_t num)
{
	struct front_msg msg = front_msg_state(request, index, num);

	say(h, &msg, NULL, 0);
}

static inline uint64_t address(const void *mem)
{
	return (uint64_t)(uintptr_t)mem;
}

/* As it is told of a ring that is as it should be. */
static inline struct front_msg addr_msg(const struct front_ring *ring,
					uint32_t index)
{
	struct front_msg msg = { .request = FRONT_SET_VRING_ADDR, .size = 40 };

	msg.addr.index = index;
	msg.addr.desc = address(ring->desc);
	msg.addr.avail = address(ring->avail);
	msg.addr.used = address(ring->used);
	msg.addr.log = ring->log_gpa;
	return msg;
}

static inline struct front_msg table_msg(const struct front *f)
{
	struct front_msg msg = { .request = FRONT_SET_MEM_TABLE };

	msg.table.n_regions = f->opts.n_regions;
	msg.size = 8 + 32 * f->opts.n_regions;
	for (uint32_t i = 0; i < f->opts.n_regions; i++)
		msg.table.regions[i] = (struct front_msg_region){
			f->regions[i].gpa,
			f->regions[i].size,
			address(f->regions[i].mem),
			0,
		};
	return msg;
}

/* Whether the back-end has closed the connection within the patience. */
static inline bool has_hung_up(struct hostile *h)
{
	struct pollfd pfd = { .fd = h->front.fd, .events = POLLRDHUP };

	return h->front.fd < 0 || poll(&pfd, 1, PATIENCE_MS) == 1;
}

#endif
