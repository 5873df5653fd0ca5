/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the maps in bpf/maps.bpf.h. bpf/README.md has the table
 * of who reads and writes which.
 */
#ifndef PKTAGENT_MAPS_H
#define PKTAGENT_MAPS_H

#include <linux/types.h>

#include <pktagent/limits.h>
#include <pktagent/police.h>
#include <pktagent/reason.h>

/* ---- agent_state: one entry, mapped by the agent ---- */

struct agent_state {
	__u64 heartbeat_ns;	/* CLOCK_MONOTONIC of the last sign of life;
				 * 0 = the agent has left */
	__u64 timeout_ns;	/* older than this, the agent counts as gone */
	__u32 pid;
	__u32 n_changes;	/* of ports, dev_port and fdb, counted after
				 * each: see recent_devs */
};

/* ---- dev_port: which port a device is ---- */

struct dev_key {
	__u32 ifindex;
};

struct dev_port {
	__u32 port;		/* slot */
};

/* ---- ports: what the programs need to know of a port ---- */

enum port_kind {
	PORT_UNUSED = 0,
	PORT_UPLINK = 1,
	PORT_VM = 2,
};

#define PORT_F_UP		0x01	/* packets may be sent to it */
#define PORT_F_WAY_AGENT	0x02	/* all its packets go through the agent */
#define PORT_F_XMIT		0x04	/* the device takes XDP redirects */
#define PORT_F_LEARN		0x08	/* unknown sources go to the agent */
#define PORT_F_CHECK_MAC	0x10	/* source must be a static entry here */
#define PORT_F_CHECK_IP		0x20	/* source must be in vm_addrs */
#define PORT_F_GUEST_TAGS	0x40	/* may use VLAN tags inside its network */
#define PORT_F_CHECK_CSUM	0x80	/* may send unfinished L4 checksums */

/* Only devices of VMs. How much: the map police. */
#define PORT_P_IN		0x01	/* what it gets has a maximum */
#define PORT_P_OUT		0x02	/* what it sends has a maximum */

struct port_cfg {
	__u32 ifindex;
	__u16 vlan;		/* VM: its network. Uplink: unused */
	__u16 max_len;		/* longest frame without tags: MTU + 14 */
	__u8 kind;		/* enum port_kind */
	__u8 flags;		/* PORT_F_* */
	__u8 class;		/* traffic class of what it sends */
	__u8 mac[6];		/* uplink: the device's own, for the host */
	__u8 uplink;		/* VM: as in nets[vlan], which saves looking it
				 * up there; 0 = look there */
	__u8 police;		/* PORT_P_* */
	__u8 pad;
};
_Static_assert(sizeof(struct port_cfg) == 20, "port_cfg layout");

/* ---- nets: which networks exist here, and their uplink ---- */

struct net_key {
	__u16 vlan;
};

struct net_cfg {
	__u16 uplink;		/* slot of the uplink; 0 = none */
	__u16 pad;
};

/* ---- fdb: the forwarding table ---- */

struct fdb_key {
	__u8 mac[6];
	__u16 vlan;		/* host order */
};
_Static_assert(sizeof(struct fdb_key) == 8, "fdb_key has no padding");

#define FDB_F_STATIC		0x01	/* from the configuration */

struct fdb_entry {
	__u16 port;		/* slot */
	__u8 flags;		/* FDB_F_* */
	__u8 pad;
	__u32 seen_s;		/* CLOCK_MONOTONIC seconds of the last packet
				 * from it; kept for learned entries */
};

/* ---- vm_addrs: source addresses a VM may use ---- */

struct addr_key {
	__u16 port;		/* slot */
	__u8 family;		/* 4 or 6 */
	__u8 pad;
	__u8 addr[16];		/* IPv4 in the first four */
};

struct addr_val {
	__u32 listed;		/* 1 */
};

/* ---- counters: per CPU, one value per port slot ---- */

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct port_counters {
#define PKT_X(name, kind, text, advice) struct counter name;
	PKT_REASONS(PKT_X)
#undef PKT_X
};
_Static_assert(sizeof(struct port_counters) ==
	       PKT_N_REASONS * sizeof(struct counter),
	       "a counter is found by its reason");

/* ---- vm_credit: what a VM may receive on an uplink's queue ---- */

/*
 * Packets handed to a VM's socket and not read yet are what its pool allows:
 * the program counts what it hands over, the worker says up to where it may.
 * Differences only mean something: the counts wrap. A socket's packets come on
 * one queue, so that one CPU at a time writes handed.
 *
 * Up to cap_end packets may also come out of what the queue has left over
 * (slack), for which the entry of the uplink's own slot counts in the same
 * way: so a burst to an idle VM finds room before the worker has grown its
 * pool, and what other VMs are promised stays theirs.
 */
struct vm_credit {
	__u32 handed;		/* programs: so far */
	__u32 end;		/* agent: by right up to here */
	__u32 cap_end;		/* agent: with slack up to here */
	__u32 pad[13];		/* a cache line of its own */
};
_Static_assert(sizeof(struct vm_credit) == 64, "vm_credit: a cache line");

/* ---- tags: who is behind a VM's port, and what is bound to it ---- */

enum tag_kind {
	TAG_NOBODY = 0,		/* nobody is there, or it is not known who */
	TAG_PROCESS = 1,	/* vhost-user, tap */
	TAG_NAMESPACE = 2,	/* veth */
};

#define TAG_NO_QUEUE		0xffffffff

struct tag_key {
	__u32 slot;		/* of the port, and so its pool's */
};

/* The agent's alone; for operators and other programs of the host. */
struct tag_entry {
	__u32 tag;		/* never 0, and never another port's again */
	enum tag_kind kind;	/* 4 bytes here and there; readable by BTF */
	__u64 cgroup;		/* TAG_PROCESS: bpf_get_current_cgroup_id() of
				 * it, 0 = not known */
	__u32 pid;		/* TAG_PROCESS */
	__u32 uid;
	__u32 netns;		/* TAG_NAMESPACE: inode */
	__u32 first_queue;	/* of its own device, in the ledger of frames;
				 * TAG_NO_QUEUE = none */
	__u32 n_queues;		/* queue pairs of its own */
	__u32 region;		/* of memory; 0 = the one that VMs share */
};
_Static_assert(sizeof(struct tag_entry) == 40, "tag_entry layout");

/* ---- recent_devs, recent_dsts, recent_srcs: what a CPU has just found ---- */

/* Looking things up by hash is what a packet costs most, and packets come in
 * runs. An entry counts until the agent changes a table, and for one tick
 * (PKT_RECENT_SHIFT) at most: sources have to be seen from time to time. The
 * programs' own: the agent neither reads nor writes them. */
#define PKT_RECENT_DEVS		64
#define PKT_RECENT_ADDRS	256
#define PKT_RECENT_SHIFT	5

/* @stamp: agent_state.n_changes << 32 | low half of jiffies >> SHIFT */
struct recent_dev {
	__u64 stamp;
	__u32 ifindex;
	__u32 port;
};

/* A destination that is in the table, or a source that passed the checks of a
 * port and is not to be learned. */
struct recent_addr {
	__u64 stamp;
	struct fdb_key key;
	__u32 port;
	__u32 pad;
};

/* Options fixed at load time (.rodata): the verifier prunes what is off. */
struct datapath_opts {
	__u8 no_meta;		/* behave as if the driver carried none */
	__u8 pad[3];
	__u32 netns_ino;	/* of /proc/self/ns/net: whose devices are in
				 * dev_port; 0 = do not tell apart */
};

#endif
