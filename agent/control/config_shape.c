/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What rates and shapes of the configuration mean: see config.h. */
#include <pktagent/parse.h>

#include "control/config.h"

uint64_t config_rate_min(const struct config_rate *rate, uint32_t mtu)
{
	uint64_t bytes = mtu + PKT_ETH_LEN + CONFIG_WIRE_BYTES;
	uint64_t bits = rate->min_packets * bytes * 8;

	return bits > rate->min ? bits : rate->min;
}

bool config_is_limited(const struct config_vm *vm)
{
	return vm->rate_out.max || vm->rate_out.max_packets;
}

bool config_same_rate(const struct config_rate *a, const struct config_rate *b)
{
	return a->min == b->min && a->max == b->max &&
	       a->min_packets == b->min_packets &&
	       a->max_packets == b->max_packets && a->burst == b->burst &&
	       a->burst_packets == b->burst_packets;
}

static bool same_class(const struct config_class *a,
		       const struct config_class *b)
{
	return a->class == b->class && a->strict == b->strict &&
	       a->weight == b->weight && config_same_rate(&a->rate, &b->rate) &&
	       a->limit == b->limit && a->vm_limit == b->vm_limit &&
	       a->target_us == b->target_us &&
	       a->interval_us == b->interval_us && a->ecn == b->ecn &&
	       a->mark_us == b->mark_us;
}

bool config_same_shape(const struct config_shape *a,
		       const struct config_shape *b)
{
	bool same = a->rate == b->rate && a->packets == b->packets &&
		    a->burst == b->burst && a->quantum_us == b->quantum_us &&
		    a->queue == b->queue && a->n_classes == b->n_classes;

	for (uint32_t i = 0; same && i < a->n_classes; i++)
		same = same_class(&a->classes[i], &b->classes[i]);
	return same;
}
