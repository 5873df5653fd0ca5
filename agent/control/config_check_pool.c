/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks of what VMs are promised: the sizes of their pools, and whether all
 * that is promised for ever fits into memory.frames.
 */
#include <stdio.h>

#include "control/config_check.h"
#include "control/config_check_private.h"

/* ---- one VM's pool ---- */

int config_check_pool(const struct check *c, uint32_t i)
{
	const struct config_pool *pool = &c->config->vms[i].pool;
	char path[CHECK_PATH_MAX];

	if (pool->initial < pool->min) {
		snprintf(path, sizeof(path), "vms[%u].pool.initial", i);
		return config_check_fail(
			c, path, "",
			"must not be less than pool.min, which is %u frames",
			pool->min);
	}
	if (pool->max < pool->initial) {
		snprintf(path, sizeof(path), "vms[%u].pool.max", i);
		return config_check_fail(
			c, path, "",
			"must not be less than pool.%s, which is %u frames",
			pool->initial_pos.line ? "initial" : "min",
			pool->initial);
	}
	return 0;
}

/* ---- all of them, and the rest of the host's frames ---- */

/* What is promised for ever, and to whom. */
struct promises {
	uint64_t min;	  /* to VMs */
	uint64_t out;	  /* to uplinks: out_max */
	uint64_t reserve; /* to uplinks: reserve, times queues */
	uint64_t sum;	  /* the agent's own, too */
	uint32_t n_vms;
};

static struct promises add_up(const struct config *config)
{
	struct promises all = { 0 };

	for (uint32_t i = 0; i < config->n_uplinks; i++) {
		const struct config_uplink *uplink = &config->uplinks[i];

		all.out += uplink->out_max;
		all.reserve += (uint64_t)uplink->reserve *
			       (uplink->queues ? uplink->queues : 1);
	}
	for (uint32_t i = 0; i < config->n_vms; i++) {
		all.min += config->vms[i].pool.min;
		all.n_vms++;
	}
	all.sum = all.min + all.out + all.reserve + config->reserve;
	return all;
}

/* Names the first VM that does not fit. Nothing if what is not for VMs alone is
 * too much. */
static void name_first(const struct config *config, const struct promises *all,
		       char *ret, size_t size)
{
	uint64_t others = all->sum - all->min;
	uint64_t left = config->frames - others;

	ret[0] = '\0';
	if (others > config->frames)
		return;
	for (uint32_t i = 0; i < config->n_vms; i++) {
		const struct config_vm *vm = &config->vms[i];

		if (vm->pool.min > left) {
			snprintf(ret, size,
				 "; the first that does not fit is VM \"%s\", "
				 "whose pool.min is %u when %llu are left",
				 vm->name, vm->pool.min,
				 (unsigned long long)left);
			return;
		}
		left -= vm->pool.min;
	}
}

int config_check_frames(const struct check *c)
{
	const struct config *config = c->config;
	struct promises all = add_up(config);
	char first[CONFIG_NAME_MAX + 128];
	char absent[32];

	if (all.sum <= config->frames)
		return 0;
	name_first(config, &all, first, sizeof(first));
	snprintf(absent, sizeof(absent), "%u (default)", config->frames);
	return config_check_fail(
		c, "memory.frames", absent,
		"must be at least %llu frames: %llu (pool.min of %u VMs) + "
		"%llu (out_max of the uplinks) + %llu (reserve of the "
		"uplinks, times queues) + %u (memory.reserve)%s; raise it, or "
		"lower one of these",
		(unsigned long long)all.sum, (unsigned long long)all.min,
		all.n_vms, (unsigned long long)all.out,
		(unsigned long long)all.reserve, config->reserve, first);
}
