/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a VM on a device may get and send: token buckets in bits and in packets,
 * shared by the programs on all CPUs and the agent's workers.
 *
 * The arithmetic is that of agent/switching/rate.h: levels in billionths of a
 * bit or packet, so that rate (units a second) times time (ns) is exact and
 * nothing drifts. A packet passes while no level is below 0, whatever its
 * length, and takes the bucket below 0 by what is missing.
 *
 * No lock. Who moves at_ns on adds what came in that time, and so all of it is
 * added by somebody exactly once; adding stops at the depth in the same atomic
 * step; taking is one addition. What is not one step is to look and to take: CPUs
 * that look at the same moment all pass. Debts are kept, therefore over any time
 * t no more passes than
 *
 *	rate * t + burst + one packet of each CPU
 *
 * bpf_spin_lock would be exact to one packet, and was measured beside it, by test
 * runs less an empty program's: 85 to 90 ns a packet and 105 with a second CPU on
 * the same bucket, here 46 and 52 to 80, of which 32 are the clock's. And a map
 * that has a lock cannot be mapped: what the agent sends to the VM (floods, what
 * came from guests) could not take from the same bucket.
 *
 * Thread-safety: police_take() anywhere at once; the settings below are the
 * control thread's to write (agent/ports/police.h).
 */
#ifndef PKTAGENT_POLICE_H
#define PKTAGENT_POLICE_H

#include <linux/types.h>

#include <pktagent/limits.h>

#define POLICE_UNIT		1000000000ull	/* a bit, or a packet */
/* More tries to add than CPUs that take at the same moment. */
#define POLICE_MAX_TRIES	8

enum police_what { POLICE_BITS, POLICE_PACKETS, POLICE_N };

struct police {
	/* moved by each packet */
	__u64 at_ns;			/* CLOCK_MONOTONIC: filled up to */
	__s64 level[POLICE_N];		/* billionths */
	__u64 pad[5];
	/* settings, on a cache line that nobody dirties */
	__u64 rate[POLICE_N];		/* units a second; 0: no limit */
	__s64 depth[POLICE_N];		/* billionths: the burst */
	__u64 full_ns[POLICE_N];	/* in this time it fills from any debt */
	__u64 pad2[2];
};
_Static_assert(sizeof(struct police) == 128, "police: two cache lines");

/* What others write: clang has no atomic loads for BPF, whose loads are. */
#ifdef __bpf__
#define police_read(x)	(*(const volatile __typeof__(x) *)&(x))
#else
#define police_read(x)	__atomic_load_n(&(x), __ATOMIC_RELAXED)
#endif

/* Entries of the map: slot * POLICE_N_WAYS + way. */
enum police_way { POLICE_IN, POLICE_OUT, POLICE_N_WAYS };

static inline __attribute__((always_inline)) void
police_add(struct police *p, int what, __u64 ns)
{
	const __u64 rate = police_read(p->rate[what]);
	const __s64 depth = police_read(p->depth[what]);
	const __u64 full_ns = police_read(p->full_ns[what]);
	__s64 more, level, next;

	if (!rate)
		return;
	more = (__s64)(rate * (ns < full_ns ? ns : full_ns));
	for (int i = 0; i < POLICE_MAX_TRIES; i++) {
		level = police_read(p->level[what]);
		next = level + more;
		if (next > depth)
			next = depth;
		if (next == level ||
		    __sync_bool_compare_and_swap(&p->level[what], level, next))
			return;
	}
	/* Others take all the time; the next to add cuts what is too much. */
	__sync_fetch_and_add(&p->level[what], more);
}

/* What came until @now_ns. A clock that goes back means that no time passed. */
static inline __attribute__((always_inline)) void police_fill(struct police *p,
							      __u64 now_ns)
{
	const __u64 at_ns = police_read(p->at_ns);

	if ((__s64)(now_ns - at_ns) <= 0 ||
	    !__sync_bool_compare_and_swap(&p->at_ns, at_ns, now_ns))
		return;
	police_add(p, POLICE_BITS, now_ns - at_ns);
	police_add(p, POLICE_PACKETS, now_ns - at_ns);
}

static inline __attribute__((always_inline)) int
police_is_open(const struct police *p, int what)
{
	return !police_read(p->rate[what]) || police_read(p->level[what]) >= 0;
}

/* Whether a frame of @len bytes may pass at @now_ns; if so, it has. Its share of
 * the wire (PKT_WIRE_BYTES) is counted besides. */
static inline __attribute__((always_inline)) int
police_take(struct police *p, __u64 now_ns, __u32 len)
{
	const __s64 bits = (__s64)(len + PKT_WIRE_BYTES) * 8;

	police_fill(p, now_ns);
	if (!police_is_open(p, POLICE_BITS) ||
	    !police_is_open(p, POLICE_PACKETS))
		return 0;
	if (police_read(p->rate[POLICE_BITS]))
		__sync_fetch_and_add(&p->level[POLICE_BITS],
				     -bits * (__s64)POLICE_UNIT);
	if (police_read(p->rate[POLICE_PACKETS]))
		__sync_fetch_and_add(&p->level[POLICE_PACKETS],
				     -(__s64)POLICE_UNIT);
	return 1;
}

#endif
