#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Reload under traffic: what did not change loses nothing.
#
#	wire --- up0 [agent] vm1   kernel way \  never change
#	                     vm2   agent way  /
#	                     vm3   comes, changes, goes
#	                     tap4  the same, made by the agent
#
# A configuration that is wrong, does not fit or needs a restart changes
# nothing at all. By SIGHUP and by pktctl.
. "$(dirname "$0")/net.bash"

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 1
lab_veth_vm 2
lab_veth_vm 3

# config UPLINK-KEYS [VM-ENTRY...]
config() {
	local keys=$1

	shift
	net_config "${AGENT_KEY:-}" <<-END
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0${keys:+, $keys}}]
	vms:
	$(net_veth_vm 1)
	$(net_veth_vm 2 "way: agent")
	$(printf '%s\n' "$@")
	END
}

# By pktctl: reload SUMMARY
reload() {
	lab_ctl reload > "$LAB_DIR/reload.log" 2>&1 ||
		fail "reload: $(cat "$LAB_DIR/reload.log")"
	expect_equal "reload" "$1" "$(cat "$LAB_DIR/reload.log")"
}

# Everything that could have changed, but for what traffic changes.
state() {
	lab_ctl -j port show | jq -S '.ports | map(del(.rx, .tx, .drops))'
	lab_ctl -j vm show | jq -S 'map(del(.to_vm, .from_vm, .drops,
		.pool.used))'
	lab_ctl -j fdb show | jq -S 'map(del(.age_s)) | sort_by(.mac)'
	lab_ctl -j queue show | jq '.[] | [.port, .index, .id, .shares[].limit]'
	net_settings
}

# The reload is refused with a message that has $1, and nothing changes.
refused() {
	lab_ctl reload > "$LAB_DIR/reload.log" 2>&1 &&
		fail "accepted, though it should say: $1"
	grep -q -- "$1" "$LAB_DIR/reload.log" ||
		fail "expected: $1; found: $(cat "$LAB_DIR/reload.log")"
	state > "$LAB_DIR/state.after"
	diff "$LAB_DIR/state.before" "$LAB_DIR/state.after" ||
		fail "refused ($1), and changed this"
}

config ""
expect "start" lab_agent "$NET_CONFIG"
flow wire vm1 any 2000
flow wire vm2 any 2000
flow vm2 wire any 2000
eventually "traffic flows" flow_got vm2 100

# ---- by pktctl: comes, changes, goes ----

reload "0 added, 0 removed, 0 changed, 3 as before"
config "" "$(net_veth_vm 3)"
reload "1 added, 0 removed, 0 changed, 3 as before"
net_frames wire vm3
config "" "$(net_veth_vm 3 "way: agent, pool: {min: 1024, initial: 1024, max: 2048}")" \
	"$(net_tap_vm 4)"
reload "1 added, 0 removed, 1 changed, 3 as before"
expect_equal "vm3's way" agent "$(net_port vm3 .way.got)"
net_frames wire vm3
net_frames wire tap4
tap4=$(net_port tap4 .ifindex)
config "" "$(net_veth_vm 3 "way: agent, mtu: 1400")" \
	"$(net_tap_vm 4 "pool: {min: 512, initial: 512, max: 512}")"
reload "0 added, 0 removed, 2 changed, 3 as before"
expect_equal "the device that tap4's reader may have open" \
	"$tap4" "$(net_port tap4 .ifindex)"
expect_equal "vm3's MTU" 1400 "$(net_port vm3 .mtu)"
net_frames wire vm3 --max 1414
net_frames tap4 vm3 --max 1414
config "" "$(net_veth_vm 3 "vlan: 30")"
reload "0 added, 1 removed, 1 changed, 3 as before"
expect "the agent removes the tap it made" \
	[ "$(ip -n "$LAB-host" -o link show | grep -c tap4)" = 0 ]
NET_SEED=$((NET_SEED + 1))
net_recv vm3 wire --any-order
net_send wire vm3 --vlan 30
net_received vm3 wire
config "learn: true, reserve: 1024"
reload "0 added, 1 removed, 0 changed, 3 as before"
expect "the removed VM's device is not ours any more" \
	[ -z "$(ip -n "$LAB-host" -j link show vm3h | jq -r '.[0].xdp // ""')" ]
say "pktctl reload: comes, changes, goes"

# ---- by SIGHUP ----

config "" "$(net_tap_vm 4 "way: agent")"
net_mark_log
kill -HUP "$LAB_AGENT_PID"
eventually "SIGHUP reloads" net_logged_again \
	"reload: 1 added, 0 removed, 0 changed, 3 as before"
net_frames wire tap4
config ""
net_mark_log
kill -HUP "$LAB_AGENT_PID"
eventually "SIGHUP reloads again" net_logged_again \
	"reload: 0 added, 1 removed, 0 changed, 3 as before"
say "SIGHUP"

# ---- refused ----

state > "$LAB_DIR/state.before"
config "" "  - {name: vm3, mac: 1, vlan: x}"
refused 'vms\[2\]'
config "" "$(net_veth_vm 3 | sed 's/vm3h/vm1h/')"
refused 'vm1h'
config "" "$(net_veth_vm 3 | sed 's/vm3h/nodev/')"
refused 'nodev: no such device'
config "" "$(net_veth_vm 3 "pool: {min: 65536, initial: 65536}")"
refused 'frames'
config "mtu: 3499"
refused 'mtu'
sed -i 's/frames: 32768/frames: 16384/' "$NET_CONFIG"
config "" "$(net_veth_vm 3)"
sed -i 's/frames: 32768/frames: 16384/' "$NET_CONFIG"
refused 'needs a restart'
config "" "$(net_veth_vm 3)"
sed -i 's/^memory:/&\n  reserve: 2048/' "$NET_CONFIG"
refused 'memory.reserve: 2048 frames instead of 1024'
config "" "$(net_veth_vm 3 "uplink_queues: [1]")"
refused 'uplink_queues of VM vm3: 1: uplink up0 (up0) has the queues 0 to 0'
config "" "$(net_veth_vm 3 "uplink_queues: [0]")"
refused 'uplink_queues of VM vm3: 0: is the last of 1 queues'
AGENT_KEY="metadata: false" config "" "$(net_veth_vm 3)"
refused 'need a restart'
echo "workers: {cores: [0, 1]}" >> "$NET_CONFIG"
refused 'restart'
# Accepted by the check, and fails half way: it goes back.
config "" "$(net_veth_vm 3)" "$(net_tap_vm 4)" \
	"  - {name: vm5, mac: \"$(lab_mac 5)\", device: {type: tap, name: vm3x}}"
ip -n "$LAB-host" link add vm3x type veth peer name vm3y
state > "$LAB_DIR/state.before"
refused 'vm3x: is no tap'
ip -n "$LAB-host" link del vm3x
config ""
kill -HUP "$LAB_AGENT_PID"
say "refused and without a trace"

flow_end wire vm1
flow_end wire vm2
flow_end vm2 wire
say "the flows of what did not change lost nothing"
net_frames wire vm1
net_frames vm2 wire
expect "no frame is missing" lab_agent_stop
