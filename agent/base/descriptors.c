// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Descriptors that are closed at the same time: see descriptors.h. */
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

#include "base/base.h"
#include "base/descriptors.h"

/* They do nothing but close(); a sanitizer's need some, too. */
#define STACK_BYTES (256 << 10)

static void *close_one(void *arg)
{
	close(*(const int *)arg);
	return NULL;
}

void descriptors_close(const int *fds, uint32_t n)
{
	_cleanup_free_ pthread_t *threads = NULL;
	uint32_t n_threads = 0;
	pthread_attr_t attr;

	if (n > 1)
		threads = calloc(n - 1, sizeof(threads[0]));
	if (threads && !pthread_attr_init(&attr)) {
		pthread_attr_setstacksize(&attr, STACK_BYTES);
		while (n_threads < n - 1 &&
		       !pthread_create(&threads[n_threads], &attr, close_one,
				       (void *)&fds[n_threads]))
			n_threads++;
		pthread_attr_destroy(&attr);
	}
	for (uint32_t i = n_threads; i < n; i++)
		close(fds[i]);
	for (uint32_t i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
}
