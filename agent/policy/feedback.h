/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The message by which a receiver's host tells a sender's host what a pair of
 * VMs may have: its bytes, who may have written it, and whether it is new. No
 * sockets: it is the payload of a UDP datagram, IPv4 or IPv6, or of a frame
 * with an ethertype of its own; 80 bytes, most significant first.
 *
 *	 0  magic     "PF"
 *	 2  version   1
 *	 3  flags     0
 *	 4  length    80
 *	 6  key       by which id the MAC was made: feedback_keys.h
 *	 8  from      the host that says so
 *	16  epoch     when that began: CLOCK_REALTIME, ns
 *	24  sequence  1, 2, ... in an epoch
 *	32  sent      CLOCK_REALTIME, ns
 *	40  source    VM that sends: MAC address
 *	46  dest      VM that receives: MAC address
 *	52  VLAN      network of both; 0: the untagged one
 *	54  ECN       marked packets of the pair in the round, in 65535ths
 *	56  rate      what the pair may have, kbit/s
 *	60  measured  what it had in the round, kbit/s
 *	64  MAC       of the 64 bytes before it
 *
 * Nothing in it is looked at but length, magic, version and key before the MAC
 * is right, and nothing is obeyed that has not passed feedback_decode() and
 * feedback_peer_take(). What did not has a reason, which is a counter's.
 *
 * Old messages. An epoch begins when a host's agent does, and each message has
 * the next number, so (epoch, sequence) of a host is never used twice. Who
 * receives remembers, by host, the newest epoch and, in it, the newest number
 * and which of the 960 before that were there: in any order, but each once.
 * Whatever was recorded before the host began anew is older. If the real time
 * was set back between two starts, an epoch would be older, too: so it is kept
 * by the caller and given to feedback_sender_init(). A receiver that begins anew
 * remembers nothing; so the first message of each epoch must have been sent
 * within FEEDBACK_SKEW_NS of its own real time. What was recorded within that
 * time before it began could be replayed to it, until a newer message comes.
 *
 * A message is bound to the host that says so by its number, not by an IP
 * address: those can be forged, and may change. All hosts share the keys, so
 * each is trusted to speak for itself.
 *
 * Thread-safety: a sender and a peer are one thread's; keys are any thread's.
 */
#ifndef POLICY_FEEDBACK_H
#define POLICY_FEEDBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/feedback_keys.h"

#define FEEDBACK_LEN	    80
#define FEEDBACK_WINDOW	    960 /* messages that may be overtaken */
#define FEEDBACK_SKEW_NS    30000000000ull
#define FEEDBACK_WIRE_BYTES 172 /* with UDP, IPv6, Ethernet, tag, gap */

/* What became of a message. */
enum feedback_reason {
	FEEDBACK_OK,
	FEEDBACK_LENGTH,    /* not 80 bytes, or it says another length */
	FEEDBACK_VERSION,   /* not ours, or of another version */
	FEEDBACK_KEY,	    /* of a key that is not here */
	FEEDBACK_MAC,	    /* forged or damaged */
	FEEDBACK_MALFORMED, /* a field that cannot be */
	FEEDBACK_EPOCH,	    /* of before its host began anew */
	FEEDBACK_OLD,	    /* overtaken by more than FEEDBACK_WINDOW */
	FEEDBACK_REPLAYED,  /* was there before */
	FEEDBACK_CLOCK, /* the first of an epoch, and old or of the future */
	FEEDBACK_N_REASONS
};

struct feedback_msg {
	/* as the caller says, */
	uint8_t source[6], dest[6];
	uint16_t vlan; /* 0..PKT_VLAN_MAX */
	uint16_t ecn;
	uint32_t rate_kbps; /* not 0 */
	uint32_t measured_kbps;
	/* and as feedback_encode() does */
	uint64_t from, epoch, seq, sent_ns;
};

/* Of one host, as long as its agent runs. */
struct feedback_sender {
	uint64_t from, epoch, seq;
};

/* What is remembered of one that sends feedback. Starts as zeros. */
struct feedback_peer {
	uint64_t epoch, newest;
	uint64_t seen[FEEDBACK_WINDOW / 64 + 1]; /* by seq / 64 */
};

/* "replayed": a counter's label. */
const char *feedback_reason_name(enum feedback_reason reason);

/* A host's number from its name in the configuration: a hash, never 0. */
uint64_t feedback_host(const char *name);

/* Begins an epoch, at @real_ns or behind @last_epoch, the one of the last start
 * (0: not known). The caller keeps sender->epoch for the next start. */
void feedback_sender_init(struct feedback_sender *sender, uint64_t from,
			  uint64_t last_epoch, uint64_t real_ns);

/* Writes @msg with the next number and the first key. 0; -EINVAL: a field that
 * cannot be (the sender and @ret_data are as before). */
int feedback_encode(struct feedback_sender *sender,
		    const struct feedback_keys *keys,
		    const struct feedback_msg *msg, uint64_t real_ns,
		    uint8_t ret_data[FEEDBACK_LEN]);

/* Reads @len bytes of @data, any that came. FEEDBACK_OK: *ret_msg is what one
 * of those with a key has written, some time. */
enum feedback_reason feedback_decode(const struct feedback_keys *keys,
				     const void *data, size_t len,
				     struct feedback_msg *ret_msg);

/* Whether @msg, of the host that @peer is for, is new; and remembers it. What is
 * older for its pair than one that was before it: pair_rate_told() knows. */
enum feedback_reason feedback_peer_take(struct feedback_peer *peer,
					const struct feedback_msg *msg,
					uint64_t real_ns);

/* How many messages a link of @link_bps can be given in @round_ns, if they may
 * have @permille of it; 1 at least. If there are more sources, those come first
 * that were told longest ago, or never. */
uint32_t feedback_per_round(uint64_t link_bps, uint32_t permille,
			    uint64_t round_ns);

#endif
