/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The reader's end of a tap device. */
#ifndef TOOLS_TAP_H
#define TOOLS_TAP_H

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common.h"

/*
 * Opens tap device @name in this network namespace (makes it if there is none)
 * and returns a non-blocking descriptor; reads and writes are frames, with a
 * struct virtio_net_hdr in front if @vnet_hdr.
 */
static inline int tap_open(const char *name, bool vnet_hdr)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("/dev/net/tun: %s", strerror(errno));
	if (vnet_hdr)
		ifr.ifr_flags |= IFF_VNET_HDR;
	if (strlen(name) >= sizeof(ifr.ifr_name))
		die("%s: too long for a device name", name);
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, TUNSETIFF, &ifr))
		die("tap %s: %s", name, strerror(errno));
	return fd;
}

#endif
