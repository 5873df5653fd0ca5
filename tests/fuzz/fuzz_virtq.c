// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Any descriptors, rings, indirect tables and packets in a guest's memory, while
 * the guest goes on writing to it. The input: which features and how many
 * entries; eight bytes for each of some descriptors, of which most point to
 * memory that is there; then steps: what the guest writes, and what the agent
 * does.
 *
 * The memory is three regions, two of which touch, each between pages that
 * nobody may touch, as is the dirty log. Besides what the sanitizers find:
 * pieces lie in their regions; no more is taken than was made available, and
 * what is taken is what is used; what comes out of a packet is as long as the
 * packet; frames are conserved; each page that was written to is in the log.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vhost/pair.h"

#define PAGE	  4096u
#define N_REGIONS 3
#define N_FRAMES  128
#define RX	  0
#define TX	  1
#define SPAN	  16u /* pages that the log covers */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	uint64_t gpa;
	uint32_t pages;
} places[N_REGIONS] = { { 1 * PAGE, 6 }, { 7 * PAGE, 2 }, { 10 * PAGE, 3 } };

static struct guest_mem mem;
static char *shadow[N_REGIONS]; /* as it would be without the agent */
static uint8_t *log_bits;
static struct arena arena;
static struct hostpool pool;
static struct frame_cache cache;
static struct vhost_pair *pair;
static uint32_t num;
static uint64_t features;

/* The input that is left. */
static const uint8_t *in;
static size_t n_in;

#define require(holds)                                          \
	do {                                                    \
		if (!(holds)) {                                 \
			fprintf(stderr, "line %d\n", __LINE__); \
			abort();                                \
		}                                               \
	} while (0)

static uint32_t next_byte(void)
{
	if (!n_in)
		return 0;
	n_in--;
	return *in++;
}

static uint32_t next_word(void)
{
	uint32_t low = next_byte();

	return low | next_byte() << 8;
}

/* ---- memory ---- */

/* @pages with one before and one behind that nobody may touch. */
static char *guarded(uint32_t pages)
{
	char *map = mmap(NULL, (pages + 2) * PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	require(map != MAP_FAILED &&
		!mprotect(map + PAGE, pages * PAGE, PROT_READ | PROT_WRITE));
	return map + PAGE;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (uint32_t i = 0; i < N_REGIONS; i++) {
		mem.regions[i].gpa = places[i].gpa;
		mem.regions[i].size = places[i].pages * PAGE;
		mem.regions[i].host = guarded(places[i].pages);
		shadow[i] = malloc(places[i].pages * PAGE);
		require(shadow[i]);
	}
	mem.n_regions = N_REGIONS;
	/* It ends where nobody may go on. */
	mem.log.size = SPAN / 8;
	log_bits = (uint8_t *)guarded(1) + PAGE - mem.log.size;
	require(!arena_init(&arena, N_FRAMES, 4096, ARENA_PAGES_SMALL) &&
		!hostpool_init(&pool, &arena, 0, 2));
	frame_cache_init(&cache, &pool, 0);
	require(!pair_new(NULL, 0, 0, 64, &pair));
	return 0;
}

/* Where the rings are: two are at a region's end, with the events behind. */
static struct vring_desc *desc_of(uint32_t ring)
{
	return (void *)(mem.regions[0].host + ring * PAGE);
}

static struct vring_avail *avail_of(uint32_t ring)
{
	if (ring == TX)
		return (void *)(mem.regions[0].host + mem.regions[0].size -
				(6 + 2 * num));
	return (void *)(mem.regions[0].host + 2 * PAGE);
}

static struct vring_used *used_of(uint32_t ring)
{
	if (ring == RX)
		return (void *)(mem.regions[1].host + mem.regions[1].size -
				(8 + 8 * num));
	return (void *)(mem.regions[0].host + 3 * PAGE);
}

static uint64_t gpa_of(const void *at)
{
	for (uint32_t i = 0; i < N_REGIONS; i++) {
		uint64_t off =
			(uint64_t)((const char *)at - mem.regions[i].host);

		if (off < mem.regions[i].size)
			return mem.regions[i].gpa + off;
	}
	abort();
}

/* ---- the guest ---- */

/* It writes, and its shadow does the same. */
static void guest_write(void *to, const void *from, uint32_t len)
{
	uint64_t gpa = gpa_of(to);

	for (uint32_t i = 0; i < N_REGIONS; i++) {
		uint64_t off = gpa - mem.regions[i].gpa;

		if (off >= mem.regions[i].size)
			continue;
		if (len > mem.regions[i].size - off)
			len = (uint32_t)(mem.regions[i].size - off);
		memmove(to, from, len);
		memcpy(shadow[i] + off, from, len);
	}
}

static void write_desc(struct vring_desc *desc)
{
	static const uint64_t bases[] = {
		4 * PAGE, 5 * PAGE,	 7 * PAGE - 64, 7 * PAGE,
		8 * PAGE, 9 * PAGE - 64, 10 * PAGE,	13 * PAGE - 64,
	};
	uint32_t kind = next_byte(), flags = next_byte();
	struct vring_desc to = {
		.addr = bases[kind & 7] + (kind & 8 ? next_byte() : 0),
		.len = next_word() >> (kind >> 4 & 7),
		.flags = (uint16_t)(flags & 7),
		.next = (uint16_t)(flags >> 3),
	};

	if (kind & 0x80)
		to.addr = (uint64_t)next_word() << 48 | next_word();
	/* Tables are of whole entries, mostly. */
	if (to.flags & VRING_DESC_F_INDIRECT && !(kind & 0x40))
		to.len &= 0xf0;
	guest_write(desc, &to, sizeof(to));
}

static void write_any(void)
{
	struct guest_region *region = &mem.regions[next_byte() % N_REGIONS];
	uint32_t off = (next_word() << 1) % (uint32_t)region->size;
	uint8_t bytes[16];
	uint32_t n = next_byte() % 16 + 1;

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)next_byte();
	guest_write(region->host + off, bytes, n);
}

/* Makes some heads available. */
static void make_available(uint32_t ring)
{
	struct vring_avail *avail = avail_of(ring);
	uint32_t n = next_byte() % 8 + 1;
	uint16_t idx = avail->idx;

	for (uint32_t i = 0; i < n; i++) {
		uint16_t head = (uint16_t)next_byte();

		guest_write(&avail->ring[idx++ & (num - 1)], &head, 2);
	}
	guest_write(&avail->idx, &idx, sizeof(idx));
}

static void write_avail_idx(uint32_t ring)
{
	uint16_t idx = (uint16_t)next_word();

	guest_write(&avail_of(ring)->idx, &idx, sizeof(idx));
}

/* ---- the agent ---- */

static void start(uint32_t ring)
{
	const struct vhost_ring_start how = {
		.index = ring,
		.num = num,
		.features = features,
		.mem = &mem,
		.desc = desc_of(ring),
		.avail = avail_of(ring),
		.used = used_of(ring),
		.used_log_gpa = gpa_of(used_of(ring)),
		.log_used = true,
		.kick_fd = -1,
		.call_fd = -1,
		.enabled = true,
	};

	pair_start(pair, &how);
}

static void check_chain(const struct virtq_chain *chain)
{
	uint64_t len = 0;

	require(chain->n <= VIRTQ_MAX_PIECES && chain->head < num);
	for (uint32_t i = 0; i < chain->n; i++) {
		const struct virtq_piece *piece = &chain->pieces[i];
		struct guest_region *region = guest_mem_find(&mem, piece->gpa);

		require(piece->len && region &&
			piece->data ==
				region->host + (piece->gpa - region->gpa) &&
			piece->len <=
				region->size - (piece->gpa - region->gpa));
		len += piece->len;
	}
	require(len == chain->len);
}

static void check_ring(const struct virtq *vq)
{
	/* Taken and used in step, and never more than there were. */
	require(vq->next_avail == vq->next_used);
	require((uint16_t)(vq->seen_avail - vq->next_avail) <= num);
}

static uint32_t n_frames(void)
{
	return cache.n + hostpool_free_frames(&pool);
}

static void to_frames(const struct pair_packet *packet)
{
	struct iovec pieces[PACKET_MAX_PIECES];
	uint32_t before = n_frames(), n, len = 0;
	uint64_t word;

	if (!pair_to_frames(pair, packet, &cache, &word)) {
		require(n_frames() == before);
		return;
	}
	require(packet_len(word) == packet->len);
	require(n_frames() + packet_n_frames(&arena, word) == before);
	n = packet_pieces(&arena, word, pieces);
	for (uint32_t i = 0; i < n; i++)
		len += (uint32_t)pieces[i].iov_len;
	require(len == packet->len);
	/* What was looked at is what it is. */
	require(!memcmp(pieces[0].iov_base, packet->head,
			packet->head_len < pieces[0].iov_len
				? packet->head_len
				: pieces[0].iov_len));
	packet_free(&cache, word);
	require(n_frames() == before);
}

/* From the guest into its own other ring, or that of frames. */
static void write_back(const struct virtio_net_hdr *hdr,
		       const struct iovec *pieces, uint32_t len)
{
	const struct virtq *vq = &pair->rx;
	uint16_t next = vq->next_avail;
	int ret;

	if (!pair_rx_ready(pair))
		return;
	ret = pair_write(pair, hdr, pieces, len);
	if (ret)
		require(vq->next_avail == next);
	else
		require(vq->next_avail != next);
	require((ret == -EPIPE) == (vq->broken != NULL));
	check_ring(vq);
}

/* Two guests are never at the same addresses here, whatever files they have: so
 * what comes out of this one's memory goes back into it from elsewhere. */
static void bounce(struct iovec *pieces, uint32_t n)
{
	static char copy[PACKET_MAX_LEN];
	size_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(copy + at, pieces[i].iov_base, pieces[i].iov_len);
		pieces[i].iov_base = copy + at;
		at += pieces[i].iov_len;
	}
}

static void receive(uint32_t how)
{
	struct iovec pieces[1 + VIRTQ_MAX_PIECES];
	struct pair_packet packet;
	enum pair_verdict verdict;
	uint32_t n, len = 0;

	if (!pair->tx.running || pair->tx.broken)
		return;
	verdict = pair_peek(pair, how & 1 ? 160 : 0, &packet);
	require((verdict == PAIR_BROKEN) == (pair->tx.broken != NULL));
	if (verdict == PAIR_NONE || verdict == PAIR_BROKEN)
		return;
	check_chain(&pair->chain);
	if (verdict == PAIR_PACKET) {
		require(packet.len + pair->hdr_len == pair->chain.len &&
			packet.len <= PACKET_MAX_LEN);
		n = pair_pieces(pair, &packet, pieces, ARRAY_SIZE(pieces));
		require(n || !packet.len);
		for (uint32_t i = 0; i < n; i++)
			len += (uint32_t)pieces[i].iov_len;
		require(len == packet.len);
		/* The guest may write in between. */
		if (how & 2)
			write_any();
		if (how & 4) {
			bounce(pieces, n);
			write_back(&packet.hdr, pieces, len);
		} else {
			to_frames(&packet);
		}
	}
	pair_take(pair);
	check_ring(&pair->tx);
}

static void send_frame(uint32_t how)
{
	static char bytes[PACKET_MAX_LEN];
	const struct iovec pieces[] = { { bytes, 7 },
					{ bytes, sizeof(bytes) } };
	const struct virtio_net_hdr hdr = { .flags = (uint8_t)how };

	write_back(&hdr, pieces, 14 + next_word());
}

static void notify(uint32_t how)
{
	for (uint32_t ring = 0; ring < 2; ring++) {
		struct virtq *vq = ring == TX ? &pair->tx : &pair->rx;

		if (!vq->running)
			continue;
		virtq_publish(vq);
		require(used_of(ring)->idx == vq->next_used || vq->broken ||
			how & 0x80);
		virtq_needs_call(vq);
		if (how & 1)
			virtq_kicks_on(vq);
		else
			virtq_kicks_off(vq);
		virtq_has_new(vq);
		virtq_prefetch(vq, how % 64, ring == RX);
	}
}

static void restart(uint32_t how)
{
	struct virtq *vq = how & 1 ? &pair->tx : &pair->rx;

	if (vq->running)
		pair_stop(pair, how & 1);
	pair_forget(pair, how & 1);
	require(!vq->running && !vq->broken);
	start(how & 1);
}

static void step(void)
{
	uint32_t op = next_byte(), how = next_byte();

	switch (op % 8) {
	case 0:
		write_any();
		break;
	case 1:
		make_available(how & 1);
		break;
	case 2:
		write_avail_idx(how & 1);
		break;
	case 3:
		write_desc(&desc_of(how & 1)[how >> 1 & (num - 1)]);
		break;
	case 4:
		receive(how);
		break;
	case 5:
		send_frame(how);
		break;
	case 6:
		notify(how | 0x80);
		break;
	case 7:
		restart(how);
		break;
	}
}

/* Who the log is for copies the pages it names, and has all. */
static void check_log(void)
{
	/* Entries of packets that found no room after all lie behind the index. */
	for (uint32_t ring = 0; ring < 2; ring++)
		guest_write(used_of(ring)->ring, used_of(ring)->ring, 8 * num);
	for (uint32_t i = 0; i < N_REGIONS; i++)
		for (uint32_t p = 0; p < places[i].pages; p++) {
			uint64_t page = places[i].gpa / PAGE + p;

			require(log_bits[page / 8] >> page % 8 & 1 ||
				!memcmp(mem.regions[i].host + p * PAGE,
					shadow[i] + p * PAGE, PAGE));
		}
}

static void begin(void)
{
	uint32_t how = next_byte(), n_desc = next_byte() % 32;

	num = 1u << (how & 7);
	features = VIRTIO_NET_CSUM | VIRTIO_NET_HOST_TSO4 |
		   VIRTIO_NET_HOST_TSO6 | VIRTIO_NET_HOST_ECN;
	features |= how & 8 ? VIRTIO_VERSION_1 : 0;
	features |= how & 16 ? VIRTIO_NET_MRG_RXBUF : 0;
	features |= how & 32 ? VIRTIO_RING_INDIRECT : 0;
	features |= how & 64 ? VIRTIO_RING_EVENT_IDX : 0;
	for (uint32_t i = 0; i < N_REGIONS; i++) {
		memset(mem.regions[i].host, 0, mem.regions[i].size);
		memset(shadow[i], 0, mem.regions[i].size);
	}
	memset(log_bits, 0, mem.log.size);
	mem.log.base = log_bits;
	/* Near the end of the indices, so that they wrap. */
	for (uint32_t ring = 0; how & 128 && ring < 2; ring++) {
		const uint16_t idx = 65530;

		guest_write(&avail_of(ring)->idx, &idx, 2);
		guest_write(&used_of(ring)->idx, &idx, 2);
	}
	for (uint32_t i = 0; i < n_desc; i++)
		write_desc(&desc_of(i & 1)[i / 2 & (num - 1)]);
	start(RX);
	start(TX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t before = n_frames();

	in = data;
	n_in = size;
	begin();
	while (n_in)
		step();
	pair_stop(pair, false);
	pair_stop(pair, true);
	pair_forget(pair, false);
	pair_forget(pair, true);
	require(n_frames() == before && before == N_FRAMES);
	check_log();
	return 0;
}
