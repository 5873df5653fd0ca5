// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The parser as a program of its own, for test_parser.c: parses the packet
 * and leaves in .bss what the C build is compared with.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <pktagent/parse.h>

struct pkt_parsed parsed;
int reason;
int want_csum;

SEC("xdp")
int parse_packet(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *data_end = (const void *)(long)ctx->data_end;

	reason = pkt_parse(data, data_end, want_csum, &parsed);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
