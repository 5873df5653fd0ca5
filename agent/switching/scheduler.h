/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The scheduler of an output port: whose packet goes next, and when.
 *
 * Packets wait by class and, inside a class, by the VM that they come from.
 * Only a port with shaping has a scheduler. It is pure: time is an argument, and
 * packets that it does not keep are given to a function of its owner.
 *
 * Theory. Time is cut in quanta (100 us unless set otherwise). At the beginning
 * of each the port and the classes get what the quantum brings them (rate.h),
 * and what the port got is given out, as packets ask for it:
 *
 *	1. to the strict classes, the one with the highest number first, each
 *	   up to its maximum;
 *	2. to classes with a minimum, up to that, a packet each in turn;
 *	3. what is left, to all other than strict classes by their weights, each
 *	   up to its maximum: deficit round robin (Shreedhar and Varghese, "Efficient
 *	   fair queuing using deficit round-robin", SIGCOMM 1995), in the form
 *	   where a turn may end one packet too late and the next one pays for it.
 *
 * So a class has its minimum and its share by weight of what others' minimums
 * leave; a minimum that is not used is left to others at once; and having used
 * what was spare costs nobody his minimum later. Sums are the caller's to
 * admit: scheduler_check().
 *
 * Inside a class the VMs take turns in the same way, each by its weight. A VM
 * may have no more packets in a class than the class, and the port, have room
 * left (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
 * packet switches", IEEE/ACM ToN 1998), and no more than vm_limit: whoever comes
 * last finds room however much the others send, in whatever class.
 *
 * Ageing is CoDel (RFC 8289), on each VM's queue in each class, as the RFC's
 * section 5 has it. With ecn what it would drop is marked instead (RFC 3168), if
 * the packet can be. Apart from that each packet that has waited for mark_us or
 * longer is marked.
 *
 * Cost: O(1) per packet that is not longer than a turn, a few operations more
 * for each turn that it is longer. Memory: 16 bytes per packet that may wait,
 * 16 KiB per class in use; all of it from scheduler_new().
 *
 * Thread-safety: one owner, but for the counters, which any thread may read.
 */
#ifndef SWITCHING_SCHEDULER_H
#define SWITCHING_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include <pktagent/limits.h>

#include "switching/rate.h"

#define SCHEDULER_QUANTUM_NS		(100 * NS_PER_US)
#define SCHEDULER_MIN_QUANTUM_NS	(1 * NS_PER_US)
#define SCHEDULER_MAX_QUANTUM_NS	RATE_MAX_LATE_NS
/* How late a worker may be without costing anybody his rate. */
#define SCHEDULER_LATE_NS		(5 * NS_PER_MS)
#define SCHEDULER_MAX_PACKETS		(1u << 20)
#define SCHEDULER_MAX_WEIGHT		256
/* A turn of weight 1, in bytes: what a frame takes on a wire. */
#define SCHEDULER_TURN			1538

/* Why a packet was not kept. X(NAME, "as it is printed", "what happened") */
#define SCHEDULER_DROPS(X) \
	X(PORT_FULL, "port_full", "all that may wait for the port does") \
	X(CLASS_FULL, "class_full", "too many packets of its class wait") \
	X(VM_FULL, "vm_full", "too many of its VM wait in its class") \
	X(AGED, "aged", "its VM's packets have waited too long (CoDel)") \
	X(CLEARED, "cleared", "the port went down or is made anew")

enum scheduler_drop {
#define SCHEDULER_X(name, text, why) SCHEDULER_##name,
	SCHEDULER_DROPS(SCHEDULER_X)
#undef SCHEDULER_X
	SCHEDULER_N_DROPS
};

struct scheduler_class_conf {
	bool strict;		/* before all that are not */
	uint16_t weight;	/* 1..SCHEDULER_MAX_WEIGHT */
	struct rate max;
	struct rate min;	/* not of a strict class */
	uint32_t limit;		/* packets; 0: as many as the port's */
	uint32_t vm_limit;	/* packets of one VM; 0: none of its own */
	uint32_t target_us;	/* CoDel; 0: off. RFC 8289: 5000 */
	uint32_t interval_us;	/* RFC 8289: 100000 */
	bool ecn;		/* CoDel marks rather than drops */
	uint32_t mark_us;	/* ECN threshold; 0: off */
};

struct scheduler_conf {
	uint8_t used;		/* bit per class in use; packets of others are
				 * class 0's, which is always in use */
	uint64_t quantum_ns;
	uint64_t late_ns;	/* at most RATE_MAX_LATE_NS */
	uint32_t n_packets;	/* that may wait, of all classes */
	uint32_t overhead;	/* bytes that each takes on the wire besides
				 * its own: 24 on Ethernet, at most 256 */
	uint32_t mtu;		/* CoDel leaves queues alone that are not
				 * longer than this, in bytes */
	struct rate rate;	/* of the port */
	struct scheduler_class_conf classes[PKT_N_CLASSES];
};

struct scheduler_ops {
	/* @packet is the owner's again. Required. */
	void (*drop)(void *ctx, uint64_t packet, uint8_t class, uint16_t vm,
		     enum scheduler_drop why);
	/* Sets congestion experienced, if its sender understands that (RFC
	 * 3168, section 5). Returns whether it is set now. NULL: never. */
	bool (*mark)(void *ctx, uint64_t packet);
	void *ctx;
};

/* Of one class, since the scheduler was made. At any time
 *	n_in = n_out + drops of packets that waited (AGED, CLEARED) + n_waiting
 * All in packets, or bytes of packets without overhead. A. */
struct scheduler_stats {
	uint64_t n_in, bytes_in;	/* kept */
	uint64_t n_out, bytes_out;
	uint64_t n_marked;
	uint64_t n_dropped[SCHEDULER_N_DROPS];
	uint64_t n_waiting, bytes_waiting;
	uint64_t n_most;		/* that ever waited */
};

struct scheduler;

/* "port_full", ... */
const char *scheduler_drop_name(enum scheduler_drop why);

/* Usual settings: one class, no limits, @n_packets. */
void scheduler_conf_init(struct scheduler_conf *ret_conf, uint32_t n_packets);

/*
 * 0; -EINVAL: something is out of its range; -ERANGE: the classes' minimums and
 * the strict classes' maximums are more than the port's rate, in bits or in
 * packets, so that the minimums are not to be had (a strict class without a
 * maximum beside a minimum is, too).
 */
int scheduler_check(const struct scheduler_conf *conf);

/* control: a scheduler whose time begins at @now_ns. 0, -ENOMEM, or as
 * scheduler_check(). On success *ret_scheduler is the caller's. */
int scheduler_new(const struct scheduler_conf *conf,
		  const struct scheduler_ops *ops, uint64_t now_ns,
		  struct scheduler **ret_scheduler);

/* Nothing may wait any more: scheduler_clear(). NULL is allowed. */
void scheduler_free(struct scheduler *scheduler);

/* Other rates, weights, limits. What waits goes on waiting. n_packets has to be
 * what it was, and so has used: otherwise, and as scheduler_check(), a negative
 * errno, and nothing has changed. */
int scheduler_set(struct scheduler *scheduler,
		  const struct scheduler_conf *conf, uint64_t now_ns);

/* The weight of VM @vm inside each class, 1 unless set; 1 to
 * SCHEDULER_MAX_WEIGHT. @vm < PKT_MAX_PORTS. */
void scheduler_set_weight(struct scheduler *scheduler, uint16_t vm,
			  uint16_t weight);

/* Takes @packet (packet_pack()) of @class from VM @vm's slot (PKT_MAX_PORTS and
 * above, and 0, are "no VM"). False: it was dropped, ops->drop() has it. */
bool scheduler_enqueue(struct scheduler *scheduler, uint8_t class, uint16_t vm,
		       uint64_t packet, uint64_t now_ns);

/*
 * The packets that may go now, in order, into @ret_packets: up to @max_packets,
 * and no more once they are @max_bytes or longer. Returns how many. They are the
 * caller's, and count as sent. Packets of one VM and class keep their order.
 */
uint32_t scheduler_dequeue(struct scheduler *scheduler, uint64_t now_ns,
			   uint32_t max_packets, uint64_t max_bytes,
			   uint64_t *ret_packets);

/* When the next packet may go: @now_ns if it may now, else the beginning of a
 * quantum; RATE_NEVER: nothing waits. */
uint64_t scheduler_next(struct scheduler *scheduler, uint64_t now_ns);

/* Packets that wait. Any thread. */
uint32_t scheduler_n_waiting(const struct scheduler *scheduler);

/* Drops all that waits, as CLEARED. */
void scheduler_clear(struct scheduler *scheduler);

/* Any thread: each counter by itself is right. */
void scheduler_get_stats(const struct scheduler *scheduler, uint8_t class,
			 struct scheduler_stats *ret_stats);

#endif
