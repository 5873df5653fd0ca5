/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Each object of the agent as JSON, to the last member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <urcu-qsbr.h>

#include "base/base.h"
#include "control/status.h"
#include "control/status_list.h"
#include "fake.h"

/* The wording of reasons is nobody's promise: it is checked that it is there,
 * and made "<what>" and "<advice>". */
static void hide_words(json_t *json)
{
	const char *what = json_string_value(json_object_get(json, "what"));
	const char *advice = json_string_value(json_object_get(json, "advice"));

	if (what && !strcmp(what, reason_infos[PKT_src_mac].what))
		json_object_set_new(json, "what", json_string("<what>"));
	if (advice && !strcmp(advice, reason_infos[PKT_src_mac].advice))
		json_object_set_new(json, "advice", json_string("<advice>"));
}

/* @json, which is given up, is what @expected (quotes as ') says. */
static void assert_json(json_t *json, const char *expected)
{
	char *text = strdup(expected), *got;
	json_error_t error;
	json_t *want;

	assert_non_null(json);
	assert_non_null(text);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	hide_words(json);
	hide_words(json_array_get(
		json_object_get(json_object_get(json, "drops"), "reasons"), 0));
	want = json_loads(text, JSON_DECODE_ANY, &error);
	if (!want)
		fail_msg("the test is wrong: %s: %s", text, error.text);
	if (!json_equal(json, want)) {
		got = json_dumps(json, JSON_COMPACT);
		fail_msg("got  %s\nwant %s", got, text);
	}
	json_decref(want);
	json_decref(json);
	free(text);
}

static int setup(void **state)
{
	rcu_register_thread();
	*state = fake_new();
	return 0;
}

static int teardown(void **state)
{
	fake_free(*state);
	rcu_unregister_thread();
	return 0;
}

static int list(struct fake *fake, const char *object, const char *name,
		json_t **ret_data, char *err)
{
	const struct status_query query = { object, name, false };

	char *text;
	int ret;

	err[0] = '\0';
	ret = status_list(&fake->agent, &query, &text, err, 200);
	if (ret)
		return ret;
	*ret_data = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(*ret_data);
	free(text);
	return 0;
}

/* ---- objects ---- */

static void test_vm(void **state)
{
	struct fake *fake = *state;

	assert_json(status_vm(&fake->snap->ports[1]),
		    "{'name':'web1','state':'up','why':'',"
		    "'device':'veth-web1',"
		    "'way':{'asked':'kernel','got':'kernel','why':''},"
		    "'network':100,'macs':['52:54:00:00:01:01'],"
		    "'addresses':['192.0.2.11','2001:db8::11'],"
		    "'pool':{'size':2048,'used':15},"
		    "'to_vm':{'packets':40,'bytes':4000},"
		    "'from_vm':{'packets':1234567,'bytes':98765432},"
		    "'drops':{'packets':12,'reasons':[{'reason':'src_mac',"
		    "'packets':12,'what':'<what>','advice':'<advice>'}]},"
		    "'vhost':null}");
}

static void test_vm_vhost(void **state)
{
	struct fake *fake = *state;
	json_t *vm, *port;

	fake_vhost(fake, 0);
	vm = status_vm(&fake->snap->ports[1]);
	assert_string_equal(json_string_value(json_object_get(vm, "device")),
			    "vhost-user");
	assert_json(json_incref(json_object_get(vm, "way")),
		    "{'asked':'agent','got':'agent','why':''}");
	assert_json(json_incref(json_object_get(vm, "vhost")),
		    "{'socket':'/run/vm/a.sock','mode':'client',"
		    "'state':'running','why':'',"
		    "'peer':{'pid':4711,'uid':64055},"
		    "'connects':3,'refused':1,'messages':120,"
		    "'features':['CSUM','MRG_RXBUF','VERSION_1','bit 60'],"
		    "'protocol_features':['MQ','REPLY_ACK'],"
		    "'guest_mtu':1500,"
		    "'memory':{'regions':2,'bytes':2147483648,"
		    "'mapped':1073741824,'logging':false},"
		    "'moderation':{'packets':1,'us':0},"
		    "'bypassed':{'packets':123456,'bytes':12345678},"
		    "'pairs':[{'index':0,'worker':1,"
		    "'to_guest':{'running':true,'enabled':true,'size':256,"
		    "'fill':200,'packets':1000,'bytes':64000,'calls':30,"
		    "'kicks':4},"
		    "'from_guest':{'running':true,'enabled':true,'size':512,"
		    "'fill':1,'packets':2000,'bytes':128000,'calls':0,"
		    "'kicks':50},"
		    "'copied_in':1900,'copied_out':1001,'merged':7,"
		    "'no_room':2},"
		    "{'index':1,'worker':0,"
		    "'to_guest':{'running':false,'enabled':false,'size':0,"
		    "'fill':0,'packets':0,'bytes':0,'calls':0,'kicks':0},"
		    "'from_guest':{'running':false,'enabled':false,'size':0,"
		    "'fill':0,'packets':0,'bytes':0,'calls':0,'kicks':0},"
		    "'copied_in':0,'copied_out':0,'merged':0,'no_room':0}]}");
	json_decref(vm);
	port = status_port(&fake->snap->ports[1]);
	assert_true(json_is_null(json_object_get(port, "xdp")));
	assert_string_equal(json_string_value(json_object_get(port, "device")),
			    "vhost-user");
	json_decref(port);
}

/* Nobody is there: no peer, and why. */
static void test_vm_vhost_waiting(void **state)
{
	struct fake *fake = *state;
	struct snapshot_vhost *vhost = fake_vhost(fake, 0);
	json_t *json;

	fake->vms[0].device.vhost.mode = SOCKET_SERVER;
	memset(vhost, 0, sizeof(*vhost));
	strcpy(vhost->info.why, "listening: Permission denied");
	json = status_vhost(&fake->snap->ports[1]);
	assert_json(json,
		    "{'socket':'/run/vm/a.sock','mode':'server',"
		    "'state':'waiting','why':'listening: Permission denied',"
		    "'peer':null,'connects':0,'refused':0,'messages':0,"
		    "'features':[],'protocol_features':[],'guest_mtu':null,"
		    "'memory':{'regions':0,'bytes':0,'mapped':0,"
		    "'logging':false},'moderation':{'packets':1,'us':0},"
		    "'bypassed':{'packets':0,'bytes':0},'pairs':[]}");
}

static void test_bypass(void **state)
{
	static const struct config_bypass rules[] = {
		{ .kind = BYPASS_VMS },
		{ .kind = BYPASS_VLAN, .vlan = 100 },
		{ .kind = BYPASS_CLASS, .class = 7 },
	};
	static const struct {
		struct bypass_info info;
		const char *text;
	} rows[] = {
		{ { BYPASS_ACTIVE, 0, "", { 5, 600 } },
		  "{'index':0,'kind':'vms','value':null},'state':'active',"
		  "'why':'','packets':5,'bytes':600}" },
		{ { BYPASS_HELD, 1, "b is not up", { 0, 0 } },
		  "{'index':1,'kind':'vlan','value':100},'state':'held',"
		  "'why':'b is not up','packets':0,'bytes':0}" },
		{ { BYPASS_ACTIVE, 2, "", { 0, 0 } },
		  "{'index':2,'kind':'class','value':7},'state':'active',"
		  "'why':'','packets':0,'bytes':0}" },
		{ { BYPASS_OFF, 0, "no rule", { 1, 2 } },
		  "null,'state':'off','why':'no rule','packets':1,"
		  "'bytes':2}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char expected[512], *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		assert_non_null(out);
		status_bypass(out, "\"a\"", "\"b\"", 7, &rows[i].info, rules);
		fclose(out);
		snprintf(expected, sizeof(expected),
			 "{'from':'a','to':'b','network':7,'rule':%s",
			 rows[i].text);
		assert_json(json_loads(text, JSON_REJECT_DUPLICATES, NULL),
			    expected);
		free(text);
	}
}

/* Pairs that a rule names; with a VM's name, or all: the others, too. */
static void test_list_bypass(void **state)
{
	struct config_bypass rule = { .kind = BYPASS_CLASS, .class = 5 };
	struct fake *fake = *state;
	char err[200];
	json_t *data;

	assert_int_equal(list(fake, "bypass", NULL, &data, err), 0);
	assert_json(data, "[]");
	fake_vhost(fake, 0);
	assert_int_equal(list(fake, "bypass", "web1", &data, err), 0);
	assert_json(data, "[]");
	fake_vhost(fake, 1);
	fake->config.bypass = &rule;
	fake->config.n_bypass = 1;
	fake->vms[1].class = 5;
	assert_int_equal(list(fake, "bypass", NULL, &data, err), 0);
	assert_json(data, "[{'from':'db1','to':'web1','network':100,"
			  "'rule':{'index':0,'kind':'class','value':5},"
			  "'state':'held','why':'db1 is not up','packets':0,"
			  "'bytes':0}]");
	assert_int_equal(list(fake, "bypass", "web1", &data, err), 0);
	assert_json(data, "[{'from':'web1','to':'db1','network':100,"
			  "'rule':null,'state':'off',"
			  "'why':'no rule of bypass names this pair',"
			  "'packets':0,'bytes':0},"
			  "{'from':'db1','to':'web1','network':100,"
			  "'rule':{'index':0,'kind':'class','value':5},"
			  "'state':'held','why':'db1 is not up','packets':0,"
			  "'bytes':0}]");
	/* Networks of their own. */
	fake->ports[2].vlan = 7;
	assert_int_equal(list(fake, "bypass", "web1", &data, err), 0);
	assert_json(data, "[]");
	assert_int_equal(list(fake, "bypass", "wan", &data, err), -ENOENT);
	assert_string_equal(err, "wan: no such VM; pktctl vm show lists them");
}

static void test_list_tags(void **state)
{
	struct fake *fake = *state;
	char err[200];
	json_t *data;

	assert_int_equal(list(fake, "tag", NULL, &data, err), 0);
	assert_json(data, "[]");
	fake_tag(fake, 0);
	fake_tag(fake, 1);
	assert_int_equal(list(fake, "tag", NULL, &data, err), 0);
	assert_json(data,
		    "[{'vm':'web1','tag':40,'slot':2,'identity':"
		    "{'kind':'process','pid':4711,'uid':64055,"
		    "'cgroup':'/machine.slice/web1.scope',"
		    "'cgroup_id':123456789012},"
		    "'queues':{'pairs':1,'device':[9],'uplink':[7]},"
		    "'memory':{'region':0,'umems':1},'refused':0,'why':''},"
		    "{'vm':'db1','tag':41,'slot':3,'identity':"
		    "{'kind':'nobody'},"
		    "'queues':{'pairs':0,'device':[],'uplink':[]},"
		    "'memory':{'region':0,'umems':0},'refused':2,"
		    "'why':'process 6 has it open'}]");
	fake->tags[1].entry = (struct tag_entry){ .tag = 41,
						  .kind = TAG_NAMESPACE,
						  .netns = 4026532000,
						  .region = 3 };
	fake->tags[1].why[0] = '\0';
	strcpy(fake->vms[1].device.netns, "db1");
	assert_int_equal(list(fake, "tag", "db1", &data, err), 0);
	assert_json(data, "[{'vm':'db1','tag':41,'slot':3,'identity':"
			  "{'kind':'namespace','netns':'db1',"
			  "'inode':4026532000},"
			  "'queues':{'pairs':0,'device':[],'uplink':[]},"
			  "'memory':{'region':3,'umems':0},'refused':2,"
			  "'why':''}]");
	assert_int_equal(list(fake, "tag", "wan", &data, err), -ENOENT);
	assert_string_equal(err, "wan: no such VM; pktctl vm show lists them");
}

static void test_vm_absent(void **state)
{
	struct fake *fake = *state;
	struct snapshot_port *sp = &fake->snap->ports[2];

	fake->ports[2].way = WAY_KERNEL;
	strcpy(fake->ports[2].way_why, "it takes no redirects");
	sp->way = WAY_AGENT;
	assert_json(status_vm(sp),
		    "{'name':'db1','state':'absent',"
		    "'why':'tap-db1: no such device','device':'tap-db1',"
		    "'way':{'asked':'kernel','got':'agent',"
		    "'why':'it takes no redirects'},"
		    "'network':100,'macs':['52:54:00:00:01:02'],"
		    "'addresses':[],'pool':{'size':2048,'used':15},"
		    "'to_vm':{'packets':0,'bytes':0},"
		    "'from_vm':{'packets':0,'bytes':0},"
		    "'drops':{'packets':0,'reasons':[]},'vhost':null}");
}

static void test_port(void **state)
{
	struct fake *fake = *state;

	fake->uplink.zero_copy = WANT_AUTO;
	fake->queues[1].umem.zero_copy = true;
	strcpy(fake->ports[0].note, "tso is off");
	fake->ports[0].n_learned = 4;
	assert_json(status_port(&fake->snap->ports[0]),
		    "{'name':'wan','state':'up','why':'','device':'eth1',"
		    "'way':{'asked':'kernel','got':'kernel','why':''},"
		    "'kind':'uplink','driver':'veth','ifindex':11,"
		    "'mac':'02:00:00:00:00:ff','mtu':1500,'xdp':'native',"
		    "'xdp_transmit':true,'note':'tso is off','policed':'',"
		    "'learned':4,"
		    "'rx':{'packets':1234567,'bytes':98765432},"
		    "'tx':{'packets':40,'bytes':4000},"
		    "'drops':{'packets':0,'reasons':[]},"
		    "'queues':[{'index':0,'zero_copy':{'asked':'auto',"
		    "'got':false,'why':'the driver has no zero-copy'},"
		    "'need_wakeup':true},{'index':1,'zero_copy':"
		    "{'asked':'auto','got':true,'why':''},"
		    "'need_wakeup':true}]}");
}

/* Of maximums the programs keep, and of no others. */
static void test_policed(void **state)
{
	struct fake *fake = *state;
	struct config_vm *vm = &fake->vms[0];
	static const struct {
		struct config_rate in, out;
		enum config_way way;
		uint32_t shape;
		const char *text;
	} rows[] = {
		{ { 0 }, { 0 }, WAY_KERNEL, 0, "" },
		{ { 0 }, { .max = 100000000 }, WAY_KERNEL, 0, "out 100Mbit" },
		{ { .max = 1500000 }, { .max_packets = 5000 }, WAY_KERNEL, 0,
		  "in 1500kbit, out 5000 packets/s" },
		{ { .max = 1000, .max_packets = 7 }, { 0 }, WAY_KERNEL, 0,
		  "in 1kbit and 7 packets/s" },
		{ { 0 }, { .max = 100000000 }, WAY_AGENT, 0, "" },
		{ { .min = 1000 }, { .max = 100000000 }, WAY_KERNEL, 0, "" },
		{ { 0 }, { .min_packets = 1, .max = 1000 }, WAY_KERNEL, 0, "" },
		{ { .max = 1000 }, { 0 }, WAY_KERNEL, 1, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *port;

		vm->rate_in = rows[i].in;
		vm->rate_out = rows[i].out;
		vm->way = rows[i].way;
		vm->shape.n_classes = rows[i].shape;
		port = status_port(&fake->snap->ports[1]);
		assert_string_equal(
			json_string_value(json_object_get(port, "policed")),
			rows[i].text);
		json_decref(port);
	}
	vm->way = WAY_KERNEL;
	vm->shape.n_classes = 0;
}

/* What a port has no say in is null; a mode is told of what runs only. */
static void test_port_nulls(void **state)
{
	struct fake *fake = *state;
	json_t *port = status_port(&fake->snap->ports[1]);
	const json_t *queue =
		json_array_get(json_object_get(port, "queues"), 0);

	assert_true(json_is_null(
		json_object_get(json_object_get(queue, "zero_copy"), "asked")));
	assert_string_equal(json_string_value(json_object_get(port, "xdp")),
			    "native");
	json_decref(port);
	fake->ports[1].skb_mode = true;
	port = status_port(&fake->snap->ports[1]);
	assert_string_equal(json_string_value(json_object_get(port, "xdp")),
			    "skb");
	json_decref(port);
	port = status_port(&fake->snap->ports[2]);
	assert_true(json_is_null(json_object_get(port, "xdp")));
	json_decref(port);
}

/* Up, and yet nobody gets anything. */
static void test_no_carrier(void **state)
{
	struct fake *fake = *state;
	json_t *vm;

	fake->ports[1].carrier = false;
	vm = status_vm(&fake->snap->ports[1]);
	assert_string_equal(
		json_string_value(json_object_get(vm, "why")),
		"but the device has no carrier: its other end is down");
	json_decref(vm);
	strcpy(fake->ports[1].driver, "tun");
	vm = status_vm(&fake->snap->ports[1]);
	assert_string_equal(json_string_value(json_object_get(vm, "why")),
			    "but nobody has opened the tap");
	json_decref(vm);
}

static void test_hugepages(void **state)
{
	struct fake *fake = *state;

	assert_json(status_hugepages(&fake->agent),
		    "{'asked':'auto','got':false,'why':'no free 2-MiB pages'}");
	fake->config.hugepages = WANT_REQUIRE;
	fake->agent.vs.arena.regions[0].huge = true;
	assert_json(status_hugepages(&fake->agent),
		    "{'asked':'require','got':true,'why':''}");
}

static void test_pool(void **state)
{
	struct fake *fake = *state;
	struct pool *pool = &fake->ports[1].pool;

	pool->n_resizes[POOL_START] = 1;
	pool->n_resizes[POOL_RX_HIGH] = 20;
	pool->n_resizes[POOL_PRESSURE] = 3;
	pool->n_grown = 4096;
	pool->n_shrunk = 2112;
	assert_json(status_pool(&fake->snap->ports[1]),
		    "{'port':'web1','kind':'vm','size':2048,'used':15,"
		    "'min':256,'max':4096,'asked':300,'posted':500,"
		    "'posted_max':512,'posted_used':3,"
		    "'rx_limit':1024,'rx_used':7,'out_max':512,'out_used':5,"
		    "'resizes':{'start':1,'gone':0,'rx_high':20,'rx_full':0,"
		    "'fill_low':0,'fill_empty':0,'out_full':0,'rate':0,"
		    "'idle':0,'request':0,'reload':0,'reclaim':0,'host_low':0,"
		    "'pressure':3},'grown':4096,'shrunk':2112}");
	assert_json(status_arena(fake->snap),
		    "{'total':65536,'host':60000,'caches':128,'queues':5400,"
		    "'out':8,'adds_up':true,'missing':0,'frame_bytes':4096,"
		    "'hugepages':{'asked':'auto','got':false,"
		    "'why':'no free 2-MiB pages'},"
		    "'promises':{'total':65536,'spare':54000,'lent':0,'queues':8000,'out':2000,"
		    "'minimums':512,'reserve':1024,'adds_up':true,"
		    "'missing':0},"
		    "'pressure':{'watched':true,'why':null,'now':false,"
		    "'events':0}}");
}

static void assert_pressure(struct fake *fake, const char *expected)
{
	json_t *arena = status_arena(fake->snap);

	assert_json(json_incref(json_object_get(arena, "pressure")), expected);
	json_decref(arena);
}

/* It lasts for a while after the kernel told of it. */
static void test_pressure(void **state)
{
	struct fake *fake = *state;
	struct pressure *pressure = &fake->agent.pressure;

	pressure->n_events = 7;
	pressure->last_ns = now_ns();
	assert_pressure(fake, "{'watched':true,'why':null,'now':true,"
			      "'events':7}");
	pressure->last_ns -= PRESSURE_NS;
	assert_pressure(fake, "{'watched':true,'why':null,'now':false,"
			      "'events':7}");
	pressure->watched = false;
	pressure->why = "it is switched off";
	assert_pressure(fake, "{'watched':false,'why':'it is switched off',"
			      "'now':false,'events':7}");
}

/* An uplink has no pool that could change. */
static void test_pool_uplink(void **state)
{
	struct fake *fake = *state;
	json_t *pool = status_pool(&fake->snap->ports[0]);

	assert_string_equal(json_string_value(json_object_get(pool, "kind")),
			    "uplink");
	assert_true(json_is_null(json_object_get(pool, "resizes")));
	json_decref(pool);
}

/* The promises of all queues and ports, and one too few. */
static void test_promises(void **state)
{
	struct fake *fake = *state;
	struct agent *agent = &fake->agent;
	struct pools_account account;
	json_t *arena;

	agent->vs.arena.regions[0].n_frames = 65536;
	agent->vs.promises.spare = -7;
	agent->vs.n_reserve = 1000;
	for (uint32_t i = 0; i < 3; i++) {
		fake->queues[i].granted = 10000 * (i + 1);
		fake->ports[i].out_max = 100 * (i + 1);
		fake->queues[i].loan = 1000 * i;
	}
	fake->ports[1].pool.reserved = 30;
	fake->ports[2].pool.reserved = 65536 + 7 - 61630;
	pools_count(agent, &account);
	assert_int_equal(account.total, 65536);
	assert_int_equal(account.spare, -7);
	assert_int_equal(account.lent, 3000);
	assert_int_equal(account.queues, 57000);
	assert_int_equal(account.out, 600);
	assert_int_equal(account.minimums, 30 + 65536 + 7 - 61630);
	assert_int_equal(account.reserve, 1000);
	assert_int_equal(account.missing, 0);
	fake->queues[2].granted--;
	pools_count(agent, &account);
	assert_int_equal(account.missing, 1);
	fake->snap->promises = account;
	arena = status_arena(fake->snap);
	assert_json(json_incref(json_object_get(arena, "promises")),
		    "{'total':65536,'spare':-7,'lent':3000,'queues':56999,'out':600,'minimums':3943,"
		    "'reserve':1000,'adds_up':false,'missing':1}");
	json_decref(arena);
}

static void test_arena_wrong(void **state)
{
	struct fake *fake = *state;
	json_t *arena;

	fake->snap->frames.host -= 2;
	arena = status_arena(fake->snap);
	assert_true(json_is_false(json_object_get(arena, "adds_up")));
	assert_int_equal(json_integer_value(json_object_get(arena, "missing")),
			 2);
	json_decref(arena);
	fake->snap->frames.host += 3;
	arena = status_arena(fake->snap);
	assert_int_equal(json_integer_value(json_object_get(arena, "missing")),
			 -1);
	json_decref(arena);
}

static void test_queue(void **state)
{
	struct fake *fake = *state;

	fake->queues[0].worker = 1;
	assert_json(status_queue(&fake->queues[0]),
		    "{'port':'wan','index':0,'id':7,'worker':1,'mode':'copy',"
		    "'outstanding':1000,'target':1100,'fill_size':4096,"
		    "'tx_in_flight':3,'rx_packets':1000000,"
		    "'tx_packets':2000000,'kicks':30,'tx_again':4,"
		    "'fill_short':5,'shares':[{'to':null,'size':1024,"
		    "'limit':1024,'waiting':0,'packets':0},{'to':'web1',"
		    "'size':256,'limit':128,'waiting':3,'packets':77}]}");
}

static void test_worker(void **state)
{
	struct fake *fake = *state;

	assert_json(status_worker(&fake->worker),
		    "{'index':0,'core':3,'queues':3,'sleeping':false,"
		    "'loops':900,'busy_ns':26000000000,'poll_ns':4000000000,"
		    "'packets':6400,'batches':200,'sleeps':80,"
		    "'wakes_sent':0,'learn_lost':0,'cached_frames':0}");
}

static json_t *fdb_json(const struct fdb_key *key,
			const struct fdb_entry *entry, uint32_t now_s)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *json;

	status_fdb(out, key, entry, "\"wan\"", now_s);
	fclose(out);
	json = json_loads(text, 0, NULL);
	free(text);
	return json;
}

static void test_fdb_entry(void **state)
{
	const struct fdb_key key = { .mac = { 2, 0, 0, 0, 0, 1 }, .vlan = 7 };
	struct fdb_entry entry = { .port = 1, .seen_s = 90 };

	(void)state;
	assert_json(fdb_json(&key, &entry, 100),
		    "{'network':7,'mac':'02:00:00:00:00:01','port':'wan',"
		    "'type':'learned','age_s':10}");
	/* The programs' clock may be a little ahead. */
	entry.seen_s = 101;
	assert_json(fdb_json(&key, &entry, 100),
		    "{'network':7,'mac':'02:00:00:00:00:01','port':'wan',"
		    "'type':'learned','age_s':0}");
	entry.flags = FDB_F_STATIC;
	assert_json(fdb_json(&key, &entry, 100),
		    "{'network':7,'mac':'02:00:00:00:00:01','port':'wan',"
		    "'type':'static','age_s':null}");
}

static void test_counter(void **state)
{
	const struct counter counter = { 3, 180 };

	(void)state;
	assert_json(status_counter("wan", PKT_src_mac, &counter),
		    "{'port':'wan','reason':'src_mac','kind':'drop',"
		    "'packets':3,'bytes':180,"
		    "'what':'<what>','advice':'<advice>'}");
	assert_json(status_counter("wan", PKT_to_agent, &counter),
		    "{'port':'wan','reason':'to_agent','kind':'delivered',"
		    "'packets':3,'bytes':180,"
		    "'what':'handed to the agent (AF_XDP)','advice':''}");
}

/* A device may be called anything but '/' and spaces. */
static void test_bad_utf8(void **state)
{
	(void)state;
	assert_json(status_text("x\xff\xc3z\x1b"), "'x?\?z\\u001b'");
	assert_json(status_text("gr\xc3\xbc\xc3\x9f"), "'gr\\u00fc\\u00df'");
}

/* Each loss is explained, and each explanation is for people. */
static void test_reasons(void **state)
{
	struct port_counters counters = { 0 };

	(void)state;
	for (int i = 0; i < PKT_N_REASONS; i++) {
		const struct reason_info *info = &reason_infos[i];

		assert_true(strlen(info->what) > 8);
		assert_int_equal(info->drop, info->advice[0] != 0);
		((struct counter *)&counters)[i].packets = 1;
	}
	assert_false(reason_infos[PKT_from_agent].drop);
	/* All but the seven ways in which a packet gets on. */
	assert_int_equal(snapshot_drops(&counters), PKT_N_REASONS - 7);
}

/* ---- lists ---- */

static void test_list_names(void **state)
{
	static const struct {
		const char *object, *name, *error;
	} rows[] = {
		{ "vm", "nobody",
		  "nobody: no such VM; pktctl vm show lists them" },
		{ "vm", "wan", "wan: no such VM; pktctl vm show lists them" },
		{ "port", "eth9",
		  "eth9: no such port; pktctl port show lists them" },
		{ "queue", "", ": no such port; pktctl port show lists them" },
		{ "worker", "1",
		  "1: no such worker; there are 1, numbered from 0" },
		{ "worker", "-1",
		  "-1: no such worker; there are 1, numbered from 0" },
		{ "worker", "0x0",
		  "0x0: no such worker; there are 1, numbered from 0" },
		{ "worker", "4294967296",
		  "4294967296: no such worker; there are 1, numbered from 0" },
	};
	struct fake *fake = *state;
	char err[200];
	json_t *data;

	fake_add_worker(fake);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(list(fake, rows[i].object, rows[i].name, &data,
				      err),
				 -ENOENT);
		assert_string_equal(err, rows[i].error);
	}
	assert_int_equal(list(fake, "house", NULL, &data, err), -EINVAL);
	assert_string_equal(err, "house: no such object");
	assert_false(status_known("house"));
}

static void test_list_queues(void **state)
{
	struct fake *fake = *state;
	char err[200];
	json_t *data;

	assert_int_equal(list(fake, "queue", NULL, &data, err), 0);
	assert_int_equal(json_array_size(data), 3);
	json_decref(data);
	assert_int_equal(list(fake, "queue", "web1", &data, err), 0);
	assert_int_equal(json_array_size(data), 1);
	json_decref(data);
	assert_int_equal(list(fake, "queue", "db1", &data, err), 0);
	assert_json(data, "[]");
}

static void test_list_workers(void **state)
{
	struct fake *fake = *state;
	char err[200];
	json_t *data;

	assert_int_equal(list(fake, "worker", NULL, &data, err), 0);
	assert_json(data, "[]");
	fake_add_worker(fake);
	assert_int_equal(list(fake, "worker", "0", &data, err), 0);
	assert_int_equal(json_array_size(data), 1);
	json_decref(data);
}

static void test_list_fdb(void **state)
{
	const struct fdb_key key = { .mac = { 2, 0, 0, 0, 0, 1 }, .vlan = 7 };
	const struct fdb_key gone = { .mac = { 2, 0, 0, 0, 0, 2 } };
	struct fake *fake = *state;
	char err[200];
	json_t *data;

	fake->agent.vs.fdb = fdb_new();
	assert_int_equal(fdb_set(fake->agent.vs.fdb, &key, 2, FDB_F_STATIC, 1),
			 0);
	strcpy(fake->ports[1].name, "w\"1");
	/* On a port that is no longer there. */
	assert_int_equal(fdb_set(fake->agent.vs.fdb, &gone, 9, FDB_F_STATIC, 1),
			 0);
	assert_int_equal(list(fake, "fdb", "w\"1", &data, err), 0);
	assert_json(data, "[{'network':7,'mac':'02:00:00:00:00:01',"
			  "'port':'w\\u00221','type':'static','age_s':null}]");
	assert_int_equal(list(fake, "fdb", "wan", &data, err), 0);
	assert_json(data, "[]");
	assert_int_equal(list(fake, "fdb", NULL, &data, err), 0);
	assert_int_equal(json_array_size(data), 2);
	json_decref(data);
	fdb_free(fake->agent.vs.fdb);
}

static void test_version(void **state)
{
	struct fake *fake = *state;
	json_t *data = status_version(&fake->agent, 1090 * NS_PER_SEC);

	assert_int_equal(json_integer_value(json_object_get(data, "uptime_s")),
			 90);
	assert_int_equal(json_integer_value(json_object_get(data, "pid")),
			 getpid());
	assert_true(json_is_true(json_object_get(data, "ready")));
	assert_true(json_is_string(json_object_get(data, "version")));
	json_decref(data);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_vm),		 TEST(test_vm_absent),
		TEST(test_vm_vhost),	 TEST(test_vm_vhost_waiting),
		TEST(test_bypass),	 TEST(test_list_bypass),
		TEST(test_list_tags),
		TEST(test_policed),
		TEST(test_port),	 TEST(test_port_nulls),
		TEST(test_no_carrier),	 TEST(test_hugepages),
		TEST(test_pool),	 TEST(test_pool_uplink),
		TEST(test_promises),	 TEST(test_pressure),
		TEST(test_arena_wrong),
		TEST(test_queue),	 TEST(test_worker),
		TEST(test_fdb_entry),	 TEST(test_counter),
		TEST(test_bad_utf8),	 TEST(test_reasons),
		TEST(test_list_names),	 TEST(test_list_queues),
		TEST(test_list_workers), TEST(test_list_fdb),
		TEST(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
