/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Other processes, by their number: who they are, and which of them has a tap
 * open. A number may come to mean another process at any time, so what is to be
 * sure of one is asked of a descriptor (SO_PEERPIDFD) or compared by the time
 * it was started. Any thread.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_CGROUP_MAX	4096

/* The path of the process in cgroup v2. 0; -ENOENT: it has none; or another
 * negative errno. */
int process_cgroup(pid_t pid, char *ret_path, size_t size);

/* Whether @suffix is the end of the cgroup path @path, by whole names:
 * "vm1.scope" is one of "/machine.slice/vm1.scope", and of nothing that ends in
 * "-vm1.scope". */
bool process_cgroup_ends(const char *path, const char *suffix);

/* The cgroup's number (its directory's inode, bpf_get_current_cgroup_id());
 * 0 if it cannot be told. */
uint64_t process_cgroup_id(const char *path);

/* The effective user. 0 or a negative errno. */
int process_uid(pid_t pid, uid_t *ret_uid);

/* ---- taps ---- */

/* A descriptor of a tap, in some process. */
struct process_tap {
	pid_t pid;
	int fd;
	uint64_t started;	/* the process: clock ticks since boot */
};

/* The descriptors of taps, of all processes, at one moment. */
struct process_taps;

/*
 * Looks at every descriptor of every process: about 5 ms for a thousand, so not
 * often. Processes that may not be looked at are passed over: without
 * CAP_SYS_PTRACE, those of other users. NULL when out of memory; to be freed
 * with process_taps_free(), which takes NULL.
 */
struct process_taps *process_taps_read(void);
void process_taps_free(struct process_taps *taps);

/* Calls @found for each that is of the tap @ifname, of the network namespace
 * that we are in, until it returns false. */
void process_taps_find(const struct process_taps *taps, const char *ifname,
		       bool (*found)(const struct process_tap *tap, void *arg),
		       void *arg);

/* Whether it is still there: that process has that tap by that number. */
bool process_has_tap(const struct process_tap *tap, const char *ifname);

#endif
