#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Guests behind vhost-user send packets of 64 bytes to 64 KiB both ways at once,
# every byte checked:
#
#	wire --- up0 [agent] vm1  \ vhost-user; offloads, mergeable buffers
#	                     vm2  /
#	                     vm3    vhost-user; large buffers
#	                     vm4    veth
#
# through the switch and past it (bypass), for 30 seconds in all; and with the
# wire and the VM behind veth, to which large packets are cut.
. "$(dirname "$0")/guests.bash"

SECONDS_EACH=15

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 4
# Nobody else talks, and segments arrive as they were sent.
for ns in wire vm4 host; do
	lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
lab_in wire ethtool -K wire0 gro off > /dev/null

start() { # BYPASS-RULES
	net_config <<-END
	workers: {cores: [$(guests_cores)]}
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0, way: agent}]
	vms:
	$(guest_vm 1)
	$(guest_vm 2)
	$(guest_vm 3)
	$(net_veth_vm 4 "way: agent")
	bypass: [${1:-}]
	END
	expect "start" lab_agent "$NET_CONFIG"
}

bypassed() { lab_ctl -j bypass show | jq '[.[].packets] | add // 0'; }

guests_with() { # NAME OPTIONS
	guests "$@"
	guests_end "$1"
	say "$1: $(guests_result .arrived) packets, $(guests_result .large)" \
		"large ones, $(guests_result '.bytes / 1000000 | floor') MB"
}

start
guests_with "switched" "$(guest_end 1)" "$(guest_end 2)" --flow vm1:vm2 \
	--seconds $SECONDS_EACH --window 256
expect "large packets pass whole" [ "$(guests_result .large)" -gt 0 ]
expect_equal "packets past the switch" 0 "$(bypassed)"

guests_with "all to all" "$(guest_end 1)" "$(guest_end 2 manner=virtio-user)" \
	"$(guest_end 3 kind=big,ring=64)" "$(device_end wire)" \
	"$(device_end vm4)" --flow vm1:vm2 --flow vm2:vm3 --flow vm1:wire \
	--flow vm3:wire --flow vm2:vm4 --flow wire:vm2 --flow wire:vm4 \
	--packets 40000 --window 24
expect "large packets arrive" [ "$(guests_result .large)" -gt 0 ]
expect "no frame is missing" lab_agent_stop

start "{vms: [vm1, vm2, vm3]}"
guests_with "bypass" "$(guest_end 1)" "$(guest_end 2)" --flow vm1:vm2 \
	--seconds $SECONDS_EACH --window 256
expect "large packets pass whole" [ "$(guests_result .large)" -gt 0 ]
expect "most go past the switch" \
	[ "$(bypassed)" -gt $(($(guests_result .arrived) / 2)) ]
# More link events than the agent's socket holds while it does not run: guests
# have no device that could have gone.
guests "events" "$(guest_end 1)" "$(guest_end 2)" --flow vm1:vm2
kill -STOP "$LAB_AGENT_PID"
for ((i = 0; i < 1500; i++)); do
	echo "link set dev lo mtu $((60000 + i % 2))"
done | ip -n "$LAB-host" -batch -
kill -CONT "$LAB_AGENT_PID"
guests_go_on "events" 2000
guests_stop "events"
say "lost events: the guests stay"

guests_with "bypass and wire" "$(guest_end 1 manner=virtio-user)" \
	"$(guest_end 2)" "$(guest_end 3 kind=big,ring=64)" \
	"$(device_end wire)" --flow vm1:vm2 --flow vm2:vm3 --flow vm1:wire \
	--flow vm3:wire --packets 40000 --window 32
expect "no frame is missing" lab_agent_stop
