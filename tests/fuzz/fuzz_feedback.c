/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as messages about rates. The input is a list of messages: a byte of
 * flags, a length, and the bytes; with SIGN the MAC is made right, with HEAD the
 * first eight bytes, too, since random bytes would never get that far. Besides
 * what the sanitizers find: what is accepted keeps the promises of feedback.h
 * and is, encoded again, the same bytes; what is not leaves everything as it
 * was; and no message is taken twice.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pktagent/limits.h>

#include "base/base.h"
#include "policy/feedback.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIGN  0x01
#define HEAD  0x02
#define SHIFT 0x04 /* the clock goes by what the length byte says, minutes */

#define MAX_TAKEN 64

static struct feedback_keys *keys;

static struct {
	uint64_t epoch, seq;
} taken[MAX_TAKEN];
static uint32_t n_taken;

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char text[] =
		"1 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752\n"
		"2 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n";
	char err[128];

	(void)argc;
	(void)argv;
	require(!feedback_keys_parse(text, sizeof(text) - 1, "keys", &keys, err,
				     sizeof(err)));
	return 0;
}

static void mend(uint8_t *data, uint8_t flags)
{
	static const uint8_t head[] = { 'P', 'F', 1, 0, 0, FEEDBACK_LEN, 0, 1 };

	if (flags & HEAD)
		memcpy(data, head, sizeof(head));
	if (flags & SIGN)
		feedback_keys_mac(keys, 1, data, FEEDBACK_LEN - 16,
				  data + FEEDBACK_LEN - 16);
}

static void check_accepted(const uint8_t *data, const struct feedback_msg *m)
{
	struct feedback_sender sender = { m->from, m->epoch, m->seq - 1 };
	uint8_t again[FEEDBACK_LEN];

	require(m->rate_kbps && m->vlan <= PKT_VLAN_MAX && m->from);
	require(!(m->source[0] & 1) && !(m->dest[0] & 1));
	require(memcmp(m->source, m->dest, 6));
	require(m->epoch && m->seq);
	/* But for those that are not sent with. */
	if (data[7] != 1)
		return;
	require(!feedback_encode(&sender, keys, m, m->sent_ns, again));
	require(!memcmp(again, data, FEEDBACK_LEN));
}

static void check_taken(struct feedback_peer *peer,
			const struct feedback_msg *m, uint64_t now)
{
	struct feedback_peer before = *peer;
	enum feedback_reason reason = feedback_peer_take(peer, m, now);

	require(feedback_reason_name(reason));
	if (reason != FEEDBACK_OK) {
		require(!memcmp(&before, peer, sizeof(before)));
		return;
	}
	require(peer->epoch == m->epoch && peer->newest >= m->seq);
	require(m->epoch >= before.epoch);
	for (uint32_t i = 0; i < n_taken; i++)
		require(taken[i].epoch != m->epoch || taken[i].seq != m->seq);
	if (n_taken < MAX_TAKEN) {
		taken[n_taken].epoch = m->epoch;
		taken[n_taken++].seq = m->seq;
	}
	require(feedback_peer_take(peer, m, now) == FEEDBACK_REPLAYED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feedback_peer peer = { 0 };
	uint64_t now = 0x1797979700000000;

	n_taken = 0;
	while (size >= 2) {
		uint8_t flags = data[0];
		size_t len = data[1];
		struct feedback_msg m, before;
		enum feedback_reason reason;
		uint8_t *copy;

		if (flags & SHIFT)
			now += len * 60 * NS_PER_SEC;
		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		copy = malloc(len ? len : 1);
		require(copy);
		memcpy(copy, data, len);
		if (len == FEEDBACK_LEN)
			mend(copy, flags);
		memset(&m, 0xa5, sizeof(m));
		before = m;
		reason = feedback_decode(keys, copy, len, &m);
		require(feedback_reason_name(reason));
		if (reason == FEEDBACK_OK) {
			check_accepted(copy, &m);
			check_taken(&peer, &m, now);
		} else {
			require(!memcmp(&m, &before, sizeof(m)));
		}
		free(copy);
		data += len;
		size -= len;
	}
	return 0;
}
