/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checks that need more than one key, after every key has been read. */
#ifndef CONTROL_CONFIG_CHECK_H
#define CONTROL_CONFIG_CHECK_H

#include "control/config.h"
#include "control/config_error.h"
#include "control/config_tree.h"

/* @tree is what @config was read from. Returns 0 or a negative errno with the
 * line in @error. */
int config_check(const struct config *config, const struct config_tree *tree,
		 const struct config_error *error);

#endif
