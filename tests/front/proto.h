/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The vhost-user protocol as the front-end for tests and benchmarks speaks it.
 * Written down from the specification (QEMU's docs/interop/vhost-user.rst) and
 * virtio 1.2, apart from the agent's own copy, so that a mistake in one is not
 * a mistake in both.
 */
#ifndef FRONT_PROTO_H
#define FRONT_PROTO_H

#include <linux/types.h>
#include <stddef.h>

/* ---- features ---- */

#define FRONT_BIT(n) (1ull << (n))

#define FRONT_F_CSUM	       FRONT_BIT(0)
#define FRONT_F_GUEST_CSUM     FRONT_BIT(1)
#define FRONT_F_MTU	       FRONT_BIT(3)
#define FRONT_F_GUEST_TSO4     FRONT_BIT(7)
#define FRONT_F_GUEST_TSO6     FRONT_BIT(8)
#define FRONT_F_GUEST_ECN      FRONT_BIT(9)
#define FRONT_F_HOST_TSO4      FRONT_BIT(11)
#define FRONT_F_HOST_TSO6      FRONT_BIT(12)
#define FRONT_F_HOST_ECN       FRONT_BIT(13)
#define FRONT_F_MRG_RXBUF      FRONT_BIT(15)
#define FRONT_F_GUEST_ANNOUNCE FRONT_BIT(21)
#define FRONT_F_MQ	       FRONT_BIT(22)
#define FRONT_F_LOG_ALL	       FRONT_BIT(26)
#define FRONT_F_INDIRECT       FRONT_BIT(28)
#define FRONT_F_EVENT_IDX      FRONT_BIT(29)
#define FRONT_F_PROTOCOL       FRONT_BIT(30)
#define FRONT_F_VERSION_1      FRONT_BIT(32)

#define FRONT_P_MQ	  FRONT_BIT(0)
#define FRONT_P_LOG_SHMFD FRONT_BIT(1)
#define FRONT_P_RARP	  FRONT_BIT(2)
#define FRONT_P_REPLY_ACK FRONT_BIT(3)
#define FRONT_P_NET_MTU	  FRONT_BIT(4)
#define FRONT_P_MEM_SLOTS FRONT_BIT(15)

/* ---- messages ---- */

enum front_request {
	FRONT_GET_FEATURES = 1,
	FRONT_SET_FEATURES = 2,
	FRONT_SET_OWNER = 3,
	FRONT_RESET_OWNER = 4,
	FRONT_SET_MEM_TABLE = 5,
	FRONT_SET_LOG_BASE = 6,
	FRONT_SET_LOG_FD = 7,
	FRONT_SET_VRING_NUM = 8,
	FRONT_SET_VRING_ADDR = 9,
	FRONT_SET_VRING_BASE = 10,
	FRONT_GET_VRING_BASE = 11,
	FRONT_SET_VRING_KICK = 12,
	FRONT_SET_VRING_CALL = 13,
	FRONT_SET_VRING_ERR = 14,
	FRONT_GET_PROTOCOL_FEATURES = 15,
	FRONT_SET_PROTOCOL_FEATURES = 16,
	FRONT_GET_QUEUE_NUM = 17,
	FRONT_SET_VRING_ENABLE = 18,
	FRONT_SEND_RARP = 19,
	FRONT_NET_SET_MTU = 20,
	FRONT_GET_INFLIGHT_FD = 31,
	FRONT_SET_INFLIGHT_FD = 32,
	FRONT_GET_MAX_MEM_SLOTS = 36,
	FRONT_ADD_MEM_REG = 37,
	FRONT_REM_MEM_REG = 38,
	FRONT_SET_STATUS = 39,
	FRONT_GET_STATUS = 40,
};

#define FRONT_MSG_VERSION    1u
#define FRONT_MSG_REPLY	     4u
#define FRONT_MSG_NEED_REPLY 8u

#define FRONT_VRING_NOFD 0x100u /* in the u64 of KICK, CALL, ERR */
#define FRONT_VRING_LOG	 1u	/* in SET_VRING_ADDR's flags */

#define FRONT_TABLE_REGIONS 8 /* at most, in SET_MEM_TABLE */
#define FRONT_MAX_FDS	    32
#define FRONT_MAX_PAYLOAD   4096

struct front_msg_region {
	__u64 gpa, size, uva, offset;
};

/* As it goes over the socket: the header and hdr.size bytes of payload. */
struct front_msg {
	__u32 request; /* enum front_request */
	__u32 flags;
	__u32 size;
	union {
		__u64 u64;
		struct {
			__u32 index, num;
		} state;
		struct {
			__u32 index, flags;
			__u64 desc, used, avail, log;
		} addr;
		struct {
			__u32 n_regions, pad;
			struct front_msg_region regions[FRONT_TABLE_REGIONS];
		} table;
		struct {
			__u64 pad;
			struct front_msg_region region;
		} reg;
		struct {
			__u64 size, offset;
		} log;
		__u8 bytes[FRONT_MAX_PAYLOAD];
	} __attribute__((packed));
} __attribute__((packed));

#define FRONT_MSG_HEAD offsetof(struct front_msg, u64)

_Static_assert(FRONT_MSG_HEAD == 12, "vhost-user's message header");

/* ---- virtio-net ---- */

/* With VERSION_1 or MRG_RXBUF; without both, n_buffers is not there. */
struct front_net_hdr {
	__u8 flags;
	__u8 gso_type;
	__le16 hdr_len;
	__le16 gso_size;
	__le16 csum_start;
	__le16 csum_offset;
	__le16 n_buffers;
};

_Static_assert(sizeof(struct front_net_hdr) == 12, "virtio-net header");

#define FRONT_NET_NEEDS_CSUM 1
#define FRONT_NET_DATA_VALID 2
#define FRONT_NET_GSO_TCPV4  1
#define FRONT_NET_GSO_TCPV6  4
#define FRONT_NET_GSO_ECN    0x80

#endif
