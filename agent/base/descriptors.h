/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Closing descriptors of which each takes the kernel long.
 */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

#include <stdint.h>

/*
 * Closes @fds at the same time, and returns when all are closed. For sockets
 * whose close() waits for an RCU grace period, which is one and the same for
 * all who wait at the same time: @n of them take about as long as one, instead
 * of @n times as long. A thread each; what cannot get one is closed here. Any
 * thread; the others must not be using the descriptors.
 */
void descriptors_close(const int *fds, uint32_t n);

#endif
