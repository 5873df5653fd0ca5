/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What resizing costs while packets come as fast as they can. */
#ifndef BENCH_POOLSSTORM_H
#define BENCH_POOLSSTORM_H

#include "pools.h"
#include "poolsctl.h"

struct storm_opts {
	const char *control; /* path of the socket */
	double rate;	     /* requests a second */
	uint32_t min, max;   /* frames that are asked for */
	uint32_t n_slices;   /* of each kind */
	uint64_t slice_ns;
};

/* Requests cost the generator's core something whatever they ask, and with two
 * cores there is no third one for the agent's control thread: ASKING has as
 * many, which resize nothing. */
enum storm_kind { STORM_QUIET, STORM_ASKING, STORM_RESIZING, N_STORM_KINDS };

struct storm {
	struct pvp load; /* the one guest, for load_nap() */
	struct control control;
	uint64_t seed, due_ns;
	double *rates[N_STORM_KINDS]; /* owned; packets a second, per slice */
	uint64_t n_resizes, resizing_ns;
};

static inline void storm_line(struct storm *s, enum storm_kind kind,
			      const struct storm_opts *o, char line[128])
{
	uint32_t batches = (o->max - o->min) / 64 + 1;
	uint32_t frames =
		o->min + 64 * (uint32_t)(random_next(&s->seed) % batches);

	if (kind == STORM_RESIZING)
		snprintf(
			line, 128,
			"{\"object\":\"pool\",\"verb\":\"resize\",\"name\":\"vm1\",\"frames\":\"%u\"}\n",
			frames);
	else
		snprintf(line, 128,
			 "{\"object\":\"log\",\"verb\":\"level\"}\n");
}

static inline void storm_tick(struct storm *s, enum storm_kind kind,
			      const struct storm_opts *o)
{
	uint64_t now = now_ns();
	char line[128];

	control_look(&s->control);
	if (kind == STORM_QUIET || s->control.waiting || now < s->due_ns)
		return;
	storm_line(s, kind, o, line);
	control_ask(&s->control, line);
	s->due_ns += (uint64_t)(1e9 / o->rate);
	if (s->due_ns < now)
		s->due_ns = now;
}

/* Runs for @ns. Returns packets a second. */
static inline double storm_for(struct storm *s, enum storm_kind kind,
			       const struct storm_opts *o, uint64_t ns)
{
	uint64_t start = now_ns(), before = s->load.guests[0]->received;

	while (now_ns() - start < ns && !stop_requested) {
		storm_tick(s, kind, o);
		load_nap(&s->load, PATH_WIRE_GUEST);
	}
	return (double)(s->load.guests[0]->received - before) * 1e9 /
	       (double)(now_ns() - start);
}

/* The first fifth is the beginning, and does not count. */
static inline double storm_slice(struct storm *s, enum storm_kind kind,
				 const struct storm_opts *o)
{
	uint64_t n, start;
	double rate;

	s->due_ns = now_ns();
	storm_for(s, kind, o, o->slice_ns / 5);
	n = s->control.n_ok;
	start = now_ns();
	rate = storm_for(s, kind, o, o->slice_ns);
	if (kind == STORM_RESIZING) {
		s->n_resizes += s->control.n_ok - n;
		s->resizing_ns += now_ns() - start;
	}
	return rate;
}

static inline void storm_open(struct storm *s, struct pools *p,
			      const struct storm_opts *o)
{
	char line[128];

	s->load.wire = &p->wire;
	s->load.guests[0] = &p->guests[0];
	control_open(&s->control, o->control);
	storm_line(s, STORM_RESIZING, o, line);
	control_try(&s->control, line);
	for (int kind = 0; kind < N_STORM_KINDS; kind++)
		s->rates[kind] = pools_values(o->n_slices);
}

static inline double storm_ratio(const struct storm *s, uint32_t n,
				 enum storm_kind a, enum storm_kind b)
{
	return pools_ratio(s->rates[a], s->rates[b], n);
}

static inline void storm_print(struct storm *s, uint32_t n)
{
	/* Ratios first: medians sort. */
	pools_print("storm_ratio",
		    storm_ratio(s, n, STORM_RESIZING, STORM_QUIET));
	pools_print("storm_ratio_asking",
		    storm_ratio(s, n, STORM_RESIZING, STORM_ASKING));
	pools_print("asking_ratio",
		    storm_ratio(s, n, STORM_ASKING, STORM_QUIET));
	pools_print("quiet",
		    pools_percentile(s->rates[STORM_QUIET], n, 0.5) / 1e6);
	pools_print("asking",
		    pools_percentile(s->rates[STORM_ASKING], n, 0.5) / 1e6);
	pools_print("storm",
		    pools_percentile(s->rates[STORM_RESIZING], n, 0.5) / 1e6);
	pools_print("resizes",
		    (double)s->n_resizes * 1e9 / (double)s->resizing_ns);
	pools_print("refused", (double)s->control.n_refused);
}

/*
 * The wire sends to one VM as fast as may be, in slices without requests, with
 * some that resize nothing, and with as many that resize its pool.
 *
 *	quiet, asking, storm	Mpps that the guest got, medians
 *	storm_ratio		storm : quiet, medians of neighbours
 *	storm_ratio_asking	storm : asking
 *	asking_ratio		asking : quiet
 *	resizes			a second, as answered
 *	refused			requests
 */
static inline void storm_run(struct pools *p, const struct storm_opts *o)
{
	struct storm s = { .seed = 1 };

	storm_open(&s, p, o);
	pools_warm_up(p);
	pools_address(p, 0);
	wire_start(&p->wire, p->packet, p->size, 0, 1);
	load_priority(true);
	wire_resume(&p->wire);
	storm_for(&s, STORM_QUIET, o, o->slice_ns);
	for (uint32_t i = 0; i < o->n_slices; i++)
		for (uint32_t j = 0; j < N_STORM_KINDS; j++) {
			enum storm_kind kind =
				(enum storm_kind)((i + j) % N_STORM_KINDS);

			s.rates[kind][i] = storm_slice(&s, kind, o);
		}
	wire_stop(&p->wire);
	load_priority(false);
	storm_print(&s, o->n_slices);
	for (int kind = 0; kind < N_STORM_KINDS; kind++)
		free(s.rates[kind]);
	close(s.control.fd);
}

#endif
