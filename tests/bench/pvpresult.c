// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Makes a table, pvp.json and pvp.svg of what pvp.sh has measured: lines
 * "SWITCH PATH SIZE NAME VALUE" on standard input, several rounds of them, of
 * which the medians count. Exit code 1 if an aim is missed.
 *
 * Where the generator was slower than a switch (pressed 0), what is compared is
 * what the switch's core could do: 1 / cost.
 */
#include <math.h>

#include "result.h"

#define MAX_ROWS    2048
#define MAX_VALUES  32
#define MAX_RESULTS 128

/* ---- what was measured ---- */

struct row {
	char name[16], path[8], what[16];
	unsigned int size;
	double values[MAX_VALUES];
	int n;
	double median;
};

static struct row rows[MAX_ROWS];
static int n_rows;

static const char *const switches[] = { "pktagent", "bypass", "testpmd",
					"ovs" };
static const char *const switch_names[] = { "pktagent", "pktagent bypass",
					    "testpmd", "Open vSwitch" };
static const char *const paths[] = { "wgw", "wg", "gw", "gg" };
static const char *const path_names[] = { "wire to guest to wire",
					  "wire to guest", "guest to wire",
					  "guest to guest" };
#define N_SWITCHES ARRAY_SIZE(switches)

static struct row *find_row(const char *name, const char *path,
			    unsigned int size, const char *what)
{
	for (int i = 0; i < n_rows; i++)
		if (!strcmp(rows[i].name, name) &&
		    !strcmp(rows[i].path, path) && rows[i].size == size &&
		    !strcmp(rows[i].what, what))
			return &rows[i];
	return NULL;
}

/* The median, or NAN. */
static double value_of(const char *name, const char *path, unsigned int size,
		       const char *what)
{
	const struct row *row = find_row(name, path, size, what);

	return row ? row->median : NAN;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void read_rows(FILE *in)
{
	struct row r = { 0 }, *row;
	double value;

	while (fscanf(in, "%15s %7s %u %15s %lf", r.name, r.path, &r.size,
		      r.what, &value) == 5) {
		row = find_row(r.name, r.path, r.size, r.what);
		if (!row) {
			if (n_rows == MAX_ROWS)
				die("too many figures");
			row = &rows[n_rows++];
			*row = r;
		}
		if (row->n < MAX_VALUES)
			row->values[row->n++] = value;
	}
	if (!feof(in) || !n_rows)
		die("expected lines SWITCH PATH SIZE NAME VALUE");
	for (row = rows; row < rows + n_rows; row++) {
		qsort(row->values, (size_t)row->n, sizeof(double), compare);
		row->median = (row->values[(row->n - 1) / 2] +
			       row->values[row->n / 2]) /
			      2;
	}
}

/* ---- what comes of it ---- */

struct result {
	char name[96], unit[16], aim[64];
	double value;
	bool met;
};

static struct result results[MAX_RESULTS];
static int n_results;

/* ">=": at least @limit; "<=": at most. */
static void add_aim(double value, const char *unit, const char *sign,
		    double limit, const char *name)
{
	struct result *r = &results[n_results];

	if (isnan(value))
		return;
	if (n_results++ == MAX_RESULTS)
		die("too many aims");
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->unit, sizeof(r->unit), "%s", unit);
	snprintf(r->aim, sizeof(r->aim), "%s %g %s",
		 *sign == '>' ? "at least" : "at most", limit, unit);
	r->value = value;
	r->met = *sign == '>' ? value >= limit : value <= limit;
}

/* Frames a second that @a's core carries for each that @b's does; *ret_how says
 * which figures were compared. */
static double compare_rates(const char *a, const char *b, const char *path,
			    unsigned int size, const char **ret_how)
{
	bool pressed = value_of(a, path, size, "pressed") > 0.5 &&
		       value_of(b, path, size, "pressed") > 0.5;

	*ret_how = pressed ? "rate" : "per core";
	if (pressed)
		return value_of(a, path, size, "rate") /
		       value_of(b, path, size, "rate");
	return value_of(b, path, size, "cost") /
	       value_of(a, path, size, "cost");
}

static void add_rate_aim(const char *us, const char *peer, int path,
			 unsigned int size, double aim)
{
	const char *how;
	double ratio = compare_rates(us, peer, paths[path], size, &how);
	char name[96];

	snprintf(name, sizeof(name), "%s, %u B, %s: %s beside %s",
		 path_names[path], size, how, us, peer);
	add_aim(ratio, "times", ">=", aim, name);
}

static void add_latency_aims(const char *us, int path, unsigned int size)
{
	static const char *const whats[] = { "p99_10k", "p99_200k" };
	char name[96];

	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s, %u B, %s: %s beside ovs",
			 path_names[path], size, whats[i], us);
		add_aim(value_of(us, paths[path], size, whats[i]) /
				value_of("ovs", paths[path], size, whats[i]),
			"times", "<=", 1, name);
	}
}

static void add_aims(const unsigned int *sizes, int n_sizes)
{
	double tcp = value_of("pktagent", "tcp", 0, "gbps") /
		     value_of("ovs", "tcp", 0, "gbps");

	for (int path = 0; path < 3; path++)
		for (int i = 0; i < n_sizes; i++) {
			add_rate_aim("pktagent", "testpmd", path, sizes[i],
				     1.2);
			add_rate_aim("pktagent", "ovs", path, sizes[i], 2);
		}
	/* The way that such guests would go: past the switch. */
	add_rate_aim("bypass", "testpmd", 3, 64, 1.3);
	add_rate_aim("bypass", "testpmd", 3, 1514, 1.8);
	for (int path = 0; path < 4; path++)
		add_latency_aims("pktagent", path, 64);
	add_latency_aims("bypass", 3, 64);
	add_aim(tcp, "times", ">=", 3,
		"TCP between QEMU guests: pktagent with TSO beside ovs");
	add_aim(value_of("pktagent", "all", 0, "idle"), "percent", "<=", 1,
		"CPU of an idle pktagent, of a core");
}

static int list_sizes(unsigned int *ret_sizes, int max)
{
	int n = 0;

	for (int i = 0; i < n_rows; i++) {
		int k = 0;

		while (k < n && ret_sizes[k] != rows[i].size)
			k++;
		if (rows[i].size && k == n && n < max)
			ret_sizes[n++] = rows[i].size;
	}
	return n;
}

/* ---- the table ---- */

static void print_line(const char *path, unsigned int size, const char *label,
		       const char *what, double scale)
{
	char number[32];
	bool any = false;

	for (size_t i = 0; i < N_SWITCHES; i++)
		any |= !isnan(value_of(switches[i], path, size, what));
	if (!any)
		return;
	printf("  %-26s", label);
	for (size_t i = 0; i < N_SWITCHES; i++) {
		double value = value_of(switches[i], path, size, what);

		printf("%17s", isnan(value)
				       ? "-"
				       : result_number(value * scale, number));
	}
	putchar('\n');
}

static void print_table(const unsigned int *sizes, int n_sizes)
{
	char label[64];

	printf("\n  %-26s", "medians");
	for (size_t i = 0; i < N_SWITCHES; i++)
		printf("%17s", switch_names[i]);
	putchar('\n');
	for (size_t path = 0; path < ARRAY_SIZE(paths); path++)
		for (int i = 0; i < n_sizes; i++) {
			const char *p = paths[path];

			snprintf(label, sizeof(label),
				 "%s, %u B:", path_names[path], sizes[i]);
			if (find_row("testpmd", p, sizes[i], "rate") ||
			    find_row("pktagent", p, sizes[i], "rate"))
				printf("  %s\n", label);
			print_line(p, sizes[i], "  loss < 0.1 %, Mpps", "rate",
				   1e-6);
			print_line(p, sizes[i], "  overload, Mpps", "overload",
				   1e-6);
			print_line(p, sizes[i], "  CPU then, %", "busy", 1);
			print_line(p, sizes[i], "  ns per frame", "cost", 1);
			print_line(p, sizes[i], "  of it in the kernel",
				   "kernel", 1);
			print_line(p, sizes[i], "  p50 us at 10 kpps",
				   "p50_10k", 1);
			print_line(p, sizes[i], "  p99 us at 10 kpps",
				   "p99_10k", 1);
			print_line(p, sizes[i], "  p50 us at 200 kpps",
				   "p50_200k", 1);
			print_line(p, sizes[i], "  p99 us at 200 kpps",
				   "p99_200k", 1);
		}
	print_line("tcp", 0, "TCP, QEMU guests, Gbit/s", "gbps", 1);
	print_line("all", 0, "CPU when idle, %", "idle", 1);
	print_line("all", 0, "memory, MiB", "memory", 1);
	puts("\n  aims");
	for (int i = 0; i < n_results; i++)
		printf("  %-62s %6.2f  %s: %s\n", results[i].name,
		       results[i].value, results[i].aim,
		       results[i].met ? "met" : "MISSED");
}

/* ---- JSON ---- */

static const char *unit_of(const char *what)
{
	static const char *const units[][2] = {
		{ "cost", "ns" },    { "kernel", "ns" },   { "gbps", "Gbit/s" },
		{ "idle", "%" },     { "memory", "MiB" },  { "p50_10k", "us" },
		{ "p99_10k", "us" }, { "p50_200k", "us" }, { "p99_200k", "us" },
		{ "pressed", "" },   { "busy", "%" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(what, units[i][0]))
			return units[i][1];
	return "pps";
}

static void write_json(const char *path)
{
	json_t *list = json_array();
	json_t *root = json_pack("{s:o}", "figures", list);

	for (int i = 0; i < n_results; i++)
		json_array_append_new(
			list,
			json_pack("{s:s, s:f, s:s, s:s, s:b}", "name",
				  results[i].name, "value", results[i].value,
				  "unit", results[i].unit, "aim",
				  results[i].aim, "met", results[i].met));
	for (int i = 0; i < n_rows; i++)
		json_array_append_new(
			list,
			json_pack("{s:o, s:f, s:s, s:n, s:n}", "name",
				  json_sprintf("%s %s %u B %s", rows[i].name,
					       rows[i].path, rows[i].size,
					       rows[i].what),
				  "value", rows[i].median, "unit",
				  unit_of(rows[i].what), "aim", "met"));
	if (json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
		die("%s: cannot write", path);
	json_decref(root);
}

/* ---- the picture: a column of rates, a column of latencies ---- */

#define PICTURE_WIDTH	1100
#define PICTURE_COLUMN	540
#define PICTURE_TOP	72
#define PICTURE_BAR	13
#define PICTURE_BAR_MAX 330

static const char *const bar_colours[] = { "#1565c0", "#4fa3f7", "#7b8794",
					   "#b9a07a" };

/* A figure's bars, one a switch. Returns their height. */
static double draw_group(FILE *out, double x, double y, const char *path,
			 unsigned int size, const char *what, double scale)
{
	double max = 0, at = y + 6;
	char number[32], text[64];

	for (size_t i = 0; i < N_SWITCHES; i++)
		max = fmax(max, value_of(switches[i], path, size, what));
	for (size_t i = 0; i < N_SWITCHES; i++) {
		double value = value_of(switches[i], path, size, what);
		double width = max > 0 ? value / max * PICTURE_BAR_MAX : 0;

		if (isnan(value))
			continue;
		fprintf(out,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
			"height=\"%d\" fill=\"%s\"/>\n",
			x, at, width < 1 ? 1 : width, PICTURE_BAR,
			bar_colours[i]);
		snprintf(text, sizeof(text), "%s  %s",
			 result_number(value * scale, number), switch_names[i]);
		svg_text(out, x + width + 6, at + 11, "value", text);
		at += PICTURE_BAR + 3;
	}
	return at - y;
}

static double draw_column(FILE *out, double x, const char *title,
			  const char *what, double scale,
			  const unsigned int *sizes, int n_sizes)
{
	double y = PICTURE_TOP;
	char text[96];

	svg_text(out, x, y, "group", title);
	y += 24;
	for (size_t path = 0; path < ARRAY_SIZE(paths); path++)
		for (int i = 0; i < n_sizes; i++) {
			if (!find_row("testpmd", paths[path], sizes[i], what))
				continue;
			snprintf(text, sizeof(text), "%s, %u bytes",
				 path_names[path], sizes[i]);
			svg_text(out, x, y, "note", text);
			y += draw_group(out, x, y, paths[path], sizes[i], what,
					scale) +
			     20;
		}
	return y;
}

static void write_svg(const char *path, const char *title,
		      const unsigned int *sizes, int n_sizes)
{
	int height = PICTURE_TOP + 40 + n_sizes * (3 * 74 + 90);
	FILE *out = fopen(path, "we");

	if (!out)
		die("%s: %s", path, strerror(errno));
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%d\" viewBox=\"0 0 %d %d\" "
		"font-family=\"sans-serif\">\n"
		"<style>\n"
		".title{font-size:20px;font-weight:bold;fill:#1f2933}\n"
		".group{font-size:14px;font-weight:bold;fill:#1f2933}\n"
		".value{font-size:11px;fill:#1f2933}\n"
		".note{font-size:12px;fill:#52606d}\n"
		"</style>\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
		PICTURE_WIDTH, height, PICTURE_WIDTH, height, PICTURE_WIDTH,
		height);
	svg_text(out, SVG_LEFT, 34, "title", title);
	draw_column(out, SVG_LEFT,
		    "Highest rate with less than 0.1 % lost, Mpps", "rate",
		    1e-6, sizes, n_sizes);
	draw_column(out, SVG_LEFT + PICTURE_COLUMN,
		    "Time on the switch's core, ns per frame (less is better)",
		    "cost", 1, sizes, n_sizes);
	fputs("</svg>\n", out);
	if (fclose(out))
		die("%s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
	unsigned int sizes[8];
	int n_sizes, ret = EXIT_OK;
	char path[512];

	if (argc != 2 || argv[1][0] == '-')
		die("usage: pvpresult DIR < ROUNDS");
	read_rows(stdin);
	n_sizes = list_sizes(sizes, ARRAY_SIZE(sizes));
	add_aims(sizes, n_sizes);
	print_table(sizes, n_sizes);
	snprintf(path, sizeof(path), "%s/pvp.json", argv[1]);
	write_json(path);
	snprintf(path, sizeof(path), "%s/pvp.svg", argv[1]);
	write_svg(path, "vhost-user guests: one core for the switch", sizes,
		  n_sizes);
	for (int i = 0; i < n_results; i++)
		if (!results[i].met)
			ret = EXIT_FAILED;
	return ret;
}
