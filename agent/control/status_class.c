// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The classes of a shaped port as JSON: see status.h. */
#include "control/shaping.h"
#include "control/status.h"
#include "switching/shaper.h"

static void set(json_t *obj, const char *key, json_t *value)
{
	json_object_set_new_nocheck(obj, key, value);
}

static void set_number(json_t *obj, const char *key, uint64_t n)
{
	set(obj, key, json_integer((json_int_t)n));
}

static json_t *counter(uint64_t packets, uint64_t bytes)
{
	json_t *obj = json_object();

	set_number(obj, "packets", packets);
	set_number(obj, "bytes", bytes);
	return obj;
}

static json_t *rate(const struct rate *rate)
{
	json_t *obj = json_object();

	set_number(obj, "bits", rate->bits);
	set_number(obj, "packets", rate->packets);
	set_number(obj, "burst", rate->burst);
	return obj;
}

static json_t *dropped(const struct scheduler_stats *stats)
{
	json_t *obj = json_object();

	for (int i = 0; i < SCHEDULER_N_DROPS; i++)
		set_number(obj, scheduler_drop_name((enum scheduler_drop)i),
			   stats->n_dropped[i]);
	return obj;
}

static json_t *class(const struct port *port, uint8_t number,
		     const struct scheduler_conf *conf)
{
	const struct scheduler_class_conf *c = &conf->classes[number];
	json_t *obj = json_object();
	struct scheduler_stats stats;

	scheduler_get_stats(port->shaper->scheduler, number, &stats);
	set(obj, "port", status_text(port->name));
	set_number(obj, "class", number);
	set(obj, "strict", json_boolean(c->strict));
	set_number(obj, "weight", c->weight);
	set(obj, "min", rate(&c->min));
	set(obj, "max", rate(&c->max));
	set(obj, "port_max", rate(&conf->rate));
	set(obj, "waiting", counter(stats.n_waiting, stats.bytes_waiting));
	set_number(obj, "most_waiting", stats.n_most);
	set(obj, "in", counter(stats.n_in, stats.bytes_in));
	set(obj, "out", counter(stats.n_out, stats.bytes_out));
	set_number(obj, "marked", stats.n_marked);
	set(obj, "dropped", dropped(&stats));
	return obj;
}

void status_classes(const struct port *port, json_t *array)
{
	struct scheduler_conf conf;

	if (!port->shaper)
		return;
	shaping_conf(port, &conf);
	for (int i = PKT_N_CLASSES - 1; i >= 0; i--)
		if (conf.used >> i & 1)
			json_array_append_new(array,
					      class(port, (uint8_t)i, &conf));
}
