// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The scheduler of an output port: see scheduler.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/packet.h"
#include "switching/scheduler.h"

#define NONE		UINT32_MAX
#define NO_VM		UINT16_MAX
#define MAX_OVERHEAD	256
/* Packets' ages are in units of 1024 ns, in 32 bits: up to 73 minutes. */
#define AGE_SHIFT	10
/* Where CoDel's square root ends: 2.5 drops a millisecond, at 100 ms. */
#define CODEL_MAX_COUNT	65535u

struct node {
	uint64_t packet;
	uint32_t at;			/* when it came */
	uint32_t next;			/* behind it; or free */
};

/* RFC 8289, section 5.3. */
struct codel {
	uint32_t first_above;		/* 0: it is not above the target */
	uint32_t drop_next;
	uint32_t count, last_count;
	bool dropping;
};

/* One VM's packets of one class. In the class's round while there are any. */
struct flow {
	uint32_t head, tail;
	uint32_t n;
	int32_t deficit;		/* bytes: left of its turn */
	uint64_t bytes;
	uint16_t next;			/* in the round */
	struct codel codel;
};

struct class_queue {
	/* hot */
	uint16_t head, tail;		/* the round of VMs */
	uint32_t n;			/* A */
	uint64_t bytes;			/* A */
	int64_t deficit;		/* bytes: left of its turn */
	uint32_t turn;			/* bytes */
	uint32_t limit, vm_limit;
	uint32_t target, interval;	/* CoDel's; 0: off */
	uint32_t mark;			/* age; 0: off */
	bool ecn;
	struct rate_limit max, min;
	struct flow *flows;		/* owned, by VM; NULL: not in use */
	struct scheduler_stats stats;	/* A */
};

struct scheduler {
	/* hot; a bit per class each */
	uint8_t waiting;		/* has packets */
	uint8_t open;			/* its maximum is not reached */
	uint8_t owed;			/* nor its minimum */
	uint8_t strict;
	uint8_t current;		/* whose turn it is by weight */
	uint8_t last_owed;		/* who was served last for its minimum */
	uint8_t used;
	uint32_t n;			/* packets; A */
	uint32_t free;			/* nodes */
	uint32_t overhead, mtu;
	uint64_t quantum_begin_ns;
	uint64_t quantum_ns, late_ns;
	struct rate_limit rate;
	struct node *nodes;		/* owned */
	struct class_queue classes[PKT_N_CLASSES];
	/* cold */
	struct scheduler_ops ops;
	uint32_t n_nodes;
	uint16_t weights[PKT_MAX_PORTS];
};

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

const char *scheduler_drop_name(enum scheduler_drop why)
{
	static const char *const names[] = {
#define SCHEDULER_X(name, text, what) text,
		SCHEDULER_DROPS(SCHEDULER_X)
#undef SCHEDULER_X
	};

	return (uint32_t)why < ARRAY_SIZE(names) ? names[why] : "?";
}

/* ---- settings ---- */

void scheduler_conf_init(struct scheduler_conf *ret_conf, uint32_t n_packets)
{
	struct scheduler_conf conf = {
		.used = 1,
		.quantum_ns = SCHEDULER_QUANTUM_NS,
		.late_ns = SCHEDULER_LATE_NS,
		.n_packets = n_packets,
		.mtu = 1514,
	};

	for (uint32_t i = 0; i < PKT_N_CLASSES; i++)
		conf.classes[i].weight = 1;
	*ret_conf = conf;
}

static bool class_is_valid(const struct scheduler_class_conf *class)
{
	return class->weight >= 1 && class->weight <= SCHEDULER_MAX_WEIGHT &&
	       rate_is_valid(&class->max) && rate_is_valid(&class->min) &&
	       (!class->strict || rate_is_none(&class->min)) &&
	       class->target_us < 1u << 30 && class->mark_us < 1u << 30 &&
	       class->interval_us < 1u << 30 &&
	       (!class->target_us || class->interval_us);
}

/* What is promised of one resource. */
struct promised {
	uint64_t sum;
	bool has_min;
	bool has_endless; /* a strict class takes all it wants */
};

static void promise(struct promised *p,
		    const struct scheduler_class_conf *class, uint64_t max,
		    uint64_t min)
{
	p->sum += class->strict ? max : min;
	p->has_min |= min != 0;
	p->has_endless |= class->strict && !max;
}

static bool is_too_much(const struct promised *p, uint64_t rate)
{
	return p->has_min && (p->has_endless || (rate && p->sum > rate));
}

int scheduler_check(const struct scheduler_conf *conf)
{
	struct promised bits = { 0 }, packets = { 0 };

	if (!(conf->used & 1) || !conf->n_packets ||
	    conf->n_packets > SCHEDULER_MAX_PACKETS ||
	    conf->quantum_ns < SCHEDULER_MIN_QUANTUM_NS ||
	    conf->quantum_ns > SCHEDULER_MAX_QUANTUM_NS ||
	    conf->late_ns > RATE_MAX_LATE_NS || conf->overhead > MAX_OVERHEAD ||
	    !rate_is_valid(&conf->rate))
		return -EINVAL;
	for (uint32_t i = 0; i < PKT_N_CLASSES; i++) {
		const struct scheduler_class_conf *class = &conf->classes[i];

		if (!(conf->used >> i & 1))
			continue;
		if (!class_is_valid(class))
			return -EINVAL;
		promise(&bits, class, class->max.bits, class->min.bits);
		promise(&packets, class, class->max.packets,
			class->min.packets);
	}
	if (is_too_much(&bits, conf->rate.bits) ||
	    is_too_much(&packets, conf->rate.packets))
		return -ERANGE;
	return 0;
}

/* In units of ages; what is not 0 stays so. */
static uint32_t age_of_us(uint32_t us)
{
	uint64_t age = us * NS_PER_US >> AGE_SHIFT;

	return us && !age ? 1 : (uint32_t)age;
}

/* What those may be late by for whom something waits: a quantum is not late. */
static uint64_t allowance_ns(const struct scheduler *s)
{
	return s->late_ns > s->quantum_ns ? s->late_ns : s->quantum_ns;
}

static void set_class(struct scheduler *s, uint32_t index,
		      const struct scheduler_class_conf *conf, uint64_t now_ns)
{
	struct class_queue *class = &s->classes[index];
	uint64_t late = class->n ? allowance_ns(s) : 0;

	class->turn = conf->weight * SCHEDULER_TURN;
	class->limit = conf->limit ? conf->limit : s->n_nodes;
	class->vm_limit = conf->vm_limit ? conf->vm_limit : NONE;
	class->target = age_of_us(conf->target_us);
	class->interval = age_of_us(conf->interval_us);
	class->mark = age_of_us(conf->mark_us);
	class->ecn = conf->ecn;
	rate_limit_set(&class->max, &conf->max, now_ns, late);
	rate_limit_set(&class->min, &conf->min, now_ns, late);
	if (conf->strict)
		s->strict |= (uint8_t)(1u << index);
}

/* Which classes may send, at the beginning of a quantum. */
static void look_at_limits(struct scheduler *s)
{
	s->open = 0;
	s->owed = 0;
	for (uint32_t i = 0; i < PKT_N_CLASSES; i++) {
		const struct class_queue *class = &s->classes[i];
		const bool has_min = class->min.bits.rate ||
				     class->min.packets.rate;

		if (rate_limit_is_open(&class->max))
			s->open |= (uint8_t)(1u << i);
		if (has_min && rate_limit_is_open(&class->min))
			s->owed |= (uint8_t)(1u << i);
	}
}

static void set_all(struct scheduler *s, const struct scheduler_conf *conf,
		    uint64_t now_ns)
{
	s->quantum_ns = conf->quantum_ns;
	s->late_ns = conf->late_ns;
	s->overhead = conf->overhead;
	s->mtu = conf->mtu;
	s->strict = 0;
	rate_limit_set(&s->rate, &conf->rate, now_ns,
		       s->n ? allowance_ns(s) : 0);
	for (uint32_t i = 0; i < PKT_N_CLASSES; i++)
		if (s->used >> i & 1)
			set_class(s, i, &conf->classes[i], now_ns);
	if (now_ns > s->quantum_begin_ns)
		s->quantum_begin_ns = now_ns;
	look_at_limits(s);
}

static int allocate(struct scheduler *s, const struct scheduler_conf *conf)
{
	s->nodes = calloc(conf->n_packets, sizeof(s->nodes[0]));
	if (!s->nodes)
		return -ENOMEM;
	for (uint32_t i = 0; i < PKT_N_CLASSES; i++) {
		struct class_queue *class = &s->classes[i];

		class->head = NO_VM;
		if (!(conf->used >> i & 1))
			continue;
		class->flows = calloc(PKT_MAX_PORTS, sizeof(class->flows[0]));
		if (!class->flows)
			return -ENOMEM;
	}
	return 0;
}

int scheduler_new(const struct scheduler_conf *conf,
		  const struct scheduler_ops *ops, uint64_t now_ns,
		  struct scheduler **ret_scheduler)
{
	struct scheduler *s;
	int err = scheduler_check(conf);

	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	err = allocate(s, conf);
	if (err) {
		scheduler_free(s);
		return err;
	}
	s->ops = *ops;
	s->used = conf->used;
	s->n_nodes = conf->n_packets;
	for (uint32_t i = 0; i < s->n_nodes; i++)
		s->nodes[i].next = i + 1 < s->n_nodes ? i + 1 : NONE;
	for (uint32_t i = 0; i < PKT_MAX_PORTS; i++)
		s->weights[i] = 1;
	set_all(s, conf, now_ns);
	*ret_scheduler = s;
	return 0;
}

void scheduler_free(struct scheduler *scheduler)
{
	if (!scheduler)
		return;
	for (uint32_t i = 0; i < PKT_N_CLASSES; i++)
		free(scheduler->classes[i].flows);
	free(scheduler->nodes);
	free(scheduler);
}

int scheduler_set(struct scheduler *scheduler,
		  const struct scheduler_conf *conf, uint64_t now_ns)
{
	int err = scheduler_check(conf);

	if (err)
		return err;
	if (conf->n_packets != scheduler->n_nodes ||
	    conf->used != scheduler->used)
		return -EINVAL;
	set_all(scheduler, conf, now_ns);
	return 0;
}

void scheduler_set_weight(struct scheduler *scheduler, uint16_t vm,
			  uint16_t weight)
{
	scheduler->weights[vm] = weight;
}

/* ---- time ---- */

static void begin_quantum(struct scheduler *s, uint64_t now_ns)
{
	const uint64_t allowance = allowance_ns(s);

	if (now_ns < s->quantum_begin_ns + s->quantum_ns)
		return;
	s->quantum_begin_ns +=
		(now_ns - s->quantum_begin_ns) / s->quantum_ns * s->quantum_ns;
	rate_limit_fill(&s->rate, s->quantum_begin_ns, s->n ? allowance : 0);
	for (uint32_t i = 0; i < PKT_N_CLASSES; i++) {
		struct class_queue *class = &s->classes[i];

		if (!(s->used >> i & 1))
			continue;
		rate_limit_fill(&class->max, s->quantum_begin_ns,
				class->n ? allowance : 0);
		rate_limit_fill(&class->min, s->quantum_begin_ns,
				class->n ? allowance : 0);
	}
	look_at_limits(s);
}

/* ---- in ---- */

static bool refuse(struct scheduler *s, uint8_t index, uint16_t vm,
		   uint64_t packet, enum scheduler_drop why)
{
	count(&s->classes[index].stats.n_dropped[why], 1);
	s->ops.drop(s->ops.ctx, packet, index, vm, why);
	return false;
}

/* Appends a VM to its class's round. */
static void join_round(struct class_queue *class, uint16_t vm)
{
	class->flows[vm].next = NO_VM;
	if (class->head == NO_VM)
		class->head = vm;
	else
		class->flows[class->tail].next = vm;
	class->tail = vm;
}

static void append(struct scheduler *s, struct flow *flow, uint64_t packet,
		   uint64_t now_ns)
{
	const uint32_t at = s->free;
	struct node *node = &s->nodes[at];

	s->free = node->next;
	node->packet = packet;
	node->at = (uint32_t)(now_ns >> AGE_SHIFT);
	node->next = NONE;
	if (flow->n)
		s->nodes[flow->tail].next = at;
	else
		flow->head = at;
	flow->tail = at;
	flow->n++;
	flow->bytes += packet_len(packet);
}

bool scheduler_enqueue(struct scheduler *scheduler, uint8_t class, uint16_t vm,
		       uint64_t packet, uint64_t now_ns)
{
	const uint8_t index =
		class < PKT_N_CLASSES && scheduler->used >> class & 1 ? class : 0;
	struct class_queue *c = &scheduler->classes[index];
	struct flow *flow;
	uint32_t room;

	if (vm >= PKT_MAX_PORTS)
		vm = 0;
	flow = &c->flows[vm];
	/* While nothing waited it has got its burst, and no more. */
	if (!c->n)
		begin_quantum(scheduler, now_ns);
	if (scheduler->free == NONE)
		return refuse(scheduler, index, vm, packet,
			      SCHEDULER_PORT_FULL);
	if (c->n >= c->limit)
		return refuse(scheduler, index, vm, packet,
			      SCHEDULER_CLASS_FULL);
	room = scheduler->n_nodes - scheduler->n;
	if (room > c->limit - c->n)
		room = c->limit - c->n;
	if (flow->n >= c->vm_limit || flow->n >= room)
		return refuse(scheduler, index, vm, packet, SCHEDULER_VM_FULL);
	if (!flow->n)
		join_round(c, vm);
	append(scheduler, flow, packet, now_ns);
	__atomic_store_n(&c->n, c->n + 1, __ATOMIC_RELAXED);
	count(&c->bytes, packet_len(packet));
	__atomic_store_n(&scheduler->n, scheduler->n + 1, __ATOMIC_RELAXED);
	scheduler->waiting |= (uint8_t)(1u << index);
	count(&c->stats.n_in, 1);
	count(&c->stats.bytes_in, packet_len(packet));
	if (c->n > c->stats.n_most)
		count(&c->stats.n_most, c->n - c->stats.n_most);
	return true;
}

/* ---- out of a VM's queue ---- */

/* Takes the first packet off. There is one. */
static uint64_t take(struct scheduler *s, struct class_queue *class,
		     struct flow *flow, uint32_t *ret_at)
{
	const uint32_t at = flow->head;
	struct node *node = &s->nodes[at];
	const uint64_t packet = node->packet;

	*ret_at = node->at;
	flow->head = node->next;
	flow->n--;
	flow->bytes -= packet_len(packet);
	node->next = s->free;
	s->free = at;
	__atomic_store_n(&class->n, class->n - 1, __ATOMIC_RELAXED);
	__atomic_store_n(&class->bytes, class->bytes - packet_len(packet),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&s->n, s->n - 1, __ATOMIC_RELAXED);
	return packet;
}

/* 256 * sqrt(n), rounded down; n up to CODEL_MAX_COUNT. */
static uint32_t sqrt_256(uint32_t n)
{
	uint32_t square = n << 16, root = 0;

	for (uint32_t bit = 1u << 15; bit; bit >>= 1) {
		const uint64_t tried = root | bit;

		if (tried * tried <= square)
			root |= bit;
	}
	return root;
}

static uint32_t control_law(uint32_t t, uint32_t interval, uint32_t n)
{
	return t + (uint32_t)(((uint64_t)interval << 8) / sqrt_256(n));
}

/* The RFC's dodequeue(): the next packet, and whether it may be dropped. */
static bool take_aged(struct scheduler *s, struct class_queue *class,
		      struct flow *flow, uint32_t now, uint64_t *ret_packet,
		      uint32_t *ret_at)
{
	struct codel *codel = &flow->codel;

	*ret_packet = take(s, class, flow, ret_at);
	if (now - *ret_at < class->target || flow->bytes <= s->mtu) {
		codel->first_above = 0;
		return false;
	}
	if (!codel->first_above) {
		codel->first_above = now + class->interval;
		if (!codel->first_above)
			codel->first_above = 1;
		return false;
	}
	return (int32_t)(now - codel->first_above) >= 0;
}

/* Drops a packet of a VM's queue, or marks it: true, and it goes on its way. */
static bool drop_or_mark(struct scheduler *s, uint8_t index, uint16_t vm,
			 uint64_t packet)
{
	struct class_queue *class = &s->classes[index];

	if (class->ecn && s->ops.mark && s->ops.mark(s->ops.ctx, packet)) {
		count(&class->stats.n_marked, 1);
		return true;
	}
	refuse(s, index, vm, packet, SCHEDULER_AGED);
	return false;
}

/* The RFC's deque() while it is dropping: those that are due. A packet that may
 * be dropped has others behind it. */
static uint64_t go_on_dropping(struct scheduler *s, uint8_t index, uint16_t vm,
			       uint64_t packet, uint32_t now, uint32_t *ret_at)
{
	struct class_queue *class = &s->classes[index];
	struct flow *flow = &class->flows[vm];
	struct codel *codel = &flow->codel;

	while (codel->dropping && (int32_t)(now - codel->drop_next) >= 0) {
		const bool marked = drop_or_mark(s, index, vm, packet);

		if (codel->count < CODEL_MAX_COUNT)
			codel->count++;
		if (!marked && !take_aged(s, class, flow, now, &packet, ret_at))
			codel->dropping = false;
		else
			codel->drop_next = control_law(codel->drop_next,
						       class->interval,
						       codel->count);
		if (marked)
			break;
	}
	return packet;
}

/* The same when it begins. */
static uint64_t begin_dropping(struct scheduler *s, uint8_t index, uint16_t vm,
			       uint64_t packet, uint32_t now, uint32_t *ret_at)
{
	struct class_queue *class = &s->classes[index];
	struct flow *flow = &class->flows[vm];
	struct codel *codel = &flow->codel;
	const uint32_t delta = codel->count - codel->last_count;

	if (!drop_or_mark(s, index, vm, packet))
		take_aged(s, class, flow, now, &packet, ret_at);
	codel->dropping = true;
	codel->count = 1;
	if (delta > 1 && now - codel->drop_next < 16 * class->interval)
		codel->count = delta;
	codel->drop_next = control_law(now, class->interval, codel->count);
	codel->last_count = codel->count;
	return packet;
}

/* The next packet of a VM's queue that goes: there is always one. */
static uint64_t take_codel(struct scheduler *s, uint8_t index, uint16_t vm,
			   uint32_t now, uint32_t *ret_at)
{
	struct class_queue *class = &s->classes[index];
	struct flow *flow = &class->flows[vm];
	uint64_t packet;
	bool may_drop = take_aged(s, class, flow, now, &packet, ret_at);

	if (flow->codel.dropping && !may_drop)
		flow->codel.dropping = false;
	else if (flow->codel.dropping)
		return go_on_dropping(s, index, vm, packet, now, ret_at);
	else if (may_drop)
		return begin_dropping(s, index, vm, packet, now, ret_at);
	return packet;
}

/* ---- out of a class ---- */

/* The VM whose turn it is. The class has packets. */
static uint16_t choose_vm(const struct scheduler *s, struct class_queue *class)
{
	for (;;) {
		const uint16_t vm = class->head;
		struct flow *flow = &class->flows[vm];

		if (flow->deficit > 0)
			return vm;
		flow->deficit += s->weights[vm] * SCHEDULER_TURN;
		class->head = flow->next;
		join_round(class, vm);
	}
}

/* What is left of its turn it keeps; it is not added to. */
static void leave_round(struct class_queue *class)
{
	class->head = class->flows[class->head].next;
}

static uint64_t take_from_class(struct scheduler *s, uint8_t index,
				uint64_t now_ns)
{
	struct class_queue *class = &s->classes[index];
	const uint16_t vm = choose_vm(s, class);
	const uint32_t now = (uint32_t)(now_ns >> AGE_SHIFT);
	struct flow *flow = &class->flows[vm];
	uint64_t packet;
	uint32_t at;

	if (class->target)
		packet = take_codel(s, index, vm, now, &at);
	else
		packet = take(s, class, flow, &at);
	flow->deficit -= (int32_t)(packet_len(packet) + s->overhead);
	if (!flow->n)
		leave_round(class);
	if (class->mark && now - at >= class->mark && s->ops.mark &&
	    s->ops.mark(s->ops.ctx, packet))
		count(&class->stats.n_marked, 1);
	return packet;
}

/* ---- between classes ---- */

/* The class of @set, which is not empty, that comes after @last. */
static uint8_t next_class(uint8_t set, uint8_t last)
{
	const uint32_t behind = set & ~0u << last << 1;

	return (uint8_t)__builtin_ctz(behind ? behind : set);
}

/* Whose turn it is by weight. */
static uint8_t choose_by_weight(struct scheduler *s, uint8_t set)
{
	struct class_queue *class;

	if (set >> s->current & 1 && s->classes[s->current].deficit > 0)
		return s->current;
	do {
		s->current = next_class(set, s->current);
		class = &s->classes[s->current];
		class->deficit += class->turn;
		/* Its last turn ended early: no more packets, or its maximum. */
		if (class->deficit > class->turn)
			class->deficit = class->turn;
	} while (class->deficit <= 0);
	return s->current;
}

/* One packet of class @index goes: accounts for it. */
static void charge(struct scheduler *s, uint8_t index, uint32_t len,
		   bool by_minimum, bool by_weight)
{
	struct class_queue *class = &s->classes[index];
	const uint8_t bit = (uint8_t)(1u << index);
	const uint32_t cost = len + s->overhead;

	rate_limit_take(&s->rate, cost);
	rate_limit_take(&class->max, cost);
	if (!rate_limit_is_open(&class->max))
		s->open &= (uint8_t)~bit;
	if (by_minimum) {
		rate_limit_take(&class->min, cost);
		if (!rate_limit_is_open(&class->min))
			s->owed &= (uint8_t)~bit;
	}
	if (by_weight)
		class->deficit -= cost;
	if (!class->n)
		s->waiting &= (uint8_t)~bit;
	count(&class->stats.n_out, 1);
	count(&class->stats.bytes_out, len);
}

uint32_t scheduler_dequeue(struct scheduler *scheduler, uint64_t now_ns,
			   uint32_t max_packets, uint64_t max_bytes,
			   uint64_t *ret_packets)
{
	struct scheduler *s = scheduler;
	uint64_t bytes = 0;
	uint32_t n = 0;

	begin_quantum(s, now_ns);
	while (n < max_packets && bytes < max_bytes &&
	       rate_limit_is_open(&s->rate)) {
		const uint8_t ready = s->waiting & s->open;
		const uint8_t strict = ready & s->strict;
		const uint8_t owed = ready & s->owed;
		uint64_t packet;
		uint8_t index;

		if (strict)
			index = (uint8_t)(31 - __builtin_clz(strict));
		else if (owed)
			index = s->last_owed = next_class(owed, s->last_owed);
		else if (ready)
			index = choose_by_weight(s, ready);
		else
			break;
		packet = take_from_class(s, index, now_ns);
		charge(s, index, packet_len(packet), !strict && owed,
		       !strict && !owed);
		bytes += packet_len(packet);
		ret_packets[n++] = packet;
	}
	return n;
}

uint64_t scheduler_next(struct scheduler *scheduler, uint64_t now_ns)
{
	struct scheduler *s = scheduler;
	uint64_t at = RATE_NEVER, rate_at, behind;

	if (!s->n)
		return RATE_NEVER;
	begin_quantum(s, now_ns);
	if (s->waiting & s->open && rate_limit_is_open(&s->rate))
		return now_ns;
	for (uint32_t i = 0; i < PKT_N_CLASSES; i++) {
		uint64_t opens_at;

		if (!(s->waiting >> i & 1))
			continue;
		opens_at = rate_limit_opens_at(&s->classes[i].max);
		if (opens_at < at)
			at = opens_at;
	}
	rate_at = rate_limit_opens_at(&s->rate);
	if (rate_at > at)
		at = rate_at;
	behind = (at - s->quantum_begin_ns) % s->quantum_ns;
	return behind ? at + s->quantum_ns - behind : at;
}

/* ---- all of it ---- */

uint32_t scheduler_n_waiting(const struct scheduler *scheduler)
{
	return __atomic_load_n(&scheduler->n, __ATOMIC_RELAXED);
}

static void clear_flow(struct scheduler *s, uint8_t index, uint16_t vm)
{
	struct flow *flow = &s->classes[index].flows[vm];
	uint32_t at;

	while (flow->n)
		refuse(s, index, vm, take(s, &s->classes[index], flow, &at),
		       SCHEDULER_CLEARED);
	flow->deficit = 0;
	memset(&flow->codel, 0, sizeof(flow->codel));
}

void scheduler_clear(struct scheduler *scheduler)
{
	for (uint8_t i = 0; i < PKT_N_CLASSES; i++) {
		struct class_queue *class = &scheduler->classes[i];

		while (class->head != NO_VM) {
			clear_flow(scheduler, i, class->head);
			leave_round(class);
		}
		class->deficit = 0;
	}
	scheduler->waiting = 0;
}

void scheduler_get_stats(const struct scheduler *scheduler, uint8_t class,
			 struct scheduler_stats *ret_stats)
{
	const struct class_queue *c = &scheduler->classes[class];
	const uint64_t *from = (const uint64_t *)&c->stats;
	uint64_t *to = (uint64_t *)ret_stats;

	for (size_t i = 0; i < sizeof(*ret_stats) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	ret_stats->n_waiting = __atomic_load_n(&c->n, __ATOMIC_RELAXED);
	ret_stats->bytes_waiting = __atomic_load_n(&c->bytes, __ATOMIC_RELAXED);
}
