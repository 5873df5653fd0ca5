/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long an XDP program takes for one packet, by BPF_PROG_TEST_RUN.
 *
 * Several programs are timed in turns (A B A B ...), so that what else the
 * machine does meets all of them alike, and the median of the rounds counts.
 */
#ifndef BENCH_PROGTIME_H
#define BENCH_PROGTIME_H

#include <linux/types.h>

/* As many of the packet's first bytes are restored before each run; no packet
 * may be shorter. */
#define PROGTIME_HEAD 60

struct progtime_head {
	__u8 bytes[PROGTIME_HEAD];
	__u8 pad[4];
};

#ifndef __bpf__
#include "bench.h"

#define PROGTIME_MAX	    4
#define PROGTIME_MAX_ROUNDS 101

struct progtime {
	/* in */
	int prog_fd; /* borrowed */
	/* out */
	double median_ns;
	double min_ns;
	double max_ns;
	uint32_t verdict; /* XDP_* of the last run */
};

struct progtime_input {
	const void *packet;
	uint32_t len; /* PROGTIME_HEAD.. */
	int ifindex;  /* device it seems to come from; 0 = none */
	uint32_t rx_queue;
	int rounds;   /* 1..PROGTIME_MAX_ROUNDS */
	int repeat;   /* runs per round */
	bool restore; /* put the packet back before each run: needed
				 * for programs that change it; its own cost is
				 * in every figure, so compare with the empty
				 * program's */
};

/* A program that returns XDP_PASS and does nothing else. Returns a
 * descriptor. */
static inline int progtime_empty_open(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K,
		  .dst_reg = BPF_REG_0,
		  .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	int fd;

	/* As libbpf sets it: programs of one array must agree about it. */
	opts.expected_attach_type = BPF_XDP;
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "empty", "GPL", insns,
			   ARRAY_SIZE(insns), &opts);
	if (fd < 0)
		die("the empty program does not load: %s", strerror(errno));
	return fd;
}

/* One object per program under test: "again" with @prog_fd behind it. */
static inline struct bpf_object *progtime_wrap(int prog_fd,
					       const struct progtime_input *in,
					       bool frags)
{
	struct bpf_object *obj = bench_open_object("progtime.bpf.o");
	struct progtime_head head = { 0 };
	struct bpf_program *again;
	uint32_t key = 0;
	struct bpf_map *map;

	memcpy(head.bytes, in->packet, PROGTIME_HEAD);
	bpf_object__for_each_map(map, obj)
	{
		const char *name = bpf_map__name(map);

		if (strstr(name, ".rodata"))
			bpf_map__set_initial_value(map, &in->len, 4);
		else if (strstr(name, ".bss"))
			bpf_map__set_initial_value(map, &head, sizeof(head));
	}
	again = bpf_object__find_program_by_name(obj, "again");
	if (frags)
		bpf_program__set_flags(again, BPF_F_XDP_HAS_FRAGS);
	bench_load(obj);
	if (bpf_map_update_elem(bench_map_fd(obj, "target"), &key, &prog_fd,
				BPF_ANY)) {
		bpf_object__close(obj);
		/* Programs of one array must agree about fragments. */
		if (!frags)
			return progtime_wrap(prog_fd, in, true);
		die("the program cannot be called from a program array: %s",
		    strerror(errno));
	}
	return obj;
}

static inline double progtime_round(int prog_fd,
				    const struct progtime_input *in,
				    uint32_t *ret_verdict)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	uint8_t out[4096];
	struct xdp_md ctx = {
		.data_end = in->len,
		.ingress_ifindex = (uint32_t)in->ifindex,
		.rx_queue_index = in->rx_queue,
	};
	int err;

	opts.data_in = in->packet;
	opts.data_size_in = in->len;
	opts.data_out = out;
	opts.data_size_out = sizeof(out);
	opts.ctx_in = &ctx;
	opts.ctx_size_in = sizeof(ctx);
	opts.repeat = in->repeat;
	err = bpf_prog_test_run_opts(prog_fd, &opts);
	if (err)
		die("test run: %s", strerror(-err));
	*ret_verdict = opts.retval;
	return opts.duration;
}

static inline int progtime_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Times @n programs (at most PROGTIME_MAX) on one packet and fills in what
 * @progs has as results. The kernel gives whole nanoseconds per packet. Ends
 * the program if the kernel refuses.
 */
static inline void progtime_run(struct progtime *progs, int n,
				const struct progtime_input *in)
{
	static double ns[PROGTIME_MAX][PROGTIME_MAX_ROUNDS];
	struct bpf_object *wrapped[PROGTIME_MAX] = { NULL };
	int fds[PROGTIME_MAX];

	if (in->len < PROGTIME_HEAD)
		die("packets to be timed have at least %d bytes",
		    PROGTIME_HEAD);
	for (int i = 0; i < n; i++) {
		fds[i] = progs[i].prog_fd;
		if (in->restore) {
			wrapped[i] = progtime_wrap(fds[i], in, false);
			fds[i] = bench_prog_fd(wrapped[i], "again");
		}
		progtime_round(fds[i], in, &progs[i].verdict); /* warm up */
	}
	for (int round = 0; round < in->rounds; round++)
		for (int i = 0; i < n; i++)
			ns[i][round] =
				progtime_round(fds[i], in, &progs[i].verdict);
	for (int i = 0; i < n; i++) {
		qsort(ns[i], (size_t)in->rounds, sizeof(double),
		      progtime_compare);
		progs[i].median_ns = ns[i][in->rounds / 2];
		progs[i].min_ns = ns[i][0];
		progs[i].max_ns = ns[i][in->rounds - 1];
		bpf_object__close(wrapped[i]);
	}
}

#endif
#endif
