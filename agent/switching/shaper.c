// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Shapers of ports: see shaper.h. The way in and out is output.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/packet.h"
#include "switching/ecn.h"
#include "switching/output.h"
#include "switching/shaper.h"

/* What the scheduler does not keep. */
static void drop(void *ctx, uint64_t packet, uint8_t class, uint16_t vm,
		 enum scheduler_drop why)
{
	static const enum pkt_reason reasons[SCHEDULER_N_DROPS] = {
		[SCHEDULER_PORT_FULL] = PKT_class_full,
		[SCHEDULER_CLASS_FULL] = PKT_class_full,
		[SCHEDULER_VM_FULL] = PKT_class_full,
		[SCHEDULER_AGED] = PKT_class_aged,
		[SCHEDULER_CLEARED] = PKT_out_down,
	};
	const struct port_shaper *shaper = ctx;

	(void)class;
	(void)vm;
	output_drop_charged(shaper->worker, shaper->port, reasons[why], &packet,
			    1);
}

static bool mark(void *ctx, uint64_t packet)
{
	const struct port_shaper *shaper = ctx;
	const struct arena *arena = &shaper->worker->vs->arena;

	/* Of a long one the headers are in its first frame. */
	return ecn_mark(arena_data(arena, packet_addr(packet)),
			min_u32(packet_len(packet),
				arena->frame_size - UMEM_HEADROOM));
}

int shaper_new(struct port *port, const struct scheduler_conf *conf,
	       uint32_t owner, uint64_t now_ns, struct port_shaper **ret_shaper)
{
	struct port_shaper *shaper;
	struct scheduler_ops ops = { .drop = drop, .mark = mark };
	int err;

	shaper = aligned_alloc(CACHE_LINE, sizeof(*shaper));
	if (!shaper)
		return -ENOMEM;
	memset(shaper, 0, sizeof(*shaper));
	shaper->port = port;
	shaper->owner = owner;
	ops.ctx = shaper;
	err = scheduler_new(conf, &ops, now_ns, &shaper->scheduler);
	for (uint32_t i = 0; i < PKT_N_CLASSES && !err; i++) {
		shaper->rings[i] = &shaper->classes[0];
		if (!(conf->used >> i & 1))
			continue;
		err = mpsc_init(&shaper->classes[i], SHAPER_RING);
		shaper->rings[i] = &shaper->classes[i];
	}
	if (err) {
		shaper_free(shaper);
		return err;
	}
	shaper->used = conf->used;
	*ret_shaper = shaper;
	return 0;
}

void shaper_free(struct port_shaper *shaper)
{
	if (!shaper)
		return;
	for (uint32_t i = 0; i < PKT_N_CLASSES; i++)
		mpsc_done(&shaper->classes[i]);
	scheduler_free(shaper->scheduler);
	free(shaper);
}

/* ---- on the owner ---- */

int shaper_attach(struct worker *worker, struct port_shaper *shaper)
{
	struct port_shaper **shapers;

	shapers = realloc(worker->shapers,
			  (worker->n_shapers + 1) * sizeof(shapers[0]));
	if (!shapers)
		return -ENOMEM;
	worker->shapers = shapers;
	shapers[worker->n_shapers++] = shaper;
	shaper->worker = worker;
	return 0;
}

void shaper_detach(struct worker *worker, struct port_shaper *shaper)
{
	shaper_clear(shaper);
	for (uint32_t i = 0; i < worker->n_shapers; i++) {
		if (worker->shapers[i] != shaper)
			continue;
		worker->shapers[i] = worker->shapers[--worker->n_shapers];
		break;
	}
	shaper->worker = NULL;
}

uint32_t shaper_take(struct port_shaper *shaper, uint64_t now_ns)
{
	uint32_t sum = 0;

	for (uint32_t used = shaper->used; used; used &= used - 1) {
		const uint8_t class = (uint8_t)__builtin_ctz(used);
		uint64_t packets[BATCH];
		uint16_t tags[BATCH];
		uint32_t n;

		n = mpsc_pop_n(&shaper->classes[class], packets, tags, BATCH);
		for (uint32_t i = 0; i < n; i++)
			scheduler_enqueue(shaper->scheduler, class,
					  shaper_tag_slot(tags[i]), packets[i],
					  now_ns);
		sum += n;
	}
	return sum;
}

void shaper_clear(struct port_shaper *shaper)
{
	for (uint32_t used = shaper->used; used; used &= used - 1) {
		struct mpsc *ring = &shaper->classes[__builtin_ctz(used)];
		uint64_t packets[BATCH];
		uint32_t n;

		while ((n = mpsc_pop_n(ring, packets, NULL, BATCH)) > 0)
			output_drop_charged(shaper->worker, shaper->port,
					    PKT_out_down, packets, n);
	}
	scheduler_clear(shaper->scheduler);
}

uint64_t shaper_wait(struct port_shaper *shaper, uint64_t now_ns)
{
	const uint64_t at = scheduler_next(shaper->scheduler, now_ns);

	if (at == RATE_NEVER)
		return UINT64_MAX;
	return at > now_ns ? at - now_ns : 0;
}

/* ---- control ---- */

static void attach(struct worker *worker, void *arg)
{
	worker->call_result = shaper_attach(worker, arg);
}

static void detach(struct worker *worker, void *arg)
{
	shaper_detach(worker, arg);
}

int shaper_start(struct vswitch *vs, struct port *port,
		 const struct scheduler_conf *conf, uint32_t owner)
{
	struct worker *worker = vs->workers[owner];
	struct port_shaper *shaper;
	int err;

	err = shaper_new(port, conf, owner, now_ns(), &shaper);
	if (err)
		return err;
	worker_call(worker, attach, shaper);
	err = worker->call_result;
	if (err) {
		shaper_free(shaper);
		return err;
	}
	__atomic_store_n(&port->shaper, shaper, __ATOMIC_RELEASE);
	return 0;
}

struct set_call {
	struct port_shaper *shaper;
	const struct scheduler_conf *conf;
};

static void set(struct worker *worker, void *arg)
{
	const struct set_call *call = arg;

	worker->call_result =
		scheduler_set(call->shaper->scheduler, call->conf, now_ns());
}

int shaper_set(struct vswitch *vs, struct port *port,
	       const struct scheduler_conf *conf)
{
	struct set_call call = { port->shaper, conf };
	struct worker *worker = vs->workers[call.shaper->owner];

	worker_call(worker, set, &call);
	return worker->call_result;
}

struct weights_call {
	struct port_shaper *shaper;
	const uint16_t *weights;
};

static void set_weights(struct worker *worker, void *arg)
{
	const struct weights_call *call = arg;

	(void)worker;
	for (uint16_t i = 1; i < PKT_MAX_PORTS; i++)
		if (call->weights[i])
			scheduler_set_weight(call->shaper->scheduler, i,
					     call->weights[i]);
}

void shaper_set_weights(struct vswitch *vs, struct port *port,
			const uint16_t weights[PKT_MAX_PORTS])
{
	struct weights_call call = { port->shaper, weights };

	worker_call(vs->workers[call.shaper->owner], set_weights, &call);
}

void shaper_stop(struct vswitch *vs, struct port *port)
{
	struct port_shaper *shaper = port->shaper;

	if (!shaper)
		return;
	__atomic_store_n(&port->shaper, NULL, __ATOMIC_RELEASE);
	/* Nobody pushes to it any more. */
	vswitch_synchronize(vs);
	worker_call(vs->workers[shaper->owner], detach, shaper);
	shaper_free(shaper);
}
