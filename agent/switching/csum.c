// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Transport checksums: see csum.h. */
#include <errno.h>
#include <string.h>

#include "switching/csum.h"

#define inline_always inline __attribute__((always_inline))

/*
 * Sums whole 64-byte blocks, and copies them too if @copies. A lane adds
 * 32-bit halves: no carry is lost below 16 GiB.
 */
#define BLOCK 64

typedef uint64_t lanes2 __attribute__((vector_size(16)));

static inline_always uint64_t add_blocks(bool copies, uint8_t *dst,
					 const uint8_t *src, size_t n)
{
	const lanes2 low = { 0xffffffff, 0xffffffff };
	lanes2 a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	lanes2 w, x, y, z;

	for (; n; n--, src += BLOCK) {
		memcpy(&w, src, 16);
		memcpy(&x, src + 16, 16);
		memcpy(&y, src + 32, 16);
		memcpy(&z, src + 48, 16);
		if (copies) {
			memcpy(dst, &w, 16);
			memcpy(dst + 16, &x, 16);
			memcpy(dst + 32, &y, 16);
			memcpy(dst + 48, &z, 16);
			dst += BLOCK;
		}
		a += (w & low) + (x & low);
		b += (w >> 32) + (x >> 32);
		c += (y & low) + (z & low);
		d += (y >> 32) + (z >> 32);
	}
	a += b + c + d;
	return a[0] + a[1];
}

bool csum_narrow;

#ifdef __x86_64__
/* Twice as wide as what every x86-64 has. */
#define WIDE __attribute__((target("avx2")))

typedef uint64_t lanes4 __attribute__((vector_size(32)));

WIDE static inline_always uint64_t add_wide(bool copies, uint8_t *dst,
					    const uint8_t *src, size_t n)
{
	const lanes4 low = { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff };
	lanes4 a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	lanes4 x, y;

	for (; n; n--, src += BLOCK) {
		memcpy(&x, src, 32);
		memcpy(&y, src + 32, 32);
		if (copies) {
			memcpy(dst, &x, 32);
			memcpy(dst + 32, &y, 32);
			dst += BLOCK;
		}
		a += x & low;
		b += x >> 32;
		c += y & low;
		d += y >> 32;
	}
	a += b + c + d;
	return a[0] + a[1] + a[2] + a[3];
}

WIDE static uint64_t sum_wide(const uint8_t *src, size_t n)
{
	return add_wide(false, NULL, src, n);
}

WIDE static uint64_t copy_wide(uint8_t *dst, const uint8_t *src, size_t n)
{
	return add_wide(true, dst, src, n);
}

static inline bool has_wide(void)
{
	return __builtin_cpu_supports("avx2") && !csum_narrow;
}

static uint64_t sum_blocks(const uint8_t *src, size_t n)
{
	if (has_wide())
		return sum_wide(src, n);
	return add_blocks(false, NULL, src, n);
}

static uint64_t copy_blocks(uint8_t *dst, const uint8_t *src, size_t n)
{
	if (has_wide())
		return copy_wide(dst, src, n);
	return add_blocks(true, dst, src, n);
}
#else
static uint64_t sum_blocks(const uint8_t *src, size_t n)
{
	return add_blocks(false, NULL, src, n);
}

static uint64_t copy_blocks(uint8_t *dst, const uint8_t *src, size_t n)
{
	return add_blocks(true, dst, src, n);
}
#endif

/* Less than a block. */
static inline_always uint64_t add_tail(bool copies, uint8_t *dst,
				       const uint8_t *src, size_t len)
{
	uint64_t sum = 0, word;

	for (; len >= 8; len -= 8, src += 8) {
		memcpy(&word, src, 8);
		if (copies) {
			memcpy(dst, &word, 8);
			dst += 8;
		}
		sum += (word & 0xffffffff) + (word >> 32);
	}
	if (len & 4) {
		uint32_t half;

		memcpy(&half, src, 4);
		if (copies) {
			memcpy(dst, &half, 4);
			dst += 4;
		}
		sum += half;
		src += 4;
	}
	/* Up to three bytes, as the first ones of a word in memory. */
	word = 0;
	for (size_t i = 0; i < (len & 3); i++) {
		((uint8_t *)&word)[i] = src[i];
		if (copies)
			dst[i] = ((uint8_t *)&word)[i];
	}
	return sum + (word & 0xffffffff) + (word >> 32);
}

/* Each is reduced before they are added, so neither carry is lost. */
static inline uint16_t fold_both(uint64_t a, uint64_t b)
{
	return pkt_sum_fold((uint64_t)pkt_sum_fold(a) + pkt_sum_fold(b));
}

uint16_t csum_words(const void *data, size_t len, uint64_t sum)
{
	const size_t whole = len - len % BLOCK;
	const uint8_t *src = data;
	uint64_t acc = 0;

	if (whole)
		acc = sum_blocks(src, whole / BLOCK);
	acc += add_tail(false, NULL, src + whole, len - whole);
	return fold_both(acc, sum);
}

uint16_t csum_copy(void *to, const void *from, size_t len, uint64_t sum)
{
	const size_t whole = len - len % BLOCK;
	const uint8_t *src = from;
	uint8_t *dst = to;
	uint64_t acc = 0;

	if (whole)
		acc = copy_blocks(dst, src, whole / BLOCK);
	acc += add_tail(true, dst + whole, src + whole, len - whole);
	return fold_both(acc, sum);
}

uint16_t csum_pieces(const struct iovec *pieces, uint32_t n, size_t from)
{
	uint64_t sum = 0;
	size_t at = 0; /* bytes summed */

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *data = pieces[i].iov_base;
		size_t len = pieces[i].iov_len;

		if (from >= len) {
			from -= len;
			continue;
		}
		len -= from;
		sum += csum_at(csum_words(data + from, len, 0), at);
		at += len;
		from = 0;
	}
	return pkt_sum_fold(sum);
}

int csum_finish_pieces(const struct iovec *pieces, uint32_t n, uint32_t start,
		       uint32_t offset)
{
	size_t field = (size_t)start + offset;
	uint16_t csum;

	if (!n || offset % 2 || field + 2 > pieces[0].iov_len)
		return -EINVAL;
	csum = (uint16_t)~csum_pieces(pieces, n, start);
	if (!csum && offset == 6)
		csum = 0xffff;
	memcpy((uint8_t *)pieces[0].iov_base + field, &csum, 2);
	return 0;
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
