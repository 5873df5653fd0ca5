// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Offloads byte for byte: what guests leave to do, and what becomes of it at
 * receivers that accept it, at those that do not, and on the wire.
 *
 * Each packet is sent alone, and what each receiver has to get is worked out
 * from its description (segment.h): the packet whole with its virtio-net
 * header, finished, or cut. Frames, headers, the number of buffers, their
 * order, and that there are no others, are compared. Segments from a device
 * may arrive merged, where they may be.
 *
 * The script says by the names of the ends what there is:
 *
 *	vm1     sends large packets	    vm8     a device: a VM behind veth
 *	vm9     the same with tags, in	    wire    a device; VLAN 10 is tagged
 *		VLAN 10, as vm10
 *
 * Others are receivers; what they accept is what was negotiated.
 */
#include <getopt.h>

#include "ends.h"
#include "segment.h"

#define MAX_ENDS  16
#define MAX_WANTS 512
#define VLAN	  10
#define PORT	  30000
#define N_BURST	  12
#define MAX_IP	  65535

/* A frame that an end has to get. */
struct want {
	struct front_net_hdr hdr;
	uint32_t len;
	uint8_t *frame; /* owned */
};

struct receiver {
	struct end end;
	struct want wants[MAX_WANTS];
	uint32_t first, n;
	uint64_t n_whole, n_cut, n_finished;
};

static struct receiver receivers[MAX_ENDS];
static uint32_t n_ends;
static const char *now_testing = "";
static uint8_t buf[END_BUF], frame[END_BUF];
static uint64_t n_cases;

static struct receiver *find(const char *name)
{
	for (uint32_t i = 0; i < n_ends; i++)
		if (!strcmp(receivers[i].end.name, name))
			return &receivers[i];
	die("%s: no such end", name);
}

static void __attribute__((format(printf, 2, 3), noreturn))
wrong(const struct receiver *at, const char *fmt, ...)
{
	va_list args;

	printf("%s: at %s: ", now_testing, at->end.name);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	exit(EXIT_FAILED);
}

/* ---- what has to arrive ---- */

static void want(struct receiver *r, const struct segment *s, uint32_t gso_size)
{
	struct want *w = &r->wants[r->n++];
	uint32_t total = segment_len(s) + (uint32_t)sizeof(w->hdr);

	if (r->n > MAX_WANTS)
		die("too many frames at once");
	w->frame = malloc(PACKET_MAX + 8);
	if (!w->frame)
		die("no memory");
	w->len = segment_make(s, w->frame);
	w->hdr = segment_header(s, gso_size);
	w->hdr.n_buffers = 1;
	if (end_has(&r->end, FRONT_F_MRG_RXBUF))
		w->hdr.n_buffers =
			(uint16_t)((total + r->end.kind->rx_size - 1) /
				   r->end.kind->rx_size);
}

static bool accepts(const struct receiver *r, const struct segment *s,
		    uint32_t gso_size)
{
	uint64_t need = FRONT_F_GUEST_CSUM;

	if (gso_size)
		need |= s->v6 ? FRONT_F_GUEST_TSO6 : FRONT_F_GUEST_TSO4;
	if (gso_size && s->flags & SEGMENT_CWR)
		need |= FRONT_F_GUEST_ECN;
	return end_has(&r->end, need);
}

/* What @r has to get of a packet @s that is to be cut into @gso_size. */
static void want_packet(struct receiver *r, const struct segment *s,
			uint32_t gso_size)
{
	struct segment part = *s;

	if (!s->partial || accepts(r, s, gso_size)) {
		r->n_whole += gso_size > 0;
		want(r, s, gso_size);
		return;
	}
	if (!gso_size) {
		r->n_finished++;
		part.partial = false;
		want(r, &part, 0);
		return;
	}
	r->n_cut++;
	for (uint32_t k = 0; segment_cut(s, gso_size, k, &part); k++)
		want(r, &part, 0);
}

/* ---- what does ---- */

/* Whether the frame is one of this tool's. */
static bool is_ours(uint32_t len)
{
	static const uint8_t prefix[] = { 2, 0, 0, 0, 0 };
	uint32_t off = 12;
	uint16_t type, port;

	if (len < 38 || memcmp(frame + 6, prefix, sizeof(prefix)) != 0)
		return false;
	for (uint32_t tags = 0; tags < 3; tags++, off += 4) {
		memcpy(&type, frame + off, 2);
		if (type != htons(ETH_P_8021Q))
			break;
	}
	off += 2u + (type == htons(ETH_P_IP) ? 20u : 40u);
	if (off + 4 > len)
		return false;
	memcpy(&port, frame + off + 2, 2);
	return ntohs(port) / 1000 == PORT / 1000;
}

static int receive(struct receiver *r, struct front_net_hdr *hdr)
{
	int len;

	do {
		len = end_receive(&r->end, hdr, frame, sizeof(frame));
		if (len < 0 && len != -EAGAIN)
			wrong(r, "cannot receive: %s", strerror(-len));
	} while (len >= 0 && !is_ours((uint32_t)len));
	if (!r->end.kind)
		hdr->flags &= (uint8_t)~FRONT_NET_DATA_VALID;
	return len;
}

static void compare(const struct receiver *r, const struct want *w,
		    uint32_t len, const struct front_net_hdr *hdr)
{
	uint32_t at = 0;

	while (at < len && at < w->len && frame[at] == w->frame[at])
		at++;
	if (at != len || len != w->len)
		wrong(r,
		      "%u bytes, expected %u; byte %u is %02x, expected %02x; "
		      "%u more frames expected",
		      len, w->len, at, frame[at], w->frame[at],
		      r->n - r->first);
	if (memcmp(hdr, &w->hdr, sizeof(*hdr)) != 0)
		wrong(r,
		      "header: flags %u, type %u, headers %u, size %u, checksum "
		      "at %u + %u, buffers %u; expected %u, %u, %u, %u, %u + %u, "
		      "%u",
		      hdr->flags, hdr->gso_type, hdr->hdr_len, hdr->gso_size,
		      hdr->csum_start, hdr->csum_offset, hdr->n_buffers,
		      w->hdr.flags, w->hdr.gso_type, w->hdr.hdr_len,
		      w->hdr.gso_size, w->hdr.csum_start, w->hdr.csum_offset,
		      w->hdr.n_buffers);
}

/* The bytes that arrived at any end; false: none. */
static bool receive_wanted(void)
{
	struct front_net_hdr hdr;
	bool any = false;
	int len;

	for (uint32_t i = 0; i < n_ends; i++) {
		struct receiver *r = &receivers[i];

		while ((len = receive(r, &hdr)) >= 0) {
			if (r->first == r->n)
				wrong(r, "a frame of %d bytes too many", len);
			compare(r, &r->wants[r->first], (uint32_t)len, &hdr);
			free(r->wants[r->first++].frame);
			any = true;
		}
	}
	return any;
}

static bool all_arrived(void)
{
	for (uint32_t i = 0; i < n_ends; i++)
		if (receivers[i].first < receivers[i].n)
			return false;
	return true;
}

static void wait_all(void)
{
	for (uint32_t i = 0; i < n_ends; i++)
		if (receivers[i].end.kind)
			end_wait(&receivers[i].end, 1, 0);
	for (uint32_t i = 0; i < n_ends; i++)
		if (receivers[i].first < receivers[i].n) {
			end_wait(&receivers[i].end, 1, 20);
			return;
		}
}

static void expect_all(void)
{
	uint64_t last = now_ns();

	while (!all_arrived()) {
		if (receive_wanted()) {
			last = now_ns();
			continue;
		}
		if (now_ns() - last > END_PATIENCE_MS * 1000000ull)
			break;
		wait_all();
	}
	for (uint32_t i = 0; i < n_ends; i++) {
		struct receiver *r = &receivers[i];

		if (r->first < r->n)
			wrong(r, "%u of %u frames are missing", r->n - r->first,
			      r->n);
		r->first = r->n = 0;
	}
	n_cases++;
}

static void send_packet(struct receiver *from, const struct segment *s,
			uint32_t gso_size)
{
	struct front_net_hdr hdr = segment_header(s, gso_size);
	uint32_t len = segment_make(s, buf);
	int err;

	do
		err = end_send(&from->end, 0, &hdr, buf, len);
	while (err == -EAGAIN);
	if (err)
		wrong(from, "cannot send: %s", strerror(-err));
}

/* ---- one packet ---- */

static void address(struct segment *s, const struct receiver *from,
		    const struct receiver *to)
{
	memcpy(s->dmac, to->end.mac, 6);
	memcpy(s->smac, from->end.mac, 6);
}

/* The driver's layouts in turn. */
static void next_layout(struct receiver *from, uint32_t len)
{
	static uint32_t turn;
	struct front_net *net = &from->end.nets[0];

	if (!from->end.kind)
		return;
	net->tx_piece = turn % 3 ? len / (turn % 3 * 9) + 1 : 0;
	net->tx_indirect = end_has(&from->end, FRONT_F_INDIRECT) && turn % 2;
	turn++;
}

static void one(struct receiver *from, struct receiver *to, struct segment s,
		uint32_t gso_size)
{
	address(&s, from, to);
	next_layout(from, segment_len(&s));
	want_packet(to, &s, gso_size);
	send_packet(from, &s, gso_size);
	expect_all();
}

static struct segment basic(bool v6, uint8_t proto)
{
	static uint64_t offset;
	struct segment s = {
		.v6 = v6,
		.proto = proto,
		.src = 1,
		.dst = 2,
		.sport = 4000,
		.dport = PORT,
		.seq = 0xfffff800,
		.flags = SEGMENT_ACK,
		.offset = offset += 777,
		.partial = true,
		.size = 1000,
	};

	return s;
}

/* ---- cases: from a guest that may leave everything to do ---- */

static bool is_device(const struct receiver *r)
{
	return !r->end.kind;
}

/* Those in the network of vm1. */
static bool is_plain_network(const struct receiver *r)
{
	return strcmp(r->end.name, "vm9") && strcmp(r->end.name, "vm10");
}

static void large_to(struct receiver *from, struct receiver *to, bool v6)
{
	static const struct {
		uint32_t size, gso_size;
		uint8_t flags;
		uint16_t urgent, id;
		uint32_t n_options;
		uint8_t tos;
		bool may_fragment;
	} rows[] = {
		{ 1401, 1400, 0, 0, 1, 0, 0, false },
		{ 2800, 1400, SEGMENT_PSH, 0, 0xffff, 12, 0, false },
		{ 14001, 1400, SEGMENT_PSH | SEGMENT_FIN, 0, 7, 0, 0, true },
		{ 9999, 1399, SEGMENT_CWR, 0, 7, 12, 1, false },
		{ 5000, 1220, SEGMENT_CWR | SEGMENT_ECE | SEGMENT_PSH, 0,
		  0xfffe, 0, 2, false },
		{ 5000, 1220, SEGMENT_ECE, 0, 3, 40, 2, false },
		{ 7000, 1001, SEGMENT_URG, 2500, 3, 0, 0, false },
		{ 4001, 48, SEGMENT_PSH, 0, 3, 0, 0, false },
		{ 4096, 1024, 0, 0, 3, 0, 0, false },
		{ 30000, 1428, SEGMENT_FIN, 0, 3, 12, 0xff, false },
		{ 0, 1400, 0, 0, 0xfff0, 12, 0, false },
		{ 0, 600, SEGMENT_CWR, 0, 0xfff0, 0, 0, false },
	};

	now_testing = v6 ? "TSO6" : "TSO4";
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct segment s = basic(v6, IPPROTO_TCP);

		s.flags |= rows[i].flags;
		s.urgent = rows[i].urgent;
		s.id = rows[i].id;
		s.n_options = rows[i].n_options;
		s.tos = rows[i].tos;
		s.may_fragment = rows[i].may_fragment;
		/* 0: as large as an IP packet can be. */
		s.size = rows[i].size
				 ? rows[i].size
				 : MAX_IP - (v6 ? 40 : 20) - 20 - s.n_options;
		one(from, to, s, rows[i].gso_size);
	}
}

/* Of some content the checksum is 0, which UDP may not send. */
static struct segment udp_zero(const struct receiver *from,
			       const struct receiver *to, bool v6)
{
	struct segment s = basic(v6, IPPROTO_UDP);
	uint16_t check = 0;

	s.size = 100;
	address(&s, from, to);
	s.partial = false;
	while (check != 0xffff) {
		s.offset++;
		segment_make(&s, buf);
		memcpy(&check, buf + segment_l4_off(&s) + 6, 2);
	}
	s.partial = true;
	return s;
}

static void checksums_to(struct receiver *from, struct receiver *to, bool v6)
{
	static const uint32_t sizes[] = { 20, 21, 100, 511, 1024, 1399, 1440 };

	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		struct segment s = basic(v6, i & 1 ? IPPROTO_UDP : IPPROTO_TCP);

		now_testing = i & 1 ? "UDP's checksum" : "TCP's checksum";
		s.size = sizes[i / 2];
		one(from, to, s, 0);
		s.partial = false;
		one(from, to, s, 0);
	}
	now_testing = "UDP's checksum of zero";
	one(from, to, udp_zero(from, to, v6), 0);
}

static void from_guest(void)
{
	struct receiver *from = find("vm1");

	for (uint32_t i = 0; i < n_ends; i++) {
		struct receiver *to = &receivers[i];

		if (to == from || !is_plain_network(to))
			continue;
		for (uint32_t v6 = 0; v6 < 2; v6++) {
			large_to(from, to, v6);
			checksums_to(from, to, v6);
		}
		printf("%s: %llu large packets whole, %llu cut, %llu checksums "
		       "finished\n",
		       to->end.name, (unsigned long long)to->n_whole,
		       (unsigned long long)to->n_cut,
		       (unsigned long long)to->n_finished);
	}
}

/* ---- tags ---- */

/* As @s is on the wire. */
static void outer_tag(struct segment *s, uint16_t tci)
{
	s->tci[1] = s->tci[0];
	s->tci[0] = tci;
	s->n_tags++;
}

static void tagged(bool v6)
{
	struct receiver *from = find("vm9"), *to = find("vm10");
	struct receiver *wire = find("wire");
	struct segment s, wired;

	for (uint32_t i = 0; i < 3; i++) {
		uint32_t gso_size = i ? 1300 : 0;

		now_testing = gso_size ? "TSO with a tag inside"
				       : "a checksum with a tag inside";
		s = basic(v6, IPPROTO_TCP);
		s.tci[0] = 3 << 13 | 77;
		s.n_tags = 1;
		s.size = i == 2 ? 40001 : i ? 9000 : 1000;
		one(from, to, s, gso_size);
		address(&s, from, wire);
		wired = s;
		outer_tag(&wired, VLAN);
		want_packet(wire, &wired, gso_size);
		send_packet(from, &s, gso_size);
		expect_all();

		now_testing = gso_size ? "TSO with a priority tag"
				       : "a checksum with a priority tag";
		s.tci[0] = 5 << 13;
		wired = s;
		wired.tci[0] = 5 << 13 | VLAN;
		want_packet(wire, &wired, gso_size);
		send_packet(from, &s, gso_size);
		expect_all();
	}
	now_testing = "tags from the wire";
	s.partial = false;
	s.size = 1200;
	s.n_tags = 1;
	s.tci[0] = 1 << 13 | 78;
	address(&s, wire, to);
	want_packet(to, &s, 0);
	outer_tag(&s, VLAN);
	send_packet(wire, &s, 0);
	expect_all();
}

/* ---- floods ---- */

static void flooded(bool v6, bool broadcast, uint32_t gso_size)
{
	static const uint8_t nobody[] = { 2, 0, 0, 0, 0x0f, 0xff };
	struct receiver *from = find("vm1");
	struct segment s = basic(v6, gso_size ? IPPROTO_TCP : IPPROTO_UDP);

	now_testing = broadcast ? "broadcast" : "unknown unicast";
	s.size = gso_size ? 20001 : 1001;
	s.flags |= SEGMENT_PSH;
	memcpy(s.dmac, nobody, 6);
	if (broadcast)
		memset(s.dmac, 0xff, 6);
	memcpy(s.smac, from->end.mac, 6);
	for (uint32_t i = 0; i < n_ends; i++)
		if (&receivers[i] != from && is_plain_network(&receivers[i]))
			want_packet(&receivers[i], &s, gso_size);
	next_layout(from, segment_len(&s));
	send_packet(from, &s, gso_size);
	expect_all();
}

/* ---- from devices ---- */

/* A VM whose own stack leaves checksums to its device. */
static void from_veth(void)
{
	struct receiver *from = find("vm8");

	for (uint32_t i = 0; i < n_ends; i++) {
		struct receiver *to = &receivers[i];

		if (to == from || !is_plain_network(to))
			continue;
		for (uint32_t k = 0; k < 4; k++) {
			struct segment s =
				basic(k & 1, k & 2 ? IPPROTO_TCP : IPPROTO_UDP);

			now_testing = "unfinished checksum of a VM's";
			address(&s, from, to);
			send_packet(from, &s, 0);
			s.partial = false;
			want(to, &s, 0);
			expect_all();
		}
	}
}

/* A burst of one flow from the wire. */
struct burst {
	struct segment segments[N_BURST];
	uint32_t broken; /* the one with a wrong checksum */
	uint32_t next;	 /* not arrived yet */
};

static void make_burst(struct burst *b, const struct receiver *from,
		       const struct receiver *to, bool v6)
{
	struct segment s = basic(v6, IPPROTO_TCP);

	address(&s, from, to);
	s.dport = (uint16_t)(PORT + v6);
	s.partial = false;
	s.size = v6 ? 600 : 1400;
	s.n_options = 12;
	b->next = 0;
	b->broken = v6 ? 8 : 5;
	for (uint32_t i = 0; i < N_BURST; i++) {
		b->segments[i] = s;
		if (i == 2)
			b->segments[i].flags |= SEGMENT_PSH;
		if (v6 && i == 6) {
			b->segments[i].flags |= SEGMENT_URG;
			b->segments[i].urgent = 9;
		}
		if (i == N_BURST - 1)
			b->segments[i].size = 333;
		s.seq += s.size;
		s.offset += s.size;
		s.id++;
	}
}

static uint32_t make_of_burst(const struct burst *b, uint32_t i, uint8_t *to)
{
	uint32_t len = segment_make(&b->segments[i], to);

	if (i == b->broken)
		to[segment_l4_off(&b->segments[i]) + 17] ^= 0x11;
	return len;
}

/* Whether segment @i may be merged behind @i - 1. */
static bool may_follow(const struct burst *b, uint32_t i)
{
	const uint8_t ends = SEGMENT_PSH | SEGMENT_FIN;

	return i < N_BURST && i != b->broken && i - 1 != b->broken &&
	       !(b->segments[i - 1].flags & ends) &&
	       !((b->segments[i].flags | b->segments[i - 1].flags) &
		 SEGMENT_URG);
}

/* A frame of the burst, merged or not. Returns the number of segments. */
static uint32_t take_of_burst(struct receiver *to, struct burst *b,
			      uint32_t len, const struct front_net_hdr *hdr)
{
	struct segment merged;
	uint32_t n = 1;
	struct want w;

	if (b->next == N_BURST)
		wrong(to, "a frame too many");
	merged = b->segments[b->next];
	while (segment_len(&merged) < len && may_follow(b, b->next + n)) {
		merged.size += b->segments[b->next + n].size;
		merged.flags |= b->segments[b->next + n].flags;
		n++;
	}
	merged.partial = n > 1;
	to->first = 0;
	to->n = 0;
	want(to, &merged, n > 1 ? b->segments[b->next].size : 0);
	w = to->wants[0];
	if (n == 1)
		make_of_burst(b, b->next, w.frame);
	if (n > 1 && !end_has(&to->end, merged.v6 ? FRONT_F_GUEST_TSO6
						  : FRONT_F_GUEST_TSO4))
		wrong(to, "merged for who does not accept it");
	compare(to, &w, len, hdr);
	free(w.frame);
	to->n = 0;
	b->next += n;
	return n;
}

/* Sends two flows from the wire. Returns how many segments were merged. */
static uint32_t merge_once(struct receiver *to)
{
	struct receiver *wire = find("wire");
	uint64_t last = now_ns();
	struct front_net_hdr hdr = { 0 };
	struct burst bursts[2];
	uint32_t n_merged = 0;
	int len;

	for (uint32_t v6 = 0; v6 < 2; v6++)
		make_burst(&bursts[v6], wire, to, v6);
	for (uint32_t i = 0; i < 2 * N_BURST; i++) {
		len = (int)make_of_burst(&bursts[i & 1], i / 2, buf);
		while (end_send(&wire->end, 0, &hdr, buf, (uint32_t)len))
			;
	}
	while (bursts[0].next < N_BURST || bursts[1].next < N_BURST) {
		uint16_t type;

		len = receive(to, &hdr);
		if (len >= 0) {
			memcpy(&type, frame + 12, 2);
			n_merged += take_of_burst(
					    to,
					    &bursts[type == htons(ETH_P_IPV6)],
					    (uint32_t)len, &hdr) -
				    1;
			last = now_ns();
			continue;
		}
		if (now_ns() - last > END_PATIENCE_MS * 1000000ull)
			wrong(to, "%u and %u of %u segments arrived",
			      bursts[0].next, bursts[1].next, N_BURST);
		end_wait(&to->end, 1, 20);
	}
	n_cases++;
	return n_merged;
}

/* @no_gro: names of guests that could, and whose configuration says no. */
static void merged(const char *no_gro)
{
	now_testing = "segments from the wire";
	for (uint32_t i = 0; i < n_ends; i++) {
		struct receiver *to = &receivers[i];
		bool may = end_has(&to->end, FRONT_F_GUEST_TSO4) &&
			   strcmp(to->end.name, no_gro) != 0;
		uint32_t n = 0, tries = 0;

		if (is_device(to) || !is_plain_network(to))
			continue;
		/* They are when the agent finds several at once. */
		while (tries < (may && !n ? 20000 : 20)) {
			n += merge_once(to);
			tries++;
		}
		printf("%s: %u segments merged in %u bursts\n", to->end.name, n,
		       tries);
		if (may && !n)
			wrong(to, "nothing is ever merged");
		if (!may && n)
			wrong(to, "%u segments were merged", n);
	}
}

/* ---- main ---- */

static void print_usage(void)
{
	puts("guest_offloads --end KEY=VALUE,... --end ... [--no-gro NAME]\n"
	     "Checks what becomes of packets with offloads. For the ends see\n"
	     "guests --help, and the head of this file for their names.\n"
	     "  --no-gro NAME    for this guest nothing is merged\n"
	     "Prints \"listening\", \"ready\" when all are connected, and waits for\n"
	     "SIGUSR1. Exit code 0: all was right.");
}

static volatile sig_atomic_t start_requested;

static void on_start_signal(int sig)
{
	(void)sig;
	start_requested = 1;
}

static const struct option long_options[] = {
	{ "end", required_argument, NULL, 'e' },
	{ "no-gro", required_argument, NULL, 'g' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void run_cases(const char *no_gro)
{
	from_guest();
	for (uint32_t i = 0; i < 8; i++)
		flooded(i & 1, i & 2, i & 4 ? 1300 : 0);
	for (uint32_t v6 = 0; v6 < 2; v6++)
		tagged(v6);
	from_veth();
	merged(no_gro);
	/* Whatever else there is. */
	now_testing = "at the end";
	sleep_until_ns(now_ns() + 200000000);
	receive_wanted();
	for (uint32_t i = 0; i < n_ends; i++)
		if (!end_is_whole(&receivers[i].end))
			exit(EXIT_FAILED);
	printf("{\"cases\": %llu}\n", (unsigned long long)n_cases);
}

int main(int argc, char **argv)
{
	struct sigaction start = { .sa_handler = on_start_signal };
	const char *no_gro = "";
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (opt == 'e' && n_ends < MAX_ENDS) {
			end_parse(&receivers[n_ends++].end, optarg);
		} else if (opt == 'g') {
			no_gro = optarg;
		} else if (opt == 'h') {
			print_usage();
			return EXIT_OK;
		} else {
			return EXIT_USAGE;
		}
	}
	if (!n_ends || optind != argc)
		die("--end is needed; see --help");
	sigaction(SIGUSR1, &start, NULL);
	segment_make_content();
	for (uint32_t i = 0; i < n_ends; i++)
		end_open(&receivers[i].end);
	puts("listening");
	fflush(stdout);
	for (uint32_t i = 0; i < n_ends; i++)
		if (receivers[i].end.kind)
			end_connect(&receivers[i].end);
	puts("ready");
	fflush(stdout);
	while (!start_requested)
		sleep_until_ns(now_ns() + 10000000);
	run_cases(no_gro);
	for (uint32_t i = 0; i < n_ends; i++)
		end_close(&receivers[i].end);
	return EXIT_OK;
}
