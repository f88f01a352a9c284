/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_RING_H
#define IOAT_RING_H

/**
 * @file
 * What the files of the ring share: ioat_ring.c (the data path), ioat_sg.c (operations that are
 * not one plain descriptor), ioat_halt.c (halts, stalls, the end).
 */

#include "ioat_priv.h"

typedef uint64_t __attribute__((may_alias)) desc_word;

/*
 * The words of a descriptor that change from use to use; the link is set once per ring. Size and
 * control leave in one store (an atomic one: gcc 12 builds slower vectors of plain ones).
 */
static __rte_always_inline void
desc_write(struct ioat_desc *d, uint32_t ctrl, uint32_t size, uint64_t src, uint64_t dst)
{
	__atomic_store_n((desc_word *)d, size | (uint64_t)ctrl << 32, __ATOMIC_RELAXED);
	__atomic_store_n(&d->src, src, __ATOMIC_RELAXED);
	__atomic_store_n(&d->dst, dst, __ATOMIC_RELAXED);
}

/* The ring_idx that the next operation gets. */
static __rte_always_inline uint16_t
ring_op_tail(const struct ioat_chan *ch)
{
	return ch->tail + ch->op_ahead;
}

/* One slot stays empty: the chip reports by address, a full lap would look like none. */
static __rte_always_inline bool
ring_is_full(const struct ioat_chan *ch)
{
	return ch->tail == ch->limit;
}

/*
 * Descriptors from head on that the address in a completion word covers. An address outside the
 * ring, or of a slot that is not rung, counts for nothing.
 */
static __rte_always_inline uint16_t
ring_descs_done(const struct ioat_chan *ch, uint64_t word)
{
	uint64_t offset = (word & CHANSTS_DESC) - ch->ring_iova; /* 0 is outside, too */
	uint16_t n;

	if (unlikely(offset > (uint64_t)ch->mask * IOAT_DESC_SIZE))
		return 0;
	n = (offset / IOAT_DESC_SIZE + 1 - ch->head) & ch->mask;
	return likely(n <= ch->rung - ch->head) ? n : 0;
}

/*
 * Operations from op_head on, max at the most, that are finished once n descriptors from head on
 * are. Looks at no more descriptors than those operations have.
 */
static __rte_always_inline uint16_t
ring_ops_done(const struct ioat_chan *ch, uint16_t n, uint16_t max)
{
	uint16_t ops = 0, i;

	if (likely(ch->nb_more == 0))
		return RTE_MIN(n, max);
	for (i = 0; i < n && ops < max; i++)
		ops += ch->more[(ch->head + i) & ch->mask] == 0;
	return ops;
}

/* ioat_ring.c: functions of dmadev's data path that others build on. */
int ioat_ring_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst,
                   uint32_t length, uint64_t flags);
int ioat_ring_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst,
                   uint32_t length, uint64_t flags);
int ioat_ring_submit(void *dev_private, uint16_t vchan);
uint16_t ioat_ring_burst_capacity(const void *dev_private, uint16_t vchan);

/* ioat_sg.c */

/**
 * Enqueue a copy or fill (@p op) that is not one plain descriptor, or does not fit now.
 * @return its ring_idx; -ENOSPC: it does not fit now; -EINVAL: it never fits; -EIO: the channel is
 * lost.
 */
int ioat_ring_put_odd(struct ioat_chan *ch, uint32_t op, uint64_t src, uint64_t dst, uint32_t len,
                      uint64_t flags);

/** The same for a scattered copy; -EINVAL also for sides of different length. */
int ioat_ring_copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
                      const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst,
                      uint64_t flags);

/* ioat_halt.c */

/**
 * A completion call found nothing (new) although work is outstanding: count it, and look at the
 * device's registers if that has lasted, or if somebody asked. At most one look per WATCH_US.
 * @return whether that brought news: a halt, a loss, or a completion that was not written.
 */
bool ioat_ring_watch(struct ioat_chan *ch);

#endif /* IOAT_RING_H */
