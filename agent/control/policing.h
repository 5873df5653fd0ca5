/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the maximums of VMs on devices (vms[].rate) to the buckets that the
 * programs and workers take from: <pktagent/police.h>. Control thread.
 *
 * Who is policed says config_is_policed(); of the others the agent has packets
 * wait (control/shaping.h).
 *
 * What a VM sends is policed where its device receives it, what it gets where it
 * is sent to the device, by the program or by a worker: whichever way a packet
 * goes, it passes once. Only what the kernel floods while the agent is away does
 * not.
 */
#ifndef CONTROL_POLICING_H
#define CONTROL_POLICING_H

#include "control/agent.h"

#define POLICING_TEXT 128

/* Sets the buckets of @port to what its configuration says; levels are kept.
 * Returns the flags (PORT_P_*) that the programs are to know it by. */
uint8_t policing_apply(struct agent *agent, struct port *port);

/* The slot of @port may be another VM's next: it begins with its burst. After
 * the programs know the port no more. */
void policing_end(struct agent *agent, const struct port *port);

/* What @port is policed to, "in 10Mbit, out 100Mbit and 5000 packets/s"; empty if
 * it is not. @size: POLICING_TEXT. */
void policing_describe(const struct port *port, char *ret_text, size_t size);

#endif
