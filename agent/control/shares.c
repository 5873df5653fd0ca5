// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* VMs' receive-only sockets on uplinks: see shares.h. */
#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "control/isolation.h"
#include "control/pools.h"
#include "control/shares.h"
#include "ports/queue.h"
#include "switching/worker.h"

/* How long packets in a ring that is to go may wait for room at the VM. */
#define DRAIN_WAIT_NS	(1 * NS_PER_SEC)

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
		if (queue->shares[i]->to == vm &&
		    queue->shares[i]->counts == queue->shares[i])
			return queue->shares[i];
	return NULL;
}

/* ---- which queues ---- */

static bool lists(const struct config_vm *vm, uint32_t index)
{
	for (uint32_t i = 0; i < vm->n_uplink_queues; i++)
		if (vm->uplink_queues[i] == index)
			return true;
	return false;
}

/* The VM that queue @index of the uplink is for alone; NULL: it is shared. */
static const struct config_vm *owner_of(const struct agent *agent,
					const struct port *uplink,
					uint32_t index)
{
	const struct config *config = agent->config;

	for (uint32_t i = 0; i < config->n_vms; i++) {
		const struct config_vm *vm = &config->vms[i];

		if (vm->n_uplink_queues && lists(vm, index) &&
		    config_uplink_has_vlan(uplink->uplink_config, vm->vlan))
			return vm;
	}
	return NULL;
}

static bool may_use(const struct agent *agent, const struct port *vm,
		    const struct port *uplink, uint32_t index)
{
	const struct config_vm *owner = owner_of(agent, uplink, index);

	return owner == vm->vm_config || (!owner && !vm->region);
}

uint32_t shares_region(const struct agent *agent, const struct port *uplink,
		       uint32_t index)
{
	const struct config_vm *owner = owner_of(agent, uplink, index);

	return owner ? isolation_region(agent, owner) : 0;
}

uint32_t shares_count(const struct agent *agent, const struct port *vm,
		      const struct port *uplink)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < uplink->n_queues; i++)
		n += may_use(agent, vm, uplink, i);
	return n;
}

uint32_t shares_base(const struct agent *agent, const struct port *uplink,
		     uint32_t index)
{
	return owner_of(agent, uplink, index) ?
		       SHARES_AWAY :
		       uplink->uplink_config->reserve;
}

/* ---- one share ---- */

static struct worker *worker_of(struct agent *agent, const struct queue *queue)
{
	return agent->vs.workers[queue->worker];
}

static int make_share(struct agent *agent, struct port *vm, struct queue *queue,
		      struct share **ret_share)
{
	return share_open(queue, vm, round_up_pow2(pool_load(&vm->pool.max)),
			  datapath_credit(agent->dp, vm->slot, queue->index),
			  ret_share);
}

static int open_one(struct agent *agent, struct port *vm, struct queue *queue)
{
	struct worker *worker = worker_of(agent, queue);
	struct share *share;
	int err;

	err = make_share(agent, vm, queue, &share);
	if (err)
		return err;
	share->limit = vm->pool.least.rx_per_queue;
	err = worker_add_share(worker, share);
	if (err) {
		share_close(share);
		return err;
	}
	pools_add_part(agent, vm, vm->pool.least.rx_per_queue);
	err = datapath_set_xsk(agent->dp, true, vm->slot, queue->index,
			       share->rx.fd);
	if (err) {
		worker_del_share(worker, share);
		pools_del_part(agent, vm, share->limit);
		share_close(share);
	}
	return err;
}

/* The program does not fill the ring any more. What is in it goes where it was
 * to go, if the VM has room in time. */
static void end_share(struct agent *agent, struct port *vm, struct queue *queue,
		      struct share *share)
{
	const struct timespec pause = { .tv_nsec = NS_PER_MS / 4 };
	struct worker *worker = worker_of(agent, queue);
	uint64_t deadline = now_ns() + DRAIN_WAIT_NS;

	while (port_is_up(vm) && !worker_drain_share(worker, share) &&
	       now_ns() < deadline)
		nanosleep(&pause, NULL);
	worker_del_share(worker, share);
	/* The worker may have moved the bound until now. */
	pools_del_part(agent, vm, share->limit);
	queue_keep_stats(vm, &share->rx);
	share_close(share);
}

/* The owner's part becomes its share's limit again, and the uplink's base what
 * it was. */
static void give_up_queue(struct agent *agent, struct queue *queue)
{
	struct share *share = shares_find(queue->owner, queue);

	worker_set_owner(worker_of(agent, queue), share, NULL,
			 shares_base(agent, queue->port, queue->index));
}

static void close_one(struct agent *agent, struct port *vm, struct queue *queue)
{
	struct share *share = shares_find(vm, queue);

	if (queue->owner == vm)
		give_up_queue(agent, queue);
	end_share(agent, vm, queue, share);
}

/* ---- all of a VM ---- */

static void take_queues(struct agent *agent, struct port *vm)
{
	struct port *uplink = vm->uplink;

	for (uint32_t i = 0; i < uplink->n_queues; i++) {
		struct queue *queue = uplink->queues[i];
		struct share *share = shares_find(vm, queue);

		if (share && !queue->owner && lists(vm->vm_config, i))
			worker_set_owner(worker_of(agent, queue), share, vm,
					 0);
	}
}

int shares_open(struct agent *agent, struct port *vm)
{
	struct port *uplink = shares_uplink_of(agent, vm->vlan);
	int err;

	if (!uplink || uplink->state != PORT_STATE_UP)
		return 0;
	err = pools_divide(agent, vm);
	vm->uplink = uplink;
	for (uint32_t i = 0; !err && i < uplink->n_queues; i++)
		if (may_use(agent, vm, uplink, i))
			err = open_one(agent, vm, uplink->queues[i]);
	if (err) {
		shares_close(agent, vm);
		return err;
	}
	take_queues(agent, vm);
	pools_reserve(vm);
	return 0;
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
	for (uint32_t i = 0; i < uplink->n_queues; i++)
		if (shares_find(vm, uplink->queues[i]))
			close_one(agent, vm, uplink->queues[i]);
	vm->uplink = NULL;
	pools_reserve(vm);
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

/* ---- from one form to the other ---- */

/* Queues that are no longer their owners' become shared first: then nobody is
 * without a ring for longer than it has to be. */
static void give_up_queues(struct agent *agent, struct port *uplink)
{
	for (uint32_t i = 0; i < uplink->n_queues; i++) {
		struct queue *queue = uplink->queues[i];

		if (queue->owner &&
		    owner_of(agent, uplink, i) != queue->owner->vm_config)
			give_up_queue(agent, queue);
	}
}

static void close_extra(struct agent *agent, struct port *vm)
{
	struct port *uplink = vm->uplink;
	bool any = false;

	for (uint32_t i = 0; i < uplink->n_queues; i++) {
		if (may_use(agent, vm, uplink, i) ||
		    !shares_find(vm, uplink->queues[i]))
			continue;
		datapath_del_xsk(agent->dp, true, vm->slot,
				 uplink->queues[i]->index);
		any = true;
	}
	if (!any)
		return;
	datapath_synchronize();
	for (uint32_t i = 0; i < uplink->n_queues; i++)
		if (!may_use(agent, vm, uplink, i) &&
		    shares_find(vm, uplink->queues[i]))
			close_one(agent, vm, uplink->queues[i]);
}

static int arrange_vm(struct agent *agent, struct port *vm)
{
	struct port *uplink = vm->uplink;
	int err = pools_divide(agent, vm);

	for (uint32_t i = 0; !err && i < uplink->n_queues; i++)
		if (may_use(agent, vm, uplink, i) &&
		    !shares_find(vm, uplink->queues[i]))
			err = open_one(agent, vm, uplink->queues[i]);
	take_queues(agent, vm);
	pools_reserve(vm);
	if (!err)
		pools_set(agent, vm,
			  max_u32(pool_load(&vm->pool.size), vm->pool.asked),
			  POOL_RELOAD);
	return err;
}

int shares_arrange(struct agent *agent, struct port *uplink)
{
	int err = 0;

	give_up_queues(agent, uplink);
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *vm = agent->ports[i];

		if (vm && vm->kind == PORT_VM && vm->uplink == uplink)
			close_extra(agent, vm);
	}
	for (uint32_t i = 1; i < PKT_MAX_PORTS && !err; i++) {
		struct port *vm = agent->ports[i];

		if (vm && vm->kind == PORT_VM && vm->uplink == uplink)
			err = arrange_vm(agent, vm);
	}
	return err;
}

/* ---- larger rings ---- */

/* A larger ring is another socket. It takes the place of the old one in the map
 * at once; what the old one still got is forwarded before it goes. */
static int replace_one(struct agent *agent, struct port *vm,
		       struct queue *queue, struct share *old)
{
	struct worker *worker = worker_of(agent, queue);
	struct share *share;
	int err;

	err = make_share(agent, vm, queue, &share);
	if (err)
		return err;
	err = worker_succeed_share(worker, share, old);
	if (err) {
		share_close(share);
		return err;
	}
	/* The map has had an entry there all the time: it cannot fail. */
	datapath_set_xsk(agent->dp, true, vm->slot, queue->index,
			 share->rx.fd);
	datapath_synchronize();
	end_share(agent, vm, queue, old);
	return 0;
}

int shares_set_max(struct agent *agent, struct port *vm, uint32_t max)
{
	struct port *uplink = vm->uplink;
	uint32_t before = vm->pool.max;
	int err = 0;

	__atomic_store_n(&vm->pool.max, max, __ATOMIC_RELAXED);
	for (uint32_t i = 0; uplink && !err && i < uplink->n_queues; i++) {
		struct share *share = shares_find(vm, uplink->queues[i]);

		if (share && share->rx.size < max)
			err = replace_one(agent, vm, uplink->queues[i], share);
	}
	if (err)
		__atomic_store_n(&vm->pool.max, before, __ATOMIC_RELAXED);
	return err;
}
