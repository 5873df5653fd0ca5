#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The manual pages are well-formed, have all options of --help and no other,
# and the list of keys in pktagent.yaml(5) is the program's own.
cd "$(dirname "$0")/../.." || exit 1
rc=0

find_page() { find . -name "$1" -not -path './build-*' | sort | head -n 1; }

if [ -z "$(find_page pktagent.8)" ]; then
	echo "there are no manual pages"
	exit 77
fi

# Long options in what is read.
options() { grep -oE -- '(^|[^-[:alnum:]])--[a-z][-a-z]+' | grep -oE -- '--.*' |
	sort -u; }

for page in pktagent.8 pktctl.8 pktagent.yaml.5; do
	file=$(find_page "$page")
	if [ -z "$file" ]; then
		echo "$page: there is none"
		rc=1
		continue
	fi
	mandoc -T lint -W warning "$file" || rc=1
done

for program in pktagent pktctl; do
	file=$(find_page "$program.8")
	[ -n "$file" ] || continue
	diff <("build/$program" --help | options) \
		<(mandoc -T utf8 "$file" | col -b | sed 's/‐/-/g' | options) || {
		echo "$program: < options of --help only, > of the manual only"
		rc=1
	}
done

file=$(find_page pktagent.yaml.5)
if [ -n "$file" ]; then
	# Each key that the program lists stands in the page.
	build/pktagent --print-config-keys | grep '^\.It' |
		while read -r line; do
			grep -qFx -- "$line" "$file" || echo "$line"
		done > build/check/keys.missing
	if [ -s build/check/keys.missing ]; then
		echo "keys that $file does not list:"
		cat build/check/keys.missing
		rc=1
	fi
fi
exit $rc
