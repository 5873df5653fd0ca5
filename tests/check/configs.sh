#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# pktagent accepts every configuration that comes with it.
cd "$(dirname "$0")/../.." || exit 1
rc=0
for config in configs/*.yaml; do
	# Kubernetes manifests are for somebody else.
	grep -q '^apiVersion:' "$config" && continue
	build/pktagent --check --config "$config" || rc=1
done
exit $rc
