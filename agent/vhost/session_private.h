/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parts of a session share; nobody else includes this.
 *
 *	session.c		life, dispatch of messages, how it ends
 *	session_connect.c	listening, connecting, when to try again
 *	session_peer.c		who is at the other end
 *	session_features.c	what is negotiated
 *	session_memory.c	memory table, regions, dirty log
 *	session_rings.c		rings: what is told of them, start and stop
 *
 * A ring runs if and only if all it needs is known: see session_rings_start().
 * Whoever changes something that running rings use stops them, makes the
 * change, and starts them again: stop gives the base that start continues from.
 */
#ifndef VHOST_SESSION_PRIVATE_H
#define VHOST_SESSION_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vhost/features.h"
#include "vhost/message.h"
#include "vhost/session.h"

struct session_ring {
	bool running;
	bool has_num, has_addr, has_base, has_kick;
	bool enable_told, enabled; /* by SET_VRING_ENABLE */
	uint32_t num;
	struct message_ring_addr addr;
	uint16_t base;
	int kick_fd, call_fd; /* owned; -1 = none */
};

struct vhost_session {
	struct vhost_opts opts;
	char *path, *peer_cgroup;	/* owned: opts refers to them */
	/* the socket */
	int fd;		      /* owned: connection; -1 = none */
	int listen_fd;	      /* owned: server; -1 = none */
	bool listening;	      /* listen_fd is in the epoll set */
	dev_t dev;	      /* of the server's path, to know it */
	ino_t ino;	      /* again */
	uint64_t next_try_ns; /* without a connection */
	uint64_t since_ns;    /* with one: when it began */
	uint32_t backoff_ms;
	char try_why[64]; /* why there is no connection */
	/* the peer */
	pid_t peer_pid;
	uid_t peer_uid;
	char *peer_path; /* owned: of its cgroup; NULL = not known */
	/* what it has said */
	struct message msg;
	uint64_t n_said; /* messages of this connection */
	uint64_t features, protocol_features;
	uint16_t guest_mtu;
	struct guest_mem *mem; /* owned; NULL without a connection */
	struct session_ring rings[VHOST_MAX_RINGS];
	/* how it is */
	bool changed;		     /* the hook is to be called */
	char reason[VHOST_WHY_MAX];  /* see session_refuse() */
	char end_why[VHOST_WHY_MAX]; /* of the last connection's end */
	uint64_t n_connects, n_messages, n_refused;
	uint64_t n_strangers; /* of n_refused: by session_peer_check() */
};

/* What a request's function returns, or what session_refuse() does. */
enum session_result {
	SESSION_DONE = 0,    /* said to be so if the front-end wants it */
	SESSION_REPLIED = 1, /* with an answer of its own */
	SESSION_FAILED = 2,  /* said to be so: the front-end may go on */
};

typedef int session_request(struct vhost_session *s, struct message *msg);

/* Writes why the message cannot be accepted. -EPROTO, for the caller to
 * return. */
int session_refuse(struct vhost_session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Answers @msg. SESSION_REPLIED or a refusal. */
int session_reply(struct vhost_session *s, const struct message *msg,
		  const void *payload, uint32_t size);
int session_reply_u64(struct vhost_session *s, const struct message *msg,
		      uint64_t value);

static inline uint32_t session_n_rings(const struct vhost_session *s)
{
	return 2 * s->opts.n_pairs;
}

/* A connection is there: @fd becomes the session's. */
void session_begin(struct vhost_session *s, int fd);

/* It ends, with nothing left of what it said. @refused: by us. */
void session_end(struct vhost_session *s, bool refused, const char *why);

/* ---- session_connect.c ---- */

/* Listens or connects if it is time to. */
void session_connect_try(struct vhost_session *s, uint64_t now);

/* Server: takes a front-end that waits. */
void session_connect_accept(struct vhost_session *s);

/* Puts a connection into the epoll set. 0 or a negative errno. */
int session_connect_watch(struct vhost_session *s, int fd);

/* No connection any more, or a try failed: when to try again. @again: there was
 * nothing wrong, so soon. */
void session_connect_wait(struct vhost_session *s, bool again);

/* Stops to listen and removes the path, if it is ours. */
void session_connect_close(struct vhost_session *s);

/* ---- session_peer.c ---- */

/* Who is at the other end of @fd, and whether it may be. 0 or a refusal. */
int session_peer_check(struct vhost_session *s, int fd);
void session_peer_forget(struct vhost_session *s);

/* ---- session_features.c ---- */

session_request session_get_features, session_set_features;
session_request session_get_protocol_features, session_set_protocol_features;
session_request session_get_queue_num, session_set_owner, session_reset_owner;
session_request session_send_rarp, session_net_set_mtu;

/* Whether protocol feature @bit has been negotiated. 0 or a refusal. */
int session_needs(struct vhost_session *s, uint64_t bit, const char *name);

/* ---- session_memory.c ---- */

session_request session_set_mem_table, session_set_log_base, session_set_log_fd;
session_request session_get_max_mem_slots, session_add_mem_reg;
session_request session_rem_mem_reg;

/* ---- session_rings.c ---- */

session_request session_set_vring_num, session_set_vring_addr;
session_request session_set_vring_base, session_get_vring_base;
session_request session_set_vring_kick, session_set_vring_call;
session_request session_set_vring_err, session_set_vring_enable;

void session_rings_init(struct vhost_session *s);

/* Stops all that run, and forgets everything. */
void session_rings_done(struct vhost_session *s);

/* Stops all that run. */
void session_rings_stop(struct vhost_session *s);

/* Starts all that do not run and have what they need. @wait: a ring outside
 * memory is no reason for a refusal: the rest of the memory is to come. 0 or a
 * refusal. */
int session_rings_start(struct vhost_session *s, bool wait);

/* Disables all, as if the front-end had said so for each. */
void session_rings_disable(struct vhost_session *s);

#endif
