/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The clock of a test that includes this: it stands still at fake_ns, which the
 * test moves. clock_gettime() of this program comes before the library's; with
 * fake_ns 0 it is the real one.
 */
#ifndef TESTS_UNIT_FAKE_CLOCK_H
#define TESTS_UNIT_FAKE_CLOCK_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t fake_ns;

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
	if (!fake_ns)
		return (int)syscall(SYS_clock_gettime, id, ret_time);
	ret_time->tv_sec = (time_t)(fake_ns / 1000000000u);
	ret_time->tv_nsec = (long)(fake_ns % 1000000000u);
	return 0;
}

#endif
