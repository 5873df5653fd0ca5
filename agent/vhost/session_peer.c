// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who a session's front-end is: the user and the cgroup of the process that has
 * connected or, if we have, of the one that listens (that called listen(): with
 * a socket handed down by another process it is that one).
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process.h"
#include "vhost/session_private.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* Whether the process at the other end of @fd, whose number may be another's
 * then, has ended. Before Linux 6.5 nobody can tell. */
static bool has_ended(int fd)
{
	_cleanup_close_ int pidfd = -1;
	socklen_t len = sizeof(pidfd);
	struct pollfd p = { .events = POLLIN };

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0)
		return errno != ENOPROTOOPT;
	p.fd = pidfd;
	return poll(&p, 1, 0) != 0;
}

/* 0 and the path of the process's cgroup, or a refusal. */
static int find_cgroup(struct vhost_session *s, int fd, char *ret_path,
		       size_t size)
{
	int ret = process_cgroup(s->peer_pid, ret_path, size);

	if (ret)
		return session_refuse(s, "its process %d: cgroup v2: %s",
				      (int)s->peer_pid, strerror(-ret));
	if (has_ended(fd))
		return session_refuse(s, "its process %d has ended",
				      (int)s->peer_pid);
	return 0;
}

/* It is also told to others who it is: that is read even if all are allowed,
 * and then need not be known. */
static int check_cgroup(struct vhost_session *s, int fd)
{
	const char *allowed = s->opts.peer_cgroup;
	char path[PROCESS_CGROUP_MAX];
	int ret = find_cgroup(s, fd, path, sizeof(path));

	if (ret)
		return allowed ? ret : 0;
	if (allowed && !process_cgroup_ends(path, allowed))
		return session_refuse(
			s, "its process %d is in cgroup %.64s: %.48s is allowed",
			(int)s->peer_pid, path, allowed);
	s->peer_path = strdup(path);
	return 0;
}

int session_peer_check(struct vhost_session *s, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return session_refuse(s, "who it is: %s", strerror(errno));
	s->peer_pid = cred.pid;
	s->peer_uid = cred.uid;
	if (s->opts.peer_uid != (uid_t)-1 && s->opts.peer_uid != cred.uid)
		return session_refuse(s, "it is user %u: user %u is allowed",
				      (unsigned int)cred.uid,
				      (unsigned int)s->opts.peer_uid);
	return check_cgroup(s, fd);
}

void session_peer_forget(struct vhost_session *s)
{
	s->peer_pid = 0;
	s->peer_uid = (uid_t)-1;
	free(s->peer_path);
	s->peer_path = NULL;
}
