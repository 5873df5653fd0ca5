/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A made-up agent for what only reads: an uplink with two queues, a VM that is
 * up and one that is not, a worker. Nothing is behind it: no rings, no maps, no
 * threads.
 */
#ifndef TESTS_UNIT_FAKE_H
#define TESTS_UNIT_FAKE_H

#include <stdlib.h>
#include <string.h>

#include "control/snapshot.h"
#include "control/tags.h"
#include "switching/worker.h"

struct fake {
	struct agent agent;
	struct config config;
	struct config_uplink uplink;
	struct config_vm vms[2];
	struct config_addr addrs[2];
	struct port ports[3];	/* slots 1 to 3 */
	struct queue queues[3]; /* two of wan, one of web1 */
	struct queue *wan_queues[2], *web_queues[1];
	struct share share; /* web1's on wan's first queue */
	struct share *wan_shares[2][2], *web_shares[1];
	uint32_t ring_producer;
	struct worker worker;
	struct tag tags[2]; /* of the VMs, once fake_tag() was called */
	struct snapshot *snap;
};

static inline void fake_port(struct fake *fake, uint16_t slot, uint8_t kind,
			     const char *name, const char *ifname)
{
	struct port *port = &fake->ports[slot - 1];

	port->slot = slot;
	port->kind = kind;
	strcpy(port->name, name);
	strcpy(port->ifname, ifname);
	port->ifindex = 10 + slot;
	port->state = PORT_STATE_UP;
	port->up = true;
	port->carrier = true;
	strcpy(port->driver, "veth");
	port->mtu = 1500;
	memcpy(port->mac, "\x02\x00\x00\x00\x00\xff", 6);
	port->xmit = true;
	port->way = WAY_KERNEL;
	fake->agent.ports[slot] = port;
}

static inline void fake_vm(struct fake *fake, uint32_t i)
{
	struct config_vm *vm = &fake->vms[i];
	struct port *port = &fake->ports[1 + i];

	strcpy(vm->name, port->name);
	memcpy(vm->macs[0], "\x52\x54\x00\x00\x01\x01", 6);
	vm->macs[0][5] += i;
	vm->n_macs = 1;
	vm->vlan = 100;
	vm->pool.initial = 2048;
	port->vm_config = vm;
	port->vlan = 100;
	port->uplink = &fake->ports[0];
}

static inline void fake_queue(struct fake *fake, uint32_t i, struct port *port,
			      uint32_t index, struct share **shares)
{
	struct queue *queue = &fake->queues[i];

	queue->port = port;
	queue->index = index;
	queue->id = 7 + i;
	queue->outstanding = 1000 + i;
	queue->target = 1100;
	queue->n_out = 3;
	queue->umem.fill_size = 4096;
	queue->umem.need_wakeup = true;
	strcpy(queue->umem.why, "the driver has no zero-copy");
	queue->n_rx = 1000000 + i;
	queue->n_tx = 2000000 + i;
	queue->n_kicks = 30;
	queue->n_tx_again = 4;
	queue->n_fill_short = 5;
	queue->primary.queue = queue;
	queue->primary.rx.size = 1024;
	shares[0] = &queue->primary;
	queue->shares = shares;
	queue->n_shares = 1;
}

static inline void fake_counters(struct snapshot_port *sp)
{
	sp->counters.to_kernel.packets = 500;
	sp->counters.to_kernel.bytes = 50000;
	sp->counters.src_mac.packets = 12;
	sp->counters.src_mac.bytes = 720;
}

static inline void fake_snapshot(struct fake *fake)
{
	struct snapshot *snap = fake->snap;

	snap->agent = &fake->agent;
	snap->now_ns = 3600 * NS_PER_SEC;
	snap->frames = (struct agent_frames){
		.total = 65536,
		.host = 60000,
		.caches = 128,
		.queues = 5400,
		.out = 8,
	};
	snap->promises = (struct pools_account){
		.total = 65536,
		.spare = 54000,
		.queues = 8000,
		.out = 2000,
		.minimums = 512,
		.reserve = 1024,
	};
	snap->n_ports = 3;
	for (uint32_t i = 0; i < 3; i++) {
		struct snapshot_port *sp = &snap->ports[i];

		sp->port = &fake->ports[i];
		sp->way = WAY_KERNEL;
		sp->pool = (struct agent_pool){
			.size = 2048,
			.used = 15,
			.min = 256,
			.max = 4096,
			.asked = 300,
			.posted = 500,
			.posted_max = 512,
			.posted_used = 3,
			.rx_limit = 1024,
			.rx_used = 7,
			.out_max = 512,
			.out_used = 5,
		};
		sp->has_link = i < 2;
		sp->link = (struct link_stats){ 1234567, 98765432, 40, 4000 };
	}
	fake_counters(&snap->ports[1]);
	memset(&snap->ports[2].link, 0, sizeof(struct link_stats));
}

static inline struct fake *fake_new(void)
{
	struct fake *fake = aligned_alloc(CACHE_LINE, sizeof(*fake));

	if (!fake)
		abort();
	memset(fake, 0, sizeof(*fake));
	fake->agent.config = &fake->config;
	fake->agent.started_ns = 1000 * NS_PER_SEC;
	fake->agent.pressure.watched = true;
	fake->agent.ready = true;
	fake->agent.vs.arena.frame_size = 4096;
	strcpy(fake->agent.vs.arena.regions[0].why, "no free 2-MiB pages");
	fake_port(fake, 1, PORT_UPLINK, "wan", "eth1");
	fake_port(fake, 2, PORT_VM, "web1", "veth-web1");
	fake_port(fake, 3, PORT_VM, "db1", "tap-db1");
	fake->ports[0].uplink_config = &fake->uplink;
	fake_vm(fake, 0);
	fake_vm(fake, 1);
	fake->addrs[0] = (struct config_addr){ 4, { 192, 0, 2, 11 } };
	fake->addrs[1] =
		(struct config_addr){ 6,
				      { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x11 } };
	fake->vms[0].addrs = fake->addrs;
	fake->vms[0].n_addrs = 2;
	fake->ports[2].state = PORT_STATE_ABSENT;
	strcpy(fake->ports[2].why, "tap-db1: no such device");

	fake_queue(fake, 0, &fake->ports[0], 0, fake->wan_shares[0]);
	fake_queue(fake, 1, &fake->ports[0], 1, fake->wan_shares[1]);
	fake_queue(fake, 2, &fake->ports[1], 0, fake->web_shares);
	fake->wan_queues[0] = &fake->queues[0];
	fake->wan_queues[1] = &fake->queues[1];
	fake->web_queues[0] = &fake->queues[2];
	fake->ports[0].queues = fake->wan_queues;
	fake->ports[0].n_queues = 2;
	fake->ports[1].queues = fake->web_queues;
	fake->ports[1].n_queues = 1;
	fake->share.to = &fake->ports[1];
	fake->share.queue = &fake->queues[0];
	fake->share.rx.size = 256;
	fake->share.limit = 128;
	fake->share.rx.ring.producer = &fake->ring_producer;
	fake->share.rx.ring.cached_cons = 100;
	fake->share.n_packets = 77;
	fake->ring_producer = 103;
	fake->wan_shares[0][1] = &fake->share;
	fake->queues[0].n_shares = 2;

	fake->worker.core = 3;
	fake->worker.n_queues = 3;
	fake->worker.stats = (struct worker_stats){
		.loops = 900,
		.busy_ns = 26 * NS_PER_SEC,
		.poll_ns = 4 * NS_PER_SEC,
		.sleeps = 80,
		.packets = 6400,
		.batches = 200,
	};
	fake->snap = calloc(1, sizeof(*fake->snap) +
				       3 * sizeof(fake->snap->ports[0]));
	if (!fake->snap)
		abort();
	fake_snapshot(fake);
	return fake;
}

/* Gives the VM @i a tag: of a process, of nobody who was refused. */
static inline struct tag *fake_tag(struct fake *fake, uint32_t i)
{
	struct tag *tag = &fake->tags[i];
	struct port *port = &fake->ports[1 + i];

	tag->entry.tag = 40 + i;
	tag->entry.first_queue = port->n_queues ? port->queues[0]->id :
						  TAG_NO_QUEUE;
	tag->entry.n_queues = port->n_queues;
	if (i) {
		tag->n_refused = 2;
		strcpy(tag->why, "process 6 has it open");
	} else {
		tag->entry.kind = TAG_PROCESS;
		tag->entry.pid = 4711;
		tag->entry.uid = 64055;
		tag->entry.cgroup = 123456789012;
		strcpy(tag->cgroup, "/machine.slice/web1.scope");
	}
	port->tag = tag;
	return tag;
}

/* Makes a vhost-user VM of the VM @i: one pair that runs, one that does not. */
static inline struct snapshot_vhost *fake_vhost(struct fake *fake, uint32_t i)
{
	struct snapshot_port *sp = &fake->snap->ports[1 + i];
	struct config_device *device = &fake->vms[i].device;
	struct port *port = &fake->ports[1 + i];
	struct snapshot_vhost *vhost = calloc(1, sizeof(*vhost));

	if (!vhost)
		abort();
	device->type = DEVICE_VHOST_USER;
	strcpy(device->vhost.socket, "/run/vm/a.sock");
	device->vhost.call_packets = 1;
	port->ifname[0] = '\0';
	port->ifindex = 0;
	port->way = WAY_KERNEL;
	strcpy(port->driver, "vhost-user");
	sp->vhost = vhost;
	sp->way = WAY_AGENT;
	sp->has_link = true;
	vhost->info = (struct vhost_info){
		.state = VHOST_STATE_RUNNING,
		.features = 1ull << 32 | 1ull << 15 | 1ull << 0 | 1ull << 60,
		.protocol_features = 1ull << 0 | 1ull << 3,
		.peer_pid = 4711,
		.peer_uid = 64055,
		.guest_mtu = 1500,
		.n_regions = 2,
		.mem_size = 2147483648,
		.mem_mapped = 1073741824,
		.n_connects = 3,
		.n_refused = 1,
		.n_messages = 120,
	};
	vhost->bypassed = (struct counter){ 123456, 12345678 };
	vhost->n_pairs = 2;
	vhost->pairs[0] = (struct snapshot_pair){
		.worker = 1,
		.to_guest = { true, true, 256, 200, 1000, 64000, 30, 4 },
		.from_guest = { true, true, 512, 1, 2000, 128000, 0, 50 },
		.copied_in = 1900,
		.copied_out = 1001,
		.merged = 7,
		.no_room = 2,
	};
	return vhost;
}

/* Gives the agent its worker, where nothing looks for a thread. */
static inline void fake_add_worker(struct fake *fake)
{
	fake->agent.vs.workers[0] = &fake->worker;
	fake->agent.vs.n_workers = 1;
}

static inline void fake_free(struct fake *fake)
{
	snapshot_free(fake->snap);
	free(fake);
}

#endif
