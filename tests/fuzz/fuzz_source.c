// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Any packet of a guest's that the parser lets pass, to the rules of its
 * source: nothing is read behind what is at hand, and nobody's address is let
 * through. The first byte says whether only the packet's head is at hand, as for
 * the bypass.
 */
#include <stdlib.h>
#include <string.h>

#include <pktagent/parse.h>

#include "switching/source.h"

static const uint8_t own4[4] = { 10, 0, 0, 2 };
static const uint8_t own6[16] = { 0xfd, [15] = 2 };

static const struct source_rules *make_rules(void)
{
	static struct source_rules *rules;

	if (rules)
		return rules;
	rules = calloc(1, sizeof(*rules) + 2 * sizeof(rules->addrs[0]));
	if (!rules)
		abort();
	rules->check_ip = true;
	rules->n_addrs = 2;
	rules->addrs[0].family = 4;
	memcpy(rules->addrs[0].addr, own4, sizeof(own4));
	rules->addrs[1].family = 6;
	memcpy(rules->addrs[1].addr, own6, sizeof(own6));
	return rules;
}

/* A packet that may pass is from the guest's address or from none. */
static void check_passed(const uint8_t *data, const struct pkt_parsed *parsed)
{
	static const uint8_t none[16];
	const uint8_t *src = data + parsed->src_off;

	if (parsed->l3 == PKT_L3_IPV6) {
		if (memcmp(src, own6, 16) != 0 && memcmp(src, none, 16) != 0 &&
		    (src[0] != 0xfe || src[1] != 0x80))
			abort();
	} else if (parsed->l3 == PKT_L3_IPV4 || parsed->l3 == PKT_L3_ARP) {
		if (memcmp(src, own4, 4) != 0 && memcmp(src, none, 4) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct source_rules *rules = make_rules();
	struct pkt_parsed parsed;
	uint8_t *packet;

	if (size < 2 || size > 4096)
		return 0;
	/* Of its own, so that the sanitizer sees the packet's end. */
	packet = malloc(size - 1);
	if (!packet)
		return 0;
	memcpy(packet, data + 1, size - 1);
	if (!pkt_parse(packet, packet + size - 1, 0, &parsed)) {
		uint32_t len = (uint32_t)size - 1;

		if (len > 160 && data[0] & 1)
			len = 160;
		if (source_check_ip(rules, packet, len, &parsed) ==
		    PKT_N_REASONS)
			check_passed(packet, &parsed);
	}
	free(packet);
	return 0;
}
