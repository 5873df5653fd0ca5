/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Transport checksums: finishing those that a VM's stack left to its device
 * (CHECKSUM_PARTIAL), where over veth and tap such packets arrive with the
 * pseudo header's sum in the field; verifying TCP's. Any thread.
 *
 * A sum here is one of 16-bit words in memory order (RFC 1071), folded to 16
 * bits, not complemented. A packet may be in pieces of any lengths.
 */
#ifndef SWITCHING_CSUM_H
#define SWITCHING_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <pktagent/parse.h>

/* For tests: leave out instructions that not every machine of its kind has. */
extern bool csum_narrow;

/* The sum of @len bytes, below 1 GiB, to which @sum is added. */
uint16_t csum_words(const void *data, size_t len, uint64_t sum);

/* The same while copying them, each byte read once: what is summed is what
 * arrives, even if @from changes meanwhile. They do not overlap. */
uint16_t csum_copy(void *to, const void *from, size_t len, uint64_t sum);

/* @sum of a piece, as it counts at @offset in the whole. */
static inline uint16_t csum_at(uint16_t sum, size_t offset)
{
	return offset % 2 ? __builtin_bswap16(sum) : sum;
}

/* The sum of the @n pieces from byte @from on to the end; 0 behind it. */
uint16_t csum_pieces(const struct iovec *pieces, uint32_t n, size_t from);

/* CRC32c (RFC 3720 B.4, reflected), as SCTP uses it. */
uint32_t csum_crc32c(const void *data, size_t len);

/* Writes the right checksum into the TCP, UDP or SCTP packet at @data, which
 * pkt_parse() found whole: @parsed is its result. False if it has none. */
bool csum_finish(void *data, const struct pkt_parsed *parsed);

/*
 * Finishes a checksum as virtio asks for it (virtio 1.2, 5.1.6.2): the sum
 * from byte @start to the end, the field at @start + @offset included, goes
 * to that field, complemented. A result of 0 at UDP's offset is written as
 * 0xffff: UDP needs that, and to all others it is the same number.
 *
 * -EINVAL if the field is not in the first piece, or @offset is odd.
 */
int csum_finish_pieces(const struct iovec *pieces, uint32_t n, uint32_t start,
		       uint32_t offset);

/* Whether the TCP segment of @len bytes at @l4 has the right checksum. @addrs
 * are the two addresses of its IP header, @l3 says of which kind. */
static inline bool csum_tcp_is_right(const void *l4, uint16_t len,
				     const void *addrs, int l3)
{
	uint64_t pseudo = pkt_sum_addrs(addrs, l3) + pkt_swap16(len) +
			  pkt_swap16(PKT_PROTO_TCP);

	return csum_words(l4, len, pseudo) == 0xffff;
}

#endif
