// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames taken off a fill ring again: see recall.h. */
#include <errno.h>
#include <stdlib.h>

#include "ports/queue.h"
#include "ports/recall.h"

/* Positions on rings wrap. */
static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* How far the kernel says that it has read. */
static uint32_t consumer(const struct queue *queue)
{
	return __atomic_load_n(queue->umem.fill.consumer, __ATOMIC_ACQUIRE);
}

static uint64_t *entry_at(struct queue *queue, uint32_t pos)
{
	/* libxdp's type is what both sides of the ring share. */
	return (uint64_t *)xsk_ring_prod__fill_addr(&queue->umem.fill, pos);
}

static bool is_dead(struct queue *queue, uint32_t pos)
{
	return __atomic_load_n(entry_at(queue, pos), __ATOMIC_RELAXED) ==
	       UMEM_NO_ADDR;
}

static uint16_t mark_of(const struct queue *queue)
{
	return (uint16_t)(FRAME_RECALL << 12 | queue->id);
}

/* ---- begin ---- */

uint32_t recall_possible(const struct queue *queue, uint32_t posted)
{
	int64_t n = queue_outstanding(queue);

	if (queue->umem.fd < 0 || queue->umem.zero_copy || queue->suspended ||
	    queue->recall)
		return 0;
	return n > posted ? (uint32_t)(n - posted) : 0;
}

/* Packets that receive rings have had no room for. */
static int count_refused(const struct queue *queue, uint64_t *ret_n)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < queue->n_shares; i++) {
		struct rx_ring_stats stats;
		int err = rx_ring_get_stats(&queue->shares[i]->rx, &stats);

		if (err)
			return err;
		n += stats.rx_ring_full;
	}
	*ret_n = n;
	return 0;
}

int recall_start(struct queue *queue, uint32_t n)
{
	struct recall *recall;
	uint64_t refused;
	int err;

	err = count_refused(queue, &refused);
	if (err)
		return err;
	recall = calloc(1, sizeof(*recall) + n * sizeof(recall->frames[0]));
	if (!recall)
		return -ENOMEM;
	recall->size = n;
	recall->refused = refused;
	queue->recall = recall;
	return 0;
}

/* Those that the kernel has passed meanwhile are not known. */
static uint32_t count_dead(struct queue *queue, uint32_t cons)
{
	uint32_t n = 0;

	for (uint32_t pos = cons; pos != queue->umem.fill.cached_prod; pos++)
		n += is_dead(queue, pos);
	return n;
}

/* How many of @n may be overwritten: the ring is to hold all that is ever posted
 * besides those that are dead. */
static uint32_t fit_dead(struct queue *queue, uint32_t cons, uint32_t n)
{
	const uint32_t most = queue->umem.fill_size / 2;

	if (queue->n_dead + n > most)
		queue->n_dead = count_dead(queue, cons);
	return min_u32(n, most - min_u32(queue->n_dead, most));
}

/* What the queue holds in all stays the same. */
static void set_in_doubt(struct queue *queue, uint32_t n)
{
	queue->outstanding += queue->in_doubt - n;
	queue->in_doubt = n;
}

static void overwrite(struct queue *queue, uint32_t pos, struct arena *arena)
{
	struct recall *recall = queue->recall;
	uint64_t addr = __atomic_exchange_n(entry_at(queue, pos), UMEM_NO_ADDR,
					    __ATOMIC_SEQ_CST);
	uint32_t frame =
		arena_frame(arena, umem_arena_addr(&queue->umem, addr));

	arena_move(arena, frame, FRAME_RECALL, queue->id);
	recall->frames[recall->n++] = frame;
	recall->first = pos;
	set_in_doubt(queue, queue->in_doubt + 1);
	queue->n_dead++;
}

/* Overwrites @n entries, from the last one on, but not the first that the kernel
 * may read next, or that it has on its list. */
static void overwrite_last(struct queue *queue, uint32_t cons, uint32_t n,
			   struct arena *arena)
{
	uint32_t pos = queue->recall->first, above = 0;
	bool have = false;

	while (n && is_before(cons, pos)) {
		if (is_dead(queue, --pos))
			continue;
		if (have) {
			overwrite(queue, above, arena);
			n--;
		}
		above = pos;
		have = true;
	}
}

bool recall_begin(struct queue *queue, uint32_t posted, struct arena *arena)
{
	struct recall *recall = queue->recall;
	const uint32_t cons = consumer(queue), before = recall->n;
	int64_t more = queue_outstanding(queue) - (int64_t)posted;
	uint32_t n;

	if (!recall->begun) {
		recall->begun = true;
		recall->first = queue->umem.fill.cached_prod;
	}
	n = more > 0 ? (uint32_t)more : 0;
	n = min_u32(min_u32(n, recall->size - recall->n), RECALL_BATCH);
	overwrite_last(queue, cons, fit_dead(queue, cons, n), arena);
	return recall->n - before == RECALL_BATCH;
}

/* ---- finish ---- */

/* A frame may be on the kernel's list since a packet was refused, until the next
 * is received. What was received by then is known after a grace period only:
 * the ring's producer is published at the end of a softirq. So it is compared
 * with what it is another time, and not with what was before. */
void recall_look(struct queue *queue)
{
	struct recall *recall = queue->recall;
	uint32_t received = __atomic_load_n(queue->primary.rx.ring.producer,
					    __ATOMIC_ACQUIRE);
	bool first = !recall->looked;
	uint64_t refused;

	if (recall->sure || count_refused(queue, &refused))
		return;
	recall->looked = true;
	if (refused != recall->refused) {
		recall->refused = refused;
		recall->compare = false;
	} else if (first ||
		   (recall->compare && received != recall->received)) {
		recall->sure = true;
	} else if (!recall->compare) {
		recall->received = received;
		recall->compare = true;
	}
}

/* Whether the kernel has not yet read a frame that precedes them. */
static bool is_preceded(struct queue *queue)
{
	uint32_t pos = consumer(queue);

	for (; is_before(pos, queue->recall->first); pos++)
		if (!is_dead(queue, pos))
			return true;
	return false;
}

/* Those that have been received, and that nobody has read, are the queue's as
 * before. */
static void leave_received(struct queue *queue, struct arena *arena)
{
	for (uint32_t i = 0; i < queue->n_shares; i++) {
		struct rx_ring *rx = &queue->shares[i]->rx;
		uint32_t pos = rx->ring.cached_cons;

		for (uint32_t n = rx_ring_ready(rx); n; n--, pos++) {
			uint64_t addr = umem_arena_addr(
				&queue->umem,
				xsk_ring_cons__rx_desc(&rx->ring, pos)->addr);
			uint32_t frame = arena_frame(arena, addr);

			if (arena_where(arena, frame) == mark_of(queue))
				arena_move(arena, frame, FRAME_QUEUE,
					   queue->id);
		}
	}
}

/* The queue has released those that were received, as if they were its own. */
static void correct(struct queue *queue, const struct arena *arena)
{
	const struct recall *recall = queue->recall;
	uint32_t n = 0;

	for (uint32_t i = 0; i < recall->n; i++)
		n += arena_where(arena, recall->frames[i]) == mark_of(queue);
	set_in_doubt(queue, n);
}

static void judge(struct queue *queue, struct arena *arena)
{
	struct recall *recall = queue->recall;

	/* Later it can only be otherwise if positions have wrapped. */
	if (!recall->met && is_preceded(queue)) {
		recall->sure = true;
	} else {
		leave_received(queue, arena);
		correct(queue, arena);
		recall->sure |= !queue->in_doubt;
	}
	recall->met = true;
}

bool recall_finish(struct queue *queue, struct arena *arena,
		   struct frame_cache *cache)
{
	struct recall *recall = queue->recall;
	uint32_t end;

	if (!recall->n_done)
		judge(queue, arena);
	if (!recall->sure)
		return false;
	end = min_u32(recall->n, recall->n_done + RECALL_BATCH);
	for (; recall->n_done < end; recall->n_done++) {
		uint32_t frame = recall->frames[recall->n_done];

		if (arena_where(arena, frame) != mark_of(queue))
			continue;
		frame_cache_put(cache, frame);
		queue->in_doubt--;
		recall->n_back++;
	}
	queue_settle(queue, queue->promises);
	return recall->n_done < recall->n;
}

uint32_t recall_end(struct queue *queue)
{
	struct recall *recall = queue->recall;
	uint32_t n_back = recall->n_back;

	if (recall->n_done < recall->n)
		return 0;
	free(recall);
	queue->recall = NULL;
	return n_back;
}

void recall_forget(struct queue *queue)
{
	free(queue->recall);
	queue->recall = NULL;
	queue->n_dead = 0;
	queue->in_doubt = 0;
}
