// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The far end of a measurement: counts what arrives on a device. Either a
 * native XDP program counts and drops (the cheapest end there is), or, with
 * --stats, the device's own counters are read and the packets go where they
 * go, or, with --tap, this is the reader of a tap.
 */
#include <getopt.h>
#include <poll.h>
#include <pthread.h>

#include "../tools/tap.h"
#include "bench.h"
#include "sink.h"

struct options {
	const char *dev;
	double seconds;
	double interval;
	bool skb;
	bool stats;
	bool tap;
	int cpu;
	bool json;
};

static const struct option long_options[] = {
	{ "dev", required_argument, NULL, 'd' },
	{ "seconds", required_argument, NULL, 's' },
	{ "interval", required_argument, NULL, 'i' },
	{ "skb", no_argument, NULL, 'S' },
	{ "stats", no_argument, NULL, 't' },
	{ "tap", no_argument, NULL, 'T' },
	{ "cpu", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("sink --dev IF [options]: count and drop what arrives on IF\n"
	     "  --seconds S      how long from the first packet on; without it\n"
	     "                   until SIGTERM\n"
	     "  --interval S     print the rate this often, too\n"
	     "  --skb            generic XDP instead of the driver's own\n"
	     "  --stats          no XDP program: read the device's counters\n"
	     "  --tap            IF is a tap: read it\n"
	     "  --cpu N          where the tap's reader runs\n"
	     "  --json           print the result as JSON\n"
	     "Prints \"ready\" when packets are counted.");
}

static void parse_options(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			o->dev = optarg;
			break;
		case 's':
			o->seconds = parse_seconds("seconds", optarg);
			break;
		case 'i':
			o->interval = parse_seconds("interval", optarg);
			break;
		case 'S':
			o->skb = true;
			break;
		case 't':
			o->stats = true;
			break;
		case 'T':
			o->tap = true;
			break;
		case 'c':
			o->cpu = (int)parse_number("cpu", optarg, 0, 1023);
			break;
		case 'j':
			o->json = true;
			break;
		case 'h':
			print_usage();
			exit(EXIT_OK);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (!o->dev || optind != argc)
		die("--dev IF is needed; see --help");
}

struct source {
	const char *dev;
	int map_fd; /* -1 = the device's counters, or the tap */
	int tap_fd; /* owned; -1 = no tap */
	int tap_cpu;
	uint64_t tap_packets; /* atomic: read so far */
	int n_cpus;
	struct sink_count *per_cpu; /* owned */
};

static uint64_t read_packets(struct source *src)
{
	uint64_t packets = 0;
	uint32_t key = 0;

	if (src->tap_fd >= 0)
		return __atomic_load_n(&src->tap_packets, __ATOMIC_RELAXED);
	if (src->map_fd < 0)
		return bench_read_dev(src->dev).rx_packets;
	if (bpf_map_lookup_elem(src->map_fd, &key, src->per_cpu))
		die("counters: %s", strerror(errno));
	for (int cpu = 0; cpu < src->n_cpus; cpu++)
		packets += src->per_cpu[cpu].packets;
	return packets;
}

static void *read_tap(void *arg)
{
	struct source *src = arg;
	struct pollfd pfd = { .fd = src->tap_fd, .events = POLLIN };
	uint64_t packets = 0;
	uint8_t buf[4096];

	pin_to_cpu(src->tap_cpu);
	while (!stop_requested) {
		if (read(src->tap_fd, buf, sizeof(buf)) >= 0)
			__atomic_store_n(&src->tap_packets, ++packets,
					 __ATOMIC_RELAXED);
		else if (poll(&pfd, 1, 50) > 0 && pfd.revents & POLLERR)
			die("%s went away", src->dev);
	}
	return NULL;
}

/* Counts until the window is over. The counters are read a thousand times a
 * second, and packets and time are taken at the same reading. */
static void measure(const struct options *o, struct source *src)
{
	struct bench_window window = bench_window_start(o->seconds);
	uint64_t base = read_packets(src), packets = 0, first = 0;
	uint64_t shown = 0, shown_ns = 0, now;
	bool over;

	do {
		sleep_until_ns(now_ns() + 1000000);
		packets = read_packets(src) - base;
		over = bench_window_over(&window, packets);
		now = bench_window_ns(&window);
		if (packets && !first) {
			first = packets;
			shown = first;
		}
		if (o->interval > 0 && first &&
		    now - shown_ns >= (uint64_t)(o->interval * 1e9)) {
			bench_print(o->json, "sink-interval", packets - shown,
				    now - shown_ns);
			shown = packets;
			shown_ns = now;
		}
	} while (!over && !stop_requested);
	/* The window began when the first ones had been counted. */
	bench_print(o->json, "sink", o->seconds > 0 ? packets - first : packets,
		    now);
}

static void attach(const struct options *o, struct source *src,
		   struct bpf_object **ret_obj, int *ret_link_fd)
{
	struct bpf_object *obj = bench_open_object("sink.bpf.o");

	bench_load(obj);
	src->map_fd = bench_map_fd(obj, "counts");
	src->n_cpus = libbpf_num_possible_cpus();
	src->per_cpu = calloc((size_t)src->n_cpus, sizeof(*src->per_cpu));
	if (!src->per_cpu)
		die("out of memory");
	*ret_link_fd = bench_attach(bench_prog_fd(obj, "count_drop"),
				    parse_ifindex("dev", o->dev), o->skb);
	*ret_obj = obj;
}

int main(int argc, char **argv)
{
	struct source src = { .map_fd = -1, .tap_fd = -1 };
	struct bpf_object *obj = NULL;
	struct options o = { .cpu = -1 };
	pthread_t reader;
	int link_fd = -1;

	parse_options(argc, argv, &o);
	catch_stop_signals();
	src.dev = o.dev;
	src.tap_cpu = o.cpu;
	if (o.tap) {
		src.tap_fd = tap_open(o.dev, false);
		if (pthread_create(&reader, NULL, read_tap, &src))
			die("thread: %s", strerror(errno));
	} else if (!o.stats) {
		attach(&o, &src, &obj, &link_fd);
	}
	puts("ready");
	fflush(stdout);

	measure(&o, &src);

	if (o.tap) {
		stop_requested = 1;
		pthread_join(reader, NULL);
		close(src.tap_fd);
	}
	if (link_fd >= 0)
		close(link_fd);
	free(src.per_cpu);
	bpf_object__close(obj);
	return EXIT_OK;
}
