/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rates: token buckets in bits and in packets.
 *
 * Theory. A bucket counts in billionths of its unit (a bit, a packet): in one
 * nanosecond a rate of r a second brings exactly r of them. So there is no
 * rounding, neither at 1 kbit/s nor at 1 Tbit/s, and no division but where one
 * asks when a bucket opens. A bucket is open while its level is not below 0,
 * and a packet takes all that it costs: the level may end up one packet's cost
 * below 0. Therefore over any time t no more passes than
 *
 *	rate * t + burst + one packet
 *
 * whatever the packet's length; a burst of 0 is one packet at a time.
 *
 * Who is late must not lose what came meanwhile, or the rate would be too low by
 * how late the thread runs: while something waits, the bucket may hold what
 * comes in @late_ns more than its burst. While nothing waits, the burst is all.
 *
 * Time is an argument: nanoseconds of a clock that does not go back (what does
 * is taken for "no time has passed"). Not thread-safe: one owner.
 */
#ifndef SWITCHING_RATE_H
#define SWITCHING_RATE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

#define RATE_MAX_BITS		1000000000000ull	/* a second */
#define RATE_MAX_PACKETS	1000000000ull
#define RATE_MAX_BURST		(256u << 20)		/* bytes */
#define RATE_MAX_BURST_PACKETS	(1u << 20)
/* Together with the above: 64 bits hold it. */
#define RATE_MAX_LATE_NS	(5 * NS_PER_MS)

#define RATE_NEVER		UINT64_MAX

/* As it is asked for. */
struct rate {
	uint64_t bits;			/* a second; 0: no limit */
	uint64_t packets;		/* a second; 0: no limit */
	uint32_t burst;			/* bytes */
	uint32_t burst_packets;
};

struct rate_bucket {
	uint64_t rate;			/* units a second; 0: no limit */
	int64_t level;			/* 1e-9 units */
	int64_t depth;			/* 1e-9 units: the burst */
};

/* Both, and the time that they are filled up to. */
struct rate_limit {
	struct rate_bucket bits, packets;
	uint64_t at_ns;
};

/* Whether all of it is in the ranges above. */
static inline bool rate_is_valid(const struct rate *rate)
{
	return rate->bits <= RATE_MAX_BITS &&
	       rate->packets <= RATE_MAX_PACKETS &&
	       rate->burst <= RATE_MAX_BURST &&
	       rate->burst_packets <= RATE_MAX_BURST_PACKETS;
}

static inline bool rate_is_none(const struct rate *rate)
{
	return !rate->bits && !rate->packets;
}

static inline void rate_bucket_fill(struct rate_bucket *bucket, uint64_t ns,
				    uint64_t late_ns)
{
	unsigned __int128 more = (unsigned __int128)bucket->rate * ns;
	int64_t most = bucket->depth + (int64_t)(bucket->rate * late_ns);

	if (bucket->level >= most || more >= (uint64_t)(most - bucket->level))
		bucket->level = most;
	else
		bucket->level += (int64_t)more;
}

/* What came until @now_ns. @late_ns: 0 while nothing waits for it, at most
 * RATE_MAX_LATE_NS. */
static inline void rate_limit_fill(struct rate_limit *limit, uint64_t now_ns,
				   uint64_t late_ns)
{
	uint64_t ns = now_ns > limit->at_ns ? now_ns - limit->at_ns : 0;

	if (limit->bits.rate)
		rate_bucket_fill(&limit->bits, ns, late_ns);
	if (limit->packets.rate)
		rate_bucket_fill(&limit->packets, ns, late_ns);
	limit->at_ns += ns;
}

static inline void rate_bucket_set(struct rate_bucket *bucket, uint64_t rate,
				   uint64_t burst, uint64_t late_ns)
{
	/* What was without limit begins with its burst. */
	bool is_new = !bucket->rate;

	bucket->rate = rate;
	bucket->depth = (int64_t)(burst * NS_PER_SEC);
	if (is_new)
		bucket->level = bucket->depth;
	rate_bucket_fill(bucket, 0, late_ns);
}

/* From @now_ns on it is @rate, which is valid. Debts are kept, in bits and in
 * packets: at a new rate they take another time. @limit: zeroed, or set
 * before. */
static inline void rate_limit_set(struct rate_limit *limit,
				  const struct rate *rate, uint64_t now_ns,
				  uint64_t late_ns)
{
	rate_limit_fill(limit, now_ns, late_ns);
	rate_bucket_set(&limit->bits, rate->bits, rate->burst * 8ull, late_ns);
	rate_bucket_set(&limit->packets, rate->packets, rate->burst_packets,
			late_ns);
}

/* Packets of @bytes together pass, @n of them. */
static inline void rate_limit_take_n(struct rate_limit *limit, uint32_t bytes,
				     uint32_t n)
{
	if (limit->bits.rate)
		limit->bits.level -= (int64_t)(bytes * (8 * NS_PER_SEC));
	if (limit->packets.rate)
		limit->packets.level -= (int64_t)(n * NS_PER_SEC);
}

/* A packet of @len bytes passes. */
static inline void rate_limit_take(struct rate_limit *limit, uint32_t len)
{
	rate_limit_take_n(limit, len, 1);
}

/* Whether a packet may pass. */
static inline bool rate_limit_is_open(const struct rate_limit *limit)
{
	/* The level of what has no limit is 0 or its old burst. */
	return (limit->bits.level >= 0 || !limit->bits.rate) &&
	       (limit->packets.level >= 0 || !limit->packets.rate);
}

static inline uint64_t rate_bucket_opens_in(const struct rate_bucket *bucket)
{
	if (bucket->level >= 0 || !bucket->rate)
		return 0;
	return ((uint64_t)-bucket->level - 1) / bucket->rate + 1;
}

/* When it opens, in ns; its own time if it is open. */
static inline uint64_t rate_limit_opens_at(const struct rate_limit *limit)
{
	uint64_t bits = rate_bucket_opens_in(&limit->bits);
	uint64_t packets = rate_bucket_opens_in(&limit->packets);

	return limit->at_ns + (bits > packets ? bits : packets);
}

#endif
