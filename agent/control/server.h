/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket: a unix stream socket on which each line is a JSON
 * object, a request one way, its answer the other. request.h has the requests.
 *
 * Whoever connects can slow down nobody but himself. Nothing here blocks. A
 * client has one request in work at a time, and the next is read when the
 * answer is gone: the memory it can use is one line and one answer. There are
 * limits for the length of a line, for clients, for the sum of all answers
 * that wait to be read, and for the time a line or an answer may take. One
 * server_run() takes about 5 ms, and longer only if one answer does.
 *
 * Control thread.
 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "control/agent.h"

#define SERVER_LINE_MAX		65536	/* bytes of a request, with newline */
#define SERVER_MAX_CLIENTS	64
#define SERVER_ANSWERS_MAX	(32u << 20)	/* bytes waiting, all clients */
#define SERVER_IDLE_MS		30000

struct server;

struct server_hooks {
	/* Reads the configuration again. Writes a summary or the error. 0 or a
	 * negative errno. */
	int (*reload)(void *arg, char *text, size_t size);
	void *arg;
	/* For one request, or for one answer to be read; 0: SERVER_IDLE_MS. */
	uint32_t idle_ms;
};

/*
 * Listens on config->control_path, with the mode and group told there; at no
 * moment with wider permissions. A socket that nobody listens on any more is
 * replaced. @agent is borrowed, @hooks copied. 0 or a negative errno with one
 * line in @err: -EADDRINUSE: somebody listens there.
 */
int server_open(struct agent *agent, const struct server_hooks *hooks,
		struct server **ret_server, char *err, size_t err_size);

/* Readable when server_run() has something to do. The server's. */
int server_fd(const struct server *server);
void server_run(struct server *server);

/* Removes the socket, drops all clients. NULL is allowed. */
void server_close(struct server *server);

#endif
