// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The BPF build of <pktagent/parse.h> against tests/parse_rows.h and, field by
 * field, against the C build: on the rows, on their truncations, and on the
 * rows with random bytes changed.
 */
#include "runner.h"

#include "../parse_rows.h"
#include "parser.skel.h"

#define N_MUTATIONS	20000

static struct parser *skel;

static int parse_bpf(const struct made_packet *packet, struct pkt_parsed *ret_parsed)
{
	static struct run run;
	int err;

	run = (struct run){ .len = packet->len };
	memcpy(run.buf, packet->data, packet->len);
	err = run_prog(bpf_program__fd(skel->progs.parse_packet), &run);
	if (err) {
		row_fail("test run of %u bytes: %s", packet->len,
			 strerror(-err));
		return -1;
	}
	*ret_parsed = skel->bss->parsed;
	return skel->bss->reason;
}

/* Both builds agree on @packet; returns their reason. */
static int compare(const struct made_packet *packet, struct pkt_parsed *ret_parsed)
{
	struct pkt_parsed c;
	int reason_bpf, reason_c;

	reason_bpf = parse_bpf(packet, ret_parsed);
	reason_c = pkt_parse(packet->data, packet->data + packet->len,
			     skel->bss->want_csum, &c);
	if (reason_bpf != reason_c)
		row_fail("BPF says %d, C %d", reason_bpf, reason_c);
	if (memcmp(ret_parsed, &c, sizeof(c)))
		row_fail("BPF and C differ: l4 %u at %u and %u at %u, hash "
			 "%#x and %#x", ret_parsed->l4_proto,
			 ret_parsed->l4_off, c.l4_proto, c.l4_off,
			 ret_parsed->hash, c.hash);
	return reason_bpf;
}

static void run_row(const struct parse_row *row)
{
	struct pkt_parsed got, want = row->want;
	struct made_packet packet;
	int reason;

	row_begin(row->name);
	packet_make(&packet, row->packet);
	reason = compare(&packet, &got);
	want.hash = got.hash;
	if (reason != row->reason)
		row_fail("reason %d, not %d", reason, row->reason);
	else if (!reason && memcmp(&got, &want, sizeof(got)))
		row_fail("other fields than expected");
	row_end();
}

/* The kernel lets no XDP program see less than an Ethernet header, not even in
 * a test run: eth_short is left to the C build. */
static void run_cut(const struct parse_cut *cut)
{
	uint32_t full = parse_cut_len(cut), len;

	for (len = PKT_ETH_LEN; len <= full; len++) {
		int reason, want = parse_cut_reason(cut, len);
		struct made_packet packet;
		struct pkt_parsed got;

		row_begin(cut->packet);
		parse_cut_make(cut, len, &packet);
		reason = compare(&packet, &got);
		if (reason != want)
			row_fail("cut at %u: reason %d, not %d", len, reason,
				 want);
		row_end();
	}
}

/* The same numbers in every run. */
static uint32_t next_random(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x >> 16;
}

static void run_mutations(void)
{
	unsigned int i, j;

	row_begin("random changes");
	for (i = 0; i < N_MUTATIONS && !runner.failed; i++) {
		struct made_packet packet;
		struct pkt_parsed got;

		packet_make(&packet, parse_rows[i % N_PARSE_ROWS].packet);
		for (j = next_random() % 4; j < 4; j++)
			packet.data[12 + next_random() % (packet.len - 12)] =
				next_random();
		skel->bss->want_csum = next_random() & 1;
		compare(&packet, &got);
	}
	skel->bss->want_csum = 1;
	row_end();
}

int main(void)
{
	size_t i;

	if (geteuid())
		return runner_skip("BPF needs root");
	skel = parser__open_and_load();
	if (!skel)
		die("parser.bpf.c");
	skel->bss->want_csum = 1;
	for (i = 0; i < N_PARSE_ROWS; i++)
		run_row(&parse_rows[i]);
	for (i = 0; i < N_PARSE_CUTS; i++)
		run_cut(&parse_cuts[i]);
	run_mutations();
	parser__destroy(skel);
	return runner_end();
}
