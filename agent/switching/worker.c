// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Workers: see worker.h. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <urcu-qsbr.h>

#include "ports/queue.h"
#include "switching/breathe.h"
#include "switching/forward.h"
#include "switching/guest.h"
#include "switching/output.h"
#include "switching/sending.h"
#include "switching/shaper.h"
#include "switching/slack.h"
#include "switching/worker.h"

/* How long to sleep when a device did not take all, a port had no room, or the
 * host pool no frame to post: nothing tells when they do. */
#define RETRY_NS	(1 * NS_PER_MS)
/* And when sent frames have not come back yet. */
#define REAP_NS		(20 * NS_PER_MS)
/* A round takes microseconds. */
#define CALL_WAIT_NS	(200 * NS_PER_MS)

/* ---- one round ---- */

static uint32_t serve_queue(struct worker *worker, struct queue *queue)
{
	struct arena *arena = &worker->vs->arena;
	uint32_t n_reaped = queue_reap(queue, arena, &worker->cache);
	uint32_t n_read = 0, work;

	for (uint32_t i = 0; i < queue->n_shares; i++) {
		uint32_t n = forward_share(worker, queue->shares[i]);

		if (n) {
			count_add(&worker->stats.batches, 1);
			count_add(&worker->stats.packets, n);
			n_read += n;
		}
	}
	work = n_reaped + n_read;
	if (n_read)
		slack_note(worker, queue, n_read);
	if (__builtin_expect(queue->suspended, 0))
		return work;
	work += output_drain(worker, queue);
	queue_refill(queue, arena, &worker->cache);
	queue_settle(queue, queue->promises);
	return work;
}

static uint32_t serve_pair(struct worker *worker, struct vhost_pair *pair)
{
	uint32_t n = guest_receive(worker, pair);

	if (n) {
		count_add(&worker->stats.batches, 1);
		count_add(&worker->stats.packets, n);
	}
	return n + guest_drain(worker, pair);
}

static uint32_t schedule(struct worker *worker)
{
	uint32_t work = 0;
	uint64_t now;

	if (__builtin_expect(!worker->n_shapers, 1))
		return 0;
	now = now_ns();
	for (uint32_t i = 0; i < worker->n_shapers; i++)
		work += output_schedule(worker, worker->shapers[i], now);
	return work;
}

/* Sends what was staged, and tells whom it concerns. Returns how many packets
 * left the limiter, came to shapers or left them. */
static uint32_t flush_round(struct worker *worker)
{
	uint32_t work;

	work = sending_run(worker);
	output_flush(worker);
	work += schedule(worker);
	for (uint32_t i = 0; i < worker->n_queues; i++)
		output_kick(worker, worker->queues[i]);
	worker->call_wait = 0;
	for (uint32_t i = 0; i < worker->n_pairs; i++) {
		uint64_t wait = guest_call(worker->pairs[i]);

		if (wait && (!worker->call_wait || wait < worker->call_wait))
			worker->call_wait = wait;
	}
	return work;
}

static uint32_t run_round(struct worker *worker)
{
	uint32_t work = 0;

	worker->blocked = false;
	worker->round++;
	for (uint32_t i = 0; i < worker->n_queues; i++)
		work += serve_queue(worker, worker->queues[i]);
	for (uint32_t i = 0; i < worker->n_pairs; i++)
		work += serve_pair(worker, worker->pairs[i]);
	return work + flush_round(worker);
}

/* ---- calls from the control thread ---- */

static void run_call(struct worker *worker)
{
	void (*fn)(struct worker *w, void *arg) =
		__atomic_load_n(&worker->call, __ATOMIC_ACQUIRE);

	if (!fn)
		return;
	worker->round++;
	fn(worker, worker->call_arg);
	__atomic_store_n(&worker->call, NULL, __ATOMIC_RELEASE);
	sem_post(&worker->call_done);
}

/* False if it takes so long that the worker must be stuck in a system call. */
static bool wait_for_call(struct worker *worker)
{
	uint64_t until = now_ns() + CALL_WAIT_NS;
	struct timespec deadline = { .tv_sec = (time_t)(until / NS_PER_SEC),
				     .tv_nsec = (long)(until % NS_PER_SEC) };
	int ret;

	do {
		ret = sem_clockwait(&worker->call_done, CLOCK_MONOTONIC,
				    &deadline);
	} while (ret < 0 && errno == EINTR);
	/* The semaphore orders it all, but not for the thread sanitizer. */
	return !ret && !__atomic_load_n(&worker->call, __ATOMIC_ACQUIRE);
}

void worker_call(struct worker *worker,
		 void (*fn)(struct worker *worker, void *arg), void *arg)
{
	worker_begin_call(worker, fn, arg);
	worker_end_call(worker);
}

void worker_begin_call(struct worker *worker,
		       void (*fn)(struct worker *worker, void *arg), void *arg)
{
	worker->call_arg = arg;
	__atomic_store_n(&worker->call, fn, __ATOMIC_RELEASE);
	worker_wake(worker);
}

void worker_end_call(struct worker *worker)
{
	/* The worker may need a grace period's end to get there. */
	rcu_thread_offline();
	while (!wait_for_call(worker))
		worker_interrupt(worker);
	rcu_thread_online();
}

static void nothing(struct worker *worker, void *arg)
{
	(void)worker;
	(void)arg;
}

void worker_round(struct worker *worker)
{
	worker_call(worker, nothing, NULL);
}

void worker_interrupt(struct worker *worker)
{
	pthread_kill(worker->thread, WORKER_SIGNAL);
}

/* ---- sleeping ---- */

void worker_wake(struct worker *worker)
{
	uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&worker->sleeping, __ATOMIC_RELAXED))
		return;
	if (write(worker->event_fd, &one, sizeof(one)) < 0)
		return;		/* it is awake: the counter is at its limit */
}

static bool has_work(const struct worker *worker)
{
	if (__atomic_load_n(&worker->call, __ATOMIC_ACQUIRE) ||
	    __atomic_load_n(&worker->stop, __ATOMIC_RELAXED))
		return true;
	for (uint32_t i = 0; i < worker->n_queues; i++)
		if (!mpsc_is_empty(&worker->queues[i]->in) &&
		    !worker->queues[i]->suspended)
			return true;
	for (uint32_t i = 0; i < worker->n_pairs; i++)
		if (guest_has_work(worker->pairs[i]))
			return true;
	for (uint32_t i = 0; i < worker->n_shapers; i++)
		if (shaper_has_come(worker->shapers[i]))
			return true;
	return sending_has_come(worker);
}

/* How long to sleep; NS_FOREVER: until something comes. */
#define NS_FOREVER	UINT64_MAX

static uint64_t sleep_ns(const struct worker *worker)
{
	uint64_t ns = worker->call_wait ? worker->call_wait : NS_FOREVER;
	uint64_t window = breathe_wait(worker, now_ns());

	if (window < ns)
		ns = window;
	window = slack_wait(worker, now_ns());
	if (window < ns)
		ns = window;
	window = sending_wait(worker, now_ns());
	if (window < ns)
		ns = window;

	for (uint32_t i = 0; i < worker->n_shapers; i++) {
		struct port_shaper *shaper = worker->shapers[i];

		window = shaper->full ? RETRY_NS
				      : shaper_wait(shaper, now_ns());
		if (window < ns)
			ns = window;
	}
	if (worker->blocked)
		return ns < RETRY_NS ? ns : RETRY_NS;
	for (uint32_t i = 0; i < worker->n_queues; i++) {
		const struct queue *queue = worker->queues[i];

		if (queue_has_unsent(queue) || queue_is_short(queue))
			return ns < RETRY_NS ? ns : RETRY_NS;
		if (queue->n_out && ns > REAP_NS)
			ns = REAP_NS;
	}
	return ns;
}

static bool wait_for_event(struct worker *worker)
{
	struct epoll_event events[64];
	uint64_t ns = sleep_ns(worker);
	struct timespec timeout = { .tv_sec = (time_t)(ns / NS_PER_SEC),
				    .tv_nsec = (long)(ns % NS_PER_SEC) };

	return epoll_pwait2(worker->epoll_fd, events, ARRAY_SIZE(events),
			    ns == NS_FOREVER ? NULL : &timeout, NULL) != 0;
}

/* False if it was only the time to look again. */
static bool sleep_until_work(struct worker *worker)
{
	bool woken = true;
	uint64_t dummy;

	for (uint32_t i = 0; i < worker->n_pairs; i++)
		guest_kicks_on(worker->pairs[i]);
	__atomic_store_n(&worker->sleeping, true, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!has_work(worker)) {
		/* The guests' memory is not touched from here on. */
		rcu_thread_offline();
		count_add(&worker->stats.sleeps, 1);
		woken = wait_for_event(worker);
		rcu_thread_online();
	}
	__atomic_store_n(&worker->sleeping, false, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < worker->n_pairs; i++)
		guest_kicks_off(worker->pairs[i]);
	if (read(worker->event_fd, &dummy, sizeof(dummy)) < 0)
		dummy = 0;	/* nobody had written: woken by a socket */
	return woken;
}

/* ---- the thread ---- */

/*
 * How long the next empty polling lasts: all that is allowed if that would have
 * saved the last sleep, and so a waking up that costs tens of microseconds;
 * otherwise hardly at all. (The rule of KVM's halt polling.)
 */
static void choose_window(struct worker *worker, uint64_t slept_ns)
{
	const uint32_t max = worker->vs->idle_ns;

	worker->window_ns = slept_ns < max ? max : max / 16;
}

/* While there is work the clock is looked at only now and then: it costs as
 * much as a packet. */
#define ROUNDS_PER_LOOK	16

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	uint64_t last, now, busy_until;
	uint32_t unseen = 0;

	rcu_register_thread();
	/* Rates are kept by sleeping until the next packet may go. */
	prctl(PR_SET_TIMERSLACK, 1ul);
	last = now_ns();
	busy_until = last;
	worker->window_begin_ns = last;
	while (!__atomic_load_n(&worker->stop, __ATOMIC_RELAXED)) {
		uint32_t work;

		run_call(worker);
		worker->now_s = (uint32_t)(last / NS_PER_SEC);
		worker->now_ns = last;
		work = run_round(worker);
		rcu_quiescent_state();
		count_add(&worker->stats.loops, 1);
		if (work && ++unseen < ROUNDS_PER_LOOK)
			continue;
		now = now_ns();
		slack_look(worker, now);
		breathe_window(worker, now);
		if (work || unseen) {
			count_add(&worker->stats.busy_ns, now - last);
			busy_until = now + worker->window_ns;
			unseen = 0;
		} else {
			count_add(&worker->stats.poll_ns, now - last);
			if (now >= busy_until) {
				bool woken = sleep_until_work(worker);
				uint64_t slept = now_ns() - now;

				now += slept;
				busy_until = now;
				if (woken)
					choose_window(worker, slept);
			}
		}
		last = now;
	}
	frame_cache_done(&worker->cache);
	rcu_unregister_thread();
	return NULL;
}

static int start_thread(struct worker *worker)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	char name[16];
	int err;

	CPU_ZERO(&cpus);
	CPU_SET(worker->core, &cpus);
	pthread_attr_init(&attr);
	err = pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	if (!err)
		err = pthread_create(&worker->thread, &attr, worker_main,
				     worker);
	pthread_attr_destroy(&attr);
	if (err)
		return -err;
	worker->running = true;
	snprintf(name, sizeof(name), "pktagent/%u", worker->index);
	pthread_setname_np(worker->thread, name);
	return 0;
}

int worker_new(struct vswitch *vs, uint32_t index, uint32_t core,
	       struct worker **ret_worker)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct worker *worker;
	int err;

	worker = aligned_alloc(CACHE_LINE, sizeof(*worker));
	if (!worker)
		return -ENOMEM;
	memset(worker, 0, sizeof(*worker));
	worker->vs = vs;
	worker->index = index;
	worker->core = core;
	worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	sem_init(&worker->call_done, 0, 0);
	frame_cache_init(&worker->cache, &vs->hostpool, index);
	frame_cache_join(&worker->cache, &worker->caches);
	if (worker->event_fd < 0 || worker->epoll_fd < 0 ||
	    epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->event_fd,
		      &event) < 0) {
		err = -errno;
		goto fail;
	}
	err = start_thread(worker);
	if (err)
		goto fail;
	*ret_worker = worker;
	return 0;
fail:
	worker_free(worker);
	return err;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->running) {
		__atomic_store_n(&worker->stop, true, __ATOMIC_RELAXED);
		worker_wake(worker);
		rcu_thread_offline();
		pthread_join(worker->thread, NULL);
		rcu_thread_online();
	} else {
		frame_cache_done(&worker->cache);
	}
	if (worker->event_fd >= 0)
		close(worker->event_fd);
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	sem_destroy(&worker->call_done);
	free(worker->queues);
	free(worker->pairs);
	free(worker->shapers);
	sending_free(worker->sending);
	free(worker);
}

/* ---- queues and shares come and go ---- */

static int watch(struct worker *worker, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	return 0;
}

static void add_queue(struct worker *worker, void *arg)
{
	struct queue *queue = arg;
	struct queue **queues;

	queues = realloc(worker->queues,
			 (worker->n_queues + 1) * sizeof(queues[0]));
	worker->call_result = -ENOMEM;
	if (!queues)
		return;
	worker->queues = queues;
	worker->call_result = 0;
	for (uint32_t i = 0; i < queue->n_shares && !worker->call_result; i++)
		worker->call_result = watch(worker, queue->shares[i]->rx.fd);
	if (worker->call_result)
		return;
	queue->suspended = false;
	queues[worker->n_queues++] = queue;
}

int worker_add_queue(struct worker *worker, struct queue *queue)
{
	worker_call(worker, add_queue, queue);
	return worker->call_result;
}

static void unwatch(struct worker *worker, struct queue *queue)
{
	for (uint32_t i = 0; i < queue->n_shares; i++) {
		struct share *share = queue->shares[i];

		epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, share->rx.fd, NULL);
		if (share->to)
			worker_count(worker, share->to->slot, PKT_out_full,
				     rx_ring_ready(&share->rx), 0);
	}
}

static void del_queue(struct worker *worker, void *arg)
{
	struct queue *queue = arg;

	for (uint32_t i = 0; i < worker->n_queues; i++) {
		if (worker->queues[i] != queue)
			continue;
		worker->queues[i] = worker->queues[--worker->n_queues];
		unwatch(worker, queue);
		break;
	}
}

void worker_del_queue(struct worker *worker, struct queue *queue)
{
	worker_call(worker, del_queue, queue);
}

struct suspension {
	struct queue *queue;
	uint32_t n_left;
};

static void suspend_queue(struct worker *worker, void *arg)
{
	struct suspension *call = arg;
	struct queue *queue = call->queue;

	queue->suspended = true;
	queue_reap(queue, &worker->vs->arena, &worker->cache);
	output_kick(worker, queue);
	call->n_left = queue->n_out;
	for (uint32_t i = 0; i < queue->n_shares; i++)
		call->n_left += rx_ring_ready(&queue->shares[i]->rx);
}

uint32_t worker_suspend_queue(struct worker *worker, struct queue *queue)
{
	struct suspension call = { .queue = queue };

	worker_call(worker, suspend_queue, &call);
	return call.n_left;
}

static void add_share(struct worker *worker, void *arg)
{
	struct share *share = arg;

	worker->call_result = watch(worker, share->rx.fd);
	if (worker->call_result)
		return;
	queue_cover(share->queue, share->queue->promises, share->limit, true);
	worker->call_result = queue_attach_share(share->queue, share);
}

int worker_add_share(struct worker *worker, struct share *share)
{
	worker_call(worker, add_share, share);
	return worker->call_result;
}

static void del_share(struct worker *worker, void *arg)
{
	struct share *share = arg;
	uint32_t n;

	epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, share->rx.fd, NULL);
	n = queue_detach_share(share->queue, share, &worker->cache);
	worker_count(worker, share->to->slot,
		     port_is_up(share->to) ? PKT_out_full : PKT_out_down, n,
		     0);
	queue_settle(share->queue, share->queue->promises);
}

void worker_del_share(struct worker *worker, struct share *share)
{
	worker_call(worker, del_share, share);
}

struct drain_call {
	struct share *share;
	bool empty;
};

static void drain_share(struct worker *worker, void *arg)
{
	struct drain_call *call = arg;

	/* A full account stops it. */
	while (forward_share(worker, call->share))
		flush_round(worker);
	call->empty = !rx_ring_ready(&call->share->rx);
}

bool worker_drain_share(struct worker *worker, struct share *share)
{
	struct drain_call call = { .share = share };

	worker_call(worker, drain_share, &call);
	return call.empty;
}

struct owner_call {
	struct share *share;
	struct port *owner;
	uint32_t base;
};

static void set_owner(struct worker *worker, void *arg)
{
	const struct owner_call *call = arg;

	(void)worker;
	queue_set_owner(call->share->queue, call->share, call->owner,
			call->base, call->share->queue->promises);
}

void worker_set_owner(struct worker *worker, struct share *share,
		      struct port *owner, uint32_t base)
{
	struct owner_call call = { share, owner, base };

	worker_call(worker, set_owner, &call);
}

struct succession {
	struct share *share, *old;
};

static void succeed_share(struct worker *worker, void *arg)
{
	const struct succession *call = arg;

	worker->call_result = watch(worker, call->share->rx.fd);
	if (worker->call_result)
		return;
	worker->call_result =
		queue_attach_share(call->share->queue, call->share);
	if (!worker->call_result)
		queue_succeed_share(call->share->queue, call->share,
				    call->old);
}

int worker_succeed_share(struct worker *worker, struct share *share,
			 struct share *old)
{
	struct succession call = { share, old };

	worker_call(worker, succeed_share, &call);
	return worker->call_result;
}

/* ---- pools ---- */

struct loss {
	struct share *share;
	uint32_t n;
};

static void count_lost(struct worker *worker, void *arg)
{
	const struct loss *call = arg;

	(void)worker;
	share_lost(call->share, call->n);
}

void worker_lost(struct worker *worker, struct share *share, uint32_t n)
{
	struct loss call = { share, n };

	worker_call(worker, count_lost, &call);
}

struct pool_call {
	struct port *port;
	const struct pool_parts *parts;
	uint32_t want, got;
	enum pool_reason reason;
};

static void set_pool(struct worker *worker, void *arg)
{
	const struct pool_call *call = arg;

	breathe_set(worker, call->port, call->parts, call->reason);
}

void worker_set_pool(struct worker *worker, struct port *port,
		     const struct pool_parts *parts, enum pool_reason reason)
{
	struct pool_call call = { .port = port, .parts = parts,
				  .reason = reason };

	worker_call(worker, set_pool, &call);
}

static void trim_pool(struct worker *worker, void *arg)
{
	struct pool_call *call = arg;

	call->got = breathe_trim(worker, call->port, call->want,
				 call->reason);
}

uint32_t worker_trim_pool(struct worker *worker, struct port *port,
			  uint32_t want, enum pool_reason reason)
{
	struct pool_call call = { .port = port, .want = want,
				  .reason = reason };

	worker_call(worker, trim_pool, &call);
	return call.got;
}

static void set_slack(struct worker *worker, void *arg)
{
	(void)worker;
	slack_set(arg);
}

void worker_set_slack(struct worker *worker, struct queue *queue)
{
	worker_call(worker, set_slack, queue);
}

static void call_in(struct worker *worker, void *arg)
{
	const struct pool_call *call = arg;

	slack_call_in(worker, &worker->vs->promises, call->want);
}

void worker_call_in(struct worker *worker, uint32_t want)
{
	struct pool_call call = { .want = want };

	worker_call(worker, call_in, &call);
}

void worker_report_broken(struct worker *worker)
{
	uint64_t one = 1;

	if (write(worker->vs->learn_fd, &one, sizeof(one)) < 0)
		return;		/* it has been woken already */
}

/* ---- learning ---- */

void worker_learn(struct worker *worker, const struct fdb_key *key,
		  uint16_t port)
{
	uint32_t head = __atomic_load_n(&worker->learn_head, __ATOMIC_ACQUIRE);
	uint32_t tail = worker->learn_tail;
	uint64_t one = 1;

	if (tail - head >= LEARN_RING_SIZE) {
		count_add(&worker->stats.learn_lost, 1);
		return;
	}
	worker->learn[tail % LEARN_RING_SIZE].key = *key;
	worker->learn[tail % LEARN_RING_SIZE].port = port;
	__atomic_store_n(&worker->learn_tail, tail + 1, __ATOMIC_RELEASE);
	if (write(worker->vs->learn_fd, &one, sizeof(one)) < 0)
		return;		/* the control thread knows already */
}

bool worker_next_learn(struct worker *worker, struct learn_request *ret_req)
{
	uint32_t tail = __atomic_load_n(&worker->learn_tail, __ATOMIC_ACQUIRE);
	uint32_t head = worker->learn_head;

	if (head == tail)
		return false;
	*ret_req = worker->learn[head % LEARN_RING_SIZE];
	__atomic_store_n(&worker->learn_head, head + 1, __ATOMIC_RELEASE);
	return true;
}
