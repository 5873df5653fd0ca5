// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Network devices made ready, and the policy of what that means: see device.h.
 * The journal itself is in device_journal.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "ports/device.h"
#include "ports/device_journal.h"

uint32_t device_max_mtu(uint32_t frame_size)
{
	/* see PKT_MTU_MAX; a smaller frame has no skb_shared_info in it */
	return frame_size >= 4096 ? PKT_MTU_MAX : frame_size - 256 - 14 - 8;
}

static int set_mtu(struct device_journal *journal, const struct link_info *info,
		   uint32_t mtu, char *err, size_t err_size)
{
	int ret;

	if (info->mtu == mtu)
		return 0;
	ret = device_change(journal, info->name, "", info->name, info->ifindex,
			    DEVICE_MTU, mtu);
	if (ret)
		snprintf(err, err_size, "%s: cannot set MTU %u: %s", info->name,
			 mtu, strerror(-ret));
	return ret;
}

/* Switches an offload off (GRO: on). Where that fails a remark is enough. */
static void set_offload(struct device_journal *journal, const char *owner,
			const char *netns, const char *name, int ifindex,
			enum device_setting what, const char *consequence,
			char *note, size_t note_size)
{
	size_t used = strlen(note);
	int ret;

	ret = device_change(journal, owner, netns, name, ifindex, what,
			    what == DEVICE_GRO);
	if (ret && ret != -EOPNOTSUPP)
		snprintf(note + used, note_size - used,
			 "%s%s: cannot set %s: %s; %s", used ? "; " : "", name,
			 device_setting_name(what), strerror(-ret),
			 consequence);
}

int device_prepare_uplink(struct device_journal *journal,
			  const struct config_uplink *config,
			  uint32_t frame_size, struct link_info *ret_info,
			  char *note, size_t note_size, char *err,
			  size_t err_size)
{
	uint32_t max = device_max_mtu(frame_size);
	struct link_info info;
	bool rxvlan = false;
	int ret;

	note[0] = 0;
	ret = link_get(config->device, &info);
	if (ret) {
		snprintf(err, err_size, "%s: %s", config->device,
			 ret == -ENODEV ? "no such device" : strerror(-ret));
		return ret;
	}
	if (info.flags & IFF_LOOPBACK) {
		snprintf(err, err_size, "%s: is the loopback device",
			 info.name);
		return -EINVAL;
	}
	if (!(info.flags & IFF_UP)) {
		snprintf(err, err_size, "%s: is down; run: ip link set %s up",
			 info.name, info.name);
		return -ENETDOWN;
	}
	if ((config->mtu ? config->mtu : info.mtu) > max) {
		snprintf(
			err, err_size,
			"%s: MTU %u does not fit a frame; the largest is %u (frame_size %u)",
			info.name, config->mtu ? config->mtu : info.mtu, max,
			frame_size);
		return -EINVAL;
	}
	if (config->mtu) {
		ret = set_mtu(journal, &info, config->mtu, err, err_size);
		if (ret)
			return ret;
	}
	/* VMs have MAC addresses of their own. */
	ret = device_change(journal, info.name, "", info.name, info.ifindex,
			    DEVICE_PROMISC, 1);
	if (ret) {
		snprintf(err, err_size, "%s: cannot set promiscuous mode: %s",
			 info.name, strerror(-ret));
		return ret;
	}
	/* A tag that the device took off is one that XDP does not see. */
	if (!link_get_offload(info.name, OFFLOAD_RX_VLAN, &rxvlan) && rxvlan) {
		ret = device_change(journal, info.name, "", info.name,
				    info.ifindex, DEVICE_RX_VLAN, 0);
		if (ret) {
			snprintf(
				err, err_size,
				"%s: takes VLAN tags off before XDP sees them, and cannot be told not to (ethtool -K %s rxvlan off: %s)",
				info.name, info.name, strerror(-ret));
			return -EOPNOTSUPP;
		}
	}
	set_offload(journal, info.name, "", info.name, info.ifindex, DEVICE_LRO,
		    "merged packets will be dropped as too_big", note,
		    note_size);
	return link_get(config->device, ret_info);
}

/* ---- VM devices ---- */

struct peer {
	char netns[256]; /* empty: this one */
	char name[IFNAMSIZ];
	int ifindex;
};

static int find_peer_here(void *arg)
{
	struct peer *peer = arg;
	struct link_info info;
	int err = link_get(peer->name, &info);

	if (!err)
		peer->ifindex = info.ifindex;
	return err;
}

/* Where the other end of a veth is: in this namespace, or where the
 * configuration says. 0 if it can be reached. */
static int find_peer(const struct config_device *config,
		     const struct link_info *info, struct peer *ret_peer)
{
	struct link_info peer;
	int err;

	memset(ret_peer, 0, sizeof(*ret_peer));
	if (!info->peer_elsewhere && info->peer_ifindex) {
		err = link_get_index(info->peer_ifindex, &peer);
		if (err)
			return err;
		snprintf(ret_peer->name, sizeof(ret_peer->name), "%s",
			 peer.name);
		ret_peer->ifindex = peer.ifindex;
		return 0;
	}
	if (!config->netns[0] || !config->peer[0])
		return -ENOENT;
	snprintf(ret_peer->netns, sizeof(ret_peer->netns), "%s", config->netns);
	snprintf(ret_peer->name, sizeof(ret_peer->name), "%s", config->peer);
	return netns_run(config->netns, find_peer_here, ret_peer);
}

/*
 * A VM behind veth: its stack must not leave checksums and tags to a device
 * that is none, and its end must do NAPI for redirects to arrive. Where we
 * cannot reach it, the programs and the agent cope: unfinished checksums are
 * finished by the agent, and without NAPI everything goes the agent's way.
 */
static void prepare_peer(struct device_journal *journal,
			 const struct config_device *config,
			 const struct link_info *info, char *note,
			 size_t note_size)
{
	struct peer peer;
	int err;

	err = find_peer(config, info, &peer);
	if (err) {
		snprintf(
			note, note_size,
			"the VM's end is out of reach (%s): its checksums are finished here, its redirects depend on its GRO",
			err == -ENOENT ? "set device.peer and device.netns"
				       : strerror(-err));
		return;
	}
	set_offload(journal, info->name, peer.netns, peer.name, peer.ifindex,
		    DEVICE_TX_CSUM, "checksums are finished by the agent", note,
		    note_size);
	set_offload(journal, info->name, peer.netns, peer.name, peer.ifindex,
		    DEVICE_TX_VLAN, "tags it sends are lost", note, note_size);
	set_offload(journal, info->name, peer.netns, peer.name, peer.ifindex,
		    DEVICE_GRO, "packets to it go through the agent", note,
		    note_size);
}

/* Undoes a creation that did not get to its end. */
static int fail_creation(struct device_journal *journal, const char *name,
			 int ret)
{
	device_restore(journal, name);
	return ret;
}

static int create_veth(struct device_journal *journal,
		       const struct config_vm *vm, char *err, size_t err_size)
{
	const struct config_device *config = &vm->device;
	_cleanup_close_ int netns = -1;
	struct link_info info, peer;
	int ret;

	if (config->netns[0]) {
		netns = netns_open(config->netns);
		if (netns < 0) {
			ret = netns;
			netns = -1;
			snprintf(err, err_size, "%s: namespace %s: %s",
				 config->name, config->netns, strerror(-ret));
			return ret;
		}
	}
	ret = link_create_veth(config->name, config->peer, vm->macs[0]);
	if (ret) {
		snprintf(err, err_size,
			 "%s: cannot create veth pair %s, %s: %s", config->name,
			 config->name, config->peer, strerror(-ret));
		return ret;
	}
	ret = link_get(config->name, &info);
	if (!ret)
		ret = device_created(journal, info.name, info.ifindex);
	if (!ret)
		ret = link_get(config->peer, &peer);
	if (!ret)
		ret = link_set_mtu(peer.ifindex, vm->mtu);
	if (ret) {
		snprintf(err, err_size, "%s: %s", config->name, strerror(-ret));
		return fail_creation(journal, config->name, ret);
	}
	/* While it is still here; the settings travel with it. */
	link_set_offload(peer.name, OFFLOAD_TX_CSUM, false);
	link_set_offload(peer.name, OFFLOAD_TX_VLAN, false);
	link_set_offload(peer.name, OFFLOAD_GRO, true);
	if (netns >= 0)
		ret = link_move(peer.ifindex, netns);
	if (ret) {
		snprintf(err, err_size,
			 "%s: cannot move %s to namespace %s: %s", config->name,
			 config->peer, config->netns, strerror(-ret));
		return fail_creation(journal, config->name, ret);
	}
	return 0;
}

static int create_tap(struct device_journal *journal,
		      const struct config_device *config, char *err,
		      size_t err_size)
{
	struct link_info info;
	int ret;

	ret = tap_create(config->name, config->owner);
	if (!ret)
		ret = link_get(config->name, &info);
	if (!ret)
		ret = device_created(journal, info.name, info.ifindex);
	if (ret)
		snprintf(err, err_size, "%s: cannot create tap: %s",
			 config->name, strerror(-ret));
	return ret;
}

static int check_tap(const struct config_device *config,
		     const struct link_info *info, char *err, size_t err_size)
{
	if (strcmp(info->kind, "tun") || !info->tap) {
		snprintf(err, err_size, "%s: is no tap device but %s",
			 info->name, info->kind[0] ? info->kind : "hardware");
		return -EINVAL;
	}
	/* With vnet headers the guest may send TSO frames of 64 KiB, whose
	 * segment size XDP cannot see: they would be lost. */
	if (info->vnet_hdr && !config->vnet_hdr) {
		snprintf(
			err, err_size,
			"%s: its reader uses vnet headers, so the guest may send TSO frames, which XDP cannot carry; start QEMU with vnet_hdr=off, or switch the guest's offloads off (csum=off,gso=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off) and set device.vnet_hdr: true",
			info->name);
		return -EPROTO;
	}
	return 0;
}

static int check_veth(const struct link_info *info, char *err, size_t err_size)
{
	if (!strcmp(info->kind, "veth"))
		return 0;
	snprintf(err, err_size, "%s: is no veth device but %s", info->name,
		 info->kind[0] ? info->kind : "hardware");
	return -EINVAL;
}

static int create_vm_device(struct device_journal *journal,
			    const struct config_vm *vm, char *err,
			    size_t err_size)
{
	return vm->device.type == DEVICE_VETH
		       ? create_veth(journal, vm, err, err_size)
		       : create_tap(journal, &vm->device, err, err_size);
}

int device_prepare_vm(struct device_journal *journal,
		      const struct config_vm *vm, struct link_info *ret_info,
		      char *note, size_t note_size, char *err, size_t err_size)
{
	const struct config_device *config = &vm->device;
	struct link_info info;
	int ret;

	note[0] = 0;
	ret = link_get(config->name, &info);
	if (ret == -ENODEV && config->create) {
		ret = create_vm_device(journal, vm, err, err_size);
		if (ret)
			return ret;
		ret = link_get(config->name, &info);
	}
	if (ret) {
		snprintf(err, err_size, "%s: %s", config->name,
			 ret == -ENODEV ? "no such device" : strerror(-ret));
		return ret;
	}
	ret = config->type == DEVICE_VETH
		      ? check_veth(&info, err, err_size)
		      : check_tap(config, &info, err, err_size);
	if (!ret)
		ret = set_mtu(journal, &info, vm->mtu, err, err_size);
	if (!ret && !(info.flags & IFF_UP)) {
		ret = device_change(journal, info.name, "", info.name,
				    info.ifindex, DEVICE_UP, 1);
		if (ret)
			snprintf(err, err_size, "%s: cannot be set up: %s",
				 info.name, strerror(-ret));
	}
	if (ret)
		return ret;
	if (config->type == DEVICE_VETH)
		prepare_peer(journal, config, &info, note, note_size);
	return link_get(config->name, ret_info);
}

static int renew_gro(void *arg)
{
	const struct peer *peer = arg;
	struct link_info info;
	bool on = false;
	int err;

	err = link_get(peer->name, &info);
	if (!err)
		err = link_get_offload(peer->name, OFFLOAD_GRO, &on);
	if (err)
		return err;
	if (!(info.flags & IFF_UP) || !on)
		return -ENOTCONN;
	err = link_set_offload(peer->name, OFFLOAD_GRO, false);
	if (!err)
		err = link_set_offload(peer->name, OFFLOAD_GRO, true);
	return err;
}

int device_renew_peer(const struct config_vm *config,
		      const struct link_info *info)
{
	struct peer peer;
	int err;

	if (config->device.type != DEVICE_VETH)
		return -EOPNOTSUPP;
	err = find_peer(&config->device, info, &peer);
	return err ? err : netns_run(peer.netns, renew_gro, &peer);
}
