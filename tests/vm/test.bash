# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What the VM tests share, on top of the net tests (tests/net/net.bash) and the
# VMs (vm.bash): the lab with an agent and a wire, and traffic of guests. To be
# sourced. Limits of time are only for what hangs; what is sent is counted, not
# timed, for an emulated guest on a busy machine may be very slow.

. "$(dirname "${BASH_SOURCE[0]}")/../net/net.bash"
. "$(dirname "${BASH_SOURCE[0]}")/vm.bash"

TEST_PINGS=5
TEST_LONG=120			# seconds that nothing takes
declare -A TEST_PID		# background jobs, by name

# ---- the lab ----

# A host with an uplink of $1 queues; the configuration's VMs are standard
# input. On the wire every segment is seen as it came.
test_lab() {
	lab_trap
	lab_host_prepare $NET_MEMORY
	lab_wire "${1:-1}"
	lab_in wire ethtool -K wire0 gro off > /dev/null
	{
		echo "uplinks: [{name: up0, device: up0${2:+, $2}}]"
		echo "vms:"
		cat
	} | net_config
	expect "the guest is built" vm_prepare
}

# A VM's entry: test_vm N [KEYS OF DEVICE [KEYS OF THE VM]]
test_vm() {
	echo "  - {name: vm$1, mac: \"$(lab_mac "$1")\"," \
		"device: {type: vhost-user, socket: $LAB_DIR/vm$1.sock" \
		"${2:+, $2}}${3:+, $3}}"
}

# vm_start of vmN with its socket, MAC and address; more options may follow.
test_start() { # N OPTIONS
	local n=$1

	shift
	vm_start "vm$n" socket="$LAB_DIR/vm$n.sock" address="$n" "$@"
}

test_up() { # NAME: it has booted, and the agent says so, too
	expect "$1 boots" vm_wait "$1"
	eventually $TEST_LONG "the agent serves $1" net_port_works "$1"
}

# ---- commands at either end: "wire" or a VM ----

test_in() { # NAME COMMAND
	case $1 in
	vm*) vm_run "$1" "$2" ;;
	*) lab_in "$1" sh -c "$2" ;;
	esac
}

test_address() {
	case $1 in
	wire) echo 100 ;;
	*) echo "${1#vm}" ;;
	esac
}

test_counter() { # NAME PROTOCOL COUNTER: of its stack
	test_in "$1" 'cat /proc/net/snmp' | awk -v proto="$2:" -v name="$3" '
		$1 == proto && !n { n = split($0, names); next }
		$1 == proto { for (i = 1; i <= n; i++)
			if (names[i] == name)
				print $i }'
}

# ---- traffic ----

# Every ping comes back, of both kinds. One at a time: busybox's ping waits for
# the last of several for a second only.
test_ping() { # FROM TO [BYTES]
	local n command address output

	n=$(test_address "$2")
	for address in "10.77.0.$n" "fd77::$n"; do
		command="ping -q -c 1 -W 30 -s ${3:-56} $address"
		output=$(test_in "$1" "for i in $(seq -s ' ' $TEST_PINGS); do
				$command || exit; done") ||
			fail "$1: $command: $output"
	done
}

test_reachable() { # FROM TO: one ping of many tries comes back
	eventually $TEST_LONG "$1 reaches $2" test_in "$1" \
		"ping -q -c 1 -W 2 10.77.0.$(test_address "$2")"
}

# An iperf3 server for as long as the lab, or until the guest reboots.
test_serve() { # NAME
	case $1 in
	vm*) expect "iperf3 at $1" vm_run "$1" 'iperf3 -s -D' ;;
	*)
		lab_start "$1" "iperf-$1" iperf3 -s --forceflush
		eventually 20 "iperf3 listens" grep -q listening \
			"$LAB_DIR/iperf-$1.log"
		;;
	esac
}

# So many bytes by TCP: test_tcp FROM TO BYTES [OPTIONS]. The server may be told
# of the end long before it has read the last of them: test_file is exact.
test_tcp() {
	local got

	got=$(test_iperf "$1" "$2" "-n $3 ${4:-}" '.end.sum_received.bytes') ||
		fail "$1 to $2 by TCP: $got"
	[ "$got" -ge $(($(numfmt --from=iec "$3") / 8)) ] ||
		fail "$1 to $2 by TCP: $got of $3 bytes"
}

# A file of so many bytes by TCP, every one of which arrives and is right. It
# is sent by a listener, so that nobody comes too early.
test_file() { # FROM TO BYTES
	local from=$1 to=$2 sent got

	sent=$(test_in "$from" "busybox head -c $(numfmt --from=iec "$3") \
		/dev/urandom > $TEST_FILE &&
		busybox md5sum < $TEST_FILE")
	test_in "$from" "busybox nc -l -p 5400 < $TEST_FILE > /dev/null" &
	TEST_PID[sender]=$!
	eventually $TEST_LONG "$from listens" test_in "$from" \
		'busybox netstat -ltn | grep -q :5400'
	# nc ends when either side has no more: the receiver always might have.
	got=$(test_in "$to" "busybox mkfifo $TEST_FILE.more &&
		busybox nc 10.77.0.$(test_address "$from") 5400 \
			> $TEST_FILE.got 0<> $TEST_FILE.more
		busybox md5sum < $TEST_FILE.got
		rm $TEST_FILE.got $TEST_FILE.more")
	expect_equal "$from to $to: the file that arrives" "$sent" "$got"
	wait "${TEST_PID[sender]}"
	test_in "$from" "rm $TEST_FILE"
}
TEST_FILE=/tmp/test.$$

# Datagrams, of which few are lost without a trace: a receiver that does not get
# to read loses some in its socket's buffer, a guest that does not get to run
# has no buffers for some.
test_udp() { # FROM TO DATAGRAMS BYTES
	local lost known

	known=$(test_known_lost "$2")
	lost=$(test_iperf "$1" "$2" "-u -b 8M -k $3 -l $4" \
		'.end.sum.lost_packets') || fail "$1 to $2 by UDP: $lost"
	known=$(($(test_known_lost "$2") - known))
	[ "$lost" -le $((known + $3 / 50)) ] ||
		fail "$1 to $2 by UDP: $lost of $3 are lost, $known known"
}

test_known_lost() { # RECEIVER
	local dropped

	dropped=$(lab_ctl -j counters show |
		jq '[.[] | select(.kind == "drop") | .packets] | add // 0')
	echo $(($(test_counter "$1" Udp RcvbufErrors) + dropped))
}

test_iperf() { # FROM TO OPTIONS FILTER
	local output

	output=$(test_in "$1" "iperf3 -J --connect-timeout 60000 \
		-c 10.77.0.$(test_address "$2") $3 2> /dev/null")
	jq -re "if .error then .error | halt_error else $4 end" \
		<<< "$output" 2>&1
}

# Nobody got a packet with a wrong checksum, and the guest's rings are whole.
test_checksums() { # NAME...
	local name

	for name; do
		expect_equal "wrong TCP checksums at $name" 0 \
			"$(test_counter "$name" Tcp InCsumErrors)"
		expect_equal "wrong UDP checksums at $name" 0 \
			"$(test_counter "$name" Udp InCsumErrors)"
		[[ $name = vm* ]] || continue
		expect_equal "complaints in $name's kernel log" "" \
			"$(vm_run "$name" "dmesg | grep -E \
				'BUG:|WARNING:|virtio.*([Ee]rror|bad|fail)|is not a head|blocked for more'")"
	done
}

# ---- what is on the wire ----

test_capture() { # FILTER
	lab_start wire capture tcpdump -i wire0 -Z root -U -nn -B 32768 \
		-w "$LAB_DIR/capture.pcap" "$1"
	TEST_PID[capture]=$LAB_LAST_PID
	eventually 20 "tcpdump listens" grep -q 'listening on' \
		"$LAB_DIR/capture.log"
}

# Of the captured packets of guests at least $1 are there and all are right.
test_captured() {
	local right wrong

	lab_stop "${TEST_PID[capture]}"
	tcpdump -nn -vv -r "$LAB_DIR/capture.pcap" 2> /dev/null \
		> "$LAB_DIR/capture.txt"
	wrong=$(grep -E -m 3 'incorrect|bad (udp |icmp6? )?cksum|wrong' \
		"$LAB_DIR/capture.txt")
	[ -z "$wrong" ] || fail "on the wire: $wrong"
	right=$(grep -cE '\(correct\)|udp sum ok' "$LAB_DIR/capture.txt")
	[ "$right" -ge "$1" ] ||
		fail "on the wire: $right packets were seen, expected $1"
}

# ---- a load that has to survive ----

# A TCP connection that goes on until test_load_end, while the test does
# something to it. From the guest to the wire, or the other way round.
test_load() { # NAME from|to
	local way="-R --rcv-timeout 600000"

	[ "$2" = to ] || way=
	lab_start wire iperf-load iperf3 -s -1 -p 5300 --forceflush
	TEST_PID[server]=$LAB_LAST_PID
	eventually 20 "iperf3 listens" grep -q listening \
		"$LAB_DIR/iperf-load.log"
	VM_SECONDS=3600 vm_run "$1" "iperf3 -c 10.77.0.100 -p 5300 \
		-t 3600 $way" > "$LAB_DIR/load" &
	TEST_PID[load]=$!
	test_load_goes_on "$1"
}

# A good deal has got through since it was last asked.
TEST_BYTES=0
test_load_moves() { # NAME
	local now

	now=$(vm_run "$1" 'cat /sys/class/net/eth0/statistics/[rt]x_bytes' |
		awk '{ n += $1 } END { printf "%d", n }')
	[ "$now" -ge $((TEST_BYTES + 300000)) ] || return
	TEST_BYTES=$now
}

# It is the same connection as before, and it moves. A driver that was bound
# again counts from 0.
test_load_goes_on() { # NAME
	! lab_gone "${TEST_PID[load]}" ||
		fail "the connection broke: $(cat "$LAB_DIR/load")"
	TEST_BYTES=0
	eventually $TEST_LONG "$1: the load goes on" test_load_moves "$1"
	eventually $TEST_LONG "$1: and on" test_load_moves "$1"
}

test_load_end() { # NAME
	expect "$1: the load is at work" vm_run "$1" 'killall -INT iperf3'
	wait "${TEST_PID[load]}"
	grep -q 'the client has terminated\|interrupt' "$LAB_DIR/load" ||
		fail "$1: the connection broke: $(cat "$LAB_DIR/load")"
	lab_stop "${TEST_PID[server]}"
}

# The guest has forgotten it.
test_load_abandon() {
	kill "${TEST_PID[load]}"
	wait "${TEST_PID[load]}"
	lab_stop "${TEST_PID[server]}"
}

# ---- what a failed test shows ----

eval "net_$(declare -f fail)"

# The ports and what the guests say, as well.
fail() {
	local name

	(net_fail "$@")
	lab_ctl vm show
	lab_in wire ss -tinm
	for name in "${!VM_PID[@]}"; do
		vm_is_running "$name" || continue
		echo "--- $name ---"
		tail -n 5 "$LAB_DIR/$name.console" "$LAB_DIR/$name.log"
		VM_SECONDS=20 vm_run "$name" 'ip addr show eth0; netstat -tn
			grep virtio /proc/interrupts; dmesg | tail -n 5'
	done
	exit 1
}
