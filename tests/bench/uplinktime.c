// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ns per packet of the uplink program beside an empty one, by PROG_TEST_RUN:
 * a 64-byte UDP packet from a known source to a VM, on the kernel way; to a VM
 * without rates, and to one that is policed to more than comes. Makes its own
 * network namespace with the two devices that takes.
 */
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>

#include <pktagent/maps.h>

#include "dataplane.skel.h"
#include "progtime.h"

enum { SLOT_UPLINK = 1, SLOT_VM = 2 };

static const uint8_t vm_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t wire_mac[6] = { 2, 0xaa, 0, 0, 0, 9 };

static void set(const struct bpf_map *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		die("%s: %s", bpf_map__name(map), strerror(errno));
}

static void make_devices(void)
{
	if (unshare(CLONE_NEWNET))
		die("unshare: %s", strerror(errno));
	if (system("ip link add p1 type veth peer name q1 && "
		   "ip link add p2 type veth peer name q2 && "
		   "ip link set p1 up && ip link set p2 up"))
		die("cannot make veth devices");
}

/* More than any test run is: nothing is dropped. */
static void set_rate(struct dataplane *skel, uint32_t slot)
{
	uint32_t key = slot * POLICE_N_WAYS + POLICE_IN;
	struct police police = {
		.rate = { 1000000000000ull, 1000000000 },
		.depth = { 1000000 * (int64_t)POLICE_UNIT,
			   1000 * (int64_t)POLICE_UNIT },
	};

	for (int i = 0; i < POLICE_N; i++)
		police.full_ns[i] = (1ull << 62) / police.rate[i];
	set(skel->maps.police, &key, &police);
}

static void set_port(struct dataplane *skel, uint32_t slot, uint8_t kind,
		     const char *ifname, bool policed)
{
	struct dev_key dev = { .ifindex = if_nametoindex(ifname) };
	struct bpf_devmap_val target = { .ifindex = dev.ifindex };
	struct dev_port port = { .port = slot };
	struct port_cfg cfg = {
		.ifindex = dev.ifindex,
		.max_len = 1514,
		.kind = kind,
		.flags = PORT_F_UP | PORT_F_XMIT,
	};

	if (kind == PORT_UPLINK) {
		cfg.flags |= PORT_F_LEARN;
		target.bpf_prog.fd = bpf_program__fd(skel->progs.egress);
	} else {
		cfg.uplink = SLOT_UPLINK;
		cfg.police = policed ? PORT_P_IN : 0;
		set_rate(skel, slot);
	}
	set(skel->maps.ports, &slot, &cfg);
	set(skel->maps.dev_port, &dev, &port);
	set(skel->maps.devs, &slot, &target);
}

static void set_address(struct dataplane *skel, const uint8_t *mac,
			uint16_t slot, uint8_t flags)
{
	struct fdb_entry entry = { .port = slot, .flags = flags };
	struct fdb_key key = { .vlan = 0 };

	memcpy(key.mac, mac, 6);
	set(skel->maps.fdb, &key, &entry);
}

static void fill_maps(struct dataplane *skel, bool policed)
{
	struct net_cfg net_cfg = { .uplink = SLOT_UPLINK };
	struct net_key net = { .vlan = 0 };
	uint32_t zero = 0;
	/* a heartbeat far ahead: the agent counts as alive */
	struct agent_state state = { .heartbeat_ns = UINT64_MAX / 4,
				     .timeout_ns = UINT64_MAX / 4 };

	set(skel->maps.agent_state, &zero, &state);
	set_port(skel, SLOT_UPLINK, PORT_UPLINK, "p1", false);
	set_port(skel, SLOT_VM, PORT_VM, "p2", policed);
	set(skel->maps.nets, &net, &net_cfg);
	set_address(skel, vm_mac, SLOT_VM, FDB_F_STATIC);
	set_address(skel, wire_mac, SLOT_UPLINK, 0);
}

/* Ethernet, IPv4, UDP, zeros. The IPv4 checksum is not looked at. */
static void make_packet(uint8_t *p, size_t len)
{
	static const uint8_t ip[] = { 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0,
				      10, 77, 0, 100, 10, 77, 0, 1 };
	static const uint8_t udp[] = { 4, 0, 0, 9, 0, 30, 0, 0 };

	memset(p, 0, len);
	memcpy(p, vm_mac, 6);
	memcpy(p + 6, wire_mac, 6);
	p[12] = 0x08;
	memcpy(p + 14, ip, sizeof(ip));
	memcpy(p + 34, udp, sizeof(udp));
}

int main(int argc, char **argv)
{
	uint8_t packet[64];
	struct progtime progs[3] = { { 0 } };
	struct progtime_input in = {
		.packet = packet,
		.len = sizeof(packet),
		.rounds = 31,
		.repeat = 200000,
		.restore = false,
	};
	struct dataplane *skels[2];

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		puts("uplinktime: print ns per packet of an empty XDP program "
		     "and of uplink, to a VM without rates and to one "
		     "that is policed, as JSON");
		return 0;
	}
	make_devices();
	for (int i = 0; i < 2; i++) {
		skels[i] = dataplane__open_and_load();
		if (!skels[i])
			die("the BPF programs do not load");
		fill_maps(skels[i], i == 1);
		progs[1 + i].prog_fd =
			bpf_program__fd(skels[i]->progs.uplink);
	}
	/* A test run on a device needs its queues registered for XDP. */
	if (!bpf_program__attach_xdp(skels[0]->progs.uplink,
				     (int)if_nametoindex("p1")))
		die("cannot attach: %s", strerror(errno));
	make_packet(packet, sizeof(packet));
	in.ifindex = (int)if_nametoindex("p1");
	progs[0].prog_fd = progtime_empty_open();
	progtime_run(progs, 3, &in);
	for (int i = 1; i < 3; i++)
		if (progs[i].verdict != XDP_REDIRECT)
			die("uplink did not take the kernel way (verdict %u)",
			    progs[i].verdict);
	printf("{\"empty_ns\": %.1f, \"uplink_ns\": %.1f, "
	       "\"policed_ns\": %.1f}\n",
	       progs[0].median_ns, progs[1].median_ns, progs[2].median_ns);
	dataplane__destroy(skels[0]);
	dataplane__destroy(skels[1]);
	return 0;
}
