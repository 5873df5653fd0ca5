// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a session refuses, a row each: at which stage, which message, and the
 * words. In all of them the connection ends, all rings have stopped, no file
 * descriptor is left, and the next front-end is welcome.
 *
 * The published failures of vhost back-ends that concern messages are among
 * them, by their numbers.
 */
#include "session_rig.h"

enum stage { CONNECTED, NEGOTIATED, MEMORY, RUNNING };

/* What goes along with a message. */
enum along {
	NONE,
	EVENT,
	TWO_EVENTS,
	EIGHT_EVENTS,
	MANY_EVENTS,
	MEM,
	READ_ONLY,
	PIPE,
	DEVICE,
	SOCKET,
	EPOLL,
	SHORT_FILE,
};

struct row {
	const char *name;
	enum stage stage;
	uint32_t request, flags, size;
	enum along along;
	/* of the payload, in 64-bit words or pairs of 32-bit ones */
	uint64_t words[12];
	const char *why;
};

#define PAIR(low, high)	 ((uint64_t)(high) << 32 | (uint32_t)(low))
#define REGION(off, len) RIG_GPA + (off), len, RIG_UVA + (off), off
#define RING		 RIG_UVA, RIG_UVA + 0x8000, RIG_UVA + 0x4000, 0
#define FEATURES	 (RIG_FEATURES | FRONT_F_PROTOCOL)
#define END		 (RIG_UVA + RIG_MEM_SIZE)

/* clang-format off */
static const struct row rows[] = {
	/* ---- framing ---- */
	{ "version 0", CONNECTED, FRONT_GET_FEATURES, 0, 0, NONE, { 0 },
	  "flags 0x0: version 1, and bit 3, are allowed" },
	{ "version 2", CONNECTED, FRONT_GET_FEATURES, 2, 0, NONE, { 0 },
	  "flags 0x2" },
	{ "an answer", CONNECTED, FRONT_GET_FEATURES, 5, 0, NONE, { 0 },
	  "flags 0x5" },
	{ "unknown flag", CONNECTED, FRONT_GET_FEATURES, 0x11, 0, NONE, { 0 },
	  "flags 0x11" },
	{ "too long", CONNECTED, FRONT_SET_MEM_TABLE, 1, 265, NONE, { 0 },
	  "message 5: 265 bytes: up to 264 are allowed" },
	{ "much too long", CONNECTED, FRONT_SET_FEATURES, 1, ~0u, NONE, { 0 },
	  "message 2: 4294967295 bytes" },
	{ "9 descriptors, CVE-2019-14818", CONNECTED, FRONT_SET_MEM_TABLE, 1, 8,
	  MANY_EVENTS, { 0 }, "more than 8 file descriptors with one message" },
	{ "unknown", CONNECTED, 99, 1, 0, NONE, { 0 },
	  "message 99: it has not been offered" },
	{ "request 0", CONNECTED, 0, 1, 0, NONE, { 0 },
	  "message 0: it has not been offered" },
	{ "largest request", CONNECTED, ~0u, 1, 0, NONE, { 0 },
	  "message 4294967295: it has not been offered" },
	{ "GET_INFLIGHT_FD, CVE-2020-10726", NEGOTIATED, FRONT_GET_INFLIGHT_FD,
	  1, 24, NONE, { 0 }, "message 31: it has not been offered" },
	{ "SET_INFLIGHT_FD, CVE-2022-0669", NEGOTIATED, FRONT_SET_INFLIGHT_FD,
	  1, 24, EVENT, { 0 }, "message 32: it has not been offered" },
	{ "SET_STATUS", NEGOTIATED, FRONT_SET_STATUS, 1, 8, NONE, { 0 },
	  "message 39: it has not been offered" },

	/* ---- sizes: one byte less and more, exactly ---- */
	{ "GET_FEATURES with payload", CONNECTED, FRONT_GET_FEATURES, 1, 8,
	  NONE, { 0 }, "GET_FEATURES: 8 bytes: it must be 0" },
	{ "SET_FEATURES short", CONNECTED, FRONT_SET_FEATURES, 1, 7, NONE,
	  { 0 }, "SET_FEATURES: 7 bytes: it must be 8" },
	{ "SET_FEATURES long", CONNECTED, FRONT_SET_FEATURES, 1, 9, NONE, { 0 },
	  "SET_FEATURES: 9 bytes: it must be 8" },
	{ "SET_OWNER with payload", CONNECTED, FRONT_SET_OWNER, 1, 4, NONE,
	  { 0 }, "SET_OWNER: 4 bytes: it must be 0" },
	{ "SET_MEM_TABLE empty", NEGOTIATED, FRONT_SET_MEM_TABLE, 1, 0, NONE,
	  { 0 }, "SET_MEM_TABLE: up to 8 regions" },
	{ "SET_MEM_TABLE short", NEGOTIATED, FRONT_SET_MEM_TABLE, 1, 39, MEM,
	  { 1, REGION(0, RIG_PAGE) },
	  "SET_MEM_TABLE: 39 bytes: it must be 40" },
	{ "SET_MEM_TABLE for one more", NEGOTIATED, FRONT_SET_MEM_TABLE, 1, 72,
	  MEM, { 1, REGION(0, RIG_PAGE) },
	  "SET_MEM_TABLE: 72 bytes: it must be 40" },
	{ "SET_LOG_BASE of old", MEMORY, FRONT_SET_LOG_BASE, 1, 8, MEM, { 0 },
	  "SET_LOG_BASE: 8 bytes: it must be 16" },
	{ "SET_VRING_NUM short", MEMORY, FRONT_SET_VRING_NUM, 1, 4, NONE, { 0 },
	  "SET_VRING_NUM: 4 bytes" },
	{ "SET_VRING_ADDR short", MEMORY, FRONT_SET_VRING_ADDR, 1, 32, NONE,
	  { 0 }, "SET_VRING_ADDR: 32 bytes: it must be 40" },
	{ "GET_VRING_BASE short", MEMORY, FRONT_GET_VRING_BASE, 1, 0, NONE,
	  { 0 }, "GET_VRING_BASE: 0 bytes: it must be 8" },
	{ "SET_VRING_KICK short", MEMORY, FRONT_SET_VRING_KICK, 1, 4, EVENT,
	  { 0 }, "SET_VRING_KICK: 4 bytes: it must be 8" },
	{ "ADD_MEM_REG short", NEGOTIATED, FRONT_ADD_MEM_REG, 1, 32, MEM, { 0 },
	  "ADD_MEM_REG: 32 bytes: it must be 40" },
	{ "SEND_RARP short", NEGOTIATED, FRONT_SEND_RARP, 1, 6, NONE, { 0 },
	  "SEND_RARP: 6 bytes: it must be 8" },

	/* ---- descriptors: exactly as many, CVE-2019-14818 ---- */
	{ "GET_FEATURES with one", CONNECTED, FRONT_GET_FEATURES, 1, 0, EVENT,
	  { 0 }, "GET_FEATURES: 1 file descriptors: it must be 0" },
	{ "SET_VRING_NUM with eight", MEMORY, FRONT_SET_VRING_NUM, 1, 8,
	  EIGHT_EVENTS, { PAIR(0, 256) },
	  "SET_VRING_NUM: 8 file descriptors: it must be 0" },
	{ "SET_MEM_TABLE with none", NEGOTIATED, FRONT_SET_MEM_TABLE, 1, 40,
	  NONE, { 1, REGION(0, RIG_PAGE) },
	  "SET_MEM_TABLE: 0 file descriptors: it must be 1" },
	{ "SET_MEM_TABLE with one more", NEGOTIATED, FRONT_SET_MEM_TABLE, 1, 40,
	  TWO_EVENTS, { 1, REGION(0, RIG_PAGE) },
	  "SET_MEM_TABLE: 2 file descriptors: it must be 1" },
	{ "SET_MEM_TABLE of none with one", NEGOTIATED, FRONT_SET_MEM_TABLE, 1,
	  8, MEM, { 0 }, "SET_MEM_TABLE: 1 file descriptors: it must be 0" },
	{ "SET_LOG_BASE with none", MEMORY, FRONT_SET_LOG_BASE, 1, 16, NONE,
	  { 64, 0 }, "SET_LOG_BASE: 0 file descriptors: it must be 1" },
	{ "SET_LOG_FD with none", MEMORY, FRONT_SET_LOG_FD, 1, 0, NONE, { 0 },
	  "SET_LOG_FD: 0 file descriptors: it must be 1" },
	{ "ADD_MEM_REG with none", NEGOTIATED, FRONT_ADD_MEM_REG, 1, 40, NONE,
	  { 0, REGION(0, RIG_PAGE) },
	  "ADD_MEM_REG: 0 file descriptors: it must be 1" },
	{ "REM_MEM_REG with two", MEMORY, FRONT_REM_MEM_REG, 1, 40, TWO_EVENTS,
	  { 0, REGION(0, RIG_MEM_SIZE) },
	  "REM_MEM_REG: 2 file descriptors: it must be up to 1" },
	{ "SET_VRING_KICK with two", MEMORY, FRONT_SET_VRING_KICK, 1, 8,
	  TWO_EVENTS, { 0 },
	  "SET_VRING_KICK: 2 file descriptors: it must be up to 1" },
	{ "SET_VRING_KICK with none", MEMORY, FRONT_SET_VRING_KICK, 1, 8, NONE,
	  { 0 }, "SET_VRING_KICK: 0 file descriptors, and bit 8 is 0" },
	{ "SET_VRING_CALL with one too many", MEMORY, FRONT_SET_VRING_CALL, 1,
	  8, EVENT, { 0x100 },
	  "SET_VRING_CALL: 1 file descriptors, and bit 8 is 1" },

	/* ---- features ---- */
	{ "SET_FEATURES not offered", NEGOTIATED, FRONT_SET_FEATURES, 1, 8,
	  NONE, { FEATURES | 1ull << 34 }, ": 0x400000000 is not offered" },
	{ "SET_FEATURES all", NEGOTIATED, FRONT_SET_FEATURES, 1, 8, NONE,
	  { ~0ull }, "SET_FEATURES: 0xffffffffffffffff" },
	{ "SET_PROTOCOL_FEATURES not offered", CONNECTED,
	  FRONT_SET_PROTOCOL_FEATURES, 1, 8, NONE, { 1 << 12 },
	  "SET_PROTOCOL_FEATURES: 0x1000: 0x1000 is not offered" },
	{ "SEND_RARP not negotiated", CONNECTED, FRONT_SEND_RARP, 1, 8, NONE,
	  { 2 }, "SEND_RARP: RARP has not been negotiated" },
	{ "SEND_RARP multicast", NEGOTIATED, FRONT_SEND_RARP, 1, 8, NONE, { 3 },
	  "SEND_RARP: 03:00:00:00:00:00: the address of a device" },
	{ "SEND_RARP none", NEGOTIATED, FRONT_SEND_RARP, 1, 8, NONE, { 0 },
	  "SEND_RARP: 00:00:00:00:00:00: the address of a device" },
	{ "NET_SET_MTU not negotiated", CONNECTED, FRONT_NET_SET_MTU, 1, 8,
	  NONE, { 1500 }, "NET_SET_MTU: NET_MTU has not been negotiated" },
	{ "NET_SET_MTU too small", NEGOTIATED, FRONT_NET_SET_MTU, 1, 8, NONE,
	  { 67 }, "NET_SET_MTU: 67: 68 to 65535 are allowed" },
	{ "NET_SET_MTU too large", NEGOTIATED, FRONT_NET_SET_MTU, 1, 8, NONE,
	  { 65536 + 1500 }, "NET_SET_MTU: 67036: 68 to 65535 are allowed" },

	/* ---- memory ---- */
	{ "9 regions", NEGOTIATED, FRONT_SET_MEM_TABLE, 1, 264, EIGHT_EVENTS,
	  { 9 }, "SET_MEM_TABLE: up to 8 regions are allowed" },
	{ "4 billion regions", NEGOTIATED, FRONT_SET_MEM_TABLE, 1, 8, NONE,
	  { 0xffffffff }, "SET_MEM_TABLE: up to 8 regions are allowed" },
	{ "empty region", NEGOTIATED, FRONT_SET_MEM_TABLE, 1, 40, MEM, { 1,
	  REGION(0, 0) },
	  "SET_MEM_TABLE: region of 0x0 bytes at 0x100000: it is empty" },
	{ "region that wraps, CVE-2020-10722", NEGOTIATED, FRONT_SET_MEM_TABLE,
	  1, 40, MEM, { 1, ~0ull - 0xfff, 0x2000, RIG_UVA, 0 },
	  "beyond the end of 64-bit addresses" },
	{ "offset that wraps, CVE-2020-10722", NEGOTIATED, FRONT_SET_MEM_TABLE,
	  1, 40, MEM, { 1, 0, RIG_PAGE, RIG_UVA, ~0ull - 0xfff },
	  "beyond the end of 64-bit addresses" },
	{ "regions that overlap", NEGOTIATED, FRONT_ADD_MEM_REG, 1, 40, MEM,
	  { 0, REGION(0, RIG_MEM_SIZE + 1) }, "it ends at 0x100001" },
	{ "region over another", MEMORY, FRONT_ADD_MEM_REG, 1, 40, MEM, { 0,
	  REGION(RIG_PAGE, RIG_PAGE) },
	  "ADD_MEM_REG: region of 0x1000 bytes at 0x101000: it overlaps the "
	  "one of 0x100000 bytes at 0x100000" },
	{ "region over another while rings run", RUNNING, FRONT_ADD_MEM_REG, 1,
	  40, MEM, { 0, REGION(RIG_PAGE, RIG_PAGE) }, "it overlaps" },
	{ "region behind its file", NEGOTIATED, FRONT_ADD_MEM_REG, 1, 40,
	  SHORT_FILE, { 0, REGION(0, RIG_MEM_SIZE) },
	  "it ends at 0x100000 in a file of 0x1000 bytes" },
	{ "region of a device", NEGOTIATED, FRONT_ADD_MEM_REG, 1, 40, DEVICE,
	  { 0, REGION(0, RIG_PAGE) }, "a file of memory" },
	{ "region of an eventfd", NEGOTIATED, FRONT_ADD_MEM_REG, 1, 40, EVENT,
	  { 0, REGION(0, RIG_PAGE) }, "a file of memory" },
	{ "region of a read-only file", NEGOTIATED, FRONT_ADD_MEM_REG, 1, 40,
	  READ_ONLY, { 0, REGION(0, RIG_PAGE) },
	  "open for reading and writing" },
	{ "ADD_MEM_REG not negotiated", CONNECTED, FRONT_ADD_MEM_REG, 1, 40,
	  MEM, { 0, REGION(0, RIG_PAGE) },
	  "ADD_MEM_REG: CONFIGURE_MEM_SLOTS has not been negotiated" },
	{ "REM_MEM_REG not negotiated", CONNECTED, FRONT_REM_MEM_REG, 1, 40,
	  NONE, { 0, REGION(0, RIG_PAGE) },
	  "REM_MEM_REG: CONFIGURE_MEM_SLOTS has not been negotiated" },
	{ "REM_MEM_REG of none", MEMORY, FRONT_REM_MEM_REG, 1, 40, NONE, { 0,
	  REGION(0, RIG_PAGE) },
	  "REM_MEM_REG: region of 0x1000 bytes at 0x100000: there is none" },
	{ "memory that leaves a ring outside", RUNNING, FRONT_SET_MEM_TABLE, 1,
	  40, MEM, { 1, REGION(0, 0x8000) },
	  "used ring at 0x7f0000008000, 2054 bytes: not in one region" },

	/* ---- log, CVE-2020-10722 ---- */
	{ "log not negotiated", CONNECTED, FRONT_SET_LOG_BASE, 1, 16, MEM, { 64,
	  0 }, "SET_LOG_BASE: LOG_SHMFD has not been negotiated" },
	{ "log that wraps", MEMORY, FRONT_SET_LOG_BASE, 1, 16, MEM, { 0x2000,
	  ~0ull - 0xfff }, "beyond the end of 64-bit addresses" },
	{ "log of nothing", MEMORY, FRONT_SET_LOG_BASE, 1, 16, MEM, { 0, 0 },
	  "SET_LOG_BASE: 0x0 bytes at 0x0: empty" },
	{ "log behind its file", MEMORY, FRONT_SET_LOG_BASE, 1, 16, MEM,
	  { 0x1000, RIG_MEM_SIZE - 0xfff },
	  "SET_LOG_BASE: it ends at 0x100001 in a file of 0x100000 bytes" },
	{ "log smaller than memory", MEMORY, FRONT_SET_LOG_BASE, 1, 16, MEM,
	  { 63, 0 },
	  "SET_LOG_BASE: 0x3f bytes do not cover the memory up to 0x1fffff" },
	{ "log of a pipe", MEMORY, FRONT_SET_LOG_BASE, 1, 16, PIPE, { 64, 0 },
	  "SET_LOG_BASE: a file of memory" },

	/* ---- rings ---- */
	{ "ring 4 of 4, CVE-2021-3839", MEMORY, FRONT_SET_VRING_NUM, 1, 8, NONE,
	  { PAIR(4, 256) }, "SET_VRING_NUM: ring 4: there are 4" },
	{ "ring 65536, CVE-2020-10723", MEMORY, FRONT_SET_VRING_NUM, 1, 8, NONE,
	  { PAIR(65536, 256) }, "SET_VRING_NUM: ring 65536: there are 4" },
	{ "ring 256 of ADDR", MEMORY, FRONT_SET_VRING_ADDR, 1, 40, NONE,
	  { PAIR(256, 0), RING }, "SET_VRING_ADDR: ring 256: there are 4" },
	{ "ring 2^31 of BASE", MEMORY, FRONT_SET_VRING_BASE, 1, 8, NONE,
	  { PAIR(1u << 31, 0) }, "ring 2147483648: there are 4" },
	{ "ring 4 of GET_VRING_BASE", MEMORY, FRONT_GET_VRING_BASE, 1, 8, NONE,
	  { PAIR(4, 0) }, "GET_VRING_BASE: ring 4: there are 4" },
	{ "ring 4 of ENABLE", MEMORY, FRONT_SET_VRING_ENABLE, 1, 8, NONE,
	  { PAIR(4, 1) }, "SET_VRING_ENABLE: ring 4: there are 4" },
	{ "ring 255 of KICK", MEMORY, FRONT_SET_VRING_KICK, 1, 8, EVENT,
	  { 255 }, "SET_VRING_KICK: ring 255: there are 4" },
	{ "ring 2^9 of CALL, CVE-2020-10723", MEMORY, FRONT_SET_VRING_CALL, 1,
	  8, EVENT, { 0x200 }, "SET_VRING_CALL: 0x200: bits 0 to 8" },
	{ "ring 2^32 of KICK, CVE-2020-10723", MEMORY, FRONT_SET_VRING_KICK, 1,
	  8, EVENT, { 1ull << 32 }, "SET_VRING_KICK: 0x100000000: bits 0" },
	{ "no entries", MEMORY, FRONT_SET_VRING_NUM, 1, 8, NONE, { PAIR(0, 0) },
	  "SET_VRING_NUM: 0: a power of two up to 32768 is allowed" },
	{ "3 entries", MEMORY, FRONT_SET_VRING_NUM, 1, 8, NONE, { PAIR(0, 3) },
	  "SET_VRING_NUM: 3: a power of two up to 32768 is allowed" },
	{ "65536 entries", MEMORY, FRONT_SET_VRING_NUM, 1, 8, NONE, { PAIR(0,
	  65536) },
	  "SET_VRING_NUM: 65536: a power of two up to 32768 is allowed" },
	{ "more entries while it runs", RUNNING, FRONT_SET_VRING_NUM, 1, 8,
	  NONE, { PAIR(1, 512) }, "SET_VRING_NUM: ring 1 runs" },
	{ "base 65536", MEMORY, FRONT_SET_VRING_BASE, 1, 8, NONE, { PAIR(0,
	  65536) }, "SET_VRING_BASE: 65536: up to 65535 is allowed" },
	{ "base while it runs", RUNNING, FRONT_SET_VRING_BASE, 1, 8, NONE,
	  { PAIR(0, 7) }, "SET_VRING_BASE: ring 0 runs" },
	{ "enable 2", MEMORY, FRONT_SET_VRING_ENABLE, 1, 8, NONE, { PAIR(0,
	  2) }, "SET_VRING_ENABLE: 2: 0 or 1 is allowed" },
	{ "unknown flag of a ring", MEMORY, FRONT_SET_VRING_ADDR, 1, 40, NONE,
	  { PAIR(0, 2), RING }, "SET_VRING_ADDR: flags 0x2: 0x1 is allowed" },
	{ "descriptors not aligned", MEMORY, FRONT_SET_VRING_ADDR, 1, 40, NONE,
	  { 0, RIG_UVA + 8, RIG_UVA + 0x8000, RIG_UVA + 0x4000, 0 },
	  "multiples of 16, 2 and 4 are allowed" },
	{ "used ring not aligned", MEMORY, FRONT_SET_VRING_ADDR, 1, 40, NONE,
	  { 0, RIG_UVA, RIG_UVA + 0x8002, RIG_UVA + 0x4000, 0 },
	  "multiples of 16, 2 and 4 are allowed" },
	{ "available ring not aligned", MEMORY, FRONT_SET_VRING_ADDR, 1, 40,
	  NONE, { 0, RIG_UVA, RIG_UVA + 0x8000, RIG_UVA + 0x4001, 0 },
	  "multiples of 16, 2 and 4 are allowed" },
	{ "descriptors outside", RUNNING, FRONT_SET_VRING_ADDR, 1, 40, NONE,
	  { 1, RIG_UVA - 16, RIG_UVA + 0x8000, RIG_UVA + 0x4000, 0 },
	  "SET_VRING_ADDR: descriptors at 0x7efffffffff0, 4096 bytes: not" },
	{ "descriptors half outside", RUNNING, FRONT_SET_VRING_ADDR, 1, 40,
	  NONE, { 1, END - 4080, RIG_UVA + 0x8000, RIG_UVA + 0x4000, 0 },
	  "SET_VRING_ADDR: descriptors at" },
	{ "available ring half outside", RUNNING, FRONT_SET_VRING_ADDR, 1, 40,
	  NONE, { 1, RIG_UVA, RIG_UVA + 0x8000, END - 516, 0 },
	  "SET_VRING_ADDR: available ring at 0x7f00000ffdfc, 518 bytes: not" },
	{ "used ring half outside", RUNNING, FRONT_SET_VRING_ADDR, 1, 40, NONE,
	  { 1, RIG_UVA, END - 2052, RIG_UVA + 0x4000, 0 },
	  "SET_VRING_ADDR: used ring at 0x7f00000ff7fc, 2054 bytes: not" },
	{ "ring that wraps", RUNNING, FRONT_SET_VRING_ADDR, 1, 40, NONE, { 1,
	  ~0ull - 15, RIG_UVA + 0x8000, RIG_UVA + 0x4000, 0 },
	  "SET_VRING_ADDR: descriptors at 0xfffffffffffffff0" },
	{ "guest address for a ring", RUNNING, FRONT_SET_VRING_ADDR, 1, 40,
	  NONE, { 1, RIG_GPA, RIG_GPA + 0x8000, RIG_GPA + 0x4000, 0 },
	  "SET_VRING_ADDR: descriptors at 0x100000" },
	{ "kick of a pipe", MEMORY, FRONT_SET_VRING_KICK, 1, 8, PIPE, { 0 },
	  "SET_VRING_KICK: the file descriptor is no eventfd, but pipe:" },
	{ "kick of a file", MEMORY, FRONT_SET_VRING_KICK, 1, 8, MEM, { 0 },
	  "SET_VRING_KICK: the file descriptor is no eventfd, but /memfd:" },
	{ "kick of an epoll", RUNNING, FRONT_SET_VRING_KICK, 1, 8, EPOLL, { 1 },
	  "is no eventfd, but anon_inode:[eventpoll]" },
	{ "call of a socket", RUNNING, FRONT_SET_VRING_CALL, 1, 8, SOCKET,
	  { 1 }, "SET_VRING_CALL: the file descriptor is no eventfd, but" },
	{ "call of a device", RUNNING, FRONT_SET_VRING_CALL, 1, 8, DEVICE,
	  { 1 }, "is no eventfd, but /dev/zero" },
	{ "err of a pipe", RUNNING, FRONT_SET_VRING_ERR, 1, 8, PIPE, { 1 },
	  "SET_VRING_ERR: the file descriptor is no eventfd" },
};
/* clang-format on */

static int make(enum along along)
{
	switch (along) {
	case MEM:
		return guest_file(RIG_MEM_SIZE);
	case SHORT_FILE:
		return guest_file(RIG_PAGE);
	case READ_ONLY:
		return guest_file_read_only(RIG_PAGE);
	case PIPE:
		return guest_file_pipe(0);
	case DEVICE:
		return guest_file_device(0);
	case SOCKET:
		return rig_socket(0);
	case EPOLL:
		return epoll_create1(EPOLL_CLOEXEC);
	default:
		return rig_eventfd();
	}
}

static uint32_t how_many(enum along along)
{
	switch (along) {
	case NONE:
		return 0;
	case TWO_EVENTS:
		return 2;
	case EIGHT_EVENTS:
		return 8;
	case MANY_EVENTS:
		return FRONT_MAX_FDS;
	default:
		return 1;
	}
}

static void reach(struct rig *rig, enum stage stage)
{
	if (stage == RUNNING) {
		rig_go(rig);
		return;
	}
	if (stage >= NEGOTIATED) {
		rig_negotiate(rig);
		rig_features(rig, 0);
	}
	if (stage >= MEMORY)
		rig_send_table(rig);
}

static void send_row(struct rig *rig, const struct row *row)
{
	struct front_msg msg = rig_msg(row->request, row->size);
	uint32_t size = min_u32(row->size, sizeof(row->words));
	uint32_t n = how_many(row->along);
	int fds[FRONT_MAX_FDS];

	msg.flags = row->flags;
	memcpy(msg.bytes, row->words, sizeof(row->words));
	for (uint32_t i = 0; i < n; i++)
		fds[i] = make(row->along);
	/* a size that is a lie needs no bytes behind it */
	if (row->size <= FRONT_MAX_PAYLOAD)
		size = row->size;
	rig_send_bytes(rig, &msg, FRONT_MSG_HEAD + size, fds, n);
	for (uint32_t i = 0; i < n; i++)
		close(fds[i]);
	rig_run(rig);
}

static void check_row(const struct row *row)
{
	uint32_t n_fds = guest_files_open();
	struct rig rig;
	char byte;

	rig_up(&rig);
	reach(&rig, row->stage);
	assert_int_equal(rig.info.state, row->stage == RUNNING
						 ? VHOST_STATE_RUNNING
						 : VHOST_STATE_NEGOTIATING);
	send_row(&rig, row);
	if (rig.info.state != VHOST_STATE_WAITING ||
	    !strstr(rig.info.why, row->why))
		fail_msg("%s: state %d, \"%s\"", row->name, rig.info.state,
			 rig.info.why);
	assert_int_equal(rig.info.n_refused, 1);
	for (uint32_t i = 0; i < RIG_RINGS; i++)
		assert_false(rig.rings[i].running);
	/* unread bytes make it a reset */
	assert_true(recv(rig.fd, &byte, 1, MSG_DONTWAIT) == 0 ||
		    errno == ECONNRESET);
	rig_close_fd(&rig.fd);

	/* the next one, after the pause */
	rig_tick(&rig, 0);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	rig_tick(&rig, 200);
	assert_int_equal(rig.info.state, VHOST_STATE_NEGOTIATING);
	rig.fd = rig_accept(&rig);
	rig_go(&rig);
	rig_down(&rig);
	assert_int_equal(guest_files_open(), n_fds);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

/* A log that covers memory, but not where the used ring is to be logged. */
static void test_used_log(void **state)
{
	struct front_msg msg = rig_addr_msg(1, FRONT_VRING_LOG);
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig_send_log(&rig, rig.mem_fd, 64);
	rig_answer(&rig, FRONT_SET_LOG_BASE, 0);
	rig_features(&rig, FRONT_F_LOG_ALL);
	/* the last byte of the log has the last page before 2 MiB */
	msg.addr.log = 0x200000 - 2054;
	rig_send(&rig, &msg, NULL, 0);
	assert_true(rig.rings[1].last.log_used);
	msg.addr.log++;
	rig_send(&rig, &msg, NULL, 0);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	assert_string_equal(
		rig.info.why,
		"SET_VRING_ADDR: log address 0x1ff7fb of a used ring of 2054 bytes: the log has 0x40 bytes");
	rig_down(&rig);
}

static void test_log_wraps(void **state)
{
	struct front_msg msg = rig_addr_msg(1, FRONT_VRING_LOG);
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig_send_log(&rig, rig.mem_fd, 64);
	rig_features(&rig, FRONT_F_LOG_ALL);
	msg.addr.log = ~0ull;
	rig_send(&rig, &msg, NULL, 0);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	rig_down(&rig);
}

/* Memory that grows beyond the log. */
static void test_log_too_small_now(void **state)
{
	struct front_msg msg = rig_region(FRONT_ADD_MEM_REG, 0, RIG_PAGE);
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig_send_log(&rig, rig.mem_fd, 64);
	msg.reg.region.gpa = 0x200000;
	rig_send(&rig, &msg, &rig.mem_fd, 1);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	assert_string_equal(
		rig.info.why,
		"ADD_MEM_REG: region of 0x1000 bytes at 0x200000: the log of 0x40 bytes does not cover it");
	rig_down(&rig);
}

/* Descriptors that come with each byte: eight are kept, the next is closed. */
static void test_fds_with_pieces(void **state)
{
	struct front_msg msg = rig_msg(FRONT_SET_MEM_TABLE, 264);
	uint32_t n_fds = guest_files_open();
	struct rig rig;
	int fd;

	(void)state;
	rig_up(&rig);
	rig_negotiate(&rig);
	msg.table.n_regions = 8;
	fd = rig_eventfd();
	for (int i = 0; i < 9; i++) {
		assert_int_equal(rig.info.state, VHOST_STATE_NEGOTIATING);
		rig_send_bytes(&rig, (char *)&msg + i, 1, &fd, 1);
		rig_run(&rig);
	}
	close(fd);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	assert_string_equal(rig.info.why,
			    "more than 8 file descriptors with one message");
	rig_down(&rig);
	assert_int_equal(guest_files_open(), n_fds);
}

static void test_start_refused(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig.refuse_start = "used index 7, available index 300";
	rig_send_addr(&rig, 1, 0);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	assert_string_equal(
		rig.info.why,
		"SET_VRING_ADDR: ring 1: used index 7, available index 300");
	rig_down(&rig);
}

static void test_no_reader(void **state)
{
	struct front_msg msg = rig_msg(FRONT_GET_FEATURES, 0);
	struct rig rig;

	(void)state;
	rig_up(&rig);
	for (int i = 0; i < 100000; i++) {
		if (send(rig.fd, &msg, FRONT_MSG_HEAD, MSG_NOSIGNAL) < 0)
			break;
		rig_run(&rig);
	}
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	assert_string_equal(rig.info.why,
			    "GET_FEATURES: it does not read the answers");
	rig_down(&rig);
}

/* It has asked, and does not wait for the answer. */
static void test_gone_reader(void **state)
{
	struct front_msg msg = rig_msg(FRONT_GET_FEATURES, 0);
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_send_bytes(&rig, &msg, FRONT_MSG_HEAD, NULL, 0);
	rig_close_fd(&rig.fd);
	rig_run(&rig);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_used_log),
		cmocka_unit_test(test_log_wraps),
		cmocka_unit_test(test_log_too_small_now),
		cmocka_unit_test(test_fds_with_pieces),
		cmocka_unit_test(test_start_refused),
		cmocka_unit_test(test_no_reader),
		cmocka_unit_test(test_gone_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
