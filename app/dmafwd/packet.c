/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "packet.h"

#include <stdbool.h>

#include <rte_branch_prediction.h>
#include <rte_mbuf_dyn.h>
#include <rte_memcpy.h>

/* How a buffer is held (attached, external) belongs to the source, all else to the packet. */
static void
packet_copy_meta(struct rte_mbuf *dst, const struct rte_mbuf *src)
{
	dst->port = src->port;
	dst->ol_flags = src->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
	dst->packet_type = src->packet_type;
	dst->vlan_tci = src->vlan_tci;
	dst->vlan_tci_outer = src->vlan_tci_outer;
	dst->hash = src->hash;
	dst->tx_offload = src->tx_offload;
	rte_mbuf_dynfield_copy(dst, src);
}

/* Give the fresh buffer @p head @p len bytes, with more buffers behind it as needed. */
static bool
packet_extend(struct rte_mempool *pool, struct rte_mbuf *head, uint32_t len)
{
	struct rte_mbuf *m = head;
	uint32_t left = len;

	for (;;) {
		m->data_len = (uint16_t)RTE_MIN(left, (uint32_t)rte_pktmbuf_tailroom(m));
		left -= m->data_len;
		if (likely(left == 0))
			break;
		m->next = rte_pktmbuf_alloc(pool);
		if (m->next == NULL)
			return false;
		m = m->next;
		head->nb_segs++;
	}
	head->pkt_len = len;
	return true;
}

/* Heads for up to @p n packets: all at once, or when that many are not there, one by one. */
static uint16_t
packet_alloc_heads(struct rte_mempool *pool, struct rte_mbuf **heads, uint16_t n)
{
	uint16_t i;

	if (likely(rte_pktmbuf_alloc_bulk(pool, heads, n) == 0))
		return n;
	for (i = 0; i < n; i++) {
		heads[i] = rte_pktmbuf_alloc(pool);
		if (heads[i] == NULL)
			break;
	}
	return i;
}

uint16_t
packet_alloc_copies(struct rte_mempool *pool, struct rte_mbuf *const *srcs, struct rte_mbuf **dsts,
                    uint16_t n, uint32_t *buffers)
{
	uint16_t got = packet_alloc_heads(pool, dsts, n);

	for (uint16_t i = 0; i < got; i++) {
		if (unlikely(!packet_extend(pool, dsts[i], packet_bytes(srcs[i])))) {
			rte_pktmbuf_free_bulk(&dsts[i], got - i);
			return i;
		}
		packet_copy_meta(dsts[i], srcs[i]);
		*buffers += dsts[i]->nb_segs;
	}
	return got;
}

void
packet_copy_data(struct rte_mbuf *dst, struct rte_mbuf *src)
{
	struct packet_walk w;
	uint32_t len;

	packet_walk_start(&w, dst, src);
	while ((len = packet_walk_len(&w)) != 0) {
		rte_memcpy(rte_pktmbuf_mtod_offset(w.dst, void *, w.dst_off),
		           rte_pktmbuf_mtod_offset(w.src, void *, w.src_off), len);
		packet_walk_skip(&w, len);
	}
}
