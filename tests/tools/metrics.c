/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prints the metrics of the made-up agent of the unit tests, which has one of
 * everything: for those who want to know which metrics there are, without an
 * agent that runs.
 */
#include <stdio.h>
#include <urcu-qsbr.h>

#include "control/metrics_text.h"

#include "../unit/fake.h"

int main(void)
{
	struct fake *fake = fake_new();
	char *text;
	size_t len;

	rcu_register_thread();
	fake->agent.vs.fdb = fdb_new();
	fake_add_worker(fake);
	fake_vhost(fake, 1);
	text = metrics_text(fake->snap, &len);
	if (text)
		fputs(text, stdout);
	fdb_free(fake->agent.vs.fdb);
	fake_free(fake);
	rcu_unregister_thread();
	free(text);
	return text && !fflush(stdout) ? 0 : 1;
}
