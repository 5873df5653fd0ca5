// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How pools are divided and admitted: see pool.h. */
#include <errno.h>
#include <stdio.h>

#include "base/base.h"
#include "policy/pool.h"

int pool_divide(uint32_t frames, uint32_t n_uplink_queues,
		uint32_t n_own_queues, struct pool_parts *ret_parts)
{
	uint32_t n_up = n_uplink_queues ? n_uplink_queues : 1;
	struct pool_parts parts;

	parts.rx_per_queue = round_down_pow2(frames / 2 / n_up);
	parts.tx_per_queue = n_own_queues ? frames / 4 / n_own_queues : 0;
	if (parts.rx_per_queue < POOL_MIN_RING ||
	    (n_own_queues && parts.tx_per_queue < POOL_MIN_RING))
		return -EINVAL;
	parts.out = frames - parts.rx_per_queue * n_up -
		    parts.tx_per_queue * n_own_queues;
	*ret_parts = parts;
	return 0;
}

uint32_t pool_uplink_frames(const struct config_uplink *uplink,
			    uint32_t n_queues)
{
	return uplink->out_max + uplink->reserve * n_queues;
}

int pool_admit(const struct config *config, const uint32_t *n_queues,
	       uint32_t n_workers, char *err, size_t err_size)
{
	uint64_t vms = 0, uplinks = 0, caches, sum;

	for (uint32_t i = 0; i < config->n_vms; i++)
		vms += config->vms[i].pool.initial;
	for (uint32_t i = 0; i < config->n_uplinks; i++)
		uplinks += pool_uplink_frames(&config->uplinks[i],
					      n_queues[i]);
	caches = (uint64_t)(n_workers + 1) * POOL_CACHE_FRAMES;
	sum = vms + uplinks + caches;
	if (sum <= config->frames)
		return 0;
	snprintf(err, err_size,
		 "%s:%d:%d: memory.frames: %u: too few: the VMs' pools take %llu, the uplinks (out_max + reserve x queues) %llu, %u workers' caches %llu: %llu in all",
		 config->file, config->frames_pos.line, config->frames_pos.col,
		 config->frames, (unsigned long long)vms,
		 (unsigned long long)uplinks, n_workers,
		 (unsigned long long)caches, (unsigned long long)sum);
	return -ENOSPC;
}
