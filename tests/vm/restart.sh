#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Everything restarts but the other end: a guest's TCP connection survives the
# agent's death, and a port serves whoever comes next.
#
#	wire --- up0 [agent] vm1
. "$(dirname "$0")/test.bash"

KILLS=3
CONNECTS=20

test_lab <<-END
$(test_vm 1)
END
test_start 1
expect "start" lab_agent "$NET_CONFIG"
test_up vm1
test_reachable vm1 wire
say "the guest has booted"

# ---- the agent ----

kill_agent() {
	lab_stop "$LAB_AGENT_PID" KILL
	expect "another agent" lab_agent "$NET_CONFIG"
	eventually $TEST_LONG "it serves vm1" net_port_works vm1
}

for way in from to; do
	test_load vm1 $way
	for ((i = 0; i < KILLS; i++)); do
		kill_agent
		test_load_goes_on vm1
	done
	test_load_end vm1
	say "kill -9 under TCP load $way the guest: the connection survives"
done
test_checksums wire vm1

expect "no frame is missing" lab_agent_stop
expect "an agent after an orderly end" lab_agent "$NET_CONFIG"
eventually $TEST_LONG "it serves vm1" net_port_works vm1
test_reachable vm1 wire

# ---- the guest ----

boots() {
	test_reachable wire vm1
	test_reachable vm1 wire
	test_file vm1 wire 1M
	test_file wire vm1 1M
}

for ((i = 0; i < 3; i++)); do
	expect "the driver is unbound and bound" vm_run vm1 '
		cd /sys/bus/virtio/drivers/virtio_net
		device=$(ls -d virtio*)
		echo $device > unbind
		[ ! -e /sys/class/net/eth0 ] || exit 1
		echo $device > bind
		network'
	test_reachable vm1 wire
done
boots
say "unbind and bind"
test_load vm1 from
expect "the reset button" vm_reset vm1
test_load_abandon
boots
say "system_reset under load"
expect "the guest reboots" vm_reboot vm1
boots
say "a reboot"

# ---- QEMU ----

vm_stop vm1 KILL
eventually 20 "the agent has noticed" net_port_is vm1 absent
test_start 1
test_up vm1
boots
say "another QEMU after kill -9"
vm_stop vm1

# Stopped before its first instruction, QEMU connects all the same.
net_mark_log
for ((i = 0; i < CONNECTS; i++)); do
	test_start 1 stopped=on
	eventually $TEST_LONG "connection $i" net_logged_again "is there"
	net_mark_log
	if [ $((i % 2)) = 0 ]; then
		vm_stop vm1 KILL
	else
		vm_stop vm1
	fi
	eventually $TEST_LONG "its end" net_logged_again "is gone"
	net_mark_log
done
say "$CONNECTS connections"
test_start 1
test_up vm1
boots
test_checksums wire vm1
vm_stop vm1
expect "no frame is missing" lab_agent_stop
say "the end: no frame is missing"
