// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The receiver's half of the rate control: see rate_control.h. */
#include <errno.h>
#include <math.h>

#include "base/base.h"
#include "policy/rate_control.h"

/* Of the link, what is shared: the rest is for bursts, and for seeing that it
 * is enough. */
#define LINK_USE 0.9

/* Nearer than that, of C, is near. */
#define NEAR 0.05

#define LEAST_FACTOR 0.5

/* In which a step is on its way: the rounds until it is in force, and more. */
#define HOLD_ROUNDS 3

/* Of the fair share, what is left while buffers before the link get empty; and
 * for how long that may be the reason for what arrives. */
#define LINK_DRAIN    1.0
#define VM_DRAIN      0.8
#define DRAIN_SECONDS 6e-3
#define DRAIN_ROUNDS  8

/* Less than that, of what it may have, and a source does not count. */
#define SMALL 0.125

/* And with more than that, it is limited by that. */
#define FULL 0.75

/* Of the guarantee, and of the smallest share that all would have. */
#define FLOOR 0.1

/* How fast the average of what a guest takes follows: of a round, the part. */
#define DRAIN_PART 0.25

/* From there the limit of a guest that had stopped grows again. */
#define LEAST_OF_SHARE (1.0 / 64)

/* A round that comes so early, of its interval, is in time: timers do. */
#define EARLY 0.875

/* Of a link's round, the part in which what S has made is not seen yet. */
#define LINK_BLIND (0.4 * EARLY)

#define VM_SECONDS   ((double)RATE_VM_INTERVAL_NS / NS_PER_SEC)
#define LINK_SECONDS ((double)RATE_LINK_INTERVAL_NS / NS_PER_SEC)

/* What a round, of a source in it, and a source's average hold at least. */
#define PACKET_BITS    12000.0
#define ROUND_PACKETS  8
#define EACH_PACKETS   2
#define LINK_PACKETS   64
#define SOURCE_PACKETS 4
/* Less than pair_rate.h holds a rate for, by far. */
#define MOST_SECONDS 0.2

/* Not fmin() and fmax(), which would be calls: nothing here is NaN. */
static double smaller(double a, double b)
{
	return a < b ? a : b;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/* @most wins. */
static double clamp(double value, double least, double most)
{
	return smaller(larger(value, least), most);
}

/* ---- the law ---- */

/* One that has @bps, and may have @allowed by its @weight. */
static void add_load(struct rate_load *load, double bps, double weight,
		     double allowed)
{
	load->largest = larger(load->largest, bps / weight);
	if (bps <= 0)
		return;
	load->n_all += weight;
	if (bps < SMALL * weight * allowed)
		load->small += bps;
	else
		load->n_large += weight;
	if (bps < FULL * weight * allowed)
		load->unlimited += bps;
	else
		load->n_limited += weight;
}

/*
 * The fair share of what @left there is for those that the rate limits. Those
 * with a guarantee that is more than their share take that first; if the share
 * comes out higher than a guarantee, it is for them, too, so it goes up to the
 * least of these, or to what it is for all of them.
 */
static double fair_share(const struct rate_load *load, double left)
{
	double fair = INFINITY, all;

	if (load->n_all > 0)
		fair = left / larger(load->n_all, 1);
	if (load->n_large > 0)
		fair = larger(fair, (left - load->small) / load->n_large);
	if (load->n_guaranteed > 0) {
		all = (left + load->guaranteed - load->small) /
		      (load->n_large + load->n_guaranteed);
		fair = smaller(fair, larger(all, load->least_guarantee));
	}
	return fair;
}

/* Moves @law once; @y and @capacity in bit/s, @elapsed in seconds; @drain is how
 * much of the fair share is left while a buffer gets empty. */
static void law_move(struct rate_law *law, double gain, double y,
		     double capacity, const struct rate_load *load,
		     double elapsed, double drain)
{
	double off = (y - capacity) / capacity;
	double fixed = load->fixed + load->guaranteed;
	double left = larger(capacity - fixed, 0);
	double fair = fair_share(load, left);
	double next = law->bps, bound;

	if (off <= NEAR)
		law->over = 0;
	if (!law->hold || fabs(off) <= NEAR)
		next *= larger(1 - gain * off, LEAST_FACTOR);
	bound = next;
	if (off > NEAR) {
		if (load->n_all > 0 && !(load->n_large > 0) && y > fixed)
			fair = smaller(fair,
				       load->largest * left / (y - fixed));
		bound = smaller(next, fair);
		law->over += elapsed;
		if (law->over < larger(DRAIN_SECONDS, DRAIN_ROUNDS * elapsed))
			bound = larger(bound,
				       smaller((1 - gain * NEAR) * law->bps,
					       drain * fair));
	} else if (off < -NEAR && fair < INFINITY) {
		bound = larger(next, fair);
		if (load->n_limited > 0 && !law->hold)
			bound = larger(bound, smaller((left - load->unlimited) /
							      load->n_limited,
						      law->bps * (1 + gain)));
	}
	/* Not again while it is on its way, or sources that send more than they
	 * are told would be told the same for ever. */
	if (law->hold)
		law->hold--;
	else if (bound < next || bound > next)
		law->hold = HOLD_ROUNDS;
	law->bps = bound;
}

/* ---- rounds ---- */

/* Seconds that @n packets take at @bps, @least at least. */
static double packets_take(uint32_t n, double bps, double least)
{
	return clamp(n * PACKET_BITS / bps, least, MOST_SECONDS);
}

/* Seconds from @since, which is not later. */
static double seconds_from(uint64_t since, uint64_t now_ns)
{
	return (double)(now_ns - since) / NS_PER_SEC;
}

/* What was counted since @before, which becomes @now, in bits. */
static double take_bits(uint64_t *before, uint64_t now)
{
	uint64_t bytes = now > *before ? now - *before : 0;

	*before = now;
	return 8.0 * (double)bytes;
}

/* ---- the link ---- */

int rate_link_set(struct rate_link *link, uint64_t link_bps, double gain)
{
	if ((double)link_bps < RATE_LEAST_BPS ||
	    (double)link_bps > RATE_MOST_BPS || !(gain > 0 && gain < 1))
		return -EINVAL;
	link->capacity_bps = LINK_USE * (double)link_bps;
	link->gain = gain;
	link->share.bps = smaller(link->share.bps, link->capacity_bps);
	return 0;
}

int rate_link_init(struct rate_link *link, uint64_t link_bps, double gain)
{
	struct rate_link new = { .share.bps = RATE_MOST_BPS };
	int err = rate_link_set(&new, link_bps, gain);

	if (!err)
		*link = new;
	return err;
}

/* Begins to measure. */
static void begin_window(struct rate_link *link, struct rate_vm *const *vms,
			 size_t n_vms, uint64_t rx_bytes, uint64_t now_ns)
{
	for (size_t i = 0; i < n_vms; i++)
		vms[i]->window_bytes = vms[i]->rx_bytes;
	link->rx_bytes = rx_bytes;
	link->window_ns = now_ns;
}

static void add_guaranteed(struct rate_load *load, double bps,
			   const struct rate_vm *vm)
{
	double least = vm->guarantee_bps / vm->weight;

	load->guaranteed += bps;
	if (bps < SMALL * vm->guarantee_bps)
		return;
	if (!(load->n_guaranteed > 0) || least < load->least_guarantee)
		load->least_guarantee = least;
	load->n_guaranteed += vm->weight;
}

static void move_share(struct rate_link *link, struct rate_vm *const *vms,
		       size_t n_vms, uint64_t rx_bytes, double elapsed)
{
	double y = take_bits(&link->rx_bytes, rx_bytes) / elapsed;
	struct rate_load load = { 0 };
	double weights = 0;

	for (size_t i = 0; i < n_vms; i++) {
		struct rate_vm *vm = vms[i];
		double bps =
			take_bits(&vm->window_bytes, vm->rx_bytes) / elapsed;

		weights += vm->weight;
		if (vm->limit == RATE_BY_SHARE)
			add_load(&load, bps, vm->weight, link->share.bps);
		else if (vm->limit == RATE_BY_GUARANTEE)
			add_guaranteed(&load, bps, vm);
		else
			load.fixed += bps;
	}
	law_move(&link->share, link->gain, y, link->capacity_bps, &load,
		 elapsed, LINK_DRAIN);
	link->share.bps = clamp(link->share.bps,
				FLOOR * link->capacity_bps / larger(weights, 1),
				link->capacity_bps);
}

double rate_link_update(struct rate_link *link, struct rate_vm *const *vms,
			size_t n_vms, uint64_t rx_bytes, uint64_t now_ns)
{
	double interval =
		packets_take(LINK_PACKETS, link->capacity_bps, LINK_SECONDS);
	double since = 0;

	if (link->last_ns && now_ns >= link->last_ns &&
	    now_ns >= link->window_ns) {
		since = seconds_from(link->last_ns, now_ns);
		if (since < interval * EARLY) {
			/* What is seen from now on is what S has made. */
			if (link->window_ns == link->last_ns &&
			    since >= interval * LINK_BLIND)
				begin_window(link, vms, n_vms, rx_bytes,
					     now_ns);
			return link->share.bps;
		}
		move_share(link, vms, n_vms, rx_bytes,
			   seconds_from(link->window_ns, now_ns));
	}
	link->last_ns = now_ns ? now_ns : 1;
	begin_window(link, vms, n_vms, rx_bytes, link->last_ns);
	return link->share.bps;
}

/* ---- a VM ---- */

int rate_vm_set(struct rate_vm *vm, uint32_t weight, uint64_t guarantee_bps,
		uint64_t max_bps)
{
	if (!weight || (double)guarantee_bps > RATE_MOST_BPS ||
	    (double)max_bps > RATE_MOST_BPS ||
	    (max_bps && max_bps < guarantee_bps))
		return -EINVAL;
	vm->weight = weight;
	vm->guarantee_bps = (double)guarantee_bps;
	vm->max_bps = (double)max_bps;
	return 0;
}

int rate_vm_init(struct rate_vm *vm, const struct rate_link *link,
		 uint32_t weight, uint64_t guarantee_bps, uint64_t max_bps)
{
	struct rate_vm new = { .rate.bps = link->capacity_bps,
			       .capacity_bps = link->capacity_bps,
			       .guest_bps = INFINITY };
	int err = rate_vm_set(&new, weight, guarantee_bps, max_bps);

	if (!err)
		*vm = new;
	return err;
}

bool rate_round_begin(struct rate_round *round, struct rate_vm *vm,
		      uint64_t rx_bytes, uint64_t now_ns)
{
	double interval = packets_take(max_u32(ROUND_PACKETS,
					       EACH_PACKETS * vm->n_sources),
				       vm->capacity_bps, VM_SECONDS);

	*round = (struct rate_round){ .vm = vm, .now_ns = now_ns };
	vm->rx_bytes = rx_bytes;
	if (vm->last_ns && now_ns >= vm->last_ns) {
		round->elapsed = seconds_from(vm->last_ns, now_ns);
		if (round->elapsed < interval * EARLY)
			return false;
	}
	vm->last_ns = now_ns ? now_ns : 1;
	return round->elapsed > 0;
}

bool rate_round_source(struct rate_round *round, struct rate_source *source,
		       uint64_t rx_bytes)
{
	double window = packets_take(SOURCE_PACKETS, round->vm->rate.bps,
				     round->elapsed);
	double bps = take_bits(&source->rx_bytes, rx_bytes) / round->elapsed;
	double part = smaller(round->elapsed / window, 1);
	uint64_t now = round->now_ns;

	if (bps > 0) {
		/* What it was before it was silent is no part of its average. */
		if (!source->seen_ns)
			source->bps = bps;
		source->seen_ns = now;
	}
	source->bps += (bps - source->bps) * part;
	if (!source->seen_ns || now < source->seen_ns ||
	    (bps == 0 && seconds_from(source->seen_ns, now) >= window)) {
		source->seen_ns = 0;
		source->bps = 0;
		return false;
	}
	round->n_sources++;
	add_load(&round->load, source->bps, 1, round->vm->rate.bps);
	/* Rather too much, as a bound from above. */
	round->load.largest = larger(round->load.largest, bps);
	return true;
}

bool rate_source_is_new(const struct rate_source *source, uint64_t rx_bytes)
{
	return !source->seen_ns && rx_bytes > source->rx_bytes;
}

/*
 * The limit for a guest that has taken @drained bit/s and may have @share of the
 * link. At half full it is what it takes: fuller, less of it, so that the ring
 * gets emptier; emptier, what it was and more, up to twice.
 */
static void limit_guest(struct rate_vm *vm, double gain, double drained,
			double share, const struct rate_vm_measure *measure)
{
	double over = -1;

	vm->drained_bps += (drained - vm->drained_bps) * DRAIN_PART;
	if (measure->ring_size)
		over = smaller(2.0 * measure->ring_used / measure->ring_size,
			       2) -
		       1;
	if (over > 0)
		vm->guest_bps = vm->drained_bps * (1 - gain * over);
	else
		vm->guest_bps = larger(vm->guest_bps, share * LEAST_OF_SHARE) *
				(1 - over);
	if (vm->guest_bps > RATE_MOST_BPS)
		vm->guest_bps = INFINITY;
}

/* Sets what @vm may receive by the link, besides @local bit/s. */
static void set_capacity(struct rate_vm *vm, const struct rate_link *link,
			 double share, double local)
{
	double floor = larger(FLOOR * vm->guarantee_bps, RATE_LEAST_BPS);
	double most = vm->max_bps > 0 ? vm->max_bps - local : INFINITY;
	double guest = vm->guest_bps - local;

	vm->limit = RATE_BY_SHARE;
	if (vm->guarantee_bps > vm->weight * link->share.bps)
		vm->limit = RATE_BY_GUARANTEE;
	if (most < share)
		vm->limit = RATE_BY_MAX;
	if (guest < smaller(share, most))
		vm->limit = RATE_BY_GUEST;
	vm->capacity_bps = clamp(smaller(share, smaller(most, guest)), floor,
				 link->capacity_bps);
}

double rate_vm_update(struct rate_round *round, const struct rate_link *link,
		      const struct rate_vm_measure *measure)
{
	struct rate_vm *vm = round->vm;
	double y = take_bits(&vm->round_bytes, vm->rx_bytes) / round->elapsed;
	double local = take_bits(&vm->local_bytes, measure->local_bytes) /
		       round->elapsed;
	double drained = take_bits(&vm->drained_bytes, measure->drained_bytes) /
			 round->elapsed;
	double share = clamp(vm->weight * link->share.bps, vm->guarantee_bps,
			     link->capacity_bps);
	double floor = FLOOR * vm->guarantee_bps;

	if (!vm->begun) {
		/* Of what was before the first round the time is not known. */
		vm->begun = true;
		vm->window_bytes = vm->rx_bytes;
		return vm->rate.bps;
	}
	limit_guest(vm, link->gain, drained, share, measure);
	set_capacity(vm, link, share, local);
	law_move(&vm->rate, link->gain, y, vm->capacity_bps, &round->load,
		 round->elapsed, VM_DRAIN);
	vm->n_sources = round->n_sources;
	floor = larger(floor / max_u32(vm->n_sources, 1), RATE_LEAST_BPS);
	vm->rate.bps = clamp(vm->rate.bps, floor, vm->capacity_bps);
	return vm->rate.bps;
}
