/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a pool is divided into its parts when nothing is known of its VM's traffic
 * yet, and whether all pools fit the host. How the parts change then is
 * switching/breathe.h.
 */
#ifndef POLICY_ADMISSION_H
#define POLICY_ADMISSION_H

#include <stddef.h>
#include <stdint.h>

#include "control/config.h"
#include "ports/pool.h"

/* Frames that a worker's, or the control thread's, cache may hold. */
#define ADMISSION_CACHE_FRAMES	128

/* The least that may be posted on a queue of a VM's device. */
#define ADMISSION_MIN_POSTED	4

/*
 * Divides @frames. What the VM sends needs frames posted before it comes: a
 * quarter of a large pool, up to five eighths of a small one. Of the rest two
 * thirds are to receive from the uplink, where the queues' slack helps a small
 * pool, and one third for what is on the way to the VM, which grows in the
 * moment it is needed. A vhost-user VM has no queues of its own to post on
 * (@n_own_queues 0): half and half. 0; -EINVAL: too few for so many queues.
 */
int admission_divide(uint32_t frames, uint32_t n_uplink_queues,
		     uint32_t n_own_queues, struct pool_parts *ret_parts);

/* The fewest frames that can be divided so. */
uint32_t admission_least(uint32_t n_uplink_queues, uint32_t n_own_queues);

/* Frames an uplink with @n_queues queues needs at most. */
uint32_t admission_uplink_frames(const struct config_uplink *uplink,
				 uint32_t n_queues);

/* Frames that are never promised: memory.reserve, or what the caches of so many
 * workers may hold if that is more. */
uint32_t admission_reserve(const struct config *config, uint32_t n_workers);

/*
 * Whether the VMs' uplink_queues are there, and one is left to share, with
 * @n_queues[i] queues in use on uplink i; 0: not known, the uplink is not looked
 * at. 0; -EINVAL with one line in @err.
 */
int admission_check_queues(const struct config *config,
			   const uint32_t *n_queues, char *err,
			   size_t err_size);

/*
 * Whether the minimums of everything in @config fit into @n_frames, with
 * @n_queues[i] queues in use on uplink i, or one if that is not known (0). 0;
 * -ENOSPC with the arithmetic in @text: "too few: ...".
 */
int admission_fits(const struct config *config, uint32_t n_frames,
		   const uint32_t *n_queues, uint32_t n_workers, char *text,
		   size_t size);

/* The same, with memory.frames and its place in front; @n_frames is what there
 * is of that now. */
int admission_check(const struct config *config, uint32_t n_frames,
		    const uint32_t *n_queues, uint32_t n_workers, char *err,
		    size_t err_size);

/* How many queues of each uplink are, or would be, in use (0: its device is not
 * there): CONFIG_MAX_UPLINKS at most. */
void admission_count_queues(const struct config *config,
			    uint32_t *ret_n_queues);

#endif
