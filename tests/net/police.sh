#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# VMs with maximums on the kernel way: the programs let pass what the
# configuration says, to 2 %, and every other packet is counted as rate_in or
# rate_out. Rates change by reload under way, and the port stays open.
#
#	wire --- up0 [agent] vm1   rate in and out: 1, 10, 200 Mbit/s
#	                     vm2   packets a second, in
#
# The clock is the one that the buckets have. That no more passes than it may is
# certain for any two looks, whatever the machine does; that not less does is only
# if the sender runs all the time, so one of several windows has to show it.
. "$(dirname "$0")/net.bash"

SIZE=1490			# with 24 bytes on the wire 1514
WIRE=$((SIZE + 24))
PPS=25000			# 300 Mbit/s are offered
WINDOW_MS=2500
WINDOWS=12

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 1
lab_veth_vm 2
# No packets but the test's.
for ns in "${LAB_NS[@]}"; do
	ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
		net.ipv6.conf.default.disable_ipv6=1
done

config() { # RATE BURST
	net_config <<-END
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0}]
	vms:
	$(net_veth_vm 1 "rate: {in: {max: $1, burst: $2},
	   out: {max: $1, burst: $2}}")
	$(net_veth_vm 2 "rate: {in: {max_packets: 500, burst_packets: 20}}")
	END
}

uptime_us() { # CLOCK_MONOTONIC, like the buckets'
	awk '/^now at/ { printf "%.0f\n", $3 / 1000; exit }' /proc/timer_list
}

device() { # ENDPOINT MEMBER
	ip -n "$LAB-$(net_ns "$1")" -s -j link show "$(net_dev "$1")" |
		jq ".[0].stats64.$2"
}

arrived() { device "$1" rx.packets; }

# A look at what has arrived: not before LOOK[0], not after LOOK[2].
look() { # AT
	LOOK=("$(uptime_us)" "$(arrived "$1")" "$(uptime_us)")
}

# keeps AT UNITS-A-SECOND BURST-UNITS UNITS-A-PACKET: what arrives at AT.
keeps() {
	local at=$1 rate=$2 burst=$3 each=$4 first i got most least

	for ((i = 0; i < WINDOWS; i++)); do
		look "$at"
		first=("${LOOK[@]}")
		sleep ${WINDOW_MS}e-3
		look "$at"
		got=$(((LOOK[1] - first[1]) * each))
		# one packet of each CPU, and those between bucket and device
		most=$((rate * (LOOK[2] - first[0]) / 1000000 + burst +
			each * (2 * $(nproc) + 64)))
		[ $got -le $most ] ||
			fail "$at: $got arrived, and no more than $most may"
		least=$((rate * (LOOK[0] - first[2]) / 1000000))
		most=$((rate * (LOOK[2] - first[0]) / 1000000))
		KEPT=$((got * 10000 / ((least + most) / 2)))
		[ $((got * 100)) -lt $((least * 98)) ] ||
			[ $((got * 100)) -gt $((most * 102)) ] || return 0
		say "$at: $KEPT of 10,000 of the rate in window $i: again"
	done
	fail "$at: not within 2 % of $rate a second in any of $WINDOWS windows"
}

reload() { # RATE BURST
	config "$1" "$2"
	lab_ctl reload > "$LAB_DIR/reload.log" 2>&1 ||
		fail "reload: $(cat "$LAB_DIR/reload.log")"
	expect_equal "reload to $1" "0 added, 0 removed, 1 changed, 2 as before" \
		"$(cat "$LAB_DIR/reload.log")"
	expect_equal "what pktctl says of vm1" "in $1, out $1" \
		"$(net_port vm1 .policed)"
	expect_equal "vm1's way" kernel "$(net_port vm1 .way.got)"
	sleep 0.3		# what was saved at the old rate is gone
}

# floods FROM TO: at all rates in turn; nothing is uncounted.
floods() {
	local from=$1 to=$2 port=vm1 reason=rate_in sent before

	[ "$from" = wire ] || reason=rate_out
	before=("$(arrived "$to")" "$(net_counter $port $reason)" "$(net_losses)" \
		"$(device "$from" tx.packets)" "$(device "$from" tx.dropped)")
	reload 1Mbit 4KiB
	flow "$from" "$to" any $PPS --window 0 --min $SIZE --max $SIZE
	eventually "$reason" more_than $port $reason $((before[1] + 1000))
	net_mark_log
	keeps "$to" 1000000 32768 $((WIRE * 8))
	say "$from to $to: 1 Mbit/s: $KEPT of 10,000"
	reload 200Mbit 1MiB
	keeps "$to" 200000000 8388608 $((WIRE * 8))
	say "$from to $to: 200 Mbit/s: $KEPT of 10,000"
	reload 10Mbit 32KiB
	keeps "$to" 10000000 262144 $((WIRE * 8))
	say "$from to $to: 10 Mbit/s: $KEPT of 10,000"
	net_logged_again "vm1: up" && fail "vm1 was opened again"
	sent=$(flow_sent "$from" "$to")
	flow_end_sending "$from" "$to"
	eventually "$from to $to: every packet is accounted for" \
		adds_up "$from" "$to" "$sent" "${before[@]}"
	say "$from to $to: $(($(device "$from" tx.packets) - before[3])) sent," \
		"$(($(arrived "$to") - before[0])) arrived," \
		"$(($(net_counter $port $reason) - before[1])) $reason"
	lab_reap "${NET_PID[$to-$from]}"
	unset "NET_PID[$to-$from]"
}

more_than() { [ "$(net_counter "$1" "$2")" -gt "$3" ]; }

# adds_up FROM TO SENT ARRIVED POLICED LOSSES TX DROPPED: since those, at least
# SENT packets were sent, and what was sent has arrived or is counted as lost.
# Besides the rate there may be losses on a busy machine: counted at a port, or
# by the sender's own device, which did not send it then.
adds_up() {
	local tx=$(($(device "$1" tx.packets) - $7))

	[ $((tx + $(device "$1" tx.dropped) - $8)) -ge "$3" ] &&
		[ $tx = $(($(arrived "$2") - $4 + $(net_losses) - $6)) ]
}

# ---- both directions ----

config 2Mbit 4KiB
expect "start" lab_agent "$NET_CONFIG"
lab_ctl port show | grep -q "policed: in 2Mbit, out 2Mbit" ||
	fail "pktctl port show: $(lab_ctl port show)"
expect_equal "what pktctl says of vm2" "in 500 packets/s" \
	"$(net_port vm2 .policed)"
expect_equal "what pktctl says of up0" "" "$(net_port up0 .policed)"
floods wire vm1
floods vm1 wire

# ---- packets, and from VM to VM ----

flow vm1 vm2 any 4000 --window 0 --min 60 --max 60
eventually "rate_in" more_than vm2 rate_in 100
keeps vm2 500 20 1
flow_end_sending vm1 vm2
lab_reap "${NET_PID[vm2-vm1]}"
unset "NET_PID[vm2-vm1]"
say "vm1 to vm2: 500 packets a second: $KEPT of 10,000"

# ---- what goes through the agent ----

# Broadcasts are the agent's to copy, and take from the same bucket.
seen=$(net_counter vm2 rate_in)
NET_MAC[vm2]=ff:ff:ff:ff:ff:ff
flow vm1 vm2 any 4000 --window 0 --min 60 --max 60
eventually "broadcasts above the rate" more_than vm2 rate_in \
	$((seen + 100))
keeps vm2 500 20 1
flow_end_sending vm1 vm2
lab_reap "${NET_PID[vm2-vm1]}"
unset "NET_PID[vm2-vm1]" "NET_MAC[vm2]"
say "broadcasts of vm1 to vm2: 500 packets a second: $KEPT of 10,000"

# ---- without the agent ----

# The kernel way goes on, and keeps the rate; who starts then finds its debt.
lab_stop "$LAB_AGENT_PID" KILL
flow wire vm1 any 5000 --window 0 --min $SIZE --max $SIZE
sleep 0.3		# what was saved is gone
keeps vm1 10000000 262144 $((WIRE * 8))
say "wire to vm1 without the agent: 10 Mbit/s: $KEPT of 10,000"
expect "restart" lab_agent "$NET_CONFIG"
keeps vm1 10000000 262144 $((WIRE * 8))
say "wire to vm1 with the next one: 10 Mbit/s: $KEPT of 10,000"
flow_end_sending wire vm1
lab_reap "${NET_PID[vm1-wire]}"
unset "NET_PID[vm1-wire]"

net_frames wire vm1 --pps 500
expect "no frame is missing" lab_agent_stop
say "all frames accounted for"
