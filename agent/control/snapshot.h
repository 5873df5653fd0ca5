/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The agent at one moment, read once and shown in several forms: JSON for the
 * control socket (status.h), text for Prometheus (metrics_text.h). What goes
 * through the BPF maps, the sockets and netlink is read here and only here, so
 * that the forms can be tested on made-up numbers.
 *
 * Control thread. Counters that workers own are read while they count: each
 * value is whole, two values need not be of the same moment.
 */
#ifndef CONTROL_SNAPSHOT_H
#define CONTROL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/linkstats.h"
#include "control/agent.h"

/* What to read besides what is in memory anyway. */
#define SNAPSHOT_COUNTERS	0x01	/* a system call or more per port */
#define SNAPSHOT_LINKS		0x02	/* one per port */
#define SNAPSHOT_POOLS		0x04
#define SNAPSHOT_FRAMES		0x08	/* a walk through the ledger */
#define SNAPSHOT_ALL		0x0f

struct snapshot_port {
	const struct port *port;	/* borrowed */
	enum config_way way;		/* in force */
	struct port_counters counters;	/* zero if they cannot be read */
	struct agent_pool pool;
	bool has_link;			/* the device is there */
	struct link_stats link;
};

struct snapshot {
	const struct agent *agent;	/* borrowed */
	uint64_t now_ns;		/* CLOCK_MONOTONIC */
	struct agent_frames frames;
	uint32_t n_ports;
	struct snapshot_port ports[];	/* by slot */
};

/* Reads all ports, or @only one. The caller frees *ret_snapshot with free(), and
 * uses it before any port can go. 0 or -ENOMEM. */
int snapshot_take(struct agent *agent, const struct port *only,
		  unsigned int what, struct snapshot **ret_snapshot);

/* The counter of @reason in @counters. */
static inline const struct counter *
snapshot_counter(const struct port_counters *counters, enum pkt_reason reason)
{
	return (const struct counter *)counters + reason;
}

/* Packets lost, all reasons together. */
uint64_t snapshot_drops(const struct port_counters *counters);

/* What there is to know of a reason. */
struct reason_info {
	const char *name;
	bool drop;
	const char *what;
	const char *advice;		/* empty if there is nothing to do */
};
extern const struct reason_info reason_infos[PKT_N_REASONS];

#endif
