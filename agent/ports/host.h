/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets for the host's own stack. A broadcast from the wire is for the VMs
 * and for the host; the program can send it only one way, which is to the
 * agent. The agent gives the host its copy by running a program that says
 * XDP_PASS on it, in live-frame mode (Linux 5.18): to the stack it looks as if
 * the device had received it. About 20 us each: for broadcasts, not for traffic.
 */
#ifndef PORTS_HOST_H
#define PORTS_HOST_H

#include <stdint.h>

/* Loads the program. A descriptor, the caller's to close, or a negative
 * errno. */
int host_open(void);

/* Hands a packet to the host as if received on @ifindex. 0 or a negative
 * errno. Any thread. */
int host_inject(int fd, int ifindex, const void *data, uint32_t len);

#endif
