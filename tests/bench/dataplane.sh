#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make bench: the dataplane beside what the kernel alone does, on one machine,
# in turns (ours, theirs, ours, ...), medians of ROUNDS (default 5).
#
#	pktgen -> wire0 ===== up0   host   vm1h ===== eth0 -> sink
#	CPU 0                     agent on CPU 1
#
# 64-byte packets, one queue. Writes build/bench/dataplane.json and .svg.

set -u
. "$(dirname "$0")/../lab/lab.sh"

ROUNDS=${ROUNDS:-5}
SECS=${SECS:-2}
BENCH=$LAB_BUILD/tests/bench
OUT=$LAB_BUILD/bench
VM_MAC=02:00:00:00:00:01
WIRE_MAC=02:aa:00:00:00:09

median() { sort -g | awk '{ a[NR] = $1 } END { print NR ? a[int((NR + 1) / 2)] : 0 }'; }

# The packets per second in a receiver's JSON.
pps() { jq -r .pps "$1"; }

generate() {
	lab_in wire "$BENCH/pktgen" --dev wire0 --dmac $VM_MAC \
		--smac $WIRE_MAC --size 64 --seconds "$((SECS + 1))" --cpu 0 \
		> "$LAB_DIR/pktgen.log" 2>&1
}

# measure NAMESPACE RECEIVER...: starts the receiver, sends, prints its rate.
measure() {
	local ns=$1 pid
	shift
	rm -f "$LAB_DIR/receiver.log"
	lab_start "$ns" receiver "$@" --seconds "$SECS" --json
	pid=$LAB_LAST_PID
	lab_wait 10 grep -q ready "$LAB_DIR/receiver.log"
	generate
	wait "$pid"
	grep '^{' "$LAB_DIR/receiver.log" > "$LAB_DIR/receiver.json"
	pps "$LAB_DIR/receiver.json"
}

# Something between the wire and the VM, from start to stop.
start_between() {
	lab_start host between "$@"
	BETWEEN=$LAB_LAST_PID
	lab_wait 10 grep -q ready "$LAB_DIR/between.log"
}

agent_config() {
	lab_config_head 16384
	cat <<-END
	workers: {cores: [1]}
	uplinks: [{name: up0, device: up0}]
	vms:
	  - name: vm1
	    mac: "$VM_MAC"
	    way: $1
	    pool: {min: 4096, initial: 4096, max: 4096}
	    device: {type: $2, name: $3}
	END
}

start_agent() {
	agent_config "$@" > "$LAB_DIR/bench.yaml"
	lab_agent "$LAB_DIR/bench.yaml"
}

# ---- the figures, one line a round: name value ----

round_receive() {
	echo "rxloop $(measure host "$BENCH/rxloop" --dev up0 --cpu 1)"
}

# The VM's end: $1 = veth or tap; what it costs is the same for both.
round_agent() {
	local sink=(vm1 "$BENCH/sink" --dev eth0 --stats)
	[ "$1" = tap ] && sink=(host "$BENCH/sink" --dev tap1 --tap --cpu 0)
	local to=vm1h
	[ "$1" = tap ] && to=tap1
	start_agent agent "$1" $to || return 1
	echo "agent_$1 $(measure "${sink[@]}")"
	lab_agent_stop || return 1
	start_between "$BENCH/fwdloop" --from up0 --to $to --cpu 1 \
		--tx-budget 256
	echo "fwdloop_$1 $(measure "${sink[@]}")"
	lab_stop "$BETWEEN" TERM
}

round_kernel() {
	# NAPI at the VM's end, without which veth takes no redirects. The
	# sink's program brings it; it has to be there before.
	lab_start vm1 napi "$BENCH/sink" --dev eth0
	local napi=$LAB_LAST_PID
	lab_wait 10 grep -q ready "$LAB_DIR/napi.log"
	start_agent kernel veth vm1h || return 1
	echo "kernel $(measure_napi)"
	lab_agent_stop || return 1
	start_between "$BENCH/devmap" --from up0 --to vm1h
	echo "devmap $(measure_napi)"
	lab_stop "$BETWEEN" TERM
	lab_stop "$napi" TERM
}

# What the sink that is there already counts in SECS.
measure_napi() {
	local a b
	generate &
	local gen=$!
	sleep 0.7
	a=$(vm_received)
	sleep "$SECS"
	b=$(vm_received)
	wait $gen
	echo $(((b - a) / SECS))
}

vm_received() {
	ip -n "$LAB-vm1" -s -j link show eth0 | jq '.[0].stats64.rx.packets'
}

# ---- the run ----

for tool in jq ip; do
	command -v $tool > /dev/null || { lab_say "$tool is missing: tests/deps.sh installs it"; exit 1; }
done
lab_trap
lab_host_prepare 16384
lab_wire 1
lab_veth_vm 1
ip -n "$LAB-host" tuntap add dev tap1 mode tap
ip -n "$LAB-host" link set tap1 up
ip -n "$LAB-host" link set vm1h up
# The VM's stack is to do the least: packets are for another host.
ip -n "$LAB-vm1" link set eth0 address 02:00:00:00:00:f1
mkdir -p "$OUT"

: > "$LAB_DIR/rounds"
for ((i = 1; i <= ROUNDS; i++)); do
	lab_say "round $i of $ROUNDS"
	{
		"$BENCH/uplinktime" | jq -r '"empty \(.empty_ns)",
			"uplink \(.uplink_ns)", "policed \(.policed_ns)"'
		round_receive
		round_agent veth
		round_agent tap
		round_kernel
	} >> "$LAB_DIR/rounds" || { lab_say "a measurement failed"; exit 1; }
done

declare -A M
for name in empty uplink policed rxloop agent_veth fwdloop_veth agent_tap fwdloop_tap kernel devmap; do
	M[$name]=$(awk -v n=$name '$1 == n { print $2 }' "$LAB_DIR/rounds" | median)
done
mpps() { awk -v x="${M[$1]}" 'BEGIN { printf "%.3f", x / 1e6 }'; }
ratio() { awk -v a="${M[$1]}" -v b="${M[$2]}" 'BEGIN { printf "%.2f", b ? a / b : 0 }'; }

"$BENCH/result" --dir "$OUT" --name dataplane \
	--title "pktagent dataplane, 64-byte packets, one core" \
	"uplink program|ns|${M[uplink]}|empty program|${M[empty]}" \
	"uplink program, to a policed VM|ns|${M[policed]}|to another|${M[uplink]}" \
	"agent way, beside receiving only|Mpps|$(mpps agent_veth)|bare AF_XDP receive loop|$(mpps rxloop)|>=0.70" \
	"agent way to a veth VM|Mpps|$(mpps agent_veth)|bare AF_XDP forwarding loop to veth|$(mpps fwdloop_veth)" \
	"agent way to a tap VM|Mpps|$(mpps agent_tap)|bare AF_XDP forwarding loop to tap|$(mpps fwdloop_tap)" \
	"kernel way|Mpps|$(mpps kernel)|bare devmap redirect|$(mpps devmap)|>=0.80"
rc=$?
[ $rc -le 1 ] || exit $rc

cat <<END

  64-byte packets, medians of $ROUNDS rounds           ours        beside    ratio  aim
  uplink program, ns per packet                 ${M[uplink]}  ${M[empty]} (empty program)
  the same to a policed VM                      ${M[policed]}  ${M[uplink]} (to another)
  agent way to veth, Mpps                      $(mpps agent_veth)  $(mpps rxloop) (bare AF_XDP receive loop)  $(ratio agent_veth rxloop)  >= 0.70
  agent way to veth, Mpps                      $(mpps agent_veth)  $(mpps fwdloop_veth) (bare AF_XDP forwarding loop)  $(ratio agent_veth fwdloop_veth)
  agent way to tap, Mpps                       $(mpps agent_tap)  $(mpps fwdloop_tap) (bare AF_XDP forwarding loop)  $(ratio agent_tap fwdloop_tap)
  kernel way, Mpps                             $(mpps kernel)  $(mpps devmap) (bare devmap redirect)  $(ratio kernel devmap)  >= 0.80

  $OUT/dataplane.json, $OUT/dataplane.svg
END
exit 0
