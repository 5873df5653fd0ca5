#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# VMs that may send, or get, only so much.
#
#	vm1 20 Mbit/s out      [agent] up0 === wire
#	vm2 20 Mbit/s in
#	vm3 1 Mbit/s out
#	vm4 2000 packets/s out
#	vm5 30 Mbit/s out, 20 in: vhost-user
#
# A guest that sends more waits, and loses nothing. What is behind veth cannot be
# made to wait; what it sends in vain is counted.
#
# Nothing gets more than it may. That it gets less by what a machine that does
# something else takes from the agent is no failure.
. "$(dirname "$0")/guests.bash"
. "$(dirname "$0")/flows.bash"

SECS=4

config() { # RATE-OF-VM1 WAY
	net_config <<-END
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0}]
	vms:
	$(net_veth_vm 1 "way: $2, rate: {out: {max: $1}}")
	$(net_veth_vm 2 "way: $2, rate: {in: {max: 20Mbit}}")
	$(net_veth_vm 3 "way: $2, rate: {out: {max: 1Mbit}}")
	$(net_veth_vm 4 "way: $2, rate: {out: {max_packets: 2000}}")
	$(guest_vm 5 "" "rate: {out: {max: 30Mbit}, in: {max: 20Mbit}}")
	END
}

# What the wire has got from, and sent to, a guest so far, as rates count it, and
# when: bits, bits, us.
wire_bits() {
	local rx rx_packets tx tx_packets

	read -r rx rx_packets tx tx_packets < <(ip -n "$LAB-wire" -s -j \
		link show wire0 | jq -r '.[0].stats64 | "\(.rx.bytes) \(
			.rx.packets) \(.tx.bytes) \(.tx.packets)"')
	echo "$(((rx + 24 * rx_packets) * 8)) $(((tx + 24 * tx_packets) * 8))" \
		"${EPOCHREALTIME/[.,]/}"
}

in_order() {
	expect_equal "reordered" 0 "$(jq '[.flows[].reordered] | add' \
		"$(flows_file wire)")"
}

packets_4() {
	awk "BEGIN { printf \"%.0f\", $(flows_value wire bits_4) / 8 / 100 }"
}

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
for n in 1 2 3 4; do
	lab_veth_vm $n
done
for ns in "${LAB_NS[@]}"; do
	lab_in "${ns#"$LAB-"}" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
flows_neighbours wire vm1 vm2 vm3 vm4

config 20Mbit agent
expect "start" lab_agent "$NET_CONFIG"
flows_begin $SECS wire vm2
flows_send 1 vm1 wire 60000000
flows_send 2 wire vm2 60000000
flows_send 3 vm3 wire 4000000 --size 600
flows_send 4 vm4 wire 4000000 --size 76
expect "the flows end" flows_end
say "$(flows_mbit wire 1), $(flows_mbit vm2 2), $(flows_mbit wire 3)" \
	"Mbit/s, $(packets_4) packets/s"
expect_between "vm1" 18.6e6 "$(flows_value wire bits_1)" 20.4e6
expect_between "vm2" 18.6e6 "$(flows_value vm2 bits_2)" 20.4e6
expect_between "vm3" 0.93e6 "$(flows_value wire bits_3)" 1.02e6
expect_between "vm4" 1860 "$(packets_4)" 2040
in_order
net_audit "after veths"

config 40Mbit agent
expect "reload" lab_ctl reload > /dev/null
flows_begin $SECS wire
flows_send 11 vm1 wire 80000000
expect "the flow ends" flows_end
in_order
# What was sent before the reload may still have waited.
both="$(flows_value wire bits_1) + $(flows_value wire bits_11)"
say "$(flows_mbit wire 11) Mbit/s after a reload"
expect_between "vm1 after a reload" 37.2e6 "$both" 40.8e6

# ---- a guest ----

# Its ring holds 256 packets, and far more wait to be sent: it is full all the
# time.
guests guest "$(guest_end 5)" "$(device_end wire)" --flow vm5:wire \
	--window 2048 --max 9000
guests_go_on guest 1000
lost=$(net_losses vm5)
read -r rx tx us < <(wire_bits)
sleep $SECS
read -r rx2 tx2 us2 < <(wire_bits)
guests_stop guest
out=$(((rx2 - rx) / (us2 - us)))
in=$(((tx2 - tx) / (us2 - us)))
say "a guest: $out Mbit/s out, $in in; $(guests_result .arrived) packets," \
	"each of them right"
expect_between "a guest's rate out" 27.9e6 "($rx2 - $rx) * 1e6 / ($us2 - $us)" \
	30.6e6
expect_between "a guest's rate in" 18.6e6 "($tx2 - $tx) * 1e6 / ($us2 - $us)" \
	20.4e6
expect_equal "lost meanwhile" "$lost" "$(net_losses vm5)"

net_audit "at the end"
expect "no frame is missing" lab_agent_stop
