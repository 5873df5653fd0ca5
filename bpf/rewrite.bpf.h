/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes to the packet on its way out: VLAN tags, and the metadata in front
 * of it. All return 0 or -1; after a failure the packet can only be dropped,
 * except where said otherwise. Pointers into the packet are stale afterwards.
 */
#ifndef BPF_REWRITE_H
#define BPF_REWRITE_H

#include "pass.bpf.h"

/* Takes the outer tag off. */
static __always_inline int tag_pop(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u64 macs;
	__u32 rest;

	if (data + PKT_ETH_LEN + PKT_TAG_LEN > (__u8 *)(long)ctx->data_end)
		return -1;
	macs = pkt_raw64(data);
	rest = pkt_raw32(data + 8);
	*(pkt_u64 *)(data + PKT_TAG_LEN) = macs;
	*(pkt_u32 *)(data + PKT_TAG_LEN + 8) = rest;
	return bpf_xdp_adjust_head(ctx, PKT_TAG_LEN) ? -1 : 0;
}

/* Writes @tci into the outer tag's place, which is there already. */
static __always_inline int tag_set(struct xdp_md *ctx, __u16 tci)
{
	__u8 *data = (__u8 *)(long)ctx->data;

	if (data + PKT_ETH_LEN + PKT_TAG_LEN > (__u8 *)(long)ctx->data_end)
		return -1;
	*(pkt_u16 *)(data + 12) = pkt_swap16(PKT_TPID_8021Q);
	*(pkt_u16 *)(data + 14) = pkt_swap16(tci);
	return 0;
}

static __always_inline int tag_push(struct xdp_md *ctx, __u16 tci)
{
	__u8 *data;
	__u64 macs;
	__u32 rest;

	if (bpf_xdp_adjust_head(ctx, -PKT_TAG_LEN))
		return -1;
	data = (__u8 *)(long)ctx->data;
	if (data + PKT_ETH_LEN + PKT_TAG_LEN > (__u8 *)(long)ctx->data_end)
		return -1;
	macs = pkt_raw64(data + PKT_TAG_LEN);
	rest = pkt_raw32(data + PKT_TAG_LEN + 8);
	*(pkt_u64 *)data = macs;
	*(pkt_u32 *)(data + 8) = rest;
	return tag_set(ctx, tci);
}

/* How many bytes of foreign metadata stand in front of the packet: on a veth
 * the far side's program may have left some. 0 too if the driver has none. */
static __always_inline int meta_len(const struct xdp_md *ctx)
{
	int len = (long)ctx->data - (long)ctx->data_meta;

	return len > 0 ? len : 0;
}

/* So that nobody behind us takes foreign metadata for ours. */
static __always_inline int meta_clear(struct xdp_md *ctx)
{
	int len = meta_len(ctx);

	return len && bpf_xdp_adjust_meta(ctx, len) ? -1 : 0;
}

/* Room for struct pkt_meta in place of what is there. Fails without having
 * changed anything if the driver carries no metadata. */
static __always_inline int meta_reserve(struct xdp_md *ctx)
{
	if (opts.no_meta)
		return -1;
	return bpf_xdp_adjust_meta(ctx, meta_len(ctx) -
				   (int)sizeof(struct pkt_meta)) ? -1 : 0;
}

static __always_inline struct pkt_meta *meta_get(const struct xdp_md *ctx)
{
	struct pkt_meta *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return NULL;
	return meta;
}

/* Of a packet that is as it was when it was parsed; hash.bpf.c has it. */
__u32 flow_hash(struct xdp_md *ctx, const struct pkt_parsed *p);

/* Brings the packet to its inner form and fills the room that meta_reserve()
 * made. */
static __always_inline int meta_write(struct pass *s)
{
	struct pkt_meta *meta;

	s->parsed.hash = flow_hash(s->ctx, &s->parsed);
	if (s->pop && tag_pop(s->ctx))
		return -1;
	meta = meta_get(s->ctx);
	if (!meta)
		return -1;
	*meta = (struct pkt_meta){
		.magic = PKT_META_MAGIC,
		.in_port = s->in_port,
		.vlan = s->vlan,
		.flags = s->flags,
		.class = s->in->class,
		.pcp = s->pcp,
	};
	pkt_parsed_to_meta(&s->parsed, s->pop ? PKT_TAG_LEN : 0, meta);
	return 0;
}

#endif
