#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Installs the Debian packages of tests/packages that are missing, and nothing
# else; with all of them there it only looks.
#
#	tests/deps.sh [build|demo|check|bench]	those that it needs; default: all
#	tests/deps.sh -n [...]			only says what is missing
#
# Exit status: 0 all are there, 1 some are missing, 2 wrong usage.

export PATH=$PATH:/usr/sbin:/sbin	# dpkg insists
LIST=$(cd "$(dirname "$0")" && pwd)/packages
USES=(build demo check bench)

say() { echo "deps: $*" >&2; }

wanted() { # USE
	local use pattern=

	for use in "${USES[@]}"; do
		pattern+=" $use"
		[ "$use" = "$1" ] && break
	done
	awk -v uses="$pattern" 'BEGIN {
		n = split(uses, words)
		for (i = 1; i <= n; i++)
			wanted[words[i]] = 1
	}
	!/^#/ && $2 in wanted { print $1 }' "$LIST"
}

missing() { # PACKAGE...
	local package status
	declare -A there

	while read -r status package; do
		[ "$status" = installed ] && there[$package]=1
	done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" \
		2> /dev/null)
	for package; do
		[ -n "${there[$package]}" ] || echo "$package"
	done
}

# Shows what apt-get says only if it fails.
apt() {
	local log rc=0

	log=$(mktemp) || return
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
		-o DPkg::Lock::Timeout=120 "$@" > "$log" 2>&1 || rc=$?
	[ $rc = 0 ] || cat "$log" >&2
	rm -f "$log"
	return $rc
}

# Some bring a server with them that nobody asked for.
stop_services() { # PACKAGE...
	[ -d /run/systemd/system ] || return 0
	[[ " $* " = *" prometheus "* ]] &&
		systemctl --quiet disable --now prometheus.service
	[[ " $* " = *" openvswitch-switch-dpdk "* ]] &&
		systemctl --quiet disable --now openvswitch-switch.service
	return 0
}

only_look=
if [ "$1" = -n ]; then
	only_look=1
	shift
fi
use=${1:-${USES[-1]}}
if [[ " ${USES[*]} " != *" $use "* ]] || [ $# -gt 1 ]; then
	echo "usage: tests/deps.sh [-n] [build|demo|check|bench]" >&2
	exit 2
fi

mapfile -t packages < <(wanted "$use")
if ! command -v dpkg-query apt-get > /dev/null; then
	say "this is no Debian system; install what these Debian packages hold:"
	say "${packages[*]}"
	exit 1
fi
mapfile -t lacking < <(missing "${packages[@]}")
[ ${#lacking[@]} = 0 ] && exit 0

if [ -n "$only_look" ]; then
	say "missing: ${lacking[*]}"
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	say "missing: ${lacking[*]}"
	say "install them as root: sudo tests/deps.sh $use"
	exit 1
fi
say "installing ${lacking[*]}"
apt update || say "the package lists cannot be brought up to date; trying" \
	"with those that are here"
if ! apt install -y --no-install-recommends "${lacking[@]}"; then
	say "cannot install what is missing (above is why); once there is" \
		"network, or a mirror in /etc/apt, try: sudo tests/deps.sh $use"
	exit 1
fi
stop_services "${lacking[@]}"
