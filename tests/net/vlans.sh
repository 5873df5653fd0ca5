#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Networks do not leak into each other, and the wire sees the right tags.
#
#	wire --- up0 [agent] vm1  network 10
#	tags                 vm2  network 10, may use tags of its own
#	10, 20               vm3  network 20, with vm1's MAC address
#	                     vm4  network 20
#	                     vm5  untagged
#	                     vm6  untagged
#
# Each time frames are sent, everybody listens for everything, and only those
# who should get them may. All of it on the kernel's way, on the agent's, and
# there without metadata, too.
. "$(dirname "$0")/net.bash"

COUNT=100	# fits the rings on the way twice, the kernel's too
ALL="wire vm1 vm2 vm3 vm4 vm5 vm6"
NOBODY=02:00:00:00:bb:01
GROUP=ff:ff:ff:ff:ff:ff

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
for n in 1 2 3 4 5 6; do
	lab_veth_vm $n
done
NET_MAC[vm3]=$(lab_mac 1)
ip -n "$LAB-vm3" link set eth0 address "$(lab_mac 1)"

# Options of "frames" for a tag: 5, or 10.5 (10 in front), or 0. (a priority).
tag_options() {
	local tag=${1#/} inner=${1##*.}

	case $tag in
	- | '') ;;
	*.*) echo "--outer ${tag%.*}" ${inner:+--vlan "$inner"} ;;
	*) echo "--vlan $tag" ;;
	esac
}

# cast WHAT FROM TAG DMAC WHO...: frames with this tag (- for none) arrive at
# WHO, and nowhere else; at "vm2/5" with tag 5.
cast() {
	local what=$1 from=$2 tag=$3 dmac=$4 common at who expected nobody=

	shift 4
	NET_SEED=$((NET_SEED + 1))
	common="--count $COUNT --seed $NET_SEED --dmac $dmac"
	common+=" --smac $(net_mac "$from") --max 1510"
	for at in $ALL; do
		[ "$at" = "$from" ] && continue
		expected="--none --timeout-ms 600000"
		nobody+=" at-$at"
		for who; do
			[ "${who%/*}" = "$at" ] || continue
			expected="--any-order --linger-ms 50 \
				$(tag_options "${who#"$at"}")"
			nobody=${nobody% *}
		done
		# shellcheck disable=SC2086
		lab_start "$at" "at-$at" "$LAB_TOOLS/frames" recv \
			"$(net_dev "$at")" --promisc $common $expected
		NET_PID[at-$at]=$LAB_LAST_PID
	done
	for at in "${!NET_PID[@]}"; do
		lab_wait $LAB_PATIENCE grep -q ready "$LAB_DIR/$at.log" ||
			fail "$what: $(cat "$LAB_DIR/$at.log")"
	done
	# shellcheck disable=SC2046,SC2086
	lab_in "$from" "$LAB_TOOLS/frames" send "$(net_dev "$from")" \
		$common $(tag_options "$tag") > /dev/null ||
		fail "$what: cannot send"
	for at in "${!NET_PID[@]}"; do
		[[ "$nobody " = *" $at "* ]] && continue
		lab_reap "${NET_PID[$at]}" ||
			fail "$what: $at: $(tail -n 1 "$LAB_DIR/$at.log")"
		unset "NET_PID[$at]"
	done
	# Whatever was to arrive has; what must not would have, too.
	sleep 0.1
	for at in "${!NET_PID[@]}"; do
		lab_stop "${NET_PID[$at]}" ||
			fail "$what: $at: $(tail -n 1 "$LAB_DIR/$at.log")"
		unset "NET_PID[$at]"
	done
}

# The same, and the loss is counted at a port: counted PORT REASON, then cast's.
counted() {
	local port=$1 reason=$2 before

	shift 2
	before=$(net_counter "$port" "$reason")
	cast "$@"
	eventually "$1: $reason at $port" \
		net_counter_is "$port" "$reason" $((before + COUNT))
}

wire() {
	local vm1 vm5

	vm1=$(net_mac vm1)
	vm5=$(net_mac vm5)
	cast "tag 10 to the MAC of two" wire 10 "$vm1" vm1
	cast "tag 20 to the MAC of two" wire 20 "$vm1" vm3
	cast "no tag to vm5" wire - "$vm5" vm5
	cast "priority tag to vm5" wire 0. "$vm5" vm5
	cast "no tag to a MAC of network 10 and 20" wire - "$vm1" vm5 vm6
	counted up0 vlan_unknown "tag 30" wire 30 "$vm1"
	cast "unknown, tag 10" wire 10 $NOBODY vm1 vm2
	cast "unknown, no tag" wire - $NOBODY vm5 vm6
	cast "broadcast, tag 20" wire 20 $GROUP vm3 vm4
	cast "broadcast, no tag" wire - $GROUP vm5 vm6
	cast "tags 10 and 5 to vm2" wire 10.5 "$(net_mac vm2)" vm2/5
	counted vm1 vlan_denied "tags 10 and 5, broadcast" \
		wire 10.5 $GROUP vm2/5
	counted up0 vlan_denied "tags 10 and 20 to vm1" \
		wire 10.20 "$vm1"
	counted up0 vlan_denied "tags 0 and 20 to vm3" wire 0.20 "$vm1"
}

vms() {
	local wire

	wire=$(net_mac wire)
	cast "vm1 to the wire" vm1 - "$wire" wire/10
	cast "vm3 to the wire" vm3 - "$wire" wire/20
	cast "vm5 to the wire" vm5 - "$wire" wire
	cast "vm1 to vm2" vm1 - "$(net_mac vm2)" vm2
	cast "vm4 to vm3" vm4 - "$(net_mac vm3)" vm3
	cast "vm1 with a priority tag" vm1 0. "$(net_mac vm2)" vm2
	cast "vm1 to somebody in network 20" vm1 - "$(net_mac vm4)" \
		vm2 wire/10
	cast "vm1 to all" vm1 - $GROUP vm2 wire/10
	cast "vm4 to all" vm4 - $GROUP vm3 wire/20
	cast "vm5 to all" vm5 - $GROUP vm6 wire
	counted vm1 vlan_denied "vm1 with tag 20" vm1 20 "$(net_mac vm4)"
	counted vm1 vlan_denied "vm1 with tag 10" vm1 10 "$(net_mac vm2)"
	counted vm5 vlan_denied "vm5 with tag 10" vm5 10 "$(net_mac vm2)"
	cast "vm2 with tag 5 to the wire" vm2 5 "$wire" wire/10.5
	counted vm1 vlan_denied "vm2 with tag 20 to all" \
		vm2 20 $GROUP wire/10.20
}

# try WHAT WAY [AGENT-KEY]
try() {
	net_config "${3:-}" <<-END
	uplinks: [{name: up0, device: up0, vlans: [0, 10, 20, 30]}]
	vms:
	$(net_veth_vm 1 "way: $2, vlan: 10, pool: {min: 1024, initial: 1024, max: 1024}")
	$(net_veth_vm 2 "way: $2, vlan: 10, pool: {min: 1024, initial: 1024, max: 1024}, guest_tags: true")
	$(net_veth_vm 3 "way: $2, vlan: 20, pool: {min: 1024, initial: 1024, max: 1024}")
	$(net_veth_vm 4 "way: $2, vlan: 20, pool: {min: 1024, initial: 1024, max: 1024}")
	$(net_veth_vm 5 "way: $2, pool: {min: 1024, initial: 1024, max: 1024}")
	$(net_veth_vm 6 "way: $2, pool: {min: 1024, initial: 1024, max: 1024}")
	END
	expect "$1: start" lab_agent "$NET_CONFIG"
	wire
	vms
	expect "$1: no frame is missing" lab_agent_stop
	say "$1: no leak"
}

try "kernel way" kernel
try "agent way" agent
try "no metadata" agent "metadata: false"
