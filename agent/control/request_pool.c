// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests that concern pools: see request.h and pools.h. */
#include <errno.h>
#include <stdio.h>

#include "base/base.h"
#include "base/log.h"
#include "base/size.h"
#include "control/pools.h"
#include "control/request_private.h"

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

/* Reads the option @name. No pool is of 0 frames. */
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
