#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# kill -9 while traffic flows, and a start after it.
#
#	wire --- up0 [agent] vm1  kernel way
#	                     vm2  agent way
#	                     vm3  kernel way, MTU 1400
#
# Without an agent the kernel's way goes on without a loss and takes over what
# went the agent's, broadcast included. The next agent takes over what the first
# one left: traffic, learned addresses, and the devices' settings, which it
# puts back at its end.
. "$(dirname "$0")/net.bash"

NET_HEARTBEAT_MS=3000	# short: there is no agent for a while
STRANGER=02:00:00:00:aa:01	# a station on the wire that was seen once

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 1
lab_veth_vm 2
lab_veth_vm 3
net_config <<-END
uplinks: [{name: up0, device: up0}]
vms:
$(net_veth_vm 1)
$(net_veth_vm 2 "way: agent")
$(net_veth_vm 3 "mtu: 1400")
END
net_settings > "$LAB_DIR/before"

ping() { # FROM ADDRESS
	lab_in "$1" ping -q -c 2 -i 0.05 -W 20 "$2" > /dev/null
}

talk() {
	local a

	for a in 10.77.0.100 fd77::100; do
		expect "$1: vm1 reaches the wire" ping vm1 $a
		expect "$1: vm2 reaches the wire" ping vm2 $a
	done
	expect "$1: vm1 reaches vm2" ping vm1 10.77.0.2
	expect "$1: vm1 reaches vm3" ping vm1 fd77::3
}

forget_neighbours() {
	local ns

	for ns in wire vm1 vm2 vm3; do
		ip -n "$LAB-$ns" neigh flush all
	done
}

# ---- an agent that works ----

expect "start" lab_agent "$NET_CONFIG"
talk "with the agent"
lab_in wire "$LAB_TOOLS/frames" send wire0 --count 1 \
	--smac $STRANGER --dmac "$(lab_mac 1)" > /dev/null
eventually "the wire's address is learned" net_known "$(net_mac wire)" up0
eventually "the stranger is learned" net_known $STRANGER up0
sent_before=$(net_counter vm1 to_kernel)
say "the agent works and has learned"

# ---- killed ----

flow wire vm1 any 2000
flow vm1 wire any 2000
flow wire vm2 any 1000 --window 0
eventually "traffic flows" flow_got vm1 100
eventually "traffic flows" flow_got vm2 100
lab_stop "$LAB_AGENT_PID" KILL
sent=$(flow_sent wire vm2)
rm "$LAB_SOCK"
say "killed"
forget_neighbours
talk "without an agent"
eventually "traffic goes on" flow_sent_more wire vm2 $((sent + 500))
flow_end wire vm1
flow_end vm1 wire
flow_end_lossy wire vm2
say "kernel way: nothing lost; agent way: $NET_LOST lost"
# Its sockets are gone with the process, so there is no time-out to wait for;
# what was in its rings is lost, and what came until the process was gone.
expect "the kernel takes over what went the agent's way" \
	[ "${NET_LOST_LAST:-0}" -le "$sent" ]

forget_neighbours
talk "without an agent, after a while"

# ---- the next one ----

flow wire vm1 any 2000
flow vm1 wire any 2000
flow wire vm2 any 1000 --window 0
started=$(flow_sent wire vm2)
expect "restart" lab_agent "$NET_CONFIG"
ready=$(flow_sent wire vm2)
net_logged "took over .* BPF maps" || fail "it does not say that it took over"
net_logged "took over .* device settings" ||
	fail "it does not say that it took over the settings"
net_logged "vm1: took over the XDP link" ||
	fail "it does not say that it took over the links"
expect "it knows the stranger still" net_known $STRANGER up0
expect "it knows the wire still" net_known "$(net_mac wire)" up0
expect "counters go on" [ "$(net_counter vm1 to_kernel)" -gt "$sent_before" ]
eventually "traffic goes on" flow_sent_more wire vm2 $((ready + 500))
flow_end wire vm1
flow_end vm1 wire
flow_end_lossy wire vm2
say "taken over: nothing lost on the kernel's way; $NET_LOST on the agent's," \
	"of $((ready - started)) meanwhile"
expect "the agent takes over what goes its way" \
	[ "${NET_LOST_LAST:-0}" -le "$ready" ]

# vm1 sees what is for it only, so this does not come from vm1.
before=$(net_counter vm2 from_agent)
net_frames wire vm2
agent_delivers() { [ "$(net_counter vm2 from_agent)" -ge $((before + 1000)) ]; }
eventually "what goes the agent's way does again" agent_delivers
talk "after the restart"

# ---- put back ----

expect "no frame is missing" lab_agent_stop
net_settings > "$LAB_DIR/after"
diff "$LAB_DIR/before" "$LAB_DIR/after" ||
	fail "the devices' settings are not what they were (< before, > after)"
expect "nothing is pinned any more" [ ! -e "$LAB_BPFFS" ]
expect "no changes are left in the journal" [ ! -e "$LAB_RUN/devices.json" ]
say "everything was put back"
