// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What there is in limiters, for reports: see limiter.h. */
#include "switching/limiter.h"
#include "switching/limiter_private.h"

uint32_t limiter_n_waiting(const struct limiter *limiter)
{
	return limiter->n_waiting;
}

uint32_t limiter_n_pairs(const struct limiter *limiter)
{
	return limiter->n_used;
}

bool limiter_get_vm(const struct limiter *limiter, uint16_t vm,
		    struct limiter_info *ret_info)
{
	const struct vm *v = &limiter->vms[vm];

	if (!has_limit(&v->limit) && !v->n && !v->n_out)
		return false;
	*ret_info = (struct limiter_info){
		.vm = vm,
		.bits = v->limit.bits.rate,
		.packets = v->limit.packets.rate,
		.n_waiting = v->n,
		.n_out = v->n_out,
		.bytes_out = v->bytes_out,
		.n_full = v->n_full,
	};
	return true;
}

static void get_pair(const struct pair *pair, struct limiter_info *ret_info)
{
	*ret_info = (struct limiter_info){
		.vm = pair->vm,
		.to = pair->to,
		.bits = pair->limit.bits.rate,
		.packets = pair->limit.packets.rate,
		.n_waiting = pair->n,
		.n_out = pair->n_out,
		.bytes_out = pair->bytes_out,
	};
}

bool limiter_get_pair(const struct limiter *limiter, uint16_t vm, uint32_t to,
		      struct limiter_info *ret_info)
{
	const uint32_t index = find(limiter, vm, to);

	if (index == NONE)
		return false;
	get_pair(&limiter->pairs[index], ret_info);
	return true;
}

bool limiter_next_pair(const struct limiter *limiter, uint32_t *ret_at,
		       struct limiter_info *ret_info)
{
	while (*ret_at < limiter->n_made) {
		const struct pair *pair = &limiter->pairs[(*ret_at)++];

		if (!pair->used)
			continue;
		get_pair(pair, ret_info);
		return true;
	}
	return false;
}
