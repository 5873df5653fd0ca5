/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet's way through the agent: from a share to the ports it goes to.
 */
#ifndef SWITCHING_FORWARD_H
#define SWITCHING_FORWARD_H

#include "switching/worker.h"

/* Reads up to one batch from @share and stages it for its ports. Returns the
 * number of packets read. Worker. */
uint32_t forward_share(struct worker *worker, struct share *share);

#endif
