// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* VMs' tags for people: see view.h. */
#include <inttypes.h>
#include <string.h>

#include "cli/view.h"

static void cell_identity(struct table *t, const json_t *tag)
{
	const json_t *who = view_member(tag, "identity");
	const char *kind = view_string(who, "kind");
	const char *cgroup = view_string(who, "cgroup");
	const char *netns = view_string(who, "netns");

	if (!strcmp(kind, "process"))
		table_cell(t, "process %" PRIu64 " of user %" PRIu64 "%s%s",
			   view_number(who, "pid"), view_number(who, "uid"),
			   cgroup[0] ? " in " : "", cgroup);
	else if (!strcmp(kind, "namespace"))
		table_cell(t, "namespace %s%s%" PRIu64 "%s", netns,
			   netns[0] ? " (" : "", view_number(who, "inode"),
			   netns[0] ? ")" : "");
	else
		table_cell(t, "%s", kind);
}

/* " 7, 8" of an array of numbers. */
static void numbers(const json_t *array, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < json_array_size(array) && len < size; i++)
		len += (size_t)snprintf(
			text + len, size - len, "%s %" JSON_INTEGER_FORMAT,
			i ? "," : "",
			json_integer_value(json_array_get(array, i)));
}

static void cell_queues(struct table *t, const json_t *tag)
{
	uint64_t n = view_number(tag, "queues.pairs");
	char own[512], uplink[512];

	numbers(view_member(tag, "queues.device"), own, sizeof(own));
	numbers(view_member(tag, "queues.uplink"), uplink, sizeof(uplink));
	table_cell(t, "%" PRIu64 " pair%s%s%s%s%s", n, n == 1 ? "" : "s",
		   own[0] ? ":" : "", own, uplink[0] ? "; uplink" : "", uplink);
}

static void cell_memory(struct table *t, const json_t *tag)
{
	uint64_t n = view_number(tag, "memory.umems");

	if (n)
		table_cell(t, "region %" PRIu64 ", %" PRIu64 " UMEM%s",
			   view_number(tag, "memory.region"), n,
			   n == 1 ? "" : "s");
	else
		table_cell(t, "region %" PRIu64,
			   view_number(tag, "memory.region"));
}

void view_tags(const struct view *view)
{
	static const char *const titles[] = { "VM",	"TAG",	  "IDENTITY",
					      "QUEUES", "MEMORY", "REFUSED",
					      NULL };
	const json_t *data = json_object_get(view->answer, "data");
	struct table t = { 0 };

	table_columns(&t, titles, 5);
	t.aligns[1] = TABLE_RIGHT;
	for (size_t i = 0; i < json_array_size(data); i++) {
		const json_t *tag = json_array_get(data, i);
		const char *why = view_string(tag, "why");

		table_row(&t);
		table_cell(&t, "%s", view_string(tag, "vm"));
		table_cell(&t, "%" PRIu64, view_number(tag, "tag"));
		cell_identity(&t, tag);
		cell_queues(&t, tag);
		cell_memory(&t, tag);
		table_cell(&t, "%s",
			   number_count(view_number(tag, "refused")).text);
		if (!why[0])
			continue;
		table_mark(&t);
		table_note(&t, "refused: %s", why);
	}
	table_print(&t, view->out, view->color);
	table_done(&t);
}
