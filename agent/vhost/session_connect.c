// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A session's socket: listening or connecting, for ever, without waiting, and
 * not more often than the back-off allows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "vhost/session_private.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define BACKLOG	       4

static void set_addr(const struct vhost_session *s, struct sockaddr_un *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	/* Its length was checked when the session was opened. */
	memcpy(addr->sun_path, s->opts.path, strlen(s->opts.path));
}

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int session_connect_watch(struct vhost_session *s, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };

	if (epoll_ctl(s->opts.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	return 0;
}

void session_connect_wait(struct vhost_session *s, bool again)
{
	if (again || !s->backoff_ms)
		s->backoff_ms = BACKOFF_MIN_MS;
	s->next_try_ns = now_ns() + s->backoff_ms * NS_PER_MS;
	s->backoff_ms = min_u32(2 * s->backoff_ms, BACKOFF_MAX_MS);
}

/* Said once, not every five seconds. */
static void failed(struct vhost_session *s, int err)
{
	char why[sizeof(s->try_why)];

	snprintf(why, sizeof(why), "%s: %s",
		 s->opts.server ? "listening" : "connecting", strerror(-err));
	if (strcmp(why, s->try_why)) {
		memcpy(s->try_why, why, sizeof(why));
		log_info("vm %s: %s: %s; trying on", s->opts.name, s->opts.path,
			 why);
		s->changed = true;
	}
	session_connect_wait(s, false);
}

/* ---- client ---- */

static void connect_now(struct vhost_session *s)
{
	struct sockaddr_un addr;
	int fd = open_socket();
	int err;

	if (fd < 0) {
		failed(s, fd);
		return;
	}
	set_addr(s, &addr);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		close(fd);
		failed(s, err);
		return;
	}
	session_begin(s, fd);
}

/* ---- server ---- */

/* Nobody but us may use the path until its mode is set. */
static int bind_closed(int fd, const struct sockaddr_un *addr)
{
	mode_t old = umask(0177);
	int ret = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));

	if (ret < 0)
		ret = -errno;
	umask(old);
	return ret;
}

/* A socket that a process before us has left behind is removed; one that
 * somebody answers on, or anything else, is not ours. */
static int remove_stale(const struct sockaddr_un *addr)
{
	_cleanup_close_ int fd = open_socket();
	struct stat st;

	if (fd < 0)
		return fd;
	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ||
	    errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(addr->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_path(struct vhost_session *s, int fd)
{
	struct sockaddr_un addr;
	struct stat st;
	int ret;

	set_addr(s, &addr);
	ret = bind_closed(fd, &addr);
	if (ret == -EADDRINUSE) {
		ret = remove_stale(&addr);
		if (!ret)
			ret = bind_closed(fd, &addr);
	}
	if (ret)
		return ret;
	if (lstat(addr.sun_path, &st) < 0)
		return -errno;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	if (chmod(addr.sun_path, s->opts.socket_mode & 0777) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		ret = -errno;
		unlink(addr.sun_path);
	}
	return ret;
}

static void listen_now(struct vhost_session *s)
{
	int fd = open_socket();
	int ret = fd < 0 ? fd : bind_path(s, fd);

	if (ret < 0) {
		if (fd >= 0)
			close(fd);
		failed(s, ret);
		return;
	}
	s->listen_fd = fd;
	s->try_why[0] = '\0';
}

/* In the epoll set only while a front-end can be taken: one that waits for its
 * turn would make it ready all the time. */
static void listen_on(struct vhost_session *s)
{
	int ret = session_connect_watch(s, s->listen_fd);

	if (ret)
		failed(s, ret);
	else
		s->listening = true;
}

static void listen_off(struct vhost_session *s)
{
	if (s->listening)
		epoll_ctl(s->opts.epoll_fd, EPOLL_CTL_DEL, s->listen_fd, NULL);
	s->listening = false;
}

void session_connect_accept(struct vhost_session *s)
{
	int fd;

	if (!s->listening)
		return;
	fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* EMFILE and the like come again at once, if not held off. */
		if (errno != EAGAIN && errno != ECONNABORTED) {
			listen_off(s);
			failed(s, -errno);
		}
		return;
	}
	listen_off(s);
	session_begin(s, fd);
}

void session_connect_close(struct vhost_session *s)
{
	struct stat st;

	if (s->listen_fd < 0)
		return;
	close(s->listen_fd);
	s->listen_fd = -1;
	s->listening = false;
	if (!lstat(s->opts.path, &st) && st.st_dev == s->dev &&
	    st.st_ino == s->ino)
		unlink(s->opts.path);
}

void session_connect_try(struct vhost_session *s, uint64_t now)
{
	if (s->fd >= 0 || s->listening || now < s->next_try_ns)
		return;
	if (!s->opts.server) {
		connect_now(s);
		return;
	}
	if (s->listen_fd < 0)
		listen_now(s);
	if (s->listen_fd >= 0)
		listen_on(s);
}
