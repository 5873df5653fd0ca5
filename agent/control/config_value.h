/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A scalar's text read into the member that a row of the table names.
 *
 * What is written counts, not how: 1500 and "1500" are the same value, so
 * that files made from templates work. Numbers are decimal digits and nothing
 * else, but a mode is octal, and frames may be written as bytes (base/size.h);
 * true and false are the only booleans.
 */
#ifndef CONTROL_CONFIG_VALUE_H
#define CONTROL_CONFIG_VALUE_H

#include "control/schema.h"

/*
 * Reads @text into @dst, which is @key's member, or, of a list, the item. A
 * list without items of its own (SCHEMA_VLANS) is added to. @frame_size: what a
 * frame has in bytes, for values that may be written as bytes (SCHEMA_FRAMES).
 * Returns 0 or -EINVAL; then *@ret_why is a hint besides schema_allowed(), or
 * NULL. Looks user names up; any thread.
 */
int config_value_read(const struct schema_key *key, const char *text,
		      uint32_t frame_size, void *dst, const char **ret_why);

#endif
