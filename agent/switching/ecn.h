/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Explicit congestion notification in IP headers (RFC 3168, section 5): the two
 * bits beside the DSCP, of IPv4 and IPv6, behind up to two VLAN tags. Pure.
 */
#ifndef SWITCHING_ECN_H
#define SWITCHING_ECN_H

#include <stdbool.h>
#include <stdint.h>

enum ecn {
	ECN_NONE = 0,			/* its sender does not understand it, or
					 * it is no IP packet */
	ECN_CAPABLE = 1,
	ECN_CONGESTED = 3,
};

/* What the frame at @data says, of which @len bytes are there. */
enum ecn ecn_get(const uint8_t *data, uint32_t len);

/* Sets congestion experienced, and mends IPv4's checksum (RFC 1624, equation
 * 3), if the frame's sender understands it. Whether it is set now. */
bool ecn_mark(uint8_t *data, uint32_t len);

#endif
