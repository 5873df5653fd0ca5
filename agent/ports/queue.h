/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One (device, queue): its fill, completion and tx rings, and the shares that
 * receive on it. See port.h for the accounts.
 *
 * The functions under "worker" are called by the worker that serves the queue,
 * or by the control thread while no worker does.
 */
#ifndef PORTS_QUEUE_H
#define PORTS_QUEUE_H

#include <pktagent/meta.h>

#include "memory/packet.h"
#include "ports/port.h"

/* ---- control ---- */

struct queue_opts {
	uint32_t id;		/* unique among the open queues */
	uint32_t index;		/* on the device */
	uint32_t worker;
	uint32_t region;	/* whose frames are on its rings */
	struct promises *promises;	/* of that region */
	uint32_t region_frames;	/* of those; 0: all */
	uint32_t rx_size;	/* entries of the primary share's ring */
	uint32_t base;		/* frames to post besides those of shares */
	uint32_t base_max;	/* that may become of it */
	uint32_t loan_max;	/* spare frames that may be lent to it */
	uint32_t fill_max;	/* frames that may ever be posted */
	uint32_t out_max;	/* frames that may be sent at one time */
	enum umem_copy copy;
	struct port *owner;	/* the VM it is for alone; NULL: shared */
	struct vm_credit *slack;	/* of an uplink's queue; NULL: none */
};

/* Binds the queue of port->ifname. Nothing is posted yet. On success
 * *ret_queue is the caller's. A queue that is in use is waited for until
 * port->patient_ns. 0 or a negative errno. */
int queue_open(const struct arena *arena, struct port *port,
	       const struct queue_opts *opts, struct queue **ret_queue);

/* The kernel is still letting go of sockets of the port's queues, that this
 * process, or the one before, has closed: for @ns from now on a queue that is
 * in use is waited for. */
#define QUEUE_WAIT_NS	(3 * NS_PER_SEC)
void queue_wait_for(struct port *port, uint64_t ns);

/* Closes the queue, which no worker may serve any more. The frames it held
 * are where the ledger says: see queue_reclaim(). NULL is allowed. */
void queue_close(struct queue *queue);

/*
 * Binding a queue anew, where it is: its shares, bounds and promises stay, and
 * so does what waits in queue->in. No worker serves it, and the programs know
 * none of its sockets (datapath_synchronize()).
 *
 * queue_prepare() makes the sockets that are to take the place of those that the
 * queue has, on the first @n_frames of the region (0: all), with a fill ring for
 * @fill_max frames (0: as it was): all that takes time and memory. It can be
 * done while the queue is in use, and nothing of it is touched. 0, and
 * *ret_sockets is the caller's until queue_bind(); or a negative errno.
 *
 * queue_unbind() closes the sockets; what was posted, or received and not read,
 * goes to @cache. What was sent and not completed (n_out) is the caller's to
 * take back. queue_bind() binds those that were prepared, @sockets, which it
 * takes; the queue has the same shares as then. 0 or a negative errno: then the
 * queue is closed still. What is between is the outage: see control/rebind.h.
 */
struct queue_sockets;
int queue_prepare(const struct queue *queue, const struct arena *arena,
		  uint32_t n_frames, uint32_t fill_max,
		  struct queue_sockets **ret_sockets);
void queue_unbind(struct queue *queue, struct arena *arena,
		  struct frame_cache *cache);
int queue_bind(struct queue *queue, struct queue_sockets *sockets);

/* Closes what queue_bind() has not taken. NULL is allowed. */
void queue_sockets_free(struct queue_sockets *sockets);

/* Binds what umem_prepare() has made to the place of @queue, for which it waits
 * as queue_open() does. 0 or a negative errno: then it is as before. */
int queue_bind_umem(const struct queue *queue, struct umem *umem,
		    struct rx_ring *primary);

/*
 * Takes back what was sent by @port's queues on @region and not completed,
 * after all of these have been unbound: what the ledger has on its way out of
 * the port and what does not wait in queue->in. All workers stand still. Returns
 * how many frames have gone to @cache.
 */
uint32_t queue_take_back(struct port *port, uint32_t region,
			 struct arena *arena, struct frame_cache *cache);

/* Adds what the kernel has counted on @rx to port->past: before that closes. */
void queue_keep_stats(struct port *port, const struct rx_ring *rx);

/* Moves every frame that the ledger has at (@place, @who) to @cache; the
 * holder is gone. Returns how many. */
uint32_t queue_reclaim(struct arena *arena, struct frame_cache *cache,
		       enum frame_place place, uint32_t who);

/* A VM's receive-only share of @queue, of @size entries (a power of two), by
 * whose @credit the program counts. Not attached yet; its limit is 0. */
int share_open(struct queue *queue, struct port *to, uint32_t size,
	       struct vm_credit *credit, struct share **ret_share);
/* Frees a share that is attached to no queue. NULL is allowed. */
void share_close(struct share *share);

/* ---- worker ---- */

int queue_attach_share(struct queue *queue, struct share *share);
/* Detaches @share, and gives the frames still in its ring to @cache. The
 * kernel must not be able to fill it any more. Returns how many those are. */
uint32_t queue_detach_share(struct queue *queue, struct share *share,
			    struct frame_cache *cache);

/*
 * Gives the queue to the VM of @share alone (@owner): what the share may hold
 * becomes what is posted, and the uplink's base and loan go; or back to all
 * (NULL), and the other way round, with @base. The size of the VM's pool stays the same,
 * and so does what the kernel has.
 */
void queue_set_owner(struct queue *queue, struct share *share,
		     struct port *owner, uint32_t base,
		     struct promises *promises);

/* Has @share take the credit of @old over: packets of both rings count in it
 * until @old, which the program does not fill any more, is detached. */
void queue_succeed_share(struct queue *queue, struct share *share,
			 struct share *old);

/*
 * Has up to @n frames promised to the queue beyond its target, so that a bound
 * may be raised by what is returned; all of them if @forced.
 */
uint32_t queue_cover(struct queue *queue, struct promises *promises,
		     uint32_t n, bool forced);

/* Frames posted, or received and not read, but for those that are being taken
 * off. Too few, and even less than none, as long as some of those have been
 * received: see recall.h. Any thread. */
static inline int32_t queue_outstanding(const struct queue *queue)
{
	return (int32_t)pool_load(&queue->outstanding);
}

/* All that it holds, these included. Any thread. */
static inline uint32_t queue_held(const struct queue *queue)
{
	int32_t n = queue_outstanding(queue) +
		    (int32_t)pool_load(&queue->in_doubt);

	/* Another thread may have seen the one before, the other after. */
	return n > 0 ? (uint32_t)n : 0;
}

/* How many frames it is short of. */
static inline uint32_t queue_short_of(const struct queue *queue)
{
	int64_t n = (int64_t)queue->target - queue_outstanding(queue);

	return n > 0 ? (uint32_t)n : 0;
}

/* Entries of a fill ring for @fill_max frames; and as many for entries that the
 * kernel is to skip, and has not come to yet: see recall.h. */
static inline uint32_t queue_fill_entries(uint32_t fill_max)
{
	return 2 * round_up_pow2(fill_max);
}

/* What is promised to the queue, and not for frames that it is to have. */
static inline uint32_t queue_surplus(const struct queue *queue)
{
	return queue->granted - queue->in_doubt - queue->target;
}

/* Gives back what was promised and is neither wanted nor posted any more. */
static inline void queue_settle(struct queue *queue, struct promises *promises)
{
	/* The larger one of target and outstanding. */
	uint32_t held = queue->outstanding + queue_short_of(queue) +
			queue->in_doubt;

	if (__builtin_expect(queue->granted > held, 0)) {
		promises_give(promises, queue->granted - held);
		queue->granted = held;
	}
}

/* Changes what a VM's share may hold (up to its ring's size), what is posted
 * besides, or has been lent to it as slack: the places where pools breathe. What
 * is more is covered already. */
void queue_set_limit(struct queue *queue, struct share *share, uint32_t limit);
void queue_set_base(struct queue *queue, uint32_t base);
void queue_set_loan(struct queue *queue, uint32_t loan);

/* Packets handed over for @share and not read: also those that the kernel has
 * not shown yet. */
static inline uint32_t share_used(const struct share *share)
{
	return __atomic_load_n(&share->credit->handed, __ATOMIC_ACQUIRE) -
	       share->read;
}

/* Says how far the program may go: by right, and by the queue's slack as far as
 * the VM's pool might grow. */
static inline void share_publish(struct share *share)
{
	uint32_t end = share->read + share->limit, cap = end;

	if (share->to && share->queue->owner == share->to)
		end = cap = share->read + share->rx.size;
	else if (share->to)
		cap += min_u32(pool_room(&share->to->pool),
			       share->rx.size - share->limit);
	__atomic_store_n(&share->credit->end, end, __ATOMIC_RELEASE);
	__atomic_store_n(&share->credit->cap_end, cap, __ATOMIC_RELEASE);
}

/* @n packets of @share were lost behind the program. */
void share_lost(struct share *share, uint32_t n);

/* Gives @n packets' entries back to the kernel after they were read. */
static inline void queue_release(struct queue *queue, struct share *share,
				 uint32_t n)
{
	queue->outstanding -= n;
	share->counts->read += n;
	xsk_ring_cons__release(&share->rx.ring, n);
}

/*
 * Gives the queue's slack out anew after packets of @share were read. What other
 * shares are promised is not slack: it is half of the base and the loan, less
 * what is beyond the limits now.
 */
void queue_publish(struct queue *queue, struct share *share);

/* Gives completed frames to @cache and to the port's account. Returns how
 * many. */
uint32_t queue_reap(struct queue *queue, struct arena *arena,
		    struct frame_cache *cache);

/* Posts frames of the queue's region up to the target. What is posted can be
 * taken back: recall.h. */
void queue_refill(struct queue *queue, struct arena *arena,
		  struct frame_cache *cache);

/* Half of an uplink's base is there for bursts (see struct vm_credit), and what
 * it has been lent. */
static inline uint32_t queue_slack(const struct queue *queue)
{
	return queue->base / 2 + queue->loan;
}

/* Puts @n packets (memory/packet.h; plain ones, in frames that umem_holds())
 * on the tx ring; returns how many found room. They go with the next kick. */
uint32_t queue_send(struct queue *queue, const uint64_t *packets, uint32_t n);

/* How many of @n packets queue_send() would take. */
uint32_t queue_room(struct queue *queue, uint32_t n);

/* Has the kernel send what is on the tx ring. Returns the number of packets
 * the kernel threw away because the device was full. */
uint32_t queue_kick(struct queue *queue);

/*
 * Makes @frame show no metadata to the next packet in it, which may come by a
 * driver that carries none: its place in front of a packet that was not moved.
 * Whoever takes a frame off a queue does this. The kernel writes metadata also
 * in front of packets that a full ring then refuses.
 */
static inline void queue_forget_meta(const struct arena *arena, uint32_t frame)
{
	struct pkt_meta *meta = arena_data(
		arena, arena_addr(arena, frame) + UMEM_HEADROOM -
			       sizeof(*meta));

	meta->magic = 0;
}

static inline bool queue_has_unsent(const struct queue *queue)
{
	return queue->n_unsent > 0;
}

/* Whether the host pool had no frame when it was to be posted. */
static inline bool queue_is_short(const struct queue *queue)
{
	return queue_short_of(queue) > 0;
}

#endif
