#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Shows pktagent at work: what "sudo make demo" calls once everything is built.
#
#	tests/demo/demo.sh [--hold]
#
# Builds a lab in network namespaces named pktdemo-*, runs pktagent with
# configs/demo.yaml in it, sends traffic, and prints what happened. Everything
# it made is removed at the end, also after Ctrl-C or a failure; what a demo
# left that was killed, the next one removes. With --hold the lab stays up for
# looking around until Ctrl-C.
#
# Exit status: 0 if everything worked, 1 if not; the last line says so.

export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
LAB=pktdemo
LAB_DIR=/run/$LAB		# and with it the paths in configs/demo.yaml
DEMO_DIR=$(cd "$(dirname "$0")" && pwd)
. "$DEMO_DIR/../lab/lab.sh"
. "$DEMO_DIR/../vm/vm.bash"
. "$DEMO_DIR/report.sh"
. "$DEMO_DIR/traffic.sh"

DEMO_CONFIG=$LAB_TOP/configs/demo.yaml
DEMO_POOL=24576			# memory.frames in there
DEMO_STATE=$LAB_DIR/host	# what was changed on the host
DEMO_STEP=			# what was being done, if it failed
DEMO_SIGNAL=			# what ended it
DEMO_HOLD=
DEMO_MINE=			# the lab is this demo's: clean it up

# ---- begin and end ----

die() {
	echo "demo: $*" >&2
	exit 1
}

# One demo at a time. The lock is the directory itself, which goes at the end,
# so it may be another one by the time it is locked.
take_lock() {
	mkdir -p "$LAB_DIR"
	exec 9< "$LAB_DIR" || exit 1
	flock -n 9 || die "another demo is running; wait for its end"
	[ "/proc/$$/fd/9" -ef "$LAB_DIR" ] ||
		die "another demo was just ending; try again"
	DEMO_MINE=1
}

# A demo that was killed leaves a lab that nobody else can have made: its name
# is a demo's, and no demo runs.
remove_leftovers() {
	mapfile -t LAB_NS < <(ip netns list | awk -v lab="^$LAB-" \
		'$1 ~ lab { print $1 }')
	if [ -f "$DEMO_STATE" ]; then
		# shellcheck disable=SC1090
		. "$DEMO_STATE"
	elif [ ${#LAB_NS[@]} = 0 ] && [ ! -d "$LAB_BPFFS" ]; then
		return
	fi
	echo "removing what a demo left that was killed"
	mapfile -t LAB_PIDS < <(for ns in "${LAB_NS[@]}"; do
		ip netns pids "$ns"
	done)
	lab_down
	set -e
	exec 9>&-
	DEMO_MINE=
	take_lock
}

# The lab's own variables, for a later demo.
note_host() {
	declare -p LAB_HUGE_BEFORE LAB_HUGE_ADDED LAB_BPF_MOUNTED |
		sed 's/^declare/declare -g/' > "$DEMO_STATE"
}

check_removed() {
	local what=

	! ip netns list | grep -q "^$LAB-" || what+=" namespaces"
	[ ! -e "$LAB_BPFFS" ] || what+=" $LAB_BPFFS"
	[ ! -e "$LAB_DIR" ] || what+=" $LAB_DIR"
	[ -z "$what" ] || REPORT_FAILED+=("left behind:$what")
}

on_signal() { # NAME
	DEMO_SIGNAL=$1
	exit $((128 + $(kill -l "$1")))
}

at_exit() {
	local rc=$?

	# A signal may come while a command's output goes elsewhere.
	exec >&8 2>&1
	trap - EXIT ERR
	trap '' HUP INT PIPE TERM
	set +e
	[ -n "$DEMO_MINE" ] || exit $rc
	if [ $rc != 0 ] && [ -z "$DEMO_SIGNAL" ]; then
		[ -z "$DEMO_STEP" ] || REPORT_FAILED+=(
			"a step of the demo itself: ${DEMO_STEP%%$'\n'*}")
		[ -z "$LAB_AGENT_PID" ] || ! lab_gone "$LAB_AGENT_PID" ||
			REPORT_FAILED+=("pktagent ended by itself")
	fi
	if [ ${#REPORT_FAILED[@]} != 0 ] && [ -f "$LAB_DIR/agent.log" ]; then
		report_heading "The agent's log"
		sed 's/^/  /' "$LAB_DIR/agent.log"
	fi
	lab_down
	check_removed
	last_line $rc
}

last_line() {
	local why

	echo
	if [ -n "$DEMO_SIGNAL" ]; then
		echo "demo: stopped by SIG$DEMO_SIGNAL; everything it made is removed"
		exit "$1"
	fi
	for why in "${REPORT_FAILED[@]}"; do
		echo "  ${REPORT_RED}FAILED$REPORT_PLAIN $why"
	done
	if [ "$1" = 0 ] && [ ${#REPORT_FAILED[@]} = 0 ]; then
		echo "demo: ok: all $REPORT_ROWS rows are as they should be," \
			"everything it made is removed"
		exit 0
	fi
	echo "demo: FAILED; everything it made is removed"
	exit 1
}

# ---- the lab ----

build_lab() {
	local ns

	lab_host_prepare $DEMO_POOL
	note_host
	lab_wire 2
	lab_veth_vm 1
	lab_ns vm2
	lab_ns vm4
	ip -n "$LAB-wire" link set wire0 address "$(lab_mac 100)"
	for ns in "${LAB_NS[@]}"; do
		ip netns exec "$ns" sysctl -qw \
			net.ipv4.icmp_echo_ignore_broadcasts=0
	done
}

# What a VM does when it boots: its end of the veth pair that the agent made.
boot_veth_vm() {
	ip -n "$LAB-vm$1" link set eth0 address "$(lab_mac "$1")" up
	lab_addr "vm$1" eth0 "$1"
}

# The VM behind the tap begins with pings of its own.
boot_tap_vm() {
	lab_start host vm3 "$LAB_TOOLS/tapvm" --dev tap3 --mac "$(lab_mac 3)" \
		--ip 10.77.0.3 --ip6 fd77::3 --stay \
		--ping 10.77.0.100 --count $TRAFFIC_PINGS --interval-us 10000
	VM3_PID=$LAB_LAST_PID
	lab_wait $LAB_PATIENCE grep -q '^ready' "$LAB_DIR/vm3.log"
}

# Two guests in QEMU, which boot while the rest is made.
start_guests() {
	local n

	vm_prepare
	for n in 5 6; do
		vm_start vm$n socket="$LAB_DIR/vm$n.sock" address=$n
	done
}

wait_for_guests() {
	local n

	for n in 5 6; do
		vm_wait vm$n
		vm_run vm$n "iperf3 -s -D" > /dev/null
	done
}

ports_are_up() {
	[ "$(lab_ctl -j port show | jq '[.ports[] | select(.state == "up")] |
		length')" = 7 ]
}

serve_iperf() {
	local ns

	for ns in wire vm1 vm2; do
		lab_start $ns "iperf-$ns" iperf3 -s --forceflush
		lab_wait $LAB_PATIENCE grep -q listening "$LAB_DIR/iperf-$ns.log"
	done
}

# ---- the demo ----

send_traffic() {
	report_columns
	take_way
	boot_tap_vm
	own_pings_row
	local to

	for to in vm1 vm2 vm3; do
		ping_row wire $to
		ping_row wire $to 6
	done
	ping_row vm1 vm2
	ping_row vm2 vm3
	ping_row wire vm5
	ping_row wire vm6 6
	ping_row vm5 wire
	ping_row vm5 vm6
	ping_row vm6 vm3
	broadcast_row wire "network 0" vm1 vm2 vm3 vm5 vm6
	broadcast_row vm1 "network 0" wire vm2 vm3 vm5 vm6
	broadcast_row vm4 "VLAN 20"
	leak_row
	frames_row wire vm4
	frames_row vm4 wire
	tcp_row wire vm1
	tcp_row vm1 wire
	tcp_row wire vm2
	tcp_row vm2 wire
	tcp_row vm1 vm2
	tcp_row wire vm5
	tcp_row vm5 wire
	tcp_row vm5 vm6
	tcp_row vm1 vm6
	udp_row wire vm1
	udp_row vm1 wire
	udp_row wire vm2
	udp_row vm2 wire
	udp_row vm1 vm2
	udp_row wire vm5
	udp_row vm5 wire
	udp_row vm5 vm6
	udp_echo_row wire vm3
	flood_row wire vm3
	idle_row
	[ -z "$TRAFFIC_NOTE" ] || printf '\n  * %s\n' \
		"iperf3 did not get to read in time: its socket's buffer was full"
}

show() { # HEADING COMMAND...
	report_heading "$1"
	shift
	lab_ctl "$@" > "$LAB_DIR/pktctl.txt"
	sed 's/^/  /' "$LAB_DIR/pktctl.txt"
}

hold() {
	cat <<-END

	The lab stays up until you press Ctrl-C. In another terminal, as root:
	  $LAB_BUILD/pktctl -s $LAB_SOCK -w port show
	  nsenter --net=/run/netns/$LAB-vm1 ping 10.77.0.2
	  ip netns list | grep $LAB
	END
	trap 'DEMO_HOLD=' INT
	while [ -n "$DEMO_HOLD" ]; do
		sleep 1 || true
	done
	trap 'on_signal INT' INT
}

# Everything is put back while the VMs are still there to look at.
stop_agent() {
	local rc=0 verdict=ok offload

	lab_agent_stop || rc=$?
	if grep -q 'frames missing' "$LAB_DIR/agent.log"; then
		verdict=$(grep 'frames missing' "$LAB_DIR/agent.log")
	elif [ $rc != 0 ]; then
		verdict="ended with status $rc"
	elif [ -e "$LAB_BPFFS" ] && [ -n "$(find "$LAB_BPFFS" -type f)" ]; then
		verdict="left pins in $LAB_BPFFS"
	elif ip -n "$LAB-host" link show vm2h > /dev/null 2>&1; then
		verdict="left vm2h behind"
	fi
	offload=$(lab_in vm1 ethtool -k eth0 | awk '/^tx-checksumming/ {
		print $2 }')
	[ "$offload" = on ] || verdict="did not put vm1's offloads back"
	report_row "agent stops" all frames "" "" "all accounted for" "" \
		"$verdict"
}

check_arguments() {
	local program

	if [ $# = 1 ] && [ "$1" = --hold ]; then
		DEMO_HOLD=1
	elif [ $# != 0 ]; then
		echo "usage: tests/demo/demo.sh [--hold]" >&2
		exit 2
	fi
	[ "$(id -u)" = 0 ] || die "needs root: sudo make demo"
	for program in pktagent pktctl tests/tools/tapvm tests/tools/frames; do
		[ -x "$LAB_BUILD/$program" ] ||
			die "$program is not built yet: sudo make demo"
	done
}

main() {
	check_arguments "$@"
	take_lock
	remove_leftovers

	report_heading "A host with a NIC, four VMs in network namespaces, two in QEMU"
	build_lab
	start_guests
	echo "  pktagent --config $DEMO_CONFIG"
	# Its log is shown at the end.
	lab_agent "$DEMO_CONFIG" 2> /dev/null || exit 1
	sed 's/^/  /' "$LAB_DIR/agent.log"
	boot_veth_vm 2
	boot_veth_vm 4
	serve_iperf
	wait_for_guests
	lab_wait $LAB_PATIENCE ports_are_up

	report_heading "What was sent, and what became of it"
	cat <<-END
	  WAY, by the agent's counters: "kernel" = handed from device to device by
	  XDP; "agent" = through the VM's pool and a worker, by AF_XDP or a guest's
	  rings; "bypass" = by a worker from one guest's memory into another's; "both"
	  = a broadcast by the agent, which copies it, and the answers by the kernel.
	  vm5 and vm6 run in QEMU, which emulates their processors where KVM does not
	  work: how fast they are is up to that.

	END
	send_traffic
	show "The ports (pktctl port show)" port show
	show "The packet buffers (pktctl pool show)" pool show
	show "A guest in QEMU (pktctl vm show vm5)" vm show vm5
	show "Past the switch (pktctl bypass show)" bypass show
	show "What became of packets (pktctl counters show)" counters show
	report_heading "The picture"
	report_picture
	[ -z "$DEMO_HOLD" ] || hold
	report_heading "The end"
	stop_agent
}

exec 8>&1
trap at_exit EXIT
for signal in HUP INT PIPE TERM; do
	# shellcheck disable=SC2064
	trap "on_signal $signal" $signal
done
set -eE
trap 'DEMO_STEP=$BASH_COMMAND' ERR
main "$@"
