/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A bounded ring of 64-bit values, many producers, one consumer, lock-free.
 *
 * Theory. D. Vyukov's bounded queue (1024cores.net): each cell has a sequence
 * number. Cell i may be filled for position p (p mod size = i) when its
 * sequence is p, and emptied when it is p + 1; emptying sets it to p + size. A
 * producer claims a position by compare-and-swap on the tail, so a producer
 * that is preempted between claim and fill holds up the consumer at that cell
 * but never another producer. Only the consumer moves the head.
 *
 * Thread-safety: push by any thread, pop and empty by the owner only.
 */
#ifndef MEMORY_MPSC_H
#define MEMORY_MPSC_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/base.h"

struct mpsc_cell {
	uint64_t seq;
	uint64_t value;
};

struct mpsc {
	uint64_t tail CACHE_ALIGNED;	/* producers */
	uint64_t head CACHE_ALIGNED;	/* consumer */
	struct mpsc_cell *cells CACHE_ALIGNED;	/* owned */
	uint64_t mask;
};

/* @size: a power of two. 0 or -ENOMEM. */
static inline int mpsc_init(struct mpsc *ring, uint32_t size)
{
	ring->cells = calloc(size, sizeof(ring->cells[0]));
	if (!ring->cells)
		return -ENOMEM;
	for (uint32_t i = 0; i < size; i++)
		ring->cells[i].seq = i;
	ring->tail = 0;
	ring->head = 0;
	ring->mask = size - 1;
	return 0;
}

static inline void mpsc_done(struct mpsc *ring)
{
	free(ring->cells);
	ring->cells = NULL;
}

/* False when the ring is full. */
static inline bool mpsc_push(struct mpsc *ring, uint64_t value)
{
	uint64_t pos = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
	struct mpsc_cell *cell;

	for (;;) {
		uint64_t seq;

		cell = &ring->cells[pos & ring->mask];
		seq = __atomic_load_n(&cell->seq, __ATOMIC_ACQUIRE);
		if (seq == pos) {
			if (__atomic_compare_exchange_n(&ring->tail, &pos,
							pos + 1, true,
							__ATOMIC_RELAXED,
							__ATOMIC_RELAXED))
				break;
		} else if ((int64_t)(seq - pos) < 0) {
			return false;
		} else {
			pos = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
		}
	}
	cell->value = value;
	__atomic_store_n(&cell->seq, pos + 1, __ATOMIC_RELEASE);
	return true;
}

/* False when the ring is empty (or its first value is not written yet). */
static inline bool mpsc_pop(struct mpsc *ring, uint64_t *ret_value)
{
	uint64_t pos = ring->head;
	struct mpsc_cell *cell = &ring->cells[pos & ring->mask];

	if (__atomic_load_n(&cell->seq, __ATOMIC_ACQUIRE) != pos + 1)
		return false;
	*ret_value = cell->value;
	__atomic_store_n(&cell->seq, pos + ring->mask + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&ring->head, pos + 1, __ATOMIC_RELAXED);
	return true;
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

static inline bool mpsc_is_empty(const struct mpsc *ring)
{
	return __atomic_load_n(&ring->tail, __ATOMIC_RELAXED) ==
	       __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
}

#endif
