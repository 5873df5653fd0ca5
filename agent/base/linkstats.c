// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Device statistics by RTM_GETSTATS (Linux 4.7): see linkstats.h. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/linkstats.h"

struct mnl_socket *link_stats_open(void)
{
	struct mnl_socket *sock;

	sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!sock)
		return NULL;
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(sock);
		return NULL;
	}
	return sock;
}

void link_stats_close(struct mnl_socket *sock)
{
	if (sock)
		mnl_socket_close(sock);
}

static int parse_attr(const struct nlattr *attr, void *arg)
{
	struct link_stats *stats = arg;
	struct rtnl_link_stats64 raw;

	if (mnl_attr_get_type(attr) != IFLA_STATS_LINK_64)
		return MNL_CB_OK;
	/* Older and newer kernels have fewer or more members. */
	memset(&raw, 0, sizeof(raw));
	memcpy(&raw, mnl_attr_get_payload(attr),
	       mnl_attr_get_payload_len(attr) < sizeof(raw)
		       ? mnl_attr_get_payload_len(attr)
		       : sizeof(raw));
	stats->rx_packets = raw.rx_packets;
	stats->rx_bytes = raw.rx_bytes;
	stats->tx_packets = raw.tx_packets;
	stats->tx_bytes = raw.tx_bytes;
	return MNL_CB_STOP;
}

static int parse_message(const struct nlmsghdr *nlh, void *arg)
{
	mnl_attr_parse(nlh, sizeof(struct if_stats_msg), parse_attr, arg);
	return MNL_CB_STOP;
}

int link_stats_get(struct mnl_socket *sock, int ifindex,
		   struct link_stats *ret_stats)
{
	char buf[4096] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct if_stats_msg *msg;
	struct link_stats stats = { 0 };
	ssize_t n;

	nlh->nlmsg_type = RTM_GETSTATS;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = (uint32_t)ifindex;
	msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	msg->ifindex = (uint32_t)ifindex;
	msg->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(sock, buf, sizeof(buf));
	if (n < 0)
		return -errno;
	if (mnl_cb_run(buf, (size_t)n, (uint32_t)ifindex,
		       mnl_socket_get_portid(sock), parse_message, &stats) < 0)
		return -errno;
	*ret_stats = stats;
	return 0;
}
