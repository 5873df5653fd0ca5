/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as a configuration. Besides what the sanitizers find: what is
 * refused is refused with one printable line that names the file, into a
 * buffer of any size; what is accepted keeps the promises of config.h.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"

#define NAME "f.yaml"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* The line and, for content, the first of its fields. */
static void check_error(const char *err, int ret)
{
	static const char head[] = NAME ":";
	char *end;

	require(ret == -EINVAL);
	require(strncmp(err, head, strlen(head)) == 0);
	for (const char *p = err; *p; p++)
		require(*p >= ' ' && *p <= '~');
	require(strtol(err + strlen(head), &end, 10) >= 1 && *end == ':');
	require(strtol(end + 1, &end, 10) >= 1 && *end == ':');
}

static void check_device(const struct config_device *device)
{
	const struct config_vhost *vhost = &device->vhost;

	require(!device->peer[0] == !device->netns[0]);
	if (device->type != DEVICE_VHOST_USER) {
		require(device->name[0] && device->name_pos.line > 0);
		require(!vhost->socket[0]);
		return;
	}
	require(!device->name[0] && !device->peer[0] && !device->create);
	require(vhost->socket[0] == '/' && vhost->socket_pos.line > 0);
	require(vhost->queues >= 1 && vhost->queues <= CONFIG_MAX_PAIRS);
	require(vhost->csum || !vhost->tso);
	require(vhost->tso || !vhost->gro);
	require((vhost->call_packets == 1) == (vhost->call_us == 0));
}

static void check_vm(const struct config_vm *vm)
{
	require(strlen(vm->name) > 0);
	require(vm->n_macs >= 1 && vm->n_macs <= CONFIG_MAX_MACS);
	for (uint32_t i = 0; i < vm->n_macs; i++)
		require(!(vm->macs[i][0] & 1) && vm->mac_pos[i].line > 0);
	for (uint32_t i = 0; i < vm->n_addrs; i++)
		require(vm->addrs[i].family == 4 || vm->addrs[i].family == 6);
	require(vm->vlan <= PKT_VLAN_MAX && vm->class < PKT_N_CLASSES);
	require(vm->mtu >= PKT_MTU_MIN && vm->mtu <= PKT_MTU_MAX);
	require(vm->pool.min >= 64 && vm->pool.initial >= vm->pool.min);
	require(vm->pool.max >= vm->pool.initial);
	require(vm->pool.max <= 1048576);
	require(vm->n_uplink_queues < PKT_MAX_QUEUES);
	require(vm->n_uplink_queues || !vm->isolated);
	require(vm->pos.line > 0);
	check_device(&vm->device);
}

/* No queue of uplink @i is two VMs', and one is nobody's. */
static void check_queues(const struct config *config, uint32_t i)
{
	const struct config_uplink *uplink = &config->uplinks[i];
	uint32_t n = uplink->queues ? uplink->queues : PKT_MAX_QUEUES;
	uint64_t taken = 0;

	for (uint32_t j = 0; j < config->n_vms; j++) {
		const struct config_vm *vm = &config->vms[j];

		if (!config_uplink_has_vlan(uplink, vm->vlan))
			continue;
		for (uint32_t k = 0; k < vm->n_uplink_queues; k++) {
			require(vm->uplink_queues[k] < n);
			require(!(taken >> vm->uplink_queues[k] & 1));
			taken |= 1ull << vm->uplink_queues[k];
		}
	}
	require((uint32_t)__builtin_popcountll(taken) < n);
}

static void check_bypass(const struct config *config)
{
	uint32_t rule;

	for (uint32_t i = 0; i < config->n_vms; i++)
		for (uint32_t j = 0; j < config->n_vms; j++)
			if (config_bypass_allows(config, &config->vms[i],
						 &config->vms[j], &rule))
				require(i != j && rule < config->n_bypass);
	for (uint32_t i = 0; i < config->n_bypass; i++)
		require((config->bypass[i].kind == BYPASS_VMS) ==
			(config->bypass[i].n_vms >= 2));
}

static void check_config(const struct config *config)
{
	uint64_t sum = config->reserve;

	require(config->n_uplinks >= 1);
	require(config->n_uplinks <= CONFIG_MAX_UPLINKS);
	require(config->n_vms <= CONFIG_MAX_VMS);
	require(config->n_cores <= CONFIG_MAX_WORKERS);
	require(config->control_path[0] == '/');
	require(config->reserve >= 256 && config->reserve <= 65536);
	require(config->pool_batch >= 16 && config->pool_batch <= 1024);
	require(config->pool_window_ms >= 10);
	for (uint32_t i = 0; i < config->n_uplinks; i++) {
		const struct config_uplink *uplink = &config->uplinks[i];

		require(strlen(uplink->name) > 0 && uplink->device[0]);
		require(uplink->mtu <= PKT_MTU_MAX);
		sum += uplink->out_max;
		sum += (uint64_t)uplink->reserve *
		       (uplink->queues ? uplink->queues : 1);
		check_queues(config, i);
	}
	for (uint32_t i = 0; i < config->n_vms; i++) {
		check_vm(&config->vms[i]);
		if (!config->vms[i].isolated)
			sum += config->vms[i].pool.min;
	}
	require(sum <= config->frames);
	check_bypass(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	char err[2048] = "";
	int ret = config_parse((const char *)data, size, NAME, &config, err,
			       sizeof(err));

	if (ret) {
		check_error(err, ret);
		require(!config);
		ret = config_parse((const char *)data, size, NAME, &config, err,
				   1 + size % 64);
		require(ret == -EINVAL && strlen(err) <= size % 64);
		return 0;
	}
	check_config(config);
	config_free(config);
	return 0;
}
