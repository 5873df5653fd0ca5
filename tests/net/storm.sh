#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A storm: everybody sends as fast as the machine can, broadcast too, to pools
# that are much too small. No frame gets lost from the account, neither after
# the storm nor when the agent is stopped, reloaded or loses a device in it.
#
#	wire --- up0, 2 queues [agent, agent's way] vm1 <- wire
#	                                            vm2 -> vm3
#	                                            vm4 -> everybody
#	                                            tap5   nobody reads it
#
# What is sent after it finds rings of 64 frames, and has a window of 32.
. "$(dirname "$0")/net.bash"

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 2
for n in 1 2 3 4; do
	lab_veth_vm $n
done

config() { # KEYS-OF-VM3
	net_config <<-END
	workers: {cores: $cores}
	uplinks: [{name: up0, device: up0, way: agent, reserve: 256,
	           out_max: 256}]
	vms:
	$(net_veth_vm 1 "way: agent, pool: {min: 512, max: 512}")
	$(net_veth_vm 2 "way: agent, pool: {min: 512, max: 512}")
	$(net_veth_vm 3 "way: agent, pool: {min: 512, max: 512}${1:-}")
	$(net_veth_vm 4 "way: agent, pool: {min: 512, max: 512}")
	$(net_tap_vm 5 "way: agent, pool: {min: 512, max: 512}")
	END
	sed -i 's/frames: .*/frames: 5120/' "$NET_CONFIG"
}
cores="[0]"
[ "$(nproc)" -ge 2 ] && cores="[0, 1]"

gen() { # NAMESPACE DEVICE SMAC DMAC
	lab_start "$1" "gen-$1" "$LAB_BUILD/tests/bench/pktgen" --dev "$2" \
		--smac "$3" --dmac "$4" --size 200
	generators+=("$LAB_LAST_PID")
}

storm() {
	generators=()
	gen wire wire0 "$(net_mac wire)" "$(lab_mac 1)"
	gen vm2 eth0 "$(lab_mac 2)" "$(lab_mac 3)"
	gen vm4 eth0 "$(lab_mac 4)" ff:ff:ff:ff:ff:ff
	eventually "the storm is there" flow_got vm1 10000
}

calm() {
	local pid

	for pid in "${generators[@]}"; do
		lab_stop "$pid" || fail "$(cat "$LAB_DIR"/gen-*.log)"
	done
}

account() {
	local text

	text=$(lab_ctl -j pool show | jq -c .arena)
	[ "$(jq .adds_up <<< "$text")" = true ] || fail "$1: $text"
	say "$1: $(lab_ctl pool show | grep ' = ')"
}

nothing_out() { [ "$(lab_ctl -j pool show | jq .arena.out)" = 0 ]; }

config
expect "start" lab_agent "$NET_CONFIG"
storm
sleep 3
say "$(lab_ctl -j counters show | jq -r '[.[] | select(.kind == "drop")] |
	group_by(.reason) | map("\(.[0].reason) \(map(.packets) | add)") |
	join(", ")')"
calm
account "after the storm"
lab_start host tap5 "$LAB_TOOLS/frames" recv tap5 --tap --none \
	--dmac "$(lab_mac 5)"
eventually "what was on its way has arrived" nothing_out
account "after a while"
net_frames wire vm1
net_frames vm2 vm3

storm
config ", class: 1"
expect "reload in a storm" lab_ctl reload
config ", mtu: 1400"
expect "reload in a storm" lab_ctl reload
ip -n "$LAB-host" link del vm3h
eventually "vm3 is gone" net_port_is vm3 absent
account "in a storm"
calm
account "after it"
expect "no frame is missing" lab_agent_stop

config
sed -i '/name: vm3/d' "$NET_CONFIG"
expect "start again" lab_agent "$NET_CONFIG"
storm
expect "stopped in a storm: no frame is missing" lab_agent_stop
say "stopped in a storm"
calm
