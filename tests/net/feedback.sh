#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Hosts that tell each other what VMs may send.
#
#	vm1, vm2 [h1] ===== switch ===== [h2] vm3
#	                       |  100 Mbit/s
#	                     [h3] vm4 (40 Mbit/s are its own), vm5, vm6 (vhost-user)
#
# One, three, one senders; a guarantee; the same with 30 % of what they tell each
# other lost; an agent that is killed; a guest that reads slowly. The switch loses a lot without control, which
# is how it is seen to work. How fast it does is for "make bench-qos": here the
# first half second of each is left out.
. "$(dirname "$0")/hosts.bash"
. "$(dirname "$0")/flows.bash"

LINK=100
SECS=4

# What the link was not used for, and what was lost in front of it, in percent.
# losses COMMAND...: what is lost meanwhile is in LOST, packets.
losses() {
	local before

	before=$(hosts_link_drops 3)
	"$@" || fail "$*"
	LOST=$(($(hosts_link_drops 3) - before))
}

# run FLOWS...: "NUMBER FROM TO BITS OPTIONS" each.
run() {
	local one

	flows_begin $SECS vm4 vm5 || return
	for one; do
		# shellcheck disable=SC2086
		flows_send $one
	done
	flows_end
}

# of TO FLOW PERCENT PERCENT: of the link
of() {
	expect_between "flow $2 of $LINK Mbit/s" "$3 * 1e4 * $LINK" \
		"$(flows_value "$1" "bits_$2")" "$4 * 1e4 * $LINK"
}

# three WHAT: three senders share the link alike, and hardly anything is lost; one
# has all of it.
three() {
	losses run "1 vm1 vm4 90000000" "2 vm2 vm4 90000000" "3 vm3 vm4 90000000"
	say "$1: three: $(flows_mbit vm4 1), $(flows_mbit vm4 2)," \
		"$(flows_mbit vm4 3) Mbit/s, $LOST packets lost"
	expect_between "$1: Jain's index" 0.95 "$(flows_value vm4 jain)" 1.001
	expect_between "$1: the link in use" "0.75e6 * $LINK" \
		"$(flows_value vm4 bits)" "1e6 * $LINK"
	# Of 87,000 packets; a third is lost there without control.
	expect "$1: lost in the link" [ "$LOST" -lt 8000 ]
	losses run "1 vm1 vm4 95000000"
	say "$1: one: $(flows_mbit vm4 1) Mbit/s"
	of vm4 1 75 100
}

# guarantee WHAT: TCP to vm4 beside twice the link in datagrams to vm5.
guarantee() {
	losses run "1 vm1 vm4 0 --tcp" "2 vm2 vm5 100000000" "3 vm3 vm5 100000000"
	say "$1: guaranteed 40: $(flows_mbit vm4 1) Mbit/s of TCP beside" \
		"$(flows_mbit vm5 2), $(flows_mbit vm5 3)"
	expect_between "$1: the guarantee" 36e6 "$(flows_value vm4 bits_1)" 100e6
	# Idle: others have it, and it is had back.
	losses run "1 vm1 vm4 0 --tcp --period 4000 --on 2000-4000" \
		"2 vm2 vm5 100000000" "3 vm3 vm5 100000000"
	idle=$(rates vm5 500 2000)
	back=$(rates vm4 2500 4000)
	say "$1: idle: others have $idle; back: $back bit/s"
	expect_between "$1: others meanwhile" 75e6 "$idle" 100e6
	expect_between "$1: had back" 36e6 "$back" 100e6
}

# The bits of all flows of a VM from one time to another, ms.
rates() {
	"$FLOWS_EVAL" share "$(flows_file "$1")" --start "$FLOWS_START" \
		--from "$2" --to "$3" | awk '$1 == "bits" { print $2 }'
}

lab_trap
hosts_rates_known || skip "this agent does not know other hosts"
hosts_up 3 ${LINK}mbit
hosts_vm 1 1
hosts_vm 1 2
hosts_vm 2 3
hosts_vm 3 4
hosts_vm 3 5
hosts_guest 3 6
hosts_neighbours
HOSTS_KEYS[4]="rate: {in: {min: 40Mbit}}"
for ((n = 1; n <= HOSTS; n++)); do
	hosts_config $n "shape: {rate: ${LINK}Mbit}" "$(hosts_rates)"
	expect "host $n" hosts_start $n
done

three "all is told"
guarantee "all is told"
for n in 1 2 3; do
	hosts_lose $n
done
three "30 % lost"
guarantee "30 % lost"
for n in 1 2 3; do
	hosts_lose_nothing $n
done

# Who is gone is not waited for, and who comes back is told again.
hosts_kill 2
losses run "1 vm1 vm4 90000000" "2 vm2 vm4 90000000"
say "an agent was killed: $(flows_mbit vm4 1), $(flows_mbit vm4 2) Mbit/s"
expect_between "the link in use" 75e6 "$(flows_value vm4 bits)" 100e6
expect "the agent is back" hosts_start 2
three "after it came back"

# A guest that takes 2,000 packets of 15,000 in SECS, beside one that takes all.
hosts_on 3 flows_guest 6 vm6 - --read 500
lost=$(hosts_on 3 net_losses vm6)
losses run "1 vm1 vm6 45000000" "2 vm2 vm4 30000000"
lost=$(($(hosts_on 3 net_losses vm6) - lost))
say "a slow guest: $(flows_mbit vm6 1) Mbit/s, $lost packets lost;" \
	"another one: $(flows_mbit vm4 2) Mbit/s"
expect_between "what a slow guest takes" 4e6 "$(flows_value vm6 bits_1)" 6.5e6
expect_between "another guest" 28e6 "$(flows_value vm4 bits_2)" 31e6
expect "what is too much does not come to the guest's host" [ $lost -lt 6000 ]

for ((n = 1; n <= HOSTS; n++)); do
	hosts_on $n net_audit "at the end"
	expect "no frame is missing" hosts_stop $n
done
