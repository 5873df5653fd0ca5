// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests on the control socket: see request.h. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "control/bypass.h"
#include "control/request_private.h"
#include "control/status.h"

/* ---- what can be asked ---- */

int request_refuse(struct request *req, const char *what)
{
	const char *group = req->env->group;

	snprintf(
		req->err, sizeof(req->err),
		"%s: not permitted for user %u; only for root, the agent's own user%s%s",
		what, (unsigned int)req->peer->uid,
		group[0] ? " and members of the group " : "", group);
	return -EPERM;
}

int request_answer_with(struct request *req, json_t *obj)
{
	req->data = json_dumps(obj, JSON_COMPACT);
	json_decref(obj);
	return 0;
}

json_t *request_one_text(const char *key, const char *text)
{
	json_t *obj = json_object();

	json_object_set_new(obj, key, status_text(text));
	return obj;
}

static int do_show(struct request *req)
{
	return status_list(req->env->agent, &req->query, &req->data, req->err,
			   sizeof(req->err));
}

static int do_version(struct request *req)
{
	return request_answer_with(req,
				   status_version(req->env->agent, now_ns()));
}

static int do_reload(struct request *req)
{
	const struct server_hooks *hooks = req->env->hooks;
	int ret;

	if (!req->peer->may_command)
		return request_refuse(req, "reload");
	log_info("reload asked for by user %u, process %d",
		 (unsigned int)req->peer->uid, (int)req->peer->pid);
	ret = hooks->reload(hooks->arg, req->err, sizeof(req->err));
	if (ret)
		return ret;
	return request_answer_with(req, request_one_text("summary", req->err));
}

static int do_level(struct request *req)
{
	const char *name = req->query.name;
	int level;

	if (name) {
		level = log_level_parse(name);
		if (level < 0) {
			snprintf(
				req->err, sizeof(req->err),
				"%.64s: no such log level; there are error, warning, info and debug",
				name);
			return -EINVAL;
		}
		if (!req->peer->may_command)
			return request_refuse(req, "setting the log level");
		log_set_level((enum log_level)level);
		log_info("log level set to %s by user %u, process %d",
			 log_level_name((enum log_level)level),
			 (unsigned int)req->peer->uid, (int)req->peer->pid);
	}
	return request_answer_with(
		req,
		request_one_text("level", log_level_name(log_get_level())));
}

/* "on" or "off": the VM's packets may pass the switch by, or not. */
static int do_bypass(struct request *req)
{
	const char *name = req->query.name;
	struct port *port;
	char text[96];
	int ret;

	if (!name) {
		snprintf(req->err, sizeof(req->err), "bypass %s needs a VM",
			 req->verb);
		return -EINVAL;
	}
	if (!req->peer->may_command)
		return request_refuse(req, "switching the bypass");
	port = agent_find_port(req->env->agent, name);
	ret = port ? bypass_hold(req->env->agent, port,
				 !strcmp(req->verb, "off"))
		   : -EINVAL;
	if (ret) {
		snprintf(
			req->err, sizeof(req->err),
			ret == -EINVAL
				? "%.64s: no such vhost-user VM; pktctl vm show lists them"
				: "%.64s: not set up now; see pktctl vm show",
			name);
		return ret;
	}
	log_info("%s: bypass switched %s by user %u, process %d", port->name,
		 req->verb, (unsigned int)req->peer->uid, (int)req->peer->pid);
	snprintf(text, sizeof(text), "%s: %s", port->name,
		 strcmp(req->verb, "off")
			 ? "the rules of bypass hold again"
			 : "all its packets go through the switch");
	return request_answer_with(req, request_one_text("summary", text));
}

static const struct verb {
	const char *object;
	const char *verb;
	bool takes_name;
	bool takes_sizes; /* frames and max */
	bool takes_size;
	int (*run)(struct request *req);
} verbs[] = {
	{ "agent", "version", false, false, false, do_version },
	{ "agent", "reload", false, false, false, do_reload },
	{ "log", "level", true, false, false, do_level },
	{ "bypass", "on", true, false, false, do_bypass },
	{ "bypass", "off", true, false, false, do_bypass },
	{ "pool", "resize", true, true, false, request_pool_resize },
	{ "pool", "log", true, false, false, request_pool_log },
	{ "pool", "audit", false, false, false, request_pool_audit },
	{ "pool", "arena", false, false, true, request_pool_arena },
};

static const struct verb *find_verb(const char *object, const char *verb,
				    bool *ret_known)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(object, verbs[i].object))
			continue;
		*ret_known = true;
		if (!strcmp(verb, verbs[i].verb))
			return &verbs[i];
	}
	return NULL;
}

static int dispatch(struct request *req)
{
	static const struct verb show = { "",	 "show", true,
					  false, false,	 do_show };
	const char *object = req->query.object;
	bool known = status_known(object);
	const struct verb *verb =
		known && !strcmp(req->verb, "show")
			? &show
			: find_verb(object, req->verb, &known);

	if (!verb && !known)
		snprintf(
			req->err, sizeof(req->err),
			"%.64s: no such object; there are vm, port, pool, queue, tag, class, worker, fdb, bypass, counters, agent and log",
			object);
	else if (!verb)
		snprintf(req->err, sizeof(req->err),
			 "%.64s: %s does not know that", req->verb, object);
	else if (req->query.name && !verb->takes_name)
		snprintf(req->err, sizeof(req->err), "%s %s takes no name",
			 object, req->verb);
	else if ((req->frames || req->max) && !verb->takes_sizes)
		snprintf(req->err, sizeof(req->err),
			 "--%s: %.64s: %s %s takes no sizes; pool resize does",
			 req->frames ? "frames" : "max",
			 req->frames ? req->frames : req->max, object,
			 req->verb);
	else if (req->size && !verb->takes_size)
		snprintf(req->err, sizeof(req->err),
			 "--size: %.64s: %s %s takes no size; pool arena does",
			 req->size, object, req->verb);
	else
		return verb->run(req);
	return -EINVAL;
}

/* ---- reading ---- */

static int read_member(struct request *req, const char *key,
		       const json_t *value)
{
	const char *text = json_string_value(value);

	if (!strcmp(key, "all") && json_is_boolean(value))
		req->query.all = json_is_true(value);
	else if (!strcmp(key, "object") && text)
		req->query.object = text;
	else if (!strcmp(key, "verb") && text)
		req->verb = text;
	else if (!strcmp(key, "name") && text)
		req->query.name = text;
	else if (!strcmp(key, "frames") && text)
		req->frames = text;
	else if (!strcmp(key, "max") && text)
		req->max = text;
	else if (!strcmp(key, "size") && text)
		req->size = text;
	else {
		snprintf(
			req->err, sizeof(req->err),
			"%.64s: wrong member; there are object, verb, name, frames, max and size (strings) and all (true or false)",
			key);
		return -EINVAL;
	}
	return 0;
}

static int read_request(struct request *req, json_t *root)
{
	const char *key;
	json_t *value;
	int ret;

	if (!json_is_object(root)) {
		snprintf(req->err, sizeof(req->err),
			 "a request is a JSON object");
		return -EINVAL;
	}
	json_object_foreach(root, key, value)
	{
		ret = read_member(req, key, value);
		if (ret)
			return ret;
	}
	if (req->query.object && req->verb)
		return 0;
	snprintf(req->err, sizeof(req->err),
		 "a request needs the members object and verb");
	return -EINVAL;
}

/* ---- answering ---- */

char *request_error(const char *error)
{
	json_t *obj = json_object();
	_cleanup_free_ char *text = NULL;
	char *line;

	json_object_set_new(obj, "ok", json_false());
	json_object_set_new(obj, "error", status_text(error));
	text = json_dumps(obj, JSON_COMPACT);
	json_decref(obj);
	return text && asprintf(&line, "%s\n", text) >= 0 ? line : NULL;
}

static char *success(const struct request *req, uint64_t now)
{
	char *line;

	if (asprintf(&line,
		     "{\"ok\":true,\"time_ns\":%" PRIu64
		     ",\"started_ns\":%" PRIu64 ",%s\"data\":%s}\n",
		     now, req->env->agent->started_ns, req->beside,
		     req->data) < 0)
		return NULL;
	return line;
}

char *request_answer(const struct request_env *env,
		     const struct request_peer *peer, const char *text,
		     size_t len)
{
	struct request req = { .env = env, .peer = peer };
	uint64_t now = now_ns();
	json_error_t error;
	json_t *root;
	char *line;
	int ret;

	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (root) {
		ret = read_request(&req, root);
	} else {
		ret = -EINVAL;
		snprintf(req.err, sizeof(req.err), "not JSON: column %d: %s",
			 error.column, error.text);
	}
	if (!ret)
		ret = dispatch(&req);
	json_decref(root);
	if (!ret && !req.data) {
		ret = -ENOMEM;
		snprintf(req.err, sizeof(req.err), "out of memory");
	}
	line = ret ? request_error(req.err) : success(&req, now);
	free(req.data);
	return line;
}
