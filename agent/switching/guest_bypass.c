// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Past the switch: see guest_bypass.h. */
#include <errno.h>
#include <string.h>

#include <pktagent/parse.h>

#include "switching/gso.h"
#include "switching/guest.h"
#include "switching/guest_bypass.h"
#include "switching/offload.h"
#include "switching/source.h"

/* What is read of a packet that only its Ethernet header decides on: a line of
 * the cache, so that short ones are read at once. */
#define HEAD_SHORT	64
/* How long a packet may wait for a buffer of the other guest in its sender's
 * ring, and all behind it: then the switch has it. Longer than a guest's
 * driver needs to come round, shorter than a TCP connection of the sender's to
 * somebody else would notice. */
#define WAIT_NS		(1 * NS_PER_MS)

bool guest_head_is_short(const uint8_t *data)
{
	uint32_t off = 12;

	for (uint32_t tags = 0; tags < 2 && pkt_is_tag(pkt_be16(data + off));
	     tags++)
		off += PKT_TAG_LEN;
	if (pkt_be16(data + off) != PKT_ETHERTYPE_IPV6)
		return true;
	return !pkt_is_ext(data[off + 2 + 6]);
}

void guest_bypass_begin(struct guest_bypass *bypass, struct worker *worker,
			struct vhost_pair *from, uint32_t ready)
{
	const struct port *in = from->port;
	const struct source_rules *rules;

	bypass->head = 0;
	bypass->dst = NULL;
	bypass->n_calls = 0;
	bypass->wait = false;
	if (!__atomic_load_n(&in->may_bypass, __ATOMIC_RELAXED))
		return;
	bypass->worker = worker;
	bypass->from = from;
	bypass->ready = ready;
	rules = __atomic_load_n(&in->source, __ATOMIC_ACQUIRE);
	bypass->head = rules->check_ip ? PAIR_HEAD_HEADERS : HEAD_SHORT;
	bypass->known = false;
	memset(bypass->diverted, 0, sizeof(bypass->diverted));
	bypass->n = 0;
	bypass->bytes = 0;
}

/* Shows the run's packets: first that they were taken, then that they are
 * there. */
static void end_run(struct guest_bypass *bypass)
{
	struct worker *worker = bypass->worker;
	struct vhost_pair *dst = bypass->dst, *from = bypass->from;
	struct counter *c;

	if (!dst)
		return;
	virtq_publish(&from->tx);
	virtq_publish(&dst->rx);
	pair_unlock(dst);
	bypass->dst = NULL;
	c = &from->bypassed[dst->port->slot];
	count_add((uint64_t *)&c->packets, bypass->n);
	count_add((uint64_t *)&c->bytes, bypass->bytes);
	worker_count(worker, from->port->slot, PKT_bypassed, bypass->n,
		     bypass->bytes);
	worker_count(worker, dst->port->slot, PKT_from_agent, bypass->n,
		     bypass->bytes);
	bypass->n = 0;
	bypass->bytes = 0;
}

static void call_all(struct guest_bypass *bypass)
{
	for (uint32_t i = 0; i < bypass->n_calls; i++)
		guest_call_rx(bypass->calls[i], false);
	bypass->n_calls = 0;
}

static bool is_diverted(const struct guest_bypass *bypass, uint16_t slot)
{
	return bypass->diverted[slot / 64] >> slot % 64 & 1;
}

/* Once one packet goes through the switch, the others behind it do. */
static bool divert(struct guest_bypass *bypass, const struct port *to)
{
	bypass->diverted[to->slot / 64] |= 1ull << to->slot % 64;
	bypass->to = NULL;
	return false;
}

/* The port that packets with these addresses go to past the switch, or NULL. */
static struct port *find_target(const struct guest_bypass *bypass,
				const uint8_t *macs)
{
	const struct port *in = bypass->from->port;
	struct vswitch *vs = bypass->worker->vs;
	struct fdb_key src, dst;
	struct fdb_found found;
	struct port *to;

	src.vlan = in->vlan;
	dst.vlan = in->vlan;
	memcpy(dst.mac, macs, 6);
	memcpy(src.mac, macs + 6, 6);
	if ((dst.mac[0] | src.mac[0]) & 1)
		return NULL;
	/* Known to be the sender's: there is nothing to learn. */
	if (!worker_lookup(bypass->worker, &src, in->slot, &found) ||
	    found.port != in->slot ||
	    source_check_mac(in,
			     __atomic_load_n(&in->source, __ATOMIC_ACQUIRE),
			     &found, src.mac) != PKT_N_REASONS)
		return NULL;
	if (!worker_lookup(bypass->worker, &dst, 0, &found) ||
	    !(__atomic_load_n(&in->bypass[found.port / 64],
			      __ATOMIC_RELAXED) >>
		      found.port % 64 &
	      1))
		return NULL;
	to = vswitch_port(vs, found.port);
	if (!to || !to->vhost || !port_is_up(to) ||
	    bypass->worker->out[to->slot].n || is_diverted(bypass, to->slot))
		return NULL;
	return to;
}

/* Whether the sender's addresses are its own, as far as they are checked. */
static bool ip_is_allowed(const struct guest_bypass *bypass,
			  const struct pair_packet *packet)
{
	const struct source_rules *rules = __atomic_load_n(
		&bypass->from->port->source, __ATOMIC_ACQUIRE);
	struct pkt_parsed parsed;

	if (!rules->check_ip)
		return true;
	/* The parser reads no farther than the head, and no farther than the
	 * packet. */
	return guest_head_is_short(packet->head) &&
	       !pkt_parse(packet->head, packet->head + packet->len, 0,
			  &parsed) &&
	       source_check_ip(rules, packet->head, packet->head_len,
			       &parsed) == PKT_N_REASONS;
}

/* Whether @to takes the packet as it is, and the switch would let it pass. */
static bool passes(const struct guest_bypass *bypass,
		   const struct pair_packet *packet, struct packet_ext *ext)
{
	const struct port *in = bypass->from->port, *to = bypass->to;
	uint32_t max = min_u32(__atomic_load_n(&in->max_len, __ATOMIC_RELAXED),
			       __atomic_load_n(&to->max_len, __ATOMIC_RELAXED));

	if (packet->head_len < PKT_ETH_LEN ||
	    pkt_is_tag(pkt_be16(packet->head + 12)))
		return false;
	if (packet->hdr.flags | packet->hdr.gso_type) {
		pair_ext(&packet->hdr, ext);
		if (!offload_accepted(to, ext))
			return false;
		if (ext->gso != PACKET_GSO_NONE &&
		    gso_check(packet->head, packet->head_len, packet->len, ext))
			return false;
		if (guest_longest(ext, packet->len) > max)
			return false;
	} else if (packet->len > max) {
		return false;
	}
	return ip_is_allowed(bypass, packet);
}

/* The pair of @to that this pair's packets go to; NULL: there is none now, or
 * others wait for the guest. */
static struct vhost_pair *choose_pair(const struct guest_bypass *bypass,
				      const struct port *to)
{
	const struct pair_map *map =
		__atomic_load_n(&to->pairs, __ATOMIC_ACQUIRE);
	uint32_t n;

	if (!map)
		return NULL;
	n = map->of_worker[bypass->worker->index].n;
	for (uint32_t i = 0; i < n; i++)
		if (!guest_pair_is_idle(
			    map->of_worker[bypass->worker->index].pairs[i]))
			return NULL;
	return n ? map->of_worker[bypass->worker->index]
			   .pairs[bypass->from->index % n] :
		   NULL;
}

static void remember_call(struct guest_bypass *bypass, struct vhost_pair *dst)
{
	/* Its own pairs a worker calls at the end of each round. */
	if (dst->worker == bypass->worker->index)
		return;
	for (uint32_t i = 0; i < bypass->n_calls; i++)
		if (bypass->calls[i] == dst)
			return;
	if (bypass->n_calls == BYPASS_MAX_CALLS)
		call_all(bypass);
	bypass->calls[bypass->n_calls++] = dst;
}

/* Begins a run to @to unless it is on already. */
static bool begin_run(struct guest_bypass *bypass, const struct port *to)
{
	struct vhost_pair *dst;

	if (bypass->dst && bypass->dst->port == to)
		return true;
	end_run(bypass);
	dst = choose_pair(bypass, to);
	if (!dst)
		return false;
	/* Before the lock: it may call others, who have locks of their own. */
	remember_call(bypass, dst);
	pair_lock(dst);
	if (!pair_rx_ready(dst) || !guest_pair_is_idle(dst)) {
		pair_unlock(dst);
		return false;
	}
	bypass->dst = dst;
	virtq_prefetch(&dst->rx,
		       min_u32(virtq_avail(&dst->rx, bypass->ready),
			       bypass->ready),
		       true);
	return true;
}

/* Whether the packet waits where it is for a buffer of the other guest's. */
static bool may_wait(struct guest_bypass *bypass)
{
	struct vhost_pair *from = bypass->from;
	uint64_t now = now_ns();

	if (!from->waiting_since)
		from->waiting_since = now;
	bypass->wait = now - from->waiting_since < WAIT_NS;
	if (bypass->wait) {
		/* Another worker's guest kicks that worker: then there is only
		 * time. */
		if (bypass->dst->worker == from->worker)
			from->waiting_for = bypass->dst;
		bypass->worker->blocked = true;
	}
	return bypass->wait;
}

bool guest_bypass_packet(struct guest_bypass *bypass,
			 const struct pair_packet *packet)
{
	struct iovec pieces[1 + VIRTQ_MAX_PIECES];
	struct virtio_net_hdr hdr = { 0 };
	struct packet_ext ext;
	struct port *to;
	int err;

	if (packet->head_len < PKT_ETH_LEN)
		return false;
	if (!bypass->known || memcmp(bypass->macs, packet->head,
				     sizeof(bypass->macs)) != 0) {
		memcpy(bypass->macs, packet->head, sizeof(bypass->macs));
		bypass->known = true;
		bypass->to = find_target(bypass, bypass->macs);
	}
	to = bypass->to;
	if (!to)
		return false;
	if (!passes(bypass, packet, &ext) || !begin_run(bypass, to))
		return divert(bypass, to);
	if (packet->hdr.flags | packet->hdr.gso_type)
		pair_header(&ext, &hdr);
	pair_pieces(bypass->from, packet, pieces, ARRAY_SIZE(pieces));
	err = pair_write(bypass->dst, &hdr, pieces, packet->len);
	if (err == -EAGAIN && may_wait(bypass))
		return false;
	if (err)
		return divert(bypass, to);
	bypass->from->waiting_since = 0;
	bypass->n++;
	bypass->bytes += packet->len;
	return true;
}

void guest_bypass_end(struct guest_bypass *bypass)
{
	end_run(bypass);
	call_all(bypass);
}
