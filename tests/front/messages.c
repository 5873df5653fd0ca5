// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What front.h says to the back-end: messages, and the set-up made of them. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front.h"

/* ---- messages ---- */

struct front_msg front_msg_u64(uint32_t request, uint64_t value)
{
	struct front_msg msg = { .request = request, .size = 8 };

	msg.u64 = value;
	return msg;
}

struct front_msg front_msg_state(uint32_t request, uint32_t index, uint32_t num)
{
	struct front_msg msg = { .request = request, .size = 8 };

	msg.state.index = index;
	msg.state.num = num;
	return msg;
}

int front_send_bytes(struct front *f, const void *bytes, size_t len,
		     const int *fds, uint32_t n_fds)
{
	char control[CMSG_SPACE(FRONT_MAX_FDS * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t sent;

	if (n_fds > FRONT_MAX_FDS)
		return -EINVAL;
	if (n_fds) {
		mh.msg_control = control;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	sent = sendmsg(f->fd, &mh, MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	return (size_t)sent == len ? 0 : -EIO;
}

int front_send(struct front *f, const struct front_msg *msg, const int *fds,
	       uint32_t n_fds)
{
	struct front_msg out;

	if (msg->size > FRONT_MAX_PAYLOAD)
		return -EINVAL;
	memcpy(&out, msg, FRONT_MSG_HEAD + msg->size);
	out.flags |= FRONT_MSG_VERSION;
	return front_send_bytes(f, &out, FRONT_MSG_HEAD + out.size, fds, n_fds);
}

static void close_received_fds(struct msghdr *mh)
{
	struct cmsghdr *cmsg;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(mh); cmsg; cmsg = CMSG_NXTHDR(mh, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t off = 0; CMSG_LEN(off) < cmsg->cmsg_len;
		     off += sizeof(fd)) {
			memcpy(&fd, CMSG_DATA(cmsg) + off, sizeof(fd));
			close(fd);
		}
	}
}

static int receive_bytes(struct front *f, void *buf, size_t len)
{
	char control[CMSG_SPACE(FRONT_MAX_FDS * sizeof(int))];
	struct pollfd pfd = { .fd = f->fd, .events = POLLIN };
	char *at = buf;

	while (len) {
		struct iovec iov = { at, len };
		struct msghdr mh = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t n;

		if (poll(&pfd, 1, f->opts.timeout_ms) != 1)
			return -ETIMEDOUT;
		n = recvmsg(f->fd, &mh, MSG_CMSG_CLOEXEC);
		if (n < 0)
			return -errno;
		if (!n)
			return -ECONNRESET;
		close_received_fds(&mh);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int front_receive(struct front *f, struct front_msg *ret_msg)
{
	int err;

	err = receive_bytes(f, ret_msg, FRONT_MSG_HEAD);
	if (err)
		return err;
	if (ret_msg->size > FRONT_MAX_PAYLOAD ||
	    !(ret_msg->flags & FRONT_MSG_REPLY))
		return -EPROTO;
	return receive_bytes(f, ret_msg->bytes, ret_msg->size);
}

static int receive_answer(struct front *f, uint32_t request,
			  struct front_msg *ret_msg)
{
	int err = front_receive(f, ret_msg);

	if (err)
		return err;
	return ret_msg->request == request ? 0 : -EPROTO;
}

int front_tell(struct front *f, struct front_msg *msg, const int *fds,
	       uint32_t n_fds)
{
	struct front_msg answer;
	int err;

	if (!(f->protocol_features & FRONT_P_REPLY_ACK))
		return front_send(f, msg, fds, n_fds);
	msg->flags |= FRONT_MSG_NEED_REPLY;
	err = front_send(f, msg, fds, n_fds);
	if (!err)
		err = receive_answer(f, msg->request, &answer);
	if (err)
		return err;
	if (answer.size != 8)
		return -EPROTO;
	return answer.u64 ? -EREMOTEIO : 0;
}

int front_ask(struct front *f, struct front_msg *msg)
{
	int err = front_send(f, msg, NULL, 0);

	return err ? err : receive_answer(f, msg->request, msg);
}

int front_ask_u64(struct front *f, uint32_t request, uint64_t *ret_value)
{
	struct front_msg msg = { .request = request };
	int err = front_ask(f, &msg);

	if (err)
		return err;
	if (msg.size != 8)
		return -EPROTO;
	*ret_value = msg.u64;
	return 0;
}

static int tell_u64(struct front *f, uint32_t request, uint64_t value)
{
	struct front_msg msg = front_msg_u64(request, value);

	return front_tell(f, &msg, NULL, 0);
}

static int tell_state(struct front *f, uint32_t request, uint32_t index,
		      uint32_t num)
{
	struct front_msg msg = front_msg_state(request, index, num);

	return front_tell(f, &msg, NULL, 0);
}

/* ---- the set-up ---- */

static int negotiate_protocol(struct front *f)
{
	int err;

	f->protocol_features = 0;
	if (!(f->offered & f->opts.features & FRONT_F_PROTOCOL))
		return 0;
	err = front_ask_u64(f, FRONT_GET_PROTOCOL_FEATURES,
			    &f->offered_protocol);
	if (!err)
		err = tell_u64(f, FRONT_SET_PROTOCOL_FEATURES,
			       f->offered_protocol & f->opts.protocol_features);
	if (err)
		return err;
	f->protocol_features = f->offered_protocol & f->opts.protocol_features;
	if (f->protocol_features & FRONT_P_MQ)
		err = front_ask_u64(f, FRONT_GET_QUEUE_NUM, &f->max_pairs);
	return err;
}

int front_negotiate(struct front *f)
{
	struct front_msg owner = { .request = FRONT_SET_OWNER };
	int err;

	/* Nothing is acknowledged before that was negotiated. */
	f->protocol_features = 0;
	f->max_pairs = 1;
	err = front_ask_u64(f, FRONT_GET_FEATURES, &f->offered);
	if (!err)
		err = negotiate_protocol(f);
	if (!err && f->opts.n_pairs > f->max_pairs)
		err = -ENOTSUP;
	if (!err)
		err = front_tell(f, &owner, NULL, 0);
	if (!err)
		err = front_set_features(f, f->offered & f->opts.features);
	return err;
}

int front_set_features(struct front *f, uint64_t features)
{
	int err = tell_u64(f, FRONT_SET_FEATURES, features);

	if (err)
		return err;
	f->features = features;
	for (uint32_t i = 0; i < f->n_rings; i++)
		f->rings[i].event_idx = features & FRONT_F_EVENT_IDX;
	return 0;
}

static struct front_msg_region describe(const struct front_region *r)
{
	struct front_msg_region region = {
		.gpa = r->gpa,
		.size = r->size,
		.uva = (uint64_t)(uintptr_t)r->mem,
	};

	return region;
}

static int add_regions(struct front *f)
{
	int err = 0;

	for (uint32_t i = 0; i < f->opts.n_regions && !err; i++) {
		struct front_msg msg = { .request = FRONT_ADD_MEM_REG,
					 .size = sizeof(msg.reg) };

		msg.reg.region = describe(&f->regions[i]);
		err = front_tell(f, &msg, &f->regions[i].fd, 1);
	}
	return err;
}

int front_set_memory(struct front *f)
{
	struct front_msg msg = { .request = FRONT_SET_MEM_TABLE };
	int fds[FRONT_TABLE_REGIONS];
	uint32_t n = f->opts.n_regions;

	if (f->opts.manner == FRONT_QEMU &&
	    (f->protocol_features & FRONT_P_MEM_SLOTS))
		return add_regions(f);
	if (n > FRONT_TABLE_REGIONS)
		return -ENOTSUP;
	msg.size = 8 + n * (uint32_t)sizeof(struct front_msg_region);
	msg.table.n_regions = n;
	for (uint32_t i = 0; i < n; i++) {
		msg.table.regions[i] = describe(&f->regions[i]);
		fds[i] = f->regions[i].fd;
	}
	return front_tell(f, &msg, fds, n);
}

static int tell_fd(struct front *f, uint32_t request, uint32_t index, int fd)
{
	struct front_msg msg =
		front_msg_u64(request, index | (fd < 0 ? FRONT_VRING_NOFD : 0));

	return front_tell(f, &msg, &fd, fd < 0 ? 0 : 1);
}

static int tell_addr(struct front *f, uint32_t index)
{
	const struct front_ring *ring = &f->rings[index];
	struct front_msg msg = { .request = FRONT_SET_VRING_ADDR,
				 .size = sizeof(msg.addr) };

	msg.addr.index = index;
	msg.addr.flags = f->logging ? FRONT_VRING_LOG : 0;
	msg.addr.desc = (uintptr_t)ring->desc;
	msg.addr.avail = (uintptr_t)ring->avail;
	msg.addr.used = (uintptr_t)ring->used;
	msg.addr.log = ring->log_gpa;
	return front_tell(f, &msg, NULL, 0);
}

int front_start_ring(struct front *f, uint32_t index)
{
	struct front_ring *ring = &f->rings[index];
	int err = 0;

	if (f->opts.manner == FRONT_VIRTIO_USER)
		err = tell_fd(f, FRONT_SET_VRING_CALL, index, ring->call_fd);
	if (!err)
		err = tell_state(f, FRONT_SET_VRING_NUM, index, ring->num);
	if (!err)
		err = tell_state(f, FRONT_SET_VRING_BASE, index, ring->base);
	if (!err)
		err = tell_addr(f, index);
	if (!err && f->opts.manner == FRONT_QEMU)
		err = tell_fd(f, FRONT_SET_VRING_ERR, index, ring->err_fd);
	if (!err)
		err = tell_fd(f, FRONT_SET_VRING_KICK, index, ring->kick_fd);
	if (!err && f->opts.manner == FRONT_QEMU)
		err = tell_fd(f, FRONT_SET_VRING_CALL, index, ring->call_fd);
	return err;
}

int front_enable_ring(struct front *f, uint32_t index, bool on)
{
	/* Without protocol features, rings start enabled. */
	if (!(f->features & FRONT_F_PROTOCOL))
		return 0;
	return tell_state(f, FRONT_SET_VRING_ENABLE, index, on);
}

int front_start(struct front *f)
{
	int err = front_negotiate(f);

	/* Before there is memory: virtio-user does so. */
	if (f->opts.manner == FRONT_VIRTIO_USER)
		for (uint32_t i = 0; i < f->n_rings && !err; i++)
			err = tell_fd(f, FRONT_SET_VRING_CALL, i,
				      f->rings[i].call_fd);
	if (!err)
		err = front_set_memory(f);
	for (uint32_t i = 0; i < f->n_rings && !err; i++)
		err = front_start_ring(f, i);
	for (uint32_t i = 0; i < f->n_rings && !err; i++)
		err = front_enable_ring(f, i, true);
	return err;
}

int front_stop_ring(struct front *f, uint32_t index)
{
	struct front_msg msg = front_msg_state(FRONT_GET_VRING_BASE, index, 0);
	int err = front_ask(f, &msg);

	if (err)
		return err;
	if (msg.size != 8 || msg.state.index != index)
		return -EPROTO;
	f->rings[index].base = (uint16_t)msg.state.num;
	return 0;
}

int front_stop(struct front *f)
{
	int err = 0;

	for (uint32_t i = 0; i < f->n_rings && !err; i++)
		err = front_enable_ring(f, i, false);
	for (uint32_t i = 0; i < f->n_rings && !err; i++)
		err = front_stop_ring(f, i);
	return err;
}

/* ---- the dirty log ---- */

#define LOG_PAGE 4096ull

static int open_log(struct front *f)
{
	const struct front_region *last = &f->regions[f->opts.n_regions - 1];
	uint64_t bits = (last->gpa + last->size) / LOG_PAGE + 1;

	if (f->log)
		return 0;
	/* QEMU's log is of whole longs. */
	f->log_size = (bits / 64 + 1) * 8;
	f->log_fd = memfd_create("log", MFD_CLOEXEC);
	if (f->log_fd < 0 || ftruncate(f->log_fd, (off_t)f->log_size))
		return -errno;
	f->log = mmap(NULL, f->log_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      f->log_fd, 0);
	if (f->log == MAP_FAILED) {
		f->log = NULL;
		return -errno;
	}
	return 0;
}

/* Tells whether to log payload and rings. */
static int tell_logging(struct front *f, bool on)
{
	uint64_t features = f->features & ~FRONT_F_LOG_ALL;
	int err;

	f->logging = on;
	err = front_set_features(f, features | (on ? FRONT_F_LOG_ALL : 0));
	for (uint32_t i = 0; i < f->n_rings && !err; i++)
		err = tell_addr(f, i);
	return err;
}

int front_log_start(struct front *f)
{
	struct front_msg msg = { .request = FRONT_SET_LOG_BASE,
				 .size = sizeof(msg.log) };
	int err;

	if (!(f->offered & FRONT_F_LOG_ALL) ||
	    !(f->protocol_features & FRONT_P_LOG_SHMFD))
		return -ENOTSUP;
	err = open_log(f);
	if (err)
		return err;
	msg.log.size = f->log_size;
	/* Answered whether or not an answer is asked for. */
	err = front_send(f, &msg, &f->log_fd, 1);
	if (!err)
		err = receive_answer(f, FRONT_SET_LOG_BASE, &msg);
	if (!err)
		err = tell_logging(f, true);
	return err;
}

int front_log_stop(struct front *f)
{
	return tell_logging(f, false);
}

bool front_log_test(const struct front *f, uint64_t gpa)
{
	uint64_t page = gpa / LOG_PAGE;

	return page / 8 < f->log_size && f->log[page / 8] & 1 << page % 8;
}
