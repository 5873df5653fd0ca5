// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The buckets of VMs (include/pktagent/police.h) in the programs uplink and port,
 * in the lab of lab.h: what passes, what is dropped and against whom, and what
 * each packet takes.
 *
 * Time is the kernel's. Buckets that are "filled" up to an hour from now get
 * nothing meanwhile, so that what passes is exact; where something is to come,
 * it comes so slowly that a packet is worth 10 seconds.
 */
#include <pthread.h>

#include <pktagent/parse.h>

#include "lab.h"

#define HOUR_NS	3600000000000ll
#define LEN	976		/* with PKT_WIRE_BYTES 1000 */
#define BITS	8000		/* of one packet */
#define MANY	300000

struct flow {
	const char *name;
	uint8_t from, to;	/* slots */
	const char *packet;	/* padded to LEN */
	bool tagged;		/* the VM gets it without its tag */
};

static const struct flow flows[] = {
	[POLICE_IN] = { "uplink to vm1", 1, 3, "dst=vm1 src=wire tag=10 ip4 udp",
			true },
	[POLICE_OUT] = { "vm1 to uplink", 3, 1, "dst=wire src=vm1 ip4 udp",
			 false },
	{ "vm2 to vm1", 4, 3, "dst=vm1 src=vm2 ip4=10.0.0.2 udp",
	  false },
};

static struct police *polices;
static struct lab lab;

static struct police *bucket(uint32_t slot, enum police_way way)
{
	return &polices[slot * POLICE_N_WAYS + way];
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

/* Both limits, full; filled up to @late_ns from now. */
static void set_bucket(struct police *p, uint64_t bits, int64_t burst_bits,
		       uint64_t packets, int64_t burst_packets, int64_t late_ns)
{
	*p = (struct police){
		.at_ns = (uint64_t)(now() + late_ns),
		.rate = { bits, packets },
		.depth = { burst_bits * (int64_t)POLICE_UNIT,
			   burst_packets * (int64_t)POLICE_UNIT },
	};
	for (int i = 0; i < POLICE_N; i++) {
		p->level[i] = p->depth[i];
		if (p->rate[i])
			p->full_ns[i] = (1ull << 62) / p->rate[i];
	}
}

static void set_flags(uint32_t slot, uint8_t police)
{
	struct port_cfg cfg;

	if (bpf_map_lookup_elem(bpf_map__fd(lab.skel->maps.ports), &slot, &cfg))
		die("ports");
	cfg.police = police;
	map_set(lab.skel->maps.ports, &slot, &cfg);
}

static void begin(const char *name)
{
	row_begin(name);
	lab_set_targets(&lab);
	lab_reset(&lab);
	memset(polices, 0, PKT_MAX_PORTS * POLICE_N_WAYS * sizeof(*polices));
}

static int prog_of(const struct flow *flow)
{
	return bpf_program__fd(lab_ports[flow->from].kind == PORT_UPLINK ?
				       lab.skel->progs.uplink :
				       lab.skel->progs.port);
}

static void make(const struct flow *flow, struct run *run)
{
	struct made_packet packet;

	packet_make(&packet, flow->packet);
	*run = (struct run){ .ifindex = lab.ifindex[flow->from],
			     .queue = LAB_QUEUE,
			     .len = LEN + (flow->tagged ? PKT_TAG_LEN : 0) };
	memcpy(run->buf, packet.data, packet.len);
}

static uint64_t counted(uint32_t slot, int reason)
{
	static struct counter sum[LAB_PORTS + 2][PKT_N_REASONS];

	lab_counters(&lab, sum);
	return sum[slot][reason].packets;
}

/* Sends @n, of which the first @n_pass pass and the others are dropped for
 * @reason against @slot, and nothing else is counted. */
static void send_n(const struct flow *flow, uint32_t n, uint32_t n_pass,
		   int reason, uint32_t slot)
{
	uint64_t passed = counted(flow->from, PKT_to_kernel);
	uint64_t dropped = counted(slot, reason);
	static struct run run;

	for (uint32_t i = 0; i < n; i++) {
		make(flow, &run);
		if (run_prog(prog_of(flow), &run)) {
			row_fail("test run: %s", strerror(errno));
			return;
		}
		if (run.verdict != (i < n_pass ? XDP_REDIRECT : XDP_DROP))
			row_fail("packet %u: verdict %u", i, run.verdict);
	}
	passed = counted(flow->from, PKT_to_kernel) - passed;
	dropped = counted(slot, reason) - dropped;
	if (passed != n_pass || dropped != n - n_pass)
		row_fail("%llu passed, not %u; %llu dropped, not %u",
			 (unsigned long long)passed, n_pass,
			 (unsigned long long)dropped, n - n_pass);
}

static void expect_level(const struct police *p, int what, int64_t units)
{
	if (p->level[what] != units * (int64_t)POLICE_UNIT)
		row_fail("level %lld, not %lld units",
			 (long long)p->level[what], (long long)units);
}

/* ---- both directions ---- */

static void test_direction(enum police_way way)
{
	const bool in = way == POLICE_IN;
	const struct flow *flow = &flows[way];
	const int reason = in ? PKT_rate_in : PKT_rate_out;
	const uint8_t flag = in ? PORT_P_IN : PORT_P_OUT;
	struct police *p = bucket(3, way);

	begin(in ? "in: burst, then drops" : "out: burst, then drops");
	set_flags(3, flag);
	/* one more than the burst: it takes the level below 0 */
	set_bucket(p, 800, 5 * BITS, 0, 0, HOUR_NS);
	send_n(flow, 9, 6, reason, 3);
	expect_level(p, POLICE_BITS, -BITS);
	expect_level(p, POLICE_PACKETS, 0);
	row_end();

	begin(in ? "in: refill" : "out: refill");
	set_flags(3, flag);
	set_bucket(p, 800, 50 * BITS, 0, 0, -100000000000ll);
	p->level[POLICE_BITS] = -2 * BITS * (int64_t)POLICE_UNIT;
	/* 10 packets' worth came: 8 above 0, and one below */
	send_n(flow, 12, 9, reason, 3);
	row_end();

	begin(in ? "in: no more than the burst is saved" :
		   "out: no more than the burst is saved");
	set_flags(3, flag);
	set_bucket(p, 800, 3 * BITS, 0, 0, -HOUR_NS / 2);
	send_n(flow, 8, 4, reason, 3);
	row_end();

	begin(in ? "in: packets a second" : "out: packets a second");
	set_flags(3, flag);
	set_bucket(p, 0, 0, 1, 4, HOUR_NS);
	send_n(flow, 9, 5, reason, 3);
	expect_level(p, POLICE_BITS, 0);
	expect_level(p, POLICE_PACKETS, -1);
	row_end();

	begin(in ? "in: both limits, packets fewer" :
		   "out: both limits, packets fewer");
	set_flags(3, flag);
	set_bucket(p, 800, 10 * BITS, 1, 2, HOUR_NS);
	send_n(flow, 9, 3, reason, 3);
	/* what is dropped takes nothing */
	expect_level(p, POLICE_BITS, 7 * BITS);
	row_end();

	begin(in ? "in: not limited, bucket empty" :
		   "out: not limited, bucket empty");
	set_flags(3, in ? PORT_P_OUT : PORT_P_IN);
	set_bucket(p, 800, 0, 1, 0, HOUR_NS);
	p->level[POLICE_BITS] = -1;
	send_n(flow, 5, 5, reason, 3);
	if (p->level[POLICE_BITS] != -1)
		row_fail("something was taken");
	row_end();

	begin(in ? "in: a bucket without rates" : "out: a bucket without rates");
	set_flags(3, flag);
	send_n(flow, 5, 5, reason, 3);
	row_end();
}

/* ---- who pays ---- */

/* The sender's bucket and the receiver's, each for what it is. */
static void test_between_vms(void)
{
	const struct flow *flow = &flows[2];

	begin("VM to VM: the receiver's limit");
	set_flags(3, PORT_P_IN | PORT_P_OUT);
	set_flags(4, PORT_P_IN | PORT_P_OUT);
	set_bucket(bucket(3, POLICE_IN), 800, 2 * BITS, 0, 0, HOUR_NS);
	set_bucket(bucket(4, POLICE_OUT), 800, 9 * BITS, 0, 0, HOUR_NS);
	send_n(flow, 5, 3, PKT_rate_in, 3);
	/* it has sent them all the same */
	expect_level(bucket(4, POLICE_OUT), POLICE_BITS, 4 * BITS);
	row_end();

	begin("VM to VM: the sender's limit");
	set_flags(3, PORT_P_IN);
	set_flags(4, PORT_P_OUT);
	set_bucket(bucket(3, POLICE_IN), 800, 9 * BITS, 0, 0, HOUR_NS);
	set_bucket(bucket(4, POLICE_OUT), 800, 2 * BITS, 0, 0, HOUR_NS);
	send_n(flow, 5, 3, PKT_rate_out, 4);
	expect_level(bucket(3, POLICE_IN), POLICE_BITS, 6 * BITS);
	row_end();
}

/* What is dropped by the checks, and what goes to the agent. */
static void test_others(void)
{
	static const struct flow forged = {
		"", 3, 1, "dst=wire src=vm2 ip4 udp", false };
	static const struct flow flood = {
		"", 3, 1, "dst=bcast src=vm1 ip4 udp", false };
	struct police *p = bucket(3, POLICE_OUT);
	static struct run run;

	begin("out: a forged source takes nothing");
	set_flags(3, PORT_P_OUT);
	set_bucket(p, 800, 5 * BITS, 0, 0, HOUR_NS);
	send_n(&forged, 3, 0, PKT_src_mac, 3);
	expect_level(p, POLICE_BITS, 5 * BITS);
	row_end();

	begin("out: what goes to the agent is policed");
	set_flags(3, PORT_P_OUT);
	set_bucket(p, 800, 0, 0, 0, HOUR_NS);
	make(&flood, &run);
	if (run_prog(prog_of(&flood), &run) || run.verdict != XDP_REDIRECT)
		row_fail("the first: verdict %u", run.verdict);
	expect_level(p, POLICE_BITS, -BITS);
	make(&flood, &run);
	if (run_prog(prog_of(&flood), &run) || run.verdict != XDP_DROP)
		row_fail("the second: verdict %u", run.verdict);
	row_end();

	begin("in: what goes to the agent is left to it");
	set_flags(3, PORT_P_IN);
	lab_set_port(&lab, 3, lab_ports[3].flags | PORT_F_WAY_AGENT);
	set_flags(3, PORT_P_IN);
	lab_set_credit(&lab, 3, 0, 10, 10);
	set_bucket(bucket(3, POLICE_IN), 800, 0, 0, 0, HOUR_NS);
	for (int i = 0; i < 3; i++) {
		make(&flows[POLICE_IN], &run);
		if (run_prog(prog_of(&flows[POLICE_IN]), &run) ||
		    run.verdict != XDP_REDIRECT)
			row_fail("verdict %u", run.verdict);
	}
	expect_level(bucket(3, POLICE_IN), POLICE_BITS, 0);
	row_end();
}

/* ---- several CPUs ---- */

static void *send_many(void *arg)
{
	const struct flow *flow = arg;
	static __thread struct run run;
	struct xdp_md ctx = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = MANY);

	make(flow, &run);
	ctx.data_end = run.len;
	ctx.ingress_ifindex = run.ifindex;
	ctx.rx_queue_index = run.queue;
	opts.data_in = run.buf;
	opts.data_size_in = run.len;
	opts.ctx_in = &ctx;
	opts.ctx_size_in = sizeof(ctx);
	return bpf_prog_test_run_opts(prog_of(flow), &opts) ? arg : NULL;
}

/* Two of them from one bucket, with packets that do not change on their way: all that is there is taken, once. */
static void test_cpus(void)
{
	const struct flow *flow = &flows[2];
	struct police *p = bucket(4, POLICE_OUT);
	uint64_t passed, dropped, burst = MANY / 2;
	pthread_t threads[2];
	void *failed;

	begin("two CPUs");
	set_flags(4, PORT_P_OUT);
	set_bucket(p, 800, (int64_t)burst * BITS, 0, 0, HOUR_NS);
	passed = counted(4, PKT_to_kernel);
	dropped = counted(4, PKT_rate_out);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, send_many,
				   (void *)(uintptr_t)flow))
			die("pthread_create");
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &failed);
		if (failed)
			row_fail("test run");
	}
	passed = counted(4, PKT_to_kernel) - passed;
	dropped = counted(4, PKT_rate_out) - dropped;
	if (passed + dropped != 2 * MANY)
		row_fail("%llu passed, %llu dropped",
			 (unsigned long long)passed,
			 (unsigned long long)dropped);
	/* and one packet of each CPU */
	if (passed <= burst || passed > burst + 2)
		row_fail("%llu passed of %llu", (unsigned long long)passed,
			 (unsigned long long)burst);
	expect_level(p, POLICE_BITS, ((int64_t)burst - (int64_t)passed) * BITS);
	row_end();
}

int main(void)
{
	if (geteuid())
		return runner_skip("BPF needs root");
	lab_make_devices();
	lab_init(&lab, lab_load(false, 0));
	lab_attach(&lab);
	lab.socket_fd = lab_open_socket();
	polices = mmap(NULL, PKT_MAX_PORTS * POLICE_N_WAYS * sizeof(*polices),
		       PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(lab.skel->maps.police), 0);
	if (polices == MAP_FAILED)
		die("police");
	test_direction(POLICE_IN);
	test_direction(POLICE_OUT);
	test_between_vms();
	test_others();
	test_cpus();
	dataplane__destroy(lab.skel);
	return runner_end();
}
