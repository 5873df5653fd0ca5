#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Offloads that XDP cannot carry never put a wrong checksum or a lost segment
# on the wire.
#
#	wire --- up0 [agent] vm1   switches its checksum offload on again
#	                     vm2
#	                     tap3  a reader that checks checksums
#	                     tap4  vnet_hdr: false, and a reader that uses them
#	                     tap5  vnet_hdr: true
. "$(dirname "$0")/net.bash"

COUNT=50
PORT=5001

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 1
lab_veth_vm 2
net_config <<-END
uplinks: [{name: up0, device: up0}]
vms:
$(net_veth_vm 1)
$(net_veth_vm 2)
$(net_tap_vm 3)
$(net_tap_vm 4)
$(net_tap_vm 5 | sed 's/create: true/&, vnet_hdr: true/')
END
expect "start" lab_agent "$NET_CONFIG"

feature() { # NAMESPACE DEVICE FEATURE
	lab_in "$1" ethtool -k "$2" | sed -n "s/^[ 	]*$3: //p"
}

# Listens at $1 for UDP packets to port $2.
capture() {
	lab_start "$1" capture tcpdump -i "$(net_dev "$1")" -Z root -U -nn \
		-w "$LAB_DIR/capture.pcap" "udp dst port $2"
	CAPTURE=$LAB_LAST_PID
	eventually "tcpdump listens" grep -q 'listening on' \
		"$LAB_DIR/capture.log"
}

captured() {
	tcpdump -nn -vv -r "$LAB_DIR/capture.pcap" 2> /dev/null |
		grep -c "$1"
}

captured_all() { [ "$(captured 'UDP, length')" -ge "$COUNT" ]; }

# At least COUNT came, and with right checksums: capture_end WHAT
capture_end() {
	eventually "$1: all arrive" captured_all
	lab_stop "$CAPTURE"
	expect_equal "$1: right checksums" "$(captured 'UDP, length')" \
		"$(captured 'udp sum ok')"
}

listener() { # NAMESPACE
	lab_start "$1" "iperf3-$1" iperf3 -s -1 --forceflush
	eventually "iperf3 listens" grep -q listening "$LAB_DIR/iperf3-$1.log"
}

stack_counter() { # NAMESPACE COUNTER
	lab_in "$1" nstat -asz "$2" | awk -v c="$2" '$1 == c { print $2 }'
}

# ---- a VM's own stack ----

expect_equal "tx checksum offload, switched off by the agent" \
	off "$(feature vm1 eth0 tx-checksum-ip-generic)"
expect "the VM switches it on again" lab_in vm1 ethtool -K eth0 tx on \
	> /dev/null
expect_equal "tx checksum offload" \
	on "$(feature vm1 eth0 tx-checksum-ip-generic)"
lab_in vm1 ethtool -K eth0 tso on > /dev/null 2>&1
expect "TSO stays off" \
	[ "$(feature vm1 eth0 tcp-segmentation-offload | cut -c 1-3)" = off ]

for to in wire vm2; do
	address=10.77.0.2
	[ $to = wire ] && address=10.77.0.100
	capture $to 5201
	listener $to
	expect "vm1 to $to by UDP" lab_in vm1 iperf3 -c $address -u -l 971 \
		-k $COUNT > "$LAB_DIR/iperf3.log"
	lab_reap "$LAB_LAST_PID"
	capture_end "vm1 to $to"
	listener $to
	expect "vm1 to $to by TCP" lab_in vm1 iperf3 -c $address -n 20M \
		> "$LAB_DIR/iperf3.log"
	lab_reap "$LAB_LAST_PID"
	expect_equal "TCP packets with a wrong checksum at $to" 0 \
		"$(stack_counter $to TcpInCsumErrors)"
done
expect "the agent finished the checksums" \
	[ "$(net_counter vm1 to_agent)" -ge $((2 * COUNT)) ]
say "a VM with checksum offload: right checksums at the wire and at vm2"

lab_start host tapvm3 "$LAB_TOOLS/tapvm" --dev tap3 --mac "$(lab_mac 3)" \
	--ip 10.77.0.3
tapvm=$LAB_LAST_PID
eventually "tap3 has a carrier" net_logged "tap3 has a carrier now"
eventually "vm1 reaches tap3" lab_in vm1 ping -q -c 1 -W 5 10.77.0.3
# Of different lengths, to the echo port.
lab_in vm1 bash -c "
	exec 3> /dev/udp/10.77.0.3/7
	for ((i = 1; i <= $COUNT; i++)); do
		printf '%*d' \$((i * 27)) \$i >&3
	done"
tap3_got() {
	kill -USR1 "$tapvm"
	[ "$(grep '^{' "$LAB_DIR/tapvm3.log" | tail -n 1 |
		jq .udp_echoed)" -ge $COUNT ]
}
eventually "vm1 to tap3: all arrive" tap3_got
lab_stop "$tapvm"
expect_equal "vm1 to tap3: wrong checksums" 0 "$(grep '^{' \
	"$LAB_DIR/tapvm3.log" | tail -n 1 | jq .bad_checksum)"
say "and at tap3"

# ---- a tap's reader that uses vnet headers, unexpectedly ----

lab_start host tapvm4 "$LAB_TOOLS/tapvm" --dev tap4 --mac "$(lab_mac 4)" \
	--vnet-hdr
tapvm=$LAB_LAST_PID
eventually "tap4 is refused" net_port_is tap4 down
net_port tap4 .why | grep -q 'start QEMU with vnet_hdr=off' ||
	fail "no advice: $(net_port tap4 .why)"
lab_stop "$tapvm"
lab_start host tapvm4 "$LAB_TOOLS/tapvm" --dev tap4 --mac "$(lab_mac 4)" \
	--ip 10.77.0.4
tapvm=$LAB_LAST_PID
eventually "tap4 is taken with another reader" net_port_works tap4
eventually "tap4 answers" lab_in vm1 ping -q -c 1 -W 1 10.77.0.4
lab_stop "$tapvm"
say "vnet headers are refused where they are not expected"

# ---- and as configured ----

tapvm5() {
	lab_in host "$LAB_TOOLS/tapvm" --dev tap5 --mac "$(lab_mac 5)" \
		--ip 10.77.0.5 --vnet-hdr "$@" > "$LAB_DIR/tapvm5.log" 2>&1 ||
		fail "$(cat "$LAB_DIR/tapvm5.log")"
}

for job in needs-csum partial; do
	capture wire $PORT
	tapvm5 --$job 10.77.0.100:$PORT --count $COUNT
	capture_end "tap5 by $job"
done
for job in gso gso-udp; do
	before=$(net_counter tap5 too_big)
	tapvm5 --$job 10.77.0.100:$PORT --count $COUNT --size 20000
	eventually "$job: dropped as too_big" \
		net_counter_is tap5 too_big $((before + COUNT))
done
say "vnet headers: checksums are finished, GSO is refused"
expect "no frame is missing" lab_agent_stop
