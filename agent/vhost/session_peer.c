// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who a session's front-end is: the user and the cgroup of the process that has
 * connected or, if we have, of the one that listens (that called listen(): with
 * a socket handed down by another process it is that one).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost/session_private.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

#define CGROUP_MAX 4096

/* The path of the process in cgroup v2, in @path. 0 or a negative errno. */
static int read_cgroup(pid_t pid, char *path, size_t size)
{
	char file[64], line[CGROUP_MAX];
	int ret = -ENOENT;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	f = fopen(file, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, size, "%s", line + 3);
		ret = 0;
	}
	fclose(f);
	return ret;
}

/* "vm1.scope" is a suffix of "/machine.slice/vm1.scope", and of nothing that
 * ends in "-vm1.scope". */
static bool is_in_cgroup(const char *path, const char *suffix)
{
	size_t len = strlen(path), n;
	const char *at;

	while (*suffix == '/')
		suffix++;
	n = strlen(suffix);
	if (n > len)
		return false;
	at = path + len - n;
	return !strcmp(at, suffix) && (at == path || at[-1] == '/');
}

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

static int check_cgroup(struct vhost_session *s, int fd)
{
	char path[CGROUP_MAX];
	int ret = read_cgroup(s->peer_pid, path, sizeof(path));

	if (ret)
		return session_refuse(s, "its process %d: cgroup v2: %s",
				      (int)s->peer_pid, strerror(-ret));
	if (has_ended(fd))
		return session_refuse(s, "its process %d has ended",
				      (int)s->peer_pid);
	if (is_in_cgroup(path, s->opts.peer_cgroup))
		return 0;
	return session_refuse(
		s, "its process %d is in cgroup %.64s: %.48s is allowed",
		(int)s->peer_pid, path, s->opts.peer_cgroup);
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
	if (s->opts.peer_cgroup)
		return check_cgroup(s, fd);
	return 0;
}
