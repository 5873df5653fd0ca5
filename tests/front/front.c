// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See front.h. Memory and life here; what is said to the back-end in
 * messages.c. */
#include "front.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ull

struct front_opts front_defaults(const char *path)
{
	struct front_opts opts = {
		.path = path,
		.features = FRONT_F_MRG_RXBUF | FRONT_F_GUEST_ANNOUNCE |
			    FRONT_F_INDIRECT | FRONT_F_EVENT_IDX |
			    FRONT_F_PROTOCOL | FRONT_F_VERSION_1,
		.protocol_features = FRONT_P_RARP | FRONT_P_REPLY_ACK |
				     FRONT_P_NET_MTU | FRONT_P_MEM_SLOTS,
		.n_pairs = 1,
		.ring_size = 256,
		.n_regions = 1,
		.region_size = 16 << 20,
		.gpa = 1 << 20,
		.timeout_ms = 5000,
	};

	return opts;
}

/* ---- guest memory ---- */

static int open_region(struct front_region *region,
		       const struct front_opts *opts)
{
	unsigned int flags = MFD_CLOEXEC | (opts->hugepages ? MFD_HUGETLB : 0);

	region->fd = memfd_create("guest", flags);
	if (region->fd < 0 || ftruncate(region->fd, (off_t)opts->region_size))
		return -errno;
	region->mem = mmap(NULL, opts->region_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED, region->fd, 0);
	if (region->mem == MAP_FAILED) {
		region->mem = NULL;
		return -errno;
	}
	region->size = opts->region_size;
	return 0;
}

static void close_region(struct front_region *region)
{
	if (region->mem)
		munmap(region->mem, region->size);
	region->mem = NULL;
	if (region->fd >= 0)
		close(region->fd);
	region->fd = -1;
}

void *front_alloc(struct front *f, uint32_t region, uint64_t size,
		  uint64_t align)
{
	struct front_region *r = &f->regions[region];
	uint64_t at = (r->used + align - 1) / align * align;

	if (at > r->size || size > r->size - at)
		return NULL;
	r->used = at + size;
	return r->mem + at;
}

uint64_t front_gpa(const struct front *f, const void *mem)
{
	for (uint32_t i = 0; i < f->opts.n_regions; i++) {
		const struct front_region *r = &f->regions[i];
		uint64_t off = (uint64_t)((const char *)mem - r->mem);

		if (off < r->size)
			return r->gpa + off;
	}
	return 0;
}

void *front_at(const struct front *f, uint64_t gpa)
{
	for (uint32_t i = 0; i < f->opts.n_regions; i++) {
		const struct front_region *r = &f->regions[i];

		if (gpa - r->gpa < r->size)
			return r->mem + (gpa - r->gpa);
	}
	return NULL;
}

/* ---- life ---- */

static int fill_address(const char *path, struct sockaddr_un *ret_addr)
{
	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(ret_addr->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret_addr->sun_path, path);
	return 0;
}

static int start_listening(struct front *f)
{
	struct sockaddr_un addr;
	int err;

	err = fill_address(f->opts.path, &addr);
	if (err)
		return err;
	f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->listen_fd < 0)
		return -errno;
	unlink(f->opts.path);
	if (bind(f->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(f->listen_fd, 1))
		return -errno;
	return 0;
}

int front_open(struct front *f, const struct front_opts *opts)
{
	uint64_t gpa = opts->gpa;
	int err = 0;

	memset(f, 0, sizeof(*f));
	f->opts = *opts;
	f->listen_fd = f->fd = f->log_fd = -1;
	f->n_rings = 2 * opts->n_pairs;
	for (uint32_t i = 0; i < FRONT_MAX_REGIONS; i++)
		f->regions[i].fd = -1;
	if (!opts->n_pairs || f->n_rings > FRONT_MAX_RINGS ||
	    !opts->n_regions || opts->n_regions > FRONT_MAX_REGIONS ||
	    opts->region_size % PAGE)
		return -EINVAL;
	for (uint32_t i = 0; i < opts->n_regions && !err; i++) {
		f->regions[i].gpa = gpa;
		gpa += opts->region_size + opts->gpa_gap;
		err = open_region(&f->regions[i], opts);
	}
	for (uint32_t i = 0; i < f->n_rings && !err; i++)
		err = front_ring_init(&f->rings[i], f, opts->ring_size);
	if (!err && !opts->connect)
		err = start_listening(f);
	return err;
}

static void close_log(struct front *f)
{
	if (f->log)
		munmap(f->log, f->log_size);
	f->log = NULL;
	if (f->log_fd >= 0)
		close(f->log_fd);
	f->log_fd = -1;
}

void front_close(struct front *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->listen_fd >= 0) {
		close(f->listen_fd);
		unlink(f->opts.path);
	}
	f->fd = f->listen_fd = -1;
	for (uint32_t i = 0; i < f->n_rings && i < FRONT_MAX_RINGS; i++)
		front_ring_done(&f->rings[i]);
	close_log(f);
	for (uint32_t i = 0; i < FRONT_MAX_REGIONS; i++)
		close_region(&f->regions[i]);
}

static int try_connecting(struct front *f)
{
	struct sockaddr_un addr;
	int err, fd;

	err = fill_address(f->opts.path, &addr);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = -errno;
		close(fd);
		return err;
	}
	f->fd = fd;
	return 0;
}

static int connect_within(struct front *f, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int err;

	for (;;) {
		err = try_connecting(f);
		if (!err)
			return 0;
		if (err != -ENOENT && err != -ECONNREFUSED)
			return err;
		timeout_ms -= 10;
		if (timeout_ms <= 0)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

int front_accept(struct front *f, int timeout_ms)
{
	struct pollfd pfd = { .fd = f->listen_fd, .events = POLLIN };

	if (f->opts.connect)
		return connect_within(f, timeout_ms);
	if (poll(&pfd, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	f->fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	return f->fd < 0 ? -errno : 0;
}

void front_hang_up(struct front *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->logging = false;
	for (uint32_t i = 0; i < f->n_rings; i++)
		f->rings[i].base = f->rings[i].used->idx;
}

bool front_is_gone(struct front *f)
{
	struct pollfd pfd = { .fd = f->fd, .events = POLLRDHUP };

	return f->fd < 0 || (poll(&pfd, 1, 0) == 1 &&
			     (pfd.revents & (POLLRDHUP | POLLHUP | POLLERR)));
}
