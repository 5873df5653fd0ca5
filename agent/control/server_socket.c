// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The control socket in the file system: see server_socket.h. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"
#include "control/server_socket.h"

#define BACKLOG	   16
#define MAX_GROUPS 65536 /* NGROUPS_MAX of Linux */

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* Nobody but us may use the path until its group and mode are set. */
static int bind_closed(int fd, const struct sockaddr_un *addr)
{
	mode_t old = umask(0177);
	int ret = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));

	if (ret < 0)
		ret = -errno;
	umask(old);
	return ret;
}

/* Whether the socket file has been left behind. */
static int is_stale(const struct sockaddr_un *addr, char *err, size_t err_size)
{
	_cleanup_close_ int fd = open_socket();
	struct stat st;

	if (fd < 0)
		return fd;
	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(
			err, err_size,
			"agent.control.path: %s: something that is no socket is there; remove it",
			addr->sun_path);
		return -EEXIST;
	}
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
	    errno == ECONNREFUSED)
		return 0;
	snprintf(
		err, err_size,
		"agent.control.path: %s: another process listens there; stop it, or choose another path",
		addr->sun_path);
	return -EADDRINUSE;
}

static int find_group(const struct config *config, gid_t *ret_gid, char *err,
		      size_t err_size)
{
	const struct group *group;

	*ret_gid = (gid_t)-1;
	if (!config->control_group[0])
		return 0;
	group = getgrnam(config->control_group);
	if (!group) {
		snprintf(
			err, err_size,
			"agent.control.group: %s: no such group; make it (groupadd), or choose another",
			config->control_group);
		return -EINVAL;
	}
	*ret_gid = group->gr_gid;
	return 0;
}

/* The path is there and ours; nobody can connect before listen(). */
static int open_up(struct server_socket *sock, mode_t mode)
{
	struct stat st;

	if (lstat(sock->path, &st) < 0)
		return -errno;
	sock->dev = st.st_dev;
	sock->ino = st.st_ino;
	if (sock->gid != (gid_t)-1 &&
	    lchown(sock->path, (uid_t)-1, sock->gid) < 0)
		return -errno;
	if (chmod(sock->path, mode & 0777) < 0 || listen(sock->fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

int server_socket_open(struct server_socket *sock, const struct config *config,
		       char *err, size_t err_size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int ret;

	err[0] = '\0';
	memset(sock, 0, sizeof(*sock));
	sock->fd = -1;
	ret = find_group(config, &sock->gid, err, err_size);
	if (ret)
		return ret;
	snprintf(sock->path, sizeof(sock->path), "%s", config->control_path);
	memcpy(addr.sun_path, sock->path, sizeof(addr.sun_path));
	ret = open_socket();
	if (ret < 0)
		goto fail;
	sock->fd = ret;
	ret = bind_closed(sock->fd, &addr);
	if (ret == -EADDRINUSE) {
		ret = is_stale(&addr, err, err_size);
		if (ret)
			goto fail;
		unlink(sock->path);
		ret = bind_closed(sock->fd, &addr);
	}
	if (!ret)
		ret = open_up(sock, config->control_mode);
	if (!ret)
		return 0;
fail:
	if (!err[0])
		snprintf(err, err_size, "agent.control.path: %s: %s",
			 sock->path, strerror(-ret));
	server_socket_close(sock);
	return ret;
}

void server_socket_close(struct server_socket *sock)
{
	struct stat st;

	if (sock->fd < 0)
		return;
	if (sock->ino && !lstat(sock->path, &st) && st.st_dev == sock->dev &&
	    st.st_ino == sock->ino)
		unlink(sock->path);
	close(sock->fd);
	sock->fd = -1;
}

/* ---- the other end ---- */

static bool in_group(int fd, gid_t gid)
{
	socklen_t len = MAX_GROUPS * sizeof(gid_t);
	_cleanup_free_ gid_t *groups = malloc(len);

	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

int server_socket_peer(const struct server_socket *sock, int fd,
		       struct request_peer *ret_peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	ret_peer->uid = cred.uid;
	ret_peer->pid = cred.pid;
	ret_peer->may_command =
		cred.uid == 0 || cred.uid == geteuid() ||
		(sock->gid != (gid_t)-1 &&
		 (cred.gid == sock->gid || in_group(fd, sock->gid)));
	return 0;
}
