/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sizes and rates as people write them: frames as "4096", or in bytes as
 * "16MiB"; bits a second as "100Mbit". The configuration and pktctl read them
 * alike. Any thread.
 */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Reads @text: decimal digits, without leading zeros, that are frames; or, with
 * KiB, MiB or GiB right behind them, binary bytes, which are rounded up to
 * whole frames of @frame_size bytes (not 0). Returns 0; -EINVAL: it is neither;
 * -ERANGE: it is, but more than 2^64 - 1 frames or bytes.
 */
int size_parse_frames(const char *text, uint32_t frame_size,
		      uint64_t *ret_frames);

/*
 * Reads @text: decimal digits, without leading zeros, and right behind them bit,
 * kbit, Mbit or Gbit, decimal (1 kbit is 1000 bits). Returns 0; -EINVAL: it is
 * something else; -ERANGE: it is, but more than 2^64 - 1 bits.
 */
int size_parse_rate(const char *text, uint64_t *ret_bits);

/* Writes @bits a second in the largest unit that says it exactly: "1500kbit". */
void size_format_rate(uint64_t bits, char *ret, size_t size);

#endif
