// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A vhost-user VM's port as JSON: see status.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "control/status.h"
#include "vhost/features.h"

struct bit_name {
	uint64_t bit;
	const char *name;
};

/* As the specifications have them, less VIRTIO_NET_F_ and so on. */
static const struct bit_name features[] = {
	{ VIRTIO_NET_CSUM, "CSUM" },
	{ VIRTIO_NET_GUEST_CSUM, "GUEST_CSUM" },
	{ VIRTIO_NET_MTU, "MTU" },
	{ VIRTIO_NET_GUEST_TSO4, "GUEST_TSO4" },
	{ VIRTIO_NET_GUEST_TSO6, "GUEST_TSO6" },
	{ VIRTIO_NET_GUEST_ECN, "GUEST_ECN" },
	{ VIRTIO_NET_HOST_TSO4, "HOST_TSO4" },
	{ VIRTIO_NET_HOST_TSO6, "HOST_TSO6" },
	{ VIRTIO_NET_HOST_ECN, "HOST_ECN" },
	{ VIRTIO_NET_MRG_RXBUF, "MRG_RXBUF" },
	{ VIRTIO_NET_GUEST_ANNOUNCE, "GUEST_ANNOUNCE" },
	{ VIRTIO_NET_MQ, "MQ" },
	{ VHOST_LOG_ALL, "LOG_ALL" },
	{ VIRTIO_RING_INDIRECT, "INDIRECT_DESC" },
	{ VIRTIO_RING_EVENT_IDX, "EVENT_IDX" },
	{ VHOST_PROTOCOL_FEATURES, "PROTOCOL_FEATURES" },
	{ VIRTIO_VERSION_1, "VERSION_1" },
	{ 0, NULL },
};

static const struct bit_name protocol_features[] = {
	{ VHOST_PROTOCOL_MQ, "MQ" },
	{ VHOST_PROTOCOL_LOG_SHMFD, "LOG_SHMFD" },
	{ VHOST_PROTOCOL_RARP, "RARP" },
	{ VHOST_PROTOCOL_REPLY_ACK, "REPLY_ACK" },
	{ VHOST_PROTOCOL_NET_MTU, "NET_MTU" },
	{ VHOST_PROTOCOL_MEM_SLOTS, "CONFIGURE_MEM_SLOTS" },
	{ 0, NULL },
};

static void set(json_t *obj, const char *key, json_t *value)
{
	json_object_set_new_nocheck(obj, key, value);
}

static void set_number(json_t *obj, const char *key, uint64_t n)
{
	set(obj, key, json_integer((json_int_t)n));
}

/* The bits of @bits by name, and the others by number. */
static json_t *names(uint64_t bits, const struct bit_name *known)
{
	json_t *array = json_array();
	char text[16];

	for (; known->name; known++) {
		if (bits & known->bit)
			json_array_append_new(array, json_string(known->name));
		bits &= ~known->bit;
	}
	for (unsigned int i = 0; i < 64; i++) {
		if (!(bits >> i & 1))
			continue;
		snprintf(text, sizeof(text), "bit %u", i);
		json_array_append_new(array, json_string(text));
	}
	return array;
}

static const char *state_name(enum vhost_state state)
{
	switch (state) {
	case VHOST_STATE_WAITING:
		return "waiting";
	case VHOST_STATE_NEGOTIATING:
		return "negotiating";
	case VHOST_STATE_RUNNING:
		return "running";
	}
	return "unknown";
}

static json_t *peer(const struct vhost_info *info)
{
	json_t *obj;

	if (info->state == VHOST_STATE_WAITING)
		return json_null();
	obj = json_object();
	set_number(obj, "pid", (uint64_t)info->peer_pid);
	set_number(obj, "uid", info->peer_uid);
	return obj;
}

static json_t *memory(const struct vhost_info *info)
{
	json_t *obj = json_object();

	set_number(obj, "regions", info->n_regions);
	set_number(obj, "bytes", info->mem_size);
	set_number(obj, "mapped", info->mem_mapped);
	set(obj, "logging", json_boolean(info->logging));
	return obj;
}

static json_t *ring(const struct snapshot_ring *r)
{
	json_t *obj = json_object();

	set(obj, "running", json_boolean(r->running));
	set(obj, "enabled", json_boolean(r->enabled));
	set_number(obj, "size", r->size);
	set_number(obj, "fill", r->fill);
	set_number(obj, "packets", r->packets);
	set_number(obj, "bytes", r->bytes);
	set_number(obj, "calls", r->calls);
	set_number(obj, "kicks", r->kicks);
	return obj;
}

static json_t *pair(const struct snapshot_pair *p, uint32_t index)
{
	json_t *obj = json_object();

	set_number(obj, "index", index);
	set_number(obj, "worker", p->worker);
	set(obj, "to_guest", ring(&p->to_guest));
	set(obj, "from_guest", ring(&p->from_guest));
	set_number(obj, "copied_in", p->copied_in);
	set_number(obj, "copied_out", p->copied_out);
	set_number(obj, "merged", p->merged);
	set_number(obj, "no_room", p->no_room);
	return obj;
}

static json_t *moderation(const struct config_vhost *config)
{
	json_t *obj = json_object();

	set_number(obj, "packets", config->call_packets);
	set_number(obj, "us", config->call_us);
	return obj;
}

json_t *status_vhost(const struct snapshot_port *sp)
{
	const struct config_vhost *config = &sp->port->vm_config->device.vhost;
	const struct snapshot_vhost *vhost = sp->vhost;
	const struct vhost_info *info = &vhost->info;
	json_t *obj = json_object(), *pairs = json_array(),
	       *bypassed = json_object();

	set(obj, "socket", status_text(config->socket));
	set(obj, "mode",
	    json_string(config->mode == SOCKET_SERVER ? "server" : "client"));
	set(obj, "state", json_string(state_name(info->state)));
	set(obj, "why", status_text(info->why));
	set(obj, "peer", peer(info));
	set_number(obj, "connects", info->n_connects);
	set_number(obj, "refused", info->n_refused);
	set_number(obj, "messages", info->n_messages);
	set(obj, "features", names(info->features, features));
	set(obj, "protocol_features",
	    names(info->protocol_features, protocol_features));
	set(obj, "guest_mtu",
	    info->guest_mtu ? json_integer(info->guest_mtu) : json_null());
	set(obj, "memory", memory(info));
	set(obj, "moderation", moderation(config));
	set_number(bypassed, "packets", vhost->bypassed.packets);
	set_number(bypassed, "bytes", vhost->bypassed.bytes);
	set(obj, "bypassed", bypassed);
	for (uint32_t i = 0; i < vhost->n_pairs; i++)
		json_array_append_new(pairs, pair(&vhost->pairs[i], i));
	set(obj, "pairs", pairs);
	return obj;
}

/* ---- bypass ---- */

static void put_rule(FILE *out, const struct config_bypass *rule,
		     uint32_t index)
{
	fprintf(out, "{\"index\":%u,", index);
	switch (rule->kind) {
	case BYPASS_VMS:
		fputs("\"kind\":\"vms\",\"value\":null}", out);
		break;
	case BYPASS_VLAN:
		fprintf(out, "\"kind\":\"vlan\",\"value\":%u}", rule->vlan);
		break;
	case BYPASS_CLASS:
		fprintf(out, "\"kind\":\"class\",\"value\":%u}", rule->class);
		break;
	}
}

void status_bypass(FILE *out, const char *from, const char *to,
		   uint16_t network, const struct bypass_info *info,
		   const struct config_bypass *rules)
{
	static const char *const states[] = {
		[BYPASS_OFF] = "off",
		[BYPASS_HELD] = "held",
		[BYPASS_ACTIVE] = "active",
	};

	fprintf(out, "{\"from\":%s,\"to\":%s,\"network\":%u,\"rule\":", from,
		to, network);
	if (info->state == BYPASS_OFF)
		fputs("null", out);
	else
		put_rule(out, &rules[info->rule], info->rule);
	/* Names of VMs are all that is put into why. */
	fprintf(out,
		",\"state\":\"%s\",\"why\":\"%s\",\"packets\":%" PRIu64
		",\"bytes\":%" PRIu64 "}",
		states[info->state], info->why, (uint64_t)info->passed.packets,
		(uint64_t)info->passed.bytes);
}
