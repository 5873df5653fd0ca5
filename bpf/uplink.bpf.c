// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * uplink: what a NIC received, on its way to the VMs.
 */
#include "forward.bpf.h"
#include "source.bpf.h"

/* What the host's own stack has to see is not ours to judge: unicast to the
 * device, and the link's control protocols (LACP, LLDP). */
stage leave_to_host(struct pass *s)
{
	const __u8 *data = pass_data(s);

	if (data + PKT_ETH_LEN > (const __u8 *)pass_end(s))
		return PKT_eth_short;
	if (!mac_equal(data, s->in->mac) && !is_link_local(data))
		return STAGE_NEXT;
	s->action = XDP_PASS;
	return PKT_to_host;
}

/* The network is the outer tag's; a priority tag (VID 0) means untagged. The
 * untagged network has no room for more tags: whoever sent them on would send
 * them into other networks. */
stage name_network(struct pass *s)
{
	if (!s->parsed.n_tags)
		return STAGE_NEXT;
	s->pop = 1;
	s->vlan = s->parsed.tci[0] & PKT_TCI_VID;
	s->pcp = s->parsed.tci[0] >> PKT_TCI_PCP_SHIFT;
	return !s->vlan && s->parsed.n_tags > 1 ? PKT_vlan_denied : STAGE_NEXT;
}

/* Does this uplink carry the network? A VM in it knows without a look-up. */
stage check_network(const struct pass *s)
{
	const struct net_key key = { .vlan = s->vlan };
	const struct net_cfg *net;

	if (s->out && s->out->kind == PORT_VM && s->out->uplink == s->in_port)
		return STAGE_NEXT;
	net = bpf_map_lookup_elem(&nets, &key);
	if (!net || net->uplink != s->in_port)
		return PKT_vlan_unknown;
	return STAGE_NEXT;
}

stage stages(struct pass *s)
{
	STAGE(enter(s));
	STAGE(leave_to_host(s));
	STAGE(parse(s));
	STAGE(name_network(s));
	STAGE(find_target(s));
	STAGE(check_network(s));
	STAGE(check_source(s, 1));
	return forward(s, 1);
}

SEC("xdp")
int uplink(struct xdp_md *ctx)
{
	struct pass s = { .ctx = ctx };

	return finish(&s, stages(&s));
}
