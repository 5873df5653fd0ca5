// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The journal of changes to devices, on veth pairs in three namespaces of this
 * test's own: here, and two where the devices have the same names and indices.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/netlink.h"
#include "ports/device_journal.h"
#include "unit.h"

#define N_SPACES 3 /* the last is where the test stays */

struct space {
	char path[64]; /* empty: here */
	int ifindex;
};

static struct space spaces[N_SPACES];
static char dir[] = "/tmp/pktagent-journal-XXXXXX";
static char file[64];

static const char *make_spaces(void)
{
	for (int i = 0; i < N_SPACES; i++) {
		struct link_info info;
		int fd;

		if (unshare(CLONE_NEWNET) < 0)
			return "no network namespace of its own (needs root)";
		fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || unit_veth("eth0", "peer0") ||
		    link_get("eth0", &info))
			return "no veth devices";
		spaces[i].ifindex = info.ifindex;
		if (i < N_SPACES - 1)
			snprintf(spaces[i].path, sizeof(spaces[i].path),
				 "/proc/self/fd/%d", fd);
	}
	return NULL;
}

static int read_mtu(void *arg)
{
	struct link_info info;
	int err = link_get("eth0", &info);

	*(uint32_t *)arg = info.mtu;
	return err;
}

static uint32_t mtu_in(int i)
{
	uint32_t mtu = 0;

	assert_int_equal(netns_run(spaces[i].path, read_mtu, &mtu), 0);
	return mtu;
}

static int change(struct device_journal *journal, int i, const char *owner,
		  enum device_setting what, uint32_t value)
{
	return device_change(journal, owner, spaces[i].path, "eth0",
			     spaces[i].ifindex, what, value);
}

static bool file_is_there(void)
{
	struct stat st;

	return !stat(file, &st);
}

static void test_namespaces(void **state)
{
	struct device_journal *journal = device_journal_open(file);

	(void)state;
	assert_non_null(journal);
	assert_int_equal(spaces[0].ifindex, spaces[1].ifindex);
	for (int i = 0; i < N_SPACES; i++)
		assert_int_equal(change(journal, i, "vm", DEVICE_MTU,
					1400 + (uint32_t)i),
				 0);
	for (int i = 0; i < N_SPACES; i++)
		assert_int_equal(mtu_in(i), 1400 + i);
	assert_int_equal(device_restore(journal, NULL), N_SPACES);
	for (int i = 0; i < N_SPACES; i++)
		assert_int_equal(mtu_in(i), 1500);
	device_journal_close(journal);
	assert_false(file_is_there());
}

/* However often it is changed, the first value comes back; a change to what it
 * is already is none. */
static void test_first_value(void **state)
{
	struct device_journal *journal = device_journal_open(file);

	(void)state;
	assert_int_equal(change(journal, 2, "vm", DEVICE_MTU, 1500), 0);
	assert_false(file_is_there());
	assert_int_equal(change(journal, 2, "vm", DEVICE_MTU, 1400), 0);
	assert_true(file_is_there());
	assert_int_equal(change(journal, 2, "vm", DEVICE_MTU, 1300), 0);
	assert_int_equal(change(journal, 2, "vm", DEVICE_UP, 1), 0);
	assert_int_equal(device_restore(journal, "other"), 0);
	assert_int_equal(mtu_in(2), 1300);
	assert_int_equal(device_restore(journal, "vm"), 2);
	assert_int_equal(mtu_in(2), 1500);
	assert_int_equal(device_restore(journal, "vm"), 0);
	device_journal_close(journal);
}

/* A process dies: the next one knows. */
static void test_inherited(void **state)
{
	struct device_journal *journal = device_journal_open(file);

	(void)state;
	assert_int_equal(change(journal, 0, "vm1", DEVICE_MTU, 1400), 0);
	assert_int_equal(change(journal, 1, "vm2", DEVICE_MTU, 1300), 0);
	device_journal_close(journal);

	journal = device_journal_open(file);
	assert_int_equal(device_journal_inherited(journal), 2);
	/* It changes more, and what was first stays first. */
	assert_int_equal(change(journal, 0, "vm1", DEVICE_MTU, 1200), 0);
	device_journal_close(journal);

	journal = device_journal_open(file);
	assert_int_equal(device_journal_inherited(journal), 2);
	assert_int_equal(device_restore(journal, "vm1"), 1);
	assert_int_equal(mtu_in(0), 1500);
	assert_int_equal(mtu_in(1), 1300);
	assert_true(file_is_there());
	assert_int_equal(device_restore(journal, NULL), 1);
	assert_int_equal(mtu_in(1), 1500);
	assert_false(file_is_there());
	device_journal_close(journal);
}

static void test_created_and_gone(void **state)
{
	struct device_journal *journal = device_journal_open(file);
	struct link_info info;

	(void)state;
	assert_int_equal(unit_veth("new0", "new1"), 0);
	assert_int_equal(link_get("new0", &info), 0);
	assert_int_equal(device_created(journal, "new0", info.ifindex), 0);
	assert_int_equal(device_change(journal, "new0", "", "new0",
				       info.ifindex, DEVICE_MTU, 1400),
			 0);
	device_journal_close(journal);
	journal = device_journal_open(file);
	assert_int_equal(device_journal_inherited(journal), 2);
	assert_int_equal(device_restore(journal, "new0"), 2);
	assert_int_equal(link_get("new0", &info), -ENODEV);

	/* Gone meanwhile, and another one of that name: not ours to touch. */
	assert_int_equal(unit_veth("new0", "new1"), 0);
	assert_int_equal(link_get("new0", &info), 0);
	assert_int_equal(device_created(journal, "new0", info.ifindex), 0);
	assert_int_equal(link_delete(info.ifindex), 0);
	assert_int_equal(unit_veth("new0", "new1"), 0);
	device_journal_close(journal);
	journal = device_journal_open(file);
	assert_int_equal(device_journal_inherited(journal), 0);
	assert_int_equal(device_restore(journal, NULL), 0);
	assert_int_equal(link_get("new0", &info), 0);
	assert_int_equal(link_delete(info.ifindex), 0);
	device_journal_close(journal);
}

/* A change that fails leaves no entry. */
static void test_failure(void **state)
{
	struct device_journal *journal = device_journal_open(file);

	(void)state;
	assert_true(change(journal, 2, "vm", DEVICE_MTU, 70000) < 0);
	assert_int_equal(device_change(journal, "vm", "", "none", 99,
				       DEVICE_MTU, 1400),
			 -ENODEV);
	assert_true(device_change(journal, "vm", "/nowhere", "eth0", 2,
				  DEVICE_MTU, 1400) < 0);
	assert_false(file_is_there());
	assert_int_equal(device_restore(journal, NULL), 0);
	device_journal_close(journal);
}

static void test_bad_file(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[",
		"[1, 2]",
		"{\"a\": 1}",
		"[{}]",
		"[{\"owner\":\"vm\",\"netns\":\"\",\"device\":\"eth0\","
		"\"ifindex\":2,\"what\":\"colour\",\"old\":1}]",
		"[{\"owner\":\"vm\",\"netns\":\"/nowhere\",\"device\":"
		"\"eth0\",\"ifindex\":2,\"what\":\"mtu\",\"old\":9}]",
		"[{\"owner\":5,\"netns\":\"\",\"device\":\"eth0\","
		"\"ifindex\":2,\"what\":\"mtu\",\"old\":9}]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct device_journal *journal;
		FILE *out = fopen(file, "w");

		assert_non_null(out);
		fputs(texts[i], out);
		fclose(out);
		journal = device_journal_open(file);
		assert_non_null(journal);
		assert_int_equal(device_journal_inherited(journal), 0);
		assert_int_equal(device_restore(journal, NULL), 0);
		device_journal_close(journal);
		unlink(file);
	}
	assert_int_equal(mtu_in(2), 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_first_value),
		cmocka_unit_test(test_inherited),
		cmocka_unit_test(test_created_and_gone),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_bad_file),
	};
	const char *why = make_spaces();
	int ret;

	if (why) {
		puts(why);
		return EXIT_SKIP;
	}
	log_set_level(LOG_LEVEL_ERROR);
	if (!mkdtemp(dir))
		return 1;
	snprintf(file, sizeof(file), "%s/devices.json", dir);
	ret = cmocka_run_group_tests_name("journal", tests, NULL, NULL);
	unlink(file);
	rmdir(dir);
	return ret;
}
