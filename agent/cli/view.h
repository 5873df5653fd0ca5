/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The agent's answers for people. view.c has what all views share, and the
 * table of views; view_ports.c, view_frames.c, view_pools.c, view_vhost.c,
 * view_tags.c and view_classes.c have the views themselves.
 *
 * An answer that lacks a member, or has another type there, is shown with a
 * zero or nothing: an older or newer agent is no reason to fail.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/number.h"
#include "cli/table.h"

struct view {
	const json_t *answer;	/* borrowed */
	const json_t *before;	/* borrowed: the answer before; NULL = none */
	bool rates;		/* show rates and not totals */
	bool color;
	bool utf8;		/* what is printed may be that */
	uint32_t width;		/* columns of the terminal */
	FILE *out;		/* borrowed */
};

/* Whether "OBJECT show" has a view. */
bool view_known(const char *object);
/* Prints what "OBJECT show" answered. */
void view_show(const struct view *view, const char *object);
/* Prints what "pool log" answered. */
void view_pool_log(const struct view *view);

/* Prints what "pool audit" answered. */
void view_pool_audit(const struct view *view);
/* Prints what "version" answered. */
void view_version(const struct view *view);

/* ---- for views ---- */

/* The member at "a.b" below @obj; NULL if there is none. */
const json_t *view_member(const json_t *obj, const char *path);
/* As a number, text or truth; 0, "" or false if it is none. */
uint64_t view_number(const json_t *obj, const char *path);
const char *view_string(const json_t *obj, const char *path);
bool view_bool(const json_t *obj, const char *path);

/* Seconds between the two answers; 0 if rates cannot be told. */
double view_seconds(const struct view *view);
/* The object in @list (a path below "data") of the answer before that agrees
 * with @now in the members @key and @key2 (NULL = one is enough). */
const json_t *view_find_before(const struct view *view, const char *list,
			       const json_t *now, const char *key,
			       const char *key2);
/* How fast the member at @path grows, per second; not a number if unknown. */
double view_rate(const struct view *view, const json_t *now,
		 const json_t *before, const char *path);

/* Notes on what only the vhost-user VM @vm has. */
void view_vhost_notes(struct table *t, const json_t *vm);
/* A line of a list of words: "@title a, b, c", or nothing if it is empty. */
void view_list_note(struct table *t, const char *title, const json_t *array);

void view_vms(const struct view *view);
void view_ports(const struct view *view);
void view_pools(const struct view *view);
void view_queues(const struct view *view);
void view_tags(const struct view *view);
void view_classes(const struct view *view);
void view_workers(const struct view *view);
void view_fdb(const struct view *view);
void view_bypass(const struct view *view);
void view_counters(const struct view *view);

#endif
