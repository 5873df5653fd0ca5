// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who is behind each VM's port: see tags.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/log.h"
#include "control/guests.h"
#include "control/tags.h"

/* Between looks through /proc for a tap that has a carrier, and nobody is found
 * who has it open. */
#define SCAN_NS	(10 * NS_PER_SEC)

/* ---- the map ---- */

static void put(struct agent *agent, struct port *port,
		const struct tag_entry *entry)
{
	int err;

	if (!memcmp(entry, &port->tag->entry, sizeof(*entry)))
		return;
	err = datapath_set_tag(agent->dp, port->slot, entry);
	if (err)
		log_error("%s: BPF map tags: %s", port->name, strerror(-err));
	port->tag->entry = *entry;
}

static void add_queues(const struct port *port, struct tag_entry *entry)
{
	entry->first_queue = port->n_queues ? port->queues[0]->id
					    : TAG_NO_QUEUE;
	entry->n_queues = port->vhost ? port->vhost->n_pairs : port->n_queues;
	entry->region = port->region;
}

int tags_new(struct agent *agent, struct port *port)
{
	struct tag_entry entry = { 0 };
	struct tag *tag;
	int err;

	tag = calloc(1, sizeof(*tag));
	if (!tag)
		return -ENOMEM;
	/* What an earlier process gave and nobody has taken down: not again. */
	if (!agent->last_tag)
		agent->last_tag = datapath_last_tag(agent->dp);
	entry.tag = ++agent->last_tag;
	add_queues(port, &entry);
	err = datapath_set_tag(agent->dp, port->slot, &entry);
	if (err) {
		free(tag);
		return err;
	}
	tag->entry = entry;
	port->tag = tag;
	return 0;
}

void tags_free(struct agent *agent, struct port *port)
{
	if (!port->tag)
		return;
	datapath_del_tag(agent->dp, port->slot);
	free(port->tag);
	port->tag = NULL;
}

/* ---- binding ---- */

/* Whoever it was, the tag is nobody's. */
static void unbind(struct agent *agent, struct port *port)
{
	struct tag *tag = port->tag;
	struct tag_entry entry = { .tag = tag->entry.tag };

	add_queues(port, &entry);
	put(agent, port, &entry);
	tag->cgroup[0] = '\0';
	memset(&tag->tap, 0, sizeof(tag->tap));
}

void tags_release(struct agent *agent, struct port *port)
{
	if (!port->tag)
		return;
	unbind(agent, port);
	port->tag->why[0] = '\0';
	port->tag->next_scan_ns = 0;
}

/* @cgroup: its path, or "". */
static void bind_process(struct agent *agent, struct port *port, pid_t pid,
			 uid_t uid, const char *cgroup)
{
	struct tag_entry entry = {
		.tag = port->tag->entry.tag,
		.kind = TAG_PROCESS,
		.cgroup = process_cgroup_id(cgroup),
		.pid = (uint32_t)pid,
		.uid = uid,
	};
	size_t len = strlen(cgroup), max = sizeof(port->tag->cgroup) - 1;

	add_queues(port, &entry);
	put(agent, port, &entry);
	snprintf(port->tag->cgroup, sizeof(port->tag->cgroup), "%s",
		 cgroup + (len > max ? len - max : 0));
	port->tag->why[0] = '\0';
}

static void bind_netns(struct agent *agent, struct port *port, uint32_t netns)
{
	struct tag_entry entry = {
		.tag = port->tag->entry.tag,
		.kind = TAG_NAMESPACE,
		.netns = netns,
	};

	add_queues(port, &entry);
	put(agent, port, &entry);
	port->tag->why[0] = '\0';
}

/* Counts and tells what has not been refused just before. */
static void refuse(struct agent *agent, struct port *port, const char *why)
{
	struct tag *tag = port->tag;

	if (!strcmp(tag->why, why))
		return;
	unbind(agent, port);
	tag->n_refused++;
	snprintf(tag->why, sizeof(tag->why), "%s", why);
	log_warning("%s: refused: %s", port->name, why);
}

/* ---- vhost-user ---- */

void tags_take_guest(struct agent *agent, struct port *port,
		     const struct vhost_info *info)
{
	struct tag *tag = port->tag;

	/* A new session counts anew. */
	if (info->n_strangers < tag->n_strangers)
		tag->n_strangers = 0;
	if (info->n_strangers > tag->n_strangers) {
		tag->n_refused += info->n_strangers - tag->n_strangers;
		tag->n_strangers = info->n_strangers;
		snprintf(tag->why, sizeof(tag->why), "%s", info->why);
	}
	if (info->state == VHOST_STATE_WAITING)
		unbind(agent, port);
	else
		bind_process(agent, port, info->peer_pid, info->peer_uid,
			     info->peer_cgroup ? info->peer_cgroup : "");
}

/* ---- tap ---- */

static bool has_allow(const struct config_device *device)
{
	return device->allow_uid != (uid_t)-1 || device->allow_cgroup[0];
}

/* Who has a descriptor of the tap. */
struct holder {
	struct process_tap tap;
	uid_t uid;
	char cgroup[PROCESS_CGROUP_MAX];
};

static void read_holder(const struct process_tap *tap, struct holder *holder)
{
	holder->tap = *tap;
	if (process_uid(tap->pid, &holder->uid))
		holder->uid = (uid_t)-1;
	if (process_cgroup(tap->pid, holder->cgroup, sizeof(holder->cgroup)))
		holder->cgroup[0] = '\0';
}

static bool is_allowed(const struct config_device *device,
		       const struct holder *holder)
{
	if (device->allow_uid != (uid_t)-1 && device->allow_uid != holder->uid)
		return false;
	return !device->allow_cgroup[0] ||
	       process_cgroup_ends(holder->cgroup, device->allow_cgroup);
}

/* Says the end of a long path: what is compared. */
static const char *path_end(const char *path, size_t max)
{
	size_t len = strlen(path);

	return len > max ? path + len - max : path;
}

static void say_refused(const struct config_device *device,
			const struct holder *holder, char *why, size_t size)
{
	char user[24] = "any user";

	if (device->allow_uid != (uid_t)-1)
		snprintf(user, sizeof(user), "user %u",
			 (unsigned int)device->allow_uid);
	snprintf(
		why, size,
		"process %d of user %u in cgroup %s has %s open: %s in %s is allowed",
		(int)holder->tap.pid, (unsigned int)holder->uid,
		holder->cgroup[0] ? path_end(holder->cgroup, 40) : "(none)",
		device->name, user,
		device->allow_cgroup[0] ? path_end(device->allow_cgroup, 40)
					: "any cgroup");
}

/* All that have it open must be allowed; the first is who it is bound to. */
struct scan {
	const struct config_device *device;
	struct holder *first; /* tap.pid 0: nobody yet */
	bool refused;	      /* and that is *first */
};

static bool on_found(const struct process_tap *tap, void *arg)
{
	struct scan *scan = arg;
	struct holder holder;

	/* Many queues, one process. */
	if (scan->first->tap.pid == tap->pid)
		return true;
	read_holder(tap, &holder);
	scan->refused = !is_allowed(scan->device, &holder);
	if (scan->refused || !scan->first->tap.pid)
		*scan->first = holder;
	return !scan->refused;
}

/* At the start one look is enough for all: no tap has gained its carrier
 * since. */
static void find_tap(struct agent *agent, struct scan *scan)
{
	struct process_taps *taps = agent->taps;

	if (!taps)
		taps = process_taps_read();
	if (taps)
		process_taps_find(taps, scan->device->name, on_found, scan);
	if (agent->ready)
		process_taps_free(taps);
	else
		agent->taps = taps;
}

void tags_started(struct agent *agent)
{
	process_taps_free(agent->taps);
	agent->taps = NULL;
}

static int nobody_found(struct agent *agent, struct port *port, char *why,
			size_t why_size)
{
	const struct config_device *device = &port->vm_config->device;

	port->tag->next_scan_ns = now_ns() + SCAN_NS;
	memset(&port->tag->tap, 0, sizeof(port->tag->tap));
	if (!has_allow(device)) {
		unbind(agent, port);
		return 0;
	}
	snprintf(
		why, why_size,
		"no process is found that has %s open: to see those of others, the agent needs CAP_SYS_PTRACE",
		device->name);
	refuse(agent, port, why);
	return -EACCES;
}

static int judge_tap(struct agent *agent, struct port *port,
		     const struct holder *holder, bool refused, char *why,
		     size_t why_size)
{
	struct tag *tag = port->tag;

	if (refused) {
		say_refused(&port->vm_config->device, holder, why, why_size);
		refuse(agent, port, why);
		tag->tap = holder->tap;
		return -EACCES;
	}
	bind_process(agent, port, holder->tap.pid, holder->uid, holder->cgroup);
	tag->tap = holder->tap;
	log_info("%s: %s is open in process %d of user %u", port->name,
		 port->ifname, (int)holder->tap.pid, (unsigned int)holder->uid);
	return 0;
}

static int admit_tap(struct agent *agent, struct port *port, bool carrier,
		     char *why, size_t why_size)
{
	const struct config_device *device = &port->vm_config->device;
	struct tag *tag = port->tag;
	struct holder holder = { 0 };
	struct scan scan = { .device = device, .first = &holder };

	if (!carrier) {
		tags_release(agent, port);
		if (!has_allow(device))
			return 0;
		snprintf(why, why_size, "nobody has %s open", device->name);
		return -ENOTCONN;
	}
	if (tag->tap.pid && process_has_tap(&tag->tap, device->name)) {
		if (tag->entry.kind == TAG_PROCESS)
			return 0;
		/* Perhaps it has become who it must be. */
		read_holder(&tag->tap, &holder);
		if (!is_allowed(device, &holder))
			return judge_tap(agent, port, &holder, true, why,
					 why_size);
		memset(&holder, 0, sizeof(holder));
	} else if (!tag->tap.pid && now_ns() < tag->next_scan_ns) {
		snprintf(why, why_size, "%s", tag->why);
		return has_allow(device) ? -EACCES : 0;
	}
	find_tap(agent, &scan);
	if (!holder.tap.pid)
		return nobody_found(agent, port, why, why_size);
	return judge_tap(agent, port, &holder, scan.refused, why, why_size);
}

/* ---- veth ---- */

/* The inode of our own namespace, or 0. */
static uint32_t own_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : (uint32_t)st.st_ino;
}

/* Whether the peer is in the namespace @fd, whose inode is @ino. */
static bool peer_is_in(const struct link_info *info, int fd, uint32_t ino,
		       int *ret_err)
{
	int nsid;

	*ret_err = 0;
	if (!info->peer_elsewhere)
		return ino == own_netns();
	*ret_err = netns_id(fd, &nsid);
	return !*ret_err && nsid == info->peer_nsid;
}

/* Where it must be cannot be told: the namespace's name is gone, say. Then it
 * is not known to be wrong either, and its packets are checked as before. */
static int unknown_netns(struct agent *agent, struct port *port)
{
	unbind(agent, port);
	port->tag->why[0] = '\0';
	return 0;
}

static int admit_veth(struct agent *agent, struct port *port,
		      const struct link_info *info, char *why, size_t why_size)
{
	const struct config_device *device = &port->vm_config->device;
	_cleanup_close_ int fd = -1;
	struct stat st;
	int err;

	if (!info->peer_elsewhere && !info->peer_ifindex)
		return unknown_netns(agent, port);
	if (!device->netns[0]) {
		if (info->peer_elsewhere)
			return unknown_netns(agent, port);
		bind_netns(agent, port, own_netns());
		return 0;
	}
	fd = netns_open(device->netns);
	if (fd < 0 || fstat(fd, &st))
		return unknown_netns(agent, port);
	if (peer_is_in(info, fd, (uint32_t)st.st_ino, &err)) {
		bind_netns(agent, port, (uint32_t)st.st_ino);
		return 0;
	}
	if (err)
		return unknown_netns(agent, port);
	snprintf(why, why_size,
		 "the peer of %s is in %s: namespace %.64s is allowed",
		 device->name,
		 info->peer_elsewhere ? "another namespace"
				      : "the agent's namespace",
		 path_end(device->netns, 64));
	refuse(agent, port, why);
	return -EACCES;
}

int tags_admit(struct agent *agent, struct port *port,
	       const struct link_info *info, char *why, size_t why_size)
{
	if (!port->tag)
		return 0;
	if (port->vm_config->device.type == DEVICE_TAP)
		return admit_tap(agent, port, info->carrier, why, why_size);
	return admit_veth(agent, port, info, why, why_size);
}

bool tags_is_stale(const struct port *port)
{
	const struct tag *tag = port->tag;

	return tag && tag->tap.pid &&
	       !process_has_tap(&tag->tap, port->vm_config->device.name);
}
