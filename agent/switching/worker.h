/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A worker: a thread pinned to a core that owns queues and runs each batch to
 * completion: reap, receive, switch, send, refill.
 *
 * Sleeping (design D5). A worker polls while there is work and for up to idle_ns
 * after. Then it waits in epoll for its sockets (edge-triggered: what stays in
 * a ring because a port is full does not wake it) and guests' kicks, and its
 * eventfd. A producer that pushed to a ring of another worker wakes it only if it sleeps: the sleeper sets its flag, then looks at its rings once
 * more; the producer pushes, then looks at the flag; a full fence on both
 * sides makes one of them see the other.
 *
 * Thread-safety: functions marked "control" are called by the control thread,
 * the others by the worker itself.
 */
#ifndef SWITCHING_WORKER_H
#define SWITCHING_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "memory/hostpool.h"
#include "ports/port.h"
#include "switching/vswitch.h"

#define LEARN_RING_SIZE		256

struct sending;
struct vhost_ring_start;

/* An address to learn. */
struct learn_request {
	struct fdb_key key;
	uint16_t port;
};

/* Packets staged for one port. */
struct out_batch {
	uint32_t n;
	uint64_t packets[BATCH];	/* packet_pack() */
	uint16_t tags[BATCH];		/* shaper_tag() */
};

struct worker_stats {
	uint64_t loops;			/* rounds */
	uint64_t busy_ns;		/* in rounds that found work */
	uint64_t poll_ns;		/* in rounds that did not */
	uint64_t sleeps;
	uint64_t packets;
	uint64_t batches;		/* reads that found packets */
	uint64_t wakes_sent;		/* to other workers */
	uint64_t learn_lost;		/* requests the ring had no room for */
};

/*
 * What the forwarding table said a moment ago. An entry is good for the round
 * it was made in: what the control thread takes out of the table it gives up
 * only when all workers have ended their rounds.
 */
#define FDB_MEMO_SIZE	64
struct fdb_memo {
	struct fdb_key key;
	struct fdb_found found;
	uint16_t seen_at;		/* and noted as seen, if it is there */
	uint64_t round;
};

struct worker {
	/* hot */
	struct vswitch *vs;		/* borrowed */
	struct frame_cache cache;	/* of the shared region */
	struct frame_caches caches;	/* and of others: the way of a frame
					 * that is not the shared region's */
	struct queue **queues;		/* owned array */
	uint32_t n_queues;
	uint32_t n_pairs;
	struct vhost_pair **pairs;	/* owned array */
	uint32_t n_shapers;
	struct port_shaper **shapers;	/* owned array: see shaper.h */
	struct sending *sending;	/* owned; NULL: nobody is limited */
	uint32_t window_ns;		/* of empty polling before sleeping */
	uint64_t call_wait;		/* ns until a guest has to be called; 0:
					 * none, see guest_call() */
	uint32_t index;
	uint32_t now_s;			/* monotonic seconds, once a round */
	uint64_t now_ns;		/* as of some rounds ago, at most: for
					 * what is coarser than that */
	uint64_t round;			/* counts from 1 */
	struct fdb_memo memo[FDB_MEMO_SIZE];
	bool blocked;			/* packets wait for room at a port */
	bool breathing;			/* a pool is larger than it need be */
	uint64_t window_begin_ns;	/* see breathe.h */
	uint64_t lend_round;		/* when others may be asked next */
	uint32_t host_s;		/* the second that n_host counts in */
	uint32_t n_host;		/* packets handed to the host in it */
	uint32_t n_staged;		/* ports with staged packets */
	uint16_t staged[PKT_MAX_PORTS];
	struct out_batch out[PKT_MAX_PORTS];
	struct port_counters counters[PKT_MAX_PORTS];	/* A */
	struct worker_stats stats;	/* A */
	/* single producer, single consumer: to the control thread */
	struct learn_request learn[LEARN_RING_SIZE];
	uint32_t learn_head, learn_tail;		/* A */
	struct pool_events pool_events;
	/* from other threads */
	bool sleeping CACHE_ALIGNED;	/* A */
	bool stop;			/* A */
	void (*call)(struct worker *worker, void *arg);	/* A */
	void *call_arg;
	int call_result;
	/* cold */
	sem_t call_done;
	pthread_t thread;
	bool running;
	uint32_t core;
	int event_fd;			/* owned */
	int epoll_fd;			/* owned */
};

/* control: starts a worker on @core. 0 or a negative errno. */
int worker_new(struct vswitch *vs, uint32_t index, uint32_t core,
	       struct worker **ret_worker);
/* control: stops and frees it; it serves no queue any more. */
void worker_free(struct worker *worker);

/* control: runs @fn on the worker's thread between two rounds, and waits for
 * it. The worker holds no packet meanwhile. */
void worker_call(struct worker *worker,
		 void (*fn)(struct worker *worker, void *arg), void *arg);

/* control: the two halves of it, for calls of several workers at a time. */
void worker_begin_call(struct worker *worker,
		       void (*fn)(struct worker *worker, void *arg), void *arg);
void worker_end_call(struct worker *worker);

/* control: when it returns the worker has ended the round that it was in. */
void worker_round(struct worker *worker);

/* control: has a system call that the worker is stuck in return EINTR: a guest
 * can make its descriptors block. Safe at any time. */
#define WORKER_SIGNAL	SIGUSR1
void worker_interrupt(struct worker *worker);

/* control: has the worker serve @queue, with its shares, or no longer: what VMs
 * have not read by then is counted as lost. 0 or a negative errno. */
int worker_add_queue(struct worker *worker, struct queue *queue);
void worker_del_queue(struct worker *worker, struct queue *queue);

/*
 * control: from now on what is sent by @queue waits in its ring, and nothing is
 * posted on it any more, until worker_add_queue(). Returns how much is still to
 * come back: frames being sent, packets received; to be called again until it
 * is 0, or patience ends. The programs know none of its sockets any more.
 */
uint32_t worker_suspend_queue(struct worker *worker, struct queue *queue);

/* control: attaches a share to its queue, or detaches it and takes what is
 * left in its ring. 0 or -ENOMEM. */
int worker_add_share(struct worker *worker, struct share *share);
void worker_del_share(struct worker *worker, struct share *share);

/* control: forwards what is in the ring of @share, which the kernel cannot fill
 * any more. Returns whether it is empty: the port may have no room now. */
bool worker_drain_share(struct worker *worker, struct share *share);

/* control: has @share take the place of @old: see queue.h. 0 or -ENOMEM. */
int worker_succeed_share(struct worker *worker, struct share *share,
			 struct share *old);

/* control: gives the share's queue to its VM alone (@owner), or back to all
 * (NULL; the queue's base is @base then): see queue_set_owner(). */
void worker_set_owner(struct worker *worker, struct share *share,
		      struct port *owner, uint32_t base);

/* control: @n packets of @share were lost behind the program. */
void worker_lost(struct worker *worker, struct share *share, uint32_t n);

/* control: breathe_set() and breathe_trim(). */
void worker_set_pool(struct worker *worker, struct port *port,
		     const struct pool_parts *parts, enum pool_reason reason);
uint32_t worker_trim_pool(struct worker *worker, struct port *port,
			  uint32_t want, enum pool_reason reason);

/* control: slack_set(), and slack_call_in() of the shared memory. */
void worker_set_slack(struct worker *worker, struct queue *queue);
void worker_call_in(struct worker *worker, uint32_t want);

/* control: has the worker serve a guest's queue pair, whose rings are off, or
 * no longer. 0 or -ENOMEM. */
int worker_add_pair(struct worker *worker, struct vhost_pair *pair);
void worker_del_pair(struct worker *worker, struct vhost_pair *pair);

/* control: begins a ring of a pair that it serves. 0, or a negative errno: the
 * kick descriptor cannot be waited for. */
int worker_start_ring(struct worker *worker, struct vhost_pair *pair,
		      const struct vhost_ring_start *start);

/* control: ends it; no worker touches its memory or descriptors after the next
 * vswitch_synchronize(). Returns the next entry to be taken. */
uint16_t worker_stop_ring(struct worker *worker, struct vhost_pair *pair,
			  bool tx);

/* control: enables or disables a ring; gives it another call descriptor: no
 * worker uses the old one after the next vswitch_synchronize(). */
void worker_enable_ring(struct worker *worker, struct vhost_pair *pair, bool tx,
			bool enabled);
void worker_set_call_fd(struct worker *worker, struct vhost_pair *pair, bool tx,
			int fd);

/* control: takes the next address a worker wants learned. */
bool worker_next_learn(struct worker *worker, struct learn_request *ret_req);

/* worker: a guest's ring has been found broken: has the control thread look. */
void worker_report_broken(struct worker *worker);

/* Wakes the worker if it sleeps. Any thread, after its push. */
void worker_wake(struct worker *worker);

/* worker: asks the control thread to learn where @key is. */
void worker_learn(struct worker *worker, const struct fdb_key *key,
		  uint16_t port);

/* worker: fdb_lookup(), with the round's memory in front. */
static inline bool worker_lookup(struct worker *worker,
				 const struct fdb_key *key, uint16_t seen_at,
				 struct fdb_found *ret_found)
{
	uint32_t hash = (uint32_t)key->mac[5] ^ key->mac[4] ^ key->vlan;
	struct fdb_memo *memo = &worker->memo[hash % FDB_MEMO_SIZE];

	if (memo->round == worker->round &&
	    (!seen_at || memo->seen_at == seen_at) &&
	    !memcmp(&memo->key, key, sizeof(*key))) {
		*ret_found = memo->found;
		return true;
	}
	if (!fdb_lookup(worker->vs->fdb, key, seen_at, worker->now_s,
			ret_found))
		return false;
	memo->key = *key;
	memo->found = *ret_found;
	memo->seen_at = seen_at;
	memo->round = worker->round;
	return true;
}

/* worker: counts a packet under a reason against a port. */
static inline void worker_count(struct worker *worker, uint16_t slot,
				enum pkt_reason reason, uint64_t packets,
				uint64_t bytes)
{
	struct counter *c =
		(struct counter *)&worker->counters[slot] + reason;

	count_add((uint64_t *)&c->packets, packets);
	count_add((uint64_t *)&c->bytes, bytes);
}

#endif
