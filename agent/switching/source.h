/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May a guest's packet be sent? The rules of the program "port"
 * (bpf/source.bpf.h), for packets that meet no XDP hook.
 */
#ifndef SWITCHING_SOURCE_H
#define SWITCHING_SOURCE_H

#include <pktagent/parse.h>

#include "ports/port.h"
#include "switching/fdb.h"

/* Orders addresses for source_rules.addrs; for qsort() and bsearch(). */
int source_addr_cmp(const void *a, const void *b);

/* 01:80:c2:00:00:00 to :0f, which no bridge forwards. */
bool source_is_link_local(const uint8_t *mac);

/* The VLAN tags of a guest's packet. PKT_N_REASONS: they are allowed, and
 * *ret_pop says whether the outer one is a priority tag to be taken off. */
enum pkt_reason source_check_tags(const struct port *in,
				  const struct pkt_parsed *parsed,
				  bool *ret_pop);

/* The source MAC at @mac. @known is where the forwarding table says that it
 * is; NULL: nowhere. PKT_N_REASONS: allowed. */
enum pkt_reason source_check_mac(const struct port *in,
				 const struct source_rules *rules,
				 const struct fdb_found *known,
				 const uint8_t *mac);

/* The source IP addresses of the packet at @data with @len bytes at hand. */
enum pkt_reason source_check_ip(const struct source_rules *rules,
				const uint8_t *data, uint32_t len,
				const struct pkt_parsed *parsed);

#endif
