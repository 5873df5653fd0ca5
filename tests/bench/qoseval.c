// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Makes figures of what "qosflow recv" has written; each is a line
 * "NAME VALUE".
 *
 *	share	bits a second of each flow in a window of time, of all together,
 *		Jain's index of fairness, latencies and losses
 *	steps	how long after each change of who sends the rates have settled
 *	plot	a picture of the flows' rates, a panel for each file
 *
 * A rate has settled at the first time from which on, for --hold, its mean over
 * any --window is within --band of what it is in the last half of the step.
 * The packets of a window must be many more than 1/band: a rate in packets is
 * no finer than one. Where a flow has less than a tenth of the largest one's
 * rate it is not among those that send, and is left out.
 */
#include <getopt.h>

#include "ratesimplot.h"

#define MAX_FLOWS  64
#define MAX_EDGES  16
#define MAX_PANELS 8
#define MS_NS	   1000000.0

struct flow {
	int id;
	double packets, lost, p50, p99;
	double *bins; /* owned; bytes */
	size_t n_bins;
};

struct options {
	double start_ns; /* of the first period */
	double period_ms;
	double edges[MAX_EDGES]; /* ms in a period; the last one is its end */
	uint32_t n_edges;
	double from_ms, to_ms; /* share */
	double window_ms, hold_ms, band;
	double max_mbit;
	const char *out, *title;
	bool log;
};

struct run {
	struct options o;
	double bin_ns, start_ns;
	struct flow flows[MAX_FLOWS];
	uint32_t n_flows;
};

/* Times of one kind of step, ms. */
struct times {
	double *all; /* owned; the whole step of those that have not settled */
	size_t n, unsettled;
};

static const struct option long_options[] = {
	{ "start", required_argument, NULL, 'S' },
	{ "from", required_argument, NULL, 'f' },
	{ "to", required_argument, NULL, 't' },
	{ "period", required_argument, NULL, 'P' },
	{ "edges", required_argument, NULL, 'e' },
	{ "window", required_argument, NULL, 'w' },
	{ "hold", required_argument, NULL, 'H' },
	{ "band", required_argument, NULL, 'b' },
	{ "max", required_argument, NULL, 'm' },
	{ "out", required_argument, NULL, 'o' },
	{ "title", required_argument, NULL, 'T' },
	{ "log", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("qoseval share FILE [--start NS] [--from MS] [--to MS]\n"
	     "qoseval steps FILE --start NS --period MS --edges MS,...\n"
	     "qoseval plot NAME:NS:FILE... --out SVG [--title TEXT] [--max MBIT]\n"
	     "                   NS: when time begins in FILE\n"
	     "  --start NS       when time begins (the file's beginning)\n"
	     "  --from MS --to MS   what is looked at (all)\n"
	     "  --period MS      of what is repeated\n"
	     "  --edges A,B,...  where in it something changes\n"
	     "  --window MS      of means (5)\n"
	     "  --hold MS        how long they have to stay (10)\n"
	     "  --band X         around the last value (0.05)\n"
	     "  --log            each step, too");
}

/* ---- options ---- */

static double parse_ms(const char *option, const char *text, const char **end)
{
	char *stop;
	double value = strtod(text, &stop);

	if (stop == text || (*stop && (!end || *stop != ',')) ||
	    !(value >= 0 && value < 1e9))
		die("--%s %s: expected a number", option, text);
	if (end)
		*end = *stop ? stop + 1 : stop;
	return value;
}

static void parse_edges(const char *text, struct options *o)
{
	while (*text) {
		if (o->n_edges == MAX_EDGES - 1)
			die("--edges %s: too many", text);
		o->edges[o->n_edges++] = parse_ms("edges", text, &text);
	}
}

static void parse_options(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'S':
			o->start_ns = (double)parse_number("start", optarg, 1,
							   UINT64_MAX);
			break;
		case 'f':
			o->from_ms = parse_ms("from", optarg, NULL);
			break;
		case 't':
			o->to_ms = parse_ms("to", optarg, NULL);
			break;
		case 'P':
			o->period_ms = parse_ms("period", optarg, NULL);
			break;
		case 'e':
			parse_edges(optarg, o);
			break;
		case 'w':
			o->window_ms = parse_ms("window", optarg, NULL);
			break;
		case 'H':
			o->hold_ms = parse_ms("hold", optarg, NULL);
			break;
		case 'b':
			o->band = parse_ms("band", optarg, NULL);
			break;
		case 'm':
			o->max_mbit = parse_ms("max", optarg, NULL);
			break;
		case 'o':
			o->out = optarg;
			break;
		case 'T':
			o->title = optarg;
			break;
		case 'l':
			o->log = true;
			break;
		case 'h':
			print_usage();
			exit(EXIT_OK);
		default:
			exit(EXIT_USAGE);
		}
	}
}

/* ---- the file ---- */

static double get(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void load_flow(struct run *run, const json_t *json)
{
	struct flow *f = &run->flows[run->n_flows++];
	const json_t *bins = json_object_get(json, "bins");
	const json_t *latency = json_object_get(json, "latency_us");

	f->id = (int)get(json, "flow");
	f->packets = get(json, "packets");
	f->lost = get(json, "lost");
	f->p50 = get(latency, "p50");
	f->p99 = get(latency, "p99");
	f->n_bins = json_array_size(bins);
	f->bins = calloc(f->n_bins + 1, sizeof(*f->bins));
	if (!f->bins)
		die("no memory");
	for (size_t i = 0; i < f->n_bins; i++)
		f->bins[i] = json_number_value(json_array_get(bins, i));
}

static void load(struct run *run, const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	const json_t *flows = json_object_get(root, "flows");

	if (!json_is_array(flows) || json_array_size(flows) > MAX_FLOWS)
		die("%s: not what qosflow writes", path);
	run->bin_ns = get(root, "bin_ns");
	run->start_ns = get(root, "start_ns");
	if (!(run->bin_ns > 0))
		die("%s: not what qosflow writes", path);
	for (size_t i = 0; i < json_array_size(flows); i++)
		load_flow(run, json_array_get(flows, i));
	json_decref(root);
	if (!run->o.start_ns)
		run->o.start_ns = run->start_ns;
}

/* The number of the bin at @ms after the start. */
static long bin_at(const struct run *run, double ms)
{
	return (long)((run->o.start_ns - run->start_ns + ms * MS_NS) /
		      run->bin_ns);
}

/* Bits a second of @f, or of all flows, in @n bins from @first on. */
static double rate(const struct run *run, const struct flow *f, long first,
		   long n)
{
	const struct flow *end = f ? f + 1 : run->flows + run->n_flows;
	double bytes = 0;

	for (f = f ? f : run->flows; f < end; f++)
		for (long i = first < 0 ? 0 : first;
		     i < first + n && i < (long)f->n_bins; i++)
			bytes += f->bins[i];
	return n > 0 ? bytes * 8e9 / ((double)n * run->bin_ns) : 0;
}

/* ---- share ---- */

static void share(const struct run *run)
{
	double sum = 0, squares = 0, to = run->o.to_ms, r;
	long first = bin_at(run, run->o.from_ms), n = 0;
	uint32_t active = 0;

	for (uint32_t i = 0; i < run->n_flows; i++)
		if (!to && (long)run->flows[i].n_bins - first > n)
			n = (long)run->flows[i].n_bins - first;
	if (to)
		n = bin_at(run, to) - first;
	for (uint32_t i = 0; i < run->n_flows; i++) {
		const struct flow *f = &run->flows[i];

		r = rate(run, f, first, n);
		printf("bits_%d %.0f\n", f->id, r);
		if (f->packets > 0)
			printf("lost_%d %.6g\np50_us_%d %.6g\np99_us_%d %.6g\n",
			       f->id, f->lost / (f->packets + f->lost), f->id,
			       f->p50, f->id, f->p99);
		if (r <= 0)
			continue;
		sum += r;
		squares += r * r;
		active++;
	}
	printf("bits %.0f\n", sum);
	if (active)
		printf("jain %.6f\n", sum * sum / (active * squares));
}

/* ---- steps ---- */

/* The ms after bin @first at which @f, or the sum, has settled; -1: it has not
 * before bin @end. @least: it may also be more than @target. */
static double settled(const struct run *run, const struct flow *f, long first,
		      long end, double target, bool least)
{
	long window = (long)(run->o.window_ms * MS_NS / run->bin_ns);
	long hold = (long)(run->o.hold_ms * MS_NS / run->bin_ns);
	long since = -1, i;

	window = window ? window : 1;
	for (i = first; i + window <= end; i++) {
		double r = rate(run, f, i, window);

		if (r < target * (1 - run->o.band) ||
		    (!least && r > target * (1 + run->o.band)))
			since = -1;
		else if (since < 0)
			since = i;
		if (since >= 0 && i - since >= hold)
			return (double)(since - first) * run->bin_ns / MS_NS;
	}
	return -1;
}

/* @step_ms: how long the step is. */
static void add_time(struct times *t, double ms, double step_ms)
{
	if (ms < 0) {
		t->unsettled++;
		ms = step_ms;
	}
	t->all = reallocarray(t->all, t->n + 1, sizeof(*t->all));
	if (!t->all)
		die("no memory");
	t->all[t->n++] = ms;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_times(struct times *t, const char *name, int number)
{
	char suffix[16] = "";

	if (number >= 0)
		snprintf(suffix, sizeof(suffix), "_%d", number);
	printf("%s_n%s %zu\n%s_unsettled%s %zu\n", name, suffix, t->n, name,
	       suffix, t->unsettled);
	if (!t->n)
		return;
	qsort(t->all, t->n, sizeof(*t->all), compare);
	printf("%s_p50%s %.6g\n%s_p99%s %.6g\n", name, suffix, t->all[t->n / 2],
	       name, suffix, t->all[(size_t)(0.99 * (double)t->n)]);
}

/* One step, from bin @first to @end: of each flow that sends, into @own, and
 * of all together, into @sum. */
static void step(const struct run *run, long first, long end, struct times *own,
		 struct times *sum)
{
	long half = (end - first) / 2;
	double step_ms = (double)(end - first) * run->bin_ns / MS_NS;
	double most = 0, target, ms;

	for (uint32_t i = 0; i < run->n_flows; i++) {
		target = rate(run, &run->flows[i], first + half, half);
		most = target > most ? target : most;
	}
	for (uint32_t i = 0; i < run->n_flows; i++) {
		const struct flow *f = &run->flows[i];

		target = rate(run, f, first + half, half);
		if (target < most / 10 || most <= 0)
			continue;
		ms = settled(run, f, first, end, target, false);
		add_time(own, ms, step_ms);
		if (run->o.log)
			printf("# bin %ld flow %d: %.6g Mbit/s after %g ms\n",
			       first, f->id, target / 1e6, ms);
	}
	target = rate(run, NULL, first + half, half);
	if (target > 0)
		add_time(sum, settled(run, NULL, first, end, target, true),
			 step_ms);
}

static void steps(struct run *run)
{
	struct times own[MAX_EDGES] = { 0 }, sum[MAX_EDGES] = { 0 };
	struct times all = { 0 };
	struct options *o = &run->o;
	double begin, last = 0;

	if (!o->n_edges || !(o->period_ms > 0))
		die("--edges and --period are needed; see --help");
	o->edges[o->n_edges] = o->edges[0] + o->period_ms;
	for (uint32_t i = 0; i < run->n_flows; i++)
		if ((double)run->flows[i].n_bins > last)
			last = (double)run->flows[i].n_bins;
	/* The first period is to warm up. */
	for (begin = o->period_ms;
	     bin_at(run, begin + o->period_ms + o->edges[0]) <= (long)last;
	     begin += o->period_ms)
		for (uint32_t e = 0; e < o->n_edges; e++)
			step(run, bin_at(run, begin + o->edges[e]),
			     bin_at(run, begin + o->edges[e + 1]), &own[e],
			     &sum[e]);
	for (uint32_t e = 0; e < o->n_edges; e++) {
		for (size_t i = 0; i < own[e].n; i++)
			add_time(&all, own[e].all[i], 0);
		all.unsettled += own[e].unsettled;
		print_times(&own[e], "settle", (int)e);
		print_times(&sum[e], "reuse", (int)e);
		free(own[e].all);
		free(sum[e].all);
	}
	print_times(&all, "settle", -1);
	free(all.all);
}

/* ---- a picture ---- */

/* A panel of the first flows of @run, in the order of their numbers. */
static void make_panel(struct run *run, const char *name,
		       struct plot_panel *panel)
{
	static const char *const colours[PLOT_MAX_CURVES] = {
		"#1565c0", "#d97706", "#2e7d32", "#b42318"
	};
	static const char *const names[] = { "flow 1", "flow 2", "flow 3",
					     "flow 4" };
	const struct options *o = &run->o;
	long first = bin_at(run, o->from_ms), n = bin_at(run, o->to_ms) - first;
	long window = (long)(o->window_ms * MS_NS / run->bin_ns);

	if (n < 1)
		die("--from and --to are needed; see --help");
	window = window ? window : 1;
	*panel = (struct plot_panel){
		.title = name,
		.max = o->max_mbit,
		.step = run->bin_ns / MS_NS,
		.n = (uint32_t)n,
	};
	for (uint32_t i = 0; i < run->n_flows; i++) {
		int at = run->flows[i].id - 1;
		double *values;

		if (at < 0 || at >= PLOT_MAX_CURVES)
			continue;
		values = calloc((size_t)n, sizeof(*values));
		if (!values)
			die("no memory");
		for (long k = 0; k < n; k++)
			values[k] = rate(run, &run->flows[i],
					 first + k - window / 2, window) /
				    1e6;
		panel->curves[at] =
			(struct plot_curve){ names[at], colours[at], values };
	}
}

static void done(struct run *run)
{
	for (uint32_t i = 0; i < run->n_flows; i++)
		free(run->flows[i].bins);
	run->n_flows = 0;
}

/* @specs: NAME:NS:FILE each, which are cut up. */
static void plot(struct run *run, char **specs, int n)
{
	struct plot_panel panels[MAX_PANELS];

	if (!run->o.out || !(run->o.max_mbit > 0) || n < 1 || n > MAX_PANELS)
		die("--out, --max and 1..%d files are needed; see --help",
		    MAX_PANELS);
	for (int i = 0; i < n; i++) {
		char *start = strchr(specs[i], ':'), *file;

		file = start ? strchr(start + 1, ':') : NULL;
		if (!file)
			die("%s: expected NAME:NS:FILE", specs[i]);
		*start++ = 0;
		*file++ = 0;
		run->o.start_ns =
			(double)parse_number("start", start, 1, UINT64_MAX);
		load(run, file);
		make_panel(run, specs[i], &panels[i]);
		done(run);
	}
	plot_write(run->o.out, run->o.title ? run->o.title : "", panels,
		   (uint32_t)n);
	for (int i = 0; i < n; i++)
		for (int c = 0; c < PLOT_MAX_CURVES; c++)
			free((void *)panels[i].curves[c].values);
}

int main(int argc, char **argv)
{
	static struct run run = {
		.o = { .window_ms = 5, .hold_ms = 10, .band = 0.05 },
	};
	const char *what = argc > 1 ? argv[1] : "--help";

	if (argc < 3) {
		print_usage();
		return strcmp(what, "--help") ? EXIT_USAGE : EXIT_OK;
	}
	parse_options(argc - 1, argv + 1, &run.o);
	argv += 1 + optind;
	argc -= 1 + optind;
	if (!strcmp(what, "plot")) {
		plot(&run, argv, argc);
		return EXIT_OK;
	}
	if (argc != 1)
		die("one file is needed; see --help");
	load(&run, argv[0]);
	if (!strcmp(what, "share"))
		share(&run);
	else if (!strcmp(what, "steps"))
		steps(&run);
	else
		die("%s: expected share, steps or plot", what);
	done(&run);
	return EXIT_OK;
}
