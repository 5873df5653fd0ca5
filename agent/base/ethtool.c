// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ethtool's ioctls, tap devices, and other namespaces: see netlink.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/base.h"
#include "base/netlink.h"

static int ethtool(const char *name, void *cmd)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_data = cmd };

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		return -errno;
	return 0;
}

uint32_t link_queues(const struct link_info *info)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };
	uint32_t n;

	if (!strcmp(info->kind, "tun"))
		return info->tun_queues ? info->tun_queues : 1;
	if (ethtool(info->name, &ch))
		return 1;
	n = ch.combined_count + ch.rx_count;
	return n ? n : 1;
}

void link_driver(const char *name, char *ret_driver, size_t size)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (ethtool(name, &info))
		info.driver[0] = 0;
	snprintf(ret_driver, size, "%s", info.driver);
}

/* How an offload is read and set: a value of its own, or a bit of the legacy
 * flags word. */
static const struct {
	const char *name;
	uint32_t get, set, flag;
} offloads[] = {
	[OFFLOAD_TX_CSUM] = { "tx", ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM, 0 },
	[OFFLOAD_GRO] = { "gro", ETHTOOL_GGRO, ETHTOOL_SGRO, 0 },
	[OFFLOAD_RX_VLAN] = { "rxvlan", ETHTOOL_GFLAGS, ETHTOOL_SFLAGS,
			      ETH_FLAG_RXVLAN },
	[OFFLOAD_TX_VLAN] = { "txvlan", ETHTOOL_GFLAGS, ETHTOOL_SFLAGS,
			      ETH_FLAG_TXVLAN },
	[OFFLOAD_LRO] = { "lro", ETHTOOL_GFLAGS, ETHTOOL_SFLAGS,
			  ETH_FLAG_LRO },
};

const char *link_offload_name(enum link_offload offload)
{
	return offloads[offload].name;
}

int link_get_offload(const char *name, enum link_offload offload,
		     bool *ret_on)
{
	struct ethtool_value value = { .cmd = offloads[offload].get };
	uint32_t flag = offloads[offload].flag;
	int err;

	err = ethtool(name, &value);
	if (!err)
		*ret_on = flag ? value.data & flag : value.data;
	return err;
}

int link_set_offload(const char *name, enum link_offload offload, bool on)
{
	struct ethtool_value value = { .cmd = offloads[offload].get };
	uint32_t flag = offloads[offload].flag;
	bool is_on;
	int err;

	if (flag) {
		err = ethtool(name, &value);
		if (err)
			return err;
		value.data = on ? value.data | flag : value.data & ~flag;
	} else {
		value.data = on;
	}
	value.cmd = offloads[offload].set;
	err = ethtool(name, &value);
	if (err)
		return err;
	err = link_get_offload(name, offload, &is_on);
	return err ? err : is_on == on ? 0 : -EOPNOTSUPP;
}

int tap_create(const char *name, uid_t owner)
{
	_cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0 ||
	    (owner != (uid_t)-1 && ioctl(fd, TUNSETOWNER, owner) < 0) ||
	    ioctl(fd, TUNSETPERSIST, 1) < 0)
		return -errno;
	return 0;
}

/* ---- other namespaces ---- */

int netns_open(const char *netns)
{
	char path[300];
	int fd;

	if (netns[0] == '/')
		snprintf(path, sizeof(path), "%s", netns);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

struct netns_call {
	int fd;
	int (*fn)(void *arg);
	void *arg;
	int ret;
};

static void *netns_thread(void *arg)
{
	struct netns_call *call = arg;

	if (setns(call->fd, CLONE_NEWNET) < 0)
		call->ret = -errno;
	else
		call->ret = call->fn(call->arg);
	return NULL;
}

/* A thread of its own: whatever goes wrong, the caller's namespace stays. */
int netns_run(const char *netns, int (*fn)(void *arg), void *arg)
{
	struct netns_call call = { .fd = -1, .fn = fn, .arg = arg };
	pthread_t thread;
	int err;

	if (!netns[0])
		return fn(arg);
	call.fd = netns_open(netns);
	if (call.fd < 0)
		return call.fd;
	err = pthread_create(&thread, NULL, netns_thread, &call);
	if (!err)
		pthread_join(thread, NULL);
	close(call.fd);
	return err ? -err : call.ret;
}
