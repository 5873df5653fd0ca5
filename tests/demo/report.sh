# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What the demo prints: a row for each thing it did, and a picture of the lab
# with the numbers that were measured. To be sourced by demo.sh.

REPORT_ROWS=0
REPORT_FAILED=()
declare -A REPORT_GBIT		# TCP, by "FROM-TO"
declare -A REPORT_MS		# ping, by VM
REPORT_FLOOD=?			# packets per second to and from vm3
declare -A REPORT_FRAMES	# that arrived right, by sender

if [ -t 1 ]; then
	REPORT_BOLD=$'\e[1m' REPORT_GREEN=$'\e[32m' REPORT_RED=$'\e[1;31m'
	REPORT_PLAIN=$'\e[0m'
else
	REPORT_BOLD='' REPORT_GREEN='' REPORT_RED='' REPORT_PLAIN=''
fi

report_heading() { printf '\n%s%s%s\n\n' "$REPORT_BOLD" "$*" "$REPORT_PLAIN"; }

report_line() {
	printf '  %-13s %-17s %-7s %8s  %-29s %9s  %s\n' "$@"
}

report_columns() { report_line WHAT "FROM -> TO" WAY SENT MEASURED LOST ""; }

# report_row WHAT FROM TO WAY SENT MEASURED LOST ok|"what is wrong"
report_row() {
	local what=$1 between="$2 -> $3" verdict=$8

	REPORT_ROWS=$((REPORT_ROWS + 1))
	if [ "$verdict" = ok ]; then
		verdict=${REPORT_GREEN}ok$REPORT_PLAIN
	else
		REPORT_FAILED+=("$what $between: $verdict")
		verdict="${REPORT_RED}FAILED: $verdict$REPORT_PLAIN"
	fi
	report_line "$what" "$between" "$4" "$5" "$6" "$7" "$verdict"
}

# 1234567 -> 1.23M
report_count() {
	awk -v n="${1:-0}" 'BEGIN {
		split("k M G T", unit, " ")
		for (i = 0; n >= 1000 && i < 4; i++)
			n /= 1000
		format = i && n < 10 ? "%.2f" : i && n < 100 ? "%.1f" : "%.0f"
		printf format "%s", n, i ? unit[i] : ""
	}'
}

# Its parts from left to right: the wire, its link, the host, a VM's link, VM.
report_part() { printf '  %-15s%-6s%-19s%-31s%s\n' "$@"; }

report_tcp() { # VM
	printf ' TCP %s Gbit/s in, %s out' "${REPORT_GBIT[wire-$1]-?}" \
		"${REPORT_GBIT[$1-wire]-?}"
}

report_ping() { printf ' ping %s ms' "${REPORT_MS[$1]-?}"; }

report_picture() {
	local link='===============================' nic='======'
	local box='+-----------------+' wall='|                 |'
	local wire='+-------------+' vm='+-----------------+'

	report_part "THE WIRE" "" "    THE HOST" "" "    THE VMS"
	report_part "" "" "$box" "" "$vm"
	report_part "" "" "| pktagent        |" "$(report_tcp vm1)" \
		"| vm1, 10.77.0.1  |"
	report_part "" "" "|      vm1h: veth |" "$link" "|                 |"
	report_part "" "" "|      kernel way |" "$(report_ping vm1)" \
		"| network 0       |"
	report_part "" "" "$wall" "" "$vm"
	report_part "$wire" "" "$wall" "$(report_tcp vm2)" \
		"| vm2, 10.77.0.2  |"
	report_part "| network 0   |" "" "|      vm2h: veth |" "$link" \
		"|                 |"
	report_part "| 10.77.0.100 |" "" "|       agent way |" \
		"$(report_ping vm2)" "| network 0       |"
	report_part "|             |" "$nic" "| up0: nic        |" "" "$vm"
	report_part "| VLAN 20     |" "" "$wall" \
		" ping flood $REPORT_FLOOD packets/s" "| vm3, 10.77.0.3  |"
	report_part "|             |" "" "|       tap3: tap |" "$link" \
		"|                 |"
	report_part "$wire" "" "|      kernel way |" "$(report_ping vm3)" \
		"| network 0       |"
	report_part "" "" "$wall" "" "$vm"
	report_part "" "" "$wall" \
		" frames ${REPORT_FRAMES[wire]-?} in, ${REPORT_FRAMES[vm4]-?} out" \
		"| vm4, 10.77.0.4  |"
	report_part "" "" "|      vm4h: veth |" "$link" "|                 |"
	report_part "" "" "|      kernel way |" " each byte right" \
		"| VLAN 20         |"
	report_part "" "" "$wall" "" "$vm"
	report_part "" "" "$wall" "$(report_tcp vm5)" "| vm5, 10.77.0.5  |"
	report_part "" "" "| vm5: vhost-user |" "$link" "| QEMU            |"
	report_part "" "" "|       agent way |" "$(report_ping vm5)" \
		"| network 0       |"
	report_part "" "" "$wall" "" "+---- bypass -----+"
	report_part "" "" "| vm6: vhost-user |" "$link" "| vm6, 10.77.0.6  |"
	report_part "" "" "$wall" "" "| QEMU, network 0 |"
	report_part "" "" "$box" "" "$vm"
	printf '\n  VM to VM, inside the host: vm1 -> vm2 TCP %s Gbit/s, vm5 -> vm6 (QEMU) %s\n' \
		"${REPORT_GBIT[vm1-vm2]-?}" "${REPORT_GBIT[vm5-vm6]-?}"
}
