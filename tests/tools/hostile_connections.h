/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections that come and go, and those that may not come: rows of
 * hostile.c. */
#ifndef TOOLS_HOSTILE_CONNECTIONS_H
#define TOOLS_HOSTILE_CONNECTIONS_H

#include "hostile.h"

#include <sys/un.h>

/* Each with a guest that goes on where it was. */
static void come_and_go(struct hostile *h, const struct row *row)
{
	for (uint64_t i = 0; i < row->a; i++) {
		front_hang_up(&h->front);
		require(!front_accept(&h->front, PATIENCE_MS) &&
				!front_start(&h->front),
			"connection %u", (uint32_t)i);
		knock(h);
	}
}

/* In the middle of things: nothing that is on its way is waited for. */
static void come_and_vanish(struct hostile *h, const struct row *row)
{
	uint8_t frame[600];

	for (uint64_t i = 0; i < row->a; i++) {
		for (uint32_t n = 0; n < 4; n++) {
			make_frame(h, frame, sizeof(frame));
			send_frame(h, NULL, frame, sizeof(frame));
		}
		front_hang_up(&h->front);
		require(!front_accept(&h->front, PATIENCE_MS) &&
				!front_start(&h->front),
			"connection %u", (uint32_t)i);
	}
}

/* Nobody says anything. */
static void come_silently(struct hostile *h, const struct row *row)
{
	for (uint64_t i = 0; i < row->a; i++) {
		front_hang_up(&h->front);
		require(!front_accept(&h->front, PATIENCE_MS), "connection %u",
			(uint32_t)i);
	}
	require(!front_start(&h->front), "starting after %u connections",
		(uint32_t)row->a);
}

/* Many at once, while one has the agent's ear and after it. */
static void crowd(struct hostile *h, const struct row *row)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fds[256];

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s",
		 h->front.opts.path);
	for (uint64_t round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < row->a; i++) {
			fds[i] = socket(
				AF_UNIX,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
			/* The queue is full after a few. */
			if (connect(fds[i], (struct sockaddr *)&addr,
				    sizeof(addr)))
				require(errno == EAGAIN, "connecting: %s",
					strerror(errno));
		}
		if (!round)
			exchange(h, 4);
		else
			front_hang_up(&h->front);
		for (uint64_t i = 0; i < row->a; i++)
			close(fds[i]);
	}
	require(!front_accept(&h->front, PATIENCE_MS) &&
			!front_start(&h->front),
		"starting after the crowd");
}

/* clang-format off */
static const struct row connection_rows[] = {
	{ "20-connections", NULL, ALLOWED, NULL, come_and_go, 0, 20, 0 },
	{ "20-connections-cut", NULL, ALLOWED, NULL, come_and_vanish, 0, 20, 0 },
	{ "connections-silent", NULL, ALLOWED, NULL, come_silently, 0, 5, 0 },
	{ "crowd", NULL, ALLOWED, NULL, crowd, 0, 100, 0 },
	{ "wrong-user", NULL, REFUSED, "user 65534 is allowed", NULL, EARLY, 0, 0 },
	{ "wrong-cgroup", NULL, REFUSED, "/no-such.scope is allowed", NULL, EARLY, 0, 0 },
};
/* clang-format on */

#endif
