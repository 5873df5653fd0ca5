// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a session does with messages that make sense: the sequences of QEMU 7.2
 * and of DPDK's virtio-user, changes while rings run, and messages that come in
 * pieces.
 */
#include "session_rig.h"

/* ---- starting ---- */

static void test_qemu(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	assert_int_equal(rig.info.state, VHOST_STATE_NEGOTIATING);
	assert_int_equal(rig.info.peer_pid, getpid());
	assert_int_equal(rig.info.peer_uid, getuid());
	rig_negotiate(&rig);
	assert_int_equal(rig_get_u64(&rig, FRONT_GET_MAX_MEM_SLOTS), 32);
	/* when its device is made, long before the driver's start: */
	for (uint32_t i = 0; i < RIG_RINGS; i++) {
		rig_send_event(&rig, FRONT_SET_VRING_CALL, i);
		rig_send_event(&rig, FRONT_SET_VRING_ERR, i);
	}
	rig_enable_ring(&rig, 0, true);
	rig_enable_ring(&rig, 1, true);
	/* the driver has started */
	rig_features(&rig, 0);
	rig_send_table(&rig);
	rig_start_ring(&rig, 0, 0);
	rig_start_ring(&rig, 1, 0);
	rig_enable_ring(&rig, 0, true);
	rig_quiet(&rig);

	assert_int_equal(rig.info.state, VHOST_STATE_RUNNING);
	assert_int_equal(rig.info.features, RIG_FEATURES | FRONT_F_PROTOCOL);
	assert_int_equal(rig.info.protocol_features, RIG_PROTOCOL);
	assert_int_equal(rig.info.n_regions, 1);
	assert_int_equal(rig.info.mem_size, RIG_MEM_SIZE);
	assert_int_equal(rig.info.mem_mapped, RIG_MEM_SIZE);
	assert_int_equal(rig.info.n_rings, RIG_RINGS);
	assert_true(rig.info.rings[1].running && rig.info.rings[1].enabled);
	assert_int_equal(rig.info.rings[1].num, RIG_NUM);
	assert_false(rig.info.rings[2].running);
	assert_string_equal(rig.info.why, "");
	for (uint32_t i = 0; i < 2; i++) {
		const struct vhost_ring_start *start = &rig.rings[i].last;

		assert_int_equal(rig.rings[i].n_starts, 1);
		assert_true(start->enabled);
		assert_int_equal(start->index, i);
		assert_int_equal(start->num, RIG_NUM);
		assert_int_equal(start->features, rig.info.features);
		assert_int_equal(start->desc_uva, RIG_UVA + i * RIG_RING_STEP);
		assert_int_equal((char *)start->avail - (char *)start->desc,
				 0x4000);
		assert_int_equal((char *)start->used - (char *)start->desc,
				 0x8000);
		assert_false(start->log_used);
	}
	/* it is the front-end's memory */
	strcpy(rig.mem + RIG_RING_STEP, "the second ring's");
	assert_string_equal(rig.rings[1].last.desc, "the second ring's");
	rig_down(&rig);
}

/* It stops: disabled, then the base is asked for; and starts again there. */
static void test_qemu_restart(void **state)
{
	uint32_t n_fds = guest_files_open();
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	for (int round = 0; round < 50; round++) {
		uint32_t taken = round ? 65000 : 0;

		for (uint32_t i = 0; i < 2; i++) {
			rig_enable_ring(&rig, i, false);
			assert_false(rig.rings[i].enabled);
		}
		for (uint32_t i = 0; i < 2; i++) {
			rig.rings[i].taken = 1000;
			assert_int_equal(rig_get_base(&rig, i),
					 (uint16_t)(taken + 1000));
			assert_false(rig.rings[i].running);
		}
		assert_int_equal(rig.info.state, VHOST_STATE_NEGOTIATING);
		rig_features(&rig, 0);
		rig_send_table(&rig);
		rig_start_ring(&rig, 0, 65000);
		rig_start_ring(&rig, 1, 65000);
		assert_false(rig.rings[0].enabled);
		assert_int_equal(rig.rings[0].last.base, 65000);
		rig_enable_ring(&rig, 0, true);
		rig_enable_ring(&rig, 1, true);
	}
	assert_int_equal(rig.info.n_refused, 0);
	rig_down(&rig);
	assert_int_equal(guest_files_open(), n_fds);
}

/* A second pair joins while the first runs, and leaves again. */
static void test_multi_queue(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig_features(&rig, 0);
	rig_start_ring(&rig, 2, 0);
	rig_start_ring(&rig, 3, 0);
	assert_false(rig.rings[2].enabled || rig.rings[3].enabled);
	rig_enable_ring(&rig, 2, true);
	rig_enable_ring(&rig, 3, true);
	assert_true(rig.rings[2].enabled && rig.rings[3].enabled);
	rig_enable_ring(&rig, 3, true);
	rig_enable_ring(&rig, 3, false);
	assert_false(rig.info.rings[3].enabled);
	rig_get_base(&rig, 2);
	rig_get_base(&rig, 3);
	assert_true(rig.rings[0].running && rig.rings[1].running);
	assert_int_equal(rig.rings[0].n_starts, 1);
	rig_down(&rig);
}

/* DPDK's virtio-user: CALL of all rings first, the rest ring by ring. */
static void test_virtio_user(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_send_nothing(&rig, FRONT_SET_OWNER);
	rig_get_u64(&rig, FRONT_GET_FEATURES);
	rig_get_u64(&rig, FRONT_GET_PROTOCOL_FEATURES);
	rig_send_u64(&rig, FRONT_SET_PROTOCOL_FEATURES,
		     FRONT_P_MQ | FRONT_P_REPLY_ACK);
	for (uint32_t i = 0; i < 2; i++)
		rig_send_event(&rig, FRONT_SET_VRING_CALL, i);
	rig_features(&rig, 0);
	rig_send_table(&rig);
	for (uint32_t i = 0; i < 2; i++) {
		rig_send_state(&rig, FRONT_SET_VRING_NUM, i, RIG_NUM);
		rig_send_state(&rig, FRONT_SET_VRING_BASE, i, 0);
		rig_send_addr(&rig, i, 0);
		rig_send_event(&rig, FRONT_SET_VRING_KICK, i);
		assert_true(rig.rings[i].running);
		assert_true(rig.rings[i].call_fd >= 0);
	}
	assert_false(rig.rings[0].enabled);
	for (uint32_t i = 0; i < 2; i++)
		rig_enable_ring(&rig, i, true);
	assert_true(rig.rings[0].enabled);
	rig_quiet(&rig);
	/* its port stops and starts: no CALL is sent again */
	for (uint32_t i = 0; i < 2; i++) {
		rig_enable_ring(&rig, i, false);
		rig_get_base(&rig, i);
		rig_send_event(&rig, FRONT_SET_VRING_KICK, i);
		assert_true(rig.rings[i].call_fd >= 0);
	}
	rig_down(&rig);
}

/* A front-end of old: no protocol features; rings are enabled as they start. */
static void test_without_protocol_features(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_get_u64(&rig, FRONT_GET_FEATURES);
	rig_send_nothing(&rig, FRONT_SET_OWNER);
	rig_send_u64(&rig, FRONT_SET_FEATURES, VIRTIO_VERSION_1);
	rig_send_table(&rig);
	rig_start_ring(&rig, 0, 0);
	rig_start_ring(&rig, 1, 0);
	assert_true(rig.rings[0].enabled && rig.rings[1].enabled);
	/* nobody answers a need_reply that was not negotiated */
	rig_send_nothing(&rig, FRONT_RESET_OWNER);
	assert_false(rig.rings[0].enabled || rig.rings[1].enabled);
	assert_true(rig.rings[0].running);
	rig_quiet(&rig);
	rig_down(&rig);
}

/* In any order, a ring starts with the last thing that it needs. */
static void test_any_order(void **state)
{
	(void)state;
	for (int last = 0; last < 5; last++) {
		struct rig rig;

		rig_up(&rig);
		rig_negotiate(&rig);
		rig_features(&rig, 0);
		for (int i = 1; i <= 5; i++) {
			assert_false(rig.rings[1].running);
			switch ((last + i) % 5) {
			case 0:
				rig_send_table(&rig);
				break;
			case 1:
				rig_send_state(&rig, FRONT_SET_VRING_NUM, 1,
					       32768 / 16);
				break;
			case 2:
				rig_send_state(&rig, FRONT_SET_VRING_BASE, 1,
					       9);
				break;
			case 3:
				rig_send_addr(&rig, 1, 0);
				break;
			case 4:
				rig_send_u64(&rig, FRONT_SET_VRING_KICK,
					     FRONT_VRING_NOFD | 1);
				break;
			}
		}
		assert_true(rig.rings[1].running);
		assert_int_equal(rig.rings[1].last.kick_fd, -1);
		assert_int_equal(rig.rings[1].last.call_fd, -1);
		assert_int_equal(rig.rings[1].last.base, 9);
		rig_down(&rig);
	}
}

/* ---- single messages ---- */

static void test_reply_ack(void **state)
{
	struct front_msg msg = rig_msg(FRONT_SET_OWNER, 0);
	struct rig rig;

	(void)state;
	rig_up(&rig);
	/* not negotiated: no answer */
	msg.flags |= FRONT_MSG_NEED_REPLY;
	rig_send(&rig, &msg, NULL, 0);
	rig_quiet(&rig);
	rig_negotiate(&rig);
	assert_int_equal(rig_ask(&rig, msg, NULL, 0), 0);
	assert_int_equal(rig_ask(&rig, rig_addr_msg(0, 0), NULL, 0), 0);
	/* one answer where there is one of its own */
	msg = rig_msg(FRONT_GET_QUEUE_NUM, 0);
	assert_int_equal(rig_ask(&rig, msg, NULL, 0), RIG_PAIRS);
	rig_quiet(&rig);
	rig_down(&rig);
}

static void test_mtu(void **state)
{
	struct front_msg msg = rig_msg(FRONT_NET_SET_MTU, 8);
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_negotiate(&rig);
	msg.u64 = RIG_MTU;
	assert_int_equal(rig_ask(&rig, msg, NULL, 0), 0);
	assert_int_equal(rig.info.guest_mtu, RIG_MTU);
	/* more than the port has: told so, and nothing else happens */
	msg.u64 = RIG_MTU + 1;
	assert_int_not_equal(rig_ask(&rig, msg, NULL, 0), 0);
	assert_int_equal(rig.info.guest_mtu, RIG_MTU);
	rig_send(&rig, &msg, NULL, 0);
	rig_quiet(&rig);
	rig_down(&rig);
}

static void test_rarp(void **state)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	uint64_t value = 0;
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_negotiate(&rig);
	memcpy(&value, mac, sizeof(mac));
	rig_send_u64(&rig, FRONT_SEND_RARP, value);
	assert_int_equal(rig.n_rarps, 1);
	assert_memory_equal(rig.mac, mac, 6);
	rig_quiet(&rig);
	rig_down(&rig);
}

static void test_call_fd(void **state)
{
	struct rig rig;
	int before;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	before = rig.rings[0].call_fd;
	rig_send_event(&rig, FRONT_SET_VRING_CALL, 0);
	assert_int_not_equal(rig.rings[0].call_fd, before);
	assert_true(fcntl(before, F_GETFD) < 0);
	rig_send_u64(&rig, FRONT_SET_VRING_CALL, FRONT_VRING_NOFD);
	assert_int_equal(rig.rings[0].call_fd, -1);
	assert_int_equal(rig.rings[0].n_stops, 0);
	rig_down(&rig);
}

/* Repeated messages leave nothing behind: CVE-2019-14818, CVE-2020-10726. */
static void test_repeated(void **state)
{
	struct rig rig;
	uint32_t n_fds;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig_send_log(&rig, rig.mem_fd, 64);
	rig_answer(&rig, FRONT_SET_LOG_BASE, 0);
	rig_features(&rig, FRONT_F_LOG_ALL);
	n_fds = guest_files_open();
	for (int i = 0; i < 200; i++) {
		struct front_msg msg = rig_msg(FRONT_SET_LOG_FD, 0);

		rig_send_fd(&rig, &msg, rig_eventfd());
		rig_send_state(&rig, FRONT_SET_VRING_NUM, 1, RIG_NUM);
		rig_send_addr(&rig, 1, FRONT_VRING_LOG);
		rig_send_event(&rig, FRONT_SET_VRING_KICK, 1);
		rig_send_event(&rig, FRONT_SET_VRING_CALL, 1);
		rig_send_event(&rig, FRONT_SET_VRING_ERR, 1);
		rig_send_event(&rig, FRONT_SET_VRING_KICK, 3);
		rig_send_table(&rig);
		rig_send_log(&rig, rig.mem_fd, 64);
		rig_answer(&rig, FRONT_SET_LOG_BASE, 0);
	}
	/* the kick of ring 3 */
	assert_int_equal(guest_files_open(), n_fds + 1);
	assert_int_equal(rig.info.n_refused, 0);
	assert_true(rig.rings[1].running);
	rig_down(&rig);
}

/* ---- changes while rings run ---- */

static void test_features_again(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig.rings[1].taken = 3;
	rig_features(&rig, 0);
	assert_int_equal(rig.rings[1].n_starts, 1);
	rig_features(&rig, FRONT_F_LOG_ALL);
	assert_int_equal(rig.rings[1].n_starts, 2);
	assert_true(rig.rings[1].last.features & VHOST_LOG_ALL);
	assert_int_equal(rig.rings[1].last.base, 3);
	assert_true(rig.rings[1].enabled);
	rig_down(&rig);
}

static void test_table_again(void **state)
{
	struct front_msg msg = rig_msg(FRONT_SET_MEM_TABLE, 8 + 64);
	int fds[2];
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig.rings[0].taken = 11;
	rig.rings[1].taken = 22;
	/* hot-plugged memory, and the first now from another file */
	msg.table.n_regions = 2;
	msg.table.regions[0] =
		(struct front_msg_region){ RIG_GPA, RIG_MEM_SIZE, RIG_UVA, 0 };
	msg.table.regions[1] =
		(struct front_msg_region){ 1ull << 32, 2 * RIG_PAGE,
					   RIG_UVA + (1ull << 32), 0 };
	fds[0] = guest_file(RIG_MEM_SIZE);
	fds[1] = guest_file(2 * RIG_PAGE);
	assert_int_equal(pwrite(fds[0], "new", 4, 0), 4);
	rig_send(&rig, &msg, fds, 2);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(rig.info.n_regions, 2);
	assert_int_equal(rig.info.mem_size, RIG_MEM_SIZE + 2 * RIG_PAGE);
	/* mapped is what the rings are in, and no more */
	assert_int_equal(rig.info.mem_mapped, RIG_MEM_SIZE);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(rig.rings[i].n_starts, 2);
		assert_true(rig.rings[i].running && rig.rings[i].enabled);
		assert_int_equal(rig.rings[i].last.base, 11 * (i + 1));
	}
	assert_string_equal(rig.rings[0].last.desc, "new");
	rig_down(&rig);
}

/* QEMU with memory slots: what has changed is taken away and then added, and a
 * ring that is without memory in between waits. */
static void test_memory_slots(void **state)
{
	struct front_msg msg = rig_region(FRONT_ADD_MEM_REG, 0, RIG_MEM_SIZE);
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_negotiate(&rig);
	rig_features(&rig, 0);
	assert_int_equal(rig_ask(&rig, msg, &rig.mem_fd, 1), 0);
	rig_start_ring(&rig, 0, 0);
	rig_start_ring(&rig, 1, 0);
	rig.rings[1].taken = 7;

	msg.request = FRONT_REM_MEM_REG;
	assert_int_equal(rig_ask(&rig, msg, NULL, 0), 0);
	assert_false(rig.rings[0].running || rig.rings[1].running);
	assert_int_equal(rig.info.state, VHOST_STATE_NEGOTIATING);
	/* in two pieces; ring 1 is in the second one */
	msg = rig_region(FRONT_ADD_MEM_REG, 0, RIG_RING_STEP);
	assert_int_equal(rig_ask(&rig, msg, &rig.mem_fd, 1), 0);
	assert_true(rig.rings[0].running);
	assert_false(rig.rings[1].running);
	msg = rig_region(FRONT_ADD_MEM_REG, RIG_RING_STEP, RIG_RING_STEP);
	assert_int_equal(rig_ask(&rig, msg, &rig.mem_fd, 1), 0);
	assert_true(rig.rings[1].running);
	assert_int_equal(rig.rings[1].last.base, 7);

	/* some send a descriptor with it */
	msg = rig_region(FRONT_REM_MEM_REG, RIG_RING_STEP, RIG_RING_STEP);
	assert_int_equal(rig_ask(&rig, msg, &rig.mem_fd, 1), 0);
	/* the base can be asked for meanwhile */
	assert_int_equal(rig_get_base(&rig, 1), 7);
	assert_int_equal(rig.info.n_refused, 0);
	rig_down(&rig);
}

/* As QEMU does it, for each of two pairs. */
static void set_log(struct rig *rig, bool on)
{
	for (uint32_t pair = 0; pair < RIG_PAIRS; pair++) {
		if (on) {
			rig_send_log(rig, rig->mem_fd, 64);
			rig_answer(rig, FRONT_SET_LOG_BASE, 0);
		}
		rig_features(rig, on ? FRONT_F_LOG_ALL : 0);
		for (uint32_t i = 0; i < 2; i++) {
			struct front_msg msg = rig_addr_msg(
				2 * pair + i, on ? FRONT_VRING_LOG : 0);

			assert_int_equal(rig_ask(rig, msg, NULL, 0), 0);
		}
	}
}

static void test_log(void **state)
{
	uint16_t base = 0;
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig_start_ring(&rig, 2, 0);
	rig_start_ring(&rig, 3, 0);
	for (int round = 0; round < 3; round++) {
		rig.rings[3].taken = 5;
		set_log(&rig, true);
		base += 5;
		assert_true(rig.info.logging);
		for (uint32_t i = 0; i < RIG_RINGS; i++) {
			const struct vhost_ring_start *start =
				&rig.rings[i].last;

			assert_true(rig.rings[i].running && start->log_used);
			assert_true(start->features & VHOST_LOG_ALL);
			assert_int_equal(start->used_log_gpa,
					 RIG_GPA + i * RIG_RING_STEP + 0x8000);
		}
		assert_int_equal(rig.rings[3].last.base, base);
		memset(rig.mem, 0, 64);
		guest_log_write(rig.rings[0].last.mem, RIG_GPA, 1);
		assert_int_equal(rig.mem[RIG_GPA / RIG_PAGE / 8], 1);
		/* memory that changes keeps its log */
		rig_send_table(&rig);
		assert_true(rig.info.logging && rig.rings[0].last.log_used);
		guest_log_write(rig.rings[0].last.mem, RIG_GPA + RIG_PAGE, 1);
		assert_int_equal(rig.mem[RIG_GPA / RIG_PAGE / 8], 3);

		set_log(&rig, false);
		assert_false(rig.info.logging);
		for (uint32_t i = 0; i < RIG_RINGS; i++) {
			assert_true(rig.rings[i].running);
			assert_false(rig.rings[i].last.log_used);
		}
		assert_int_equal(rig.rings[3].last.base, base);
	}
	assert_true(rig.rings[0].enabled);
	assert_int_equal(rig.info.n_refused, 0);
	rig_down(&rig);
}

/* The log comes with the start of a device that is being migrated. */
static void test_start_logged(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_negotiate(&rig);
	rig_features(&rig, FRONT_F_LOG_ALL);
	rig_send_table(&rig);
	for (uint32_t i = 0; i < 2; i++) {
		rig_send_state(&rig, FRONT_SET_VRING_NUM, i, RIG_NUM);
		rig_send_state(&rig, FRONT_SET_VRING_BASE, i, 0);
		rig_send_addr(&rig, i, FRONT_VRING_LOG);
		rig_send_event(&rig, FRONT_SET_VRING_KICK, i);
		assert_false(rig.rings[i].last.log_used);
	}
	rig_send_log(&rig, rig.mem_fd, 64);
	rig_answer(&rig, FRONT_SET_LOG_BASE, 0);
	assert_true(rig.rings[0].last.log_used && rig.rings[1].last.log_used);
	rig_down(&rig);
}

/* Memory that shrinks: the next tick finds it. */
static void test_broken_memory(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	rig_tick(&rig, 0);
	assert_int_equal(rig.info.state, VHOST_STATE_RUNNING);
	__atomic_store_n(&rig.rings[0].last.mem->broken, true,
			 __ATOMIC_RELAXED);
	rig_tick(&rig, 0);
	assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
	assert_string_equal(rig.info.why,
			    "memory: a file has shrunk or cannot be mapped");
	rig_down(&rig);
}

/* ---- pieces ---- */

/* Byte by byte; the descriptor comes with any of them. */
static void test_pieces(void **state)
{
	struct front_msg msg = rig_msg(FRONT_SET_VRING_KICK, 8);
	uint32_t size = FRONT_MSG_HEAD + 8;
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	for (uint32_t with = 0; with < size; with++) {
		int fd = rig_eventfd();

		for (uint32_t i = 0; i < size; i++) {
			assert_int_equal(rig.rings[0].n_starts, with + 1);
			rig_send_bytes(&rig, (char *)&msg + i, 1, &fd,
				       i == with);
			rig_run(&rig);
		}
		close(fd);
		assert_int_equal(rig.rings[0].n_starts, with + 2);
	}
	rig_quiet(&rig);
	rig_down(&rig);
}

/* Several at once: each gets the descriptor that came with it. */
static void test_together(void **state)
{
	struct front_msg kick = rig_msg(FRONT_SET_VRING_KICK, 8);
	struct front_msg get = rig_msg(FRONT_GET_QUEUE_NUM, 0);
	int fd = rig_eventfd();
	char two[2 * FRONT_MSG_HEAD];
	struct rig rig;

	(void)state;
	rig_up(&rig);
	rig_go(&rig);
	memcpy(two, &get, FRONT_MSG_HEAD);
	memcpy(two + FRONT_MSG_HEAD, &get, FRONT_MSG_HEAD);
	rig_send_bytes(&rig, two, sizeof(two), NULL, 0);
	rig_send_bytes(&rig, &kick, FRONT_MSG_HEAD + 8, &fd, 1);
	rig_send_bytes(&rig, two, sizeof(two), NULL, 0);
	kick.u64 = 1;
	rig_send_bytes(&rig, &kick, FRONT_MSG_HEAD + 8, &fd, 1);
	close(fd);
	rig_run(&rig);
	for (int i = 0; i < 4; i++)
		assert_int_equal(rig_answer(&rig, FRONT_GET_QUEUE_NUM, 8).u64,
				 RIG_PAIRS);
	assert_int_equal(rig.rings[0].n_starts, 2);
	assert_int_equal(rig.rings[1].n_starts, 2);
	rig_quiet(&rig);
	rig_down(&rig);
}

/* It stops in the middle for as long as it likes, and then closes. */
static void test_half(void **state)
{
	struct front_msg msg = rig_msg(FRONT_SET_MEM_TABLE, 40);

	(void)state;
	for (uint32_t n = 0; n < FRONT_MSG_HEAD + 40; n++) {
		uint32_t n_fds = guest_files_open();
		struct rig rig;

		rig_up(&rig);
		rig_go(&rig);
		msg.table.n_regions = 1;
		if (n)
			rig_send_bytes(&rig, &msg, n, &rig.mem_fd, 1);
		rig_run(&rig);
		rig_tick(&rig, 3600 * 1000);
		assert_int_equal(rig.info.state, VHOST_STATE_RUNNING);
		rig_close_fd(&rig.fd);
		rig_run(&rig);
		assert_int_equal(rig.info.state, VHOST_STATE_WAITING);
		assert_string_equal(rig.info.why,
				    n ? "closed in the middle of a message"
				      : "closed by the front-end");
		assert_int_equal(rig.info.n_refused, 0);
		rig_down(&rig);
		assert_int_equal(guest_files_open(), n_fds);
	}
}

/* A flood takes its turn and no more. */
static void test_flood(void **state)
{
	struct front_msg msg = rig_msg(FRONT_SET_OWNER, 0);
	struct rig rig;
	uint64_t before;

	(void)state;
	rig_up(&rig);
	for (int i = 0; i < 100; i++)
		rig_send_bytes(&rig, &msg, FRONT_MSG_HEAD, NULL, 0);
	vhost_session_run(rig.session);
	rig_info(&rig);
	before = rig.info.n_messages;
	assert_true(before > 0 && before < 100);
	rig_run(&rig);
	assert_int_equal(rig.info.n_messages, 100);
	rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_qemu),
		cmocka_unit_test(test_qemu_restart),
		cmocka_unit_test(test_multi_queue),
		cmocka_unit_test(test_virtio_user),
		cmocka_unit_test(test_without_protocol_features),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_reply_ack),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_rarp),
		cmocka_unit_test(test_call_fd),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_features_again),
		cmocka_unit_test(test_table_again),
		cmocka_unit_test(test_memory_slots),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_start_logged),
		cmocka_unit_test(test_broken_memory),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_half),
		cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
