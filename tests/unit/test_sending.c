// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What VMs send, held to their rates: what goes, what waits and where, the
 * accounts meanwhile, and what becomes of it when ports go down. Switch and
 * workers are those of rig.h. A rate of one bit a second lets the first go and
 * keeps the others for as long as a test takes.
 */
#include "../packets.h"
#include "rig.h"
#include "switching/sending.h"

enum { WAN = 1, VM1, VM2, N_SLOTS };

#define OUT 400

static const struct rate slow = { .bits = 1 };
static const struct rate none;

struct net {
	struct rig *rig;
	struct worker *worker;
	struct port *port[N_SLOTS];
	uint32_t sent, got;
};

static void net_init(struct net *net, uint32_t out)
{
	static const char *const macs[] = { "", "wire", "vm1", "vm2" };
	const uint16_t members[] = { WAN, VM1, VM2 };
	struct rig *rig = rig_new(4096, 1);

	memset(net, 0, sizeof(*net));
	net->rig = rig;
	net->worker = rig->vs.workers[0];
	rig->out = out;
	net->port[WAN] = rig_port(rig, WAN, PORT_UPLINK, 0, 0);
	net->port[VM1] = rig_port(rig, VM1, PORT_VM, 10, 0);
	net->port[VM2] = rig_port(rig, VM2, PORT_VM, 10, 0);
	vswitch_set_network(&rig->vs, 10, members, 3);
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++) {
		struct fdb_key key = { .vlan = 10 };

		packet_mac(macs[slot], key.mac);
		fdb_set(rig->vs.fdb, &key, slot, FDB_F_STATIC, 0);
	}
	assert_int_equal(sending_new(&net->worker->sending), 0);
}

static void net_done(struct net *net)
{
	for (uint16_t slot = VM1; slot < N_SLOTS; slot++)
		sending_forget(net->worker, net->port[slot]);
	for (int i = 0; i < 8; i++) {
		rig_drain(net->rig, net->port[WAN]);
		rig_drain(net->rig, net->port[VM2]);
		rig_rounds(net->rig);
	}
	rig_assert_conserved(net->rig);
	for (uint16_t slot = WAN; slot < N_SLOTS; slot++)
		assert_int_equal(port_out_frames(net->port[slot], 1), 0);
	sending_free(net->worker->sending);
	net->worker->sending = NULL;
	rig_free(net->rig);
}

static const char *const texts[] = {
	"dst=wire src=vm1 ip4 proto=200 data=20",
	"dst=vm2 src=vm1 ip4 proto=200 data=20",
	"dst=bcast src=vm1 ip4 proto=200 data=20",
};
enum { TO_WIRE, TO_VM2, TO_ALL };

/* vm1's device receives up to @n packets. Returns how many. */
static uint32_t receive(struct net *net, uint32_t n, int to)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct made_packet packet;

		packet_make(&packet, texts[to]);
		memcpy(packet.data + packet.len - 4, &net->sent, 4);
		if (!rig_receive(net->rig, net->port[VM1], packet.data,
				 packet.len, NULL))
			break;
		net->sent++;
	}
	return i;
}

static uint32_t unread(const struct net *net)
{
	return rx_ring_ready(&net->port[VM1]->queues[0]->primary.rx);
}

/* What left by wan, in order. Returns how many. */
static uint32_t take(struct net *net)
{
	struct rig_packet packet;
	uint32_t number, n = 0;

	while (rig_sent(net->rig, net->port[WAN], &packet)) {
		memcpy(&number, packet.data + packet.len - 4, 4);
		assert_int_equal(number, net->got++);
		n++;
	}
	return n;
}

static void rounds(struct net *net)
{
	for (int i = 0; i < 8; i++)
		rig_rounds(net->rig);
	rig_assert_conserved(net->rig);
}

static uint32_t held(const struct net *net)
{
	return limiter_n_waiting(net->worker->sending->limiter);
}

static uint64_t count(const struct net *net, uint16_t slot,
		      enum pkt_reason reason)
{
	return rig_count(net->rig, net->port[slot], reason).packets;
}

/* Without a rate nothing stops; with one, the first packet goes, and the others
 * wait in its pool's frames. */
static void test_keeps(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, OUT);
	assert_int_equal(receive(&net, 5, TO_WIRE), 5);
	rounds(&net);
	assert_int_equal(take(&net), 5);
	assert_false(sending_stops(net.worker, VM1));
	assert_int_equal(sending_limit(net.worker, net.port[VM1], &slow), 0);
	assert_true(sending_stops(net.worker, VM1));
	assert_false(sending_stops(net.worker, VM2));
	assert_int_equal(receive(&net, 5, TO_WIRE), 5);
	rounds(&net);
	assert_int_equal(take(&net), 1);
	assert_int_equal(held(&net), 4);
	assert_int_equal(port_out_frames(net.port[VM1], 1), 4);
	assert_int_equal(port_out_frames(net.port[WAN], 1), 1);
	assert_true(sending_wait(net.worker, now_ns()) <= NS_PER_SEC);
	/* As fast as it likes again: all goes, in order. */
	assert_int_equal(sending_limit(net.worker, net.port[VM1], &none), 0);
	assert_int_equal(receive(&net, 3, TO_WIRE), 3);
	rounds(&net);
	assert_int_equal(take(&net), 7);
	assert_int_equal(held(&net), 0);
	assert_true(sending_wait(net.worker, now_ns()) == UINT64_MAX);
	net_done(&net);
}

/* What there is no room for is left where it is: nothing is lost, and nothing has
 * the worker come round before something may go. */
static void test_not_read(void **state)
{
	struct net net;
	uint32_t n = 0;

	(void)state;
	net_init(&net, OUT);
	assert_int_equal(sending_limit(net.worker, net.port[VM1], &slow), 0);
	while (held(&net) < SENDING_VM_PACKETS) {
		n += receive(&net, 32, TO_WIRE);
		rig_rounds(net.rig);
		rig_assert_conserved(net.rig);
	}
	n += receive(&net, 20, TO_WIRE);
	rounds(&net);
	assert_int_equal(held(&net), SENDING_VM_PACKETS);
	assert_int_equal(take(&net), 1);
	assert_int_equal(unread(&net), n - 1 - SENDING_VM_PACKETS);
	assert_false(net.worker->blocked);
	assert_int_equal(sending_limit(net.worker, net.port[VM1], &none), 0);
	for (int i = 0; i < 20; i++) {
		rig_round(net.rig, 0);
		take(&net);
	}
	assert_int_equal(net.got, n);
	assert_int_equal(count(&net, VM1, PKT_rate_full), 0);
	net_done(&net);
}

/* The VM's own pool pays for what waits: when it is all in use the VM is not
 * read, and looked at again by and by. */
static void test_account(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 20);
	assert_int_equal(sending_limit(net.worker, net.port[VM1], &slow), 0);
	assert_int_equal(receive(&net, 32, TO_WIRE), 32);
	rounds(&net);
	assert_int_equal(take(&net), 1);
	assert_int_equal(held(&net), 20);
	assert_int_equal(port_out_frames(net.port[VM1], 1), 20);
	assert_int_equal(unread(&net), 11);
	assert_true(net.worker->blocked);
	net_done(&net);
}

/* A pair's rate stops what goes there, and what is behind it for others is not
 * overtaken by anything of its own pair. */
static void test_pair(void **state)
{
	struct fdb_key key = { .vlan = 10 };
	struct fdb_found found;
	struct net net;

	(void)state;
	net_init(&net, OUT);
	packet_mac("wire", key.mac);
	assert_true(fdb_lookup(net.rig->vs.fdb, &key, 0, 0, &found));
	assert_int_not_equal(found.number, 0);
	assert_int_equal(sending_set_pair(net.worker, VM1, found.number, 1), 0);
	assert_true(sending_has_come(net.worker));
	rounds(&net);
	assert_false(sending_has_come(net.worker));
	assert_true(sending_stops(net.worker, VM1));
	/* A burst of two long packets, and one. */
	assert_int_equal(receive(&net, 64, TO_WIRE), 64);
	rounds(&net);
	assert_in_range(held(&net), 20, 45);
	assert_int_equal(take(&net) + held(&net), 64);
	receive(&net, 3, TO_VM2);
	rounds(&net);
	assert_int_equal(rig_drain(net.rig, net.port[VM2]), 3);
	net.got = 0;
	/* Unknown VMs have no limiters. */
	assert_int_equal(sending_set_pair(net.worker, 77, found.number, 1), 0);
	rounds(&net);
	assert_false(sending_stops(net.worker, 77));
	net_done(&net);
}

/* Requests come faster than they are taken. */
static void test_requests_lost(void **state)
{
	struct net net;
	uint32_t n = 0;

	(void)state;
	net_init(&net, OUT);
	while (!sending_set_pair(net.worker, VM1, 5, 1000))
		n++;
	assert_true(n >= 1024);
	assert_int_equal(net.worker->sending->n_requests_lost, 1);
	while (sending_has_come(net.worker))
		rig_rounds(net.rig);
	assert_int_equal(sending_set_pair(net.worker, VM1, 5, 1000), 0);
	rounds(&net);
	net_done(&net);
}

/* Copies of a broadcast are limited like anything else; those that find no room
 * are counted. */
static void test_broadcast(void **state)
{
	struct net net;
	uint32_t n = 0, sent;

	(void)state;
	net_init(&net, OUT);
	assert_int_equal(sending_limit(net.worker, net.port[VM1], &slow), 0);
	while (held(&net) < SENDING_VM_PACKETS) {
		n += receive(&net, 16, TO_ALL);
		rig_rounds(net.rig);
		rig_assert_conserved(net.rig);
	}
	n -= unread(&net);
	sent = rig_drain(net.rig, net.port[WAN]) +
	       rig_drain(net.rig, net.port[VM2]);
	assert_int_equal(sent, 1);
	assert_int_equal(2 * n, 1 + SENDING_VM_PACKETS +
					count(&net, VM1, PKT_rate_full));
	net_done(&net);
}

/* What waits for a port that has gone goes nowhere; nor does what comes from one
 * that goes. */
static void test_down(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, OUT);
	assert_int_equal(sending_limit(net.worker, net.port[VM1], &slow), 0);
	assert_int_equal(receive(&net, 5, TO_WIRE), 5);
	rounds(&net);
	assert_int_equal(take(&net), 1);
	net.port[WAN]->up = false;
	assert_int_equal(sending_limit(net.worker, net.port[VM1], &none), 0);
	rounds(&net);
	assert_int_equal(held(&net), 0);
	assert_int_equal(count(&net, WAN, PKT_out_down), 4);
	assert_int_equal(port_out_frames(net.port[VM1], 1), 0);
	net.port[WAN]->up = true;
	net.got = net.sent;
	assert_int_equal(sending_limit(net.worker, net.port[VM1], &slow), 0);
	assert_int_equal(receive(&net, 5, TO_WIRE), 5);
	rounds(&net);
	sending_forget(net.worker, net.port[VM1]);
	assert_false(sending_stops(net.worker, VM1));
	rounds(&net);
	assert_int_equal(take(&net) + count(&net, VM1, PKT_out_down), 5);
	assert_true(count(&net, VM1, PKT_out_down) >= 4);
	net_done(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps),
		cmocka_unit_test(test_not_read),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_requests_lost),
		cmocka_unit_test(test_broadcast),
		cmocka_unit_test(test_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
