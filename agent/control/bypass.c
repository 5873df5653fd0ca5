// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pairs that pass the switch by: see bypass.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/bypass.h"
#include "control/guests.h"

static bool is_guest(const struct port *port)
{
	return port && port->kind == PORT_VM && port->vm_config &&
	       port->vm_config->device.type == DEVICE_VHOST_USER;
}

bool bypass_is_pair(const struct port *from, const struct port *to)
{
	return is_guest(from) && is_guest(to) && from != to &&
	       from->vlan == to->vlan;
}

/* Why packets from or to @port go through the switch; false: they need not. */
static bool hold(const struct port *port, char *why, size_t size)
{
	if (!port->vhost || port->state != PORT_STATE_UP) {
		snprintf(why, size, "%s is not up", port->name);
		return true;
	}
	if (port->vhost->held) {
		snprintf(why, size, "pktctl bypass off %s", port->name);
		return true;
	}
	if (config_is_limited(port->vm_config)) {
		snprintf(why, size, "%s has a rate", port->name);
		return true;
	}
	if (port->shaper) {
		snprintf(why, size, "%s is shaped", port->name);
		return true;
	}
	return false;
}

static void decide(const struct agent *agent, const struct port *from,
		   const struct port *to, struct bypass_info *info)
{
	memset(info, 0, sizeof(*info));
	if (!config_bypass_allows(agent->config, from->vm_config, to->vm_config,
				  &info->rule)) {
		info->state = BYPASS_OFF;
		snprintf(info->why, sizeof(info->why),
			 "no rule of bypass names this pair");
		return;
	}
	info->state = BYPASS_HELD;
	if (!hold(from, info->why, sizeof(info->why)) &&
	    !hold(to, info->why, sizeof(info->why)))
		info->state = BYPASS_ACTIVE;
}

static void count(const struct port *from, const struct port *to,
		  struct counter *sum)
{
	const struct vhost_port *vp = from->vhost;

	for (uint32_t i = 0; vp && i < vp->n_pairs; i++) {
		const struct counter *c = &vp->pairs[i]->bypassed[to->slot];

		sum->packets += __atomic_load_n(&c->packets, __ATOMIC_RELAXED);
		sum->bytes += __atomic_load_n(&c->bytes, __ATOMIC_RELAXED);
	}
}

void bypass_look(const struct agent *agent, const struct port *from,
		 const struct port *to, struct bypass_info *ret_info)
{
	decide(agent, from, to, ret_info);
	count(from, to, &ret_info->passed);
}

static void apply_from(struct agent *agent, struct port *from)
{
	uint64_t bits[ARRAY_SIZE(from->bypass)] = { 0 };
	struct bypass_info info;
	bool any = false;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		if (!bypass_is_pair(from, agent->ports[i]))
			continue;
		decide(agent, from, agent->ports[i], &info);
		if (info.state != BYPASS_ACTIVE)
			continue;
		bits[i / 64] |= 1ull << i % 64;
		any = true;
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(bits); i++)
		__atomic_store_n(&from->bypass[i], bits[i], __ATOMIC_RELAXED);
	__atomic_store_n(&from->may_bypass, any, __ATOMIC_RELAXED);
}

void bypass_apply(struct agent *agent)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (is_guest(agent->ports[i]))
			apply_from(agent, agent->ports[i]);
}

int bypass_hold(struct agent *agent, struct port *port, bool held)
{
	if (!is_guest(port))
		return -EINVAL;
	if (!port->vhost)
		return -EAGAIN;
	port->vhost->held = held;
	bypass_apply(agent);
	return 0;
}
