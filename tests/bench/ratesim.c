// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The rate control between VMs with many hosts, in simulation: see ratesim.h.
 * Prints a table and writes DIR/rates-sim.json and .svg. Exit code 1 if an aim is
 * missed.
 *
 *	steps	a quarter of the hosts: a VM receives from one sender, three, one
 *	incast	a tenth of the hosts: one VM receives from one sender, and for a
 *		while a second one from 40, that send as fast as they can; the same
 *		without control
 *	shuffle	each VM sends to two others, and to another one when that has all
 */
#include <getopt.h>

#include "ratesim.h"
#include "ratesimplot.h"

#define MS	    5 /* rounds */
#define MAX_ROUNDS  2000
#define MAX_RESULTS 48
#define MAX_HOSTS   10000
#define MAX_GROUPS  (MAX_HOSTS / 4)
#define FLOW_BITS   4e6 /* of a shuffle, in the mean */
#define FLOWS	    2	/* of a VM, in a shuffle */

/* ---- what comes of it ---- */

struct result {
	char name[96], unit[16], aim[48];
	double value;
	bool met;
};

static struct result results[MAX_RESULTS];
static int n_results;

static struct result *add(double value, const char *unit, const char *name)
{
	struct result *r = &results[n_results];

	if (n_results++ == MAX_RESULTS)
		die("too many figures");
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->unit, sizeof(r->unit), "%s", unit);
	r->value = value;
	r->met = true;
	return r;
}

static void add_at_most(double value, const char *unit, double limit,
			const char *name)
{
	struct result *r = add(value, unit, name);

	snprintf(r->aim, sizeof(r->aim), "at most %g %s", limit, unit);
	r->met = value <= limit;
}

static void add_at_least(double value, const char *unit, double limit,
			 const char *name)
{
	struct result *r = add(value, unit, name);

	snprintf(r->aim, sizeof(r->aim), "at least %g %s", limit, unit);
	r->met = value >= limit;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts @values. */
static double percentile(double *values, uint32_t n, double percent)
{
	qsort(values, n, sizeof(*values), compare);
	return values[(uint32_t)((n - 1) * percent / 100)];
}

/* Jain's index of fairness: 1: all the same, 1 / n: one has it all. */
static double jain(const double *values, uint32_t n)
{
	double sum = 0, squares = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum += values[i];
		squares += values[i] * values[i];
	}
	return squares > 0 ? sum * sum / (n * squares) : 0;
}

/* How long after a step it takes until something is in its place, 5 % off at
 * most, and stays there for a millisecond. */
struct settle {
	uint32_t n, streak;
	double ms; /* 0: not yet */
};

static void settle_add(struct settle *s, bool in_place)
{
	s->n++;
	s->streak = in_place ? s->streak + 1 : 0;
	if (s->streak == MS && !s->ms)
		s->ms = (s->n - MS + 1) / (double)MS;
}

static double settle_ms(const struct settle *s)
{
	return s->ms > 0 ? s->ms : s->n / (double)MS;
}

/* ---- curves for the picture ---- */

static struct {
	double victim[MAX_ROUNDS], crowd[MAX_ROUNDS], queue[MAX_ROUNDS];
	double free_victim[MAX_ROUNDS], free_queue[MAX_ROUNDS];
	double use[MAX_ROUNDS], shuffle_queue[MAX_ROUNDS];
	double one[MAX_ROUNDS], one_queue[MAX_ROUNDS];
	uint32_t n_incast, n_shuffle, n_steps;
} curves;

static double queue_us(const struct sim *sim, const struct sim_host *host)
{
	return host->queue / sim->opts.link_bps * 1e6;
}

static void add_costs(const struct sim *sim, const char *name)
{
	char text[96];

	snprintf(text, sizeof(text),
		 "%s: control, a VM's round with its sources", name);
	add((double)sim->law_ns / (double)sim->n_rounds, "ns", text);
	snprintf(text, sizeof(text), "%s: messages, of a host's link", name);
	add((double)sim->n_messages * 8 * FEEDBACK_WIRE_BYTES /
		    (sim->round * SIM_SECONDS) / sim->opts.hosts /
		    sim->opts.link_bps * 100,
	    "%", text);
}

/* ---- steps ---- */

/* One host receives, three others send to it. */
#define GROUP 4

struct steps {
	struct sim sim;
	uint32_t n; /* groups */
	uint32_t begin[MAX_GROUPS], flows[MAX_GROUPS][3];
	struct settle settle[MAX_GROUPS];
	double times[3][MAX_GROUPS];
};

static uint32_t steps_vm(const struct steps *s, uint32_t group, uint32_t host)
{
	return (GROUP * group + host) * s->sim.opts.vms;
}

static void steps_change(struct steps *s, uint32_t group, uint32_t step)
{
	uint32_t *flows = s->flows[group];

	s->settle[group] = (struct settle){ 0 };
	if (step == 0) {
		flows[0] = sim_flow(&s->sim, steps_vm(s, group, 1),
				    steps_vm(s, group, 0), INFINITY, true);
		return;
	}
	for (uint32_t i = 1; i < 3; i++) {
		if (step == 1)
			flows[i] = sim_flow(&s->sim, steps_vm(s, group, i + 1),
					    steps_vm(s, group, 0), INFINITY,
					    true);
		else
			sim_stop(&s->sim, flows[i]);
	}
}

static void run_steps(const struct sim_opts *opts)
{
	const double limit = 0.9 * opts->link_bps;
	struct steps *s = sim_alloc(1, sizeof(*s));
	const uint32_t length = 20 * MS;

	s->n = opts->hosts / GROUP;
	sim_init(&s->sim, opts, s->n * 3);
	for (uint32_t g = 0; g < s->n; g++)
		s->begin[g] = sim_below(&s->sim, MS);
	for (uint32_t r = 0; r < 3 * length; r++) {
		for (uint32_t g = 0; g < s->n; g++)
			if (r % length == s->begin[g])
				steps_change(s, g, r / length);
		sim_round(&s->sim);
		for (uint32_t g = 0; g < s->n; g++) {
			struct sim_host *host = &s->sim.hosts[GROUP * g];

			if (r % length < s->begin[g])
				continue;
			settle_add(&s->settle[g],
				   host->rate >= 0.95 * limit &&
					   host->sent <= 1.05 * limit);
			s->times[r / length][g] = settle_ms(&s->settle[g]);
		}
		curves.one[r] = s->sim.vms[0].rate / 1e9;
		curves.one_queue[r] = queue_us(&s->sim, &s->sim.hosts[0]);
	}
	curves.n_steps = 3 * length;
	add_at_most(percentile(s->times[1], s->n, 50), "ms", 1,
		    "steps: full, not overloaded after 1 -> 3 senders, median");
	add_at_most(percentile(s->times[1], s->n, 99), "ms", 1,
		    "steps: the same, p99");
	add_at_most(percentile(s->times[2], s->n, 99), "ms", 1,
		    "steps: the same after 3 -> 1 senders, p99");
	add_costs(&s->sim, "steps");
	sim_done(&s->sim);
	free(s);
}

/* ---- incast ---- */

#define INCAST_BEGIN 20 /* ms */
#define INCAST_END   60
#define INCAST_ALL   100
#define FAN	     40

struct incast {
	struct sim sim;
	uint32_t n; /* receiving hosts, the first ones */
	uint32_t *flows;
	struct settle *settle;
	double *queues; /* us, one of each host and round */
	uint32_t n_queues;
	double *settled, *back;
	double victim, use; /* sums of the steady part */
	double *got;	    /* of each of the crowd's flows, bits */
	uint64_t n_steady;
};

static uint32_t incast_victim(const struct incast *c, uint32_t h)
{
	return h * c->sim.opts.vms + 1;
}

static uint32_t incast_sender(struct incast *c)
{
	const struct sim_opts *opts = &c->sim.opts;

	return c->n * opts->vms +
	       sim_below(&c->sim, (opts->hosts - c->n) * opts->vms);
}

static void incast_crowd(struct incast *c, bool begins)
{
	for (uint32_t h = 0; h < c->n; h++)
		for (uint32_t i = 0; i < FAN; i++) {
			uint32_t *flow = &c->flows[h * FAN + i];

			if (begins)
				*flow = sim_flow(&c->sim, incast_sender(c),
						 incast_victim(c, h) + 1,
						 INFINITY, true);
			else
				sim_stop(&c->sim, *flow);
		}
}

/* From 5 ms after the crowd has come until it goes. */
static void incast_steady(struct incast *c, uint32_t h)
{
	struct sim_host *host = &c->sim.hosts[h];

	c->victim += c->sim.vms[incast_victim(c, h)].rate;
	c->use += host->rate;
	c->queues[c->n_queues++] = queue_us(&c->sim, host);
	c->n_steady++;
}

static void incast_host(struct incast *c, uint32_t h, uint32_t r)
{
	double limit = 0.9 * c->sim.opts.link_bps;
	double victim = c->sim.vms[incast_victim(c, h)].rate;

	if (r == INCAST_BEGIN * MS || r == INCAST_END * MS)
		c->settle[h] = (struct settle){ 0 };
	if (r >= INCAST_END * MS)
		settle_add(&c->settle[h], victim >= 0.95 * limit);
	else if (r >= INCAST_BEGIN * MS)
		settle_add(&c->settle[h], victim >= 0.95 * limit / 2);
	if (r == INCAST_END * MS - 1)
		c->settled[h] = settle_ms(&c->settle[h]);
	if (r == INCAST_ALL * MS - 1)
		c->back[h] = settle_ms(&c->settle[h]);
	if (r >= (INCAST_BEGIN + 5) * MS && r < INCAST_END * MS)
		incast_steady(c, h);
}

static void incast_flows_got(struct incast *c, double sign)
{
	for (uint32_t i = 0; i < c->n * FAN; i++)
		c->got[i] += sign * c->sim.flows[c->flows[i]].got;
}

static double incast_jain(struct incast *c)
{
	double least = 1;

	for (uint32_t h = 0; h < c->n; h++)
		least = fmin(least, jain(&c->got[h * FAN], FAN));
	return least;
}

static void incast_run(struct incast *c, double *victim, double *crowd,
		       double *queue)
{
	/* Each from a host of its own, so that it could have the link. */
	for (uint32_t h = 0; h < c->n; h++)
		sim_flow(&c->sim, (c->n + h) * c->sim.opts.vms,
			 incast_victim(c, h), INFINITY, true);
	for (uint32_t r = 0; r < INCAST_ALL * MS; r++) {
		if (r == INCAST_BEGIN * MS)
			incast_crowd(c, true);
		if (r == (INCAST_BEGIN + 5) * MS)
			incast_flows_got(c, -1);
		if (r == INCAST_END * MS) {
			incast_flows_got(c, 1);
			incast_crowd(c, false);
		}
		sim_round(&c->sim);
		for (uint32_t h = 0; h < c->n; h++)
			incast_host(c, h, r);
		victim[r] = c->sim.vms[incast_victim(c, 0)].rate / 1e9;
		crowd[r] = c->sim.vms[incast_victim(c, 0) + 1].rate / 1e9;
		queue[r] = queue_us(&c->sim, &c->sim.hosts[0]);
	}
}

static void incast_init(struct incast *c, const struct sim_opts *opts)
{
	*c = (struct incast){ .n = opts->hosts / 10 ? opts->hosts / 10 : 1 };
	sim_init(&c->sim, opts, c->n * (FAN + 1));
	c->flows = sim_alloc(c->n * FAN, sizeof(*c->flows));
	c->settle = sim_alloc(c->n, sizeof(*c->settle));
	c->settled = sim_alloc(c->n, sizeof(*c->settled));
	c->back = sim_alloc(c->n, sizeof(*c->back));
	c->got = sim_alloc(c->n * FAN, sizeof(*c->got));
	c->queues =
		sim_alloc((size_t)c->n * INCAST_ALL * MS, sizeof(*c->queues));
}

static void incast_done(struct incast *c)
{
	sim_done(&c->sim);
	free(c->flows);
	free(c->settle);
	free(c->settled);
	free(c->back);
	free(c->got);
	free(c->queues);
}

static const char *named(char text[96], const char *name, const char *what)
{
	snprintf(text, 96, "%s: %s", name, what);
	return text;
}

static void add_incast(struct incast *c, const char *name, double aim_ms)
{
	double limit = 0.9 * c->sim.opts.link_bps, n = (double)c->n_steady;
	char text[96];

	add_at_most(percentile(c->settled, c->n, 50), "ms", aim_ms,
		    named(text, name, "the one has half the link, median"));
	add_at_most(percentile(c->settled, c->n, 99), "ms", aim_ms,
		    named(text, name, "the same, p99"));
	add_at_most(percentile(c->back, c->n, 99), "ms", aim_ms,
		    named(text, name, "the one has all of it again, p99"));
	add_at_least(c->victim / n / (limit / 2) * 100, "%", 90,
		     named(text, name, "the one, of its half"));
	add_at_least(c->use / n / limit * 100, "%", 90,
		     named(text, name, "the link in use, of its 90 %"));
	add_at_least(incast_jain(c), "", 0.95,
		     named(text, name, "fairness of the 40, worst host"));
	add(percentile(c->queues, c->n_queues, 99), "us",
	    named(text, name, "queue before the link, p99"));
	add(c->sim.lost / c->sim.sent * 100, "%",
	    named(text, name, "lost, most of it until the 40 are told"));
}

static void run_incast(const struct sim_opts *opts)
{
	static double ignored[MAX_ROUNDS];
	struct sim_opts other = *opts;
	struct incast c;

	incast_init(&c, opts);
	incast_run(&c, curves.victim, curves.crowd, curves.queue);
	add_incast(&c, "incast", 5);
	add_costs(&c.sim, "incast");
	incast_done(&c);
	curves.n_incast = INCAST_ALL * MS;

	other.loss = 0.3;
	incast_init(&c, &other);
	incast_run(&c, ignored, ignored, ignored);
	add_incast(&c, "incast, 30 % of messages lost", 10);
	incast_done(&c);

	other.control = false;
	incast_init(&c, &other);
	incast_run(&c, curves.free_victim, ignored, curves.free_queue);
	add(c.victim / (double)c.n_steady / (0.45 * opts->link_bps) * 100, "%",
	    "incast without control: the one, of its half");
	add(percentile(c.queues, c.n_queues, 99), "us",
	    "incast without control: queue before the link, p99");
	add(c.sim.lost / c.sim.sent * 100, "%", "incast without control: lost");
	incast_done(&c);
}

/* ---- shuffle ---- */

/* Another flow, to a VM of another host. */
static void shuffle_begin(struct sim *sim, uint32_t src)
{
	uint32_t vms = sim->opts.vms, dst;

	do {
		dst = sim_below(sim, sim_n_vms(sim));
	} while (dst / vms == src / vms);
	sim_flow(sim, src, dst, -log(1 - sim_fraction(sim)) * FLOW_BITS + 8,
		 false);
}

#define SHUFFLE_BEGIN 20 /* ms; measured from then on */
#define SHUFFLE_ALL   80

static void run_shuffle(const struct sim_opts *opts)
{
	uint32_t n_rounds = (SHUFFLE_ALL - SHUFFLE_BEGIN) * MS, n_queues = 0;
	double *queues =
		sim_alloc((size_t)opts->hosts * n_rounds, sizeof(*queues));
	double *got = sim_alloc(opts->hosts, sizeof(*got));
	double use = 0, sent = 0, lost = 0;
	uint64_t start = now_ns();
	struct sim sim;

	sim_init(&sim, opts, opts->hosts * opts->vms * FLOWS * 3);
	sim.ended = shuffle_begin;
	for (uint32_t v = 0; v < sim_n_vms(&sim); v++)
		for (uint32_t i = 0; i < FLOWS; i++)
			shuffle_begin(&sim, v);
	for (uint32_t r = 0; r < SHUFFLE_ALL * MS; r++) {
		double all = 0, longest = 0;

		if (r == SHUFFLE_BEGIN * MS) {
			sent = sim.sent;
			lost = sim.lost;
		}
		sim_round(&sim);
		for (uint32_t h = 0; h < opts->hosts; h++) {
			struct sim_host *host = &sim.hosts[h];

			all += host->rate;
			longest += queue_us(&sim, host);
			if (r < SHUFFLE_BEGIN * MS)
				continue;
			got[h] += host->rate;
			use += host->rate;
			queues[n_queues++] = queue_us(&sim, host);
		}
		curves.use[r] = all / opts->hosts / 1e9;
		curves.shuffle_queue[r] = longest / opts->hosts;
	}
	curves.n_shuffle = SHUFFLE_ALL * MS;
	add_at_least(use / n_rounds / opts->hosts / (0.9 * opts->link_bps) *
			     100,
		     "%", 80, "shuffle: links in use, of 90 %");
	add_at_least(jain(got, opts->hosts), "", 0.95,
		     "shuffle: fairness between hosts");
	add(percentile(queues, n_queues, 50), "us",
	    "shuffle: queue before a link, median");
	add_at_most(percentile(queues, n_queues, 99), "us", 200,
		    "shuffle: queue before a link, p99");
	add((sim.lost - lost) / (sim.sent - sent) * 100, "%", "shuffle: lost");
	add_costs(&sim, "shuffle");
	add((double)(now_ns() - start) / 1e9, "s",
	    "shuffle: time to simulate 80 ms");
	sim_done(&sim);
	free(queues);
	free(got);
}

/* ---- messages ---- */

/* What a message costs both ends, MAC and all. */
static void run_messages(void)
{
	static const char text[] =
		"1 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";
	struct feedback_msg msg = { .source = { 2, 1 },
				    .dest = { 2, 2 },
				    .rate_kbps = 1 };
	struct feedback_sender sender;
	struct feedback_peer peer = { 0 };
	uint8_t data[FEEDBACK_LEN];
	struct feedback_keys *keys;
	uint32_t n = 50000, n_ok = 0;
	uint64_t start, made = 0, read = 0;
	char err[128];

	if (feedback_keys_parse(text, strlen(text), "keys", &keys, err,
				sizeof(err)))
		die("%s", err);
	feedback_sender_init(&sender, 1, 0, 1);
	for (uint32_t i = 0; i < n; i++) {
		start = now_ns();
		if (feedback_encode(&sender, keys, &msg, 1, data))
			die("a message was not made");
		made += now_ns() - start;
		start = now_ns();
		n_ok += !feedback_decode(keys, data, sizeof(data), &msg) &&
			!feedback_peer_take(&peer, &msg, 1);
		read += now_ns() - start;
	}
	feedback_keys_free(keys);
	if (n_ok != n)
		die("a message was not taken");
	add((double)made / n, "ns", "a message made");
	add((double)read / n, "ns", "a message read, checked and taken");
}

/* ---- output ---- */

static void print_table(const struct sim_opts *opts)
{
	printf("%u hosts x %u VMs, %g Gbit/s, buffers of %.0f kB, messages %g %% of a link at most\n\n",
	       opts->hosts, opts->vms, opts->link_bps / 1e9,
	       opts->buffer_bits / 8e3, opts->cap * 100);
	for (int i = 0; i < n_results; i++) {
		const struct result *r = &results[i];

		printf("  %-62s %8.3g %-3s", r->name, r->value, r->unit);
		if (r->aim[0])
			printf(" %s: %s", r->aim, r->met ? "met" : "MISSED");
		putchar('\n');
	}
}

static void write_json(const char *path)
{
	json_t *list = json_array();
	json_t *root = json_pack("{s:o}", "figures", list);

	for (int i = 0; i < n_results; i++) {
		const struct result *r = &results[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:f, s:s, s:s?, s:o}", "name", r->name,
				  "value", r->value, "unit", r->unit, "aim",
				  r->aim[0] ? r->aim : NULL, "met",
				  r->aim[0] ? json_boolean(r->met)
					    : json_null()));
	}
	if (json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
		die("%s: cannot write", path);
	json_decref(root);
}

static void write_svg(const char *path, const struct sim_opts *opts)
{
	const double gbit = opts->link_bps / 1e9;
	const double buffer_us = opts->buffer_bits / opts->link_bps * 1e6;
	const double step = 1.0 / MS;
	const struct plot_panel panels[] = {
		{ "1, 3 and 1 senders: what a VM gets, Gbit/s",
		  gbit,
		  step,
		  curves.n_steps,
		  { { "all senders", "#1565c0", curves.one } } },
		{ "Incast 40:1 beside one sender: what each VM gets, Gbit/s",
		  gbit,
		  step,
		  curves.n_incast,
		  { { "of the one", "#1565c0", curves.victim },
		    { "of the 40", "#d97706", curves.crowd },
		    { "of the one, no control", "#7b8794",
		      curves.free_victim } } },
		{ "Incast: queue before the link, us",
		  buffer_us,
		  step,
		  curves.n_incast,
		  { { "controlled", "#1565c0", curves.queue },
		    { "no control", "#7b8794", curves.free_queue } } },
		{ "Shuffle: what a host gets, mean, Gbit/s",
		  gbit,
		  step,
		  curves.n_shuffle,
		  { { "received", "#1565c0", curves.use } } },
		{ "Shuffle: queue before a link, mean, us",
		  buffer_us,
		  step,
		  curves.n_shuffle,
		  { { "queue", "#1565c0", curves.shuffle_queue } } },
	};
	char title[96];

	snprintf(title, sizeof(title),
		 "Rate control, simulated: %u hosts of %u VMs", opts->hosts,
		 opts->vms);
	plot_write(path, title, panels, ARRAY_SIZE(panels));
}

/* ---- options ---- */

static const struct option long_options[] = {
	{ "dir", required_argument, NULL, 'd' },
	{ "hosts", required_argument, NULL, 'H' },
	{ "vms", required_argument, NULL, 'v' },
	{ "gbit", required_argument, NULL, 'g' },
	{ "seed", required_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("ratesim [--dir DIR] [options]: simulate the rate control, write\n"
	     "DIR/rates-sim.json and DIR/rates-sim.svg\n"
	     "  --hosts N  --vms N   hosts, and VMs of each (1000, 50)\n"
	     "  --gbit N             speed of a host's link (10)\n"
	     "  --seed N");
}

int main(int argc, char **argv)
{
	struct sim_opts opts = { .hosts = 1000,
				 .vms = 50,
				 .link_bps = 10e9,
				 .cap = 0.02,
				 .control = true,
				 .seed = 1 };
	const char *dir = ".";
	int opt, ret = EXIT_OK;
	char path[512];

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			dir = optarg;
			break;
		case 'H':
			opts.hosts = (uint32_t)parse_number("hosts", optarg, 4,
							    10000);
			break;
		case 'v':
			opts.vms =
				(uint32_t)parse_number("vms", optarg, 3, 250);
			break;
		case 'g':
			opts.link_bps = 1e9 * (double)parse_number(
						      "gbit", optarg, 1, 400);
			break;
		case 's':
			opts.seed = parse_number("seed", optarg, 1, UINT64_MAX);
			break;
		case 'h':
			print_usage();
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind != argc)
		die("unexpected argument: %s", argv[optind]);
	/* 1 ms of the link */
	opts.buffer_bits = opts.link_bps / 1000;
	run_steps(&opts);
	run_incast(&opts);
	run_shuffle(&opts);
	run_messages();
	print_table(&opts);
	snprintf(path, sizeof(path), "%s/rates-sim.json", dir);
	write_json(path);
	snprintf(path, sizeof(path), "%s/rates-sim.svg", dir);
	write_svg(path, &opts);
	for (int i = 0; i < n_results; i++)
		if (!results[i].met)
			ret = EXIT_FAILED;
	return ret;
}
