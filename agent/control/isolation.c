// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Memory of isolated VMs: see isolation.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/isolation.h"
#include "control/shares.h"

static enum arena_pages pages_of(const struct config *config)
{
	return config->hugepages == WANT_REQUIRE ? ARENA_PAGES_HUGE :
	       config->hugepages == WANT_OFF	 ? ARENA_PAGES_SMALL :
						   ARENA_PAGES_AUTO;
}

/* What of the VM's may be on its way out of the uplink's own queues besides. */
static uint32_t out_frames(const struct config *config,
			   const struct config_vm *vm)
{
	for (uint32_t i = 0; i < config->n_uplinks; i++)
		if (config_uplink_has_vlan(&config->uplinks[i], vm->vlan))
			return config->uplinks[i].out_max;
	return 0;
}

static int open_one(struct agent *agent, const struct config_vm *vm, char *err,
		    size_t err_size)
{
	const uint32_t n = vm->pool.max + SHARES_AWAY * vm->n_uplink_queues;
	const uint32_t n_out = out_frames(agent->config, vm);
	struct isolated *isolated = &agent->isolated[agent->n_isolated];
	const struct arena_region *region;
	int ret;

	ret = vswitch_add_region(&agent->vs, n, n_out,
				 pages_of(agent->config), &isolated->region);
	if (ret == -EINVAL) {
		snprintf(err, err_size,
			 "%s:%d:%d: pool.max of VM %s: %u: memory of its own has %u frames at most, and %u are needed besides (for what its uplink sends, and for the workers)",
			 agent->config->file, vm->pool.max_pos.line,
			 vm->pool.max_pos.col, vm->name, vm->pool.max,
			 ARENA_REGION_MAX,
			 n - vm->pool.max + n_out +
				 vswitch_region_reserve(&agent->vs));
		return ret;
	}
	if (ret) {
		snprintf(err, err_size, "memory of VM %s: %u frames: %s",
			 vm->name, n + n_out, strerror(-ret));
		return ret;
	}
	snprintf(isolated->name, sizeof(isolated->name), "%s", vm->name);
	agent->n_isolated++;
	region = &agent->vs.arena.regions[isolated->region];
	log_info("memory of VM %s: %u frames in %s pages, region %u%s%s",
		 vm->name, region->n_frames, region->huge ? "2-MiB" : "small",
		 isolated->region, region->why[0] ? ": " : "", region->why);
	return 0;
}

int isolation_open(struct agent *agent, char *err, size_t err_size)
{
	const struct config *config = agent->config;
	int ret = 0;

	for (uint32_t i = 0; i < config->n_vms && !ret; i++)
		if (config->vms[i].isolated)
			ret = open_one(agent, &config->vms[i], err, err_size);
	return ret;
}

uint32_t isolation_close(struct agent *agent)
{
	uint32_t missing = 0, n;

	while (agent->n_isolated) {
		struct isolated *isolated =
			&agent->isolated[--agent->n_isolated];

		n = vswitch_del_region(&agent->vs, isolated->region);
		if (n)
			log_error("frames missing at shutdown in the memory of VM %s: %u",
				  isolated->name, n);
		missing += n;
	}
	return missing;
}

uint32_t isolation_region(const struct agent *agent,
			  const struct config_vm *vm)
{
	for (uint32_t i = 0; vm->isolated && i < agent->n_isolated; i++)
		if (!strcmp(agent->isolated[i].name, vm->name))
			return agent->isolated[i].region;
	return 0;
}
