// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is refused of rates, shapes and rules, and how sizes and rates are read. */
#include "base/size.h"
#include "control/config.h"
#include "unit.h"

#define UPLINK "uplinks:\n- {name: wan, device: eth1"
#define VM                                                                  \
	"}\nvms:\n- {name: a, mac: 52:54:00:00:00:01, device: {type: tap, " \
	"name: t1}"

/* clang-format off */
static const struct {
	const char *text;
	const char *error; /* a part of it; NULL: none */
} rows[] = {
	{ UPLINK VM ", rate: {in: {max: 1Mbit}}}\n", NULL },
	{ UPLINK VM ", rate: {in: {max: 1Mb}}}\n",
	  "vms[0].rate.in.max: \"1Mb\": must be a rate from 1kbit to 1000Gbit "
	  "(a second), such as 100Mbit; write decimal digits" },
	{ UPLINK VM ", rate: {in: {max: 999bit}}}\n",
	  "vms[0].rate.in.max: \"999bit\": must be a rate from 1kbit" },
	{ UPLINK VM ", rate: {in: {max: 1001Gbit}}}\n",
	  "\"1001Gbit\": must be a rate from 1kbit" },
	{ UPLINK VM ", rate: {in: {max: 1.5Mbit}}}\n", "\"1.5Mbit\": must be" },
	{ UPLINK VM ", rate: {in: {max: 1Mbit, burst: 257MiB}}}\n",
	  "vms[0].rate.in.burst: \"257MiB\": must be a number of bytes up to "
	  "268435456, such as 64KiB" },
	{ UPLINK VM ", rate: {in: {max: 1Mbit, burst: 1kB}}}\n",
	  "\"1kB\": must be a number of bytes up to 268435456" },
	{ UPLINK VM ", rate: {out: {max: 1Mbit, min: 2Mbit}}}\n",
	  "vms[0].rate.out.min: \"2Mbit\": must not be more than max, 1Mbit" },
	{ UPLINK VM ", rate: {out: {max_packets: 5, min_packets: 6}}}\n",
	  "vms[0].rate.out.min_packets: \"6\": must not be more than "
	  "max_packets, 5" },
	{ UPLINK VM ", rate: {out: {min: 2Mbit}}}\n",
	  "vms[0].rate.out.min: \"2Mbit\": needs uplinks[0].shape.rate" },
	{ UPLINK ", shape: {rate: 10Mbit}" VM ", rate: {out: {min: 10Mbit}}}\n",
	  NULL },
	{ UPLINK ", shape: {rate: 10Mbit}" VM ", rate: {in: {min: 9Mbit}}}\n",
	  NULL },
	{ UPLINK ", shape: {rate: 10Mbit}" VM ", rate: {out: {min: 11Mbit}}}\n",
	  "vms[0].rate.out.min: \"11Mbit\": the minimums up to this VM's add up "
	  "to 11Mbit, more than 10Mbit, which is all of "
	  "uplinks[0].shape.rate" },
	{ UPLINK ", shape: {rate: 10Mbit}" VM
	  ", rate: {in: {min_packets: 732}}}\n",
	  "vms[0].rate.in.min_packets: \"732\": the minimums up to this VM's "
	  "add up to 9006528bit, more than 9Mbit, which is 90 % of "
	  "uplinks[0].shape.rate" },
	{ UPLINK ", shape: {classes: [{class: 1}, {class: 1}]}" VM "}\n",
	  "uplinks[0].shape.classes[1].class: \"1\": is already "
	  "uplinks[0].shape.classes[0].class; a class is given once" },
	{ UPLINK ", shape: {classes: [{class: 8}]}" VM "}\n",
	  "uplinks[0].shape.classes[0].class: \"8\": must be" },
	{ UPLINK ", shape: {rate: 1Mbit, classes: [{class: 1, strict: true, "
	  "rate: {min: 1kbit}}]}" VM "}\n",
	  "uplinks[0].shape.classes[0].rate.min: \"1kbit\": the class is "
	  "strict: it goes before all others and has no minimum" },
	{ UPLINK ", shape: {classes: [{class: 1, ecn: true}]}" VM "}\n",
	  "uplinks[0].shape.classes[0].ecn: \"true\": needs target_us" },
	{ UPLINK ", shape: {classes: [{class: 1, rate: {min: 1Mbit}}]}" VM "}\n",
	  "uplinks[0].shape.classes: a list: has minimums, which are parts of "
	  "shape.rate" },
	{ UPLINK ", shape: {rate: 9Mbit, classes: [{class: 1, rate: {min: "
	  "1Mbit}}, {class: 2, strict: true}]}" VM "}\n",
	  "uplinks[0].shape.classes: a list: class 2 is strict and needs a "
	  "maximum" },
	{ UPLINK ", shape: {rate: 9Mbit, classes: [{class: 1, rate: {min: "
	  "8Mbit}}, {class: 2, strict: true, rate: {max: 2Mbit}}]}" VM "}\n",
	  "uplinks[0].shape.classes: a list: minimums and strict classes' "
	  "maximums add up to 10Mbit, more than shape.rate, 9Mbit" },
	{ UPLINK ", shape: {packets: 9, classes: [{class: 1, rate: "
	  "{min_packets: 10}}]}" VM "}\n",
	  "maximums add up to 10 packets a second, more than shape.rate, 9" },
	{ UPLINK VM ", shape: {classes: [{class: 1, rate: {min: 1Mbit}}]}}\n",
	  "vms[0].shape.classes: a list: has minimums, which are parts of "
	  "rate.in.max" },
	{ UPLINK VM "}\nclassify: [{class: 1, vms: ab}]\n",
	  "classify[0].vms: \"ab\": no VM has this name; did you mean \"a\"?" },
	{ UPLINK VM "}\nclassify: [{class: 1, protocol: icmp, ports: 1}]\n",
	  "classify[0].ports: \"1\": protocol is icmp, which has no ports" },
	{ UPLINK VM "}\nclassify: [{dscp: 1}]\n", "classify[0].class: missing" },
	{ UPLINK VM "}\nclassify: [{class: 1, dscp: 64}]\n",
	  "classify[0].dscp: \"64\": must be" },
};
/* clang-format on */

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = NULL;
		char err[1024] = "";
		int ret = config_parse(rows[i].text, strlen(rows[i].text), "F",
				       &config, err, sizeof(err));

		if (!rows[i].error)
			assert_string_equal(err, "");
		else if (!strstr(err, rows[i].error))
			fail_msg("%s\n%s\n%s", rows[i].text, rows[i].error,
				 err);
		assert_int_equal(ret, rows[i].error ? -EINVAL : 0);
		config_free(config);
	}
}

static void test_parse_rate(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint64_t bits;
	} rates[] = {
		{ "0bit", 0, 0 },
		{ "1bit", 0, 1 },
		{ "1kbit", 0, 1000 },
		{ "1500Mbit", 0, 1500000000 },
		{ "10Gbit", 0, 10000000000 },
		{ "18446744073709551615bit", 0, UINT64_MAX },
		{ "18446744073709551616bit", -ERANGE, 0 },
		{ "18446744073710Mbit", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "1", -EINVAL, 0 },
		{ "bit", -EINVAL, 0 },
		{ "01bit", -EINVAL, 0 },
		{ "-1bit", -EINVAL, 0 },
		{ "1 bit", -EINVAL, 0 },
		{ "1Kbit", -EINVAL, 0 },
		{ "1Mbits", -EINVAL, 0 },
		{ "1.5Mbit", -EINVAL, 0 },
	};
	uint64_t bits;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		bits = 7;
		assert_int_equal(size_parse_rate(rates[i].text, &bits),
				 rates[i].ret);
		assert_true(bits == (rates[i].ret ? 7 : rates[i].bits));
	}
}

static void test_format_rate(void **state)
{
	static const struct {
		uint64_t bits;
		const char *text;
	} rates[] = {
		{ 0, "0" },
		{ 1, "1bit" },
		{ 1000, "1kbit" },
		{ 1001, "1001bit" },
		{ 1500000, "1500kbit" },
		{ 2000000000, "2Gbit" },
		{ UINT64_MAX, "18446744073709551615bit" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		size_format_rate(rates[i].bits, text, sizeof(text));
		assert_string_equal(text, rates[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_parse_rate),
		cmocka_unit_test(test_format_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
