// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How pools are divided and admitted. */
#include "policy/pool.h"
#include "unit.h"

/* The parts add up to the whole, for every pool that is accepted, and what is
 * refused is really too small. */
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
		err = pool_divide(frames, n_up, n_own, &p);
		if (err) {
			n_refused++;
			assert_int_equal(err, -EINVAL);
			assert_memory_equal(&p, &untouched, sizeof(p));
			assert_true(frames / 2 / up < POOL_MIN_RING ||
				    frames / 4 < POOL_MIN_RING * n_own);
			continue;
		}
		n_taken++;
		assert_int_equal((uint64_t)p.rx_per_queue * up + p.out +
					 (uint64_t)p.tx_per_queue * n_own,
				 frames);
		/* A ring's size, and as much as half of the pool allows. */
		assert_int_equal(p.rx_per_queue & (p.rx_per_queue - 1), 0);
		assert_true((uint64_t)p.rx_per_queue * 2 * up >
			    frames / 2 - up);
		assert_true(p.rx_per_queue >= POOL_MIN_RING);
		assert_true(n_own == 0 ? p.tx_per_queue == 0
				       : p.tx_per_queue >= POOL_MIN_RING);
		assert_true(p.out >= frames / 4);
		assert_true((uint64_t)p.rx_per_queue * up <= frames / 2);
	}
	assert_true(n_refused > 1000);
	assert_true(n_taken > 1000);
}

static void test_values(void **state)
{
	struct pool_parts p;

	(void)state;
	assert_int_equal(pool_divide(1024, 1, 1, &p), 0);
	assert_int_equal(p.rx_per_queue, 512);
	assert_int_equal(p.out, 256);
	assert_int_equal(p.tx_per_queue, 256);

	/* Rings are powers of two; what is left goes to the second part. */
	assert_int_equal(pool_divide(1023, 3, 2, &p), 0);
	assert_int_equal(p.rx_per_queue, 128);
	assert_int_equal(p.tx_per_queue, 127);
	assert_int_equal(p.out, 1023 - 3 * 128 - 2 * 127);

	/* The least. */
	assert_int_equal(pool_divide(32, 2, 1, &p), 0);
	assert_int_equal(p.rx_per_queue, 8);
	assert_int_equal(p.tx_per_queue, 8);
	assert_int_equal(p.out, 8);
	assert_int_equal(pool_divide(31, 2, 1, &p), -EINVAL);
	assert_int_equal(pool_divide(32, 3, 1, &p), -EINVAL);
	assert_int_equal(pool_divide(32, 2, 2, &p), -EINVAL);
	assert_int_equal(pool_divide(0, 0, 1, &p), -EINVAL);

	/* No queues to post on: half to receive, half on the way. */
	assert_int_equal(pool_divide(1024, 1, 0, &p), 0);
	assert_int_equal(p.rx_per_queue, 512);
	assert_int_equal(p.out, 512);
	assert_int_equal(p.tx_per_queue, 0);
	assert_int_equal(pool_divide(1000, 0, 0, &p), 0);
	assert_int_equal(p.rx_per_queue, 256);
	assert_int_equal(p.out, 744);
	assert_int_equal(p.tx_per_queue, 0);
	assert_int_equal(pool_divide(16, 1, 0, &p), 0);
	assert_int_equal(pool_divide(15, 1, 0, &p), -EINVAL);
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
	struct config_vm vms[2] = {
		{ .pool.initial = 1000, .pool.max = 9000 },
		{ .pool.initial = 2000, .pool.max = 9000 },
	};
	const uint32_t n_queues[2] = { 4, 1 };
	/* VMs 3000; uplinks 1024 + 4 * 512 + 2048 + 256; 3 caches of 128 */
	const uint32_t sum = 3000 + 5376 + 3 * 128;
	struct config config;
	char err[300] = "";

	(void)state;
	make_config(&config, vms, 2, uplinks, 2);
	config.frames = sum;
	assert_int_equal(pool_admit(&config, n_queues, 2, err, sizeof(err)), 0);
	assert_string_equal(err, "");
	config.frames = sum - 1;
	assert_int_equal(pool_admit(&config, n_queues, 2, err, sizeof(err)),
			 -ENOSPC);
	assert_string_equal(err,
			    "t.yaml:12:11: memory.frames: 8759: too few: "
			    "the VMs' pools take 3000, the uplinks (out_max + "
			    "reserve x queues) 5376, 2 workers' caches 384: "
			    "8760 in all");
}

/* Sums beyond 32 bits. */
static void test_admit_large(void **state)
{
	struct config_vm vms[3] = {
		{ .pool.initial = UINT32_MAX },
		{ .pool.initial = UINT32_MAX },
		{ .pool.initial = UINT32_MAX },
	};
	struct config config;
	char err[300];

	(void)state;
	make_config(&config, vms, 3, NULL, 0);
	config.frames = UINT32_MAX;
	assert_int_equal(pool_admit(&config, NULL, 1, err, sizeof(err)),
			 -ENOSPC);
	assert_non_null(strstr(err, "12884901885"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_add_up),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_admit),
		cmocka_unit_test(test_admit_large),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
