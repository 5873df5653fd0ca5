// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Pressure stall information on the real kernel: a cgroup whose task cannot keep
 * the file it reads in 16 MiB waits for memory, by the file of the host.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/psi.h"
#include "unit.h"

#define FILE_BYTES  (128u << 20)
#define LIMIT	    "16777216"
#define N_HOGS	    4
#define PATIENCE_MS 20000

static char cgroup[128], file[64];

static bool put(const char *dir, const char *name, const char *text)
{
	char path[256];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) >= 0;
	close(fd);
	return ok;
}

/* By the limit of version 2 or 1, whichever has the memory controller. */
static bool make_cgroup(void)
{
	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup/pktagent-psi-%d",
		 getpid());
	if (!mkdir(cgroup, 0755) && put(cgroup, "memory.max", LIMIT))
		return true;
	rmdir(cgroup);
	snprintf(cgroup, sizeof(cgroup),
		 "/sys/fs/cgroup/memory/pktagent-psi-%d", getpid());
	return !mkdir(cgroup, 0755) &&
	       put(cgroup, "memory.limit_in_bytes", LIMIT);
}

/* A file that is on the disk and not in memory. */
static bool make_file(void)
{
	static char data[1 << 20];
	int fd;

	strcpy(file, "/var/tmp/pktagent-psi-XXXXXX");
	fd = mkostemp(file, O_CLOEXEC);
	if (fd < 0)
		return false;
	for (uint32_t i = 0; i < FILE_BYTES / sizeof(data); i++)
		if (write(fd, data, sizeof(data)) != sizeof(data))
			break;
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return !close(fd);
}

static pid_t start_hog(void)
{
	static char data[1 << 16];
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	alarm(2 * PATIENCE_MS / 1000);
	if (!put(cgroup, "cgroup.procs", "0"))
		_exit(1);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	for (;;)
		if (read(fd, data, sizeof(data)) <= 0)
			lseek(fd, 0, SEEK_SET);
}

static void test_event(void **state)
{
	struct epoll_event event = { .events = EPOLLPRI };
	pid_t hogs[N_HOGS];
	int fd, epoll_fd, n;

	(void)state;
	assert_int_equal(psi_open(PSI_MEMORY, &fd), 0);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
	for (uint32_t i = 0; i < N_HOGS; i++)
		hogs[i] = start_hog();
	n = epoll_wait(epoll_fd, &event, 1, PATIENCE_MS);
	for (uint32_t i = 0; i < N_HOGS; i++) {
		kill(hogs[i], SIGKILL);
		waitpid(hogs[i], NULL, 0);
	}
	assert_int_equal(n, 1);
	assert_int_equal(event.events, EPOLLPRI);
	/* Told once; and not twice in a window. */
	assert_int_equal(epoll_wait(epoll_fd, &event, 1, 0), 0);
	close(epoll_fd);
	close(fd);
}

static void test_refused(void **state)
{
	int fd = -7, err;

	(void)state;
	err = psi_open("/proc/pressure/nothing", &fd);
	assert_int_equal(err, -ENOENT);
	assert_string_equal(psi_why(err),
			    "the kernel was built without it (CONFIG_PSI)");
	/* Neither is this one for triggers. */
	assert_true(psi_open("/proc/version", &fd) < 0);
	assert_int_equal(fd, -7);
	assert_non_null(strstr(psi_why(-EPERM), "CAP_SYS_RESOURCE"));
	assert_non_null(strstr(psi_why(-EOPNOTSUPP), "psi=1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_refused),
	};
	int fd, err, ret;

	err = psi_open(PSI_MEMORY, &fd);
	if (!err)
		close(fd);
	if (err || !make_cgroup() || !make_file()) {
		rmdir(cgroup);
		unlink(file);
		printf("no pressure can be made: %s\n",
		       err ? psi_why(err) : "no memory cgroup, or no room");
		return EXIT_SKIP;
	}
	ret = cmocka_run_group_tests_name("psi", tests, NULL, NULL);
	unlink(file);
	rmdir(cgroup);
	return ret;
}
