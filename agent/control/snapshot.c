// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The agent at one moment: see snapshot.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "control/snapshot_private.h"

#define KIND_GOOD false
#define KIND_DROP true

const struct reason_info reason_infos[PKT_N_REASONS] = {
#define PKT_X(name, kind, text, advice) \
	[PKT_##name] = { #name, KIND_##kind, text, advice },
	PKT_REASONS(PKT_X)
#undef PKT_X
};

uint64_t snapshot_drops(const struct port_counters *counters)
{
	uint64_t sum = 0;

	for (int i = 0; i < PKT_N_REASONS; i++)
		if (reason_infos[i].drop)
			sum += snapshot_counter(counters, (enum pkt_reason)i)
				       ->packets;
	return sum;
}

static int read_port(struct agent *agent, unsigned int what,
		     struct mnl_socket *sock, struct snapshot_port *sp)
{
	const struct port *port = sp->port;

	sp->way = agent_port_way(port);
	if (what & SNAPSHOT_COUNTERS &&
	    agent_port_counters(agent, port, &sp->counters))
		memset(&sp->counters, 0, sizeof(sp->counters));
	if (what & SNAPSHOT_POOLS)
		agent_port_pool(agent, port, &sp->pool);
	if (sock && port->ifindex)
		sp->has_link = !link_stats_get(sock, port->ifindex, &sp->link);
	if (what & SNAPSHOT_VHOST && port->vhost)
		return snapshot_read_vhost(port->vhost, sp);
	return 0;
}

void snapshot_free(struct snapshot *snap)
{
	for (uint32_t i = 0; snap && i < snap->n_ports; i++)
		free(snap->ports[i].vhost);
	free(snap);
}

int snapshot_take(struct agent *agent, const struct port *only,
		  unsigned int what, struct snapshot **ret_snapshot)
{
	struct mnl_socket *sock = NULL;
	struct snapshot *snap;
	uint32_t n = 0;
	int ret = 0;

	for (uint32_t i = 0; i < PKT_MAX_PORTS; i++)
		n += agent->ports[i] && (!only || agent->ports[i] == only);
	snap = calloc(1, sizeof(*snap) + n * sizeof(snap->ports[0]));
	if (!snap)
		return -ENOMEM;
	snap->agent = agent;
	snap->now_ns = now_ns();
	if (what & SNAPSHOT_FRAMES) {
		agent_count_frames(agent, &snap->frames);
		pools_count(agent, &snap->promises);
	}
	if (n && what & SNAPSHOT_LINKS)
		sock = link_stats_open();
	for (uint32_t i = 0; i < PKT_MAX_PORTS && !ret; i++) {
		if (!agent->ports[i] || (only && agent->ports[i] != only))
			continue;
		snap->ports[snap->n_ports].port = agent->ports[i];
		ret = read_port(agent, what, sock,
				&snap->ports[snap->n_ports++]);
	}
	link_stats_close(sock);
	if (ret) {
		snapshot_free(snap);
		return ret;
	}
	*ret_snapshot = snap;
	return 0;
}
