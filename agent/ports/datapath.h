/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF side: programs loaded, attached and pinned; maps written.
 *
 * Everything is pinned below DIR/v1: maps/NAME, links/DEVICE. A process that
 * finds pins of an earlier one takes the maps and links over and replaces the
 * programs atomically; nothing is lost meanwhile. Control thread.
 */
#ifndef PORTS_DATAPATH_H
#define PORTS_DATAPATH_H

#include <stdbool.h>
#include <stdint.h>

#include <pktagent/maps.h>

#include "base/netlink.h"

struct datapath;

/*
 * Loads the programs. @bpffs must be on a mounted bpffs; directories below are
 * made. @metadata: have the programs put it in front of packets where the driver
 * can. 0 or a negative errno with one line in @err. *ret_n_taken: maps found
 * pinned and used.
 */
int datapath_open(const char *bpffs, uint32_t timeout_ms, bool metadata,
		  struct datapath **ret_dp, uint32_t *ret_n_taken, char *err,
		  size_t err_size);

/* Detaches what is attached, unpins everything, frees. NULL is allowed. */
void datapath_close(struct datapath *dp);

/* The sign of life. 0: the agent leaves, the programs do without. */
void datapath_heartbeat(struct datapath *dp, uint64_t now_ns);

enum datapath_mode { DATAPATH_NATIVE, DATAPATH_SKB };

/*
 * Attaches the program for @kind (enum port_kind) to the device, or takes over
 * the link that an earlier process pinned. Falls back from native to skb mode
 * where the driver has no XDP. A foreign program on the device: -EBUSY. The
 * error names what to do.
 */
int datapath_attach(struct datapath *dp, const struct link_info *info,
		    uint8_t kind, enum datapath_mode *ret_mode,
		    bool *ret_taken, char *err, size_t err_size);
void datapath_detach(struct datapath *dp, const char *ifname);

/* Detaches devices that an earlier process attached and nobody took over.
 * Returns how many. */
uint32_t datapath_sweep_links(struct datapath *dp);

/* The slot that an earlier process had given this device; 0 = none. */
uint32_t datapath_old_slot(struct datapath *dp, int ifindex);

/* Whether an earlier process had given @slot to a device, which still counts
 * as that port until somebody says otherwise. */
bool datapath_slot_is_taken(struct datapath *dp, uint32_t slot);

/* ---- maps; 0 or a negative errno ---- */

/* Writes a port. */
int datapath_set_port(struct datapath *dp, uint32_t slot,
		      const struct port_cfg *cfg);
/* Makes the device findable, and a target of redirects if it takes them. */
int datapath_set_device(struct datapath *dp, uint32_t slot,
			const struct port_cfg *cfg);
/* Forgets the device and the sockets of the slot. The port stays known, so that
 * packets to it are dropped as port_down and not flooded. */
void datapath_clear_device(struct datapath *dp, uint32_t slot, int ifindex);

int datapath_set_net(struct datapath *dp, uint16_t vlan, uint16_t uplink);
void datapath_clear_net(struct datapath *dp, uint16_t vlan);

/* Who the kernel floods to while the agent is away. */
struct datapath_member {
	uint32_t slot;
	int ifindex;
	bool uplink;
};
int datapath_set_flood(struct datapath *dp, uint16_t vlan,
		       const struct datapath_member *members, uint32_t n);

int datapath_set_fdb(struct datapath *dp, const struct fdb_key *key,
		     uint32_t port, uint8_t flags, uint32_t now_s);
void datapath_del_fdb(struct datapath *dp, const struct fdb_key *key);
/* When the programs last saw a learned address. */
int datapath_fdb_seen(struct datapath *dp, const struct fdb_key *key,
		      uint32_t *ret_seen_s);

int datapath_set_addr(struct datapath *dp, const struct addr_key *key);
void datapath_del_addr(struct datapath *dp, const struct addr_key *key);

/* Sockets: @vm tells xsk_vm from xsk_port. */
int datapath_set_xsk(struct datapath *dp, bool vm, uint32_t slot,
		     uint32_t queue, int fd);
void datapath_del_xsk(struct datapath *dp, bool vm, uint32_t slot,
		      uint32_t queue);

/* The counts for the VM, or uplink, in @slot on @queue of an uplink. They live as
 * long as @dp. */
struct vm_credit *datapath_credit(struct datapath *dp, uint32_t slot,
				  uint32_t queue);

/* What the VM in @slot may get or send. It lives as long as @dp. */
struct police *datapath_police(struct datapath *dp, uint32_t slot,
			       enum police_way way);

int datapath_set_tag(struct datapath *dp, uint32_t slot,
		     const struct tag_entry *entry);
void datapath_del_tag(struct datapath *dp, uint32_t slot);
/* The largest tag in the map; 0 if there is none. */
uint32_t datapath_last_tag(struct datapath *dp);

/* Waits until no program that began before is still running. */
void datapath_synchronize(void);

/* Sum over CPUs. */
int datapath_get_counters(struct datapath *dp, uint32_t slot,
			  struct port_counters *ret_counters);
int datapath_zero_counters(struct datapath *dp, uint32_t slot);

/* Deletes what an earlier process left in fdb, vm_addrs, nets, dev_port and
 * tags, where @stale says so. */
struct datapath_stale {
	bool (*fdb)(const struct fdb_key *key, const struct fdb_entry *entry,
		    void *arg);
	bool (*addr)(const struct addr_key *key, void *arg);
	bool (*net)(uint16_t vlan, void *arg);
	bool (*dev)(int ifindex, void *arg);
	bool (*tag)(uint32_t slot, void *arg);
	void *arg;
};
uint32_t datapath_sweep_maps(struct datapath *dp,
			     const struct datapath_stale *stale);

#endif
