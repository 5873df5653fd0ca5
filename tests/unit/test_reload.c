// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reload with the ports' life played by this file, so that any step of it can
 * fail: all or nothing, and no port left with a configuration that is freed.
 */
#include <fcntl.h>

#include "control/agent.h"
#include "control/lifecycle.h"
#include "control/networks.h"
#include "control/pools.h"
#include "control/shaping.h"
#include "control/shares.h"
#include "switching/worker.h"
#include "unit.h"

/* ---- what reload.c calls ---- */

static uint32_t n_calls;	     /* that may fail */
static uint32_t fail_at, fail_again; /* the first and the second to fail */
static uint32_t n_downs, n_restored; /* ports taken down, devices undone */
static uint32_t n_arranged;	     /* times that queues changed hands */
static int arrange_err;		     /* the next time */
static char absent[IFNAMSIZ];	     /* a device that is not there */
static uint32_t n_device_queues;     /* of each device */
static bool spread;		     /* VMs are served by several workers */
static uint32_t n_shaped;	     /* times that shapes were applied */
static int shape_err;		     /* the next time */
static const struct config *tuned;   /* what pools go by */

static int may_fail(struct port *port)
{
	n_calls++;
	if (n_calls != fail_at && n_calls != fail_again)
		return 0;
	snprintf(port->why, sizeof(port->why), "made to fail");
	return -EIO;
}

static int new_port(struct agent *agent, uint8_t kind, const char *name,
		    const char *ifname, struct port **ret_port)
{
	uint16_t slot = 1;
	struct port *port;

	while (agent->ports[slot])
		slot++;
	port = aligned_alloc(CACHE_LINE, sizeof(*port));
	assert_non_null(port);
	memset(port, 0, sizeof(*port));
	port->slot = slot;
	port->kind = kind;
	snprintf(port->name, sizeof(port->name), "%s", name);
	snprintf(port->ifname, sizeof(port->ifname), "%s", ifname);
	agent->ports[slot] = port;
	*ret_port = port;
	return 0;
}

int lifecycle_new_uplink(struct agent *agent,
			 const struct config_uplink *config,
			 struct port **ret_port)
{
	new_port(agent, PORT_UPLINK, config->name, config->device, ret_port);
	(*ret_port)->uplink_config = config;
	return may_fail(*ret_port);
}

void lifecycle_refresh(struct agent *agent, struct port *port,
		       const struct link_info *info)
{
	(void)agent;
	(void)port;
	(void)info;
}

int shaping_apply_all(struct agent *agent)
{
	int err = shape_err;

	(void)agent;
	n_shaped++;
	shape_err = 0;
	return err;
}

bool shaping_is_spread(const struct port *port)
{
	(void)port;
	return spread;
}

void pools_begin(struct port *port)
{
	port->pool.min = port->vm_config->pool.min;
	port->pool.max = port->vm_config->pool.max;
}

int lifecycle_new_vm(struct agent *agent, const struct config_vm *config,
		     struct port **ret_port)
{
	new_port(agent, PORT_VM, config->name, config->device.name, ret_port);
	(*ret_port)->vm_config = config;
	(*ret_port)->vlan = config->vlan;
	pools_begin(*ret_port);
	return may_fail(*ret_port);
}

int lifecycle_up(struct agent *agent, struct port *port)
{
	int err = may_fail(port);

	(void)agent;
	port->state = err ? PORT_STATE_DOWN : PORT_STATE_UP;
	return err;
}

void lifecycle_down(struct agent *agent, struct port *port,
		    enum port_state state, const char *why)
{
	(void)agent;
	n_downs++;
	port->state = state;
	port->retry_ns = now_ns() + NS_PER_SEC;
	snprintf(port->why, sizeof(port->why), "%s", why);
}

void lifecycle_free(struct agent *agent, struct port *port)
{
	agent->ports[port->slot] = NULL;
	free(port);
}

void lifecycle_retry(struct agent *agent)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++) {
		struct port *port = agent->ports[i];

		if (port && port->state != PORT_STATE_UP &&
		    now_ns() >= port->retry_ns)
			lifecycle_up(agent, port);
	}
}

int lifecycle_write(struct agent *agent, struct port *port)
{
	(void)agent;
	return may_fail(port);
}

int lifecycle_resize(struct agent *agent, struct port *port)
{
	int err = may_fail(port);

	(void)agent;
	/* As if its rings held no more: it has to be opened anew. */
	if (!err && port->vm_config->pool.max == 65536)
		return -EINVAL;
	if (!err)
		pools_begin(port);
	return err;
}

int lifecycle_move_network(struct agent *agent, struct port *port,
			   uint16_t vlan)
{
	(void)agent;
	port->vlan = vlan;
	return may_fail(port);
}

int networks_add_addresses(struct agent *agent, const struct port *port)
{
	(void)agent;
	return may_fail((struct port *)(uintptr_t)port);
}

void networks_del_addresses(struct agent *agent, struct port *port)
{
	(void)agent;
	(void)port;
}

void networks_forget_learned(struct agent *agent, struct port *port)
{
	(void)agent;
	(void)port;
}

int networks_update_port(struct agent *agent, const struct port *port)
{
	(void)agent;
	return may_fail((struct port *)(uintptr_t)port);
}

void shares_open_all(struct agent *agent, struct port *uplink)
{
	(void)agent;
	(void)uplink;
}

void shares_close_all(struct agent *agent, struct port *uplink)
{
	(void)agent;
	(void)uplink;
}

int shares_arrange(struct agent *agent, struct port *uplink)
{
	int err = arrange_err;

	(void)agent;
	n_arranged++;
	arrange_err = 0;
	return err ? err : may_fail(uplink);
}

void pools_tune(struct agent *agent)
{
	tuned = agent->config;
}

bool agent_beat(struct agent *agent)
{
	(void)agent;
	return true;
}

uint32_t device_restore(struct device_journal *journal, const char *owner)
{
	(void)journal;
	(void)owner;
	n_restored++;
	return 0;
}

int link_get(const char *name, struct link_info *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	snprintf(ret_info->name, sizeof(ret_info->name), "%s", name);
	return strcmp(name, absent) ? 0 : -ENODEV;
}

uint32_t link_queues(const struct link_info *info)
{
	(void)info;
	return n_device_queues;
}

/* ---- configurations ---- */

#define UPLINKS      \
	"uplinks:\n" \
	" - {name: wan, device: eth1, vlans: [0, 10]}\n"
#define VM(n, more)                                  \
	" - {name: vm" n ", mac: 52:54:00:00:00:0" n \
	", device: {type: tap, name: tap" n "}" more "}\n"

static const char before[] = UPLINKS "vms:\n" VM("1", "") VM("2", "")
	VM("3", ", vlan: 10") VM("4", "");
static const char after[] =
	"uplinks:\n"
	" - {name: wan, device: eth1, vlans: [0, 10, 11], out_max: 2048}\n"
	"vms:\n" VM("2", ", mtu: 1400") VM("3", ", vlan: 0")
		VM("4", ", pool: {initial: 3000, max: 4096}")
			VM("5", ", learn: true") VM("6", "");

static struct config *parse(const char *text)
{
	struct config *config;
	char err[300];

	if (config_parse(text, strlen(text), "t.yaml", &config, err,
			 sizeof(err)))
		fail_msg("%s", err);
	return config;
}

static void start(struct agent *agent, struct config *config)
{
	struct port *port;

	memset(agent, 0, sizeof(*agent));
	agent->config = config;
	agent->vs.arena.regions[0].n_frames = config->frames;
	agent->vs.n_workers = 1;
	n_calls = 0;
	fail_at = 0;
	fail_again = 0;
	n_downs = 0;
	n_restored = 0;
	absent[0] = 0;
	n_device_queues = 2;
	n_arranged = 0;
	n_shaped = 0;
	shape_err = 0;
	spread = false;
	tuned = NULL;
	for (uint32_t i = 0; i < config->n_uplinks; i++) {
		lifecycle_new_uplink(agent, &config->uplinks[i], &port);
		lifecycle_up(agent, port);
	}
	for (uint32_t i = 0; i < config->n_vms; i++) {
		lifecycle_new_vm(agent, &config->vms[i], &port);
		lifecycle_up(agent, port);
	}
	n_calls = 0;
}

static void stop(struct agent *agent)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		free(agent->ports[i]);
	config_free(agent->config);
}

static const struct port *find(const struct agent *agent, const char *ifname)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (agent->ports[i] && !strcmp(agent->ports[i]->ifname, ifname))
			return agent->ports[i];
	return NULL;
}

static const struct port *find_vm(const struct agent *agent,
				  const struct config_vm *vm)
{
	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		if (agent->ports[i] && agent->ports[i]->vm_config == vm)
			return agent->ports[i];
	return NULL;
}

/* The ports are those of the agent's configuration, and point into it. With
 * @all_up they are up. */
static void assert_matches(const struct agent *agent, bool all_up)
{
	const struct config *config = agent->config;
	uint32_t n = 0;

	for (uint32_t i = 1; i < PKT_MAX_PORTS; i++)
		n += agent->ports[i] != NULL;
	assert_int_equal(n, config->n_uplinks + config->n_vms);
	for (uint32_t i = 0; i < config->n_uplinks; i++) {
		const struct config_uplink *u = &config->uplinks[i];
		const struct port *port = find(agent, u->device);

		assert_non_null(port);
		assert_ptr_equal(port->uplink_config, u);
		assert_string_equal(port->name, u->name);
		assert_true(!all_up || port->state == PORT_STATE_UP);
	}
	for (uint32_t i = 0; i < config->n_vms; i++) {
		const struct config_vm *vm = &config->vms[i];
		const struct port *port = find_vm(agent, vm);

		assert_non_null(port);
		assert_string_equal(port->ifname, vm->device.name);
		assert_string_equal(port->name, vm->name);
		assert_int_equal(port->vlan, vm->vlan);
		if (all_up) {
			assert_int_equal(port->pool.min, vm->pool.min);
			assert_int_equal(port->pool.max, vm->pool.max);
		}
		assert_true(!all_up || port->state == PORT_STATE_UP);
	}
}

/* As main.c does it. */
static int reload(struct agent *agent, const char *to, char *text, size_t size)
{
	struct config *config = parse(to);
	int ret = agent_reload(agent, config, text, size);

	if (ret)
		config_free(config);
	return ret;
}

static void test_applies(void **state)
{
	static struct agent agent;
	char text[300];

	(void)state;
	start(&agent, parse(before));
	assert_int_equal(reload(&agent, before, text, sizeof(text)), 0);
	assert_string_equal(text, "0 added, 0 removed, 0 changed, 5 as before");
	assert_matches(&agent, true);
	assert_int_equal(n_calls, 0);
	assert_int_equal(reload(&agent, after, text, sizeof(text)), 0);
	assert_string_equal(text, "2 added, 1 removed, 4 changed, 0 as before");
	assert_matches(&agent, true);
	assert_int_equal(agent.n_reloads, 2);
	stop(&agent);
}

/* pktctl pool arena has made it more or fewer than the file says, which is no
 * change of the file; but there must be enough. */
static void test_other_arena(void **state)
{
	static struct agent agent;
	char text[600];

	(void)state;
	start(&agent, parse(before));
	agent.vs.arena.regions[0].n_frames *= 2;
	assert_int_equal(reload(&agent, before, text, sizeof(text)), 0);
	agent.vs.arena.regions[0].n_frames = 4000;
	assert_int_equal(reload(&agent, before, text, sizeof(text)), -ENOSPC);
	assert_non_null(strstr(
		text,
		", which pktctl pool arena has made 4000: too few: pool.min of 4 VMs takes"));
	assert_matches(&agent, true);
	stop(&agent);
}

/* Each step once: the old configuration is in force, every port is up. */
static void test_each_step_fails(void **state)
{
	static struct agent agent;
	char text[300];
	uint32_t n;

	(void)state;
	for (n = 1;; n++) {
		const struct config *old;

		start(&agent, parse(before));
		old = agent.config;
		fail_at = n;
		if (!reload(&agent, after, text, sizeof(text)))
			break;
		assert_ptr_equal(agent.config, old);
		assert_matches(&agent, true);
		assert_int_equal(agent.n_reload_failures, 1);
		stop(&agent);
	}
	assert_true(n > 10);
	stop(&agent);
}

/* Ways back that fail are reported each time. */
static int saved_stderr;

static int mute(void **state)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	return null < 0 || dup2(null, STDERR_FILENO) < 0 || close(null);
}

static int unmute(void **state)
{
	(void)state;
	return dup2(saved_stderr, STDERR_FILENO) < 0 || close(saved_stderr);
}

/* And one more on the way back: that port is left down, to be tried again,
 * and none is forgotten. */
static void test_way_back_fails(void **state)
{
	static struct agent agent;
	char text[300];

	(void)state;
	for (uint32_t n = 1; n < 30; n++) {
		for (uint32_t k = n + 1; k < n + 30; k++) {
			start(&agent, parse(before));
			fail_at = n;
			fail_again = k;
			if (reload(&agent, after, text, sizeof(text)))
				assert_matches(&agent, false);
			stop(&agent);
		}
	}
}

/* A new port's device has to be there; one that a port waits for need not. */
static void test_absent_device(void **state)
{
	static struct agent agent;
	char text[300];

	(void)state;
	start(&agent, parse(before));
	strcpy(absent, "tap5");
	assert_int_equal(reload(&agent, after, text, sizeof(text)), -EINVAL);
	assert_non_null(strstr(text, "tap5: no such device; nothing was"));
	assert_int_equal(n_calls, 0);
	assert_matches(&agent, true);
	strcpy(absent, "tap2");
	agent.ports[3]->state = PORT_STATE_ABSENT;
	assert_string_equal(agent.ports[3]->ifname, "tap2");
	assert_int_equal(reload(&agent, after, text, sizeof(text)), 0);
	assert_matches(&agent, false);
	stop(&agent);
}

/* A vhost-user VM's front-end is disturbed by what it must be told anew, and
 * by nothing else. */
static void test_vhost(void **state)
{
	static const struct {
		const char *device, *more;
		const char *text; /* added, removed, changed, as before */
		uint32_t n_downs;
	} rows[] = {
		{ "", "", "0 added, 0 removed, 0 changed, 3 as before", 0 },
		/* at once */
		{ ", moderation: {packets: 32, us: 50}", "", "1", 0 },
		{ "", ", class: 3", "1", 0 },
		{ "", ", addresses: [192.0.2.1]", "1", 0 },
		{ "", ", pool: {initial: 1024}", "1", 0 },
		{ "", ", pool: {max: 65535}", "1", 0 },
		/* larger rings */
		{ "", ", pool: {min: 100, max: 65536}", "1", 1 },
		/* another connection */
		{ ", mode: server", "", "1", 1 },
		{ ", queues: 2", "", "1", 1 },
		{ ", allow: {uid: 7}", "", "1", 1 },
		{ ", allow: {cgroup: /a}", "", "1", 1 },
		{ ", offloads: {csum: false}", "", "1", 1 },
		{ ", offloads: {tso: false}", "", "1", 1 },
		{ ", offloads: {gro: false}", "", "1", 1 },
		{ "", ", mtu: 1400", "1", 1 },
		{ "", ", mtu: 1400, pool: {min: 100, max: 8192}", "1", 1 },
	};
	static const char fmt[] = UPLINKS
		"vms:\n" VM("1",
			    "") " - {name: q, mac: 52:54:00:00:00:0a, device: "
				"{type: vhost-user, socket: %s%s}%s}\n";
	static struct agent agent;
	char from[512], to[512], text[300];
	struct port *port;

	(void)state;
	snprintf(from, sizeof(from), fmt, "/s", "", "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t slot;

		start(&agent, parse(from));
		slot = find_vm(&agent, &agent.config->vms[1])->slot;
		snprintf(to, sizeof(to), fmt, "/s", rows[i].device,
			 rows[i].more);
		assert_int_equal(reload(&agent, to, text, sizeof(text)), 0);
		if (!rows[i].text[1])
			assert_string_equal(text, "0 added, 0 removed, 1 "
						  "changed, 2 as before");
		else
			assert_string_equal(text, rows[i].text);
		assert_matches(&agent, true);
		assert_int_equal(find_vm(&agent, &agent.config->vms[1])->slot,
				 slot);
		assert_int_equal(n_downs, rows[i].n_downs);
		assert_int_equal(n_restored, 0);
		stop(&agent);
	}
	/* Whoever waits for a front-end has to wait for another one. */
	start(&agent, parse(from));
	port = agent.ports[3];
	assert_string_equal(port->name, "q");
	port->state = PORT_STATE_ABSENT;
	snprintf(to, sizeof(to), fmt, "/s", ", mode: server", "");
	assert_int_equal(reload(&agent, to, text, sizeof(text)), 0);
	assert_int_equal(n_downs, 1);
	assert_matches(&agent, true);
	stop(&agent);
	/* Another socket is another port. */
	start(&agent, parse(from));
	snprintf(to, sizeof(to), fmt, "/s2", "", "");
	assert_int_equal(reload(&agent, to, text, sizeof(text)), 0);
	assert_string_equal(text, "1 added, 1 removed, 0 changed, 2 as before");
	assert_matches(&agent, true);
	stop(&agent);
}

/* Who may have a tap open: the port is taken down and up, the tap stays. */
static void test_allow(void **state)
{
	static const char *const rows[] = { "{uid: 7}", "{cgroup: /a}",
					    "{uid: 7, cgroup: /a}" };
	static const char from[] = UPLINKS "vms:\n" VM("1", "");
	static struct agent agent;
	char to[512], text[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(to, sizeof(to),
			 UPLINKS
			 "vms:\n - {name: vm1, mac: 52:54:00:00:00:01, "
			 "device: {type: tap, name: tap1, allow: %s}}\n",
			 rows[i]);
		start(&agent, parse(from));
		assert_int_equal(reload(&agent, to, text, sizeof(text)), 0);
		assert_string_equal(
			text, "0 added, 0 removed, 1 changed, 1 as before");
		assert_int_equal(n_downs, 1);
		assert_int_equal(n_restored, 0);
		assert_matches(&agent, true);
		stop(&agent);
	}
}

/* Queues change hands once, when all VMs know; which there are not, or which all
 * need, are found before anything is changed. */
static void test_uplink_queues(void **state)
{
	static const struct {
		const char *one, *two; /* the VMs' keys */
		uint32_t n_changed, n_arranged;
		const char *error;
	} rows[] = {
		{ ", uplink_queues: [2]", "", 0, 0, NULL },
		{ "", "", 1, 1, NULL },
		{ ", uplink_queues: [1, 2]", "", 1, 1, NULL },
		{ ", uplink_queues: [1]", ", uplink_queues: [2]", 2, 1, NULL },
		{ ", uplink_queues: [2], mtu: 1400", "", 1, 0, NULL },
		{ ", uplink_queues: [2]", ", mtu: 1400", 1, 0, NULL },
		{ ", uplink_queues: [1, 4]", "", 0, 0,
		  "t.yaml:4:88: uplink_queues of VM vm1: 4: uplink wan (eth1) "
		  "has the queues 0 to 3; for more see ethtool -L" },
		{ ", uplink_queues: [0, 1]", ", uplink_queues: [3, 2]", 0, 0,
		  "t.yaml:5:88: uplink_queues of VM vm2: 2: is the last of 4 "
		  "queues of uplink wan (eth1); one must be left to share, for "
		  "broadcasts and all other packets" },
	};
	static const char fmt[] = UPLINKS
		"vms:\n - {name: vm1, mac: 52:54:00:00:00:01, device: {type: "
		"tap, name: tap1}%s}\n - {name: vm2, mac: 52:54:00:00:00:02, "
		"device: {type: tap, name: tap2}%s}\n";
	static struct agent agent;
	char from[512], to[512], text[300], expected[80];

	(void)state;
	snprintf(from, sizeof(from), fmt, ", uplink_queues: [2]", "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start(&agent, parse(from));
		n_device_queues = 4;
		snprintf(to, sizeof(to), fmt, rows[i].one, rows[i].two);
		if (rows[i].error) {
			assert_int_equal(reload(&agent, to, text, sizeof(text)),
					 -EINVAL);
			assert_string_equal(text, rows[i].error);
			assert_int_equal(n_calls, 0);
			assert_null(tuned);
		} else {
			assert_int_equal(reload(&agent, to, text, sizeof(text)),
					 0);
			snprintf(expected, sizeof(expected),
				 "0 added, 0 removed, %u changed, %u as before",
				 rows[i].n_changed, 3 - rows[i].n_changed);
			assert_string_equal(text, expected);
		}
		assert_int_equal(n_arranged, rows[i].n_arranged);
		assert_matches(&agent, true);
		stop(&agent);
	}
	/* Of a device that has gone nothing is known. */
	start(&agent, parse(from));
	strcpy(absent, "eth1");
	snprintf(to, sizeof(to), fmt, ", uplink_queues: [5]", "");
	assert_int_equal(reload(&agent, to, text, sizeof(text)), 0);
	stop(&agent);
}

/* Rates and classes are changed in place, after the ports; but a VM that gets a
 * rate has to be served by one worker. What fails is undone. */
static void test_rates(void **state)
{
	static const struct {
		const char *keys; /* the VM's */
		uint32_t n_changed, n_downs;
		bool spread;
	} rows[] = {
		{ ", rate: {out: {max: 2Mbit}}", 0, 0, false },
		{ ", rate: {out: {max: 1Mbit}}", 1, 0, false },
		{ ", rate: {out: {max: 2Mbit, burst: 1KiB}}", 1, 0, false },
		{ ", rate: {out: {max: 2Mbit}, in: {max: 1Mbit}}", 1, 0,
		  false },
		{ ", rate: {out: {max: 2Mbit}}, weight: 2", 1, 0, false },
		{ ", rate: {out: {max: 2Mbit}}, shape: {queue: 64}", 1, 0,
		  false },
		{ ", rate: {out: {max: 3Mbit}}", 1, 1, true },
		{ ", rate: {in: {max: 3Mbit}}", 1, 0, true },
		{ "", 1, 0, false },
	};
	static const char fmt[] = UPLINKS
		"vms:\n - {name: vm1, mac: 52:54:00:00:00:01, device: {type: "
		"tap, name: tap1}%s}\n";
	static struct agent agent;
	char from[512], to[512], text[300], expected[80];

	(void)state;
	snprintf(from, sizeof(from), fmt, ", rate: {out: {max: 2Mbit}}");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start(&agent, parse(from));
		spread = rows[i].spread;
		snprintf(to, sizeof(to), fmt, rows[i].keys);
		assert_int_equal(reload(&agent, to, text, sizeof(text)), 0);
		snprintf(expected, sizeof(expected),
			 "0 added, 0 removed, %u changed, %u as before",
			 rows[i].n_changed, 2 - rows[i].n_changed);
		assert_string_equal(text, expected);
		assert_int_equal(n_downs, rows[i].n_downs);
		assert_int_equal(n_shaped, 1);
		assert_matches(&agent, true);
		stop(&agent);
	}
	start(&agent, parse(from));
	snprintf(to, sizeof(to), fmt, "");
	shape_err = -ENOMEM;
	assert_int_equal(reload(&agent, to, text, sizeof(text)), -ENOMEM);
	assert_non_null(strstr(text, "rates and classes: "));
	assert_int_equal(n_shaped, 2);
	assert_matches(&agent, true);
	stop(&agent);
}

/* How pools change is taken over at once, and is no change of any port; what the
 * agent keeps for itself it has from the start. */
static void test_memory(void **state)
{
	static const char from[] = UPLINKS "vms:\n" VM("1", "");
	static const char tune[] = "pools: {batch: 32, window_ms: 20, "
				   "pressure: false}\n" UPLINKS
				   "vms:\n" VM("1", "");
	static const char reserve[] = "memory: {reserve: 2048}\n" UPLINKS
				      "vms:\n" VM("1", "");
	static struct agent agent;
	char text[300];

	(void)state;
	start(&agent, parse(from));
	assert_int_equal(reload(&agent, tune, text, sizeof(text)), 0);
	assert_string_equal(text, "0 added, 0 removed, 0 changed, 2 as before");
	assert_ptr_equal(tuned, agent.config);
	assert_int_equal(tuned->pool_batch, 32);
	assert_int_equal(reload(&agent, reserve, text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "t.yaml: memory.reserve: 2048 frames instead "
				  "of 1024: memory needs a restart; nothing "
				  "was changed");
	assert_ptr_equal(tuned, agent.config);
	stop(&agent);
	/* It goes back with the rest. */
	start(&agent, parse(before));
	fail_at = 3;
	assert_int_equal(reload(&agent, after, text, sizeof(text)), -EIO);
	assert_ptr_equal(tuned, agent.config);
	stop(&agent);
}

/* A port that is hidden from the wrong VM has its device open: what is to
 * change, it must be opened with. */
static void test_hidden(void **state)
{
	static const char from[] = UPLINKS "vms:\n" VM("1", "");
	static const char to[] = UPLINKS "vms:\n" VM("1", ", class: 3");
	static struct agent agent;
	struct port *port;
	char text[300];

	(void)state;
	start(&agent, parse(from));
	port = agent.ports[find_vm(&agent, &agent.config->vms[0])->slot];
	port->state = PORT_STATE_DOWN;
	port->ifindex = 7;
	assert_int_equal(reload(&agent, to, text, sizeof(text)), 0);
	assert_int_equal(n_downs, 1);
	/* It comes up by itself, as any that is down. */
	assert_matches(&agent, false);
	stop(&agent);
}

/* Queues are given out anew if somebody's own ones are others, and not else. */
static void test_own_queues(void **state)
{
	static const struct {
		const char *vms;
		uint32_t n_arranged;
	} rows[] = {
		{ VM("1", "") VM("2", ""), 0 },
		{ VM("1", ", uplink_queues: [3]") VM("2", ""), 1 },
		{ VM("1", ", uplink_queues: [3], class: 3") VM("2", ""), 0 },
		{ VM("1", ", uplink_queues: [2, 3]") VM("2", ""), 1 },
		{ VM("1", "") VM("2", ", uplink_queues: [2, 3]"), 1 },
		{ VM("2", ", uplink_queues: [2, 3]"), 0 },
		{ VM("1", ""), 1 },
		{ VM("1", "") VM("2", ", uplink_queues: [1]"), 1 },
		{ VM("1", "") VM("2", ", uplink_queues: [1], vlan: 10"), 1 },
	};
	static const char fmt[] = UPLINKS "vms:\n%s";
	static struct agent agent;
	char to[512], text[300];

	(void)state;
	snprintf(to, sizeof(to), fmt, rows[0].vms);
	start(&agent, parse(to));
	n_device_queues = 4;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(to, sizeof(to), fmt, rows[i].vms);
		n_arranged = 0;
		assert_int_equal(reload(&agent, to, text, sizeof(text)), 0);
		assert_int_equal(n_arranged, rows[i].n_arranged);
	}
	/* What fails is undone. */
	snprintf(to, sizeof(to), fmt, VM("1", ", uplink_queues: [3]"));
	n_arranged = 0;
	arrange_err = -ENOMEM;
	assert_int_equal(reload(&agent, to, text, sizeof(text)), -ENOMEM);
	assert_non_null(strstr(text, "wan: uplink_queues: "));
	assert_int_equal(n_arranged, 2);
	assert_matches(&agent, true);
	stop(&agent);
}

/* A VM that changes from one kind of device to another, and back. */
static void test_vhost_from_tap(void **state)
{
	static const char to[] = UPLINKS
		"vms:\n - {name: vm1, mac: 52:54:00:00:00:01, device: "
		"{type: vhost-user, socket: /s}}\n";
	static const char from[] = UPLINKS "vms:\n" VM("1", "");
	static struct agent agent;
	char text[300];

	(void)state;
	start(&agent, parse(from));
	assert_int_equal(reload(&agent, to, text, sizeof(text)), 0);
	assert_string_equal(text, "1 added, 1 removed, 0 changed, 1 as before");
	assert_matches(&agent, true);
	assert_int_equal(reload(&agent, from, text, sizeof(text)), 0);
	assert_string_equal(text, "1 added, 1 removed, 0 changed, 1 as before");
	assert_matches(&agent, true);
	stop(&agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_applies),
		cmocka_unit_test(test_other_arena),
		cmocka_unit_test(test_each_step_fails),
		cmocka_unit_test_setup_teardown(test_way_back_fails, mute,
						unmute),
		cmocka_unit_test(test_absent_device),
		cmocka_unit_test(test_vhost),
		cmocka_unit_test(test_own_queues),
		cmocka_unit_test(test_vhost_from_tap),
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_uplink_queues),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
