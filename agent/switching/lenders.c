// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames from others' pools: see lenders.h. */
#include "switching/breathe.h"
#include "switching/lenders.h"

/* Batches that are taken at a time, and from how many at most. */
#define LEND_BATCHES	4
#define LENDERS		4
/* Rounds without asking again after nobody had any: it takes a look at all. */
#define PAUSE		8

struct lender {
	struct port *port;
	uint32_t more;			/* than its minimum */
};

static struct lender find_lender(struct worker *worker,
				 const struct promises *promises,
				 const struct port *but, const uint64_t *tried)
{
	struct lender best = { NULL, 0 };

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *other = vswitch_port(worker->vs, i);
		uint32_t size, least;

		if (!other || other == but || other->kind != PORT_VM ||
		    other->promises != promises || tried[i / 64] >> i % 64 & 1)
			continue;
		size = pool_load(&other->pool.size);
		least = pool_load(&other->pool.min);
		if (size > least && size - least > best.more)
			best = (struct lender){ other, size - least };
	}
	return best;
}

/* What a part on @queue (NULL: elsewhere) could be covered with. */
static bool can_cover(const struct promises *promises,
		      const struct queue *queue, uint32_t n)
{
	int64_t has = promises_spare(promises);

	if (queue)
		has += queue_surplus(queue);
	return has >= n;
}

/* For the pool of @port, or none (NULL): from idle ones. Returns how many they
 * gave. */
static uint32_t ask(struct worker *worker, struct promises *promises,
		    const struct port *port, const struct queue *queue,
		    uint32_t want)
{
	const uint32_t has = port ? pool_load(&port->pool.size) : UINT32_MAX;
	uint64_t tried[PKT_MAX_PORTS / 64] = { 0 };
	uint32_t got = 0;

	/* Some more at a time: whoever is in need goes on to be. */
	want = max_u32(want, LEND_BATCHES *
				     pool_load(&worker->vs->promises.batch));
	for (uint32_t i = 0; i < LENDERS; i++) {
		struct port *from;

		if (can_cover(promises, queue, want))
			break;
		from = find_lender(worker, promises, port, tried).port;
		if (!from)
			break;
		tried[from->slot / 64] |= 1ull << from->slot % 64;
		got += breathe_take(worker, from, want,
				    pool_load(&from->pool.size) > has ? 1 : 2,
				    !port);
	}
	return got;
}

void lenders_ask(struct worker *worker, struct port *port,
		 const struct queue *queue, uint32_t want)
{
	if (worker->round >= worker->lend_round &&
	    !ask(worker, port->promises, port, queue, want))
		worker->lend_round = worker->round + PAUSE;
}

uint32_t lenders_ask_idle(struct worker *worker, const struct queue *queue,
			  uint32_t want)
{
	return ask(worker, queue->promises, NULL, queue, want);
}
