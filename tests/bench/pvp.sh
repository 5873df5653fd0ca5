#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make bench-pvp: the agent beside DPDK's testpmd and Open vSwitch, each between
# a wire and guests, on one machine, in turns; medians of ROUNDS (default 3).
#
#	wire0 ===== up0  switch  vhost-user  guest 1
#	                         vhost-user  guest 2
#	pvp: CPU 0       CPU 1               pvp: CPU 0
#
# Writes build/bench/pvp.json and .svg, and the rounds themselves to pvp.rounds.
#
#	ROUNDS=5		more rounds
#	CASES="wgw gg"		of wgw, wg, gw (wire, guest), gg (two guests),
#				tcp (two guests in QEMU)
#	SIZES=64,1514		bytes without FCS
#	SWITCHES="pktagent ovs"	of pktagent, bypass, testpmd, ovs
#	SECS=0.4		each load
#	PROFILE=1		where the switch spends its time, by perf:
#				build/bench/pvp.SWITCH.CASES.txt

set -u
. "$(dirname "$0")/../lab/lab.sh"
. "$(dirname "$0")/../vm/vm.bash"
. "$(dirname "$0")/switches.bash"

ROUNDS=${ROUNDS:-3}
SECS=${SECS:-0.4}
CASES=${CASES:-wgw wg gw gg tcp}
SIZES=${SIZES:-64,512,1514}
SWITCHES=${SWITCHES:-pktagent bypass testpmd ovs}
PROFILE=${PROFILE:-}
TCP_SECS=5
BENCH=$LAB_BUILD/tests/bench
OUT=$LAB_BUILD/bench
SOCKETS=("$LAB_DIR/vm1.sock" "$LAB_DIR/vm2.sock")

has() { # WORD LIST
	[[ " $2 " == *" $1 "* ]]
}

start_profile() {
	PERF=
	[ -n "$PROFILE" ] || return 0
	perf record -q -p "$SWITCH_PID" -F 997 -e cpu-clock \
		-o "$LAB_DIR/perf.data" 2> /dev/null &
	PERF=$!
}

end_profile() { # NAME
	[ -n "$PERF" ] || return 0
	kill -INT "$PERF"
	wait "$PERF" 2> /dev/null
	perf report -i "$LAB_DIR/perf.data" --stdio --no-children \
		--sort comm,dso,sym > "$OUT/pvp.$1.txt" 2> /dev/null
	rm -f "$LAB_DIR/perf.data"
}

# run SWITCH wire|guests PATHS: starts it, measures, stops it.
run() {
	local name=$1 way=$2 paths=$3 sockets=("${SOCKETS[0]}") ends rc=0
	local wanted=rate,cost,latency

	if [ "$way" = guests ]; then
		sockets=("${SOCKETS[@]}")
		ends=(--guest "${SOCKETS[0]}" --guest "${SOCKETS[1]}")
	else
		ends=(--guest "${SOCKETS[0]}" --wire wire0)
		wanted+=,idle
		# No trace of the switch before.
		ip -n "$LAB-host" link del up0
		lab_nic 1
		# Nor work that is the wire's on the switch's core.
		lab_in wire ethtool -K wire0 gro off
	fi
	switch_start "$name" "$way" "${sockets[@]}" || return
	start_profile
	lab_start wire pvp timeout 400 "$BENCH/pvp" "${ends[@]}" \
		--paths "$paths" --sizes "$SIZES" --measure $wanted \
		--seconds "$SECS" --switch-pid "$SWITCH_PID"
	lab_reap "$LAB_LAST_PID" || rc=1
	end_profile "$name.$paths"
	sed -n "s/^[a-z]* [0-9]* [a-z0-9_]* [0-9.e+-]*$/$name &/p" \
		"$LAB_DIR/pvp.log" >> "$OUT/pvp.rounds"
	if [ $rc != 0 ]; then
		lab_say "$name, $paths:"
		tail -n 5 "$LAB_DIR/pvp.log" >&2
		tail -n 20 "$LAB_DIR/$(switch_log).log" >&2
	fi
	switch_stop || rc=1
	return $rc
}

# tcp SWITCH: Gbit/s of one TCP connection between two guests in QEMU, which
# share the other core. Those that may send large packets do. (Without MSI-X:
# with it QEMU 7.2, when it emulates, crashes as the driver starts a device of
# DPDK's.)
tcp() {
	local name=$1 n rate=''

	switch_start "$name" guests "${SOCKETS[@]}" || return
	for n in 1 2; do
		vm_start "tcp$n" socket="${SOCKETS[n - 1]}" address=$n \
			props=vectors=0
		taskset -a -p 1 "${VM_PID[tcp$n]}" > /dev/null
	done
	if vm_wait tcp1 && vm_wait tcp2; then
		vm_run tcp2 "iperf3 -s -D" > /dev/null
		rate=$(vm_run tcp1 "iperf3 -c 10.77.0.2 -t $TCP_SECS -J" |
			jq '.end.sum_received.bits_per_second / 1e9')
	fi
	vm_stop tcp1
	vm_stop tcp2
	switch_stop
	[ -n "$rate" ] || { lab_say "$name: no TCP connection"; return 1; }
	echo "$name tcp 0 gbps $rate" >> "$OUT/pvp.rounds"
}

# round NUMBER: all switches, each time another one first.
round() {
	local names n i name wire=

	read -ra names <<< "$SWITCHES"
	n=${#names[@]}
	for i in wgw wg gw; do
		has $i "$CASES" && wire+=${wire:+,}$i
	done
	for ((i = 0; i < n; i++)); do
		name=${names[$(((i + $1) % n))]}
		lab_say "round $1 of $ROUNDS: $name"
		if [ -n "$wire" ] && [ "$name" != bypass ]; then
			run "$name" wire "$wire" || return
		fi
		if has gg "$CASES"; then
			run "$name" guests gg || return
		fi
		if has tcp "$CASES" && [ "$name" != testpmd ]; then
			tcp "$name" || return
		fi
	done
}

# ---- the run ----

for tool in ip dpdk-testpmd ovs-vsctl $SWITCH_OVSD; do
	command -v "$tool" > /dev/null || { lab_say "$tool is missing: tests/deps.sh installs it"; exit 1; }
done
lab_trap
if has tcp "$CASES"; then
	vm_prepare || { lab_say "no guests for QEMU"; exit 1; }
fi
lab_host_prepare $(((SWITCH_MB + 128) * 256))
lab_wire 1
mkdir -p "$OUT"
read -r load _ < /proc/loadavg
[ "${load%.*}" = 0 ] || lab_say "the machine is not idle (load $load): figures will suffer"

: > "$OUT/pvp.rounds"
for ((i = 1; i <= ROUNDS; i++)); do
	round "$i" || { lab_say "a measurement failed"; exit 1; }
done
"$BENCH/pvpresult" "$OUT" < "$OUT/pvp.rounds"
rc=$?
[ $rc -le 1 ] || exit $rc
printf '\n  %s\n' "$OUT/pvp.json, $OUT/pvp.svg; $ROUNDS rounds"
exit 0
