// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Spare frames as slack: see slack.h. */
#include "switching/lenders.h"
#include "switching/slack.h"

static uint32_t batch_of(const struct queue *queue)
{
	return pool_load(&queue->promises->batch);
}

static void set(uint32_t *value, uint32_t to)
{
	__atomic_store_n(value, to, __ATOMIC_RELAXED);
}

static bool may_borrow(const struct queue *queue)
{
	return queue->loan_max && !queue->owner;
}

/* What bursts need. A larger one than there was room for looks like one that
 * just fitted. */
static uint32_t needed(const struct queue *queue)
{
	uint32_t need = 2 * max_u32(pool_load(&queue->run_peak),
				    pool_load(&queue->run_last));

	return need - min_u32(need, pool_load(&queue->base) / 2);
}

uint32_t slack_wanted(const struct queue *queue)
{
	int64_t spare = promises_spare(queue->promises), share;
	uint32_t n = pool_load(&queue->promises->n_borrowers), want;

	/* While a minimum is not covered nothing is slack. */
	if (!may_borrow(queue) || !n || spare < 0)
		return 0;
	/* As if all had been lent as much. */
	share = (spare + (int64_t)n * pool_load(&queue->loan)) / 2 / n;
	want = share > queue->loan_max ? queue->loan_max : (uint32_t)share;
	want = max_u32(want, needed(queue));
	want = min_u32(want, queue->loan_max);
	return want - want % batch_of(queue);
}

void slack_keep(struct queue *queue, uint32_t n)
{
	queue->kept = min_u32(queue->kept + n, queue_surplus(queue));
}

/* Up to @want more. Returns how many. */
static uint32_t borrow(struct queue *queue, uint32_t want)
{
	uint32_t got;

	/* What is missing for a minimum is the first to come. */
	if (promises_spare(queue->promises) < 0)
		return 0;
	/* As much as is left of that. */
	slack_keep(queue, 0);
	got = queue_cover(queue, queue->promises, want + queue->kept, false);
	got -= min_u32(got, queue->kept);
	if (got)
		queue_set_loan(queue, queue->loan + got);
	return got;
}

void slack_set(struct queue *queue)
{
	uint32_t want = slack_wanted(queue);

	if (want > queue->loan) {
		borrow(queue, want - queue->loan);
	} else if (want < queue->loan) {
		queue_set_loan(queue, want);
		queue_settle(queue, queue->promises);
	}
}

void slack_note(struct worker *worker, struct queue *queue, uint32_t n)
{
	if (!queue->loan_max)
		return;
	if (worker->now_ns - queue->run_ns >= SLACK_QUIET_NS ||
	    worker->now_ns - queue->run_begin_ns >= SLACK_AWAY_NS) {
		queue->run_begin_ns = worker->now_ns;
		queue->run = 0;
	}
	queue->run_ns = worker->now_ns;
	queue->run += n;
	if (queue->run > queue->run_peak)
		set(&queue->run_peak, queue->run);
	if (!queue->look_ns && queue->loan < needed(queue))
		queue->look_ns = worker->now_ns + SLACK_QUIET_NS;
}

/* Looks for what the queue's bursts need. Returns whether it has that. */
static bool look(struct worker *worker, struct queue *queue)
{
	uint32_t want = slack_wanted(queue);

	if (want <= queue->loan)
		return true;
	want -= queue->loan;
	want -= borrow(queue, want);
	if (want && lenders_ask_idle(worker, queue, want))
		want -= borrow(queue, want);
	return !want;
}

/* While packets come it is looked for again and again, and once after them. */
static void look_again(struct worker *worker, struct queue *queue)
{
	if (look(worker, queue) ||
	    worker->now_ns - queue->run_ns >= SLACK_QUIET_NS)
		queue->look_ns = 0;
	else
		queue->look_ns = worker->now_ns + SLACK_PAUSE_NS;
}

void slack_look(struct worker *worker, uint64_t now_ns)
{
	worker->now_ns = now_ns;
	for (uint32_t i = 0; i < worker->n_queues; i++) {
		struct queue *queue = worker->queues[i];

		if (queue->look_ns && queue->look_ns <= now_ns)
			look_again(worker, queue);
	}
}

uint64_t slack_wait(const struct worker *worker, uint64_t now_ns)
{
	uint64_t first = UINT64_MAX;

	for (uint32_t i = 0; i < worker->n_queues; i++) {
		uint64_t at = worker->queues[i]->look_ns;

		if (at && at < first)
			first = at;
	}
	if (first == UINT64_MAX)
		return first;
	return first > now_ns ? first - now_ns : 1;
}

void slack_window(struct worker *worker, struct queue *queue)
{
	if (!queue->loan_max)
		return;
	slack_keep(queue, 0);
	set(&queue->run_last, queue->run_peak);
	set(&queue->run_peak, 0); /* and what is under way, with its next packet */
	/* Until none is said to be needed that is not. */
	if (needed(queue))
		worker->breathing = true;
}

uint32_t slack_convert(struct queue *queue, uint32_t n)
{
	n = min_u32(n, queue->loan);
	if (n)
		queue_set_loan(queue, queue->loan - n);
	return n;
}

void slack_call_in(struct worker *worker, struct promises *promises,
		   uint32_t want)
{
	for (uint32_t i = 0; i < worker->n_queues; i++) {
		struct queue *queue = worker->queues[i];
		int64_t missing = want - promises_spare(promises);

		if (missing <= 0)
			return;
		if (!queue->loan || queue->promises != promises)
			continue;
		slack_keep(queue, slack_convert(queue, missing > UINT32_MAX ?
							       UINT32_MAX :
							       (uint32_t)missing));
		queue_settle(queue, promises);
	}
}
