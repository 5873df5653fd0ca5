# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# The demo's traffic: each function sends something, judges what came of it,
# and prints one row of the report. To be sourced by demo.sh, which has built
# the lab. Hosts are "wire" and the VMs; VM3_PID is the program that plays
# vm3, and vm5 and vm6 are in QEMU.

TRAFFIC_PINGS=30
TRAFFIC_FLOOD=20000
TRAFFIC_ECHOES=50
TRAFFIC_BROADCASTS=20
TRAFFIC_FRAMES=1000
TRAFFIC_TCP_S=2
TRAFFIC_UDP_S=1
TRAFFIC_UDP_RATE=50M
TRAFFIC_MAX_IDLE=1.0		# per cent of a core
TRAFFIC_NOTE=			# a row has an asterisk

# ---- which way packets went ----

TRAFFIC_BEFORE=(0 0 0 0)

# Since the last call: sets WAY to the way that most packets took, and DROPPED
# to how many the agent knows to be lost.
take_way() {
	local now kernel agent bypass

	read -ra now < <(lab_ctl -j counters show | jq -r '
		def n(which): [.[] | select(which) | .packets] | add // 0;
		[n(.reason == "to_kernel"),
			n(.reason == "to_agent" or .reason == "from_guest"),
			n(.kind == "drop"), n(.reason == "bypassed")] | @tsv')
	kernel=$((now[0] - TRAFFIC_BEFORE[0]))
	agent=$((now[1] - TRAFFIC_BEFORE[1]))
	DROPPED=$((now[2] - TRAFFIC_BEFORE[2]))
	bypass=$((now[3] - TRAFFIC_BEFORE[3]))
	TRAFFIC_BEFORE=("${now[@]}")
	BYPASSED=$bypass
	WAY=both
	[ $kernel -le $((4 * (agent + bypass))) ] || WAY=kernel
	[ $agent -le $((4 * (kernel + bypass))) ] || WAY=agent
	[ $bypass -le $((4 * (kernel + agent))) ] || WAY=bypass
}

# What the configuration says: a packet goes the agent's way if one of its two
# ends does, and from guest to guest past the switch.
expected_way() { # FROM TO
	case $1-$2 in
	vm5-vm6 | vm6-vm5) echo bypass ;;
	*vm2* | *vm5* | *vm6*) echo agent ;;
	*) echo kernel ;;
	esac
}

# Sets WAY, and VERDICT to "ok" or what is wrong, the way included.
judge() { # FROM TO VERDICT
	local expected

	take_way
	expected=$(expected_way "$1" "$2")
	VERDICT=$3
	# What the other guest has no buffer for in time goes through the switch.
	[ "$expected" != bypass ] || [ "$BYPASSED" = 0 ] || return 0
	if [ "$VERDICT" = ok ] && [ "$WAY" != "$expected" ]; then
		VERDICT="took the wrong way, not the $expected's"
	fi
}

# ---- traffic ----

# Runs a command at a host.
at() { # NAME COMMAND...
	local name=$1

	shift
	case $name in
	vm5 | vm6) vm_run "$name" "$(printf '%q ' "$@")" ;;
	*) lab_in "$name" "$@" ;;
	esac
}

address() { # NAME: the last part of its addresses
	case $1 in
	wire) echo 100 ;;
	*) echo "${1#vm}" ;;
	esac
}

# The summary of ping: "RECEIVED MILLISECONDS", "0 -" if there is none.
ping_summary() {
	awk '/ received/ { n = $4 } /^rtt|^round-trip/ { split($4, ms, "/"); avg = ms[2] }
		END { print n + 0, avg ? avg : "-" }'
}

ping_row() { # FROM TO [6]
	local from=$1 to=$2 what=ping prefix=10.77.0. received ms verdict=ok

	if [ "${3-}" = 6 ]; then
		what=ping6
		prefix=fd77::
	fi
	read -r received ms < <(at "$from" timeout $LAB_PATIENCE ping -n -q \
		-c $TRAFFIC_PINGS -i 0.01 -W 20 "$prefix$(address "$to")" \
		2> /dev/null | ping_summary)
	[ "$received" = $TRAFFIC_PINGS ] || verdict="replies are missing"
	judge "$from" "$to" "$verdict"
	[ "$from-$what" = wire-ping ] && REPORT_MS[$to]=$ms
	report_row $what "$from" "$to" "$WAY" $TRAFFIC_PINGS "$ms ms" \
		$((TRAFFIC_PINGS - received)) "$VERDICT"
}

# The pings that the VM behind the tap has sent by itself.
own_pings_row() {
	local sent=0 received=0 verdict=ok

	lab_wait $LAB_PATIENCE grep -q ' sent, ' "$LAB_DIR/vm3.log" || true
	read -r sent received < <(awk '/ sent, / { print $3, $5 }' \
		"$LAB_DIR/vm3.log") || true
	[ "$sent-$received" = $TRAFFIC_PINGS-$TRAFFIC_PINGS ] ||
		verdict="replies are missing"
	judge vm3 wire "$verdict"
	report_row ping vm3 wire "$WAY" "$sent" "" $((sent - received)) \
		"$VERDICT"
}

flood_row() { # FROM TO: as fast as replies come back
	local received=0 us took pps verdict=ok

	us=${EPOCHREALTIME/[.,]/}
	read -r received _ < <(lab_in "$1" timeout $LAB_PATIENCE ping -n -q -f -l 8 \
		-s 1400 -c $TRAFFIC_FLOOD -W 20 "10.77.0.$(address "$2")" |
		ping_summary)
	took=$((${EPOCHREALTIME/[.,]/} - us))
	pps=$((received * 1000000 / took))
	REPORT_FLOOD=$(report_count $pps)
	[ "$received" = $TRAFFIC_FLOOD ] || verdict="replies are missing"
	judge "$1" "$2" "$verdict"
	report_row "ping flood" "$1" "$2" "$WAY" "$(report_count $TRAFFIC_FLOOD)" \
		"$REPORT_FLOOD packets/s, 1400 B" \
		$((TRAFFIC_FLOOD - received)) "$VERDICT"
}

# Each datagram to port 7 of the VM behind the tap comes back.
# shellcheck disable=SC2016
udp_echo_row() { # FROM TO
	local received verdict=ok

	received=$(lab_in "$1" bash -c '
		exec 3<> "/dev/udp/$1/7" || exit
		for ((i = n = 0; i < $2; i++)); do
			echo "datagram $i" >&3
			[ "$(timeout 20 dd bs=64 count=1 <&3 2> /dev/null)" \
				= "datagram $i" ] || break
			n=$((n + 1))
		done
		echo $n' bash "10.77.0.$(address "$2")" $TRAFFIC_ECHOES)
	[ "$received" = $TRAFFIC_ECHOES ] || verdict="echoes are missing"
	judge "$1" "$2" "$verdict"
	report_row "UDP echo" "$1" "$2" "$WAY" $TRAFFIC_ECHOES "" \
		$((TRAFFIC_ECHOES - received)) "$VERDICT"
}

# Runs iperf3; prints what the jq filter $3 makes of its result.
iperf() { # FROM TO FILTER OPTIONS...
	local from=$1 to=$2 filter=$3

	shift 3
	at "$from" timeout $LAB_PATIENCE iperf3 -J -c "10.77.0.$(address "$to")" \
		--connect-timeout 20000 "$@" > "$LAB_DIR/iperf.json" || true
	jq -r "if .error then \"- - - \\(.error)\" else $filter end" \
		"$LAB_DIR/iperf.json"
}

tcp_row() { # FROM TO
	local bits=- bytes=- again=- verdict=''

	read -r bits bytes again verdict < <(iperf "$1" "$2" \
		'"\(.end.sum_received | "\(.bits_per_second | floor) \(.bytes)") \(.end.sum_sent.retransmits) ok"' \
		-t $TRAFFIC_TCP_S) || true
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
# overflows when iperf3 does not get to read. It may be much on a machine that
# stands still for a moment: nobody waits for anybody here.
udp_row() { # FROM TO
	local bits=- packets=- lost=- verdict='' rate=- overflows unknown

	overflows=$(udp_overflows "$2")
	read -r bits packets lost verdict < <(iperf "$1" "$2" \
		'.end.sum | "\(.bits_per_second * (1 - .lost_percent / 100) | floor) \(.packets) \(.lost_packets) ok"' \
		-u -l 1400 -b $TRAFFIC_UDP_RATE -t $TRAFFIC_UDP_S) || true
	overflows=$(($(udp_overflows "$2") - overflows))
	judge "$1" "$2" "${verdict:-iperf3 gave no result}"
	if [ "$bits" != - ]; then
		unknown=$((lost - overflows - DROPPED))
		if [ $((unknown * 100)) -gt "$packets" ]; then
			VERDICT="$unknown lost without a trace"
		elif [ $((lost * 20)) -gt $((packets * 19)) ]; then
			VERDICT="almost all are lost"
		elif [ "$VERDICT" = ok ] && [ $overflows != 0 ]; then
			lost+=" *"
			TRAFFIC_NOTE=1
		fi
		rate="$(report_count "$bits")bit/s, "
		rate+="$(report_count $((packets / TRAFFIC_UDP_S))) packets/s"
		packets=$(report_count "$packets")
	fi
	report_row UDP "$1" "$2" "$WAY" "$packets" "$rate" "$lost" "$VERDICT"
}

# Datagrams that a host had no room for in a socket's buffer.
udp_overflows() { snmp "$1" Udp RcvbufErrors; }

snmp() { # NAME PROTOCOL COUNTER
	at "$1" cat /proc/net/snmp | awk -v proto="$2:" -v name="$3" '
		$1 == proto && !n { n = split($0, names); next }
		$1 == proto { for (i = 1; i <= n; i++)
			if (names[i] == name)
				print $i }'
}

# ---- who got a broadcast ----

TRAFFIC_HOSTS="wire vm1 vm2 vm3 vm4 vm5 vm6"

# Echo requests that a host has got so far.
echo_requests() { # NAME
	local lines

	if [ "$1" = vm3 ]; then
		lines=$(grep -c '^{' "$LAB_DIR/vm3.log" || true)
		kill -USR1 "$VM3_PID"
		lab_wait $LAB_PATIENCE more_counters "$lines"
		grep '^{' "$LAB_DIR/vm3.log" | tail -n 1 | jq .echo_requests
	else
		snmp "$1" Icmp InEchos
	fi
}

more_counters() { [ "$(grep -c '^{' "$LAB_DIR/vm3.log")" -gt "$1" ]; }

# Sets GOT to who but host $1 got echo requests since note_requests, and how
# many: "vm1 20, vm2 20".
declare -A TRAFFIC_REQUESTS

note_requests() {
	local host

	for host in $TRAFFIC_HOSTS; do
		TRAFFIC_REQUESTS[$host]=$(echo_requests "$host")
	done
}

count_requests() { # NAME
	local host n

	GOT=
	for host in $TRAFFIC_HOSTS; do
		[ "$host" != "$1" ] || continue
		n=$(($(echo_requests "$host") - TRAFFIC_REQUESTS[$host]))
		[ $n = 0 ] || GOT+="${GOT:+, }$host $n"
	done
}

requests_are() { # NAME EXPECTED
	count_requests "$1"
	[ "$GOT" = "$2" ]
}

broadcast_row() { # FROM NETWORK WHO-MUST-GET-IT...
	local from=$1 network=$2 host expected='' verdict=ok

	shift 2
	for host; do
		expected+="${expected:+, }$host $TRAFFIC_BROADCASTS"
	done
	note_requests
	lab_in "$from" ping -b -n -q -c $TRAFFIC_BROADCASTS -i 0.01 -W 1 \
		10.77.0.255 > /dev/null 2>&1 || true
	# ping ends with the first answer to its last request.
	lab_wait $LAB_PATIENCE requests_are "$from" "$expected" ||
		verdict="must be: $expected"
	take_way
	report_row broadcast "$from" "$network" "$WAY" $TRAFFIC_BROADCASTS \
		"${GOT:-nobody}" "" "$verdict"
}

# vm4 is told vm1's MAC address, and still does not reach it.
leak_row() {
	local verdict=ok

	ip -n "$LAB-vm4" neigh replace 10.77.0.1 lladdr "$(lab_mac 1)" dev eth0
	note_requests
	lab_in vm4 ping -n -q -c 10 -i 0.01 -W 0.2 10.77.0.1 \
		> /dev/null 2>&1 || true
	requests_are vm4 "" || verdict="must be: nobody"
	take_way
	report_row "VLAN leak" vm4 vm1 "" 10 "${GOT:-nobody}" "" "$verdict"
}

# Random frames of 60 to 1514 bytes between the wire, where they have a tag,
# and the VM in VLAN 20, where they have none; each byte is checked.
frames_row() { # FROM TO
	local pid send recv right verdict=ok
	declare -A end=([wire]="wire0 --vlan 20" [vm4]=eth0)

	recv="${end[$2]} --dmac $(lab_mac "$(address "$2")")"
	send="${end[$1]} --dmac $(lab_mac "$(address "$2")")"
	recv+=" --smac $(lab_mac "$(address "$1")")"
	recv+=" --progress $LAB_DIR/frames.progress"
	send+=" --smac $(lab_mac "$(address "$1")")"
	# The first frame tells the agent where its sender is.
	# shellcheck disable=SC2086
	lab_start "$2" frame "$LAB_TOOLS/frames" recv $recv --count 1
	pid=$LAB_LAST_PID
	lab_wait $LAB_PATIENCE grep -q ready "$LAB_DIR/frame.log"
	# shellcheck disable=SC2086
	lab_in "$1" "$LAB_TOOLS/frames" send $send --count 1 > /dev/null
	lab_reap "$pid" || verdict="the first frame was lost"
	rm -f "$LAB_DIR/frames.progress"
	take_way
	# shellcheck disable=SC2086
	lab_start "$2" frames "$LAB_TOOLS/frames" recv $recv \
		--count $TRAFFIC_FRAMES --any-order
	pid=$LAB_LAST_PID
	lab_wait $LAB_PATIENCE grep -q ready "$LAB_DIR/frames.log"
	# shellcheck disable=SC2086
	lab_in "$1" "$LAB_TOOLS/frames" send $send --count $TRAFFIC_FRAMES \
		--progress "$LAB_DIR/frames.progress" > /dev/null || true
	lab_reap "$pid" || verdict=$(tail -n 1 "$LAB_DIR/frames.log" |
		sed 's/^FAILED: //')
	right=$(awk '/ right/ { print $2 }' "$LAB_DIR/frames.log")
	judge "$1" "$2" "$verdict"
	report_row frames "$1" "$2" "$WAY" $TRAFFIC_FRAMES \
		"60 to 1514 B, each byte right" \
		$((TRAFFIC_FRAMES - ${right:-0})) "$VERDICT"
	REPORT_FRAMES[$1]=${right:-0}
}

# ---- the agent asleep ----

# Nanoseconds of CPU that the agent has used.
agent_cpu() {
	awk '{ ns += $1 } END { printf "%d", ns }' \
		/proc/"$LAB_AGENT_PID"/task/*/schedstat
}

idle_row() {
	local i before percent received verdict

	sleep 0.3
	# Again if not: a machine that stands still may charge the agent for it.
	for i in 1 2 3 4 5; do
		before=$(agent_cpu)
		sleep 1
		percent=$(awk -v ns=$(($(agent_cpu) - before)) \
			'BEGIN { printf "%.2f", ns / 1e7 }')
		verdict="more than $TRAFFIC_MAX_IDLE % of a core without traffic"
		awk -v a="$percent" -v b=$TRAFFIC_MAX_IDLE \
			'BEGIN { exit !(a < b) }' || continue
		verdict=ok
		break
	done
	received=$(lab_in wire ping -n -q -c 1 -W 20 10.77.0.2 | ping_summary |
		awk '{ print $1 }')
	[ "$received" = 1 ] || verdict="the first packet was lost"
	take_way
	report_row "ping, idle" wire vm2 "$WAY" 1 \
		"agent asleep: $percent % CPU" $((1 - received)) "$verdict"
}
