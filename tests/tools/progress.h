/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How far a sender and its receiver are, in a file that both map: they run on
 * one machine, whatever lies between their devices.
 *
 * It closes the loop. A sender with a window of frames on their way waits, so
 * that no ring has to hold more than that, however long nobody empties it: a
 * machine that is busy with something else makes a transfer slow, not lossy.
 * What counts is how many have arrived, not which: of two queues one may stand
 * still while frames of higher numbers pass by the other. So a frame that is
 * lost stays in the window, and when a window of them is lost the sender gives
 * up after PROGRESS_PATIENCE_S; the receiver is told.
 *
 * Thread-safety: one sender, one receiver; each writes its own members.
 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

#define PROGRESS_PATIENCE_S 60
#define PROGRESS_WINDOW	    32 /* half of the smallest ring of an agent */

enum progress_end {
	PROGRESS_SENDING,
	PROGRESS_ALL,	  /* that were to be sent, or it gave up */
	PROGRESS_STOPPED, /* by a signal: there are only as many as were sent */
};

/* The tests' scripts read this, too. */
struct progress {
	uint32_t sent;	  /* by the sender: frames so far */
	uint32_t ended;	  /* by the sender: enum progress_end */
	uint32_t arrived; /* by the receiver: different frames so far */
};

/* Receiver: makes the file anew. The mapping lasts as long as the process. */
static inline struct progress *progress_create(const char *path)
{
	/* Another file, not the one that an earlier sender has mapped. */
	int fd = unlink(path) && errno != ENOENT
			 ? -1
			 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				0600);
	struct progress *progress;

	if (fd < 0 || ftruncate(fd, sizeof(*progress)))
		die("%s: %s", path, strerror(errno));
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
	if (progress == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	close(fd);
	return progress;
}

/* Sender: there has to be a receiver already. */
static inline struct progress *progress_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct progress *progress;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	if (st.st_size != sizeof(*progress))
		die("%s: no file of a receiver's", path);
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
	if (progress == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	close(fd);
	return progress;
}

static inline uint32_t progress_get(const uint32_t *member)
{
	return __atomic_load_n(member, __ATOMIC_ACQUIRE);
}

static inline void progress_set(uint32_t *member, uint32_t value)
{
	__atomic_store_n(member, value, __ATOMIC_RELEASE);
}

/* Sender: waits until frame @seq may go: @window may be on their way, 0 = any
 * number. False: give up. */
static inline bool progress_wait(const struct progress *progress, uint32_t seq,
				 uint32_t window)
{
	uint32_t arrived = progress_get(&progress->arrived), last = arrived;
	uint64_t since = 0;

	while (window && seq >= arrived && seq - arrived >= window) {
		uint64_t now = now_ns();

		if (stop_requested)
			return false;
		if (!since || arrived != last)
			since = now;
		else if (now - since >= PROGRESS_PATIENCE_S * NSEC_PER_SEC)
			return false;
		last = arrived;
		sleep_until_ns(now + 100000);
		arrived = progress_get(&progress->arrived);
	}
	return true;
}

#endif
