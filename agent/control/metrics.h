/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prometheus: HTTP on one local address.
 *
 *	/metrics	see metrics_text.h
 *	/livez		200 while all workers go round, else 503
 *	/readyz		200 once all ports have been tried and while all
 *			uplinks are up, with a carrier; else 503, and why
 *
 * GET and HEAD only. Nothing here blocks; connections are limited in number,
 * memory and time, and the text is made at most ten times a second, however
 * often it is asked for.
 *
 * Control thread.
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/agent.h"

#define METRICS_MAX_CONNECTIONS	32
#define METRICS_IDLE_S		10

struct metrics;

/* Listens on @host (a numeric address) and @port; port 0: any. @agent is
 * borrowed. 0 or a negative errno with one line in @err. */
int metrics_open(struct agent *agent, const char *host, uint16_t port,
		 struct metrics **ret_metrics, char *err, size_t err_size);
void metrics_close(struct metrics *metrics);

/* Readable when metrics_run() has something to do. Not the caller's. */
int metrics_fd(const struct metrics *metrics);
void metrics_run(struct metrics *metrics);
/* metrics_run() is also due after so long; -1 = not before it is readable.
 * NULL is allowed. */
int metrics_timeout_ms(const struct metrics *metrics);

/* What the last agent_beat() said, for /livez. NULL is allowed. */
void metrics_set_alive(struct metrics *metrics, bool alive);

/* The port listened on. */
uint16_t metrics_port(const struct metrics *metrics);

#endif
