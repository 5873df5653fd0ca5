/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A session with a front-end that the test plays by hand, message by message
 * over a socket in a directory of its own, and hooks that keep book of what the
 * session asks of the workers, and object when it makes no sense.
 */
#ifndef TESTS_UNIT_SESSION_RIG_H
#define TESTS_UNIT_SESSION_RIG_H

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "vhost/features.h"
#include "vhost/session.h"
#include "../front/proto.h"
#include "../guest_files.h"
#include "unit.h"

#define RIG_PAIRS     2
#define RIG_RINGS     (2 * RIG_PAIRS)
#define RIG_MTU	      1500
#define RIG_PAGE      4096ull
#define RIG_GPA	      0x100000ull
#define RIG_MEM_SIZE  0x100000ull
#define RIG_UVA	      0x7f0000000000ull
#define RIG_NUM	      256
#define RIG_RING_STEP 0x10000ull
#define RIG_FEATURES                                                         \
	(VIRTIO_VERSION_1 | VIRTIO_NET_MRG_RXBUF | VIRTIO_NET_MQ |           \
	 VIRTIO_NET_CSUM | VIRTIO_RING_INDIRECT | VIRTIO_RING_EVENT_IDX |    \
	 VIRTIO_NET_MTU | VIRTIO_NET_GUEST_ANNOUNCE)
#define RIG_PROTOCOL                                                         \
	(FRONT_P_MQ | FRONT_P_LOG_SHMFD | FRONT_P_RARP | FRONT_P_REPLY_ACK | \
	 FRONT_P_NET_MTU | FRONT_P_MEM_SLOTS)

struct rig_ring {
	bool running, enabled;
	struct vhost_ring_start last;
	uint32_t n_starts, n_stops;
	uint16_t taken; /* entries while it ran, that stop is to tell */
	int call_fd;
};

struct rig {
	struct vhost_opts opts;
	struct vhost_session *session;
	struct vhost_info info; /* rig_info() */
	int epoll_fd;
	int listen_fd; /* of the front-end, or -1 */
	int fd;	       /* the front-end's end, or -1 */
	int mem_fd;    /* guest memory */
	char *mem;     /* mapping of it */
	char dir[32], path[64];
	/* hooks */
	struct rig_ring rings[RIG_RINGS];
	uint32_t n_changed, n_rarps;
	uint8_t mac[6];
	const char *refuse_start; /* why start is to fail */
};

/* ---- hooks ---- */

static inline void rig_check_fd(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	assert_true(flags >= 0 && flags & O_NONBLOCK);
}

/* All of it can be read and written. */
static inline void rig_touch(char *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile char *)at)[i] += 0;
}

static inline int rig_start(void *arg, const struct vhost_ring_start *start,
			    char *why, size_t why_size)
{
	struct rig *rig = arg;
	struct rig_ring *ring;
	uint32_t num = start->num;

	assert_true(start->index < RIG_RINGS);
	ring = &rig->rings[start->index];
	assert_false(ring->running);
	assert_true(num && num <= 32768 && !(num & (num - 1)));
	assert_int_equal((uintptr_t)start->desc % 16, 0);
	assert_int_equal((uintptr_t)start->avail % 2, 0);
	assert_int_equal((uintptr_t)start->used % 4, 0);
	rig_touch(start->desc, 16 * num);
	rig_touch(start->avail, 6 + 2 * num);
	rig_touch(start->used, 6 + 8 * num);
	if (start->kick_fd >= 0)
		rig_check_fd(start->kick_fd);
	if (start->call_fd >= 0)
		rig_check_fd(start->call_fd);
	if (start->log_used)
		assert_true(guest_mem_logs(start->mem));
	if (rig->refuse_start) {
		snprintf(why, why_size, "%s", rig->refuse_start);
		return -EINVAL;
	}
	ring->running = true;
	ring->enabled = start->enabled;
	ring->call_fd = start->call_fd;
	ring->last = *start;
	ring->n_starts++;
	return 0;
}

static inline uint16_t rig_stop(void *arg, uint32_t index)
{
	struct rig_ring *ring = &((struct rig *)arg)->rings[index];
	uint16_t base = (uint16_t)(ring->last.base + ring->taken);

	assert_true(ring->running);
	/* descriptors are good until the ring has stopped */
	if (ring->last.kick_fd >= 0)
		rig_check_fd(ring->last.kick_fd);
	if (ring->call_fd >= 0)
		rig_check_fd(ring->call_fd);
	ring->running = false;
	ring->n_stops++;
	ring->taken = 0;
	return base;
}

static inline void rig_enable(void *arg, uint32_t index, bool enabled)
{
	struct rig_ring *ring = &((struct rig *)arg)->rings[index];

	assert_true(ring->running);
	assert_int_not_equal(ring->enabled, enabled);
	ring->enabled = enabled;
}

static inline void rig_call_fd(void *arg, uint32_t index, int fd)
{
	struct rig_ring *ring = &((struct rig *)arg)->rings[index];

	assert_true(ring->running);
	if (ring->call_fd >= 0)
		rig_check_fd(ring->call_fd);
	if (fd >= 0)
		rig_check_fd(fd);
	ring->call_fd = fd;
}

static inline void rig_rarp(void *arg, const uint8_t mac[6])
{
	struct rig *rig = arg;

	rig->n_rarps++;
	memcpy(rig->mac, mac, 6);
}

static inline void rig_changed(void *arg)
{
	struct rig *rig = arg;

	rig->n_changed++;
	vhost_session_info(rig->session, &rig->info);
}

static const struct vhost_hooks rig_hooks = {
	.start = rig_start,
	.stop = rig_stop,
	.enable = rig_enable,
	.call_fd = rig_call_fd,
	.rarp = rig_rarp,
	.changed = rig_changed,
};

/* ---- the connection ---- */

static inline void rig_addr(const struct rig *rig, struct sockaddr_un *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	strcpy(addr->sun_path, rig->path);
}

static inline int rig_socket(int flags)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	assert_true(fd >= 0);
	return fd;
}

static inline int rig_listen(struct rig *rig)
{
	int fd = rig_socket(SOCK_NONBLOCK);
	struct sockaddr_un addr;

	rig_addr(rig, &addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static inline int rig_accept(struct rig *rig)
{
	return accept4(rig->listen_fd, NULL, NULL, SOCK_CLOEXEC);
}

/* As QEMU does with "server=off". A negative errno if it cannot. */
static inline int rig_connect(struct rig *rig)
{
	struct sockaddr_un addr;
	int fd = rig_socket(0);
	int err;

	rig_addr(rig, &addr);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static inline void rig_info(struct rig *rig)
{
	vhost_session_info(rig->session, &rig->info);
}

/* What the control thread's loop does until there is nothing to do. */
static inline void rig_run(struct rig *rig)
{
	struct epoll_event event;

	while (epoll_wait(rig->epoll_fd, &event, 1, 0) == 1) {
		assert_ptr_equal(event.data.ptr, rig->session);
		vhost_session_run(rig->session);
	}
	rig_info(rig);
}

/* Time passes. */
static inline int rig_tick(struct rig *rig, uint32_t ms)
{
	int ret = vhost_session_tick(rig->session, now_ns() + ms * NS_PER_MS);

	rig_info(rig);
	return ret;
}

/* The files; a session is opened by rig_open(). */
static inline void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	strcpy(rig->dir, "/tmp/test_session.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	snprintf(rig->path, sizeof(rig->path), "%s/vm1.sock", rig->dir);
	rig->fd = -1;
	rig->listen_fd = -1;
	rig->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	rig->mem_fd = guest_file(RIG_MEM_SIZE);
	rig->mem = mmap(NULL, RIG_MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			rig->mem_fd, 0);
	rig->opts = (struct vhost_opts){
		.name = "vm1",
		.path = rig->path,
		.socket_mode = 0600,
		.n_pairs = RIG_PAIRS,
		.features = RIG_FEATURES,
		.mtu = RIG_MTU,
		.peer_uid = (uid_t)-1,
		.hooks = &rig_hooks,
		.arg = rig,
		.epoll_fd = rig->epoll_fd,
	};
}

static inline void rig_open(struct rig *rig)
{
	assert_int_equal(vhost_session_open(&rig->opts, &rig->session), 0);
	rig_info(rig);
}

/* Connected, the front-end listening. */
static inline void rig_up(struct rig *rig)
{
	rig_init(rig);
	rig->listen_fd = rig_listen(rig);
	rig_open(rig);
	rig->fd = rig_accept(rig);
	assert_true(rig->fd >= 0);
}

static inline void rig_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void rig_down(struct rig *rig)
{
	rig_close_fd(&rig->fd);
	vhost_session_close(rig->session);
	for (uint32_t i = 0; i < RIG_RINGS; i++) {
		assert_false(rig->rings[i].running);
		assert_int_equal(rig->rings[i].n_starts, rig->rings[i].n_stops);
	}
	rig_close_fd(&rig->listen_fd);
	rig_close_fd(&rig->epoll_fd);
	rig_close_fd(&rig->mem_fd);
	munmap(rig->mem, RIG_MEM_SIZE);
	unlink(rig->path);
	assert_int_equal(rmdir(rig->dir), 0);
}

/* ---- messages ---- */

static inline struct front_msg rig_msg(uint32_t request, uint32_t size)
{
	struct front_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.request = request;
	msg.flags = FRONT_MSG_VERSION;
	msg.size = size;
	return msg;
}

/* Sends @size bytes with @n_fds descriptors, which stay the caller's. */
static inline void rig_send_bytes(struct rig *rig, const void *data,
				  size_t size, const int *fds, uint32_t n_fds)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(FRONT_MAX_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(rig->fd, &hdr, MSG_NOSIGNAL), size);
}

static inline void rig_send(struct rig *rig, const struct front_msg *msg,
			    const int *fds, uint32_t n_fds)
{
	rig_send_bytes(rig, msg, FRONT_MSG_HEAD + msg->size, fds, n_fds);
	rig_run(rig);
}

/* The descriptor becomes the session's alone. */
static inline void rig_send_fd(struct rig *rig, const struct front_msg *msg,
			       int fd)
{
	assert_true(fd >= 0);
	rig_send_bytes(rig, msg, FRONT_MSG_HEAD + msg->size, &fd, 1);
	close(fd);
	rig_run(rig);
}

static inline void rig_send_u64(struct rig *rig, uint32_t request,
				uint64_t value)
{
	struct front_msg msg = rig_msg(request, 8);

	msg.u64 = value;
	rig_send(rig, &msg, NULL, 0);
}

static inline void rig_send_state(struct rig *rig, uint32_t request,
				  uint32_t index, uint32_t num)
{
	struct front_msg msg = rig_msg(request, 8);

	msg.state.index = index;
	msg.state.num = num;
	rig_send(rig, &msg, NULL, 0);
}

static inline void rig_send_nothing(struct rig *rig, uint32_t request)
{
	struct front_msg msg = rig_msg(request, 0);

	rig_send(rig, &msg, NULL, 0);
}

static inline int rig_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

/* KICK, CALL or ERR with a new eventfd. */
static inline void rig_send_event(struct rig *rig, uint32_t request,
				  uint32_t index)
{
	struct front_msg msg = rig_msg(request, 8);

	msg.u64 = index;
	rig_send_fd(rig, &msg, rig_eventfd());
}

/* Where ring @index is. */
static inline struct front_msg rig_addr_msg(uint32_t index, uint32_t flags)
{
	struct front_msg msg = rig_msg(FRONT_SET_VRING_ADDR, 40);
	uint64_t at = index * RIG_RING_STEP;

	msg.addr.index = index;
	msg.addr.flags = flags;
	msg.addr.desc = RIG_UVA + at;
	msg.addr.avail = RIG_UVA + at + 0x4000;
	msg.addr.used = RIG_UVA + at + 0x8000;
	msg.addr.log = RIG_GPA + at + 0x8000;
	return msg;
}

static inline void rig_send_addr(struct rig *rig, uint32_t index,
				 uint32_t flags)
{
	struct front_msg msg = rig_addr_msg(index, flags);

	rig_send(rig, &msg, NULL, 0);
}

/* All of guest memory in one region. */
static inline void rig_send_table(struct rig *rig)
{
	struct front_msg msg = rig_msg(FRONT_SET_MEM_TABLE, 8 + 32);

	msg.table.n_regions = 1;
	msg.table.regions[0].gpa = RIG_GPA;
	msg.table.regions[0].size = RIG_MEM_SIZE;
	msg.table.regions[0].uva = RIG_UVA;
	rig_send(rig, &msg, &rig->mem_fd, 1);
}

/* ADD_MEM_REG or REM_MEM_REG of [@off, @off + @size) of guest memory. */
static inline struct front_msg rig_region(uint32_t request, uint64_t off,
					  uint64_t size)
{
	struct front_msg msg = rig_msg(request, 40);

	msg.reg.region.gpa = RIG_GPA + off;
	msg.reg.region.size = size;
	msg.reg.region.uva = RIG_UVA + off;
	msg.reg.region.offset = off;
	return msg;
}

static inline void rig_send_log(struct rig *rig, int fd, uint64_t size)
{
	struct front_msg msg = rig_msg(FRONT_SET_LOG_BASE, 16);

	msg.log.size = size;
	rig_send(rig, &msg, &fd, 1);
}

/* The answer to @request with @size bytes of payload. */
static inline struct front_msg rig_answer(struct rig *rig, uint32_t request,
					  uint32_t size)
{
	struct front_msg msg;
	size_t want = FRONT_MSG_HEAD + size;

	assert_int_equal(recv(rig->fd, &msg, want, MSG_DONTWAIT), want);
	assert_int_equal(msg.request, request);
	assert_int_equal(msg.flags, FRONT_MSG_VERSION | FRONT_MSG_REPLY);
	assert_int_equal(msg.size, size);
	return msg;
}

static inline uint64_t rig_get_u64(struct rig *rig, uint32_t request)
{
	rig_send_nothing(rig, request);
	return rig_answer(rig, request, 8).u64;
}

/* Sends with need_reply: 0 or not. */
static inline uint64_t rig_ask(struct rig *rig, struct front_msg msg,
			       const int *fds, uint32_t n_fds)
{
	msg.flags |= FRONT_MSG_NEED_REPLY;
	rig_send(rig, &msg, fds, n_fds);
	return rig_answer(rig, msg.request, 8).u64;
}

static inline uint32_t rig_get_base(struct rig *rig, uint32_t index)
{
	struct front_msg msg;

	rig_send_state(rig, FRONT_GET_VRING_BASE, index, 0);
	msg = rig_answer(rig, FRONT_GET_VRING_BASE, 8);
	assert_int_equal(msg.state.index, index);
	return msg.state.num;
}

/* Nothing more has been answered, and the connection is there. */
static inline void rig_quiet(struct rig *rig)
{
	char byte;

	assert_int_equal(recv(rig->fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_not_equal(rig->info.state, VHOST_STATE_WAITING);
}

/* ---- sequences ---- */

/* As QEMU when its device is made. */
static inline void rig_negotiate(struct rig *rig)
{
	assert_int_equal(rig_get_u64(rig, FRONT_GET_FEATURES),
			 RIG_FEATURES | FRONT_F_PROTOCOL | FRONT_F_LOG_ALL);
	assert_int_equal(rig_get_u64(rig, FRONT_GET_PROTOCOL_FEATURES),
			 RIG_PROTOCOL);
	rig_send_u64(rig, FRONT_SET_PROTOCOL_FEATURES, RIG_PROTOCOL);
	assert_int_equal(rig_get_u64(rig, FRONT_GET_QUEUE_NUM), RIG_PAIRS);
	rig_send_nothing(rig, FRONT_SET_OWNER);
}

static inline void rig_features(struct rig *rig, uint64_t also)
{
	rig_send_u64(rig, FRONT_SET_FEATURES,
		     RIG_FEATURES | FRONT_F_PROTOCOL | also);
}

/* As QEMU starts a ring. */
static inline void rig_start_ring(struct rig *rig, uint32_t index,
				  uint16_t base)
{
	rig_send_state(rig, FRONT_SET_VRING_NUM, index, RIG_NUM);
	rig_send_state(rig, FRONT_SET_VRING_BASE, index, base);
	rig_send_addr(rig, index, 0);
	assert_false(rig->rings[index].running);
	rig_send_event(rig, FRONT_SET_VRING_KICK, index);
	assert_true(rig->rings[index].running);
	rig_send_event(rig, FRONT_SET_VRING_CALL, index);
}

static inline void rig_enable_ring(struct rig *rig, uint32_t index, bool on)
{
	rig_send_state(rig, FRONT_SET_VRING_ENABLE, index, on);
}

/* Everything up to pair 0 running and enabled. */
static inline void rig_go(struct rig *rig)
{
	rig_negotiate(rig);
	rig_features(rig, 0);
	rig_send_table(rig);
	rig_start_ring(rig, 0, 0);
	rig_start_ring(rig, 1, 0);
	rig_enable_ring(rig, 0, true);
	rig_enable_ring(rig, 1, true);
	assert_int_equal(rig->info.state, VHOST_STATE_RUNNING);
}

#endif
