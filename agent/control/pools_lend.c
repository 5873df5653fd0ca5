// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Spare frames lent to uplinks' queues, as the control thread has it: see pools.h
 * and switching/slack.h. */
#include "base/base.h"
#include "control/pools.h"
#include "switching/slack.h"
#include "switching/worker.h"

/* Calls @fn with each queue that spare frames may be lent to. Returns how many
 * there are. */
static uint32_t each_borrower(struct agent *agent,
			      void (*fn)(struct agent *agent,
					 struct queue *queue))
{
	uint32_t n = 0;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (!port || port->kind != PORT_UPLINK)
			continue;
		for (uint32_t q = 0; q < port->n_queues; q++) {
			struct queue *queue = port->queues[q];

			if (!queue->loan_max || queue->owner)
				continue;
			n++;
			if (fn)
				fn(agent, queue);
		}
	}
	return n;
}

/* The worker is woken only if that is worth it: an idle host is to be idle. */
static void lend(struct agent *agent, struct queue *queue)
{
	uint32_t has = pool_load(&queue->loan), want = slack_wanted(queue);
	uint32_t more = want > has ? want - has : has - want;

	if (more >= 2 * agent->vs.promises.batch)
		worker_set_slack(agent->vs.workers[queue->worker], queue);
}

void pools_lend(struct agent *agent)
{
	const uint32_t n = each_borrower(agent, NULL);

	__atomic_store_n(&agent->vs.promises.n_borrowers,
			 pools_pressed(agent) ? 0 : n, __ATOMIC_RELAXED);
	each_borrower(agent, lend);
}

void pools_call_in(struct agent *agent, uint32_t want)
{
	const struct promises *promises = &agent->vs.promises;

	for (uint32_t i = 0; i < agent->vs.n_workers; i++) {
		struct worker *worker = agent->vs.workers[i];
		uint32_t n = 0;

		if (promises_spare(promises) >= want)
			return;
		for (uint32_t q = 0; q < worker->n_queues; q++)
			n += pool_load(&worker->queues[q]->loan);
		if (n)
			worker_call_in(worker, want);
	}
}
