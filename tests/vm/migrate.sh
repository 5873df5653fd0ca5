#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Dirty logging on and off while packets flow, as a migration of the guest's
# memory does it: cancelled half way, and completed.
#
#	wire --- up0 [agent] vm1
. "$(dirname "$0")/test.bash"

test_lab <<-END
$(test_vm 1)
END
test_start 1
expect "start" lab_agent "$NET_CONFIG"
test_up vm1
test_reachable vm1 wire
say "the guest has booted"

logs() { # true|false: whether the agent logs what it writes
	[ "$(lab_ctl -j vm show | jq '[.. | .logging? | booleans] | any')" = "$1" ]
}

status_is() { # STATUS
	[ "$(vm_qmp vm1 query-migrate | jq -r .status)" = "$1" ]
}

# Slow enough never to end by itself.
for i in 1 2 3; do
	test_load vm1 "$([ $i = 2 ] && echo from || echo to)"
	expect "a slow migration" vm_qmp vm1 migrate-set-parameters \
		'{"max-bandwidth": 1000000}' > /dev/null
	expect "it begins" vm_qmp vm1 migrate \
		'{"uri": "exec:cat > /dev/null"}' > /dev/null
	eventually $TEST_LONG "dirty logging begins" logs true
	test_load_goes_on vm1
	expect "it is cancelled" vm_qmp vm1 migrate_cancel > /dev/null
	eventually $TEST_LONG "it ends" status_is cancelled
	eventually $TEST_LONG "dirty logging ends" logs false
	test_load_goes_on vm1
	test_load_end vm1
done
say "logging on and off, under load"

expect "a fast migration" vm_qmp vm1 migrate-set-parameters \
	'{"max-bandwidth": 10000000000}' > /dev/null
expect "it begins" vm_qmp vm1 migrate '{"uri": "exec:cat > /dev/null"}' \
	> /dev/null
eventually $TEST_LONG "it completes" status_is completed
expect "the guest goes on here" vm_qmp vm1 cont > /dev/null
test_reachable vm1 wire
test_reachable wire vm1
test_file vm1 wire 1M
test_file wire vm1 1M
test_checksums wire vm1
say "a whole migration, and back"
vm_stop vm1
expect "no frame is missing" lab_agent_stop
say "the end: no frame is missing"
