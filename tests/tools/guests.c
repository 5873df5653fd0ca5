// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Traffic between guests, and between guests and devices, with every byte
 * checked: TCP and UDP over IPv4 and IPv6, packets of 64 bytes to 64 KiB as
 * far as the sender may send and the receiver accepts them, in several flows
 * each way at once.
 *
 * What arrives is built anew from what was sent and compared byte for byte,
 * headers included; TCP as a stream, for its packets may be cut and merged on
 * their way. All of a flow has to arrive, once and in order.
 *
 * The loop is closed: no more than a window of packets (counted as they go on
 * a wire) is on its way in each direction. So nothing gets lost because a
 * machine is slow.
 */
#include <getopt.h>

#include "ends.h"
#include "progress.h"
#include "segment.h"

#define MAX_ENDS      8
#define MAX_DIRS      16
#define MAX_FLOWS     8 /* of a direction */
#define MAX_IN_FLIGHT 4096
#define FIRST_PORT    20000
#define MIN_LEN	      64
#define WIRE_LEN      1514
#define MAX_LEN	      65549 /* 64 KiB less one, and the Ethernet header */
#define DEVICE_WINDOW 256 /* what the kernel holds between a veth's two ends */
#define STALL_NS      (200 * 1000000ull)

/* A packet on its way. */
struct sent {
	uint64_t end; /* of the flow's content, behind it */
	uint32_t units;
	struct segment segment;
};

struct flow {
	struct segment model; /* of its packets */
	uint16_t mss;
	uint64_t sent, got;   /* bytes of content */
	uint32_t first, next; /* sent[] on their way: any number, modulo */
	struct sent *in_flight;
};

struct direction {
	struct end *from, *to;
	uint32_t units; /* on their way */
	struct flow flows[MAX_FLOWS];
};

struct options {
	double seconds;
	uint32_t packets; /* of each direction; 0 = any number */
	uint32_t window;
	uint32_t n_flows;
	uint32_t max_len;
	uint32_t toggle; /* packets between changes of the number of pairs */
	uint64_t seed;
	const char *progress;
	const char *lazy;
	bool lossy;
	bool udp;
	bool log;
	bool handover;
};

struct run {
	struct options o;
	struct end ends[MAX_ENDS];
	uint32_t n_ends;
	struct direction dirs[MAX_DIRS];
	uint32_t n_dirs;
	uint64_t random;
	uint64_t n_sent, n_arrived, n_large, n_lost, n_restarts;
	uint64_t bytes;
	uint64_t last_ns; /* when something arrived */
	struct progress *progress;
};

static uint8_t frame[END_BUF], expected[END_BUF];
static volatile sig_atomic_t start_requested;

static void on_start_signal(int sig)
{
	(void)sig;
	start_requested = 1;
}

static void pause_briefly(void)
{
	sleep_until_ns(now_ns() + 10000000);
}

static uint32_t random_below(struct run *run, uint32_t n)
{
	return (uint32_t)(random_next(&run->random) % n);
}

/* ---- sending ---- */

static uint32_t pick_len(struct run *run, bool tso)
{
	uint32_t max = run->o.max_len;

	switch (random_below(run, 4)) {
	case 0:
		max = 128;
		break;
	case 1:
	case 2:
		max = WIRE_LEN;
		break;
	}
	if (!tso && max > WIRE_LEN)
		max = WIRE_LEN;
	if (max > run->o.max_len)
		max = run->o.max_len;
	return MIN_LEN + random_below(run, max - MIN_LEN + 1);
}

/* The flow's next packet. Returns its gso_size, or 0. */
static uint32_t next_packet(struct run *run, const struct direction *dir,
			    const struct flow *flow, struct segment *s)
{
	bool tcp = flow->model.proto == IPPROTO_TCP;
	bool tso = tcp &&
		   end_has(dir->from, flow->model.v6 ? FRONT_F_HOST_TSO6
						     : FRONT_F_HOST_TSO4);
	uint32_t len = pick_len(run, tso), hdr_len;

	*s = flow->model;
	s->offset += flow->sent;
	s->seq += (uint32_t)flow->sent;
	s->id = (uint16_t)random_next(&run->random);
	if (tcp && !random_below(run, 4))
		s->flags |= SEGMENT_PSH;
	hdr_len = segment_hdr_len(s);
	s->size = len > hdr_len ? len - hdr_len : 1;
	s->partial = end_has(dir->from, FRONT_F_CSUM) &&
		     (s->size > flow->mss || random_below(run, 2));
	return s->size > flow->mss ? flow->mss : 0;
}

/* Any layout that a driver may choose. */
static void pick_layout(struct run *run, struct end *end, uint32_t pair,
			uint32_t len)
{
	struct front_net *net = &end->nets[pair];
	uint32_t least = len / (FRONT_INDIRECT_MAX - 2) + 1;

	if (!end->kind)
		return;
	net->tx_indirect = end_has(end, FRONT_F_INDIRECT) &&
			   random_below(run, 2);
	net->tx_piece =
		random_below(run, 2) ? 0 : least + random_below(run, len + 1);
}

/* Whether it could. */
static bool send_one(struct run *run, struct direction *dir, struct flow *flow)
{
	uint32_t index = (uint32_t)(flow - dir->flows), gso_size, len, units;
	uint32_t pair = index % dir->from->n_active;
	uint32_t window = run->o.window;
	uint64_t random = run->random;
	struct front_net_hdr hdr;
	struct segment s;
	int err;

	gso_size = next_packet(run, dir, flow, &s);
	units = s.size / flow->mss + 1;
	if (!dir->from->kind && window > DEVICE_WINDOW)
		window = DEVICE_WINDOW;
	/* A window that is smaller than a packet holds this one. */
	if (dir->units && dir->units + units > window)
		goto later;
	if (flow->next - flow->first == MAX_IN_FLIGHT)
		goto later;
	len = segment_make(&s, frame);
	hdr = segment_header(&s, gso_size);
	pick_layout(run, dir->from, pair, len);
	err = end_send(dir->from, pair, &hdr, frame, len);
	if (err == -EAGAIN)
		goto later;
	if (err)
		die("%s: cannot send: %s", dir->from->name, strerror(-err));
	flow->sent += s.size;
	flow->in_flight[flow->next++ % MAX_IN_FLIGHT] = (struct sent){
		.end = flow->sent,
		.units = units,
		.segment = s,
	};
	dir->units += units;
	run->n_sent++;
	return true;
later:
	/* The same packet again. */
	run->random = random;
	return false;
}

static bool send_some(struct run *run)
{
	bool any = false;

	for (uint32_t d = 0; d < run->n_dirs; d++)
		for (uint32_t i = 0; i < run->o.n_flows; i++)
			any |= send_one(run, &run->dirs[d],
					&run->dirs[d].flows[i]);
	return any;
}

/* ---- receiving ---- */

static void __attribute__((format(printf, 3, 4)))
wrong(const struct run *run, const struct end *end, const char *fmt, ...)
{
	va_list args;

	printf("%s: after %llu packets: ", end->name,
	       (unsigned long long)run->n_arrived);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	exit(EXIT_FAILED);
}

static void show_difference(const struct run *run, const struct end *end,
			    uint32_t len, uint32_t want_len)
{
	uint32_t at = 0;

	while (at < len && at < want_len && frame[at] == expected[at])
		at++;
	wrong(run, end,
	      "%u bytes, expected %u; they differ at %u: %02x, expected %02x",
	      len, want_len, at, frame[at], expected[at]);
}

/* What has arrived up to @end of the flow's content is no longer on its way. */
static void arrived(struct run *run, struct direction *dir, struct flow *flow,
		    uint64_t end)
{
	flow->got = end;
	while (flow->first != flow->next) {
		const struct sent *sent =
			&flow->in_flight[flow->first % MAX_IN_FLIGHT];

		if (sent->end > end)
			break;
		dir->units -= sent->units;
		flow->first++;
	}
	run->last_ns = now_ns();
}

/* The direction and the flow that a frame for @to belongs to; NULL: it is not
 * ours. */
static struct flow *find_flow(struct run *run, const struct end *to,
			      uint32_t len, struct direction **ret_dir)
{
	uint32_t l4_off = ETH_HLEN, index;
	uint16_t type, dport;

	memcpy(&type, frame + 12, 2);
	if (type == htons(ETH_P_IP))
		l4_off += 20;
	else if (type == htons(ETH_P_IPV6))
		l4_off += 40;
	else
		return NULL;
	if (len < l4_off + 8)
		return NULL;
	memcpy(&dport, frame + l4_off + 2, 2);
	index = (uint32_t)ntohs(dport) - FIRST_PORT;
	if (index / MAX_FLOWS >= run->n_dirs)
		return NULL;
	*ret_dir = &run->dirs[index / MAX_FLOWS];
	if ((*ret_dir)->to != to || memcmp(frame, to->mac, 6) != 0)
		return NULL;
	return &(*ret_dir)->flows[index % MAX_FLOWS];
}

/* What the virtio-net header may say to @to of the packet. */
static void check_header(struct run *run, const struct end *to,
			 const struct segment *s,
			 const struct front_net_hdr *hdr)
{
	uint64_t tso = s->v6 ? FRONT_F_GUEST_TSO6 : FRONT_F_GUEST_TSO4;
	struct front_net_hdr want = segment_header(s, hdr->gso_size);

	want.n_buffers = hdr->n_buffers;
	if (!to->kind)
		want.flags |= hdr->flags & FRONT_NET_DATA_VALID;
	if (memcmp(hdr, &want, sizeof(want)) != 0)
		wrong(run, to,
		      "header: flags %u, type %u, size %u, headers %u, "
		      "checksum at %u + %u",
		      hdr->flags, hdr->gso_type, hdr->gso_size, hdr->hdr_len,
		      hdr->csum_start, hdr->csum_offset);
	if (s->partial && !end_has(to, FRONT_F_GUEST_CSUM))
		wrong(run, to, "a checksum is left to a guest that does not");
	if (!hdr->gso_type) {
		if (segment_len(s) > WIRE_LEN)
			wrong(run, to, "%u bytes", segment_len(s));
		return;
	}
	if (!end_has(to, tso))
		wrong(run, to, "not cut for who does not accept it");
	/* What a sender without TSO has sent may have been merged. */
	if (hdr->gso_size + segment_hdr_len(s) > WIRE_LEN ||
	    hdr->gso_size >= s->size)
		wrong(run, to, "%u bytes of payload, to be cut into %u",
		      s->size, hdr->gso_size);
	run->n_large++;
}

/* Fills in what the next packet of a TCP flow has to be, given its length. */
static void expect_tcp(struct run *run, const struct end *to, struct flow *flow,
		       uint32_t len, struct segment *s)
{
	uint32_t tcp_off, seq, ahead;

	*s = flow->model;
	tcp_off = segment_l4_off(s);
	if (len <= segment_hdr_len(s))
		wrong(run, to, "%u bytes", len);
	memcpy(&seq, frame + tcp_off + 4, 4);
	ahead = ntohl(seq) - (s->seq + (uint32_t)flow->got);
	if (ahead && (!run->o.lossy || (int32_t)ahead < 0))
		wrong(run, to, "port %u: at byte %llu instead of %llu",
		      s->dport,
		      (unsigned long long)(flow->got +
					   (uint64_t)(int32_t)ahead),
		      (unsigned long long)flow->got);
	if (ahead)
		run->n_lost++;
	flow->got += ahead;
	s->offset += flow->got;
	s->seq += (uint32_t)flow->got;
	s->size = len - segment_hdr_len(s);
	s->flags |= frame[tcp_off + 13] & SEGMENT_PSH;
	if (!s->v6) {
		memcpy(&s->id, frame + ETH_HLEN + 4, 2);
		s->id = ntohs(s->id);
	}
}

/* The next packet of a UDP flow, or a later one if some may be lost. */
static void expect_udp(struct run *run, const struct end *to, struct flow *flow,
		       uint32_t len, struct segment *s)
{
	for (uint32_t i = flow->first; i != flow->next; i++) {
		*s = flow->in_flight[i % MAX_IN_FLIGHT].segment;
		if (!run->o.lossy)
			return;
		if (segment_len(s) == len &&
		    !memcmp(frame + segment_hdr_len(s),
			    segment_bytes(s->offset), s->size)) {
			run->n_lost += i - flow->first;
			return;
		}
	}
	wrong(run, to, "port %u: %u bytes that are not on their way",
	      flow->model.dport, len);
}

static void check_frame(struct run *run, struct end *to, uint32_t len,
			const struct front_net_hdr *hdr)
{
	struct direction *dir;
	struct flow *flow = find_flow(run, to, len, &dir);
	uint32_t want_len;
	struct segment s;

	if (!flow)
		return;
	if (flow->model.proto == IPPROTO_TCP)
		expect_tcp(run, to, flow, len, &s);
	else
		expect_udp(run, to, flow, len, &s);
	s.partial = hdr->flags & FRONT_NET_NEEDS_CSUM;
	want_len = segment_make(&s, expected);
	if (len != want_len || memcmp(frame, expected, len) != 0)
		show_difference(run, to, len, want_len);
	check_header(run, to, &s, hdr);
	if (flow->first == flow->next)
		wrong(run, to, "port %u: more than was sent",
		      flow->model.dport);
	arrived(run, dir, flow, s.offset - flow->model.offset + s.size);
	run->n_arrived++;
	run->bytes += len;
}

static bool receive_some(struct run *run, struct end *end)
{
	struct front_net_hdr hdr;
	int len = 0;

	for (uint32_t i = 0; i < 256; i++) {
		len = end_receive(end, &hdr, frame, sizeof(frame));
		if (len == -EAGAIN)
			return i;
		if (len < 0)
			wrong(run, end, "cannot receive: %s", strerror(-len));
		check_frame(run, end, (uint32_t)len, &hdr);
	}
	return true;
}

static bool is_lazy(const struct run *run, const struct end *end)
{
	return run->o.lazy && !strcmp(run->o.lazy, end->name);
}

/* ---- the run ---- */

/* Guests whose agent has gone wait for the next one. */
static void reconnect(struct run *run)
{
	for (uint32_t i = 0; i < run->n_ends; i++) {
		struct end *end = &run->ends[i];

		if (!end->kind || !front_is_gone(&end->front))
			continue;
		if (!run->o.lossy)
			wrong(run, end, "the agent has closed the connection");
		receive_some(run, end);
		front_hang_up(&end->front);
		end_connect(end);
		run->n_restarts++;
	}
}

static bool is_empty(const struct run *run)
{
	for (uint32_t d = 0; d < run->n_dirs; d++)
		if (run->dirs[d].units)
			return false;
	return true;
}

/* Takes what is on its way for lost. */
static void forget(struct run *run)
{
	for (uint32_t d = 0; d < run->n_dirs; d++) {
		struct direction *dir = &run->dirs[d];

		for (uint32_t i = 0; i < run->o.n_flows; i++) {
			struct flow *flow = &dir->flows[i];

			/* It may arrive still. */
			for (uint32_t k = flow->first; k != flow->next; k++) {
				struct sent *sent =
					&flow->in_flight[k % MAX_IN_FLIGHT];

				dir->units -= sent->units;
				sent->units = 0;
			}
		}
	}
}

static void check_patience(struct run *run)
{
	uint64_t quiet = now_ns() - run->last_ns;

	if (is_empty(run)) {
		run->last_ns = now_ns();
		return;
	}
	if (run->o.lossy && quiet >= STALL_NS) {
		forget(run);
		run->last_ns = now_ns();
		return;
	}
	if (quiet < PROGRESS_PATIENCE_S * NSEC_PER_SEC)
		return;
	for (uint32_t d = 0; d < run->n_dirs; d++)
		for (uint32_t i = 0; i < run->o.n_flows; i++) {
			const struct flow *flow = &run->dirs[d].flows[i];

			if (flow->first == flow->next)
				continue;
			printf("%s to %s, port %u: lost: %u packets on their "
			       "way, %llu of %llu bytes arrived\n",
			       run->dirs[d].from->name, run->dirs[d].to->name,
			       flow->model.dport, flow->next - flow->first,
			       (unsigned long long)flow->got,
			       (unsigned long long)flow->sent);
		}
	exit(EXIT_FAILED);
}

/* One more pair of each guest, or only one again. */
static void change_pairs(struct run *run)
{
	int err = 0;

	for (uint32_t i = 0; i < run->n_ends; i++) {
		struct end *end = &run->ends[i];
		uint32_t n = end->n_active % end->n_pairs + 1;

		for (uint32_t p = 0; end->kind && p < end->n_pairs; p++) {
			err |= front_enable_ring(&end->front, 2 * p, p < n);
			err |= front_enable_ring(&end->front, 2 * p + 1, p < n);
		}
		if (err)
			wrong(run, end, "cannot change the number of pairs");
		end->n_active = n;
	}
}

static bool has_sent_all(struct run *run, uint64_t end_ns)
{
	if (stop_requested || (end_ns && now_ns() >= end_ns))
		return true;
	return run->o.packets && run->n_sent >= run->o.packets;
}

static void one_round(struct run *run, bool may_send)
{
	bool any = may_send && send_some(run);

	for (uint32_t i = 0; i < run->n_ends; i++)
		if (!is_lazy(run, &run->ends[i]))
			any |= receive_some(run, &run->ends[i]);
	for (uint32_t i = 0; i < run->n_ends && !any; i++)
		if (is_lazy(run, &run->ends[i]))
			any |= receive_some(run, &run->ends[i]);
	if (run->progress) {
		progress_set(&run->progress->sent, (uint32_t)run->n_sent);
		progress_set(&run->progress->arrived, (uint32_t)run->n_arrived);
	}
	if (any)
		return;
	end_wait(run->ends, run->n_ends, run->o.lazy ? 2 : 50);
	reconnect(run);
	check_patience(run);
}

/* ---- dirty logging ---- */

/* What a guest's memory was before, where the agent writes. */
struct memory {
	uint8_t *buffers[END_MAX_PAIRS];
	uint8_t *used[END_MAX_PAIRS * 2];
};

static size_t used_size(const struct front_ring *ring)
{
	return 4 + 8ul * ring->num;
}

static void *copy_of(const void *mem, size_t size)
{
	void *copy = malloc(size);

	if (!copy)
		die("no memory");
	return memcpy(copy, mem, size);
}

static void remember(const struct end *end, struct memory *m)
{
	for (uint32_t p = 0; p < end->n_pairs; p++) {
		const struct front_net *net = &end->nets[p];

		m->buffers[p] = copy_of(net->rx_mem,
					(size_t)net->rx_size * net->rx->num);
		m->used[2 * p] = copy_of(net->rx->used, used_size(net->rx));
		m->used[2 * p + 1] = copy_of(net->tx->used, used_size(net->tx));
	}
}

/* Each byte that has changed has to be in a page that is marked. How many. */
static size_t check_marks(struct run *run, const struct end *end,
			  const uint8_t *now, uint8_t *before, size_t size)
{
	uint64_t gpa = front_gpa(&end->front, now);
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		if (now[i] == before[i])
			continue;
		n++;
		if (!front_log_test(&end->front, gpa + i))
			wrong(run, end, "written, not logged: 0x%llx",
			      (unsigned long long)(gpa + i));
	}
	free(before);
	return n;
}

static void compare(struct run *run, const struct end *end, struct memory *m)
{
	size_t n = 0;

	for (uint32_t p = 0; p < end->n_pairs; p++) {
		const struct front_net *net = &end->nets[p];

		n += check_marks(run, end, (uint8_t *)net->rx_mem,
				 m->buffers[p],
				 (size_t)net->rx_size * net->rx->num);
		n += check_marks(run, end, (uint8_t *)net->rx->used,
				 m->used[2 * p], used_size(net->rx));
		n += check_marks(run, end, (uint8_t *)net->tx->used,
				 m->used[2 * p + 1], used_size(net->tx));
	}
	if (!n)
		wrong(run, end, "nothing was written");
}

static void drain(struct run *run)
{
	while (!is_empty(run))
		one_round(run, false);
	for (uint32_t i = 0; i < run->n_ends; i++)
		if (!end_is_whole(&run->ends[i]))
			exit(EXIT_FAILED);
}

static void run_packets(struct run *run, uint64_t packets)
{
	uint64_t end = run->n_arrived + packets;

	while (run->n_arrived < end)
		one_round(run, true);
}

static void set_logs(struct run *run, bool on)
{
	int err;

	for (uint32_t i = 0; i < run->n_ends; i++) {
		struct front *front = &run->ends[i].front;

		if (!run->ends[i].kind)
			continue;
		err = on ? front_log_start(front) : front_log_stop(front);
		if (err)
			wrong(run, &run->ends[i], "log: %s", strerror(-err));
	}
}

/* Logs come and go while packets flow; what is written meanwhile is marked. */
static void run_logged(struct run *run)
{
	static struct memory before[MAX_ENDS];

	run_packets(run, 1000);
	set_logs(run, true);
	for (uint32_t i = 0; i < run->n_ends; i++)
		if (run->ends[i].kind)
			remember(&run->ends[i], &before[i]);
	run_packets(run, 1000);
	drain(run);
	for (uint32_t i = 0; i < run->n_ends; i++)
		if (run->ends[i].kind)
			compare(run, &run->ends[i], &before[i]);
	run_packets(run, 1000);
	set_logs(run, false);
	run_packets(run, 1000);
}

/* The rings go from one session to another, by GET and SET_VRING_BASE. */
static void hand_over(struct run *run)
{
	drain(run);
	for (uint32_t i = 0; i < run->n_ends; i++) {
		struct end *end = &run->ends[i];
		int err;

		if (!end->kind)
			continue;
		err = front_stop(&end->front);
		for (uint32_t r = 0; r < end->front.n_rings && !err; r++)
			if (end->front.rings[r].base !=
			    end->front.rings[r].used->idx)
				wrong(run, end, "ring %u: base %u, used %u", r,
				      end->front.rings[r].base,
				      end->front.rings[r].used->idx);
		if (err)
			wrong(run, end, "stop: %s", strerror(-err));
		front_hang_up(&end->front);
		end_connect(end);
		run->n_restarts++;
	}
	/* What comes before the agent has its ports up again gets lost. */
	run->o.lossy = true;
	run_packets(run, 1000);
}

static void run_all(struct run *run)
{
	uint64_t end_ns = run->o.seconds > 0
				  ? now_ns() + (uint64_t)(run->o.seconds * 1e9)
				  : 0;
	uint64_t next = run->o.toggle;

	run->last_ns = now_ns();
	if (run->o.log)
		run_logged(run);
	while (!has_sent_all(run, end_ns)) {
		one_round(run, true);
		if (!run->o.toggle || run->n_sent < next)
			continue;
		drain(run);
		change_pairs(run);
		next = run->n_sent + run->o.toggle;
	}
	if (run->o.handover)
		hand_over(run);
	drain(run);
}

/* ---- setting up ---- */

static void print_usage(void)
{
	puts("guests --end KEY=VALUE,... --end ... --flow A:B ... [options]\n"
	     "Traffic between ends A and B, both ways, every byte checked.\n"
	     "  --end            name=, mac=, and of a guest: socket=,\n"
	     "                   mode=client|server (the agent's), pairs=,\n"
	     "                   ring=, manner=qemu|virtio-user,\n"
	     "                   kind=full|big|csum|plain|bare: what its driver\n"
	     "                   accepts; of a device: netns=PATH, dev=\n"
	     "  --flow A:B       between these two, up to 8 times\n"
	     "  --flows N        of TCP and UDP, for each direction (4)\n"
	     "  --seconds N      how long; or\n"
	     "  --packets N      how many; or until SIGTERM\n"
	     "  --window N       packets of the wire's size that may be on their\n"
	     "                   way in each direction (128); of what a device\n"
	     "                   sends, 256 at most\n"
	     "  --max N          bytes of a packet (65549)\n"
	     "  --udp            nothing but UDP\n"
	     "  --toggle N       after so many packets, change how many of their\n"
	     "                   pairs the guests use\n"
	     "  --lazy NAME      this end receives only when all else waits\n"
	     "  --log            switch dirty logs on and off first, and check\n"
	     "                   them\n"
	     "  --handover       give the rings to another session at the end\n"
	     "  --lossy          the agent may go and come again: losses are no\n"
	     "                   failure, all else is\n"
	     "  --seed N         of what is sent (1)\n"
	     "  --progress FILE  see progress.h\n"
	     "Prints \"listening\", \"ready\" when all are connected, and waits for\n"
	     "SIGUSR1 before it sends. Prints at the end what it did, as JSON. Exit code 0:\n"
	     "all that was sent arrived once, in order, and right.");
}

static struct end *find_end(struct run *run, const char *name)
{
	for (uint32_t i = 0; name && i < run->n_ends; i++)
		if (!strcmp(run->ends[i].name, name))
			return &run->ends[i];
	die("--flow: %s: no such end", name ? name : "?");
}

static void add_direction(struct run *run, struct end *from, struct end *to)
{
	if (run->n_dirs == MAX_DIRS)
		die("too many flows");
	run->dirs[run->n_dirs].from = from;
	run->dirs[run->n_dirs++].to = to;
}

static void add_flow(struct run *run, char *text)
{
	char *second = strchr(text, ':');

	if (!second)
		die("--flow: %s: expected A:B", text);
	*second++ = 0;
	add_direction(run, find_end(run, text), find_end(run, second));
	add_direction(run, find_end(run, second), find_end(run, text));
}

static void make_flow(struct run *run, uint32_t d, uint32_t i)
{
	static const uint16_t sizes[] = { 1400, 1440, 536, 1220 };
	struct direction *dir = &run->dirs[d];
	struct flow *flow = &dir->flows[i];
	bool udp = run->o.udp || i % 4 == 3;

	flow->mss = sizes[i % ARRAY_SIZE(sizes)];
	if (udp)
		flow->mss = WIRE_LEN;
	flow->in_flight = calloc(MAX_IN_FLIGHT, sizeof(*flow->in_flight));
	if (!flow->in_flight)
		die("no memory");
	flow->model = (struct segment){
		.v6 = i & 1,
		.proto = udp ? IPPROTO_UDP : IPPROTO_TCP,
		.src = (uint8_t)(1 + (dir->from - run->ends)),
		.dst = (uint8_t)(1 + (dir->to - run->ends)),
		.sport = (uint16_t)(10000 + i),
		.dport = (uint16_t)(FIRST_PORT + d * MAX_FLOWS + i),
		.seq = udp ? 0 : 0xffff0000u,
		.flags = SEGMENT_ACK,
		.n_options = i & 2 ? 12 : 0,
		.offset = (d * MAX_FLOWS + i) * 4099,
	};
	memcpy(flow->model.dmac, dir->to->mac, 6);
	memcpy(flow->model.smac, dir->from->mac, 6);
}

static const struct option long_options[] = {
	{ "end", required_argument, NULL, 'e' },
	{ "flow", required_argument, NULL, 'f' },
	{ "flows", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 's' },
	{ "packets", required_argument, NULL, 'k' },
	{ "window", required_argument, NULL, 'w' },
	{ "max", required_argument, NULL, 'M' },
	{ "udp", no_argument, NULL, 'u' },
	{ "toggle", required_argument, NULL, 't' },
	{ "lazy", required_argument, NULL, 'z' },
	{ "log", no_argument, NULL, 'l' },
	{ "handover", no_argument, NULL, 'H' },
	{ "lossy", no_argument, NULL, 'L' },
	{ "seed", required_argument, NULL, 'S' },
	{ "progress", required_argument, NULL, 'P' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void parse_option(struct run *run, int opt)
{
	struct options *o = &run->o;

	switch (opt) {
	case 'e':
		if (run->n_ends == MAX_ENDS)
			die("too many ends");
		end_parse(&run->ends[run->n_ends++], optarg);
		break;
	case 'f':
		add_flow(run, optarg);
		break;
	case 'n':
		o->n_flows =
			(uint32_t)parse_number("flows", optarg, 1, MAX_FLOWS);
		break;
	case 's':
		o->seconds = parse_seconds("seconds", optarg);
		break;
	case 'k':
		o->packets = (uint32_t)parse_number("packets", optarg, 1,
						    UINT32_MAX);
		break;
	case 'w':
		o->window = (uint32_t)parse_number("window", optarg, 1, 4096);
		break;
	case 'M':
		o->max_len =
			(uint32_t)parse_number("max", optarg, 128, MAX_LEN);
		break;
	case 't':
		o->toggle =
			(uint32_t)parse_number("toggle", optarg, 1, UINT32_MAX);
		break;
	case 'S':
		o->seed = parse_number("seed", optarg, 0, UINT32_MAX);
		break;
	case 'u':
		o->udp = true;
		break;
	case 'l':
		o->log = true;
		break;
	case 'H':
		o->handover = true;
		break;
	case 'L':
		o->lossy = true;
		break;
	case 'z':
		o->lazy = optarg;
		break;
	case 'P':
		o->progress = optarg;
		break;
	case 'h':
		print_usage();
		exit(EXIT_OK);
	default:
		exit(EXIT_USAGE);
	}
}

static void print_result(const struct run *run)
{
	printf("{\"sent\": %llu, \"arrived\": %llu, \"bytes\": %llu, "
	       "\"large\": %llu, \"lost\": %llu, \"restarts\": %llu, "
	       "\"ends\": {",
	       (unsigned long long)run->n_sent,
	       (unsigned long long)run->n_arrived,
	       (unsigned long long)run->bytes, (unsigned long long)run->n_large,
	       (unsigned long long)run->n_lost,
	       (unsigned long long)run->n_restarts);
	for (uint32_t i = 0; i < run->n_ends; i++) {
		const struct end *end = &run->ends[i];
		uint64_t kicks = 0, calls = 0;

		printf("%s\"%s\": {\"pairs\": [", i ? ", " : "", end->name);
		for (uint32_t p = 0; end->kind && p < end->n_pairs; p++) {
			printf("%s%llu", p ? ", " : "",
			       (unsigned long long)end->n_received[p]);
			kicks += end->nets[p].tx->n_kicks;
			calls += end->nets[p].rx->n_calls;
		}
		printf("], \"kicks\": %llu, \"calls\": %llu}",
		       (unsigned long long)kicks, (unsigned long long)calls);
	}
	puts("}}");
}

int main(int argc, char **argv)
{
	static struct run run = {
		.o = { .window = 128,
		       .n_flows = 4,
		       .max_len = MAX_LEN,
		       .seed = 1 },
	};
	struct sigaction start = { .sa_handler = on_start_signal };
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
		parse_option(&run, opt);
	if (!run.n_dirs || optind != argc)
		die("--end and --flow are needed; see --help");
	catch_stop_signals();
	sigaction(SIGUSR1, &start, NULL);
	segment_make_content();
	run.random = run.o.seed;
	for (uint32_t d = 0; d < run.n_dirs; d++)
		for (uint32_t i = 0; i < run.o.n_flows; i++)
			make_flow(&run, d, i);
	if (run.o.progress)
		run.progress = progress_create(run.o.progress);
	for (uint32_t i = 0; i < run.n_ends; i++)
		end_open(&run.ends[i]);
	puts("listening");
	fflush(stdout);
	for (uint32_t i = 0; i < run.n_ends; i++)
		if (run.ends[i].kind)
			end_connect(&run.ends[i]);
	puts("ready");
	fflush(stdout);
	while (!start_requested && !stop_requested)
		pause_briefly();
	run_all(&run);
	print_result(&run);
	for (uint32_t i = 0; i < run.n_ends; i++)
		end_close(&run.ends[i]);
	return EXIT_OK;
}
