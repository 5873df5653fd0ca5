// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A real worker thread on the bench of rig.h: it sleeps when there is nothing
 * to do, no push to its ring is lost to its sleep, and what nobody tells it
 * about it finds by itself without burning the core.
 */
#include <sched.h>
#include <sys/eventfd.h>
#include <urcu-qsbr.h>

#include "rig.h"
#include "vhost/pair.h"

#define IDLE_NS	 (200 * NS_PER_US)
#define N_PUSHES (UNIT_SLOW ? 5000 : 20000)
#define WAIT_NS	 (60 * NS_PER_SEC)

struct bench {
	struct rig *rig;
	struct worker *worker;
	struct port *port;
	struct queue *queue;
	int fd; /* stands for the queue's socket */
};

static uint32_t a_core(void)
{
	cpu_set_t cpus;
	uint32_t core = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	while (!CPU_ISSET(core, &cpus))
		core++;
	return core;
}

/* The rig's own worker makes the queue; a thread then takes it over. */
static void bench_init(struct bench *bench, uint64_t idle_ns)
{
	struct rig *rig = rig_new(512, 1);
	struct worker *own = rig->vs.workers[0];

	rig->vs.idle_ns = (uint32_t)idle_ns;
	bench->rig = rig;
	bench->port = rig_port(rig, 1, PORT_VM, 0, 0);
	bench->queue = bench->port->queues[0];
	bench->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	bench->queue->primary.rx.fd = bench->fd;
	bench->queue->umem.fd = bench->fd;
	frame_cache_done(&own->cache);
	free(own->queues);
	free(own);
	assert_int_equal(worker_new(&rig->vs, 0, a_core(), &bench->worker), 0);
	rig->vs.workers[0] = bench->worker;
}

static void bench_start(struct bench *bench)
{
	assert_int_equal(worker_add_queue(bench->worker, bench->queue), 0);
}

static void bench_done(struct bench *bench)
{
	struct worker *own = rig_alloc(sizeof(*own));

	worker_del_queue(bench->worker, bench->queue);
	worker_free(bench->worker);
	close(bench->fd);
	own->vs = &bench->rig->vs;
	frame_cache_init(&own->cache, &bench->rig->vs.hostpool, 0);
	bench->rig->vs.workers[0] = own;
	rig_assert_conserved(bench->rig);
	rig_free(bench->rig);
}

static uint64_t loops(const struct bench *bench)
{
	return __atomic_load_n(&bench->worker->stats.loops, __ATOMIC_RELAXED);
}

static void sleep_ns(uint64_t ns)
{
	const struct timespec pause = { .tv_sec = (time_t)(ns / NS_PER_SEC),
					.tv_nsec = (long)(ns % NS_PER_SEC) };

	nanosleep(&pause, NULL);
}

static bool is_asleep(const struct bench *bench)
{
	return __atomic_load_n(&bench->worker->sleeping, __ATOMIC_RELAXED);
}

static void wait_asleep(const struct bench *bench)
{
	uint64_t end = now_ns() + WAIT_NS;

	while (!is_asleep(bench) && now_ns() < end)
		sched_yield();
	assert_true(is_asleep(bench));
}

/* Until it has not looked for 100 ms. */
static void wait_quiet(const struct bench *bench)
{
	uint64_t end = now_ns() + WAIT_NS, before;

	do {
		before = loops(bench);
		sleep_ns(100 * NS_PER_MS);
	} while (loops(bench) != before && now_ns() < end);
}

static void test_idle(void **state)
{
	struct bench bench;
	uint64_t before;

	(void)state;
	bench_init(&bench, IDLE_NS);
	bench_start(&bench);
	wait_asleep(&bench);
	/* It may still have to look once more. */
	wait_quiet(&bench);
	before = loops(&bench);
	sleep_ns(300 * NS_PER_MS);
	assert_int_equal(loops(&bench), before);
	assert_true(is_asleep(&bench));
	bench_done(&bench);
}

static void note_call(struct worker *worker, void *arg)
{
	assert_ptr_equal(pthread_self(), worker->thread);
	++*(uint32_t *)arg;
}

static void test_calls(void **state)
{
	struct bench bench;
	uint32_t n = 0;

	(void)state;
	bench_init(&bench, IDLE_NS);
	for (uint32_t i = 0; i < 2000; i++) {
		worker_call(bench.worker, note_call, &n);
		assert_int_equal(n, i + 1);
		if (i % 20 == 0)
			sleep_ns(IDLE_NS);
	}
	bench_start(&bench);
	bench_done(&bench);
}

/* A ring of a guest that has undone O_NONBLOCK and filled the counter. */
struct stuck {
	struct vring_desc desc[2];
	uint16_t avail[8];
	uint16_t used[16];
	int fd;
	struct vhost_pair *pair;
};

static void on_signal(int signal)
{
	(void)signal;
}

static void stuck_init(struct stuck *stuck, struct bench *bench)
{
	const struct sigaction interrupt = { .sa_handler = on_signal };
	const uint64_t full = UINT64_MAX - 1;
	struct vhost_ring_start start = {
		.index = 1,
		.num = 2,
		.enabled = true,
		.desc = stuck->desc,
		.avail = stuck->avail,
		.used = stuck->used,
		.kick_fd = -1,
	};

	/* As vswitch_init() does. */
	sigaction(WORKER_SIGNAL, &interrupt, NULL);
	stuck->fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(write(stuck->fd, &full, sizeof(full)), sizeof(full));
	start.call_fd = stuck->fd;
	assert_int_equal(pair_new(bench->port, 0, 0, 64, &stuck->pair), 0);
	pair_start(stuck->pair, &start);
	assert_int_equal(worker_add_pair(bench->worker, stuck->pair), 0);
}

/* Neither tables nor calls wait for it for ever. */
static void test_stuck(void **state)
{
	struct stuck stuck __attribute__((aligned(CACHE_LINE))) = { .fd = -1 };
	const struct fdb_key key = { .vlan = 1 };
	struct bench bench;
	uint32_t n = 0;

	(void)state;
	bench_init(&bench, IDLE_NS);
	bench_start(&bench);
	assert_int_equal(fdb_set(bench.rig->vs.fdb, &key, 1, 0, 1), 0);
	stuck_init(&stuck, &bench);
	while (!__atomic_load_n(&stuck.pair->tx.n_calls, __ATOMIC_RELAXED))
		sleep_ns(NS_PER_MS);
	assert_int_equal(fdb_del(bench.rig->vs.fdb, &key), 0);
	assert_null(pair_broken(stuck.pair));
	worker_call(bench.worker, note_call, &n);
	assert_int_equal(n, 1);
	assert_string_equal(pair_broken(stuck.pair),
			    "the call descriptor blocks");
	worker_del_pair(bench.worker, stuck.pair);
	pair_free(stuck.pair);
	close(stuck.fd);
	bench_done(&bench);
}

/* No room on the tx ring: what is pushed is refused, so that the worker is
 * left with nothing that would have it look again by itself. */
static void close_tx(struct queue *queue)
{
	queue->umem.tx.cached_prod = RIG_RING;
}

static void wait_released(const struct bench *bench, uint64_t n)
{
	const uint64_t *released = &bench->port->account[0].released;
	uint64_t end = now_ns() + WAIT_NS;

	while (__atomic_load_n(released, __ATOMIC_ACQUIRE) < n)
		if (now_ns() > end)
			fail_msg("push %llu: the worker sleeps",
				 (unsigned long long)n);
}

static void test_no_push_is_lost(void **state)
{
	struct frame_cache *cache;
	struct bench bench;
	uint64_t seed = 3, n_slept = 0;

	(void)state;
	bench_init(&bench, 0); /* to sleep at once */
	cache = &bench.rig->vs.cache;
	close_tx(bench.queue);
	bench_start(&bench);
	for (uint32_t i = 1; i <= N_PUSHES; i++) {
		struct arena *arena = &bench.rig->vs.arena;
		uint32_t frame = frame_cache_get(cache);

		assert_int_not_equal(frame, FRAME_NONE);
		arena_move(arena, frame, FRAME_OUT, 1);
		count_add(&bench.port->account[1].charged, 1);
		/* At any moment of the worker's way to sleep. */
		for (uint32_t n = unit_below(&seed, 3000); n > 0; n--)
			__asm__ volatile("");
		n_slept += is_asleep(&bench);
		assert_true(
			mpsc_push(&bench.queue->in,
				  packet_pack(arena_addr(arena, frame), 60)));
		worker_wake(bench.worker);
		wait_released(&bench, i);
	}
	assert_true(n_slept > 0);
	bench.rig->vs.n_workers = 2; /* of which one is this thread */
	assert_int_equal(port_out_frames(bench.port, 2), 0);
	bench.rig->vs.n_workers = 1;
	bench.port->account[1].charged = 0;
	bench.port->account[0].released = 0;
	bench_done(&bench);
}

static uint32_t posted(const struct bench *bench)
{
	return __atomic_load_n(bench->queue->umem.fill.producer,
			       __ATOMIC_ACQUIRE);
}

/* The host pool is empty when frames are to be posted. When some come back
 * there is nobody to tell the worker, and no packet can come without them. */
static void test_refill_after_shortage(void **state)
{
	struct frame_cache *cache;
	uint32_t held[512], n = 0, frame, target;
	struct bench bench;
	uint64_t end;

	(void)state;
	bench_init(&bench, IDLE_NS);
	cache = &bench.rig->vs.cache;
	while ((frame = frame_cache_get(cache)) != FRAME_NONE)
		held[n++] = frame;
	target = bench.queue->target;
	assert_int_equal(posted(&bench), target);
	bench.queue->target += 10;
	bench_start(&bench);
	wait_asleep(&bench);
	sleep_ns(20 * NS_PER_MS);
	assert_int_equal(posted(&bench), target);
	while (n)
		frame_cache_put(cache, held[--n]);
	frame_cache_done(cache);
	end = now_ns() + WAIT_NS;
	while (posted(&bench) < target + 10)
		if (now_ns() > end)
			fail_msg("nothing posted");
	frame_cache_init(cache, &bench.rig->vs.hostpool, PORT_MAX_WORKERS);
	bench_done(&bench);
}

/* A frame that the device has and does not give back: the worker looks every
 * now and then, and does not poll for idle_us each time. */
static void test_waiting_is_cheap(void **state)
{
	struct bench bench;
	uint64_t before, start, n;

	(void)state;
	bench_init(&bench, 10 * NS_PER_MS);
	bench.queue->n_out = 1;
	bench_start(&bench);
	sleep_ns(100 * NS_PER_MS);
	start = now_ns();
	before = loops(&bench);
	/* One each 20 ms if this machine lets it; polling is thousands. */
	while (loops(&bench) - before < 25 && now_ns() - start < WAIT_NS)
		sleep_ns(20 * NS_PER_MS);
	n = loops(&bench) - before;
	assert_true(n >= 25);
	assert_true(n <= (now_ns() - start) / (5 * NS_PER_MS));
	worker_del_queue(bench.worker, bench.queue);
	bench.queue->n_out = 0;
	bench_done(&bench);
}

/* ---- a port that is shaped ---- */

/* A packet from another worker's hands into the class ring. */
static void push_shaped(struct bench *bench)
{
	struct arena *arena = &bench->rig->vs.arena;
	uint32_t frame = frame_cache_get(&bench->rig->vs.cache);
	uint64_t packet;

	assert_int_not_equal(frame, FRAME_NONE);
	arena_move(arena, frame, FRAME_OUT, 1);
	count_add(&bench->port->account[1].charged, 1);
	packet = packet_pack(arena_addr(arena, frame), 60);
	assert_true(mpsc_push(bench->port->shaper->rings[0], packet));
	worker_wake(bench->worker);
}

/* The device sends and completes all, so that it gives the worker no reason to
 * look. On the worker. */
static void play_device(struct worker *worker, void *arg)
{
	const struct bench *bench = arg;

	(void)worker;
	rig_drain(bench->rig, bench->port);
	bench->queue->n_unsent = 0;
}

static void wait_sent(const struct bench *bench, uint64_t n)
{
	uint64_t end = now_ns() + WAIT_NS;

	while (__atomic_load_n(&bench->queue->n_tx, __ATOMIC_RELAXED) < n) {
		if (now_ns() > end)
			fail_msg("packet %llu: the worker sleeps",
				 (unsigned long long)n);
		sleep_ns(NS_PER_MS / 2);
	}
}

static void shaped_done(struct bench *bench)
{
	struct port_account *account = bench->port->account;

	worker_call(bench->worker, play_device, bench);
	wait_quiet(bench);
	bench->rig->vs.n_workers = 2;
	assert_int_equal(port_out_frames(bench->port, 2), 0);
	bench->rig->vs.n_workers = 1;
	account[0].released -= account[1].charged;
	account[1].charged = 0;
	bench_done(bench);
}

/* It sleeps until the next packet may go, with nothing else to wake it. */
static void test_departures(void **state)
{
	struct scheduler_conf conf;
	struct bench bench;
	uint64_t start, before = 0;

	(void)state;
	bench_init(&bench, 0);
	bench_start(&bench);
	scheduler_conf_init(&conf, 64);
	conf.rate.packets = 10;
	assert_int_equal(shaper_start(&bench.rig->vs, bench.port, &conf, 0), 0);
	wait_quiet(&bench);
	start = now_ns();
	for (uint32_t i = 0; i < 4; i++)
		push_shaped(&bench);
	for (uint32_t i = 1; i <= 4; i++) {
		wait_sent(&bench, i);
		worker_call(bench.worker, play_device, &bench);
		if (i == 2)
			before = loops(&bench);
	}
	assert_true(now_ns() - start >= 290 * NS_PER_MS);
	/* 200 ms of sleep, but for some looks. */
	assert_true(loops(&bench) - before < 200);
	/* Nothing waits: nor does it look. */
	wait_quiet(&bench);
	assert_true(is_asleep(&bench));
	shaper_stop(&bench.rig->vs, bench.port);
	assert_null(bench.port->shaper);
	shaped_done(&bench);
}

/* It does not sleep over what comes to a class ring on its way to sleep, and
 * what waits when shaping ends is given back. */
static void test_no_shaped_push_is_lost(void **state)
{
	struct scheduler_conf conf;
	struct bench bench;
	uint64_t seed = 3, n_slept = 0;

	(void)state;
	bench_init(&bench, 0);
	bench_start(&bench);
	scheduler_conf_init(&conf, 64);
	/* Refused, but for the first: nothing has it look again by itself. */
	conf.rate.packets = 1;
	conf.classes[0].limit = 1;
	assert_int_equal(shaper_start(&bench.rig->vs, bench.port, &conf, 0), 0);
	push_shaped(&bench);
	wait_sent(&bench, 1);
	worker_call(bench.worker, play_device, &bench);
	wait_released(&bench, 1);
	conf.rate.packets = 0;
	conf.rate.bits = 1;
	assert_int_equal(shaper_set(&bench.rig->vs, bench.port, &conf), 0);
	/* One may go yet, the next one waits for minutes. */
	push_shaped(&bench);
	wait_sent(&bench, 2);
	worker_call(bench.worker, play_device, &bench);
	wait_released(&bench, 2);
	push_shaped(&bench);
	for (uint64_t i = 3; i < 3 + N_PUSHES / 4; i++) {
		for (uint32_t n = unit_below(&seed, 3000); n > 0; n--)
			__asm__ volatile("");
		n_slept += is_asleep(&bench);
		push_shaped(&bench);
		wait_released(&bench, i);
	}
	assert_true(n_slept > 0);
	shaper_stop(&bench.rig->vs, bench.port);
	shaped_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_no_push_is_lost),
		cmocka_unit_test(test_refill_after_shortage),
		cmocka_unit_test(test_waiting_is_cheap),
		cmocka_unit_test(test_departures),
		cmocka_unit_test(test_no_shaped_push_is_lost),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests_name("worker", tests, NULL, NULL);
	rcu_unregister_thread();
	return ret;
}
