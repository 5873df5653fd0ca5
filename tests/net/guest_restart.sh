#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The agent is killed and started again under load: its guests go on. Packets
# may get lost; none arrives twice, late or changed, no descriptor comes back
# twice, none is missing in the end. The same when rings are handed over by
# GET_VRING_BASE and SET_VRING_BASE. And everything that is written while a log
# of it is on is in the log.
#
#	[agent] vm1, vm2, vm3
. "$(dirname "$0")/guests.bash"

KILLS=6

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1

# Guests' ports and rings, but no chance to see the same numbers again.
run() { # WHAT RULES
	net_config <<-END
	workers: {cores: [$(guests_cores)]}
	uplinks: [{name: up0, device: up0}]
	vms:
	$(guest_vm 1)
	$(guest_vm 2)
	$(guest_vm 3 "queues: 2")
	bypass: [$2]
	END
	expect "$1: start" lab_agent "$NET_CONFIG"

	guests log "$(guest_end 1)" "$(guest_end 2)" \
		"$(guest_end 3 pairs=2,manner=virtio-user)" --flow vm1:vm2 \
		--flow vm2:vm3 --packets 10000 --window 96 --log --handover
	guests_end log
	say "$1: all that was written is in the log; rings were handed over," \
		"$(guests_result .restarts) times"

	guests load "$(guest_end 1)" "$(guest_end 2)" \
		"$(guest_end 3 pairs=2)" --flow vm1:vm2 --flow vm2:vm3 \
		--window 192 --lossy
	for ((i = 0; i < KILLS; i++)); do
		guests_go_on load $((500 + RANDOM % 2000))
		lab_stop "$LAB_AGENT_PID" KILL
		rm "$LAB_SOCK"
		expect "$1: start again" lab_agent "$NET_CONFIG"
	done
	guests_go_on load 3000
	guests_stop load
	say "$1: killed $KILLS times: $(guests_result .arrived) packets" \
		"arrived, once and in order, $(guests_result .lost) gaps"
	expect_equal "$1: connections made again" $((3 * KILLS)) \
		"$(guests_result .restarts)"
	expect "$1: no frame is missing" lab_agent_stop
}

run "switched" ""
run "bypass" "{vlan: 0}"
