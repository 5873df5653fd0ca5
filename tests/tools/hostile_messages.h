/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a hostile front-end says, does not say, and hands over: rows of
 * hostile.c.
 */
#ifndef TOOLS_HOSTILE_MESSAGES_H
#define TOOLS_HOSTILE_MESSAGES_H

#include <sys/eventfd.h>

#include "hostile.h"

/* Of the seals that front.h's memory does not have. */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

#define MESSAGE_FDS 253 /* the kernel's limit */

/* ---- framing ---- */

/* a: the message's first word, b: its second and third */
static void say_head(struct hostile *h, const struct row *row)
{
	const uint32_t head[3] = { (uint32_t)row->a, (uint32_t)(row->b >> 32),
				   (uint32_t)row->b };

	front_send_bytes(&h->front, head, sizeof(head), NULL, 0);
}

static void say_half(struct hostile *h, const struct row *row)
{
	struct front_msg msg = front_msg_state(FRONT_SET_VRING_NUM, 0, 256);

	msg.flags = FRONT_MSG_VERSION;
	front_send_bytes(&h->front, &msg, row->a, NULL, 0);
}

static void say_half_and_close(struct hostile *h, const struct row *row)
{
	say_half(h, row);
	front_hang_up(&h->front);
}

/* Half a message with descriptors of its own, then no more. */
static void say_half_with_fds(struct hostile *h, const struct row *row)
{
	int fds[8];

	for (uint32_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = h->front.regions[0].fd;
	front_send_bytes(&h->front, "\x05", 1, fds, ARRAY_SIZE(fds));
	(void)row;
}

/* Many questions, and nobody who reads the answers. */
static void flood_and_be_deaf(struct hostile *h, const struct row *row)
{
	struct front_msg msg = { .request = FRONT_GET_FEATURES };

	for (uint64_t i = 0; i < row->a; i++)
		if (front_send(&h->front, &msg, NULL, 0))
			return;
}

static void flood(struct hostile *h, const struct row *row)
{
	uint64_t features;

	for (uint64_t i = 0; i < row->a; i++) {
		say_state(h, FRONT_SET_VRING_ENABLE, 0, i & 1);
		say_state(h, FRONT_SET_VRING_ENABLE, 1, i & 1);
	}
	require(!front_ask_u64(&h->front, FRONT_GET_FEATURES, &features),
		"no answer after %u messages", (uint32_t)row->a);
}

/* Each of them stops and starts a ring. */
static void flood_addresses(struct hostile *h, const struct row *row)
{
	for (uint64_t i = 0; i < row->a; i++) {
		struct front_msg msg = addr_msg(tx_ring(h), 1);

		require(!front_tell(&h->front, &msg, NULL, 0),
			"SET_VRING_ADDR");
	}
}

static void flood_nums(struct hostile *h, const struct row *row)
{
	for (uint64_t i = 0; i < row->a; i++) {
		struct front_msg msg =
			front_msg_state(FRONT_SET_VRING_NUM, 0, 256);

		require(!front_tell(&h->front, &msg, NULL, 0), "SET_VRING_NUM");
	}
}

/* ---- numbers ---- */

/* a: request, b: payload */
static void say_number(struct hostile *h, const struct row *row)
{
	say_u64(h, (uint32_t)row->a, row->b);
}

/* a: request, and how many descriptors from bit 32 on; b: payload */
static void say_with_fds(struct hostile *h, const struct row *row)
{
	struct front_msg msg = front_msg_u64((uint32_t)row->a, row->b);
	uint32_t n = (uint32_t)(row->a >> 32);
	int fds[FRONT_MAX_FDS];

	if (msg.request == FRONT_SET_OWNER)
		msg.size = 0;
	if (msg.request == FRONT_ADD_MEM_REG)
		msg.size = 40;
	for (uint32_t i = 0; i < n; i++)
		fds[i] = rx_ring(h)->kick_fd;
	say(h, &msg, fds, n);
}

/* As many as one message can have. */
static void say_with_all_fds(struct hostile *h, const struct row *row)
{
	char control[CMSG_SPACE(MESSAGE_FDS * sizeof(int))] = { 0 };
	struct front_msg msg = front_msg_u64((uint32_t)row->a, row->b);
	struct iovec iov = { &msg, FRONT_MSG_HEAD + msg.size };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&mh);

	msg.flags = FRONT_MSG_VERSION;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(MESSAGE_FDS * sizeof(int));
	for (int i = 0; i < MESSAGE_FDS; i++)
		memcpy(CMSG_DATA(cmsg) + (size_t)i * sizeof(int),
		       &rx_ring(h)->kick_fd, sizeof(int));
	require(sendmsg(h->front.fd, &mh, MSG_NOSIGNAL) > 0,
		"%d descriptors: %s", MESSAGE_FDS, strerror(errno));
}

static void ask_base_of_stopped(struct hostile *h, const struct row *row)
{
	for (uint32_t i = 0; i < row->a; i++)
		require(!front_stop_ring(&h->front, 1), "GET_VRING_BASE");
	require(!front_start_ring(&h->front, 1) &&
			!front_enable_ring(&h->front, 1, true),
		"starting ring 1 again");
}

static void kick_stopped(struct hostile *h, const struct row *row)
{
	require(!front_stop_ring(&h->front, 1), "GET_VRING_BASE");
	for (uint32_t i = 0; i < row->a; i++)
		front_ring_kick_always(tx_ring(h));
	require(!front_start_ring(&h->front, 1) &&
			!front_enable_ring(&h->front, 1, true),
		"starting ring 1 again");
}

/* What comes from a disabled ring is thrown away. */
static void send_disabled(struct hostile *h, const struct row *row)
{
	uint8_t frame[60];

	require(!front_enable_ring(&h->front, 1, false), "SET_VRING_ENABLE");
	for (uint32_t i = 0; i < row->a; i++) {
		make_frame(h, frame, sizeof(frame));
		send_frame(h, NULL, frame, sizeof(frame));
	}
	require(!front_net_flush(&h->net, PATIENCE_MS),
		"what comes from a disabled ring does not come back");
	require(!front_enable_ring(&h->front, 1, true), "SET_VRING_ENABLE");
}

/* a: what is added to where the ring goes on */
static void say_wrong_base(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = tx_ring(h);

	require(!front_stop_ring(&h->front, 1), "GET_VRING_BASE");
	ring->base = (uint16_t)(ring->base + row->a);
	/* It may end before all is said. */
	if (!front_start_ring(&h->front, 1) &&
	    !front_enable_ring(&h->front, 1, true))
		front_ring_kick_always(ring);
}

/* ---- where rings are ---- */

/* The part of the ring that a says (0: descriptors, 1: available, 2: used, 3:
 * log) is at b bytes from the end of the region, or from where it was. */
static void say_address(struct hostile *h, const struct row *row)
{
	const struct front_region *region = &h->front.regions[0];
	uint64_t end = address(region->mem) + region->size;
	struct front_msg msg = addr_msg(tx_ring(h), 1);

	switch (row->a) {
	case 0:
		msg.addr.desc = end - row->b;
		break;
	case 1:
		msg.addr.avail = end - row->b;
		break;
	case 2:
		msg.addr.used = end - row->b;
		break;
	default:
		msg.addr.flags = FRONT_VRING_LOG;
		msg.addr.log = row->b;
	}
	say(h, &msg, NULL, 0);
}

/* All parts at one place. */
static void say_one_address(struct hostile *h, const struct row *row)
{
	struct front_msg msg = addr_msg(tx_ring(h), 1);

	msg.addr.avail = msg.addr.desc + row->a;
	msg.addr.used = msg.addr.desc;
	say(h, &msg, NULL, 0);
	front_ring_kick_always(tx_ring(h));
}

static void say_address_flags(struct hostile *h, const struct row *row)
{
	struct front_msg msg = addr_msg(tx_ring(h), 1);

	msg.addr.flags = (uint32_t)row->a;
	say(h, &msg, NULL, 0);
}

/* ---- memory ---- */

/* The first region's gpa, size, user address or offset (a: 0 to 3) is b. */
static void say_region(struct hostile *h, const struct row *row)
{
	struct front_msg msg = table_msg(&h->front);
	uint64_t words[4];

	memcpy(words, &msg.table.regions[0], sizeof(words));
	words[row->a] = row->b;
	memcpy(&msg.table.regions[0], words, sizeof(words));
	say(h, &msg, &h->front.regions[0].fd, 1);
}

/* The same region once more, a bytes above. */
static void say_overlap(struct hostile *h, const struct row *row)
{
	const int fds[] = { h->front.regions[0].fd, h->front.regions[0].fd };
	struct front_msg msg = table_msg(&h->front);

	msg.size += 32;
	msg.table.n_regions = 2;
	msg.table.regions[1] = msg.table.regions[0];
	msg.table.regions[1].gpa += row->a;
	say(h, &msg, fds, 2);
}

/* b regions, and a descriptors. */
static void say_n_regions(struct hostile *h, const struct row *row)
{
	const int fd = h->front.regions[0].fd;
	const int fds[8] = { fd, fd, fd, fd, fd, fd, fd, fd };
	struct front_msg msg = table_msg(&h->front);

	msg.table.n_regions = (uint32_t)row->b;
	say(h, &msg, fds, (uint32_t)row->a);
}

static void say_many_regions(struct hostile *h, const struct row *row)
{
	struct front_msg msg = { .request = FRONT_ADD_MEM_REG, .size = 40 };

	for (uint64_t i = 0; i < row->a; i++) {
		msg.reg.region =
			(struct front_msg_region){ (1ull << 40) + i * 4096,
						   4096,
						   (1ull << 40) + i * 4096, 0 };
		say(h, &msg, &h->front.regions[0].fd, 1);
	}
}

/* It is taken away and comes back. */
static void remove_region(struct hostile *h, const struct row *row)
{
	struct front_msg msg = { .request = FRONT_REM_MEM_REG, .size = 40 };

	msg.reg.region = table_msg(&h->front).table.regions[0];
	for (uint64_t i = 0; i < row->a; i++) {
		msg.request = FRONT_REM_MEM_REG;
		require(!front_tell(&h->front, &msg, NULL, 0), "REM_MEM_REG");
		front_ring_kick_always(tx_ring(h));
		msg.request = FRONT_ADD_MEM_REG;
		require(!front_tell(&h->front, &msg, &h->front.regions[0].fd,
				    1),
			"ADD_MEM_REG");
	}
}

static void remove_no_region(struct hostile *h, const struct row *row)
{
	struct front_msg msg = { .request = FRONT_REM_MEM_REG, .size = 40 };

	msg.reg.region = table_msg(&h->front).table.regions[0];
	msg.reg.region.size -= row->a;
	say(h, &msg, NULL, 0);
}

enum file {
	FILE_PIPE,
	FILE_ZERO,
	FILE_READ_ONLY,
	FILE_DISK,
	FILE_SEALED,
	FILE_SEALED_LATER,
	FILE_SOCKET,
	FILE_TIMER,
	FILE_EPOLL,
	FILE_EVENT,
	FILE_MEMORY,
};

static int epoll_of_itself(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC), ready = eventfd(1, EFD_CLOEXEC);

	require(!epoll_ctl(fd, EPOLL_CTL_ADD, ready, &event), "epoll");
	return fd;
}

static int make_file(enum file kind, uint64_t size)
{
	struct itimerspec always = { { 0, 1000 }, { 0, 1000 } };
	int fds[2], fd = -1;
	char path[32];

	switch (kind) {
	case FILE_PIPE:
		return pipe2(fds, O_CLOEXEC) ? -1 : fds[1];
	case FILE_ZERO:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case FILE_DISK:
		return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	case FILE_SOCKET:
		return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case FILE_TIMER:
		fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		return timerfd_settime(fd, 0, &always, NULL) ? -1 : fd;
	case FILE_EPOLL:
		return epoll_of_itself();
	case FILE_EVENT:
		return eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	case FILE_READ_ONLY:
	case FILE_SEALED:
	case FILE_SEALED_LATER:
	case FILE_MEMORY:
		break;
	}
	fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(fd, (off_t)size))
		return -1;
	if (kind == FILE_SEALED && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))
		return -1;
	if (kind == FILE_SEALED_LATER &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE))
		return -1;
	if (kind != FILE_READ_ONLY)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* a: enum file */
static void say_other_file(struct hostile *h, const struct row *row)
{
	struct front_msg msg = table_msg(&h->front);
	int fd = make_file((enum file)row->a, h->front.regions[0].size);

	require(fd >= 0, "making a file: %s", strerror(errno));
	say(h, &msg, &fd, 1);
	close(fd);
}

static void resize(const struct front_region *region, uint64_t size)
{
	require(!ftruncate(region->fd, (off_t)size), "ftruncate: %s",
		strerror(errno));
}

/* It shrinks to a bytes while everything is in use, and with b grows, shrinks
 * again, and so on: then it depends on when they are looked at whether the rings
 * are gone, or zero. Not to be touched here from then on. */
static void shrink(struct hostile *h, const struct row *row)
{
	const struct front_region *region = &h->front.regions[0];
	uint64_t one = 1;
	uint8_t frame[1514];

	for (uint32_t i = 0; i < 8; i++) {
		make_frame(h, frame, sizeof(frame));
		send_frame(h, NULL, frame, sizeof(frame));
	}
	while (!front_is_gone(&h->front)) {
		resize(region, row->a);
		if (write(tx_ring(h)->kick_fd, &one, sizeof(one)) < 0)
			require(errno == EAGAIN, "kick: %s", strerror(errno));
		sleep_until_ns(now_ns() + 1000000);
		if (!row->b)
			continue;
		resize(region, region->size);
		sleep_until_ns(now_ns() + 1000000);
	}
}

/* ---- the log ---- */

/* A log file of a bytes, said to be of b bytes at the offset that how is. */
static void say_log(struct hostile *h, const struct row *row, uint64_t offset)
{
	struct front_msg msg = { .request = FRONT_SET_LOG_BASE, .size = 16 };
	int fd = make_file(FILE_MEMORY, row->a);

	msg.log.size = row->b;
	msg.log.offset = offset;
	say(h, &msg, &fd, 1);
	close(fd);
}

static void say_log_at_0(struct hostile *h, const struct row *row)
{
	say_log(h, row, 0);
}

static void say_log_at_the_end(struct hostile *h, const struct row *row)
{
	say_log(h, row, -1ull);
}

static void start_log(struct hostile *h)
{
	int err = front_log_start(&h->front);

	require(!err, "starting the log: %s", strerror(-err));
}

/* Chains of many pieces, direct and not, while all is logged. */
static void log_long_chains(struct hostile *h, const struct row *row)
{
	start_log(h);
	for (uint64_t i = 0; i < row->a; i++) {
		h->net.tx_piece = 60;
		h->net.tx_indirect = i & 1;
		exchange(h, 2);
	}
	require(front_log_test(&h->front, tx_ring(h)->log_gpa),
		"the used ring is not logged");
	h->net.tx_piece = 0;
	h->net.tx_indirect = false;
}

/* The ring's log address is where the log has no bit. */
static void log_ring_beyond(struct hostile *h, const struct row *row)
{
	start_log(h);
	say_address(h, row);
}

static void shrink_log(struct hostile *h, const struct row *row)
{
	uint8_t frame[60];

	start_log(h);
	require(!ftruncate(h->front.log_fd, (off_t)row->a), "ftruncate: %s",
		strerror(errno));
	/* It may be away before any comes back. */
	while (!front_is_gone(&h->front)) {
		make_frame(h, frame, sizeof(frame));
		front_net_send(&h->net, NULL, frame, sizeof(frame));
		sleep_until_ns(now_ns() + 1000000);
	}
}

/* Memory where the log has no bits. */
static void grow_beyond_log(struct hostile *h, const struct row *row)
{
	struct front_msg msg = { .request = FRONT_ADD_MEM_REG, .size = 40 };

	start_log(h);
	msg.reg.region = (struct front_msg_region){ row->a, 4096, row->a, 0 };
	say(h, &msg, &h->front.regions[0].fd, 1);
}

/* ---- descriptors of rings ---- */

/* a: request (and the ring), b: enum file */
static void say_file(struct hostile *h, const struct row *row)
{
	struct front_msg msg = front_msg_u64((uint32_t)row->a, 1);
	int fd = make_file((enum file)row->b, 4096);

	require(fd >= 0, "making a file: %s", strerror(errno));
	say(h, &msg, &fd, 1);
	close(fd);
}

/* One file is all there is. */
static void say_call_is_kick(struct hostile *h, const struct row *row)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct front_msg msg = front_msg_u64(FRONT_SET_VRING_CALL, i);

		require(!front_tell(&h->front, &msg, &tx_ring(h)->kick_fd, 1),
			"SET_VRING_CALL");
	}
	(void)row;
}

/* Full, and waiting for somebody to empty it. */
static void block_calls(struct hostile *h, const struct row *row)
{
	struct front_ring *ring = &h->front.rings[row->a];
	uint64_t full = UINT64_MAX - 1, dummy;
	uint8_t frame[60];

	if (read(ring->call_fd, &dummy, sizeof(dummy)) < 0)
		require(errno == EAGAIN, "eventfd: %s", strerror(errno));
	require(write(ring->call_fd, &full, sizeof(full)) == sizeof(full),
		"eventfd: %s", strerror(errno));
	require(!fcntl(ring->call_fd, F_SETFL, 0), "F_SETFL: %s",
		strerror(errno));
	for (uint32_t i = 0; i < 4; i++) {
		make_frame(h, frame, sizeof(frame));
		send_frame(h, NULL, frame, sizeof(frame));
	}
}

/* ---- the rows ---- */

#define FDS(n, request)	       ((uint64_t)(n) << 32 | (request))
#define FRONT_PAIR(index, num) ((uint64_t)(num) << 32 | (index))
#define SHRUNK		       "a file has shrunk"
#define NO_EVENTFD	       "the file descriptor is no eventfd"
#define NOT_IN_REGION	       "not in one region of memory"
#define NOT_OFFERED	       "it has not been offered"
#define LARGE		       0x100000001ull

/* clang-format off */
static const struct row message_rows[] = {
	{ "version-0", NULL, REFUSED, "version 1", say_head, 0, 1, 0 },
	{ "version-2", NULL, REFUSED, "version 1", say_head, 0, 1, 2ull << 32 },
	{ "is-an-answer", NULL, REFUSED, "version 1", say_head, 0, 1, 5ull << 32 },
	{ "size-4-gib", NULL, REFUSED, "4294967295 bytes: up to", say_head, 0, FRONT_SET_MEM_TABLE, 1ull << 32 | UINT32_MAX },
	{ "size-wrong", NULL, REFUSED, "it must be 8", say_head, 0, FRONT_SET_FEATURES, 1ull << 32 },
	{ "unknown-0", NULL, REFUSED, NOT_OFFERED, say_head, 0, 0, 1ull << 32 },
	{ "unknown-99", NULL, REFUSED, NOT_OFFERED, say_head, 0, 99, 1ull << 32 },
	{ "unknown-4294967295", NULL, REFUSED, NOT_OFFERED, say_head, 0, UINT32_MAX, 1ull << 32 },
	{ "get-inflight-fd", "CVE-2019-14818, CVE-2020-10726", REFUSED, NOT_OFFERED, say_head, 0, FRONT_GET_INFLIGHT_FD, 1ull << 32 },
	{ "set-inflight-fd", "CVE-2020-10726, CVE-2021-3839", REFUSED, NOT_OFFERED, say_head, 0, FRONT_SET_INFLIGHT_FD, 1ull << 32 },
	{ "crypto-session", "CVE-2020-10724, CVE-2020-14374 to 14378", REFUSED, NOT_OFFERED, say_head, 0, 26, 1ull << 32 },
	{ "config-space", "CVE-2021-3544, 3545, 3546", REFUSED, NOT_OFFERED, say_head, 0, 24, 1ull << 32 },
	{ "closes-in-the-middle", NULL, GONE, "closed in the middle of a message", say_half_and_close, 0, 15, 0 },
	{ "closes-in-the-head", NULL, GONE, "closed in the middle of a message", say_half_and_close, 0, 5, 0 },
	{ "half-a-message", NULL, ALLOWED, NULL, say_half, 0, 15, 0 },
	{ "half-with-descriptors", "CVE-2022-0669", ALLOWED, NULL, say_half_with_fds, 0, 0, 0 },
	{ "deaf", NULL, REFUSED, "it does not read the answers", flood_and_be_deaf, 0, 100000, 0 },
	{ "flood-of-enables", NULL, ALLOWED, NULL, flood, 0, 1000, 0 },
	{ "flood-of-addresses", NULL, ALLOWED, NULL, flood_addresses, 0, 200, 0 },
	{ "flood-of-nums", "CVE-2019-14818", ALLOWED, NULL, flood_nums, 0, 500, 0 },

	{ "descriptors-too-many", "CVE-2019-14818, CVE-2022-0669", REFUSED, "8 file descriptors: it must be", say_with_fds, 0, FDS(8, FRONT_SET_OWNER), 0 },
	{ "descriptors-with-a-number", "CVE-2022-0669", REFUSED, "1 file descriptors: it must be", say_with_fds, 0, FDS(1, FRONT_SET_FEATURES), 0 },
	{ "descriptors-32", "CVE-2022-0669", REFUSED, "more than 8 file descriptors", say_with_fds, 0, FDS(32, FRONT_SET_OWNER), 0 },
	{ "descriptors-253", "CVE-2022-0669", REFUSED, "more than 8 file descriptors", say_with_all_fds, 0, FRONT_SET_VRING_KICK, 0 },
	{ "descriptors-two-kicks", "CVE-2019-14818", REFUSED, "2 file descriptors: it must be", say_with_fds, 0, FDS(2, FRONT_SET_VRING_KICK), 0 },
	{ "descriptors-none-kick", NULL, REFUSED, "0 file descriptors", say_with_fds, 0, FDS(0, FRONT_SET_VRING_KICK), 0 },
	{ "descriptors-one-of-none", NULL, REFUSED, "1 file descriptors", say_with_fds, 0, FDS(1, FRONT_SET_VRING_CALL), FRONT_VRING_NOFD },
	{ "descriptors-none-region", NULL, REFUSED, "0 file descriptors", say_with_fds, 0, FDS(0, FRONT_ADD_MEM_REG), 0 },

	{ "num-of-ring-65536", "CVE-2020-10723", REFUSED, "ring 65536: there are", say_number, 0, FRONT_SET_VRING_NUM, FRONT_PAIR(0x10000, 256) },
	{ "base-of-ring-65536", "CVE-2020-10723", REFUSED, "ring 65536: there are", say_number, 0, FRONT_SET_VRING_BASE, FRONT_PAIR(0x10000, 0) },
	{ "get-base-of-ring-65536", "CVE-2020-10723", REFUSED, "ring 65536: there are", say_number, 0, FRONT_GET_VRING_BASE, FRONT_PAIR(0x10000, 0) },
	{ "enable-of-ring-65536", "CVE-2020-10723", REFUSED, "ring 65536: there are", say_number, 0, FRONT_SET_VRING_ENABLE, FRONT_PAIR(0x10000, 1) },
	{ "kick-of-ring-large", "CVE-2020-10723", REFUSED, "bits 0 to 8 are allowed", say_number, 0, FRONT_SET_VRING_KICK, LARGE | FRONT_VRING_NOFD },
	{ "call-of-ring-65536", "CVE-2020-10723", REFUSED, "bits 0 to 8 are allowed", say_number, 0, FRONT_SET_VRING_CALL, 0x10000 | FRONT_VRING_NOFD },
	{ "err-of-ring-255", "CVE-2020-10723", REFUSED, "ring 255: there are", say_number, 0, FRONT_SET_VRING_ERR, 0xff | FRONT_VRING_NOFD },
	{ "num-of-ring-2", "CVE-2021-3839", REFUSED, "ring 2: there are 2", say_number, 0, FRONT_SET_VRING_NUM, FRONT_PAIR(2, 256) },
	{ "num-0", NULL, REFUSED, "a power of two", say_number, 0, FRONT_SET_VRING_NUM, FRONT_PAIR(0, 0) },
	{ "num-100", NULL, REFUSED, "a power of two", say_number, 0, FRONT_SET_VRING_NUM, FRONT_PAIR(0, 100) },
	{ "num-65536", NULL, REFUSED, "a power of two", say_number, 0, FRONT_SET_VRING_NUM, FRONT_PAIR(0, 65536) },
	{ "num-while-it-runs", NULL, REFUSED, "ring 0 runs", say_number, 0, FRONT_SET_VRING_NUM, FRONT_PAIR(0, 32768) },
	{ "base-while-it-runs", NULL, REFUSED, "ring 1 runs", say_number, 0, FRONT_SET_VRING_BASE, FRONT_PAIR(1, 7) },
	{ "base-65536", NULL, REFUSED, "up to 65535", say_number, 0, FRONT_SET_VRING_BASE, FRONT_PAIR(0, 65536) },
	{ "base-ahead", NULL, ALLOWED, NULL, say_wrong_base, 0, 5, 0 },
	{ "base-behind", NULL, ALLOWED, NULL, say_wrong_base, 0, 65535, 0 },
	{ "enable-2", NULL, REFUSED, "0 or 1 is allowed", say_number, 0, FRONT_SET_VRING_ENABLE, FRONT_PAIR(0, 2) },
	{ "get-base-of-a-stopped-ring", NULL, ALLOWED, NULL, ask_base_of_stopped, 0, 3, 0 },
	{ "kicks-while-stopped", NULL, ALLOWED, NULL, kick_stopped, 0, 100, 0 },
	{ "packets-while-disabled", NULL, COUNTED, "guest_off", send_disabled, 0, 10, 0 },

	{ "features-not-offered", NULL, REFUSED, "is not offered", say_number, 0, FRONT_SET_FEATURES, -1ull },
	{ "features-packed-ring", NULL, REFUSED, "0x400000000 is not offered", say_number, 0, FRONT_SET_FEATURES, 1ull << 34 | 1ull << 32 },
	{ "features-control-queue", "DPDK 6ec1778134 (control queue)", REFUSED, "0x20000 is not offered", say_number, 0, FRONT_SET_FEATURES, 1ull << 17 | 1ull << 32 },
	{ "protocol-not-offered", NULL, REFUSED, "is not offered", say_number, 0, FRONT_SET_PROTOCOL_FEATURES, -1ull },
	{ "legacy-driver", NULL, ALLOWED, NULL, NULL, LEGACY, 0, 0 },
	{ "rarp-multicast", NULL, REFUSED, "the address of a device is allowed", say_number, 0, FRONT_SEND_RARP, 0xffffffffffff },
	{ "mtu-0", NULL, REFUSED, "68 to 65535 are allowed", say_number, 0, FRONT_NET_SET_MTU, 0 },
	{ "mtu-large", NULL, REFUSED, "68 to 65535 are allowed", say_number, 0, FRONT_NET_SET_MTU, -1ull },

	{ "descriptors-over-the-end", NULL, REFUSED, NOT_IN_REGION, say_address, 0, 0, 16 * 255 },
	{ "avail-over-the-end", NULL, REFUSED, NOT_IN_REGION, say_address, 0, 1, 6 + 2 * 256 - 2 },
	{ "used-over-the-end", NULL, REFUSED, NOT_IN_REGION, say_address, 0, 2, 6 + 8 * 256 - 2 },
	{ "descriptors-outside", NULL, REFUSED, NOT_IN_REGION, say_address, 0, 0, -4096ull },
	{ "descriptors-misaligned", NULL, REFUSED, "multiples of 16, 2 and 4", say_address, 0, 0, 8192 + 8 },
	{ "avail-misaligned", NULL, REFUSED, "multiples of 16, 2 and 4", say_address, 0, 1, 8192 + 1 },
	{ "used-misaligned", NULL, REFUSED, "multiples of 16, 2 and 4", say_address, 0, 2, 8192 + 2 },
	{ "rings-on-each-other", NULL, ANY, NULL, say_one_address, 0, 0, 0 },
	{ "rings-overlap", NULL, ANY, NULL, say_one_address, 0, 64, 0 },
	{ "address-flags", NULL, REFUSED, "0x1 is allowed", say_address_flags, 0, 0xff, 0 },

	{ "region-larger-than-file", NULL, REFUSED, "it ends at", say_region, 0, 1, 1ull << 40 },
	{ "region-behind-file", NULL, REFUSED, "it ends at", say_region, 0, 3, 4096 },
	{ "region-offset-wraps", "CVE-2020-10722", REFUSED, "beyond the end of 64-bit addresses", say_region, 0, 3, -4096ull },
	{ "region-gpa-wraps", "CVE-2020-10722", REFUSED, "beyond the end of 64-bit addresses", say_region, 0, 0, -4096ull },
	{ "region-uva-wraps", NULL, REFUSED, "beyond the end of 64-bit addresses", say_region, 0, 2, -4096ull },
	{ "region-empty", NULL, REFUSED, "it is empty", say_region, 0, 1, 0 },
	{ "region-without-rings", NULL, REFUSED, NOT_IN_REGION, say_region, 0, 2, 4096 },
	{ "regions-overlap", NULL, REFUSED, "it overlaps", say_overlap, 0, 4096, 0 },
	{ "regions-the-same", NULL, REFUSED, "it overlaps", say_overlap, 0, 0, 0 },
	{ "regions-9", NULL, REFUSED, "up to 8 regions", say_n_regions, 0, 1, 9 },
	{ "regions-4294967295", NULL, REFUSED, "up to 8 regions", say_n_regions, 0, 1, UINT32_MAX },
	{ "regions-fewer-than-said", "CVE-2019-14818", REFUSED, "it must be", say_n_regions, 0, 1, 2 },
	{ "regions-more-descriptors", "CVE-2019-14818", REFUSED, "8 file descriptors: it must be 1", say_n_regions, 0, 8, 1 },
	{ "regions-one-by-one", NULL, REFUSED, "32 are allowed", say_many_regions, 0, 100, 0 },
	{ "region-removed-while-used", NULL, ALLOWED, NULL, remove_region, 0, 5, 0 },
	{ "region-removed-in-part", NULL, REFUSED, "there is none", remove_no_region, 0, 4096, 0 },
	{ "memory-is-a-pipe", NULL, REFUSED, "a file of memory", say_other_file, 0, FILE_PIPE, 0 },
	{ "memory-is-dev-zero", NULL, REFUSED, "a file of memory", say_other_file, 0, FILE_ZERO, 0 },
	{ "memory-is-on-disk", NULL, REFUSED, "a file of memory", say_other_file, 0, FILE_DISK, 0 },
	{ "memory-is-a-socket", NULL, REFUSED, "a file of memory", say_other_file, 0, FILE_SOCKET, 0 },
	{ "memory-is-read-only", NULL, REFUSED, "open for reading and writing", say_other_file, 0, FILE_READ_ONLY, 0 },
	{ "memory-is-sealed", NULL, REFUSED, "cannot be mapped", say_other_file, 0, FILE_SEALED, 0 },
	{ "memory-is-sealed-later", NULL, REFUSED, "cannot be mapped", say_other_file, 0, FILE_SEALED_LATER, 0 },
	{ "memory-is-other", NULL, ANY, NULL, say_other_file, 0, FILE_MEMORY, 0 },
	{ "memory-shrinks", NULL, REFUSED, SHRUNK, shrink, 0, 0, 0 },
	{ "memory-shrinks-by-half", NULL, REFUSED, SHRUNK, shrink, 0, 4096, 0 },
	{ "memory-shrinks-and-grows", NULL, REFUSED, "", shrink, 0, 0, 1 },

	{ "log-not-negotiated", NULL, REFUSED, "LOG_SHMFD has not been negotiated", say_log_at_0, 0, 4096, 4096 },
	{ "log-too-small", "CVE-2020-10722", REFUSED, "do not cover", say_log_at_0, LOG, 4096, 8 },
	{ "log-empty", NULL, REFUSED, "empty", say_log_at_0, LOG, 4096, 0 },
	{ "log-larger-than-file", "CVE-2020-10722", REFUSED, "it ends at", say_log_at_0, LOG, 4096, 8192 },
	{ "log-wraps", "CVE-2020-10722", REFUSED, "beyond the end of 64-bit addresses", say_log_at_the_end, LOG, 4096, 4096 },
	{ "log-of-long-chains", "CVE-2019-14835", ALLOWED, NULL, log_long_chains, LOG, 8, 0 },
	{ "log-of-ring-beyond", "CVE-2020-10722", REFUSED, "log address", log_ring_beyond, LOG, 3, 1ull << 40 },
	{ "log-of-ring-wraps", "CVE-2020-10722", REFUSED, "log address", log_ring_beyond, LOG, 3, -16ull },
	{ "log-shrinks", NULL, REFUSED, SHRUNK, shrink_log, LOG, 0, 0 },
	{ "memory-beyond-the-log", "CVE-2020-10722", REFUSED, "does not cover", grow_beyond_log, LOG, 1ull << 40, 0 },

	{ "kick-is-a-timer", NULL, REFUSED, NO_EVENTFD, say_file, 0, FRONT_SET_VRING_KICK, FILE_TIMER },
	{ "kick-is-a-pipe", NULL, REFUSED, NO_EVENTFD, say_file, 0, FRONT_SET_VRING_KICK, FILE_PIPE },
	{ "kick-is-dev-zero", NULL, REFUSED, NO_EVENTFD, say_file, 0, FRONT_SET_VRING_KICK, FILE_ZERO },
	{ "kick-is-an-epoll", NULL, REFUSED, NO_EVENTFD, say_file, 0, FRONT_SET_VRING_KICK, FILE_EPOLL },
	{ "call-is-a-pipe", NULL, REFUSED, NO_EVENTFD, say_file, 0, FRONT_SET_VRING_CALL, FILE_PIPE },
	{ "call-is-memory", NULL, REFUSED, NO_EVENTFD, say_file, 0, FRONT_SET_VRING_CALL, FILE_MEMORY },
	{ "err-is-a-socket", NULL, REFUSED, NO_EVENTFD, say_file, 0, FRONT_SET_VRING_ERR, FILE_SOCKET },
	{ "err-is-a-semaphore", NULL, ALLOWED, NULL, say_file, 0, FRONT_SET_VRING_ERR, FILE_EVENT },
	{ "call-is-the-kick", NULL, ANY, NULL, say_call_is_kick, 0, 0, 0 },
	{ "call-blocks", NULL, REFUSED, "the call descriptor blocks", block_calls, NO_EVENT, 0, 0 },
	{ "call-blocks-sender", NULL, REFUSED, "the call descriptor blocks", block_calls, NO_EVENT, 1, 0 },
};
/* clang-format on */

#endif
