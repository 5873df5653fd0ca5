/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * qosflow in a vhost-user guest: sends a flow of datagrams, receives any, or
 * both.
 *
 * It sends as its ring has room: where the agent makes the guest wait nothing is
 * lost, and at rate 0 the ring is always full. It can be slow to read, and then
 * its receiving ring fills. The time of a datagram is that at which it was read.
 */
#ifndef TOOLS_QOSGUEST_H
#define TOOLS_QOSGUEST_H

#include "ends.h"
#include "packet.h"
#include "qosrecv.h"

#define QOS_GUEST_BURST	   32
#define QOS_GUEST_BEHIND   NSEC_PER_SEC / 1000
#define QOS_GUEST_PAUSE_NS 50000

struct qos_guest {
	struct qos_options o;
	struct end end;
	struct qos_recv recv;
	struct qos_head head;
	uint8_t frame[QOS_MAX_SIZE];
	uint64_t gap_ns, due_ns;   /* sending */
	uint64_t read_ns, next_ns; /* reading; 0: at once */
	uint64_t waited;	   /* times that the ring had no room */
};

static inline void qos_guest_make_frame(struct qos_guest *g)
{
	const struct qos_options *o = &g->o;
	size_t len = o->size - ETH_HLEN - sizeof(struct iphdr);
	uint8_t *p;

	p = packet_put_eth(g->frame, o->dmac, g->end.mac, 0, ETH_P_IP);
	p = packet_put_ip4(p, o->from, o->to, IPPROTO_UDP, len);
	/* No checksum, which IPv4 allows: the content changes. */
	packet_put_udp(p, o->port, o->port, len);
	g->head = (struct qos_head){ .magic = QOS_MAGIC, .flow = o->flow };
}

/* Sends what is due. False: nothing was. */
static inline bool qos_guest_send(struct qos_guest *g, uint64_t end_ns)
{
	bool sent = false;

	for (int i = 0; i < QOS_GUEST_BURST; i++) {
		uint64_t now = now_ns();

		if (now >= end_ns || (g->gap_ns && now < g->due_ns))
			break;
		g->head.sent_ns = now;
		memcpy(g->frame + QOS_UDP_HEAD, &g->head, sizeof(g->head));
		if (end_send(&g->end, 0, NULL, g->frame, g->o.size)) {
			g->waited++;
			break;
		}
		g->head.seq++;
		sent = true;
		if (g->due_ns + QOS_GUEST_BEHIND < now)
			g->due_ns = now - QOS_GUEST_BEHIND;
		g->due_ns += g->gap_ns;
	}
	return sent;
}

/* Reads what it may. False: there was nothing. */
static inline bool qos_guest_receive(struct qos_guest *g)
{
	static uint8_t frame[END_BUF];
	struct front_net_hdr hdr;
	bool any = false;

	for (int i = 0; i < QOS_GUEST_BURST; i++) {
		uint64_t now = now_ns();
		int len;

		if (g->read_ns && now < g->next_ns)
			break;
		len = end_receive(&g->end, &hdr, frame, sizeof(frame));
		if (len == -EAGAIN)
			break;
		if (len < 0)
			die("%s: %s", g->end.name, strerror(-len));
		any = true;
		g->next_ns = (g->next_ns + QOS_GUEST_BEHIND < now
				      ? now
				      : g->next_ns) +
			     g->read_ns;
		if (len >= QOS_UDP_HEAD && frame[12] == 8 && !frame[13] &&
		    frame[23] == IPPROTO_UDP)
			qos_datagram(&g->recv, frame + QOS_UDP_HEAD,
				     (size_t)len - QOS_UDP_HEAD, now);
	}
	return any;
}

static inline void qos_guest_wait(struct qos_guest *g, uint64_t end_ns)
{
	uint64_t now = now_ns();

	/* Its own time, and not the agent, is what it waits for. */
	if (now >= end_ns || g->gap_ns || g->read_ns)
		sleep_until_ns(now + QOS_GUEST_PAUSE_NS);
	else
		end_wait(&g->end, 1, 1);
}

static inline void qos_guest_loop(struct qos_guest *g)
{
	const struct qos_options *o = &g->o;
	uint64_t start_ns = o->start_ns;

	g->due_ns = start_ns;
	while (!stop_requested && (!o->end_ns || now_ns() < o->end_ns)) {
		uint64_t end_ns = 0;
		bool busy = false;

		if (o->to.s_addr)
			end_ns = qos_turn_ends(o, start_ns, now_ns());
		if (end_ns)
			busy = qos_guest_send(g, end_ns);
		if (qos_guest_receive(g) || busy)
			continue;
		qos_guest_wait(g, end_ns);
	}
	/* What is still on its way to it. */
	for (uint64_t end_ns = now_ns() + NSEC_PER_SEC / 5;
	     !o->to.s_addr && now_ns() < end_ns;)
		if (!qos_guest_receive(g))
			qos_guest_wait(g, 0);
}

static volatile sig_atomic_t qos_start_requested;

static inline void qos_on_start_signal(int sig)
{
	(void)sig;
	qos_start_requested = 1;
}

/* Without a time to start at, at SIGUSR1. */
static inline void qos_guest_wait_for_start(struct qos_guest *g)
{
	while (!g->o.start_ns && !qos_start_requested && !stop_requested)
		sleep_until_ns(now_ns() + QOS_GUEST_PAUSE_NS);
	if (g->o.start_ns)
		return;
	g->o.start_ns = now_ns();
	if (g->o.seconds > 0)
		g->o.end_ns = g->o.start_ns + (uint64_t)(g->o.seconds * 1e9);
}

static inline int qos_guest_run(const struct qos_options *o)
{
	static struct qos_guest g;
	struct sigaction start = { .sa_handler = qos_on_start_signal };

	g.o = *o;
	sigaction(SIGUSR1, &start, NULL);
	if (o->to.s_addr)
		g.gap_ns = qos_gap_ns(o);
	if (o->read_pps)
		g.read_ns = NSEC_PER_SEC / o->read_pps;
	end_parse(&g.end, o->end);
	qos_guest_make_frame(&g);
	end_open(&g.end);
	puts("listening");
	fflush(stdout);
	end_connect(&g.end);
	puts("ready");
	fflush(stdout);
	qos_guest_wait_for_start(&g);
	g.recv.o = &g.o;
	g.recv.start_ns = g.o.start_ns;
	qos_guest_loop(&g);
	if (o->out)
		qos_write(&g.recv);
	printf("{\"flow\":%u,\"sent\":%lu,\"waited\":%lu}\n", o->flow,
	       g.head.seq, g.waited);
	end_close(&g.end);
	return EXIT_OK;
}

#endif
