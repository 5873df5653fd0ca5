/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Guests behind vhost-user: their packets to the switch or past it, and
 * packets to them. All functions: the worker that serves the pair, unless said
 * otherwise.
 *
 * From a guest. A batch is copied out of the guest's memory first, then its
 * ring's used index is published, then the packets go where they go: an agent
 * that is killed may lose packets so, but never send one twice (design D6).
 * The sources are checked as the program "port" checks them for other VMs.
 *
 * The bypass. A packet to another guest that the port's bypass bitmap allows
 * is written straight into that guest's ring: one copy, by the sender's
 * worker, which holds the ring's lock for a run of packets. It goes through
 * the switch nevertheless while packets to that guest are staged or wait, so
 * that none overtakes another, and if the other guest does not take it as it
 * is.
 *
 * To a guest. What finds no buffer waits, up to the port's out_max frames; the
 * guest's next kick brings it on its way. Segments of one TCP connection that
 * came one after the other are merged for guests that take large packets.
 */
#ifndef SWITCHING_GUEST_H
#define SWITCHING_GUEST_H

#include "switching/worker.h"
#include "vhost/pair.h"

/* Reads up to one batch from the guest. Returns the number of packets. */
uint32_t guest_receive(struct worker *worker, struct vhost_pair *pair);

/* Gives the guest what waits for it. Returns how many packets found room. */
uint32_t guest_drain(struct worker *worker, struct vhost_pair *pair);

/* Sends @n staged packets, at most BATCH, to the guest behind @port; @packets
 * is written to. Any worker. */
void guest_send(struct worker *worker, struct port *port, uint64_t *packets,
		uint32_t n);

/* The same for packets that @port is charged with: from its shaper. */
void guest_send_charged(struct worker *worker, struct port *port,
			uint64_t *packets, uint32_t n);

/* How many packets the worker may send to the guest so that hardly any have to
 * wait behind its shaper: up to BATCH. */
uint32_t guest_room(const struct worker *worker, const struct port *port);

/* Calls the guest for what was published since, if it wants that. Returns the
 * nanoseconds until it has to be asked again because of moderation; 0: not at
 * all. */
uint64_t guest_call(struct vhost_pair *pair);

/* The same for the ring to the guest only; any worker. Unless it @may_wait the
 * call is not put off. */
uint64_t guest_call_rx(struct vhost_pair *pair, bool may_wait);

/* Before sleeping: has the guest kick for what we wait for; after: not. */
void guest_kicks_on(struct vhost_pair *pair);
void guest_kicks_off(struct vhost_pair *pair);

/* Whether something has come since guest_kicks_on(). */
bool guest_has_work(const struct vhost_pair *pair);

/* Tells the network of @port that @mac is there, by a broadcast from it: after
 * a migration, for guests that do not do it themselves. */
void guest_announce(struct worker *worker, const struct port *port,
		    const uint8_t mac[6]);

/* Gives what waits for the guest to @cache. Nobody serves the pair any more. */
void guest_drop_waiting(struct vhost_pair *pair, struct frame_cache *cache);

#endif
