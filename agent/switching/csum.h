/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finishing transport checksums that a VM's stack left to its device
 * (CHECKSUM_PARTIAL): over veth and tap such packets arrive with the pseudo
 * header's sum in the field. Any thread.
 */
#ifndef SWITCHING_CSUM_H
#define SWITCHING_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pktagent/parse.h>

/* Sum of 16-bit words in memory order (RFC 1071), folded to 16 bits, not
 * complemented. @sum is added. */
uint16_t csum_words(const void *data, size_t len, uint64_t sum);

/* CRC32c (RFC 3720 B.4, reflected), as SCTP uses it. */
uint32_t csum_crc32c(const void *data, size_t len);

/* Writes the right checksum into the TCP, UDP or SCTP packet at @data, which
 * pkt_parse() found whole: @parsed is its result. False if it has none. */
bool csum_finish(void *data, const struct pkt_parsed *parsed);

#endif
