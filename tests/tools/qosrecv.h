/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The receiving half of qosflow: bytes per flow in bins of time, losses, order,
 * and how long datagrams took.
 *
 * A datagram's time is that at which the kernel got it, and not that at which
 * this process came to read it.
 */
#ifndef TOOLS_QOSRECV_H
#define TOOLS_QOSRECV_H

#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qosflow.h"

#define QOS_BATCH	  64
#define QOS_SOCKET_BUFFER (64 << 20)
#define QOS_MAX_STREAMS	  32
#define QOS_MAX_BINS	  1000000

struct qos_flow {
	uint32_t id;
	bool tcp;
	uint64_t packets, bytes; /* bytes: of the wire */
	uint64_t next_seq, reordered;
	uint64_t first_seq;
	uint64_t first_ns, last_ns;
	uint32_t *bins; /* owned; bytes */
	size_t n_bins;
	uint32_t *latency_ns; /* owned */
	size_t n_latency, room;
};

struct qos_stream {
	int fd; /* owned */
	struct qos_flow *flow;
	uint8_t head[sizeof(struct qos_head)];
	size_t n_head;
};

struct qos_recv {
	const struct qos_options *o;
	uint64_t start_ns;
	uint64_t real_ns;  /* CLOCK_REALTIME less CLOCK_MONOTONIC */
	int udp, listener; /* owned */
	struct qos_stream streams[QOS_MAX_STREAMS];
	uint32_t n_streams;
	struct qos_flow flows[QOS_MAX_FLOWS];
	uint32_t n_flows;
	uint64_t strange; /* datagrams that are nobody's */
};

static inline void *qos_grow(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n, size);

	if (!p)
		die("no memory");
	return p;
}

static inline struct qos_flow *qos_find_flow(struct qos_recv *r, uint32_t id,
					     bool tcp)
{
	struct qos_flow *f;

	for (f = r->flows; f < r->flows + r->n_flows; f++)
		if (f->id == id && f->tcp == tcp)
			return f;
	if (r->n_flows == QOS_MAX_FLOWS)
		return NULL;
	r->n_flows++;
	f->id = id;
	f->tcp = tcp;
	return f;
}

static inline void qos_count(struct qos_recv *r, struct qos_flow *f,
			     uint64_t when_ns, uint64_t bytes)
{
	uint64_t bin = when_ns < r->start_ns
			       ? 0
			       : (when_ns - r->start_ns) / r->o->bin_ns;

	f->bytes += bytes;
	if (!f->first_ns)
		f->first_ns = when_ns;
	f->last_ns = when_ns;
	if (bin >= QOS_MAX_BINS)
		return;
	if (bin >= f->n_bins) {
		size_t n = bin + 1024;

		f->bins = (uint32_t *)qos_grow(f->bins, n, sizeof(*f->bins));
		memset(f->bins + f->n_bins, 0,
		       (n - f->n_bins) * sizeof(*f->bins));
		f->n_bins = n;
	}
	f->bins[bin] += (uint32_t)bytes;
}

/* ---- datagrams ---- */

static inline void qos_datagram(struct qos_recv *r, const uint8_t *data,
				size_t len, uint64_t when_ns)
{
	struct qos_head head;
	struct qos_flow *f = NULL;
	uint64_t took;

	if (len >= sizeof(head)) {
		memcpy(&head, data, sizeof(head));
		if (head.magic == QOS_MAGIC)
			f = qos_find_flow(r, head.flow, false);
	}
	if (!f) {
		r->strange++;
		return;
	}
	if (!f->packets)
		f->first_seq = f->next_seq = head.seq;
	if (head.seq < f->next_seq)
		f->reordered++;
	else
		f->next_seq = head.seq + 1;
	f->packets++;
	qos_count(r, f, when_ns, len + QOS_UDP_HEAD + QOS_WIRE);
	took = when_ns > head.sent_ns ? when_ns - head.sent_ns : 0;
	if (f->n_latency == f->room) {
		f->room = f->room ? 2 * f->room : 4096;
		f->latency_ns = (uint32_t *)qos_grow(f->latency_ns, f->room,
						     sizeof(*f->latency_ns));
	}
	f->latency_ns[f->n_latency++] = took > UINT32_MAX ? UINT32_MAX
							  : (uint32_t)took;
}

static inline uint64_t qos_stamp(struct qos_recv *r, struct msghdr *msg)
{
	struct cmsghdr *c;
	struct timespec ts;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return (uint64_t)ts.tv_sec * NSEC_PER_SEC +
		       (uint64_t)ts.tv_nsec - r->real_ns;
	}
	return now_ns();
}

static inline void qos_read_udp(struct qos_recv *r)
{
	static uint8_t data[QOS_BATCH][2048];
	static uint8_t control[QOS_BATCH][64];
	struct mmsghdr msgs[QOS_BATCH] = { 0 };
	struct iovec iov[QOS_BATCH];
	int n;

	for (int i = 0; i < QOS_BATCH; i++) {
		iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
		msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = sizeof(control[i]),
		};
	}
	n = recvmmsg(r->udp, msgs, QOS_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		qos_datagram(r, data[i], msgs[i].msg_len,
			     qos_stamp(r, &msgs[i].msg_hdr));
}

/* ---- streams ---- */

static inline void qos_accept(struct qos_recv *r)
{
	int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (r->n_streams == QOS_MAX_STREAMS) {
		close(fd);
		return;
	}
	r->streams[r->n_streams++] = (struct qos_stream){ .fd = fd };
}

/* The content, of which the head is the first. */
static inline void qos_stream_data(struct qos_recv *r, struct qos_stream *s,
				   const uint8_t *data, size_t len)
{
	struct qos_head head;
	size_t n = sizeof(s->head) - s->n_head;

	n = n < len ? n : len;
	memcpy(s->head + s->n_head, data, n);
	s->n_head += n;
	if (s->n_head < sizeof(s->head))
		return;
	if (!s->flow) {
		memcpy(&head, s->head, sizeof(head));
		if (head.magic == QOS_MAGIC)
			s->flow = qos_find_flow(r, head.flow, true);
	}
	if (s->flow)
		qos_count(r, s->flow, now_ns(),
			  len * (QOS_TCP_FRAME + QOS_WIRE) / QOS_TCP_CONTENT);
	else
		r->strange++;
}

static inline void qos_read_stream(struct qos_recv *r, uint32_t i)
{
	static uint8_t data[256 << 10];
	struct qos_stream *s = &r->streams[i];
	ssize_t n = recv(s->fd, data, sizeof(data), 0);

	if (n > 0) {
		qos_stream_data(r, s, data, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close(s->fd);
	*s = r->streams[--r->n_streams];
}

/* ---- the result ---- */

static inline int qos_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static inline double qos_percentile_us(const struct qos_flow *f, double p)
{
	size_t i = (size_t)(p * (double)f->n_latency);

	if (!f->n_latency)
		return 0;
	return f->latency_ns[i < f->n_latency ? i : f->n_latency - 1] / 1e3;
}

static inline json_t *qos_flow_json(struct qos_flow *f)
{
	json_t *bins = json_array(), *flow;
	uint64_t wanted = f->next_seq - f->first_seq;

	while (f->n_bins && !f->bins[f->n_bins - 1])
		f->n_bins--;
	for (size_t i = 0; i < f->n_bins; i++)
		json_array_append_new(bins, json_integer(f->bins[i]));
	flow = json_pack(
		"{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "flow", (int)f->id,
		"protocol", f->tcp ? "tcp" : "udp", "packets",
		(json_int_t)f->packets, "bytes", (json_int_t)f->bytes, "lost",
		(json_int_t)(wanted > f->packets ? wanted - f->packets : 0),
		"reordered", (json_int_t)f->reordered, "first_ns",
		(json_int_t)f->first_ns, "last_ns", (json_int_t)f->last_ns);
	if (f->n_latency) {
		qsort(f->latency_ns, f->n_latency, sizeof(*f->latency_ns),
		      qos_compare);
		json_object_set_new(flow, "latency_us",
				    json_pack("{s:f, s:f, s:f, s:f}", "p50",
					      qos_percentile_us(f, 0.5), "p99",
					      qos_percentile_us(f, 0.99),
					      "p999",
					      qos_percentile_us(f, 0.999),
					      "max", qos_percentile_us(f, 1)));
	}
	json_object_set_new(flow, "bins", bins);
	return flow;
}

static inline void qos_write(struct qos_recv *r)
{
	json_t *list = json_array(), *root;

	for (uint32_t i = 0; i < r->n_flows; i++) {
		json_array_append_new(list, qos_flow_json(&r->flows[i]));
		free(r->flows[i].bins);
		free(r->flows[i].latency_ns);
	}
	root = json_pack("{s:I, s:I, s:I, s:o}", "start_ns",
			 (json_int_t)r->start_ns, "bin_ns",
			 (json_int_t)r->o->bin_ns, "strange",
			 (json_int_t)r->strange, "flows", list);
	if (json_dump_file(root, r->o->out, JSON_COMPACT))
		die("%s: cannot write", r->o->out);
	json_decref(root);
}

/* ---- the run ---- */

static inline int qos_bind(int type, uint16_t port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, size = QOS_SOCKET_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (type == SOCK_DGRAM &&
	    (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) ||
	     setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size))))
		die("cannot set a socket: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    (type == SOCK_STREAM && listen(fd, QOS_MAX_STREAMS)))
		die("port %u: %s", port, strerror(errno));
	return fd;
}

static inline void qos_recv_round(struct qos_recv *r)
{
	struct pollfd fds[2 + QOS_MAX_STREAMS] = {
		{ .fd = r->udp, .events = POLLIN },
		{ .fd = r->listener, .events = POLLIN },
	};

	for (uint32_t i = 0; i < r->n_streams; i++)
		fds[2 + i] = (struct pollfd){ r->streams[i].fd, POLLIN, 0 };
	if (poll(fds, 2 + r->n_streams, 100) <= 0)
		return;
	if (fds[0].revents)
		qos_read_udp(r);
	/* From the last one: another may take the place of one that ends. */
	for (uint32_t i = r->n_streams; i-- > 0;)
		if (fds[2 + i].revents)
			qos_read_stream(r, i);
	if (fds[1].revents)
		qos_accept(r);
}

static inline int qos_recv_run(const struct qos_options *o)
{
	static struct qos_recv r;
	struct timespec ts;

	r.o = o;
	clock_gettime(CLOCK_REALTIME, &ts);
	r.real_ns = (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec -
		    now_ns();
	r.start_ns = o->start_ns ? o->start_ns : now_ns();
	r.udp = qos_bind(SOCK_DGRAM, o->port);
	r.listener = qos_bind(SOCK_STREAM, o->port);
	puts("ready");
	fflush(stdout);
	while (!stop_requested && (!o->end_ns || now_ns() < o->end_ns))
		qos_recv_round(&r);
	qos_write(&r);
	return EXIT_OK;
}

#endif
