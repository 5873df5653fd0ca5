// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The flow hash, as a function of its own: the verifier checks it once, and
 * not again for every path that leads to it.
 */
#include "rewrite.bpf.h"

__u32 flow_hash(struct xdp_md *ctx, const struct pkt_parsed *p)
{
	if (!p)
		return 0;
	return pkt_flow_hash((const void *)(long)ctx->data,
			     (const void *)(long)ctx->data_end, p);
}
