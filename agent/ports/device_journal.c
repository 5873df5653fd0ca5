// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The journal of changes to devices: see device.h and device_journal.h. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "ports/device_journal.h"

struct change {
	char owner[IFNAMSIZ]; /* the port's device */
	char netns[256];
	char ifname[IFNAMSIZ];
	int ifindex;
	enum device_setting what;
	uint32_t old;
};

struct device_journal {
	char *path;		/* owned */
	struct change *changes; /* owned; oldest first */
	uint32_t n;
	uint32_t n_inherited;
};

static const char *const setting_names[] = {
	[DEVICE_CREATED] = "created", [DEVICE_UP] = "up",
	[DEVICE_PROMISC] = "promisc", [DEVICE_MTU] = "mtu",
	[DEVICE_TX_CSUM] = "tx",      [DEVICE_TX_VLAN] = "txvlan",
	[DEVICE_RX_VLAN] = "rxvlan",  [DEVICE_GRO] = "gro",
	[DEVICE_LRO] = "lro",
};

static const enum link_offload setting_offload[] = {
	[DEVICE_TX_CSUM] = OFFLOAD_TX_CSUM, [DEVICE_TX_VLAN] = OFFLOAD_TX_VLAN,
	[DEVICE_RX_VLAN] = OFFLOAD_RX_VLAN, [DEVICE_GRO] = OFFLOAD_GRO,
	[DEVICE_LRO] = OFFLOAD_LRO,
};

const char *device_setting_name(enum device_setting what)
{
	return setting_names[what];
}

/* ---- settings ---- */

/* Runs in the device's namespace. */
struct setting_call {
	const char *ifname;
	int ifindex;
	enum device_setting what;
	bool set;
	uint32_t value; /* in: to set; out: found */
};

static uint32_t flag_of(enum device_setting what)
{
	return what == DEVICE_UP ? IFF_UP : IFF_PROMISC;
}

static int get_setting(struct setting_call *call)
{
	struct link_info info;
	bool on = false;
	int err;

	err = link_get(call->ifname, &info);
	if (!err && info.ifindex != call->ifindex)
		err = -ENODEV;
	if (err)
		return err;
	switch (call->what) {
	case DEVICE_CREATED:
		call->value = 1;
		return 0;
	case DEVICE_UP:
	case DEVICE_PROMISC:
		call->value = info.flags & flag_of(call->what) ? 1 : 0;
		return 0;
	case DEVICE_MTU:
		call->value = info.mtu;
		return 0;
	default:
		err = link_get_offload(call->ifname,
				       setting_offload[call->what], &on);
		call->value = on;
		return err;
	}
}

static int set_setting(const struct setting_call *call)
{
	uint32_t flag;

	switch (call->what) {
	case DEVICE_CREATED:
		return link_delete(call->ifindex);
	case DEVICE_UP:
	case DEVICE_PROMISC:
		flag = flag_of(call->what);
		return link_set_flags(call->ifindex, call->value ? flag : 0,
				      flag);
	case DEVICE_MTU:
		return link_set_mtu(call->ifindex, call->value);
	default:
		return link_set_offload(
			call->ifname, setting_offload[call->what], call->value);
	}
}

static int run_setting(void *arg)
{
	struct setting_call *call = arg;

	return call->set ? set_setting(call) : get_setting(call);
}

/* ---- the file ---- */

static json_t *change_to_json(const struct change *change)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:i}", "owner",
			 change->owner, "netns", change->netns, "device",
			 change->ifname, "ifindex", change->ifindex, "what",
			 setting_names[change->what], "old", (int)change->old);
}

static int save(const struct device_journal *journal)
{
	_cleanup_free_ char *tmp = NULL;
	json_t *array;
	int err = 0;

	if (!journal->n) {
		if (unlink(journal->path) < 0 && errno != ENOENT)
			err = -errno;
		return err;
	}
	if (asprintf(&tmp, "%s.new", journal->path) < 0) {
		tmp = NULL;
		return -ENOMEM;
	}
	array = json_array();
	for (uint32_t i = 0; i < journal->n; i++)
		json_array_append_new(array,
				      change_to_json(&journal->changes[i]));
	if (json_dump_file(array, tmp, JSON_INDENT(1)) < 0 ||
	    rename(tmp, journal->path) < 0)
		err = errno ? -errno : -EIO;
	json_decref(array);
	return err;
}

static int append(struct device_journal *journal, const struct change *change)
{
	struct change *changes;
	int err;

	changes = realloc(journal->changes,
			  (journal->n + 1) * sizeof(changes[0]));
	if (!changes)
		return -ENOMEM;
	journal->changes = changes;
	changes[journal->n++] = *change;
	err = save(journal);
	if (err)
		journal->n--;
	return err;
}

static void remove_at(struct device_journal *journal, uint32_t i)
{
	memmove(&journal->changes[i], &journal->changes[i + 1],
		(journal->n - i - 1) * sizeof(journal->changes[0]));
	journal->n--;
}

static bool change_from_json(json_t *object, struct change *ret_change)
{
	const char *owner, *netns, *ifname, *what;
	int ifindex, old;

	memset(ret_change, 0, sizeof(*ret_change));
	if (json_unpack(object, "{s:s, s:s, s:s, s:i, s:s, s:i}", "owner",
			&owner, "netns", &netns, "device", &ifname, "ifindex",
			&ifindex, "what", &what, "old", &old) < 0)
		return false;
	for (int i = 0; i < DEVICE_N_SETTINGS; i++) {
		if (strcmp(what, setting_names[i]))
			continue;
		snprintf(ret_change->owner, sizeof(ret_change->owner), "%s",
			 owner);
		snprintf(ret_change->netns, sizeof(ret_change->netns), "%s",
			 netns);
		snprintf(ret_change->ifname, sizeof(ret_change->ifname), "%s",
			 ifname);
		ret_change->ifindex = ifindex;
		ret_change->what = (enum device_setting)i;
		ret_change->old = (uint32_t)old;
		return true;
	}
	return false;
}

static bool still_applies(const struct change *change)
{
	struct setting_call call = { .ifname = change->ifname,
				     .ifindex = change->ifindex,
				     .what = change->what };

	return !netns_run(change->netns, run_setting, &call);
}

static void load(struct device_journal *journal)
{
	json_t *array, *object;
	struct change change;
	json_error_t error;
	size_t i;

	array = json_load_file(journal->path, 0, &error);
	if (!array) {
		if (json_error_code(&error) != json_error_cannot_open_file)
			log_warning("%s: %s; ignored", journal->path,
				    error.text);
		return;
	}
	json_array_foreach(array, i,
			   object) if (change_from_json(object, &change) &&
				       still_applies(&change))
		append(journal, &change);
	json_decref(array);
	journal->n_inherited = journal->n;
	save(journal);
}

struct device_journal *device_journal_open(const char *path)
{
	struct device_journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return NULL;
	journal->path = strdup(path);
	if (!journal->path) {
		free(journal);
		return NULL;
	}
	load(journal);
	return journal;
}

uint32_t device_journal_inherited(const struct device_journal *journal)
{
	return journal->n_inherited;
}

void device_journal_close(struct device_journal *journal)
{
	if (!journal)
		return;
	free(journal->changes);
	free(journal->path);
	free(journal);
}

/* ---- changing and restoring ---- */

/* Devices in two namespaces may well have one name and one index. */
static bool is_known(const struct device_journal *journal, const char *netns,
		     const char *ifname, int ifindex,
		     enum device_setting what)
{
	for (uint32_t i = 0; i < journal->n; i++) {
		const struct change *c = &journal->changes[i];

		if (c->what == what && c->ifindex == ifindex &&
		    !strcmp(c->ifname, ifname) && !strcmp(c->netns, netns))
			return true;
	}
	return false;
}

int device_change(struct device_journal *journal, const char *owner,
		  const char *netns, const char *ifname, int ifindex,
		  enum device_setting what, uint32_t value)
{
	struct setting_call call = { .ifname = ifname,
				     .ifindex = ifindex,
				     .what = what };
	struct change change = { .ifindex = ifindex, .what = what };
	bool known = is_known(journal, netns, ifname, ifindex, what);
	int err;

	err = netns_run(netns, run_setting, &call);
	if (err)
		return err;
	if (call.value == value)
		return 0;
	if (!known) {
		snprintf(change.owner, sizeof(change.owner), "%s", owner);
		snprintf(change.netns, sizeof(change.netns), "%s", netns);
		snprintf(change.ifname, sizeof(change.ifname), "%s", ifname);
		change.old = call.value;
		err = append(journal, &change);
		if (err)
			return err;
	}
	call.set = true;
	call.value = value;
	err = netns_run(netns, run_setting, &call);
	if (err && !known) {
		journal->n--;
		save(journal);
	}
	if (!err)
		log_debug("%s: %s set to %u, was %u", ifname,
			  setting_names[what], value, change.old);
	return err;
}

int device_created(struct device_journal *journal, const char *ifname,
		   int ifindex)
{
	struct change change = { .ifindex = ifindex, .what = DEVICE_CREATED };

	snprintf(change.owner, sizeof(change.owner), "%s", ifname);
	snprintf(change.ifname, sizeof(change.ifname), "%s", ifname);
	return append(journal, &change);
}

static void undo(const struct change *change)
{
	struct setting_call call = { .ifname = change->ifname,
				     .ifindex = change->ifindex,
				     .what = change->what };
	int err;

	err = netns_run(change->netns, run_setting, &call);
	if (err)
		return; /* the device is gone, and its setting with it */
	call.set = true;
	call.value = change->old;
	err = netns_run(change->netns, run_setting, &call);
	if (err)
		log_warning("%s: cannot restore %s to %u: %s", change->ifname,
			    setting_names[change->what], change->old,
			    strerror(-err));
	else
		log_debug("%s: %s restored to %u", change->ifname,
			  setting_names[change->what], change->old);
}

static uint32_t restore(struct device_journal *journal, const char *owner,
			bool created)
{
	uint32_t n = 0;

	for (uint32_t i = journal->n; i-- > 0;) {
		const struct change *c = &journal->changes[i];

		if (owner && strcmp(c->owner, owner))
			continue;
		if (!created && c->what == DEVICE_CREATED && still_applies(c))
			continue;
		undo(&journal->changes[i]);
		remove_at(journal, i);
		n++;
	}
	if (n)
		save(journal);
	return n;
}

uint32_t device_restore(struct device_journal *journal, const char *owner)
{
	return restore(journal, owner, true);
}

uint32_t device_restore_settings(struct device_journal *journal,
				 const char *owner)
{
	return restore(journal, owner, false);
}
