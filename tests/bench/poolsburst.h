/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bursts to idle VMs: how many packets are lost, and how fast the pool grows.
 */
#ifndef BENCH_POOLSBURST_H
#define BENCH_POOLSBURST_H

#include "pools.h"
#include "poolscredit.h"
#include "poolsctl.h"

/* ---- bursts in turn ---- */

struct burst_opts {
	uint32_t burst;	    /* packets */
	uint32_t n_bursts;  /* to all VMs together */
	uint64_t period_ns; /* from one burst to the next */
};

/* Percent. */
static inline double burst_loss(uint64_t sent, uint64_t received)
{
	return sent ? 100.0 * (double)(sent - received) / (double)sent : 0;
}

static inline void burst_print(struct pools *p, const uint64_t *sent,
			       const uint64_t *before)
{
	uint64_t all = 0, received = 0;
	double worst = 0;

	for (uint32_t vm = 0; vm < p->n_vms; vm++) {
		struct guest *g = &p->guests[vm];
		double loss;

		/* What was late. */
		pools_drain(g, before[vm] + sent[vm]);
		loss = burst_loss(sent[vm], g->received - before[vm]);
		if (loss > worst)
			worst = loss;
		all += sent[vm];
		received += g->received - before[vm];
	}
	pools_print("sent", (double)all);
	pools_print("received", (double)received);
	pools_print("loss", burst_loss(all, received));
	pools_print("worst", worst);
}

/*
 * One VM after the other gets a burst as fast as the wire is. Its guest takes
 * nothing meanwhile: the thread that is the guest is the one that sends. Then
 * it takes what there is, until the next burst.
 *
 *	sent, received	packets
 *	loss		percent of all
 *	worst		percent, of the VM that lost most
 *	wire		Mpps within a burst
 *	period		ms from one burst to the next, on average
 */
static inline void burst_run(struct pools *p, const struct burst_opts *o)
{
	uint64_t sent[POOLS_MAX_VMS] = { 0 }, before[POOLS_MAX_VMS];
	volatile struct pvp_sent *wire = p->wire.sent;
	uint64_t busy_ns = 0, begin;

	pools_warm_up(p);
	for (uint32_t vm = 0; vm < p->n_vms; vm++)
		before[vm] = p->guests[vm].received;
	begin = now_ns();
	for (uint32_t i = 0; i < o->n_bursts && !stop_requested; i++) {
		uint32_t vm = i % p->n_vms;
		uint64_t start = now_ns();

		pools_address(p, vm);
		sent[vm] += wire_burst(&p->wire, p->packet, p->size, o->burst);
		busy_ns += wire->last_ns - wire->first_ns;
		while (now_ns() - start < o->period_ns)
			guest_poll(&p->guests[vm], false);
	}
	pools_print("period", (double)(now_ns() - begin) / o->n_bursts / 1e6);
	burst_print(p, sent, before);
	pools_print("wire",
		    (double)o->burst * o->n_bursts * 1e3 / (double)busy_ns);
}

/* ---- how fast a pool grows ---- */

struct growth_opts {
	const char *credit;  /* pattern of the pinned map's path */
	const char *control; /* path of the socket */
	uint32_t burst;
	uint32_t n_bursts;
	uint32_t idle; /* frames of an idle VM: pool.min */
};

#define GROWTH_STEP    64	/* frames: pools.batch's default */
#define GROWTH_CHUNK   8	/* packets between two looks */
#define GROWTH_WAIT_NS 20000000 /* a pool that has not grown by then */
#define GROWTH_IDLE_NS (20 * NSEC_PER_SEC)

/* Times of one burst, in ns after the first packet was given to the wire;
 * 0: not yet. */
struct growth {
	uint64_t first; /* until the bound was a batch above an idle pool's */
	uint64_t cover; /* until the bound covered the burst */
	uint64_t sent;	/* until the last packet was sent */
};

/* Until the pool is an idle one's again. False if it does not come to that. */
static inline bool growth_settle(struct control *control, uint32_t vm,
				 uint32_t idle)
{
	uint64_t end = now_ns() + GROWTH_IDLE_NS;

	while (control_pool_size(control, vm) > idle) {
		if (now_ns() > end || stop_requested)
			return false;
		sleep_until_ns(now_ns() + 2000000);
	}
	return true;
}

/*
 * The pool's bound is how far `end` is from @begin, where the burst began: the
 * guest has no buffer for any of it, so nothing leaves the pool, and what the
 * worker reads has only moved from one part of it to another.
 */
static inline void growth_look(const struct credit *credit, uint32_t key,
			       uint32_t begin, const struct growth_opts *o,
			       uint64_t start, struct growth *g)
{
	uint32_t bound = credit_end(credit, key) - begin;

	if (!g->first && bound >= o->idle + GROWTH_STEP)
		g->first = now_ns() - start;
	if (!g->cover && bound >= o->burst)
		g->cover = now_ns() - start;
}

static inline struct growth growth_burst(struct pools *p, uint32_t vm,
					 const struct credit *credit,
					 uint32_t key,
					 const struct growth_opts *o,
					 uint64_t *lost)
{
	struct guest *guest = &p->guests[vm];
	uint32_t begin = credit_handed(credit, key) + pools_posted(guest);
	struct growth g = { 0 };
	uint32_t sent = 0;
	uint64_t start;

	pools_address(p, vm);
	start = now_ns();
	while ((sent < o->burst || !g.cover) &&
	       now_ns() - start < GROWTH_WAIT_NS) {
		uint32_t due = o->burst - sent;

		if (due > GROWTH_CHUNK)
			due = GROWTH_CHUNK;
		sent += wire_xsk_send(&p->wire, p->packet, p->size, due, false);
		if (sent == o->burst && !g.sent)
			g.sent = now_ns() - start;
		growth_look(credit, key, begin, o, start, &g);
	}
	*lost += sent - pools_take(guest, sent);
	return g;
}

/* The key of a VM's entry: whichever counts what is sent to it. */
static inline uint32_t growth_find_key(struct pools *p, uint32_t vm,
				       const struct credit *credit)
{
	uint32_t *before = calloc(credit->n, sizeof(*before));
	uint32_t key, found = 0, most = 0;

	if (!before)
		die("no memory");
	for (key = 0; key < credit->n; key++)
		before[key] = credit_handed(credit, key);
	pools_address(p, vm);
	wire_burst(&p->wire, p->packet, p->size, 8);
	pools_take(&p->guests[vm], 8);
	for (key = 0; key < credit->n; key++) {
		uint32_t n = credit_handed(credit, key) - before[key];

		if (n > most) {
			most = n;
			found = key;
		}
	}
	free(before);
	if (!most)
		die("vm%u: no entry of vm_credit counts its packets", vm + 1);
	return found;
}

static inline void growth_print(double *first, double *cover, double *sent,
				uint32_t n)
{
	pools_print("sent_p50", pools_percentile(sent, n, 0.5) / 1e3);
	pools_print("first_p50", pools_percentile(first, n, 0.5) / 1e3);
	pools_print("first_p99", pools_percentile(first, n, 0.99) / 1e3);
	pools_print("cover_p50", pools_percentile(cover, n, 0.5) / 1e3);
	pools_print("cover_p99", pools_percentile(cover, n, 0.99) / 1e3);
}

/*
 * Bursts to idle VMs in turn, whose guests have no buffer posted, so that all
 * of it has to find room in the pool.
 *
 *	sent_p50		microseconds until the last packet was sent
 *	first_p50, first_p99	microseconds from the first packet until the
 *				pool may hold a batch more than an idle one
 *	cover_p50, cover_p99	until it may hold the burst
 *	missed			bursts that were not covered in 20 ms, which
 *				count as 20 ms
 *	restless		pools that had not shrunk again before
 *	lost			packets
 */
static inline void growth_run(struct pools *p, const struct growth_opts *o)
{
	double *first = pools_values(o->n_bursts);
	double *cover = pools_values(o->n_bursts);
	double *sent = pools_values(o->n_bursts);
	struct control control = { 0 };
	uint32_t keys[POOLS_MAX_VMS];
	uint32_t missed = 0, restless = 0;
	struct credit credit;
	uint64_t lost = 0;

	credit_open(&credit, o->credit);
	pools_warm_up(p);
	for (uint32_t vm = 0; vm < p->n_vms; vm++)
		keys[vm] = growth_find_key(p, vm, &credit);
	control_open(&control, o->control);
	for (uint32_t i = 0; i < o->n_bursts && !stop_requested; i++) {
		uint32_t vm = i % p->n_vms;
		struct growth g;

		restless += !growth_settle(&control, vm, o->idle);
		g = growth_burst(p, vm, &credit, keys[vm], o, &lost);
		missed += !g.cover;
		first[i] = (double)(g.first ? g.first : GROWTH_WAIT_NS);
		sent[i] = (double)g.sent;
		cover[i] = (double)(g.cover ? g.cover : GROWTH_WAIT_NS);
	}
	growth_print(first, cover, sent, o->n_bursts);
	pools_print("missed", missed);
	pools_print("restless", restless);
	pools_print("lost", (double)lost);
	free(first);
	free(cover);
	free(sent);
	close(control.fd);
}

#endif
