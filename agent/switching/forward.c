// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A packet's way through the agent: see forward.h.
 *
 * What comes from a share has been brought to its inner form by the XDP
 * program, unless the driver carries no metadata: then it is done here, with
 * the same parser.
 */
#include <string.h>

#include <pktagent/meta.h>
#include <pktagent/parse.h>

#include "ports/host.h"
#include "ports/queue.h"
#include "switching/breathe.h"
#include "switching/classify.h"
#include "switching/csum.h"
#include "switching/forward.h"
#include "switching/offload.h"
#include "switching/output.h"
#include "switching/sending.h"
#include "switching/shaper.h"

/* Broadcasts that one worker hands to the host: at 20 us each, one percent of
 * its time. */
#define HOST_PER_SEC	500

static void drop(struct worker *worker, uint16_t slot, enum pkt_reason reason,
		 const struct packet *p)
{
	output_drop(worker, slot, reason, packet_word(p));
}

/* The headers of a packet with an ext have moved by @by bytes. */
static void shift_ext(struct worker *worker, const struct packet *p, int by)
{
	struct packet_ext *ext = packet_get_ext(worker, p);

	if (!ext)
		return;
	ext->hdr_len = (uint16_t)(ext->hdr_len + by);
	ext->csum_start = (uint16_t)(ext->csum_start + by);
}

/* Takes the outer tag off, or puts one on. There are 256 bytes of headroom. */
void forward_pop_tag(struct worker *worker, struct packet *p)
{
	uint8_t *data = packet_data(worker, p);

	memmove(data + PKT_TAG_LEN, data, 12);
	p->addr += PKT_TAG_LEN;
	p->len -= PKT_TAG_LEN;
	shift_ext(worker, p, -PKT_TAG_LEN);
}

static void push_tag(struct worker *worker, struct packet *p)
{
	uint16_t tci = (uint16_t)(p->meta.pcp << PKT_TCI_PCP_SHIFT |
				  p->meta.vlan);
	uint8_t *data;

	p->addr -= PKT_TAG_LEN;
	p->len += PKT_TAG_LEN;
	data = packet_data(worker, p);
	memmove(data, data + PKT_TAG_LEN, 12);
	data[12] = PKT_TPID_8021Q >> 8;
	data[13] = PKT_TPID_8021Q & 0xff;
	data[14] = (uint8_t)(tci >> 8);
	data[15] = (uint8_t)tci;
	shift_ext(worker, p, PKT_TAG_LEN);
}

static void finish_csum(struct worker *worker, struct packet *p)
{
	uint8_t *data = packet_data(worker, p);
	struct pkt_parsed parsed;

	if (!pkt_parse(data, data + p->len, 1, &parsed) &&
	    (parsed.flags & PKT_F_CSUM_PARTIAL))
		csum_finish(data, &parsed);
	p->meta.flags &= (uint8_t)~PKT_F_CSUM_PARTIAL;
}

/* The network's tag of a packet that came without metadata, as the programs
 * read it: on an uplink the outer tag names the network; on a VM's port only
 * a priority tag is not the VM's own. */
static void find_network(struct worker *worker, const struct port *in,
			 const struct pkt_parsed *parsed, struct packet *p)
{
	uint16_t vid = parsed->tci[0] & PKT_TCI_VID;
	bool pop = parsed->n_tags && (in->kind == PORT_UPLINK || !vid);

	p->meta.vlan = in->kind == PORT_UPLINK ?
			       (parsed->n_tags ? vid : PKT_VLAN_NONE) :
			       in->vlan;
	if (pop) {
		p->meta.pcp = (uint8_t)(parsed->tci[0] >> PKT_TCI_PCP_SHIFT);
		forward_pop_tag(worker, p);
	}
	pkt_parsed_to_meta(parsed, pop ? PKT_TAG_LEN : 0, &p->meta);
}

/* Makes the metadata that the driver could not carry. */
static bool make_meta(struct worker *worker, const struct port *in,
		      struct packet *p)
{
	uint8_t *data = packet_data(worker, p);
	struct pkt_parsed parsed;
	struct fdb_found found;
	struct fdb_key key;

	memset(&p->meta, 0, sizeof(p->meta));
	if (pkt_parse(data, data + p->len, 1, &parsed)) {
		drop(worker, in->slot, PKT_unparsed, p);
		return false;
	}
	p->meta.in_port = in->slot;
	p->meta.class = in->class;
	p->meta.flags = parsed.flags;
	find_network(worker, in, &parsed, p);
	memcpy(key.mac, packet_data(worker, p) + 6, 6);
	key.vlan = p->meta.vlan;
	if (__atomic_load_n(&in->learn, __ATOMIC_RELAXED) &&
	    (!worker_lookup(worker, &key, in->slot, &found) ||
	     found.port != in->slot))
		p->meta.flags |= PKT_F_LEARN;
	return true;
}

/* Fills in @p from the metadata in front of it. */
static bool load_packet(struct worker *worker, const struct port *in,
			const struct xdp_desc *desc, struct packet *p)
{
	const struct arena *arena = &worker->vs->arena;
	struct pkt_meta *meta;

	p->addr = desc->addr;
	p->len = desc->len;
	p->flags = 0;
	p->number = 0;
	meta = (struct pkt_meta *)packet_data(worker, p) - 1;
	if (__builtin_expect(meta->magic != PKT_META_MAGIC, 0))
		return make_meta(worker, in, p);
	p->meta = *meta;
	meta->magic = 0;
	queue_forget_meta(arena, arena_frame(arena, p->addr));
	return true;
}

void forward_learn(struct worker *worker, const struct port *in,
		   const struct packet *p)
{
	struct fdb_found found;
	struct fdb_key key;

	if (!__atomic_load_n(&in->learn, __ATOMIC_RELAXED))
		return;
	memcpy(key.mac, packet_data(worker, p) + 6, 6);
	key.vlan = p->meta.vlan;
	/* Asked for already, by an earlier packet of the same burst. */
	if (worker_lookup(worker, &key, in->slot, &found) &&
	    found.port == in->slot)
		return;
	worker_learn(worker, &key, in->slot);
}

static void learn_source(struct worker *worker, const struct packet *p)
{
	const struct port *in = vswitch_port(worker->vs, p->meta.in_port);

	if (in)
		forward_learn(worker, in, p);
}

/* The longest that becomes of @p on a wire; without its own tag if @tagged. */
static uint32_t longest(struct worker *worker, const struct packet *p,
			bool tagged)
{
	const struct packet_ext *ext = packet_get_ext(worker, p);
	uint32_t len = p->len;

	if (ext && ext->gso != PACKET_GSO_NONE)
		len = min_u32(len, ext->hdr_len + ext->gso_size);
	return len - (tagged ? PKT_TAG_LEN : 0);
}

/* Why @p may not leave by @to; PKT_N_REASONS: it may. */
static enum pkt_reason refusal(struct worker *worker, const struct packet *p,
			       const struct port *to)
{
	const uint8_t *data = packet_data(worker, p);
	bool tagged = p->len >= PKT_ETH_LEN && pkt_is_tag(pkt_be16(data + 12));
	uint32_t max = __atomic_load_n(&to->max_len, __ATOMIC_RELAXED);

	if (!port_is_up(to))
		return PKT_out_down;
	if (tagged && to->kind == PORT_VM &&
	    !__atomic_load_n(&to->guest_tags, __ATOMIC_RELAXED))
		return PKT_vlan_denied;
	/* A device takes its MTU and one tag more: as the programs' fits(). */
	if (to->kind == PORT_UPLINK && p->meta.vlan != PKT_VLAN_NONE)
		tagged = false;
	if (longest(worker, p, tagged) > max)
		return PKT_too_big;
	return PKT_N_REASONS;
}

/* Into frames of @region. */
static bool copy_packet(struct worker *worker, const struct packet *p,
			uint32_t region, struct packet *ret_copy)
{
	struct arena *arena = &worker->vs->arena;
	uint32_t frame;

	*ret_copy = *p;
	if (p->flags & PACKET_EXT)
		return offload_copy(worker, packet_word(p), region,
				    &ret_copy->addr);
	frame = frame_cache_get(frame_cache_of(&worker->cache, region));
	if (frame == FRAME_NONE)
		return false;
	ret_copy->addr = arena_addr(arena, frame) + UMEM_HEADROOM;
	memcpy(arena_data(arena, ret_copy->addr), packet_data(worker, p),
	       p->len);
	return true;
}

/* The memory that a packet has to be in to leave by @to: the port's own; by an
 * uplink also that of an isolated VM which has a queue there. */
static uint32_t region_for(const struct port *to, uint32_t region)
{
	if (to->kind != PORT_UPLINK || !region)
		return to->region;
	for (uint32_t i = 0; i < to->n_queues; i++)
		if (to->queues[i]->umem.region == region)
			return region;
	return 0;
}

/* Takes the packet to where it can leave by @to. False: it is gone. */
static bool cross(struct worker *worker, struct packet *p, struct port *to)
{
	uint32_t frame = arena_frame(&worker->vs->arena, p->addr);
	uint32_t region = region_for(to, arena_region_of(frame));
	struct packet copy;

	if (region == arena_region_of(frame))
		return true;
	if (!copy_packet(worker, p, region, &copy)) {
		drop(worker, to->slot, PKT_no_frame, p);
		return false;
	}
	packet_free(&worker->cache, packet_word(p));
	*p = copy;
	return true;
}

/* The class that @p waits in for @to: where that matters. */
static uint8_t class_of(const struct worker *worker, const struct packet *p,
			const struct port *to)
{
	const struct classifier *classifier = __atomic_load_n(
		&worker->vs->classifier, __ATOMIC_ACQUIRE);

	if (!classifier || !shaper_of(to))
		return p->meta.class;
	return classify(classifier, &p->meta, packet_data(worker, p), p->len);
}

/* Stages @p for @to in the form that belongs there. */
static void send_to(struct worker *worker, struct packet *p, struct port *to)
{
	enum pkt_reason reason = refusal(worker, p, to);
	uint16_t tag;

	if (reason != PKT_N_REASONS) {
		drop(worker, to->slot, reason, p);
		return;
	}
	if (__builtin_expect(worker->vs->n_regions, 0) &&
	    !cross(worker, p, to))
		return;
	tag = shaper_tag(class_of(worker, p, to), p->meta.in_port);
	if (to->kind == PORT_UPLINK && p->meta.vlan != PKT_VLAN_NONE)
		push_tag(worker, p);
	if (sending_stops(worker, p->meta.in_port) &&
	    sending_keep(worker, p->meta.in_port, to, p->number,
			 packet_word(p), tag))
		return;
	if (p->flags & PACKET_EXT)
		offload_stage(worker, to, packet_word(p), tag);
	else
		output_stage(worker, to, packet_word(p), tag);
}

/* The host's copy of a broadcast from the wire, as it was on the wire. */
static void copy_to_host(struct worker *worker, struct packet *p,
			 const struct port *in)
{
	struct vswitch *vs = worker->vs;
	struct packet outer = *p;

	if (worker->host_s != worker->now_s) {
		worker->host_s = worker->now_s;
		worker->n_host = 0;
	}
	if (worker->n_host++ >= HOST_PER_SEC) {
		worker_count(worker, in->slot, PKT_host_limit, 1, p->len);
		return;
	}
	if (p->meta.vlan != PKT_VLAN_NONE)
		push_tag(worker, &outer);
	if (!host_inject(vs->host_fd, in->ifindex,
			 packet_data(worker, &outer), outer.len))
		worker_count(worker, in->slot, PKT_to_host, 1, outer.len);
	/* What push_tag() moved is moved back. */
	if (p->meta.vlan != PKT_VLAN_NONE)
		forward_pop_tag(worker, &outer);
}

/* A copy for @to, unless what waits for it, or of the sender's, is all that may. */
static void flood_copy(struct worker *worker, const struct packet *p,
		       struct port *to)
{
	uint32_t frame = arena_frame(&worker->vs->arena, p->addr);
	uint32_t region = region_for(to, arena_region_of(frame));
	uint32_t staged = worker->out[to->slot].n;
	struct packet copy;

	if (breathe_make_room(worker, to, staged + 1) <= staged)
		worker_count(worker, to->slot, PKT_out_full, 1, p->len);
	else if (sending_stops(worker, p->meta.in_port) &&
		 !sending_has_room(worker, p->meta.in_port, packet_word(p)))
		worker_count(worker, p->meta.in_port, PKT_rate_full, 1, p->len);
	else if (copy_packet(worker, p, region, &copy))
		send_to(worker, &copy, to);
	else
		worker_count(worker, to->slot, PKT_no_frame, 1, p->len);
}

/* To every other port of the network; never from an uplink to an uplink. */
static void flood(struct worker *worker, struct packet *p,
		  const struct port *in)
{
	const struct network *net = vswitch_net(worker->vs, p->meta.vlan);
	struct port *last = NULL;

	for (uint32_t i = 0; net && i < net->n_members; i++) {
		struct port *to = vswitch_port(worker->vs, net->members[i]);

		if (!to || to == in || !port_is_up(to) ||
		    (to->kind == PORT_UPLINK && in->kind == PORT_UPLINK))
			continue;
		/* One behind, so that the last gets the packet itself. */
		if (last)
			flood_copy(worker, p, last);
		last = to;
	}
	if (last)
		send_to(worker, p, last);
	else
		drop(worker, in->slot, PKT_no_member, p);
}

void forward_switch(struct worker *worker, const struct port *in,
		    struct packet *p)
{
	const uint8_t *data = packet_data(worker, p);
	struct fdb_found found;
	struct fdb_key key;
	struct port *to;

	memcpy(key.mac, data, 6);
	key.vlan = p->meta.vlan;
	if ((key.mac[0] & 1) && in->kind == PORT_UPLINK &&
	    __atomic_load_n(&in->host, __ATOMIC_RELAXED))
		copy_to_host(worker, p, in);
	if ((key.mac[0] & 1) ||
	    !worker_lookup(worker, &key, 0, &found)) {
		flood(worker, p, in);
		return;
	}
	to = vswitch_port(worker->vs, found.port);
	p->number = found.number;
	if (to == in)
		drop(worker, in->slot, PKT_same_port, p);
	else if (!to)
		drop(worker, in->slot, PKT_port_down, p);
	else if (to->kind == PORT_UPLINK && in->kind == PORT_UPLINK)
		drop(worker, in->slot, PKT_uplink_uplink, p);
	else
		send_to(worker, p, to);
}

static void forward_packet(struct worker *worker, struct share *share,
			   const struct xdp_desc *desc)
{
	const struct port *in = share->queue->port;
	struct packet p;

	if (!load_packet(worker, in, desc, &p))
		return;
	if (__builtin_expect(p.meta.flags &
			     (PKT_F_LEARN | PKT_F_CSUM_PARTIAL), 0)) {
		if (p.meta.flags & PKT_F_LEARN)
			learn_source(worker, &p);
		if (p.meta.flags & PKT_F_CSUM_PARTIAL)
			finish_csum(worker, &p);
	}
	if (share->to)
		send_to(worker, &p, share->to);
	else
		forward_switch(worker, in, &p);
}

/* Packets of a VM's own share wait in it while the VM's account is full: the
 * kernel then refuses what the pool does not allow. */
static uint32_t batch_size(struct worker *worker, struct share *share,
			   uint32_t ready)
{
	struct port *in = share->queue->port;
	uint32_t n = ready < BATCH ? ready : BATCH;

	if (!share->to && sending_stops(worker, in->slot))
		return sending_room(worker, in, n);
	if (!share->to || !port_is_up(share->to))
		return n;
	return breathe_make_way(worker, share, worker->out[share->to->slot].n,
				n);
}

uint32_t forward_share(struct worker *worker, struct share *share)
{
	const struct umem *umem = &share->queue->umem;
	struct arena *arena = &worker->vs->arena;
	struct xdp_desc descs[BATCH];
	uint32_t n, pos;

	n = rx_ring_ready(&share->rx);
	if (!n)
		return 0;
	breathe_receive(worker, share->counts,
			share->to ? share_used(share->counts) : n);
	n = batch_size(worker, share, n);
	if (!n) {
		queue_publish(share->queue, share);
		if (share->to)
			worker->blocked = true;
		return 0;
	}
	n = xsk_ring_cons__peek(&share->rx.ring, n, &pos);
	for (uint32_t i = 0; i < n; i++) {
		const char *data;

		descs[i] = *xsk_ring_cons__rx_desc(&share->rx.ring, pos + i);
		descs[i].addr = umem_arena_addr(umem, descs[i].addr);
		data = arena_data(arena, descs[i].addr);
		__builtin_prefetch(data - sizeof(struct pkt_meta), 1);
		__builtin_prefetch(data);
	}
	for (uint32_t i = 0; i < n; i++)
		forward_packet(worker, share, &descs[i]);
	queue_release(share->queue, share, n);
	if (share->to)
		queue_publish(share->queue, share);
	share->counts->seen_ns = worker->now_ns;
	count_add(&share->n_packets, n);
	count_add(&share->queue->n_rx, n);
	return n;
}
