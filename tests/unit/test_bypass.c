// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which pairs of made-up guests pass the switch by, and what the workers are
 * told. */
#include "control/bypass.h"
#include "control/guests.h"
#include "switching/shaper.h"
#include "unit.h"

static const char text[] =
	"uplinks: [{name: wan, device: eth1}]\n"
	"vms:\n"
	"- {name: a, mac: 52:54:00:00:00:01, device: {type: vhost-user, socket: /a}}\n"
	"- {name: b, mac: 52:54:00:00:00:02, device: {type: vhost-user, socket: /b}}\n"
	"- {name: c, mac: 52:54:00:00:00:03, class: 4, device: {type: vhost-user, socket: /c}}\n"
	"- {name: d, mac: 52:54:00:00:00:04, vlan: 7, device: {type: vhost-user, socket: /d}}\n"
	"- {name: t, mac: 52:54:00:00:00:05, device: {type: tap, name: t}}\n"
	"bypass: [{vms: [a, b]}, {class: 4}, {vlan: 7}]\n";

enum { A = 10, B = 64, C = 255, D = 65, T = 1 }; /* slots */

struct rig {
	struct agent agent;
	struct vhost_port vhost[4];
};

static struct port *add_port(struct rig *rig, uint32_t slot, uint32_t i)
{
	struct port *port = aligned_alloc(CACHE_LINE, sizeof(*port));

	assert_non_null(port);
	memset(port, 0, sizeof(*port));
	port->slot = (uint16_t)slot;
	port->kind = PORT_VM;
	port->vm_config = &rig->agent.config->vms[i];
	port->vlan = port->vm_config->vlan;
	port->state = PORT_STATE_UP;
	snprintf(port->name, sizeof(port->name), "%s", port->vm_config->name);
	if (port->vm_config->device.type == DEVICE_VHOST_USER)
		port->vhost = &rig->vhost[i];
	rig->agent.ports[slot] = port;
	return port;
}

static int setup(void **state)
{
	static const uint32_t slots[] = { A, B, C, D, T };
	struct rig *rig = calloc(1, sizeof(*rig));
	char err[256];

	assert_non_null(rig);
	if (config_parse(text, strlen(text), "t.yaml", &rig->agent.config, err,
			 sizeof(err)))
		fail_msg("%s", err);
	for (uint32_t i = 0; i < ARRAY_SIZE(slots); i++)
		add_port(rig, slots[i], i);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	for (uint32_t i = 0; i < PKT_MAX_PORTS; i++)
		free(rig->agent.ports[i]);
	config_free(rig->agent.config);
	free(rig);
	return 0;
}

/* That packets of the ports in @pairs (slots, 0 at the end), and of no others,
 * may pass the switch by. */
static void assert_told(const struct rig *rig, const uint32_t (*pairs)[2])
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		const struct port *from = rig->agent.ports[i];
		bool any = false;

		if (!from)
			continue;
		for (uint32_t j = 0; j < PKT_MAX_PORTS; j++) {
			bool told = from->bypass[j / 64] >> j % 64 & 1;
			bool want = false;

			for (uint32_t p = 0; pairs[p][0]; p++)
				want |= pairs[p][0] == i && pairs[p][1] == j;
			if (told != want)
				fail_msg("%u to %u: %d", i, j, told);
			any |= want;
		}
		assert_int_equal(from->may_bypass, any);
	}
}

static void assert_look(struct rig *rig, uint32_t from, uint32_t to,
			enum bypass_state state, uint32_t rule, const char *why)
{
	struct bypass_info info;

	bypass_look(&rig->agent, rig->agent.ports[from], rig->agent.ports[to],
		    &info);
	assert_int_equal(info.state, state);
	if (state != BYPASS_OFF)
		assert_int_equal(info.rule, rule);
	assert_string_equal(info.why, why);
}

static const uint32_t all[][2] = { { A, B }, { B, A }, { C, A }, { C, B }, {} };
static const uint32_t none[][2] = { {} };

static void test_rules(void **state)
{
	struct rig *rig = *state;

	assert_told(rig, none);
	bypass_apply(&rig->agent);
	assert_told(rig, all);
	assert_look(rig, A, B, BYPASS_ACTIVE, 0, "");
	assert_look(rig, C, A, BYPASS_ACTIVE, 1, "");
	assert_look(rig, A, C, BYPASS_OFF, 0,
		    "no rule of bypass names this pair");
	assert_false(bypass_is_pair(rig->agent.ports[A], rig->agent.ports[A]));
	assert_false(bypass_is_pair(rig->agent.ports[A], rig->agent.ports[D]));
	assert_false(bypass_is_pair(rig->agent.ports[A], rig->agent.ports[T]));
	assert_false(bypass_is_pair(rig->agent.ports[T], rig->agent.ports[A]));
	assert_false(bypass_is_pair(rig->agent.ports[A], NULL));
}

/* A guest that goes, and comes back. */
static void test_down(void **state)
{
	static const uint32_t without_b[][2] = { { C, A }, {} };
	struct rig *rig = *state;

	bypass_apply(&rig->agent);
	rig->agent.ports[B]->state = PORT_STATE_DOWN;
	bypass_apply(&rig->agent);
	assert_told(rig, without_b);
	assert_look(rig, A, B, BYPASS_HELD, 0, "b is not up");
	assert_look(rig, B, A, BYPASS_HELD, 0, "b is not up");
	rig->agent.ports[B]->state = PORT_STATE_UP;
	rig->agent.ports[B]->vhost = NULL;
	bypass_apply(&rig->agent);
	assert_told(rig, without_b);
	assert_int_equal(bypass_hold(&rig->agent, rig->agent.ports[B], true),
			 -EAGAIN);
	rig->agent.ports[B]->vhost = &rig->vhost[1];
	bypass_apply(&rig->agent);
	assert_told(rig, all);
}

static void test_hold(void **state)
{
	static const uint32_t without_c[][2] = { { A, B }, { B, A }, {} };
	struct rig *rig = *state;

	bypass_apply(&rig->agent);
	assert_int_equal(bypass_hold(&rig->agent, rig->agent.ports[C], true),
			 0);
	assert_told(rig, without_c);
	assert_look(rig, C, B, BYPASS_HELD, 1, "pktctl bypass off c");
	assert_int_equal(bypass_hold(&rig->agent, rig->agent.ports[A], true),
			 0);
	assert_told(rig, none);
	assert_look(rig, B, A, BYPASS_HELD, 0, "pktctl bypass off a");
	assert_int_equal(bypass_hold(&rig->agent, rig->agent.ports[A], false),
			 0);
	assert_told(rig, without_c);
	assert_int_equal(bypass_hold(&rig->agent, rig->agent.ports[C], false),
			 0);
	assert_told(rig, all);
	assert_int_equal(bypass_hold(&rig->agent, rig->agent.ports[T], true),
			 -EINVAL);
}

/* Packets past the switch would be past the shaper. */
static void test_shaped(void **state)
{
	static const uint32_t without_c[][2] = { { A, B }, { B, A }, {} };
	struct rig *rig = *state;
	struct port_shaper shaper;

	rig->agent.ports[C]->shaper = &shaper;
	bypass_apply(&rig->agent);
	assert_told(rig, without_c);
	assert_look(rig, C, B, BYPASS_HELD, 1, "c is shaped");
	rig->agent.ports[C]->shaper = NULL;
	bypass_apply(&rig->agent);
	assert_told(rig, all);
}

/* What passed is the sum over the sender's pairs; it stays when the pair is
 * held. */
static void test_counters(void **state)
{
	struct rig *rig = *state;
	struct vhost_pair *pairs[2];
	struct bypass_info info;

	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(
			pair_new(rig->agent.ports[A], i, 0, 64, &pairs[i]), 0);
		pairs[i]->bypassed[B] = (struct counter){ 5 + i, 500 };
		pairs[i]->bypassed[C] = (struct counter){ 1000, 1000 };
		rig->vhost[0].pairs[i] = pairs[i];
	}
	rig->vhost[0].n_pairs = 2;
	rig->vhost[0].held = true;
	bypass_look(&rig->agent, rig->agent.ports[A], rig->agent.ports[B],
		    &info);
	assert_int_equal(info.state, BYPASS_HELD);
	assert_int_equal(info.passed.packets, 11);
	assert_int_equal(info.passed.bytes, 1000);
	pair_free(pairs[0]);
	pair_free(pairs[1]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rules),
		TEST(test_down),
		TEST(test_hold),
		TEST(test_shaped),
		TEST(test_counters),
	};

	return cmocka_run_group_tests_name("bypass", tests, NULL, NULL);
}
