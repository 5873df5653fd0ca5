/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the agent has, as JSON: one function per object. status_list.h answers
 * whole requests; pktctl(8) describes the members.
 *
 * Functions return a new reference, or NULL when out of memory. A string
 * that is no UTF-8 (a device may be called anything) has its bad bytes
 * replaced. Control thread.
 */
#ifndef CONTROL_STATUS_H
#define CONTROL_STATUS_H

#include <jansson.h>
#include <stdio.h>

#include "control/bypass.h"
#include "control/snapshot.h"
#include "switching/worker.h"

/* @text as a JSON string. */
json_t *status_text(const char *text);

json_t *status_vm(const struct snapshot_port *sp);
/* What only a vhost-user VM has, which @sp must be. */
json_t *status_vhost(const struct snapshot_port *sp);
json_t *status_port(const struct snapshot_port *sp);
/* Whether the arena got its hugepages: {asked, got, why}. */
json_t *status_hugepages(const struct agent *agent);
/* The account of all frames, and of one port's. */
json_t *status_arena(const struct snapshot *snap);
json_t *status_pool(const struct snapshot_port *sp);
/*
 * The last @n_max changes of pools, or of the pool of @vm, written as text: there
 * may be 4096. Returns how many earlier ones there are in the log.
 */
uint32_t status_pool_log(FILE *out, const struct pools_log *log, const char *vm,
			 uint32_t n_max);

/* Who is behind a VM's port, which has a tag. */
json_t *status_tag(const struct snapshot_port *sp);
/* Appends the classes that the shaper of @port has, an object each, to @array. */
void status_classes(const struct port *port, json_t *array);
json_t *status_queue(const struct queue *queue);
json_t *status_worker(const struct worker *worker);
/* An entry of the forwarding table, written as text: of these there may be
 * 32768, and an object of jansson's takes ten times as long. @port: its name,
 * as JSON. @now_s: monotonic seconds, the clock of entry->seen_s. */
void status_fdb(FILE *out, const struct fdb_key *key,
		const struct fdb_entry *entry, const char *port,
		uint32_t now_s);
/* A pair of vhost-user VMs, written as text because there may be 57360. @from
 * and @to: their names, as JSON. @rules: of the configuration. */
void status_bypass(FILE *out, const char *from, const char *to,
		   uint16_t network, const struct bypass_info *info,
		   const struct config_bypass *rules);
json_t *status_counter(const char *port, enum pkt_reason reason,
		       const struct counter *counter);
json_t *status_version(const struct agent *agent, uint64_t now);

#endif
