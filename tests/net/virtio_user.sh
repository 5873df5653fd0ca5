#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A guest whose virtio-net is not QEMU's: DPDK's virtio-user in testpmd, which
# swaps the MAC addresses of what it gets and sends it back. 1,000 random frames
# of 60 to 1,514 bytes return to the wire once and byte for byte:
#
#	wire --- up0 [agent] --- vhost-user --- testpmd
#
# with the agent as client and as server, without mergeable buffers, in order,
# with two queue pairs; and after the guest, and the agent, have been restarted.
. "$(dirname "$0")/net.bash"

GUEST_SOCKET=$LAB_DIR/vm1.sock
GUEST_MB=128
GUEST_PID=

command -v dpdk-testpmd > /dev/null || skip "dpdk-testpmd is missing"
lab_trap
lab_host_prepare $((NET_MEMORY + GUEST_MB * 256))
lab_wire 1

config() { # MODE QUEUES
	net_config <<-END
	fdb:
	  static: [{mac: "$(net_mac wire)", port: up0}]
	uplinks: [{name: up0, device: up0}]
	vms:
	  - name: vm1
	    mac: "$(net_mac vm1)"
	    way: agent
	    pool: {min: 4096, max: 4096}
	    device:
	      type: vhost-user
	      socket: $GUEST_SOCKET
	      mode: $1
	      queues: $2
	END
}

# It polls: on one core, and with less of it than the agent gets.
guest_start() { # QUEUES DEVICE-OPTIONS
	# DPDK leaves files behind: in the lab's directory.
	lab_start host guest env RUNTIME_DIRECTORY="$LAB_DIR" \
		nice dpdk-testpmd --file-prefix="$LAB" \
		-l 0,1 --main-lcore 0 -m $GUEST_MB --in-memory \
		--single-file-segments --no-pci --no-telemetry \
		--vdev="net_virtio_user0,path=$GUEST_SOCKET,queues=$1,mac=$(net_mac vm1)$2" \
		-- --forward-mode=macswap --auto-start --no-mlockall \
		--rxq="$1" --txq="$1" --total-num-mbufs=16384 \
		--stats-period 60
	GUEST_PID=$LAB_LAST_PID
}

guest_forwards() {
	lab_gone "$GUEST_PID" || grep -q "macswap packet forwarding" \
		"$LAB_DIR/guest.log"
}

guest_is_there() {
	eventually "testpmd forwards" guest_forwards
	lab_gone "$GUEST_PID" && fail "testpmd: $(tail "$LAB_DIR/guest.log")"
	eventually "the guest is connected" net_port_works vm1
}

guest_stop() {
	lab_stop "$GUEST_PID" TERM
}

# To the guest and back.
swap() { # OPTIONS OF "frames"
	NET_SEED=$((NET_SEED + 1))
	net_recv wire vm1 --any-order "$@"
	lab_in wire "$LAB_TOOLS/frames" send wire0 --seed "$NET_SEED" \
		--dmac "$(net_mac vm1)" --smac "$(net_mac wire)" \
		--progress "${NET_PROGRESS[wire-vm1]}" "$@" > /dev/null
	net_received wire vm1
}

# try WHAT MODE QUEUES DEVICE-OPTIONS
try() {
	config "$2" "$3"
	[ "$2" = client ] && guest_start "$3" ",server=1$4"
	expect "$1: start" lab_agent "$NET_CONFIG"
	[ "$2" = client ] || guest_start "$3" "$4"
	guest_is_there
	swap
	say "$1: all right"
}

end() {
	guest_stop
	expect "no frame is missing" lab_agent_stop
}

try "client" client 1 ",queue_size=256"
swap --min 60 --max 64 --count 5000
guest_stop
guest_start 1 ",server=1"
guest_is_there
swap
say "the guest restarted: all right"
expect "no frame is missing" lab_agent_stop
expect "start again" lab_agent "$NET_CONFIG"
guest_is_there
swap
say "the agent restarted: all right"
end

try "no mergeable buffers" client 1 ",mrg_rxbuf=0"
end
try "in order" client 1 ",in_order=1"
end
try "two queue pairs" client 2 ""
end
try "server" server 1 ""
end
