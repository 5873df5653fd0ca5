// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See net.h. */
#include "net.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define HDR    sizeof(struct front_net_hdr)
#define TX_MAX (64u << 10)

int front_net_init(struct front_net *net, struct front *front, uint32_t pair,
		   uint32_t region, uint32_t rx_size, uint32_t n_tx)
{
	memset(net, 0, sizeof(*net));
	net->front = front;
	net->rx = &front->rings[2 * pair];
	net->tx = &front->rings[2 * pair + 1];
	net->rx_size = rx_size;
	net->tx_size = TX_MAX + 64;
	net->n_tx = n_tx;
	net->rx_mem = front_alloc(front, region,
				  (uint64_t)rx_size * net->rx->num, 64);
	net->tx_mem =
		front_alloc(front, region, (uint64_t)net->tx_size * n_tx, 64);
	if (!net->rx_mem || !net->tx_mem)
		return -ENOMEM;
	net->rx_gpa = front_gpa(front, net->rx_mem);
	net->tx_gpa = front_gpa(front, net->tx_mem);
	return 0;
}

/* ---- receiving ---- */

/* Buffers have one piece, so the descriptor's number is the buffer's. */
static void post_one(struct front_net *net)
{
	uint64_t n = net->rx->free_head;
	struct front_buf buf = { net->rx_gpa + n * net->rx_size, net->rx_size };

	front_ring_add(net->rx, &buf, 0, 1);
}

void front_net_post(struct front_net *net)
{
	while (net->rx->n_free)
		post_one(net);
	front_ring_kick(net->rx);
}

/* The next buffer that the device has filled: its bytes. */
static int take_buffer(struct front_net *net, int timeout_ms, char **ret_mem,
		       uint32_t *ret_len)
{
	int head = front_ring_take(net->rx, ret_len);

	if (head == -EAGAIN && timeout_ms > 0 &&
	    !front_ring_wait(net->rx, timeout_ms))
		head = front_ring_take(net->rx, ret_len);
	if (head == -EAGAIN)
		return -ETIMEDOUT;
	if (head < 0)
		return head;
	*ret_mem = net->rx_mem + (size_t)head * net->rx_size;
	return *ret_len <= net->rx_size ? 0 : -EBADMSG;
}

int front_net_receive(struct front_net *net, struct front_net_hdr *ret_hdr,
		      void *buf, uint32_t size, int timeout_ms)
{
	uint32_t len, total = 0, n_buffers;
	char *mem;
	int err;

	err = take_buffer(net, timeout_ms, &mem, &len);
	if (err)
		return err;
	if (len < HDR)
		return -EBADMSG;
	memcpy(ret_hdr, mem, HDR);
	mem += HDR;
	len -= (uint32_t)HDR;
	n_buffers = le16toh(ret_hdr->n_buffers);
	if (!n_buffers ||
	    (n_buffers > 1 && !(net->front->features & FRONT_F_MRG_RXBUF)))
		return -EBADMSG;
	for (;;) {
		if (len > size - total)
			return -EMSGSIZE;
		memcpy((char *)buf + total, mem, len);
		total += len;
		if (!--n_buffers)
			break;
		/* A device gives all buffers of a frame back at once. */
		err = take_buffer(net, 0, &mem, &len);
		if (err)
			return -EBADMSG;
	}
	front_net_post(net);
	return (int)total;
}

/* ---- sending ---- */

static int take_back_sent(struct front_net *net)
{
	uint32_t len;
	int head;

	do
		head = front_ring_take(net->tx, &len);
	while (head >= 0);
	return head == -EAGAIN ? 0 : head;
}

/* The buffer's header and @len bytes, cut up as wanted. Returns the number of
 * pieces, or -ENOSPC. */
static int cut(const struct front_net *net, uint64_t gpa, uint32_t len,
	       struct front_buf bufs[FRONT_INDIRECT_MAX])
{
	uint32_t piece = net->tx_piece, off = 0;
	int n = 0;

	if (!piece) {
		bufs[0] = (struct front_buf){ gpa, (uint32_t)HDR + len };
		return 1;
	}
	bufs[n++] = (struct front_buf){ gpa, (uint32_t)HDR };
	while (off < len) {
		uint32_t part = len - off < piece ? len - off : piece;

		if (n == FRONT_INDIRECT_MAX)
			return -ENOSPC;
		bufs[n++] = (struct front_buf){ gpa + HDR + off, part };
		off += part;
	}
	return n;
}

int front_net_send(struct front_net *net, const struct front_net_hdr *hdr,
		   const void *frame, uint32_t len)
{
	uint64_t off = (uint64_t)net->tx_next * net->tx_size;
	struct front_buf bufs[FRONT_INDIRECT_MAX];
	int err, n;

	if (HDR + len > net->tx_size)
		return -EMSGSIZE;
	err = take_back_sent(net);
	if (err)
		return err;
	/* Chains come back in order, so the oldest buffer is the next. */
	if ((uint16_t)(net->tx->avail_idx - net->tx->last_used) >= net->n_tx)
		return -EAGAIN;
	memset(net->tx_mem + off, 0, HDR);
	if (hdr)
		memcpy(net->tx_mem + off, hdr, HDR);
	memcpy(net->tx_mem + off + HDR, frame, len);
	n = cut(net, net->tx_gpa + off, len, bufs);
	if (n < 0)
		return n;
	err = net->tx_indirect
		      ? front_ring_add_indirect(net->tx, bufs, (uint32_t)n, 0)
		      : front_ring_add(net->tx, bufs, (uint32_t)n, 0);
	if (err < 0)
		return -EAGAIN;
	net->tx_next = (net->tx_next + 1) % net->n_tx;
	front_ring_kick(net->tx);
	return 0;
}

int front_net_flush(struct front_net *net, int timeout_ms)
{
	int err = take_back_sent(net);

	while (!err && net->tx->avail_idx != net->tx->last_used) {
		err = front_ring_wait(net->tx, timeout_ms);
		if (!err)
			err = take_back_sent(net);
	}
	return err;
}
