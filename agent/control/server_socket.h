/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket's place in the file system, and who is at its other end.
 * server.c is its only user.
 */
#ifndef CONTROL_SERVER_SOCKET_H
#define CONTROL_SERVER_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

#include "control/request.h"

struct server_socket {
	int fd;			/* owned: listening, non-blocking */
	char path[108];
	gid_t gid;		/* (gid_t)-1 = no group */
	dev_t dev;		/* of the path, to know it again */
	ino_t ino;
};

/* See server_open(). */
int server_socket_open(struct server_socket *sock, const struct config *config,
		       char *err, size_t err_size);

/* Removes the path unless somebody else has put something there. */
void server_socket_close(struct server_socket *sock);

/* Who is at the other end of @fd. 0 or a negative errno. */
int server_socket_peer(const struct server_socket *sock, int fd,
		       struct request_peer *ret_peer);

#endif
