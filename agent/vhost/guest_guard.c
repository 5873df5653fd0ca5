// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Mappings that may lose their file: see guest_guard.h.
 *
 * The theory: a thread that faults is using the mapping, so its entry stays as
 * it is while the handler looks for it. Entries of other mappings may come and
 * go meanwhile; a sequence number, odd while an entry is being changed, keeps
 * the handler from taking half of one for a match.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vhost/guest_guard.h"
#include "vhost/guest_mem.h"

/* All regions and the log of 254 VMs. */
#define MAX_ENTRIES (256 * (GUEST_MAX_REGIONS + 1))

struct entry {
	uint32_t seq;	 /* A: odd while it changes */
	uintptr_t start; /* A: 0 = free */
	size_t size;	 /* A */
	bool *broken;	 /* A: borrowed */
};

static struct entry entries[MAX_ENTRIES];
static uint32_t n_entries; /* A: those behind have never been used */
static pthread_mutex_t change = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction old_action;
static bool installed;

/* With @change held. */
static void set(struct entry *entry, uintptr_t start, size_t size, bool *broken)
{
	uint32_t seq = entry->seq;

	__atomic_store_n(&entry->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&entry->start, start, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->size, size, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->broken, broken, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->seq, seq + 2, __ATOMIC_RELEASE);
}

int guest_guard_add(void *start, size_t size, bool *broken)
{
	int ret = -ENOSPC;

	pthread_mutex_lock(&change);
	for (uint32_t i = 0; i < MAX_ENTRIES && ret; i++) {
		if (entries[i].start)
			continue;
		set(&entries[i], (uintptr_t)start, size, broken);
		if (i >= n_entries)
			__atomic_store_n(&n_entries, i + 1, __ATOMIC_RELEASE);
		ret = 0;
	}
	pthread_mutex_unlock(&change);
	return ret;
}

void guest_guard_move(void *start, bool *broken)
{
	pthread_mutex_lock(&change);
	for (uint32_t i = 0; i < n_entries; i++)
		if (entries[i].start == (uintptr_t)start)
			set(&entries[i], entries[i].start, entries[i].size,
			    broken);
	pthread_mutex_unlock(&change);
}

void guest_guard_del(void *start)
{
	pthread_mutex_lock(&change);
	for (uint32_t i = 0; i < n_entries; i++)
		if (entries[i].start == (uintptr_t)start)
			set(&entries[i], 0, 0, NULL);
	pthread_mutex_unlock(&change);
}

/* A copy of the entry whose mapping @addr is in. */
static bool find(uintptr_t addr, struct entry *ret_entry)
{
	uint32_t n = __atomic_load_n(&n_entries, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++) {
		struct entry *entry = &entries[i];
		struct entry copy;

		copy.seq = __atomic_load_n(&entry->seq, __ATOMIC_ACQUIRE);
		copy.start = __atomic_load_n(&entry->start, __ATOMIC_RELAXED);
		copy.size = __atomic_load_n(&entry->size, __ATOMIC_RELAXED);
		copy.broken = __atomic_load_n(&entry->broken, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (copy.seq & 1 ||
		    copy.seq != __atomic_load_n(&entry->seq, __ATOMIC_RELAXED))
			continue;
		if (addr - copy.start < copy.size) {
			*ret_entry = copy;
			return true;
		}
	}
	return false;
}

/*
 * The whole mapping is replaced, so that there is one fault and not one per
 * page. A second thread that faults at the same time does it once more: what
 * was written in between is lost, as everything else is.
 */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	struct entry entry;
	long ret;

	(void)context;
	if (info->si_code > 0 && find((uintptr_t)info->si_addr, &entry)) {
		ret = syscall(SYS_mmap, entry.start, entry.size,
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED |
				      MAP_NORESERVE,
			      -1, 0);
		if (ret == (long)entry.start) {
			__atomic_store_n(entry.broken, true, __ATOMIC_RELEASE);
			errno = saved;
			return;
		}
	}
	/* Not ours: as it was without us. What has faulted does so again when
	 * this returns; what was sent is sent again. */
	sigaction(sig, &old_action, NULL);
	if (info->si_code <= 0)
		syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid),
			sig);
	errno = saved;
}

int guest_mem_guard(void)
{
	struct sigaction action = {
		.sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	int ret = 0;

	pthread_mutex_lock(&change);
	if (!installed) {
		if (sigaction(SIGBUS, &action, &old_action) < 0)
			ret = -errno;
		else
			installed = true;
	}
	pthread_mutex_unlock(&change);
	return ret;
}
