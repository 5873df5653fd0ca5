# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034
#
# What the net tests share, on top of the lab (tests/lab/lab.sh): endpoints of
# traffic, traffic that is checked frame by frame, the agent's counters,
# assertions. To be sourced; the lab is taken down when the script ends.
#
# An endpoint is "wire", "vmN" (behind veth) or "tapN" (the reader's end of a
# tap). A test that fails says what was expected, shows the agent's log and
# ends.

. "$(dirname "${BASH_SOURCE[0]}")/../lab/lab.sh"
set -u

NET_CONFIG=$LAB_DIR/pktagent.yaml
NET_MEMORY=32768		# frames
NET_SEED=0			# each transfer has its own
NET_HEARTBEAT_MS=60000		# the agent is not gone when it is only slow
declare -A NET_PID NET_WHAT	# receivers at work, by name
declare -A NET_ENDLESS		# flows that end when they are told to
declare -A NET_PROGRESS		# their files: tests/tools/progress.h
declare -A NET_MAC		# of endpoints that do not have their lab_mac

# ---- assertions ----

say() { printf '%7.1fs  %s\n' "$(net_seconds)" "$*"; }

net_seconds() { echo "$(((${EPOCHREALTIME/[.,]/} - NET_START) / 100000))e-1"; }
NET_START=${EPOCHREALTIME/[.,]/}

fail() {
	printf '\nFAILED: %s\n' "$*"
	if [ -f "$LAB_AGENT_LOG" ]; then
		echo "--- the agent's log ---"
		tail -n 30 "$LAB_AGENT_LOG"
		echo "--- what it has lost ---"
		[ -S "$LAB_SOCK" ] && net_drops
	fi
	net_at_work
	exit 1
}

# How far each transfer is that has not ended.
net_at_work() {
	local name progress

	for name in "${!NET_PID[@]}"; do
		progress=${NET_PROGRESS[$name]:-}
		[ -f "$progress" ] || continue
		read -ra progress < <(od -An -tu4 "$progress")
		echo "--- ${NET_WHAT[$name]}: ${progress[0]} sent," \
			"${progress[2]} arrived, end ${progress[1]} ---"
		cat "$LAB_DIR/$name.log" "$LAB_DIR/send-$name.log" 2> /dev/null
	done
}

skip() {
	echo "$*"
	exit 77
}

# expect WHAT COMMAND...: the command succeeds.
expect() {
	local what=$1

	shift
	"$@" || fail "$what: $* (status $?)"
}

# expect_equal WHAT WANTED GOT
expect_equal() { [ "$2" = "$3" ] || fail "$1: expected $2, found $3"; }

# eventually [SECONDS] WHAT COMMAND...: the command succeeds before patience
# ends, which SECONDS can only make longer. What the agent has to do, or to
# count, may take it long.
eventually() {
	local seconds=$LAB_PATIENCE what

	if [[ $1 =~ ^[0-9]+$ ]]; then
		[ "$1" -le "$seconds" ] || seconds=$1
		shift
	fi
	what=$1
	shift
	lab_wait "$seconds" "$@" || fail "$what: not within $seconds s: $*"
}

# ---- configuration ----

# Standard input and what every configuration of the lab has. $1: a line for
# the section agent.
net_config() {
	{
		lab_config_head $NET_MEMORY | sed "s/^agent:/&${1:+\\n  $1}/
			s/^agent:/&\n  heartbeat_timeout_ms: $NET_HEARTBEAT_MS/"
		cat
	} > "$NET_CONFIG"
}

# More keys of a VM's. The pool is large and stays so, so that a receiving ring
# holds what else comes beside checked traffic while the agent does not get to
# run.
net_vm_keys() {
	[[ ${1:-} = *pool:* ]] || echo -n ", pool: {min: 4096, max: 4096}"
	echo "${1:+, $1}}"
}

# A VM's entry; $2: more keys, "way: agent, vlan: 10".
net_veth_vm() {
	echo "  - {name: vm$1, mac: \"$(net_mac "vm$1")\"," \
		"device: {type: veth, name: vm$1h, peer: eth0," \
		"netns: $LAB-vm$1}$(net_vm_keys "${2:-}")"
}

net_tap_vm() {
	echo "  - {name: tap$1, mac: \"$(lab_mac "$1")\"," \
		"device: {type: tap, name: tap$1, create: true}$(net_vm_keys "${2:-}")"
}

# ---- the agent's view ----

net_counter() { # PORT REASON
	lab_ctl -j counters show | jq --arg p "$1" --arg r "$2" '[.[] |
		select(.port == $p and .reason == $r) | .packets] | add // 0'
}

net_counter_is() { [ "$(net_counter "$1" "$2")" = "$3" ]; }

net_losses() { # [PORT]: of all reasons
	lab_ctl -j counters show "$@" |
		jq '[.[] | select(.kind == "drop") | .packets] | add // 0'
}

net_drops() {
	lab_ctl -j counters show | jq -r '.[] | select(.kind == "drop") |
		"\(.port): \(.packets) \(.reason)"'
}

net_port() { # PORT FILTER
	lab_ctl -j port show | jq -r --arg p "$1" \
		".ports[] | select(.name == \$p) | $2"
}

net_port_is() { [ "$(net_port "$1" .state)" = "$2" ]; }

# Up, and with a carrier.
net_port_works() { [ "$(net_port "$1" '.state + .why')" = up ]; }

net_logged() { grep -q -- "$1" "$LAB_AGENT_LOG"; }

# The same of what is logged after net_mark_log.
net_logged_again() {
	tail -n +$((NET_LOG_LINES + 1)) "$LAB_AGENT_LOG" | grep -q -- "$1"
}

net_mark_log() { NET_LOG_LINES=$(wc -l < "$LAB_AGENT_LOG"); }

# ---- pools ----

net_pool() { # VM MEMBER: size, used, min, max, ...
	lab_ctl -j pool show "$1" | jq ".ports[0].$2"
}

net_pool_is() { [ "$(net_pool "$1" "$2")" = "$3" ]; } # VM MEMBER WANTED

# Changes of a VM's pool, or of all pools: an array of time (seconds), vm, from,
# to and reason.
net_pool_log() { lab_ctl -j -a pool log "$@"; }

# Whether a change of the VM's pool is such: net_pool_logged VM FILTER
net_pool_logged() { net_pool_log "$1" | jq -e "any(.[]; $2)" > /dev/null; }

# Every frame belongs to who has it, and they are all there.
net_audit() { # WHEN
	lab_ctl pool audit > "$LAB_DIR/audit.log" 2>&1 ||
		fail "$1: audit: $(cat "$LAB_DIR/audit.log")"
	net_adds_up "$1"
	eventually "$1: pools and promises add up" net_pools_add_up
}

# While a part grows or shrinks they need not.
net_pools_add_up() {
	lab_ctl -j pool show | jq -e '.arena.promises.adds_up and
		([.ports[] | select(.kind == "vm")] |
			all(.size == .rx_limit + .out_max + .posted_max))' \
		> /dev/null
}

net_adds_up() { # WHEN
	local text

	text=$(lab_ctl -j pool show | jq -c .arena)
	[ "$(jq .adds_up <<< "$text")" = true ] || fail "$1: $text"
}

net_known() { # MAC PORT [NETWORK]: is it in the forwarding table?
	lab_ctl -j fdb show | jq -e --arg m "$1" --arg p "$2" \
		--argjson n "${3:-0}" 'any(.[]; .mac == $m and .port == $p and
			.network == $n)' > /dev/null
}

# ---- endpoints ----

net_ns() {
	case $1 in
	tap*) echo "$LAB_HOST" ;;
	*) echo "$1" ;;
	esac
}

net_dev() {
	case $1 in
	wire) echo wire0 ;;
	vm*) echo eth0 ;;
	*) echo "$1" ;;
	esac
}

net_mac() {
	if [ -n "${NET_MAC[$1]:-}" ]; then
		echo "${NET_MAC[$1]}"
		return
	fi
	case $1 in
	wire) lab_mac 100 ;;
	*) lab_mac "${1//[a-z]/}" ;;
	esac
}

# ---- traffic ----
#
# Whatever must not be lost is sent in a closed loop: no more than a window of
# it is on its way (tests/tools/progress.h). Rings hold two windows at least,
# and the kernel's between two ends of a veth pair eight, so that nothing gets
# lost on a machine that does not let the agent run for a while. Traffic that
# is not in such a loop, and goes through the same rings, has to be so slow
# that they hold a second of it.

# Begins to receive at $1 what "net_send" of the same seed sends from $2, under
# the name "TO-FROM"; more options of "frames recv" follow.
net_recv() {
	local to=$1 from=$2 name=$1-$2 tap=

	shift 2
	[[ $to = tap* ]] && tap=--tap
	NET_PROGRESS[$name]=$LAB_DIR/$name.progress
	# Who must get nothing has no pace.
	[[ " $* " = *" --none "* ]] && NET_PROGRESS[$name]=
	lab_start "$(net_ns "$to")" "$name" "$LAB_TOOLS/frames" recv \
		"$(net_dev "$to")" $tap --seed "$NET_SEED" \
		--dmac "$(net_mac "$to")" --smac "$(net_mac "$from")" \
		${NET_PROGRESS[$name]:+--progress "${NET_PROGRESS[$name]}"} "$@"
	NET_PID[$name]=$LAB_LAST_PID
	NET_WHAT[$name]="$from to $to"
	lab_wait $LAB_PATIENCE grep -q ready "$LAB_DIR/$name.log" ||
		fail "$(cat "$LAB_DIR/$name.log")"
	# Nothing is sent to a tap until the agent knows that it has a reader.
	[ -z "$tap" ] || eventually "$to has a reader" net_port_works "$to"
}

# Sends what is received, or must not be, at $2.
net_send() { # FROM TO OPTIONS
	local from=$1 to=$2 progress tap= rc=0

	shift 2
	[[ $from = tap* ]] && tap=--tap
	progress=$(net_progress "$from" "$to")
	lab_in "$(net_ns "$from")" "$LAB_TOOLS/frames" send \
		"$(net_dev "$from")" $tap --seed "$NET_SEED" \
		--dmac "$(net_mac "$to")" --smac "$(net_mac "$from")" \
		${progress:+--progress "$progress"} "$@" > /dev/null || rc=$?
	net_may_send $rc "$from" "$progress"
}

# The file that a sender shares with its receiver, if there is one.
net_progress() { # FROM TO
	[ -z "${NET_PID[$2-$1]:-}" ] || echo "${NET_PROGRESS[$2-$1]}"
}

# A sender's status 1, if it has a receiver: it gave up, as nothing arrived any
# more. That is the receiver's to tell.
net_may_send() { # STATUS FROM PROGRESS
	[ "$1" = 0 ] || { [ "$1" = 1 ] && [ -n "$3" ]; } ||
		fail "cannot send from $2"
}

# Waits for the receiver; everything has to have arrived in order.
net_received() { # TO FROM
	local name=$1-$2 rc=0

	lab_reap "${NET_PID[$name]}" || rc=$?
	unset "NET_PID[$name]"
	[ $rc = 0 ] || fail "${NET_WHAT[$name]}: $(grep -v ready \
		"$LAB_DIR/$name.log")"
}

# A thousand random frames of 60 to 1514 bytes from $1 to $2. They are of many
# flows, which the receiver's own GRO may reorder.
net_frames() {
	local from=$1 to=$2

	shift 2
	NET_SEED=$((NET_SEED + 1))
	net_recv "$to" "$from" --any-order "$@"
	net_send "$from" "$to" "$@"
	net_received "$to" "$from"
}

# net_frames_on QUEUE VM: a thousand frames from the wire out of this queue.
net_frames_on() {
	NET_SEED=$((NET_SEED + 1))
	net_recv "$2" wire --any-order
	lab_in wire "$LAB_TOOLS/afxdp_queue" --dev wire0 --queue "$1" \
		--seed "$NET_SEED" --smac "$(net_mac wire)" \
		--progress "$(net_progress wire "$2")" \
		--dmac "$(net_mac "$2")" --pps 5000 > /dev/null
	net_may_send $? wire "$(net_progress wire "$2")"
	net_received "$2" wire
}

# ---- flows in the background ----

# flow FROM TO COUNT PPS OPTIONS: sends so many frames at such a pace, or
# slower if they do not arrive so fast, while the test goes on; COUNT "any":
# until flow_end. They are of one flow and have to stay in order. With --window 0
# the pace is kept, and there may be losses: flow_end_lossy.
flow() {
	local from=$1 to=$2 count=$3 pps=$4 tap=

	shift 4
	NET_ENDLESS[$to-$from]=
	if [ "$count" = any ]; then
		NET_ENDLESS[$to-$from]=1
		count=10000000
	fi
	set -- --ethertype raw "$@"
	[[ $from = tap* ]] && tap=--tap
	NET_SEED=$((NET_SEED + 1))
	net_recv "$to" "$from" --count "$count" "$@"
	lab_start "$(net_ns "$from")" "send-$to-$from" "$LAB_TOOLS/frames" \
		send "$(net_dev "$from")" $tap --seed "$NET_SEED" \
		--dmac "$(net_mac "$to")" --smac "$(net_mac "$from")" \
		--progress "${NET_PROGRESS[$to-$from]}" \
		--count "$count" --pps "$pps" "$@"
	NET_PID[send-$to-$from]=$LAB_LAST_PID
}

# Whether $2 packets of any kind have arrived at $1's device since it was made.
flow_got() {
	[ "$(ip -n "$LAB-$(net_ns "$1")" -s -j link show "$(net_dev "$1")" |
		jq '.[0].stats64.rx.packets')" -ge "$2" ]
}

# How many frames of the flow from $1 to $2 were sent so far; whether $3 were.
flow_sent_more() { [ "$(flow_sent "$1" "$2")" -ge "$3" ]; }

flow_sent() { od -An -N4 -tu4 "${NET_PROGRESS[$2-$1]}" | tr -d ' '; }

# Waits for the sender of the flow from $1 to $2.
flow_end_sending() {
	local rc=0

	# It may have given up.
	[ -z "${NET_ENDLESS[$2-$1]}" ] ||
		kill "${NET_PID[send-$2-$1]}" 2> /dev/null
	lab_reap "${NET_PID[send-$2-$1]}" || rc=$?
	unset "NET_PID[send-$2-$1]"
	net_may_send $rc "$1" "${NET_PROGRESS[$2-$1]}"
}

# Waits for the end of the flow from $1 to $2, in which nothing may be wrong.
flow_end() {
	flow_end_sending "$1" "$2"
	net_received "$2" "$1"
}

# The same where losses are allowed, though nothing else: their number is in
# NET_LOST, and those of the first and the last frame that was lost in
# NET_LOST_FIRST and NET_LOST_LAST.
flow_end_lossy() {
	local name=$2-$1 line lost

	flow_end_sending "$1" "$2"
	lab_reap "${NET_PID[$name]}"
	unset "NET_PID[$name]"
	line=$(tail -n 1 "$LAB_DIR/$name.log")
	[[ $line =~ [0-9]+' of '[0-9]+' right on '.*'; '([0-9]+)' lost, ' ]] ||
		fail "$1 to $2: $line"
	NET_LOST=${BASH_REMATCH[1]}
	lost=$(sed -n 's/^lost: //p' "$LAB_DIR/$name.log")
	NET_LOST_FIRST=${lost%%[. ]*}
	NET_LOST_LAST=${lost##*[. ]}
	[[ $line == *" 0 duplicated,"*" 0 corrupted, 0 unknown" ]] ||
		fail "$1 to $2: $line"
}

# ---- devices ----

# What an agent may change on the devices of the lab and has to put back.
net_settings() {
	local ns

	for ns in "${LAB_NS[@]}"; do
		ip -n "$ns" -j link show | jq -c --arg ns "$ns" '.[] |
			[$ns, .ifname, .mtu, (.flags - ["LOWER_UP"] | sort),
			 .xdp != null]'
		nsenter --net="/run/netns/$ns" sh -c 'for dev in $(ip -o link |
			sed "s/^[0-9]*: \([^:@]*\).*/\1/"); do
				ethtool -k $dev | sed "s/^/$dev /"
			done'
	done
}
