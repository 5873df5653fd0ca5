// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The BPF side, loading and attaching: see datapath.h. The maps' contents are
 * written in datapath_maps.c. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/base.h"
#include "base/log.h"
#include "ports/datapath_private.h"

#define MAX_LOAD_TRIES	2

/* The verifier's log comes as one message of many lines. */
static int print_libbpf(enum libbpf_print_level level, const char *fmt,
			va_list ap)
{
	char *text, *rest, *line;

	if (level == LIBBPF_DEBUG || log_get_level() < LOG_LEVEL_DEBUG)
		return 0;
	if (vasprintf(&text, fmt, ap) < 0)
		return 0;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (line[0])
			log_debug("%s", line);
	free(text);
	return 0;
}

/* ---- directories and pins ---- */

static int make_dir(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static int make_dirs(struct datapath *dp, const char *bpffs, char *err,
		     size_t err_size)
{
	char parent[sizeof(dp->root)], *slash;
	struct statfs fs;
	int ret;

	snprintf(parent, sizeof(parent), "%s", bpffs);
	slash = strrchr(parent, '/');
	if (slash && slash != parent)
		*slash = 0;
	if (statfs(parent, &fs) < 0 || fs.f_type != BPF_FS_MAGIC) {
		snprintf(err, err_size,
			 "agent.bpffs: %s: no bpffs is mounted at %s; run: mount -t bpf bpf %s",
			 bpffs, parent, parent);
		return -ENOENT;
	}
	snprintf(dp->root, sizeof(dp->root), "%s", bpffs);
	snprintf(dp->dir, sizeof(dp->dir), "%s/v%d", bpffs, PKT_MAPS_VERSION);
	snprintf(dp->maps_dir, sizeof(dp->maps_dir), "%s/maps", dp->dir);
	snprintf(dp->links_dir, sizeof(dp->links_dir), "%s/links", dp->dir);
	ret = make_dir(dp->root);
	if (!ret)
		ret = make_dir(dp->dir);
	if (!ret)
		ret = make_dir(dp->maps_dir);
	if (!ret)
		ret = make_dir(dp->links_dir);
	if (ret)
		snprintf(err, err_size, "agent.bpffs: %s: %s", bpffs,
			 strerror(-ret));
	return ret;
}

static void link_path(const struct datapath *dp, const char *ifname,
		      char *ret_path, size_t size)
{
	snprintf(ret_path, size, "%s/%s", dp->links_dir, ifname);
}

/* ---- loading ---- */

/* libbpf would do this by itself, but it takes the flag that the kernel adds to
 * device maps (BPF_F_RDONLY_PROG) for another layout. */
static int take_map(struct bpf_map *map, int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (info.type != bpf_map__type(map) ||
	    info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) ||
	    info.max_entries != bpf_map__max_entries(map) ||
	    (info.map_flags & ~BPF_F_RDONLY_PROG) !=
		    (bpf_map__map_flags(map) & ~BPF_F_RDONLY_PROG))
		return -EUCLEAN;
	return bpf_map__reuse_fd(map, fd);
}

/* Maps that are pinned are used, the others will be pinned. */
static int set_pins(struct datapath *dp, uint32_t *ret_n_taken)
{
	struct bpf_map *map;
	int err;

	*ret_n_taken = 0;
	bpf_object__for_each_map(map, dp->skel->obj) {
		_cleanup_close_ int fd = -1;
		char path[PATH_SIZE];

		/* The programs' own caches are of no use to a successor. */
		if (bpf_map__is_internal(map) ||
		    !strncmp(bpf_map__name(map), "recent_", 7))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dp->maps_dir,
			 bpf_map__name(map));
		fd = bpf_obj_get(path);
		if (fd >= 0) {
			(*ret_n_taken)++;
			err = take_map(map, fd);
		} else {
			err = bpf_map__set_pin_path(map, path);
		}
		if (err)
			return err;
	}
	return 0;
}

static void unpin_maps(struct datapath *dp)
{
	struct dirent *entry;
	DIR *dir = opendir(dp->maps_dir);

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

static uint32_t netns_inode(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) < 0 ? 0 : (uint32_t)st.st_ino;
}

static int load(struct datapath *dp, uint32_t *ret_n_taken)
{
	int err;

	dp->skel = dataplane__open();
	if (!dp->skel)
		return -errno;
	dp->skel->rodata->opts.netns_ino = netns_inode();
	dp->skel->rodata->opts.no_meta = dp->no_meta;
	bpf_program__set_expected_attach_type(dp->skel->progs.egress,
					      BPF_XDP_DEVMAP);
	err = set_pins(dp, ret_n_taken);
	if (!err)
		err = dataplane__load(dp->skel);
	if (err) {
		dataplane__destroy(dp->skel);
		dp->skel = NULL;
	}
	return err;
}

static int load_patiently(struct datapath *dp, uint32_t *ret_n_taken, char *err,
			  size_t err_size)
{
	int ret = 0;

	for (int i = 0; i < MAX_LOAD_TRIES; i++) {
		ret = load(dp, ret_n_taken);
		if (!ret || !*ret_n_taken)
			break;
		/* Maps of another layout: the links go on with them until
		 * they are updated to the new programs. */
		log_warning("%s: the pinned maps cannot be used (%s): replaced",
			    dp->maps_dir,
			    ret == -EUCLEAN ? "another layout" :
					      strerror(-ret));
		unpin_maps(dp);
	}
	if (ret)
		snprintf(err, err_size,
			 "cannot load the BPF programs: %s%s", strerror(-ret),
			 ret == -EPERM ?
				 " (CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are needed)" :
				 "; log_level: debug tells more");
	return ret;
}

#define CREDITS_SIZE	(PKT_MAX_XSKS * sizeof(struct vm_credit))
#define POLICES_SIZE	(PKT_MAX_PORTS * POLICE_N_WAYS * sizeof(struct police))

static int map_values(const struct bpf_map *map, size_t size, void **ret_values)
{
	void *values = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(map), 0);

	if (values == MAP_FAILED)
		return -errno;
	*ret_values = values;
	return 0;
}

static int map_state(struct datapath *dp, uint32_t timeout_ms)
{
	void *values = NULL;
	int err;

	err = map_values(dp->skel->maps.vm_credit, CREDITS_SIZE, &values);
	if (err)
		return err;
	dp->credits = values;
	err = map_values(dp->skel->maps.police, POLICES_SIZE, &values);
	if (err)
		return err;
	dp->polices = values;
	err = map_values(dp->skel->maps.agent_state,
			 (size_t)sysconf(_SC_PAGESIZE), &values);
	if (err)
		return err;
	dp->state = values;
	dp->state->timeout_ns = timeout_ms * NS_PER_MS;
	dp->state->pid = (uint32_t)getpid();
	return 0;
}

/* Without them nothing breaks, but losses in the kernel would not be seen. */
static void attach_drops(struct datapath *dp)
{
	dp->devmap_drops = bpf_program__attach(dp->skel->progs.devmap_drops);
	dp->redirect_drops =
		bpf_program__attach(dp->skel->progs.redirect_drops);
	if (!dp->devmap_drops || !dp->redirect_drops)
		log_warning("cannot watch the XDP tracepoints (%s): packets that a device refuses show only in ip -s link",
			    strerror(errno));
}

int datapath_open(const char *bpffs, uint32_t timeout_ms, bool metadata,
		  struct datapath **ret_dp, uint32_t *ret_n_taken, char *err,
		  size_t err_size)
{
	struct datapath *dp = calloc(1, sizeof(*dp));
	int ret;

	libbpf_set_print(print_libbpf);
	if (!dp) {
		snprintf(err, err_size, "no memory");
		return -ENOMEM;
	}
	dp->no_meta = !metadata;
	ret = make_dirs(dp, bpffs, err, err_size);
	if (!ret)
		ret = load_patiently(dp, ret_n_taken, err, err_size);
	if (ret)
		goto fail;
	ret = map_state(dp, timeout_ms);
	if (ret) {
		snprintf(err, err_size, "agent_state, vm_credit, police: %s",
			 strerror(-ret));
		goto fail;
	}
	attach_drops(dp);
	*ret_dp = dp;
	return 0;
fail:
	datapath_close(dp);
	return ret;
}

void datapath_close(struct datapath *dp)
{
	if (!dp)
		return;
	bpf_link__destroy(dp->devmap_drops);
	bpf_link__destroy(dp->redirect_drops);
	if (dp->state) {
		datapath_heartbeat(dp, 0);
		munmap(dp->state, (size_t)sysconf(_SC_PAGESIZE));
	}
	if (dp->credits)
		munmap(dp->credits, CREDITS_SIZE);
	if (dp->polices)
		munmap(dp->polices, POLICES_SIZE);
	if (dp->skel) {
		while (dp->n_links)
			datapath_detach(dp, dp->links[0].ifname);
		datapath_sweep_links(dp);
		unpin_maps(dp);
		rmdir(dp->maps_dir);
		rmdir(dp->links_dir);
		rmdir(dp->dir);
		rmdir(dp->root);
		dataplane__destroy(dp->skel);
	}
	free(dp);
}

void datapath_heartbeat(struct datapath *dp, uint64_t now)
{
	__atomic_store_n(&dp->state->heartbeat_ns, now, __ATOMIC_RELAXED);
}

/* ---- attaching ---- */

static struct attached *find_link(struct datapath *dp, const char *ifname)
{
	for (uint32_t i = 0; i < dp->n_links; i++)
		if (!strcmp(dp->links[i].ifname, ifname))
			return &dp->links[i];
	return NULL;
}

static int note_link(struct datapath *dp, const char *ifname, int fd)
{
	struct attached *link;

	if (dp->n_links == ARRAY_SIZE(dp->links))
		return -ENOSPC;
	link = &dp->links[dp->n_links++];
	snprintf(link->ifname, sizeof(link->ifname), "%s", ifname);
	link->fd = fd;
	return 0;
}

static int prog_fd_of(const struct datapath *dp, uint8_t kind)
{
	return bpf_program__fd(kind == PORT_UPLINK ? dp->skel->progs.uplink :
						     dp->skel->progs.port);
}

static bool link_is_on(int fd, int ifindex)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) &&
	       info.type == BPF_LINK_TYPE_XDP &&
	       info.xdp.ifindex == (uint32_t)ifindex;
}

/* The link that an earlier process pinned for this device. A link whose device
 * has gone, or that is on another one, is dropped. */
static bool take_link(struct datapath *dp, const struct link_info *info,
		      int prog_fd)
{
	char path[PATH_SIZE];
	int fd;

	link_path(dp, info->name, path, sizeof(path));
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	if (link_is_on(fd, info->ifindex) &&
	    !bpf_link_update(fd, prog_fd, NULL) &&
	    !note_link(dp, info->name, fd))
		return true;
	close(fd);
	unlink(path);
	return false;
}

static void name_foreign(uint32_t prog_id, const char *ifname, char *err,
			 size_t err_size)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd;

	/* Needs CAP_SYS_ADMIN; without it the id has to do. */
	fd = bpf_prog_get_fd_by_id(prog_id);
	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
	}
	snprintf(err, err_size,
		 "%s: another XDP program is attached: id %u%s%s%s; see: bpftool net show dev %s; to remove it: ip link set %s xdp off (or bpftool link detach)",
		 ifname, prog_id, info.name[0] ? " (" : "", info.name,
		 info.name[0] ? ")" : "", ifname, ifname);
}

static void explain_attach(int ret, const struct link_info *info, char *err,
			   size_t err_size)
{
	if (ret == -ERANGE)
		snprintf(err, err_size,
			 "%s: the MTU is too large for XDP, here or at the peer: lower it to %u or less",
			 info->name, PKT_MTU_MAX);
	else if (ret == -ENOSPC)
		snprintf(err, err_size,
			 "%s: fewer receive queues than the peer has transmit queues: ethtool -L %s rx N",
			 info->name, info->name);
	else
		snprintf(err, err_size, "%s: cannot attach the XDP program: %s",
			 info->name, strerror(-ret));
}

static int create_link(int prog_fd, const struct link_info *info,
		       enum datapath_mode *ret_mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int fd;

	*ret_mode = DATAPATH_NATIVE;
	fd = bpf_link_create(prog_fd, info->ifindex, BPF_XDP, &opts);
	if (fd != -EOPNOTSUPP)
		return fd;
	*ret_mode = DATAPATH_SKB;
	opts.flags = XDP_FLAGS_SKB_MODE;
	return bpf_link_create(prog_fd, info->ifindex, BPF_XDP, &opts);
}

int datapath_attach(struct datapath *dp, const struct link_info *info,
		    uint8_t kind, enum datapath_mode *ret_mode,
		    bool *ret_taken, char *err, size_t err_size)
{
	int prog_fd = prog_fd_of(dp, kind);
	char path[PATH_SIZE];
	int fd, ret;

	*ret_mode = info->xdp_skb ? DATAPATH_SKB : DATAPATH_NATIVE;
	*ret_taken = take_link(dp, info, prog_fd);
	if (*ret_taken)
		return 0;
	fd = create_link(prog_fd, info, ret_mode);
	if (fd == -EBUSY && info->xdp_prog_id) {
		name_foreign(info->xdp_prog_id, info->name, err, err_size);
		return fd;
	}
	if (fd < 0) {
		explain_attach(fd, info, err, err_size);
		return fd;
	}
	link_path(dp, info->name, path, sizeof(path));
	ret = bpf_obj_pin(fd, path);
	if (!ret)
		ret = note_link(dp, info->name, fd);
	if (ret) {
		snprintf(err, err_size, "%s: cannot pin the link at %s: %s",
			 info->name, path, strerror(-ret));
		unlink(path);
		close(fd);
	}
	return ret;
}

void datapath_detach(struct datapath *dp, const char *ifname)
{
	struct attached *link = find_link(dp, ifname);
	char path[PATH_SIZE];

	if (!link)
		return;
	link_path(dp, ifname, path, sizeof(path));
	unlink(path);
	bpf_link_detach(link->fd);
	close(link->fd);
	*link = dp->links[--dp->n_links];
}

uint32_t datapath_sweep_links(struct datapath *dp)
{
	struct dirent *entry;
	uint32_t n = 0;
	DIR *dir;

	dir = opendir(dp->links_dir);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		char path[PATH_SIZE + 256];
		int fd;

		if (entry->d_name[0] == '.' || find_link(dp, entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dp->links_dir,
			 entry->d_name);
		fd = bpf_obj_get(path);
		if (fd >= 0) {
			bpf_link_detach(fd);
			close(fd);
		}
		unlink(path);
		n++;
	}
	closedir(dir);
	return n;
}
