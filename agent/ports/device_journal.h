/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changing a setting of a device, with the old value noted first. For
 * device.c; the journal's life is in device.h.
 */
#ifndef PORTS_DEVICE_JOURNAL_H
#define PORTS_DEVICE_JOURNAL_H

#include "ports/device.h"

enum device_setting {
	DEVICE_CREATED,		/* undone by deleting the device */
	DEVICE_UP,
	DEVICE_PROMISC,
	DEVICE_MTU,
	DEVICE_TX_CSUM,
	DEVICE_TX_VLAN,
	DEVICE_RX_VLAN,
	DEVICE_GRO,
	DEVICE_LRO,
	DEVICE_N_SETTINGS
};

/* As ethtool and ip name them. */
const char *device_setting_name(enum device_setting what);

/* Sets @what to @value on a device in @netns (empty: here), on behalf of the
 * port on device @owner, unless it has that value. The value found is kept as the original unless one is known. 0 or a
 * negative errno; -EOPNOTSUPP where the device does not have the setting. */
int device_change(struct device_journal *journal, const char *owner,
		  const char *netns, const char *ifname, int ifindex,
		  enum device_setting what, uint32_t value);

/* Notes that we made the device. */
int device_created(struct device_journal *journal, const char *ifname,
		   int ifindex);

#endif
