/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket, with real sockets: what is answered, who may ask, and
 * clients that are slow, silent, many or mad. Server and clients are one
 * thread: pump() lets the server run while it has something to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "base/base.h"
#include "base/log.h"
#include "control/pools.h"
#include "control/server.h"
#include "switching/worker.h"

#define IDLE_MS	  60000
#define SHORT_MS  300
#define OTHER_UID 65534
#define OTHER_GID 64999
#define VERSION	  "{\"object\":\"agent\",\"verb\":\"version\"}\n"
#define RELOAD	  "{\"object\":\"agent\",\"verb\":\"reload\"}\n"
#define SHOW_VM	  "{\"object\":\"vm\",\"verb\":\"show\"}\n"
#define LEVEL	  "{\"object\":\"log\",\"verb\":\"level\"}\n"

struct env {
	struct agent agent;
	struct config config;
	struct config_uplink uplink;
	struct config_vm vm;
	struct port ports[2];
	struct server *server;
	int n_reloads;
	int reload_result;
	char dir[64];
	char err[256];
};

static int reload(void *arg, char *text, size_t size)
{
	struct env *env = arg;

	env->n_reloads++;
	snprintf(text, size, env->reload_result ? "f.yaml:1:1: bad" : "same");
	return env->reload_result;
}

static int open_server_idle(struct env *env, uint32_t idle_ms)
{
	const struct server_hooks hooks = { reload, env, idle_ms };

	return server_open(&env->agent, &hooks, &env->server, env->err,
			   sizeof(env->err));
}

static int open_server(struct env *env)
{
	return open_server_idle(env, IDLE_MS);
}

static int setup_closed(void **state)
{
	struct env *env = aligned_alloc(CACHE_LINE, sizeof(*env));

	memset(env, 0, sizeof(*env));
	rcu_register_thread();
	log_set_level(LOG_LEVEL_ERROR);
	snprintf(env->dir, sizeof(env->dir), "/tmp/test_server.XXXXXX");
	if (!mkdtemp(env->dir) || chmod(env->dir, 0755))
		return -1;
	snprintf(env->config.control_path, sizeof(env->config.control_path),
		 "%s/control.sock", env->dir);
	env->config.control_mode = 0660;
	env->agent.config = &env->config;
	env->agent.started_ns = now_ns();
	env->agent.vs.fdb = fdb_new();
	env->agent.pools_log = calloc(1, sizeof(*env->agent.pools_log));
	*state = env;
	return 0;
}

static int setup(void **state)
{
	return setup_closed(state) || open_server(*state);
}

static int teardown(void **state)
{
	struct env *env = *state;

	server_close(env->server);
	unlink(env->config.control_path);
	rmdir(env->dir);
	fdb_free(env->agent.vs.fdb);
	free(env->agent.pools_log);
	free(env);
	rcu_unregister_thread();
	return 0;
}

/* ---- clients ---- */

static int client_open(const struct env *env)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	memcpy(addr.sun_path, env->config.control_path, sizeof(addr.sun_path));
	ret = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	assert_return_code(ret, errno);
	return fd;
}

/* Lets the server run until it has nothing to do for @quiet_ms. */
static void pump(const struct env *env, int quiet_ms)
{
	struct pollfd pfd = { .fd = server_fd(env->server), .events = POLLIN };

	while (poll(&pfd, 1, quiet_ms) > 0)
		server_run(env->server);
}

static void client_send(int fd, const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* The next line that the server sends, without its newline; NULL at the end. */
static const char *client_line(const struct env *env, int fd)
{
	static char line[1 << 20];
	size_t len = 0;

	for (int tries = 0; tries < 1000;) {
		ssize_t n = recv(fd, line + len, 1, 0);

		if (!n || (n < 0 && errno == ECONNRESET))
			return NULL;
		if (n < 0) {
			pump(env, 1);
			tries++;
			continue;
		}
		if (line[len] == '\n') {
			line[len] = '\0';
			return line;
		}
		assert_true(++len < sizeof(line));
	}
	fail_msg("no answer");
	return NULL;
}

/* The length of the next line, which may be long. */
static size_t client_skip_line(const struct env *env, int fd)
{
	char buf[65536];
	size_t len = 0;

	for (int tries = 0; tries < 1000;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		assert_true(n);
		if (n < 0) {
			pump(env, 1);
			tries++;
			continue;
		}
		len += (size_t)n;
		if (buf[n - 1] == '\n')
			return len;
	}
	fail_msg("no answer");
	return 0;
}

static json_t *client_answer(const struct env *env, int fd)
{
	const char *line = client_line(env, fd);
	json_t *answer;

	assert_non_null(line);
	answer = json_loads(line, 0, NULL);
	if (!answer)
		fail_msg("not JSON: %s", line);
	return answer;
}

/* Sends @text and expects an error that begins with @error; NULL: success,
 * whose data are returned. */
static json_t *ask(const struct env *env, int fd, const char *text, size_t len,
		   const char *error)
{
	json_t *answer, *data;
	const char *got;

	client_send(fd, text, len);
	answer = client_answer(env, fd);
	got = json_string_value(json_object_get(answer, "error"));
	if (!error) {
		if (got)
			fail_msg("%s: %s", text, got);
		assert_true(json_is_true(json_object_get(answer, "ok")));
		assert_true(
			json_is_integer(json_object_get(answer, "time_ns")));
		assert_int_equal(json_integer_value(
					 json_object_get(answer, "started_ns")),
				 env->agent.started_ns);
		data = json_incref(json_object_get(answer, "data"));
		json_decref(answer);
		assert_non_null(data);
		return data;
	}
	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_int_equal(json_object_size(answer), 2);
	if (!got || strncmp(got, error, strlen(error)) != 0)
		fail_msg("%s:\ngot  %s\nwant %s", text, got, error);
	json_decref(answer);
	return NULL;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* ---- what is answered ---- */

static void test_objects(void **state)
{
	static const char *const objects[] = { "vm",	  "port",   "pool",
					       "queue",	  "worker", "fdb",
					       "counters", "tag" };
	struct env *env = *state;
	int fd = client_open(env);
	char text[100];

	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		int len = snprintf(text, sizeof(text),
				   "{\"object\":\"%s\",\"verb\":\"show\"}\n",
				   objects[i]);

		json_decref(ask(env, fd, text, (size_t)len, NULL));
	}
	close(fd);
}

static void test_errors(void **state)
{
#define ROW(text, error)                                \
	{                                               \
		text "\n", sizeof(text "\n") - 1, error \
	}
	static const struct {
		const char *text;
		size_t len;
		const char *error;
	} rows[] = {
		ROW("", "not JSON: column "),
		ROW("hello", "not JSON: column "),
		ROW("{\"object\":\"vm\"", "not JSON: column "),
		ROW("{} {}", "not JSON: column "),
		ROW("[]", "a request is a JSON object"),
		ROW("{}", "a request needs the members object and verb"),
		ROW("{\"object\":\"vm\"}", "a request needs the members"),
		ROW("{\"verb\":\"show\"}", "a request needs the members"),
		ROW("{\"object\":1,\"verb\":\"show\"}",
		    "object: wrong member; there are object, verb"),
		ROW("{\"object\":\"counters\",\"verb\":\"show\",\"all\":1}",
		    "all: wrong member; there are object, verb"),
		ROW("{\"object\":\"vm\",\"verb\":\"show\",\"nmae\":\"x\"}",
		    "nmae: wrong member; there are object, verb"),
		ROW("{\"object\":\"vm\",\"object\":\"vm\",\"verb\":\"show\"}",
		    "not JSON: column "),
		ROW("{\"object\":\"house\",\"verb\":\"show\"}",
		    "house: no such object; there are vm, port"),
		ROW("{\"object\":\"vm\",\"verb\":\"kill\"}",
		    "kill: vm does not know that"),
		ROW("{\"object\":\"agent\",\"verb\":\"show\"}",
		    "show: agent does not know that"),
		ROW("{\"object\":\"agent\",\"verb\":\"reload\",\"name\":\"x\"}",
		    "agent reload takes no name"),
		ROW("{\"object\":\"vm\",\"verb\":\"show\",\"name\":\"x\"}",
		    "x: no such VM"),
		ROW("{\"object\":\"bypass\",\"verb\":\"off\"}",
		    "bypass off needs a VM"),
		ROW("{\"object\":\"bypass\",\"verb\":\"on\",\"name\":\"x\"}",
		    "x: no such vhost-user VM; pktctl vm show lists them"),
		ROW("{\"object\":\"bypass\",\"verb\":\"show\",\"name\":\"x\"}",
		    "x: no such VM"),
		ROW("{\"object\":\"vm\",\"verb\":\"off\",\"name\":\"x\"}",
		    "off: vm does not know that"),
		ROW("{\"object\":\"bypass\",\"verb\":\"on\",\"name\":\"x\","
		    "\"frames\":\"64\"}",
		    "--frames: 64: bypass on takes no sizes; pool resize does"),
		ROW("{\"object\":\"pool\",\"verb\":\"show\",\"max\":\"1MiB\"}",
		    "--max: 1MiB: pool show takes no sizes; pool resize does"),
		ROW("{\"object\":\"pool\",\"verb\":\"resize\",\"name\":\"x\","
		    "\"frames\":64}",
		    "frames: wrong member; there are object, verb"),
		ROW("{\"object\":\"pool\",\"verb\":\"arena\"}",
		    "pool arena needs --size, the frames that the host is to have"),
		ROW("{\"object\":\"pool\",\"verb\":\"arena\",\"size\":\"0\"}",
		    "--size: 0: must be a number of frames from 1, or bytes"),
		ROW("{\"object\":\"pool\",\"verb\":\"arena\","
		    "\"size\":\"4194305\"}",
		    "--size: 4194305: must be from 1 to 4194304 frames"),
		ROW("{\"object\":\"pool\",\"verb\":\"arena\",\"size\":\"1\"}",
		    "--size: 1: too few: pool.min of "),
		ROW("{\"object\":\"pool\",\"verb\":\"arena\",\"name\":\"x\","
		    "\"size\":\"64\"}",
		    "pool arena takes no name"),
		ROW("{\"object\":\"pool\",\"verb\":\"audit\",\"size\":\"64\"}",
		    "--size: 64: pool audit takes no size; pool arena does"),
		ROW("{\"object\":\"pool\",\"verb\":\"size\"}",
		    "size: pool does not know that"),
		ROW("{\"object\":\"log\",\"verb\":\"level\",\"name\":\"loud\"}",
		    "loud: no such log level; there are error, warning"),
		/* NUL, and what is no UTF-8 */
		ROW("{\"object\":\"vm\0\",\"verb\":\"show\"}", "not JSON: "),
		ROW("{\"object\":\"v\\u0000\",\"verb\":\"show\"}",
		    "not JSON: column "),
		ROW("{\"object\":\"\xff\xfe\",\"verb\":\"show\"}",
		    "not JSON: "),
		ROW("{\"object\":\"\\ud800\",\"verb\":\"show\"}", "not JSON: "),
		ROW("\xef\xbb\xbf{}", "not JSON: column "),
		/* a control character comes back as text */
		ROW("{\"object\":\"\\u001b[2J\",\"verb\":\"show\"}",
		    "\x1b[2J: no such object"),
	};
#undef ROW
	struct env *env = *state;
	int fd = client_open(env);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ask(env, fd, rows[i].text, rows[i].len, rows[i].error);
	/* The connection is as good as before. */
	json_decref(ask(env, fd, VERSION, strlen(VERSION), NULL));
	assert_int_equal(env->n_reloads, 0);
	close(fd);
}

/* An uplink and a VM that is down, whose pool may be from 64 to 256. */
static void add_ports(struct env *env)
{
	static const char *const names[] = { "wan", "web1" };

	env->vm.pool.min = 64;
	env->vm.pool.max = 256;
	for (uint16_t i = 0; i < 2; i++) {
		struct port *port = &env->ports[i];

		strcpy(port->name, names[i]);
		port->slot = i + 1;
		port->kind = i ? PORT_VM : PORT_UPLINK;
		port->uplink_config = i ? NULL : &env->uplink;
		port->vm_config = i ? &env->vm : NULL;
		port->vlan = 100;
		env->agent.ports[i + 1] = port;
	}
	env->agent.vs.arena.regions[0].n_frames = 4096;
	env->agent.vs.arena.frame_size = 2048;
	env->ports[1].promises = &env->agent.vs.promises;
	pools_begin(&env->ports[1]);
}

static void test_resize(void **state)
{
	static const struct {
		const char *rest; /* of the request */
		const char *error;
		uint32_t asked, max;
	} rows[] = {
		{ "", "pool resize needs a VM", 64, 256 },
		{ ",\"name\":\"web1\"", "pool resize needs --frames", 64, 256 },
		{ ",\"name\":\"x\",\"frames\":\"64\"",
		  "x: no such VM; pktctl vm show lists them", 64, 256 },
		{ ",\"name\":\"wan\",\"frames\":\"64\"",
		  "wan: an uplink has no pool of its own", 64, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"lots\"",
		  "--frames: lots: must be a number of frames from 1, or bytes with KiB, MiB or GiB (a frame has 2048 bytes)",
		  64, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"-1\"", "--frames: -1: must",
		  64, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"0\"", "--frames: 0: must",
		  64, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"99999999999999999999\"",
		  "--frames: 99999999999999999999: must", 64, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"64\",\"max\":\"0\"",
		  "--max: 0: must be", 64, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"1MiB\"",
		  "--frames: 512: must be from 64 to 256", 64, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"63\"",
		  "--frames: 63: must be from 64 to 256", 64, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"64\",\"max\":\"4097\"",
		  "--max: 4097: must be from 64 (the pool's minimum) to 4096",
		  64, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"200\"", NULL, 200, 256 },
		{ ",\"name\":\"web1\",\"frames\":\"1MiB\",\"max\":\"2MiB\"",
		  NULL, 512, 1024 },
	};
	struct env *env = *state;
	const struct pool *pool = &env->ports[1].pool;
	int fd = client_open(env);
	char text[200];

	add_ports(env);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int len = snprintf(text, sizeof(text),
				   "{\"object\":\"pool\",\"verb\":\"resize\"%s}\n",
				   rows[i].rest);

		json_decref(ask(env, fd, text, (size_t)len, rows[i].error));
		assert_int_equal(pool->asked, rows[i].asked);
		assert_int_equal(pool->max, rows[i].max);
	}
	close(fd);
}

/* Fills the log with @n changes, each third of "gone" and the others of "web1":
 * number i from i to i + 64 frames, at i milliseconds. */
static void fill_log(struct env *env, uint32_t n)
{
	struct pools_log *log = env->agent.pools_log;

	log->n = 0;
	for (uint64_t i = 0; i < n; i++) {
		struct pools_entry *entry =
			&log->entries[log->n++ % POOLS_LOG_SIZE];

		*entry = (struct pools_entry){ .time_ns = i * NS_PER_MS,
					       .reason = POOL_RX_HIGH,
					       .from = (uint32_t)i,
					       .to = (uint32_t)i + 64 };
		strcpy(entry->port, i % 3 ? "web1" : "gone");
	}
}

/* The changes in @data are those from @first to @last, in order. */
static void assert_entries(const json_t *data, uint32_t first, uint32_t last)
{
	size_t n = json_array_size(data);

	for (size_t i = 0; i < n; i++) {
		const json_t *entry = json_array_get(data, i);
		json_int_t from =
			json_integer_value(json_object_get(entry, "from"));
		double time = json_real_value(json_object_get(entry, "time"));

		if (i == 0)
			assert_int_equal(from, first);
		if (i == n - 1)
			assert_int_equal(from, last);
		assert_true(from >= (json_int_t)(first + i) && from <= last);
		assert_int_equal((json_int_t)(time * 1000 + 0.5), from);
		assert_string_equal(
			json_string_value(json_object_get(entry, "vm")),
			from % 3 ? "web1" : "gone");
	}
}

/* Which of them come, and what is said of the others. */
static void test_pool_log(void **state)
{
	static const struct {
		uint32_t n_logged;
		const char *rest; /* of the request */
		size_t n;
		uint32_t first, last; /* from where */
		json_int_t earlier, forgotten;
	} rows[] = {
		{ 0, "", 0, 0, 0, 0, 0 },
		{ 3, "", 3, 0, 2, 0, 0 },
		{ 40, "", 40, 0, 39, 0, 0 },
		{ 41, "", 40, 1, 40, 1, 0 },
		{ 41, ",\"all\":true", 41, 0, 40, 0, 0 },
		{ 300, ",\"name\":\"gone\"", 40, 180, 297, 60, 0 },
		{ 300, ",\"name\":\"web1\",\"all\":true", 200, 1, 299, 0, 0 },
		{ 4096, ",\"all\":true", 4096, 0, 4095, 0, 0 },
		{ 5000, ",\"all\":true", 4096, 904, 4999, 0, 904 },
		{ 5000, "", 40, 4960, 4999, 4056, 904 },
	};
	struct worker worker = { .pool_events.n_lost = 7 };
	struct env *env = *state;
	int fd = client_open(env);
	json_t *answer, *data;
	char text[200];

	add_ports(env);
	env->agent.vs.workers[0] = &worker;
	env->agent.vs.n_workers = 1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int len = snprintf(text, sizeof(text),
				   "{\"object\":\"pool\",\"verb\":\"log\"%s}\n",
				   rows[i].rest);

		fill_log(env, rows[i].n_logged);
		client_send(fd, text, (size_t)len);
		answer = client_answer(env, fd);
		data = json_object_get(answer, "data");
		assert_int_equal(json_array_size(data), rows[i].n);
		assert_entries(data, rows[i].first, rows[i].last);
		assert_int_equal(json_integer_value(json_object_get(
					 answer, "earlier")),
				 rows[i].earlier);
		assert_int_equal(json_integer_value(json_object_get(
					 answer, "forgotten")),
				 rows[i].forgotten);
		assert_int_equal(
			json_integer_value(json_object_get(answer, "lost")),
			7);
		json_decref(answer);
	}
	close(fd);
}

/* What a worker has just logged is told; a VM that has nothing in the log is
 * known, others are not. */
static void test_pool_log_now(void **state)
{
	static const char log[] =
		"{\"object\":\"pool\",\"verb\":\"log\",\"name\":\"web1\"}\n";
	static const char no_vm[] =
		"{\"object\":\"pool\",\"verb\":\"log\",\"name\":\"web2\"}\n";
	static const char uplink[] =
		"{\"object\":\"pool\",\"verb\":\"log\",\"name\":\"wan\"}\n";
	struct worker worker = { 0 };
	struct env *env = *state;
	int fd = client_open(env);
	json_t *data;
	char *text;

	add_ports(env);
	env->agent.vs.workers[0] = &worker;
	env->agent.vs.n_workers = 1;
	ask(env, fd, no_vm, strlen(no_vm), "web2: no such VM; pktctl");
	ask(env, fd, uplink, strlen(uplink), "wan: an uplink has no pool");
	data = ask(env, fd, log, strlen(log), NULL);
	assert_int_equal(json_array_size(data), 0);
	json_decref(data);
	env->ports[1].pool.size = 192;
	pool_note(&env->ports[1].pool, &worker.pool_events, 2, POOL_RX_FULL, 64,
		  true);
	data = ask(env, fd, log, strlen(log), NULL);
	assert_int_equal(json_array_size(data), 1);
	json_object_del(json_array_get(data, 0), "time");
	text = json_dumps(data, JSON_COMPACT);
	assert_string_equal(
		text,
		"[{\"vm\":\"web1\",\"from\":128,\"to\":192,\"reason\":\"rx_full\"}]");
	free(text);
	json_decref(data);
	close(fd);
}

/* A quoted name is cut in the middle of a character. */
static void test_error_cut(void **state)
{
	struct env *env = *state;
	int fd = client_open(env);
	char text[400] = "{\"object\":\"x";

	for (int i = 0; i < 60; i++)
		strcat(text, "\xc3\xbc");
	strcat(text, "\",\"verb\":\"show\"}\n");
	ask(env, fd, text, strlen(text), "x??");
	close(fd);
}

static void test_nesting(void **state)
{
	struct env *env = *state;
	int fd = client_open(env);
	char text[60001];

	memset(text, '[', 60000);
	text[60000] = '\n';
	ask(env, fd, text, sizeof(text), "not JSON: column ");
	for (int i = 0; i < 60000; i += 5)
		memcpy(text + i, "{\"a\":", 5);
	ask(env, fd, text, sizeof(text), "not JSON: column ");
	close(fd);
}

static void test_partial_lines(void **state)
{
	struct env *env = *state;
	int fd = client_open(env);

	for (size_t i = 0; i + 1 < strlen(VERSION); i++) {
		client_send(fd, &VERSION[i], 1);
		pump(env, 0);
	}
	json_decref(ask(env, fd, "\n", 1, NULL));
	close(fd);
}

static void test_many_in_one(void **state)
{
	struct env *env = *state;
	int fd = client_open(env);
	char text[4096] = "";
	json_t *answer;

	for (int i = 0; i < 40; i++)
		sprintf(text + strlen(text),
			"{\"object\":\"o%d\",\"verb\":\"show\"}\n", i);
	client_send(fd, text, strlen(text));
	for (int i = 0; i < 40; i++) {
		char want[64];

		answer = client_answer(env, fd);
		snprintf(want, sizeof(want), "o%d: no such object", i);
		assert_memory_equal(
			json_string_value(json_object_get(answer, "error")),
			want, strlen(want));
		json_decref(answer);
	}
	close(fd);
}

/* What was asked before the end is answered, half a request is not. */
static void test_half_close(void **state)
{
	struct env *env = *state;
	int fd = client_open(env);

	client_send(fd, VERSION, strlen(VERSION));
	client_send(fd, VERSION, strlen(VERSION) - 1);
	shutdown(fd, SHUT_WR);
	json_decref(client_answer(env, fd));
	assert_null(client_line(env, fd));
	close(fd);
}

static void test_longest_line(void **state)
{
	struct env *env = *state;
	int fd = client_open(env);
	char text[SERVER_LINE_MAX];

	memset(text, ' ', sizeof(text));
	memcpy(text, VERSION, strlen(VERSION) - 1);
	text[sizeof(text) - 1] = '\n';
	json_decref(ask(env, fd, text, sizeof(text), NULL));
	close(fd);
}

static void test_too_long_line(void **state)
{
	struct env *env = *state;
	int fd = client_open(env);
	char text[SERVER_LINE_MAX + 1];

	memset(text, ' ', sizeof(text));
	ask(env, fd, text, sizeof(text),
	    "a request is longer than 65536 bytes");
	assert_null(client_line(env, fd));
	close(fd);
}

/* ---- commands and permissions ---- */

static void test_reload(void **state)
{
	struct env *env = *state;
	int fd = client_open(env);
	json_t *data;

	data = ask(env, fd, RELOAD, strlen(RELOAD), NULL);
	assert_string_equal(json_string_value(json_object_get(data, "summary")),
			    "same");
	json_decref(data);
	env->reload_result = -EINVAL;
	ask(env, fd, RELOAD, strlen(RELOAD), "f.yaml:1:1: bad");
	assert_int_equal(env->n_reloads, 2);
	close(fd);
}

static void test_log_level(void **state)
{
	static const char set[] =
		"{\"object\":\"log\",\"verb\":\"level\",\"name\":\"warning\"}\n";
	struct env *env = *state;
	int fd = client_open(env);
	json_t *data;

	data = ask(env, fd, LEVEL, strlen(LEVEL), NULL);
	assert_string_equal(json_string_value(json_object_get(data, "level")),
			    "error");
	json_decref(data);
	data = ask(env, fd, set, strlen(set), NULL);
	assert_string_equal(json_string_value(json_object_get(data, "level")),
			    "warning");
	json_decref(data);
	assert_int_equal(log_get_level(), LOG_LEVEL_WARNING);
	close(fd);
}

static bool is_root(void)
{
	if (!geteuid())
		return true;
	print_message("skipped: becoming another user needs root\n");
	return false;
}

/* What somebody else, member of @group, is told: one request after another.
 * The child asks blindly and reads until the server closes. */
static void answers_for(struct env *env, gid_t group, const char *requests,
			char *ret_answers, size_t size)
{
	int pipe_fds[2], n, status;
	size_t len = 0;
	pid_t pid;

	assert_return_code(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), errno);
	pid = fork();
	if (!pid) {
		struct pollfd pfd = { .events = POLLIN };

		if (setgroups(1, &group) || setgid(OTHER_UID) ||
		    setuid(OTHER_UID))
			_exit(1);
		pfd.fd = client_open(env);
		client_send(pfd.fd, requests, strlen(requests));
		shutdown(pfd.fd, SHUT_WR);
		while (poll(&pfd, 1, 5000) > 0) {
			char buf[4096];
			ssize_t got = recv(pfd.fd, buf, sizeof(buf), 0);

			if (got <= 0)
				break;
			if (write(pipe_fds[1], buf, (size_t)got) != got)
				_exit(1);
		}
		_exit(0);
	}
	for (;;) {
		pump(env, 1);
		n = (int)read(pipe_fds[0], ret_answers + len, size - len - 1);
		len += n > 0 ? (size_t)n : 0;
		if (n <= 0 && waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	n = (int)read(pipe_fds[0], ret_answers + len, size - len - 1);
	len += n > 0 ? (size_t)n : 0;
	ret_answers[len] = '\0';
	assert_int_equal(status, 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void test_other_user(void **state)
{
	static const char set[] =
		"{\"object\":\"log\",\"verb\":\"level\",\"name\":\"debug\"}\n";
	static const char off[] =
		"{\"object\":\"bypass\",\"verb\":\"off\",\"name\":\"x\"}\n";
	static const char resize[] =
		"{\"object\":\"pool\",\"verb\":\"resize\",\"name\":\"web1\",\"frames\":\"200\"}\n";
	static const char arena[] =
		"{\"object\":\"pool\",\"verb\":\"arena\",\"size\":\"8192\"}\n";
	struct env *env = *state;
	char answers[4096], requests[512];

	if (!is_root())
		skip();
	assert_return_code(chmod(env->config.control_path, 0666), errno);
	snprintf(requests, sizeof(requests), "%s%s%s%s%s%s%s", SHOW_VM, LEVEL,
		 RELOAD, off, set, resize, arena);
	answers_for(env, OTHER_UID, requests, answers, sizeof(answers));
	assert_non_null(strstr(answers, "\"data\":[]"));
	assert_non_null(strstr(answers, "\"level\":\"error\""));
	assert_non_null(strstr(
		answers,
		"\"reload: not permitted for user 65534; only for root, the agent's own user\""));
	assert_non_null(strstr(
		answers,
		"\"setting the log level: not permitted for user 65534;"));
	assert_non_null(strstr(
		answers,
		"\"switching the bypass: not permitted for user 65534;"));
	assert_non_null(strstr(
		answers, "\"resizing a pool: not permitted for user 65534;"));
	assert_non_null(strstr(
		answers, "\"resizing the arena: not permitted for user 65534;"));
	assert_int_equal(env->n_reloads, 0);
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
}

/* The group of the test's own making stands in no /etc/group, so any that is
 * there is taken. */
static void test_group(void **state)
{
	struct env *env = *state;
	const struct group *group = getgrnam("daemon");
	char answers[4096];
	struct stat st;

	if (!is_root() || !group)
		skip();
	strcpy(env->config.control_group, "daemon");
	assert_int_equal(open_server(env), 0);
	assert_int_equal(stat(env->config.control_path, &st), 0);
	assert_int_equal(st.st_gid, group->gr_gid);
	assert_int_equal(st.st_mode & 0777, 0660);
	answers_for(env, group->gr_gid, RELOAD, answers, sizeof(answers));
	assert_non_null(strstr(answers, "\"summary\":\"same\""));
	assert_int_equal(env->n_reloads, 1);

	assert_return_code(chmod(env->config.control_path, 0666), errno);
	answers_for(env, OTHER_GID, RELOAD, answers, sizeof(answers));
	assert_non_null(
		strstr(answers,
		       "the agent's own user and members of the group daemon"));
	assert_int_equal(env->n_reloads, 1);
}

/* ---- bad company ---- */

/* One that never reads stops itself, not others; later it gets all. */
static void test_slow_reader(void **state)
{
	struct env *env = *state;
	int slow = client_open(env), fd = client_open(env), sent = 0, got = 0;
	json_t *answer;

	while (send(slow, LEVEL, strlen(LEVEL), MSG_NOSIGNAL) ==
	       (ssize_t)strlen(LEVEL)) {
		sent++;
		server_run(env->server);
	}
	/* Now neither side takes more, and the server rests. */
	pump(env, 10);
	assert_true(sent > 100);
	json_decref(ask(env, fd, VERSION, strlen(VERSION), NULL));
	/* The last may have been sent in part. */
	for (; got < sent; got++) {
		answer = client_answer(env, slow);
		assert_true(json_is_true(json_object_get(answer, "ok")));
		json_decref(answer);
	}
	close(slow);
	close(fd);
}

/* It is dropped when it has not read for the time allowed. */
static void test_never_reader(void **state)
{
	struct env *env = *state;
	int slow, n_fds;

	assert_int_equal(open_server_idle(env, SHORT_MS), 0);
	slow = client_open(env);
	pump(env, 1);
	n_fds = count_fds();
	while (send(slow, LEVEL, strlen(LEVEL), MSG_NOSIGNAL) > 0)
		pump(env, 0);
	/* The sweep comes twice a second. */
	for (int i = 0; i < 600 && count_fds() == n_fds; i++)
		pump(env, 100);
	assert_int_equal(count_fds(), n_fds - 1);
	close(slow);
}

/* Answers that nobody reads take so much memory, and no more. */
static void test_answers_max(void **state)
{
	static const char show[] = "{\"object\":\"fdb\",\"verb\":\"show\"}\n";
	struct env *env = *state;
	int fds[16], fd;

	assert_int_equal(open_server_idle(env, 60000), 0);
	for (uint32_t i = 0; i < PKT_MAX_FDB; i++) {
		struct fdb_key key = { .mac = { 2, 0, 0, 0, (uint8_t)(i >> 8),
						(uint8_t)i },
				       .vlan = 1000 };

		assert_int_equal(fdb_set(env->agent.vs.fdb, &key, 1,
					 FDB_F_STATIC, 0),
				 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = client_open(env);
		client_send(fds[i], show, strlen(show));
		pump(env, 0);
	}
	fd = client_open(env);
	ask(env, fd, show, strlen(show),
	    "too many answers wait to be read by others; try again");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	pump(env, 0);
	client_send(fd, show, strlen(show));
	assert_true(client_skip_line(env, fd) > PKT_MAX_FDB * 50);
	close(fd);
}

static void test_silent(void **state)
{
	struct env *env = *state;
	struct pollfd pfd = { .events = POLLIN };
	int silent, half;
	uint64_t start;

	assert_int_equal(open_server_idle(env, SHORT_MS), 0);
	start = now_ns();
	silent = client_open(env);
	half = client_open(env);
	client_send(half, VERSION, 5);
	pump(env, 700);
	assert_null(client_line(env, silent));
	assert_null(client_line(env, half));
	assert_true(now_ns() - start >= SHORT_MS * NS_PER_MS);
	close(silent);
	close(half);
	/* With nobody there the server sleeps. */
	pump(env, 1);
	pfd.fd = server_fd(env->server);
	assert_int_equal(poll(&pfd, 1, 1100), 0);
}

/* As many clients as there may be, and one more. False: it took too long. */
static bool open_all(const struct env *env, int fds[SERVER_MAX_CLIENTS],
		     int *ret_fd)
{
	uint64_t start = now_ns();

	for (int i = 0; i < SERVER_MAX_CLIENTS; i++) {
		fds[i] = client_open(env);
		pump(env, 0);
	}
	*ret_fd = client_open(env);
	pump(env, 0);
	return now_ns() - start < NS_PER_SEC;
}

static void test_too_many(void **state)
{
	struct env *env = *state;
	int fds[SERVER_MAX_CLIENTS], fd;
	json_t *answer;

	/* In less than the second after which the first makes room. */
	while (!open_all(env, fds, &fd)) {
		close(fd);
		for (int i = 0; i < SERVER_MAX_CLIENTS; i++)
			close(fds[i]);
		pump(env, 0);
	}
	answer = client_answer(env, fd);
	assert_string_equal(json_string_value(json_object_get(answer, "error")),
			    "too many clients; try again");
	json_decref(answer);
	assert_null(client_line(env, fd));
	close(fd);
	json_decref(ask(env, fds[0], VERSION, strlen(VERSION), NULL));
	close(fds[1]);
	fd = client_open(env);
	json_decref(ask(env, fd, VERSION, strlen(VERSION), NULL));
	close(fd);
	for (int i = 0; i < SERVER_MAX_CLIENTS; i++)
		if (i != 1)
			close(fds[i]);
}

/* Whoever has asked nothing for a second makes room, the longest silent first. */
static void test_evict(void **state)
{
	struct env *env = *state;
	int fds[SERVER_MAX_CLIENTS], fd;

	assert_int_equal(open_server_idle(env, 60000), 0);
	for (int i = 0; i < SERVER_MAX_CLIENTS; i++) {
		fds[i] = client_open(env);
		pump(env, 0);
	}
	usleep(1100 * 1000);
	for (int i = 0; i < SERVER_MAX_CLIENTS; i++)
		if (i != 5 && i != 9)
			json_decref(ask(env, fds[i], VERSION, strlen(VERSION),
					NULL));
	fd = client_open(env);
	json_decref(ask(env, fd, VERSION, strlen(VERSION), NULL));
	assert_null(client_line(env, fds[5]));
	json_decref(ask(env, fds[9], VERSION, strlen(VERSION), NULL));
	close(fd);
	for (int i = 0; i < SERVER_MAX_CLIENTS; i++)
		close(fds[i]);
}

/* Clients that go at any moment leave nothing behind. */
static void test_gone(void **state)
{
	struct env *env = *state;
	int n_fds;

	pump(env, 1);
	n_fds = count_fds();
	for (size_t i = 0; i < 500; i++) {
		int fd = client_open(env);

		if (i % 3)
			client_send(fd, VERSION, 1 + i % strlen(VERSION));
		/* On a slow machine one turn does not do all there is, and
		 * the queue of who waits to be let in would get full. */
		if (i % 2)
			pump(env, 0);
		close(fd);
	}
	pump(env, 10);
	assert_int_equal(count_fds(), n_fds);
}

/* ---- the socket's place ---- */

static void test_place(void **state)
{
	struct env *env = *state;
	struct stat st;

	env->config.control_mode = 0600;
	assert_int_equal(open_server(env), 0);
	assert_int_equal(stat(env->config.control_path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	server_close(env->server);
	env->server = NULL;
	assert_int_equal(stat(env->config.control_path, &st), -1);
	server_close(NULL);
}

static void test_in_use(void **state)
{
	struct env *env = *state;
	struct server *first;
	char want[200];
	struct stat st;

	assert_int_equal(open_server(env), 0);
	first = env->server;
	env->server = NULL;
	assert_int_equal(open_server(env), -EADDRINUSE);
	snprintf(
		want, sizeof(want),
		"agent.control.path: %s: another process listens there; stop it, or choose another path",
		env->config.control_path);
	assert_string_equal(env->err, want);
	/* It is still there, and works. */
	assert_int_equal(stat(env->config.control_path, &st), 0);
	env->server = first;
	close(client_open(env));
}

static void leave_socket(const struct env *env)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, env->config.control_path, sizeof(addr.sun_path));
	assert_return_code(bind(fd, (struct sockaddr *)&addr, sizeof(addr)),
			   errno);
	close(fd);
}

static void test_stale(void **state)
{
	struct env *env = *state;
	int fd;

	leave_socket(env);
	assert_int_equal(open_server(env), 0);
	fd = client_open(env);
	json_decref(ask(env, fd, VERSION, strlen(VERSION), NULL));
	close(fd);
}

static void test_no_socket(void **state)
{
	struct env *env = *state;
	int fd = open(env->config.control_path, O_CREAT | O_WRONLY | O_CLOEXEC,
		      0644);

	close(fd);
	assert_int_equal(open_server(env), -EEXIST);
	assert_non_null(strstr(
		env->err, "something that is no socket is there; remove it"));
	assert_int_equal(access(env->config.control_path, F_OK), 0);
}

/* What somebody has put there meanwhile is his. */
static void test_replaced(void **state)
{
	struct env *env = *state;

	unlink(env->config.control_path);
	leave_socket(env);
	server_close(env->server);
	env->server = NULL;
	assert_int_equal(access(env->config.control_path, F_OK), 0);
}

static void test_bad_place(void **state)
{
	struct env *env = *state;

	strcpy(env->config.control_group, "no-such-group");
	assert_int_equal(open_server(env), -EINVAL);
	assert_string_equal(
		env->err,
		"agent.control.group: no-such-group: no such group; make it (groupadd), or choose another");
	env->config.control_group[0] = '\0';
	strcpy(env->config.control_path, "/nonexistent/control.sock");
	assert_int_equal(open_server(env), -ENOENT);
	assert_string_equal(
		env->err,
		"agent.control.path: /nonexistent/control.sock: No such file or directory");
	assert_null(env->server);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define TEST_CLOSED(fn) \
	cmocka_unit_test_setup_teardown(fn, setup_closed, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_objects),
		TEST(test_errors),
		TEST(test_resize),
		TEST(test_pool_log),
		TEST(test_pool_log_now),
		TEST(test_error_cut),
		TEST(test_nesting),
		TEST(test_partial_lines),
		TEST(test_many_in_one),
		TEST(test_half_close),
		TEST(test_longest_line),
		TEST(test_too_long_line),
		TEST(test_reload),
		TEST(test_log_level),
		TEST(test_other_user),
		TEST_CLOSED(test_group),
		TEST(test_slow_reader),
		TEST_CLOSED(test_never_reader),
		TEST_CLOSED(test_answers_max),
		TEST_CLOSED(test_silent),
		TEST(test_too_many),
		TEST_CLOSED(test_evict),
		TEST(test_gone),
		TEST_CLOSED(test_place),
		TEST_CLOSED(test_in_use),
		TEST_CLOSED(test_stale),
		TEST_CLOSED(test_no_socket),
		TEST(test_replaced),
		TEST_CLOSED(test_bad_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
