// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pools and promised frames: see pool.h. */
#include "ports/pool.h"

const char *pool_reason_name(enum pool_reason reason)
{
	static const char *const names[] = {
#define POOL_X(name, text, why) [POOL_##name] = text,
		POOL_REASONS(POOL_X)
#undef POOL_X
	};

	return reason < POOL_N_REASONS ? names[reason] : "unknown";
}

uint32_t pool_take(struct pool *pool, uint32_t want, uint32_t batch)
{
	uint32_t size = pool_load(&pool->size);
	uint32_t n;

	want = (want + batch - 1) / batch * batch;
	do {
		uint32_t cap = pool_load(&pool->cap);

		n = size < cap ? cap - size : 0;
		if (n > want)
			n = want;
		if (!n)
			return 0;
	} while (!__atomic_compare_exchange_n(&pool->size, &size, size + n,
					      true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return n;
}

void pool_add(struct pool *pool, uint32_t n)
{
	__atomic_fetch_add(&pool->size, n, __ATOMIC_RELAXED);
}

void pool_give(struct pool *pool, uint32_t n)
{
	__atomic_fetch_sub(&pool->size, n, __ATOMIC_RELAXED);
}

uint32_t promises_take(struct promises *promises, uint32_t want)
{
	int64_t spare = promises_spare(promises);
	uint32_t n;

	do {
		if (spare <= 0 || !want)
			return 0;
		n = spare < want ? (uint32_t)spare : want;
	} while (!__atomic_compare_exchange_n(&promises->spare, &spare,
					      spare - n, true,
					      __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return n;
}

uint32_t promises_force(struct promises *promises, uint32_t n)
{
	__atomic_fetch_sub(&promises->spare, n, __ATOMIC_RELAXED);
	return n;
}

void promises_give(struct promises *promises, uint32_t n)
{
	__atomic_fetch_add(&promises->spare, n, __ATOMIC_RELAXED);
}

void pool_note(struct pool *pool, struct pool_events *events, uint16_t slot,
	       enum pool_reason reason, uint32_t n, bool grown)
{
	uint32_t to = pool_load(&pool->size);
	uint32_t tail, head;

	__atomic_fetch_add(&pool->n_resizes[reason], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(grown ? &pool->n_grown : &pool->n_shrunk, n,
			   __ATOMIC_RELAXED);
	if (!events)
		return;
	tail = events->tail;
	head = __atomic_load_n(&events->head, __ATOMIC_ACQUIRE);
	if (tail - head == POOL_EVENTS) {
		__atomic_fetch_add(&events->n_lost, 1, __ATOMIC_RELAXED);
		return;
	}
	events->events[tail % POOL_EVENTS] = (struct pool_event){
		.time_ns = now_ns(),
		.slot = slot,
		.reason = (uint16_t)reason,
		/* Other parts change at the same time. */
		.from = grown ? to - min_u32(n, to) : to + n,
		.to = to,
	};
	__atomic_store_n(&events->tail, tail + 1, __ATOMIC_RELEASE);
}

bool pool_peek_event(const struct pool_events *events,
		     struct pool_event *ret_event)
{
	if (events->head == __atomic_load_n(&events->tail, __ATOMIC_ACQUIRE))
		return false;
	*ret_event = events->events[events->head % POOL_EVENTS];
	return true;
}

bool pool_next_event(struct pool_events *events, struct pool_event *ret_event)
{
	if (!pool_peek_event(events, ret_event))
		return false;
	__atomic_store_n(&events->head, events->head + 1, __ATOMIC_RELEASE);
	return true;
}
