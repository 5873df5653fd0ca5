// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The control socket's clients: see server.h.
 *
 * A client is in one of three states, and epoll is told to wait for what ends
 * it:
 *
 *	no whole line is there		readable	read
 *	a whole line is there		writable	answer it
 *	an answer is not all written	writable	write
 *
 * Waiting to be writable with nothing to write, which is so at once, puts a
 * client with many requests at the end of the queue after each of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/base.h"
#include "base/log.h"
#include "control/request.h"
#include "control/server.h"
#include "control/server_socket.h"

#define RUN_NS	   (5 * NS_PER_MS)
#define SWEEP_NS   (NS_PER_SEC / 2)
#define READ_CHUNK 4096
/* One that has asked nothing for so long makes room for another. */
#define EVICT_NS NS_PER_SEC

struct client {
	int fd; /* owned; -1 = the slot is free */
	struct request_peer peer;
	uint32_t events; /* that epoll waits for */
	char *in;	 /* owned */
	size_t in_len, in_size;
	char *out; /* owned; NULL = no answer waits */
	size_t out_len, out_sent;
	uint64_t since_ns; /* when the present state began */
	bool last;	   /* closed when the answer is gone */
};

struct server {
	struct agent *agent; /* borrowed */
	struct server_hooks hooks;
	struct server_socket sock; /* owned */
	char group[CONFIG_NAME_MAX];
	uint64_t idle_ns;
	int epoll_fd; /* owned */
	int timer_fd; /* owned; runs while there is a need */
	bool deaf;    /* no descriptor to accept with */
	uint32_t n_clients;
	size_t answers; /* bytes in all clients' out */
	struct client clients[SERVER_MAX_CLIENTS];
};

/* What an epoll event is about: a client's number, or one of these. */
enum { ABOUT_LISTENER = SERVER_MAX_CLIENTS, ABOUT_TIMER };

/* ---- timer ---- */

static void set_timer(struct server *server, bool on)
{
	struct itimerspec spec = { 0 };

	if (on) {
		spec.it_interval.tv_nsec = SWEEP_NS;
		spec.it_value.tv_nsec = SWEEP_NS;
	}
	timerfd_settime(server->timer_fd, 0, &spec, NULL);
}

/* ---- clients come and go ---- */

static int watch(struct server *server, int op, int fd, uint32_t events,
		 uint32_t about)
{
	struct epoll_event event = { .events = events, .data.u32 = about };

	return epoll_ctl(server->epoll_fd, op, fd, &event) < 0 ? -errno : 0;
}

static void drop_answer(struct server *server, struct client *client)
{
	server->answers -= client->out ? client->out_len : 0;
	free(client->out);
	client->out = NULL;
}

static void drop_client(struct server *server, struct client *client)
{
	close(client->fd);
	drop_answer(server, client);
	free(client->in);
	memset(client, 0, sizeof(*client));
	client->fd = -1;
	if (!--server->n_clients && !server->deaf)
		set_timer(server, false);
}

/* A free slot, if need be that of the client which has been silent longest.
 * NULL: all are busy. */
static struct client *find_slot(struct server *server, uint64_t now)
{
	struct client *oldest = NULL;

	for (uint32_t i = 0; i < SERVER_MAX_CLIENTS; i++) {
		struct client *client = &server->clients[i];

		if (client->fd < 0)
			return client;
		if (!client->out && now - client->since_ns >= EVICT_NS &&
		    (!oldest || client->since_ns < oldest->since_ns))
			oldest = client;
	}
	if (oldest)
		drop_client(server, oldest);
	return oldest;
}

static void turn_away(int fd)
{
	char *answer = request_error("too many clients; try again");

	if (answer &&
	    send(fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("control socket: too many clients: %s",
			  strerror(errno));
	free(answer);
	close(fd);
}

static void set_deaf(struct server *server, bool deaf)
{
	if (deaf)
		log_warning(
			"control socket: cannot accept: %s; raise the limit of open files",
			strerror(errno));
	server->deaf = deaf;
	watch(server, EPOLL_CTL_MOD, server->sock.fd, deaf ? 0 : EPOLLIN,
	      ABOUT_LISTENER);
	set_timer(server, deaf || server->n_clients);
}

static void accept_client(struct server *server)
{
	struct client *client;
	uint64_t now = now_ns();
	int fd;

	fd = accept4(server->sock.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* The socket stays readable: look again a little later. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			set_deaf(server, true);
		return;
	}
	client = find_slot(server, now);
	if (!client) {
		turn_away(fd);
		return;
	}
	if (server_socket_peer(&server->sock, fd, &client->peer) ||
	    watch(server, EPOLL_CTL_ADD, fd, EPOLLIN,
		  (uint32_t)(client - server->clients))) {
		close(fd);
		return;
	}
	client->fd = fd;
	client->events = EPOLLIN;
	client->since_ns = now;
	if (!server->n_clients++)
		set_timer(server, true);
}

/* Frees what has been in one state for too long. */
static void sweep(struct server *server)
{
	uint64_t n, now = now_ns();

	if (read(server->timer_fd, &n, sizeof(n)) < 0)
		return;
	if (server->deaf)
		set_deaf(server, false);
	for (uint32_t i = 0; i < SERVER_MAX_CLIENTS; i++) {
		struct client *client = &server->clients[i];

		if (client->fd >= 0 && now - client->since_ns > server->idle_ns)
			drop_client(server, client);
	}
}

/* ---- one client: false when it is to be dropped ---- */

/* Reads once; at the end of what the client sends there is no whole line. */
static bool fill_in(struct client *client)
{
	ssize_t n;

	if (client->in_size - client->in_len < READ_CHUNK &&
	    client->in_size < SERVER_LINE_MAX) {
		size_t size = client->in_size ? client->in_size * 2
					      : READ_CHUNK;
		char *in = realloc(client->in, size);

		if (!in)
			return false;
		client->in = in;
		client->in_size = size;
	}
	n = recv(client->fd, client->in + client->in_len,
		 client->in_size - client->in_len, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->in_len += (size_t)n;
	return n > 0;
}

static bool flush_out(struct server *server, struct client *client)
{
	ssize_t n;

	n = send(client->fd, client->out + client->out_sent,
		 client->out_len - client->out_sent, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->out_sent += (size_t)n;
	if (client->out_sent < client->out_len)
		return true;
	drop_answer(server, client);
	client->since_ns = now_ns();
	return !client->last;
}

/* Takes over @answer. */
static bool put_out(struct server *server, struct client *client, char *answer)
{
	size_t len = answer ? strlen(answer) : 0;

	if (server->answers + len > SERVER_ANSWERS_MAX) {
		free(answer);
		answer = request_error(
			"too many answers wait to be read by others; try again");
		len = answer ? strlen(answer) : 0;
	}
	if (!answer)
		return false;
	client->out = answer;
	client->out_len = len;
	client->out_sent = 0;
	client->since_ns = now_ns();
	server->answers += len;
	return flush_out(server, client);
}

/* The end of the first whole line, or NULL. */
static char *line_end(const struct client *client)
{
	return client->in_len ? memchr(client->in, '\n', client->in_len) : NULL;
}

static bool answer_line(struct server *server, struct client *client, char *end)
{
	const struct request_env env = {
		.agent = server->agent,
		.hooks = &server->hooks,
		.group = server->group,
	};
	size_t len = (size_t)(end - client->in);
	char *answer;

	answer = request_answer(&env, &client->peer, client->in, len);
	client->in_len -= len + 1;
	memmove(client->in, end + 1, client->in_len);
	return put_out(server, client, answer);
}

/* One step: see the head of this file. */
static bool step(struct server *server, struct client *client)
{
	char *end;

	if (client->out)
		return flush_out(server, client);
	end = line_end(client);
	if (end)
		return answer_line(server, client, end);
	if (!fill_in(client))
		return false;
	end = line_end(client);
	if (end)
		return answer_line(server, client, end);
	if (client->in_len < SERVER_LINE_MAX)
		return true;
	client->last = true;
	return put_out(server, client,
		       request_error("a request is longer than 65536 bytes"));
}

static void run_client(struct server *server, uint32_t index)
{
	struct client *client = &server->clients[index];
	uint32_t events;

	/* Dropped by an earlier event of this run, and not replaced. */
	if (client->fd < 0)
		return;
	if (!step(server, client)) {
		drop_client(server, client);
		return;
	}
	events = client->out || line_end(client) ? EPOLLOUT : EPOLLIN;
	if (events == client->events)
		return;
	client->events = events;
	if (watch(server, EPOLL_CTL_MOD, client->fd, events, index))
		drop_client(server, client);
}

/* ---- the server ---- */

int server_open(struct agent *agent, const struct server_hooks *hooks,
		struct server **ret_server, char *err, size_t err_size)
{
	struct server *server = calloc(1, sizeof(*server));
	int ret;

	if (!server) {
		snprintf(err, err_size, "control socket: out of memory");
		return -ENOMEM;
	}
	server->agent = agent;
	server->hooks = *hooks;
	server->idle_ns =
		(hooks->idle_ms ? hooks->idle_ms : SERVER_IDLE_MS) * NS_PER_MS;
	for (uint32_t i = 0; i < SERVER_MAX_CLIENTS; i++)
		server->clients[i].fd = -1;
	snprintf(server->group, sizeof(server->group), "%s",
		 agent->config->control_group);
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->timer_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	ret = server_socket_open(&server->sock, agent->config, err, err_size);
	if (ret)
		goto fail;
	ret = watch(server, EPOLL_CTL_ADD, server->sock.fd, EPOLLIN,
		    ABOUT_LISTENER);
	if (!ret)
		ret = watch(server, EPOLL_CTL_ADD, server->timer_fd, EPOLLIN,
			    ABOUT_TIMER);
	if (ret) {
		snprintf(err, err_size, "control socket: %s", strerror(-ret));
		goto fail;
	}
	*ret_server = server;
	return 0;
fail:
	server_close(server);
	return ret;
}

void server_close(struct server *server)
{
	if (!server)
		return;
	for (uint32_t i = 0; i < SERVER_MAX_CLIENTS; i++)
		if (server->clients[i].fd >= 0)
			drop_client(server, &server->clients[i]);
	server_socket_close(&server->sock);
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	if (server->timer_fd >= 0)
		close(server->timer_fd);
	free(server);
}

int server_fd(const struct server *server)
{
	return server->epoll_fd;
}

void server_run(struct server *server)
{
	uint64_t deadline = now_ns() + RUN_NS;
	struct epoll_event event;

	/* One event at a time: what it does may end another's client. */
	do {
		if (epoll_wait(server->epoll_fd, &event, 1, 0) <= 0)
			return;
		if (event.data.u32 == ABOUT_LISTENER)
			accept_client(server);
		else if (event.data.u32 == ABOUT_TIMER)
			sweep(server);
		else
			run_client(server, event.data.u32);
	} while (now_ns() < deadline);
}
