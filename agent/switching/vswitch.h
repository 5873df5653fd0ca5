/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The switch: the tables that workers read, and the workers.
 *
 * Thread-safety: workers read ports[], nets[] and the forwarding table between
 * two quiescent states; the control thread publishes changes with RCU (QSBR)
 * and frees what it took out after synchronize_rcu().
 */
#ifndef SWITCHING_VSWITCH_H
#define SWITCHING_VSWITCH_H

#include <pktagent/limits.h>

#include "memory/arena.h"
#include "memory/hostpool.h"
#include "ports/port.h"
#include "switching/fdb.h"

struct classifier;
struct worker;

/* The ports of one VLAN. Never changed once published. */
struct network {
	uint16_t vlan;
	uint16_t n_members;
	uint16_t members[];		/* slots */
};

/* Memory of an isolated VM: a region of the arena, and what goes with it. */
struct vswitch_region {
	struct hostpool hostpool;
	struct promises promises;
	uint32_t n_reserve;
	/* one per worker, and the control thread's */
	struct frame_cache caches[PORT_MAX_WORKERS + 1];
};

struct vswitch {
	/* hot: read by workers */
	struct arena arena;
	struct hostpool hostpool;
	struct promises promises;
	uint32_t n_reserve;		/* C: frames that are never promised */
	struct port *ports[PKT_MAX_PORTS];		/* RCU */
	struct network *nets[PKT_VLAN_MAX + 1];		/* RCU, owned */
	struct fdb *fdb;				/* owned */
	struct classifier *classifier;			/* RCU, owned; NULL: no
							 * rules */
	struct worker *workers[PORT_MAX_WORKERS];	/* owned */
	uint32_t n_workers;
	uint32_t n_regions;		/* besides the shared one */
	uint32_t idle_ns;		/* the longest empty polling */
	int learn_fd;			/* owned eventfd: addresses to learn */
	int host_fd;			/* owned: see ports/host.h */
	/* control thread's own */
	struct vswitch_region *regions[ARENA_N_REGIONS];	/* owned; not [0] */
	struct frame_cache cache;
	struct frame_caches caches;			/* and of other regions */
	uint8_t queue_ids[QUEUE_ID_MAX / 8];		/* bitmap */
};

struct vswitch_opts {
	uint32_t n_frames;
	uint32_t frame_size;
	enum arena_pages pages;
	uint32_t n_reserve;		/* frames that are never promised */
	uint32_t batch;			/* frames that pools change by */
	uint32_t window_ms;		/* see breathe.h */
	const uint32_t *cores;
	uint32_t n_cores;		/* one worker per core */
	uint32_t idle_us;
};

/* Makes the memory, the tables and the workers, which wait for queues. The
 * calling thread becomes the control thread. 0 or a negative errno, with one
 * line in @err. Memory is not given back by vswitch_done() alone: all ports
 * must have been taken out before. */
int vswitch_init(struct vswitch *vs, const struct vswitch_opts *opts,
		 char *err, size_t err_size);
void vswitch_done(struct vswitch *vs);

/*
 * Memory for an isolated VM: a region with @n_frames that may be promised,
 * @n_beside that somebody else accounts for, and vswitch_region_reserve() for
 * caches and packets in workers' hands. 0 and the region's number; -EINVAL if
 * that is more than a region can have, -ENOMEM, -ENOSPC.
 */
int vswitch_add_region(struct vswitch *vs, uint32_t n_frames,
		       uint32_t n_beside, enum arena_pages pages,
		       uint32_t *ret_region);
uint32_t vswitch_region_reserve(const struct vswitch *vs);
/* Gives it back; no queue is on it. Returns the number of frames that are missing
 * in it: 0 if all is well. */
uint32_t vswitch_del_region(struct vswitch *vs, uint32_t region);

/* The host pool and the promises of @region; NULL: there is no such region. */
struct hostpool *vswitch_hostpool(struct vswitch *vs, uint32_t region);
struct promises *vswitch_promises(struct vswitch *vs, uint32_t region);

/* Makes @port visible to workers in its slot, and a member of its networks:
 * call vswitch_set_network() for each. */
void vswitch_publish_port(struct vswitch *vs, struct port *port);

/* Hides the slot; when it returns no worker uses the port any more. */
void vswitch_hide_port(struct vswitch *vs, uint16_t slot);

/*
 * Waits until no worker is in the round any more that it is in now: what was
 * taken out of the tables before, or of a guest's rings, is in nobody's hands.
 * Control thread. As synchronize_rcu(), but a worker that a guest's descriptor
 * keeps in a system call is brought back.
 */
void vswitch_synchronize(struct vswitch *vs);

/*
 * Calls @fn while all workers stand still between two rounds, and holds no worker
 * for longer: what they own may be read then. Control thread. Returns for how
 * many nanoseconds they stood.
 */
uint64_t vswitch_hold(struct vswitch *vs, void (*fn)(void *arg), void *arg);

/* Replaces the members of a network. 0 or -ENOMEM (nothing changed). */
int vswitch_set_network(struct vswitch *vs, uint16_t vlan,
			const uint16_t *members, uint32_t n_members);

/* Replaces the rules for packets' classes; @classifier, or NULL, is the switch's
 * from now on, to be freed with free(). Control thread. */
void vswitch_set_classifier(struct vswitch *vs, struct classifier *classifier);

/* A number for a queue that is in no use, or -ENOSPC. */
int vswitch_take_queue_id(struct vswitch *vs);
void vswitch_give_queue_id(struct vswitch *vs, uint32_t id);

static inline struct port *vswitch_port(const struct vswitch *vs, uint32_t slot)
{
	return __atomic_load_n(&vs->ports[slot], __ATOMIC_ACQUIRE);
}

static inline const struct network *vswitch_net(const struct vswitch *vs,
						uint32_t vlan)
{
	return __atomic_load_n(&vs->nets[vlan], __ATOMIC_ACQUIRE);
}

#endif
