/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which pairs of vhost-user VMs pass the switch by, and why the others do not.
 *
 * A pair (from, to) does if a rule of the configuration names it and nothing
 * holds it: what needs to see its packets, or takes them somewhere else, has
 * them come through the switch as long as it lasts. All reasons stand in one
 * place, hold() in bypass.c; workers see only the result, port->bypass.
 *
 * Control thread.
 */
#ifndef CONTROL_BYPASS_H
#define CONTROL_BYPASS_H

#include "control/agent.h"

enum bypass_state {
	BYPASS_OFF,  /* no rule names the pair */
	BYPASS_HELD, /* one does, but see why */
	BYPASS_ACTIVE,
};

struct bypass_info {
	enum bypass_state state;
	uint32_t rule;	       /* not BYPASS_OFF: in config->bypass */
	char why[96];	       /* empty if it is active */
	struct counter passed; /* so far, past the switch */
};

/* Whether @from and @to are ports of which there is something to tell: two
 * vhost-user VMs of one network. */
bool bypass_is_pair(const struct port *from, const struct port *to);

/* How it is with packets from @from to @to, which are such a pair. */
void bypass_look(const struct agent *agent, const struct port *from,
		 const struct port *to, struct bypass_info *ret_info);

/* Tells the workers. To be called when ports, rules, or reasons to hold a pair
 * have changed. */
void bypass_apply(struct agent *agent);

/* All packets from and to the VM behind @port go through the switch, or no
 * longer. 0; -EINVAL: it is no vhost-user VM; -EAGAIN: it is not set up now. */
int bypass_hold(struct agent *agent, struct port *port, bool held);

#endif
