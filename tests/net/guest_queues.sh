#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Guests with several queue pairs, on two workers: all of them are used, flows
# keep their order, pairs come and go while the guests run. Calls are put off as
# configured, and nothing stays behind. Guests that are idle cost nothing.
#
#	[agent] vm1  4 queue pairs   vm3  2 queue pairs
#	        vm2  2 queue pairs   vm4  1, calls put off
. "$(dirname "$0")/guests.bash"

SECONDS_IDLE=5
TRIES=5		# a machine that stands still may charge the agent for it
PACKETS=30000
CALL_US=1000
CALL_PACKETS=32

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
for ns in wire host; do
	lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done

config() { # BYPASS-RULES MODERATION
	net_config <<-END
	workers: {cores: [$(guests_cores)]}
	uplinks: [{name: up0, device: up0}]
	vms:
	$(guest_vm 1 "queues: 4")
	$(guest_vm 2 "queues: 4")
	$(guest_vm 3 "queues: 2")
	$(guest_vm 4 "$2")
	bypass: [$1]
	END
}

all_used() { # WHAT VM
	expect_equal "$1: $2: pairs without a packet" 0 \
		"$(guests_result "[.ends.$2.pairs[] | select(. == 0)] | length")"
}

# Traffic on all pairs, whose number changes.
queues() { # WHAT RULES
	config "$2" ""
	expect "$1: start" lab_agent "$NET_CONFIG"
	guests queues "$(guest_end 1 pairs=4)" \
		"$(guest_end 2 pairs=2,manner=virtio-user)" \
		"$(guest_end 3 pairs=2)" --flow vm1:vm2 --flow vm2:vm3 \
		--flow vm1:vm3 --flows 8 --packets 40000 --window 96 \
		--toggle 1000
	guests_end queues
	all_used "$1" vm1
	all_used "$1" vm2
	all_used "$1" vm3
	say "$1: $(guests_result .arrived) packets in order, on pairs" \
		"$(guests_result '[.ends[].pairs] | tostring')"
}

# Calls to vm4 so far.
calls() {
	lab_ctl -j vm show vm4 | jq '[.. | objects |
		select(has("calls")) | .calls] | .[0] // 0'
}

# Packets of a small window: the guest sleeps in between.
call() {
	local before

	before=$(calls)
	guests calls "$(guest_end 3)" "$(guest_end 4)" --flow vm3:vm4 \
		--packets $PACKETS --window 32 --flows 1 --udp --max 500
	CALL_START=${EPOCHREALTIME/[.,]/}
	guests_end calls
	CALL_TOOK=$((${EPOCHREALTIME/[.,]/} - CALL_START + 1000000))
	CALLS=$(($(calls) - before))
}

queues "switched" ""
expect "no frame is missing" lab_agent_stop
queues "bypass" "{vlan: 0}"

# ---- calls ----

for rules in "" "{vlan: 0}"; do
	config "$rules" ""
	expect "reload" lab_ctl reload > /dev/null
	call
	at_once=$CALLS
	config "$rules" "moderation: {packets: $CALL_PACKETS, us: $CALL_US}"
	expect "reload" lab_ctl reload > /dev/null
	call
	say "calls for $((PACKETS / 2)) packets: $at_once, put off $CALLS"
	# One for so many packets or for so long.
	[ "$CALLS" -le $((PACKETS / CALL_PACKETS + CALL_TOOK / CALL_US)) ] ||
		fail "$CALLS calls in $CALL_TOOK us"
	expect "calls at all" [ "$CALLS" -gt 0 ]
done

# ---- idle ----

cpu_us() {
	awk '{ ns += $1 } END { print int(ns / 1000) }' \
		/proc/"$LAB_AGENT_PID"/task/*/schedstat
}

asleep() {
	[ "$(lab_ctl -j worker show | jq 'all(.[]; .sleeping)')" = true ]
}

guests idle "$(guest_end 1 pairs=4)" "$(guest_end 2 pairs=4)" \
	"$(guest_end 3 pairs=2)" "$(guest_end 4)" --flow vm1:vm2 --flow vm3:vm4 \
	--flow vm2:vm3
guests_go_on idle 1000
kill -STOP "${NET_PID[idle]}"
eventually "all workers sleep" asleep
sleep 1
for ((i = 0; i < TRIES; i++)); do
	before=$(cpu_us)
	sleep $SECONDS_IDLE
	used=$(($(cpu_us) - before))
	say "idle for $SECONDS_IDLE s: $used µs of CPU time"
	[ $used -ge $((SECONDS_IDLE * 10000)) ] || break
done
expect "less than 1 % of a core" [ $i -lt $TRIES ]
kill -CONT "${NET_PID[idle]}"
guests_go_on idle 1000
guests_stop idle
say "and on: $(guests_result .arrived) packets"
expect "no frame is missing" lab_agent_stop
