// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Keys of the feedback between hosts: see feedback_keys.h. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "policy/feedback_keys.h"

#define KEY_DIGITS (2 * FEEDBACK_KEY_BYTES)

/* The longest value that is shown. */
#define SHOWN_MAX  8
#define QUOTE_SIZE 40

struct key {
	crypto_generichash_state ready; /* with the key in it */
	uint8_t bytes[FEEDBACK_KEY_BYTES];
	uint16_t id;
	int line;
};

struct feedback_keys {
	struct key keys[FEEDBACK_KEYS_MAX];
	uint32_t n;
};

/* ---- reading ---- */

struct reader {
	const char *name; /* borrowed */
	const char *line;
	size_t len; /* of the line */
	size_t at;  /* in it */
	int n_line;
	char *err; /* borrowed */
	size_t err_size;
};

static int refuse(const struct reader *r, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(const struct reader *r, size_t at, const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	snprintf(r->err, r->err_size, "%s:%d:%zu: %s", r->name, r->n_line,
		 at + 1, what);
	return -EINVAL;
}

/* @text as a printable word in quotes; what is long may be a key, in the wrong
 * place, and is not shown. */
static const char *quote(const char *text, size_t len, char buf[QUOTE_SIZE])
{
	size_t used = 0;

	if (len > SHOWN_MAX) {
		snprintf(buf, QUOTE_SIZE, "%zu characters", len);
		return buf;
	}
	buf[used++] = '"';
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c == '"' || c == '\\' || c < ' ' || c > '~')
			used += (size_t)snprintf(buf + used, QUOTE_SIZE - used,
						 "\\x%02x", c);
		else
			buf[used++] = (char)c;
	}
	snprintf(buf + used, QUOTE_SIZE - used, "\"");
	return buf;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; its length, 0: there is none. */
static size_t next_word(struct reader *r, const char **ret_word)
{
	size_t begin;

	while (r->at < r->len && is_space(r->line[r->at]))
		r->at++;
	begin = r->at;
	*ret_word = r->line + begin;
	while (r->at < r->len && !is_space(r->line[r->at]) &&
	       r->line[r->at] != '#')
		r->at++;
	return r->at - begin;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int read_id(const struct reader *r, const struct feedback_keys *keys,
		   const char *word, size_t len, uint16_t *ret_id)
{
	size_t at = (size_t)(word - r->line);
	char buf[QUOTE_SIZE];
	uint32_t id = 0;

	for (size_t i = 0; i < len && id <= UINT16_MAX; i++) {
		if (word[i] < '0' || word[i] > '9')
			return refuse(
				r, at,
				"id: %s: a line must be an id, 1 to 65535, and a key",
				quote(word, len, buf));
		id = 10 * id + (uint32_t)(word[i] - '0');
	}
	if (!id || id > UINT16_MAX || word[0] == '0')
		return refuse(r, at, "id: %s: must be 1 to 65535",
			      quote(word, len, buf));
	for (uint32_t i = 0; i < keys->n; i++)
		if (keys->keys[i].id == id)
			return refuse(r, at, "id: \"%u\": is that of line %d",
				      id, keys->keys[i].line);
	*ret_id = (uint16_t)id;
	return 0;
}

static int read_key(const struct reader *r, const struct feedback_keys *keys,
		    const char *word, size_t len, struct key *key)
{
	size_t at = (size_t)(word - r->line);
	char buf[QUOTE_SIZE];
	bool same = true;

	for (size_t i = 0; i < len; i++) {
		int value = digit_value(word[i]);

		if (value < 0)
			return refuse(
				r, at + i,
				"key of id %u: %s: must be %d hexadecimal digits",
				key->id, quote(word + i, 1, buf), KEY_DIGITS);
		if (i < KEY_DIGITS)
			key->bytes[i / 2] =
				(uint8_t)(key->bytes[i / 2] << 4 | value);
	}
	if (len != KEY_DIGITS)
		return refuse(
			r, at,
			"key of id %u: %zu digits: must be %d hexadecimal digits",
			key->id, len, KEY_DIGITS);
	for (size_t i = 1; i < FEEDBACK_KEY_BYTES; i++)
		same = same && key->bytes[i] == key->bytes[0];
	if (same)
		return refuse(
			r, at,
			"key of id %u: all bytes are the same: must be random, as of openssl rand -hex %d",
			key->id, FEEDBACK_KEY_BYTES);
	for (uint32_t i = 0; i < keys->n; i++)
		if (!memcmp(keys->keys[i].bytes, key->bytes,
			    sizeof(key->bytes)))
			return refuse(
				r, at,
				"key of id %u: is the one of id %u: each must have its own",
				key->id, keys->keys[i].id);
	return 0;
}

static int read_line(struct reader *r, struct feedback_keys *keys)
{
	struct key *key = &keys->keys[keys->n];
	char buf[QUOTE_SIZE];
	const char *word;
	size_t len = next_word(r, &word);
	int err;

	if (!len)
		return 0;
	if (keys->n == FEEDBACK_KEYS_MAX)
		return refuse(r, (size_t)(word - r->line),
			      "id: %s: there may be %d keys at most",
			      quote(word, len, buf), FEEDBACK_KEYS_MAX);
	err = read_id(r, keys, word, len, &key->id);
	if (err)
		return err;
	key->line = r->n_line;
	len = next_word(r, &word);
	err = read_key(r, keys, word, len, key);
	if (err)
		return err;
	len = next_word(r, &word);
	if (len)
		return refuse(
			r, (size_t)(word - r->line),
			"behind the key of id %u: %zu characters: there must be nothing",
			key->id, len);
	crypto_generichash_init(&key->ready, key->bytes, sizeof(key->bytes),
				FEEDBACK_MAC_BYTES);
	keys->n++;
	return 0;
}

static int no_memory(const char *name, char *err, size_t err_size)
{
	snprintf(err, err_size, "%s: out of memory", name);
	return -ENOMEM;
}

int feedback_keys_parse(const char *text, size_t len, const char *name,
			struct feedback_keys **ret_keys, char *err,
			size_t err_size)
{
	struct reader r = { .name = name, .err = err, .err_size = err_size };
	struct feedback_keys *keys;
	int ret = 0;

	if (sodium_init() < 0 ||
	    posix_memalign((void **)&keys, CACHE_LINE, sizeof(*keys)))
		return no_memory(name, err, err_size);
	memset(keys, 0, sizeof(*keys));
	for (size_t begin = 0; begin < len && !ret; begin += r.len + 1) {
		const char *end = memchr(text + begin, '\n', len - begin);

		r.line = text + begin;
		r.len = end ? (size_t)(end - r.line) : len - begin;
		r.at = 0;
		r.n_line++;
		ret = read_line(&r, keys);
	}
	if (!ret && !keys->n) {
		r.n_line = 1;
		ret = refuse(
			&r, 0,
			"no key: there must be 1 to %d lines of an id and a key",
			FEEDBACK_KEYS_MAX);
	}
	if (ret) {
		feedback_keys_free(keys);
		return ret;
	}
	*ret_keys = keys;
	return 0;
}

/* ---- the file ---- */

/* Reads all of it into @buf; *ret_len is how much that is. */
static int read_file(const char *path, char *buf, size_t size, size_t *ret_len,
		     char *err, size_t err_size)
{
	int fd _cleanup_close_ =
		open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0;
	struct stat st;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st)) {
		n = -errno;
		snprintf(err, err_size, "%s: %s", path, strerror((int)-n));
		return (int)n;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(err, err_size, "%s: is not a regular file", path);
		return -EINVAL;
	}
	if (st.st_mode & (S_IWGRP | S_IRWXO)) {
		snprintf(
			err, err_size,
			"%s: mode 0%03o: must be 0640 or less, keys are secret",
			path, st.st_mode & 0777u);
		return -EINVAL;
	}
	while (n > 0 && len < size) {
		n = read(fd, buf + len, size - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (n < 0) {
		n = -errno;
		snprintf(err, err_size, "%s: %s", path, strerror((int)-n));
		return (int)n;
	}
	if (len == size) {
		snprintf(err, err_size, "%s: must have less than %zu bytes",
			 path, size);
		return -EINVAL;
	}
	*ret_len = len;
	return 0;
}

int feedback_keys_load(const char *path, struct feedback_keys **ret_keys,
		       char *err, size_t err_size)
{
	char *buf = malloc(FEEDBACK_KEYS_MAX_FILE);
	size_t len = 0;
	int ret;

	if (!buf)
		return no_memory(path, err, err_size);
	ret = read_file(path, buf, FEEDBACK_KEYS_MAX_FILE, &len, err, err_size);
	if (!ret)
		ret = feedback_keys_parse(buf, len, path, ret_keys, err,
					  err_size);
	sodium_memzero(buf, FEEDBACK_KEYS_MAX_FILE);
	free(buf);
	return ret;
}

void feedback_keys_free(struct feedback_keys *keys)
{
	if (!keys)
		return;
	sodium_memzero(keys, sizeof(*keys));
	free(keys);
}

/* ---- using them ---- */

uint16_t feedback_keys_first(const struct feedback_keys *keys)
{
	return keys->keys[0].id;
}

bool feedback_keys_mac(const struct feedback_keys *keys, uint16_t id,
		       const void *data, size_t len,
		       uint8_t ret_mac[FEEDBACK_MAC_BYTES])
{
	for (uint32_t i = 0; i < keys->n; i++) {
		crypto_generichash_state state;

		if (keys->keys[i].id != id)
			continue;
		state = keys->keys[i].ready;
		crypto_generichash_update(&state, data, len);
		crypto_generichash_final(&state, ret_mac, FEEDBACK_MAC_BYTES);
		return true;
	}
	return false;
}

bool feedback_keys_verify(const struct feedback_keys *keys, uint16_t id,
			  const void *data, size_t len,
			  const uint8_t mac[FEEDBACK_MAC_BYTES],
			  bool *ret_known)
{
	uint8_t right[FEEDBACK_MAC_BYTES];

	*ret_known = feedback_keys_mac(keys, id, data, len, right);
	return *ret_known && !sodium_memcmp(right, mac, sizeof(right));
}
