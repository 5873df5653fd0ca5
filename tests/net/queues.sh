#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# All queues of the NIC deliver, in order, with two workers.
#
#	wire --- up0, 4 queues [agent, workers on cores 0 and 1] vm1, vm2
#	AF_XDP out of each queue                   (kernel and agent way), tap3
#
# Queues 0 and 2 are the first worker's, 1 and 3 the second's, so that half of
# what arrives for a VM has to go from one worker to the other.
. "$(dirname "$0")/net.bash"

lab_trap
lab_host_prepare $NET_MEMORY
[ "$(nproc)" -ge 2 ] || skip "needs two CPUs"
lab_wire 4
lab_veth_vm 1
lab_veth_vm 2

received_at_least() { [ "$(received_on "$1")" -ge "$2" ]; }

received_on() { # QUEUE
	lab_ctl -j queue show up0 |
		jq ".[] | select(.index == $1) | .rx_packets"
}

all_worked() {
	[ "$(lab_ctl -j worker show | jq 'all(.[]; .packets > 1000)')" = true ]
}

# try WHAT WAY WORKERS
try() {
	local queue vm before mac seed rc

	net_config <<-END
	workers: {cores: $3}
	uplinks: [{name: up0, device: up0}]
	vms:
	$(net_veth_vm 1 "way: $2")
	$(net_veth_vm 2 "way: $2")
	$(net_tap_vm 3 "way: $2")
	END
	expect "$1: start" lab_agent "$NET_CONFIG"
	expect_equal "queues" 4 "$(lab_ctl -j queue show up0 | jq length)"
	for queue in 0 1 2 3; do
		before=$(received_on $queue)
		for vm in vm1 vm2 tap3; do
			net_frames_on $queue $vm
		done
		[ "$2" = kernel ] || eventually "$1: queue $queue was used" \
			received_at_least $queue $((before + 3000))
	done
	# All at once, each queue's in order. What is to be learned goes the
	# agent's way and would be overtaken, so that comes first.
	for queue in 0 1 2 3; do
		mac=$(lab_mac $((100 + queue)))
		lab_in wire "$LAB_TOOLS/frames" send wire0 --count 1 \
			--smac "$mac" --dmac "$(lab_mac 1)" > /dev/null
		eventually "$mac is learned" net_known "$mac" up0
	done
	for queue in 0 1 2 3; do
		NET_SEED=$((NET_SEED + 1))
		lab_start "vm1" "all-$queue" "$LAB_TOOLS/frames" recv eth0 \
			--seed $NET_SEED --dmac "$(lab_mac 1)" --ethertype raw \
			--smac "$(lab_mac $((100 + queue)))" --count 4000 \
			--progress "$LAB_DIR/all-$queue.progress"
		receiver[queue]=$LAB_LAST_PID
		eventually "a receiver" grep -q ready "$LAB_DIR/all-$queue.log"
	done
	for queue in 0 1 2 3; do
		seed=$((NET_SEED - 3 + queue))
		lab_start wire "send-$queue" "$LAB_TOOLS/afxdp_queue" \
			--dev wire0 --queue $queue --seed $seed --count 4000 \
			--smac "$(lab_mac $((100 + queue)))" --ethertype raw \
			--dmac "$(lab_mac 1)" --pps 2000 \
			--progress "$LAB_DIR/all-$queue.progress"
		sender[queue]=$LAB_LAST_PID
	done
	for queue in 0 1 2 3; do
		rc=0
		lab_reap "${sender[queue]}" || rc=$?
		[ $rc -le 1 ] || fail "$1: $(cat "$LAB_DIR/send-$queue.log")"
		lab_reap "${receiver[queue]}" || fail "$1: queue $queue: \
$(tail -n 1 "$LAB_DIR/all-$queue.log")"
	done
	if [ "$2" = agent ]; then
		eventually "$1: all workers worked" all_worked
	fi
	flow vm1 vm2 6000 2000
	flow vm2 vm1 6000 2000
	flow_end vm1 vm2
	flow_end vm2 vm1
	expect "$1: no frame is missing" lab_agent_stop
	say "$1: all right"
}

try "kernel way" kernel "[0]"
try "agent way, one worker" agent "[1]"
try "agent way, two workers" agent "[0, 1]"
