// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The forwarding table: what may replace what, limits, visiting, and readers
 * that look up under QSBR while the one writer adds, moves and deletes.
 */
#include <sched.h>
#include <urcu-qsbr.h>

#include "switching/fdb.h"
#include "unit.h"

#define N_KEYS	  2000
#define N_HOT	  32 /* few, so that readers meet changes */
#define N_READERS 3
#define N_CHANGES 40000	   /* at least */
#define N_LOOKUPS 1000000u /* at least */

static struct fdb_key key_of(uint32_t i)
{
	struct fdb_key key = {
		.mac = { 2, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16),
			 (uint8_t)(i >> 8), (uint8_t)i },
		.vlan = (uint16_t)(i % 7),
	};

	return key;
}

/* Port and flags of @key; 0 = not there. */
static uint32_t where(struct fdb *fdb, struct fdb_key key)
{
	struct fdb_found found;

	if (!fdb_lookup(fdb, &key, 0, 0, &found))
		return 0;
	return (uint32_t)found.port << 8 | found.flags;
}

static void test_rules(void **state)
{
	struct fdb_key key = key_of(1), other = key;
	struct fdb *fdb = fdb_new();

	(void)state;
	assert_non_null(fdb);
	assert_int_equal(where(fdb, key), 0);
	assert_int_equal(fdb_del(fdb, &key), -ENOENT);

	/* Learned, seen again, moved. */
	assert_int_equal(fdb_set(fdb, &key, 3, 0, 10), 0);
	assert_int_equal(where(fdb, key), 3 << 8);
	assert_int_equal(fdb_set(fdb, &key, 3, 0, 11), -EALREADY);
	assert_int_equal(fdb_set(fdb, &key, 255, 0, 12), 0);
	assert_int_equal(where(fdb, key), 255 << 8);
	assert_int_equal(fdb_count(fdb), 1);

	/* A static entry takes a learned one's place, never the other way. */
	assert_int_equal(fdb_set(fdb, &key, 4, FDB_F_STATIC, 13), 0);
	assert_int_equal(fdb_set(fdb, &key, 3, 0, 14), -EEXIST);
	assert_int_equal(fdb_set(fdb, &key, 4, 0, 14), -EEXIST);
	assert_int_equal(where(fdb, key), 4 << 8 | FDB_F_STATIC);
	assert_int_equal(fdb_set(fdb, &key, 4, FDB_F_STATIC, 15), -EALREADY);
	assert_int_equal(fdb_set(fdb, &key, 5, FDB_F_STATIC, 15), 0);
	assert_int_equal(where(fdb, key), 5 << 8 | FDB_F_STATIC);

	/* Another network, another entry. */
	other.vlan++;
	assert_int_equal(where(fdb, other), 0);
	assert_int_equal(fdb_set(fdb, &other, 9, 0, 1), 0);
	assert_int_equal(where(fdb, other), 9 << 8);
	assert_int_equal(where(fdb, key), 5 << 8 | FDB_F_STATIC);
	assert_int_equal(fdb_count(fdb), 2);

	assert_int_equal(fdb_del(fdb, &key), 0);
	assert_int_equal(where(fdb, key), 0);
	assert_int_equal(where(fdb, other), 9 << 8);
	assert_int_equal(fdb_count(fdb), 1);
	fdb_free(fdb);
	fdb_free(NULL);
}

static bool get_seen(const struct fdb_key *key, const struct fdb_entry *entry,
		     void *arg)
{
	(void)key;
	*(uint32_t *)arg = entry->seen_s;
	return false;
}

static void test_seen(void **state)
{
	struct fdb_key key = key_of(1);
	struct fdb *fdb = fdb_new();
	struct fdb_found found;
	uint32_t seen = 0;

	(void)state;
	fdb_set(fdb, &key, 1, 0, 100);
	assert_int_equal(fdb_each(fdb, get_seen, &seen), 0);
	assert_int_equal(seen, 100);
	assert_true(fdb_lookup(fdb, &key, 0, 150, &found));
	fdb_each(fdb, get_seen, &seen);
	assert_int_equal(seen, 100);
	/* Of somebody else who says that he has the address. */
	assert_true(fdb_lookup(fdb, &key, 2, 150, &found));
	fdb_each(fdb, get_seen, &seen);
	assert_int_equal(seen, 100);
	assert_true(fdb_lookup(fdb, &key, 1, 151, &found));
	fdb_each(fdb, get_seen, &seen);
	assert_int_equal(seen, 151);
	assert_int_equal(fdb_set(fdb, &key, 1, 0, 152), -EALREADY);
	fdb_each(fdb, get_seen, &seen);
	assert_int_equal(seen, 152);
	fdb_free(fdb);
}

struct visit {
	uint8_t seen[N_KEYS];
	uint16_t delete_port; /* 0 = none */
	uint32_t n;
};

static uint32_t key_number(const struct fdb_key *key)
{
	return (uint32_t)key->mac[2] << 24 | (uint32_t)key->mac[3] << 16 |
	       (uint32_t)key->mac[4] << 8 | key->mac[5];
}

static bool visit_entry(const struct fdb_key *key,
			const struct fdb_entry *entry, void *arg)
{
	struct visit *visit = arg;
	uint32_t i = key_number(key);

	assert_true(i < N_KEYS);
	assert_int_equal(visit->seen[i]++, 0);
	assert_int_equal(entry->port, 1 + i % 5);
	visit->n++;
	return entry->port == visit->delete_port;
}

static void test_each(void **state)
{
	struct fdb *fdb = fdb_new();
	struct visit visit = { .delete_port = 3 };

	(void)state;
	for (uint32_t i = 0; i < N_KEYS; i++) {
		struct fdb_key key = key_of(i);

		assert_int_equal(
			fdb_set(fdb, &key, (uint16_t)(1 + i % 5), 0, 0), 0);
	}
	assert_int_equal(fdb_each(fdb, visit_entry, &visit), N_KEYS / 5);
	assert_int_equal(visit.n, N_KEYS);
	assert_int_equal(fdb_count(fdb), N_KEYS - N_KEYS / 5);
	for (uint32_t i = 0; i < N_KEYS; i++)
		assert_int_equal(!where(fdb, key_of(i)), i % 5 == 2);
	visit = (struct visit){ .delete_port = 0 };
	assert_int_equal(fdb_each(fdb, visit_entry, &visit), 0);
	assert_int_equal(visit.n, N_KEYS - N_KEYS / 5);
	fdb_free(fdb);
}

static bool visit_most(const struct fdb_key *key, const struct fdb_entry *entry,
		       void *arg)
{
	(void)entry;
	(void)arg;
	return key_number(key) >= 100;
}

/* Full, and what is there can still move; then nearly empty, which has the
 * hash table shrink, behind the back of a thread that is never quiescent. */
static void test_limit(void **state)
{
	struct fdb *fdb = fdb_new();
	struct fdb_key key;

	(void)state;
	for (uint32_t i = 0; i < PKT_MAX_FDB; i++) {
		key = key_of(i);
		assert_int_equal(fdb_set(fdb, &key, 1, 0, 0), 0);
	}
	assert_int_equal(fdb_count(fdb), PKT_MAX_FDB);
	key = key_of(PKT_MAX_FDB);
	assert_int_equal(fdb_set(fdb, &key, 1, 0, 0), -ENOSPC);
	key = key_of(17);
	assert_int_equal(fdb_set(fdb, &key, 2, 0, 0), 0);
	for (uint32_t i = 0; i < PKT_MAX_FDB; i++)
		assert_int_equal(where(fdb, key_of(i)), (i == 17 ? 2 : 1) << 8);
	assert_int_equal(fdb_each(fdb, visit_most, NULL), PKT_MAX_FDB - 100);
	key = key_of(PKT_MAX_FDB);
	assert_int_equal(fdb_set(fdb, &key, 1, 0, 0), 0);
	fdb_free(fdb);
}

/* ---- readers beside the writer ---- */

struct shared {
	struct fdb *fdb;
	bool stop;
	uint64_t n_lookups;
};

/* Key i is on a port of its own kind, whatever the writer does; even keys are
 * static and always there. */
static uint16_t port_of(uint32_t i, uint32_t turn)
{
	return (uint16_t)(1 + i % 50 + 50 * (turn % 3));
}

static void *read_all(void *arg)
{
	struct shared *shared = arg;
	uint64_t seed = (uintptr_t)&seed;

	rcu_register_thread();
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		for (int k = 0; k < 64; k++) {
			uint32_t i = unit_below(&seed, N_HOT);
			struct fdb_key key = key_of(i);
			struct fdb_found found;

			if (!fdb_lookup(shared->fdb, &key, 1, 7, &found)) {
				unit_check(i % 2, "static key %u is gone", i);
				continue;
			}
			unit_check((found.port - 1u) % 50 == i % 50 &&
					   found.port <= 150,
				   "key %u on port %u", i, found.port);
			unit_check(found.flags == (i % 2 ? 0 : FDB_F_STATIC),
				   "key %u: flags %u", i, found.flags);
		}
		rcu_quiescent_state();
		__atomic_fetch_add(&shared->n_lookups, 64, __ATOMIC_RELAXED);
		if (!unit_below(&seed, 8)) {
			rcu_thread_offline();
			sched_yield();
			rcu_thread_online();
		}
	}
	rcu_unregister_thread();
	return NULL;
}

static bool visit_some(const struct fdb_key *key, const struct fdb_entry *entry,
		       void *arg)
{
	(void)key;
	return !(entry->flags & FDB_F_STATIC) && !unit_below(arg, 4);
}

static void change_one(struct fdb *fdb, uint64_t *seed)
{
	uint32_t i = unit_below(seed, N_HOT), turn = unit_below(seed, 3);
	struct fdb_key key = key_of(i);

	if (i % 2 == 0)
		fdb_set(fdb, &key, port_of(i, turn), FDB_F_STATIC, 0);
	else if (unit_below(seed, 2))
		fdb_set(fdb, &key, port_of(i, turn), 0, 0);
	else if (unit_below(seed, 10))
		fdb_del(fdb, &key);
	else
		fdb_each(fdb, visit_some, seed);
}

static void test_readers(void **state)
{
	struct shared shared = { .fdb = fdb_new() };
	pthread_t threads[N_READERS];
	uint64_t seed = 12;

	(void)state;
	for (uint32_t i = 0; i < N_HOT; i += 2) {
		struct fdb_key key = key_of(i);

		fdb_set(shared.fdb, &key, port_of(i, 0), FDB_F_STATIC, 0);
	}
	for (uint32_t i = 0; i < N_READERS; i++)
		threads[i] = unit_start(read_all, &shared);
	for (uint32_t i = 0;
	     i < N_CHANGES ||
	     __atomic_load_n(&shared.n_lookups, __ATOMIC_RELAXED) < N_LOOKUPS;
	     i++)
		change_one(shared.fdb, &seed);
	__atomic_store_n(&shared.stop, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < N_READERS; i++)
		unit_join(threads[i]);
	fdb_free(shared.fdb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),	cmocka_unit_test(test_seen),
		cmocka_unit_test(test_each),	cmocka_unit_test(test_limit),
		cmocka_unit_test(test_readers),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests_name("fdb", tests, NULL, NULL);
	rcu_unregister_thread();
	return ret;
}
