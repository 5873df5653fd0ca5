// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What views share: see view.h. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "cli/view.h"

static const struct {
	const char *object;
	void (*show)(const struct view *view);
} views[] = {
	{ "vm", view_vms },	    { "port", view_ports },
	{ "pool", view_pools },	    { "queue", view_queues },
	{ "worker", view_workers }, { "fdb", view_fdb },
	{ "bypass", view_bypass },  { "counters", view_counters },
	{ "tag", view_tags },	    { "class", view_classes },
};

bool view_known(const char *object)
{
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		if (!strcmp(object, views[i].object))
			return true;
	return false;
}

void view_show(const struct view *view, const char *object)
{
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		if (!strcmp(object, views[i].object))
			views[i].show(view);
}

void view_version(const struct view *view)
{
	const json_t *data = json_object_get(view->answer, "data");
	struct table t = { 0 };

	table_note(&t, "pktagent %s, process %" PRIu64 ", up for %s, %s",
		   view_string(data, "version"), view_number(data, "pid"),
		   number_duration(view_number(data, "uptime_s")).text,
		   view_bool(data, "ready") ? "ready" : "starting");
	table_note(&t, "%s, reloaded %" PRIu64 " times, refused %" PRIu64,
		   view_string(data, "config"), view_number(data, "reloads"),
		   view_number(data, "reload_failures"));
	table_print(&t, view->out, false);
	table_done(&t);
}

/* ---- members ---- */

const json_t *view_member(const json_t *obj, const char *path)
{
	char key[32];

	while (obj) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(key))
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';
		obj = json_object_get(obj, key);
		if (!path[len])
			return obj;
		path += len + 1;
	}
	return NULL;
}

uint64_t view_number(const json_t *obj, const char *path)
{
	json_int_t n = json_integer_value(view_member(obj, path));

	return n < 0 ? 0 : (uint64_t)n;
}

const char *view_string(const json_t *obj, const char *path)
{
	const char *text = json_string_value(view_member(obj, path));

	return text ? text : "";
}

bool view_bool(const json_t *obj, const char *path)
{
	return json_is_true(view_member(obj, path));
}

void view_list_note(struct table *t, const char *title, const json_t *array)
{
	char line[1024];
	size_t n = json_array_size(array), len = 0;

	for (size_t i = 0; i < n && len < sizeof(line); i++) {
		const char *text = json_string_value(json_array_get(array, i));

		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s",
					i ? ", " : "", text ? text : "");
	}
	if (n)
		table_note(t, "%s %s", title, line);
}

/* ---- differences ---- */

double view_seconds(const struct view *view)
{
	uint64_t now = view_number(view->answer, "time_ns");
	uint64_t then = view_number(view->before, "time_ns");

	/* Another agent counts anew. */
	if (!view->before || now <= then ||
	    view_number(view->answer, "started_ns") !=
		    view_number(view->before, "started_ns"))
		return 0;
	return (double)(now - then) / NS_PER_SEC;
}

const json_t *view_find_before(const struct view *view, const char *list,
			       const json_t *now, const char *key,
			       const char *key2)
{
	const json_t *data = json_object_get(view->before, "data");
	const json_t *array = list ? view_member(data, list) : data;
	size_t n = json_array_size(array);

	for (size_t i = 0; i < n; i++) {
		const json_t *obj = json_array_get(array, i);

		if (json_equal(json_object_get(obj, key),
			       json_object_get(now, key)) &&
		    (!key2 || json_equal(json_object_get(obj, key2),
					 json_object_get(now, key2))))
			return obj;
	}
	return NULL;
}

double view_rate(const struct view *view, const json_t *now,
		 const json_t *before, const char *path)
{
	double seconds = view_seconds(view);
	uint64_t n = view_number(now, path);
	uint64_t old = view_number(before, path);

	if (!before || seconds <= 0 || n < old)
		return NAN;
	return (double)(n - old) / seconds;
}
