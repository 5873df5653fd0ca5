// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A session's requests about what is negotiated, and those that are about the
 * device as a whole. What is offered depends on the configuration only: a
 * front-end that meets us again after a restart must find the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vhost/session_private.h"

/* The least that IPv4 may have; what a field of 16 bits can say. */
#define MTU_MIN 68
#define MTU_MAX 65535

#define PROTOCOL_FEATURES                                                     \
	(VHOST_PROTOCOL_MQ | VHOST_PROTOCOL_LOG_SHMFD | VHOST_PROTOCOL_RARP | \
	 VHOST_PROTOCOL_REPLY_ACK | VHOST_PROTOCOL_NET_MTU |                  \
	 VHOST_PROTOCOL_MEM_SLOTS)

static uint64_t offered(const struct vhost_session *s)
{
	return s->opts.features | VHOST_PROTOCOL_FEATURES | VHOST_LOG_ALL;
}

int session_needs(struct vhost_session *s, uint64_t bit, const char *name)
{
	if (s->protocol_features & bit)
		return 0;
	return session_refuse(s, "%s has not been negotiated", name);
}

int session_get_features(struct vhost_session *s, struct message *msg)
{
	return session_reply_u64(s, msg, offered(s));
}

/* Several devices of QEMU's, one per queue pair, send the same in turn. */
int session_set_features(struct vhost_session *s, struct message *msg)
{
	uint64_t features = msg->payload.u64;

	if (features & ~offered(s))
		return session_refuse(s,
				      "0x%" PRIx64 ": 0x%" PRIx64
				      " is not offered",
				      features, features & ~offered(s));
	if (features == s->features)
		return SESSION_DONE;
	session_rings_stop(s);
	s->features = features;
	guest_mem_use_log(s->mem, features & VHOST_LOG_ALL);
	return session_rings_start(s, false);
}

int session_get_protocol_features(struct vhost_session *s, struct message *msg)
{
	return session_reply_u64(s, msg, PROTOCOL_FEATURES);
}

int session_set_protocol_features(struct vhost_session *s, struct message *msg)
{
	uint64_t features = msg->payload.u64;
	uint64_t unknown = features & ~PROTOCOL_FEATURES;

	if (unknown)
		return session_refuse(s,
				      "0x%" PRIx64 ": 0x%" PRIx64
				      " is not offered",
				      features, unknown);
	s->protocol_features = features;
	return SESSION_DONE;
}

int session_get_queue_num(struct vhost_session *s, struct message *msg)
{
	return session_reply_u64(s, msg, s->opts.n_pairs);
}

/* There is nobody else who could own it. */
int session_set_owner(struct vhost_session *s, struct message *msg)
{
	(void)s;
	(void)msg;
	return SESSION_DONE;
}

int session_reset_owner(struct vhost_session *s, struct message *msg)
{
	(void)msg;
	session_rings_disable(s);
	return SESSION_DONE;
}

int session_send_rarp(struct vhost_session *s, struct message *msg)
{
	static const uint8_t none[6];
	uint8_t mac[6];

	if (session_needs(s, VHOST_PROTOCOL_RARP, "RARP"))
		return -EPROTO;
	memcpy(mac, &msg->payload.u64, sizeof(mac));
	if (mac[0] & 1 || !memcmp(mac, none, sizeof(mac)))
		return session_refuse(
			s,
			"%02x:%02x:%02x:%02x:%02x:%02x: the address of a device is allowed",
			mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	s->opts.hooks->rarp(s->opts.arg, mac);
	return SESSION_DONE;
}

/* The guest is not told a larger MTU than the port has: the front-end learns
 * that it does not fit. */
int session_net_set_mtu(struct vhost_session *s, struct message *msg)
{
	uint64_t mtu = msg->payload.u64;

	if (session_needs(s, VHOST_PROTOCOL_NET_MTU, "NET_MTU"))
		return -EPROTO;
	if (mtu < MTU_MIN || mtu > MTU_MAX)
		return session_refuse(s, "%" PRIu64 ": %d to %d are allowed",
				      mtu, MTU_MIN, MTU_MAX);
	if (mtu > s->opts.mtu)
		return SESSION_FAILED;
	s->guest_mtu = (uint16_t)mtu;
	return SESSION_DONE;
}
