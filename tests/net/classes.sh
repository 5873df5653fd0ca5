#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# An uplink whose output is shaped: classes and VMs have what they were promised.
#
#	vm1 ... vm4 [agent] up0 === wire	50 Mbit/s
#	        vm5 (network 10, tagged on the wire)
#
# Senders offer far more than there is, so that shares do not depend on how well
# they keep their pace on a machine that does something else, too.
. "$(dirname "$0")/net.bash"
. "$(dirname "$0")/flows.bash"

SECS=3
VMS="vm1 vm2 vm3 vm4"

# config SHAPE MORE KEYS-OF-VM1 ... KEYS-OF-VM4
config() {
	local shape=$1 more=$2

	shift 2
	net_config <<-END
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0, vlans: [0, 10], shape: $shape}]
	vms:
	$(net_veth_vm 1 "pool: {min: 1024, max: 2048}${1:+, $1}")
	$(net_veth_vm 2 "pool: {min: 1024, max: 2048}${2:+, $2}")
	$(net_veth_vm 3 "pool: {min: 1024, max: 2048}${3:+, $3}")
	$(net_veth_vm 4 "pool: {min: 1024, max: 2048}${4:+, $4}")
	$(net_veth_vm 5 "pool: {min: 1024, max: 2048}, vlan: 10, shape: {classes: [{class: 0}, {class: 3}, {class: 5}]}")
	$more
	END
}

again() {
	config "$@"
	expect "reload" lab_ctl reload > /dev/null
}

class() { # PORT CLASS FILTER
	lab_ctl -j class show | jq --arg p "$1" --argjson c "$2" \
		".[] | select(.port == \$p and .class == \$c) | $3"
}

nothing_waits() {
	lab_ctl -j class show | jq -e 'all(.[]; .waiting.packets == 0)' \
		> /dev/null
}
FLOWS_DRAINED=nothing_waits

# run FLOWS...: each "NUMBER VM BITS OPTIONS", to the wire. Nothing is out of
# order, and what is lost was lost by its class.
run() {
	local one lost=0 dropped

	dropped=$(net_losses)
	flows_begin $SECS wire
	for one; do
		# shellcheck disable=SC2086
		set -- $one
		flows_send "$1" "$2" wire "${@:3}"
		NUMBERS+=("$1")
	done
	expect "the flows end" flows_end
	expect_equal "reordered" 0 "$(jq '[.flows[].reordered] | add' \
		"$(flows_file wire)")"
	for one in "${NUMBERS[@]}"; do
		lost=$((lost + $(flows_sent "$one") - $(jq --argjson n "$one" \
			'[.flows[] | select(.flow == $n) | .packets] | add // 0' \
			"$(flows_file wire)")))
	done
	NUMBERS=()
	eventually "what is lost is counted ($dropped before, $lost more)" \
		drops_are $((dropped + lost))
}
NUMBERS=()

drops_are() { [ "$(net_losses)" = "$1" ]; }

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
for n in 1 2 3 4 5; do
	lab_veth_vm $n
done
# Nothing else is sent: all that is lost is the flows'.
for ns in "${LAB_NS[@]}"; do
	lab_in "${ns#"$LAB-"}" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
# shellcheck disable=SC2086
flows_neighbours wire $VMS

# ---- weights of classes ----

config "{rate: 50Mbit, classes: [{class: 1, weight: 1}, {class: 2, weight: 2},
	{class: 4, weight: 4}]}" "" "class: 1" "class: 2" "class: 4" "class: 0"
expect "start" lab_agent "$NET_CONFIG"
expect_equal "a shaped uplink's way" agent "$(net_port up0 .way.got)"
run "1 vm1 40000000" "2 vm2 40000000" "4 vm3 60000000"

say "weights 1, 2, 4: $(flows_mbit wire 1), $(flows_mbit wire 2)," \
	"$(flows_mbit wire 4) Mbit/s"
one=$(flows_value wire bits_1)
expect_between "all of the rate" 45e6 "$(flows_value wire bits)" 51e6
expect_between "weight 2" "1.8 * $one" "$(flows_value wire bits_2)" "2.2 * $one"
expect_between "weight 4" "3.6 * $one" "$(flows_value wire bits_4)" "4.4 * $one"
expect "lost by their class" [ "$(net_counter up0 class_full)" -gt 100 ]
net_audit "after weights"

# ---- strict, minimum, maximum ----

again "{rate: 50Mbit, classes: [{class: 7, strict: true, rate: {max: 20Mbit}},
	{class: 1, weight: 1, rate: {min: 15Mbit}}, {class: 2, weight: 100},
	{class: 3, rate: {max: 4Mbit}}]}" "" \
	"class: 7" "class: 1" "class: 2" "class: 3"
run "1 vm1 10000000" "2 vm2 40000000" "3 vm3 80000000" "4 vm4 20000000"
say "strict $(flows_mbit wire 1), a minimum $(flows_mbit wire 2)," \
	"a large weight $(flows_mbit wire 3) Mbit/s"
expect_equal "lost of the strict class" 0 "$(flows_value wire lost_1)"
expect_between "a minimum of 15 Mbit/s" 14e6 "$(flows_value wire bits_2)" 18e6
expect_between "all of the rate" 45e6 "$(flows_value wire bits)" 51e6
run "4 vm4 20000000"
say "a maximum alone: $(flows_mbit wire 4) Mbit/s"
expect_between "a maximum of 4 Mbit/s" 3.8e6 "$(flows_value wire bits_4)" 4.1e6

# ---- VMs in a class ----

again "{rate: 50Mbit}" ""
run "1 vm1 80000000" "2 vm2 30000000" "3 vm3 30000000" "4 vm4 30000000"
say "four VMs: Jain's index $(flows_value wire jain)"
expect_between "Jain's index" 0.98 "$(flows_value wire jain)" 1.001

# ---- by rules ----

again "{rate: 50Mbit, classes: [{class: 2}, {class: 3}, {class: 4}, {class: 5},
	{class: 6}]}" "classify:
  - {class: 2, dscp: 46}
  - {class: 3, ports: 9000, vms: vm2}
  - {class: 4, protocol: tcp}
  - {class: 5, vms: [vm3, vm4], protocol: udp}
  - {class: 3, pcp: 3}
  - {class: 5, pcp: 5}" "class: 6"

# in_class PORT CLASS COUNT COMMAND: so many packets more are of this class.
in_class() {
	local port=$1 class=$2 count=$3 was

	shift 3
	was=$(class "$port" "$class" .in.packets)
	"$@" > /dev/null || fail "$*"
	counted() {
		[ "$(class "$port" "$class" .in.packets)" -ge \
			$((was + count)) ]
	}
	eventually "$count packets of class $class: $*" counted
}

few() { # VM OPTIONS: 100 packets to the wire, or some less
	lab_in "$1" "$FLOWS_TOOL" send --to "$(flows_ip wire)" --rate 3075000 \
		--size 1514 --seconds 0.4 "${@:2}"
}
# No answers that nobody listens.
lab_start wire listen "$FLOWS_TOOL" recv --out "$LAB_DIR/nothing.json"
listener=$LAB_LAST_PID
eventually "a listener" grep -q ready "$LAB_DIR/listen.log"
in_class up0 2 50 few vm1 --tos $((46 << 2))
in_class up0 3 50 few vm2
in_class up0 2 50 few vm2 --tos $((46 << 2))	# the first rule that fits
in_class up0 6 50 few vm1			# the VM's own
in_class up0 5 50 few vm3
lab_stop "$listener"
say "DSCP, ports, VMs"

tcp() {
	flows_begin 1 wire
	flows_send 1 vm3 wire 0 --tcp
	flows_end
}
in_class up0 4 50 tcp
say "protocols"

tagged() { # PRIORITY
	lab_in wire "$LAB_TOOLS/frames" send wire0 --count 100 --pps 2000 --ethertype raw \
		--dmac "$(net_mac vm5)" --smac "$(net_mac wire)" \
		--outer $(($1 << 13 | 10))
}
in_class vm5 3 100 tagged 3
in_class vm5 5 100 tagged 5
in_class vm5 0 100 tagged 0
say "priorities in tags"

net_audit "at the end"
for port in up0 vm1 vm2 vm3 vm4; do
	others=$(lab_ctl -j counters show | jq --arg p $port '[.[] |
		select(.port == $p and .kind == "drop" and
			.reason != "class_full" and .reason != "port_down") |
		.packets] | add // 0')
	expect_equal "$port: other losses" 0 "$others"
done
expect "no frame is missing" lab_agent_stop
