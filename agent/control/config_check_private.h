/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by config_check.c and its parts, config_check_*.c. */
#ifndef CONTROL_CONFIG_CHECK_PRIVATE_H
#define CONTROL_CONFIG_CHECK_PRIVATE_H

#include <stdint.h>

#include "control/config.h"
#include "control/config_error.h"
#include "control/config_tree.h"

/* Holds any path that a check looks up. */
#define CHECK_PATH_MAX 96

struct check {
	const struct config *config; /* borrowed, as are the others */
	const struct config_tree *tree;
	const struct config_error *error;
};

/* The error about the key at @path, or about the list there if @path is its
 * first item and the file has a single value. @absent: what to show as its
 * value if it is not in the file. Returns -EINVAL. */
int config_check_fail(const struct check *c, const char *path,
		      const char *absent, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The line that @path, or what is nearest above it, stands in. Cuts a [0] off
 * @path that is not in the file. */
int config_check_line(const struct check *c, char *path);

/* Peers and sockets that two VMs have; the keys below vms[@i].device. */
int config_check_peers(const struct check *c);
int config_check_sockets(const struct check *c);
int config_check_device(const struct check *c, uint32_t i);

/* What is promised to all; the sizes below vms[@i].pool. */
int config_check_frames(const struct check *c);
int config_check_pool(const struct check *c, uint32_t i);

/* Rates and classes: whether they go together, and all minimums fit. */
int config_check_shapes(const struct check *c);

/* Queues of uplinks that VMs have for themselves. */
int config_check_queues(const struct check *c);

#endif
