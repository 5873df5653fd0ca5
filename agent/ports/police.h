/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Setting what a VM on a device may get or send: <pktagent/police.h>, which has
 * the way of packets. Control thread, while packets pass.
 */
#ifndef PORTS_POLICE_H
#define PORTS_POLICE_H

#include <stdint.h>

#include <pktagent/police.h>

#include "control/config.h"

/*
 * From @now_ns on (CLOCK_MONOTONIC) the maximums, and what is above them, are
 * those of @rate; its minimums are not looked at. What had no limit begins with
 * its burst; what had one keeps its level, and so its debt, up to the new burst.
 * The same settings again change nothing.
 */
void police_set(struct police *police, const struct config_rate *rate,
		uint64_t now_ns);

#endif
