# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The lab: a host with a NIC and VMs, in network namespaces. To be sourced.
#
#	 wire                host (pktagent)                   VMs
#	+--------+      +--------------------------+      +-----------+
#	| wire0 -+------+- up0  (N queues)   vm1h -+------+- eth0 vm1 |
#	+--------+ veth |                    vm2h -+------+- eth0 vm2 |
#	   "NIC"        |                    tap3 -+------+- tapvm    |
#	                +--------------------------+      +-----------+
#
# Everything is named after LAB (default: "pa" and the shell's pid), so that
# labs do not meet. lab_down takes all of it away again; lab_trap has it done
# at exit, also after Ctrl-C or a failure. Nothing outside the lab's own
# namespaces is touched, but for what lab_host_prepare says.

LAB=${LAB:-pa$$}
LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_BUILD=${LAB_BUILD:-$LAB_TOP/build}
LAB_TOOLS=$LAB_BUILD/tests/tools
LAB_DIR=${LAB_DIR:-$(mktemp -d "/tmp/$LAB.XXXXXX")}
LAB_BPFFS=/sys/fs/bpf/$LAB
LAB_RUN=$LAB_DIR/run
LAB_SOCK=$LAB_RUN/control.sock
LAB_HOST=host			# the namespace of the agent's host
LAB_AGENT_LOG=$LAB_DIR/agent.log
LAB_PIDS=()
LAB_NS=()
LAB_BPF_MOUNTED=
LAB_HUGE_BEFORE=
LAB_HUGE_ADDED=
LAB_AGENT_PID=
# Seconds that everything may take that is waited for: a limit for what does
# not come at all, not a measure of what does. The machine may be slow, and
# stand still at times.
LAB_PATIENCE=60

lab_say() { printf '%s\n' "$*" >&2; }

# ---- the host ----

# Mounts bpffs and reserves huge pages for $1 frames of 4 KiB if there are too
# few free; lab_down puts both back. Here and below, what is to be undone is
# noted before it is done: a signal may come between any two commands.
lab_host_prepare() {
	local frames=${1:-16384} need free
	if ! mountpoint -q /sys/fs/bpf; then
		LAB_BPF_MOUNTED=1
		mount -t bpf bpf /sys/fs/bpf || return
	fi
	need=$((frames / 512 + 8))
	free=$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)
	if [ "$free" -lt "$need" ]; then
		LAB_HUGE_BEFORE=$(lab_huge)
		lab_huge $((LAB_HUGE_BEFORE + need - free))
		LAB_HUGE_ADDED=$(($(lab_huge) - LAB_HUGE_BEFORE))
	fi
}

# Prints how many huge pages are reserved, or reserves $1.
lab_huge() {
	if [ $# = 0 ]; then
		cat /proc/sys/vm/nr_hugepages
	else
		echo "$1" > /proc/sys/vm/nr_hugepages
	fi
}

# Takes the pages away that were added, not those that others added since.
lab_host_restore() {
	local now
	if [ -n "$LAB_HUGE_BEFORE" ]; then
		now=$(lab_huge)
		lab_huge $((now - ${LAB_HUGE_ADDED:-$((now - LAB_HUGE_BEFORE))}))
		LAB_HUGE_BEFORE=
		LAB_HUGE_ADDED=
	fi
	if [ -n "$LAB_BPF_MOUNTED" ]; then
		# Somebody else's pins would go with it. The kernel's own are
		# called *.debug.
		[ -n "$(find /sys/fs/bpf -mindepth 1 ! -name '*.debug')" ] ||
			umount /sys/fs/bpf
		LAB_BPF_MOUNTED=
	fi
}

# ---- namespaces and devices ----

lab_ns() {
	LAB_NS+=("$LAB-$1")
	ip netns add "$LAB-$1"
	ip -n "$LAB-$1" link set lo up
	# No router or neighbour noise of the kernel's own.
	ip netns exec "$LAB-$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
		net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.router_solicitations=0
}

# Runs a command in a namespace of the lab. The mounts stay: /sys/fs/bpf.
lab_in() {
	local ns=$1
	shift
	nsenter --net="/run/netns/$LAB-$ns" "$@"
}

# The host with its NIC: $1 queues.
lab_wire() {
	lab_ns host
	lab_ns wire
	lab_nic "${1:-2}"
}

# The NIC alone; the wire's MAC is lab_mac 100. "ip link del up0" in the host
# takes it away.
lab_nic() {
	local q=$1
	ip -n "$LAB-host" link add up0 numrxqueues "$q" numtxqueues "$q" \
		type veth peer name wire0 numrxqueues "$q" numtxqueues "$q" \
		address "$(lab_mac 100)"
	ip -n "$LAB-host" link set wire0 netns "$LAB-wire"
	ip -n "$LAB-host" link set up0 up
	ip -n "$LAB-wire" link set wire0 up
	# What a NIC's other end would do anyway: whole checksums, tags inside
	# the frame. And NAPI, without which veth takes no redirects.
	lab_in wire ethtool -K wire0 tx off txvlan off gro on > /dev/null
	lab_addr wire wire0 100
}

# 10.77.0.$3/24 and fd77::$3/64 on device $2 in namespace $1.
lab_addr() {
	ip -n "$LAB-$1" addr add "10.77.0.$3/24" dev "$2"
	ip -n "$LAB-$1" addr add "fd77::$3/64" dev "$2" nodad
}

# A VM behind veth: namespace vm$1, host side vm$1h, MAC 02:00:00:00:00:0$1.
lab_veth_vm() {
	local n=$1
	lab_ns "vm$n"
	ip -n "$LAB-$LAB_HOST" link add "vm${n}h" type veth peer name eth0 \
		address "$(lab_mac "$n")"
	ip -n "$LAB-$LAB_HOST" link set eth0 netns "$LAB-vm$n"
	ip -n "$LAB-vm$n" link set eth0 up
	lab_addr "vm$n" eth0 "$n"
}

lab_mac() { printf '02:00:00:00:00:%02x' "$1"; }

# ---- processes ----

# Starts a command in the background in namespace $1; its output goes to
# $LAB_DIR/$2.log. Its pid is in LAB_LAST_PID. It does not inherit descriptor
# 9, which is for the caller's lock.
lab_start() {
	local ns=$1 log=$LAB_DIR/$2.log
	shift 2
	# Not only in the background: who waits for a line must not find an
	# earlier process's.
	: > "$log"
	nsenter --net="/run/netns/$LAB-$ns" "$@" > "$log" 2>&1 < /dev/null \
		9>&- &
	LAB_LAST_PID=$!
	LAB_PIDS+=("$LAB_LAST_PID")
}

# Ends a process of ours and waits for it. Status: the process's own.
lab_stop() {
	kill "-${2:-TERM}" "$1" 2> /dev/null
	lab_reap "$1"
}

# Waits for a process of ours and forgets it: its number may be somebody
# else's from now on. Status: the process's own.
lab_reap() {
	local rc=0 pid rest=()
	wait "$1" 2> /dev/null || rc=$?
	for pid in "${LAB_PIDS[@]}"; do
		[ "$pid" = "$1" ] || rest+=("$pid")
	done
	LAB_PIDS=("${rest[@]}")
	return $rc
}

# Waits until a command succeeds: lab_wait SECONDS COMMAND...
lab_wait() {
	local end=$((SECONDS + $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# ---- the agent ----

# Starts pktagent with configuration $1 and waits until it is ready.
lab_agent() {
	mkdir -p "$LAB_RUN"
	lab_start "$LAB_HOST" "$(basename "$LAB_AGENT_LOG" .log)" \
		"$LAB_BUILD/pktagent" --config "$1"
	LAB_AGENT_PID=$LAB_LAST_PID
	lab_wait $LAB_PATIENCE lab_agent_settled
	lab_agent_ready || {
		lab_say "pktagent did not get ready:"
		cat "$LAB_AGENT_LOG" >&2
		return 1
	}
}

lab_agent_ready() { grep -q ', ready$' "$LAB_AGENT_LOG"; }

# Ready, or dead.
lab_agent_settled() { lab_agent_ready || lab_gone "$LAB_AGENT_PID"; }

# Stops the agent; fails if frames were missing.
lab_agent_stop() {
	local rc=0
	lab_stop "$LAB_AGENT_PID" TERM || rc=$?
	LAB_AGENT_PID=
	return $rc
}

lab_ctl() { "$LAB_BUILD/pktctl" -s "$LAB_SOCK" "$@"; }

# The agent: and memory: sections that every configuration of the lab has.
lab_config_head() {
	cat <<-END
	agent:
	  bpffs: $LAB_BPFFS
	  run_dir: $LAB_RUN
	memory:
	  frames: ${1:-16384}
	metrics:
	  listen: off
	END
}

# ---- the end ----

lab_down() {
	local pid ns
	set +e
	for pid in "${LAB_PIDS[@]}"; do
		kill -CONT "$pid" 2> /dev/null
		kill -TERM "$pid" 2> /dev/null
	done
	for pid in "${LAB_PIDS[@]}"; do
		lab_wait 10 lab_gone "$pid" || kill -KILL "$pid" 2> /dev/null
		wait "$pid" 2> /dev/null
	done
	LAB_PIDS=()
	# What an agent that was killed left pinned.
	[ -d "$LAB_BPFFS" ] && rm -rf "$LAB_BPFFS"
	for ns in "${LAB_NS[@]}"; do
		# Started, but not noted any more before a signal came.
		for pid in $(ip netns pids "$ns" 2> /dev/null); do
			kill -KILL "$pid" 2> /dev/null
		done
		ip netns del "$ns" 2> /dev/null
	done
	LAB_NS=()
	lab_host_restore
	rm -rf "$LAB_DIR"
}

lab_gone() { ! kill -0 "$1" 2> /dev/null; }

lab_trap() {
	trap 'rc=$?; trap - EXIT; trap "" HUP INT PIPE TERM; lab_down
		exit $rc' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
}
