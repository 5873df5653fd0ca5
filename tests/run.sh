#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs the tests: what "make check" calls.
#
#	tests/run.sh			all of them
#	tests/run.sh 'net/*' unit/test_fdb	those whose names match, and the
#					builds they need
#	tests/run.sh -l			lists them
#	CHECK_SLOW=1 tests/run.sh	more of them with the sanitizers
#
# One line a test: "ok|FAIL|skip NAME (seconds)", with what its log says of the
# failure and the log's end below a FAIL, and the reason behind a skip. All logs:
# build/check/. The last line is "N passed, N failed, N skipped"; the exit status
# is 1 if any failed.
#
# A test is a command. Exit status 0: passed; 77: skipped, its last line says
# why; anything else: failed. What needs root is skipped without.
#
# Tests wait for events, not for times, and the limits are for those that hang:
# a test takes as long as the machine does.

TOP=$(cd "$(dirname "$0")/.." && pwd)
LOGS=$TOP/build/check
TAIL=40
# Lines that say why, of tests and of sanitizers. The first ones are shown with
# what was said just before, unless they are in the log's end.
REASON='^FAILED|ERROR: |ThreadSanitizer: |runtime error: '
REASONS=5
JOBS=$(nproc)
FUZZ_RUNS=20000

# Not this make's flags for the makes below.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
unset SAN TSAN CC CFLAGS

# ---- the list ----

names=()
declare -A command needs as_root limit

# add NAME NEEDS root|any SECONDS COMMAND: NEEDS is the build it needs, or -.
add() {
	names+=("$1")
	needs[$1]=$2
	as_root[$1]=$3
	limit[$1]=$4
	command[$1]=$5
}

make_() { echo "make -C '$TOP' -j$JOBS $*"; }

list_builds() {
	add build/gcc - any 600 "$(make_ agent tools)"
	add build/clang build/gcc any 600 \
		"$(make_ CC=clang B=build-clang agent tools unit bpftest)"
	add build/san - any 600 "$(make_ SAN=1 agent tools unit bpftest)"
	add build/fuzz build/gcc any 600 "$(make_ fuzz)"
	add build/tsan - any 600 "$(make_ TSAN=1 \
		"${THREADED[@]/#/build-tsan/tests/unit/}")"
}
# Unit tests of what several threads share without a lock.
THREADED=(test_hostpool test_mpsc test_police test_pool test_pools_random
	test_sending test_shaper)

list_checks() {
	local f

	for f in "$TOP"/tests/check/*.sh; do
		[ -x "$f" ] || continue
		add "check/$(basename "$f" .sh)" build/gcc any 120 "'$f'"
	done
}

# With the sanitizers.
list_programs() {
	local f name program

	for f in "$TOP"/tests/unit/test_*.c; do
		name=$(basename "$f" .c)
		program="'$TOP/build-san/tests/unit/$name'"
		if [[ $name = *_huge ]]; then
			# With huge pages, which the lab can reserve.
			add "unit/$name" build/san root 300 \
				". '$TOP/tests/lab/lab.sh'; lab_trap
				lab_host_prepare; $program"
			continue
		fi
		add "unit/$name" build/san any 300 "$program"
	done
	for name in "${THREADED[@]}"; do
		add "unit/$name+tsan" build/tsan any 300 \
			"'$TOP/build-tsan/tests/unit/$name'"
	done
	for f in "$TOP"/tests/bpf/test_*.c; do
		name=$(basename "$f" .c)
		add "bpf/$name" build/san root 300 \
			"'$TOP/build-san/tests/bpf/$name'"
	done
	for f in "$TOP"/tests/fuzz/fuzz_*.c; do
		name=$(basename "$f" .c)
		add "fuzz/${name#fuzz_}" build/fuzz any 300 \
			"'$TOP/tests/fuzz/run.sh' ${name#fuzz_} $FUZZ_RUNS"
	done
}

list_labs() {
	local f

	[ -x "$TOP/tests/demo/demo.sh" ] &&
		add demo/demo build/gcc root 900 "'$TOP/tests/demo/demo.sh'"
	for f in "$TOP"/tests/net/*.sh; do
		[ -x "$f" ] || continue
		add "net/$(basename "$f" .sh)" build/gcc root 900 "'$f'"
	done
	add build/guest build/gcc root 300 "'$TOP/tests/vm/guest/build'"
	for f in "$TOP"/tests/vm/*.sh; do
		[ -x "$f" ] || continue
		# An emulated guest takes its time, the more so on a busy machine.
		add "vm/$(basename "$f" .sh)" build/guest root 900 "'$f'"
	done
	# The same once more with the sanitizers in the agent, for those that
	# take devices, ports and memory away from it.
	for f in $SANITIZED_LABS; do
		[ -x "$TOP/tests/net/$f.sh" ] || continue
		add "net/$f+san" build/san root 900 \
			"LAB_BUILD='$TOP/build-san' '$TOP/tests/net/$f.sh'"
	done
	add host/as-before - root 60 \
		"'$TOP/tests/check/host' compare '$LOGS/host.before'"
}
SANITIZED_LABS="reload devices storm silent guest_races guest_offloads"
# Minutes each, and seldom other news than without.
[ -z "${CHECK_SLOW:-}" ] || SANITIZED_LABS+=" hostile guests bypass guest_restart"

# ---- running ----

running=

stop() {
	if [ -n "$running" ]; then
		kill -TERM "$running" 2> /dev/null
		wait "$running"
	fi
	exit 130
}
trap stop INT TERM HUP

n_passed=0
n_failed=0
n_skipped=0
declare -A failed

say() { # WORD NAME SECONDS [REASON]
	printf '%-4s %s (%s)%s\n' "$1" "$2" "$3" "${4:+: $4}"
}

skip() {
	n_skipped=$((n_skipped + 1))
	say skip "$1" "$2" "$3"
}

seconds_since() {
	local us=$((${EPOCHREALTIME/[.,]/} - $1))

	printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

show_end() { # LOG
	{
		head -n -$TAIL "$1" | grep -aE -B 2 \
			--no-group-separator -m $REASONS "$REASON"
		tail -n $TAIL "$1"
	} | sed 's/^/     | /'
}

run() { # NAME
	local name=$1 log=$LOGS/${1//\//-}.log start took rc=0

	if [ "${as_root[$name]}" = root ] && [ "$(id -u)" != 0 ]; then
		skip "$name" 0 "needs root"
		return
	fi
	if [ -n "${failed[${needs[$name]}]}" ]; then
		skip "$name" 0 "${needs[$name]} failed"
		failed[$name]=1
		return
	fi
	start=${EPOCHREALTIME/[.,]/}
	# A process group of its own, so that nobody outlives it.
	timeout -k 30 "${limit[$name]}" bash -c "${command[$name]}" \
		> "$log" 2>&1 < /dev/null &
	running=$!
	wait "$running" || rc=$?
	running=
	took=$(seconds_since "$start")
	case $rc in
	0)
		n_passed=$((n_passed + 1))
		say ok "$name" "$took"
		;;
	77)
		skip "$name" "$took" "$(tail -n 1 "$log")"
		;;
	*)
		n_failed=$((n_failed + 1))
		failed[$name]=1
		[ $rc = 124 ] &&
			echo "stopped after ${limit[$name]} seconds" >> "$log"
		say FAIL "$name" "$took"
		show_end "$log"
		;;
	esac
}

# ---- main ----

is_wanted() { # NAME: PATTERN...
	local name=$1 pattern

	shift
	[ $# = 0 ] && return 0
	for pattern; do
		# shellcheck disable=SC2053
		[[ $name == $pattern ]] && return 0
	done
	return 1
}

list_builds
list_checks
list_programs
list_labs

if [ "$1" = -l ]; then
	printf '%s\n' "${names[@]}"
	exit
fi

declare -A wanted
for name in "${names[@]}"; do
	is_wanted "$name" "$@" || continue
	while [ "$name" != - ]; do
		wanted[$name]=1
		name=${needs[$name]}
	done
done
if [ ${#wanted[@]} = 0 ]; then
	echo "no such test: $*; tests/run.sh -l lists them" >&2
	exit 2
fi

mkdir -p "$LOGS"
if [ "$(id -u)" = 0 ]; then
	if [ -x "$TOP/tests/deps.sh" ] &&
		! "$TOP/tests/deps.sh" check > "$LOGS/deps.log" 2>&1; then
		echo "cannot install what the tests need:"
		show_end "$LOGS/deps.log"
	fi
	"$TOP/tests/check/host" record "$LOGS/host.before"
fi
for name in "${names[@]}"; do
	[ -n "${wanted[$name]}" ] && run "$name"
done
echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
[ "$n_failed" = 0 ]
