/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The agent as the control thread sees it: configuration, switch, BPF side and
 * ports. All functions: control thread.
 */
#ifndef CONTROL_AGENT_H
#define CONTROL_AGENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/config.h"
#include "ports/datapath.h"
#include "ports/device.h"
#include "ports/port.h"
#include "switching/vswitch.h"

struct pools_log;
struct process_taps;

struct agent {
	struct config *config;		/* owned */
	struct vswitch vs;
	struct datapath *dp;		/* owned */
	struct device_journal *journal;	/* owned */
	/* By slot; also those that are down. Owned. The vswitch has only those
	 * that are up. */
	struct port *ports[PKT_MAX_PORTS];
	uint64_t started_ns;		/* CLOCK_MONOTONIC */
	bool ready;			/* all ports have been tried once */
	uint64_t worker_loops[PORT_MAX_WORKERS];	/* at the last beat */
	uint64_t n_learn_refused;	/* by the limit, or the table's size */
	uint64_t n_reloads, n_reload_failures;
	uint32_t next_slot;
	uint32_t last_tag;		/* that was given */
	struct process_taps *taps;	/* owned: who has taps open, while the
					 * ports are started */
	int vhost_fd;			/* owned: epoll of the vhost sessions */
	int lock_fd;			/* owned */
	struct pools_log *pools_log;	/* owned */
	struct pressure {		/* of the host's memory */
		bool watched;
		const char *why;	/* not: borrowed, lives for ever */
		uint64_t last_ns;	/* CLOCK_MONOTONIC; 0: never */
		uint64_t n_events;
	} pressure;
	struct recalls {		/* see pools_recall.c */
		pthread_t thread;	/* waits for a grace period */
		bool running;
		bool over;		/* A: it has ended */
	} recalls;
	struct isolated {
		char name[CONFIG_NAME_MAX];	/* of the VM */
		uint32_t region;		/* owned */
	} isolated[CONFIG_MAX_VMS];
	uint32_t n_isolated;
};

/*
 * Starts everything that @config says, which the agent then owns. @agent is
 * zeroed by the caller. 0; a negative errno with one line in @err that says
 * what to do; nothing stays behind then. -EINVAL: the configuration does not
 * fit this host (exit status 2).
 */
int agent_start(struct agent *agent, struct config *config, char *err,
		size_t err_size);

/* Detaches, restores, unpins, frees. Returns the number of frames that are
 * missing from the account: 0 if all is well. */
uint32_t agent_stop(struct agent *agent);

/* Applies the difference to @config, all or nothing; the agent owns it
 * afterwards if the result is 0. The summary ("2 added, 1 changed, ...") or the
 * error is written to @text. */
int agent_reload(struct agent *agent, struct config *config, char *text,
		 size_t size);

/* About four times per timeout: heartbeat; and once a second: ageing, retries
 * of ports that are not up. Returns false if a worker hangs. */
bool agent_beat(struct agent *agent);
void agent_tick(struct agent *agent);

/* A device has appeared, gone or changed; ifindex 0: look at all. */
void agent_device_changed(struct agent *agent, int ifindex, const char *name,
			  bool gone);

/* Addresses that workers want learned, rings that they have found broken. */
void agent_learn(struct agent *agent);

/* Front-ends of vhost-user VMs: agent->vhost_fd is readable. */
void agent_run_guests(struct agent *agent);

/* ---- what there is, for status and metrics ---- */

struct port *agent_find_port(struct agent *agent, const char *name);

/* Counters of a port: programs, workers and sockets together. */
int agent_port_counters(struct agent *agent, const struct port *port,
			struct port_counters *ret_counters);

/* The port's way in force: the kernel's only if both it can and may. */
enum config_way agent_port_way(const struct port *port);

/* Where all frames are. Every frame of the arena is in exactly one of these. */
struct agent_frames {
	uint32_t total;
	uint32_t host;			/* in the host pool */
	uint32_t caches;		/* in workers' caches */
	uint32_t queues;		/* posted or received, all queues */
	uint32_t out;			/* on their way out, all ports */
};
void agent_count_frames(struct agent *agent, struct agent_frames *ret_frames);

/* A VM's or uplink's share of that, by the same ledger. */
struct agent_pool {
	uint32_t size;			/* frames it may have: of a VM, the sum
					 * of posted_max, rx_limit, out_max */
	uint32_t used;			/* of those: carry packets */
	uint32_t min, max;		/* of size */
	uint32_t asked;			/* what it does not shrink below */
	uint32_t posted;		/* on its own queues, posted or received */
	uint32_t posted_max;		/* that are to be there */
	uint32_t posted_used;		/* received and not read yet */
	uint32_t rx_limit;		/* it may have received from the uplink */
	uint32_t rx_used;		/* of those, received and not read yet */
	uint32_t out_max;		/* that may be on their way to it */
	uint32_t out_used;
};
void agent_port_pool(struct agent *agent, const struct port *port,
		     struct agent_pool *ret_pool);

#endif
