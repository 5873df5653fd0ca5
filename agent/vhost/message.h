/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Framing of the vhost-user protocol: a message is taken from the socket piece
 * by piece, without waiting, with the file descriptors that came along. What
 * it says is the session's to judge.
 *
 * Source: the vhost-user specification, "Message Specification".
 */
#ifndef VHOST_MESSAGE_H
#define VHOST_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Regions of one SET_MEM_TABLE, and descriptors of any message. */
#define MESSAGE_MAX_REGIONS	8
#define MESSAGE_MAX_FDS		MESSAGE_MAX_REGIONS

enum message_request {
	MESSAGE_GET_FEATURES = 1,
	MESSAGE_SET_FEATURES = 2,
	MESSAGE_SET_OWNER = 3,
	MESSAGE_RESET_OWNER = 4,
	MESSAGE_SET_MEM_TABLE = 5,
	MESSAGE_SET_LOG_BASE = 6,
	MESSAGE_SET_LOG_FD = 7,
	MESSAGE_SET_VRING_NUM = 8,
	MESSAGE_SET_VRING_ADDR = 9,
	MESSAGE_SET_VRING_BASE = 10,
	MESSAGE_GET_VRING_BASE = 11,
	MESSAGE_SET_VRING_KICK = 12,
	MESSAGE_SET_VRING_CALL = 13,
	MESSAGE_SET_VRING_ERR = 14,
	MESSAGE_GET_PROTOCOL_FEATURES = 15,
	MESSAGE_SET_PROTOCOL_FEATURES = 16,
	MESSAGE_GET_QUEUE_NUM = 17,
	MESSAGE_SET_VRING_ENABLE = 18,
	MESSAGE_SEND_RARP = 19,
	MESSAGE_NET_SET_MTU = 20,
	MESSAGE_GET_MAX_MEM_SLOTS = 36,
	MESSAGE_ADD_MEM_REG = 37,
	MESSAGE_REM_MEM_REG = 38,
	MESSAGE_N_REQUESTS
};

#define MESSAGE_VERSION_MASK	0x3u
#define MESSAGE_VERSION		0x1u
#define MESSAGE_REPLY		0x4u
#define MESSAGE_NEED_REPLY	0x8u

/* Of the payload of KICK, CALL and ERR. */
#define MESSAGE_RING_MASK	0xffu
#define MESSAGE_NO_FD		0x100u

/* SET_VRING_ADDR's flag: writes to the used ring are to be logged. */
#define MESSAGE_RING_F_LOG	0x1u

struct message_head {
	uint32_t request;	/* enum message_request, or anything */
	uint32_t flags;
	uint32_t size;		/* of the payload */
};

struct message_ring_state {
	uint32_t index;
	uint32_t num;
};

struct message_ring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc_uva;
	uint64_t used_uva;
	uint64_t avail_uva;
	uint64_t log_gpa;
};

struct message_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uva;
	uint64_t offset;
};

struct message_mem_table {
	uint32_t n_regions;
	uint32_t pad;
	struct message_region regions[MESSAGE_MAX_REGIONS];
};

struct message_mem_region {
	uint64_t pad;
	struct message_region region;
};

struct message_log {
	uint64_t size;
	uint64_t offset;
};

union message_payload {
	uint64_t u64;
	struct message_ring_state state;
	struct message_ring_addr addr;
	struct message_mem_table table;
	struct message_mem_region region;
	struct message_log log;
};

_Static_assert(sizeof(struct message_head) == 12, "as on the socket");
_Static_assert(sizeof(struct message_ring_addr) == 40, "as on the socket");
_Static_assert(sizeof(struct message_mem_region) == 40, "as on the socket");
_Static_assert(sizeof(struct message_mem_table) == 264, "as on the socket");

/* A message that is on its way, or is there. */
struct message {
	struct message_head head;
	union message_payload payload;
	uint32_t n_read;		/* bytes of both so far */
	uint32_t n_fds;
	int fds[MESSAGE_MAX_FDS];	/* owned; taken: -1 */
};

/*
 * Goes on with the message from @fd, a non-blocking stream socket. 1: it is
 * whole. 0: the rest has not come yet. -ECONNRESET: the other side has closed;
 * -EMSGSIZE: the payload or the number of descriptors is beyond what any
 * message has; -EPROTO: wrong version or flags; or another negative errno. With
 * words in @why for all of these.
 */
int message_receive(struct message *msg, int fd, char *why, size_t why_size);

/* Makes ready for the next one; closes descriptors that nobody has taken. The
 * first use: memory that is all zero. */
void message_reset(struct message *msg);

/* Takes descriptor @i out of the message. */
int message_take_fd(struct message *msg, uint32_t i);

/* Answers @msg with @size bytes, at most those of a union message_payload. 0;
 * -EAGAIN: the other side does not read; or another negative errno. */
int message_reply(const struct message *msg, int fd, const void *payload,
		  uint32_t size);

/* "SET_OWNER" and so on; NULL for a request that is not known. */
const char *message_name(uint32_t request);

#endif
