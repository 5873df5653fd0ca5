/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stages: where the packet goes, and which way.
 *
 * Kernel way: by devmap straight into the other port's device. Agent way: into
 * the AF_XDP socket that stands for the packet's pool, with metadata in front
 * of it. The agent is needed for what a program cannot do well (flood, learn,
 * finish checksums) and for ports that the operator put there. While it is
 * away, what can go the kernel way does, and the kernel floods.
 *
 * bpf_redirect_map() only notes the target, so it is asked first: the packet
 * is changed when it is certain that there is somebody to take it.
 */
#ifndef BPF_FORWARD_H
#define BPF_FORWARD_H

#include "credit.bpf.h"
#include "police.bpf.h"
#include "rewrite.bpf.h"

/* Tags that the packet has of its own, inside its network. */
static __always_inline int own_tags(const struct pass *s)
{
	return s->parsed.n_tags - s->pop;
}

/* ---- agent way ---- */

/* The coarse clock is cheaper than bpf_ktime_get_ns() and may be a tick behind
 * the heartbeat, hence the signed comparison. */
static __always_inline int agent_alive(void)
{
	const __u32 zero = 0;
	const struct agent_state *state;
	__u64 heartbeat;
	__s64 age;

	state = bpf_map_lookup_elem(&agent_state, &zero);
	if (!state)
		return 0;
	heartbeat = *(const volatile __u64 *)&state->heartbeat_ns;
	if (!heartbeat)
		return 0;
	age = bpf_ktime_get_coarse_ns() - heartbeat;
	return age <= (__s64)state->timeout_ns;
}

/* Notes the socket of @slot in @map as the target; false if there is none. */
static __always_inline int socket_found(struct pass *s, void *map, __u32 slot)
{
	__u32 queue = s->ctx->rx_queue_index;

	if (queue >= PKT_MAX_QUEUES)
		return 0;
	s->action = bpf_redirect_map(map, slot * PKT_MAX_QUEUES + queue, 0);
	return s->action == XDP_REDIRECT;
}

/* Inner form with metadata, or, where the driver has no room for metadata,
 * the packet as it came. */
stage hand_over(struct pass *s)
{
	if (meta_reserve(s->ctx))
		return PKT_to_agent;
	return meta_write(s) ? PKT_redirect_failed : PKT_to_agent;
}

/* To the VM's socket on this queue, if its pool has room. */
stage hand_to_vm(struct pass *s, __u32 port)
{
	struct credit credit = credit_ask(s, port);
	int reason;

	if (!credit.vm)
		return PKT_pool_full;
	reason = hand_over(s);
	if (reason == PKT_to_agent)
		credit_take(&credit);
	return reason;
}

/* ---- kernel way ---- */

/* From the form it came in to the form that an uplink sends. */
static __always_inline int to_outer(const struct pass *s)
{
	__u16 tci = s->vlan | s->pcp << PKT_TCI_PCP_SHIFT;

	if (!s->vlan)
		return s->pop ? tag_pop(s->ctx) : 0;
	return s->pop ? tag_set(s->ctx, tci) : tag_push(s->ctx, tci);
}

stage send_kernel(struct pass *s, __u32 port, int to_uplink)
{
	int err;

	s->action = bpf_redirect_map(&devs, port, 0);
	if (s->action != XDP_REDIRECT)
		return PKT_redirect_failed;
	if (!police_in(s))
		return PKT_rate_in;
	if (meta_clear(s->ctx))
		return PKT_redirect_failed;
	if (to_uplink)
		err = to_outer(s);
	else
		err = s->pop ? tag_pop(s->ctx) : 0;
	return err ? PKT_redirect_failed : PKT_to_kernel;
}

/* The network's members get the inner form. Uplinks among them carry the
 * egress program, which finds in the metadata what tag to push. Nothing there
 * looks at a packet's own tags, and not every member may see them. */
stage flood_kernel(struct pass *s, int from_uplink)
{
	struct net_key key = { .vlan = s->vlan };
	void *members;

	if (s->flags & PKT_F_CSUM_PARTIAL || own_tags(s))
		return PKT_no_agent;
	members = bpf_map_lookup_elem(&flood, &key);
	if (!members)
		return PKT_no_agent;
	s->action = bpf_redirect_map(members, 0, BPF_F_BROADCAST |
						 BPF_F_EXCLUDE_INGRESS);
	if (s->action != XDP_REDIRECT)
		return PKT_no_agent;
	if (from_uplink || !s->vlan) {
		if (meta_clear(s->ctx) || (s->pop && tag_pop(s->ctx)))
			return PKT_redirect_failed;
		return PKT_to_flood;
	}
	if (meta_reserve(s->ctx))
		return PKT_no_agent;
	return meta_write(s) ? PKT_redirect_failed : PKT_to_flood;
}

/* ---- the stages ---- */

/* Groups, and whoever is not in the table. */
stage flood_packet(struct pass *s, int from_uplink)
{
	if (agent_alive() && socket_found(s, &xsk_port, s->in_port)) {
		s->flags |= PKT_F_FLOOD;
		return hand_over(s);
	}
	return flood_kernel(s, from_uplink);
}

/* Whether the target takes a packet of this size. A device takes its MTU and
 * one tag more; the second of two tags counts like payload. */
static __always_inline int fits(const struct pass *s,
				const struct port_cfg *out, int to_uplink)
{
	int tags = own_tags(s) + (to_uplink && s->vlan);

	return s->size + (tags > 1 ? PKT_TAG_LEN : 0) <= out->max_len;
}

/* To a port that is in the table. */
stage send_port(struct pass *s, __u32 port, const struct port_cfg *out,
		int from_uplink)
{
	const int to_uplink = out->kind == PORT_UPLINK;
	const int has_xmit = out->flags & PORT_F_XMIT;
	const int is_partial = s->flags & PKT_F_CSUM_PARTIAL;

	if (has_xmit && !is_partial && !(s->flags & PKT_F_LEARN) &&
	    !((s->in->flags | out->flags) & PORT_F_WAY_AGENT))
		return send_kernel(s, port, to_uplink);
	if (agent_alive()) {
		if (from_uplink && socket_found(s, &xsk_vm, port))
			return hand_to_vm(s, port);
		if (!from_uplink && socket_found(s, &xsk_port, s->in_port))
			return hand_over(s);
	}
	if (!has_xmit || is_partial)
		return PKT_no_agent;
	return send_kernel(s, port, to_uplink);
}

/* The port of @mac in the packet's network; 0 = not in the table. */
static __always_inline __u32 mac_to_port(const struct pass *s, const __u8 *mac)
{
	const __u32 index = (mac[4] ^ mac[5] ^ s->vlan) % PKT_RECENT_ADDRS;
	const struct fdb_entry *entry;
	struct recent_addr *recent;
	struct fdb_key key;

	fdb_key_set(&key, mac, s->vlan);
	recent = bpf_map_lookup_elem(&recent_dsts, &index);
	if (recent && recent_matches(recent, &key, s->stamp))
		return recent->port;
	entry = bpf_map_lookup_elem(&fdb, &key);
	if (!entry)
		return 0;
	if (recent)
		recent_set(recent, &key, entry->port, s->stamp);
	return entry->port;
}

/* The destination's port; none for groups and whoever is not in the table. */
stage find_target(struct pass *s)
{
	const __u8 *data = pass_data(s);

	if (data + PKT_ETH_LEN > (const __u8 *)pass_end(s))
		return PKT_eth_short;
	if (data[0] & 1)
		return STAGE_NEXT;
	s->out_port = mac_to_port(s, data);
	if (!s->out_port)
		return STAGE_NEXT;
	s->out = bpf_map_lookup_elem(&ports, &s->out_port);
	return s->out ? STAGE_NEXT : PKT_port_down;
}

/* @from_uplink is constant: each program has its own half of this. */
stage forward(struct pass *s, int from_uplink)
{
	const struct port_cfg *out = s->out;

	if (!out)
		return flood_packet(s, from_uplink);
	if (s->out_port == s->in_port)
		return PKT_same_port;
	if (from_uplink && out->kind == PORT_UPLINK)
		return PKT_uplink_uplink;
	if (!(out->flags & PORT_F_UP))
		return PKT_port_down;
	if (out->kind == PORT_VM && own_tags(s) &&
	    !(out->flags & PORT_F_GUEST_TAGS))
		return PKT_vlan_denied;
	if (!fits(s, out, out->kind == PORT_UPLINK))
		return PKT_too_big;
	return send_port(s, s->out_port, out, from_uplink);
}

#endif
