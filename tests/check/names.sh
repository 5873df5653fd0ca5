#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A file exports names with its own prefix only: X.c exports X_*. A file that is
# a part of another (Y_part.c) may export Y_*, too. The others stand here.
cd "$(dirname "$0")/../.." || exit 1

# FILE PREFIX...	why
exceptions="
ethtool   link_ tap_ netns_	# the half of netlink.h that is ioctls
netlink   link_ netns_		# devices are links to the kernel
linkstats link_stats_
pool      promises_		# what pools are made of
hostpool  frame_cache_		# the pool's front, one per thread
umem      rx_ring_		# its sockets' rings
queue     share_		# a VM's part of a queue
reload    agent_reload		# declared with the rest of agent.h
snapshot  reason_infos		# what a snapshot's counters mean
session   vhost_session_		# the folder's name in front
schema_text config_print_keys_mdoc	# declared in config.h
"

nm -g --defined-only build/libagent.a | awk -v exceptions="$exceptions" '
BEGIN {
	n = split(exceptions, lines, "\n")
	for (i = 1; i <= n; i++) {
		sub(/#.*/, "", lines[i])
		m = split(lines[i], words, " ")
		for (j = 2; j <= m; j++)
			prefixes[words[1]] = prefixes[words[1]] " " words[j]
	}
}
function begins_with(name, list,	m, words, j) {
	m = split(list, words, " ")
	for (j = 1; j <= m; j++)
		if (index(name, words[j]) == 1)
			return words[j]
	return ""
}
/\.o:$/ {
	file = $1
	sub(/\.o:$/, "", file)
	whole = file
	sub(/_.*/, "", whole)
}
NF == 3 {
	n_names++
	if (begins_with($3, file "_ " whole "_") || $3 == file)
		next
	used = begins_with($3, prefixes[file])
	if (used) {
		n_used[file " " used]++
		next
	}
	print file ".c exports " $3
	failed = 1
}
END {
	for (file in prefixes) {
		m = split(prefixes[file], words, " ")
		for (j = 1; j <= m; j++)
			if (!((file " " words[j]) in n_used)) {
				print "nothing needs the exception " file \
					" " words[j]
				failed = 1
			}
	}
	if (n_names < 100) {
		print "only " n_names + 0 " names found in build/libagent.a"
		failed = 1
	}
	exit failed
}'
