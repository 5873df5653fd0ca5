// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The device's side of a virtqueue, against a driver (tests/front) that keeps
 * book of what it gets back. */
#include <sys/mman.h>

#include "ring_rig.h"

#define FEATURES \
	(VIRTIO_VERSION_1 | VIRTIO_NET_MRG_RXBUF | VIRTIO_RING_INDIRECT)
#define EVENTS	(FEATURES | VIRTIO_RING_EVENT_IDX)
#define OUTSIDE 0x7000000000ull

/* The tests use the ring from the guest as the driver makes it. */
static struct front_ring *ring_of(struct ring_rig *rig)
{
	return &rig->front.rings[1];
}

static int put(struct ring_rig *rig, uint32_t off, uint32_t len)
{
	struct front_buf buf = { rig->scratch_gpa + off, len };
	int head = front_ring_add(ring_of(rig), &buf, 1, 0);

	assert_true(head >= 0);
	front_ring_publish(ring_of(rig));
	return head;
}

static struct virtq_chain chain;

/* Takes one chain, not published. */
static void take(struct virtq *vq, int head)
{
	assert_true(virtq_avail(vq, 1) >= 1);
	assert_int_equal(virtq_walk(vq, vq->next_avail, false, &chain), 0);
	assert_int_equal(chain.head, head);
	virtq_put_used(vq, 0, chain.head, chain.len);
	virtq_advance(vq, 1);
}

/* ---- indices ---- */

/* 70,000 entries through rings of several sizes, some at a time. */
static void test_wrap(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 4, 256, 32768 };

	(void)state;
	for (uint32_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct ring_rig *rig = rig_open(sizes[s], FEATURES);
		struct virtq *vq = &rig->pair->tx;
		uint64_t rng = 7;
		uint32_t len;
		int heads[16];

		for (uint32_t i = 0; i < 70000;) {
			uint32_t n = 1 + unit_below(&rng, 16);

			if (n > sizes[s])
				n = sizes[s];
			for (uint32_t k = 0; k < n; k++)
				heads[k] = put(rig, k, 60);
			for (uint32_t k = 0; k < n; k++)
				take(vq, heads[k]);
			assert_int_equal(virtq_avail(vq, 1), 0);
			assert_int_equal(front_ring_ready(ring_of(rig)), 0);
			virtq_publish(vq);
			for (uint32_t k = 0; k < n; k++) {
				assert_int_equal(front_ring_take(ring_of(rig),
								 &len),
						 heads[k]);
				assert_int_equal(len, 60);
			}
			assert_int_equal(front_ring_take(ring_of(rig), &len),
					 -EAGAIN);
			i += n;
		}
		rig_close(rig);
	}
}

/* Where used->idx is, whatever the base; before the end of the indices too. */
static void test_resume(void **state)
{
	static const uint16_t idx[] = { 0, 5, 65530 };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(idx); i++) {
		struct ring_rig *rig = rig_open(8, FEATURES);
		struct front_ring *ring = ring_of(rig);
		struct virtq *vq = &rig->pair->tx;
		int heads[8];
		uint32_t len;

		pair_stop(rig->pair, true);
		ring->avail_idx = ring->last_used = idx[i];
		ring->used->idx = ring->avail->idx = idx[i];
		ring->base = (uint16_t)(idx[i] + 3);
		rig_start(rig, 1);
		for (uint32_t k = 0; k < 8; k++)
			heads[k] = put(rig, k, 60);
		for (uint32_t k = 0; k < 5; k++)
			take(vq, heads[k]);
		/* Ends with all that was taken shown, and none besides. */
		assert_int_equal(pair_stop(rig->pair, true),
				 (uint16_t)(idx[i] + 5));
		for (uint32_t k = 0; k < 5; k++)
			assert_int_equal(front_ring_take(ring, &len), heads[k]);
		assert_int_equal(front_ring_take(ring, &len), -EAGAIN);
		rig_start(rig, 1);
		assert_int_equal(virtq_avail(vq, 1), 3);
		for (uint32_t k = 5; k < 8; k++)
			take(vq, heads[k]);
		virtq_publish(vq);
		for (uint32_t k = 5; k < 8; k++)
			assert_int_equal(front_ring_take(ring, &len), heads[k]);
		rig_close(rig);
	}
}

/* What is taken is not shown before it is published: who comes after a crash
 * takes it again. */
static void test_crash(void **state)
{
	struct ring_rig *rig = rig_open(8, FEATURES);
	struct virtq *vq = &rig->pair->tx;
	int first = put(rig, 0, 60), second = put(rig, 60, 60);
	uint32_t len;

	(void)state;
	take(vq, first);
	virtq_publish(vq);
	take(vq, second);
	rig_start(rig, 1);
	assert_int_equal(virtq_avail(vq, 1), 1);
	take(vq, second);
	virtq_publish(vq);
	assert_int_equal(front_ring_take(ring_of(rig), &len), first);
	assert_int_equal(front_ring_take(ring_of(rig), &len), second);
	rig_close(rig);
}

/* ---- notifications ---- */

static void publish(struct ring_rig *rig, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		take(&rig->pair->tx, put(rig, 0, 60));
	virtq_publish(&rig->pair->tx);
}

static uint16_t *used_event(struct ring_rig *rig)
{
	return &ring_of(rig)->avail->ring[ring_of(rig)->num];
}

static uint16_t *avail_event(struct ring_rig *rig)
{
	return (uint16_t *)&ring_of(rig)->used->ring[ring_of(rig)->num];
}

static void test_calls_by_event(void **state)
{
	struct ring_rig *rig = rig_open(64, EVENTS);
	struct virtq *vq = &rig->pair->tx;

	(void)state;
	/* Once at the beginning: what may have been missed. */
	assert_true(virtq_needs_call(vq));
	assert_false(virtq_needs_call(vq));
	/* Of the entries 0, 1 and 2 the guest waits for the last. */
	*used_event(rig) = 2;
	publish(rig, 2);
	assert_false(virtq_needs_call(vq));
	publish(rig, 1);
	assert_true(virtq_needs_call(vq));
	assert_false(virtq_needs_call(vq));
	/* It has seen all; the event lies behind. */
	publish(rig, 5);
	assert_false(virtq_needs_call(vq));
	/* One call for a batch, wherever the event is in it. */
	*used_event(rig) = 10;
	publish(rig, 8);
	assert_true(virtq_needs_call(vq));
	rig_close(rig);
}

static void test_calls_by_event_wrap(void **state)
{
	struct ring_rig *rig = rig_open(64, EVENTS);
	struct front_ring *ring = ring_of(rig);
	struct virtq *vq = &rig->pair->tx;

	(void)state;
	pair_stop(rig->pair, true);
	ring->avail_idx = ring->last_used = 65530;
	ring->used->idx = ring->avail->idx = 65530;
	rig_start(rig, 1);
	virtq_needs_call(vq);
	*used_event(rig) = 2;
	publish(rig, 8);
	assert_false(virtq_needs_call(vq));
	publish(rig, 1);
	assert_true(virtq_needs_call(vq));
	rig_close(rig);
}

static void test_calls_by_flag(void **state)
{
	struct ring_rig *rig = rig_open(64, FEATURES);
	struct virtq *vq = &rig->pair->tx;

	(void)state;
	virtq_needs_call(vq);
	publish(rig, 1);
	assert_true(virtq_needs_call(vq));
	ring_of(rig)->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	publish(rig, 1);
	assert_false(virtq_needs_call(vq));
	ring_of(rig)->avail->flags = 0;
	assert_false(virtq_needs_call(vq));
	publish(rig, 1);
	assert_true(virtq_needs_call(vq));
	rig_close(rig);
}

static void test_kicks(void **state)
{
	struct ring_rig *rig = rig_open(64, FEATURES);
	struct virtq *vq = &rig->pair->tx;

	(void)state;
	virtq_kicks_off(vq);
	assert_false(front_ring_kick(ring_of(rig)));
	virtq_kicks_on(vq);
	assert_false(virtq_has_new(vq));
	put(rig, 0, 60);
	assert_true(front_ring_kick(ring_of(rig)));
	assert_true(virtq_has_new(vq));
	rig_close(rig);

	rig = rig_open(64, EVENTS);
	vq = &rig->pair->tx;
	take(vq, put(rig, 0, 60));
	virtq_kicks_on(vq);
	assert_int_equal(*avail_event(rig), 1);
	front_ring_kick(ring_of(rig));
	put(rig, 0, 60);
	assert_true(front_ring_kick(ring_of(rig)));
	put(rig, 0, 60);
	assert_false(front_ring_kick(ring_of(rig)));
	rig_close(rig);
}

static void test_call(void **state)
{
	struct ring_rig *rig = rig_open(64, FEATURES);
	struct virtq *vq = &rig->pair->tx;
	uint64_t n, full = UINT64_MAX - 1;
	int fd = ring_of(rig)->call_fd;

	(void)state;
	virtq_call(vq, fd);
	virtq_call(vq, fd);
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 2);
	assert_int_equal(vq->n_calls, 2);
	/* It is full, and does not block: as good as called. */
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	virtq_call(vq, fd);
	assert_null(vq->broken);
	virtq_call(vq, -1);
	rig_close(rig);
}

/* ---- chains ---- */

static void assert_pieces(const struct ring_rig *rig,
			  const struct front_buf *bufs, uint32_t n)
{
	uint32_t len = 0;

	assert_int_equal(chain.n, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct virtq_piece *piece = &chain.pieces[i];

		assert_int_equal(piece->gpa, bufs[i].gpa);
		assert_int_equal(piece->len, bufs[i].len);
		/* Another mapping of the same file. */
		assert_memory_equal(piece->data,
				    front_at(&rig->front, bufs[i].gpa),
				    bufs[i].len);
		len += bufs[i].len;
	}
	assert_int_equal(chain.len, len);
}

static void test_chains(void **state)
{
	for (int indirect = 0; indirect < 2; indirect++) {
		struct ring_rig *rig = rig_open(64, FEATURES);
		const uint64_t at = rig->scratch_gpa;
		const struct front_buf bufs[] = {
			{ at, 1 },	   { OUTSIDE, 0 }, { at + 9, 4096 },
			{ at + 5, 65536 }, { at, 1 },	   { OUTSIDE, 0 },
		};
		const struct front_buf want[] = {
			{ at, 1 },
			{ at + 9, 4096 },
			{ at + 5, 65536 },
			{ at, 1 },
		};
		int head;

		rig_fill(rig, 0, 70000);
		head = indirect ? front_ring_add_indirect(ring_of(rig), bufs, 6,
							  0)
				: front_ring_add(ring_of(rig), bufs, 6, 0);
		front_ring_publish(ring_of(rig));
		take(&rig->pair->tx, head);
		assert_pieces(rig, want, 4);
		rig_close(rig);
	}
	(void)state;
}

/* One descriptor alone, and empty. */
static void test_empty_chain(void **state)
{
	struct ring_rig *rig = rig_open(64, FEATURES);

	(void)state;
	take(&rig->pair->tx, put(rig, 0, 0));
	assert_pieces(rig, NULL, 0);
	rig_close(rig);
}

/* Descriptors, and a table at the end of them. */
static void test_direct_and_indirect(void **state)
{
	struct ring_rig *rig = rig_open(64, FEATURES);
	const struct front_buf bufs[] = { { rig->scratch_gpa, 10 },
					  { rig->scratch_gpa + 10, 20 } };
	struct front_ring *ring = ring_of(rig);
	int head = front_ring_add_indirect(ring, &bufs[1], 1, 0);
	uint16_t first = ring->free_head;

	(void)state;
	ring->desc[first] = (struct vring_desc){ bufs[0].gpa, 10,
						 VRING_DESC_F_NEXT,
						 (uint16_t)head };
	ring->avail->ring[0] = first;
	front_ring_publish(ring);
	take(&rig->pair->tx, first);
	assert_pieces(rig, bufs, 2);
	rig_close(rig);
}

/* A buffer over the border of two regions that touch is in two pieces. */
static void test_two_regions(void **state)
{
	struct ring_rig *rig = rig_open_regions(64, FEATURES, false, 2);
	const uint64_t border = RIG_GPA + RIG_REGION;
	const struct front_buf buf = { border - 10, 30 };
	const struct front_buf want[] = { { border - 10, 10 }, { border, 20 } };
	int head = front_ring_add(ring_of(rig), &buf, 1, 0);

	(void)state;
	front_ring_publish(ring_of(rig));
	take(&rig->pair->tx, head);
	assert_pieces(rig, want, 2);
	rig_close(rig);
}

/* 512 pieces are allowed. */
static void test_most_pieces(void **state)
{
	for (uint32_t n = 512; n <= 513; n++) {
		struct ring_rig *rig = rig_open(1024, FEATURES);
		struct front_buf bufs[513];
		struct virtq *vq = &rig->pair->tx;
		int ret;

		for (uint32_t i = 0; i < n; i++)
			bufs[i] = (struct front_buf){ rig->scratch_gpa + i, 1 };
		assert_int_equal(front_ring_add(ring_of(rig), bufs, n, 0), 0);
		front_ring_publish(ring_of(rig));
		assert_int_equal(virtq_avail(vq, 1), 1);
		ret = virtq_walk(vq, 0, false, &chain);
		assert_int_equal(ret, n == 512 ? 0 : -1);
		if (!ret)
			assert_pieces(rig, bufs, n);
		else
			assert_string_equal(vq->broken,
					    "a chain of more than 512 pieces");
		rig_close(rig);
	}
	(void)state;
}

/* ---- what is broken ---- */

#define N 64 /* entries */
#define D(addr, len, flags, next)      \
	{                              \
		addr, len, flags, next \
	}
#define W VRING_DESC_F_WRITE
#define X VRING_DESC_F_NEXT
#define I VRING_DESC_F_INDIRECT
/* In the rows, scratch is at 0. */
#define END (RIG_GPA + RIG_REGION - 1)

static const struct broken {
	const char *name, *why;
	uint16_t head;
	bool write;
	struct vring_desc ring[3];  /* descriptors 0 to 2 */
	struct vring_desc table[3]; /* at scratch 0 */
} broken[] = {
	{ "head", "a descriptor index beyond the ring", N, false, {}, {} },
	{ "head 65535",
	  "a descriptor index beyond the ring",
	  65535,
	  true,
	  {},
	  {} },
	{ "next",
	  "a descriptor index beyond the ring",
	  0,
	  false,
	  { D(0, 1, X, N) },
	  {} },
	{ "loop", "a chain with a loop", 0, false, { D(0, 1, X, 0) }, {} },
	{ "loop of empty ones",
	  "a chain with a loop",
	  1,
	  true,
	  { D(0, 0, X | W, 1), D(0, 0, X | W, 0) },
	  {} },
	{ "not to be read",
	  "a buffer to be sent is write-only",
	  0,
	  false,
	  { D(0, 1, W, 0) },
	  {} },
	{ "not to be written",
	  "a buffer to be filled is read-only",
	  0,
	  true,
	  { D(0, 1, W | X, 1), D(0, 1, 0, 0) },
	  {} },
	{ "outside",
	  "a descriptor points outside the guest's memory",
	  0,
	  false,
	  { D(OUTSIDE, 1, 0, 0) },
	  {} },
	{ "over the end",
	  "a descriptor points outside the guest's memory",
	  0,
	  false,
	  { D(END, 2, 0, 0) },
	  {} },
	{ "over all ends",
	  "a descriptor points outside the guest's memory",
	  0,
	  false,
	  { D(-1ull, 2, 0, 0) },
	  {} },
	{ "no table",
	  "an indirect table of a wrong length",
	  0,
	  false,
	  { D(0, 0, I, 0) },
	  {} },
	{ "17 bytes of table",
	  "an indirect table of a wrong length",
	  0,
	  false,
	  { D(0, 17, I, 0) },
	  {} },
	{ "large table",
	  "an indirect table of a wrong length",
	  0,
	  false,
	  { D(0, 16 * (N + 1), I, 0) },
	  {} },
	{ "table and next",
	  "an indirect table in the middle of a chain",
	  0,
	  false,
	  { D(0, 16, I | X, 1) },
	  {} },
	{ "table outside",
	  "an indirect table outside the guest's memory",
	  0,
	  false,
	  { D(OUTSIDE, 16, I, 0) },
	  {} },
	{ "table over the end",
	  "an indirect table outside the guest's memory",
	  0,
	  false,
	  { D(END - 14, 16, I, 0) },
	  {} },
	{ "table over all ends",
	  "an indirect table outside the guest's memory",
	  0,
	  false,
	  { D(-8ull, 32, I, 0) },
	  {} },
	{ "table in a table",
	  "an indirect table inside another",
	  0,
	  false,
	  { D(0, 16, I, 0) },
	  { D(0, 16, I, 0) } },
	{ "next behind the table",
	  "a descriptor index beyond the indirect table",
	  0,
	  false,
	  { D(0, 32, I, 0) },
	  { D(0, 1, X, 2) } },
	{ "loop in a table",
	  "a chain with a loop in an indirect table",
	  0,
	  false,
	  { D(0, 32, I, 0) },
	  { D(0, 1, X, 1), D(0, 1, X, 0) } },
	{ "write-only in a table",
	  "a buffer to be sent is write-only",
	  0,
	  false,
	  { D(0, 32, I, 0) },
	  { D(0, 1, X, 1), D(0, 1, W, 0) } },
	{ "outside in a table",
	  "a descriptor points outside the guest's memory",
	  0,
	  true,
	  { D(0, 16, I, 0) },
	  { D(OUTSIDE, 1, W, 0) } },
};

/* Of the rows: low addresses are the scratch's. */
static void set_desc(struct ring_rig *rig, struct vring_desc *to,
		     const struct vring_desc *from)
{
	*to = *from;
	if (to->addr < RIG_GPA)
		to->addr += rig->scratch_gpa;
}

static void test_broken(void **state)
{
	(void)state;
	for (uint32_t r = 0; r < ARRAY_SIZE(broken); r++) {
		const struct broken *row = &broken[r];
		struct ring_rig *rig = rig_open(N, FEATURES);
		struct vring_desc *table = (void *)rig->scratch;
		struct virtq *vq = &rig->pair->tx;

		for (uint32_t i = 0; i < 3; i++) {
			set_desc(rig, &ring_of(rig)->desc[i], &row->ring[i]);
			set_desc(rig, &table[i], &row->table[i]);
		}
		front_ring_put(ring_of(rig), row->head);
		front_ring_publish(ring_of(rig));
		assert_int_equal(virtq_avail(vq, 1), 1);
		if (!virtq_walk(vq, 0, row->write, &chain))
			fail_msg("%s: nothing is wrong", row->name);
		if (strcmp(vq->broken, row->why) != 0)
			fail_msg("%s: %s", row->name, vq->broken);
		assert_string_equal(pair_broken(rig->pair), row->why);
		/* The first reason stays, until the ring begins again. */
		virtq_break(vq, "another");
		assert_string_equal(vq->broken, row->why);
		assert_int_equal(virtq_look(vq), 0);
		pair_stop(rig->pair, true);
		pair_forget(rig->pair, true);
		assert_null(pair_broken(rig->pair));
		rig_close(rig);
	}
}

static void test_no_indirect(void **state)
{
	struct ring_rig *rig = rig_open(64, VIRTIO_VERSION_1);
	const struct front_buf buf = { rig->scratch_gpa, 60 };
	struct virtq *vq = &rig->pair->tx;

	(void)state;
	front_ring_add_indirect(ring_of(rig), &buf, 1, 0);
	front_ring_publish(ring_of(rig));
	assert_int_equal(virtq_avail(vq, 1), 1);
	assert_int_equal(virtq_walk(vq, 0, false, &chain), -1);
	assert_string_equal(vq->broken,
			    "an indirect table that was not negotiated");
	rig_close(rig);
}

static void test_two_gigabytes(void **state)
{
	struct ring_rig *rig = rig_open(256, FEATURES);
	struct virtq *vq = &rig->pair->tx;
	struct front_buf bufs[128];

	(void)state;
	for (uint32_t i = 0; i < 128; i++)
		bufs[i] = (struct front_buf){ RIG_GPA, RIG_REGION };
	bufs[127].len--;
	front_ring_add(ring_of(rig), bufs, 128, 0);
	bufs[127].len++;
	front_ring_add(ring_of(rig), bufs, 128, 0);
	front_ring_publish(ring_of(rig));
	assert_int_equal(virtq_avail(vq, 2), 2);
	assert_int_equal(virtq_walk(vq, 0, false, &chain), 0);
	assert_int_equal(chain.len, INT32_MAX);
	assert_int_equal(virtq_walk(vq, 1, false, &chain), -1);
	assert_string_equal(vq->broken, "a chain of more than 2 GiB");
	rig_close(rig);
}

/* As many as the ring has, and no more; a guest may take back what was not
 * taken. */
static void test_avail_idx(void **state)
{
	static const struct {
		uint16_t idx;
		int n; /* -1: broken */
	} rows[] = { { 65530, 0 },  { 65531, 1 },  { 58, 64 },	{ 59, -1 },
		     { 65529, -1 }, { 32762, -1 }, { 65535, 5 } };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring_rig *rig = rig_open(64, FEATURES);
		struct virtq *vq = &rig->pair->tx;

		pair_stop(rig->pair, true);
		ring_of(rig)->used->idx = 65530;
		rig_start(rig, 1);
		ring_of(rig)->avail->idx = rows[i].idx;
		assert_int_equal(virtq_avail(vq, 1),
				 rows[i].n < 0 ? 0 : rows[i].n);
		assert_int_equal(vq->broken != NULL, rows[i].n < 0);
		if (rows[i].n > 1) {
			ring_of(rig)->avail->idx = 65531;
			assert_int_equal(virtq_look(vq), 1);
		}
		rig_close(rig);
	}
}

/* ---- the log ---- */

/* A used ring that goes over pages; only those written to are named. */
static void test_log(void **state)
{
	struct ring_rig *rig = rig_open_regions(1024, EVENTS, true, 1);
	const uint64_t used = ring_of(rig)->log_gpa;
	struct virtq *vq = &rig->pair->tx;
	struct rig_range ranges[] = { { used + 2, 2 }, { used + 4, 8 }, {} };

	(void)state;
	rig_assert_logged(rig, NULL, 0);
	take(vq, put(rig, 0, 60));
	rig_assert_logged(rig, NULL, 0);
	virtq_publish(vq);
	rig_assert_logged(rig, ranges, 2);
	/* The index's page is named each time, an entry's once. */
	for (uint32_t i = 1; i < 1024; i++) {
		take(vq, put(rig, 0, 60));
		virtq_publish(vq);
		ranges[1].gpa = used + 4 + 8ull * i;
		rig_assert_logged(rig, ranges, 2);
	}
	/* Around the end. */
	for (uint32_t i = 0; i < 1024; i++) {
		uint32_t len;

		assert_true(front_ring_take(ring_of(rig), &len) >= 0);
	}
	for (uint32_t i = 0; i < 3; i++)
		take(vq, put(rig, 0, 60));
	virtq_publish(vq);
	ranges[1] = (struct rig_range){ used + 4, 24 };
	rig_assert_logged(rig, ranges, 2);
	virtq_kicks_on(vq);
	ranges[0] = (struct rig_range){ used + 4 + 8 * 1024, 2 };
	rig_assert_logged(rig, ranges, 1);
	rig_close(rig);
}

/* Used rings that are not to be logged, in a memory that is. */
static void test_log_off(void **state)
{
	struct ring_rig *rig = rig_open_regions(64, FEATURES, true, 1);
	struct virtq *vq = &rig->pair->tx;

	(void)state;
	vq->log_used = false;
	take(vq, put(rig, 0, 60));
	virtq_publish(vq);
	virtq_kicks_on(vq);
	virtq_kicks_off(vq);
	rig_assert_logged(rig, NULL, 0);
	rig_close(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_calls_by_event),
		cmocka_unit_test(test_calls_by_event_wrap),
		cmocka_unit_test(test_calls_by_flag),
		cmocka_unit_test(test_kicks),
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_empty_chain),
		cmocka_unit_test(test_direct_and_indirect),
		cmocka_unit_test(test_two_regions),
		cmocka_unit_test(test_most_pieces),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_no_indirect),
		cmocka_unit_test(test_two_gigabytes),
		cmocka_unit_test(test_avail_idx),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
