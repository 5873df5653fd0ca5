/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wire of the benchmark of VMs, in front of the switch's uplink: a veth end
 * with two ways to send and one to count.
 *
 * Live frames (BPF_PROG_TEST_RUN) cost the least, but the system call that
 * sends them does not return while it does, so it has a thread of its own. That
 * thread is no rival to the guest on the same core: the guest's has real-time
 * priority, sleeps for some microseconds at a time, and the kernel looks whether
 * it is to run after every batch.
 *
 * The AF_XDP socket sends from the caller's thread, at rates that are low
 * enough for it: for latencies.
 */
#ifndef BENCH_PVPWIRE_H
#define BENCH_PVPWIRE_H

#include <pthread.h>

#include "../tools/packet.h"
#include "pvp.h"
#include "xsk.h"

#define WIRE_BATCH    32
#define WIRE_MAX_SIZE 1514
#define WIRE_FRAMES   1024

struct wire {
	struct bpf_object *obj; /* owned */
	struct pvp_send *send;	/* its, mapped */
	volatile struct pvp_sent *sent;
	int generate_fd, received_fd; /* borrowed */
	int n_cpus;
	struct pvp_received *received; /* owned: one per CPU */
	/* the thread of live frames */
	pthread_t thread;
	bool running;
	volatile bool stop;
	uint8_t packet[WIRE_MAX_SIZE];
	uint32_t size;
	int cpu;
	/* AF_XDP */
	struct bench_area area;
	struct bench_xsk xsk;
	uint32_t n_free; /* frames that are not out; used in turn */
	uint32_t next;
};

static inline void wire_on_signal(int sig)
{
	(void)sig;
}

static inline struct pvp_send *wire_map(struct bpf_object *obj)
{
	struct bpf_map *map;
	void *mem;

	bpf_object__for_each_map(map, obj)
	{
		if (!strstr(bpf_map__name(map), ".bss"))
			continue;
		mem = mmap(NULL,
			   sizeof(struct pvp_send) + sizeof(struct pvp_sent),
			   PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map),
			   0);
		if (mem != MAP_FAILED)
			return mem;
		die("the generator's state: %s", strerror(errno));
	}
	die("the generator has no state");
}

/* It stays with the device, which is the benchmark's own. */
static inline void wire_attach(int prog_fd, int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .handle = 1,
		    .priority = 1, .flags = BPF_TC_F_REPLACE);
	int err;

	err = bpf_tc_hook_create(&hook);
	if (err && err != -EEXIST)
		die("clsact: %s", strerror(-err));
	err = bpf_tc_attach(&hook, &opts);
	if (err)
		die("the wire's receiver: %s", strerror(-err));
}

/* On device @dev, with the threads on @cpu. */
static inline void wire_open(struct wire *w, const char *dev, int cpu)
{
	struct sigaction sa = { .sa_handler = wire_on_signal };
	int ifindex = parse_ifindex("wire", dev);

	sigaction(SIGUSR1, &sa, NULL);
	w->cpu = cpu;
	w->obj = bench_open_object("pvp.bpf.o");
	bench_load(w->obj);
	w->generate_fd = bench_prog_fd(w->obj, "generate");
	w->received_fd = bench_map_fd(w->obj, "received");
	w->send = wire_map(w->obj);
	w->sent = (volatile struct pvp_sent *)(w->send + 1);
	w->send->ifindex = (uint32_t)ifindex;
	wire_attach(bench_prog_fd(w->obj, "wire_count"), ifindex);
	w->n_cpus = libbpf_num_possible_cpus();
	w->received = calloc((size_t)w->n_cpus, sizeof(*w->received));
	if (!w->received)
		die("no memory");
	bench_area_open(&w->area, WIRE_FRAMES, 2048, false);
	bench_xsk_open(&w->xsk, &w->area, dev, 0, false, 0);
	w->n_free = WIRE_FRAMES;
}

static inline void wire_close(struct wire *w)
{
	bench_xsk_close(&w->xsk);
	bpf_object__close(w->obj);
	free(w->received);
}

/* ---- what has come back ---- */

static inline void wire_read(struct wire *w)
{
	uint32_t key = 0;

	if (bpf_map_lookup_elem(w->received_fd, &key, w->received))
		die("the wire's counters: %s", strerror(errno));
}

static inline uint64_t wire_received(struct wire *w)
{
	uint64_t sum = 0;

	wire_read(w);
	for (int i = 0; i < w->n_cpus; i++)
		sum += w->received[i].frames;
	return sum;
}

/* Adds the counts of times to @hist. */
static inline void wire_add_times(struct wire *w, uint32_t *hist)
{
	wire_read(w);
	for (int i = 0; i < w->n_cpus; i++)
		for (uint32_t b = 0; b < PVP_BUCKETS; b++)
			hist[b] += w->received[i].hist[b];
}

static inline void wire_reset(struct wire *w)
{
	uint32_t key = 0;

	memset(w->received, 0, (size_t)w->n_cpus * sizeof(*w->received));
	bpf_map_update_elem(w->received_fd, &key, w->received, BPF_ANY);
}

/* ---- live frames ---- */

/* Makes frames of the wire's, @n of them, until a signal comes. 0 or -EINTR. */
static inline int wire_generate(struct wire *w, int n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct xdp_md ctx = { .data_end = w->size };
	int err;

	opts.data_in = w->packet;
	opts.data_size_in = w->size;
	opts.ctx_in = &ctx;
	opts.ctx_size_in = sizeof(ctx);
	opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	opts.batch_size = WIRE_BATCH;
	opts.repeat = n;
	err = bpf_prog_test_run_opts(w->generate_fd, &opts);
	if (err && err != -EINTR)
		die("the kernel does not send live frames: %s", strerror(-err));
	return err;
}

static inline void *wire_run(void *arg)
{
	struct wire *w = arg;

	pin_to_cpu(w->cpu);
	while (!w->stop)
		wire_generate(w, INT_MAX);
	return NULL;
}

/* What is sent from now on, and nothing yet. */
static inline void wire_load(struct wire *w, const uint8_t *packet,
			     uint32_t size, double pps, uint32_t n_flows)
{
	memcpy(w->packet, packet, size);
	memcpy(w->send->head, packet, PVP_HEAD);
	w->size = size;
	w->send->gap_ps = pps > 0 ? (uint64_t)(1e12 / pps) : 0;
	w->send->n_flows = n_flows;
	w->send->on = 0;
	w->sent->sent = 0;
	__atomic_fetch_add(&w->send->epoch, 1, __ATOMIC_RELEASE);
}

/*
 * To be called once before wire_burst(). The kernel lists the XDP programs that
 * are in use, and waits for a grace period, of 10 ms and more, when one comes or
 * goes: the generator stays listed while it is attached to a device, which is
 * one that nothing is sent to.
 */
static inline void wire_prepare_bursts(struct wire *w)
{
	bench_attach(w->generate_fd, parse_ifindex("wire", "lo"), true);
}

/* Sends @n frames as fast as may be. Returns how many were sent, between
 * w->sent->first_ns and last_ns. No thread of live frames may be running. */
static inline uint64_t wire_burst(struct wire *w, const uint8_t *packet,
				  uint32_t size, uint32_t n)
{
	wire_load(w, packet, size, 0, 1);
	w->send->n_burst = n;
	w->send->on = 1;
	wire_generate(w, (int)n);
	w->send->on = 0;
	w->send->n_burst = 0;
	return w->sent->sent;
}

/*
 * Makes ready to send frames like @packet of @size bytes at @pps (0: as fast as
 * may be), from wire_resume() to wire_pause(). How many were sent so far:
 * w->sent->sent.
 */
static inline void wire_start(struct wire *w, const uint8_t *packet,
			      uint32_t size, double pps, uint32_t n_flows)
{
	int err;

	wire_load(w, packet, size, pps, n_flows);
	w->stop = false;
	err = pthread_create(&w->thread, NULL, wire_run, w);
	if (err)
		die("thread: %s", strerror(err));
	w->running = true;
	/* The kernel sets up for long: let it. */
	sleep_until_ns(now_ns() + 5000000);
}

static inline void wire_resume(struct wire *w)
{
	__atomic_store_n(&w->send->on, 1, __ATOMIC_RELEASE);
}

/* Sends no more from here on; the thread ends later. */
static inline void wire_pause(struct wire *w)
{
	__atomic_store_n(&w->send->on, 0, __ATOMIC_RELEASE);
}

static inline void wire_stop(struct wire *w)
{
	wire_pause(w);
	w->stop = true;
	while (w->running) {
		pthread_kill(w->thread, SIGUSR1);
		sleep_until_ns(now_ns() + 2000000);
		w->running = pthread_tryjoin_np(w->thread, NULL) != 0;
	}
}

/* ---- AF_XDP ---- */

static inline void wire_xsk_reclaim(struct wire *w)
{
	uint32_t pos, n = xsk_ring_cons__peek(&w->xsk.comp, WIRE_FRAMES, &pos);

	xsk_ring_cons__release(&w->xsk.comp, n);
	w->n_free += n;
}

/* Sends up to @n frames. Returns how many. */
static inline uint32_t wire_xsk_send(struct wire *w, const uint8_t *packet,
				     uint32_t size, uint32_t n, bool stamp)
{
	uint32_t pos;

	wire_xsk_reclaim(w);
	if (n > w->n_free)
		n = w->n_free;
	if (!n || !xsk_ring_prod__reserve(&w->xsk.tx, n, &pos))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct xdp_desc *desc =
			xsk_ring_prod__tx_desc(&w->xsk.tx, pos + i);
		uint64_t addr = (uint64_t)w->next * w->area.frame_size;
		uint8_t *mem = w->area.mem + addr;
		struct pvp_stamp *s = (void *)(mem + PVP_STAMP_OFF);

		w->next = (w->next + 1) % WIRE_FRAMES;
		memcpy(mem, packet, size);
		if (stamp)
			s->ns = now_ns();
		desc->addr = addr;
		desc->len = size;
		desc->options = 0;
	}
	xsk_ring_prod__submit(&w->xsk.tx, n);
	w->n_free -= n;
	sendto(w->xsk.fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
	return n;
}

#endif
