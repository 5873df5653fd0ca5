// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A packet generator that costs little: the kernel itself makes the frames
 * (BPF_PROG_TEST_RUN with live frames), and the program in pktgen.bpf.c sends
 * them out of one device. Out of one end of a veth pair they arrive at the
 * other end as if from a wire, on the receive queue with the number of the CPU
 * this runs on.
 *
 * The far end of the veth needs an XDP program of the driver's own kind, or
 * GRO, or the kernel refuses the frames; the line printed at the end tells how
 * many the device took.
 */
#include <getopt.h>
#include <pthread.h>
#include <sys/mman.h>

#include "../tools/packet.h"
#include "bench.h"
#include "pktgen.h"

#define BATCH 64
/* A page less the kernel's own data in front and behind. */
#define SIZE_MAX_LIVE 3400

struct options {
	const char *dev;
	uint8_t dmac[6], smac[6];
	uint16_t vlan;
	uint32_t size;
	uint64_t count;
	double seconds;
	uint64_t rate;
	uint32_t flows;
	struct in_addr src, dst;
	uint16_t dport;
	int cpu;
	bool json;
};

static const struct option long_options[] = {
	{ "dev", required_argument, NULL, 'd' },
	{ "dmac", required_argument, NULL, 'D' },
	{ "smac", required_argument, NULL, 'S' },
	{ "vlan", required_argument, NULL, 'v' },
	{ "size", required_argument, NULL, 'z' },
	{ "count", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 's' },
	{ "rate", required_argument, NULL, 'r' },
	{ "flows", required_argument, NULL, 'f' },
	{ "src-ip", required_argument, NULL, 'a' },
	{ "dst-ip", required_argument, NULL, 'b' },
	{ "dport", required_argument, NULL, 'p' },
	{ "cpu", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("pktgen --dev IF --dmac MAC [options]: send UDP over IPv4\n"
	     "  --smac MAC       source (02:00:00:00:00:01)\n"
	     "  --vlan N         with this tag\n"
	     "  --size N         bytes without FCS, with the tag (64)\n"
	     "  --count N        stop after N packets\n"
	     "  --seconds S      stop after S seconds; neither: at SIGTERM\n"
	     "  --rate PPS       packets a second; 0 = as many as possible (0)\n"
	     "  --flows N        source ports 1024..1024+N-1, in turn (1)\n"
	     "  --src-ip IP      (198.18.0.1)\n"
	     "  --dst-ip IP      (198.18.0.2)\n"
	     "  --dport N        destination port (9)\n"
	     "  --cpu N          run on this CPU\n"
	     "  --json           print the result as JSON");
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
		case 'D':
			parse_mac("dmac", optarg, o->dmac);
			have_dmac = true;
			break;
		case 'S':
			parse_mac("smac", optarg, o->smac);
			break;
		case 'v':
			o->vlan =
				(uint16_t)parse_number("vlan", optarg, 1, 4094);
			break;
		case 'z':
			o->size = (uint32_t)parse_number("size", optarg, 60,
							 SIZE_MAX_LIVE);
			break;
		case 'n':
			o->count = parse_number("count", optarg, 1, UINT64_MAX);
			break;
		case 's':
			o->seconds = parse_seconds("seconds", optarg);
			break;
		case 'r':
			o->rate = parse_number("rate", optarg, 0, 100000000);
			break;
		case 'f':
			o->flows = (uint32_t)parse_number("flows", optarg, 1,
							  PKTGEN_MAX_FLOWS);
			break;
		case 'a':
			o->src = parse_ipv4("src-ip", optarg);
			break;
		case 'b':
			o->dst = parse_ipv4("dst-ip", optarg);
			break;
		case 'p':
			o->dport = (uint16_t)parse_number("dport", optarg, 1,
							  65535);
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
	if (!o->dev || !have_dmac || optind != argc)
		die("--dev IF and --dmac MAC are needed; see --help");
}

/* The UDP checksum is left out (0), so that the program need not change it
 * with the port. */
static void build_packet(const struct options *o, uint8_t *packet)
{
	uint8_t *p =
		packet_put_eth(packet, o->dmac, o->smac, o->vlan, ETH_P_IP);
	size_t udp_len = o->size - (size_t)(p - packet) - sizeof(struct iphdr);

	p = packet_put_ip4(p, o->src, o->dst, IPPROTO_UDP, udp_len);
	packet_put_udp(p, PKTGEN_FIRST_SPORT, o->dport, udp_len);
}

struct generator {
	struct bpf_object *obj;			   /* owned */
	const volatile struct pktgen_state *state; /* its, mapped */
	int prog_fd;
};

static void load_generator(const struct options *o, const uint8_t *packet,
			   struct generator *ret_gen)
{
	struct bpf_object *obj = bench_open_object("pktgen.bpf.o");
	struct pktgen_opts opts = {
		.count = o->count,
		.gap_ps = o->rate ? 1000 * NSEC_PER_SEC / o->rate : 0,
		.ifindex = (uint32_t)parse_ifindex("dev", o->dev),
		.n_flows = o->flows,
		.tagged = o->vlan != 0,
	};
	struct pktgen_state state = { 0 };
	struct bpf_map *map, *bss = NULL;
	int err = 0;

	memcpy(state.head, packet, PKTGEN_HEAD);
	bpf_object__for_each_map(map, obj)
	{
		const char *name = bpf_map__name(map);

		if (strstr(name, ".rodata"))
			err = bpf_map__set_initial_value(map, &opts,
							 sizeof(opts));
		else if (strstr(name, ".bss"))
			err = bpf_map__set_initial_value(bss = map, &state,
							 sizeof(state));
		if (err)
			die("%s: %s", name, strerror(-err));
	}
	bench_load(obj);
	ret_gen->obj = obj;
	ret_gen->prog_fd = bench_prog_fd(obj, "generate");
	ret_gen->state = mmap(NULL, sizeof(state), PROT_READ, MAP_SHARED,
			      bpf_map__fd(bss), 0);
	if (ret_gen->state == MAP_FAILED)
		die("the program's state: %s", strerror(errno));
}

/*
 * Setting up and ending a run takes the kernel some 20 ms, so there is one
 * run, and a thread that ends it by a signal.
 */
struct watch {
	const struct options *o;
	const struct generator *gen;
	pthread_t runner;
	bool done;     /* atomic: the run has ended */
	uint64_t sent; /* when it was time to stop */
	uint64_t ns;
};

static void on_wake_signal(int sig)
{
	(void)sig;
}

static void *watch_run(void *arg)
{
	struct watch *w = arg;
	uint64_t length = w->o->seconds > 0 ? (uint64_t)(w->o->seconds * 1e9)
					    : UINT64_MAX;
	const volatile struct pktgen_state *state = w->gen->state;
	uint64_t now;

	do {
		sleep_until_ns(now_ns() + 1000000);
		now = now_ns();
		w->sent = state->sent;
	} while (!stop_requested && w->sent < w->o->count &&
		 (!w->sent || now - state->first_ns < length) &&
		 !__atomic_load_n(&w->done, __ATOMIC_ACQUIRE));
	if (w->sent)
		w->ns = (state->last_ns ? state->last_ns : now) -
			state->first_ns;
	stop_requested = 1;
	while (!__atomic_load_n(&w->done, __ATOMIC_ACQUIRE)) {
		pthread_kill(w->runner, SIGUSR1);
		sleep_until_ns(now_ns() + 5000000);
	}
	return NULL;
}

/* Sends frames until a signal comes or all are sent. */
static void run(const struct generator *gen, uint8_t *packet, uint32_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct xdp_md ctx = { .data_end = size };
	int err;

	opts.data_in = packet;
	opts.data_size_in = size;
	opts.ctx_in = &ctx;
	opts.ctx_size_in = sizeof(ctx);
	opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	opts.batch_size = BATCH;
	opts.repeat = INT_MAX;
	err = bpf_prog_test_run_opts(gen->prog_fd, &opts);
	if (err && err != -EINTR)
		die("the kernel does not send live frames: %s", strerror(-err));
}

static void generate(const struct options *o, const struct generator *gen,
		     uint8_t *packet, struct watch *w)
{
	struct sigaction sa = { .sa_handler = on_wake_signal };
	pthread_t thread;
	int err;

	sigaction(SIGUSR1, &sa, NULL);
	w->o = o;
	w->gen = gen;
	w->runner = pthread_self();
	err = pthread_create(&thread, NULL, watch_run, w);
	if (err)
		die("thread: %s", strerror(err));
	pin_to_cpu(o->cpu);
	while (!stop_requested)
		run(gen, packet, o->size);
	__atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

static void print_result(const struct options *o, uint64_t sent, uint64_t ns,
			 uint64_t taken)
{
	double pps = ns ? (double)sent * 1e9 / (double)ns : 0;

	if (o->json)
		printf("{\"what\":\"pktgen\",\"packets\":%lu,\"seconds\":%.6f,"
		       "\"pps\":%.0f,\"taken\":%lu}\n",
		       sent, (double)ns / 1e9, pps, taken);
	else
		printf("pktgen: %lu packets in %.3f s, %.4f Mpps; %s took %lu\n",
		       sent, (double)ns / 1e9, pps / 1e6, o->dev, taken);
}

int main(int argc, char **argv)
{
	struct options o = {
		.smac = { 2, 0, 0, 0, 0, 1 },
		.size = 64,
		.count = UINT64_MAX,
		.flows = 1,
		.src.s_addr = htonl(0xc6120001),
		.dst.s_addr = htonl(0xc6120002),
		.dport = 9,
		.cpu = -1,
	};
	uint8_t packet[SIZE_MAX_LIVE] = { 0 };
	struct bench_dev_stats before, after;
	struct generator gen;
	struct watch w = { 0 };

	parse_options(argc, argv, &o);
	catch_stop_signals();
	build_packet(&o, packet);
	load_generator(&o, packet, &gen);

	before = bench_read_dev(o.dev);
	generate(&o, &gen, packet, &w);
	after = bench_read_dev(o.dev);
	print_result(&o, w.sent, w.ns, after.tx_packets - before.tx_packets);

	bpf_object__close(gen.obj);
	return w.sent ? EXIT_OK : EXIT_FAILED;
}
