# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034
#
# Several hosts with an agent each, joined by a switch, on top of net.bash. To
# be sourced.
#
#	vm1 --- vm1h [agent] up0 ===== p1           p2 ===== up0 [agent] vm2h --- vm2
#	vm3 --- vm3h                     \   br0   /
#	          h1                      switch                 h2
#
# The VMs of all hosts have numbers of their own, 1 to 99, and are in one
# network. A host has an address on its uplink by which agents reach each other:
# 10.88.0.N and fd88::N. The switch sends to each host at the rate of its link,
# and drops what does not fit a queue of HOSTS_QUEUE bytes; what hosts send to
# it is not limited.
#
# "hosts_on N COMMAND..." runs a function of lab.sh, net.bash, or guests.bash
# with host N as "the host": its agent, its control socket, its configuration.

. "$(dirname "${BASH_SOURCE[0]}")/guests.bash"

HOSTS=0				# how many there are
HOSTS_QUEUE=${HOSTS_QUEUE:-75000}
HOSTS_MEMORY=16384		# frames of each
declare -A HOSTS_AGENT_PID	# of agents at work, by host
declare -A HOSTS_VMS=()		# numbers of its VMs behind veth, by host
declare -A HOSTS_GUESTS=()	# the same of vhost-user guests
NET_MEMORY=$HOSTS_MEMORY

hosts_ip() { echo "10.88.0.$1"; }
hosts_ip6() { echo "fd88::$1"; }
hosts_mac() { lab_mac $((200 + $1)); }

# The address of a VM.
hosts_vm_ip() { echo "10.77.0.$1"; }

hosts_on() { # HOST COMMAND...
	local host=$1 rc=0
	local LAB_HOST=h$1 LAB_RUN=$LAB_DIR/run$1 LAB_BPFFS=$LAB_BPFFS/h$1
	local LAB_SOCK=$LAB_RUN/control.sock
	local LAB_AGENT_LOG=$LAB_DIR/agent$1.log
	local LAB_AGENT_PID=${HOSTS_AGENT_PID[$1]:-}
	local NET_CONFIG=$LAB_DIR/pktagent$1.yaml

	shift
	"$@" || rc=$?
	HOSTS_AGENT_PID[$host]=$LAB_AGENT_PID
	return $rc
}

# ---- the lab ----

# hosts_up N [RATE]: the switch and N hosts with links of RATE ("200mbit"), by
# default without a limit.
hosts_up() {
	local n

	lab_host_prepare $(($1 * HOSTS_MEMORY))
	mkdir -p "$LAB_BPFFS"
	lab_ns switch
	ip -n "$LAB-switch" link add br0 type bridge mcast_snooping 0
	ip -n "$LAB-switch" link set br0 up
	for ((n = 1; n <= $1; n++)); do
		hosts_add $n
		[ -z "${2:-}" ] || hosts_link $n "$2"
	done
	HOSTS=$1
}

hosts_add() { # HOST
	local ns=$LAB-h$1

	lab_ns "h$1"
	ip -n "$ns" link add up0 address "$(hosts_mac "$1")" type veth \
		peer name "p$1"
	ip -n "$ns" link set "p$1" netns "$LAB-switch"
	ip -n "$ns" addr add "$(hosts_ip "$1")/24" dev up0
	ip -n "$ns" addr add "$(hosts_ip6 "$1")/64" dev up0 nodad
	ip -n "$ns" link set up0 up
	# As of lab_nic's other end.
	lab_in switch ethtool -K "p$1" tx off txvlan off gro on > /dev/null
	ip -n "$LAB-switch" link set "p$1" master br0
	ip -n "$LAB-switch" link set "p$1" up
}

# The rate at which the switch sends to a host: of frames, and 24 bytes of the wire
# for each.
hosts_link() { # HOST RATE
	lab_in switch tc qdisc replace dev "p$1" root tbf rate "$2" \
		burst 6000 limit "$HOSTS_QUEUE" overhead 24
}

# What the switch has dropped in front of a host so far.
hosts_link_drops() { # HOST
	lab_in switch tc -j -s qdisc show dev "p$1" | jq '.[0].drops'
}

# A VM behind veth on a host.
hosts_vm() { # HOST VM
	hosts_on "$1" lab_veth_vm "$2"
	HOSTS_VMS[$1]="${HOSTS_VMS[$1]:-} $2"
	lab_in switch bridge fdb add "$(lab_mac "$2")" dev "p$1" master static
}

# The place of a vhost-user guest on a host: tests/tools/guests.c or others play
# it.
hosts_guest() { # HOST VM
	HOSTS_GUESTS[$1]="${HOSTS_GUESTS[$1]:-} $2"
	lab_in switch bridge fdb add "$(lab_mac "$2")" dev "p$1" master static
}

# When all VMs are there: they know each other's addresses, so that no request
# for one gets lost where much else is sent.
hosts_neighbours() {
	local vm other all="${HOSTS_VMS[*]}"

	for vm in $all; do
		for other in $all ${HOSTS_GUESTS[*]:-}; do
			[ "$vm" = "$other" ] ||
				ip -n "$LAB-vm$vm" neigh add \
					"$(hosts_vm_ip "$other")" lladdr \
					"$(lab_mac "$other")" dev eth0
		done
	done
}

# ---- the agents ----

# A host's VMs, each with the keys that HOSTS_KEYS has for it
# ("rate: {...}"), for "vms:".
declare -A HOSTS_KEYS
hosts_vms() { # HOST
	local vm pool="pool: {min: 512, max: 2048}"

	for vm in ${HOSTS_VMS[$1]:-}; do
		net_veth_vm "$vm" "way: agent, $pool${HOSTS_KEYS[$vm]:+, ${HOSTS_KEYS[$vm]}}"
	done
	for vm in ${HOSTS_GUESTS[$1]:-}; do
		guest_vm "$vm" "" "$pool${HOSTS_KEYS[$vm]:+, ${HOSTS_KEYS[$vm]}}"
	done
}

# Where the VMs of other hosts are, for "fdb: {static: [...]}".
hosts_statics() { # HOST
	local other vm

	for ((other = 1; other <= HOSTS; other++)); do
		[ "$other" != "$1" ] || continue
		for vm in ${HOSTS_VMS[$other]:-} ${HOSTS_GUESTS[$other]:-}; do
			echo "    - {mac: \"$(lab_mac "$vm")\", port: up0}"
		done
	done
}

# A host's section "workers". Those of many agents share few cores here: one that
# polls when there is nothing to do takes the core from one that has work, for
# milliseconds.
hosts_workers() { # HOST
	echo "workers: {cores: [$(($1 % $(nproc)))], idle_us: 0}"
}

# A host's configuration: hosts_config HOST [UPLINK-KEYS [MORE]]; lines of MORE
# begin a section.
hosts_config() {
	hosts_on "$1" net_config <<-END
	$(hosts_workers "$1")
	fdb:
	  static:
	$(hosts_statics "$1")
	uplinks: [{name: up0, device: up0${2:+, $2}}]
	vms:
	$(hosts_vms "$1")
	${3:-}
	END
}

hosts_start() { # HOST
	hosts_on "$1" lab_agent "$LAB_DIR/pktagent$1.yaml"
}

hosts_stop() { # HOST; fails if frames were missing
	hosts_on "$1" lab_agent_stop
}

# As by a crash: nothing is put back.
hosts_kill() { # HOST
	hosts_on "$1" hosts_kill_agent
}

hosts_kill_agent() {
	lab_stop "$LAB_AGENT_PID" KILL
	LAB_AGENT_PID=
}

hosts_ctl() { # HOST ARGUMENTS of pktctl
	local host=$1

	shift
	hosts_on "$host" lab_ctl "$@"
}

# ---- when something is wrong ----

# That of net.bash shows one agent.
fail() {
	local host

	printf '\nFAILED: %s\n' "$*"
	for host in "${!HOSTS_AGENT_PID[@]}"; do
		echo "--- host $host: the agent's log ---"
		tail -n 20 "$LAB_DIR/agent$host.log"
		[ -S "$LAB_DIR/run$host/control.sock" ] || continue
		echo "--- host $host: what it has lost ---"
		hosts_on "$host" net_drops
	done
	net_at_work
	exit 1
}
