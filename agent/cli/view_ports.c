// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* VMs, ports, the forwarding table and counters for people: see view.h. */
#include <inttypes.h>
#include <string.h>

#include "cli/view.h"

/* ---- what VMs and ports have in common ---- */

static void finish(const struct view *view, struct table *t)
{
	table_print(t, view->out, view->color);
	table_done(t);
}

static void cell_state(struct table *t, const json_t *obj)
{
	table_cell(t, "%s", view_string(obj, "state"));
	if (strcmp(view_string(obj, "state"), "up"))
		table_mark(t);
}

static void cell_count(struct table *t, const json_t *obj, const char *path)
{
	table_cell(t, "%s", number_count(view_number(obj, path)).text);
}

static void cell_rate(struct table *t, const struct view *view,
		      const json_t *obj, const json_t *before, const char *path,
		      double factor)
{
	double rate = view_rate(view, obj, before, path) * factor;

	table_cell(t, "%s", number_rate(rate).text);
}

/* Packets and bits per second of one direction. */
static void cells_flow(struct table *t, const struct view *view,
		       const json_t *obj, const json_t *before,
		       const char *packets, const char *bytes)
{
	cell_rate(t, view, obj, before, packets, 1);
	cell_rate(t, view, obj, before, bytes, 8);
}

/* Why it is not up, why it goes another way, what was lost and what helps. */
static void notes_common(struct table *t, const json_t *obj)
{
	const json_t *reasons = view_member(obj, "drops.reasons");
	size_t n = json_array_size(reasons);

	/* Of a vhost-user VM it has been said. */
	if (view_string(obj, "why")[0] &&
	    strcmp(view_string(obj, "why"), view_string(obj, "vhost.why")))
		table_note(t, "%s: %s", view_string(obj, "state"),
			   view_string(obj, "why"));
	if (strcmp(view_string(obj, "way.asked"), view_string(obj, "way.got")))
		table_note(t, "way: asked %s, got %s%s%s",
			   view_string(obj, "way.asked"),
			   view_string(obj, "way.got"),
			   view_string(obj, "way.why")[0] ? ": " : "",
			   view_string(obj, "way.why"));
	for (size_t i = 0; i < n; i++) {
		const json_t *drop = json_array_get(reasons, i);

		table_note(t, "dropped %s (%s): %s -> %s",
			   number_count(view_number(drop, "packets")).text,
			   view_string(drop, "reason"),
			   view_string(drop, "what"),
			   view_string(drop, "advice"));
	}
}

/* ---- vm ---- */

static void row_vm(struct table *t, const struct view *view, const json_t *vm)
{
	const json_t *before = view_find_before(view, NULL, vm, "name", NULL);
	uint64_t network = view_number(vm, "network");

	table_row(t);
	table_cell(t, "%s", view_string(vm, "name"));
	cell_state(t, vm);
	if (view->rates) {
		table_cell(t, "%" PRIu64 "/%" PRIu64,
			   view_number(vm, "pool.used"),
			   view_number(vm, "pool.size"));
		cells_flow(t, view, vm, before, "to_vm.packets", "to_vm.bytes");
		cells_flow(t, view, vm, before, "from_vm.packets",
			   "from_vm.bytes");
		cell_rate(t, view, vm, before, "drops.packets", 1);
		return;
	}
	if (network)
		table_cell(t, "%" PRIu64, network);
	else
		table_cell(t, "untagged");
	table_cell(t, "%s", view_string(vm, "device"));
	table_cell(t, "%s", view_string(vm, "way.got"));
	table_cell(t, "%" PRIu64 "/%" PRIu64, view_number(vm, "pool.used"),
		   view_number(vm, "pool.size"));
	cell_count(t, vm, "to_vm.packets");
	cell_count(t, vm, "from_vm.packets");
	cell_count(t, vm, "drops.packets");
	view_list_note(t, "mac", view_member(vm, "macs"));
	view_list_note(t, "addresses", view_member(vm, "addresses"));
	view_vhost_notes(t, vm);
	notes_common(t, vm);
}

void view_vms(const struct view *view)
{
	/* clang-format off */
	static const char *const totals[] = {
		"VM", "STATE", "NETWORK", "DEVICE", "WAY", "POOL (FRAMES)",
		"TO VM (PKT)", "FROM VM (PKT)", "DROPPED", NULL,
	};
	static const char *const rates[] = {
		"VM", "STATE", "POOL (FRAMES)", "TO VM PKT/S", "BIT/S",
		"FROM VM PKT/S", "BIT/S", "DROPS/S", NULL,
	};
	/* clang-format on */
	const json_t *data = json_object_get(view->answer, "data");
	struct table t = { 0 };

	table_columns(&t, view->rates ? rates : totals, view->rates ? 2 : 5);
	for (size_t i = 0; i < json_array_size(data); i++)
		row_vm(&t, view, json_array_get(data, i));
	finish(view, &t);
}

/* ---- port ---- */

static void queue_text(const json_t *queue, char *text, size_t size)
{
	const char *asked = view_string(queue, "zero_copy.asked");
	const char *why = view_string(queue, "zero_copy.why");

	snprintf(text, size, "%s%s%s%s%s%s, need_wakeup %s",
		 view_bool(queue, "zero_copy.got") ? "zero-copy" : "copy",
		 asked[0] ? " (zero-copy asked: " : "", asked,
		 asked[0] ? ")" : "", why[0] ? ": " : "", why,
		 view_bool(queue, "need_wakeup") ? "on" : "off");
}

/* Queues that are alike in one line. */
static void notes_queues(struct table *t, const json_t *queues)
{
	size_t n = json_array_size(queues), first = 0;
	char text[256], next[256];

	for (size_t i = 0; i < n; i++) {
		const json_t *queue = json_array_get(queues, i);

		queue_text(queue, text, sizeof(text));
		if (i + 1 < n) {
			queue_text(json_array_get(queues, i + 1), next,
				   sizeof(next));
			if (!strcmp(text, next))
				continue;
		}
		if (first == i)
			table_note(t, "queue %" PRIu64 ": %s",
				   view_number(queue, "index"), text);
		else
			table_note(t, "queues %" PRIu64 "-%" PRIu64 ": %s",
				   view_number(json_array_get(queues, first),
					       "index"),
				   view_number(queue, "index"), text);
		first = i + 1;
	}
}

static void row_port(struct table *t, const struct view *view,
		     const json_t *port)
{
	const json_t *before =
		view_find_before(view, "ports", port, "name", NULL);
	const char *xdp = view_string(port, "xdp");

	table_row(t);
	table_cell(t, "%s", view_string(port, "name"));
	table_cell(t, "%s", view_string(port, "kind"));
	cell_state(t, port);
	if (view->rates) {
		cells_flow(t, view, port, before, "rx.packets", "rx.bytes");
		cells_flow(t, view, port, before, "tx.packets", "tx.bytes");
		cell_rate(t, view, port, before, "drops.packets", 1);
		return;
	}
	table_cell(t, "%s", view_string(port, "device"));
	table_cell(t, "%s", view_string(port, "driver"));
	table_cell(t, "%s", xdp[0] ? xdp : "-");
	table_cell(t, "%s", view_bool(port, "xdp_transmit") ? "yes" : "no");
	table_cell(t, "%s", view_string(port, "way.got"));
	table_cell(t, "%" PRIu64, view_number(port, "ifindex"));
	table_cell(t, "%" PRIu64, view_number(port, "mtu"));
	cell_count(t, port, "rx.packets");
	cell_count(t, port, "tx.packets");
	cell_count(t, port, "drops.packets");
	notes_queues(t, view_member(port, "queues"));
	if (view_string(port, "note")[0])
		table_note(t, "note: %s", view_string(port, "note"));
	if (view_string(port, "policed")[0])
		table_note(t, "policed: %s", view_string(port, "policed"));
	notes_common(t, port);
}

void view_ports(const struct view *view)
{
	/* clang-format off */
	static const char *const totals[] = {
		"PORT", "KIND", "STATE", "DEVICE", "DRIVER", "XDP",
		"XDP TRANSMIT", "WAY", "IFINDEX", "MTU", "RX (PKT)",
		"TX (PKT)", "DROPPED", NULL,
	};
	static const char *const rates[] = {
		"PORT", "KIND", "STATE", "RX PKT/S", "BIT/S", "TX PKT/S",
		"BIT/S", "DROPS/S", NULL,
	};
	/* clang-format on */
	const json_t *data = json_object_get(view->answer, "data");
	const json_t *ports = json_object_get(data, "ports");
	const char *why = view_string(data, "hugepages.why");
	struct table t = { 0 };

	table_columns(&t, view->rates ? rates : totals, view->rates ? 3 : 8);
	for (size_t i = 0; i < json_array_size(ports); i++)
		row_port(&t, view, json_array_get(ports, i));
	finish(view, &t);
	if (view->rates)
		return;
	table_note(&t, "hugepages: asked %s, got %s%s%s",
		   view_string(data, "hugepages.asked"),
		   view_bool(data, "hugepages.got") ? "yes" : "no",
		   why[0] ? ": " : "", why);
	finish(view, &t);
}

/* ---- fdb ---- */

void view_fdb(const struct view *view)
{
	/* clang-format off */
	static const char *const titles[] = {
		"NETWORK", "MAC", "PORT", "TYPE", "AGE", NULL,
	};
	/* clang-format on */
	const json_t *data = json_object_get(view->answer, "data");
	size_t n = json_array_size(data);
	struct table t = { 0 };

	table_columns(&t, titles, 4);
	for (size_t i = 0; i < n; i++) {
		const json_t *entry = json_array_get(data, i);

		table_row(&t);
		if (view_number(entry, "network"))
			table_cell(&t, "%" PRIu64,
				   view_number(entry, "network"));
		else
			table_cell(&t, "untagged");
		table_cell(&t, "%s", view_string(entry, "mac"));
		table_cell(&t, "%s", view_string(entry, "port"));
		table_cell(&t, "%s", view_string(entry, "type"));
		if (json_is_integer(json_object_get(entry, "age_s")))
			table_cell(&t, "%" PRIu64 " s",
				   view_number(entry, "age_s"));
		else
			table_cell(&t, "-");
	}
	table_note(&t, "%zu entries", n);
	finish(view, &t);
}

/* ---- counters ---- */

void view_counters(const struct view *view)
{
	/* clang-format off */
	static const char *const totals[] = {
		"PORT", "REASON", "PACKETS", "BYTES", "WHAT HAPPENED", NULL,
	};
	static const char *const rates[] = {
		"PORT", "REASON", "PKT/S", "BIT/S", "WHAT HAPPENED", NULL,
	};
	/* clang-format on */
	const json_t *data = json_object_get(view->answer, "data");
	struct table t = { 0 };

	table_columns(&t, view->rates ? rates : totals, 2);
	t.aligns[4] = TABLE_LEFT;
	for (size_t i = 0; i < json_array_size(data); i++) {
		const json_t *c = json_array_get(data, i);
		const json_t *before =
			view_find_before(view, NULL, c, "port", "reason");

		table_row(&t);
		table_cell(&t, "%s", view_string(c, "port"));
		table_cell(&t, "%s", view_string(c, "reason"));
		if (view->rates) {
			cells_flow(&t, view, c, before, "packets", "bytes");
		} else {
			cell_count(&t, c, "packets");
			cell_count(&t, c, "bytes");
		}
		table_cell(&t, "%s", view_string(c, "what"));
		if (strcmp(view_string(c, "kind"), "drop") ||
		    !view_number(c, "packets"))
			continue;
		table_mark(&t);
		if (!view->rates)
			table_note(&t, "-> %s", view_string(c, "advice"));
	}
	finish(view, &t);
}
