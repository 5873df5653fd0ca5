/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which mappings of ours are files that others may shrink, and the SIGBUS
 * handler that looks there. guest_mem.c is its only user.
 *
 * Thread-safety: any thread; a mapping is deleted only when nobody touches it
 * any more. The handler takes no lock and calls nothing but system calls.
 */
#ifndef VHOST_GUEST_GUARD_H
#define VHOST_GUEST_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* From now on a fault in the @size bytes at @start puts zeros in the place of
 * all of them and sets *broken (atomically), which is to live as long. 0, or
 * -ENOSPC: too many mappings. */
int guest_guard_add(void *start, size_t size, bool *broken);

/* Another *broken for the mapping. */
void guest_guard_move(void *start, bool *broken);

/* To be called before the mapping goes. */
void guest_guard_del(void *start);

#endif
