// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Runs the rows of rows.h through the uplink and port programs
 * (BPF_PROG_TEST_RUN). Each row that redirects is run twice: with all targets
 * there, and with none but the one it names, so that a packet on its way to
 * anybody else does not pass.
 */
#include <pktagent/parse.h>

#include "rows.h"

#define META_MAX	32

static const char *const reason_names[] = {
#define PKT_X(name, kind, text, advice) #name,
	PKT_REASONS(PKT_X)
#undef PKT_X
};

static void set_target(struct lab *lab, const struct row *row)
{
	lab_clear_targets(lab);
	switch (row->to) {
	case TO_DEV:
		lab_set_dev(lab, row->to_slot);
		break;
	case TO_XSK_PORT:
		lab_set_socket(lab, lab->skel->maps.xsk_port, row->to_slot);
		break;
	case TO_XSK_VM:
		lab_set_socket(lab, lab->skel->maps.xsk_vm, row->to_slot);
		break;
	case TO_MEMBERS:
		lab_clear_floods(lab);
		lab_set_flood(lab, row->to_slot);
		break;
	}
}

static void set_state(struct lab *lab, const struct row *row)
{
	uint8_t flags[LAB_PORTS + 1];
	size_t i;

	lab_reset(lab);
	for (i = 1; i <= LAB_PORTS; i++)
		flags[i] = lab_ports[i].flags;
	for (i = 0; i < 2; i++) {
		const uint8_t slot = row->change[i].slot;

		flags[slot] |= row->change[i].set;
		flags[slot] &= ~row->change[i].clear;
		if (slot)
			lab_set_port(lab, slot, flags[slot]);
	}
	if (row->state & (STALE | GONE))
		lab_set_heartbeat(lab, row->state & GONE,
				  LAB_TIMEOUT_MS + 200);
	if (row->state & NO_SOCKETS) {
		uint32_t slot, key;

		for (slot = 1; slot <= LAB_PORTS; slot++) {
			key = slot * PKT_MAX_QUEUES + LAB_QUEUE;
			bpf_map_delete_elem(
				bpf_map__fd(lab->skel->maps.xsk_port), &key);
			bpf_map_delete_elem(
				bpf_map__fd(lab->skel->maps.xsk_vm), &key);
		}
	}
	if (row->state & NO_MEMBERS)
		lab_clear_floods(lab);
	if (row->state & NO_DEV)
		lab_clear_targets(lab);
}

#define ROOM	1000

/* Whose credit the packet would use: of the VM it is for. */
static uint32_t credit_slot(const struct row *row)
{
	return row->counted ? row->counted : row->to_slot;
}

static bool has_credit(const struct row *row)
{
	return row->credit.handed;
}

static void set_credit(struct lab *lab, const struct row *row)
{
	const struct row_credit *c = &row->credit;
	uint32_t slot;

	for (slot = 1; slot <= LAB_PORTS; slot++) {
		if (!has_credit(row))
			lab_set_credit(lab, slot, slot, ROOM, ROOM);
		else if (slot == row->from)
			lab_set_credit(lab, slot, c->handed, c->slack,
				       c->slack);
		else if (slot == credit_slot(row))
			lab_set_credit(lab, slot, c->handed, c->left,
				       c->cap_left);
		else
			lab_set_credit(lab, slot, slot, 0, 0);
	}
}

/* The VM's count, and the slack's if it had to help, and no other. */
static void check_credit(const struct row *row, struct lab *lab,
			 const struct vm_credit *before)
{
	uint32_t slot;

	for (slot = 1; slot <= LAB_PORTS; slot++) {
		const struct vm_credit *was =
			&before[slot * PKT_MAX_QUEUES + LAB_QUEUE];
		struct vm_credit want = *was;

		if (row->to == TO_XSK_VM && slot == row->to_slot)
			want.handed++;
		if (row->to == TO_XSK_VM && slot == row->from &&
		    has_credit(row) && row->credit.left <= 0)
			want.handed++;
		if (memcmp(lab_credit(lab, slot), &want, sizeof(want)))
			row_fail("port %u: %u handed over, not %u", slot,
				 lab_credit(lab, slot)->handed, want.handed);
	}
}

static uint32_t expected_verdict(const struct row *row)
{
	if (row->reason == PKT_to_host)
		return XDP_PASS;
	return row->to == TO_NOBODY ? XDP_DROP : XDP_REDIRECT;
}

static void check_bytes(const struct row *row, const struct run *run)
{
	const uint8_t *got = run->buf + run->meta_len;
	uint32_t got_len = run->len - run->meta_len, i;
	struct made_packet want;

	packet_make(&want, row->out ? row->out : row->in);
	if (got_len != want.len) {
		row_fail("%u bytes leave, not %u", got_len, want.len);
		return;
	}
	for (i = 0; i < got_len; i++) {
		if (got[i] == want.data[i])
			continue;
		row_fail("byte %u is %#x, not %#x", i, got[i], want.data[i]);
		return;
	}
}

/* Offsets and hash must be those of the bytes that leave. */
static void check_meta(const struct row *row, const struct run *run)
{
	struct pkt_meta got, want = {
		.magic = PKT_META_MAGIC,
		.in_port = row->from,
		.vlan = row->vlan,
		.flags = row->flags,
		.class = lab_ports[row->from].class,
		.pcp = row->pcp,
	};
	struct pkt_parsed parsed;

	if (!row->has_meta) {
		if (run->meta_len && expected_verdict(row) == XDP_REDIRECT)
			row_fail("%u bytes of metadata", run->meta_len);
		return;
	}
	if (run->meta_len != sizeof(got)) {
		row_fail("%u bytes of metadata", run->meta_len);
		return;
	}
	memcpy(&got, run->buf, sizeof(got));
	pkt_parse(run->buf + sizeof(got), run->buf + run->len, 0, &parsed);
	pkt_parsed_to_meta(&parsed, 0, &want);
	if (memcmp(&got, &want, sizeof(got)))
		row_fail("metadata: port %u vlan %u flags %#x class %u l3 %u "
			 "at %u l4 %u at %u hash %#x pcp %u", got.in_port,
			 got.vlan, got.flags, got.class, got.l3, got.l3_off,
			 got.l4_proto, got.l4_off, got.hash, got.pcp);
}

/* One packet of @len bytes under the row's reason, and nothing else. */
static void check_counters(const struct row *row, struct lab *lab,
			   struct counter before[][PKT_N_REASONS],
			   uint32_t len)
{
	static struct counter after[LAB_PORTS + 2][PKT_N_REASONS];
	int slot, i, from = row->from;

	if (row->state & (UNKNOWN_DEV | STRANGE_DEV))
		from = 0;
	if (row->counted)
		from = row->counted;
	lab_counters(lab, after);
	for (slot = 0; slot <= LAB_PORTS + 1; slot++) {
		for (i = 0; i < PKT_N_REASONS; i++) {
			bool here = slot == from && i == row->reason;
			uint64_t packets = after[slot][i].packets -
					   before[slot][i].packets;
			uint64_t bytes = after[slot][i].bytes -
					 before[slot][i].bytes;

			if (packets != (here ? 1 : 0) ||
			    bytes != (here ? len : 0))
				row_fail("port %d %s: %llu packets, %llu bytes",
					 slot, reason_names[i],
					 (unsigned long long)packets,
					 (unsigned long long)bytes);
		}
	}
}

static void run_once(struct lab *lab, const struct row *row)
{
	static struct counter before[LAB_PORTS + 2][PKT_N_REASONS];
	static struct vm_credit credits[PKT_MAX_XSKS];
	static struct run run;
	const struct bpf_program *prog =
		lab_ports[row->from].kind == PORT_UPLINK ?
			lab->skel->progs.uplink : lab->skel->progs.port;
	struct made_packet packet;
	int err;

	packet_make(&packet, row->in);
	run = (struct run){
		.meta_len = row->state & FOREIGN_META ? META_MAX : 0,
		.ifindex = lab->ifindex[row->from],
		.queue = LAB_QUEUE,
	};
	if (row->state & STRANGE_DEV)
		run.ifindex = lab->ifindex[row->from] + PKT_RECENT_DEVS;
	if (row->state & UNKNOWN_DEV) {
		run.ifindex = 0;
		run.queue = 0;
	}
	memset(run.buf, 0xab, run.meta_len);
	memcpy(run.buf + run.meta_len, packet.data, packet.len);
	run.len = run.meta_len + packet.len;
	set_credit(lab, row);
	memcpy(credits, lab->credits, sizeof(credits));
	lab_counters(lab, before);
	err = run_prog(bpf_program__fd(prog), &run);
	if (err) {
		row_fail("test run: %s", strerror(-err));
		return;
	}
	if (run.verdict != expected_verdict(row))
		row_fail("verdict %u, not %u", run.verdict,
			 expected_verdict(row));
	check_counters(row, lab, before, packet.len);
	check_credit(row, lab, credits);
	check_bytes(row, &run);
	check_meta(row, &run);
	if (row->state & REFRESHED && lab_seen_s(lab, "wire", 10) == LAB_OLD_S)
		row_fail("the source's entry was not refreshed");
	if (row->state & NOT_REFRESHED &&
	    lab_seen_s(lab, "wire", 10) != LAB_OLD_S)
		row_fail("an entry was refreshed");
}

static void run_row(struct lab *lab, const struct row *row)
{
	row_begin(row->name);
	lab_set_targets(lab);
	set_state(lab, row);
	run_once(lab, row);
	/* again, with what the CPU remembers of the first */
	run_once(lab, row);
	if (row->to != TO_NOBODY) {
		set_state(lab, row);
		set_target(lab, row);
		run_once(lab, row);
	}
	row_end();
}

/* A device that is no port, PKT_RECENT_DEVS indexes after p3. */
static void add_strange_device(struct lab *lab)
{
	const int ifindex = lab->ifindex[3] + PKT_RECENT_DEVS;

	shell("ip link add x3 index %d numrxqueues 2 numtxqueues 2 type veth "
	      "peer name y3", ifindex);
	shell("ip link set x3 up && ip link set y3 up");
	if (bpf_xdp_attach(ifindex, bpf_program__fd(lab->skel->progs.port),
			   XDP_FLAGS_DRV_MODE, NULL))
		die("attach");
}

/* The address @vm has come to @port since @first: to be seen at once if the
 * agent says so, and before long if somebody else has changed the table. */
static void run_changed(struct lab *lab, const struct row *first,
			const struct row *then, const char *vm, uint32_t port,
			bool told)
{
	row_begin(then->name);
	lab_set_targets(lab);
	lab_reset(lab);
	run_once(lab, first);
	lab_set_fdb(lab, vm, 10, port, true);
	if (told)
		lab_count_change(lab);
	else	/* 32 jiffies at 100 Hz, the slowest, and some */
		usleep(400000);
	run_once(lab, then);
	row_end();
}

/* What a CPU remembers of an address holds for that port and network only, and
 * not for long. */
static void run_recent(struct lab *lab)
{
	static const struct row first = {
		"", 3, "dst=vm2 src=vm1 ip4 udp", DEV(4) };
	static const struct row others[] = {
		{ "recent source, another port", 4,
		  "dst=wire src=vm1 ip4=10.0.0.2 udp", DROP(src_mac) },
		{ "recent source, another network's port", 8,
		  "dst=wire2 src=vm1 ip4 udp", DROP(src_mac) },
		{ "recent source, the wire", 1,
		  "dst=vm2 src=vm1 tag=10 ip4 udp", DROP(src_local) },
		{ "recent source, a MAC that shares its entry", 3,
		  "dst=vm2 src=vm1 ip4 udp poke=6,6", DROP(src_mac) },
		{ "recent destination, a MAC that shares its entry", 3,
		  "dst=vm2 src=vm1 ip4 udp poke=0,6",
		  XPORT(3, OUT("dst=vm2 src=vm1 ip4 udp poke=0,6"),
			META(10, FLOOD, 0)) },
		{ "recent device, one that shares its entry", 3,
		  "dst=vm2 src=vm1 ip4 udp", DROP(port_unknown),
		  IN_STATE(STRANGE_DEV) },
	};
	static const struct row moved = {
		"recent source that is not allowed any more", 3,
		"dst=vm2 src=vm1 ip4 udp", DROP(src_mac) };
	static const struct row back = {
		"recent destination that is elsewhere", 3,
		"dst=vm2 src=vm1 ip4 udp", DROP(same_port) };
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		row_begin(others[i].name);
		lab_set_targets(lab);
		lab_reset(lab);
		run_once(lab, &first);
		run_once(lab, &others[i]);
		row_end();
	}
	run_changed(lab, &first, &moved, "vm1", 4, false);
	run_changed(lab, &first, &moved, "vm1", 4, true);
	run_changed(lab, &first, &back, "vm2", 3, false);
	run_changed(lab, &first, &back, "vm2", 3, true);
}

int main(void)
{
	struct lab with_meta, without;
	size_t i;

	if (geteuid())
		return runner_skip("BPF needs root");
	lab_make_devices();
	lab_init(&with_meta, lab_load(false, 0));
	lab_init(&without, lab_load(true, 0));
	lab_attach(&with_meta);
	with_meta.socket_fd = lab_open_socket();
	without.socket_fd = with_meta.socket_fd;
	for (i = 0; i < N_ROWS; i++)
		run_row(rows[i].state & NO_META ? &without : &with_meta,
			&rows[i]);
	add_strange_device(&with_meta);
	run_recent(&with_meta);
	dataplane__destroy(with_meta.skel);
	dataplane__destroy(without.skel);
	return runner_end();
}
