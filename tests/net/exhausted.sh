#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# VMs want more frames than there are.
#
#	wire --- up0 [agent] vm1, vm2   vhost-user, stopped
#	                     vm3        flows within its minimum
#	                     vm4, vm5   flood vm1 and vm2
#
# Whatever is lost has a reason, the agent answers, and who stays within his
# minimum loses nothing.
. "$(dirname "$0")/guests.bash"

FRAMES=4096
RING=256	# what a stopped guest's ring takes

lab_trap
lab_host_prepare $FRAMES
lab_wire 1
for n in 3 4 5; do
	lab_veth_vm $n
done
for ns in wire vm3 vm4 vm5 host; do
	lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
guest() {
	echo "  - {name: vm$1, mac: \"$(net_mac "vm$1")\", way: agent," \
		"pool: {min: 64, max: $FRAMES}, device: {type: vhost-user," \
		"socket: $(guest_socket "vm$1")}}"
}
net_config <<-END
workers: {cores: [$(guests_cores)]}
pools: {window_ms: 20}
fdb:
  static: [{mac: "$(net_mac wire)", port: up0}]
uplinks: [{name: up0, device: up0, way: agent, reserve: 512, out_max: 256}]
vms:
$(guest 1)
$(guest 2)
$(net_veth_vm 3 "way: agent, pool: {min: 512, max: 512}")
$(net_veth_vm 4 "way: agent, pool: {min: 64, max: 2048}")
$(net_veth_vm 5 "way: agent, pool: {min: 64, max: 2048}")
END
sed -i "s/frames: $NET_MEMORY/frames: $FRAMES/" "$NET_CONFIG"

# At least N packets were lost at vmN.
is_losing() { [ "$(net_losses "$1")" -ge "$2" ]; }

nothing_to_spare() {
	lab_ctl -j pool show | jq -e '.arena.promises.spare < 64' > /dev/null
}

# What a flooder sent was lost, or is in the ring of its guest, which has ended.
all_counted() { # FLOODER GUEST
	local sent lost

	sent=$(ip -n "$LAB-$1" -s -j link show eth0 |
		jq '.[0].stats64.tx.packets')
	lost=$(($(net_losses "$1") + $(net_losses "$2")))
	counts="$1 sent $sent, $lost were counted as lost at $1 and $2"
	[ $lost -le "$sent" ] && [ $((sent - lost)) -le $((RING + 100)) ]
}

expect "start" lab_agent "$NET_CONFIG"
for n in 1 2; do
	lab_start host "echo$n" "$LAB_TOOLS/hostile" echo \
		--socket "$(guest_socket vm$n)" --mac "$(net_mac vm$n)"
	echo[n]=$LAB_LAST_PID
	eventually "vm$n is connected" net_port_works vm$n
	kill -STOP "${echo[n]}"
done
flow wire vm3 any 3000
flow vm3 wire any 3000
for n in 1 2; do
	lab_start vm$((n + 3)) "flood$n" "$LAB_BUILD/tests/bench/pktgen" \
		--dev eth0 --smac "$(net_mac vm$((n + 3)))" \
		--dmac "$(net_mac vm$n)" --size 200
	flood[n]=$LAB_LAST_PID
	eventually "vm$n loses packets" is_losing vm$n 100000
done
eventually "there is nothing to spare" nothing_to_spare
say "$(lab_ctl -j pool show | jq -c '[.ports[] | {(.port): .size}] | add')"
net_audit "while there is nothing to spare"
for ((i = 0; i < 20; i++)); do
	expect "the agent answers" lab_ctl -j pool show > /dev/null
	expect "the agent answers" lab_ctl -j vm show > /dev/null
done
lab_ctl pool resize vm2 --frames 4000 > "$LAB_DIR/resize.log" 2>&1 ||
	fail "resize: $(cat "$LAB_DIR/resize.log")"
grep -q "not to be had" "$LAB_DIR/resize.log" ||
	fail "there is no more, and it says: $(cat "$LAB_DIR/resize.log")"
for n in 1 2; do
	lab_stop "${flood[n]}" || fail "$(cat "$LAB_DIR/flood$n.log")"
	lab_stop "${echo[n]}" KILL
done
flow_end wire vm3
flow_end vm3 wire
say "who stays within his minimum lost nothing"
for n in 1 2; do
	lab_wait $LAB_PATIENCE all_counted vm$((n + 3)) vm$n ||
		fail "each loss is counted once: $counts"
	say "$counts"
done
net_audit "at the end"
expect "no frame is missing" lab_agent_stop
