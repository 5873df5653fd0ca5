// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets to guests: see guest.h. */
#include <errno.h>

#include "switching/gro.h"
#include "switching/guest.h"
#include "switching/guest_bypass.h"
#include "switching/output.h"

_Static_assert(BATCH <= GRO_MAX_PACKETS && BATCH <= 64, "a bit per packet");

/* Writes one packet. As pair_write(). */
static int write_one(struct worker *worker, struct vhost_pair *pair,
		     uint64_t packet)
{
	static const struct virtio_net_hdr plain;
	const struct arena *arena = &worker->vs->arena;
	struct iovec pieces[PACKET_MAX_PIECES];
	struct virtio_net_hdr hdr;

	packet_pieces(arena, packet, pieces);
	if (!(packet & PACKET_EXT))
		return pair_write(pair, &plain, pieces, packet_len(packet));
	pair_header(packet_ext(arena, packet), &hdr);
	return pair_write(pair, &hdr, pieces, packet_len(packet));
}

/* What deliver() has in hand. */
struct delivery {
	struct worker *worker;
	struct vhost_pair *pair;
	uint64_t *packets;
	uint64_t done;			/* bit per packet: sent or dropped */
	uint64_t n_sent, bytes;
};

/* Whether the guest may get more after an attempt that ended in @err. */
static bool settle(struct delivery *d, int err)
{
	if (err == -EAGAIN)
		return false;
	if (err == -EPIPE) {
		worker_report_broken(d->worker);
		return false;
	}
	return true;
}

static bool deliver_one(struct delivery *d, uint32_t i)
{
	uint64_t packet = d->packets[i];
	int err = write_one(d->worker, d->pair, packet);

	if (!settle(d, err))
		return false;
	d->done |= 1ull << i;
	if (err) {
		output_drop(d->worker, d->pair->port->slot, PKT_guest_buffer,
			    packet);
		return true;
	}
	d->n_sent++;
	d->bytes += packet_len(packet);
	packet_free(&d->worker->cache, packet);
	return true;
}

/* Segments that are one packet for the guest. */
static bool deliver_group(struct delivery *d, const struct gro *gro,
			  const struct gro_group *group)
{
	const struct arena *arena = &d->worker->vs->arena;
	uint8_t headers[GRO_MAX_HEADERS];
	struct iovec pieces[1 + GRO_MAX_PACKETS];
	struct virtio_net_hdr hdr;
	struct packet_ext ext;
	uint32_t n = 0;
	int err;

	gro_header(group, arena_data(arena, packet_addr(
						    d->packets[group->head])),
		   headers, &ext);
	pieces[n].iov_base = headers;
	pieces[n++].iov_len = group->hdr_len;
	for (uint8_t i = group->head; i != GRO_NONE; i = gro->next[i]) {
		uint64_t addr = packet_addr(d->packets[i]) + group->hdr_len;

		pieces[n].iov_base = arena_data(arena, addr);
		pieces[n].iov_len = gro_payload(group, n - 1);
		n++;
	}
	pair_header(&ext, &hdr);
	err = pair_write(d->pair, &hdr, pieces, group->len);
	if (err == -EMSGSIZE) {
		/* Perhaps as they came. */
		for (uint8_t i = group->head; i != GRO_NONE; i = gro->next[i])
			if (!deliver_one(d, i))
				return false;
		return true;
	}
	if (!settle(d, err))
		return false;
	for (uint8_t i = group->head; i != GRO_NONE; i = gro->next[i]) {
		d->done |= 1ull << i;
		d->n_sent++;
		d->bytes += packet_len(d->packets[i]);
		packet_free(&d->worker->cache, d->packets[i]);
	}
	count_add(&d->pair->n_merged, group->n - 1u);
	return true;
}

/* False: there is nothing to merge among the packets. */
static bool group_packets(const struct delivery *d, uint32_t n, struct gro *gro)
{
	const struct arena *arena = &d->worker->vs->arena;
	const uint8_t accepts = __atomic_load_n(&d->pair->port->accepts,
						__ATOMIC_RELAXED);
	struct gro_packet packets[GRO_MAX_PACKETS];
	uint32_t n_candidates = 0, kinds = 0;

	for (uint32_t i = 0; i < n; i++) {
		packets[i] = (struct gro_packet){
			.data = arena_data(arena, packet_addr(d->packets[i])),
			.len = packet_len(d->packets[i]),
			.has_ext = d->packets[i] & PACKET_EXT,
		};
		n_candidates += gro_is_candidate(&packets[i]);
	}
	if (n_candidates < 2)
		return false;
	if (accepts & PORT_ACCEPTS_TSO4)
		kinds |= GRO_TCP4;
	if (accepts & PORT_ACCEPTS_TSO6)
		kinds |= GRO_TCP6;
	if (accepts & PORT_ACCEPTS_ECN)
		kinds |= GRO_ECN;
	gro_run(gro, packets, n, kinds);
	return gro->n_groups < n;
}

static void deliver_groups(struct delivery *d, const struct gro *gro)
{
	for (uint32_t g = 0; g < gro->n_groups; g++) {
		const struct gro_group *group = &gro->groups[g];

		if (!(group->n > 1 ? deliver_group(d, gro, group) :
				     deliver_one(d, group->head)))
			return;
	}
}

/* Moves what is not done with to the end. Returns how many are done with. */
static uint32_t move_rest(const struct delivery *d, uint32_t n)
{
	uint32_t at = n;

	for (uint32_t i = n; i-- > 0;)
		if (!(d->done >> i & 1))
			d->packets[--at] = d->packets[i];
	return at;
}

/* Writes as many of @n packets as find room, and drops what never will.
 * Returns how many are done with; their frames are free. The others stand, in
 * order, at the end of @packets. Holding the lock. */
static uint32_t deliver(struct worker *worker, struct vhost_pair *pair,
			uint64_t *packets, uint32_t n)
{
	struct delivery d = { .worker = worker, .pair = pair,
			      .packets = packets };
	struct gro gro;

	if (!pair_rx_ready(pair)) {
		if (port_is_up(pair->port) &&
		    __atomic_load_n(&pair->in_use, __ATOMIC_RELAXED))
			return 0;
		for (uint32_t i = 0; i < n; i++)
			output_drop(worker, pair->port->slot, PKT_out_down,
				    packets[i]);
		return n;
	}
	virtq_prefetch(&pair->rx, min_u32(virtq_avail(&pair->rx, n), n), true);
	if (n > 1 && __atomic_load_n(&pair->port->gro, __ATOMIC_RELAXED) &&
	    group_packets(&d, n, &gro)) {
		deliver_groups(&d, &gro);
	} else {
		for (uint32_t i = 0; i < n && deliver_one(&d, i); i++)
			;
	}
	virtq_publish(&pair->rx);
	worker_count(worker, pair->port->slot, PKT_from_agent, d.n_sent,
		     d.bytes);
	count_add(&pair->n_from_frames, d.n_sent);
	return move_rest(&d, n);
}

static uint32_t count_frames(const struct worker *worker,
			     const uint64_t *packets, uint32_t n)
{
	uint32_t frames = 0;

	for (uint32_t i = 0; i < n; i++)
		frames += packet_n_frames(&worker->vs->arena, packets[i]);
	return frames;
}

/* What is ours to give, if nothing waits before it, at once; the rest waits.
 * @charged: whether the port is charged with them already. */
static void send_to_pair(struct worker *worker, struct vhost_pair *pair,
			 uint64_t *packets, uint32_t n, bool charged)
{
	/* Before: afterwards they are somebody else's. */
	uint32_t frames = charged ? count_frames(worker, packets, n) : 0;
	uint32_t done = 0;

	if (pair->worker == worker->index) {
		pair_lock(pair);
		if (guest_pair_is_idle(pair))
			done = deliver(worker, pair, packets, n);
		pair_unlock(pair);
	}
	packets += done;
	n -= done;
	if (charged) {
		frames -= count_frames(worker, packets, n);
		port_release(pair->port, worker->index, frames);
	}
	if (n && charged)
		output_push_charged(worker, pair->port, &pair->in, pair->worker,
				    packets, n);
	else if (n)
		output_push(worker, pair->port, &pair->in, pair->worker,
			    packets, n);
}

static void send_to_pairs(struct worker *worker,
			  struct vhost_pair *const *pairs, uint32_t n_pairs,
			  uint64_t *packets, uint32_t n, bool charged)
{
	uint64_t part[BATCH];

	if (n_pairs == 1) {
		send_to_pair(worker, pairs[0], packets, n, charged);
		return;
	}
	for (uint32_t p = 0; p < n_pairs; p++) {
		uint32_t n_part = 0;

		for (uint32_t i = 0; i < n; i++)
			if (packet_hash(packets[i]) % n_pairs == p)
				part[n_part++] = packets[i];
		if (n_part)
			send_to_pair(worker, pairs[p], part, n_part, charged);
	}
}

/* The pairs that @worker sends to @port by. */
static uint32_t pairs_of(const struct worker *worker, const struct port *port,
			 struct vhost_pair *const **ret_pairs)
{
	const struct pair_map *map =
		__atomic_load_n(&port->pairs, __ATOMIC_ACQUIRE);

	if (!map)
		return 0;
	*ret_pairs = map->of_worker[worker->index].pairs;
	return map->of_worker[worker->index].n;
}

void guest_send(struct worker *worker, struct port *port, uint64_t *packets,
		uint32_t n)
{
	struct vhost_pair *const *pairs = NULL;
	const uint32_t n_pairs = pairs_of(worker, port, &pairs);

	if (n_pairs) {
		send_to_pairs(worker, pairs, n_pairs, packets, n, false);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		output_drop(worker, port->slot, PKT_out_down, packets[i]);
}

void guest_send_charged(struct worker *worker, struct port *port,
			uint64_t *packets, uint32_t n)
{
	struct vhost_pair *const *pairs = NULL;
	const uint32_t n_pairs = pairs_of(worker, port, &pairs);

	if (n_pairs)
		send_to_pairs(worker, pairs, n_pairs, packets, n, true);
	else
		output_drop_charged(worker, port, PKT_out_down, packets, n);
}

uint32_t guest_room(const struct worker *worker, const struct port *port)
{
	struct vhost_pair *const *pairs = NULL;
	const uint32_t n_pairs = pairs_of(worker, port, &pairs);

	for (uint32_t i = 0; i < n_pairs; i++)
		if (!guest_pair_is_idle(pairs[i]))
			return 0;
	return BATCH;
}

/* Takes the next packets off the ring, once those before are gone. */
static void fill_pending(struct vhost_pair *pair)
{
	uint32_t n;

	if (pair->pending_at < pair->n_pending)
		return;
	n = mpsc_pop_n(&pair->in, pair->pending, NULL, BATCH);
	__atomic_store_n(&pair->pending_at, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&pair->n_pending, n, __ATOMIC_RELAXED);
}

uint32_t guest_drain(struct worker *worker, struct vhost_pair *pair)
{
	uint32_t done, frames = 0;

	if (guest_pair_is_idle(pair))
		return 0;
	pair_lock(pair);
	fill_pending(pair);
	/* Counted before: afterwards they are somebody else's. */
	for (uint32_t i = pair->pending_at; i < pair->n_pending; i++)
		frames += packet_n_frames(&worker->vs->arena,
					  pair->pending[i]);
	done = deliver(worker, pair, &pair->pending[pair->pending_at],
		       pair->n_pending - pair->pending_at);
	__atomic_store_n(&pair->pending_at, pair->pending_at + done,
			 __ATOMIC_RELAXED);
	for (uint32_t i = pair->pending_at; i < pair->n_pending; i++)
		frames -= packet_n_frames(&worker->vs->arena,
					  pair->pending[i]);
	pair_unlock(pair);
	port_release(pair->port, worker->index, frames);
	return done;
}

void guest_drop_waiting(struct vhost_pair *pair, struct frame_cache *cache)
{
	do {
		fill_pending(pair);
		while (pair->pending_at < pair->n_pending)
			packet_free(cache, pair->pending[pair->pending_at++]);
	} while (!mpsc_is_empty(&pair->in));
}

