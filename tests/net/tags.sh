#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Each VM's port has a tag, bound to who is behind it, and nobody else gets
# there:
#
#	wire --- up0 [agent] --- veth ------- vm1  must be in vm1's namespace
#	                     --- tap2 ------- must be open in a process of "nobody"
#	                                      in a cgroup of the lab's
#	                     --- vhost-user - vm3  must not be us
#	                     --- vhost-user - vm4  must be us
#	                     --- tap5 ------- anybody
#
# A tap that the wrong process has open carries nothing, nor a veth whose peer
# has been moved; both work again when all is right. The pinned map says the
# same as pktctl, also after a kill and after VMs have gone.
. "$(dirname "$0")/net.bash"

CTL="$LAB_BUILD/pktctl -s $LAB_SOCK"
MAP=$LAB_BPFFS/v1/maps/tags
NOBODY=65534
CGROUP=		# the lab's, in version 2

# ---- the lab ----

find_cgroup() {
	local mount

	mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$mount" ] && mkdir "$mount/$LAB.scope" 2> /dev/null &&
		CGROUP=$mount/$LAB.scope
}

# Nothing may be left in it.
remove_cgroup() {
	local pid

	[ -n "$CGROUP" ] || return
	while read -r pid; do
		echo "$pid" > "${CGROUP%/*}/cgroup.procs"
	done < "$CGROUP/cgroup.procs"
	rmdir "$CGROUP"
}

lab_trap
lab_host_prepare $NET_MEMORY
find_cgroup || skip "no cgroup of version 2 can be made here"
trap 'rc=$?; trap - EXIT; trap "" HUP INT PIPE TERM; remove_cgroup; lab_down
	exit $rc' EXIT
lab_wire 1
lab_veth_vm 1
lab_ns elsewhere
# "nobody" does not get to the build.
chmod 711 "$LAB_DIR"
install -m 755 "$LAB_TOOLS/tapvm" "$LAB_DIR/tapvm"

guest_vm() { # N ALLOWED-UID
	echo "  - {name: vm$1, mac: \"$(lab_mac "$1")\"," \
		"device: {type: vhost-user, socket: $LAB_DIR/vm$1.sock," \
		"allow: {uid: $2}}}"
}

config() { # MORE
	net_config <<-END
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0}]
	vms:
	$(net_veth_vm 1)
	$(guest_vm 3 $NOBODY)
	$(guest_vm 4 0)
	$1
	END
}

guarded_tap="
  - {name: tap2, mac: \"$(lab_mac 2)\", device: {type: tap, name: tap2,
     create: true, owner: $NOBODY,
     allow: {uid: $NOBODY, cgroup: /$LAB.scope}}}
$(net_tap_vm 5)"

# ---- what is seen ----

tag() { # VM FILTER
	lab_ctl -j tag show "$1" | jq -r ".[] | $2"
}

tag_is() { [ "$(tag "$1" "$2")" = "$3" ]; } # VM FILTER VALUE

why_has() { [[ $(net_port "$1" .why) = *"$2"* ]]; }

# Of the map: VM FILTER.
pinned() {
	bpftool -j map dump pinned "$MAP" | jq -r --argjson s "$(tag "$1" .slot)" \
		".[].formatted | select(.key.slot == \$s) | .value | $2"
}

n_pinned() { bpftool -j map dump pinned "$MAP" | jq length; }

# The map and pktctl agree, and each VM has a tag of its own.
check_map() { # WHAT
	local shown pinned

	shown=$(lab_ctl -j tag show | jq -c 'map([.slot, .tag,
		(.identity | .kind, .pid // 0, .uid // 0, .cgroup_id // 0,
		 .inode // 0), .queues.device[0] // 4294967295, .queues.pairs,
		.memory.region]) | sort')
	pinned=$(bpftool -j map dump pinned "$MAP" | jq -c 'map(.formatted |
		[.key.slot] + (.value | [.tag, ({TAG_NOBODY: "nobody",
		  TAG_PROCESS: "process", TAG_NAMESPACE: "namespace"}[.kind]),
		 .pid, .uid, .cgroup, .netns, .first_queue, .n_queues,
		 .region])) | sort')
	expect_equal "$1: the map" "$shown" "$pinned"
	expect "$1: tags differ" jq -e \
		'length > 0 and all(.[]; .[1] > 0) and
		 (map(.[1]) | unique | length) == length' <<< "$shown" > /dev/null
	say "$1: $(jq length <<< "$shown") tags are right"
}

# ---- processes ----

tap_open() { # N COMMAND...: with the tap open, by this command before it
	local n=$1

	shift
	lab_start host "tap$n" "$@" "$LAB_DIR/tapvm" --dev "tap$n" \
		--mac "$(lab_mac "$n")" --ip "10.77.0.$n/24"
	TAP_PID=$LAB_LAST_PID
	eventually "tap$n is open" grep -q ready "$LAB_DIR/tap$n.log"
}

as_nobody=(setpriv --reuid $NOBODY --regid $NOBODY --clear-groups)
# Into the lab's cgroup, and then as nobody.
# shellcheck disable=SC2016
as_vm=(sh -c 'echo $$ > "$0" && exec "$@"' "$CGROUP/cgroup.procs"
	"${as_nobody[@]}")

ping_from_wire() { lab_in wire ping -q -c 1 -W 1 "10.77.0.$1"; }

no_ping() { # N WHAT
	ping_from_wire "$1" > /dev/null && fail "$2: it answers"
}

# What is sent by eth0 in a namespace is lost at the port of a VM.
sends_nothing() { # NAMESPACE VM
	local before

	before=$(net_counter "$2" port_down)
	lab_in "$1" "$LAB_TOOLS/frames" send eth0 --seed 1 --count 100 \
		--dmac "$(net_mac wire)" --smac "$(net_mac "$2")" > /dev/null ||
		fail "cannot send from $1"
	eventually "what $1 sends is lost" more_is_lost "$2" $((before + 100))
}

more_is_lost() { [ "$(net_counter "$1" port_down)" -ge "$2" ]; } # VM COUNT

# ---- tap ----

config "$guarded_tap"
expect "start" lab_agent "$NET_CONFIG"
expect "nobody is there" why_has tap2 "nobody has tap2 open"
expect_equal "nobody's identity" nobody "$(tag tap2 .identity.kind)"
expect_equal "nobody was refused" 0 "$(tag tap2 .refused)"
first_tag=$(tag tap2 .tag)
check_map "at the start"

tap_open 2
eventually "root is refused" why_has tap2 \
	"process $TAP_PID of user 0 in cgroup "
expect "it is told who is allowed" why_has tap2 \
	"user $NOBODY in /$LAB.scope is allowed"
expect_equal "root is counted" 1 "$(tag tap2 .refused)"
no_ping 2 "root"
expect "still refused, and once" tag_is tap2 .refused 1
expect_equal "root is not bound" nobody "$(tag tap2 .identity.kind)"
lab_stop "$TAP_PID"

eventually "root has gone" why_has tap2 "nobody has tap2 open"
tap_open 2 "${as_nobody[@]}"
eventually "who is in no cgroup of the VM's is refused" why_has tap2 \
	"process $TAP_PID of user $NOBODY in cgroup "
no_ping 2 "nobody, in another cgroup"
echo "$TAP_PID" > "$CGROUP/cgroup.procs"
eventually "it has been put there" net_port_works tap2
expect_equal "two were refused" 2 "$(tag tap2 .refused)"
lab_stop "$TAP_PID"

eventually "nobody has gone" why_has tap2 "nobody has tap2 open"
tap_open 2 "${as_vm[@]}"
eventually "who is allowed is taken" net_port_works tap2
eventually "it answers" ping_from_wire 2
expect_equal "its identity" "process $TAP_PID $NOBODY /$LAB.scope" "$(tag tap2 \
	'.identity | "\(.kind) \(.pid) \(.uid) \(.cgroup)"')"
expect_equal "nobody else was refused" 2 "$(tag tap2 .refused)"
expect_equal "the map's pid" "$TAP_PID" "$(pinned tap2 .pid)"
expect_equal "the map's cgroup" "$(stat -c %i "$CGROUP")" \
	"$(pinned tap2 .cgroup)"
expect_equal "the tag is kept" "$first_tag" "$(tag tap2 .tag)"
vm_pid=$TAP_PID

tap_open 5
eventually "anybody is taken" net_port_works tap5
eventually "anybody is bound" tag_is tap5 .identity.pid "$TAP_PID"
say "taps: all right"

# ---- veth ----

netns_inode() { stat -L -c %i "/run/netns/$LAB-$1"; }

expect_equal "vm1's identity" "namespace $(netns_inode vm1)" \
	"$(tag vm1 '.identity | "\(.kind) \(.inode)"')"
expect "vm1 works" ping_from_wire 1 > /dev/null
ip -n "$LAB-vm1" link set eth0 netns "$LAB-elsewhere"
lab_addr elsewhere eth0 1
ip -n "$LAB-elsewhere" link set eth0 up
eventually "a peer that was moved is refused" why_has vm1 \
	"is in another namespace: namespace $LAB-vm1 is allowed"
no_ping 1 "moved"
expect_equal "it is counted" 1 "$(tag vm1 .refused)"
sends_nothing elsewhere vm1
ip -n "$LAB-elsewhere" link set eth0 netns "$LAB-vm1"
lab_addr vm1 eth0 1
ip -n "$LAB-vm1" link set eth0 up
eventually "it is taken again" net_port_works vm1
eventually "vm1 works again" ping_from_wire 1
expect_equal "vm1's identity again" "namespace $(netns_inode vm1)" \
	"$(tag vm1 '.identity | "\(.kind) \(.inode)"')"
say "veth: all right"

# ---- vhost-user ----

front() { # N ROWS
	lab_in host "$LAB_TOOLS/hostile" rows --socket "$LAB_DIR/vm$1.sock" \
		--mac "$(lab_mac "$1")" --port "vm$1" --ctl "$CTL" "$2" ||
		fail "vm$1: $2"
}

guest() {
	lab_start host echo "$LAB_TOOLS/hostile" echo \
		--socket "$LAB_DIR/vm4.sock" --mac "$(lab_mac 4)"
	echo_pid=$LAB_LAST_PID
	eventually "the right user is connected" net_port_works vm4
}

front 3 wrong-user
expect "the wrong user is counted" tag_is vm3 '.refused >= 1' true
expect "and told of" tag_is vm3 ".why | contains(\"user $NOBODY is allowed\")" \
	true
expect_equal "and not bound" nobody "$(tag vm3 .identity.kind)"
guest
expect_equal "its identity" "process $echo_pid 0 0" "$(tag vm4 \
	'"\(.identity.kind) \(.identity.pid) \(.identity.uid) \(.refused)"')"
say "vhost-user: all right"
check_map "all are there"

# ---- the agent's end, and VMs' ----

kill -KILL "$LAB_AGENT_PID"
lab_reap "$LAB_AGENT_PID"
before=$(n_pinned)
last=$(bpftool -j map dump pinned "$MAP" | jq '[.[].formatted.value.tag] | max')
config "$guarded_tap"
expect "start after a kill" lab_agent "$NET_CONFIG"
lab_stop "$echo_pid"
guest
eventually "the tap is back" tag_is tap2 .identity.pid "$vm_pid"
expect_equal "as many tags" "$before" "$(n_pinned)"
expect "tags are not given again" tag_is vm1 ".tag > $last" true
check_map "after a kill"

config ""
expect "reload" lab_ctl reload > /dev/null
expect_equal "tags of VMs that have gone" 3 "$(n_pinned)"
check_map "after a reload"
kill -KILL "$LAB_AGENT_PID"
lab_reap "$LAB_AGENT_PID"
sed -i '/name: vm1,/d' "$NET_CONFIG"
expect "start with fewer VMs" lab_agent "$NET_CONFIG"
expect_equal "tags of VMs that went meanwhile" 2 "$(n_pinned)"
check_map "with fewer VMs"
lab_stop "$echo_pid"
eventually "the guest has gone" tag_is vm4 .identity.kind nobody
lab_stop "$vm_pid"
expect "no frame is missing" lab_agent_stop
[ ! -e "$MAP" ] || fail "the map is still pinned"
