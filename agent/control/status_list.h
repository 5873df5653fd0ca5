/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * "OBJECT show [NAME]" answered: which objects there are, and all of one kind
 * or the one that is named. Control thread.
 */
#ifndef CONTROL_STATUS_LIST_H
#define CONTROL_STATUS_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "control/agent.h"

struct status_query {
	const char *object;	/* "vm", "port", ... */
	const char *name;	/* NULL = all */
	bool all;		/* counters: also those that are zero */
};

/* Whether there is such an object. */
bool status_known(const char *object);

/*
 * The data for @query, as JSON: the caller frees *ret_text. 0; -EINVAL or
 * -ENOENT with one line in @err that says what there is; -ENOMEM.
 */
int status_list(struct agent *agent, const struct status_query *query,
		char **ret_text, char *err, size_t err_size);

#endif
