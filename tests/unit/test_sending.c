// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What VMs send, held to their rates: from a VM's device by a worker's limiter to
 * other ports; rates, order, what is left unread, whose frames wait, and what
 * becomes of them. On the bench of rig.h; the clock is the test's.
 */
#include <urcu-qsbr.h>

#include "../packets.h"
#include "fake_clock.h"
#include "rig.h"

enum { WAN = 1, VM1, VM2, VM3, N_SLOTS };

/* One network; vm3 is worker 1's, the others worker 0's. */
struct net {
	struct rig *rig;
	struct port *port[N_SLOTS];
	uint32_t number[N_SLOTS]; /* of its forwarding entry */
	uint32_t n_sent[N_SLOTS]; /* by vm1, to it */
	uint32_t n_got[N_SLOTS];
	uint64_t bits[N_SLOTS]; /* with overhead, got */
};

#define OUT	 128
#define OVERHEAD CONFIG_WIRE_BYTES
#define STEP_NS	 (10 * NS_PER_US)
#define BEGIN_NS NS_PER_SEC

#define MAX_MORE 36

/* With @n_more VMs in the network, in the next slots. */
static void net_init_with(struct net *net, uint32_t out, uint16_t n_more)
{
	static const char *const macs[] = { "", "wire", "vm1", "vm2", "vm3" };
	uint16_t members[4 + MAX_MORE] = { WAN, VM1, VM2, VM3 };
	struct rig *rig = rig_new(4096, 2);
	struct fdb_found found;

	memset(net, 0, sizeof(*net));
	fake_ns = BEGIN_NS;
	net->rig = rig;
	rig->out = out;
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++) {
		struct fdb_key key = { .vlan = 10 };

		net->port[slot] = rig_port(
			rig, slot, slot == WAN ? PORT_UPLINK : PORT_VM,
			slot == WAN ? 0 : 10, slot == VM3);
		packet_mac(macs[slot], key.mac);
		fdb_set(rig->vs.fdb, &key, slot, FDB_F_STATIC, 0);
		assert_true(fdb_lookup(rig->vs.fdb, &key, 0, 0, &found));
		net->number[slot] = found.number;
	}
	for (uint16_t i = 0; i < n_more; i++) {
		members[4 + i] = N_SLOTS + i;
		rig_port(rig, N_SLOTS + i, PORT_VM, 10, 0);
	}
	vswitch_set_network(&rig->vs, 10, members, 4u + n_more);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(sending_new(&rig->vs.workers[i]->sending), 0);
}

static void net_init(struct net *net)
{
	net_init_with(net, OUT, 0);
}

static struct worker *worker_of(const struct net *net, uint16_t slot)
{
	return net->rig->vs.workers[slot == VM3];
}

static void limit(struct net *net, uint16_t slot, uint64_t bits)
{
	const struct rate rate = { .bits = bits, .burst = 3076 };

	assert_int_equal(sending_limit(worker_of(net, slot), net->port[slot],
				       bits ? &rate : &(struct rate){ 0 }),
			 0);
}

/* vm1 sends a packet, which has its number, to @to; false: its device's ring, or
 * what is posted for it, is at its end. */
static bool send_to(struct net *net, uint16_t to, const char *text)
{
	struct made_packet packet;

	packet_make(&packet, text);
	memcpy(packet.data + packet.len - 4, &net->n_sent[to], 4);
	if (!rig_receive(net->rig, net->port[VM1], packet.data, packet.len,
			 NULL))
		return false;
	net->n_sent[to]++;
	return true;
}

static const char *const long_to[N_SLOTS] = {
	[WAN] = "dst=wire src=vm1 ip4 proto=200 data=900",
	[VM2] = "dst=vm2 src=vm1 ip4 proto=200 data=900",
	[VM3] = "dst=vm3 src=vm1 ip4 proto=200 data=900",
};

/* As many as the VM's device takes. Returns how many. */
static uint32_t fill(struct net *net, uint16_t to)
{
	uint32_t n = 0;

	while (send_to(net, to, long_to[to]))
		n++;
	return n;
}

/* What has come out at @slot is what was sent to it, in order. */
static uint32_t take(struct net *net, uint16_t slot)
{
	struct rig_packet packet;
	uint32_t number, n = 0;

	for (; rig_sent(net->rig, net->port[slot], &packet); n++) {
		memcpy(&number, packet.data + packet.len - 4, 4);
		assert_int_equal(number, net->n_got[slot]++);
		net->bits[slot] += (packet.len + OVERHEAD) * 8ull;
	}
	return n;
}

static void rounds(struct net *net)
{
	for (uint32_t i = 0; i < 2; i++)
		rig_round(net->rig, i);
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++)
		take(net, slot);
}

/* Time goes on by @ns, while vm1 sends to @to all that it can. */
static void run(struct net *net, uint16_t to, uint64_t ns)
{
	const uint64_t end = fake_ns + ns;

	while (fake_ns < end) {
		fill(net, to);
		rounds(net);
		fake_ns += STEP_NS;
	}
}

static uint32_t n_waiting(const struct net *net)
{
	return limiter_n_waiting(net->rig->vs.workers[0]->sending->limiter);
}

/* Of what vm1 sends. */
static struct rx_ring *rx_of(const struct net *net)
{
	return &rig_queue_of(net->rig, net->port[VM1])->queue.primary.rx;
}

static uint64_t count(const struct net *net, uint16_t slot,
		      enum pkt_reason reason)
{
	return rig_count(net->rig, net->port[slot], reason).packets;
}

static uint32_t out_frames(const struct net *net, uint16_t slot)
{
	return port_out_frames(net->port[slot], 2);
}

static void net_done(struct net *net)
{
	struct sending *s = net->rig->vs.workers[0]->sending;

	while (sending_has_come(net->rig->vs.workers[0]))
		rounds(net);
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++)
		sending_forget(net->rig->vs.workers[0], net->port[slot]);
	assert_int_equal(limiter_n_waiting(s->limiter), 0);
	/* What was still to be read passes. */
	for (uint32_t i = 0; i < 4; i++) {
		rig_rounds(net->rig);
		for (uint16_t slot = WAN; slot < N_SLOTS; slot++)
			rig_drain(net->rig, net->port[slot]);
	}
	rig_assert_conserved(net->rig);
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++) {
		assert_int_equal(out_frames(net, slot), 0);
		assert_int_equal(net->port[slot]->n_kept, 0);
		assert_false(net->port[slot]->limited);
	}
	for (uint32_t i = 0; i < 2; i++)
		sending_free(net->rig->vs.workers[i]->sending);
	rig_free(net->rig);
	fake_ns = 0;
}

/* ---- rates ---- */

static void assert_near(uint64_t is, uint64_t want, uint64_t slack)
{
	if (is + slack < want || is > want + slack)
		fail_msg("%lu, not %lu", (long)is, (long)want);
}

/* Within a packet in each tenth of a second, once the burst is over; nothing is
 * lost, and what is too much stays in the device's ring. */
static void test_rate(void **state)
{
	static const uint64_t rates[] = { 1000000, 20000000, 300000000 };
	const uint64_t packet = (14 + 4 + 20 + 900 + OVERHEAD) * 8;
	struct net net;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(rates); i++) {
		net_init(&net);
		limit(&net, VM1, rates[i]);
		run(&net, WAN, 20 * NS_PER_MS);
		for (uint32_t k = 0; k < 3; k++) {
			net.bits[WAN] = 0;
			run(&net, WAN, 100 * NS_PER_MS);
			/* What may go for a slot of the wheel besides. */
			assert_near(net.bits[WAN], rates[i] / 10,
				    packet + rates[i] / 100000);
		}
		assert_int_equal(count(&net, WAN, PKT_out_full), 0);
		assert_int_equal(count(&net, VM1, PKT_rate_full), 0);
		assert_true(n_waiting(&net) <= OUT);
		assert_int_equal(net.n_sent[WAN] - net.n_got[WAN],
				 n_waiting(&net) + rx_ring_ready(rx_of(&net)));
		net_done(&net);
	}
}

/* What waits is in the VM's own account, and goes on when it is its time: the
 * worker sleeps until then. */
static void test_waits(void **state)
{
	struct worker *worker;
	struct net net;
	uint32_t waiting;
	uint64_t ns;

	(void)state;
	net_init(&net);
	worker = worker_of(&net, VM1);
	limit(&net, VM1, 1000000);
	assert_true(sending_wait(worker, fake_ns) == UINT64_MAX);
	fill(&net, WAN);
	rounds(&net);
	waiting = n_waiting(&net);
	assert_true(waiting > 32);
	assert_int_equal(out_frames(&net, VM1), waiting);
	assert_int_equal(net.port[VM1]->n_kept, waiting);
	rig_assert_conserved(net.rig);
	ns = sending_wait(worker, fake_ns);
	assert_true(ns > NS_PER_MS && ns < 10 * NS_PER_MS);
	fake_ns += ns - 1;
	rounds(&net);
	assert_int_equal(n_waiting(&net), waiting);
	fake_ns += 1;
	rounds(&net);
	assert_int_equal(n_waiting(&net), waiting - 1);
	net_done(&net);
}

/* A ring that is full is left alone, and the worker neither polls nor needs to be
 * told when it may be read. */
static void test_left_unread(void **state)
{
	struct worker *worker;
	struct rx_ring *rx;
	struct net net;
	uint32_t ready;

	(void)state;
	net_init(&net);
	worker = worker_of(&net, VM1);
	rx = rx_of(&net);
	limit(&net, VM1, 1000000);
	run(&net, WAN, 100 * STEP_NS);
	ready = rx_ring_ready(rx);
	assert_int_equal(ready, rx->size);
	rounds(&net);
	assert_int_equal(rx_ring_ready(rx), ready);
	/* Its account is full, of which nothing tells. */
	assert_true(worker->blocked);
	fake_ns += sending_wait(worker, fake_ns) + STEP_NS;
	rounds(&net);
	rounds(&net);
	assert_int_equal(rx_ring_ready(rx), ready - 1);
	net_done(&net);

	/* And its limiter. */
	net_init_with(&net, 2048, 0);
	worker = worker_of(&net, VM1);
	rx = rx_of(&net);
	limit(&net, VM1, 1000000);
	run(&net, WAN, 100 * STEP_NS);
	assert_int_equal(n_waiting(&net), SENDING_VM_PACKETS);
	assert_int_equal(rx_ring_ready(rx), rx->size);
	assert_false(worker->blocked);
	assert_true(sending_wait(worker, fake_ns) < 34 * NS_PER_MS);
	net_done(&net);
}

/* A rate that is changed, taken away and given again: what waits follows, and
 * keeps its place. */
static void test_changes(void **state)
{
	struct worker *worker;
	struct net net;

	(void)state;
	net_init(&net);
	worker = worker_of(&net, VM1);
	limit(&net, VM1, 1000000);
	run(&net, WAN, 20 * NS_PER_MS);
	limit(&net, VM1, 100000000);
	net.bits[WAN] = 0;
	run(&net, WAN, 100 * NS_PER_MS);
	assert_near(net.bits[WAN], 10000000, 120000);
	limit(&net, VM1, 1000000);
	net.bits[WAN] = 0;
	run(&net, WAN, 100 * NS_PER_MS);
	assert_near(net.bits[WAN], 100000, 8000);
	assert_true(n_waiting(&net) > 0);
	limit(&net, VM1, 0);
	rounds(&net);
	rounds(&net);
	assert_int_equal(n_waiting(&net), 0);
	/* It is as it was without, after a while. */
	assert_true(sending_stops(worker, VM1));
	run(&net, WAN, PKT_MAX_PORTS * 2 * NS_PER_MS);
	assert_false(sending_stops(worker, VM1));
	assert_false(net.port[VM1]->limited);
	limit(&net, VM1, 1000000);
	net.bits[WAN] = 0;
	run(&net, WAN, 100 * NS_PER_MS);
	assert_near(net.bits[WAN], 100000, 3076 * 8 + 8000);
	net_done(&net);
}

/* ---- the account ---- */

/* Others' packets for a VM that does not take any leave it what it needs to
 * send. */
static void test_sends_unread(void **state)
{
	struct made_packet packet;
	struct net net;

	(void)state;
	net_init(&net);
	limit(&net, VM1, 20000000);
	packet_make(&packet, "dst=vm1 src=vm3 ip4 proto=200 data=20");
	for (uint32_t i = 0; i < 400; i++) {
		rig_receive(net.rig, net.port[VM3], packet.data, packet.len,
			    NULL);
		fill(&net, WAN);
		/* Nobody takes what leaves by vm1. */
		rig_round(net.rig, 1);
		rig_round(net.rig, 0);
		take(&net, WAN);
		fake_ns += STEP_NS;
		assert_true(out_frames(&net, VM1) <= OUT);
	}
	assert_true(count(&net, VM1, PKT_out_full) > 0);
	net.bits[WAN] = 0;
	for (uint32_t i = 0; i < 10000; i++) {
		rig_receive(net.rig, net.port[VM3], packet.data, packet.len,
			    NULL);
		fill(&net, WAN);
		rig_round(net.rig, 1);
		rig_round(net.rig, 0);
		take(&net, WAN);
		fake_ns += STEP_NS;
	}
	assert_near(net.bits[WAN], 2000000, 20000);
	rig_drain(net.rig, net.port[VM1]);
	net_done(&net);
}

/* And a VM that sends all that it can leaves room for what comes to it. */
static void test_receives(void **state)
{
	struct made_packet packet;
	struct net net;

	(void)state;
	net_init(&net);
	limit(&net, VM1, 1000000);
	run(&net, WAN, 20 * NS_PER_MS);
	packet_make(&packet, "dst=vm1 src=vm3 ip4 proto=200 data=20");
	for (uint32_t i = 0; i < 200; i++) {
		for (uint32_t k = 0; k < 8; k++)
			assert_true(rig_receive(net.rig, net.port[VM3],
						packet.data, packet.len,
						NULL));
		fill(&net, WAN);
		rig_round(net.rig, 1);
		rig_round(net.rig, 0);
		take(&net, WAN);
		assert_int_equal(rig_drain(net.rig, net.port[VM1]), 8);
		fake_ns += STEP_NS;
	}
	assert_int_equal(count(&net, VM1, PKT_out_full), 0);
	net_done(&net);
}

/* Copies of broadcasts have what the batch leaves: no other packet of it is lost,
 * and the account holds. */
static void test_broadcasts(void **state)
{
	struct net net;
	uint32_t n = 0;

	(void)state;
	net_init_with(&net, OUT, MAX_MORE);
	limit(&net, VM1, 1000000);
	while (n < 8 && send_to(&net, 0,
				"dst=bcast src=vm1 ip4 proto=200 data=20"))
		n++;
	n = fill(&net, VM2);
	assert_true(n > 10);
	rig_round(net.rig, 0);
	assert_true(count(&net, VM1, PKT_rate_full) > 0);
	assert_true(out_frames(&net, VM1) <= OUT);
	rig_assert_conserved(net.rig);
	limit(&net, VM1, 0);
	for (uint32_t i = 0; i < 4; i++) {
		struct rig_packet packet;

		rig_round(net.rig, 0);
		while (rig_sent(net.rig, net.port[VM2], &packet))
			n -= packet.len > 500;
	}
	assert_int_equal(n, 0);
	for (uint16_t i = 0; i < MAX_MORE; i++)
		rig_drain(net.rig, net.rig->vs.ports[N_SLOTS + i]);
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- ports go ---- */

static void hide(struct net *net, uint16_t slot)
{
	struct port *port = net->port[slot];

	port->up = false;
	net->rig->vs.ports[slot] = NULL;
	for (uint32_t i = 0; i < 2; i++)
		sending_forget(net->rig->vs.workers[i], port);
}

/* What waits for a port that goes is dropped at once, so that whoever comes to
 * its slot gets none of it; the rest goes on, in order. */
static void test_destination_goes(void **state)
{
	struct port *old;
	struct net net;
	uint32_t n;

	(void)state;
	net_init(&net);
	limit(&net, VM1, 1000000);
	for (uint32_t i = 0; i < 20; i++) {
		assert_true(send_to(&net, VM2, long_to[VM2]));
		assert_true(send_to(&net, WAN, long_to[WAN]));
	}
	rounds(&net);
	n = 20 - net.n_got[VM2];
	assert_int_equal(n_waiting(&net), n + 20 - net.n_got[WAN]);
	old = net.port[VM2];
	hide(&net, VM2);
	assert_int_equal(count(&net, VM2, PKT_out_down), n);
	assert_int_equal(n_waiting(&net), 20 - net.n_got[WAN]);
	assert_int_equal(out_frames(&net, VM1), n_waiting(&net));
	/* The bench looks at ports that are there. */
	old->up = true;
	net.rig->vs.ports[VM2] = old;
	rig_assert_conserved(net.rig);
	limit(&net, VM1, 0);
	rounds(&net);
	assert_int_equal(net.n_got[WAN], 20);
	assert_int_equal(net.n_got[VM2], 20 - n);
	net_done(&net);
}

/* The same with limiters of pairs, in all their states. */
static void test_destination_of_pairs_goes(void **state)
{
	struct worker *worker;
	struct net net;

	(void)state;
	net_init(&net);
	worker = worker_of(&net, VM1);
	limit(&net, VM1, 2000000);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(send_to(&net, VM2, long_to[VM2]));
	rounds(&net);
	/* This one is behind those: held. */
	assert_int_equal(sending_set_pair(worker, VM1, net.number[VM2], 1000),
			 0);
	assert_int_equal(sending_set_pair(worker, VM1, net.number[WAN], 1000),
			 0);
	rounds(&net);
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(send_to(&net, VM2, long_to[VM2]));
		assert_true(send_to(&net, WAN, long_to[WAN]));
	}
	rounds(&net);
	assert_int_equal(limiter_n_pairs(worker->sending->limiter), 2);
	hide(&net, VM2);
	net.port[VM2]->up = true;
	net.rig->vs.ports[VM2] = net.port[VM2];
	rig_assert_conserved(net.rig);
	for (uint32_t i = 0; i < 200; i++) {
		fake_ns += NS_PER_MS;
		rounds(&net);
	}
	assert_int_equal(net.n_got[WAN], 10);
	assert_int_equal(n_waiting(&net), 0);
	net_done(&net);
}

/* A VM that goes while its packets wait. */
static void test_sender_goes(void **state)
{
	struct port *vm1;
	struct net net;
	uint32_t waiting;

	(void)state;
	net_init(&net);
	vm1 = net.port[VM1];
	limit(&net, VM1, 1000000);
	fill(&net, WAN);
	rounds(&net);
	waiting = n_waiting(&net);
	hide(&net, VM1);
	assert_int_equal(n_waiting(&net), 0);
	assert_int_equal(count(&net, VM1, PKT_out_down), waiting);
	assert_int_equal(port_out_frames(vm1, 2), 0);
	assert_false(sending_stops(worker_of(&net, VM1), VM1));
	assert_true(sending_wait(worker_of(&net, VM1), fake_ns) == UINT64_MAX);
	/* Rates that somebody asks for are not for the next one there. */
	assert_int_equal(sending_set_pair(worker_of(&net, VM1), VM1,
					  net.number[WAN], 1000),
			 0);
	rounds(&net);
	assert_false(sending_stops(worker_of(&net, VM1), VM1));
	vm1->up = true;
	net.rig->vs.ports[VM1] = vm1;
	net_done(&net);
}

/* ---- pairs ---- */

/* A pair's rate holds for it alone; without one it is as it was, and in order. */
static void test_pair(void **state)
{
	struct worker *worker;
	struct net net;
	uint32_t n;

	(void)state;
	net_init(&net);
	worker = worker_of(&net, VM1);
	assert_false(sending_has_come(worker));
	assert_int_equal(sending_set_pair(worker, VM1, net.number[VM2], 2000),
			 0);
	assert_true(sending_has_come(worker));
	rounds(&net);
	assert_false(sending_has_come(worker));
	for (uint32_t i = 0; i < 1000; i++) {
		if (i % 100 == 0)
			assert_true(send_to(&net, VM2, long_to[VM2]));
		assert_true(send_to(&net, WAN, long_to[WAN]));
		rounds(&net);
		assert_int_equal(net.n_got[WAN], net.n_sent[WAN]);
		fake_ns += STEP_NS;
	}
	assert_true(net.n_got[VM2] < 10);
	run(&net, VM2, 20 * NS_PER_MS);
	net.bits[VM2] = 0;
	run(&net, VM2, 100 * NS_PER_MS);
	assert_near(net.bits[VM2], 200000, 8000);
	n = n_waiting(&net);
	assert_true(n > 0);
	assert_int_equal(sending_set_pair(worker, VM1, net.number[VM2], 0), 0);
	rounds(&net);
	assert_int_equal(n_waiting(&net), 0);
	/* Nobody has a rate: after a while it does not stop here. */
	for (uint32_t i = 0; i < 30000 && sending_stops(worker, VM1); i++) {
		fake_ns += NS_PER_MS;
		rounds(&net);
	}
	assert_false(sending_stops(worker, VM1));
	assert_int_equal(limiter_n_pairs(worker->sending->limiter), 0);
	net_done(&net);
}

/* A ring of requests that is full refuses, and says so. */
static void test_requests_full(void **state)
{
	struct worker *worker;
	uint32_t n = 0;
	struct net net;

	(void)state;
	net_init(&net);
	worker = worker_of(&net, VM1);
	while (!sending_set_pair(worker, VM1, net.number[VM2], 1000 + n))
		n++;
	assert_true(n >= 1024);
	assert_int_equal(worker->sending->n_requests_lost, 1);
	while (sending_has_come(worker))
		rounds(&net);
	assert_int_equal(limiter_n_pairs(worker->sending->limiter), 1);
	assert_int_equal(
		sending_set_pair(worker, VM1, net.number[VM2], 1000), 0);
	rounds(&net);
	net_done(&net);
}

/* ---- by threads ---- */

struct asker {
	struct net *net;
	bool stop;
	uint64_t n;
};

static void *ask(void *arg)
{
	struct asker *asker = arg;
	struct net *net = asker->net;
	uint64_t seed = 7;

	while (!__atomic_load_n(&asker->stop, __ATOMIC_ACQUIRE)) {
		const uint16_t to = unit_below(&seed, 2) ? VM2 : WAN;
		const uint32_t kbps = (uint32_t)unit_below(&seed, 20);

		sending_set_pair(worker_of(net, VM1), VM1, net->number[to],
				 kbps * 100000);
		asker->n++;
	}
	return NULL;
}

/* Rates come from one thread while the worker, another, sends. */
static void test_threads(void **state)
{
	struct asker asker;
	pthread_t thread;
	struct net net;

	(void)state;
	net_init(&net);
	asker = (struct asker){ .net = &net };
	thread = unit_start(ask, &asker);
	for (uint32_t i = 0; i < (UNIT_SLOW ? 4000 : 20000); i++) {
		send_to(&net, VM2, long_to[VM2]);
		send_to(&net, WAN, long_to[WAN]);
		rounds(&net);
		fake_ns += STEP_NS;
	}
	__atomic_store_n(&asker.stop, true, __ATOMIC_RELEASE);
	unit_join(thread);
	assert_true(net.n_got[VM2] > 100);
	assert_true(net.n_got[WAN] > 100);
	rig_assert_conserved(net.rig);
	net_done(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_left_unread),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_sends_unread),
		cmocka_unit_test(test_receives),
		cmocka_unit_test(test_broadcasts),
		cmocka_unit_test(test_destination_goes),
		cmocka_unit_test(test_destination_of_pairs_goes),
		cmocka_unit_test(test_sender_goes),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_requests_full),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
