# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# The switches that the benchmark of VMs compares, each started in the lab's
# namespace "host" with its packet thread alone on CPU 1. To be sourced after
# tests/lab/lab.sh.
#
#	switch_start NAME wire|guests SOCKET [SOCKET]
#	switch_stop
#
# "wire": between up0 and a guest at SOCKET; "guests": between two guests. All
# of them connect to sockets at which the guests listen, as QEMU does with
# server=on. SWITCH_PID is the process with the packet thread.

SWITCH_PID=
SWITCH_NAME=
SWITCH_PIDS=()			# more processes, ended after the switch
SWITCH_MB=512			# of huge pages for DPDK's and OVS's packets
SWITCH_DPDK=(--in-memory --single-file-segments --no-pci --no-telemetry)
SWITCH_OVSD=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk

# ---- pktagent ----

# "bypass" is the agent with a rule that lets the two guests by.
switch_agent_config() { # SOCKETS
	local n=0 socket

	lab_config_head 16384
	cat <<-END
	workers: {cores: [1]}
	fdb:
	  static: [{mac: "$(lab_mac 100)", port: up0}]
	uplinks: [{name: up0, device: up0}]
	vms:
	END
	for socket; do
		n=$((n + 1))
		cat <<-END
		  - name: vm$n
		    mac: "$(lab_mac $n)"
		    way: agent
		    pool: {min: 4096, initial: 4096, max: 4096}
		    device: {type: vhost-user, socket: $socket, mode: client}
		END
	done
}

switch_start_pktagent() {
	switch_agent_config "${@:2}" > "$LAB_DIR/pvp.yaml"
	lab_agent "$LAB_DIR/pvp.yaml" || return
	SWITCH_PID=$LAB_AGENT_PID
}

switch_start_bypass() {
	{
		switch_agent_config "${@:2}"
		echo "bypass: [{vms: [vm1, vm2]}]"
	} > "$LAB_DIR/pvp.yaml"
	lab_agent "$LAB_DIR/pvp.yaml" || return
	SWITCH_PID=$LAB_AGENT_PID
}

# ---- DPDK's testpmd ----

switch_start_testpmd() {
	local way=$1 n=0 socket devs=()

	shift
	[ "$way" = wire ] && devs+=("--vdev=net_af_xdp0,iface=up0,force_copy=1")
	for socket; do
		devs+=("--vdev=net_vhost$n,iface=$socket,queues=1,client=1")
		n=$((n + 1))
	done
	lab_start host testpmd env RUNTIME_DIRECTORY="$LAB_DIR" \
		dpdk-testpmd --file-prefix="$LAB" -l 0,1 --main-lcore 0 \
		-m $SWITCH_MB "${SWITCH_DPDK[@]}" "${devs[@]}" \
		-- --forward-mode=io --nb-cores=1 --auto-start \
		--stats-period 60 --no-mlockall
	SWITCH_PID=$LAB_LAST_PID
	lab_wait 20 grep -q "io packet forwarding" "$LAB_DIR/testpmd.log"
}

# ---- Open vSwitch ----

switch_vsctl() {
	OVS_RUNDIR=$LAB_DIR/ovs ovs-vsctl --timeout=20 \
		--db="unix:$LAB_DIR/ovs/db.sock" "$@" > /dev/null
}

switch_start_ovs() {
	local way=$1 n=0 socket dir=$LAB_DIR/ovs

	shift
	rm -rf "$dir"
	mkdir -p "$dir"
	export OVS_RUNDIR=$dir OVS_DBDIR=$dir OVS_LOGDIR=$dir
	ovsdb-tool create "$dir/conf.db" \
		/usr/share/openvswitch/vswitch.ovsschema || return
	lab_start host ovsdb taskset -c 0 ovsdb-server "$dir/conf.db" \
		--remote="punix:$dir/db.sock" --unixctl="$dir/ovsdb.ctl"
	SWITCH_PIDS+=("$LAB_LAST_PID")
	lab_wait 10 test -S "$dir/db.sock" || return
	switch_vsctl --no-wait init
	switch_vsctl --no-wait set Open_vSwitch . \
		other_config:dpdk-init=true \
		other_config:dpdk-extra="${SWITCH_DPDK[*]} --file-prefix=$LAB" \
		other_config:dpdk-socket-mem=$SWITCH_MB \
		other_config:dpdk-lcore-mask=0x1 \
		other_config:pmd-cpu-mask=0x2 || return
	lab_start host ovs env RUNTIME_DIRECTORY="$LAB_DIR" \
		taskset -c 0 $SWITCH_OVSD "unix:$dir/db.sock" \
		--unixctl="$dir/ovs.ctl"
	SWITCH_PID=$LAB_LAST_PID
	switch_vsctl add-br br0 -- set bridge br0 datapath_type=netdev ||
		return
	if [ "$way" = wire ]; then
		switch_vsctl add-port br0 up0 -- set interface up0 type=afxdp \
			options:xdp-mode=native options:n_rxq=1 || return
	fi
	for socket; do
		n=$((n + 1))
		switch_vsctl add-port br0 "vm$n" -- set interface "vm$n" \
			type=dpdkvhostuserclient \
			options:vhost-server-path="$socket" || return
	done
}

# ---- all of them ----

switch_start() { # NAME WAY SOCKETS
	SWITCH_NAME=$1
	SWITCH_PIDS=()
	"switch_start_$1" "${@:2}" && return
	lab_say "$1 does not start:"
	tail -n 20 "$LAB_DIR/$(switch_log).log" >&2
	return 1
}

switch_log() {
	case $SWITCH_NAME in
	pktagent | bypass) echo agent ;;
	*) echo "$SWITCH_NAME" ;;
	esac
}

switch_stop() {
	local pid rc=0

	case $SWITCH_NAME in
	pktagent | bypass) lab_agent_stop || rc=1 ;;
	*) lab_stop "$SWITCH_PID" TERM ;;
	esac
	for pid in "${SWITCH_PIDS[@]}"; do
		lab_stop "$pid" TERM
	done
	SWITCH_PID=
	SWITCH_PIDS=()
	return $rc
}
