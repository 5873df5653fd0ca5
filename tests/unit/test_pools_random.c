// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Many pools on several workers at random: each worker is a thread that plays
 * the kernel for its own queues (packets arrive as far as the credit allows, the
 * guests take some) and does what a worker does; the control thread asks for
 * sizes, takes frames back, moves caps, lends what is spare, and has VMs come and
 * go, all through the workers' own threads. Whenever it has them all stand still, every frame has
 * one owner, the promises are all frames, and each pool is the sum of its parts.
 *
 *	wan: one queue a worker ── a share of each VM on each of them
 *	vm i: one queue, of worker i
 */
#include <sched.h>
#include <sys/eventfd.h>
#include <urcu-qsbr.h>

#define RIG_RING 8192
#define RIG_RX	 1024
#include "../packets.h"
#include "rig.h"
#include "switching/breathe.h"

#define N_WORKERS 3
#define N_VMS	  32
#define WAN	  1
#define FIRST	  2
#define N_SLOTS	  (FIRST + N_VMS)
#ifdef __SANITIZE_THREAD__
#define N_STEPS 60000u
#else
#define N_STEPS (UNIT_SLOW ? 350000u : 1000000u)
#endif

/* What each VM has at the least, and at most. */
static const struct pool_parts least = { .rx_per_queue = 8,
					 .out = 10,
					 .tx_per_queue = 30 };
#define MIN (8 * N_WORKERS + 10 + 30)
#define MAX 1024

#define RESERVE	 (2 * MAGAZINE_SIZE * (N_WORKERS + 1))
#define SPARE	 2500 /* for 32 that want up to 1024 */
#define N_FRAMES (RIG_BASE * N_WORKERS + 2048 + N_VMS * MIN + RESERVE + SPARE)

struct net;

struct mailbox {
	void (*fn)(struct worker *worker, void *arg); /* A */
	void *arg;
};

struct vm {
	struct port *port;
	struct rig_queue *rq;
	struct rig_share *shares[N_WORKERS];
	bool open;		  /* A: the program has its sockets */
	uint8_t to[60], from[60]; /* packets to it, from it */
};

struct net {
	struct rig *rig;
	struct port *wan;
	struct rig_queue *wan_rq[N_WORKERS];
	struct vm vms[N_SLOTS];
	struct mailbox mail[N_WORKERS];
	pthread_barrier_t barrier;
	uint32_t n_running; /* A */
	uint64_t n_packets[N_WORKERS];
	uint64_t forced; /* frames, for minimums: see check_spare() */
};

/* ---- the workers, and the kernel on their queues ---- */

static void arrive_for_vm(struct net *net, uint32_t index, uint64_t *seed)
{
	/* They burst in turn, and some all the time. */
	uint32_t slot =
		FIRST + unit_below(seed, unit_below(seed, 4) ? 4 : N_VMS);
	struct vm *vm = &net->vms[slot];

	if (!__atomic_load_n(&vm->open, __ATOMIC_ACQUIRE))
		return;
	for (uint32_t n = unit_below(seed, 120); n > 0; n--)
		net->n_packets[index] +=
			rig_receive_share(net->rig, vm->shares[index], vm->to,
					  sizeof(vm->to), NULL);
}

/* One whose queue it serves; NULL: not now. */
static struct vm *own_vm(struct net *net, uint32_t index, uint64_t *seed)
{
	uint32_t slot = FIRST + unit_below(seed, N_VMS);

	slot += (index + N_WORKERS - slot % N_WORKERS) % N_WORKERS;
	if (slot >= N_SLOTS ||
	    !__atomic_load_n(&net->vms[slot].open, __ATOMIC_ACQUIRE))
		return NULL;
	return &net->vms[slot];
}

/* To the wire, or to another VM. */
static void arrive_from_vm(struct net *net, uint32_t index, uint64_t *seed)
{
	struct vm *vm = own_vm(net, index, seed);
	uint32_t to = unit_below(seed, N_VMS);

	if (!vm)
		return;
	vm->from[5] = to < N_VMS / 2 ? (uint8_t)(FIRST + to) : WAN;
	for (uint32_t n = unit_below(seed, 80); n > 0; n--)
		net->n_packets[index] += rig_arrive(net->rig, vm->rq,
						    &vm->rq->rx, vm->from,
						    sizeof(vm->from), NULL);
}

static void take_sent(struct rig_queue *rq, uint32_t n)
{
	for (; n > 0 && rq->tx.consumer != rq->tx.producer; n--)
		rq->comp.addrs[rq->comp.producer++ % RIG_RING] =
			rq->tx.descs[rq->tx.consumer++ % RIG_RING].addr;
}

static void step(struct net *net, uint32_t index, uint64_t *seed)
{
	struct worker *worker = net->rig->vs.workers[index];
	struct vm *vm;

	switch (unit_below(seed, 5)) {
	case 0:
	case 1:
		arrive_for_vm(net, index, seed);
		break;
	case 2:
		arrive_from_vm(net, index, seed);
		break;
	case 3:
		take_sent(net->wan_rq[index], 200);
		break;
	default:
		vm = own_vm(net, index, seed);
		if (vm)
			take_sent(vm->rq, unit_below(seed, 100));
		break;
	}
	rig_round(net->rig, index);
	breathe_window(worker, worker->window_begin_ns +
				       unit_below(seed, 6) * 25 * NS_PER_MS);
}

static void read_mail(struct net *net, uint32_t index)
{
	struct mailbox *mail = &net->mail[index];
	void (*fn)(struct worker * worker, void *arg) =
		__atomic_load_n(&mail->fn, __ATOMIC_ACQUIRE);

	if (!fn)
		return;
	fn(net->rig->vs.workers[index], mail->arg);
	__atomic_store_n(&mail->fn, NULL, __ATOMIC_RELEASE);
}

struct thread {
	struct net *net;
	uint32_t index;
};

static void *run_worker(void *arg)
{
	const struct thread *thread = arg;
	struct net *net = thread->net;
	uint64_t seed = 4000 + thread->index;

	rcu_register_thread();
	for (uint32_t i = 0; i < N_STEPS; i++) {
		read_mail(net, thread->index);
		step(net, thread->index, &seed);
		rcu_quiescent_state();
		/* There may be fewer cores than threads. */
		if (i % 4 == 0)
			sched_yield();
	}
	__atomic_fetch_sub(&net->n_running, 1, __ATOMIC_RELEASE);
	/* The others may need it until they are done. */
	while (__atomic_load_n(&net->n_running, __ATOMIC_ACQUIRE)) {
		read_mail(net, thread->index);
		rig_round(net->rig, thread->index);
		rcu_quiescent_state();
		sched_yield();
	}
	rcu_unregister_thread();
	return NULL;
}

/* ---- the control thread ---- */

/* As worker_call(). */
static void call(struct net *net, uint32_t index,
		 void (*fn)(struct worker *worker, void *arg), void *arg)
{
	struct mailbox *mail = &net->mail[index];

	mail->arg = arg;
	__atomic_store_n(&mail->fn, fn, __ATOMIC_RELEASE);
	while (__atomic_load_n(&mail->fn, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void nothing(struct worker *worker, void *arg)
{
	(void)worker;
	(void)arg;
}

static void set_loan(struct worker *worker, void *arg)
{
	struct net *net = arg;

	slack_set(&net->wan_rq[worker->index]->queue);
}

static void call_in(struct worker *worker, void *arg)
{
	struct net *net = arg;

	slack_call_in(worker, &net->rig->vs.promises, SPARE / 8);
}

struct request {
	struct port *port;
	struct pool_parts parts;
	uint32_t want, got;
};

static void set_pool(struct worker *worker, void *arg)
{
	const struct request *request = arg;

	breathe_set(worker, request->port, &request->parts, POOL_REQUEST);
}

static void trim_pool(struct worker *worker, void *arg)
{
	struct request *request = arg;
	uint32_t got = breathe_trim(worker, request->port, request->want,
				    POOL_RECLAIM);

	unit_check(got <= request->want, "%u of %u taken", got, request->want);
	request->got += got;
	request->want -= got;
}

/* ---- a VM comes ---- */

struct share_call {
	struct net *net;
	struct vm *vm;
};

static void open_share(struct worker *worker, void *arg)
{
	const struct share_call *args = arg;
	struct rig_share *rs = args->vm->shares[worker->index];
	struct share *share = &rs->share;

	memset(&rs->rx, 0, sizeof(rs->rx));
	rig_rx(&share->rx, &rs->rx, 1024);
	share->rx.ring.cached_cons = 0;
	share->rx.ring.cached_prod = 0;
	share->read = share->credit->handed;
	share->over = 0;
	share->limit = least.rx_per_queue;
	queue_cover(share->queue, &worker->vs->promises, share->limit, true);
	unit_check(!queue_attach_share(share->queue, share), "no memory");
	queue_refill(share->queue, &worker->vs->arena, &worker->cache);
}

static void add_queue(struct worker *worker, void *arg)
{
	worker->queues[worker->n_queues++] = arg;
}

static void reset_queue(struct rig_queue *rq)
{
	struct queue *queue = &rq->queue;

	memset(&rq->fill, 0, sizeof(rq->fill));
	memset(&rq->comp, 0, sizeof(rq->comp));
	memset(&rq->tx, 0, sizeof(rq->tx));
	memset(&rq->rx, 0, sizeof(rq->rx));
	memset(&queue->umem.fill, 0, sizeof(queue->umem.fill));
	memset(&queue->umem.comp, 0, sizeof(queue->umem.comp));
	memset(&queue->umem.tx, 0, sizeof(queue->umem.tx));
	memset(&queue->primary.rx.ring, 0, sizeof(queue->primary.rx.ring));
	rig_prod(&queue->umem.fill, &rq->fill, rq->fill.addrs);
	rig_cons(&queue->umem.comp, &rq->comp, rq->comp.addrs);
	rig_prod(&queue->umem.tx, &rq->tx, rq->tx.descs);
	rig_rx(&queue->primary.rx, &rq->rx, RIG_RX);
	rq->n_spare = 0;
	queue->outstanding = 0;
	queue->n_out = 0;
	queue->n_unsent = 0;
	mpsc_done(&queue->in);
	unit_check(!mpsc_init(&queue->in, RIG_RING), "no memory");
}

static void attach(struct net *net, uint32_t slot)
{
	struct promises *promises = &net->rig->vs.promises;
	struct vm *vm = &net->vms[slot];
	struct share_call args = { net, vm };
	struct queue *queue = &vm->rq->queue;
	struct pool *pool = &vm->port->pool;

	reset_queue(vm->rq);
	net->forced += MIN;
	queue->granted = promises_force(promises, least.tx_per_queue);
	queue->base = least.tx_per_queue;
	queue->target = least.tx_per_queue;
	vm->port->out_max = promises_force(promises, least.out);
	pool_add(pool, least.tx_per_queue + least.out);
	__atomic_store_n(&pool->cap, MAX, __ATOMIC_RELAXED);
	call(net, queue->worker, add_queue, queue);
	for (uint32_t i = 0; i < N_WORKERS; i++) {
		call(net, i, open_share, &args);
		pool_add(pool, least.rx_per_queue);
	}
	/* What was reserved for it is promised to it now. */
	promises_give(promises, MIN);
	net->rig->reserve -= MIN;
	__atomic_store_n(&vm->port->up, true, __ATOMIC_RELEASE);
	vswitch_publish_port(&net->rig->vs, vm->port);
	__atomic_store_n(&vm->open, true, __ATOMIC_RELEASE);
}

/* ---- and goes ---- */

static void close_share(struct worker *worker, void *arg)
{
	const struct share_call *args = arg;
	struct share *share = &args->vm->shares[worker->index]->share;

	queue_detach_share(share->queue, share, &worker->cache);
	queue_settle(share->queue, &worker->vs->promises);
}

static void del_queue(struct worker *worker, void *arg)
{
	for (uint32_t i = 0; i < worker->n_queues; i++) {
		if (worker->queues[i] != arg)
			continue;
		worker->queues[i] = worker->queues[--worker->n_queues];
		return;
	}
	unit_check(false, "no such queue");
}

/* In the order of control/lifecycle.c. */
static void detach(struct net *net, uint32_t slot)
{
	struct vswitch *vs = &net->rig->vs;
	struct vm *vm = &net->vms[slot];
	struct share_call args = { net, vm };
	struct queue *queue = &vm->rq->queue;

	__atomic_store_n(&vm->open, false, __ATOMIC_RELEASE);
	__atomic_store_n(&vm->port->up, false, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < N_WORKERS; i++) {
		call(net, i, close_share, &args);
		pool_give(&vm->port->pool, vm->shares[i]->share.limit);
	}
	__atomic_store_n(&vs->ports[slot], NULL, __ATOMIC_RELEASE);
	call(net, queue->worker, del_queue, queue);
	/* Nobody is in a round any more that it was in. */
	for (uint32_t i = 0; i < N_WORKERS; i++)
		call(net, i, nothing, NULL);
	pool_give(&vm->port->pool, queue->base + vm->port->out_max);
	unit_check(!vm->port->pool.size, "%u frames left", vm->port->pool.size);
	queue_reclaim(&vs->arena, &vs->cache, FRAME_QUEUE, queue->id);
	queue_reclaim(&vs->arena, &vs->cache, FRAME_OUT, slot);
	memset(vm->port->account, 0, sizeof(vm->port->account));
	promises_force(&vs->promises, MIN);
	net->forced += MIN;
	net->rig->reserve += MIN;
	promises_give(&vs->promises, queue->granted + vm->port->out_max);
	queue->granted = 0;
	queue->base = 0;
	queue->target = 0;
	queue->outstanding = 0;
	vm->port->out_max = 0;
	reset_queue(vm->rq);
}

/* ---- standing still ---- */

static void stand_still(struct worker *worker, void *arg)
{
	struct net *net = arg;

	(void)worker;
	pthread_barrier_wait(&net->barrier);
	pthread_barrier_wait(&net->barrier);
}

static void check_pools(const struct net *net)
{
	for (uint32_t slot = FIRST; slot < N_SLOTS; slot++) {
		const struct port *port = net->vms[slot].port;
		uint32_t out;

		if (!port->up)
			continue;
		rig_assert_size(net->rig, port);
		assert_true(port->pool.size <= MAX);
		/* Workers that charge it at one time do not see each other. */
		out = port_out_frames(port, N_WORKERS);
		assert_true(out <= port->out_max + N_WORKERS * BATCH);
	}
}

/* Nobody grew out of what was not there: less than none is to spare only as far
 * as minimums were forced since there was some. */
static void check_spare(struct net *net)
{
	int64_t spare = promises_spare(&net->rig->vs.promises);

	assert_true(spare >= -(int64_t)net->forced);
	if (spare >= 0)
		net->forced = 0;
}

static void check(struct net *net)
{
	for (uint32_t i = 0; i < N_WORKERS; i++) {
		net->mail[i].arg = net;
		__atomic_store_n(&net->mail[i].fn, stand_still,
				 __ATOMIC_RELEASE);
	}
	pthread_barrier_wait(&net->barrier);
	rig_assert_conserved(net->rig);
	rig_assert_promises(net->rig);
	check_spare(net);
	check_pools(net);
	pthread_barrier_wait(&net->barrier);
	for (uint32_t i = 0; i < N_WORKERS; i++)
		while (__atomic_load_n(&net->mail[i].fn, __ATOMIC_ACQUIRE))
			sched_yield();
}

/* ---- all of it ---- */

/* As control/pools.c: who goes without gets what another has too much. */
static void take_back(struct net *net, uint64_t *seed)
{
	uint32_t slot = __atomic_exchange_n(&net->rig->vs.promises.wanted, 0,
					    __ATOMIC_ACQUIRE);
	struct request request = { .want = 100 };
	uint32_t most = 0;

	for (uint32_t i = FIRST; i < N_SLOTS; i++) {
		struct port *port = net->vms[i].port;
		uint32_t size = pool_load(&port->pool.size);

		if (i == slot || !port->up || size <= most)
			continue;
		most = size;
		request.port = port;
	}
	if (!slot || !request.port)
		return;
	__atomic_store_n(&request.port->pool.cap,
			 max_u32(MIN, most - min_u32(most, 100)),
			 __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < N_WORKERS; i++)
		call(net, i, trim_pool, &request);
	__atomic_store_n(&request.port->pool.cap,
			 MIN + unit_below(seed, MAX - MIN + 1),
			 __ATOMIC_RELAXED);
}

static void control(struct net *net, uint64_t *seed)
{
	uint32_t slot = FIRST + unit_below(seed, N_VMS);
	struct vm *vm = &net->vms[slot];
	struct request request = {
		.port = vm->port,
		.parts = { .rx_per_queue = 8 + unit_below(seed, 100),
			   .out = 10 + unit_below(seed, 200),
			   .tx_per_queue = 30 + unit_below(seed, 200) },
		.want = unit_below(seed, 300),
	};

	switch (unit_below(seed, 8)) {
	case 6:
		call(net, unit_below(seed, N_WORKERS), set_loan, net);
		return;
	case 7:
		call(net, unit_below(seed, N_WORKERS), call_in, net);
		return;
	case 0:
		if (vm->port->up)
			detach(net, slot);
		else
			attach(net, slot);
		return;
	case 1:
	case 2:
		take_back(net, seed);
		return;
	case 3:
		check(net);
		return;
	default:
		break;
	}
	if (!vm->port->up)
		return;
	for (uint32_t i = 0; i < N_WORKERS; i++)
		call(net, i, unit_below(seed, 2) ? set_pool : trim_pool,
		     &request);
}

static void make_vm(struct net *net, uint32_t slot)
{
	struct vm *vm = &net->vms[slot];
	struct fdb_key key = { .mac = { 2, 0, 0, 0, 0, (uint8_t)slot } };
	struct made_packet packet;

	vm->port = rig_port(net->rig, (uint16_t)slot, PORT_VM, 0,
			    slot % N_WORKERS);
	vm->rq = rig_queue_of(net->rig, vm->port);
	for (uint32_t i = 0; i < N_WORKERS; i++)
		vm->shares[i] = rig_share_on(net->rig, net->wan->queues[i],
					     vm->port, 1024,
					     least.rx_per_queue);
	rig_breathe(net->rig, vm->port, MAX);
	vm->open = true;
	fdb_set(net->rig->vs.fdb, &key, (uint16_t)slot, FDB_F_STATIC, 0);
	packet_make(&packet, "ip4 udp data=18");
	memcpy(vm->to, packet.data, sizeof(vm->to));
	memcpy(vm->from, packet.data, sizeof(vm->from));
	memcpy(vm->to, key.mac, 6);
	memcpy(vm->from, key.mac, 6);
	memcpy(vm->from + 6, key.mac, 6);
}

static void net_init(struct net *net)
{
	struct fdb_key key = { .mac = { 2, 0, 0, 0, 0, WAN } };
	struct rig *rig = rig_new(N_FRAMES, N_WORKERS);

	net->rig = rig;
	/* And the control thread, which still calls them. */
	net->n_running = N_WORKERS + 1;
	pthread_barrier_init(&net->barrier, NULL, N_WORKERS + 1);
	rig->reserve = RESERVE;
	rig->vs.promises.spare -= RESERVE;
	rig->vs.learn_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rig->out = 2048;
	net->wan = rig_port(rig, WAN, PORT_UPLINK, 0, 0);
	for (uint32_t i = 1; i < N_WORKERS; i++)
		rig_queue(rig, net->wan, i);
	for (uint32_t i = 0; i < N_WORKERS; i++) {
		net->wan_rq[i] = rig->queues[i];
		net->wan_rq[i]->queue.loan_max = SPARE / 4;
	}
	rig->vs.promises.n_borrowers = N_WORKERS;
	fdb_set(rig->vs.fdb, &key, WAN, FDB_F_STATIC, 0);
	rig->base = least.tx_per_queue;
	rig->out = least.out;
	for (uint32_t slot = FIRST; slot < N_SLOTS; slot++)
		make_vm(net, slot);
	assert_int_equal(promises_spare(&rig->vs.promises), SPARE);
}

/* All packets leave, all that is too much goes. */
static void calm(struct net *net)
{
	for (uint32_t i = 0; i < 400; i++) {
		for (uint32_t w = 0; w < N_WORKERS; w++) {
			struct worker *worker = net->rig->vs.workers[w];

			rig_round(net->rig, w);
			breathe_window(worker, worker->window_begin_ns +
						       100 * NS_PER_MS);
		}
		for (uint32_t q = 0; q < net->rig->n_queues; q++)
			take_sent(net->rig->queues[q], RIG_RING);
	}
	rig_assert_conserved(net->rig);
	rig_assert_promises(net->rig);
	check_pools(net);
}

static void test_random(void **state)
{
	struct net *net = rig_alloc(sizeof(*net));
	pthread_t threads[N_WORKERS];
	struct thread args[N_WORKERS];
	uint64_t seed = 99, n_packets = 0, n_grown = 0, n_shrunk = 0;
	uint32_t n_control = 0;

	(void)state;
	net_init(net);
	for (uint32_t i = 0; i < N_WORKERS; i++) {
		args[i] = (struct thread){ net, i };
		threads[i] = unit_start(run_worker, &args[i]);
	}
	while (__atomic_load_n(&net->n_running, __ATOMIC_ACQUIRE) > 1) {
		control(net, &seed);
		n_control++;
	}
	check(net);
	__atomic_fetch_sub(&net->n_running, 1, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < N_WORKERS; i++) {
		unit_join(threads[i]);
		n_packets += net->n_packets[i];
	}
	calm(net);
	for (uint32_t slot = FIRST; slot < N_SLOTS; slot++) {
		const struct port *port = net->vms[slot].port;

		/* For rig_free(). */
		vswitch_publish_port(&net->rig->vs, net->vms[slot].port);
		n_grown += port->pool.n_grown;
		n_shrunk += port->pool.n_shrunk;
		/* Idle: its minimum. */
		assert_int_equal(port->pool.size, port->up ? MIN : 0);
	}
	printf("%u steps, %llu packets, %u of control, %llu frames grown, %llu shrunk\n",
	       N_STEPS * N_WORKERS, (unsigned long long)n_packets, n_control,
	       (unsigned long long)n_grown, (unsigned long long)n_shrunk);
	assert_true(n_packets > N_STEPS);
	assert_true(n_control > N_STEPS / 100);
	assert_true(n_grown > N_STEPS);
	assert_true(n_shrunk > N_STEPS);
	close(net->rig->vs.learn_fd);
	pthread_barrier_destroy(&net->barrier);
	rig_free(net->rig);
	free(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests_name("pools", tests, NULL, NULL);
	rcu_unregister_thread();
	return ret;
}
