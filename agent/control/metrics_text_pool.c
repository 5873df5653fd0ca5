// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Metrics of frames and pools: see metrics_text.h. */
#include <inttypes.h>
#include <stdio.h>

#include "base/base.h"
#include "control/metrics_text_private.h"
#include "switching/worker.h"

/* ---- all frames ---- */

static void put_places(FILE *out, const struct snapshot *snap)
{
	const struct agent_frames *f = &snap->frames;
	const struct arena *arena = &snap->agent->vs.arena;

	metrics_text_family(
		out, "memory_frames", "gauge",
		"Packet buffers by where they are: host (free), caches (workers' own), queues (posted or received), out (being sent).");
	fprintf(out,
		"pktagent_memory_frames{place=\"host\"} %u\n"
		"pktagent_memory_frames{place=\"caches\"} %u\n"
		"pktagent_memory_frames{place=\"queues\"} %u\n"
		"pktagent_memory_frames{place=\"out\"} %u\n",
		f->host, f->caches, f->queues, f->out);
	metrics_text_single(out, "memory_limit_frames", "gauge",
			    "Packet buffers in all; the places add up to it.",
			    f->total);
	metrics_text_single(out, "memory_frame_size_bytes", "gauge",
			    "Size of one packet buffer.", arena->frame_size);
	metrics_text_single(out, "memory_hugepages", "gauge",
			    "1 if packet buffers are in 2-MiB pages.",
			    arena->regions[0].huge);
}

/* Spare is below zero while a minimum is not covered. */
static void put_promises(FILE *out, const struct pools_account *promises)
{
	metrics_text_family(
		out, "memory_promised_frames", "gauge",
		"Packet buffers by what they are promised for: slack (lent to uplinks' queues until somebody needs them), queues (else posted, or received), out (being sent), minimums (of pools that do not use theirs), reserve (the agent itself).");
	fprintf(out,
		"pktagent_memory_promised_frames{to=\"slack\"} %u\n"
		"pktagent_memory_promised_frames{to=\"queues\"} %u\n"
		"pktagent_memory_promised_frames{to=\"out\"} %u\n"
		"pktagent_memory_promised_frames{to=\"minimums\"} %u\n"
		"pktagent_memory_promised_frames{to=\"reserve\"} %u\n",
		promises->lent, promises->queues, promises->out,
		promises->minimums, promises->reserve);
	metrics_text_family(
		out, "memory_spare_frames", "gauge",
		"Packet buffers promised to nobody, which pools can grow by; with the promised ones they are all.");
	fprintf(out, "pktagent_memory_spare_frames %" PRId64 "\n",
		promises->spare);
}

void metrics_text_memory(FILE *out, const struct snapshot *snap)
{
	put_places(out, snap);
	put_promises(out, &snap->promises);
}

/* ---- pools ---- */

/* One value per port, or per VM: what an uplink has is no pool that changes. */
static const struct pool_family {
	const char *name, *help;
	size_t offset; /* in struct agent_pool */
	bool vms_only;
} pool_families[] = {
	{ "pool_limit_frames", "Packet buffers the port may have.",
	  offsetof(struct agent_pool, size), false },
	{ "pool_used_frames", "Of those, packet buffers that carry packets.",
	  offsetof(struct agent_pool, used), false },
	{ "pool_min_frames", "Packet buffers the VM has at the least.",
	  offsetof(struct agent_pool, min), true },
	{ "pool_max_frames", "Packet buffers the VM's pool may grow to.",
	  offsetof(struct agent_pool, max), true },
	{ "pool_posted_frames", "Packet buffers on the port's own queues.",
	  offsetof(struct agent_pool, posted), false },
	{ "pool_posted_limit_frames",
	  "Packet buffers that should be on the port's own queues.",
	  offsetof(struct agent_pool, posted_max), false },
	{ "pool_posted_used_frames",
	  "Packet buffers received on the port's own queues and not read yet.",
	  offsetof(struct agent_pool, posted_used), false },
	{ "pool_receive_frames",
	  "Packet buffers received for the port and not read yet.",
	  offsetof(struct agent_pool, rx_used), false },
	{ "pool_receive_limit_frames",
	  "Packet buffers that may be received for the port and not read yet.",
	  offsetof(struct agent_pool, rx_limit), false },
	{ "pool_out_frames", "Packet buffers on their way out of the port.",
	  offsetof(struct agent_pool, out_used), false },
	{ "pool_out_limit_frames",
	  "Packet buffers that may be on their way out of the port.",
	  offsetof(struct agent_pool, out_max), false },
};

static void put_sizes(FILE *out, const struct snapshot *snap,
		      const struct pool_family *pf)
{
	metrics_text_family(out, pf->name, "gauge", pf->help);
	for (uint32_t i = 0; i < snap->n_ports; i++) {
		const struct snapshot_port *sp = &snap->ports[i];
		const char *pool = (const char *)&sp->pool;

		if (!pf->vms_only || sp->port->kind == PORT_VM)
			metrics_text_port(
				out, pf->name, sp->port,
				*(const uint32_t *)(pool + pf->offset));
	}
}

/* All reasons: a series that is not there until the first change would hide
 * that from rate(). */
static void put_resizes(FILE *out, const struct snapshot *snap)
{
	metrics_text_family(
		out, "pool_resizes_total", "counter",
		"Changes of the VM's pool's size, by reason; pktctl pool log has the last ones.");
	for (uint32_t i = 0; i < snap->n_ports; i++) {
		const struct port *port = snap->ports[i].port;

		if (port->kind != PORT_VM)
			continue;
		for (int r = 0; r < POOL_N_REASONS; r++) {
			fputs("pktagent_pool_resizes_total{port=\"", out);
			metrics_text_label(out, port->name);
			fprintf(out, "\",reason=\"%s\"} %" PRIu64 "\n",
				pool_reason_name((enum pool_reason)r),
				racy(port->pool.n_resizes[r]));
		}
	}
}

static void put_moved(FILE *out, const struct snapshot *snap, const char *name,
		      const char *help, bool grown)
{
	metrics_text_family(out, name, "counter", help);
	for (uint32_t i = 0; i < snap->n_ports; i++) {
		const struct port *port = snap->ports[i].port;

		if (port->kind == PORT_VM)
			metrics_text_port(out, name, port,
					  grown ? racy(port->pool.n_grown)
						: racy(port->pool.n_shrunk));
	}
}

void metrics_text_pools(FILE *out, const struct snapshot *snap)
{
	const struct vswitch *vs = &snap->agent->vs;
	uint64_t n_lost = 0;

	for (size_t f = 0; f < ARRAY_SIZE(pool_families); f++)
		put_sizes(out, snap, &pool_families[f]);
	put_resizes(out, snap);
	put_moved(out, snap, "pool_grown_frames_total",
		  "Packet buffers that the VM's pool has grown by.", true);
	put_moved(out, snap, "pool_shrunk_frames_total",
		  "Packet buffers that the VM's pool has shrunk by.", false);
	for (uint32_t i = 0; i < vs->n_workers; i++)
		n_lost += racy(vs->workers[i]->pool_events.n_lost);
	metrics_text_single(
		out, "pool_events_lost_total", "counter",
		"Changes of pools that pktctl pool log does not know, because too many came at once.",
		n_lost);
	metrics_text_single(
		out, "memory_pressure_events_total", "counter",
		"Times that the kernel told of memory pressure on this host (PSI), at which pools shrink.",
		snap->agent->pressure.n_events);
}
