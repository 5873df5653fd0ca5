// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How pools changed, for people: see view.h. */
#include <inttypes.h>
#include <time.h>

#include "cli/view.h"

#define TIME_MAX 1e11 /* seconds: what is more is no time */

/* Local time, with milliseconds. */
static void cell_time(struct table *t, const json_t *entry)
{
	double s = json_number_value(view_member(entry, "time"));
	long long ms = s > 0 && s < TIME_MAX ? (long long)(s * 1000 + 0.5) : 0;
	time_t seconds = (time_t)(ms / 1000);
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	table_cell(t, "%s.%03d", text, (int)(ms % 1000));
}

/* What is not shown, and why. */
static void print_rest(const struct view *view, size_t n)
{
	uint64_t earlier = view_number(view->answer, "earlier");
	uint64_t forgotten = view_number(view->answer, "forgotten");
	uint64_t lost = view_number(view->answer, "lost");
	struct table t = { 0 };

	if (!n)
		table_note(&t, "no pool has changed its size");
	if (earlier)
		table_note(&t, "%" PRIu64 " earlier ones are there: -a",
			   earlier);
	if (forgotten)
		table_note(&t, "%" PRIu64 " older ones are no longer there",
			   forgotten);
	if (lost)
		table_note(&t,
			   "%" PRIu64
			   " were lost, because too many came at once",
			   lost);
	table_print(&t, view->out, false);
	table_done(&t);
}

void view_pool_log(const struct view *view)
{
	static const char *const titles[] = {
		"TIME", "VM", "FROM", "TO", "REASON", NULL,
	};
	const json_t *data = json_object_get(view->answer, "data");
	struct table t = { 0 };

	table_columns(&t, titles, 2);
	t.aligns[4] = TABLE_LEFT;
	for (size_t i = 0; i < json_array_size(data); i++) {
		const json_t *entry = json_array_get(data, i);

		table_row(&t);
		cell_time(&t, entry);
		table_cell(&t, "%s", view_string(entry, "vm"));
		table_cell(&t, "%" PRIu64, view_number(entry, "from"));
		table_cell(&t, "%" PRIu64, view_number(entry, "to"));
		table_cell(&t, "%s", view_string(entry, "reason"));
	}
	if (json_array_size(data))
		table_print(&t, view->out, view->color);
	table_done(&t);
	print_rest(view, json_array_size(data));
}
