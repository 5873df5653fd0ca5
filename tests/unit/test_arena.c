// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The arena in small pages, and its ledger. Huge pages: test_arena_huge.c.
 */
#include <sys/stat.h>

#include "memory/arena.h"
#include "unit.h"

static void test_small(void **state)
{
	struct arena arena;
	struct stat st;

	(void)state;
	assert_int_equal(arena_init(&arena, 100, 2048, ARENA_PAGES_SMALL), 0);
	assert_false(arena.huge);
	assert_true(arena.why[0]);
	assert_int_equal(arena_size(&arena), 204800);
	/* All of it is there, in a memfd that a successor can map. */
	assert_int_equal(fstat(arena.fd, &st), 0);
	assert_int_equal(st.st_size, 204800);
	assert_int_equal(fstat(arena.ledger_fd, &st), 0);
	assert_int_equal(st.st_size, 200);
	memset(arena_data(&arena, 0), 0x5a, arena_size(&arena));
	arena_done(&arena);
	assert_null(arena.base);
	assert_int_equal(arena.fd, -1);
	arena_done(&arena); /* once more does no harm */
}

static void test_addresses(void **state)
{
	struct arena arena;

	(void)state;
	for (uint32_t size = 2048; size <= 4096; size *= 2) {
		assert_int_equal(
			arena_init(&arena, 33, size, ARENA_PAGES_SMALL), 0);
		for (uint32_t i = 0; i < 33; i++) {
			uint64_t addr = arena_addr(&arena, i);

			assert_int_equal(addr, (uint64_t)i * size);
			assert_int_equal(arena_frame(&arena, addr), i);
			assert_int_equal(arena_frame(&arena, addr + size - 1),
					 i);
			assert_ptr_equal(arena_data(&arena, addr + 5),
					 (char *)arena.base + addr + 5);
		}
		arena_done(&arena);
	}
}

static void test_ledger(void **state)
{
	uint32_t want[FRAME_N_PLACES] = { 1000 }, got[FRAME_N_PLACES];
	struct arena arena;
	uint64_t seed = 5;

	(void)state;
	assert_int_equal(arena_init(&arena, 1000, 2048, ARENA_PAGES_SMALL), 0);
	for (uint32_t i = 0; i < 5000; i++) {
		uint32_t frame = unit_below(&seed, 1000);
		uint32_t who = unit_below(&seed, FRAME_WHO_MAX + 1);
		enum frame_place to = unit_below(&seed, FRAME_N_PLACES);

		want[frame_place(arena_where(&arena, frame))]--;
		arena_move(&arena, frame, to, who);
		want[to]++;
		assert_int_equal(frame_place(arena_where(&arena, frame)), to);
		assert_int_equal(frame_who(arena_where(&arena, frame)), who);
		if (i % 50)
			continue;
		arena_count(&arena, got);
		assert_memory_equal(got, want, sizeof(got));
	}
	arena_done(&arena);
}

/* A page size that cannot be had is an error when asked for, and leaves
 * nothing open; otherwise a reason. */
static void test_no_room(void **state)
{
	const uint32_t n = 1u << 30; /* 4 TiB */
	struct arena arena;

	(void)state;
	assert_true(arena_init(&arena, n, 4096, ARENA_PAGES_HUGE) < 0);
	assert_non_null(strstr(arena.why, "huge pages"));
	assert_null(arena.base);
	assert_int_equal(arena.fd, -1);
	assert_int_equal(arena.ledger_fd, -1);

	if (arena_init(&arena, 64, 4096, ARENA_PAGES_AUTO))
		fail_msg("AUTO fails: %s", arena.why);
	assert_int_equal(arena.huge, !arena.why[0]);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
