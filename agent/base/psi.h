/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pressure stall information: the kernel tells when tasks wait for memory too
 * long (Documentation/accounting/psi.rst). Any thread.
 */
#ifndef BASE_PSI_H
#define BASE_PSI_H

#define PSI_MEMORY	"/proc/pressure/memory"

/*
 * What counts as pressure: some task waited for 200 ms of two seconds, as
 * systemd's services take it by default. Who has not CAP_SYS_RESOURCE may only
 * ask for whole multiples of two seconds, and that from Linux 6.5 on.
 */
#define PSI_STALL_US	200000
#define PSI_WINDOW_US	2000000

/*
 * Watches @path, PSI_MEMORY or the memory.pressure of a cgroup. *ret_fd, which
 * the caller closes, has POLLPRI when there was pressure: at most once a window,
 * and poll() or epoll_wait() takes it away. Such a descriptor must be in no epoll
 * inside another one, which would take it away unseen. 0 or a negative errno.
 */
int psi_open(const char *path, int *ret_fd);

/* What such an error of psi_open() means, for people. */
const char *psi_why(int err);

#endif
