/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Wrong configurations and the one line that is to be said about each, without
 * the file's name. The texts are meant to be read: whoever changes one in the
 * agent should find here that it still tells an operator what to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "control/config.h"

#define T(text) text, sizeof(text) - 1

/* clang-format off */
/* An uplink (1 line), a VM (4 lines), another, a VM whose device goes on. */
#define U "uplinks: [{name: wan, device: eth1}]\n"
#define V1 \
	"vms:\n- name: a\n  mac: 52:54:00:00:00:01\n" \
	"  device: {type: tap, name: t1}\n"
#define V2 \
	"- name: b\n  mac: 52:54:00:00:00:02\n" \
	"  device: {type: tap, name: t2}\n"
#define VETH \
	"vms:\n- name: a\n  mac: 52:54:00:00:00:01\n" \
	"  device:\n    type: veth\n    name: v1\n"

#define VHOST \
	"vms:\n- name: a\n  mac: 52:54:00:00:00:01\n" \
	"  device:\n    type: vhost-user\n"
#define Q1 VHOST "    socket: /s1\n"
#define Q2 \
	"- name: b\n  mac: 52:54:00:00:00:02\n" \
	"  device: {type: vhost-user, socket: /s2}\n"
#define T3 \
	"- name: c\n  mac: 52:54:00:00:00:03\n" \
	"  device: {type: tap, name: t3}\n"

/* Two uplinks (3 lines), the second with 3 queues. */
#define TWO \
	"uplinks:\n" \
	"- {name: wan, device: eth1, vlans: 7}\n" \
	"- {name: lan, device: eth2, vlans: [5, 6], queues: 3}\n"

/* Queue numbers: @tens and 0 to 7; what that leaves of 40 to 63. */
#define EIGHT(tens) \
	tens "0, " tens "1, " tens "2, " tens "3, " tens "4, " tens "5, " \
	tens "6, " tens "7, "
#define NINES "48, 49, 58, 59, 60, 61, 62, 63, "

/* What several of the lines say. */
#define NOT_DIGITS \
	"; write decimal digits only, without sign, unit, exponent, " \
	"spaces or leading zeros"
#define FRAMES_OF(min, max) \
	"must be a number of frames from " min " to " max ", or that many " \
	"bytes, such as 16MiB"
#define FRAMES FRAMES_OF("1024", "4194304")
#define NOT_FRAMES \
	"; write decimal digits only, or KiB, MiB or GiB right behind them, " \
	"without sign, fraction, exponent, spaces or leading zeros"
#define A_FRAME(n, size) \
	"; this is " n " of " size " bytes (memory.frame_size)"
#define RESERVES(agent) \
	"(reserve of the uplinks, times queues) + " agent " (memory.reserve)"
#define FIRST(vm, min, left) \
	"; the first that does not fit is VM \"" vm "\", whose pool.min is " \
	min " when " left " are left"
#define LOWER "; raise it, or lower one of these"
#define A_QUEUE "must be a number from 0 to 63 (queue number)"
#define NOT_UNIQUE_QUEUE(uplink) \
	"; a queue of uplink \"" uplink "\" is for one VM alone, or for all"
#define NO_UPLINK(vlan) \
	"no uplink has the VM's network (vlan " vlan "), so there are no " \
	"queues: remove it, or add the VLAN to an uplink's vlans"
#define LAST_QUEUE(n, uplink) \
	"is the last of " n " queues of uplink \"" uplink "\"; one must be " \
	"left to share, for broadcasts and all other packets"
#define NOT_ISOLATED \
	"needs uplink_queues: packets for the VM can only be placed in its " \
	"own memory where they come in on queues of its own"
#define A_MAC "must be a unicast MAC address such as 52:54:00:12:34:56"
#define MACS ", or a list of 1 to 16 such values"
#define ODD_MAC \
	"; this one is a multicast address, because its first byte is odd"
#define AN_ADDR \
	"must be an IPv4 or IPv6 address such as 192.0.2.7 or 2001:db8::7"
#define A_NAME \
	"must be a name of at most 31 characters: a-z and 0-9, after " \
	"the first also . _ -"
#define AN_IFNAME \
	"must be the name of a network device: at most 15 printable " \
	"characters, without space, / and :"
#define VLANS "must be all, a VLAN from 0 to 4094, or a range such as 100-199"
#define VLAN_LIST ", or a list of 1 to 4095 such values"
#define LISTEN \
	"must be off, or an address and a port such as " \
	"127.0.0.1:9750 or \"[::1]:9750\""
#define ENTRIES \
	"must be a list of entries with keys of their own (\"- key: " \
	"value\"), "
#define FRAME_MTU \
	"; a 4096-byte frame holds an MTU of at most 3498, a " \
	"2048-byte frame one of at most 1770"
#define NOT_UTF8 \
	"must be UTF-8 text without control characters; remove or " \
	"retype what stands here"
#define ROOT_KEYS \
	"known here: agent, memory, pools, workers, metrics, fdb, uplinks, vms, " \
	"bypass, classify"
#define VM_KEYS \
	"known here: name, mac, addresses, vlan, guest_tags, learn, " \
	"way, mtu, class, weight, rate, shape, device, pool, uplink_queues, " \
	"isolated"
#define AGENT_KEYS \
	"known here: bpffs, run_dir, control, log_level, " \
	"heartbeat_timeout_ms, metadata"
#define NO_TAGS "tags (\"!\") are not used here: remove it"
#define A_MODE \
	"must be an octal number from 0000 to 0777 with a leading 0, " \
	"such as 0660"
#define NOT_UNIQUE_MAC "; a MAC may stand once in a network (vlan)"
#define NOT_UNIQUE_ADDR "; an address may stand once in a network (vlan)"
#define NOT_UNIQUE_NAME "; uplinks and VMs need names of their own"
#define NOT_UNIQUE_DEV "; each uplink and VM needs a device of its own"
#define A_USER \
	"must be a user id, the name of a user of this host, or anybody"
#define A_NETNS \
	"must be a name in /run/netns or an absolute path, of at " \
	"most 255 printable characters"
#define A_PATH "must be an absolute path of at most 255 bytes, printable"
#define KEY_VALUES "must be \"key: value\" lines, indented below it"
#define TAP_ONLY "is for taps only, and this device is a veth: remove it"
#define VETH_ONLY "is for veths only, and this device is a tap: remove it"
#define MISSING "missing: is required, and "
#define NO_VHOST(type) \
	"is for vhost-user only, and this device is a " type ": remove it"
#define NO_NETDEV \
	"is for veths and taps only, and this device is vhost-user, which " \
	"is a socket: remove it"
#define A_SOCKET "must be an absolute path of at most 107 bytes, printable"
#define NOT_UNIQUE_SOCKET "; each VM needs a socket of its own"
#define ONE_OF(n) \
	"must have one of the keys vms, vlan and class, and has " n \
	"; write a rule for each"
#define VM_LIST \
	"must be the name of a VM, in a list of 2 to 240 such values"

static const struct row {
	const char *text;
	size_t len;
	const char *error;
} rows[] = {
	/* ---- the text ---- */
	{ T(""),
	  "1:1: uplinks: " MISSING ENTRIES "1 to 8 of them" },
	{ T("# nothing but a comment\n"),
	  "1:1: uplinks: " MISSING ENTRIES "1 to 8 of them" },
	{ T("just words\n"),
	  "1:1: (file): \"just words\": must be \"key: value\" lines" },
	{ T("a\000b: 1\n"),
	  "1:2: (file): byte 0x00: " NOT_UTF8 },
	{ T(U "# caf\351\n"),
	  "2:6: (file): byte 0xe9: " NOT_UTF8 },
	{ T(U "vms: \355\240\200\n"),
	  "2:6: (file): byte 0xed: " NOT_UTF8 },
	{ T(U "# \342\200\250\n"),
	  "2:3: (file): byte 0xe2: " NOT_UTF8 },
	{ T("\377\376u\000\n" "\000"),
	  "1:1: (file): byte 0xff: " NOT_UTF8 },
	/* ---- the syntax ---- */
	{ T("agent:\n" "\tbpffs: /a\n"),
	  "2:1: (file): \"\\tbpffs: /a\": no value can begin with this "
	  "character; indent with spaces, not tabs, and put a value "
	  "that begins with @, % or ` in quotes" },
	{ T("agent:\n" "  bpffs: /a\n" " run_dir: /b\n"),
	  "3:2: (file): \"run_dir: /b\": a \"key: value\" must stand "
	  "here, indented like the keys above it" },
	{ T("uplinks: [{name: wan, device: eth1}\n" "vms: []\n"),
	  "1:10: (file): \"uplinks: [{name: wan, device: eth1}\": the "
	  "list that begins here lacks a comma or its closing ]; put a "
	  "value that itself begins with [ in quotes" },
	{ T("uplinks: [a, b\n"),
	  "1:10: (file): \"uplinks: [a, b\": the list that begins here "
	  "lacks a comma or its closing ]; put a value that itself "
	  "begins with [ in quotes" },
	{ T("agent: {bpffs: /a\n"),
	  "1:8: (file): \"agent: {bpffs: /a\": the mapping that begins "
	  "here lacks a comma or its closing }" },
	{ T("agent: \"no end\n" "vms: []\n"),
	  "1:8: (file): \"agent: \\\"no end\": the quote that begins "
	  "here is never closed" },
	{ T("agent: a: b\n"),
	  "1:9: (file): \"agent: a: b\": a \"key: value\" cannot stand "
	  "here; check the indentation, and put a value that contains "
	  "\": \" in quotes" },
	{ T("agent\n" "vms: []\n"),
	  "2:4: (file): \"vms: []\": a \"key: value\" cannot stand "
	  "here; check the indentation, and put a value that contains "
	  "\": \" in quotes" },
	{ T("metrics:\n" "  listen: [::1]:9750\n"),
	  "2:12: (file): \"listen: [::1]:9750\": a value must stand "
	  "here; put one that begins with [ or { in quotes" },
	{ T("agent:\n" "  bpffs: @dir\n"),
	  "2:10: (file): \"bpffs: @dir\": no value can begin with this "
	  "character; indent with spaces, not tabs, and put a value "
	  "that begins with @, % or ` in quotes" },
	{ T("vms: - name: a\n"),
	  "1:6: (file): \"vms: - name: a\": a list entry (\"- \") "
	  "cannot stand here; begin the list on the line after its key" },
	{ T(U "---\n" U),
	  "2:1: (file): \"---\": a second document begins here; a file "
	  "holds one: remove the \"---\"" },
	{ T(U "...\n" U),
	  "3:1: (file): \"uplinks: [{name: wan, device: eth1}]\": a "
	  "file holds one document, and nothing behind its end (\"...\")" },
	{ T("%YAML 9.9\n" "---\n" U),
	  "1:1: (file): \"%YAML 9.9\": must be YAML: found "
	  "incompatible YAML document" },
	{ T("# x\n%TAG ! tag:x,2000:\n---\n" U),
	  "2:1: (file): \"%TAG\": tags (\"!\") are not used here: remove "
	  "the line" },
	{ T(U "vms: !list []\n"),
	  "2:6: (file): \"vms: !list []\": " NO_TAGS },
	{ T(U "agent: !!map {}\n"),
	  "2:8: (file): \"agent: !!map {}\": " NO_TAGS },
	{ T(U "vms: *none\n"),
	  "2:6: (file): \"vms: *none\": the alias (\"*\") has no "
	  "anchor (\"&\") of that name above it" },
	{ T(U "vms: &a [*a]\n"),
	  "2:10: (file): \"vms: &a [*a]\": an alias (\"*\") must not "
	  "stand inside what it refers to" },
	{ T("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]\n"),
	  "1:17: (file): \"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]\": must "
	  "not be nested deeper than 16 levels" },
	{ T("a: {b: \"\\q\"}\n"),
	  "1:9: (file): \"a: {b: \\\"\\\\q\\\"}\": must be YAML: while "
	  "parsing a quoted scalar, found unknown escape character" },
	/* ---- keys ---- */
	{ T(U "agnet: {}\n"),
	  "2:1: agnet: \"agnet\": is no key here; did you mean "
	  "\"agent\"? " ROOT_KEYS },
	{ T(U "colour: red\n"),
	  "2:1: colour: \"colour\": is no key here; " ROOT_KEYS },
	{ T(U "mtu: 1500\n"),
	  "2:1: mtu: \"mtu\": is no key here; it belongs elsewhere, as "
	  "vms[].mtu; " ROOT_KEYS },
	{ T(U "agent: {bpfs: /a}\n"),
	  "2:9: agent.bpfs: \"bpfs\": is no key here; did you mean "
	  "\"bpffs\"? " AGENT_KEYS },
	{ T(U V1 "  vlna: 3\n"),
	  "6:3: vms[0].vlna: \"vlna\": is no key here; did you mean "
	  "\"vlan\"? " VM_KEYS },
	{ T(U V1 "  peer: eth0\n"),
	  "6:3: vms[0].peer: \"peer\": is no key here; it belongs "
	  "elsewhere, as vms[].device.peer; " VM_KEYS },
	{ T(U "\"a\\0gent\": {}\n"),
	  "2:1: a\\x00gent: \"a\\x00gent\": is no key here; " ROOT_KEYS },
	{ T(U "agent: {\"\\e[31m\": 1}\n"),
	  "2:9: agent.\\x1b[31m: \"\\x1b[31m\": is no key here; " AGENT_KEYS },
	{ T(U "? [a]\n" ": b\n"),
	  "2:3: (file): a list: a key must be a word" },
	{ T(U "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	  ": 1\n"),
	  "2:1: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: "
	  "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\": is no key "
	  "here; " ROOT_KEYS },
	{ T(U "<<: {}\n"),
	  "2:1: <<: \"<<\": is no key here; merge keys are not "
	  "supported; write the keys out" },
	{ T(U "\"\": 1\n"),
	  "2:1: \"\": \"\": is no key here; " ROOT_KEYS },
	{ T(U "memory: {frames: 2048}\n" "memory: {frames: 4096}\n"),
	  "3:1: memory: \"memory\": is given twice; it is already in "
	  "line 2" },
	{ T(U "memory:\n" "  frames: 4096\n" "  frame_size: 4096\n"
	  "  frames: 4096\n"),
	  "5:3: memory.frames: \"frames\": is given twice; it is "
	  "already in line 3" },
	{ T(U V1 "  name: c\n"),
	  "6:3: vms[0].name: \"name\": is given twice; it is already "
	  "in line 3" },
	{ T("vms: []\n"),
	  "1:1: uplinks: " MISSING ENTRIES "1 to 8 of them" },
	{ T("uplinks:\n" "- name: wan\n"),
	  "2:3: uplinks[0].device: " MISSING AN_IFNAME },
	{ T("uplinks:\n" "- device: eth1\n"),
	  "2:3: uplinks[0].name: " MISSING A_NAME },
	{ T("uplinks:\n"),
	  "1:9: uplinks: no value: " ENTRIES "1 to 8 of them" },
	{ T("uplinks: []\n"),
	  "1:10: uplinks: 0 entries: must have 1 to 8 entries" },
	{ T(U "vms:\n" "- name: a\n"),
	  "3:3: vms[0].mac: " MISSING A_MAC MACS },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"),
	  "3:3: vms[0].device: " MISSING KEY_VALUES },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {name: t1}\n"),
	  "5:11: vms[0].device.type: " MISSING
	  "must be veth, tap or vhost-user" },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap}\n"),
	  "5:11: vms[0].device.name: missing: is required with \"type: "
	  "tap\": the name of the network device on the host" },
	{ T(U "vms:\n" "-\n"),
	  "3:2: vms[0].name: " MISSING A_NAME },
	{ T(U "fdb: {static: [{mac: 52:54:00:00:00:09}]}\n"),
	  "2:16: fdb.static[0].port: " MISSING
	  "must be the name of an uplink or a VM" },
	{ T(U "fdb: {static: [{port: wan}]}\n"),
	  "2:16: fdb.static[0].mac: " MISSING A_MAC },
	/* ---- types ---- */
	{ T(U "agent: 5\n"),
	  "2:8: agent: \"5\": " KEY_VALUES },
	{ T(U "agent: []\n"),
	  "2:8: agent: a list: " KEY_VALUES },
	{ T(U "vms: {}\n"),
	  "2:6: vms: a mapping: " ENTRIES "0 to 240 of them" },
	{ T(U "vms: web1\n"),
	  "2:6: vms: \"web1\": " ENTRIES "0 to 240 of them" },
	{ T(U "vms: [web1]\n"),
	  "2:7: vms[0]: \"web1\": must be \"key: value\" lines" },
	{ T("uplinks: {name: wan}\n"),
	  "1:10: uplinks: a mapping: " ENTRIES "1 to 8 of them" },
	{ T(U "fdb: {static: {}}\n"),
	  "2:15: fdb.static: a mapping: " ENTRIES "0 to 4096 of them" },
	{ T(U "memory: {frames: }\n"),
	  "2:18: memory.frames: no value: " FRAMES },
	{ T(U "memory: {frames: [4096]}\n"),
	  "2:18: memory.frames: a list: " FRAMES },
	{ T(U "memory: {frames: {a: b}}\n"),
	  "2:18: memory.frames: a mapping: " FRAMES },
	{ T(U "agent: {bpffs: null}\n"),
	  "2:16: agent.bpffs: no value: " A_PATH },
	{ T(U V1 "  addresses: [[]]\n"),
	  "6:15: vms[0].addresses[0]: a list: " AN_ADDR },
	{ T(U V1 "  addresses: [~]\n"),
	  "6:15: vms[0].addresses[0]: no value: " AN_ADDR },
	{ T("uplinks: [{name: wan, device: eth1, vlans: {}}]\n"),
	  "1:44: uplinks[0].vlans: a mapping: " VLANS VLAN_LIST },
	{ T("uplinks: [{name: wan, device: eth1, learn: 1}]\n"),
	  "1:44: uplinks[0].learn: \"1\": must be true or false; write "
	  "true" },
	{ T(U V1 "  learn: yes\n"),
	  "6:10: vms[0].learn: \"yes\": must be true or false; write true" },
	{ T(U V1 "  learn: \"Off\"\n"),
	  "6:10: vms[0].learn: \"Off\": must be true or false; write "
	  "false" },
	{ T(U V1 "  learn: True\n"),
	  "6:10: vms[0].learn: \"True\": must be true or false; write "
	  "true" },
	/* ---- numbers ---- */
	{ T(U "memory: {frames: 1e5}\n"),
	  "2:18: memory.frames: \"1e5\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: 0x10000}\n"),
	  "2:18: memory.frames: \"0x10000\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: \" 65536\"}\n"),
	  "2:18: memory.frames: \" 65536\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: +65536}\n"),
	  "2:18: memory.frames: \"+65536\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: -65536}\n"),
	  "2:18: memory.frames: \"-65536\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: 64k}\n"),
	  "2:18: memory.frames: \"64k\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: 065536}\n"),
	  "2:18: memory.frames: \"065536\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: 65_536}\n"),
	  "2:18: memory.frames: \"65_536\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: 1023}\n"),
	  "2:18: memory.frames: \"1023\": " FRAMES },
	{ T(U "memory: {frames: 4194305}\n"),
	  "2:18: memory.frames: \"4194305\": " FRAMES },
	{ T(U "memory: {frames: 99999999999999999999999}\n"),
	  "2:18: memory.frames: \"99999999999999999999999\": " FRAMES },
	{ T(U "memory: {frames: \"65536\\0\"}\n"),
	  "2:18: memory.frames: \"65536\\x00\": " FRAMES },
	{ T(U "memory: {frames: \"6\\n" "5\"}\n"),
	  "2:18: memory.frames: \"6\\n" "5\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: \"\\u0667\"}\n"),
	  "2:18: memory.frames: \"\\u0667\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: 4M}\n"),
	  "2:18: memory.frames: \"4M\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: 1.5MiB}\n"),
	  "2:18: memory.frames: \"1.5MiB\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: 64 MiB}\n"),
	  "2:18: memory.frames: \"64 MiB\": " FRAMES NOT_FRAMES },
	{ T(U "memory: {frames: \"64MiB\\0\"}\n"),
	  "2:18: memory.frames: \"64MiB\\x00\": " FRAMES },
	/* Bytes: the frame's size may be the default, or stand below. */
	{ T(U "memory: {frames: 16380KiB}\n"),
	  "2:18: memory.frames: \"16380KiB\": must be at least 4096 frames: 0 "
	  "(pool.min of 0 VMs) + 2048 (out_max of the uplinks) + 1024 "
	  RESERVES("1024") LOWER },
	{ T(U "memory: {frames: 4092KiB}\n"),
	  "2:18: memory.frames: \"4092KiB\": " FRAMES A_FRAME("1023", "4096")
	},
	{ T(U "memory: {frames: 2046KiB, frame_size: 2048}\n"),
	  "2:18: memory.frames: \"2046KiB\": " FRAMES A_FRAME("1023", "2048")
	},
	{ T(U "memory: {frames: 17GiB}\n"),
	  "2:18: memory.frames: \"17GiB\": " FRAMES A_FRAME("4456448", "4096")
	},
	{ T(U "memory: {frames: 99999999999GiB}\n"),
	  "2:18: memory.frames: \"99999999999GiB\": " FRAMES },
	{ T(U "memory: {frames: 4092KiB, frame_size: 8192}\n"),
	  "2:18: memory.frames: \"4092KiB\": " FRAMES A_FRAME("1023", "4096")
	},
	{ T(U "memory: {frames: 4MiB, frame_size: [2048]}\n"),
	  "2:36: memory.frame_size: a list: must be 2048 or 4096 (bytes)" },
	{ T(U "memory: {frame_size: 1024}\n"),
	  "2:22: memory.frame_size: \"1024\": must be 2048 or 4096 "
	  "(bytes)" },
	{ T(U "memory: {frame_size: 4k}\n"),
	  "2:22: memory.frame_size: \"4k\": must be 2048 or 4096 (bytes)" },
	{ T(U "memory: {hugepages: yes}\n"),
	  "2:21: memory.hugepages: \"yes\": must be auto, require or off" },
	{ T(U "memory: {hugepages: Auto}\n"),
	  "2:21: memory.hugepages: \"Auto\": must be auto, require or off" },
	{ T(U "agent: {log_level: verbose}\n"),
	  "2:20: agent.log_level: \"verbose\": must be error, warning, "
	  "info or debug" },
	{ T(U "agent: {heartbeat_timeout_ms: 99}\n"),
	  "2:31: agent.heartbeat_timeout_ms: \"99\": must be a number "
	  "from 100 to 60000 (milliseconds)" },
	{ T(U "agent: {control: {mode: 660}}\n"),
	  "2:25: agent.control.mode: \"660\": " A_MODE },
	{ T(U "agent: {control: {mode: 01777}}\n"),
	  "2:25: agent.control.mode: \"01777\": " A_MODE },
	{ T(U "agent: {control: {mode: 0o}}\n"),
	  "2:25: agent.control.mode: \"0o\": " A_MODE },
	{ T(U "workers: {idle_us: 10001}\n"),
	  "2:20: workers.idle_us: \"10001\": must be a number from 0 "
	  "to 10000 (microseconds)" },
	{ T(U "workers: {cores: [0, 1024]}\n"),
	  "2:22: workers.cores[1]: \"1024\": must be a number from 0 "
	  "to 1023 (CPU number)" },
	{ T(U "workers: {cores: [2, 3, 2]}\n"),
	  "2:25: workers.cores[2]: \"2\": is already workers.cores[0]; "
	  "a CPU has one worker" },
	{ T(U "workers: {cores: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, "
	  "13, 14, 15, 16]}\n"),
	  "2:18: workers.cores: 17 entries: must have 0 to 16 entries" },
	{ T(U "workers: {cores: 2-5}\n"),
	  "2:18: workers.cores: \"2-5\": must be a number from 0 to "
	  "1023 (CPU number), or a list of 0 to 16 such values" NOT_DIGITS },
	{ T(U "fdb: {ageing_s: 9}\n"),
	  "2:17: fdb.ageing_s: \"9\": must be a number from 10 to "
	  "86400 (seconds)" },
	{ T(U "fdb: {limit: 16385}\n"),
	  "2:14: fdb.limit: \"16385\": must be a number from 1 to "
	  "16384 (entries)" },
	{ T("uplinks: [{name: wan, device: eth1, queues: 65}]\n"),
	  "1:45: uplinks[0].queues: \"65\": must be a number from 0 to "
	  "64 (queues)" },
	{ T("uplinks: [{name: wan, device: eth1, mtu: 9000}]\n"),
	  "1:42: uplinks[0].mtu: \"9000\": must be 0 or a number from "
	  "576 to 3498 (bytes)" FRAME_MTU },
	{ T("uplinks: [{name: wan, device: eth1, mtu: 575}]\n"),
	  "1:42: uplinks[0].mtu: \"575\": must be 0 or a number from "
	  "576 to 3498 (bytes)" FRAME_MTU },
	{ T("uplinks: [{name: wan, device: eth1, reserve: 127}]\n"),
	  "1:46: uplinks[0].reserve: \"127\": "
	  FRAMES_OF("128", "65536") },
	{ T("uplinks: [{name: wan, device: eth1, out_max: 63}]\n"),
	  "1:46: uplinks[0].out_max: \"63\": "
	  FRAMES_OF("64", "65536") },
	{ T("uplinks: [{name: wan, device: eth1, zero_copy: true}]\n"),
	  "1:48: uplinks[0].zero_copy: \"true\": must be auto, require "
	  "or off" },
	{ T("uplinks: [{name: wan, device: eth1, way: xdp}]\n"),
	  "1:42: uplinks[0].way: \"xdp\": must be kernel or agent" },
	{ T(U V1 "  vlan: 4095\n"),
	  "6:9: vms[0].vlan: \"4095\": must be a number from 0 to 4094 "
	  "(VLAN)" },
	{ T(U V1 "  class: 8\n"),
	  "6:10: vms[0].class: \"8\": must be a number from 0 to 7 "
	  "(traffic class)" },
	{ T(U V1 "  mtu: 3499\n"),
	  "6:8: vms[0].mtu: \"3499\": must be a number from 576 to "
	  "3498 (bytes)" FRAME_MTU },
	{ T(U V1 "  mtu: 0\n"),
	  "6:8: vms[0].mtu: \"0\": must be a number from 576 to 3498 "
	  "(bytes)" FRAME_MTU },
	{ T(U V1 "  pool: {initial: 63}\n"),
	  "6:19: vms[0].pool.initial: \"63\": "
	  FRAMES_OF("64", "1048576") },
	{ T(U V1 "  pool: {min: 252KiB}\n"),
	  "6:15: vms[0].pool.min: \"252KiB\": "
	  FRAMES_OF("64", "1048576") A_FRAME("63", "4096") },
	{ T(U V1 "  pool: {max: 1048577}\n"),
	  "6:15: vms[0].pool.max: \"1048577\": "
	  FRAMES_OF("64", "1048576") },
	{ T(U "memory: {reserve: 255}\n"),
	  "2:19: memory.reserve: \"255\": " FRAMES_OF("256", "65536") },
	{ T(U "memory: {reserve: 257MiB}\n"),
	  "2:19: memory.reserve: \"257MiB\": " FRAMES_OF("256", "65536")
	  A_FRAME("65792", "4096") },
	{ T(U "pools: {batch: 15}\n"),
	  "2:16: pools.batch: \"15\": must be a number from 16 to 1024 "
	  "(frames)" },
	{ T(U "pools: {batch: 1025}\n"),
	  "2:16: pools.batch: \"1025\": must be a number from 16 to 1024 "
	  "(frames)" },
	{ T(U "pools: {window_ms: 9}\n"),
	  "2:20: pools.window_ms: \"9\": must be a number from 10 to 10000 "
	  "(milliseconds)" },
	{ T(U "pools: {window_ms: 10001}\n"),
	  "2:20: pools.window_ms: \"10001\": must be a number from 10 to "
	  "10000 (milliseconds)" },
	{ T(U "pools: {pressure: 1}\n"),
	  "2:19: pools.pressure: \"1\": must be true or false; write true" },
	/* ---- names, paths and addresses ---- */
	{ T("uplinks: [{name: Wan, device: eth1}]\n"),
	  "1:18: uplinks[0].name: \"Wan\": " A_NAME },
	{ T("uplinks: [{name: -wan, device: eth1}]\n"),
	  "1:18: uplinks[0].name: \"-wan\": " A_NAME },
	{ T("uplinks: [{name: \"\", device: eth1}]\n"),
	  "1:18: uplinks[0].name: \"\": " A_NAME },
	{ T("uplinks: [{name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, device: "
	  "eth1}]\n"),
	  "1:18: uplinks[0].name: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": "
	  A_NAME "; this one is too long" },
	{ T("uplinks: [{name: wan, device: eth/1}]\n"),
	  "1:31: uplinks[0].device: \"eth/1\": " AN_IFNAME },
	{ T("uplinks: [{name: wan, device: abcdefghijklmnop}]\n"),
	  "1:31: uplinks[0].device: \"abcdefghijklmnop\": " AN_IFNAME
	  "; this one is too long" },
	{ T("uplinks: [{name: wan, device: \"..\"}]\n"),
	  "1:31: uplinks[0].device: \"..\": " AN_IFNAME },
	{ T("uplinks: [{name: wan, device: \"eth\\u00a01\"}]\n"),
	  "1:31: uplinks[0].device: \"eth\\u00a01\": " AN_IFNAME },
	{ T("uplinks: [{name: wan, device: \"eth1:0\"}]\n"),
	  "1:31: uplinks[0].device: \"eth1:0\": " AN_IFNAME },
	{ T(U "agent: {bpffs: sys/fs/bpf}\n"),
	  "2:16: agent.bpffs: \"sys/fs/bpf\": " A_PATH },
	{ T(U "agent: {run_dir: /rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
	  "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
	  "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
	  "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
	  "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr}\n"),
	  "2:18: agent.run_dir: "
	  "\"/rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr...\": " A_PATH },
	{ T(U "agent: {run_dir: /rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
	  "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr}\n"),
	  "2:18: agent.run_dir: "
	  "\"/rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr...\": is too "
	  "long for the control socket in it; shorten it, or set "
	  "agent.control.path to a path of at most 107 bytes" },
	{ T(U "agent: {control: {path: "
	  "/ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
	  "pppppppppppppppppppppppppppppppppppppppppppppppp}}\n"),
	  "2:25: agent.control.path: "
	  "\"/ppppppppppppppppppppppppppppppppppppppp...\": must be an "
	  "absolute path of at most 107 bytes, printable" },
	{ T(U "agent: {bpffs: \"/a\\tb\"}\n"),
	  "2:16: agent.bpffs: \"/a\\tb\": " A_PATH },
	{ T(U "agent: {control: {group: \"a b\"}}\n"),
	  "2:26: agent.control.group: \"a b\": must be a group name of "
	  "at most 31 characters, or none" },
	{ T(U "metrics: {listen: 9750}\n"),
	  "2:19: metrics.listen: \"9750\": " LISTEN },
	{ T(U "metrics: {listen: 127.0.0.1}\n"),
	  "2:19: metrics.listen: \"127.0.0.1\": " LISTEN },
	{ T(U "metrics: {listen: \"127.0.0.1:0\"}\n"),
	  "2:19: metrics.listen: \"127.0.0.1:0\": " LISTEN
	  "; the port is a number from 1 to 65535" },
	{ T(U "metrics: {listen: 127.0.0.1:65536}\n"),
	  "2:19: metrics.listen: \"127.0.0.1:65536\": " LISTEN
	  "; the port is a number from 1 to 65535" },
	{ T(U "metrics: {listen: localhost:9750}\n"),
	  "2:19: metrics.listen: \"localhost:9750\": " LISTEN
	  "; write a numeric IPv4 address, or an IPv6 address in brackets" },
	{ T(U "metrics: {listen: \"[127.0.0.1]:9750\"}\n"),
	  "2:19: metrics.listen: \"[127.0.0.1]:9750\": " LISTEN
	  "; in brackets stands an IPv6 address" },
	{ T(U "metrics: {listen: \"[::1]\"}\n"),
	  "2:19: metrics.listen: \"[::1]\": " LISTEN },
	{ T(U "metrics: {listen: \"::1:9750\"}\n"),
	  "2:19: metrics.listen: \"::1:9750\": " LISTEN
	  "; write a numeric IPv4 address, or an IPv6 address in brackets" },
	{ T(U "metrics: {listen: false}\n"),
	  "2:19: metrics.listen: \"false\": " LISTEN },
	{ T(U "metrics: {listen: \":9750\"}\n"),
	  "2:19: metrics.listen: \":9750\": " LISTEN
	  "; write a numeric IPv4 address, or an IPv6 address in brackets" },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00\n"
	  "  device: {type: tap, name: t1}\n"),
	  "4:8: vms[0].mac: \"52:54:00:00:00\": " A_MAC MACS },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52-54-00-00-00-01\n"
	  "  device: {type: tap, name: t1}\n"),
	  "4:8: vms[0].mac: \"52-54-00-00-00-01\": " A_MAC MACS },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:0g\n"
	  "  device: {type: tap, name: t1}\n"),
	  "4:8: vms[0].mac: \"52:54:00:00:00:0g\": " A_MAC MACS },
	{ T(U "vms:\n" "- name: a\n" "  mac: 01:00:5e:00:00:01\n"
	  "  device: {type: tap, name: t1}\n"),
	  "4:8: vms[0].mac: \"01:00:5e:00:00:01\": " A_MAC MACS ODD_MAC },
	{ T(U "vms:\n" "- name: a\n" "  mac: 00:00:00:00:00:00\n"
	  "  device: {type: tap, name: t1}\n"),
	  "4:8: vms[0].mac: \"00:00:00:00:00:00\": " A_MAC MACS
	  "; all zeros is no address" },
	{ T(U "vms:\n" "- name: a\n" "  mac: []\n"
	  "  device: {type: tap, name: t1}\n"),
	  "4:8: vms[0].mac: 0 entries: must have 1 to 16 entries" },
	{ T(U "vms:\n" "- name: a\n" "  mac: [52:54:00:00:00:01, 0]\n"
	  "  device: {type: tap, name: t1}\n"),
	  "4:28: vms[0].mac[1]: \"0\": " A_MAC },
	{ T(U "vms:\n" "- name: a\n"
	  "  mac: [52:54:00:00:00:01, 52:54:00:00:00:02, "
	  "53:54:00:00:00:02]\n" "  device: {type: tap, name: t1}\n"),
	  "4:47: vms[0].mac[2]: \"53:54:00:00:00:02\": " A_MAC ODD_MAC },
	{ T(U V1 "  addresses: [192.0.2.1/24]\n"),
	  "6:15: vms[0].addresses[0]: \"192.0.2.1/24\": " AN_ADDR
	  "; leave the prefix length out" },
	{ T(U V1 "  addresses: [192.0.2.256]\n"),
	  "6:15: vms[0].addresses[0]: \"192.0.2.256\": " AN_ADDR },
	{ T(U V1 "  addresses: [192.0.2]\n"),
	  "6:15: vms[0].addresses[0]: \"192.0.2\": " AN_ADDR },
	{ T(U V1 "  addresses: [224.0.0.1]\n"),
	  "6:15: vms[0].addresses[0]: \"224.0.0.1\": " AN_ADDR
	  "; multicast and broadcast are no source addresses" },
	{ T(U V1 "  addresses: [255.255.255.255]\n"),
	  "6:15: vms[0].addresses[0]: \"255.255.255.255\": " AN_ADDR
	  "; multicast and broadcast are no source addresses" },
	{ T(U V1 "  addresses: [ff02::1]\n"),
	  "6:15: vms[0].addresses[0]: \"ff02::1\": " AN_ADDR
	  "; multicast and broadcast are no source addresses" },
	{ T(U V1 "  addresses: [\"fe80::1%eth0\"]\n"),
	  "6:15: vms[0].addresses[0]: \"fe80::1%eth0\": " AN_ADDR },
	{ T(U V1 "  addresses: [host.example]\n"),
	  "6:15: vms[0].addresses[0]: \"host.example\": " AN_ADDR },
	{ T(U V1 "  addresses: 192.0.2.999\n"),
	  "6:14: vms[0].addresses: \"192.0.2.999\": " AN_ADDR
	  ", or a list of 0 to 1024 such values" },
	{ T("uplinks: [{name: wan, device: eth1, vlans: []}]\n"),
	  "1:44: uplinks[0].vlans: 0 entries: must have 1 to 4095 entries" },
	{ T("uplinks: [{name: wan, device: eth1, vlans: 4095}]\n"),
	  "1:44: uplinks[0].vlans: \"4095\": " VLANS VLAN_LIST },
	{ T("uplinks: [{name: wan, device: eth1, vlans: [5, 10-4095]}]\n"),
	  "1:48: uplinks[0].vlans[1]: \"10-4095\": " VLANS },
	{ T("uplinks: [{name: wan, device: eth1, vlans: [20-10]}]\n"),
	  "1:45: uplinks[0].vlans[0]: \"20-10\": " VLANS
	  "; a range begins with the lower number" },
	{ T("uplinks: [{name: wan, device: eth1, vlans: \"1-2-3\"}]\n"),
	  "1:44: uplinks[0].vlans: \"1-2-3\": " VLANS VLAN_LIST },
	{ T("uplinks: [{name: wan, device: eth1, vlans: -5}]\n"),
	  "1:44: uplinks[0].vlans: \"-5\": " VLANS VLAN_LIST },
	{ T("uplinks: [{name: wan, device: eth1, vlans: \"99999999-3\"}]\n"),
	  "1:44: uplinks[0].vlans: \"99999999-3\": " VLANS VLAN_LIST },
	{ T(U VETH "    netns: ../x\n" "    peer: e\n"),
	  "8:12: vms[0].device.netns: \"../x\": " A_NETNS },
	{ T(U VETH "    netns: ..\n" "    peer: e\n"),
	  "8:12: vms[0].device.netns: \"..\": " A_NETNS },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap, name: t1, owner: no-such-user}\n"),
	  "5:40: vms[0].device.owner: \"no-such-user\": " A_USER
	  "; there is no such user" },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap, name: t1, owner: 4294967295}\n"),
	  "5:40: vms[0].device.owner: \"4294967295\": " A_USER },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: macvtap, name: t1}\n"),
	  "5:18: vms[0].device.type: \"macvtap\": must be veth, tap or "
	  "vhost-user" },
	/* ---- things that must be unique ---- */
	{ T(U V1 "- name: a\n" "  mac: 52:54:00:00:00:02\n"
	  "  device: {type: tap, name: t2}\n"),
	  "6:9: vms[1].name: \"a\": is already vms[0].name (line 3)"
	  NOT_UNIQUE_NAME },
	{ T(U "vms:\n" "- name: wan\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap, name: t1}\n"),
	  "3:9: vms[0].name: \"wan\": is already uplinks[0].name (line 1)"
	  NOT_UNIQUE_NAME },
	{ T("uplinks:\n" "- {name: wan, device: eth1, vlans: 1}\n"
	  "- {name: wan, device: eth2, vlans: 2}\n"),
	  "3:10: uplinks[1].name: \"wan\": is already uplinks[0].name "
	  "(line 2)" NOT_UNIQUE_NAME },
	{ T(U V1 "- name: b\n" "  mac: 52:54:00:00:00:02\n"
	  "  device: {type: tap, name: t1}\n"),
	  "8:29: vms[1].device.name: \"t1\": is already "
	  "vms[0].device.name (line 5)" NOT_UNIQUE_DEV },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap, name: eth1}\n"),
	  "5:29: vms[0].device.name: \"eth1\": is already "
	  "uplinks[0].device (line 1)" NOT_UNIQUE_DEV },
	{ T("uplinks:\n" "- {name: wan, device: eth1, vlans: 1}\n"
	  "- {name: lan, device: eth1, vlans: 2}\n"),
	  "3:23: uplinks[1].device: \"eth1\": is already "
	  "uplinks[0].device (line 2)" NOT_UNIQUE_DEV },
	{ T(U V1 "- name: b\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap, name: t2}\n"),
	  "7:8: vms[1].mac: \"52:54:00:00:00:01\": is already "
	  "vms[0].mac (line 4)" NOT_UNIQUE_MAC },
	{ T(U V1 "- name: b\n"
	  "  mac: [52:54:00:00:00:03, 52:54:00:00:00:01]\n"
	  "  device: {type: tap, name: t2}\n"),
	  "7:28: vms[1].mac[1]: \"52:54:00:00:00:01\": is already "
	  "vms[0].mac (line 4)" NOT_UNIQUE_MAC },
	{ T(U "vms:\n" "- name: a\n"
	  "  mac: [52:54:00:00:00:01, 52:54:00:00:00:01]\n"
	  "  device: {type: tap, name: t1}\n"),
	  "4:28: vms[0].mac[1]: \"52:54:00:00:00:01\": is already "
	  "vms[0].mac[0] (line 4)" NOT_UNIQUE_MAC },
	{ T(U V1 "  vlan: 7\n" "- name: b\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap, name: t2}\n" "  vlan: 7\n"),
	  "8:8: vms[1].mac: \"52:54:00:00:00:01\": is already "
	  "vms[0].mac (line 4)" NOT_UNIQUE_MAC },
	{ T(U V1 "fdb: {static: [{mac: 52:54:00:00:00:01, port: wan}]}\n"),
	  "6:22: fdb.static[0].mac: \"52:54:00:00:00:01\": is already "
	  "vms[0].mac (line 4)" NOT_UNIQUE_MAC },
	{ T(U "fdb:\n" "  static:\n"
	  "  - {mac: 52:54:00:00:00:09, vlan: 3, port: wan}\n"
	  "  - {mac: 52:54:00:00:00:09, vlan: 3, port: wan}\n"),
	  "5:11: fdb.static[1].mac: \"52:54:00:00:00:09\": is already "
	  "fdb.static[0].mac (line 4)" NOT_UNIQUE_MAC },
	{ T(U V1 "  addresses: [192.0.2.1, 192.0.2.2]\n" V2
	  "  addresses: [192.0.2.3, 192.0.2.2]\n"),
	  "10:26: vms[1].addresses[1]: \"192.0.2.2\": is already "
	  "vms[0].addresses[1] (line 6)" NOT_UNIQUE_ADDR },
	{ T(U V1 "  addresses: 192.0.2.1\n" V2 "  addresses: 192.0.2.1\n"),
	  "10:14: vms[1].addresses: \"192.0.2.1\": is already "
	  "vms[0].addresses (line 6)" NOT_UNIQUE_ADDR },
	{ T(U V1 "  addresses: [\"2001:db8::1\", \"2001:DB8:0::1\"]\n"),
	  "6:30: vms[0].addresses[1]: \"2001:DB8:0::1\": is already "
	  "vms[0].addresses[0] (line 6)" NOT_UNIQUE_ADDR },
	{ T("uplinks:\n" "- {name: wan, device: eth1}\n"
	  "- {name: lan, device: eth2}\n"),
	  "3:3: uplinks[1].vlans: all (default): has 4095 VLAN(s), the "
	  "first is 0, in common with uplinks[0].vlans; a VLAN has one "
	  "uplink: give each uplink a vlans list of its own" },
	{ T("uplinks:\n" "- {name: wan, device: eth1, vlans: [0, 10-20]}\n"
	  "- {name: lan, device: eth2, vlans: [30, 15-16]}\n"),
	  "3:36: uplinks[1].vlans: a list: has 2 VLAN(s), the first is "
	  "15, in common with uplinks[0].vlans; a VLAN has one uplink: "
	  "give each uplink a vlans list of its own" },
	{ T(U "vms:\n"
	  "- {name: a, mac: 52:54:00:00:00:01, device: {type: veth, "
	  "name: v1, peer: eth0, netns: x}}\n"
	  "- {name: b, mac: 52:54:00:00:00:02, device: {type: veth, "
	  "name: v2, peer: eth0, netns: /run/netns/x}}\n"),
	  "4:74: vms[1].device.peer: \"eth0\": is already "
	  "vms[0].device.peer (line 3) in the same netns; each VM "
	  "needs a peer of its own" },
	/* ---- keys that go together ---- */
	{ T(U VETH "    create: true\n"),
	  "6:5: vms[0].device.peer: missing: is required with "
	  "\"create: true\": the name that the other end of the veth "
	  "pair gets" },
	{ T(U VETH "    create: true\n" "    peer: e\n"),
	  "6:5: vms[0].device.netns: missing: is required with peer: "
	  "the network namespace that the peer is in, or is put into" },
	{ T(U VETH "    netns: x\n"),
	  "6:5: vms[0].device.peer: missing: is required with netns: "
	  "the name of the other end of the veth pair in that namespace" },
	{ T(U VETH "    owner: 0\n"),
	  "8:12: vms[0].device.owner: \"0\": " TAP_ONLY },
	{ T(U VETH "    vnet_hdr: true\n"),
	  "8:15: vms[0].device.vnet_hdr: \"true\": " TAP_ONLY },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap, name: t1, peer: e}\n"),
	  "5:39: vms[0].device.peer: \"e\": " VETH_ONLY },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap, name: t1, netns: x}\n"),
	  "5:40: vms[0].device.netns: \"x\": " VETH_ONLY },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: veth, peer: e, netns: x}\n"),
	  "5:11: vms[0].device.name: missing: is required with \"type: "
	  "veth\": the name of the network device on the host" },
	/* ---- vhost-user ---- */
	{ T(U VHOST),
	  "6:5: vms[0].device.socket: missing: is required with \"type: "
	  "vhost-user\": the path of the socket between the agent and QEMU" },
	{ T(U VHOST "    socket: s1\n"),
	  "7:13: vms[0].device.socket: \"s1\": " A_SOCKET },
	{ T(U VHOST "    socket: \"\"\n"),
	  "7:13: vms[0].device.socket: \"\": " A_SOCKET },
	{ T(U VHOST "    socket: \"/s\\n\"\n"),
	  "7:13: vms[0].device.socket: \"/s\\n\": " A_SOCKET },
	{ T(U VHOST "    socket: /run/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"),
	  "7:13: vms[0].device.socket: \"/run/xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	  "xxxxxx...\": " A_SOCKET },
	{ T(U Q1 "    mode: listen\n"),
	  "8:11: vms[0].device.mode: \"listen\": must be client or server" },
	{ T(U Q1 "    mode: server\n" "    socket_mode: 660\n"),
	  "9:18: vms[0].device.socket_mode: \"660\": " A_MODE },
	{ T(U Q1 "    socket_mode: 0660\n"),
	  "8:18: vms[0].device.socket_mode: \"0660\": is for \"mode: server\" "
	  "only, because a client makes no socket: remove it" },
	{ T(U Q1 "    queues: 0\n"),
	  "8:13: vms[0].device.queues: \"0\": must be a number from 1 to 16 "
	  "(queue pairs)" },
	{ T(U Q1 "    queues: 17\n"),
	  "8:13: vms[0].device.queues: \"17\": must be a number from 1 to 16 "
	  "(queue pairs)" },
	{ T(U Q1 "    allow: root\n"),
	  "8:12: vms[0].device.allow: \"root\": " KEY_VALUES },
	{ T(U Q1 "    allow: {uid: no-such-user}\n"),
	  "8:18: vms[0].device.allow.uid: \"no-such-user\": " A_USER
	  "; there is no such user" },
	{ T(U Q1 "    allow: {cgroup: vm.slice}\n"),
	  "8:21: vms[0].device.allow.cgroup: \"vm.slice\": " A_PATH },
	{ T(U Q1 "    allow: {cgroup: /vm.slice/}\n"),
	  "8:21: vms[0].device.allow.cgroup: \"/vm.slice/\": must not end with "
	  "/: a cgroup's path never does" },
	{ T(U Q1 "    allow: {gid: 0}\n"),
	  "8:13: vms[0].device.allow.gid: \"gid\": is no key here; did you "
	  "mean \"uid\"? known here: uid, cgroup" },
	{ T(U Q1 "    offloads: {csum: on}\n"),
	  "8:22: vms[0].device.offloads.csum: \"on\": must be true or false; "
	  "write true" },
	{ T(U Q1 "    offloads: {csum: false, tso: true}\n"),
	  "8:34: vms[0].device.offloads.tso: \"true\": needs \"csum: true\": "
	  "the checksums of segments cannot be known before they are cut" },
	{ T(U Q1 "    offloads: {tso: false, gro: true}\n"),
	  "8:33: vms[0].device.offloads.gro: \"true\": needs \"tso: true\": "
	  "only a guest that was offered large packets can get merged ones" },
	{ T(U Q1 "    offloads: {csum: false, gro: true}\n"),
	  "8:34: vms[0].device.offloads.gro: \"true\": needs \"tso: true\": "
	  "only a guest that was offered large packets can get merged ones" },
	{ T(U Q1 "    moderation: {packets: 0}\n"),
	  "8:27: vms[0].device.moderation.packets: \"0\": must be a number "
	  "from 1 to 256 (packets)" },
	{ T(U Q1 "    moderation: {packets: 257}\n"),
	  "8:27: vms[0].device.moderation.packets: \"257\": must be a number "
	  "from 1 to 256 (packets)" },
	{ T(U Q1 "    moderation: {packets: 32}\n"),
	  "8:27: vms[0].device.moderation.packets: \"32\": needs us above 0: "
	  "how long the last packets may wait when no more come" },
	{ T(U Q1 "    moderation: {us: 50}\n"),
	  "8:22: vms[0].device.moderation.us: \"50\": needs packets above 1: "
	  "with 1 the guest is called at once" },
	{ T(U Q1 "    moderation: {us: 1001}\n"),
	  "8:22: vms[0].device.moderation.us: \"1001\": must be a number from "
	  "0 to 1000 (microseconds)" },
	{ T(U Q1 "    name: v1\n"),
	  "8:11: vms[0].device.name: \"v1\": " NO_NETDEV },
	{ T(U Q1 "    create: false\n"),
	  "8:13: vms[0].device.create: \"false\": " NO_NETDEV },
	{ T(U Q1 "    peer: eth0\n"),
	  "8:11: vms[0].device.peer: \"eth0\": " NO_NETDEV },
	{ T(U Q1 "    netns: x\n"),
	  "8:12: vms[0].device.netns: \"x\": " NO_NETDEV },
	{ T(U Q1 "    owner: anybody\n"),
	  "8:12: vms[0].device.owner: \"anybody\": " NO_NETDEV },
	{ T(U Q1 "    vnet_hdr: false\n"),
	  "8:15: vms[0].device.vnet_hdr: \"false\": " NO_NETDEV },
	{ T(U VETH "    socket: /s1\n"),
	  "8:13: vms[0].device.socket: \"/s1\": " NO_VHOST("veth") },
	{ T(U VETH "    mode: client\n"),
	  "8:11: vms[0].device.mode: \"client\": " NO_VHOST("veth") },
	{ T(U VETH "    socket_mode: 0600\n"),
	  "8:18: vms[0].device.socket_mode: \"0600\": " NO_VHOST("veth") },
	{ T(U VETH "    queues: 2\n"),
	  "8:13: vms[0].device.queues: \"2\": " NO_VHOST("veth") },
	{ T(U VETH "    allow: {uid: 0}\n"),
	  "8:12: vms[0].device.allow: a mapping: is for taps and vhost-user "
	  "only, and this device is a veth, whose VM is known by netns: "
	  "remove it" },
	{ T(U VETH "    offloads: {csum: true}\n"),
	  "8:15: vms[0].device.offloads: a mapping: " NO_VHOST("veth") },
	{ T(U "vms:\n" "- name: a\n" "  mac: 52:54:00:00:00:01\n"
	  "  device: {type: tap, name: t1, moderation: {}}\n"),
	  "5:45: vms[0].device.moderation: a mapping: " NO_VHOST("tap") },
	{ T(U Q1 Q2 "- name: c\n" "  mac: 52:54:00:00:00:03\n"
	  "  device: {type: vhost-user, socket: /s1}\n"),
	  "13:38: vms[2].device.socket: \"/s1\": is already "
	  "vms[0].device.socket (line 7)" NOT_UNIQUE_SOCKET },
	{ T(U "agent: {run_dir: /r}\n" VHOST
	  "    socket: /r/control.sock\n"),
	  "8:13: vms[0].device.socket: \"/r/control.sock\": is the agent's "
	  "control socket" NOT_UNIQUE_SOCKET },
	/* ---- bypass ---- */
	{ T(U "bypass: {vlan: 0}\n"),
	  "2:9: bypass: a mapping: " ENTRIES "0 to 256 of them" },
	{ T(U "bypass: [{}]\n"),
	  "2:10: bypass[0]: a mapping: " ONE_OF("0") },
	{ T(U "bypass: [{vlan: 0, class: 0}]\n"),
	  "2:10: bypass[0]: a mapping: " ONE_OF("2") },
	{ T(U Q1 Q2 "bypass: [{vlan: 1}, {vms: [a, b], vlan: 0, class: 1}]\n"),
	  "11:21: bypass[1]: a mapping: " ONE_OF("3") },
	{ T(U "bypass: [{vlan: 4095}]\n"),
	  "2:17: bypass[0].vlan: \"4095\": must be a number from 0 to 4094 "
	  "(VLAN)" },
	{ T(U "bypass: [{class: 8}]\n"),
	  "2:18: bypass[0].class: \"8\": must be a number from 0 to 7 "
	  "(traffic class)" },
	{ T(U "bypass: [{vms: a}]\n"),
	  "2:16: bypass[0].vms: \"a\": " VM_LIST },
	{ T(U "bypass: [{vms: }]\n"),
	  "2:16: bypass[0].vms: no value: " VM_LIST },
	{ T(U "bypass: [{vms: {a: b}}]\n"),
	  "2:16: bypass[0].vms: a mapping: " VM_LIST },
	{ T(U Q1 "bypass: [{vms: [a]}]\n"),
	  "8:16: bypass[0].vms: 1 entries: must have 2 to 240 entries" },
	{ T(U Q1 "bypass: [{vms: [a, [b]]}]\n"),
	  "8:20: bypass[0].vms[1]: a list: must be the name of a VM" },
	{ T(U Q1 Q2 "bypass: [{vms: [a, bb]}]\n"),
	  "11:20: bypass[0].vms[1]: \"bb\": no VM has this name; did you "
	  "mean \"b\"?" },
	{ T(U Q1 Q2 "bypass: [{vms: [wan, b]}]\n"),
	  "11:17: bypass[0].vms[0]: \"wan\": no VM has this name" },
	{ T(U Q1 Q2 "bypass: [{vms: [a, b, a]}]\n"),
	  "11:23: bypass[0].vms[2]: \"a\": is already bypass[0].vms[0]; name "
	  "each VM once" },
	{ T(U Q1 Q2 T3 "bypass: [{vms: [a, c]}]\n"),
	  "14:20: bypass[0].vms[1]: \"c\": is no vhost-user VM (device.type); "
	  "only packets between guests' rings can pass the switch by" },
	{ T(U Q1 Q2 "  vlan: 4\n" "bypass: [{vms: [a, b]}]\n"),
	  "12:20: bypass[0].vms[1]: \"b\": is in network (vlan) 4, but \"a\" "
	  "in 0; the VMs of a rule must be in one" },
	{ T(U "bypass: [{vm: [a, b]}]\n"),
	  "2:11: bypass[0].vm: \"vm\": is no key here; did you mean \"vms\"? "
	  "known here: vms, vlan, class" },
	/* A key of two lists: the nearer one is named. */
	{ T(U VHOST "    vlan: 5\n"),
	  "7:5: vms[0].device.vlan: \"vlan\": is no key here; it belongs "
	  "elsewhere, as vms[].vlan; known here: type, name, create, peer, "
	  "netns, owner, vnet_hdr, socket, mode, socket_mode, queues, allow, "
	  "offloads, moderation" },
	{ T(U V1 "  guest_tags: true\n"),
	  "6:15: vms[0].guest_tags: \"true\": needs a vlan from 1 to "
	  "4094: in network 0 the VM's own tags would be other networks" },
	{ T(U V1 "  pool: {initial: 1000, max: 999}\n"),
	  "6:30: vms[0].pool.max: \"999\": must not be less than "
	  "pool.initial, which is 1000 frames" },
	{ T(U V1 "  pool: {min: 65, max: 64}\n"),
	  "6:24: vms[0].pool.max: \"64\": must not be less than pool.min, "
	  "which is 65 frames" },
	{ T(U V1 "  pool: {min: 65, initial: 256KiB}\n"),
	  "6:28: vms[0].pool.initial: \"256KiB\": must not be less than "
	  "pool.min, which is 65 frames" },
	{ T(U V1 V2 "  pool: {initial: 4097, max: 4096}\n"),
	  "9:30: vms[1].pool.max: \"4096\": must not be less than "
	  "pool.initial, which is 4097 frames" },
	{ T(U V1 "fdb: {static: [{mac: 52:54:00:00:00:09, port: lan}]}\n"),
	  "6:47: fdb.static[0].port: \"lan\": no uplink or VM has this "
	  "name; did you mean \"wan\"?" },
	{ T(U V1 "fdb: {static: [{mac: 52:54:00:00:00:09, port: wam}]}\n"),
	  "6:47: fdb.static[0].port: \"wam\": no uplink or VM has this "
	  "name; did you mean \"wan\"?" },
	{ T(U V1
	  "fdb: {static: [{mac: 52:54:00:00:00:09, port: a, vlan: 5}]}\n"),
	  "6:56: fdb.static[0].vlan: \"5\": must be 0, the network of "
	  "VM \"a\"" },
	{ T(U V1 "  vlan: 6\n"
	  "fdb: {static: [{mac: 52:54:00:00:00:09, port: a}]}\n"),
	  "7:16: fdb.static[0].vlan: 0 (default): must be 6, the "
	  "network of VM \"a\"" },
	{ T("uplinks: [{name: wan, device: eth1, vlans: 1-9}]\n"
	  "fdb: {static: [{mac: 52:54:00:00:00:09, port: wan, vlan: "
	  "10}]}\n"),
	  "2:58: fdb.static[0].vlan: \"10\": must be one of the vlans "
	  "of uplink \"wan\"" },
	{ T(U "fdb: {static: [{mac: 01:54:00:00:00:09, port: wan}]}\n"),
	  "2:22: fdb.static[0].mac: \"01:54:00:00:00:09\": " A_MAC ODD_MAC },
	{ T(U V1 "  mtu: 1771\n" "memory: {frame_size: 2048}\n"),
	  "6:8: vms[0].mtu: \"1771\": does not fit: a frame of 2048 "
	  "bytes (memory.frame_size) less 278 for headroom and headers "
	  "holds an MTU of at most 1770" },
	{ T("uplinks: [{name: wan, device: eth1, mtu: 1771}]\n"
	  "memory: {frame_size: 2048}\n"),
	  "1:42: uplinks[0].mtu: \"1771\": does not fit: a frame of "
	  "2048 bytes (memory.frame_size) less 278 for headroom and "
	  "headers holds an MTU of at most 1770" },
	{ T(U "memory: {frames: 4095}\n"),
	  "2:18: memory.frames: \"4095\": must be at least 4096 frames: 0 "
	  "(pool.min of 0 VMs) + 2048 (out_max of the uplinks) + 1024 "
	  RESERVES("1024") LOWER },
	{ T(U V1 "memory: {frames: 4095}\n"),
	  "6:18: memory.frames: \"4095\": must be at least 4160 frames: 64 "
	  "(pool.min of 1 VMs) + 2048 (out_max of the uplinks) + 1024 "
	  RESERVES("1024") LOWER },
	{ T(U V1 "memory: {frames: 4096}\n"),
	  "6:18: memory.frames: \"4096\": must be at least 4160 frames: 64 "
	  "(pool.min of 1 VMs) + 2048 (out_max of the uplinks) + 1024 "
	  RESERVES("1024") FIRST("a", "64", "0") LOWER },
	{ T(U V1 V2 "memory: {frames: 4160}\n"),
	  "9:18: memory.frames: \"4160\": must be at least 4224 frames: 128 "
	  "(pool.min of 2 VMs) + 2048 (out_max of the uplinks) + 1024 "
	  RESERVES("1024") FIRST("b", "64", "0") LOWER },
	{ T(U V1 V2 "  pool: {min: 65536}\n"),
	  "1:1: memory.frames: 65536 (default): must be at least 69696 "
	  "frames: 65600 (pool.min of 2 VMs) + 2048 (out_max of the uplinks) "
	  "+ 1024 " RESERVES("1024") FIRST("b", "65536", "61376") LOWER },
	{ T(U V1 "  pool: {min: 128}\n" V2 T3
	  "memory: {reserve: 512, frames: 3711}\n"),
	  "13:32: memory.frames: \"3711\": must be at least 3840 frames: 256 "
	  "(pool.min of 3 VMs) + 2048 (out_max of the uplinks) + 1024 "
	  RESERVES("512") FIRST("a", "128", "127") LOWER },
	{ T(U V1 V2 T3 "memory: {frames: 4287}\n"),
	  "12:18: memory.frames: \"4287\": must be at least 4288 frames: 192 "
	  "(pool.min of 3 VMs) + 2048 (out_max of the uplinks) + 1024 "
	  RESERVES("1024") FIRST("c", "64", "63") LOWER },
	{ T("uplinks: [{name: wan, device: eth1, queues: 4, reserve: "
	  "2048, out_max: 4096}]\n" "memory:\n" "  hugepages: off\n"
	  "  frames: 13311\n"),
	  "4:11: memory.frames: \"13311\": must be at least 13312 frames: 0 "
	  "(pool.min of 0 VMs) + 4096 (out_max of the uplinks) + 8192 "
	  RESERVES("1024") LOWER },
	/* Isolated VMs are not counted, nor named. */
	{ T(U V1 "  pool: {min: 65536}\n" "  isolated: true\n"
	  "  uplink_queues: [1]\n" V2 "memory: {frames: 4159}\n"),
	  "12:18: memory.frames: \"4159\": must be at least 4160 frames: 64 "
	  "(pool.min of 1 VMs) + 2048 (out_max of the uplinks) + 1024 "
	  RESERVES("1024") FIRST("b", "64", "63") LOWER },
	/* ---- queues of their own ---- */
	{ T(U V1 "  uplink_queues: [63, 64]\n"),
	  "6:23: vms[0].uplink_queues[1]: \"64\": " A_QUEUE },
	{ T(U V1 "  uplink_queues: all\n"),
	  "6:18: vms[0].uplink_queues: \"all\": " A_QUEUE
	  ", or a list of 0 to 64 such values" NOT_DIGITS },
	{ T(U V1 "  uplink_queues: [1, 2, 1]\n"),
	  "6:25: vms[0].uplink_queues[2]: \"1\": is already "
	  "vms[0].uplink_queues[0]; name each queue once" },
	{ T(U V1 "  uplink_queues: [5, 1]\n" V2 "  uplink_queues: 1\n"),
	  "10:18: vms[1].uplink_queues: \"1\": is already "
	  "vms[0].uplink_queues[1] (line 6)" NOT_UNIQUE_QUEUE("wan") },
	{ T(U V1 "  uplink_queues: 1\n" V2 "  uplink_queues: [0, 1]\n"),
	  "10:22: vms[1].uplink_queues[1]: \"1\": is already "
	  "vms[0].uplink_queues (line 6)" NOT_UNIQUE_QUEUE("wan") },
	{ T(TWO V1 "  vlan: 7\n" "  uplink_queues: [2, 0]\n" V2
	  "  vlan: 5\n" "  uplink_queues: [0]\n" T3
	  "  vlan: 6\n" "  uplink_queues: 0\n"),
	  "19:18: vms[2].uplink_queues: \"0\": is already "
	  "vms[1].uplink_queues[0] (line 14)" NOT_UNIQUE_QUEUE("lan") },
	{ T(TWO V1 "  vlan: 6\n" "  uplink_queues: [0, 3]\n"),
	  "9:22: vms[0].uplink_queues[1]: \"3\": must be less than 3, the "
	  "queues of uplink \"lan\" (uplinks[1].queues)" },
	{ T(TWO V1 "  vlan: 6\n" "  uplink_queues: 4\n"),
	  "9:18: vms[0].uplink_queues: \"4\": must be less than 3, the "
	  "queues of uplink \"lan\" (uplinks[1].queues)" },
	{ T(TWO V1 "  vlan: 4\n" "  uplink_queues: [0]\n"),
	  "9:18: vms[0].uplink_queues: a list: " NO_UPLINK("4") },
	{ T(TWO V1 "  uplink_queues: 0\n"),
	  "8:18: vms[0].uplink_queues: \"0\": " NO_UPLINK("0") },
	{ T(TWO V1 "  vlan: 5\n" "  uplink_queues: [2]\n" V2 "  vlan: 6\n"
	  "  uplink_queues: [1, 0]\n"),
	  "14:22: vms[1].uplink_queues[1]: \"0\": " LAST_QUEUE("3", "lan") },
	{ T("uplinks: [{name: wan, device: eth1, queues: 1}]\n" V1
	  "  uplink_queues: 0\n"),
	  "6:18: vms[0].uplink_queues: \"0\": " LAST_QUEUE("1", "wan") },
	{ T(U V1 "  uplink_queues: [" EIGHT("") EIGHT("1") EIGHT("2") EIGHT("3")
	  EIGHT("4") EIGHT("5") NINES "8, 9, 18, 19, 28, 29, 38]\n" V2
	  "  uplink_queues: [39]\n"),
	  "10:19: vms[1].uplink_queues[0]: \"39\": " LAST_QUEUE("64", "wan") },
	{ T(U V1 "  isolated: true\n"),
	  "6:13: vms[0].isolated: \"true\": " NOT_ISOLATED },
	{ T(U Q1 Q2 "  uplink_queues: []\n" "  isolated: true\n"),
	  "12:13: vms[1].isolated: \"true\": " NOT_ISOLATED },
	{ T(U V1 "  isolated: 1\n"),
	  "6:13: vms[0].isolated: \"1\": must be true or false; write true" },
};
/* clang-format on */

static void check_row(const struct row *row)
{
	struct config *config = NULL;
	char expected[2048];
	char err[2048] = "";
	int ret = config_parse(row->text, row->len, "F", &config, err,
			       sizeof(err));

	snprintf(expected, sizeof(expected), "F:%s", row->error);
	if (strcmp(err, expected) != 0)
		print_error("%.*s", (int)row->len, row->text);
	assert_string_equal(err, expected);
	assert_int_equal(ret, -EINVAL);
	assert_null(config);
}

static void errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
