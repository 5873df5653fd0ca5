/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers for people: up to 99999 as they are, then three digits and k, M, G, T
 * (powers of 1000). Any thread.
 */
#ifndef CLI_NUMBER_H
#define CLI_NUMBER_H

#include <stddef.h>
#include <stdint.h>

struct number {
	char text[32];
};

struct number number_count(uint64_t n);
/* Also below 10 with a fraction; negative or not a number: "-". */
struct number number_rate(double rate);
/* "45 s", "12 min", "3 h 05 min", "2 d 03 h". */
struct number number_duration(uint64_t seconds);

#endif
