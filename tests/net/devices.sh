#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Devices go and come back under traffic, as VMs and drivers do; the agent takes
# them up again by itself, and nobody else notices.
#
#	wire --- up0 [agent] vm1   its namespace goes, and with it the pair
#	                     vm2   the agent's way; its host end is deleted
#	                     tap3  the agent's; its reader restarts
#	                     tap4  the reader's own; goes with the reader
#	                     vm5   stays: its flows lose nothing
#	                     vm6   stays
. "$(dirname "$0")/net.bash"

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 2
for n in 1 2 5 6; do
	lab_veth_vm $n
done

# A program that answers on tap $1.
tapvm() {
	lab_start host "tapvm$1" "$LAB_TOOLS/tapvm" --dev "tap$1" \
		--mac "$(lab_mac "$1")" --ip "10.77.0.$1"
	eval "TAPVM$1=$LAB_LAST_PID"
	eventually "tapvm $1 is there" grep -q ready "$LAB_DIR/tapvm$1.log"
}

ping() { # FROM ADDRESS
	lab_in "$1" ping -q -c 1 -W 1 "$2" > /dev/null
}

# Traffic to whoever is there or not, until it is told to stop. What is checked
# goes through the same rings, which hold two seconds of this.
noise() { # NAME NAMESPACE DEVICE TO
	lab_start "$2" "$1" "$LAB_TOOLS/frames" send "$3" --count 10000000 \
		--pps 500 --dmac "$(lab_mac "$4")" --smac "${5:-$(net_mac wire)}"
}

tapvm 4
net_config <<-END
uplinks: [{name: up0, device: up0}]
vms:
$(net_veth_vm 1)
$(net_veth_vm 2 "way: agent")
$(net_tap_vm 3 "pool: {min: 1024, initial: 1024, max: 1024}")
$(net_tap_vm 4 "pool: {min: 1024, initial: 1024, max: 1024}" | sed 's/create: true/create: false/')
$(net_veth_vm 5)
$(net_veth_vm 6 "way: agent")
END
expect "start" lab_agent "$NET_CONFIG"
tapvm 3
eventually "tap3 answers" ping vm5 10.77.0.3
eventually "tap4 answers" ping vm5 10.77.0.4
eventually "vm5 reaches the wire" ping vm5 10.77.0.100
eventually "vm6 reaches the wire" ping vm6 10.77.0.100
flow vm5 vm6 any 2000
flow vm6 vm5 any 2000

# ---- VMs behind veth ----

noise to-vm1 wire wire0 1
noise_1=$LAB_LAST_PID
noise to-vm2 wire wire0 2
noise_2=$LAB_LAST_PID

for round in 1 2 3; do
	ip netns del "$LAB-vm1"
	eventually "vm1 is gone" net_port_is vm1 absent
	ip -n "$LAB-host" link del vm2h
	ip netns del "$LAB-vm2"
	eventually "vm2 is gone" net_port_is vm2 absent
	lab_veth_vm 1
	lab_veth_vm 2
	eventually "vm1 is taken up again" net_port_works vm1
	eventually "vm2 is taken up again" net_port_works vm2
	net_frames wire vm1
	net_frames vm1 wire
	net_frames wire vm2
	net_frames vm2 vm1
	say "veth, round $round"
done
lab_stop "$noise_1"
lab_stop "$noise_2"

# ---- VMs behind a tap ----

noise to-tap3 wire wire0 3
noise_1=$LAB_LAST_PID
noise to-tap4 wire wire0 4
noise_2=$LAB_LAST_PID
for signal in KILL TERM; do
	lab_stop "$TAPVM3" $signal
	lab_stop "$TAPVM4" $signal
	eventually "tap4 is gone" net_port_is tap4 absent
	tapvm 3
	tapvm 4
	eventually "tap4 is taken up again" net_port_works tap4
	eventually "tap3 answers again" ping vm5 10.77.0.3
	eventually "tap4 answers again" ping vm5 10.77.0.4
done
lab_stop "$noise_1"
lab_stop "$noise_2"
say "taps"

# ---- the uplink ----

noise to-wire vm1 eth0 100 "$(lab_mac 1)"
noise_1=$LAB_LAST_PID
noise to-vm2 wire wire0 2
noise_2=$LAB_LAST_PID
for round in 1 2; do
	ip -n "$LAB-host" link del up0
	eventually "the uplink is gone" net_port_is up0 absent
	lab_nic 2
	eventually "the uplink is taken up again" net_port_works up0
	eventually "vm5 reaches the wire" ping vm5 10.77.0.100
	net_frames wire vm1
	net_frames wire vm2
	net_frames vm2 wire
	say "the uplink, round $round"
done
lab_stop "$noise_1"
lab_stop "$noise_2"

flow_end vm5 vm6
flow_end vm6 vm5
expect_equal "the account" true "$(lab_ctl -j pool show | jq .arena.adds_up)"
lab_stop "$TAPVM4"
expect "no frame is missing" lab_agent_stop
say "the others lost nothing, and no frame is missing"
