/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The other end of the control socket: one connection, one request, one
 * answer (control/request.h).
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct question {
	const char *socket;	/* path */
	const char *object;
	const char *verb;
	const char *name;	/* NULL = none, as with the next three */
	const char *frames;	/* sizes, which the agent reads: it knows how */
	const char *max;	/* large a frame is */
	const char *size;
	bool all;
};

/*
 * Asks. 0 and the whole answer, which has "data", as a new reference; or a
 * negative errno and one line in @err: -EREMOTEIO if the agent says no, others
 * if it could not be asked. Waits up to 30 s.
 */
int ask(const struct question *question, json_t **ret_answer, char *err,
	size_t err_size);

#endif
