// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Addresses and networks, with the BPF maps played by this file: what is
 * learned and what is not, limits, and a storm after each step of which the
 * table, the programs' copy of it and the ports' counts agree.
 */
#include <urcu-qsbr.h>

#include "base/log.h"
#include "control/lifecycle.h"
#include "control/networks.h"
#include "control/shares.h"
#include "switching/worker.h"
#include "unit.h"

#define N_PORTS 5 /* slots 1 to 4: an uplink, three VMs */
#define N_MACS	40
#define LIMIT	12

/* ---- the BPF side ---- */

static struct {
	struct fdb_key key;
	uint16_t port;
	uint8_t flags;
	uint32_t seen_s;
	bool used;
} map[1024];
static bool map_fails;
static uint32_t n_writes[PKT_MAX_PORTS];
static bool written_learn[PKT_MAX_PORTS];

static int map_find(const struct fdb_key *key)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(map); i++)
		if (map[i].used && !memcmp(&map[i].key, key, sizeof(*key)))
			return (int)i;
	return -1;
}

int datapath_set_fdb(struct datapath *dp, const struct fdb_key *key,
		     uint32_t port, uint8_t flags, uint32_t now_s)
{
	int i = map_find(key);

	(void)dp;
	if (map_fails)
		return -ENOMEM;
	for (uint32_t k = 0; i < 0 && k < ARRAY_SIZE(map); k++)
		if (!map[k].used)
			i = (int)k;
	assert_true(i >= 0);
	map[i].key = *key;
	map[i].port = (uint16_t)port;
	map[i].flags = flags;
	map[i].seen_s = now_s;
	map[i].used = true;
	return 0;
}

void datapath_del_fdb(struct datapath *dp, const struct fdb_key *key)
{
	int i = map_find(key);

	(void)dp;
	if (i >= 0)
		map[i].used = false;
}

int datapath_fdb_seen(struct datapath *dp, const struct fdb_key *key,
		      uint32_t *ret_seen_s)
{
	int i = map_find(key);

	(void)dp;
	if (i < 0)
		return -ENOENT;
	*ret_seen_s = map[i].seen_s;
	return 0;
}

int datapath_set_addr(struct datapath *dp, const struct addr_key *key)
{
	(void)dp;
	(void)key;
	return 0;
}

void datapath_del_addr(struct datapath *dp, const struct addr_key *key)
{
	(void)dp;
	(void)key;
}

int datapath_set_net(struct datapath *dp, uint16_t vlan, uint16_t uplink)
{
	(void)dp;
	(void)vlan;
	(void)uplink;
	return 0;
}

void datapath_clear_net(struct datapath *dp, uint16_t vlan)
{
	(void)dp;
	(void)vlan;
}

int datapath_set_flood(struct datapath *dp, uint16_t vlan,
		       const struct datapath_member *members, uint32_t n)
{
	(void)dp;
	(void)vlan;
	(void)members;
	(void)n;
	return 0;
}

uint32_t datapath_sweep_maps(struct datapath *dp,
			     const struct datapath_stale *stale)
{
	(void)dp;
	(void)stale;
	return 0;
}

/* ---- and the rest of the control thread ---- */

int lifecycle_write(struct agent *agent, struct port *port)
{
	(void)agent;
	n_writes[port->slot]++;
	written_learn[port->slot] = port->learn;
	return 0;
}

struct port *shares_uplink_of(struct agent *agent, uint16_t vlan)
{
	(void)vlan;
	return agent->ports[1];
}

/* ---- the agent ---- */

struct bench {
	struct agent *agent;
	struct config config;
	struct config_uplink uplink;
	struct config_vm vms[N_PORTS];
	struct worker *worker;
};

static void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	memset(map, 0, sizeof(map));
	map_fails = false;
	bench->agent = calloc(1, sizeof(*bench->agent));
	bench->worker = aligned_alloc(CACHE_LINE, sizeof(*bench->worker));
	memset(bench->worker, 0, sizeof(*bench->worker));
	bench->worker->vs = &bench->agent->vs;
	bench->agent->vs.learn_fd = -1;
	bench->agent->vs.workers[0] = bench->worker;
	bench->agent->vs.n_workers = 1;
	bench->agent->vs.fdb = fdb_new();
	bench->agent->config = &bench->config;
	bench->config.fdb_limit = LIMIT;
	bench->config.fdb_ageing_s = 1;
	bench->uplink.learn = true;
	bench->uplink.vlans[10 / 8] |= 1 << 10 % 8;
	for (uint16_t slot = 1; slot < N_PORTS; slot++) {
		struct port *port = aligned_alloc(CACHE_LINE, sizeof(*port));

		memset(port, 0, sizeof(*port));
		port->slot = slot;
		port->kind = slot == 1 ? PORT_UPLINK : PORT_VM;
		port->vlan = slot == 1 ? 0 : 10;
		port->state = PORT_STATE_UP;
		port->carrier = true;
		port->learn = true;
		port->uplink_config = slot == 1 ? &bench->uplink : NULL;
		port->vm_config = slot == 1 ? NULL : &bench->vms[slot];
		bench->vms[slot].learn = true;
		bench->vms[slot].vlan = 10;
		bench->agent->ports[slot] = port;
	}
}

static void bench_done(struct bench *bench)
{
	fdb_free(bench->agent->vs.fdb);
	for (uint16_t slot = 1; slot < N_PORTS; slot++)
		free(bench->agent->ports[slot]);
	free(bench->worker);
	free(bench->agent);
}

static struct fdb_key key_of(uint32_t i, uint16_t vlan)
{
	struct fdb_key key = { .mac = { 2, 0, 0, 0, 0, (uint8_t)i },
			       .vlan = vlan };

	return key;
}

static void learn(struct bench *bench, uint32_t mac, uint16_t vlan,
		  uint16_t slot)
{
	struct fdb_key key = key_of(mac, vlan);

	worker_learn(bench->worker, &key, slot);
	networks_learn(bench->agent);
}

/* Slot where @mac is; 0 = unknown. */
static uint16_t where(struct bench *bench, uint32_t mac, uint16_t vlan)
{
	struct fdb_key key = key_of(mac, vlan);
	struct fdb_found found;

	return fdb_lookup(bench->agent->vs.fdb, &key, 0, 0, &found)
		       ? found.port
		       : 0;
}

struct tally {
	uint32_t n;
	uint32_t learned[N_PORTS];
};

static bool tally_entry(const struct fdb_key *key,
			const struct fdb_entry *entry, void *arg)
{
	struct tally *tally = arg;
	int i = map_find(key);

	assert_true(i >= 0);
	assert_int_equal(map[i].port, entry->port);
	assert_int_equal(map[i].flags, entry->flags);
	tally->n++;
	if (!(entry->flags & FDB_F_STATIC))
		tally->learned[entry->port]++;
	return false;
}

/* The table, its copy in the map, and the ports' counts say the same. */
static void assert_agree(struct bench *bench)
{
	struct tally tally = { 0 };
	uint32_t n_map = 0;

	fdb_each(bench->agent->vs.fdb, tally_entry, &tally);
	for (uint32_t i = 0; i < ARRAY_SIZE(map); i++)
		n_map += map[i].used;
	assert_int_equal(n_map, tally.n);
	for (uint16_t slot = 1; slot < N_PORTS; slot++) {
		const struct port *port = bench->agent->ports[slot];

		assert_int_equal(port->n_learned, tally.learned[slot]);
		assert_true(port->n_learned <= LIMIT);
	}
}

static void test_learn(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	learn(&bench, 1, 10, 2);
	learn(&bench, 1, 10, 2);
	learn(&bench, 2, 10, 1);
	assert_int_equal(where(&bench, 1, 10), 2);
	assert_int_equal(where(&bench, 2, 10), 1);
	learn(&bench, 1, 10, 3);
	assert_int_equal(where(&bench, 1, 10), 3);
	assert_agree(&bench);

	/* Not learning, not up, not there any more. */
	bench.agent->ports[4]->learn = false;
	learn(&bench, 3, 10, 4);
	bench.agent->ports[2]->state = PORT_STATE_DOWN;
	learn(&bench, 3, 10, 2);
	learn(&bench, 3, 10, 77);
	assert_int_equal(where(&bench, 3, 10), 0);
	assert_agree(&bench);
	bench_done(&bench);
}

/* Between a worker's request and its turn the port may have gone to another
 * network: an entry of the old one that points there would lead packets out
 * of their network. */
static void test_learn_after_move(void **state)
{
	struct fdb_key key = key_of(1, 10);
	struct bench bench;

	(void)state;
	bench_init(&bench);
	worker_learn(bench.worker, &key, 2);
	bench.agent->ports[2]->vlan = 20;
	networks_learn(bench.agent);
	assert_int_equal(where(&bench, 1, 10), 0);

	/* Nor does an uplink learn in networks that it does not carry. */
	learn(&bench, 1, 20, 1);
	assert_int_equal(where(&bench, 1, 20), 0);
	learn(&bench, 1, 20, 2);
	assert_int_equal(where(&bench, 1, 20), 2);
	assert_agree(&bench);
	bench_done(&bench);
}

static void test_limit(void **state)
{
	struct bench bench;
	struct port *port;

	(void)state;
	bench_init(&bench);
	port = bench.agent->ports[2];
	for (uint32_t i = 0; i < LIMIT + 5; i++)
		learn(&bench, i, 10, 2);
	assert_int_equal(port->n_learned, LIMIT);
	assert_false(port->learn);
	assert_false(written_learn[2]);
	/* One goes elsewhere: there is room. */
	learn(&bench, 0, 10, 3);
	assert_true(port->learn);
	assert_true(written_learn[2]);
	learn(&bench, 20, 10, 2);
	assert_int_equal(port->n_learned, LIMIT);
	assert_false(port->learn);
	assert_agree(&bench);

	/* The device goes and comes back: it starts anew. */
	networks_forget_learned(bench.agent, port);
	assert_int_equal(port->n_learned, 0);
	assert_true(port->learn);
	learn(&bench, 1, 10, 2);
	assert_int_equal(where(&bench, 1, 10), 2);
	assert_agree(&bench);
	bench_done(&bench);
}

static void test_static(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	learn(&bench, 1, 10, 3);
	bench.vms[2].macs[0][0] = 2;
	bench.vms[2].macs[0][5] = 1;
	bench.vms[2].n_macs = 1;
	assert_int_equal(
		networks_add_addresses(bench.agent, bench.agent->ports[2]), 0);
	assert_int_equal(where(&bench, 1, 10), 2);
	assert_int_equal(bench.agent->ports[3]->n_learned, 0);
	assert_agree(&bench);
	/* Never learned away. */
	learn(&bench, 1, 10, 3);
	assert_int_equal(where(&bench, 1, 10), 2);
	learn(&bench, 2, 10, 2);
	networks_forget_learned(bench.agent, bench.agent->ports[2]);
	assert_int_equal(where(&bench, 1, 10), 2);
	assert_int_equal(where(&bench, 2, 10), 0);
	networks_del_addresses(bench.agent, bench.agent->ports[2]);
	assert_int_equal(where(&bench, 1, 10), 0);
	assert_agree(&bench);
	bench_done(&bench);
}

/* The map is full: nothing half done stays, also of an address that moved. */
static void test_map_fails(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	learn(&bench, 1, 10, 2);
	map_fails = true;
	learn(&bench, 2, 10, 2);
	learn(&bench, 1, 10, 3);
	map_fails = false;
	assert_int_equal(where(&bench, 1, 10), 0);
	assert_int_equal(where(&bench, 2, 10), 0);
	assert_agree(&bench);
	bench_done(&bench);
}

static void set_seen(struct bench *bench, uint32_t mac, uint16_t slot,
		     uint32_t table_s, uint32_t map_s)
{
	struct fdb_key key = key_of(mac, 10);

	assert_int_equal(fdb_set(bench->agent->vs.fdb, &key, slot, 0, table_s),
			 -EALREADY);
	map[map_find(&key)].seen_s = map_s;
}

/* What neither a worker nor a program has seen for long goes. */
static void test_ageing(void **state)
{
	uint32_t now = (uint32_t)(now_ns() / NS_PER_SEC);
	struct bench bench;
	struct port *port;

	(void)state;
	bench_init(&bench);
	bench.config.fdb_ageing_s = 5;
	port = bench.agent->ports[2];
	for (uint32_t i = 0; i < LIMIT; i++)
		learn(&bench, i, 10, 2);
	set_seen(&bench, 0, 2, now - 100, now - 100);
	set_seen(&bench, 1, 2, now - 100, now);
	set_seen(&bench, 2, 2, now, now - 100);
	set_seen(&bench, 3, 2, now + 1, now - 100);
	assert_false(port->learn);
	networks_age(bench.agent);
	assert_int_equal(where(&bench, 0, 10), 0);
	for (uint32_t i = 1; i < LIMIT; i++)
		assert_int_equal(where(&bench, i, 10), 2);
	assert_true(port->learn);
	assert_agree(&bench);
	bench_done(&bench);
}

static void set_static(struct bench *bench, uint16_t slot, uint32_t mac)
{
	struct config_vm *vm = &bench->vms[slot];

	/* As a reload does: out by the old configuration, in by the new. No
	 * two ports have one address. */
	networks_del_addresses(bench->agent, bench->agent->ports[slot]);
	vm->n_macs = mac ? 1 : 0;
	vm->macs[0][0] = 2;
	vm->macs[0][5] = (uint8_t)mac;
	assert_int_equal(networks_add_addresses(bench->agent,
						bench->agent->ports[slot]),
			 0);
}

static void test_storm(void **state)
{
	struct bench bench;
	uint64_t seed = 21;

	(void)state;
	bench_init(&bench);
	for (uint32_t i = 0; i < 20000; i++) {
		uint16_t slot = (uint16_t)(1 + unit_below(&seed, N_PORTS - 1));
		struct port *port = bench.agent->ports[slot];

		map_fails = !unit_below(&seed, 50);
		switch (unit_below(&seed, 20)) {
		case 0:
			networks_forget_learned(bench.agent, port);
			break;
		case 1:
			map_fails = false;
			if (port->kind == PORT_VM)
				set_static(&bench, slot,
					   unit_below(&seed, 2) * slot);
			break;
		case 2:
			port->state = port->state == PORT_STATE_UP
					      ? PORT_STATE_DOWN
					      : PORT_STATE_UP;
			break;
		default:
			learn(&bench, unit_below(&seed, N_MACS),
			      unit_below(&seed, 10) ? 10 : 11, slot);
			break;
		}
		assert_agree(&bench);
	}
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learn),
		cmocka_unit_test(test_learn_after_move),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_static),
		cmocka_unit_test(test_map_fails),
		cmocka_unit_test(test_ageing),
		cmocka_unit_test(test_storm),
	};
	int ret;

	log_set_level(LOG_LEVEL_ERROR); /* the limit's warnings */
	rcu_register_thread();
	ret = cmocka_run_group_tests_name("networks", tests, NULL, NULL);
	rcu_unregister_thread();
	return ret;
}
