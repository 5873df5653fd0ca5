/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the configuration's rates, shapes and rules to the shapers of ports
 * (switching/shaper.h) and the classifier (switching/classify.h). Control
 * thread.
 *
 * A port whose output is shaped takes no redirects of the kernel's: all that
 * leaves by it goes the agent way. What a VM with a rate sends goes the agent
 * way, too, and is limited there (switching/sending.h).
 *
 * Weights. Inside each class of an uplink the VMs take turns by weights. A VM's
 * is its minimum and its share, by vms[].weight, of what the minimums leave of
 * the uplink's rate: so all together have their minimums, and share the rest.
 */
#ifndef CONTROL_SHAPING_H
#define CONTROL_SHAPING_H

#include "control/agent.h"
#include "switching/scheduler.h"

/* Whether the configuration has the port go the agent way, and why; @why may be
 * NULL. */
bool shaping_is_forced(const struct port *port, char *why, size_t size);

/* The worker that is to serve queue, or queue pair, @index of the VM's @port: one
 * for all if what it sends is limited. */
uint32_t shaping_worker(const struct agent *agent, const struct port *port,
			uint32_t index);

/* Whether several workers serve the VM behind @port. */
bool shaping_is_spread(const struct port *port);

/* How the scheduler of @port, which is shaped, is set. */
void shaping_conf(const struct port *port, struct scheduler_conf *ret_conf);

/* Starts, changes or ends what the configuration says of @port, which is up, and
 * weighs it on its uplink. 0 or a negative errno, after a line in the log. */
int shaping_apply(struct agent *agent, struct port *port);

/* The same of all ports that are up, and of the rules. */
int shaping_apply_all(struct agent *agent);

/* The rules: slots may stand for other VMs now. 0 or -ENOMEM. */
int shaping_classify(struct agent *agent);

#endif
