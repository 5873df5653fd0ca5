// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A guest behind vhost-user meets no XDP program: guest.c and source.c must do
 * to its packets what the program "port" does to other VMs'. So the rows that
 * tests/bpf/test_dataplane.c holds the program to are put into a guest's ring
 * here, and the parser's rows too. Left out: what only the program has to deal
 * with (an agent that is away, metadata that is missing, unknown devices).
 */
#include "switching/guest.h"
#include "switching/source.h"

#include "../bpf/rows.h"
#undef TAGS /* is something else in the next one */
#include "../parse_rows.h"
#include "rig.h"

#define RING 16
#define OF_PROGRAM                                                        \
	(STALE | GONE | NO_SOCKETS | NO_MEMBERS | NO_META | UNKNOWN_DEV | \
	 NO_DEV | STRANGE_DEV)
#define SEEN_S 77

/* A guest with one ring, from it, and one buffer. */
struct guest {
	struct vring_desc desc[RING];
	uint16_t avail[RING + 3];
	uint16_t used[4 * RING + 3] __attribute__((aligned(4)));
	uint8_t buffer[PACKET_MAX + 64];
	struct guest_mem *mem;
	struct vhost_pair *pair;
};

struct bench {
	struct rig *rig;
	struct port *ports[LAB_PORTS + 1];
	struct guest *guest;
};

static void set_fdb(struct bench *b, const char *mac, uint16_t vlan,
		    uint16_t slot, bool is_static)
{
	struct fdb_key key = { .vlan = vlan };

	packet_mac(mac, key.mac);
	fdb_set(b->rig->vs.fdb, &key, slot, is_static ? FDB_F_STATIC : 0,
		LAB_OLD_S);
}

static struct source_rules *make_rules(uint32_t slot, uint8_t flags)
{
	struct source_rules *rules =
		calloc(1, sizeof(*rules) + 2 * sizeof(rules->addrs[0]));

	assert_non_null(rules);
	rules->check_mac = flags & MAC;
	rules->check_ip = flags & IP;
	if (slot == 4) {
		rules->n_addrs = 2;
		rules->addrs[0].family = 4;
		inet_pton(AF_INET, "10.0.0.2", rules->addrs[0].addr);
		rules->addrs[1].family = 6;
		inet_pton(AF_INET6, "fd00::2", rules->addrs[1].addr);
	}
	return rules;
}

static uint8_t row_flags(const struct row *row, uint32_t slot)
{
	uint8_t flags = lab_ports[slot].flags;

	for (uint32_t i = 0; i < ARRAY_SIZE(row->change); i++)
		if (row->change[i].slot == slot)
			flags = (flags | row->change[i].set) &
				(uint8_t)~row->change[i].clear;
	return flags;
}

static void add_networks(struct bench *b)
{
	static const uint16_t plain[] = { 1, 5 }, ten[] = { 1, 3, 4, 6, 7 },
			      twenty[] = { 2, 8 };
	struct vswitch *vs = &b->rig->vs;

	assert_int_equal(vswitch_set_network(vs, 0, plain, 2), 0);
	assert_int_equal(vswitch_set_network(vs, 10, ten, 5), 0);
	assert_int_equal(vswitch_set_network(vs, 20, twenty, 2), 0);
}

/* The lab of bpf/lab.h, as the agent's own ports have it. */
static void make_ports(struct bench *b, const struct row *row)
{
	for (uint16_t slot = 1; slot <= LAB_PORTS; slot++) {
		uint8_t flags = row_flags(row, slot);
		struct port *port;

		port = rig_port(b->rig, slot, lab_ports[slot].kind,
				lab_ports[slot].vlan, 0);
		port->class = lab_ports[slot].class;
		port->max_len = LAB_MAX_LEN;
		port->up = flags & UP;
		port->guest_tags = flags & PORT_F_GUEST_TAGS;
		port->learn = flags & LEARN;
		port->source = make_rules(slot, flags);
		b->ports[slot] = port;
		if (port->kind == PORT_VM)
			set_fdb(b, lab_ports[slot].mac, port->vlan, slot, true);
	}
	set_fdb(b, "wire", 0, 1, false);
	set_fdb(b, "wire", 10, 1, false);
	set_fdb(b, "wire2", 20, 2, false);
	set_fdb(b, "wire2", 10, 2, false);
	set_fdb(b, "static", 10, 1, true);
	set_fdb(b, "gone", 10, 9, true);
	add_networks(b);
}

static void start_guest(struct bench *b, struct port *port)
{
	struct guest *guest = rig_alloc(sizeof(*guest));
	struct vhost_ring_start start = {
		.index = 1,
		.num = RING,
		.features = VIRTIO_VERSION_1,
		.enabled = true,
		.desc = guest->desc,
		.avail = (void *)guest->avail,
		.used = (void *)guest->used,
		.kick_fd = -1,
		.call_fd = -1,
	};

	guest->mem = guest_mem_new();
	assert_non_null(guest->mem);
	guest->mem->n_regions = 1;
	guest->mem->regions[0].size = sizeof(guest->buffer);
	guest->mem->regions[0].host = (char *)guest->buffer;
	start.mem = guest->mem;
	assert_int_equal(pair_new(port, 0, 0, 64, &guest->pair), 0);
	pair_start(guest->pair, &start);
	b->guest = guest;
}

static struct bench *bench_new(const struct row *row)
{
	struct bench *b = rig_alloc(sizeof(*b));

	b->rig = rig_new(2048, 1);
	b->rig->vs.workers[0]->now_s = SEEN_S;
	make_ports(b, row);
	start_guest(b, b->ports[row->from]);
	return b;
}

static void bench_free(struct bench *b)
{
	rig_rounds(b->rig);
	for (uint32_t slot = 1; slot <= LAB_PORTS; slot++)
		rig_drain(b->rig, b->ports[slot]);
	rig_rounds(b->rig);
	rig_assert_conserved(b->rig);
	for (uint32_t slot = 1; slot <= LAB_PORTS; slot++)
		free(b->ports[slot]->source);
	pair_free(b->guest->pair);
	/* Its region has neither a file nor a mapping. */
	free(b->guest->mem);
	free(b->guest);
	rig_free(b->rig);
	free(b);
}

/* The guest sends; the worker does what it does in a round. */
static void send_packet(struct bench *b, const struct made_packet *p)
{
	struct worker *worker = b->rig->vs.workers[0];
	struct guest *guest = b->guest;

	memset(guest->buffer, 0, 12);
	memcpy(guest->buffer + 12, p->data, p->len);
	guest->desc[0].len = 12 + p->len;
	guest->avail[1] = 1;
	worker->round++;
	assert_int_equal(guest_receive(worker, guest->pair), 1);
	assert_int_equal(guest->used[1], 1);
	output_flush(worker);
}

/* Counts of one reason against any port. */
static uint64_t count_all(const struct bench *b, enum pkt_reason reason)
{
	uint64_t n = 0;

	for (uint32_t slot = 1; slot <= LAB_PORTS; slot++)
		n += rig_count(b->rig, b->ports[slot], reason).packets;
	return n;
}

static void check_dropped(const struct bench *b, const struct row *row)
{
	uint64_t n = count_all(b, row->reason);

	/* The port that is down is the other one. */
	if (row->reason == PKT_port_down && row_flags(row, row->from) & UP)
		n += count_all(b, PKT_out_down);
	if (n != 1)
		row_fail("dropped %u times for that reason", (uint32_t)n);
}

/* The packet as it leaves by the port in @slot. */
static void expect_form(const struct row *row, uint32_t slot,
			struct made_packet *p)
{
	const uint16_t tci = (uint16_t)(row->vlan | row->pcp << 13);

	packet_make(p, row->out ? row->out : row->in);
	/* The program's bytes are those on the wire, or those in front of the
	 * agent, which has to put the network's tag on. */
	if (row->to == TO_DEV || lab_ports[slot].kind == PORT_VM || !row->vlan)
		return;
	memmove(p->data + 16, p->data + 12, p->len - 12);
	p->len += 4;
	packet_put16(p->data + 12, 0x8100);
	packet_put16(p->data + 14, tci);
}

/* How many ports got the packet; all in the right form. */
static uint32_t check_sent(const struct bench *b, const struct row *row)
{
	struct made_packet want;
	struct rig_packet got;
	uint32_t n = 0;

	for (uint32_t slot = 1; slot <= LAB_PORTS; slot++) {
		if (!rig_sent(b->rig, b->ports[slot], &got))
			continue;
		n++;
		expect_form(row, slot, &want);
		if (got.len != want.len ||
		    memcmp(got.data, want.data, want.len) != 0)
			row_fail("wrong bytes to slot %u", slot);
		if (slot == row->from ||
		    (row->to == TO_DEV && slot != row->to_slot))
			row_fail("sent to slot %u", slot);
	}
	return n;
}

static uint32_t n_members(const struct bench *b, const struct row *row)
{
	const uint16_t vlan = lab_ports[row->from].vlan;

	return vswitch_net(&b->rig->vs, vlan)->n_members;
}

static void check_row(const struct bench *b, const struct row *row)
{
	const struct worker *worker = b->rig->vs.workers[0];
	const bool flood = row->has_meta && row->flags & PKT_F_FLOOD;
	const bool learn = row->has_meta && row->flags & PKT_F_LEARN;
	uint32_t n = check_sent(b, row);
	uint32_t want = flood ? n_members(b, row) - 1 : 1;

	if (row->to == TO_NOBODY) {
		check_dropped(b, row);
		want = 0;
	} else if ((worker->learn_tail != 0) != learn) {
		row_fail("%u addresses to learn", worker->learn_tail);
	}
	if (n != want)
		row_fail("%u ports got it, not %u", n, want);
}

static bool get_seen(const struct fdb_key *key, const struct fdb_entry *entry,
		     void *arg)
{
	const struct row *row = arg;
	struct made_packet p;

	packet_make(&p, row->in);
	if (entry->seen_s == SEEN_S &&
	    (memcmp(key->mac, p.data + 6, 6) != 0 || entry->port != row->from))
		row_fail("it keeps an entry of slot %u alive", entry->port);
	return false;
}

static void test_rows(void **state)
{
	uint32_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < N_ROWS; i++) {
		const struct row *row = &rows[i];
		struct made_packet p;
		struct bench *b;

		if (lab_ports[row->from].kind != PORT_VM ||
		    row->state & OF_PROGRAM)
			continue;
		row_begin(row->name);
		b = bench_new(row);
		packet_make(&p, row->in);
		send_packet(b, &p);
		check_row(b, row);
		fdb_each(b->rig->vs.fdb, get_seen, (void *)row);
		bench_free(b);
		row_end();
		n++;
	}
	assert_true(n > 70);
	assert_int_equal(runner.n_failed, 0);
}

/* What the parser refuses, from a VM that may use any address. */
static void test_malformed(void **state)
{
	static const struct row any = { .from = 5 };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(parse_rows); i++) {
		const struct parse_row *row = &parse_rows[i];
		struct made_packet p;
		struct bench *b;

		if (!row->reason)
			continue;
		row_begin(row->name);
		b = bench_new(&any);
		packet_make(&p, row->packet);
		send_packet(b, &p);
		if (count_all(b, (enum pkt_reason)row->reason) != 1)
			row_fail("not dropped for that");
		bench_free(b);
		row_end();
	}
	assert_int_equal(runner.n_failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
