// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pktctl: the operator's tool. Reads the command line, asks the agent
 * (cli/ask.h) and prints the answer (cli/view.h), once or again and again.
 */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/ask.h"
#include "cli/view.h"
#include "version.h"

#define DEFAULT_SOCKET "/run/pktagent/control.sock"
#define DEFAULT_WIDTH  80 /* of what is no terminal */
#define CLEAR_SCREEN   "\033[H\033[2J"

enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

struct command {
	struct question question;
	bool json;
	double watch_s; /* 0 = once */
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: pktctl [-j] [-w [SECONDS]] [-s SOCKET] COMMAND\n"
		"\n"
		"  vm show [VM]            the VMs: state, way, pool, traffic, losses\n"
		"  port show [PORT]        the ports: device, XDP, what was asked and got\n"
		"  pool show [PORT]        where all packet buffers are\n"
		"  pool resize VM --frames N [--max N]\n"
		"                          have a VM's pool hold so many: packet buffers, or\n"
		"                          bytes as in 16MiB; and the most it may ever hold\n"
		"  pool log [VM]           how the pools grew and shrank, and why\n"
		"  pool arena --size N     have the host have so many buffers: binds all queues\n"
		"                          anew, which costs each of them some 50 ms\n"
		"  pool audit              whether each frame is where it belongs, once\n"
		"  queue show [PORT]       the AF_XDP queues\n"
		"  tag show [VM]           who is behind each VM's port, and what is his\n"
		"  class show [PORT]       traffic classes of shaped ports: what waits, goes, is lost\n"
		"  worker show [NUMBER]    the threads that forward\n"
		"  fdb show [PORT]         the forwarding table\n"
		"  bypass show [VM]        pairs of VMs whose packets pass the switch by\n"
		"  bypass off|on VM        have all of a VM's packets go through it, or no longer\n"
		"  counters show [PORT]    what became of packets, and what to do about it\n"
		"  reload                  read the configuration again\n"
		"  log level [LEVEL]       show or set: error, warning, info, debug\n"
		"  version                 of this program and of the agent\n"
		"\n"
		"  -j, --json              print the answer's data as JSON\n"
		"  -w, --watch [SECONDS]   repeat with rates, every second or so often; pool\n"
		"                          show: a bar for each VM\n"
		"  -a, --all               counters: also those that are zero; bypass: also\n"
		"                          pairs that no rule names; pool log: all there is\n"
		"  -s, --socket SOCKET     the agent's control socket (default: $PKTCTL_SOCKET,\n"
		"                          or " DEFAULT_SOCKET ")\n"
		"  -V, --version           print this program's version\n"
		"  -h, --help              print this\n"
		"\n"
		"Exit status: 0 ok, 1 the agent says no or does not answer, 2 wrong usage.\n");
}

/* ---- command line ---- */

static int fail_usage(const char *what, const char *word)
{
	fprintf(stderr, "pktctl: %s%s%s; see pktctl --help\n", word,
		word[0] ? ": " : "", what);
	return EXIT_USAGE;
}

static bool parse_seconds(const char *text, double *ret_seconds)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.1 && seconds <= 86400))
		return false;
	*ret_seconds = seconds;
	return true;
}

/* What can be asked besides "OBJECT show", and what is particular about it. */
static const struct verb {
	const char *object, *verb;
	const char *who; /* to be asked if no name is given; NULL: none needed */
	bool takes_sizes; /* --frames, and --max */
	bool takes_size;
	bool takes_all;
} verbs[] = {
	{ "bypass", "show", NULL, false, false, true },
	{ "bypass", "on", "of which VM?", false, false, false },
	{ "bypass", "off", "of which VM?", false, false, false },
	{ "counters", "show", NULL, false, false, true },
	{ "pool", "show", NULL, false, false, false },
	{ "pool", "resize", "of which VM?", true, false, false },
	{ "pool", "arena", NULL, false, true, false },
	{ "pool", "log", NULL, false, false, true },
	{ "pool", "audit", NULL, false, false, false },
	{ "log", "level", NULL, false, false, false },
};

/* Any other object, which can be shown only. */
static const struct verb plain = { "", "show", NULL, false, false, false };

static int fail_verb(const char *object, const char *word)
{
	char what[128] = "there is only show";
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].object, object))
			len += (size_t)snprintf(what + len, sizeof(what) - len,
						"%s %s", len ? "," : "there is",
						verbs[i].verb);
	return fail_usage(what, word);
}

/* Sets *ret_verb to what @object and @word (NULL: there is none) are, NULL if
 * there is no such object. Returns an exit status. */
static int find_verb(const char *object, const char *word,
		     const struct verb **ret_verb)
{
	bool known = view_known(object);

	if (!word && known)
		word = "show";
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].object, object))
			continue;
		known = true;
		if (!word || strcmp(verbs[i].verb, word))
			continue;
		*ret_verb = &verbs[i];
		return EXIT_OK;
	}
	if (!known)
		return fail_usage("no such command", object);
	if (!word || strcmp(word, "show"))
		return fail_verb(object, word ? word : object);
	*ret_verb = &plain;
	return EXIT_OK;
}

/* Whether the options suit the verb. */
static int check_options(const struct command *command, const struct verb *verb)
{
	const struct question *q = &command->question;
	char word[80];

	if (command->watch_s > 0 && strcmp(q->verb, "show")) {
		snprintf(word, sizeof(word), "%s %s", q->object, q->verb);
		return fail_usage("cannot be watched", word);
	}
	if (q->all && !verb->takes_all)
		return fail_usage("only for counters, bypass and pool log",
				  "--all");
	if (!verb->takes_sizes && (q->frames || q->max)) {
		snprintf(word, sizeof(word), "--%s %s",
			 q->frames ? "frames" : "max",
			 q->frames ? q->frames : q->max);
		return fail_usage("only for pool resize", word);
	}
	if (verb->takes_sizes && !q->frames)
		return fail_usage("how large? --frames says it", q->verb);
	if (!verb->takes_size && q->size) {
		snprintf(word, sizeof(word), "--size %s", q->size);
		return fail_usage("only for pool arena", word);
	}
	if (verb->takes_size && !q->size)
		return fail_usage("how large? --size says it", q->verb);
	if (verb->takes_size && q->name)
		return fail_usage("one word too many", q->name);
	return EXIT_OK;
}

/* The words that are no options: OBJECT VERB [NAME]. */
static int parse_words(struct command *command, char **words, int n)
{
	struct question *q = &command->question;
	const struct verb *verb = &plain;
	int n_max = 3, status;

	if (!n)
		return fail_usage("nothing to do", "");
	q->object = words[0];
	if (!strcmp(words[0], "reload") || !strcmp(words[0], "version")) {
		q->object = "agent";
		q->verb = words[0];
		n_max = 1;
	} else {
		status = find_verb(words[0], n > 1 ? words[1] : NULL, &verb);
		if (status != EXIT_OK)
			return status;
		q->verb = verb->verb;
	}
	if (n > n_max)
		return fail_usage("one word too many", words[n_max]);
	if (verb->who && n < 3)
		return fail_usage(verb->who, words[1]);
	q->name = n > 2 ? words[2] : NULL;
	return check_options(command, verb);
}

/* Returns an exit status, or -1 to go on. */
static int parse_options(struct command *command, int argc, char **argv)
{
	enum { OPTION_FRAMES = 256, OPTION_MAX, OPTION_SIZE };
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "watch", optional_argument, NULL, 'w' },
		{ "all", no_argument, NULL, 'a' },
		{ "socket", required_argument, NULL, 's' },
		{ "frames", required_argument, NULL, OPTION_FRAMES },
		{ "max", required_argument, NULL, OPTION_MAX },
		{ "size", required_argument, NULL, OPTION_SIZE },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c, status;

	while ((c = getopt_long(argc, argv, "jw::as:Vh", options, NULL)) >= 0) {
		switch (c) {
		case 'j':
			command->json = true;
			break;
		case 'w':
			command->watch_s = 1;
			if (optarg) {
				if (!parse_seconds(optarg, &command->watch_s))
					return fail_usage(
						"not a number of seconds from 0.1 to 86400",
						optarg);
			} else if (argv[optind] &&
				   parse_seconds(argv[optind],
						 &command->watch_s)) {
				optind++;
			}
			break;
		case 'a':
			command->question.all = true;
			break;
		case 's':
			command->question.socket = optarg;
			break;
		case OPTION_FRAMES:
			command->question.frames = optarg;
			break;
		case OPTION_MAX:
			command->question.max = optarg;
			break;
		case OPTION_SIZE:
			command->question.size = optarg;
			break;
		case 'V':
			puts("pktctl " PKTAGENT_VERSION);
			return EXIT_OK;
		case 'h':
			usage(stdout);
			return EXIT_OK;
		default:
			fputs("see pktctl --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	status = parse_words(command, argv + optind, argc - optind);
	return status == EXIT_OK ? -1 : status;
}

/* ---- printing ---- */

static uint32_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return DEFAULT_WIDTH;
	return size.ws_col;
}

static void print_answer(const struct command *command, const json_t *answer,
			 const json_t *before)
{
	const struct question *q = &command->question;
	const json_t *data = json_object_get(answer, "data");
	const struct view view = {
		.answer = answer,
		.before = before,
		.rates = command->watch_s > 0,
		.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.width = terminal_width(),
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
		.out = stdout,
	};

	if (command->json) {
		json_dumpf(data, stdout,
			   command->watch_s > 0 ? JSON_COMPACT
						: JSON_INDENT(2));
		putchar('\n');
	} else if (!strcmp(q->verb, "show")) {
		view_show(&view, q->object);
	} else if (!strcmp(q->object, "pool") && !strcmp(q->verb, "log")) {
		view_pool_log(&view);
	} else if (!strcmp(q->object, "pool") && !strcmp(q->verb, "audit")) {
		view_pool_audit(&view);
	} else if (!strcmp(q->verb, "version")) {
		puts("pktctl " PKTAGENT_VERSION);
		view_version(&view);
	} else if (!strcmp(q->verb, "level")) {
		puts(view_string(data, "level"));
	} else {
		puts(view_string(data, "summary"));
	}
}

static void pause_s(double seconds)
{
	struct timespec ts = { .tv_sec = (time_t)seconds };

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

static void print_time(void)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s\n", text);
}

/* Until interrupted, or the agent does not answer. */
static int watch(const struct command *command, char *err, size_t err_size)
{
	bool tty = isatty(STDOUT_FILENO);
	json_t *before = NULL, *answer;
	int ret;

	while (!(ret = ask(&command->question, &answer, err, err_size))) {
		if (!command->json) {
			fputs(tty ? CLEAR_SCREEN : before ? "\n" : "", stdout);
			print_time();
		}
		print_answer(command, answer, before);
		json_decref(before);
		before = answer;
		if (fflush(stdout) || ferror(stdout))
			break;
		pause_s(command->watch_s);
	}
	json_decref(before);
	return ret;
}

/* An audit that found something is no success. */
static bool is_unclean(const struct command *command, const json_t *answer)
{
	const json_t *data = json_object_get(answer, "data");

	return !strcmp(command->question.verb, "audit") &&
	       !json_is_true(json_object_get(data, "clean"));
}

static int run(const struct command *command)
{
	bool unclean = false;
	char err[1200] = "";
	json_t *answer;
	int ret;

	if (command->watch_s > 0) {
		ret = watch(command, err, sizeof(err));
	} else {
		ret = ask(&command->question, &answer, err, sizeof(err));
		if (!ret) {
			print_answer(command, answer, NULL);
			unclean = is_unclean(command, answer);
			json_decref(answer);
		}
	}
	if (ret) {
		fprintf(stderr, "pktctl: %s\n", err);
		return EXIT_REFUSED;
	}
	return fflush(stdout) || ferror(stdout) || unclean ? EXIT_REFUSED :
							      EXIT_OK;
}

int main(int argc, char **argv)
{
	struct command command = { 0 };
	int status;

	/* Which characters the terminal has. */
	setlocale(LC_CTYPE, "");
	command.question.socket = getenv("PKTCTL_SOCKET");
	if (!command.question.socket || !command.question.socket[0])
		command.question.socket = DEFAULT_SOCKET;
	status = parse_options(&command, argc, argv);
	return status >= 0 ? status : run(&command);
}
