// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How pools are divided and admitted: see admission.h. */
#include <errno.h>
#include <stdio.h>

#include "base/base.h"
#include "base/netlink.h"
#include "policy/admission.h"

/* What a small pool has posted, whatever its quarter is. */
#define POSTED_FRAMES	256

int admission_divide(uint32_t frames, uint32_t n_uplink_queues,
		     uint32_t n_own_queues, struct pool_parts *ret_parts)
{
	uint32_t n_up = n_uplink_queues ? n_uplink_queues : 1;
	uint32_t posted = 0, rest;
	struct pool_parts parts;

	if (n_own_queues)
		posted = max_u32(frames / 4,
				 min_u32((uint64_t)frames * 5 / 8,
					 POSTED_FRAMES));
	parts.tx_per_queue = n_own_queues ? posted / n_own_queues : 0;
	rest = frames - parts.tx_per_queue * n_own_queues;
	parts.rx_per_queue = (n_own_queues ? rest - rest / 3 : rest / 2) / n_up;
	if (!parts.rx_per_queue ||
	    (n_own_queues && parts.tx_per_queue < ADMISSION_MIN_POSTED))
		return -EINVAL;
	parts.out = rest - parts.rx_per_queue * n_up;
	if (!parts.out)
		return -EINVAL;
	*ret_parts = parts;
	return 0;
}

uint32_t admission_least(uint32_t n_uplink_queues, uint32_t n_own_queues)
{
	struct pool_parts parts;
	uint32_t frames = 1;

	while (admission_divide(frames, n_uplink_queues, n_own_queues, &parts))
		frames++;
	return frames;
}

uint32_t admission_uplink_frames(const struct config_uplink *uplink,
				 uint32_t n_queues)
{
	return uplink->out_max + uplink->reserve * n_queues;
}

uint32_t admission_reserve(const struct config *config, uint32_t n_workers)
{
	return max_u32(config->reserve,
		       (n_workers + 1) * ADMISSION_CACHE_FRAMES);
}

/* What @vm takes of the uplink's @n_queues is added to *taken. */
static int check_queues(const struct config *config,
			const struct config_vm *vm,
			const struct config_uplink *uplink, uint32_t n_queues,
			uint32_t *taken, char *err, size_t err_size)
{
	for (uint32_t i = 0; i < vm->n_uplink_queues; i++) {
		uint32_t queue = vm->uplink_queues[i];

		if (queue >= n_queues) {
			snprintf(err, err_size,
				 "%s:%d:%d: uplink_queues of VM %s: %u: uplink %s (%s) has the queues 0 to %u; for more see ethtool -L",
				 config->file, vm->uplink_queues_pos.line,
				 vm->uplink_queues_pos.col, vm->name, queue,
				 uplink->name, uplink->device, n_queues - 1);
			return -EINVAL;
		}
		/* The configuration names no queue twice. */
		if (++*taken == n_queues) {
			snprintf(err, err_size,
				 "%s:%d:%d: uplink_queues of VM %s: %u: is the last of %u queues of uplink %s (%s); one must be left to share, for broadcasts and all other packets",
				 config->file, vm->uplink_queues_pos.line,
				 vm->uplink_queues_pos.col, vm->name, queue,
				 n_queues, uplink->name, uplink->device);
			return -EINVAL;
		}
	}
	return 0;
}

int admission_check_queues(const struct config *config,
			   const uint32_t *n_queues, char *err,
			   size_t err_size)
{
	int ret = 0;

	for (uint32_t u = 0; u < config->n_uplinks; u++) {
		const struct config_uplink *uplink = &config->uplinks[u];
		uint32_t taken = 0;

		for (uint32_t i = 0; n_queues[u] && !ret && i < config->n_vms;
		     i++)
			if (config_uplink_has_vlan(uplink,
						   config->vms[i].vlan))
				ret = check_queues(config, &config->vms[i],
						   uplink, n_queues[u], &taken,
						   err, err_size);
	}
	return ret;
}

int admission_fits(const struct config *config, uint32_t n_frames,
		   const uint32_t *n_queues, uint32_t n_workers, char *text,
		   size_t size)
{
	uint64_t vms = 0, uplinks = 0, sum, left;
	const struct config_vm *first = NULL;
	uint32_t reserve = admission_reserve(config, n_workers), n_vms = 0;

	for (uint32_t i = 0; i < config->n_uplinks; i++)
		uplinks += admission_uplink_frames(&config->uplinks[i],
						   max_u32(n_queues[i], 1));
	left = n_frames;
	left -= left < uplinks + reserve ? left : uplinks + reserve;
	for (uint32_t i = 0; i < config->n_vms; i++) {
		const struct config_vm *vm = &config->vms[i];

		if (vm->isolated)
			continue;
		vms += vm->pool.min;
		n_vms++;
		if (!first && vms > left)
			first = vm;
	}
	sum = vms + uplinks + reserve;
	if (sum <= n_frames)
		return 0;
	snprintf(text, size,
		 "too few: pool.min of %u VMs takes %llu, the uplinks (out_max + reserve x queues) %llu, the agent itself %u (memory.reserve, or %d for each of %u caches): %llu in all%s%s%s",
		 n_vms, (unsigned long long)vms, (unsigned long long)uplinks,
		 reserve, ADMISSION_CACHE_FRAMES, n_workers + 1,
		 (unsigned long long)sum,
		 first ? "; there is no room for VM " : "",
		 first ? first->name : "", first ? " and those after it" : "");
	return -ENOSPC;
}

int admission_check(const struct config *config, uint32_t n_frames,
		    const uint32_t *n_queues, uint32_t n_workers, char *err,
		    size_t err_size)
{
	char text[400], made[64] = "";

	if (!admission_fits(config, n_frames, n_queues, n_workers, text,
			    sizeof(text)))
		return 0;
	if (n_frames != config->frames)
		snprintf(made, sizeof(made),
			 ", which pktctl pool arena has made %u", n_frames);
	snprintf(err, err_size, "%s:%d:%d: memory.frames: %u%s: %s",
		 config->file, config->frames_pos.line, config->frames_pos.col,
		 config->frames, made, text);
	return -ENOSPC;
}

void admission_count_queues(const struct config *config, uint32_t *ret_n_queues)
{
	struct link_info info;

	for (uint32_t i = 0; i < config->n_uplinks; i++) {
		const struct config_uplink *u = &config->uplinks[i];

		ret_n_queues[i] = 0;
		if (!link_get(u->device, &info))
			ret_n_queues[i] = link_queues(&info);
		if (u->queues)
			ret_n_queues[i] = min_u32(u->queues, ret_n_queues[i]);
	}
}
