/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the host must offer before anything is tried. */
#ifndef BASE_HOST_H
#define BASE_HOST_H

#include <stddef.h>

/* Checks the kernel's version and our capabilities. 0, or -ENOSYS or -EPERM
 * with one line in @err that names what is missing. Any thread. */
int host_check(char *err, size_t err_size);

#endif
