/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tests of BPF programs share: counting rows, and running a program
 * on a packet (BPF_PROG_TEST_RUN).
 */
#ifndef TESTS_BPF_RUNNER_H
#define TESTS_BPF_RUNNER_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

struct runner {
	unsigned int n_passed;
	unsigned int n_failed;
	unsigned int n_skipped;
	const char *row;	/* being run */
	bool failed;		/* the row has */
};

static struct runner runner;

static inline void row_begin(const char *name)
{
	runner.row = name;
	runner.failed = false;
}

static inline void row_end(void)
{
	if (runner.failed)
		runner.n_failed++;
	else
		runner.n_passed++;
}

/* Says why the row fails. It goes on, so that all reasons are seen. */
__attribute__((format(printf, 1, 2)))
static inline void row_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("FAIL %s: ", runner.row);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	runner.failed = true;
}

/* The closing line and the exit status. */
static inline int runner_end(void)
{
	printf("%u passed, %u failed, %u skipped\n", runner.n_passed,
	       runner.n_failed, runner.n_skipped);
	return runner.n_failed || !runner.n_passed ? 1 : 0;
}

/* Everything skipped: @why. */
static inline int runner_skip(const char *why)
{
	printf("SKIP %s\n0 passed, 0 failed, 1 skipped\n", why);
	return 0;
}

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void shell(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

static inline void shell(const char *fmt, ...)
{
	char command[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

/* A packet, with @meta_len bytes of metadata in front of it. */
struct run {
	uint8_t buf[8192];
	uint32_t meta_len;
	uint32_t len;		/* of all */
	uint32_t ifindex;	/* 0 = loopback */
	uint32_t queue;
	uint32_t verdict;
};

/* Runs @prog_fd on @run in place. The kernel refuses packets of fewer than 14
 * bytes. */
static inline int run_prog(int prog_fd, struct run *run)
{
	static uint8_t out[sizeof(run->buf)];
	struct xdp_md ctx = {
		.data = run->meta_len,
		.data_end = run->len,
		.ingress_ifindex = run->ifindex,
		.rx_queue_index = run->queue,
	};
	struct xdp_md ctx_out = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->buf,
		    .data_size_in = run->len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .ctx_out = &ctx_out,
		    .ctx_size_out = sizeof(ctx_out), .repeat = 1);
	int err = bpf_prog_test_run_opts(prog_fd, &opts);

	if (err)
		return err;
	memcpy(run->buf, out, opts.data_size_out);
	run->len = opts.data_size_out;
	run->meta_len = ctx_out.data;
	run->verdict = opts.retval;
	return 0;
}

#endif
