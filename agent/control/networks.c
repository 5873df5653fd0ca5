// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Networks and addresses: see networks.h. */
#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "control/lifecycle.h"
#include "control/networks.h"
#include "control/shares.h"
#include "switching/worker.h"

/* How often learned entries are looked at, as a part of their age. */
#define AGEING_STEPS	10

static uint32_t now_s(void)
{
	return (uint32_t)(now_ns() / NS_PER_SEC);
}

/* ---- members ---- */

static bool has_vm(const struct agent *agent, uint16_t vlan)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		if (port && port->kind == PORT_VM && port->vlan == vlan)
			return true;
	}
	return false;
}

/* A port without carrier (a tap that nobody has opened, a VM that is down) is
 * not flooded to: the device would only drop it. */
static bool is_member(const struct port *port, uint16_t vlan)
{
	if (!port || port->state != PORT_STATE_UP || !port->carrier)
		return false;
	if (port->kind == PORT_VM)
		return port->vlan == vlan;
	return config_uplink_has_vlan(port->uplink_config, vlan);
}

/* VMs know their uplink: they are written again when it may be another. */
static int write_vms(struct agent *agent, uint16_t vlan)
{
	int err = 0;

	for (uint32_t i = 1; i < PKT_MAX_PORTS && !err; i++) {
		struct port *port = agent->ports[i];

		if (port && port->kind == PORT_VM && port->vlan == vlan)
			err = lifecycle_write(agent, port);
	}
	return err;
}

int networks_update(struct agent *agent, uint16_t vlan)
{
	struct datapath_member to_kernel[PKT_MAX_PORTS];
	struct port *uplink = shares_uplink_of(agent, vlan);
	uint16_t members[PKT_MAX_PORTS];
	uint32_t n = 0, n_kernel = 0;
	int err;

	if (!has_vm(agent, vlan)) {
		datapath_clear_net(agent->dp, vlan);
		return vswitch_set_network(&agent->vs, vlan, NULL, 0);
	}
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		if (!is_member(port, vlan))
			continue;
		members[n++] = port->slot;
		if (!port->xmit)
			continue;
		to_kernel[n_kernel].slot = port->slot;
		to_kernel[n_kernel].ifindex = port->ifindex;
		to_kernel[n_kernel].uplink = port->kind == PORT_UPLINK;
		n_kernel++;
	}
	err = vswitch_set_network(&agent->vs, vlan, members, n);
	if (!err)
		err = datapath_set_flood(agent->dp, vlan, to_kernel, n_kernel);
	if (!err)
		err = datapath_set_net(agent->dp, vlan,
				       uplink ? uplink->slot : 0);
	if (!err)
		err = write_vms(agent, vlan);
	return err;
}

int networks_update_port(struct agent *agent, const struct port *port)
{
	int err = 0;

	if (port->kind == PORT_VM)
		return networks_update(agent, port->vlan);
	for (uint32_t vlan = 0; vlan <= PKT_VLAN_MAX && !err; vlan++)
		if (has_vm(agent, (uint16_t)vlan) || agent->vs.nets[vlan])
			err = networks_update(agent, (uint16_t)vlan);
	return err;
}

/* ---- static addresses ---- */

/* The port that has learned the address, or NULL. */
static struct port *learned_on(struct agent *agent, const struct fdb_key *key)
{
	struct fdb_found found;

	if (!fdb_lookup(agent->vs.fdb, key, 0, 0, &found) ||
	    (found.flags & FDB_F_STATIC))
		return NULL;
	return agent->ports[found.port];
}

static int set_entry(struct agent *agent, const struct fdb_key *key,
		     uint16_t slot, uint8_t flags)
{
	struct port *learned = learned_on(agent, key);
	int err;

	err = fdb_set(agent->vs.fdb, key, slot, flags, now_s());
	if (err && err != -EALREADY)
		return err;
	if (learned)
		learned->n_learned--;
	return datapath_set_fdb(agent->dp, key, slot, flags, now_s());
}

static int add_configured(struct agent *agent, const struct port *port)
{
	const struct config *config = agent->config;
	struct fdb_key key;
	int err = 0;

	for (uint32_t i = 0; i < config->n_fdb_statics && !err; i++) {
		const struct config_fdb_static *s = &config->fdb_statics[i];

		if (strcmp(s->port, port->name))
			continue;
		memcpy(key.mac, s->mac, 6);
		key.vlan = s->vlan;
		err = set_entry(agent, &key, port->slot, FDB_F_STATIC);
	}
	return err;
}

static struct addr_key addr_key(const struct port *port,
				const struct config_addr *addr)
{
	struct addr_key key = { .port = port->slot, .family = addr->family };

	memcpy(key.addr, addr->addr, addr->family == 4 ? 4 : 16);
	return key;
}

int networks_add_addresses(struct agent *agent, const struct port *port)
{
	const struct config_vm *vm = port->vm_config;
	struct fdb_key key;
	int err;

	err = add_configured(agent, port);
	if (!vm)
		return err;
	for (uint32_t i = 0; i < vm->n_macs && !err; i++) {
		memcpy(key.mac, vm->macs[i], 6);
		key.vlan = vm->vlan;
		err = set_entry(agent, &key, port->slot, FDB_F_STATIC);
	}
	for (uint32_t i = 0; i < vm->n_addrs && !err; i++) {
		struct addr_key addr = addr_key(port, &vm->addrs[i]);

		err = datapath_set_addr(agent->dp, &addr);
	}
	return err;
}

/* ---- learned addresses ---- */

/* A full port no longer sends its unknown sources through the agent. */
static void set_learning(struct agent *agent, struct port *port)
{
	bool wanted = port->uplink_config ? port->uplink_config->learn :
					    port->vm_config->learn;
	bool learn = wanted && port->n_learned < agent->config->fdb_limit;

	if (learn == port->learn)
		return;
	if (wanted && !learn)
		log_warning("%s: %u addresses learned, the limit (fdb.limit): others are flooded to",
			    port->name, port->n_learned);
	__atomic_store_n(&port->learn, learn, __ATOMIC_RELAXED);
	lifecycle_write(agent, port);
}

struct forget {
	struct agent *agent;
	uint16_t slot;
	bool learned_only;
};

static bool forget_entry(const struct fdb_key *key,
			 const struct fdb_entry *entry, void *arg)
{
	const struct forget *forget = arg;

	if (entry->port != forget->slot ||
	    (forget->learned_only && (entry->flags & FDB_F_STATIC)))
		return false;
	datapath_del_fdb(forget->agent->dp, key);
	return true;
}

void networks_forget_learned(struct agent *agent, struct port *port)
{
	struct forget forget = { agent, port->slot, true };

	fdb_each(agent->vs.fdb, forget_entry, &forget);
	port->n_learned = 0;
	set_learning(agent, port);
}

void networks_del_addresses(struct agent *agent, struct port *port)
{
	struct forget forget = { agent, port->slot, false };
	const struct config_vm *vm = port->vm_config;

	fdb_each(agent->vs.fdb, forget_entry, &forget);
	port->n_learned = 0;
	for (uint32_t i = 0; vm && i < vm->n_addrs; i++) {
		struct addr_key addr = addr_key(port, &vm->addrs[i]);

		datapath_del_addr(agent->dp, &addr);
	}
	set_learning(agent, port);
}

/* ---- learning and ageing ---- */

static void learn_one(struct agent *agent, const struct learn_request *req)
{
	struct port *port = agent->ports[req->port], *old;
	int err;

	/* The port may have gone, or to another network, since it asked. */
	if (!is_member(port, req->key.vlan) || !port->learn)
		return;
	if (port->n_learned >= agent->config->fdb_limit) {
		agent->n_learn_refused++;
		return;
	}
	old = learned_on(agent, &req->key);
	err = fdb_set(agent->vs.fdb, &req->key, port->slot, 0, now_s());
	if (err) {
		agent->n_learn_refused += err == -ENOSPC;
		return;
	}
	if (old) {
		old->n_learned--;
		set_learning(agent, old);
	}
	if (datapath_set_fdb(agent->dp, &req->key, port->slot, 0, now_s())) {
		fdb_del(agent->vs.fdb, &req->key);
		datapath_del_fdb(agent->dp, &req->key);
		agent->n_learn_refused++;
		return;
	}
	port->n_learned++;
	set_learning(agent, port);
}

void networks_learn(struct agent *agent)
{
	struct learn_request req;

	for (uint32_t i = 0; i < agent->vs.n_workers; i++)
		while (worker_next_learn(agent->vs.workers[i], &req))
			learn_one(agent, &req);
}

struct ageing {
	struct agent *agent;
	uint32_t now_s;
	uint32_t max_s;
};

/* The programs note when they see an address in the map's entry; the table has
 * only what workers saw. The map is asked when the table's time has run out. */
static bool age_entry(const struct fdb_key *key, const struct fdb_entry *entry,
		      void *arg)
{
	const struct ageing *ageing = arg;
	struct agent *agent = ageing->agent;
	struct port *port = agent->ports[entry->port];
	uint32_t seen_s = entry->seen_s, map_s;

	if ((entry->flags & FDB_F_STATIC) ||
	    ageing->now_s - seen_s < ageing->max_s)
		return false;
	if (!datapath_fdb_seen(agent->dp, key, &map_s) &&
	    (int32_t)(map_s - seen_s) > 0)
		seen_s = map_s;
	if ((int32_t)(ageing->now_s - seen_s) < (int32_t)ageing->max_s) {
		fdb_set(agent->vs.fdb, key, entry->port, entry->flags, seen_s);
		return false;
	}
	datapath_del_fdb(agent->dp, key);
	if (port)
		port->n_learned--;
	return true;
}

void networks_age(struct agent *agent)
{
	struct ageing ageing = { agent, now_s(), agent->config->fdb_ageing_s };
	uint32_t step = max_u32(ageing.max_s / AGEING_STEPS, 1);

	if (ageing.now_s % step || !fdb_each(agent->vs.fdb, age_entry, &ageing))
		return;
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (agent->ports[i])
			set_learning(agent, agent->ports[i]);
}

/* ---- what an earlier process left ---- */

static bool stale_fdb(const struct fdb_key *key, const struct fdb_entry *entry,
		      void *arg)
{
	struct agent *agent = arg;
	struct port *port = entry->port < PKT_MAX_PORTS ?
				    agent->ports[entry->port] : NULL;
	struct fdb_found found;

	if (fdb_lookup(agent->vs.fdb, key, 0, 0, &found))
		return false;
	/* Static entries that are wanted are all in the table already. */
	if ((entry->flags & FDB_F_STATIC) || !port || !port->learn ||
	    port->state != PORT_STATE_UP || key->vlan > PKT_VLAN_MAX ||
	    port->n_learned >= agent->config->fdb_limit ||
	    !is_member(port, key->vlan) || !has_vm(agent, key->vlan))
		return true;
	if (fdb_set(agent->vs.fdb, key, port->slot, 0, entry->seen_s))
		return true;
	port->n_learned++;
	return false;
}

static bool stale_addr(const struct addr_key *key, void *arg)
{
	struct agent *agent = arg;
	const struct port *port = key->port < PKT_MAX_PORTS ?
					  agent->ports[key->port] : NULL;

	if (!port || !port->vm_config)
		return true;
	for (uint32_t i = 0; i < port->vm_config->n_addrs; i++) {
		struct addr_key wanted =
			addr_key(port, &port->vm_config->addrs[i]);

		if (!memcmp(&wanted, key, sizeof(wanted)))
			return false;
	}
	return true;
}

static bool stale_net(uint16_t vlan, void *arg)
{
	return !has_vm(arg, vlan);
}

static bool stale_dev(int ifindex, void *arg)
{
	const struct agent *agent = arg;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (agent->ports[i] && agent->ports[i]->ifindex == ifindex)
			return false;
	return true;
}

static bool stale_tag(uint32_t slot, void *arg)
{
	const struct agent *agent = arg;

	return slot >= PKT_MAX_PORTS || !agent->ports[slot] ||
	       !agent->ports[slot]->tag;
}

void networks_sweep(struct agent *agent)
{
	struct datapath_stale stale = {
		.fdb = stale_fdb,
		.addr = stale_addr,
		.net = stale_net,
		.dev = stale_dev,
		.tag = stale_tag,
		.arg = agent,
	};

	datapath_sweep_maps(agent->dp, &stale);
}
