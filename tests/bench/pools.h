/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the cases of pools.c share: the VMs' guests and the wire, in one thread
 * on one core; frames to one VM; results.
 *
 * The guests have the ring that QEMU gives one by default: what it holds lies
 * in guest memory and is no frame of the agent's, so it counts against what a
 * pool is said to hold.
 */
#ifndef BENCH_POOLS_H
#define BENCH_POOLS_H

#define GUEST_RING 256

#include "pvpload.h"

#define POOLS_MAX_VMS	 64
#define POOLS_CONNECT_MS 30000
/* The machine may look elsewhere for a while. */
#define POOLS_DRAIN_NS 40000000

struct pools {
	struct wire wire;
	struct guest guests[POOLS_MAX_VMS];
	uint32_t n_vms;
	uint8_t packet[WIRE_MAX_SIZE];
	uint32_t size; /* bytes of a packet, without FCS */
};

static inline void pools_print(const char *name, double value)
{
	printf("%s %.6g\n", name, value);
	fflush(stdout);
}

/* Frames are for VM @vm from now on. The UDP checksum is left out (0): the
 * source port changes. */
static inline void pools_address(struct pools *p, uint32_t vm)
{
	static const uint8_t wire_mac[6] = PVP_WIRE_MAC;
	const uint8_t vm_mac[6] = { 2, 0, 0, 0, 0, (uint8_t)(vm + 1) };
	struct in_addr src = { htonl(0xc6120001) };
	struct in_addr dst = { htonl(0xc6120002 + vm) };
	struct pvp_stamp stamp = { .magic = PVP_MAGIC };
	size_t udp_len = p->size - ETH_HLEN - sizeof(struct iphdr);
	uint8_t *at = p->packet;

	memset(at, 0, sizeof(p->packet));
	at = packet_put_eth(at, vm_mac, wire_mac, 0, ETH_P_IP);
	at = packet_put_ip4(at, src, dst, IPPROTO_UDP, udp_len);
	packet_put_udp(at, PVP_FIRST_SPORT, 9, udp_len);
	memcpy(p->packet + PVP_STAMP_OFF, &stamp, sizeof(stamp));
}

/* The guest takes what comes until it has @want packets, or nothing has come
 * for POOLS_DRAIN_NS. */
static inline void pools_drain(struct guest *g, uint64_t want)
{
	uint64_t last = now_ns();

	while (g->received < want && now_ns() - last < POOLS_DRAIN_NS)
		if (guest_poll(g, false))
			last = now_ns();
}

/* The buffers that the guest has given and not got back. */
static inline uint32_t pools_posted(const struct guest *g)
{
	return (uint16_t)(g->rx->avail_idx -
			  __atomic_load_n(&g->rx->used->idx, __ATOMIC_ACQUIRE));
}

/* As pools_drain(), for a guest that posts a buffer for each of @n packets and
 * none besides. Returns how many came. */
static inline uint32_t pools_take(struct guest *g, uint32_t n)
{
	struct front_ring *rx = g->rx;
	uint64_t last = now_ns();
	uint32_t got = 0;

	while (got < n && now_ns() - last < POOLS_DRAIN_NS) {
		uint32_t ready = front_ring_ready(rx), want;

		rx->last_used = (uint16_t)(rx->last_used + ready);
		got += ready;
		if (ready)
			last = now_ns();
		want = n - got < GUEST_RING ? n - got : GUEST_RING;
		if (pools_posted(g) < want)
			guest_post(g, want - pools_posted(g));
	}
	return got;
}

/* Listens at DIR/vmN.sock; the agent connects. @post: buffers that each guest
 * gives at first. */
static inline void pools_connect(struct pools *p, const char *dir,
				 uint32_t post)
{
	static char paths[POOLS_MAX_VMS][108];

	for (uint32_t i = 0; i < p->n_vms; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/vm%u.sock", dir,
			 i + 1);
		guest_open(&p->guests[i], paths[i], false, false);
	}
	fputs("ready\n", stderr);
	for (uint32_t i = 0; i < p->n_vms; i++) {
		guest_connect(&p->guests[i], POOLS_CONNECT_MS);
		guest_post(&p->guests[i], post);
	}
}

/* A few packets to each VM until they arrive: ports come up one by one. */
static inline void pools_warm_up(struct pools *p)
{
	for (uint32_t vm = 0; vm < p->n_vms; vm++) {
		struct guest *g = &p->guests[vm];
		uint64_t end = now_ns() + 20 * NSEC_PER_SEC;
		uint64_t before = g->received;

		pools_address(p, vm);
		while (g->received == before && !stop_requested) {
			if (now_ns() > end)
				die("vm%u: the agent delivers nothing", vm + 1);
			if (pools_posted(g) < 8)
				guest_post(g, 8 - pools_posted(g));
			wire_burst(&p->wire, p->packet, p->size, 8);
			pools_drain(g, before + 8);
		}
	}
}

static inline int pools_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts @values. @part 0..1. */
static inline double pools_percentile(double *values, uint32_t n, double part)
{
	uint32_t at = (uint32_t)(part * (double)n);

	if (!n)
		return 0;
	qsort(values, n, sizeof(*values), pools_compare);
	return values[at < n ? at : n - 1];
}

/* Zeroes for @n values; the caller frees them. */
static inline double *pools_values(uint32_t n)
{
	double *values = calloc(n, sizeof(*values));

	if (!values)
		die("no memory");
	return values;
}

/* The median of a[i] : b[i]: of neighbours in time, so that what changes slowly
 * is in both. */
static inline double pools_ratio(const double *a, const double *b, uint32_t n)
{
	double *ratios = pools_values(n), median;

	for (uint32_t i = 0; i < n; i++)
		if (b[i] > 0)
			ratios[i] = a[i] / b[i];
	median = pools_percentile(ratios, n, 0.5);
	free(ratios);
	return median;
}

#endif
