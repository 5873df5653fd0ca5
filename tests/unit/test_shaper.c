// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Shaped ports: packets on their way through class rings and scheduler to the
 * queue of a port, order, bounds, rates, and what is given back when it does not
 * go on. On the bench of rig.h, in which the worker's clock is the test's.
 */
#include <urcu-qsbr.h>

#include "../packets.h"
#include "rig.h"
#include "switching/shaper.h"

enum { WAN = 1, VM1, VM2, VM3, N_SLOTS };

/* wan and vm1 are worker 0's, vm2 and vm3 worker 1's; one network. */
struct net {
	struct rig *rig;
	struct port *port[N_SLOTS];
};

static void net_init(struct net *net, uint32_t n_frames, uint32_t out)
{
	static const char *const macs[] = { "", "wire", "vm1", "vm2", "vm3" };
	const uint16_t members[] = { WAN, VM1, VM2, VM3 };
	struct rig *rig = rig_new(n_frames, 2);

	memset(net, 0, sizeof(*net));
	net->rig = rig;
	rig->out = out;
	net->port[WAN] = rig_port(rig, WAN, PORT_UPLINK, 0, 0);
	net->port[VM1] = rig_port(rig, VM1, PORT_VM, 10, 0);
	net->port[VM2] = rig_port(rig, VM2, PORT_VM, 10, 1);
	net->port[VM3] = rig_port(rig, VM3, PORT_VM, 10, 1);
	vswitch_set_network(&rig->vs, 10, members, 4);
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++) {
		struct fdb_key key = { .vlan = 10 };

		packet_mac(macs[slot], key.mac);
		fdb_set(rig->vs.fdb, &key, slot, FDB_F_STATIC, 0);
	}
}

/* The clock of all workers. */
static void at(struct net *net, uint64_t ns)
{
	for (uint32_t i = 0; i < net->rig->vs.n_workers; i++)
		net->rig->vs.workers[i]->now_ns = ns;
}

static struct port_shaper *shape(struct net *net, uint16_t slot, uint32_t owner,
				 const struct scheduler_conf *conf)
{
	struct port *port = net->port[slot];
	struct worker *worker = net->rig->vs.workers[owner];

	assert_int_equal(shaper_new(port, conf, owner, worker->now_ns,
				    &port->shaper),
			 0);
	assert_int_equal(shaper_attach(worker, port->shaper), 0);
	return port->shaper;
}

static void unshape(struct net *net, uint16_t slot)
{
	struct port_shaper *shaper = net->port[slot]->shaper;

	net->port[slot]->shaper = NULL;
	shaper_detach(net->rig->vs.workers[shaper->owner], shaper);
	shaper_free(shaper);
}

static void net_done(struct net *net)
{
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++)
		if (net->port[slot]->shaper)
			unshape(net, slot);
	rig_rounds(net->rig);
	rig_assert_conserved(net->rig);
	rig_free(net->rig);
}

static bool receive(struct net *net, uint16_t slot, const char *text,
		    uint32_t number)
{
	struct made_packet packet;

	packet_make(&packet, text);
	memcpy(packet.data + packet.len - 4, &number, 4);
	return rig_receive(net->rig, net->port[slot], packet.data, packet.len,
			   NULL);
}

static uint32_t number_of(const struct rig_packet *packet)
{
	uint32_t number;

	memcpy(&number, packet->data + packet->len - 4, 4);
	return number;
}

static uint64_t count(const struct net *net, uint16_t slot,
		      enum pkt_reason reason)
{
	return rig_count(net->rig, net->port[slot], reason).packets;
}

static uint32_t out_frames(const struct net *net, uint16_t slot)
{
	return port_out_frames(net->port[slot], net->rig->vs.n_workers);
}

static const char *const to_wan[N_SLOTS] = {
	[VM1] = "dst=wire src=vm1 ip4 proto=200 data=20",
	[VM2] = "dst=wire src=vm2 ip4 proto=200 data=20",
	[VM3] = "dst=wire src=vm3 ip4 proto=200 data=20",
};
/* With the network's tag. */
#define WAN_LEN	  (14 + 20 + 20 + 4)
#define OVERHEAD  24
#define WIRE_BITS ((WAN_LEN + OVERHEAD) * 8ull)

static void conf_init(struct scheduler_conf *conf, uint32_t n_packets)
{
	scheduler_conf_init(conf, n_packets);
	conf->overhead = OVERHEAD;
	conf->quantum_ns = 100 * NS_PER_US;
}

/* ---- through ---- */

/* What may go goes in the same round, in order; the account follows it. */
static void test_passes(void **state)
{
	struct scheduler_conf conf;
	struct rig_packet packet;
	struct net net;

	(void)state;
	net_init(&net, 2048, 512);
	conf_init(&conf, 256);
	shape(&net, WAN, 0, &conf);
	for (uint32_t i = 0; i < 60; i++)
		assert_true(receive(&net, VM1, to_wan[VM1], i));
	rig_round(net.rig, 0);
	assert_int_equal(out_frames(&net, WAN), 60);
	rig_assert_conserved(net.rig);
	for (uint32_t i = 0; i < 60; i++) {
		assert_true(rig_sent(net.rig, net.port[WAN], &packet));
		assert_int_equal(number_of(&packet), i);
	}
	assert_int_equal(count(&net, WAN, PKT_from_agent), 60);
	rig_rounds(net.rig);
	assert_int_equal(out_frames(&net, WAN), 0);
	net_done(&net);
}

/* Another worker's packets wait in the ring for the owner, who is woken. */
static void test_other_worker(void **state)
{
	struct scheduler_conf conf;
	struct rig_packet packet;
	struct net net;

	(void)state;
	net_init(&net, 2048, 512);
	conf_init(&conf, 256);
	shape(&net, WAN, 0, &conf);
	for (uint32_t i = 0; i < 40; i++)
		assert_true(receive(&net, VM2, to_wan[VM2], i));
	rig_round(net.rig, 1);
	assert_int_equal(net.rig->vs.workers[1]->stats.wakes_sent, 1);
	assert_true(shaper_has_come(net.port[WAN]->shaper));
	assert_false(rig_sent(net.rig, net.port[WAN], &packet));
	assert_int_equal(out_frames(&net, WAN), 40);
	rig_assert_conserved(net.rig);
	rig_round(net.rig, 0);
	assert_false(shaper_has_come(net.port[WAN]->shaper));
	for (uint32_t i = 0; i < 40; i++) {
		assert_true(rig_sent(net.rig, net.port[WAN], &packet));
		assert_int_equal(number_of(&packet), i);
	}
	net_done(&net);
}

/* The class of a packet is that of the VM it comes from; the strict one goes
 * first though it came last, and one that is not in use is class 0. */
static void test_classes(void **state)
{
	struct scheduler_conf conf;
	struct rig_packet packet;
	struct net net;

	(void)state;
	net_init(&net, 2048, 512);
	net.port[VM1]->class = 3; /* not in use */
	net.port[VM2]->class = 6;
	conf_init(&conf, 256);
	conf.used = 1 | 1 << 6;
	conf.classes[6].strict = true;
	shape(&net, WAN, 0, &conf);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(receive(&net, VM1, to_wan[VM1], i));
	for (uint32_t i = 0; i < 20; i++)
		assert_true(receive(&net, VM2, to_wan[VM2], 100 + i));
	/* Nothing has a way out until both have come. */
	net.port[WAN]->queues[0]->suspended = true;
	rig_round(net.rig, 0);
	rig_round(net.rig, 1);
	rig_round(net.rig, 0);
	assert_true(net.port[WAN]->shaper->full);
	net.port[WAN]->queues[0]->suspended = false;
	rig_round(net.rig, 0);
	assert_false(net.port[WAN]->shaper->full);
	for (uint32_t i = 0; i < 40; i++) {
		assert_true(rig_sent(net.rig, net.port[WAN], &packet));
		assert_int_equal(number_of(&packet), i < 20 ? 100 + i : i - 20);
	}
	net_done(&net);
}

/* A VM that sends little gets through beside one that sends all it can. */
static void test_vms_share(void **state)
{
	struct scheduler_conf conf;
	struct rig_packet packet;
	uint32_t n[2] = { 0 };
	struct net net;

	(void)state;
	net_init(&net, 2048, 512);
	conf_init(&conf, 256);
	shape(&net, WAN, 0, &conf);
	net.port[WAN]->queues[0]->suspended = true;
	for (uint32_t i = 0; i < 60; i++)
		assert_true(receive(&net, VM1, to_wan[VM1], i));
	rig_round(net.rig, 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(receive(&net, VM2, to_wan[VM2], 1000 + i));
	rig_round(net.rig, 1);
	rig_round(net.rig, 0);
	net.port[WAN]->queues[0]->suspended = false;
	rig_round(net.rig, 0);
	/* In turns of SCHEDULER_TURN bytes: 19 packets of vm1's, then vm2's. */
	for (uint32_t i = 0; i < 70; i++) {
		uint32_t number;

		assert_true(rig_sent(net.rig, net.port[WAN], &packet));
		number = number_of(&packet);
		assert_int_equal(number % 1000, n[number / 1000]++);
		if (number == 1009)
			assert_in_range(i, 19, 40);
	}
	net_done(&net);
}

/* ---- rates ---- */

/* At 10 Mbit/s, looked at each 50 us: to 2 % over 100 ms. */
static void test_rate(void **state)
{
	const uint64_t bits = 10000000;
	const uint64_t begin = 7 * NS_PER_SEC;
	uint32_t n = 0, next = 0, number = 0;
	struct scheduler_conf conf;
	struct rig_packet packet;
	struct net net;
	uint64_t most;

	(void)state;
	net_init(&net, 2048, 512);
	conf_init(&conf, 256);
	conf.rate.bits = bits;
	at(&net, begin);
	shape(&net, WAN, 0, &conf);
	for (uint64_t t = 0; t < 100 * NS_PER_MS; t += 50 * NS_PER_US) {
		at(&net, begin + t);
		while (out_frames(&net, WAN) < 100) {
			assert_true(receive(&net, VM1, to_wan[VM1], number++));
			rig_round(net.rig, 0);
		}
		rig_round(net.rig, 0);
		while (rig_sent(net.rig, net.port[WAN], &packet)) {
			assert_int_equal(number_of(&packet), next++);
			n++;
		}
	}
	most = bits / 10 / WIRE_BITS;
	assert_in_range(n, most * 98 / 100, most * 102 / 100);
	assert_int_equal(count(&net, WAN, PKT_out_full), 0);
	assert_int_equal(count(&net, WAN, PKT_class_full), 0);
	rig_assert_conserved(net.rig);
	net_done(&net);
}

/* How long the owner may sleep. */
static void test_wait(void **state)
{
	struct scheduler_conf conf;
	struct port_shaper *shaper;
	const uint64_t begin = NS_PER_SEC;
	struct net net;
	uint64_t wait;

	(void)state;
	net_init(&net, 2048, 512);
	conf_init(&conf, 256);
	conf.rate.bits = 1000000; /* a packet in 656 us */
	at(&net, begin);
	shaper = shape(&net, WAN, 0, &conf);
	assert_true(shaper_wait(shaper, begin) == UINT64_MAX);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(receive(&net, VM1, to_wan[VM1], i));
	rig_round(net.rig, 0);
	assert_int_equal(rig_drain(net.rig, net.port[WAN]), 1);
	wait = shaper_wait(shaper, begin);
	assert_in_range(wait, 656 * NS_PER_US, 756 * NS_PER_US);
	at(&net, begin + wait - 1);
	rig_round(net.rig, 0);
	assert_int_equal(rig_drain(net.rig, net.port[WAN]), 0);
	assert_int_equal(shaper_wait(shaper, begin + wait), 0);
	at(&net, begin + wait);
	rig_round(net.rig, 0);
	assert_int_equal(rig_drain(net.rig, net.port[WAN]), 1);
	net_done(&net);
}

/* ---- bounds ---- */

/* The port's account bounds rings and scheduler together. */
static void test_account_full(void **state)
{
	struct scheduler_conf conf;
	struct net net;

	(void)state;
	net_init(&net, 2048, 10);
	conf_init(&conf, 256);
	conf.rate.bits = 1000;
	shape(&net, WAN, 0, &conf);
	for (uint32_t i = 0; i < 60; i++)
		assert_true(receive(&net, VM1, to_wan[VM1], i));
	rig_rounds(net.rig);
	assert_int_equal(out_frames(&net, WAN), 10);
	assert_int_equal(count(&net, WAN, PKT_out_full), 50);
	assert_int_equal(count(&net, WAN, PKT_class_full), 0);
	net_done(&net);
}

/* What the scheduler refuses is counted, and off the account. */
static void test_class_full(void **state)
{
	struct scheduler_conf conf;
	struct net net;

	(void)state;
	net_init(&net, 2048, 512);
	conf_init(&conf, 256);
	conf.rate.bits = 1000;
	conf.classes[0].vm_limit = 20;
	shape(&net, WAN, 0, &conf);
	for (uint32_t i = 0; i < 60; i++)
		assert_true(receive(&net, VM1, to_wan[VM1], i));
	rig_round(net.rig, 0);
	/* One has gone. */
	assert_int_equal(count(&net, WAN, PKT_class_full), 40);
	assert_int_equal(rig_drain(net.rig, net.port[WAN]), 1);
	rig_rounds(net.rig);
	assert_int_equal(out_frames(&net, WAN), 19);
	rig_assert_conserved(net.rig);
	net_done(&net);
}

/* The owner is away: the ring is full. */
static void test_ring_full(void **state)
{
	struct scheduler_conf conf;
	struct net net;

	(void)state;
	net_init(&net, 4096, 1024);
	conf_init(&conf, 1024);
	shape(&net, WAN, 0, &conf);
	for (uint32_t i = 0; i < 600; i += 30) {
		for (uint32_t k = 0; k < 30; k++)
			assert_true(receive(&net, VM2, to_wan[VM2], i + k));
		rig_round(net.rig, 1);
	}
	assert_int_equal(out_frames(&net, WAN), SHAPER_RING);
	assert_int_equal(count(&net, WAN, PKT_class_full), 600 - SHAPER_RING);
	rig_assert_conserved(net.rig);
	net_done(&net);
}

/* What the device has no room for waits in the scheduler; nothing is lost. */
static void test_tx_full(void **state)
{
	struct scheduler_conf conf;
	struct rig_packet packet;
	struct net net;

	(void)state;
	net_init(&net, 4096, 1024);
	conf_init(&conf, 1024);
	shape(&net, WAN, 0, &conf);
	for (uint32_t i = 0; i < 400; i += 40) {
		for (uint32_t k = 0; k < 40; k++)
			assert_true(receive(&net, VM1, to_wan[VM1], i + k));
		rig_round(net.rig, 0);
	}
	assert_true(net.port[WAN]->shaper->full);
	assert_int_equal(count(&net, WAN, PKT_from_agent), RIG_RING);
	assert_int_equal(scheduler_n_waiting(net.port[WAN]->shaper->scheduler),
			 400 - RIG_RING);
	rig_assert_conserved(net.rig);
	for (uint32_t i = 0; i < 400; i++) {
		if (!rig_sent(net.rig, net.port[WAN], &packet)) {
			rig_round(net.rig, 0);
			assert_true(rig_sent(net.rig, net.port[WAN], &packet));
		}
		assert_int_equal(number_of(&packet), i);
	}
	rig_rounds(net.rig);
	assert_int_equal(out_frames(&net, WAN), 0);
	assert_int_equal(count(&net, WAN, PKT_out_full), 0);
	net_done(&net);
}

/* ---- the end ---- */

/* A port that goes down has nothing that waits. */
static void test_port_down(void **state)
{
	struct scheduler_conf conf;
	struct net net;

	(void)state;
	net_init(&net, 2048, 512);
	conf_init(&conf, 256);
	conf.rate.bits = 1000;
	shape(&net, WAN, 0, &conf);
	for (uint32_t i = 0; i < 30; i++)
		assert_true(receive(&net, VM1, to_wan[VM1], i));
	rig_round(net.rig, 0);
	for (uint32_t i = 0; i < 30; i++)
		assert_true(receive(&net, VM2, to_wan[VM2], i));
	rig_round(net.rig, 1); /* in the ring */
	rig_drain(net.rig, net.port[WAN]);
	net.port[WAN]->up = false;
	rig_rounds(net.rig);
	assert_int_equal(out_frames(&net, WAN), 0);
	assert_int_equal(count(&net, WAN, PKT_out_down), 59);
	rig_assert_conserved(net.rig);
	net_done(&net);
}

/* And neither has one that is not shaped any more, which goes on. */
static void test_detach(void **state)
{
	struct scheduler_conf conf;
	struct net net;

	(void)state;
	net_init(&net, 2048, 512);
	conf_init(&conf, 256);
	conf.rate.bits = 1000;
	shape(&net, WAN, 0, &conf);
	for (uint32_t i = 0; i < 30; i++)
		assert_true(receive(&net, VM1, to_wan[VM1], i));
	rig_round(net.rig, 0);
	for (uint32_t i = 0; i < 30; i++)
		assert_true(receive(&net, VM2, to_wan[VM2], i));
	rig_round(net.rig, 1);
	unshape(&net, WAN);
	assert_int_equal(net.rig->vs.workers[0]->n_shapers, 0);
	assert_int_equal(count(&net, WAN, PKT_out_down), 59);
	rig_assert_conserved(net.rig);
	assert_true(receive(&net, VM1, to_wan[VM1], 0));
	rig_round(net.rig, 0);
	assert_int_equal(rig_drain(net.rig, net.port[WAN]), 2);
	net_done(&net);
}

/* ---- everything at once ---- */

static const char *const storm_packets[N_SLOTS][4] = {
	[WAN] = { "dst=vm1 src=wire tag=10 ip4 udp data=1200",
		  "dst=vm2 src=wire tag=10 ip4 udp data=30",
		  "dst=bcast src=wire tag=10 arp",
		  "dst=new src=wire tag=10 ip6 tcp" },
	[VM1] = { "dst=vm2 src=vm1 ip4 udp data=900 csum=partial",
		  "dst=wire src=vm1 ip4 udp data=30", "dst=bcast src=vm1 arp",
		  "dst=vm3 src=vm1 ip4 udp" },
	[VM2] = { "dst=vm1 src=vm2 ip4 udp data=900",
		  "dst=vm3 src=vm2 ip4 udp data=30",
		  "dst=mcast src=vm2 ip4 udp",
		  "dst=wire src=vm2 ip6 udp data=1460" },
	[VM3] = { "dst=vm1 src=vm3 ip4 udp", "dst=vm2 src=vm3 ip4 udp",
		  "dst=new src=vm3 ip4 udp",
		  "dst=wire src=vm3 ip4 tcp data=9" },
};

static void storm_arrive(struct net *net, uint64_t *seed, int first, int last)
{
	int slot = first + (int)unit_below(seed, (uint32_t)(last - first + 1));
	struct made_packet packet;

	packet_make(&packet, storm_packets[slot][unit_below(seed, 4)]);
	rig_receive(net->rig, net->port[slot], packet.data, packet.len, NULL);
}

static void storm_send(struct net *net, uint64_t *seed, int first, int last)
{
	for (int slot = first; slot <= last; slot++) {
		struct rig_packet packet;

		for (uint32_t n = unit_below(seed, 30); n > 0; n--)
			if (!rig_sent(net->rig, net->port[slot], &packet))
				break;
	}
}

static void storm_shape(struct net *net, uint16_t slot, uint64_t *seed)
{
	struct scheduler_conf conf;

	conf_init(&conf, 64 + unit_below(seed, 200));
	conf.used = (uint8_t)(1 | unit_below(seed, 256));
	conf.rate.bits = unit_below(seed, 2) ? 0 : 100000000;
	conf.classes[0].vm_limit = unit_below(seed, 50);
	conf.classes[7].strict = true;
	shape(net, slot, unit_below(seed, 2), &conf);
}

/* Shapers come and go, ports too; their owners are any worker. */
static void test_storm(void **state)
{
	uint32_t rounds = UNIT_SLOW ? 4000 : 20000;
	uint64_t seed = 815;
	struct net net;

	(void)state;
	net_init(&net, 1600, 128);
	for (uint16_t slot = VM1; slot < N_SLOTS; slot++)
		net.port[slot]->class = (uint8_t)(slot * 2 + 1);
	for (uint32_t i = 0; i < rounds; i++) {
		uint16_t slot = (uint16_t)(WAN + unit_below(&seed, 4));

		at(&net, NS_PER_SEC + i * 20 * NS_PER_US);
		for (uint32_t n = unit_below(&seed, 40); n > 0; n--)
			storm_arrive(&net, &seed, WAN, VM3);
		rig_round(net.rig, unit_below(&seed, 2));
		storm_send(&net, &seed, WAN, VM3);
		if (!unit_below(&seed, 30))
			net.port[slot]->up = !net.port[slot]->up;
		else if (!unit_below(&seed, 30) && net.port[slot]->shaper)
			unshape(&net, slot);
		else if (!unit_below(&seed, 15) && !net.port[slot]->shaper)
			storm_shape(&net, slot, &seed);
		if (i % 8 == 0)
			rig_assert_conserved(net.rig);
	}
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++) {
		net.port[slot]->up = true;
		if (net.port[slot]->shaper)
			unshape(&net, slot);
	}
	for (uint32_t i = 0; i < 50; i++) {
		rig_rounds(net.rig);
		for (uint16_t slot = WAN; slot < N_SLOTS; slot++)
			rig_drain(net.rig, net.port[slot]);
	}
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++) {
		assert_int_equal(out_frames(&net, slot), 0);
		assert_true(count(&net, slot, PKT_from_agent) > 1000);
		assert_true(count(&net, slot, PKT_class_full) > 10);
	}
	net_done(&net);
}

/* Each worker a thread, which plays the kernel for its own ports too; wan is
 * shaped by worker 0, vm3 by worker 1. */
struct thread {
	struct net *net;
	uint32_t worker;
};

static void *run_worker(void *arg)
{
	const struct thread *thread = arg;
	struct net *net = thread->net;
	struct worker *worker = net->rig->vs.workers[thread->worker];
	int first = thread->worker ? VM2 : WAN, last = first + 1;
	uint64_t seed = 1000 + thread->worker;

	rcu_register_thread();
	for (uint32_t i = 0; i < (UNIT_SLOW ? 4000 : 20000); i++) {
		worker->now_ns = NS_PER_SEC + i * 20 * NS_PER_US;
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
	struct scheduler_conf conf;
	struct thread args[2];
	pthread_t threads[2];
	struct net net;

	(void)state;
	net_init(&net, 1600, 128);
	conf_init(&conf, 128);
	conf.used = 0xff;
	conf.rate.bits = 500000000;
	net.port[VM2]->class = 5;
	at(&net, NS_PER_SEC);
	shape(&net, WAN, 0, &conf);
	shape(&net, VM3, 1, &conf);
	for (uint32_t i = 0; i < 2; i++) {
		args[i] = (struct thread){ &net, i };
		threads[i] = unit_start(run_worker, &args[i]);
	}
	for (uint32_t i = 0; i < 2; i++)
		unit_join(threads[i]);
	rig_assert_conserved(net.rig);
	assert_true(count(&net, WAN, PKT_from_agent) > 1000);
	assert_true(count(&net, VM3, PKT_from_agent) > 1000);
	net_done(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes),
		cmocka_unit_test(test_other_worker),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_vms_share),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_account_full),
		cmocka_unit_test(test_class_full),
		cmocka_unit_test(test_ring_full),
		cmocka_unit_test(test_tx_full),
		cmocka_unit_test(test_port_down),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_storm_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
