/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The forwarding table: which port a (network, MAC) is on.
 *
 * Static entries come from the configuration; learned ones from packets, with
 * ageing and a limit per port, so that no VM can fill the table. The table is
 * mirrored in the BPF map `fdb` by its only writer, the control thread; this
 * module knows nothing of that.
 *
 * Thread-safety: fdb_lookup() by any thread registered with RCU (QSBR),
 * everything else by the control thread.
 */
#ifndef SWITCHING_FDB_H
#define SWITCHING_FDB_H

#include <stdbool.h>
#include <stdint.h>

#include <pktagent/maps.h>

struct fdb;

struct fdb_found {
	uint16_t port;		/* slot */
	uint8_t flags;		/* FDB_F_* */
	uint32_t number;	/* the entry's own: not 0, and never another's
				 * as long as the table is there */
};

/* NULL when out of memory. */
struct fdb *fdb_new(void);
/* No reader may be left. NULL is allowed. */
void fdb_free(struct fdb *fdb);

/* Whether (network, MAC) is known, and where. If that is @seen_at (0: nowhere),
 * @now_s (monotonic seconds) is noted as the time it was last seen: nobody but
 * its owner keeps an entry alive. Worker or control thread. */
bool fdb_lookup(struct fdb *fdb, const struct fdb_key *key, uint16_t seen_at,
		uint32_t now_s, struct fdb_found *ret_found);

/*
 * Adds an entry or moves an existing one to @port. A learned entry never
 * replaces a static one (-EEXIST). -ENOSPC: PKT_MAX_FDB entries are there
 * already. -EALREADY: the entry is there and on that port; seen is updated.
 */
int fdb_set(struct fdb *fdb, const struct fdb_key *key, uint16_t port,
	    uint8_t flags, uint32_t now_s);
int fdb_del(struct fdb *fdb, const struct fdb_key *key);

uint32_t fdb_count(const struct fdb *fdb);

/* Called for each entry; returning true deletes it. */
typedef bool (*fdb_visit)(const struct fdb_key *key,
			  const struct fdb_entry *entry, void *arg);
/* Visits all entries. The order is not defined. Returns how many it deleted. */
uint32_t fdb_each(struct fdb *fdb, fdb_visit visit, void *arg);

#endif
