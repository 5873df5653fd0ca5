// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames that are posted where no packets come: see pools.h. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/log.h"
#include "control/pools.h"
#include "ports/queue.h"
#include "ports/recall.h"
#include "switching/worker.h"

/* Two grace periods, and some: the control thread has other work. */
#define WAIT_NS (100 * NS_PER_MS)

/* Calls @fn with each queue; returns the sum of what it returns. */
static uint32_t each_queue(struct agent *agent,
			   uint32_t (*fn)(struct agent *agent,
					  struct queue *queue))
{
	uint32_t sum = 0;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		for (uint32_t q = 0; port && q < port->n_queues; q++)
			sum += fn(agent, port->queues[q]);
	}
	return sum;
}

static struct worker *worker_of(struct agent *agent, const struct queue *queue)
{
	return agent->vs.workers[queue->worker];
}

/* ---- on the worker ---- */

struct recall_call {
	struct queue *queue;
	uint32_t posted;
	bool more;
};

static void begin(struct worker *worker, void *arg)
{
	struct recall_call *call = arg;

	call->more =
		recall_begin(call->queue, call->posted, &worker->vs->arena);
}

static void finish(struct worker *worker, void *arg)
{
	struct recall_call *call = arg;

	call->more =
		recall_finish(call->queue, &worker->vs->arena, &worker->cache);
}

/* In batches: the worker serves its queues in between. */
static void call_worker(struct agent *agent, struct recall_call *call,
			void (*fn)(struct worker *worker, void *arg))
{
	do
		worker_call(worker_of(agent, call->queue), fn, call);
	while (call->more);
}

/* ---- the grace period ---- */

/* It may take its time on a busy host, and nobody is to wait for it. */
static void *wait_for_grace(void *arg)
{
	struct agent *agent = arg;
	uint64_t one = 1;

	datapath_synchronize();
	__atomic_store_n(&agent->recalls.over, true, __ATOMIC_RELEASE);
	if (write(agent->vs.learn_fd, &one, sizeof(one)) < 0)
		return NULL; /* it has been woken already */
	return NULL;
}

static bool has_doubts(const struct recall *recall)
{
	return recall->met;
}

/* Who has begun by now waits for the next grace period; who is in doubt not
 * before the next beat. */
static uint32_t count_new(struct agent *agent, struct queue *queue)
{
	(void)agent;
	return queue->recall && !has_doubts(queue->recall);
}

static uint32_t count_doubts(struct agent *agent, struct queue *queue)
{
	(void)agent;
	return queue->recall && has_doubts(queue->recall);
}

static uint32_t set_waiting(struct agent *agent, struct queue *queue)
{
	(void)agent;
	if (queue->recall)
		queue->recall->waiting = true;
	return 0;
}

static uint32_t finish_waiting(struct agent *agent, struct queue *queue)
{
	struct recall_call call = { .queue = queue };

	if (!queue->recall || !queue->recall->waiting)
		return 0;
	queue->recall->waiting = false;
	recall_look(queue);
	call_worker(agent, &call, finish);
	return recall_end(queue);
}

static void start_grace(struct agent *agent)
{
	struct recalls *recalls = &agent->recalls;
	int err;

	each_queue(agent, set_waiting);
	recalls->over = false;
	err = pthread_create(&recalls->thread, NULL, wait_for_grace, agent);
	recalls->running = !err;
	/* With the next beat, then. */
	if (err)
		log_warning("pools: frames are not taken off their queues: %s",
			    strerror(err));
}

static void end_grace(struct agent *agent)
{
	pthread_join(agent->recalls.thread, NULL);
	agent->recalls.running = false;
	each_queue(agent, finish_waiting);
}

void pools_recall_run(struct agent *agent, bool beat)
{
	struct recalls *recalls = &agent->recalls;

	if (recalls->running) {
		if (!__atomic_load_n(&recalls->over, __ATOMIC_ACQUIRE))
			return;
		end_grace(agent);
	}
	if (each_queue(agent, count_new) ||
	    (beat && each_queue(agent, count_doubts)))
		start_grace(agent);
}

/* False: that is too long to wait for it. */
static bool wait_until_over(struct agent *agent, uint64_t deadline)
{
	const struct timespec pause = { .tv_nsec = NS_PER_MS / 2 };

	while (!__atomic_load_n(&agent->recalls.over, __ATOMIC_ACQUIRE)) {
		if (now_ns() > deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

void pools_recall_wait(struct agent *agent)
{
	const uint64_t deadline = now_ns() + WAIT_NS;

	/* The first may have begun before the last frames were asked for. */
	for (int i = 0; i < 2 && agent->recalls.running; i++) {
		if (!wait_until_over(agent, deadline))
			return;
		pools_recall_run(agent, false);
	}
}

void pools_recall_stop(struct agent *agent)
{
	if (agent->recalls.running)
		pthread_join(agent->recalls.thread, NULL);
	agent->recalls.running = false;
}

/* ---- what is recalled ---- */

uint32_t pools_recall(struct agent *agent, struct queue *queue, uint32_t posted)
{
	struct recall_call call = { .queue = queue, .posted = posted };
	uint32_t n = recall_possible(queue, posted);

	if (!n || recall_start(queue, n))
		return 0;
	call_worker(agent, &call, begin);
	n = queue->recall->n;
	/* What is too much has been received, or the ring is full of dead. */
	if (!n)
		recall_end(queue);
	return n;
}

static uint32_t recall_excess(struct agent *agent, struct queue *queue)
{
	return pools_recall(agent, queue, pool_load(&queue->target));
}

static uint32_t consumer(const struct queue *queue)
{
	return __atomic_load_n(queue->umem.fill.consumer, __ATOMIC_RELAXED);
}

static bool has_excess(const struct queue *queue)
{
	return recall_possible(queue, pool_load(&queue->target));
}

/* What is received brings frames back by itself. */
static uint32_t recall_if_quiet(struct agent *agent, struct queue *queue)
{
	if (!has_excess(queue) || consumer(queue) != queue->cons_seen)
		return 0;
	return recall_excess(agent, queue);
}

/* Nor as long as a pool is still shrinking: all at once is cheaper. And once,
 * whatever came of it: an idle worker is to sleep. */
static uint32_t look_at_queue(struct agent *agent, struct queue *queue)
{
	uint32_t cons, target = pool_load(&queue->target);

	if (!has_excess(queue)) {
		queue->silent_seen = false;
		return 0;
	}
	cons = consumer(queue);
	if (cons != queue->cons_seen || target != queue->target_seen) {
		queue->silent_seen = false;
		queue->cons_seen = cons;
		queue->target_seen = target;
		return 0;
	}
	if (queue->silent_seen)
		return 0;
	queue->silent_seen = true;
	return recall_excess(agent, queue);
}

uint32_t pools_recall_quiet(struct agent *agent)
{
	uint32_t n = each_queue(agent, recall_if_quiet);

	pools_recall_run(agent, false);
	return n;
}

void pools_recall_of(struct agent *agent, const struct port *port)
{
	const struct port *uplink = port->uplink;

	for (uint32_t i = 0; i < port->n_queues; i++)
		recall_excess(agent, port->queues[i]);
	for (uint32_t i = 0; uplink && i < uplink->n_queues; i++)
		recall_excess(agent, uplink->queues[i]);
	pools_recall_run(agent, false);
}

void pools_recall_silent(struct agent *agent)
{
	each_queue(agent, look_at_queue);
	pools_recall_run(agent, true);
}
