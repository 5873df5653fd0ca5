// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Traffic classes for people: see view.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "cli/view.h"

static void cell_limit(struct table *t, const json_t *class, const char *path)
{
	char at[48], text[32] = "-";
	uint64_t bits, packets;

	snprintf(at, sizeof(at), "%s.bits", path);
	bits = view_number(class, at);
	snprintf(at, sizeof(at), "%s.packets", path);
	packets = view_number(class, at);
	if (bits)
		size_format_rate(bits, text, sizeof(text));
	if (packets)
		table_cell(t, "%s%s%s pps", bits ? text : "", bits ? ", " : "",
			   number_count(packets).text);
	else
		table_cell(t, "%s", text);
}

static uint64_t lost(const json_t *class)
{
	const json_t *dropped = view_member(class, "dropped");
	const char *key;
	json_t *value;
	uint64_t sum = 0;

	json_object_foreach((json_t *)dropped, key, value)
		sum += (uint64_t)json_integer_value(value);
	return sum;
}

static void note_drops(struct table *t, const json_t *class)
{
	const json_t *dropped = view_member(class, "dropped");
	char text[256] = "";
	size_t len = 0;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)dropped, key, value)
		if (json_integer_value(value) && len < sizeof(text))
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, "%s%s %s",
				len ? ", " : "", key,
				number_count((uint64_t)json_integer_value(
						     value))
					.text);
	if (text[0])
		table_note(t, "dropped: %s", text);
}

static void cells_flow(struct table *t, const struct view *view,
		       const json_t *class, const json_t *before)
{
	double bits;

	if (!view->rates) {
		table_cell(t, "%s",
			   number_count(view_number(class, "out.packets"))
				   .text);
		table_cell(t, "%s",
			   number_count(view_number(class, "out.bytes")).text);
		table_cell(t, "%s",
			   number_count(view_number(class, "marked")).text);
		table_cell(t, "%s", number_count(lost(class)).text);
		return;
	}
	table_cell(t, "%s",
		   number_rate(view_rate(view, class, before, "out.packets"))
			   .text);
	bits = view_rate(view, class, before, "out.bytes") * 8;
	table_cell(t, "%s", number_rate(bits).text);
	table_cell(t, "%s",
		   number_rate(view_rate(view, class, before, "marked")).text);
	table_cell(t, "%s",
		   number_rate(before ? (double)(lost(class) - lost(before)) /
						view_seconds(view)
				      : -1)
			   .text);
}

void view_classes(const struct view *view)
{
	static const char *const totals[] = {
		"PORT", "CLASS",   "SERVED", "MIN",    "MAX",  "WAITING",
		"OUT",	"OUT BYTES", "MARKED", "DROPPED", NULL
	};
	static const char *const rates[] = {
		"PORT",	 "CLASS",  "SERVED", "MIN",	  "MAX",  "WAITING",
		"OUT/s", "OUT bit/s", "MARKED/s", "DROPPED/s", NULL
	};
	const json_t *data = json_object_get(view->answer, "data");
	struct table t = { 0 };

	table_columns(&t, view->rates ? rates : totals, 1);
	t.aligns[2] = TABLE_LEFT;
	for (size_t i = 0; i < json_array_size(data); i++) {
		const json_t *class = json_array_get(data, i);
		const json_t *before =
			view_find_before(view, NULL, class, "port", "class");

		table_row(&t);
		table_cell(&t, "%s", view_string(class, "port"));
		table_cell(&t, "%" PRIu64, view_number(class, "class"));
		if (view_bool(class, "strict"))
			table_cell(&t, "first");
		else
			table_cell(&t, "by weight %" PRIu64,
				   view_number(class, "weight"));
		cell_limit(&t, class, "min");
		cell_limit(&t, class, "max");
		table_cell(&t, "%s",
			   number_count(view_number(class, "waiting.packets"))
				   .text);
		cells_flow(&t, view, class, before);
		if (!view->rates)
			note_drops(&t, class);
	}
	table_print(&t, view->out, view->color);
	if (!json_array_size(data))
		fputs("No port is shaped (keys shape and rate of pktagent.yaml).\n",
		      view->out);
	table_done(&t);
}
