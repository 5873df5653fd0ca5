/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One load of the benchmark of VMs: frames on one path, at one rate, for some
 * time, by a thread that is generator and guest at once; and the thread that
 * takes a part of the switch's core away.
 */
#ifndef BENCH_PVPLOAD_H
#define BENCH_PVPLOAD_H

#include "pvpguest.h"
#include "pvpwire.h"

#define PVP_WIRE_MAC               \
	{                          \
		2, 0, 0, 0, 0, 100 \
	}
#define PVP_GUEST_MAC            \
	{                        \
		2, 0, 0, 0, 0, 1 \
	}
#define PVP_GUEST2_MAC           \
	{                        \
		2, 0, 0, 0, 0, 2 \
	}

enum path {
	PATH_WIRE_GUEST_WIRE,
	PATH_WIRE_GUEST,
	PATH_GUEST_WIRE,
	PATH_GUEST_GUEST,
	N_PATHS,
};

/* The guest sleeps so long while live frames are sent on its core. */
#define LOAD_NAP_NS 60000
/* What was sent has arrived if nothing has come for so long. */
#define LOAD_DRAIN_NS 15000000

struct pvp {
	struct wire *wire;	 /* NULL: guest to guest only */
	struct guest *guests[2]; /* the second: guest to guest only */
	uint8_t packet[WIRE_MAX_SIZE];
	uint32_t n_flows;
	pid_t switch_pid; /* 0: its CPU time is not wanted */
};

struct load {
	enum path path;
	uint32_t size; /* bytes, without FCS */
	double pps;    /* 0 = as many as possible */
	uint64_t ns;
	bool stamp; /* measure times; by the one thread alone */
};

struct load_result {
	uint64_t sent, received; /* from first to last */
	/* The sender had more to give than the switch took: frames are lost,
	 * or guests find their rings full. */
	bool pressed;
	/* Without the beginning and the end: */
	double offered, rate;	   /* per second */
	double cost_ns, kernel_ns; /* the switch's CPU time per frame */
};

static inline bool path_from_wire(enum path path)
{
	return path == PATH_WIRE_GUEST_WIRE || path == PATH_WIRE_GUEST;
}

static inline bool path_to_wire(enum path path)
{
	return path == PATH_WIRE_GUEST_WIRE || path == PATH_GUEST_WIRE;
}

/* ---- a rival for the switch's core ---- */

/*
 * Takes a part of a core away from whoever else is there, in slices of some
 * 100 us: where the generator is slower than the switch, this makes the switch
 * the slower one again, and what it costs per packet can be told. Periods vary,
 * so that they do not beat with the kernel's tick.
 */
struct rival {
	pthread_t thread;
	int cpu;
	double part; /* 0..1 */
	volatile bool stop;
};

#define RIVAL_PERIOD_NS 200000

static inline void *rival_run(void *arg)
{
	struct sched_param param = { .sched_priority = 20 };
	struct rival *r = arg;
	uint64_t seed = 1;

	pin_to_cpu(r->cpu);
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param))
		die("no real-time priority: %s", strerror(errno));
	while (!r->stop) {
		uint64_t period = RIVAL_PERIOD_NS / 2 +
				  random_next(&seed) % RIVAL_PERIOD_NS;
		uint64_t begin = now_ns();
		uint64_t end = begin + (uint64_t)(r->part * (double)period);

		while (now_ns() < end)
			;
		sleep_until_ns(begin + period);
	}
	return NULL;
}

static inline void rival_start(struct rival *r, int cpu, double part)
{
	int err;

	*r = (struct rival){ .cpu = cpu, .part = part };
	err = pthread_create(&r->thread, NULL, rival_run, r);
	if (err)
		die("thread: %s", strerror(err));
}

static inline void rival_stop(struct rival *r)
{
	r->stop = true;
	pthread_join(r->thread, NULL);
}

/* ---- CPU time of the switch ---- */

struct cpu_time {
	uint64_t ns;	       /* exact */
	uint64_t user, kernel; /* in ticks, which tell the parts */
};

/* @pid 0: none. */
static inline struct cpu_time read_cpu_time(pid_t pid)
{
	struct cpu_time t = { 0 };
	struct timespec ts;
	char path[64];
	clockid_t clock;
	FILE *file;

	if (!pid)
		return t;
	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		die("process %d has gone", (int)pid);
	t.ns = (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file ||
	    fscanf(file,
		   "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
		   "%*u %lu %lu",
		   &t.user, &t.kernel) != 2)
		die("%s cannot be read", path);
	fclose(file);
	return t;
}

/* ---- the load ---- */

static inline uint64_t load_received(struct pvp *p, enum path path)
{
	if (path_to_wire(path))
		return wire_received(p->wire);
	return p->guests[path == PATH_GUEST_GUEST]->received;
}

/* Everything that may have arrived at the guests. Returns whether anything
 * had. */
static inline bool load_poll(struct pvp *p, enum path path)
{
	bool swap = path == PATH_WIRE_GUEST_WIRE, busy;

	busy = guest_poll(p->guests[0], swap);
	if (path == PATH_GUEST_GUEST)
		busy |= guest_poll(p->guests[1], false) != 0;
	return busy;
}

/* What is due is sent. Returns how many. */
static inline uint32_t load_send(struct pvp *p, const struct load *l,
				 uint32_t due)
{
	if (due > GUEST_BURST)
		due = GUEST_BURST;
	if (path_from_wire(l->path))
		return wire_xsk_send(p->wire, p->packet, l->size, due,
				     l->stamp);
	return guest_send(p->guests[0], p->packet, l->size, due, l->stamp);
}

/* With the wire's live frames: the guest's side alone. */
static inline void load_nap(struct pvp *p, enum path path)
{
	while (load_poll(p, path))
		;
	sleep_until_ns(now_ns() + LOAD_NAP_NS);
}

static inline void load_drain(struct pvp *p, enum path path, uint64_t before,
			      uint64_t sent)
{
	uint64_t last = now_ns(), seen = 0, now, got;

	do {
		for (int i = 0; i < 100; i++)
			load_poll(p, path);
		now = now_ns();
		got = load_received(p, path) - before;
		if (got != seen)
			last = now;
		seen = got;
	} while (got < sent && now - last < LOAD_DRAIN_NS);
}

static inline void load_priority(bool realtime)
{
	struct sched_param param = { .sched_priority = realtime ? 10 : 0 };

	if (sched_setscheduler(0, realtime ? SCHED_FIFO : SCHED_OTHER, &param))
		die("no real-time priority: %s", strerror(errno));
}

struct load_mark {
	uint64_t ns, sent, received;
	struct cpu_time cpu;
};

/* The one thread's loop, or the guest's beside live frames. */
static inline void load_loop(struct pvp *p, const struct load *l, bool live,
			     uint64_t before, struct load_mark marks[2],
			     struct load_result *r)
{
	uint64_t start = now_ns(), now = start, sent = 0, due, mark;
	uint64_t n_bursts = 0, n_cut = 0;
	int n_marks = 0;
	uint32_t n;

	while (now - start < l->ns && !stop_requested) {
		if (live) {
			load_nap(p, l->path);
			sent = p->wire->sent->sent;
		} else {
			due = l->pps > 0 ? (uint64_t)((double)(now - start) *
						      l->pps / 1e9) +
						   1 - sent
					 : GUEST_BURST;
			n = due ? load_send(p, l, (uint32_t)due) : 0;
			sent += n;
			n_bursts++;
			n_cut += n < due;
			load_poll(p, l->path);
		}
		now = now_ns();
		/* The first fifth is the beginning. */
		mark = n_marks ? l->ns - 1000000 : l->ns / 5;
		if (n_marks < 2 && now - start >= mark)
			marks[n_marks++] = (struct load_mark){
				now, sent, load_received(p, l->path) - before,
				read_cpu_time(p->switch_pid)
			};
	}
	r->sent = sent;
	r->pressed = n_cut > n_bursts / 4;
}

/* The UDP checksum is left out (0): the source port changes. */
static inline void load_build(struct pvp *p, const struct load *l)
{
	static const uint8_t macs[3][6] = { PVP_WIRE_MAC, PVP_GUEST_MAC,
					    PVP_GUEST2_MAC };
	int from = path_from_wire(l->path) ? 0 : 1;
	int to = l->path == PATH_GUEST_GUEST ? 2 : 1 - from;
	struct in_addr src = { htonl(0xc6120001 + (uint32_t)from) };
	struct in_addr dst = { htonl(0xc6120001 + (uint32_t)to) };
	struct pvp_stamp stamp = { .magic = PVP_MAGIC };
	size_t udp_len = l->size - ETH_HLEN - sizeof(struct iphdr);
	uint8_t *at = p->packet;

	memset(at, 0, sizeof(p->packet));
	at = packet_put_eth(at, macs[to], macs[from], 0, ETH_P_IP);
	at = packet_put_ip4(at, src, dst, IPPROTO_UDP, udp_len);
	packet_put_udp(at, PVP_FIRST_SPORT, 9, udp_len);
	memcpy(p->packet + PVP_STAMP_OFF, &stamp, sizeof(stamp));
}

static inline void load_rates(struct load_result *r,
			      const struct load_mark *from,
			      const struct load_mark *to)
{
	double ns = (double)(to->ns - from->ns);
	double received = (double)(to->received - from->received);
	double user = (double)(to->cpu.user - from->cpu.user);
	double kernel = (double)(to->cpu.kernel - from->cpu.kernel);

	if (ns <= 0)
		return;
	r->offered = (double)(to->sent - from->sent) * 1e9 / ns;
	r->rate = received * 1e9 / ns;
	if (received > 0)
		r->cost_ns = (double)(to->cpu.ns - from->cpu.ns) / received;
	if (user + kernel > 0)
		r->kernel_ns = r->cost_ns * kernel / (user + kernel);
}

/* Of times in the buckets of pvp.h: microseconds. */
static inline double load_percentile(const uint32_t *hist, double part)
{
	uint64_t n = 0, sum = 0;

	for (uint32_t i = 0; i < PVP_BUCKETS; i++)
		n += hist[i];
	for (uint32_t i = 0; i < PVP_BUCKETS; i++) {
		sum += hist[i];
		if (sum && (double)sum >= part * (double)n)
			return (double)pvp_bucket_ns(i) / 1000;
	}
	return 0;
}

static inline struct load_result load_run(struct pvp *p, const struct load *l)
{
	bool live = path_from_wire(l->path) && !l->stamp;
	struct load_mark marks[2] = { 0 };
	struct load_result r = { 0 };
	uint64_t before;

	load_build(p, l);
	before = load_received(p, l->path);
	if (live) {
		wire_start(p->wire, p->packet, l->size, l->pps, p->n_flows);
		load_priority(true);
		wire_resume(p->wire);
	}
	load_loop(p, l, live, before, marks, &r);
	if (live) {
		wire_pause(p->wire);
		load_nap(p, l->path);
		r.sent = p->wire->sent->sent;
	}
	load_drain(p, l->path, before, r.sent);
	if (live) {
		wire_stop(p->wire);
		load_priority(false);
	}
	r.received = load_received(p, l->path) - before;
	r.pressed |= r.received < r.sent - r.sent / 32;
	load_rates(&r, &marks[0], &marks[1]);
	return r;
}

#endif
