// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a snapshot has of vhost-user VMs: see snapshot.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "control/guests.h"
#include "control/snapshot_private.h"

/* What a worker counts, read once. */
#define racy(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

/* Entries that the guest has made available and nobody has taken yet. Its memory
 * is there as long as the ring runs, which this thread ends. */
static uint32_t ring_fill(const struct virtq *vq)
{
	uint16_t avail = racy(vq->avail->idx);

	return min_u32((uint16_t)(avail - racy(vq->next_avail)), vq->num);
}

static void read_ring(const struct virtq *vq, struct snapshot_ring *ring)
{
	ring->running = racy(vq->running);
	ring->enabled = racy(vq->enabled);
	ring->size = vq->num;
	ring->fill = ring->running ? ring_fill(vq) : 0;
	ring->packets = racy(vq->n_packets);
	ring->bytes = racy(vq->n_bytes);
	ring->calls = racy(vq->n_calls);
	ring->kicks = racy(vq->n_kicks_armed);
}

static void read_pair(const struct vhost_pair *pair, struct snapshot_pair *sp,
		      struct counter *bypassed)
{
	sp->worker = pair->worker;
	read_ring(&pair->rx, &sp->to_guest);
	read_ring(&pair->tx, &sp->from_guest);
	sp->copied_in = racy(pair->n_to_frames);
	sp->copied_out = racy(pair->n_from_frames);
	sp->merged = racy(pair->n_merged);
	sp->no_room = racy(pair->n_no_room);
	for (uint32_t i = 0; i < ARRAY_SIZE(pair->bypassed); i++) {
		bypassed->packets += racy(pair->bypassed[i].packets);
		bypassed->bytes += racy(pair->bypassed[i].bytes);
	}
}

int snapshot_read_vhost(const struct vhost_port *vp, struct snapshot_port *sp)
{
	struct snapshot_vhost *vhost = calloc(1, sizeof(*vhost));

	if (!vhost)
		return -ENOMEM;
	sp->vhost = vhost;
	sp->has_link = true;
	vhost_session_info(vp->session, &vhost->info);
	vhost->n_pairs = vp->n_pairs;
	for (uint32_t i = 0; i < vp->n_pairs; i++) {
		struct snapshot_pair *pair = &vhost->pairs[i];

		read_pair(vp->pairs[i], pair, &vhost->bypassed);
		sp->link.rx_packets += pair->from_guest.packets;
		sp->link.rx_bytes += pair->from_guest.bytes;
		sp->link.tx_packets += pair->to_guest.packets;
		sp->link.tx_bytes += pair->to_guest.bytes;
	}
	return 0;
}
