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
	bool back;	   /* to what was: a queue that cannot is down */
	char why[128];	   /* it has not come to its end */
};

/* Queues of one port that are closed at the same time. */
struct set {
	struct port *port;
	struct queue *queues[PKT_MAX_QUEUES];
	struct queue_sockets *sockets[PKT_MAX_QUEUES]; /* owned: the next */
	uint64_t begin_ns[PKT_MAX_QUEUES];	       /* 0: it goes on */
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

/* All that can be done while the queue is in use. */
static int prepare(const struct pass *pass, struct set *set,
		   struct queue *queue)
{
	const bool uplink = queue->port->kind == PORT_UPLINK;
	int err;

	err = queue_prepare(queue, &pass->agent->vs.arena, pass->n_frames,
			    uplink ? pass->n_frames : 0, &set->sockets[set->n]);
	if (!err)
		set->queues[set->n++] = queue;
	return err;
}

static int prepare_others(const struct pass *pass, struct set *set)
{
	const struct queue *first = set->queues[0];
	int err = 0;

	for (uint32_t i = 0; i < set->port->n_queues && !err; i++) {
		struct queue *queue = set->port->queues[i];

		if (queue != first && !queue->umem.region)
			err = prepare(pass, set, queue);
	}
	return err;
}

static void stop(struct agent *agent, struct set *set, uint32_t index)
{
	struct queue *queue = set->queues[index];
	struct worker *worker = worker_of(agent, queue);
	const uint64_t begin = now_ns();

	set->begin_ns[index] = begin;
	hide_sockets(agent, queue);
	while (worker_suspend_queue(worker, queue) &&
	       now_ns() - begin < QUIET_WAIT_NS)
		pause_ns(QUIET_PAUSE_NS);
	worker_del_queue(worker, queue);
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

static int serve(struct agent *agent, struct queue *queue)
{
	int err = worker_add_queue(worker_of(agent, queue), queue);

	return err ? err : show_sockets(agent, queue);
}

static int open_sockets(struct pass *pass, struct set *set, uint32_t index)
{
	struct queue *queue = set->queues[index];
	struct queue_sockets *sockets = set->sockets[index];
	int err;

	set->sockets[index] = NULL;
	__atomic_store_n(&queue->narrow, pass->narrow, __ATOMIC_RELAXED);
	err = queue_bind(queue, sockets);
	if (err)
		return err;
	if (queue->port->kind == PORT_UPLINK)
		queue->base_max = pass->n_frames;
	return serve(pass->agent, queue);
}

static void set_done(struct set *set)
{
	for (uint32_t i = 0; i < set->n; i++)
		queue_sockets_free(set->sockets[i]);
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

/* What was to take the queues' places could not be made, and none is closed:
 * they go on as they are. */
static int refuse(struct pass *pass, struct set *set, const struct queue *queue,
		  int err)
{
	int ret = 0;

	set_done(set);
	if (pass->back) {
		take_down(pass, queue, false, err);
		return 0;
	}
	snprintf(pass->why, sizeof(pass->why), "%.24s: queue %u: %s",
		 queue->port->name, queue->index, strerror(-err));
	for (uint32_t i = 0; i < set->n && !ret; i++) {
		if (set->begin_ns[i])
			ret = serve(pass->agent, set->queues[i]);
		if (ret)
			take_down(pass, set->queues[i], false, ret);
	}
	return err;
}

/* The set is the port's queue @index, or all queues it has if frames of that
 * one do not come back: then there is nothing left to do at the port
 * (*ret_done), and so if it is down. 0; or a negative errno and pass->why, and
 * the port is as it was. */
static int rebind_queue(struct pass *pass, struct port *port, uint32_t index,
			bool *ret_done)
{
	struct agent *agent = pass->agent;
	struct taking taking = { pass, port };
	struct set set = { .port = port };
	bool all;
	int err;

	*ret_done = true;
	err = prepare(pass, &set, port->queues[index]);
	if (err)
		return refuse(pass, &set, port->queues[index], err);
	stop(agent, &set, 0);
	all = set.queues[0]->n_out;
	if (all)
		err = prepare_others(pass, &set);
	if (err)
		return refuse(pass, &set, set.queues[0], err);
	for (uint32_t i = 1; i < set.n; i++)
		stop(agent, &set, i);
	close_sockets(pass, &set);
	queue_wait_for(port, all ? KEPT_WAIT_NS : QUEUE_WAIT_NS);
	if (all)
		vswitch_hold(&agent->vs, take_back, &taking);
	for (uint32_t i = 0; i < set.n; i++) {
		err = open_sockets(pass, &set, i);
		if (err) {
			set_done(&set);
			take_down(pass, set.queues[i], all, err);
			return 0;
		}
		note(pass->report, set.queues[i], now_ns() - set.begin_ns[i]);
	}
	agent_beat(agent);
	*ret_done = all;
	return 0;
}

/* All that do not have so many frames already. 0; or a negative errno and
 * pass->why, and some have. */
static int rebind_all(struct pass *pass)
{
	struct agent *agent = pass->agent;
	const uint64_t bytes = arena_addr(&agent->vs.arena, pass->n_frames);
	int err = 0;

	for (uint32_t i = 1; i < PKT_MAX_PORTS && !err; i++) {
		struct port *port = agent->ports[i];
		bool done = false;

		for (uint32_t q = 0;
		     port && q < port->n_queues && !done && !err; q++)
			if (!port->queues[q]->umem.region &&
			    port->queues[q]->umem.size != bytes)
				err = rebind_queue(pass, port, q, &done);
	}
	return err;
}

static void rebind_back(struct agent *agent, struct rebind_report *report)
{
	struct pass pass = { .agent = agent,
			     .report = report,
			     .n_frames = report->from,
			     .back = true };

	rebind_all(&pass);
}

static void explain_refusal(const struct pass *pass, char *err, size_t err_size)
{
	const struct rebind_report *report = pass->report;

	snprintf(err, err_size, "--size: %u: %s; it stays at %u frames",
		 report->to, pass->why, report->from);
}

/* ---- more ---- */

static int grow(struct agent *agent, struct rebind_report *report, char *err,
		size_t err_size)
{
	struct vswitch *vs = &agent->vs;
	const struct arena_region *region = &vs->arena.regions[0];
	const uint32_t n_more = report->to - report->from;
	const uint64_t bytes = arena_addr(&vs->arena, n_more);
	struct pass pass = { .agent = agent,
			     .report = report,
			     .n_frames = report->to };
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
	ret = rebind_all(&pass);
	if (ret) {
		explain_refusal(&pass, err, err_size);
		rebind_back(agent, report);
		/* Nobody has had any of them. */
		if (arena_resize(&vs->arena, report->from))
			log_error("the memory cannot be made smaller again");
		return ret;
	}
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
	struct pass pass = { .agent = agent,
			     .report = report,
			     .n_frames = report->to,
			     .narrow = true };
	int ret;

	promises_force(&vs->promises, n_less);
	pools_take_back(agent, NULL, 0);
	withdraw(agent, report->to);
	ret = rebind_all(&pass);
	if (ret) {
		explain_refusal(&pass, err, err_size);
	} else if (!wait_for_frames(agent, n_less)) {
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
	rebind_back(agent, report);
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
