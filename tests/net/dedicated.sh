#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A NIC's queue for one VM alone, and back to all, under traffic.
#
#	wire --- up0, 4 queues [agent, agent's way] vm1   queue 3, its own or
#	AF_XDP out of each queue                          everybody's
#	                                            vm2   queues 0 and 1
#
# Nothing is lost or reordered when the queue changes hands. What vm1 may
# receive on its own queue is what its pool has posted there.
. "$(dirname "$0")/guests.bash"

ROUNDS=20

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 4
lab_veth_vm 1
lab_veth_vm 2
for ns in wire vm1 vm2 host; do
	lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done

config() { # MORE-KEYS-OF-VM1
	net_config <<-END
	workers: {cores: [$(guests_cores)]}
	pools: {window_ms: 20}
	fdb:
	  static:
	$(for queue in 0 1 2 3; do
		echo "    - {mac: \"$(smac $queue)\", port: up0}"
	done)
	    - {mac: "$(net_mac wire)", port: up0}
	uplinks: [{name: up0, device: up0, way: agent}]
	vms:
	$(net_veth_vm 1 "way: agent, pool: {min: 512, max: 512}${1:+, $1}")
	$(net_veth_vm 2 "way: agent, pool: {min: 1024, max: 1024}")
	END
}

# Who sends on the queue.
smac() { lab_mac $((200 + $1)); }

reload() { # MORE-KEYS-OF-VM1
	config "${1:-}"
	lab_ctl reload > "$LAB_DIR/reload.log" 2>&1 ||
		fail "reload: $(cat "$LAB_DIR/reload.log")"
}

# start_on QUEUE VM COUNT PPS: a flow out of this queue.
start_on() {
	local name=$2-queue$1

	NET_SEED=$((NET_SEED + 1))
	NET_PROGRESS[$name]=$LAB_DIR/$name.progress
	lab_start "$2" "$name" "$LAB_TOOLS/frames" recv eth0 \
		--seed $NET_SEED --dmac "$(net_mac "$2")" --ethertype raw \
		--smac "$(smac "$1")" --count "$3" \
		--progress "${NET_PROGRESS[$name]}"
	NET_PID[$name]=$LAB_LAST_PID
	NET_WHAT[$name]="queue $1 to $2"
	eventually "a receiver" grep -q ready "$LAB_DIR/$name.log"
	lab_start wire "send-$name" "$LAB_TOOLS/afxdp_queue" --dev wire0 \
		--queue "$1" --seed $NET_SEED --count "$3" --ethertype raw \
		--smac "$(smac "$1")" --dmac "$(net_mac "$2")" --pps "$4" \
		--progress "${NET_PROGRESS[$name]}"
	NET_PID[send-$name]=$LAB_LAST_PID
}

end_on() { # QUEUE VM
	local name=$2-queue$1 rc=0

	lab_reap "${NET_PID[send-$name]}" || rc=$?
	unset "NET_PID[send-$name]"
	net_may_send $rc wire "${NET_PROGRESS[$name]}"
	net_received "$2" "queue$1"
}

at_work() { ! lab_gone "${NET_PID[send-$2-queue$1]}"; }

# Frames out of this queue, at once.
burst() { # QUEUE VM COUNT
	lab_in wire "$LAB_TOOLS/afxdp_queue" --dev wire0 --queue "$1" \
		--count "$3" --pps 5000 --smac "$(smac "$1")" \
		--dmac "$(net_mac "$2")" > /dev/null ||
		fail "cannot send to $2"
}

receivers() { # on queue 3
	lab_ctl -j queue show up0 | jq -r '[.[] | select(.index == 3) |
		.shares[].to | select(.)] | sort | join(" ")'
}

received() { # VM
	ip -n "$LAB-$1" -s -j link show eth0 | jq '.[0].stats64.rx.packets'
}

# ---- from hand to hand ----

config
expect "start" lab_agent "$NET_CONFIG"
start_on 3 vm1 30000 3000
start_on 0 vm2 20000 2000
start_on 1 vm2 20000 2000
flow vm1 vm2 any 1000
n=0
while [ $n -lt $ROUNDS ] || at_work 3 vm1; do
	reload "uplink_queues: [3]"
	expect_equal "who receives on queue 3" "vm1" "$(receivers)"
	reload
	expect_equal "who receives on queue 3" "vm1 vm2" "$(receivers)"
	n=$((n + 1))
done
end_on 3 vm1
end_on 0 vm2
end_on 1 vm2
flow_end vm1 vm2
say "$n times its own and everybody's again: nothing lost or reordered"
net_audit "after all that"
expect_equal "losses" "" "$(net_drops)"
expect_equal "vm1's pool" 512 "$(net_pool vm1 size)"

expect "no frame is missing" lab_agent_stop

# ---- its own ----

config "uplink_queues: [3]"
expect "start" lab_agent "$NET_CONFIG"
# What was posted for all before comes back with packets.
start_on 3 vm1 5000 5000
end_on 3 vm1
posted=$(lab_ctl -j queue show up0 |
	jq '.[] | select(.index == 3) | .outstanding')
expect "what is posted is of vm1's pool" [ "$posted" -le 512 ]
lost_before=$(net_losses)
before=$(received vm1)
before2=$(received vm2)
kill -STOP "$LAB_AGENT_PID"
burst 3 vm1 1000
burst 0 vm2 100
kill -CONT "$LAB_AGENT_PID"
all_known() {
	arrived=$(($(received vm1) - before))
	lost=$(($(net_losses) - lost_before))
	counts="of 1000 frames $arrived arrived, $posted were posted:"
	counts+=" $(net_drops | paste -sd,)"
	[ $((arrived + lost)) = 1000 ]
}
lab_wait $LAB_PATIENCE all_known ||
	fail "each frame arrives, or is counted as lost: $counts"
say "its own: $counts"
expect_equal "what arrives is what was posted" "$posted" "$arrived"
eventually "nobody else loses by that" flow_got vm2 $((before2 + 100))
net_audit "at the end"
expect "no frame is missing" lab_agent_stop
