/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The vhost-user protocol: one VM's front-end (QEMU, DPDK's virtio-user), its
 * connection, and everything it has told us. Control thread, all of it; the
 * rings are run by workers, whom the hooks tell when to begin and end. Hooks
 * call nothing of the session but vhost_session_info().
 *
 * Sources: the vhost-user specification (QEMU's docs/interop/vhost-user.rst),
 * virtio 1.2.
 */
#ifndef VHOST_SESSION_H
#define VHOST_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vhost/guest_mem.h"

#define VHOST_MAX_PAIRS		16
#define VHOST_MAX_RINGS		(2 * VHOST_MAX_PAIRS)
#define VHOST_WHY_MAX		160

struct vhost_session;

/* A ring that is to begin. Descriptors and memory stay the session's and are
 * valid until stop has returned. */
struct vhost_ring_start {
	uint32_t index;			/* 2 * pair: to the guest; + 1: from it */
	uint32_t num;			/* entries: a power of two <= 32768 */
	uint64_t features;		/* negotiated, VIRTIO_F_..., VHOST_F_... */
	struct guest_mem *mem;
	void *desc, *avail, *used;	/* here; checked for their whole size */
	uint64_t desc_uva, avail_uva, used_uva;
	uint64_t used_log_gpa;		/* where writes to used are logged */
	bool log_used;
	uint16_t base;			/* next available entry to take */
	int kick_fd, call_fd;		/* -1: none; both non-blocking */
	bool enabled;
};

struct vhost_hooks {
	/* A ring begins. 0 or a negative errno with words in @why: then the
	 * connection ends. */
	int (*start)(void *arg, const struct vhost_ring_start *ring, char *why,
		     size_t why_size);
	/* It ends: when this returns no worker touches it. Returns the next
	 * available entry that was not taken. */
	uint16_t (*stop)(void *arg, uint32_t index);
	/* A ring that runs is enabled or disabled: a disabled ring to the
	 * guest gets nothing, what comes from a disabled one is discarded. */
	void (*enable)(void *arg, uint32_t index, bool enabled);
	/* A ring's call descriptor has changed while it runs; the old one is
	 * closed when this returns. */
	void (*call_fd)(void *arg, uint32_t index, int fd);
	/* The guest has moved: tell the network where its @mac is. */
	void (*rarp)(void *arg, const uint8_t mac[6]);
	/* Rings have started, stopped, been enabled, or the connection is there
	 * or gone: vhost_session_... tell how it is now. */
	void (*changed)(void *arg);
};

struct vhost_opts {
	const char *name;		/* of the VM, for messages; borrowed */
	const char *path;		/* of the socket; copied */
	bool server;			/* listen there; otherwise connect */
	uint32_t socket_mode;		/* server: permission bits */
	uint32_t n_pairs;		/* offered, 1..VHOST_MAX_PAIRS */
	uint64_t features;		/* offered besides the protocol's own */
	uint16_t mtu;			/* of the port */
	uid_t peer_uid;			/* who may be there; (uid_t)-1: anybody */
	const char *peer_cgroup;	/* a suffix of the peer's cgroup v2 path,
					 * or NULL; copied */
	const struct vhost_hooks *hooks;
	void *arg;
	int epoll_fd;			/* borrowed: the session adds its
					 * descriptors with data.ptr = itself */
};

/* Starts to listen or to connect, which goes on for ever in the background: what
 * is wrong with the path now (-EADDRINUSE, -EACCES, ...) is in vhost_info.why,
 * and is tried again from vhost_session_tick(). 0, -ENOMEM, -ENAMETOOLONG (up to
 * 107 bytes are allowed), or -EINVAL. No hook is called. */
int vhost_session_open(const struct vhost_opts *opts,
		       struct vhost_session **ret_session);

/* Stops all rings, closes the connection, unmaps. NULL is allowed. A server's
 * socket file is removed. */
void vhost_session_close(struct vhost_session *session);

/* Its descriptors have something: reads and answers at most a bounded number
 * of messages. @data: data.ptr of the epoll event. */
void vhost_session_run(struct vhost_session *session);

/* Once in about 250 ms or more often: connects again (back-off 100 ms to 5 s),
 * and looks for a broken memory. Returns ms until it wants to be called. */
int vhost_session_tick(struct vhost_session *session, uint64_t now_ns);

/* A worker has found that the guest breaks the rules: stops all rings and ends
 * the connection with @why; a new one is accepted after a pause. */
void vhost_session_fail(struct vhost_session *session, const char *why);

/* ---- how it is ---- */

enum vhost_state {
	VHOST_STATE_WAITING,		/* nobody is connected */
	VHOST_STATE_NEGOTIATING,	/* connected, no ring runs */
	VHOST_STATE_RUNNING,		/* at least one ring runs */
};

struct vhost_info {
	enum vhost_state state;
	char why[VHOST_WHY_MAX];	/* why not running: the last end's reason */
	uint64_t features;		/* acked by the guest's driver */
	uint64_t protocol_features;
	pid_t peer_pid;
	uid_t peer_uid;
	const char *peer_cgroup;	/* path, or NULL: not known; the
					 * session's, until it goes on */
	uint16_t guest_mtu;		/* NET_SET_MTU; 0 = not told */
	uint32_t n_regions;
	uint64_t mem_size, mem_mapped;	/* bytes */
	bool logging;
	uint64_t n_connects, n_messages, n_refused;	/* since open */
	uint64_t n_strangers;		/* of n_refused: not those allowed */
	uint32_t n_rings;
	struct {
		bool running, enabled;
		uint32_t num;
	} rings[VHOST_MAX_RINGS];
};

void vhost_session_info(const struct vhost_session *session,
			struct vhost_info *ret_info);

#endif
