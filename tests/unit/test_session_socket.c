// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How a session comes to a connection: as client and as server, again and again,
 * who may be there, and what becomes of the path.
 */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "session_rig.h"

/* ---- client ---- */

static void test_client(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	/* nobody is there yet */
	rig_open(&rig);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	assert_string_equal(rig.info.why,
			    "connecting: No such file or directory");
	rig.listen_fd = rig_listen(&rig);
	assert_in_range(rig_tick(&rig, 0), 1, 100);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	rig_tick(&rig, 101);
	assert_int_equal(rig.info.state, VHOST_STATE_NEGOTIATING);
	assert_true(rig.n_changed > 0);
	rig.fd = rig_accept(&rig);
	assert_true(rig.fd >= 0);
	rig_go(&rig);

	/* it goes and comes: soon again, for ever, the same features */
	for (int i = 0; i < 20; i++) {
		rig_close_fd(&rig.fd);
		rig_run(&rig);
		assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
		assert_string_equal(rig.info.why, "closed by the front-end");
		assert_false(rig.rings[0].running || rig.rings[1].running);
		assert_int_equal(rig.info.features, 0);
		assert_int_equal(rig.info.mem_size, 0);
		rig_tick(&rig, 101);
		rig.fd = rig_accept(&rig);
		rig_go(&rig);
	}
	assert_int_equal(rig.info.n_connects, 21);
	assert_int_equal(rig.info.n_refused, 0);
	rig_down(&rig);
}

/* Nothing is tried before @ms have passed, and then it is. Some of them may have
 * passed already. */
static void expect_pause(struct rig *rig, uint32_t ms)
{
	uint64_t n_connects = rig->info.n_connects;

	assert_in_range(rig_tick(rig, ms - 80), 1, 80);
	assert_int_equal(rig->info.state, VHOST_STATE_WAITING);
	assert_int_equal(rig->info.n_connects, n_connects);
	rig_tick(rig, ms + 1);
}

static const uint32_t pauses[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };

static void test_back_off(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_open(&rig);
	/* the first try was made when it was opened */
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++)
		expect_pause(&rig, pauses[i]);
	assert_int_equal(rig.n_changed, 0);
	/* there, and gone without a word: no reason to hurry */
	rig.listen_fd = rig_listen(&rig);
	rig_tick(&rig, 5001);
	rig.fd = rig_accept(&rig);
	rig_close_fd(&rig.fd);
	rig_run(&rig);
	expect_pause(&rig, 5000);
	/* from the beginning after one that was good */
	rig.fd = rig_accept(&rig);
	rig_go(&rig);
	rig_close_fd(&rig.fd);
	rig_close_fd(&rig.listen_fd);
	rig_run(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++)
		expect_pause(&rig, pauses[i]);
	assert_string_equal(
		rig.info.why,
		"closed by the front-end; connecting: Connection refused");
	rig_down(&rig);
}

/* One that is refused each time does not come more often. */
static void test_back_off_refused(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		rig_go(&rig);
		vhost_session_fail(rig.session, "descriptor 300 of 256");
		vhost_session_fail(rig.session, "no second time");
		assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
		assert_string_equal(rig.info.why, "descriptor 300 of 256");
		assert_int_equal(rig.info.n_refused, i + 1);
		rig_close_fd(&rig.fd);
		expect_pause(&rig, pauses[i]);
		rig.fd = rig_accept(&rig);
		assert_true(rig.fd >= 0);
	}
	rig_down(&rig);
}

/* One that is stuck in the middle of a message is nothing to another one. */
static void test_two(void **state)
{
	struct rig one, two;
	char byte = 1;

	(void)state;
	rig_up(&one);
	rig_up(&two);
	rig_send_bytes(&one, &byte, 1, NULL, 0);
	rig_run(&one);
	rig_go(&two);
	rig_run(&one);
	assert_int_equal(one.info.state, VHOST_STATE_NEGOTIATING);
	assert_int_equal(two.info.state, VHOST_STATE_RUNNING);
	rig_down(&two);
	rig_down(&one);
}

/* ---- server ---- */

static void open_server(struct rig *rig)
{
	rig->opts.server = true;
	rig->opts.socket_mode = 0660;
	rig_open(rig);
}

static void go_as_client(struct rig *rig)
{
	rig->fd = rig_connect(rig);
	assert_true(rig->fd >= 0);
	rig_run(rig);
	assert_int_equal(rig->info.state, VHOST_STATE_NEGOTIATING);
	rig_go(rig);
}

static void test_server(void **state)
{
	struct stat st;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	open_server(&rig);
	assert_int_equal(stat(rig.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	for (int i = 0; i < 20; i++) {
		go_as_client(&rig);
		rig_close_fd(&rig.fd);
		rig_run(&rig);
		assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
		rig_tick(&rig, 101);
	}
	assert_int_equal(rig.info.n_connects, 20);
	vhost_session_close(rig.session);
	rig.session = NULL;
	assert_int_equal(stat(rig.path, &st), -1);
	rig_down(&rig);
}

/* A second front-end waits until the first has gone. */
static void test_server_second(void **state)
{
	struct rig rig;
	int second;

	(void)state;
	rig_init(&rig);
	open_server(&rig);
	go_as_client(&rig);
	second = rig_connect(&rig);
	assert_true(second >= 0);
	rig_run(&rig);
	rig_tick(&rig, 10000);
	rig_run(&rig);
	assert_int_equal(rig.info.n_connects, 1);
	assert_int_equal(rig.info.state, VHOST_STATE_RUNNING);
	rig_close_fd(&rig.fd);
	rig.fd = second;
	rig_run(&rig);
	rig_tick(&rig, 101);
	rig_run(&rig);
	assert_int_equal(rig.info.n_connects, 2);
	rig_go(&rig);
	rig_down(&rig);
}

/* After a refusal nobody is taken for a while. */
static void test_server_refused(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	open_server(&rig);
	for (size_t i = 0; i < 3; i++) {
		go_as_client(&rig);
		vhost_session_fail(rig.session, "a loop");
		rig_close_fd(&rig.fd);
		rig.fd = rig_connect(&rig);
		rig_run(&rig);
		assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
		expect_pause(&rig, pauses[2 * i]);
		rig_run(&rig);
		assert_int_equal(rig.info.state, VHOST_STATE_NEGOTIATING);
		/* goes without a word, which counts as well */
		rig_close_fd(&rig.fd);
		rig_run(&rig);
		rig_tick(&rig, 10000);
	}
	rig_down(&rig);
}

static void test_stale(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.listen_fd = rig_listen(&rig);
	rig_close_fd(&rig.listen_fd);
	open_server(&rig);
	go_as_client(&rig);
	rig_down(&rig);
}

/* Somebody else's socket is left alone, and taken over when it is stale. */
static void test_occupied(void **state)
{
	struct stat st;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.listen_fd = rig_listen(&rig);
	open_server(&rig);
	assert_string_equal(rig.info.why, "listening: Address already in use");
	rig_tick(&rig, 10000);
	assert_int_equal(stat(rig.path, &st), 0);
	rig_close_fd(&rig.listen_fd);
	rig_tick(&rig, 20000);
	assert_string_equal(rig.info.why, "");
	go_as_client(&rig);
	rig_down(&rig);
}

static void test_no_socket(void **state)
{
	struct rig rig;
	int fd;

	(void)state;
	rig_init(&rig);
	fd = open(rig.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	open_server(&rig);
	assert_string_equal(rig.info.why, "listening: File exists");
	rig_tick(&rig, 10000);
	vhost_session_close(rig.session);
	rig.session = NULL;
	assert_int_equal(access(rig.path, F_OK), 0);
	rig_down(&rig);
}

/* What somebody has put there since is not ours to remove. */
static void test_replaced(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	open_server(&rig);
	unlink(rig.path);
	rig.listen_fd = rig_listen(&rig);
	vhost_session_close(rig.session);
	rig.session = NULL;
	assert_int_equal(access(rig.path, F_OK), 0);
	rig_down(&rig);
}

static void test_options(void **state)
{
	char path[200];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	memset(path, 'x', sizeof(path));
	path[108] = '\0';
	rig.opts.path = path;
	assert_int_equal(vhost_session_open(&rig.opts, &rig.session),
			 -ENAMETOOLONG);
	path[107] = '\0';
	assert_int_equal(vhost_session_open(&rig.opts, &rig.session), 0);
	vhost_session_close(rig.session);
	rig.session = NULL;
	rig.opts.path = rig.path;
	rig.opts.n_pairs = 0;
	assert_int_equal(vhost_session_open(&rig.opts, &rig.session), -EINVAL);
	rig.opts.n_pairs = VHOST_MAX_PAIRS + 1;
	assert_int_equal(vhost_session_open(&rig.opts, &rig.session), -EINVAL);
	rig_down(&rig);
}

/* ---- who is there ---- */

static void test_user(void **state)
{
	struct rig rig;
	char why[VHOST_WHY_MAX];

	(void)state;
	rig_init(&rig);
	rig.listen_fd = rig_listen(&rig);
	rig.opts.peer_uid = getuid() + 1;
	rig_open(&rig);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	snprintf(why, sizeof(why), "it is user %u: user %u is allowed",
		 getuid(), getuid() + 1);
	assert_string_equal(rig.info.why, why);
	assert_int_equal(rig.info.n_refused, 1);
	assert_int_equal(rig.info.n_strangers, 1);
	assert_null(rig.info.peer_cgroup);
	vhost_session_close(rig.session);
	rig_close_fd(&rig.listen_fd);
	unlink(rig.path);
	rig.listen_fd = rig_listen(&rig);
	rig.opts.peer_uid = getuid();
	rig_open(&rig);
	rig.fd = rig_accept(&rig);
	rig_go(&rig);
	rig_down(&rig);
}

/* A cgroup v2 of our own, or false. */
static bool make_cgroup(char *dir, size_t size)
{
	FILE *f = fopen("/proc/mounts", "re");
	char line[512], at[256] = "", type[32];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %255s %31s", at, type) == 2 &&
		    !strcmp(type, "cgroup2"))
			break;
		else
			at[0] = '\0';
	if (f)
		fclose(f);
	snprintf(dir, size, "%s/test_session-%d.slice", at, getpid());
	return at[0] && !mkdir(dir, 0755);
}

/* A process in cgroup @dir (NULL: ours) that connects and, if @stay, waits. */
static pid_t start_front_end(struct rig *rig, const char *dir, bool stay)
{
	pid_t pid = fork();
	int ready[2], fd;
	char path[400];

	assert_true(pid >= 0);
	if (pid) {
		/* until it is in the backlog */
		struct pollfd p = { .fd = rig->epoll_fd, .events = POLLIN };

		assert_int_equal(poll(&p, 1, 5000), 1);
		return pid;
	}
	if (dir) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(1);
		close(fd);
	}
	fd = rig_connect(rig);
	if (stay && !pipe2(ready, O_CLOEXEC) && read(ready[0], path, 1) >= 0)
		_exit(1);
	_exit(fd < 0);
}

static void try_cgroup(const char *dir, const char *suffix, bool allowed)
{
	struct rig rig;
	pid_t pid;

	rig_init(&rig);
	rig.opts.peer_cgroup = suffix;
	open_server(&rig);
	pid = start_front_end(&rig, dir, true);
	rig_run(&rig);
	if (allowed != (rig.info.state == VHOST_STATE_NEGOTIATING))
		fail_msg("%s: %s", suffix, rig.info.why);
	if (allowed) {
		assert_int_equal(rig.info.peer_pid, pid);
		assert_non_null(rig.info.peer_cgroup);
		assert_non_null(strstr(rig.info.peer_cgroup, "/vm1.scope"));
		assert_int_equal(rig.info.n_strangers, 0);
	} else {
		assert_null(rig.info.peer_cgroup);
		assert_int_equal(rig.info.n_refused, 1);
		assert_int_equal(rig.info.n_strangers, 1);
		assert_non_null(strstr(rig.info.why, " is in cgroup /"));
		assert_non_null(strstr(rig.info.why, suffix));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	rig_down(&rig);
}

static void test_cgroup(void **state)
{
	char dir[300], deep[400], suffix[64], half[64];

	(void)state;
	if (!make_cgroup(dir, sizeof(dir)))
		skip();
	snprintf(deep, sizeof(deep), "%s/vm1.scope", dir);
	assert_int_equal(mkdir(deep, 0755), 0);
	snprintf(suffix, sizeof(suffix), "/test_session-%d.slice/vm1.scope",
		 getpid());
	snprintf(half, sizeof(half), "session-%d.slice/vm1.scope", getpid());
	try_cgroup(deep, "vm1.scope", true);
	try_cgroup(deep, "/vm1.scope", true);
	try_cgroup(deep, suffix, true);
	try_cgroup(deep, half, false);
	try_cgroup(deep, "1.scope", false);
	try_cgroup(deep, "vm2.scope", false);
	try_cgroup(dir, "vm1.scope", false);
	assert_int_equal(rmdir(deep), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* It has gone before anybody could look: its number may be another's. First it
 * is a zombie, which is still in its cgroup, then nothing at all. */
static void try_ended(bool zombie)
{
	siginfo_t info;
	struct rig rig;
	pid_t pid;

	rig_init(&rig);
	rig.opts.peer_cgroup = "/";
	open_server(&rig);
	pid = start_front_end(&rig, NULL, false);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info,
				WEXITED | (zombie ? WNOWAIT : 0)),
			 0);
	rig_run(&rig);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	assert_int_equal(rig.info.n_refused, 1);
	assert_non_null(strstr(rig.info.why, "its process "));
	if (zombie)
		waitpid(pid, NULL, 0);
	rig_down(&rig);
}

static void test_cgroup_ended(void **state)
{
	(void)state;
	try_ended(true);
	try_ended(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_back_off),
		cmocka_unit_test(test_back_off_refused),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_server_second),
		cmocka_unit_test(test_server_refused),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_occupied),
		cmocka_unit_test(test_no_socket),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_cgroup_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
