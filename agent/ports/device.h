/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Network devices: made ready for XDP, and put back as they were.
 *
 * Every change to a device is noted in a journal on disk before it is made
 * (name, what, old value), so that a restart after a crash still knows what
 * the original state was. Control thread.
 */
#ifndef PORTS_DEVICE_H
#define PORTS_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/netlink.h"
#include "control/config.h"

struct device_journal;

/* Reads what an earlier process left in @path, if anything. NULL when out of
 * memory. */
struct device_journal *device_journal_open(const char *path);

/* Entries that an earlier process left and that still apply. */
uint32_t device_journal_inherited(const struct device_journal *journal);

/* Undoes the changes made for the port on device @owner (all ports: NULL), to
 * it and its peer, newest first. Devices that are gone are passed over.
 * Returns how many it undid. */
uint32_t device_restore(struct device_journal *journal, const char *owner);

/* The same, but devices that were created stay: somebody may have them open. */
uint32_t device_restore_settings(struct device_journal *journal,
				 const char *owner);

/* Frees the journal; the file stays unless it is empty. NULL is allowed. */
void device_journal_close(struct device_journal *journal);

/*
 * Makes the device of an uplink or VM ready: creates it if asked to, checks
 * its type and MTU, sets MTU and flags, and switches off the offloads that
 * cannot be had with XDP, here and at the peer where it can be reached.
 *
 * 0 with *ret_info, and in @note what is worth telling about what could not be
 * done (or ""); or a negative errno with one line in @err that says what to
 * do: -ENODEV (no such device: may come), -ENETDOWN, -EINVAL...
 */
int device_prepare_uplink(struct device_journal *journal,
			  const struct config_uplink *config,
			  uint32_t frame_size, struct link_info *ret_info,
			  char *note, size_t note_size, char *err,
			  size_t err_size);
int device_prepare_vm(struct device_journal *journal,
		      const struct config_vm *config,
		      struct link_info *ret_info, char *note, size_t note_size,
		      char *err, size_t err_size);

/*
 * veth works out whether it takes redirects when its peer's GRO changes while
 * both ends are up, not when the peer comes up with it on. This switches the
 * GRO of a VM's end off and on again, if it is up and has it on and can be
 * reached. 0 or a negative errno.
 */
int device_renew_peer(const struct config_vm *config,
		      const struct link_info *info);

/* The longest MTU that fits a frame of @frame_size with two VLAN tags. */
uint32_t device_max_mtu(uint32_t frame_size);

#endif
