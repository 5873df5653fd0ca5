/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The configuration: pktagent.yaml read into plain structures.
 *
 * config_load() reads and checks a file without touching the host. What it
 * returns is never changed afterwards; a reload loads a second one and
 * compares. schema.c has the table of all keys: type, unit, range, default
 * and description; the man page's key list is made from it.
 */
#ifndef CONTROL_CONFIG_H
#define CONTROL_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <pktagent/limits.h>

#define CONFIG_NAME_MAX		32	/* of a VM or uplink, with the NUL */
#define CONFIG_MAX_UPLINKS	8
#define CONFIG_MAX_VMS		240
#define CONFIG_MAX_MACS		16	/* per VM */
#define CONFIG_MAX_WORKERS	16
#define CONFIG_MAX_PAIRS	16	/* queue pairs of a vhost-user VM */
#define CONFIG_MAX_BYPASS	256	/* rules */
#define CONFIG_POOL_MAX		4096	/* frames: pool.max by default */
#define CONFIG_WIRE_BYTES	24	/* preamble, checksum and gap: what a frame
					 * takes of a rate besides its own */
#define CONFIG_MIN_RATE		1000	/* bit/s */
#define CONFIG_MAX_RULES	64	/* classify: */
#define CONFIG_MAX_RULE_ITEMS	16	/* of one kind in a rule */

enum config_way { WAY_KERNEL, WAY_AGENT };
enum config_want { WANT_AUTO, WANT_REQUIRE, WANT_OFF };
enum config_device_type { DEVICE_VETH, DEVICE_TAP, DEVICE_VHOST_USER };
enum config_socket { SOCKET_CLIENT, SOCKET_SERVER };

/* Where a key stands, for messages that come up after loading ("the device
 * does not exist"). Line and column count from 1; 0 = the key is absent. */
struct config_pos {
	int line;
	int col;
};

struct config_addr {
	uint8_t family;			/* 4 or 6 */
	uint8_t addr[16];		/* network order; IPv4 in 0..3 */
};

/* Rates are of frames as they are on a wire: with 24 bytes each besides their
 * own. 0: none. */
struct config_rate {
	uint64_t min;			/* bit/s: kept for it */
	uint64_t max;			/* bit/s */
	uint32_t min_packets;		/* a second */
	uint32_t max_packets;
	uint32_t burst;			/* bytes, above max */
	uint32_t burst_packets;
	struct config_pos pos, min_pos, max_pos;
	struct config_pos min_packets_pos, max_packets_pos;
};

/* A traffic class of a port's output: see switching/scheduler.h. */
struct config_class {
	uint8_t class;
	bool strict;
	uint16_t weight;
	struct config_rate rate;
	uint32_t limit;			/* packets; 0: as the port's */
	uint32_t vm_limit;		/* 0: none */
	uint32_t target_us;		/* CoDel; 0: off */
	uint32_t interval_us;
	bool ecn;			/* CoDel marks rather than drops */
	uint32_t mark_us;		/* 0: off */
	struct config_pos pos, class_pos;
};

/* How a port's output is shaped: if it is, one of rate, packets or classes is
 * there. */
struct config_shape {
	uint64_t rate;			/* bit/s; 0: the device's, or none */
	uint32_t packets;		/* a second; 0: no limit */
	uint32_t burst;			/* bytes */
	uint32_t quantum_us;
	uint32_t queue;			/* packets that may wait; 0: out_max */
	struct config_class *classes;	/* owned */
	uint32_t n_classes;
	struct config_pos pos, rate_pos;
};

/* Whose packets are of @class: all that is given has to be so. */
enum config_protocol { PROTOCOL_ANY, PROTOCOL_TCP, PROTOCOL_UDP,
		       PROTOCOL_ICMP };
struct config_rule {
	uint8_t class;
	enum config_protocol protocol;
	uint8_t dscp[CONFIG_MAX_RULE_ITEMS];
	uint8_t pcp[PKT_N_CLASSES];
	uint16_t vlans[CONFIG_MAX_RULE_ITEMS];
	uint16_t ports[CONFIG_MAX_RULE_ITEMS];	/* either end's */
	char vms[CONFIG_MAX_RULE_ITEMS][CONFIG_NAME_MAX];	/* sender */
	uint32_t n_dscp, n_pcp, n_vlans, n_ports, n_vms;
	struct config_pos pos;
	struct config_pos vms_pos[CONFIG_MAX_RULE_ITEMS];
};

struct config_uplink {
	char name[CONFIG_NAME_MAX];
	char device[IFNAMSIZ];
	/* Bit n set: network n is reached by this uplink. */
	uint8_t vlans[(PKT_VLAN_MAX + 8) / 8];
	uint32_t queues;		/* 0 = all the device has */
	enum config_want zero_copy;
	enum config_way way;
	bool learn;			/* learn MACs seen on the wire */
	bool host;			/* broadcasts go to the host, too */
	uint32_t mtu;			/* 0 = leave the device's */
	uint32_t reserve;		/* frames per queue for packets that go
					 * to no single VM, and as slack */
	uint32_t out_max;		/* frames that may wait to be sent */
	struct config_shape shape;	/* of what leaves by it */
	struct config_pos pos;		/* of the list entry */
	struct config_pos device_pos;
};

/* A vhost-user VM: the socket to its front-end, and what it is offered. */
struct config_vhost {
	char socket[108];		/* absolute path */
	enum config_socket mode;	/* who we are at it */
	uint32_t socket_mode;		/* server: permission bits */
	uint32_t queues;		/* queue pairs, at most */
	/* Offered; tso only with csum, gro only with tso. */
	bool csum;
	bool tso;
	bool gro;
	/* The guest is called after so many packets, or when the first of them
	 * has waited so long. 1 and 0: at once. */
	uint32_t call_packets;
	uint32_t call_us;
	struct config_pos socket_pos;
};

struct config_device {
	enum config_device_type type;
	char name[IFNAMSIZ];		/* on the host; vhost-user: empty */
	bool create;
	/* veth only: the other end. netns is a name below /run/netns or an
	 * absolute path; empty = not told. */
	char peer[IFNAMSIZ];
	char netns[256];
	/* tap only */
	uid_t owner;			/* (uid_t)-1 = anybody */
	bool vnet_hdr;			/* accept readers that use vnet headers */
	/* tap and vhost-user: who may be at the other end */
	uid_t allow_uid;		/* (uid_t)-1 = anybody */
	char allow_cgroup[256];		/* end of its path; empty = any */
	struct config_vhost vhost;	/* vhost-user only */
	struct config_pos pos;
	struct config_pos name_pos;
};

/* In frames; min <= initial <= max. If all three are the same, it is fixed. */
struct config_pool {
	uint32_t min;			/* kept for the VM for ever */
	uint32_t initial;
	uint32_t max;			/* the rings are made for it */
	struct config_pos min_pos, initial_pos, max_pos;
};

struct config_vm {
	char name[CONFIG_NAME_MAX];
	uint8_t macs[CONFIG_MAX_MACS][6];
	uint32_t n_macs;
	struct config_addr *addrs;	/* owned */
	uint32_t n_addrs;
	uint16_t vlan;			/* network */
	bool guest_tags;
	bool learn;			/* MACs besides those listed */
	enum config_way way;
	uint32_t mtu;
	uint8_t class;
	struct config_device device;
	struct config_rate rate_in;	/* of what it gets */
	struct config_rate rate_out;	/* of what it sends */
	struct config_shape shape;	/* of what it gets: its classes */
	uint32_t weight;		/* among VMs, in what is spare */
	struct config_pool pool;
	/* Queues of its network's uplink that it has for itself; none: it
	 * shares what no other VM has for itself. */
	uint32_t uplink_queues[PKT_MAX_QUEUES];
	uint32_t n_uplink_queues;
	bool isolated;			/* frames from memory of its own; then
					 * it has uplink_queues */
	/* Bit n set: bypass rule n names it. */
	uint64_t bypass[CONFIG_MAX_BYPASS / 64];
	struct config_pos pos;
	struct config_pos mtu_pos;
	struct config_pos uplink_queues_pos;
	struct config_pos mac_pos[CONFIG_MAX_MACS];
};

struct config_fdb_static {
	uint8_t mac[6];
	uint16_t vlan;
	char port[CONFIG_NAME_MAX];	/* name of an uplink or VM */
	struct config_pos pos;
};

/* Which pairs of vhost-user VMs may pass the switch by: one of the three. */
enum config_bypass_kind { BYPASS_VMS, BYPASS_VLAN, BYPASS_CLASS };

struct config_bypass {
	enum config_bypass_kind kind;
	/* Any two of these, both ways. All are in one network. */
	char (*vms)[CONFIG_NAME_MAX];	/* owned */
	uint32_t n_vms;
	uint16_t vlan;			/* any two VMs in this network */
	uint8_t class;			/* from VMs of this class to any */
	struct config_pos pos;
	struct config_pos vms_pos, vlan_pos, class_pos;
};

struct config {
	char *file;			/* owned: path, for messages */

	/* agent: */
	char bpffs[256];		/* directory for pins */
	char run_dir[256];		/* lock, control socket, state file */
	char control_path[108];		/* default run_dir/control.sock */
	uint32_t control_mode;		/* permission bits of the socket */
	char control_group[CONFIG_NAME_MAX];	/* empty = leave */
	int log_level;			/* enum log_level */
	uint32_t heartbeat_timeout_ms;
	bool metadata;			/* XDP to agent, in front of packets */

	/* memory: */
	uint32_t frames;		/* total, all pools together */
	uint32_t reserve;		/* frames for the agent itself */
	uint32_t frame_size;		/* bytes: 2048 or 4096 */
	enum config_want hugepages;
	struct config_pos frames_pos;

	/* pools: */
	uint32_t pool_batch;		/* frames that a pool changes by */
	uint32_t pool_window_ms;	/* what shrinking looks back on */
	bool pool_pressure;		/* memory pressure shrinks pools */

	/* workers: */
	uint32_t cores[CONFIG_MAX_WORKERS];
	uint32_t n_cores;
	uint32_t idle_us;		/* the longest empty polling */
	struct config_pos cores_pos;

	/* metrics: */
	bool metrics;
	char metrics_host[64];
	uint16_t metrics_port;

	/* fdb: */
	uint32_t fdb_ageing_s;
	uint32_t fdb_limit;		/* learned entries per port */
	struct config_fdb_static *fdb_statics;	/* owned */
	uint32_t n_fdb_statics;

	struct config_uplink *uplinks;	/* owned */
	uint32_t n_uplinks;
	struct config_vm *vms;		/* owned */
	uint32_t n_vms;
	struct config_bypass *bypass;	/* owned */
	uint32_t n_bypass;
	struct config_rule *rules;	/* owned: the first that fits counts */
	uint32_t n_rules;
};

/*
 * Reads @path. Returns 0 and a configuration to be freed with config_free(),
 * or a negative errno with one line in @err:
 *
 *	FILE:LINE:COL: PATH: VALUE: WHAT IS ALLOWED
 *
 * (FILE: MESSAGE for a file that cannot be opened). -EINVAL: the content is
 * wrong. Reads nothing but the file and the user database (owner:), changes
 * nothing. The line is printable ASCII. Any thread.
 */
int config_load(const char *path, struct config **ret_config,
		char *err, size_t err_size);

/* The same from memory; @name stands for the file in messages. */
int config_parse(const char *text, size_t len, const char *name,
		 struct config **ret_config, char *err, size_t err_size);

void config_free(struct config *config);

/* What @rate, of a VM with this MTU, promises in bit/s: packets are counted as
 * long ones. 0: nothing. */
uint64_t config_rate_min(const struct config_rate *rate, uint32_t mtu);

/* Whether what @vm sends has a maximum. */
bool config_is_limited(const struct config_vm *vm);

/* Whether all of two shapes, or rates, is the same. */
bool config_same_shape(const struct config_shape *a,
		       const struct config_shape *b);
bool config_same_rate(const struct config_rate *a, const struct config_rate *b);

/* Whether @uplink carries network @vlan. */
bool config_uplink_has_vlan(const struct config_uplink *uplink, uint16_t vlan);

/*
 * Whether a rule lets packets from @from go straight to @to: both are
 * vhost-user VMs of one network. *ret_rule: the first such rule, an index in
 * config->bypass. The VMs are @config's, too.
 */
bool config_bypass_allows(const struct config *config,
			  const struct config_vm *from,
			  const struct config_vm *to, uint32_t *ret_rule);

/* Prints the list of keys in mdoc(7), for pktagent.yaml(5). */
void config_print_keys_mdoc(void);

#endif
