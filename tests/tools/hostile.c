// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A guest and a front-end that do everything wrong, one thing after another,
 * against an agent that is running.
 *
 * A row begins with a guest that works: frames go to an echo at another port
 * and come back. Then comes the attack. Afterwards, as the row says, the
 * connection ends and the agent tells the reason at the port, or packets were
 * dropped and counted under a reason, or nothing happened. In the end the guest
 * works, again or still; and others' traffic (--progress) has gone on.
 *
 * The echo is this program, too: a guest that sends back what it gets.
 */
#include <getopt.h>
#include <jansson.h>

#include "hostile.h"
#include "hostile_connections.h"
#include "hostile_messages.h"
#include "hostile_rings.h"
#include "progress.h"

#define MAX_OTHERS 8
#define BUFFER	   2048
#define N_TX	   8

static struct {
	struct front_opts opts;
	const char *ctl;  /* the command that asks the agent */
	const char *port; /* whose guest we are */
	uint8_t mac[6], echo[6];
	struct progress *others[MAX_OTHERS];
	uint32_t n_others;
	int listen_fd; /* for all rows */
} run = { .listen_fd = -1 };

/* ---- what the agent says ---- */

/* Of "show OBJECT". */
static json_t *ask_agent(const char *object)
{
	char command[512];
	json_error_t err;
	json_t *json;
	FILE *f;

	snprintf(command, sizeof(command), "%s -j %s show", run.ctl, object);
	f = popen(command, "re");
	require(f, "%s: %s", command, strerror(errno));
	json = json_loadf(f, 0, &err);
	require(!pclose(f) && json, "%s: the agent does not answer", command);
	return json;
}

static const char *text_of(const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));

	return text ? text : "";
}

/* The port's state and why; "up" alone is an empty why. */
static void ask_port(char *why, size_t size)
{
	json_t *json = ask_agent("port"), *port;
	size_t i;

	snprintf(why, size, "there is no such port");
	json_array_foreach(json_object_get(json, "ports"), i,
			   port) if (!strcmp(text_of(port, "name"), run.port))
		snprintf(why, size, "%s",
			 !strcmp(text_of(port, "state"), "up")
				 ? ""
				 : text_of(port, "why"));
	json_decref(json);
}

static uint64_t ask_counter(const char *reason)
{
	json_t *json = ask_agent("counters"), *c;
	uint64_t n = 0;
	size_t i;

	json_array_foreach(json, i,
			   c) if (!strcmp(text_of(c, "port"), run.port) &&
				  !strcmp(text_of(c, "reason"), reason)) n +=
		(uint64_t)json_integer_value(json_object_get(c, "packets"));
	json_decref(json);
	return n;
}

static void pause_a_little(void)
{
	sleep_until_ns(now_ns() + NSEC_PER_SEC / 20);
}

static bool in_time(uint64_t since)
{
	return now_ns() - since < PATIENCE_MS * 1000000ull;
}

static void expect_up(void)
{
	uint64_t since = now_ns();
	char why[256];

	do {
		ask_port(why, sizeof(why));
		if (!why[0])
			return;
		pause_a_little();
	} while (in_time(since));
	die("the port does not come up: %s", why);
}

/* Waits until the port is down and tells why. */
static void expect_reason(const char *reason)
{
	uint64_t since = now_ns();
	char why[256];

	do {
		ask_port(why, sizeof(why));
		if (why[0] && strstr(why, reason)) {
			printf(": %s", why);
			return;
		}
		pause_a_little();
	} while (in_time(since));
	die("the port's reason is \"%s\" and not \"%s\"", why, reason);
}

static void expect_counted(const char *reason, uint64_t before)
{
	uint64_t since = now_ns(), n;

	do {
		n = ask_counter(reason);
		if (n > before) {
			printf(": %s +%u", reason, (uint32_t)(n - before));
			return;
		}
		pause_a_little();
	} while (in_time(since));
	die("nothing is counted as %s", reason);
}

/* ---- a guest ---- */

static struct front_opts options_of(uint32_t how)
{
	struct front_opts opts = run.opts;

	if (how & OFFLOADS)
		opts.features |= FRONT_F_CSUM | FRONT_F_HOST_TSO4 |
				 FRONT_F_HOST_TSO6 | FRONT_F_HOST_ECN;
	if (how & PLAIN_RX)
		opts.features &= ~FRONT_F_MRG_RXBUF;
	if (how & NO_EVENT)
		opts.features &= ~FRONT_F_EVENT_IDX;
	if (how & NO_TABLES)
		opts.features &= ~FRONT_F_INDIRECT;
	if (how & LEGACY)
		opts.features &= ~FRONT_F_VERSION_1;
	if (how & BIG_RING)
		opts.ring_size = 1024;
	if (how & TWO_REGIONS)
		opts.n_regions = 2;
	if (how & GAP)
		opts.gpa_gap = 1 << 20;
	if (how & LOG)
		opts.protocol_features |= FRONT_P_LOG_SHMFD;
	return opts;
}

/* Memory and rings; the socket is the one of all rows. */
static void open_guest(struct hostile *h, uint32_t how)
{
	struct front_opts opts = options_of(how);
	int err;

	memset(h, 0, sizeof(*h));
	memcpy(h->mac, run.mac, 6);
	memcpy(h->echo, run.echo, 6);
	opts.connect |= run.listen_fd >= 0;
	err = front_open(&h->front, &opts);
	require(!err, "%s: %s", opts.path, strerror(-err));
	if (!run.opts.connect) {
		if (run.listen_fd < 0)
			run.listen_fd = h->front.listen_fd;
		h->front.listen_fd = run.listen_fd;
		h->front.opts.connect = false;
	}
	err = front_net_init(&h->net, &h->front, 0, 0, BUFFER, N_TX);
	h->scratch = front_alloc(&h->front, 0, SCRATCH, 4096);
	require(!err && h->scratch, "no memory for buffers");
	h->scratch_gpa = front_gpa(&h->front, h->scratch);
}

static void close_guest(struct hostile *h)
{
	if (!run.opts.connect)
		h->front.listen_fd = -1;
	front_close(&h->front);
}

static void connect_guest(struct hostile *h, uint32_t how)
{
	int err = front_accept(&h->front, PATIENCE_MS);

	require(!err, "the agent does not connect: %s", strerror(-err));
	if (how & EARLY)
		return;
	err = front_start(&h->front);
	require(!err, "the guest does not get started: %s", strerror(-err));
	if (how & EMPTY_RX) {
		expect_up();
		return;
	}
	front_net_post(&h->net);
	knock(h);
	exchange(h, 4);
}

/* ---- rows ---- */

static void come_back(void)
{
	struct hostile h;

	open_guest(&h, 0);
	connect_guest(&h, 0);
	exchange(&h, 4);
	close_guest(&h);
}

/* What becomes of it. */
static void judge(struct hostile *h, const struct row *row, uint64_t before)
{
	switch (row->outcome) {
	case REFUSED:
	case GONE:
		require(has_hung_up(h), "the agent goes on with it");
		expect_reason(row->expect);
		break;
	case COUNTED:
	case ALLOWED:
		front_net_post(&h->net);
		/* The port may have been down for a moment. */
		knock(h);
		exchange(h, 4);
		if (row->expect)
			expect_counted(row->expect, before);
		break;
	case ANY:
		printf(": %s",
		       front_is_gone(&h->front) ? "refused" : "allowed");
		break;
	}
}

static void run_row(const struct row *row)
{
	uint32_t arrived[MAX_OTHERS];
	uint64_t before = 0, since;
	struct hostile h;

	printf("%-32s", row->name);
	fflush(stdout);
	for (uint32_t i = 0; i < run.n_others; i++)
		arrived[i] = progress_get(&run.others[i]->arrived);
	if (row->outcome == COUNTED)
		before = ask_counter(row->expect);
	open_guest(&h, row->how);
	connect_guest(&h, row->how);
	if (row->attack)
		row->attack(&h, row);
	judge(&h, row, before);
	close_guest(&h);
	if (row->outcome != COUNTED && row->outcome != ALLOWED &&
	    !(row->how & EARLY))
		come_back();
	since = now_ns();
	for (uint32_t i = 0; i < run.n_others; i++)
		while (progress_get(&run.others[i]->arrived) == arrived[i]) {
			require(in_time(since), "others' traffic stands still");
			pause_a_little();
		}
	printf("%s%s\n", row->after ? "  -- " : "",
	       row->after ? row->after : "");
	fflush(stdout);
}

struct table {
	const char *name;
	const struct row *rows;
	size_t n;
};

static const struct table tables[] = {
	{ "rings", ring_rows, ARRAY_SIZE(ring_rows) },
	{ "messages", message_rows, ARRAY_SIZE(message_rows) },
	{ "connections", connection_rows, ARRAY_SIZE(connection_rows) },
};

/* All of a table, or one row. */
static uint32_t run_name(const char *name)
{
	uint32_t n = 0;

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (size_t i = 0; i < tables[t].n && !stop_requested; i++) {
			const struct row *row = &tables[t].rows[i];

			if (strcmp(name, tables[t].name) != 0 &&
			    strcmp(name, row->name) != 0)
				continue;
			run_row(row);
			n++;
		}
	require(n, "%s: there is no such row", name);
	return n;
}

static int run_rows(char **names, int n_names)
{
	uint32_t n = 0;

	for (int i = 0; i < n_names; i++)
		n += run_name(names[i]);
	printf("%u rows\n", n);
	return EXIT_OK;
}

/* ---- the echo ---- */

static void answer(struct hostile *h, uint8_t *frame, uint32_t len)
{
	uint8_t mac[6];

	memcpy(mac, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
	send_frame(h, NULL, frame, len);
}

static int echo(void)
{
	static uint8_t frame[FRONT_NET_MAX_FRAME];
	struct front_net_hdr hdr;
	struct hostile h;
	int n, err;

	open_guest(&h, 0);
	err = front_accept(&h.front, PATIENCE_MS);
	if (!err)
		err = front_start(&h.front);
	require(!err, "%s: %s", run.opts.path, strerror(-err));
	front_net_post(&h.net);
	printf("ready\n");
	fflush(stdout);
	while (!stop_requested) {
		n = front_net_receive(&h.net, &hdr, frame, sizeof(frame), 200);
		if (n == -ETIMEDOUT) {
			require(!front_is_gone(&h.front), "the agent is gone");
			continue;
		}
		require(n >= ETH_HLEN, "receiving: %s", strerror(-n));
		if (!memcmp(frame, run.mac, 6))
			answer(&h, frame, (uint32_t)n);
	}
	front_hang_up(&h.front);
	close_guest(&h);
	return EXIT_OK;
}

/* ---- main ---- */

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "connect", no_argument, NULL, 'C' },
	{ "mac", required_argument, NULL, 'm' },
	{ "echo", required_argument, NULL, 'e' },
	{ "port", required_argument, NULL, 'p' },
	{ "ctl", required_argument, NULL, 'c' },
	{ "progress", required_argument, NULL, 'P' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("hostile echo [options]: a guest that sends back what it gets\n"
	     "hostile rows [options] NAME...: attack the agent; names of rows, or\n"
	     "                 of tables: rings, messages, connections\n"
	     "  --socket PATH    of the front-end\n"
	     "  --connect        the agent listens there\n"
	     "  --mac MAC        the guest's own\n"
	     "rows:\n"
	     "  --echo MAC       of a guest that sends back what it gets\n"
	     "  --port NAME      the guest's, as the agent calls it\n"
	     "  --ctl COMMAND    pktctl, and how it gets to the agent\n"
	     "  --progress FILE  of others' traffic (see frames), which has to\n"
	     "                   go on; several times\n"
	     "Exit code 0: all right.");
}

static void add_other(const char *path)
{
	require(run.n_others < MAX_OTHERS, "--progress: at most %d",
		MAX_OTHERS);
	run.others[run.n_others++] = progress_open(path);
}

static void parse_options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
		switch (opt) {
		case 's':
			run.opts.path = optarg;
			break;
		case 'C':
			run.opts.connect = true;
			break;
		case 'm':
			parse_mac("mac", optarg, run.mac);
			break;
		case 'e':
			parse_mac("echo", optarg, run.echo);
			break;
		case 'p':
			run.port = optarg;
			break;
		case 'c':
			run.ctl = optarg;
			break;
		case 'P':
			add_other(optarg);
			break;
		case 'h':
			print_usage();
			exit(EXIT_OK);
		default:
			exit(EXIT_USAGE);
		}
}

int main(int argc, char **argv)
{
	bool is_echo = argc > 1 && !strcmp(argv[1], "echo");

	run.opts = front_defaults(NULL);
	run.opts.timeout_ms = PATIENCE_MS;
	require(argc > 1 && (is_echo || !strcmp(argv[1], "rows") ||
			     argv[1][0] == '-'),
		"expected echo or rows");
	parse_options(argc - 1, argv + 1);
	require(run.opts.path, "--socket is required");
	require(is_echo || (run.port && run.ctl),
		"--port and --ctl are required");
	catch_stop_signals();
	if (is_echo)
		return echo();
	return run_rows(argv + 1 + optind, argc - 1 - optind);
}
