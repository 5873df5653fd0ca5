/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a port has whose output is shaped: a ring per traffic class, and the
 * scheduler behind them, on one worker, the shaper's owner.
 *
 *	any worker: class and source of each packet, charge, class ring
 *	owner, each round: class rings -> scheduler -> the port's queue, or guest
 *
 * Theory. All packets that leave by the port pass here, in this order, so those
 * of one VM and class that one worker sends keep theirs. They are charged to the
 * port's account before they get into a ring, and stay charged until they are
 * sent or dropped: port->out_max bounds all that waits, rings and scheduler
 * together. The owner empties the rings in every round, and the scheduler's
 * limits decide who may wait; a ring is full only if the owner is behind. What
 * the device has no room for waits in the scheduler, where its order is still
 * open.
 *
 * A port without shaping has none of it (port->shaper is NULL): one load a
 * batch.
 *
 * Thread-safety: port->shaper is published by RCU. The rings are any worker's to
 * push to, all else is the owner's; "control" is the control thread.
 */
#ifndef SWITCHING_SHAPER_H
#define SWITCHING_SHAPER_H

#include "memory/mpsc.h"
#include "switching/scheduler.h"
#include "switching/worker.h"

/* Entries of a class ring: some batches of each worker. */
#define SHAPER_RING	512

struct port_shaper {
	/* hot: any worker */
	struct mpsc *rings[PKT_N_CLASSES];	/* borrowed: of classes; class
						 * 0's of what is not in use */
	uint32_t owner;				/* worker */
	/* the owner's */
	struct scheduler *scheduler;		/* owned */
	struct worker *worker;			/* borrowed; NULL: not attached */
	struct port *port;			/* borrowed */
	uint8_t used;				/* bit per class in use */
	bool full;				/* what waits could go, but its
						 * device or guest has no room */
	struct mpsc classes[PKT_N_CLASSES];	/* owned */
};

/* What stands beside a packet on its way to a port: its class, and the slot of
 * the port that it came by. */
#define SHAPER_SLOT_BITS	12
_Static_assert(PKT_MAX_PORTS <= 1u << SHAPER_SLOT_BITS &&
		       PKT_N_CLASSES <= 1u << (16 - SHAPER_SLOT_BITS),
	       "class and slot are 16 bits");

static inline uint16_t shaper_tag(uint8_t class, uint16_t slot)
{
	return (uint16_t)((class & (PKT_N_CLASSES - 1)) << SHAPER_SLOT_BITS |
			  (slot & ((1u << SHAPER_SLOT_BITS) - 1)));
}

static inline uint8_t shaper_tag_class(uint16_t tag)
{
	return (uint8_t)(tag >> SHAPER_SLOT_BITS & (PKT_N_CLASSES - 1));
}

static inline uint16_t shaper_tag_slot(uint16_t tag)
{
	return tag & ((1u << SHAPER_SLOT_BITS) - 1);
}

/* control: one for @port, whose owner will be worker @owner. 0, -ENOMEM, or as
 * scheduler_check(). On success *ret_shaper is the caller's. */
int shaper_new(struct port *port, const struct scheduler_conf *conf,
	       uint32_t owner, uint64_t now_ns,
	       struct port_shaper **ret_shaper);

/* It is detached, and nobody pushes to it any more. NULL is allowed. */
void shaper_free(struct port_shaper *shaper);

/* On its owner: from now on it is served in each round. 0 or -ENOMEM. */
int shaper_attach(struct worker *worker, struct port_shaper *shaper);

/* On its owner: no longer; what waits is dropped. Nobody pushes any more. */
void shaper_detach(struct worker *worker, struct port_shaper *shaper);

/*
 * control: begins to shape @port, which is up and has no shaper, on worker
 * @owner, best the one that serves its (first) queue or pair. 0, or as
 * shaper_new(). It ends with shaper_stop(), or when the port goes down
 * (lifecycle_hide()). For a guest's port bypass_apply() is to follow both.
 */
int shaper_start(struct vswitch *vs, struct port *port,
		 const struct scheduler_conf *conf, uint32_t owner);

/* control: other settings: see scheduler_set(). */
int shaper_set(struct vswitch *vs, struct port *port,
	       const struct scheduler_conf *conf);

/* control: weights of VMs inside each class, by the slots of their ports; 0:
 * stays as it is. @port has a shaper. */
void shaper_set_weights(struct vswitch *vs, struct port *port,
			const uint16_t weights[PKT_MAX_PORTS]);

/* control: ends it; what waits is dropped. A port without a shaper is left
 * alone. */
void shaper_stop(struct vswitch *vs, struct port *port);

/* The shaper of @port, or NULL. Any worker, until its round ends. */
static inline struct port_shaper *shaper_of(const struct port *port)
{
	return __atomic_load_n(&port->shaper, __ATOMIC_ACQUIRE);
}

/* Owner: whether something has been pushed. */
static inline bool shaper_has_come(const struct port_shaper *shaper)
{
	for (uint32_t used = shaper->used; used; used &= used - 1)
		if (!mpsc_is_empty(&shaper->classes[__builtin_ctz(used)]))
			return true;
	return false;
}

/* Owner: takes what has been pushed, up to a batch of each class, to the
 * scheduler, which may drop some. Returns how many. */
uint32_t shaper_take(struct port_shaper *shaper, uint64_t now_ns);

/* Owner: drops all that waits, in rings and scheduler. */
void shaper_clear(struct port_shaper *shaper);

/* Owner: nanoseconds until a packet may go; UINT64_MAX: none waits. */
uint64_t shaper_wait(struct port_shaper *shaper, uint64_t now_ns);

#endif
