// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The BPF maps' contents: see datapath.h. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"
#include "base/log.h"
#include "ports/datapath_private.h"

#define FD(dp, name)	bpf_map__fd((dp)->skel->maps.name)

uint32_t datapath_old_slot(struct datapath *dp, int ifindex)
{
	struct dev_key key = { .ifindex = (uint32_t)ifindex };
	struct dev_port val;

	if (bpf_map_lookup_elem(FD(dp, dev_port), &key, &val))
		return 0;
	return val.port < PKT_MAX_PORTS ? val.port : 0;
}

bool datapath_slot_is_taken(struct datapath *dp, uint32_t slot)
{
	struct dev_key key, *prev = NULL;
	struct dev_port val;

	while (!bpf_map_get_next_key(FD(dp, dev_port), prev, &key)) {
		if (!bpf_map_lookup_elem(FD(dp, dev_port), &key, &val) &&
		    val.port == slot)
			return true;
		prev = &key;
	}
	return false;
}

/* After every change of ports, dev_port or fdb: what the programs remember of
 * them counts no more. */
static void count_change(struct datapath *dp)
{
	__atomic_add_fetch(&dp->state->n_changes, 1, __ATOMIC_RELEASE);
}

int datapath_set_port(struct datapath *dp, uint32_t slot,
		      const struct port_cfg *cfg)
{
	int err = bpf_map_update_elem(FD(dp, ports), &slot, cfg, BPF_ANY);

	count_change(dp);
	return err;
}

static struct bpf_devmap_val devmap_val(struct datapath *dp, int ifindex,
					bool uplink)
{
	struct bpf_devmap_val val = { .ifindex = (uint32_t)ifindex };

	/* see bpf/egress.bpf.c: all entries of a device or none */
	if (uplink)
		val.bpf_prog.fd = bpf_program__fd(dp->skel->progs.egress);
	return val;
}

int datapath_set_device(struct datapath *dp, uint32_t slot,
			const struct port_cfg *cfg)
{
	struct bpf_devmap_val val =
		devmap_val(dp, (int)cfg->ifindex, cfg->kind == PORT_UPLINK);
	struct dev_key key = { .ifindex = cfg->ifindex };
	struct dev_port dev = { .port = slot };
	int err;

	err = bpf_map_update_elem(FD(dp, devs), &slot, &val, BPF_ANY);
	if (!err)
		err = bpf_map_update_elem(FD(dp, dev_port), &key, &dev,
					  BPF_ANY);
	count_change(dp);
	return err;
}

void datapath_clear_device(struct datapath *dp, uint32_t slot, int ifindex)
{
	struct dev_key key = { .ifindex = (uint32_t)ifindex };

	bpf_map_delete_elem(FD(dp, dev_port), &key);
	count_change(dp);
	bpf_map_delete_elem(FD(dp, devs), &slot);
	for (uint32_t q = 0; q < PKT_MAX_QUEUES; q++) {
		datapath_del_xsk(dp, false, slot, q);
		datapath_del_xsk(dp, true, slot, q);
	}
}

int datapath_set_net(struct datapath *dp, uint16_t vlan, uint16_t uplink)
{
	struct net_key key = { .vlan = vlan };
	struct net_cfg cfg = { .uplink = uplink };

	return bpf_map_update_elem(FD(dp, nets), &key, &cfg, BPF_ANY);
}

void datapath_clear_net(struct datapath *dp, uint16_t vlan)
{
	struct net_key key = { .vlan = vlan };

	bpf_map_delete_elem(FD(dp, nets), &key);
	bpf_map_delete_elem(FD(dp, flood), &key);
}

int datapath_set_flood(struct datapath *dp, uint16_t vlan,
		       const struct datapath_member *members, uint32_t n)
{
	struct net_key key = { .vlan = vlan };
	int fd, err = 0;

	/* A whole new map, so that the programs see all members or none. */
	fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, "members", 4,
			    sizeof(struct bpf_devmap_val), PKT_MAX_PORTS,
			    NULL);
	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < n && !err; i++) {
		struct bpf_devmap_val val = devmap_val(dp, members[i].ifindex,
						       members[i].uplink);

		err = bpf_map_update_elem(fd, &members[i].slot, &val, BPF_ANY);
	}
	if (!err)
		err = bpf_map_update_elem(FD(dp, flood), &key, &fd, BPF_ANY);
	close(fd);
	return err;
}

int datapath_set_fdb(struct datapath *dp, const struct fdb_key *key,
		     uint32_t port, uint8_t flags, uint32_t now_s)
{
	struct fdb_entry entry = { .port = (uint16_t)port, .flags = flags,
				   .seen_s = now_s };
	int err = bpf_map_update_elem(FD(dp, fdb), key, &entry, BPF_ANY);

	count_change(dp);
	return err;
}

void datapath_del_fdb(struct datapath *dp, const struct fdb_key *key)
{
	bpf_map_delete_elem(FD(dp, fdb), key);
	count_change(dp);
}

int datapath_fdb_seen(struct datapath *dp, const struct fdb_key *key,
		      uint32_t *ret_seen_s)
{
	struct fdb_entry entry;
	int err;

	err = bpf_map_lookup_elem(FD(dp, fdb), key, &entry);
	if (!err)
		*ret_seen_s = entry.seen_s;
	return err;
}

int datapath_set_addr(struct datapath *dp, const struct addr_key *key)
{
	struct addr_val val = { .listed = 1 };

	return bpf_map_update_elem(FD(dp, vm_addrs), key, &val, BPF_ANY);
}

void datapath_del_addr(struct datapath *dp, const struct addr_key *key)
{
	bpf_map_delete_elem(FD(dp, vm_addrs), key);
}

static int xsk_map(struct datapath *dp, bool vm)
{
	return vm ? FD(dp, xsk_vm) : FD(dp, xsk_port);
}

int datapath_set_xsk(struct datapath *dp, bool vm, uint32_t slot,
		     uint32_t queue, int fd)
{
	uint32_t key = slot * PKT_MAX_QUEUES + queue;

	return bpf_map_update_elem(xsk_map(dp, vm), &key, &fd, BPF_ANY);
}

void datapath_del_xsk(struct datapath *dp, bool vm, uint32_t slot,
		      uint32_t queue)
{
	uint32_t key = slot * PKT_MAX_QUEUES + queue;

	bpf_map_delete_elem(xsk_map(dp, vm), &key);
}

struct vm_credit *datapath_credit(struct datapath *dp, uint32_t slot,
				  uint32_t queue)
{
	return &dp->credits[slot * PKT_MAX_QUEUES + queue];
}

struct police *datapath_police(struct datapath *dp, uint32_t slot,
			       enum police_way way)
{
	return &dp->polices[slot * POLICE_N_WAYS + way];
}

int datapath_set_tag(struct datapath *dp, uint32_t slot,
		     const struct tag_entry *entry)
{
	struct tag_key key = { .slot = slot };

	return bpf_map_update_elem(FD(dp, tags), &key, entry, BPF_ANY);
}

void datapath_del_tag(struct datapath *dp, uint32_t slot)
{
	struct tag_key key = { .slot = slot };

	bpf_map_delete_elem(FD(dp, tags), &key);
}

uint32_t datapath_last_tag(struct datapath *dp)
{
	struct tag_key key, *prev = NULL;
	struct tag_entry entry;
	uint32_t last = 0;

	while (!bpf_map_get_next_key(FD(dp, tags), prev, &key)) {
		if (!bpf_map_lookup_elem(FD(dp, tags), &key, &entry))
			last = max_u32(last, entry.tag);
		prev = &key;
	}
	return last;
}

/* The kernel lets nobody go on who has changed a map in a map before all programs
 * have ended that may still see the old one. */
static int wait_by_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	const uint32_t key = 0;
	int inner, outer, err = -1;

	inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "grace_inner", 4, 4, 1,
			       NULL);
	if (inner < 0)
		return inner;
	opts.inner_map_fd = (uint32_t)inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "grace", 4, 4, 1,
			       &opts);
	if (outer >= 0) {
		err = bpf_map_update_elem(outer, &key, &inner, BPF_ANY);
		close(outer);
	}
	close(inner);
	return err;
}

void datapath_synchronize(void)
{
	const struct timespec pause = { .tv_nsec = 50 * NS_PER_MS };

	/* An RCU grace period: NAPI, programs and the redirects they asked
	 * for all run inside RCU read-side sections. membarrier() does not
	 * offer it with nohz_full. */
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0 &&
	    wait_by_map())
		nanosleep(&pause, NULL);
}

/* ---- counters ---- */

int datapath_get_counters(struct datapath *dp, uint32_t slot,
			  struct port_counters *ret_counters)
{
	int n_cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct port_counters *values = NULL;
	struct counter *sum = (struct counter *)ret_counters;
	int err;

	memset(ret_counters, 0, sizeof(*ret_counters));
	if (n_cpus < 0)
		return n_cpus;
	values = calloc((size_t)n_cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	err = bpf_map_lookup_elem(FD(dp, counters), &slot, values);
	if (err)
		return err;
	for (int cpu = 0; cpu < n_cpus; cpu++) {
		const struct counter *c = (const struct counter *)&values[cpu];

		for (uint32_t r = 0; r < PKT_N_REASONS; r++) {
			sum[r].packets += c[r].packets;
			sum[r].bytes += c[r].bytes;
		}
	}
	return 0;
}

int datapath_zero_counters(struct datapath *dp, uint32_t slot)
{
	int n_cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct port_counters *values = NULL;

	if (n_cpus < 0)
		return n_cpus;
	values = calloc((size_t)n_cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	return bpf_map_update_elem(FD(dp, counters), &slot, values, BPF_ANY);
}

/* ---- what an earlier process left ---- */

/* Visits all keys of @fd; @visit says whether to delete. Deleting while
 * walking a hash map starts the walk over, so keys are gathered first. */
static uint32_t sweep(int fd, size_t key_size, uint32_t max,
		      bool (*visit)(int fd, const void *key, void *arg),
		      void *arg)
{
	_cleanup_free_ char *keys = calloc(max, key_size);
	uint32_t n = 0, n_deleted = 0;
	const void *prev = NULL;

	if (!keys)
		return 0;
	while (n < max &&
	       !bpf_map_get_next_key(fd, prev, keys + n * key_size)) {
		prev = keys + n * key_size;
		n++;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!visit(fd, keys + i * key_size, arg))
			continue;
		bpf_map_delete_elem(fd, keys + i * key_size);
		n_deleted++;
	}
	return n_deleted;
}

static bool visit_fdb(int fd, const void *key, void *arg)
{
	const struct datapath_stale *stale = arg;
	struct fdb_entry entry;

	return !bpf_map_lookup_elem(fd, key, &entry) &&
	       stale->fdb(key, &entry, stale->arg);
}

static bool visit_addr(int fd, const void *key, void *arg)
{
	const struct datapath_stale *stale = arg;

	(void)fd;
	return stale->addr(key, stale->arg);
}

static bool visit_net(int fd, const void *key, void *arg)
{
	const struct datapath_stale *stale = arg;
	const struct net_key *net = key;

	(void)fd;
	return stale->net(net->vlan, stale->arg);
}

static bool visit_dev(int fd, const void *key, void *arg)
{
	const struct datapath_stale *stale = arg;
	const struct dev_key *dev = key;

	(void)fd;
	return stale->dev((int)dev->ifindex, stale->arg);
}

static bool visit_tag(int fd, const void *key, void *arg)
{
	const struct datapath_stale *stale = arg;
	const struct tag_key *tag = key;

	(void)fd;
	return stale->tag(tag->slot, stale->arg);
}

uint32_t datapath_sweep_maps(struct datapath *dp,
			     const struct datapath_stale *stale)
{
	void *arg = (void *)(uintptr_t)stale;
	uint32_t n;

	n = sweep(FD(dp, fdb), sizeof(struct fdb_key), PKT_MAX_FDB, visit_fdb,
		  arg);
	n += sweep(FD(dp, vm_addrs), sizeof(struct addr_key), PKT_MAX_ADDRS,
		   visit_addr, arg);
	n += sweep(FD(dp, nets), sizeof(struct net_key), PKT_MAX_NETS,
		   visit_net, arg);
	n += sweep(FD(dp, dev_port), sizeof(struct dev_key), PKT_MAX_PORTS,
		   visit_dev, arg);
	n += sweep(FD(dp, tags), sizeof(struct tag_key), PKT_MAX_PORTS,
		   visit_tag, arg);
	count_change(dp);
	sweep(FD(dp, flood), sizeof(struct net_key), PKT_MAX_NETS, visit_net,
	      arg);
	return n;
}
