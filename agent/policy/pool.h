/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a pool of frames is divided, and whether all pools fit the arena.
 *
 * A VM's pool is fixed for now: pool_divide() gives its parts once, at opening
 * and when the configuration changes. A controller that lets pools breathe
 * would decide here, and act by worker_set_limit() and port->out_max.
 */
#ifndef POLICY_POOL_H
#define POLICY_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "control/config.h"

/* Frames that a worker's, or the control thread's, cache may hold. */
#define POOL_CACHE_FRAMES	128

/* The least that a receive ring may be given. */
#define POOL_MIN_RING		8

/* The parts of a VM's pool: see port.h. They add up to the whole. */
struct pool_parts {
	uint32_t rx_per_queue;		/* receive ring per uplink queue */
	uint32_t out;			/* frames on their way to the VM */
	uint32_t tx_per_queue;		/* frames posted per own queue */
};

/*
 * Divides @frames: half to receive from the uplink, rounded down to rings of a
 * power of two, so that the kernel holds the VM to them from the first packet
 * on; a quarter posted on its own device; the rest on the way to the VM. A
 * vhost-user VM has no queues of its own to post on (@n_own_queues 0): that
 * quarter is for packets on the way to it, too. 0; -EINVAL: too few for so many
 * queues (POOL_MIN_RING each).
 */
int pool_divide(uint32_t frames, uint32_t n_uplink_queues,
		uint32_t n_own_queues, struct pool_parts *ret_parts);

/* Frames an uplink with @n_queues queues needs at most. */
uint32_t pool_uplink_frames(const struct config_uplink *uplink,
			    uint32_t n_queues);

/*
 * Whether everything in @config fits, with @n_queues[i] queues in use on
 * uplink i. 0; -ENOSPC with the arithmetic in @err.
 */
int pool_admit(const struct config *config, const uint32_t *n_queues,
	       uint32_t n_workers, char *err, size_t err_size);

#endif
