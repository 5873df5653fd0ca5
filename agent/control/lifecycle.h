/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A port's life: made from the configuration, brought up when its device is
 * there, taken down when it goes, changed by a reload. Control thread.
 */
#ifndef CONTROL_LIFECYCLE_H
#define CONTROL_LIFECYCLE_H

#include "control/agent.h"

/* Makes a port in a slot of its own, down. The configuration is borrowed. 0,
 * -ENOMEM, or -ENOSPC when all slots are taken. */
int lifecycle_new_uplink(struct agent *agent,
			 const struct config_uplink *config,
			 struct port **ret_port);
int lifecycle_new_vm(struct agent *agent, const struct config_vm *config,
		     struct port **ret_port);

/*
 * Brings the port up. 0, or a negative errno: then port->state and port->why
 * say what is wrong, and lifecycle_retry() will try again. 0 also if all is
 * ready but the wrong VM, or none, is at the other end: then the port is
 * hidden, state and why say so, and lifecycle_look() goes on from there.
 */
int lifecycle_up(struct agent *agent, struct port *port);

/* Shows a port whose device is open (not a guest's) if who is at its other end
 * may be there, and hides it if not. @info: the device as it is now. 0 or a
 * negative errno with port->why: it cannot be shown. */
int lifecycle_admit(struct agent *agent, struct port *port,
		    const struct link_info *info);

/* Asks that again of ports that are hidden, and of taps that another process
 * has now than the one that was let in. Once a second. */
void lifecycle_look(struct agent *agent);

/* Takes the port down, if it is up, and puts its device back as it was; one
 * that was created stays. Its static addresses stay known, so that packets to
 * it are counted as port_down. */
void lifecycle_down(struct agent *agent, struct port *port,
		    enum port_state state, const char *why);

/* A guest's port comes and goes with its driver: visible to the switch, the
 * programs and the network, or not. 0 or a negative errno with port->why. */
int lifecycle_show(struct agent *agent, struct port *port);
void lifecycle_hide(struct agent *agent, struct port *port,
		    enum port_state state, const char *why);

/* Takes the port down, removes its device if it was created, and frees the port
 * and its slot. */
void lifecycle_free(struct agent *agent, struct port *port);

/* Tries ports again that are not up. */
void lifecycle_retry(struct agent *agent);

/* Writes the port to the BPF side, after a change of its configuration or of
 * what its device can do. */
int lifecycle_write(struct agent *agent, struct port *port);

/* Asks again whether the device takes XDP redirects, and whether there is
 * somebody at its other end (@info; NULL: not known), and writes the port if
 * that has changed. */
void lifecycle_refresh(struct agent *agent, struct port *port,
		       const struct link_info *info);

/* Brings a VM's frames in line with its pool in port->vm_config. 0, or
 * -EINVAL: needs larger rings, that is down and up again. */
int lifecycle_resize(struct agent *agent, struct port *port);

/* Moves a port that is up to another network: its receive-only sockets go to
 * that network's uplink. */
int lifecycle_move_network(struct agent *agent, struct port *port,
			   uint16_t vlan);

#endif
