/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that a front-end might give us as a guest's memory, good ones and
 * others, for tests and fuzzers. Each returns a descriptor that is the
 * caller's.
 */
#ifndef TESTS_GUEST_FILES_H
#define TESTS_GUEST_FILES_H

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUEST_FILE_NAME "guest_file"

static inline int guest_file(uint64_t size)
{
	int fd = memfd_create(GUEST_FILE_NAME, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		abort();
	return fd;
}

static inline int guest_file_again(uint64_t size, int flags)
{
	int fd = guest_file(size), again;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	close(fd);
	return again;
}

static inline int guest_file_read_only(uint64_t size)
{
	return guest_file_again(size, O_RDONLY);
}

static inline int guest_file_write_only(uint64_t size)
{
	return guest_file_again(size, O_WRONLY);
}

/* As large as a file can be. */
static inline int guest_file_sparse(uint64_t size)
{
	(void)size;
	return guest_file(INT64_MAX & ~0xfffull);
}

static inline int guest_file_device(uint64_t size)
{
	(void)size;
	return open("/dev/zero", O_RDWR | O_CLOEXEC);
}

static inline int guest_file_proc(uint64_t size)
{
	(void)size;
	return open("/proc/self/comm", O_RDWR | O_CLOEXEC);
}

static inline int guest_file_pipe(uint64_t size)
{
	int fds[2];

	(void)size;
	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	close(fds[0]);
	return fds[1];
}

/* How many descriptors this process has open. */
static inline uint32_t guest_files_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint32_t n = 0;

	if (!dir)
		abort();
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#endif
