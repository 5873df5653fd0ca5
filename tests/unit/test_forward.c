// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A packet's way through a worker, byte for byte, on the bench of rig.h:
 *
 *	slot 1  wan   uplink		slot 3  vm1   network 10
 *	slot 2  wan2  uplink		slot 4  vm2   network 10
 *					slot 5  vm3   network 0
 *
 * Networks 0 and 10 have both uplinks. One worker serves all.
 */
#include <urcu-qsbr.h>

#include "../parse_rows.h"
#include "rig.h"
#include "switching/csum.h"

enum { WAN = 1, WAN2, VM1, VM2, VM3, N_SLOTS };

struct net {
	struct rig *rig;
	struct port *port[N_SLOTS];
	struct rig_share *share; /* vm1's on wan */
	struct worker *worker;
};

static struct fdb_key key_of(const char *mac, uint16_t vlan)
{
	struct fdb_key key = { .vlan = vlan };

	packet_mac(mac, key.mac);
	return key;
}

static void place(struct net *net, const char *mac, uint16_t vlan,
		  uint16_t slot)
{
	struct fdb_key key = key_of(mac, vlan);

	assert_int_equal(fdb_set(net->rig->vs.fdb, &key, slot, FDB_F_STATIC, 0),
			 0);
}

static void net_init(struct net *net)
{
	const uint16_t tagged[] = { WAN, WAN2, VM1, VM2 };
	const uint16_t untagged[] = { WAN, WAN2, VM3 };

	net->rig = rig_new(1024, 1);
	net->worker = net->rig->vs.workers[0];
	net->port[0] = NULL;
	net->port[WAN] = rig_port(net->rig, WAN, PORT_UPLINK, 0, 0);
	net->port[WAN2] = rig_port(net->rig, WAN2, PORT_UPLINK, 0, 0);
	net->port[VM1] = rig_port(net->rig, VM1, PORT_VM, 10, 0);
	net->port[VM2] = rig_port(net->rig, VM2, PORT_VM, 10, 0);
	net->port[VM3] = rig_port(net->rig, VM3, PORT_VM, 0, 0);
	net->share = rig_share(net->rig, net->port[WAN], net->port[VM1], 32);
	vswitch_set_network(&net->rig->vs, 10, tagged, 4);
	vswitch_set_network(&net->rig->vs, 0, untagged, 3);
	place(net, "vm1", 10, VM1);
	place(net, "vm2", 10, VM2);
	place(net, "vm3", 0, VM3);
	place(net, "wire", 10, WAN);
	place(net, "wire", 0, WAN);
	place(net, "wire2", 10, WAN2);
}

static void net_done(struct net *net)
{
	rig_assert_conserved(net->rig);
	for (int slot = 1; slot < N_SLOTS; slot++)
		assert_int_equal(rig_drain(net->rig, net->port[slot]), 0);
	rig_free(net->rig);
}

/* What @text is, in at @slot without metadata. */
static void receive(struct net *net, uint16_t slot, const char *text)
{
	struct made_packet packet;

	packet_make(&packet, text);
	assert_true(rig_receive(net->rig, net->port[slot], packet.data,
				packet.len, NULL));
}

/* The next packet out of @slot is @text. */
static void expect(struct net *net, uint16_t slot, const char *text)
{
	struct rig_packet got;
	struct made_packet want;

	packet_make(&want, text);
	if (!rig_sent(net->rig, net->port[slot], &got))
		fail_msg("port %u: nothing, not '%s'", slot, text);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
}

static void expect_count(struct net *net, uint16_t slot, enum pkt_reason reason,
			 uint64_t packets)
{
	assert_int_equal(rig_count(net->rig, net->port[slot], reason).packets,
			 packets);
}

/* ---- tags ---- */

static void test_tags(void **state)
{
	struct net net;

	(void)state;
	net_init(&net);
	/* On the wire the tag names the network; inside there is none. */
	receive(&net, VM1, "dst=wire src=vm1 ip4 udp data=20");
	receive(&net, WAN, "dst=vm1 src=wire tag=10,5 ip4 tcp data=7");
	receive(&net, WAN, "dst=vm1 src=wire stag=10 ip6 udp data=7");
	receive(&net, VM3, "dst=wire src=vm3 ip6 udp data=20");
	receive(&net, WAN, "dst=vm3 src=wire arp");
	/* A priority tag is not the VM's own; its priority goes on. */
	receive(&net, VM1, "dst=wire src=vm1 tag=0,6 ip4 udp data=20");
	receive(&net, VM1, "dst=vm2 src=vm1 tag=0,6 ip4 udp data=20");
	receive(&net, WAN, "dst=vm3 src=wire tag=0,6 ip4 udp data=20");
	rig_rounds(net.rig);
	expect(&net, WAN, "dst=wire src=vm1 tag=10 ip4 udp data=20");
	expect(&net, WAN, "dst=wire src=vm1 tag=10,6 ip4 udp data=20");
	expect(&net, WAN, "dst=wire src=vm3 ip6 udp data=20");
	expect(&net, VM1, "dst=vm1 src=wire ip4 tcp data=7");
	expect(&net, VM1, "dst=vm1 src=wire ip6 udp data=7");
	expect(&net, VM2, "dst=vm2 src=vm1 ip4 udp data=20");
	expect(&net, VM3, "dst=vm3 src=wire arp");
	expect(&net, VM3, "dst=vm3 src=wire ip4 udp data=20");
	rig_rounds(net.rig);
	net_done(&net);
}

/* A VM's own tags inside its network. */
static void test_guest_tags(void **state)
{
	struct net net;

	(void)state;
	net_init(&net);
	receive(&net, WAN, "dst=vm1 src=wire tag=10 tag=77,3 ip4 udp");
	rig_rounds(net.rig);
	expect_count(&net, VM1, PKT_vlan_denied, 1);
	net.port[VM1]->guest_tags = true;
	net.port[VM2]->guest_tags = true;
	receive(&net, WAN, "dst=vm1 src=wire tag=10 tag=77,3 ip4 udp");
	receive(&net, VM1, "dst=wire src=vm1 tag=77,3 ip4 udp");
	receive(&net, VM1, "dst=vm2 src=vm1 tag=77,3 ip4 udp");
	rig_rounds(net.rig);
	expect(&net, VM1, "dst=vm1 src=wire tag=77,3 ip4 udp");
	expect(&net, WAN, "dst=wire src=vm1 tag=10 tag=77,3 ip4 udp");
	expect(&net, VM2, "dst=vm2 src=vm1 tag=77,3 ip4 udp");
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- metadata ---- */

/* What the XDP program does to a packet: the network's tag off, the metadata
 * written. */
static void as_program(const struct net *net, uint16_t slot,
		       struct made_packet *packet, struct pkt_meta *meta)
{
	bool uplink = net->port[slot]->kind == PORT_UPLINK;
	struct pkt_parsed parsed;
	bool pop;

	memset(meta, 0, sizeof(*meta));
	assert_int_equal(pkt_parse(packet->data, packet->data + packet->len, 1,
				   &parsed),
			 0);
	pop = parsed.n_tags && (uplink || !(parsed.tci[0] & 0xfff));
	meta->magic = PKT_META_MAGIC;
	meta->in_port = slot;
	meta->vlan = uplink ? 0 : net->port[slot]->vlan;
	if (uplink && parsed.n_tags)
		meta->vlan = parsed.tci[0] & 0xfff;
	meta->flags = parsed.flags;
	if (pop) {
		meta->pcp = (uint8_t)(parsed.tci[0] >> 13);
		memmove(packet->data + 12, packet->data + 16, packet->len - 16);
		packet->len -= 4;
	}
	pkt_parsed_to_meta(&parsed, pop ? 4 : 0, meta);
}

struct outcome {
	struct rig_packet packets[8];
	uint8_t ports[8];
	uint32_t n;
	uint64_t drops[N_SLOTS][PKT_N_REASONS];
};

static void run_row(uint16_t slot, const char *text, bool with_meta,
		    struct outcome *ret)
{
	struct made_packet packet;
	struct pkt_meta meta;
	struct net net;

	net_init(&net);
	net.port[VM1]->guest_tags = true;
	memset(ret, 0, sizeof(*ret));
	packet_make(&packet, text);
	if (with_meta)
		as_program(&net, slot, &packet, &meta);
	assert_true(rig_receive(net.rig, net.port[slot], packet.data,
				packet.len, with_meta ? &meta : NULL));
	rig_rounds(net.rig);
	for (uint8_t s = 1; s < N_SLOTS; s++) {
		while (rig_sent(net.rig, net.port[s], &ret->packets[ret->n])) {
			ret->packets[ret->n].addr = 0;
			ret->ports[ret->n++] = s;
		}
		for (int r = 0; r < PKT_N_REASONS; r++)
			ret->drops[s][r] =
				rig_count(net.rig, net.port[s], r).packets;
	}
	rig_rounds(net.rig);
	net_done(&net);
}

/* A driver that carries no metadata makes no difference: every packet that
 * parses, from each kind of port. */
static void test_metadata_makes_no_difference(void **state)
{
	static const uint16_t slots[] = { WAN, VM1, VM3 };
	static struct outcome with, without;
	uint32_t n_sent = 0;

	(void)state;
	for (size_t i = 0; i < N_PARSE_ROWS; i++) {
		if (parse_rows[i].reason)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(slots); k++) {
			run_row(slots[k], parse_rows[i].packet, true, &with);
			run_row(slots[k], parse_rows[i].packet, false,
				&without);
			n_sent += with.n;
			if (memcmp(&with, &without, sizeof(with)))
				fail_msg("%s, from port %u: %u and %u packets",
					 parse_rows[i].name, slots[k], with.n,
					 without.n);
		}
	}
	assert_true(n_sent > 100);
}

/* Read once: the next packet in the same frame is not taken for it. */
static void test_metadata_is_cleared(void **state)
{
	struct pkt_meta meta, *at;
	struct rig_packet got;
	struct made_packet packet;
	struct net net;

	(void)state;
	net_init(&net);
	packet_make(&packet, "dst=vm1 src=wire tag=10 ip4 udp data=20");
	as_program(&net, WAN, &packet, &meta);
	assert_true(rig_receive(net.rig, net.port[WAN], packet.data, packet.len,
				&meta));
	rig_rounds(net.rig);
	assert_true(rig_sent(net.rig, net.port[VM1], &got));
	at = arena_data(&net.rig->vs.arena, got.addr);
	assert_int_equal(at[-1].magic, 0);
	rig_rounds(net.rig);
	net_done(&net);
}

static struct pkt_meta *meta_place(const struct arena *arena, uint32_t frame)
{
	return (struct pkt_meta *)arena_data(arena, arena_addr(arena, frame) +
							    UMEM_HEADROOM) -
	       1;
}

/* A packet with metadata that nobody has read, at @addr. */
static uint32_t leave_unread(struct net *net, struct rig_queue *rq,
			     struct rig_ring *rx)
{
	const struct arena *arena = &net->rig->vs.arena;
	struct made_packet packet;
	struct pkt_meta meta;
	uint32_t frame;

	packet_make(&packet, "dst=vm2 src=vm1 ip4 udp data=20");
	as_program(net, VM1, &packet, &meta);
	assert_true(
		rig_arrive(net->rig, rq, rx, packet.data, packet.len, &meta));
	frame = arena_frame(arena, rx->descs[0].addr);
	assert_int_equal(meta_place(arena, frame)->magic, PKT_META_MAGIC);
	return frame;
}

/* Frames whose packets were never read: of a queue that closed, of a share
 * that was taken away. */
static void test_metadata_left_behind(void **state)
{
	struct arena *arena;
	struct queue *queue;
	struct net net;
	uint32_t frame;

	(void)state;
	net_init(&net);
	arena = &net.rig->vs.arena;
	queue = net.port[VM1]->queues[0];
	frame = leave_unread(&net, rig_queue_of(net.rig, net.port[VM1]),
			     &rig_queue_of(net.rig, net.port[VM1])->rx);
	assert_int_equal(queue_reclaim(arena, &net.rig->vs.cache, FRAME_QUEUE,
				       queue->id),
			 queue->outstanding);
	queue->outstanding = 0;
	assert_int_equal(meta_place(arena, frame)->magic, 0);

	queue = net.port[WAN]->queues[0];
	frame = leave_unread(&net, rig_queue_of(net.rig, net.port[WAN]),
			     &net.share->rx);
	queue_detach_share(queue, &net.share->share, &net.worker->cache);
	assert_int_equal(meta_place(arena, frame)->magic, 0);
	net_done(&net);
}

/* A frame in which a refused packet's metadata stands 4 bytes in front of that
 * of the packet that came after it, whose tag was taken off. */
static void test_metadata_refused(void **state)
{
	struct rig_packet got;
	struct made_packet packet;
	struct pkt_meta meta;
	struct xdp_desc *desc;
	uint8_t bytes[256], *data;
	struct net net;
	uint32_t frame;

	(void)state;
	net_init(&net);
	packet_make(&packet, "dst=vm1 src=wire tag=10 ip4 udp data=20");
	as_program(&net, WAN, &packet, &meta);
	/* As the kernel places it: the data begins 4 bytes later. */
	memset(bytes, 0, 4);
	memcpy(bytes + 4, packet.data, packet.len);
	assert_true(rig_receive(net.rig, net.port[WAN], bytes, packet.len + 4,
				&meta));
	desc = &rig_queue_of(net.rig, net.port[WAN])->rx.descs[0];
	desc->addr += 4;
	desc->len -= 4;
	data = arena_data(&net.rig->vs.arena, desc->addr);
	memcpy(data - sizeof(meta), &meta, sizeof(meta));
	memcpy(data - sizeof(meta) - 4, &meta.magic, 4);
	rig_rounds(net.rig);
	assert_true(rig_sent(net.rig, net.port[VM1], &got));
	assert_int_equal(got.len, packet.len);
	assert_memory_equal(got.data, packet.data, packet.len);
	frame = arena_frame(&net.rig->vs.arena, got.addr);
	assert_int_equal(meta_place(&net.rig->vs.arena, frame)->magic, 0);
	assert_int_equal(((struct pkt_meta *)data)[-1].magic, 0);
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- flooding ---- */

static void test_flood(void **state)
{
	static const char inner[] = "dst=bcast src=vm1 arp";
	struct net net;

	(void)state;
	net_init(&net);
	receive(&net, VM1, inner);
	rig_rounds(net.rig);
	expect(&net, WAN, "dst=bcast src=vm1 tag=10 arp");
	expect(&net, WAN2, "dst=bcast src=vm1 tag=10 arp");
	expect(&net, VM2, inner);

	/* Unknown, and multicast. */
	receive(&net, VM1, "dst=new src=vm1 ip4 udp");
	receive(&net, VM1, "dst=mcast src=vm1 ip4 udp");
	rig_rounds(net.rig);
	expect(&net, WAN, "dst=new src=vm1 tag=10 ip4 udp");
	expect(&net, WAN, "dst=mcast src=vm1 tag=10 ip4 udp");
	expect(&net, WAN2, "dst=new src=vm1 tag=10 ip4 udp");
	expect(&net, WAN2, "dst=mcast src=vm1 tag=10 ip4 udp");
	expect(&net, VM2, "dst=new src=vm1 ip4 udp");
	expect(&net, VM2, "dst=mcast src=vm1 ip4 udp");

	/* Never from an uplink to an uplink. */
	receive(&net, WAN, "dst=bcast src=wire tag=10 arp");
	rig_rounds(net.rig);
	expect(&net, VM1, "dst=bcast src=wire arp");
	expect(&net, VM2, "dst=bcast src=wire arp");

	/* Ports that are down are no members. */
	net.port[VM2]->up = false;
	net.port[WAN2]->up = false;
	receive(&net, VM1, inner);
	rig_rounds(net.rig);
	expect(&net, WAN, "dst=bcast src=vm1 tag=10 arp");
	net.port[WAN]->up = false;
	receive(&net, VM1, inner);
	rig_rounds(net.rig);
	expect_count(&net, VM1, PKT_no_member, 1);
	rig_rounds(net.rig);
	net_done(&net);
}

/* Copies need frames. The packet itself goes on without. */
static void test_flood_no_frame(void **state)
{
	uint32_t held[1024], n = 0, frame;
	struct net net;

	(void)state;
	net_init(&net);
	receive(&net, VM1, "dst=bcast src=vm1 arp");
	/* Charged to a port that takes none of it. */
	while ((frame = frame_cache_get(&net.worker->cache)) != FRAME_NONE)
		held[n++] = frame;
	forward_share(net.worker, net.port[VM1]->queues[0]->shares[0]);
	output_flush(net.worker);
	expect_count(&net, WAN, PKT_no_frame, 1);
	expect_count(&net, WAN2, PKT_no_frame, 1);
	expect_count(&net, VM2, PKT_no_frame, 0);
	expect(&net, VM2, "dst=bcast src=vm1 arp");
	while (n)
		frame_cache_put(&net.worker->cache, held[--n]);
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
	struct net net;

	(void)state;
	net_init(&net);
	net.port[VM2]->max_len = 100;
	receive(&net, VM1, "dst=vm2 src=vm1 ip4 udp data=58"); /* 100 */
	receive(&net, VM1, "dst=vm2 src=vm1 ip4 udp data=59");
	receive(&net, VM1, "dst=vm1 src=vm2 ip4 udp");
	receive(&net, WAN, "dst=wire2 src=wire tag=10 ip4 udp");
	/* A tag is not part of an MTU. */
	net.port[VM2]->guest_tags = true;
	receive(&net, VM1, "dst=vm2 src=vm1 tag=7 ip4 udp data=58");
	receive(&net, VM1, "dst=vm2 src=vm1 tag=7 ip4 udp data=59");
	rig_rounds(net.rig);
	expect(&net, VM2, "dst=vm2 src=vm1 ip4 udp data=58");
	expect(&net, VM2, "dst=vm2 src=vm1 tag=7 ip4 udp data=58");
	expect_count(&net, VM2, PKT_too_big, 2);
	expect_count(&net, VM1, PKT_same_port, 1);
	expect_count(&net, WAN, PKT_uplink_uplink, 1);

	/* Down, and then gone. */
	net.port[VM2]->up = false;
	receive(&net, VM1, "dst=vm2 src=vm1 ip4 udp");
	rig_rounds(net.rig);
	expect_count(&net, VM2, PKT_out_down, 1);
	net.port[VM2]->up = true;
	net.rig->vs.ports[VM2] = NULL;
	receive(&net, VM1, "dst=vm2 src=vm1 ip4 udp");
	rig_round(net.rig, 0);
	expect_count(&net, VM1, PKT_port_down, 1);
	net.rig->vs.ports[VM2] = net.port[VM2];

	/* It goes between staging and sending. */
	receive(&net, VM1, "dst=vm2 src=vm1 ip4 udp");
	forward_share(net.worker, net.port[VM1]->queues[0]->shares[0]);
	net.port[VM2]->up = false;
	output_flush(net.worker);
	expect_count(&net, VM2, PKT_out_down, 2);

	/* What the program should have dropped. */
	receive(&net, VM1, "dst=vm2 src=vm1 ip4 udp cut=30");
	rig_rounds(net.rig);
	expect_count(&net, VM1, PKT_unparsed, 1);
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- checksums ---- */

/* The maker of packets knows no CRC32c. */
static void expect_sctp(struct net *net, uint16_t slot)
{
	struct rig_packet got;
	uint32_t crc, len;
	uint8_t *l4;

	assert_true(rig_sent(net->rig, net->port[slot], &got));
	l4 = got.data + 18 + 20;
	len = got.len - 38;
	crc = l4[8] | l4[9] << 8 | l4[10] << 16 | (uint32_t)l4[11] << 24;
	memset(l4 + 8, 0, 4);
	assert_int_equal(crc, csum_crc32c(l4, len));
}

static void test_csum(void **state)
{
	struct net net;

	(void)state;
	net_init(&net);
	receive(&net, VM1, "dst=vm2 src=vm1 ip4 tcp data=33 csum=partial");
	receive(&net, VM1, "dst=vm2 src=vm1 ip6 hbh udp data=8 csum=partial");
	receive(&net, VM1, "dst=wire src=vm1 ip4 sctp data=8 csum=partial");
	receive(&net, VM1, "dst=bcast src=vm1 ip4 udp data=9 csum=partial");
	receive(&net, WAN,
		"dst=vm1 src=wire tag=10 ip4 udp data=9 "
		"csum=partial");
	/* None, and a wrong one, stay what they are. */
	receive(&net, VM1, "dst=vm2 src=vm1 ip4 udp data=9 csum=zero");
	receive(&net, VM1, "dst=vm2 src=vm1 ip4 udp data=9 poke=40,0x12");
	rig_rounds(net.rig);
	expect(&net, VM2, "dst=vm2 src=vm1 ip4 tcp data=33");
	expect(&net, VM2, "dst=vm2 src=vm1 ip6 hbh udp data=8");
	expect(&net, VM2, "dst=bcast src=vm1 ip4 udp data=9");
	expect(&net, VM2, "dst=vm2 src=vm1 ip4 udp data=9 csum=zero");
	expect(&net, VM2, "dst=vm2 src=vm1 ip4 udp data=9 poke=40,0x12");
	expect_sctp(&net, WAN);
	expect(&net, WAN, "dst=bcast src=vm1 tag=10 ip4 udp data=9");
	expect(&net, WAN2, "dst=bcast src=vm1 tag=10 ip4 udp data=9");
	expect(&net, VM1, "dst=vm1 src=wire ip4 udp data=9");
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- learning ---- */

static void test_learn(void **state)
{
	struct learn_request req;
	struct fdb_key key = key_of("new", 10);
	struct net net;

	(void)state;
	net_init(&net);
	net.port[VM1]->learn = true;
	receive(&net, VM1, "dst=vm2 src=new ip4 udp");
	receive(&net, VM2, "dst=vm1 src=gone ip4 udp"); /* does not learn */
	rig_rounds(net.rig);
	assert_true(worker_next_learn(net.worker, &req));
	assert_int_equal(req.port, VM1);
	assert_memory_equal(&req.key, &key, sizeof(key));
	assert_false(worker_next_learn(net.worker, &req));

	/* Known where it is: not asked for; moved: asked for. */
	fdb_set(net.rig->vs.fdb, &key, VM1, 0, 0);
	receive(&net, VM1, "dst=vm2 src=new ip4 udp");
	rig_rounds(net.rig);
	assert_false(worker_next_learn(net.worker, &req));
	fdb_set(net.rig->vs.fdb, &key, VM2, 0, 0);
	receive(&net, VM1, "dst=vm2 src=new ip4 udp");
	rig_rounds(net.rig);
	assert_true(worker_next_learn(net.worker, &req));
	assert_false(worker_next_learn(net.worker, &req));

	/* More than the ring holds. */
	fdb_del(net.rig->vs.fdb, &key);
	for (uint32_t i = 0; i < LEARN_RING_SIZE + 10; i++) {
		receive(&net, VM1, "dst=vm2 src=new ip4 udp");
		rig_rounds(net.rig);
		rig_drain(net.rig, net.port[VM2]);
	}
	assert_int_equal(net.worker->stats.learn_lost, 10);
	for (uint32_t i = 0; i < LEARN_RING_SIZE; i++)
		assert_true(worker_next_learn(net.worker, &req));
	assert_false(worker_next_learn(net.worker, &req));
	for (int slot = 1; slot < N_SLOTS; slot++)
		rig_drain(net.rig, net.port[slot]);
	rig_rounds(net.rig);
	net_done(&net);
}

/* ---- another region ---- */

/* Queues whose rings count from elsewhere: the frames are found, and go back to
 * the region they are of, whichever cache the worker has at hand. */
static void test_other_region(void **state)
{
	struct frame_caches *caches;
	struct frame_cache cache;
	uint32_t region, count[FRAME_N_PLACES];
	struct hostpool host;
	struct net net;

	(void)state;
	net_init(&net);
	assert_int_equal(arena_add_region(&net.rig->vs.arena, 600,
					  ARENA_PAGES_SMALL, &region),
			 0);
	assert_int_equal(hostpool_init(&host, &net.rig->vs.arena, region, 1),
			 0);
	caches = &net.worker->caches;
	frame_cache_join(&net.worker->cache, caches);
	frame_cache_init(&cache, &host, 0);
	frame_cache_join(&cache, caches);
	net.rig->region = region;
	rig_port(net.rig, N_SLOTS, PORT_VM, 20, 0);
	rig_port(net.rig, N_SLOTS + 1, PORT_VM, 20, 0);
	place(&net, "vm1", 20, N_SLOTS);
	place(&net, "vm2", 20, N_SLOTS + 1);
	for (uint32_t i = 0; i < 1000; i++) {
		const char *text = i % 2 ? "dst=vm2 src=vm1 ip4 udp data=20"
					 : "dst=vm3 src=vm1 ip4 udp data=20";
		struct made_packet packet;
		struct rig_packet got;

		packet_make(&packet, text);
		assert_true(rig_receive(net.rig, net.rig->vs.ports[N_SLOTS],
					packet.data, packet.len, NULL));
		rig_round(net.rig, 0);
		assert_int_equal(rig_sent(net.rig,
					  net.rig->vs.ports[N_SLOTS + 1], &got),
				 i % 2);
		rig_round(net.rig, 0);
		if (!(i % 2))
			continue;
		assert_int_equal(got.len, packet.len);
		assert_memory_equal(got.data, packet.data, packet.len);
		assert_int_equal(arena_region_of(arena_frame(&net.rig->vs.arena,
							     got.addr)),
				 region);
	}
	arena_count_region(&net.rig->vs.arena, region, count);
	assert_int_equal(count[FRAME_QUEUE], 2 * 80);
	assert_int_equal(count[FRAME_CACHE], cache.n);
	assert_int_equal(count[FRAME_HOST], hostpool_free_frames(&host));
	assert_int_equal(count[FRAME_OUT], 0);
	frame_cache_done(&cache);
	hostpool_done(&host);
	rig_free(net.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_guest_tags),
		cmocka_unit_test(test_metadata_makes_no_difference),
		cmocka_unit_test(test_metadata_is_cleared),
		cmocka_unit_test(test_metadata_left_behind),
		cmocka_unit_test(test_metadata_refused),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_flood_no_frame),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_csum),
		cmocka_unit_test(test_learn),
		cmocka_unit_test(test_other_region),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests_name("forward", tests, NULL, NULL);
	rcu_unregister_thread();
	return ret;
}
