/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Logging to standard error, with systemd's "<N>" priority prefixes when it is
 * the journal. Never called on the packet path.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
		 LOG_LEVEL_DEBUG };

/* Any thread. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warning", "info", "debug"; -1 for anything else. */
int log_level_parse(const char *name);
const char *log_level_name(enum log_level level);

/* One line, without a newline. Any thread; lines are written whole. */
void log_print(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...)		log_print(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...)	log_print(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)		log_print(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)		log_print(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
