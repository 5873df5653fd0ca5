/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An uplink and two VMs whose pools breathe, on the bench of rig.h, by a clock of
 * its own. After every step frames are conserved, promises add up, and each pool
 * is as large as its parts.
 */
#ifndef UNIT_BREATHE_RIG_H
#define UNIT_BREATHE_RIG_H

#include <sys/eventfd.h>
#include <urcu-qsbr.h>

#define RIG_RING 1024
#define RIG_RX	 1024
#include "../packets.h"
#include "rig.h"
#include "switching/breathe.h"

enum { WAN = 1, VM1, VM2, N_SLOTS };

/* What a VM has at the least; no more than 64 in all. */
#define POSTED 40
#define RX     16
#define OUT    8
#define MIN    (POSTED + RX + OUT)
#define MAX    1024

/* What the caches may hold. */
#define RESERVE (3 * 2 * MAGAZINE_SIZE)

/* wan and vm2 are worker 0's, vm1 is worker 1's: so its out is, too. */
struct net {
	struct rig *rig;
	struct port *port[N_SLOTS];
	struct rig_share *share[N_SLOTS]; /* on wan */
	uint64_t now_ns;
};

static inline void check(const struct net *net)
{
	rig_assert_conserved(net->rig);
	rig_assert_promises(net->rig);
	rig_assert_size(net->rig, net->port[VM1]);
	rig_assert_size(net->rig, net->port[VM2]);
}

static inline void net_init(struct net *net, uint32_t n_frames)
{
	static const char *const macs[] = { "", "wire", "vm1", "vm2" };
	struct rig *rig = rig_new(n_frames, 2);

	memset(net, 0, sizeof(*net));
	net->rig = rig;
	net->now_ns = 1000 * NS_PER_SEC;
	rig->reserve = RESERVE;
	rig->vs.promises.spare -= RESERVE;
	rig->vs.learn_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rig->out = RIG_RING;
	net->port[WAN] = rig_port(rig, WAN, PORT_UPLINK, 0, 0);
	rig->base = POSTED;
	rig->out = OUT;
	for (uint16_t slot = VM1; slot <= VM2; slot++) {
		struct port *vm = rig_port(rig, slot, PORT_VM, 0, slot == VM1);

		net->port[slot] = vm;
		net->share[slot] = rig_share_on(rig, net->port[WAN]->queues[0],
						vm, 1024, RX);
		rig_breathe(rig, vm, MAX);
	}
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++) {
		struct fdb_key key = { .vlan = 0 };

		packet_mac(macs[slot], key.mac);
		fdb_set(rig->vs.fdb, &key, slot, FDB_F_STATIC, 0);
	}
	for (uint32_t i = 0; i < 2; i++)
		rig->vs.workers[i]->window_begin_ns = net->now_ns;
	check(net);
}

static inline void drain(struct net *net)
{
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++)
		rig_drain(net->rig, net->port[slot]);
}

static inline void net_done(struct net *net)
{
	for (uint32_t i = 0; i < 20; i++) {
		rig_rounds(net->rig);
		drain(net);
	}
	rig_rounds(net->rig);
	check(net);
	close(net->rig->vs.learn_fd);
	rig_free(net->rig);
}

static inline void window(struct net *net)
{
	net->now_ns += 100 * NS_PER_MS;
	for (uint32_t i = 0; i < 2; i++)
		breathe_window(net->rig->vs.workers[i], net->now_ns);
	check(net);
}

static inline void rounds(struct net *net)
{
	rig_rounds(net->rig);
	check(net);
}

static inline struct worker *worker_of(struct net *net, uint16_t slot)
{
	return net->rig->vs.workers[slot == VM1];
}

/* @n packets for the VM come from the wire. Returns how many are taken. */
static inline uint32_t to_vm(struct net *net, uint16_t slot, uint32_t n)
{
	struct made_packet packet;
	uint32_t taken = 0;

	packet_make(&packet, "ip4 udp");
	for (uint32_t i = 0; i < n; i++)
		taken += rig_receive_share(net->rig, net->share[slot],
					   packet.data, packet.len, NULL);
	return taken;
}

/* @n packets that the VM sends to the wire. */
static inline uint32_t from_vm(struct net *net, uint16_t slot, uint32_t n)
{
	struct made_packet packet;
	uint32_t taken = 0;

	packet_make(&packet, "dst=wire ip4 udp");
	for (uint32_t i = 0; i < n; i++)
		taken += rig_receive(net->rig, net->port[slot], packet.data,
				     packet.len, NULL);
	return taken;
}

static inline uint32_t limit(const struct net *net, uint16_t slot)
{
	return net->share[slot]->share.limit;
}

static inline uint32_t base(const struct net *net, uint16_t slot)
{
	return net->port[slot]->queues[0]->base;
}

static inline uint64_t n_resizes(const struct net *net, uint16_t slot,
			  enum pool_reason reason)
{
	return net->port[slot]->pool.n_resizes[reason];
}

/* The only event that a worker has told since the last look. */
static inline void expect_event(struct net *net, uint32_t worker, uint16_t slot,
			 enum pool_reason reason, uint32_t from, uint32_t to)
{
	struct pool_events *events = &net->rig->vs.workers[worker]->pool_events;
	struct pool_event event;

	assert_true(pool_next_event(events, &event));
	assert_int_equal(event.slot, slot);
	assert_int_equal(event.reason, reason);
	assert_int_equal(event.from, from);
	assert_int_equal(event.to, to);
	assert_false(pool_next_event(events, &event));
}

static inline void forget_events(struct net *net)
{
	struct pool_event event;

	for (uint32_t i = 0; i < 2; i++)
		while (pool_next_event(&net->rig->vs.workers[i]->pool_events,
				       &event))
			;
}

static inline void set_pool(struct net *net, const struct pool_parts *parts)
{
	for (uint32_t i = 0; i < 2; i++) {
		breathe_set(net->rig->vs.workers[i], net->port[VM1], parts,
			    POOL_REQUEST);
		check(net);
	}
}

#endif
