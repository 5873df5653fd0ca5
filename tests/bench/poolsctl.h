/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A client of the agent's control socket that never waits: one request at a
 * time, as often as it is asked to look after it.
 */
#ifndef BENCH_POOLSCTL_H
#define BENCH_POOLSCTL_H

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "bench.h"

struct control {
	int fd; /* owned */
	bool waiting;
	uint64_t n_ok, n_refused;
	char answer[2048]; /* the beginning of the last one */
	uint32_t len;
};

static inline void control_open(struct control *c, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		die("--control %s: too long for a socket", path);
	memcpy(addr.sun_path, path, strlen(path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    fcntl(c->fd, F_SETFL, O_NONBLOCK))
		die("%s: %s", path, strerror(errno));
}

/* Reads what has come; after the end of the answer the next request may go. */
static inline void control_look(struct control *c)
{
	char buf[4096];
	ssize_t n;

	while (c->waiting) {
		n = recv(c->fd, buf, sizeof(buf), 0);
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
			die("the agent has closed the control socket");
		if (n < 0)
			return;
		for (ssize_t i = 0; i < n && c->len < sizeof(c->answer) - 1;
		     i++)
			c->answer[c->len++] = buf[i];
		c->answer[c->len] = 0;
		if (buf[n - 1] != '\n')
			continue;
		c->waiting = false;
		if (strstr(c->answer, "\"ok\":true"))
			c->n_ok++;
		else
			c->n_refused++;
	}
}

/* Sends @line, which ends with a newline, unless an answer is still due. */
static inline void control_ask(struct control *c, const char *line)
{
	control_look(c);
	if (c->waiting)
		return;
	if (send(c->fd, line, strlen(line), MSG_NOSIGNAL) !=
	    (ssize_t)strlen(line))
		die("the control socket: %s", strerror(errno));
	c->waiting = true;
	c->len = 0;
}

/* Asks and waits; dies if the agent refuses. */
static inline void control_try(struct control *c, const char *line)
{
	uint64_t end = now_ns() + 5 * NSEC_PER_SEC, n = c->n_ok;

	control_ask(c, line);
	while (c->waiting && now_ns() < end) {
		sleep_until_ns(now_ns() + 100000);
		control_look(c);
	}
	if (c->n_ok == n)
		die("%.*s: %s", (int)strcspn(line, "\n"), line,
		    c->waiting ? "no answer" : c->answer);
}

/* The frames that a VM's pool may hold now. */
static inline uint32_t control_pool_size(struct control *c, uint32_t vm)
{
	const char *at;
	char line[128];

	snprintf(line, sizeof(line),
		 "{\"object\":\"pool\",\"verb\":\"show\",\"name\":\"vm%u\"}\n",
		 vm + 1);
	control_try(c, line);
	at = strstr(c->answer, "\"size\":");
	if (!at)
		die("pool show: no size in %s", c->answer);
	return (uint32_t)strtoul(at + strlen("\"size\":"), NULL, 10);
}

#endif
