// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets for the host's own stack: see host.h. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/filter.h>

#include "base/base.h"
#include "ports/host.h"

int host_open(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K,
		  .dst_reg = BPF_REG_0,
		  .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "to_host", "GPL", insns,
			     ARRAY_SIZE(insns), NULL);
}

int host_inject(int fd, int ifindex, const void *data, uint32_t len)
{
	struct xdp_md ctx = {
		.data_end = len,
		.ingress_ifindex = (uint32_t)ifindex,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		.data_in = data,
		.data_size_in = len,
		.ctx_in = &ctx,
		.ctx_size_in = sizeof(ctx),
		.repeat = 1,
		.batch_size = 1,
		.flags = BPF_F_TEST_XDP_LIVE_FRAMES,
	);

	return bpf_prog_test_run_opts(fd, &opts);
}
