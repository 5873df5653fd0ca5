// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Other processes, and who has a tap open, on real ones. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/process.h"
#include "unit.h"

#define TAP   "pktagent-t0"
#define TAP_2 "pktagent-t00"

/* ---- who it is ---- */

static void test_cgroup_ends(void **state)
{
	static const struct {
		const char *path, *suffix;
		bool ends;
	} rows[] = {
		{ "/machine.slice/vm1.scope", "vm1.scope", true },
		{ "/machine.slice/vm1.scope", "/vm1.scope", true },
		{ "/machine.slice/vm1.scope", "/machine.slice/vm1.scope",
		  true },
		{ "/machine.slice/a-vm1.scope", "/vm1.scope", false },
		{ "/machine.slice/vm1.scope", "/vm2.scope", false },
		{ "/machine.slice/vm1.scope/x", "/vm1.scope", false },
		{ "/vm1.scope", "/a/vm1.scope", false },
		{ "vm1.scope", "/vm1.scope", true },
		{ "", "/vm1.scope", false },
		{ "/", "/", true },
		{ "/a", "/", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (process_cgroup_ends(rows[i].path, rows[i].suffix) !=
		    rows[i].ends)
			fail_msg("%s: %s", rows[i].path, rows[i].suffix);
}

static void test_self(void **state)
{
	char path[PROCESS_CGROUP_MAX] = "";
	uid_t uid = 12345;
	int ret;

	(void)state;
	assert_int_equal(process_uid(getpid(), &uid), 0);
	assert_int_equal(uid, geteuid());
	ret = process_cgroup(getpid(), path, sizeof(path));
	assert_true(ret == -ENOENT || path[0] == '/');
	if (!ret)
		assert_int_not_equal(process_cgroup_id(path), 0);
	assert_int_equal(process_cgroup_id(""), 0);
	assert_int_equal(process_cgroup_id("/no/such/cgroup"), 0);
}

static void test_gone(void **state)
{
	char path[PROCESS_CGROUP_MAX];
	uid_t uid = 12345;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(process_uid(pid, &uid), -ENOENT);
	assert_int_equal(uid, 12345);
	assert_int_equal(process_cgroup(pid, path, sizeof(path)), -ENOENT);
}

/* ---- taps ---- */

static int open_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strcpy(ifr.ifr_name, name);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &ifr) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A process, in a network namespace of its own if @apart, with the tap @name
 * open; its name is as bad as can be. */
static pid_t start_holder(const char *name, bool apart)
{
	int ready[2];
	char c = 'n';
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, ") 1 (x) 2");
		c = (!apart || !unshare(CLONE_NEWNET)) && open_tap(name) >= 0
			    ? 'y'
			    : 'n';
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_holder(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

struct found {
	uint32_t n;
	struct process_tap tap; /* the last */
	uint32_t max;		/* then no more */
};

static bool on_found(const struct process_tap *tap, void *arg)
{
	struct found *found = arg;

	found->tap = *tap;
	return ++found->n < found->max;
}

static void find(const char *ifname, struct found *found)
{
	struct process_taps *taps = process_taps_read();

	assert_non_null(taps);
	process_taps_find(taps, ifname, on_found, found);
	process_taps_free(taps);
}

/* Taps of the test's are in a namespace of its own, and another's too. */
static void enter_netns(void)
{
	int fd = unshare(CLONE_NEWNET) ? -1 : open_tap(TAP);

	if (fd < 0) {
		print_message("skipped: taps cannot be made here\n");
		skip();
	}
	close(fd);
}

static void test_tap(void **state)
{
	struct found found = { .max = 10 };
	struct process_tap tap;
	pid_t pid, other;

	(void)state;
	enter_netns();
	find(TAP, &found);
	assert_int_equal(found.n, 0);
	other = start_holder(TAP_2, false);
	pid = start_holder(TAP, false);
	find(TAP, &found);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.tap.pid, pid);
	assert_int_not_equal(found.tap.started, 0);
	tap = found.tap;
	assert_true(process_has_tap(&tap, TAP));
	assert_false(process_has_tap(&tap, TAP_2));
	tap.started++;
	assert_false(process_has_tap(&tap, TAP));
	tap = found.tap;
	tap.fd++;
	assert_false(process_has_tap(&tap, TAP));
	tap.fd--;
	end_holder(pid);
	assert_false(process_has_tap(&tap, TAP));
	end_holder(other);
}

/* A tap of the same name elsewhere is not ours, whoever made it. */
static void test_tap_elsewhere(void **state)
{
	struct found found = { .max = 10 };
	pid_t pid;

	(void)state;
	enter_netns();
	pid = start_holder(TAP, true);
	find(TAP, &found);
	assert_int_equal(found.n, 0);
	end_holder(pid);
}

/* Descriptors that a child has inherited count, until enough were found. */
static void test_tap_many(void **state)
{
	struct found all = { .max = 10 }, one = { .max = 1 };
	int fd, copy;

	(void)state;
	enter_netns();
	fd = open_tap(TAP);
	assert_true(fd >= 0);
	copy = dup(fd);
	find(TAP, &all);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.tap.pid, getpid());
	find(TAP, &one);
	assert_int_equal(one.n, 1);
	close(copy);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroup_ends),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_tap),
		cmocka_unit_test(test_tap_elsewhere),
		cmocka_unit_test(test_tap_many),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
