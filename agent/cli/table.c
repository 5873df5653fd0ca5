// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tables for people: see table.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

#define BOLD  "\033[1m"
#define RED   "\033[31m"
#define PLAIN "\033[0m"

struct table_line {
	char *note;			/* owned; NULL: a row */
	char *cells[TABLE_MAX_COLUMNS]; /* owned */
	size_t n_cells;
	bool mark;
};

/* A program that only prints has nothing better to do. */
static void *check(void *p)
{
	if (p)
		return p;
	fputs("pktctl: out of memory\n", stderr);
	exit(1);
}

static char *make_text(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	check(text);
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return text;
}

static struct table_line *add_line(struct table *table)
{
	struct table_line *line;

	if (table->n_lines == table->size) {
		table->size = table->size ? table->size * 2 : 16;
		table->lines = check(realloc(
			table->lines, table->size * sizeof(table->lines[0])));
	}
	line = &table->lines[table->n_lines++];
	memset(line, 0, sizeof(*line));
	return line;
}

void table_column(struct table *table, const char *title,
		  enum table_align align)
{
	table->titles[table->n_columns] = title;
	table->aligns[table->n_columns] = align;
	table->widths[table->n_columns++] = strlen(title);
}

void table_columns(struct table *table, const char *const *titles,
		   size_t n_left)
{
	for (size_t i = 0; titles[i]; i++)
		table_column(table, titles[i],
			     i < n_left ? TABLE_LEFT : TABLE_RIGHT);
}

void table_row(struct table *table)
{
	add_line(table);
	table->row = table->n_lines;
}

void table_cell(struct table *table, const char *fmt, ...)
{
	struct table_line *line = &table->lines[table->row - 1];
	size_t column = line->n_cells++;
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	line->cells[column] = make_text(fmt, ap);
	va_end(ap);
	len = strlen(line->cells[column]);
	if (table->widths[column] < len)
		table->widths[column] = len;
}

void table_mark(struct table *table)
{
	table->lines[table->row - 1].mark = true;
}

void table_note(struct table *table, const char *fmt, ...)
{
	struct table_line *line = add_line(table);
	va_list ap;

	va_start(ap, fmt);
	line->note = make_text(fmt, ap);
	va_end(ap);
}

static void print_cells(const struct table *table, FILE *out,
			const char *const *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int width = (int)table->widths[i];
		const char *gap = i ? "  " : "";

		if (table->aligns[i] == TABLE_RIGHT)
			fprintf(out, "%s%*s", gap, width, cells[i]);
		else if (i + 1 < n)
			fprintf(out, "%s%-*s", gap, width, cells[i]);
		else
			fprintf(out, "%s%s", gap, cells[i]);
	}
}

void table_print(const struct table *table, FILE *out, bool color)
{
	if (table->n_columns) {
		fputs(color ? BOLD : "", out);
		print_cells(table, out, table->titles, table->n_columns);
		fputs(color ? PLAIN "\n" : "\n", out);
	}
	for (size_t i = 0; i < table->n_lines; i++) {
		const struct table_line *line = &table->lines[i];
		bool red = color && line->mark;

		if (line->note) {
			fprintf(out, "%s%s\n", table->n_columns ? "    " : "",
				line->note);
			continue;
		}
		fputs(red ? RED : "", out);
		print_cells(table, out, (const char *const *)line->cells,
			    line->n_cells);
		fputs(red ? PLAIN "\n" : "\n", out);
	}
}

void table_done(struct table *table)
{
	for (size_t i = 0; i < table->n_lines; i++) {
		free(table->lines[i].note);
		for (size_t c = 0; c < table->lines[i].n_cells; c++)
			free(table->lines[i].cells[c]);
	}
	free(table->lines);
	memset(table, 0, sizeof(*table));
}
