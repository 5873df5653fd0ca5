// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Numbers of frames: what is read, what is rounded, what is refused, and that
 * nothing is written then.
 */
#include "base/size.h"
#include "unit.h"

static void frames(void **state)
{
	static const struct {
		const char *text;
		uint32_t frame_size;
		int err;
		uint64_t frames;
	} rows[] = {
		{ "0", 4096, 0, 0 },
		{ "1", 4096, 0, 1 },
		{ "4096", 2048, 0, 4096 },
		{ "18446744073709551615", 4096, 0, UINT64_MAX },
		{ "0KiB", 4096, 0, 0 },
		{ "512KiB", 4096, 0, 128 },
		{ "512KiB", 2048, 0, 256 },
		{ "16MiB", 4096, 0, 4096 },
		{ "2GiB", 2048, 0, 1048576 },
		/* whole frames, up */
		{ "1KiB", 4096, 0, 1 },
		{ "4KiB", 4096, 0, 1 },
		{ "5KiB", 4096, 0, 2 },
		{ "2KiB", 2048, 0, 1 },
		{ "3KiB", 2048, 0, 2 },
		/* the last that fit, and one more */
		{ "18014398509481983KiB", 1024, 0, 18014398509481983 },
		{ "18014398509481984KiB", 1024, -ERANGE, 0 },
		{ "17592186044415MiB", 1, 0, 0xfffffffffff00000 },
		{ "17592186044416MiB", 1, -ERANGE, 0 },
		{ "17179869183GiB", 4096, 0, 4503599627108352 },
		{ "17179869184GiB", 4096, -ERANGE, 0 },
		{ "18446744073709551616", 4096, -ERANGE, 0 },
		{ "18446744073709551620", 4096, -ERANGE, 0 },
		{ "99999999999999999999999999", 4096, -ERANGE, 0 },
		{ "99999999999999999999999999GiB", 4096, -ERANGE, 0 },
		/* neither */
		{ "", 4096, -EINVAL, 0 },
		{ "KiB", 4096, -EINVAL, 0 },
		{ "-1", 4096, -EINVAL, 0 },
		{ "+1", 4096, -EINVAL, 0 },
		{ "01", 4096, -EINVAL, 0 },
		{ "00KiB", 4096, -EINVAL, 0 },
		{ "0x10", 4096, -EINVAL, 0 },
		{ "1e3", 4096, -EINVAL, 0 },
		{ "1.5MiB", 4096, -EINVAL, 0 },
		{ "1 MiB", 4096, -EINVAL, 0 },
		{ " 1MiB", 4096, -EINVAL, 0 },
		{ "1MiB ", 4096, -EINVAL, 0 },
		{ "1MiBs", 4096, -EINVAL, 0 },
		{ "1mib", 4096, -EINVAL, 0 },
		{ "1MIB", 4096, -EINVAL, 0 },
		{ "1Mi", 4096, -EINVAL, 0 },
		{ "1M", 4096, -EINVAL, 0 },
		{ "1MB", 4096, -EINVAL, 0 },
		{ "1B", 4096, -EINVAL, 0 },
		{ "1TiB", 4096, -EINVAL, 0 },
		{ "99999999999999999999999999TiB", 4096, -EINVAL, 0 },
	};
	const uint64_t untouched = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t expected = rows[i].err ? untouched : rows[i].frames;
		uint64_t got = untouched;
		int err = size_parse_frames(rows[i].text, rows[i].frame_size,
					    &got);

		if (err != rows[i].err || got != expected)
			fail_msg("\"%s\" of %u: %d, %llu", rows[i].text,
				 rows[i].frame_size, err,
				 (unsigned long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
