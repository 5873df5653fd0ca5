#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What keeps the agent from starting: each with its message and exit status, and
# nothing on the host is changed. And what it needs to start, no more.
#
#	wire --- up0 [agent] vm1   its other end is out of reach without
#	                     vm2   CAP_SYS_ADMIN
. "$(dirname "$0")/net.bash"

NEEDED="bpf net_admin net_raw perfmon ipc_lock sys_nice"
FOREIGN=$LAB_BUILD/tests/bench/devmap.bpf.o

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 2
lab_veth_vm 1
lab_veth_vm 2

config() { # MORE
	net_config <<-END
	uplinks: [{name: up0, device: up0}]
	vms:
	$(net_veth_vm 1)
	$(net_veth_vm 2 "way: agent")
	${1:-}
	END
}

state() {
	net_settings
	ip -n "$LAB-host" -j link show | jq -c '.[] | [.ifname, .xdp]'
	ls -A "$LAB_BPFFS" 2>&1
}

# refuse WHAT STATUS MESSAGE [WRAPPER...]: the agent ends with this status and
# message. A wrapper is a command that starts it.
refuse() {
	local what=$1 status=$2 message=$3 rc=0

	shift 3
	state > "$LAB_DIR/before"
	lab_in host "$@" timeout $LAB_PATIENCE "$LAB_BUILD/pktagent" \
		--config "${OTHER_CONFIG:-$NET_CONFIG}" \
		> "$LAB_DIR/refused.log" 2>&1 || rc=$?
	grep -q -- "$message" "$LAB_DIR/refused.log" ||
		fail "$what: expected: $message; found: $(cat \
			"$LAB_DIR/refused.log")"
	expect_equal "$what: exit status" "$status" $rc
	state > "$LAB_DIR/after"
	diff "$LAB_DIR/before" "$LAB_DIR/after" ||
		fail "$what: something was changed (< before, > after)"
	say "$what: refused"
}

# ---- the configuration, and what it says of the host ----

mkdir -p "$LAB_RUN"
config "  - {name: vm3}"
refuse "a wrong configuration" 2 "pktagent.yaml:[0-9]*:[0-9]*: vms\[2\]"
config "$(net_veth_vm 3)"
refuse "a device that is not there" 2 "vm3h: no such device"
config "$(net_tap_vm 3 "uplink_queues: [60]")"
refuse "a queue that is not there" 2 "uplink_queues of VM tap3: 60: uplink up0"
OTHER_CONFIG=$LAB_DIR/none.yaml \
	refuse "no configuration" 2 "none.yaml"
config
ip -n "$LAB-host" link set up0 down
refuse "an uplink that is down" 1 "ip link set up0 up"
ip -n "$LAB-host" link set up0 up

# ---- the host ----

sed -i 's/^memory:/&\n  hugepages: require/; s/frames: .*/frames: 4194304/' \
	"$NET_CONFIG"
refuse "no huge pages" 1 "nr_hugepages"
config
for dev in up0 vm1h; do
	expect "a foreign program on $dev" ip -n "$LAB-host" link set $dev \
		xdp obj "$FOREIGN" sec xdp
	refuse "a foreign program on $dev" 1 \
		"$dev: another XDP program is attached: id [0-9]"
	ip -n "$LAB-host" link set $dev xdp off
done
refuse "no bpffs" 1 "mount -t bpf bpf /sys/fs/bpf" \
	unshare -m sh -c 'umount -l /sys/fs/bpf && exec "$@"' sh
for cap in $NEEDED; do
	refuse "without CAP_${cap^^}" 1 \
		"missing capabilities: CAP_${cap^^} ([a-zA-Z _-]*); run as root" \
		setpriv --bounding-set "-$cap" --inh-caps "-$cap"
done

# ---- no more capabilities than it needs ----

allowed=-all
for cap in $NEEDED; do
	allowed+=,+$cap
done
state > "$LAB_DIR/before.all"
lab_start host agent setpriv --bounding-set "$allowed" --inh-caps "$allowed" \
	"$LAB_BUILD/pktagent" --config "$NET_CONFIG"
LAB_AGENT_PID=$LAB_LAST_PID
eventually "it starts with these capabilities" lab_agent_ready
# perfmon 38, bpf 39; net_admin 12 to ipc_lock 14; sys_nice 23
expect_equal "its capabilities" 000000c000807000 "$(sed -n \
	's/^CapEff:[ 	]*//p' "/proc/$LAB_AGENT_PID/status")"
for vm in vm1 vm2; do
	net_frames wire $vm
	net_frames $vm wire
done
net_frames vm1 vm2
say "it forwards with $NEEDED and no other capability"

# ---- one at a time ----

refuse "a second agent" 1 "another pktagent runs there"
sed "s,$LAB_RUN,$LAB_DIR/run2,; s,$LAB_BPFFS,$LAB_BPFFS-2," "$NET_CONFIG" \
	> "$LAB_DIR/second.yaml"
OTHER_CONFIG=$LAB_DIR/second.yaml \
	refuse "a second agent on the same devices" 1 \
		"up0: .*\(another XDP program is attached\|another process uses AF_XDP\)"
expect "the second one's pins are gone" [ ! -e "$LAB_BPFFS-2" ]
net_frames wire vm1
net_frames wire vm2
expect "no frame is missing" lab_agent_stop
state > "$LAB_DIR/after.all"
diff "$LAB_DIR/before.all" "$LAB_DIR/after.all" ||
	fail "something was not put back (< before, > after)"
