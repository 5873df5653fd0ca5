// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The arena in 2-MiB pages, where the host has some. */
#include <sys/stat.h>

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
	assert_true(arena.regions[0].huge);
	assert_string_equal(arena.regions[0].why, "");
	assert_int_equal(arena_region_size(&arena, 0), 2048000);
	assert_int_equal((uintptr_t)arena.base % (2u << 20), 0);
	memset(arena.base, 0x5a, arena_region_size(&arena, 0));

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

/* It grows in huge pages or not at all, and gives them back. */
static void test_resize(void **state)
{
	struct arena arena;
	struct stat st;
	uint32_t region;
	char *base;

	(void)state;
	assert_int_equal(arena_init(&arena, 1000, 2048, ARENA_PAGES_HUGE), 0);
	base = arena.base;
	memset(base, 0x5a, 2048000);
	assert_int_equal(arena_resize(&arena, 3000), 0);
	assert_int_equal(base[2047999], 0x5a);
	assert_int_equal(base[2u << 20], 0);
	memset(base + 2048000, 0x5b, 2048 * 2000);
	assert_int_equal(arena_resize(&arena, ARENA_SHARED_MAX), -ENOMEM);
	assert_int_equal(arena.regions[0].n_frames, 3000);
	assert_true(arena.regions[0].huge);
	assert_int_equal(base[2047999], 0x5a);
	assert_int_equal(base[2048 * 3000 - 1], 0x5b);
	assert_int_equal(fstat(arena.regions[0].fd, &st), 0);
	assert_int_equal(st.st_size, 6u << 20);
	assert_int_equal(st.st_blocks, (6u << 20) / 512);
	assert_int_equal(arena_resize(&arena, 1025), 0);
	assert_int_equal(fstat(arena.regions[0].fd, &st), 0);
	assert_int_equal(st.st_blocks, (4u << 20) / 512);
	assert_int_equal(base[2048 * 1025 - 1], 0x5b);

	assert_int_equal(
		arena_add_region(&arena, 100, ARENA_PAGES_HUGE, &region), 0);
	assert_true(arena.regions[region].huge);
	memset(arena_data(&arena,
			  arena_addr(&arena, arena_region_first(region))),
	       1, 204800);
	assert_int_equal(arena_del_region(&arena, region), 0);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_resize),
	};
	struct arena arena;

	if (arena_init(&arena, 1000, 2048, ARENA_PAGES_HUGE)) {
		printf("%s\n", arena.regions[0].why);
		return EXIT_SKIP;
	}
	arena_done(&arena);
	return cmocka_run_group_tests_name("arena_huge", tests, NULL, NULL);
}
