#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs fuzzer $1 on its corpus and on $2 more inputs, always the same ones. What
# it finds goes to build/check/, not to the corpus.
top=$(cd "$(dirname "$0")/../.." && pwd)
name=$1 runs=$2
found=$(mktemp -d) || exit 1
trap 'rm -rf "$found"' EXIT
mkdir -p "$top/build/check"
corpus=$top/tests/fuzz/corpus/$name
[ -d "$corpus" ] || corpus=
"$top/build/tests/fuzz/fuzz_$name" -seed=1 -runs="$runs" -timeout=60 \
	-rss_limit_mb=1024 -print_final_stats=1 \
	-artifact_prefix="$top/build/check/fuzz-$name-" \
	"$found" ${corpus:+"$corpus"}
