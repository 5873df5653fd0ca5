/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the agent asks of rtnetlink, the netdev family and ethtool's ioctls,
 * about devices in the calling thread's network namespace. Needs
 * CAP_NET_ADMIN where it changes something. Control thread.
 */
#ifndef BASE_NETLINK_H
#define BASE_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct link_info {
	int ifindex;
	char name[IFNAMSIZ];
	char kind[16];		/* "veth", "tun", ...; empty: hardware */
	uint32_t flags;		/* IFF_* */
	uint32_t mtu;
	uint32_t max_mtu;	/* 0 = no limit */
	uint8_t mac[6];
	bool carrier;
	int peer_ifindex;	/* veth: the other end, 0 if unknown */
	bool peer_elsewhere;	/* veth: it is in another namespace ... */
	int peer_nsid;		/* ... which has this number here: netns_id() */
	bool tap;		/* tun: L2 */
	bool vnet_hdr;		/* tun: readers use a vnet header */
	bool multi_queue;	/* tun */
	uint32_t tun_queues;	/* tun: attached queues, 0 if not multi-queue */
	uint32_t xdp_prog_id;	/* 0 = none */
	bool xdp_skb;		/* it runs in generic mode */
};

/* By name. 0, -ENODEV, or another negative errno. */
int link_get(const char *name, struct link_info *ret_info);
int link_get_index(int ifindex, struct link_info *ret_info);

int link_set_flags(int ifindex, uint32_t flags, uint32_t mask);
int link_set_mtu(int ifindex, uint32_t mtu);
int link_delete(int ifindex);

/* Makes a veth pair in this namespace; the peer gets the address @mac. */
int link_create_veth(const char *name, const char *peer, const uint8_t mac[6]);
/* Moves a device to the namespace of @netns_fd. */
int link_move(int ifindex, int netns_fd);

/* Makes a persistent tap; @owner (uid_t)-1 = anybody. */
int tap_create(const char *name, uid_t owner);

/* Receive and transmit queues in use. ETHTOOL_GCHANNELS where the driver has
 * it, otherwise 1 (tap: the queues attached). */
uint32_t link_queues(const struct link_info *info);

/* Driver's name, as ethtool -i prints it; "" if it has none. */
void link_driver(const char *name, char *ret_driver, size_t size);

enum link_offload {
	OFFLOAD_TX_CSUM,	/* ethtool -K tx */
	OFFLOAD_GRO,		/* ethtool -K gro */
	OFFLOAD_RX_VLAN,	/* ethtool -K rxvlan */
	OFFLOAD_TX_VLAN,	/* ethtool -K txvlan */
	OFFLOAD_LRO,		/* ethtool -K lro */
};
const char *link_offload_name(enum link_offload offload);
int link_get_offload(const char *name, enum link_offload offload,
		     bool *ret_on);
/* -EPERM or -EOPNOTSUPP where the driver has it fixed. */
int link_set_offload(const char *name, enum link_offload offload, bool on);

/* NETDEV_XDP_ACT_* of the device (Linux 6.3), or a negative errno. */
int link_xdp_features(int ifindex, uint64_t *ret_features);
#define XDP_FEATURE_BASIC	0x01
#define XDP_FEATURE_REDIRECT	0x02
#define XDP_FEATURE_NDO_XMIT	0x04
#define XDP_FEATURE_ZEROCOPY	0x08

/*
 * A descriptor that becomes readable when devices come, go or change
 * (RTMGRP_LINK) or their XDP features do. The caller owns it, in both
 * families' case one socket: link_monitor_read() tells what changed.
 */
int link_monitor_open(void);
int link_monitor_open_features(void);

/* Reads all that is there. Calls @changed with each ifindex and name (name
 * empty where the message has none; ifindex 0: messages were lost, look at
 * everything). */
void link_monitor_read(int fd,
		       void (*changed)(int ifindex, const char *name,
				       bool gone, void *arg),
		       void *arg);

/* Runs @fn with the thread's network namespace being @netns (a name below
 * /run/netns, or a path). Needs CAP_SYS_ADMIN unless @netns is empty, meaning
 * here. Returns @fn's result or a negative errno. */
int netns_run(const char *netns, int (*fn)(void *arg), void *arg);
/* A descriptor of the namespace, the caller's to close; or a negative errno. */
int netns_open(const char *netns);
/* The number that our namespace has for that of @fd; -1: none, so no device of
 * ours has its other end there. 0 or a negative errno: -EINVAL if it is no
 * network namespace. */
int netns_id(int fd, int *ret_nsid);

#endif
