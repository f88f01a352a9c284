/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_PACKET_H
#define DMAFWD_PACKET_H

/**
 * @file
 * A packet and its copy: both may be chains, cut at different places.
 */

#include <stdint.h>

#include <rte_common.h>
#include <rte_mbuf.h>

/** Where a copy from one chain to another stands. Offsets count from the data of the segment. */
struct packet_walk {
	struct rte_mbuf *src, *dst; /* NULL: this chain is at its end */
	uint32_t src_off, dst_off;
};

static inline void
packet_walk_start(struct packet_walk *w, struct rte_mbuf *dst, struct rte_mbuf *src)
{
	*w = (struct packet_walk){.src = src, .dst = dst};
}

/** @return bytes that lie together in both chains at this place; 0: the copy is complete. */
static inline uint32_t
packet_walk_len(struct packet_walk *w)
{
	/* Segments without data occur in chains; a DMA operation of length 0 is an error. */
	while (w->src != NULL && w->src_off == w->src->data_len) {
		w->src = w->src->next;
		w->src_off = 0;
	}
	while (w->dst != NULL && w->dst_off == w->dst->data_len) {
		w->dst = w->dst->next;
		w->dst_off = 0;
	}
	if (w->src == NULL || w->dst == NULL)
		return 0;
	return RTE_MIN(w->src->data_len - w->src_off, w->dst->data_len - w->dst_off);
}

/** Step over @p len bytes, at most what packet_walk_len() said. */
static inline void
packet_walk_skip(struct packet_walk *w, uint32_t len)
{
	w->src_off += len;
	w->dst_off += len;
}

/** @return the bytes a chain really holds, whatever its pkt_len says. */
static inline uint32_t
packet_bytes(const struct rte_mbuf *m)
{
	uint32_t len = m->data_len;

	while ((m = m->next) != NULL)
		len += m->data_len;
	return len;
}

/**
 * Allocate a packet as long as each of @p srcs, its metadata copied, its data not yet.
 * A packet longer than the data room of @p pool becomes a chain.
 * @param dsts receives a packet for each source up to the first that cannot be had
 * @param buffers grows by the buffers that were allocated
 * @return how many packets were allocated, 0 to @p n
 */
uint16_t packet_alloc_copies(struct rte_mempool *pool, struct rte_mbuf *const *srcs,
                             struct rte_mbuf **dsts, uint16_t n, uint32_t *buffers);

/** Copy the data of @p src to @p dst with the CPU. */
void packet_copy_data(struct rte_mbuf *dst, struct rte_mbuf *src);

#endif /* DMAFWD_PACKET_H */
