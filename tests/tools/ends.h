/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ends of traffic for the tools that test guests: a guest, which is a
 * vhost-user front-end (tests/front), or a device in a network namespace (the
 * wire's, a VM's behind veth) by a packet socket. Both send and receive frames
 * with a virtio-net header that says what is left to do with them.
 *
 * Nothing here waits but end_wait(). All of a tool's ends are served by one
 * thread.
 */
#ifndef TOOLS_ENDS_H
#define TOOLS_ENDS_H

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../front/net.h"
#include "common.h"

#define END_MAX_PAIRS 8
#define END_BUF	      (FRONT_NET_MAX_FRAME + 64)

/* Of a kernel's socket that holds any run of a tool. */
#define END_SOCKET_BUFFER (64 << 20)
/* For the agent to come, or to answer. */
#define END_PATIENCE_MS 60000

#define END_OFFLOADS                                                 \
	(FRONT_F_CSUM | FRONT_F_GUEST_CSUM | FRONT_F_HOST_TSO4 |     \
	 FRONT_F_HOST_TSO6 | FRONT_F_HOST_ECN | FRONT_F_GUEST_TSO4 | \
	 FRONT_F_GUEST_TSO6 | FRONT_F_GUEST_ECN)

/* What a guest's driver accepts. */
struct end_kind {
	const char *name;
	uint64_t features; /* besides VERSION_1 */
	uint32_t rx_size;  /* bytes of a receive buffer */
};

static const struct end_kind end_kinds[] = {
	{ "full",
	  END_OFFLOADS | FRONT_F_MRG_RXBUF | FRONT_F_EVENT_IDX |
		  FRONT_F_INDIRECT,
	  2048 },
	/* Everything but mergeable buffers: large ones. */
	{ "big", END_OFFLOADS | FRONT_F_INDIRECT, 65600 },
	{ "csum",
	  FRONT_F_CSUM | FRONT_F_GUEST_CSUM | FRONT_F_MRG_RXBUF |
		  FRONT_F_EVENT_IDX,
	  1800 },
	{ "plain", FRONT_F_MRG_RXBUF | FRONT_F_INDIRECT, 1000 },
	{ "bare", 0, 1600 },
};

struct end {
	const char *name;
	uint8_t mac[6];
	const struct end_kind *kind; /* NULL: a device */
	/* of a guest */
	struct front_opts opts;
	struct front front;
	struct front_net nets[END_MAX_PAIRS];
	uint32_t n_pairs;  /* that it has */
	uint32_t n_active; /* that are enabled; the first ones */
	uint32_t next;	   /* to be looked at for frames */
	uint32_t from;	   /* pair of the last one that was received */
	uint64_t n_received[END_MAX_PAIRS];
	/* of a device */
	const char *netns, *dev;
	int fd; /* owned */
};

/* ---- options ---- */

static inline const struct end_kind *end_find_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(end_kinds); i++)
		if (!strcmp(end_kinds[i].name, name))
			return &end_kinds[i];
	die("%s: no kind of guest", name);
}

/* KEY=VALUE,...; @text is cut up and has to stay. */
static inline void end_parse(struct end *end, char *text)
{
	const char *kind = "full";
	char *part;

	memset(end, 0, sizeof(*end));
	end->fd = -1;
	end->opts = front_defaults(NULL);
	end->opts.timeout_ms = END_PATIENCE_MS;
	end->opts.ring_size = 256;
	for (part = strtok(text, ","); part; part = strtok(NULL, ",")) {
		char *value = strchr(part, '=');

		if (!value)
			die("--end: %s: expected KEY=VALUE", part);
		*value++ = 0;
		if (!strcmp(part, "name"))
			end->name = value;
		else if (!strcmp(part, "mac"))
			parse_mac("end", value, end->mac);
		else if (!strcmp(part, "socket"))
			end->opts.path = value;
		else if (!strcmp(part, "mode"))
			end->opts.connect = !strcmp(value, "server");
		else if (!strcmp(part, "manner"))
			end->opts.manner = !strcmp(value, "virtio-user")
						   ? FRONT_VIRTIO_USER
						   : FRONT_QEMU;
		else if (!strcmp(part, "kind"))
			kind = value;
		else if (!strcmp(part, "pairs"))
			end->opts.n_pairs = (uint32_t)parse_number(
				"pairs", value, 1, END_MAX_PAIRS);
		else if (!strcmp(part, "ring"))
			end->opts.ring_size =
				(uint32_t)parse_number("ring", value, 16, 1024);
		else if (!strcmp(part, "netns"))
			end->netns = value;
		else if (!strcmp(part, "dev"))
			end->dev = value;
		else
			die("--end: %s: no such key", part);
	}
	if (!end->name || !end->opts.path == !end->dev)
		die("--end: name and socket, or dev, are needed");
	if (end->opts.path)
		end->kind = end_find_kind(kind);
}

/* ---- opening ---- */

static inline void end_set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die("packet socket: option %d: %s", name, strerror(errno));
}

static inline void end_open_device(struct end *end)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_ALL) };
	int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int theirs = open(end->netns, O_RDONLY | O_CLOEXEC);

	if (ours < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET))
		die("%s: %s", end->netns, strerror(errno));
	end->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (end->fd < 0)
		die("packet socket: %s", strerror(errno));
	end_set(end->fd, SOL_SOCKET, SO_RCVBUFFORCE, END_SOCKET_BUFFER);
	end_set(end->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	end_set(end->fd, SOL_PACKET, PACKET_AUXDATA, 1);
	end_set(end->fd, SOL_PACKET, PACKET_VNET_HDR, 1);
	addr.sll_ifindex = parse_ifindex("end", end->dev);
	if (bind(end->fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("%s: %s", end->dev, strerror(errno));
	if (setns(ours, CLONE_NEWNET))
		die("back: %s", strerror(errno));
	close(ours);
	close(theirs);
	end->n_pairs = end->n_active = 1;
}

/* Waits for the agent. */
static inline void end_connect(struct end *end)
{
	int err = front_accept(&end->front, END_PATIENCE_MS);

	if (!err)
		err = front_start(&end->front);
	if (err)
		die("%s: the agent: %s", end->name, strerror(-err));
	for (uint32_t i = 0; i < end->n_pairs; i++)
		front_net_post(&end->nets[i]);
}

/* Memory and rings, and somebody who listens. */
static inline void end_open(struct end *end)
{
	const struct end_kind *kind = end->kind;
	const uint32_t n_tx = 48;
	uint64_t size;
	int err;

	if (!kind) {
		end_open_device(end);
		return;
	}
	end->opts.features = FRONT_F_VERSION_1 | FRONT_F_PROTOCOL |
			     FRONT_F_LOG_ALL | kind->features;
	end->opts.protocol_features |= FRONT_P_LOG_SHMFD;
	if (end->opts.n_pairs > 1) {
		end->opts.features |= FRONT_F_MQ;
		end->opts.protocol_features |= FRONT_P_MQ;
	}
	size = (uint64_t)end->opts.n_pairs *
		       ((uint64_t)kind->rx_size * end->opts.ring_size +
			n_tx * 65700ull + end->opts.ring_size * 1200ull) +
	       (1 << 20);
	end->opts.region_size = size / 4096 * 4096;
	err = front_open(&end->front, &end->opts);
	if (err)
		die("%s: %s: %s", end->name, end->opts.path, strerror(-err));
	end->n_pairs = end->n_active = end->opts.n_pairs;
	for (uint32_t i = 0; i < end->n_pairs; i++)
		if (front_net_init(&end->nets[i], &end->front, i, 0,
				   kind->rx_size, n_tx))
			die("%s: too little memory", end->name);
}

static inline void end_close(struct end *end)
{
	if (end->kind)
		front_close(&end->front);
	else if (end->fd >= 0)
		close(end->fd);
}

static inline bool end_has(const struct end *end, uint64_t features)
{
	return end->kind && (end->front.features & features) == features;
}

/* ---- frames ---- */

/* 0; -EAGAIN: no room now. */
static inline int end_send(struct end *end, uint32_t pair,
			   const struct front_net_hdr *hdr, const void *frame,
			   uint32_t len)
{
	struct iovec pieces[2] = {
		{ (void *)hdr, sizeof(struct virtio_net_hdr) },
		{ (void *)frame, len },
	};

	if (end->kind)
		return front_net_send(&end->nets[pair], hdr, frame, len);
	if (writev(end->fd, pieces, 2) >= 0)
		return 0;
	return errno == ENOBUFS || errno == EAGAIN ? -EAGAIN : -errno;
}

/* Puts the tag back that the kernel has taken out of the frame. */
static inline int end_put_tag(struct msghdr *msg, uint8_t *frame, int len)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct tpacket_auxdata aux;
	uint16_t tag[2];

	if (!c || c->cmsg_type != PACKET_AUXDATA)
		return len;
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return len;
	tag[0] = htons(aux.tp_status & TP_STATUS_VLAN_TPID_VALID
			       ? aux.tp_vlan_tpid
			       : ETH_P_8021Q);
	tag[1] = htons(aux.tp_vlan_tci);
	memmove(frame + 16, frame + 12, (size_t)len - 12);
	memcpy(frame + 12, tag, 4);
	return len + 4;
}

static inline int end_receive_device(struct end *end, struct front_net_hdr *hdr,
				     uint8_t *buf, uint32_t size)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec pieces[2] = { { hdr, sizeof(struct virtio_net_hdr) },
				   { buf, size - 4 } };
	struct msghdr msg = { .msg_iov = pieces,
			      .msg_iovlen = 2,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(end->fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	hdr->n_buffers = 1;
	return end_put_tag(&msg, buf, (int)(n - (ssize_t)pieces[0].iov_len));
}

/* The next frame of any pair: its length; -EAGAIN: none; -EBADMSG: it or the
 * ring is broken. */
static inline int end_receive(struct end *end, struct front_net_hdr *hdr,
			      uint8_t *buf, uint32_t size)
{
	int len;

	if (!end->kind)
		return end_receive_device(end, hdr, buf, size);
	for (uint32_t i = 0; i < end->n_pairs; i++) {
		end->from = (end->next + i) % end->n_pairs;
		len = front_net_receive(&end->nets[end->from], hdr, buf, size,
					0);
		if (len == -ETIMEDOUT)
			continue;
		end->next = end->from + 1;
		end->n_received[end->from]++;
		return len;
	}
	return -EAGAIN;
}

/* Waits until one of the ends has something. */
static inline void end_wait(struct end *ends, uint32_t n, int timeout_ms)
{
	struct pollfd pfds[16 * 2 * END_MAX_PAIRS];
	uint32_t n_pfds = 0;
	bool ready = false;

	for (uint32_t i = 0; i < n; i++) {
		struct end *end = &ends[i];

		if (!end->kind)
			pfds[n_pfds++] = (struct pollfd){ .fd = end->fd,
							  .events = POLLIN };
		for (uint32_t p = 0; end->kind && p < end->n_pairs; p++) {
			ready |= front_ring_ask(end->nets[p].rx);
			ready |= front_ring_ask(end->nets[p].tx);
			pfds[n_pfds++] =
				(struct pollfd){ .fd = end->nets[p].rx->call_fd,
						 .events = POLLIN };
			pfds[n_pfds++] =
				(struct pollfd){ .fd = end->nets[p].tx->call_fd,
						 .events = POLLIN };
		}
	}
	poll(pfds, n_pfds, ready ? 0 : timeout_ms);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t p = 0; ends[i].kind && p < ends[i].n_pairs; p++) {
			front_ring_clear(ends[i].nets[p].rx);
			front_ring_clear(ends[i].nets[p].tx);
		}
}

/*
 * Whether the rings are as they have to be once all is quiet: what was sent
 * has come back, and of the receive buffers each is either the driver's or out
 * once. Prints what is not.
 */
static inline bool end_is_whole(struct end *end)
{
	bool whole = true;
	int err;

	for (uint32_t i = 0; end->kind && i < end->n_pairs; i++) {
		const struct front_ring *rx = end->nets[i].rx;
		uint32_t out = 0;

		err = front_net_flush(&end->nets[i], END_PATIENCE_MS);
		for (uint32_t d = 0; d < rx->num; d++)
			out += rx->n_chain[d];
		if (!err && out + rx->n_free == rx->num &&
		    (uint16_t)(rx->avail_idx - rx->last_used) == out)
			continue;
		printf("%s: pair %u: sending ring: %s; receiving: %u free, %u "
		       "out, of %u; %u by the indexes\n",
		       end->name, i, strerror(-err), rx->n_free, out, rx->num,
		       (uint16_t)(rx->avail_idx - rx->last_used));
		whole = false;
	}
	return whole;
}

#endif
