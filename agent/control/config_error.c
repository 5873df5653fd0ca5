/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Makes the error line; config_tree.c, config.c and config_check.c find what
 * goes into it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "control/config_error.h"

/* So much of a value, in bytes of the file, is shown. */
#define SHOWN_MAX 40

size_t config_error_decode(const char *s, size_t len, int32_t *ret_code)
{
	uint8_t c = (uint8_t)s[0];
	size_t need = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	int32_t code = need == 1 ? c : c & (0x7f >> need);

	*ret_code = -1;
	if ((need > 1 && (c < 0xc2 || c > 0xf4)) || need > len)
		return 1;
	for (size_t i = 1; i < need; i++) {
		if (((uint8_t)s[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | ((uint8_t)s[i] & 0x3f);
	}
	if ((code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff ||
	    (need == 3 && code < 0x800) || (need == 4 && code < 0x10000))
		return 1;
	*ret_code = code;
	return need;
}

static void escape_one(const char *s, int32_t code, char *ret, size_t size)
{
	if (code == '\n')
		snprintf(ret, size, "\\n");
	else if (code == '\r')
		snprintf(ret, size, "\\r");
	else if (code == '\t')
		snprintf(ret, size, "\\t");
	else if (code == '"' || code == '\\')
		snprintf(ret, size, "\\%c", (char)code);
	else if (code >= 0x20 && code < 0x7f)
		snprintf(ret, size, "%c", (char)code);
	else if (code > 0xffff)
		snprintf(ret, size, "\\U%08x", (unsigned int)code);
	else if (code >= 0x80)
		snprintf(ret, size, "\\u%04x", (unsigned int)code);
	else
		snprintf(ret, size, "\\x%02x", (uint8_t)s[0]);
}

void config_error_escape(const char *text, size_t len, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < len;) {
		char one[16];
		int32_t code;
		size_t step = config_error_decode(text + i, len - i, &code);

		if (i + step > SHOWN_MAX) {
			snprintf(ret + used, size - used, "...");
			return;
		}
		escape_one(text + i, code, one, sizeof(one));
		if (used + strlen(one) + sizeof("...") > size)
			return;
		used += (size_t)snprintf(ret + used, size - used, "%s", one);
		i += step;
	}
}

void config_error_quote(const char *text, size_t len, char *ret, size_t size)
{
	char escaped[CONFIG_QUOTE_SIZE - 2];

	config_error_escape(text, len, escaped, sizeof(escaped));
	snprintf(ret, size, "\"%s\"", escaped);
}

int config_error_set(const struct config_error *error, struct config_pos pos,
		     const char *path, const char *value, const char *fmt, ...)
{
	char what[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	snprintf(error->buf, error->size, "%s:%d:%d: %s: %s: %s", error->file,
		 pos.line, pos.col, path, value, what);
	return -EINVAL;
}

int config_error_no_memory(const struct config_error *error)
{
	snprintf(error->buf, error->size, "%s: out of memory", error->file);
	return -ENOMEM;
}
