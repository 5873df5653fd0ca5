// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The bare kernel redirect: every packet that arrives on one device leaves by
 * another. The baseline for the kernel way. What comes out is counted at the
 * far end (sink).
 */
#include <getopt.h>

#include "bench.h"

struct options {
	const char *from;
	const char *to;
	double seconds;
	bool skb;
};

static const struct option long_options[] = {
	{ "from", required_argument, NULL, 'f' },
	{ "to", required_argument, NULL, 't' },
	{ "seconds", required_argument, NULL, 's' },
	{ "skb", no_argument, NULL, 'S' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("devmap --from IF --to IF [options]: redirect all packets\n"
	     "  --seconds S      how long; without it until SIGTERM\n"
	     "  --skb            generic XDP instead of the driver's own\n"
	     "Prints \"ready\" when packets are redirected.");
}

static void parse_options(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'f':
			o->from = optarg;
			break;
		case 't':
			o->to = optarg;
			break;
		case 's':
			o->seconds = parse_seconds("seconds", optarg);
			break;
		case 'S':
			o->skb = true;
			break;
		case 'h':
			print_usage();
			exit(EXIT_OK);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (!o->from || !o->to || optind != argc)
		die("--from IF and --to IF are needed; see --help");
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct bpf_object *obj;
	uint32_t key = 0;
	int to, link_fd;

	parse_options(argc, argv, &o);
	catch_stop_signals();
	to = parse_ifindex("to", o.to);
	obj = bench_open_object("devmap.bpf.o");
	bench_load(obj);
	if (bpf_map_update_elem(bench_map_fd(obj, "devices"), &key, &to,
				BPF_ANY))
		die("device map: %s", strerror(errno));
	link_fd = bench_attach(bench_prog_fd(obj, "to_device"),
			       parse_ifindex("from", o.from), o.skb);
	puts("ready");
	fflush(stdout);

	if (o.seconds > 0)
		sleep_until_ns(now_ns() + (uint64_t)(o.seconds * 1e9));
	while (!stop_requested && !(o.seconds > 0))
		pause();

	close(link_fd);
	bpf_object__close(obj);
	return EXIT_OK;
}
