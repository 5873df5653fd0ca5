/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A vhost-user front-end for tests and benchmarks: the guest's memory, the
 * connection and the messages. ring.h runs the rings, net.h sends and receives
 * frames on them.
 *
 * It plays fair unless it is told otherwise: front_start() does what QEMU 7.2
 * or DPDK's virtio-user does. Every step is a function of its own, each message
 * can be sent by hand (front_send, front_send_bytes), and the rings lie open in
 * memory, for tests that do not play fair.
 *
 *	struct front f;
 *	struct front_opts opts = front_defaults("/run/vm1.sock");
 *	front_open(&f, &opts) && front_accept(&f, 5000) && front_start(&f)
 *	front_net_...
 *	front_close(&f);
 *
 * Functions return 0 or a negative errno. -EPROTO: the back-end answered what
 * it must not; -ECONNRESET: it has gone; -ETIMEDOUT: it did not answer.
 *
 * Thread-safety: none; one thread per front, or one per ring once started.
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto.h"
#include "ring.h"

#define FRONT_MAX_REGIONS 32
#define FRONT_MAX_RINGS	  32

enum front_manner {
	FRONT_QEMU,	   /* CALL after KICK; ADD_MEM_REG if it may */
	FRONT_VIRTIO_USER, /* CALL first of all; always SET_MEM_TABLE */
};

struct front_opts {
	const char *path; /* of the socket; borrowed */
	bool connect;	  /* to a back-end that listens; else listen */
	enum front_manner manner;
	uint64_t features;	    /* taken of those that are offered */
	uint64_t protocol_features; /* the same */
	uint32_t n_pairs;
	uint32_t ring_size; /* entries: a power of two */
	uint32_t n_regions;
	uint64_t region_size; /* bytes each, of whole pages */
	uint64_t gpa;	      /* of the first region */
	uint64_t gpa_gap;     /* between regions; 0: they touch */
	bool hugepages;
	int timeout_ms; /* for answers */
};

/* A piece of guest memory: a memfd of its own. */
struct front_region {
	int fd;	   /* owned */
	char *mem; /* owned mapping, also its address as the protocol has it */
	uint64_t gpa;
	uint64_t size;
	uint64_t used; /* bytes given away by front_alloc() */
};

struct front {
	struct front_opts opts;
	int listen_fd; /* owned */
	int fd;	       /* owned; -1: not connected */
	/* as negotiated */
	uint64_t offered, features;
	uint64_t offered_protocol, protocol_features;
	uint64_t max_pairs; /* GET_QUEUE_NUM, or 1 */
	struct front_region regions[FRONT_MAX_REGIONS];
	uint32_t n_rings; /* 2 * n_pairs; even: to the guest, odd: from it */
	struct front_ring rings[FRONT_MAX_RINGS];
	bool logging;
	int log_fd;   /* owned */
	uint8_t *log; /* owned mapping: a bit per 4 KiB of guest physical
			 memory */
	uint64_t log_size;
};

/* Listens, like QEMU; one pair, 256 entries, one region of 16 MiB, all that
 * the agent knows but for offloads, multi-queue and logging. */
struct front_opts front_defaults(const char *path);

/* ---- life ---- */

/* Makes the memory and the rings in it, and listens if it is to. */
int front_open(struct front *f, const struct front_opts *opts);

/* Also after front_open() has failed. */
void front_close(struct front *f);

/* Waits for the back-end, or (connect) until it listens. */
int front_accept(struct front *f, int timeout_ms);

/* Closes the connection and puts the rings where QEMU would go on with them:
 * at used->idx. Another front_accept() and front_start() may follow. */
void front_hang_up(struct front *f);

/* Whether the back-end has closed the connection. */
bool front_is_gone(struct front *f);

/* ---- the set-up: front_start() does all of it ---- */

int front_start(struct front *f);
int front_negotiate(struct front *f); /* features, protocol, SET_OWNER */
int front_set_features(struct front *f, uint64_t features);
int front_set_memory(struct front *f);
int front_start_ring(struct front *f, uint32_t index);
int front_enable_ring(struct front *f, uint32_t index, bool on);

/* GET_VRING_BASE; the ring goes on from there when it is started again. */
int front_stop_ring(struct front *f, uint32_t index);

/* As QEMU does when the guest's driver goes: disables and stops all. */
int front_stop(struct front *f);

/* Makes a log large enough for the memory, tells the back-end, and turns
 * logging on or off as a migration does, while the rings run. */
int front_log_start(struct front *f);
int front_log_stop(struct front *f);
bool front_log_test(const struct front *f, uint64_t gpa);

/* ---- messages by hand ---- */

/* Sends header and msg->size bytes of payload, with descriptors that stay the
 * caller's. The version is added to the flags. */
int front_send(struct front *f, const struct front_msg *msg, const int *fds,
	       uint32_t n_fds);

/* Sends any bytes at all. */
int front_send_bytes(struct front *f, const void *bytes, size_t len,
		     const int *fds, uint32_t n_fds);

/* Receives one message within the front's timeout. Descriptors that come with
 * it are closed. */
int front_receive(struct front *f, struct front_msg *ret_msg);

/* Sends, and if REPLY_ACK was negotiated asks for the answer and waits for it:
 * -EREMOTEIO if the back-end says that it failed. */
int front_tell(struct front *f, struct front_msg *msg, const int *fds,
	       uint32_t n_fds);

/* Sends and waits for the answer to this request. */
int front_ask(struct front *f, struct front_msg *msg);

/* Of a request whose payload is a number; of one that has none, size 0. */
struct front_msg front_msg_u64(uint32_t request, uint64_t value);
struct front_msg front_msg_state(uint32_t request, uint32_t index,
				 uint32_t num);

/* Asks for a number. */
int front_ask_u64(struct front *f, uint32_t request, uint64_t *ret_value);

/* ---- guest memory ---- */

/* Zeroed bytes of region @region, or NULL if it is full. */
void *front_alloc(struct front *f, uint32_t region, uint64_t size,
		  uint64_t align);

/* Between addresses here and guest physical ones; 0 and NULL for those that
 * are not the guest's. */
uint64_t front_gpa(const struct front *f, const void *mem);
void *front_at(const struct front *f, uint64_t gpa);

#endif
