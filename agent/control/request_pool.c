// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests that concern pools: see request.h and pools.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "base/size.h"
#include "control/audit.h"
#include "control/pools.h"
#include "control/rebind.h"
#include "control/request_private.h"
#include "control/status.h"

#define LOG_SHORT 40 /* changes told if not all are asked for */

/* The VM that is named. 0 or -EINVAL with the error in @req. */
static int find_vm(struct request *req, struct port **ret_port)
{
	const char *name = req->query.name;
	struct port *port = agent_find_port(req->env->agent, name);

	if (port && port->vm_config) {
		*ret_port = port;
		return 0;
	}
	snprintf(
		req->err, sizeof(req->err),
		port ? "%.64s: an uplink has no pool of its own; pktctl vm show lists the VMs"
		     : "%.64s: no such VM; pktctl vm show lists them",
		name);
	return -EINVAL;
}

/* Reads the option @name. Nothing is of 0 frames. */
static int read_frames(struct request *req, const char *name, const char *text,
		       uint64_t *ret_frames)
{
	const uint32_t frame_size = req->env->agent->vs.arena.frame_size;
	uint64_t frames;

	if (!size_parse_frames(text, frame_size, &frames) && frames) {
		*ret_frames = frames;
		return 0;
	}
	snprintf(
		req->err, sizeof(req->err),
		"--%s: %.64s: must be a number of frames from 1, or bytes with KiB, MiB or GiB (a frame has %u bytes)",
		name, text, frame_size);
	return -EINVAL;
}

int request_pool_resize(struct request *req)
{
	struct agent *agent = req->env->agent;
	uint64_t frames, max = 0;
	struct port *port;
	char text[512];
	int ret;

	if (!req->query.name || !req->frames) {
		snprintf(
			req->err, sizeof(req->err),
			req->query.name
				? "pool resize needs --frames, the size that the pool is to have"
				: "pool resize needs a VM");
		return -EINVAL;
	}
	if (!req->peer->may_command)
		return request_refuse(req, "resizing a pool");
	ret = find_vm(req, &port);
	if (!ret)
		ret = read_frames(req, "frames", req->frames, &frames);
	if (!ret && req->max)
		ret = read_frames(req, "max", req->max, &max);
	if (ret)
		return ret;
	ret = pools_resize(agent, port, frames, max, text, sizeof(text));
	if (ret) {
		snprintf(req->err, sizeof(req->err), "%s", text);
		return ret;
	}
	log_info("%s; resized by user %u, process %d", text,
		 (unsigned int)req->peer->uid, (int)req->peer->pid);
	return request_answer_with(req, request_one_text("summary", text));
}

static json_t *arena_json(const struct rebind_report *report,
			  const char *summary)
{
	json_t *obj = request_one_text("summary", summary);
	json_t *queues = json_array();

	for (uint32_t i = 0; i < report->n_queues; i++) {
		const struct rebound *rebound = &report->queues[i];
		json_t *queue = json_object();

		json_object_set_new(queue, "port", status_text(rebound->port));
		json_object_set_new(queue, "index",
				    json_integer(rebound->index));
		json_object_set_new(
			queue, "outage_us",
			json_integer(
				(json_int_t)(rebound->outage_ns / NS_PER_US)));
		json_array_append_new(queues, queue);
	}
	json_object_set_new(obj, "from", json_integer(report->from));
	json_object_set_new(obj, "to", json_integer(report->to));
	json_object_set_new(obj, "queues", queues);
	json_object_set_new(
		obj, "longest_us",
		json_integer((json_int_t)(report->longest_ns / NS_PER_US)));
	json_object_set_new(
		obj, "sum_us",
		json_integer((json_int_t)(report->sum_ns / NS_PER_US)));
	json_object_set_new(obj, "taken_back",
			    json_integer(report->n_taken_back));
	json_object_set_new(obj, "ports_down", json_integer(report->n_down));
	return obj;
}

static void summarize(const struct rebind_report *report, char *text,
		      size_t size)
{
	char lost[96] = "";

	if (report->n_taken_back)
		snprintf(lost, sizeof(lost),
			 "; %u packets were lost that a device did not send",
			 report->n_taken_back);
	if (report->from == report->to)
		snprintf(text, size, "%u frames, as before", report->to);
	else
		snprintf(
			text, size,
			"%u frames instead of %u; %u queues bound anew, %" PRIu64
			" ms each at most, %" PRIu64 " ms in all%s%s%s",
			report->to, report->from, report->n_queues,
			(uint64_t)(report->longest_ns / NS_PER_MS),
			(uint64_t)(report->sum_ns / NS_PER_MS), lost,
			report->n_down ? "; " : "", report->down);
}

int request_pool_arena(struct request *req)
{
	struct rebind_report report;
	uint64_t frames;
	char text[512];
	int ret;

	if (!req->size) {
		snprintf(
			req->err, sizeof(req->err),
			"pool arena needs --size, the frames that the host is to have");
		return -EINVAL;
	}
	if (!req->peer->may_command)
		return request_refuse(req, "resizing the arena");
	ret = read_frames(req, "size", req->size, &frames);
	if (!ret)
		ret = rebind_arena(req->env->agent, frames, &report, req->err,
				   sizeof(req->err));
	if (ret)
		return ret;
	summarize(&report, text, sizeof(text));
	log_info("arena: %s; by user %u, process %d", text,
		 (unsigned int)req->peer->uid, (int)req->peer->pid);
	ret = request_answer_with(req, arena_json(&report, text));
	rebind_report_done(&report);
	return ret;
}

/* Whether the log knows @name, which need be no VM's any more. */
static bool is_logged(const struct pools_log *log, const char *name)
{
	for (uint32_t i = 0; i < POOLS_LOG_SIZE && i < log->n; i++)
		if (!strcmp(log->entries[i].port, name))
			return true;
	return false;
}

int request_pool_log(struct request *req)
{
	const struct pools_log *log = req->env->agent->pools_log;
	const char *name = req->query.name;
	uint64_t n_forgotten;
	uint32_t n_earlier;
	struct port *port;
	size_t len;
	FILE *out;

	pools_collect(req->env->agent);
	if (name && !is_logged(log, name) && find_vm(req, &port))
		return -EINVAL;
	out = open_memstream(&req->data, &len);
	if (!out)
		return 0;
	n_earlier = status_pool_log(
		out, log, name, req->query.all ? POOLS_LOG_SIZE : LOG_SHORT);
	if (ferror(out) | fclose(out)) {
		free(req->data);
		req->data = NULL;
	}
	n_forgotten = log->n > POOLS_LOG_SIZE ? log->n - POOLS_LOG_SIZE : 0;
	snprintf(req->beside, sizeof(req->beside),
		 "\"earlier\":%u,\"forgotten\":%" PRIu64 ",\"lost\":%" PRIu64
		 ",",
		 n_earlier, n_forgotten, log->n_lost);
	return 0;
}

int request_pool_audit(struct request *req)
{
	json_t *obj = json_object(), *texts = json_array();
	struct audit audit;
	int ret;

	/* All workers stand still meanwhile. */
	if (!req->peer->may_command) {
		json_decref(obj);
		json_decref(texts);
		return request_refuse(req, "an audit");
	}
	ret = audit_run(req->env->agent, &audit);
	if (ret) {
		snprintf(req->err, sizeof(req->err), "no memory for an audit");
		json_decref(obj);
		json_decref(texts);
		return ret;
	}
	for (uint32_t i = 0; i < audit.n_problems && i < AUDIT_MAX_TEXTS; i++)
		json_array_append_new(texts, status_text(audit.texts[i]));
	json_object_set_new(obj, "clean", json_boolean(!audit.n_problems));
	json_object_set_new(obj, "frames", json_integer(audit.n_frames));
	json_object_set_new(obj, "ring_entries",
			    json_integer(audit.n_ring_entries));
	json_object_set_new(obj, "queues", json_integer(audit.n_queues));
	json_object_set_new(obj, "ports", json_integer(audit.n_ports));
	json_object_set_new(obj, "held_us",
			    json_integer((json_int_t)(audit.held_ns / 1000)));
	json_object_set_new(obj, "n_problems", json_integer(audit.n_problems));
	json_object_set_new(obj, "problems", texts);
	return request_answer_with(req, obj);
}
