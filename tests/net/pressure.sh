#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The host is short of memory, by the kernel's word: pools shrink to what they
# use, and grow again when that is over.
#
#	wire --- up0 [agent] vm1   a pool that would shrink in minutes
#	                     vm2   was asked to have 1000 frames
#
# The pressure is real: tasks in a cgroup of 16 MiB read a file of 128 MiB.
. "$(dirname "$0")/net.bash"

HOGS=4
WINDOW_MS=10000

[ -w /proc/pressure/memory ] || skip "no /proc/pressure/memory"

# Of version 2 or 1, whichever has the memory controller.
make_cgroup() {
	CGROUP=/sys/fs/cgroup/$LAB
	mkdir "$CGROUP" 2> /dev/null && [ -w "$CGROUP/memory.max" ] &&
		echo 16M > "$CGROUP/memory.max" && return
	rmdir "$CGROUP" 2> /dev/null
	CGROUP=/sys/fs/cgroup/memory/$LAB
	mkdir "$CGROUP" 2> /dev/null &&
		echo 16M > "$CGROUP/memory.limit_in_bytes"
}

end_hogs() {
	local pid

	# Whoever begins meanwhile is met the next time.
	for ((i = 0; i < 50; i++)); do
		while read -r pid; do
			kill -KILL "$pid" 2> /dev/null
		done < "$CGROUP/cgroup.procs"
		[ -n "$(< "$CGROUP/cgroup.procs")" ] || return
		sleep 0.1
	done
}

leave() {
	end_hogs
	rmdir "$CGROUP"
	rm -f "$DATA"
	lab_down
}

lab_trap
make_cgroup || skip "no cgroup can be made here that bounds memory"
DATA=/var/tmp/$LAB.data
trap 'rc=$?; trap - EXIT; trap "" HUP INT PIPE TERM; leave; exit $rc' EXIT
dd if=/dev/zero of="$DATA" bs=1M count=128 conv=fsync status=none &&
	dd if="$DATA" iflag=nocache count=0 status=none ||
	skip "no room for 128 MiB in /var/tmp"

start_hogs() {
	for ((i = 0; i < HOGS; i++)); do
		# shellcheck disable=SC2016
		lab_start host hog$i sh -c 'echo $$ > "$1/cgroup.procs"
			while dd if="$2" of=/dev/null bs=64k status=none; do
				:
			done' hog "$CGROUP" "$DATA"
	done
}

lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 1
lab_veth_vm 2

config() { # PRESSURE
	net_config <<-END
	pools: {window_ms: $WINDOW_MS, pressure: $1}
	uplinks: [{name: up0, device: up0, way: agent}]
	vms:
	$(net_veth_vm 1 "way: agent, pool: {min: 64, initial: 4096, max: 4096}")
	$(net_veth_vm 2 "way: agent, pool: {min: 64, initial: 2000, max: 4096}")
	END
}

pressure() { lab_ctl -j pool show | jq -r ".arena.pressure.$1"; }
pressure_is() { [ "$(pressure "$1")" = "$2" ]; }

# ---- it comes, and goes ----

config true
expect "start" lab_agent "$NET_CONFIG"
expect_equal "watched" true "$(pressure watched)"
expect_equal "vm1's pool" 4096 "$(net_pool vm1 size)"
lab_ctl pool resize vm2 --frames 1000 > /dev/null ||
	fail "cannot resize vm2's pool"
flow wire vm1 any 2000
flow vm1 wire any 2000
start_hogs
eventually "pressure is seen" pressure_is now true
eventually "vm1's pool shrinks for it" net_pool_logged vm1 \
	'.reason == "pressure"'
small() { [ "$(net_pool vm1 size)" -lt 2048 ]; }
eventually "vm1's pool is less than half" small
expect "nothing is wrong with vm2's" [ "$(net_pool vm2 size)" -ge 1000 ]
net_audit "under pressure"
end_hogs
eventually "it is over" pressure_is now false
lab_ctl pool resize vm1 --frames 3000 > /dev/null ||
	fail "cannot resize vm1's pool"
eventually "vm1's pool can be larger again" net_pool_is vm1 size 3000
flow_end wire vm1
flow_end vm1 wire
net_audit "afterwards"
say "pressure: $(pressure events) events, vm1's pool shrank by $(
	net_pool_log vm1 | jq '[.[] | select(.reason == "pressure") |
		.from - .to] | add') frames"

# ---- not watched ----

config false
lab_ctl reload > "$LAB_DIR/reload.log" 2>&1 ||
	fail "reload: $(cat "$LAB_DIR/reload.log")"
expect_equal "watched" false "$(pressure watched)"
expect_equal "why not" "pools.pressure is false" "$(pressure why)"
config true
expect "reload" lab_ctl reload
expect_equal "watched again" true "$(pressure watched)"
expect "no frame is missing" lab_agent_stop
