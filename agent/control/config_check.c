/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What only shows when all keys are known: things that must be unique, things
 * that must fit into others, keys that need or exclude each other. Places and
 * values in the errors come from the tree, found there by path.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_check.h"
#include "control/config_check_private.h"
#include "control/schema.h"

/* The node at @path or the nearest above it. Cuts a [0] off that is not in the
 * file, because the list of one is written as a single value. */
static const struct config_node *find(const struct check *c, char *path,
				      const char **ret_rest)
{
	size_t len;
	const struct config_node *node = config_tree_find(c->tree, path, &len);

	if (path[len] == '[')
		path[len] = '\0';
	*ret_rest = path + len;
	return node;
}

int config_check_fail(const struct check *c, const char *path,
		      const char *absent, const char *fmt, ...)
{
	char shown[CHECK_PATH_MAX];
	char value[CONFIG_QUOTE_SIZE];
	char what[768];
	const struct config_node *node;
	const char *rest;
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	snprintf(shown, sizeof(shown), "%s", path);
	node = find(c, shown, &rest);
	if (*rest)
		snprintf(value, sizeof(value), "%s", absent);
	else if (node->kind == NODE_SCALAR)
		config_error_quote(node->text, node->len, value, sizeof(value));
	else
		snprintf(value, sizeof(value), "%s",
			 node->kind == NODE_LIST ? "a list" : "a mapping");
	return config_error_set(c->error, node->pos, shown, value, "%s", what);
}

int config_check_line(const struct check *c, char *path)
{
	const char *rest;

	return find(c, path, &rest)->pos.line;
}

/* ---- things that must be unique ---- */

/* Something that claims a key for itself, and its place in the file. */
struct claim {
	uint8_t key[CONFIG_NAME_MAX];
	uint32_t order;	  /* of the claims, as they were made */
	const char *path; /* format with @i and, if it has one, @j */
	uint32_t i;
	uint32_t j;
};

struct claims {
	struct claim *claims; /* owned */
	uint32_t n;
};

static void claim_path(const struct claim *claim, char *ret, size_t size)
{
	const char *list = strstr(claim->path, "[]");
	const char *rest = list + strlen("[]");
	const char *item = strstr(rest, "[]");

	snprintf(ret, size, "%.*s[%u]%.*s", (int)(list - claim->path),
		 claim->path, claim->i,
		 (int)(item ? item - rest : (ptrdiff_t)strlen(rest)), rest);
	if (item)
		snprintf(ret + strlen(ret), size - strlen(ret), "[%u]",
			 claim->j);
}

static struct claim *claim_add(struct claims *claims, const char *path,
			       uint32_t i, uint32_t j)
{
	struct claim *claim = &claims->claims[claims->n];

	claim->order = claims->n++;
	claim->path = path;
	claim->i = i;
	claim->j = j;
	return claim;
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a;
	const struct claim *y = b;
	int diff = memcmp(x->key, y->key, sizeof(x->key));

	if (diff)
		return diff;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Refuses the first claim, in the order they were made, of a key that is
 * taken. @why follows "is already PATH (line N); ". Frees the claims. */
static int claims_settle(const struct check *c, struct claims *claims,
			 const char *why)
{
	const struct claim *second = NULL;
	const struct claim *first = NULL;
	char path[CHECK_PATH_MAX];
	char taken[CHECK_PATH_MAX];
	int line;
	int err = 0;

	qsort(claims->claims, claims->n, sizeof(claims->claims[0]),
	      compare_claims);
	for (uint32_t i = 1; i < claims->n; i++) {
		const struct claim *claim = &claims->claims[i];

		if (memcmp(claim->key, claim[-1].key, sizeof(claim->key)) != 0)
			continue;
		if (!second || claim->order < second->order) {
			first = claim - 1;
			second = claim;
		}
	}
	if (second) {
		claim_path(first, taken, sizeof(taken));
		claim_path(second, path, sizeof(path));
		line = config_check_line(c, taken);
		err = config_check_fail(c, path, "",
					"is already %s (line %d); %s", taken,
					line, why);
	}
	free(claims->claims);
	return err;
}

static int claims_init(const struct check *c, struct claims *claims, size_t max)
{
	claims->n = 0;
	claims->claims = calloc(max + 1, sizeof(claims->claims[0]));
	return claims->claims ? 0 : config_error_no_memory(c->error);
}

static int check_names(const struct check *c)
{
	const struct config *config = c->config;
	struct claims claims;
	int err = claims_init(c, &claims, config->n_uplinks + config->n_vms);

	if (err)
		return err;
	for (uint32_t i = 0; i < config->n_uplinks; i++)
		memcpy(claim_add(&claims, "uplinks[].name", i, 0)->key,
		       config->uplinks[i].name, CONFIG_NAME_MAX);
	for (uint32_t i = 0; i < config->n_vms; i++)
		memcpy(claim_add(&claims, "vms[].name", i, 0)->key,
		       config->vms[i].name, CONFIG_NAME_MAX);
	return claims_settle(c, &claims,
			     "uplinks and VMs need names of their own");
}

static int check_devices(const struct check *c)
{
	const struct config *config = c->config;
	struct claims claims;
	int err = claims_init(c, &claims, config->n_uplinks + config->n_vms);

	if (err)
		return err;
	for (uint32_t i = 0; i < config->n_uplinks; i++)
		memcpy(claim_add(&claims, "uplinks[].device", i, 0)->key,
		       config->uplinks[i].device, IFNAMSIZ);
	for (uint32_t i = 0; i < config->n_vms; i++)
		if (config->vms[i].device.name[0])
			memcpy(claim_add(&claims, "vms[].device.name", i, 0)
				       ->key,
			       config->vms[i].device.name, IFNAMSIZ);
	return claims_settle(c, &claims,
			     "each uplink and VM needs a device of its own");
}

static void claim_mac(struct claims *claims, const char *path, uint32_t i,
		      uint32_t j, uint16_t vlan, const uint8_t *mac)
{
	uint8_t *key = claim_add(claims, path, i, j)->key;

	memcpy(key, &vlan, sizeof(vlan));
	memcpy(key + sizeof(vlan), mac, 6);
}

static int check_macs(const struct check *c)
{
	const struct config *config = c->config;
	struct claims claims;
	int err = claims_init(c, &claims,
			      config->n_vms * CONFIG_MAX_MACS +
				      config->n_fdb_statics);

	if (err)
		return err;
	for (uint32_t i = 0; i < config->n_vms; i++) {
		const struct config_vm *vm = &config->vms[i];

		for (uint32_t j = 0; j < vm->n_macs; j++)
			claim_mac(&claims, "vms[].mac[]", i, j, vm->vlan,
				  vm->macs[j]);
	}
	for (uint32_t i = 0; i < config->n_fdb_statics; i++)
		claim_mac(&claims, "fdb.static[].mac", i, 0,
			  config->fdb_statics[i].vlan,
			  config->fdb_statics[i].mac);
	return claims_settle(c, &claims,
			     "a MAC may stand once in a network (vlan)");
}

/* 0.0.0.0 and ::, which every VM may use before it has an address. */
static bool is_unspecified(const struct config_addr *addr)
{
	static const uint8_t zero[sizeof(addr->addr)];

	return memcmp(addr->addr, zero, sizeof(zero)) == 0;
}

static void claim_addrs(struct claims *claims, const struct config_vm *vm,
			uint32_t i)
{
	for (uint32_t j = 0; j < vm->n_addrs; j++) {
		const struct config_addr *addr = &vm->addrs[j];
		uint8_t *key;

		if (is_unspecified(addr))
			continue;
		key = claim_add(claims, "vms[].addresses[]", i, j)->key;
		memcpy(key, &vm->vlan, sizeof(vm->vlan));
		key[2] = addr->family;
		memcpy(key + 3, addr->addr, sizeof(addr->addr));
	}
}

static int check_addrs(const struct check *c)
{
	const struct config *config = c->config;
	struct claims claims;
	char path[CHECK_PATH_MAX];
	uint32_t n = 0;
	int err;

	for (uint32_t i = 0; i < config->n_vms; i++) {
		n += config->vms[i].n_addrs;
		snprintf(path, sizeof(path), "vms[%u].addresses", i);
		if (n > PKT_MAX_ADDRS)
			return config_check_fail(
				c, path, "",
				"makes %u addresses of all VMs together; "
				"at most %d are possible",
				n, PKT_MAX_ADDRS);
	}
	err = claims_init(c, &claims, n);
	if (err)
		return err;
	for (uint32_t i = 0; i < config->n_vms; i++)
		claim_addrs(&claims, &config->vms[i], i);
	return claims_settle(c, &claims,
			     "an address may stand once in a network (vlan)");
}

static int check_uplink_vlans(const struct check *c)
{
	const struct config_uplink *uplinks = c->config->uplinks;
	char path[CHECK_PATH_MAX];

	for (uint32_t i = 1; i < c->config->n_uplinks; i++) {
		for (uint32_t j = 0; j < i; j++) {
			uint32_t n = 0;
			uint16_t first = 0;

			for (uint16_t v = PKT_VLAN_MAX + 1; v-- > 0;) {
				if (!config_uplink_has_vlan(&uplinks[i], v) ||
				    !config_uplink_has_vlan(&uplinks[j], v))
					continue;
				first = v;
				n++;
			}
			if (n == 0)
				continue;
			snprintf(path, sizeof(path), "uplinks[%u].vlans", i);
			return config_check_fail(
				c, path, "all (default)",
				"has %u VLAN(s), the first is %u, in "
				"common with uplinks[%u].vlans; a VLAN "
				"has one uplink: give each uplink a "
				"vlans list of its own",
				n, first, j);
		}
	}
	return 0;
}

/* ---- keys of one VM that go together ---- */

static int check_vm(const struct check *c, uint32_t i)
{
	const struct config_vm *vm = &c->config->vms[i];
	char path[CHECK_PATH_MAX];
	int err;

	if (vm->guest_tags && vm->vlan == PKT_VLAN_NONE) {
		snprintf(path, sizeof(path), "vms[%u].guest_tags", i);
		return config_check_fail(
			c, path, "",
			"needs a vlan from 1 to %d: in network 0 the VM's "
			"own tags would be other networks",
			PKT_VLAN_MAX);
	}
	err = config_check_pool(c, i);
	return err ? err : config_check_device(c, i);
}

/* ---- the forwarding table ---- */

static const struct config_uplink *find_uplink(const struct config *config,
					       const char *name)
{
	for (uint32_t i = 0; i < config->n_uplinks; i++)
		if (strcmp(config->uplinks[i].name, name) == 0)
			return &config->uplinks[i];
	return NULL;
}

static const struct config_vm *find_vm(const struct config *config,
				       const char *name)
{
	for (uint32_t i = 0; i < config->n_vms; i++)
		if (strcmp(config->vms[i].name, name) == 0)
			return &config->vms[i];
	return NULL;
}

/* Writes a hint on the port, not an uplink if @vms, that @name may have been
 * meant to be. */
static void suggest_port(const struct config *config, const char *name,
			 bool vms, char *ret, size_t size)
{
	const char *nearest = NULL;
	unsigned int best = CONFIG_NAME_MAX;

	for (uint32_t i = vms ? config->n_uplinks : 0;
	     i < config->n_uplinks + config->n_vms; i++) {
		const char *port =
			i < config->n_uplinks
				? config->uplinks[i].name
				: config->vms[i - config->n_uplinks].name;
		unsigned int distance = schema_distance(port, name);

		if (distance < best) {
			best = distance;
			nearest = port;
		}
	}
	ret[0] = '\0';
	if (nearest && schema_is_near(best, name))
		snprintf(ret, size, "; did you mean \"%s\"?", nearest);
}

static int check_static(const struct check *c, uint32_t i)
{
	const struct config_fdb_static *entry = &c->config->fdb_statics[i];
	const struct config_uplink *uplink =
		find_uplink(c->config, entry->port);
	const struct config_vm *vm = find_vm(c->config, entry->port);
	char path[CHECK_PATH_MAX];
	char hint[CONFIG_NAME_MAX + 32];

	if (!uplink && !vm) {
		suggest_port(c->config, entry->port, false, hint, sizeof(hint));
		snprintf(path, sizeof(path), "fdb.static[%u].port", i);
		return config_check_fail(
			c, path, "", "no uplink or VM has this name%s", hint);
	}
	snprintf(path, sizeof(path), "fdb.static[%u].vlan", i);
	if (vm && vm->vlan != entry->vlan)
		return config_check_fail(c, path, "0 (default)",
					 "must be %u, the network of VM \"%s\"",
					 vm->vlan, vm->name);
	if (uplink && !config_uplink_has_vlan(uplink, entry->vlan))
		return config_check_fail(
			c, path, "0 (default)",
			"must be one of the vlans of uplink \"%s\"",
			uplink->name);
	return 0;
}

/* ---- bypass ---- */

/* VM @j that rule @i names. */
static int check_bypass_vm(const struct check *c, uint32_t i, uint32_t j)
{
	const struct config_bypass *rule = &c->config->bypass[i];
	const struct config_vm *vm = find_vm(c->config, rule->vms[j]);
	const struct config_vm *first = find_vm(c->config, rule->vms[0]);
	char path[CHECK_PATH_MAX];
	char hint[CONFIG_NAME_MAX + 32];

	snprintf(path, sizeof(path), "bypass[%u].vms[%u]", i, j);
	if (!vm) {
		suggest_port(c->config, rule->vms[j], true, hint, sizeof(hint));
		return config_check_fail(c, path, "", "no VM has this name%s",
					 hint);
	}
	if (vm->device.type != DEVICE_VHOST_USER)
		return config_check_fail(
			c, path, "",
			"is no vhost-user VM (device.type); only packets "
			"between guests' rings can pass the switch by");
	for (uint32_t k = 0; k < j; k++)
		if (strcmp(rule->vms[k], vm->name) == 0)
			return config_check_fail(
				c, path, "",
				"is already bypass[%u].vms[%u]; name each "
				"VM once",
				i, k);
	if (vm->vlan != first->vlan)
		return config_check_fail(
			c, path, "",
			"is in network (vlan) %u, but \"%s\" in %u; the "
			"VMs of a rule must be in one",
			vm->vlan, first->name, first->vlan);
	return 0;
}

static int check_rule(const struct check *c, uint32_t i)
{
	const struct config_rule *rule = &c->config->rules[i];
	char path[CHECK_PATH_MAX];
	char hint[CONFIG_NAME_MAX + 32];

	for (uint32_t j = 0; j < rule->n_vms; j++) {
		if (find_vm(c->config, rule->vms[j]))
			continue;
		snprintf(path, sizeof(path), "classify[%u].vms[%u]", i, j);
		suggest_port(c->config, rule->vms[j], true, hint, sizeof(hint));
		return config_check_fail(c, path, "", "no VM has this name%s",
					 hint);
	}
	snprintf(path, sizeof(path), "classify[%u].ports", i);
	if (rule->n_ports && rule->protocol == PROTOCOL_ICMP)
		return config_check_fail(
			c, path, "", "protocol is icmp, which has no ports");
	return 0;
}

static int check_bypass(const struct check *c, uint32_t i)
{
	const struct config_bypass *rule = &c->config->bypass[i];
	int n = !!rule->vms_pos.line + !!rule->vlan_pos.line +
		!!rule->class_pos.line;
	char path[CHECK_PATH_MAX];
	int err = 0;

	snprintf(path, sizeof(path), "bypass[%u]", i);
	if (n != 1)
		return config_check_fail(
			c, path, "",
			"must have one of the keys vms, vlan and class, "
			"and has %d; write a rule for each",
			n);
	for (uint32_t j = 0; j < rule->n_vms && !err; j++)
		err = check_bypass_vm(c, i, j);
	return err;
}

/* ---- MTUs ---- */

static int check_mtu(const struct check *c, const char *path, uint32_t mtu)
{
	/* Headroom that XDP keeps, Ethernet, two tags. (PKT_MTU_MAX, which the
	 * table holds every MTU to, is the limit of a device's own pages.) */
	const uint32_t used = 256 + 14 + 8;
	uint32_t max = c->config->frame_size - used;

	if (mtu <= max)
		return 0;
	return config_check_fail(
		c, path, "1500 (default)",
		"does not fit: a frame of %u bytes (memory.frame_size) "
		"less %u for headroom and headers holds an MTU of at most "
		"%u",
		c->config->frame_size, used, max);
}

static int check_mtus(const struct check *c)
{
	const struct config *config = c->config;
	char path[CHECK_PATH_MAX];
	int err = 0;

	for (uint32_t i = 0; i < config->n_uplinks && !err; i++) {
		snprintf(path, sizeof(path), "uplinks[%u].mtu", i);
		err = check_mtu(c, path, config->uplinks[i].mtu);
	}
	for (uint32_t i = 0; i < config->n_vms && !err; i++) {
		snprintf(path, sizeof(path), "vms[%u].mtu", i);
		err = check_mtu(c, path, config->vms[i].mtu);
	}
	return err;
}

/* ---- the rest ---- */

static int check_cores(const struct check *c)
{
	const struct config *config = c->config;
	char path[CHECK_PATH_MAX];

	for (uint32_t i = 0; i < config->n_cores; i++) {
		for (uint32_t j = 0; j < i; j++) {
			if (config->cores[i] != config->cores[j])
				continue;
			snprintf(path, sizeof(path), "workers.cores[%u]", i);
			return config_check_fail(
				c, path, "",
				"is already workers.cores[%u]; a CPU has "
				"one worker",
				j);
		}
	}
	return 0;
}

int config_check(const struct config *config, const struct config_tree *tree,
		 const struct config_error *error)
{
	static int (*const checks[])(const struct check *c) = {
		check_cores,	     check_names,	   check_devices,
		config_check_peers,  config_check_sockets, check_macs,
		check_addrs,	     check_uplink_vlans,   check_mtus,
		config_check_frames, config_check_queues,  config_check_shapes,
	};
	struct check c = { .config = config, .tree = tree, .error = error };
	int err = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && !err; i++)
		err = checks[i](&c);
	for (uint32_t i = 0; i < config->n_vms && !err; i++)
		err = check_vm(&c, i);
	for (uint32_t i = 0; i < config->n_fdb_statics && !err; i++)
		err = check_static(&c, i);
	for (uint32_t i = 0; i < config->n_bypass && !err; i++)
		err = check_bypass(&c, i);
	for (uint32_t i = 0; i < config->n_rules && !err; i++)
		err = check_rule(&c, i);
	return err;
}
