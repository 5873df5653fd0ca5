#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The largest packets: an MTU of 3,498 with frames of 4,096 bytes and of 1,770
# with frames of 2,048 work end to end, tag included; more is refused.
#
#	wire --- up0 [agent] vm1  kernel way
#	                     vm2  agent way, network 10
#	                     vm3  agent way, network 10
#	                     tap4
. "$(dirname "$0")/net.bash"

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
for n in 1 2 3; do
	lab_veth_vm $n
done

set_mtu() { # MTU: at the ends that are not the agent's
	local at

	for at in wire vm1 vm2 vm3; do
		ip -n "$LAB-$at" link set "$(net_dev $at)" mtu "$1"
	done
}

config() { # MTU FRAME-SIZE
	net_config <<-END
	uplinks: [{name: up0, device: up0, mtu: $1}]
	vms:
	$(net_veth_vm 1 "mtu: $1")
	$(net_veth_vm 2 "mtu: $1, way: agent, vlan: 10")
	$(net_veth_vm 3 "mtu: $1, way: agent, vlan: 10")
	$(net_tap_vm 4 "mtu: $1")
	END
	sed -i "s/^memory:/&\n  frame_size: $2/" "$NET_CONFIG"
}

largest() { # MTU FRAME-SIZE
	local size="--min $(($1 + 13)) --max $(($1 + 14))" pair

	set_mtu "$1"
	config "$1" "$2"
	expect "MTU $1: start" lab_agent "$NET_CONFIG"
	for pair in "wire vm1" "vm1 wire" "vm2 vm3" "wire tap4" "tap4 wire" \
		"vm1 tap4" "tap4 vm1"; do
		# shellcheck disable=SC2086
		net_frames $pair $size
	done
	# shellcheck disable=SC2086
	for pair in "wire vm2" "vm2 wire"; do
		set -- "$1" "$2" $pair
		NET_SEED=$((NET_SEED + 1))
		net_recv "$4" "$3" --any-order $size \
			$([ "$4" = wire ] && echo --vlan 10)
		net_send "$3" "$4" $size $([ "$3" = wire ] && echo --vlan 10)
		net_received "$4" "$3"
	done
	expect "MTU $1: no frame is missing" lab_agent_stop
	say "MTU $1 in frames of $2 bytes: $((($1 + 14))) bytes and a tag arrive"
}

refused() { # WHAT MESSAGE
	lab_in host timeout $LAB_PATIENCE "$LAB_BUILD/pktagent" --config "$NET_CONFIG" \
		> "$LAB_DIR/refused.log" 2>&1 && fail "$1: accepted"
	grep -q -- "$2" "$LAB_DIR/refused.log" ||
		fail "$1: expected: $2; found: $(cat "$LAB_DIR/refused.log")"
	say "$1: refused"
}

largest 3498 4096
config 3499 4096
refused "MTU 3499" 'mtu: "3499": must be .* to 3498'
largest 1770 2048
config 1771 2048
refused "MTU 1771 in frames of 2048 bytes" "mtu: .*1771.*at most 1770"

# What the device has already counts, too.
ip -n "$LAB-wire" link set wire0 mtu 3499
ip -n "$LAB-host" link set up0 mtu 3499
config 1500 4096
sed -i 's/device: up0, mtu: 1500/device: up0/' "$NET_CONFIG"
refused "an uplink whose MTU is 3499" "up0: MTU 3499.*3498"
ip -n "$LAB-host" link set up0 mtu 1500

# A VM with a smaller MTU than the network's.
set_mtu 3498
config 3498 4096
sed -i 's/mtu: 3498, way: agent/mtu: 1500, way: agent/;
	/name: vm1/s/mtu: 3498/mtu: 1500/' "$NET_CONFIG"
expect "start" lab_agent "$NET_CONFIG"
before=$(net_counter up0 too_big)
net_send wire vm1 --min 1515 --max 3512
eventually "all of them are counted" net_counter_is up0 too_big $((before + 1000))
net_frames wire vm1
say "larger than the VM's MTU: dropped as too_big"
expect "no frame is missing" lab_agent_stop
