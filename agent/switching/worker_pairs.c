// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Guests' queue pairs come to a worker and go; their rings begin and end. See
 * worker.h.
 *
 * A ring to a guest may be written by any worker (the bypass), a ring from it
 * only by its own. So what ends, ends on the pair's worker and under the
 * ring's lock, and after vswitch_synchronize() nobody is left who has seen it
 * run.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "switching/guest.h"
#include "switching/worker.h"

static void add_pair(struct worker *worker, void *arg)
{
	struct vhost_pair *pair = arg;
	struct vhost_pair **pairs;

	pairs = realloc(worker->pairs,
			(worker->n_pairs + 1) * sizeof(pairs[0]));
	worker->call_result = pairs ? 0 : -ENOMEM;
	if (!pairs)
		return;
	worker->pairs = pairs;
	pairs[worker->n_pairs++] = pair;
}

int worker_add_pair(struct worker *worker, struct vhost_pair *pair)
{
	worker_call(worker, add_pair, pair);
	return worker->call_result;
}

static void del_pair(struct worker *worker, void *arg)
{
	struct vhost_pair *pair = arg;

	for (uint32_t i = 0; i < worker->n_pairs; i++) {
		if (worker->pairs[i] != pair)
			continue;
		worker->pairs[i] = worker->pairs[--worker->n_pairs];
		break;
	}
}

void worker_del_pair(struct worker *worker, struct vhost_pair *pair)
{
	worker_call(worker, del_pair, pair);
}

struct ring_call {
	struct vhost_pair *pair;
	const struct vhost_ring_start *start;
	bool tx;
	bool enabled;
	int fd;
	uint16_t next;
};

static struct virtq *ring_of(struct vhost_pair *pair, bool tx)
{
	return tx ? &pair->tx : &pair->rx;
}

static void start_ring(struct worker *worker, void *arg)
{
	const struct ring_call *call = arg;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = call->start->kick_fd;

	worker->call_result = 0;
	if (fd >= 0 &&
	    epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		worker->call_result = -errno;
		return;
	}
	pair_start(call->pair, call->start);
}

int worker_start_ring(struct worker *worker, struct vhost_pair *pair,
		      const struct vhost_ring_start *start)
{
	struct ring_call call = { .pair = pair, .start = start };

	worker_call(worker, start_ring, &call);
	return worker->call_result;
}

static void stop_ring(struct worker *worker, void *arg)
{
	struct ring_call *call = arg;
	int fd = ring_of(call->pair, call->tx)->kick_fd;

	if (fd >= 0)
		epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	call->next = pair_stop(call->pair, call->tx);
}

uint16_t worker_stop_ring(struct worker *worker, struct vhost_pair *pair,
			  bool tx)
{
	struct ring_call call = { .pair = pair, .tx = tx };

	worker_call(worker, stop_ring, &call);
	return call.next;
}

static void enable_ring(struct worker *worker, void *arg)
{
	const struct ring_call *call = arg;

	(void)worker;
	pair_lock(call->pair);
	ring_of(call->pair, call->tx)->enabled = call->enabled;
	pair_unlock(call->pair);
}

void worker_enable_ring(struct worker *worker, struct vhost_pair *pair, bool tx,
			bool enabled)
{
	struct ring_call call = { .pair = pair, .tx = tx, .enabled = enabled };

	worker_call(worker, enable_ring, &call);
}

static void set_call_fd(struct worker *worker, void *arg)
{
	const struct ring_call *call = arg;
	struct virtq *vq = ring_of(call->pair, call->tx);

	(void)worker;
	pair_lock(call->pair);
	vq->call_fd = call->fd;
	/* What the old one may have missed. */
	vq->call_always = true;
	pair_unlock(call->pair);
}

void worker_set_call_fd(struct worker *worker, struct vhost_pair *pair, bool tx,
			int fd)
{
	struct ring_call call = { .pair = pair, .tx = tx, .fd = fd };

	worker_call(worker, set_call_fd, &call);
}
