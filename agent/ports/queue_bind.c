// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A queue that is bound anew where it is: see queue.h. */
#include <errno.h>
#include <stdlib.h>

#include "ports/queue.h"
#include "ports/recall.h"

/* The kernel lets go of a queue in a work item after two grace periods: some
 * 20 ms after close(), and longer on a machine whose cores are all busy with
 * packets. */
#define PAUSE_NS NS_PER_MS

/* What is to take the place of a queue's sockets. */
struct queue_sockets {
	struct umem umem;
	struct rx_ring primary;
	uint32_t n_shares; /* prepared, with the primary's place [0] */
	struct rx_ring shares[];
};

void queue_wait_for(struct port *port, uint64_t ns)
{
	port->patient_ns = now_ns() + ns;
}

int queue_bind_umem(const struct queue *queue, struct umem *umem,
		    struct rx_ring *primary)
{
	for (;;) {
		const uint64_t begin = now_ns();
		struct timespec pause = { .tv_nsec = PAUSE_NS };
		uint64_t took;
		int err;

		err = umem_bind(umem, primary, queue->port->ifname,
				queue->index, queue->copy);
		if (err != -EBUSY || now_ns() > queue->port->patient_ns)
			return err;
		/* It makes, and clears, something for each frame, and has
		 * the lock that letting go takes. */
		took = now_ns() - begin;
		if (took > PAUSE_NS && took < NS_PER_SEC)
			pause.tv_nsec = (long)took;
		nanosleep(&pause, NULL);
	}
}

void queue_sockets_free(struct queue_sockets *sockets)
{
	if (!sockets)
		return;
	for (uint32_t i = 1; i < sockets->n_shares; i++)
		rx_ring_close(&sockets->shares[i]);
	umem_close(&sockets->umem, &sockets->primary);
	free(sockets);
}

int queue_prepare(const struct queue *queue, const struct arena *arena,
		  uint32_t n_frames, uint32_t fill_max,
		  struct queue_sockets **ret_sockets)
{
	const struct umem_sizes sizes = {
		.fill = fill_max ? queue_fill_entries(fill_max)
				 : queue->umem.fill_size,
		.tx = queue->umem.tx_size,
		.comp = queue->umem.tx_size * 2,
		.rx = queue->primary.rx.size,
		.frames = n_frames,
	};
	struct queue_sockets *sockets;
	int err;

	sockets =
		calloc(1, sizeof(*sockets) +
				  queue->n_shares * sizeof(sockets->shares[0]));
	if (!sockets)
		return -ENOMEM;
	err = umem_prepare(&sockets->umem, &sockets->primary, arena,
			   queue->umem.region, &sizes);
	for (uint32_t i = 1; !err && i < queue->n_shares; i++) {
		err = rx_ring_prepare(&sockets->shares[i],
				      queue->shares[i]->rx.size);
		if (!err)
			sockets->n_shares = i + 1;
	}
	if (err) {
		queue_sockets_free(sockets);
		return err;
	}
	*ret_sockets = sockets;
	return 0;
}

void queue_unbind(struct queue *queue, struct arena *arena,
		  struct frame_cache *cache)
{
	struct rx_ring *others[PKT_MAX_PORTS];
	uint32_t n = 0;

	for (uint32_t i = 1; i < queue->n_shares; i++)
		others[n++] = &queue->shares[i]->rx;
	umem_close_all(&queue->umem, &queue->primary.rx, others, n);
	recall_forget(queue);
	queue_reclaim(arena, cache, FRAME_QUEUE, queue->id);
	queue->outstanding = 0;
	queue->n_unsent = 0;
}

/* All that was handed over has been read, or is lost. */
static void restart_credit(struct share *share)
{
	share->read = __atomic_load_n(&share->credit->handed, __ATOMIC_ACQUIRE);
	share->handed_seen = share->read;
	share->n_lost_seen = 0;
	share->over = 0;
	share_publish(share);
}

static int bind_all(const struct queue *queue, struct queue_sockets *sockets)
{
	int err;

	err = queue_bind_umem(queue, &sockets->umem, &sockets->primary);
	for (uint32_t i = 1; !err && i < queue->n_shares; i++)
		err = rx_ring_bind(&sockets->shares[i], &sockets->umem,
				   queue->port->ifname, queue->index);
	return err;
}

int queue_bind(struct queue *queue, struct queue_sockets *sockets)
{
	int err = bind_all(queue, sockets);

	if (err) {
		queue_sockets_free(sockets);
		return err;
	}
	queue->umem = sockets->umem;
	queue->primary.rx = sockets->primary;
	for (uint32_t i = 1; i < queue->n_shares; i++)
		queue->shares[i]->rx = sockets->shares[i];
	free(sockets);
	queue->over = 0;
	for (uint32_t i = 1; i < queue->n_shares; i++)
		restart_credit(queue->shares[i]);
	if (queue->slack) {
		queue->taken = __atomic_load_n(&queue->slack->handed,
					       __ATOMIC_ACQUIRE);
		queue_publish(queue, &queue->primary);
	}
	return 0;
}
