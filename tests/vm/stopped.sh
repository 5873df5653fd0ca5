#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A QEMU guest stands still (SIGSTOP) for 10 seconds while somebody floods it.
#
#	wire --- up0 [agent] vm1   QEMU, vhost-user
#	                     vm2   veth; flows with the wire
#	                     vm4   veth; floods vm1
#
# Nobody else loses anything, what vm1 loses is counted, its pool stays within
# its maximum; afterwards the guest works and its pool is small again.
. "$(dirname "$0")/test.bash"

STOPPED_S=10
MAX=2048

test_lab 1 "way: agent" <<-END
$(test_vm 1 "" "pool: {min: 64, max: $MAX}")
$(net_veth_vm 2 "way: agent")
$(net_veth_vm 4 "way: agent, pool: {min: 64, max: 1024}")
END
lab_veth_vm 2
lab_veth_vm 4
test_start 1
expect "start" lab_agent "$NET_CONFIG"
test_up vm1
test_reachable wire vm1
say "the guest has booted"

at_most() { [ "$(net_pool "$1" size)" -le "$2" ]; } # VM FRAMES

is_losing() { [ "$(net_losses vm1)" -ge "$1" ]; }

sent_by_vm4() {
	ip -n "$LAB-vm4" -s -j link show eth0 | jq '.[0].stats64.tx.packets'
}

given_to_vm1() { lab_ctl -j vm show vm1 | jq '.[0].to_vm.packets'; }

flow wire vm2 any 2000
flow vm2 wire any 2000
given_before=$(given_to_vm1)
sent_before=$(sent_by_vm4)
lost_before=$(($(net_losses vm1) + $(net_losses vm4)))
lab_start vm4 flood "$LAB_BUILD/tests/bench/pktgen" --dev eth0 \
	--smac "$(lab_mac 4)" --dmac "$(lab_mac 1)" --size 200
flood=$LAB_LAST_PID
eventually "the flood is there" is_losing 1000
kill -STOP "${VM_PID[vm1]}"
end=$((SECONDS + STOPPED_S))
while [ $SECONDS -lt $end ]; do
	at_most vm1 $MAX || fail "vm1's pool: $(net_pool vm1 size) frames"
	sleep 0.2
done
net_audit "while the guest stands still"
kill -CONT "${VM_PID[vm1]}"
lab_stop $flood || fail "$(cat "$LAB_DIR/flood.log")"
flow_end wire vm2
flow_end vm2 wire
say "nobody else lost anything"

# A packet is lost once, wherever that was; and the guest gets others, too.
all_counted() {
	local sent given lost off

	sent=$(($(sent_by_vm4) - sent_before))
	given=$(($(given_to_vm1) - given_before))
	lost=$(($(net_losses vm1) + $(net_losses vm4) - lost_before))
	counts="vm4 sent $sent, the guest was given $given, $lost are counted"
	off=$((sent - given - lost))
	[ ${off#-} -le 200 ]
}
lab_wait $TEST_LONG all_counted || fail "each loss is counted once: $counts"
say "$counts"
expect "vm1's pool was never above its maximum" \
	[ "$(net_pool_log vm1 | jq 'map(.to) | max')" -le $MAX ]
test_reachable vm1 wire
test_ping wire vm1
eventually $TEST_LONG "vm1's pool is small again" net_pool_is vm1 size 64
say "it works again, with $(net_pool vm1 size) frames; it had up to" \
	"$(net_pool_log vm1 | jq 'map(.to) | max')"
test_checksums vm1
net_audit "at the end"
expect "vm1 ends" vm_stop vm1
expect "no frame is missing" lab_agent_stop
