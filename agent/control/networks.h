/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Networks and addresses: who is a member of which VLAN, which MACs are known
 * where; written to the switch and to the BPF side together. Control thread.
 */
#ifndef CONTROL_NETWORKS_H
#define CONTROL_NETWORKS_H

#include "control/agent.h"

/* Writes the members of one network, after a port of it came or went. A
 * network is there as long as a VM is configured to be in it. 0 or a negative
 * errno. */
int networks_update(struct agent *agent, uint16_t vlan);

/* The same for all networks of a port. */
int networks_update_port(struct agent *agent, const struct port *port);

/* Writes a port's static MACs and addresses; or takes them out, learned ones
 * too. */
int networks_add_addresses(struct agent *agent, const struct port *port);
void networks_del_addresses(struct agent *agent, struct port *port);

/* Forgets what was learned on a port. */
void networks_forget_learned(struct agent *agent, struct port *port);

/* Learned addresses: takes workers' requests; ages entries. */
void networks_learn(struct agent *agent);
void networks_age(struct agent *agent);

/* Deletes what an earlier process left in the BPF maps and the configuration
 * does not know; takes over what it had learned. */
void networks_sweep(struct agent *agent);

#endif
