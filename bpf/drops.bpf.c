// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel lost after a program's verdict, seen at the tracepoints of
 * XDP. Such packets have been counted as sent before; bytes are not known.
 *
 *   xdp_devmap_xmit   the device took less than a whole batch: dev_full, or
 *                     redirect_failed if it said why (before Linux 6.3 that
 *                     includes a device without XDP transmit); against the
 *                     device's port
 *   xdp_redirect_err  there was nobody to redirect to (a device without XDP
 *                     transmit or too small an MTU, a socket of another
 *                     queue): redirect_failed, against the port it came in on
 *
 * The tracepoints see all network namespaces, where the same ifindex is
 * another device: opts.netns_ino says which is ours.
 */
#include <linux/errno.h>

#include "pass.bpf.h"

#include <bpf/bpf_core_read.h>

/* The members needed, found in the running kernel by BTF. */
struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

static __always_inline void count_lost(const struct net_device *dev,
				       __u32 reason, __u64 packets)
{
	struct dev_key key = { .ifindex = BPF_CORE_READ(dev, ifindex) };
	const struct dev_port *owner = bpf_map_lookup_elem(&dev_port, &key);

	if (!owner)
		return;
	if (opts.netns_ino &&
	    BPF_CORE_READ(dev, nd_net.net, ns.inum) != opts.netns_ino)
		return;
	count(owner->port, reason, packets, 0);
}

/* from_dev, to_dev, sent, drops, err */
SEC("raw_tp/xdp_devmap_xmit")
int devmap_drops(struct bpf_raw_tracepoint_args *ctx)
{
	const struct net_device *to = (const void *)(long)ctx->args[1];
	int drops = ctx->args[3];
	int err = ctx->args[4];

	if (drops > 0)
		count_lost(to, err ? PKT_redirect_failed : PKT_dev_full, drops);
	return 0;
}

/* A socket counts by itself what it had no room for: ring full, frame too
 * short, no frame. The agent reads those (rx_ring_full and others). */
static __always_inline int socket_counted(int err)
{
	return err == -ENOBUFS || err == -ENOSPC || err == -ENOMEM;
}

/* dev, program, target, err, type of the map, ... */
SEC("raw_tp/xdp_redirect_err")
int redirect_drops(struct bpf_raw_tracepoint_args *ctx)
{
	if (ctx->args[4] == BPF_MAP_TYPE_XSKMAP &&
	    socket_counted((int)ctx->args[3]))
		return 0;
	count_lost((const void *)(long)ctx->args[0], PKT_redirect_failed, 1);
	return 0;
}
