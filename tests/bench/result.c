// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Writes the figures that a benchmark script has measured: result.h for the
 * shell. Exit code 1 if an aim is missed.
 */
#include <getopt.h>

#include "result.h"

#define MAX_FIGURES 64

static const struct option long_options[] = {
	{ "dir", required_argument, NULL, 'd' },
	{ "name", required_argument, NULL, 'n' },
	{ "title", required_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("result --name NAME [--dir DIR] [--title TEXT] FIGURE...:\n"
	     "write DIR/NAME.json and DIR/NAME.svg\n"
	     "FIGURE is  name|unit|value[|baseline name|its value[|aim]]\n"
	     "where aim is >=RATIO or <=RATIO, of the baseline's value:\n"
	     "  'agent way|Mpps|1.62|bare AF_XDP loop|2.20|>=0.70'");
}

static double parse_value(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value < 1e15))
		die("%s: expected a number", text);
	return value;
}

/* Cuts @text up; the figure's strings are parts of it. */
static struct result_figure parse_figure(char *text)
{
	struct result_figure f = { 0 };
	char *fields[6] = { NULL };
	int n = 0;

	while (text && n < 6)
		fields[n++] = strsep(&text, "|");
	if (text || (n != 3 && n != 5 && n != 6))
		die("%s: 3, 5 or 6 fields are needed; see --help", fields[0]);
	f.name = fields[0];
	f.unit = fields[1];
	f.value = parse_value(fields[2]);
	if (n >= 5) {
		f.base_name = fields[3];
		f.base_value = parse_value(fields[4]);
	}
	if (n == 6) {
		if (!strncmp(fields[5], ">=", 2))
			f.aim = RESULT_AT_LEAST;
		else if (!strncmp(fields[5], "<=", 2))
			f.aim = RESULT_AT_MOST;
		else
			die("%s: expected >=RATIO or <=RATIO", fields[5]);
		f.ratio = parse_value(fields[5] + 2);
	}
	return f;
}

int main(int argc, char **argv)
{
	struct result_figure figures[MAX_FIGURES];
	const char *dir = ".", *name = NULL, *title = NULL;
	int opt, ret = EXIT_OK;
	size_t n = 0;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			dir = optarg;
			break;
		case 'n':
			name = optarg;
			break;
		case 't':
			title = optarg;
			break;
		case 'h':
			print_usage();
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	if (!name || optind == argc || argc - optind > MAX_FIGURES)
		die("--name NAME and 1..%d figures are needed; see --help",
		    MAX_FIGURES);
	for (; optind < argc; optind++, n++) {
		figures[n] = parse_figure(argv[optind]);
		if (!result_met(&figures[n]))
			ret = EXIT_FAILED;
	}
	result_write(dir, name, title ? title : name, figures, n);
	return ret;
}
