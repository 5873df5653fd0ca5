// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How pools are divided and admitted. */
#include "policy/admission.h"
#include "unit.h"

/* The parts add up to the whole, for every pool that is accepted; none is empty
 * that is needed, and what is refused is really too small. */
static void test_parts_add_up(void **state)
{
	uint32_t n_refused = 0, n_taken = 0;
	uint64_t seed = 11;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint32_t n_up = unit_below(&seed, PKT_MAX_QUEUES + 1);
		uint32_t n_own = unit_below(&seed, PKT_MAX_QUEUES + 1);
		uint32_t frames = unit_below(&seed, i % 2 ? 1024 : 1u << 20);
		uint32_t up = n_up ? n_up : 1;
		struct pool_parts p, untouched;
		int err;

		memset(&p, 0xa5, sizeof(p));
		untouched = p;
		err = admission_divide(frames, n_up, n_own, &p);
		if (err) {
			n_refused++;
			assert_int_equal(err, -EINVAL);
			assert_memory_equal(&p, &untouched, sizeof(p));
			/* A third to receive, 5/8 to post. */
			assert_true(frames / 8 < up + 2 ||
				    frames / 4 < ADMISSION_MIN_POSTED * n_own);
			continue;
		}
		n_taken++;
		assert_int_equal((uint64_t)p.rx_per_queue * up + p.out +
					 (uint64_t)p.tx_per_queue * n_own,
				 frames);
		assert_true(p.rx_per_queue > 0 && p.out > 0);
		assert_true(n_own == 0
				    ? p.tx_per_queue == 0
				    : p.tx_per_queue >= ADMISSION_MIN_POSTED);
		/* Neither takes it all. */
		assert_true(p.out >= frames / 8);
		assert_true((uint64_t)p.tx_per_queue * n_own <=
			    (uint64_t)frames * 5 / 8);
	}
	assert_true(n_refused > 1000);
	assert_true(n_taken > 1000);
}

/* More is never less, in any part: or a pool that grows would have to shrink. */
static void test_monotonous(void **state)
{
	uint64_t seed = 12;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		uint32_t n_up = unit_below(&seed, 17);
		uint32_t n_own = unit_below(&seed, 5);
		uint32_t frames = unit_below(&seed, 8192);
		struct pool_parts p, more;

		if (admission_divide(frames, n_up, n_own, &p))
			continue;
		assert_int_equal(
			admission_divide(frames + 64, n_up, n_own, &more), 0);
		assert_true(more.tx_per_queue >= p.tx_per_queue);
		assert_true(more.rx_per_queue >= p.rx_per_queue);
	}
}

static void test_values(void **state)
{
	struct pool_parts p;

	(void)state;
	/* A quarter posted, two thirds of the rest to receive. */
	assert_int_equal(admission_divide(4096, 1, 1, &p), 0);
	assert_int_equal(p.tx_per_queue, 1024);
	assert_int_equal(p.rx_per_queue, 2048);
	assert_int_equal(p.out, 1024);

	/* A small one: 256 posted, or five eighths. */
	assert_int_equal(admission_divide(640, 1, 1, &p), 0);
	assert_int_equal(p.tx_per_queue, 256);
	assert_int_equal(p.rx_per_queue, 256);
	assert_int_equal(p.out, 128);
	assert_int_equal(admission_divide(64, 1, 1, &p), 0);
	assert_int_equal(p.tx_per_queue, 40);
	assert_int_equal(p.rx_per_queue, 16);
	assert_int_equal(p.out, 8);

	/* What cannot be divided goes to the last part. */
	assert_int_equal(admission_divide(1023, 3, 2, &p), 0);
	assert_int_equal(p.tx_per_queue, 128);
	assert_int_equal(p.rx_per_queue, 170);
	assert_int_equal(p.out, 1023 - 2 * 128 - 3 * 170);

	/* The least. */
	assert_int_equal(admission_least(1, 1), 7);
	assert_int_equal(admission_divide(7, 1, 1, &p), 0);
	assert_int_equal(p.tx_per_queue, 4);
	assert_int_equal(p.rx_per_queue, 2);
	assert_int_equal(p.out, 1);
	assert_int_equal(admission_divide(6, 1, 1, &p), -EINVAL);
	assert_int_equal(admission_least(0, 0), 2);
	assert_int_equal(admission_divide(0, 0, 1, &p), -EINVAL);
	assert_int_equal(admission_least(4, 2), 13);
	assert_int_equal(admission_divide(12, 4, 2, &p), -EINVAL);

	/* No queues to post on: half to receive, half on the way. */
	assert_int_equal(admission_divide(1024, 1, 0, &p), 0);
	assert_int_equal(p.rx_per_queue, 512);
	assert_int_equal(p.out, 512);
	assert_int_equal(p.tx_per_queue, 0);
	assert_int_equal(admission_divide(1001, 0, 0, &p), 0);
	assert_int_equal(p.rx_per_queue, 500);
	assert_int_equal(p.out, 501);
	assert_int_equal(p.tx_per_queue, 0);
	assert_int_equal(admission_divide(UINT32_MAX, 0, 1, &p), 0);
	assert_int_equal(p.tx_per_queue, UINT32_MAX / 4);
}

/* ---- admission ---- */

static char file[] = "t.yaml";

static void make_config(struct config *config, struct config_vm *vms,
			uint32_t n_vms, struct config_uplink *uplinks,
			uint32_t n_uplinks)
{
	memset(config, 0, sizeof(*config));
	config->file = file;
	config->frames_pos.line = 12;
	config->frames_pos.col = 11;
	config->vms = vms;
	config->n_vms = n_vms;
	config->uplinks = uplinks;
	config->n_uplinks = n_uplinks;
}

static void test_admit(void **state)
{
	struct config_uplink uplinks[2] = {
		{ .reserve = 512, .out_max = 1024 },
		{ .reserve = 256, .out_max = 2048 },
	};
	struct config_vm vms[4] = {
		{ .name = "a", .pool = { .min = 1000, .initial = 5000 } },
		{ .name = "b", .pool = { .min = 9000 }, .isolated = true },
		{ .name = "c", .pool = { .min = 2000, .max = 9000 } },
		{ .name = "d", .pool = { .min = 64 } },
	};
	const uint32_t n_queues[2] = { 4, 1 };
	/* VMs' minimums; uplinks 1024 + 4 * 512 + 2048 + 256; the reserve */
	const uint32_t sum = 3064 + 5376 + 400;
	struct config config;
	char err[500] = "";

	(void)state;
	make_config(&config, vms, 4, uplinks, 2);
	config.reserve = 400;
	config.frames = sum;
	assert_int_equal(
		admission_check(&config, config.frames, n_queues, 2, err, sizeof(err)), 0);
	assert_string_equal(err, "");
	config.frames = sum - 65;
	assert_int_equal(admission_check(&config, config.frames, n_queues, 2, err,
					 sizeof(err)),
			 -ENOSPC);
	assert_string_equal(
		err,
		"t.yaml:12:11: memory.frames: 8775: too few: pool.min of 3 VMs "
		"takes 3064, the uplinks (out_max + reserve x queues) 5376, the "
		"agent itself 400 (memory.reserve, or 128 for each of 3 caches): "
		"8840 in all; there is no room for VM c and those after it");
	/* Caches take what they take. */
	assert_int_equal(admission_reserve(&config, 2), 400);
	assert_int_equal(admission_reserve(&config, 4), 5 * 128);
	config.frames = sum;
	assert_int_equal(admission_check(&config, config.frames, n_queues, 4, err,
					 sizeof(err)),
			 -ENOSPC);
	assert_non_null(strstr(err, "agent itself 640"));
}

/* Sums beyond 32 bits. */
static void test_admit_large(void **state)
{
	struct config_vm vms[3] = {
		{ .pool.min = UINT32_MAX },
		{ .pool.min = UINT32_MAX },
		{ .pool.min = UINT32_MAX },
	};
	struct config config;
	char err[500];

	(void)state;
	make_config(&config, vms, 3, NULL, 0);
	config.frames = UINT32_MAX;
	assert_int_equal(admission_check(&config, config.frames, NULL, 1, err, sizeof(err)),
			 -ENOSPC);
	assert_non_null(strstr(err, "12884901885"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_add_up),
		cmocka_unit_test(test_monotonous),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_admit),
		cmocka_unit_test(test_admit_large),
	};

	return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
