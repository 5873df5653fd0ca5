// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The traffic class of a packet: see classify.h. */
#include <netinet/in.h>

#include <pktagent/parse.h>

#include "switching/classify.h"

#define NO_DSCP 64u

/* What rules ask for, read once. */
struct facts {
	const struct pkt_meta *meta;
	uint32_t dscp;			/* NO_DSCP: it is no IP packet */
	uint16_t ports[2];		/* 0: it has none */
};

static uint32_t read_dscp(const struct pkt_meta *meta, const uint8_t *data,
			  uint32_t len)
{
	const uint8_t *ip = data + meta->l3_off;

	if (meta->l3_off + 2u > len)
		return NO_DSCP;
	if (meta->l3 == PKT_L3_IPV4)
		return ip[1] >> 2;
	if (meta->l3 == PKT_L3_IPV6)
		return (uint32_t)(ip[0] & 0x0f) << 2 | ip[1] >> 6;
	return NO_DSCP;
}

static void read_facts(const struct pkt_meta *meta, const uint8_t *data,
		       uint32_t len, struct facts *facts)
{
	facts->meta = meta;
	facts->dscp = read_dscp(meta, data, len);
	facts->ports[0] = 0;
	facts->ports[1] = 0;
	if (!meta->l4_off || meta->l4_off + 4u > len ||
	    (meta->l4_proto != IPPROTO_TCP && meta->l4_proto != IPPROTO_UDP))
		return;
	facts->ports[0] = pkt_be16(data + meta->l4_off);
	facts->ports[1] = pkt_be16(data + meta->l4_off + 2);
}

static bool has_value(const uint16_t *values, uint32_t n, uint16_t value)
{
	for (uint32_t i = 0; i < n; i++)
		if (values[i] == value)
			return true;
	return false;
}

static bool fits(const struct classify_rule *rule, const struct facts *facts)
{
	const struct pkt_meta *meta = facts->meta;

	if (rule->dscp && (facts->dscp == NO_DSCP ||
			   !(rule->dscp >> facts->dscp & 1)))
		return false;
	if (rule->pcp && !(rule->pcp >> (meta->pcp & 7) & 1))
		return false;
	if (rule->n_vlans &&
	    !has_value(rule->vlans, rule->n_vlans, meta->vlan))
		return false;
	if (rule->protocols[0] && meta->l4_proto != rule->protocols[0] &&
	    meta->l4_proto != rule->protocols[1])
		return false;
	if (rule->n_ports &&
	    (!facts->ports[0] ||
	     (!has_value(rule->ports, rule->n_ports, facts->ports[0]) &&
	      !has_value(rule->ports, rule->n_ports, facts->ports[1]))))
		return false;
	return rule->any_sender ||
	       (rule->from[meta->in_port / 64 % (PKT_MAX_PORTS / 64)] >>
			meta->in_port % 64 & 1);
}

uint8_t classify(const struct classifier *classifier,
		 const struct pkt_meta *meta, const uint8_t *data, uint32_t len)
{
	struct facts facts;

	read_facts(meta, data, len, &facts);
	for (uint32_t i = 0; i < classifier->n; i++)
		if (fits(&classifier->rules[i], &facts))
			return classifier->rules[i].class;
	return meta->class;
}
