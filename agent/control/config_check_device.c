/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks of the keys below vms[].device: which belong to which type, which need
 * each other, and what two VMs cannot share.
 */
#include <stdio.h>
#include <string.h>

#include "control/config_check.h"
#include "control/config_check_private.h"

/* ---- what two VMs cannot share ---- */

static bool same_netns(const char *a, const char *b)
{
	static const char dir[] = "/run/netns/";

	if (strncmp(a, dir, strlen(dir)) == 0)
		a += strlen(dir);
	if (strncmp(b, dir, strlen(dir)) == 0)
		b += strlen(dir);
	return strcmp(a, b) == 0;
}

int config_check_peers(const struct check *c)
{
	const struct config_vm *vms = c->config->vms;
	char path[CHECK_PATH_MAX];
	char taken[CHECK_PATH_MAX];

	for (uint32_t i = 0; i < c->config->n_vms; i++) {
		for (uint32_t j = 0; j < i; j++) {
			const struct config_device *a = &vms[i].device;
			const struct config_device *b = &vms[j].device;
			int line;

			if (!a->peer[0] || strcmp(a->peer, b->peer) != 0 ||
			    !same_netns(a->netns, b->netns))
				continue;
			snprintf(path, sizeof(path), "vms[%u].device.peer", i);
			snprintf(taken, sizeof(taken), "vms[%u].device.peer",
				 j);
			line = config_check_line(c, taken);
			return config_check_fail(
				c, path, "",
				"is already %s (line %d) in the same "
				"netns; each VM needs a peer of its own",
				taken, line);
		}
	}
	return 0;
}

int config_check_sockets(const struct check *c)
{
	const struct config_vm *vms = c->config->vms;
	char path[CHECK_PATH_MAX];
	char taken[CHECK_PATH_MAX];
	int line;

	for (uint32_t i = 0; i < c->config->n_vms; i++) {
		const char *name = vms[i].device.vhost.socket;

		snprintf(path, sizeof(path), "vms[%u].device.socket", i);
		if (strcmp(name, c->config->control_path) == 0)
			return config_check_fail(
				c, path, "",
				"is the agent's control socket; each VM "
				"needs a socket of its own");
		for (uint32_t j = 0; j < i && name[0]; j++) {
			if (strcmp(name, vms[j].device.vhost.socket) != 0)
				continue;
			snprintf(taken, sizeof(taken), "vms[%u].device.socket",
				 j);
			line = config_check_line(c, taken);
			return config_check_fail(
				c, path, "",
				"is already %s (line %d); each VM needs a "
				"socket of its own",
				taken, line);
		}
	}
	return 0;
}

/* ---- keys that go together ---- */

/* The first key of @names, NULL at the end, that the device of VM @i has;
 * @ret_path: its path. */
static bool has_key_of(const struct check *c, uint32_t i,
		       const char *const *names, char *ret_path, size_t size)
{
	size_t len;

	for (; *names; names++) {
		snprintf(ret_path, size, "vms[%u].device.%s", i, *names);
		config_tree_find(c->tree, ret_path, &len);
		if (!ret_path[len])
			return true;
	}
	return false;
}

static int check_veth(const struct check *c, uint32_t i)
{
	static const char *const others[] = { "allow", NULL };
	const struct config_device *device = &c->config->vms[i].device;
	char path[CHECK_PATH_MAX];
	size_t len;

	if (has_key_of(c, i, others, path, sizeof(path)))
		return config_check_fail(
			c, path, "",
			"is for taps and vhost-user only, and this device is "
			"a veth, whose VM is known by netns: remove it");
	if (device->create && !device->peer[0]) {
		snprintf(path, sizeof(path), "vms[%u].device.peer", i);
		return config_check_fail(
			c, path, "missing",
			"is required with \"create: true\": the name that "
			"the other end of the veth pair gets");
	}
	if (device->peer[0] && !device->netns[0]) {
		snprintf(path, sizeof(path), "vms[%u].device.netns", i);
		return config_check_fail(
			c, path, "missing",
			"is required with peer: the network namespace "
			"that the peer is in, or is put into");
	}
	if (device->netns[0] && !device->peer[0]) {
		snprintf(path, sizeof(path), "vms[%u].device.peer", i);
		return config_check_fail(
			c, path, "missing",
			"is required with netns: the name of the other "
			"end of the veth pair in that namespace");
	}
	snprintf(path, sizeof(path), "vms[%u].device.owner", i);
	config_tree_find(c->tree, path, &len);
	if (!path[len])
		return config_check_fail(
			c, path, "",
			"is for taps only, and this device is a veth: "
			"remove it");
	if (device->vnet_hdr) {
		snprintf(path, sizeof(path), "vms[%u].device.vnet_hdr", i);
		return config_check_fail(
			c, path, "",
			"is for taps only, and this device is a veth: "
			"remove it");
	}
	return 0;
}

static int check_allow(const struct check *c, uint32_t i)
{
	const char *cgroup = c->config->vms[i].device.allow_cgroup;
	size_t len = strlen(cgroup);
	char path[CHECK_PATH_MAX];

	if (len <= 1 || cgroup[len - 1] != '/')
		return 0;
	snprintf(path, sizeof(path), "vms[%u].device.allow.cgroup", i);
	return config_check_fail(
		c, path, "", "must not end with /: a cgroup's path never does");
}

static int check_tap(const struct check *c, uint32_t i)
{
	const struct config_device *device = &c->config->vms[i].device;
	char path[CHECK_PATH_MAX];

	if (!device->peer[0] && !device->netns[0])
		return check_allow(c, i);
	snprintf(path, sizeof(path), "vms[%u].device.%s", i,
		 device->peer[0] ? "peer" : "netns");
	return config_check_fail(
		c, path, "",
		"is for veths only, and this device is a tap: remove it");
}

/* veth and tap. */
static int check_netdev(const struct check *c, uint32_t i)
{
	static const char *const others[] = { "socket",	     "mode",
					      "socket_mode", "queues",
					      "offloads",    "moderation",
					      NULL };
	const struct config_device *device = &c->config->vms[i].device;
	const char *type = device->type == DEVICE_TAP ? "tap" : "veth";
	char path[CHECK_PATH_MAX];

	if (has_key_of(c, i, others, path, sizeof(path)))
		return config_check_fail(
			c, path, "",
			"is for vhost-user only, and this device is a %s: "
			"remove it",
			type);
	if (!device->name[0]) {
		snprintf(path, sizeof(path), "vms[%u].device.name", i);
		return config_check_fail(
			c, path, "missing",
			"is required with \"type: %s\": the name of the "
			"network device on the host",
			type);
	}
	return device->type == DEVICE_TAP ? check_tap(c, i) : check_veth(c, i);
}

static int check_offloads(const struct check *c, uint32_t i)
{
	const struct config_vhost *vhost = &c->config->vms[i].device.vhost;
	char path[CHECK_PATH_MAX];

	if (vhost->tso && !vhost->csum) {
		snprintf(path, sizeof(path), "vms[%u].device.offloads.tso", i);
		return config_check_fail(
			c, path, "",
			"needs \"csum: true\": the checksums of segments "
			"cannot be known before they are cut");
	}
	if (vhost->gro && !vhost->tso) {
		snprintf(path, sizeof(path), "vms[%u].device.offloads.gro", i);
		return config_check_fail(
			c, path, "",
			"needs \"tso: true\": only a guest that was "
			"offered large packets can get merged ones");
	}
	return 0;
}

static int check_moderation(const struct check *c, uint32_t i)
{
	const struct config_vhost *vhost = &c->config->vms[i].device.vhost;
	char path[CHECK_PATH_MAX];

	if (vhost->call_packets > 1 && !vhost->call_us) {
		snprintf(path, sizeof(path),
			 "vms[%u].device.moderation.packets", i);
		return config_check_fail(
			c, path, "",
			"needs us above 0: how long the last packets may "
			"wait when no more come");
	}
	if (vhost->call_us && vhost->call_packets == 1) {
		snprintf(path, sizeof(path), "vms[%u].device.moderation.us", i);
		return config_check_fail(
			c, path, "",
			"needs packets above 1: with 1 the guest is called "
			"at once");
	}
	return 0;
}

static int check_vhost(const struct check *c, uint32_t i)
{
	static const char *const others[] = { "name",  "create", "peer",
					      "netns", "owner",	 "vnet_hdr",
					      NULL };
	static const char *const server[] = { "socket_mode", NULL };
	const struct config_vhost *vhost = &c->config->vms[i].device.vhost;
	char path[CHECK_PATH_MAX];
	int err;

	if (has_key_of(c, i, others, path, sizeof(path)))
		return config_check_fail(
			c, path, "",
			"is for veths and taps only, and this device is "
			"vhost-user, which is a socket: remove it");
	if (!vhost->socket[0]) {
		snprintf(path, sizeof(path), "vms[%u].device.socket", i);
		return config_check_fail(
			c, path, "missing",
			"is required with \"type: vhost-user\": the path "
			"of the socket between the agent and QEMU");
	}
	if (vhost->mode == SOCKET_CLIENT &&
	    has_key_of(c, i, server, path, sizeof(path)))
		return config_check_fail(
			c, path, "",
			"is for \"mode: server\" only, because a client "
			"makes no socket: remove it");
	err = check_allow(c, i);
	if (!err)
		err = check_offloads(c, i);
	return err ? err : check_moderation(c, i);
}

int config_check_device(const struct check *c, uint32_t i)
{
	if (c->config->vms[i].device.type == DEVICE_VHOST_USER)
		return check_vhost(c, i);
	return check_netdev(c, i);
}
