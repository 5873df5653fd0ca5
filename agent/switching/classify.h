/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The traffic class of a packet: by rules, the first that fits; otherwise what
 * its metadata says, which is the class of the VM that sent it.
 *
 * A classifier is made by the control thread, never changed once published
 * (RCU), and read by workers for packets to shaped ports only: without rules, or
 * without shaping, nothing is paid.
 */
#ifndef SWITCHING_CLASSIFY_H
#define SWITCHING_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include <pktagent/limits.h>
#include <pktagent/meta.h>

#define CLASSIFY_MAX_VALUES	16	/* VLANs, or ports, of a rule */

/* What is 0, or empty, fits everything. */
struct classify_rule {
	uint64_t dscp;				/* bit per code point */
	uint64_t from[PKT_MAX_PORTS / 64];	/* bit per slot of a sender */
	uint16_t vlans[CLASSIFY_MAX_VALUES];
	uint16_t ports[CLASSIFY_MAX_VALUES];
	uint8_t n_vlans, n_ports;
	uint8_t pcp;				/* bit per priority */
	uint8_t protocols[2];			/* IPPROTO_*: any of them */
	bool any_sender;
	uint8_t class;
};

struct classifier {
	uint32_t n;
	struct classify_rule rules[];
};

/* The class of the packet at @data, in its inner form as @meta describes it, of
 * which @len bytes are there. Worker. */
uint8_t classify(const struct classifier *classifier,
		 const struct pkt_meta *meta, const uint8_t *data,
		 uint32_t len);

#endif
