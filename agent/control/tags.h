/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tags: who is behind each VM's port, and what belongs to it. Control thread.
 *
 * A VM's port has a tag, a number that is never 0 and that no other port gets
 * while the agent runs. It binds an identity to the port's queue pairs, to its
 * pool (by the port's slot) and to its memory (by region). All of it is in the
 * map "tags" as well, for operators and other programs.
 *
 * Identity:
 *
 *	vhost-user	the process at the other end of the socket; what the
 *			session let in (vhost/session_peer.c)
 *	tap		the process that has it open. Looking through /proc is
 *			dear: it is done when the tap has gained a carrier, and
 *			when the process that was found has let go of the tap.
 *			Once a second only that process is asked about.
 *	veth		the peer's network namespace
 *
 * A port whose other end is not who it must be is no port: hidden from the
 * programs and the switch, its sockets kept, until it is (lifecycle.c). With
 * device.allow a tap is so before anybody has opened it, too, so that no packet
 * gets in between the opening and the check. Nothing is bound but what has
 * passed the check, and a binding ends with the process, connection or device.
 *
 * When the process that opened a tap hands it on (libvirtd to QEMU), or changes
 * its user or cgroup after (QEMU -run-with user=), the first check refuses, and
 * the one a second later does not.
 */
#ifndef CONTROL_TAGS_H
#define CONTROL_TAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/process.h"
#include "control/agent.h"
#include "vhost/session.h"

#define TAG_CGROUP_MAX	256
#define TAG_WHY_MAX	192

struct tag {
	struct tag_entry entry;		/* as last written to the map */
	/* Of the process, its end if it is longer; "" = not known. */
	char cgroup[TAG_CGROUP_MAX];
	struct process_tap tap;		/* bound, or refused; pid 0 = none */
	uint64_t next_scan_ns;		/* tap: not before */
	uint64_t n_refused;
	uint64_t n_strangers;		/* of the session, when last asked */
	char why[TAG_WHY_MAX];		/* the last refusal, while it lasts */
};

/* Gives the VM's port, which has none, a tag of nobody. 0, -ENOMEM, or what the
 * map said. */
int tags_new(struct agent *agent, struct port *port);
/* NULL is allowed in port->tag. */
void tags_free(struct agent *agent, struct port *port);

/* The port has been taken down, and what it had is closed: nobody is there. */
void tags_release(struct agent *agent, struct port *port);

/*
 * Whether who is at the other end of a veth or tap may be there; binds the tag
 * if so. 0; -ENOTCONN: nobody is there yet, who must come first; -EACCES: it is
 * somebody else, which is counted, once for each. Then the reason is in @why.
 */
int tags_admit(struct agent *agent, struct port *port,
	       const struct link_info *info, char *why, size_t why_size);

/* The start is over, also if it failed: from now on each tap's process is looked
 * for by itself. */
void tags_started(struct agent *agent);

/* Whether the process that a tap's tag is bound to has let go of it. */
bool tags_is_stale(const struct port *port);

/* The port's session has changed: binds its tag to who is there now. */
void tags_take_guest(struct agent *agent, struct port *port,
		     const struct vhost_info *info);

#endif
