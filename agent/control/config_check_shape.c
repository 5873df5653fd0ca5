/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks of rates and classes: keys that go together, and whether what is
 * promised by minimums is there: the scheduler (switching/scheduler.h) keeps
 * them only then.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/size.h"
#include "control/config_check.h"
#include "control/config_check_private.h"

#define RATE_TEXT_MAX 32

/* The keys of one rate, at @where. */
static int check_rate(const struct check *c, const char *where,
		      const struct config_rate *rate)
{
	char path[CHECK_PATH_MAX];
	char max[RATE_TEXT_MAX];

	if (rate->max && rate->max < rate->min) {
		size_format_rate(rate->max, max, sizeof(max));
		snprintf(path, sizeof(path), "%s.min", where);
		return config_check_fail(c, path, "",
					 "must not be more than max, %s", max);
	}
	if (rate->max_packets && rate->max_packets < rate->min_packets) {
		snprintf(path, sizeof(path), "%s.min_packets", where);
		return config_check_fail(
			c, path, "", "must not be more than max_packets, %u",
			rate->max_packets);
	}
	return 0;
}

static int check_class(const struct check *c, const char *where,
		       const struct config_shape *shape, uint32_t i)
{
	const struct config_class *class = &shape->classes[i];
	char at[CHECK_PATH_MAX], path[CHECK_PATH_MAX + 32];

	snprintf(at, sizeof(at), "%s.classes[%u]", where, i);
	for (uint32_t j = 0; j < i; j++) {
		if (shape->classes[j].class != class->class)
			continue;
		snprintf(path, sizeof(path), "%s.class", at);
		return config_check_fail(c, path, "",
					 "is already %s.classes[%u].class; "
					 "a class is given once",
					 where, j);
	}
	if (class->strict && (class->rate.min || class->rate.min_packets)) {
		snprintf(path, sizeof(path), "%s.rate.%s", at,
			 class->rate.min ? "min" : "min_packets");
		return config_check_fail(c, path, "",
					 "the class is strict: it goes before "
					 "all others and has no minimum");
	}
	if (class->ecn && !class->target_us) {
		snprintf(path, sizeof(path), "%s.ecn", at);
		return config_check_fail(c, path, "",
					 "needs target_us, which says what is "
					 "to be marked");
	}
	snprintf(path, sizeof(path), "%s.rate", at);
	return check_rate(c, path, &class->rate);
}

/* What classes have for themselves of a port's rate, before all others. */
struct promised {
	uint64_t bits, packets;
	bool any_min;
	const struct config_class *open; /* strict, without a maximum */
};

static struct promised add_classes(const struct config_shape *shape)
{
	struct promised sum = { 0 };

	for (uint32_t i = 0; i < shape->n_classes; i++) {
		const struct config_class *class = &shape->classes[i];
		const struct config_rate *rate = &class->rate;

		if (rate->min || rate->min_packets)
			sum.any_min = true;
		if (class->strict && !rate->max && !rate->max_packets)
			sum.open = class;
		sum.bits += class->strict ? rate->max : rate->min;
		sum.packets +=
			class->strict ? rate->max_packets : rate->min_packets;
	}
	return sum;
}

/* @bits and @packets: the port's rate; 0: none. */
static int check_shape(const struct check *c, const char *where,
		       const struct config_shape *shape, uint64_t bits,
		       uint64_t packets, const char *rate_key)
{
	const struct promised sum = add_classes(shape);
	char path[CHECK_PATH_MAX], a[RATE_TEXT_MAX], b[RATE_TEXT_MAX];
	int err = 0;

	for (uint32_t i = 0; i < shape->n_classes && !err; i++)
		err = check_class(c, where, shape, i);
	if (err || !sum.any_min)
		return err;
	snprintf(path, sizeof(path), "%s.classes", where);
	if (sum.open)
		return config_check_fail(
			c, path, "",
			"class %u is strict and needs a maximum (rate.max), "
			"or the minimums of others are not to be had",
			sum.open->class);
	if ((sum.bits && !bits) || (sum.packets && !packets))
		return config_check_fail(
			c, path, "",
			"has minimums, which are parts of %s; that must be "
			"given in the same unit",
			rate_key);
	if (bits && sum.bits > bits) {
		size_format_rate(sum.bits, a, sizeof(a));
		size_format_rate(bits, b, sizeof(b));
		return config_check_fail(
			c, path, "",
			"minimums and strict classes' maximums add up to %s, "
			"more than %s, %s",
			a, rate_key, b);
	}
	if (packets && sum.packets > packets)
		return config_check_fail(
			c, path, "",
			"minimums and strict classes' maximums add up to "
			"%" PRIu64 " packets a second, more than %s, %" PRIu64,
			sum.packets, rate_key, packets);
	return 0;
}

static int check_vm(const struct check *c, uint32_t i)
{
	const struct config_vm *vm = &c->config->vms[i];
	char path[CHECK_PATH_MAX];
	int err;

	snprintf(path, sizeof(path), "vms[%u].rate.in", i);
	err = check_rate(c, path, &vm->rate_in);
	snprintf(path, sizeof(path), "vms[%u].rate.out", i);
	if (!err)
		err = check_rate(c, path, &vm->rate_out);
	snprintf(path, sizeof(path), "vms[%u].shape", i);
	if (!err)
		err = check_shape(c, path, &vm->shape, vm->rate_in.max,
				  vm->rate_in.max_packets, "rate.in.max");
	return err;
}

/* ---- what an uplink has for the VMs ---- */

/* What VMs get, or send: of the former a tenth is left free, see
 * policy/rate_control.h. Packets are counted as bits. */
static int check_minimums(const struct check *c, uint32_t uplink, bool in)
{
	const struct config_uplink *up = &c->config->uplinks[uplink];
	uint64_t most = in ? up->shape.rate - up->shape.rate / 10 :
			     up->shape.rate;
	char path[CHECK_PATH_MAX], a[RATE_TEXT_MAX], b[RATE_TEXT_MAX];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < c->config->n_vms; i++) {
		const struct config_vm *vm = &c->config->vms[i];
		const struct config_rate *rate =
			in ? &vm->rate_in : &vm->rate_out;
		uint64_t min = config_rate_min(rate, vm->mtu);

		if (!min || !config_uplink_has_vlan(up, vm->vlan))
			continue;
		sum += min;
		snprintf(path, sizeof(path), "vms[%u].rate.%s.%s", i,
			 in ? "in" : "out",
			 rate->min == min ? "min" : "min_packets");
		if (!most)
			return config_check_fail(
				c, path, "",
				"needs uplinks[%u].shape.rate: minimums are "
				"parts of what the uplink carries",
				uplink);
		if (sum <= most)
			continue;
		size_format_rate(sum, a, sizeof(a));
		size_format_rate(most, b, sizeof(b));
		return config_check_fail(
			c, path, "",
			"the minimums up to this VM's add up to %s, more than "
			"%s, which is %s of uplinks[%u].shape.rate",
			a, b, in ? "90 %" : "all", uplink);
	}
	return 0;
}

int config_check_shapes(const struct check *c)
{
	char path[CHECK_PATH_MAX];
	int err = 0;

	for (uint32_t i = 0; i < c->config->n_vms && !err; i++)
		err = check_vm(c, i);
	for (uint32_t i = 0; i < c->config->n_uplinks && !err; i++) {
		const struct config_shape *shape = &c->config->uplinks[i].shape;

		snprintf(path, sizeof(path), "uplinks[%u].shape", i);
		err = check_shape(c, path, shape, shape->rate, shape->packets,
				  "shape.rate");
		if (!err)
			err = check_minimums(c, i, true);
		if (!err)
			err = check_minimums(c, i, false);
	}
	return err;
}
