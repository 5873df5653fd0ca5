/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A small host on the reader's end of a tap: answers ARP, IPv6 neighbour
 * solicitation, ping of both kinds and UDP port 7, and checks and counts what
 * it gets. tapvm.c makes a program of it.
 *
 * Thread-safety: none.
 */
#ifndef TOOLS_GUEST_H
#define TOOLS_GUEST_H

#include <linux/virtio_net.h>
#include <net/if_arp.h>
#include <netinet/ip_icmp.h>
#include <sys/uio.h>

#include "packet.h"
#include "tap.h"

#define GUEST_ECHO_PORT 7
#define GUEST_HDR_MAX	32 /* bytes of virtio header */
#define GUEST_BATCH	64 /* packets taken at once */

/* clang-format off */
#define GUEST_COUNTERS(X) \
	X(rx_packets) X(rx_bytes) X(tx_packets) X(tx_bytes) X(tx_failed) \
	X(not_for_us) X(wrong_vlan) X(malformed) X(bad_checksum) \
	X(rx_partial) X(rx_gso) X(fragments) X(other) \
	X(arp_requests) X(neighbour_solicitations) \
	X(echo_requests) X(echo_replies) X(udp_echoed) \
	X(udp_received) X(udp_bytes) X(tcp_received) X(tcp_bytes)
/* clang-format on */

struct guest_counters {
#define X(name) uint64_t name;
	GUEST_COUNTERS(X)
#undef X
};

struct guest_target {
	bool v6;
	struct in_addr ip4;
	struct in6_addr ip6;
	uint16_t port;
};

/* Whose MAC address the host wants to know. */
struct guest_neighbour {
	struct guest_target target;
	bool wanted;
	bool known;
	uint8_t mac[6];
};

struct guest {
	int fd;		  /* owned */
	uint32_t hdr_len; /* of the virtio header; 0 = none */
	uint8_t mac[6];
	uint16_t vlan;	     /* 0 = untagged */
	struct in_addr ip4;  /* 0 = none */
	struct in6_addr ip6; /* :: = none but the link-local one */
	struct in6_addr link_local;
	struct guest_neighbour neighbour;
	struct guest_counters n;
};

static inline void guest_print_counters(const struct guest *g)
{
	const char *sep = "{";

#define X(name)                                        \
	printf("%s\"" #name "\":%lu", sep, g->n.name); \
	sep = ",";
	GUEST_COUNTERS(X)
#undef X
	puts("}");
	fflush(stdout);
}

/* Opens the tap; addresses and network are set. */
static inline void guest_open(struct guest *g, const char *dev, bool vnet_hdr)
{
	int size = 0;

	/* RFC 4291, appendix A */
	g->link_local = (struct in6_addr){ { { 0xfe, 0x80 } } };
	memcpy(&g->link_local.s6_addr[8], g->mac, 3);
	memcpy(&g->link_local.s6_addr[13], g->mac + 3, 3);
	g->link_local.s6_addr[8] ^= 2;
	g->link_local.s6_addr[11] = 0xff;
	g->link_local.s6_addr[12] = 0xfe;

	g->fd = tap_open(dev, vnet_hdr);
	if (vnet_hdr) {
		if (ioctl(g->fd, TUNGETVNETHDRSZ, &size))
			die("TUNGETVNETHDRSZ: %s", strerror(errno));
		if (size > GUEST_HDR_MAX)
			die("%s: virtio headers of %d bytes", dev, size);
		g->hdr_len = (uint32_t)size;
	}
}

/* ---- sending ---- */

/* @frame has no tag; the network's is put in here. @hdr NULL = nothing is left
 * to the device. */
static inline void guest_send(struct guest *g, uint8_t *frame, size_t len,
			      const struct virtio_net_hdr *hdr)
{
	uint8_t vnet[GUEST_HDR_MAX] = { 0 };
	uint16_t tag[2] = { htons(ETH_P_8021Q), htons(g->vlan) };
	struct iovec iov[4] = {
		{ vnet, g->hdr_len },
		{ frame, 12 },
		{ tag, g->vlan ? 4 : 0 },
		{ frame + 12, len - 12 },
	};

	if (hdr)
		memcpy(vnet, hdr, sizeof(*hdr));
	if (writev(g->fd, iov, 4) < 0) {
		g->n.tx_failed++;
		return;
	}
	g->n.tx_packets++;
	g->n.tx_bytes += len;
}

/* Ethernet and IP headers for @l4_len bytes. Returns where they go. */
static inline uint8_t *guest_put_headers(const struct guest *g, uint8_t *frame,
					 const uint8_t dmac[6],
					 const struct guest_target *to,
					 uint8_t proto, size_t l4_len)
{
	const struct in6_addr *src =
		IN6_IS_ADDR_LINKLOCAL(&to->ip6) ||
				IN6_IS_ADDR_MULTICAST(&to->ip6)
			? &g->link_local
			: &g->ip6;
	uint8_t *p;

	p = packet_put_eth(frame, dmac, g->mac, 0,
			   to->v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (to->v6)
		return packet_put_ip6(p, src, &to->ip6, proto, l4_len, 255);
	return packet_put_ip4(p, g->ip4, to->ip4, proto, l4_len);
}

static inline void guest_finish_l4(uint8_t *frame, bool v6, size_t l4_len,
				   int partial)
{
	uint8_t *l3 = frame + ETH_HLEN;
	struct ip6_hdr ip6;

	if (!v6) {
		packet_finish_ip4(l3, l4_len, partial);
		return;
	}
	memcpy(&ip6, l3, sizeof(ip6));
	packet_finish_l4(l3 + sizeof(ip6), l4_len, ip6.ip6_nxt,
			 csum_pseudo6(&ip6, ip6.ip6_nxt, (uint32_t)l4_len),
			 partial);
}

static inline void guest_send_arp(struct guest *g, uint16_t op,
				  const uint8_t dmac[6],
				  const uint8_t target_mac[6],
				  struct in_addr target_ip)
{
	uint8_t frame[60] = { 0 };
	uint8_t *p = packet_put_eth(frame, dmac, g->mac, 0, ETH_P_ARP);
	uint16_t head[4] = { htons(ARPHRD_ETHER), htons(ETH_P_IP),
			     htons(0x0604), htons(op) };

	memcpy(p, head, 8);
	memcpy(p + 8, g->mac, 6);
	memcpy(p + 14, &g->ip4, 4);
	memcpy(p + 18, target_mac, 6);
	memcpy(p + 24, &target_ip, 4);
	guest_send(g, frame, sizeof(frame), NULL);
}

/* A neighbour solicitation or advertisement (RFC 4861, 4.3 and 4.4) for
 * @about, with our link-layer address. */
static inline void guest_send_neighbour(struct guest *g, uint8_t type,
					const uint8_t dmac[6],
					const struct in6_addr *dst,
					const struct in6_addr *about)
{
	bool advert = type == ND_NEIGHBOR_ADVERT;
	struct {
		struct nd_neighbor_solicit nd;
		uint8_t option[2];
		uint8_t mac[6];
	} msg = {
		.nd.nd_ns_hdr.icmp6_type = type,
		.nd.nd_ns_target = *about,
		.option = { advert ? ND_OPT_TARGET_LINKADDR
				   : ND_OPT_SOURCE_LINKADDR,
			    1 },
	};
	uint8_t frame[ETH_HLEN + sizeof(struct ip6_hdr) + sizeof(msg)];
	const struct in6_addr *src = about;
	uint8_t *p;

	if (!advert)
		src = IN6_IS_ADDR_UNSPECIFIED(&g->ip6) ? &g->link_local
						       : &g->ip6;
	memcpy(msg.mac, g->mac, 6);
	if (advert)
		msg.nd.nd_ns_reserved = ND_NA_FLAG_SOLICITED |
					ND_NA_FLAG_OVERRIDE;
	p = packet_put_eth(frame, dmac, g->mac, 0, ETH_P_IPV6);
	p = packet_put_ip6(p, src, dst, IPPROTO_ICMPV6, sizeof(msg), 255);
	memcpy(p, &msg, sizeof(msg));
	packet_finish_ip6(frame + ETH_HLEN, sizeof(msg));
	guest_send(g, frame, sizeof(frame), NULL);
}

static inline void guest_resolve(struct guest *g, const struct guest_target *to)
{
	static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t nobody[6];
	struct in6_addr group = { { { 0xff, 2, [11] = 1, [12] = 0xff } } };
	uint8_t dmac[6] = { 0x33, 0x33 };

	if (!to->v6) {
		guest_send_arp(g, ARPOP_REQUEST, broadcast, nobody, to->ip4);
		return;
	}
	memcpy(&group.s6_addr[13], &to->ip6.s6_addr[13], 3);
	memcpy(dmac + 2, &group.s6_addr[12], 4);
	guest_send_neighbour(g, ND_NEIGHBOR_SOLICIT, dmac, &group, &to->ip6);
}

/* ---- receiving ---- */

static inline bool guest_is_ours6(const struct guest *g,
				  const struct in6_addr *addr)
{
	return (!IN6_IS_ADDR_UNSPECIFIED(&g->ip6) &&
		IN6_ARE_ADDR_EQUAL(addr, &g->ip6)) ||
	       IN6_ARE_ADDR_EQUAL(addr, &g->link_local);
}

static inline void guest_neighbour_found(struct guest *g, const uint8_t mac[6])
{
	memcpy(g->neighbour.mac, mac, 6);
	g->neighbour.known = true;
	g->neighbour.wanted = false;
}

static inline void guest_handle_arp(struct guest *g, const uint8_t *arp,
				    size_t len)
{
	struct in_addr sender, target;
	uint16_t op;

	if (len < 28) {
		g->n.malformed++;
		return;
	}
	memcpy(&op, arp + 6, 2);
	memcpy(&sender, arp + 14, 4);
	memcpy(&target, arp + 24, 4);
	if (op == htons(ARPOP_REQUEST) && g->ip4.s_addr &&
	    target.s_addr == g->ip4.s_addr) {
		g->n.arp_requests++;
		guest_send_arp(g, ARPOP_REPLY, arp + 8, arp + 8, sender);
	} else if (op == htons(ARPOP_REPLY) && g->neighbour.wanted &&
		   !g->neighbour.target.v6 &&
		   sender.s_addr == g->neighbour.target.ip4.s_addr) {
		guest_neighbour_found(g, arp + 8);
	}
}

/* Sends a packet back to where it came from, with new Ethernet and IP headers;
 * the @l4_len bytes after them are what is to be sent. */
static inline void guest_send_back(struct guest *g, uint8_t *frame,
				   size_t l4_len, bool v6)
{
	uint8_t *l3 = frame + ETH_HLEN, *l4;
	struct guest_target to = { .v6 = v6 };
	uint8_t dmac[6], proto;

	memcpy(dmac, frame + 6, 6);
	if (v6) {
		struct ip6_hdr ip;

		memcpy(&ip, l3, sizeof(ip));
		to.ip6 = ip.ip6_src;
		proto = ip.ip6_nxt;
		l4 = packet_put_eth(frame, dmac, g->mac, 0, ETH_P_IPV6);
		l4 = packet_put_ip6(l4,
				    guest_is_ours6(g, &ip.ip6_dst)
					    ? &ip.ip6_dst
					    : &g->link_local,
				    &to.ip6, proto, l4_len, 64);
	} else {
		struct iphdr ip;

		memcpy(&ip, l3, sizeof(ip));
		to.ip4.s_addr = ip.saddr;
		proto = ip.protocol;
		l4 = guest_put_headers(g, frame, dmac, &to, proto, l4_len);
	}
	guest_finish_l4(frame, v6, l4_len, 0);
	guest_send(g, frame, (size_t)(l4 - frame) + l4_len, NULL);
}

static inline void guest_handle_echo(struct guest *g, uint8_t *frame,
				     uint8_t *l4, size_t l4_len, bool v6)
{
	struct icmphdr icmp;

	if (l4_len < sizeof(icmp)) {
		g->n.malformed++;
		return;
	}
	memcpy(&icmp, l4, sizeof(icmp));
	if (icmp.type == (v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO)) {
		g->n.echo_requests++;
		icmp.type = v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
		icmp.checksum = 0;
		memcpy(l4, &icmp, sizeof(icmp));
		icmp.checksum = (uint16_t)~csum_fold(csum_add(l4, l4_len, 0));
		memcpy(l4, &icmp, sizeof(icmp));
		guest_send_back(g, frame, l4_len, v6);
	} else if (icmp.type == (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY)) {
		g->n.echo_replies++;
	} else {
		g->n.other++;
	}
}

static inline void guest_handle_neighbour(struct guest *g, const uint8_t *frame,
					  const uint8_t *l4, size_t l4_len)
{
	static const uint8_t all_mac[6] = { 0x33, 0x33, [5] = 1 };
	struct in6_addr all = { { { 0xff, 2, [15] = 1 } } };
	struct nd_neighbor_solicit nd;
	struct ip6_hdr ip;
	bool probe;

	if (l4_len < sizeof(nd)) {
		g->n.malformed++;
		return;
	}
	memcpy(&nd, l4, sizeof(nd));
	memcpy(&ip, frame + ETH_HLEN, sizeof(ip));
	if (nd.nd_ns_type == ND_NEIGHBOR_ADVERT) {
		if (g->neighbour.wanted && g->neighbour.target.v6 &&
		    IN6_ARE_ADDR_EQUAL(&nd.nd_ns_target,
				       &g->neighbour.target.ip6))
			guest_neighbour_found(g, frame + 6);
		return;
	}
	if (!guest_is_ours6(g, &nd.nd_ns_target))
		return;
	g->n.neighbour_solicitations++;
	probe = IN6_IS_ADDR_UNSPECIFIED(&ip.ip6_src);
	guest_send_neighbour(g, ND_NEIGHBOR_ADVERT, probe ? all_mac : frame + 6,
			     probe ? &all : &ip.ip6_src, &nd.nd_ns_target);
}

static inline void guest_handle_udp(struct guest *g, uint8_t *frame,
				    uint8_t *l4, size_t l4_len, bool v6)
{
	struct udphdr udp;
	uint16_t port;

	if (l4_len < sizeof(udp)) {
		g->n.malformed++;
		return;
	}
	memcpy(&udp, l4, sizeof(udp));
	if (ntohs(udp.dest) == GUEST_ECHO_PORT &&
	    ntohs(udp.source) != GUEST_ECHO_PORT) {
		g->n.udp_echoed++;
		port = udp.source;
		udp.source = udp.dest;
		udp.dest = port;
		memcpy(l4, &udp, sizeof(udp));
		guest_send_back(g, frame, l4_len, v6);
		return;
	}
	g->n.udp_received++;
	g->n.udp_bytes += l4_len - sizeof(udp);
}

/* @l4_len bytes at @l4, as the IP header says; @pseudo is the pseudo header's
 * sum. */
static inline void guest_handle_l4(struct guest *g, uint8_t *frame, uint8_t *l4,
				   size_t l4_len, uint8_t proto,
				   uint32_t pseudo, bool partial)
{
	bool v6 = l4 - frame == ETH_HLEN + sizeof(struct ip6_hdr) &&
		  frame[ETH_HLEN] >> 4 == 6;
	int off = packet_csum_offset(proto);
	uint16_t check = 1;

	if (proto == IPPROTO_ICMP)
		pseudo = 0;
	if (proto == IPPROTO_UDP && l4_len >= (size_t)off + 2)
		memcpy(&check, l4 + off, 2);
	if (partial) {
		g->n.rx_partial++;
	} else if ((proto == IPPROTO_ICMP || off >= 0) && (check || v6) &&
		   csum_fold(csum_add(l4, l4_len, pseudo)) != 0xffff) {
		g->n.bad_checksum++;
		return;
	}
	if (proto == IPPROTO_ICMPV6 && l4_len &&
	    (*l4 == ND_NEIGHBOR_SOLICIT || *l4 == ND_NEIGHBOR_ADVERT)) {
		guest_handle_neighbour(g, frame, l4, l4_len);
	} else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		guest_handle_echo(g, frame, l4, l4_len, v6);
	} else if (proto == IPPROTO_UDP) {
		guest_handle_udp(g, frame, l4, l4_len, v6);
	} else if (proto == IPPROTO_TCP && l4_len >= sizeof(struct tcphdr)) {
		g->n.tcp_received++;
		g->n.tcp_bytes += l4_len - (size_t)(l4[12] >> 4) * 4;
	} else {
		g->n.other++;
	}
}

static inline bool guest_is_broadcast(const uint8_t *frame)
{
	static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };

	return !memcmp(frame, broadcast, 6);
}

static inline void guest_handle_ip4(struct guest *g, uint8_t *frame, size_t len,
				    bool partial)
{
	uint8_t *l3 = frame + ETH_HLEN;
	size_t head, total;
	struct iphdr ip;

	if (len < sizeof(ip)) {
		g->n.malformed++;
		return;
	}
	memcpy(&ip, l3, sizeof(ip));
	head = ip.ihl * 4u;
	total = ntohs(ip.tot_len);
	if (ip.version != 4 || head < sizeof(ip) || total < head ||
	    total > len) {
		g->n.malformed++;
		return;
	}
	if (csum_fold(csum_add(l3, head, 0)) != 0xffff) {
		g->n.bad_checksum++;
		return;
	}
	if (ip.frag_off & htons(IP_MF | IP_OFFMASK)) {
		g->n.fragments++;
		return;
	}
	if ((ip.daddr != g->ip4.s_addr && !guest_is_broadcast(frame)) ||
	    head != sizeof(ip)) {
		g->n.other++;
		return;
	}
	guest_handle_l4(g, frame, l3 + head, total - head, ip.protocol,
			csum_pseudo4(&ip, ip.protocol,
				     (uint32_t)(total - head)),
			partial);
}

static inline void guest_handle_ip6(struct guest *g, uint8_t *frame, size_t len,
				    bool partial)
{
	uint8_t *l3 = frame + ETH_HLEN;
	struct ip6_hdr ip;
	size_t l4_len;

	if (len < sizeof(ip)) {
		g->n.malformed++;
		return;
	}
	memcpy(&ip, l3, sizeof(ip));
	l4_len = ntohs(ip.ip6_plen);
	if (l3[0] >> 4 != 6 || sizeof(ip) + l4_len > len) {
		g->n.malformed++;
		return;
	}
	if (!guest_is_ours6(g, &ip.ip6_dst) &&
	    !IN6_IS_ADDR_MULTICAST(&ip.ip6_dst)) {
		g->n.other++;
		return;
	}
	guest_handle_l4(g, frame, l3 + sizeof(ip), l4_len, ip.ip6_nxt,
			csum_pseudo6(&ip, ip.ip6_nxt, (uint32_t)l4_len),
			partial);
}

static inline void guest_handle_frame(struct guest *g, uint8_t *frame,
				      size_t len,
				      const struct virtio_net_hdr *hdr)
{
	bool partial = hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	uint16_t ethertype, tci = 0;

	g->n.rx_packets++;
	g->n.rx_bytes += len;
	if (hdr->gso_type)
		g->n.rx_gso++;
	if (len < ETH_HLEN + 4) {
		g->n.malformed++;
		return;
	}
	memcpy(&ethertype, frame + 12, 2);
	if (ethertype == htons(ETH_P_8021Q)) {
		memcpy(&tci, frame + 14, 2);
		memmove(frame + 12, frame + 16, len - 16);
		memcpy(&ethertype, frame + 12, 2);
		len -= 4;
	}
	if ((ntohs(tci) & 0xfff) != g->vlan) {
		g->n.wrong_vlan++;
		return;
	}
	if (!(frame[0] & 1) && memcmp(frame, g->mac, 6)) {
		g->n.not_for_us++;
		return;
	}
	if (ethertype == htons(ETH_P_ARP))
		guest_handle_arp(g, frame + ETH_HLEN, len - ETH_HLEN);
	else if (ethertype == htons(ETH_P_IP))
		guest_handle_ip4(g, frame, len - ETH_HLEN, partial);
	else if (ethertype == htons(ETH_P_IPV6))
		guest_handle_ip6(g, frame, len - ETH_HLEN, partial);
	else
		g->n.other++;
}

static inline void guest_read(struct guest *g)
{
	uint8_t buf[PACKET_MAX + GUEST_HDR_MAX];
	struct virtio_net_hdr hdr = { 0 };
	ssize_t len;

	for (int i = 0; i < GUEST_BATCH; i++) {
		len = read(g->fd, buf, sizeof(buf));
		if (len < (ssize_t)g->hdr_len || len <= 0)
			return;
		if (g->hdr_len)
			memcpy(&hdr, buf, sizeof(hdr));
		guest_handle_frame(g, buf + g->hdr_len,
				   (size_t)len - g->hdr_len, &hdr);
	}
}

#endif
