// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A VM's tag as JSON: see status.h. */
#include "control/status.h"
#include "control/tags.h"

static void set(json_t *obj, const char *key, json_t *value)
{
	json_object_set_new_nocheck(obj, key, value);
}

static void set_number(json_t *obj, const char *key, uint64_t n)
{
	set(obj, key, json_integer((json_int_t)n));
}

static json_t *identity(const struct port *port)
{
	const struct tag *tag = port->tag;
	json_t *obj = json_object();

	switch (tag->entry.kind) {
	case TAG_NOBODY:
		set(obj, "kind", json_string("nobody"));
		break;
	case TAG_PROCESS:
		set(obj, "kind", json_string("process"));
		set_number(obj, "pid", tag->entry.pid);
		set_number(obj, "uid", tag->entry.uid);
		set(obj, "cgroup", status_text(tag->cgroup));
		set_number(obj, "cgroup_id", tag->entry.cgroup);
		break;
	case TAG_NAMESPACE:
		set(obj, "kind", json_string("namespace"));
		set(obj, "netns", status_text(port->vm_config->device.netns));
		set_number(obj, "inode", tag->entry.netns);
		break;
	}
	return obj;
}

static json_t *queues(const struct port *port)
{
	json_t *obj = json_object(), *own = json_array(), *up = json_array();

	for (uint32_t i = 0; i < port->n_queues; i++)
		json_array_append_new(own, json_integer(port->queues[i]->id));
	for (uint32_t i = 0; port->uplink && i < port->uplink->n_queues; i++) {
		const struct queue *queue = port->uplink->queues[i];

		for (uint32_t s = 1; s < queue->n_shares; s++)
			if (queue->shares[s]->to == port)
				json_array_append_new(up,
						      json_integer(queue->id));
	}
	set_number(obj, "pairs", port->tag->entry.n_queues);
	set(obj, "device", own);
	set(obj, "uplink", up);
	return obj;
}

json_t *status_tag(const struct snapshot_port *sp)
{
	const struct port *port = sp->port;
	const struct tag *tag = port->tag;
	json_t *obj = json_object(), *memory = json_object();

	set(obj, "vm", status_text(port->name));
	set_number(obj, "tag", tag->entry.tag);
	set_number(obj, "slot", port->slot);
	set(obj, "identity", identity(port));
	set(obj, "queues", queues(port));
	set_number(memory, "region", tag->entry.region);
	/* Each queue of its device registers it once. */
	set_number(memory, "umems", port->n_queues);
	set(obj, "memory", memory);
	set_number(obj, "refused", tag->n_refused);
	set(obj, "why", status_text(tag->why));
	return obj;
}
