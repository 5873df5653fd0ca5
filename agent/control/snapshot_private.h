/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by snapshot.c and snapshot_vhost.c. */
#ifndef CONTROL_SNAPSHOT_PRIVATE_H
#define CONTROL_SNAPSHOT_PRIVATE_H

#include "control/snapshot.h"

/* Fills in what @sp has of the vhost-user VM @vp. 0 or -ENOMEM. */
int snapshot_read_vhost(const struct vhost_port *vp, struct snapshot_port *sp);

#endif
