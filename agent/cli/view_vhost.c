// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* vhost-user VMs, and pairs of them, for people: see view.h. */
#include <inttypes.h>
#include <string.h>

#include "cli/view.h"

/* ---- what vm show says of one ---- */

static struct number count_of(const json_t *obj, const char *path)
{
	return number_count(view_number(obj, path));
}

/* Who is there, or why nobody. */
static void note_state(struct table *t, const json_t *vhost)
{
	const char *why = view_string(vhost, "why");

	if (json_is_object(view_member(vhost, "peer")))
		table_note(t,
			   "vhost-user %s (%s) %s%s%s: process %" PRIu64
			   " of user %" PRIu64,
			   view_string(vhost, "socket"),
			   view_string(vhost, "mode"),
			   view_string(vhost, "state"),
			   why[0] ? ", last: " : "", why,
			   view_number(vhost, "peer.pid"),
			   view_number(vhost, "peer.uid"));
	else
		table_note(t, "vhost-user %s (%s) %s%s%s",
			   view_string(vhost, "socket"),
			   view_string(vhost, "mode"),
			   view_string(vhost, "state"), why[0] ? ": " : "",
			   why);
}

static void note_session(struct table *t, const json_t *vhost)
{
	uint64_t mtu = view_number(vhost, "guest_mtu");
	char told[40] = "";

	if (mtu)
		snprintf(told, sizeof(told), ", MTU %" PRIu64, mtu);
	table_note(t,
		   "connected %s times, refused %s, %s messages%s; memory: "
		   "%" PRIu64 " regions, %s bytes, %s mapped%s",
		   count_of(vhost, "connects").text,
		   count_of(vhost, "refused").text,
		   count_of(vhost, "messages").text, told,
		   view_number(vhost, "memory.regions"),
		   count_of(vhost, "memory.bytes").text,
		   count_of(vhost, "memory.mapped").text,
		   view_bool(vhost, "memory.logging") ? ", changes logged"
						      : "");
}

static void note_ring(struct table *t, const json_t *pair, const char *name,
		      const char *title, const char *entries)
{
	const json_t *ring = view_member(pair, name);

	if (!view_bool(ring, "running"))
		table_note(t, "pair %" PRIu64 " %s: not running, %s packets",
			   view_number(pair, "index"), title,
			   count_of(ring, "packets").text);
	else
		table_note(t,
			   "pair %" PRIu64
			   " %s: %s packets, %s bytes, %s calls, "
			   "%s kicks asked for, %" PRIu64 "/%" PRIu64 " %s%s",
			   view_number(pair, "index"), title,
			   count_of(ring, "packets").text,
			   count_of(ring, "bytes").text,
			   count_of(ring, "calls").text,
			   count_of(ring, "kicks").text,
			   view_number(ring, "fill"), view_number(ring, "size"),
			   entries,
			   view_bool(ring, "enabled") ? "" : ", disabled");
}

/* Whether it has ever run. */
static bool has_run(const json_t *pair, const char *ring)
{
	const json_t *obj = view_member(pair, ring);

	return view_bool(obj, "running") || view_number(obj, "packets");
}

static void note_pair(struct table *t, const json_t *pair)
{
	if (!has_run(pair, "to_guest") && !has_run(pair, "from_guest")) {
		table_note(t,
			   "pair %" PRIu64 " on worker %" PRIu64
			   ": not running",
			   view_number(pair, "index"),
			   view_number(pair, "worker"));
		return;
	}
	note_ring(t, pair, "to_guest", "to guest", "buffers free");
	note_ring(t, pair, "from_guest", "from guest", "packets waiting");
	table_note(
		t,
		"pair %" PRIu64 " on worker %" PRIu64
		": copied %s packets in, %s out; %s segments merged, %s waits "
		"for buffers",
		view_number(pair, "index"), view_number(pair, "worker"),
		count_of(pair, "copied_in").text,
		count_of(pair, "copied_out").text,
		count_of(pair, "merged").text, count_of(pair, "no_room").text);
}

void view_vhost_notes(struct table *t, const json_t *vm)
{
	const json_t *vhost = view_member(vm, "vhost");
	const json_t *pairs = view_member(vhost, "pairs");
	uint64_t packets = view_number(vhost, "moderation.packets");

	if (!json_is_object(vhost))
		return;
	note_state(t, vhost);
	note_session(t, vhost);
	view_list_note(t, "features", view_member(vhost, "features"));
	view_list_note(t, "protocol features",
		       view_member(vhost, "protocol_features"));
	for (size_t i = 0; i < json_array_size(pairs); i++)
		note_pair(t, json_array_get(pairs, i));
	if (packets > 1)
		table_note(t,
			   "called after %" PRIu64 " packets or %" PRIu64 " us",
			   packets, view_number(vhost, "moderation.us"));
	if (view_number(vhost, "bypassed.packets"))
		table_note(t, "sent past the switch: %s packets, %s bytes",
			   count_of(vhost, "bypassed.packets").text,
			   count_of(vhost, "bypassed.bytes").text);
}

/* ---- bypass ---- */

static void cell_rule(struct table *t, const json_t *pair)
{
	const json_t *rule = view_member(pair, "rule");

	if (!json_is_object(rule))
		table_cell(t, "-");
	else if (json_is_integer(view_member(rule, "value")))
		table_cell(t, "%" PRIu64 ": %s %" PRIu64,
			   view_number(rule, "index"),
			   view_string(rule, "kind"),
			   view_number(rule, "value"));
	else
		table_cell(t, "%" PRIu64 ": %s", view_number(rule, "index"),
			   view_string(rule, "kind"));
}

static void row_pair(struct table *t, const struct view *view,
		     const json_t *pair)
{
	const json_t *before = view_find_before(view, NULL, pair, "from", "to");
	const char *state = view_string(pair, "state");

	table_row(t);
	table_cell(t, "%s", view_string(pair, "from"));
	table_cell(t, "%s", view_string(pair, "to"));
	cell_rule(t, pair);
	table_cell(t, "%s", state);
	if (!strcmp(state, "held"))
		table_mark(t);
	if (view->rates) {
		table_cell(t, "%s",
			   number_rate(view_rate(view, pair, before, "packets"))
				   .text);
		table_cell(
			t, "%s",
			number_rate(view_rate(view, pair, before, "bytes") * 8)
				.text);
	} else {
		table_cell(t, "%s", count_of(pair, "packets").text);
		table_cell(t, "%s", count_of(pair, "bytes").text);
	}
	table_cell(t, "%s", view_string(pair, "why"));
}

void view_bypass(const struct view *view)
{
	/* clang-format off */
	static const char *const totals[] = {
		"FROM", "TO", "RULE", "STATE", "PACKETS", "BYTES", "WHY NOT",
		NULL,
	};
	static const char *const rates[] = {
		"FROM", "TO", "RULE", "STATE", "PKT/S", "BIT/S", "WHY NOT",
		NULL,
	};
	/* clang-format on */
	const json_t *data = json_object_get(view->answer, "data");
	struct table t = { 0 };

	table_columns(&t, view->rates ? rates : totals, 4);
	t.aligns[6] = TABLE_LEFT;
	for (size_t i = 0; i < json_array_size(data); i++)
		row_pair(&t, view, json_array_get(data, i));
	table_print(&t, view->out, view->color);
	table_done(&t);
}
