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
declare -A NET_PID NET_WHAT	# receivers at work, by name
declare -A NET_MAC		# of endpoints that do not have their lab_mac

# ---- assertions ----

say() { printf '%7.1fs  %s\n' "$(net_seconds)" "$*"; }

net_seconds() { echo "$(((${EPOCHREALTIME/[.,]/} - NET_START) / 100000))e-1"; }
NET_START=${EPOCHREALTIME/[.,]/}

fail() {
	printf '\nFAILED: %s\n' "$*"
	if [ -f "$LAB_DIR/agent.log" ]; then
		echo "--- the agent's log ---"
		tail -n 30 "$LAB_DIR/agent.log"
		echo "--- what it has lost ---"
		[ -S "$LAB_SOCK" ] && net_drops
	fi
	exit 1
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

# eventually SECONDS WHAT COMMAND...
eventually() {
	local seconds=$1 what=$2

	shift 2
	lab_wait "$seconds" "$@" ||
		fail "$what: not within $seconds s: $*"
}

# ---- configuration ----

# Standard input and what every configuration of the lab has. $1: a line for
# the section agent.
net_config() {
	{
		lab_config_head $NET_MEMORY | sed "s/^agent:/&${1:+\\n  $1}/"
		cat
	} > "$NET_CONFIG"
}

# More keys of a VM's. The pool is large, so that a receiving ring holds what
# comes while a busy machine does not let the agent run.
net_vm_keys() {
	[[ ${1:-} = *pool:* ]] || echo -n ", pool: {initial: 4096}"
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

net_drops() {
	lab_ctl -j counters show | jq -r '.[] | select(.kind == "drop") |
		"\(.port): \(.packets) \(.reason)"'
}

net_port() { # PORT FILTER
	lab_ctl -j port show | jq -r --arg p "$1" \
		".ports[] | select(.name == \$p) | $2"
}

net_port_is() { [ "$(net_port "$1" .state)" = "$2" ]; }

net_logged() { grep -q -- "$1" "$LAB_DIR/agent.log"; }

net_known() { # MAC PORT [NETWORK]: is it in the forwarding table?
	lab_ctl -j fdb show | jq -e --arg m "$1" --arg p "$2" \
		--argjson n "${3:-0}" 'any(.[]; .mac == $m and .port == $p and
			.network == $n)' > /dev/null
}

# ---- endpoints ----

net_ns() {
	case $1 in
	tap*) echo host ;;
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

# Begins to receive at $1 what "net_send" of the same seed sends from $2, under
# the name "TO-FROM"; more options of "frames recv" follow.
net_recv() {
	local to=$1 from=$2 name=$1-$2 tap=

	shift 2
	[[ $to = tap* ]] && tap=--tap
	lab_start "$(net_ns "$to")" "$name" "$LAB_TOOLS/frames" recv \
		"$(net_dev "$to")" $tap --seed "$NET_SEED" \
		--dmac "$(net_mac "$to")" --smac "$(net_mac "$from")" "$@"
	NET_PID[$name]=$LAB_LAST_PID
	NET_WHAT[$name]="$from to $to"
	lab_wait 10 grep -q ready "$LAB_DIR/$name.log" ||
		fail "$(cat "$LAB_DIR/$name.log")"
}

net_send() { # FROM TO OPTIONS
	local from=$1 to=$2 tap=

	shift 2
	[[ $from = tap* ]] && tap=--tap
	lab_in "$(net_ns "$from")" "$LAB_TOOLS/frames" send \
		"$(net_dev "$from")" $tap --seed "$NET_SEED" \
		--dmac "$(net_mac "$to")" --smac "$(net_mac "$from")" "$@" \
		> /dev/null || fail "cannot send from $from"
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

# ---- flows in the background ----

# flow FROM TO COUNT PPS OPTIONS: sends so many frames at such a pace, while
# the test goes on. They are of one flow and have to stay in order.
flow() {
	local from=$1 to=$2 count=$3 pps=$4 tap=

	shift 4
	set -- --ethertype raw "$@"
	[[ $from = tap* ]] && tap=--tap
	NET_SEED=$((NET_SEED + 1))
	net_recv "$to" "$from" --count "$count" "$@"
	lab_start "$(net_ns "$from")" "send-$to-$from" "$LAB_TOOLS/frames" \
		send "$(net_dev "$from")" $tap --seed "$NET_SEED" \
		--dmac "$(net_mac "$to")" --smac "$(net_mac "$from")" \
		--count "$count" --pps "$pps" "$@"
	NET_PID[send-$to-$from]=$LAB_LAST_PID
}

# Whether $2 packets of any kind have arrived at $1's device since it was made.
flow_got() {
	[ "$(ip -n "$LAB-$(net_ns "$1")" -s -j link show "$(net_dev "$1")" |
		jq '.[0].stats64.rx.packets')" -ge "$2" ]
}

flow_is_sending() { kill -0 "${NET_PID[send-$2-$1]}" 2> /dev/null; }

# Waits for the end of the flow from $1 to $2, in which nothing may be wrong.
flow_end() {
	lab_reap "${NET_PID[send-$2-$1]}" || fail "cannot send from $1"
	net_received "$2" "$1"
}

# The same where losses are allowed, though nothing else: their number is in
# NET_LOST, and that of the frames that arrived in NET_RIGHT.
flow_end_lossy() {
	local name=$2-$1 line

	lab_reap "${NET_PID[send-$name]}" || fail "cannot send from $1"
	lab_reap "${NET_PID[$name]}"
	line=$(tail -n 1 "$LAB_DIR/$name.log")
	[[ $line =~ ([0-9]+)' of '[0-9]+' right on '.*'; '([0-9]+)' lost, '(.*) ]] ||
		fail "$1 to $2: $line"
	NET_RIGHT=${BASH_REMATCH[1]}
	NET_LOST=${BASH_REMATCH[2]}
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
