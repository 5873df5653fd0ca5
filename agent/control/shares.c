// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* VMs' receive-only sockets on uplinks: see shares.h. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "control/shares.h"
#include "policy/pool.h"
#include "ports/queue.h"
#include "switching/worker.h"

struct port *shares_uplink_of(struct agent *agent, uint16_t vlan)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (port && port->kind == PORT_UPLINK &&
		    config_uplink_has_vlan(port->uplink_config, vlan))
			return port;
	}
	return NULL;
}

struct share *shares_find(const struct port *vm, const struct queue *queue)
{
	for (uint32_t i = 1; i < queue->n_shares; i++)
		if (queue->shares[i]->to == vm)
			return queue->shares[i];
	return NULL;
}

static int open_one(struct agent *agent, struct port *vm, struct queue *queue,
		    uint32_t size)
{
	struct worker *worker = agent->vs.workers[queue->worker];
	struct share *share;
	int err;

	err = share_open(queue, vm, size, &share);
	if (err)
		return err;
	err = worker_add_share(worker, share);
	if (err) {
		share_close(share);
		return err;
	}
	err = datapath_set_xsk(agent->dp, true, vm->slot, queue->index,
			       share->rx.fd);
	if (err) {
		worker_del_share(worker, share);
		share_close(share);
	}
	return err;
}

int shares_open(struct agent *agent, struct port *vm)
{
	const struct config_pool *pool = &vm->vm_config->pool;
	struct port *uplink = shares_uplink_of(agent, vm->vlan);
	struct pool_parts parts;
	int err;

	if (!uplink || uplink->state != PORT_STATE_UP)
		return 0;
	err = pool_divide(pool->initial, uplink->n_queues, vm->n_queues,
			  &parts);
	for (uint32_t i = 0; !err && i < uplink->n_queues; i++)
		err = open_one(agent, vm, uplink->queues[i],
			       parts.rx_per_queue);
	vm->uplink = uplink;
	if (err)
		shares_close(agent, vm);
	else
		vm->pool_rx = parts.rx_per_queue * uplink->n_queues;
	return err;
}

static void credit(struct port *vm, const struct share *share)
{
	struct rx_ring_stats stats;

	if (rx_ring_get_stats(&share->rx, &stats))
		return;
	vm->past.rx_dropped += stats.rx_dropped;
	vm->past.rx_ring_full += stats.rx_ring_full;
}

/* A larger ring is another socket. It takes the place of the old one in the map
 * at once; what the old one still got is forwarded before it goes. */
static int replace_one(struct agent *agent, struct port *vm,
		       struct queue *queue, uint32_t size)
{
	struct share *old = shares_find(vm, queue);
	struct worker *worker = agent->vs.workers[queue->worker];
	int err;

	err = open_one(agent, vm, queue, size);
	if (err)
		return err;
	datapath_synchronize();
	worker_drain_share(worker, old);
	worker_del_share(worker, old);
	credit(vm, old);
	share_close(old);
	return 0;
}

int shares_resize(struct agent *agent, struct port *vm)
{
	struct port *uplink = vm->uplink;
	struct pool_parts parts;
	int err;

	if (!uplink)
		return 0;
	err = pool_divide(vm->vm_config->pool.initial, uplink->n_queues,
			  vm->n_queues, &parts);
	for (uint32_t i = 0; !err && i < uplink->n_queues; i++) {
		struct queue *queue = uplink->queues[i];
		struct share *share = shares_find(vm, queue);

		if (parts.rx_per_queue <= share->rx.size)
			worker_set_limit(agent->vs.workers[queue->worker],
					 share, parts.rx_per_queue);
		else
			err = replace_one(agent, vm, queue,
					  parts.rx_per_queue);
	}
	if (!err)
		vm->pool_rx = parts.rx_per_queue * uplink->n_queues;
	return err;
}

void shares_close(struct agent *agent, struct port *vm)
{
	struct port *uplink = vm->uplink;

	if (!uplink)
		return;
	for (uint32_t i = 0; i < uplink->n_queues; i++)
		datapath_del_xsk(agent->dp, true, vm->slot,
				 uplink->queues[i]->index);
	/* After this nobody fills the rings any more. */
	datapath_synchronize();
	for (uint32_t i = 0; i < uplink->n_queues; i++) {
		struct queue *queue = uplink->queues[i];
		struct share *share = shares_find(vm, queue);

		if (!share)
			continue;
		worker_del_share(agent->vs.workers[queue->worker], share);
		credit(vm, share);
		share_close(share);
	}
	vm->uplink = NULL;
	vm->pool_rx = 0;
}

void shares_open_all(struct agent *agent, struct port *uplink)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *vm = agent->ports[i];
		int err;

		if (!vm || vm->kind != PORT_VM ||
		    vm->state != PORT_STATE_UP ||
		    shares_uplink_of(agent, vm->vlan) != uplink)
			continue;
		err = shares_open(agent, vm);
		if (err)
			log_error("%s: no receive rings on %s: %s; only what needs no agent reaches it",
				  vm->name, uplink->name, strerror(-err));
	}
}

void shares_close_all(struct agent *agent, struct port *uplink)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *vm = agent->ports[i];

		if (vm && vm->kind == PORT_VM && vm->uplink == uplink)
			shares_close(agent, vm);
	}
}
