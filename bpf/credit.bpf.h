/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a VM's pool allows it to receive: see struct vm_credit. A packet is
 * asked for before it is changed, and counted when nothing can go wrong with it
 * any more.
 */
#ifndef BPF_CREDIT_H
#define BPF_CREDIT_H

#include "pass.bpf.h"

/* Where a packet is to be counted; both NULL: there is no room for it. */
struct credit {
	struct vm_credit *vm;
	struct vm_credit *slack;	/* besides, if it is beyond the VM's end */
};

/* The agent writes these while we read. */
#define credit_left(counts, member) \
	((__s32)(*(const volatile __u32 *)&(counts)->member - (counts)->handed))

static __always_inline struct vm_credit *credit_of(__u32 slot, __u32 queue)
{
	const __u32 key = slot * PKT_MAX_QUEUES + queue;

	return bpf_map_lookup_elem(&vm_credit, &key);
}

/* Room for one more packet to the VM in @slot on the queue it came on. */
static __always_inline struct credit credit_ask(const struct pass *s,
						__u32 slot)
{
	const __u32 queue = s->ctx->rx_queue_index;
	struct credit none = {}, credit = {};

	credit.vm = credit_of(slot, queue);
	if (!credit.vm)
		return none;
	if (credit_left(credit.vm, end) > 0)
		return credit;
	if (credit_left(credit.vm, cap_end) <= 0)
		return none;
	credit.slack = credit_of(s->in_port, queue);
	return credit.slack && credit_left(credit.slack, end) > 0 ? credit :
								    none;
}

static __always_inline void credit_take(const struct credit *credit)
{
	credit->vm->handed++;
	if (credit->slack)
		credit->slack->handed++;
}

#endif
