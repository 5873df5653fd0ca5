/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VMs behind vhost-user: their sessions, and ports that come up when a guest's
 * driver has started its rings and go down when it stops them. Control thread.
 */
#ifndef CONTROL_GUESTS_H
#define CONTROL_GUESTS_H

#include "control/agent.h"
#include "vhost/pair.h"
#include "vhost/session.h"

/* What there is of such a port besides struct port. */
struct vhost_port {
	struct agent *agent;		/* borrowed */
	struct port *port;		/* borrowed: it owns this */
	struct vhost_session *session;	/* owned */
	struct vhost_pair *pairs[PORT_MAX_PAIRS];	/* owned */
	uint32_t n_pairs;
	bool held;			/* pktctl bypass off: no bypass */
	bool closing;
};

/* Opens the port's session, which then waits for its front-end; the port comes
 * up by itself. 0 or a negative errno with port->why set. */
int guests_open(struct agent *agent, struct port *port);

/* Stops the guest's rings, and frees everything. The port is hidden already. */
void guests_close(struct agent *agent, struct port *port);

/* Writes what the configuration says of the port: sources, MTU, moderation. 0
 * or -ENOMEM: nothing was changed. */
int guests_configure(struct agent *agent, struct port *port);

/* Descriptors of sessions have something. */
void guests_run(struct agent *agent);

/* With each beat: sessions connect again, broken rings are found. */
void guests_tick(struct agent *agent);
void guests_check(struct agent *agent);

#endif
