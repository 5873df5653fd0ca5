// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The agent's objects as JSON: see status.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "control/policing.h"
#include "control/status.h"
#include "ports/queue.h"
#include "version.h"

#define MAC_TEXT 18

/* What another thread writes, read once. */
#define racy(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

/* ---- values ---- */

json_t *status_text(const char *text)
{
	json_t *json = json_string(text);
	char *copy;

	if (json)
		return json;
	copy = strdup(text);
	if (!copy)
		return NULL;
	for (char *p = copy; *p; p++)
		if (*p & 0x80)
			*p = '?';
	json = json_string(copy);
	free(copy);
	return json;
}

/* Takes over @value. Without memory the member is missing. */
static void set(json_t *obj, const char *key, json_t *value)
{
	json_object_set_new_nocheck(obj, key, value);
}

static void set_text(json_t *obj, const char *key, const char *text)
{
	set(obj, key, status_text(text));
}

static void set_number(json_t *obj, const char *key, uint64_t n)
{
	set(obj, key, json_integer((json_int_t)n));
}

static void set_bool(json_t *obj, const char *key, bool value)
{
	set(obj, key, json_boolean(value));
}

static json_t *packets_bytes(uint64_t packets, uint64_t bytes)
{
	json_t *obj = json_object();

	set_number(obj, "packets", packets);
	set_number(obj, "bytes", bytes);
	return obj;
}

static void mac_format(const uint8_t *mac, char text[MAC_TEXT])
{
	snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static json_t *mac_text(const uint8_t *mac)
{
	char text[MAC_TEXT];

	mac_format(mac, text);
	return json_string(text);
}

static json_t *addr_text(const struct config_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (!inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->addr, text,
		       sizeof(text)))
		return NULL;
	return json_string(text);
}

/* ---- parts of ports ---- */

static const char *state_name(enum port_state state)
{
	switch (state) {
	case PORT_STATE_ABSENT:
		return "absent";
	case PORT_STATE_DOWN:
		return "down";
	case PORT_STATE_UP:
		return "up";
	}
	return "unknown";
}

static const char *way_name(enum config_way way)
{
	return way == WAY_KERNEL ? "kernel" : "agent";
}

static const char *want_name(enum config_want want)
{
	switch (want) {
	case WANT_AUTO:
		return "auto";
	case WANT_REQUIRE:
		return "require";
	case WANT_OFF:
		return "off";
	}
	return "unknown";
}

static json_t *way(const struct snapshot_port *sp)
{
	json_t *obj = json_object();

	/* There is nothing of a guest that the kernel could forward to. */
	set_text(obj, "asked", way_name(sp->vhost ? sp->way : sp->port->way));
	set_text(obj, "got", way_name(sp->way));
	set_text(obj, "why", sp->port->way_why);
	return obj;
}

static json_t *drop(enum pkt_reason reason, const struct counter *counter)
{
	const struct reason_info *info = &reason_infos[reason];
	json_t *obj = json_object();

	set_text(obj, "reason", info->name);
	set_number(obj, "packets", counter->packets);
	set_text(obj, "what", info->what);
	set_text(obj, "advice", info->advice);
	return obj;
}

/* What was lost at a port, with the reasons that occurred. */
static json_t *drops(const struct port_counters *counters)
{
	json_t *obj = json_object(), *reasons = json_array();

	set_number(obj, "packets", snapshot_drops(counters));
	for (int i = 0; i < PKT_N_REASONS; i++) {
		const struct counter *c =
			snapshot_counter(counters, (enum pkt_reason)i);

		if (reason_infos[i].drop && c->packets)
			json_array_append_new(reasons,
					      drop((enum pkt_reason)i, c));
	}
	set(obj, "reasons", reasons);
	return obj;
}

static const char *state_why(const struct snapshot_port *sp)
{
	const struct port *port = sp->port;

	if (port->state != PORT_STATE_UP)
		return port->why;
	/* A guest's port is up when there is a guest. */
	if (port->carrier || sp->vhost)
		return "";
	return strcmp(port->driver, "tun")
		       ? "but the device has no carrier: its other end is down"
		       : "but nobody has opened the tap";
}

/* State, device and way: what VMs and all ports have in common. */
static void set_common(json_t *obj, const struct snapshot_port *sp)
{
	const struct port *port = sp->port;

	set_text(obj, "name", port->name);
	set_text(obj, "state", state_name(port->state));
	set_text(obj, "why", state_why(sp));
	set_text(obj, "device", sp->vhost ? "vhost-user" : port->ifname);
	set(obj, "way", way(sp));
}

/* ---- vm ---- */

json_t *status_vm(const struct snapshot_port *sp)
{
	const struct config_vm *vm = sp->port->vm_config;
	json_t *obj = json_object(), *macs = json_array(),
	       *addrs = json_array(), *pool = json_object();

	set_common(obj, sp);
	set_number(obj, "network", sp->port->vlan);
	for (uint32_t i = 0; i < vm->n_macs; i++)
		json_array_append_new(macs, mac_text(vm->macs[i]));
	set(obj, "macs", macs);
	for (uint32_t i = 0; i < vm->n_addrs; i++)
		json_array_append_new(addrs, addr_text(&vm->addrs[i]));
	set(obj, "addresses", addrs);
	set_number(pool, "size", sp->pool.size);
	set_number(pool, "used", sp->pool.used);
	set(obj, "pool", pool);
	set(obj, "to_vm",
	    packets_bytes(sp->link.tx_packets, sp->link.tx_bytes));
	set(obj, "from_vm",
	    packets_bytes(sp->link.rx_packets, sp->link.rx_bytes));
	set(obj, "drops", drops(&sp->counters));
	set(obj, "vhost", sp->vhost ? status_vhost(sp) : json_null());
	return obj;
}

/* ---- port ---- */

static json_t *zero_copy(const struct queue *queue)
{
	const struct config_uplink *uplink = queue->port->uplink_config;
	json_t *obj = json_object();

	set(obj, "asked",
	    uplink ? json_string(want_name(uplink->zero_copy)) : json_null());
	set_bool(obj, "got", queue->umem.zero_copy);
	set_text(obj, "why", queue->umem.zero_copy ? "" : queue->umem.why);
	return obj;
}

static json_t *port_queue(const struct queue *queue)
{
	json_t *obj = json_object();

	set_number(obj, "index", queue->index);
	set(obj, "zero_copy", zero_copy(queue));
	set_bool(obj, "need_wakeup", queue->umem.need_wakeup);
	return obj;
}

json_t *status_port(const struct snapshot_port *sp)
{
	const struct port *port = sp->port;
	bool up = port->state == PORT_STATE_UP;
	json_t *obj = json_object(), *queues = json_array();
	char policed[POLICING_TEXT];

	set_common(obj, sp);
	set_text(obj, "kind", port->kind == PORT_UPLINK ? "uplink" : "vm");
	set_text(obj, "driver", port->driver);
	set_number(obj, "ifindex", (uint64_t)port->ifindex);
	set(obj, "mac", mac_text(port->mac));
	set_number(obj, "mtu", port->mtu);
	if (up && !sp->vhost)
		set_text(obj, "xdp", port->skb_mode ? "skb" : "native");
	else
		set(obj, "xdp", json_null());
	set_bool(obj, "xdp_transmit", port->xmit);
	set_text(obj, "note", port->note);
	policing_describe(port, policed, sizeof(policed));
	set_text(obj, "policed", policed);
	set_number(obj, "learned", port->n_learned);
	set(obj, "rx", packets_bytes(sp->link.rx_packets, sp->link.rx_bytes));
	set(obj, "tx", packets_bytes(sp->link.tx_packets, sp->link.tx_bytes));
	set(obj, "drops", drops(&sp->counters));
	for (uint32_t i = 0; i < port->n_queues; i++)
		json_array_append_new(queues, port_queue(port->queues[i]));
	set(obj, "queues", queues);
	return obj;
}

json_t *status_hugepages(const struct agent *agent)
{
	const struct arena_region *shared = &agent->vs.arena.regions[0];
	json_t *obj = json_object();

	set_text(obj, "asked", want_name(agent->config->hugepages));
	set_bool(obj, "got", shared->huge);
	set_text(obj, "why", shared->huge ? "" : shared->why);
	return obj;
}

/* ---- queue ---- */

static json_t *share(const struct share *s)
{
	json_t *obj = json_object();
	uint32_t waiting = 0;

	if (s->rx.ring.producer)
		waiting = racy(*s->rx.ring.producer) -
			  racy(s->rx.ring.cached_cons);
	set(obj, "to", s->to ? status_text(s->to->name) : json_null());
	set_number(obj, "size", s->rx.size);
	/* What goes to no single VM has no bound but its ring. */
	set_number(obj, "limit", s->to ? racy(s->limit) : s->rx.size);
	set_number(obj, "waiting", waiting);
	set_number(obj, "packets", racy(s->n_packets));
	return obj;
}

json_t *status_queue(const struct queue *queue)
{
	json_t *obj = json_object(), *shares = json_array();

	set_text(obj, "port", queue->port->name);
	set_number(obj, "index", queue->index);
	set_number(obj, "id", queue->id);
	set_number(obj, "worker", queue->worker);
	set_text(obj, "mode", queue->umem.zero_copy ? "zero-copy" : "copy");
	set_number(obj, "outstanding", queue_held(queue));
	set_number(obj, "target", racy(queue->target));
	set_number(obj, "fill_size", queue->umem.fill_size);
	set_number(obj, "tx_in_flight", racy(queue->n_out));
	set_number(obj, "rx_packets", racy(queue->n_rx));
	set_number(obj, "tx_packets", racy(queue->n_tx));
	set_number(obj, "kicks", racy(queue->n_kicks));
	set_number(obj, "tx_again", racy(queue->n_tx_again));
	set_number(obj, "fill_short", racy(queue->n_fill_short));
	for (uint32_t i = 0; i < queue->n_shares; i++)
		json_array_append_new(shares, share(queue->shares[i]));
	set(obj, "shares", shares);
	return obj;
}

/* ---- worker ---- */

json_t *status_worker(const struct worker *worker)
{
	const struct worker_stats *stats = &worker->stats;
	json_t *obj = json_object();

	set_number(obj, "index", worker->index);
	set_number(obj, "core", worker->core);
	set_number(obj, "queues", racy(worker->n_queues));
	set_bool(obj, "sleeping", racy(worker->sleeping));
	set_number(obj, "loops", racy(stats->loops));
	set_number(obj, "busy_ns", racy(stats->busy_ns));
	set_number(obj, "poll_ns", racy(stats->poll_ns));
	set_number(obj, "packets", racy(stats->packets));
	set_number(obj, "batches", racy(stats->batches));
	set_number(obj, "sleeps", racy(stats->sleeps));
	set_number(obj, "wakes_sent", racy(stats->wakes_sent));
	set_number(obj, "learn_lost", racy(stats->learn_lost));
	set_number(obj, "cached_frames", racy(worker->cache.n));
	return obj;
}

/* ---- the rest ---- */

void status_fdb(FILE *out, const struct fdb_key *key,
		const struct fdb_entry *entry, const char *port, uint32_t now_s)
{
	/* A packet may have been seen after the clock was read. */
	uint32_t age_s = now_s > entry->seen_s ? now_s - entry->seen_s : 0;
	char mac[MAC_TEXT];

	mac_format(key->mac, mac);
	fprintf(out, "{\"network\":%u,\"mac\":\"%s\",\"port\":%s,", key->vlan,
		mac, port);
	if (entry->flags & FDB_F_STATIC)
		fputs("\"type\":\"static\",\"age_s\":null}", out);
	else
		fprintf(out, "\"type\":\"learned\",\"age_s\":%u}", age_s);
}

json_t *status_counter(const char *port, enum pkt_reason reason,
		       const struct counter *counter)
{
	const struct reason_info *info = &reason_infos[reason];
	json_t *obj = json_object();

	set_text(obj, "port", port);
	set_text(obj, "reason", info->name);
	set_text(obj, "kind", info->drop ? "drop" : "delivered");
	set_number(obj, "packets", counter->packets);
	set_number(obj, "bytes", counter->bytes);
	set_text(obj, "what", info->what);
	set_text(obj, "advice", info->advice);
	return obj;
}

json_t *status_version(const struct agent *agent, uint64_t now)
{
	json_t *obj = json_object();

	set_text(obj, "version", PKTAGENT_VERSION);
	set_number(obj, "pid", (uint64_t)getpid());
	set_number(obj, "uptime_s", (now - agent->started_ns) / NS_PER_SEC);
	set_bool(obj, "ready", agent->ready);
	set_text(obj, "config", agent->config->file ? agent->config->file : "");
	set_number(obj, "reloads", agent->n_reloads);
	set_number(obj, "reload_failures", agent->n_reload_failures);
	return obj;
}
