/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A bounded ring of 64-bit values, each with 16 bits beside it, many producers,
 * one consumer, lock-free; one by one or many at a time. Rings between workers,
 * the class rings of output ports among them.
 *
 * Theory. Positions count up for ever; position p is in cell p mod size.
 * Producers claim the next n positions by compare-and-swap on the tail, if the
 * head says that all of them are free, fill the cells, and write into each cell's
 * sequence number which position it has now: p + 1. The consumer takes cells as
 * long as their numbers are right, and moves the head. So a producer that is
 * preempted between claim and fill holds up the consumer at that cell, but never
 * another producer. (D. Vyukov's bounded queue, 1024cores.net, in which the
 * consumer gives each cell back by its number; here it only reads cells, and
 * gives them back by the head, once for all that it takes.)
 *
 * The head is in the consumer's cache. Producers remember beside the tail what it
 * was when one of them looked last (seen), and look again only if that is not
 * enough: whatever it was then, the cells before it are still free now.
 *
 * Sequence numbers are the lower half of positions: a cell has been written size
 * positions ago at the latest, so that they cannot be mistaken.
 *
 * What orders what: filling a cell comes before its number, which the consumer
 * acquires; the consumer's reading of a cell comes before the head, which a
 * producer acquires, itself or by way of seen. tests/unit/test_mpsc_model.c goes
 * through all executions of a few pushes and pops of this code that C11 allows.
 *
 * Why this one. Nanoseconds per packet, two cores, the consumer on one and two
 * producers on the other (tests/bench/ringtime, its median):
 *
 *	batch of			1	8	64
 *	this ring			14	3	2
 *	Vyukov's, one by one		11	9	9
 *	ck_ring, one by one		14	13	13
 *	liburcu's wfcqueue		34	5	4
 *
 * ck_ring's producers wait for each other: one that is preempted in a push holds
 * up all of them (6.6 us a packet in the worst run). wfcqueue has no bound, and
 * its nodes would have to lie in the packets' frames.
 *
 * Thread-safety: push by any thread; pop by the owner only; is_empty by any, and
 * only the owner, or who knows that nobody pushes, can rely on it.
 */
#ifndef MEMORY_MPSC_H
#define MEMORY_MPSC_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/base.h"

/* The model check follows what is not atomic, too. */
#ifndef MPSC_PLAIN
#define MPSC_PLAIN(object, is_write)
#endif

struct mpsc_cell {
	uint64_t value;
	uint32_t seq;			/* A: position + 1, cut */
	uint16_t tag;
};

struct mpsc {
	uint64_t tail CACHE_ALIGNED;	/* A: producers */
	uint64_t seen;			/* A: producers: what head was */
	uint64_t head CACHE_ALIGNED;	/* A: consumer */
	struct mpsc_cell *cells CACHE_ALIGNED;	/* owned */
	uint64_t mask;
};

/* @size: a power of two. 0 or -ENOMEM. */
static inline int mpsc_init(struct mpsc *ring, uint32_t size)
{
	ring->cells = calloc(size, sizeof(ring->cells[0]));
	if (!ring->cells)
		return -ENOMEM;
	ring->tail = 0;
	ring->seen = 0;
	ring->head = 0;
	ring->mask = size - 1;
	return 0;
}

static inline void mpsc_done(struct mpsc *ring)
{
	free(ring->cells);
	ring->cells = NULL;
}

/* How many of @n positions from @pos on are free. */
static inline uint32_t mpsc_room(struct mpsc *ring, uint64_t pos, uint32_t n)
{
	const uint64_t size = ring->mask + 1;
	uint64_t head = __atomic_load_n(&ring->seen, __ATOMIC_ACQUIRE);

	if (pos + n - head > size) {
		head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
		__atomic_store_n(&ring->seen, head, __ATOMIC_RELEASE);
	}
	/* Others have pushed and it has been popped since @pos was the tail: the
	 * claim will fail. */
	if ((int64_t)(pos - head) < 0)
		return n;
	/* A head that is older than what others knew who made this the tail. */
	if (pos - head >= size)
		return 0;
	return min_u32(n, size - (pos - head));
}

/* Pushes the first ones of @n values, with @tags beside them (NULL: zeros), as
 * many as there is room for, one behind the other. Returns how many. */
static inline uint32_t mpsc_push_n(struct mpsc *ring, const uint64_t *values,
				   const uint16_t *tags, uint32_t n)
{
	uint64_t pos = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
	const uint32_t wanted = n;

	do {
		n = mpsc_room(ring, pos, wanted);
		if (!n)
			return 0;
	} while (!__atomic_compare_exchange_n(&ring->tail, &pos, pos + n, true,
					      __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	for (uint32_t i = 0; i < n; i++, pos++) {
		struct mpsc_cell *cell = &ring->cells[pos & ring->mask];

		MPSC_PLAIN(cell, true);
		cell->value = values[i];
		cell->tag = tags ? tags[i] : 0;
		__atomic_store_n(&cell->seq, (uint32_t)(pos + 1),
				 __ATOMIC_RELEASE);
	}
	return n;
}

/* False when the ring is full. */
static inline bool mpsc_push(struct mpsc *ring, uint64_t value)
{
	return mpsc_push_n(ring, &value, NULL, 1);
}

/* Pops up to @n values, with what is beside them (@ret_tags; NULL: not wanted).
 * Returns how many: fewer if there are no more, or the next one is not written
 * yet. */
static inline uint32_t mpsc_pop_n(struct mpsc *ring, uint64_t *ret_values,
				  uint16_t *ret_tags, uint32_t n)
{
	const uint64_t head = ring->head;
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct mpsc_cell *cell = &ring->cells[(head + i) & ring->mask];

		if (__atomic_load_n(&cell->seq, __ATOMIC_ACQUIRE) !=
		    (uint32_t)(head + i + 1))
			break;
		MPSC_PLAIN(cell, false);
		ret_values[i] = cell->value;
		if (ret_tags)
			ret_tags[i] = cell->tag;
	}
	if (i)
		__atomic_store_n(&ring->head, head + i, __ATOMIC_RELEASE);
	return i;
}

/* False when the ring is empty (or its first value is not written yet). */
static inline bool mpsc_pop(struct mpsc *ring, uint64_t *ret_value)
{
	return mpsc_pop_n(ring, ret_value, NULL, 1);
}

/* The value @i places behind the next one to be popped; false: there is none.
 * While nobody pushes or pops. */
static inline bool mpsc_peek(const struct mpsc *ring, uint64_t i,
			     uint64_t *ret_value)
{
	if (i >= ring->tail - ring->head)
		return false;
	*ret_value = ring->cells[(ring->head + i) & ring->mask].value;
	return true;
}

/* How many more it has room for, as of a moment ago. Any thread. */
static inline uint32_t mpsc_free(const struct mpsc *ring)
{
	const uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
	const uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
	const uint64_t n = tail - head;

	return n > ring->mask ? 0 : (uint32_t)(ring->mask + 1 - n);
}

static inline bool mpsc_is_empty(const struct mpsc *ring)
{
	return __atomic_load_n(&ring->tail, __ATOMIC_RELAXED) ==
	       __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
}

#endif
