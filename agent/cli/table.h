/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables for people: a header, aligned columns, and lines of explanation below
 * the row they belong to. What is no printable ASCII becomes '?', so that no
 * name can write to the terminal what it likes. Any thread.
 *
 *	struct table t = { 0 };
 *
 *	table_column(&t, "NAME", TABLE_LEFT);
 *	table_column(&t, "PACKETS", TABLE_RIGHT);
 *	table_row(&t);
 *	table_cell(&t, "%s", name);
 *	table_cell(&t, "%u", n);
 *	table_note(&t, "down: %s", why);
 *	table_print(&t, stdout, false);
 *	table_done(&t);
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_MAX_COLUMNS	16

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table_line;

struct table {
	const char *titles[TABLE_MAX_COLUMNS];	/* borrowed */
	enum table_align aligns[TABLE_MAX_COLUMNS];
	size_t widths[TABLE_MAX_COLUMNS];
	size_t n_columns;
	struct table_line *lines;	/* owned: rows and notes */
	size_t n_lines, size;
	size_t row;			/* the current one, plus one */
};

void table_column(struct table *table, const char *title,
		  enum table_align align);
/* Up to a NULL; the first @n_left are aligned to the left. */
void table_columns(struct table *table, const char *const *titles,
		   size_t n_left);

/* Begins a row; cells are added from left to right. */
void table_row(struct table *table);
void table_cell(struct table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The current row is to stand out. */
void table_mark(struct table *table);
/* A line below what there is so far. */
void table_note(struct table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* @color: the terminal knows ANSI sequences, and colour is wanted. */
void table_print(const struct table *table, FILE *out, bool color);
void table_done(struct table *table);

#endif
