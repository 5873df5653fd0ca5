// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The metrics' HTTP server: see metrics.h. libmicrohttpd runs in the caller's
 * event loop: its epoll descriptor stands for all its sockets.
 */
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "base/log.h"
#include "control/metrics.h"
#include "control/metrics_text.h"

#define BACKLOG		  16
#define CONNECTION_MEMORY ((size_t)16384)
#define TEXT_TTL_NS	  (100 * NS_PER_MS)

struct metrics {
	struct agent *agent;	   /* borrowed */
	struct MHD_Daemon *daemon; /* owned, and the listening socket */
	int fd;			   /* the daemon's epoll */
	uint16_t port;
	bool alive;
	uint64_t text_ns;	   /* when text was made */
	struct MHD_Response *text; /* owned: the last metrics */
};

/* ---- answers ---- */

static enum MHD_Result send_text(struct MHD_Connection *connection,
				 unsigned int status, const char *text)
{
	char line[320];
	struct MHD_Response *response;
	enum MHD_Result ret;

	snprintf(line, sizeof(line), "%s\n", text);
	response = MHD_create_response_from_buffer(strlen(line), line,
						   MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				"text/plain; charset=utf-8");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
					"GET, HEAD");
	ret = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return ret;
}

/* Makes the text anew if it is old. */
static int refresh(struct metrics *metrics)
{
	struct MHD_Response *response;
	struct snapshot *snap;
	char *text;
	size_t len;
	int ret;

	if (metrics->text && now_ns() - metrics->text_ns < TEXT_TTL_NS)
		return 0;
	ret = snapshot_take(metrics->agent, NULL, SNAPSHOT_ALL, &snap);
	if (ret)
		return ret;
	text = metrics_text(snap, &len);
	snapshot_free(snap);
	if (!text)
		return -ENOMEM;
	response = MHD_create_response_from_buffer(len, text,
						   MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return -ENOMEM;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				METRICS_CONTENT_TYPE);
	if (metrics->text)
		MHD_destroy_response(metrics->text);
	metrics->text = response;
	metrics->text_ns = now_ns();
	return 0;
}

static enum MHD_Result send_metrics(struct metrics *metrics,
				    struct MHD_Connection *connection)
{
	if (refresh(metrics))
		return send_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
				 "out of memory");
	return MHD_queue_response(connection, MHD_HTTP_OK, metrics->text);
}

static enum MHD_Result send_ready(struct metrics *metrics,
				  struct MHD_Connection *connection)
{
	char why[256];

	if (metrics_not_ready(metrics->agent, why, sizeof(why)))
		return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, why);
	return send_text(connection, MHD_HTTP_OK, "ready");
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection,
			      const char *url, const char *method,
			      const char *version, const char *body,
			      size_t *body_size, void **state)
{
	struct metrics *metrics = arg;
	bool is_get = !strcmp(method, MHD_HTTP_METHOD_GET) ||
		      !strcmp(method, MHD_HTTP_METHOD_HEAD);

	(void)version;
	(void)body;
	/* An answer to the first call, which has the headers only, ends the
	 * connection: as it should for whoever might send a body. */
	if (is_get && !*state) {
		*state = metrics;
		return MHD_YES;
	}
	*body_size = 0;
	if (strcmp(url, "/metrics") && strcmp(url, "/livez") &&
	    strcmp(url, "/readyz"))
		return send_text(connection, MHD_HTTP_NOT_FOUND,
				 "there are /metrics, /livez and /readyz");
	if (!is_get)
		return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				 "only GET and HEAD");
	if (url[1] == 'm')
		return send_metrics(metrics, connection);
	if (url[1] == 'r')
		return send_ready(metrics, connection);
	if (metrics->alive)
		return send_text(connection, MHD_HTTP_OK, "alive");
	return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			 "a worker hangs; see the log");
}

static void log_mhd(void *arg, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void log_mhd(void *arg, const char *fmt, va_list ap)
{
	char line[256];

	(void)arg;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("metrics: %s", line);
}

/* ---- the server ---- */

/* The port that @fd was bound to. */
static uint16_t bound_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char port[8];

	if (getsockname(fd, (struct sockaddr *)&addr, &len) ||
	    getnameinfo((struct sockaddr *)&addr, len, NULL, 0, port,
			sizeof(port), NI_NUMERICSERV))
		return 0;
	return (uint16_t)atoi(port);
}

static int listen_on(const struct addrinfo *ai)
{
	const int one = 1;
	int fd, ret;

	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static int open_listener(const char *host, uint16_t port, char *err,
			 size_t err_size)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *ai;
	char service[8];
	int ret;

	snprintf(service, sizeof(service), "%u", port);
	ret = getaddrinfo(host, service, &hints, &ai);
	if (ret) {
		snprintf(err, err_size, "metrics.listen: %s: %s", host,
			 gai_strerror(ret));
		return -EINVAL;
	}
	ret = listen_on(ai);
	freeaddrinfo(ai);
	if (ret < 0)
		snprintf(
			err, err_size, "metrics.listen: %s port %u: %s%s", host,
			port, strerror(-ret),
			ret == -EADDRINUSE
				? "; choose another port, or stop who has it: ss -tlnp"
			: ret == -EADDRNOTAVAIL
				? "; choose an address of this host"
				: "");
	return ret;
}

static struct MHD_Daemon *start_daemon(struct metrics *metrics, int fd)
{
	const unsigned int flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_mhd, NULL },
		{ MHD_OPTION_LISTEN_SOCKET, fd, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, METRICS_MAX_CONNECTIONS, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, METRICS_IDLE_S, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(flags, 0, NULL, NULL, answer, metrics,
				MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

int metrics_open(struct agent *agent, const char *host, uint16_t port,
		 struct metrics **ret_metrics, char *err, size_t err_size)
{
	const union MHD_DaemonInfo *info;
	struct metrics *metrics;
	int fd;

	fd = open_listener(host, port, err, err_size);
	if (fd < 0)
		return fd;
	metrics = calloc(1, sizeof(*metrics));
	if (metrics) {
		metrics->agent = agent;
		metrics->alive = true;
		metrics->port = bound_port(fd);
		metrics->daemon = start_daemon(metrics, fd);
	}
	if (!metrics || !metrics->daemon) {
		snprintf(err, err_size,
			 "metrics: cannot start the HTTP server");
		close(fd);
		free(metrics);
		return -ENOMEM;
	}
	info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	metrics->fd = info->epoll_fd;
	*ret_metrics = metrics;
	return 0;
}

void metrics_close(struct metrics *metrics)
{
	if (!metrics)
		return;
	MHD_stop_daemon(metrics->daemon);
	if (metrics->text)
		MHD_destroy_response(metrics->text);
	free(metrics);
}

int metrics_fd(const struct metrics *metrics)
{
	return metrics->fd;
}

void metrics_run(struct metrics *metrics)
{
	MHD_run(metrics->daemon);
}

int metrics_timeout_ms(const struct metrics *metrics)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (!metrics || MHD_get_timeout(metrics->daemon, &ms) != MHD_YES)
		return -1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

void metrics_set_alive(struct metrics *metrics, bool alive)
{
	if (metrics)
		metrics->alive = alive;
}

uint16_t metrics_port(const struct metrics *metrics)
{
	return metrics->port;
}
