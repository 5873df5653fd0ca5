/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One reader per type of the table. Nothing is written to the member unless
 * the whole value is right.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "control/config.h"
#include "control/config_value.h"
#include "switching/rate.h"

#define DIGITS "0123456789"

/* Digits only, without leading zeros; above UINT32_MAX is UINT64_MAX. */
static int read_digits(const char *text, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (!*text || text[strspn(text, DIGITS)] != '\0' ||
	    (text[0] == '0' && text[1] != '\0'))
		return -EINVAL;
	for (const char *p = text; *p; p++) {
		number = number * 10 + (uint64_t)(*p - '0');
		if (number > UINT32_MAX) {
			number = UINT64_MAX;
			break;
		}
	}
	*ret_number = number;
	return 0;
}

static void store_number(void *dst, size_t size, uint32_t number)
{
	uint8_t byte = (uint8_t)number;
	uint16_t word = (uint16_t)number;

	if (size == sizeof(byte))
		memcpy(dst, &byte, sizeof(byte));
	else if (size == sizeof(word))
		memcpy(dst, &word, sizeof(word));
	else
		memcpy(dst, &number, sizeof(number));
}

static int read_number(const struct schema_key *key, const char *text,
		       void *dst, const char **ret_why)
{
	uint64_t number;

	if (read_digits(text, &number)) {
		*ret_why = "write decimal digits only, without sign, unit, "
			   "exponent, spaces or leading zeros";
		return -EINVAL;
	}
	if ((number < key->min || number > key->max) &&
	    !(key->or_zero && number == 0)) {
		*ret_why = key->advice;
		return -EINVAL;
	}
	store_number(dst, key->size, (uint32_t)number);
	return 0;
}

static int read_frames(const struct schema_key *key, const char *text,
		       uint32_t frame_size, void *dst, const char **ret_why)
{
	uint64_t frames = UINT64_MAX;

	if (size_parse_frames(text, frame_size, &frames) == -EINVAL) {
		*ret_why = "write decimal digits only, or KiB, MiB or GiB "
			   "right behind them, without sign, fraction, "
			   "exponent, spaces or leading zeros";
		return -EINVAL;
	}
	if (frames < key->min || frames > key->max)
		return -EINVAL;
	store_number(dst, key->size, (uint32_t)frames);
	return 0;
}

static int read_rate(const char *text, void *dst, const char **ret_why)
{
	uint64_t bits = 0;

	if (size_parse_rate(text, &bits) == -EINVAL) {
		*ret_why = "write decimal digits with bit, kbit, Mbit or Gbit "
			   "right behind them, without sign, fraction, "
			   "exponent, spaces or leading zeros";
		return -EINVAL;
	}
	if (bits < CONFIG_MIN_RATE || bits > RATE_MAX_BITS)
		return -EINVAL;
	memcpy(dst, &bits, sizeof(bits));
	return 0;
}

static int read_bytes(const struct schema_key *key, const char *text, void *dst,
		      const char **ret_why)
{
	uint64_t bytes = UINT64_MAX;

	if (size_parse_frames(text, 1, &bytes) == -EINVAL) {
		*ret_why = "write decimal digits only, or KiB or MiB right "
			   "behind them, without sign, fraction, exponent, "
			   "spaces or leading zeros";
		return -EINVAL;
	}
	if (bytes < key->min || bytes > key->max)
		return -EINVAL;
	store_number(dst, key->size, (uint32_t)bytes);
	return 0;
}

static int read_bool(const char *text, void *dst, const char **ret_why)
{
	static const char *const others[] = { "true", "false", "yes", "no",
					      "on",   "off",   "y",   "n",
					      "1",    "0" };
	bool value = strcmp(text, "true") == 0;

	if (value || strcmp(text, "false") == 0) {
		*(bool *)dst = value;
		return 0;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcasecmp(text, others[i]) == 0)
			*ret_why = i % 2 == 0 ? "write true" : "write false";
	return -EINVAL;
}

static int read_choice(const struct schema_key *key, const char *text,
		       void *dst)
{
	for (uint32_t i = 0; key->choices[i]; i++) {
		if (strcmp(text, key->choices[i]) != 0)
			continue;
		if (key->type == SCHEMA_NUMBER_CHOICE)
			store_number(dst, key->size,
				     (uint32_t)strtoul(text, NULL, 10));
		else
			store_number(dst, key->size, i);
		return 0;
	}
	return -EINVAL;
}

/* ---- strings ---- */

static int store_string(const struct schema_key *key, const char *text,
			char *dst)
{
	memset(dst, 0, key->size);
	memcpy(dst, text, strlen(text));
	return 0;
}

/* Whether it fits, is not empty and has neither spaces nor controls at all. */
static bool is_word(const struct schema_key *key, const char *text)
{
	if (!*text || strlen(text) >= key->size)
		return false;
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return true;
}

static bool is_dots(const char *text)
{
	return strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
}

static int read_name(const struct schema_key *key, const char *text, char *dst,
		     const char **ret_why)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz" DIGITS;
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz" DIGITS "._-";

	if (strlen(text) >= key->size) {
		*ret_why = "this one is too long";
		return -EINVAL;
	}
	if (!*text || !strchr(first, *text) || text[strspn(text, rest)])
		return -EINVAL;
	return store_string(key, text, dst);
}

static int read_ifname(const struct schema_key *key, const char *text,
		       char *dst, const char **ret_why)
{
	if (strlen(text) >= key->size) {
		*ret_why = "this one is too long";
		return -EINVAL;
	}
	if (!is_word(key, text) || is_dots(text) || strpbrk(text, "/:"))
		return -EINVAL;
	return store_string(key, text, dst);
}

static int read_path(const struct schema_key *key, const char *text, char *dst)
{
	if (text[0] != '/' || strlen(text) >= key->size)
		return -EINVAL;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return -EINVAL;
	return store_string(key, text, dst);
}

static int read_netns(const struct schema_key *key, const char *text, char *dst)
{
	if (!is_word(key, text) || is_dots(text) ||
	    (text[0] != '/' && strchr(text, '/')))
		return -EINVAL;
	return store_string(key, text, dst);
}

static int read_group(const struct schema_key *key, const char *text, char *dst)
{
	if (strcmp(text, "none") == 0)
		return store_string(key, "", dst);
	if (!is_word(key, text) || strpbrk(text, ":/,"))
		return -EINVAL;
	return store_string(key, text, dst);
}

static int read_mode(const struct schema_key *key, const char *text, void *dst)
{
	const char *digits = text + 1;
	unsigned long mode;

	if (text[0] != '0')
		return -EINVAL;
	if (*digits == 'o')
		digits++;
	if (!*digits || strlen(digits) > 6 ||
	    digits[strspn(digits, "01234567")])
		return -EINVAL;
	mode = strtoul(digits, NULL, 8);
	if (mode > key->max)
		return -EINVAL;
	store_number(dst, key->size, (uint32_t)mode);
	return 0;
}

static int read_user(const char *text, uid_t *dst, const char **ret_why)
{
	struct passwd entry;
	struct passwd *found = NULL;
	char buf[4096];
	uint64_t number;

	if (strcmp(text, "anybody") == 0) {
		*dst = (uid_t)-1;
		return 0;
	}
	if (read_digits(text, &number) == 0) {
		if (number >= (uid_t)-1)
			return -EINVAL;
		*dst = (uid_t)number;
		return 0;
	}
	if (!*text || strlen(text) > 255)
		return -EINVAL;
	if (getpwnam_r(text, &entry, buf, sizeof(buf), &found) || !found) {
		*ret_why = "there is no such user";
		return -EINVAL;
	}
	*dst = entry.pw_uid;
	return 0;
}

/* ---- addresses ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int read_mac(const char *text, uint8_t *dst, const char **ret_why)
{
	static const uint8_t zero[6];
	uint8_t mac[6];

	if (strlen(text) != strlen("52:54:00:12:34:56"))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(mac); i++) {
		int high = hex_digit(text[3 * i]);
		int low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	if (mac[0] & 1) {
		*ret_why = "this one is a multicast address, because its first "
			   "byte is odd";
		return -EINVAL;
	}
	if (memcmp(mac, zero, sizeof(mac)) == 0) {
		*ret_why = "all zeros is no address";
		return -EINVAL;
	}
	memcpy(dst, mac, sizeof(mac));
	return 0;
}

static int read_addr(const char *text, struct config_addr *dst,
		     const char **ret_why)
{
	struct config_addr addr = { 0 };

	if (strchr(text, '/')) {
		*ret_why = "leave the prefix length out";
		return -EINVAL;
	}
	if (inet_pton(AF_INET, text, addr.addr) == 1)
		addr.family = 4;
	else if (inet_pton(AF_INET6, text, addr.addr) == 1)
		addr.family = 6;
	else
		return -EINVAL;
	if (addr.family == 4 ? addr.addr[0] >= 224 : addr.addr[0] == 0xff) {
		*ret_why = "multicast and broadcast are no source addresses";
		return -EINVAL;
	}
	*dst = addr;
	return 0;
}

static int read_vlans(const struct schema_key *key, const char *text,
		      uint8_t *bitmap, const char **ret_why)
{
	const char *dash = strchr(text, '-');
	uint64_t first = 0;
	uint64_t last = key->max;
	char left[8] = "";

	if (strcmp(text, "all") != 0) {
		if (dash && (size_t)(dash - text) < sizeof(left))
			memcpy(left, text, (size_t)(dash - text));
		if (read_digits(dash ? left : text, &first) ||
		    read_digits(dash ? dash + 1 : text, &last))
			return -EINVAL;
		if (first > key->max || last > key->max)
			return -EINVAL;
	}
	if (first > last) {
		*ret_why = "a range begins with the lower number";
		return -EINVAL;
	}
	for (uint64_t vlan = first; vlan <= last; vlan++)
		bitmap[vlan / 8] |= (uint8_t)(1u << vlan % 8);
	return 0;
}

/* ADDRESS:PORT, with an IPv6 address in brackets. */
static int read_listen(const char *text, struct config *dst,
		       const char **ret_why)
{
	const char *colon = strrchr(text, ':');
	bool brackets = text[0] == '[';
	char host[sizeof(dst->metrics_host)] = "";
	uint8_t addr[16];
	uint64_t port;
	size_t len;

	if (strcmp(text, "off") == 0) {
		dst->metrics = false;
		return 0;
	}
	if (!colon || (brackets && (colon == text || colon[-1] != ']')))
		return -EINVAL;
	len = (size_t)(colon - text) - (brackets ? 2 : 0);
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text + brackets, len);
	if (inet_pton(brackets ? AF_INET6 : AF_INET, host, addr) != 1) {
		*ret_why = brackets ? "in brackets stands an IPv6 address"
				    : "write a numeric IPv4 address, or an "
				      "IPv6 address in brackets";
		return -EINVAL;
	}
	if (read_digits(colon + 1, &port) || port < 1 || port > UINT16_MAX) {
		*ret_why = "the port is a number from 1 to 65535";
		return -EINVAL;
	}
	dst->metrics = true;
	dst->metrics_port = (uint16_t)port;
	memcpy(dst->metrics_host, host, sizeof(host));
	return 0;
}

int config_value_read(const struct schema_key *key, const char *text,
		      uint32_t frame_size, void *dst, const char **ret_why)
{
	*ret_why = NULL;
	switch (key->type) {
	case SCHEMA_MAP:
	case SCHEMA_LIST:
		return -EINVAL;
	case SCHEMA_NUMBER:
		return read_number(key, text, dst, ret_why);
	case SCHEMA_FRAMES:
		return read_frames(key, text, frame_size, dst, ret_why);
	case SCHEMA_RATE:
		return read_rate(text, dst, ret_why);
	case SCHEMA_BYTES:
		return read_bytes(key, text, dst, ret_why);
	case SCHEMA_BOOL:
		return read_bool(text, dst, ret_why);
	case SCHEMA_CHOICE:
	case SCHEMA_NUMBER_CHOICE:
		return read_choice(key, text, dst);
	case SCHEMA_NAME:
	case SCHEMA_PORT:
	case SCHEMA_VM:
		return read_name(key, text, dst, ret_why);
	case SCHEMA_IFNAME:
		return read_ifname(key, text, dst, ret_why);
	case SCHEMA_PATH:
		return read_path(key, text, dst);
	case SCHEMA_NETNS:
		return read_netns(key, text, dst);
	case SCHEMA_MODE:
		return read_mode(key, text, dst);
	case SCHEMA_GROUP:
		return read_group(key, text, dst);
	case SCHEMA_USER:
		return read_user(text, dst, ret_why);
	case SCHEMA_MAC:
		return read_mac(text, dst, ret_why);
	case SCHEMA_ADDR:
		return read_addr(text, dst, ret_why);
	case SCHEMA_VLANS:
		return read_vlans(key, text, dst, ret_why);
	case SCHEMA_LISTEN:
		return read_listen(text, dst, ret_why);
	}
	return -EINVAL;
}
