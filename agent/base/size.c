// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers of frames as people write them: see size.h. */
#include <errno.h>
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

int size_parse_frames(const char *text, uint32_t frame_size,
		      uint64_t *ret_frames)
{
	size_t n_digits = strspn(text, "0123456789");
	const char *suffix = text + n_digits;
	unsigned int shift = suffix_shift(suffix);
	uint64_t number = 0;

	if (n_digits == 0 || (text[0] == '0' && n_digits > 1) ||
	    (*suffix && !shift))
		return -EINVAL;
	for (size_t i = 0; i < n_digits; i++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, text[i] - '0', &number))
			return -ERANGE;
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
