// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pktagent: the daemon. This file is the map of the program: set-up in order,
 * one event loop, teardown in reverse.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>

#include "base/base.h"
#include "base/host.h"
#include "base/log.h"
#include "base/netlink.h"
#include "base/psi.h"
#include "control/agent.h"
#include "control/metrics.h"
#include "control/pools.h"
#include "control/server.h"
#include "version.h"

#define DEFAULT_CONFIG	"/etc/pktagent/pktagent.yaml"

enum { EXIT_OK = 0, EXIT_FAIL = 1, EXIT_CONFIG = 2 };


enum source { SRC_SIGNAL, SRC_TIMER, SRC_LEARN, SRC_GUESTS, SRC_LINK,
	      SRC_FEATURES, SRC_PRESSURE, SRC_SERVER, SRC_METRICS, N_SRC };

struct program {
	const char *config_path;
	struct agent agent;
	struct server *server;		/* owned */
	struct metrics *metrics;	/* owned */
	int fds[N_SRC];			/* owned but those of others' */
	int epoll_fd;			/* owned */
	uint64_t next_tick_ns;
	uint64_t watchdog_us;
	bool stop;
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: pktagent [--config FILE] [--check]\n"
		"\n"
		"  -c, --config FILE     configuration (default " DEFAULT_CONFIG ")\n"
		"  -k, --check           check the configuration and exit\n"
		"      --print-config-keys\n"
		"                        list all keys, as mdoc(7)\n"
		"  -V, --version         print the version\n"
		"  -h, --help            print this\n"
		"\n"
		"Signals: SIGTERM and SIGINT stop, SIGHUP reloads.\n"
		"Exit status: 0 ok, 1 cannot run, 2 the configuration is wrong.\n");
}

/* ---- memory pressure ---- */

static void unwatch_pressure(struct program *prog, const char *why)
{
	struct pressure *pressure = &prog->agent.pressure;

	/* Closed, it is in the epoll no more. */
	if (prog->fds[SRC_PRESSURE] >= 0)
		close(prog->fds[SRC_PRESSURE]);
	prog->fds[SRC_PRESSURE] = -1;
	pressure->watched = false;
	pressure->why = why;
}

static int add_source(struct program *prog, enum source source)
{
	struct epoll_event event = {
		.events = source == SRC_PRESSURE ? EPOLLPRI : EPOLLIN,
		.data.u32 = source,
	};

	if (epoll_ctl(prog->epoll_fd, EPOLL_CTL_ADD, prog->fds[source],
		      &event) < 0)
		return -errno;
	return 0;
}

/* As pools.pressure says. */
static void watch_pressure(struct program *prog)
{
	struct pressure *pressure = &prog->agent.pressure;
	int err;

	if (!prog->agent.config->pool_pressure) {
		unwatch_pressure(prog, "pools.pressure is false");
		return;
	}
	if (pressure->watched)
		return;
	err = psi_open(PSI_MEMORY, &prog->fds[SRC_PRESSURE]);
	if (!err)
		err = add_source(prog, SRC_PRESSURE);
	if (err) {
		unwatch_pressure(prog, psi_why(err));
		log_info("memory pressure is not watched: " PSI_MEMORY ": %s",
			 pressure->why);
		return;
	}
	pressure->watched = true;
	pressure->why = NULL;
}

static void on_pressure(struct program *prog, uint32_t events)
{
	if (events & EPOLLPRI)
		pools_press(&prog->agent);
	if (events & EPOLLERR)
		unwatch_pressure(prog, "the kernel has ended it");
}

/* ---- reload ---- */

static int reload(void *arg, char *text, size_t size)
{
	struct program *prog = arg;
	struct config *config;
	int ret;

	sd_notify(0, "RELOADING=1");
	ret = config_load(prog->config_path, &config, text, size);
	if (!ret) {
		ret = agent_reload(&prog->agent, config, text, size);
		if (ret)
			config_free(config);
	}
	if (ret)
		log_error("reload: %s", text);
	else
		log_info("reload: %s", text);
	watch_pressure(prog);
	sd_notify(0, "READY=1");
	return ret;
}

/* ---- events ---- */

static void on_signal(struct program *prog)
{
	struct signalfd_siginfo info;
	char text[512];

	while (read(prog->fds[SRC_SIGNAL], &info, sizeof(info)) ==
	       (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			reload(prog, text, sizeof(text));
			continue;
		}
		log_info("stopping: %s",
			 info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
		prog->stop = true;
	}
}

static void on_timer(struct program *prog)
{
	uint64_t n, now = now_ns();
	bool alive;

	if (read(prog->fds[SRC_TIMER], &n, sizeof(n)) < 0)
		return;
	alive = agent_beat(&prog->agent);
	metrics_set_alive(prog->metrics, alive);
	if (alive && prog->watchdog_us)
		sd_notify(0, "WATCHDOG=1");
	if (now >= prog->next_tick_ns) {
		prog->next_tick_ns = now + NS_PER_SEC;
		agent_tick(&prog->agent);
	}
}

static void device_changed(int ifindex, const char *name, bool gone, void *arg)
{
	struct program *prog = arg;

	agent_device_changed(&prog->agent, ifindex, name, gone);
}

static void dispatch(struct program *prog, enum source source, uint32_t events)
{
	switch (source) {
	case SRC_SIGNAL:
		on_signal(prog);
		break;
	case SRC_TIMER:
		on_timer(prog);
		break;
	case SRC_LEARN:
		agent_learn(&prog->agent);
		break;
	case SRC_GUESTS:
		agent_run_guests(&prog->agent);
		break;
	case SRC_LINK:
	case SRC_FEATURES:
		link_monitor_read(prog->fds[source], device_changed, prog);
		break;
	case SRC_PRESSURE:
		on_pressure(prog, events);
		break;
	case SRC_SERVER:
		server_run(prog->server);
		break;
	case SRC_METRICS:
		metrics_run(prog->metrics);
		break;
	case N_SRC:
		break;
	}
}

static void run(struct program *prog)
{
	struct epoll_event events[N_SRC];

	while (!prog->stop) {
		int n = epoll_wait(prog->epoll_fd, events, N_SRC,
				   metrics_timeout_ms(prog->metrics));

		if (!n)
			metrics_run(prog->metrics);
		for (int i = 0; i < n; i++)
			dispatch(prog, (enum source)events[i].data.u32,
				 events[i].events);
	}
}

/* ---- set-up ---- */

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* Before any thread is made: they inherit the mask. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Four beats per timeout, and never more than eight a second unless the
 * timeout is short: an idle agent is to sleep. */
static int open_timer(uint32_t timeout_ms)
{
	uint64_t ns = timeout_ms * NS_PER_MS / 4;
	struct itimerspec spec;
	int fd, err;

	if (ns > NS_PER_SEC / 4)
		ns = NS_PER_SEC / 4;
	spec.it_interval.tv_sec = 0;
	spec.it_interval.tv_nsec = (long)ns;
	spec.it_value = spec.it_interval;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0 || timerfd_settime(fd, 0, &spec, NULL) < 0) {
		err = -errno;
		return err;
	}
	return fd;
}

static int open_sources(struct program *prog, char *err, size_t err_size)
{
	const struct config *config = prog->agent.config;
	struct server_hooks hooks = { .reload = reload, .arg = prog };
	int ret;

	ret = server_open(&prog->agent, &hooks, &prog->server, err, err_size);
	if (!ret && config->metrics)
		ret = metrics_open(&prog->agent, config->metrics_host,
				   config->metrics_port, &prog->metrics, err,
				   err_size);
	if (ret)
		return ret;
	prog->fds[SRC_TIMER] = open_timer(config->heartbeat_timeout_ms);
	prog->fds[SRC_LEARN] = prog->agent.vs.learn_fd;
	prog->fds[SRC_GUESTS] = prog->agent.vhost_fd;
	prog->fds[SRC_SERVER] = server_fd(prog->server);
	if (prog->metrics)
		prog->fds[SRC_METRICS] = metrics_fd(prog->metrics);
	prog->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < N_SRC; i++) {
		if (prog->fds[i] < 0)
			continue;
		ret = add_source(prog, (enum source)i);
		if (ret) {
			snprintf(err, err_size, "event loop: %s",
				 strerror(-ret));
			return ret;
		}
	}
	watch_pressure(prog);
	return 0;
}

static int set_up(struct program *prog, struct config *config, char *err,
		  size_t err_size)
{
	int ret;

	ret = host_check(err, err_size);
	if (ret) {
		config_free(config);
		return ret;
	}
	prog->fds[SRC_SIGNAL] = open_signals();
	/* Before the ports: no change between looking and watching is lost. */
	prog->fds[SRC_LINK] = link_monitor_open();
	prog->fds[SRC_FEATURES] = link_monitor_open_features();
	if (prog->fds[SRC_FEATURES] < 0)
		log_warning("cannot watch the devices' XDP features (%s): a VM that switches its GRO off may lose packets until its device changes",
			    strerror(-prog->fds[SRC_FEATURES]));
	ret = agent_start(&prog->agent, config, err, err_size);
	if (!ret)
		ret = open_sources(prog, err, err_size);
	return ret;
}

static int tear_down(struct program *prog)
{
	uint32_t missing;

	if (prog->epoll_fd >= 0)
		close(prog->epoll_fd);
	metrics_close(prog->metrics);
	server_close(prog->server);
	missing = agent_stop(&prog->agent);
	for (uint32_t i = SRC_SIGNAL; i <= SRC_PRESSURE; i++)
		if (i != SRC_LEARN && i != SRC_GUESTS && prog->fds[i] >= 0)
			close(prog->fds[i]);
	return missing ? -EIO : 0;
}

static int run_daemon(const char *path, struct config *config)
{
	struct program prog = { .config_path = path, .epoll_fd = -1 };
	char err[512];
	int ret;

	for (uint32_t i = 0; i < N_SRC; i++)
		prog.fds[i] = -1;
	prog.agent.lock_fd = -1;
	prog.agent.vhost_fd = -1;
	sd_watchdog_enabled(0, &prog.watchdog_us);
	ret = set_up(&prog, config, err, sizeof(err));
	if (ret) {
		log_error("%s", err);
		tear_down(&prog);
		return ret == -EINVAL ? EXIT_CONFIG : EXIT_FAIL;
	}
	log_info("version " PKTAGENT_VERSION ", ready");
	sd_notify(0, "READY=1");
	run(&prog);
	sd_notify(0, "STOPPING=1");
	if (tear_down(&prog))
		return EXIT_FAIL;
	log_info("stopped");
	return EXIT_OK;
}

static int check_only(const char *path, const struct config *config)
{
	printf("%s: ok: %u uplink%s, %u VM%s, %u frames of %u bytes\n", path,
	       config->n_uplinks, config->n_uplinks == 1 ? "" : "s",
	       config->n_vms, config->n_vms == 1 ? "" : "s", config->frames,
	       config->frame_size);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "print-config-keys", no_argument, NULL, 'K' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = DEFAULT_CONFIG;
	struct config *config;
	bool check = false;
	char err[512];
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "c:kVh", options, NULL)) >= 0) {
		switch (opt) {
		case 'c':
			path = optarg;
			break;
		case 'k':
			check = true;
			break;
		case 'K':
			config_print_keys_mdoc();
			return EXIT_OK;
		case 'V':
			puts("pktagent " PKTAGENT_VERSION);
			return EXIT_OK;
		case 'h':
			usage(stdout);
			return EXIT_OK;
		default:
			usage(stderr);
			return EXIT_CONFIG;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pktagent: %s: no arguments are taken\n",
			argv[optind]);
		usage(stderr);
		return EXIT_CONFIG;
	}
	ret = config_load(path, &config, err, sizeof(err));
	if (ret) {
		fprintf(stderr, "%s\n", err);
		return EXIT_CONFIG;
	}
	if (check) {
		ret = check_only(path, config);
		config_free(config);
		return ret;
	}
	log_set_level((enum log_level)config->log_level);
	return run_daemon(path, config);
}
