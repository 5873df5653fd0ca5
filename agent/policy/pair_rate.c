// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sender's half of the rate control: see pair_rate.h. */
#include "policy/pair_rate.h"

static uint64_t since(uint64_t then_ns, uint64_t now_ns)
{
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

void pair_rate_guarantee(struct pair_rate *pair, uint64_t guarantee_bps)
{
	pair->guarantee_bps = guarantee_bps ? guarantee_bps : 1;
}

static void take(struct pair_rate *pair, uint64_t told_bps, uint64_t from,
		 uint64_t epoch, uint64_t seq, uint64_t now_ns)
{
	pair->told_bps = told_bps ? told_bps : 1;
	pair->from = from;
	pair->epoch = epoch;
	pair->seq = seq;
	pair->told_ns = now_ns;
}

void pair_rate_init(struct pair_rate *pair, uint64_t guarantee_bps,
		    uint64_t told_bps, uint64_t from, uint64_t epoch,
		    uint64_t seq, uint64_t now_ns)
{
	pair_rate_guarantee(pair, guarantee_bps);
	take(pair, told_bps, from, epoch, seq, now_ns);
}

bool pair_rate_told(struct pair_rate *pair, uint64_t told_bps, uint64_t from,
		    uint64_t epoch, uint64_t seq, uint64_t now_ns)
{
	if (from == pair->from &&
	    (epoch < pair->epoch || (epoch == pair->epoch && seq <= pair->seq)))
		return false;
	take(pair, told_bps, from, epoch, seq, now_ns);
	return true;
}

/* @bps after @ns of halving, in a straight line from half to half. */
static uint64_t halved(uint64_t bps, uint64_t ns)
{
	uint64_t n = ns / PAIR_RATE_HALF_NS;

	if (n >= 64)
		return 0;
	bps >>= n;
	/* Rates are below 2^42, the rest of the time below 2^27. */
	return bps -
	       (uint64_t)((double)bps / 2 * (double)(ns % PAIR_RATE_HALF_NS) /
			  PAIR_RATE_HALF_NS);
}

static uint64_t doubled(uint64_t bps, uint64_t ns)
{
	uint64_t n = ns / PAIR_RATE_HALF_NS;

	if (n >= 63 || bps > UINT64_MAX >> (n + 1))
		return UINT64_MAX;
	bps <<= n;
	return bps + (uint64_t)((double)bps * (double)(ns % PAIR_RATE_HALF_NS) /
				PAIR_RATE_HALF_NS);
}

uint64_t pair_rate_bps(const struct pair_rate *pair, uint64_t now_ns)
{
	uint64_t silent = since(pair->told_ns, now_ns);
	uint64_t end = pair->guarantee_bps, bps;

	if (silent <= PAIR_RATE_HOLD_NS)
		return pair->told_bps;
	silent -= PAIR_RATE_HOLD_NS;
	if (pair->told_bps > end) {
		bps = halved(pair->told_bps, silent);
		return bps > end ? bps : end;
	}
	bps = doubled(pair->told_bps, silent);
	return bps < end ? bps : end;
}

uint64_t pair_rate_steady_ns(const struct pair_rate *pair, uint64_t now_ns)
{
	uint64_t silent = since(pair->told_ns, now_ns);

	if (silent > PAIR_RATE_HOLD_NS)
		return pair_rate_bps(pair, now_ns) == pair->guarantee_bps
			       ? UINT64_MAX
			       : 0;
	return pair->told_bps == pair->guarantee_bps
		       ? UINT64_MAX
		       : PAIR_RATE_HOLD_NS - silent;
}

bool pair_rate_forgotten(const struct pair_rate *pair, uint64_t sent_ns,
			 uint64_t now_ns)
{
	return since(pair->told_ns, now_ns) >= PAIR_RATE_FORGET_NS &&
	       since(sent_ns, now_ns) >= PAIR_RATE_FORGET_NS;
}
