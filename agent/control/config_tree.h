/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * YAML text as a tree of scalars, lists and mappings that know where they
 * stand. Knows YAML and nothing of pktagent's keys (schema.c has those).
 *
 * Limits, so that no text costs more than it is worth: CONFIG_TREE_BYTES of
 * text, CONFIG_TREE_NODES values, CONFIG_TREE_DEPTH levels,
 * CONFIG_TREE_ANCHORS anchors; one document; UTF-8; no tags. An alias is a
 * second pointer to the anchored node, so aliases of aliases stay small here;
 * who walks the tree must bound each list he walks (schema.c: max_items).
 */
#ifndef CONTROL_CONFIG_TREE_H
#define CONTROL_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "control/config.h"
#include "control/config_error.h"

#define CONFIG_TREE_BYTES   (1024 * 1024)
#define CONFIG_TREE_NODES   100000
#define CONFIG_TREE_DEPTH   16
#define CONFIG_TREE_ANCHORS 256

/* Stands for PATH in errors that are about the text as a whole. */
#define CONFIG_TREE_FILE "(file)"

enum config_node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct config_node {
	enum config_node_kind kind;
	struct config_pos pos;
	/* scalar */
	char *text; /* owned; a NUL follows */
	size_t len; /* text itself may contain NULs */
	bool plain; /* written without quotes */
	/* list: the items. Mapping: key, value, key, value... */
	struct config_node **items; /* owned array of borrowed nodes */
	size_t n_items;
	size_t room;
	bool open;		  /* its end has not been read yet */
	char *anchor;		  /* owned; NULL = none */
	struct config_node *next; /* of all nodes of the tree */
};

struct config_tree {
	struct config_node *root;  /* borrowed; NULL = empty document */
	struct config_node *nodes; /* owned: all, newest first */
};

/* Returns 0, or a negative errno with the line in @error. The tree is to be
 * given to config_tree_done() in either case. */
int config_tree_init(struct config_tree *tree, const char *text, size_t len,
		     const struct config_error *error);
void config_tree_done(struct config_tree *tree);

/* Whether @node is there but has no value: nothing after the colon, ~, null. */
bool config_node_is_null(const struct config_node *node);

/*
 * The node at @path ("vms[0].pool.max"), or the deepest one on the way that
 * exists, or NULL in an empty tree. @ret_len: how much of @path that is.
 */
const struct config_node *config_tree_find(const struct config_tree *tree,
					   const char *path, size_t *ret_len);

#endif
