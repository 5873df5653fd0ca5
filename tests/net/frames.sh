#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# 1,000 random frames each, of 60 to 1,514 bytes, arrive once and byte for byte,
# on all ways between these, in both directions:
#
#	wire --- up0 [agent] vm1 (veth)
#	                     vm2 (veth)
#	                     tap3
#
# with every VM on the kernel way, on the agent way, with one of each, and on
# the agent way without metadata in front of the packets.
. "$(dirname "$0")/net.bash"

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 1
lab_veth_vm 2

pairs() {
	net_frames wire vm1
	net_frames vm1 wire
	net_frames wire tap3
	net_frames tap3 wire
	net_frames vm1 vm2
	net_frames vm2 vm1
	net_frames vm1 tap3
	net_frames tap3 vm1
}

# try WHAT WAY-OF-1 WAY-OF-2 WAY-OF-3 [AGENT-KEY]
try() {
	local what=$1

	net_config "${5:-}" <<-END
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0}]
	vms:
	$(net_veth_vm 1 "way: $2")
	$(net_veth_vm 2 "way: $3")
	$(net_tap_vm 3 "way: $4")
	END
	expect "$what: start" lab_agent "$NET_CONFIG"
	pairs
	to_kernel=$(net_counter vm1 to_kernel)
	to_agent=$(net_counter vm1 to_agent)
	say "$what: all right; vm1 sent $to_kernel by the kernel," \
		"$to_agent by the agent"
	expect "$what: no frame is missing" lab_agent_stop
}

try "kernel way" kernel kernel kernel
# Broadcast and the like of the VM's own stack needs the agent.
expect "the kernel's way was taken" [ "$to_kernel" -ge 3000 ]

try "agent way" agent agent agent
expect_equal "packets that went by the kernel" 0 "$to_kernel"

try "one of each" kernel agent kernel
expect "vm1 and tap3 used the kernel's way" [ "$to_kernel" -ge 2000 ]
expect "vm1 and vm2 used the agent's" [ "$to_agent" -ge 1000 ]

try "no metadata" agent agent agent "metadata: false"
expect_equal "packets that went by the kernel" 0 "$to_kernel"
