#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A storm of pktctl pool resize while somebody sends as fast as the machine can,
# and kill -9 in the middle of it.
#
#	wire --- up0, 2 queues [agent, agent's way] vm1 <- vm4 floods it
#	                                            vm2 <- wire, vm3
#	                                            vm3    always 1024 frames
#
# Flows within a VM's minimum lose nothing, whatever its pool is resized to.
# What the flood loses is counted. The agent that is started after the other was
# killed takes its counts over, and no VM has less than before.
. "$(dirname "$0")/guests.bash"

RESIZES=100
WINDOW=60

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 2
for n in 1 2 3 4; do
	lab_veth_vm $n
done
for ns in wire vm1 vm2 vm3 vm4 host; do
	lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
net_config <<-END
workers: {cores: [$(guests_cores)]}
pools: {window_ms: 20}
fdb:
  static: [{mac: "$(net_mac wire)", port: up0}]
uplinks: [{name: up0, device: up0, way: agent}]
vms:
$(net_veth_vm 1 "way: agent, pool: {min: 64, max: 4096}")
$(net_veth_vm 2 "way: agent, pool: {min: 1024, max: 8192}")
$(net_veth_vm 3 "way: agent, pool: {min: 1024, max: 1024}")
$(net_veth_vm 4 "way: agent, pool: {min: 64, max: 4096}")
END

# Resizes VMs $1 and $2 as often as it can, until $LAB_DIR/calm is there. An
# agent that is not there does not answer.
resize_all() {
	local vm size n=0 min=64 max=4096

	while [ ! -e "$LAB_DIR/calm" ]; do
		vm=$1
		[ $((RANDOM % 2)) = 0 ] || vm=$2
		case $vm in
		vm2) min=1024 max=8192 ;;
		*) min=64 max=4096 ;;
		esac
		# Small ones as often as large ones.
		size=$((RANDOM % 2 ? min + RANDOM % (max - min + 1) :
			min + RANDOM % 64))
		if lab_ctl pool resize "$vm" --frames $size > /dev/null 2>&1
		then
			n=$((n + 1))
			echo $n > "$LAB_DIR/resized-$1-$2"
		fi
	done
}

storm() {
	rm -f "$LAB_DIR"/calm "$LAB_DIR"/resized-*
	flow wire vm2 any 3000 --window $WINDOW
	flow vm3 vm2 any 3000
	flow vm2 wire any 2000
	lab_start vm4 flood "$LAB_BUILD/tests/bench/pktgen" --dev eth0 \
		--smac "$(net_mac vm4)" --dmac "$(net_mac vm1)" --size 200
	flood=$LAB_LAST_PID
	resize_all vm1 vm2 &
	storms=($!)
	resize_all vm2 vm4 &
	storms+=($!)
	LAB_PIDS+=("${storms[@]}")
	eventually "the flood is there" flow_got vm1 10000
	eventually "pools are resized" resized $RESIZES
}

resized() { # TIMES, by each
	local n

	for n in vm1-vm2 vm2-vm4; do
		[ "$(cat "$LAB_DIR/resized-$n" 2> /dev/null || echo 0)" -ge \
			"$1" ] || return
	done
}

calm() {
	local pid

	: > "$LAB_DIR/calm"
	for pid in "${storms[@]}"; do
		lab_reap "$pid"
	done
	lab_stop $flood || fail "$(cat "$LAB_DIR/flood.log")"
}

# A packet is lost once, wherever that was. Some may still be on their way.
all_counted() {
	local arrived sent lost off

	arrived=$(ip -n "$LAB-vm1" -s -j link show eth0 |
		jq '.[0].stats64.rx.packets')
	sent=$(ip -n "$LAB-vm4" -s -j link show eth0 |
		jq '.[0].stats64.tx.packets')
	lost=$(($(net_losses vm1) + $(net_losses vm4)))
	counts="vm4 sent $sent, $arrived arrived at vm1, $lost are counted"
	off=$((sent - arrived - lost))
	[ ${off#-} -le 100 ]
}

within_bounds() {
	lab_ctl -j pool log -a | jq -e 'all(.[]; .to <= 8192)' > /dev/null &&
		lab_ctl -j pool show | jq -e '.ports | all(.kind != "vm" or
			(.min <= .size and .size <= .max))' > /dev/null
}

# ---- a storm ----

expect "start" lab_agent "$NET_CONFIG"
storm
flow_end wire vm2
flow_end vm3 vm2
flow_end vm2 wire
calm
say "$(cat "$LAB_DIR"/resized-* | paste -sd+) resizes:" \
	"flows within the minimum lost nothing"
lab_wait $LAB_PATIENCE all_counted || fail "each loss is counted once: $counts"
say "$counts"
expect "a request is a reason" net_pool_logged vm2 '.reason == "request"'
expect "pools are within their bounds" within_bounds
net_audit "after a storm"

# ---- killed in one ----

storm
lab_stop "$LAB_AGENT_PID" KILL
rm "$LAB_SOCK"
say "killed in a storm"
flow_end_lossy wire vm2
flow_end_lossy vm3 vm2
flow_end_lossy vm2 wire
expect "restart" lab_agent "$NET_CONFIG"
net_logged "took over .* BPF maps" || fail "it does not say that it took over"
# The storm goes on.
rm -f "$LAB_DIR"/resized-*
eventually "pools are resized" resized 50
calm
for vm in vm1 vm2 vm3 vm4; do
	expect "resize" lab_ctl pool resize $vm --frames 1024 > /dev/null
	eventually "$vm's pool" net_pool_is $vm size 1024
done
# All of what the minimum has, on each queue, many times over.
for vm in vm2 vm3; do
	flow wire $vm 20000 20000 --window $WINDOW
	flow_end wire $vm
	flow $vm vm1 20000 20000 --window $WINDOW
	flow_end $vm vm1
done
expect_equal "losses after the restart" "" "$(net_drops |
	grep 'vm[23]:.*pool_full')"
net_audit "after the restart"

# ---- killed with packets that nobody has read ----

# As many as vm3, whose pool has no room to grow, may have on a queue.
BURST=200
burst() {
	lab_in wire "$LAB_TOOLS/afxdp_queue" --dev wire0 --queue 0 \
		--count $BURST --pps 5000 --smac "$(net_mac wire)" \
		--dmac "$(net_mac vm3)" > /dev/null || fail "cannot send to vm3"
}

received() {
	ip -n "$LAB-vm3" -s -j link show eth0 | jq '.[0].stats64.rx.packets'
}

kill -STOP "$LAB_AGENT_PID"
burst
lab_stop "$LAB_AGENT_PID" KILL
rm "$LAB_SOCK"
expect "restart" lab_agent "$NET_CONFIG"
before=$(received)
for i in 1 2; do
	kill -STOP "$LAB_AGENT_PID"
	burst
	kill -CONT "$LAB_AGENT_PID"
	eventually "vm3 may have as much as before" flow_got vm3 \
		$((before + i * BURST))
done
net_audit "after another restart"
expect "no frame is missing" lab_agent_stop
say "no credit is lost, and no frame"
