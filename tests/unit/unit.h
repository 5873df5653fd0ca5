/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tests of the data structures share: cmocka with what it needs in
 * front of it, random numbers, threads, skipping a whole program.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"

/* Exit status for a program whose tests cannot run here: see tests/run.sh. */
#define EXIT_SKIP 77

/* Threads are slow under the sanitizers. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define UNIT_SLOW 1
#else
#define UNIT_SLOW 0
#endif

#ifdef __SANITIZE_THREAD__
/* liburcu's barriers are assembler, which the thread sanitizer does not see:
 * it takes what RCU publishes, and frees after a grace period, for races. Use
 * after free there is the address sanitizer's to find. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:switching/fdb.c\nrace:liburcu\n";
}
#endif

/* xorshift64*: every run does the same. @state is not 0. */
static inline uint64_t unit_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}

static inline uint32_t unit_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(unit_random(state) >> 32) % n;
}

/* For threads: cmocka's assertions jump to the test's own stack. */
#define unit_check(cond, ...)                                           \
	do {                                                            \
		if (!(cond)) {                                          \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
			fprintf(stderr, __VA_ARGS__);                   \
			fputc('\n', stderr);                            \
			abort();                                        \
		}                                                       \
	} while (0)

static inline pthread_t unit_start(void *(*fn)(void *arg), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
	return thread;
}

static inline void unit_join(pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* A veth pair in this namespace, not made by what is tested. 0 on success. */
static inline int unit_veth(const char *name, const char *peer)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ip link add %s type veth peer name %s", name, peer);
	return system(command);
}

#endif
