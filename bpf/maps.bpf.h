/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps of the dataplane, as every program sees them; maps.bpf.c defines
 * them. Keys and values are those of <pktagent/maps.h>. README.md has the
 * table of who writes and who reads which.
 */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include <pktagent/maps.h>

struct map_agent_state {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct agent_state);
};

struct map_dev_port {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PKT_MAX_PORTS);
	__type(key, struct dev_key);
	__type(value, struct dev_port);
};

struct map_ports {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PKT_MAX_PORTS);
	__type(key, __u32);
	__type(value, struct port_cfg);
};

struct map_nets {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PKT_MAX_NETS);
	__type(key, struct net_key);
	__type(value, struct net_cfg);
};

struct map_fdb {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PKT_MAX_FDB);
	__type(key, struct fdb_key);
	__type(value, struct fdb_entry);
};

struct map_vm_addrs {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PKT_MAX_ADDRS);
	__type(key, struct addr_key);
	__type(value, struct addr_val);
};

struct map_counters {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PKT_MAX_PORTS);
	__type(key, __u32);
	__type(value, struct port_counters);
};

struct map_devs {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, PKT_MAX_PORTS);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
};

struct map_xsks {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, PKT_MAX_XSKS);
	__type(key, __u32);
	__type(value, __u32);
};

struct map_vm_credit {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PKT_MAX_XSKS);
	__type(key, __u32);
	__type(value, struct vm_credit);
};

struct map_police {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PKT_MAX_PORTS * POLICE_N_WAYS);
	__type(key, __u32);
	__type(value, struct police);
};

/* Members of one network, by slot. */
struct map_members {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, PKT_MAX_PORTS);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
};

struct map_flood {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, PKT_MAX_NETS);
	__type(key, struct net_key);
	__array(values, struct map_members);
};

/* No program uses it: it has no extern below. */
struct map_tags {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PKT_MAX_PORTS);
	__type(key, struct tag_key);
	__type(value, struct tag_entry);
};

struct map_recent_devs {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PKT_RECENT_DEVS);
	__type(key, __u32);
	__type(value, struct recent_dev);
};

struct map_recent_addrs {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PKT_RECENT_ADDRS);
	__type(key, __u32);
	__type(value, struct recent_addr);
};

extern struct map_agent_state agent_state SEC(".maps");
extern struct map_dev_port dev_port SEC(".maps");
extern struct map_ports ports SEC(".maps");
extern struct map_nets nets SEC(".maps");
extern struct map_fdb fdb SEC(".maps");
extern struct map_vm_addrs vm_addrs SEC(".maps");
extern struct map_counters counters SEC(".maps");
extern struct map_devs devs SEC(".maps");
extern struct map_xsks xsk_port SEC(".maps");
extern struct map_xsks xsk_vm SEC(".maps");
extern struct map_vm_credit vm_credit SEC(".maps");
extern struct map_police police SEC(".maps");
extern struct map_flood flood SEC(".maps");
extern struct map_recent_devs recent_devs SEC(".maps");
extern struct map_recent_addrs recent_dsts SEC(".maps");
extern struct map_recent_addrs recent_srcs SEC(".maps");

/* Set before loading, constant for the verifier. */
extern const volatile struct datapath_opts opts;

#endif
