// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A shaped port with a guest behind it: packets through the shaper into the
 * guest's ring, and what waits where while the guest does not read. Switch and
 * workers are those of rig.h, the guest's memory and ring those of ring_rig.h.
 */
#include "../packets.h"
#include "control/guests.h"
#include "rig.h"
#include "ring_rig.h"
#include "switching/guest.h"
#include "switching/shaper.h"

enum { VM1 = 1, GUEST, N_SLOTS };

#define GUEST_RING 64

/* vm1 is worker 0's, the guest's pair worker 1's. */
struct net {
	struct rig *rig;
	struct ring_rig *guest;
	struct vhost_port vhost;
	struct pair_map map;
	struct port *port[N_SLOTS];
	uint32_t sent, got;
};

static void net_init(struct net *net)
{
	static const char *const macs[] = { "", "vm1", "vm2" };
	const uint16_t members[] = { VM1, GUEST };
	struct rig *rig = rig_new(2048, 2);

	memset(net, 0, sizeof(*net));
	net->rig = rig;
	rig->out = 512;
	for (uint16_t slot = VM1; slot < N_SLOTS; slot++) {
		struct fdb_key key = { .vlan = 10 };

		net->port[slot] = rig_port(rig, slot, PORT_VM, 10, slot - 1u);
		packet_mac(macs[slot], key.mac);
		fdb_set(rig->vs.fdb, &key, slot, FDB_F_STATIC, 0);
	}
	vswitch_set_network(&rig->vs, 10, members, 2);
	net->guest = rig_open(GUEST_RING, VIRTIO_VERSION_1);
	rig_net(net->guest, 2048);
	front_net_post(&net->guest->net);
	net->guest->pair->port = net->port[GUEST];
	net->guest->pair->worker = 1;
	net->guest->pair->in_use = true;
	for (uint32_t i = 0; i < 2; i++) {
		net->map.of_worker[i].n = 1;
		net->map.of_worker[i].pairs[0] = net->guest->pair;
	}
	net->port[GUEST]->pairs = &net->map;
	net->port[GUEST]->vhost = &net->vhost;
}

static struct port_shaper *shape(struct net *net, uint32_t owner)
{
	struct port *port = net->port[GUEST];
	struct scheduler_conf conf;

	scheduler_conf_init(&conf, 256);
	assert_int_equal(shaper_new(port, &conf, owner, 0, &port->shaper), 0);
	assert_int_equal(shaper_attach(net->rig->vs.workers[owner],
				       port->shaper),
			 0);
	return port->shaper;
}

static void unshape(struct net *net)
{
	struct port_shaper *shaper = net->port[GUEST]->shaper;

	net->port[GUEST]->shaper = NULL;
	shaper_detach(net->rig->vs.workers[shaper->owner], shaper);
	shaper_free(shaper);
}

static void net_done(struct net *net)
{
	rig_assert_conserved(net->rig);
	rig_close(net->guest);
	rig_free(net->rig);
}

static uint32_t out_frames(const struct net *net)
{
	return port_out_frames(net->port[GUEST], 2);
}

static void rounds(struct net *net)
{
	for (uint32_t i = 0; i < 2; i++) {
		rig_round(net->rig, 0);
		guest_drain(net->rig->vs.workers[1], net->guest->pair);
		rig_round(net->rig, 1);
	}
	rig_assert_conserved(net->rig);
}

static void send_packets(struct net *net, uint32_t n)
{
	while (n > 0) {
		for (uint32_t i = 0; i < 40 && n > 0; i++, n--) {
			struct made_packet packet;

			packet_make(&packet,
				    "dst=vm2 src=vm1 ip4 proto=200 data=20");
			memcpy(packet.data + packet.len - 4, &net->sent, 4);
			net->sent++;
			assert_true(rig_receive(net->rig, net->port[VM1],
						packet.data, packet.len,
						NULL));
		}
		rounds(net);
	}
}

/* The guest reads up to @n packets: the next ones. Returns how many. */
static uint32_t read_packets(struct net *net, uint32_t n)
{
	struct front_net_hdr hdr;
	uint8_t data[2048];
	uint32_t number, i;

	for (i = 0; i < n; i++) {
		int len = front_net_receive(&net->guest->net, &hdr, data,
					    sizeof(data), 0);

		if (len == -ETIMEDOUT)
			break;
		assert_true(len > 4);
		memcpy(&number, data + len - 4, 4);
		assert_int_equal(number, net->got++);
	}
	return i;
}

static uint64_t count(const struct net *net, enum pkt_reason reason)
{
	return rig_count(net->rig, net->port[GUEST], reason).packets;
}

/* Whoever owns the shaper. */
static void test_passes(void **state)
{
	(void)state;
	for (uint32_t owner = 0; owner < 2; owner++) {
		struct net net;

		net_init(&net);
		shape(&net, owner);
		send_packets(&net, 30);
		assert_int_equal(out_frames(&net), 0);
		assert_int_equal(count(&net, PKT_from_agent), 30);
		assert_int_equal(read_packets(&net, 100), 30);
		unshape(&net);
		net_done(&net);
	}
}

/* A guest that does not read: hardly more than a batch waits behind the shaper,
 * and when it does read it gets all, in order. */
static void test_slow_guest(void **state)
{
	(void)state;
	for (uint32_t owner = 0; owner < 2; owner++) {
		struct port_shaper *shaper;
		struct net net;

		net_init(&net);
		shaper = shape(&net, owner);
		send_packets(&net, 200);
		assert_int_equal(count(&net, PKT_from_agent), GUEST_RING);
		assert_int_equal(out_frames(&net), 200 - GUEST_RING);
		assert_true(shaper->full);
		assert_true(scheduler_n_waiting(shaper->scheduler) >=
			    200 - GUEST_RING - BATCH);
		for (uint32_t n = 0; n < 200;) {
			uint32_t more = read_packets(&net, 7);

			assert_true(more > 0);
			n += more;
			rounds(&net);
		}
		assert_int_equal(out_frames(&net), 0);
		assert_false(shaper->full);
		assert_int_equal(count(&net, PKT_out_full), 0);
		assert_int_equal(count(&net, PKT_class_full), 0);
		unshape(&net);
		net_done(&net);
	}
}

/* The end of shaping gives back what waits in it; what is behind it arrives. */
static void test_detach(void **state)
{
	uint32_t n_behind;
	struct net net;

	(void)state;
	net_init(&net);
	shape(&net, 1);
	send_packets(&net, 200);
	n_behind = 200 - GUEST_RING -
		   scheduler_n_waiting(net.port[GUEST]->shaper->scheduler);
	unshape(&net);
	assert_int_equal(out_frames(&net), n_behind);
	assert_int_equal(count(&net, PKT_out_down),
			 200 - GUEST_RING - n_behind);
	assert_int_equal(read_packets(&net, 100), GUEST_RING);
	rounds(&net);
	assert_int_equal(read_packets(&net, 100), n_behind);
	assert_int_equal(out_frames(&net), 0);
	net_done(&net);
}

/* A port without rings: nothing is lost but the packets. */
static void test_no_pairs(void **state)
{
	struct net net;

	(void)state;
	net_init(&net);
	shape(&net, 1);
	net.port[GUEST]->pairs = NULL;
	send_packets(&net, 30);
	assert_int_equal(count(&net, PKT_out_down), 30);
	assert_int_equal(out_frames(&net), 0);
	unshape(&net);
	net_done(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes),
		cmocka_unit_test(test_slow_guest),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_no_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
