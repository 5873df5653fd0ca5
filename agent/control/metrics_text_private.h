/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by metrics_text.c and its part metrics_text_pool.c. Names are without
 * pktagent_. Control thread. */
#ifndef CONTROL_METRICS_TEXT_PRIVATE_H
#define CONTROL_METRICS_TEXT_PRIVATE_H

#include <stdint.h>
#include <stdio.h>

#include "control/metrics_text.h"

/* What another thread writes, read once. */
#define racy(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

/* The head of a family, whose samples must follow at once. */
void metrics_text_family(FILE *out, const char *name, const char *type,
			 const char *help);

/* A family of one sample without labels. */
void metrics_text_single(FILE *out, const char *name, const char *type,
			 const char *help, uint64_t value);

/* A sample with the label port. */
void metrics_text_port(FILE *out, const char *name, const struct port *port,
		       uint64_t value);

/* A label's value: backslash, quote and newline are escaped. */
void metrics_text_label(FILE *out, const char *value);

/* Where all frames are and what they are promised for; what each port has. */
void metrics_text_memory(FILE *out, const struct snapshot *snap);
void metrics_text_pools(FILE *out, const struct snapshot *snap);

#endif
