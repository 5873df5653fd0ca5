#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make bench-pools: what breathing pools are worth, on one machine, in turns;
# medians of ROUNDS (default 3).
#
#	wire0 ===== up0  agent   vhost-user  guest 1
#	                         ...         guest N
#	pools: CPU 0     CPU 1               pools: CPU 0
#
# (a) VMS VMs get a burst each in turn, one every PERIOD ms, as fast as the wire
#     is; their guests take it only afterwards. Total memory is what equal fixed
#     pools of SHARE frames need. A burst is BURST packets, eight times SHARE:
#     one of these eight finds room in the guest's own ring (256), one in a
#     fixed pool. The same memory then serves pools that breathe. What fixed
#     pools need to lose no more than those did is found by doubling and
#     halving. Packets that the guests did not get must be those that the agent
#     counted as lost, or a line says so.
# (b) The wire sends to one VM as fast as may be, in slices without and with
#     RESIZES requests a second to resize its pool. As there is no third core
#     for the agent's control thread and its client, a third kind of slice has
#     as many requests that resize nothing: the rest is what resizing costs.
# (c) Bursts of GROWTH packets to VMs whose pools are an idle VM's, of 64 frames:
#     the time from the first packet until the pool's bound covers the burst,
#     read from the map vm_credit. The guests have no buffers, so all of it has
#     to find room in the pool. The thread that looks also sends, eight packets
#     at a time, which takes most of that time.
# (d) A VM that sends back what it gets, alone and beside one that gets as much
#     and never reads, with memory that the latter could use up alone: its
#     throughput of half of what the wire can send, and round trips at 50 kpps.
#     The other half is for the hog, or for nobody when the VM is alone, so that
#     the generator, which is the guest, has as much to do.
#
# Ratios are medians of neighbouring slices. The two cores are the generator's
# and the worker's: on a machine that does something else, too, (a), (c) and the
# times of (d) tell of that. Writes build/bench/pools.json and .svg, and the
# rounds themselves to pools.rounds. A missed aim is no failure.
#
#	ROUNDS=5		more rounds
#	CASES=a,b,c,d		some of them
#	SECS=30			of slices in (b) and (d), together
#	VMS=32 SHARE=256 BURST=2048 BURSTS=64 PERIOD=10
#				(a): see above
#	RESERVE=1024		the uplink's frames for bursts of anybody's
#	RESIZES=1000		(b)
#	GROWTH=256 GROWTHS=224	(c): packets of a burst, and bursts
#	POOL_KEYS=initial	for an agent whose pools are fixed: (a), (d)

set -u
. "$(dirname "$0")/../lab/lab.sh"

ROUNDS=${ROUNDS:-3}
CASES=${CASES:-a,b,c,d}
SECS=${SECS:-30}
VMS=${VMS:-32}
SHARE=${SHARE:-256}
BURST=${BURST:-$((8 * SHARE))}
BURSTS=${BURSTS:-$((2 * VMS))}
PERIOD=${PERIOD:-10}
RESIZES=${RESIZES:-1000}
GROWTH=${GROWTH:-256}
GROWTHS=${GROWTHS:-224}
POOL_KEYS=${POOL_KEYS:-all}
SLICE=0.25			# seconds
POOL_MIN=64			# frames of an idle VM
POOL_MAX=4096
RESERVE=${RESERVE:-1024}	# of the uplink, as by default
OUT_MAX=256			# likewise
BESIDES=$((RESERVE + OUT_MAX + 1024))	# frames that are no VM's
BENCH=$LAB_BUILD/tests/bench
OUT=$LAB_BUILD/bench

median() { sort -g | awk '{ a[NR] = $1 } END { print NR ? a[int((NR + 1) / 2)] : 0 }'; }

calc() { awk "BEGIN { printf \"%.6g\", ($1) }"; }

wanted() { [[ ",$CASES," == *",$1,"* ]]; }

# ---- the agent ----

# pool_of static FRAMES | breathing MAX: a VM's pool.
pool_of() {
	case $1,$POOL_KEYS in
	static,initial) echo "{initial: $2}" ;;
	*,initial) echo "{initial: 256}" ;;
	static,*) echo "{min: $2, initial: $2, max: $2}" ;;
	*) echo "{min: $POOL_MIN, initial: $POOL_MIN, max: $2}" ;;
	esac
}

# config FRAMES VMS POOL: memory.frames, and VMs with such a pool each.
config() {
	local n

	lab_config_head "$1"
	cat <<-END
	workers: {cores: [1]}
	fdb:
	  static: [{mac: "$(lab_mac 100)", port: up0}]
	uplinks: [{name: up0, device: up0, reserve: $RESERVE, out_max: $OUT_MAX}]
	vms:
	END
	for ((n = 1; n <= $2; n++)); do
		cat <<-END
		  - name: vm$n
		    mac: "$(lab_mac "$n")"
		    pool: $3
		    device: {type: vhost-user, socket: $LAB_DIR/vm$n.sock}
		END
	done
}

# Packets that the agent counted as lost, on whatever port, by reason.
drops() {
	lab_ctl -j counters show | jq -r '[.[] | select(.kind == "drop")] |
		group_by(.reason)[] | "dropped_\(.[0].reason) \(map(.packets) | add)"'
}

# measure FRAMES VMS POOL CASE [OPTION...]: an agent and its guests; results in
# $LAB_DIR/pools.log.
measure() {
	local frames=$1 vms=$2 pool=$3 case=$4 rc=0

	shift 4
	# No trace of the agent before.
	ip -n "$LAB-host" link del up0
	lab_nic 1
	# Nor work that is the wire's on the agent's core.
	lab_in wire ethtool -K wire0 gro off
	config "$frames" "$vms" "$pool" > "$LAB_DIR/pools.yaml"
	lab_agent "$LAB_DIR/pools.yaml" || return
	lab_start wire pools timeout 400 "$BENCH/pools" --case "$case" \
		--wire wire0 --sockets "$LAB_DIR" --vms "$vms" "$@"
	lab_reap "$LAB_LAST_PID" || rc=1
	# What the kernel counts is fetched now and then.
	sleep 1.2
	drops >> "$LAB_DIR/pools.log"
	lab_agent_stop || rc=1
	if [ $rc != 0 ]; then
		lab_say "$case failed:"
		tail -n 5 "$LAB_DIR/pools.log" >&2
		tail -n 20 "$LAB_DIR/agent.log" >&2
	fi
	return $rc
}

# Prints a result of the last measure.
result() { awk -v n="$1" '$1 == n { print $2 }' "$LAB_DIR/pools.log"; }

# note NAME VALUE: a result of this round; without VALUE of all the last
# measure's, each name with NAME in front.
note() {
	if [ $# = 2 ]; then
		echo "$1 $2"
	else
		awk -v p="$1" 'NF == 2 && $2 ~ /^[-0-9.e+]+$/ {
			print p $1, $2 }' "$LAB_DIR/pools.log"
	fi >> "$OUT/pools.rounds"
}

# The middle of what was noted under a name.
figure() {
	awk -v n="$1" '$1 == n { print $2 }' "$OUT/pools.rounds" | median
}

# ---- (a) ----

# bursts MODE MEMORY FRAMES [PERIOD]: FRAMES as pool_of has it.
bursts() {
	local lost counted

	measure "$2" "$VMS" "$(pool_of "$1" "$3")" bursts \
		--burst "$BURST" --bursts "$BURSTS" --period "${4:-$PERIOD}" || return
	LOSS=$(result loss)
	lost=$(($(result sent) - $(result received)))
	# What the guests did not get was lost by the agent, and counted.
	counted=$(awk '/^dropped_/ { n += $2 } END { print n + 0 }' \
		"$LAB_DIR/pools.log")
	[ $((lost - counted)) -le 64 ] && [ $((counted - lost)) -le 64 ] ||
		lab_say "  $1: $lost packets lost, $counted counted"
}

static_memory() { echo $((VMS * $1 + BESIDES)); }

# find_need LOSS: the smallest equal pool, to one in 32, that loses no more, in
# NEED. Bursts need not wait for fixed pools to become small again.
find_need() {
	local low=$SHARE high=$SHARE middle

	until calc "$LOSS > $1" | grep -qx 0; do
		if [ $high -gt "$BURST" ]; then
			lab_say "  pools of $high frames lose $LOSS % of bursts of $BURST packets"
			return 1
		fi
		low=$high
		high=$((2 * high))
		bursts static "$(static_memory $high)" $high 5 || return
	done
	while [ $((high - low)) -gt $((high / 32)) ]; do
		middle=$(((low + high) / 2))
		bursts static "$(static_memory $middle)" $middle 5 ||
			return
		if calc "$LOSS > $1" | grep -qx 0; then
			high=$middle
		else
			low=$middle
		fi
	done
	NEED=$high
}

round_a() {
	local memory loss

	memory=$(static_memory "$SHARE")
	bursts breathing "$memory" "$POOL_MAX" || return
	note a_breathing_
	loss=$LOSS
	bursts static "$memory" "$SHARE" || return
	note a_static_
	find_need "$loss" || return
	note a_memory "$memory"
	note a_need "$(static_memory "$NEED")"
}

# ---- (b), (c), (d) ----

slices() { calc "int($SECS / $SLICE / $1 + 0.5)"; }

round_b() {
	measure $((4096 + BESIDES)) 1 "$(pool_of breathing 4096)" storm \
		--slices "$(slices 3)" --slice $SLICE \
		--control "$LAB_SOCK" --rate "$RESIZES" --min 1024 --max 4096 ||
		return
	note b_
}

round_c() {
	measure $((VMS * GROWTH + BESIDES)) "$VMS" \
		"$(pool_of breathing $POOL_MAX)" growth \
		--burst "$GROWTH" --bursts "$GROWTHS" --idle $POOL_MIN \
		--control "$LAB_SOCK" \
		--credit "$LAB_BPFFS/v*/maps/vm_credit" || return
	note c_
}

# Two times two kinds: packets, then times.
round_d() {
	measure $((4096 + BESIDES)) 2 "$(pool_of breathing 4096)" hog \
		--slices "$(slices 4)" --slice $SLICE || return
	note d_
}

# ---- what comes of it ----

# line TEXT VALUE [AIM]
line() {
	awk -v text="$1" -v value="$2" -v aim="${3:-}" 'BEGIN {
		printf "  %-58s %10s  %s\n", text,
			sprintf(value >= 1000 ? "%.0f" : "%.4g", value), aim
	}'
}

# percent NAME: of a ratio that was noted.
percent() { calc "100 * $(figure "$1")"; }

figures_a() {
	FIGURES+=(
		"(a) lost, breathing pools|%|$(figure a_breathing_loss)|(a) lost, equal fixed pools in as much memory|$(figure a_static_loss)|<=0"
		"(a) memory, breathing pools|frames|$(figure a_memory)|(a) memory, fixed pools that lose no more|$(figure a_need)|<=0.25"
	)
}

figures_b() {
	FIGURES+=(
		"(b) throughput, pool resized $RESIZES times a second|%|$(percent b_storm_ratio)|(b) without|100|>=0.98"
		"(b) the same|%|$(percent b_storm_ratio_asking)|(b) as many requests that resize nothing|100"
		"(b) the same|Mpps|$(figure b_storm)|(b) without|$(figure b_quiet)"
	)
}

figures_c() {
	FIGURES+=(
		"(c) until the pool covers a burst, p99|us|$(figure c_cover_p99)|(c) one millisecond|1000|<=1"
		"(c) until it has grown by a batch, p99|us|$(figure c_first_p99)|(c) one millisecond|1000"
	)
}

figures_d() {
	FIGURES+=(
		"(d) throughput beside a hog|%|$(percent d_rate_ratio)|(d) alone|100|>=0.95"
		"(d) p99 of a round trip beside a hog|%|$(percent d_p99_ratio)|(d) alone|100|<=1.05"
	)
}

table_a() {
	echo "  (a) $VMS VMs, bursts of $BURST packets in turn"
	line "    lost in $(figure a_memory) frames, breathing pools, %" \
		"$(figure a_breathing_loss)" 0
	line "    equal fixed pools of $SHARE, %" \
		"$(figure a_static_loss)" "(30 or more: what is compared)"
	line "    memory for fixed pools to lose no more, frames" \
		"$(figure a_need)"
	line "    breathing : fixed" \
		"$(calc "$(figure a_memory) / $(figure a_need)")" "<= 0.25"
}

table_b() {
	echo "  (b) wire to one VM as fast as may be"
	line "    Mpps" "$(figure b_quiet)"
	line "    Mpps, its pool resized" "$(figure b_storm)"
	line "    resizes a second" "$(figure b_resizes)"
	line "    resized : not" "$(figure b_storm_ratio)" ">= 0.98"
	line "    resized : as many requests that resize nothing" \
		"$(figure b_storm_ratio_asking)"
}

table_c() {
	echo "  (c) bursts of $GROWTH packets to VMs with $POOL_MIN frames, us from the first packet"
	line "    until the last one was sent, p50" "$(figure c_sent_p50)"
	line "    until the pool has grown by 64, p50" "$(figure c_first_p50)"
	line "    p99" "$(figure c_first_p99)"
	line "    until it covers the burst, p50" "$(figure c_cover_p50)"
	line "    p99" "$(figure c_cover_p99)" "<= 1000"
	line "    packets lost" "$(figure c_lost)"
}

table_d() {
	echo "  (d) a VM beside one that never reads, $(figure d_offered) Mpps to each"
	line "    Mpps back, alone" "$(figure d_rate_alone)"
	line "    beside" "$(figure d_rate_beside)"
	line "    beside : alone" "$(figure d_rate_ratio)" ">= 0.95"
	line "    p99 us of a round trip at 50 kpps, alone" \
		"$(figure d_p99_alone)"
	line "    beside" "$(figure d_p99_beside)"
	line "    beside : alone" "$(figure d_p99_ratio)" "<= 1.05"
}

# ---- the run ----

for tool in jq ip; do
	command -v $tool > /dev/null || { lab_say "$tool is missing: tests/deps.sh installs it"; exit 1; }
done
lab_trap
lab_host_prepare "$(static_memory $((2 * BURST)))"
lab_wire 1
mkdir -p "$OUT"
read -r load _ < /proc/loadavg
[ "${load%.*}" = 0 ] || lab_say "the machine is not idle (load $load): figures will suffer"

: > "$OUT/pools.rounds"
for ((i = 1; i <= ROUNDS; i++)); do
	for case in a b c d; do
		wanted $case || continue
		lab_say "round $i of $ROUNDS: ($case)"
		"round_$case" || { lab_say "a measurement failed"; exit 1; }
	done
done

FIGURES=()
TABLE=
for case in a b c d; do
	wanted $case || continue
	"figures_$case"
	TABLE+=$("table_$case")$'\n'
done
"$BENCH/result" --dir "$OUT" --name pools \
	--title "pktagent: pools that breathe, one core" "${FIGURES[@]}"
rc=$?
[ $rc -le 1 ] || exit $rc
printf '\n  %-58s %10s  aim\n%s\n  %s\n' "medians of $ROUNDS rounds" "" \
	"$TABLE" "$OUT/pools.json, $OUT/pools.svg"
exit 0
