// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See ring.h. */
#include "ring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "front.h"

#define INDIRECT_SIZE (FRONT_INDIRECT_MAX * sizeof(struct vring_desc))

int front_ring_init(struct front_ring *ring, struct front *f, uint32_t num)
{
	ring->kick_fd = ring->call_fd = ring->err_fd = -1;
	ring->num = num;
	/* Two more bytes behind each: the events of EVENT_IDX. */
	ring->desc = front_alloc(f, 0, num * sizeof(*ring->desc), 16);
	ring->avail = front_alloc(f, 0, 6 + 2ull * num, 64);
	ring->used = front_alloc(f, 0, 6 + 8ull * num, 64);
	ring->next = calloc(num, sizeof(*ring->next));
	ring->n_chain = calloc(num, sizeof(*ring->n_chain));
	if (!ring->desc || !ring->avail || !ring->used || !ring->next ||
	    !ring->n_chain)
		return -ENOMEM;
	ring->tables = front_alloc(f, 0, num * INDIRECT_SIZE, 16);
	if (ring->tables)
		ring->tables_gpa = front_gpa(f, ring->tables);
	ring->log_gpa = front_gpa(f, ring->used);
	ring->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->kick_fd < 0 || ring->call_fd < 0 || ring->err_fd < 0)
		return -errno;
	front_ring_reset(ring);
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void front_ring_done(struct front_ring *ring)
{
	free(ring->next);
	free(ring->n_chain);
	ring->next = ring->n_chain = NULL;
	if (!ring->num)
		return;
	close_fd(&ring->kick_fd);
	close_fd(&ring->call_fd);
	close_fd(&ring->err_fd);
}

void front_ring_reset(struct front_ring *ring)
{
	memset(ring->desc, 0, ring->num * sizeof(*ring->desc));
	memset(ring->avail, 0, 6 + 2ul * ring->num);
	memset(ring->used, 0, 6 + 8ul * ring->num);
	memset(ring->n_chain, 0, ring->num * sizeof(*ring->n_chain));
	for (uint32_t i = 0; i < ring->num; i++)
		ring->next[i] = (uint16_t)(i + 1);
	ring->free_head = 0;
	ring->n_free = (uint16_t)ring->num;
	ring->avail_idx = ring->kicked_idx = ring->last_used = ring->base = 0;
}

/* ---- making available ---- */

void front_ring_put(struct front_ring *ring, uint16_t head)
{
	ring->avail->ring[ring->avail_idx % ring->num] = head;
	ring->avail_idx++;
}

int front_ring_add(struct front_ring *ring, const struct front_buf *bufs,
		   uint32_t n_out, uint32_t n_in)
{
	uint16_t head = ring->free_head, d = head;
	uint32_t n = n_out + n_in;

	if (!n || n > ring->n_free)
		return -ENOSPC;
	for (uint32_t i = 0; i < n; i++) {
		struct vring_desc *desc = &ring->desc[d];

		desc->addr = bufs[i].gpa;
		desc->len = bufs[i].len;
		desc->flags = i < n_out ? 0 : VRING_DESC_F_WRITE;
		desc->next = 0;
		if (i + 1 < n) {
			desc->flags |= VRING_DESC_F_NEXT;
			desc->next = ring->next[d];
		}
		d = ring->next[d];
	}
	ring->free_head = d;
	ring->n_free = (uint16_t)(ring->n_free - n);
	ring->n_chain[head] = (uint16_t)n;
	front_ring_put(ring, head);
	return head;
}

int front_ring_add_indirect(struct front_ring *ring,
			    const struct front_buf *bufs, uint32_t n_out,
			    uint32_t n_in)
{
	uint16_t head = ring->free_head;
	uint32_t n = n_out + n_in;
	struct vring_desc *table;

	if (!ring->tables || !n || n > FRONT_INDIRECT_MAX || !ring->n_free)
		return -ENOSPC;
	table = ring->tables + (size_t)head * FRONT_INDIRECT_MAX;
	for (uint32_t i = 0; i < n; i++) {
		table[i].addr = bufs[i].gpa;
		table[i].len = bufs[i].len;
		table[i].flags = i < n_out ? 0 : VRING_DESC_F_WRITE;
		table[i].next = 0;
		if (i + 1 < n) {
			table[i].flags |= VRING_DESC_F_NEXT;
			table[i].next = (uint16_t)(i + 1);
		}
	}
	ring->desc[head].addr = ring->tables_gpa + head * INDIRECT_SIZE;
	ring->desc[head].len = (uint32_t)(n * sizeof(*table));
	ring->desc[head].flags = VRING_DESC_F_INDIRECT;
	ring->desc[head].next = 0;
	ring->free_head = ring->next[head];
	ring->n_free--;
	ring->n_chain[head] = 1;
	front_ring_put(ring, head);
	return head;
}

void front_ring_publish(struct front_ring *ring)
{
	__atomic_store_n(&ring->avail->idx, ring->avail_idx, __ATOMIC_RELEASE);
}

void front_ring_kick_always(struct front_ring *ring)
{
	uint64_t one = 1;

	front_ring_publish(ring);
	ring->kicked_idx = ring->avail_idx;
	ring->n_kicks++;
	/* Full is as good as written. */
	if (write(ring->kick_fd, &one, sizeof(one)) < 0)
		return;
}

static uint16_t *avail_event(struct front_ring *ring)
{
	return (uint16_t *)&ring->used->ring[ring->num];
}

static uint16_t *used_event(struct front_ring *ring)
{
	return &ring->avail->ring[ring->num];
}

bool front_ring_kick(struct front_ring *ring)
{
	uint16_t old = ring->kicked_idx;
	bool wanted;

	front_ring_publish(ring);
	/* The index before what the device asks for (2.7.10). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring->event_idx)
		wanted = vring_need_event(__atomic_load_n(avail_event(ring),
							  __ATOMIC_RELAXED),
					  ring->avail_idx, old);
	else
		wanted = !(
			__atomic_load_n(&ring->used->flags, __ATOMIC_RELAXED) &
			VRING_USED_F_NO_NOTIFY);
	ring->kicked_idx = ring->avail_idx;
	if (wanted)
		front_ring_kick_always(ring);
	return wanted;
}

/* ---- taking back ---- */

int front_ring_take(struct front_ring *ring, uint32_t *ret_len)
{
	struct vring_used_elem elem;
	uint16_t d;

	if (!front_ring_ready(ring))
		return -EAGAIN;
	elem = ring->used->ring[ring->last_used % ring->num];
	if (elem.id >= ring->num || !ring->n_chain[elem.id])
		return -EBADMSG;
	ring->last_used++;
	/* Back into the list of the free ones, whose links were kept. */
	d = (uint16_t)elem.id;
	for (uint16_t i = 1; i < ring->n_chain[elem.id]; i++)
		d = ring->next[d];
	ring->next[d] = ring->free_head;
	ring->free_head = (uint16_t)elem.id;
	ring->n_free = (uint16_t)(ring->n_free + ring->n_chain[elem.id]);
	ring->n_chain[elem.id] = 0;
	*ret_len = elem.len;
	return (int)elem.id;
}

void front_ring_silence(struct front_ring *ring)
{
	if (ring->event_idx)
		*used_event(ring) = (uint16_t)(ring->last_used - 1);
	else
		ring->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool front_ring_ask(struct front_ring *ring)
{
	if (ring->event_idx)
		__atomic_store_n(used_event(ring), ring->last_used,
				 __ATOMIC_RELAXED);
	else
		ring->avail->flags = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return front_ring_ready(ring) > 0;
}

void front_ring_clear(struct front_ring *ring)
{
	uint64_t n;

	if (read(ring->call_fd, &n, sizeof(n)) == sizeof(n))
		ring->n_calls += n;
}

int front_ring_wait(struct front_ring *ring, int timeout_ms)
{
	struct pollfd pfd = { .fd = ring->call_fd, .events = POLLIN };
	int64_t end = now_ms() + timeout_ms, left;

	for (;;) {
		if (front_ring_ask(ring))
			return 0;
		left = end - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		poll(&pfd, 1, (int)left);
		front_ring_clear(ring);
	}
}
