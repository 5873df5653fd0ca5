// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A guest's memory: what is refused, where addresses lead, the dirty log, and
 * files that shrink under their mapping.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "vhost/guest_mem.h"
#include "../guest_files.h"
#include "unit.h"

#define PAGE	  4096ull
#define MIB	  (1ull << 20)
#define UVA	  0x7f0000000000ull
#define N_THREADS 4

/* cmocka puts its own handler in the place of ours before each test. */
static struct sigaction guard;

static void set_guard(void)
{
	assert_int_equal(sigaction(SIGBUS, &guard, NULL), 0);
}

static struct guest_mem *memory(void)
{
	struct guest_mem *mem = guest_mem_new();

	assert_non_null(mem);
	return mem;
}

static int add(struct guest_mem *mem, uint64_t gpa, uint64_t size, uint64_t uva,
	       uint64_t offset, int fd, char *why)
{
	const struct guest_region_spec spec = {
		.gpa = gpa, .size = size, .uva = uva, .offset = offset
	};

	return guest_mem_add(mem, &spec, fd, why, 160);
}

/* ---- what is refused ---- */

struct refusal {
	const char *name;
	uint64_t gpa, size, uva, offset;
	int (*fd)(uint64_t size);
	int ret;
	const char *why;
};

/* There is a region of 1 MiB at 1 MiB. */
static const struct refusal refusals[] = {
	{ "empty", 0, 0, UVA, 0, guest_file, -EINVAL, "it is empty" },
	{ "gpa beyond the end", ~0ull - PAGE + 1, 2 * PAGE, UVA, 0, guest_file,
	  -EINVAL, "beyond the end of 64-bit addresses" },
	{ "uva beyond the end", 0, 2 * PAGE, ~0ull - PAGE + 1, 0, guest_file,
	  -EINVAL, "beyond the end of 64-bit addresses" },
	{ "offset beyond the end", 0, 2 * PAGE, UVA, ~0ull - PAGE + 1,
	  guest_file, -EINVAL, "beyond the end of 64-bit addresses" },
	{ "larger than its file", 0, MIB + 1, UVA, 0, guest_file, -EINVAL,
	  "it ends at 0x100001 in a file of 0x100000 bytes" },
	{ "offset behind its file", 0, PAGE, UVA, MIB, guest_file, -EINVAL,
	  "it ends at 0x101000 in a file of 0x100000 bytes" },
	{ "the same place", MIB, MIB, UVA, 0, guest_file, -EINVAL,
	  "it overlaps the one of 0x100000 bytes at 0x100000" },
	{ "overlap below", MIB - PAGE, 2 * PAGE, UVA, 0, guest_file, -EINVAL,
	  "it overlaps" },
	{ "overlap above", 2 * MIB - 1, PAGE, UVA, 0, guest_file, -EINVAL,
	  "it overlaps" },
	{ "inside", MIB + PAGE, PAGE, UVA, 0, guest_file, -EINVAL,
	  "it overlaps" },
	{ "read-only file", 0, PAGE, UVA, 0, guest_file_read_only, -EINVAL,
	  "open for reading and writing" },
	{ "write-only file", 0, PAGE, UVA, 0, guest_file_write_only, -EINVAL,
	  "open for reading and writing" },
	{ "device", 0, PAGE, UVA, 0, guest_file_device, -EINVAL,
	  "a file of memory" },
	{ "pipe", 0, PAGE, UVA, 0, guest_file_pipe, -EINVAL,
	  "a file of memory" },
	{ "other file system", 0, 1, UVA, 0, guest_file_proc, -EINVAL,
	  "a file of memory" },
	{ "more than can be mapped", 2 * MIB, GUEST_MAX_BYTES, UVA, 0,
	  guest_file_sparse, -ENOSPC, "4096 GiB of files" },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *row = &refusals[i];
		struct guest_mem *mem = memory();
		uint32_t n_fds = guest_files_open();
		char why[160] = "";
		int ret;

		ret = add(mem, MIB, MIB, UVA + MIB, 0, guest_file(MIB), why);
		assert_int_equal(ret, 0);
		ret = add(mem, row->gpa, row->size, row->uva, row->offset,
			  row->fd(MIB), why);
		if (ret != row->ret || !strstr(why, row->why))
			fail_msg("%s: %d: %s", row->name, ret, why);
		assert_int_equal(mem->n_regions, 1);
		guest_mem_free(mem);
		assert_int_equal(guest_files_open(), n_fds);
	}
}

static void test_too_many(void **state)
{
	struct guest_mem *mem = memory();
	char why[160];

	(void)state;
	for (uint64_t i = 0; i < GUEST_MAX_REGIONS; i++)
		assert_int_equal(add(mem, i * PAGE, PAGE, UVA + i * PAGE, 0,
				     guest_file(PAGE), why),
				 0);
	assert_int_equal(add(mem, MIB, PAGE, UVA + MIB, 0, guest_file(PAGE),
			     why),
			 -ENOSPC);
	assert_string_equal(why, "32 are allowed");
	guest_mem_free(mem);
}

/* ---- addresses ---- */

/* Out of order; the second begins where the first ends; one file has both, and
 * the third ends where addresses end. */
static struct guest_mem *three_regions(int *ret_fd)
{
	struct guest_mem *mem = memory();
	int fd = guest_file(4 * MIB);
	char why[160];

	assert_int_equal(add(mem, 2 * MIB, MIB, UVA + 8 * MIB, 2 * MIB + PAGE,
			     dup(fd), why),
			 0);
	assert_int_equal(add(mem, ~0ull - MIB + 1, MIB, ~0ull - MIB + 1, 0,
			     guest_file(MIB), why),
			 0);
	assert_int_equal(add(mem, MIB, MIB, UVA, MIB, dup(fd), why), 0);
	*ret_fd = fd;
	return mem;
}

static void test_addresses(void **state)
{
	struct guest_region *hint = NULL;
	struct guest_mem *mem;
	uint32_t len = 100;
	uint64_t gpa;
	char *at;
	int fd;

	(void)state;
	mem = three_regions(&fd);
	assert_int_equal(guest_mem_mapped(mem), 0);
	for (uint32_t i = 1; i < mem->n_regions; i++)
		assert_true(mem->regions[i - 1].gpa < mem->regions[i].gpa);

	/* cut where the region ends; the next byte is in the next one */
	assert_int_equal(pwrite(fd, "last", 4, 2 * MIB - 4), 4);
	assert_int_equal(pwrite(fd, "first", 5, 2 * MIB + PAGE), 5);
	at = guest_mem_at(mem, &hint, 2 * MIB - 4, &len);
	assert_memory_equal(at, "last", 4);
	assert_int_equal(len, 4);
	assert_int_equal(guest_mem_mapped(mem), MIB);
	len = 100;
	at = guest_mem_at(mem, &hint, 2 * MIB, &len);
	assert_memory_equal(at, "first", 5);
	assert_int_equal(len, 100);
	assert_ptr_equal(hint, &mem->regions[1]);

	/* outside, on all sides */
	assert_null(guest_mem_at(mem, &hint, MIB - 1, &len));
	assert_null(guest_mem_at(mem, &hint, 3 * MIB, &len));
	assert_null(guest_mem_at(mem, &hint, ~0ull - MIB, &len));
	assert_null(guest_mem_at(mem, &hint, 0, &len));

	/* the last byte there is */
	assert_non_null(guest_mem_at(mem, &hint, ~0ull, &len));
	assert_int_equal(len, 1);

	/* by the front-end's addresses: in one region, and aligned */
	at = guest_mem_at_uva(mem, UVA + 8 * MIB, 5, 16, &gpa);
	assert_memory_equal(at, "first", 5);
	assert_int_equal(gpa, 2 * MIB);
	assert_null(guest_mem_at_uva(mem, UVA + 8 * MIB + 8, 5, 16, NULL));
	assert_non_null(guest_mem_at_uva(mem, UVA + 8 * MIB + 8, 5, 8, NULL));
	assert_non_null(guest_mem_at_uva(mem, UVA, MIB, 1, NULL));
	assert_null(guest_mem_at_uva(mem, UVA, MIB + 1, 1, NULL));
	assert_null(guest_mem_at_uva(mem, UVA + MIB - 2, 4, 1, NULL));
	assert_null(guest_mem_at_uva(mem, UVA - 1, 4, 1, NULL));
	assert_null(guest_mem_at_uva(mem, UVA, ~0ull, 1, NULL));
	assert_non_null(guest_mem_at_uva(mem, ~0ull, 1, 1, NULL));
	assert_null(guest_mem_at_uva(mem, ~0ull, 2, 1, NULL));
	assert_false(guest_mem_is_broken(mem));
	close(fd);
	guest_mem_free(mem);
}

static void test_del(void **state)
{
	struct guest_region_spec spec = { .gpa = MIB, .size = MIB, .uva = UVA };
	struct guest_region *hint = NULL;
	uint32_t n_fds = guest_files_open();
	struct guest_mem *mem;
	uint32_t len = 1;
	int fd;

	(void)state;
	mem = three_regions(&fd);
	assert_non_null(guest_mem_at(mem, &hint, MIB, &len));
	spec.uva++;
	assert_int_equal(guest_mem_del(mem, &spec), -ENOENT);
	spec.uva--;
	spec.size--;
	assert_int_equal(guest_mem_del(mem, &spec), -ENOENT);
	spec.size++;
	spec.gpa++;
	assert_int_equal(guest_mem_del(mem, &spec), -ENOENT);
	spec.gpa--;
	assert_int_equal(guest_mem_del(mem, &spec), 0);
	assert_int_equal(guest_mem_del(mem, &spec), -ENOENT);
	assert_int_equal(mem->n_regions, 2);
	assert_int_equal(guest_mem_mapped(mem), 0);
	hint = NULL;
	assert_null(guest_mem_at(mem, &hint, MIB, &len));
	assert_non_null(guest_mem_at(mem, &hint, 2 * MIB, &len));
	close(fd);
	guest_mem_free(mem);
	assert_int_equal(guest_files_open(), n_fds);
}

/* ---- the log ---- */

/* Memory of 64 pages at 0, and a log of 8 bytes that begins at the third. */
static struct guest_mem *logged(int *ret_fd)
{
	struct guest_mem *mem = memory();
	char why[160];
	int fd = guest_file(PAGE);

	assert_int_equal(
		add(mem, 0, 64 * PAGE, UVA, 0, guest_file(64 * PAGE), why), 0);
	assert_int_equal(
		guest_mem_set_log(mem, dup(fd), 3, 8, why, sizeof(why)), 0);
	*ret_fd = fd;
	return mem;
}

static void check_log(int fd, const uint8_t expected[8])
{
	uint8_t got[16], all[16] = { 0 };

	memcpy(all + 3, expected, 8);
	assert_int_equal(pread(fd, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(got, all, sizeof(all));
	memset(got, 0, sizeof(got));
	assert_int_equal(pwrite(fd, got, sizeof(got), 0), sizeof(got));
}

#define LOG(...) ((const uint8_t[8]){ __VA_ARGS__ })

static void test_log(void **state)
{
	struct guest_mem *mem;
	int fd;

	(void)state;
	mem = logged(&fd);
	assert_false(guest_mem_logs(mem));
	guest_log_write(mem, 0, PAGE);
	check_log(fd, LOG(0));
	guest_mem_use_log(mem, true);
	assert_true(guest_mem_logs(mem));

	guest_log_write(mem, 0, 1);
	guest_log_write(mem, 9 * PAGE + 17, 0);
	guest_log_write(mem, 63 * PAGE, PAGE);
	check_log(fd, LOG(1, [7] = 0x80));
	guest_log_write(mem, PAGE - 1, 2);
	check_log(fd, LOG(3));
	guest_log_write(mem, PAGE, PAGE);
	check_log(fd, LOG(2));
	guest_log_write(mem, 7 * PAGE, 10 * PAGE);
	check_log(fd, LOG(0x80, 0xff, 1));
	/* what lies outside is left out */
	guest_log_write(mem, 63 * PAGE, 1 << 30);
	guest_log_write(mem, 64 * PAGE, PAGE);
	guest_log_write(mem, ~0ull - 10, 100);
	guest_log_write(mem, ~0ull, 1);
	check_log(fd, LOG([7] = 0x80));
	guest_log_write(mem, 62 * PAGE, ~0ull);
	check_log(fd, LOG([7] = 0xc0));

	guest_mem_use_log(mem, false);
	guest_log_write(mem, 0, PAGE);
	check_log(fd, LOG(0));
	close(fd);
	guest_mem_free(mem);
}

static void test_log_refusals(void **state)
{
	uint32_t n_fds = guest_files_open();
	struct guest_mem *from, *other;
	char why[160];
	int fd, ret;

	(void)state;
	from = logged(&fd);
	close(fd);
	ret = guest_mem_set_log(from, guest_file(PAGE), 0, 7, why, 160);
	assert_int_equal(ret, -EINVAL);
	assert_string_equal(why,
			    "0x7 bytes do not cover the memory up to 0x3ffff");
	ret = guest_mem_set_log(from, guest_file(PAGE), 0, 0, why, 160);
	assert_int_equal(ret, -EINVAL);
	ret = guest_mem_set_log(from, guest_file(PAGE), ~0ull, 8, why, 160);
	assert_int_equal(ret, -EINVAL);
	ret = guest_mem_set_log(from, guest_file(PAGE), 8, ~0ull, why, 160);
	assert_int_equal(ret, -EINVAL);
	ret = guest_mem_set_log(from, guest_file(PAGE), PAGE - 7, 8, why, 160);
	assert_int_equal(ret, -EINVAL);
	ret = guest_mem_set_log(from, guest_file_pipe(0), 0, 8, why, 160);
	assert_int_equal(ret, -EINVAL);
	/* the one before is still there, and covers no more memory */
	assert_int_equal(from->log.size, 8);
	ret = add(from, 64 * PAGE, PAGE, UVA + MIB, 0, guest_file(PAGE), why);
	assert_int_equal(ret, -EINVAL);
	assert_string_equal(why, "the log of 0x8 bytes does not cover it");

	other = memory();
	assert_int_equal(
		add(other, 64 * PAGE, PAGE, UVA, 0, guest_file(PAGE), why), 0);
	assert_int_equal(guest_mem_take_log(other, from, why, 160), -EINVAL);
	guest_mem_free(other);

	/* none at all */
	assert_int_equal(guest_mem_set_log(from, -1, 0, 0, why, 160), 0);
	guest_mem_use_log(from, true);
	assert_false(guest_mem_logs(from));
	guest_mem_free(from);
	assert_int_equal(guest_files_open(), n_fds);
}

static void test_take_log(void **state)
{
	struct guest_mem *from, *next = memory();
	char why[160];
	int fd;

	(void)state;
	set_guard();
	from = logged(&fd);
	guest_mem_use_log(from, true);
	assert_int_equal(add(next, 0, PAGE, UVA, 0, guest_file(PAGE), why), 0);
	assert_int_equal(guest_mem_take_log(next, from, why, 160), 0);
	assert_false(guest_mem_logs(from));
	guest_mem_free(from);
	guest_log_write(next, PAGE, 1);
	check_log(fd, LOG(2));
	/* whose memory is broken when the log is */
	assert_int_equal(ftruncate(fd, 0), 0);
	guest_log_write(next, PAGE, 1);
	assert_true(guest_mem_is_broken(next));
	close(fd);
	guest_mem_free(next);
}

/* ---- files that shrink ---- */

static void test_shrink(void **state)
{
	struct guest_region *hint = NULL;
	struct guest_mem *mem = memory(), *other = memory();
	int fd = guest_file(4 * PAGE);
	uint32_t len = 4;
	char why[160];
	char *at, *safe, *elsewhere;

	(void)state;
	set_guard();
	assert_int_equal(add(mem, 0, 4 * PAGE, UVA, 0, dup(fd), why), 0);
	assert_int_equal(
		add(mem, MIB, PAGE, UVA + MIB, 0, guest_file(PAGE), why), 0);
	assert_int_equal(add(other, 0, PAGE, UVA, 0, guest_file(PAGE), why), 0);
	at = guest_mem_at(mem, &hint, 0, &len);
	memcpy(at, "here", 5);
	memcpy(at + 3 * PAGE, "here", 5);
	safe = guest_mem_at(mem, &hint, MIB, &len);
	memcpy(safe, "safe", 5);
	hint = NULL;
	elsewhere = guest_mem_at(other, &hint, 0, &len);
	memcpy(elsewhere, "safe", 5);

	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_string_equal(at, "here");
	assert_false(guest_mem_is_broken(mem));
	assert_int_equal(*(volatile char *)(at + 3 * PAGE), 0);
	assert_true(guest_mem_is_broken(mem));
	/* all of the region is ours now, and can be written */
	assert_int_equal(*(volatile char *)at, 0);
	memset(at, 'x', 4 * PAGE);
	/* and nothing else */
	assert_string_equal(safe, "safe");
	assert_string_equal(elsewhere, "safe");
	assert_false(guest_mem_is_broken(other));
	close(fd);
	guest_mem_free(mem);
	guest_mem_free(other);
}

/* Already too short when it is touched for the first time; and read and written
 * by the memcpy() of the C library. */
static void test_shrink_early(void **state)
{
	struct guest_mem *mem = memory();
	int fd = guest_file(4 * PAGE);
	char why[160], copy[PAGE];
	char *at;

	(void)state;
	set_guard();
	assert_int_equal(add(mem, 0, 4 * PAGE, UVA, 0, dup(fd), why), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	at = guest_mem_at_uva(mem, UVA + 8, 16, 8, NULL);
	assert_non_null(at);
	memset(copy, 'x', sizeof(copy));
	memcpy(copy, at, sizeof(copy));
	for (size_t i = 0; i < sizeof(copy); i++)
		assert_int_equal(copy[i], 0);
	assert_true(guest_mem_is_broken(mem));
	close(fd);
	guest_mem_free(mem);
}

/* A seal that was set after the region was added. */
static void test_cannot_map(void **state)
{
	struct guest_region *hint = NULL;
	struct guest_mem *mem = memory();
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint32_t len = 1;
	char why[160];

	(void)state;
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(add(mem, 0, PAGE, UVA, 0, dup(fd), why), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_null(guest_mem_at(mem, &hint, 0, &len));
	assert_true(guest_mem_is_broken(mem));
	close(fd);
	guest_mem_free(mem);
}

/* Huge pages: the mapping is a whole number of them also if the region is not.
 * If none is free, touching one is as if the file were too short. */
static void test_hugetlb(void **state)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	struct guest_mem *mem = memory();
	struct stat st;
	char why[160];
	uint64_t huge;
	char *at;

	(void)state;
	if (fd < 0 || fstat(fd, &st) < 0)
		skip();
	set_guard();
	huge = (uint64_t)st.st_blksize;
	assert_int_equal(ftruncate(fd, (off_t)(2 * huge)), 0);
	assert_int_equal(add(mem, 0, huge, UVA, PAGE, fd, why), 0);
	at = guest_mem_at_uva(mem, UVA + huge - 8, 8, 8, NULL);
	assert_non_null(at);
	assert_int_equal(mem->regions[0].map_size, 2 * huge);
	*(volatile char *)at = 1;
	if (guest_mem_is_broken(mem))
		print_message("no huge page is free\n");
	assert_int_equal(*(volatile char *)at, 1);
	guest_mem_free(mem);
}

/* Not ours: what would have happened without us happens. */
static void die_by(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDERR_FILENO);
		sigaction(SIGBUS, &guard, NULL);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (UNIT_SLOW) /* the sanitizer's handler was there before */
		assert_false(WIFEXITED(status) && !WEXITSTATUS(status));
	else
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

static void touch_foreign(void)
{
	int fd = guest_file(PAGE);
	volatile char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	if (ftruncate(fd, 0) < 0 || p[0])
		_exit(0);
}

static void send_sigbus(void)
{
	kill(getpid(), SIGBUS);
	usleep(100000);
}

static void test_foreign_faults(void **state)
{
	(void)state;
	die_by(touch_foreign);
	die_by(send_sigbus);
}

/* ---- several workers ---- */

struct race {
	struct guest_mem *mem;
	pthread_barrier_t barrier;
};

static void *touch_all(void *arg)
{
	struct race *race = arg;
	struct guest_region *hint = NULL;

	for (uint64_t i = 0; i < GUEST_MAX_REGIONS; i++) {
		uint32_t len = 1;
		char *at;

		pthread_barrier_wait(&race->barrier);
		at = guest_mem_at(race->mem, &hint, i * PAGE, &len);
		unit_check(at, "region %d", (int)i);
		__atomic_fetch_add(at, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int n_mappings(const char *name)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, name) != NULL;
	fclose(f);
	return n;
}

/* The second of two finds the first one's mapping. */
static void test_second(void **state)
{
	struct guest_mem *mem = memory();
	char why[160];
	char *at;

	(void)state;
	assert_int_equal(add(mem, 0, PAGE, UVA, 0, guest_file(PAGE), why), 0);
	at = guest_region_map(mem, &mem->regions[0]);
	assert_non_null(at);
	assert_ptr_equal(guest_region_map(mem, &mem->regions[0]), at);
	assert_int_equal(n_mappings("/memfd:" GUEST_FILE_NAME), 1);
	guest_mem_free(mem);
	assert_int_equal(n_mappings("/memfd:" GUEST_FILE_NAME), 0);
}

static void test_race(void **state)
{
	struct race race = { .mem = memory() };
	pthread_t threads[N_THREADS];
	char why[160];

	(void)state;
	for (uint64_t i = 0; i < GUEST_MAX_REGIONS; i++)
		assert_int_equal(add(race.mem, i * PAGE, PAGE, UVA + i * PAGE,
				     0, guest_file(PAGE), why),
				 0);
	pthread_barrier_init(&race.barrier, NULL, N_THREADS);
	for (int i = 0; i < N_THREADS; i++)
		threads[i] = unit_start(touch_all, &race);
	for (int i = 0; i < N_THREADS; i++)
		unit_join(threads[i]);
	pthread_barrier_destroy(&race.barrier);
	assert_int_equal(n_mappings("/memfd:" GUEST_FILE_NAME),
			 GUEST_MAX_REGIONS);
	for (uint32_t i = 0; i < GUEST_MAX_REGIONS; i++)
		assert_int_equal(race.mem->regions[i].host[0], N_THREADS);
	guest_mem_free(race.mem);
	assert_int_equal(n_mappings("/memfd:" GUEST_FILE_NAME), 0);
}

/* Two that fault in one mapping at once both go on. */
static void *read_all(void *arg)
{
	struct race *race = arg;
	volatile char *at = race->mem->regions[0].host;
	int sum = 0;

	pthread_barrier_wait(&race->barrier);
	for (uint64_t i = 0; i < 64; i++)
		sum += at[i * PAGE];
	unit_check(!sum, "%d", sum);
	return NULL;
}

static void test_fault_race(void **state)
{
	pthread_t threads[N_THREADS];

	(void)state;
	set_guard();
	for (int round = 0; round < 20; round++) {
		struct race race = { .mem = memory() };
		int fd = guest_file(64 * PAGE);
		char why[160];

		assert_int_equal(
			add(race.mem, 0, 64 * PAGE, UVA, 0, dup(fd), why), 0);
		assert_non_null(guest_mem_at_uva(race.mem, UVA, 1, 1, NULL));
		assert_int_equal(ftruncate(fd, 0), 0);
		close(fd);
		pthread_barrier_init(&race.barrier, NULL, N_THREADS);
		for (int i = 0; i < N_THREADS; i++)
			threads[i] = unit_start(read_all, &race);
		for (int i = 0; i < N_THREADS; i++)
			unit_join(threads[i]);
		pthread_barrier_destroy(&race.barrier);
		assert_true(guest_mem_is_broken(race.mem));
		guest_mem_free(race.mem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_del),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_refusals),
		cmocka_unit_test(test_take_log),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_shrink_early),
		cmocka_unit_test(test_cannot_map),
		cmocka_unit_test(test_hugetlb),
		cmocka_unit_test(test_foreign_faults),
		cmocka_unit_test(test_second),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_fault_race),
	};

	for (int i = 0; i < 2; i++) /* the second time it does nothing */
		if (guest_mem_guard())
			return 1;
	if (sigaction(SIGBUS, NULL, &guard))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
