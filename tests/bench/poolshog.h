/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A VM alone, and beside another one that gets as many packets and never reads:
 * its guest's ring is full, its pool too, and what comes is lost.
 *
 * The generator's core is the guests', too. So that it has as much to do in both
 * cases, there are as many packets besides when the VM is alone: the wire's own
 * address is their destination, and the program on the uplink drops them.
 */
#ifndef BENCH_POOLSHOG_H
#define BENCH_POOLSHOG_H

#include "pools.h"

/* Bursts that fill the hog's ring, at most, and its pool after that. */
#define HOG_BURST      4096
#define HOG_RING_MAX   20
#define HOG_POOL_BURST 4
/* For pools to become small, or large, again. */
#define HOG_SETTLE_NS 200000000

struct hog_opts {
	double latency_pps; /* of each VM, when times are measured */
	uint32_t n_slices;  /* of each kind */
	uint64_t slice_ns;
};

enum hog_kind { HOG_ALONE, HOG_BESIDE, N_HOG_KINDS };

enum hog_value { HOG_RATE, HOG_P50, HOG_P99, N_HOG_VALUES };

struct hog {
	struct pools *p;
	struct pvp load; /* the victim: guest 1 sends back what it gets */
	uint8_t others[N_HOG_KINDS][WIRE_MAX_SIZE]; /* the other packets */
	double pps; /* of each VM, when packets are counted */
	/* owned; per slice */
	double *values[N_HOG_KINDS][N_HOG_VALUES];
};

static inline void hog_fill(struct hog *h)
{
	struct guest *hog = &h->p->guests[1];
	int n = 0;

	while (pools_posted(hog) && n++ < HOG_RING_MAX)
		wire_burst(&h->p->wire, h->others[HOG_BESIDE], h->p->size,
			   HOG_BURST);
	if (pools_posted(hog))
		die("the hog's ring is not full after %d packets",
		    HOG_RING_MAX * HOG_BURST);
	for (n = 0; n < HOG_POOL_BURST; n++)
		wire_burst(&h->p->wire, h->others[HOG_BESIDE], h->p->size,
			   HOG_BURST);
}

/* The hog is full, or has nothing at all. */
static inline void hog_set(struct hog *h, enum hog_kind kind)
{
	if (kind == HOG_BESIDE)
		hog_fill(h);
	else
		pools_drain(&h->p->guests[1], UINT64_MAX);
	sleep_until_ns(now_ns() + HOG_SETTLE_NS);
}

/* ---- times ---- */

/* The one thread sends at a moderate rate, is the guest, and sends back. */
static inline void hog_latency(struct hog *h, enum hog_kind kind, uint32_t i,
			       const struct hog_opts *o)
{
	static uint32_t hist[PVP_BUCKETS];
	struct wire *w = &h->p->wire;
	uint64_t start, now, sent = 0;

	wire_reset(w);
	start = now = now_ns();
	while (now - start < o->slice_ns && !stop_requested) {
		uint64_t due = (uint64_t)((double)(now - start) *
					  o->latency_pps / 1e9) +
			       1 - sent;
		uint32_t n = due < GUEST_BURST ? (uint32_t)due : GUEST_BURST;

		if (n)
			n = wire_xsk_send(w, h->p->packet, h->p->size, n, true);
		if (n)
			wire_xsk_send(w, h->others[kind], h->p->size, n, false);
		sent += n;
		load_poll(&h->load, PATH_WIRE_GUEST_WIRE);
		now = now_ns();
	}
	load_drain(&h->load, PATH_WIRE_GUEST_WIRE, 0, sent);
	memset(hist, 0, sizeof(hist));
	wire_add_times(w, hist);
	h->values[kind][HOG_P50][i] = load_percentile(hist, 0.5);
	h->values[kind][HOG_P99][i] = load_percentile(hist, 0.99);
}

/* ---- packets ---- */

struct hog_rates {
	double sent, back; /* to and from the victim, packets a second */
};

/* Live frames at @pps to the victim, and to the other (0: as many as
 * possible). */
static inline struct hog_rates hog_load(struct hog *h, enum hog_kind kind,
					double pps, uint64_t ns)
{
	struct wire *w = &h->p->wire;
	uint64_t start, sent, back;
	struct hog_rates r;

	w->send->other =
		h->others[kind][PVP_DST_OFF] - h->p->packet[PVP_DST_OFF];
	wire_start(w, h->p->packet, h->p->size, 2 * pps, 1);
	load_priority(true);
	wire_resume(w);
	start = now_ns();
	/* The first fifth is the beginning, and does not count. */
	while (now_ns() - start < ns / 5)
		load_nap(&h->load, PATH_WIRE_GUEST_WIRE);
	start = now_ns();
	sent = w->sent->sent;
	back = wire_received(w);
	while (now_ns() - start < ns && !stop_requested)
		load_nap(&h->load, PATH_WIRE_GUEST_WIRE);
	r.back = (double)(wire_received(w) - back) * 1e9 /
		 (double)(now_ns() - start);
	r.sent = (double)(w->sent->sent - sent) / 2 * 1e9 /
		 (double)(now_ns() - start);
	wire_pause(w);
	load_drain(&h->load, PATH_WIRE_GUEST_WIRE, 0, UINT64_MAX);
	wire_stop(w);
	load_priority(false);
	w->send->other = 0;
	return r;
}

/* What the victim can send back of half of what the wire can send. */
static inline double hog_find_pps(struct hog *h, const struct hog_opts *o)
{
	struct hog_rates r;

	hog_set(h, HOG_ALONE);
	r = hog_load(h, HOG_ALONE, 0, o->slice_ns);
	return 0.95 * (r.back < r.sent ? r.back : r.sent);
}

/* ---- both ---- */

static inline double hog_median(struct hog *h, enum hog_kind kind,
				enum hog_value value, uint32_t n)
{
	return pools_percentile(h->values[kind][value], n, 0.5);
}

static inline double hog_ratio(struct hog *h, enum hog_value value, uint32_t n)
{
	return pools_ratio(h->values[HOG_BESIDE][value],
			   h->values[HOG_ALONE][value], n);
}

static inline void hog_print(struct hog *h, uint32_t n)
{
	/* Ratios first: medians sort. */
	pools_print("rate_ratio", hog_ratio(h, HOG_RATE, n));
	pools_print("p50_ratio", hog_ratio(h, HOG_P50, n));
	pools_print("p99_ratio", hog_ratio(h, HOG_P99, n));
	pools_print("offered", h->pps / 1e6);
	pools_print("rate_alone", hog_median(h, HOG_ALONE, HOG_RATE, n) / 1e6);
	pools_print("rate_beside",
		    hog_median(h, HOG_BESIDE, HOG_RATE, n) / 1e6);
	pools_print("p50_alone", hog_median(h, HOG_ALONE, HOG_P50, n));
	pools_print("p50_beside", hog_median(h, HOG_BESIDE, HOG_P50, n));
	pools_print("p99_alone", hog_median(h, HOG_ALONE, HOG_P99, n));
	pools_print("p99_beside", hog_median(h, HOG_BESIDE, HOG_P99, n));
}

static inline void hog_open(struct hog *h, struct pools *p, uint32_t n_slices)
{
	h->p = p;
	h->load.wire = &p->wire;
	h->load.guests[0] = &p->guests[0];
	pools_address(p, 1);
	memcpy(h->others[HOG_BESIDE], p->packet, sizeof(p->packet));
	pools_address(p, 0);
	memcpy(h->others[HOG_ALONE], p->packet, sizeof(p->packet));
	memcpy(h->others[HOG_ALONE], p->packet + 6, 6);
	for (int kind = 0; kind < N_HOG_KINDS; kind++)
		for (int value = 0; value < N_HOG_VALUES; value++)
			h->values[kind][value] = pools_values(n_slices);
}

/*
 * Slices alone and beside the hog, in turns.
 *
 *	offered			Mpps to each VM
 *	rate_alone, _beside	Mpps that come back from the victim, medians
 *	p50_, p99_...		microseconds of a round trip at latency_pps:
 *				medians of the slices'
 *	..._ratio		beside : alone, medians of neighbours
 */
static inline void hog_run(struct pools *p, const struct hog_opts *o)
{
	struct hog h = { 0 };

	pools_warm_up(p);
	hog_open(&h, p, o->n_slices);
	h.pps = hog_find_pps(&h, o);
	for (uint32_t i = 0; i < 2 * o->n_slices && !stop_requested; i++) {
		/* alone, beside, beside, alone, ... */
		enum hog_kind kind = (i + 1) / 2 % 2 ? HOG_BESIDE : HOG_ALONE;

		hog_set(&h, kind);
		h.values[kind][HOG_RATE][i / 2] =
			hog_load(&h, kind, h.pps, o->slice_ns).back;
		hog_latency(&h, kind, i / 2, o);
	}
	hog_print(&h, o->n_slices);
	for (int kind = 0; kind < N_HOG_KINDS; kind++)
		for (int value = 0; value < N_HOG_VALUES; value++)
			free(h.values[kind][value]);
}

#endif
