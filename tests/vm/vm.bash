# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2030,SC2031
#
# Virtual machines for the lab (tests/lab/lab.sh, which is sourced first):
# QEMU with the guest that tests/vm/guest builds. They run in the lab's host
# namespace, and lab_down ends them.
#
# A guest is talked to by virtio-serial ports that are FIFOs on this side, not
# by the network under test: vm_run gives it a command and has its output and
# status back, several at a time. QEMU itself is asked by vm_qmp.
#
# QEMU emulates the processor unless it is seen that KVM works here.

VM_GUEST=$LAB_TOP/build/vm	# made by tests/vm/guest/build
VM_PORTS=6			# commands at a time in one guest
VM_BOOT_S=240			# the longest that anything may take here
declare -A VM_PID VM_BOOTS	# by name; boots: that vm_wait has seen

# ---- the guest and the accelerator ----

vm_prepare() {
	"$LAB_TOP/tests/vm/guest/build" || return
	vm_accelerator || return
	vm_tools
}

# Sets VM_ACCEL and VM_CPU. There are machines where KVM starts and then no virtual CPU
# ever gets on, so it has to have shown this kernel's first message. What was
# found out is kept until the machine itself is booted again.
vm_accelerator() {
	local file=$VM_GUEST/accelerator boot

	boot=$(cat /proc/sys/kernel/random/boot_id)
	if [ "$(awk '{ print $1 }' "$file" 2> /dev/null)" != "$boot" ]; then
		VM_ACCEL=tcg,thread=multi
		[ ! -w /dev/kvm ] || ! vm_kvm_works || VM_ACCEL=kvm
		echo "$boot $VM_ACCEL" > "$file"
	fi
	VM_ACCEL=$(awk '{ print $2 }' "$file")
	VM_CPU=qemu64	# a simple one is emulated faster
	[ "$VM_ACCEL" != kvm ] || VM_CPU=host
}

vm_kvm_works() {
	timeout -s KILL 20 qemu-system-x86_64 -accel kvm -cpu host -m 256 \
		-nodefaults -no-user-config -display none -no-reboot \
		-serial stdio -kernel "$VM_GUEST/kernel" \
		-append "console=ttyS0 panic=-1" < /dev/null 2> /dev/null |
		grep -q -m 1 "Linux version"
}

# The guest's file system for this lab: the built one, and on top of it the
# lab's own tools.
vm_tools() {
	local tree=$LAB_DIR/tools library

	cp "$VM_GUEST/initrd" "$LAB_DIR/initrd"
	[ -x "$LAB_TOOLS/frames" ] || return 0
	mkdir -p "$tree/bin"
	cp "$LAB_TOOLS/frames" "$tree/bin/"
	ldd "$LAB_TOOLS/frames" | grep -o '/[^ ]*' | while read -r library; do
		mkdir -p "$tree${library%/*}"
		cp -L "$library" "$tree$library"
	done
	(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) |
		gzip -1 >> "$LAB_DIR/initrd"
	rm -r "$tree"
}

# ---- starting and ending ----

# vm_start NAME [OPTION=VALUE]...: starts it and does not wait for it to boot.
#
#	net=WAY		"socket", "tap DEVICE", or another -netdev's words
#	socket=PATH	of vhost-user; net=socket is the default
#	role=server	or client: QEMU's end of it
#	queues=1	queue pairs
#	address=N	10.77.0.N and fd77::N, MAC lab_mac N
#	mtu=N		the guest's eth0
#	props=A=B,...	more of virtio-net-pci's properties
#	vcpus=1  memory=192 (MiB)  huge=off
#	stopped=off	on: before its first instruction
vm_start() {
	local name=$1 net=socket socket='' role=server queues=1 address='' \
		mtu='' props='' vcpus=1 memory=192 huge=off \
		stopped=off option options

	shift
	for option; do
		local "${option?}"
	done
	vm_directory "$name"
	mapfile -t options < <(vm_serial_options "$name"; vm_net_options)
	[ "$stopped" = off ] || options+=(-S)
	VM_BOOTS[$name]=0
	rm -f "$LAB_DIR/$name.console"
	lab_start host "$name" qemu-system-x86_64 -name "$name" \
		-nodefaults -no-user-config -display none \
		-machine pc,memory-backend=memory -m "$memory" \
		-object "memory-backend-memfd,id=memory,size=${memory}M,share=on,hugetlb=$huge" \
		-accel "$VM_ACCEL" -cpu "$VM_CPU" -smp "$vcpus" \
		-kernel "$VM_GUEST/kernel" -initrd "$LAB_DIR/initrd" \
		-append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off no_timer_check nolapic_timer clocksource=hpet tsc=unstable random.trust_cpu=on cryptomgr.notests net.ifnames=0 VM_PORTS=$VM_PORTS VM_ADDRESS=$address VM_MTU=$mtu" \
		-serial "file:$LAB_DIR/$name.console" \
		-chardev "pipe,id=qmp,path=$LAB_DIR/$name/qmp" \
		-mon chardev=qmp,mode=control \
		"${options[@]}"
	VM_PID[$name]=$LAB_LAST_PID
}

# FIFOs for the monitor and the ports. A port's lock says that it is in use.
vm_directory() { # NAME
	local dir=$LAB_DIR/$1 i

	rm -rf "$dir"
	mkdir "$dir"
	mkfifo "$dir/qmp.in" "$dir/qmp.out"
	for ((i = 0; i < VM_PORTS; i++)); do
		mkfifo "$dir/run$i.in" "$dir/run$i.out"
		: > "$dir/run$i.lock"
	done
}

vm_serial_options() { # NAME
	local i

	printf "%s\n" -device "virtio-serial-pci,max_ports=$((VM_PORTS + 1))"
	for ((i = 0; i < VM_PORTS; i++)); do
		printf "%s\n" -chardev "pipe,id=run$i,path=$LAB_DIR/$1/run$i"
		printf "%s\n" -device "virtserialport,chardev=run$i,name=run$i"
	done
}

# Of vm_start's options, which it sees; a word a line.
vm_net_options() {
	local device=virtio-net-pci,netdev=net,romfile= chardev

	case $net in
	socket)
		chardev=socket,id=net,path=$socket
		[ "$role" = server ] && chardev+=,server=on,wait=off
		[ "$role" = client ] && chardev+=,reconnect=1
		printf '%s\n' -chardev "$chardev" \
			-netdev "vhost-user,id=net,chardev=net,queues=$queues"
		# QEMU 7.2 without KVM crashes when the guest's driver starts
		# with MSI-X: it uses an irqfd that it has not made.
		device+=,vectors=0
		[ "$VM_ACCEL" != kvm ] ||
			device+=,vectors=$((2 * queues + 2))
		[ "$queues" = 1 ] || device+=,mq=on
		;;
	tap*)
		printf '%s\n' -netdev "tap,id=net,ifname=${net#tap },script=no,downscript=no,vhost=off"
		;;
	*)
		printf '%s\n' -netdev "$net,id=net"
		;;
	esac
	[ -n "$address" ] && device+=,mac=$(lab_mac "$address")
	[ -n "$props" ] && device+=,$props
	printf '%s\n' -device "$device"
}

# Waits until the guest has booted, once more than when it was last waited for.
vm_wait() { # NAME
	lab_wait "$VM_BOOT_S" vm_settled "$1"
	if ! vm_has_booted "$1"; then
		lab_say "$1 has not booted:"
		tail -n 20 "$LAB_DIR/$1.log" "$LAB_DIR/$1.console" >&2
		return 1
	fi
	VM_BOOTS[$1]=$(vm_boots "$1")
}

vm_boots() { grep -c 'init: ready' "$LAB_DIR/$1.console" 2> /dev/null; }
vm_has_booted() { [ "$(vm_boots "$1")" -gt "${VM_BOOTS[$1]}" ]; }
vm_settled() { vm_has_booted "$1" || ! vm_is_running "$1"; }
vm_is_running() { ! lab_gone "${VM_PID[$1]}"; }

# The guest reboots by itself, QEMU stays.
vm_reboot() { # NAME
	vm_run_unanswered "$1" 'reboot -f'
	vm_wait "$1"
}

# The reset button.
vm_reset() { # NAME
	vm_qmp "$1" system_reset > /dev/null && vm_wait "$1"
}

vm_stop() { # NAME [SIGNAL]
	lab_stop "${VM_PID[$1]}" "${2:-TERM}"
}

# ---- commands in the guest ----

# vm_run NAME COMMAND: runs it in the guest's shell; prints what it printed;
# status: its own, 137 if it took longer than VM_SECONDS, 255 if the guest does
# not answer. Several may run at a time.
vm_run() (
	dir=$LAB_DIR/$1
	seconds=${VM_SECONDS:-120}
	id=$BASHPID.$RANDOM
	vm_take_port "$dir" || exit 255
	echo "run $id $seconds $(echo "$2" | base64 -w 0)" >&"$to"
	# What an earlier command left unread comes first.
	end=$((SECONDS + seconds + 20))
	line=
	while [ $SECONDS -lt $end ]; do
		# What was read before the time was up is a line's beginning.
		if ! IFS= read -r -t 1 part <&"$from"; then
			line+=$part
			vm_is_running "$1" || exit 255
			continue
		fi
		read -r got status output <<< "$line$part"
		line=
		[ "$got" = "$id" ] || continue
		base64 -d <<< "$output"
		exit "$status"
	done
	exit 255
)

# Gives a command after which the guest has no time to answer.
vm_run_unanswered() ( # NAME COMMAND
	vm_take_port "$LAB_DIR/$1" || exit 255
	echo "run $BASHPID.$RANDOM 60 $(echo "$2" | base64 -w 0)" >&"$to"
)

# Opens a port that is free, as $to and $from, until the subshell ends.
vm_take_port() { # DIRECTORY
	local i lock

	for ((i = 0; i < VM_PORTS; i++)); do
		exec {lock}< "$1/run$i.lock" {to}<> "$1/run$i.in" \
			{from}<> "$1/run$i.out" || return
		flock -n "$lock" && return
		exec {lock}<&- {to}<&- {from}<&-
	done 2> /dev/null
	lab_say "$1: all $VM_PORTS ports are in use"
	return 1
}

# ---- QEMU ----

# vm_qmp NAME COMMAND [JSON]: prints what it returned; fails with the error.
# Events that come meanwhile are kept in NAME/events.
vm_qmp() (
	dir=$LAB_DIR/$1
	exec {lock}< "$dir" {to}<> "$dir/qmp.in" {from}<> "$dir/qmp.out" ||
		exit
	flock "$lock"
	if [ ! -e "$dir/events" ]; then
		: > "$dir/events"
		echo '{"execute": "qmp_capabilities", "id": "hello"}' >&"$to"
		vm_qmp_answer "$1" hello > /dev/null || exit
	fi
	id=$BASHPID.$RANDOM
	echo "{\"execute\": \"$2\", \"id\": \"$id\"${3:+, \"arguments\": $3}}" \
		>&"$to"
	vm_qmp_answer "$1" "$id"
)

vm_qmp_answer() { # NAME ID
	local end=$((SECONDS + VM_BOOT_S)) line='' part

	while [ $SECONDS -lt $end ]; do
		if ! IFS= read -r -t 1 part <&"$from"; then
			line+=$part
			vm_is_running "$1" || return
			continue
		fi
		line+=$part
		if [[ $line = *"\"id\": \"$2\""* ]]; then
			jq -e '.return // (.error | halt_error)' <<< "$line"
			return
		fi
		echo "$line" >> "$LAB_DIR/$1/events"
		line=
	done
	return 1
}
