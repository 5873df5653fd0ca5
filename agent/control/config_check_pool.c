/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks of what VMs are promised: the sizes of their pools, whether all that
 * is promised for ever fits into memory.frames, and queues of their own.
 */
#include <stdio.h>
#include <string.h>

#include "control/config_check.h"
#include "control/config_check_private.h"

/* ---- one VM's pool ---- */

int config_check_pool(const struct check *c, uint32_t i)
{
	const struct config_vm *vm = &c->config->vms[i];
	const struct config_pool *pool = &vm->pool;
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
	if (vm->isolated && !vm->n_uplink_queues) {
		snprintf(path, sizeof(path), "vms[%u].isolated", i);
		return config_check_fail(
			c, path, "",
			"needs uplink_queues: packets for the VM can only be "
			"placed in its own memory where they come in on "
			"queues of its own");
	}
	return 0;
}

/* ---- all of them, and the rest of the host's frames ---- */

/* What is promised for ever, and to whom. Isolated VMs have their frames from
 * elsewhere. */
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
		if (config->vms[i].isolated)
			continue;
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

		if (vm->isolated)
			continue;
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

/* ---- queues of their own ---- */

/* Who has the queues of one uplink. */
struct queue_owners {
	uint32_t uplink;
	uint32_t n_queues; /* as many as there can be, if it is not told */
	uint32_t n_taken;
	struct {
		bool taken;
		uint32_t vm;
		uint32_t item; /* of its uplink_queues */
	} queues[PKT_MAX_QUEUES];
};

/* Item @j of VM @i's uplink_queues is already another's, or its own. */
static int fail_taken(const struct check *c, const struct queue_owners *owners,
		      uint32_t i, uint32_t j)
{
	uint32_t queue = c->config->vms[i].uplink_queues[j];
	uint32_t vm = owners->queues[queue].vm;
	char path[CHECK_PATH_MAX];
	char taken[CHECK_PATH_MAX];
	int line;

	snprintf(path, sizeof(path), "vms[%u].uplink_queues[%u]", i, j);
	snprintf(taken, sizeof(taken), "vms[%u].uplink_queues[%u]", vm,
		 owners->queues[queue].item);
	line = config_check_line(c, taken);
	if (vm == i)
		return config_check_fail(c, path, "",
					 "is already %s; name each queue once",
					 taken);
	return config_check_fail(
		c, path, "",
		"is already %s (line %d); a queue of uplink \"%s\" is for one "
		"VM alone, or for all",
		taken, line, c->config->uplinks[owners->uplink].name);
}

static int take_queue(const struct check *c, struct queue_owners *owners,
		      uint32_t i, uint32_t j)
{
	const char *name = c->config->uplinks[owners->uplink].name;
	uint32_t queue = c->config->vms[i].uplink_queues[j];
	char path[CHECK_PATH_MAX];

	snprintf(path, sizeof(path), "vms[%u].uplink_queues[%u]", i, j);
	if (queue >= owners->n_queues)
		return config_check_fail(
			c, path, "",
			"must be less than %u, the queues of uplink \"%s\" "
			"(uplinks[%u].queues)",
			owners->n_queues, name, owners->uplink);
	if (owners->queues[queue].taken)
		return fail_taken(c, owners, i, j);
	owners->queues[queue].taken = true;
	owners->queues[queue].vm = i;
	owners->queues[queue].item = j;
	if (++owners->n_taken == owners->n_queues)
		return config_check_fail(
			c, path, "",
			"is the last of %u queues of uplink \"%s\"; one must "
			"be left to share, for broadcasts and all other "
			"packets",
			owners->n_queues, name);
	return 0;
}

static int check_queues_of(const struct check *c, uint32_t uplink)
{
	const struct config *config = c->config;
	uint32_t n = config->uplinks[uplink].queues;
	struct queue_owners owners = { .uplink = uplink,
				       .n_queues = n ? n : PKT_MAX_QUEUES };
	int err = 0;

	for (uint32_t i = 0; i < config->n_vms && !err; i++) {
		const struct config_vm *vm = &config->vms[i];

		if (!config_uplink_has_vlan(&config->uplinks[uplink], vm->vlan))
			continue;
		for (uint32_t j = 0; j < vm->n_uplink_queues && !err; j++)
			err = take_queue(c, &owners, i, j);
	}
	return err;
}

/* Whether VM @i's network has an uplink to have queues of. */
static int check_uplink_of(const struct check *c, uint32_t i)
{
	const struct config *config = c->config;
	const struct config_vm *vm = &config->vms[i];
	char path[CHECK_PATH_MAX];

	for (uint32_t j = 0; j < config->n_uplinks; j++)
		if (config_uplink_has_vlan(&config->uplinks[j], vm->vlan))
			return 0;
	snprintf(path, sizeof(path), "vms[%u].uplink_queues", i);
	return config_check_fail(
		c, path, "",
		"no uplink has the VM's network (vlan %u), so there are no "
		"queues: remove it, or add the VLAN to an uplink's vlans",
		vm->vlan);
}

int config_check_queues(const struct check *c)
{
	int err = 0;

	for (uint32_t i = 0; i < c->config->n_vms && !err; i++)
		if (c->config->vms[i].n_uplink_queues)
			err = check_uplink_of(c, i);
	for (uint32_t i = 0; i < c->config->n_uplinks && !err; i++)
		err = check_queues_of(c, i);
	return err;
}
