// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The bare AF_XDP receive loop: how fast packets come out of one queue of a
 * device when nothing is done with them. The baseline for the agent way.
 *
 * It polls, takes batches of 64, and gives the frames straight back.
 */
#include <getopt.h>

#include "xsk.h"

struct options {
	const char *dev;
	uint32_t queue;
	uint32_t batch;
	uint32_t frame_size;
	int cpu;
	double seconds;
	bool skb;
	bool hugepages;
	bool json;
};

static const struct option long_options[] = {
	{ "dev", required_argument, NULL, 'd' },
	{ "queue", required_argument, NULL, 'q' },
	{ "cpu", required_argument, NULL, 'c' },
	{ "seconds", required_argument, NULL, 's' },
	{ "batch", required_argument, NULL, 'b' },
	{ "frame-size", required_argument, NULL, 'f' },
	{ "skb", no_argument, NULL, 'S' },
	{ "hugepages", no_argument, NULL, 'H' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("rxloop --dev IF [options]: receive by AF_XDP and count\n"
	     "  --queue N        receive queue (0)\n"
	     "  --cpu N          run on this CPU\n"
	     "  --seconds S      how long from the first packet on; without it until SIGTERM\n"
	     "  --batch N        packets taken at once (64)\n"
	     "  --frame-size N   2048 or 4096 (4096)\n"
	     "  --skb            generic XDP instead of the driver's own\n"
	     "  --hugepages      packet memory in 2 MiB pages\n"
	     "  --json           print the result as JSON\n"
	     "Prints \"ready\" when packets are taken.");
}

static void parse_options(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			o->dev = optarg;
			break;
		case 'q':
			o->queue =
				(uint32_t)parse_number("queue", optarg, 0, 63);
			break;
		case 'c':
			o->cpu = (int)parse_number("cpu", optarg, 0, 1023);
			break;
		case 's':
			o->seconds = parse_seconds("seconds", optarg);
			break;
		case 'b':
			o->batch = (uint32_t)parse_number("batch", optarg, 1,
							  BENCH_RING);
			break;
		case 'f':
			o->frame_size = (uint32_t)parse_number(
				"frame-size", optarg, 2048, 4096);
			break;
		case 'S':
			o->skb = true;
			break;
		case 'H':
			o->hugepages = true;
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

/*
 * Counts for @seconds from the first packet on (0 = until a signal), or gives
 * up when none comes for a while. Returns the packets.
 */
static uint64_t receive(struct bench_xsk *x, uint32_t batch, double seconds,
			struct bench_window *ret_window)
{
	struct bench_window window = bench_window_start(seconds);
	uint32_t rx_pos, fill_pos, n, spins = 0;
	uint64_t packets = 0;

	while (!stop_requested) {
		if (!(++spins & 0xff) && bench_window_over(&window, packets))
			break;
		n = xsk_ring_cons__peek(&x->rx, batch, &rx_pos);
		if (!n)
			continue;
		/* There is room for all frames; the kernel tells it a moment
		 * after it has told of the packets. */
		while (xsk_ring_prod__reserve(&x->fill, n, &fill_pos) != n)
			;
		for (uint32_t i = 0; i < n; i++)
			*xsk_ring_prod__fill_addr(&x->fill, fill_pos++) =
				xsk_ring_cons__rx_desc(&x->rx, rx_pos++)->addr;
		xsk_ring_prod__submit(&x->fill, n);
		xsk_ring_cons__release(&x->rx, n);
		packets += n;
	}
	*ret_window = window;
	return packets;
}

int main(int argc, char **argv)
{
	struct options o = { .batch = 64, .frame_size = 4096, .cpu = -1 };
	struct bench_xsk x = { 0 };
	struct bench_area area;
	struct bpf_object *obj;
	struct bench_window window;
	uint64_t packets;
	int link_fd;

	parse_options(argc, argv, &o);
	catch_stop_signals();
	pin_to_cpu(o.cpu);

	obj = bench_open_object("xsk.bpf.o");
	bench_load(obj);
	bench_area_open(&area, 2 * BENCH_RING, o.frame_size, o.hugepages);
	bench_xsk_open(&x, &area, o.dev, o.queue, o.skb, 0);
	bench_xsk_fill(&x, &area, 0, area.n_frames);
	bench_xsk_steer(&x, bench_map_fd(obj, "xsks"), o.queue);
	link_fd = bench_attach(bench_prog_fd(obj, "to_xsk"),
			       parse_ifindex("dev", o.dev), o.skb);
	puts("ready");
	fflush(stdout);

	packets = receive(&x, o.batch, o.seconds, &window);
	bench_print_loop(o.json, "rxloop", packets, &window);
	bench_xsk_print_drops(&x);

	close(link_fd);
	bench_xsk_close(&x);
	bpf_object__close(obj);
	return EXIT_OK;
}
