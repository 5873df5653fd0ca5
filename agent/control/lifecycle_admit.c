// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Ports whose device is open: what it can do, and whether who is at its other
 * end may be there. See lifecycle.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/lifecycle.h"
#include "control/networks.h"
#include "control/shaping.h"
#include "control/tags.h"

/* ---- what the device can do ---- */

static bool read_xmit(struct port *port)
{
	uint64_t features;
	int err;

	if (shaping_is_forced(port, port->way_why, sizeof(port->way_why)))
		return false;
	err = link_xdp_features(port->ifindex, &features);
	if (err) {
		snprintf(port->way_why, sizeof(port->way_why),
			 "the kernel does not tell the device's XDP features (%s)",
			 strerror(-err));
		return false;
	}
	if (features & XDP_FEATURE_NDO_XMIT) {
		port->way_why[0] = 0;
		return true;
	}
	snprintf(port->way_why, sizeof(port->way_why), "%s",
		 !strcmp(port->driver, "veth") ?
			 "the peer does no NAPI: ethtool -K PEER gro on" :
			 "the driver takes no XDP redirects");
	return false;
}

/* veth does not notice by itself that a VM has come up with GRO on. */
static bool find_xmit(struct port *port, const struct link_info *info,
		      bool came_up)
{
	if (read_xmit(port))
		return true;
	return came_up && port->vm_config &&
	       !shaping_is_forced(port, NULL, 0) &&
	       !device_renew_peer(port->vm_config, info) && read_xmit(port);
}

void lifecycle_refresh(struct agent *agent, struct port *port,
		       const struct link_info *info)
{
	bool carrier = info ? info->carrier : port->carrier;
	bool xmit;

	if (port->state != PORT_STATE_UP)
		return;
	xmit = info ? find_xmit(port, info, carrier && !port->carrier) :
		      read_xmit(port);
	if (xmit == port->xmit && carrier == port->carrier)
		return;
	if (xmit != port->xmit)
		log_info("%s: %s %s XDP redirects now", port->name,
			 port->ifname, xmit ? "takes" : "does not take");
	if (carrier != port->carrier)
		log_info("%s: %s %s now", port->name, port->ifname,
			 carrier ? "has a carrier" : "has no carrier");
	port->xmit = xmit;
	port->carrier = carrier;
	lifecycle_write(agent, port);
	networks_update_port(agent, port);
}

/* ---- who is there ---- */

static int come_up(struct agent *agent, struct port *port,
		   const struct link_info *info)
{
	int err;

	port->carrier = info->carrier;
	/* After attaching: veth's features depend on it. */
	port->xmit = find_xmit(port, info, info->carrier);
	err = lifecycle_show(agent, port);
	if (err)
		return err;
	log_info("%s: up: %s (%s), %u queue%s, MTU %u, %s way%s%s%s", port->name,
		 port->ifname, port->driver[0] ? port->driver : "no driver",
		 port->n_queues, port->n_queues == 1 ? "" : "s", port->mtu,
		 agent_port_way(port) == WAY_KERNEL ? "kernel" : "agent",
		 port->carrier ? "" : ", no carrier yet",
		 port->note[0] ? "; " : "", port->note);
	return 0;
}

int lifecycle_admit(struct agent *agent, struct port *port,
		    const struct link_info *info)
{
	char why[sizeof(port->why)] = "";
	int ret;

	ret = tags_admit(agent, port, info, why, sizeof(why));
	if (!ret) {
		ret = port->up ? 0 : come_up(agent, port, info);
		if (!ret)
			return 0;
		snprintf(why, sizeof(why), "%s", port->why);
		lifecycle_hide(agent, port, PORT_STATE_DOWN, why);
		return ret;
	}
	port->carrier = info->carrier;
	if (!port->up && !strcmp(port->why, why))
		return 0;
	lifecycle_hide(agent, port,
		       ret == -ENOTCONN ? PORT_STATE_ABSENT : PORT_STATE_DOWN,
		       why);
	log_info("%s: down: %s", port->name, why);
	return 0;
}

void lifecycle_look(struct agent *agent)
{
	char old[sizeof(((struct port *)0)->why)];
	struct link_info info;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (!port || !port->ifindex ||
		    (port->up && !tags_is_stale(port)) ||
		    link_get(port->ifname, &info) ||
		    info.ifindex != port->ifindex)
			continue;
		snprintf(old, sizeof(old), "%s", port->why);
		if (lifecycle_admit(agent, port, &info) &&
		    strcmp(old, port->why))
			log_warning("%s: down: %s", port->name, port->why);
	}
}
