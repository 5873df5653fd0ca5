/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one line that says what is wrong with a configuration:
 *
 *	FILE:LINE:COL: PATH: VALUE: WHAT IS ALLOWED
 *
 * The line holds printable ASCII only, whatever the file holds, so that it
 * can go to a terminal or a log as it is. (FILE is the caller's own string.)
 */
#ifndef CONTROL_CONFIG_ERROR_H
#define CONTROL_CONFIG_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "control/config.h"

/* Holds any value that config_error_quote() makes. */
#define CONFIG_QUOTE_SIZE 256

struct config_error {
	const char *file; /* borrowed */
	char *buf;	  /* borrowed */
	size_t size;
};

/* The length of the UTF-8 character at @s (@len > 0) and its code; 1 and -1
 * where none begins. */
size_t config_error_decode(const char *s, size_t len, int32_t *ret_code);

/*
 * Writes @text as one printable word: a backslash, a double quote and all
 * that is not printable ASCII as an escape, an overlong rest left out ("...").
 * @text need not be UTF-8.
 */
void config_error_escape(const char *text, size_t len, char *ret, size_t size);

/* The same in double quotes. */
void config_error_quote(const char *text, size_t len, char *ret, size_t size);

/* Writes the line and returns -EINVAL. @path and @value are put in as they
 * are: escape what comes from the file. */
int config_error_set(const struct config_error *error, struct config_pos pos,
		     const char *path, const char *value, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* Writes "FILE: out of memory" and returns -ENOMEM. */
int config_error_no_memory(const struct config_error *error);

#endif
