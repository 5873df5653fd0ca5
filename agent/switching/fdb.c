// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The forwarding table: see fdb.h. liburcu's lock-free hash table, read under
 * QSBR: a lookup is a few loads and no store.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>
#include <urcu/rculfhash.h>

#include "base/base.h"
#include "switching/fdb.h"

struct fdb {
	struct cds_lfht *table;		/* owned, with its nodes */
	uint32_t n;
	uint32_t last_number;
};

struct fdb_node {
	struct cds_lfht_node node;
	struct fdb_key key;
	uint32_t number;
	uint32_t where;			/* A: port << 8 | flags */
	uint32_t seen_s;		/* A */
	struct fdb_node *next_dead;
};

static uint64_t key_bits(const struct fdb_key *key)
{
	uint64_t bits;

	memcpy(&bits, key, sizeof(bits));
	return bits;
}

static unsigned long key_hash(const struct fdb_key *key)
{
	/* Fibonacci hashing; the table uses the low bits. */
	uint64_t h = key_bits(key) * 0x9e3779b97f4a7c15ull;

	return h ^ h >> 32;
}

static int key_match(struct cds_lfht_node *node, const void *key)
{
	const struct fdb_node *n = container_of(node, struct fdb_node, node);

	return key_bits(&n->key) == key_bits(key);
}

struct fdb *fdb_new(void)
{
	struct fdb *fdb = calloc(1, sizeof(*fdb));

	if (!fdb)
		return NULL;
	fdb->table = cds_lfht_new(1024, 1024, PKT_MAX_FDB,
				  CDS_LFHT_AUTO_RESIZE, NULL);
	if (!fdb->table) {
		free(fdb);
		return NULL;
	}
	return fdb;
}

static bool visit_all(const struct fdb_key *key, const struct fdb_entry *entry,
		      void *arg)
{
	(void)key;
	(void)entry;
	(void)arg;
	return true;
}

void fdb_free(struct fdb *fdb)
{
	if (!fdb)
		return;
	fdb_each(fdb, visit_all, NULL);
	cds_lfht_destroy(fdb->table, NULL);
	free(fdb);
}

static struct fdb_node *find(struct fdb *fdb, const struct fdb_key *key)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(fdb->table, key_hash(key), key_match, key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? container_of(node, struct fdb_node, node) : NULL;
}

static void note_seen(struct fdb_node *node, uint32_t now_s)
{
	if (__atomic_load_n(&node->seen_s, __ATOMIC_RELAXED) != now_s)
		__atomic_store_n(&node->seen_s, now_s, __ATOMIC_RELAXED);
}

bool fdb_lookup(struct fdb *fdb, const struct fdb_key *key, uint16_t seen_at,
		uint32_t now_s, struct fdb_found *ret_found)
{
	struct fdb_node *node;
	uint32_t where;

	rcu_read_lock();
	node = find(fdb, key);
	if (!node) {
		rcu_read_unlock();
		return false;
	}
	where = __atomic_load_n(&node->where, __ATOMIC_RELAXED);
	if (seen_at && where >> 8 == seen_at)
		note_seen(node, now_s);
	rcu_read_unlock();
	ret_found->port = (uint16_t)(where >> 8);
	ret_found->flags = (uint8_t)where;
	ret_found->number = node->number;
	return true;
}

static int change(struct fdb_node *node, uint16_t port, uint8_t flags,
		  uint32_t now_s)
{
	uint32_t old = node->where;
	uint32_t new = (uint32_t)port << 8 | flags;

	if ((old & FDB_F_STATIC) && !(flags & FDB_F_STATIC))
		return -EEXIST;
	note_seen(node, now_s);
	if (old == new)
		return -EALREADY;
	__atomic_store_n(&node->where, new, __ATOMIC_RELAXED);
	return 0;
}

int fdb_set(struct fdb *fdb, const struct fdb_key *key, uint16_t port,
	    uint8_t flags, uint32_t now_s)
{
	struct fdb_node *node;

	node = find(fdb, key);
	if (node)
		return change(node, port, flags, now_s);
	if (fdb->n >= PKT_MAX_FDB)
		return -ENOSPC;
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	cds_lfht_node_init(&node->node);
	node->key = *key;
	node->where = (uint32_t)port << 8 | flags;
	node->seen_s = now_s;
	node->number = ++fdb->last_number;
	cds_lfht_add(fdb->table, key_hash(key), &node->node);
	fdb->n++;
	return 0;
}

int fdb_del(struct fdb *fdb, const struct fdb_key *key)
{
	struct fdb_node *node = find(fdb, key);

	if (!node)
		return -ENOENT;
	cds_lfht_del(fdb->table, &node->node);
	fdb->n--;
	synchronize_rcu();
	free(node);
	return 0;
}

uint32_t fdb_count(const struct fdb *fdb)
{
	return fdb->n;
}

uint32_t fdb_each(struct fdb *fdb, fdb_visit visit, void *arg)
{
	struct fdb_node *node, *dead = NULL;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *pos;
	uint32_t n = 0;

	/* Not ..._for_each_entry(): at the end it makes an entry of NULL. */
	cds_lfht_for_each(fdb->table, &iter, pos) {
		struct fdb_entry entry;

		node = container_of(pos, struct fdb_node, node);
		entry = (struct fdb_entry){
			.port = (uint16_t)(node->where >> 8),
			.flags = (uint8_t)node->where,
			.seen_s = __atomic_load_n(&node->seen_s,
						  __ATOMIC_RELAXED),
		};

		if (!visit(&node->key, &entry, arg))
			continue;
		cds_lfht_del(fdb->table, &node->node);
		node->next_dead = dead;
		dead = node;
		n++;
	}
	if (!dead)
		return 0;
	fdb->n -= n;
	synchronize_rcu();
	while (dead) {
		node = dead;
		dead = dead->next_dead;
		free(node);
	}
	return n;
}
