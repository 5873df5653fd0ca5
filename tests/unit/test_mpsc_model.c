// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A model check of the ring: memory/mpsc.h itself, as it is compiled here, in
 * all executions of a few pushes and pops that C11 allows.
 *
 * Each atomic operation of the ring comes to the model, by macros in front of
 * the compiler's builtins. The model decides which thread goes next, and, for a
 * load, which of the stores it reads: any that the thread has not seen a newer
 * one of, by its own reads or by what happened before. (So relaxed and acquired
 * values may be old; what the model leaves out is loads that see stores to come,
 * which no compiler and machine makes of these.) Happens-before is kept in vector
 * clocks. What is not atomic, the cells' values, must be ordered by it: any race
 * is an error, whatever the values were.
 *
 * Executions are gone through depth first, each from the beginning: what was
 * decided is a list, and the last decision that has another choice left gets
 * it. A state that has been met is not gone on from. It is what every thread
 * has read so far and the order of stores to each object: all else follows.
 *
 * That the check finds something is seen by weakening one operation of the ring
 * at a time.
 */
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

static uint64_t model_load(const void *object, uint32_t size, int order);
static void model_store(void *object, uint64_t value, uint32_t size, int order);
static bool model_cas(void *object, uint64_t *expected, uint64_t value,
		      int order);
static void model_plain(const void *object, bool is_write);

#define __atomic_load_n(object, order) \
	((__typeof__(*(object)))model_load(object, sizeof(*(object)), order))
#define __atomic_store_n(object, value, order) \
	model_store(object, value, sizeof(*(object)), order)
#define __atomic_compare_exchange_n(object, expected, value, weak, order, \
				    failure)                              \
	model_cas(object, expected, value, order)
#define MPSC_PLAIN(object, is_write) model_plain(object, is_write)

#include "memory/mpsc.h"

#undef __atomic_load_n
#undef __atomic_store_n
#undef __atomic_compare_exchange_n

#include "unit.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#define MAX_THREADS 4
#define MAX_OBJECTS 8
#define MAX_STORES  32
#define MAX_CHOICES 512
#define MAX_VALUES  16
#define STACK_SIZE  65536
#define TABLE_SIZE  (1u << 22)
#define MAIN_THREAD MAX_THREADS

/* What of the ring is weakened to relaxed: to see it found. */
enum weakened {
	NOTHING,
	SEQ_STORE,
	SEQ_LOAD,
	HEAD_STORE,
	HEAD_LOAD,
	SEEN_STORE,
	SEEN_LOAD,
	CLAIM, /* not atomic: the tail is just written */
};

typedef uint8_t clock_vector[MAX_THREADS + 1];

struct store {
	uint64_t value;
	uint8_t thread, stamp;
	clock_vector released; /* to those that acquire it */
};

struct object {
	const void *at;
	struct store stores[MAX_STORES];
	uint32_t n;
};

/* What is not atomic. */
struct plain {
	const void *at;
	uint8_t writer, written; /* its stamp */
	clock_vector read;	 /* stamps */
};

struct thread {
	ucontext_t context;
	clock_vector clock;
	uint8_t seen[MAX_OBJECTS]; /* the newest store known */
	uint64_t history;	   /* of what it has read */
	bool done;
	/* what it does */
	void (*run)(struct thread *thread);
	uint32_t index;
	uint32_t n_values; /* that it pushes; or pops at most */
	uint32_t batch;
	/* what it has done */
	uint32_t n_pushed;
};

struct program {
	uint32_t size;	/* of the ring */
	uint64_t begin; /* position */
	uint32_t n_producers;
	uint32_t n_values; /* of each */
	uint32_t batch;
	uint32_t n_pops, pop_batch;
};

static struct {
	struct mpsc ring;
	struct program program;
	enum weakened weakened;
	struct thread threads[MAX_THREADS];
	uint32_t n_threads, current;
	ucontext_t explorer;
	struct object objects[MAX_OBJECTS];
	uint32_t n_objects;
	struct plain plains[MAX_OBJECTS];
	uint32_t n_plains;
	bool running; /* in threads; else by the main one */
	clock_vector main_clock;
	/* the decisions */
	uint16_t chosen[MAX_CHOICES], choices[MAX_CHOICES];
	uint32_t depth, n_decided;
	bool cut; /* a state that has been met */
	const char *error;
	/* what came out */
	uint64_t popped[MAX_VALUES];
	uint32_t n_popped;
	/* all in all */
	uint64_t *table;
	uint64_t n_states, n_runs, n_full;
} m;

static char stacks[MAX_THREADS][STACK_SIZE] __attribute__((aligned(64)));

/* ---- decisions ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

static void fail_run(const char *why)
{
	if (!m.error)
		m.error = why;
}

/* One of @n. */
static uint32_t choose(uint32_t n)
{
	if (n == 1)
		return 0;
	if (m.depth == m.n_decided) {
		if (m.n_decided == MAX_CHOICES) {
			fail_run("too many decisions");
			return 0;
		}
		m.chosen[m.depth] = 0;
		m.choices[m.depth] = (uint16_t)n;
		m.n_decided++;
	}
	return m.chosen[m.depth++];
}

/* False: there is nothing left to try. */
static bool next_decisions(void)
{
	while (m.n_decided) {
		const uint32_t last = m.n_decided - 1;

		if (++m.chosen[last] < m.choices[last])
			return true;
		m.n_decided--;
	}
	return false;
}

/* ---- states ---- */

static uint64_t state_hash(void)
{
	uint64_t hash = 1;

	for (uint32_t i = 0; i < m.n_threads; i++) {
		hash = mix(hash, m.threads[i].history);
		hash = mix(hash, m.threads[i].clock[i]);
	}
	/* By address: which object was met first does not matter. */
	for (uint32_t i = 0; i < m.n_objects; i++) {
		uint64_t stores = (uintptr_t)m.objects[i].at;

		for (uint32_t k = 0; k < m.objects[i].n; k++) {
			const struct store *store = &m.objects[i].stores[k];

			stores = mix(stores,
				     store->thread * 256u + store->stamp);
		}
		hash += mix(stores, 7);
	}
	return hash | 1;
}

/* Whether it is new. */
static bool remember(uint64_t hash)
{
	uint32_t at = (uint32_t)(hash >> 20) % TABLE_SIZE;

	while (m.table[at]) {
		if (m.table[at] == hash)
			return false;
		at = (at + 1) % TABLE_SIZE;
	}
	m.table[at] = hash;
	if (++m.n_states > TABLE_SIZE / 2)
		fail_run("too many states");
	return true;
}

/* ---- threads ---- */

/* Before an operation that others can see. */
static void step(void)
{
	struct thread *thread = &m.threads[m.current];

	if (m.running)
		swapcontext(&thread->context, &m.explorer);
}

static uint8_t *my_clock(void)
{
	return m.running ? m.threads[m.current].clock : m.main_clock;
}

static uint32_t me(void)
{
	return m.running ? m.current : MAIN_THREAD;
}

static void join(uint8_t *clock, const clock_vector other)
{
	for (uint32_t i = 0; i <= MAX_THREADS; i++)
		if (other[i] > clock[i])
			clock[i] = other[i];
}

/* ---- objects ---- */

static bool is_weakened(const void *at, enum weakened seq, enum weakened head,
			enum weakened seen)
{
	if (at == &m.ring.head)
		return m.weakened == head;
	if (at == &m.ring.seen)
		return m.weakened == seen;
	return at != &m.ring.tail && m.weakened == seq;
}

static uint64_t read_memory(const void *at, uint32_t size)
{
	return size == 8 ? *(const uint64_t *)at : *(const uint32_t *)at;
}

static struct object *find_object(const void *at, uint32_t size)
{
	struct object *object;

	for (uint32_t i = 0; i < m.n_objects; i++)
		if (m.objects[i].at == at)
			return &m.objects[i];
	assert_true(m.n_objects < MAX_OBJECTS);
	/* What was there before all threads: no thread's store. */
	object = &m.objects[m.n_objects++];
	memset(object, 0, sizeof(*object));
	object->at = at;
	object->n = 1;
	object->stores[0].value = read_memory(at, size);
	object->stores[0].thread = MAIN_THREAD;
	return object;
}

/* The oldest store that may be read. */
static uint32_t oldest_readable(const struct object *object)
{
	const uint8_t *clock = my_clock();
	uint32_t oldest =
		m.running ? m.threads[m.current].seen[object - m.objects]
			  : object->n - 1;

	for (uint32_t i = oldest + 1; i < object->n; i++)
		if (clock[object->stores[i].thread] >= object->stores[i].stamp)
			oldest = i;
	return oldest;
}

static void saw(const struct object *object, uint32_t index)
{
	struct thread *thread = &m.threads[m.current];

	if (!m.running)
		return;
	thread->seen[object - m.objects] = (uint8_t)index;
	thread->history = mix(thread->history, index + 1);
}

static uint64_t model_load(const void *at, uint32_t size, int order)
{
	struct object *object;
	uint32_t oldest, index;

	step();
	object = find_object(at, size);
	my_clock()[me()]++;
	oldest = oldest_readable(object);
	index = object->n - 1 - choose(object->n - oldest);
	saw(object, index);
	if (order != __ATOMIC_RELAXED &&
	    !is_weakened(at, SEQ_LOAD, HEAD_LOAD, SEEN_LOAD))
		join(my_clock(), object->stores[index].released);
	return object->stores[index].value;
}

static struct store *add_store(struct object *object, uint64_t value)
{
	struct store *store = &object->stores[object->n];

	assert_true(object->n < MAX_STORES);
	memset(store, 0, sizeof(*store));
	store->value = value;
	store->thread = (uint8_t)me();
	store->stamp = my_clock()[me()];
	saw(object, object->n++);
	return store;
}

static void write_memory(void *at, uint64_t value, uint32_t size)
{
	if (size == 8)
		*(uint64_t *)at = value;
	else
		*(uint32_t *)at = (uint32_t)value;
}

static void model_store(void *at, uint64_t value, uint32_t size, int order)
{
	struct object *object;
	struct store *store;

	step();
	object = find_object(at, size);
	my_clock()[me()]++;
	store = add_store(object, value);
	if (order != __ATOMIC_RELAXED &&
	    !is_weakened(at, SEQ_STORE, HEAD_STORE, SEEN_STORE))
		memcpy(store->released, my_clock(), sizeof(clock_vector));
	write_memory(at, value, size);
}

/* It sees the newest store. All of the ring's are relaxed: a success carries on
 * what was released with the store that it replaces, and releases nothing. */
static bool model_cas(void *at, uint64_t *expected, uint64_t value, int order)
{
	struct object *object;
	uint32_t last;

	assert_int_equal(order, __ATOMIC_RELAXED);
	step();
	object = find_object(at, 8);
	my_clock()[me()]++;
	last = object->n - 1;
	if (m.weakened != CLAIM && object->stores[last].value != *expected) {
		*expected = object->stores[last].value;
		saw(object, last);
		return false;
	}
	memcpy(add_store(object, value)->released,
	       object->stores[last].released, sizeof(clock_vector));
	write_memory(at, value, 8);
	return true;
}

static void model_plain(const void *at, bool is_write)
{
	const uint8_t *clock = my_clock();
	struct plain *plain = NULL;

	my_clock()[me()]++;
	for (uint32_t i = 0; i < m.n_plains; i++)
		if (m.plains[i].at == at)
			plain = &m.plains[i];
	if (!plain) {
		assert_true(m.n_plains < MAX_OBJECTS);
		plain = &m.plains[m.n_plains++];
		memset(plain, 0, sizeof(*plain));
		plain->at = at;
	}
	if (clock[plain->writer] < plain->written)
		fail_run("a cell is used before it is known to be written");
	for (uint32_t i = 0; is_write && i <= MAX_THREADS; i++)
		if (clock[i] < plain->read[i])
			fail_run("a cell is written while it is read");
	if (is_write) {
		plain->writer = (uint8_t)me();
		plain->written = clock[me()];
	} else {
		plain->read[me()] = clock[me()];
	}
}

/* ---- what the threads do ---- */

static uint64_t value_of(uint32_t producer, uint32_t i)
{
	return (uint64_t)(producer + 1) << 32 | (i + 1);
}

static void produce(struct thread *thread)
{
	while (thread->n_pushed < thread->n_values) {
		uint64_t values[MAX_VALUES];
		uint16_t tags[MAX_VALUES];
		const uint32_t n = min_u32(thread->batch,
					   thread->n_values - thread->n_pushed);
		uint32_t pushed;

		for (uint32_t i = 0; i < n; i++) {
			values[i] =
				value_of(thread->index, thread->n_pushed + i);
			tags[i] = (uint16_t)(thread->index + 10);
		}
		pushed = mpsc_push_n(&m.ring, values, tags, n);
		thread->n_pushed += pushed;
		if (pushed < n)
			return; /* full */
	}
}

static void pop_once(uint32_t n)
{
	uint16_t tags[MAX_VALUES];

	n = mpsc_pop_n(&m.ring, m.popped + m.n_popped, tags, n);
	for (uint32_t i = 0; i < n; i++)
		if (tags[i] + 1u - 10 != m.popped[m.n_popped + i] >> 32)
			fail_run("a value has another's tag");
	m.n_popped += n;
}

static void consume(struct thread *thread)
{
	for (uint32_t i = 0; i < thread->n_values; i++)
		pop_once(thread->batch);
}

static void thread_main(void)
{
	struct thread *thread = &m.threads[m.current];

	thread->run(thread);
	thread->done = true;
	swapcontext(&thread->context, &m.explorer);
}

/* All that was pushed has come out, in its producer's order, once. */
static void check_values(void)
{
	uint32_t next[MAX_THREADS] = { 0 }, n_pushed = 0;

	for (uint32_t i = 0; i < m.program.n_producers; i++) {
		n_pushed += m.threads[i].n_pushed;
		if (m.threads[i].n_pushed < m.program.n_values)
			m.n_full++;
	}
	if (m.n_popped != n_pushed)
		fail_run("not all has come out, or more");
	for (uint32_t i = 0; i < m.n_popped; i++) {
		const uint32_t producer = (uint32_t)(m.popped[i] >> 32) - 1;

		if (producer >= m.program.n_producers ||
		    (uint32_t)m.popped[i] != ++next[producer]) {
			fail_run("a value is wrong, or out of order");
			return;
		}
	}
	/* Full is what it says only if it is. */
	if (n_pushed < m.program.size &&
	    n_pushed < m.program.n_producers * m.program.n_values)
		fail_run("refused, with room left");
}

/* ---- going through ---- */

static void start_thread(void (*run)(struct thread *thread), uint32_t n_values,
			 uint32_t batch)
{
	const uint32_t index = m.n_threads++;
	struct thread *thread = &m.threads[index];

	memset(thread, 0, sizeof(*thread));
	thread->run = run;
	thread->index = index;
	thread->n_values = n_values;
	thread->batch = batch;
	getcontext(&thread->context);
	thread->context.uc_stack.ss_sp = stacks[index];
	thread->context.uc_stack.ss_size = STACK_SIZE;
	makecontext(&thread->context, thread_main, 0);
#ifdef __SANITIZE_ADDRESS__
	/* The last run may have left frames there. */
	__asan_unpoison_memory_region(stacks[index], STACK_SIZE);
#endif
}

static void begin_run(void)
{
	const struct program *p = &m.program;

	m.ring.head = m.ring.tail = m.ring.seen = p->begin;
	for (uint32_t i = 0; i < p->size; i++)
		m.ring.cells[(p->begin + i) & m.ring.mask] =
			(struct mpsc_cell){ .seq = (uint32_t)(p->begin + i) };
	m.n_threads = m.n_objects = m.n_plains = 0;
	m.depth = m.n_popped = 0;
	m.cut = false;
	memset(m.main_clock, 0, sizeof(m.main_clock));
	for (uint32_t i = 0; i < p->n_producers; i++)
		start_thread(produce, p->n_values, p->batch);
	start_thread(consume, p->n_pops, p->pop_batch);
}

/* Until all threads are done, or nothing new can come. */
static void run_threads(void)
{
	m.running = true;
	/* Up to their first operations. */
	for (m.current = 0; m.current < m.n_threads; m.current++)
		swapcontext(&m.explorer, &m.threads[m.current].context);
	while (!m.error) {
		uint32_t ready[MAX_THREADS], n = 0;

		for (uint32_t i = 0; i < m.n_threads; i++)
			if (!m.threads[i].done)
				ready[n++] = i;
		if (!n)
			break;
		if (m.depth == m.n_decided && !remember(state_hash())) {
			m.cut = true;
			break;
		}
		m.current = ready[choose(n)];
		swapcontext(&m.explorer, &m.threads[m.current].context);
	}
	m.running = false;
}

static void explore(const struct program *program, enum weakened weakened)
{
	assert_true(program->n_producers < MAX_THREADS);
	assert_true(program->n_producers * program->n_values <= MAX_VALUES);
	m.program = *program;
	m.weakened = weakened;
	m.error = NULL;
	m.n_decided = 0;
	m.n_states = m.n_runs = m.n_full = 0;
	m.table = calloc(TABLE_SIZE, sizeof(m.table[0]));
	assert_non_null(m.table);
	assert_int_equal(mpsc_init(&m.ring, program->size), 0);
	do {
		begin_run();
		run_threads();
		m.n_runs++;
		if (m.cut || m.error)
			continue;
		/* What is left, by one who knows all. */
		for (uint32_t i = 0; i < m.n_threads; i++)
			join(m.main_clock, m.threads[i].clock);
		while (m.ring.head != m.ring.tail) {
			const uint32_t was = m.n_popped;

			pop_once(1);
			if (m.n_popped == was) {
				fail_run("a claimed cell was never filled");
				break;
			}
		}
		check_values();
	} while (!m.error && next_decisions());
	free(m.table);
	mpsc_done(&m.ring);
}

static const struct program programs[] = {
	/* one by one, room for all */
	{ .size = 4,
	  .n_producers = 2,
	  .n_values = 2,
	  .batch = 1,
	  .n_pops = 2,
	  .pop_batch = 1 },
	/* full, and cells used again, through 2^64 */
	{ .size = 2,
	  .begin = UINT64_MAX,
	  .n_producers = 2,
	  .n_values = 2,
	  .batch = 1,
	  .n_pops = 3,
	  .pop_batch = 1 },
	/* batches, of which a part may find room */
	{ .size = 2,
	  .begin = UINT32_MAX,
	  .n_producers = 2,
	  .n_values = 2,
	  .batch = 2,
	  .n_pops = 3,
	  .pop_batch = 2 },
	{ .size = 4,
	  .n_producers = 2,
	  .n_values = 4,
	  .batch = 2,
	  .n_pops = 2,
	  .pop_batch = 4 },
	/* three producers */
	{ .size = 2,
	  .begin = 5,
	  .n_producers = 3,
	  .n_values = 1,
	  .batch = 1,
	  .n_pops = 2,
	  .pop_batch = 2 },
};

static void test_all_executions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		explore(&programs[i], NOTHING);
		print_message("program %zu: %lu states, %lu executions, full "
			      "in %lu\n",
			      i, m.n_states, m.n_runs, m.n_full);
		if (m.error)
			fail_msg("program %zu: %s", i, m.error);
		assert_true(m.n_states > 1000);
	}
}

/* Whatever order is taken away from the ring, some program finds it. */
static void test_finds_weakened(void **state)
{
	(void)state;
	for (enum weakened w = SEQ_STORE; w <= CLAIM; w++) {
		const char *error = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(programs) && !error; i++) {
			explore(&programs[i], w);
			error = m.error;
		}
		print_message("weakened %d: %s\n", w, error ? error : "-");
		assert_non_null(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_executions),
		cmocka_unit_test(test_finds_weakened),
	};

	return cmocka_run_group_tests_name("mpsc_model", tests, NULL, NULL);
}
