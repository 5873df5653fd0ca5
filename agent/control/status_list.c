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

static json_t *list_tags(const struct list *list)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < list->snap->n_ports; i++)
		if (list->snap->ports[i].port->tag)
			json_array_append_new(array,
					      status_tag(&list->snap->ports[i]));
	return array;
}

static json_t *list_classes(const struct list *list)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < list->snap->n_ports; i++)
		status_classes(list->snap->ports[i].port, array);
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

/* Lists that are written as text, entry by entry. */
struct text_list {
	const struct list *list;
	FILE *out;
	uint32_t n;
	uint32_t now_s;
	char *names[PKT_MAX_PORTS]; /* owned: as JSON, when first met */
};

static const char *port_json(struct text_list *tl, const struct port *port)
{
	char **name = &tl->names[port ? port->slot : 0];
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
	struct text_list *tl = arg;
	struct agent *agent = tl->list->agent;
	const struct port *port =
		entry->port < PKT_MAX_PORTS ? agent->ports[entry->port] : NULL;
	struct fdb_entry latest = *entry;
	uint32_t seen_s;

	if (tl->list->only && port != tl->list->only)
		return false;
	if (!(entry->flags & FDB_F_STATIC) &&
	    !datapath_fdb_seen(agent->dp, key, &seen_s))
		latest.seen_s = max_u32(latest.seen_s, seen_s);
	if (tl->n++)
		fputc(',', tl->out);
	status_fdb(tl->out, key, &latest, port_json(tl, port), tl->now_s);
	return false;
}

static void list_fdb(struct text_list *tl)
{
	tl->now_s = (uint32_t)(tl->list->snap->now_ns / NS_PER_SEC);
	fdb_each(tl->list->agent->vs.fdb, list_entry, tl);
}

/* Without a name, and if not all are wanted: pairs that a rule names, and those
 * that passed the switch by before. */
static void list_pair(struct text_list *tl, const struct port *from,
		      const struct port *to)
{
	const struct list *list = tl->list;
	struct bypass_info info;

	if (!bypass_is_pair(from, to))
		return;
	if (list->only && from != list->only && to != list->only)
		return;
	bypass_look(list->agent, from, to, &info);
	if (info.state == BYPASS_OFF && !info.passed.packets && !list->only &&
	    !list->query->all)
		return;
	if (tl->n++)
		fputc(',', tl->out);
	status_bypass(tl->out, port_json(tl, from), port_json(tl, to),
		      from->vlan, &info, list->agent->config->bypass);
}

static void list_bypass(struct text_list *tl)
{
	struct port *const *ports = tl->list->agent->ports;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		for (uint32_t j = 1; j < PKT_MAX_PORTS; j++)
			list_pair(tl, ports[i], ports[j]);
}

static char *write_list(const struct list *list,
			void (*write)(struct text_list *tl))
{
	struct text_list tl = { .list = list };
	char *text = NULL;
	size_t len;

	tl.out = open_memstream(&text, &len);
	if (!tl.out)
		return NULL;
	fputc('[', tl.out);
	write(&tl);
	fputc(']', tl.out);
	for (uint32_t i = 0; i < PKT_MAX_PORTS; i++)
		free(tl.names[i]);
	if (ferror(tl.out) | fclose(tl.out)) {
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
	enum name_is name_is; /* what NAME names */
	unsigned int what;    /* SNAPSHOT_* */
	json_t *(*list)(const struct list *list);
	void (*write)(struct text_list *tl); /* the other, or this */
} objects[] = {
	{ "vm", NAME_VM,
	  SNAPSHOT_COUNTERS | SNAPSHOT_LINKS | SNAPSHOT_POOLS | SNAPSHOT_VHOST,
	  list_vms, NULL },
	{ "port", NAME_PORT,
	  SNAPSHOT_COUNTERS | SNAPSHOT_LINKS | SNAPSHOT_VHOST, list_ports,
	  NULL },
	{ "pool", NAME_PORT, SNAPSHOT_POOLS | SNAPSHOT_FRAMES, list_pools,
	  NULL },
	{ "queue", NAME_PORT, 0, list_queues, NULL },
	{ "tag", NAME_VM, 0, list_tags, NULL },
	{ "class", NAME_PORT, 0, list_classes, NULL },
	{ "worker", NAME_WORKER, 0, list_workers, NULL },
	{ "fdb", NAME_PORT, 0, NULL, list_fdb },
	{ "bypass", NAME_VM, 0, NULL, list_bypass },
	{ "counters", NAME_PORT, SNAPSHOT_COUNTERS, list_counters, NULL },
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

	if (object->write)
		return write_list(list, object->write);
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
	snapshot_free(list.snap);
	if (!text) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
