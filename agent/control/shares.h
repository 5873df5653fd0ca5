/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The receive-only sockets of VMs on uplinks' queues: one per (VM, queue of its
 * network's uplink), there when both ends are up. Control thread.
 */
#ifndef CONTROL_SHARES_H
#define CONTROL_SHARES_H

#include "control/agent.h"

/* The uplink that carries network @vlan; NULL if none does. */
struct port *shares_uplink_of(struct agent *agent, uint16_t vlan);

/* Opens the VM's shares on its uplink, if that is up. 0 or a negative errno;
 * then none is left open. */
int shares_open(struct agent *agent, struct port *vm);

/* Brings the VM's shares in line with its pool, without losing a packet. 0 or
 * a negative errno; then some may have the new size. */
int shares_resize(struct agent *agent, struct port *vm);

/* Closes the VM's shares. */
void shares_close(struct agent *agent, struct port *vm);

/* The same for all VMs of an uplink that comes or goes. */
void shares_open_all(struct agent *agent, struct port *uplink);
void shares_close_all(struct agent *agent, struct port *uplink);

/* The VM's share of @queue; NULL if it has none. */
struct share *shares_find(const struct port *vm, const struct queue *queue);

#endif
