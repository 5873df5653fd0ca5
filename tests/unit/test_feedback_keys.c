// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files of keys (policy/feedback_keys.c). */
#include <sys/stat.h>

#include "policy/feedback_keys.h"
#include "unit.h"

#define K1   "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
#define K2   "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
#define D8   "01234567"
#define K(n) D8 D8 D8 D8 D8 D8 D8 "0000000" #n

static void accept(const char *text, uint16_t first)
{
	struct feedback_keys *keys = NULL;
	char err[256] = "";
	int ret = feedback_keys_parse(text, strlen(text), "f", &keys, err,
				      sizeof(err));

	assert_string_equal(err, "");
	assert_int_equal(ret, 0);
	assert_int_equal(feedback_keys_first(keys), first);
	feedback_keys_free(keys);
}

static void test_accepted(void **state)
{
	(void)state;
	accept("1 " K1, 1);
	accept("65535 " K2 "\n", 65535);
	accept("# keys\n\n\t 7\t" K1 " # of May\r\n  \n2 " K2 "#\n#", 7);
	accept("1 " K(1) "\n2 " K(2) "\n3 " K(3) "\n4 " K(4) "\n5 " K(
		       5) "\n6 " K(6) "\n7 " K(7) "\n8 " K(8) "\n\n",
	       1);
	feedback_keys_free(NULL);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *err;
	} rows[] = {
		{ "",
		  "f:1:1: no key: there must be 1 to 8 lines of an id and a key" },
		{ "# 1 " K1,
		  "f:1:1: no key: there must be 1 to 8 lines of an id and a key" },
		{ "\nkey " K1,
		  "f:2:1: id: \"key\": a line must be an id, 1 to 65535, and a key" },
		{ "\"\x01\x80 " K1,
		  "f:1:1: id: \"\\x22\\x01\\x80\": a line must be an id, 1 to 65535, and a key" },
		{ " 0 " K1, "f:1:2: id: \"0\": must be 1 to 65535" },
		{ "01 " K1, "f:1:1: id: \"01\": must be 1 to 65535" },
		{ "65536 " K1, "f:1:1: id: \"65536\": must be 1 to 65535" },
		{ "99999999999999999999 " K1,
		  "f:1:1: id: 20 characters: must be 1 to 65535" },
		/* A key, where its id should be, is not shown. */
		{ "f" K1,
		  "f:1:1: id: 65 characters: a line must be an id, 1 to 65535, and a key" },
		{ K1,
		  "f:1:1: id: 64 characters: a line must be an id, 1 to 65535, and a key" },
		{ "1 " K1 "\n\n1 " K2, "f:3:1: id: \"1\": is that of line 1" },
		{ "1",
		  "f:1:2: key of id 1: 0 digits: must be 64 hexadecimal digits" },
		{ "1 " D8,
		  "f:1:3: key of id 1: 8 digits: must be 64 hexadecimal digits" },
		{ "1 " K1 "0",
		  "f:1:3: key of id 1: 65 digits: must be 64 hexadecimal digits" },
		{ "1 0x" K1,
		  "f:1:4: key of id 1: \"x\": must be 64 hexadecimal digits" },
		{ "1 " D8 "\x7f",
		  "f:1:11: key of id 1: \"\\x7f\": must be 64 hexadecimal digits" },
		{ "1 " K1 " " K2,
		  "f:1:68: behind the key of id 1: 64 characters: there must be nothing" },
		{ "1 " K1 "\n2 " K1,
		  "f:2:3: key of id 2: is the one of id 1: each must have its own" },
		{ "3 00000000000000000000000000000000"
		  "00000000000000000000000000000000",
		  "f:1:3: key of id 3: all bytes are the same: must be random, as of openssl rand -hex 32" },
		{ "1 " K(1) "\n2 " K(2) "\n3 " K(3) "\n4 " K(4) "\n5 " K(
			  5) "\n6 " K(6) "\n7 " K(7) "\n8 " K(8) "\n9 " K(9),
		  "f:9:1: id: \"9\": there may be 8 keys at most" },
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct feedback_keys *keys = NULL;
		char err[256] = "";
		int ret = feedback_keys_parse(rows[i].text,
					      strlen(rows[i].text), "f", &keys,
					      err, sizeof(err));

		assert_int_equal(ret, -EINVAL);
		assert_null(keys);
		assert_string_equal(err, rows[i].err);
		feedback_keys_parse(rows[i].text, strlen(rows[i].text), "f",
				    &keys, err, 12);
		assert_int_equal(strlen(err), 11);
	}
}

/* A NUL is a character like any other, and memory ends where it is said to. */
static void test_any_bytes(void **state)
{
	struct feedback_keys *keys = NULL;
	char *text = malloc(3);
	char err[256];

	(void)state;
	assert_non_null(text);
	memcpy(text, "1 \0", 3);
	assert_int_equal(feedback_keys_parse(text, 3, "f", &keys, err,
					     sizeof(err)),
			 -EINVAL);
	assert_string_equal(
		err,
		"f:1:3: key of id 1: \"\\x00\": must be 64 hexadecimal digits");
	free(text);
}

/* Digits in either case are the same key; another key is another MAC. */
static void test_mac(void **state)
{
	static const char lower[] =
		"5 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
	static const char upper[] = "5 " K2 "\n6 " K1;
	struct feedback_keys *a = NULL, *b = NULL;
	uint8_t mac[3][FEEDBACK_MAC_BYTES];
	bool known;
	char err[64];

	(void)state;
	assert_int_equal(feedback_keys_parse(lower, strlen(lower), "f", &a, err,
					     sizeof(err)),
			 0);
	assert_int_equal(feedback_keys_parse(upper, strlen(upper), "f", &b, err,
					     sizeof(err)),
			 0);
	assert_true(feedback_keys_mac(a, 5, "x", 1, mac[0]));
	assert_true(feedback_keys_mac(b, 5, "x", 1, mac[1]));
	assert_true(feedback_keys_mac(b, 6, "x", 1, mac[2]));
	assert_false(feedback_keys_mac(a, 6, "x", 1, mac[2]));
	assert_memory_equal(mac[0], mac[1], sizeof(mac[0]));
	assert_memory_not_equal(mac[0], mac[2], sizeof(mac[0]));
	/* The same again: a key is not used up. */
	assert_true(feedback_keys_verify(b, 5, "x", 1, mac[0], &known));
	assert_true(known);
	assert_false(feedback_keys_verify(b, 6, "x", 1, mac[0], &known));
	assert_true(known);
	assert_false(feedback_keys_verify(b, 7, "x", 1, mac[0], &known));
	assert_false(known);
	mac[0][15] ^= 1;
	assert_false(feedback_keys_verify(b, 5, "x", 1, mac[0], &known));
	feedback_keys_free(a);
	feedback_keys_free(b);
}

/* ---- files ---- */

static void test_file(void **state)
{
	char path[] = "/tmp/test_feedback_keys.XXXXXX", err[256] = "";
	char want[256];
	struct feedback_keys *keys = NULL;
	int fd = mkstemp(path);
	static char long_text[FEEDBACK_KEYS_MAX_FILE];

	(void)state;
	assert_true(fd >= 0);
	dprintf(fd, "9 " K1 "\n");
	assert_int_equal(feedback_keys_load(path, &keys, err, sizeof(err)), 0);
	assert_int_equal(feedback_keys_first(keys), 9);
	feedback_keys_free(keys);
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_int_equal(feedback_keys_load(path, &keys, err, sizeof(err)), 0);
	feedback_keys_free(keys);

	keys = NULL;
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(feedback_keys_load(path, &keys, err, sizeof(err)),
			 -EINVAL);
	snprintf(want, sizeof(want),
		 "%s: mode 0644: must be 0640 or less, keys are secret", path);
	assert_string_equal(err, want);
	assert_int_equal(fchmod(fd, 0660), 0);
	assert_int_equal(feedback_keys_load(path, &keys, err, sizeof(err)),
			 -EINVAL);
	assert_int_equal(fchmod(fd, 0600), 0);
	dprintf(fd, "9 " K2 "\n");
	assert_int_equal(feedback_keys_load(path, &keys, err, sizeof(err)),
			 -EINVAL);
	snprintf(want, sizeof(want), "%s:2:1: id: \"9\": is that of line 1",
		 path);
	assert_string_equal(err, want);
	memset(long_text, '\n', sizeof(long_text));
	assert_int_equal(write(fd, long_text, sizeof(long_text)),
			 sizeof(long_text));
	assert_int_equal(feedback_keys_load(path, &keys, err, sizeof(err)),
			 -EINVAL);
	assert_non_null(strstr(err, ": must have less than 16384 bytes"));
	close(fd);
	unlink(path);
	assert_int_equal(feedback_keys_load(path, &keys, err, sizeof(err)),
			 -ENOENT);
	assert_non_null(strstr(err, ": No such file"));
	assert_int_equal(feedback_keys_load("/tmp", &keys, err, sizeof(err)),
			 -EINVAL);
	assert_string_equal(err, "/tmp: is not a regular file");
	assert_null(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
