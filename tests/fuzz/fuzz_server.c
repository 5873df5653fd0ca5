/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes on the control socket, of an agent without ports. The first byte
 * says in how many pieces the others are sent. Besides what the sanitizers find:
 * each whole line gets one answer, each answer is a JSON object that says ok or
 * why not, and the server is as good as before for the next client.
 */
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "base/base.h"
#include "base/log.h"
#include "control/pools.h"
#include "control/server.h"
#include "switching/worker.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct agent agent;
static struct config config;
static struct worker worker;
static struct pools_log pools_log = {
	.entries = { { 1700000000123456789, "web1", POOL_RX_HIGH, 64, 128 } },
	.n = 1,
};
static struct server *server;
static char dir[] = "/tmp/fuzz_server.XXXXXX";

/* Answers of one client, as far as they have come. */
static char answers[1 << 20];
static size_t n_answered;

static void require(bool holds)
{
	if (!holds)
		abort();
}

static int reload(void *arg, char *text, size_t size)
{
	static int n;

	(void)arg;
	snprintf(text, size, "reload %d", ++n);
	return n % 2 ? -EINVAL : 0;
}

static void clean_up(void)
{
	server_close(server);
	/* The leak sanitizer does not find entries by their table. */
	fdb_free(agent.vs.fdb);
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct server_hooks hooks = { .reload = reload };
	const struct fdb_key key = { .mac = { 2, 0, 0, 0, 0, 1 }, .vlan = 7 };
	char err[256];

	(void)argc;
	(void)argv;
	rcu_register_thread();
	require(mkdtemp(dir));
	snprintf(config.control_path, sizeof(config.control_path), "%s/s", dir);
	config.control_mode = 0600;
	agent.config = &config;
	agent.vs.fdb = fdb_new();
	require(!fdb_set(agent.vs.fdb, &key, 1, FDB_F_STATIC, 0));
	agent.vs.workers[0] = &worker;
	agent.vs.n_workers = 1;
	agent.vs.arena.frame_size = 4096;
	agent.pools_log = &pools_log;
	require(!server_open(&agent, &hooks, &server, err, sizeof(err)));
	atexit(clean_up);
	return 0;
}

/* Reads what is there; false at the end. */
static bool read_answers(int fd)
{
	ssize_t n;

	do {
		require(n_answered < sizeof(answers));
		n = recv(fd, answers + n_answered, sizeof(answers) - n_answered,
			 MSG_DONTWAIT);
		if (n > 0)
			n_answered += (size_t)n;
	} while (n > 0);
	return n < 0 && errno == EAGAIN;
}

static void talk(int fd, const uint8_t *data, size_t size, size_t piece)
{
	while (size) {
		size_t want = size < piece ? size : piece;
		ssize_t n = send(fd, data, want, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		} else if (errno != EAGAIN) {
			break; /* it has had enough: too long a line */
		}
		server_run(server);
		if (!read_answers(fd))
			return;
	}
	shutdown(fd, SHUT_WR);
	do
		server_run(server);
	while (read_answers(fd));
}

static void check_answer(const char *line, size_t len)
{
	json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *ok = json_object_get(json, "ok");

	require(json_is_boolean(ok));
	if (json_is_true(ok))
		require(json_object_get(json, "data"));
	else
		require(json_string_length(json_object_get(json, "error")) > 0);
	json_decref(json);
}

/* Returns how many there are. */
static size_t check_answers(void)
{
	const char *line = answers, *end = answers + n_answered, *p;
	size_t n = 0;

	for (; line < end; line = p + 1, n++) {
		p = memchr(line, '\n', (size_t)(end - line));
		require(p);
		check_answer(line, (size_t)(p - line));
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t n_lines = 0, longest = 0, len = 0, n;
	int fd;

	if (size < 1)
		return 0;
	for (size_t i = 1; i < size; i++) {
		n_lines += data[i] == '\n';
		len = data[i] == '\n' ? 0 : len + 1;
		longest = len > longest ? len : longest;
	}
	memcpy(addr.sun_path, config.control_path, sizeof(addr.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(fd >= 0);
	require(!connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	n_answered = 0;
	talk(fd, data + 1, size - 1, size / (data[0] + 1u) + 1);
	close(fd);
	n = check_answers();
	if (longest < SERVER_LINE_MAX)
		require(n == n_lines);
	else
		require(n <= n_lines + 1);
	log_set_level(LOG_LEVEL_ERROR);
	return 0;
}
