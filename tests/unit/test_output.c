// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Ways out: accounts and their bounds, full rings, packets that another worker
 * has to send, ports that go; and a storm of all of it, after each round of
 * which every frame is accounted for. On the bench of rig.h.
 */
#include <urcu-qsbr.h>

#include "../packets.h"
#include "rig.h"
#include "switching/breathe.h"

enum { WAN = 1, VM1, VM2, VM3, N_SLOTS };

/* wan and vm1 are worker 0's, vm2 and vm3 worker 1's; one network. */
struct net {
	struct rig *rig;
	struct port *port[N_SLOTS];
	struct rig_share *share[N_SLOTS]; /* on wan */
};

static void net_init(struct net *net, uint32_t n_frames)
{
	static const char *const macs[] = { "", "wire", "vm1", "vm2", "vm3" };
	const uint16_t members[] = { WAN, VM1, VM2, VM3 };
	struct rig *rig = rig_new(n_frames, 2);

	memset(net, 0, sizeof(*net));
	net->rig = rig;
	net->port[WAN] = rig_port(rig, WAN, PORT_UPLINK, 0, 0);
	net->port[VM1] = rig_port(rig, VM1, PORT_VM, 10, 0);
	net->port[VM2] = rig_port(rig, VM2, PORT_VM, 10, 1);
	net->port[VM3] = rig_port(rig, VM3, PORT_VM, 10, 1);
	for (uint16_t slot = VM1; slot < N_SLOTS; slot++)
		net->share[slot] =
			rig_share(rig, net->port[WAN], net->port[slot], 32);
	vswitch_set_network(&rig->vs, 10, members, 4);
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++) {
		struct fdb_key key = { .vlan = 10 };

		packet_mac(macs[slot], key.mac);
		fdb_set(rig->vs.fdb, &key, slot, FDB_F_STATIC, 0);
	}
}

static void net_done(struct net *net)
{
	rig_assert_conserved(net->rig);
	rig_free(net->rig);
}

/* A packet with a number in it. */
static void make_numbered(struct made_packet *packet, const char *text,
			  uint32_t number)
{
	packet_make(packet, text);
	memcpy(packet->data + packet->len - 4, &number, 4);
}

static uint32_t number_of(const struct rig_packet *packet)
{
	uint32_t number;

	memcpy(&number, packet->data + packet->len - 4, 4);
	return number;
}

static bool receive(struct net *net, uint16_t slot, const char *text,
		    uint32_t number)
{
	struct made_packet packet;

	make_numbered(&packet, text, number);
	return rig_receive(net->rig, net->port[slot], packet.data, packet.len,
			   NULL);
}

static bool receive_share(struct net *net, uint16_t slot, uint32_t number)
{
	struct made_packet packet;

	make_numbered(&packet, "tag=10 ip4 proto=200 data=20", number);
	return rig_receive_share(net->rig, net->share[slot], packet.data,
				 packet.len, NULL);
}

static uint64_t count(const struct net *net, uint16_t slot,
		      enum pkt_reason reason)
{
	return rig_count(net->rig, net->port[slot], reason).packets;
}

static const char vm1_to_wan[] = "dst=wire src=vm1 ip4 proto=200 data=20";
static const char vm1_to_vm2[] = "dst=vm2 src=vm1 ip4 proto=200 data=20";
static const char vm2_to_vm1[] = "dst=vm1 src=vm2 ip4 proto=200 data=20";
static const char vm1_to_all[] = "dst=bcast src=vm1 ip4 proto=200 data=20";

/* ---- the account ---- */

/* Beyond the bound packets are dropped against the port they were to leave by;
 * completions make room. */
static void test_account_full(void **state)
{
	const uint32_t len = 14 + 20 + 20 + 4; /* with the network's tag */
	struct rig_packet packet;
	struct counter from_agent;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	rig_set_out(net.rig, net.port[WAN], 10);
	for (uint32_t i = 0; i < 60; i++)
		assert_true(receive(&net, VM1, vm1_to_wan, i));
	rig_rounds(net.rig);
	assert_int_equal(port_out_frames(net.port[WAN], 2), 10);
	assert_int_equal(
		breathe_make_room(net.rig->vs.workers[0], net.port[WAN], 1), 0);
	assert_int_equal(count(&net, WAN, PKT_out_full), 50);
	from_agent = rig_count(net.rig, net.port[WAN], PKT_from_agent);
	assert_int_equal(from_agent.packets, 10);
	assert_int_equal(from_agent.bytes, 10 * len);
	rig_assert_conserved(net.rig);

	/* The first ten, in order. */
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(rig_sent(net.rig, net.port[WAN], &packet));
		assert_int_equal(number_of(&packet), i);
	}
	assert_false(rig_sent(net.rig, net.port[WAN], &packet));
	/* Sent is not completed: that comes with the next round. */
	assert_int_equal(port_out_frames(net.port[WAN], 2), 10);
	rig_rounds(net.rig);
	assert_int_equal(port_out_frames(net.port[WAN], 2), 0);
	net_done(&net);
}

/* Packets of a VM's own share wait in it, so that the program refuses what is
 * too much; nothing that was taken is lost. */
static void test_share_waits(void **state)
{
	struct worker *worker;
	struct rig_packet packet;
	uint32_t next = 0, sent = 0;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	worker = net.rig->vs.workers[0];
	rig_set_out(net.rig, net.port[VM1], 10);
	for (uint32_t i = 0; i < 100; i++)
		sent += receive_share(&net, VM1, i);
	assert_int_equal(sent, 32);
	assert_int_equal(net.share[VM1]->n_pool_full, 68);
	rig_rounds(net.rig);
	assert_true(worker->blocked);
	assert_int_equal(rx_ring_ready(&net.share[VM1]->share.rx), 22);
	assert_int_equal(port_out_frames(net.port[VM1], 2), 10);
	rig_assert_conserved(net.rig);

	while (next < 32) {
		uint32_t n = 0;

		while (rig_sent(net.rig, net.port[VM1], &packet)) {
			assert_int_equal(number_of(&packet), next++);
			n++;
		}
		assert_true(n > 0 && n <= 10);
		rig_rounds(net.rig);
		rig_assert_conserved(net.rig);
	}
	assert_false(worker->blocked);
	assert_int_equal(count(&net, VM1, PKT_out_full), 0);
	/* The others had not to wait. */
	assert_true(receive_share(&net, VM3, 7));
	rig_rounds(net.rig);
	assert_true(rig_sent(net.rig, net.port[VM3], &packet));
	rig_rounds(net.rig);
	net_done(&net);
}

/* What is staged for the VM already, from a share on another queue, counts. */
static void test_share_counts_staged(void **state)
{
	struct worker *worker;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	worker = net.rig->vs.workers[0];
	rig_set_out(net.rig, net.port[VM1], 40);
	for (int n = 0; n < 2; n++) {
		for (uint32_t i = 0; i < 32; i++)
			assert_true(receive_share(&net, VM1, i));
		assert_int_equal(forward_share(worker, &net.share[VM1]->share),
				 n ? 8 : 32);
	}
	assert_int_equal(forward_share(worker, &net.share[VM1]->share), 0);
	output_flush(worker);
	assert_int_equal(count(&net, VM1, PKT_out_full), 0);
	assert_int_equal(rig_drain(net.rig, net.port[VM1]), 40);
	rig_rounds(net.rig);
	assert_int_equal(rig_drain(net.rig, net.port[VM1]), 24);
	rig_rounds(net.rig);
	net_done(&net);
}

/* A VM that does not read costs its own packets only, also in a flood. */
static void test_flood_to_full(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 2048);
	rig_set_out(net.rig, net.port[VM2], 1);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(receive(&net, VM1, vm1_to_all, i));
	rig_rounds(net.rig);
	assert_int_equal(rig_drain(net.rig, net.port[WAN]), 20);
	assert_int_equal(rig_drain(net.rig, net.port[VM3]), 20);
	assert_int_equal(rig_drain(net.rig, net.port[VM2]), 1);
	assert_int_equal(count(&net, VM2, PKT_out_full), 19);
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- rings ---- */

/* The tx ring is full although the account has room: the account, the counter
 * and the frames are as if it had not been tried. */
static void test_tx_ring_full(void **state)
{
	struct rig_queue *rq;
	struct counter from_agent;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	rig_set_out(net.rig, net.port[WAN], 1000);
	rq = rig_queue_of(net.rig, net.port[WAN]);
	for (uint32_t n = 0; n < 5; n++) {
		for (uint32_t i = 0; i < 60; i++)
			assert_true(receive(&net, VM1, vm1_to_wan, i));
		rig_rounds(net.rig);
		rig_assert_conserved(net.rig);
	}
	assert_int_equal(rq->tx.producer - rq->tx.consumer, RIG_RING);
	assert_int_equal(count(&net, WAN, PKT_out_full), 300 - RIG_RING);
	from_agent = rig_count(net.rig, net.port[WAN], PKT_from_agent);
	assert_int_equal(from_agent.packets, RIG_RING);
	assert_int_equal(from_agent.bytes, RIG_RING * 58);
	assert_int_equal(rig_drain(net.rig, net.port[WAN]), RIG_RING);
	rig_rounds(net.rig);
	assert_int_equal(port_out_frames(net.port[WAN], 2), 0);
	net_done(&net);
}

/* More than a batch for one port, between packets for another. */
static void test_batches(void **state)
{
	struct rig_packet packet;
	uint32_t next = 0;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	rig_set_out(net.rig, net.port[WAN], RIG_RING);
	for (uint32_t i = 0; i < 63; i++)
		assert_true(receive(&net, VM1, vm1_to_wan, i));
	forward_share(net.rig->vs.workers[0],
		      net.port[VM1]->queues[0]->shares[0]);
	assert_int_equal(net.rig->vs.workers[0]->n_staged, 1);
	assert_true(receive(&net, VM1, vm1_to_vm2, 0));
	forward_share(net.rig->vs.workers[0],
		      net.port[VM1]->queues[0]->shares[0]);
	assert_int_equal(net.rig->vs.workers[0]->n_staged, 2);
	queue_refill(net.port[VM1]->queues[0], &net.rig->vs.arena,
		     &net.rig->vs.workers[0]->cache);
	for (uint32_t i = 63; i < 70; i++)
		assert_true(receive(&net, VM1, vm1_to_wan, i));
	forward_share(net.rig->vs.workers[0],
		      net.port[VM1]->queues[0]->shares[0]);
	assert_int_equal(net.rig->vs.workers[0]->n_staged, 2);
	rig_rounds(net.rig);
	assert_int_equal(net.rig->vs.workers[0]->n_staged, 0);
	while (rig_sent(net.rig, net.port[WAN], &packet))
		assert_int_equal(number_of(&packet), next++);
	assert_int_equal(next, 70);
	assert_int_equal(rig_drain(net.rig, net.port[VM2]), 1);
	rig_rounds(net.rig);
	net_done(&net);
}

/* A device's VM gets what its bucket has, also of what other workers send and in
 * the order that it came; the rest is dropped against it before it is charged. */
static void test_policed(void **state)
{
	/* filled up to an hour from now: nothing comes meanwhile */
	struct police police = {
		.at_ns = now_ns() + 3600 * NS_PER_SEC,
		.rate = { [POLICE_PACKETS] = 1 },
		.depth = { [POLICE_PACKETS] = 9 * (int64_t)NS_PER_SEC },
		.level = { [POLICE_PACKETS] = 9 * (int64_t)NS_PER_SEC },
	};
	struct rig_packet packet;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	net.port[VM2]->police_in = &police;
	for (uint32_t i = 0; i < 15; i++) {
		assert_true(receive(&net, VM1, vm1_to_vm2, i));
		assert_true(receive(&net, VM1, vm1_to_wan, i));
	}
	rig_round(net.rig, 0);
	assert_int_equal(port_out_frames(net.port[VM2], 2), 10);
	assert_int_equal(count(&net, VM2, PKT_rate_in), 5);
	rig_assert_conserved(net.rig);
	rig_rounds(net.rig);
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(rig_sent(net.rig, net.port[VM2], &packet));
		assert_int_equal(number_of(&packet), i);
	}
	assert_false(rig_sent(net.rig, net.port[VM2], &packet));
	assert_int_equal(police.level[POLICE_PACKETS], -(int64_t)NS_PER_SEC);
	assert_int_equal(rig_drain(net.rig, net.port[WAN]), 15);
	assert_int_equal(count(&net, WAN, PKT_rate_in), 0);
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- another worker's port ---- */

static void test_other_worker(void **state)
{
	struct rig_packet packet;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	for (uint32_t i = 0; i < 40; i++)
		assert_true(receive(&net, VM1, vm1_to_vm2, i));
	rig_round(net.rig, 0);
	/* Charged, and on the ring to its worker; nothing sent yet. */
	assert_int_equal(port_out_frames(net.port[VM2], 2), 40);
	assert_false(mpsc_is_empty(&net.port[VM2]->queues[0]->in));
	assert_false(rig_sent(net.rig, net.port[VM2], &packet));
	assert_int_equal(net.rig->vs.workers[0]->stats.wakes_sent, 1);
	rig_assert_conserved(net.rig);

	rig_round(net.rig, 1);
	for (uint32_t i = 0; i < 40; i++) {
		assert_true(rig_sent(net.rig, net.port[VM2], &packet));
		assert_int_equal(number_of(&packet), i);
	}
	rig_round(net.rig, 1);
	assert_int_equal(port_out_frames(net.port[VM2], 2), 0);
	assert_int_equal(net.port[VM2]->account[0].charged, 40);
	assert_int_equal(net.port[VM2]->account[1].released, 40);
	net_done(&net);
}

/* A worker's own packets do not overtake those of its own that wait on the ring
 * behind another's. */
static void test_order_behind_others(void **state)
{
	static const char vm3_to_vm2[] =
		"dst=vm2 src=vm3 ip4 proto=200 data=20";
	struct rig_packet packet;
	struct worker *worker;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	worker = net.rig->vs.workers[1];
	assert_true(receive(&net, VM1, vm1_to_vm2, 0));
	rig_round(net.rig, 0);
	for (uint32_t i = 1; i <= 6; i++) {
		assert_true(receive(&net, VM3, vm3_to_vm2, i));
		forward_share(worker, net.port[VM3]->queues[0]->shares[0]);
		output_flush(worker);
		if (i == 3)
			output_drain(worker, net.port[VM2]->queues[0]);
	}
	output_drain(worker, net.port[VM2]->queues[0]);
	for (uint32_t i = 0; i <= 6; i++) {
		assert_true(rig_sent(net.rig, net.port[VM2], &packet));
		assert_int_equal(number_of(&packet), i);
	}
	rig_rounds(net.rig);
	net_done(&net);
}

/* The worker that sends finds its tx ring full: what it refuses is released by
 * it and counted off, although another worker charged and counted it. */
static void test_other_worker_refuses(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 2048);
	rig_set_out(net.rig, net.port[VM2], 1000);
	for (uint32_t n = 0; n < 6; n++) {
		for (uint32_t i = 0; i < 60; i++)
			assert_true(receive(&net, VM1, vm1_to_vm2, i));
		rig_rounds(net.rig);
		rig_assert_conserved(net.rig);
	}
	assert_int_equal(port_out_frames(net.port[VM2], 2), RIG_RING);
	assert_int_equal(count(&net, VM2, PKT_out_full), 360 - RIG_RING);
	assert_int_equal(count(&net, VM2, PKT_from_agent), RIG_RING);
	assert_int_equal(rig_drain(net.rig, net.port[VM2]), RIG_RING);
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- a port goes ---- */

/* As control/lifecycle.c does it: with packets staged for it, on the ring to
 * its worker, on its tx ring, sent and not completed, and received. All frames
 * are where the ledger says. */
static void test_port_goes(void **state)
{
	struct vswitch *vs;
	struct queue *queue;
	struct port *port;
	uint32_t out, held;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	vs = &net.rig->vs;
	port = net.port[VM2];
	queue = port->queues[0];
	for (uint32_t i = 0; i < 30; i++)
		assert_true(receive(&net, VM1, vm1_to_vm2, i));
	rig_rounds(net.rig);
	for (uint32_t i = 0; i < 10; i++) {
		struct rig_packet packet;

		assert_true(rig_sent(net.rig, port, &packet));
	}
	for (uint32_t i = 0; i < 20; i++)
		assert_true(receive(&net, VM1, vm1_to_vm2, i));
	rig_round(net.rig, 0);
	for (uint32_t i = 0; i < 5; i++) {
		assert_true(receive(&net, VM1, vm1_to_vm2, i));
		assert_true(receive(&net, VM2, vm2_to_vm1, i));
	}
	forward_share(vs->workers[0], net.port[VM1]->queues[0]->shares[0]);

	__atomic_store_n(&port->up, false, __ATOMIC_RELEASE);
	vs->workers[1]->queues[0] = vs->workers[1]->queues[1];
	vs->workers[1]->n_queues = 1;
	vs->ports[VM2] = NULL;
	rig_rounds(net.rig);
	assert_int_equal(rig_count(net.rig, port, PKT_out_down).packets, 5);
	out = port_out_frames(port, 2);
	held = queue->outstanding;
	assert_int_equal(out, 50);
	assert_int_equal(held, queue->target);
	assert_int_equal(queue_reclaim(&vs->arena, &vs->cache, FRAME_QUEUE,
				       queue->id),
			 held);
	assert_int_equal(queue_reclaim(&vs->arena, &vs->cache, FRAME_OUT,
				       port->slot),
			 out);
	assert_int_equal(queue_reclaim(&vs->arena, &vs->cache, FRAME_OUT,
				       port->slot),
			 0);
	queue->outstanding = 0;
	rig_rounds(net.rig);
	net_done(&net);
	free(port->queues);
	free(port);
}

/* ---- a queue that is bound anew ---- */

/* What is sent while a queue is suspended waits, and leaves in order; what had
 * been sent and does not come back is taken back, and only that. */
static void test_suspended(void **state)
{
	struct rig_packet packet;
	struct queue *queue;
	struct vswitch *vs;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	vs = &net.rig->vs;
	queue = net.port[WAN]->queues[0];
	for (uint32_t i = 0; i < 5; i++)
		assert_true(receive(&net, VM1, vm1_to_wan, i));
	rig_rounds(net.rig);
	assert_int_equal(queue->n_out, 5);
	assert_true(rig_sent(net.rig, net.port[WAN], &packet));
	queue->suspended = true;
	for (uint32_t i = 5; i < 8; i++) {
		assert_true(receive(&net, VM1, vm1_to_wan, i));
		rig_rounds(net.rig);
	}
	/* The first came back, but the others did not. */
	assert_int_equal(queue->n_out, 4);
	assert_int_equal(port_out_frames(net.port[WAN], 2), 4 + 3);
	assert_int_equal(queue_take_back(net.port[WAN], 0, &vs->arena,
					 &vs->workers[0]->cache),
			 4);
	assert_int_equal(queue->n_out, 0);
	assert_int_equal(port_out_frames(net.port[WAN], 2), 3);
	rig_queue_of(net.rig, net.port[WAN])->tx.consumer += 4;
	rig_assert_conserved(net.rig);

	queue->suspended = false;
	rig_rounds(net.rig);
	for (uint32_t i = 5; i < 8; i++) {
		assert_true(rig_sent(net.rig, net.port[WAN], &packet));
		assert_int_equal(number_of(&packet), i);
	}
	rig_rounds(net.rig);
	assert_int_equal(port_out_frames(net.port[WAN], 2), 0);
	net_done(&net);
}

/* A queue that knows only the first frames: others' packets are copied. */
static void test_narrow(void **state)
{
	const uint32_t limit = 1536;
	struct rig_packet packet;
	uint32_t n_beyond = 0;
	struct queue *queue;
	struct vswitch *vs;
	struct net net;

	(void)state;
	net_init(&net, 2048);
	vs = &net.rig->vs;
	queue = net.port[WAN]->queues[0];
	hostpool_withdraw(&vs->hostpool, limit);
	for (uint32_t i = 0; i < 2; i++)
		frame_cache_trim(&vs->workers[i]->cache);
	hostpool_withdraw(&vs->hostpool, limit);
	queue->umem.size = arena_addr(&vs->arena, limit);
	queue->narrow = true;
	for (uint32_t i = limit; i < 2048; i++)
		n_beyond += arena_where(&vs->arena, i) != FRAME_HOST << 12;
	assert_true(n_beyond > 0);
	for (uint32_t i = 0; i < 60; i++) {
		assert_true(receive(&net, VM1, vm1_to_wan, i));
		rig_rounds(net.rig);
		assert_true(rig_sent(net.rig, net.port[WAN], &packet));
		assert_true(umem_holds(&queue->umem, packet.addr));
		assert_int_equal(number_of(&packet), i);
	}
	rig_rounds(net.rig);
	assert_int_equal(port_out_frames(net.port[WAN], 2), 0);
	for (uint32_t i = limit; i < 2048; i++)
		n_beyond -= arena_where(&vs->arena, i) != FRAME_HOST << 12;
	assert_true(n_beyond > 0);
	hostpool_restore(&vs->hostpool);
	net_done(&net);
}

/* ---- everything at once ---- */

static const char *const storm_packets[N_SLOTS][5] = {
	[WAN] = { "dst=vm1 src=wire tag=10 ip4 udp data=1200",
		  "dst=vm2 src=wire tag=10 ip4 udp data=30",
		  "dst=bcast src=wire tag=10 arp",
		  "dst=new src=wire tag=10 ip6 tcp",
		  "dst=wire src=wire tag=10 ip4 udp data=8" },
	[VM1] = { "dst=vm2 src=vm1 ip4 udp data=900 csum=partial",
		  "dst=wire src=vm1 ip4 udp data=30", "dst=bcast src=vm1 arp",
		  "dst=vm3 src=vm1 ip4 udp cut=36",
		  "dst=vm3 src=vm1 tag=7 ip4 udp" },
	[VM2] = { "dst=vm1 src=vm2 ip4 udp data=900",
		  "dst=vm3 src=vm2 ip4 udp data=30 csum=partial",
		  "dst=mcast src=vm2 ip4 udp", "dst=vm2 src=vm2 ip4 udp",
		  "dst=wire src=vm2 ip6 udp data=1460" },
	[VM3] = { "dst=vm1 src=vm3 ip4 udp", "dst=vm2 src=vm3 ip4 udp",
		  "dst=new src=vm3 ip4 udp", "dst=wire src=vm3 ip4 tcp data=9",
		  "dst=bcast src=vm3 tag=0,3 arp" },
};

/* Something arrives at one of the ports @first to @last. */
static void storm_arrive(struct net *net, uint64_t *seed, int first, int last)
{
	int slot = first + (int)unit_below(seed, (uint32_t)(last - first + 1));
	struct made_packet packet;

	packet_make(&packet, storm_packets[slot][unit_below(seed, 5)]);
	if (slot == WAN && unit_below(seed, 2) == 0)
		rig_receive_share(net->rig,
				  net->share[VM1 + unit_below(seed, 3)],
				  packet.data, packet.len, NULL);
	else
		rig_receive(net->rig, net->port[slot], packet.data, packet.len,
			    NULL);
}

/* Their devices take and complete some of what was sent. */
static void storm_send(struct net *net, uint64_t *seed, int first, int last)
{
	for (int slot = first; slot <= last; slot++) {
		struct rig_packet packet;

		for (uint32_t n = unit_below(seed, 30); n > 0; n--)
			if (!rig_sent(net->rig, net->port[slot], &packet))
				break;
	}
}

static void storm_limit(struct net *net, struct share *share, uint32_t limit)
{
	if (limit > share->limit)
		queue_cover(share->queue, &net->rig->vs.promises,
			    limit - share->limit, true);
	queue_set_limit(share->queue, share, limit);
}

static void storm_change(struct net *net, uint64_t *seed)
{
	struct port *port = net->port[WAN + unit_below(seed, N_SLOTS - WAN)];

	switch (unit_below(seed, 3)) {
	case 0:
		port->up = !port->up;
		break;
	case 1:
		rig_set_out(net->rig, port, unit_below(seed, 300));
		break;
	default:
		if (port->kind == PORT_VM)
			storm_limit(net, &net->share[port->slot]->share,
				    1 + unit_below(seed, 32));
		break;
	}
}

/* When all is quiet, every queue has what it should have. */
static void calm(struct net *net)
{
	for (int slot = WAN; slot < N_SLOTS; slot++) {
		net->port[slot]->up = true;
		rig_set_out(net->rig, net->port[slot], RIG_OUT);
	}
	for (uint32_t i = 0; i < 100; i++) {
		rig_rounds(net->rig);
		for (int slot = WAN; slot < N_SLOTS; slot++)
			rig_drain(net->rig, net->port[slot]);
	}
	rig_rounds(net->rig);
	for (int slot = WAN; slot < N_SLOTS; slot++) {
		const struct port *port = net->port[slot];

		assert_int_equal(port_out_frames(port, 2), 0);
		assert_true(port->queues[0]->outstanding >=
			    port->queues[0]->target);
	}
}

static void storm(uint32_t n_frames)
{
	uint32_t rounds = UNIT_SLOW ? 4000 : 20000;
	uint64_t seed = 4711;
	struct net net;

	net_init(&net, n_frames);
	for (uint32_t i = 0; i < rounds; i++) {
		for (uint32_t n = unit_below(&seed, 40); n > 0; n--)
			storm_arrive(&net, &seed, WAN, VM3);
		rig_round(net.rig, unit_below(&seed, 2));
		storm_send(&net, &seed, WAN, VM3);
		if (unit_below(&seed, 20) == 0)
			storm_change(&net, &seed);
		if (i % 8 == 0) {
			rig_assert_conserved(net.rig);
			rig_assert_promises(net.rig);
		}
	}
	calm(&net);
	rig_assert_promises(net.rig);
	net_done(&net);
}

static void test_storm(void **state)
{
	(void)state;
	storm(2048);
}

/* With too few frames for all that is wanted. */
static void test_storm_short(void **state)
{
	(void)state;
	storm(800);
}

/* Each worker a thread, which plays the kernel for its own ports too: they
 * meet at the rings between them, the accounts and the host pool. */
struct thread {
	struct net *net;
	uint32_t worker;
};

static void *run_worker(void *arg)
{
	const struct thread *thread = arg;
	struct net *net = thread->net;
	int first = thread->worker ? VM2 : WAN, last = first + 1;
	uint64_t seed = 1000 + thread->worker;

	rcu_register_thread();
	for (uint32_t i = 0; i < (UNIT_SLOW ? 4000 : 20000); i++) {
		for (uint32_t n = unit_below(&seed, 40); n > 0; n--)
			storm_arrive(net, &seed, first, last);
		rig_round(net->rig, thread->worker);
		storm_send(net, &seed, first, last);
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	return NULL;
}

static void test_storm_threads(void **state)
{
	struct thread args[2];
	pthread_t threads[2];
	struct net net;

	(void)state;
	net_init(&net, 1200);
	for (uint32_t i = 0; i < 2; i++) {
		args[i] = (struct thread){ &net, i };
		threads[i] = unit_start(run_worker, &args[i]);
	}
	for (uint32_t i = 0; i < 2; i++)
		unit_join(threads[i]);
	rig_assert_conserved(net.rig);
	assert_true(net.rig->vs.workers[0]->stats.wakes_sent > 100);
	assert_true(net.rig->vs.workers[1]->stats.wakes_sent > 100);
	calm(&net);
	rig_assert_promises(net.rig);
	net_done(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_account_full),
		cmocka_unit_test(test_share_waits),
		cmocka_unit_test(test_share_counts_staged),
		cmocka_unit_test(test_flood_to_full),
		cmocka_unit_test(test_tx_ring_full),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_policed),
		cmocka_unit_test(test_other_worker),
		cmocka_unit_test(test_order_behind_others),
		cmocka_unit_test(test_other_worker_refuses),
		cmocka_unit_test(test_port_goes),
		cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_storm_short),
		cmocka_unit_test(test_storm_threads),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests_name("output", tests, NULL, NULL);
	rcu_unregister_thread();
	return ret;
}
