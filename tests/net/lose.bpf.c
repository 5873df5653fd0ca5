// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Loses 30 % of the messages by which hosts tell each other rates
 * (agent/policy/feedback.h), on their way through the switch. By whatever port
 * they go: what is a message is told by its first bytes. Attached with tc.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define UDP_LEN	      8
#define IP4_PROTOCOL  23 /* in the frame */
#define IP4_PAYLOAD   (14 + 20 + UDP_LEN)
#define IP6_NEXT      20
#define IP6_PAYLOAD   (14 + 40 + UDP_LEN)
#define LOSE_OF_65536 19661u

SEC("tc")
int lose(struct __sk_buff *skb)
{
	__u32 at = IP4_PAYLOAD, protocol_at = IP4_PROTOCOL;
	__u8 protocol, head[4];

	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		at = IP6_PAYLOAD;
		protocol_at = IP6_NEXT;
	} else if (skb->protocol != bpf_htons(ETH_P_IP)) {
		return TC_ACT_OK;
	}
	if (bpf_skb_load_bytes(skb, protocol_at, &protocol, 1) ||
	    protocol != IPPROTO_UDP ||
	    bpf_skb_load_bytes(skb, at, head, sizeof(head)))
		return TC_ACT_OK;
	if (head[0] != 'P' || head[1] != 'F' || head[2] != 1 || head[3])
		return TC_ACT_OK;
	return (bpf_get_prandom_u32() & 0xffff) < LOSE_OF_65536 ? TC_ACT_SHOT
								: TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
