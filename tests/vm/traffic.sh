#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Two QEMU guests by vhost-user and a wire: everything arrives, and with right
# checksums.
#
#	wire --- up0 [agent] vm1   QEMU listens
#	                     vm2   the agent listens
#
# The guests have their offloads: between them large packets with unfinished
# checksums pass as they are, on the wire they are cut and finished.
. "$(dirname "$0")/test.bash"

test_lab <<-END
$(test_vm 1)
$(test_vm 2 "mode: server")
END
test_start 1
expect "start" lab_agent "$NET_CONFIG"
test_start 2 role=client
test_up vm1
test_up vm2
say "both guests have booted"

test_ping wire vm1
test_ping wire vm2
test_ping vm1 wire
test_ping vm1 vm2
test_ping vm2 vm1
test_ping wire vm1 1472
test_ping vm1 wire 1472
test_ping vm1 vm2 20000
say "ping, all ways"

test_serve wire
test_serve vm1
test_serve vm2
test_capture "src 10.77.0.1"
test_tcp vm1 wire 16M
test_udp vm1 wire 500 1400
test_captured 10000
say "vm1 to the wire: right checksums"
test_file vm1 wire 8M
test_file wire vm1 8M
test_tcp wire vm1 16M
test_udp wire vm1 500 1400
say "the wire to vm1"
test_tcp wire vm2 8M
test_tcp vm2 wire 8M
test_tcp vm1 vm2 32M
test_tcp vm2 vm1 32M
test_tcp vm1 vm2 8M --bidir
test_file vm1 vm2 16M
test_file vm2 vm1 16M
test_udp vm1 vm2 500 1400
test_udp vm2 vm1 200 16000
say "guest to guest"
test_checksums wire vm1 vm2

expect "vm1 ends" vm_stop vm1
eventually 20 "the agent has noticed" net_port_is vm1 absent
test_ping vm2 wire
expect "vm2 ends" vm_stop vm2
expect "no frame is missing" lab_agent_stop
say "the end: no frame is missing"
