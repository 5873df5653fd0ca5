/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes what a benchmark found: NAME.json for programs, NAME.svg for people,
 * a bar of ours beside the baseline's for each figure.
 *
 *	{"figures": [{"name", "value", "unit", "aim", "met"}, ...]}
 *
 * "aim" is a sentence, or null for a figure that has none (baselines); then
 * "met" is null, too.
 */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <jansson.h>

#include "../tools/common.h"

enum result_aim {
	RESULT_NO_AIM,
	RESULT_AT_LEAST, /* value >= ratio * baseline */
	RESULT_AT_MOST,	 /* value <= ratio * baseline */
};

struct result_figure {
	const char *name; /* what was measured, ours */
	const char *unit;
	double value;
	const char *base_name; /* NULL = no baseline */
	double base_value;
	enum result_aim aim;
	double ratio;
};

/* Whether the aim is met; true if there is none. */
static inline bool result_met(const struct result_figure *f)
{
	switch (f->aim) {
	case RESULT_AT_LEAST:
		return f->value >= f->ratio * f->base_value;
	case RESULT_AT_MOST:
		return f->value <= f->ratio * f->base_value;
	default:
		return true;
	}
}

/* Three significant digits. Returns @buf. */
static inline const char *result_number(double value, char buf[32])
{
	int digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;

	snprintf(buf, 32, "%.*f", digits, value);
	return buf;
}

/* Returns @buf, empty without an aim. */
static inline const char *result_aim_text(const struct result_figure *f,
					  char *buf, size_t size)
{
	char number[32];

	buf[0] = 0;
	if (f->aim != RESULT_NO_AIM)
		snprintf(buf, size, "%s %.0f %% of %s (%s %s)",
			 f->aim == RESULT_AT_LEAST ? "at least" : "at most",
			 f->ratio * 100, f->base_name,
			 result_number(f->ratio * f->base_value, number),
			 f->unit);
	return buf;
}

static inline void result_write_json(const char *path,
				     const struct result_figure *figures,
				     size_t n)
{
	json_t *list = json_array();
	json_t *root = json_pack("{s:o}", "figures", list);
	char aim[256];

	for (size_t i = 0; i < n; i++) {
		const struct result_figure *f = &figures[i];

		result_aim_text(f, aim, sizeof(aim));
		json_array_append_new(
			list,
			json_pack("{s:s, s:f, s:s, s:s?, s:o}", "name", f->name,
				  "value", f->value, "unit", f->unit, "aim",
				  *aim ? aim : NULL, "met",
				  *aim ? json_boolean(result_met(f))
				       : json_null()));
		if (f->base_name)
			json_array_append_new(
				list,
				json_pack("{s:s, s:f, s:s, s:n, s:n}", "name",
					  f->base_name, "value", f->base_value,
					  "unit", f->unit, "aim", "met"));
	}
	if (json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
		die("%s: cannot write", path);
	json_decref(root);
}

/* ---- the picture ---- */

#define SVG_WIDTH   760
#define SVG_LEFT    24
#define SVG_TOP	    64
#define SVG_GROUP   112 /* height of one figure */
#define SVG_BAR	    26
#define SVG_BAR_MAX 560 /* length of the longest bar */

static inline void svg_text(FILE *out, double x, double y, const char *style,
			    const char *text)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, style);
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
	fputs("</text>\n", out);
}

static inline void svg_bar(FILE *out, double y, double value, double max,
			   const char *style, const char *unit,
			   const char *name)
{
	double width = max > 0 ? value / max * SVG_BAR_MAX : 0;
	bool inside = width > 7.5 * (double)strlen(name) + 16;
	char number[32], text[160];

	fprintf(out,
		"<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"3\" "
		"class=\"%s\"/>\n",
		SVG_LEFT, y, width < 1 ? 1 : width, SVG_BAR, style);
	snprintf(text, sizeof(text), "%s %s%s%s", result_number(value, number),
		 unit, inside ? "" : "  ", inside ? "" : name);
	svg_text(out, SVG_LEFT + width + 8, y + 18, "value", text);
	if (inside)
		svg_text(out, SVG_LEFT + 8, y + 18, "inbar", name);
}

static inline void svg_figure(FILE *out, double y,
			      const struct result_figure *f)
{
	double max = f->value > f->base_value ? f->value : f->base_value;
	char text[320], aim[256];
	double x;

	if (f->base_name && f->base_value > 0)
		snprintf(text, sizeof(text), "%s: %.0f %% of %s", f->name,
			 100 * f->value / f->base_value, f->base_name);
	else
		snprintf(text, sizeof(text), "%s", f->name);
	svg_text(out, SVG_LEFT, y, "group", text);
	svg_bar(out, y + 8, f->value, max, "ours", f->unit, f->name);
	if (f->base_name)
		svg_bar(out, y + 12 + SVG_BAR, f->base_value, max, "base",
			f->unit, f->base_name);
	if (f->aim == RESULT_NO_AIM || max <= 0)
		return;
	x = SVG_LEFT + f->ratio * f->base_value / max * SVG_BAR_MAX;
	fprintf(out,
		"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
		"class=\"aim\"/>\n",
		x, y + 5, x, y + 15 + 2 * SVG_BAR);
	snprintf(text, sizeof(text), "aim: %s: %s",
		 result_aim_text(f, aim, sizeof(aim)),
		 result_met(f) ? "met" : "not met");
	svg_text(out, SVG_LEFT, y + 30 + 2 * SVG_BAR,
		 result_met(f) ? "note" : "missed", text);
}

static inline void result_write_svg(const char *path, const char *title,
				    const struct result_figure *figures,
				    size_t n)
{
	int height = SVG_TOP + (int)n * SVG_GROUP + 8;
	FILE *out = fopen(path, "we");

	if (!out)
		die("%s: %s", path, strerror(errno));
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%d\" viewBox=\"0 0 %d %d\" "
		"font-family=\"sans-serif\">\n"
		"<style>\n"
		".title{font-size:20px;font-weight:bold;fill:#1f2933}\n"
		".group{font-size:14px;font-weight:bold;fill:#1f2933}\n"
		".value{font-size:13px;fill:#1f2933}\n"
		".inbar{font-size:13px;fill:#ffffff}\n"
		".note{font-size:12px;fill:#52606d}\n"
		".missed{font-size:12px;fill:#b42318;font-weight:bold}\n"
		".ours{fill:#1565c0}\n"
		".base{fill:#7b8794}\n"
		".aim{stroke:#d97706;stroke-width:2;stroke-dasharray:4 3}\n"
		"</style>\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
		SVG_WIDTH, height, SVG_WIDTH, height, SVG_WIDTH, height);
	svg_text(out, SVG_LEFT, 34, "title", title);
	for (size_t i = 0; i < n; i++)
		svg_figure(out, SVG_TOP + 8 + (double)i * SVG_GROUP,
			   &figures[i]);
	fputs("</svg>\n", out);
	if (fclose(out))
		die("%s: %s", path, strerror(errno));
}

/* Writes DIR/NAME.json and DIR/NAME.svg. */
static inline void result_write(const char *dir, const char *name,
				const char *title,
				const struct result_figure *figures, size_t n)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.json", dir, name);
	result_write_json(path, figures, n);
	snprintf(path, sizeof(path), "%s/%s.svg", dir, name);
	result_write_svg(path, title, figures, n);
}

#endif
