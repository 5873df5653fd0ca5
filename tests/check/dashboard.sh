#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The Grafana dashboard is one that Grafana 9 reads, no two panels have one id,
# and what it asks Prometheus for exists: each metric's name and each label, by
# what the agent exports. promtool reads the expressions. Then the same for
# dashboards with one thing wrong each, to see that it would be found.
cd "$(dirname "$0")/../.." || exit 1
dashboard=configs/grafana/pktagent.json
rc=0

known=$(build/tests/tools/metrics | grep -v '^#' | jq -Rnc '
	reduce (inputs | capture("^(?<name>\\w+)(\\{(?<labels>.*)\\})? ")) as $m
		({}; .[$m.name] = [$m.labels // "" | scan("(\\w+)=\"") | .[0]])')
if [ "$(jq length <<< "$known")" -lt 50 ]; then
	echo "build/tests/tools/metrics: only $(jq length <<< "$known") metrics"
	exit 1
fi

# What is wrong with the dashboard on standard input.
problems() { jq -r --argjson known "$known" -f tests/check/dashboard.jq 2>&1; }

# Its expressions as rules, with values for Grafana's variables.
rules() {
	jq '{groups: [{name: "dashboard", rules: [.. | objects | .expr // empty
		| gsub("\\$__[a-z_]*"; "5m") | gsub("\\$[a-z]+"; "x")]
		| to_entries | map({record: "expr:\(.key)", expr: .value})}]}'
}

found=$(problems < $dashboard)
if [ -n "$found" ]; then
	echo "$dashboard:"
	echo "$found"
	rc=1
fi
n=$(jq '[.. | objects | select(has("expr"))] | length' $dashboard)
if [ "$n" -lt 20 ]; then
	echo "$dashboard: only $n expressions"
	rc=1
fi
if command -v promtool > /dev/null; then
	rules=build/check/dashboard.rules
	mkdir -p build/check
	rules < $dashboard > $rules
	promtool check rules $rules > $rules.log 2>&1 || {
		cat $rules.log
		rc=1
	}
else
	echo "the expressions' syntax is not checked: no promtool"
fi

# must_find TEXT FILTER: the dashboard as FILTER makes it has that problem.
must_find() {
	jq "$2" $dashboard | problems | grep -qF -- "$1" || {
		echo "not found: $1"
		rc=1
	}
}
must_find "no such metric: pktagent_pool_sizes" \
	'(.. | .expr? | strings) |= sub("pktagent_pool_limit_frames";
		"pktagent_pool_sizes")'
must_find "no such metric: up" \
	'.panels[1].targets[0].expr = "sum by (instance) (up)"'
must_find "no metric:" '.panels[1].targets[0].expr = "vector(1)"'
must_find "pktagent_pool_out_frames has no label vm" \
	'(.. | .expr? | strings) |= sub("pool_out_frames\\{";
		"pool_out_frames{vm=\"x\",")'
must_find "no metric here has a label why" \
	'(.. | .expr? | strings) |= sub("by \\(reason\\)"; "by (why)")'
must_find "no metric here has a label name" \
	'(.. | .legendFormat? | strings) |= sub("\\{\\{port"; "{{name")'
must_find "variable port: no such metric: pktagent_ports" \
	'(.templating.list[] | select(.name == "port") | .query.query) |=
		sub("pktagent_port_info"; "pktagent_ports")'
must_find "no such variable: host" \
	'(.. | .expr? | strings) |= sub("instance=~..instance"; "instance=~\"$host")'
must_find "no such variable: guest" \
	'(.panels[] | select(.repeat) | .repeat) = "guest"'
must_find "panel id 2: 2 times" '.panels[2].id = 2 | .panels[1].id = 2'
must_find "schemaVersion below 36" '.schemaVersion = 22'
exit $rc
