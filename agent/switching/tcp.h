/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The fields that cutting and merging TCP packets (gso.c, gro.c) read and
 * write, as offsets, and stores to match parse.h's loads.
 */
#ifndef SWITCHING_TCP_H
#define SWITCHING_TCP_H

#include <stdint.h>
#include <string.h>

#include <pktagent/parse.h>

#define IP4_TOS		1
#define IP4_LENGTH	2
#define IP4_ID		4
#define IP4_FRAG	6
#define IP4_DF		0x4000
#define IP4_TTL		8
#define IP4_PROTO	9
#define IP4_CSUM	10
#define IP4_ADDRS	12
#define IP4_HDR_LEN	20u

#define IP6_LENGTH	4
#define IP6_NEXT	6
#define IP6_HOPS	7
#define IP6_ADDRS	8
#define IP6_HDR_LEN	40u

#define TCP_SEQ		4
#define TCP_ACK_SEQ	8
#define TCP_DOFF	12
#define TCP_FLAGS	13
#define TCP_WINDOW	14
#define TCP_CSUM	16
#define TCP_URGENT	18
#define TCP_HDR_LEN	20u

/* In the byte at TCP_FLAGS. */
#define TCP_FIN		0x01
#define TCP_SYN		0x02
#define TCP_RST		0x04
#define TCP_PSH		0x08
#define TCP_URG		0x20
#define TCP_CWR		0x80

static inline uint32_t tcp_hdr_len(const uint8_t *tcp)
{
	return (tcp[TCP_DOFF] >> 4) * 4u;
}

static inline uint32_t be32_get(const void *p)
{
	return (uint32_t)pkt_be16(p) << 16 | pkt_be16((const uint8_t *)p + 2);
}

static inline void be16_put(void *p, uint16_t value)
{
	value = pkt_swap16(value);
	memcpy(p, &value, 2);
}

static inline void be32_put(void *p, uint32_t value)
{
	be16_put(p, (uint16_t)(value >> 16));
	be16_put((uint8_t *)p + 2, (uint16_t)value);
}

#endif
