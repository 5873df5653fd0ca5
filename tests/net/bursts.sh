#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Many VMs that get bursts in turn, in memory that is too small for all of them
# at one time.
#
#	wire --- up0 [agent] vm1 ... vm32   agent way, at least 64 frames each
#
# Pools of equal, fixed sizes in the same memory lose most of each burst, and
# all of that is counted; pools that breathe lose nothing.
. "$(dirname "$0")/net.bash"

VMS=32
FRAMES=6656
WINDOW=200		# a burst; two of them fit the uplink's slack
# What is left for each VM: without the uplink's frames and the agent's own.
EQUAL=$(((FRAMES - 1024 - 256 - 1024) / VMS))

lab_trap
lab_host_prepare $FRAMES
lab_wire 1
for ((n = 1; n <= VMS; n++)); do
	lab_veth_vm $n
done
for ns in "${LAB_NS[@]}"; do
	lab_in "${ns#"$LAB-"}" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done

# Windows are so long that no pool has shrunk by itself when the next ones need
# frames: they are taken back.
start() { # POOL
	local n

	{
		cat <<-END
		pools: {window_ms: 2000}
		fdb:
		  static: [{mac: "$(net_mac wire)", port: up0}]
		uplinks: [{name: up0, device: up0, reserve: 1024, out_max: 256}]
		vms:
		END
		for ((n = 1; n <= VMS; n++)); do
			net_veth_vm $n "way: agent, pool: {$1}"
		done
	} | net_config
	sed -i "s/frames: $NET_MEMORY/frames: $FRAMES/" "$NET_CONFIG"
	expect "start" lab_agent "$NET_CONFIG"
}

# The agent finds the first of it all at once.
burst() { # VM
	kill -STOP "$LAB_AGENT_PID"
	flow wire "$1" $((3 * WINDOW)) 10000 --window $WINDOW \
		--linger-ms 20
	eventually "a burst is there" flow_sent_more wire "$1" $WINDOW
	kill -CONT "$LAB_AGENT_PID"
}

# ---- fixed ----

start "min: $EQUAL, max: $EQUAL"
for n in 1 $VMS; do
	kill -STOP "$LAB_AGENT_PID"
	expect "a burst" lab_in wire "$LAB_TOOLS/frames" send wire0 \
		--count $WINDOW --pps 10000 --dmac "$(net_mac vm$n)" \
		--smac "$(net_mac wire)" > /dev/null
	kill -CONT "$LAB_AGENT_PID"
	all_known() {
		arrived=$(ip -n "$LAB-vm$n" -s -j link show eth0 |
			jq '.[0].stats64.rx.packets')
		lost=$(net_counter vm$n pool_full)
		[ $((arrived + lost)) = $WINDOW ]
	}
	eventually "what is lost is counted" all_known
	say "vm$n, always $EQUAL frames: $lost of $WINDOW lost"
	expect "a fixed pool loses much" [ "$lost" -ge $((WINDOW * 3 / 10)) ]
	net_audit "fixed pools"
done
expect "no frame is missing" lab_agent_stop

# ---- breathing ----

start "min: 64, max: 2048"
for ((n = 1; n <= VMS; n++)); do
	burst vm$n
	flow_end wire vm$n
done
say "$VMS bursts, one after the other: nothing lost;" \
	"frames were taken back $(net_pool_log |
		jq '[.[] | select(.reason == "reclaim")] | length') times"
expect "who has had his burst gives frames back" \
	net_pool_logged vm1 '.reason == "reclaim"'
net_audit "after all bursts"
# By twos, which is as much as there is memory for.
for ((n = 1; n <= VMS / 2; n += 2)); do
	burst vm$n
	burst vm$((n + 1))
	flow_end wire vm$n
	flow_end wire vm$((n + 1))
done
say "two at a time: nothing lost"
expect_equal "losses" "" "$(net_drops)"
net_audit "after all bursts"
expect "no frame is missing" lab_agent_stop
