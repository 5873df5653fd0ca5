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
. "$DEMO_DIR/report.sh"

DEMO_CONFIG=$LAB_TOP/configs/demo.yaml
DEMO_POOL=16384			# memory.frames in there
DEMO_STATE=$LAB_DIR/host	# what was changed on the host
DEMO_PINGS=30
DEMO_FLOOD=20000
DEMO_ECHOES=50
DEMO_BROADCASTS=20
DEMO_FRAMES=1000
DEMO_TCP_S=2
DEMO_UDP_S=1
DEMO_UDP_RATE=50M
DEMO_MAX_IDLE=1.0		# per cent of a core
DEMO_NOTE=			# a row has an asterisk
DEMO_STEP=			# what was being done, if it failed
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

at_exit() {
	local rc=$?

	trap - EXIT ERR
	trap '' HUP INT PIPE TERM
	set +e
	[ -n "$DEMO_MINE" ] || exit $rc
	[ $rc = 0 ] || [ $rc -gt 128 ] || [ -z "$DEMO_STEP" ] ||
		REPORT_FAILED+=("a step of the demo itself: $DEMO_STEP")
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
	if [ "$1" -gt 128 ]; then
		echo "demo: stopped by a signal; everything it made is removed"
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
		--ping 10.77.0.100 --count $DEMO_PINGS --interval-us 10000
	VM3_PID=$LAB_LAST_PID
	lab_wait 5 grep -q '^ready' "$LAB_DIR/vm3.log"
}

ports_are_up() {
	[ "$(lab_ctl -j port show | jq '[.ports[] | select(.state == "up")] |
		length')" = 5 ]
}

serve_iperf() {
	local ns

	for ns in wire vm1 vm2; do
		lab_start $ns "iperf-$ns" iperf3 -s --forceflush
		lab_wait 5 grep -q listening "$LAB_DIR/iperf-$ns.log"
	done
}

# ---- which way packets went ----

DEMO_KERNEL=0
DEMO_AGENT=0
DEMO_DROPS=0

# Since the last call: sets WAY to the way that most packets took, and DROPPED
# to how many the agent knows to be lost.
take_way() {
	local kernel agent drops

	read -r kernel agent drops < <(lab_ctl -j counters show | jq -r '
		def n(which): [.[] | select(which) | .packets] | add // 0;
		[n(.reason == "to_kernel"), n(.reason == "to_agent"),
			n(.kind == "drop")] | @tsv')
	WAY=both
	if [ $((kernel - DEMO_KERNEL)) -gt $((4 * (agent - DEMO_AGENT))) ]; then
		WAY=kernel
	elif [ $((agent - DEMO_AGENT)) -gt $((4 * (kernel - DEMO_KERNEL))) ]
	then
		WAY=agent
	fi
	DROPPED=$((drops - DEMO_DROPS))
	DEMO_KERNEL=$kernel
	DEMO_AGENT=$agent
	DEMO_DROPS=$drops
}

# What the configuration says: a packet goes the agent's way if one of its two
# ends does.
expected_way() { # FROM TO
	case $1-$2 in
	*vm2*) echo agent ;;
	*) echo kernel ;;
	esac
}

# Sets VERDICT from "ok" or what is wrong, and the way.
judge() { # FROM TO VERDICT
	local expected

	take_way
	expected=$(expected_way "$1" "$2")
	VERDICT=$3
	if [ "$VERDICT" = ok ] && [ "$WAY" != "$expected" ]; then
		VERDICT="took the wrong way, not the $expected's"
	fi
}

# ---- traffic ----

address() { # NAME: the last part of its addresses
	case $1 in
	wire) echo 100 ;;
	*) echo "${1#vm}" ;;
	esac
}

# The summary of ping: "RECEIVED MILLISECONDS", "0 -" if there is none.
ping_summary() {
	awk '/ received/ { n = $4 } /^rtt/ { split($4, ms, "/"); avg = ms[2] }
		END { print n + 0, avg ? avg : "-" }'
}

ping_row() { # FROM TO [6]
	local from=$1 to=$2 what=ping prefix=10.77.0. received ms verdict=ok

	if [ "${3-}" = 6 ]; then
		what=ping6
		prefix=fd77::
	fi
	read -r received ms < <(lab_in "$from" timeout 10 ping -n -q \
		-c $DEMO_PINGS -i 0.01 -W 1 "$prefix$(address "$to")" \
		2> /dev/null | ping_summary)
	[ "$received" = $DEMO_PINGS ] || verdict="replies are missing"
	judge "$from" "$to" "$verdict"
	[ "$what" = ping ] && REPORT_MS[$to]=$ms
	report_row $what "$from" "$to" "$WAY" $DEMO_PINGS "$ms ms" \
		$((DEMO_PINGS - received)) "$VERDICT"
}

# The pings that the VM behind the tap has sent by itself.
own_pings_row() {
	local sent=0 received=0 verdict=ok

	lab_wait 10 grep -q ' sent, ' "$LAB_DIR/vm3.log" || true
	read -r sent received < <(awk '/ sent, / { print $3, $5 }' \
		"$LAB_DIR/vm3.log") || true
	[ "$sent-$received" = $DEMO_PINGS-$DEMO_PINGS ] ||
		verdict="replies are missing"
	judge vm3 wire "$verdict"
	report_row ping vm3 wire "$WAY" "$sent" "" $((sent - received)) \
		"$VERDICT"
}

flood_row() { # FROM TO: as fast as replies come back
	local received=0 us took pps verdict=ok

	us=${EPOCHREALTIME/[.,]/}
	read -r received _ < <(lab_in "$1" timeout 20 ping -n -q -f -l 8 \
		-s 1400 -c $DEMO_FLOOD -W 1 "10.77.0.$(address "$2")" |
		ping_summary)
	took=$((${EPOCHREALTIME/[.,]/} - us))
	pps=$((received * 1000000 / took))
	REPORT_FLOOD=$(report_count $pps)
	[ "$received" = $DEMO_FLOOD ] || verdict="replies are missing"
	judge "$1" "$2" "$verdict"
	report_row "ping flood" "$1" "$2" "$WAY" "$(report_count $DEMO_FLOOD)" \
		"$REPORT_FLOOD packets/s, 1400 B" \
		$((DEMO_FLOOD - received)) "$VERDICT"
}

# Each datagram to port 7 of the VM behind the tap comes back.
# shellcheck disable=SC2016
udp_echo_row() { # FROM TO
	local received verdict=ok

	received=$(lab_in "$1" bash -c '
		exec 3<> "/dev/udp/$1/7" || exit
		for ((i = n = 0; i < $2; i++)); do
			echo "datagram $i" >&3
			[ "$(timeout 1 dd bs=64 count=1 <&3 2> /dev/null)" \
				= "datagram $i" ] || break
			n=$((n + 1))
		done
		echo $n' bash "10.77.0.$(address "$2")" $DEMO_ECHOES)
	[ "$received" = $DEMO_ECHOES ] || verdict="echoes are missing"
	judge "$1" "$2" "$verdict"
	report_row "UDP echo" "$1" "$2" "$WAY" $DEMO_ECHOES "" \
		$((DEMO_ECHOES - received)) "$VERDICT"
}

# Runs iperf3; prints what the jq filter $3 makes of its result.
iperf() { # FROM TO FILTER OPTIONS...
	local from=$1 to=$2 filter=$3

	shift 3
	lab_in "$from" timeout 20 iperf3 -J -c "10.77.0.$(address "$to")" \
		--connect-timeout 3000 "$@" > "$LAB_DIR/iperf.json" || true
	jq -r "if .error then \"- - - \\(.error)\" else $filter end" \
		"$LAB_DIR/iperf.json"
}

tcp_row() { # FROM TO
	local bits=- bytes=- again=- verdict=''

	read -r bits bytes again verdict < <(iperf "$1" "$2" \
		'"\(.end.sum_received | "\(.bits_per_second | floor) \(.bytes)") \(.end.sum_sent.retransmits) ok"' \
		-t $DEMO_TCP_S) || true
	judge "$1" "$2" "${verdict:-iperf3 gave no result}"
	if [ "$bits" != - ]; then
		REPORT_GBIT[$1-$2]=$(awk -v n="$bits" \
			'BEGIN { printf "%.2f", n / 1e9 }')
		bits="$(report_count "$bits")bit/s"
		bytes="$(report_count "$bytes")B"
		again="$again again"
	fi
	report_row TCP "$1" "$2" "$WAY" "$bytes" "$bits" "$again" "$VERDICT"
}

# What is lost must be known: to the agent, or to the receiver's socket, which
# overflows when iperf3 does not get to read.
udp_row() { # FROM TO
	local bits=- packets=- lost=- verdict='' rate=- overflows unknown

	overflows=$(udp_overflows "$2")
	read -r bits packets lost verdict < <(iperf "$1" "$2" \
		'.end.sum | "\(.bits_per_second * (1 - .lost_percent / 100) | floor) \(.packets) \(.lost_packets) ok"' \
		-u -l 1400 -b $DEMO_UDP_RATE -t $DEMO_UDP_S) || true
	overflows=$(($(udp_overflows "$2") - overflows))
	judge "$1" "$2" "${verdict:-iperf3 gave no result}"
	if [ "$bits" != - ]; then
		unknown=$((lost - overflows - DROPPED))
		if [ $((unknown * 100)) -gt "$packets" ]; then
			VERDICT="$unknown lost without a trace"
		elif [ $((lost * 2)) -gt "$packets" ]; then
			VERDICT="most are lost"
		elif [ "$VERDICT" = ok ] && [ $overflows != 0 ]; then
			lost+=" *"
			DEMO_NOTE=1
		fi
		rate="$(report_count "$bits")bit/s, "
		rate+="$(report_count $((packets / DEMO_UDP_S))) packets/s"
		packets=$(report_count "$packets")
	fi
	report_row UDP "$1" "$2" "$WAY" "$packets" "$rate" "$lost" "$VERDICT"
}

# Datagrams that a host had no room for in a socket's buffer.
udp_overflows() { snmp "$1" Udp RcvbufErrors; }

snmp() { # NAME PROTOCOL COUNTER
	lab_in "$1" awk -v proto="$2:" -v name="$3" '
		$1 == proto && !n { n = split($0, names); next }
		$1 == proto { for (i = 1; i <= n; i++)
			if (names[i] == name)
				print $i }' /proc/net/snmp
}

# ---- who got a broadcast ----

DEMO_HOSTS="wire vm1 vm2 vm3 vm4"

# Echo requests that a host has got so far.
echo_requests() { # NAME
	local lines

	if [ "$1" = vm3 ]; then
		lines=$(grep -c '^{' "$LAB_DIR/vm3.log" || true)
		kill -USR1 "$VM3_PID"
		lab_wait 5 more_counters "$lines"
		grep '^{' "$LAB_DIR/vm3.log" | tail -n 1 | jq .echo_requests
	else
		snmp "$1" Icmp InEchos
	fi
}

more_counters() { [ "$(grep -c '^{' "$LAB_DIR/vm3.log")" -gt "$1" ]; }

# count_from NAME COMMAND...: runs the command and sets GOT to what the hosts
# but NAME got of its echo requests: "vm1 20, vm2 20, vm3 20".
count_from() {
	local from=$1 host n
	declare -A before

	shift
	for host in $DEMO_HOSTS; do
		before[$host]=$(echo_requests "$host")
	done
	"$@" > /dev/null 2>&1 || true
	GOT=
	for host in $DEMO_HOSTS; do
		[ "$host" = "$from" ] && continue
		n=$(($(echo_requests "$host") - ${before[$host]}))
		[ $n = 0 ] || GOT+="${GOT:+, }$host $n"
	done
	take_way
}

broadcast_row() { # FROM NETWORK WHO-MUST-GET-IT...
	local from=$1 network=$2 host expected='' verdict=ok

	shift 2
	for host; do
		expected+="${expected:+, }$host $DEMO_BROADCASTS"
	done
	count_from "$from" lab_in "$from" ping -b -n -q -c $DEMO_BROADCASTS \
		-i 0.01 -W 1 10.77.0.255
	[ "$GOT" = "$expected" ] ||
		verdict="must be: $expected"
	report_row broadcast "$from" "$network" "$WAY" $DEMO_BROADCASTS \
		"${GOT:-nobody}" "" "$verdict"
}

# vm4 is told vm1's MAC address, and still does not reach it.
leak_row() {
	local verdict=ok

	ip -n "$LAB-vm4" neigh replace 10.77.0.1 lladdr "$(lab_mac 1)" dev eth0
	count_from vm4 lab_in vm4 ping -n -q -c 10 -i 0.01 -W 0.2 10.77.0.1
	[ -z "$GOT" ] || verdict="must be: nobody"
	report_row "VLAN leak" vm4 vm1 "" 10 "${GOT:-nobody}" "" "$verdict"
}

# Random frames of 60 to 1514 bytes between the wire, where they have a tag,
# and the VM in VLAN 20, where they have none; each byte is checked.
frames_row() { # FROM TO
	local pid common right=0 verdict=ok
	declare -A end=([wire]="wire0 --vlan 20" [vm4]=eth0)

	common=(--count "$DEMO_FRAMES" --any-order
		--dmac "$(lab_mac "$(address "$2")")"
		--smac "$(lab_mac "$(address "$1")")")
	# shellcheck disable=SC2086
	lab_start "$2" frames "$LAB_TOOLS/frames" recv ${end[$2]} "${common[@]}"
	pid=$LAB_LAST_PID
	lab_wait 5 grep -q ready "$LAB_DIR/frames.log"
	# shellcheck disable=SC2086
	lab_in "$1" "$LAB_TOOLS/frames" send ${end[$1]} "${common[@]}" \
		> /dev/null
	lab_reap "$pid" || verdict=$(tail -n 1 "$LAB_DIR/frames.log")
	right=$(awk '/ right/ { print $2 }' "$LAB_DIR/frames.log")
	judge "$1" "$2" "$verdict"
	report_row "frames" "$1" "$2" "$WAY" $DEMO_FRAMES \
		"60 to 1514 B, each byte right" \
		$((DEMO_FRAMES - right)) "$VERDICT"
	REPORT_FRAMES[$1]=$right
}

# ---- the agent asleep ----

# Nanoseconds of CPU that the agent has used.
agent_cpu() {
	awk '{ ns += $1 } END { printf "%d", ns }' \
		/proc/"$LAB_AGENT_PID"/task/*/schedstat
}

idle_row() {
	local before percent received verdict=ok

	sleep 0.3
	before=$(agent_cpu)
	sleep 1
	percent=$(awk -v ns=$(($(agent_cpu) - before)) \
		'BEGIN { printf "%.2f", ns / 1e7 }')
	received=$(lab_in wire ping -n -q -c 1 -W 1 10.77.0.2 | ping_summary |
		awk '{ print $1 }')
	[ "$received" = 1 ] || verdict="the first packet was lost"
	awk -v a="$percent" -v b=$DEMO_MAX_IDLE 'BEGIN { exit !(a < b) }' ||
		verdict="more than $DEMO_MAX_IDLE % of a core without traffic"
	take_way
	report_row "ping, idle" wire vm2 "$WAY" 1 \
		"agent asleep: $percent % CPU" $((1 - received)) "$verdict"
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
	broadcast_row wire "network 0" vm1 vm2 vm3
	broadcast_row vm1 "network 0" wire vm2 vm3
	broadcast_row vm4 "VLAN 20"
	leak_row
	frames_row wire vm4
	frames_row vm4 wire
	tcp_row wire vm1
	tcp_row vm1 wire
	tcp_row wire vm2
	tcp_row vm2 wire
	tcp_row vm1 vm2
	udp_row wire vm1
	udp_row vm1 wire
	udp_row wire vm2
	udp_row vm2 wire
	udp_row vm1 vm2
	udp_echo_row wire vm3
	flood_row wire vm3
	idle_row
	[ -z "$DEMO_NOTE" ] || printf '\n  * %s\n' \
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
	trap 'exit 130' INT
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

	report_heading "A host with a NIC and four VMs, in network namespaces"
	build_lab
	echo "  pktagent --config $DEMO_CONFIG"
	lab_agent "$DEMO_CONFIG"
	sed 's/^/  /' "$LAB_DIR/agent.log"
	boot_veth_vm 2
	boot_veth_vm 4
	serve_iperf
	lab_wait 10 ports_are_up

	report_heading "What was sent, and what became of it"
	send_traffic
	show "The ports (pktctl port show)" port show
	show "The packet buffers (pktctl pool show)" pool show
	show "What became of packets (pktctl counters show)" counters show
	report_heading "The picture"
	report_picture
	[ -z "$DEMO_HOLD" ] || hold
	report_heading "The end"
	stop_agent
}

trap at_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
set -eE
trap 'DEMO_STEP=$BASH_COMMAND' ERR
main "$@"
