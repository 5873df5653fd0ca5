// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Asking the agent: see ask.h. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/ask.h"

#define TIMEOUT_S  30
#define ANSWER_MAX (64u << 20)

/* What to do about a socket that cannot be connected to. */
static void explain(const char *path, int error, char *err, size_t err_size)
{
	const struct group *group = NULL;
	struct stat st;
	int n;

	n = snprintf(err, err_size, "cannot reach the agent at %s: %s", path,
		     strerror(error));
	if (n < 0 || (size_t)n >= err_size)
		return;
	err += n;
	err_size -= (size_t)n;
	if (error == ENOENT || error == ECONNREFUSED) {
		snprintf(
			err, err_size,
			"; start pktagent, or name its socket (agent.control.path) with -s");
	} else if (error == EACCES) {
		if (!stat(path, &st) && st.st_gid)
			group = getgrgid(st.st_gid);
		snprintf(err, err_size, "; use sudo%s%s",
			 group ? ", or be a member of the group " : "",
			 group ? group->gr_name : "");
	}
}

static int open_socket(const char *path, char *err, size_t err_size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	int fd, ret;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		snprintf(err, err_size,
			 "%s: too long for a socket: at most %zu bytes", path,
			 sizeof(addr.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) <
		    0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) <
		    0 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		ret = -errno;
		explain(path, -ret, err, err_size);
		if (fd >= 0)
			close(fd);
		return ret;
	}
	return fd;
}

/* -EILSEQ: it is no UTF-8, and so nothing that the agent could know. */
static int set_text(json_t *obj, const char *key, const char *text,
		    const char **ret_bad)
{
	if (!text || !json_object_set_new(obj, key, json_string(text)))
		return 0;
	*ret_bad = text;
	return -EILSEQ;
}

static json_t *make_question(const struct question *question,
			     const char **ret_bad)
{
	json_t *obj = json_object();

	if (set_text(obj, "object", question->object, ret_bad) ||
	    set_text(obj, "verb", question->verb, ret_bad) ||
	    set_text(obj, "name", question->name, ret_bad) ||
	    set_text(obj, "frames", question->frames, ret_bad) ||
	    set_text(obj, "max", question->max, ret_bad) ||
	    set_text(obj, "size", question->size, ret_bad)) {
		json_decref(obj);
		return NULL;
	}
	if (question->all)
		json_object_set_new(obj, "all", json_true());
	return obj;
}

static int send_question(int fd, const struct question *question,
			 const char **ret_bad)
{
	json_t *obj = make_question(question, ret_bad);
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *line = NULL;
	size_t sent = 0, len;
	ssize_t n;

	if (!obj)
		return -EILSEQ;
	text = json_dumps(obj, JSON_COMPACT);
	json_decref(obj);
	if (!text || asprintf(&line, "%s\n", text) < 0)
		return -ENOMEM;
	len = strlen(line);
	while (sent < len) {
		n = send(fd, line + sent, len - sent, MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
		sent += (size_t)n;
	}
	return 0;
}

/* One line, without its newline. */
static int read_line(int fd, char **ret_line)
{
	size_t size = 65536, len = 0;
	char *line = malloc(size), *bigger;
	ssize_t n;
	int ret;

	for (;;) {
		ret = -ENOMEM;
		if (!line)
			return ret;
		n = recv(fd, line + len, size - len - 1, 0);
		ret = n ? -errno : -ECONNRESET;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (line[len - 1] == '\n') {
			line[len - 1] = '\0';
			*ret_line = line;
			return 0;
		}
		if (size - len > 1)
			continue;
		ret = -EMSGSIZE;
		if (size >= ANSWER_MAX)
			break;
		size *= 2;
		bigger = realloc(line, size);
		if (!bigger)
			free(line);
		line = bigger;
	}
	free(line);
	return ret;
}

static int parse_answer(const char *line, json_t **ret_answer, char *err,
			size_t err_size)
{
	json_t *answer = json_loads(line, 0, NULL);
	const char *text;

	if (json_is_true(json_object_get(answer, "ok")) &&
	    json_object_get(answer, "data")) {
		*ret_answer = answer;
		return 0;
	}
	text = json_string_value(json_object_get(answer, "error"));
	snprintf(err, err_size, "%s",
		 text ? text : "what answers there is no pktagent");
	json_decref(answer);
	return -EREMOTEIO;
}

int ask(const struct question *question, json_t **ret_answer, char *err,
	size_t err_size)
{
	_cleanup_close_ int fd = open_socket(question->socket, err, err_size);
	_cleanup_free_ char *line = NULL;
	const char *bad = "";
	int ret;

	if (fd < 0)
		return fd;
	ret = send_question(fd, question, &bad);
	/* A server that is full answers before it has read anything. */
	if (!ret || ret == -EPIPE || ret == -ECONNRESET)
		ret = read_line(fd, &line);
	if (!ret)
		return parse_answer(line, ret_answer, err, err_size);
	if (ret == -EILSEQ)
		snprintf(err, err_size, "%s: not UTF-8", bad);
	else if (ret == -EAGAIN)
		snprintf(
			err, err_size,
			"the agent at %s has not answered for %d s; see its log",
			question->socket, TIMEOUT_S);
	else
		snprintf(err, err_size, "the agent at %s: %s", question->socket,
			 strerror(-ret));
	return ret;
}
