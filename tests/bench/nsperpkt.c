// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Nanoseconds per packet of XDP programs beside an empty one.
 *
 * Programs come from pins, or from an object file, loaded with empty maps. For
 * a program that needs its maps filled, load and pin it first, or use
 * progtime.h directly.
 */
#include <getopt.h>

#include "../tools/packet.h"
#include "progtime.h"

struct options {
	const char *pins[PROGTIME_MAX];
	int n_pins;
	const char *obj;
	const char *prog;
	const char *hex;
	uint8_t dmac[6];
	uint16_t vlan;
	uint32_t size;
	struct progtime_input in;
	bool json;
};

static const struct option long_options[] = {
	{ "pin", required_argument, NULL, 'P' },
	{ "obj", required_argument, NULL, 'o' },
	{ "prog", required_argument, NULL, 'p' },
	{ "packet", required_argument, NULL, 'x' },
	{ "dmac", required_argument, NULL, 'D' },
	{ "vlan", required_argument, NULL, 'v' },
	{ "size", required_argument, NULL, 'z' },
	{ "dev", required_argument, NULL, 'd' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "repeat", required_argument, NULL, 'n' },
	{ "plain", no_argument, NULL, 'l' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("nsperpkt (--pin PATH ... | --obj FILE --prog NAME) [options]:\n"
	     "time XDP programs beside an empty one\n"
	     "  --packet HEX     the packet, instead of a UDP one made from\n"
	     "  --dmac MAC       destination (02:00:00:00:00:02)\n"
	     "  --vlan N         tag\n"
	     "  --size N         bytes (64)\n"
	     "  --dev IF         device it seems to come from\n"
	     "  --rounds N       of which the median counts (21)\n"
	     "  --repeat N       runs in a round (200000)\n"
	     "  --plain          do not put the packet back before each run\n"
	     "  --json           print JSON");
}

static void parse_options(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'P':
			if (o->n_pins == PROGTIME_MAX - 1)
				die("at most %d programs", PROGTIME_MAX - 1);
			o->pins[o->n_pins++] = optarg;
			break;
		case 'o':
			o->obj = optarg;
			break;
		case 'p':
			o->prog = optarg;
			break;
		case 'x':
			o->hex = optarg;
			break;
		case 'D':
			parse_mac("dmac", optarg, o->dmac);
			break;
		case 'v':
			o->vlan =
				(uint16_t)parse_number("vlan", optarg, 1, 4094);
			break;
		case 'z':
			o->size = (uint32_t)parse_number("size", optarg,
							 PROGTIME_HEAD, 3400);
			break;
		case 'd':
			o->in.ifindex = parse_ifindex("dev", optarg);
			break;
		case 'r':
			o->in.rounds = (int)parse_number("rounds", optarg, 1,
							 PROGTIME_MAX_ROUNDS);
			break;
		case 'n':
			o->in.repeat = (int)parse_number("repeat", optarg, 1,
							 100000000);
			break;
		case 'l':
			o->in.restore = false;
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
	if ((!o->n_pins && !(o->obj && o->prog)) || optind != argc)
		die("--pin PATH, or --obj FILE and --prog NAME; see --help");
}

static uint32_t build_packet(const struct options *o, uint8_t *packet)
{
	static const uint8_t smac[6] = { 2, 0, 0, 0, 0, 1 };
	struct in_addr src = { htonl(0xc6120001) };
	struct in_addr dst = { htonl(0xc6120002) };
	uint8_t *p = packet_put_eth(packet, o->dmac, smac, o->vlan, ETH_P_IP);
	size_t udp_len = o->size - (size_t)(p - packet) - sizeof(struct iphdr);

	p = packet_put_ip4(p, src, dst, IPPROTO_UDP, udp_len);
	packet_put_udp(p, 1024, 9, udp_len);
	return o->size;
}

static uint32_t parse_packet(const char *hex, uint8_t *packet, size_t max)
{
	size_t len = strlen(hex) / 2;

	if (strlen(hex) % 2 || len < PROGTIME_HEAD || len > max)
		die("--packet: expected %d..%zu bytes in hex", PROGTIME_HEAD,
		    max);
	for (size_t i = 0; i < len; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &packet[i]) != 1)
			die("--packet: byte %zu is not hex", i);
	return (uint32_t)len;
}

static int load_program(const struct options *o, struct bpf_object **ret_obj)
{
	struct bpf_program *prog;

	libbpf_set_print(bench_libbpf_print);
	*ret_obj = bpf_object__open_file(o->obj, NULL);
	if (!*ret_obj)
		die("%s: %s", o->obj, strerror(errno));
	/* Only the one asked for: others may need what is not here. */
	bpf_object__for_each_program(prog, *ret_obj) bpf_program__set_autoload(
		prog, !strcmp(bpf_program__name(prog), o->prog));
	bench_load(*ret_obj);
	return bench_prog_fd(*ret_obj, o->prog);
}

static void print_result(const struct options *o, const char *name,
			 const struct progtime *t, const struct progtime *empty)
{
	if (o->json)
		printf("{\"what\":\"nsperpkt\",\"program\":\"%s\","
		       "\"median_ns\":%.0f,\"min_ns\":%.0f,\"max_ns\":%.0f,"
		       "\"over_empty_ns\":%.0f,\"verdict\":%u}\n",
		       name, t->median_ns, t->min_ns, t->max_ns,
		       t->median_ns - empty->median_ns, t->verdict);
	else
		printf("%s: median %.0f ns (%.0f..%.0f), %.0f more than the "
		       "empty program; verdict %u\n",
		       name, t->median_ns, t->min_ns, t->max_ns,
		       t->median_ns - empty->median_ns, t->verdict);
}

int main(int argc, char **argv)
{
	struct options o = {
		.dmac = { 2, 0, 0, 0, 0, 2 },
		.size = 64,
		.in = { .rounds = 21, .repeat = 200000, .restore = true },
	};
	struct progtime progs[PROGTIME_MAX] = { 0 };
	struct bpf_object *obj = NULL;
	uint8_t packet[3400] = { 0 };
	int n = 1;

	parse_options(argc, argv, &o);
	o.in.packet = packet;
	o.in.len = o.hex ? parse_packet(o.hex, packet, sizeof(packet))
			 : build_packet(&o, packet);
	progs[0].prog_fd = progtime_empty_open();
	for (int i = 0; i < o.n_pins; i++, n++) {
		progs[n].prog_fd = bpf_obj_get(o.pins[i]);
		if (progs[n].prog_fd < 0)
			die("%s: %s", o.pins[i], strerror(errno));
	}
	if (o.obj && n < PROGTIME_MAX)
		progs[n++].prog_fd = load_program(&o, &obj);

	progtime_run(progs, n, &o.in);
	print_result(&o, "empty", &progs[0], &progs[0]);
	for (int i = 1; i < n; i++)
		print_result(&o, i <= o.n_pins ? o.pins[i - 1] : o.prog,
			     &progs[i], &progs[0]);
	bpf_object__close(obj);
	return EXIT_OK;
}
