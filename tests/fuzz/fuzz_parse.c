// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet parser on any bytes: reads nothing outside them, and what it
 * accepts lies inside.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <pktagent/parse.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int is_true)
{
	if (!is_true)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pkt_parsed p;
	int reason;

	/* No frame is longer, and offsets have 16 bits. */
	if (size > 16384)
		return -1;
	reason = pkt_parse(data, data + size, 1, &p);
	if (reason) {
		require(reason >= PKT_eth_short && reason <= PKT_udp_length);
		return 0;
	}
	require(p.n_tags <= 2 && p.l3_off == 14 + 4 * p.n_tags);
	require(p.l3_off <= size);
	require(p.l3 == PKT_L3_OTHER || p.dst_off + 4u <= size);
	require(p.l4_off == 0 || p.l4_off >= p.l3_off + 20);
	require(p.l4_off + (size_t)p.l4_len <= size);
	require(!(p.flags & PKT_F_FRAG_LATER) || p.l4_off == 0);
	require(!(p.flags & PKT_F_FRAGMENT) ||
		!(p.flags & PKT_F_CSUM_PARTIAL));
	return 0;
}
