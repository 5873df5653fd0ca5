// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The bare AF_XDP forwarding loop: receive on a queue of one device, send the
 * same frames out of another, on one core, copy mode. It shows what the agent
 * way could reach at most.
 *
 * Both devices use one memory area, registered once for each; a frame goes
 * rx -> tx -> completion -> fill without being copied here.
 */
#include <getopt.h>

#include "xsk.h"

struct options {
	const char *from;
	const char *to;
	uint32_t queue;
	uint32_t batch;
	uint32_t kick;
	uint32_t tx_budget;
	int cpu;
	double seconds;
	bool hugepages;
	bool json;
};

static const struct option long_options[] = {
	{ "from", required_argument, NULL, 'f' },
	{ "to", required_argument, NULL, 't' },
	{ "queue", required_argument, NULL, 'q' },
	{ "batch", required_argument, NULL, 'b' },
	{ "kick", required_argument, NULL, 'k' },
	{ "tx-budget", required_argument, NULL, 'B' },
	{ "cpu", required_argument, NULL, 'c' },
	{ "seconds", required_argument, NULL, 's' },
	{ "hugepages", no_argument, NULL, 'H' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("fwdloop --from IF --to IF [options]: forward by AF_XDP\n"
	     "  --queue N        of both devices (0)\n"
	     "  --batch N        packets taken at once (64)\n"
	     "  --kick N         packets that wait for one system call (batch)\n"
	     "  --tx-budget N    packets one system call sends (kernel: 32)\n"
	     "  --cpu N          run on this CPU\n"
	     "  --seconds S      how long from the first packet on; without it\n"
	     "                   until SIGTERM\n"
	     "  --hugepages      packet memory in 2 MiB pages\n"
	     "  --json           print the result as JSON\n"
	     "Prints \"ready\" when packets are forwarded.");
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
		case 'q':
			o->queue =
				(uint32_t)parse_number("queue", optarg, 0, 63);
			break;
		case 'b':
			o->batch = (uint32_t)parse_number("batch", optarg, 1,
							  BENCH_RING);
			break;
		case 'k':
			o->kick = (uint32_t)parse_number("kick", optarg, 1,
							 BENCH_RING);
			break;
		case 'B':
			o->tx_budget = (uint32_t)parse_number(
				"tx-budget", optarg, 32, BENCH_RING);
			break;
		case 'c':
			o->cpu = (int)parse_number("cpu", optarg, 0, 1023);
			break;
		case 's':
			o->seconds = parse_seconds("seconds", optarg);
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
	if (!o->from || !o->to || optind != argc)
		die("--from IF and --to IF are needed; see --help");
	if (!o->kick)
		o->kick = o->batch;
}

struct forward {
	struct bench_xsk in;
	struct bench_xsk out;
	uint32_t waiting; /* in out's tx ring, not yet taken */
	uint64_t kicks;
	uint64_t busy; /* kicks the kernel refused */
};

/* Frames that were sent go back to the input's fill ring. */
static void recycle(struct forward *f)
{
	uint32_t from, to, n;

	n = xsk_ring_cons__peek(&f->out.comp, BENCH_RING, &from);
	if (!n)
		return;
	while (xsk_ring_prod__reserve(&f->in.fill, n, &to) != n)
		;
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&f->in.fill, to++) =
			*xsk_ring_cons__comp_addr(&f->out.comp, from++);
	xsk_ring_prod__submit(&f->in.fill, n);
	xsk_ring_cons__release(&f->out.comp, n);
}

static void kick(struct forward *f)
{
	f->kicks++;
	if (sendto(f->out.fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0)
		f->busy++;
	/* What the ring still holds was left over by the kernel's budget. */
	f->waiting =
		f->out.tx.size - xsk_prod_nb_free(&f->out.tx, f->out.tx.size);
}

/* Moves up to @batch packets to the output's ring. Returns how many. */
static uint32_t move(struct forward *f, uint32_t batch)
{
	uint32_t from, to, n;

	n = xsk_ring_cons__peek(&f->in.rx, batch, &from);
	if (!n)
		return 0;
	while (xsk_ring_prod__reserve(&f->out.tx, n, &to) != n) {
		kick(f);
		recycle(f);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *rx =
			xsk_ring_cons__rx_desc(&f->in.rx, from++);
		struct xdp_desc *tx = xsk_ring_prod__tx_desc(&f->out.tx, to++);

		tx->addr = rx->addr;
		tx->len = rx->len;
		tx->options = 0;
	}
	xsk_ring_prod__submit(&f->out.tx, n);
	xsk_ring_cons__release(&f->in.rx, n);
	f->waiting += n;
	return n;
}

static uint64_t forward(struct forward *f, const struct options *o,
			struct bench_window *ret_window)
{
	struct bench_window window = bench_window_start(o->seconds);
	uint64_t packets = 0;
	uint32_t spins = 0, n;

	while (!stop_requested) {
		if (!(++spins & 0xff) && bench_window_over(&window, packets))
			break;
		n = move(f, o->batch);
		packets += n;
		if (f->waiting >= o->kick || (f->waiting && !n))
			kick(f);
		recycle(f);
	}
	*ret_window = window;
	return packets;
}

int main(int argc, char **argv)
{
	struct options o = { .batch = 64, .cpu = -1 };
	struct forward f = { 0 };
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
	bench_area_open(&area, 2 * BENCH_RING, 4096, o.hugepages);
	bench_xsk_open(&f.in, &area, o.from, o.queue, false, 0);
	bench_xsk_open(&f.out, &area, o.to, o.queue, false, o.tx_budget);
	bench_xsk_fill(&f.in, &area, 0, area.n_frames);
	bench_xsk_steer(&f.in, bench_map_fd(obj, "xsks"), o.queue);
	link_fd = bench_attach(bench_prog_fd(obj, "to_xsk"),
			       parse_ifindex("from", o.from), false);
	puts("ready");
	fflush(stdout);

	packets = forward(&f, &o, &window);
	bench_print_loop(o.json, "fwdloop", packets, &window);
	fprintf(stderr, "%lu system calls, %.1f packets each, %lu busy\n",
		f.kicks, f.kicks ? (double)packets / (double)f.kicks : 0,
		f.busy);
	bench_xsk_print_drops(&f.in);

	close(link_fd);
	bench_xsk_close(&f.in);
	bench_xsk_close(&f.out);
	bpf_object__close(obj);
	return EXIT_OK;
}
