#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# An idle agent costs nothing, and wakes up for the first packet.
#
#	wire --- up0 [agent, two workers] vm1 (veth), tap2: all the agent's way
. "$(dirname "$0")/net.bash"

SECONDS_IDLE=5
TRIES=5		# a machine that stands still may charge the agent for it
COUNT=20

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 2
lab_veth_vm 1
# Neighbour discovery and the like would wake the agent.
for ns in wire vm1 host; do
	lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
cores=0
[ "$(nproc)" -ge 2 ] && cores="0, 1"
net_config <<-END
workers: {cores: [$cores]}
uplinks: [{name: up0, device: up0, way: agent}]
vms:
$(net_veth_vm 1 "way: agent")
$(net_tap_vm 2 "way: agent")
END
expect "start" lab_agent "$NET_CONFIG"

# CPU time of all the agent's threads, in microseconds.
cpu_us() {
	awk '{ ns += $1 } END { print int(ns / 1000) }' \
		/proc/"$LAB_AGENT_PID"/task/*/schedstat
}

asleep() {
	[ "$(lab_ctl -j worker show | jq 'all(.[]; .sleeping)')" = true ]
}

packets_received() { lab_ctl -j queue show | jq '[.[].rx_packets] | add'; }

# ---- idle ----

lab_start host tap2 "$LAB_TOOLS/tapvm" --dev tap2 --mac "$(lab_mac 2)" \
	--ip 10.77.0.2
flow wire vm1 5000 5000
flow vm1 wire 5000 5000
flow_end wire vm1
flow_end vm1 wire
eventually "all workers sleep" asleep
sleep 1
packets=$(packets_received)
for ((i = 0; i < TRIES; i++)); do
	before=$(cpu_us)
	sleep $SECONDS_IDLE
	used=$(($(cpu_us) - before))
	say "idle for $SECONDS_IDLE s: $used µs of CPU time"
	[ $used -ge $((SECONDS_IDLE * 10000)) ] || break
done
expect_equal "packets in that time" "$packets" "$(packets_received)"
expect "less than 1 % of a core" [ $i -lt $TRIES ]

# ---- and awake again ----

# One a second, in turn: each finds the agent asleep.
sleeps=$(lab_ctl -j worker show | jq '[.[].sleeps] | add')
flow wire vm1 $COUNT 1
sleep 0.5
flow vm1 wire $COUNT 1
flow_end wire vm1
flow_end vm1 wire
expect "it slept in between" \
	[ $(($(lab_ctl -j worker show | jq '[.[].sleeps] | add') - sleeps)) \
		-ge $COUNT ]
say "the first packet arrived $COUNT times, both ways"
expect "no frame is missing" lab_agent_stop
