// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A vhost-user guest that sends more than it may: its ring is left unread, and
 * read on when it is time, whether it kicks or not. The switch is that of rig.h,
 * the guest's memory and ring are those of ring_rig.h; the clock is the test's.
 */
#include "../packets.h"
#include "control/guests.h"
#include "fake_clock.h"
#include "rig.h"
#include "ring_rig.h"
#include "switching/guest.h"
#include "switching/source.h"

enum { WAN = 1, GUEST };

#define RING	 64
#define OVERHEAD CONFIG_WIRE_BYTES
#define STEP_NS	 (20 * NS_PER_US)

struct net {
	struct rig *rig;
	struct ring_rig *guest;
	struct worker *worker;
	struct port *wan, *port;
	struct vhost_port vhost;
	uint32_t n_sent, n_got;
	uint64_t bits; /* got, with overhead */
	bool blocked;  /* after the last look at the guest's ring */
};

static void net_init(struct net *net, uint32_t out)
{
	static const uint16_t members[] = { WAN, GUEST };
	struct fdb_key key = { .vlan = 0 };
	struct rig *rig = rig_new(4096, 1);

	memset(net, 0, sizeof(*net));
	fake_ns = NS_PER_SEC;
	net->rig = rig;
	net->worker = rig->vs.workers[0];
	rig->out = out;
	net->wan = rig_port(rig, WAN, PORT_UPLINK, 0, 0);
	net->port = rig_port(rig, GUEST, PORT_VM, 0, 0);
	packet_mac("wire", key.mac);
	fdb_set(rig->vs.fdb, &key, WAN, FDB_F_STATIC, 0);
	vswitch_set_network(&rig->vs, 0, members, 2);
	net->guest = rig_open(RING, VIRTIO_VERSION_1 | VIRTIO_NET_CSUM |
					    VIRTIO_NET_HOST_TSO4);
	assert_int_equal(front_net_init(&net->guest->net, &net->guest->front, 0,
					0, 2048, RING),
			 0);
	net->guest->pair->port = net->port;
	net->port->vhost = &net->vhost;
	net->port->source = calloc(1, sizeof(*net->port->source));
	assert_int_equal(sending_new(&net->worker->sending), 0);
}

static void limit(struct net *net, uint64_t bits)
{
	const struct rate rate = { .bits = bits, .burst = 3076 };

	assert_int_equal(sending_limit(net->worker, net->port, &rate), 0);
}

static uint32_t take(struct net *net)
{
	struct rig_packet packet;
	uint32_t n = 0;

	for (; rig_sent(net->rig, net->wan, &packet); n++)
		net->bits += (packet.len + OVERHEAD) * 8ull;
	return n;
}

/* As worker.c does it. Returns how many packets were read. */
static uint32_t round_(struct net *net)
{
	uint32_t n;

	net->worker->blocked = false;
	n = guest_receive(net->worker, net->guest->pair);
	net->blocked = net->worker->blocked;
	rig_round(net->rig, 0);
	net->n_got += take(net);
	rig_assert_conserved(net->rig);
	return n;
}

static bool send_packet(struct net *net)
{
	static struct made_packet packet;

	if (!packet.len)
		packet_make(&packet,
			    "dst=wire src=vm1 ip4 proto=200 data=900");
	if (front_net_send(&net->guest->net, NULL, packet.data, packet.len))
		return false;
	net->n_sent++;
	return true;
}

/* 8 segments, in two frames. */
static bool send_long(struct net *net)
{
	static const struct front_net_hdr hdr = {
		.flags = FRONT_NET_NEEDS_CSUM,
		.gso_type = FRONT_NET_GSO_TCPV4,
		.hdr_len = 54,
		.gso_size = 500,
		.csum_start = 34,
		.csum_offset = 16,
	};
	static struct made_packet packet;

	if (!packet.len)
		packet_make(&packet, "dst=wire src=vm1 ip4 tcp=1,2 data=4000 "
				     "csum=partial");
	if (front_net_send(&net->guest->net, &hdr, packet.data, packet.len))
		return false;
	net->n_sent++;
	return true;
}

/* Time goes on by @ns while the guest sends all it can. */
static void run(struct net *net, bool (*send)(struct net *net), uint64_t ns)
{
	const uint64_t end = fake_ns + ns;

	while (fake_ns < end) {
		while (send(net))
			;
		round_(net);
		fake_ns += STEP_NS;
	}
}

static uint32_t n_waiting(const struct net *net)
{
	return limiter_n_waiting(net->worker->sending->limiter);
}

static void net_done(struct net *net)
{
	struct source_rules *rules = net->port->source;

	sending_forget(net->worker, net->port);
	assert_int_equal(n_waiting(net), 0);
	assert_int_equal(port_out_frames(net->port, 1), 0);
	assert_int_equal(net->port->n_kept, 0);
	rig_rounds(net->rig);
	take(net);
	rig_rounds(net->rig);
	rig_assert_conserved(net->rig);
	rig_close(net->guest);
	sending_free(net->worker->sending);
	rig_free(net->rig);
	free(rules);
	fake_ns = 0;
}

static void assert_near(uint64_t is, uint64_t want, uint64_t slack)
{
	if (is + slack < want || is > want + slack)
		fail_msg("%lu, not %lu", (long)is, (long)want);
}

/* Nothing is lost: what may not go waits, in the limiter or in the ring; and the
 * worker has nothing to do until it is time. */
static void test_left_unread(void **state)
{
	struct net net;
	uint64_t wait;
	uint32_t n;

	(void)state;
	net_init(&net, 1024);
	limit(&net, 1000000);
	for (n = 0; n < 100; n++) {
		while (send_packet(&net))
			;
		round_(&net);
	}
	assert_int_equal(n_waiting(&net), SENDING_VM_PACKETS);
	assert_int_equal(net.n_sent, net.n_got + n_waiting(&net) + RING);
	assert_false(net.blocked);
	assert_false(guest_has_work(net.guest->pair));
	wait = sending_wait(net.worker, fake_ns);
	assert_true(wait > 0 && wait < 34 * NS_PER_MS);
	/* It goes on by itself. */
	fake_ns += 10 * NS_PER_MS;
	round_(&net);
	assert_int_equal(round_(&net), 1);
	/* And the guest gets nothing but its time from kicking. */
	assert_int_equal(round_(&net), 0);
	assert_false(guest_has_work(net.guest->pair));
	net_done(&net);
}

/* With no room in the account it is looked at again by and by. */
static void test_account_full(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 64);
	limit(&net, 1000000);
	run(&net, send_packet, 10 * STEP_NS);
	assert_true(port_out_frames(net.port, 1) <= 64 - 64 / 4);
	assert_true(net.blocked);
	assert_int_equal(net.n_sent, net.n_got + n_waiting(&net) + RING);
	net_done(&net);
}

/* A guest that has been told to wait, and then has no rate any more. */
static void test_freed(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1024);
	limit(&net, 1000000);
	run(&net, send_packet, 100 * STEP_NS);
	assert_true(net.guest->pair->limited);
	limit(&net, 0);
	for (uint32_t i = 0; i < 10; i++)
		round_(&net);
	assert_false(net.guest->pair->limited);
	assert_int_equal(net.n_sent, net.n_got);
	/* The same at once, with what waits. */
	limit(&net, 1000000);
	run(&net, send_packet, 100 * STEP_NS);
	assert_true(net.guest->pair->limited);
	sending_forget(net.worker, net.port);
	round_(&net);
	assert_false(net.guest->pair->limited);
	net_done(&net);
}

static void check_rate(bool (*send)(struct net *net), uint64_t bits,
		       uint64_t slack)
{
	struct net net;

	net_init(&net, 1024);
	limit(&net, bits);
	run(&net, send, 50 * NS_PER_MS);
	net.bits = 0;
	run(&net, send, 100 * NS_PER_MS);
	assert_near(net.bits, bits / 10, slack + bits / 100000 * 3);
	assert_int_equal(rig_count(net.rig, net.wan, PKT_out_full).packets, 0);
	net_done(&net);
}

/* Long packets count as what becomes of them: within one of them. */
static void test_rates(void **state)
{
	const uint64_t one = (14 + 20 + 900 + OVERHEAD) * 8;
	const uint64_t segments = 8 * (54 + 500 + OVERHEAD) * 8;

	(void)state;
	check_rate(send_packet, 1000000, one);
	check_rate(send_packet, 200000000, one);
	check_rate(send_long, 4000000, segments);
	check_rate(send_long, 200000000, segments);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_left_unread),
		cmocka_unit_test(test_account_full),
		cmocka_unit_test(test_freed),
		cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
