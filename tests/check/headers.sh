#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Each header of the contract between the BPF programs and the agent compiles
# alone, for both sides, in C and without a warning.
cd "$(dirname "$0")/../.." || exit 1
warnings="-Wall -Wextra -Wshadow -Werror"
n_failed=0

try() { # HEADER COMPILER...
	local header=$1

	shift
	# shellcheck disable=SC2086
	echo "#include <pktagent/$header>" |
		"$@" -std=gnu11 $warnings -Iinclude -x c -fsyntax-only - || {
		echo "$header: does not compile alone: $*"
		n_failed=$((n_failed + 1))
	}
}

for header in include/pktagent/*.h; do
	header=${header##*/}
	try "$header" gcc
	try "$header" clang
	try "$header" clang -target bpf \
		-I"/usr/include/$(uname -m)-linux-gnu"
done
[ $n_failed = 0 ]
