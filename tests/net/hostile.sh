#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A guest, and a front-end, that do everything wrong, some 200 rows of it
# (tests/tools/hostile.c), harm nobody: the agent lives, tells why, and serves
# the offender when it behaves again. Neighbours' flows lose nothing meanwhile:
#
#	wire --- up0 [agent] --- vhost-user --- vm1   hostile
#	                     --- vhost-user --- vm2   sends back what it gets
#	                     --- veth --------- vm3
#
#	wire -> vm2 -> wire, wire -> vm3, vm3 -> wire
#
# through the switch and once more by the bypass between vm1 and vm2; further
# vm4, which the agent listens for, and vm5 and vm6, whose front-ends must be
# somebody else.
. "$(dirname "$0")/net.bash"

CTL="$LAB_BUILD/pktctl -s $LAB_SOCK"
ECHO_PID=

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 3

vhost_vm() { # N KEYS DEVICE-KEYS FRAMES
	echo "  - {name: vm$1, mac: \"$(lab_mac "$1")\", way: agent," \
		"pool: {min: ${4:-1024}, max: ${4:-1024}}${2:+, $2}," \
		"device: {type: vhost-user, socket: $LAB_DIR/vm$1.sock${3:+, $3}}}"
}

config() { # MORE
	net_config <<-END
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0}]
	vms:
	$(vhost_vm 1 "" "" 256)
	$(vhost_vm 2 "" "" 4096)
	$(net_veth_vm 3 "way: agent")
	$(vhost_vm 4 "" "mode: server")
	$(vhost_vm 5 "" "allow: {uid: 65534}")
	$(vhost_vm 6 "" "allow: {cgroup: /no-such.scope}")
	$1
	END
}

echo_start() {
	lab_start host echo "$LAB_TOOLS/hostile" echo \
		--socket "$LAB_DIR/vm2.sock" --mac "$(lab_mac 2)"
	ECHO_PID=$LAB_LAST_PID
	eventually "vm2 is there" grep -q ready "$LAB_DIR/echo.log"
	eventually "vm2 is connected" net_port_works vm2
}

# rows N OPTIONS [NAME...]: as vm$1's guest.
rows() {
	local n=$1

	shift
	lab_in host "$LAB_TOOLS/hostile" rows --socket "$LAB_DIR/vm$n.sock" \
		--mac "$(lab_mac "$n")" --echo "$(lab_mac 2)" --port "vm$n" \
		--ctl "$CTL" --progress "$LAB_DIR/wire-vm2.progress" \
		--progress "$LAB_DIR/vm3-wire.progress" \
		--progress "$LAB_DIR/wire-vm3.progress" "$@" ||
		fail "vm$n: rows $* (status $?)"
}

# What is sent to vm2 arrives at the wire.
neighbours_start() {
	NET_SEED=$((NET_SEED + 1))
	net_recv wire vm2 --ethertype raw --count 10000000
	NET_ENDLESS[wire-vm2]=1
	lab_start wire send-wire-vm2 "$LAB_TOOLS/frames" send wire0 \
		--seed "$NET_SEED" --dmac "$(net_mac vm2)" \
		--smac "$(net_mac wire)" --ethertype raw --count 10000000 \
		--pps 500 --progress "${NET_PROGRESS[wire-vm2]}"
	NET_PID[send-wire-vm2]=$LAB_LAST_PID
	flow wire vm3 any 500
	flow vm3 wire any 500
}

neighbours_end() { # WHAT
	flow_end vm2 wire
	flow_end wire vm3
	flow_end vm3 wire
	say "$1: the neighbours lost nothing"
}

n_descriptors() { ls "/proc/$LAB_AGENT_PID/fd" | wc -l; }

# Mappings of guests' memory. vm2's stays.
n_mappings() { grep -c '/memfd:\(guest\|log\|hostile\)' "/proc/$LAB_AGENT_PID/maps"; }

nothing_is_left() {
	[ "$(n_descriptors)" = "$descriptors" ] &&
		[ "$(n_mappings)" = "$mappings" ]
}

# try WHAT MORE-CONFIGURATION ROWS...
try() {
	local what=$1 config=$2

	shift 2
	config "$config"
	expect "$what: start" lab_agent "$NET_CONFIG"
	echo_start
	neighbours_start
	rows 1 20-connections
	eventually "vm1 is down" port_is_down vm1
	descriptors=$(n_descriptors)
	mappings=$(n_mappings)
	rows 1 "$@" 20-connections-cut connections-silent
	rows 4 --connect 20-connections 20-connections-cut crowd
	rows 5 wrong-user
	rows 6 wrong-cgroup
	eventually "nothing is left of all that" nothing_is_left
	neighbours_end "$what"
	lab_stop "$ECHO_PID" || fail "vm2: $(cat "$LAB_DIR/echo.log")"
	expect "$what: no frame is missing" lab_agent_stop
}

port_is_down() { ! net_port_is "$1" up; }

try "by the switch" "" rings messages
try "by the bypass" "bypass: [{vms: [vm1, vm2]}]" rings call-blocks memory-shrinks
