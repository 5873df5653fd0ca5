#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Pools grow when packets come and shrink when none do, and nothing gets lost
# of what a pool's maximum allows.
#
#	wire --- up0 [agent] vm1   agent way, 64 to 4096 frames
#	                     vm2   agent way, always 512
#	                     vm3   vhost-user, 64 to 4096
#	                     vm4   vhost-user, the same, reads late
#
# By themselves, by pktctl pool resize, and by reload under traffic.
. "$(dirname "$0")/guests.bash"

# Frames on their way: what two ends of a veth pair hold at least.
WINDOW=200
UPLINK=		# more keys of its

lab_trap
lab_host_prepare $NET_MEMORY
lab_wire 1
lab_veth_vm 1
lab_veth_vm 2
# Nobody talks by himself: idle is idle.
for ns in wire vm1 vm2 host; do
	lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done

config() { # POOL-OF-VM1 POOL-OF-VM3
	net_config <<-END
	workers: {cores: [$(guests_cores)]}
	pools: {window_ms: 20}
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0$UPLINK}]
	vms:
	$(net_veth_vm 1 "way: agent, pool: {$1}")
	$(net_veth_vm 2 "way: agent, pool: {min: 512, initial: 512, max: 512}")
	$(guest_vm 3 "" "pool: {$2}")
	$(guest_vm 4 "" "pool: {$2}")
	END
}

reload() { # POOL-OF-VM1 POOL-OF-VM3
	config "$@"
	lab_ctl reload > "$LAB_DIR/reload.log" 2>&1 ||
		fail "reload: $(cat "$LAB_DIR/reload.log")"
}

resize() { # VM FRAMES [MAX]
	lab_ctl pool resize "$1" --frames "$2" ${3:+--max "$3"} \
		> "$LAB_DIR/resize.log" 2>&1 ||
		fail "resize $*: $(cat "$LAB_DIR/resize.log")"
}

# refused TEXT VM FRAMES [MAX]
refused() {
	local text=$1 before

	shift
	before=$(pools)
	lab_ctl pool resize "$1" --frames "$2" ${3:+--max "$3"} \
		> "$LAB_DIR/resize.log" 2>&1 &&
		fail "resize $*: accepted, though it should say: $text"
	grep -q -- "$text" "$LAB_DIR/resize.log" ||
		fail "resize $*: expected: $text; found: $(cat \
			"$LAB_DIR/resize.log")"
	expect_equal "the pools after a refused resize" "$before" "$(pools)"
}

pools() {
	lab_ctl -j pool show | jq -c '[.ports[] | select(.kind == "vm") |
		[.port, .min, .max, .asked]]'
}

idle() { # VM WANTED
	eventually "$1 is idle: $2 frames" net_pool_is "$1" size "$2"
}

at_most() { [ "$(net_pool "$1" size)" -le "$2" ]; } # VM FRAMES

largest() { # VM: that it has been so far
	net_pool_log "$1" | jq 'map(.to) | max // 0'
}

# What is logged of the VM says how its size came about.
log_is_whole() { # VM
	expect_equal "a reason and a difference in all entries of $1" true \
		"$(net_pool_log "$1" | jq 'all(.[];
			.from != .to and (.reason | length > 0))')"
	expect_equal "the last entry of $1's log" "$(net_pool "$1" size)" \
		"$(net_pool_log "$1" | jq '.[-1].to')"
}

config "min: 64" "min: 64"
guests_listen "big" guests "$(guest_end 3)" "$(guest_end 4)" --flow vm3:vm4 \
	--lazy vm4 --udp --max 1500 --window 3000 \
	--progress "$LAB_DIR/big.progress"
NET_PROGRESS[big]=$LAB_DIR/big.progress
expect "start" lab_agent "$NET_CONFIG"
for vm in vm1 vm3 vm4; do
	eventually "$vm works" net_port_works $vm
	idle $vm 64
done
expect_equal "vm2, which is fixed" 512 "$(net_pool vm2 size)"

# ---- a burst ----

# The agent finds all of it at once.
kill -STOP "$LAB_AGENT_PID"
flow wire vm1 any 10000 --window $WINDOW
eventually "a burst is there" flow_sent_more wire vm1 $WINDOW
kill -CONT "$LAB_AGENT_PID"
eventually "vm1's pool has grown" net_pool_logged vm1 \
	'(.reason == "rx_full" or .reason == "rx_high") and .to >= '$WINDOW
flow vm1 wire any 10000
eventually "the burst goes on" flow_sent_more wire vm1 $((20 * WINDOW))
flow_end wire vm1
flow_end vm1 wire
guests_go "big"
guests_go_on "big" 40000
eventually "vm4's pool has grown" net_pool_logged vm4 '.reason == "out_full"'
guests_stop "big"
for vm in vm1 vm4; do
	expect "$vm's pool stays within its maximum" \
		[ "$(largest $vm)" -le 4096 ]
	say "$vm: up to $(largest $vm) frames, nothing lost"
done
idle vm1 64
# Only what its minimum has for the next guest.
eventually "vm4, which has gone, gives back what it had" at_most vm4 64
net_audit "after the burst"
log_is_whole vm1
log_is_whole vm4
expect_equal "changes of vm2's pool but for its start" 0 \
	"$(net_pool_log vm2 | jq '[.[] | select(.reason != "start")] | length')"

# ---- on request ----

flow wire vm1 any 2000
flow vm1 wire any 2000
flow wire vm2 any 2000
resize vm1 2000
idle vm1 2000
expect "a request is a reason" net_pool_logged vm1 \
	'.reason == "request" and .to > 1000'
resize vm1 500
idle vm1 500
resize vm1 4096
idle vm1 4096
resize vm1 300 300
idle vm1 300
expect_equal "vm1's maximum" 300 "$(net_pool vm1 max)"
resize vm2 512
resize vm1 64 4096
refused "must be from 64 to 4096" vm1 63
refused "must be from 64 to 4096" vm1 4097
refused "must be from 64 to 100" vm1 101 100
refused "63: must be from 64" vm1 64 63
refused "32769: must be from 64 .* to 32768" vm1 64 32769
resize vm1 64 8192
grep -q "rings were made for 4096" "$LAB_DIR/resize.log" ||
	fail "nothing is said of vm1's rings: $(cat "$LAB_DIR/resize.log")"
expect_equal "vm1's maximum" 8192 "$(net_pool vm1 max)"
resize vm1 64 4096
refused "must be from 512 to 512" vm2 513
refused "must be" vm1 -1
refused "must be" vm1 many
refused "must be" vm1 99999999999999999999
refused "uplink" up0 64
refused "vm9: no such VM" vm9 64
flow_end wire vm1
flow_end vm1 wire
flow_end wire vm2
idle vm1 64
net_audit "after requests"
# What was asked for stays, for longer than a pool takes to shrink.
resize vm1 1000
sleep 1
expect_equal "what was asked for" 1000 "$(net_pool vm1 size)"
say "on request: nothing lost"

# ---- by reload ----

guests "small" "$(guest_end 3)" "$(guest_end 4)" "$(device_end wire)" \
	--flow vm3:vm4 --flow vm3:wire --window 24 --max 1500
flow wire vm1 any 2000
flow vm1 wire any 2000
flow wire vm2 any 2000
for ((i = 0; i < 5; i++)); do
	reload "min: 1000" "min: 64, max: 4096"
	expect "its minimum at once" [ "$(net_pool vm1 size)" -ge 1000 ]
	idle vm1 1000
	reload "min: 200, initial: 900, max: 2048" \
		"min: 512, max: $((8192 + i))"
	expect_equal "vm1's maximum" 2048 "$(net_pool vm1 max)"
	expect "vm3's minimum at once" [ "$(net_pool vm3 size)" -ge 512 ]
	eventually "vm1 needs no more than the flows do" at_most vm1 500
	reload "min: 64" "min: 64, max: 600"
	expect_equal "vm1's maximum" 4096 "$(net_pool vm1 max)"
	eventually "vm1 needs no more than the flows do" at_most vm1 500
	net_audit "after a reload"
done
expect "a reload is a reason" net_pool_logged vm1 \
	'.reason == "reload" and .to == 900'
guests_go_on "small" 1000
guests_stop "small"
flow_end wire vm1
flow_end vm1 wire
flow_end wire vm2
log_is_whole vm1
expect_equal "vm2, which is fixed" 512 "$(net_pool vm2 size)"
say "by reload: nothing lost"
net_audit "after reloads"

# More than the device's rings were made for: it is opened anew.
reload "min: 128, max: 8192" "min: 64, max: 600"
expect_equal "vm1's minimum and maximum" "128 8192" \
	"$(net_pool vm1 min) $(net_pool vm1 max)"
idle vm1 128
reload "min: 64" "min: 64, max: 600"
expect_equal "vm1's minimum and maximum" "64 4096" \
	"$(net_pool vm1 min) $(net_pool vm1 max)"
idle vm1 64
net_audit "after other rings"

# The uplink's own part of the host's frames.
for out_max in 8192 1024; do
	UPLINK=", out_max: $out_max"
	reload "min: 64" "min: 64, max: 600"
	expect_equal "the uplink's out_max" $out_max \
		"$(net_pool up0 out_max)"
	net_audit "with an out_max of $out_max"
done
expect "no frame is missing" lab_agent_stop
