/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory of isolated VMs: one region of the arena each, made at the start at
 * the most that the VM's pool may become. The queues of the VM's device, and
 * those of its uplink that it has for itself, register that region and nothing
 * else; so does nobody else's. A packet that goes to another port, or comes from
 * one, is copied at the border (switching/forward.c). Control thread.
 */
#ifndef CONTROL_ISOLATION_H
#define CONTROL_ISOLATION_H

#include "control/agent.h"

/* The memory of all isolated VMs of the configuration. 0, or a negative errno
 * with one line in @err; what was made goes with isolation_close(). */
int isolation_open(struct agent *agent, char *err, size_t err_size);

/* Gives it back; no queue is open. Returns the number of frames that are
 * missing. */
uint32_t isolation_close(struct agent *agent);

/* The region of @vm, by its name; 0: it shares. */
uint32_t isolation_region(const struct agent *agent,
			  const struct config_vm *vm);

#endif
