// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A virtual machine's network without the machine: a small host on the
 * reader's end of a tap.
 *
 * It answers ARP, IPv6 neighbour solicitation, ping of both kinds and UDP port
 * 7, checks every checksum it gets, and can send by itself: pings, UDP, and
 * packets that only a guest with offloads makes (an unfinished checksum with
 * and without the virtio header that says so, a segment to be cut up).
 *
 * One thing is sent at a time (struct job): told by an option, or, with
 * --stdin, by lines such as "ping 10.0.0.1 5". Stopped (SIGSTOP), it is a VM
 * that does not read.
 */
#include <getopt.h>
#include <poll.h>

#include "guest.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* in the headers since Linux 6.2 */
#endif

#define OUR_PORT  40000
#define GSO_SIZE  1000
#define RETRY_NS  (300 * 1000000ull)
#define RETRIES	  100
#define LINGER_NS (20 * NSEC_PER_SEC)

enum job_kind {
	JOB_NONE,
	JOB_PING,
	JOB_UDP,
	JOB_PARTIAL,	/* UDP, unfinished checksum, nothing says so */
	JOB_NEEDS_CSUM, /* the same with a virtio header that does */
	JOB_GSO,	/* TCP, to be cut up */
	JOB_GSO_UDP,
	JOB_N_KINDS,
};

static const char *const job_names[JOB_N_KINDS] = {
	"none", "ping", "udp-send", "partial", "needs-csum", "gso", "gso-udp",
};

struct job {
	enum job_kind kind;
	struct guest_target to;
	char to_text[80];
	uint32_t count;
	uint32_t size; /* payload bytes */
	uint64_t interval_ns;
	uint32_t tries;
	uint32_t sent;
	uint64_t replies_before;
	uint64_t next_ns; /* when there is something to do */
	uint64_t sent_ns; /* of the last one */
};

struct vm {
	struct guest guest;
	const char *dev;
	struct job job;
	bool vnet_hdr;
	bool use_stdin;
	bool stay;
	bool failed; /* a job was */
};

static volatile sig_atomic_t print_requested;

static void on_print_signal(int sig)
{
	(void)sig;
	print_requested = 1;
}

/* Echo request number @seq; both protocols' headers look alike. */
static void send_ping(struct guest *g, const struct job *job)
{
	uint8_t frame[PACKET_MAX];
	size_t l4_len = sizeof(struct icmphdr) + job->size;
	struct icmphdr icmp = {
		.type = job->to.v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
		.un.echo.id = htons((uint16_t)getpid()),
		.un.echo.sequence = htons((uint16_t)job->sent),
	};
	uint8_t *l4 = guest_put_headers(
		g, frame, g->neighbour.mac, &job->to,
		job->to.v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, l4_len);

	memcpy(l4, &icmp, sizeof(icmp));
	memset(l4 + sizeof(icmp), 'p', job->size);
	if (job->to.v6) {
		guest_finish_l4(frame, true, l4_len, 0);
	} else {
		icmp.checksum = (uint16_t)~csum_fold(csum_add(l4, l4_len, 0));
		memcpy(l4, &icmp, sizeof(icmp));
	}
	guest_send(g, frame, (size_t)(l4 - frame) + l4_len, NULL);
}

/* What is left to the device for a packet with its L4 header at @l4_off. */
static struct virtio_net_hdr offload_header(const struct guest *g,
					    const struct job *job,
					    size_t l4_off, size_t l4_head)
{
	size_t start = l4_off + (g->vlan ? 4 : 0);
	bool tcp = job->kind == JOB_GSO;
	struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = (uint16_t)start,
		.csum_offset = (uint16_t)packet_csum_offset(tcp ? IPPROTO_TCP
								: IPPROTO_UDP),
	};

	if (job->kind == JOB_GSO)
		hdr.gso_type = job->to.v6 ? VIRTIO_NET_HDR_GSO_TCPV6
					  : VIRTIO_NET_HDR_GSO_TCPV4;
	else if (job->kind == JOB_GSO_UDP)
		hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	if (hdr.gso_type) {
		hdr.gso_size = GSO_SIZE;
		hdr.hdr_len = (uint16_t)(start + l4_head);
	}
	return hdr;
}

static void send_payload(struct guest *g, const struct job *job)
{
	bool tcp = job->kind == JOB_GSO;
	size_t l4_head = tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	size_t l4_len = l4_head + job->size;
	struct virtio_net_hdr hdr;
	uint8_t frame[PACKET_MAX];
	uint8_t *l4 = guest_put_headers(g, frame, g->neighbour.mac, &job->to,
					tcp ? IPPROTO_TCP : IPPROTO_UDP,
					l4_len);
	uint32_t number = htonl(job->sent);

	memset(l4 + l4_head, 'u', job->size);
	if (job->size >= 4)
		memcpy(l4 + l4_head, &number, 4);
	if (tcp)
		packet_put_tcp(l4, OUR_PORT, job->to.port,
			       1 + job->sent * job->size);
	else
		packet_put_udp(l4, OUR_PORT, job->to.port, l4_len);
	guest_finish_l4(frame, job->to.v6, l4_len, job->kind != JOB_UDP);
	hdr = offload_header(g, job, (size_t)(l4 - frame), l4_head);
	guest_send(g, frame, (size_t)(l4 - frame) + l4_len,
		   job->kind >= JOB_NEEDS_CSUM ? &hdr : NULL);
}

/* ---- the job ---- */

/* Packets that came back for the job. */
static uint64_t replies(const struct vm *vm)
{
	switch (vm->job.kind) {
	case JOB_PING:
		return vm->guest.n.echo_replies - vm->job.replies_before;
	case JOB_UDP:
		return vm->guest.n.udp_received - vm->job.replies_before;
	default:
		return 0;
	}
}

static void job_end(struct vm *vm, const char *why)
{
	struct job *job = &vm->job;

	printf("%s %s: %u sent, %lu received%s%s\n", job_names[job->kind],
	       job->to_text, job->sent, replies(vm), why ? ", " : "",
	       why ? why : "");
	fflush(stdout);
	if (why || job->sent < job->count ||
	    (job->kind == JOB_PING && replies(vm) < job->count))
		vm->failed = true;
	job->kind = JOB_NONE;
	if (!vm->stay && !vm->use_stdin)
		stop_requested = 1;
}

static void job_resolve(struct vm *vm, uint64_t now)
{
	struct job *job = &vm->job;

	if (job->tries++ == RETRIES) {
		job_end(vm, "nobody has the address");
		return;
	}
	guest_resolve(&vm->guest, &job->to);
	job->next_ns = now + RETRY_NS;
}

static void job_send(struct vm *vm, uint64_t now)
{
	struct job *job = &vm->job;

	for (int i = 0;
	     i < GUEST_BATCH && job->sent < job->count && now >= job->next_ns;
	     i++) {
		if (job->kind == JOB_PING)
			send_ping(&vm->guest, job);
		else
			send_payload(&vm->guest, job);
		job->sent++;
		job->sent_ns = now;
		job->next_ns = job->interval_ns
				       ? job->next_ns + job->interval_ns
				       : now;
	}
}

/* Does what is due. Returns whether there is more to do at once. */
static bool job_run(struct vm *vm, uint64_t now)
{
	struct job *job = &vm->job;

	if (job->kind == JOB_NONE)
		return false;
	if (!vm->guest.neighbour.known) {
		if (now >= job->next_ns)
			job_resolve(vm, now);
		return false;
	}
	if (!job->sent)
		job->next_ns = now;
	job_send(vm, now);
	if (job->sent < job->count)
		return now >= job->next_ns;
	if ((job->kind != JOB_PING && job->kind != JOB_UDP) ||
	    replies(vm) >= job->count || now - job->sent_ns >= LINGER_NS)
		job_end(vm, NULL);
	return false;
}

/* Splits "IP" or "IP:PORT" ("[IP6]:PORT"). */
static bool parse_target(const char *text, bool need_port,
			 struct guest_target *ret_to)
{
	struct guest_target to = { 0 };
	char copy[80], *addr = copy, *port = NULL;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return false;
	if (need_port) {
		port = strrchr(copy, ':');
		if (!port)
			return false;
		*port++ = 0;
		to.port = (uint16_t)atoi(port);
		if (*addr == '[' && port[-2] == ']') {
			port[-2] = 0;
			addr++;
		}
	}
	to.v6 = strchr(addr, ':');
	if (inet_pton(to.v6 ? AF_INET6 : AF_INET, addr,
		      to.v6 ? (void *)&to.ip6 : (void *)&to.ip4) != 1 ||
	    (need_port && !to.port))
		return false;
	*ret_to = to;
	return true;
}

/* Returns false, with a message, if there is no such job. @count and @size 0
 * = the kind's own. */
static bool job_start(struct vm *vm, const char *name, const char *to,
		      uint32_t count, uint32_t size, uint64_t interval_ns)
{
	struct job job = { .interval_ns = interval_ns };

	for (int kind = JOB_PING; kind < JOB_N_KINDS; kind++)
		if (!strcmp(name, job_names[kind]))
			job.kind = kind;
	if (job.kind == JOB_NONE ||
	    !parse_target(to, job.kind != JOB_PING, &job.to)) {
		fprintf(stderr, "tapvm: %s %s: expected a job and its target\n",
			name, to);
		return false;
	}
	if (job.kind >= JOB_NEEDS_CSUM && !vm->guest.hdr_len) {
		fprintf(stderr, "tapvm: %s needs --vnet-hdr\n", name);
		return false;
	}
	snprintf(job.to_text, sizeof(job.to_text), "%s", to);
	job.count = count ? count : job.kind == JOB_PING ? 3 : 1;
	job.size = size ? size : job.kind >= JOB_GSO ? 5 * GSO_SIZE : 56;
	if (job.kind == JOB_PING && !interval_ns)
		job.interval_ns = 200 * 1000000ull;
	job.replies_before = job.kind == JOB_PING ? vm->guest.n.echo_replies
						  : vm->guest.n.udp_received;
	vm->job = job;
	vm->guest.neighbour = (struct guest_neighbour){
		.target = job.to,
		.wanted = true,
	};
	return true;
}

static const struct option long_options[] = {
	{ "dev", required_argument, NULL, 'd' },
	{ "mac", required_argument, NULL, 'm' },
	{ "ip", required_argument, NULL, '4' },
	{ "ip6", required_argument, NULL, '6' },
	{ "vlan", required_argument, NULL, 'v' },
	{ "vnet-hdr", no_argument, NULL, 'H' },
	{ "stdin", no_argument, NULL, 'i' },
	{ "stay", no_argument, NULL, 'S' },
	{ "count", required_argument, NULL, 'n' },
	{ "size", required_argument, NULL, 'z' },
	{ "interval-us", required_argument, NULL, 'I' },
	{ "ping", required_argument, NULL, 'J' },
	{ "udp-send", required_argument, NULL, 'J' },
	{ "partial", required_argument, NULL, 'J' },
	{ "needs-csum", required_argument, NULL, 'J' },
	{ "gso", required_argument, NULL, 'J' },
	{ "gso-udp", required_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("tapvm --dev TAP --mac MAC [options]: a small host on a tap\n"
	     "  --ip A.B.C.D[/N] --ip6 A[/N]   its addresses\n"
	     "  --vlan N         it lives behind this tag\n"
	     "  --vnet-hdr       open the tap with virtio headers\n"
	     "Answers ARP, neighbour solicitation, ping and UDP port 7 until\n"
	     "SIGTERM, or until a job is done:\n"
	     "  --ping IP        echo requests; exit code 0: all answered\n"
	     "  --udp-send IP:PORT\n"
	     "  --partial IP:PORT     UDP with an unfinished checksum\n"
	     "  --needs-csum IP:PORT  the same, said in the virtio header\n"
	     "  --gso IP:PORT         TCP to be cut into 1000 bytes\n"
	     "  --gso-udp IP:PORT     UDP to be cut into 1000 bytes\n"
	     "  --count N        packets (ping 3, others 1)\n"
	     "  --size N         payload bytes (56, gso 5000)\n"
	     "  --interval-us N  between packets (ping 200000, others 0)\n"
	     "  --stay           go on answering after the job\n"
	     "  --stdin          read jobs: NAME TARGET [COUNT [SIZE]]; \"stats\";\n"
	     "                   \"quit\"\n"
	     "Prints \"ready\" when the tap is open; counters as JSON at SIGUSR1\n"
	     "and at the end. Targets are neighbours: there is no routing.");
}

struct job_options {
	const char *name;
	const char *to;
	uint32_t count;
	uint32_t size;
	uint64_t interval_ns;
};

static char *without_prefix_length(char *text)
{
	text[strcspn(text, "/")] = 0;
	return text;
}

static void parse_options(int argc, char **argv, struct vm *vm,
			  struct job_options *job)
{
	int opt, at = 0;

	while ((opt = getopt_long(argc, argv, "h", long_options, &at)) != -1) {
		switch (opt) {
		case 'd':
			vm->dev = optarg;
			break;
		case 'm':
			parse_mac("mac", optarg, vm->guest.mac);
			break;
		case '4':
			vm->guest.ip4 =
				parse_ipv4("ip", without_prefix_length(optarg));
			break;
		case '6':
			vm->guest.ip6 = parse_ipv6(
				"ip6", without_prefix_length(optarg));
			break;
		case 'v':
			vm->guest.vlan =
				(uint16_t)parse_number("vlan", optarg, 0, 4094);
			break;
		case 'H':
			vm->vnet_hdr = true;
			break;
		case 'i':
			vm->use_stdin = true;
			break;
		case 'S':
			vm->stay = true;
			break;
		case 'n':
			job->count = (uint32_t)parse_number("count", optarg, 1,
							    UINT32_MAX);
			break;
		case 'z':
			job->size = (uint32_t)parse_number("size", optarg, 1,
							   65000);
			break;
		case 'I':
			job->interval_ns = 1000 * parse_number("interval-us",
							       optarg, 0,
							       1000000000);
			break;
		case 'J':
			job->name = long_options[at].name;
			job->to = optarg;
			break;
		case 'h':
			print_usage();
			exit(EXIT_OK);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (!vm->dev || !(vm->guest.mac[0] | vm->guest.mac[5]) ||
	    optind != argc)
		die("--dev TAP and --mac MAC are needed; see --help");
}

/* Returns false when there are no more lines. */
static bool read_command(struct vm *vm)
{
	char line[200], name[32] = "", to[80] = "";
	uint32_t count = 0, size = 0;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	if (sscanf(line, "%31s %79s %u %u", name, to, &count, &size) < 1)
		return true;
	if (!strcmp(name, "quit"))
		stop_requested = 1;
	else if (!strcmp(name, "stats"))
		guest_print_counters(&vm->guest);
	else if (size > 65000 || !job_start(vm, name, to, count, size, 0))
		vm->failed = true;
	return true;
}

static void loop(struct vm *vm)
{
	struct pollfd pfd[2] = {
		{ .fd = vm->guest.fd, .events = POLLIN },
		{ .events = POLLIN },
	};
	bool commands = vm->use_stdin;
	int wait_ms;
	bool more;

	/* Unbuffered, so that poll tells of every line that waits. */
	setvbuf(stdin, NULL, _IONBF, 0);
	while (!stop_requested) {
		more = job_run(vm, now_ns());
		if (print_requested) {
			print_requested = 0;
			guest_print_counters(&vm->guest);
		}
		wait_ms = more ? 0 : vm->job.kind != JOB_NONE ? 1 : 100;
		pfd[1].fd = commands && vm->job.kind == JOB_NONE ? 0 : -1;
		if (stop_requested || poll(pfd, 2, wait_ms) <= 0)
			continue;
		if (pfd[0].revents & POLLERR) {
			fprintf(stderr, "tapvm: %s went away\n", vm->dev);
			vm->failed = true;
			break;
		}
		if (pfd[0].revents)
			guest_read(&vm->guest);
		if (pfd[1].revents)
			commands = read_command(vm);
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_print_signal };
	struct job_options job = { 0 };
	struct vm vm = { 0 };

	parse_options(argc, argv, &vm, &job);
	catch_stop_signals();
	sigaction(SIGUSR1, &sa, NULL);
	guest_open(&vm.guest, vm.dev, vm.vnet_hdr);
	if (job.name && !job_start(&vm, job.name, job.to, job.count, job.size,
				   job.interval_ns))
		return EXIT_USAGE;
	puts("ready");
	fflush(stdout);

	loop(&vm);
	guest_print_counters(&vm.guest);
	close(vm.guest.fd);
	return vm.failed ? EXIT_FAILED : EXIT_OK;
}
