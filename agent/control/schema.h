/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of all keys of pktagent.yaml. A key is one row, and everything
 * that is known about it stands there: config.c reads the file by these rows,
 * config_value.c reads values by their types, the error texts and the key
 * list of pktagent.yaml(5) are made from them. To add a key, add a row (and a
 * member to the structure it is read into).
 */
#ifndef CONTROL_SCHEMA_H
#define CONTROL_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
	SCHEMA_MAP,  /* keys of its own */
	SCHEMA_LIST, /* a list of mappings, read into a heap array */
	/* Values. In comments: what they are read into. */
	SCHEMA_NUMBER,	      /* uint8_t, uint16_t or uint32_t, by @size */
	SCHEMA_FRAMES,	      /* uint32_t: frames, maybe written as bytes */
	SCHEMA_RATE,	      /* uint64_t: bit/s */
	SCHEMA_BYTES,	      /* uint32_t: bytes */
	SCHEMA_BOOL,	      /* bool */
	SCHEMA_CHOICE,	      /* an enum: the index in @choices */
	SCHEMA_NUMBER_CHOICE, /* uint32_t: one of the numbers in @choices */
	SCHEMA_NAME,	      /* char[]: of a VM or uplink */
	SCHEMA_PORT,	      /* char[]: such a name, to be looked up */
	SCHEMA_VM,	      /* char[]: the same, of a VM */
	SCHEMA_IFNAME,	      /* char[]: of a network device */
	SCHEMA_PATH,	      /* char[]: absolute */
	SCHEMA_NETNS,	      /* char[]: name or absolute path */
	SCHEMA_MODE,	      /* uint32_t: permission bits */
	SCHEMA_GROUP,	      /* char[]: empty = none */
	SCHEMA_USER,	      /* uid_t */
	SCHEMA_MAC,	      /* uint8_t[6] */
	SCHEMA_ADDR,	      /* struct config_addr */
	SCHEMA_VLANS,	      /* a bitmap, into which each item is added */
	SCHEMA_LISTEN,	      /* struct config: its metrics* members */
};

/*
 * @path: "[]" stands for any entry of a list. A key's row stands before those
 * of the keys below it.
 * @offset: of the member, in the structure of the enclosing list entry or in
 * struct config; of a mapping: of the structure its keys' offsets refer to.
 */
struct schema_key {
	const char *path;
	enum schema_type type;
	bool required;
	bool or_zero;	   /* number: 0 as well, with a meaning of its own */
	bool heap;	   /* items: the member points to the array */
	uint32_t min, max; /* number; frames; bytes */
	/* Scalars: max_items > 0 = a list of them, or a single one if
	 * min_items allows it. */
	uint32_t min_items, max_items;
	const char *unit;
	const char *const *choices; /* NULL at the end */
	size_t offset;
	size_t size;	 /* of the member, or of one item */
	size_t n_offset; /* uint32_t: number of items; 0 = none kept */
	/* struct config_pos to set, of the value, the items; 0 = none. For a
	 * list of mappings it is a member of the entry. */
	size_t pos, item_pos;
	/* As it would be written. NULL: the member stays zero, and @def_text
	 * says what that means. */
	const char *def;
	const char *def_text;
	const char *advice; /* for who wrote a value that is refused */
	const char *text;   /* description: sentences */
};

extern const struct schema_key schema_keys[];
extern const size_t schema_n_keys;

/* Whether @key stands directly below @prefix ("", "agent.", "vms[]."); the
 * last part of its path, or NULL. */
const char *schema_below(const struct schema_key *key, const char *prefix);

/* The row of @name below @prefix, or NULL. */
const struct schema_key *schema_find(const char *prefix, const char *name);

/* Writes what to do about the unknown key @name below @prefix: the nearest key
 * there, where it belongs, or all keys there. */
void schema_suggest(const char *prefix, const char *name, char *ret,
		    size_t size);

/* Writes what values @key takes, as the object of "must be". */
void schema_allowed(const struct schema_key *key, char *ret, size_t size);

/* Writes the same for one item of a list. */
void schema_allowed_item(const struct schema_key *key, char *ret, size_t size);

/* How many characters must be changed, added or removed to make @b of @a;
 * large for words longer than any key. */
unsigned int schema_distance(const char *a, const char *b);

/* Whether two words so far apart may be one word mistyped. */
bool schema_is_near(unsigned int distance, const char *word);

#endif
