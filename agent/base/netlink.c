// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* rtnetlink and the netdev family, through libmnl: see netlink.h. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/netlink.h"

/* linux/netdev.h of 6.3 and later. */
#define NETDEV_FAMILY		"netdev"
#define NETDEV_GROUP_MGMT	"mgmt"
#define NETDEV_CMD_DEV_GET	1
#define NETDEV_A_DEV_IFINDEX	1
#define NETDEV_A_DEV_XDP_FEATURES 3

/* A request with several thousand bytes of room for the answer. */
struct request {
	char buf[16384];
	struct nlmsghdr *nlh;
};

static void request_init(struct request *req, uint16_t type, uint16_t flags)
{
	memset(req->buf, 0, 256);
	req->nlh = mnl_nlmsg_put_header(req->buf);
	req->nlh->nlmsg_type = type;
	req->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	req->nlh->nlmsg_seq = 1;
}

static struct ifinfomsg *request_link(struct request *req, uint16_t type,
				      uint16_t flags, int ifindex)
{
	struct ifinfomsg *ifi;

	request_init(req, type, flags);
	ifi = mnl_nlmsg_put_extra_header(req->nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	return ifi;
}

/* Sends @req to the kernel and hands the answer to @parse. */
static int request_run(struct request *req, int bus, mnl_cb_t parse, void *arg)
{
	struct mnl_socket *sock;
	int n, ret;

	sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!sock) {
		ret = -errno;
		return ret;
	}
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(sock, req->nlh, req->nlh->nlmsg_len) < 0) {
		ret = -errno;
		goto out;
	}
	do {
		n = (int)mnl_socket_recvfrom(sock, req->buf, sizeof(req->buf));
		if (n < 0) {
			ret = -errno;
			goto out;
		}
		ret = mnl_cb_run(req->buf, (size_t)n, 1,
				 mnl_socket_get_portid(sock), parse, arg);
		if (ret < 0) {
			ret = -errno;
			goto out;
		}
		/* An answer without acknowledgement is one message. */
		if (((struct nlmsghdr *)req->buf)->nlmsg_type != NLMSG_ERROR)
			ret = MNL_CB_STOP;
	} while (ret > MNL_CB_STOP);
	ret = 0;
out:
	mnl_socket_close(sock);
	return ret;
}

/* ---- reading a link ---- */

static void parse_tun(const struct nlattr *data, struct link_info *info)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_TUN_TYPE:
			info->tap = mnl_attr_get_u8(attr) == IFF_TAP;
			break;
		case IFLA_TUN_VNET_HDR:
			info->vnet_hdr = mnl_attr_get_u8(attr);
			break;
		case IFLA_TUN_MULTI_QUEUE:
			info->multi_queue = mnl_attr_get_u8(attr);
			break;
		case IFLA_TUN_NUM_QUEUES:
			info->tun_queues = mnl_attr_get_u32(attr);
			break;
		default:
			break;
		}
	}
}

static void parse_linkinfo(const struct nlattr *linkinfo,
			   struct link_info *info)
{
	const struct nlattr *attr, *data = NULL;

	mnl_attr_for_each_nested(attr, linkinfo) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			snprintf(info->kind, sizeof(info->kind), "%s",
				 mnl_attr_get_str(attr));
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	if (data && !strcmp(info->kind, "tun"))
		parse_tun(data, info);
}

static void parse_xdp(const struct nlattr *xdp, struct link_info *info)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, xdp)
		if (mnl_attr_get_type(attr) == IFLA_XDP_PROG_ID)
			info->xdp_prog_id = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == IFLA_XDP_ATTACHED)
			info->xdp_skb = mnl_attr_get_u8(attr) ==
					XDP_ATTACHED_SKB;
}

static int parse_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct link_info *info = arg;
	const struct nlattr *attr;

	info->ifindex = ifi->ifi_index;
	info->flags = ifi->ifi_flags;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			snprintf(info->name, sizeof(info->name), "%s",
				 mnl_attr_get_str(attr));
			break;
		case IFLA_MTU:
			info->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_MAX_MTU:
			info->max_mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == 6)
				memcpy(info->mac, mnl_attr_get_payload(attr),
				       6);
			break;
		case IFLA_CARRIER:
			info->carrier = mnl_attr_get_u8(attr);
			break;
		case IFLA_LINK:
			info->peer_ifindex = (int)mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK_NETNSID:
			info->peer_elsewhere = true;
			info->peer_nsid = (int)mnl_attr_get_u32(attr);
			break;
		case IFLA_LINKINFO:
			parse_linkinfo(attr, info);
			break;
		case IFLA_XDP:
			parse_xdp(attr, info);
			break;
		default:
			break;
		}
	}
	return MNL_CB_OK;
}

int link_get(const char *name, struct link_info *ret_info)
{
	struct link_info info = { 0 };
	struct request req;
	int err;

	request_link(&req, RTM_GETLINK, 0, 0);
	mnl_attr_put_strz(req.nlh, IFLA_IFNAME, name);
	err = request_run(&req, NETLINK_ROUTE, parse_link, &info);
	if (!err)
		*ret_info = info;
	return err;
}

int link_get_index(int ifindex, struct link_info *ret_info)
{
	struct link_info info = { 0 };
	struct request req;
	int err;

	request_link(&req, RTM_GETLINK, 0, ifindex);
	err = request_run(&req, NETLINK_ROUTE, parse_link, &info);
	if (!err)
		*ret_info = info;
	return err;
}

static int parse_nsid(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;
	int *nsid = arg;

	mnl_attr_for_each(attr, nlh, sizeof(struct rtgenmsg))
		if (mnl_attr_get_type(attr) == NETNSA_NSID)
			*nsid = (int)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

int netns_id(int fd, int *ret_nsid)
{
	struct request req;
	int nsid = -1, err;

	request_init(&req, RTM_GETNSID, 0);
	mnl_nlmsg_put_extra_header(req.nlh, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(req.nlh, NETNSA_FD, (uint32_t)fd);
	err = request_run(&req, NETLINK_ROUTE, parse_nsid, &nsid);
	if (!err)
		*ret_nsid = nsid;
	return err;
}

/* ---- changing links ---- */

int link_set_flags(int ifindex, uint32_t flags, uint32_t mask)
{
	struct ifinfomsg *ifi;
	struct request req;

	ifi = request_link(&req, RTM_NEWLINK, NLM_F_ACK, ifindex);
	ifi->ifi_flags = flags;
	ifi->ifi_change = mask;
	return request_run(&req, NETLINK_ROUTE, NULL, NULL);
}

int link_set_mtu(int ifindex, uint32_t mtu)
{
	struct request req;

	request_link(&req, RTM_NEWLINK, NLM_F_ACK, ifindex);
	mnl_attr_put_u32(req.nlh, IFLA_MTU, mtu);
	return request_run(&req, NETLINK_ROUTE, NULL, NULL);
}

int link_delete(int ifindex)
{
	struct request req;

	request_link(&req, RTM_DELLINK, NLM_F_ACK, ifindex);
	return request_run(&req, NETLINK_ROUTE, NULL, NULL);
}

int link_move(int ifindex, int netns_fd)
{
	struct request req;

	request_link(&req, RTM_NEWLINK, NLM_F_ACK, ifindex);
	mnl_attr_put_u32(req.nlh, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	return request_run(&req, NETLINK_ROUTE, NULL, NULL);
}

int link_create_veth(const char *name, const char *peer, const uint8_t mac[6])
{
	struct nlattr *linkinfo, *data, *peerinfo;
	struct request req;

	request_link(&req, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
		     0);
	mnl_attr_put_strz(req.nlh, IFLA_IFNAME, name);
	linkinfo = mnl_attr_nest_start(req.nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(req.nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(req.nlh, IFLA_INFO_DATA);
	peerinfo = mnl_attr_nest_start(req.nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(req.nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(req.nlh, IFLA_IFNAME, peer);
	mnl_attr_put(req.nlh, IFLA_ADDRESS, 6, mac);
	mnl_attr_nest_end(req.nlh, peerinfo);
	mnl_attr_nest_end(req.nlh, data);
	mnl_attr_nest_end(req.nlh, linkinfo);
	return request_run(&req, NETLINK_ROUTE, NULL, NULL);
}

/* ---- the netdev family ---- */

struct family {
	uint16_t id;
	uint32_t group;		/* of NETDEV_GROUP_MGMT; 0 = not there */
};

static void parse_groups(const struct nlattr *groups, struct family *family)
{
	const struct nlattr *group, *attr;

	mnl_attr_for_each_nested(group, groups) {
		const char *name = "";
		uint32_t id = 0;

		mnl_attr_for_each_nested(attr, group) {
			if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME)
				name = mnl_attr_get_str(attr);
			else if (mnl_attr_get_type(attr) ==
				 CTRL_ATTR_MCAST_GRP_ID)
				id = mnl_attr_get_u32(attr);
		}
		if (!strcmp(name, NETDEV_GROUP_MGMT))
			family->group = id;
	}
}

static int parse_family(const struct nlmsghdr *nlh, void *arg)
{
	struct family *family = arg;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			family->id = mnl_attr_get_u16(attr);
		else if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
			parse_groups(attr, family);
	}
	return MNL_CB_OK;
}

static int find_family(struct family *ret_family)
{
	struct genlmsghdr *genl;
	struct request req;

	memset(ret_family, 0, sizeof(*ret_family));
	request_init(&req, GENL_ID_CTRL, 0);
	genl = mnl_nlmsg_put_extra_header(req.nlh, sizeof(*genl));
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(req.nlh, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	return request_run(&req, NETLINK_GENERIC, parse_family, ret_family);
}

static int parse_features(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;
	uint64_t *features = arg;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == NETDEV_A_DEV_XDP_FEATURES)
			*features = mnl_attr_get_u64(attr);
	return MNL_CB_OK;
}

int link_xdp_features(int ifindex, uint64_t *ret_features)
{
	struct genlmsghdr *genl;
	struct family family;
	struct request req;
	uint64_t features = 0;
	int err;

	err = find_family(&family);
	if (err)
		return err;
	request_init(&req, family.id, 0);
	genl = mnl_nlmsg_put_extra_header(req.nlh, sizeof(*genl));
	genl->cmd = NETDEV_CMD_DEV_GET;
	genl->version = 1;
	mnl_attr_put_u32(req.nlh, NETDEV_A_DEV_IFINDEX, (uint32_t)ifindex);
	err = request_run(&req, NETLINK_GENERIC, parse_features, &features);
	if (!err)
		*ret_features = features;
	return err;
}

/* ---- watching ---- */

static int monitor_open(int bus, uint32_t groups, int group)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK,
				    .nl_groups = groups };
	int fd, err;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus);
	if (fd < 0) {
		err = -errno;
		return err;
	}
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    (group && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
				 &group, sizeof(group)) < 0)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int link_monitor_open(void)
{
	return monitor_open(NETLINK_ROUTE, RTMGRP_LINK, 0);
}

int link_monitor_open_features(void)
{
	struct family family;
	int err;

	err = find_family(&family);
	if (err)
		return err;
	if (!family.group)
		return -ENOENT;
	return monitor_open(NETLINK_GENERIC, 0, (int)family.group);
}

struct monitor_call {
	void (*changed)(int ifindex, const char *name, bool gone, void *arg);
	void *arg;
};

static int parse_change(const struct nlmsghdr *nlh, void *arg)
{
	struct monitor_call *call = arg;
	const struct nlattr *attr;
	const char *name = "";

	if (nlh->nlmsg_type == RTM_NEWLINK || nlh->nlmsg_type == RTM_DELLINK) {
		const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

		mnl_attr_for_each(attr, nlh, sizeof(*ifi))
			if (mnl_attr_get_type(attr) == IFLA_IFNAME)
				name = mnl_attr_get_str(attr);
		call->changed(ifi->ifi_index, name,
			      nlh->nlmsg_type == RTM_DELLINK, call->arg);
		return MNL_CB_OK;
	}
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == NETDEV_A_DEV_IFINDEX)
			call->changed((int)mnl_attr_get_u32(attr), "", false,
				      call->arg);
	return MNL_CB_OK;
}

void link_monitor_read(int fd,
		       void (*changed)(int ifindex, const char *name,
				       bool gone, void *arg),
		       void *arg)
{
	struct monitor_call call = { changed, arg };
	char buf[16384];
	ssize_t n;

	for (;;) {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == ENOBUFS) {
			changed(0, "", false, arg);
			continue;
		}
		if (n <= 0)
			return;
		mnl_cb_run(buf, (size_t)n, 0, 0, parse_change, &call);
	}
}
