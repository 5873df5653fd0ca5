#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A device with the legacy interface only (virtio 0.9) works, or the agent says
# why not.
#
#	wire --- up0 [agent] vm1
. "$(dirname "$0")/test.bash"

test_lab <<-END
$(test_vm 1)
END
test_start 1 props=disable-modern=on,disable-legacy=off
expect "start" lab_agent "$NET_CONFIG"
expect "the guest boots" vm_wait vm1

works_or_says() {
	net_port_works vm1 || [ -n "$(net_port vm1 .why)" ]
}
eventually $TEST_LONG "it works, or it is said why not" works_or_says
if net_port_works vm1; then
	test_reachable vm1 wire
	test_file vm1 wire 1M
	test_file wire vm1 1M
	test_checksums wire vm1
	say "a legacy device works"
else
	say "a legacy device is refused: $(net_port vm1 .why)"
	net_port vm1 .why | grep -qi 'legacy\|VERSION_1\|modern' ||
		fail "that does not say what is wrong"
fi
vm_stop vm1
expect "no frame is missing" lab_agent_stop
say "the end: no frame is missing"
