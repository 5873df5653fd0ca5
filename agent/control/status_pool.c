// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pools as JSON: see status.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/pools.h"
#include "control/status.h"

/* What another thread writes, read once. */
#define racy(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

static void set(json_t *obj, const char *key, json_t *value)
{
	json_object_set_new_nocheck(obj, key, value);
}

static void set_number(json_t *obj, const char *key, uint64_t n)
{
	set(obj, key, json_integer((json_int_t)n));
}

/* ---- sizes ---- */

static json_t *promises(const struct pools_account *account)
{
	json_t *obj = json_object();

	set_number(obj, "total", account->total);
	set(obj, "spare", json_integer((json_int_t)account->spare));
	set_number(obj, "lent", account->lent);
	set_number(obj, "queues", account->queues);
	set_number(obj, "out", account->out);
	set_number(obj, "minimums", account->minimums);
	set_number(obj, "reserve", account->reserve);
	set(obj, "adds_up", json_boolean(!account->missing));
	set(obj, "missing", json_integer((json_int_t)account->missing));
	return obj;
}

static json_t *pressure(const struct agent *agent)
{
	const struct pressure *p = &agent->pressure;
	json_t *obj = json_object();

	set(obj, "watched", json_boolean(p->watched));
	set(obj, "why", p->why ? status_text(p->why) : json_null());
	set(obj, "now", json_boolean(pools_pressed(agent)));
	set_number(obj, "events", p->n_events);
	return obj;
}

/* How often it changed its size, by reason. */
static json_t *resizes(const struct pool *pool)
{
	json_t *obj = json_object();

	for (int i = 0; i < POOL_N_REASONS; i++)
		set_number(obj, pool_reason_name((enum pool_reason)i),
			   racy(pool->n_resizes[i]));
	return obj;
}

json_t *status_arena(const struct snapshot *snap)
{
	const struct agent_frames *f = &snap->frames;
	uint64_t sum = (uint64_t)f->host + f->caches + f->queues + f->out;
	json_t *obj = json_object();

	set_number(obj, "total", f->total);
	set_number(obj, "host", f->host);
	set_number(obj, "caches", f->caches);
	set_number(obj, "queues", f->queues);
	set_number(obj, "out", f->out);
	set(obj, "adds_up", json_boolean(sum == f->total));
	set(obj, "missing",
	    json_integer((json_int_t)f->total - (json_int_t)sum));
	set_number(obj, "frame_bytes", snap->agent->vs.arena.frame_size);
	set(obj, "hugepages", status_hugepages(snap->agent));
	set(obj, "promises", promises(&snap->promises));
	set(obj, "pressure", pressure(snap->agent));
	return obj;
}

json_t *status_pool(const struct snapshot_port *sp)
{
	const bool vm = sp->port->kind == PORT_VM;
	const struct agent_pool *pool = &sp->pool;
	json_t *obj = json_object();

	set(obj, "port", status_text(sp->port->name));
	set(obj, "kind", json_string(vm ? "vm" : "uplink"));
	set_number(obj, "size", pool->size);
	set_number(obj, "used", pool->used);
	set_number(obj, "min", pool->min);
	set_number(obj, "max", pool->max);
	set_number(obj, "asked", pool->asked);
	set_number(obj, "posted", pool->posted);
	set_number(obj, "posted_max", pool->posted_max);
	set_number(obj, "posted_used", pool->posted_used);
	set_number(obj, "rx_limit", pool->rx_limit);
	set_number(obj, "rx_used", pool->rx_used);
	set_number(obj, "out_max", pool->out_max);
	set_number(obj, "out_used", pool->out_used);
	set(obj, "resizes", vm ? resizes(&sp->port->pool) : json_null());
	set_number(obj, "grown", racy(sp->port->pool.n_grown));
	set_number(obj, "shrunk", racy(sp->port->pool.n_shrunk));
	return obj;
}

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
