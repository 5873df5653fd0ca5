// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Flows whose rates are to be seen: datagrams at a pace, or a TCP stream, all the
 * time or in a part of each period; and, at the other end, how much of each
 * arrived in every millisecond, what was lost, and how long it took.
 * tests/bench/qoseval.c makes figures of that.
 */
#include <getopt.h>
#include <sys/prctl.h>

#include "qosguest.h"

#define MS_NS 1000000ull
/* A sender that could not run for so long does not send it all at once. */
#define MAX_BEHIND_NS MS_NS
#define CHUNK	      (64 << 10)

static const struct option long_options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "port", required_argument, NULL, 'p' },
	{ "dev", required_argument, NULL, 'd' },
	{ "flow", required_argument, NULL, 'f' },
	{ "size", required_argument, NULL, 'z' },
	{ "rate", required_argument, NULL, 'r' },
	{ "tos", required_argument, NULL, 'T' },
	{ "tcp", no_argument, NULL, 'C' },
	{ "start", required_argument, NULL, 'S' },
	{ "seconds", required_argument, NULL, 's' },
	{ "period", required_argument, NULL, 'P' },
	{ "on", required_argument, NULL, 'o' },
	{ "bin-us", required_argument, NULL, 'b' },
	{ "out", required_argument, NULL, 'O' },
	{ "end", required_argument, NULL, 'e' },
	{ "from", required_argument, NULL, 'F' },
	{ "dmac", required_argument, NULL, 'D' },
	{ "read", required_argument, NULL, 'R' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("qosflow send --to IP [options]: send a flow\n"
	     "  --flow N         its number (1)\n"
	     "  --rate BITS      a second, as frames take them of a wire; 0 = as\n"
	     "                   many as possible (0)\n"
	     "  --size N         of frames, without FCS (1514)\n"
	     "  --tcp            a stream, as fast as it goes\n"
	     "  --tos N          byte of the IP header (0)\n"
	     "  --dev IF         out of this device\n"
	     "  --period MS --on FROM-TO    only in this part of each period,\n"
	     "                   ms, counted from --start\n"
	     "qosflow recv --out FILE [options]: receive all flows\n"
	     "  --bin-us N       of the time series (1000)\n"
	     "qosflow guest --end KEY=VALUE,... [options]: both, in a vhost-user\n"
	     "guest (guests --help); it sends with --to, datagrams only\n"
	     "  --from IP --dmac MAC   of what it sends\n"
	     "  --read PPS       it reads so many at most; 0 = all (0)\n"
	     "without --start it begins at SIGUSR1\n"
	     "All:\n"
	     "  --port N         (9000)\n"
	     "  --start NS       CLOCK_MONOTONIC at which time begins (now)\n"
	     "  --seconds S      from then on; without it until SIGTERM\n"
	     "qosflow now        prints CLOCK_MONOTONIC\n"
	     "recv prints \"ready\" when it listens, a guest when it is connected;\n"
	     "who sends prints how many frames he has sent. Bytes are\n"
	     "those of a wire: of a frame, and 24.");
}

static void parse_on(const char *text, struct qos_options *o)
{
	unsigned int from, to;
	int n = 0;

	if (sscanf(text, "%u-%u%n", &from, &to, &n) != 2 || text[n] ||
	    from >= to)
		die("--on %s: expected FROM-TO, in ms", text);
	o->from_ns = from * MS_NS;
	o->to_ns = to * MS_NS;
}

static void parse_option(int opt, struct qos_options *o)
{
	switch (opt) {
	case 't':
		o->to = parse_ipv4("to", optarg);
		break;
	case 'p':
		o->port = (uint16_t)parse_number("port", optarg, 1, 65535);
		break;
	case 'd':
		o->dev = optarg;
		break;
	case 'f':
		o->flow = (uint32_t)parse_number("flow", optarg, 0, INT32_MAX);
		break;
	case 'z':
		o->size = (uint32_t)parse_number("size", optarg, QOS_MIN_SIZE,
						 QOS_MAX_SIZE);
		break;
	case 'r':
		o->rate = parse_number("rate", optarg, 0, 1000000000000ull);
		break;
	case 'T':
		o->tos = (int)parse_number("tos", optarg, 0, 255);
		break;
	case 'C':
		o->tcp = true;
		break;
	case 'S':
		o->start_ns = parse_number("start", optarg, 1, UINT64_MAX);
		break;
	case 's':
		o->seconds = parse_seconds("seconds", optarg);
		break;
	case 'P':
		o->period_ns =
			parse_number("period", optarg, 1, 1000000) * MS_NS;
		break;
	case 'o':
		parse_on(optarg, o);
		break;
	case 'b':
		o->bin_ns = parse_number("bin-us", optarg, 10, 1000000) * 1000;
		break;
	case 'O':
		o->out = optarg;
		break;
	case 'e':
		o->end = optarg;
		break;
	case 'F':
		o->from = parse_ipv4("from", optarg);
		break;
	case 'D':
		parse_mac("dmac", optarg, o->dmac);
		break;
	case 'R':
		o->read_pps = parse_number("read", optarg, 0, 100000000);
		break;
	case 'h':
		print_usage();
		exit(EXIT_OK);
	default:
		exit(EXIT_USAGE);
	}
}

static void parse_options(int argc, char **argv, struct qos_options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
		parse_option(opt, o);
	if (o->seconds > 0)
		o->end_ns = (o->start_ns ? o->start_ns : now_ns()) +
			    (uint64_t)(o->seconds * 1e9);
	if (!o->period_ns != !o->to_ns || o->to_ns > o->period_ns)
		die("--period and --on go together, and FROM-TO lies in it");
}

/* ---- sending ---- */

/* Waits for the part of the period that is sent in. Returns where it ends;
 * 0: it is time to end. */
static uint64_t wait_for_turn(const struct qos_options *o, uint64_t start_ns)
{
	while (!stop_requested) {
		uint64_t now = now_ns(), end, at = start_ns;

		if (o->end_ns && now >= o->end_ns)
			return 0;
		end = qos_turn_ends(o, start_ns, now);
		if (end)
			return end;
		if (now >= start_ns)
			at += (now - start_ns) / o->period_ns * o->period_ns;
		at += o->from_ns;
		sleep_until_ns(now < at ? at : at + o->period_ns);
	}
	return 0;
}

static int open_sender(const struct qos_options *o)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(o->port),
		.sin_addr = o->to,
	};
	int fd = socket(AF_INET,
			(o->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);

	if (setsockopt(fd, IPPROTO_IP, IP_TOS, &o->tos, sizeof(o->tos)) ||
	    (o->dev && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->dev,
				  (socklen_t)strlen(o->dev))))
		die("cannot set a socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("cannot connect: %s", strerror(errno));
	return fd;
}

static void send_stream(const struct qos_options *o, int fd, uint64_t start_ns)
{
	static uint8_t data[CHUNK];
	struct qos_head head = { .magic = QOS_MAGIC, .flow = o->flow };
	uint64_t end, bytes = 0;
	struct timeval patience = { .tv_usec = 100000 };

	/* So that it sees the end of its turn. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (send(fd, &head, sizeof(head), MSG_NOSIGNAL) != sizeof(head))
		die("cannot send: %s", strerror(errno));
	while ((end = wait_for_turn(o, start_ns))) {
		while (!stop_requested && now_ns() < end) {
			ssize_t n = send(fd, data, sizeof(data), MSG_NOSIGNAL);

			if (n > 0)
				bytes += (uint64_t)n;
			else if (errno != EAGAIN && errno != EINTR)
				die("cannot send: %s", strerror(errno));
		}
	}
	printf("{\"flow\":%u,\"bytes\":%lu}\n", o->flow, bytes);
}

static void send_datagrams(const struct qos_options *o, int fd,
			   uint64_t start_ns)
{
	static uint8_t data[QOS_MAX_SIZE];
	struct qos_head head = { .magic = QOS_MAGIC, .flow = o->flow };
	uint64_t end, due, refused = 0;
	uint64_t gap =
		o->rate ? (o->size + QOS_WIRE) * 8ull * NSEC_PER_SEC / o->rate
			: 0;

	while ((end = wait_for_turn(o, start_ns))) {
		due = now_ns();
		while (!stop_requested) {
			head.sent_ns = now_ns();
			if (head.sent_ns >= end)
				break;
			if (gap && head.sent_ns < due) {
				sleep_until_ns(due < end ? due : end);
				continue;
			}
			if (due + MAX_BEHIND_NS < head.sent_ns)
				due = head.sent_ns - MAX_BEHIND_NS;
			due += gap;
			memcpy(data, &head, sizeof(head));
			if (send(fd, data, o->size - QOS_UDP_HEAD, 0) > 0)
				head.seq++;
			else
				refused++;
		}
	}
	printf("{\"flow\":%u,\"sent\":%lu,\"refused\":%lu}\n", o->flow,
	       head.seq, refused);
}

static int send_run(const struct qos_options *o)
{
	uint64_t start_ns = o->start_ns ? o->start_ns : now_ns();
	int fd;

	if (!o->to.s_addr)
		die("--to is needed; see --help");
	/* Sleeps end on time. */
	prctl(PR_SET_TIMERSLACK, 1);
	fd = open_sender(o);
	if (o->tcp)
		send_stream(o, fd, start_ns);
	else
		send_datagrams(o, fd, start_ns);
	close(fd);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct qos_options o = {
		.port = 9000,
		.flow = 1,
		.size = QOS_MAX_SIZE,
		.bin_ns = MS_NS,
	};
	const char *what = argc > 1 ? argv[1] : "--help";

	if (!strcmp(what, "now")) {
		printf("%lu\n", now_ns());
		return EXIT_OK;
	}
	if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
		print_usage();
		return EXIT_OK;
	}
	parse_options(argc - 1, argv + 1, &o);
	catch_stop_signals();
	if (!strcmp(what, "send"))
		return send_run(&o);
	if (!strcmp(what, "guest")) {
		if (!o.end)
			die("--end is needed; see --help");
		return qos_guest_run(&o);
	}
	if (strcmp(what, "recv"))
		die("%s: expected send, recv or guest", what);
	if (!o.out)
		die("--out is needed; see --help");
	return qos_recv_run(&o);
}
