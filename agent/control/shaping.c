// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the configuration says of rates and classes: see shaping.h. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "control/bypass.h"
#include "control/guests.h"
#include "control/shaping.h"
#include "control/shares.h"
#include "switching/classify.h"
#include "switching/sending.h"
#include "switching/shaper.h"

/* ---- who is shaped ---- */

static const struct config_shape *shape_of(const struct port *port)
{
	return port->vm_config ? &port->vm_config->shape :
				 &port->uplink_config->shape;
}

static bool has_rate(const struct config_rate *rate)
{
	return rate->min || rate->min_packets || rate->max ||
	       rate->max_packets;
}

/* The worker that is to shape what leaves by it, and limits what comes. */
static uint32_t owner_of(const struct port *port)
{
	if (port->vhost)
		return port->vhost->pairs[0]->worker;
	return port->queues[0]->worker;
}

bool shaping_is_forced(const struct port *port, char *why, size_t size)
{
	const struct config_shape *shape = shape_of(port);
	const struct config_vm *vm = port->vm_config;

	if (shape->rate || shape->packets || shape->n_classes) {
		if (why)
			snprintf(why, size, "what leaves by it is shaped");
		return true;
	}
	if (vm && !config_is_policed(vm) &&
	    (has_rate(&vm->rate_in) || has_rate(&vm->rate_out))) {
		if (why)
			snprintf(why, size, "it has a rate");
		return true;
	}
	return false;
}

uint32_t shaping_worker(const struct agent *agent, const struct port *port,
			uint32_t index)
{
	if (port->vm_config && config_is_limited(port->vm_config))
		index = 0;
	return (port->slot + index) % agent->vs.n_workers;
}

bool shaping_is_spread(const struct port *port)
{
	for (uint32_t i = 0; port->vhost && i < port->vhost->n_pairs; i++)
		if (port->vhost->pairs[i]->worker != owner_of(port))
			return true;
	for (uint32_t i = 0; i < port->n_queues; i++)
		if (port->queues[i]->worker != owner_of(port))
			return true;
	return false;
}

static bool is_shaped(const struct port *port)
{
	const struct config_vm *vm = port->vm_config;

	if (shape_of(port)->n_classes || shape_of(port)->rate ||
	    shape_of(port)->packets)
		return true;
	return vm && !config_is_policed(vm) &&
	       (vm->rate_in.max || vm->rate_in.max_packets);
}

/* ---- the scheduler's settings ---- */

static struct rate maximum(const struct config_rate *rate)
{
	return (struct rate){ .bits = rate->max,
			      .packets = rate->max_packets,
			      .burst = rate->burst,
			      .burst_packets = rate->burst_packets };
}

static struct rate minimum(const struct config_rate *rate)
{
	return (struct rate){ .bits = rate->min,
			      .packets = rate->min_packets,
			      .burst = rate->burst,
			      .burst_packets = rate->burst_packets };
}

static void set_class(const struct config_class *class,
		      struct scheduler_class_conf *ret_conf)
{
	*ret_conf = (struct scheduler_class_conf){
		.strict = class->strict,
		.weight = class->weight,
		.max = maximum(&class->rate),
		.min = minimum(&class->rate),
		.limit = class->limit,
		.vm_limit = class->vm_limit,
		.target_us = class->target_us,
		.interval_us = class->interval_us,
		.ecn = class->ecn,
		.mark_us = class->mark_us,
	};
}

void shaping_conf(const struct port *port, struct scheduler_conf *ret_conf)
{
	const struct config_shape *shape = shape_of(port);

	scheduler_conf_init(ret_conf, shape->queue);
	ret_conf->quantum_ns = shape->quantum_us * NS_PER_US;
	ret_conf->overhead = CONFIG_WIRE_BYTES;
	ret_conf->mtu = port->max_len;
	if (port->vm_config)
		ret_conf->rate = maximum(&port->vm_config->rate_in);
	else
		ret_conf->rate = (struct rate){ .bits = shape->rate,
						.packets = shape->packets,
						.burst = shape->burst,
						.burst_packets = 32 };
	for (uint32_t i = 0; i < shape->n_classes; i++) {
		const struct config_class *class = &shape->classes[i];

		ret_conf->used |= (uint8_t)(1u << class->class);
		set_class(class, &ret_conf->classes[class->class]);
	}
}

/* ---- weights ---- */

/* What VM @vm has of @rate bit/s in the long run, if all want all. */
static double fair_share(const struct config_vm *vm, double spare,
			 double weights)
{
	return (double)config_rate_min(&vm->rate_out, vm->mtu) +
	       spare * vm->weight / weights;
}

static void weigh(struct agent *agent, struct port *uplink)
{
	uint16_t weights[PKT_MAX_PORTS] = { 0 };
	double spare = (double)uplink->uplink_config->shape.rate;
	double sum = 0, most = 0;
	const struct port *port;

	if (!uplink->shaper)
		return;
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		port = agent->ports[i];
		if (!port || !port->vm_config ||
		    shares_uplink_of(agent, port->vlan) != uplink)
			continue;
		spare -= (double)config_rate_min(&port->vm_config->rate_out,
						 port->vm_config->mtu);
		sum += port->vm_config->weight;
	}
	/* Without a rate there are no minimums, and any number will do. */
	if (spare <= 0)
		spare = 1;
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
			double share;

			port = agent->ports[i];
			if (!port || !port->vm_config ||
			    shares_uplink_of(agent, port->vlan) != uplink)
				continue;
			share = fair_share(port->vm_config, spare, sum);
			if (pass == 0)
				most = share > most ? share : most;
			else
				weights[i] = (uint16_t)(
					share / most *
						(SCHEDULER_MAX_WEIGHT - 1) +
					1);
		}
	}
	shaper_set_weights(&agent->vs, uplink, weights);
}

/* ---- ports ---- */

/* A change of what a scheduler was made for takes a new one, and what waits in
 * the old one is dropped. */
static int set(struct agent *agent, struct port *port,
	       const struct scheduler_conf *conf)
{
	int err;

	if (port->shaper) {
		err = shaper_set(&agent->vs, port, conf);
		if (err != -EINVAL)
			return err;
		shaper_stop(&agent->vs, port);
	}
	return shaper_start(&agent->vs, port, conf, owner_of(port));
}

static int limit(struct agent *agent, struct port *port)
{
	struct rate rate = { 0 };
	int err;

	if (config_is_limited(port->vm_config))
		rate = maximum(&port->vm_config->rate_out);
	err = sending_set_vm(agent->vs.workers[owner_of(port)], port, &rate);
	if (err)
		log_error("%s: what it sends cannot be limited: %s",
			  port->name, strerror(-err));
	return err;
}

int shaping_apply(struct agent *agent, struct port *port)
{
	bool had = port->shaper != NULL;
	struct scheduler_conf conf;
	int err = 0;

	if (!port->up)
		return 0;
	if (is_shaped(port)) {
		shaping_conf(port, &conf);
		err = set(agent, port, &conf);
		if (err)
			log_error("%s: its output cannot be shaped: %s",
				  port->name, strerror(-err));
	} else {
		shaper_stop(&agent->vs, port);
	}
	if (port->vhost && had != (port->shaper != NULL))
		bypass_apply(agent);
	if (!err && port->vm_config)
		err = limit(agent, port);
	if (port->kind == PORT_UPLINK)
		weigh(agent, port);
	else if (port->uplink)
		weigh(agent, port->uplink);
	return err;
}

int shaping_apply_all(struct agent *agent)
{
	int err = shaping_classify(agent);

	for (uint32_t i = 1; i < PKT_MAX_PORTS && !err; i++)
		if (agent->ports[i])
			err = shaping_apply(agent, agent->ports[i]);
	return err;
}

/* ---- rules ---- */

static void set_protocols(const struct config_rule *from,
			  struct classify_rule *rule)
{
	static const uint8_t protocols[][2] = {
		[PROTOCOL_ANY] = { 0, 0 },
		[PROTOCOL_TCP] = { IPPROTO_TCP, IPPROTO_TCP },
		[PROTOCOL_UDP] = { IPPROTO_UDP, IPPROTO_UDP },
		[PROTOCOL_ICMP] = { IPPROTO_ICMP, IPPROTO_ICMPV6 },
	};

	memcpy(rule->protocols, protocols[from->protocol],
	       sizeof(rule->protocols));
}

static void set_rule(struct agent *agent, const struct config_rule *from,
		     struct classify_rule *rule)
{
	_Static_assert(CONFIG_MAX_RULE_ITEMS <= CLASSIFY_MAX_VALUES,
		       "as many as may be written");

	memset(rule, 0, sizeof(*rule));
	rule->class = from->class;
	set_protocols(from, rule);
	for (uint32_t i = 0; i < from->n_dscp; i++)
		rule->dscp |= 1ull << from->dscp[i];
	for (uint32_t i = 0; i < from->n_pcp; i++)
		rule->pcp |= (uint8_t)(1u << from->pcp[i]);
	rule->n_vlans = (uint8_t)from->n_vlans;
	memcpy(rule->vlans, from->vlans, sizeof(from->vlans));
	rule->n_ports = (uint8_t)from->n_ports;
	memcpy(rule->ports, from->ports, sizeof(from->ports));
	rule->any_sender = !from->n_vms;
	for (uint32_t i = 0; i < from->n_vms; i++) {
		const struct port *port = agent_find_port(agent, from->vms[i]);

		if (port)
			rule->from[port->slot / 64] |= 1ull << port->slot % 64;
	}
}

int shaping_classify(struct agent *agent)
{
	const struct config *config = agent->config;
	struct classifier *classifier = NULL;

	if (config->n_rules) {
		classifier = malloc(sizeof(*classifier) +
				    config->n_rules *
					    sizeof(classifier->rules[0]));
		if (!classifier)
			return -ENOMEM;
		classifier->n = config->n_rules;
		for (uint32_t i = 0; i < config->n_rules; i++)
			set_rule(agent, &config->rules[i],
				 &classifier->rules[i]);
	}
	if (classifier || agent->vs.classifier)
		vswitch_set_classifier(&agent->vs, classifier);
	return 0;
}
