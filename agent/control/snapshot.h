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
#include "control/pools.h"
#include "vhost/session.h"

/* What to read besides what is in memory anyway. */
#define SNAPSHOT_COUNTERS	0x01	/* a system call or more per port */
#define SNAPSHOT_LINKS		0x02	/* one per port */
#define SNAPSHOT_POOLS		0x04
#define SNAPSHOT_FRAMES		0x08	/* a walk through the ledger */
#define SNAPSHOT_VHOST		0x10
#define SNAPSHOT_ALL		0x1f

/* A ring of a guest. */
struct snapshot_ring {
	bool running, enabled;
	uint32_t size;			/* entries; 0 = it never ran */
	uint32_t fill;			/* that the guest has made available */
	uint64_t packets, bytes;
	uint64_t calls, kicks;		/* of the guest, and asked for */
};

/* A queue pair of a guest. */
struct snapshot_pair {
	uint32_t worker;
	struct snapshot_ring to_guest, from_guest;
	uint64_t copied_in, copied_out;	/* packets to frames, from frames */
	uint64_t merged;		/* segments merged into others */
	uint64_t no_room;		/* times the guest had no buffer */
};

/* A vhost-user VM. */
struct snapshot_vhost {
	struct vhost_info info;
	struct counter bypassed;	/* from it straight to other guests */
	uint32_t n_pairs;
	struct snapshot_pair pairs[VHOST_MAX_PAIRS];
};

struct snapshot_port {
	const struct port *port;	/* borrowed */
	enum config_way way;		/* in force */
	struct port_counters counters;	/* zero if they cannot be read */
	struct agent_pool pool;
	/* What the kernel counted of the device, if that is there; of a
	 * vhost-user VM: what its rings counted. */
	bool has_link;
	struct link_stats link;
	struct snapshot_vhost *vhost;	/* owned; NULL: no vhost-user VM, or not
					 * asked for */
};

struct snapshot {
	const struct agent *agent;	/* borrowed */
	uint64_t now_ns;		/* CLOCK_MONOTONIC */
	struct agent_frames frames;
	struct pools_account promises;	/* with the frames */
	uint32_t n_ports;
	struct snapshot_port ports[];	/* by slot */
};

/* Reads all ports, or @only one. The caller frees *ret_snapshot with
 * snapshot_free(), and uses it before any port can go. 0 or -ENOMEM. */
int snapshot_take(struct agent *agent, const struct port *only,
		  unsigned int what, struct snapshot **ret_snapshot);

/* NULL is allowed. */
void snapshot_free(struct snapshot *snapshot);

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
