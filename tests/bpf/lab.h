/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state that the rows of rows.h run in: eight ports in a network namespace
 * of the test's own, and maps as the agent would fill them.
 *
 *	slot	port	network	flags besides UP
 *	1	uplink	0, 10	XMIT LEARN		own MAC host
 *	2	uplink	20	XMIT			own MAC host2
 *	3	vm1	10	XMIT CHECK_MAC
 *	4	vm2	10	XMIT CHECK_MAC CHECK_IP
 *	5	vm3	0	XMIT LEARN
 *	6	vm4	10	XMIT CHECK_MAC GUEST_TAGS WAY_AGENT, class 3
 *	7	vm5	10	     CHECK_MAC CHECK_CSUM
 *	8	vm6	20	XMIT CHECK_MAC CHECK_CSUM, class 5
 *
 * Slot n is device p<n>, one end of a veth pair. vm2 may use 10.0.0.2 and
 * fd00::2. Learned: wire in networks 0 and 10 on slot 1, wire2 in network 20
 * on slot 2; wire2 in network 10 too, on slot 2 (it has moved). Configured:
 * static in network 10 on slot 1; gone in network 10 on slot 9, which is no
 * port.
 */
#ifndef TESTS_BPF_LAB_H
#define TESTS_BPF_LAB_H

#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <xdp/xsk.h>

#include <pktagent/maps.h>

#include "runner.h"

#include "../packets.h"
#include "dataplane.skel.h"

#define LAB_PORTS	8
#define LAB_QUEUE	1	/* receive queue that rows run on */
#define LAB_MAX_LEN	1514
#define LAB_TIMEOUT_MS	20000	/* of a heartbeat; a row may take long */
#define LAB_OLD_S	1	/* seen_s of learned entries */

#define UP	PORT_F_UP
#define XMIT	PORT_F_XMIT
#define LEARN	PORT_F_LEARN
#define AGENT	PORT_F_WAY_AGENT
#define MAC	PORT_F_CHECK_MAC
#define IP	PORT_F_CHECK_IP
#define TAGS	PORT_F_GUEST_TAGS
#define CSUM	PORT_F_CHECK_CSUM

static const struct {
	uint8_t kind;
	uint16_t vlan;
	uint8_t flags;
	uint8_t class;
	const char *mac;	/* own; of a VM: its entry in fdb */
} lab_ports[LAB_PORTS + 1] = {
	[1] = { PORT_UPLINK, 0, UP | XMIT | LEARN, 0, "host" },
	[2] = { PORT_UPLINK, 0, UP | XMIT, 0, "host2" },
	[3] = { PORT_VM, 10, UP | XMIT | MAC, 0, "vm1" },
	[4] = { PORT_VM, 10, UP | XMIT | MAC | IP, 0, "vm2" },
	[5] = { PORT_VM, 0, UP | XMIT | LEARN, 0, "vm3" },
	[6] = { PORT_VM, 10, UP | XMIT | MAC | TAGS | AGENT, 3, "vm4" },
	[7] = { PORT_VM, 10, UP | MAC | CSUM, 0, "vm5" },
	[8] = { PORT_VM, 20, UP | XMIT | MAC | CSUM, 5, "vm6" },
};

struct lab {
	struct dataplane *skel;		/* owned */
	uint32_t ifindex[LAB_PORTS + 1];
	int socket_fd;			/* borrowed: a bound AF_XDP socket */
	struct vm_credit *credits;	/* owned: the map's */
	bool has_floods;		/* flood is filled: that waits for RCU */
};

static inline void map_set(struct bpf_map *map, const void *key,
			   const void *value)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		die(bpf_map__name(map));
}

/* Empties a map of 32-bit or other keys; arrays of references too. */
static inline void map_clear(struct bpf_map *map)
{
	uint8_t key[32];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		if (bpf_map_delete_elem(bpf_map__fd(map), key))
			die(bpf_map__name(map));
}

/* Devices p1.. with peers q1.., two queues each, up. */
static inline void lab_make_devices(void)
{
	int i;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	/* no packets but the test's */
	shell("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
	shell("ip link set lo up");
	for (i = 1; i <= LAB_PORTS; i++) {
		shell("ip link add p%d numrxqueues 2 numtxqueues 2 type veth "
		      "peer name q%d numrxqueues 2 numtxqueues 2", i, i);
		shell("ip link set p%d up && ip link set q%d up", i, i);
	}
}

static inline struct dataplane *lab_load(bool no_meta, uint32_t netns_ino)
{
	struct dataplane *skel = dataplane__open();

	if (!skel)
		die("dataplane");
	skel->rodata->opts.no_meta = no_meta;
	skel->rodata->opts.netns_ino = netns_ino;
	if (dataplane__load(skel))
		die("dataplane");
	return skel;
}

static inline void lab_init(struct lab *lab, struct dataplane *skel)
{
	char name[IFNAMSIZ];
	int i;

	*lab = (struct lab){ .skel = skel, .socket_fd = -1 };
	lab->credits = mmap(NULL, PKT_MAX_XSKS * sizeof(struct vm_credit),
			    PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(skel->maps.vm_credit), 0);
	if (lab->credits == MAP_FAILED)
		die("vm_credit");
	for (i = 1; i <= LAB_PORTS; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		lab->ifindex[i] = if_nametoindex(name);
	}
}

/* A test run on a device needs its queues registered for XDP, which an
 * attached program does. */
static inline void lab_attach(const struct lab *lab)
{
	int i;

	for (i = 1; i <= LAB_PORTS; i++) {
		const struct bpf_program *prog =
			lab_ports[i].kind == PORT_UPLINK ?
				lab->skel->progs.uplink :
				lab->skel->progs.port;

		if (bpf_xdp_attach(lab->ifindex[i], bpf_program__fd(prog),
				   XDP_FLAGS_DRV_MODE, NULL))
			die("attach");
	}
}

/* One bound socket stands for all in the socket maps: a test run does not
 * deliver. Never freed; the process is the test. */
static inline int lab_open_socket(void)
{
	const struct xsk_socket_config config = {
		.rx_size = 64,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_COPY,
	};
	const struct xsk_umem_config umem_config = {
		.fill_size = 64, .comp_size = 64, .frame_size = 4096,
	};
	static struct xsk_ring_prod fill;
	static struct xsk_ring_cons comp, rx;
	static struct xsk_umem *umem;
	static struct xsk_socket *xsk;
	void *area = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED ||
	    xsk_umem__create(&umem, area, 64 * 4096, &fill, &comp,
			     &umem_config) ||
	    xsk_socket__create(&xsk, "p1", 0, umem, &rx, NULL, &config))
		die("AF_XDP socket");
	return xsk_socket__fd(xsk);
}

static inline void lab_set_fdb(struct lab *lab, const char *mac, uint16_t vlan,
			       uint16_t port, bool is_static)
{
	const struct fdb_entry entry = {
		.port = port,
		.flags = is_static ? FDB_F_STATIC : 0,
		.seen_s = is_static ? 0 : LAB_OLD_S,
	};
	struct fdb_key key = { .vlan = vlan };

	packet_mac(mac, key.mac);
	map_set(lab->skel->maps.fdb, &key, &entry);
}

static inline uint32_t lab_seen_s(struct lab *lab, const char *mac,
				  uint16_t vlan)
{
	struct fdb_key key = { .vlan = vlan };
	struct fdb_entry entry = { 0 };

	packet_mac(mac, key.mac);
	if (bpf_map_lookup_elem(bpf_map__fd(lab->skel->maps.fdb), &key, &entry))
		die("fdb");
	return entry.seen_s;
}

static inline void lab_set_port(struct lab *lab, uint32_t slot, uint8_t flags)
{
	const struct dev_key dev_key = { .ifindex = lab->ifindex[slot] };
	const struct dev_port dev_port = { .port = slot };
	struct port_cfg cfg = {
		.ifindex = lab->ifindex[slot],
		.vlan = lab_ports[slot].vlan,
		.max_len = LAB_MAX_LEN,
		.kind = lab_ports[slot].kind,
		.flags = flags,
		.class = lab_ports[slot].class,
	};

	if (cfg.kind == PORT_UPLINK)
		packet_mac(lab_ports[slot].mac, cfg.mac);
	else
		cfg.uplink = cfg.vlan == 20 ? 2 : 1;
	map_set(lab->skel->maps.ports, &slot, &cfg);
	map_set(lab->skel->maps.dev_port, &dev_key, &dev_port);
}

static inline void lab_set_net(struct lab *lab, uint16_t vlan, uint16_t uplink)
{
	const struct net_key key = { .vlan = vlan };
	const struct net_cfg net = { .uplink = uplink };

	map_set(lab->skel->maps.nets, &key, &net);
}

static inline void lab_set_addr(struct lab *lab, uint16_t port, uint8_t family,
				const char *text)
{
	struct addr_key key = { .port = port, .family = family };
	const struct addr_val val = { .listed = 1 };

	inet_pton(family == 4 ? AF_INET : AF_INET6, text, key.addr);
	map_set(lab->skel->maps.vm_addrs, &key, &val);
}

/* CLOCK_MONOTONIC @age_ms ago; after LAB_TIMEOUT_MS it is too old. An agent
 * that has left counts as gone whatever the timeout. */
static inline void lab_set_heartbeat(struct lab *lab, bool gone, int64_t age_ms)
{
	const uint32_t zero = 0;
	struct agent_state state = { .timeout_ns = LAB_TIMEOUT_MS * 1000000ull };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	state.heartbeat_ns = now.tv_sec * 1000000000ull + now.tv_nsec -
			     age_ms * 1000000;
	if (gone)
		state = (struct agent_state){ .timeout_ns = INT64_MAX };
	map_set(lab->skel->maps.agent_state, &zero, &state);
}

/* Uplinks have the egress program in all their entries. */
static inline int lab_egress_fd(struct lab *lab, uint32_t slot)
{
	if (lab_ports[slot].kind != PORT_UPLINK)
		return 0;
	return bpf_program__fd(lab->skel->progs.egress);
}

static inline void lab_set_dev(struct lab *lab, uint32_t slot)
{
	const struct bpf_devmap_val val = {
		.ifindex = lab->ifindex[slot],
		.bpf_prog.fd = lab_egress_fd(lab, slot),
	};

	map_set(lab->skel->maps.devs, &slot, &val);
}

static inline void lab_set_socket(struct lab *lab, struct bpf_map *map,
				  uint32_t slot)
{
	const uint32_t key = slot * PKT_MAX_QUEUES + LAB_QUEUE;

	map_set(map, &key, &lab->socket_fd);
}

/* The counts of vm_credit on rows' queue; on the other one there is no room. */
static inline struct vm_credit *lab_credit(struct lab *lab, uint32_t slot)
{
	return &lab->credits[slot * PKT_MAX_QUEUES + LAB_QUEUE];
}

static inline void lab_set_credit(struct lab *lab, uint32_t slot,
				  uint32_t handed, int32_t left,
				  int32_t cap_left)
{
	*lab_credit(lab, slot) = (struct vm_credit){
		.handed = handed,
		.end = handed + left,
		.cap_end = handed + cap_left,
	};
}

/* Network @vlan's members for the kernel's flood. */
static inline void lab_set_flood(struct lab *lab, uint16_t vlan)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, "members", 4,
				sizeof(struct bpf_devmap_val), PKT_MAX_PORTS,
				&opts);
	const struct net_key key = { .vlan = vlan };
	uint32_t slot;

	if (fd < 0)
		die("members");
	for (slot = 1; slot <= LAB_PORTS; slot++) {
		const struct bpf_devmap_val val = {
			.ifindex = lab->ifindex[slot],
			.bpf_prog.fd = lab_egress_fd(lab, slot),
		};
		const uint32_t uplink = vlan == 20 ? 2 : 1;

		if (lab_ports[slot].kind == PORT_UPLINK ?
			    slot != uplink : lab_ports[slot].vlan != vlan)
			continue;
		if (bpf_map_update_elem(fd, &slot, &val, BPF_ANY))
			die("members");
	}
	map_set(lab->skel->maps.flood, &key, &fd);
	close(fd);
}

/* All but flood, whose packets have a counter of their own. */
static inline void lab_clear_targets(struct lab *lab)
{
	uint32_t slot, key;

	for (slot = 1; slot <= LAB_PORTS; slot++) {
		bpf_map_delete_elem(bpf_map__fd(lab->skel->maps.devs), &slot);
		key = slot * PKT_MAX_QUEUES + LAB_QUEUE;
		bpf_map_delete_elem(bpf_map__fd(lab->skel->maps.xsk_port),
				    &key);
		bpf_map_delete_elem(bpf_map__fd(lab->skel->maps.xsk_vm), &key);
	}
}

static inline void lab_clear_floods(struct lab *lab)
{
	map_clear(lab->skel->maps.flood);
	lab->has_floods = false;
}

static inline void lab_set_targets(struct lab *lab)
{
	uint32_t slot;

	for (slot = 1; slot <= LAB_PORTS; slot++) {
		lab_set_dev(lab, slot);
		lab_set_socket(lab, lab->skel->maps.xsk_port, slot);
		if (lab_ports[slot].kind == PORT_VM)
			lab_set_socket(lab, lab->skel->maps.xsk_vm, slot);
	}
	if (lab->has_floods)
		return;
	lab_set_flood(lab, 0);
	lab_set_flood(lab, 10);
	lab_set_flood(lab, 20);
	lab->has_floods = true;
}

/* A row must not see what another left behind a moment ago. */
static inline void lab_clear_recent(struct lab *lab)
{
	static uint8_t zero[8192];
	uint32_t i;

	if (libbpf_num_possible_cpus() * sizeof(struct recent_addr) >
	    sizeof(zero))
		die("too many CPUs");
	for (i = 0; i < PKT_RECENT_DEVS; i++)
		map_set(lab->skel->maps.recent_devs, &i, zero);
	for (i = 0; i < PKT_RECENT_ADDRS; i++) {
		map_set(lab->skel->maps.recent_dsts, &i, zero);
		map_set(lab->skel->maps.recent_srcs, &i, zero);
	}
}

/* What the agent does after it has changed a table. */
static inline void lab_count_change(struct lab *lab)
{
	const int fd = bpf_map__fd(lab->skel->maps.agent_state);
	const uint32_t zero = 0;
	struct agent_state state;

	if (bpf_map_lookup_elem(fd, &zero, &state))
		die("agent_state");
	state.n_changes++;
	map_set(lab->skel->maps.agent_state, &zero, &state);
}

/* Everything but the targets, as described above. */
static inline void lab_reset(struct lab *lab)
{
	uint32_t slot;

	lab_clear_recent(lab);
	map_clear(lab->skel->maps.fdb);
	for (slot = 1; slot <= LAB_PORTS; slot++) {
		lab_set_port(lab, slot, lab_ports[slot].flags);
		if (lab_ports[slot].kind == PORT_VM)
			lab_set_fdb(lab, lab_ports[slot].mac,
				    lab_ports[slot].vlan, slot, true);
	}
	lab_set_fdb(lab, "wire", 0, 1, false);
	lab_set_fdb(lab, "wire", 10, 1, false);
	lab_set_fdb(lab, "wire2", 20, 2, false);
	lab_set_fdb(lab, "wire2", 10, 2, false);
	lab_set_fdb(lab, "static", 10, 1, true);
	lab_set_fdb(lab, "gone", 10, 9, true);
	lab_set_net(lab, 0, 1);
	lab_set_net(lab, 10, 1);
	lab_set_net(lab, 20, 2);
	lab_set_addr(lab, 4, 4, "10.0.0.2");
	lab_set_addr(lab, 4, 6, "fd00::2");
	lab_set_heartbeat(lab, false, 0);
}

/* Sums over the CPUs; slot 0 and all that exist. */
static inline void lab_counters(struct lab *lab,
				struct counter sum[][PKT_N_REASONS])
{
	int n_cpus = libbpf_num_possible_cpus(), cpu, i;
	struct port_counters *values = calloc(n_cpus, sizeof(*values));
	uint32_t slot;

	for (slot = 0; values && slot <= LAB_PORTS + 1; slot++) {
		if (bpf_map_lookup_elem(bpf_map__fd(lab->skel->maps.counters),
					&slot, values))
			die("counters");
		memset(sum[slot], 0, sizeof(sum[slot]));
		for (cpu = 0; cpu < n_cpus; cpu++) {
			const struct counter *c = (void *)&values[cpu];

			for (i = 0; i < PKT_N_REASONS; i++) {
				sum[slot][i].packets += c[i].packets;
				sum[slot][i].bytes += c[i].bytes;
			}
		}
	}
	free(values);
}

#endif
