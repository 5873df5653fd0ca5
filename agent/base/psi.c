// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pressure stall information: see psi.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/psi.h"

int psi_open(const char *path, int *ret_fd)
{
	char trigger[64];
	int n = snprintf(trigger, sizeof(trigger), "some %d %d", PSI_STALL_US,
			 PSI_WINDOW_US);
	int fd, err;

	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* With the 0 at its end: the kernel cuts off one character. */
	if (write(fd, trigger, (size_t)n + 1) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

const char *psi_why(int err)
{
	switch (-err) {
	case ENOENT:
		return "the kernel was built without it (CONFIG_PSI)";
	case EOPNOTSUPP:
		return "it is switched off (psi=1 on the kernel's command line)";
	case EPERM:
	case EACCES:
	case EINVAL:
		return "not allowed: before Linux 6.5 it takes CAP_SYS_RESOURCE";
	default:
		return strerror(-err);
	}
}
