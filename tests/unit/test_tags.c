// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who is bound to a port's tag and who is refused, with the map, the processes
 * and the namespaces played by this file.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "control/guests.h"
#include "control/tags.h"
#include "unit.h"

#define SLOT 5

/* ---- the map ---- */

static struct tag_entry map[PKT_MAX_PORTS]; /* tag 0: none */
static uint32_t last_tag;
static bool map_fails;

int datapath_set_tag(struct datapath *dp, uint32_t slot,
		     const struct tag_entry *entry)
{
	(void)dp;
	if (map_fails)
		return -ENOMEM;
	map[slot] = *entry;
	return 0;
}

void datapath_del_tag(struct datapath *dp, uint32_t slot)
{
	(void)dp;
	memset(&map[slot], 0, sizeof(map[slot]));
}

uint32_t datapath_last_tag(struct datapath *dp)
{
	(void)dp;
	return last_tag;
}

/* ---- processes ---- */

static struct player {
	struct process_tap tap;
	uid_t uid;
	const char *cgroup; /* NULL: cannot be read */
} players[4];
static uint32_t n_players, n_scans;

static void play(pid_t pid, int fd, uid_t uid, const char *cgroup)
{
	players[n_players++] = (struct player){ { pid, fd, 100 }, uid, cgroup };
}

static const struct player *find_player(pid_t pid)
{
	for (uint32_t i = 0; i < n_players; i++)
		if (players[i].tap.pid == pid)
			return &players[i];
	return NULL;
}

int process_uid(pid_t pid, uid_t *ret_uid)
{
	const struct player *p = find_player(pid);

	if (!p)
		return -ENOENT;
	*ret_uid = p->uid;
	return 0;
}

int process_cgroup(pid_t pid, char *ret_path, size_t size)
{
	const struct player *p = find_player(pid);

	if (!p || !p->cgroup)
		return -ENOENT;
	snprintf(ret_path, size, "%s", p->cgroup);
	return 0;
}

bool process_cgroup_ends(const char *path, const char *suffix)
{
	return strlen(path) >= strlen(suffix) &&
	       !strcmp(path + strlen(path) - strlen(suffix), suffix);
}

uint64_t process_cgroup_id(const char *path)
{
	return strlen(path);
}

bool process_has_tap(const struct process_tap *tap, const char *ifname)
{
	assert_string_equal(ifname, "tap5");
	for (uint32_t i = 0; i < n_players; i++)
		if (!memcmp(&players[i].tap, tap, sizeof(*tap)))
			return true;
	return false;
}

static uint32_t n_freed;

struct process_taps *process_taps_read(void)
{
	n_scans++;
	return (struct process_taps *)players;
}

void process_taps_free(struct process_taps *taps)
{
	n_freed += taps != NULL;
}

void process_taps_find(const struct process_taps *taps, const char *ifname,
		       bool (*found)(const struct process_tap *tap, void *arg),
		       void *arg)
{
	assert_ptr_equal(taps, players);
	assert_string_equal(ifname, "tap5");
	for (uint32_t i = 0; i < n_players; i++)
		if (!found(&players[i].tap, arg))
			return;
}

/* ---- namespaces ---- */

static int open_ret, nsid, nsid_ret;

int netns_open(const char *netns)
{
	assert_string_equal(netns, "vm5");
	return open_ret ? open_ret
			: open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

int netns_id(int fd, int *ret_nsid)
{
	assert_true(fd >= 0);
	*ret_nsid = nsid;
	return nsid_ret;
}

static uint32_t own_inode(void)
{
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	return (uint32_t)st.st_ino;
}

/* ---- the rig ---- */

struct rig {
	struct agent agent;
	struct config_vm vm;
	struct port *port;
	struct queue queue, *queues[1];
	struct vhost_port vhost;
	struct link_info info;
	char why[TAG_WHY_MAX];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	log_set_level(LOG_LEVEL_ERROR);
	memset(map, 0, sizeof(map));
	last_tag = 0;
	map_fails = false;
	n_players = n_scans = n_freed = 0;
	open_ret = nsid = nsid_ret = 0;
	rig->agent.ready = true;
	rig->port = aligned_alloc(CACHE_LINE, sizeof(*rig->port));
	memset(rig->port, 0, sizeof(*rig->port));
	rig->port->slot = SLOT;
	rig->port->vm_config = &rig->vm;
	rig->queue.id = 9;
	rig->queues[0] = &rig->queue;
	rig->port->queues = rig->queues;
	rig->port->n_queues = 1;
	rig->vm.device.type = DEVICE_TAP;
	rig->vm.device.allow_uid = (uid_t)-1;
	strcpy(rig->vm.device.name, "tap5");
	strcpy(rig->port->name, "vm5");
	rig->info.carrier = true;
	assert_int_equal(tags_new(&rig->agent, rig->port), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(n_freed, n_scans);
	tags_free(&rig->agent, rig->port);
	free(rig->port);
	free(rig);
	return 0;
}

static int admit(struct rig *rig)
{
	rig->why[0] = '\0';
	return tags_admit(&rig->agent, rig->port, &rig->info, rig->why,
			  sizeof(rig->why));
}

/* What the map says is what the tag says. */
static void expect(struct rig *rig, enum tag_kind kind, uint32_t who,
		   uint64_t n_refused)
{
	const struct tag *tag = rig->port->tag;

	assert_memory_equal(&map[SLOT], &tag->entry, sizeof(tag->entry));
	assert_int_equal(tag->entry.kind, kind);
	assert_int_equal(tag->entry.pid, kind == TAG_PROCESS ? who : 0);
	assert_int_equal(tag->entry.netns, kind == TAG_NAMESPACE ? who : 0);
	assert_int_equal(tag->n_refused, n_refused);
}

/* ---- numbers ---- */

static void test_numbers(void **state)
{
	struct rig *rig = *state;
	const struct tag_entry first = { .tag = 1,
					 .first_queue = 9,
					 .n_queues = 1 };
	struct port other = { .slot = 6 };

	assert_memory_equal(&map[SLOT], &first, sizeof(first));
	assert_int_equal(tags_new(&rig->agent, &other), 0);
	assert_int_equal(map[6].tag, 2);
	assert_int_equal(map[6].first_queue, TAG_NO_QUEUE);
	tags_free(&rig->agent, &other);
	assert_null(other.tag);
	assert_int_equal(map[6].tag, 0);
	assert_int_equal(map[SLOT].tag, 1);
	assert_int_equal(tags_new(&rig->agent, &other), 0);
	assert_int_equal(map[6].tag, 3);
	tags_free(&rig->agent, &other);
	map_fails = true;
	assert_int_equal(tags_new(&rig->agent, &other), -ENOMEM);
	assert_null(other.tag);
	tags_free(&rig->agent, &other);
}

/* What an earlier process has left in the map. */
static void test_earlier(void **state)
{
	struct agent agent = { 0 };
	struct port other = { .slot = 6 };

	(void)state;
	last_tag = 41;
	assert_int_equal(tags_new(&agent, &other), 0);
	assert_int_equal(map[6].tag, 42);
	tags_free(&agent, &other);
	assert_int_equal(tags_new(&agent, &other), 0);
	assert_int_equal(map[6].tag, 43);
	tags_free(&agent, &other);
}

/* ---- tap ---- */

static void test_tap_anybody(void **state)
{
	struct rig *rig = *state;

	rig->info.carrier = false;
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_NOBODY, 0, 0);
	assert_int_equal(n_scans, 0);
	rig->info.carrier = true;
	play(70, 3, 1000, "/a/vm5.scope");
	play(70, 4, 1000, "/a/vm5.scope");
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_PROCESS, 70, 0);
	assert_int_equal(map[SLOT].uid, 1000);
	assert_int_equal(map[SLOT].cgroup, 12);
	assert_int_equal(map[SLOT].tag, 1);
	assert_string_equal(rig->port->tag->cgroup, "/a/vm5.scope");
	assert_int_equal(admit(rig), 0);
	assert_int_equal(n_scans, 1);
	/* It hands it on, without the carrier having gone. */
	assert_false(tags_is_stale(rig->port));
	n_players = 0;
	play(71, 3, 1001, NULL);
	assert_true(tags_is_stale(rig->port));
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_PROCESS, 71, 0);
	assert_string_equal(rig->port->tag->cgroup, "");
	rig->info.carrier = false;
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_NOBODY, 0, 0);
	assert_false(tags_is_stale(rig->port));
}

static void test_tap_uid(void **state)
{
	struct rig *rig = *state;

	rig->vm.device.allow_uid = 1000;
	rig->info.carrier = false;
	assert_int_equal(admit(rig), -ENOTCONN);
	assert_string_equal(rig->why, "nobody has tap5 open");
	rig->info.carrier = true;
	play(70, 3, 0, "/a");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(admit(rig), -EACCES);
		assert_string_equal(
			rig->why,
			"process 70 of user 0 in cgroup /a has tap5 open: user 1000 in any cgroup is allowed");
		expect(rig, TAG_NOBODY, 0, 1);
	}
	assert_string_equal(rig->port->tag->why, rig->why);
	/* It is not looked for again as long as it is there. */
	assert_int_equal(n_scans, 1);
	players[0].uid = 1000;
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_PROCESS, 70, 1);
	assert_string_equal(rig->port->tag->why, "");
	/* The same again is another one after it had gone. */
	rig->info.carrier = false;
	assert_int_equal(admit(rig), -ENOTCONN);
	expect(rig, TAG_NOBODY, 0, 1);
	rig->info.carrier = true;
	players[0].uid = 0;
	assert_int_equal(admit(rig), -EACCES);
	assert_int_equal(admit(rig), -EACCES);
	expect(rig, TAG_NOBODY, 0, 2);
}

static void test_tap_cgroup(void **state)
{
	struct rig *rig = *state;

	strcpy(rig->vm.device.allow_cgroup, "/vm5.scope");
	play(70, 3, 1000, NULL);
	assert_int_equal(admit(rig), -EACCES);
	assert_string_equal(
		rig->why,
		"process 70 of user 1000 in cgroup (none) has tap5 open: any user in /vm5.scope is allowed");
	players[0].cgroup = "/a/vm6.scope";
	assert_int_equal(admit(rig), -EACCES);
	expect(rig, TAG_NOBODY, 0, 2);
	players[0].cgroup = "/a/vm5.scope";
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_PROCESS, 70, 2);
}

/* Both have to be right, user and cgroup. */
static void test_tap_both(void **state)
{
	static const struct {
		uid_t uid;
		const char *cgroup;
		int ret;
	} rows[] = {
		{ 1000, "/vm5.scope", 0 },
		{ 1000, "/vm6.scope", -EACCES },
		{ 1001, "/vm5.scope", -EACCES },
		{ 1001, "/vm6.scope", -EACCES },
	};
	struct rig *rig = *state;

	strcpy(rig->vm.device.allow_cgroup, "/vm5.scope");
	rig->vm.device.allow_uid = 1000;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		n_players = 0;
		play(70 + (pid_t)i, 3, rows[i].uid, rows[i].cgroup);
		if (admit(rig) != rows[i].ret)
			fail_msg("row %zu: %s", i, rig->why);
	}
}

/* All who have it open have to be allowed. */
static void test_tap_two(void **state)
{
	struct rig *rig = *state;

	rig->vm.device.allow_uid = 1000;
	play(70, 3, 1000, "/a");
	play(71, 8, 1001, "/b");
	assert_int_equal(admit(rig), -EACCES);
	expect(rig, TAG_NOBODY, 0, 1);
	assert_non_null(strstr(rig->why, "process 71 of user 1001"));
	n_players = 1;
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_PROCESS, 70, 1);
}

/* Its number is another's now. */
static void test_tap_number(void **state)
{
	struct rig *rig = *state;

	rig->vm.device.allow_uid = 1000;
	play(70, 3, 1000, "/a");
	assert_int_equal(admit(rig), 0);
	players[0].tap.started = 200;
	players[0].uid = 1001;
	assert_true(tags_is_stale(rig->port));
	assert_int_equal(admit(rig), -EACCES);
	expect(rig, TAG_NOBODY, 0, 1);
}

static void test_tap_unseen(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(admit(rig), 0);
	assert_int_equal(admit(rig), 0);
	assert_int_equal(n_scans, 1);
	expect(rig, TAG_NOBODY, 0, 0);
	/* Who cannot be seen cannot be allowed. */
	rig->vm.device.allow_uid = 1000;
	tags_release(&rig->agent, rig->port);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(admit(rig), -EACCES);
		assert_non_null(strstr(rig->why, "CAP_SYS_PTRACE"));
	}
	assert_int_equal(n_scans, 2);
	expect(rig, TAG_NOBODY, 0, 1);
	/* After a while, or when the carrier was away. */
	play(70, 3, 1000, "/a");
	assert_int_equal(admit(rig), -EACCES);
	rig->port->tag->next_scan_ns = now_ns();
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_PROCESS, 70, 1);
}

/* One look for all at the start, another for each after it. */
static void test_start(void **state)
{
	struct rig *rig = *state;

	rig->agent.ready = false;
	play(70, 3, 0, "/a");
	for (int i = 0; i < 3; i++) {
		tags_release(&rig->agent, rig->port);
		assert_int_equal(admit(rig), 0);
		expect(rig, TAG_PROCESS, 70, 0);
		assert_int_equal(n_scans, 1);
		assert_int_equal(n_freed, 0);
	}
	rig->agent.ready = true;
	tags_started(&rig->agent);
	assert_null(rig->agent.taps);
	for (uint32_t i = 2; i < 4; i++) {
		tags_release(&rig->agent, rig->port);
		assert_int_equal(admit(rig), 0);
		assert_int_equal(n_scans, i);
		assert_int_equal(n_freed, i);
	}
}

/* The end of a path says more than its beginning. */
static void test_long_cgroup(void **state)
{
	struct rig *rig = *state;
	char path[600];

	memset(path, 'x', sizeof(path));
	memcpy(path + sizeof(path) - 11, "/vm5.scope", 11);
	play(70, 3, 0, path);
	assert_int_equal(admit(rig), 0);
	assert_int_equal(strlen(rig->port->tag->cgroup), TAG_CGROUP_MAX - 1);
	assert_true(process_cgroup_ends(rig->port->tag->cgroup, "/vm5.scope"));
	rig->vm.device.allow_uid = 1;
	tags_release(&rig->agent, rig->port);
	assert_int_equal(admit(rig), -EACCES);
	assert_non_null(strstr(rig->why, "/vm5.scope has tap5 open: user 1 in "
					 "any cgroup is allowed"));
}

/* ---- veth ---- */

static void test_veth(void **state)
{
	static const struct {
		const char *netns;
		bool elsewhere;
		int ifindex, peer_nsid, nsid, nsid_ret, open_ret;
		int ret;
		enum tag_kind kind;
	} rows[] = {
		{ "vm5", true, 2, 3, 3, 0, 0, 0, TAG_NAMESPACE },
		{ "vm5", true, 2, 4, 3, 0, 0, -EACCES, TAG_NOBODY },
		{ "vm5", true, 2, 4, -1, 0, 0, -EACCES, TAG_NOBODY },
		/* It is with us, and that is the namespace. */
		{ "vm5", false, 2, 0, 3, 0, 0, 0, TAG_NAMESPACE },
		/* Where it must be cannot be told. */
		{ "vm5", true, 2, 3, 3, 0, -ENOENT, 0, TAG_NOBODY },
		{ "vm5", true, 2, 3, 3, -EINVAL, 0, 0, TAG_NOBODY },
		/* It is about to go. */
		{ "vm5", false, 0, 0, 3, 0, 0, 0, TAG_NOBODY },
		{ "", true, 2, 3, 3, 0, 0, 0, TAG_NOBODY },
		{ "", false, 2, 0, 3, 0, 0, 0, TAG_NAMESPACE },
	};
	struct rig *rig = *state;

	rig->vm.device.type = DEVICE_VETH;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		strcpy(rig->vm.device.netns, rows[i].netns);
		rig->info.peer_elsewhere = rows[i].elsewhere;
		rig->info.peer_ifindex = rows[i].ifindex;
		rig->info.peer_nsid = rows[i].peer_nsid;
		nsid = rows[i].nsid;
		nsid_ret = rows[i].nsid_ret;
		open_ret = rows[i].open_ret;
		if (admit(rig) != rows[i].ret || map[SLOT].kind != rows[i].kind)
			fail_msg("row %zu: %s", i, rig->why);
		if (map[SLOT].kind == TAG_NAMESPACE)
			expect(rig, TAG_NAMESPACE, own_inode(),
			       rig->port->tag->n_refused);
	}
	assert_int_equal(n_scans, 0);
}

static void test_veth_moves(void **state)
{
	struct rig *rig = *state;

	rig->vm.device.type = DEVICE_VETH;
	strcpy(rig->vm.device.netns, "vm5");
	rig->info.peer_elsewhere = true;
	rig->info.peer_ifindex = 2;
	rig->info.peer_nsid = 3;
	nsid = 3;
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_NAMESPACE, own_inode(), 0);
	rig->info.peer_nsid = 4;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(admit(rig), -EACCES);
		assert_string_equal(
			rig->why,
			"the peer of tap5 is in another namespace: namespace vm5 is allowed");
		expect(rig, TAG_NOBODY, 0, 1);
	}
	rig->info.peer_nsid = 3;
	assert_int_equal(admit(rig), 0);
	expect(rig, TAG_NAMESPACE, own_inode(), 1);
	assert_string_equal(rig->port->tag->why, "");
}

/* ---- vhost-user ---- */

static void test_guest(void **state)
{
	struct rig *rig = *state;
	struct vhost_info info = { .state = VHOST_STATE_WAITING,
				   .why = "it is user 7: user 8 is allowed" };

	rig->vm.device.type = DEVICE_VHOST_USER;
	rig->port->vhost = &rig->vhost;
	rig->port->n_queues = 0;
	rig->vhost.n_pairs = 2;
	tags_take_guest(&rig->agent, rig->port, &info);
	expect(rig, TAG_NOBODY, 0, 0);
	assert_int_equal(map[SLOT].first_queue, TAG_NO_QUEUE);
	assert_int_equal(map[SLOT].n_queues, 2);
	assert_string_equal(rig->port->tag->why, "");
	/* Refused for what it is, and for what it did. */
	info.n_strangers = 2;
	info.n_refused = 5;
	tags_take_guest(&rig->agent, rig->port, &info);
	expect(rig, TAG_NOBODY, 0, 2);
	assert_string_equal(rig->port->tag->why, info.why);
	tags_take_guest(&rig->agent, rig->port, &info);
	expect(rig, TAG_NOBODY, 0, 2);
	info.state = VHOST_STATE_NEGOTIATING;
	info.peer_pid = 70;
	info.peer_uid = 8;
	info.peer_cgroup = "/vm5.scope";
	tags_take_guest(&rig->agent, rig->port, &info);
	expect(rig, TAG_PROCESS, 70, 2);
	assert_int_equal(map[SLOT].uid, 8);
	assert_string_equal(rig->port->tag->cgroup, "/vm5.scope");
	assert_string_equal(rig->port->tag->why, "");
	info.peer_cgroup = NULL;
	info.state = VHOST_STATE_RUNNING;
	tags_take_guest(&rig->agent, rig->port, &info);
	assert_string_equal(rig->port->tag->cgroup, "");
	info.state = VHOST_STATE_WAITING;
	tags_take_guest(&rig->agent, rig->port, &info);
	expect(rig, TAG_NOBODY, 0, 2);
	/* A reload has opened another session. */
	info.n_strangers = 1;
	tags_take_guest(&rig->agent, rig->port, &info);
	expect(rig, TAG_NOBODY, 0, 3);
	assert_int_equal(map[SLOT].tag, 1);
	rig->port->vhost = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_numbers),	TEST(test_earlier),
		TEST(test_tap_anybody), TEST(test_tap_uid),
		TEST(test_tap_cgroup),	TEST(test_tap_both),
		TEST(test_tap_two),	TEST(test_tap_number),
		TEST(test_start),	TEST(test_tap_unseen),
		TEST(test_long_cgroup), TEST(test_veth),
		TEST(test_veth_moves),	TEST(test_guest),
	};

	return cmocka_run_group_tests_name("tags", tests, NULL, NULL);
}
