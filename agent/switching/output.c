// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The way out of a port: see output.h, and port.h for the accounts. */
#include "ports/queue.h"
#include "switching/breathe.h"
#include "switching/guest.h"
#include "switching/output.h"
#include "switching/shaper.h"

/* Packets that one round lets go out of a shaper, at most and a batch. */
#define SCHEDULE_MAX	(4 * BATCH)

void output_drop(struct worker *worker, uint16_t slot, enum pkt_reason reason,
		 uint64_t packet)
{
	worker_count(worker, slot, reason, 1, packet_len(packet));
	packet_free(&worker->cache, packet);
}

/* Charges @port with as many of the packets as it has room for and drops the
 * others. Returns how many those are. */
static uint32_t charge(struct worker *worker, struct port *port,
		       const uint64_t *packets, uint32_t n)
{
	struct arena *arena = &worker->vs->arena;
	uint32_t want = 0, frames = 0, room, i;

	for (i = 0; i < n; i++)
		want += packet_n_frames(arena, packets[i]);
	room = breathe_make_room(worker, port, want);
	for (i = 0; i < n; i++) {
		uint32_t more = packet_n_frames(arena, packets[i]);

		if (more > room - frames)
			break;
		packet_move(arena, packets[i], FRAME_OUT, port->slot);
		frames += more;
	}
	count_add(&port->account[worker->index].charged, frames);
	for (uint32_t j = i; j < n; j++)
		output_drop(worker, port->slot, PKT_out_full, packets[j]);
	return i;
}

void output_drop_charged(struct worker *worker, struct port *port,
			 enum pkt_reason reason, const uint64_t *packets,
			 uint32_t n)
{
	uint32_t frames = 0;

	for (uint32_t i = 0; i < n; i++) {
		frames += packet_n_frames(&worker->vs->arena, packets[i]);
		output_drop(worker, port->slot, reason, packets[i]);
	}
	port_release(port, worker->index, frames);
}

/* Takes back what charge() did, for packets that found no room. */
static void refuse(struct worker *worker, struct port *port,
		   const uint64_t *packets, uint32_t n)
{
	output_drop_charged(worker, port, PKT_out_full, packets, n);
}

/* The same packet in a frame that the queue's memory has; 0: there is none. */
static uint64_t bring_inside(struct worker *worker, struct queue *queue,
			     uint64_t packet)
{
	struct frame_cache *cache =
		frame_cache_of(&worker->cache, queue->umem.region);
	struct arena *arena = &worker->vs->arena;
	const uint64_t addr = packet_addr(packet);
	uint32_t frame;
	uint64_t to;

	if (umem_holds(&queue->umem, addr))
		return packet;
	frame = frame_cache_get(cache);
	if (frame == FRAME_NONE) {
		output_drop(worker, queue->port->slot, PKT_no_frame, packet);
		port_release(queue->port, worker->index, 1);
		return 0;
	}
	to = arena_addr(arena, frame) + (addr & (arena->frame_size - 1));
	memcpy(arena_data(arena, to), arena_data(arena, addr),
	       packet_len(packet));
	arena_move(arena, frame, FRAME_OUT, queue->port->slot);
	frame_cache_put(cache, arena_frame(arena, addr));
	return packet_with_hash(packet_pack(to, packet_len(packet)),
				packet_hash(packet));
}

/* While the arena becomes smaller: see control/rebind.h. Up to BATCH packets. */
static uint32_t bring_all_inside(struct worker *worker, struct queue *queue,
				 const uint64_t *packets, uint32_t n,
				 uint64_t *ret_packets)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t packet = bring_inside(worker, queue, packets[i]);

		if (packet)
			ret_packets[left++] = packet;
	}
	return left;
}

/* To the tx ring of a queue of our own. */
static void send_all(struct worker *worker, struct queue *queue,
		     const uint64_t *packets, uint32_t n)
{
	uint64_t inside[BATCH], bytes = 0;
	uint32_t sent;

	if (__builtin_expect(__atomic_load_n(&queue->narrow, __ATOMIC_RELAXED),
			     0)) {
		n = bring_all_inside(worker, queue, packets, n, inside);
		packets = inside;
	}
	sent = queue_send(queue, packets, n);
	for (uint32_t i = 0; i < sent; i++)
		bytes += packet_len(packets[i]);
	worker_count(worker, queue->port->slot, PKT_from_agent, sent, bytes);
	refuse(worker, queue->port, packets + sent, n - sent);
}

/* Has @owner look at a ring that something was pushed to. */
static void wake(struct worker *worker, uint32_t owner)
{
	if (owner == worker->index)
		return;
	count_add(&worker->stats.wakes_sent, 1);
	worker_wake(worker->vs->workers[owner]);
}

/* To the ring of whoever serves the queue. */
void output_push_charged(struct worker *worker, struct port *port,
			 struct mpsc *in, uint32_t owner,
			 const uint64_t *packets, uint32_t n)
{
	const uint32_t pushed = mpsc_push_n(in, packets, NULL, n);

	if (pushed)
		wake(worker, owner);
	refuse(worker, port, packets + pushed, n - pushed);
}

void output_push(struct worker *worker, struct port *port, struct mpsc *in,
		 uint32_t owner, const uint64_t *packets, uint32_t n)
{
	n = charge(worker, port, packets, n);
	if (n)
		output_push_charged(worker, port, in, owner, packets, n);
}

/* Packets of one region. */
static void send_by_queue(struct worker *worker, struct port *port,
			  struct queue *queue, const uint64_t *packets,
			  uint32_t n)
{
	/* The ring is skipped when it is ours to drain, and empty. */
	if (queue->worker == worker->index && mpsc_is_empty(&queue->in) &&
	    !queue->suspended)
		send_all(worker, queue, packets, n);
	else
		output_push_charged(worker, port, &queue->in, queue->worker,
				    packets, n);
}

/* The queue that @packet can leave by: one on the memory that it is in. */
static struct queue *queue_for(const struct worker *worker,
			       const struct port *port, uint64_t packet)
{
	uint32_t frame = arena_frame(&worker->vs->arena, packet_addr(packet));
	uint32_t region = arena_region_of(frame);

	for (uint32_t i = 0; region && i < port->n_queues; i++)
		if (port->queues[i]->umem.region == region)
			return port->queues[i];
	return port->out_queue[worker->index];
}

/* What @port is charged with. */
static void send_to_device(struct worker *worker, struct port *port,
			   const uint64_t *packets, uint32_t n)
{
	if (__builtin_expect(!worker->vs->n_regions, 1)) {
		if (n)
			send_by_queue(worker, port,
				      port->out_queue[worker->index], packets,
				      n);
		return;
	}
	for (uint32_t i = 0, end; i < n; i = end) {
		struct queue *queue = queue_for(worker, port, packets[i]);

		for (end = i + 1; end < n; end++)
			if (queue_for(worker, port, packets[end]) != queue)
				break;
		send_by_queue(worker, port, queue, packets + i, end - i);
	}
}

/* ---- shaped ---- */

/* The class rings that the packets go to, a bit each. */
static uint32_t classes_of(const struct port_shaper *shaper,
			   const uint16_t *tags, uint32_t n)
{
	uint32_t classes = 0;

	for (uint32_t i = 0; i < n; i++)
		classes |= 1u << (shaper->rings[shaper_tag_class(tags[i])] -
				  shaper->classes);
	return classes;
}

/* To their class rings, in order. */
static void send_to_shaper(struct worker *worker, struct port_shaper *shaper,
			   const uint64_t *packets, const uint16_t *tags,
			   uint32_t n)
{
	uint32_t classes, pushed, sum = 0;

	n = charge(worker, shaper->port, packets, n);
	classes = classes_of(shaper, tags, n);
	for (; classes; classes &= classes - 1) {
		struct mpsc *ring = &shaper->classes[__builtin_ctz(classes)];
		uint64_t part[BATCH];
		uint16_t part_tags[BATCH];
		uint32_t n_part = 0;

		for (uint32_t i = 0; i < n; i++) {
			if (shaper->rings[shaper_tag_class(tags[i])] != ring)
				continue;
			part[n_part] = packets[i];
			part_tags[n_part++] = tags[i];
		}
		pushed = mpsc_push_n(ring, part, part_tags, n_part);
		output_drop_charged(worker, shaper->port, PKT_class_full,
				    part + pushed, n_part - pushed);
		sum += pushed;
	}
	if (sum)
		wake(worker, shaper->owner);
}

static uint32_t room_in(const struct worker *worker, struct queue *queue)
{
	if (queue->worker != worker->index)
		return min_u32(mpsc_free(&queue->in), BATCH);
	if (queue->suspended || !mpsc_is_empty(&queue->in))
		return 0;
	return queue_room(queue, BATCH);
}

/* How many packets can leave by @port now without being refused behind its
 * shaper; up to a batch. Which memory, and so which queue, the next ones need is
 * not known: as many as any queue takes. */
static uint32_t room_of(const struct worker *worker, const struct port *port)
{
	uint32_t room = BATCH;

	if (port->vhost)
		return guest_room(worker, port);
	if (!worker->vs->n_regions)
		return room_in(worker, port->out_queue[worker->index]);
	for (uint32_t i = 0; i < port->n_queues; i++) {
		const uint32_t more = room_in(worker, port->queues[i]);

		room = min_u32(room, more);
	}
	return room;
}

uint32_t output_schedule(struct worker *worker, struct port_shaper *shaper,
			 uint64_t now_ns)
{
	struct port *port = shaper->port;
	uint32_t come, n, sum = 0;
	uint64_t packets[BATCH];

	shaper->full = false;
	if (!scheduler_n_waiting(shaper->scheduler) && !shaper_has_come(shaper))
		return 0;
	if (!port_is_up(port)) {
		shaper_clear(shaper);
		return 0;
	}
	come = shaper_take(shaper, now_ns);
	do {
		const uint32_t room = room_of(worker, port);

		shaper->full = !room &&
			       scheduler_n_waiting(shaper->scheduler);
		n = scheduler_dequeue(shaper->scheduler, now_ns, room,
				      UINT64_MAX, packets);
		if (n && port->vhost)
			guest_send_charged(worker, port, packets, n);
		else if (n)
			send_to_device(worker, port, packets, n);
		sum += n;
	} while (n && sum < SCHEDULE_MAX);
	return come + sum;
}

/* ---- policed ---- */

/* Drops what is above the rate; the others stay in order. Returns how many. What
 * the programs redirect to the device takes from the same bucket. */
static uint32_t police(struct worker *worker, struct port *port,
		       struct police *bucket, uint64_t *packets, uint32_t n)
{
	const uint64_t now = now_ns();
	uint32_t n_left = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (police_take(bucket, now, packet_len(packets[i])))
			packets[n_left++] = packets[i];
		else
			output_drop(worker, port->slot, PKT_rate_in,
				    packets[i]);
	}
	return n_left;
}

/* ---- staging ---- */

static void flush_port(struct worker *worker, uint16_t slot)
{
	struct out_batch *batch = &worker->out[slot];
	struct port *port = vswitch_port(worker->vs, slot);
	struct port_shaper *shaper;
	struct police *bucket;
	uint32_t n = batch->n;

	batch->n = 0;
	if (!port || !port_is_up(port)) {
		for (uint32_t i = 0; i < n; i++)
			output_drop(worker, slot, PKT_out_down,
				    batch->packets[i]);
		return;
	}
	shaper = shaper_of(port);
	if (__builtin_expect(shaper != NULL, 0)) {
		send_to_shaper(worker, shaper, batch->packets, batch->tags, n);
	} else if (port->vhost) {
		guest_send(worker, port, batch->packets, n);
	} else {
		bucket = __atomic_load_n(&port->police_in, __ATOMIC_RELAXED);
		if (__builtin_expect(bucket != NULL, 0))
			n = police(worker, port, bucket, batch->packets, n);
		n = charge(worker, port, batch->packets, n);
		send_to_device(worker, port, batch->packets, n);
	}
}

void output_stage(struct worker *worker, struct port *port, uint64_t packet,
		  uint16_t tag)
{
	struct out_batch *batch = &worker->out[port->slot];

	if (!batch->n)
		worker->staged[worker->n_staged++] = port->slot;
	batch->tags[batch->n] = tag;
	batch->packets[batch->n++] = packet;
	if (batch->n == BATCH) {
		flush_port(worker, port->slot);
		for (uint32_t i = 0; i < worker->n_staged; i++) {
			if (worker->staged[i] != port->slot)
				continue;
			worker->staged[i] =
				worker->staged[--worker->n_staged];
			break;
		}
	}
}

void output_flush(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->n_staged; i++)
		flush_port(worker, worker->staged[i]);
	worker->n_staged = 0;
}

uint32_t output_drain(struct worker *worker, struct queue *queue)
{
	uint64_t packets[BATCH];
	const uint32_t n = mpsc_pop_n(&queue->in, packets, NULL, BATCH);

	if (n)
		send_all(worker, queue, packets, n);
	return n;
}

void output_kick(struct worker *worker, struct queue *queue)
{
	uint32_t dropped;

	if (!queue_has_unsent(queue))
		return;
	dropped = queue_kick(queue);
	if (dropped)
		worker_count(worker, queue->port->slot, PKT_dev_full, dropped,
			     0);
}
