/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads a tree (config_tree.c) into struct config by the table (schema.c):
 * this file walks, config_value.c reads the values, config_check.c looks at
 * what only shows when all keys are known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/size.h"
#include "control/config.h"
#include "control/config_check.h"
#include "control/config_error.h"
#include "control/config_tree.h"
#include "control/config_value.h"
#include "control/schema.h"

#define ALLOWED_MAX 640

/* More than the longest path of known keys and an unknown one. */
#define PATH_MAX_LEN 256

struct reader {
	const struct config_error *error;
	char path[PATH_MAX_LEN]; /* of the node being read */
	uint32_t frame_size;	 /* bytes: memory.frame_size */
};

static int read_map(struct reader *r, const char *prefix,
		    const struct config_node *node, struct config_pos pos,
		    void *base);

/* ---- the path: pushed to on the way down, cut on the way up ---- */

static size_t path_push(struct reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static size_t path_push(struct reader *r, const char *fmt, ...)
{
	size_t len = strlen(r->path);
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->path + len, sizeof(r->path) - len, fmt, args);
	va_end(args);
	return len;
}

static size_t path_push_key(struct reader *r, const char *name)
{
	return path_push(r, "%s%s", r->path[0] ? "." : "", name);
}

static void path_pop(struct reader *r, size_t len)
{
	r->path[len] = '\0';
}

/* ---- errors ---- */

static void describe(const struct config_node *node, char *ret, size_t size)
{
	if (node->kind == NODE_LIST)
		snprintf(ret, size, "a list");
	else if (node->kind == NODE_MAP)
		snprintf(ret, size, "a mapping");
	else if (config_node_is_null(node))
		snprintf(ret, size, "no value");
	else
		config_error_quote(node->text, node->len, ret, size);
}

/* Says how many frames the bytes are that @node gives, if it does. */
static void describe_bytes(const struct reader *r, const struct schema_key *key,
			   const struct config_node *node, char *ret,
			   size_t size)
{
	uint64_t frames;

	ret[0] = '\0';
	if (key->type != SCHEMA_FRAMES || node->kind != NODE_SCALAR ||
	    strlen(node->text) != node->len || !strchr(node->text, 'B') ||
	    size_parse_frames(node->text, r->frame_size, &frames))
		return;
	snprintf(ret, size, "; this is %llu of %u bytes (memory.frame_size)",
		 (unsigned long long)frames, r->frame_size);
}

/* @node is not what @key takes. */
static int refuse(struct reader *r, const struct schema_key *key,
		  const struct config_node *node, bool is_item, const char *why)
{
	char value[CONFIG_QUOTE_SIZE];
	char allowed[ALLOWED_MAX];
	char bytes[96];

	describe(node, value, sizeof(value));
	describe_bytes(r, key, node, bytes, sizeof(bytes));
	if (is_item)
		schema_allowed_item(key, allowed, sizeof(allowed));
	else
		schema_allowed(key, allowed, sizeof(allowed));
	return config_error_set(r->error, node->pos, r->path, value,
				"must be %s%s%s%s", allowed, why ? "; " : "",
				why ? why : "", bytes);
}

static int refuse_count(struct reader *r, const struct schema_key *key,
			const struct config_node *node)
{
	char value[32];

	snprintf(value, sizeof(value), "%zu entries", node->n_items);
	return config_error_set(r->error, node->pos, r->path, value,
				"must have %u to %u entries", key->min_items,
				key->max_items);
}

static int missing(struct reader *r, const struct schema_key *key,
		   struct config_pos pos)
{
	char allowed[ALLOWED_MAX];

	schema_allowed(key, allowed, sizeof(allowed));
	return config_error_set(r->error, pos, r->path, "missing",
				"is required, and must be %s", allowed);
}

static int unknown_key(struct reader *r, const char *prefix,
		       const struct config_node *node)
{
	char suggestion[ALLOWED_MAX];
	char name[CONFIG_QUOTE_SIZE];

	if (node->kind != NODE_SCALAR) {
		describe(node, name, sizeof(name));
		return config_error_set(r->error, node->pos,
					r->path[0] ? r->path : CONFIG_TREE_FILE,
					name, "a key must be a word");
	}
	config_error_escape(node->text, node->len, name, sizeof(name) - 2);
	path_push_key(r, name[0] ? name : "\"\"");
	config_error_quote(node->text, node->len, name, sizeof(name));
	schema_suggest(prefix, node->text, suggestion, sizeof(suggestion));
	return config_error_set(r->error, node->pos, r->path, name,
				"is no key here; %s", suggestion);
}

/* ---- values ---- */

static void set_pos(void *base, size_t offset, struct config_pos pos)
{
	if (offset)
		memcpy((char *)base + offset, &pos, sizeof(pos));
}

static int read_scalar(struct reader *r, const struct schema_key *key,
		       const struct config_node *node, bool is_item, void *dst)
{
	const char *why = NULL;

	if (node->kind != NODE_SCALAR || config_node_is_null(node))
		return refuse(r, key, node, is_item, NULL);
	if (strlen(node->text) != node->len ||
	    config_value_read(key, node->text, r->frame_size, dst, &why))
		return refuse(r, key, node, is_item, why);
	return 0;
}

/* Where item @i of a list of scalars is read to. */
static void *item_at(const struct schema_key *key, void *base, size_t i)
{
	char *member = (char *)base + key->offset;
	char *array = member;

	if (key->heap)
		memcpy(&array, member, sizeof(void *));
	return key->n_offset ? array + i * key->size : member;
}

/* A list of scalars, or one scalar that stands for a list of one. */
static int read_items(struct reader *r, const struct schema_key *key,
		      const struct config_node *node, void *base)
{
	bool list = node->kind == NODE_LIST;
	size_t n = list ? node->n_items : 1;

	if (config_node_is_null(node) && key->min_items == 0)
		return 0;
	if (!list && key->min_items > 1)
		return refuse(r, key, node, false, NULL);
	if (n < key->min_items || n > key->max_items)
		return refuse_count(r, key, node);
	if (key->heap && n > 0) {
		void *items = calloc(n, key->size);

		if (!items)
			return config_error_no_memory(r->error);
		memcpy((char *)base + key->offset, &items, sizeof(items));
	}
	for (size_t i = 0; i < n; i++) {
		const struct config_node *item = list ? node->items[i] : node;
		size_t len = strlen(r->path);
		int err;

		if (list)
			path_push(r, "[%zu]", i);
		err = read_scalar(r, key, item, list, item_at(key, base, i));
		if (err)
			return err;
		path_pop(r, len);
		if (key->item_pos)
			set_pos(base,
				key->item_pos + i * sizeof(struct config_pos),
				item->pos);
	}
	if (key->n_offset)
		*(uint32_t *)((char *)base + key->n_offset) = (uint32_t)n;
	return 0;
}

/* A list of mappings, into a new array. */
static int read_list(struct reader *r, const struct schema_key *key,
		     const struct config_node *node, void *base)
{
	char prefix[64];
	char *entries;

	if (config_node_is_null(node) && key->min_items == 0)
		return 0;
	if (node->kind != NODE_LIST)
		return refuse(r, key, node, false, NULL);
	if (node->n_items < key->min_items || node->n_items > key->max_items)
		return refuse_count(r, key, node);
	if (node->n_items == 0)
		return 0;
	entries = calloc(node->n_items, key->size);
	if (!entries)
		return config_error_no_memory(r->error);
	memcpy((char *)base + key->offset, &entries, sizeof(entries));
	*(uint32_t *)((char *)base + key->n_offset) = (uint32_t)node->n_items;
	snprintf(prefix, sizeof(prefix), "%s[].", key->path);
	for (size_t i = 0; i < node->n_items; i++) {
		const struct config_node *item = node->items[i];
		void *entry = entries + i * key->size;
		size_t len = path_push(r, "[%zu]", i);
		int err;

		set_pos(entry, key->pos, item->pos);
		err = read_map(r, prefix, item, item->pos, entry);
		if (err)
			return err;
		path_pop(r, len);
	}
	return 0;
}

static int read_key(struct reader *r, const struct schema_key *key,
		    const struct config_node *node, void *base)
{
	char prefix[64];
	void *member = (char *)base + key->offset;

	switch (key->type) {
	case SCHEMA_LIST:
		return read_list(r, key, node, base);
	case SCHEMA_MAP:
		if (node->kind != NODE_MAP && !config_node_is_null(node))
			return refuse(r, key, node, false, NULL);
		set_pos(member, key->pos, node->pos);
		snprintf(prefix, sizeof(prefix), "%s.", key->path);
		return read_map(r, prefix, node, node->pos, member);
	default:
		set_pos(base, key->pos, node->pos);
		if (key->max_items)
			return read_items(r, key, node, base);
		return read_scalar(r, key, node, false, member);
	}
}

/* ---- absent keys ---- */

static int default_key(struct reader *r, const struct schema_key *key,
		       struct config_pos pos, void *base)
{
	char prefix[64];
	const char *why;

	if (key->required)
		return missing(r, key, pos);
	if (key->type == SCHEMA_MAP) {
		snprintf(prefix, sizeof(prefix), "%s.", key->path);
		return read_map(r, prefix, NULL, pos,
				(char *)base + key->offset);
	}
	/* A default that its own type refuses is a mistake in the table. */
	if (key->def && config_value_read(key, key->def, r->frame_size,
					  (char *)base + key->offset, &why))
		return config_error_set(r->error, pos, r->path, key->def,
					"the default is not valid: a bug");
	return 0;
}

/* ---- mappings ---- */

static int duplicate_key(struct reader *r, const struct config_node *map,
			 size_t item)
{
	const struct config_node *key = map->items[item];
	char value[CONFIG_QUOTE_SIZE];
	int line = 0;

	for (size_t i = item; i > 0; i -= 2)
		if (map->items[i - 2]->kind == NODE_SCALAR &&
		    strcmp(map->items[i - 2]->text, key->text) == 0)
			line = map->items[i - 2]->pos.line;
	config_error_quote(key->text, key->len, value, sizeof(value));
	return config_error_set(r->error, key->pos, r->path, value,
				"is given twice; it is already in line %d",
				line);
}

/* Reads the keys that stand in @node; @seen: which, by row of the table. */
static int read_keys(struct reader *r, const char *prefix,
		     const struct config_node *node, void *base, bool *seen)
{
	for (size_t i = 0; i + 1 < node->n_items; i += 2) {
		const struct config_node *name = node->items[i];
		const struct schema_key *key = NULL;
		size_t len;
		int err;

		if (name->kind == NODE_SCALAR &&
		    strlen(name->text) == name->len)
			key = schema_find(prefix, name->text);
		if (!key)
			return unknown_key(r, prefix, name);
		len = path_push_key(r, name->text);
		if (seen[key - schema_keys])
			return duplicate_key(r, node, i);
		seen[key - schema_keys] = true;
		err = read_key(r, key, node->items[i + 1], base);
		if (err)
			return err;
		path_pop(r, len);
	}
	return 0;
}

/*
 * Reads all keys below @prefix into @base: those in @node, and the defaults of
 * the others. @node NULL or without a value: all are absent. @pos: the place
 * to name for a required key that is absent.
 */
static int read_map(struct reader *r, const char *prefix,
		    const struct config_node *node, struct config_pos pos,
		    void *base)
{
	bool *seen;
	int err = 0;

	if (node && node->kind != NODE_MAP && !config_node_is_null(node)) {
		char value[CONFIG_QUOTE_SIZE];

		describe(node, value, sizeof(value));
		return config_error_set(r->error, pos,
					r->path[0] ? r->path : CONFIG_TREE_FILE,
					value, "must be \"key: value\" lines");
	}
	seen = calloc(schema_n_keys, sizeof(*seen));
	if (!seen)
		return config_error_no_memory(r->error);
	if (node && node->kind == NODE_MAP)
		err = read_keys(r, prefix, node, base, seen);
	for (size_t i = 0; i < schema_n_keys && !err; i++) {
		const char *name = schema_below(&schema_keys[i], prefix);
		size_t len;

		if (!name || seen[i])
			continue;
		len = path_push_key(r, name);
		err = default_key(r, &schema_keys[i], pos, base);
		if (!err)
			path_pop(r, len);
	}
	free(seen);
	return err;
}

/* ---- defaults that depend on other keys ---- */

static int set_control_path(struct config *config,
			    const struct config_tree *tree,
			    const struct config_error *error)
{
	const struct config_node *node;
	char value[CONFIG_QUOTE_SIZE];
	size_t len;

	if (config->control_path[0])
		return 0;
	if (strlen(config->run_dir) + sizeof("/control.sock") <=
	    sizeof(config->control_path)) {
		memcpy(config->control_path, config->run_dir,
		       strlen(config->run_dir));
		strcat(config->control_path, "/control.sock");
		return 0;
	}
	node = config_tree_find(tree, "agent.run_dir", &len);
	config_error_quote(config->run_dir, strlen(config->run_dir), value,
			   sizeof(value));
	return config_error_set(error, node->pos, "agent.run_dir", value,
				"is too long for the control socket in it; "
				"shorten it, or set agent.control.path to a "
				"path of at most %zu bytes",
				sizeof(config->control_path) - 1);
}

/* None of the sizes may be 0, so what is 0 is absent. */
static void set_pool(struct config_pool *pool)
{
	if (!pool->initial)
		pool->initial = pool->min;
	if (!pool->max)
		pool->max = max_u32(CONFIG_POOL_MAX, pool->initial);
}

/* Whether the file has the key @name of the device of VM @i. */
static bool has_device_key(const struct config_tree *tree, uint32_t i,
			   const char *name)
{
	char path[64];
	size_t len;

	snprintf(path, sizeof(path), "vms[%u].device.%s", i, name);
	config_tree_find(tree, path, &len);
	return path[len] == '\0';
}

/* Each is on only if the one before is. */
static void set_offloads(struct config_vhost *vhost,
			 const struct config_tree *tree, uint32_t i)
{
	if (!has_device_key(tree, i, "offloads.tso"))
		vhost->tso = vhost->csum;
	if (!has_device_key(tree, i, "offloads.gro"))
		vhost->gro = vhost->tso;
}

/* config_check() sees to it that it is one of them. */
static void set_bypass_kind(struct config_bypass *rule)
{
	if (rule->class_pos.line)
		rule->kind = BYPASS_CLASS;
	else if (rule->vlan_pos.line)
		rule->kind = BYPASS_VLAN;
	else
		rule->kind = BYPASS_VMS;
}

/* Notes at each VM which rules name it. */
static void note_bypass(struct config *config)
{
	for (uint32_t i = 0; i < config->n_bypass; i++) {
		const struct config_bypass *rule = &config->bypass[i];

		for (uint32_t j = 0; j < rule->n_vms; j++)
			for (uint32_t k = 0; k < config->n_vms; k++)
				if (!strcmp(rule->vms[j], config->vms[k].name))
					config->vms[k].bypass[i / 64] |=
						1ull << i % 64;
	}
}

/*
 * What bytes are converted with may stand behind them, so it is looked up
 * before anything is read. One that is not right does not matter here: reading
 * comes to it and refuses the file.
 */
static uint32_t find_frame_size(const struct config_tree *tree)
{
	static const char path[] = "memory.frame_size";
	const struct schema_key *key = schema_find("memory.", "frame_size");
	const struct config_node *node;
	uint32_t frame_size = 0;
	const char *why;
	size_t len = 0;

	node = config_tree_find(tree, path, &len);
	if (!node || path[len] || node->kind != NODE_SCALAR ||
	    config_value_read(key, node->text, 0, &frame_size, &why))
		config_value_read(key, key->def, 0, &frame_size, &why);
	return frame_size;
}

/* ---- public ---- */

static int read_tree(const struct config_tree *tree, struct config *config,
		     const struct config_error *error)
{
	struct reader reader = { .error = error,
				 .frame_size = find_frame_size(tree) };
	struct config_pos start = { .line = 1, .col = 1 };
	int err;

	if (tree->root)
		start = tree->root->pos;
	err = read_map(&reader, "", tree->root, start, config);
	if (err)
		return err;
	err = set_control_path(config, tree, error);
	if (err)
		return err;
	for (uint32_t i = 0; i < config->n_vms; i++) {
		set_pool(&config->vms[i].pool);
		set_offloads(&config->vms[i].device.vhost, tree, i);
	}
	for (uint32_t i = 0; i < config->n_bypass; i++)
		set_bypass_kind(&config->bypass[i]);
	err = config_check(config, tree, error);
	if (!err)
		note_bypass(config);
	return err;
}

int config_parse(const char *text, size_t len, const char *name,
		 struct config **ret_config, char *err, size_t err_size)
{
	struct config_error error = { .file = name,
				      .buf = err,
				      .size = err_size };
	struct config *config = calloc(1, sizeof(*config));
	struct config_tree tree = { 0 };
	int ret = -ENOMEM;

	if (config)
		config->file = strdup(name);
	if (!config || !config->file) {
		config_error_no_memory(&error);
		goto out;
	}
	ret = config_tree_init(&tree, text, len, &error);
	if (!ret)
		ret = read_tree(&tree, config, &error);
	if (!ret) {
		*ret_config = config;
		config = NULL;
	}
out:
	config_tree_done(&tree);
	config_free(config);
	return ret;
}

/* Reads a regular file whole, or as much as shows that it is too long. */
static int read_file(const char *path, char **ret_text, size_t *ret_len,
		     const struct config_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t len = 0;
	ssize_t got = 1;
	char *text = NULL;
	int err = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		snprintf(error->buf, error->size, "%s: not a regular file",
			 path);
		close(fd);
		return -EINVAL;
	} else {
		text = malloc(CONFIG_TREE_BYTES + 1);
		if (!text)
			err = -ENOMEM;
	}
	while (!err && got != 0 && len < CONFIG_TREE_BYTES + 1) {
		got = read(fd, text + len, CONFIG_TREE_BYTES + 1 - len);
		if (got > 0)
			len += (size_t)got;
		else if (got < 0 && errno != EINTR)
			err = -errno;
	}
	if (fd >= 0)
		close(fd);
	if (err) {
		free(text);
		snprintf(error->buf, error->size, "%s: cannot be read: %s",
			 path, strerror(-err));
		return err;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int config_load(const char *path, struct config **ret_config, char *err,
		size_t err_size)
{
	struct config_error error = { .file = path,
				      .buf = err,
				      .size = err_size };
	char *text;
	size_t len;
	int ret;

	ret = read_file(path, &text, &len, &error);
	if (ret)
		return ret;
	ret = config_parse(text, len, path, ret_config, err, err_size);
	free(text);
	return ret;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (uint32_t i = 0; i < config->n_uplinks; i++)
		free(config->uplinks[i].shape.classes);
	for (uint32_t i = 0; i < config->n_vms; i++) {
		free(config->vms[i].addrs);
		free(config->vms[i].shape.classes);
	}
	for (uint32_t i = 0; i < config->n_bypass; i++)
		free(config->bypass[i].vms);
	free(config->bypass);
	free(config->rules);
	free(config->vms);
	free(config->uplinks);
	free(config->fdb_statics);
	free(config->file);
	free(config);
}

bool config_uplink_has_vlan(const struct config_uplink *uplink, uint16_t vlan)
{
	return vlan <= PKT_VLAN_MAX &&
	       (uplink->vlans[vlan / 8] >> vlan % 8 & 1) != 0;
}

static bool names_vm(const struct config_vm *vm, uint32_t rule)
{
	return vm->bypass[rule / 64] >> rule % 64 & 1;
}

bool config_bypass_allows(const struct config *config,
			  const struct config_vm *from,
			  const struct config_vm *to, uint32_t *ret_rule)
{
	if (from->device.type != DEVICE_VHOST_USER ||
	    to->device.type != DEVICE_VHOST_USER || from->vlan != to->vlan ||
	    from == to)
		return false;
	for (uint32_t i = 0; i < config->n_bypass; i++) {
		const struct config_bypass *rule = &config->bypass[i];

		bool allows;

		if (rule->kind == BYPASS_VMS)
			allows = names_vm(from, i) && names_vm(to, i);
		else if (rule->kind == BYPASS_VLAN)
			allows = rule->vlan == from->vlan;
		else
			allows = rule->class == from->class;
		if (allows) {
			*ret_rule = i;
			return true;
		}
	}
	return false;
}
