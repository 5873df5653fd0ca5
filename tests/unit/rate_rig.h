/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A link into a host, VMs behind it, and sources that send to them as fast as
 * they were told some rounds ago, in simulated time. What does not fit through
 * the link and into the buffer before it is lost, from each in proportion.
 */
#ifndef TESTS_UNIT_RATE_RIG_H
#define TESTS_UNIT_RATE_RIG_H

#include <math.h>

#include "policy/rate_control.h"
#include "unit.h"

#define RIG_VMS	    4
#define RIG_SOURCES 48 /* of a VM */
#define RIG_DELAY   8  /* rounds of feedback that may be on the way */
#define GBIT	    1e9

struct rig_source {
	double demand;	/* bit/s; 0: silent, INFINITY: all it may */
	double exceeds; /* times what it is told */
	double waits;	/* bits before the link */
	double arrived; /* bits behind it; of whole packets, bytes */
	uint64_t bytes; /* arrived */
	struct rate_source state;
};

struct rig_vm {
	struct rig_source sources[RIG_SOURCES];
	double told[RIG_DELAY]; /* by round */
	double guest_bps;	/* what the guest takes; INFINITY: all */
	double ring;		/* bits that wait for it */
	double got;		/* bit/s in this round, all sources */
	uint64_t rx_bytes;
	struct rate_vm_measure measure;
	struct rate_vm state;
};

struct rig {
	double link_bps;
	uint32_t delay; /* rounds until what is told is in force, besides */
	double ring_bits;
	double buffer_bits; /* before the link */
	double packet;	    /* bits; 0: fluid */
	uint32_t n_vms;
	struct rig_vm vms[RIG_VMS];
	struct rate_link link;
	uint64_t rx_bytes;
	uint64_t now, round;
};

/* One VM of weight 1 without a guarantee. */
static inline void rig_init(struct rig *rig, double link_bps, uint32_t delay)
{
	*rig = (struct rig){
		.link_bps = link_bps,
		.delay = delay,
		.ring_bits = 1024 * 12000.0,
		.now = 1000000000,
	};
	assert_int_equal(
		rate_link_init(&rig->link, (uint64_t)link_bps, RATE_GAIN), 0);
}

static inline struct rig_vm *rig_add(struct rig *rig, uint32_t weight,
				     double guarantee, double max)
{
	struct rig_vm *vm = &rig->vms[rig->n_vms++];

	vm->guest_bps = INFINITY;
	assert_int_equal(rate_vm_init(&vm->state, &rig->link, weight,
				      (uint64_t)guarantee, (uint64_t)max),
			 0);
	for (uint32_t i = 0; i < RIG_DELAY; i++)
		vm->told[i] = vm->state.rate.bps;
	for (uint32_t i = 0; i < RIG_SOURCES; i++)
		vm->sources[i].exceeds = 1;
	return vm;
}

/* The first @n send all they may, the others nothing. */
static inline void rig_senders(struct rig_vm *vm, uint32_t n)
{
	for (uint32_t i = 0; i < RIG_SOURCES; i++)
		vm->sources[i].demand = i < n ? INFINITY : 0;
}

static inline double rig_sent(struct rig *rig, const struct rig_source *source,
			      double told)
{
	/* Nobody has a faster link. */
	return fmin(fmin(source->demand, told * source->exceeds),
		    rig->link_bps);
}

/* @part of what waits gets through; what does not fit behind that is lost. */
static inline void rig_arrive(struct rig *rig, struct rig_source *s,
			      double part, double lost)
{
	double packet = rig->packet > 0 ? rig->packet : 8;

	s->arrived += s->waits * part;
	s->waits -= s->waits * part;
	s->waits -= s->waits * lost;
	s->bytes = (uint64_t)(floor(s->arrived / packet) * packet / 8);
}

static inline void rig_deliver(struct rig *rig, struct rig_vm *vm, double part,
			       double lost, double seconds)
{
	double room = rig->ring_bits, taken;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < RIG_SOURCES; i++) {
		rig_arrive(rig, &vm->sources[i], part, lost);
		bytes += vm->sources[i].bytes;
	}
	vm->got = (double)(bytes - vm->rx_bytes) * 8 / seconds;
	rig->rx_bytes += bytes - vm->rx_bytes;
	vm->rx_bytes = bytes;
	vm->ring = fmin(vm->ring + vm->got * seconds, room);
	taken = fmin(vm->ring, vm->guest_bps * seconds);
	vm->ring -= taken;
	vm->measure.drained_bytes += (uint64_t)(taken / 8);
	vm->measure.ring_size = 1024;
	vm->measure.ring_used = (uint32_t)(1024 * vm->ring / room);
}

static inline void rig_told(struct rig *rig, struct rig_vm *vm)
{
	struct rate_round round;
	double rate;

	if (rate_round_begin(&round, &vm->state, vm->rx_bytes, rig->now)) {
		for (uint32_t i = 0; i < RIG_SOURCES; i++)
			rate_round_source(&round, &vm->sources[i].state,
					  vm->sources[i].bytes);
		rate = rate_vm_update(&round, &rig->link, &vm->measure);
		assert_true(isfinite(rate) && rate >= RATE_LEAST_BPS);
	}
	vm->told[rig->round % RIG_DELAY] = vm->state.rate.bps;
}

static inline void rig_round_of(struct rig *rig, uint64_t ns)
{
	double seconds = (double)ns / 1e9, sum = 0, part = 1, lost = 1;
	struct rate_vm *states[RIG_VMS];

	rig->now += ns;
	rig->round++;
	for (uint32_t i = 0; i < rig->n_vms; i++) {
		struct rig_vm *vm = &rig->vms[i];
		/* Told in round r, in force in r + 1 + delay. */
		double told =
			vm->told[(rig->round + RIG_DELAY - 1 - rig->delay) %
				 RIG_DELAY];

		for (uint32_t j = 0; j < RIG_SOURCES; j++) {
			vm->sources[j].waits +=
				rig_sent(rig, &vm->sources[j], told) * seconds;
			sum += vm->sources[j].waits;
		}
	}
	if (sum > rig->link_bps * seconds) {
		part = rig->link_bps * seconds / sum;
		sum -= rig->link_bps * seconds;
		if (sum > rig->buffer_bits)
			lost = 1 - rig->buffer_bits / sum;
		else
			lost = 0;
	}
	for (uint32_t i = 0; i < rig->n_vms; i++) {
		rig_deliver(rig, &rig->vms[i], part, lost, seconds);
		rig_told(rig, &rig->vms[i]);
		states[i] = &rig->vms[i].state;
	}
	rate_link_update(&rig->link, states, rig->n_vms, rig->rx_bytes,
			 rig->now);
}

static inline void rig_round(struct rig *rig)
{
	rig_round_of(rig, RATE_VM_INTERVAL_NS);
}

static inline void rig_run(struct rig *rig, uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds; i++)
		rig_round(rig);
}

static inline bool rig_near(double value, double want)
{
	return fabs(value - want) <= 0.05 * want;
}

/*
 * Runs @rounds; returns how many of them it took until what @vm gets was within
 * 5 % of @want for good, and @rounds if it was not. Those of the rate and of
 * its delay are among them.
 */
static inline uint32_t rig_settle(struct rig *rig, const struct rig_vm *vm,
				  double want, uint32_t rounds)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= rounds; i++) {
		rig_round(rig);
		if (!rig_near(vm->got, want))
			n = i;
	}
	return n;
}

#endif
