#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A VM with memory of its own: its frames are in no other's hands.
#
#	wire --- up0, 2 queues [agent] vm1   veth, isolated, queue 1
#	AF_XDP out of each queue       vm2   veth, shares
#	                               vm3   vhost-user, isolated, queue 2
#	                               vm4   vhost-user, shares
#
# Everything between them arrives, byte for byte, and is audited meanwhile.
# (up0 has three queues: 0 is shared.)
. "$(dirname "$0")/guests.bash"

lab_trap
lab_host_prepare $((NET_MEMORY + 3 * 8192))
lab_wire 3
lab_veth_vm 1
lab_veth_vm 2

config() { # KEYS-OF-VM1
	net_config <<-END
	workers: {cores: [$(guests_cores)]}
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0}]
	vms:
	$(net_veth_vm 1 "way: agent, $1")
	$(net_veth_vm 2 "way: agent")
	$(guest_vm 3 "" "isolated: true, uplink_queues: [2], pool: {min: 1024, initial: 1024, max: 4096}")
	$(guest_vm 4 "" "pool: {min: 1024, initial: 1024, max: 4096}")
	END
}

vm1_keys="uplink_queues: [1], pool: {min: 2048, initial: 2048, max: 4096}"

tag_of() { lab_ctl -j tag show "$1" | jq -r '.[0].memory.region'; }

queue_frames() { # PORT QUEUE: posted there
	lab_ctl -j queue show "$1" |
		jq ".[] | select(.index == $2) | .outstanding"
}

# What the kernel has registered for a queue of its own is the region.
config "isolated: true, $vm1_keys"
guests_listen g34 guests "$(guest_end 3)" "$(guest_end 4)" \
	--flow vm3:vm4 \
	--progress "$LAB_DIR/g34.progress"
NET_PROGRESS[g34]=$LAB_DIR/g34.progress
expect "start" lab_agent "$NET_CONFIG"
expect_equal "vm2's memory" 0 "$(tag_of vm2)"
expect_equal "memory of their own" "1 2" "$(tag_of vm1) $(tag_of vm3)"
net_logged "memory of VM vm1" || fail "the log tells of vm1's memory"

# ---- all directions, each byte right ----

guests_go g34
eventually "guests' traffic" guests_arrived_more g34 2000
net_frames_on 1 vm1
say "wire to vm1 on its own queue"
for pair in "vm1 wire" "vm1 vm2" "vm2 vm1" "vm2 wire"; do
	# shellcheck disable=SC2086
	net_frames $pair
	say "$pair"
	net_audit "$pair"
done
guests_go_on g34 2000
say "vm3 and vm4"

# A broadcast reaches all, wherever its frame was.
before=$(ip -n "$LAB-vm1" -s -j link show eth0 | jq '.[0].stats64.rx.packets')
lab_in vm2 "$LAB_TOOLS/frames" send eth0 --count 200 --pps 2000 \
	--dmac ff:ff:ff:ff:ff:ff --smac "$(net_mac vm2)" --seed 4711 \
	> /dev/null || fail "cannot send broadcasts"
eventually "broadcasts into vm1's memory" flow_got vm1 $((before + 200))

# ---- a burst to the isolated one takes nobody else's frames ----

posted=$(queue_frames up0 0)
flow vm2 wire any 2000
lab_in wire "$LAB_TOOLS/afxdp_queue" --dev wire0 --queue 1 --seed 99 \
	--smac "$(net_mac wire)" --dmac "$(net_mac vm1)" --count 20000 \
	--pps 1000000 > /dev/null
net_audit "in the burst"
flow_end vm2 wire
[ "$(queue_frames up0 0)" -ge $((posted - 64)) ] ||
	fail "shared frames went: $posted, now $(queue_frames up0 0)"
say "a burst to vm1: vm2 lost nothing"
net_audit "after the burst"

# ---- what is shared stays shared; what is not, needs a restart ----

cp "$NET_CONFIG" "$LAB_DIR/before.yaml"
config "$vm1_keys"
lab_ctl reload > "$LAB_DIR/reload.log" 2>&1 && fail "isolated went by reload"
grep -q "memory of its own.*needs a restart; nothing was changed" \
	"$LAB_DIR/reload.log" || fail "$(cat "$LAB_DIR/reload.log")"
cp "$LAB_DIR/before.yaml" "$NET_CONFIG"
expect "the same file again" lab_ctl reload
guests_go_on g34 2000
guests_stop g34
expect "no frame is missing" lab_agent_stop
say "all right"
