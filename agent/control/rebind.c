// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An arena of another size: see rebind.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "control/lifecycle.h"
#include "control/pools.h"
#include "control/rebind.h"
#include "policy/admission.h"
#include "ports/queue.h"
#include "switching/worker.h"

/* For what was sent to come back, and for what was received to be read. */
#define QUIET_WAIT_NS  (200 * NS_PER_MS)
#define QUIET_PAUSE_NS (NS_PER_MS / 2)
/* For frames that carry packets when they are to go. */
#define FRAMES_WAIT_NS (2 * NS_PER_SEC)
/* For a queue whose packets somebody keeps: probably in vain. */
#define KEPT_WAIT_NS (NS_PER_SEC / 2)

#define HUGE_BYTES ((uint64_t)2 << 20)

/* One time through all queues. */
struct pass {
	struct agent *agent;
	struct rebind_report *report;
	uint32_t n_frames; /* that the queues are to have */
	bool narrow;	   /* there are more as yet */
};

/* Queues of one port that are closed at the same time. */
struct set {
	struct port *port;
	struct queue *queues[PKT_MAX_QUEUES];
	uint64_t begin_ns[PKT_MAX_QUEUES];
	uint32_t n;
};

static void pause_ns(long ns)
{
	const struct timespec pause = { .tv_nsec = ns };

	nanosleep(&pause, NULL);
}

static struct worker *worker_of(struct agent *agent, const struct queue *queue)
{
	return agent->vs.workers[queue->worker];
}

/* ---- out of service, and back ---- */

static void hide_sockets(struct agent *agent, const struct queue *queue)
{
	datapath_del_xsk(agent->dp, false, queue->port->slot, queue->index);
	for (uint32_t i = 1; i < queue->n_shares; i++)
		datapath_del_xsk(agent->dp, true, queue->shares[i]->to->slot,
				 queue->index);
	datapath_synchronize();
}

static int show_sockets(struct agent *agent, const struct queue *queue)
{
	int err = datapath_set_xsk(agent->dp, false, queue->port->slot,
				   queue->index, queue->primary.rx.fd);

	for (uint32_t i = 1; i < queue->n_shares && !err; i++)
		err = datapath_set_xsk(agent->dp, true,
				       queue->shares[i]->to->slot, queue->index,
				       queue->shares[i]->rx.fd);
	return err;
}

static void stop(struct agent *agent, struct set *set, struct queue *queue)
{
	struct worker *worker = worker_of(agent, queue);
	const uint64_t begin = now_ns();

	set->queues[set->n] = queue;
	set->begin_ns[set->n++] = begin;
	hide_sockets(agent, queue);
	while (worker_suspend_queue(worker, queue) &&
	       now_ns() - begin < QUIET_WAIT_NS)
		pause_ns(QUIET_PAUSE_NS);
	worker_del_queue(worker, queue);
}

static void stop_others(struct agent *agent, struct set *set)
{
	struct queue *first = set->queues[0];

	for (uint32_t i = 0; i < set->port->n_queues; i++) {
		struct queue *queue = set->port->queues[i];

		if (queue != first && !queue->umem.region)
			stop(agent, set, queue);
	}
}

static void close_sockets(struct pass *pass, struct set *set)
{
	struct vswitch *vs = &pass->agent->vs;

	for (uint32_t i = 0; i < set->n; i++) {
		struct queue *queue = set->queues[i];

		queue_keep_stats(queue->port, &queue->primary.rx);
		for (uint32_t s = 1; s < queue->n_shares; s++)
			queue_keep_stats(queue->shares[s]->to,
					 &queue->shares[s]->rx);
		queue_unbind(queue, &vs->arena, &vs->cache);
	}
}

struct taking {
	struct pass *pass;
	struct port *port;
};

/* All workers stand still. */
static void take_back(void *arg)
{
	const struct taking *taking = arg;
	struct vswitch *vs = &taking->pass->agent->vs;
	struct port *port = taking->port;
	uint32_t n = queue_take_back(port, 0, &vs->arena, &vs->cache);

	worker_count(vs->workers[0], port->slot, PKT_dev_full, n, 0);
	taking->pass->report->n_taken_back += n;
}

static int open_sockets(struct pass *pass, struct queue *queue)
{
	struct agent *agent = pass->agent;
	const bool uplink = queue->port->kind == PORT_UPLINK;
	int err;

	__atomic_store_n(&queue->narrow, pass->narrow, __ATOMIC_RELAXED);
	err = queue_bind(queue, &agent->vs.arena, pass->n_frames,
			 uplink ? pass->n_frames : 0);
	if (err)
		return err;
	if (uplink)
		queue->base_max = pass->n_frames;
	err = worker_add_queue(worker_of(agent, queue), queue);
	return err ? err : show_sockets(agent, queue);
}

static void note(struct rebind_report *report, const struct queue *queue,
		 uint64_t outage_ns)
{
	struct rebound *rebound = &report->queues[report->n_queues++];

	snprintf(rebound->port, sizeof(rebound->port), "%s", queue->port->name);
	rebound->index = queue->index;
	rebound->outage_ns = outage_ns;
	report->sum_ns += outage_ns;
	if (outage_ns > report->longest_ns)
		report->longest_ns = outage_ns;
}

static void take_down(struct pass *pass, const struct queue *queue, bool kept,
		      int err)
{
	struct rebind_report *report = pass->report;
	struct port *port = queue->port;
	char why[128];

	snprintf(why, sizeof(why), "%s: queue %u: cannot be bound anew: %s",
		 port->ifname, queue->index,
		 err == -EBUSY && kept
			 ? "somebody keeps packets that it has sent"
			 : strerror(-err));
	log_error("%s: %s", port->name, why);
	report->n_down++;
	snprintf(report->down, sizeof(report->down), "%.24s is down: %.120s",
		 port->name, why);
	lifecycle_down(pass->agent, port, PORT_STATE_DOWN, why);
}

/* ---- all queues ---- */

/* The set is the port's queue @index, or all queues it has if frames of that
 * one do not come back. False: there is nothing left to do at the port. */
static bool rebind_queue(struct pass *pass, struct port *port, uint32_t index)
{
	struct agent *agent = pass->agent;
	struct taking taking = { pass, port };
	struct set set = { .port = port };
	bool all;

	stop(agent, &set, port->queues[index]);
	all = set.queues[0]->n_out;
	if (all)
		stop_others(agent, &set);
	close_sockets(pass, &set);
	queue_wait_for(port, all ? KEPT_WAIT_NS : QUEUE_WAIT_NS);
	if (all)
		vswitch_hold(&agent->vs, take_back, &taking);
	for (uint32_t i = 0; i < set.n; i++) {
		int err = open_sockets(pass, set.queues[i]);

		if (err) {
			take_down(pass, set.queues[i], all, err);
			return false;
		}
		note(pass->report, set.queues[i], now_ns() - set.begin_ns[i]);
	}
	agent_beat(agent);
	return !all;
}

static void rebind_all(struct agent *agent, struct rebind_report *report,
		       uint32_t n_frames, bool narrow)
{
	struct pass pass = { agent, report, n_frames, narrow };

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		for (uint32_t q = 0; port && q < port->n_queues; q++)
			if (!port->queues[q]->umem.region &&
			    !rebind_queue(&pass, port, q))
				break;
	}
}

/* ---- more ---- */

static int grow(struct agent *agent, struct rebind_report *report, char *err,
		size_t err_size)
{
	struct vswitch *vs = &agent->vs;
	const struct arena_region *region = &vs->arena.regions[0];
	const uint32_t n_more = report->to - report->from;
	const uint64_t bytes = arena_addr(&vs->arena, n_more);
	int ret;

	ret = arena_resize(&vs->arena, report->to);
	if (ret) {
		snprintf(err, err_size,
			 "--size: %u: no memory for %u more frames (%" PRIu64
			 " %s): %s; it stays at %u frames",
			 report->to, n_more,
			 region->huge ? (bytes + HUGE_BYTES - 1) / HUGE_BYTES
				      : bytes >> 20,
			 region->huge
				 ? "huge pages of 2 MiB: raise vm.nr_hugepages"
				 : "MiB",
			 strerror(-ret), report->from);
		return ret;
	}
	rebind_all(agent, report, report->to, false);
	hostpool_grow(&vs->hostpool);
	promises_give(&vs->promises, n_more);
	return 0;
}

/* ---- less ---- */

static void trim_cache(struct worker *worker, void *arg)
{
	(void)arg;
	frame_cache_trim(&worker->cache);
}

static void withdraw(struct agent *agent, uint32_t limit)
{
	struct vswitch *vs = &agent->vs;

	hostpool_withdraw(&vs->hostpool, limit);
	for (uint32_t i = 0; i < vs->n_workers; i++)
		worker_call(vs->workers[i], trim_cache, NULL);
	frame_cache_trim(&vs->cache);
	hostpool_withdraw(&vs->hostpool, limit);
}

/* False if some of them do not come. */
static bool wait_for_frames(struct agent *agent, uint32_t n)
{
	const uint64_t deadline = now_ns() + FRAMES_WAIT_NS;
	struct vswitch *vs = &agent->vs;

	while (hostpool_withdrawn(&vs->hostpool) < n ||
	       promises_spare(&vs->promises) < 0) {
		if (now_ns() > deadline)
			return hostpool_withdrawn(&vs->hostpool) == n;
		pools_take_back(agent, NULL, 0);
		agent_beat(agent);
		pause_ns(NS_PER_MS);
	}
	return true;
}

/* Who has most of the frames that are to go. */
static void explain(struct agent *agent, const struct rebind_report *report,
		    char *err, size_t err_size)
{
	uint32_t n_out[PKT_MAX_PORTS] = { 0 }, most = 0, n = 0;

	for (uint32_t i = report->to; i < report->from; i++) {
		uint16_t entry = arena_where(&agent->vs.arena, i);
		uint32_t who = frame_who(entry);

		n += frame_place(entry) != FRAME_HOST;
		if (frame_place(entry) == FRAME_OUT && who < PKT_MAX_PORTS &&
		    ++n_out[who] > n_out[most])
			most = who;
	}
	snprintf(
		err, err_size,
		"--size: %u: %u frames that are to go do not come back%s%.24s%s; it stays at %u frames",
		report->to, n, n_out[most] ? ": most are on their way to " : "",
		n_out[most] && agent->ports[most] ? agent->ports[most]->name
						  : "",
		n_out[most] ? ", which does not read" : "", report->from);
}

static void end_narrow(struct agent *agent)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		for (uint32_t q = 0; port && q < port->n_queues; q++)
			__atomic_store_n(&port->queues[q]->narrow, false,
					 __ATOMIC_RELAXED);
	}
}

static int shrink(struct agent *agent, struct rebind_report *report, char *err,
		  size_t err_size)
{
	struct vswitch *vs = &agent->vs;
	const uint32_t n_less = report->from - report->to;
	int ret = 0;

	promises_force(&vs->promises, n_less);
	pools_take_back(agent, NULL, 0);
	withdraw(agent, report->to);
	rebind_all(agent, report, report->to, true);
	if (!wait_for_frames(agent, n_less)) {
		explain(agent, report, err, err_size);
		ret = -EBUSY;
	}
	if (!ret) {
		ret = arena_resize(&vs->arena, report->to);
		snprintf(err, err_size, "--size: %u: %s", report->to,
			 strerror(-ret));
	}
	if (!ret) {
		hostpool_cut(&vs->hostpool);
		end_narrow(agent);
		return 0;
	}
	/* First the queues: then frames of any number may come again. */
	rebind_all(agent, report, report->from, false);
	hostpool_restore(&vs->hostpool);
	promises_give(&vs->promises, n_less);
	return ret;
}

/* ---- public ---- */

static int check(struct agent *agent, uint64_t frames, char *err,
		 size_t err_size)
{
	const struct config *config = agent->config;
	uint32_t n_queues[CONFIG_MAX_UPLINKS];
	char text[400];

	if (!frames || frames > ARENA_SHARED_MAX) {
		snprintf(err, err_size,
			 "--size: %" PRIu64 ": must be from 1 to %u frames",
			 frames, ARENA_SHARED_MAX);
		return -ERANGE;
	}
	admission_count_queues(config, n_queues);
	if (!admission_fits(config, (uint32_t)frames, n_queues,
			    agent->vs.n_workers, text, sizeof(text)))
		return 0;
	snprintf(err, err_size, "--size: %" PRIu64 ": %s", frames, text);
	return -ENOSPC;
}

/* A queue may be bound twice, in its turn and with all of its port, and all
 * queues twice, if they have to go back. */
static int make_room(struct agent *agent, struct rebind_report *report)
{
	uint32_t n = 1;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (agent->ports[i])
			n += 4 * agent->ports[i]->n_queues;
	report->queues = calloc(n, sizeof(report->queues[0]));
	return report->queues ? 0 : -ENOMEM;
}

int rebind_arena(struct agent *agent, uint64_t frames,
		 struct rebind_report *ret_report, char *err, size_t err_size)
{
	struct rebind_report report = {
		.from = agent->vs.arena.regions[0].n_frames,
		.to = (uint32_t)frames,
	};
	int ret = check(agent, frames, err, err_size);

	if (!ret) {
		ret = make_room(agent, &report);
		snprintf(err, err_size, "out of memory");
	}
	if (!ret && report.to > report.from)
		ret = grow(agent, &report, err, err_size);
	else if (!ret && report.to < report.from)
		ret = shrink(agent, &report, err, err_size);
	if (ret) {
		rebind_report_done(&report);
		return ret;
	}
	*ret_report = report;
	return 0;
}

void rebind_report_done(struct rebind_report *report)
{
	free(report->queues);
	report->queues = NULL;
}
