/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Configurations that are right, and what is read from them; the table's own
 * promises; and the limits. What is said about wrong ones is in
 * test_config_errors.c. Runs at the top of the source tree (configs/).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "control/config.h"
#include "control/config_error.h"
#include "control/config_tree.h"
#include "control/schema.h"

#define U "uplinks: [{name: wan, device: eth1}]\n"

/* Every key, none at its default. */
static const char all_keys[] =
	"agent:\n"
	"  bpffs: /sys/fs/bpf/two\n"
	"  run_dir: /run/two\n"
	"  control: {path: /run/ctl, mode: 0o600, group: netadm}\n"
	"  log_level: debug\n"
	"  heartbeat_timeout_ms: 60000\n"
	"  metadata: false\n"
	"memory: {frames: 4194304, frame_size: 2048, hugepages: require,"
	" reserve: 128MiB}\n"
	"workers: {cores: [3, 1023, 0], idle_us: 0}\n"
	"metrics: {listen: \"[::1]:65535\"}\n"
	"fdb:\n"
	"  ageing_s: 10\n"
	"  limit: 16384\n"
	"  static:\n"
	"  - {mac: 52:54:00:FF:fF:0a, vlan: 7, port: wan}\n"
	"  - {mac: 52:54:00:ff:ff:0b, port: vm.1, vlan: 4094}\n"
	"uplinks:\n"
	"- name: wan\n"
	"  device: enp1s0f0np0\n"
	"  vlans: [0, 7, 100-102]\n"
	"  queues: 64\n"
	"  zero_copy: require\n"
	"  way: agent\n"
	"  learn: false\n"
	"  host: false\n"
	"  mtu: 1770\n"
	"  reserve: 128\n"
	"  out_max: 65536\n"
	"  shape:\n"
	"    rate: 2Gbit\n"
	"    packets: 1000000\n"
	"    burst: 1MiB\n"
	"    quantum_us: 1\n"
	"    queue: 64\n"
	"    classes:\n"
	"    - {class: 7, strict: true, limit: 64, vm_limit: 1,"
	" rate: {max: 100Mbit, max_packets: 1000, burst: 0,"
	" burst_packets: 0}}\n"
	"    - {class: 1, weight: 256, target_us: 5000, interval_us: 1000,"
	" ecn: true, mark_us: 1000,"
	" rate: {min: 1kbit, min_packets: 1}}\n"
	"- name: 2nd\n"
	"  device: eth2\n"
	"  vlans: 4094\n"
	"  zero_copy: off\n"
	"vms:\n"
	"- name: vm.1\n"
	"  mac: [02:00:00:00:00:01, 02:00:00:00:00:02]\n"
	"  addresses: [192.0.2.1, \"::\", 2001:db8::1, 0.0.0.0]\n"
	"  vlan: 4094\n"
	"  guest_tags: true\n"
	"  learn: true\n"
	"  way: agent\n"
	"  mtu: 576\n"
	"  class: 7\n"
	"  weight: 256\n"
	"  rate:\n"
	"    in: {max: 1000Gbit, max_packets: 1000000000, burst: 256MiB,"
	" burst_packets: 1048576}\n"
	"    out: {max: 1kbit, max_packets: 1, burst: 1, burst_packets: 0}\n"
	"  shape:\n"
	"    quantum_us: 5000\n"
	"    queue: 65536\n"
	"    classes:\n"
	"    - {class: 2, strict: true, weight: 3, limit: 1, vm_limit: 2,"
	" target_us: 10, interval_us: 100, ecn: true, mark_us: 10,"
	" rate: {max: 2Mbit, max_packets: 3, burst: 4KiB,"
	" burst_packets: 5}}\n"
	"    - {class: 3, rate: {min: 1Mbit, min_packets: 7}}\n"
	"  device:\n"
	"    type: veth\n"
	"    name: v1\n"
	"    create: true\n"
	"    peer: eth0\n"
	"    netns: blue\n"
	"  pool: {initial: 256, max: 1048576, min: 512KiB}\n"
	"- name: vm_2\n"
	"  mac: 02:00:00:00:00:01\n"
	"  addresses: 192.0.2.1\n"
	"  vlan: 100\n"
	"  device: {type: tap, name: t1, owner: 4242, vnet_hdr: true, "
	"allow: {uid: 4242, cgroup: /vm.slice/t1.scope}}\n"
	"  pool: {initial: 257}\n"
	"- name: q1\n"
	"  mac: 02:00:00:00:00:03\n"
	"  vlan: 100\n"
	"  class: 3\n"
	"  rate: {in: {min: 10Mbit, min_packets: 1},"
	" out: {min: 20Mbit, min_packets: 1}}\n"
	"  device:\n"
	"    type: vhost-user\n"
	"    socket: /run/q1 a.sock\n"
	"    mode: server\n"
	"    socket_mode: 0666\n"
	"    queues: 16\n"
	"    allow: {uid: 64055, cgroup: /vm.slice/q1.scope}\n"
	"    offloads: {csum: true, tso: true, gro: false}\n"
	"    moderation: {packets: 256, us: 1000}\n"
	"- name: q2\n"
	"  mac: 02:00:00:00:00:04\n"
	"  vlan: 100\n"
	"  device: {type: vhost-user, socket: /run/q2.sock}\n"
	"  uplink_queues: [62, 0]\n"
	"  isolated: true\n"
	"bypass:\n"
	"- vms: [q2, q1]\n"
	"- vlan: 0\n"
	"- {class: 7}\n"
	"classify:\n"
	"- {class: 7, dscp: [46, 63], pcp: [5, 7], vlans: [0, 4094], protocol: udp,"
	" ports: [53, 65535], vms: [q2, vm.1]}\n"
	"- {class: 1, dscp: 0}\n"
	"pools: {batch: 1024, window_ms: 10, pressure: false}\n";

static struct config *parse(const char *text)
{
	struct config *config = NULL;
	char err[1024] = "";

	if (config_parse(text, strlen(text), "F", &config, err, sizeof(err)))
		fail_msg("%s\n%s", err, text);
	return config;
}

static int vlan_count(const struct config_uplink *uplink)
{
	int n = 0;

	for (uint32_t vlan = 0; vlan <= UINT16_MAX; vlan++)
		n += config_uplink_has_vlan(uplink, (uint16_t)vlan);
	return n;
}

static void assert_pos(struct config_pos pos, int line, int col)
{
	assert_int_equal(pos.line, line);
	assert_int_equal(pos.col, col);
}

/* ---- defaults ---- */

static void defaults_of_the_host(void **state)
{
	struct config *c = parse(U);

	(void)state;
	assert_string_equal(c->file, "F");
	assert_string_equal(c->bpffs, "/sys/fs/bpf/pktagent");
	assert_string_equal(c->run_dir, "/run/pktagent");
	assert_string_equal(c->control_path, "/run/pktagent/control.sock");
	assert_int_equal(c->control_mode, 0660);
	assert_string_equal(c->control_group, "");
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->heartbeat_timeout_ms, 1000);
	assert_true(c->metadata);
	assert_int_equal(c->frames, 65536);
	assert_int_equal(c->frame_size, 4096);
	assert_int_equal(c->hugepages, WANT_AUTO);
	assert_pos(c->frames_pos, 0, 0);
	assert_int_equal(c->reserve, 1024);
	assert_int_equal(c->pool_batch, 64);
	assert_int_equal(c->pool_window_ms, 100);
	assert_true(c->pool_pressure);
	assert_int_equal(c->n_cores, 0);
	assert_int_equal(c->idle_us, 200);
	assert_pos(c->cores_pos, 0, 0);
	assert_true(c->metrics);
	assert_string_equal(c->metrics_host, "127.0.0.1");
	assert_int_equal(c->metrics_port, 9750);
	assert_int_equal(c->fdb_ageing_s, 300);
	assert_int_equal(c->fdb_limit, 1024);
	assert_int_equal(c->n_fdb_statics, 0);
	assert_null(c->fdb_statics);
	assert_int_equal(c->n_vms, 0);
	assert_null(c->vms);
	assert_int_equal(c->n_bypass, 0);
	assert_null(c->bypass);
	config_free(c);
}

static void defaults_of_ports(void **state)
{
	struct config *c =
		parse(U "vms:\n"
			"- {name: a, mac: 02:00:00:00:00:01,"
			" device: {type: tap, name: t}}\n"
			"fdb: {static: [{mac: 02:00:00:00:00:09, port: a}]}\n");
	const struct config_uplink *uplink = &c->uplinks[0];
	const struct config_vm *vm = &c->vms[0];

	(void)state;
	assert_int_equal(c->n_uplinks, 1);
	assert_int_equal(vlan_count(uplink), 4095);
	assert_int_equal(uplink->queues, 0);
	assert_int_equal(uplink->zero_copy, WANT_AUTO);
	assert_int_equal(uplink->way, WAY_KERNEL);
	assert_true(uplink->learn);
	assert_true(uplink->host);
	assert_int_equal(uplink->mtu, 0);
	assert_int_equal(uplink->reserve, 1024);
	assert_int_equal(uplink->out_max, 2048);

	assert_int_equal(c->n_vms, 1);
	assert_int_equal(vm->n_macs, 1);
	assert_int_equal(vm->n_addrs, 0);
	assert_null(vm->addrs);
	assert_int_equal(vm->vlan, 0);
	assert_false(vm->guest_tags);
	assert_false(vm->learn);
	assert_int_equal(vm->way, WAY_KERNEL);
	assert_int_equal(vm->mtu, 1500);
	assert_pos(vm->mtu_pos, 0, 0);
	assert_int_equal(vm->class, 0);
	assert_false(vm->device.create);
	assert_string_equal(vm->device.peer, "");
	assert_string_equal(vm->device.netns, "");
	assert_true(vm->device.owner == (uid_t)-1);
	assert_true(vm->device.allow_uid == (uid_t)-1);
	assert_false(vm->device.vnet_hdr);
	assert_int_equal(vm->pool.min, 64);
	assert_int_equal(vm->pool.initial, 64);
	assert_int_equal(vm->pool.max, 4096);
	assert_pos(vm->pool.min_pos, 0, 0);
	assert_pos(vm->pool.initial_pos, 0, 0);
	assert_pos(vm->pool.max_pos, 0, 0);
	assert_int_equal(vm->n_uplink_queues, 0);
	assert_pos(vm->uplink_queues_pos, 0, 0);
	assert_false(vm->isolated);
	assert_int_equal(c->fdb_statics[0].vlan, 0);
	config_free(c);
}

/* ---- every key ---- */

static void values_of_the_host(void **state)
{
	static const uint8_t macs[2][6] = {
		{ 0x52, 0x54, 0, 0xff, 0xff, 0x0a },
		{ 0x52, 0x54, 0, 0xff, 0xff, 0x0b },
	};
	struct config *c = parse(all_keys);

	(void)state;
	assert_string_equal(c->bpffs, "/sys/fs/bpf/two");
	assert_string_equal(c->run_dir, "/run/two");
	assert_string_equal(c->control_path, "/run/ctl");
	assert_int_equal(c->control_mode, 0600);
	assert_string_equal(c->control_group, "netadm");
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->heartbeat_timeout_ms, 60000);
	assert_false(c->metadata);
	assert_int_equal(c->frames, 4194304);
	assert_pos(c->frames_pos, 8, 18);
	assert_int_equal(c->frame_size, 2048);
	assert_int_equal(c->reserve, 65536);
	assert_int_equal(c->pool_batch, 1024);
	assert_int_equal(c->pool_window_ms, 10);
	assert_false(c->pool_pressure);
	assert_int_equal(c->hugepages, WANT_REQUIRE);
	assert_int_equal(c->n_cores, 3);
	assert_int_equal(c->cores[0], 3);
	assert_int_equal(c->cores[1], 1023);
	assert_int_equal(c->cores[2], 0);
	assert_pos(c->cores_pos, 9, 18);
	assert_int_equal(c->idle_us, 0);
	assert_true(c->metrics);
	assert_string_equal(c->metrics_host, "::1");
	assert_int_equal(c->metrics_port, 65535);
	assert_int_equal(c->fdb_ageing_s, 10);
	assert_int_equal(c->fdb_limit, 16384);
	assert_int_equal(c->n_fdb_statics, 2);
	assert_memory_equal(c->fdb_statics[0].mac, macs[0], 6);
	assert_int_equal(c->fdb_statics[0].vlan, 7);
	assert_string_equal(c->fdb_statics[0].port, "wan");
	assert_pos(c->fdb_statics[0].pos, 15, 5);
	assert_memory_equal(c->fdb_statics[1].mac, macs[1], 6);
	assert_int_equal(c->fdb_statics[1].vlan, 4094);
	assert_string_equal(c->fdb_statics[1].port, "vm.1");
	config_free(c);
}

static void values_of_uplinks(void **state)
{
	struct config *c = parse(all_keys);
	const struct config_uplink *uplink = &c->uplinks[0];

	(void)state;
	assert_int_equal(c->n_uplinks, 2);
	assert_string_equal(uplink->name, "wan");
	assert_string_equal(uplink->device, "enp1s0f0np0");
	assert_int_equal(vlan_count(uplink), 5);
	assert_true(config_uplink_has_vlan(uplink, 0));
	assert_true(config_uplink_has_vlan(uplink, 7));
	assert_true(config_uplink_has_vlan(uplink, 100));
	assert_true(config_uplink_has_vlan(uplink, 102));
	assert_false(config_uplink_has_vlan(uplink, 103));
	assert_int_equal(uplink->queues, 64);
	assert_int_equal(uplink->zero_copy, WANT_REQUIRE);
	assert_int_equal(uplink->way, WAY_AGENT);
	assert_false(uplink->learn);
	assert_false(uplink->host);
	assert_int_equal(uplink->mtu, 1770);
	assert_int_equal(uplink->reserve, 128);
	assert_int_equal(uplink->out_max, 65536);
	assert_pos(uplink->pos, 18, 3);
	assert_pos(uplink->device_pos, 19, 11);
	assert_int_equal(vlan_count(&c->uplinks[1]), 1);
	assert_true(config_uplink_has_vlan(&c->uplinks[1], 4094));
	assert_int_equal(c->uplinks[1].zero_copy, WANT_OFF);
	config_free(c);
}

static void values_of_a_veth(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 2 };
	static const uint8_t v4[16] = { 192, 0, 2, 1 };
	static const uint8_t v6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 1 };
	struct config *c = parse(all_keys);
	const struct config_vm *vm = &c->vms[0];

	(void)state;
	assert_int_equal(c->n_vms, 4);
	assert_string_equal(vm->name, "vm.1");
	assert_int_equal(vm->n_macs, 2);
	assert_memory_equal(vm->macs[1], mac, 6);
	assert_pos(vm->mac_pos[0], 44, 9);
	assert_pos(vm->mac_pos[1], 44, 28);
	assert_int_equal(vm->n_addrs, 4);
	assert_int_equal(vm->addrs[0].family, 4);
	assert_memory_equal(vm->addrs[0].addr, v4, 16);
	assert_int_equal(vm->addrs[1].family, 6);
	assert_int_equal(vm->addrs[2].family, 6);
	assert_memory_equal(vm->addrs[2].addr, v6, 16);
	assert_int_equal(vm->addrs[3].family, 4);
	assert_int_equal(vm->vlan, 4094);
	assert_true(vm->guest_tags);
	assert_true(vm->learn);
	assert_int_equal(vm->way, WAY_AGENT);
	assert_int_equal(vm->mtu, 576);
	assert_pos(vm->mtu_pos, 50, 8);
	assert_int_equal(vm->class, 7);
	assert_int_equal(vm->device.type, DEVICE_VETH);
	assert_string_equal(vm->device.name, "v1");
	assert_true(vm->device.create);
	assert_string_equal(vm->device.peer, "eth0");
	assert_string_equal(vm->device.netns, "blue");
	assert_pos(vm->device.pos, 63, 5);
	assert_pos(vm->device.name_pos, 64, 11);
	assert_int_equal(vm->pool.initial, 256);
	assert_int_equal(vm->pool.max, 1048576);
	assert_int_equal(vm->pool.min, 256);
	assert_pos(vm->pool.initial_pos, 68, 19);
	assert_pos(vm->pool.max_pos, 68, 29);
	assert_pos(vm->pool.min_pos, 68, 43);
	assert_pos(vm->pos, 43, 3);
	config_free(c);
}

static void values_of_a_tap(void **state)
{
	struct config *c = parse(all_keys);
	const struct config_vm *vm = &c->vms[1];

	(void)state;
	assert_string_equal(vm->name, "vm_2");
	assert_int_equal(vm->n_macs, 1);
	assert_pos(vm->mac_pos[0], 70, 8);
	assert_int_equal(vm->n_addrs, 1);
	assert_int_equal(vm->device.type, DEVICE_TAP);
	assert_int_equal(vm->device.owner, 4242);
	assert_int_equal(vm->device.allow_uid, 4242);
	assert_string_equal(vm->device.allow_cgroup, "/vm.slice/t1.scope");
	assert_true(vm->device.vnet_hdr);
	assert_int_equal(vm->pool.min, 64);
	assert_int_equal(vm->pool.initial, 257);
	assert_int_equal(vm->pool.max, 4096);
	config_free(c);
}

static void values_of_a_vhost_user_vm(void **state)
{
	struct config *c = parse(all_keys);
	const struct config_device *device = &c->vms[2].device;

	(void)state;
	assert_int_equal(device->type, DEVICE_VHOST_USER);
	assert_string_equal(device->name, "");
	assert_pos(device->name_pos, 0, 0);
	assert_string_equal(device->vhost.socket, "/run/q1 a.sock");
	assert_pos(device->vhost.socket_pos, 82, 13);
	assert_int_equal(device->vhost.mode, SOCKET_SERVER);
	assert_int_equal(device->vhost.socket_mode, 0666);
	assert_int_equal(device->vhost.queues, 16);
	assert_int_equal(device->allow_uid, 64055);
	assert_string_equal(device->allow_cgroup, "/vm.slice/q1.scope");
	assert_true(device->vhost.csum);
	assert_true(device->vhost.tso);
	assert_false(device->vhost.gro);
	assert_int_equal(device->vhost.call_packets, 256);
	assert_int_equal(device->vhost.call_us, 1000);

	device = &c->vms[3].device;
	assert_string_equal(device->vhost.socket, "/run/q2.sock");
	assert_int_equal(device->vhost.mode, SOCKET_CLIENT);
	assert_int_equal(device->vhost.socket_mode, 0600);
	assert_int_equal(device->vhost.queues, 1);
	assert_true(device->allow_uid == (uid_t)-1);
	assert_string_equal(device->allow_cgroup, "");
	assert_true(device->vhost.csum);
	assert_true(device->vhost.tso);
	assert_true(device->vhost.gro);
	assert_int_equal(device->vhost.call_packets, 1);
	assert_int_equal(device->vhost.call_us, 0);
	assert_int_equal(c->vms[3].n_uplink_queues, 2);
	assert_int_equal(c->vms[3].uplink_queues[0], 62);
	assert_int_equal(c->vms[3].uplink_queues[1], 0);
	assert_pos(c->vms[3].uplink_queues_pos, 93, 18);
	assert_true(c->vms[3].isolated);
	config_free(c);
}

static void values_of_bypass(void **state)
{
	struct config *c = parse(all_keys);

	(void)state;
	assert_int_equal(c->n_bypass, 3);
	assert_int_equal(c->bypass[0].kind, BYPASS_VMS);
	assert_int_equal(c->bypass[0].n_vms, 2);
	assert_string_equal(c->bypass[0].vms[0], "q2");
	assert_string_equal(c->bypass[0].vms[1], "q1");
	assert_pos(c->bypass[0].pos, 96, 3);
	assert_int_equal(c->bypass[1].kind, BYPASS_VLAN);
	assert_int_equal(c->bypass[1].vlan, 0);
	assert_int_equal(c->bypass[2].kind, BYPASS_CLASS);
	assert_int_equal(c->bypass[2].class, 7);
	config_free(c);
}

/* ---- offloads that follow from others ---- */

static void offloads(void **state)
{
	static const struct {
		const char *text;
		bool csum, tso, gro;
	} rows[] = {
		{ "", true, true, true },
		{ ", offloads: {}", true, true, true },
		{ ", offloads: {csum: false}", false, false, false },
		{ ", offloads: {tso: false}", true, false, false },
		{ ", offloads: {gro: false}", true, true, false },
		{ ", offloads: {csum: false, tso: false, gro: false}", false,
		  false, false },
		{ ", offloads: {tso: true}", true, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct config_vhost *vhost;
		struct config *c;
		char text[512];

		snprintf(text, sizeof(text),
			 U "vms: [{name: a, mac: 02:00:00:00:00:01, device: "
			   "{type: vhost-user, socket: /s%s}}]\n",
			 rows[i].text);
		c = parse(text);
		vhost = &c->vms[0].device.vhost;
		assert_int_equal(vhost->csum, rows[i].csum);
		assert_int_equal(vhost->tso, rows[i].tso);
		assert_int_equal(vhost->gro, rows[i].gro);
		config_free(c);
	}
}

/* ---- sizes of pools that follow from others ---- */

static void pools(void **state)
{
	static const struct {
		const char *text;
		uint32_t min, initial, max;
	} rows[] = {
		{ "{}", 64, 64, 4096 },
		{ "{initial: 4096}", 64, 4096, 4096 },
		{ "{initial: 4097}", 64, 4097, 4097 },
		{ "{initial: 65}", 64, 65, 4096 },
		{ "{min: 65}", 65, 65, 4096 },
		{ "{min: 5000}", 5000, 5000, 5000 },
		{ "{min: 65, initial: 5000}", 65, 5000, 5000 },
		{ "{max: 64}", 64, 64, 64 },
		{ "{min: 300, max: 300}", 300, 300, 300 },
		{ "{min: 65, initial: 66, max: 67}", 65, 66, 67 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct config_pool *pool;
		struct config *c;
		char text[512];

		snprintf(text, sizeof(text),
			 U "vms: [{name: a, mac: 02:00:00:00:00:01, device: "
			   "{type: tap, name: t}, pool: %s}]\n",
			 rows[i].text);
		c = parse(text);
		pool = &c->vms[0].pool;
		assert_int_equal(pool->min, rows[i].min);
		assert_int_equal(pool->initial, rows[i].initial);
		assert_int_equal(pool->max, rows[i].max);
		config_free(c);
	}
}

/* As many queues as VMs can have for themselves; the same number, but of
 * another uplink; memory that is not of memory.frames. */
static void queues_of_their_own(void **state)
{
	struct config *c =
		parse("uplinks:\n"
		      "- {name: a, device: a, vlans: 1, queues: 3}\n"
		      "- {name: b, device: b, vlans: [2, 3]}\n"
		      "vms:\n"
		      "- {name: c, mac: 02:00:00:00:00:01, vlan: 1,"
		      " device: {type: tap, name: t1}, uplink_queues: [2, 0]}\n"
		      "- {name: d, mac: 02:00:00:00:00:02, vlan: 2,"
		      " device: {type: tap, name: t2}, uplink_queues: 2,"
		      " isolated: true, pool: {min: 4GiB}}\n"
		      "- {name: e, mac: 02:00:00:00:00:03, vlan: 3,"
		      " device: {type: veth, name: v3}, uplink_queues: 63,"
		      " isolated: true}\n"
		      "- {name: f, mac: 02:00:00:00:00:04, vlan: 4,"
		      " device: {type: tap, name: t4}, uplink_queues: []}\n"
		      /* 2 * 64 + 2 * 2048 + 4 * 1024 + 1024 */
		      "memory: {frames: 9344}\n");

	(void)state;
	assert_int_equal(c->vms[0].n_uplink_queues, 2);
	assert_int_equal(c->vms[1].n_uplink_queues, 1);
	assert_int_equal(c->vms[1].uplink_queues[0], 2);
	assert_int_equal(c->vms[1].pool.max, 1048576);
	assert_int_equal(c->vms[3].n_uplink_queues, 0);
	config_free(c);
}

/* ---- bypass ---- */

#define VQ(n, more)                                    \
	"- {name: " n ", mac: 02:00:00:00:00:0" n ", " \
	"device: {type: vhost-user, socket: /" n "}" more "}\n"

/* Which rule lets which VM's packets pass to which other: -1 for none. */
static void bypass_allows(void **state)
{
	static const char vms[] = U "vms:\n" VQ("1", "") VQ("2", "") VQ(
		"3", ", class: 5") VQ("4", ", vlan: 9")
		VQ("5",
		   ", vlan: 9") "- {name: t, mac: 02:00:00:00:00:06, device: {type: tap, name: t}}\n";
	static const struct {
		const char *rules;
		int from, to, rule;
	} rows[] = {
		{ "[]", 1, 2, -1 },
		{ "[{vms: [1, 2]}]", 1, 2, 0 },
		{ "[{vms: [1, 2]}]", 2, 1, 0 },
		{ "[{vms: [1, 2]}]", 1, 3, -1 },
		{ "[{vms: [1, 2]}]", 3, 2, -1 },
		{ "[{vms: [3, 2, 1]}]", 1, 3, 0 },
		{ "[{vms: [1, 2]}, {vms: [2, 3]}]", 3, 2, 1 },
		{ "[{vms: [1, 2]}, {vms: [2, 3]}]", 3, 1, -1 },
		{ "[{vlan: 9}]", 4, 5, 0 },
		{ "[{vlan: 9}]", 1, 2, -1 },
		{ "[{vlan: 9}, {vlan: 0}]", 1, 2, 1 },
		{ "[{class: 5}]", 3, 1, 0 },
		{ "[{class: 5}]", 1, 3, -1 },
		{ "[{class: 0}]", 1, 3, 0 },
		{ "[{class: 5}, {vms: [1, 2]}, {vlan: 0}]", 1, 2, 1 },
		{ "[{class: 5}, {vms: [1, 2]}, {vlan: 0}]", 1, 3, 2 },
		/* never: itself, another network, no vhost-user VM */
		{ "[{class: 0}, {vlan: 0}]", 1, 1, -1 },
		{ "[{class: 0}, {vlan: 0}, {vlan: 9}]", 1, 4, -1 },
		{ "[{class: 0}, {vlan: 0}]", 1, 6, -1 },
		{ "[{class: 0}, {vlan: 0}]", 6, 1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t untouched = 77;
		uint32_t rule = untouched;
		char text[2048];
		struct config *c;
		bool allowed;

		snprintf(text, sizeof(text), "%sbypass: %s\n", vms,
			 rows[i].rules);
		c = parse(text);
		allowed = config_bypass_allows(c, &c->vms[rows[i].from - 1],
					       &c->vms[rows[i].to - 1], &rule);
		if (allowed != (rows[i].rule >= 0) ||
		    rule != (allowed ? (uint32_t)rows[i].rule : untouched))
			fail_msg("%s: %d to %d: %d, rule %u", rows[i].rules,
				 rows[i].from, rows[i].to, allowed, rule);
		config_free(c);
	}
}

/* ---- other ways to write a value ---- */

/* Texts that all mean the same. */
static void writings(void **state)
{
	static const char *const same[] = {
		/* quotes do not matter */
		U "memory: {frames: \"8192\"}\n",
		U "memory: {frames: '8192'}\n",
		"\xef\xbb\xbf" U "memory: {frames: 8192}\n",
		U "memory:\r\n  frames: 8192\r\n",
		"---\n" U "memory: {frames: 8192}\n...\n",
		"%YAML 1.1\n---\n" U "memory: {frames: 8192}\n",
		"{\"uplinks\": [{\"name\": \"wan\", \"device\": \"eth1\"}],"
		" \"memory\": {\"frames\": 8192}}\n",
		/* a key without a value is as good as none, if it has keys */
		U "agent:\nvms:\nfdb: ~\nmetrics: null\n"
		  "workers: {cores: }\nmemory: {frames: 8192}\n",
		U "fdb: {static: }\nworkers: {cores: []}\nvms: []\n"
		  "memory: {frames: 8192}\n",
		/* text that no key is affected by */
		U "# caf\xc3\xa9\nmemory: {frames: 8192} # \xe2\x82\xac\n",
		U "memory: &m {frames: 8192}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct config *c = parse(same[i]);

		assert_int_equal(c->frames, 8192);
		assert_int_equal(c->n_cores, 0);
		assert_int_equal(c->n_vms, 0);
		assert_string_equal(c->uplinks[0].device, "eth1");
		assert_int_equal(c->metrics_port, 9750);
		config_free(c);
	}
}

static void other_values(void **state)
{
	struct config *c =
		parse("uplinks: [{name: wan, device: eth1,"
		      " vlans: [1-9, all]}]\n"
		      "metrics: {listen: off}\n"
		      "agent: {run_dir: /r, control: {mode: 00, group: none}}\n"
		      "workers: {cores: 5}\n"
		      "vms:\n"
		      "- name: \"null\"\n"
		      "  mac: 02:00:00:00:00:01\n"
		      "  device: {type: tap, name: t, owner: root}\n");

	(void)state;
	assert_int_equal(vlan_count(&c->uplinks[0]), 4095);
	assert_false(c->metrics);
	assert_string_equal(c->control_path, "/r/control.sock");
	assert_int_equal(c->control_mode, 0);
	assert_string_equal(c->control_group, "");
	assert_int_equal(c->n_cores, 1);
	assert_int_equal(c->cores[0], 5);
	assert_string_equal(c->vms[0].name, "null");
	assert_int_equal(c->vms[0].device.owner, 0);
	config_free(c);
}

/* Two VMs may share what they do not share a network or namespace for. */
static void same_elsewhere(void **state)
{
	struct config *c = parse(
		U "vms:\n"
		  "- name: a\n"
		  "  mac: 02:00:00:00:00:01\n"
		  "  addresses: [192.0.2.1, 0.0.0.0]\n"
		  "  vlan: 1\n"
		  "  device: {type: veth, name: va, peer: eth0, netns: a}\n"
		  "- name: b\n"
		  "  mac: 02:00:00:00:00:01\n"
		  "  addresses: [192.0.2.1, 0.0.0.0]\n"
		  "  vlan: 2\n"
		  "  device: {type: veth, name: vb, peer: eth0, netns: b}\n"
		  "- name: c\n"
		  "  mac: 02:00:00:00:00:02\n"
		  "  addresses: [192.0.2.2, 0.0.0.0]\n"
		  "  vlan: 2\n"
		  "  device: {type: veth, name: vc}\n"
		  "fdb:\n"
		  "  static: [{mac: 02:00:00:00:00:01, vlan: 3, port: wan}]\n");

	(void)state;
	assert_int_equal(c->n_vms, 3);
	config_free(c);
}

static void aliases(void **state)
{
	struct config *c = parse(U
				 "vms:\n"
				 "- name: a\n"
				 "  mac: 02:00:00:00:00:01\n"
				 "  device: {type: tap, name: t1}\n"
				 "  pool: &small {initial: 300, max: &n 4096}\n"
				 "- name: b\n"
				 "  mac: 02:00:00:00:00:02\n"
				 "  device: {type: tap, name: t2}\n"
				 "  pool: *small\n"
				 "- name: c\n"
				 "  mac: 02:00:00:00:00:03\n"
				 "  device: {type: tap, name: t3}\n"
				 "  pool: &small {initial: *n}\n"
				 "- name: d\n"
				 "  mac: 02:00:00:00:00:04\n"
				 "  device: {type: tap, name: t4}\n"
				 "  pool: *small\n");

	(void)state;
	assert_int_equal(c->vms[1].pool.initial, 300);
	assert_int_equal(c->vms[1].pool.max, 4096);
	assert_int_equal(c->vms[2].pool.initial, 4096);
	assert_int_equal(c->vms[3].pool.initial, 4096);
	/* An alias stands where its anchor does. */
	assert_pos(c->vms[3].pool.initial_pos, 6, 36);
	config_free(c);
}

/* Bytes become frames of the size that counts, wherever that stands. */
static void frames_in_bytes(void **state)
{
	static const struct {
		const char *before, *after;
		uint32_t frames, reserve, max;
	} rows[] = {
		{ "memory: {frames: 64MiB}\n", "", 16384, 256, 1025 },
		{ "memory: {frames: 64MiB, frame_size: 4096}\n", "", 16384, 256,
		  1025 },
		{ "memory: {frame_size: 2048, frames: 64MiB}\n", "", 32768, 512,
		  2049 },
		{ "", "memory: {frames: 64MiB, frame_size: 2048}\n", 32768, 512,
		  2049 },
		{ "agent: {}\n", "memory: {frame_size: \"2048\"}\n", 65536, 512,
		  2049 },
		{ "", "", 65536, 256, 1025 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c;
		char text[512];

		snprintf(text, sizeof(text),
			 "%suplinks: [{name: a, device: a, reserve: 1MiB}]\n"
			 "vms: [{name: c, mac: 02:00:00:00:00:01, device: "
			 "{type: tap, name: t}, pool: {initial: 256, max: "
			 "4097KiB}}]\n%s",
			 rows[i].before, rows[i].after);
		c = parse(text);
		assert_int_equal(c->frames, rows[i].frames);
		assert_int_equal(c->uplinks[0].reserve, rows[i].reserve);
		assert_int_equal(c->vms[0].pool.max, rows[i].max);
		config_free(c);
	}
}

static void frames_that_just_fit(void **state)
{
	struct config *c = parse(
		"uplinks:\n"
		"- {name: a, device: a, vlans: 1, queues: 2, out_max: 64}\n"
		"- {name: b, device: b, vlans: 2, reserve: 128}\n"
		"vms:\n"
		"- {name: c, mac: 02:00:00:00:00:01,"
		" device: {type: tap, name: t}, pool: {min: 1000}}\n"
		/* 1000 + 64 + 2048 + 2 * 1024 + 128 + 1024 */
		"memory: {frames: 6312}\n");

	(void)state;
	assert_int_equal(c->frames, 6312);
	assert_int_equal(c->vms[0].pool.initial, 1000);
	config_free(c);
}

static void largest_mtus(void **state)
{
	struct config *c =
		parse("uplinks: [{name: a, device: a, mtu: 3498}]\n"
		      "vms: [{name: c, mac: 02:00:00:00:00:01, mtu: 3498,"
		      " device: {type: tap, name: t}}]\n");

	(void)state;
	assert_int_equal(c->uplinks[0].mtu, 3498);
	assert_int_equal(c->vms[0].mtu, 3498);
	config_free(c);
}

/* ---- the table ---- */

/* Notes in @seen which rows of the table the mapping @node, whose keys stand
 * below @prefix, and all below it have. */
static void note_keys(const struct config_node *node, const char *prefix,
		      bool *seen)
{
	for (size_t i = 0; i + 1 < node->n_items; i += 2) {
		const struct config_node *value = node->items[i + 1];
		const struct schema_key *key =
			schema_find(prefix, node->items[i]->text);
		char below[128];

		assert_non_null(key);
		seen[key - schema_keys] = true;
		if (key->type == SCHEMA_MAP) {
			snprintf(below, sizeof(below), "%s.", key->path);
			note_keys(value, below, seen);
		}
		for (size_t j = 0;
		     key->type == SCHEMA_LIST && j < value->n_items; j++) {
			snprintf(below, sizeof(below), "%s[].", key->path);
			note_keys(value->items[j], below, seen);
		}
	}
}

static void assert_has_every_key(const char *text, size_t len)
{
	bool *seen = calloc(schema_n_keys, sizeof(*seen));
	char err[512] = "";
	struct config_error error = { "F", err, sizeof(err) };
	struct config_tree tree;

	assert_non_null(seen);
	if (config_tree_init(&tree, text, len, &error))
		fail_msg("%s", err);
	note_keys(tree.root, "", seen);
	for (size_t i = 0; i < schema_n_keys; i++)
		if (!seen[i])
			fail_msg("%s is not there", schema_keys[i].path);
	config_tree_done(&tree);
	free(seen);
}

static void every_key_is_accepted(void **state)
{
	(void)state;
	assert_has_every_key(all_keys, strlen(all_keys));
	config_free(parse(all_keys));
}

static void values_of_rates(void **state)
{
	struct config *c = parse(all_keys);
	const struct config_shape *shape = &c->uplinks[0].shape;
	const struct config_class *class = &shape->classes[1];
	const struct config_vm *vm = &c->vms[0];

	(void)state;
	assert_true(shape->rate == 2000000000);
	assert_int_equal(shape->packets, 1000000);
	assert_int_equal(shape->burst, 1 << 20);
	assert_int_equal(shape->quantum_us, 1);
	assert_int_equal(shape->queue, 64);
	assert_int_equal(shape->n_classes, 2);
	assert_int_equal(shape->classes[0].class, 7);
	assert_true(shape->classes[0].strict);
	assert_int_equal(shape->classes[0].weight, 1);
	assert_int_equal(shape->classes[0].limit, 64);
	assert_int_equal(shape->classes[0].vm_limit, 1);
	assert_true(shape->classes[0].rate.max == 100000000);
	assert_int_equal(shape->classes[0].rate.burst, 0);
	assert_int_equal(class->weight, 256);
	assert_int_equal(class->target_us, 5000);
	assert_int_equal(class->interval_us, 1000);
	assert_int_equal(class->mark_us, 1000);
	assert_true(class->ecn);
	assert_true(class->rate.min == 1000);
	assert_int_equal(class->rate.min_packets, 1);
	assert_int_equal(class->rate.burst, 16 << 10);
	assert_int_equal(c->uplinks[1].shape.n_classes, 0);
	assert_int_equal(c->uplinks[1].shape.queue, 1024);
	assert_true(vm->rate_in.max == 1000000000000);
	assert_int_equal(vm->rate_in.max_packets, 1000000000);
	assert_int_equal(vm->rate_in.burst, 256 << 20);
	assert_true(vm->rate_out.max == 1000);
	assert_int_equal(vm->rate_out.burst, 1);
	assert_int_equal(vm->weight, 256);
	assert_int_equal(vm->shape.n_classes, 2);
	assert_int_equal(c->vms[1].weight, 1);
	/* Packets as long as its MTU. */
	assert_true(config_rate_min(&c->vms[2].rate_in, 1500) == 10000000);
	assert_true(config_rate_min(&class->rate, 1500) == 1538 * 8);
	config_free(c);
}

static void values_of_rules(void **state)
{
	struct config *c = parse(all_keys);
	const struct config_rule *rule = &c->rules[0];

	(void)state;
	assert_int_equal(c->n_rules, 2);
	assert_int_equal(rule->class, 7);
	assert_int_equal(rule->n_dscp, 2);
	assert_int_equal(rule->dscp[1], 63);
	assert_int_equal(rule->n_pcp, 2);
	assert_int_equal(rule->pcp[0], 5);
	assert_int_equal(rule->n_vlans, 2);
	assert_int_equal(rule->vlans[1], 4094);
	assert_int_equal(rule->protocol, PROTOCOL_UDP);
	assert_int_equal(rule->n_ports, 2);
	assert_int_equal(rule->ports[1], 65535);
	assert_int_equal(rule->n_vms, 2);
	assert_string_equal(rule->vms[0], "q2");
	assert_int_equal(c->rules[1].n_vms, 0);
	assert_int_equal(c->rules[1].protocol, PROTOCOL_ANY);
	config_free(c);
}

static void table_is_complete(void **state)
{
	char allowed[1024];

	(void)state;
	for (size_t i = 0; i < schema_n_keys; i++) {
		const struct schema_key *key = &schema_keys[i];

		assert_true(strlen(key->text) > 0);
		assert_int_equal(key->text[strlen(key->text) - 1], '.');
		schema_allowed(key, allowed, sizeof(allowed));
		assert_in_range(strlen(allowed), 1, 300);
		assert_true(key->min <= key->max);
		assert_true(key->min_items <= key->max_items);
		if (key->type == SCHEMA_NUMBER)
			assert_true(key->max > 0 && key->unit);
		if (key->type == SCHEMA_FRAMES)
			assert_true(key->min > 0 && !key->unit);
		if (key->type != SCHEMA_MAP && key->type != SCHEMA_LIST)
			assert_true(key->required || key->def || key->def_text);
		assert_false(key->required && (key->def || key->def_text));
	}
}

/* The man page's list has each key as an item, in the table's order. */
static void printed_keys(void **state)
{
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	static char text[65536];
	const char *p = text;

	(void)state;
	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	config_print_keys_mdoc();
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	assert_in_range(fread(text, 1, sizeof(text) - 1, file), 1,
			sizeof(text) - 2);
	fclose(file);
	for (size_t i = 0; i < schema_n_keys; i++) {
		char item[128];

		snprintf(item, sizeof(item), "\n.It Sy %s\n",
			 schema_keys[i].path);
		p = strstr(p, item);
		if (!p)
			fail_msg("%s", item);
	}
}

/* ---- files ---- */

static void example_files(void **state)
{
	static const char annotated[] = "configs/pktagent.yaml";
	struct config *config;
	char err[1024] = "";
	static char text[65536];
	ssize_t len;
	int fd;

	(void)state;
	if (config_load("configs/minimal.yaml", &config, err, sizeof(err)))
		fail_msg("%s", err);
	assert_string_equal(config->file, "configs/minimal.yaml");
	config_free(config);
	if (config_load(annotated, &config, err, sizeof(err)))
		fail_msg("%s", err);
	config_free(config);
	fd = open(annotated, O_RDONLY);
	len = read(fd, text, sizeof(text));
	assert_in_range(len, 1, sizeof(text) - 1);
	close(fd);
	assert_has_every_key(text, (size_t)len);
}

static void files_that_cannot_be_read(void **state)
{
	char fifo[] = "/tmp/test_config.XXXXXX";
	struct config *config = NULL;
	char expected[128];
	char err[256];

	(void)state;
	assert_int_equal(config_load("/nonexistent/f.yaml", &config, err,
				     sizeof(err)),
			 -ENOENT);
	assert_string_equal(err, "/nonexistent/f.yaml: cannot be read: No such "
				 "file or directory");
	assert_int_equal(config_load("/dev", &config, err, sizeof(err)),
			 -EINVAL);
	assert_string_equal(err, "/dev: not a regular file");
	/* Must not wait for a writer. */
	assert_non_null(mkdtemp(fifo));
	snprintf(expected, sizeof(expected), "%s/fifo", fifo);
	assert_int_equal(mkfifo(expected, 0600), 0);
	assert_int_equal(config_load(expected, &config, err, sizeof(err)),
			 -EINVAL);
	unlink(expected);
	rmdir(fifo);
	assert_null(config);
}

/* ---- limits ---- */

/* Parses @n bytes at @text, which must be refused for @error. Frees @text. */
static void refused(char *text, size_t n, const char *error)
{
	struct config *config = NULL;
	char err[1024];

	assert_int_equal(config_parse(text, n, "F", &config, err, sizeof(err)),
			 -EINVAL);
	assert_null(config);
	if (!strstr(err, error))
		fail_msg("%s\nshould say: %s", err, error);
	free(text);
}

/* @head and @n times @part. */
static char *repeat(const char *head, const char *part, size_t n)
{
	char *text = malloc(strlen(head) + n * strlen(part) + 1);
	char *end = text;

	assert_non_null(text);
	end = stpcpy(end, head);
	for (size_t i = 0; i < n; i++)
		end = stpcpy(end, part);
	return text;
}

static void size_limits(void **state)
{
	char *text = repeat("# ", "x", CONFIG_TREE_BYTES - 1);

	(void)state;
	refused(text, CONFIG_TREE_BYTES + 1,
		"F:1:1: (file): 1048577 bytes: must be at most 1048576 bytes");
	text = repeat(U "vms: [", "a,", CONFIG_TREE_NODES);
	refused(text, strlen(text), "must have at most 100000 values");
	text = repeat(U "vms:\n- &a 1\n", "- *a\n", CONFIG_TREE_NODES);
	refused(text, strlen(text), "must have at most 100000 values");
	text = repeat(U "vms: [", "&a 1,", CONFIG_TREE_ANCHORS + 1);
	refused(text, strlen(text), "must have at most 256 anchors");
	text = repeat("", "[", CONFIG_TREE_BYTES);
	refused(text, CONFIG_TREE_BYTES, "not be nested deeper than 16 levels");
	text = repeat("", "- ", CONFIG_TREE_BYTES / 2);
	refused(text, CONFIG_TREE_BYTES, "not be nested deeper than 16 levels");
	text = repeat("", "%TAG !a! x\n", CONFIG_TREE_BYTES / 11);
	refused(text, strlen(text), "F:1:1: (file): \"%TAG\": tags");
	text = repeat(U "vms: [", "{},", 241);
	strcpy(text + strlen(text) - 1, "]");
	refused(text, strlen(text), "vms: 241 entries: must have 0 to 240");
}

/* Aliases of aliases: ten levels of ten are ten thousand million. */
static void alias_bomb(void **state)
{
	char text[2048] = U "vms: &a0 [x]\n";

	(void)state;
	for (int i = 1; i < 12; i++) {
		size_t len = strlen(text);

		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"x%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"*a%d,", i - 1);
		snprintf(text + len, sizeof(text) - len, "]\n");
	}
	refused(strdup(text), strlen(text), "F:2:11: vms[0]: \"x\"");
}

static void too_many_addresses(void **state)
{
	char *text = malloc(CONFIG_TREE_BYTES);
	size_t len =
		(size_t)sprintf(text, "memory: {frames: 4194304}\n" U "vms:\n");

	(void)state;
	for (int i = 0; i < 17; i++) {
		len += (size_t)sprintf(text + len,
				       "- name: vm%d\n"
				       "  mac: 02:00:00:00:00:%02x\n"
				       "  device: {type: tap, name: t%d}\n"
				       "  addresses: [",
				       i, i, i);
		for (int j = 0; j < 1024; j++)
			len += (size_t)sprintf(text + len, "10.%d.%d.%d, ", i,
					       j / 256, j % 256);
		len += (size_t)sprintf(text + len, "]\n");
	}
	refused(text, len, "vms[16].addresses: a list: makes 17408 addresses");
}

/* Whatever room there is for it, an error is a string that fits. */
static void short_buffers(void **state)
{
	static const char text[] = "colour: red\n";
	struct config *config;
	char whole[1024];
	char err[1024];

	(void)state;
	config_parse(text, strlen(text), "F", &config, whole, sizeof(whole));
	for (size_t size = 1; size < 200; size++) {
		memset(err, 'x', sizeof(err));
		assert_int_equal(config_parse(text, strlen(text), "F", &config,
					      err, size),
				 -EINVAL);
		assert_in_range(strlen(err), 0, size - 1);
		assert_memory_equal(err, whole, strlen(err));
		assert_int_equal(err[size], 'x');
	}
}

static void free_nothing(void **state)
{
	(void)state;
	config_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_of_the_host),
		cmocka_unit_test(defaults_of_ports),
		cmocka_unit_test(values_of_the_host),
		cmocka_unit_test(values_of_uplinks),
		cmocka_unit_test(values_of_a_veth),
		cmocka_unit_test(values_of_a_tap),
		cmocka_unit_test(values_of_a_vhost_user_vm),
		cmocka_unit_test(values_of_bypass),
		cmocka_unit_test(offloads),
		cmocka_unit_test(pools),
		cmocka_unit_test(queues_of_their_own),
		cmocka_unit_test(bypass_allows),
		cmocka_unit_test(writings),
		cmocka_unit_test(other_values),
		cmocka_unit_test(same_elsewhere),
		cmocka_unit_test(aliases),
		cmocka_unit_test(frames_in_bytes),
		cmocka_unit_test(frames_that_just_fit),
		cmocka_unit_test(largest_mtus),
		cmocka_unit_test(values_of_rates),
		cmocka_unit_test(values_of_rules),
		cmocka_unit_test(every_key_is_accepted),
		cmocka_unit_test(table_is_complete),
		cmocka_unit_test(printed_keys),
		cmocka_unit_test(example_files),
		cmocka_unit_test(files_that_cannot_be_read),
		cmocka_unit_test(size_limits),
		cmocka_unit_test(alias_bomb),
		cmocka_unit_test(too_many_addresses),
		cmocka_unit_test(short_buffers),
		cmocka_unit_test(free_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
