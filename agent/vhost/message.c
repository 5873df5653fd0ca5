// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Messages of the vhost-user protocol on a socket: see message.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/base.h"
#include "vhost/message.h"

static const char *const names[MESSAGE_N_REQUESTS] = {
	[MESSAGE_GET_FEATURES] = "GET_FEATURES",
	[MESSAGE_SET_FEATURES] = "SET_FEATURES",
	[MESSAGE_SET_OWNER] = "SET_OWNER",
	[MESSAGE_RESET_OWNER] = "RESET_OWNER",
	[MESSAGE_SET_MEM_TABLE] = "SET_MEM_TABLE",
	[MESSAGE_SET_LOG_BASE] = "SET_LOG_BASE",
	[MESSAGE_SET_LOG_FD] = "SET_LOG_FD",
	[MESSAGE_SET_VRING_NUM] = "SET_VRING_NUM",
	[MESSAGE_SET_VRING_ADDR] = "SET_VRING_ADDR",
	[MESSAGE_SET_VRING_BASE] = "SET_VRING_BASE",
	[MESSAGE_GET_VRING_BASE] = "GET_VRING_BASE",
	[MESSAGE_SET_VRING_KICK] = "SET_VRING_KICK",
	[MESSAGE_SET_VRING_CALL] = "SET_VRING_CALL",
	[MESSAGE_SET_VRING_ERR] = "SET_VRING_ERR",
	[MESSAGE_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[MESSAGE_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[MESSAGE_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
	[MESSAGE_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
	[MESSAGE_SEND_RARP] = "SEND_RARP",
	[MESSAGE_NET_SET_MTU] = "NET_SET_MTU",
	[MESSAGE_GET_MAX_MEM_SLOTS] = "GET_MAX_MEM_SLOTS",
	[MESSAGE_ADD_MEM_REG] = "ADD_MEM_REG",
	[MESSAGE_REM_MEM_REG] = "REM_MEM_REG",
};

const char *message_name(uint32_t request)
{
	return request < MESSAGE_N_REQUESTS ? names[request] : NULL;
}

/* Takes what came along; what has no place is closed. */
static int take_fds(struct message *msg, const struct msghdr *hdr)
{
	int ret = hdr->msg_flags & MSG_CTRUNC ? -EMSGSIZE : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c;
	     c = CMSG_NXTHDR((struct msghdr *)hdr, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (msg->n_fds < MESSAGE_MAX_FDS) {
				msg->fds[msg->n_fds++] = fd;
			} else {
				close(fd);
				ret = -EMSGSIZE;
			}
		}
	}
	return ret;
}

/* Up to @size bytes, never those of a next message. As message_receive(), but
 * 1: something came. */
static int read_some(struct message *msg, int fd, void *data, size_t size,
		     char *why, size_t why_size)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(MESSAGE_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int err;

	if (n < 0) {
		err = -errno;
		if (err == -EAGAIN || err == -EINTR)
			return 0;
		snprintf(why, why_size, "receiving: %s", strerror(-err));
		return err;
	}
	err = take_fds(msg, &hdr);
	if (err) {
		snprintf(why, why_size,
			 "more than %d file descriptors with one message",
			 MESSAGE_MAX_FDS);
		return err;
	}
	if (!n) {
		snprintf(why, why_size, "%s",
			 msg->n_read ? "closed in the middle of a message"
				     : "closed by the front-end");
		return -ECONNRESET;
	}
	msg->n_read += (uint32_t)n;
	return 1;
}

static int check_head(const struct message_head *head, char *why,
		      size_t why_size)
{
	if ((head->flags & ~MESSAGE_NEED_REPLY) != MESSAGE_VERSION) {
		snprintf(why, why_size,
			 "flags 0x%x: version 1, and bit 3, are allowed",
			 head->flags);
		return -EPROTO;
	}
	if (head->size > sizeof(union message_payload)) {
		snprintf(why, why_size,
			 "message %u: %u bytes: up to %zu are allowed",
			 head->request, head->size,
			 sizeof(union message_payload));
		return -EMSGSIZE;
	}
	return 0;
}

int message_receive(struct message *msg, int fd, char *why, size_t why_size)
{
	int ret;

	while (msg->n_read < sizeof(msg->head)) {
		ret = read_some(msg, fd, (char *)&msg->head + msg->n_read,
				sizeof(msg->head) - msg->n_read, why, why_size);
		if (ret <= 0)
			return ret;
	}
	ret = check_head(&msg->head, why, why_size);
	if (ret)
		return ret;
	while (msg->n_read < sizeof(msg->head) + msg->head.size) {
		uint32_t at = msg->n_read - (uint32_t)sizeof(msg->head);

		ret = read_some(msg, fd, (char *)&msg->payload + at,
				msg->head.size - at, why, why_size);
		if (ret <= 0)
			return ret;
	}
	return 1;
}

void message_reset(struct message *msg)
{
	for (uint32_t i = 0; i < msg->n_fds; i++)
		if (msg->fds[i] >= 0)
			close(msg->fds[i]);
	memset(msg, 0, sizeof(*msg));
}

int message_take_fd(struct message *msg, uint32_t i)
{
	int fd = msg->fds[i];

	msg->fds[i] = -1;
	return fd;
}

int message_reply(const struct message *msg, int fd, const void *payload,
		  uint32_t size)
{
	struct message_head head = {
		.request = msg->head.request,
		.flags = MESSAGE_VERSION | MESSAGE_REPLY,
		.size = size,
	};
	struct iovec iov[2] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)payload, .iov_len = size },
	};
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n = sendmsg(fd, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	/* Short messages are sent whole or not at all. */
	return (size_t)n == sizeof(head) + size ? 0 : -EAGAIN;
}
