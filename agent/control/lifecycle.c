// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A port's life: see lifecycle.h. What depends on who is at a device's other
 * end is in lifecycle_admit.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pktagent/parse.h>

#include "base/base.h"
#include "base/log.h"
#include "control/bypass.h"
#include "control/guests.h"
#include "control/isolation.h"
#include "control/lifecycle.h"
#include "control/networks.h"
#include "control/policing.h"
#include "control/pools.h"
#include "control/shaping.h"
#include "control/shares.h"
#include "control/tags.h"
#include "policy/admission.h"
#include "ports/queue.h"
#include "switching/sending.h"
#include "switching/shaper.h"
#include "switching/slack.h"
#include "switching/worker.h"

#define RETRY_NS	(1 * NS_PER_SEC)

static bool is_guest(const struct port *port)
{
	return port->vm_config &&
	       port->vm_config->device.type == DEVICE_VHOST_USER;
}

/* ---- making ---- */

static uint32_t take_slot(struct agent *agent, const char *ifname)
{
	struct link_info info;
	uint32_t slot = 0;

	/* The slot an earlier process gave the device keeps its counters. */
	if (!link_get(ifname, &info))
		slot = datapath_old_slot(agent->dp, info.ifindex);
	if (slot && !agent->ports[slot])
		return slot;
	/* In turn, so that a slot is not used again right away. */
	for (uint32_t i = 0; i < PKT_MAX_PORTS - 1; i++) {
		slot = 1 + agent->next_slot++ % (PKT_MAX_PORTS - 1);
		if (agent->ports[slot] ||
		    datapath_slot_is_taken(agent->dp, slot))
			continue;
		datapath_zero_counters(agent->dp, slot);
		return slot;
	}
	return 0;
}

static int new_port(struct agent *agent, const char *name, const char *ifname,
		    struct port **ret_port)
{
	struct port *port;
	uint32_t slot;

	slot = take_slot(agent, ifname);
	if (!slot)
		return -ENOSPC;
	port = aligned_alloc(CACHE_LINE, sizeof(*port));
	if (!port)
		return -ENOMEM;
	memset(port, 0, sizeof(*port));
	port->slot = (uint16_t)slot;
	snprintf(port->name, sizeof(port->name), "%s", name);
	snprintf(port->ifname, sizeof(port->ifname), "%s", ifname);
	port->state = PORT_STATE_ABSENT;
	port->promises = &agent->vs.promises;
	queue_wait_for(port, QUEUE_WAIT_NS);
	agent->ports[slot] = port;
	*ret_port = port;
	return 0;
}

int lifecycle_new_uplink(struct agent *agent,
			 const struct config_uplink *config,
			 struct port **ret_port)
{
	struct port *port;
	int err;

	err = new_port(agent, config->name, config->device, &port);
	if (err)
		return err;
	port->kind = PORT_UPLINK;
	port->uplink_config = config;
	port->way = config->way;
	port->learn = config->learn;
	port->host = config->host;
	*ret_port = port;
	return networks_add_addresses(agent, port);
}

int lifecycle_new_vm(struct agent *agent, const struct config_vm *config,
		     struct port **ret_port)
{
	struct port *port;
	int err;

	err = new_port(agent, config->name, config->device.name, &port);
	if (err)
		return err;
	port->kind = PORT_VM;
	port->vm_config = config;
	port->vlan = config->vlan;
	port->way = config->way;
	port->class = config->class;
	port->learn = config->learn;
	port->guest_tags = config->guest_tags;
	port->region = isolation_region(agent, config);
	port->promises = vswitch_promises(&agent->vs, port->region);
	pools_begin(port);
	*ret_port = port;
	err = tags_new(agent, port);
	if (err)
		return err;
	return networks_add_addresses(agent, port);
}

/* ---- what the programs know of a port ---- */

static bool carries_partial_csums(const struct port *port)
{
	/* Software devices hand over packets before any device would have
	 * finished them. */
	return port->kind == PORT_VM || !strcmp(port->driver, "veth") ||
	       !strcmp(port->driver, "tun");
}

int lifecycle_write(struct agent *agent, struct port *port)
{
	const struct config_vm *vm = port->vm_config;
	const struct port *uplink = NULL;
	struct port_cfg cfg = {
		.ifindex = (uint32_t)port->ifindex,
		.vlan = port->vlan,
		.max_len = (uint16_t)port->max_len,
		.kind = port->kind,
		.class = port->class,
	};

	if (vm)
		uplink = shares_uplink_of(agent, port->vlan);
	if (uplink)
		cfg.uplink = (uint8_t)uplink->slot;
	if (port->state == PORT_STATE_UP)
		cfg.flags |= PORT_F_UP;
	if (port->way == WAY_AGENT || (vm && shaping_is_forced(port, NULL, 0)))
		cfg.flags |= PORT_F_WAY_AGENT;
	if (port->xmit)
		cfg.flags |= PORT_F_XMIT;
	if (port->learn)
		cfg.flags |= PORT_F_LEARN;
	if (port->guest_tags)
		cfg.flags |= PORT_F_GUEST_TAGS;
	if (carries_partial_csums(port))
		cfg.flags |= PORT_F_CHECK_CSUM;
	if (vm && !vm->learn)
		cfg.flags |= PORT_F_CHECK_MAC;
	if (vm && vm->n_addrs)
		cfg.flags |= PORT_F_CHECK_IP;
	if (port->kind == PORT_UPLINK)
		memcpy(cfg.mac, port->mac, 6);
	cfg.police = policing_apply(agent, port);
	if (port->vhost && guests_configure(agent, port))
		return -ENOMEM;
	return datapath_set_port(agent->dp, port->slot, &cfg);
}

/* ---- queues ---- */

static int fill_opts(struct agent *agent, const struct port *port,
		     uint32_t index, uint32_t n_queues,
		     struct queue_opts *ret_opts)
{
	const struct config_uplink *uplink = port->uplink_config;
	struct queue_opts opts = {
		.index = index,
		.worker = shaping_worker(agent, port, index),
	};
	struct pool_parts least;
	int id;

	if (uplink) {
		opts.worker = index % agent->vs.n_workers;
		/* Half to receive, the rest always posted. */
		opts.rx_size = round_down_pow2(uplink->reserve / 2);
		opts.base = shares_base(agent, port, index);
		opts.region = shares_region(agent, port, index);
		opts.fill_max =
			agent->vs.arena.regions[opts.region].n_frames;
		opts.base_max = opts.fill_max;
		opts.loan_max = opts.region ? 0 : SLACK_LOAN_MAX;
		opts.slack = datapath_credit(agent->dp, port->slot, index);
		opts.out_max = uplink->out_max;
		opts.copy = uplink->zero_copy == WANT_REQUIRE ? UMEM_COPY_ZERO :
			    uplink->zero_copy == WANT_OFF     ? UMEM_COPY_COPY :
								UMEM_COPY_AUTO;
	} else {
		if (admission_divide(port->pool.min, 1, n_queues, &least))
			return -EINVAL;
		/* Any part may become nearly all of the pool. */
		opts.rx_size = round_up_pow2(port->pool.max);
		opts.base = least.tx_per_queue;
		opts.region = port->region;
		opts.base_max = port->pool.max;
		opts.fill_max = port->pool.max;
		opts.out_max = port->pool.max;
		opts.copy = UMEM_COPY_AUTO;
	}
	id = vswitch_take_queue_id(&agent->vs);
	if (id < 0)
		return id;
	opts.id = (uint32_t)id;
	opts.promises = vswitch_promises(&agent->vs, opts.region);
	*ret_opts = opts;
	return 0;
}

static int open_queue(struct agent *agent, struct port *port, uint32_t index,
		      uint32_t n_queues)
{
	struct queue_opts opts;
	struct queue *queue;
	int err;

	err = fill_opts(agent, port, index, n_queues, &opts);
	if (err)
		return err;
	err = queue_open(&agent->vs.arena, port, &opts, &queue);
	if (err) {
		vswitch_give_queue_id(&agent->vs, opts.id);
		return err;
	}
	promises_force(queue->promises, opts.base);
	queue->granted = opts.base;
	if (port->vm_config) {
		/* Its worker may look at it before the pool is divided. */
		__atomic_store_n(&port->pool.floor.tx_per_queue, opts.base,
				 __ATOMIC_RELAXED);
		pools_add_part(agent, port, opts.base);
	}
	err = worker_add_queue(agent->vs.workers[opts.worker], queue);
	if (!err)
		err = datapath_set_xsk(agent->dp, false, port->slot, index,
				       queue->primary.rx.fd);
	/* Also when that failed: close_queues() knows it from here. */
	port->queues[port->n_queues++] = queue;
	return err;
}

static void choose_out_queues(struct agent *agent, struct port *port)
{
	/* Those on a VM's own memory are for that VM's packets. */
	struct queue *queues[PKT_MAX_QUEUES];
	uint32_t n = 0;

	for (uint32_t i = 0; i < port->n_queues; i++)
		if (port->queues[i]->umem.region == port->region)
			queues[n++] = port->queues[i];
	for (uint32_t w = 0; w < agent->vs.n_workers; w++) {
		port->out_queue[w] = queues[w % n];
		for (uint32_t i = 0; i < n; i++)
			if (queues[i]->worker == w)
				port->out_queue[w] = queues[i];
	}
}

static int open_queues(struct agent *agent, struct port *port,
		       const struct link_info *info)
{
	uint32_t n = link_queues(info), wanted = n;
	int err;

	if (port->uplink_config && port->uplink_config->queues)
		wanted = min_u32(port->uplink_config->queues, n);
	wanted = min_u32(wanted, PKT_MAX_QUEUES);
	if (wanted < n)
		snprintf(port->note + strlen(port->note),
			 sizeof(port->note) - strlen(port->note),
			 "%sonly %u of the device's %u queues are served: what arrives on the others goes the kernel way or is lost",
			 port->note[0] ? "; " : "", wanted, n);
	port->queues = calloc(wanted, sizeof(port->queues[0]));
	if (!port->queues)
		return -ENOMEM;
	for (uint32_t i = 0; i < wanted; i++) {
		err = open_queue(agent, port, i, wanted);
		if (err) {
			snprintf(port->why, sizeof(port->why),
				 "%s: queue %u: cannot bind an AF_XDP socket: %s%s",
				 port->ifname, i, strerror(-err),
				 err == -EBUSY ?
					 " (another process uses AF_XDP on it)" :
					 "");
			return err;
		}
	}
	choose_out_queues(agent, port);
	return 0;
}

static void close_queues(struct agent *agent, struct port *port)
{
	struct vswitch *vs = &agent->vs;

	for (uint32_t i = 0; i < port->n_queues; i++) {
		struct queue *queue = port->queues[i];
		uint32_t id = queue->id;

		worker_del_queue(vs->workers[queue->worker], queue);
		queue_keep_stats(port, &queue->primary.rx);
		promises_give(queue->promises, queue->granted);
		if (port->vm_config)
			pools_del_part(agent, port, queue->base);
		queue_close(queue);
		queue_reclaim(&vs->arena, &vs->cache, FRAME_QUEUE, id);
		vswitch_give_queue_id(vs, id);
	}
	if (port->n_queues) {
		queue_reclaim(&vs->arena, &vs->cache, FRAME_OUT, port->slot);
		queue_wait_for(port, QUEUE_WAIT_NS);
	}
	memset(port->account, 0, sizeof(port->account));
	free(port->queues);
	port->queues = NULL;
	port->n_queues = 0;
	if (port->vm_config)
		pools_close_out(agent, port);
	else if (port->out_open)
		promises_give(port->promises, port->out_max);
	port->out_open = false;
}

/* ---- up ---- */

static int prepare(struct agent *agent, struct port *port,
		   struct link_info *ret_info)
{
	if (port->uplink_config)
		return device_prepare_uplink(agent->journal,
					     port->uplink_config,
					     agent->config->frame_size,
					     ret_info, port->note,
					     sizeof(port->note), port->why,
					     sizeof(port->why));
	return device_prepare_vm(agent->journal, port->vm_config, ret_info,
				 port->note, sizeof(port->note), port->why,
				 sizeof(port->why));
}

/* What is on its way out of the port has frames from here on. */
static int open_pool(struct agent *agent, struct port *port)
{
	int err;

	if (port->vm_config) {
		err = pools_divide(agent, port);
		if (!err)
			pools_open_out(agent, port);
		return err;
	}
	port->out_max = port->uplink_config->out_max;
	promises_force(port->promises, port->out_max);
	port->out_open = true;
	return 0;
}

static int attach(struct agent *agent, struct port *port,
		  const struct link_info *info)
{
	struct port_cfg cfg = { .ifindex = (uint32_t)info->ifindex,
				.kind = port->kind };
	enum datapath_mode mode;
	bool taken;
	int err;

	err = datapath_set_device(agent->dp, port->slot, &cfg);
	if (err) {
		snprintf(port->why, sizeof(port->why), "%s: BPF maps: %s",
			 port->ifname, strerror(-err));
		return err;
	}
	err = datapath_attach(agent->dp, info, port->kind, &mode, &taken,
			      port->why, sizeof(port->why));
	if (err)
		return err;
	port->skb_mode = mode == DATAPATH_SKB;
	if (taken)
		log_info("%s: took over the XDP link of an earlier process on %s",
			 port->name, port->ifname);
	if (port->skb_mode)
		log_warning("%s: the driver of %s has no native XDP: generic mode, much slower",
			    port->name, port->ifname);
	return 0;
}

int lifecycle_show(struct agent *agent, struct port *port)
{
	int err;

	port->state = PORT_STATE_UP;
	port->why[0] = 0;
	__atomic_store_n(&port->up, true, __ATOMIC_RELEASE);
	vswitch_publish_port(&agent->vs, port);
	err = lifecycle_write(agent, port);
	if (!err)
		err = networks_update_port(agent, port);
	if (!err && port->kind == PORT_VM)
		err = shares_open(agent, port);
	if (err) {
		snprintf(port->why, sizeof(port->why), "%s: %s", port->ifname,
			 strerror(-err));
		return err;
	}
	if (port->kind == PORT_UPLINK)
		shares_open_all(agent, port);
	else
		pools_set(agent, port,
			  max_u32(port->vm_config->pool.initial,
				  port->pool.asked),
			  POOL_START);
	if (port->vhost)
		bypass_apply(agent);
	shaping_apply(agent, port);	/* says so if it cannot */
	return 0;
}

static void read_device(struct port *port, const struct link_info *info)
{
	port->ifindex = info->ifindex;
	port->mtu = info->mtu;
	port->max_len = info->mtu + PKT_ETH_LEN;
	memcpy(port->mac, info->mac, 6);
	port->carrier = info->carrier;
	link_driver(port->ifname, port->driver, sizeof(port->driver));
}

/* The port comes up by itself, when its guest is there. */
static int open_guest(struct agent *agent, struct port *port)
{
	int err;

	if (port->vhost)
		return 0;
	err = open_pool(agent, port);
	if (!err)
		err = guests_open(agent, port);
	if (err)
		port->retry_ns = now_ns() + RETRY_NS;
	return err;
}

int lifecycle_up(struct agent *agent, struct port *port)
{
	char why[sizeof(port->why)];
	struct link_info info;
	int err;

	if (is_guest(port))
		return open_guest(agent, port);
	err = prepare(agent, port, &info);
	if (err) {
		port->state = err == -ENODEV ? PORT_STATE_ABSENT :
					       PORT_STATE_DOWN;
		port->ifindex = 0;
		port->retry_ns = now_ns() + RETRY_NS;
		return err;
	}
	read_device(port, &info);
	err = open_queues(agent, port, &info);
	if (!err)
		err = open_pool(agent, port);
	if (!err)
		err = attach(agent, port, &info);
	if (!err) {
		port->why[0] = 0;
		err = lifecycle_admit(agent, port, &info);
	}
	if (err) {
		snprintf(why, sizeof(why), "%s", port->why);
		lifecycle_down(agent, port, PORT_STATE_DOWN, why);
	}
	return err;
}

/* ---- down ---- */

void lifecycle_hide(struct agent *agent, struct port *port,
		    enum port_state state, const char *why)
{
	bool was_visible = port->up;

	port->state = state;
	snprintf(port->why, sizeof(port->why), "%s", why);
	/* Nobody sends to it any more ... */
	__atomic_store_n(&port->up, false, __ATOMIC_RELEASE);
	lifecycle_write(agent, port);
	if (!was_visible)
		return;
	/* ... or past the switch ... */
	if (port->vhost)
		bypass_apply(agent);
	if (port->kind == PORT_UPLINK)
		shares_close_all(agent, port);
	else
		shares_close(agent, port);
	networks_forget_learned(agent, port);
	networks_update_port(agent, port);
	vswitch_hide_port(&agent->vs, port->slot);
	/* ... and what waits to be sent does not. */
	shaper_stop(&agent->vs, port);
	sending_clear(&agent->vs, port);
	if (port->vhost)
		pools_rest(agent, port);
}

void lifecycle_down(struct agent *agent, struct port *port,
		    enum port_state state, const char *why)
{
	port->retry_ns = now_ns() + RETRY_NS;
	if (!port->ifindex && !port->vhost) {
		port->state = state;
		snprintf(port->why, sizeof(port->why), "%s", why);
		return;
	}
	lifecycle_hide(agent, port, state, why);
	if (port->vhost) {
		guests_close(agent, port);
		tags_release(agent, port);
		return;
	}
	/* ... then it receives no more, and nothing is on the way. */
	datapath_clear_device(agent->dp, port->slot, port->ifindex);
	datapath_detach(agent->dp, port->ifname);
	datapath_synchronize();
	close_queues(agent, port);
	device_restore_settings(agent->journal, port->ifname);
	tags_release(agent, port);
	port->ifindex = 0;
	port->xmit = false;
	port->carrier = false;
	port->note[0] = 0;
}

void lifecycle_free(struct agent *agent, struct port *port)
{
	struct port_cfg none = { 0 };

	if (!port)
		return;
	lifecycle_down(agent, port, PORT_STATE_DOWN, "removed");
	if (!is_guest(port))
		device_restore(agent->journal, port->ifname);
	networks_del_addresses(agent, port);
	pools_collect(agent);
	if (port->vm_config)
		pools_end(port);
	agent->ports[port->slot] = NULL;
	networks_update_port(agent, port);
	datapath_set_port(agent->dp, port->slot, &none);
	policing_end(agent, port);
	tags_free(agent, port);
	free(port);
}

void lifecycle_retry(struct agent *agent)
{
	uint64_t now = now_ns();
	char old[sizeof(((struct port *)0)->why)];

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (!port || port->state == PORT_STATE_UP || port->vhost ||
		    port->ifindex || now < port->retry_ns)
			continue;
		snprintf(old, sizeof(old), "%s", port->why);
		if (lifecycle_up(agent, port) && strcmp(old, port->why))
			log_warning("%s: down: %s", port->name, port->why);
	}
}

/* ---- changes while up ---- */

int lifecycle_resize(struct agent *agent, struct port *port)
{
	const struct config_pool *config = &port->vm_config->pool;

	for (uint32_t i = 0; i < port->n_queues; i++)
		if (config->max > port->queues[i]->base_max)
			return -EINVAL;
	return pools_configure(agent, port);
}

int lifecycle_move_network(struct agent *agent, struct port *port,
			   uint16_t vlan)
{
	uint16_t old = port->vlan;
	int err;

	if (old == vlan)
		return 0;
	shares_close(agent, port);
	networks_forget_learned(agent, port);
	port->vlan = vlan;
	err = networks_update(agent, old);
	if (!err)
		err = networks_update(agent, vlan);
	if (!err && port->state == PORT_STATE_UP)
		err = shares_open(agent, port);
	return err;
}
