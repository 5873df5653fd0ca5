#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A VM that falls silent holds its minimum and no more: what its pool gives up of
# frames that are posted is taken off the rings again, while others, or itself at
# any moment, go on.
#
#	wire --- up0, 2 queues [agent] vm1   veth, 64 to 4096 frames
#	most is sent by queue 0        tap2  tap, the same
#	                               vm3   veth, busy all the time
#	                               vm4   veth, isolated, queue 1; 64 to 4096
#
# ROUNDS=N: as many recalls under traffic.
. "$(dirname "$0")/net.bash"

ROUNDS=${ROUNDS:-60}

lab_trap
lab_host_prepare $((NET_MEMORY + 8192))
lab_wire 2
for n in 1 3 4; do
	lab_veth_vm $n
done
# Nobody talks by himself: silent is silent.
for ns in "${LAB_NS[@]}" host; do
	lab_in "${ns#"$LAB-"}" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
# shellcheck disable=SC2016
lab_in wire unshare -m sh -c 'mount -t sysfs sysfs /sys &&
	printf "%x\n" $(((1 << $(nproc)) - 1)) \
		> /sys/class/net/wire0/queues/tx-0/xps_cpus' || skip "no XPS"
cores=0
[ "$(nproc)" -ge 2 ] && cores="0, 1"
net_config <<-END
workers: {cores: [$cores]}
pools: {window_ms: 20}
fdb:
  static: [{mac: "$(net_mac wire)", port: up0}]
uplinks: [{name: up0, device: up0}]
vms:
$(net_veth_vm 1 "way: agent, pool: {min: 64}")
$(net_tap_vm 2 "way: agent, pool: {min: 64, max: 4096}")
$(net_veth_vm 3 "way: agent, pool: {min: 1024, max: 4096}")
$(net_veth_vm 4 "way: agent, isolated: true, uplink_queues: [1], pool: {min: 64, max: 4096}")
END
# The agent's own log has it if a frame was where none should be.
expect "start" lab_agent "$NET_CONFIG"

resize() { # VM FRAMES
	lab_ctl pool resize "$1" --frames "$2" > "$LAB_DIR/resize.log" 2>&1 ||
		fail "resize $*: $(cat "$LAB_DIR/resize.log")"
}

# On its own queues are no more frames than are to be there.
holds() { # PORT
	lab_ctl -j pool show "$1" |
		jq -e '.ports[0] | .posted == .posted_max' > /dev/null
}

holds_more() { ! holds "$1"; }

# And those are its minimum's.
silent() { # VM
	eventually "$1 is idle" net_pool_is "$1" size 64
	eventually "$1 holds no more than its pool says" holds "$1"
	say "$1: silent, $(net_pool "$1" posted) frames posted"
}

asleep() {
	[ "$(lab_ctl -j worker show | jq 'all(.[]; .sleeping)')" = true ]
}

naps() { lab_ctl -j worker show | jq '[.[].sleeps] | add'; }

lab_start host tap2 "$LAB_TOOLS/tapvm" --dev tap2 --mac "$(lab_mac 2)" \
	--ip 10.77.0.2
eventually "tap2 has a reader" net_port_works tap2
eventually "vm4 works" net_port_works vm4

# The VM behind the tap answers.
ping_tap2() { lab_in vm3 ping -q -n -W 5 "$@" 10.77.0.2 > "$LAB_DIR/ping.log"; }
eventually "tap2 answers" ping_tap2 -c 1

# ---- grown by a burst, then silence ----

flow vm3 wire any 2000 --window 20
flow wire vm3 any 2000 --window 20
for vm in vm1 vm4; do
	# The agent finds all of it at once.
	kill -STOP "$LAB_AGENT_PID"
	flow $vm wire any 20000 --window 32
	eventually "a burst is there" flow_sent_more $vm wire 32
	kill -CONT "$LAB_AGENT_PID"
	eventually "$vm's pool has grown" net_pool_logged $vm \
		'.reason == "fill_low" or .reason == "fill_empty"'
	eventually "it goes on" flow_sent_more $vm wire 2000
	flow_end $vm wire
	silent $vm
	net_audit "$vm is silent"
	flow $vm wire 3000 20000 --window 32
	flow_end $vm wire
	silent $vm
done

# ---- on request ----

for vm in vm1 tap2 vm4; do
	for i in 1 2 3; do
		resize $vm 4096
		resize $vm 64
		holds $vm || eventually "$vm has given up its frames" holds $vm
		# Until the kernel has passed what was taken off, the ring has
		# no room for more of that.
		case $vm in
		tap2) expect "tap2 answers" ping_tap2 -c 100 -i 0.002 ;;
		*)
			flow $vm wire 200 20000 --window 32
			flow_end $vm wire
			;;
		esac
	done
	silent $vm
	net_audit "$vm, resized"
done
# Again and again, without a packet: what does not fit stays until one comes.
for i in 1 2 3 4 5; do
	resize vm1 4096
	eventually "vm1 has grown" net_pool_is vm1 posted \
		"$(net_pool vm1 posted_max)"
	resize vm1 64
	net_audit "vm1, resized in silence"
done
flow vm1 wire 6000 20000 --window 32
flow_end vm1 wire
silent vm1
say "on request: nothing lost"

# ---- at any moment ----

flow vm1 wire any 3000 --window 24
flow vm4 wire any 300 --window 24
flow wire vm1 any 1000 --window 24
(while ping_tap2 -c 20 -i 0.002; do sleep 0.0$((RANDOM % 10)); done) &
pinging=$!
for ((i = 0; i < ROUNDS; i++)); do
	for vm in vm1 tap2 vm4; do
		resize $vm $((500 + RANDOM % 3500))
	done
	for vm in vm1 tap2 vm4; do
		resize $vm 64
	done
	[ $((i % 10)) != 0 ] || net_audit "round $i"
done
kill -0 $pinging 2> /dev/null || fail "tap2: $(cat "$LAB_DIR/ping.log")"
kill $pinging
wait $pinging 2> /dev/null
# As above: it may have sent less than was taken off.
expect "tap2 answers" ping_tap2 -c 200 -i 0.002
for pair in "vm1 wire" "vm4 wire" "wire vm1" "vm3 wire" "wire vm3"; do
	# shellcheck disable=SC2086
	flow_end $pair
done
for vm in vm1 tap2 vm4; do
	silent $vm
done
# Nothing has come by queue 1 so far.
net_frames_on 1 vm4
eventually "up0 holds no more than its pool says" holds up0
net_audit "at the end"
lab_ctl -j queue show | jq -e 'all(.[]; .fill_short == 0)' > /dev/null ||
	fail "a queue went without frames: $(lab_ctl queue show)"
say "$((3 * ROUNDS)) recalls under traffic: nothing lost"

# ---- and then it sleeps ----

eventually "all workers sleep" asleep
sleep 1
before=$(naps)
sleep 3
expect_equal "times that a worker woke up and slept again" "$before" "$(naps)"
expect "no frame is missing" lab_agent_stop
