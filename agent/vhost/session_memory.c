// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A session's requests about guest memory and its dirty log. Rings stand still
 * while something changes, and find their addresses anew afterwards.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vhost/session_private.h"

/* Room behind the region's own words. */
#define WHY_MAX 112

static int add_region(struct vhost_session *s, struct guest_mem *mem,
		      const struct message_region *region, int fd)
{
	const struct guest_region_spec spec = {
		.gpa = region->gpa,
		.size = region->size,
		.uva = region->uva,
		.offset = region->offset,
	};
	char why[WHY_MAX];

	if (!guest_mem_add(mem, &spec, fd, why, sizeof(why)))
		return 0;
	return session_refuse(s,
			      "region of 0x%" PRIx64 " bytes at 0x%" PRIx64
			      ": %s",
			      spec.size, spec.gpa, why);
}

/* The table in @msg, with the log that there is. */
static int read_table(struct vhost_session *s, struct message *msg,
		      struct guest_mem *mem)
{
	const struct message_mem_table *table = &msg->payload.table;

	for (uint32_t i = 0; i < table->n_regions; i++)
		if (add_region(s, mem, &table->regions[i],
			       message_take_fd(msg, i)))
			return -EPROTO;
	return 0;
}

int session_set_mem_table(struct vhost_session *s, struct message *msg)
{
	struct guest_mem *mem = guest_mem_new();
	char why[WHY_MAX];

	if (!mem)
		return session_refuse(s, "%s", strerror(ENOMEM));
	if (read_table(s, msg, mem)) {
		guest_mem_free(mem);
		return -EPROTO;
	}
	session_rings_stop(s);
	if (guest_mem_take_log(mem, s->mem, why, sizeof(why))) {
		guest_mem_free(mem);
		return session_refuse(s, "%s", why);
	}
	guest_mem_free(s->mem);
	s->mem = mem;
	return session_rings_start(s, false);
}

int session_get_max_mem_slots(struct vhost_session *s, struct message *msg)
{
	return session_reply_u64(s, msg, GUEST_MAX_REGIONS);
}

/* A change of the guest's memory comes in several messages, those that take
 * away first: rings may be without memory in between. */
int session_add_mem_reg(struct vhost_session *s, struct message *msg)
{
	const struct message_region *region = &msg->payload.region.region;
	const struct guest_region_spec spec = {
		.gpa = region->gpa,
		.size = region->size,
		.uva = region->uva,
		.offset = region->offset,
	};
	int fd;

	if (session_needs(s, VHOST_PROTOCOL_MEM_SLOTS, "CONFIGURE_MEM_SLOTS"))
		return -EPROTO;
	fd = message_take_fd(msg, 0);
	if (guest_mem_add_again(s->mem, &spec, fd))
		return SESSION_DONE;
	session_rings_stop(s);
	if (add_region(s, s->mem, region, fd))
		return -EPROTO;
	return session_rings_start(s, true);
}

int session_rem_mem_reg(struct vhost_session *s, struct message *msg)
{
	const struct message_region *region = &msg->payload.region.region;
	const struct guest_region_spec spec = {
		.gpa = region->gpa,
		.size = region->size,
		.uva = region->uva,
	};

	if (session_needs(s, VHOST_PROTOCOL_MEM_SLOTS, "CONFIGURE_MEM_SLOTS"))
		return -EPROTO;
	session_rings_stop(s);
	if (guest_mem_del(s->mem, &spec))
		return session_refuse(s,
				      "region of 0x%" PRIx64
				      " bytes at 0x%" PRIx64 ": there is none",
				      spec.size, spec.gpa);
	return session_rings_start(s, true);
}

int session_set_log_base(struct vhost_session *s, struct message *msg)
{
	const struct message_log *log = &msg->payload.log;
	char why[WHY_MAX];
	int ret;

	if (session_needs(s, VHOST_PROTOCOL_LOG_SHMFD, "LOG_SHMFD"))
		return -EPROTO;
	session_rings_stop(s);
	if (guest_mem_set_log(s->mem, message_take_fd(msg, 0), log->offset,
			      log->size, why, sizeof(why)))
		return session_refuse(s, "%s", why);
	guest_mem_use_log(s->mem, s->features & VHOST_LOG_ALL);
	ret = session_rings_start(s, false);
	if (ret)
		return ret;
	return session_reply(s, msg, NULL, 0);
}

/* An eventfd that we might write to when the log has changed. Nobody waits for
 * that: the log is read when the front-end wants to. */
int session_set_log_fd(struct vhost_session *s, struct message *msg)
{
	(void)s;
	(void)msg;
	return SESSION_DONE;
}
