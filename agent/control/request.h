/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One request on the control socket, and its answer.
 *
 *	{"object":"vm","verb":"show","name":"web1"}
 *	{"ok":true,"time_ns":...,"started_ns":...,"data":[...]}
 *	{"ok":false,"error":"web1: no such VM; pktctl vm show lists them"}
 *
 *	object			verb	name		who may
 *	vm, tag			show	a VM		anybody who may connect
 *	port, pool, queue,
 *	fdb, counters		show	a port		anybody
 *	bypass			show	a VM		anybody
 *	bypass			on, off	a VM		who may command
 *	pool			resize	a VM		who may command
 *	pool			log	a VM		anybody
 *	worker			show	its number	anybody
 *	agent			version			anybody
 *	agent			reload			who may command
 *	log			level			anybody
 *	log			level	a level		who may command
 *
 * "name" may be left out, but for bypass on and off and pool resize; "counters",
 * "bypass show" and "pool log" also know "all":true. "pool resize" takes sizes as
 * base/size.h reads them, "frames":"4096", and if the maximum is to change
 * "max":"64MiB". "pool log" says beside its data how many "earlier" changes it
 * has not told, how many are "forgotten", and how many were "lost".
 * time_ns is CLOCK_MONOTONIC, so that rates can be computed from two answers,
 * and started_ns the agent's start by the same clock. Control thread.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "control/server.h"

struct request_peer {
	uid_t uid;
	pid_t pid;
	bool may_command;
};

struct request_env {
	struct agent *agent;			/* borrowed */
	const struct server_hooks *hooks;	/* borrowed */
	const char *group;	/* borrowed: who else may command, or "" */
};

/* Does what @text (a line without its newline) asks. Returns the answer, a
 * string with a newline that the caller frees; NULL when out of memory. */
char *request_answer(const struct request_env *env,
		     const struct request_peer *peer, const char *text,
		     size_t len);

/* The answer {"ok":false,"error":@error}. */
char *request_error(const char *error);

#endif
