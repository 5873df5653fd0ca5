#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make bench-qos: what rates between VMs are worth, with three hosts in network
# namespaces of one machine.
#
#	vm1, vm2 [h1] ===== switch ===== [h2] vm3, vm4
#	                       |  LINK
#	                     [h3] vm5, vm6
#
# KINDS of hosts, one after the other:
#	control	agents with the uplink's rate and minimums for the VMs
#	agent	agents without any rates
#	htb	the kernel's bridge, HTB on each host's uplink: a VM has its
#		guarantee, and what is spare
#	tbf	the kernel's bridge, and a fixed rate for each VM: its guarantee
#
# (a) A VM gets from one sender, three, one, again and again: how long after each
#     step the rates have settled (tests/bench/qoseval.c), and the same of the
#     control law alone, simulated (tests/bench/ratesim.c).
# (b) A victim's throughput, and how long its packets take, alone and beside three
#     aggressors that send to another VM behind the same link. The victim
#     sends a fifth of LINK, which is less than its guarantee of a quarter; each
#     aggressor sends three quarters.
# (c) The three of (a), all the time: how much of the link is in use, and how fair.
#     And how long after a step of (a) it is so again.
# (d) What a packet costs in the limiters, by the number of pairs
#     (tests/bench/shapetime.c).
# (e) 1,000 hosts of 50 VMs, simulated: build/bench/rates-sim.json and .svg.
#
# The switch's rate and all others are those of a wire, with 24 bytes a frame
# besides its own. Rates between VMs aim at 90 % of a link: that is what "limit"
# means below. Senders pace themselves; nothing waits in front of a VM's veth that
# is sent faster than it may.
#
# Writes build/bench/qos.json and .svg, what was measured to qos.rounds, and some
# steps of (a) to qos-steps.svg. All of it runs on as many cores as there are: a machine that does something else, too,
# tells of that. A missed aim is no failure.
#
#	CASES=a,b,c,d,e		some of them
#	KINDS="control ..."	some of them
#	LINK=200		Mbit/s of each link
#	SECS=5			of each measurement of (b) and (c)
#	STEPS=30		(a): periods of 1, 3, 1 senders, 300 ms each

set -u
. "$(dirname "$0")/../net/hosts.bash"
. "$(dirname "$0")/../net/flows.bash"

CASES=${CASES:-a,b,c,d,e}
KINDS=${KINDS:-control agent htb tbf}
LINK=${LINK:-200}
SECS=${SECS:-5}
STEPS=${STEPS:-30}
STEP_MS=100
BENCH=$LAB_BUILD/tests/bench
OUT=$LAB_BUILD/bench
VMS="1 2 3 4 5 6"
FLOWS_SKIP_MS=1000

calc() { awk "BEGIN { printf \"%.6g\", ($1) }"; }
# A share of LINK in bit/s.
part() { awk "BEGIN { printf \"%.0f\", $LINK * 1000000 * $1 }"; }
wanted() { [[ ",$CASES," == *",$1,"* ]]; }

# ---- hosts, of each kind ----

# What the configurations have besides.
keys_control() {
	local vm

	for vm in $VMS; do
		HOSTS_KEYS[$vm]="rate: {in: {min: $((LINK / 4))Mbit}, out: {min: $((LINK / 4))Mbit}}"
	done
	UPLINK_KEYS="shape: {rate: ${LINK}Mbit}"
}

keys_agent() {
	HOSTS_KEYS=()
	UPLINK_KEYS=
}

agents_start() {
	local n

	for ((n = 1; n <= HOSTS; n++)); do
		hosts_config $n "$UPLINK_KEYS"
		hosts_start $n || return
	done
}

agents_stop() {
	local n rc=0

	for ((n = 1; n <= HOSTS; n++)); do
		hosts_stop $n || rc=1
	done
	return $rc
}

# The kernel's bridge in the place of the agent.
bridge_up() {
	local n vm ns

	for ((n = 1; n <= HOSTS; n++)); do
		ns=$LAB-h$n
		ip -n "$ns" link add br0 type bridge mcast_snooping 0
		ip -n "$ns" link set br0 up
		ip -n "$ns" link set up0 master br0
		for vm in ${HOSTS_VMS[$n]}; do
			ip -n "$ns" link set "vm${vm}h" master br0 up
		done
	done
}

bridge_down() {
	local n

	for ((n = 1; n <= HOSTS; n++)); do
		ip -n "$LAB-h$n" link del br0
		lab_in h$n tc qdisc del dev up0 root 2> /dev/null
	done
	return 0
}

# uplink_htb CEIL: classes of all VMs on their hosts' uplinks, each with its
# guarantee and up to CEIL.
uplink_htb() {
	local n vm

	for ((n = 1; n <= HOSTS; n++)); do
		lab_in h$n tc qdisc add dev up0 root handle 1: htb default 99
		lab_in h$n tc class add dev up0 parent 1: classid 1:ff htb \
			rate "${LINK}mbit" overhead 24 quantum 1514
		for vm in 99 ${HOSTS_VMS[$n]}; do
			lab_in h$n tc class add dev up0 parent 1:ff \
				classid "1:$vm" htb rate "$((LINK / 4))mbit" \
				ceil "$1" overhead 24 quantum 1514
			lab_in h$n tc qdisc add dev up0 parent "1:$vm" bfifo \
				limit "$HOSTS_QUEUE"
			[ "$vm" = 99 ] || lab_in h$n tc filter add dev up0 \
				parent 1: protocol ip u32 match ip src \
				"$(hosts_vm_ip "$vm")" flowid "1:$vm"
		done
	done
}

hosts_begin() { # KIND
	case $1 in
	htb | tbf)
		bridge_up || return
		if [ "$1" = htb ]; then
			uplink_htb "${LINK}mbit"
		else
			uplink_htb "$((LINK / 4))mbit"
		fi
		;;
	*)
		"keys_$1"
		agents_start
		;;
	esac
}

hosts_end() { # KIND
	case $1 in
	htb | tbf) bridge_down ;;
	*) agents_stop ;;
	esac
}

# ---- what is measured ----

# note NAME VALUE; note_all PREFIX: lines "NAME VALUE" of standard input.
note() { echo "$1 $2" >> "$OUT/qos.rounds"; }
note_all() { awk -v p="$1" '$1 != "#" { print p $1, $2 }' >> "$OUT/qos.rounds"; }

# The value noted under a name; 0 if there is none.
figure() {
	awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }' "$OUT/qos.rounds"
}

# What has arrived at a VM: share PREFIX VM
share() { note_all "$1" < "$LAB_DIR/flows-vm$2.share"; }

# flow FROM TO BITS [OPTION...]: a flow with the number of its sender.
flow() {
	local from=$1 to=$2

	shift 2
	flows_send "$from" "vm$from" "vm$to" "$@"
}

# ---- the cases ----

PLOTS=()
measure_a() { # KIND
	local period=$((3 * STEP_MS)) vm

	flows_begin $(((STEPS + 1) * period / 1000 + 1)) vm5 vm6 || return
	flow 1 5 "$(part 1.2)"
	for vm in 2 3; do
		flow $vm 5 "$(part 0.6)" --period $period \
			--on $STEP_MS-$((2 * STEP_MS))
	done
	flows_end || return
	cp "$(flows_file vm5)" "$LAB_DIR/steps-$1.json"
	PLOTS+=("$(kind_name "$1"), Mbit/s:$FLOWS_START:$LAB_DIR/steps-$1.json")
	"$BENCH/qoseval" steps "$(flows_file vm5)" --start "$FLOWS_START" \
		--period $period --edges $STEP_MS,$((2 * STEP_MS)) |
		note_all "a_$1_"
}

measure_b() { # KIND
	local vm

	flows_begin "$SECS" vm5 vm6 || return
	flow 1 5 "$(part 0.2)"
	flows_end || return
	share "b_$1_alone_" 5
	flows_begin "$SECS" vm5 vm6 || return
	flow 1 5 "$(part 0.2)"
	for vm in 2 3 4; do
		flow $vm 6 "$(part 0.75)"
	done
	flows_end || return
	share "b_$1_beside_" 5
	share "b_$1_others_" 6
}

measure_c() { # KIND
	local vm

	flows_begin "$SECS" vm5 vm6 || return
	for vm in 1 2 3; do
		flow $vm 5 "$(part 0.6)"
	done
	flows_end || return
	share "c_$1_" 5
	# One alone: what is spare.
	flows_begin "$SECS" vm5 vm6 || return
	flow 1 5 "$(part 1.2)"
	flows_end || return
	share "c_$1_one_" 5
}

measure() { # KIND
	local case

	hosts_begin "$1" || return
	for case in a b c; do
		wanted $case || continue
		lab_say "$1: ($case)"
		"measure_$case" "$1" || {
			hosts_end "$1"
			return 1
		}
	done
	hosts_end "$1"
}

measure_d() {
	lab_say "(d)"
	"$BENCH/shapetime" --json > "$LAB_DIR/shapetime.json" || return
	jq -r 'select(.row | startswith("limiter,")) |
		"\(.row | gsub("[^0-9a-z]+"; "_")) \(.median_ns)"' \
		"$LAB_DIR/shapetime.json" | note_all d_
}

measure_e() {
	lab_say "(e)"
	# 1: an aim is missed, which its own file says.
	"$BENCH/ratesim" --dir "$OUT" > "$OUT/rates-sim.txt"
	[ $? -le 1 ] || return
	jq -r '.figures[] | "\(.name | gsub("[^0-9a-zA-Z]+"; "_")) \(.value)"' \
		"$OUT/rates-sim.json" | note_all e_
}

# ---- what comes of it ----

# add NAME UNIT VALUE [BASELINE ITS-VALUE [AIM]]: a figure, and a line of the
# table.
FIGURES=()
TABLE=
add() {
	local IFS='|' base=

	FIGURES+=("$*")
	[ $# -lt 5 ] || base="$4: $(calc "$5")"
	TABLE+=$(awk -v text="$1" -v unit="$2" -v value="$3" -v base="$base" \
		-v aim="${6:-}" 'BEGIN { printf "  %-56s %9s %-7s %s %s", text,
			sprintf(value >= 1000 ? "%.0f" : "%.4g", value), unit,
			base, aim }')$'\n'
}

kind_name() {
	case $1 in
	control) echo "rates and minimums" ;;
	agent) echo "no rates" ;;
	htb) echo "kernel, HTB" ;;
	tbf) echo "kernel, fixed rates" ;;
	esac
}

# The aim is that of kind control.
aim() { # KIND AIM
	[ "$1" != control ] || echo "$2"
}

figures_a() { # KIND
	local name aim=

	name="(a) $(kind_name "$1")"
	aim=$(aim "$1" "<=1")
	add "$name: settled after a step, p99" ms \
		"$(figure "a_$1_settle_p99")" "(a) five ms" 5 ${aim:+"$aim"}
	add "$name: settled, median" ms "$(figure "a_$1_settle_p50")"
	add "$name: never settled" % "$(calc "100 * $(figure \
		"a_$1_settle_unsettled") / ($(figure "a_$1_settle_n") + 1e-9)")"
}

figures_b() { # KIND
	local name at=b_$1 aim

	name="(b) $(kind_name "$1")"
	aim=$(aim "$1" ">=0.9")
	add "$name: victim beside aggressors" Mbit/s \
		"$(calc "$(figure "${at}_beside_bits_1") / 1e6")" "(b) alone" \
		"$(calc "$(figure "${at}_alone_bits_1") / 1e6")" ${aim:+"$aim"}
	aim=$(aim "$1" "<=1.1")
	add "$name: its packets' p99" us "$(figure "${at}_beside_p99_us_1")" \
		"(b) alone" "$(figure "${at}_alone_p99_us_1")" ${aim:+"$aim"}
}

figures_c() { # KIND
	local name aim limit

	name="(c) $(kind_name "$1")"
	limit=$(calc "$LINK * 0.9")
	aim=$(aim "$1" ">=0.9")
	add "$name: three senders" Mbit/s \
		"$(calc "$(figure "c_$1_bits") / 1e6")" "(c) limit" "$limit" \
		${aim:+"$aim"}
	add "$name: one sender" Mbit/s \
		"$(calc "$(figure "c_$1_one_bits") / 1e6")" "(c) limit" "$limit"
	add "$name: Jain's index of three" "" "$(figure "c_$1_jain")"
	wanted a || return
	aim=$(aim "$1" "<=1")
	add "$name: spare capacity in use again, p99" ms \
		"$(figure "a_$1_reuse_p99_1")" "(c) five ms" 5 ${aim:+"$aim"}
}

figures_d() {
	local ten

	ten=$(figure d_limiter_10_pairs)
	add "(d) limiter, 1,000 pairs" ns "$(figure d_limiter_1000_pairs)" \
		"(d) 10 pairs" "$ten" "<=1.2"
	add "(d) limiter, 10,000 pairs" ns "$(figure d_limiter_10000_pairs)" \
		"(d) 10 pairs" "$ten" "<=1.2"
}

figures_e() {
	add "(e) simulated: settled after 1 > 3 senders, p99" ms \
		"$(figure e_steps_the_same_p99)" "(e) one ms" 1 "<=1"
	add "(e) simulated: after 3 > 1 senders, p99" ms \
		"$(figure e_steps_the_same_after_3_1_senders_p99)" \
		"(e) one ms" 1 "<=1"
	add "(e) simulated: incast 40:1, the one has its half, p99" ms \
		"$(figure e_incast_the_same_p99)" "(e) five ms" 5 "<=1"
	add "(e) simulated: shuffle, links in use" % \
		"$(figure e_shuffle_links_in_use_of_90_)" "(e) all" 100 ">=0.8"
}

# ---- the run ----

for tool in jq ip tc; do
	command -v $tool > /dev/null || {
		lab_say "$tool is missing: tests/deps.sh installs it"
		exit 1
	}
done
lab_trap
mkdir -p "$OUT"
: > "$OUT/qos.rounds"
read -r load _ < /proc/loadavg
[ "${load%.*}" = 0 ] ||
	lab_say "the machine is not idle (load $load): figures will suffer"
hosts_up 3 "${LINK}mbit"
hosts_vm 1 1
hosts_vm 1 2
hosts_vm 2 3
hosts_vm 2 4
hosts_vm 3 5
hosts_vm 3 6
hosts_neighbours

if wanted a || wanted b || wanted c; then
	for kind in $KINDS; do
		measure "$kind" || {
			lab_say "a measurement failed"
			tail -n 3 "$LAB_DIR"/send*.log "$LAB_DIR"/recv*.log \
				"$LAB_DIR"/agent*.log >&2
			exit 1
		}
	done
fi
for case in a b c; do
	wanted $case || continue
	for kind in $KINDS; do
		"figures_$case" "$kind"
	done
done
for case in d e; do
	wanted $case || continue
	"measure_$case" || {
		lab_say "a measurement failed"
		exit 1
	}
	"figures_$case"
done
[ ${#PLOTS[@]} = 0 ] ||
	"$BENCH/qoseval" plot "${PLOTS[@]}" --from $((3 * STEP_MS)) \
		--to $((10 * STEP_MS)) --window 2 --max "$LINK" \
		--title "pktagent: 1, 3, 1 senders, links of $LINK Mbit/s" \
		--out "$OUT/qos-steps.svg"
"$BENCH/result" --dir "$OUT" --name qos \
	--title "pktagent: predictable rates, links of $LINK Mbit/s" \
	"${FIGURES[@]}"
rc=$?
[ $rc -le 1 ] || exit $rc
printf '\n%s\n  %s\n' "$TABLE" "$OUT/qos.json, $OUT/qos.svg"
exit 0
