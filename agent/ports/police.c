// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a VM on a device may get or send: see police.h. */
#include <stdbool.h>

#include "base/base.h"
#include "ports/police.h"
#include "switching/rate.h"

/* More than any burst and any debt together: in the time that a rate takes for
 * so much a bucket is full, whatever its level. Twice as much fits the level. */
#define FULL	(1ull << 62)

_Static_assert(RATE_MAX_BURST * 8ull * POLICE_UNIT < FULL / 2,
	       "the largest burst");
_Static_assert(RATE_MAX_BURST_PACKETS * POLICE_UNIT < FULL / 2,
	       "and in packets");

/* Programs may see any of the new settings beside old ones: no two of them make
 * too much. */
static void set_bucket(struct police *police, int what, uint64_t rate,
		       uint64_t burst)
{
	const int64_t depth = (int64_t)(burst * POLICE_UNIT);
	const uint64_t full_ns = rate ? FULL / rate : 0;
	const bool is_new = !police->rate[what];
	uint64_t least = full_ns;

	if (police->rate[what] == rate && police->depth[what] == depth)
		return;
	if (is_new)
		__atomic_store_n(&police->level[what], depth, __ATOMIC_RELEASE);
	else if (police->full_ns[what] < least)
		least = police->full_ns[what];
	__atomic_store_n(&police->full_ns[what], least, __ATOMIC_RELEASE);
	__atomic_store_n(&police->depth[what], depth, __ATOMIC_RELEASE);
	__atomic_store_n(&police->rate[what], rate, __ATOMIC_RELEASE);
	__atomic_store_n(&police->full_ns[what], full_ns, __ATOMIC_RELEASE);
	/* A smaller burst is cut at once. */
	police_add(police, what, 0);
}

void police_set(struct police *police, const struct config_rate *rate,
		uint64_t now_ns)
{
	/* What came so far came at the old rate. */
	police_fill(police, now_ns);
	set_bucket(police, POLICE_BITS, rate->max, rate->burst * 8ull);
	set_bucket(police, POLICE_PACKETS, rate->max_packets,
		   rate->burst_packets);
}
