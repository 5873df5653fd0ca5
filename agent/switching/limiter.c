// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Limiters of what VMs send: see limiter.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/packet.h"
#include "switching/limiter.h"
#include "switching/limiter_private.h"
#include "switching/limiter_wheel.h"

#define MAX_OVERHEAD	256
#define TURN		1538		/* bytes */
#define VM_BATCH	64		/* packets of a VM before the next's */

/* ---- lists of pairs and VMs ---- */

static void pairs_append(struct limiter *l, struct list *list, uint32_t index)
{
	l->pairs[index].next = NONE;
	if (list->head == NONE)
		list->head = index;
	else
		l->pairs[list->tail].next = index;
	list->tail = index;
}

static uint32_t pairs_take(struct limiter *l, struct list *list)
{
	const uint32_t index = list->head;

	list->head = l->pairs[index].next;
	return index;
}

static void serve(struct limiter *l, uint16_t index)
{
	struct vm *vm = &l->vms[index];

	if (vm->is_serving)
		return;
	vm->is_serving = true;
	vm->next = NONE;
	if (l->serving.head == NONE)
		l->serving.head = index;
	else
		l->vms[l->serving.tail].next = index;
	l->serving.tail = index;
}

/* The first one. */
static void stop_serving(struct limiter *l)
{
	struct vm *vm = &l->vms[l->serving.head];

	l->serving.head = vm->next;
	vm->is_serving = false;
}

/* ---- pairs ---- */

/* It has packets. Where it waits for its first one to go. */
static void place(struct limiter *l, uint32_t index)
{
	struct pair *pair = &l->pairs[index];
	struct vm *vm = &l->vms[pair->vm];

	if ((int64_t)(vm->rest_out - pair->after) < 0) {
		pair->state = HELD;
		pairs_append(l, &vm->held, index);
	} else if (!rate_limit_is_open(&pair->limit)) {
		pair->state = TIMED;
		limiter_wheel_put(l, index, rate_limit_opens_at(&pair->limit));
	} else {
		pair->state = READY;
		pairs_append(l, &vm->round, index);
		if (!limiter_wheel_has(l, timed_of_vm(l, pair->vm)))
			serve(l, pair->vm);
	}
}

static uint32_t make(struct limiter *l, uint16_t vm, uint32_t to)
{
	const uint32_t hash = hash_of(l, vm, to);
	uint32_t index = l->free_pairs;
	struct pair *pair;

	if (index != NONE)
		l->free_pairs = l->pairs[index].next;
	else if (l->n_made < l->conf.n_pairs)
		index = l->n_made++;
	else
		return NONE;
	pair = &l->pairs[index];
	memset(pair, 0, sizeof(*pair));
	pair->vm = vm;
	pair->to = to;
	pair->used = true;
	pair->hash_next = l->hash[hash];
	l->hash[hash] = index;
	l->timed[index].slot = NO_SLOT;
	/* Behind what went to it by the rest. */
	pair->after = l->vms[vm].rest_in;
	l->n_used++;
	l->vms[vm].n_pairs++;
	return index;
}

/* It is idle. */
static void unmake(struct limiter *l, uint32_t index)
{
	struct pair *pair = &l->pairs[index];
	uint32_t *at = &l->hash[hash_of(l, pair->vm, pair->to)];

	while (*at != index)
		at = &l->pairs[*at].hash_next;
	*at = pair->hash_next;
	pair->used = false;
	pair->next = l->free_pairs;
	l->free_pairs = index;
	l->n_used--;
	l->vms[pair->vm].n_pairs--;
}

/* ---- made, and set ---- */

static int allocate(struct limiter *l)
{
	const uint32_t n_hash = round_up_pow2(l->conf.n_pairs);
	const size_t n_pairs = l->conf.n_pairs + PKT_MAX_PORTS;
	const size_t n_timed = n_pairs + PKT_MAX_PORTS;

	l->hash_mask = n_hash - 1;
	l->hash = malloc(n_hash * sizeof(l->hash[0]));
	l->nodes = malloc(l->conf.n_packets * sizeof(l->nodes[0]));
	l->pairs = aligned_alloc(2 * CACHE_LINE, n_pairs * sizeof(l->pairs[0]));
	l->timed = malloc(n_timed * sizeof(l->timed[0]));
	if (!l->hash || !l->nodes || !l->pairs || !l->timed)
		return -ENOMEM;
	memset(l->hash, 0xff, n_hash * sizeof(l->hash[0]));
	return 0;
}

static void init_vm(struct limiter *l, uint16_t vm)
{
	struct pair *rest = &l->pairs[rest_of(l, vm)];

	memset(rest, 0, sizeof(*rest));
	rest->vm = vm;
	l->timed[rest_of(l, vm)].slot = NO_SLOT;
	l->timed[timed_of_vm(l, vm)].slot = NO_SLOT;
	list_init(&l->vms[vm].round);
	list_init(&l->vms[vm].held);
}

int limiter_new(const struct limiter_conf *conf, uint64_t now_ns,
		struct limiter **ret_limiter)
{
	struct limiter *l;

	if (!conf->n_pairs || conf->n_pairs > LIMITER_MAX_PAIRS ||
	    !conf->n_packets || conf->n_packets > LIMITER_MAX_PACKETS ||
	    conf->overhead > MAX_OVERHEAD || conf->late_ns > RATE_MAX_LATE_NS)
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->conf = *conf;
	if (allocate(l)) {
		limiter_free(l);
		return -ENOMEM;
	}
	l->slot_now = now_ns / LIMITER_SLOT_NS;
	l->free_nodes = NONE;
	l->free_pairs = NONE;
	list_init(&l->serving);
	for (uint32_t i = 0; i < LIMITER_N_SLOTS; i++)
		list_init(&l->slots[i]);
	for (uint16_t i = 0; i < PKT_MAX_PORTS; i++)
		init_vm(l, i);
	*ret_limiter = l;
	return 0;
}

void limiter_free(struct limiter *limiter)
{
	if (!limiter)
		return;
	free(limiter->hash);
	free(limiter->nodes);
	free(limiter->pairs);
	free(limiter->timed);
	free(limiter);
}

static uint64_t late_of(const struct limiter *l, uint32_t n)
{
	return n ? l->conf.late_ns : 0;
}

int limiter_set_vm(struct limiter *limiter, uint16_t vm,
		   const struct rate *rate, uint64_t now_ns)
{
	const uint32_t timed = timed_of_vm(limiter, vm);
	struct vm *v = &limiter->vms[vm];

	if (!rate_is_valid(rate))
		return -EINVAL;
	rate_limit_set(&v->limit, rate, now_ns, late_of(limiter, v->n));
	if (limiter_wheel_has(limiter, timed)) {
		limiter_wheel_take(limiter, timed);
		if (rate_limit_is_open(&v->limit))
			serve(limiter, vm);
		else
			limiter_wheel_put(limiter, timed,
					  rate_limit_opens_at(&v->limit));
	}
	return 0;
}

int limiter_set_pair(struct limiter *limiter, uint16_t vm, uint32_t to,
		     const struct rate *rate, uint64_t now_ns)
{
	uint32_t index = find(limiter, vm, to);
	struct pair *pair;

	if (!rate_is_valid(rate))
		return -EINVAL;
	if (index == NONE)
		index = make(limiter, vm, to);
	if (index == NONE)
		return -ENOSPC;
	pair = &limiter->pairs[index];
	pair->used_ns = now_ns;
	rate_limit_set(&pair->limit, rate, now_ns, late_of(limiter, pair->n));
	if (pair->state == TIMED) {
		limiter_wheel_take(limiter, index);
		place(limiter, index);
	}
	return 0;
}

/* ---- in ---- */

static bool is_full(const struct limiter *l, const struct vm *vm,
		    const struct pair *pair)
{
	return l->n_waiting >= l->conf.n_packets ||
	       vm->n >= l->conf.vm_packets || pair->n >= l->conf.pair_packets;
}

/* There is a node. */
static void append(struct limiter *l, struct pair *pair, uint64_t packet,
		   struct limiter_segments segments)
{
	uint32_t at = l->free_nodes;

	if (at == NONE)
		at = l->n_nodes++;
	else
		l->free_nodes = l->nodes[at].next;
	l->nodes[at].packet = packet;
	l->nodes[at].segments = segments;
	if (pair->n)
		l->nodes[pair->tail].next = at;
	else
		pair->head = at;
	pair->tail = at;
	pair->n++;
	l->n_waiting++;
}

static uint64_t take(struct limiter *l, struct pair *pair,
		     struct limiter_segments *ret_segments)
{
	const uint32_t at = pair->head;
	const uint64_t packet = l->nodes[at].packet;

	*ret_segments = l->nodes[at].segments;
	pair->head = l->nodes[at].next;
	pair->n--;
	l->nodes[at].next = l->free_nodes;
	l->free_nodes = at;
	l->n_waiting--;
	l->vms[pair->vm].n--;
	return packet;
}

/* What a packet waits as; a pair that nothing waits for and nothing limits
 * need not be one. */
static uint32_t find_or_rest(const struct limiter *l, uint16_t vm, uint32_t to)
{
	const uint32_t index = find(l, vm, to);

	return index == NONE ? rest_of(l, vm) : index;
}

static bool may_pass(const struct limiter *l, const struct pair *pair)
{
	const struct vm *vm = &l->vms[pair->vm];

	return !pair->n && !has_limit(&pair->limit) && !has_limit(&vm->limit) &&
	       (int64_t)(vm->rest_out - pair->after) >= 0;
}

enum limiter_result limiter_push_long(struct limiter *limiter, uint16_t vm,
				      uint32_t to, uint64_t packet,
				      struct limiter_segments segments,
				      uint64_t now_ns)
{
	const uint32_t index = find_or_rest(limiter, vm, to);
	struct pair *pair = &limiter->pairs[index];
	struct vm *v = &limiter->vms[vm];
	const bool is_first = !pair->n;

	if (may_pass(limiter, pair))
		return LIMITER_PASS;
	if (is_full(limiter, v, pair)) {
		v->n_full++;
		return LIMITER_FULL;
	}
	/* While nothing waited they have got their bursts, and no more. */
	if (!v->n)
		rate_limit_fill(&v->limit, now_ns, 0);
	if (is_first)
		rate_limit_fill(&pair->limit, now_ns, 0);
	append(limiter, pair, packet, segments);
	v->n++;
	if (!pair->to)
		v->rest_in++;
	if (is_first)
		place(limiter, index);
	return LIMITER_KEPT;
}

enum limiter_result limiter_push(struct limiter *limiter, uint16_t vm,
				 uint32_t to, uint64_t packet, uint64_t now_ns)
{
	static const struct limiter_segments one = { .n = 1 };

	return limiter_push_long(limiter, vm, to, packet, one, now_ns);
}

bool limiter_has_room(const struct limiter *limiter, uint16_t vm, uint32_t to)
{
	const struct pair *pair =
		&limiter->pairs[find_or_rest(limiter, vm, to)];

	return may_pass(limiter, pair) ||
	       !is_full(limiter, &limiter->vms[vm], pair);
}

uint32_t limiter_room(const struct limiter *limiter, uint16_t vm)
{
	const uint32_t n = limiter->vms[vm].n;
	const uint32_t left = limiter->conf.n_packets - limiter->n_waiting;

	return n >= limiter->conf.vm_packets
		       ? 0
		       : min_u32(left, limiter->conf.vm_packets - n);
}

/* ---- out ---- */

/* The pair's or VM's time has come. */
static void wake(struct limiter *l, uint32_t index, uint64_t now_ns)
{
	if (index >= timed_of_vm(l, 0)) {
		const uint32_t vm = index - timed_of_vm(l, 0);
		struct rate_limit *limit = &l->vms[vm].limit;

		rate_limit_fill(limit, now_ns, l->conf.late_ns);
		if (rate_limit_is_open(limit))
			serve(l, (uint16_t)vm);
		else
			limiter_wheel_put(l, index, rate_limit_opens_at(limit));
		return;
	}
	rate_limit_fill(&l->pairs[index].limit, now_ns, l->conf.late_ns);
	place(l, index);
}

/* All slots up to @now_ns. */
static void turn(struct limiter *l, uint64_t now_ns)
{
	const uint64_t to = now_ns / LIMITER_SLOT_NS;

	while (l->slot_now < to) {
		const uint64_t at = limiter_wheel_next(l);
		struct list *slot = &l->slots[at % LIMITER_N_SLOTS];

		if (!at || at > to) {
			l->slot_now = to;
			return;
		}
		l->slot_now = at;
		/* What is put back goes behind slot_now. */
		while (slot->head != NONE) {
			const uint32_t index = slot->head;
			const uint32_t next = l->timed[index].next;

			if (next < l->conf.n_pairs)
				__builtin_prefetch(&l->pairs[next]);
			limiter_wheel_take(l, index);
			wake(l, index, now_ns);
		}
	}
}

/* Whose turn it is in the VM's round, which is not empty. */
static uint32_t choose_pair(struct limiter *l, struct vm *vm)
{
	for (;;) {
		const uint32_t index = vm->round.head;
		struct pair *pair = &l->pairs[index];

		if (pair->deficit > 0)
			return index;
		pair->deficit += TURN;
		pairs_take(l, &vm->round);
		pairs_append(l, &vm->round, index);
	}
}

/* Pairs that may be ready now that the rest has sent some. */
static void release_held(struct limiter *l, struct vm *vm, uint64_t now_ns)
{
	while (vm->held.head != NONE &&
	       (int64_t)(vm->rest_out - l->pairs[vm->held.head].after) >= 0) {
		const uint32_t index = pairs_take(l, &vm->held);

		rate_limit_fill(&l->pairs[index].limit, now_ns,
				l->conf.late_ns);
		place(l, index);
	}
}

/* Whether it may send more, at @now_ns. */
static bool is_open(struct limiter *l, struct rate_limit *limit,
		    uint64_t now_ns)
{
	if (rate_limit_is_open(limit))
		return true;
	rate_limit_fill(limit, now_ns, l->conf.late_ns);
	return rate_limit_is_open(limit);
}

/* A packet of the first pair in the VM's round, whose turn it is, has gone. */
static void settle(struct limiter *l, struct vm *vm, struct pair *pair,
		   uint32_t len, struct limiter_segments segments,
		   uint64_t now_ns)
{
	const uint32_t bytes = len + segments.n * l->conf.overhead +
			       (segments.n - 1u) * segments.header;

	rate_limit_take_n(&vm->limit, bytes, segments.n);
	rate_limit_take_n(&pair->limit, bytes, segments.n);
	pair->deficit -= (int32_t)bytes;
	pair->n_out++;
	pair->bytes_out += len;
	vm->n_out++;
	vm->bytes_out += len;
	if (!pair->n) {
		pair->state = IDLE;
		pair->used_ns = now_ns;
		pairs_take(l, &vm->round);
	} else if (!is_open(l, &pair->limit, now_ns)) {
		place(l, pairs_take(l, &vm->round));
	}
	if (!pair->to) {
		vm->rest_out++;
		release_held(l, vm, now_ns);
	}
}

/* Packets of the first VM to be served, which then is served again last, or
 * when it may send. */
static uint32_t pop_vm(struct limiter *l, uint64_t now_ns, uint32_t max,
		       struct limiter_packet *ret_packets)
{
	const uint16_t index = (uint16_t)l->serving.head;
	struct vm *vm = &l->vms[index];
	uint32_t n = 0;
	bool open = is_open(l, &vm->limit, now_ns);

	while (n < max && open && vm->round.head != NONE) {
		struct pair *pair = &l->pairs[choose_pair(l, vm)];
		struct limiter_segments segments;
		const uint64_t packet = take(l, pair, &segments);

		ret_packets[n++] = (struct limiter_packet){ .packet = packet,
							    .to = pair->to,
							    .vm = index };
		settle(l, vm, pair, packet_len(packet), segments, now_ns);
		open = is_open(l, &vm->limit, now_ns);
	}
	stop_serving(l);
	if (vm->round.head == NONE)
		return n;
	if (open)
		serve(l, index);
	else
		limiter_wheel_put(l, timed_of_vm(l, index),
				  rate_limit_opens_at(&vm->limit));
	return n;
}

uint32_t limiter_pop(struct limiter *limiter, uint64_t now_ns, uint32_t max,
		     struct limiter_packet *ret_packets)
{
	uint32_t n = 0;

	turn(limiter, now_ns);
	while (n < max && limiter->serving.head != NONE)
		n += pop_vm(limiter, now_ns, min_u32(max - n, VM_BATCH),
			    ret_packets + n);
	return n;
}

uint64_t limiter_next(const struct limiter *limiter, uint64_t now_ns)
{
	uint64_t at;

	if (limiter->serving.head != NONE)
		return now_ns;
	at = limiter_wheel_next(limiter);
	if (!at)
		return RATE_NEVER;
	return at * LIMITER_SLOT_NS > now_ns ? at * LIMITER_SLOT_NS : now_ns;
}

/* ---- away ---- */

uint32_t limiter_collect(struct limiter *limiter, uint64_t now_ns, uint32_t n)
{
	uint32_t n_taken = 0;

	for (n = min_u32(n, limiter->n_made); n; n--) {
		const struct pair *pair;

		if (limiter->hand >= limiter->n_made)
			limiter->hand = 0;
		pair = &limiter->pairs[limiter->hand];
		if (pair->used && pair->state == IDLE &&
		    now_ns > pair->used_ns + limiter->conf.idle_ns) {
			unmake(limiter, limiter->hand);
			n_taken++;
		}
		limiter->hand++;
	}
	return n_taken;
}

static void drop_all(struct limiter *l, struct pair *pair,
		     void (*drop)(void *ctx, uint64_t packet), void *ctx)
{
	struct limiter_segments segments;

	while (pair->n)
		drop(ctx, take(l, pair, &segments));
	pair->state = IDLE;
	pair->deficit = 0;
}

/* Takes it off the list of those to be served. */
static void forget_serving(struct limiter *l, uint16_t index)
{
	struct list old = l->serving;

	list_init(&l->serving);
	while (old.head != NONE) {
		const uint32_t vm = old.head;

		old.head = l->vms[vm].next;
		l->vms[vm].is_serving = false;
		if (vm != index)
			serve(l, (uint16_t)vm);
	}
}

void limiter_clear_vm(struct limiter *limiter, uint16_t vm,
		      void (*drop)(void *ctx, uint64_t packet), void *ctx)
{
	const uint32_t timed = timed_of_vm(limiter, vm);

	for (uint32_t i = 0; i < limiter->n_made; i++) {
		if (!limiter->pairs[i].used || limiter->pairs[i].vm != vm)
			continue;
		if (limiter_wheel_has(limiter, i))
			limiter_wheel_take(limiter, i);
		drop_all(limiter, &limiter->pairs[i], drop, ctx);
		unmake(limiter, i);
	}
	drop_all(limiter, &limiter->pairs[rest_of(limiter, vm)], drop, ctx);
	if (limiter_wheel_has(limiter, timed))
		limiter_wheel_take(limiter, timed);
	forget_serving(limiter, vm);
	memset(&limiter->vms[vm], 0, sizeof(limiter->vms[vm]));
	init_vm(limiter, vm);
}

/* ---- away, but not all ---- */

static void pairs_remove(struct limiter *l, struct list *list, uint32_t index)
{
	struct list old = *list;

	list_init(list);
	while (old.head != NONE) {
		const uint32_t first = pairs_take(l, &old);

		if (first != index)
			pairs_append(l, list, first);
	}
}

/* Nothing waits for it any more. */
static void displace(struct limiter *l, uint32_t index, uint64_t now_ns)
{
	struct pair *pair = &l->pairs[index];
	struct vm *vm = &l->vms[pair->vm];

	if (pair->state == TIMED)
		limiter_wheel_take(l, index);
	else
		pairs_remove(l, pair->state == READY ? &vm->round : &vm->held,
			     index);
	pair->state = IDLE;
	pair->used_ns = now_ns;
}

struct dropping {
	bool (*is)(void *ctx, uint64_t packet);
	void (*drop)(void *ctx, uint16_t vm, uint64_t packet);
	void *ctx;
};

static void drop_of(struct limiter *l, uint32_t index, uint64_t now_ns,
		    const struct dropping *what)
{
	struct pair *pair = &l->pairs[index];
	struct vm *vm = &l->vms[pair->vm];
	const uint32_t n = pair->n;

	/* Once round: what stays goes behind. */
	for (uint32_t i = 0; i < n; i++) {
		struct limiter_segments segments;
		const uint64_t packet = take(l, pair, &segments);

		if (what->is(what->ctx, packet)) {
			what->drop(what->ctx, pair->vm, packet);
			continue;
		}
		append(l, pair, packet, segments);
		vm->n++;
	}
	if (n && !pair->n)
		displace(l, index, now_ns);
	if (!pair->to && pair->n < n) {
		vm->rest_out += n - pair->n;
		release_held(l, vm, now_ns);
	}
}

void limiter_drop_if(struct limiter *limiter, uint64_t now_ns,
		     bool (*is)(void *ctx, uint64_t packet),
		     void (*drop)(void *ctx, uint16_t vm, uint64_t packet),
		     void *ctx)
{
	const struct dropping what = { is, drop, ctx };

	for (uint32_t i = 0; i < limiter->n_made; i++)
		if (limiter->pairs[i].used)
			drop_of(limiter, i, now_ns, &what);
	for (uint16_t vm = 0; vm < PKT_MAX_PORTS; vm++)
		drop_of(limiter, rest_of(limiter, vm), now_ns, &what);
}

bool limiter_limits(const struct limiter *limiter, uint16_t vm)
{
	const struct vm *v = &limiter->vms[vm];

	return has_limit(&v->limit) || v->n_pairs || v->n;
}
