// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Guests' packets: see guest.h. */
#include <errno.h>
#include <string.h>
#include <urcu-qsbr.h>

#include <pktagent/parse.h>

#include "switching/forward.h"
#include "switching/gso.h"
#include "switching/guest.h"
#include "switching/guest_bypass.h"
#include "switching/offload.h"
#include "switching/output.h"
#include "switching/sending.h"
#include "switching/source.h"

/* ---- from the guest ---- */

/*
 * Parses a packet in frames. A long one's IP lengths reach behind its first
 * frame, so the parser must not be led there by a chain of IPv6 headers: such
 * packets do not exist.
 */
static int parse(const uint8_t *data, uint32_t len, bool is_long,
		 struct pkt_parsed *ret_parsed)
{
	int err;

	if (is_long && !guest_head_is_short(data))
		return PKT_gso_bad;
	err = pkt_parse(data, data + len, 0, ret_parsed);
	return err;
}

/* What the sender has left to do has to make sense. */
static enum pkt_reason check_ext(const struct worker *worker,
				 const struct packet *p)
{
	struct packet_ext *ext = packet_get_ext(worker, p);
	const struct arena *arena = &worker->vs->arena;
	uint32_t first;

	if (!ext)
		return PKT_N_REASONS;
	first = min_u32(p->len, arena->frame_size - UMEM_HEADROOM);
	if (ext->gso == PACKET_GSO_NONE)
		return ext->n_more ? PKT_too_big : PKT_N_REASONS;
	return gso_check(packet_data(worker, p), first, p->len, ext) ?
		       PKT_gso_bad :
		       PKT_N_REASONS;
}

/* All that the program "port" asks of other VMs' packets, in its order. */
static enum pkt_reason check(struct worker *worker, const struct port *in,
			     const struct packet *p,
			     const struct pkt_parsed *parsed, bool *ret_pop)
{
	const struct source_rules *rules =
		__atomic_load_n(&in->source, __ATOMIC_ACQUIRE);
	const uint8_t *data = packet_data(worker, p);
	struct fdb_key key = { .vlan = in->vlan };
	enum pkt_reason reason;
	struct fdb_found found;
	bool known;

	if (guest_longest(packet_get_ext(worker, p), p->len) -
		    parsed->n_tags * PKT_TAG_LEN >
	    __atomic_load_n(&in->max_len, __ATOMIC_RELAXED))
		return PKT_too_big;
	if (source_is_link_local(data))
		return PKT_link_local;
	memcpy(key.mac, data + 6, 6);
	known = worker_lookup(worker, &key, in->slot, &found);
	reason = source_check_tags(in, parsed, ret_pop);
	if (reason == PKT_N_REASONS)
		reason = source_check_mac(in, rules, known ? &found : NULL,
					  data + 6);
	if (reason == PKT_N_REASONS && rules->check_ip)
		reason = source_check_ip(rules, data, p->len, parsed);
	if (reason == PKT_N_REASONS)
		reason = check_ext(worker, p);
	return reason;
}

static void switch_packet(struct worker *worker, const struct port *in,
			  uint64_t word)
{
	struct packet p = {
		.addr = packet_addr(word),
		.len = packet_len(word),
		.flags = word & PACKET_EXT,
		.meta = { .in_port = in->slot,
			  .vlan = in->vlan,
			  .class = in->class },
	};
	struct pkt_parsed parsed;
	bool pop = false;
	int reason;

	if (!port_is_up(in)) {
		output_drop(worker, in->slot, PKT_port_down, word);
		return;
	}
	reason = parse(packet_data(worker, &p), p.len,
		       packet_n_frames(&worker->vs->arena, word) > 1, &parsed);
	if (!reason) {
		reason = (int)check(worker, in, &p, &parsed, &pop);
		if (reason == PKT_N_REASONS)
			reason = 0;
	}
	if (reason) {
		output_drop(worker, in->slot, (enum pkt_reason)reason, word);
		return;
	}
	worker_count(worker, in->slot, PKT_from_guest, 1, p.len);
	p.meta.flags = parsed.flags;
	if (pop) {
		p.meta.pcp = (uint8_t)(parsed.tci[0] >> PKT_TCI_PCP_SHIFT);
		forward_pop_tag(worker, &p);
	}
	pkt_parsed_to_meta(&parsed, pop ? PKT_TAG_LEN : 0, &p.meta);
	forward_learn(worker, in, &p);
	forward_switch(worker, in, &p);
}

/* A packet that is not even looked into. */
static void refuse(struct worker *worker, struct vhost_pair *pair,
		   enum pair_verdict verdict, uint32_t len)
{
	enum pkt_reason reason = verdict == PAIR_TOO_BIG    ? PKT_too_big :
				 verdict == PAIR_BAD_HEADER ? PKT_guest_header :
							      PKT_guest_off;

	worker_count(worker, pair->port->slot, reason, 1, len);
}

uint32_t guest_receive(struct worker *worker, struct vhost_pair *pair)
{
	struct frame_cache *cache =
		frame_cache_of(&worker->cache, pair->port->region);
	struct guest_bypass bypass;
	struct pair_packet packet;
	uint64_t words[BATCH];
	uint32_t taken, n = 0, frames = 0, ready, room = BATCH;

	/* The other guest may be gone by now. */
	pair->waiting_for = NULL;
	if (!pair->tx.running)
		return 0;
	pair->limited = false;
	ready = min_u32(virtq_avail(&pair->tx, BATCH), BATCH);
	if (!ready && !virtq_is_broken(&pair->tx))
		return 0;
	if (ready && sending_stops(worker, pair->port->slot)) {
		room = sending_room(worker, pair->port, ready);
		pair->limited = !room;
		if (!room)
			return 0;
		ready = room;
	}
	virtq_prefetch(&pair->tx, ready, false);
	guest_bypass_begin(&bypass, worker, pair, ready);
	for (taken = 0; taken < room && frames < room; taken++) {
		enum pair_verdict verdict =
			pair_peek(pair, bypass.head, &packet);

		if (verdict == PAIR_NONE)
			break;
		if (verdict == PAIR_BROKEN) {
			worker_report_broken(worker);
			break;
		}
		if (verdict != PAIR_PACKET || !pair->tx.enabled)
			refuse(worker, pair, verdict, packet.len);
		else if (bypass.head && guest_bypass_packet(&bypass, &packet))
			;
		else if (bypass.wait)
			break;
		else if (pair_to_frames(pair, &packet, cache,
					&words[n]))
			frames += packet_n_frames(&worker->vs->arena,
						  words[n++]);
		else {
			/* It stays where it is. */
			worker->blocked = true;
			break;
		}
		pair_take(pair);
	}
	virtq_publish(&pair->tx);
	guest_bypass_end(&bypass);
	for (uint32_t i = 0; i < n; i++)
		switch_packet(worker, pair->port, words[i]);
	count_add(&pair->n_to_frames, n);
	return taken;
}

/* ---- notifications ---- */

/* How long the call may still wait; 0: it is due. */
static uint64_t moderate(struct vhost_pair *pair)
{
	uint32_t packets = __atomic_load_n(&pair->call_packets,
					   __ATOMIC_RELAXED);
	uint64_t us = __atomic_load_n(&pair->call_us, __ATOMIC_RELAXED);
	uint16_t owed = (uint16_t)(pair->rx.published - pair->rx.called);
	uint64_t now, waited;

	if (packets <= 1 || !us || owed >= packets)
		return 0;
	now = now_ns();
	if (!pair->uncalled_since)
		pair->uncalled_since = now;
	waited = now - pair->uncalled_since;
	return waited >= us * NS_PER_US ? 0 : us * NS_PER_US - waited;
}

/* Offline: the control thread may wait for a grace period meanwhile, and then
 * interrupts nobody. */
static void call_guest(struct virtq *vq, int fd)
{
	rcu_thread_offline();
	virtq_call(vq, fd);
	rcu_thread_online();
}

uint64_t guest_call_rx(struct vhost_pair *pair, bool may_wait)
{
	uint64_t wait = 0;
	bool call = false;
	int fd = -1;

	pair_lock(pair);
	if (pair->rx.running &&
	    (pair->rx.called != pair->rx.published || pair->rx.call_always)) {
		wait = may_wait ? moderate(pair) : 0;
		if (!wait) {
			call = virtq_needs_call(&pair->rx);
			fd = pair->rx.call_fd;
			pair->uncalled_since = 0;
		}
	}
	pair_unlock(pair);
	/* Not under the lock: it may block. The descriptor is not closed while a
	 * worker is in the middle of a round. */
	if (call)
		call_guest(&pair->rx, fd);
	return wait;
}

uint64_t guest_call(struct vhost_pair *pair)
{
	if (pair->tx.running && virtq_needs_call(&pair->tx))
		call_guest(&pair->tx, pair->tx.call_fd);
	return guest_call_rx(pair, true);
}

/* For new buffers of the guest. */
static void rx_kicks_on(struct vhost_pair *pair)
{
	pair_lock(pair);
	if (pair->rx.running)
		virtq_kicks_on(&pair->rx);
	pair_unlock(pair);
}

void guest_kicks_on(struct vhost_pair *pair)
{
	/* What it kicks for would have to wait. */
	if (pair->tx.running && !pair->limited)
		virtq_kicks_on(&pair->tx);
	if (pair->pending_at < pair->n_pending)
		rx_kicks_on(pair);
	if (pair->waiting_for)
		rx_kicks_on(pair->waiting_for);
}

void guest_kicks_off(struct vhost_pair *pair)
{
	if (pair->tx.running)
		virtq_kicks_off(&pair->tx);
	pair_lock(pair);
	if (pair->rx.running)
		virtq_kicks_off(&pair->rx);
	pair_unlock(pair);
}

bool guest_has_work(const struct vhost_pair *pair)
{
	const struct vhost_pair *to = pair->waiting_for;

	if (to && to->rx.running && virtq_has_new(&to->rx))
		return true;
	if (pair->tx.running && !pair->limited &&
	    !virtq_is_broken(&pair->tx) && virtq_has_new(&pair->tx))
		return true;
	if (pair->pending_at == pair->n_pending)
		return !mpsc_is_empty(&pair->in);
	/* Those in front have to find buffers first. */
	if (!pair_rx_ready(pair))
		return !__atomic_load_n(&pair->in_use, __ATOMIC_RELAXED);
	return virtq_has_new(&pair->rx);
}

/* ---- on a guest's behalf ---- */

void guest_announce(struct worker *worker, const struct port *port,
		    const uint8_t mac[6])
{
	/* RARP "request reverse" (RFC 903) of the guest's for itself, which
	 * tells every switch on the way where the address is now. */
	static const uint8_t type[] = { 0x80, 0x35, 0x00, 0x01, 0x08, 0x00,
					0x06, 0x04, 0x00, 0x03 };
	struct arena *arena = &worker->vs->arena;
	uint32_t frame = frame_cache_get(&worker->cache);
	struct packet p = {
		.len = 60,
		.meta = { .in_port = port->slot,
			  .vlan = port->vlan,
			  .class = port->class },
	};
	uint8_t *data;

	if (frame == FRAME_NONE)
		return;
	p.addr = arena_addr(arena, frame) + UMEM_HEADROOM;
	data = packet_data(worker, &p);
	memset(data, 0, p.len);
	memset(data, 0xff, 6);
	memcpy(data + 6, mac, 6);
	memcpy(data + 12, type, sizeof(type));
	memcpy(data + 22, mac, 6);
	memcpy(data + 32, mac, 6);
	worker_count(worker, port->slot, PKT_from_guest, 1, p.len);
	forward_switch(worker, port, &p);
}
