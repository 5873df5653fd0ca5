// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sizes and rates as people write them: see size.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/size.h"

/* What one unit is in bytes, as a power of two; 0: no such suffix. */
static unsigned int suffix_shift(const char *suffix)
{
	static const char *const names[] = { "KiB", "MiB", "GiB" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(suffix, names[i]) == 0)
			return 10 * (i + 1);
	return 0;
}

/* Reads digits without leading zeros; *ret_rest is what comes behind. */
static int parse_digits(const char *text, uint64_t *ret_number,
			const char **ret_rest)
{
	size_t n_digits = strspn(text, "0123456789");
	uint64_t number = 0;

	*ret_rest = text + n_digits;
	if (n_digits == 0 || (text[0] == '0' && n_digits > 1))
		return -EINVAL;
	for (size_t i = 0; i < n_digits; i++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, text[i] - '0', &number))
			return -ERANGE;
	*ret_number = number;
	return 0;
}

int size_parse_frames(const char *text, uint32_t frame_size,
		      uint64_t *ret_frames)
{
	const char *suffix;
	uint64_t number = 0;
	unsigned int shift;
	int err;

	err = parse_digits(text, &number, &suffix);
	shift = suffix_shift(suffix);
	if (err == -EINVAL || (*suffix && !shift))
		return -EINVAL;
	if (err)
		return err;
	if (!shift) {
		*ret_frames = number;
		return 0;
	}
	if (number > UINT64_MAX >> shift)
		return -ERANGE;
	number <<= shift;
	*ret_frames = number / frame_size + (number % frame_size != 0);
	return 0;
}

static const struct {
	const char *name;
	uint64_t bits;
} rate_units[] = {
	{ "Gbit", 1000000000 },
	{ "Mbit", 1000000 },
	{ "kbit", 1000 },
	{ "bit", 1 },
};

int size_parse_rate(const char *text, uint64_t *ret_bits)
{
	uint64_t number = 0;
	const char *unit;
	int err;

	err = parse_digits(text, &number, &unit);
	if (err == -EINVAL)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(rate_units); i++) {
		if (strcmp(unit, rate_units[i].name) != 0)
			continue;
		if (err || __builtin_mul_overflow(number, rate_units[i].bits,
						  &number))
			return -ERANGE;
		*ret_bits = number;
		return 0;
	}
	return -EINVAL;
}

void size_format_rate(uint64_t bits, char *ret, size_t size)
{
	size_t i = 0;

	while (bits % rate_units[i].bits)
		i++;
	snprintf(ret, size, "%llu%s",
		 (unsigned long long)(bits / rate_units[i].bits),
		 bits ? rate_units[i].name : "");
}
