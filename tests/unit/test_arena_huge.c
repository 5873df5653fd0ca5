// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The arena in 2-MiB pages, where the host has some. */
#include "memory/arena.h"
#include "unit.h"

static void test_huge(void **state)
{
	char path[64], line[256];
	bool found = false;
	struct arena arena;
	FILE *maps;

	(void)state;
	/* Not a whole number of huge pages. */
	assert_int_equal(arena_init(&arena, 1000, 2048, ARENA_PAGES_HUGE), 0);
	assert_true(arena.huge);
	assert_string_equal(arena.why, "");
	assert_int_equal(arena_size(&arena), 2048000);
	assert_int_equal((uintptr_t)arena.base % (2u << 20), 0);
	memset(arena.base, 0x5a, arena_size(&arena));

	snprintf(path, sizeof(path), "%lx-", (unsigned long)arena.base);
	maps = fopen("/proc/self/smaps", "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) &&
	       strncmp(line, path, strlen(path)))
		;
	while (fgets(line, sizeof(line), maps)) {
		if (strncmp(line, "KernelPageSize:", 15))
			continue;
		found = strstr(line, "2048 kB");
		break;
	}
	fclose(maps);
	assert_true(found);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_huge) };
	struct arena arena;

	if (arena_init(&arena, 1000, 2048, ARENA_PAGES_HUGE)) {
		printf("%s\n", arena.why);
		return EXIT_SKIP;
	}
	arena_done(&arena);
	return cmocka_run_group_tests_name("arena_huge", tests, NULL, NULL);
}
