// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Explicit congestion notification: see ecn.h. */
#include <stddef.h>

#include <pktagent/parse.h>

#include "switching/ecn.h"

#define IPV4_BYTES 20u
#define IPV6_BYTES 40u
#define IPV4_CSUM  10

/* The IP header, or 0. */
static uint32_t find_ip(const uint8_t *data, uint32_t len, uint8_t *ret_version)
{
	uint32_t at = 12;
	uint16_t type;

	for (int tags = 0; tags <= 2; tags++) {
		if (at + 2 > len)
			return 0;
		type = pkt_be16(data + at);
		if (!pkt_is_tag(type))
			break;
		at += PKT_TAG_LEN;
	}
	at += 2;
	*ret_version = type == 0x0800 ? 4 : type == 0x86dd ? 6 : 0;
	if (!*ret_version ||
	    at + (*ret_version == 4 ? IPV4_BYTES : IPV6_BYTES) > len ||
	    data[at] >> 4 != *ret_version)
		return 0;
	return at;
}

static uint8_t read_bits(const uint8_t *ip, uint8_t version)
{
	return version == 4 ? ip[1] & 3 : ip[1] >> 4 & 3;
}

enum ecn ecn_get(const uint8_t *data, uint32_t len)
{
	uint8_t version, bits;
	uint32_t at = find_ip(data, len, &version);

	if (!at)
		return ECN_NONE;
	bits = read_bits(data + at, version);
	return bits == ECN_CONGESTED ? ECN_CONGESTED :
	       bits		     ? ECN_CAPABLE :
				       ECN_NONE;
}

/* A word of what the sum at @sum is of has changed. */
static void mend(uint8_t *sum, uint16_t before, uint16_t after)
{
	uint32_t s = (uint16_t)~pkt_be16(sum);

	s += (uint16_t)~before + (uint32_t)after;
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	s = ~s;
	sum[0] = (uint8_t)(s >> 8);
	sum[1] = (uint8_t)s;
}

bool ecn_mark(uint8_t *data, uint32_t len)
{
	uint8_t version, bits, *ip;
	uint32_t at = find_ip(data, len, &version);
	uint16_t before;

	if (!at)
		return false;
	ip = data + at;
	bits = read_bits(ip, version);
	if (bits == ECN_NONE || bits == ECN_CONGESTED)
		return bits == ECN_CONGESTED;
	before = pkt_be16(ip);
	if (version == 6) {
		ip[1] |= ECN_CONGESTED << 4;
		return true;
	}
	ip[1] |= ECN_CONGESTED;
	mend(ip + IPV4_CSUM, before, pkt_be16(ip));
	return true;
}
