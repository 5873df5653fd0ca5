// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * port: what a VM sent, on its way to the wire or to another VM.
 */
#include "forward.bpf.h"
#include "source.bpf.h"

/* Bridges do not forward these groups, and a VM has no link with us. */
stage check_group(const struct pass *s)
{
	const __u8 *data = pass_data(s);

	if (data + PKT_ETH_LEN > (const __u8 *)pass_end(s))
		return PKT_eth_short;
	return is_link_local(data) ? PKT_link_local : STAGE_NEXT;
}

/* The network is the port's. A priority tag (VID 0) is taken off; its bits
 * live on in the network's tag. Of other tags a VM may have one, if it may
 * have tags at all, and none in the untagged network: on the wire they would
 * name other networks. */
stage check_tags(struct pass *s)
{
	int n_own;

	s->vlan = s->in->vlan;
	if (!s->parsed.n_tags)
		return STAGE_NEXT;
	if (!(s->parsed.tci[0] & PKT_TCI_VID)) {
		s->pop = 1;
		s->pcp = s->parsed.tci[0] >> PKT_TCI_PCP_SHIFT;
	}
	n_own = own_tags(s);
	if (n_own && (!s->vlan || !(s->in->flags & PORT_F_GUEST_TAGS)))
		return PKT_vlan_denied;
	return n_own > 1 ? PKT_vlan_deep : STAGE_NEXT;
}

stage stages(struct pass *s)
{
	STAGE(enter(s));
	STAGE(parse(s));
	STAGE(check_group(s));
	STAGE(check_tags(s));
	STAGE(check_source(s, 0));
	STAGE(check_source_ip(s));
	STAGE(police_out(s));
	STAGE(find_target(s));
	return forward(s, 0);
}

SEC("xdp")
int port(struct xdp_md *ctx)
{
	struct pass s = { .ctx = ctx };

	return finish(&s, stages(&s));
}
