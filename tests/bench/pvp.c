// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Measures a switch between a wire and guests (vhost-user): the generator, the
 * wire's receiver and the guests, all on one core, while the switch has the
 * other one. pvp.sh starts the switches and makes a table of the results.
 *
 *	wire0 ==== up0  switch  vhost-user  guest 1 (swaps MACs)
 *	                        vhost-user  guest 2
 *
 * Every result is a line "PATH SIZE NAME VALUE" on standard output:
 *
 *	offered, overload  frames a second, as many as possible, and how many
 *	                   of them arrived
 *	busy               percent of a core that the switch then used
 *	pressed            1: the switch was the limit, 0: the generator
 *	rate               the highest rate at which under 0.1 % is lost
 *	cost               ns of the switch's core per frame; measured while a
 *	                   part of the core is taken away, so that the core is
 *	                   what limits
 *	kernel             ns of it in the kernel
 *	p50_N, p99_N       microseconds at N frames a second
 *
 * and, with PATH "all", SIZE 0:
 *
 *	idle               percent of a core while nothing comes
 *	memory             MiB, at the end
 */
#include <getopt.h>

#include "pvpload.h"

#define MAX_SIZES	  8
#define LOSS		  0.001
#define WARM_FRAMES	  50
#define COST_LONGER	  3
#define MAX_LATENCY_RATES 2

enum measure {
	MEASURE_RATE = 1,
	MEASURE_COST = 2,
	MEASURE_LATENCY = 4,
	MEASURE_IDLE = 8,
};

static const char *const path_names[N_PATHS] = { "wgw", "wg", "gw", "gg" };
static const double latency_rates[MAX_LATENCY_RATES] = { 10000, 200000 };

struct options {
	const char *wire;
	const char *guests[2];
	bool connect, small_pages;
	bool paths[N_PATHS];
	uint32_t sizes[MAX_SIZES];
	int n_sizes;
	unsigned int measures;
	double seconds; /* per load */
	int guest_cpu, switch_cpu;
	pid_t switch_pid;
	uint32_t flows;
};

static const struct option long_options[] = {
	{ "wire", required_argument, NULL, 'w' },
	{ "guest", required_argument, NULL, 'g' },
	{ "connect", no_argument, NULL, 'c' },
	{ "small-pages", no_argument, NULL, 'S' },
	{ "paths", required_argument, NULL, 'p' },
	{ "sizes", required_argument, NULL, 'z' },
	{ "measure", required_argument, NULL, 'm' },
	{ "seconds", required_argument, NULL, 's' },
	{ "guest-cpu", required_argument, NULL, 'G' },
	{ "switch-cpu", required_argument, NULL, 'W' },
	{ "switch-pid", required_argument, NULL, 'P' },
	{ "flows", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("pvp --guest SOCKET [--guest SOCKET] [options]\n"
	     "  --wire IF          device that leads to the switch's uplink\n"
	     "  --connect          the switch listens at the sockets\n"
	     "  --small-pages      guest memory of 4-KiB pages\n"
	     "  --paths LIST       of wgw,wg,gw (wire and guest), gg (two\n"
	     "                     guests) (wgw)\n"
	     "  --sizes LIST       bytes without FCS, 64..1514 (64)\n"
	     "  --measure LIST     of rate,cost,latency,idle (rate)\n"
	     "  --seconds S        how long each load lasts (0.4)\n"
	     "  --guest-cpu N      of generator and guests (0)\n"
	     "  --switch-cpu N     (1)\n"
	     "  --switch-pid PID   for cost and idle\n"
	     "  --flows N          UDP source ports, from the wire (1)");
}

static unsigned int parse_word(const char *option, const char *word,
			       const char *const *words, size_t n)
{
	for (unsigned int i = 0; i < n; i++)
		if (!strcmp(word, words[i]))
			return i;
	die("--%s %s: no such word; see --help", option, word);
}

static void parse_list(struct options *o, char what, char *list)
{
	static const char *const measures[] = { "rate", "cost", "latency",
						"idle" };
	char *word;

	while ((word = strsep(&list, ",")))
		switch (what) {
		case 'p':
			o->paths[parse_word("paths", word, path_names, N_PATHS)] =
				true;
			break;
		case 'm':
			o->measures |=
				1u << parse_word("measure", word, measures, 4);
			break;
		default:
			if (o->n_sizes == MAX_SIZES)
				die("--sizes: at most %d", MAX_SIZES);
			o->sizes[o->n_sizes++] = (uint32_t)parse_number(
				"sizes", word, 64, WIRE_MAX_SIZE);
		}
}

static void parse_option(struct options *o, int opt)
{
	switch (opt) {
	case 'w':
		o->wire = optarg;
		break;
	case 'g':
		if (o->guests[1])
			die("--guest: at most two");
		o->guests[o->guests[0] != NULL] = optarg;
		break;
	case 'c':
		o->connect = true;
		break;
	case 'S':
		o->small_pages = true;
		break;
	case 's':
		o->seconds = parse_seconds("seconds", optarg);
		break;
	case 'G':
		o->guest_cpu = (int)parse_number("guest-cpu", optarg, 0, 1023);
		break;
	case 'W':
		o->switch_cpu =
			(int)parse_number("switch-cpu", optarg, 0, 1023);
		break;
	case 'P':
		o->switch_pid =
			(pid_t)parse_number("switch-pid", optarg, 1, INT_MAX);
		break;
	case 'f':
		o->flows = (uint32_t)parse_number("flows", optarg, 1, 32768);
		break;
	case 'h':
		print_usage();
		exit(EXIT_OK);
	default:
		exit(EXIT_USAGE);
	}
}

static void parse_options(int argc, char **argv, struct options *o)
{
	char defaults[] = "wgw", rate[] = "rate", size[] = "64";
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
		if (strchr("pzm", opt))
			parse_list(o, (char)opt, optarg);
		else
			parse_option(o, opt);
	if (!o->guests[0] || optind != argc)
		die("--guest SOCKET is needed; see --help");
	if (!memchr(o->paths, true, N_PATHS))
		parse_list(o, 'p', defaults);
	if (!o->n_sizes)
		parse_list(o, 'z', size);
	if (!o->measures)
		parse_list(o, 'm', rate);
	if (o->paths[PATH_GUEST_GUEST] != (o->guests[1] != NULL))
		die("path gg needs two guests, and nothing else does");
	if (!o->wire && memchr(o->paths, true, PATH_GUEST_GUEST))
		die("--wire IF is needed; see --help");
}

/* ---- measures ---- */

static void print_value(const struct load *l, const char *name, double value)
{
	printf("%s %u %s %.6g\n", path_names[l->path], l->size, name, value);
	fflush(stdout);
}

static double loss(const struct load_result *r)
{
	return r->sent ? 1 - (double)r->received / (double)r->sent : 1;
}

/* Sends slowly until frames arrive: switches learn and connections settle. */
static void warm_up(struct pvp *p, const struct load *like)
{
	struct load l = *like;
	uint64_t end = now_ns() + 20 * NSEC_PER_SEC, got = 0;

	l.stamp = true;
	l.pps = 1000;
	l.ns = 200000000;
	while (got < WARM_FRAMES && !stop_requested) {
		if (now_ns() > end)
			die("%s: the switch delivers nothing",
			    path_names[l.path]);
		got += load_run(p, &l).received;
	}
}

static bool holds(struct pvp *p, struct load *l, double pps)
{
	struct load_result r;

	l->pps = pps;
	/* Once more: the machine may have looked elsewhere for a moment. */
	for (int i = 0; i < 2; i++) {
		r = load_run(p, l);
		if (loss(&r) < LOSS && r.offered > 0.98 * pps)
			return true;
	}
	return false;
}

/* What was offered and what arrived at full load; then by bisection the highest
 * rate. */
static void measure_rate(struct pvp *p, const struct options *o, struct load *l)
{
	struct load_result r;
	double low, high;

	l->pps = 0;
	p->switch_pid = o->switch_pid;
	r = load_run(p, l);
	p->switch_pid = 0;
	print_value(l, "offered", r.offered);
	print_value(l, "overload", r.rate);
	print_value(l, "busy", r.cost_ns * r.rate / 1e7);
	print_value(l, "pressed", r.pressed);
	if (loss(&r) < LOSS) {
		print_value(l, "rate", r.rate);
		return;
	}
	low = 0;
	high = r.offered < 1.1 * r.rate ? r.offered : 1.1 * r.rate;
	for (int i = 0; i < 7 && !stop_requested; i++) {
		double pps = low > 0 ? (low + high) / 2 : high * 0.7;

		if (holds(p, l, pps))
			low = pps;
		else
			high = pps;
	}
	print_value(l, "rate", low);
}

/* Takes ever more of the core until the switch is the limit. */
static void measure_cost(struct pvp *p, const struct options *o, struct load *l)
{
	struct load_result r = { 0 };
	struct rival rival;

	l->pps = 0;
	p->switch_pid = o->switch_pid;
	/* The kernel counts its part in ticks. */
	l->ns *= COST_LONGER;
	for (double part = 0.5; part < 0.9; part += 0.15) {
		rival_start(&rival, o->switch_cpu, part);
		r = load_run(p, l);
		rival_stop(&rival);
		if (r.pressed)
			break;
	}
	p->switch_pid = 0;
	l->ns /= COST_LONGER;
	print_value(l, "cost", r.cost_ns);
	print_value(l, "kernel", r.kernel_ns);
}

static void measure_latency(struct pvp *p, struct load *l)
{
	uint32_t *hist = p->guests[l->path == PATH_GUEST_GUEST]->hist;
	char name[32];

	l->stamp = true;
	for (int i = 0; i < MAX_LATENCY_RATES && !stop_requested; i++) {
		l->pps = latency_rates[i];
		memset(hist, 0, PVP_BUCKETS * sizeof(*hist));
		if (p->wire)
			wire_reset(p->wire);
		load_run(p, l);
		if (path_to_wire(l->path)) {
			/* The guest, too, has looked at them on their way. */
			memset(hist, 0, PVP_BUCKETS * sizeof(*hist));
			wire_add_times(p->wire, hist);
		}
		snprintf(name, sizeof(name), "p50_%.0fk", l->pps / 1000);
		print_value(l, name, load_percentile(hist, 0.5));
		snprintf(name, sizeof(name), "p99_%.0fk", l->pps / 1000);
		print_value(l, name, load_percentile(hist, 0.99));
	}
	l->stamp = false;
}

/* Percent of a core while nothing comes, once it has come to rest. */
static void measure_idle(const struct options *o)
{
	struct cpu_time before, after;
	uint64_t start;

	sleep_until_ns(now_ns() + NSEC_PER_SEC);
	start = now_ns();
	before = read_cpu_time(o->switch_pid);
	sleep_until_ns(start + 3 * NSEC_PER_SEC);
	after = read_cpu_time(o->switch_pid);
	printf("all 0 idle %.3f\n", (double)(after.ns - before.ns) * 100 /
					    (double)(now_ns() - start));
	fflush(stdout);
}

/* MiB of the switch's memory, huge pages included, without that of the guests,
 * which is there in any case. */
static void measure_memory(const struct options *o)
{
	char line[512], key[64], path[64];
	bool guests = false;
	uint64_t kb, sum = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)o->switch_pid);
	file = fopen(path, "re");
	if (!file)
		die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63[A-Z_a-z]: %lu kB", key, &kb) != 2)
			guests = strstr(line, "memfd:guest");
		else if (!guests && (!strcmp(key, "Rss") ||
				     !strcmp(key, "Shared_Hugetlb") ||
				     !strcmp(key, "Private_Hugetlb")))
			sum += kb;
	}
	fclose(file);
	printf("all 0 memory %.1f\n", (double)sum / 1024);
	fflush(stdout);
}

static void measure_path(struct pvp *p, const struct options *o, enum path path,
			 uint32_t size)
{
	struct load l = { .path = path,
			  .size = size,
			  .ns = (uint64_t)(o->seconds * 1e9) };

	warm_up(p, &l);
	if (o->measures & MEASURE_RATE)
		measure_rate(p, o, &l);
	if (o->measures & MEASURE_COST)
		measure_cost(p, o, &l);
	if (o->measures & MEASURE_LATENCY)
		measure_latency(p, &l);
}

int main(int argc, char **argv)
{
	struct options o = {
		.seconds = 0.4,
		.switch_cpu = 1,
		.flows = 1,
	};
	static struct guest guests[2];
	static struct wire wire;
	struct pvp p = { 0 };

	parse_options(argc, argv, &o);
	catch_stop_signals();
	p.n_flows = o.flows;
	pin_to_cpu(o.guest_cpu);
	if (o.wire) {
		p.wire = &wire;
		wire_open(&wire, o.wire, o.guest_cpu);
	}
	for (int i = 0; i < 2 && o.guests[i]; i++) {
		p.guests[i] = &guests[i];
		guest_open(&guests[i], o.guests[i], o.connect, !o.small_pages);
	}
	fputs("ready\n", stderr);
	for (int i = 0; i < 2 && o.guests[i]; i++)
		guest_start(&guests[i], 30000);
	if (o.measures & MEASURE_IDLE)
		measure_idle(&o);
	for (int path = 0; path < N_PATHS; path++)
		for (int i = 0; o.paths[path] && i < o.n_sizes; i++)
			if (!stop_requested)
				measure_path(&p, &o, (enum path)path,
					     o.sizes[i]);
	if (o.measures & MEASURE_IDLE)
		measure_memory(&o);
	for (int i = 0; i < 2 && o.guests[i]; i++)
		guest_close(&guests[i]);
	if (o.wire)
		wire_close(&wire);
	return stop_requested ? EXIT_FAILED : EXIT_OK;
}
