// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers for people: see number.h. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/number.h"

static struct number scaled(double value)
{
	static const char units[] = { 'k', 'M', 'G', 'T', 'P', 'E' };
	struct number number;
	size_t unit = 0;

	/* 999.5 would be printed as 1000. */
	value /= 1000;
	while (value >= 999.5 && unit + 1 < sizeof(units)) {
		value /= 1000;
		unit++;
	}
	snprintf(number.text, sizeof(number.text), "%.*f%c",
		 value < 9.995	 ? 2
		 : value < 99.95 ? 1
				 : 0,
		 value, units[unit]);
	return number;
}

struct number number_count(uint64_t n)
{
	struct number number;

	if (n >= 100000)
		return scaled((double)n);
	snprintf(number.text, sizeof(number.text), "%" PRIu64, n);
	return number;
}

struct number number_rate(double rate)
{
	struct number number;

	if (!(rate >= 0))
		snprintf(number.text, sizeof(number.text), "-");
	else if (rate >= 99999.5)
		return scaled(rate);
	else
		snprintf(number.text, sizeof(number.text), "%.*f",
			 rate > 0 && rate < 9.95 ? 1 : 0, rate);
	return number;
}

struct number number_duration(uint64_t seconds)
{
	uint64_t min = seconds / 60, hours = min / 60, days = hours / 24;
	struct number number;

	if (days)
		snprintf(number.text, sizeof(number.text),
			 "%" PRIu64 " d %02u h", days,
			 (unsigned int)(hours % 24));
	else if (hours)
		snprintf(number.text, sizeof(number.text),
			 "%" PRIu64 " h %02u min", hours,
			 (unsigned int)(min % 60));
	else if (min)
		snprintf(number.text, sizeof(number.text), "%" PRIu64 " min",
			 min);
	else
		snprintf(number.text, sizeof(number.text), "%" PRIu64 " s",
			 seconds);
	return number;
}
