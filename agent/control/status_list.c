// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What "show" answers: see status_list.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "control/status.h"
#include "control/status_list.h"

/* What a request works with. */
struct list {
	struct agent *agent;
	const struct status_query *query;
	const struct port *only; /* NULL = all */
	uint32_t first, end;	 /* workers */
	struct snapshot *snap;	 /* owned */
};

/* ---- one function per object ---- */

static json_t *list_vms(const struct list *list)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < list->snap->n_ports; i++)
		if (list->snap->ports[i].port->vm_config)
			json_array_append_new(array,
					      status_vm(&list->snap->ports[i]));
	return array;
}

static json_t *list_ports(const struct list *list)
{
	json_t *obj = json_object(), *array = json_array();

	for (uint32_t i = 0; i < list->snap->n_ports; i++)
		json_array_append_new(array,
				      status_port(&list->snap->ports[i]));
	json_object_set_new(obj, "ports", array);
	json_object_set_new(obj, "hugepages", status_hugepages(list->agent));
	return obj;
}

static json_t *list_pools(const struct list *list)
{
	json_t *obj = json_object(), *array = json_array();

	for (uint32_t i = 0; i < list->snap->n_ports; i++)
		json_array_append_new(array,
				      status_pool(&list->snap->ports[i]));
	json_object_set_new(obj, "arena", status_arena(list->snap));
	json_object_set_new(obj, "ports", array);
	return obj;
}

static json_t *list_queues(const struct list *list)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < list->snap->n_ports; i++) {
		const struct port *port = list->snap->ports[i].port;

		for (uint32_t q = 0; q < port->n_queues; q++)
			json_array_append_new(array,
					      status_queue(port->queues[q]));
	}
	return array;
}

static json_t *list_workers(const struct list *list)
{
	json_t *array = json_array();

	for (uint32_t i = list->first; i < list->end; i++)
		json_array_append_new(
			array, status_worker(list->agent->vs.workers[i]));
	return array;
}

struct fdb_list {
	const struct list *list;
	FILE *out;
	uint32_t n;
	uint32_t now_s;
	char *names[PKT_MAX_PORTS]; /* owned: as JSON, when first met */
};

static const char *port_json(struct fdb_list *fl, const struct port *port)
{
	char **name = &fl->names[port ? port->slot : 0];
	json_t *text;

	if (!*name) {
		text = status_text(port ? port->name : "");
		*name = json_dumps(text, JSON_ENCODE_ANY);
		json_decref(text);
	}
	return *name ? *name : "\"\"";
}

/* The later of what the agent and the programs saw. */
static bool list_entry(const struct fdb_key *key, const struct fdb_entry *entry,
		       void *arg)
{
	struct fdb_list *fl = arg;
	struct agent *agent = fl->list->agent;
	const struct port *port =
		entry->port < PKT_MAX_PORTS ? agent->ports[entry->port] : NULL;
	struct fdb_entry latest = *entry;
	uint32_t seen_s;

	if (fl->list->only && port != fl->list->only)
		return false;
	if (!(entry->flags & FDB_F_STATIC) &&
	    !datapath_fdb_seen(agent->dp, key, &seen_s))
		latest.seen_s = max_u32(latest.seen_s, seen_s);
	if (fl->n++)
		fputc(',', fl->out);
	status_fdb(fl->out, key, &latest, port_json(fl, port), fl->now_s);
	return false;
}

static char *list_fdb(const struct list *list)
{
	struct fdb_list fl = {
		.list = list,
		.now_s = (uint32_t)(list->snap->now_ns / NS_PER_SEC),
	};
	char *text = NULL;
	size_t len;

	fl.out = open_memstream(&text, &len);
	if (!fl.out)
		return NULL;
	fputc('[', fl.out);
	fdb_each(list->agent->vs.fdb, list_entry, &fl);
	fputc(']', fl.out);
	for (uint32_t i = 0; i < PKT_MAX_PORTS; i++)
		free(fl.names[i]);
	if (ferror(fl.out) | fclose(fl.out)) {
		free(text);
		return NULL;
	}
	return text;
}

static json_t *list_counters(const struct list *list)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < list->snap->n_ports; i++) {
		const struct snapshot_port *sp = &list->snap->ports[i];

		for (int r = 0; r < PKT_N_REASONS; r++) {
			enum pkt_reason reason = (enum pkt_reason)r;
			const struct counter *c =
				snapshot_counter(&sp->counters, reason);

			if (!c->packets && !list->query->all)
				continue;
			json_array_append_new(array,
					      status_counter(sp->port->name,
							     reason, c));
		}
	}
	return array;
}

/* ---- the table of objects ---- */

enum name_is { NAME_VM, NAME_PORT, NAME_WORKER };

static const struct object {
	const char *name;
	enum name_is name_is;			  /* what NAME names */
	unsigned int what;			  /* SNAPSHOT_* */
	json_t *(*list)(const struct list *list); /* NULL: fdb */
} objects[] = {
	{ "vm", NAME_VM, SNAPSHOT_COUNTERS | SNAPSHOT_LINKS | SNAPSHOT_POOLS,
	  list_vms },
	{ "port", NAME_PORT, SNAPSHOT_COUNTERS | SNAPSHOT_LINKS, list_ports },
	{ "pool", NAME_PORT, SNAPSHOT_POOLS | SNAPSHOT_FRAMES, list_pools },
	{ "queue", NAME_PORT, 0, list_queues },
	{ "worker", NAME_WORKER, 0, list_workers },
	{ "fdb", NAME_PORT, 0, NULL },
	{ "counters", NAME_PORT, SNAPSHOT_COUNTERS, list_counters },
};

static const struct object *find_object(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		if (!strcmp(name, objects[i].name))
			return &objects[i];
	return NULL;
}

bool status_known(const char *object)
{
	return find_object(object);
}

static int find_worker(struct list *list, const char *name, char *err,
		       size_t err_size)
{
	unsigned long index;
	char *end;

	index = strtoul(name, &end, 10);
	if (name[0] < '0' || name[0] > '9' || *end || index >= list->end) {
		snprintf(err, err_size,
			 "%.64s: no such worker; there are %u, numbered from 0",
			 name, list->end);
		return -ENOENT;
	}
	list->first = (uint32_t)index;
	list->end = list->first + 1;
	return 0;
}

/* Finds what the query names. */
static int find_name(struct list *list, const struct object *object, char *err,
		     size_t err_size)
{
	const char *name = list->query->name;

	list->end = list->agent->vs.n_workers;
	if (!name)
		return 0;
	if (object->name_is == NAME_WORKER)
		return find_worker(list, name, err, err_size);
	list->only = agent_find_port(list->agent, name);
	if (list->only && (object->name_is != NAME_VM || list->only->vm_config))
		return 0;
	snprintf(err, err_size, "%.64s: no such %s; pktctl %s show lists them",
		 name, object->name_is == NAME_VM ? "VM" : "port",
		 object->name_is == NAME_VM ? "vm" : "port");
	return -ENOENT;
}

static char *make_text(const struct object *object, const struct list *list)
{
	json_t *data;
	char *text;

	if (!object->list)
		return list_fdb(list);
	data = object->list(list);
	text = json_dumps(data, JSON_COMPACT);
	json_decref(data);
	return text;
}

int status_list(struct agent *agent, const struct status_query *query,
		char **ret_text, char *err, size_t err_size)
{
	const struct object *object = find_object(query->object);
	struct list list = { .agent = agent, .query = query };
	char *text;
	int ret;

	if (!object) {
		snprintf(err, err_size, "%.64s: no such object", query->object);
		return -EINVAL;
	}
	ret = find_name(&list, object, err, err_size);
	if (ret)
		return ret;
	ret = snapshot_take(agent, list.only, object->what, &list.snap);
	text = ret ? NULL : make_text(object, &list);
	free(list.snap);
	if (!text) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
