// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pools, and how they changed, for people: see view.h. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli/view.h"

#define BAR_LEAST 10   /* cells of a bar */
#define TIME_MAX  1e11 /* seconds: what is more is no time */

/* ---- sizes ---- */

static void cell_of(struct table *t, const json_t *obj, const char *used,
		    const char *limit)
{
	table_cell(t, "%" PRIu64 "/%" PRIu64, view_number(obj, used),
		   view_number(obj, limit));
}

static bool is_vm(const json_t *pool)
{
	return !strcmp(view_string(pool, "kind"), "vm");
}

static uint64_t count_resizes(const json_t *pool)
{
	json_t *resizes = json_object_get(pool, "resizes"), *n;
	const char *reason;
	uint64_t sum = 0;

	json_object_foreach(resizes, reason, n)
		sum += (uint64_t)json_integer_value(n);
	return sum;
}

/* What frames are promised for, as an equation. */
static void note_promises(struct table *t, const json_t *arena)
{
	const json_t *p = json_object_get(arena, "promises");

	table_note(t,
		   "%" PRIu64 " frames = %lld spare + %" PRIu64
		   " lent as slack + promised: %" PRIu64 " queues + %" PRIu64
		   " out + %" PRIu64 " minimums + %" PRIu64 " reserve",
		   view_number(p, "total"),
		   (long long)json_integer_value(view_member(p, "spare")),
		   view_number(p, "lent"), view_number(p, "queues"),
		   view_number(p, "out"), view_number(p, "minimums"),
		   view_number(p, "reserve"));
	if (view_bool(p, "adds_up"))
		table_note(t, "adds up: no frame is promised twice");
	else
		table_note(
			t,
			"DOES NOT ADD UP: %lld missing, or on their way between two of them",
			(long long)json_integer_value(
				view_member(p, "missing")));
}

static void note_pressure(struct table *t, const json_t *arena)
{
	const json_t *p = json_object_get(arena, "pressure");

	if (view_bool(p, "watched"))
		table_note(t, "memory pressure: %s, %" PRIu64 " events",
			   view_bool(p, "now") ? "now" : "none",
			   view_number(p, "events"));
	else
		table_note(t, "memory pressure: not watched: %s",
			   view_string(p, "why"));
}

/* The account of all frames, as an equation. */
static void print_account(const struct view *view, const json_t *arena)
{
	const char *why = view_string(arena, "hugepages.why");
	json_int_t missing = json_integer_value(view_member(arena, "missing"));
	struct table t = { 0 };

	table_note(&t,
		   "%" PRIu64 " frames = %" PRIu64 " host + %" PRIu64
		   " caches + %" PRIu64 " queues + %" PRIu64 " out",
		   view_number(arena, "total"), view_number(arena, "host"),
		   view_number(arena, "caches"), view_number(arena, "queues"),
		   view_number(arena, "out"));
	if (view_bool(arena, "adds_up"))
		table_note(&t, "adds up: no frame is missing");
	else
		table_note(&t, "DOES NOT ADD UP: %lld missing",
			   (long long)missing);
	note_promises(&t, arena);
	table_note(&t, "%" PRIu64 " bytes each, %s pages (asked: %s)%s%s",
		   view_number(arena, "frame_bytes"),
		   view_bool(arena, "hugepages.got") ? "2-MiB" : "small",
		   view_string(arena, "hugepages.asked"), why[0] ? ": " : "",
		   why);
	note_pressure(&t, arena);
	table_print(&t, view->out, false);
	table_done(&t);
}

static void print_pools(const struct view *view, const json_t *ports)
{
	/* clang-format off */
	static const char *const titles[] = {
		"PORT", "KIND", "SIZE", "USED", "MIN", "MAX",
		"POSTED USED/NOW/MAX", "RX USED/LIMIT", "OUT USED/MAX", "RESIZES",
		NULL,
	};
	/* clang-format on */
	struct table t = { 0 };

	table_columns(&t, titles, 2);
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *pool = json_array_get(ports, i);

		table_row(&t);
		table_cell(&t, "%s", view_string(pool, "port"));
		table_cell(&t, "%s", view_string(pool, "kind"));
		table_cell(&t, "%" PRIu64, view_number(pool, "size"));
		table_cell(&t, "%" PRIu64, view_number(pool, "used"));
		table_cell(&t, "%" PRIu64, view_number(pool, "min"));
		table_cell(&t, "%" PRIu64, view_number(pool, "max"));
		table_cell(&t, "%" PRIu64 "/%" PRIu64 "/%" PRIu64,
			   view_number(pool, "posted_used"),
			   view_number(pool, "posted"),
			   view_number(pool, "posted_max"));
		cell_of(&t, pool, "rx_used", "rx_limit");
		cell_of(&t, pool, "out_used", "out_max");
		if (is_vm(pool))
			table_cell(&t, "%s",
				   number_count(count_resizes(pool)).text);
		else
			table_cell(&t, "-");
	}
	table_print(&t, view->out, view->color);
	table_done(&t);
}

/* ---- bars ---- */

struct glyphs {
	const char *used, *free, *rest, *min;
};

static const struct glyphs ascii_glyphs = { "#", "=", ".", "|" };
static const struct glyphs utf8_glyphs = { "\u2588", "\u2592", "\u00b7",
					   "\u2502" };

/* What all bars have in common. */
struct bars {
	const struct view *view;
	const struct glyphs *glyphs;
	int name_width, number_width;
};

/* How many of @cells @n of @all are: at least one if it is anything, and all
 * only if it is all. */
static uint64_t cells_of(uint64_t n, uint64_t all, uint64_t cells)
{
	uint64_t whole;
	double part;

	if (!n || n >= all)
		return n ? cells : 0;
	part = (double)n / (double)all * (double)cells;
	whole = (uint64_t)part;
	whole += (double)whole < part;
	return whole < cells ? whole : cells - 1;
}

static void put_bar(const struct bars *bars, const json_t *pool, uint64_t cells)
{
	uint64_t size = view_number(pool, "size");
	uint64_t max = view_number(pool, "max");
	/* A pool may be above a maximum that has just been lowered. */
	uint64_t all = max > size ? max : size;
	uint64_t n_size = cells_of(size, all, cells);
	uint64_t n_used = cells_of(view_number(pool, "used"), all, cells);
	uint64_t n_min = cells_of(view_number(pool, "min"), all, cells);
	const struct glyphs *glyphs = bars->glyphs;
	FILE *out = bars->view->out;

	fputc('[', out);
	for (uint64_t i = 0; i < cells; i++) {
		if (i == n_min)
			fputs(glyphs->min, out);
		fputs(i < n_used   ? glyphs->used
		      : i < n_size ? glyphs->free
				   : glyphs->rest,
		      out);
	}
	fputs(n_min == cells ? glyphs->min : "", out);
	fputc(']', out);
}

/* As in tables, no name can write to the terminal what it likes. */
static void put_name(const struct bars *bars, const char *name)
{
	int width = bars->name_width;

	for (; *name; name++, width--)
		fputc(*name < ' ' || *name > '~' ? '?' : *name,
		      bars->view->out);
	fprintf(bars->view->out, "%*s", width, "");
}

/* One line, or two where one is too narrow. */
static void put_pool(const struct bars *bars, const json_t *pool)
{
	uint32_t width = bars->view->width;
	int n = bars->number_width;
	char text[160];
	size_t others;

	snprintf(text, sizeof(text),
		 "used %*" PRIu64 ", size %*" PRIu64 ", min %*" PRIu64
		 ", max %*" PRIu64,
		 n, view_number(pool, "used"), n, view_number(pool, "size"), n,
		 view_number(pool, "min"), n, view_number(pool, "max"));
	/* Besides the cells: two gaps, brackets, the minimum's mark. */
	others = (size_t)bars->name_width + strlen(text) + 7;
	put_name(bars, view_string(pool, "port"));
	if (width >= others + BAR_LEAST) {
		fputs("  ", bars->view->out);
		put_bar(bars, pool, width - others);
		fprintf(bars->view->out, "  %s\n", text);
	} else {
		fprintf(bars->view->out, "  %s\n", text);
		put_bar(bars, pool,
			width >= BAR_LEAST + 3 ? width - 3 : BAR_LEAST);
		fputc('\n', bars->view->out);
	}
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

static void print_bars(const struct view *view, const json_t *ports)
{
	const struct glyphs *g = view->utf8 ? &utf8_glyphs : &ascii_glyphs;
	struct bars bars = { .view = view, .glyphs = g };
	char text[32];

	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *pool = json_array_get(ports, i);
		uint64_t size = view_number(pool, "size");
		uint64_t max = view_number(pool, "max");

		if (!is_vm(pool))
			continue;
		snprintf(text, sizeof(text), "%" PRIu64,
			 max > size ? max : size);
		bars.name_width =
			max_int(bars.name_width,
				(int)strlen(view_string(pool, "port")));
		bars.number_width =
			max_int(bars.number_width, (int)strlen(text));
	}
	for (size_t i = 0; i < json_array_size(ports); i++)
		if (is_vm(json_array_get(ports, i)))
			put_pool(&bars, json_array_get(ports, i));
	fprintf(view->out,
		"%s used  %s free  %s up to the maximum  %s minimum\n", g->used,
		g->free, g->rest, g->min);
}

static void print_spare(const struct view *view, const json_t *arena)
{
	/* Without isolated VMs' memory: it is spare to nobody else. */
	json_int_t total =
		json_integer_value(view_member(arena, "promises.total"));
	json_int_t spare =
		json_integer_value(view_member(arena, "promises.spare"));
	json_int_t lent =
		json_integer_value(view_member(arena, "promises.lent"));

	fprintf(view->out,
		"%lld frames: promised %lld, spare %lld, lent as slack %lld\n",
		(long long)total, (long long)(total - spare - lent),
		(long long)spare, (long long)lent);
}

void view_pools(const struct view *view)
{
	const json_t *data = json_object_get(view->answer, "data");
	const json_t *ports = json_object_get(data, "ports");
	const json_t *arena = json_object_get(data, "arena");

	if (view->rates) {
		print_bars(view, ports);
		print_spare(view, arena);
	} else {
		print_pools(view, ports);
		print_account(view, arena);
	}
}

/* ---- log ---- */

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

void view_pool_audit(const struct view *view)
{
	const json_t *data = json_object_get(view->answer, "data");
	const json_t *problems = json_object_get(data, "problems");
	uint64_t n = view_number(data, "n_problems");

	fprintf(view->out,
		"%" PRIu64 " frames, %" PRIu64 " queues of %" PRIu64
		" ports, %" PRIu64
		" entries of rings; the workers stood still for %" PRIu64
		" us\n",
		view_number(data, "frames"), view_number(data, "queues"),
		view_number(data, "ports"), view_number(data, "ring_entries"),
		view_number(data, "held_us"));
	if (view_bool(data, "clean")) {
		fputs("clean: each frame is where it belongs, once\n",
		      view->out);
		return;
	}
	for (size_t i = 0; i < json_array_size(problems); i++)
		fprintf(view->out, "%s\n",
			json_string_value(json_array_get(problems, i)));
	fprintf(view->out, "NOT CLEAN: %" PRIu64 " problems%s\n", n,
		n > json_array_size(problems) ? ", the first ones above" : "");
}
