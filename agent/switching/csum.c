// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Finishing transport checksums: see csum.h. */
#include <string.h>

#include "switching/csum.h"

uint16_t csum_words(const void *data, size_t len, uint64_t sum)
{
	const uint8_t *p = data;
	uint64_t acc = 0;
	uint32_t word;

	/* 32-bit words cannot overflow 64 bits below 16 GiB. */
	for (; len >= 4; len -= 4, p += 4) {
		memcpy(&word, p, 4);
		acc += word;
	}
	if (len) {
		word = 0;
		memcpy(&word, p, len);
		acc += word;
	}
	/* Each is reduced before they are added, so neither carry is lost. */
	return pkt_sum_fold((uint64_t)pkt_sum_fold(acc) + pkt_sum_fold(sum));
}

uint32_t csum_crc32c(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = ~0u;

	for (; len; len--, p++) {
		crc ^= *p;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static bool finish_sctp(uint8_t *l4, size_t len)
{
	uint32_t crc;

	memset(l4 + 8, 0, 4);
	crc = csum_crc32c(l4, len);
	/* The CRC goes out least significant byte first (RFC 9260, A). */
	for (int i = 0; i < 4; i++)
		l4[8 + i] = (uint8_t)(crc >> 8 * i);
	return true;
}

bool csum_finish(void *data, const struct pkt_parsed *parsed)
{
	uint8_t *l4 = (uint8_t *)data + parsed->l4_off;
	size_t len = parsed->l4_len;
	size_t field;
	uint64_t sum;
	uint16_t csum;

	if (!parsed->l4_off)
		return false;
	switch (parsed->l4_proto) {
	case PKT_PROTO_TCP:
		field = 16;
		break;
	case PKT_PROTO_UDP:
		field = 6;
		len = pkt_be16(l4 + 4);
		break;
	case PKT_PROTO_SCTP:
		return finish_sctp(l4, len);
	default:
		return false;
	}
	memset(l4 + field, 0, 2);
	sum = pkt_sum_addrs((uint8_t *)data + parsed->src_off, parsed->l3);
	sum += pkt_swap16(parsed->l4_proto);
	sum += pkt_swap16((uint16_t)len);
	csum = (uint16_t)~csum_words(l4, len, sum);
	/* UDP: 0 would mean "no checksum". */
	if (!csum && parsed->l4_proto == PKT_PROTO_UDP)
		csum = 0xffff;
	memcpy(l4 + field, &csum, 2);
	return true;
}
