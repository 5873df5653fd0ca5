/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a VM's device may get and send: see <pktagent/police.h>.
 *
 * Each packet of a VM passes once in each direction. What it sends: here, all of
 * it, whichever way it goes. What it gets: here on the kernel way, where the
 * packet is redirected to its device; what goes through the agent takes from the
 * same bucket there. Not limited is what the kernel floods while the agent is
 * away: there is one redirect for all members.
 */
#ifndef BPF_POLICE_H
#define BPF_POLICE_H

#include "pass.bpf.h"

/* Whether @len bytes may pass entry @key; if so, they have. A function of its own
 * (police.bpf.c): most packets do without, and it is verified once. */
int police_pass(__u32 key, __u32 len);

/* After the checks: what the VM may not send in any case costs it nothing. */
stage police_out(const struct pass *s)
{
	if (!(s->in->police & PORT_P_OUT))
		return STAGE_NEXT;
	return police_pass(s->in_port * POLICE_N_WAYS + POLICE_OUT, s->len) ?
		       STAGE_NEXT :
		       PKT_rate_out;
}

/* Whether the port that the packet is for may get it, in its inner form. */
static __always_inline int police_in(const struct pass *s)
{
	if (!(s->out->police & PORT_P_IN))
		return 1;
	return police_pass(s->out_port * POLICE_N_WAYS + POLICE_IN,
			   s->len - (s->pop ? PKT_TAG_LEN : 0));
}

#endif
