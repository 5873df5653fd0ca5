/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel counted on network devices of the calling thread's
 * namespace, whichever way the packets went: through the stack, by XDP
 * redirect, or by AF_XDP.
 */
#ifndef BASE_LINKSTATS_H
#define BASE_LINKSTATS_H

#include <stdint.h>

struct mnl_socket;

struct link_stats {
	uint64_t rx_packets, rx_bytes;	/* the host received from the device */
	uint64_t tx_packets, tx_bytes;	/* the host sent to the device */
};

/* A socket to ask by; NULL, with errno, if there is none to be had. */
struct mnl_socket *link_stats_open(void);
void link_stats_close(struct mnl_socket *sock);

/* 0, -ENODEV, or another negative errno. */
int link_stats_get(struct mnl_socket *sock, int ifindex,
		   struct link_stats *ret_stats);

#endif
