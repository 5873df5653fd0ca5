/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the test tools and the benchmark programs share: ending with a message,
 * reading options, time, pacing, a random sequence that is the same
 * everywhere. All static inline: each program is one file.
 */
#ifndef TOOLS_COMMON_H
#define TOOLS_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC  1000000000ull
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Exit codes of every tool. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1, /* ran, and the result is not what was asked */
	EXIT_USAGE = 2,	 /* options or environment: nothing was tried */
};

/* Prints "PROGRAM: message" and ends the program with EXIT_USAGE. What the
 * program made in the kernel goes with its descriptors. */
static inline void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_USAGE);
}

/* ---- signals ---- */

static volatile sig_atomic_t stop_requested;

static inline void on_stop_signal(int sig)
{
	(void)sig;
	stop_requested = 1;
}

/* SIGINT and SIGTERM set stop_requested and interrupt system calls. */
static inline void catch_stop_signals(void)
{
	struct sigaction sa = { .sa_handler = on_stop_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* ---- time ---- */

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Returns early when a signal arrives. */
static inline void sleep_until_ns(uint64_t when_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(when_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(when_ns % NSEC_PER_SEC),
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* Waits until packet number @sent of a run that started at @start_ns is due
 * at @rate packets a second; rate 0 = at once. */
static inline void pace(uint64_t start_ns, uint64_t sent, uint64_t rate)
{
	uint64_t due;

	if (!rate)
		return;
	due = start_ns + (uint64_t)((double)sent * 1e9 / (double)rate);
	while (!stop_requested && now_ns() < due)
		sleep_until_ns(due);
}

static inline void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot run on CPU %d: %s", cpu, strerror(errno));
}

/* ---- options ---- */

static inline uint64_t parse_number(const char *option, const char *text,
				    uint64_t min, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value < min ||
	    value > max)
		die("--%s %s: expected %llu..%llu", option, text,
		    (unsigned long long)min, (unsigned long long)max);
	return value;
}

static inline double parse_seconds(const char *option, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0 && value < 1e6))
		die("--%s %s: expected a number of seconds", option, text);
	return value;
}

static inline void parse_mac(const char *option, const char *text,
			     uint8_t ret_mac[6])
{
	uint8_t mac[6];
	int n = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
		   &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &n) != 6 ||
	    text[n])
		die("--%s %s: expected a MAC address", option, text);
	memcpy(ret_mac, mac, 6);
}

static inline struct in_addr parse_ipv4(const char *option, const char *text)
{
	struct in_addr addr;

	if (inet_pton(AF_INET, text, &addr) != 1)
		die("--%s %s: expected an IPv4 address", option, text);
	return addr;
}

static inline struct in6_addr parse_ipv6(const char *option, const char *text)
{
	struct in6_addr addr;

	if (inet_pton(AF_INET6, text, &addr) != 1)
		die("--%s %s: expected an IPv6 address", option, text);
	return addr;
}

static inline int parse_ifindex(const char *option, const char *name)
{
	unsigned int ifindex = if_nametoindex(name);

	if (!ifindex)
		die("--%s %s: no such device in this network namespace", option,
		    name);
	return (int)ifindex;
}

/* ---- a random sequence (splitmix64: Steele, Lea, Flood 2014) ---- */

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline void random_fill(uint64_t *state, uint8_t *buf, size_t len)
{
	while (len) {
		uint64_t word = random_next(state);
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(buf, &word, n);
		buf += n;
		len -= n;
	}
}

#endif
