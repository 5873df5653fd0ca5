// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The account of promised frames, and the log of pools: see pools.h. */
#include <stdio.h>

#include "base/base.h"
#include "control/pools.h"
#include "switching/worker.h"

/* Times that a sum is read which does not come out. */
#define COUNT_TRIES	64

/* ---- account ---- */

static int64_t read_account(const struct agent *agent,
			    struct pools_account *account)
{
	account->queues = account->lent = 0;
	account->out = account->minimums = 0;
	account->spare = promises_spare(&agent->vs.promises);
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *port = agent->ports[i];

		/* The shared memory's only. */
		for (uint32_t q = 0; port && q < port->n_queues; q++) {
			const struct queue *queue = port->queues[q];
			uint32_t loan;

			if (queue->umem.region)
				continue;
			loan = pool_load(&queue->loan);
			account->lent += loan;
			account->queues += pool_load(&queue->granted) - loan;
		}
		if (!port || port->region)
			continue;
		account->out += pool_load(&port->out_max);
		account->minimums += port->pool.reserved;
	}
	return account->total - account->spare - account->lent -
	       account->queues - account->out - account->minimums -
	       account->reserve;
}

void pools_count(const struct agent *agent, struct pools_account *ret_account)
{
	struct pools_account account = {
		.total = agent->vs.arena.regions[0].n_frames,
		.reserve = agent->vs.n_reserve,
	};
	int tries = 0;

	do
		account.missing = read_account(agent, &account);
	while (account.missing && ++tries < COUNT_TRIES);
	*ret_account = account;
}

/* ---- log ---- */

static void add_entry(struct agent *agent, const struct pool_event *event)
{
	struct pools_log *log = agent->pools_log;
	const struct port *port = agent->ports[event->slot];
	struct pools_entry *entry = &log->entries[log->n++ % POOLS_LOG_SIZE];

	entry->time_ns = event->time_ns + clock_ns(CLOCK_REALTIME) - now_ns();
	snprintf(entry->port, sizeof(entry->port), "%s",
		 port ? port->name : "");
	entry->reason = (enum pool_reason)event->reason;
	entry->from = event->from;
	entry->to = event->to;
}

/* What this thread itself has changed. */
static void note(struct agent *agent, struct port *port,
		 enum pool_reason reason, uint32_t n, bool grown)
{
	struct pool_event event = {
		.time_ns = now_ns(),
		.slot = port->slot,
		.reason = (uint16_t)reason,
		.to = pool_load(&port->pool.size),
	};

	if (!n)
		return;
	pool_note(&port->pool, NULL, port->slot, reason, n, grown);
	event.from = grown ? event.to - n : event.to + n;
	pools_collect(agent);
	if (agent->pools_log)
		add_entry(agent, &event);
}

void pools_add_part(struct agent *agent, struct port *port, uint32_t n)
{
	pool_add(&port->pool, n);
	note(agent, port, POOL_START, n, true);
}

void pools_del_part(struct agent *agent, struct port *port, uint32_t n)
{
	pool_give(&port->pool, n);
	note(agent, port, POOL_GONE, n, false);
}

/* The workers' next event, in the order of time; false: there is none. */
static bool next_event(struct agent *agent, struct pool_event *ret_event)
{
	struct pool_events *first = NULL;
	uint64_t first_ns = UINT64_MAX;

	for (uint32_t i = 0; i < agent->vs.n_workers; i++) {
		struct pool_events *events = &agent->vs.workers[i]->pool_events;
		struct pool_event event;

		if (pool_peek_event(events, &event) &&
		    event.time_ns < first_ns) {
			first = events;
			first_ns = event.time_ns;
		}
	}
	return first && pool_next_event(first, ret_event);
}

void pools_collect(struct agent *agent)
{
	struct pool_event event;
	uint64_t n_lost = 0;

	if (!agent->pools_log)
		return;
	while (next_event(agent, &event))
		add_entry(agent, &event);
	for (uint32_t i = 0; i < agent->vs.n_workers; i++)
		n_lost += __atomic_load_n(
			&agent->vs.workers[i]->pool_events.n_lost,
			__ATOMIC_RELAXED);
	agent->pools_log->n_lost = n_lost;
}
