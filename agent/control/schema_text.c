/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words made from the table of keys: what a key takes, what an unknown key
 * may have been meant to be, and the key list of pktagent.yaml(5).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/config.h"
#include "control/schema.h"

/* Words longer than this are not compared. */
#define WORD_MAX 32

/* Appends to the string in @ret, as much as fits. */
static void append(char *ret, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *ret, size_t size, const char *fmt, ...)
{
	size_t used = strlen(ret);
	va_list args;

	va_start(args, fmt);
	vsnprintf(ret + used, size - used, fmt, args);
	va_end(args);
}

/* ---- mistyped words ---- */

unsigned int schema_distance(const char *a, const char *b)
{
	size_t n_a = strlen(a);
	size_t n_b = strlen(b);
	unsigned int row[WORD_MAX + 1];

	if (n_a > WORD_MAX || n_b > WORD_MAX)
		return WORD_MAX;
	for (unsigned int j = 0; j <= n_b; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= n_a; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			unsigned int best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n_b];
}

bool schema_is_near(unsigned int distance, const char *word)
{
	return distance <= 1 + strlen(word) / 4 && distance < strlen(word);
}

static void list_keys(const char *prefix, char *ret, size_t size)
{
	const char *separator = "known here: ";

	for (size_t i = 0; i < schema_n_keys; i++) {
		const char *name = schema_below(&schema_keys[i], prefix);

		if (!name)
			continue;
		append(ret, size, "%s%s", separator, name);
		separator = ", ";
	}
}

/* How many characters @a and @b have in common at their beginning. */
static size_t common(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

void schema_suggest(const char *prefix, const char *name, char *ret,
		    size_t size)
{
	const struct schema_key *elsewhere = NULL;
	const char *nearest = NULL;
	unsigned int best = WORD_MAX;

	ret[0] = '\0';
	if (strcmp(name, "<<") == 0) {
		append(ret, size,
		       "merge keys are not supported; write the "
		       "keys out");
		return;
	}
	for (size_t i = 0; i < schema_n_keys; i++) {
		const char *key = schema_below(&schema_keys[i], prefix);
		const char *last = strrchr(schema_keys[i].path, '.');

		if (key && schema_distance(key, name) < best) {
			best = schema_distance(key, name);
			nearest = key;
		}
		if (strcmp(last ? last + 1 : schema_keys[i].path, name) == 0 &&
		    (!elsewhere || common(schema_keys[i].path, prefix) >=
					   common(elsewhere->path, prefix)))
			elsewhere = &schema_keys[i];
	}
	if (elsewhere)
		append(ret, size, "it belongs elsewhere, as %s; ",
		       elsewhere->path);
	else if (nearest && schema_is_near(best, name))
		append(ret, size, "did you mean \"%s\"? ", nearest);
	list_keys(prefix, ret, size);
}

/* ---- what a key takes ---- */

static void allowed_number(const struct schema_key *key, char *ret, size_t size)
{
	append(ret, size, "%sa number from %u to %u%s%s%s",
	       key->or_zero ? "0 or " : "", key->min, key->max,
	       key->unit ? " (" : "", key->unit ? key->unit : "",
	       key->unit ? ")" : "");
}

static void allowed_frames(const struct schema_key *key, char *ret, size_t size)
{
	append(ret, size,
	       "a number of frames from %u to %u, or that many bytes, such as "
	       "16MiB",
	       key->min, key->max);
}

static void allowed_choice(const struct schema_key *key, char *ret, size_t size)
{
	for (size_t i = 0; key->choices[i]; i++)
		append(ret, size, "%s%s",
		       i == 0		     ? ""
		       : key->choices[i + 1] ? ", "
					     : " or ",
		       key->choices[i]);
	if (key->unit)
		append(ret, size, " (%s)", key->unit);
}

/* What the other types take. With a tail there is a number between the two:
 * the largest, or of a string, the most characters. */
static const struct type_text {
	const char *head;
	const char *tail;
} type_texts[] = {
	[SCHEMA_MAP] = { "\"key: value\" lines, indented below it", NULL },
	[SCHEMA_LIST] = { "a list of entries with keys of their own "
			  "(\"- key: value\")",
			  NULL },
	[SCHEMA_RATE] = { "a rate from 1kbit to 1000Gbit (a second), such as "
			  "100Mbit",
			  NULL },
	[SCHEMA_BYTES] = { "a number of bytes up to ", ", such as 64KiB" },
	[SCHEMA_BOOL] = { "true or false", NULL },
	[SCHEMA_NAME] = { "a name of at most ",
			  " characters: a-z and 0-9, after the first also . _ "
			  "-" },
	[SCHEMA_PORT] = { "the name of an uplink or a VM", NULL },
	[SCHEMA_VM] = { "the name of a VM", NULL },
	[SCHEMA_IFNAME] = { "the name of a network device: at most ",
			    " printable characters, without space, / and :" },
	[SCHEMA_PATH] = { "an absolute path of at most ", " bytes, printable" },
	[SCHEMA_NETNS] = { "a name in /run/netns or an absolute path, of at "
			   "most ",
			   " printable characters" },
	[SCHEMA_MODE] = { "an octal number from 0000 to 0777 with a leading "
			  "0, such as 0660",
			  NULL },
	[SCHEMA_GROUP] = { "a group name of at most ", " characters, or none" },
	[SCHEMA_USER] = { "a user id, the name of a user of this host, or "
			  "anybody",
			  NULL },
	[SCHEMA_MAC] = { "a unicast MAC address such as 52:54:00:12:34:56",
			 NULL },
	[SCHEMA_ADDR] = { "an IPv4 or IPv6 address such as 192.0.2.7 or "
			  "2001:db8::7",
			  NULL },
	[SCHEMA_VLANS] = { "all, a VLAN from 0 to ",
			   ", or a range such as 100-199" },
	[SCHEMA_LISTEN] = { "off, or an address and a port such as "
			    "127.0.0.1:9750 or \"[::1]:9750\"",
			    NULL },
};

void schema_allowed_item(const struct schema_key *key, char *ret, size_t size)
{
	const struct type_text *text = &type_texts[key->type];

	ret[0] = '\0';
	if (key->type == SCHEMA_NUMBER)
		allowed_number(key, ret, size);
	else if (key->type == SCHEMA_FRAMES)
		allowed_frames(key, ret, size);
	else if (key->choices)
		allowed_choice(key, ret, size);
	else if (text->tail)
		append(ret, size, "%s%zu%s", text->head,
		       key->max ? key->max : key->size - 1, text->tail);
	else
		append(ret, size, "%s", text->head);
}

void schema_allowed(const struct schema_key *key, char *ret, size_t size)
{
	schema_allowed_item(key, ret, size);
	if (key->type == SCHEMA_LIST)
		append(ret, size, ", %u to %u of them", key->min_items,
		       key->max_items);
	else if (key->max_items && key->min_items > 1)
		append(ret, size, ", in a list of %u to %u such values",
		       key->min_items, key->max_items);
	else if (key->max_items)
		append(ret, size, ", or a list of %u to %u such values",
		       key->min_items, key->max_items);
}

/* ---- mdoc(7) ---- */

/* One word; what roff would take for more than text is escaped. */
static void print_word(const char *word, size_t len)
{
	if (len > 0 && (word[0] == '.' || word[0] == '\''))
		printf("\\&");
	for (size_t i = 0; i < len; i++) {
		if (word[i] == '\\')
			printf("\\e");
		else if (word[i] == '-')
			printf("\\-");
		else
			putchar(word[i]);
	}
}

/* Text in lines of at most 72 characters, a new line after each sentence. */
static void print_text(const char *text)
{
	size_t col = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (col > 0 && col + len > 72) {
			putchar('\n');
			col = 0;
		}
		if (col > 0)
			col += (size_t)printf(" ");
		print_word(text, len);
		col += len;
		if (len > 1 && text[len - 1] == '.' && text[len] == ' ') {
			putchar('\n');
			col = 0;
		}
		text += len + (text[len] == ' ');
	}
	putchar('\n');
}

static void print_key(const struct schema_key *key)
{
	char allowed[512];
	char line[640];

	printf(".It Sy ");
	print_word(key->path, strlen(key->path));
	putchar('\n');
	print_text(key->text);
	if (key->type != SCHEMA_MAP) {
		schema_allowed(key, allowed, sizeof(allowed));
		snprintf(line, sizeof(line), "Takes %s.", allowed);
		print_text(line);
	}
	if (key->required)
		printf("Required.\n");
	else if (key->def || key->def_text) {
		snprintf(line, sizeof(line), "Default: %s.",
			 key->def ? key->def : key->def_text);
		print_text(line);
	}
}

void config_print_keys_mdoc(void)
{
	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; i < schema_n_keys; i++)
		print_key(&schema_keys[i]);
	printf(".El\n");
}
