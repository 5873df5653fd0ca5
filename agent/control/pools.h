/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pools as the control thread has them: set up with the ports, changed on
 * request, taken from the greediest when frames are short, and their log.
 * ports/pool.h has the theory, switching/breathe.h what the workers do.
 *
 * Taking back. Whoever asked for frames and did not get them is noted by its
 * worker, which wakes this thread. It takes from the VM that has most above
 * its minimum, first what that has free in its rings and posted, never what
 * carries packets; and only as much as makes the two equal, unless spare is
 * below zero: then some minimum is not covered, and all that is missing is
 * taken. The VM's cap stays where its size is then, until the next one asks, who
 * may be that VM, or the next beat.
 *
 * Lending. Frames that are spare lie on the uplinks' queues as slack, as far as
 * switching/slack.h says: with each beat they are lent, or called in. Who
 * is short of frames gets those first.
 *
 * Nearly empty. When less than a part (LOW_PART) of the shared memory is spare,
 * pools that carry little give up at once what else they would lose window by
 * window, the greediest first, until that part is spare again. They may grow as
 * before.
 *
 * Pressure. From an event of the kernel's (base/psi.h) until none has come for
 * PRESSURE_NS nothing is lent, no pool grows beyond its size, and with each beat
 * each loses a quarter of what it neither uses nor was asked to have. That gives
 * no memory back, as frames are pinned; it keeps the packets in fewer frames, so
 * that less of the caches is theirs, and a smaller arena can do.
 *
 * Silence. What a pool has given up of frames that are posted comes back with
 * packets; where none come it is recalled (ports/recall.h): from queues on which
 * nothing was received from one beat to the next, once their pools shrink no
 * further, or at once, on request, under pressure, and for who is short. That
 * takes two calls of the queue's worker, and in between a grace period, for which
 * a thread waits that then wakes this one: 10 to 20 ms, seconds on a host that
 * has more to do than it can.
 *
 * All functions: control thread.
 */
#ifndef CONTROL_POOLS_H
#define CONTROL_POOLS_H

#include "control/agent.h"

#define POOLS_LOG_SIZE	4096	/* changes of size that are remembered */

/* Pressure lasts that long after the kernel has told of it, which it does at
 * most once in PSI_WINDOW_US. */
#define PRESSURE_NS	(3 * NS_PER_SEC)

struct pools_entry {
	uint64_t time_ns;	/* CLOCK_REALTIME */
	char port[CONFIG_NAME_MAX];
	enum pool_reason reason;
	uint32_t from, to;	/* frames */
};

struct pools_log {
	struct pools_entry entries[POOLS_LOG_SIZE];
	uint64_t n;		/* so far; the last ones are there */
	uint64_t n_lost;	/* that the workers had no room for */
};

/* The sum in ports/pool.h: what all frames are promised for. */
struct pools_account {
	uint32_t total;
	int64_t spare;		/* to nobody; below 0: minimums are not covered */
	uint32_t lent;		/* to uplinks' queues, as slack */
	uint32_t queues;	/* else posted, or received and not read */
	uint32_t out;		/* on their way out of ports */
	uint32_t minimums;	/* reserved for parts of pools that are not open */
	uint32_t reserve;	/* memory.reserve */
	int64_t missing;	/* 0 if they add up; else total less the sum */
};

/* Reads it. Workers move promises meanwhile, so a sum that does not come out is
 * read again, but not for ever: what is missing then may be on its way. */
void pools_count(const struct agent *agent, struct pools_account *ret_account);

/* A VM's pool, from its configuration, or another one; nothing of it is open. Its
 * minimum is reserved. */
void pools_begin(struct port *port);
/* And no longer; nothing of it is open. */
void pools_end(struct port *port);

/* Divides the pool for the queues that there are. 0; -EINVAL with port->why. */
int pools_divide(struct agent *agent, struct port *port);

/* The same after the configuration has changed: the pool is to hold its initial
 * frames. 0 or a negative errno; then it is as it was. */
int pools_configure(struct agent *agent, struct port *port);

/* How pools are changed, as the configuration says: batch and window, of all
 * memory. */
void pools_tune(struct agent *agent);

/* Brings what is reserved in line with the parts that are open: after each
 * change of those, and of the minimum. */
void pools_reserve(struct port *port);

/* A part of the port's pool has begun, or has ended, whose bound is @n: the size
 * follows, with an entry in the log. */
void pools_add_part(struct agent *agent, struct port *port, uint32_t n);
void pools_del_part(struct agent *agent, struct port *port, uint32_t n);

/* Nobody sends to the port for now: what is on its way to it needs no more than
 * the minimum has for that. */
void pools_rest(struct agent *agent, struct port *port);

/* The bound of what is on its way to the port begins, or ends. */
void pools_open_out(struct agent *agent, struct port *port);
void pools_close_out(struct agent *agent, struct port *port);

/* Has the pool hold @frames, if it is up: more if they can be had, less as far
 * as they carry no packets. */
void pools_set(struct agent *agent, struct port *port, uint32_t frames,
	       enum pool_reason reason);

/*
 * pktctl pool resize: the pool is to hold @frames now, and not to shrink below
 * that by itself; at the least, that is as if nothing had been asked for.
 * @max 0: as it is. 0, or a negative errno with one line in @text that says
 * what is allowed; then nothing was changed.
 */
int pools_resize(struct agent *agent, struct port *port, uint64_t frames,
		 uint64_t max, char *text, size_t size);

/* Takes frames back for who is short of them (under pressure: with the next
 * beat); and until @want are to spare, for
 * @for_whom (NULL: to cover minimums). */
void pools_balance(struct agent *agent);
void pools_take_back(struct agent *agent, struct port *for_whom,
		     uint32_t want);

/* The host is short of memory: see above. */
void pools_press(struct agent *agent);
/* Whether it has been for less than PRESSURE_NS. */
bool pools_pressed(const struct agent *agent);

/* With each beat: what is short, by all of the above. */
void pools_relieve(struct agent *agent);

/* With each beat: lends what is spare. */
void pools_lend(struct agent *agent);

/* Calls in what is lent until @want frames are spare. */
void pools_call_in(struct agent *agent, uint32_t want);

/*
 * Begins to take frames off the fill ring of @queue, so that no more than @posted
 * stay that are not received yet. It will have them posted again as far as its
 * target says so. Returns how many; they are spare when the recall ends, which
 * pools_recall_run() looks after: to be called after the last of several, and
 * called by the control thread's loop when it is time.
 */
uint32_t pools_recall(struct agent *agent, struct queue *queue,
		      uint32_t posted);
void pools_recall_run(struct agent *agent, bool beat);

/* What is beyond its target, of queues that are quiet at the moment; of all
 * queues that serve @port; or with each beat, of silent ones. Returns how many
 * frames are on their way. */
uint32_t pools_recall_quiet(struct agent *agent);
void pools_recall_of(struct agent *agent, const struct port *port);
void pools_recall_silent(struct agent *agent);

/* Waits for what is under way, 100 ms at most; forgets about it, before all
 * queues are closed. */
void pools_recall_wait(struct agent *agent);
void pools_recall_stop(struct agent *agent);

/* With each beat: losses behind the programs, pressure, idle pools, caps. */
void pools_tick(struct agent *agent);

/* Takes up what the workers have logged. */
void pools_collect(struct agent *agent);

#endif
