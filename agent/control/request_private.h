/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by request.c and its part request_pool.c. Control thread. */
#ifndef CONTROL_REQUEST_PRIVATE_H
#define CONTROL_REQUEST_PRIVATE_H

#include <jansson.h>

#include "control/request.h"
#include "control/status_list.h"

/* A request being answered. */
struct request {
	const struct request_env *env;	 /* borrowed, as are the others */
	const struct request_peer *peer;
	struct status_query query;	 /* points into the parsed line */
	const char *verb;
	const char *frames, *max, *size; /* sizes as text; NULL = none */
	char *data;			 /* owned: of the answer, as JSON */
	char beside[128];		 /* members beside data, as JSON with a
					  * comma at the end; or "" */
	char err[1024];
};

/* Who asks may not: -EPERM with the error in @req. */
int request_refuse(struct request *req, const char *what);

/* Makes @obj, which is given up, the answer's data. 0. */
int request_answer_with(struct request *req, json_t *obj);

/* {@key: @text} */
json_t *request_one_text(const char *key, const char *text);

/* The verbs of "pool", besides show. 0, or a negative errno with the error in
 * @req. */
int request_pool_resize(struct request *req);
int request_pool_log(struct request *req);
int request_pool_audit(struct request *req);
int request_pool_arena(struct request *req);

#endif
