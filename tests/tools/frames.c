// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sends random frames, or checks at the other end that each arrived exactly
 * once and byte for byte. Both make the frames from the same seed
 * (framegen.h). On any device (packet socket) or on the reader's end of a tap.
 *
 * Loss, duplication, reordering and corruption are told apart. With --progress
 * the two know of each other, and nothing gets lost because a machine is slow
 * (progress.h).
 */
#include <getopt.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "framegen.h"
#include "progress.h"
#include "tap.h"

/* A kernel's socket buffer that holds any run of this tool. */
#define SOCKET_BUFFER (64 << 20)
#define BUFFER_SIZE   (FRAME_MAX + 256)

/* Without a frame, from a sender that has not ended yet. */
#define SENDER_TIMEOUT_MS (2000 * PROGRESS_PATIENCE_S)
/* Of lost frames, that are shown. */
#define MAX_GAPS 16

struct options {
	struct frame_spec spec;
	const char *dev;
	uint32_t count;
	uint64_t pps;
	uint64_t timeout_ms;
	uint64_t linger_ms;
	const char *progress;
	uint32_t window; /* frames that may be on their way; 0: any number */
	uint32_t smacs;
	int outer; /* tag in front of the frames; -1: none */
	bool tap;
	bool promisc;
	bool any_order;
	bool none;
};

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "count", required_argument, NULL, 'n' },
	{ "min", required_argument, NULL, 'm' },
	{ "max", required_argument, NULL, 'M' },
	{ "dmac", required_argument, NULL, 'D' },
	{ "smac", required_argument, NULL, 'S' },
	{ "vlan", required_argument, NULL, 'v' },
	{ "outer", required_argument, NULL, 'O' },
	{ "ethertype", required_argument, NULL, 'e' },
	{ "src-ip", required_argument, NULL, 'a' },
	{ "dst-ip", required_argument, NULL, 'b' },
	{ "src-ip6", required_argument, NULL, 'A' },
	{ "dst-ip6", required_argument, NULL, 'B' },
	{ "pps", required_argument, NULL, 'r' },
	{ "timeout-ms", required_argument, NULL, 't' },
	{ "linger-ms", required_argument, NULL, 'l' },
	{ "progress", required_argument, NULL, 'P' },
	{ "window", required_argument, NULL, 'w' },
	{ "smacs", required_argument, NULL, 'x' },
	{ "tap", no_argument, NULL, 'T' },
	{ "promisc", no_argument, NULL, 'p' },
	{ "any-order", no_argument, NULL, 'o' },
	{ "none", no_argument, NULL, 'N' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_usage(void)
{
	puts("frames send IF --dmac MAC [options]: send random frames\n"
	     "frames recv IF --dmac MAC [options]: check that they arrive\n"
	     "What both must be told alike:\n"
	     "  --seed N         of the random sequence (1)\n"
	     "  --count N        frames (1000)\n"
	     "  --min N --max N  bytes without FCS and tag (60, 1514)\n"
	     "  --dmac MAC --smac MAC   (smac 02:00:00:00:00:01)\n"
	     "  --ethertype KIND mix, raw or ip (mix)\n"
	     "  --src-ip IP --dst-ip IP       (192.0.2.1, 192.0.2.2)\n"
	     "  --src-ip6 IP --dst-ip6 IP     (2001:db8::1, 2001:db8::2)\n"
	     "  --progress FILE  where each tells the other how far it is; recv\n"
	     "                   makes it and has to be there first; of a\n"
	     "                   sender that is stopped by SIGTERM it expects\n"
	     "                   what was sent\n"
	     "Each for itself:\n"
	     "  --vlan N         frames have this tag, at this end\n"
	     "  --outer N        and this one in front; 0: only a priority,\n"
	     "                   which is in the three bits above the VLAN's\n"
	     "  --tap            IF is a tap, and this is its reader\n"
	     "  --pps N          send: frames a second (20000)\n"
	     "  --window N       send: with --progress, frames that may be on\n"
	     "                   their way; 0 = any number (32)\n"
	     "  --smacs N        send: from so many addresses in turn, the first\n"
	     "                   is --smac (1)\n"
	     "  --timeout-ms N   recv: give up after so long without one (3000),\n"
	     "                   with --progress counted from the sender's end\n"
	     "  --linger-ms N    recv: wait for duplicates at the end (200)\n"
	     "  --promisc        recv: take frames for other stations, too\n"
	     "  --any-order      recv: reordered frames are no failure\n"
	     "  --none           recv: right if none arrives in the time\n"
	     "recv prints \"ready\" when it listens. Exit code 0: all right.");
}

/* The options that shape the frames. */
static bool parse_spec_option(int opt, struct frame_spec *spec)
{
	switch (opt) {
	case 's':
		spec->seed =
			(uint32_t)parse_number("seed", optarg, 0, UINT32_MAX);
		return true;
	case 'm':
		spec->min = (uint32_t)parse_number("min", optarg, FRAME_MIN,
						   FRAME_MAX);
		return true;
	case 'M':
		spec->max = (uint32_t)parse_number("max", optarg, FRAME_MIN,
						   FRAME_MAX);
		return true;
	case 'D':
		parse_mac("dmac", optarg, spec->dmac);
		return true;
	case 'S':
		parse_mac("smac", optarg, spec->smac);
		return true;
	case 'v':
		spec->vlan = (uint16_t)parse_number("vlan", optarg, 0, 4094);
		return true;
	case 'e':
		spec->mix = frame_parse_mix(optarg);
		return true;
	case 'a':
		spec->src4 = parse_ipv4("src-ip", optarg);
		return true;
	case 'b':
		spec->dst4 = parse_ipv4("dst-ip", optarg);
		return true;
	case 'A':
		spec->src6 = parse_ipv6("src-ip6", optarg);
		return true;
	case 'B':
		spec->dst6 = parse_ipv6("dst-ip6", optarg);
		return true;
	default:
		return false;
	}
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const uint8_t no_mac[6];
	int opt;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (parse_spec_option(opt, &o->spec))
			continue;
		switch (opt) {
		case 'n':
			o->count = (uint32_t)parse_number("count", optarg, 1,
							  100000000);
			break;
		case 'r':
			o->pps = parse_number("pps", optarg, 0, 100000000);
			break;
		case 'P':
			o->progress = optarg;
			break;
		case 'w':
			o->window = (uint32_t)parse_number("window", optarg, 0,
							   100000000);
			break;
		case 'x':
			o->smacs = (uint32_t)parse_number("smacs", optarg, 1,
							  65536);
			break;
		case 'O':
			o->outer = (int)parse_number("outer", optarg, 0, 65535);
			break;
		case 't':
			o->timeout_ms =
				parse_number("timeout-ms", optarg, 1, 3600000);
			break;
		case 'l':
			o->linger_ms =
				parse_number("linger-ms", optarg, 0, 3600000);
			break;
		case 'T':
			o->tap = true;
			break;
		case 'p':
			o->promisc = true;
			break;
		case 'o':
			o->any_order = true;
			break;
		case 'N':
			o->none = true;
			break;
		case 'h':
			print_usage();
			exit(EXIT_OK);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (!memcmp(o->spec.dmac, no_mac, 6))
		die("--dmac MAC is needed; see --help");
	if (o->spec.min > o->spec.max)
		die("--min is larger than --max");
}

/* ---- the device ---- */

static void set_option(int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die("%s: %s", what, strerror(errno));
}

/* Opened for no protocol and bound last, so that nothing of another device
 * gets in. */
static int open_packet_socket(const struct options *o, bool receive)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = receive ? htons(ETH_P_ALL) : 0,
		.sll_ifindex = parse_ifindex("dev", o->dev),
	};
	struct packet_mreq promisc = {
		.mr_ifindex = addr.sll_ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("packet socket: %s", strerror(errno));
	if (receive) {
		set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER,
			   "receive buffer");
		set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1,
			   "PACKET_IGNORE_OUTGOING");
		set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA");
	}
	if (o->promisc && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
				     &promisc, sizeof(promisc)))
		die("promiscuous mode: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("%s: %s", o->dev, strerror(errno));
	return fd;
}

/* Puts back the tag that the kernel takes off. */
static size_t restore_tag(uint8_t *buf, size_t len, struct msghdr *msg)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		struct tpacket_auxdata aux;
		uint16_t tag[2];

		if (cmsg->cmsg_level != SOL_PACKET ||
		    cmsg->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(cmsg), sizeof(aux));
		if (!(aux.tp_status & TP_STATUS_VLAN_VALID) || len < 12)
			continue;
		tag[0] = htons(aux.tp_status & TP_STATUS_VLAN_TPID_VALID
				       ? aux.tp_vlan_tpid
				       : ETH_P_8021Q);
		tag[1] = htons(aux.tp_vlan_tci);
		memmove(buf + 16, buf + 12, len - 12);
		memcpy(buf + 12, tag, 4);
		return len + 4;
	}
	return len;
}

/* Reads one frame as it was on the wire. Returns its length (what does not fit
 * @size is not stored, but counted), or -1 if there is none. */
static ssize_t read_frame(int fd, bool tap, uint8_t *buf, size_t size)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = { .iov_base = buf, .iov_len = size - 4 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len;

	if (tap)
		return read(fd, buf, size);
	len = recvmsg(fd, &msg, MSG_TRUNC | MSG_DONTWAIT);
	if (len < 0 || (size_t)len > size - 4)
		return len;
	return (ssize_t)restore_tag(buf, (size_t)len, &msg);
}

/* ---- the outer tag ---- */

/* Returns the new length; there is room. */
static size_t push_outer(uint8_t *buf, size_t len, int vlan)
{
	uint16_t tag[2] = { htons(ETH_P_8021Q), htons((uint16_t)vlan) };

	memmove(buf + 16, buf + 12, len - 12);
	memcpy(buf + 12, tag, 4);
	return len + 4;
}

/* Returns the new length, or 0 if @buf does not have this tag. */
static size_t pop_outer(uint8_t *buf, size_t len, int vlan)
{
	uint16_t tag[2];

	if (len < FRAME_MIN)
		return 0;
	memcpy(tag, buf + 12, 4);
	if (tag[0] != htons(ETH_P_8021Q) ||
	    (ntohs(tag[1]) & 0xfff) != (vlan & 0xfff))
		return 0;
	memmove(buf + 12, buf + 16, len - 16);
	return len - 4;
}

/* ---- send ---- */

/* False: stopped before it was sent. */
static bool write_frame(int fd, const uint8_t *buf, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	while (write(fd, buf, len) < 0) {
		if (stop_requested)
			return false;
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			die("sending: %s", strerror(errno));
		poll(&pfd, 1, 1);
	}
	return true;
}

/* Frame @seq is from one of these. */
static void choose_smac(const struct options *o, uint8_t *buf, uint32_t seq)
{
	uint32_t low = (uint32_t)(buf[10] << 8 | buf[11]) + seq % o->smacs;

	buf[10] = (uint8_t)(low >> 8);
	buf[11] = (uint8_t)low;
}

static int send_frames(const struct options *o)
{
	struct progress none = { 0 }, *progress = &none;
	uint32_t window = o->progress ? o->window : 0;
	int fd = o->tap ? tap_open(o->dev, false)
			: open_packet_socket(o, false);
	uint8_t buf[BUFFER_SIZE];
	uint64_t start = now_ns();
	uint32_t seq;

	if (o->progress)
		progress = progress_open(o->progress);
	for (seq = 0; seq < o->count && !stop_requested; seq++) {
		size_t len = frame_make(&o->spec, seq, buf);

		choose_smac(o, buf, seq);
		if (o->outer >= 0)
			len = push_outer(buf, len, o->outer);
		pace(start, seq, o->pps);
		if (!progress_wait(progress, seq, window) ||
		    !write_frame(fd, buf, len))
			break;
		progress_set(&progress->sent, seq + 1);
	}
	progress_set(&progress->ended,
		     stop_requested ? PROGRESS_STOPPED : PROGRESS_ALL);
	printf("sent %u of %u frames out of %s\n", seq, o->count, o->dev);
	close(fd);
	return seq == o->count ? EXIT_OK : EXIT_FAILED;
}

/* ---- receive ---- */

struct check {
	const struct options *o;
	struct progress *progress; /* the sender's, too; NULL: not known */
	uint32_t count;		   /* frames that are to arrive */
	uint8_t *times;	  /* owned: arrivals of each frame, up to 255 */
	uint32_t arrived; /* different ones, right or wrong */
	uint32_t next;	  /* number after the highest so far */
	uint32_t right;
	uint32_t duplicated;
	uint32_t reordered;
	uint32_t corrupted; /* numbered, and not as they were sent */
	uint32_t unknown;   /* from our sender, without a valid number */
	bool shown;	    /* the first difference was printed */
	bool ended;	    /* the sender has */
};

static void print_hex(const char *what, const uint8_t *buf, size_t len,
		      size_t around)
{
	size_t from = around < 16 ? 0 : (around - 16) & ~(size_t)15;
	size_t to = from + 64 < len ? from + 64 : len;

	printf("  %s, %zu bytes, from %zu:", what, len, from);
	for (size_t i = from; i < to; i++)
		printf(" %s%02x", i == around ? ">" : "", buf[i]);
	putchar('\n');
}

static void show_difference(struct check *c, const uint8_t *got, size_t len,
			    const uint8_t *want, size_t want_len)
{
	size_t at = 0;

	if (c->shown)
		return;
	c->shown = true;
	while (at < len && at < want_len && got[at] == want[at])
		at++;
	printf("first difference, at byte %zu:\n", at);
	print_hex("got ", got, len, at);
	if (want_len)
		print_hex("sent", want, want_len, at);
}

/* Judges one frame that has our source address. Returns whether it counts as
 * a sign of life. */
static void check_frame(struct check *c, const uint8_t *buf, size_t len)
{
	uint8_t want[BUFFER_SIZE];
	size_t want_len;
	uint32_t seq;

	if (!frame_identify(&c->o->spec, buf, len, &seq) || seq >= c->count) {
		c->unknown++;
		show_difference(c, buf, len, NULL, 0);
		return;
	}
	if (c->times[seq]) {
		c->duplicated++;
		if (c->times[seq] < UINT8_MAX)
			c->times[seq]++;
		return;
	}
	c->times[seq] = 1;
	c->arrived++;
	if (seq < c->next)
		c->reordered++;
	else
		c->next = seq + 1;
	if (c->progress)
		progress_set(&c->progress->arrived, c->arrived);
	want_len = frame_make(&c->o->spec, seq, want);
	if (want_len == len && !memcmp(want, buf, len)) {
		c->right++;
		return;
	}
	c->corrupted++;
	show_difference(c, buf, len, want, want_len);
}

/* Whether a frame without a valid number is one of ours that was damaged: it
 * has the EtherType or the IP source that only ours have. */
static bool is_damaged(const struct frame_spec *spec, const uint8_t *buf)
{
	size_t off = ETH_HLEN + frame_tags_len(buf, FRAME_MIN);
	uint16_t ethertype;

	memcpy(&ethertype, buf + off - 2, 2);
	switch (ntohs(ethertype)) {
	case FRAME_ETHERTYPE:
		return true;
	case ETH_P_IP:
		off += offsetof(struct iphdr, saddr);
		return !memcmp(buf + off, &spec->src4, sizeof(spec->src4));
	case ETH_P_IPV6:
		off += offsetof(struct ip6_hdr, ip6_src);
		return !memcmp(buf + off, &spec->src6, sizeof(spec->src6));
	default:
		return false;
	}
}

/* Frames of other seeds are somebody else's. */
static bool has_other_seed(const struct frame_spec *spec, const uint8_t *buf,
			   size_t len)
{
	struct frame_spec other = *spec;
	uint32_t word[2], seq;

	for (size_t at = ETH_HLEN; at + 8 <= len && at <= ETH_HLEN + 64; at++) {
		memcpy(word, buf + at, 8);
		other.seed = word[1];
		if (word[0] == FRAME_MAGIC &&
		    frame_identify(&other, buf, len, &seq))
			return other.seed != spec->seed;
	}
	return false;
}

static bool is_related(const struct options *o, const uint8_t *buf, size_t len)
{
	uint32_t seq;

	if (len < FRAME_MIN || memcmp(buf, o->spec.dmac, 6) ||
	    memcmp(buf + 6, o->spec.smac, 6))
		return false;
	return frame_identify(&o->spec, buf, len, &seq) ||
	       (is_damaged(&o->spec, buf) &&
		!has_other_seed(&o->spec, buf, len));
}

/* How long to wait for the next frame. */
static uint64_t patience_ms(const struct check *c)
{
	if (c->arrived == c->count)
		return c->o->linger_ms;
	if (c->progress && !c->ended)
		return SENDER_TIMEOUT_MS;
	return c->o->timeout_ms;
}

static bool sender_has_ended(struct check *c)
{
	uint32_t how = progress_get(&c->progress->ended);

	if (how == PROGRESS_STOPPED)
		c->count = progress_get(&c->progress->sent);
	c->ended = how != PROGRESS_SENDING;
	return c->ended;
}

static void receive(struct check *c, int fd)
{
	const struct options *o = c->o;
	uint64_t last = now_ns(), wait_ns;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint8_t buf[BUFFER_SIZE];
	ssize_t len;

	while (!stop_requested) {
		if (c->progress && !c->ended && sender_has_ended(c))
			last = now_ns();
		wait_ns = 1000000ull * patience_ms(c);
		if (now_ns() - last >= wait_ns)
			break;
		poll(&pfd, 1,
		     (int)(wait_ns / 1000000 < 20 ? wait_ns / 1000000 : 20));
		if (o->tap && pfd.revents & POLLERR)
			die("%s went away", o->dev);
		while (!stop_requested &&
		       (len = read_frame(fd, o->tap, buf, sizeof(buf))) >= 0) {
			size_t stored = (size_t)len < sizeof(buf) ? (size_t)len
								  : sizeof(buf);

			if (!is_related(o, buf, stored))
				continue;
			if (o->outer >= 0)
				stored = pop_outer(buf, stored, o->outer);
			if (stored)
				check_frame(c, buf, stored);
			else
				c->unknown++;
			last = now_ns();
		}
	}
}

static uint32_t socket_drops(int fd)
{
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		return 0;
	return stats.tp_drops;
}

static bool is_right(const struct check *c)
{
	if (c->o->none)
		return !c->arrived && !c->unknown;
	return c->right == c->count && !c->duplicated && !c->unknown &&
	       (c->o->any_order || !c->reordered);
}

/* Finds the next run of lost frames from number @from on. False: there is
 * none. */
static bool next_gap(const struct check *c, uint32_t from, uint32_t *ret_first,
		     uint32_t *ret_last)
{
	uint32_t count = c->count, last;

	while (from < count && c->times[from])
		from++;
	if (from == count)
		return false;
	for (last = from; last + 1 < count && !c->times[last + 1];)
		last++;
	*ret_first = from;
	*ret_last = last;
	return true;
}

/* Where the lost frames were: "lost: 3 17..120"; of many runs the first ones
 * and the last. */
static void show_gaps(const struct check *c)
{
	uint32_t first, last = 0, n = 0, i = 0;

	for (uint32_t at = 0; next_gap(c, at, &first, &last); at = last + 1)
		n++;
	if (!n)
		return;
	printf("lost:");
	for (uint32_t at = 0; next_gap(c, at, &first, &last); at = last + 1) {
		if (++i < n && i >= MAX_GAPS) {
			if (i == MAX_GAPS)
				printf(" ...");
			continue;
		}
		printf(" %u", first);
		if (last > first)
			printf("..%u", last);
	}
	putchar('\n');
}

static int recv_frames(const struct options *o)
{
	struct check c = {
		.o = o,
		.count = o->count,
		.progress = o->progress ? progress_create(o->progress) : NULL,
	};
	int fd = o->tap ? tap_open(o->dev, false) : open_packet_socket(o, true);
	uint32_t drops;
	bool right;

	c.times = calloc(o->count, 1);
	if (!c.times)
		die("out of memory");
	puts("ready");
	fflush(stdout);

	receive(&c, fd);
	drops = o->tap ? 0 : socket_drops(fd);
	right = is_right(&c);
	if (!o->none)
		show_gaps(&c);
	printf("%s: %u of %u right on %s; %u lost, %u duplicated, "
	       "%u reordered, %u corrupted, %u unknown",
	       right ? "ok" : "FAILED", c.right, c.count, o->dev,
	       c.count - c.arrived, c.duplicated, c.reordered, c.corrupted,
	       c.unknown);
	if (drops)
		printf("; %u not read in time by this tool", drops);
	if (c.progress && progress_get(&c.progress->sent) < c.count)
		printf("; only %u were sent", progress_get(&c.progress->sent));
	putchar('\n');
	free(c.times);
	close(fd);
	return right ? EXIT_OK : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct options o = {
		.count = 1000,
		.pps = 20000,
		.timeout_ms = 3000,
		.linger_ms = 200,
		.window = PROGRESS_WINDOW,
		.smacs = 1,
		.outer = -1,
	};

	frame_spec_init(&o.spec);
	if (argc >= 2 && !strcmp(argv[1], "--help")) {
		print_usage();
		return EXIT_OK;
	}
	parse_options(argc, argv, &o);
	catch_stop_signals();
	if (argc - optind != 2)
		die("frames send|recv IF; see --help");
	o.dev = argv[optind + 1];
	if (!strcmp(argv[optind], "send"))
		return send_frames(&o);
	if (!strcmp(argv[optind], "recv"))
		return recv_frames(&o);
	die("%s: expected send or recv", argv[optind]);
}
