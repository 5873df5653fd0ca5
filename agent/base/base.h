/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every file may use: sizes of arrays, clocks, cleanup of locals.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define CACHE_LINE	64
#define CACHE_ALIGNED	__attribute__((aligned(CACHE_LINE)))

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define min_u32(a, b)	((uint32_t)(a) < (uint32_t)(b) ? (uint32_t)(a) \
						       : (uint32_t)(b))
#define max_u32(a, b)	((uint32_t)(a) > (uint32_t)(b) ? (uint32_t)(a) \
						       : (uint32_t)(b))

#define NS_PER_SEC	1000000000ull
#define NS_PER_MS	1000000ull
#define NS_PER_US	1000ull

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* CLOCK_MONOTONIC: the clock of bpf_ktime_get_ns(). */
static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* The smallest power of two that is at least @n; @n at most 2^31. */
static inline uint32_t round_up_pow2(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

/* The largest power of two that is at most @n; 0 for 0. */
static inline uint32_t round_down_pow2(uint32_t n)
{
	return n ? 1u << (31 - __builtin_clz(n)) : 0;
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_free_	__attribute__((cleanup(cleanup_free)))
#define _cleanup_close_	__attribute__((cleanup(cleanup_close)))

#endif
