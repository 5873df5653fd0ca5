// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Guests behind vhost-user that change everything about their rings while all
 * send to all: for races in the agent. Rings are stopped and started, disabled
 * and enabled, memory tables replaced, call descriptors changed, dirty logging
 * switched, connections closed. Packets may get lost; each that arrives must be
 * one that was sent.
 *
 *	guest_storm SECONDS SEED SOCKET...
 *
 * Guest N (from 0) has the MAC 02:00:00:00:01:N. Prints how many packets came
 * and how many changes were made. Exit status 1: the agent broke the rules, or
 * nothing came at all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../front/net.h"

#define MAX_GUESTS 8
#define PAIRS	   2
#define BURST	   16
#define ETH_TYPE   0x88b5
#define WAIT_MS	   10000

struct guest {
	uint32_t n;
	struct front front;
	struct front_net nets[PAIRS];
	bool on; /* connected, all rings run */
	uint64_t n_received, n_changes, n_connects;
};

static struct guest guests[MAX_GUESTS];
static uint32_t n_guests;
static uint64_t seed;

static uint32_t below(uint32_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 0x2545f4914f6cdd1dull) >> 32) % n;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const struct guest *guest, const char *what, int err)
{
	fprintf(stderr, "guest %u: %s: %s\n", guest->n, what, strerror(-err));
	exit(1);
}

/* What a message came to: if the agent has hung up, a new connection follows.
 * It may: a VM that is taken out of the configuration. */
static bool still_on(struct guest *guest, const char *what, int err)
{
	if (!err)
		return guest->on;
	if (err != -ECONNRESET && err != -EPIPE)
		fail(guest, what, err);
	guest->on = false;
	front_hang_up(&guest->front);
	return false;
}

static void make_frame(uint8_t *frame, uint32_t from, uint32_t to, uint32_t len)
{
	memset(frame, 0, 14);
	frame[0] = frame[6] = 2;
	frame[4] = frame[10] = 1;
	frame[5] = (uint8_t)to;
	frame[11] = (uint8_t)from;
	frame[12] = ETH_TYPE >> 8;
	frame[13] = ETH_TYPE & 0xff;
	for (uint32_t i = 14; i < len; i++)
		frame[i] = (uint8_t)(len + i);
}

static void check_frame(struct guest *guest, const uint8_t *frame, int len)
{
	uint8_t want[1514];

	/* Maybe another guest's, who is not there now: such are flooded. */
	make_frame(want, frame[11], frame[5], (uint32_t)len);
	if (len < 14 || len > 1514 || memcmp(frame, want, (size_t)len) != 0)
		fail(guest, "a frame that nobody sent", -EBADMSG);
	guest->n_received++;
}

static void receive(struct guest *guest, struct front_net *net)
{
	struct front_net_hdr hdr;
	uint8_t frame[2048];

	for (uint32_t i = 0; i < 2 * BURST; i++) {
		int len = front_net_receive(net, &hdr, frame, sizeof(frame), 0);

		if (len == -ETIMEDOUT)
			return;
		if (len < 0)
			fail(guest, "receiving", len);
		/* The wire has something to say, too. */
		if (frame[12] == ETH_TYPE >> 8 &&
		    frame[13] == (ETH_TYPE & 0xff))
			check_frame(guest, frame, len);
	}
}

static void send_burst(struct guest *guest, struct front_net *net)
{
	uint32_t to = below(n_guests);
	uint8_t frame[1514];

	for (uint32_t i = 0; i < BURST; i++) {
		uint32_t len = 60 + below(sizeof(frame) - 60);

		make_frame(frame, guest->n, to, len);
		if (front_net_send(net, NULL, frame, len))
			return;
	}
}

static int change_call(struct guest *guest, uint32_t index)
{
	struct front_ring *ring = &guest->front.rings[index];
	struct front_msg msg = front_msg_u64(FRONT_SET_VRING_CALL, index);
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = front_tell(&guest->front, &msg, &fd, 1);

	close(ring->call_fd);
	ring->call_fd = fd;
	return err;
}

/* One ring, as QEMU's guest resets one, or disabled only. */
static int change_ring(struct guest *guest, uint32_t index)
{
	struct front *f = &guest->front;
	int err = front_enable_ring(f, index, false);

	if (!err && below(2)) {
		err = front_stop_ring(f, index);
		if (!err)
			err = front_start_ring(f, index);
	}
	return err ? err : front_enable_ring(f, index, true);
}

static void change(struct guest *guest)
{
	struct front *f = &guest->front;
	int err = 0;

	switch (below(8)) {
	case 0:
		err = front_set_memory(f);
		break;
	case 1:
		err = front_log_start(f);
		if (!err)
			err = front_log_stop(f);
		break;
	case 2:
		if (!below(4)) {
			guest->on = false;
			front_hang_up(f);
		}
		break;
	case 3:
	case 4:
		err = change_call(guest, below(f->n_rings));
		break;
	default:
		err = change_ring(guest, below(f->n_rings));
	}
	still_on(guest, "a message", err);
	guest->n_changes++;
}

static void open_guest(struct guest *guest, uint32_t n, const char *path)
{
	struct front_opts opts = front_defaults(path);
	int err;

	guest->n = n;
	opts.n_pairs = PAIRS;
	opts.manner = n & 1 ? FRONT_VIRTIO_USER : FRONT_QEMU;
	/* One adds regions that are there already; the others' tables replace
	 * each other. */
	opts.protocol_features |= FRONT_P_MQ | FRONT_P_LOG_SHMFD;
	if (n != 2)
		opts.protocol_features &= ~(uint64_t)FRONT_P_MEM_SLOTS;
	opts.features |= FRONT_F_MQ | FRONT_F_LOG_ALL;
	opts.timeout_ms = 4 * WAIT_MS;
	err = front_open(&guest->front, &opts);
	for (uint32_t p = 0; p < PAIRS && !err; p++)
		err = front_net_init(&guest->nets[p], &guest->front, p, 0, 2048,
				     16);
	if (err)
		fail(guest, path, err);
}

static void join(struct guest *guest, int timeout_ms)
{
	int err = front_accept(&guest->front, timeout_ms);

	if (err == -ETIMEDOUT)
		return;
	if (err)
		fail(guest, "accepting", err);
	guest->on = true;
	guest->n_connects++;
	if (!still_on(guest, "starting", front_start(&guest->front)))
		return;
	for (uint32_t p = 0; p < PAIRS; p++)
		front_net_post(&guest->nets[p]);
}

static void run(double seconds)
{
	double end = now_s() + seconds;

	while (now_s() < end) {
		for (uint32_t i = 0; i < n_guests; i++) {
			struct guest *guest = &guests[i];

			if (!guest->on)
				join(guest, 0);
			for (uint32_t p = 0; p < PAIRS && guest->on; p++) {
				receive(guest, &guest->nets[p]);
				send_burst(guest, &guest->nets[p]);
			}
			if (guest->on && front_is_gone(&guest->front)) {
				guest->on = false;
				front_hang_up(&guest->front);
			}
			if (guest->on && !below(50))
				change(guest);
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t n_received = 0, n_changes = 0, n_connects = 0;

	if (argc < 4 || argc - 3 > MAX_GUESTS) {
		fprintf(stderr, "guest_storm SECONDS SEED SOCKET...\n");
		return 2;
	}
	seed = strtoull(argv[2], NULL, 0) | 1;
	for (int i = 3; i < argc; i++)
		open_guest(&guests[n_guests++], (uint32_t)i - 3, argv[i]);
	run(strtod(argv[1], NULL));
	for (uint32_t i = 0; i < n_guests; i++) {
		n_received += guests[i].n_received;
		n_changes += guests[i].n_changes;
		n_connects += guests[i].n_connects;
		front_close(&guests[i].front);
	}
	printf("%llu packets, %llu changes, %llu connections\n",
	       (unsigned long long)n_received, (unsigned long long)n_changes,
	       (unsigned long long)n_connects);
	return n_received && n_changes ? 0 : 1;
}
