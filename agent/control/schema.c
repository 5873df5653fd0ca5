/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of keys. schema_text.c makes words of it.
 */
#include <string.h>

#include "base/log.h"
#include "control/config.h"
#include "control/schema.h"
#include "switching/scheduler.h"

#define IN(type, member) \
	.offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define ITEMS_IN(type, member, n_member)        \
	.offset = offsetof(type, member),       \
	.size = sizeof(((type *)0)->member[0]), \
	.n_offset = offsetof(type, n_member)

#define FRAME_TEXT                                                           \
	"a 4096-byte frame holds an MTU of at most 3498, a 2048-byte frame " \
	"one of at most 1770"

static const char *const want_choices[] = { "auto", "require", "off", NULL };
static const char *const way_choices[] = { "kernel", "agent", NULL };
static const char *const device_choices[] = { "veth", "tap", "vhost-user",
					      NULL };
static const char *const socket_choices[] = { "client", "server", NULL };
static const char *const level_choices[] = { "error", "warning", "info",
					     "debug", NULL };
static const char *const protocol_choices[] = { "any", "tcp", "udp", "icmp",
						NULL };
static const char *const frame_choices[] = { "2048", "4096", NULL };

/* A choice is read as its index. */
_Static_assert(WANT_AUTO == 0 && WANT_REQUIRE == 1 && WANT_OFF == 2,
	       "want_choices");
_Static_assert(WAY_KERNEL == 0 && WAY_AGENT == 1, "way_choices");
_Static_assert(DEVICE_VETH == 0 && DEVICE_TAP == 1 && DEVICE_VHOST_USER == 2,
	       "device_choices");
_Static_assert(SOCKET_CLIENT == 0 && SOCKET_SERVER == 1, "socket_choices");
_Static_assert(PROTOCOL_ANY == 0 && PROTOCOL_TCP == 1 && PROTOCOL_UDP == 2 &&
		       PROTOCOL_ICMP == 3,
	       "protocol_choices");
_Static_assert(LOG_LEVEL_ERROR == 0 && LOG_LEVEL_WARNING == 1 &&
		       LOG_LEVEL_INFO == 2 && LOG_LEVEL_DEBUG == 3,
	       "level_choices");

/* Rates that are promised, and that are not exceeded. */
#define RATE_KEYS(PATH, WHAT)                                                 \
	{ .path = PATH ".min", .type = SCHEMA_RATE,                           \
	  IN(struct config_rate, min), .def_text = "nothing is promised",     \
	  .pos = offsetof(struct config_rate, min_pos),                       \
	  .text = "What " WHAT " is promised. It is admitted against the "    \
		  "speed of its way out; what is not used is others'." },     \
	{ .path = PATH ".max", .type = SCHEMA_RATE,                           \
	  IN(struct config_rate, max), .def_text = "no limit",                \
	  .pos = offsetof(struct config_rate, max_pos),                       \
	  .text = "What " WHAT " may have at most." },                        \
	{ .path = PATH ".min_packets", .type = SCHEMA_NUMBER,                 \
	  IN(struct config_rate, min_packets), .min = 1,                      \
	  .max = RATE_MAX_PACKETS, .unit = "packets a second",                \
	  .def_text = "nothing is promised",                                  \
	  .pos = offsetof(struct config_rate, min_packets_pos),               \
	  .text = "As min, in packets; of a VM: in packets as long as its "   \
		  "MTU." },                                                   \
	{ .path = PATH ".max_packets", .type = SCHEMA_NUMBER,                 \
	  IN(struct config_rate, max_packets), .min = 1,                      \
	  .max = RATE_MAX_PACKETS, .unit = "packets a second",                \
	  .def_text = "no limit",                                             \
	  .pos = offsetof(struct config_rate, max_packets_pos),               \
	  .text = "As max, in packets." },                                    \
	{ .path = PATH ".burst", .type = SCHEMA_BYTES,                        \
	  IN(struct config_rate, burst), .max = RATE_MAX_BURST,               \
	  .def = "16KiB",                                                     \
	  .text = "What may go at once above max, after a pause." },          \
	{ .path = PATH ".burst_packets", .type = SCHEMA_NUMBER,               \
	  IN(struct config_rate, burst_packets),                              \
	  .max = RATE_MAX_BURST_PACKETS, .unit = "packets", .def = "32",      \
	  .text = "The same above max_packets." }

/* How packets wait for a port, and in what order they go. */
#define SHAPE_KEYS(PATH)                                                      \
	{ .path = PATH ".quantum_us", .type = SCHEMA_NUMBER,                  \
	  IN(struct config_shape, quantum_us), .min = 1, .max = 5000,         \
	  .unit = "microseconds", .def = "100",                               \
	  .text = "Bandwidth is given out in steps of this length." },        \
	{ .path = PATH ".queue", .type = SCHEMA_NUMBER,                       \
	  IN(struct config_shape, queue), .min = 64, .max = 65536,            \
	  .unit = "packets", .def = "1024",                                   \
	  .text = "Packets of all classes that may wait. More are dropped "   \
		  "and counted as class_full." },                             \
	{ .path = PATH ".classes", .type = SCHEMA_LIST,                       \
	  .offset = offsetof(struct config_shape, classes),                   \
	  .size = sizeof(struct config_class),                                \
	  .n_offset = offsetof(struct config_shape, n_classes),               \
	  .max_items = PKT_N_CLASSES,                                         \
	  .pos = offsetof(struct config_class, pos),                          \
	  .text = "Traffic classes that are served apart. Packets of others " \
		  "are class 0's, which is always there." },                  \
	{ .path = PATH ".classes[].class", .type = SCHEMA_NUMBER,             \
	  .required = true, IN(struct config_class, class),                   \
	  .max = PKT_N_CLASSES - 1, .unit = "traffic class",                  \
	  .pos = offsetof(struct config_class, class_pos),                    \
	  .text = "Which one." },                                             \
	{ .path = PATH ".classes[].strict", .type = SCHEMA_BOOL,              \
	  IN(struct config_class, strict), .def = "false",                    \
	  .text = "Whether it goes before all that are not strict; of the "   \
		  "strict ones the highest number is first. Has no minimum, " \
		  "and needs a maximum where others have minimums." },        \
	{ .path = PATH ".classes[].weight", .type = SCHEMA_NUMBER,            \
	  IN(struct config_class, weight), .min = 1,                          \
	  .max = SCHEDULER_MAX_WEIGHT, .unit = "weight", .def = "1",          \
	  .text = "Its share of what strict classes and minimums leave, "     \
		  "among the classes that want it." },                        \
	{ .path = PATH ".classes[].rate", .type = SCHEMA_MAP,                 \
	  .offset = offsetof(struct config_class, rate),                      \
	  .pos = offsetof(struct config_rate, pos),                           \
	  .text = "Rates of the class, with 24 bytes a packet besides its "   \
		  "own." },                                                   \
	RATE_KEYS(PATH ".classes[].rate", "the class"),                       \
	{ .path = PATH ".classes[].limit", .type = SCHEMA_NUMBER,             \
	  IN(struct config_class, limit), .min = 1, .max = 65536,             \
	  .unit = "packets", .def_text = "the value of queue",                \
	  .text = "Packets of the class that may wait." },                    \
	{ .path = PATH ".classes[].vm_limit", .type = SCHEMA_NUMBER,          \
	  IN(struct config_class, vm_limit), .min = 1, .max = 65536,          \
	  .unit = "packets", .def_text = "as many as the class has room for", \
	  .text = "Packets of one VM in the class that may wait." },          \
	{ .path = PATH ".classes[].target_us", .type = SCHEMA_NUMBER,         \
	  IN(struct config_class, target_us), .min = 10, .max = 1000000,      \
	  .unit = "microseconds", .def_text = "off",                          \
	  .text = "CoDel (RFC 8289): when all packets of a VM wait longer "   \
		  "than this for interval_us, some are dropped and counted "  \
		  "as class_aged. 5000 is usual." },                          \
	{ .path = PATH ".classes[].interval_us", .type = SCHEMA_NUMBER,       \
	  IN(struct config_class, interval_us), .min = 100, .max = 10000000,  \
	  .unit = "microseconds", .def = "100000",                            \
	  .text = "See target_us; some round-trip times." },                  \
	{ .path = PATH ".classes[].ecn", .type = SCHEMA_BOOL,                 \
	  IN(struct config_class, ecn), .def = "false",                       \
	  .text = "Whether what CoDel would drop is marked instead where "    \
		  "its sender understands that (RFC 3168). Needs "            \
		  "target_us." },                                             \
	{ .path = PATH ".classes[].mark_us", .type = SCHEMA_NUMBER,           \
	  IN(struct config_class, mark_us), .min = 10, .max = 1000000,        \
	  .unit = "microseconds", .def_text = "off",                          \
	  .text = "Packets that have waited so long are marked (RFC 3168)." }

/* clang-format off */
const struct schema_key schema_keys[] = {
	/* ---- agent ---- */
	{ .path = "agent", .type = SCHEMA_MAP,
	  .text = "The daemon itself." },
	{ .path = "agent.bpffs", .type = SCHEMA_PATH,
	  IN(struct config, bpffs),
	  .def = "/sys/fs/bpf/pktagent",
	  .text = "Directory on a BPF file system below which programs, maps "
		  "and links are pinned. Two agents on one host need two." },
	{ .path = "agent.run_dir", .type = SCHEMA_PATH,
	  IN(struct config, run_dir),
	  .def = "/run/pktagent",
	  .text = "Directory of the lock, the state file and the control "
		  "socket. It is made if it does not exist." },
	{ .path = "agent.control", .type = SCHEMA_MAP,
	  .text = "The socket that pktctl talks to." },
	{ .path = "agent.control.path", .type = SCHEMA_PATH,
	  IN(struct config, control_path),
	  .def_text = "control.sock in agent.run_dir",
	  .text = "Where the socket is." },
	{ .path = "agent.control.mode", .type = SCHEMA_MODE,
	  IN(struct config, control_mode),
	  .max = 0777, .def = "0660",
	  .text = "Permission bits of the socket. Who may write to it may "
		  "command the agent." },
	{ .path = "agent.control.group", .type = SCHEMA_GROUP,
	  IN(struct config, control_group),
	  .def = "none",
	  .text = "Group that the socket is given to. With none it keeps the "
		  "agent's." },
	{ .path = "agent.log_level", .type = SCHEMA_CHOICE,
	  IN(struct config, log_level),
	  .choices = level_choices, .def = "info",
	  .text = "Messages less important than this are not logged. "
		  "\"pktctl log level\" changes it until the next start." },
	{ .path = "agent.heartbeat_timeout_ms", .type = SCHEMA_NUMBER,
	  IN(struct config, heartbeat_timeout_ms),
	  .min = 100, .max = 60000, .unit = "milliseconds", .def = "1000",
	  .text = "After so long without a sign of life from the agent the "
		  "BPF programs stop handing packets to it, and the kernel "
		  "forwards alone what it can." },
	{ .path = "agent.metadata", .type = SCHEMA_BOOL,
	  IN(struct config, metadata), .def = "true",
	  .text = "Whether the BPF programs put what they found out in front "
		  "of each packet. With false the agent parses each packet "
		  "again, as it does for drivers that carry no metadata." },

	/* ---- memory ---- */
	{ .path = "memory", .type = SCHEMA_MAP,
	  .text = "Packet buffers." },
	{ .path = "memory.frames", .type = SCHEMA_FRAMES,
	  IN(struct config, frames),
	  .min = 1024, .max = 4194304, .def = "65536",
	  .pos = offsetof(struct config, frames_pos),
	  .text = "Number of packet buffers on this host. It must cover "
		  "pool.min of all VMs, out_max of all uplinks, reserve of "
		  "all uplinks times their queues, and memory.reserve. What "
		  "is left goes to the pools that need it." },
	{ .path = "memory.reserve", .type = SCHEMA_FRAMES,
	  IN(struct config, reserve),
	  .min = 256, .max = 65536, .def = "1024",
	  .text = "Frames of these for the agent itself: the workers' caches, "
		  "and copies of broadcasts. It is at least 128 for each "
		  "worker and 128 besides." },
	{ .path = "memory.frame_size", .type = SCHEMA_NUMBER_CHOICE,
	  IN(struct config, frame_size),
	  .choices = frame_choices, .unit = "bytes", .def = "4096",
	  .text = "Size of one frame. A 4096-byte frame holds an MTU of at "
		  "most 3498, a 2048-byte frame one of at most 1770." },
	{ .path = "memory.hugepages", .type = SCHEMA_CHOICE,
	  IN(struct config, hugepages),
	  .choices = want_choices, .def = "auto",
	  .text = "Whether frames are in 2-MiB pages. With auto the agent "
		  "uses small pages and warns when there are no free huge "
		  "ones, with require it does not start." },

	/* ---- pools ---- */
	{ .path = "pools", .type = SCHEMA_MAP,
	  .text = "How the VMs' pools grow and shrink." },
	{ .path = "pools.batch", .type = SCHEMA_NUMBER,
	  IN(struct config, pool_batch),
	  .min = 16, .max = 1024, .unit = "frames", .def = "64",
	  .text = "Frames that a pool gets, or gives back, at a time." },
	{ .path = "pools.window_ms", .type = SCHEMA_NUMBER,
	  IN(struct config, pool_window_ms),
	  .min = 10, .max = 10000, .unit = "milliseconds", .def = "100",
	  .text = "A pool shrinks to what it needed in the last windows of "
		  "this length. It grows at once." },
	{ .path = "pools.pressure", .type = SCHEMA_BOOL,
	  IN(struct config, pool_pressure), .def = "true",
	  .text = "Whether pools stop growing, and shrink to what they use, "
		  "while the host is short of memory, by "
		  "/proc/pressure/memory. Before Linux 6.5 that takes "
		  "CAP_SYS_RESOURCE." },

	/* ---- workers ---- */
	{ .path = "workers", .type = SCHEMA_MAP,
	  .text = "The threads that move packets." },
	{ .path = "workers.cores", .type = SCHEMA_NUMBER,
	  ITEMS_IN(struct config, cores, n_cores),
	  .max = 1023, .unit = "CPU number", .max_items = CONFIG_MAX_WORKERS,
	  .pos = offsetof(struct config, cores_pos),
	  .def_text = "the last online CPU",
	  .text = "CPUs that get a worker each. An empty list is the same as "
		  "none given." },
	{ .path = "workers.idle_us", .type = SCHEMA_NUMBER,
	  IN(struct config, idle_us),
	  .max = 10000, .unit = "microseconds", .def = "200",
	  .text = "How long a worker without work may keep polling before it "
		  "sleeps. It polls that long only while packets come more "
		  "often than that; when they come seldom, or not at all, it "
		  "sleeps at once. More makes for less delay at low rates, "
		  "less for less CPU." },

	/* ---- metrics ---- */
	{ .path = "metrics", .type = SCHEMA_MAP,
	  .text = "Figures for Prometheus." },
	{ .path = "metrics.listen", .type = SCHEMA_LISTEN,
	  .def = "127.0.0.1:9750",
	  .text = "Address and TCP port of /metrics, /livez and /readyz. An "
		  "IPv6 address stands in brackets, and the whole in quotes: "
		  "\"[::1]:9750\"." },

	/* ---- fdb ---- */
	{ .path = "fdb", .type = SCHEMA_MAP,
	  .text = "The forwarding table." },
	{ .path = "fdb.ageing_s", .type = SCHEMA_NUMBER,
	  IN(struct config, fdb_ageing_s),
	  .min = 10, .max = 86400, .unit = "seconds", .def = "300",
	  .text = "A learned entry that no packet came from for so long is "
		  "removed." },
	{ .path = "fdb.limit", .type = SCHEMA_NUMBER,
	  IN(struct config, fdb_limit),
	  .min = 1, .max = 16384, .unit = "entries", .def = "1024",
	  .text = "Learned entries that one port may have, so that no VM can "
		  "fill the table." },
	{ .path = "fdb.static", .type = SCHEMA_LIST,
	  .offset = offsetof(struct config, fdb_statics),
	  .size = sizeof(struct config_fdb_static),
	  .n_offset = offsetof(struct config, n_fdb_statics),
	  .max_items = 4096, .pos = offsetof(struct config_fdb_static, pos),
	  .text = "Fixed entries, besides those that the VMs' mac makes." },
	{ .path = "fdb.static[].mac", .type = SCHEMA_MAC, .required = true,
	  IN(struct config_fdb_static, mac),
	  .text = "The address." },
	{ .path = "fdb.static[].vlan", .type = SCHEMA_NUMBER,
	  IN(struct config_fdb_static, vlan),
	  .max = PKT_VLAN_MAX, .unit = "VLAN", .def = "0",
	  .text = "Its network. It must be the network of the VM, or one of "
		  "the uplink's vlans." },
	{ .path = "fdb.static[].port", .type = SCHEMA_PORT, .required = true,
	  IN(struct config_fdb_static, port),
	  .text = "Name of the uplink or VM behind which it is." },

	/* ---- uplinks ---- */
	{ .path = "uplinks", .type = SCHEMA_LIST, .required = true,
	  .offset = offsetof(struct config, uplinks),
	  .size = sizeof(struct config_uplink),
	  .n_offset = offsetof(struct config, n_uplinks),
	  .min_items = 1, .max_items = CONFIG_MAX_UPLINKS,
	  .pos = offsetof(struct config_uplink, pos),
	  .text = "Network devices that lead to the wire." },
	{ .path = "uplinks[].name", .type = SCHEMA_NAME, .required = true,
	  IN(struct config_uplink, name),
	  .text = "Name of the port. No VM has the same." },
	{ .path = "uplinks[].device", .type = SCHEMA_IFNAME, .required = true,
	  IN(struct config_uplink, device),
	  .pos = offsetof(struct config_uplink, device_pos),
	  .text = "The network device. Its driver must support XDP." },
	{ .path = "uplinks[].vlans", .type = SCHEMA_VLANS,
	  IN(struct config_uplink, vlans),
	  .max = PKT_VLAN_MAX, .min_items = 1, .max_items = PKT_VLAN_MAX + 1,
	  .def = "all",
	  .text = "Networks reached by this uplink. Network 0 is the one "
		  "without tags. A network has at most one uplink." },
	{ .path = "uplinks[].queues", .type = SCHEMA_NUMBER,
	  IN(struct config_uplink, queues),
	  .max = PKT_MAX_QUEUES, .unit = "queues", .def = "0",
	  .text = "Receive queues to serve. 0 means all that the device "
		  "has." },
	{ .path = "uplinks[].zero_copy", .type = SCHEMA_CHOICE,
	  IN(struct config_uplink, zero_copy),
	  .choices = want_choices, .def = "auto",
	  .text = "Whether the driver places packets directly in frames. With "
		  "auto the kernel copies them when the driver cannot, with "
		  "require the agent does not start." },
	{ .path = "uplinks[].way", .type = SCHEMA_CHOICE,
	  IN(struct config_uplink, way),
	  .choices = way_choices, .def = "kernel",
	  .text = "With kernel, packets that need no agent are forwarded by "
		  "the kernel. With agent, all go through the agent." },
	{ .path = "uplinks[].learn", .type = SCHEMA_BOOL,
	  IN(struct config_uplink, learn), .def = "true",
	  .text = "Whether addresses seen on the wire are learned." },
	{ .path = "uplinks[].host", .type = SCHEMA_BOOL,
	  IN(struct config_uplink, host), .def = "true",
	  .text = "Whether broadcasts and multicasts from the wire go to the "
		  "host's own stack as well, at most 500 a second. Set it "
		  "to false where the host has no address on this device. "
		  "Unicast to the device's own address always does." },
	{ .path = "uplinks[].mtu", .type = SCHEMA_NUMBER,
	  IN(struct config_uplink, mtu),
	  .or_zero = true, .min = PKT_MTU_MIN, .max = PKT_MTU_MAX,
	  .unit = "bytes", .def = "0", .advice = FRAME_TEXT,
	  .text = "MTU that the device is given. 0 means it keeps the one it "
		  "has." },
	{ .path = "uplinks[].reserve", .type = SCHEMA_FRAMES,
	  IN(struct config_uplink, reserve),
	  .min = 128, .max = 65536, .def = "1024",
	  .text = "Frames per queue for packets that go to no single VM, and "
		  "as slack for bursts. Frames that are spare are lent to "
		  "the queues as slack, too, up to 4096 each." },
	{ .path = "uplinks[].out_max", .type = SCHEMA_FRAMES,
	  IN(struct config_uplink, out_max),
	  .min = 64, .max = 65536, .def = "2048",
	  .text = "Frames that may wait to be sent. More are dropped and "
		  "counted." },
	{ .path = "uplinks[].shape", .type = SCHEMA_MAP,
	  .offset = offsetof(struct config_uplink, shape),
	  .pos = offsetof(struct config_shape, pos),
	  .text = "Shapes what leaves by the uplink. With rate, packets or "
		  "classes all that leaves by it goes the agent way." },
	{ .path = "uplinks[].shape.rate", .type = SCHEMA_RATE,
	  IN(struct config_shape, rate),
	  .pos = offsetof(struct config_shape, rate_pos),
	  .def_text = "no limit",
	  .text = "What may leave by it, with 24 bytes a packet besides its "
		  "own. A little less than the wire carries keeps packets "
		  "waiting here, in order of their classes, and not in the "
		  "device. Minimums of classes and VMs are admitted against "
		  "it." },
	{ .path = "uplinks[].shape.packets", .type = SCHEMA_NUMBER,
	  IN(struct config_shape, packets), .min = 1, .max = RATE_MAX_PACKETS,
	  .unit = "packets a second", .def_text = "no limit",
	  .text = "The same in packets." },
	{ .path = "uplinks[].shape.burst", .type = SCHEMA_BYTES,
	  IN(struct config_shape, burst), .max = RATE_MAX_BURST,
	  .def = "16KiB",
	  .text = "What may leave at once above rate, after a pause." },
	SHAPE_KEYS("uplinks[].shape"),

	/* ---- vms ---- */
	{ .path = "vms", .type = SCHEMA_LIST,
	  .offset = offsetof(struct config, vms),
	  .size = sizeof(struct config_vm),
	  .n_offset = offsetof(struct config, n_vms),
	  .max_items = CONFIG_MAX_VMS, .pos = offsetof(struct config_vm, pos),
	  .text = "The virtual machines, one entry for each network "
		  "interface." },
	{ .path = "vms[].name", .type = SCHEMA_NAME, .required = true,
	  IN(struct config_vm, name),
	  .text = "Name of the port. No other VM or uplink has the same." },
	{ .path = "vms[].mac", .type = SCHEMA_MAC, .required = true,
	  ITEMS_IN(struct config_vm, macs, n_macs),
	  .min_items = 1, .max_items = CONFIG_MAX_MACS,
	  .item_pos = offsetof(struct config_vm, mac_pos),
	  .text = "Addresses the VM may send from, and gets packets for. No "
		  "other VM of the same network has them." },
	{ .path = "vms[].addresses", .type = SCHEMA_ADDR, .heap = true,
	  .offset = offsetof(struct config_vm, addrs),
	  .size = sizeof(struct config_addr),
	  .n_offset = offsetof(struct config_vm, n_addrs),
	  .max_items = 1024, .def_text = "any source address",
	  .text = "Source addresses the VM may use, in IPv4, ARP and IPv6. "
		  "Allowed besides: what DHCP and IPv6 autoconfiguration send "
		  "before there is an address, and the link-local address "
		  "made from the VM's MAC." },
	{ .path = "vms[].vlan", .type = SCHEMA_NUMBER,
	  IN(struct config_vm, vlan),
	  .max = PKT_VLAN_MAX, .unit = "VLAN", .def = "0",
	  .text = "The VM's network. 0 is the one without tags." },
	{ .path = "vms[].guest_tags", .type = SCHEMA_BOOL,
	  IN(struct config_vm, guest_tags), .def = "false",
	  .text = "Whether the VM may use VLAN tags of its own, inside its "
		  "network. Needs a vlan other than 0." },
	{ .path = "vms[].learn", .type = SCHEMA_BOOL,
	  IN(struct config_vm, learn), .def = "false",
	  .text = "Whether the VM may send from addresses not listed in mac, "
		  "which are then learned." },
	{ .path = "vms[].way", .type = SCHEMA_CHOICE,
	  IN(struct config_vm, way),
	  .choices = way_choices, .def = "kernel",
	  .text = "As of an uplink. Everything from and to a vhost-user VM "
		  "goes through the agent." },
	{ .path = "vms[].mtu", .type = SCHEMA_NUMBER,
	  IN(struct config_vm, mtu),
	  .min = PKT_MTU_MIN, .max = PKT_MTU_MAX, .unit = "bytes",
	  .def = "1500", .pos = offsetof(struct config_vm, mtu_pos),
	  .advice = FRAME_TEXT,
	  .text = "Longest packet without Ethernet header. Longer ones are "
		  "dropped and counted." },
	{ .path = "vms[].class", .type = SCHEMA_NUMBER,
	  IN(struct config_vm, class),
	  .max = PKT_N_CLASSES - 1, .unit = "traffic class", .def = "0",
	  .text = "Traffic class of what the VM sends." },
	{ .path = "vms[].weight", .type = SCHEMA_NUMBER,
	  IN(struct config_vm, weight), .min = 1, .max = SCHEDULER_MAX_WEIGHT,
	  .unit = "weight", .def = "1",
	  .text = "The VM's share, among VMs, of what minimums leave." },
	{ .path = "vms[].rate", .type = SCHEMA_MAP,
	  .text = "What the VM may have, with 24 bytes a packet besides its "
		  "own. With maximums only, a VM that goes the kernel way is "
		  "policed there; with minimums or shape it goes the agent "
		  "way." },
	{ .path = "vms[].rate.in", .type = SCHEMA_MAP,
	  .offset = offsetof(struct config_vm, rate_in),
	  .pos = offsetof(struct config_rate, pos),
	  .text = "Of what it gets." },
	RATE_KEYS("vms[].rate.in", "the VM"),
	{ .path = "vms[].rate.out", .type = SCHEMA_MAP,
	  .offset = offsetof(struct config_vm, rate_out),
	  .pos = offsetof(struct config_rate, pos),
	  .text = "Of what it sends." },
	RATE_KEYS("vms[].rate.out", "the VM"),
	{ .path = "vms[].shape", .type = SCHEMA_MAP,
	  .offset = offsetof(struct config_vm, shape),
	  .pos = offsetof(struct config_shape, pos),
	  .text = "The order in which the VM gets what waits for it. Its rate "
		  "is rate.in." },
	SHAPE_KEYS("vms[].shape"),
	{ .path = "vms[].device", .type = SCHEMA_MAP, .required = true,
	  .offset = offsetof(struct config_vm, device),
	  .pos = offsetof(struct config_device, pos),
	  .text = "What the VM is behind: a network device on the host, or "
		  "the socket of its virtio-net (vhost-user)." },
	{ .path = "vms[].device.type", .type = SCHEMA_CHOICE, .required = true,
	  IN(struct config_device, type), .choices = device_choices,
	  .text = "What it is." },
	{ .path = "vms[].device.name", .type = SCHEMA_IFNAME,
	  IN(struct config_device, name),
	  .pos = offsetof(struct config_device, name_pos),
	  .def_text = "none",
	  .text = "veth and tap only: its name. Required for them. No other "
		  "port has the same." },
	{ .path = "vms[].device.create", .type = SCHEMA_BOOL,
	  IN(struct config_device, create), .def = "false",
	  .text = "veth and tap only: whether the agent makes the device, "
		  "and removes it at exit. Otherwise it must exist." },
	{ .path = "vms[].device.peer", .type = SCHEMA_IFNAME,
	  IN(struct config_device, peer), .def_text = "unknown to the agent",
	  .text = "veth only: name of the other end. Needs netns. Required "
		  "with create." },
	{ .path = "vms[].device.netns", .type = SCHEMA_NETNS,
	  IN(struct config_device, netns), .def_text = "unknown to the agent",
	  .text = "veth only: network namespace that the peer is in, or is "
		  "put into. Needs peer. While the peer is in another one, "
		  "the port is down." },
	{ .path = "vms[].device.owner", .type = SCHEMA_USER,
	  IN(struct config_device, owner), .def = "anybody",
	  .text = "tap only: the user who may open the device." },
	{ .path = "vms[].device.vnet_hdr", .type = SCHEMA_BOOL,
	  IN(struct config_device, vnet_hdr), .def = "false",
	  .text = "tap only: whether whoever opens the device may use vnet "
		  "headers." },
	{ .path = "vms[].device.socket", .type = SCHEMA_PATH,
	  IN(struct config_device, vhost.socket),
	  .pos = offsetof(struct config_device, vhost.socket_pos),
	  .def_text = "none",
	  .text = "vhost-user only: the UNIX socket between the agent and "
		  "QEMU, or another front-end. Required for it. No other VM "
		  "has the same." },
	{ .path = "vms[].device.mode", .type = SCHEMA_CHOICE,
	  IN(struct config_device, vhost.mode),
	  .choices = socket_choices, .def = "client",
	  .text = "vhost-user only: with client, the agent connects to "
		  "socket, and does so again for ever; QEMU listens there "
		  "(server=on), and neither side's restart restarts the "
		  "other. With server, the agent makes the socket and waits "
		  "there for the front-end." },
	{ .path = "vms[].device.socket_mode", .type = SCHEMA_MODE,
	  IN(struct config_device, vhost.socket_mode),
	  .max = 0777, .def = "0600",
	  .text = "vhost-user with mode server only: permission bits of the "
		  "socket. Who may write to it can be the VM." },
	{ .path = "vms[].device.queues", .type = SCHEMA_NUMBER,
	  IN(struct config_device, vhost.queues),
	  .min = 1, .max = CONFIG_MAX_PAIRS, .unit = "queue pairs", .def = "1",
	  .text = "vhost-user only: how many the VM may use. What it really "
		  "has is said by the front-end (queues= and mq=on of QEMU)." },
	{ .path = "vms[].device.allow", .type = SCHEMA_MAP,
	  .text = "vhost-user and tap only: who may be at the other end of "
		  "socket, or have the tap open. A connection with anybody "
		  "else is closed; a tap is not used until who is allowed "
		  "has it open, and nobody else. Both are counted: pktctl "
		  "tag show. To see who has a tap open the agent needs "
		  "CAP_SYS_PTRACE." },
	{ .path = "vms[].device.allow.uid", .type = SCHEMA_USER,
	  IN(struct config_device, allow_uid), .def = "anybody",
	  .text = "The user that it runs as." },
	{ .path = "vms[].device.allow.cgroup", .type = SCHEMA_PATH,
	  IN(struct config_device, allow_cgroup), .def_text = "any",
	  .text = "How the path of its cgroup (version 2) must "
		  "end, by whole names: /web1.service allows "
		  "/system.slice/web1.service." },
	{ .path = "vms[].device.offloads", .type = SCHEMA_MAP,
	  .text = "vhost-user only: what the guest is offered. It gets what "
		  "it accepts of that." },
	{ .path = "vms[].device.offloads.csum", .type = SCHEMA_BOOL,
	  IN(struct config_device, vhost.csum), .def = "true",
	  .text = "Whether the guest may leave checksums to the agent, and "
		  "get packets whose checksums are not finished." },
	{ .path = "vms[].device.offloads.tso", .type = SCHEMA_BOOL,
	  IN(struct config_device, vhost.tso), .def_text = "the value of csum",
	  .text = "Whether the guest may send and get TCP packets of up to "
		  "64 KiB. They are cut where they leave for a port that "
		  "takes none. Needs csum." },
	{ .path = "vms[].device.offloads.gro", .type = SCHEMA_BOOL,
	  IN(struct config_device, vhost.gro), .def_text = "the value of tso",
	  .text = "Whether TCP segments from the wire are merged for a guest "
		  "that has accepted large packets. Needs tso." },
	{ .path = "vms[].device.moderation", .type = SCHEMA_MAP,
	  .text = "vhost-user only: fewer calls (interrupts) of the guest, "
		  "for more delay." },
	{ .path = "vms[].device.moderation.packets", .type = SCHEMA_NUMBER,
	  IN(struct config_device, vhost.call_packets),
	  .min = 1, .max = 256, .unit = "packets", .def = "1",
	  .text = "The guest is called when so many packets wait for it. 1 "
		  "calls it at once, after each batch. More need us." },
	{ .path = "vms[].device.moderation.us", .type = SCHEMA_NUMBER,
	  IN(struct config_device, vhost.call_us),
	  .max = 1000, .unit = "microseconds", .def = "0",
	  .text = "It is called after so long even if fewer wait. Needs "
		  "packets above 1." },
	{ .path = "vms[].pool", .type = SCHEMA_MAP,
	  .text = "The VM's share of the frames: how many may hold packets "
		  "for it or from it. With min, initial and max the same, it "
		  "has a fixed size." },
	{ .path = "vms[].pool.min", .type = SCHEMA_FRAMES,
	  IN(struct config_vm, pool.min),
	  .min = 64, .max = 1048576, .def = "64",
	  .pos = offsetof(struct config_vm, pool.min_pos),
	  .text = "What the pool never shrinks below. It is kept for the VM, "
		  "whatever others need." },
	{ .path = "vms[].pool.initial", .type = SCHEMA_FRAMES,
	  IN(struct config_vm, pool.initial),
	  .min = 64, .max = 1048576, .def_text = "pool.min",
	  .pos = offsetof(struct config_vm, pool.initial_pos),
	  .text = "What the pool begins with. At least min." },
	{ .path = "vms[].pool.max", .type = SCHEMA_FRAMES,
	  IN(struct config_vm, pool.max),
	  .min = 64, .max = 1048576,
	  .def_text = "4096, or pool.initial if that is more",
	  .pos = offsetof(struct config_vm, pool.max_pos),
	  .text = "What the pool can grow to. At least initial." },
	{ .path = "vms[].uplink_queues", .type = SCHEMA_NUMBER,
	  ITEMS_IN(struct config_vm, uplink_queues, n_uplink_queues),
	  .max = PKT_MAX_QUEUES - 1, .unit = "queue number",
	  .max_items = PKT_MAX_QUEUES,
	  .pos = offsetof(struct config_vm, uplink_queues_pos),
	  .def_text = "none, it shares queues with others",
	  .text = "Receive queues of its network's uplink that are for this "
		  "VM alone. What comes in there is the VM's, so the device "
		  "must be told to put the VM's packets there, and no others. "
		  "Each uplink keeps a queue that is shared." },
	{ .path = "vms[].isolated", .type = SCHEMA_BOOL,
	  IN(struct config_vm, isolated), .def = "false",
	  .text = "Whether the VM's frames are in memory of its own, as much "
		  "as pool.max, which does not count in memory.frames. Needs "
		  "uplink_queues." },

	/* ---- bypass ---- */
	{ .path = "bypass", .type = SCHEMA_LIST,
	  .offset = offsetof(struct config, bypass),
	  .size = sizeof(struct config_bypass),
	  .n_offset = offsetof(struct config, n_bypass),
	  .max_items = CONFIG_MAX_BYPASS,
	  .pos = offsetof(struct config_bypass, pos),
	  .text = "Rules for pairs of vhost-user VMs in one network: packets "
		  "of a pair that any of them names go straight from guest "
		  "to guest, past the switch. A rule has one of the keys "
		  "below." },
	{ .path = "bypass[].vms", .type = SCHEMA_VM, .heap = true,
	  .offset = offsetof(struct config_bypass, vms),
	  .size = CONFIG_NAME_MAX,
	  .n_offset = offsetof(struct config_bypass, n_vms),
	  .min_items = 2, .max_items = CONFIG_MAX_VMS,
	  .pos = offsetof(struct config_bypass, vms_pos),
	  .def_text = "none",
	  .text = "Names of vhost-user VMs of one network: any two of them, "
		  "both ways." },
	{ .path = "bypass[].vlan", .type = SCHEMA_NUMBER,
	  IN(struct config_bypass, vlan),
	  .max = PKT_VLAN_MAX, .unit = "VLAN",
	  .pos = offsetof(struct config_bypass, vlan_pos),
	  .def_text = "none",
	  .text = "Any two vhost-user VMs of this network." },
	{ .path = "bypass[].class", .type = SCHEMA_NUMBER,
	  IN(struct config_bypass, class),
	  .max = PKT_N_CLASSES - 1, .unit = "traffic class",
	  .pos = offsetof(struct config_bypass, class_pos),
	  .def_text = "none",
	  .text = "What vhost-user VMs of this class send to others." },

	/* ---- classify ---- */
	{ .path = "classify", .type = SCHEMA_LIST,
	  .offset = offsetof(struct config, rules),
	  .size = sizeof(struct config_rule),
	  .n_offset = offsetof(struct config, n_rules),
	  .max_items = CONFIG_MAX_RULES,
	  .pos = offsetof(struct config_rule, pos),
	  .text = "Rules for the traffic class of a packet. All keys that a "
		  "rule has must fit, each with one of its values; the first "
		  "rule that fits counts. Otherwise the class is that of the "
		  "VM that sent it, or 0. A class matters where a shape has "
		  "it." },
	{ .path = "classify[].class", .type = SCHEMA_NUMBER, .required = true,
	  IN(struct config_rule, class),
	  .max = PKT_N_CLASSES - 1, .unit = "traffic class",
	  .text = "The class of what fits." },
	{ .path = "classify[].dscp", .type = SCHEMA_NUMBER,
	  ITEMS_IN(struct config_rule, dscp, n_dscp),
	  .max = 63, .unit = "DSCP", .min_items = 1,
	  .max_items = CONFIG_MAX_RULE_ITEMS, .def_text = "any",
	  .text = "IPv4 or IPv6 packets with this code point (RFC 2474)." },
	{ .path = "classify[].pcp", .type = SCHEMA_NUMBER,
	  ITEMS_IN(struct config_rule, pcp, n_pcp),
	  .max = 7, .unit = "priority", .min_items = 1,
	  .max_items = PKT_N_CLASSES, .def_text = "any",
	  .text = "The priority (IEEE 802.1Q PCP) in the tag that was taken "
		  "off, 0 without one." },
	{ .path = "classify[].vlans", .type = SCHEMA_NUMBER,
	  ITEMS_IN(struct config_rule, vlans, n_vlans),
	  .max = PKT_VLAN_MAX, .unit = "VLAN", .min_items = 1,
	  .max_items = CONFIG_MAX_RULE_ITEMS, .def_text = "any",
	  .text = "The network." },
	{ .path = "classify[].protocol", .type = SCHEMA_CHOICE,
	  IN(struct config_rule, protocol), .choices = protocol_choices,
	  .def = "any",
	  .text = "The protocol above IP; icmp is ICMPv6, too." },
	{ .path = "classify[].ports", .type = SCHEMA_NUMBER,
	  ITEMS_IN(struct config_rule, ports, n_ports),
	  .min = 1, .max = 65535, .unit = "port", .min_items = 1,
	  .max_items = CONFIG_MAX_RULE_ITEMS, .def_text = "any",
	  .text = "TCP or UDP packets from or to this port. Fragments other "
		  "than the first have none." },
	{ .path = "classify[].vms", .type = SCHEMA_VM,
	  .offset = offsetof(struct config_rule, vms),
	  .size = CONFIG_NAME_MAX,
	  .n_offset = offsetof(struct config_rule, n_vms),
	  .min_items = 1, .max_items = CONFIG_MAX_RULE_ITEMS,
	  .item_pos = offsetof(struct config_rule, vms_pos),
	  .def_text = "any, and the uplinks",
	  .text = "The VM that sent it." },
};
/* clang-format on */

const size_t schema_n_keys = sizeof(schema_keys) / sizeof(schema_keys[0]);

const char *schema_below(const struct schema_key *key, const char *prefix)
{
	size_t len = strlen(prefix);
	const char *name = key->path + len;

	if (strncmp(key->path, prefix, len) != 0 || strchr(name, '.'))
		return NULL;
	return name;
}

const struct schema_key *schema_find(const char *prefix, const char *name)
{
	for (size_t i = 0; i < schema_n_keys; i++) {
		const char *found = schema_below(&schema_keys[i], prefix);

		if (found && strcmp(found, name) == 0)
			return &schema_keys[i];
	}
	return NULL;
}
