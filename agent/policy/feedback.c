// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The messages between hosts about rates: see feedback.h. */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include <pktagent/limits.h>

#include "base/base.h"
#include "policy/feedback.h"

#define MAGIC	0x5046 /* "PF" */
#define VERSION 1

#define AT_MAGIC    0
#define AT_VERSION  2
#define AT_FLAGS    3
#define AT_LENGTH   4
#define AT_KEY	    6
#define AT_FROM	    8
#define AT_EPOCH    16
#define AT_SEQ	    24
#define AT_SENT	    32
#define AT_SOURCE   40
#define AT_DEST	    46
#define AT_VLAN	    52
#define AT_ECN	    54
#define AT_RATE	    56
#define AT_MEASURED 60
#define AT_MAC	    64

_Static_assert(AT_MAC + FEEDBACK_MAC_BYTES == FEEDBACK_LEN, "its last field");

static const char *const reason_names[FEEDBACK_N_REASONS] = {
	[FEEDBACK_OK] = "ok",
	[FEEDBACK_LENGTH] = "length",
	[FEEDBACK_VERSION] = "version",
	[FEEDBACK_KEY] = "key",
	[FEEDBACK_MAC] = "mac",
	[FEEDBACK_MALFORMED] = "malformed",
	[FEEDBACK_EPOCH] = "epoch",
	[FEEDBACK_OLD] = "old",
	[FEEDBACK_REPLAYED] = "replayed",
	[FEEDBACK_CLOCK] = "clock",
};

const char *feedback_reason_name(enum feedback_reason reason)
{
	return reason < FEEDBACK_N_REASONS ? reason_names[reason] : "unknown";
}

/* ---- bytes ---- */

static void put(uint8_t *at, uint64_t value, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		at[i] = (uint8_t)(value >> 8 * (n - 1 - i));
}

static uint64_t get(const uint8_t *at, uint32_t n)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < n; i++)
		value = value << 8 | at[i];
	return value;
}

/* A VM's: of one station. */
static bool is_mac(const uint8_t mac[6])
{
	return !(mac[0] & 1) && get(mac, 6);
}

static bool is_msg(const struct feedback_msg *msg)
{
	return is_mac(msg->source) && is_mac(msg->dest) &&
	       memcmp(msg->source, msg->dest, 6) && msg->vlan <= PKT_VLAN_MAX &&
	       msg->rate_kbps && msg->from && msg->epoch && msg->seq;
}

/* ---- out ---- */

uint64_t feedback_host(const char *name)
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	uint64_t from;

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)name,
			   strlen(name), NULL, 0);
	from = get(hash, 8);
	return from ? from : 1;
}

void feedback_sender_init(struct feedback_sender *sender, uint64_t from,
			  uint64_t last_epoch, uint64_t real_ns)
{
	*sender = (struct feedback_sender){
		.from = from,
		.epoch = real_ns > last_epoch ? real_ns : last_epoch + 1,
	};
}

int feedback_encode(struct feedback_sender *sender,
		    const struct feedback_keys *keys,
		    const struct feedback_msg *msg, uint64_t real_ns,
		    uint8_t ret_data[FEEDBACK_LEN])
{
	uint16_t key = feedback_keys_first(keys);
	struct feedback_msg m = *msg;

	m.from = sender->from;
	m.epoch = sender->epoch;
	m.seq = sender->seq + 1;
	if (!is_msg(&m))
		return -EINVAL;
	sender->seq++;
	put(ret_data + AT_MAGIC, MAGIC, 2);
	put(ret_data + AT_VERSION, VERSION, 1);
	put(ret_data + AT_FLAGS, 0, 1);
	put(ret_data + AT_LENGTH, FEEDBACK_LEN, 2);
	put(ret_data + AT_KEY, key, 2);
	put(ret_data + AT_FROM, m.from, 8);
	put(ret_data + AT_EPOCH, m.epoch, 8);
	put(ret_data + AT_SEQ, m.seq, 8);
	put(ret_data + AT_SENT, real_ns, 8);
	memcpy(ret_data + AT_SOURCE, m.source, 6);
	memcpy(ret_data + AT_DEST, m.dest, 6);
	put(ret_data + AT_VLAN, m.vlan, 2);
	put(ret_data + AT_ECN, m.ecn, 2);
	put(ret_data + AT_RATE, m.rate_kbps, 4);
	put(ret_data + AT_MEASURED, m.measured_kbps, 4);
	feedback_keys_mac(keys, key, ret_data, AT_MAC, ret_data + AT_MAC);
	return 0;
}

uint32_t feedback_per_round(uint64_t link_bps, uint32_t permille,
			    uint64_t round_ns)
{
	double bits = (double)link_bps * permille / 1000 * (double)round_ns /
		      NS_PER_SEC;
	double n = bits / (8 * FEEDBACK_WIRE_BYTES);

	if (n < 1)
		return 1;
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* ---- in ---- */

enum feedback_reason feedback_decode(const struct feedback_keys *keys,
				     const void *data, size_t len,
				     struct feedback_msg *ret_msg)
{
	const uint8_t *d = data;
	struct feedback_msg m;
	bool known;

	if (len != FEEDBACK_LEN)
		return FEEDBACK_LENGTH;
	if (get(d + AT_MAGIC, 2) != MAGIC || d[AT_VERSION] != VERSION)
		return FEEDBACK_VERSION;
	if (get(d + AT_LENGTH, 2) != FEEDBACK_LEN)
		return FEEDBACK_LENGTH;
	if (!feedback_keys_verify(keys, (uint16_t)get(d + AT_KEY, 2), d, AT_MAC,
				  d + AT_MAC, &known))
		return known ? FEEDBACK_MAC : FEEDBACK_KEY;
	m = (struct feedback_msg){
		.from = get(d + AT_FROM, 8),
		.epoch = get(d + AT_EPOCH, 8),
		.seq = get(d + AT_SEQ, 8),
		.sent_ns = get(d + AT_SENT, 8),
		.vlan = (uint16_t)get(d + AT_VLAN, 2),
		.ecn = (uint16_t)get(d + AT_ECN, 2),
		.rate_kbps = (uint32_t)get(d + AT_RATE, 4),
		.measured_kbps = (uint32_t)get(d + AT_MEASURED, 4),
	};
	memcpy(m.source, d + AT_SOURCE, 6);
	memcpy(m.dest, d + AT_DEST, 6);
	if (d[AT_FLAGS] || !is_msg(&m))
		return FEEDBACK_MALFORMED;
	*ret_msg = m;
	return FEEDBACK_OK;
}

static uint64_t *seen_word(struct feedback_peer *peer, uint64_t seq)
{
	return &peer->seen[seq / 64 % ARRAY_SIZE(peer->seen)];
}

/*
 * The window of RFC 6479: bits by number, in words that are used in a circle;
 * going on clears those between, and one word is always being filled.
 */
static enum feedback_reason take_seq(struct feedback_peer *peer, uint64_t seq)
{
	uint64_t words = seq / 64 - peer->newest / 64;
	uint64_t bit = 1ull << seq % 64;

	if (seq > peer->newest) {
		if (words > ARRAY_SIZE(peer->seen))
			words = ARRAY_SIZE(peer->seen);
		for (uint64_t i = 0; i < words; i++)
			*seen_word(peer, seq - 64 * i) = 0;
		peer->newest = seq;
	} else if (peer->newest - seq >= FEEDBACK_WINDOW) {
		return FEEDBACK_OLD;
	} else if (*seen_word(peer, seq) & bit) {
		return FEEDBACK_REPLAYED;
	}
	*seen_word(peer, seq) |= bit;
	return FEEDBACK_OK;
}

enum feedback_reason feedback_peer_take(struct feedback_peer *peer,
					const struct feedback_msg *msg,
					uint64_t real_ns)
{
	uint64_t off = msg->sent_ns > real_ns ? msg->sent_ns - real_ns
					      : real_ns - msg->sent_ns;

	if (msg->epoch < peer->epoch)
		return FEEDBACK_EPOCH;
	if (msg->epoch > peer->epoch) {
		if (off > FEEDBACK_SKEW_NS)
			return FEEDBACK_CLOCK;
		*peer = (struct feedback_peer){ .epoch = msg->epoch };
	}
	return take_seq(peer, msg->seq);
}
