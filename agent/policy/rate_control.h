/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The receiver's half of the rate control between VMs: what a receiving VM
 * tells each of those that send to it. The other half is pair_rate.h; how it is
 * told is feedback.h.
 *
 * Two levels, the same law on both. The link's share S is what a VM of weight 1
 * may receive by the link, and moves once a millisecond; the VM's rate R is
 * what each source may send to it, and moves every 200 us:
 *
 *	S <- S * (1 - a * (y - C) / C)	C = 90 % of the link
 *	R <- R * (1 - a * (y - C) / C)	C = w * S, at least the guarantee, and
 *					not more than the guest takes
 *
 * with y what arrived, a = 0.25. The factor is never less than 1/2.
 *
 * What is told is in force a round later, so that each round sees what the one
 * before the last had told: e <- e - a * e' of small deviations e, e' the one
 * before. a = 1/4 is where that does not swing (double root 1/2). It stays
 * stable with up to five rounds of delay.
 *
 * Far from its place (by over 5 % of C) the law alone is slow: a link that is
 * full never shows more than y = C / 0.9, whatever is sent, so that going down
 * to a third takes 40 rounds, and going up to three times as much 14. But what
 * one round has measured says more, whatever the delay: the fair share is
 *
 *	at least C / n, of n sources; and
 *	at least (C - what the small ones bring) / n of the others
 *
 * where small is what brings less than an eighth of R. If y is too high, R goes
 * down to the larger of these at once; if too low, up to it. If y is too low
 * with R above that, some do not want their share, and those that do get what
 * is left, (C - what the former bring) / n of the latter, in steps of 1 + a at
 * most. Rounds after any such step only see what was before it, so three of them
 * take no step of the law. Near its place, where measurements are noise for the
 * most part, there is the law only, which also finds the place for sources that
 * send somewhat more or less than they are told.
 *
 * When more was sent than fits, it waits in a buffer before the link, and y stays
 * too high for as long as that takes to get empty, whatever is sent by then. So
 * for 6 ms the law does not get R below 80 % of the fair share, and S not below
 * all of it: with that a buffer of a millisecond is empty in 4, and nobody starves
 * for it.
 *
 * A VM is a source of the link's, by its rate over its weight. What comes for
 * VMs whose capacity is not w * S is taken off C first; S does not go over what
 * they have by their guarantee without a share for them. Of a link's round the
 * first two fifths, in which S is not in force yet, are not measured.
 *
 * A source counts for as long as four of its packets take at the rate it is
 * told, and its rate is averaged over that. A round lasts as long as eight
 * packets take at the VM's capacity, or two of each source; that is more than
 * 200 us below 480 Mbit/s, or 120 Mbit/s for each source. Otherwise a few
 * packets more or less would be all that is measured.
 *
 * A guest that is too slow is congestion, too. While its ring is over half full,
 * its capacity is the rate at which it takes packets, less the more the ring is
 * over half; below half, that limit grows, up to twice a round, until it is none.
 *
 * Floors, so that a rate can be found out again from whatever there was: a VM's
 * capacity is at least a tenth of its guarantee, and R at least that over the
 * number of its sources. (Not a tenth each, with which eleven sources
 * would be too many.)
 *
 * Numbers are double: rates go over six orders of magnitude, and products over
 * twelve, which integers would need 128 bits for at every step. Nothing here is
 * the sum of many roundings. Inputs are integers, so that none is NaN, and every
 * rate is kept between RATE_LEAST_BPS and RATE_MOST_BPS.
 *
 * Sources: RCP: Dukkipati and McKeown, Why flow-completion time is the right
 * metric for congestion control, CCR 2006. Two levels, 90 %, 200 us:
 * Jeyakumar et al., EyeQ: practical network performance isolation at the edge,
 * NSDI 2013. The fair share from loads and counts: Kalyanaraman et al., The
 * ERICA switch algorithm for ABR traffic management, ToN 2000. Slow guests:
 * Kumar et al., PicNIC: predictable virtualized NIC, SIGCOMM 2019.
 *
 * All structures are the caller's, plain memory without anything to free. All
 * rates are bit/s of frames as the pairs' limiters count them; all counters are
 * bytes since ever, and one that goes back counts as 0; all times are ns of
 * one clock that should not go back. If it does, that round is left out.
 *
 * Any thread, one at a time for a link and what is on it.
 */
#ifndef POLICY_RATE_CONTROL_H
#define POLICY_RATE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_VM_INTERVAL_NS   200000ull
#define RATE_LINK_INTERVAL_NS 1000000ull
#define RATE_GAIN	      0.25
#define RATE_LEAST_BPS	      1000.0 /* what a message can say */
#define RATE_MOST_BPS	      4e12   /* in 32 bits of kbit/s */

/* What a round has seen of those that share something. */
struct rate_load {
	double n_all;	     /* of them; or their weights */
	double n_large;	     /* with an eighth or more of what they may have */
	double small;	     /* bit/s of the others */
	double n_limited;    /* with most of what they may have */
	double unlimited;    /* bit/s of the others */
	double fixed;	     /* bit/s of those that the rate is not meant for */
	double n_guaranteed; /* weights of those with more by a guarantee */
	double guaranteed;   /* bit/s of all these */
	double least_guarantee; /* by weight */
	double largest;		/* rate of the largest, by weight; bit/s */
};

/* What the law remembers of a rate. */
struct rate_law {
	double bps;
	uint32_t hold; /* rounds without a step of the law */
	double over;   /* seconds for which y has been too high */
};

/* What a VM's capacity is. */
enum rate_limit {
	RATE_BY_SHARE,	   /* w * S */
	RATE_BY_GUARANTEE, /* more than that */
	RATE_BY_MAX,	   /* less than both: its maximum */
	RATE_BY_GUEST,	   /* less than all: what the guest takes */
};

/* An uplink, in its receiving direction. */
struct rate_link {
	double capacity_bps; /* C */
	double gain;
	struct rate_law share; /* S */
	uint64_t last_ns;      /* the last round; 0: none */
	uint64_t window_ns;    /* since when it is measured */
	uint64_t rx_bytes;     /* as of then */
};

/* A VM that receives by it. */
struct rate_vm {
	/* settings */
	double weight;
	double guarantee_bps; /* 0: none */
	double max_bps;	      /* 0: none */

	/* state */
	struct rate_law rate; /* R: rate.bps is what its sources are told */
	double capacity_bps;  /* C of the last round */
	enum rate_limit limit;
	double drained_bps; /* by the guest, averaged */
	double guest_bps;   /* limit for a slow guest; INFINITY: none */
	uint32_t n_sources; /* that were active in the last round */
	bool begun;	    /* the counters are known */
	uint64_t last_ns;   /* the last round; 0: none */
	uint64_t rx_bytes;  /* now */
	/* then */
	uint64_t round_bytes, local_bytes, drained_bytes;
	uint64_t window_bytes; /* rx_bytes as of the link's window_ns */
};

/* A source of a VM: another VM, behind the link. Starts as zeros. */
struct rate_source {
	double bps; /* measured */
	uint64_t rx_bytes;
	uint64_t seen_ns; /* when it last had sent something; 0: never */
};

/* A VM's round, while it is put together: on the stack. */
struct rate_round {
	struct rate_vm *vm;
	uint64_t now_ns;
	double elapsed; /* seconds since the round before */
	struct rate_load load;
	uint32_t n_sources;
};

/* What is measured of a VM in a round, besides its sources. */
struct rate_vm_measure {
	uint64_t local_bytes;	/* delivered to it from VMs of this host */
	uint64_t drained_bytes; /* taken by the guest, both kinds */
	uint32_t ring_used;	/* packets that wait for the guest now */
	uint32_t ring_size;	/* 0: not known; no guest is slow then */
};

/*
 * Sets up @link, which has @link_bps; or sets another rate or gain later, with
 * the state kept as far as it fits. 0; -EINVAL: @link_bps is not in
 * RATE_LEAST_BPS..RATE_MOST_BPS, or @gain not in (0, 1): @link is as before.
 */
int rate_link_init(struct rate_link *link, uint64_t link_bps, double gain);
int rate_link_set(struct rate_link *link, uint64_t link_bps, double gain);

/*
 * Sets up @vm on @link; or sets others later. Guarantees of all VMs should not
 * be more than 90 % of the link. 0; -EINVAL: @weight is 0, a rate more than
 * RATE_MOST_BPS, or @max_bps (0: none) less than @guarantee_bps: @vm is as
 * before.
 */
int rate_vm_init(struct rate_vm *vm, const struct rate_link *link,
		 uint32_t weight, uint64_t guarantee_bps, uint64_t max_bps);
int rate_vm_set(struct rate_vm *vm, uint32_t weight, uint64_t guarantee_bps,
		uint64_t max_bps);

/*
 * A round of @vm, to be begun every RATE_VM_INTERVAL_NS: whether one is due
 * (with slow VMs it is not each time; the first only notes the time). If so:
 * rate_round_source() for each source there ever was, and rate_vm_update(). If
 * not, counters go on and nothing is lost. @rx_bytes: what has arrived for it by
 * the link, dropped here or not.
 */
bool rate_round_begin(struct rate_round *round, struct rate_vm *vm,
		      uint64_t rx_bytes, uint64_t now_ns);

/* @rx_bytes: what came from @source, at all. Whether it is active, and is to be
 * told the rate that comes out. */
bool rate_round_source(struct rate_round *round, struct rate_source *source,
		       uint64_t rx_bytes);

/*
 * Whether @source has begun to send since it was last looked at, or again after
 * it was silent. Before a round is due, such a source should be told what the
 * others were, vm->rate.bps: nothing else limits it, and rounds may be long.
 */
bool rate_source_is_new(const struct rate_source *source, uint64_t rx_bytes);

/* Ends the round. Returns what to tell each active source: bit/s,
 * RATE_LEAST_BPS..RATE_MOST_BPS. */
double rate_vm_update(struct rate_round *round, const struct rate_link *link,
		      const struct rate_vm_measure *measure);

/*
 * A round of @link, to be called whenever those of its VMs have been (every
 * RATE_VM_INTERVAL_NS); S moves every RATE_LINK_INTERVAL_NS. @vms are all that receive by it; @rx_bytes is all it has
 * received, for them or not. Returns the share of a VM of weight 1 in bit/s.
 */
double rate_link_update(struct rate_link *link, struct rate_vm *const *vms,
			size_t n_vms, uint64_t rx_bytes, uint64_t now_ns);

#endif
