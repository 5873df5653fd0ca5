#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The bypass: which pairs of guests pass the switch by, that they do, and that
# nothing is lost, doubled or overtaken when they begin to and when they stop.
#
#	[agent] vm1, vm2   class 0; every offload
#	        vm3        class 3; accepts no offloads
#	        vm4, vm5   VLAN 10; vm4 may use one address only
. "$(dirname "$0")/guests.bash"

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1

config() { # RULES [KEYS-OF-VM4]
	net_config <<-END
	workers: {cores: [$(guests_cores)]}
	uplinks: [{name: up0, device: up0}]
	vms:
	$(guest_vm 1)
	$(guest_vm 2)
	$(guest_vm 3 "" "class: 3")
	$(guest_vm 4 "" "vlan: 10${2:+, $2}")
	$(guest_vm 5 "" "vlan: 10")
	bypass: [$1]
	END
}

rules() { # RULES: by a reload
	config "$@"
	expect "reload" lab_ctl reload > /dev/null
}

# pair FROM TO FILTER
pair() {
	lab_ctl -j bypass show -a | jq -r --arg f "$1" --arg t "$2" \
		".[] | select(.from == \$f and .to == \$t) | $3"
}

# Packets from FROM that went past the switch to TO so far.
passed() { pair "$1" "$2" .packets; }
passes() { [ "$(passed "$1" "$2")" -gt "$3" ]; }

# goes WHAT FROM TO: traffic passes the switch by; stays: it does not.
goes() {
	eventually "$1: past the switch" passes "$2" "$3" "$(passed "$2" "$3")"
}

stays() {
	local before

	expect "$1: not active" [ "$(pair "$2" "$3" .state)" != active ]
	before=$(passed "$2" "$3")
	guests_go_on traffic 2000
	expect_equal "$1: past the switch" "$before" "$(passed "$2" "$3")"
}

config ""
expect "start" lab_agent "$NET_CONFIG"
guests traffic "$(guest_end 1)" "$(guest_end 2)" "$(guest_end 3 kind=plain)" \
	"$(guest_end 4)" "$(guest_end 5)" --flow vm1:vm2 --flow vm1:vm3 \
	--flow vm4:vm5 --window 64
guests_go_on traffic 1000

# ---- rules, under traffic ----

stays "no rules" vm1 vm2
rules "{vms: [vm1, vm2]}"
goes "rule of VMs" vm1 vm2
goes "rule of VMs" vm2 vm1
stays "rule of VMs, another" vm1 vm3
rules "{class: 3}"
goes "rule of a class" vm3 vm1
stays "rule of a class, the other way" vm1 vm3
stays "rule of a class, another" vm1 vm2
rules "{vlan: 10}"
goes "rule of a network" vm4 vm5
stays "rule of a network, another" vm1 vm2
rules "{vlan: 10}, {vlan: 0}"
goes "two rules" vm4 vm5
goes "two rules" vm2 vm1
goes "to who accepts no offloads" vm3 vm1
say "rules come and go"

for ((i = 0; i < 10; i++)); do
	rules ""
	guests_go_on traffic 200
	rules "{vlan: 0}, {vlan: 10}"
	guests_go_on traffic 200
done
say "ten times more"

# ---- held ----

for ((i = 0; i < 10; i++)); do
	expect "off" lab_ctl bypass off vm1 > /dev/null
	expect_equal "why" "pktctl bypass off vm1" "$(pair vm1 vm2 .why)"
	[ $i = 0 ] && stays "held" vm1 vm2 && stays "held" vm2 vm1
	guests_go_on traffic 200
	expect "on" lab_ctl bypass on vm1 > /dev/null
	expect_equal "state" active "$(pair vm1 vm2 .state)"
	goes "again" vm1 vm2
done
guests_stop traffic
say "held and back, ten times: $(guests_result .arrived) packets in order"

# ---- a receiver that is slow to receive ----

guests full "$(guest_end 1)" "$(guest_end 2 ring=64)" --flow vm1:vm2 \
	--lazy vm2 --packets 20000 --window 400
guests_end full
expect "it waited for buffers" [ "$(lab_ctl -j vm show vm2 |
	jq '[.. | .no_room? // empty] | add // 0')" -gt 0 ]
say "a full ring: nothing lost"

# ---- addresses ----

rules "{vlan: 10}" "addresses: [192.0.2.1]"
before=$(passed vm4 vm5)
guests denied "$(guest_end 4)" "$(guest_end 5)" --flow vm4:vm5 --lossy \
	--flows 1 --window 8
sent() { [ "$(net_counter vm4 src_ip)" -gt 0 ]; }
eventually "packets with another address are refused" sent
guests_go_on denied 1000
guests_stop denied
expect_equal "of these past the switch" "$before" "$(passed vm4 vm5)"
say "source addresses are checked"
expect "no frame is missing" lab_agent_stop
