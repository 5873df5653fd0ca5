/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes and file descriptors from a front-end. The input is a list of
 * sends: a byte that says how many bytes (low six bits) and whether to let the
 * session run (bit 6) or to reconnect (bit 7) first, a byte that says which
 * descriptors go along (low seven bits), and the bytes: any or, with bit 7, a
 * request and the payload of a message whose header is right. If the first byte
 * of the input is odd, a ring runs before all that.
 *
 * Besides what the sanitizers find: rings start and stop in turn, with memory
 * that can be touched as far as was said, descriptors that are open and do not
 * wait; each connection that ends by a refusal has a reason, and leaves no
 * descriptor and no mapping behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../front/proto.h"
#include "../guest_files.h"
#include "base/base.h"
#include "base/log.h"
#include "vhost/features.h"
#include "vhost/session.h"

#define N_PAIRS	 2
#define MEM_SIZE 0x40000ull
#define UVA	 0x100000ull
#define FEATURES (VIRTIO_VERSION_1 | VIRTIO_NET_MQ)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/fuzz_vhost.XXXXXX";
static char path[64];
static int listen_fd, epoll_fd, front_fd = -1;
static struct vhost_session *session;
static uint64_t now;

/* By the low bits of a send's second byte. */
static int files[4];

static struct {
	bool running, enabled;
	struct vhost_ring_start start;
	int call_fd;
} rings[2 * N_PAIRS];

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* ---- hooks ---- */

static void check_fd(int fd)
{
	int flags;

	if (fd < 0)
		return;
	flags = fcntl(fd, F_GETFL);
	require(flags >= 0 && flags & O_NONBLOCK);
}

static void touch(volatile char *at, size_t size)
{
	at[0] += 0;
	at[size / 2] += 0;
	at[size - 1] += 0;
}

static int start(void *arg, const struct vhost_ring_start *ring, char *why,
		 size_t why_size)
{
	uint32_t i = ring->index, num = ring->num;

	(void)arg;
	(void)why;
	(void)why_size;
	require(i < ARRAY_SIZE(rings) && !rings[i].running);
	require(num && num <= 32768 && !(num & (num - 1)));
	require(!((uintptr_t)ring->desc % 16) && !((uintptr_t)ring->used % 4));
	touch(ring->desc, 16 * num);
	touch(ring->avail, 6 + 2 * num);
	touch(ring->used, 6 + 8 * num);
	check_fd(ring->kick_fd);
	check_fd(ring->call_fd);
	if (ring->log_used) {
		require(guest_mem_logs(ring->mem));
		require((ring->used_log_gpa + 6 + 8 * num - 1) / 4096 / 8 <
			ring->mem->log.size);
	}
	for (uint32_t r = 0; r < ring->mem->n_regions; r++)
		guest_log_write(ring->mem, ring->mem->regions[r].gpa,
				ring->mem->regions[r].size % (1 << 30));
	rings[i].running = true;
	rings[i].enabled = ring->enabled;
	rings[i].start = *ring;
	rings[i].call_fd = ring->call_fd;
	return 0;
}

static uint16_t stop(void *arg, uint32_t i)
{
	(void)arg;
	require(i < ARRAY_SIZE(rings) && rings[i].running);
	touch(rings[i].start.used, 6 + 8 * rings[i].start.num);
	check_fd(rings[i].start.kick_fd);
	check_fd(rings[i].call_fd);
	rings[i].running = false;
	return (uint16_t)(rings[i].start.base + 3);
}

static void enable(void *arg, uint32_t i, bool enabled)
{
	(void)arg;
	require(i < ARRAY_SIZE(rings) && rings[i].running);
	require(rings[i].enabled != enabled);
	rings[i].enabled = enabled;
}

static void call_fd(void *arg, uint32_t i, int fd)
{
	(void)arg;
	require(i < ARRAY_SIZE(rings) && rings[i].running);
	check_fd(rings[i].call_fd);
	check_fd(fd);
	rings[i].call_fd = fd;
}

static void rarp(void *arg, const uint8_t mac[6])
{
	(void)arg;
	require(!(mac[0] & 1));
}

static void changed(void *arg)
{
	struct vhost_info info;

	(void)arg;
	vhost_session_info(session, &info);
	for (uint32_t i = 0; i < ARRAY_SIZE(rings); i++) {
		require(info.rings[i].running == rings[i].running);
		require(!rings[i].running ||
			info.rings[i].enabled == rings[i].enabled);
	}
	require(memchr(info.why, '\0', sizeof(info.why)));
}

static const struct vhost_hooks hooks = {
	.start = start,
	.stop = stop,
	.enable = enable,
	.call_fd = call_fd,
	.rarp = rarp,
	.changed = changed,
};

/* ---- the connection ---- */

static void clean_up(void)
{
	unlink(path);
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)argc;
	(void)argv;
	log_set_level(LOG_LEVEL_ERROR);
	require(mkdtemp(dir) && !guest_mem_guard());
	snprintf(path, sizeof(path), "%s/s", dir);
	memcpy(addr.sun_path, path, strlen(path));
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	require(!bind(listen_fd, (struct sockaddr *)&addr, sizeof(addr)));
	require(!listen(listen_fd, 4));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	files[0] = eventfd(0, EFD_CLOEXEC);
	files[1] = guest_file(MEM_SIZE);
	files[2] = guest_file_read_only(MEM_SIZE);
	files[3] = guest_file_pipe(0);
	atexit(clean_up);
	return 0;
}

static void run(void)
{
	struct epoll_event event;

	while (epoll_wait(epoll_fd, &event, 1, 0) == 1)
		vhost_session_run(session);
}

static void disconnect(void)
{
	struct vhost_info info;

	if (front_fd >= 0)
		close(front_fd);
	front_fd = -1;
	run();
	vhost_session_info(session, &info);
	require(info.state == VHOST_STATE_WAITING && info.why[0]);
	for (uint32_t i = 0; i < ARRAY_SIZE(rings); i++)
		require(!rings[i].running);
}

static void reconnect(void)
{
	disconnect();
	now += 10 * NS_PER_SEC;
	vhost_session_tick(session, now);
	front_fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	require(front_fd >= 0);
}

/* Its answers are read and thrown away. */
static void send_some(const void *data, size_t size, const int *fds,
		      uint32_t n_fds)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	char answers[512];

	if (n_fds) {
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
	}
	if (sendmsg(front_fd, &hdr, MSG_NOSIGNAL) < 0)
		require(errno == EPIPE || errno == ECONNRESET ||
			errno == EAGAIN);
	while (recv(front_fd, answers, sizeof(answers), 0) > 0)
		;
}

static void send_msg(struct front_msg *msg, uint32_t request, uint32_t size,
		     int fd)
{
	msg->request = request;
	msg->flags = FRONT_MSG_VERSION;
	msg->size = size;
	send_some(msg, FRONT_MSG_HEAD + size, &fd, fd >= 0);
	run();
}

/* Up to a ring 0 that runs. */
static void begin(void)
{
	struct front_msg msg = { .u64 = 0x801f };

	send_msg(&msg, FRONT_SET_PROTOCOL_FEATURES, 8, -1);
	msg.u64 = FEATURES | FRONT_F_PROTOCOL;
	send_msg(&msg, FRONT_SET_FEATURES, 8, -1);
	memset(&msg, 0, sizeof(msg));
	msg.table.n_regions = 1;
	msg.table.regions[0] = (struct front_msg_region){ 0, MEM_SIZE, UVA, 0 };
	send_msg(&msg, FRONT_SET_MEM_TABLE, 40, files[1]);
	msg.u64 = 256ull << 32;
	send_msg(&msg, FRONT_SET_VRING_NUM, 8, -1);
	msg.u64 = 0;
	send_msg(&msg, FRONT_SET_VRING_BASE, 8, -1);
	memset(&msg, 0, sizeof(msg));
	msg.addr.desc = UVA;
	msg.addr.avail = UVA + 0x2000;
	msg.addr.used = UVA + 0x3000;
	send_msg(&msg, FRONT_SET_VRING_ADDR, 40, -1);
	msg.u64 = 0;
	send_msg(&msg, FRONT_SET_VRING_KICK, 8, files[0]);
	require(rings[0].running);
}

/* One send of the input; its length. */
static size_t one(const uint8_t *data, size_t size)
{
	size_t n = data[0] & 0x3f;
	uint32_t n_fds = data[1] >> 2 & 0xf;
	struct front_msg msg;
	int fds[16];

	if (data[0] & 0x40)
		run();
	if (data[0] & 0x80)
		reconnect();
	if (n > size - 2)
		n = size - 2;
	/* bit 6: one of each kind in turn */
	for (uint32_t i = 0; i < n_fds; i++)
		fds[i] = files[(data[1] + (data[1] & 0x40 ? i : 0)) & 3];
	if (n && data[1] & 0x80) {
		msg.request = data[2] & 0x3f;
		msg.flags = FRONT_MSG_VERSION |
			    (data[2] & 0x80 ? FRONT_MSG_NEED_REPLY : 0);
		msg.size = (uint32_t)n - 1;
		memcpy(msg.bytes, data + 3, n - 1);
		send_some(&msg, FRONT_MSG_HEAD + n - 1, fds, n_fds);
	} else if (n) {
		send_some(data + 2, n, fds, n_fds);
	}
	return 2 + n;
}

/* The lowest number that a descriptor can have: higher if one has been left. */
static int lowest_fd(void)
{
	int fd = dup(files[0]);

	require(fd >= 0);
	close(fd);
	return fd;
}

/* Slow, so now and then. */
static void check_mappings(void)
{
	static uint32_t n_inputs;
	char line[512];
	FILE *f;

	if (n_inputs++ % 256)
		return;
	f = fopen("/proc/self/maps", "re");
	require(f);
	while (fgets(line, sizeof(line), f))
		require(!strstr(line, "/memfd:" GUEST_FILE_NAME));
	fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vhost_opts opts = {
		.name = "vm1",
		.path = path,
		.n_pairs = N_PAIRS,
		.features = FEATURES,
		.mtu = 1500,
		.peer_uid = (uid_t)-1,
		.hooks = &hooks,
		.epoll_fd = epoll_fd,
	};
	int lowest = lowest_fd();

	if (!size)
		return -1;
	now = now_ns();
	require(!vhost_session_open(&opts, &session));
	front_fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	require(front_fd >= 0);
	if (data[0] & 1)
		begin();
	data++;
	size--;
	while (size >= 2) {
		size_t n = one(data, size);

		data += n;
		size -= n;
	}
	run();
	disconnect();
	vhost_session_close(session);
	require(lowest_fd() == lowest);
	check_mappings();
	return 0;
}
