#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Addresses: learned, moved, limited, aged; and false ones refused.
#
#	wire --- up0 [agent] vm1  its MAC and its IP addresses are checked
#	                     vm2  learn: true
#	                     vm3
. "$(dirname "$0")/net.bash"

LIMIT=64
N_FLOOD=100
ROAMER=02:00:00:00:aa:01
TALKER=02:00:00:00:aa:02
FALSE=02:00:00:00:aa:03
NOBODY=02:00:00:00:bb:01

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
for n in 1 2 3; do
	lab_veth_vm $n
done
net_config <<-END
fdb: {ageing_s: 10, limit: $LIMIT}
uplinks: [{name: up0, device: up0}]
vms:
$(net_veth_vm 1 "addresses: [192.0.2.1, \"2001:db8::1\"]")
$(net_veth_vm 2 "learn: true")
$(net_veth_vm 3)
END
expect "start" lab_agent "$NET_CONFIG"

# speak AT SOURCE [COUNT]: one frame, from an address; or from so many.
speak() {
	lab_in "$1" "$LAB_TOOLS/frames" send "$(net_dev "$1")" \
		--count "${3:-1}" --smacs "${3:-1}" --pps 200 --smac "$2" \
		--dmac $NOBODY --ethertype raw > /dev/null ||
		fail "cannot send from $1"
}

# frames_to MAC FROM TO: what vm3 sends to an address arrives at TO.
frames_to() {
	NET_SEED=$((NET_SEED + 1))
	net_recv "$2" vm3 --any-order --promisc --dmac "$1"
	net_send vm3 "$2" --dmac "$1"
	net_received "$2" vm3
}

# refused PORT REASON WHAT OPTIONS: frames that PORT sends are dropped.
refused() {
	local port=$1 reason=$2 what=$3 from=$1 before

	[ "$port" = up0 ] && from=wire
	shift 3
	before=$(net_counter "$port" "$reason")
	NET_SEED=$((NET_SEED + 1))
	net_recv vm3 "$from" --none --timeout-ms 600000 "$@"
	net_send "$from" vm3 "$@"
	eventually "$what: counted as $reason" \
		net_counter_is "$port" "$reason" $((before + 1000))
	sleep 0.1
	lab_stop "${NET_PID[vm3-$from]}" || fail "$what: frames arrived"
	unset "NET_PID[vm3-$from]"
}

not_known() { ! net_known "$1" up0; }

learned_at_most() { [ "$(net_port "$1" .learned)" -le "$2" ]; }

# ---- learned, and moved ----

speak wire $ROAMER
eventually "the wire's station is learned" net_known $ROAMER up0
frames_to $ROAMER wire
speak vm2 $ROAMER
eventually "it has moved to vm2" net_known $ROAMER vm2
frames_to $ROAMER vm2
speak wire $ROAMER
eventually "it has moved back" net_known $ROAMER up0
frames_to $ROAMER wire
say "learned and moved"

# ---- false ones ----

refused vm1 src_mac "a MAC that is not vm1's" --smac $FALSE
refused vm1 src_mac "vm3's MAC" --smac "$(lab_mac 3)" --dmac "$(lab_mac 2)"
refused vm2 src_mac "vm1's MAC, of one that may learn" --smac "$(lab_mac 1)"
refused up0 src_local "vm1's MAC from the wire" --smac "$(lab_mac 1)"
expect "nobody has learned it" [ "$(lab_ctl -j fdb show |
	jq --arg m $FALSE 'any(.[]; .mac == $m)')" = false ]
expect "vm1 is where it was" net_known "$(lab_mac 1)" vm1
refused vm1 src_ip "somebody else's IP addresses" --ethertype ip --min 100 \
	--src-ip 10.77.0.3 --src-ip6 fd77::3
# Those that frames has by default.
net_frames vm1 vm3 --ethertype ip --min 100
net_frames vm1 wire --ethertype ip --min 100
say "false ones are refused"

# ---- too many ----

# Before the flow: what is to be learned would be overtaken.
speak wire "$(net_mac wire)"
eventually "the wire is learned" net_known "$(net_mac wire)" up0
flow wire vm3 any 2000
speak vm2 02:00:00:01:00:00 $N_FLOOD
speak wire 02:00:00:02:00:00 $N_FLOOD
eventually "it says that vm2 has reached the limit" \
	net_logged "vm2: $LIMIT addresses learned, the limit"
eventually "it says that up0 has reached the limit" \
	net_logged "up0: $LIMIT addresses learned, the limit"
expect "vm2 has learned no more" learned_at_most vm2 $LIMIT
expect "up0 has learned no more" learned_at_most up0 $LIMIT
# Some may be forgotten by now.
expect "each has a limit of its own" [ "$(lab_ctl -j fdb show |
	jq '[.[] | select(.type == "learned")] | length')" -gt $LIMIT ]
flow_end wire vm3
# Who was not learned is still reached.
frames_to "02:00:00:01:00:$(printf %02x $((N_FLOOD - 1)))" vm2
frames_to "02:00:00:02:00:$(printf %02x $((N_FLOOD - 1)))" wire
say "limited"

# ---- forgotten ----

speak vm2 $TALKER	# there is no room for it yet
eventually "vm2's are forgotten" learned_at_most vm2 2
lab_start wire talker "$LAB_TOOLS/frames" send wire0 --count 1000000 --pps 100 \
	--smac $TALKER --dmac "$(lab_mac 3)" --ethertype raw
speak wire $ROAMER
eventually "there is room again" net_known $TALKER up0
eventually "who is silent is forgotten" not_known $ROAMER
expect "who talks is not" net_known $TALKER up0
expect "who stands in the configuration is not" net_known "$(lab_mac 3)" vm3
say "aged"
expect "no frame is missing" lab_agent_stop
