// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the host must offer: see host.h. */
#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/base.h"
#include "base/host.h"

/* Metadata in AF_XDP copy mode on veth and tap, frags-aware veth: 6.1 has all
 * that is needed, though not the XDP features of devices (6.3). */
#define MIN_MAJOR	6
#define MIN_MINOR	1

static const struct {
	unsigned int cap;
	const char *name;
	const char *use;
} needed[] = {
	{ CAP_BPF, "CAP_BPF", "to load BPF programs" },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN", "to attach them to devices" },
	{ CAP_NET_RAW, "CAP_NET_RAW", "for AF_XDP sockets" },
	{ CAP_PERFMON, "CAP_PERFMON", "to see packets the kernel drops" },
	{ CAP_IPC_LOCK, "CAP_IPC_LOCK", "to register packet memory" },
	{ CAP_SYS_NICE, "CAP_SYS_NICE", "to place workers on cores" },
};

static int check_kernel(char *err, size_t err_size)
{
	int major = 0, minor = 0;
	struct utsname uts;

	if (uname(&uts) < 0 ||
	    sscanf(uts.release, "%d.%d", &major, &minor) != 2)
		return 0;	/* let it try */
	if (major > MIN_MAJOR || (major == MIN_MAJOR && minor >= MIN_MINOR))
		return 0;
	snprintf(err, err_size,
		 "Linux %s is too old: %d.%d or later is needed", uts.release,
		 MIN_MAJOR, MIN_MINOR);
	return -ENOSYS;
}

int host_check(char *err, size_t err_size)
{
	size_t used;
	int ret;

	ret = check_kernel(err, err_size);
	if (ret)
		return ret;
	snprintf(err, err_size, "missing capabilities:");
	capng_get_caps_process();
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (capng_have_capability(CAPNG_EFFECTIVE, needed[i].cap))
			continue;
		used = strlen(err);
		snprintf(err + used, err_size - used, "%s %s (%s)",
			 ret ? "," : "", needed[i].name, needed[i].use);
		ret = -EPERM;
	}
	if (ret) {
		used = strlen(err);
		snprintf(err + used, err_size - used,
			 "; run as root or by the systemd unit");
	}
	return ret;
}
