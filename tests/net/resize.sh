#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Pools on request: what pktctl pool resize does, says and refuses, and what
# pool log and pool show tell of it.
#
#	wire --- up0 [agent] vm1   resized
#	                     vm2   not
. "$(dirname "$0")/net.bash"

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 2
lab_veth_vm 1
lab_veth_vm 2
net_config <<-END
fdb:
  static: [{mac: "$(net_mac wire)", port: up0}]
uplinks: [{name: up0, device: up0}]
vms:
$(net_veth_vm 1 "pool: {min: 64, max: 4096}")
$(net_veth_vm 2 "pool: {min: 64, max: 4096}")
END
expect "start" lab_agent "$NET_CONFIG"

pool() { # VM MEMBER
	lab_ctl -j pool show "$1" | jq ".ports[0].$2"
}

promises_add_up() {
	expect_equal "the promises" '[0,true]' "$(lab_ctl -j pool show |
		jq -c '.arena.promises | [.missing, .adds_up]')"
}

resize() { # ARGUMENT...: says what pktctl answers
	answer=$(lab_ctl pool resize "$@" 2>&1)
	status=$?
	say "$answer"
}

refused() { # TEXT ARGUMENT...
	local text=$1

	shift
	resize "$@"
	expect_equal "refused: $*" 1 $status
	[[ $answer = *"$text"* ]] || fail "$*: expected: $text"
}

is_size() { [ "$(pool "$1" size)" = "$2" ]; }

# Traffic, through several windows of looking at what is idle.
traffic() {
	flow wire vm1 2000 2000
	flow_end wire vm1
}

# ---- more, in bytes, and less ----

expect_equal "the size at first" 64 "$(pool vm1 size)"
resize vm1 --frames 4000KiB
expect_equal "it is done" 0 $status
expect_equal "as large as asked for" 1000 "$(pool vm1 size)"
expect_equal "asked for" 1000 "$(pool vm1 asked)"
promises_add_up
resize vm1 --frames 4096
expect_equal "all it may have" 4096 "$(pool vm1 size)"
traffic
expect_equal "what was asked for stays" 4096 "$(pool vm1 size)"
promises_add_up
resize vm1 --frames 64
expect_equal "the minimum" 64 "$(pool vm1 size)"
promises_add_up
traffic

# ---- what is refused changes nothing ----

before=$(pool vm2 'resizes | tostring')
refused "--frames: 4097: must be from 64 to 4096" vm2 --frames 4097
refused "--frames: 63: must be from 64 to 4096" vm2 --frames 63
refused "--frames: 2k: must be a number of frames" vm2 --frames 2k
refused "up0: an uplink has no pool of its own" up0 --frames 64
refused "vm9: no such VM" vm9 --frames 64
expect_equal "vm2's resizes" "$before" "$(pool vm2 'resizes | tostring')"

# ---- the maximum ----

resize vm2 --frames 512 --max 512
expect_equal "it is done" 0 $status
expect_equal "the maximum" 512 "$(pool vm2 max)"
refused "--frames: 513: must be from 64 to 512" vm2 --frames 513

# ---- the log ----

lab_ctl pool log vm1
expect_equal "changes on request are logged, and of vm1 only" '["vm1"]' \
	"$(lab_ctl -j pool log vm1 -a | jq -c '
		map(select(.reason == "request") | .vm) | unique')"
expect_equal "and counted" "$(lab_ctl -j pool log vm1 -a |
	jq 'map(select(.reason == "request")) | length')" \
	"$(pool vm1 resizes.request)"
expect "who asked is in the agent's log" net_logged \
	"vm1: 64 frames, 4096 before; .*resized by user 0, process "
