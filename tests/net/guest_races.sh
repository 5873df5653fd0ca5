#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Four guests behind vhost-user with two queue pairs each, on two workers, send
# to each other past the switch and through it, while their rings stop and
# start, memory and descriptors change, connections end, and the agent is told
# to take one of them out and in again and to change the bypass:
#
#	up0 --- [agent] --- vm0, vm1, vm2; vm3 comes and goes
#
# Nothing that nobody sent may arrive, no frame may be missing at the end, and
# the agent must answer. Under the thread sanitizer:
#
#	make TSAN=1 agent build-tsan/tests/tools/guest_storm
#	TSAN_OPTIONS=suppressions=FILE LAB_BUILD=build-tsan tests/net/guest_races.sh
#
# FILE: race:switching/fdb.c and race:liburcu, whose barriers it does not see.
. "$(dirname "$0")/guests.bash"

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1

config() { # BYPASS-RULES [more VMs]
	net_config <<-END
	workers: {cores: [$(guests_cores)]}
	uplinks: [{name: up0, device: up0, way: agent}]
	vms:
	$(vm 0)
	$(vm 1)
	$(vm 2)
	${2:-}
	bypass: [${1:-}]
	END
}

vm() {
	echo "  - {name: vm$1, mac: \"02:00:00:00:01:0$1\"," \
		"device: {type: vhost-user, queues: 2," \
		"socket: $(guest_socket "vm$1")}, pool: {min: 1024, initial: 1024, max: 1024}}"
}

reload() { expect "reload" lab_ctl reload > /dev/null; }

config "{vms: [vm0, vm1, vm2]}" "$(vm 3)"
expect "start" lab_agent "$NET_CONFIG"
lab_start host storm "$LAB_TOOLS/guest_storm" "${SECONDS_OF_STORM:-10}" \
	"${SEED:-$$}" "$(guest_socket vm0)" "$(guest_socket vm1)" \
	"$(guest_socket vm2)" "$(guest_socket vm3)"
storm=$LAB_LAST_PID
n=0
while ! lab_gone "$storm"; do
	config "{vms: [vm0, vm1, vm2]}"
	reload
	config "" "$(vm 3)"
	reload
	config "{vms: [vm0, vm1, vm2, vm3]}" "$(vm 3)"
	reload
	lab_ctl bypass off vm1 > /dev/null
	lab_ctl -j vm show > /dev/null
	lab_ctl bypass on vm1 > /dev/null
	n=$((n + 1))
done
lab_reap "$storm" || fail "the guests: $(cat "$LAB_DIR/storm.log")"
say "$(cat "$LAB_DIR/storm.log"), $n rounds of reloads"
expect "no frame is missing" lab_agent_stop
