// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pools as JSON: see status.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/pools.h"
#include "control/status.h"

/* ---- log ---- */

static bool is_of(const struct pools_entry *entry, const char *vm)
{
	return !vm || !strcmp(entry->port, vm);
}

static void put_entry(FILE *out, const struct pools_entry *entry)
{
	json_t *name = status_text(entry->port);
	char *text = json_dumps(name, JSON_ENCODE_ANY);

	fprintf(out,
		"{\"time\":%" PRIu64
		".%03u,\"vm\":%s,\"from\":%u,\"to\":%u,\"reason\":\"%s\"}",
		(uint64_t)(entry->time_ns / NS_PER_SEC),
		(unsigned int)(entry->time_ns / NS_PER_MS % 1000),
		text ? text : "\"\"", entry->from, entry->to,
		pool_reason_name(entry->reason));
	free(text);
	json_decref(name);
}

uint32_t status_pool_log(FILE *out, const struct pools_log *log, const char *vm,
			 uint32_t n_max)
{
	uint64_t first = log->n > POOLS_LOG_SIZE ? log->n - POOLS_LOG_SIZE : 0;
	uint32_t n_earlier = 0, n = 0;

	for (uint64_t i = first; i < log->n; i++)
		n_earlier += is_of(&log->entries[i % POOLS_LOG_SIZE], vm);
	n_earlier -= min_u32(n_earlier, n_max);
	fputc('[', out);
	for (uint64_t i = first; i < log->n; i++) {
		const struct pools_entry *entry =
			&log->entries[i % POOLS_LOG_SIZE];

		if (!is_of(entry, vm) || n++ < n_earlier)
			continue;
		if (n > n_earlier + 1)
			fputc(',', out);
		put_entry(out, entry);
	}
	fputc(']', out);
	return n_earlier;
}
