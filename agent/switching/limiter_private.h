/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by limiter.c and its parts, limiter_*: see limiter.h. */
#ifndef SWITCHING_LIMITER_PRIVATE_H
#define SWITCHING_LIMITER_PRIVATE_H

#include "base/base.h"
#include "switching/limiter.h"

#define NONE		UINT32_MAX
#define NO_SLOT		UINT16_MAX
#define N_WORDS		(LIMITER_N_SLOTS / 64)

_Static_assert(N_WORDS == 64, "one word says which words have slots");

enum pair_state { IDLE, HELD, TIMED, READY };

struct node {
	uint64_t packet;
	uint32_t next;
	struct limiter_segments segments;
};

/* Of the wheel: pairs by their index, then VMs. */
struct timed {
	uint32_t prev, next;
	uint16_t slot;			/* NO_SLOT: it is not in the wheel */
};

struct list {
	uint32_t head, tail;
};

/* Pairs n_pairs and above are the VMs' for all other destinations, the "rest". */
struct pair {
	/* two cache lines, which are fetched together */
	struct rate_limit limit;
	uint32_t head, tail;		/* packets */
	uint32_t n;
	int32_t deficit;		/* bytes: left of its turn */
	uint32_t next;			/* in its round, held, or free */
	uint32_t to;
	uint16_t vm;
	uint8_t state;			/* enum pair_state */
	bool used;			/* there is such a pair */
	uint32_t hash_next;
	uint64_t after;			/* of the rest's packets it comes */
	uint64_t used_ns;
	uint64_t n_out, bytes_out;
} __attribute__((aligned(2 * CACHE_LINE)));

_Static_assert(sizeof(struct pair) == 2 * CACHE_LINE, "pair");

struct vm {
	struct rate_limit limit;
	struct list round;		/* ready pairs */
	struct list held;
	uint32_t n;			/* packets */
	uint32_t n_pairs;
	uint32_t next;			/* to be served */
	bool is_serving;		/* in that list */
	uint64_t rest_in, rest_out;	/* packets of the rest, so far */
	uint64_t n_out, bytes_out, n_full;
};

struct limiter {
	struct limiter_conf conf;
	uint64_t slot_now;		/* all slots up to it are done with */
	struct list serving;		/* VMs */
	uint32_t n_waiting;
	uint32_t free_nodes, n_nodes;	/* those above have never been used */
	uint32_t free_pairs, n_made;
	uint32_t n_used;		/* pairs */
	uint32_t hand;			/* of the collection */
	uint32_t hash_mask;
	uint32_t *hash;			/* owned: heads */
	struct node *nodes;		/* owned */
	struct pair *pairs;		/* owned */
	struct timed *timed;		/* owned */
	uint64_t words;			/* that are not 0 */
	uint64_t bitmap[N_WORDS];	/* slots that are not empty */
	struct list slots[LIMITER_N_SLOTS];
	struct vm vms[PKT_MAX_PORTS];
};

static inline void list_init(struct list *list)
{
	list->head = NONE;
	list->tail = NONE;
}

static inline uint32_t timed_of_vm(const struct limiter *l, uint32_t vm)
{
	return l->conf.n_pairs + PKT_MAX_PORTS + vm;
}

static inline uint32_t rest_of(const struct limiter *l, uint16_t vm)
{
	return l->conf.n_pairs + vm;
}

static inline bool has_limit(const struct rate_limit *limit)
{
	return limit->bits.rate || limit->packets.rate;
}

static inline uint32_t hash_of(const struct limiter *l, uint16_t vm,
			       uint32_t to)
{
	uint64_t key = (uint64_t)vm << 32 | to;

	key *= 0x9e3779b97f4a7c15ull;
	return (uint32_t)(key >> 32) & l->hash_mask;
}

/* NONE: it has no limiter. */
static inline uint32_t find(const struct limiter *l, uint16_t vm, uint32_t to)
{
	uint32_t index = to ? l->hash[hash_of(l, vm, to)] : NONE;

	while (index != NONE &&
	       (l->pairs[index].to != to || l->pairs[index].vm != vm))
		index = l->pairs[index].hash_next;
	return index;
}

#endif
