# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Flows whose rates are looked at (tests/tools/qosflow.c), between endpoints of
# net.bash or hosts.bash that have addresses: "wire", "vmN" behind veth. To be
# sourced after one of these.
#
#	flows_begin 3 wire vm2		receivers, for three seconds
#	flows_send 1 vm1 wire 20000000	flow 1, at 20 Mbit/s
#	flows_end
#	flows_value wire bits_1		what came of it: "qoseval share"
#
# Rates are those of a wire, with 24 bytes a frame besides its own.

FLOWS_PORT=9000
FLOWS_TOOL=$LAB_TOOLS/qosflow
FLOWS_EVAL=$LAB_BUILD/tests/bench/qoseval
FLOWS_SKIP_MS=500		# from the start, that is not looked at
FLOWS_DRAINED=true		# a command: nothing waits on its way any more
declare -A FLOWS_RECEIVER	# pids, by endpoint
declare -A FLOWS_SENDER		# pids, by flow
declare -A FLOWS_GUEST=()	# the same of guests,
declare -A FLOWS_GUEST_VM=()	# and which these are

flows_ip() { # ENDPOINT
	case $1 in
	wire) echo 10.77.0.100 ;;
	*) echo "10.77.0.${1#vm}" ;;
	esac
}

# Who sends much must not wait for an answer to a request for an address.
flows_neighbours() { # ENDPOINT...
	local one other

	for one; do
		for other; do
			[ "$one" = "$other" ] ||
				ip -n "$LAB-$(net_ns "$one")" neigh replace \
					"$(flows_ip "$other")" dev \
					"$(net_dev "$one")" lladdr \
					"$(net_mac "$other")"
		done
	done
}

flows_file() { echo "$LAB_DIR/flows-$1.json"; } # ENDPOINT

# flows_begin SECONDS ENDPOINT...: these receive. In FLOWS_START is the time at
# which all begins, a little later.
flows_begin() {
	local end

	FLOWS_SECONDS=$1
	shift
	for end; do
		lab_start "$(net_ns "$end")" "recv-$end" "$FLOWS_TOOL" recv \
			--port $FLOWS_PORT --out "$(flows_file "$end")"
		FLOWS_RECEIVER[$end]=$LAB_LAST_PID
	done
	for end; do
		lab_wait "$LAB_PATIENCE" grep -q ready \
			"$LAB_DIR/recv-$end.log" || return
	done
	FLOWS_START=$(($("$FLOWS_TOOL" now) + 200000000))
	flows_guests_go
}

# flows_send NUMBER FROM TO BITS [OPTION...]
flows_send() {
	local flow=$1 from=$2 to=$3 bits=$4

	shift 4
	lab_start "$(net_ns "$from")" "send-$flow" "$FLOWS_TOOL" send \
		--port $FLOWS_PORT --to "$(flows_ip "$to")" --flow "$flow" \
		--rate "$bits" --start "$FLOWS_START" \
		--seconds "$FLOWS_SECONDS" "$@"
	FLOWS_SENDER[$flow]=$LAB_LAST_PID
}

# flows_guest NUMBER VM TO [OPTION...]: a vhost-user guest that sends; TO "-":
# that only receives. After guests.bash, with the agent at work. It begins with the
# flows, which are begun afterwards.
flows_guest() {
	local flow=$1 vm=$2 to=$3 send=()

	shift 3
	[ "$to" = - ] || send=(--to "$(flows_ip "$to")" --from
		"$(flows_ip "$vm")" --dmac "$(net_mac "$to")")
	lab_start "$LAB_HOST" "send-$flow" "$FLOWS_TOOL" guest \
		"$(guest_end "${vm#vm}")" --out "$(flows_file "$vm")" \
		--port $FLOWS_PORT --flow "$flow" "${send[@]}" "$@"
	FLOWS_GUEST[$flow]=$LAB_LAST_PID
	FLOWS_GUEST_VM[$flow]=$vm
	eventually "$vm is connected" flows_guest_works "$flow" "$vm"
}

flows_guest_works() { # FLOW VM
	grep -q ready "$LAB_DIR/send-$1.log" && net_port_works "$2"
}

flows_guests_go() {
	[ ${#FLOWS_GUEST[@]} = 0 ] || kill -USR1 "${FLOWS_GUEST[@]}"
}

# Guests end when all others have.
flows_guests_end() {
	local flow rc=0

	for flow in "${!FLOWS_GUEST[@]}"; do
		lab_stop "${FLOWS_GUEST[$flow]}" || rc=1
		flows_evaluate "${FLOWS_GUEST_VM[$flow]}" || rc=1
	done
	FLOWS_GUEST=()
	return $rc
}

# Waits for the senders, and for what is still on its way.
flows_end() {
	local flow end rc=0

	for flow in "${!FLOWS_SENDER[@]}"; do
		lab_reap "${FLOWS_SENDER[$flow]}" || {
			lab_say "$(cat "$LAB_DIR/send-$flow.log")"
			rc=1
		}
	done
	FLOWS_SENDER=()
	lab_wait "$LAB_PATIENCE" $FLOWS_DRAINED || rc=1
	sleep 0.2
	for end in "${!FLOWS_RECEIVER[@]}"; do
		lab_stop "${FLOWS_RECEIVER[$end]}" || rc=1
		flows_evaluate "$end" || rc=1
	done
	FLOWS_RECEIVER=()
	flows_guests_end || rc=1
	return $rc
}

flows_evaluate() { # ENDPOINT
	"$FLOWS_EVAL" share "$(flows_file "$1")" --start "$FLOWS_START" \
		--from $FLOWS_SKIP_MS --to $((FLOWS_SECONDS * 1000)) \
		> "$LAB_DIR/flows-$1.share"
}

# flows_value ENDPOINT NAME: "bits_1", "bits", "jain", ...; 0 if there is none.
flows_value() {
	awk -v n="$2" '$1 == n { v = $2 } END { print v + 0 }' \
		"$LAB_DIR/flows-$1.share"
}

# The same in whole Mbit/s, for people: flows_mbit ENDPOINT FLOW
flows_mbit() {
	awk "BEGIN { printf \"%.1f\", $(flows_value "$1" "bits_$2") / 1e6 }"
}

# Packets that a flow sent so far as its sender said at the end.
flows_sent() { jq .sent "$LAB_DIR/send-$1.log"; } # FLOW

# expect_between WHAT LEAST VALUE MOST
expect_between() {
	awk "BEGIN { exit !($3 >= $2 && $3 <= $4) }" ||
		fail "$1: expected $2 to $4, found $3"
}
