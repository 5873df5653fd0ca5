// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reload: from the running configuration to another, port by port.
 *
 * A port is the same port as long as its device, or its socket, is the same.
 * apply() makes the agent's ports what a configuration says, touching only what
 * differs; if it fails half way, apply() with the old configuration is the way
 * back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/agent.h"
#include "control/bypass.h"
#include "control/lifecycle.h"
#include "control/networks.h"
#include "control/pools.h"
#include "control/shaping.h"
#include "control/shares.h"
#include "policy/admission.h"

struct summary {
	uint32_t n_added, n_removed, n_changed, n_same;
};

/* ---- which port is which ---- */

static struct port *uplink_on(struct agent *agent, const char *ifname)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (port && port->kind == PORT_UPLINK &&
		    !strcmp(port->ifname, ifname))
			return port;
	}
	return NULL;
}

/* Whether @a and @b are one place that a VM can be behind. */
static bool same_place(const struct config_device *a,
		       const struct config_device *b)
{
	if (a->type == DEVICE_VHOST_USER || b->type == DEVICE_VHOST_USER)
		return a->type == b->type &&
		       !strcmp(a->vhost.socket, b->vhost.socket);
	return !strcmp(a->name, b->name);
}

static struct port *vm_on(struct agent *agent,
			  const struct config_device *device)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (port && port->kind == PORT_VM &&
		    same_place(&port->vm_config->device, device))
			return port;
	}
	return NULL;
}

static bool is_wanted(const struct port *port, const struct config *config)
{
	for (uint32_t i = 0; i < config->n_uplinks; i++)
		if (port->kind == PORT_UPLINK &&
		    !strcmp(config->uplinks[i].device, port->ifname))
			return true;
	for (uint32_t i = 0; i < config->n_vms; i++)
		if (port->kind == PORT_VM &&
		    same_place(&config->vms[i].device,
			       &port->vm_config->device))
			return true;
	return false;
}

/* ---- what a reload cannot change ---- */

#define REFUSE(...)                                   \
	do {                                          \
		snprintf(err, err_size, __VA_ARGS__); \
		return -EINVAL;                       \
	} while (0)

static bool same_queues(const struct config_vm *a, const struct config_vm *b)
{
	return a->n_uplink_queues == b->n_uplink_queues &&
	       !memcmp(a->uplink_queues, b->uplink_queues,
		       a->n_uplink_queues * sizeof(a->uplink_queues[0]));
}

/* Whether the memory that an isolated VM is to have, or has, is another. */
static bool needs_memory(const struct config *old, const struct config_vm *vm)
{
	const struct config_vm *before = NULL;

	for (uint32_t i = 0; i < old->n_vms; i++)
		if (!strcmp(old->vms[i].name, vm->name))
			before = &old->vms[i];
	if (!vm->isolated)
		return before && before->isolated;
	return !before || !before->isolated || before->vlan != vm->vlan ||
	       before->pool.max != vm->pool.max || !same_queues(before, vm);
}

static int check_fixed(const struct config *old, const struct config *new,
		       char *err, size_t err_size)
{
	if (strcmp(old->bpffs, new->bpffs) ||
	    strcmp(old->run_dir, new->run_dir) ||
	    strcmp(old->control_path, new->control_path) ||
	    strcmp(old->control_group, new->control_group) ||
	    old->control_mode != new->control_mode)
		REFUSE("%s: agent.bpffs, run_dir and control need a restart; nothing was changed",
		       new->file);
	if (old->metadata != new->metadata ||
	    old->heartbeat_timeout_ms != new->heartbeat_timeout_ms)
		REFUSE("%s: agent.metadata and heartbeat_timeout_ms need a restart; nothing was changed",
		       new->file);
	if (old->frames != new->frames || old->frame_size != new->frame_size ||
	    old->hugepages != new->hugepages)
		REFUSE("%s:%d:%d: memory: %u frames of %u bytes instead of %u of %u: memory needs a restart; nothing was changed",
		       new->file, new->frames_pos.line, new->frames_pos.col,
		       new->frames, new->frame_size, old->frames,
		       old->frame_size);
	if (old->reserve != new->reserve)
		REFUSE("%s: memory.reserve: %u frames instead of %u: memory needs a restart; nothing was changed",
		       new->file, new->reserve, old->reserve);
	for (uint32_t i = 0; i < new->n_vms; i++)
		if (needs_memory(old, &new->vms[i]))
			REFUSE("%s:%d:%d: vms[%u]: %s: memory of its own (isolated, its pool.max and uplink_queues) needs a restart; nothing was changed",
			       new->file, new->vms[i].pos.line,
			       new->vms[i].pos.col, i, new->vms[i].name);
	if (old->n_cores != new->n_cores || old->idle_us != new->idle_us ||
	    memcmp(old->cores, new->cores, sizeof(old->cores)))
		REFUSE("%s:%d:%d: workers need a restart; nothing was changed",
		       new->file, new->cores_pos.line, new->cores_pos.col);
	if (old->metrics != new->metrics ||
	    old->metrics_port != new->metrics_port ||
	    strcmp(old->metrics_host, new->metrics_host))
		REFUSE("%s: metrics.listen needs a restart; nothing was changed",
		       new->file);
	return 0;
}

/* Devices of ports that are new must be there, as at the start. */
static int check_devices(struct agent *agent, const struct config *new,
			 char *err, size_t err_size)
{
	struct link_info info;

	for (uint32_t i = 0; i < new->n_uplinks; i++) {
		const struct config_uplink *u = &new->uplinks[i];

		if (!uplink_on(agent, u->device) &&
		    link_get(u->device, &info) == -ENODEV)
			REFUSE("%s:%d:%d: uplinks[%u].device: %s: no such device; nothing was changed",
			       new->file, u->device_pos.line, u->device_pos.col,
			       i, u->device);
	}
	for (uint32_t i = 0; i < new->n_vms; i++) {
		const struct config_device *d = &new->vms[i].device;

		if (d->type != DEVICE_VHOST_USER && !d->create &&
		    !vm_on(agent, d) && link_get(d->name, &info) == -ENODEV)
			REFUSE("%s:%d:%d: vms[%u].device.name: %s: no such device; nothing was changed",
			       new->file, d->name_pos.line, d->name_pos.col, i,
			       d->name);
	}
	return 0;
}

/* By the frames that there are: pktctl pool arena may have made it others than
 * the file says. */
static int check_pools(struct agent *agent, const struct config *new, char *err,
		       size_t err_size)
{
	uint32_t n_queues[CONFIG_MAX_UPLINKS];
	int ret;

	admission_count_queues(new, n_queues);
	ret = admission_check_queues(new, n_queues, err, err_size);
	if (ret)
		return ret;
	return admission_check(new, agent->vs.arena.regions[0].n_frames,
			       n_queues, agent->vs.n_workers, err, err_size);
}

/* ---- changing a port ---- */

static bool same_static(const struct config *a, const struct config *b,
			const char *name_a, const char *name_b)
{
	uint32_t n = 0, m = 0;

	/* In order: a reordered list counts as a change, which is harmless. */
	for (;;) {
		while (n < a->n_fdb_statics &&
		       strcmp(a->fdb_statics[n].port, name_a))
			n++;
		while (m < b->n_fdb_statics &&
		       strcmp(b->fdb_statics[m].port, name_b))
			m++;
		if (n == a->n_fdb_statics || m == b->n_fdb_statics)
			return n == a->n_fdb_statics && m == b->n_fdb_statics;
		if (a->fdb_statics[n].vlan != b->fdb_statics[m].vlan ||
		    memcmp(a->fdb_statics[n].mac, b->fdb_statics[m].mac, 6))
			return false;
		n++;
		m++;
	}
}

static bool same_addresses(const struct config_vm *a, const struct config_vm *b)
{
	return a->n_macs == b->n_macs && a->n_addrs == b->n_addrs &&
	       !memcmp(a->macs, b->macs, a->n_macs * sizeof(a->macs[0])) &&
	       (!a->n_addrs ||
		!memcmp(a->addrs, b->addrs, a->n_addrs * sizeof(a->addrs[0])));
}

/* What a front-end has been offered. */
static bool same_vhost(const struct config_vhost *a,
		       const struct config_vhost *b)
{
	return !strcmp(a->socket, b->socket) && a->mode == b->mode &&
	       a->socket_mode == b->socket_mode && a->queues == b->queues &&
	       a->csum == b->csum && a->tso == b->tso && a->gro == b->gro;
}

static bool same_device(const struct config_device *a,
			const struct config_device *b)
{
	return a->type == b->type && a->create == b->create &&
	       a->owner == b->owner && a->vnet_hdr == b->vnet_hdr &&
	       !strcmp(a->peer, b->peer) && !strcmp(a->netns, b->netns) &&
	       same_vhost(&a->vhost, &b->vhost);
}

/* Who was let in by what is allowed has to come again if that changes; the
 * device itself stays. */
static bool same_allow(const struct config_device *a,
		       const struct config_device *b)
{
	return a->allow_uid == b->allow_uid &&
	       !strcmp(a->allow_cgroup, b->allow_cgroup);
}

static bool same_moderation(const struct config_vhost *a,
			    const struct config_vhost *b)
{
	return a->call_packets == b->call_packets && a->call_us == b->call_us;
}

static bool same_pool(const struct config_vm *a, const struct config_vm *b)
{
	return a->pool.min == b->pool.min &&
	       a->pool.initial == b->pool.initial && a->pool.max == b->pool.max;
}

static bool same_vm(const struct config_vm *a, const struct config_vm *b)
{
	return !strcmp(a->name, b->name) && same_addresses(a, b) &&
	       a->vlan == b->vlan && a->guest_tags == b->guest_tags &&
	       a->learn == b->learn && a->way == b->way && a->mtu == b->mtu &&
	       a->class == b->class && same_device(&a->device, &b->device) &&
	       same_allow(&a->device, &b->device) &&
	       same_moderation(&a->device.vhost, &b->device.vhost) &&
	       same_pool(a, b) && same_queues(a, b) &&
	       a->isolated == b->isolated && a->weight == b->weight &&
	       config_same_rate(&a->rate_in, &b->rate_in) &&
	       config_same_rate(&a->rate_out, &b->rate_out) &&
	       config_same_shape(&a->shape, &b->shape);
}

static bool same_uplink(const struct config_uplink *a,
			const struct config_uplink *b)
{
	return !strcmp(a->name, b->name) && a->queues == b->queues &&
	       !memcmp(a->vlans, b->vlans, sizeof(a->vlans)) &&
	       a->zero_copy == b->zero_copy && a->way == b->way &&
	       a->learn == b->learn && a->host == b->host && a->mtu == b->mtu &&
	       a->reserve == b->reserve && a->out_max == b->out_max &&
	       config_same_shape(&a->shape, &b->shape);
}

/* Down and up again, for what cannot be changed in place. A device that we
 * made stays, with the guest that uses it, unless it has to be @made_anew; and
 * so does what has been asked of the pool, unless that is @another. */
static int restart(struct agent *agent, struct port *port, bool made_anew,
		   bool another)
{
	lifecycle_down(agent, port, PORT_STATE_DOWN, "reload");
	if (another)
		pools_begin(port);
	if (made_anew && port->ifname[0])
		device_restore(agent->journal, port->ifname);
	if (!lifecycle_up(agent, port) || port->state == PORT_STATE_ABSENT)
		return 0;
	return -EIO;
}

static void take_vm_config(struct port *port, const struct config_vm *vm)
{
	snprintf(port->name, sizeof(port->name), "%s", vm->name);
	port->vm_config = vm;
	port->way = vm->way;
	port->class = vm->class;
	__atomic_store_n(&port->learn, vm->learn, __ATOMIC_RELAXED);
	__atomic_store_n(&port->guest_tags, vm->guest_tags, __ATOMIC_RELAXED);
}

static int change_vm(struct agent *agent, struct port *port,
		     const struct config_vm *new, bool statics_differ)
{
	const struct config_vm *old = port->vm_config;
	bool in_place = old->mtu == new->mtu &&
			old->isolated == new->isolated &&
			!(config_is_limited(new) && shaping_is_spread(port)) &&
			same_device(&old->device, &new->device) &&
			same_allow(&old->device, &new->device);
	bool addresses = !same_addresses(old, new) || old->vlan != new->vlan ||
			 statics_differ;
	bool another = !same_pool(old, new);
	int err = 0;

	/* Hidden, it would keep what it was opened with. */
	if (port->ifindex && !port->up)
		lifecycle_down(agent, port, PORT_STATE_DOWN, "reload");
	/* Taken out by the old configuration, written by the new one. */
	if (addresses)
		networks_del_addresses(agent, port);
	take_vm_config(port, new);
	if (old->vlan != new->vlan)
		err = lifecycle_move_network(agent, port, new->vlan);
	if (!err && addresses)
		err = networks_add_addresses(agent, port);
	if (!err && old->learn && !new->learn)
		networks_forget_learned(agent, port);
	if (!err && in_place)
		err = lifecycle_resize(agent, port);
	/* A guest that has not come yet is waited for by what was. */
	if (!err && (in_place || (port->state != PORT_STATE_UP &&
				  new->device.type != DEVICE_VHOST_USER))) {
		if (!in_place && another)
			pools_begin(port);
		return lifecycle_write(agent, port);
	}
	if (!err || err == -EINVAL)
		err = restart(agent, port,
			      !same_device(&old->device, &new->device),
			      another);
	return err;
}

static int change_uplink(struct agent *agent, struct port *port,
			 const struct config_uplink *new, bool statics_differ)
{
	const struct config_uplink *old = port->uplink_config;
	bool in_place = old->queues == new->queues &&
			old->zero_copy == new->zero_copy &&
			old->mtu == new->mtu && old->reserve == new->reserve &&
			old->out_max == new->out_max;
	int err = 0;

	if (statics_differ)
		networks_del_addresses(agent, port);
	if (memcmp(old->vlans, new->vlans, sizeof(old->vlans)))
		shares_close_all(agent, port);
	snprintf(port->name, sizeof(port->name), "%s", new->name);
	port->uplink_config = new;
	port->way = new->way;
	__atomic_store_n(&port->host, new->host, __ATOMIC_RELAXED);
	__atomic_store_n(&port->learn, new->learn, __ATOMIC_RELAXED);
	if (statics_differ)
		err = networks_add_addresses(agent, port);
	if (old->learn && !new->learn)
		networks_forget_learned(agent, port);
	if (err || port->state != PORT_STATE_UP)
		return err;
	if (!in_place)
		return restart(agent, port, false, false);
	err = lifecycle_write(agent, port);
	if (!err)
		err = networks_update_port(agent, port);
	if (!err && memcmp(old->vlans, new->vlans, sizeof(old->vlans)))
		shares_open_all(agent, port);
	return err;
}

/* ---- queues that are a VM's own ---- */

/* Whether all VMs of @a that have queues of their own have the same in @b. */
static bool keeps_queues(const struct config *a, const struct config *b)
{
	for (uint32_t i = 0; i < a->n_vms; i++) {
		const struct config_vm *vm = &a->vms[i];
		bool found = !vm->n_uplink_queues;

		for (uint32_t j = 0; j < b->n_vms && !found; j++)
			found = same_place(&vm->device, &b->vms[j].device) &&
				same_queues(vm, &b->vms[j]) &&
				vm->vlan == b->vms[j].vlan;
		if (!found)
			return false;
	}
	return true;
}

static int arrange_queues(struct agent *agent, char *err, size_t err_size)
{
	int ret = 0;

	for (uint32_t i = 1; i < PKT_MAX_PORTS && !ret; i++) {
		struct port *port = agent->ports[i];

		if (!port || port->kind != PORT_UPLINK ||
		    port->state != PORT_STATE_UP)
			continue;
		ret = shares_arrange(agent, port);
		if (ret)
			snprintf(err, err_size, "%s: uplink_queues: %s",
				 port->name, strerror(-ret));
	}
	return ret;
}

/* ---- applying a configuration ---- */

static int explain(const struct port *port, const char *name, int ret,
		   char *err, size_t err_size)
{
	snprintf(err, err_size, "%s: %s", name,
		 port && port->why[0] ? port->why : strerror(-ret));
	return ret;
}

static int apply_uplink(struct agent *agent, const struct config *from,
			const struct config *to, const struct config_uplink *u,
			struct summary *sum, char *err, size_t err_size)
{
	struct port *port = uplink_on(agent, u->device);
	bool statics;
	int ret;

	if (!port) {
		ret = lifecycle_new_uplink(agent, u, &port);
		if (!ret)
			ret = lifecycle_up(agent, port);
		sum->n_added++;
		return ret ? explain(port, u->name, ret, err, err_size) : 0;
	}
	statics = !same_static(from, to, port->name, u->name);
	if (same_uplink(port->uplink_config, u) && !statics) {
		port->uplink_config = u;
		sum->n_same++;
		return 0;
	}
	sum->n_changed++;
	ret = change_uplink(agent, port, u, statics);
	return ret ? explain(port, u->name, ret, err, err_size) : 0;
}

static int apply_vm(struct agent *agent, const struct config *from,
		    const struct config *to, const struct config_vm *vm,
		    struct summary *sum, char *err, size_t err_size)
{
	struct port *port = vm_on(agent, &vm->device);
	bool statics;
	int ret;

	if (!port) {
		ret = lifecycle_new_vm(agent, vm, &port);
		if (!ret)
			ret = lifecycle_up(agent, port);
		sum->n_added++;
		return ret ? explain(port, vm->name, ret, err, err_size) : 0;
	}
	statics = !same_static(from, to, port->name, vm->name);
	if (same_vm(port->vm_config, vm) && !statics) {
		port->vm_config = vm;
		sum->n_same++;
		return 0;
	}
	sum->n_changed++;
	ret = change_vm(agent, port, vm, statics);
	return ret ? explain(port, vm->name, ret, err, err_size) : 0;
}

/* After the ports are what they are to be: who has classes, and goes the agent way
 * for it. */
static int apply_shapes(struct agent *agent, char *err, size_t err_size)
{
	int ret;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (agent->ports[i] && !agent->ports[i]->vhost)
			lifecycle_refresh(agent, agent->ports[i], NULL);
	ret = shaping_apply_all(agent);
	if (ret)
		snprintf(err, err_size, "rates and classes: %s",
			 strerror(-ret));
	return ret;
}

/* Removes first: what a removed port held is free for the others. A failure
 * ends it, but not on the way back: the ports must let go of @from. */
static int apply(struct agent *agent, struct config *from, struct config *to,
		 bool back, struct summary *sum, char *err, size_t err_size)
{
	int ret = 0;

	agent->config = to;
	pools_tune(agent);
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (!port || is_wanted(port, to))
			continue;
		lifecycle_free(agent, port);
		agent_beat(agent);
		sum->n_removed++;
	}
	for (uint32_t i = 0; i < to->n_uplinks && (!ret || back); i++) {
		int one = apply_uplink(agent, from, to, &to->uplinks[i], sum,
				       err, err_size);

		ret = ret ? ret : one;
		agent_beat(agent);
	}
	for (uint32_t i = 0; i < to->n_vms && (!ret || back); i++) {
		int one = apply_vm(agent, from, to, &to->vms[i], sum, err,
				   err_size);

		ret = ret ? ret : one;
		agent_beat(agent);
	}
	if ((!ret || back) &&
	    !(keeps_queues(from, to) && keeps_queues(to, from))) {
		int one = arrange_queues(agent, err, err_size);

		ret = ret ? ret : one;
	}
	bypass_apply(agent);
	if (!ret || back) {
		int one = apply_shapes(agent, err, err_size);

		ret = ret ? ret : one;
	}
	return ret;
}

static void go_back(struct agent *agent, struct config *from, struct config *to)
{
	struct summary sum = { 0 };
	char why[256];

	if (apply(agent, from, to, true, &sum, why, sizeof(why)))
		log_error("reload: going back to the old configuration: %s",
			  why);
	/* What the attempt took down need not wait. */
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (agent->ports[i])
			agent->ports[i]->retry_ns = 0;
	lifecycle_retry(agent);
}

int agent_reload(struct agent *agent, struct config *config, char *text,
		 size_t size)
{
	struct config *old = agent->config;
	struct summary sum = { 0 };
	int ret;

	ret = check_fixed(old, config, text, size);
	if (!ret)
		ret = check_devices(agent, config, text, size);
	if (!ret)
		ret = check_pools(agent, config, text, size);
	if (ret) {
		agent->n_reload_failures++;
		return ret;
	}
	ret = apply(agent, old, config, false, &sum, text, size);
	if (ret) {
		agent->n_reload_failures++;
		go_back(agent, config, old);
		return ret;
	}
	if (config->log_level != old->log_level)
		log_set_level((enum log_level)config->log_level);
	config_free(old);
	agent->n_reloads++;
	snprintf(text, size, "%u added, %u removed, %u changed, %u as before",
		 sum.n_added, sum.n_removed, sum.n_changed, sum.n_same);
	return 0;
}
