// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Pools on the control thread (control/pools.c) when frames or the host's memory
 * are short: with real workers, and VMs whose pools have one part only, what is
 * on the way to them, as that needs no device.
 */
#include <sched.h>

#include "control/pools.h"
#include "switching/worker.h"
#include "unit.h"

#define N_FRAMES 4096
#define RESERVE	 1024
#define MARK	 (N_FRAMES / 16)
#define MIN	 64
#define BATCH	 64

enum { VM1 = 1, VM2, VM3, WAN, N_SLOTS };

static struct agent agent;
static struct config config;
static struct config_vm vm_config;
static struct config_uplink uplink_config;

static uint32_t a_core(void)
{
	uint32_t core = 0;
	cpu_set_t cpus;

	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	while (!CPU_ISSET(core, &cpus))
		core++;
	return core;
}

static struct port *new_port(uint16_t slot, uint8_t kind)
{
	struct port *port = aligned_alloc(CACHE_LINE, sizeof(*port));

	assert_non_null(port);
	memset(port, 0, sizeof(*port));
	port->slot = slot;
	port->kind = kind;
	port->state = PORT_STATE_UP;
	port->promises = &agent.vs.promises;
	agent.ports[slot] = port;
	return port;
}

static int set_up(void **state)
{
	const uint32_t cores[] = { a_core(), a_core() };
	const struct vswitch_opts opts = {
		.n_frames = N_FRAMES,
		.frame_size = 2048,
		.pages = ARENA_PAGES_SMALL,
		.n_reserve = RESERVE,
		.batch = BATCH,
		.window_ms = 10000,
		.cores = cores,
		.n_cores = 2,
	};
	char err[256];

	(void)state;
	memset(&agent, 0, sizeof(agent));
	agent.config = &config;
	agent.pools_log = calloc(1, sizeof(*agent.pools_log));
	vm_config.pool = (struct config_pool){ .min = MIN, .max = N_FRAMES };
	if (vswitch_init(&agent.vs, &opts, err, sizeof(err)))
		fail_msg("%s", err);
	for (uint16_t slot = VM1; slot <= VM3; slot++) {
		struct port *vm = new_port(slot, PORT_VM);

		vm->vm_config = &vm_config;
		pools_begin(vm);
		assert_int_equal(pools_divide(&agent, vm), 0);
		pools_open_out(&agent, vm);
		vswitch_publish_port(&agent.vs, vm);
	}
	return 0;
}

static void assert_adds_up(void)
{
	struct pools_account account;

	pools_count(&agent, &account);
	assert_int_equal(account.missing, 0);
}

static int tear_down(void **state)
{
	(void)state;
	for (uint16_t slot = 1; slot < N_SLOTS; slot++) {
		struct port *port = agent.ports[slot];

		if (!port)
			continue;
		if (port->kind == PORT_VM) {
			vswitch_hide_port(&agent.vs, slot);
			pools_close_out(&agent, port);
			pools_end(port);
		}
		agent.ports[slot] = NULL;
		free(port);
	}
	vswitch_done(&agent.vs);
	free(agent.pools_log);
	return 0;
}

static uint32_t size_of(uint16_t slot)
{
	return pool_load(&agent.ports[slot]->pool.size);
}

static uint64_t n_resizes(uint16_t slot, enum pool_reason reason)
{
	return __atomic_load_n(&agent.ports[slot]->pool.n_resizes[reason],
			       __ATOMIC_RELAXED);
}

static void use(uint16_t slot, uint32_t n)
{
	agent.ports[slot]->account[0].charged =
		agent.ports[slot]->account[0].released + n;
}

/* What the VM gets of a pool of @n. */
static void grow(uint16_t slot, uint32_t n)
{
	const struct pool_parts parts = { .out = n };

	for (uint32_t i = 0; i < agent.vs.n_workers; i++)
		worker_set_pool(agent.vs.workers[i], agent.ports[slot], &parts,
				POOL_REQUEST);
	assert_adds_up();
}

/* Leaves @n frames to spare. */
static void leave(uint32_t n)
{
	pools_add_part(
		&agent, agent.ports[VM3],
		promises_take(&agent.vs.promises,
			      (uint32_t)promises_spare(&agent.vs.promises) -
				      n));
	agent.ports[VM3]->out_max = size_of(VM3);
	/* In use, so nobody takes it. */
	use(VM3, size_of(VM3));
	assert_adds_up();
}

static void beat(void)
{
	pools_tick(&agent);
	assert_adds_up();
}

/* ---- memory pressure ---- */

static void test_pressure(void **state)
{
	uint32_t size;

	(void)state;
	grow(VM1, 2000);
	assert_int_equal(size_of(VM1), 2000);
	beat();
	assert_int_equal(size_of(VM1), 2000);
	assert_false(pools_pressed(&agent));
	/* A quarter of what is too much, at once. */
	pools_press(&agent);
	assert_true(pools_pressed(&agent));
	assert_int_equal(agent.pressure.n_events, 1);
	size = 2000 - (2000 - MIN) / 4;
	assert_int_equal(size_of(VM1), size);
	assert_int_equal(n_resizes(VM1, POOL_PRESSURE), 1);
	/* It grows no more. */
	grow(VM1, 2000);
	assert_int_equal(size_of(VM1), size);
	/* The next event comes while it goes on: one step a beat. */
	pools_press(&agent);
	assert_int_equal(size_of(VM1), size);
	use(VM1, 700);
	beat();
	assert_int_equal(size_of(VM1), size - (size - 700) / 4);
	/* Down to what is used, */
	for (uint32_t i = 0; i < 30; i++)
		beat();
	assert_int_equal(size_of(VM1), 700);
	/* and then to the minimum. */
	use(VM1, 0);
	for (uint32_t i = 0; i < 30; i++)
		beat();
	assert_int_equal(size_of(VM1), MIN);
	assert_int_equal(n_resizes(VM1, POOL_HOST_LOW), 0);
	/* Over: it may grow again. */
	agent.pressure.last_ns -= PRESSURE_NS;
	assert_false(pools_pressed(&agent));
	beat();
	grow(VM1, 2000);
	assert_int_equal(size_of(VM1), 2000);
	assert_int_equal(agent.pressure.n_events, 2);
}

/* What was asked for stays, and what is below may grow up to it. */
static void test_pressure_asked(void **state)
{
	(void)state;
	grow(VM1, 1500);
	agent.ports[VM1]->pool.asked = 1000;
	agent.ports[VM2]->pool.asked = 500;
	pools_press(&agent);
	for (uint32_t i = 0; i < 30; i++)
		beat();
	assert_int_equal(size_of(VM1), 1000);
	grow(VM2, 900);
	assert_int_equal(size_of(VM2), 500);
}

/* Who may not grow asks in vain, once a beat; minimums are covered at once. */
static void test_pressure_asking(void **state)
{
	struct promises *promises = &agent.vs.promises;

	(void)state;
	grow(VM1, 1500);
	grow(VM2, MIN);
	agent.ports[VM1]->pool.asked = 1500;
	leave(0);
	pools_press(&agent);
	promises->wanted = VM2;
	pools_balance(&agent);
	assert_int_equal(promises->wanted, VM2);
	beat();
	assert_int_equal(n_resizes(VM1, POOL_RECLAIM), 0);
	/* It may up to what was asked for. */
	agent.ports[VM2]->pool.asked = 1000;
	promises->wanted = VM2;
	beat();
	assert_int_equal(n_resizes(VM1, POOL_RECLAIM), 1);
	assert_int_equal(promises_spare(promises), BATCH);
	promises_force(promises, BATCH + 10);
	pools_balance(&agent);
	assert_int_equal(promises_spare(promises), BATCH - 10);
	assert_int_equal(n_resizes(VM1, POOL_RECLAIM), 2);
	promises_give(promises, BATCH + 10);
}

/* ---- nearly empty ---- */

static void test_low(void **state)
{
	(void)state;
	grow(VM1, 1000);
	grow(VM2, 800);
	leave(MARK);
	beat();
	assert_int_equal(size_of(VM1), 1000);
	leave(MARK - 156);
	beat();
	/* No more than is missing, of the greediest; and it may grow. */
	assert_int_equal(size_of(VM1), 1000 - 156);
	assert_int_equal(size_of(VM2), 800);
	assert_int_equal(promises_spare(&agent.vs.promises), MARK);
	assert_int_equal(n_resizes(VM1, POOL_HOST_LOW), 1);
	assert_int_equal(agent.ports[VM1]->pool.cap, N_FRAMES);
	beat();
	assert_int_equal(n_resizes(VM1, POOL_HOST_LOW), 1);
}

/* Who is not idle, or was not just now, keeps what it has. */
static void test_low_idle(void **state)
{
	(void)state;
	grow(VM1, 1000);
	grow(VM2, 500);
	use(VM1, 250);
	leave(100);
	beat();
	assert_int_equal(size_of(VM1), 1000);
	assert_int_equal(size_of(VM2), 500 - (MARK - 100));
	leave(100);
	use(VM1, 0);
	beat();
	assert_int_equal(size_of(VM1), 1000);
	assert_int_equal(size_of(VM2), 500 - 2 * (MARK - 100));
}

/* Twice of what it uses stays. */
static void test_low_used(void **state)
{
	(void)state;
	grow(VM1, 300);
	use(VM1, 70);
	leave(0);
	beat();
	assert_int_equal(size_of(VM1), 140);
}

/* All of them together, if one has not enough; not what was asked for. */
static void test_low_all(void **state)
{
	(void)state;
	grow(VM1, 200);
	grow(VM2, 180);
	agent.ports[VM1]->pool.asked = 150;
	leave(0);
	beat();
	assert_int_equal(size_of(VM1), 150);
	assert_int_equal(size_of(VM2), MIN);
	assert_int_equal(promises_spare(&agent.vs.promises), 50 + 180 - MIN);
}

/* Frames that are posted come back with packets: who gave them up does not give
 * more for that. */
static void test_low_to_come(void **state)
{
	struct queue *queue = aligned_alloc(CACHE_LINE, sizeof(*queue));
	struct port *wan = new_port(WAN, PORT_UPLINK);

	(void)state;
	assert_non_null(queue);
	memset(queue, 0, sizeof(*queue));
	wan->uplink_config = &uplink_config;
	wan->queues = &queue;
	wan->n_queues = 1;
	queue->port = wan;
	queue->granted = promises_take(&agent.vs.promises, 300);
	queue->target = 300 - 150;
	grow(VM1, 1000);
	leave(100);
	beat();
	assert_int_equal(size_of(VM1), 1000 - (MARK - 100 - 150));
	promises_give(&agent.vs.promises, 300);
	wan->n_queues = 0;
	free(queue);
}

/* A VM on memory of its own has nothing that would help. */
static void test_low_isolated(void **state)
{
	(void)state;
	grow(VM1, 1000);
	leave(0);
	agent.ports[VM1]->region = 1;
	pools_tick(&agent);
	assert_int_equal(size_of(VM1), 1000);
	/* And others have nothing for it. */
	agent.vs.promises.wanted = VM1;
	pools_tick(&agent);
	assert_int_equal(agent.vs.promises.wanted, 0);
	assert_int_equal(n_resizes(VM3, POOL_RECLAIM), 0);
	agent.ports[VM1]->region = 0;
	assert_adds_up();
}

/* ---- by the configuration ---- */

static void test_tune(void **state)
{
	struct vswitch_region region = { .n_reserve = 1 };

	(void)state;
	agent.vs.regions[3] = &region;
	config.pool_batch = 32;
	config.pool_window_ms = 20;
	pools_tune(&agent);
	assert_int_equal(agent.vs.promises.batch, 32);
	assert_int_equal(agent.vs.promises.window_ns, 20 * NS_PER_MS);
	assert_int_equal(region.promises.batch, 32);
	assert_int_equal(region.promises.window_ns, 20 * NS_PER_MS);
	agent.vs.regions[3] = NULL;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pressure),	    TEST(test_pressure_asked),
		TEST(test_pressure_asking), TEST(test_low),
		TEST(test_low_idle),	    TEST(test_low_used),
		TEST(test_low_all),	    TEST(test_low_to_come),
		TEST(test_low_isolated),    TEST(test_tune),
	};

	return cmocka_run_group_tests_name("pools", tests, NULL, NULL);
}
