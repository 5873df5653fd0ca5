// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A session with a front-end: its life, and which message goes where. See
 * session.h; session_private.h says what the other parts are.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "vhost/session_private.h"

/* So that a front-end that floods us takes no more than its turn; on a busy
 * machine a message that stops rings takes long. */
#define MESSAGES_PER_RUN 32
#define RUN_NS		 (20 * NS_PER_MS)

/* A connection that was refused after so long was a good one before. */
#define GOOD_NS (10 * NS_PER_SEC)

#define SHRUNK "memory: a file has shrunk or cannot be mapped"

/* What a message must look like before its function sees it. */
struct request {
	session_request *run;
	uint32_t size; /* of the payload, in bytes */
	uint32_t min_fds, max_fds;
};

/* The size depends on the number of regions. */
#define SIZE_OF_TABLE UINT32_MAX

static const struct request requests[MESSAGE_N_REQUESTS] = {
	[MESSAGE_GET_FEATURES] = { session_get_features, 0, 0, 0 },
	[MESSAGE_SET_FEATURES] = { session_set_features, 8, 0, 0 },
	[MESSAGE_SET_OWNER] = { session_set_owner, 0, 0, 0 },
	[MESSAGE_RESET_OWNER] = { session_reset_owner, 0, 0, 0 },
	[MESSAGE_SET_MEM_TABLE] = { session_set_mem_table, SIZE_OF_TABLE, 0,
				    MESSAGE_MAX_REGIONS },
	[MESSAGE_SET_LOG_BASE] = { session_set_log_base, 16, 1, 1 },
	[MESSAGE_SET_LOG_FD] = { session_set_log_fd, 0, 1, 1 },
	[MESSAGE_SET_VRING_NUM] = { session_set_vring_num, 8, 0, 0 },
	[MESSAGE_SET_VRING_ADDR] = { session_set_vring_addr, 40, 0, 0 },
	[MESSAGE_SET_VRING_BASE] = { session_set_vring_base, 8, 0, 0 },
	[MESSAGE_GET_VRING_BASE] = { session_get_vring_base, 8, 0, 0 },
	[MESSAGE_SET_VRING_KICK] = { session_set_vring_kick, 8, 0, 1 },
	[MESSAGE_SET_VRING_CALL] = { session_set_vring_call, 8, 0, 1 },
	[MESSAGE_SET_VRING_ERR] = { session_set_vring_err, 8, 0, 1 },
	[MESSAGE_GET_PROTOCOL_FEATURES] = { session_get_protocol_features, 0, 0,
					    0 },
	[MESSAGE_SET_PROTOCOL_FEATURES] = { session_set_protocol_features, 8, 0,
					    0 },
	[MESSAGE_GET_QUEUE_NUM] = { session_get_queue_num, 0, 0, 0 },
	[MESSAGE_SET_VRING_ENABLE] = { session_set_vring_enable, 8, 0, 0 },
	[MESSAGE_SEND_RARP] = { session_send_rarp, 8, 0, 0 },
	[MESSAGE_NET_SET_MTU] = { session_net_set_mtu, 8, 0, 0 },
	[MESSAGE_GET_MAX_MEM_SLOTS] = { session_get_max_mem_slots, 0, 0, 0 },
	[MESSAGE_ADD_MEM_REG] = { session_add_mem_reg, 40, 1, 1 },
	/* Some front-ends send the descriptor, which nobody needs. */
	[MESSAGE_REM_MEM_REG] = { session_rem_mem_reg, 40, 0, 1 },
};

/* ---- life ---- */

static void free_session(struct vhost_session *s)
{
	free(s->path);
	free(s->peer_cgroup);
	free(s);
}

/* The session outlives the configuration that it was opened by. */
static int copy_strings(struct vhost_session *s)
{
	const char *cgroup = s->opts.peer_cgroup;

	s->path = strdup(s->opts.path);
	s->peer_cgroup = cgroup ? strdup(cgroup) : NULL;
	s->opts.path = s->path;
	s->opts.peer_cgroup = s->peer_cgroup;
	return s->path && (!cgroup || s->peer_cgroup) ? 0 : -ENOMEM;
}

int vhost_session_open(const struct vhost_opts *opts,
		       struct vhost_session **ret_session)
{
	struct vhost_session *s;

	if (!opts->n_pairs || opts->n_pairs > VHOST_MAX_PAIRS)
		return -EINVAL;
	if (strlen(opts->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->opts = *opts;
	if (copy_strings(s)) {
		free_session(s);
		return -ENOMEM;
	}
	s->fd = -1;
	s->listen_fd = -1;
	s->peer_uid = (uid_t)-1;
	session_rings_init(s);
	session_connect_try(s, now_ns());
	s->changed = false;
	*ret_session = s;
	return 0;
}

void vhost_session_close(struct vhost_session *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		session_end(s, false, "closed");
	session_connect_close(s);
	free_session(s);
}

static void tell(struct vhost_session *s)
{
	if (!s->changed)
		return;
	s->changed = false;
	s->opts.hooks->changed(s->opts.arg);
}

void session_begin(struct vhost_session *s, int fd)
{
	int ret = session_peer_check(s, fd);

	s->n_connects++;
	s->n_strangers += ret != 0;
	if (!ret) {
		s->mem = guest_mem_new();
		if (!s->mem)
			ret = session_refuse(s, "%s", strerror(ENOMEM));
	}
	if (!ret && session_connect_watch(s, fd) < 0)
		ret = session_refuse(s, "watching its socket: %s",
				     strerror(errno));
	s->fd = fd;
	s->since_ns = now_ns();
	s->n_said = 0;
	s->try_why[0] = '\0';
	s->changed = true;
	if (ret) {
		session_end(s, true, s->reason);
		return;
	}
	log_info("vm %s: front-end is there: process %d of user %u",
		 s->opts.name, (int)s->peer_pid, (unsigned int)s->peer_uid);
}

void session_end(struct vhost_session *s, bool refused, const char *why)
{
	bool good = !refused ? s->n_said > 0
			     : now_ns() - s->since_ns >= GOOD_NS;

	session_rings_done(s);
	message_reset(&s->msg);
	close(s->fd); /* which takes it out of the epoll set */
	s->fd = -1;
	guest_mem_free(s->mem);
	s->mem = NULL;
	s->features = 0;
	s->protocol_features = 0;
	s->guest_mtu = 0;
	session_peer_forget(s);
	s->changed = true;
	if (refused) {
		s->n_refused++;
		log_warning("vm %s: front-end refused: %s", s->opts.name, why);
	} else {
		log_info("vm %s: front-end is gone: %s", s->opts.name, why);
	}
	if (why != s->end_why)
		snprintf(s->end_why, sizeof(s->end_why), "%s", why);
	session_connect_wait(s, good);
}

void vhost_session_fail(struct vhost_session *s, const char *why)
{
	if (s->fd < 0)
		return;
	/* A ring that reads as zeros now is broken by that. */
	session_end(s, true, guest_mem_is_broken(s->mem) ? SHRUNK : why);
	tell(s);
}

/* ---- messages ---- */

int session_refuse(struct vhost_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->reason, sizeof(s->reason), fmt, ap);
	va_end(ap);
	return -EPROTO;
}

int session_reply(struct vhost_session *s, const struct message *msg,
		  const void *payload, uint32_t size)
{
	int ret = message_reply(msg, s->fd, payload, size);

	if (ret == -EAGAIN)
		return session_refuse(s, "it does not read the answers");
	if (ret)
		return session_refuse(s, "answering: %s", strerror(-ret));
	return SESSION_REPLIED;
}

int session_reply_u64(struct vhost_session *s, const struct message *msg,
		      uint64_t value)
{
	return session_reply(s, msg, &value, sizeof(value));
}

static int check_form(struct vhost_session *s, const struct message *msg,
		      const struct request *request)
{
	uint32_t size = request->size;
	uint32_t min_fds = request->min_fds, max_fds = request->max_fds;

	if (size == SIZE_OF_TABLE) {
		if (msg->head.size < 8 ||
		    msg->payload.table.n_regions > MESSAGE_MAX_REGIONS)
			return session_refuse(s, "up to %d regions are allowed",
					      MESSAGE_MAX_REGIONS);
		min_fds = max_fds = msg->payload.table.n_regions;
		size = 8 + min_fds * (uint32_t)sizeof(struct message_region);
	}
	if (msg->head.size != size)
		return session_refuse(s, "%u bytes: it must be %u",
				      msg->head.size, size);
	if (msg->n_fds < min_fds || msg->n_fds > max_fds)
		return session_refuse(s, "%u file descriptors: it must be %s%u",
				      msg->n_fds,
				      min_fds == max_fds ? "" : "up to ",
				      max_fds);
	return 0;
}

/* 0 or a refusal. */
static int process(struct vhost_session *s, struct message *msg)
{
	const struct request *request;
	int ret;

	if (!message_name(msg->head.request))
		return session_refuse(s, "it has not been offered");
	request = &requests[msg->head.request];
	ret = check_form(s, msg, request);
	if (!ret)
		ret = request->run(s, msg);
	if (ret < 0 || ret == SESSION_REPLIED)
		return ret < 0 ? ret : 0;
	if (msg->head.flags & MESSAGE_NEED_REPLY &&
	    s->protocol_features & VHOST_PROTOCOL_REPLY_ACK) {
		/* Once it is answered, it is in effect everywhere. */
		tell(s);
		ret = session_reply_u64(s, msg, ret == SESSION_FAILED);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static void refused(struct vhost_session *s, uint32_t request)
{
	const char *name = message_name(request);
	char why[VHOST_WHY_MAX + 32];

	if (name)
		snprintf(why, sizeof(why), "%s: %s", name, s->reason);
	else
		snprintf(why, sizeof(why), "message %u: %s", request,
			 s->reason);
	session_end(s, true, why);
}

void vhost_session_run(struct vhost_session *s)
{
	const uint64_t end = now_ns() + RUN_NS;

	if (s->fd < 0)
		session_connect_accept(s);
	for (int i = 0; i < MESSAGES_PER_RUN && s->fd >= 0; i++) {
		int ret = message_receive(&s->msg, s->fd, s->reason,
					  sizeof(s->reason));

		if (!ret)
			break;
		if (ret < 0) {
			session_end(s, ret != -ECONNRESET, s->reason);
			break;
		}
		s->n_messages++;
		s->n_said++;
		if (process(s, &s->msg) < 0) {
			refused(s, s->msg.head.request);
			break;
		}
		message_reset(&s->msg);
		if (now_ns() >= end)
			break;
	}
	tell(s);
}

int vhost_session_tick(struct vhost_session *s, uint64_t now)
{
	uint64_t left;

	if (s->fd >= 0 && guest_mem_is_broken(s->mem))
		session_end(s, true, SHRUNK);
	session_connect_try(s, now);
	tell(s);
	if (s->fd >= 0 || s->listening || s->next_try_ns <= now)
		return 250;
	left = (s->next_try_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	return (int)min_u32(left, 250);
}

/* ---- how it is ---- */

/* Why the last connection ended, and why there is no new one. */
static void info_why(const struct vhost_session *s, struct vhost_info *info)
{
	if (info->state == VHOST_STATE_RUNNING)
		return;
	if (s->end_why[0] && s->try_why[0])
		snprintf(info->why, sizeof(info->why), "%.92s; %s", s->end_why,
			 s->try_why);
	else
		snprintf(info->why, sizeof(info->why), "%s",
			 s->end_why[0] ? s->end_why : s->try_why);
}

void vhost_session_info(const struct vhost_session *s,
			struct vhost_info *ret_info)
{
	struct vhost_info info = {
		.state = s->fd < 0 ? VHOST_STATE_WAITING
				   : VHOST_STATE_NEGOTIATING,
		.features = s->features,
		.protocol_features = s->protocol_features,
		.peer_pid = s->peer_pid,
		.peer_uid = s->peer_uid,
		.peer_cgroup = s->peer_path,
		.guest_mtu = s->guest_mtu,
		.n_connects = s->n_connects,
		.n_messages = s->n_messages,
		.n_refused = s->n_refused,
		.n_strangers = s->n_strangers,
		.n_rings = session_n_rings(s),
	};

	for (uint32_t i = 0; s->mem && i < s->mem->n_regions; i++)
		info.mem_size += s->mem->regions[i].size;
	if (s->mem) {
		info.n_regions = s->mem->n_regions;
		info.mem_mapped = guest_mem_mapped(s->mem);
		info.logging = s->mem->log.base != NULL;
	}
	for (uint32_t i = 0; i < info.n_rings; i++) {
		const struct session_ring *ring = &s->rings[i];

		info.rings[i].running = ring->running;
		info.rings[i].enabled = ring->enabled;
		info.rings[i].num = ring->num;
		if (ring->running)
			info.state = VHOST_STATE_RUNNING;
	}
	info_why(s, &info);
	*ret_info = info;
}
