// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What VMs send, held to their rates: see sending.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/packet.h"
#include "switching/breathe.h"
#include "switching/offload.h"
#include "switching/output.h"
#include "switching/sending.h"

/* Packets of all VMs of a worker that may wait. */
#define MAX_PACKETS	65536
#define MAX_REQUESTS	4096
/* That one round lets go, at most and a batch. */
#define RUN_MAX		(4 * BATCH)
#define COLLECT_NS	(1 * NS_PER_MS)
#define COLLECT_N	64
/* A limiter that nobody has used or set for so long is taken away. */
#define IDLE_NS		(10 * NS_PER_SEC)
#define LATE_NS		(5 * NS_PER_MS)

/* ---- control ---- */

int sending_new(struct sending **ret_sending)
{
	static const struct limiter_conf conf = {
		.n_pairs = SENDING_PAIRS,
		.n_packets = MAX_PACKETS,
		.vm_packets = SENDING_VM_PACKETS,
		.pair_packets = SENDING_VM_PACKETS,
		.overhead = CONFIG_WIRE_BYTES,
		.late_ns = LATE_NS,
		.idle_ns = IDLE_NS,
	};
	struct sending *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = limiter_new(&conf, now_ns(), &s->limiter);
	if (!err)
		err = mpsc_init(&s->requests, MAX_REQUESTS);
	if (err) {
		sending_free(s);
		return err;
	}
	*ret_sending = s;
	return 0;
}

void sending_free(struct sending *sending)
{
	if (!sending)
		return;
	mpsc_done(&sending->requests);
	limiter_free(sending->limiter);
	free(sending);
}

static void set_sending(struct worker *worker, void *arg)
{
	worker->sending = arg;
}

int sending_open(struct worker *worker)
{
	struct sending *s;
	int err;

	if (worker->sending)
		return 0;
	err = sending_new(&s);
	if (!err)
		worker_call(worker, set_sending, s);
	return err;
}

struct vm_call {
	struct port *port;
	const struct rate *rate;
};

static void set_vm(struct worker *worker, void *arg)
{
	const struct vm_call *call = arg;

	worker->call_result = sending_limit(worker, call->port, call->rate);
}

int sending_set_vm(struct worker *worker, struct port *port,
		   const struct rate *rate)
{
	struct vm_call call = { port, rate };
	int err;

	if (rate_is_none(rate) && !worker->sending)
		return 0;
	err = sending_open(worker);
	if (err)
		return err;
	worker_call(worker, set_vm, &call);
	return worker->call_result;
}

static void forget(struct worker *worker, void *arg)
{
	sending_forget(worker, arg);
}

void sending_clear(struct vswitch *vs, struct port *port)
{
	for (uint32_t i = 0; i < vs->n_workers; i++)
		if (vs->workers[i]->sending)
			worker_call(vs->workers[i], forget, port);
}

/* ---- on the worker ---- */

static void stop_at(struct sending *s, uint16_t slot, struct port *port)
{
	struct port *old = s->ports[slot];

	if (old && old != port)
		__atomic_store_n(&old->limited, false, __ATOMIC_RELAXED);
	if (port)
		__atomic_store_n(&port->limited, true, __ATOMIC_RELAXED);
	s->ports[slot] = port;
}

int sending_limit(struct worker *worker, struct port *port,
		  const struct rate *rate)
{
	struct sending *s = worker->sending;
	const int err = limiter_set_vm(s->limiter, port->slot, rate, now_ns());

	/* Without a rate what waits goes on waiting, if only for its turn. */
	if (!err && !rate_is_none(rate))
		stop_at(s, port->slot, port);
	return err;
}

struct drop_context {
	struct worker *worker;
	uint16_t slot;
};

/* Takes a packet out of the account that it waited in. */
static void release(struct worker *worker, uint16_t vm, uint64_t packet)
{
	struct port *from = worker->sending->ports[vm];
	const uint32_t n = packet_n_frames(&worker->vs->arena, packet);

	__atomic_fetch_sub(&from->n_kept, n, __ATOMIC_RELAXED);
	port_release(from, worker->index, n);
}

static void drop(void *ctx, uint16_t vm, uint64_t packet)
{
	const struct drop_context *d = ctx;

	release(d->worker, vm, packet);
	output_drop(d->worker, d->slot, PKT_out_down, packet);
}

static void drop_of_vm(void *ctx, uint64_t packet)
{
	const struct drop_context *d = ctx;

	drop(ctx, d->slot, packet);
}

static bool goes_there(void *ctx, uint64_t packet)
{
	const struct drop_context *d = ctx;

	return packet_way(&d->worker->vs->arena, packet)->slot == d->slot;
}

void sending_forget(struct worker *worker, struct port *port)
{
	struct drop_context d = { worker, port->slot };
	struct sending *s = worker->sending;

	limiter_clear_vm(s->limiter, port->slot, drop_of_vm, &d);
	stop_at(s, port->slot, NULL);
	if (limiter_n_waiting(s->limiter))
		limiter_drop_if(s->limiter, now_ns(), goes_there, drop, &d);
}

/* ---- any thread ---- */

int sending_set_pair(struct worker *worker, uint16_t vm, uint32_t number,
		     uint32_t kbps)
{
	struct sending *s = worker->sending;
	const uint64_t request = (uint64_t)number << 32 | kbps;

	if (!mpsc_push_n(&s->requests, &request, &vm, 1)) {
		__atomic_fetch_add(&s->n_requests_lost, 1, __ATOMIC_RELAXED);
		return -EAGAIN;
	}
	worker_wake(worker);
	return 0;
}

/* ---- in ---- */

uint32_t sending_room(struct worker *worker, struct port *port, uint32_t n)
{
	struct sending *s = worker->sending;
	uint32_t room, frames;

	s->now_ns = now_ns();
	s->n_left = 0;
	room = limiter_room(s->limiter, port->slot);
	room = min_u32(room, n);
	if (!room)
		return 0;
	frames = breathe_make_sending_room(worker, port, room);
	if (!frames)
		worker->blocked = true;	/* nothing tells when there is some */
	s->n_left = min_u32(room, frames);
	return s->n_left;
}

bool sending_has_room(struct worker *worker, uint16_t vm, uint64_t packet)
{
	struct sending *s = worker->sending;
	const uint32_t n =
		s->n_left + packet_n_frames(&worker->vs->arena, packet);

	if (limiter_room(s->limiter, vm) <= s->n_left ||
	    breathe_make_sending_room(worker, s->ports[vm], n) < n)
		return false;
	s->n_left = n;
	return true;
}

static struct limiter_segments segments_of(const struct arena *arena,
					   uint64_t packet)
{
	const struct packet_ext *ext = packet_ext(arena, packet);
	struct limiter_segments one = { .n = 1 };
	uint32_t payload;

	if (!ext || ext->gso == PACKET_GSO_NONE || !ext->gso_size ||
	    packet_len(packet) <= ext->hdr_len)
		return one;
	payload = packet_len(packet) - ext->hdr_len;
	return (struct limiter_segments){
		.n = (uint16_t)((payload + ext->gso_size - 1) / ext->gso_size),
		.header = ext->hdr_len,
	};
}

/* It waits as frames of its VM's. */
static void charge(struct worker *worker, struct port *from,
		   const struct port *to, uint64_t packet, uint16_t tag)
{
	struct arena *arena = &worker->vs->arena;
	const uint32_t n = packet_n_frames(arena, packet);

	*packet_way(arena, packet) = (struct packet_way){ to->slot, tag };
	packet_move(arena, packet, FRAME_OUT, from->slot);
	count_add(&from->account[worker->index].charged, n);
	__atomic_fetch_add(&from->n_kept, n, __ATOMIC_RELAXED);
	worker->sending->n_left -= min_u32(worker->sending->n_left, n);
}

bool sending_keep(struct worker *worker, uint16_t vm, const struct port *to,
		  uint32_t number, uint64_t packet, uint16_t tag)
{
	struct sending *s = worker->sending;

	switch (limiter_push_long(s->limiter, vm, number, packet,
				  segments_of(&worker->vs->arena, packet),
				  s->now_ns)) {
	case LIMITER_PASS:
		return false;
	case LIMITER_KEPT:
		charge(worker, s->ports[vm], to, packet, tag);
		return true;
	case LIMITER_FULL:
		/* What the agent itself sends for it: no batch of its own. */
		output_drop(worker, vm, PKT_rate_full, packet);
		return true;
	}
	return false;
}

/* ---- out ---- */

static void take_requests(struct worker *worker, uint64_t now_ns)
{
	struct sending *s = worker->sending;
	uint64_t requests[BATCH];
	uint16_t vms[BATCH];
	const uint32_t n = mpsc_pop_n(&s->requests, requests, vms, BATCH);

	for (uint32_t i = 0; i < n; i++) {
		const struct rate rate = {
			.bits = (requests[i] & UINT32_MAX) * 1000,
			.burst = 2 * 1538,
		};
		struct port *port = vswitch_port(worker->vs, vms[i]);

		if (!port || !port_is_up(port))
			continue;
		stop_at(s, vms[i], port);
		if (limiter_set_pair(s->limiter, vms[i],
				     (uint32_t)(requests[i] >> 32), &rate,
				     now_ns))
			count_add(&s->n_pairs_refused, 1);
	}
}

/* It may go: to where it was on its way to, if that is still there. */
static void send_on(struct worker *worker, const struct limiter_packet *kept)
{
	const struct packet_way way =
		*packet_way(&worker->vs->arena, kept->packet);
	struct port *to = vswitch_port(worker->vs, way.slot);

	release(worker, kept->vm, kept->packet);
	if (!to || !port_is_up(to))
		output_drop(worker, way.slot, PKT_out_down, kept->packet);
	else if (kept->packet & PACKET_EXT)
		offload_stage(worker, to, kept->packet, way.tag);
	else
		output_stage(worker, to, kept->packet, way.tag);
}

/* Now and then: limiters that nobody uses, and one VM that may have none. */
static void collect(struct sending *s, uint64_t now_ns)
{
	if (now_ns - s->collected_ns < COLLECT_NS)
		return;
	s->collected_ns = now_ns;
	limiter_collect(s->limiter, now_ns, COLLECT_N);
	s->hand = (uint16_t)((s->hand + 1) % PKT_MAX_PORTS);
	if (s->ports[s->hand] && !limiter_limits(s->limiter, s->hand))
		stop_at(s, s->hand, NULL);
}

uint32_t sending_run(struct worker *worker)
{
	struct sending *s = worker->sending;
	struct limiter_packet kept[BATCH];
	uint32_t n, sum = 0;
	uint64_t now;

	if (__builtin_expect(!s, 1))
		return 0;
	now = now_ns();
	take_requests(worker, now);
	do {
		n = limiter_pop(s->limiter, now, BATCH, kept);
		for (uint32_t i = 0; i < n; i++)
			send_on(worker, &kept[i]);
		sum += n;
	} while (n && sum < RUN_MAX);
	collect(s, now);
	return sum;
}

bool sending_has_come(const struct worker *worker)
{
	return worker->sending && !mpsc_is_empty(&worker->sending->requests);
}

uint64_t sending_wait(const struct worker *worker, uint64_t now_ns)
{
	uint64_t at;

	if (!worker->sending)
		return UINT64_MAX;
	at = limiter_next(worker->sending->limiter, now_ns);
	return at == RATE_NEVER ? UINT64_MAX : at - now_ns;
}
