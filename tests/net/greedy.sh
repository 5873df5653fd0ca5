#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A greedy VM beside a starved one, in little memory.
#
#	wire --- up0 [agent] vm1   vhost-user, takes all frames that it can get:
#	                           stopped, and sent to all the time; then idle,
#	                           and asked for all of them
#	                     vm2   veth, comes by reload, and then has more
#	                     vm3   veth, was there before
#
# vm2 has its minimum at once, and loses nothing within it, nor does vm3. vm1
# keeps its own.
. "$(dirname "$0")/net.bash"

FRAMES=8192
WINDOW=60	# what each part of the minimums holds twice

lab_trap
lab_host_prepare $FRAMES
lab_wire 1
lab_veth_vm 2
lab_veth_vm 3
for ns in wire vm2 vm3 host; do
	lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done

config() { # [MINIMUM-OF-VM2]
	net_config <<-END
	pools: {window_ms: 20}
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0, way: agent, reserve: 512,
	           out_max: 256}]
	vms:
	  - {name: vm1, mac: "$(net_mac vm1)", way: agent,
	     pool: {min: 128, max: $FRAMES},
	     device: {type: vhost-user, socket: $LAB_DIR/vm1.sock}}
	$(net_veth_vm 3 "way: agent, pool: {min: 1024, max: 1024}")
	${1:+$(net_veth_vm 2 "way: agent, pool: {min: $1, max: 4096}")}
	END
	sed -i "s/frames: $NET_MEMORY/frames: $FRAMES/" "$NET_CONFIG"
}

reload() {
	config "$1"
	RELOADED=${EPOCHREALTIME/,/.}
	lab_ctl reload > "$LAB_DIR/reload.log" 2>&1 ||
		fail "reload: $(cat "$LAB_DIR/reload.log")"
	at_least vm2 "$1" || fail "vm2 has not got its minimum of $1 frames:
$(lab_ctl pool show; net_pool_log | jq -c '.[-20:]')"
}

at_least() { [ "$(net_pool "$1" size)" -ge "$2" ]; } # VM FRAMES
at_most() { [ "$(net_pool "$1" size)" -le "$2" ]; }

stopped_growing() { # VM
	local before

	before=$(net_pool "$1" size)
	sleep 0.5
	[ "$before" -gt 1024 ] && [ "$(net_pool "$1" size)" = "$before" ]
}

has_lost() { [ "$(net_counter "$1" "$2")" -gt 0 ]; } # PORT REASON

# Milliseconds from the first to the last of the changes that the last reload
# made. To open a new VM's sockets is part of it.
took_ms() {
	net_pool_log | jq --argjson began "$RELOADED" '[.[] |
		select(.time >= $began and ((.vm == "vm2" and
			(.reason == "start" or .reason == "reload")) or
			.reason == "reclaim")) | .time] |
		(max - min) * 1000 | round'
}

quick() { # WHAT
	local ms

	ms=$(took_ms)
	say "$1: vm2 has its minimum in $ms ms"
	expect "$1: that is soon" [ "$ms" -lt 1000 ]
}

neighbours_start() {
	flow wire vm3 any 2000
	flow vm3 wire any 2000
}

neighbours_end() { # WHAT
	flow wire vm2 5000 10000 --window $WINDOW
	flow vm2 vm3 5000 10000 --window $WINDOW
	flow_end wire vm2
	flow_end vm2 vm3
	flow_end wire vm3
	flow_end vm3 wire
	say "$1: the others lost nothing"
}

config
expect "start" lab_agent "$NET_CONFIG"
lab_start host echo "$LAB_TOOLS/hostile" echo --socket "$LAB_DIR/vm1.sock" \
	--mac "$(net_mac vm1)"
echo=$LAB_LAST_PID
eventually "vm1 is connected" net_port_works vm1

# ---- stopped, and sent to ----

neighbours_start
kill -STOP $echo
lab_start wire to-vm1 "$LAB_TOOLS/frames" send wire0 --count 10000000 \
	--pps 20000 --dmac "$(net_mac vm1)" --smac "$(net_mac wire)"
sender=$LAB_LAST_PID
eventually "vm1 loses packets" has_lost vm1 pool_full
eventually "vm1 has taken all that it can get" stopped_growing vm1
say "vm1, stopped: $(net_pool vm1 size) frames, $(net_drops | paste -sd,)"
reload 1000
quick "while vm1 takes all"
neighbours_end "while vm1 takes all"
net_audit "while vm1 takes all"
expect "vm1 keeps its minimum" at_least vm1 128
lab_stop $sender || [ $? = 1 ] || fail "cannot send to vm1"
kill -CONT $echo
eventually "vm1 gives back what it does not need" at_most vm1 128
net_audit "when vm1 is back"

# ---- asked for all ----

lab_ctl pool resize vm1 --frames $((FRAMES / 2)) > "$LAB_DIR/resize.log" 2>&1 ||
	fail "resize: $(cat "$LAB_DIR/resize.log")"
eventually "vm1 has what was asked for" at_least vm1 $((FRAMES / 2))
neighbours_start
reload 4096
expect "it is taken from vm1" net_pool_logged vm1 '.reason == "reclaim"'
quick "while vm1 has all"
neighbours_end "while vm1 has all"
expect "vm1 keeps its minimum" at_least vm1 128
net_audit "at the end"

# What is sent to the echo arrives at the wire.
NET_SEED=$((NET_SEED + 1))
net_recv wire vm1 --ethertype raw
lab_in wire "$LAB_TOOLS/frames" send wire0 --seed "$NET_SEED" \
	--dmac "$(net_mac vm1)" --smac "$(net_mac wire)" --ethertype raw \
	--progress "${NET_PROGRESS[wire-vm1]}" > /dev/null ||
	fail "cannot send to vm1"
net_received wire vm1
lab_stop $echo || fail "vm1: $(cat "$LAB_DIR/echo.log")"
expect "no frame is missing" lab_agent_stop
