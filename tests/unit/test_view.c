/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What pktctl prints for people: numbers, tables, and each view whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cli/number.h"
#include "cli/table.h"
#include "cli/view.h"
#include "control/status.h"
#include "fake.h"

/* ---- numbers ---- */

static void test_count(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 99999, "99999" },
		{ 100000, "100k" },
		{ 123456, "123k" },
		{ 999499, "999k" },
		{ 999500, "1.00M" },
		{ 1234567, "1.23M" },
		{ 12345678, "12.3M" },
		{ 9994999999, "9.99G" },
		{ 9995000000, "10.0G" },
		{ UINT64_MAX, "18.4E" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(number_count(rows[i].n).text, rows[i].text);
}

static void test_rate(void **state)
{
	(void)state;
	assert_string_equal(number_rate(NAN).text, "-");
	assert_string_equal(number_rate(-1).text, "-");
	assert_string_equal(number_rate(0).text, "0");
	assert_string_equal(number_rate(0.5).text, "0.5");
	assert_string_equal(number_rate(9.94).text, "9.9");
	assert_string_equal(number_rate(9.96).text, "10");
	assert_string_equal(number_rate(99999.4).text, "99999");
	assert_string_equal(number_rate(99999.5).text, "100k");
	assert_string_equal(number_rate(9.4e9).text, "9.40G");
}

static void test_duration(void **state)
{
	(void)state;
	assert_string_equal(number_duration(0).text, "0 s");
	assert_string_equal(number_duration(59).text, "59 s");
	assert_string_equal(number_duration(60).text, "1 min");
	assert_string_equal(number_duration(3600 + 300).text, "1 h 05 min");
	assert_string_equal(number_duration(51 * 3600).text, "2 d 03 h");
}

/* ---- tables ---- */

/* What is printed to it, by fclose(); the caller frees it. */
static char *printed;
static size_t printed_len;

static void assert_printed(FILE *out, const char *expected)
{
	fclose(out);
	assert_string_equal(printed, expected);
	free(printed);
}

static FILE *print_to(void)
{
	FILE *out = open_memstream(&printed, &printed_len);

	assert_non_null(out);
	return out;
}

static void test_table(void **state)
{
	struct table t = { 0 };
	FILE *out = print_to();

	(void)state;
	table_column(&t, "NAME", TABLE_LEFT);
	table_column(&t, "N", TABLE_RIGHT);
	table_column(&t, "TEXT", TABLE_LEFT);
	table_row(&t);
	table_cell(&t, "%s", "a");
	table_cell(&t, "%d", 12345);
	table_cell(&t, "%s",
		   "x\x1b[2J\xc2\x9b"
		   "y\n");
	table_mark(&t);
	table_note(&t, "why: %s", "\r\x7f");
	table_row(&t);
	table_cell(&t, "%s", "longer");
	table_cell(&t, "%d", 1);
	table_cell(&t, "%s", "");
	table_print(&t, out, false);
	assert_printed(out, "NAME        N  TEXT\n"
			    "a       12345  x?[2J??y?\n"
			    "    why: ??\n"
			    "longer      1  \n");
	out = print_to();
	table_print(&t, out, true);
	assert_printed(out, "\033[1mNAME        N  TEXT\033[0m\n"
			    "\033[31ma       12345  x?[2J??y?\033[0m\n"
			    "    why: ??\n"
			    "longer      1  \n");
	table_done(&t);
}

/* ---- views ---- */

/* The answer with @data (given up) at second @time_s of an agent that started
 * at second 1000. */
static json_t *answer(double time_s, json_t *data)
{
	return json_pack("{s:b, s:I, s:i, s:o}", "ok", 1, "time_ns",
			 (json_int_t)(time_s * 1e9), "started_ns", 0, "data",
			 data);
}

/* Copies @text with what is known of @reason for <what> and <advice>: their
 * wording is nobody's promise. */
static char *fill_in(const char *text, enum pkt_reason reason)
{
	char *filled = NULL;
	size_t len;
	FILE *out = open_memstream(&filled, &len);

	assert_non_null(out);
	for (const char *p = text; *p; p++) {
		if (!strncmp(p, "<what>", 6)) {
			fputs(reason_infos[reason].what, out);
			p += 5;
		} else if (!strncmp(p, "<advice>", 8)) {
			fputs(reason_infos[reason].advice, out);
			p += 7;
		} else {
			fputc(*p, out);
		}
	}
	fclose(out);
	return filled;
}

/* Shows @now (given up), and with @before (given up) the rates. <what> and
 * <advice> in @expected stand for those of src_mac. */
static void assert_view(const char *object, json_t *now, json_t *before,
			const char *expected)
{
	char *filled = fill_in(expected, PKT_src_mac);
	const struct view view = {
		.answer = now,
		.before = before,
		.rates = before,
		.out = print_to(),
	};

	assert_true(view_known(object));
	view_show(&view, object);
	assert_printed(view.out, filled);
	free(filled);
	json_decref(now);
	json_decref(before);
}

static json_t *array_of(json_t *a, json_t *b)
{
	json_t *array = json_array();

	json_array_append_new(array, a);
	if (b)
		json_array_append_new(array, b);
	return array;
}

static int setup(void **state)
{
	*state = fake_new();
	return 0;
}

static int teardown(void **state)
{
	fake_free(*state);
	return 0;
}

static void test_vms(void **state)
{
	struct fake *fake = *state;
	struct snapshot_port *sp = fake->snap->ports;
	json_t *before;

	fake->ports[2].vlan = 0;
	sp[2].way = WAY_AGENT;
	strcpy(fake->ports[2].way_why, "no redirects");
	assert_view(
		"vm",
		answer(2000, array_of(status_vm(&sp[1]), status_vm(&sp[2]))),
		NULL,
		"VM    STATE   NETWORK   DEVICE     WAY     POOL (FRAMES)  TO VM (PKT)  FROM VM (PKT)  DROPPED\n"
		"web1  up      100       veth-web1  kernel        15/2048           40          1.23M       12\n"
		"    mac 52:54:00:00:01:01\n"
		"    addresses 192.0.2.11, 2001:db8::11\n"
		"    dropped 12 (src_mac): <what> -> <advice>\n"
		"db1   absent  untagged  tap-db1    agent         15/2048            0              0        0\n"
		"    mac 52:54:00:00:01:02\n"
		"    absent: tap-db1: no such device\n"
		"    way: asked kernel, got agent: no redirects\n");

	before = answer(2000, array_of(status_vm(&sp[1]), NULL));
	sp[1].link.tx_packets += 3000000;
	sp[1].link.tx_bytes += 3000000000ull;
	sp[1].counters.src_mac.packets += 3;
	assert_view(
		"vm",
		answer(2002, array_of(status_vm(&sp[1]), status_vm(&sp[2]))),
		before,
		"VM    STATE   POOL (FRAMES)  TO VM PKT/S  BIT/S  FROM VM PKT/S  BIT/S  DROPS/S\n"
		"web1  up            15/2048        1.50M  12.0G              0      0      1.5\n"
		"db1   absent        15/2048            -      -              -      -        -\n");
}

static void test_vhost(void **state)
{
	struct fake *fake = *state;
	struct snapshot_port *sp = fake->snap->ports;
	struct snapshot_vhost *waiting;

	fake_vhost(fake, 0)->pairs[1].from_guest = (struct snapshot_ring){
		.running = true, .size = 256, .packets = 5
	};
	fake->vms[0].device.vhost.call_packets = 32;
	fake->vms[0].device.vhost.call_us = 50;
	waiting = fake_vhost(fake, 1);
	memset(waiting, 0, sizeof(*waiting));
	waiting->n_pairs = 1;
	waiting->pairs[0].worker = 2;
	strcpy(waiting->info.why, "connecting: Connection refused");
	strcpy(fake->ports[2].why, waiting->info.why);
	assert_view(
		"vm",
		answer(2000, array_of(status_vm(&sp[1]), status_vm(&sp[2]))),
		NULL,
		"VM    STATE   NETWORK  DEVICE      WAY    POOL (FRAMES)  TO VM (PKT)  FROM VM (PKT)  DROPPED\n"
		"web1  up      100      vhost-user  agent        15/2048           40          1.23M       12\n"
		"    mac 52:54:00:00:01:01\n"
		"    addresses 192.0.2.11, 2001:db8::11\n"
		"    vhost-user /run/vm/a.sock (client) running: process 4711 of user 64055\n"
		"    connected 3 times, refused 1, 120 messages, MTU 1500; memory: 2 regions, 2.15G bytes, 1.07G mapped\n"
		"    features CSUM, MRG_RXBUF, VERSION_1, bit 60\n"
		"    protocol features MQ, REPLY_ACK\n"
		"    pair 0 to guest: 1000 packets, 64000 bytes, 30 calls, 4 kicks asked for, 200/256 buffers free\n"
		"    pair 0 from guest: 2000 packets, 128k bytes, 0 calls, 50 kicks asked for, 1/512 packets waiting\n"
		"    pair 0 on worker 1: copied 1900 packets in, 1001 out; 7 segments merged, 2 waits for buffers\n"
		"    pair 1 to guest: not running, 0 packets\n"
		"    pair 1 from guest: 5 packets, 0 bytes, 0 calls, 0 kicks asked for, 0/256 packets waiting, disabled\n"
		"    pair 1 on worker 0: copied 0 packets in, 0 out; 0 segments merged, 0 waits for buffers\n"
		"    called after 32 packets or 50 us\n"
		"    sent past the switch: 123k packets, 12.3M bytes\n"
		"    dropped 12 (src_mac): <what> -> <advice>\n"
		"db1   absent  100      vhost-user  agent        15/2048            0              0        0\n"
		"    mac 52:54:00:00:01:02\n"
		"    vhost-user /run/vm/a.sock (client) waiting: connecting: Connection refused\n"
		"    connected 0 times, refused 0, 0 messages; memory: 0 regions, 0 bytes, 0 mapped\n"
		"    pair 0 on worker 2: not running\n");
}

/* A pair's line of "bypass show". */
static json_t *pair_of(const char *from, const char *to,
		       const struct bypass_info *info)
{
	static const struct config_bypass rules[] = {
		{ .kind = BYPASS_VMS },
		{ .kind = BYPASS_VLAN, .vlan = 100 },
	};
	char f[40], t[40], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *json;

	assert_non_null(out);
	snprintf(f, sizeof(f), "\"%s\"", from);
	snprintf(t, sizeof(t), "\"%s\"", to);
	status_bypass(out, f, t, 0, info, rules);
	fclose(out);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	free(text);
	return json;
}

static void test_bypass(void **state)
{
	struct bypass_info active = { BYPASS_ACTIVE, 0, "", { 10, 1000 } };
	const struct bypass_info held = { BYPASS_HELD, 1, "b is not up", { 0 } };
	const struct bypass_info off = { BYPASS_OFF, 0, "no rule", { 0 } };
	json_t *data, *before;

	(void)state;
	data = array_of(pair_of("a", "b", &held), pair_of("c", "b", &off));
	json_array_append_new(data, pair_of("a", "c", &active));
	assert_view(
		"bypass", answer(2000, data), NULL,
		"FROM  TO  RULE         STATE   PACKETS  BYTES  WHY NOT\n"
		"a     b   1: vlan 100  held          0      0  b is not up\n"
		"c     b   -            off           0      0  no rule\n"
		"a     c   0: vms       active       10   1000  \n");
	before = answer(2000, array_of(pair_of("a", "c", &active), NULL));
	active.passed.packets += 20;
	active.passed.bytes += 2000;
	assert_view("bypass",
		    answer(2002, array_of(pair_of("a", "c", &active), NULL)),
		    before,
		    "FROM  TO  RULE    STATE   PKT/S  BIT/S  WHY NOT\n"
		    "a     c   0: vms  active     10   8000  \n");
}

static void test_tags(void **state)
{
	struct fake *fake = *state;
	struct snapshot_port *sp = fake->snap->ports;

	fake_tag(fake, 0);
	fake_tag(fake, 1);
	assert_view(
		"tag",
		answer(2000, array_of(status_tag(&sp[1]), status_tag(&sp[2]))),
		NULL,
		"VM    TAG  IDENTITY                                                 QUEUES               MEMORY            REFUSED\n"
		"web1   40  process 4711 of user 64055 in /machine.slice/web1.scope  1 pair: 9; uplink 7  region 0, 1 UMEM        0\n"
		"db1    41  nobody                                                   0 pairs              region 0                2\n"
		"    refused: process 6 has it open\n");
	fake->tags[1].entry = (struct tag_entry){
		.tag = 41, .kind = TAG_NAMESPACE, .netns = 4026532000
	};
	fake->tags[0].cgroup[0] = fake->tags[1].why[0] = '\0';
	fake->ports[2].queues = fake->wan_queues;
	fake->ports[2].n_queues = fake->tags[1].entry.n_queues = 2;
	strcpy(fake->vms[1].device.netns, "db1");
	assert_view(
		"tag",
		answer(2000, array_of(status_tag(&sp[1]), status_tag(&sp[2]))),
		NULL,
		"VM    TAG  IDENTITY                    QUEUES               MEMORY             REFUSED\n"
		"web1   40  process 4711 of user 64055  1 pair: 9; uplink 7  region 0, 1 UMEM         0\n"
		"db1    41  namespace db1 (4026532000)  2 pairs: 7, 8        region 0, 2 UMEMs        2\n");
	fake->vms[1].device.netns[0] = '\0';
	assert_view("tag",
		    answer(2000, array_of(status_tag(&sp[2]), NULL)), NULL,
		    "VM   TAG  IDENTITY              QUEUES         MEMORY             REFUSED\n"
		    "db1   41  namespace 4026532000  2 pairs: 7, 8  region 0, 2 UMEMs        2\n");
}

static void test_ports(void **state)
{
	struct fake *fake = *state;
	struct snapshot_port *sp = fake->snap->ports;
	json_t *data = json_object();

	fake->queues[0].umem.zero_copy = fake->queues[1].umem.zero_copy = true;
	strcpy(fake->ports[0].note, "tso is off");
	fake->ports[0].xmit = false;
	fake->vms[0].rate_out.max = 100000000;
	json_object_set_new(data, "ports",
			    array_of(status_port(&sp[0]), status_port(&sp[1])));
	json_object_set_new(data, "hugepages", status_hugepages(&fake->agent));
	assert_view(
		"port", answer(2000, json_incref(data)), NULL,
		"PORT  KIND    STATE  DEVICE     DRIVER  XDP     XDP TRANSMIT  WAY     IFINDEX   MTU  RX (PKT)  TX (PKT)  DROPPED\n"
		"wan   uplink  up     eth1       veth    native  no            kernel       11  1500     1.23M        40        0\n"
		"    queues 0-1: zero-copy (zero-copy asked: auto), need_wakeup on\n"
		"    note: tso is off\n"
		"web1  vm      up     veth-web1  veth    native  yes           kernel       12  1500     1.23M        40       12\n"
		"    queue 0: copy: the driver has no zero-copy, need_wakeup on\n"
		"    policed: out 100Mbit\n"
		"    dropped 12 (src_mac): <what> -> <advice>\n"
		"hugepages: asked auto, got no: no free 2-MiB pages\n");
	assert_view(
		"port", answer(2001, json_incref(data)), answer(2000, data),
		"PORT  KIND    STATE  RX PKT/S  BIT/S  TX PKT/S  BIT/S  DROPS/S\n"
		"wan   uplink  up            0      0         0      0        0\n"
		"web1  vm      up            0      0         0      0        0\n");
}

static json_t *pools_answer(struct fake *fake, json_t *ports)
{
	json_t *data = json_object();

	json_object_set_new(data, "arena", status_arena(fake->snap));
	json_object_set_new(data, "ports", ports);
	return answer(2000, data);
}

static void test_pools(void **state)
{
	struct fake *fake = *state;
	struct snapshot_port *sp = fake->snap->ports;

	fake->ports[1].pool.n_resizes[POOL_RX_HIGH] = 12;
	fake->ports[1].pool.n_resizes[POOL_PRESSURE] = 3;
	fake->agent.pressure.n_events = 3;
	assert_view(
		"pool",
		pools_answer(fake,
			     array_of(status_pool(&sp[0]), status_pool(&sp[1]))),
		NULL,
		"PORT  KIND    SIZE  USED  MIN   MAX  POSTED USED/NOW/MAX  RX USED/LIMIT  OUT USED/MAX  RESIZES\n"
		"wan   uplink  2048    15  256  4096            3/500/512         7/1024         5/512        -\n"
		"web1  vm      2048    15  256  4096            3/500/512         7/1024         5/512       15\n"
		"65536 frames = 60000 host + 128 caches + 5400 queues + 8 out\n"
		"adds up: no frame is missing\n"
		"65536 frames = 54000 spare + 0 lent as slack + promised: 8000 queues + 2000 out + 512 minimums + 1024 reserve\n"
		"adds up: no frame is promised twice\n"
		"4096 bytes each, small pages (asked: auto): no free 2-MiB pages\n"
		"memory pressure: none, 3 events\n");
	fake->agent.pressure.watched = false;
	fake->agent.pressure.why = "it is switched off";
	fake->snap->frames.out = 6;
	fake->snap->promises.spare = -64;
	fake->snap->promises.missing = -3;
	assert_view(
		"pool", pools_answer(fake, json_array()), NULL,
		"PORT  KIND  SIZE  USED  MIN  MAX  POSTED USED/NOW/MAX  RX USED/LIMIT  OUT USED/MAX  RESIZES\n"
		"65536 frames = 60000 host + 128 caches + 5400 queues + 6 out\n"
		"DOES NOT ADD UP: 2 missing\n"
		"65536 frames = -64 spare + 0 lent as slack + promised: 8000 queues + 2000 out + 512 minimums + 1024 reserve\n"
		"DOES NOT ADD UP: -3 missing, or on their way between two of them\n"
		"4096 bytes each, small pages (asked: auto): no free 2-MiB pages\n"
		"memory pressure: not watched: it is switched off\n");
}

/* Some is lent; and isolated VMs have frames besides, of which none is spare to
 * others. */
static void lend(struct fake *fake)
{
	fake->snap->promises.lent = 36;
	fake->snap->frames.total += 8192;
	fake->snap->frames.host += 8192;
}

/* The bars of @fake's ports on a terminal of @width columns. */
static void assert_bars(struct fake *fake, uint32_t width, bool utf8,
			const char *expected)
{
	struct snapshot_port *sp = fake->snap->ports;
	json_t *json = pools_answer(
		fake, array_of(status_pool(&sp[1]), status_pool(&sp[2])));
	const struct view view = { .answer = json,
				   .rates = true,
				   .utf8 = utf8,
				   .width = width,
				   .out = print_to() };

	json_array_append_new(json_object_get(json_object_get(json, "data"),
					      "ports"),
			      status_pool(&sp[0]));
	view_show(&view, "pool");
	assert_printed(view.out, expected);
	json_decref(json);
}

/* A cell is for what is there, however little; only what is full looks so; lines
 * are as long as the terminal is wide, and the uplink has none. */
static void test_bars(void **state)
{
	static const struct {
		uint32_t used, size, min, max;
		const char *bar; /* of 20 cells, and the mark */
	} rows[] = {
		{ 412, 1216, 64, 4096, "[#|##===..............]" },
		{ 0, 64, 64, 4096, "[=|...................]" },
		{ 1, 64, 64, 4096, "[#|...................]" },
		{ 64, 128, 64, 128, "[##########|==========]" },
		{ 128, 128, 128, 128, "[####################|]" },
		{ 127, 128, 128, 128, "[###################=|]" },
		{ 4095, 4095, 4095, 4096, "[###################|.]" },
		{ 0, 0, 64, 4096, "[.|...................]" },
		/* The maximum has just been lowered. */
		{ 50, 100, 10, 50, "[##|########==========]" },
		/* An agent that has not decided yet. */
		{ 0, 0, 0, 0, "[|....................]" },
	};
	struct fake *fake = *state;
	struct agent_pool *pool = &fake->snap->ports[1].pool;
	char text[512];

	strcpy(fake->ports[2].name, "d\xc3\xbc");
	lend(fake);
	fake->snap->ports[2].pool =
		(struct agent_pool){ .size = 64, .min = 64, .max = 1024 };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		pool->used = rows[i].used;
		pool->size = rows[i].size;
		pool->min = rows[i].min;
		pool->max = rows[i].max;
		snprintf(text, sizeof(text),
			 "web1  %s  used %4u, size %4u, min %4u, max %4u\n"
			 "d??   [==|..................]  used    0, size   64, min   64, max 1024\n"
			 "# used  = free  . up to the maximum  | minimum\n"
			 "65536 frames: promised 11500, spare 54000, lent as slack 36\n",
			 rows[i].bar, rows[i].used, rows[i].size, rows[i].min,
			 rows[i].max);
		assert_bars(fake, 71, false, text);
	}
}

static void test_bars_utf8(void **state)
{
	struct fake *fake = *state;

	lend(fake);
	assert_bars(
		fake, 65, true,
		"web1  [█│▒▒▒▒▒▒·······]  used   15, size 2048, min  256, max 4096\n"
		"db1   [█│▒▒▒▒▒▒·······]  used   15, size 2048, min  256, max 4096\n"
		"█ used  ▒ free  · up to the maximum  │ minimum\n"
		"65536 frames: promised 11500, spare 54000, lent as slack 36\n");
}

static void test_bars_narrow(void **state)
{
	struct fake *fake = *state;

	lend(fake);
	assert_bars(fake, 30, false,
		    "web1  used   15, size 2048, min  256, max 4096\n"
		    "[#=|============.............]\n"
		    "db1   used   15, size 2048, min  256, max 4096\n"
		    "[#=|============.............]\n"
		    "# used  = free  . up to the maximum  | minimum\n"
		    "65536 frames: promised 11500, spare 54000, lent as slack 36\n");
	/* No width at all. */
	assert_bars(fake, 0, false,
		    "web1  used   15, size 2048, min  256, max 4096\n"
		    "[#|====.....]\n"
		    "db1   used   15, size 2048, min  256, max 4096\n"
		    "[#|====.....]\n"
		    "# used  = free  . up to the maximum  | minimum\n"
		    "65536 frames: promised 11500, spare 54000, lent as slack 36\n");
}

static void assert_log(const char *answer, const char *expected)
{
	json_t *json = json_loads(answer, 0, NULL);
	const struct view view = { .answer = json, .out = print_to() };

	assert_non_null(json);
	view_pool_log(&view);
	assert_printed(view.out, expected);
	json_decref(json);
}

static void test_pool_log(void **state)
{
	(void)state;
	setenv("TZ", "UTC-1", 1);
	assert_log(
		"{\"earlier\":12,\"forgotten\":904,\"lost\":3,\"data\":["
		"{\"time\":1700000000.009,\"vm\":\"web1\",\"from\":64,"
		"\"to\":128,\"reason\":\"rx_high\"},"
		"{\"time\":1700000059.999,\"vm\":\"\\u001b\",\"from\":4096,"
		"\"to\":64,\"reason\":\"idle\"}]}",
		"TIME                     VM    FROM   TO  REASON\n"
		"2023-11-14 23:13:20.009  web1    64  128  rx_high\n"
		"2023-11-14 23:14:19.999  ?     4096   64  idle\n"
		"12 earlier ones are there: -a\n"
		"904 older ones are no longer there\n"
		"3 were lost, because too many came at once\n");
	assert_log("{\"earlier\":0,\"forgotten\":0,\"lost\":0,\"data\":[]}",
		   "no pool has changed its size\n");
	/* Another agent's. */
	assert_log("{\"data\":[{\"time\":1e300},{\"time\":-1},7]}",
		   "TIME                     VM  FROM  TO  REASON\n"
		   "1970-01-01 01:00:00.000         0   0  \n"
		   "1970-01-01 01:00:00.000         0   0  \n"
		   "1970-01-01 01:00:00.000         0   0  \n");
	unsetenv("TZ");
}

static void test_queues(void **state)
{
	struct fake *fake = *state;
	json_t *before;

	before = answer(2000, array_of(status_queue(&fake->queues[0]),
				       status_queue(&fake->queues[1])));
	assert_view(
		"queue", json_incref(before), NULL,
		"PORT  MODE  QUEUE  ID  WORKER  POSTED/TARGET  FILL RING  SENDING     RX     TX  KICKS  TX AGAIN  FILL SHORT\n"
		"wan   copy      0   7       0      1000/1100       4096        3  1.00M  2.00M     30         4           5\n"
		"    to be switched: 0/1024 frames waiting (ring of 1024), 0 packets read\n"
		"    for VM web1: 3/128 frames waiting (ring of 256), 77 packets read\n"
		"wan   copy      1   8       0      1001/1100       4096        3  1.00M  2.00M     30         4           5\n"
		"    to be switched: 0/1024 frames waiting (ring of 1024), 0 packets read\n");
	fake->queues[1].n_rx += 500;
	assert_view(
		"queue",
		answer(2000.5, array_of(status_queue(&fake->queues[1]), NULL)),
		before,
		"PORT  MODE  QUEUE  ID  WORKER  POSTED/TARGET  FILL RING  SENDING  RX PKT/S  TX PKT/S  KICKS/S  TX AGAIN/S  FILL SHORT/S\n"
		"wan   copy      1   8       0      1001/1100       4096        3      1000         0        0           0             0\n");
}

static void test_workers(void **state)
{
	struct fake *fake = *state;
	json_t *before;

	before = answer(1040, array_of(status_worker(&fake->worker), NULL));
	/* 26 s busy of the 1040 since the start */
	assert_view(
		"worker", json_incref(before), NULL,
		"STATE  WORKER  CORE  QUEUES   BUSY  PKT/BATCH  PACKETS  LOOPS  SLEEPS  WAKES SENT  LEARN LOST\n"
		"awake       0     3       3  2.5 %       32.0     6400    900      80           0           0\n");
	fake->worker.stats.busy_ns += NS_PER_SEC;
	fake->worker.stats.packets += 100;
	fake->worker.stats.batches += 40;
	fake->worker.sleeping = true;
	assert_view(
		"worker",
		answer(1042, array_of(status_worker(&fake->worker), NULL)),
		before,
		"STATE   WORKER  CORE  QUEUES    BUSY  PKT/BATCH  PKT/S  LOOPS/S  SLEEPS/S  WAKES/S  LEARN LOST/S\n"
		"asleep       0     3       3  50.0 %        2.5     50        0         0        0             0\n");
}

static void test_fdb(void **state)
{
	json_t *data = json_pack(
		"[{s:i,s:s,s:s,s:s,s:i},{s:i,s:s,s:s,s:s,s:n}]", "network", 7,
		"mac", "02:00:00:00:00:00", "port", "wan", "type", "learned",
		"age_s", 10, "network", 0, "mac", "04:00:00:00:00:00", "port",
		"web1", "type", "static", "age_s");

	(void)state;
	assert_view("fdb", answer(2000, data), NULL,
		    "NETWORK   MAC                PORT  TYPE      AGE\n"
		    "7         02:00:00:00:00:00  wan   learned  10 s\n"
		    "untagged  04:00:00:00:00:00  web1  static      -\n"
		    "    2 entries\n");
}

static void test_counters(void **state)
{
	const struct counter good = { 10, 1000 }, lost = { 3, 0 };
	const struct counter more = { 30, 3000 };

	(void)state;
	assert_view(
		"counters",
		answer(2000,
		       array_of(status_counter("wan", PKT_to_agent, &good),
				status_counter("wan", PKT_src_mac, &lost))),
		NULL,
		"PORT  REASON    PACKETS  BYTES  WHAT HAPPENED\n"
		"wan   to_agent       10   1000  handed to the agent (AF_XDP)\n"
		"wan   src_mac         3      0  <what>\n"
		"    -> <advice>\n");
	assert_view(
		"counters",
		answer(2002,
		       array_of(status_counter("wan", PKT_to_agent, &more),
				NULL)),
		answer(2000,
		       array_of(status_counter("wan", PKT_to_agent, &good),
				NULL)),
		"PORT  REASON    PKT/S  BIT/S  WHAT HAPPENED\n"
		"wan   to_agent     10   8000  handed to the agent (AF_XDP)\n");
}

/* No rate from a counter that went back, an agent that is another, a clock
 * that stood still, or from nothing. */
static void test_no_rate(void **state)
{
	json_t *old = json_pack("{s:i,s:i,s:[{s:s,s:i}]}", "time_ns", 1000,
				"started_ns", 5, "data", "name", "x", "n", 10);
	json_t *new = json_deep_copy(old);
	const json_t *old_x = json_array_get(json_object_get(old, "data"), 0);
	json_t *new_x = json_array_get(json_object_get(new, "data"), 0);
	struct view view = { .answer = new, .before = old };

	(void)state;
	assert_ptr_equal(view_find_before(&view, NULL, new_x, "name", NULL),
			 old_x);
	assert_true(isnan(view_rate(&view, new_x, old_x, "n")));
	json_object_set_new(new, "time_ns", json_integer(2000));
	assert_true(view_rate(&view, new_x, old_x, "n") == 0);
	assert_true(isnan(view_rate(&view, new_x, NULL, "n")));
	json_object_set_new(new_x, "n", json_integer(9));
	assert_true(isnan(view_rate(&view, new_x, old_x, "n")));
	json_object_set_new(new_x, "n", json_integer(11));
	assert_true(fabs(view_rate(&view, new_x, old_x, "n") - 1e6) < 1);
	json_object_set_new(new, "started_ns", json_integer(6));
	assert_true(isnan(view_rate(&view, new_x, old_x, "n")));
	view.before = NULL;
	assert_null(view_find_before(&view, NULL, new_x, "name", NULL));
	json_decref(old);
	json_decref(new);
}

/* An answer of another version: nothing, or everything of another type. */
static void test_strange(void **state)
{
	static const char *const objects[] = { "vm",	  "port",   "pool",
					       "queue",	  "worker", "fdb",
					       "counters" };
	static const char *const answers[] = {
		"{}",
		"{\"data\":1,\"time_ns\":\"x\"}",
		"{\"data\":[1,null,{}]}",
		"{\"data\":{\"ports\":[[],{\"queues\":[7]}],\"arena\":[]}}",
		"{\"data\":[{\"drops\":{\"reasons\":[{},2]},\"macs\":[1],\"shares\":[1]}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		for (size_t a = 0; a < ARRAY_SIZE(answers); a++) {
			json_t *json = json_loads(answers[a], 0, NULL);
			struct view view = { .answer = json,
					     .out = print_to() };

			assert_non_null(json);
			view_show(&view, objects[i]);
			view.rates = true;
			view.before = json;
			view_show(&view, objects[i]);
			fclose(view.out);
			free(printed);
			json_decref(json);
		}
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_count),	TEST(test_rate),
		TEST(test_duration),	TEST(test_table),
		TEST(test_vms),		TEST(test_ports),
		TEST(test_pools),	TEST(test_bars),
		TEST(test_bars_utf8),	TEST(test_bars_narrow),
		TEST(test_pool_log),	TEST(test_queues),
		TEST(test_workers),	TEST(test_fdb),
		TEST(test_counters),	TEST(test_no_rate),
		TEST(test_vhost),	TEST(test_bypass),
		TEST(test_tags),
		TEST(test_strange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
