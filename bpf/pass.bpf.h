/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the stages of a program know of the packet in hand, and how a program
 * begins and ends. A stage returns STAGE_NEXT, or the reason (enum pkt_reason)
 * for which the packet is done; finish() alone turns a reason into a counter
 * and a verdict.
 */
#ifndef BPF_PASS_H
#define BPF_PASS_H

#include <bpf/bpf_endian.h>

#include <pktagent/parse.h>

#include "maps.bpf.h"

#define STAGE_NEXT	(-1)

#define stage		static __always_inline int

/* One packet's way through a program. */
struct pass {
	struct xdp_md *ctx;
	__u64 stamp;		/* for the recent_ maps */
	const struct port_cfg *in;
	const struct port_cfg *out;	/* NULL = flood */
	__u32 in_port;		/* slot; 0 = unknown device */
	__u32 out_port;		/* slot, if @out */
	__u32 len;		/* of the frame as it came */
	__u32 size;		/* the same without the tags */
	int action;		/* verdict, if the reason is a GOOD one */
	__u16 vlan;		/* network */
	__u8 pcp;		/* priority bits of the tag to be taken off */
	__u8 pop;		/* 1 = the outer tag is not the packet's own */
	__u8 flags;		/* PKT_F_* for the agent */
	struct pkt_parsed parsed;
};

/* The next stage, unless the packet is done. */
#define STAGE(call) do {						\
		int __reason = (call);					\
									\
		if (__reason != STAGE_NEXT)				\
			return __reason;				\
	} while (0)

static __always_inline const __u8 *pass_data(const struct pass *s)
{
	return (const __u8 *)(long)s->ctx->data;
}

static __always_inline const void *pass_end(const struct pass *s)
{
	return (const void *)(long)s->ctx->data_end;
}

/* Counts against a port: the only place that touches the counters. */
static __always_inline void count(__u32 port, __u32 reason, __u64 packets,
				  __u64 bytes)
{
	struct counter *c = bpf_map_lookup_elem(&counters, &port);

	if (!c || reason >= PKT_N_REASONS)
		return;
	c += reason;
	c->packets += packets;
	c->bytes += bytes;
}

#define PKT_X(name, kind, text, advice) | PKT_KIND_##kind(PKT_##name)
#define PKT_KIND_GOOD(reason)	1ull << (reason)
#define PKT_KIND_DROP(reason)	0
#define PKT_GOOD_MASK		(0ull PKT_REASONS(PKT_X))
_Static_assert(PKT_N_REASONS <= 64, "reasons fit a mask");

/* What is the VM's that the packet was for. */
static __always_inline int is_receivers(int reason)
{
	return reason == PKT_pool_full || reason == PKT_rate_in;
}

/* Every exit of uplink and port: one count against the port the packet came
 * in on, or whose pool was full or rate exceeded, and the verdict. */
static __always_inline int finish(const struct pass *s, int reason)
{
	count(is_receivers(reason) ? s->out_port : s->in_port, reason, 1,
	      s->len);
	if (PKT_GOOD_MASK >> (reason & 63) & 1)
		return s->action;
	return XDP_DROP;
}

/* What an entry of the recent_ maps must bear to count. Read before the tables
 * are: whoever changes them counts the change afterwards. */
static __always_inline __u64 stamp_now(void)
{
	const __u32 zero = 0;
	const struct agent_state *state;
	__u32 tick = bpf_jiffies64() >> PKT_RECENT_SHIFT;

	state = bpf_map_lookup_elem(&agent_state, &zero);
	if (!state)
		return tick;
	return (__u64)*(const volatile __u32 *)&state->n_changes << 32 | tick;
}

/* The port of @ifindex; 0 = none. */
static __always_inline __u32 dev_to_port(__u32 ifindex, __u64 stamp)
{
	const __u32 index = ifindex % PKT_RECENT_DEVS;
	struct recent_dev *recent;
	const struct dev_port *dev;

	recent = bpf_map_lookup_elem(&recent_devs, &index);
	if (recent && recent->ifindex == ifindex && recent->stamp == stamp)
		return recent->port;
	dev = bpf_map_lookup_elem(&dev_port, &ifindex);
	if (!dev)
		return 0;
	if (recent) {
		recent->ifindex = ifindex;
		recent->port = dev->port;
		recent->stamp = stamp;
	}
	return dev->port;
}

/* Device to port. */
stage enter(struct pass *s)
{
	s->len = s->ctx->data_end - s->ctx->data;
	s->stamp = stamp_now();
	s->in_port = dev_to_port(s->ctx->ingress_ifindex, s->stamp);
	if (!s->in_port)
		return PKT_port_unknown;
	s->in = bpf_map_lookup_elem(&ports, &s->in_port);
	if (!s->in)
		return PKT_port_unknown;
	return s->in->flags & PORT_F_UP ? STAGE_NEXT : PKT_port_down;
}

/* Headers; and the port's MTU, tags not included. */
stage parse(struct pass *s)
{
	int err = pkt_parse_headers(pass_data(s), pass_end(s),
				    s->in->flags & PORT_F_CHECK_CSUM,
				    &s->parsed);

	if (err)
		return err;
	s->flags = s->parsed.flags;
	s->size = s->len - s->parsed.n_tags * PKT_TAG_LEN;
	return s->size > s->in->max_len ? PKT_too_big : STAGE_NEXT;
}

/* 01:80:c2:00:00:00 to :0f, which no bridge forwards. @mac has been checked
 * to lie in the packet. */
static __always_inline int is_link_local(const __u8 *mac)
{
	return pkt_raw32(mac) == bpf_htonl(0x0180c200) && !mac[4] &&
	       mac[5] < 16;
}

static __always_inline int mac_equal(const __u8 *a, const __u8 *b)
{
	return pkt_raw32(a) == pkt_raw32(b) &&
	       *(const pkt_u16 *)(a + 4) == *(const pkt_u16 *)(b + 4);
}

/* fdb_key's MAC from the packet. */
static __always_inline void fdb_key_set(struct fdb_key *key, const __u8 *mac,
					__u16 vlan)
{
	*(pkt_u32 *)key->mac = pkt_raw32(mac);
	*(pkt_u16 *)(key->mac + 4) = *(const pkt_u16 *)(mac + 4);
	key->vlan = vlan;
}

static __always_inline int recent_matches(const struct recent_addr *recent,
					  const struct fdb_key *key,
					  __u64 stamp)
{
	return recent->stamp == stamp && mac_equal(recent->key.mac, key->mac) &&
	       recent->key.vlan == key->vlan;
}

static __always_inline void recent_set(struct recent_addr *recent,
				       const struct fdb_key *key, __u32 port,
				       __u64 stamp)
{
	recent->key = *key;
	recent->port = port;
	recent->stamp = stamp;
}

#endif
