/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What can become of a packet. Every packet that a BPF program or a worker
 * finishes with is counted under exactly one of these, against the port it
 * came in on (or, for the output reasons, the port it was to leave by).
 *
 * X(NAME, kind, "what happened", "what to do about it")
 *   NAME   field of struct port_counters and, as PKT_NAME, an enum pkt_reason
 *   kind   GOOD: delivered or handed on; DROP: lost, and why
 *
 * New reasons go at the end of their block; the order is the layout of a
 * pinned map (PKT_MAPS_VERSION).
 */
#ifndef PKTAGENT_REASON_H
#define PKTAGENT_REASON_H

#define PKT_REASONS(X) \
	/* BPF: where a packet went */ \
	X(to_kernel, GOOD, "sent to another port by the kernel (devmap)", "") \
	X(to_agent, GOOD, "handed to the agent (AF_XDP)", "") \
	X(to_host, GOOD, "left to the host's own network stack", "") \
	X(to_flood, GOOD, "flooded by the kernel while the agent was away", "") \
	/* BPF: malformed */ \
	X(eth_short, DROP, "shorter than an Ethernet header", \
	  "the sender makes broken frames: capture on the device") \
	X(vlan_short, DROP, "cut off inside a VLAN tag", \
	  "the sender makes broken frames: capture on the device") \
	X(vlan_deep, DROP, "more than two VLAN tags", \
	  "at most two tags are carried: remove one") \
	X(arp_bad, DROP, "ARP truncated or not for Ethernet and IPv4", \
	  "the sender makes broken frames: capture on the device") \
	X(ipv4_short, DROP, "cut off inside the IPv4 header", \
	  "the sender makes broken frames: capture on the device") \
	X(ipv4_header, DROP, "IPv4 version or header length is wrong", \
	  "the sender makes broken frames: capture on the device") \
	X(ipv4_length, DROP, "IPv4 total length exceeds the frame", \
	  "truncated on the way: check MTUs along the path") \
	X(ipv6_short, DROP, "cut off inside the IPv6 header", \
	  "the sender makes broken frames: capture on the device") \
	X(ipv6_header, DROP, "IPv6 version is wrong", \
	  "the sender makes broken frames: capture on the device") \
	X(ipv6_length, DROP, "IPv6 payload length exceeds the frame", \
	  "truncated on the way: check MTUs along the path") \
	X(ipv6_ext, DROP, "IPv6 extension headers truncated or too many", \
	  "the sender makes broken frames: capture on the device") \
	X(frag_bad, DROP, "fragment that cannot be part of a packet", \
	  "an attack or a broken sender: capture on the device") \
	X(l4_short, DROP, "cut off inside the TCP, UDP or ICMP header", \
	  "the sender makes broken frames: capture on the device") \
	X(tcp_offset, DROP, "TCP data offset is wrong", \
	  "the sender makes broken frames: capture on the device") \
	X(udp_length, DROP, "UDP length is wrong", \
	  "the sender makes broken frames: capture on the device") \
	/* BPF: policy */ \
	X(too_big, DROP, "longer than the port's MTU", \
	  "lower the sender's MTU, or switch its TSO/GSO off") \
	X(src_multicast, DROP, "source MAC is a multicast address", \
	  "the sender makes broken frames: capture on the device") \
	X(src_mac, DROP, "source MAC is not one of the VM's", \
	  "list it in the VM's mac:, or set learn: true") \
	X(src_ip, DROP, "source IP is not one of the VM's addresses:", \
	  "list it in the VM's addresses:") \
	X(src_local, DROP, "came from the wire with a local VM's source MAC", \
	  "a loop, or two machines with one MAC") \
	X(vlan_unknown, DROP, "no port of this host is in that VLAN", \
	  "add the VLAN to the uplink's vlans:, or prune it at the switch") \
	X(vlan_denied, DROP, "VLAN tag that this VM may not send or get", \
	  "set guest_tags: true if the VM is to use tags of its own") \
	X(link_local, DROP, "link-local control frame (STP, LACP, LLDP) of a VM", \
	  "nothing: bridges never forward these") \
	X(same_port, DROP, "destination is on the port it came from", \
	  "nothing: the sender reached it directly") \
	X(uplink_uplink, DROP, "from one uplink to another", \
	  "pktagent is no transit switch: connect the two outside") \
	X(port_down, DROP, "the destination port is down", \
	  "pktctl port show says why") \
	X(port_unknown, DROP, "came in on a device the agent does not know", \
	  "report it: the program is attached to a foreign device") \
	X(no_agent, DROP, "needs the agent, which is not running", \
	  "start pktagent; see its log") \
	X(pool_full, DROP, "the VM's pool had no room for it", \
	  "it reads too slowly; raise pool.max if it bursts") \
	X(rate_in, DROP, "more was sent to the VM than it may get", \
	  "expected above rate.in; raise its max or burst if that is too low") \
	X(rate_out, DROP, "the VM sent more than it may", \
	  "expected above rate.out; raise its max or burst if that is too low") \
	/* the kernel, after a program's verdict */ \
	X(redirect_failed, DROP, "the kernel refused the redirect", \
	  "the device went away, nobody has opened the tap, or GRO is off") \
	X(dev_full, DROP, "the receiving device's queue was full", \
	  "the VM reads too slowly, or nobody has opened the tap") \
	X(rx_ring_full, DROP, "the VM's receive ring was full", \
	  "raise the VM's pool, or find out why it reads slowly") \
	X(fill_empty, DROP, "the queue had no free frame", \
	  "raise the VM's pool, or the uplink's reserve") \
	/* agent */ \
	X(from_agent, GOOD, "sent out of this port by the agent", "") \
	X(from_guest, GOOD, "taken from the guest's ring", "") \
	X(bypassed, GOOD, "taken from the guest's ring straight to another's", \
	  "") \
	X(out_full, DROP, "too many frames waited for this port", \
	  "the VM reads too slowly; raise its pool if it bursts") \
	X(out_down, DROP, "this port was down when the agent wanted to send", \
	  "pktctl port show says why") \
	X(no_frame, DROP, "no free frame for a copy", \
	  "raise memory.frames") \
	X(no_member, DROP, "nobody else is in the network to flood to", \
	  "nothing, if the VM is meant to be alone") \
	X(tx_failed, DROP, "the kernel did not send the packet", \
	  "see the device's own statistics: ip -s link") \
	X(host_limit, DROP, "the host's copy of a broadcast was left out", \
	  "more than 500 broadcasts a second: find out who sends them") \
	X(guest_off, DROP, "the guest sent it on a queue that is disabled", \
	  "nothing: the guest's driver is being stopped or set up") \
	X(guest_header, DROP, "a guest's vnet header makes no sense", \
	  "the guest's driver is broken or hostile") \
	X(guest_buffer, DROP, "the guest has posted no buffer that large", \
	  "a guest without MRG_RXBUF and with a small MTU: lower the VM's mtu") \
	X(gso_bad, DROP, "a large packet that cannot be cut into segments", \
	  "the guest's driver is broken or hostile") \
	X(unparsed, DROP, "the agent could not make sense of the packet", \
	  "report it: the program should have dropped it") \
	X(class_full, DROP, "too many packets of its class waited", \
	  "more is sent than the port's or class's rate: expected, or raise it") \
	X(class_aged, DROP, "its VM's packets waited too long (CoDel)", \
	  "more is sent than the port's or class's rate: expected, or raise it") \
	X(rate_full, DROP, "a copy of a broadcast, beyond its VM's rate", \
	  "find out why the VM broadcasts so much, or raise its rate.out")

enum pkt_reason {
#define PKT_X(name, kind, text, advice) PKT_##name,
	PKT_REASONS(PKT_X)
#undef PKT_X
	PKT_N_REASONS
};

#endif
