// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Metrics as text: see metrics_text.h. Each family is written as a whole, its
 * HELP and TYPE first, as the format demands; hence the loops per family.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "control/metrics_text_private.h"
#include "control/tags.h"
#include "ports/queue.h"
#include "switching/worker.h"
#include "version.h"

void metrics_text_family(FILE *out, const char *name, const char *type,
			 const char *help)
{
	fprintf(out, "# HELP pktagent_%s %s\n# TYPE pktagent_%s %s\n", name,
		help, name, type);
}

void metrics_text_label(FILE *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n') {
			fputs("\\n", out);
			continue;
		}
		if (*value == '\\' || *value == '"')
			fputc('\\', out);
		/* What is no ASCII might be no UTF-8 either. */
		fputc(*value & 0x80 ? '?' : *value, out);
	}
}

void metrics_text_single(FILE *out, const char *name, const char *type,
			 const char *help, uint64_t value)
{
	metrics_text_family(out, name, type, help);
	fprintf(out, "pktagent_%s %" PRIu64 "\n", name, value);
}

/* ---- the agent ---- */

static void put_agent(FILE *out, const struct snapshot *snap)
{
	const struct agent *agent = snap->agent;

	metrics_text_family(out, "build_info", "gauge",
			    "The agent's version; always 1.");
	fputs("pktagent_build_info{version=\"", out);
	metrics_text_label(out, PKTAGENT_VERSION);
	fputs("\"} 1\n", out);
	metrics_text_family(out, "uptime_seconds", "gauge",
			    "Time since the agent's start.");
	fprintf(out, "pktagent_uptime_seconds %.3f\n",
		(double)(snap->now_ns - agent->started_ns) / NS_PER_SEC);
	metrics_text_single(out, "ready", "gauge",
			    "1 once all ports have been tried after the start.",
			    agent->ready);
	metrics_text_single(out, "reloads_total", "counter",
			    "Configurations taken over while running.",
			    agent->n_reloads);
	metrics_text_single(out, "reload_failures_total", "counter",
			    "Configurations that were refused while running.",
			    agent->n_reload_failures);
}

/* ---- ports ---- */

void metrics_text_port(FILE *out, const char *name, const struct port *port,
		       uint64_t value)
{
	fprintf(out, "pktagent_%s{port=\"", name);
	metrics_text_label(out, port->name);
	fprintf(out, "\"} %" PRIu64 "\n", value);
}

static void put_port_info(FILE *out, const struct snapshot *snap)
{
	metrics_text_family(
		out, "port_info", "gauge",
		"What a port is: kind, device, driver, XDP mode, way in force; always 1.");
	for (uint32_t i = 0; i < snap->n_ports; i++) {
		const struct snapshot_port *sp = &snap->ports[i];
		const struct port *port = sp->port;

		fputs("pktagent_port_info{port=\"", out);
		metrics_text_label(out, port->name);
		fprintf(out, "\",kind=\"%s\",device=\"",
			port->kind == PORT_UPLINK ? "uplink" : "vm");
		metrics_text_label(out, port->ifname);
		fputs("\",driver=\"", out);
		metrics_text_label(out, port->driver);
		fprintf(out, "\",xdp=\"%s\",way=\"%s\"} 1\n",
			port->state != PORT_STATE_UP || sp->vhost ? "none"
			: port->skb_mode			  ? "skb"
								  : "native",
			sp->way == WAY_KERNEL ? "kernel" : "agent");
	}
}

static uint64_t port_up(const struct snapshot_port *sp)
{
	return sp->port->state == PORT_STATE_UP;
}

static uint64_t port_carrier(const struct snapshot_port *sp)
{
	return sp->vhost ? port_up(sp) : sp->port->carrier;
}

static uint64_t port_mtu(const struct snapshot_port *sp)
{
	return sp->port->mtu;
}

static uint64_t port_learned(const struct snapshot_port *sp)
{
	return sp->port->n_learned;
}

static uint64_t link_rx_packets(const struct snapshot_port *sp)
{
	return sp->link.rx_packets;
}

static uint64_t link_rx_bytes(const struct snapshot_port *sp)
{
	return sp->link.rx_bytes;
}

static uint64_t link_tx_packets(const struct snapshot_port *sp)
{
	return sp->link.tx_packets;
}

static uint64_t link_tx_bytes(const struct snapshot_port *sp)
{
	return sp->link.tx_bytes;
}

static uint64_t tag_refused(const struct snapshot_port *sp)
{
	return sp->port->tag->n_refused;
}

static uint64_t vhost_connected(const struct snapshot_port *sp)
{
	return sp->vhost->info.state != VHOST_STATE_WAITING;
}

static uint64_t vhost_connects(const struct snapshot_port *sp)
{
	return sp->vhost->info.n_connects;
}

static uint64_t vhost_refused(const struct snapshot_port *sp)
{
	return sp->vhost->info.n_refused;
}

static uint64_t vhost_mapped(const struct snapshot_port *sp)
{
	return sp->vhost->info.mem_mapped;
}

static uint64_t vhost_calls(const struct snapshot_port *sp)
{
	const struct snapshot_vhost *vhost = sp->vhost;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < vhost->n_pairs; i++)
		sum += vhost->pairs[i].to_guest.calls +
		       vhost->pairs[i].from_guest.calls;
	return sum;
}

static uint64_t vhost_kicks(const struct snapshot_port *sp)
{
	const struct snapshot_vhost *vhost = sp->vhost;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < vhost->n_pairs; i++)
		sum += vhost->pairs[i].to_guest.kicks +
		       vhost->pairs[i].from_guest.kicks;
	return sum;
}

static uint64_t vhost_no_room(const struct snapshot_port *sp)
{
	const struct snapshot_vhost *vhost = sp->vhost;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < vhost->n_pairs; i++)
		sum += vhost->pairs[i].no_room;
	return sum;
}

static uint64_t vhost_merged(const struct snapshot_port *sp)
{
	const struct snapshot_vhost *vhost = sp->vhost;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < vhost->n_pairs; i++)
		sum += vhost->pairs[i].merged;
	return sum;
}

static uint64_t vhost_bypassed_packets(const struct snapshot_port *sp)
{
	return sp->vhost->bypassed.packets;
}

static uint64_t vhost_bypassed_bytes(const struct snapshot_port *sp)
{
	return sp->vhost->bypassed.bytes;
}

/* One value per port that has it. */
static const struct port_family {
	const char *name, *type, *help;
	enum { FOR_ALL, FOR_LINK, FOR_TAG, FOR_VHOST } which;
	uint64_t (*value)(const struct snapshot_port *sp);
} port_families[] = {
	{ "port_up", "gauge", "1 if the port is up.", FOR_ALL, port_up },
	{ "port_carrier", "gauge",
	  "1 if there is somebody at the device's other end.", FOR_ALL,
	  port_carrier },
	{ "port_mtu_bytes", "gauge", "The device's MTU.", FOR_ALL, port_mtu },
	{ "port_learned_entries", "gauge",
	  "Forwarding entries learned on the port.", FOR_ALL, port_learned },
	{ "port_receive_packets_total", "counter",
	  "Packets the host received from the device, by the kernel's count, or from a vhost-user guest.",
	  FOR_LINK, link_rx_packets },
	{ "port_receive_bytes_total", "counter",
	  "Bytes the host received from the device, by the kernel's count, or from a vhost-user guest.",
	  FOR_LINK, link_rx_bytes },
	{ "port_transmit_packets_total", "counter",
	  "Packets the host sent to the device, by the kernel's count, or to a vhost-user guest.",
	  FOR_LINK, link_tx_packets },
	{ "port_transmit_bytes_total", "counter",
	  "Bytes the host sent to the device, by the kernel's count, or to a vhost-user guest.",
	  FOR_LINK, link_tx_bytes },
	{ "tag_refused_total", "counter",
	  "Times somebody else than the VM was behind its port: see pktctl tag show.",
	  FOR_TAG, tag_refused },
	{ "vhost_connected", "gauge",
	  "1 if a front-end (QEMU) of the VM is connected.", FOR_VHOST,
	  vhost_connected },
	{ "vhost_connects_total", "counter",
	  "Connections with front-ends since the port was set up.", FOR_VHOST,
	  vhost_connects },
	{ "vhost_refused_total", "counter",
	  "Connections that the agent ended: see pktctl vm show for the last.",
	  FOR_VHOST, vhost_refused },
	{ "vhost_mapped_bytes", "gauge", "Guest memory that the agent maps.",
	  FOR_VHOST, vhost_mapped },
	{ "vhost_calls_total", "counter", "Calls (interrupts) of the guest.",
	  FOR_VHOST, vhost_calls },
	{ "vhost_kicks_total", "counter",
	  "Times the agent asked the guest for a kick before it slept.",
	  FOR_VHOST, vhost_kicks },
	{ "vhost_no_buffer_total", "counter",
	  "Times packets waited because the guest had no buffer for them.",
	  FOR_VHOST, vhost_no_room },
	{ "vhost_merged_segments_total", "counter",
	  "TCP segments merged into others for the guest.", FOR_VHOST,
	  vhost_merged },
	{ "vhost_bypassed_packets_total", "counter",
	  "Packets from the guest straight to other guests.", FOR_VHOST,
	  vhost_bypassed_packets },
	{ "vhost_bypassed_bytes_total", "counter",
	  "Bytes from the guest straight to other guests.", FOR_VHOST,
	  vhost_bypassed_bytes },
};

static bool has_family(const struct snapshot_port *sp,
		       const struct port_family *pf)
{
	return pf->which == FOR_ALL ||
	       (pf->which == FOR_LINK && sp->has_link) ||
	       (pf->which == FOR_TAG && sp->port->tag) ||
	       (pf->which == FOR_VHOST && sp->vhost);
}

static void put_ports(FILE *out, const struct snapshot *snap)
{
	put_port_info(out, snap);
	for (size_t f = 0; f < ARRAY_SIZE(port_families); f++) {
		const struct port_family *pf = &port_families[f];

		metrics_text_family(out, pf->name, pf->type, pf->help);
		for (uint32_t i = 0; i < snap->n_ports; i++) {
			const struct snapshot_port *sp = &snap->ports[i];

			if (has_family(sp, pf))
				metrics_text_port(out, pf->name, sp->port,
						  pf->value(sp));
		}
	}
}

/* All reasons of one kind: a series that is not there until the first loss
 * would hide that loss from rate(). */
static void put_reasons(FILE *out, const struct snapshot *snap,
			const char *name, const char *help, bool drop,
			bool bytes)
{
	metrics_text_family(out, name, "counter", help);
	for (uint32_t i = 0; i < snap->n_ports; i++) {
		const struct snapshot_port *sp = &snap->ports[i];

		for (int r = 0; r < PKT_N_REASONS; r++) {
			const struct counter *c = snapshot_counter(
				&sp->counters, (enum pkt_reason)r);

			if (reason_infos[r].drop != drop)
				continue;
			fprintf(out, "pktagent_%s{port=\"", name);
			metrics_text_label(out, sp->port->name);
			fprintf(out, "\",reason=\"%s\"} %" PRIu64 "\n",
				reason_infos[r].name,
				(uint64_t)(bytes ? c->bytes : c->packets));
		}
	}
}

static void put_counters(FILE *out, const struct snapshot *snap)
{
	put_reasons(out, snap, "port_delivered_packets_total",
		    "Packets handed on, by where to.", false, false);
	put_reasons(out, snap, "port_delivered_bytes_total",
		    "Bytes handed on, by where to.", false, true);
	put_reasons(
		out, snap, "port_dropped_packets_total",
		"Packets lost, by reason; pktctl counters show explains them.",
		true, false);
}

/* ---- queues ---- */

static uint64_t queue_zero_copy(const struct queue *q)
{
	return q->umem.zero_copy;
}

static uint64_t queue_posted(const struct queue *q)
{
	return queue_held(q);
}

static uint64_t queue_target(const struct queue *q)
{
	return racy(q->target);
}

static uint64_t queue_out(const struct queue *q)
{
	return racy(q->n_out);
}

static uint64_t queue_rx(const struct queue *q)
{
	return racy(q->n_rx);
}

static uint64_t queue_tx(const struct queue *q)
{
	return racy(q->n_tx);
}

static uint64_t queue_kicks(const struct queue *q)
{
	return racy(q->n_kicks);
}

static uint64_t queue_tx_again(const struct queue *q)
{
	return racy(q->n_tx_again);
}

static uint64_t queue_fill_short(const struct queue *q)
{
	return racy(q->n_fill_short);
}

static const struct queue_family {
	const char *name, *type, *help;
	uint64_t (*value)(const struct queue *q);
} queue_families[] = {
	{ "queue_zero_copy", "gauge", "1 if the queue is bound zero-copy.",
	  queue_zero_copy },
	{ "queue_posted_frames", "gauge",
	  "Packet buffers posted, or received and not read yet.",
	  queue_posted },
	{ "queue_posted_limit_frames", "gauge",
	  "Packet buffers that should be posted.", queue_target },
	{ "queue_transmit_frames", "gauge",
	  "Packet buffers sent and not given back yet.", queue_out },
	{ "queue_receive_packets_total", "counter",
	  "Packets the agent read from the queue.", queue_rx },
	{ "queue_transmit_packets_total", "counter",
	  "Packets the agent sent by the queue.", queue_tx },
	{ "queue_kicks_total", "counter",
	  "System calls to have the kernel send.", queue_kicks },
	{ "queue_transmit_retries_total", "counter",
	  "Kicks after which the device had taken nothing.", queue_tx_again },
	{ "queue_refill_shortages_total", "counter",
	  "Refills for which the host pool had too few buffers.",
	  queue_fill_short },
};

static void put_queues(FILE *out, const struct snapshot *snap)
{
	for (size_t f = 0; f < ARRAY_SIZE(queue_families); f++) {
		const struct queue_family *qf = &queue_families[f];

		metrics_text_family(out, qf->name, qf->type, qf->help);
		for (uint32_t i = 0; i < snap->n_ports; i++) {
			const struct port *port = snap->ports[i].port;

			for (uint32_t q = 0; q < port->n_queues; q++) {
				fprintf(out, "pktagent_%s{port=\"", qf->name);
				metrics_text_label(out, port->name);
				fprintf(out, "\",queue=\"%u\"} %" PRIu64 "\n",
					port->queues[q]->index,
					qf->value(port->queues[q]));
			}
		}
	}
}

/* ---- workers ---- */

/* Totals of struct worker_stats, in order. */
static const struct worker_family {
	const char *name, *help;
	size_t offset;
	bool is_time;
} worker_families[] = {
	{ "worker_loops_total", "Rounds over the worker's queues.",
	  offsetof(struct worker_stats, loops), false },
	{ "worker_busy_seconds_total", "Time in rounds that found work.",
	  offsetof(struct worker_stats, busy_ns), true },
	{ "worker_poll_seconds_total", "Time in rounds that found none.",
	  offsetof(struct worker_stats, poll_ns), true },
	{ "worker_sleeps_total", "Times the worker went to sleep.",
	  offsetof(struct worker_stats, sleeps), false },
	{ "worker_packets_total", "Packets the worker read.",
	  offsetof(struct worker_stats, packets), false },
	{ "worker_batches_total", "Reads that found packets.",
	  offsetof(struct worker_stats, batches), false },
	{ "worker_wakes_total", "Wake-ups sent to other workers.",
	  offsetof(struct worker_stats, wakes_sent), false },
	{ "worker_learn_lost_total",
	  "Addresses not learned because too many came at once.",
	  offsetof(struct worker_stats, learn_lost), false },
};

static void put_worker_family(FILE *out, const struct vswitch *vs,
			      const struct worker_family *wf)
{
	metrics_text_family(out, wf->name, "counter", wf->help);
	for (uint32_t i = 0; i < vs->n_workers; i++) {
		const char *stats = (const char *)&vs->workers[i]->stats;
		uint64_t value = racy(*(const uint64_t *)(stats + wf->offset));

		fprintf(out, "pktagent_%s{worker=\"%u\"} ", wf->name, i);
		if (wf->is_time)
			fprintf(out, "%.9f\n", (double)value / NS_PER_SEC);
		else
			fprintf(out, "%" PRIu64 "\n", value);
	}
}

static void put_workers(FILE *out, const struct vswitch *vs)
{
	metrics_text_family(out, "worker_info", "gauge",
			    "The core a worker runs on; always 1.");
	for (uint32_t i = 0; i < vs->n_workers; i++)
		fprintf(out,
			"pktagent_worker_info{worker=\"%u\",core=\"%u\"} 1\n",
			i, vs->workers[i]->core);
	metrics_text_family(out, "worker_sleeping", "gauge",
			    "1 if the worker sleeps at this moment.");
	for (uint32_t i = 0; i < vs->n_workers; i++)
		fprintf(out, "pktagent_worker_sleeping{worker=\"%u\"} %u\n", i,
			(unsigned int)racy(vs->workers[i]->sleeping));
	for (size_t f = 0; f < ARRAY_SIZE(worker_families); f++)
		put_worker_family(out, vs, &worker_families[f]);
}

/* ---- all ---- */

static void put_fdb(FILE *out, const struct snapshot *snap)
{
	uint32_t total = fdb_count(snap->agent->vs.fdb), learned = 0;

	for (uint32_t i = 0; i < snap->n_ports; i++)
		learned += snap->ports[i].port->n_learned;
	metrics_text_family(out, "fdb_entries", "gauge",
			    "Entries of the forwarding table.");
	fprintf(out,
		"pktagent_fdb_entries{type=\"static\"} %u\n"
		"pktagent_fdb_entries{type=\"learned\"} %u\n",
		total - min_u32(total, learned), learned);
	metrics_text_single(
		out, "fdb_learn_refused_total", "counter",
		"Addresses not learned because a limit was reached.",
		snap->agent->n_learn_refused);
}

char *metrics_text(const struct snapshot *snap, size_t *ret_len)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool failed;

	if (!out)
		return NULL;
	put_agent(out, snap);
	metrics_text_memory(out, snap);
	metrics_text_pools(out, snap);
	put_ports(out, snap);
	put_counters(out, snap);
	put_queues(out, snap);
	put_workers(out, &snap->agent->vs);
	put_fdb(out, snap);
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(text);
		return NULL;
	}
	*ret_len = len;
	return text;
}

int metrics_not_ready(const struct agent *agent, char *why, size_t why_size)
{
	if (!agent->ready) {
		snprintf(why, why_size, "starting");
		return 1;
	}
	for (uint32_t i = 0; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		if (!port || port->kind != PORT_UPLINK)
			continue;
		if (port->state == PORT_STATE_UP && port->carrier)
			continue;
		snprintf(why, why_size, "uplink %s is not up: %s", port->name,
			 port->state == PORT_STATE_UP ? "no carrier"
						      : port->why);
		return 1;
	}
	return 0;
}
