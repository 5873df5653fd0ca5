// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* VMs behind vhost-user: see guests.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <pktagent/parse.h>

#include "base/log.h"
#include "control/guests.h"
#include "control/lifecycle.h"
#include "control/pools.h"
#include "control/shaping.h"
#include "control/tags.h"
#include "switching/guest.h"
#include "switching/source.h"

/* Events of one call, so that front-ends that talk without end do not keep the
 * control thread from its other work; nor for long. */
#define EVENTS_PER_RUN	32
#define RUN_NS		(50 * NS_PER_MS)

static const struct config_vhost *vhost_config(const struct port *port)
{
	return &port->vm_config->device.vhost;
}

static struct worker *worker_of(const struct vhost_port *vp,
				const struct vhost_pair *pair)
{
	return vp->agent->vs.workers[pair->worker];
}

/* ---- which pairs may be sent to ---- */

static bool pair_is_usable(const struct vhost_info *info, uint32_t i)
{
	return info->rings[2 * i].running && info->rings[2 * i].enabled &&
	       info->rings[2 * i + 1].running;
}

/* Fills in the map of the pairs that are usable; how many those are. */
static uint32_t fill_map(const struct vhost_port *vp,
			 const struct vhost_info *info, struct pair_map *map)
{
	const uint32_t n_workers = vp->agent->vs.n_workers;
	uint32_t n = 0;

	memset(map, 0, sizeof(*map));
	for (uint32_t i = 0; i < vp->n_pairs; i++) {
		struct vhost_pair *pair = vp->pairs[i];
		uint32_t w = pair->worker;

		if (!pair_is_usable(info, i))
			continue;
		map->of_worker[w].pairs[map->of_worker[w].n++] = pair;
		n++;
	}
	for (uint32_t w = 0; w < n_workers; w++) {
		if (map->of_worker[w].n)
			continue;
		for (uint32_t i = 0; i < vp->n_pairs; i++)
			if (pair_is_usable(info, i))
				map->of_worker[w]
					.pairs[map->of_worker[w].n++] =
					vp->pairs[i];
	}
	return n;
}

static void publish_map(struct vhost_port *vp, const struct vhost_info *info)
{
	struct port *port = vp->port;
	struct pair_map *map = malloc(sizeof(*map)), *old = port->pairs;

	if (!map) {
		log_error("%s: no memory for the map of its queues",
			  port->name);
		return;
	}
	fill_map(vp, info, map);
	if (old && !memcmp(old, map, sizeof(*map))) {
		free(map);
		return;
	}
	for (uint32_t i = 0; i < vp->n_pairs; i++)
		__atomic_store_n(&vp->pairs[i]->in_use,
				 pair_is_usable(info, i), __ATOMIC_RELAXED);
	__atomic_store_n(&port->pairs, map, __ATOMIC_RELEASE);
	if (old)
		vswitch_synchronize(&vp->agent->vs);
	free(old);
}

/* ---- up and down ---- */

static uint8_t accepted(uint64_t features)
{
	uint8_t accepts = PORT_ACCEPTS_CSUM;

	/* Nothing else goes without it (virtio 1.2, 5.1.3.1). */
	if (!(features & VIRTIO_NET_GUEST_CSUM))
		return 0;
	if (features & VIRTIO_NET_GUEST_TSO4)
		accepts |= PORT_ACCEPTS_TSO4;
	if (features & VIRTIO_NET_GUEST_TSO6)
		accepts |= PORT_ACCEPTS_TSO6;
	if (features & VIRTIO_NET_GUEST_ECN)
		accepts |= PORT_ACCEPTS_ECN;
	return accepts;
}

static void set_offloads(struct port *port, uint64_t features)
{
	const uint8_t tso = PORT_ACCEPTS_TSO4 | PORT_ACCEPTS_TSO6;
	uint8_t accepts = accepted(features);

	__atomic_store_n(&port->accepts, accepts, __ATOMIC_RELAXED);
	__atomic_store_n(&port->gro, vhost_config(port)->gro && accepts & tso,
			 __ATOMIC_RELAXED);
}

static void go_up(struct vhost_port *vp, const struct vhost_info *info)
{
	struct port *port = vp->port;
	uint32_t n = 0;

	for (uint32_t i = 0; i < vp->n_pairs; i++)
		n += pair_is_usable(info, i);
	port->carrier = true;
	if (lifecycle_show(vp->agent, port)) {
		char why[sizeof(port->why)];

		snprintf(why, sizeof(why), "%s", port->why);
		log_error("%s: %s", port->name, why);
		lifecycle_hide(vp->agent, port, PORT_STATE_DOWN, why);
		return;
	}
	log_info("%s: up: vhost-user, %u queue pair%s, %s%s%sMTU %u%s",
		 port->name, n, n == 1 ? "" : "s",
		 info->features & VIRTIO_VERSION_1 ? "" : "legacy driver, ",
		 port->accepts & PORT_ACCEPTS_CSUM ? "checksum offload, " : "",
		 port->accepts & (PORT_ACCEPTS_TSO4 | PORT_ACCEPTS_TSO6) ?
			 "TSO, " :
			 "",
		 port->mtu, port->gro ? ", GRO" : "");
}

static const char *why_down(const struct vhost_info *info)
{
	if (info->why[0])
		return info->why;
	return info->state == VHOST_STATE_WAITING ?
		       "no front-end is there" :
		       "the guest's driver has not enabled its queues";
}

static void go_down(struct vhost_port *vp, const struct vhost_info *info)
{
	struct port *port = vp->port;
	enum port_state state = info->state == VHOST_STATE_WAITING ?
					PORT_STATE_ABSENT :
					PORT_STATE_DOWN;

	port->carrier = false;
	if (port->up) {
		lifecycle_hide(vp->agent, port, state, why_down(info));
		log_info("%s: down: %s", port->name, port->why);
	}
	port->state = state;
	snprintf(port->why, sizeof(port->why), "%s", why_down(info));
}

/* Brings the port in line with what its session is now. */
static void on_changed(void *arg)
{
	struct vhost_port *vp = arg;
	struct vhost_info info;
	uint32_t n = 0;

	if (vp->closing)
		return;
	vhost_session_info(vp->session, &info);
	tags_take_guest(vp->agent, vp->port, &info);
	for (uint32_t i = 0; i < vp->n_pairs; i++)
		n += pair_is_usable(&info, i);
	if (!n) {
		go_down(vp, &info);
		return;
	}
	set_offloads(vp->port, info.features);
	publish_map(vp, &info);
	if (!vp->port->up)
		go_up(vp, &info);
}

/* ---- the session's hooks ---- */

static int on_start(void *arg, const struct vhost_ring_start *ring, char *why,
		    size_t why_size)
{
	struct vhost_port *vp = arg;
	struct vhost_pair *pair = vp->pairs[ring->index / 2];
	int err;

	err = worker_start_ring(worker_of(vp, pair), pair, ring);
	if (err)
		snprintf(why, why_size, "ring %u: its kick descriptor: %s",
			 ring->index, strerror(-err));
	return err;
}

static uint16_t on_stop(void *arg, uint32_t index)
{
	struct vhost_port *vp = arg;
	struct vhost_pair *pair = vp->pairs[index / 2];
	uint16_t next;

	next = worker_stop_ring(worker_of(vp, pair), pair, index & 1);
	vswitch_synchronize(&vp->agent->vs);
	pair_forget(pair, index & 1);
	return next;
}

static void on_enable(void *arg, uint32_t index, bool enabled)
{
	struct vhost_port *vp = arg;
	struct vhost_pair *pair = vp->pairs[index / 2];

	worker_enable_ring(worker_of(vp, pair), pair, index & 1, enabled);
}

static void on_call_fd(void *arg, uint32_t index, int fd)
{
	struct vhost_port *vp = arg;
	struct vhost_pair *pair = vp->pairs[index / 2];

	worker_set_call_fd(worker_of(vp, pair), pair, index & 1, fd);
	vswitch_synchronize(&vp->agent->vs);
}

struct announce {
	const struct port *port;
	const uint8_t *mac;
};

static void announce(struct worker *worker, void *arg)
{
	const struct announce *a = arg;

	guest_announce(worker, a->port, a->mac);
}

static bool may_have(const struct config_vm *vm, const uint8_t mac[6])
{
	for (uint32_t i = 0; i < vm->n_macs; i++)
		if (!memcmp(vm->macs[i], mac, 6))
			return true;
	return vm->learn && !(mac[0] & 1);
}

static void on_rarp(void *arg, const uint8_t mac[6])
{
	struct vhost_port *vp = arg;
	struct announce a = { vp->port, mac };

	if (!may_have(vp->port->vm_config, mac)) {
		log_warning("%s: the front-end announces %02x:%02x:%02x:%02x:%02x:%02x, which is not the VM's: ignored",
			    vp->port->name, mac[0], mac[1], mac[2], mac[3],
			    mac[4], mac[5]);
		return;
	}
	worker_call(vp->agent->vs.workers[0], announce, &a);
}

static const struct vhost_hooks hooks = {
	.start = on_start,
	.stop = on_stop,
	.enable = on_enable,
	.call_fd = on_call_fd,
	.rarp = on_rarp,
	.changed = on_changed,
};

/* ---- configuration ---- */

static struct source_rules *make_rules(const struct config_vm *vm)
{
	struct source_rules *rules;

	rules = malloc(sizeof(*rules) + vm->n_addrs * sizeof(rules->addrs[0]));
	if (!rules)
		return NULL;
	rules->check_mac = !vm->learn;
	rules->check_ip = vm->n_addrs > 0;
	rules->n_addrs = vm->n_addrs;
	if (vm->n_addrs)
		memcpy(rules->addrs, vm->addrs,
		       vm->n_addrs * sizeof(rules->addrs[0]));
	qsort(rules->addrs, vm->n_addrs, sizeof(rules->addrs[0]),
	      source_addr_cmp);
	return rules;
}

int guests_configure(struct agent *agent, struct port *port)
{
	const struct config_vhost *config = vhost_config(port);
	struct source_rules *old = port->source;
	struct vhost_port *vp = port->vhost;
	struct source_rules *rules;

	rules = make_rules(port->vm_config);
	if (!rules)
		return -ENOMEM;
	__atomic_store_n(&port->source, rules, __ATOMIC_RELEASE);
	if (old)
		vswitch_synchronize(&agent->vs);
	free(old);
	port->mtu = port->vm_config->mtu;
	__atomic_store_n(&port->max_len, port->mtu + PKT_ETH_LEN,
			 __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < vp->n_pairs; i++) {
		__atomic_store_n(&vp->pairs[i]->call_packets,
				 config->call_packets, __ATOMIC_RELAXED);
		__atomic_store_n(&vp->pairs[i]->call_us, config->call_us,
				 __ATOMIC_RELAXED);
	}
	return 0;
}

static uint64_t offered(const struct config_vhost *config)
{
	uint64_t features = VIRTIO_VERSION_1 | VIRTIO_NET_MRG_RXBUF |
			    VIRTIO_NET_MQ | VIRTIO_NET_GUEST_ANNOUNCE |
			    VIRTIO_NET_MTU | VIRTIO_RING_INDIRECT |
			    VIRTIO_RING_EVENT_IDX;

	if (config->csum)
		features |= VIRTIO_NET_CSUM | VIRTIO_NET_GUEST_CSUM;
	if (config->tso)
		features |= VIRTIO_NET_HOST_TSO4 | VIRTIO_NET_HOST_TSO6 |
			    VIRTIO_NET_HOST_ECN | VIRTIO_NET_GUEST_TSO4 |
			    VIRTIO_NET_GUEST_TSO6 | VIRTIO_NET_GUEST_ECN;
	return features;
}

/* ---- opening and closing ---- */

static int open_pairs(struct agent *agent, struct vhost_port *vp)
{
	const struct port *port = vp->port;
	uint32_t in_size = round_up_pow2(port->vm_config->pool.max);

	for (uint32_t i = 0; i < vhost_config(port)->queues; i++) {
		uint32_t worker = shaping_worker(agent, port, i);
		struct vhost_pair *pair;
		int err;

		err = pair_new(vp->port, i, worker, in_size, &pair);
		if (err)
			return err;
		err = worker_add_pair(agent->vs.workers[worker], pair);
		if (err) {
			pair_free(pair);
			return err;
		}
		vp->pairs[vp->n_pairs++] = pair;
	}
	return 0;
}

static int open_session(struct agent *agent, struct vhost_port *vp)
{
	const struct config_device *device = &vp->port->vm_config->device;
	const struct config_vhost *config = &device->vhost;
	const struct vhost_opts opts = {
		.name = vp->port->name,
		.path = config->socket,
		.server = config->mode == SOCKET_SERVER,
		.socket_mode = config->socket_mode,
		.n_pairs = config->queues,
		.features = offered(config),
		.mtu = (uint16_t)vp->port->vm_config->mtu,
		.peer_uid = device->allow_uid,
		.peer_cgroup = device->allow_cgroup[0] ? device->allow_cgroup :
							 NULL,
		.hooks = &hooks,
		.arg = vp,
		.epoll_fd = agent->vhost_fd,
	};

	return vhost_session_open(&opts, &vp->session);
}

/* What went past the switch to an earlier port in this slot is not this
 * one's. */
static void forget_bypassed(struct agent *agent, uint16_t slot)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct vhost_port *vp =
			agent->ports[i] ? agent->ports[i]->vhost : NULL;

		for (uint32_t p = 0; vp && p < vp->n_pairs; p++)
			memset(&vp->pairs[p]->bypassed[slot], 0,
			       sizeof(vp->pairs[p]->bypassed[slot]));
	}
}

int guests_open(struct agent *agent, struct port *port)
{
	struct vhost_port *vp;
	int err;

	vp = calloc(1, sizeof(*vp));
	if (!vp)
		return -ENOMEM;
	vp->agent = agent;
	vp->port = port;
	port->vhost = vp;
	snprintf(port->driver, sizeof(port->driver), "vhost-user");
	forget_bypassed(agent, port->slot);
	err = open_pairs(agent, vp);
	if (!err)
		err = guests_configure(agent, port);
	if (!err)
		err = open_session(agent, vp);
	if (err) {
		snprintf(port->why, sizeof(port->why), "%s: %s",
			 vhost_config(port)->socket, strerror(-err));
		guests_close(agent, port);
		return err;
	}
	on_changed(vp);
	return 0;
}

void guests_close(struct agent *agent, struct port *port)
{
	struct vhost_port *vp = port->vhost;

	if (!vp)
		return;
	vp->closing = true;
	vhost_session_close(vp->session);
	for (uint32_t i = 0; i < vp->n_pairs; i++) {
		struct vhost_pair *pair = vp->pairs[i];

		worker_del_pair(worker_of(vp, pair), pair);
		guest_drop_waiting(pair, &agent->vs.cache);
		pair_free(pair);
	}
	memset(port->account, 0, sizeof(port->account));
	pools_close_out(agent, port);
	free(port->pairs);
	free(port->source);
	port->pairs = NULL;
	port->source = NULL;
	port->vhost = NULL;
	free(vp);
}

/* ---- clockwork ---- */

void guests_run(struct agent *agent)
{
	const uint64_t end = now_ns() + RUN_NS;
	struct epoll_event event;

	/* One at a time: a session may close another's descriptors. */
	for (uint32_t i = 0; i < EVENTS_PER_RUN; i++) {
		if ((i && now_ns() >= end) ||
		    epoll_wait(agent->vhost_fd, &event, 1, 0) < 1)
			return;
		vhost_session_run(event.data.ptr);
	}
}

void guests_check(struct agent *agent)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct vhost_port *vp =
			agent->ports[i] ? agent->ports[i]->vhost : NULL;
		const char *why = NULL;

		if (!vp)
			continue;
		for (uint32_t p = 0; p < vp->n_pairs && !why; p++)
			why = pair_broken(vp->pairs[p]);
		if (why)
			vhost_session_fail(vp->session, why);
	}
}

void guests_tick(struct agent *agent)
{
	uint64_t now = now_ns();

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (agent->ports[i] && agent->ports[i]->vhost)
			vhost_session_tick(agent->ports[i]->vhost->session,
					   now);
	guests_check(agent);
}
