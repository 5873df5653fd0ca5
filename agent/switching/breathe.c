// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pools that grow and shrink, on the workers: see breathe.h. */
#include "switching/breathe.h"
#include "switching/lenders.h"
#include "switching/slack.h"

/* How long a worker may be away from a queue, and the queue still hold what
 * arrives: the scheduler's slice on a busy core, and some. */
#define AWAY_NS		(1 * NS_PER_MS)

static uint32_t batch_of(const struct worker *worker)
{
	return pool_load(&worker->vs->promises.batch);
}

static uint64_t window_of(const struct worker *worker)
{
	return __atomic_load_n(&worker->vs->promises.window_ns,
			       __ATOMIC_RELAXED);
}

static void note(struct worker *worker, struct port *port, uint32_t n,
		 bool grown, enum pool_reason reason)
{
	pool_note(&port->pool, &worker->pool_events, port->slot, reason, n,
		  grown);
	worker->breathing = true;
}

/* Somebody goes without: the control thread is to look. */
static void ask_for_more(struct worker *worker, const struct port *port)
{
	struct promises *promises = &worker->vs->promises;
	uint64_t one = 1;

	if (pool_load(&promises->wanted))
		return;
	__atomic_store_n(&promises->wanted, port->slot, __ATOMIC_RELEASE);
	if (write(worker->vs->learn_fd, &one, sizeof(one)) < 0)
		return;		/* it has been woken already */
}

/* It had to give, and needs them again. */
static void ask_if_capped(struct worker *worker, const struct port *port)
{
	if (pool_load(&port->pool.cap) < pool_load(&port->pool.max))
		ask_for_more(worker, port);
}

/* ---- parts on queues: rx and tx ---- */

/* Whether the VM's part on this queue is what is posted there. */
static bool is_posted(const struct queue *queue, const struct port *port)
{
	return queue->port == port || queue->owner == port;
}

static uint32_t bound_of(const struct queue *queue, const struct share *share,
			 const struct port *port)
{
	return is_posted(queue, port) ? queue->base : share->limit;
}

static uint32_t bound_max(const struct queue *queue, const struct share *share,
			  const struct port *port)
{
	return is_posted(queue, port) ? queue->base_max : share->rx.size;
}

static void move_bound(struct queue *queue, struct share *share,
		       const struct port *port, uint32_t bound)
{
	if (is_posted(queue, port))
		queue_set_base(queue, bound);
	else
		queue_set_limit(queue, share, bound);
}

/* Has @n more frames promised to the queue. Returns how many could be. */
static uint32_t cover(struct worker *worker, struct queue *queue,
		      struct port *port, uint32_t n)
{
	uint32_t got = queue_cover(queue, queue->promises, n, false);

	if (got == n)
		return got;
	/* What they had on this queue is the queue's again. */
	lenders_ask(worker, port, queue, n - got);
	got = queue_cover(queue, queue->promises, n, false);
	if (slack_convert(queue, n - got) < n - got)
		slack_call_in(worker, port->promises, n);
	return queue_cover(queue, queue->promises, n, false);
}

/* By @want, in whole batches of @batch. */
static uint32_t grow(struct worker *worker, struct share *share,
		     struct port *port, uint32_t want, uint32_t batch,
		     enum pool_reason reason)
{
	struct queue *queue = share->queue;
	uint32_t bound = bound_of(queue, share, port);
	uint32_t room = bound_max(queue, share, port) - bound, n, got;

	if (!room)
		return 0;
	n = pool_take(&port->pool, want, batch);
	if (n > room) {
		pool_give(&port->pool, n - room);
		n = room;
	}
	if (!n) {
		ask_if_capped(worker, port);
		return 0;
	}
	got = cover(worker, queue, port, n);
	if (got < n) {
		pool_give(&port->pool, n - got);
		ask_for_more(worker, port);
	}
	if (!got)
		return 0;
	move_bound(queue, share, port, bound + got);
	note(worker, port, got, true, reason);
	return got;
}

static void cut(struct worker *worker, struct share *share, struct port *port,
		uint32_t n, enum pool_reason reason)
{
	struct queue *queue = share->queue;

	if (!n)
		return;
	move_bound(queue, share, port, bound_of(queue, share, port) - n);
	queue_settle(queue, queue->promises);
	pool_give(&port->pool, n);
	note(worker, port, n, false, reason);
}

void breathe_receive(struct worker *worker, struct share *share, uint32_t used)
{
	struct queue *queue = share->queue;
	struct port *port = share->to ? share->to : queue->port;
	uint32_t bound = bound_of(queue, share, port);
	enum pool_reason reason;

	if (port->kind != PORT_VM)
		return;
	if (used > share->peak)
		share->peak = used;
	if (used <= bound - bound / 4)
		return;
	if (is_posted(queue, port))
		reason = used < bound ? POOL_FILL_LOW : POOL_FILL_EMPTY;
	else
		reason = used < bound ? POOL_RX_HIGH : POOL_RX_FULL;
	grow(worker, share, port, 2 * used - bound, batch_of(worker), reason);
}

/* ---- the part on the way out ---- */

static uint32_t out_used(const struct worker *worker, const struct port *port)
{
	return port_out_frames(port, worker->vs->n_workers);
}

/* Packets that this round takes off a queue: the frames that they are in are
 * promised to it, and need not be once more. */
struct moving {
	struct queue *from;		/* NULL: none such */
	uint32_t ready;			/* so many */
	uint32_t staged;		/* others that wait for room before them */
	uint32_t n;			/* promises that go with them */
};

/* Up to @n promises of the queue's that it can do without. Those are for frames
 * that are posted, but as many with packets leave it at the same time. */
static uint32_t hand_over(struct moving *moving, uint32_t n)
{
	n = min_u32(n, queue_surplus(moving->from));
	moving->from->granted -= n;
	moving->n += n;
	return n;
}

/* What is called in, and spare when packets have come on our queues. */
static uint32_t coming(const struct worker *worker,
		       const struct promises *promises)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < worker->n_queues; i++) {
		const struct queue *queue = worker->queues[i];

		if (queue->promises == promises)
			n += queue_surplus(queue);
	}
	return n;
}

/* Promises for packets that move: @want of them, less if there are not. What
 * others do not use comes before loans. */
static uint32_t promises_to_move(struct worker *worker, struct port *port,
				 uint32_t want, struct moving *moving)
{
	uint32_t got = hand_over(moving, want);

	if (got == want)
		return got;
	lenders_ask(worker, port, moving->from, want - got);
	got += promises_take(port->promises, want - got);
	got += hand_over(moving, want - got);
	if (got == want)
		return got;
	slack_convert(moving->from, want - got);
	return got + hand_over(moving, want - got);
}

/* Promises for others. What is on its way need not be asked for again. */
static uint32_t promises_to_come(struct worker *worker, struct port *port,
				 uint32_t want)
{
	if (coming(worker, port->promises) < want) {
		lenders_ask(worker, port, NULL, want);
		slack_call_in(worker, port->promises, want);
	}
	return promises_take(port->promises, want);
}

/* By @want, in whole batches of @batch if the host has them to spare. */
static void grow_out(struct worker *worker, struct port *port, uint32_t want,
		     uint32_t batch, enum pool_reason reason,
		     struct moving *moving)
{
	uint32_t max = pool_load(&port->out_max);
	uint32_t most = pool_load(&port->out_most), n, got;

	if (max >= most)
		return;
	want = min_u32(want, most - max);
	n = pool_take(&port->pool, want, batch);
	if (!n) {
		ask_if_capped(worker, port);
		return;
	}
	want = min_u32(want, n);
	got = promises_take(port->promises, n);
	if (got < want && moving && moving->from->promises == port->promises &&
	    max + got >= out_used(worker, port) + moving->staged)
		got += promises_to_move(worker, port,
					min_u32(want - got, moving->ready),
					moving);
	if (got < want)
		got += promises_to_come(worker, port, want - got);
	if (got < want)
		ask_for_more(worker, port);
	pool_give(&port->pool, n - got);
	if (!got)
		return;
	__atomic_fetch_add(&port->out_max, got, __ATOMIC_RELAXED);
	note(worker, port, got, true, reason);
}

/* From @max, unless another worker has just moved it. Returns @n, or 0. */
static uint32_t cut_out(struct worker *worker, struct port *port, uint32_t max,
			uint32_t n, enum pool_reason reason)
{
	if (!n || !__atomic_compare_exchange_n(&port->out_max, &max, max - n,
					       false, __ATOMIC_RELAXED,
					       __ATOMIC_RELAXED))
		return 0;
	promises_give(port->promises, n);
	pool_give(&port->pool, n);
	note(worker, port, n, false, reason);
	return n;
}

/* What of an account of @max frames, @used of them in use, one direction has to
 * leave to the other. */
static uint32_t left_to_others(const struct port *port, uint32_t max,
			       uint32_t used, bool sends)
{
	uint32_t others;

	if (__builtin_expect(!__atomic_load_n(&port->limited, __ATOMIC_RELAXED),
			     1))
		return 0;
	others = min_u32(pool_load(&port->n_kept), used);
	if (sends)
		others = used - others;
	return max / 4 - min_u32(max / 4, others);
}

static uint32_t room_in(const struct port *port, uint32_t used, bool sends,
			uint32_t *ret_left)
{
	const uint32_t max = pool_load(&port->out_max);

	*ret_left = left_to_others(port, max, used, sends);
	return used + *ret_left < max ? max - used - *ret_left : 0;
}

static uint32_t make_room(struct worker *worker, struct port *port,
			  uint32_t want, bool sends, struct moving *moving)
{
	uint32_t max = pool_load(&port->out_max);
	uint32_t used = out_used(worker, port), left;
	uint32_t room = room_in(port, used, sends, &left);

	if (__atomic_load_n(&port->pool.out_ns, __ATOMIC_RELAXED) !=
	    worker->now_ns)
		__atomic_store_n(&port->pool.out_ns, worker->now_ns,
				 __ATOMIC_RELAXED);
	if (used + want > pool_load(&port->pool.out_peak))
		__atomic_store_n(&port->pool.out_peak, used + want,
				 __ATOMIC_RELAXED);
	if (room >= want || port->kind != PORT_VM)
		return room;
	grow_out(worker, port, used + left + want - max, batch_of(worker),
		 POOL_OUT_FULL, moving);
	return room_in(port, used, sends, &left);
}

uint32_t breathe_make_room(struct worker *worker, struct port *port,
			   uint32_t want)
{
	return make_room(worker, port, want, false, NULL);
}

uint32_t breathe_make_sending_room(struct worker *worker, struct port *port,
				   uint32_t want)
{
	return make_room(worker, port, want, true, NULL);
}

uint32_t breathe_make_way(struct worker *worker, struct share *share,
			  uint32_t staged, uint32_t n)
{
	struct moving moving = { .from = share->queue,
				 .ready = n,
				 .staged = staged };
	uint32_t room = make_room(worker, share->to, staged + n, false,
				  &moving);

	room -= min_u32(room, staged);
	/* Another worker may have been there first. */
	return max_u32(min_u32(n, room), moving.n);
}

/* ---- shrinking ---- */

/* How many frames too many a part of @bound has. */
static uint32_t excess(const struct worker *worker, uint32_t bound,
		       uint32_t need, uint32_t floor)
{
	const uint32_t batch = batch_of(worker);
	uint32_t n;

	if (bound <= floor)
		return 0;
	/* Nobody needs what is above the floor, be it less than a batch. */
	if (need > floor && bound <= need + batch)
		return 0;
	n = max_u32((bound - need) / 4 / batch * batch, batch);
	return min_u32(n, bound - max_u32(floor, need));
}

/* What arrives while a worker may be away, at the window's rate. */
static uint32_t away(struct share *share, uint64_t window_ns)
{
	uint64_t n = share->n_packets - share->n_window;

	share->n_window = share->n_packets;
	n = n * AWAY_NS / window_ns;
	return n > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)n;
}

static uint32_t floor_of(const struct queue *queue, const struct port *port,
			 const struct pool_parts *parts)
{
	return pool_load(queue->port == port ? &parts->tx_per_queue :
					       &parts->rx_per_queue);
}

static void look_at_share(struct worker *worker, struct share *share,
			  struct port *port, uint64_t window_ns)
{
	uint32_t rate = away(share, window_ns);
	uint32_t need = max_u32(share->peak, share->last_peak);
	uint32_t bound = bound_of(share->queue, share, port);
	uint32_t floor = floor_of(share->queue, port, &port->pool.floor);

	share->last_peak = share->peak;
	share->peak = 0;
	if (rate > bound) {
		grow(worker, share, port, rate - bound, batch_of(worker),
		     POOL_RATE);
		return;
	}
	need = max_u32(2 * need, rate);
	cut(worker, share, port, excess(worker, bound, need, floor),
	    POOL_IDLE);
	share_publish(share);
	if (bound_of(share->queue, share, port) > floor)
		worker->breathing = true;
}

static void look_at_queue(struct worker *worker, struct queue *queue,
			  uint64_t window_ns)
{
	if (queue->port->kind == PORT_VM)
		look_at_share(worker, &queue->primary, queue->port, window_ns);
	for (uint32_t i = 1; i < queue->n_shares; i++)
		if (queue->shares[i]->counts == queue->shares[i])
			look_at_share(worker, queue->shares[i],
				      queue->shares[i]->to, window_ns);
	slack_window(worker, queue);
	queue_settle(queue, queue->promises);
}

static void look_at_out(struct worker *worker, struct port *port)
{
	struct pool *pool = &port->pool;
	uint32_t peak = __atomic_exchange_n(&pool->out_peak, 0,
					    __ATOMIC_RELAXED);
	uint32_t used = out_used(worker, port);
	uint32_t need = max_u32(max_u32(peak, pool->out_last), used);
	uint32_t max = pool_load(&port->out_max);
	uint32_t floor = pool_load(&pool->floor.out);

	pool->out_last = peak;
	/* What is on the way is covered, however it came there. */
	cut_out(worker, port, max,
		excess(worker, max, need + need / 4, max_u32(floor, used)),
		POOL_IDLE);
	if (pool_load(&port->out_max) > floor)
		worker->breathing = true;
}

/* One worker looks after what all may send to. */
static bool is_keeper(const struct worker *worker, const struct port *port)
{
	return port->slot % worker->vs->n_workers == worker->index;
}

void breathe_window(struct worker *worker, uint64_t now_ns)
{
	uint64_t window_ns = now_ns - worker->window_begin_ns;

	if (window_ns < window_of(worker))
		return;
	worker->window_begin_ns = now_ns;
	worker->breathing = false;
	for (uint32_t i = 0; i < worker->n_queues; i++)
		look_at_queue(worker, worker->queues[i], window_ns);
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = vswitch_port(worker->vs, i);

		if (port && port->kind == PORT_VM && is_keeper(worker, port))
			look_at_out(worker, port);
	}
}

uint64_t breathe_wait(const struct worker *worker, uint64_t now_ns)
{
	uint64_t end = worker->window_begin_ns + window_of(worker);

	if (!worker->breathing)
		return UINT64_MAX;
	return end > now_ns ? end - now_ns : 1;
}

/* ---- on request ---- */

/* Calls @fn with each part of @port on this worker's queues. */
static void each_part(struct worker *worker, struct port *port,
		      void (*fn)(struct worker *worker, struct share *share,
				 struct port *port, void *arg),
		      void *arg)
{
	for (uint32_t i = 0; i < worker->n_queues; i++) {
		struct queue *queue = worker->queues[i];

		if (queue->port == port)
			fn(worker, &queue->primary, port, arg);
		for (uint32_t s = 1; s < queue->n_shares; s++)
			if (queue->shares[s]->to == port &&
			    queue->shares[s]->counts == queue->shares[s])
				fn(worker, queue->shares[s], port, arg);
	}
}

/* Packets received and not read: no part is cut below that. */
static uint32_t in_use(const struct share *share)
{
	return share->to ? share_used(share) : rx_ring_waiting(&share->rx);
}

/* Has the bound be @least at any rate: that was reserved. */
static void grow_to_least(struct worker *worker, struct share *share,
			  struct port *port, uint32_t least,
			  enum pool_reason reason)
{
	struct queue *queue = share->queue;
	uint32_t bound = bound_of(queue, share, port);

	if (bound >= least)
		return;
	pool_add(&port->pool, least - bound);
	queue_cover(queue, queue->promises, least - bound, true);
	move_bound(queue, share, port, least);
	note(worker, port, least - bound, true, reason);
}

static void grow_out_to_least(struct worker *worker, struct port *port,
			      enum pool_reason reason)
{
	uint32_t max = pool_load(&port->out_max);
	uint32_t least = pool_load(&port->pool.least.out);

	if (max >= least)
		return;
	pool_add(&port->pool, least - max);
	promises_force(port->promises, least - max);
	__atomic_fetch_add(&port->out_max, least - max, __ATOMIC_RELAXED);
	note(worker, port, least - max, true, reason);
}

/* In no batches: a part that got more than was asked for would leave another
 * without, as the pool has a maximum; and then lose it again, as idle. */
struct setting {
	const struct pool_parts *parts;
	enum pool_reason reason;
};

static void set_part(struct worker *worker, struct share *share,
		     struct port *port, void *arg)
{
	const struct setting *to = arg;
	uint32_t want = floor_of(share->queue, port, to->parts);
	uint32_t bound;

	grow_to_least(worker, share, port,
		      floor_of(share->queue, port, &port->pool.least),
		      to->reason);
	bound = bound_of(share->queue, share, port);
	if (bound < want)
		grow(worker, share, port, want - bound, 1, to->reason);
	else
		cut(worker, share, port,
		    bound - min_u32(bound, max_u32(want, in_use(share))),
		    to->reason);
	share->peak = 0;
	share->last_peak = 0;
	/* Other parts count, too, for what its queue's slack may do for it. */
	share_publish(share);
}

void breathe_set(struct worker *worker, struct port *port,
		 const struct pool_parts *parts, enum pool_reason reason)
{
	struct setting to = { parts, reason };
	uint32_t max = pool_load(&port->out_max);

	/* First what becomes less: others of the parts may need it. */
	if (is_keeper(worker, port) && max > parts->out)
		cut_out(worker, port, max,
			max - max_u32(parts->out,
				      min_u32(max, out_used(worker, port))),
			reason);
	each_part(worker, port, set_part, &to);
	if (is_keeper(worker, port) && max)
		grow_out_to_least(worker, port, reason);
	max = pool_load(&port->out_max);
	if (is_keeper(worker, port) && max < parts->out)
		grow_out(worker, port, parts->out - max, 1, reason, NULL);
}

struct trimming {
	uint32_t want, got;
	enum pool_reason reason;
	uint32_t times;		/* what is used is left so many times over */
	bool quiet;		/* only what had no packet of late, and nobody
				 * has asked for */
};

static const struct pool_parts *kept_parts(const struct port *port,
					   const struct trimming *trim)
{
	return trim->quiet ? &port->pool.floor : &port->pool.least;
}

static uint32_t trim_part_by(const struct share *share, const struct port *port,
			     const struct trimming *trim)
{
	uint32_t bound = bound_of(share->queue, share, port);
	uint32_t keep = floor_of(share->queue, port, kept_parts(port, trim));

	keep = max_u32(keep, trim->times * in_use(share));
	return bound > keep ? min_u32(bound - keep, trim->want - trim->got) : 0;
}

static void trim_part(struct worker *worker, struct share *share,
		      struct port *port, void *arg)
{
	struct trimming *trim = arg;
	uint32_t n = trim_part_by(share, port, trim);

	if (trim->quiet && worker->now_ns - share->seen_ns < SLACK_QUIET_NS)
		return;
	cut(worker, share, port, n, trim->reason);
	/* For who asked, not to be lent to this queue instead. */
	if (!trim->quiet)
		slack_keep(share->queue, n);
	trim->got += n;
}

static void trim_out(struct worker *worker, struct port *port,
		     struct trimming *trim)
{
	uint32_t max = pool_load(&port->out_max);
	uint32_t keep = max_u32(pool_load(&kept_parts(port, trim)->out),
				trim->times * out_used(worker, port));
	uint64_t seen = __atomic_load_n(&port->pool.out_ns, __ATOMIC_RELAXED);

	/* By another worker's clock, perhaps: that may be ahead. */
	if (trim->quiet &&
	    (int64_t)(worker->now_ns - seen) < (int64_t)SLACK_QUIET_NS)
		return;
	if (max > keep)
		trim->got += cut_out(worker, port, max,
				     min_u32(max - keep, trim->want - trim->got),
				     trim->reason);
}

uint32_t breathe_trim(struct worker *worker, struct port *port, uint32_t want,
		      enum pool_reason reason)
{
	struct trimming trim = { .want = want, .reason = reason, .times = 1 };

	each_part(worker, port, trim_part, &trim);
	if (is_keeper(worker, port))
		trim_out(worker, port, &trim);
	return trim.got;
}

uint32_t breathe_take(struct worker *worker, struct port *from, uint32_t want,
		      uint32_t times, bool idle)
{
	struct trimming trim = {
		.want = want,
		.reason = POOL_RECLAIM,
		.times = times,
		.quiet = idle,
	};

	trim_out(worker, from, &trim);
	each_part(worker, from, trim_part, &trim);
	return trim.got;
}
