/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Builds the tree from libyaml's events. The text is checked first (UTF-8, no
 * control characters), so that libyaml's reader finds nothing to complain of,
 * and libyaml's own messages are put into words that say what to do.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "control/config_tree.h"

struct builder {
	struct config_tree *tree;
	const struct config_error *error;
	const char *text;
	size_t len;
	yaml_parser_t parser;
	struct config_node *open[CONFIG_TREE_DEPTH];
	size_t depth;
	size_t n_nodes; /* aliases count as well */
	struct config_node *anchors[CONFIG_TREE_ANCHORS];
	size_t n_anchors;
};

static struct config_pos pos_of(yaml_mark_t mark)
{
	return (struct config_pos){ .line = (int)mark.line + 1,
				    .col = (int)mark.column + 1 };
}

/* ---- the text ---- */

/* The length of the character at @s if a configuration may contain it, or 0.
 * U+0085, U+2028 and U+2029 are line breaks to YAML but not to editors. */
static size_t char_len(const char *s, size_t len)
{
	int32_t code;
	size_t step = config_error_decode(s, len, &code);

	if (code == '\t' || code == '\n' || code == '\r')
		return step;
	if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 ||
	    code == 0x2029 || code == 0xfeff || code == 0xfffe ||
	    code == 0xffff)
		return 0;
	return step;
}

static bool is_break(const char *text, size_t len, size_t i)
{
	return text[i] == '\n' ||
	       (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n'));
}

static int check_text(const char *text, size_t len,
		      const struct config_error *error)
{
	struct config_pos pos = { .line = 1, .col = 1 };
	char value[32];

	if (len > CONFIG_TREE_BYTES) {
		snprintf(value, sizeof(value), "%zu bytes", len);
		return config_error_set(error, pos, CONFIG_TREE_FILE, value,
					"must be at most %d bytes long; is "
					"this the right file?",
					CONFIG_TREE_BYTES);
	}
	for (size_t i = 0; i < len;) {
		size_t step = char_len(text + i, len - i);

		if (step == 0) {
			snprintf(value, sizeof(value), "byte 0x%02x",
				 (uint8_t)text[i]);
			return config_error_set(
				error, pos, CONFIG_TREE_FILE, value,
				"must be UTF-8 text without control "
				"characters; remove or retype what stands "
				"here");
		}
		/* libyaml compares each tag directive with all before it. */
		if (pos.col == 1 && len - i >= strlen("%TAG") &&
		    memcmp(text + i, "%TAG", strlen("%TAG")) == 0)
			return config_error_set(error, pos, CONFIG_TREE_FILE,
						"\"%TAG\"",
						"tags (\"!\") are not used "
						"here: remove the line");
		if (is_break(text, len, i)) {
			pos.line++;
			pos.col = 1;
		} else {
			pos.col++;
		}
		i += step;
	}
	return 0;
}

/* ---- syntax errors ---- */

/* What to do about libyaml's messages. @at_context: the place to look at is
 * where the broken thing begins, not where it was found to be broken. */
static const struct advice {
	const char *problem;
	const char *text;
	bool at_context;
} advices[] = {
	{ "found character that cannot start any token",
	  "no value can begin with this character; indent with spaces, not "
	  "tabs, and put a value that begins with @, % or ` in quotes",
	  false },
	{ "found a tab character that violates indentation",
	  "indent with spaces, not tabs", false },
	{ "found a tab character where an indentation space is expected",
	  "indent with spaces, not tabs", false },
	{ "mapping values are not allowed in this context",
	  "a \"key: value\" cannot stand here; check the indentation, and put "
	  "a value that contains \": \" in quotes",
	  false },
	{ "block sequence entries are not allowed in this context",
	  "a list entry (\"- \") cannot stand here; begin the list on the "
	  "line after its key",
	  false },
	{ "did not find expected key",
	  "a \"key: value\" must stand here, indented like the keys above it",
	  false },
	{ "did not find expected '-' indicator",
	  "a list entry (\"- \") must stand here, indented like the entries "
	  "above it",
	  false },
	{ "did not find expected ',' or ']'",
	  "the list that begins here lacks a comma or its closing ]; put a "
	  "value that itself begins with [ in quotes",
	  true },
	{ "did not find expected ',' or '}'",
	  "the mapping that begins here lacks a comma or its closing }", true },
	{ "could not find expected ':'",
	  "a key must be followed by a colon and a space", true },
	{ "found unexpected end of stream",
	  "the quote that begins here is never closed", true },
	{ "did not find expected node content",
	  "a value must stand here; put one that begins with [ or { in quotes",
	  false },
	{ "did not find expected <document start>",
	  "a file holds one document, and nothing behind its end (\"...\")",
	  false },
	{ "found undefined tag handle", "tags (\"!\") are not used here",
	  false },
};

/* Line @line of the text, counted from 0, quoted. */
static void quote_line(const struct builder *b, size_t line, char *ret,
		       size_t size)
{
	size_t start = 0;
	size_t end;

	for (size_t i = 0; i < b->len && line > 0; i++) {
		if (is_break(b->text, b->len, i)) {
			line--;
			start = i + 1;
		}
	}
	while (start < b->len && b->text[start] == ' ')
		start++;
	for (end = start; end < b->len; end++)
		if (b->text[end] == '\n' || b->text[end] == '\r')
			break;
	config_error_quote(b->text + start, end - start, ret, size);
}

static int syntax_error(const struct builder *b)
{
	const yaml_parser_t *parser = &b->parser;
	const char *problem = parser->problem ? parser->problem : "not YAML";
	yaml_mark_t mark = parser->problem_mark;
	char value[CONFIG_QUOTE_SIZE];
	const char *text = NULL;

	if (parser->error == YAML_MEMORY_ERROR)
		return config_error_no_memory(b->error);
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		if (strcmp(problem, advices[i].problem) != 0)
			continue;
		text = advices[i].text;
		if (advices[i].at_context && parser->context)
			mark = parser->context_mark;
	}
	quote_line(b, mark.line, value, sizeof(value));
	if (text)
		return config_error_set(b->error, pos_of(mark),
					CONFIG_TREE_FILE, value, "%s", text);
	return config_error_set(b->error, pos_of(mark), CONFIG_TREE_FILE, value,
				"must be YAML: %s%s%s",
				parser->context ? parser->context : "",
				parser->context ? ", " : "", problem);
}

/* An error of ours about the line of @mark. */
static int line_error(const struct builder *b, yaml_mark_t mark,
		      const char *text)
{
	char value[CONFIG_QUOTE_SIZE];

	quote_line(b, mark.line, value, sizeof(value));
	return config_error_set(b->error, pos_of(mark), CONFIG_TREE_FILE, value,
				"%s", text);
}

/* ---- nodes ---- */

static int count_node(struct builder *b, yaml_mark_t mark)
{
	char text[64];

	if (++b->n_nodes <= CONFIG_TREE_NODES)
		return 0;
	snprintf(text, sizeof(text), "must have at most %d values",
		 CONFIG_TREE_NODES);
	return line_error(b, mark, text);
}

/* Puts @node into the innermost open list or mapping. */
static int attach(struct builder *b, struct config_node *node)
{
	struct config_node *parent;

	if (b->depth == 0) {
		b->tree->root = node;
		return 0;
	}
	parent = b->open[b->depth - 1];
	if (parent->n_items == parent->room) {
		size_t room = parent->room ? parent->room * 2 : 8;
		void *items =
			realloc(parent->items, room * sizeof(parent->items[0]));

		if (!items)
			return config_error_no_memory(b->error);
		parent->items = items;
		parent->room = room;
	}
	parent->items[parent->n_items++] = node;
	return 0;
}

static int set_anchor(struct builder *b, struct config_node *node,
		      const yaml_char_t *name, yaml_mark_t mark)
{
	char text[64];

	if (b->n_anchors == CONFIG_TREE_ANCHORS) {
		snprintf(text, sizeof(text), "must have at most %d anchors",
			 CONFIG_TREE_ANCHORS);
		return line_error(b, mark, text);
	}
	node->anchor = strdup((const char *)name);
	if (!node->anchor)
		return config_error_no_memory(b->error);
	b->anchors[b->n_anchors++] = node;
	return 0;
}

static int add_node(struct builder *b, enum config_node_kind kind,
		    const yaml_event_t *event, const yaml_char_t *anchor,
		    const yaml_char_t *tag, struct config_node **ret_node)
{
	struct config_node *node;
	int err;

	if (tag)
		return line_error(b, event->start_mark,
				  "tags (\"!\") are not used here: remove it");
	err = count_node(b, event->start_mark);
	if (err)
		return err;
	node = calloc(1, sizeof(*node));
	if (!node)
		return config_error_no_memory(b->error);
	node->kind = kind;
	node->pos = pos_of(event->start_mark);
	node->next = b->tree->nodes;
	b->tree->nodes = node;
	if (anchor) {
		err = set_anchor(b, node, anchor, event->start_mark);
		if (err)
			return err;
	}
	*ret_node = node;
	return attach(b, node);
}

static int add_scalar(struct builder *b, const yaml_event_t *event)
{
	struct config_node *node;
	int err;

	err = add_node(b, NODE_SCALAR, event, event->data.scalar.anchor,
		       event->data.scalar.tag, &node);
	if (err)
		return err;
	node->len = event->data.scalar.length;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = malloc(node->len + 1);
	if (!node->text)
		return config_error_no_memory(b->error);
	memcpy(node->text, event->data.scalar.value, node->len);
	node->text[node->len] = '\0';
	return 0;
}

static int add_alias(struct builder *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	int err = count_node(b, event->start_mark);

	if (err)
		return err;
	for (size_t i = b->n_anchors; i > 0; i--) {
		struct config_node *node = b->anchors[i - 1];

		if (strcmp(node->anchor, name) != 0)
			continue;
		if (node->open)
			return line_error(b, event->start_mark,
					  "an alias (\"*\") must not stand "
					  "inside what it refers to");
		return attach(b, node);
	}
	return line_error(b, event->start_mark,
			  "the alias (\"*\") has no anchor (\"&\") of that "
			  "name above it");
}

static int open_node(struct builder *b, const yaml_event_t *event)
{
	bool list = event->type == YAML_SEQUENCE_START_EVENT;
	struct config_node *node;
	char text[64];
	int err;

	if (b->depth == CONFIG_TREE_DEPTH) {
		snprintf(text, sizeof(text),
			 "must not be nested deeper than %d levels",
			 CONFIG_TREE_DEPTH);
		return line_error(b, event->start_mark, text);
	}
	if (list)
		err = add_node(b, NODE_LIST, event,
			       event->data.sequence_start.anchor,
			       event->data.sequence_start.tag, &node);
	else
		err = add_node(b, NODE_MAP, event,
			       event->data.mapping_start.anchor,
			       event->data.mapping_start.tag, &node);
	if (err)
		return err;
	node->open = true;
	b->open[b->depth++] = node;
	return 0;
}

/* One event; @n_documents counts those begun. */
static int take_event(struct builder *b, const yaml_event_t *event,
		      size_t *n_documents)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++*n_documents > 1)
			return line_error(b, event->start_mark,
					  "a second document begins here; a "
					  "file holds one: remove the \"---\"");
		return 0;
	case YAML_SCALAR_EVENT:
		return add_scalar(b, event);
	case YAML_ALIAS_EVENT:
		return add_alias(b, event);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return open_node(b, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->open[--b->depth]->open = false;
		return 0;
	default:
		return 0;
	}
}

static int take_events(struct builder *b)
{
	size_t n_documents = 0;
	bool end = false;
	int err = 0;

	while (!end && !err) {
		yaml_event_t event;

		if (!yaml_parser_parse(&b->parser, &event))
			return syntax_error(b);
		end = event.type == YAML_STREAM_END_EVENT;
		err = take_event(b, &event, &n_documents);
		yaml_event_delete(&event);
	}
	return err;
}

int config_tree_init(struct config_tree *tree, const char *text, size_t len,
		     const struct config_error *error)
{
	struct builder b = { .tree = tree, .error = error };
	int err;

	*tree = (struct config_tree){ 0 };
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	err = check_text(text, len, error);
	if (err)
		return err;
	if (!yaml_parser_initialize(&b.parser))
		return config_error_no_memory(error);
	b.text = text;
	b.len = len;
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text,
				     len);
	err = take_events(&b);
	yaml_parser_delete(&b.parser);
	return err;
}

void config_tree_done(struct config_tree *tree)
{
	while (tree->nodes) {
		struct config_node *node = tree->nodes;

		tree->nodes = node->next;
		free(node->text);
		free(node->items);
		free(node->anchor);
		free(node);
	}
	tree->root = NULL;
}

bool config_node_is_null(const struct config_node *node)
{
	return node->kind == NODE_SCALAR && node->plain &&
	       (node->len == 0 || strcmp(node->text, "~") == 0 ||
		strcmp(node->text, "null") == 0);
}

/* ---- finding ---- */

static const struct config_node *find_key(const struct config_node *map,
					  const char *name, size_t len)
{
	for (size_t i = 0; i + 1 < map->n_items; i += 2) {
		const struct config_node *key = map->items[i];

		if (key->kind == NODE_SCALAR && key->len == len &&
		    memcmp(key->text, name, len) == 0)
			return map->items[i + 1];
	}
	return NULL;
}

/* The node that the first part of @path leads to from @node, or NULL; @ret_end:
 * the end of that part. */
static const struct config_node *descend(const struct config_node *node,
					 const char *path, const char **ret_end)
{
	const char *name = path + (*path == '.');
	size_t index;

	if (*path != '[') {
		*ret_end = name + strcspn(name, ".[");
		if (node->kind != NODE_MAP)
			return NULL;
		return find_key(node, name, (size_t)(*ret_end - name));
	}
	*ret_end = path + strcspn(path, "]") + 1;
	index = strtoul(path + 1, NULL, 10);
	if (node->kind != NODE_LIST || index >= node->n_items)
		return NULL;
	return node->items[index];
}

const struct config_node *config_tree_find(const struct config_tree *tree,
					   const char *path, size_t *ret_len)
{
	const struct config_node *node = tree->root;
	const char *p = path;

	while (node && *p) {
		const char *end;
		const struct config_node *next = descend(node, p, &end);

		if (!next)
			break;
		node = next;
		p = end;
	}
	*ret_len = (size_t)(p - path);
	return node;
}
