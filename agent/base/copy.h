/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Copying packets. Most are short, and then a call of memcpy() with its
 * choosing by length costs more than the copy.
 */
#ifndef BASE_COPY_H
#define BASE_COPY_H

#include <stdint.h>
#include <string.h>

#define COPY_SHORT	256

/* As memcpy(). What lies between may be read or written twice. */
static inline void copy_bytes(void *to, const void *from, uint32_t n)
{
	char *t = to;
	const char *f = from;

	if (n >= COPY_SHORT) {
		memcpy(t, f, n);
	} else if (n >= 16) {
		/* In steps of 16, the last of which may overlap. */
		for (uint32_t i = 0; i + 16 < n; i += 16)
			memcpy(t + i, f + i, 16);
		memcpy(t + n - 16, f + n - 16, 16);
	} else if (n >= 8) {
		memcpy(t, f, 8);
		memcpy(t + n - 8, f + n - 8, 8);
	} else if (n >= 4) {
		memcpy(t, f, 4);
		memcpy(t + n - 4, f + n - 4, 4);
	} else {
		for (uint32_t i = 0; i < n; i++)
			t[i] = f[i];
	}
}

#endif
