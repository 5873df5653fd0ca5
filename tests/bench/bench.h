/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the benchmark programs share: their BPF objects, which lie beside the
 * executable, attaching by a bpf_link that ends with the process, and the line
 * of results.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <limits.h>
#include <linux/if_link.h>
#include <unistd.h>

#include "../tools/common.h"

static inline int bench_libbpf_print(enum libbpf_print_level level,
				     const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

/* Opens @file from the directory of the executable, not loaded yet. */
static inline struct bpf_object *bench_open_object(const char *file)
{
	struct bpf_object *obj;
	char path[PATH_MAX];
	ssize_t len;
	char *slash;
	size_t room;

	libbpf_set_print(bench_libbpf_print);
	len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (len < 0)
		die("/proc/self/exe: %s", strerror(errno));
	path[len] = 0;
	slash = strrchr(path, '/');
	room = sizeof(path) - (size_t)(slash + 1 - path);
	if ((size_t)snprintf(slash + 1, room, "%s", file) >= room)
		die("%s: the path is too long", file);
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		die("%s: %s", path, strerror(errno));
	return obj;
}

static inline void bench_load(struct bpf_object *obj)
{
	int err = bpf_object__load(obj);

	if (err)
		die("%s does not load: %s", bpf_object__name(obj),
		    strerror(-err));
}

static inline int bench_prog_fd(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	if (!prog)
		die("%s has no program %s", bpf_object__name(obj), name);
	return bpf_program__fd(prog);
}

static inline int bench_map_fd(struct bpf_object *obj, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	if (!map)
		die("%s has no map %s", bpf_object__name(obj), name);
	return bpf_map__fd(map);
}

/* Returns the link's descriptor; the program is attached as long as it is
 * open. @skb: generic mode instead of the driver's own. */
static inline int bench_attach(int prog_fd, int ifindex, bool skb)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	char name[IF_NAMESIZE] = "?";
	int fd;

	opts.flags = skb ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	fd = bpf_link_create(prog_fd, ifindex, BPF_XDP, &opts);
	if (fd < 0)
		die("cannot attach XDP to %s: %s",
		    if_indextoname((unsigned int)ifindex, name) ? name : "?",
		    strerror(errno));
	return fd;
}

/* The counters of @dev from /proc/net/dev, which shows the caller's network
 * namespace whatever is mounted on /sys. */
struct bench_dev_stats {
	uint64_t rx_packets, rx_bytes, rx_dropped;
	uint64_t tx_packets, tx_bytes, tx_dropped;
};

static inline struct bench_dev_stats bench_read_dev(const char *dev)
{
	struct bench_dev_stats s = { 0 };
	size_t len = strlen(dev);
	bool found = false;
	char line[512];
	FILE *file;

	file = fopen("/proc/thread-self/net/dev", "re");
	if (!file)
		die("/proc/net/dev: %s", strerror(errno));
	while (!found && fgets(line, sizeof(line), file)) {
		char *p = line + strspn(line, " ");

		if (strncmp(p, dev, len) || p[len] != ':')
			continue;
		found = sscanf(p + len + 1,
			       "%lu %lu %*u %lu %*u %*u %*u %*u %lu %lu %*u %lu",
			       &s.rx_bytes, &s.rx_packets, &s.rx_dropped,
			       &s.tx_bytes, &s.tx_packets, &s.tx_dropped) == 6;
	}
	fclose(file);
	if (!found)
		die("%s: no such device in /proc/net/dev", dev);
	return s;
}

/*
 * When to stop measuring: a given time after the first packet, so that a
 * generator may be started later than what it is to feed.
 */
#define BENCH_PATIENCE_NS (10 * NSEC_PER_SEC)

struct bench_window {
	uint64_t length_ns; /* 0 = until a signal */
	uint64_t start_ns;
	uint64_t end_ns;       /* 0 = none yet */
	uint64_t start_cpu_ns; /* of this thread's CPU time */
	bool started;	       /* a packet was seen */
};

static inline uint64_t bench_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static inline struct bench_window bench_window_start(double seconds)
{
	struct bench_window w = {
		.length_ns = (uint64_t)(seconds * 1e9),
		.start_ns = now_ns(),
		.start_cpu_ns = bench_cpu_ns(),
	};

	if (w.length_ns)
		w.end_ns = w.start_ns + BENCH_PATIENCE_NS;
	return w;
}

/* To be called often, with the packets seen so far. */
static inline bool bench_window_over(struct bench_window *w, uint64_t packets)
{
	uint64_t now = now_ns();

	if (packets && !w->started) {
		w->started = true;
		w->start_ns = now;
		w->start_cpu_ns = bench_cpu_ns();
		if (w->length_ns)
			w->end_ns = now + w->length_ns;
	}
	return w->end_ns && now >= w->end_ns;
}

static inline uint64_t bench_window_ns(const struct bench_window *w)
{
	return now_ns() - w->start_ns;
}

/* The result of a loop that polls without a pause, with the rate per second of
 * CPU time, which tells what the loop can do when it shares its core. */
static inline void bench_print_loop(bool json, const char *what,
				    uint64_t packets,
				    const struct bench_window *w)
{
	double seconds = (double)(now_ns() - w->start_ns) / 1e9;
	double cpu = (double)(bench_cpu_ns() - w->start_cpu_ns) / 1e9;

	if (json)
		printf("{\"what\":\"%s\",\"packets\":%lu,\"seconds\":%.6f,"
		       "\"pps\":%.0f,\"cpu_seconds\":%.6f,"
		       "\"pps_per_core\":%.0f}\n",
		       what, packets, seconds, (double)packets / seconds, cpu,
		       (double)packets / cpu);
	else
		printf("%s: %lu packets in %.3f s, %.4f Mpps; "
		       "%.4f Mpps of a whole core\n",
		       what, packets, seconds, (double)packets / seconds / 1e6,
		       (double)packets / cpu / 1e6);
	fflush(stdout);
}

/* One line of result: for people, or one JSON object with @json. */
static inline void bench_print(bool json, const char *what, uint64_t packets,
			       uint64_t ns)
{
	double seconds = (double)ns / 1e9;
	double pps = ns ? (double)packets / seconds : 0;

	if (json)
		printf("{\"what\":\"%s\",\"packets\":%lu,\"seconds\":%.6f,"
		       "\"pps\":%.0f}\n",
		       what, packets, seconds, pps);
	else
		printf("%s: %lu packets in %.3f s, %.4f Mpps\n", what, packets,
		       seconds, pps / 1e6);
	fflush(stdout);
}

#endif
