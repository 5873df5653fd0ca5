// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rings of AF_XDP sockets, made and mapped: see xdp_ring.h. */
#include <errno.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "memory/xdp_ring.h"

struct kind {
	int option;
	off_t page;
	size_t place; /* in struct xdp_mmap_offsets */
	size_t entry_bytes;
};

static const struct kind rx = { XDP_RX_RING, XDP_PGOFF_RX_RING,
				offsetof(struct xdp_mmap_offsets, rx),
				sizeof(struct xdp_desc) };
static const struct kind tx = { XDP_TX_RING, XDP_PGOFF_TX_RING,
				offsetof(struct xdp_mmap_offsets, tx),
				sizeof(struct xdp_desc) };
static const struct kind fill = { XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING,
				  offsetof(struct xdp_mmap_offsets, fr),
				  sizeof(uint64_t) };
static const struct kind comp = { XDP_UMEM_COMPLETION_RING,
				  (off_t)XDP_UMEM_PGOFF_COMPLETION_RING,
				  offsetof(struct xdp_mmap_offsets, cr),
				  sizeof(uint64_t) };

static int open_map(int fd, const struct kind *kind, uint32_t size,
		    struct xdp_map *ret_map, struct xdp_ring_offset *ret_offset)
{
	struct xdp_mmap_offsets offsets;
	struct xdp_ring_offset offset;
	socklen_t len = sizeof(offsets);
	size_t bytes;
	void *at;

	if (setsockopt(fd, SOL_XDP, kind->option, &size, sizeof(size)) < 0 ||
	    getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len) < 0)
		return -errno;
	/* Of before 5.4, without the place of the flags. */
	if (len != sizeof(offsets))
		return -EOPNOTSUPP;
	memcpy(&offset, (const char *)&offsets + kind->place, sizeof(offset));
	bytes = offset.desc + size * kind->entry_bytes;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, fd, kind->page);
	if (at == MAP_FAILED)
		return -errno;
	*ret_map = (struct xdp_map){ at, bytes };
	*ret_offset = offset;
	return 0;
}

/* xsk_prod_nb_free() counts from @size on. */
static int open_prod(int fd, const struct kind *kind, uint32_t size,
		     struct xsk_ring_prod *ret_ring, struct xdp_map *ret_map)
{
	struct xdp_ring_offset offset;
	int err = open_map(fd, kind, size, ret_map, &offset);
	char *at = ret_map->at;

	if (err)
		return err;
	*ret_ring = (struct xsk_ring_prod){
		.cached_cons = size,
		.mask = size - 1,
		.size = size,
		.producer = (void *)(at + offset.producer),
		.consumer = (void *)(at + offset.consumer),
		.ring = at + offset.desc,
		.flags = (void *)(at + offset.flags),
	};
	return 0;
}

static int open_cons(int fd, const struct kind *kind, uint32_t size,
		     struct xsk_ring_cons *ret_ring, struct xdp_map *ret_map)
{
	struct xdp_ring_offset offset;
	int err = open_map(fd, kind, size, ret_map, &offset);
	char *at = ret_map->at;

	if (err)
		return err;
	*ret_ring = (struct xsk_ring_cons){
		.mask = size - 1,
		.size = size,
		.producer = (void *)(at + offset.producer),
		.consumer = (void *)(at + offset.consumer),
		.ring = at + offset.desc,
		.flags = (void *)(at + offset.flags),
	};
	return 0;
}

int xdp_ring_open_rx(int fd, uint32_t size, struct xsk_ring_cons *ret_ring,
		     struct xdp_map *ret_map)
{
	return open_cons(fd, &rx, size, ret_ring, ret_map);
}

int xdp_ring_open_tx(int fd, uint32_t size, struct xsk_ring_prod *ret_ring,
		     struct xdp_map *ret_map)
{
	return open_prod(fd, &tx, size, ret_ring, ret_map);
}

int xdp_ring_open_fill(int fd, uint32_t size, struct xsk_ring_prod *ret_ring,
		       struct xdp_map *ret_map)
{
	return open_prod(fd, &fill, size, ret_ring, ret_map);
}

int xdp_ring_open_comp(int fd, uint32_t size, struct xsk_ring_cons *ret_ring,
		       struct xdp_map *ret_map)
{
	return open_cons(fd, &comp, size, ret_ring, ret_map);
}

void xdp_ring_close(struct xdp_map *map)
{
	if (map->at)
		munmap(map->at, map->bytes);
	map->at = NULL;
}
