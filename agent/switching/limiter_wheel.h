/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The timing wheel of limiters: who may go later stands in the slot of then. */
#ifndef SWITCHING_LIMITER_WHEEL_H
#define SWITCHING_LIMITER_WHEEL_H

#include "switching/limiter_private.h"

/* Puts it into the slot that begins at @ns or after: it does not come early. */
static inline void limiter_wheel_put(struct limiter *l, uint32_t index,
				     uint64_t ns)
{
	struct timed *timed = &l->timed[index];
	uint64_t at = (ns + LIMITER_SLOT_NS - 1) / LIMITER_SLOT_NS;
	struct list *slot;

	if (at <= l->slot_now)
		at = l->slot_now + 1;
	if (at > l->slot_now + LIMITER_N_SLOTS - 1)
		at = l->slot_now + LIMITER_N_SLOTS - 1;
	at %= LIMITER_N_SLOTS;
	slot = &l->slots[at];
	timed->slot = (uint16_t)at;
	timed->next = NONE;
	timed->prev = slot->tail;
	if (slot->head == NONE)
		slot->head = index;
	else
		l->timed[slot->tail].next = index;
	slot->tail = index;
	l->bitmap[at / 64] |= 1ull << at % 64;
	l->words |= 1ull << at / 64;
}

static inline void limiter_wheel_take(struct limiter *l, uint32_t index)
{
	struct timed *timed = &l->timed[index];
	const uint32_t at = timed->slot;
	struct list *slot = &l->slots[at];

	if (timed->prev == NONE)
		slot->head = timed->next;
	else
		l->timed[timed->prev].next = timed->next;
	if (timed->next == NONE)
		slot->tail = timed->prev;
	else
		l->timed[timed->next].prev = timed->prev;
	timed->slot = NO_SLOT;
	if (slot->head != NONE)
		return;
	l->bitmap[at / 64] &= ~(1ull << at % 64);
	if (!l->bitmap[at / 64])
		l->words &= ~(1ull << at / 64);
}

static inline bool limiter_wheel_has(const struct limiter *l, uint32_t index)
{
	return l->timed[index].slot != NO_SLOT;
}

/* The first slot that is not empty behind slot_now, in its counting; 0: all
 * are. */
static inline uint64_t limiter_wheel_next(const struct limiter *l)
{
	const uint32_t from = (l->slot_now + 1) % LIMITER_N_SLOTS;
	uint32_t word = from / 64, at;
	uint64_t bits = l->bitmap[word] >> from % 64 << from % 64;

	if (!l->words)
		return 0;
	if (!bits) {
		/* The words behind, round to this one's beginning. */
		uint64_t words =
			word == 63 ? 0 : l->words >> (word + 1) << (word + 1);

		word = (uint32_t)__builtin_ctzll(words ? words : l->words);
		bits = l->bitmap[word];
	}
	at = word * 64 + (uint32_t)__builtin_ctzll(bits);
	return l->slot_now + 1 + (at - from) % LIMITER_N_SLOTS;
}

#endif
