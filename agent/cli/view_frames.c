// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Queues and workers for people: see view.h. */
#include <inttypes.h>
#include <string.h>

#include "cli/view.h"

/* A total, or how fast it grows. */
static void cell(struct table *t, const struct view *view, const json_t *obj,
		 const json_t *before, const char *path)
{
	if (view->rates)
		table_cell(
			t, "%s",
			number_rate(view_rate(view, obj, before, path)).text);
	else
		table_cell(t, "%s", number_count(view_number(obj, path)).text);
}

static void cell_of(struct table *t, const json_t *obj, const char *used,
		    const char *limit)
{
	table_cell(t, "%" PRIu64 "/%" PRIu64, view_number(obj, used),
		   view_number(obj, limit));
}

/* ---- queue ---- */

static void notes_shares(struct table *t, const json_t *shares)
{
	for (size_t i = 0; i < json_array_size(shares); i++) {
		const json_t *share = json_array_get(shares, i);
		const char *to = view_string(share, "to");

		table_note(t,
			   "%s%s: %" PRIu64 "/%" PRIu64
			   " frames waiting (ring of %" PRIu64
			   "), %s packets read",
			   to[0] ? "for VM " : "to be switched", to,
			   view_number(share, "waiting"),
			   view_number(share, "limit"),
			   view_number(share, "size"),
			   number_count(view_number(share, "packets")).text);
	}
}

void view_queues(const struct view *view)
{
	/* clang-format off */
	static const char *const totals[] = {
		"PORT", "MODE", "QUEUE", "ID", "WORKER", "POSTED/TARGET",
		"FILL RING", "SENDING", "RX", "TX", "KICKS", "TX AGAIN",
		"FILL SHORT", NULL,
	};
	static const char *const rates[] = {
		"PORT", "MODE", "QUEUE", "ID", "WORKER", "POSTED/TARGET",
		"FILL RING", "SENDING", "RX PKT/S", "TX PKT/S", "KICKS/S",
		"TX AGAIN/S", "FILL SHORT/S", NULL,
	};
	/* clang-format on */
	const json_t *data = json_object_get(view->answer, "data");
	struct table t = { 0 };

	table_columns(&t, view->rates ? rates : totals, 2);
	for (size_t i = 0; i < json_array_size(data); i++) {
		const json_t *queue = json_array_get(data, i);
		const json_t *before =
			view_find_before(view, NULL, queue, "port", "index");

		table_row(&t);
		table_cell(&t, "%s", view_string(queue, "port"));
		table_cell(&t, "%s", view_string(queue, "mode"));
		table_cell(&t, "%" PRIu64, view_number(queue, "index"));
		table_cell(&t, "%" PRIu64, view_number(queue, "id"));
		table_cell(&t, "%" PRIu64, view_number(queue, "worker"));
		cell_of(&t, queue, "outstanding", "target");
		table_cell(&t, "%" PRIu64, view_number(queue, "fill_size"));
		table_cell(&t, "%" PRIu64, view_number(queue, "tx_in_flight"));
		cell(&t, view, queue, before, "rx_packets");
		cell(&t, view, queue, before, "tx_packets");
		cell(&t, view, queue, before, "kicks");
		cell(&t, view, queue, before, "tx_again");
		cell(&t, view, queue, before, "fill_short");
		if (!view->rates)
			notes_shares(&t, json_object_get(queue, "shares"));
	}
	table_print(&t, view->out, view->color);
	table_done(&t);
}

/* ---- worker ---- */

/* Since the answer before, or since the agent's start. */
static void cells_load(struct table *t, const struct view *view,
		       const json_t *worker, const json_t *before)
{
	double ns = (double)view_number(view->answer, "time_ns") -
		    (double)view_number(view->answer, "started_ns");
	double busy = (double)view_number(worker, "busy_ns");
	double packets = (double)view_number(worker, "packets");
	double batches = (double)view_number(worker, "batches");

	if (view->rates) {
		ns = view_seconds(view) * 1e9;
		busy -= (double)view_number(before, "busy_ns");
		packets -= (double)view_number(before, "packets");
		batches -= (double)view_number(before, "batches");
	}
	if (ns > 0)
		table_cell(t, "%.1f %%", busy * 100 / ns);
	else
		table_cell(t, "-");
	if (batches > 0)
		table_cell(t, "%.1f", packets / batches);
	else
		table_cell(t, "-");
}

void view_workers(const struct view *view)
{
	/* clang-format off */
	static const char *const totals[] = {
		"STATE", "WORKER", "CORE", "QUEUES", "BUSY", "PKT/BATCH",
		"PACKETS", "LOOPS", "SLEEPS", "WAKES SENT", "LEARN LOST", NULL,
	};
	static const char *const rates[] = {
		"STATE", "WORKER", "CORE", "QUEUES", "BUSY", "PKT/BATCH",
		"PKT/S", "LOOPS/S", "SLEEPS/S", "WAKES/S", "LEARN LOST/S", NULL,
	};
	/* clang-format on */
	const json_t *data = json_object_get(view->answer, "data");
	struct table t = { 0 };

	table_columns(&t, view->rates ? rates : totals, 1);
	for (size_t i = 0; i < json_array_size(data); i++) {
		const json_t *worker = json_array_get(data, i);
		const json_t *before =
			view_find_before(view, NULL, worker, "index", NULL);

		table_row(&t);
		table_cell(&t, "%s",
			   view_bool(worker, "sleeping") ? "asleep" : "awake");
		table_cell(&t, "%" PRIu64, view_number(worker, "index"));
		table_cell(&t, "%" PRIu64, view_number(worker, "core"));
		table_cell(&t, "%" PRIu64, view_number(worker, "queues"));
		cells_load(&t, view, worker, before);
		cell(&t, view, worker, before, "packets");
		cell(&t, view, worker, before, "loops");
		cell(&t, view, worker, before, "sleeps");
		cell(&t, view, worker, before, "wakes_sent");
		cell(&t, view, worker, before, "learn_lost");
	}
	table_print(&t, view->out, view->color);
	table_done(&t);
}
