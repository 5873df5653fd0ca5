/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The receive-only sockets of VMs on uplinks' queues: one per (VM, queue of its
 * network's uplink that it may use), there when both ends are up. A queue that
 * is in a VM's uplink_queues is for that VM alone, whose part of the pool is then
 * what is posted on it; all other queues are shared, and there the program
 * holds each VM to its credit. Control thread.
 */
#ifndef CONTROL_SHARES_H
#define CONTROL_SHARES_H

#include "control/agent.h"

/* Frames posted on a VM's own queue of the uplink while the VM is away. */
#define SHARES_AWAY	64

/* The uplink that carries network @vlan; NULL if none does. */
struct port *shares_uplink_of(struct agent *agent, uint16_t vlan);

/* The memory that the uplink's queue @index is on: that of the isolated VM which
 * has it for itself, or what all share (0). */
uint32_t shares_region(const struct agent *agent, const struct port *uplink,
		       uint32_t index);

/* What is posted on the uplink's queue @index besides the VMs' parts. */
uint32_t shares_base(const struct agent *agent, const struct port *uplink,
		     uint32_t index);

/* How many of the uplink's queues the VM may use: an isolated one only its
 * own. */
uint32_t shares_count(const struct agent *agent, const struct port *vm,
		      const struct port *uplink);

/* Opens the VM's shares on its uplink, if that is up. 0 or a negative errno;
 * then none is left open. */
int shares_open(struct agent *agent, struct port *vm);

/* Closes the VM's shares. */
void shares_close(struct agent *agent, struct port *vm);

/* The same for all VMs of an uplink that comes or goes. */
void shares_open_all(struct agent *agent, struct port *uplink);
void shares_close_all(struct agent *agent, struct port *uplink);

/* Brings all VMs' shares on the uplink in line with uplink_queues, from one form
 * into the other, without losing a packet. 0 or a negative errno. */
int shares_arrange(struct agent *agent, struct port *uplink);

/* Has the VM's receive rings hold @max packets, without losing one. 0 or a
 * negative errno; then some may. */
int shares_set_max(struct agent *agent, struct port *vm, uint32_t max);

/* The VM's share of @queue; NULL if it has none. */
struct share *shares_find(const struct port *vm, const struct queue *queue);

#endif
