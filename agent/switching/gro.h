/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Merging TCP segments of one flow that came in one batch into big packets,
 * for a guest that accepts them (GUEST_TSO4, GUEST_TSO6). The opposite of
 * gso.h: what is merged here is cut there into the same segments again.
 *
 * Nothing is copied or changed: the result is an ordered list of groups, each
 * a packet as it is or several to be merged. A merged packet is the bytes
 * gro_header() writes and then, of each packet of the group in turn, its
 * payload: gro_payload() bytes from the group's hdr_len on.
 *
 * The rules are those of Linux's receive offload: addresses, ports, L2 headers
 * with tags, TOS, TTL, DF, flow label, window, acknowledgement, flags and all
 * TCP options the same; sequence numbers without a gap; IPv4 identifications
 * that count up, or with DF stay the same (they mean nothing then, RFC 6864);
 * payload of one size, the last one's at most that. PSH and FIN end a group.
 * Never merged are SYN, RST and URG, CWR but on the first packet, fragments,
 * IPv4 options, IPv6 extension headers, and what has a wrong checksum: of what
 * is merged the guest takes it for granted.
 *
 * Order: groups stand where their first packet stood. What cannot be merged
 * ends the group of its flow, so that packets of a flow never overtake each
 * other.
 *
 * Thread-safety: none needed; a struct gro belongs to its user.
 */
#ifndef SWITCHING_GRO_H
#define SWITCHING_GRO_H

#include <stdbool.h>
#include <stdint.h>

#include <pktagent/parse.h>

#include "memory/packet.h"

#define GRO_MAX_PACKETS		64
#define GRO_NONE		0xff
/* Two tags, IPv6 and TCP with all options. */
#define GRO_MAX_HEADERS		(14 + 8 + 40 + 60)

/* What the guest accepts. */
#define GRO_TCP4		0x01
#define GRO_TCP6		0x02
#define GRO_ECN			0x04

struct gro_packet {
	const uint8_t *data;	/* borrowed */
	uint32_t len;		/* at @data: of a long packet less than all */
	bool has_ext;		/* not to be merged: it has a packet_ext */
	uint8_t l4_proto;	/* by the metadata, or 0: not known */
	uint16_t l3_off;	/* by the metadata, if l4_proto is known */
	uint16_t l4_off;	/* likewise */
};

struct gro_group {
	uint8_t head;		/* index of the first packet */
	uint8_t n;		/* packets; if 1, the rest below is not set */
	uint8_t tcp_flags;	/* of the merged packet */
	uint8_t l3;		/* enum pkt_l3 */
	uint16_t l3_off;
	uint16_t l4_off;
	uint16_t hdr_len;	/* of all headers of each packet */
	uint16_t size;		/* payload of each packet but the last */
	uint32_t len;		/* of the merged packet */
};

struct gro {
	uint32_t n_groups;
	struct gro_group groups[GRO_MAX_PACKETS];
	/* The packet that follows this one in its group, or GRO_NONE. */
	uint8_t next[GRO_MAX_PACKETS];
};

/*
 * Whether merging is worth a thought for @packet. If less than two packets of
 * a batch are candidates, gro_run() will change nothing.
 */
static inline bool gro_is_candidate(const struct gro_packet *packet)
{
	const uint8_t *data = packet->data;

	if (packet->l4_proto)
		return packet->l4_proto == PKT_PROTO_TCP;
	if (packet->len < 54)
		return false;
	switch (pkt_be16(data + 12)) {
	case PKT_ETHERTYPE_IPV4:
		return data[14 + 9] == PKT_PROTO_TCP;
	case PKT_ETHERTYPE_IPV6:
		return data[14 + 6] == PKT_PROTO_TCP ||
		       pkt_is_ext(data[14 + 6]);
	case PKT_TPID_8021Q:
	case PKT_TPID_8021AD:
		return true;
	default:
		return false;
	}
}

/* Payload bytes of packet number @i of a group of more than one. */
static inline uint32_t gro_payload(const struct gro_group *group, uint32_t i)
{
	if (i + 1u < group->n)
		return group->size;
	return group->len - group->hdr_len - i * group->size;
}

/* Groups the @n packets, at most GRO_MAX_PACKETS, of one output port, which
 * @accepts (GRO_TCP4, ...). Each is in one group. */
void gro_run(struct gro *gro, const struct gro_packet *packets, uint32_t n,
	     uint32_t accepts);

/*
 * Writes the headers of a merged packet to @headers (GRO_MAX_HEADERS bytes;
 * group->hdr_len are used) and what else there is to say of it to @ret_ext,
 * n_more being 0. @head are the bytes of the group's first packet. The TCP
 * checksum is the pseudo header's, for the guest or its device to finish.
 */
void gro_header(const struct gro_group *group, const uint8_t *head,
		uint8_t *headers, struct packet_ext *ret_ext);

#endif
