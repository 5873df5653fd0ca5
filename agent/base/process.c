// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What /proc says of other processes: see process.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/base.h"
#include "base/process.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438 /* Linux 5.6 */
#endif

/* ---- who it is ---- */

/* The first line of @file that begins with @head, without that and the newline.
 * 0, -ENOENT if there is none, or another negative errno. */
static int read_line(const char *file, const char *head, char *ret_line,
		     size_t size)
{
	char line[PROCESS_CGROUP_MAX + 16];
	int ret = -ENOENT;
	FILE *f;

	f = fopen(file, "re");
	if (!f)
		return -errno;
	while (ret && fgets(line, sizeof(line), f)) {
		if (strncmp(line, head, strlen(head)))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(ret_line, size, "%s", line + strlen(head));
		ret = 0;
	}
	fclose(f);
	return ret;
}

int process_cgroup(pid_t pid, char *ret_path, size_t size)
{
	char file[64];

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	return read_line(file, "0::", ret_path, size);
}

bool process_cgroup_ends(const char *path, const char *suffix)
{
	size_t len = strlen(path), n;
	const char *at;

	while (*suffix == '/')
		suffix++;
	n = strlen(suffix);
	if (n > len)
		return false;
	at = path + len - n;
	return !strcmp(at, suffix) && (at == path || at[-1] == '/');
}

uint64_t process_cgroup_id(const char *path)
{
	/* Alone, or beside version 1. */
	static const char *const mounts[] = { "/sys/fs/cgroup",
					      "/sys/fs/cgroup/unified" };
	char dir[PROCESS_CGROUP_MAX + 32];
	struct statfs fs;
	struct stat st;

	for (size_t i = 0; path[0] && i < ARRAY_SIZE(mounts); i++) {
		snprintf(dir, sizeof(dir), "%s%s", mounts[i], path);
		if (!statfs(dir, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC &&
		    !stat(dir, &st))
			return st.st_ino;
	}
	return 0;
}

int process_uid(pid_t pid, uid_t *ret_uid)
{
	unsigned int real, effective;
	char file[64], line[128];
	int ret;

	/* Not the owner of /proc/PID: that is root when it has changed its
	 * user. */
	snprintf(file, sizeof(file), "/proc/%d/status", (int)pid);
	ret = read_line(file, "Uid:", line, sizeof(line));
	if (ret)
		return ret;
	if (sscanf(line, "%u %u", &real, &effective) != 2)
		return -EPROTO;
	*ret_uid = effective;
	return 0;
}

/* When it was started; 0: it is not there. */
static uint64_t start_time(pid_t pid)
{
	char file[64], line[1024];
	const char *at;
	char *end;

	snprintf(file, sizeof(file), "/proc/%d/stat", (int)pid);
	if (read_line(file, "", line, sizeof(line)))
		return 0;
	/* Its name may have anything in it but ends with the last ')'; the
	 * time is field 22, and the name was the second. */
	at = strrchr(line, ')');
	for (int i = 2; at && i < 22; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, &end, 10) : 0;
}

/* ---- taps ---- */

/* Taps of different namespaces may have one name, and whoever may make a
 * namespace can make one: the descriptor itself is asked where its tap is. */
static bool is_here(pid_t pid, int fd)
{
	_cleanup_close_ int pidfd = -1, copy = -1, netns = -1;
	struct stat here, there;

	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return false;
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (copy < 0)
		return false;
	netns = ioctl(copy, TUNGETDEVNETNS);
	return netns >= 0 && !fstat(netns, &there) &&
	       !stat("/proc/thread-self/ns/net", &here) &&
	       here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

static bool is_tap(pid_t pid, int fd, const char *ifname)
{
	char file[64], line[64];

	snprintf(file, sizeof(file), "/proc/%d/fdinfo/%d", (int)pid, fd);
	return !read_line(file, "iff:\t", line, sizeof(line)) &&
	       !strcmp(line, ifname);
}

bool process_has_tap(const struct process_tap *tap, const char *ifname)
{
	return is_tap(tap->pid, tap->fd, ifname) &&
	       start_time(tap->pid) == tap->started;
}

/* A number in a directory of /proc; -1: it is none. */
static int entry_number(const struct dirent *entry)
{
	char *end;
	long n = strtol(entry->d_name, &end, 10);

	return *end || end == entry->d_name ? -1 : (int)n;
}

/* Whether descriptor @name in @dir is of the device of taps, which may have
 * another name in the process's root. */
static bool is_tun(int dir, const char *name)
{
	static const char end[] = "/net/tun";
	char target[256];
	ssize_t len = readlinkat(dir, name, target, sizeof(target));

	return len >= (ssize_t)strlen(end) &&
	       !memcmp(target + len - strlen(end), end, strlen(end));
}

struct process_taps {
	uint32_t n, size;
	struct process_tap *taps; /* owned */
};

/* 0 or -ENOMEM. */
static int add_tap(struct process_taps *taps, pid_t pid, int fd)
{
	if (taps->n == taps->size) {
		uint32_t size = taps->size ? 2 * taps->size : 64;
		struct process_tap *more;

		more = realloc(taps->taps, size * sizeof(*more));
		if (!more)
			return -ENOMEM;
		taps->taps = more;
		taps->size = size;
	}
	taps->taps[taps->n++] =
		(struct process_tap){ pid, fd, start_time(pid) };
	return 0;
}

static int read_process(struct process_taps *taps, pid_t pid)
{
	const struct dirent *entry;
	char path[64];
	int err = 0, fd;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!err && (entry = readdir(dir))) {
		fd = entry_number(entry);
		if (fd >= 0 && is_tun(dirfd(dir), entry->d_name))
			err = add_tap(taps, pid, fd);
	}
	closedir(dir);
	return err;
}

struct process_taps *process_taps_read(void)
{
	struct process_taps *taps = calloc(1, sizeof(*taps));
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int err = 0, pid;

	while (taps && dir && !err && (entry = readdir(dir))) {
		pid = entry_number(entry);
		if (pid > 0)
			err = read_process(taps, pid);
	}
	if (dir)
		closedir(dir);
	if (err) {
		process_taps_free(taps);
		return NULL;
	}
	return taps;
}

void process_taps_free(struct process_taps *taps)
{
	if (!taps)
		return;
	free(taps->taps);
	free(taps);
}

void process_taps_find(const struct process_taps *taps, const char *ifname,
		       bool (*found)(const struct process_tap *tap, void *arg),
		       void *arg)
{
	for (uint32_t i = 0; i < taps->n; i++) {
		const struct process_tap *tap = &taps->taps[i];

		if (process_has_tap(tap, ifname) &&
		    is_here(tap->pid, tap->fd) && !found(tap, arg))
			return;
	}
}
