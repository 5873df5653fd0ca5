// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Logging to standard error: see log.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"

static enum log_level threshold = LOG_LEVEL_INFO;

static const char *const names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void log_set_level(enum log_level level)
{
	__atomic_store_n(&threshold, level, __ATOMIC_RELAXED);
}

enum log_level log_get_level(void)
{
	return __atomic_load_n(&threshold, __ATOMIC_RELAXED);
}

int log_level_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(name, names[i]))
			return (int)i;
	return -1;
}

const char *log_level_name(enum log_level level)
{
	return names[level];
}

void log_print(enum log_level level, const char *fmt, ...)
{
	/* syslog priorities, which the journal reads from "<N>" */
	static const char *const prio[] = { "<3>", "<4>", "<6>", "<7>" };
	char line[1024];
	va_list ap;
	int n, m;

	if (level > log_get_level())
		return;
	n = snprintf(line, sizeof(line), "%s%s",
		     getenv("JOURNAL_STREAM") ? prio[level] : "pktagent: ",
		     level == LOG_LEVEL_INFO || level == LOG_LEVEL_DEBUG ?
			     "" : level == LOG_LEVEL_ERROR ? "error: " :
							    "warning: ");
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	n += m;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
