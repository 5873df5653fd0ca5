// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The arena in small pages, and its ledger. Huge pages: test_arena_huge.c.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "memory/arena.h"
#include "unit.h"

/* Whether there is memory at @at: the kernel's opinion. */
static bool readable(const void *at)
{
	int fds[2];
	bool ok;

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	ok = write(fds[1], at, 1) == 1;
	if (!ok)
		assert_int_equal(errno, EFAULT);
	close(fds[0]);
	close(fds[1]);
	return ok;
}

/* Whether @at is the arena's still: nobody else can be given it. */
static bool reserved(void *at)
{
	void *got = mmap(at, 4096, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0);

	if (got != MAP_FAILED)
		munmap(got, 4096);
	return got == MAP_FAILED && errno == EEXIST;
}

static uint32_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint32_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void test_small(void **state)
{
	struct arena arena;
	struct stat st;

	(void)state;
	assert_int_equal(arena_init(&arena, 100, 2048, ARENA_PAGES_SMALL), 0);
	assert_false(arena.regions[0].huge);
	assert_true(arena.regions[0].why[0]);
	assert_int_equal(arena_n_frames(&arena), 100);
	assert_int_equal(arena_region_size(&arena, 0), 204800);
	/* All of it is there, in a memfd that a successor can map. */
	assert_int_equal(fstat(arena.regions[0].fd, &st), 0);
	assert_int_equal(st.st_size, 204800);
	assert_int_equal(st.st_blocks, 204800 / 512);
	memset(arena_data(&arena, 0), 0x5a, 204800);
	arena_done(&arena);
	assert_null(arena.base);
	assert_int_equal(arena.regions[0].fd, -1);
	arena_done(&arena); /* once more does no harm */
}

/* What is only reserved takes no memory. */
static void test_reserved(void **state)
{
	struct arena arena;
	struct stat st;

	(void)state;
	assert_int_equal(arena_init(&arena, 100, 4096, ARENA_PAGES_SMALL), 0);
	assert_int_equal((uintptr_t)arena.base % (2u << 20), 0);
	assert_false(readable(arena_data(&arena, arena_addr(&arena, 100))));
	assert_false(readable(
		arena_data(&arena, arena_addr(&arena, ARENA_MAX_FRAMES) - 1)));
	assert_int_equal(fstat(arena.ledger_fd, &st), 0);
	assert_int_equal(st.st_size, ARENA_MAX_FRAMES * 2);
	assert_true(st.st_blocks <= 8);
	arena_done(&arena);
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
	struct arena arena;

	(void)state;
	assert_int_equal(arena_init(&arena, 0, 4096, ARENA_PAGES_AUTO),
			 -EINVAL);
	assert_int_equal(arena_init(&arena, ARENA_SHARED_MAX + 1, 4096,
				    ARENA_PAGES_AUTO),
			 -EINVAL);
	assert_int_equal(arena_init(&arena, ARENA_SHARED_MAX, 4096, /* 16 GiB */
				    ARENA_PAGES_HUGE),
			 -ENOMEM);
	assert_non_null(strstr(arena.regions[0].why, "huge pages"));
	assert_null(arena.base);
	assert_int_equal(arena.regions[0].fd, -1);
	assert_int_equal(arena.ledger_fd, -1);

	if (arena_init(&arena, 64, 4096, ARENA_PAGES_AUTO))
		fail_msg("AUTO fails: %s", arena.regions[0].why);
	assert_int_equal(arena.regions[0].huge, !arena.regions[0].why[0]);
	arena_done(&arena);
}

/* ---- regions ---- */

/* Marks the ends of @region, or looks for the marks. */
static void mark(struct arena *arena, uint32_t region, bool check)
{
	uint64_t addr = arena_addr(arena, arena_region_first(region));
	uint32_t *first = arena_data(arena, addr);
	uint32_t *last =
		arena_data(arena, addr + arena_region_size(arena, region) - 4);

	if (check) {
		assert_int_equal(*first, region + 1);
		assert_int_equal(*last, ~region);
	}
	*first = region + 1;
	*last = ~region;
}

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(arena_region_of(0), 0);
	assert_int_equal(arena_region_of(ARENA_SHARED_MAX - 1), 0);
	for (uint32_t r = 1; r < ARENA_N_REGIONS; r++) {
		uint32_t first = arena_region_first(r);

		assert_int_equal(arena_region_of(first), r);
		assert_int_equal(arena_region_of(first - 1), r - 1);
		assert_int_equal(arena_region_of(first + ARENA_REGION_MAX - 1),
				 r);
	}
}

/* As many as there may be; some go, and others come in their places. */
static void test_regions(void **state)
{
	uint32_t region, n_frames = 10, before = count_fds();
	uint32_t count[FRAME_N_PLACES];
	struct arena arena;

	(void)state;
	assert_int_equal(arena_init(&arena, 10, 2048, ARENA_PAGES_SMALL), 0);
	for (uint32_t r = 1; r < ARENA_N_REGIONS; r++, n_frames += r - 1) {
		assert_int_equal(arena_add_region(&arena, r, ARENA_PAGES_SMALL,
						  &region),
				 0);
		assert_int_equal(region, r);
		mark(&arena, r, false);
		assert_int_equal(arena_n_frames(&arena), n_frames + r);
	}
	n_frames = arena_n_frames(&arena);
	assert_int_equal(arena_add_region(&arena, 1, ARENA_PAGES_SMALL,
					  &region),
			 -ENOSPC);
	for (uint32_t r = 3; r < ARENA_N_REGIONS; r += 7) {
		void *at = arena_data(
			&arena, arena_addr(&arena, arena_region_first(r)));

		assert_true(readable(at));
		assert_int_equal(arena_del_region(&arena, r), 0);
		assert_false(readable(at));
		assert_true(reserved(at));
		assert_int_equal(arena_n_frames(&arena), n_frames - r);
		assert_int_equal(arena_add_region(&arena, r + 5,
						  ARENA_PAGES_SMALL, &region),
				 0);
		assert_int_equal(region, r);
		/* Nothing is left of the old one. */
		assert_int_equal(*(uint32_t *)at, 0);
		mark(&arena, r, false);
		n_frames += 5;
	}
	for (uint32_t r = 1; r < ARENA_N_REGIONS; r++)
		mark(&arena, r, true);
	arena_count(&arena, count);
	assert_int_equal(count[FRAME_HOST], n_frames);
	arena_done(&arena);
	assert_int_equal(count_fds(), before);
}

static void test_region_in_use(void **state)
{
	uint32_t region, first, count[FRAME_N_PLACES];
	struct arena arena;

	(void)state;
	assert_int_equal(arena_init(&arena, 10, 4096, ARENA_PAGES_SMALL), 0);
	assert_int_equal(arena_add_region(&arena, 0, ARENA_PAGES_SMALL,
					  &region),
			 -EINVAL);
	assert_int_equal(arena_add_region(&arena, ARENA_REGION_MAX + 1,
					  ARENA_PAGES_SMALL, &region),
			 -EINVAL);
	assert_int_equal(arena_add_region(&arena, ARENA_REGION_MAX,
					  ARENA_PAGES_SMALL, &region),
			 0);
	first = arena_region_first(region);
	arena_move(&arena, first + 65535, FRAME_OUT, 7);
	arena_move(&arena, 3, FRAME_CACHE, 1);
	assert_int_equal(arena_del_region(&arena, region), -EBUSY);
	mark(&arena, region, false);
	arena_count_region(&arena, region, count);
	assert_int_equal(count[FRAME_HOST], 65535);
	assert_int_equal(count[FRAME_OUT], 1);
	assert_int_equal(count[FRAME_CACHE], 0);
	arena_count(&arena, count);
	assert_int_equal(count[FRAME_HOST], 65535 + 9);
	assert_int_equal(count[FRAME_CACHE], 1);
	arena_move(&arena, first + 65535, FRAME_HOST, 0);
	assert_int_equal(arena_del_region(&arena, region), 0);
	arena_done(&arena);
}

/* ---- another size ---- */

/* Frame @i of region 0 has its number in it, or is new. */
static void check_frame(struct arena *arena, uint32_t i, bool new)
{
	uint32_t *data = arena_data(arena, arena_addr(arena, i));

	assert_int_equal(data[0], new ? 0 : i + 1);
	assert_int_equal(data[arena->frame_size / 4 - 1], new ? 0 : i + 1);
	data[0] = i + 1;
	data[arena->frame_size / 4 - 1] = i + 1;
}

/* Sizes that end in the middle of a page, too. */
static void test_resize(void **state)
{
	uint32_t n = 700, region;
	uint64_t seed = 11;
	struct arena arena;
	struct stat st;
	char *base;

	(void)state;
	assert_int_equal(arena_init(&arena, n, 2048, ARENA_PAGES_SMALL), 0);
	assert_int_equal(
		arena_add_region(&arena, 64, ARENA_PAGES_SMALL, &region), 0);
	base = arena.base;
	mark(&arena, region, false);
	for (uint32_t i = 0; i < n; i++)
		check_frame(&arena, i, true);
	for (uint32_t round = 0; round < 100; round++) {
		uint32_t to = 1 + unit_below(&seed, 3000);
		/* What a page's other half held is not cleared. */
		uint32_t new = n + n % 2;

		assert_int_equal(arena_resize(&arena, to), 0);
		assert_ptr_equal(arena.base, base);
		assert_int_equal(arena.regions[0].n_frames, to);
		assert_int_equal(fstat(arena.regions[0].fd, &st), 0);
		assert_int_equal(st.st_size, (to + to % 2) * 2048);
		assert_int_equal(st.st_blocks, st.st_size / 512);
		assert_false(readable(base + st.st_size));
		assert_true(reserved(base + st.st_size));
		for (uint32_t i = 0; i < to && i < n; i++)
			check_frame(&arena, i, false);
		for (uint32_t i = new; i < to; i++)
			check_frame(&arena, i, true);
		if (n % 2 && to > n) {
			memset(base + n * 2048, 0, 2048);
			check_frame(&arena, n, true);
		}
		for (uint32_t i = n; i < to; i++)
			assert_int_equal(arena_where(&arena, i), 0);
		n = to;
	}
	mark(&arena, region, true);
	arena_done(&arena);
}

static void test_resize_refused(void **state)
{
	struct rlimit old, limit;
	struct arena arena;
	struct stat st;

	(void)state;
	assert_int_equal(arena_init(&arena, 100, 4096, ARENA_PAGES_SMALL), 0);
	for (uint32_t i = 0; i < 100; i++)
		check_frame(&arena, i, true);
	assert_int_equal(arena_resize(&arena, 0), -EINVAL);
	assert_int_equal(arena_resize(&arena, ARENA_SHARED_MAX + 1), -EINVAL);
	/* Memory cannot be had. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 150 * 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(arena_resize(&arena, 151) < 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(arena.regions[0].n_frames, 100);
	assert_int_equal(fstat(arena.regions[0].fd, &st), 0);
	assert_int_equal(st.st_size, 100 * 4096);
	assert_false(readable((char *)arena.base + 100 * 4096));
	for (uint32_t i = 0; i < 100; i++)
		check_frame(&arena, i, false);
	assert_int_equal(arena_resize(&arena, 151), 0);
	for (uint32_t i = 0; i < 151; i++)
		check_frame(&arena, i, i >= 100);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_region_in_use),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_resize_refused),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
