#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Three hosts with an agent each.
#
#	vm1, vm2 [h1] ===== switch ===== [h2] vm3
#	                       |
#	                     [h3] vm4, vm5
#
# All VMs reach each other, and the hosts do beside them. A link drops what is
# more than its rate. A host whose agent is killed comes back, and the others
# go on meanwhile.
. "$(dirname "$0")/hosts.bash"

reach() { # FROM ADDRESS
	expect "$1 reaches $2" lab_in "$1" ping -q -c 2 -i 0.05 \
		-W $LAB_PATIENCE "$2" > /dev/null
}

all_reach() { # VM...
	local from to

	for from; do
		for to; do
			[ "$from" = "$to" ] || {
				reach "vm$from" "$(hosts_vm_ip "$to")"
				reach "vm$from" "fd77::$to"
			}
		done
	done
}

lab_trap
hosts_up 3
hosts_vm 1 1
hosts_vm 1 2
hosts_vm 2 3
hosts_vm 3 4
hosts_vm 3 5
hosts_neighbours
for ((n = 1; n <= HOSTS; n++)); do
	hosts_config $n
	expect "host $n" hosts_start $n
done

all_reach 1 2 3 4 5
say "all VMs reach each other"
for from in 1 2 3; do
	for to in 1 2 3; do
		[ $from != $to ] || continue
		reach h$from "$(hosts_ip $to)"
		reach h$from "$(hosts_ip6 $to)"
	done
done
say "all hosts do"

# Far more than the link takes: most is dropped in front of it.
hosts_link 3 1mbit
lab_start vm4 recv "$LAB_TOOLS/qosflow" recv --out "$LAB_DIR/flows.json"
receiver=$LAB_LAST_PID
eventually "a receiver" grep -q ready "$LAB_DIR/recv.log"
lab_in vm1 "$LAB_TOOLS/qosflow" send --to "$(hosts_vm_ip 4)" --rate 40000000 \
	--seconds 1 > "$LAB_DIR/send.log"
sent=$(jq .sent "$LAB_DIR/send.log")
all_known() {
	arrived=$(ip -n "$LAB-vm4" -s -j link show eth0 |
		jq '.[0].stats64.rx.bytes')
	[ $((arrived / 1514 + $(hosts_link_drops 3))) -ge "$sent" ]
}
eventually "what was sent has arrived or was dropped" all_known
lab_stop "$receiver"
got=$(jq '.flows[0].packets' "$LAB_DIR/flows.json")
say "1 Mbit/s: $got of $sent packets arrived"
expect "few arrive" [ "$got" -lt $((sent / 2)) ]
expect_equal "reordered" 0 "$(jq '.flows[0].reordered' "$LAB_DIR/flows.json")"
lab_in switch tc qdisc del dev p3 root

hosts_kill 2
all_reach 1 2 4 5
expect "the agent is back" hosts_start 2
all_reach 1 2 3 4 5
say "an agent was killed, and came back"

for ((n = 1; n <= HOSTS; n++)); do
	expect "no frame is missing" hosts_stop $n
done
