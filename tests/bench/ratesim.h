/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Many hosts in simulated time, whose VMs send to each other, controlled by the
 * very code of the agent: policy/rate_control.c where it is received, and
 * policy/pair_rate.c where it is sent.
 *
 *	VM -- pair's limiter -- host's link -- [ fabric ] -- buffer -- link -- VM
 *
 * Time goes in rounds of 200 us. In each, a flow sends whole packets, as many
 * as its limiter and its host's link let it, which all flows of a host share in
 * proportion; the fabric has room for all; before each host's link there is a
 * buffer, which flows leave in proportion to what they have in it, and what does
 * not fit is lost (and sent again if the flow has an end). What a receiver tells
 * is in force in the round after the next one, unless it is lost; there is one
 * message a round and active source, of as many as the link's cap allows.
 *
 * A flow nobody has limited yet is at full speed (SIM_BLAST), or begins with ten
 * packets a round and doubles that, as TCP does.
 */
#ifndef BENCH_RATESIM_H
#define BENCH_RATESIM_H

#include <math.h>

#include "../tools/common.h"
#include "policy/feedback.h"
#include "policy/pair_rate.h"
#include "policy/rate_control.h"

#define SIM_PACKET  12000.0 /* bits */
#define SIM_SECONDS 200e-6
#define SIM_NS	    RATE_VM_INTERVAL_NS
#define SIM_BEGIN   10.0 /* packets a round, of a flow that begins slowly */
#define SIM_NONE    UINT32_MAX

struct sim_flow {
	uint32_t src_vm, dst_vm;
	bool used, on, blast;
	bool waiting;	       /* to be told something */
	bool limited;	       /* it has heard something */
	uint64_t told_round;   /* 0: never */
	double left;	       /* bits to be sent; INFINITY */
	double begins;	       /* bit/s, if it is not limited yet */
	double rate;	       /* bit/s in this round */
	double credit;	       /* bits less than a packet */
	double waits;	       /* bits in the buffer */
	double got;	       /* bits that have arrived */
	uint32_t told_kbps[2]; /* by round; 0: not told */
	struct pair_rate pair;
	struct rate_source source;
	uint32_t next; /* of the same receiving VM */
};

struct sim_vm {
	struct rate_vm state;
	uint32_t flows;		  /* that send to it */
	uint32_t n_out;		  /* flows that it sends */
	double got, before, rate; /* bits, and bit/s in this round */
};

struct sim_host {
	struct rate_link link;
	double out, in; /* bit/s and bits in this round */
	double part, lost;
	double queue; /* bits in the buffer at the round's end */
	double got;   /* bits */
	double sent;  /* to it, bit/s in this round */
	double rate;  /* what it got, bit/s in this round */
};

struct sim_opts {
	uint32_t hosts, vms; /* per host */
	double link_bps, buffer_bits;
	double cap;  /* of a link, for messages */
	double loss; /* of messages */
	bool control;
	uint64_t seed;
};

struct sim {
	struct sim_opts opts;
	struct sim_host *hosts;
	struct sim_vm *vms; /* of all hosts */
	struct sim_flow *flows;
	uint32_t n_flows, max_flows, free_flows;
	uint32_t *active; /* sources of a host, room for all */
	uint64_t round, seed;
	double sent, lost; /* bits */
	uint64_t n_messages, n_rounds, n_sources, law_ns;
	/* A flow has ended: if the caller wants to begin another. */
	void (*ended)(struct sim *sim, uint32_t src_vm);
};

static inline uint32_t sim_below(struct sim *sim, uint32_t n)
{
	return (uint32_t)(random_next(&sim->seed) % n);
}

/* 0 <= it < 1 */
static inline double sim_fraction(struct sim *sim)
{
	return (double)(random_next(&sim->seed) >> 11) / 0x20000000000000;
}

static inline void *sim_alloc(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (!memory)
		die("out of memory");
	return memory;
}

static inline uint32_t sim_n_vms(const struct sim *sim)
{
	return sim->opts.hosts * sim->opts.vms;
}

static inline struct sim_host *sim_host_of(struct sim *sim, uint32_t vm)
{
	return &sim->hosts[vm / sim->opts.vms];
}

/* All VMs have weight 1, and as much of 90 % of the link guaranteed. */
static inline void sim_init(struct sim *sim, const struct sim_opts *opts,
			    uint32_t max_flows)
{
	uint64_t guarantee =
		(uint64_t)(0.9 * opts->link_bps / (double)opts->vms);

	*sim = (struct sim){ .opts = *opts, .max_flows = max_flows };
	sim->seed = opts->seed;
	sim->free_flows = SIM_NONE;
	sim->hosts = sim_alloc(opts->hosts, sizeof(*sim->hosts));
	sim->vms = sim_alloc(sim_n_vms(sim), sizeof(*sim->vms));
	sim->flows = sim_alloc(max_flows, sizeof(*sim->flows));
	sim->active = sim_alloc(max_flows, sizeof(*sim->active));
	for (uint32_t h = 0; h < opts->hosts; h++)
		if (rate_link_init(&sim->hosts[h].link,
				   (uint64_t)opts->link_bps, RATE_GAIN))
			die("the link's speed is out of range");
	for (uint32_t v = 0; v < sim_n_vms(sim); v++) {
		sim->vms[v].flows = SIM_NONE;
		if (rate_vm_init(&sim->vms[v].state, &sim_host_of(sim, v)->link,
				 1, guarantee, 0))
			die("the link's speed is out of range");
	}
}

static inline void sim_done(struct sim *sim)
{
	free(sim->hosts);
	free(sim->vms);
	free(sim->flows);
	free(sim->active);
}

/* Begins a flow of @bits. Returns its number, good until it has ended. */
static inline uint32_t sim_flow(struct sim *sim, uint32_t src_vm,
				uint32_t dst_vm, double bits, bool blast)
{
	uint32_t i = sim->free_flows;
	struct sim_flow *flow;

	if (i != SIM_NONE) {
		sim->free_flows = sim->flows[i].next;
	} else {
		if (sim->n_flows == sim->max_flows)
			die("too many flows");
		i = sim->n_flows++;
	}
	flow = &sim->flows[i];
	*flow = (struct sim_flow){
		.src_vm = src_vm,
		.dst_vm = dst_vm,
		.used = true,
		.on = true,
		.blast = blast,
		.left = bits,
		.begins = SIM_BEGIN * SIM_PACKET / SIM_SECONDS,
		.credit = sim_fraction(sim) * SIM_PACKET,
		.next = sim->vms[dst_vm].flows,
	};
	sim->vms[dst_vm].flows = i;
	sim->vms[src_vm].n_out++;
	return i;
}

/* No more is sent. */
static inline void sim_stop(struct sim *sim, uint32_t flow)
{
	sim->flows[flow].on = false;
	sim->vms[sim->flows[flow].src_vm].n_out--;
}

static inline uint64_t sim_now(const struct sim *sim)
{
	return NSEC_PER_SEC + sim->round * SIM_NS;
}

/* ---- sending ---- */

/* What was told two rounds ago arrives. */
static inline void sim_hear(struct sim *sim, struct sim_flow *flow)
{
	uint32_t kbps = flow->told_kbps[sim->round % 2];
	struct sim_vm *src = &sim->vms[flow->src_vm];
	uint64_t from = flow->dst_vm / sim->opts.vms + 1;
	uint64_t share;

	if (!kbps)
		return;
	flow->told_kbps[sim->round % 2] = 0;
	share = (uint64_t)src->state.guarantee_bps /
		(src->n_out ? src->n_out : 1);
	if (flow->limited) {
		pair_rate_guarantee(&flow->pair, share);
		pair_rate_told(&flow->pair, kbps * 1000ull, from, 1, sim->round,
			       sim_now(sim));
	} else {
		pair_rate_init(&flow->pair, share, kbps * 1000ull, from, 1,
			       sim->round, sim_now(sim));
		flow->limited = true;
	}
}

static inline void sim_want(struct sim *sim, struct sim_flow *flow)
{
	double rate = sim->opts.link_bps;

	sim_hear(sim, flow);
	flow->rate = 0;
	if (!flow->on)
		return;
	if (flow->limited) {
		rate = fmin(rate,
			    (double)pair_rate_bps(&flow->pair, sim_now(sim)));
	} else if (!flow->blast) {
		rate = fmin(rate, flow->begins);
		flow->begins = fmin(2 * flow->begins, sim->opts.link_bps);
	}
	flow->rate = fmin(rate, flow->left / SIM_SECONDS);
	sim_host_of(sim, flow->src_vm)->out += flow->rate;
}

static inline void sim_send(struct sim *sim, struct sim_flow *flow)
{
	double out = sim_host_of(sim, flow->src_vm)->out;
	double bits = flow->rate;

	if (!flow->on)
		return;
	if (out > sim->opts.link_bps)
		bits *= sim->opts.link_bps / out;
	flow->credit += bits * SIM_SECONDS;
	bits = floor(flow->credit / SIM_PACKET) * SIM_PACKET;
	if (flow->left <= SIM_PACKET)
		bits = flow->left; /* its last one */
	flow->credit = fmax(flow->credit - bits, 0);
	flow->left -= bits;
	flow->waits += bits;
	sim->sent += bits;
	sim_host_of(sim, flow->dst_vm)->in += bits;
}

/* ---- receiving ---- */

static inline void sim_host_receive(struct sim *sim, struct sim_host *host)
{
	double room = sim->opts.link_bps * SIM_SECONDS;
	double waits = host->queue + host->in;
	double taken = fmin(waits, room);

	host->part = waits > 0 ? taken / waits : 0;
	host->lost = 0;
	host->queue = waits - taken;
	if (host->queue > sim->opts.buffer_bits) {
		host->lost = 1 - sim->opts.buffer_bits / host->queue;
		host->queue = sim->opts.buffer_bits;
	}
	host->sent = host->in / SIM_SECONDS;
	host->rate = taken / SIM_SECONDS;
	host->got += taken;
	host->out = host->in = 0;
}

static inline void sim_flow_receive(struct sim *sim, struct sim_flow *flow)
{
	struct sim_host *host = sim_host_of(sim, flow->dst_vm);
	double taken = flow->waits * host->part, lost;

	if (flow->waits > 0) {
		flow->waits -= taken;
		lost = flow->waits * host->lost;
		flow->waits -= lost;
		flow->left += lost;
		sim->lost += lost;
		flow->got += taken;
		sim->vms[flow->dst_vm].got += taken;
	}
	/* Less than a byte is nothing. */
	if (flow->on && flow->left + flow->waits < 8) {
		uint32_t src = flow->src_vm;

		sim_stop(sim, (uint32_t)(flow - sim->flows));
		if (sim->ended)
			sim->ended(sim, src);
	}
}

/* ---- control ---- */

/* Between two rounds of @vm: those that are new, and those that still wait. */
static inline uint32_t sim_vm_new(struct sim *sim, const struct sim_vm *vm,
				  uint32_t n)
{
	for (uint32_t i = vm->flows; i != SIM_NONE; i = sim->flows[i].next) {
		struct sim_flow *flow = &sim->flows[i];

		if (!flow->told_round &&
		    rate_source_is_new(&flow->source,
				       (uint64_t)(flow->got / 8)))
			flow->waiting = true;
		if (flow->waiting)
			sim->active[n++] = i;
	}
	return n;
}

/* Sources of @vm that are to be told something go to sim->active; those that have ended and
 * are not any more are freed. */
static inline uint32_t sim_vm_round(struct sim *sim, struct sim_vm *vm,
				    struct rate_link *link, uint32_t n)
{
	struct rate_vm_measure measure = { .drained_bytes =
						   (uint64_t)(vm->got / 8) };
	uint64_t rx_bytes = (uint64_t)(vm->got / 8);
	uint32_t *at = &vm->flows;
	struct rate_round round;

	if (!rate_round_begin(&round, &vm->state, rx_bytes, sim_now(sim)))
		return sim_vm_new(sim, vm, n);
	while (*at != SIM_NONE) {
		struct sim_flow *flow = &sim->flows[*at];
		uint32_t i = *at;

		sim->n_sources++;
		if (rate_round_source(&round, &flow->source,
				      (uint64_t)(flow->got / 8))) {
			flow->waiting = true;
			sim->active[n++] = i;
		} else if (!flow->on && flow->waits < 8) {
			*at = flow->next;
			flow->used = false;
			flow->next = sim->free_flows;
			sim->free_flows = i;
			continue;
		}
		at = &flow->next;
	}
	rate_vm_update(&round, link, &measure);
	sim->n_rounds++;
	return n;
}

static inline void sim_message(struct sim *sim, struct sim_flow *flow)
{
	double kbps = sim->vms[flow->dst_vm].state.rate.bps / 1000;

	sim->n_messages++;
	flow->told_round = sim->round;
	flow->waiting = false;
	if (!(sim->opts.loss > 0 && sim_fraction(sim) < sim->opts.loss))
		flow->told_kbps[sim->round % 2] = (uint32_t)kbps;
}

#define SIM_AGES 64

/* How long ago it was told something, in rounds. */
static inline uint32_t sim_age(const struct sim *sim,
			       const struct sim_flow *flow)
{
	uint64_t age = sim->round - flow->told_round;

	return flow->told_round && age < SIM_AGES ? (uint32_t)age
						  : SIM_AGES - 1;
}

/* Of the @n that wait for it, those that were told longest ago. */
static inline void sim_tell(struct sim *sim, uint32_t n)
{
	uint32_t left = feedback_per_round((uint64_t)sim->opts.link_bps,
					   (uint32_t)(1000 * sim->opts.cap),
					   SIM_NS);
	uint32_t count[SIM_AGES] = { 0 }, age = SIM_AGES - 1;
	uint32_t of_age;

	for (uint32_t i = 0; i < n; i++)
		count[sim_age(sim, &sim->flows[sim->active[i]])]++;
	for (of_age = left; age > 0 && count[age] <= of_age; age--)
		of_age -= count[age];
	/* All that are older than @age, and @of_age of that. */
	for (uint32_t i = 0; i < n; i++) {
		struct sim_flow *flow = &sim->flows[sim->active[i]];
		uint32_t its = sim_age(sim, flow);

		if (its > age)
			sim_message(sim, flow);
		else if (its == age && of_age) {
			sim_message(sim, flow);
			of_age--;
		}
	}
}

static inline void sim_control(struct sim *sim)
{
	struct rate_vm *states[256];
	uint64_t start = now_ns();

	for (uint32_t h = 0; h < sim->opts.hosts; h++) {
		struct sim_host *host = &sim->hosts[h];
		struct sim_vm *vms = &sim->vms[h * sim->opts.vms];
		uint32_t n = 0;

		for (uint32_t v = 0; v < sim->opts.vms; v++) {
			n = sim_vm_round(sim, &vms[v], &host->link, n);
			states[v] = &vms[v].state;
		}
		rate_link_update(&host->link, states, sim->opts.vms,
				 (uint64_t)(host->got / 8), sim_now(sim));
		sim_tell(sim, n);
	}
	sim->law_ns += now_ns() - start;
}

static inline void sim_round(struct sim *sim)
{
	sim->round++;
	for (uint32_t i = 0; i < sim->n_flows; i++)
		if (sim->flows[i].used)
			sim_want(sim, &sim->flows[i]);
	for (uint32_t i = 0; i < sim->n_flows; i++)
		if (sim->flows[i].used)
			sim_send(sim, &sim->flows[i]);
	for (uint32_t h = 0; h < sim->opts.hosts; h++)
		sim_host_receive(sim, &sim->hosts[h]);
	for (uint32_t i = 0; i < sim->n_flows; i++)
		if (sim->flows[i].used)
			sim_flow_receive(sim, &sim->flows[i]);
	for (uint32_t v = 0; v < sim_n_vms(sim); v++) {
		struct sim_vm *vm = &sim->vms[v];

		vm->rate = (vm->got - vm->before) / SIM_SECONDS;
		vm->before = vm->got;
	}
	if (sim->opts.control)
		sim_control(sim);
}

#endif
