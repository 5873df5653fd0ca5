// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Measures how the agent shares its frames between VMs: the wire's generator
 * and the guests (vhost-user), all on one core, while the agent's worker has
 * the other one. pools.sh starts the agent and makes a table of the results.
 *
 *	wire0 ==== up0  agent  vhost-user  guests 1 .. N
 *
 * Every result is a line "NAME VALUE" on standard output; the functions
 * burst_run(), growth_run(), storm_run() and hog_run() have the names.
 */
#include <getopt.h>

#include "poolsburst.h"
#include "poolshog.h"
#include "poolsstorm.h"

enum pools_case { CASE_BURSTS, CASE_STORM, CASE_GROWTH, CASE_HOG, N_CASES };

static const char *const case_names[N_CASES] = { "bursts", "storm", "growth",
						 "hog" };

struct options {
	enum pools_case what;
	const char *wire, *sockets, *control, *credit;
	uint32_t vms, size, burst, bursts, idle, slices, min, max;
	double slice, period_ms, rate, pps;
	int cpu;
};

static const struct option long_options[] = {
	{ "case", required_argument, NULL, 'c' },
	{ "wire", required_argument, NULL, 'w' },
	{ "sockets", required_argument, NULL, 'S' },
	{ "vms", required_argument, NULL, 'n' },
	{ "size", required_argument, NULL, 'z' },
	{ "cpu", required_argument, NULL, 'C' },
	{ "burst", required_argument, NULL, 'b' },
	{ "bursts", required_argument, NULL, 'B' },
	{ "period", required_argument, NULL, 'p' },
	{ "credit", required_argument, NULL, 'k' },
	{ "idle", required_argument, NULL, 'i' },
	{ "slices", required_argument, NULL, 'l' },
	{ "slice", required_argument, NULL, 's' },
	{ "control", required_argument, NULL, 'a' },
	{ "rate", required_argument, NULL, 'r' },
	{ "min", required_argument, NULL, 'm' },
	{ "max", required_argument, NULL, 'M' },
	{ "pps", required_argument, NULL, 'P' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("pools --case CASE --wire IF --sockets DIR [options]\n"
	     "  --case CASE     bursts: packets lost of bursts in turn\n"
	     "                  growth: time until a pool has grown\n"
	     "                  storm: cost of resizing; hog: a VM that does\n"
	     "                  not read, beside one that does\n"
	     "  --wire IF       device that leads to the agent's uplink\n"
	     "  --sockets DIR   guests listen at DIR/vmN.sock\n"
	     "  --vms N         (32; storm: 1, hog: 2)\n"
	     "  --size BYTES    of a packet, without FCS, 64..1514 (64)\n"
	     "  --cpu N         of generator and guests (0)\n"
	     "  --control PATH  growth, storm: the agent's control socket\n"
	     "bursts, growth:\n"
	     "  --burst N       packets in a burst (2048, 256)\n"
	     "  --bursts N      how many, over all VMs (128, 224)\n"
	     "  --period MS     bursts: from one to the next (10)\n"
	     "  --credit PATTERN  growth: of the path of the pinned map\n"
	     "                  vm_credit\n"
	     "  --idle FRAMES   growth: of an idle VM (64)\n"
	     "storm, hog:\n"
	     "  --slices N      of each kind (20)\n"
	     "  --slice S       how long each of them lasts (0.25)\n"
	     "  --rate N        storm: requests a second (1000)\n"
	     "  --min, --max FRAMES  storm: sizes asked for (1024, 4096)\n"
	     "  --pps N         hog: packets a second to each VM, for times\n"
	     "                  (50000)");
}

static uint32_t parse_count(const char *option, uint32_t min, uint32_t max)
{
	return (uint32_t)parse_number(option, optarg, min, max);
}

static enum pools_case parse_case(void)
{
	for (int i = 0; i < N_CASES; i++)
		if (!strcmp(optarg, case_names[i]))
			return (enum pools_case)i;
	die("--case %s: there are bursts, growth, storm and hog", optarg);
}

/* Those that only some cases have. */
static void parse_case_option(struct options *o, int opt)
{
	switch (opt) {
	case 'b':
		o->burst = parse_count("burst", 1, 65536);
		break;
	case 'B':
		o->bursts = parse_count("bursts", 1, 1000000);
		break;
	case 'p':
		o->period_ms = parse_seconds("period", optarg);
		break;
	case 'k':
		o->credit = optarg;
		break;
	case 'i':
		o->idle = parse_count("idle", 1, 65536);
		break;
	case 'l':
		o->slices = parse_count("slices", 1, 10000);
		break;
	case 's':
		o->slice = parse_seconds("slice", optarg);
		break;
	case 'a':
		o->control = optarg;
		break;
	case 'r':
		o->rate = parse_count("rate", 1, 100000);
		break;
	case 'm':
		o->min = parse_count("min", 64, 1 << 20);
		break;
	case 'M':
		o->max = parse_count("max", 64, 1 << 20);
		break;
	case 'P':
		o->pps = parse_count("pps", 1, 10000000);
		break;
	default:
		exit(EXIT_USAGE);
	}
}

static void parse_option(struct options *o, int opt)
{
	switch (opt) {
	case 'c':
		o->what = parse_case();
		break;
	case 'w':
		o->wire = optarg;
		break;
	case 'S':
		o->sockets = optarg;
		break;
	case 'n':
		o->vms = parse_count("vms", 1, POOLS_MAX_VMS);
		break;
	case 'z':
		o->size = parse_count("size", 64, WIRE_MAX_SIZE);
		break;
	case 'C':
		o->cpu = (int)parse_count("cpu", 0, 1023);
		break;
	case 'h':
		print_usage();
		exit(EXIT_OK);
	default:
		parse_case_option(o, opt);
	}
}

static void set_defaults(struct options *o)
{
	bool growth = o->what == CASE_GROWTH;

	if (!o->vms)
		o->vms = o->what == CASE_STORM ? 1
			 : o->what == CASE_HOG ? 2
					       : 32;
	if (!o->burst)
		o->burst = growth ? 256 : 2048;
	if (!o->bursts)
		o->bursts = growth ? 224 : 128;
}

static void parse_options(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
		parse_option(o, opt);
	if (o->what == N_CASES || !o->wire || !o->sockets || optind != argc)
		die("--case, --wire and --sockets are needed; see --help");
	set_defaults(o);
	if (o->what == CASE_HOG && o->vms < 2)
		die("--vms %u: hog needs two", o->vms);
	if (o->what == CASE_GROWTH && !o->credit)
		die("--credit PATTERN is needed; see --help");
	if ((o->what == CASE_STORM || o->what == CASE_GROWTH) && !o->control)
		die("--control PATH is needed; see --help");
	if (o->min > o->max)
		die("--min %u: more than --max %u", o->min, o->max);
}

static void run_case(struct pools *p, const struct options *o)
{
	const struct burst_opts burst = {
		.burst = o->burst,
		.n_bursts = o->bursts,
		.period_ns = (uint64_t)(o->period_ms * 1e6),
	};
	const struct growth_opts growth = {
		.credit = o->credit,
		.control = o->control,
		.burst = o->burst,
		.n_bursts = o->bursts,
		.idle = o->idle,
	};
	const struct storm_opts storm = {
		.control = o->control,
		.rate = o->rate,
		.min = o->min,
		.max = o->max,
		.n_slices = o->slices,
		.slice_ns = (uint64_t)(o->slice * 1e9),
	};
	const struct hog_opts hog = {
		.latency_pps = o->pps,
		.n_slices = o->slices,
		.slice_ns = (uint64_t)(o->slice * 1e9),
	};

	if (o->what == CASE_BURSTS)
		burst_run(p, &burst);
	else if (o->what == CASE_GROWTH)
		growth_run(p, &growth);
	else if (o->what == CASE_STORM)
		storm_run(p, &storm);
	else
		hog_run(p, &hog);
}

int main(int argc, char **argv)
{
	struct options o = {
		.what = N_CASES,
		.size = 64,
		.period_ms = 10,
		.idle = 64,
		.slices = 20,
		.slice = 0.25,
		.rate = 1000,
		.min = 1024,
		.max = 4096,
		.pps = 50000,
	};
	static struct pools p;

	parse_options(argc, argv, &o);
	catch_stop_signals();
	pin_to_cpu(o.cpu);
	p.n_vms = o.vms;
	p.size = o.size;
	wire_open(&p.wire, o.wire, o.cpu);
	wire_prepare_bursts(&p.wire);
	/* growth posts buffers itself. */
	pools_connect(&p, o.sockets, o.what == CASE_GROWTH ? 0 : GUEST_RING);
	run_case(&p, &o);
	for (uint32_t i = 0; i < p.n_vms; i++)
		guest_close(&p.guests[i]);
	wire_close(&p.wire);
	return stop_requested ? EXIT_FAILED : EXIT_OK;
}
