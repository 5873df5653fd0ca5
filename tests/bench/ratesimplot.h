/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Curves over time, as SVG: a picture is a column of panels, a panel is some
 * curves with axes. result.h has the bars.
 */
#ifndef BENCH_RATESIMPLOT_H
#define BENCH_RATESIMPLOT_H

#include "result.h"

#define PLOT_WIDTH  860
#define PLOT_LEFT   64
#define PLOT_INNER  560 /* width of the curves */
#define PLOT_HEIGHT 150 /* of the curves of a panel */
#define PLOT_PANEL  210
#define PLOT_TOP    56

#define PLOT_MAX_CURVES 4

struct plot_curve {
	const char *name, *colour;
	const double *values;
};

struct plot_panel {
	const char *title; /* with the unit */
	double max;
	double step; /* ms from value to value */
	uint32_t n;
	struct plot_curve curves[PLOT_MAX_CURVES];
};

static inline void plot_axes(FILE *out, double y, const struct plot_panel *p)
{
	double ms = p->step * p->n;
	char text[32];

	for (uint32_t i = 0; i <= 4; i++) {
		double at = y + PLOT_HEIGHT - i * PLOT_HEIGHT / 4.0;

		fprintf(out,
			"<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" "
			"stroke=\"#d9dee3\"/>\n",
			PLOT_LEFT, at, PLOT_LEFT + PLOT_INNER, at);
		snprintf(text, sizeof(text), "%.3g", p->max * i / 4);
		svg_text(out, 16, at + 4, "note", text);
	}
	for (uint32_t i = 0; i <= 5; i++) {
		snprintf(text, sizeof(text), "%.3g%s", ms * i / 5,
			 i == 5 ? " ms" : "");
		svg_text(out, PLOT_LEFT + i * PLOT_INNER / 5.0 - 8,
			 y + PLOT_HEIGHT + 16, "note", text);
	}
}

static inline void plot_curve(FILE *out, double y, const struct plot_panel *p,
			      const struct plot_curve *curve)
{
	fprintf(out,
		"<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.3\" "
		"points=\"",
		curve->colour);
	for (uint32_t i = 0; i < p->n; i++) {
		double value = curve->values[i] < p->max ? curve->values[i]
							 : p->max;

		fprintf(out, "%.1f,%.1f ",
			PLOT_LEFT + (double)PLOT_INNER * i / p->n,
			y + PLOT_HEIGHT - value / p->max * PLOT_HEIGHT);
	}
	fputs("\"/>\n", out);
}

static inline void plot_panel(FILE *out, double y, const struct plot_panel *p)
{
	svg_text(out, PLOT_LEFT, y - 8, "group", p->title);
	plot_axes(out, y, p);
	for (uint32_t i = 0; i < PLOT_MAX_CURVES && p->curves[i].name; i++) {
		double at = y + 14 + 20 * i;

		plot_curve(out, y, p, &p->curves[i]);
		fprintf(out,
			"<rect x=\"%d\" y=\"%.1f\" width=\"14\" height=\"3\" "
			"fill=\"%s\"/>\n",
			PLOT_LEFT + PLOT_INNER + 12, at - 5,
			p->curves[i].colour);
		svg_text(out, PLOT_LEFT + PLOT_INNER + 32, at, "value",
			 p->curves[i].name);
	}
}

static inline void plot_write(const char *path, const char *title,
			      const struct plot_panel *panels, uint32_t n)
{
	int height = PLOT_TOP + 24 + (int)n * PLOT_PANEL;
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
		".value{font-size:12px;fill:#1f2933}\n"
		".note{font-size:11px;fill:#52606d}\n"
		"</style>\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
		PLOT_WIDTH, height, PLOT_WIDTH, height, PLOT_WIDTH, height);
	svg_text(out, 16, 30, "title", title);
	for (uint32_t i = 0; i < n; i++)
		plot_panel(out, PLOT_TOP + 24 + i * (double)PLOT_PANEL,
			   &panels[i]);
	fputs("</svg>\n", out);
	if (fclose(out))
		die("%s: %s", path, strerror(errno));
}

#endif
