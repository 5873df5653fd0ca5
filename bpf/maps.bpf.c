// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The maps, once for all programs of the dataplane object; maps.bpf.h says
 * what they are. The loader pins them by name.
 */
#include "maps.bpf.h"

struct map_agent_state agent_state SEC(".maps");
struct map_dev_port dev_port SEC(".maps");
struct map_ports ports SEC(".maps");
struct map_nets nets SEC(".maps");
struct map_fdb fdb SEC(".maps");
struct map_vm_addrs vm_addrs SEC(".maps");
struct map_counters counters SEC(".maps");
struct map_devs devs SEC(".maps");
struct map_xsks xsk_port SEC(".maps");
struct map_xsks xsk_vm SEC(".maps");
struct map_vm_credit vm_credit SEC(".maps");
struct map_police police SEC(".maps");
struct map_flood flood SEC(".maps");
struct map_tags tags SEC(".maps");
struct map_recent_devs recent_devs SEC(".maps");
struct map_recent_addrs recent_dsts SEC(".maps");
struct map_recent_addrs recent_srcs SEC(".maps");

const volatile struct datapath_opts opts SEC(".rodata") = { 0 };

char _license[] SEC("license") = "Dual BSD/GPL";
