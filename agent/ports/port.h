/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ports and their queues: what workers and the control thread share.
 *
 * A port is an uplink or a VM's device. Each receive queue of its device is a
 * struct queue, served by one worker. Frames reach the agent through shares:
 * a queue's primary share takes what goes to no single VM (on an uplink) or
 * all the VM sends (on a VM's device); on uplinks each VM has a share of its
 * own per queue.
 *
 * Accounts. A VM's pool has three parts, each with a bound that nothing can
 * exceed, so that a VM that stops reading holds its own frames and nobody
 * else's: what it has received on the uplink's queues (rx), what is on its way
 * to it (out), what is posted for what it sends (tx). pool.h has the theory of
 * how they change. (Workers that charge one port at the same moment do not see
 * each other: out may be exceeded by a batch of each, which memory.reserve is
 * there for.)
 *
 * A frame read from a share is at once replaced on the fill ring from the host
 * pool and charged to the account of the port it goes to; when that is full the
 * packet stays in the share (uplink to VM) or is dropped against the
 * destination (everything else). Hence the invariant, per queue:
 *
 *	frames posted + frames received and not read
 *		= base + loan + limits of the VMs' shares
 *
 * so that all VMs' credits used up still leave frames for the next packet. On a
 * VM's own device, and on an uplink's queue that is a VM's alone, there are no
 * other shares: what is posted is the bound.
 *
 * queue_set_limit(), queue_set_base(), queue_set_loan() and port->out_max are the
 * only places that move the bounds.
 *
 * Thread-safety: members are marked W (owned by the queue's worker), C (owned
 * by the control thread, read by workers after publication by RCU), or A
 * (atomic). Changes to what a worker owns are made on that worker, by
 * worker_call().
 */
#ifndef PORTS_PORT_H
#define PORTS_PORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <pktagent/limits.h>
#include <pktagent/maps.h>

#include "base/base.h"
#include "control/config.h"
#include "memory/hostpool.h"
#include "memory/mpsc.h"
#include "memory/umem.h"
#include "ports/pool.h"

#define BATCH			64
#define PORT_MAX_WORKERS	CONFIG_MAX_WORKERS
#define QUEUE_ID_MAX		(FRAME_WHO_MAX + 1)

struct port;
struct port_shaper;
struct queue;
struct recall;
struct tag;
struct vhost_pair;
struct vhost_port;

/*
 * A receive ring and where its packets go.
 *
 * Of a VM's share on an uplink's queue the program may fill no more than
 * @limit entries at a time: it counts the packets that it hands over
 * (credit->handed), the worker those it has read, and credit->end says how far
 * the program may go. share_publish() writes it; all counts wrap. A packet that
 * the kernel lost after the program's verdict is counted as read
 * (share_lost()), or the credit would never come back.
 */
struct share {
	/* W */
	struct rx_ring rx;
	struct vm_credit *credit;	/* borrowed: the map's; or none */
	struct share *counts;		/* borrowed: whose credit its packets
					 * are: its own, or its successor's */
	uint32_t read;			/* in the credit's counting */
	uint32_t limit;
	uint32_t over;			/* frames beyond it: the queue's slack */
	uint32_t peak, last_peak;	/* used, in this window and the last */
	uint64_t n_window;		/* n_packets when the window began */
	uint64_t seen_ns;		/* of the last packets: worker's clock */
	/* C */
	struct port *to;		/* the VM; NULL: look it up */
	struct queue *queue;
	uint32_t handed_seen;		/* credit->handed at the last look */
	uint64_t n_lost_seen;		/* kernel's losses already counted */
	uint64_t n_packets;		/* A: read so far */
	struct vm_credit none;		/* where there is no map */
};

struct queue {
	/* hot: W */
	struct umem umem;
	uint32_t outstanding;		/* posted, or received and not read: see
					 * queue_outstanding() */
	uint32_t target;		/* what outstanding should be */
	uint32_t granted;		/* frames promised to it: see pool.h */
	uint32_t base;			/* frames posted besides the shares' */
	uint32_t loan;			/* and of what is spare: see slack.h */
	uint32_t kept;			/* beyond target, posted, and for
					 * others: not to be lent */
	uint32_t over;			/* of all shares, beyond their limits */
	uint32_t run;			/* packets of a burst: see slack.h */
	uint32_t run_peak, run_last;	/* at most, in this window and the last */
	uint64_t run_begin_ns, run_ns;	/* of the first, and the last of them */
	uint64_t look_ns;		/* when it is to look for a loan */
	struct vm_credit *slack;	/* borrowed: uplinks: the map's; or none */
	uint32_t taken;			/* slack->handed when over was counted */
	uint32_t n_out;			/* sent, and not completed yet */
	uint32_t n_unsent;		/* in the tx ring since the last kick */
	bool suspended;			/* nothing goes to its device: it waits
					 * in the ring below */
	bool narrow;			/* A: its memory has more frames than
					 * umem_holds() */
	struct recall *recall;		/* owned: in doubt; else NULL: recall.h */
	uint32_t in_doubt;		/* its frames, besides outstanding */
	uint32_t n_dead;		/* entries of its fill ring that the
					 * kernel is still to skip, at most */
	struct share **shares;		/* owned; [0] is the primary */
	uint32_t n_shares;
	/* from other workers */
	struct mpsc in;
	/* cold: C */
	struct port *port;
	struct promises *promises;	/* borrowed: of its frames' region */
	uint32_t index;			/* queue number on the device */
	uint32_t id;			/* in the ledger */
	uint32_t worker;		/* who serves it */
	struct port *owner;		/* the VM it is for alone: its pool's
					 * bound is what is posted; or NULL */
	uint32_t base_max;		/* the rings were made for */
	uint32_t loan_max;		/* 0: it is lent nothing */
	uint32_t cons_seen;		/* the fill ring's consumer, and target, */
	uint32_t target_seen;		/* at the last beat; and what was beyond */
	bool silent_seen;		/* was then recalled */
	enum umem_copy copy;		/* asked for */
	struct share primary;
	/* A: counted by the worker */
	uint64_t n_rx, n_tx, n_kicks, n_tx_again, n_fill_short;
};

/* Frames on their way out of a port: charged by any worker, released by the
 * one that serves the queue they left by. */
struct port_account {
	uint64_t charged;		/* A, written by worker [i] only */
	uint64_t released;		/* A, written by worker [i] only */
} CACHE_ALIGNED;

/* What a port's other end finishes by itself: struct port's accepts. */
#define PORT_ACCEPTS_CSUM	0x01	/* L4 checksums */
#define PORT_ACCEPTS_TSO4	0x02	/* segmentation; implies the above */
#define PORT_ACCEPTS_TSO6	0x04
#define PORT_ACCEPTS_ECN	0x08	/* of segments with CWR */

/* The queue pairs that a worker sends to a vhost-user port by: its own ones,
 * or all if it has none. A flow's hash chooses. Never changed once published. */
#define PORT_MAX_PAIRS		16
struct pair_map {
	struct {
		uint32_t n;
		struct vhost_pair *pairs[PORT_MAX_PAIRS];
	} of_worker[PORT_MAX_WORKERS];
};

/* Who a VM behind vhost-user may be, as the BPF programs know it of others.
 * Never changed once published. */
struct source_rules {
	bool check_mac;			/* only its static addresses */
	bool check_ip;
	uint32_t n_addrs;
	struct config_addr addrs[];	/* sorted by source_addr_cmp() */
};

enum port_state {
	PORT_STATE_ABSENT,		/* no such device now */
	PORT_STATE_DOWN,		/* the device is there, but see why */
	PORT_STATE_UP,
};

struct port {
	/* hot: C, read by workers */
	uint16_t slot;
	uint16_t vlan;			/* VM: its network */
	uint8_t kind;			/* enum port_kind */
	uint8_t class;
	bool up;			/* A: may be sent to */
	bool guest_tags;		/* A */
	bool learn;			/* A */
	bool host;			/* A: uplink: the host gets broadcasts */
	uint32_t max_len;		/* A: longest frame without tags */
	uint32_t out_max;		/* A: bound of the out account */
	uint32_t out_most;		/* A: what that may become: the rings
					 * that packets wait in hold no more */
	bool limited;			/* A: VM: what it sends may have to wait */
	uint32_t n_kept;		/* A: frames of it that do, in the out
					 * account: switching/sending.h */
	uint8_t accepts;		/* A: PORT_ACCEPTS_* */
	bool gro;			/* A: merge segments for it */
	struct port_shaper *shaper;	/* RCU, owned; NULL: output is not
					 * shaped: switching/shaper.h */
	struct police *police_in;	/* A: borrowed: the map's; what it may
					 * get; NULL: no maximum, or no device */
	struct vhost_port *vhost;	/* owned; NULL: a network device */
	struct pair_map *pairs;		/* vhost: RCU, owned */
	struct source_rules *source;	/* vhost: RCU, owned */
	uint64_t bypass[PKT_MAX_PORTS / 64];	/* A: where its packets may go
					 * past the switch; bitmap of slots */
	bool may_bypass;		/* A: any bit of bypass is set */
	uint32_t region;		/* VM: the memory that its frames are in */
	struct promises *promises;	/* borrowed: of that region */
	uint32_t n_queues;
	struct queue **queues;		/* owned */
	/* the queue that worker i sends by: its own if there is one */
	struct queue *out_queue[PORT_MAX_WORKERS];
	struct port_account account[PORT_MAX_WORKERS];
	struct pool pool;		/* VM */

	/* cold: C, control thread only */
	char name[CONFIG_NAME_MAX];
	char ifname[IFNAMSIZ];
	int ifindex;			/* 0 = absent */
	enum port_state state;
	char why[192];			/* why it is not up */
	char driver[32];
	uint32_t mtu;
	uint8_t mac[6];			/* of the device */
	bool xmit;			/* takes XDP redirects */
	bool carrier;			/* at the last look */
	enum config_way way;		/* asked for */
	char way_why[96];		/* why it got another; empty if not */
	char note[256];			/* what else is worth telling */
	bool skb_mode;			/* XDP in generic mode */
	const struct config_uplink *uplink_config;	/* borrowed */
	const struct config_vm *vm_config;		/* borrowed */
	struct tag *tag;		/* VM: owned, see control/tags.h */
	struct port *uplink;		/* VM: the network's uplink, or NULL */
	bool out_open;			/* out_max is promised */
	uint32_t n_learned;		/* forwarding entries */
	uint64_t retry_ns;		/* try to open again at */
	uint64_t patient_ns;		/* a queue that is in use is waited for
					 * until then: see queue_wait_for() */
	struct rx_ring_stats past;	/* of sockets closed since start */
};

static inline bool port_is_up(const struct port *port)
{
	return __atomic_load_n(&port->up, __ATOMIC_ACQUIRE);
}

/* Frames on their way out of @port; @n_workers as in the vswitch. Any thread;
 * may be stale by what other workers do meanwhile. */
static inline uint32_t port_out_frames(const struct port *port,
				       uint32_t n_workers)
{
	uint64_t charged = 0, released = 0;

	/* Released first: the difference may be too large, never negative. */
	for (uint32_t i = 0; i < n_workers; i++)
		released += __atomic_load_n(&port->account[i].released,
					    __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < n_workers; i++)
		charged += __atomic_load_n(&port->account[i].charged,
					   __ATOMIC_ACQUIRE);
	return (uint32_t)(charged - released);
}

/* Takes @n frames off the account. Worker @worker. */
static inline void port_release(struct port *port, uint32_t worker, uint64_t n)
{
	uint64_t *released = &port->account[worker].released;

	/* Whoever sees them released must see them charged: above. */
	__atomic_store_n(released, *released + n, __ATOMIC_RELEASE);
}

/* Adds to a counter that one thread writes and others read. */
static inline void count_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter,
			 __atomic_load_n(counter, __ATOMIC_RELAXED) + n,
			 __ATOMIC_RELAXED);
}

#endif
