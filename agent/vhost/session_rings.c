// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A session's rings: what the front-end says of them, and when they run.
 *
 * Source: the vhost-user specification, "Ring states"; virtio 1.2, 2.7 "Split
 * Virtqueues" for sizes and alignments.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vhost/session_private.h"

#define MAX_ENTRIES 32768

#define DESC_ALIGN  16
#define AVAIL_ALIGN 2
#define USED_ALIGN  4

static uint64_t desc_size(uint32_t num)
{
	return 16ull * num;
}

static uint64_t avail_size(uint32_t num)
{
	return 6 + 2ull * num;
}

static uint64_t used_size(uint32_t num)
{
	return 6 + 8ull * num;
}

/* ---- start and stop ---- */

/* Without the protocol's features nobody says so, and rings are enabled. */
static bool is_enabled(const struct vhost_session *s,
		       const struct session_ring *ring)
{
	if (ring->enable_told)
		return ring->enabled;
	return !(s->features & VHOST_PROTOCOL_FEATURES);
}

static bool has_all(const struct vhost_session *s,
		    const struct session_ring *ring)
{
	return ring->has_num && ring->has_addr && ring->has_base &&
	       ring->has_kick && s->mem->n_regions;
}

/* One part of a ring here, or NULL with the reason. */
static void *find_part(struct vhost_session *s, const char *what, uint64_t uva,
		       uint64_t size, uint32_t align)
{
	void *part = guest_mem_at_uva(s->mem, uva, size, align, NULL);

	if (!part && guest_mem_is_broken(s->mem))
		session_refuse(s, "%s: memory cannot be mapped", what);
	else if (!part)
		session_refuse(
			s,
			"%s at 0x%" PRIx64 ", %" PRIu64
			" bytes: not in one region of memory, or not aligned to %u",
			what, uva, size, align);
	return part;
}

static int find_parts(struct vhost_session *s, const struct session_ring *ring,
		      struct vhost_ring_start *start)
{
	uint32_t num = ring->num;

	start->desc_uva = ring->addr.desc_uva;
	start->avail_uva = ring->addr.avail_uva;
	start->used_uva = ring->addr.used_uva;
	start->desc = find_part(s, "descriptors", start->desc_uva,
				desc_size(num), DESC_ALIGN);
	if (!start->desc)
		return -EPROTO;
	start->avail = find_part(s, "available ring", start->avail_uva,
				 avail_size(num), AVAIL_ALIGN);
	if (!start->avail)
		return -EPROTO;
	start->used = find_part(s, "used ring", start->used_uva, used_size(num),
				USED_ALIGN);
	return start->used ? 0 : -EPROTO;
}

/* Its last byte must have a bit in the log. */
static int check_log(struct vhost_session *s, const struct session_ring *ring)
{
	uint64_t last = ring->addr.log_gpa + used_size(ring->num) - 1;

	if (last < ring->addr.log_gpa || last >> 15 >= s->mem->log.size)
		return session_refuse(s,
				      "log address 0x%" PRIx64
				      " of a used ring of %" PRIu64
				      " bytes: the log has 0x%" PRIx64 " bytes",
				      ring->addr.log_gpa, used_size(ring->num),
				      s->mem->log.size);
	return 0;
}

static int start_ring(struct vhost_session *s, uint32_t index, bool wait)
{
	struct session_ring *ring = &s->rings[index];
	struct vhost_ring_start start = {
		.index = index,
		.num = ring->num,
		.features = s->features,
		.mem = s->mem,
		.used_log_gpa = ring->addr.log_gpa,
		.base = ring->base,
		.kick_fd = ring->kick_fd,
		.call_fd = ring->call_fd,
	};
	char why[VHOST_WHY_MAX - 16] = "";

	if (find_parts(s, ring, &start))
		return wait && !guest_mem_is_broken(s->mem) ? 0 : -EPROTO;
	start.log_used = ring->addr.flags & MESSAGE_RING_F_LOG &&
			 guest_mem_logs(s->mem);
	if (start.log_used && check_log(s, ring))
		return -EPROTO;
	ring->enabled = is_enabled(s, ring);
	start.enabled = ring->enabled;
	if (s->opts.hooks->start(s->opts.arg, &start, why, sizeof(why)) < 0)
		return session_refuse(s, "ring %u: %s", index, why);
	ring->running = true;
	s->end_why[0] = '\0'; /* of no interest any more */
	s->changed = true;
	return 0;
}

int session_rings_start(struct vhost_session *s, bool wait)
{
	for (uint32_t i = 0; i < session_n_rings(s); i++) {
		struct session_ring *ring = &s->rings[i];

		if (!ring->running && has_all(s, ring) &&
		    start_ring(s, i, wait))
			return -EPROTO;
	}
	return 0;
}

static void stop_ring(struct vhost_session *s, uint32_t index)
{
	struct session_ring *ring = &s->rings[index];

	if (!ring->running)
		return;
	ring->base = s->opts.hooks->stop(s->opts.arg, index);
	ring->running = false;
	s->changed = true;
}

void session_rings_stop(struct vhost_session *s)
{
	for (uint32_t i = 0; i < session_n_rings(s); i++)
		stop_ring(s, i);
}

static void init_ring(struct session_ring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->kick_fd = -1;
	ring->call_fd = -1;
}

void session_rings_init(struct vhost_session *s)
{
	for (uint32_t i = 0; i < VHOST_MAX_RINGS; i++)
		init_ring(&s->rings[i]);
}

static void replace_fd(int *fd, int with)
{
	if (*fd >= 0)
		close(*fd);
	*fd = with;
}

void session_rings_done(struct vhost_session *s)
{
	session_rings_stop(s);
	for (uint32_t i = 0; i < session_n_rings(s); i++) {
		replace_fd(&s->rings[i].kick_fd, -1);
		replace_fd(&s->rings[i].call_fd, -1);
		init_ring(&s->rings[i]);
	}
}

static void enable_ring(struct vhost_session *s, uint32_t index, bool enabled)
{
	struct session_ring *ring = &s->rings[index];
	bool was = ring->enabled;

	ring->enable_told = true;
	ring->enabled = enabled;
	if (ring->running && enabled != was) {
		s->opts.hooks->enable(s->opts.arg, index, enabled);
		s->changed = true;
	}
}

void session_rings_disable(struct vhost_session *s)
{
	for (uint32_t i = 0; i < session_n_rings(s); i++)
		enable_ring(s, i, false);
}

/* ---- requests ---- */

/* NULL with the reason if there is no such ring. */
static struct session_ring *find_ring(struct vhost_session *s, uint32_t index)
{
	if (index < session_n_rings(s))
		return &s->rings[index];
	session_refuse(s, "ring %u: there are %u", index, session_n_rings(s));
	return NULL;
}

int session_set_vring_num(struct vhost_session *s, struct message *msg)
{
	const struct message_ring_state *state = &msg->payload.state;
	struct session_ring *ring = find_ring(s, state->index);

	if (!ring)
		return -EPROTO;
	if (!state->num || state->num > MAX_ENTRIES ||
	    state->num & (state->num - 1))
		return session_refuse(s,
				      "%u: a power of two up to %d is allowed",
				      state->num, MAX_ENTRIES);
	if (ring->running && state->num != ring->num)
		return session_refuse(s, "ring %u runs", state->index);
	ring->num = state->num;
	ring->has_num = true;
	return session_rings_start(s, false);
}

int session_set_vring_base(struct vhost_session *s, struct message *msg)
{
	const struct message_ring_state *state = &msg->payload.state;
	struct session_ring *ring = find_ring(s, state->index);

	if (!ring)
		return -EPROTO;
	if (state->num > UINT16_MAX)
		return session_refuse(s, "%u: up to %u is allowed", state->num,
				      UINT16_MAX);
	if (ring->running)
		return session_refuse(s, "ring %u runs", state->index);
	ring->base = (uint16_t)state->num;
	ring->has_base = true;
	return session_rings_start(s, false);
}

/* Comes also while the ring runs, with another flag, when the dirty log is
 * switched on or off. */
int session_set_vring_addr(struct vhost_session *s, struct message *msg)
{
	const struct message_ring_addr *addr = &msg->payload.addr;
	struct session_ring *ring = find_ring(s, addr->index);

	if (!ring)
		return -EPROTO;
	if (addr->flags & ~MESSAGE_RING_F_LOG)
		return session_refuse(s, "flags 0x%x: 0x%x is allowed",
				      addr->flags, MESSAGE_RING_F_LOG);
	if (addr->desc_uva % DESC_ALIGN || addr->avail_uva % AVAIL_ALIGN ||
	    addr->used_uva % USED_ALIGN)
		return session_refuse(
			s,
			"descriptors 0x%" PRIx64 ", available 0x%" PRIx64
			", used 0x%" PRIx64
			": multiples of %d, %d and %d are allowed",
			addr->desc_uva, addr->avail_uva, addr->used_uva,
			DESC_ALIGN, AVAIL_ALIGN, USED_ALIGN);
	stop_ring(s, addr->index);
	ring->addr = *addr;
	ring->has_addr = true;
	return session_rings_start(s, false);
}

/* The ring stops, and waits for a kick descriptor. The call descriptor stays: a
 * front-end may have set the next one already. */
int session_get_vring_base(struct vhost_session *s, struct message *msg)
{
	struct message_ring_state state = msg->payload.state;
	struct session_ring *ring = find_ring(s, state.index);

	if (!ring)
		return -EPROTO;
	stop_ring(s, state.index);
	replace_fd(&ring->kick_fd, -1);
	ring->has_kick = false;
	state.num = ring->base;
	return session_reply(s, msg, &state, sizeof(state));
}

/*
 * Other descriptors than eventfds can do anything: wait for ever when they are
 * written to, or be ready for ever. O_NONBLOCK belongs to the open file, which
 * the front-end shares.
 */
static int check_eventfd(struct vhost_session *s, int fd)
{
	char path[32], target[64];
	ssize_t n;
	int flags;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return session_refuse(s, "%s: %s", path, strerror(errno));
	target[n] = '\0';
	if (strcmp(target, "anon_inode:[eventfd]"))
		return session_refuse(
			s, "the file descriptor is no eventfd, but %s", target);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return session_refuse(s, "O_NONBLOCK: %s", strerror(errno));
	return 0;
}

/* The ring and descriptor (-1: none) of KICK, CALL and ERR. */
static int read_fd(struct vhost_session *s, struct message *msg,
		   uint32_t *ret_index, int *ret_fd)
{
	uint64_t value = msg->payload.u64;
	bool none = value & MESSAGE_NO_FD;

	if (value & ~(uint64_t)(MESSAGE_RING_MASK | MESSAGE_NO_FD))
		return session_refuse(
			s, "0x%" PRIx64 ": bits 0 to 8 are allowed", value);
	if (!find_ring(s, value & MESSAGE_RING_MASK))
		return -EPROTO;
	if (msg->n_fds != !none)
		return session_refuse(s, "%u file descriptors, and bit 8 is %d",
				      msg->n_fds, none);
	if (!none && check_eventfd(s, msg->fds[0]))
		return -EPROTO;
	*ret_index = value & MESSAGE_RING_MASK;
	*ret_fd = none ? -1 : message_take_fd(msg, 0);
	return 0;
}

int session_set_vring_kick(struct vhost_session *s, struct message *msg)
{
	uint32_t index;
	int fd;

	if (read_fd(s, msg, &index, &fd))
		return -EPROTO;
	stop_ring(s, index);
	replace_fd(&s->rings[index].kick_fd, fd);
	s->rings[index].has_kick = true;
	return session_rings_start(s, false);
}

int session_set_vring_call(struct vhost_session *s, struct message *msg)
{
	struct session_ring *ring;
	uint32_t index;
	int fd;

	if (read_fd(s, msg, &index, &fd))
		return -EPROTO;
	ring = &s->rings[index];
	if (ring->running)
		s->opts.hooks->call_fd(s->opts.arg, index, fd);
	replace_fd(&ring->call_fd, fd);
	return SESSION_DONE;
}

/* We end the connection when something is wrong, which is louder. */
int session_set_vring_err(struct vhost_session *s, struct message *msg)
{
	uint32_t index;
	int fd = -1;

	if (read_fd(s, msg, &index, &fd))
		return -EPROTO;
	replace_fd(&fd, -1);
	return SESSION_DONE;
}

int session_set_vring_enable(struct vhost_session *s, struct message *msg)
{
	const struct message_ring_state *state = &msg->payload.state;

	if (!find_ring(s, state->index))
		return -EPROTO;
	if (state->num > 1)
		return session_refuse(s, "%u: 0 or 1 is allowed", state->num);
	enable_ring(s, state->index, state->num);
	return SESSION_DONE;
}
