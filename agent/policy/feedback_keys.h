/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keys that hosts know each other's feedback by (feedback.h), from a file:
 *
 *	# ID KEY: all are accepted, the first one is sent with
 *	2 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *	1 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
 *
 * An ID is 1 to 65535, a KEY 32 random bytes as hexadecimal digits ("openssl
 * rand -hex 32"). Rotation without a gap: add the new key at the end, on all
 * hosts; then move it to the front, on all hosts; then take the old one away.
 *
 * The MAC is BLAKE2b (RFC 7693) with the key and 16 bytes of output, of
 * libsodium, whose licence (ISC) goes with both of ours. A key's first block is
 * compressed once, when it is read.
 *
 * Keys are made, read by any thread, and freed as a whole: a reload makes others
 * and publishes them. Their memory is cleared when they are freed. No message,
 * and no error line, has a key or a part of it.
 */
#ifndef POLICY_FEEDBACK_KEYS_H
#define POLICY_FEEDBACK_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEEDBACK_KEYS_MAX      8
#define FEEDBACK_KEY_BYTES     32
#define FEEDBACK_KEYS_MAX_FILE 16384 /* bytes */
#define FEEDBACK_MAC_BYTES     16

struct feedback_keys;

/*
 * Reads @len bytes of @text, which @name is the name of; or the file @path, which
 * must be a regular one that only its owner may write, and only owner and group
 * read. 0: *ret_keys is the caller's, for feedback_keys_free(), which takes NULL.
 * -EINVAL, -ENOMEM or another negative errno: with one printable line in @err,
 * "NAME:LINE:COLUMN: WHAT: VALUE: WHAT IS ALLOWED", cut at @err_size. (Of a key
 * the value is how many digits it has, or the one that is none.)
 */
int feedback_keys_parse(const char *text, size_t len, const char *name,
			struct feedback_keys **ret_keys, char *err,
			size_t err_size);
int feedback_keys_load(const char *path, struct feedback_keys **ret_keys,
		       char *err, size_t err_size);
void feedback_keys_free(struct feedback_keys *keys);

/* The key that is sent with. */
uint16_t feedback_keys_first(const struct feedback_keys *keys);

/* The MAC of @data by key @id. False: there is no such key. */
bool feedback_keys_mac(const struct feedback_keys *keys, uint16_t id,
		       const void *data, size_t len,
		       uint8_t ret_mac[FEEDBACK_MAC_BYTES]);

/* The same, and whether it is @mac, in a time that does not depend on either.
 * *ret_known says whether there is such a key. */
bool feedback_keys_verify(const struct feedback_keys *keys, uint16_t id,
			  const void *data, size_t len,
			  const uint8_t mac[FEEDBACK_MAC_BYTES],
			  bool *ret_known);

#endif
