// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Merging TCP segments: see gro.h. */
#include <string.h>

#include "base/base.h"
#include "switching/csum.h"
#include "switching/gro.h"
#include "switching/gso.h"
#include "switching/tcp.h"

/* Flows at a time. More only means that less is merged. */
#define N_FLOWS	   8
#define MAX_IP_LEN 65535

/* A TCP packet in question. */
struct segment {
	const uint8_t *data;
	const uint8_t *ip;
	const uint8_t *tcp;
	uint32_t ip_len; /* from the IP header on, without padding */
	uint16_t hdr_len;
	uint16_t size; /* payload */
	uint8_t l3;    /* enum pkt_l3 */
};

/* A group that may get another packet. */
struct flow {
	struct segment head;
	uint32_t next_seq;
	uint32_t ip_len; /* of the merged packet so far */
	uint8_t group;
	uint8_t last;	  /* packet */
	uint8_t id_step;  /* between IPv4 identifications; from n = 2 */
	bool is_verified; /* the head's checksums are right */
};

struct flows {
	struct flow flow[N_FLOWS];
	uint32_t n;
	uint32_t victim; /* the next to be given up for another */
};

enum place { PLACE_OTHER, PLACE_TCP, PLACE_UNKNOWN };

/* ---- looking at one packet ---- */

/* Finds the headers of a packet without metadata. The length in the IP header
 * plays no part here: a long packet has more than is at hand. */
static enum place find_headers(const struct gro_packet *packet,
			       uint32_t *ret_l3_off, uint32_t *ret_l4_off)
{
	const uint8_t *end = packet->data + packet->len;
	struct pkt_parsed p;
	const uint8_t *ip;

	if (pkt_parse_eth(packet->data, end, &p))
		return PLACE_OTHER;
	ip = packet->data + p.l3_off;
	*ret_l3_off = p.l3_off;
	switch (p.ethertype) {
	case PKT_ETHERTYPE_IPV4:
		if (ip + IP4_HDR_LEN > end || ip[IP4_PROTO] != PKT_PROTO_TCP)
			return PLACE_OTHER;
		if (pkt_be16(ip + IP4_FRAG) & 0x1fff)
			return PLACE_UNKNOWN;
		*ret_l4_off = p.l3_off + (ip[0] & 15) * 4u;
		return PLACE_TCP;
	case PKT_ETHERTYPE_IPV6:
		if (ip + IP6_HDR_LEN > end)
			return PLACE_OTHER;
		*ret_l4_off = p.l3_off + IP6_HDR_LEN;
		if (ip[IP6_NEXT] == PKT_PROTO_TCP)
			return PLACE_TCP;
		return pkt_is_ext(ip[IP6_NEXT]) ? PLACE_UNKNOWN : PLACE_OTHER;
	default:
		return PLACE_OTHER;
	}
}

/* Whether @packet is TCP, and in which flow. PLACE_UNKNOWN: it may be of any
 * (later fragments, unread extension headers). */
static enum place locate(const struct gro_packet *packet, struct segment *seg)
{
	uint32_t l3_off = packet->l3_off;
	uint32_t l4_off = packet->l4_off;
	enum place place = PLACE_TCP;
	uint32_t min;

	if (!packet->l4_proto)
		place = find_headers(packet, &l3_off, &l4_off);
	if (place != PLACE_TCP)
		return place;
	if (l3_off < PKT_ETH_LEN || l4_off + TCP_HDR_LEN > packet->len)
		return PLACE_UNKNOWN;
	seg->data = packet->data;
	seg->ip = packet->data + l3_off;
	seg->tcp = packet->data + l4_off;
	if (pkt_be16(seg->ip - 2) == PKT_ETHERTYPE_IPV4) {
		seg->l3 = PKT_L3_IPV4;
		min = IP4_HDR_LEN;
	} else {
		seg->l3 = PKT_L3_IPV6;
		min = IP6_HDR_LEN;
	}
	return l4_off < l3_off + min ? PLACE_UNKNOWN : PLACE_TCP;
}

/* Whether @seg, of @len bytes, can be a part of any merged packet; if so, the
 * rest of it is filled in. */
static bool measure(struct segment *seg, uint32_t len)
{
	const uint8_t *ip = seg->ip;
	uint32_t l3_off = (uint32_t)(ip - seg->data);
	uint32_t l4_off = (uint32_t)(seg->tcp - seg->data);
	uint32_t hdr_len = l4_off + tcp_hdr_len(seg->tcp);

	if (seg->l3 == PKT_L3_IPV4) {
		if (ip[0] != 0x45 || l4_off != l3_off + IP4_HDR_LEN ||
		    ip[IP4_PROTO] != PKT_PROTO_TCP ||
		    pkt_be16(ip + IP4_FRAG) & ~IP4_DF)
			return false;
		seg->ip_len = pkt_be16(ip + IP4_LENGTH);
	} else {
		if (ip[0] >> 4 != 6 || l4_off != l3_off + IP6_HDR_LEN ||
		    ip[IP6_NEXT] != PKT_PROTO_TCP)
			return false;
		seg->ip_len = IP6_HDR_LEN + pkt_be16(ip + IP6_LENGTH);
	}
	if (seg->tcp[TCP_FLAGS] & (TCP_SYN | TCP_RST | TCP_URG))
		return false;
	if (hdr_len < l4_off + TCP_HDR_LEN || l3_off + seg->ip_len > len ||
	    l3_off > PKT_ETH_LEN + 2 * PKT_TAG_LEN ||
	    hdr_len >= l3_off + seg->ip_len)
		return false;
	seg->hdr_len = (uint16_t)hdr_len;
	seg->size = (uint16_t)(l3_off + seg->ip_len - hdr_len);
	return true;
}

static bool has_right_checksums(const struct segment *seg)
{
	const uint8_t *addrs = seg->ip + IP6_ADDRS;
	uint32_t tcp_len;

	if (seg->l3 == PKT_L3_IPV4) {
		if (csum_words(seg->ip, IP4_HDR_LEN, 0) != 0xffff)
			return false;
		addrs = seg->ip + IP4_ADDRS;
	}
	tcp_len = seg->ip_len - (uint32_t)(seg->tcp - seg->ip);
	return csum_tcp_is_right(seg->tcp, (uint16_t)tcp_len, addrs, seg->l3);
}

/* ---- two packets ---- */

/* The EtherType in front of IP says that both have the same offsets. */
static bool is_same_flow(const struct segment *a, const struct segment *b)
{
	if (pkt_raw32(a->tcp) != pkt_raw32(b->tcp) ||
	    memcmp(a->data, b->data, (size_t)(a->ip - a->data)))
		return false;
	if (a->l3 == PKT_L3_IPV4)
		return pkt_raw64(a->ip + IP4_ADDRS) ==
		       pkt_raw64(b->ip + IP4_ADDRS);
	return !memcmp(a->ip + IP6_ADDRS, b->ip + IP6_ADDRS, 32);
}

static bool has_same_ip_header(const struct segment *a, const struct segment *b)
{
	if (a->l3 == PKT_L3_IPV6) /* version, traffic class, flow label */
		return pkt_raw32(a->ip) == pkt_raw32(b->ip) &&
		       a->ip[IP6_HOPS] == b->ip[IP6_HOPS];
	return a->ip[IP4_TOS] == b->ip[IP4_TOS] &&
	       a->ip[IP4_FRAG] == b->ip[IP4_FRAG] &&
	       a->ip[IP4_TTL] == b->ip[IP4_TTL];
}

static bool has_same_tcp_header(const struct segment *a,
				const struct segment *b)
{
	const uint8_t may_differ = TCP_FIN | TCP_PSH | TCP_CWR;
	const uint8_t *p = a->tcp, *q = b->tcp;

	return pkt_raw32(p + TCP_ACK_SEQ) == pkt_raw32(q + TCP_ACK_SEQ) &&
	       p[TCP_DOFF] == q[TCP_DOFF] &&
	       !((p[TCP_FLAGS] ^ q[TCP_FLAGS]) & ~may_differ) &&
	       pkt_be16(p + TCP_WINDOW) == pkt_be16(q + TCP_WINDOW) &&
	       !memcmp(p + TCP_URGENT, q + TCP_URGENT,
		       tcp_hdr_len(p) - TCP_URGENT);
}

/* The identification of packet number @n of the group. */
static bool has_right_id(struct flow *flow, const struct segment *seg,
			 uint32_t n)
{
	uint16_t step = (uint16_t)(pkt_be16(seg->ip + IP4_ID) -
				   pkt_be16(flow->head.ip + IP4_ID));

	if (n > 1)
		return step == (uint16_t)(flow->id_step * n);
	if (step > 1 || (!step && !(pkt_be16(seg->ip + IP4_FRAG) & IP4_DF)))
		return false;
	flow->id_step = (uint8_t)step;
	return true;
}

static bool continues(struct flow *flow, const struct segment *seg, uint32_t n)
{
	const struct segment *head = &flow->head;

	if (be32_get(seg->tcp + TCP_SEQ) != flow->next_seq ||
	    seg->size > head->size || flow->ip_len + seg->size > MAX_IP_LEN ||
	    seg->tcp[TCP_FLAGS] & TCP_CWR)
		return false;
	if (!has_same_tcp_header(head, seg) || !has_same_ip_header(head, seg))
		return false;
	if (head->l3 == PKT_L3_IPV4 && !has_right_id(flow, seg, n))
		return false;
	if (!flow->is_verified)
		flow->is_verified = has_right_checksums(head);
	return flow->is_verified && has_right_checksums(seg);
}

/* ---- groups and flows ---- */

static struct flow *find_flow(struct flows *flows, const struct segment *seg)
{
	for (uint32_t i = 0; i < flows->n; i++) {
		if (is_same_flow(&flows->flow[i].head, seg))
			return &flows->flow[i];
	}
	return NULL;
}

static void close_flow(struct flows *flows, struct flow *flow)
{
	*flow = flows->flow[--flows->n];
}

/* Whether others may be merged into @seg. */
static bool can_lead(const struct segment *seg, uint32_t accepts)
{
	const uint32_t need = seg->l3 == PKT_L3_IPV4 ? GRO_TCP4 : GRO_TCP6;
	const uint8_t flags = seg->tcp[TCP_FLAGS];

	if (!(accepts & need) || seg->size < GSO_MIN_SIZE)
		return false;
	if (flags & TCP_CWR && !(accepts & GRO_ECN))
		return false;
	return !(flags & (TCP_PSH | TCP_FIN));
}

static void open_flow(struct flows *flows, const struct segment *seg,
		      uint32_t group, uint32_t packet)
{
	struct flow *flow;

	if (flows->n < N_FLOWS)
		flow = &flows->flow[flows->n++];
	else
		flow = &flows->flow[flows->victim++ % N_FLOWS];
	flow->head = *seg;
	flow->next_seq = be32_get(seg->tcp + TCP_SEQ) + seg->size;
	flow->ip_len = seg->ip_len;
	flow->group = (uint8_t)group;
	flow->last = (uint8_t)packet;
	flow->is_verified = false;
}

static void add_group(struct gro *gro, uint32_t packet)
{
	struct gro_group *group = &gro->groups[gro->n_groups++];

	group->head = (uint8_t)packet;
	group->n = 1;
	gro->next[packet] = GRO_NONE;
}

/* Fills in what stays as it is. */
static void start_merging(struct gro_group *group, const struct segment *head)
{
	group->tcp_flags = head->tcp[TCP_FLAGS];
	group->l3 = head->l3;
	group->l3_off = (uint16_t)(head->ip - head->data);
	group->l4_off = (uint16_t)(head->tcp - head->data);
	group->hdr_len = head->hdr_len;
	group->size = head->size;
}

static void merge(struct gro *gro, struct flows *flows, struct flow *flow,
		  const struct segment *seg, uint32_t packet)
{
	struct gro_group *group = &gro->groups[flow->group];
	const uint8_t ends = seg->tcp[TCP_FLAGS] & (TCP_FIN | TCP_PSH);

	if (group->n == 1)
		start_merging(group, &flow->head);
	gro->next[flow->last] = (uint8_t)packet;
	gro->next[packet] = GRO_NONE;
	flow->last = (uint8_t)packet;
	flow->next_seq += seg->size;
	flow->ip_len += seg->size;
	group->n++;
	group->tcp_flags |= ends;
	group->len = group->l3_off + flow->ip_len;
	if (ends || seg->size < group->size)
		close_flow(flows, flow);
}

static void run_tcp(struct gro *gro, struct flows *flows, struct segment *seg,
		    const struct gro_packet *packet, uint32_t index,
		    uint32_t accepts)
{
	bool can_merge = !packet->has_ext && measure(seg, packet->len);
	struct flow *flow = find_flow(flows, seg);

	if (flow) {
		if (can_merge &&
		    continues(flow, seg, gro->groups[flow->group].n)) {
			merge(gro, flows, flow, seg, index);
			return;
		}
		close_flow(flows, flow);
	}
	if (can_merge && can_lead(seg, accepts))
		open_flow(flows, seg, gro->n_groups, index);
	add_group(gro, index);
}

void gro_run(struct gro *gro, const struct gro_packet *packets, uint32_t n,
	     uint32_t accepts)
{
	struct segment seg;
	struct flows flows;

	flows.n = 0;
	flows.victim = 0;
	gro->n_groups = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!gro_is_candidate(&packets[i])) {
			add_group(gro, i);
			continue;
		}
		switch (locate(&packets[i], &seg)) {
		case PLACE_TCP:
			run_tcp(gro, &flows, &seg, &packets[i], i, accepts);
			break;
		case PLACE_UNKNOWN:
			flows.n = 0;
			add_group(gro, i);
			break;
		case PLACE_OTHER:
			add_group(gro, i);
			break;
		}
	}
}

void gro_header(const struct gro_group *group, const uint8_t *head,
		uint8_t *headers, struct packet_ext *ret_ext)
{
	uint8_t *ip = headers + group->l3_off;
	uint8_t *tcp = headers + group->l4_off;
	uint32_t tcp_len = group->len - group->l4_off;
	uint32_t ip_len = group->len - group->l3_off;
	bool is_v4 = group->l3 == PKT_L3_IPV4;
	uint16_t sum;

	memcpy(headers, head, group->hdr_len);
	if (is_v4) {
		be16_put(ip + IP4_LENGTH, (uint16_t)ip_len);
		be16_put(ip + IP4_CSUM, 0);
		sum = (uint16_t)~csum_words(ip, IP4_HDR_LEN, 0);
		memcpy(ip + IP4_CSUM, &sum, 2);
	} else {
		be16_put(ip + IP6_LENGTH, (uint16_t)(ip_len - IP6_HDR_LEN));
	}
	tcp[TCP_FLAGS] = group->tcp_flags;
	sum = pkt_sum_fold(
		pkt_sum_addrs(ip + (is_v4 ? IP4_ADDRS : IP6_ADDRS), group->l3) +
		pkt_swap16(PKT_PROTO_TCP) + pkt_swap16((uint16_t)tcp_len));
	memcpy(tcp + TCP_CSUM, &sum, 2);

	ret_ext->gso = is_v4 ? PACKET_GSO_TCP4 : PACKET_GSO_TCP6;
	ret_ext->ecn = group->tcp_flags & TCP_CWR;
	ret_ext->csum = true;
	ret_ext->n_more = 0;
	ret_ext->gso_size = group->size;
	ret_ext->hdr_len = group->hdr_len;
	ret_ext->csum_start = group->l4_off;
	ret_ext->csum_offset = TCP_CSUM;
}
