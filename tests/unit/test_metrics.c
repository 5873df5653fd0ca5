/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The metrics: the text of a made-up agent, by promtool if it is there, and
 * the HTTP server with real connections, in one thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "base/base.h"
#include "control/metrics.h"
#include "control/metrics_text.h"
#include "fake.h"

/* ---- the text ---- */

static int setup(void **state)
{
	struct fake *fake = fake_new();

	rcu_register_thread();
	fake->agent.vs.fdb = fdb_new();
	*state = fake;
	return 0;
}

static int teardown(void **state)
{
	struct fake *fake = *state;

	fdb_free(fake->agent.vs.fdb);
	fake_free(fake);
	rcu_unregister_thread();
	return 0;
}

static char *make_text(struct fake *fake)
{
	size_t len;
	char *text = metrics_text(fake->snap, &len);

	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	return text;
}

/* Whether @line is one of the lines of @text. */
static bool has_line(const char *text, const char *line)
{
	const char *p = text;

	while ((p = strstr(p, line))) {
		if ((p == text || p[-1] == '\n') && p[strlen(line)] == '\n')
			return true;
		p++;
	}
	return false;
}

static void test_values(void **state)
{
	static const char *const lines[] = {
		"pktagent_uptime_seconds 2600.000",
		"pktagent_ready 1",
		"pktagent_reloads_total 3",
		"pktagent_reload_failures_total 2",
		"pktagent_memory_frames{place=\"host\"} 60000",
		"pktagent_memory_frames{place=\"caches\"} 128",
		"pktagent_memory_frames{place=\"queues\"} 5400",
		"pktagent_memory_frames{place=\"out\"} 8",
		"pktagent_memory_limit_frames 65536",
		"pktagent_memory_frame_size_bytes 4096",
		"pktagent_memory_hugepages 0",
		"pktagent_port_info{port=\"wan\",kind=\"uplink\",device=\"eth1\",driver=\"veth\",xdp=\"native\",way=\"kernel\"} 1",
		"pktagent_port_info{port=\"db1\",kind=\"vm\",device=\"tap-db1\",driver=\"veth\",xdp=\"none\",way=\"kernel\"} 1",
		"pktagent_port_up{port=\"web1\"} 1",
		"pktagent_port_up{port=\"db1\"} 0",
		"pktagent_port_carrier{port=\"wan\"} 1",
		"pktagent_port_mtu_bytes{port=\"wan\"} 1500",
		"pktagent_port_receive_packets_total{port=\"wan\"} 1234567",
		"pktagent_port_receive_bytes_total{port=\"wan\"} 98765432",
		"pktagent_port_transmit_packets_total{port=\"web1\"} 40",
		"pktagent_port_transmit_bytes_total{port=\"web1\"} 4000",
		"pktagent_port_delivered_packets_total{port=\"web1\",reason=\"to_kernel\"} 500",
		"pktagent_port_delivered_bytes_total{port=\"web1\",reason=\"to_kernel\"} 50000",
		"pktagent_port_dropped_packets_total{port=\"web1\",reason=\"src_mac\"} 12",
		"pktagent_port_dropped_packets_total{port=\"web1\",reason=\"src_ip\"} 0",
		"pktagent_pool_limit_frames{port=\"web1\"} 2048",
		"# HELP pktagent_memory_frames Packet buffers by where they are: host (free), caches (workers' own), queues (posted or received), out (being sent).",
		"# HELP pktagent_memory_promised_frames Packet buffers by what they are promised for: slack (lent to uplinks' queues until somebody needs them), queues (else posted, or received), out (being sent), minimums (of pools that do not use theirs), reserve (the agent itself).",
		"pktagent_memory_promised_frames{to=\"slack\"} 0",
		"pktagent_memory_promised_frames{to=\"queues\"} 8000",
		"pktagent_memory_promised_frames{to=\"out\"} 2000",
		"pktagent_memory_promised_frames{to=\"minimums\"} 512",
		"pktagent_memory_promised_frames{to=\"reserve\"} 1024",
		"pktagent_memory_spare_frames -54",
		"pktagent_pool_limit_frames{port=\"wan\"} 2048",
		"pktagent_pool_used_frames{port=\"web1\"} 15",
		"pktagent_pool_min_frames{port=\"web1\"} 256",
		"pktagent_pool_max_frames{port=\"web1\"} 4096",
		"pktagent_pool_posted_limit_frames{port=\"web1\"} 512",
		"pktagent_pool_posted_used_frames{port=\"web1\"} 3",
		"pktagent_pool_resizes_total{port=\"web1\",reason=\"rx_high\"} 20",
		"pktagent_pool_resizes_total{port=\"web1\",reason=\"pressure\"} 3",
		"pktagent_pool_resizes_total{port=\"db1\",reason=\"start\"} 0",
		"pktagent_pool_grown_frames_total{port=\"web1\"} 4096",
		"pktagent_pool_shrunk_frames_total{port=\"web1\"} 2112",
		"pktagent_pool_events_lost_total 6",
		"pktagent_memory_pressure_events_total 3",
		"pktagent_pool_posted_frames{port=\"web1\"} 500",
		"pktagent_pool_receive_frames{port=\"web1\"} 7",
		"pktagent_pool_receive_limit_frames{port=\"web1\"} 1024",
		"pktagent_pool_out_frames{port=\"web1\"} 5",
		"pktagent_pool_out_limit_frames{port=\"web1\"} 512",
		"pktagent_tag_refused_total{port=\"web1\"} 0",
		"pktagent_tag_refused_total{port=\"db1\"} 2",
		"pktagent_queue_zero_copy{port=\"wan\",queue=\"0\"} 0",
		"pktagent_queue_zero_copy{port=\"wan\",queue=\"1\"} 1",
		"pktagent_queue_posted_frames{port=\"wan\",queue=\"1\"} 1001",
		"pktagent_queue_posted_limit_frames{port=\"web1\",queue=\"0\"} 1100",
		"pktagent_queue_transmit_frames{port=\"wan\",queue=\"0\"} 3",
		"pktagent_queue_receive_packets_total{port=\"wan\",queue=\"1\"} 1000001",
		"pktagent_queue_transmit_packets_total{port=\"wan\",queue=\"1\"} 2000001",
		"pktagent_queue_kicks_total{port=\"wan\",queue=\"0\"} 30",
		"pktagent_queue_transmit_retries_total{port=\"wan\",queue=\"0\"} 4",
		"pktagent_queue_refill_shortages_total{port=\"wan\",queue=\"0\"} 5",
		"pktagent_worker_info{worker=\"0\",core=\"3\"} 1",
		"pktagent_worker_sleeping{worker=\"0\"} 0",
		"pktagent_worker_loops_total{worker=\"0\"} 900",
		"pktagent_worker_busy_seconds_total{worker=\"0\"} 26.000000000",
		"pktagent_worker_poll_seconds_total{worker=\"0\"} 4.000000000",
		"pktagent_worker_sleeps_total{worker=\"0\"} 80",
		"pktagent_worker_packets_total{worker=\"0\"} 6400",
		"pktagent_worker_batches_total{worker=\"0\"} 200",
		"pktagent_worker_wakes_total{worker=\"0\"} 0",
		"pktagent_worker_learn_lost_total{worker=\"0\"} 0",
		"pktagent_fdb_entries{type=\"static\"} 1",
		"pktagent_fdb_entries{type=\"learned\"} 0",
		"pktagent_fdb_learn_refused_total 9",
	};
	const struct fdb_key key = { .mac = { 2 } };
	struct fake *fake = *state;
	char *text;

	fake_add_worker(fake);
	fake->queues[1].umem.zero_copy = true;
	fake->agent.n_reloads = 3;
	fake->agent.pressure.n_events = 3;
	fake->agent.n_reload_failures = 2;
	fake->agent.n_learn_refused = 9;
	fake->snap->promises.spare = -54;
	fake->ports[1].pool.n_resizes[POOL_RX_HIGH] = 20;
	fake->ports[1].pool.n_resizes[POOL_PRESSURE] = 3;
	fake->ports[1].pool.n_grown = 4096;
	fake->ports[1].pool.n_shrunk = 2112;
	fake->worker.pool_events.n_lost = 6;
	fake_tag(fake, 0);
	fake_tag(fake, 1);
	fdb_set(fake->agent.vs.fdb, &key, 2, FDB_F_STATIC, 1);
	text = make_text(fake);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (!has_line(text, lines[i]))
			fail_msg("not there: %s\n%s", lines[i], text);
	/* Uplinks have no tags. */
	assert_null(strstr(text, "tag_refused_total{port=\"wan\""));
	/* A device that is away has no counters, rather than zeros. */
	assert_null(strstr(text, "receive_packets_total{port=\"db1\""));
	/* An uplink has no pool that changes. */
	assert_null(strstr(text, "pool_min_frames{port=\"wan\""));
	assert_null(strstr(text, "pool_resizes_total{port=\"wan\""));
	assert_null(strstr(text, "pool_grown_frames_total{port=\"wan\""));
	free(text);
}

static void test_escapes(void **state)
{
	struct fake *fake = *state;
	char *text;

	strcpy(fake->ports[0].ifname, "a\"b\\c\nd\xff");
	text = make_text(fake);
	assert_non_null(strstr(text, "device=\"a\\\"b\\\\c\\nd?\","));
	free(text);
}

/* Each family once, with its head before its samples: what promtool does not
 * see. */
static void test_families(void **state)
{
	struct fake *fake = *state;
	char *text, *save = NULL, family[128] = "", *heads;

	fake_add_worker(fake);
	text = make_text(fake);
	heads = strdup(text);
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char name[128], head[160];

		if (sscanf(line, "# HELP %127s", name) == 1) {
			strcpy(family, name);
			snprintf(head, sizeof(head), "# HELP %s ", name);
			assert_null(strstr(strstr(heads, head) + 1, head));
		} else if (sscanf(line, "# TYPE %127s", name) == 1) {
			assert_string_equal(name, family);
		} else {
			assert_int_equal(sscanf(line, "%127[a-z_]", name), 1);
			assert_string_equal(name, family);
		}
	}
	free(heads);
	free(text);
}

static void test_promtool(void **state)
{
	struct fake *fake = *state;
	char *text, line[400];
	int bad = 0, status;
	FILE *out;

	if (system("command -v promtool >/dev/null")) {
		print_message(
			"skipped: no promtool (apt install prometheus)\n");
		skip();
	}
	fake_add_worker(fake);
	fake_vhost(fake, 0);
	text = make_text(fake);
	out = popen("promtool check metrics >&2", "w");
	assert_non_null(out);
	fputs(text, out);
	status = pclose(out);
	free(text);
	assert_int_equal(status, 0);
	/* It must be able to fail. */
	out = popen(
		"printf 'foo_total 1\\nfoo_total 1\\n' | promtool check metrics 2>&1",
		"r");
	while (fgets(line, sizeof(line), out))
		bad++;
	assert_true(pclose(out) && bad);
}

static void test_vhost(void **state)
{
	static const char *const lines[] = {
		"pktagent_port_info{port=\"web1\",kind=\"vm\",device=\"\",driver=\"vhost-user\",xdp=\"none\",way=\"agent\"} 1",
		"pktagent_vhost_connected{port=\"web1\"} 1",
		"pktagent_vhost_connects_total{port=\"web1\"} 3",
		"pktagent_vhost_refused_total{port=\"web1\"} 1",
		"pktagent_vhost_mapped_bytes{port=\"web1\"} 1073741824",
		"pktagent_vhost_calls_total{port=\"web1\"} 30",
		"pktagent_vhost_kicks_total{port=\"web1\"} 54",
		"pktagent_vhost_no_buffer_total{port=\"web1\"} 2",
		"pktagent_vhost_merged_segments_total{port=\"web1\"} 7",
		"pktagent_vhost_bypassed_packets_total{port=\"web1\"} 123456",
		"pktagent_vhost_bypassed_bytes_total{port=\"web1\"} 12345678",
		"pktagent_vhost_connected{port=\"db1\"} 0",
	};
	struct fake *fake = *state;
	char *text;

	text = make_text(fake);
	assert_null(strstr(text, "vhost_connected{"));
	free(text);
	fake_vhost(fake, 0);
	fake_vhost(fake, 1)->info.state = VHOST_STATE_WAITING;
	text = make_text(fake);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (!has_line(text, lines[i]))
			fail_msg("%s\nis not in\n%s", lines[i], text);
	assert_null(strstr(text, "vhost_connected{port=\"wan\""));
	free(text);
}

static void test_ready(void **state)
{
	struct fake *fake = *state;
	char why[256];

	assert_int_equal(metrics_not_ready(&fake->agent, why, sizeof(why)), 0);
	fake->ports[0].carrier = false;
	assert_int_equal(metrics_not_ready(&fake->agent, why, sizeof(why)), 1);
	assert_string_equal(why, "uplink wan is not up: no carrier");
	fake->ports[1].carrier = false;
	fake->ports[0].carrier = true;
	assert_int_equal(metrics_not_ready(&fake->agent, why, sizeof(why)), 0);
	fake->ports[0].state = PORT_STATE_DOWN;
	strcpy(fake->ports[0].why, "eth1: no carrier");
	assert_int_equal(metrics_not_ready(&fake->agent, why, sizeof(why)), 1);
	assert_string_equal(why, "uplink wan is not up: eth1: no carrier");
	fake->agent.ready = false;
	assert_int_equal(metrics_not_ready(&fake->agent, why, sizeof(why)), 1);
	assert_string_equal(why, "starting");
}

/* ---- HTTP ---- */

/* Nothing real is behind the ports: the server gets an agent without any. */
struct http {
	struct agent agent;
	struct config config;
	struct port uplink;
	struct metrics *metrics;
	char err[256];
};

static int http_setup(void **state)
{
	struct http *http = calloc(1, sizeof(*http));

	rcu_register_thread();
	http->agent.config = &http->config;
	http->agent.started_ns = now_ns();
	http->agent.ready = true;
	http->agent.vs.fdb = fdb_new();
	*state = http;
	return metrics_open(&http->agent, "127.0.0.1", 0, &http->metrics,
			    http->err, sizeof(http->err));
}

static int http_teardown(void **state)
{
	struct http *http = *state;

	metrics_close(http->metrics);
	fdb_free(http->agent.vs.fdb);
	free(http);
	rcu_unregister_thread();
	return 0;
}

static int http_connect(const struct http *http)
{
	const struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(metrics_port(http->metrics)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_return_code(connect(fd, (const struct sockaddr *)&addr,
				   sizeof(addr)),
			   errno);
	return fd;
}

/* The answer to @request until the server closes, or until it is quiet. */
static void http_ask(const struct http *http, const char *request, char *answer,
		     size_t size)
{
	int fd = http_connect(http);
	struct pollfd fds[] = {
		{ .fd = metrics_fd(http->metrics), .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	size_t len = 0;
	ssize_t n = 1;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL),
			 (ssize_t)strlen(request));
	while (n > 0) {
		int ms = metrics_timeout_ms(http->metrics);

		if (ms < 0 || ms > 500)
			ms = 500;
		if (!poll(fds, 2, ms) && ms == 500)
			break;
		metrics_run(http->metrics);
		if (!(fds[1].revents & (POLLIN | POLLHUP)))
			continue;
		n = recv(fd, answer + len, size - len - 1, 0);
		if (n > 0)
			len += (size_t)n;
	}
	answer[len] = '\0';
	close(fd);
}

static void assert_http(const struct http *http, const char *request,
			const char *status, const char *part)
{
	char text[128], answer[65536];

	snprintf(text, sizeof(text),
		 "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		 request);
	http_ask(http, text, answer, sizeof(answer));
	if (strncmp(answer + strlen("HTTP/1.1 "), status, strlen(status)) ||
	    !strstr(answer, part))
		fail_msg("%s: want %s and %s, got\n%s", request, status, part,
			 answer);
}

static void test_http_paths(void **state)
{
	const struct http *http = *state;

	assert_http(http, "GET /metrics", "200 OK\r\n",
		    "\r\n\r\n# HELP pktagent_build_info ");
	assert_http(
		http, "GET /metrics?x=1", "200 OK\r\n",
		"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_http(http, "GET /livez", "200 OK\r\n", "\r\n\r\nalive\n");
	assert_http(http, "GET /readyz", "200 OK\r\n", "\r\n\r\nready\n");
	assert_http(http, "GET /", "404 Not Found\r\n", "there are /metrics");
	assert_http(http, "GET /metrics/", "404 Not Found\r\n", "there are");
	assert_http(http, "POST /metrics", "405 Method Not Allowed\r\n",
		    "Allow: GET, HEAD\r\n");
	assert_http(http, "DELETE /livez", "405 Method Not Allowed\r\n",
		    "only GET and HEAD");
	assert_http(http, "PUT /other", "404 Not Found\r\n", "");
}

static void test_http_head(void **state)
{
	char answer[8192];

	http_ask(
		*state,
		"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		answer, sizeof(answer));
	assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
	assert_non_null(strstr(answer, "Content-Length: "));
	assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void test_http_health(void **state)
{
	struct http *http = *state;

	metrics_set_alive(http->metrics, false);
	assert_http(http, "GET /livez", "503 ", "a worker hangs");
	metrics_set_alive(http->metrics, true);
	assert_http(http, "GET /livez", "200 ", "alive");
	http->agent.ready = false;
	assert_http(http, "GET /readyz", "503 ", "\r\n\r\nstarting\n");
	metrics_set_alive(NULL, true);
	assert_int_equal(metrics_timeout_ms(NULL), -1);
}

/* Scrapers keep their connection. */
static void test_http_keep_alive(void **state)
{
	char answer[8192], *second;

	http_ask(*state,
		 "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
		 "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		 answer, sizeof(answer));
	assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
	second = strstr(answer + 13, "HTTP/1.1 200 ");
	assert_non_null(second);
	assert_non_null(strstr(second, "\r\n\r\nready\n"));
}

/* The text is kept for a tenth of a second, not longer. */
static void test_http_age(void **state)
{
	struct http *http = *state;

	assert_http(http, "GET /metrics", "200 ", "pktagent_reloads_total 0\n");
	http->agent.n_reloads = 1;
	usleep(110 * 1000);
	assert_http(http, "GET /metrics", "200 ", "pktagent_reloads_total 1\n");
}

/* Neither of these keeps others waiting, or ends the server. */
static void test_http_garbage(void **state)
{
	static const char *const garbage[] = {
		"\r\n\r\n\r\n",
		"GET",
		"\x16\x03\x01\x02",
		"GET / HTTP/9.9\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nabc",
	};
	const struct http *http = *state;
	int fds[ARRAY_SIZE(garbage)];
	char *huge = malloc(200001);

	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		fds[i] = http_connect(http);
		assert_true(send(fds[i], garbage[i], strlen(garbage[i]),
				 MSG_NOSIGNAL) > 0);
		metrics_run(http->metrics);
	}
	memset(huge, 'x', 200000);
	huge[200000] = '\0';
	memcpy(huge, "GET /", 5);
	assert_true(send(fds[1], huge, 200000, MSG_NOSIGNAL | MSG_DONTWAIT) >
		    0);
	free(huge);
	assert_http(http, "GET /livez", "200 ", "alive");
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
		close(fds[i]);
	assert_http(http, "GET /livez", "200 ", "alive");
}

static void test_http_address(void **state)
{
	struct http *http = *state;
	uint16_t port = metrics_port(http->metrics);
	struct metrics *other = NULL;
	char want[256];

	assert_int_equal(metrics_open(&http->agent, "127.0.0.1", port, &other,
				      http->err, sizeof(http->err)),
			 -EADDRINUSE);
	snprintf(
		want, sizeof(want),
		"metrics.listen: 127.0.0.1 port %u: Address already in use; choose another port, or stop who has it: ss -tlnp",
		port);
	assert_string_equal(http->err, want);
	assert_int_equal(metrics_open(&http->agent, "192.0.2.1", 9, &other,
				      http->err, sizeof(http->err)),
			 -EADDRNOTAVAIL);
	assert_non_null(strstr(http->err, "choose an address of this host"));
	assert_int_equal(metrics_open(&http->agent, "localhost", 9, &other,
				      http->err, sizeof(http->err)),
			 -EINVAL);
	assert_null(other);
	metrics_close(NULL);
}

static void test_http_ipv6(void **state)
{
	struct http *http = *state;
	struct metrics *other = NULL;
	int ret = metrics_open(&http->agent, "::1", 0, &other, http->err,
			       sizeof(http->err));

	if (ret == -EADDRNOTAVAIL || ret == -EAFNOSUPPORT) {
		print_message("skipped: this host has no IPv6\n");
		skip();
	}
	assert_int_equal(ret, 0);
	assert_true(metrics_port(other) > 0);
	metrics_close(other);
}

#define TEXT(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define HTTP(fn) cmocka_unit_test_setup_teardown(fn, http_setup, http_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEXT(test_values),	 TEXT(test_escapes),
		TEXT(test_families),	 TEXT(test_promtool),
		TEXT(test_ready),	 TEXT(test_vhost),
		HTTP(test_http_paths),	 HTTP(test_http_head),
		HTTP(test_http_health),	 HTTP(test_http_age),
		HTTP(test_http_garbage), HTTP(test_http_address),
		HTTP(test_http_ipv6),	 HTTP(test_http_keep_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
