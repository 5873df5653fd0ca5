/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cutting a big TCP packet, as a guest with segmentation offload hands it
 * over, into segments as they go on the wire (virtio 1.2, 5.1.6.2; what
 * hardware calls TSO). The opposite is gro.h.
 *
 * The packet is a hostile guest's. What it says besides its bytes (struct
 * packet_ext) is checked against its headers, and those are parsed; they are
 * copied first and read only there, so the packet may lie in memory that the
 * guest still writes. Its payload is read once, while it is copied.
 *
 * Each segment has the packet's headers with lengths, checksums and sequence
 * number of its own. Further: IPv4's identification counts up; PSH and FIN
 * are the last one's, CWR the first one's; urgent data end where they did.
 *
 * Thread-safety: none needed; a struct gso belongs to its user.
 */
#ifndef SWITCHING_GSO_H
#define SWITCHING_GSO_H

#include <stdint.h>
#include <sys/uio.h>

#include "memory/packet.h"

/* Headers up to the TCP payload: two tags, IPv4 and TCP with all options, or
 * IPv6 with 134 bytes of extension headers and options. */
#define GSO_MAX_HEADERS		256
/* Payload of a segment, at least: no MSS is that small, and it bounds what a
 * packet can cost. */
#define GSO_MIN_SIZE		48

struct gso {
	/* hot */
	const struct iovec *pieces;	/* borrowed */
	size_t piece_off;		/* read of pieces[0] */
	uint32_t left;			/* payload bytes not yet in a segment */
	uint32_t done;			/* payload bytes that are */
	uint32_t seq;			/* of the next segment */
	uint16_t id;			/* likewise */
	uint16_t gso_size;
	uint16_t ip_sum;		/* of all in headers[] that counts */
	uint16_t tcp_sum;		/* likewise, and the pseudo header */
	uint16_t hdr_len;
	uint16_t l3_off;
	uint16_t l4_off;
	uint16_t urgent;		/* the packet's */
	uint8_t tcp_flags;		/* the packet's */
	uint8_t l3;			/* enum pkt_l3 */
	/* The packet's, with 0 where segments differ. */
	uint8_t headers[GSO_MAX_HEADERS];
};

/*
 * Begins with the packet of @len bytes in @n pieces, which stay until the last
 * segment is made; all headers are in the first. What @ext says of frames is
 * not read. An @ext->hdr_len of 0, or of more than the headers, is allowed: it
 * is a hint in virtio. So is ECN without CWR, or CWR without ECN.
 *
 * -EINVAL      @ext contradicts the packet, or the IP header the length
 * -EBADMSG     the headers are malformed, or too long
 * -EOPNOTSUPP  not TCP, or TCP that cannot be cut: fragments, SYN, RST,
 *              IPv6 with headers other than hop-by-hop and destination options
 */
int gso_begin(struct gso *gso, const struct iovec *pieces, uint32_t n,
	      uint32_t len, const struct packet_ext *ext);

/* Writes the next segment, headers first. Returns its length, 0 behind the
 * last one, or -ENOBUFS if it needs more than @capacity (it is still next). */
int gso_next(struct gso *gso, void *dst, uint32_t capacity);

/* Segments still to come. */
static inline uint32_t gso_count(const struct gso *gso)
{
	return (gso->left + gso->gso_size - 1) / gso->gso_size;
}

/* Length of the longest of them. */
static inline uint32_t gso_max_len(const struct gso *gso)
{
	uint32_t size = gso->left < gso->gso_size ? gso->left : gso->gso_size;

	return gso->hdr_len + size;
}

/*
 * The checks of gso_begin() for a packet that is passed on whole to another
 * guest: @data are its first @avail bytes, @len its length. On success @ext
 * has the headers' true length, and ECN where CWR is set.
 */
int gso_check(const void *data, uint32_t avail, uint32_t len,
	      struct packet_ext *ext);

#endif
