// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sends frames on one given queue of a device, by an AF_XDP socket. Out of one
 * end of a multi-queue veth pair they arrive on the receive queue of the same
 * number at the other end, which is how the tests reach every queue of what
 * plays the NIC.
 *
 * The frames are those of framegen.h: "frames recv" with the same seed checks
 * them, and with the same --progress the sender waits for it (progress.h).
 */
#include <getopt.h>
#include <linux/if_link.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include "framegen.h"
#include "progress.h"

#define N_FRAMES 256
#define CHUNK	 4096
/* For the kernel to let go of an earlier socket on the queue. */
#define BUSY_NS (30 * NSEC_PER_SEC)

struct options {
	struct frame_spec spec;
	const char *dev;
	uint32_t queue;
	uint32_t count;
	uint64_t pps;
	const char *progress;
};

static const struct option long_options[] = {
	{ "dev", required_argument, NULL, 'd' },
	{ "queue", required_argument, NULL, 'q' },
	{ "count", required_argument, NULL, 'n' },
	{ "dmac", required_argument, NULL, 'D' },
	{ "smac", required_argument, NULL, 'S' },
	{ "vlan", required_argument, NULL, 'v' },
	{ "size", required_argument, NULL, 'z' },
	{ "min", required_argument, NULL, 'm' },
	{ "max", required_argument, NULL, 'M' },
	{ "seed", required_argument, NULL, 's' },
	{ "ethertype", required_argument, NULL, 'e' },
	{ "pps", required_argument, NULL, 'r' },
	{ "progress", required_argument, NULL, 'P' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("afxdp_queue --dev IF --queue N --dmac MAC [options]: send random\n"
	     "frames on one queue\n"
	     "  --count N        frames (1000)\n"
	     "  --smac MAC       (02:00:00:00:00:01)\n"
	     "  --vlan N         tag\n"
	     "  --min N --max N  bytes without FCS and tag (60, 1514)\n"
	     "  --size N         both\n"
	     "  --seed N         of the random sequence (1)\n"
	     "  --ethertype KIND mix, raw or ip (mix)\n"
	     "  --pps N          frames a second; 0 = no pause (20000)\n"
	     "  --progress FILE  of the receiver: be at most 32 frames ahead");
}

static void parse_options(int argc, char **argv, struct options *o)
{
	bool have_dmac = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			o->dev = optarg;
			break;
		case 'q':
			o->queue = (uint32_t)parse_number("queue", optarg, 0,
							  1023);
			break;
		case 'n':
			o->count = (uint32_t)parse_number("count", optarg, 1,
							  100000000);
			break;
		case 'D':
			parse_mac("dmac", optarg, o->spec.dmac);
			have_dmac = true;
			break;
		case 'S':
			parse_mac("smac", optarg, o->spec.smac);
			break;
		case 'v':
			o->spec.vlan =
				(uint16_t)parse_number("vlan", optarg, 0, 4094);
			break;
		case 'z':
			o->spec.min = (uint32_t)parse_number(
				"size", optarg, FRAME_MIN, FRAME_MAX);
			o->spec.max = o->spec.min;
			break;
		case 'm':
			o->spec.min = (uint32_t)parse_number(
				"min", optarg, FRAME_MIN, FRAME_MAX);
			break;
		case 'M':
			o->spec.max = (uint32_t)parse_number(
				"max", optarg, FRAME_MIN, FRAME_MAX);
			break;
		case 's':
			o->spec.seed = (uint32_t)parse_number("seed", optarg, 0,
							      UINT32_MAX);
			break;
		case 'e':
			o->spec.mix = frame_parse_mix(optarg);
			break;
		case 'r':
			o->pps = parse_number("pps", optarg, 0, 100000000);
			break;
		case 'P':
			o->progress = optarg;
			break;
		case 'h':
			print_usage();
			exit(EXIT_OK);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (!o->dev || !have_dmac || optind != argc)
		die("--dev IF and --dmac MAC are needed; see --help");
	if (o->spec.min > o->spec.max)
		die("--min is larger than --max");
}

struct sender {
	struct xsk_ring_prod fill; /* not used: libxdp wants one */
	struct xsk_ring_cons comp;
	struct xsk_ring_prod tx;
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	uint8_t *mem; /* owned */
	uint32_t in_flight;
};

static void open_sender(struct sender *s, const struct options *o)
{
	struct xsk_socket_config config = {
		.tx_size = N_FRAMES,
		.libbpf_flags = XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
	};
	struct xsk_umem_config umem_config = {
		.fill_size = N_FRAMES,
		.comp_size = N_FRAMES,
		.frame_size = CHUNK,
	};
	uint64_t end = now_ns() + BUSY_NS;
	int err;

	s->mem = mmap(NULL, N_FRAMES * CHUNK, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->mem == MAP_FAILED)
		die("packet memory: %s", strerror(errno));
	for (;;) {
		err = xsk_umem__create(&s->umem, s->mem, N_FRAMES * CHUNK,
				       &s->fill, &s->comp, &umem_config);
		if (err)
			die("packet memory: %s", strerror(-err));
		err = xsk_socket__create(&s->xsk, o->dev, o->queue, s->umem,
					 NULL, &s->tx, &config);
		if (err != -EBUSY || now_ns() >= end)
			break;
		xsk_umem__delete(s->umem);
		sleep_until_ns(now_ns() + 20000000);
	}
	if (err)
		die("AF_XDP socket on %s queue %u: %s", o->dev, o->queue,
		    strerror(-err));
}

static void close_sender(struct sender *s)
{
	xsk_socket__delete(s->xsk);
	xsk_umem__delete(s->umem);
	munmap(s->mem, N_FRAMES * CHUNK);
}

/* Makes the kernel send, and takes back what it has sent. */
static void drain(struct sender *s)
{
	uint32_t pos, n;

	if (sendto(xsk_socket__fd(s->xsk), NULL, 0, MSG_DONTWAIT, NULL, 0) <
		    0 &&
	    errno != EAGAIN && errno != EBUSY && errno != ENOBUFS)
		die("sending: %s", strerror(errno));
	n = xsk_ring_cons__peek(&s->comp, N_FRAMES, &pos);
	if (n)
		xsk_ring_cons__release(&s->comp, n);
	s->in_flight -= n;
}

/* Frames are used in turn: completions of a copy-mode socket come in order. */
static void send_frame(struct sender *s, const struct options *o, uint32_t seq)
{
	uint64_t addr = (uint64_t)(seq % N_FRAMES) * CHUNK;
	struct xdp_desc *desc;
	uint32_t pos;

	while (s->in_flight == N_FRAMES ||
	       xsk_ring_prod__reserve(&s->tx, 1, &pos) != 1) {
		if (stop_requested)
			return;
		drain(s);
	}
	desc = xsk_ring_prod__tx_desc(&s->tx, pos);
	desc->addr = addr;
	desc->len = (uint32_t)frame_make(&o->spec, seq, s->mem + addr);
	desc->options = 0;
	xsk_ring_prod__submit(&s->tx, 1);
	s->in_flight++;
}

int main(int argc, char **argv)
{
	struct options o = { .count = 1000, .pps = 20000 };
	struct progress none = { 0 }, *progress = &none;
	struct sender s = { 0 };
	uint64_t start, end;
	uint32_t seq;

	frame_spec_init(&o.spec);
	parse_options(argc, argv, &o);
	catch_stop_signals();
	parse_ifindex("dev", o.dev);
	if (o.progress)
		progress = progress_open(o.progress);
	open_sender(&s, &o);

	start = now_ns();
	for (seq = 0; seq < o.count && !stop_requested; seq++) {
		pace(start, seq, o.pps);
		if (!progress_wait(progress, seq,
				   o.progress ? PROGRESS_WINDOW : 0))
			break;
		send_frame(&s, &o, seq);
		do
			drain(&s);
		while (!stop_requested &&
		       xsk_prod_nb_free(&s.tx, N_FRAMES) < N_FRAMES);
		progress_set(&progress->sent, seq + 1);
	}
	for (end = now_ns() + NSEC_PER_SEC; s.in_flight && now_ns() < end;)
		drain(&s);
	progress_set(&progress->ended, PROGRESS_ALL);
	printf("sent %u of %u frames on %s queue %u\n", seq - s.in_flight,
	       o.count, o.dev, o.queue);
	close_sender(&s);
	return seq == o.count && !s.in_flight ? EXIT_OK : EXIT_FAILED;
}
