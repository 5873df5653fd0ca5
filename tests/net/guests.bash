# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What the tests of vhost-user VMs without QEMU share, on top of net.bash:
# guests are front-ends of tests/tools/guests.c and tests/tools/guest_offloads.c.
# To be sourced.

. "$(dirname "${BASH_SOURCE[0]}")/net.bash"

declare -A GUESTS_NAMES	# of the guests that a tool plays, by its name

guest_socket() { echo "$LAB_DIR/$1.sock"; }

# A VM's entry: guest_vm N [KEYS-OF-DEVICE [KEYS]]
guest_vm() {
	echo "  - {name: vm$1, mac: \"$(net_mac "vm$1")\"," \
		"device: {type: vhost-user," \
		"socket: $(guest_socket "vm$1")${2:+, $2}}$(net_vm_keys "${3:-}")"
}

# The option of a tool for it: guest_end N [KEYS]
guest_end() {
	echo "--end=name=vm$1,mac=$(net_mac "vm$1"),socket=$(guest_socket "vm$1")${2:+,$2}"
}

# The same for "wire", or "vmN" behind veth.
device_end() {
	echo "--end=name=$1,mac=$(net_mac "$1"),netns=/run/netns/$LAB-$(net_ns "$1"),dev=$(net_dev "$1")"
}

# guests NAME OPTIONS: starts traffic; guests_end NAME: all was right. Its
# result, as JSON, is in GUESTS.
guests() {
	NET_PROGRESS[$1]=$LAB_DIR/$1.progress
	guests_start "$1" guests --progress "${NET_PROGRESS[$1]}" "${@:2}"
}

# guests_start NAME TOOL OPTIONS: the same by any tool with guests.
guests_start() {
	guests_listen "$@"
	guests_go "$1"
}

# The two halves of it. If the agent is started in between it finds all guests
# there, and need not try again and again.
guests_listen() { # NAME TOOL OPTIONS
	local name=$1 tool=$2 arg

	shift 2
	lab_start "$LAB_HOST" "$name" "$LAB_TOOLS/$tool" "$@"
	NET_PID[$name]=$LAB_LAST_PID
	NET_WHAT[$name]=$name
	GUESTS_NAMES[$name]=
	for arg; do
		[[ $arg = --end=*socket=* ]] || continue
		arg=${arg#*name=}
		GUESTS_NAMES[$name]+=" ${arg%%,*}"
	done
	eventually "$name: all listen" guests_said "$name" listening
	lab_gone "${NET_PID[$name]}" && guests_end "$name"
}

guests_go() {
	local name=$1 vm

	eventually "$name: all connect" guests_said "$name" ready
	lab_gone "${NET_PID[$name]}" && guests_end "$name"
	for vm in ${GUESTS_NAMES[$name]}; do
		eventually "$name: $vm" net_port_works "$vm"
	done
	kill -USR1 "${NET_PID[$name]}"
}

guests_end() {
	local rc=0

	lab_reap "${NET_PID[$1]}" || rc=$?
	unset "NET_PID[$1]"
	[ $rc = 0 ] || fail "$1: $(grep -v '^ready\|^listening' "$LAB_DIR/$1.log")"
	GUESTS=$(tail -n 1 "$LAB_DIR/$1.log")
}

# The same for those that run until they are told.
guests_stop() {
	kill "${NET_PID[$1]}" 2> /dev/null
	guests_end "$1"
}

guests_said() { lab_gone "${NET_PID[$1]}" || grep -q "$2" "$LAB_DIR/$1.log"; }

# How many packets have arrived so far, of those that run.
guests_arrived() {
	od -An -j8 -N4 -tu4 "${NET_PROGRESS[$1]}" | tr -d ' '
}

guests_arrived_more() {
	lab_gone "${NET_PID[$1]}" || [ "$(guests_arrived "$1")" -ge "$2" ]
}

# guests_go_on NAME N: so many more have to arrive.
guests_go_on() {
	eventually "$1 goes on" guests_arrived_more "$1" \
		$(($(guests_arrived "$1") + $2))
	lab_gone "${NET_PID[$1]}" && guests_end "$1"
}

guests_result() { jq -r "$1" <<< "$GUESTS"; }

# CPUs for two workers, if there are two.
guests_cores() {
	if [ "$(nproc)" -ge 2 ]; then echo "0, 1"; else echo 0; fi
}
