#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What guests leave to do is done, byte for byte: TSO and checksums, IPv4 and
# IPv6, tags inside, ECN, at each kind of receiver; and segments from the wire
# are merged for those that accept it, and for nobody else.
#
#	wire --- up0 [agent] vm1   sends; accepts everything
#	                     vm2   accepts everything, in large buffers
#	                     vm3   accepts nothing
#	                     vm4   accepts unfinished checksums only
#	                     vm5   offloads: {gro: false}
#	                     vm6   offloads: {tso: false}
#	                     vm7   offloads: {csum: false}
#	                     vm8   veth; its stack leaves checksums to the device
#	                     vm9   \ VLAN 10, may use tags
#	                     vm10  /
#	                     vm11  accepts nothing, no mergeable buffers
#
# with one worker and with two; and the first again with a rule for each pair to
# pass the switch by.
. "$(dirname "$0")/guests.bash"

POOL="pool: {min: 1024, initial: 1024, max: 1024}"

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 8
# Nobody else talks, and segments arrive as they were sent.
for ns in wire vm8 host; do
	lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
lab_in wire ethtool -K wire0 gro off > /dev/null

run() { # WHAT CORES BYPASS-RULES
	net_config <<-END
	workers: {cores: [$2]}
	fdb:
	  static:
	    - {mac: "$(net_mac wire)", port: up0}
	    - {mac: "$(net_mac wire)", port: up0, vlan: 10}
	uplinks: [{name: up0, device: up0, way: agent}]
	vms:
	$(guest_vm 1 "" "$POOL")
	$(guest_vm 2 "" "$POOL")
	$(guest_vm 3 "" "$POOL")
	$(guest_vm 4 "" "$POOL")
	$(guest_vm 5 "offloads: {gro: false}" "$POOL")
	$(guest_vm 6 "offloads: {tso: false}" "$POOL")
	$(guest_vm 7 "offloads: {csum: false}" "$POOL")
	$(net_veth_vm 8 "way: agent")
	$(guest_vm 9 "" "vlan: 10, guest_tags: true, $POOL")
	$(guest_vm 10 "" "vlan: 10, guest_tags: true, $POOL")
	$(guest_vm 11 "" "$POOL")
	bypass: [$3]
	END
	guests_listen offloads guest_offloads --no-gro vm5 "$(guest_end 1)" \
		"$(guest_end 2 kind=big,ring=64)" "$(guest_end 3 kind=plain)" \
		"$(guest_end 4 kind=csum)" "$(guest_end 5)" "$(guest_end 6)" \
		"$(guest_end 7)" "$(guest_end 9)" "$(guest_end 10)" \
		"$(guest_end 11 kind=bare)" "$(device_end vm8)" \
		"$(device_end wire)"
	expect "$1: start" lab_agent "$NET_CONFIG"
	# The agent has switched it off.
	lab_in vm8 ethtool -K eth0 tx on > /dev/null
	guests_go offloads
	guests_end offloads
	say "$1: $(guests_result .cases) cases"
	sed '/^ready\|^listening\|^{/d' "$LAB_DIR/offloads.log"
}

run "one worker" 0 ""
expect "no frame is missing" lab_agent_stop
run "two workers" "$(guests_cores)" ""
expect "no frame is missing" lab_agent_stop
run "bypass" 0 "{vlan: 0}, {vlan: 10}"
expect "packets go past the switch" [ "$(lab_ctl -j bypass show |
	jq '[.[].packets] | add // 0')" -gt 0 ]
expect "no frame is missing" lab_agent_stop
