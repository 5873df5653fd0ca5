/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The metrics in Prometheus's text format 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats). Names begin with
 * pktagent_ and end with their unit; totals count from the agent's start,
 * except those of ports, which BPF maps keep across a restart.
 */
#ifndef CONTROL_METRICS_TEXT_H
#define CONTROL_METRICS_TEXT_H

#include <stddef.h>

#include "control/snapshot.h"

#define METRICS_CONTENT_TYPE	"text/plain; version=0.0.4; charset=utf-8"

/* A string that the caller frees, and its length; NULL when out of memory.
 * @snap has been taken with SNAPSHOT_ALL. */
char *metrics_text(const struct snapshot *snap, size_t *ret_len);

/* Whether packets flow: 0, or 1 with the reason in @why. */
int metrics_not_ready(const struct agent *agent, char *why, size_t why_size);

#endif
