/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel-backed AF_XDP on one end of veth pairs, for the tests of umem.c and
 * queue.c, in a network namespace of the test's own:
 *
 *	x1: packet socket ==veth== x0: XDP program ─► XSKMAP[byte 14]
 *
 * A frame is its Ethernet header, the map's key and a number.
 */
#ifndef TESTS_UNIT_XSK_LAB_H
#define TESTS_UNIT_XSK_LAB_H

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/netlink.h"
#include "unit.h"

#define ETHERTYPE 0x88b5
#define LEN	  64

static int map_fd = -1;

#define INSN(c, dst, src, o, i)                                              \
	{                                                                    \
		.code = (c), .dst_reg = (dst), .src_reg = (src), .off = (o), \
		.imm = (i)                                                   \
	}

static inline int lab_load_program(void)
{
	const struct bpf_insn insns[] = {
		/* r2 = data, r3 = data_end; shorter than 15: drop */
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 1, 4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 15),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_DROP),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 6, 0),
		/* bpf_redirect_map(&map, data[14], XDP_DROP) */
		INSN(BPF_LDX | BPF_MEM | BPF_B, 2, 2, 14, 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0,
		     map_fd),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_DROP),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "by_byte", "GPL", insns,
			     ARRAY_SIZE(insns), NULL);
}

static inline int lab_packet_socket(int ifindex)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
		.sll_ifindex = ifindex,
	};
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETHERTYPE));

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) <
		    0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
		       sizeof(on)) < 0)
		return -1;
	return fd;
}

/* Has @ifname run the program. 0 or a negative errno. */
static inline int lab_attach(const char *ifname, uint32_t xdp_flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = xdp_flags);
	struct link_info info;
	int prog_fd, err = link_get(ifname, &info);

	if (!err)
		err = link_set_flags(info.ifindex, IFF_UP, IFF_UP);
	if (err)
		return err;
	prog_fd = lab_load_program();
	if (prog_fd < 0)
		return prog_fd;
	err = bpf_link_create(prog_fd, info.ifindex, BPF_XDP, &opts);
	return err < 0 ? err : 0;
}

/* A pair of which @a has the program. Returns @b's packet socket, or -1. */
static inline int lab_pair_by(const char *a, const char *b, uint32_t xdp_flags)
{
	struct link_info info;

	if (unit_veth(a, b) || link_get(b, &info) ||
	    link_set_flags(info.ifindex, IFF_UP, IFF_UP) ||
	    lab_attach(a, xdp_flags))
		return -1;
	return lab_packet_socket(info.ifindex);
}

static inline int lab_pair(const char *a, const char *b)
{
	return lab_pair_by(a, b, XDP_FLAGS_DRV_MODE);
}

/* A tap with the program. Returns the descriptor that its VM writes to, or
 * -1. */
static inline int lab_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 ||
	    lab_attach(name, XDP_FLAGS_DRV_MODE))
		return -1;
	return fd;
}

/* NULL, or why there is no lab here. */
static inline const char *lab_begin(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return "no network namespace of its own (needs root)";
	map_fd = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xsks", 4, 4, 256, NULL);
	return map_fd < 0 ? "no XSKMAP" : NULL;
}

#endif
