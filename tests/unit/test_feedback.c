// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The messages about rates between hosts (policy/feedback.c). */
#include "policy/feedback.h"
#include "unit.h"

#define K1  "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
#define K2  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define NOW 1700000000000000000ull

static struct feedback_keys *keys(const char *text)
{
	struct feedback_keys *ret = NULL;
	char err[256] = "";

	assert_int_equal(feedback_keys_parse(text, strlen(text), "keys", &ret,
					     err, sizeof(err)),
			 0);
	return ret;
}

static const struct feedback_msg example = {
	.source = { 2, 0, 0, 0, 0, 1 },
	.dest = { 2, 0, 0, 0, 0, 2 },
	.vlan = 7,
	.ecn = 0x1234,
	.rate_kbps = 10000000,
	.measured_kbps = 123456,
};

static const struct feedback_sender begin = { 0x1122334455667788, NOW, 0 };

/* Messages of @sender in a row. */
static void make(struct feedback_sender *sender, const struct feedback_keys *k,
		 uint8_t *data)
{
	assert_int_equal(feedback_encode(sender, k, &example, NOW + 5, data),
			 0);
}

/* What goes in comes out, every field to its ends. */
static void test_round_trip(void **state)
{
	struct feedback_keys *k = keys("1 " K1);
	struct feedback_sender sender = begin;
	uint64_t seed = 3;

	(void)state;
	for (uint32_t i = 1; i < 5000; i++) {
		struct feedback_msg m = example, got;
		uint64_t real = unit_random(&seed);
		uint8_t data[FEEDBACK_LEN];

		m.source[0] = (uint8_t)unit_random(&seed) & 0xfe;
		m.source[5] = (uint8_t)unit_random(&seed);
		m.dest[1] = (uint8_t)(1 + unit_below(&seed, 255));
		m.vlan = (uint16_t)unit_below(&seed, 4095);
		m.ecn = (uint16_t)unit_random(&seed);
		m.rate_kbps = (uint32_t)unit_random(&seed) | 1;
		m.measured_kbps = (uint32_t)unit_random(&seed);
		m.source[4] = 1;
		assert_int_equal(feedback_encode(&sender, k, &m, real, data),
				 0);
		assert_int_equal(feedback_decode(k, data, sizeof(data), &got),
				 FEEDBACK_OK);
		assert_int_equal(got.from, sender.from);
		assert_int_equal(got.epoch, NOW);
		assert_int_equal(got.seq, i);
		assert_int_equal(got.sent_ns, real);
		assert_memory_equal(got.source, m.source, 6);
		assert_memory_equal(got.dest, m.dest, 6);
		assert_int_equal(got.vlan, m.vlan);
		assert_int_equal(got.ecn, m.ecn);
		assert_int_equal(got.rate_kbps, m.rate_kbps);
		assert_int_equal(got.measured_kbps, m.measured_kbps);
	}
	feedback_keys_free(k);
}

/* The bytes, as another implementation would have them (made with Python's
 * hashlib.blake2b(key=..., digest_size=16)). */
static void test_bytes(void **state)
{
	static const uint8_t want[FEEDBACK_LEN] = {
		0x50, 0x46, 0x01, 0x00, 0x00, 0x50, 0x01, 0x02, 0x11, 0x22,
		0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x17, 0x97, 0x9c, 0xfe,
		0x36, 0x2a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x01, 0x17, 0x97, 0x9c, 0xfe, 0x36, 0x2a, 0x00, 0x05,
		0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00,
		0x00, 0x02, 0x00, 0x07, 0x12, 0x34, 0x00, 0x98, 0x96, 0x80,
		0x00, 0x01, 0xe2, 0x40, 0x23, 0xd0, 0xa2, 0xd9, 0x05, 0xbc,
		0x22, 0x41, 0x0c, 0x83, 0x55, 0x8d, 0xea, 0xfd, 0xe6, 0x6f,
	};
	struct feedback_keys *k = keys("258 " K1);
	struct feedback_sender sender = begin;
	uint8_t data[FEEDBACK_LEN];

	(void)state;
	make(&sender, k, data);
	assert_memory_equal(data, want, sizeof(want));
	feedback_keys_free(k);
}

/* Each bit of a message turned over, and each two neighbours. */
static void test_bit_flips(void **state)
{
	uint32_t n[FEEDBACK_N_REASONS] = { 0 };
	struct feedback_keys *k = keys("1 " K1 "\n3 " K2);
	struct feedback_msg got, untouched;
	struct feedback_sender sender = begin;
	uint8_t data[FEEDBACK_LEN];

	(void)state;
	memset(&got, 0xa5, sizeof(got));
	untouched = got;
	make(&sender, k, data);
	for (uint32_t i = 0; i < 8 * FEEDBACK_LEN; i++) {
		enum feedback_reason reason;

		data[i / 8] ^= (uint8_t)(1 << i % 8);
		reason = feedback_decode(k, data, sizeof(data), &got);
		assert_int_not_equal(reason, FEEDBACK_OK);
		assert_memory_equal(&got, &untouched, sizeof(got));
		n[reason]++;
		if (i % 8 < 7) {
			data[i / 8] ^= (uint8_t)(2 << i % 8);
			assert_int_not_equal(
				feedback_decode(k, data, sizeof(data), &got),
				FEEDBACK_OK);
			data[i / 8] ^= (uint8_t)(2 << i % 8);
		}
		data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(feedback_decode(k, data, sizeof(data), &got),
			 FEEDBACK_OK);
	assert_int_equal(n[FEEDBACK_VERSION], 24);
	assert_int_equal(n[FEEDBACK_LENGTH], 16);
	/* Key 3 is there as well. */
	assert_int_equal(n[FEEDBACK_KEY], 15);
	assert_int_equal(n[FEEDBACK_MAC], 8 * FEEDBACK_LEN - 55);
	feedback_keys_free(k);
}

/* Shorter and longer ones, in memory of their own. */
static void test_lengths(void **state)
{
	struct feedback_keys *k = keys("1 " K1);
	struct feedback_sender sender = begin;
	uint8_t data[FEEDBACK_LEN];
	struct feedback_msg got;

	(void)state;
	make(&sender, k, data);
	for (size_t len = 0; len < 300; len++) {
		uint8_t *copy = calloc(1, len + !len);

		assert_non_null(copy);
		memcpy(copy, data, len < sizeof(data) ? len : sizeof(data));
		assert_int_equal(feedback_decode(k, copy, len, &got),
				 len == FEEDBACK_LEN ? FEEDBACK_OK
						     : FEEDBACK_LENGTH);
		free(copy);
	}
	feedback_keys_free(k);
}

/* Fields that cannot be, with a right MAC. */
static void test_malformed(void **state)
{
	static const struct {
		uint32_t at, n;
		uint8_t bytes[6];
	} rows[] = {
		{ 3, 1, { 1 } },  /* flags */
		{ 8, 8, { 0 } },  /* from */
		{ 16, 8, { 0 } }, /* epoch */
		{ 24, 8, { 0 } }, /* sequence */
		{ 40, 6, { 0 } }, /* source */
		{ 40, 1, { 3 } }, /* of a group */
		{ 46, 6, { 0 } }, /* dest */
		{ 46, 6, { 255, 255, 255, 255, 255, 255 } },
		{ 46, 6, { 2, 0, 0, 0, 0, 1 } }, /* the source's */
		{ 52, 2, { 0x0f, 0xff } },	 /* VLAN */
		{ 52, 2, { 0x80, 7 } },
		{ 56, 4, { 0 } }, /* rate */
	};
	struct feedback_keys *k = keys("1 " K1);
	struct feedback_msg got;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct feedback_sender sender = begin;
		uint8_t data[FEEDBACK_LEN];

		make(&sender, k, data);
		memset(data + rows[i].at, 0, rows[i].n);
		memcpy(data + rows[i].at, rows[i].bytes,
		       rows[i].n < 6 ? rows[i].n : 6);
		assert_int_equal(feedback_decode(k, data, sizeof(data), &got),
				 FEEDBACK_MAC);
		assert_true(feedback_keys_mac(k, 1, data, 64, data + 64));
		assert_int_equal(feedback_decode(k, data, sizeof(data), &got),
				 FEEDBACK_MALFORMED);
	}
	feedback_keys_free(k);
}

/* Nor are they sent, and no number is used up. */
static void test_not_sent(void **state)
{
	struct feedback_keys *k = keys("1 " K1);
	struct feedback_sender sender = begin;
	uint8_t data[FEEDBACK_LEN] = { 0 }, untouched[FEEDBACK_LEN] = { 0 };
	struct feedback_msg m = example;

	(void)state;
	m.rate_kbps = 0;
	assert_int_equal(feedback_encode(&sender, k, &m, NOW, data), -EINVAL);
	m = example;
	m.vlan = 4095;
	assert_int_equal(feedback_encode(&sender, k, &m, NOW, data), -EINVAL);
	m = example;
	m.dest[0] = 1;
	assert_int_equal(feedback_encode(&sender, k, &m, NOW, data), -EINVAL);
	assert_memory_equal(data, untouched, sizeof(data));
	assert_int_equal(sender.seq, 0);
	feedback_keys_free(k);
}

/* ---- keys ---- */

/* Three steps, on two hosts that take them at different times: at no time is
 * either's message refused. */
static void test_rotation(void **state)
{
	static const char *const steps[] = { "1 " K1, "1 " K1 "\n2 " K2,
					     "2 " K2 "\n1 " K1, "2 " K2 };

	(void)state;
	for (uint32_t i = 0; i < 7; i++) {
		struct feedback_keys *a = keys(steps[(i + 1) / 2]);
		struct feedback_keys *b = keys(steps[i / 2]);
		struct feedback_sender sender = begin;
		uint8_t data[FEEDBACK_LEN];
		struct feedback_msg got;

		make(&sender, a, data);
		assert_int_equal(feedback_decode(b, data, sizeof(data), &got),
				 FEEDBACK_OK);
		make(&sender, b, data);
		assert_int_equal(feedback_decode(a, data, sizeof(data), &got),
				 FEEDBACK_OK);
		feedback_keys_free(a);
		feedback_keys_free(b);
	}
}

/* Another key, by another id or by the same. */
static void test_wrong_key(void **state)
{
	struct feedback_keys *a = keys("1 " K1), *b = keys("2 " K1);
	struct feedback_keys *c = keys("1 " K2);
	struct feedback_sender sender = begin;
	uint8_t data[FEEDBACK_LEN];
	struct feedback_msg got;

	(void)state;
	make(&sender, a, data);
	assert_int_equal(feedback_decode(b, data, sizeof(data), &got),
			 FEEDBACK_KEY);
	assert_int_equal(feedback_decode(c, data, sizeof(data), &got),
			 FEEDBACK_MAC);
	feedback_keys_free(a);
	feedback_keys_free(b);
	feedback_keys_free(c);
}

/* ---- old messages ---- */

static enum feedback_reason take(struct feedback_peer *peer, uint64_t epoch,
				 uint64_t seq)
{
	struct feedback_msg m = { .epoch = epoch, .seq = seq, .sent_ns = NOW };

	return feedback_peer_take(peer, &m, NOW);
}

/* In any order, each once; beside a model that remembers all. */
static void test_window(void **state)
{
	static bool seen[300000];
	struct feedback_peer peer = { 0 };
	uint32_t n[FEEDBACK_N_REASONS] = { 0 };
	uint64_t newest = 0, seed = 8;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < 300000; i++) {
		uint64_t seq = 1 + newest, want = FEEDBACK_OK;

		switch (unit_below(&seed, 4)) {
		case 0: /* on; now and then far */
			seq += unit_below(&seed, i % 2048 ? 2 : 2500);
			break;
		default:
			seq -= unit_below(&seed, i % 32 ? 64 : 1400);
		}
		if (seq < 1 || seq > newest + 3000)
			seq = 1;
		if (seq >= ARRAY_SIZE(seen))
			break;
		if (seq + FEEDBACK_WINDOW <= newest)
			want = FEEDBACK_OLD;
		else if (seen[seq])
			want = FEEDBACK_REPLAYED;
		assert_int_equal(take(&peer, NOW, seq), want);
		n[want]++;
		seen[seq] = true;
		if (seq > newest)
			newest = seq;
	}
	assert_true(n[FEEDBACK_OK] > 10000 && n[FEEDBACK_REPLAYED] > 10000);
	assert_true(n[FEEDBACK_OLD] > 100);
}

static void test_window_ends(void **state)
{
	struct feedback_peer peer = { 0 };

	(void)state;
	assert_int_equal(take(&peer, NOW, UINT64_MAX), FEEDBACK_OK);
	assert_int_equal(take(&peer, NOW, UINT64_MAX), FEEDBACK_REPLAYED);
	assert_int_equal(take(&peer, NOW, UINT64_MAX - 959), FEEDBACK_OK);
	assert_int_equal(take(&peer, NOW, UINT64_MAX - 960), FEEDBACK_OLD);
	assert_int_equal(take(&peer, NOW, 1), FEEDBACK_OLD);

	peer = (struct feedback_peer){ 0 };
	assert_int_equal(take(&peer, NOW, 1), FEEDBACK_OK);
	assert_int_equal(take(&peer, NOW, 1), FEEDBACK_REPLAYED);
	assert_int_equal(take(&peer, NOW, 960), FEEDBACK_OK);
	assert_int_equal(take(&peer, NOW, 2), FEEDBACK_OK);
	assert_int_equal(take(&peer, NOW, 1), FEEDBACK_REPLAYED);
	assert_int_equal(take(&peer, NOW, 961), FEEDBACK_OK);
	assert_int_equal(take(&peer, NOW, 1), FEEDBACK_OLD);
}

/* All that was recorded before a host began anew is refused after it. */
static void test_restart(void **state)
{
	struct feedback_keys *k = keys("1 " K1);
	struct feedback_peer peer = { 0 };
	struct feedback_sender sender;
	uint8_t old[200][FEEDBACK_LEN], data[FEEDBACK_LEN];
	struct feedback_msg got;

	(void)state;
	feedback_sender_init(&sender, 7, 0, NOW);
	for (uint32_t i = 0; i < 200; i++) {
		make(&sender, k, old[i]);
		assert_int_equal(feedback_decode(k, old[i], FEEDBACK_LEN, &got),
				 FEEDBACK_OK);
		if (i % 2)
			assert_int_equal(feedback_peer_take(&peer, &got, NOW),
					 FEEDBACK_OK);
	}
	/* The clock was set back in between. */
	feedback_sender_init(&sender, 7, sender.epoch, NOW - 1000);
	assert_int_equal(sender.epoch, NOW + 1);
	make(&sender, k, data);
	assert_int_equal(feedback_decode(k, data, FEEDBACK_LEN, &got),
			 FEEDBACK_OK);
	assert_int_equal(got.seq, 1);
	assert_int_equal(feedback_peer_take(&peer, &got, NOW), FEEDBACK_OK);
	assert_int_equal(feedback_peer_take(&peer, &got, NOW),
			 FEEDBACK_REPLAYED);
	for (uint32_t i = 0; i < 200; i++) {
		feedback_decode(k, old[i], FEEDBACK_LEN, &got);
		assert_int_equal(feedback_peer_take(&peer, &got, NOW),
				 FEEDBACK_EPOCH);
	}
	make(&sender, k, data);
	feedback_decode(k, data, FEEDBACK_LEN, &got);
	assert_int_equal(feedback_peer_take(&peer, &got, NOW), FEEDBACK_OK);
	feedback_keys_free(k);
}

/* Who remembers nothing takes no message that is older than half a minute, and
 * none of a clock that is as far ahead; but clocks may part later. */
static void test_clock(void **state)
{
	struct feedback_msg m = { .epoch = 5, .seq = 1, .sent_ns = NOW };
	struct feedback_peer peer = { 0 }, untouched = { 0 };
	uint64_t skew = FEEDBACK_SKEW_NS;

	(void)state;
	assert_int_equal(feedback_peer_take(&peer, &m, NOW + skew + 1),
			 FEEDBACK_CLOCK);
	assert_int_equal(feedback_peer_take(&peer, &m, NOW - skew - 1),
			 FEEDBACK_CLOCK);
	assert_int_equal(feedback_peer_take(&peer, &m, 0), FEEDBACK_CLOCK);
	assert_int_equal(feedback_peer_take(&peer, &m, UINT64_MAX),
			 FEEDBACK_CLOCK);
	assert_memory_equal(&peer, &untouched, sizeof(peer));
	assert_int_equal(feedback_peer_take(&peer, &m, NOW + skew),
			 FEEDBACK_OK);
	m.seq = 2;
	assert_int_equal(feedback_peer_take(&peer, &m, NOW + 10 * skew),
			 FEEDBACK_OK);
	m.epoch = 6;
	assert_int_equal(feedback_peer_take(&peer, &m, NOW + 10 * skew),
			 FEEDBACK_CLOCK);
	assert_int_equal(peer.epoch, 5);
	assert_int_equal(feedback_peer_take(&peer, &m, NOW - skew),
			 FEEDBACK_OK);
}

/* ---- the rest ---- */

static void test_names(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FEEDBACK_N_REASONS; i++) {
		assert_non_null(feedback_reason_name(i));
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(feedback_reason_name(i),
						feedback_reason_name(j));
	}
	assert_int_equal(feedback_host("host1"), feedback_host("host1"));
	assert_int_not_equal(feedback_host("host1"), feedback_host("host2"));
	assert_int_not_equal(feedback_host(""), 0);
}

static void test_per_round(void **state)
{
	(void)state;
	/* 2 % of 10 Gbit/s in 200 us: 40 kbit */
	assert_int_equal(feedback_per_round(10000000000, 20, 200000), 29);
	assert_int_equal(feedback_per_round(1000000, 1, 200000), 1);
	assert_int_equal(feedback_per_round(UINT64_MAX, 1000, UINT64_MAX),
			 UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bit_flips),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_not_sent),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_ends),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_per_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
