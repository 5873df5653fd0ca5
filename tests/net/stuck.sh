#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A VM that does not read, and one that floods, cost nobody but themselves.
#
#	wire --- up0 [agent] vm1   kernel way \  their flows lose nothing
#	                     vm2   agent way  /
#	                     tap3  kernel way \  stopped (SIGSTOP) while the
#	                     tap4  agent way  /  wire sends to them
#	                     vm5   its eth0 is down, agent way
#	                     vm6   floods vm7 as fast as it can, agent way
#	                     vm7
#
# What the others lose is counted, with a reason.
. "$(dirname "$0")/net.bash"

COUNT=20000	# to each that does not read
QUEUE=1000	# what a tap holds for its reader

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
for n in 1 2 5 6 7; do
	lab_veth_vm $n
done
net_config <<-END
fdb:
  static: [{mac: "$(net_mac wire)", port: up0}]
uplinks: [{name: up0, device: up0}]
vms:
$(net_veth_vm 1)
$(net_veth_vm 2 "way: agent")
$(net_tap_vm 3 "pool: {min: 1024, initial: 1024, max: 1024}")
$(net_tap_vm 4 "way: agent, pool: {min: 1024, initial: 1024, max: 1024}")
$(net_veth_vm 5 "way: agent, pool: {min: 1024, initial: 1024, max: 1024}")
$(net_veth_vm 6 "way: agent, pool: {min: 1024, initial: 1024, max: 1024}")
$(net_veth_vm 7 "pool: {min: 1024, initial: 1024, max: 1024}")
END
expect "start" lab_agent "$NET_CONFIG"
for n in 3 4; do
	lab_start host "tapvm$n" "$LAB_TOOLS/tapvm" --dev "tap$n" \
		--mac "$(lab_mac $n)" --ip "10.77.0.$n"
	tapvm[n]=$LAB_LAST_PID
	eventually "tapvm $n is there" grep -q ready "$LAB_DIR/tapvm$n.log"
	eventually "tap$n has a carrier" net_logged "tap$n has a carrier now"
done

good_flows() {
	flow wire vm1 any 2000
	flow wire vm2 any 2000
	flow vm2 vm1 any 2000
}

good_flows_end() {
	flow_end wire vm1
	flow_end wire vm2
	flow_end vm2 vm1
	say "$1: the others lost nothing"
}

losses_at_least() { # PORT WANTED
	[ "$(net_losses "$1")" -ge "$2" ]
}

# ---- who does not read ----

for n in 3 4; do
	kill -STOP "${tapvm[n]}"
	before[n]=$(net_losses tap$n)
done
good_flows
for n in 3 4; do
	lab_start wire "to-tap$n" "$LAB_TOOLS/frames" send wire0 \
		--count $COUNT --pps 4000 --dmac "$(lab_mac $n)" \
		--smac "$(net_mac wire)" --seed 90$n
	sender[n]=$LAB_LAST_PID
done
for n in 3 4; do
	lab_reap "${sender[n]}" || fail "cannot send to tap$n"
done
good_flows_end "two that do not read"
for n in 3 4; do
	# Its queue holds some, and so do the rings on the way.
	eventually "the losses at tap$n are counted" losses_at_least tap$n \
		$((before[n] + COUNT - QUEUE - 1024))
	kill -CONT "${tapvm[n]}"
	lost=$(($(net_losses tap$n) - before[n]))
	say "tap$n: lost $lost of $COUNT: $(net_drops | grep "^tap$n" |
		paste -sd,)"
	expect "no more than was sent is counted at tap$n" [ $lost -le $COUNT ]
	eventually "tap$n works again" \
		lab_in vm1 ping -q -c 1 -W 5 "10.77.0.$n"
done

# ---- who is not there ----

ip -n "$LAB-vm5" link set eth0 down
before[5]=$(net_losses vm5)
good_flows
lab_in wire "$LAB_TOOLS/frames" send wire0 --count 10000 --pps 4000 \
	--dmac "$(lab_mac 5)" --smac "$(net_mac wire)" > /dev/null
good_flows_end "one whose device is down"
vm5_lost() {
	[ $(($(net_losses vm5) + $(net_counter up0 port_down) - before[5])) \
		-ge 9900 ]
}
eventually "the losses at vm5 are counted" vm5_lost
say "vm5: $(net_drops | grep '^vm5\|^up0' | paste -sd,)"

# ---- who floods ----

good_flows
lab_in vm6 "$LAB_BUILD/tests/bench/pktgen" --dev eth0 --cpu 0 --seconds 2 \
	--dmac "$(lab_mac 7)" --smac "$(lab_mac 6)" > "$LAB_DIR/pktgen.log" ||
	fail "$(cat "$LAB_DIR/pktgen.log")"
good_flows_end "one that floods"
say "$(tail -n 1 "$LAB_DIR/pktgen.log"); $(net_drops | grep '^vm[67]' |
	paste -sd,)"
# A packet is lost once, wherever that was. Some may still be on their way.
all_counted() {
	local arrived sent lost off

	arrived=$(ip -n "$LAB-vm7" -s -j link show eth0 |
		jq '.[0].stats64.rx.packets')
	sent=$(ip -n "$LAB-vm6" -s -j link show eth0 |
		jq '.[0].stats64.tx.packets')
	lost=$(($(net_losses vm6) + $(net_losses vm7)))
	counts="vm6 sent $sent, $arrived arrived at vm7, $lost were counted as lost"
	off=$((sent - arrived - lost))
	[ ${off#-} -le 100 ]
}
lab_wait $LAB_PATIENCE all_counted || fail "each loss is counted once: $counts"
say "$counts"
expect "no frame is missing" lab_agent_stop
