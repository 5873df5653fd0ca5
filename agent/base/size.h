/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of frames as people write them: "4096", or bytes as "16MiB". The
 * configuration and pktctl read them alike. Any thread.
 */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdint.h>

/*
 * Reads @text: decimal digits, without leading zeros, that are frames; or, with
 * KiB, MiB or GiB right behind them, binary bytes, which are rounded up to
 * whole frames of @frame_size bytes (not 0). Returns 0; -EINVAL: it is neither;
 * -ERANGE: it is, but more than 2^64 - 1 frames or bytes.
 */
int size_parse_frames(const char *text, uint32_t frame_size,
		      uint64_t *ret_frames);

#endif
