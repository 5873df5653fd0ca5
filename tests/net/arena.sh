#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# An arena of another size while packets flow: pktctl pool arena.
#
#	wire --- up0 [agent] vm1   kernel way
#	         2 queues    vm2   agent way
#	                     vm3 \ vhost-user: no queues, no outage
#	                     vm4 /
#	                     tap5  agent way: its reader is stopped
#	                     vm6   agent way: keeps what is sent to it
. "$(dirname "$0")/guests.bash"

FRAMES=$NET_MEMORY

lab_trap
lab_host_prepare
lab_wire 2
lab_veth_vm 1
lab_veth_vm 2
lab_veth_vm 6
net_config <<-END
workers: {cores: [$(guests_cores)]}
fdb:
  static: [{mac: "$(net_mac wire)", port: up0}]
uplinks: [{name: up0, device: up0}]
vms:
$(net_veth_vm 1 "pool: {min: 512, max: 8192}")
$(net_veth_vm 2 "way: agent, pool: {min: 512, max: 8192}")
$(guest_vm 3)
$(guest_vm 4)
$(net_tap_vm 5 "way: agent, pool: {min: 512}")
$(net_veth_vm 6 "way: agent, learn: true, pool: {min: 512}")
END
# Huge pages would have to be free all the time.
sed -i 's/^memory:/&\n  hugepages: off/' "$NET_CONFIG"
expect "start" lab_agent "$NET_CONFIG"
lab_start host tapvm5 "$LAB_TOOLS/tapvm" --dev tap5 --mac "$(lab_mac 5)" \
	--ip 10.77.0.5
tapvm=$LAB_LAST_PID
eventually "tap5 has a carrier" net_logged "tap5 has a carrier now"

frames() { lab_ctl -j pool show | jq .arena.promises.total; }

arena() { # SIZE
	answer=$(lab_ctl pool arena --size "$1" 2>&1)
	status=$?
	say "$answer"
}

is() { # FRAMES, after FRAMES
	arena "$1"
	expect_equal "status" 0 $status
	[[ $answer =~ ^"$3 frames instead of $2; "[1-9][0-9]*" queues bound anew, "[0-9]+" ms each at most, "[0-9]+" ms in all" ]] ||
		fail "the report: $answer"
	expect_equal "frames" "$3" "$(frames)"
	net_audit "$2 to $3"
}

refused() { # SIZE TEXT
	local before

	before=$(frames)
	arena "$1"
	expect_equal "refused: $1" 1 $status
	[[ $answer = *"$2"* ]] || fail "$1: expected: $2"
	expect_equal "frames" "$before" "$(frames)"
}

all_directions() {
	local pair

	for pair in "wire vm1" "wire vm2" "vm1 wire" "vm2 wire" "vm1 vm2" \
		"vm2 vm1"; do
		# shellcheck disable=SC2086
		net_frames $pair
	done
}

# ---- what is refused changes nothing ----

refused 100 "--size: 100: too few: pool.min of 6 VMs takes "
refused 4194305 "--size: 4194305: must be from 1 to 4194304 frames"
refused lots "--size: lots: must be a number of frames"
refused 0 "--size: 0: must be a number of frames"
arena $FRAMES
expect_equal "nothing to do" "0 $FRAMES frames, as before" "$status $answer"

# Room for the request's socket and three more. Those that are to come are made
# before any is closed: the same sockets are there afterwards.
limit_for_four() { # PID
	local fd limit=0 n_free=0

	while [ $n_free -lt 4 ]; do
		[ -e "/proc/$1/fd/$limit" ] || n_free=$((n_free + 1))
		limit=$((limit + 1))
	done
	echo $limit
}
sockets() { ls -l "/proc/$LAB_AGENT_PID/fd" | grep -o 'socket:.*' | sort; }
limits=$(prlimit --pid "$LAB_AGENT_PID" --nofile -o SOFT,HARD --noheadings)
before=$(sockets)
for size in 40000 20000; do
	prlimit --pid "$LAB_AGENT_PID" --nofile="$(limit_for_four "$LAB_AGENT_PID"):"
	refused $size "--size: $size: up0: queue 0: Too many open files; it stays at $FRAMES frames"
	# shellcheck disable=SC2086
	prlimit --pid "$LAB_AGENT_PID" --nofile="$(echo $limits | tr ' ' :)"
	expect_equal "sockets" "$before" "$(sockets)"
	net_audit "after $size, refused"
done
say "sockets that cannot be had"

# ---- larger and smaller, under flows ----

guests vhost "$(guest_end 3)" "$(guest_end 4)" --flow vm3:vm4 --seconds 3600 \
	--window 64
eventually "guests' traffic" guests_arrived_more vhost 1000
flows=("wire vm1" "wire vm2" "vm1 wire" "vm2 vm1")
for pair in "${flows[@]}"; do
	# shellcheck disable=SC2086
	flow $pair any 2000 --window 0
done
is 256MiB $FRAMES $((FRAMES * 2))
is 20000 $((FRAMES * 2)) 20000
is $FRAMES 20000 $FRAMES
for pair in "${flows[@]}"; do
	# shellcheck disable=SC2086
	flow_end_lossy $pair
	say "$pair: $NET_LOST lost in three outages"
	[ "$NET_LOST" -lt 4000 ] || fail "that is more than two seconds of it"
done
guests_go_on vhost 1000
all_directions
say "all directions"

# ---- a reload of the same file keeps the size ----

is 24000 $FRAMES 24000
expect "reload" lab_ctl reload
expect_equal "frames after a reload" 24000 "$(frames)"

# ---- who does not read ----

flood() { # TO: more than it holds
	lab_in wire "$LAB_TOOLS/frames" send wire0 --count 3000 --pps 10000 \
		--dmac "$(net_mac "$1")" --smac "$(net_mac wire)" --seed 905 \
		> /dev/null || fail "cannot send to $1"
}

kill -STOP "$tapvm"
flood tap5
is 22000 24000 22000
kill -CONT "$tapvm"
say "a tap's reader that was stopped"

# A guest keeps frames that are to go: all stays as it was. What others send to
# it meanwhile may find no room.
guests_stop vhost
guests vhost "$(guest_end 3)" "$(guest_end 4)" --flow vm3:vm4 --seconds 3600 \
	--window 64 --lossy
eventually "guests' traffic again" guests_arrived_more vhost 1000
kill -STOP "${NET_PID[vhost]}"
flood vm3
before=$(net_pool vm3 out_used)
[ "$before" -gt 100 ] || fail "only $before frames wait for vm3"
refused 16000 "do not come back: most are on their way to vm3, which does not read; it stays at 22000 frames"
expect_equal "and wait still" "$before" "$(net_pool vm3 out_used)"
net_audit "after a size that could not be"
kill -CONT "${NET_PID[vhost]}"
guests_go_on vhost 1000
is 16000 22000 16000
all_directions
say "a guest that was stopped"

# ---- frames that do not come back ----

# A bridge in the VM with a queue so slow that the kernel keeps our packets,
# and with them the socket that sent them.
lab_in vm6 ip link add br0 type bridge
lab_in vm6 ip link add slow type veth peer name end
for dev in br0 end slow; do
	lab_in vm6 ip link set $dev up
done
lab_in vm6 tc qdisc add dev slow root tbf rate 1kbit burst 2kb limit 10mb
lab_in vm6 ip link set slow master br0
# What is for the VM is for somebody behind its bridge.
lab_in vm6 ip link set eth0 address 02:00:00:00:00:66
lab_in vm6 ip link set eth0 master br0
lab_in wire "$LAB_TOOLS/frames" send wire0 --count 600 --pps 2000 \
	--dmac "$(net_mac vm6)" --smac "$(net_mac wire)" --seed 906 \
	> /dev/null || fail "cannot send to vm6"
kept() { [ "$(net_pool vm6 out_used)" -gt 50 ]; }
eventually "packets are kept" kept
is 18000 16000 18000
[[ $answer =~ "; "[0-9]+" packets were lost that a device did not send; vm6 is down: vm6h: queue 0: cannot be bound anew: somebody keeps packets that it has sent" ]] ||
	fail "the report: $answer"
all_directions
say "all but vm6 go on"
lab_in vm6 tc qdisc del dev slow root
lab_in vm6 ip link set eth0 nomaster
lab_in vm6 ip link set eth0 address "$(net_mac vm6)"
eventually "vm6 is back" net_port_works vm6
net_frames wire vm6
net_frames vm6 vm1

# ---- the end ----

guests_stop vhost
net_audit "at the end"
expect "stop" lab_agent_stop
