// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a test run cannot show, on real veth pairs and a tap: the kernel's
 * flood through the egress program, and the losses that the drops programs
 * count.
 *
 *	q1 == p1 uplink (network 10)     q3 == p3 vm1     q4 == p4 vm2
 *	      p2 uplink (network 20)           p5 vm3 (network 0)
 *
 * The programs are on the p side, the test sends and receives on the q side.
 * The agent is gone.
 */
#include <fcntl.h>
#include <poll.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <pktagent/parse.h>

#include "lab.h"

#define TAP_QUEUE	4
#define WAIT_MS		30000

static struct lab lab;
static int taps[LAB_PORTS + 1];		/* packet sockets on q<n> */

/* A veth takes redirected packets if its peer has NAPI: by GRO here. */
static void set_gro(const char *name, bool on)
{
	struct ethtool_value value = { .cmd = ETHTOOL_SGRO, .data = on };
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	request.ifr_data = (void *)&value;
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request))
		die(name);
	close(fd);
}

static int packet_socket(int port)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};
	const int one = 1;
	char name[IFNAMSIZ];
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	snprintf(name, sizeof(name), "q%d", port);
	addr.sll_ifindex = if_nametoindex(name);
	if (fd < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die(name);
	return fd;
}

static void send_text(int port, const char *text)
{
	struct made_packet packet;

	packet_make(&packet, text);
	if (send(taps[port], packet.data, packet.len, 0) != (int)packet.len)
		row_fail("send on q%d: %s", port, strerror(errno));
}

/* Puts back the tag that the kernel takes off for packet sockets. */
static void restore_tag(struct msghdr *msg, struct made_packet *packet)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct tpacket_auxdata aux;

	if (!c || c->cmsg_type != PACKET_AUXDATA)
		return;
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return;
	memmove(packet->data + 16, packet->data + 12, packet->len - 12);
	packet_put16(packet->data + 12, aux.tp_vlan_tpid);
	packet_put16(packet->data + 14, aux.tp_vlan_tci);
	packet->len += 4;
}

/* The next packet that arrived on q<port>; false if there is none in time. */
static bool receive(int port, int wait_ms, struct made_packet *ret_packet)
{
	struct pollfd pfd = { .fd = taps[port], .events = POLLIN };
	char control[256];
	struct sockaddr_ll from;
	struct iovec iov = { ret_packet->data, PACKET_MAX - 4 };
	struct msghdr msg = { .msg_name = &from, .msg_iov = &iov,
			      .msg_iovlen = 1, .msg_control = control };
	ssize_t len;

	while (poll(&pfd, 1, wait_ms) > 0) {
		msg.msg_namelen = sizeof(from);
		msg.msg_controllen = sizeof(control);
		len = recvmsg(taps[port], &msg, 0);
		if (len < 0)
			return false;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		ret_packet->len = len;
		restore_tag(&msg, ret_packet);
		return true;
	}
	return false;
}

static void expect(int port, const char *text)
{
	struct made_packet want, got;

	packet_make(&want, text);
	if (!receive(port, WAIT_MS, &got))
		row_fail("q%d: nothing arrived", port);
	else if (got.len != want.len || memcmp(got.data, want.data, got.len))
		row_fail("q%d: another packet arrived: %u bytes, type %02x%02x "
			 "%02x%02x", port, got.len, got.data[12], got.data[13],
			 got.data[14], got.data[15]);
}

/* Call it when what was to arrive elsewhere has. */
static void expect_nothing(int port)
{
	struct made_packet got;

	if (receive(port, 0, &got))
		row_fail("q%d: a packet of %u bytes arrived", port, got.len);
}

static uint64_t counted(uint32_t slot, int reason)
{
	static struct counter sum[LAB_PORTS + 2][PKT_N_REASONS];

	lab_counters(&lab, sum);
	return sum[slot][reason].packets;
}

/* Counts arrive with the packets, but on another CPU maybe later. */
static void expect_count(uint32_t slot, int reason, uint64_t want,
			 const char *what)
{
	uint64_t got = 0;
	int i;

	for (i = 0; i < WAIT_MS / 10; i++) {
		got = counted(slot, reason);
		if (got == want)
			return;
		poll(NULL, 0, 10);
	}
	row_fail("%s of slot %u is %llu, not %llu", what, slot,
		 (unsigned long long)got, (unsigned long long)want);
}

static void test_flood_from_vm(void)
{
	row_begin("flood from a VM: the uplink's copy is tagged");
	send_text(3, "dst=bcast src=vm1 arp");
	expect(1, "dst=bcast src=vm1 tag=10 arp");
	expect(4, "dst=bcast src=vm1 arp");
	expect_nothing(2);
	expect_nothing(3);
	expect_nothing(5);
	expect_count(3, PKT_to_flood, 1, "to_flood");
	row_end();

	row_begin("flood from a VM: priority survives");
	send_text(3, "dst=bcast src=vm1 tag=0,4 arp");
	expect(1, "dst=bcast src=vm1 tag=10,4 arp");
	expect(4, "dst=bcast src=vm1 arp");
	row_end();
}

static void test_flood_from_wire(void)
{
	row_begin("flood from the wire: VMs get the inner form");
	send_text(1, "dst=bcast tag=10,2 ip4 udp data=11");
	expect(3, "dst=bcast ip4 udp data=11");
	expect(4, "dst=bcast ip4 udp data=11");
	expect_nothing(1);
	expect_nothing(2);
	expect_nothing(5);
	row_end();
}

static void test_unicast(void)
{
	int i;

	row_begin("unicast and flood through one egress program");
	for (i = 0; i < 20; i++) {
		send_text(3, "dst=wire src=vm1 ip4 tcp");
		send_text(3, "dst=bcast src=vm1 arp");
	}
	for (i = 0; i < 20; i++) {
		expect(1, "dst=wire src=vm1 tag=10 ip4 tcp");
		expect(1, "dst=bcast src=vm1 tag=10 arp");
		expect(4, "dst=bcast src=vm1 arp");
	}
	row_end();

	row_begin("wire to VM");
	send_text(1, "tag=10 ip6 udp data=5");
	expect(3, "ip6 udp data=5");
	row_end();
}

/* q5 has no NAPI: the kernel refuses to redirect into p5. */
static void test_redirect_failed(void)
{
	row_begin("redirect into a device that takes none");
	set_gro("q5", false);
	send_text(1, "dst=vm3 ip4 udp");
	send_text(1, "dst=vm3 ip4 udp");
	expect_count(1, PKT_redirect_failed, 2, "redirect_failed");
	expect_count(5, PKT_redirect_failed, 0, "redirect_failed");
	expect_nothing(5);
	row_end();
}

/* The lab's socket has no frames, and says so itself. */
static void test_socket_counts(void)
{
	const uint64_t before = counted(1, PKT_redirect_failed);
	const uint32_t key = 1 * PKT_MAX_QUEUES;
	const int fd = lab_open_socket();

	row_begin("a socket counts what it had no room for");
	lab_set_heartbeat(&lab, false, 0);
	map_set(lab.skel->maps.xsk_port, &key, &fd);
	send_text(1, "dst=bcast tag=10 arp");
	expect_count(1, PKT_to_agent, 1, "to_agent");
	expect_count(1, PKT_redirect_failed, before, "redirect_failed");
	lab_set_heartbeat(&lab, true, 0);
	row_end();
}

/* A tap that nobody reads takes as many packets as its queue is long. */
static void test_dev_full(void)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI,
				 .ifr_name = "t0" };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), i;
	const uint32_t old = lab.ifindex[3];

	row_begin("redirect into a full tap");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		die("tap");
	shell("ip link set t0 txqueuelen %d up", TAP_QUEUE);
	lab.ifindex[3] = if_nametoindex("t0");
	lab_set_port(&lab, 3, lab_ports[3].flags);
	lab_set_dev(&lab, 3);
	for (i = 0; i < TAP_QUEUE + 6; i++)
		send_text(1, "tag=10 ip4 udp");
	expect_count(3, PKT_dev_full, 6, "dev_full");
	close(fd);
	lab.ifindex[3] = old;
	lab_set_dev(&lab, 3);
	row_end();
}

/* With another namespace's number the losses here are somebody else's. */
static void test_other_netns(void)
{
	struct lab ours = lab;
	struct bpf_link *link;
	struct dataplane *skel = lab_load(false, 1);

	row_begin("losses in another network namespace");
	lab_init(&lab, skel);
	lab_reset(&lab);
	link = bpf_program__attach(skel->progs.redirect_drops);
	if (!link)
		die("raw_tp");
	send_text(1, "dst=vm3 ip4 udp");
	/* Our own program has counted it, so this one has seen it. */
	lab = ours;
	expect_count(1, PKT_redirect_failed, 3, "redirect_failed");
	lab.skel = skel;
	expect_count(1, PKT_redirect_failed, 0, "redirect_failed");
	lab = ours;
	bpf_link__destroy(link);
	dataplane__destroy(skel);
	row_end();
}

static void set_up(void)
{
	struct stat st;
	char name[IFNAMSIZ];
	int i;

	lab_make_devices();
	if (stat("/proc/self/ns/net", &st))
		die("netns");
	lab_init(&lab, lab_load(false, st.st_ino));
	lab_reset(&lab);
	lab_set_heartbeat(&lab, true, 0);
	lab_attach(&lab);
	for (i = 1; i <= LAB_PORTS; i++) {
		snprintf(name, sizeof(name), "q%d", i);
		set_gro(name, true);
		taps[i] = packet_socket(i);
		lab_set_dev(&lab, i);
	}
	lab_set_flood(&lab, 0);
	lab_set_flood(&lab, 10);
	lab_set_flood(&lab, 20);
}

int main(void)
{
	struct bpf_link *devmap, *redirect;

	if (geteuid())
		return runner_skip("BPF needs root");
	set_up();
	devmap = bpf_program__attach(lab.skel->progs.devmap_drops);
	redirect = bpf_program__attach(lab.skel->progs.redirect_drops);
	if (!devmap || !redirect)
		die("raw tracepoints");
	test_flood_from_vm();
	test_flood_from_wire();
	test_unicast();
	test_redirect_failed();
	test_other_netns();
	test_dev_full();
	test_socket_counts();
	bpf_link__destroy(devmap);
	bpf_link__destroy(redirect);
	dataplane__destroy(lab.skel);
	return runner_end();
}
