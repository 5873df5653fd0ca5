/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as a file of keys. Besides what the sanitizers find: what is refused
 * is refused with one printable line with its place, into a buffer of any size,
 * that has no part of a key in it; what is accepted has a key to send with.
 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/feedback_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Digits in a row, at most so many. */
static void check_digits(const char *text, size_t most)
{
	size_t n = 0;

	for (; *text; text++) {
		n = isxdigit((unsigned char)*text) ? n + 1 : 0;
		require(n <= most);
	}
}

static void check_error(const char *err)
{
	char *end;

	require(!strncmp(err, "f:", 2));
	for (const char *p = err; *p; p++)
		require(*p >= ' ' && *p <= '~');
	require(strtol(err + 2, &end, 10) >= 1 && *end == ':');
	require(strtol(end + 1, &end, 10) >= 1 && *end == ':');
	/* A value of 8 characters, the first one as an escape of two. */
	check_digits(end, 9);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feedback_keys *keys = NULL;
	uint8_t mac[FEEDBACK_MAC_BYTES];
	char err[512] = "";
	int ret = feedback_keys_parse((const char *)data, size, "f", &keys, err,
				      sizeof(err));

	if (ret) {
		require(ret == -EINVAL && !keys);
		check_error(err);
		ret = feedback_keys_parse((const char *)data, size, "f", &keys,
					  err, 1 + size % 64);
		require(ret == -EINVAL && strlen(err) <= size % 64);
		return 0;
	}
	require(feedback_keys_first(keys));
	require(feedback_keys_mac(keys, feedback_keys_first(keys), data, size,
				  mac));
	require(!feedback_keys_mac(keys, 0, data, size, mac));
	feedback_keys_free(keys);
	return 0;
}
