#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A guest with two queue pairs and large frames.
#
#	wire --- up0 [agent] vm1   2 CPUs, 2 queue pairs, MTU 3498
#	                     vm2   1 queue pair, MTU 1500
. "$(dirname "$0")/test.bash"

MTU=3498

test_lab 2 "mtu: $MTU" <<-END
$(test_vm 1 "queues: 2" "mtu: $MTU")
$(test_vm 2)
END
lab_in wire ip link set wire0 mtu $MTU
test_start 1 queues=2 vcpus=2 props=host_mtu=$MTU
test_start 2
expect "start" lab_agent "$NET_CONFIG"
test_up vm1
test_up vm2
say "the guests have booted"

expect_equal "the guest's MTU" $MTU "$(vm_run vm1 'cat /sys/class/net/eth0/mtu')"
expect_equal "the guest's queue pairs" 2 "$(vm_run vm1 'ethtool -l eth0' |
	awk '/^Combined/ { n = $2 } END { print n }')"

test_ping vm1 wire 3470
test_ping wire vm1 3470
test_ping vm1 vm2 1452
say "ping with full frames"

test_serve wire
test_serve vm1
test_capture "src 10.77.0.1"
test_tcp vm1 wire 16M -P\ 4
test_captured 3000
test_tcp wire vm1 16M -P\ 4
test_tcp vm2 vm1 4M
test_file vm1 wire 4M
test_file wire vm1 4M
say "several flows each way"

# What the guest has sent and got by each pair.
pairs() {
	lab_ctl -j vm show | jq "[.. | objects | select(.name? == \"vm1\") |
		.. | .pairs? // empty | .[] | .$1.packets > 50] | all"
}
expect_equal "both pairs have sent" true "$(pairs from_guest)"
expect_equal "both pairs have received" true "$(pairs to_guest)"

for n in 1 2; do
	expect "the guest takes $n queue pairs" \
		vm_run vm1 "ethtool -L eth0 combined $n"
	test_reachable vm1 wire
	test_tcp vm1 wire 2M -P\ 4
	test_tcp wire vm1 2M -P\ 4
done
say "one queue pair less, and again more"
test_checksums wire vm1 vm2
vm_stop vm1
vm_stop vm2
expect "no frame is missing" lab_agent_stop
say "the end: no frame is missing"
