// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Maximums of VMs on devices: see policing.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "control/policing.h"
#include "ports/police.h"

static bool is_limited(const struct config_rate *rate)
{
	return rate->max || rate->max_packets;
}

uint8_t policing_apply(struct agent *agent, struct port *port)
{
	const struct config_vm *vm = port->vm_config;
	struct police *in, *out;
	uint8_t flags = 0;

	if (!vm)
		return 0;
	if (!config_is_policed(vm)) {
		__atomic_store_n(&port->police_in, NULL, __ATOMIC_RELAXED);
		policing_end(agent, port);
		return 0;
	}
	in = datapath_police(agent->dp, port->slot, POLICE_IN);
	out = datapath_police(agent->dp, port->slot, POLICE_OUT);
	police_set(in, &vm->rate_in, now_ns());
	police_set(out, &vm->rate_out, now_ns());
	if (is_limited(&vm->rate_in))
		flags |= PORT_P_IN;
	if (is_limited(&vm->rate_out))
		flags |= PORT_P_OUT;
	__atomic_store_n(&port->police_in, flags & PORT_P_IN ? in : NULL,
			 __ATOMIC_RELAXED);
	return flags;
}

void policing_end(struct agent *agent, const struct port *port)
{
	const struct config_rate none = { 0 };

	police_set(datapath_police(agent->dp, port->slot, POLICE_IN), &none,
		   now_ns());
	police_set(datapath_police(agent->dp, port->slot, POLICE_OUT), &none,
		   now_ns());
}

/* Appends to @text. */
static void describe(const char *way, const struct config_rate *rate,
		     char *text, size_t size)
{
	size_t len = strlen(text);
	char bits[32] = "";

	if (!is_limited(rate))
		return;
	if (rate->max)
		size_format_rate(rate->max, bits, sizeof(bits));
	len += (size_t)snprintf(text + len, size - len, "%s%s %s",
				len ? ", " : "", way, bits);
	if (rate->max_packets)
		snprintf(text + len, size - len, "%s%" PRIu32 " packets/s",
			 rate->max ? " and " : "", rate->max_packets);
}

void policing_describe(const struct port *port, char *ret_text, size_t size)
{
	const struct config_vm *vm = port->vm_config;

	ret_text[0] = 0;
	if (!vm || !config_is_policed(vm))
		return;
	describe("in", &vm->rate_in, ret_text, size);
	describe("out", &vm->rate_out, ret_text, size);
}
