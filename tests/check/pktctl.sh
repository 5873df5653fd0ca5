#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What pktctl's command line may be. What is right goes on to ask the agent,
# which is not there (exit status 1); what is wrong is explained (2).
cd "$(dirname "$0")/../.." || exit 1
rc=0

# row STATUS TEXT ARGUMENT...
row() {
	local status=$1 text=$2 answer

	shift 2
	answer=$(build/pktctl -s /nonexistent/socket "$@" 2>&1)
	if [ $? != "$status" ] || [[ $answer != "pktctl: $text"* ]]; then
		printf 'pktctl %s: expected %s, %s; found %s\n' "$*" \
			"$status" "$text" "$answer"
		rc=1
	fi
}

ok() { row 1 "cannot reach the agent at /nonexistent/socket" "$@"; }
wrong() { row 2 "$@"; }

ok vm
ok vm show
ok vm show vm1
ok -w pool show
ok -w 0.5 pool show vm1
ok pool
ok pool log
ok pool log vm1 -a
ok pool audit
ok pool resize vm1 --frames 4096
ok pool resize vm1 --frames=16MiB --max=32MiB
ok pool resize --max 4096 vm1 --frames 64
ok pool arena --size 65536
ok pool arena --size=256MiB
ok counters -a
ok bypass show -a
ok bypass off vm1
ok log level
ok log level debug
ok reload
wrong "nothing to do"
wrong "house: no such command" house
wrong "kill: there is only show" vm kill
wrong "grow: there is show, resize, arena, log, audit" pool grow
wrong "log: there is level" log
wrong "resize: of which VM?" pool resize --frames 64
wrong "on: of which VM?" bypass on
wrong "resize: how large? --frames says it" pool resize vm1
wrong "resize: how large? --frames says it" pool resize vm1 --max 64
wrong "--frames 64: only for pool resize" pool show --frames 64
wrong "--max 1MiB: only for pool resize" reload --max 1MiB
wrong "arena: how large? --size says it" pool arena
wrong "vm1: one word too many" pool arena vm1 --size 64
wrong "--size 64: only for pool arena" pool resize vm1 --frames 64 --size 64
wrong "--frames 64: only for pool resize" pool arena --frames 64 --size 64
wrong "--all: only for counters, bypass and pool log" pool show -a
wrong "--all: only for counters, bypass and pool log" bypass off vm1 -a
wrong "pool log: cannot be watched" -w pool log
wrong "x: one word too many" pool log vm1 x
wrong "pool audit: cannot be watched" -w pool audit
wrong "x: one word too many" reload x
exit $rc
