/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sender's half of the rate control between VMs: what one VM may send to
 * another one, from what the latter's host last said (rate_control.h) and how
 * long ago that is. A limiter asks for it; this is not the limiter.
 *
 *	bit/s
 *	told ────────────┐
 *	                  \     halved every 100 ms
 *	                   `-.
 *	guarantee  - - - - - -`────────────────  until it is forgotten
 *	         0        1 s   ...
 *
 * For a second a rate holds, so that lost messages do nothing. Then nobody knows
 * what the receiver can take, and the pair goes to what it may have in any case,
 * its guaranteed share: down by half every 100 ms, or, if it was told less, up
 * by twice. It stays there, and not at zero, when the receiver's host is gone.
 * The rate is a function of the time only, so it can be asked for at any time,
 * or never.
 *
 * Messages come in any order. Of one host the newest by its epoch and number
 * counts (feedback.h), and what is older is ignored. If it is another host that
 * speaks for the receiver, which has moved, its numbers say nothing of the
 * former's, and it is taken at once.
 *
 * A pair that is not congested needs nothing of this: it is made when feedback
 * comes, and may be freed when it is forgotten: pair_rate_forgotten().
 *
 * Plain memory, the caller's, without anything to free. Any thread, one at a
 * time. Rates are bit/s as rate_control.h counts them, times are ns of one
 * clock; if that goes back, the rate is the one at the last message's time.
 */
#ifndef POLICY_PAIR_RATE_H
#define POLICY_PAIR_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define PAIR_RATE_HOLD_NS   1000000000ull  /* without feedback */
#define PAIR_RATE_HALF_NS   100000000ull   /* then half, or twice, in that */
#define PAIR_RATE_FORGET_NS 10000000000ull /* without feedback and traffic */

struct pair_rate {
	uint64_t told_bps;
	uint64_t guarantee_bps; /* share of the sender's guarantee */
	uint64_t told_ns;
	uint64_t from; /* the host that told it, and its newest message */
	uint64_t epoch, seq;
};

/* When the first feedback came. @guarantee_bps, here and below: 0 is taken for
 * 1 bit/s, so that no pair ever stands still. */
void pair_rate_init(struct pair_rate *pair, uint64_t guarantee_bps,
		    uint64_t told_bps, uint64_t from, uint64_t epoch,
		    uint64_t seq, uint64_t now_ns);

/* Another message. Whether it was taken; false: it is older than one that was
 * before it. */
bool pair_rate_told(struct pair_rate *pair, uint64_t told_bps, uint64_t from,
		    uint64_t epoch, uint64_t seq, uint64_t now_ns);

/* Another share, as the VM now has more or fewer pairs, or by a reload. */
void pair_rate_guarantee(struct pair_rate *pair, uint64_t guarantee_bps);

/* What the pair may send now; never 0. */
uint64_t pair_rate_bps(const struct pair_rate *pair, uint64_t now_ns);

/* How long until that is another one if nothing is told: 0 while it moves,
 * UINT64_MAX when it has arrived. A limiter need not ask before. */
uint64_t pair_rate_steady_ns(const struct pair_rate *pair, uint64_t now_ns);

/* Whether it can be freed: nothing was told for PAIR_RATE_FORGET_NS, and nothing
 * sent, last at @sent_ns (0: never). */
bool pair_rate_forgotten(const struct pair_rate *pair, uint64_t sent_ns,
			 uint64_t now_ns);

#endif
