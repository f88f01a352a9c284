/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * The data path: copy, fill, submit, completed, completed_status, burst_capacity.
 *
 * The device is read in one place only, its completion word in memory. A halt found there is
 * handled at once (ioat_ring_halted): the culprit is noted in ch->failure and the channel runs on
 * behind it. Until that failure is reported nothing newer is looked at, so at most one is
 * pending and statuses cannot be mixed up. A call that finds nothing although work is outstanding
 * counts for the watchdog (ioat_ring_watch).
 */

#include <errno.h>

#include "ioat_ring.h"

/* Of a long submit not only the last descriptor asks for a completion write. */
static __rte_noinline void
ring_mark_some(struct ioat_chan *ch)
{
	uint32_t d;

	for (d = ch->rung + ch->compl_every; d - ch->rung < ch->tail - ch->rung;
	     d += ch->compl_every) {
		ch->desc[(d - 1) & ch->mask].ctrl |= DESC_CTRL_COMPL;
		ch->compl_extra++;
	}
}

/* The last descriptor of a submit writes the completion word, of a long one also some before. */
static __rte_always_inline void
ring_kick(struct ioat_chan *ch)
{
	if (unlikely(ch->tail - ch->rung > ch->compl_every))
		ring_mark_some(ch);
	ch->desc[(ch->tail - 1) & ch->mask].ctrl |= DESC_CTRL_COMPL;
	ch->submitted += (uint16_t)(ring_op_tail(ch) - ch->op_rung);
	ch->op_rung = ring_op_tail(ch);
	ch->rung = ch->tail;
	ch->doorbells++;
	mmio_write_doorbell(ch->doorbell, ch->tail - ch->base);
}

/* Take the next descriptor and the next ring_idx; there is room and the length fits. */
static __rte_always_inline uint16_t
ring_write(struct ioat_chan *ch, uint32_t op, uint64_t src, uint64_t dst, uint32_t len)
{
	uint32_t tail = ch->tail;
	uint32_t offset = tail * IOAT_DESC_SIZE & ch->offset_mask;

	desc_write(RTE_PTR_ADD(ch->desc, offset), op, len, src, dst);
	/* Last: a cycle less per operation than before the stores above (doc/performance.md). */
	__atomic_store_n(&ch->tail, tail + 1, __ATOMIC_RELAXED);
	return (uint16_t)(tail + ch->op_ahead);
}

static __rte_noinline int
ring_put_flags(struct ioat_chan *ch, uint32_t op, uint64_t src, uint64_t dst, uint32_t len,
               uint64_t flags)
{
	uint16_t idx;

	if (ring_is_full(ch) || len - 1 >= ch->xfer_max || (flags & RTE_DMA_OP_FLAG_FENCE) != 0)
		return ioat_ring_put_odd(ch, op, src, dst, len, flags);
	idx = ring_write(ch, op, src, dst, len);
	if ((flags & RTE_DMA_OP_FLAG_SUBMIT) != 0)
		ring_kick(ch);
	return idx;
}

static __rte_always_inline int
ring_put(struct ioat_chan *ch, uint32_t op, uint64_t src, uint64_t dst, uint32_t len,
         uint64_t flags)
{
	/* len - 1: 0 wraps and is odd too. */
	if (unlikely(ring_is_full(ch) || len - 1 >= ch->xfer_max ||
	             (flags & (RTE_DMA_OP_FLAG_FENCE | RTE_DMA_OP_FLAG_SUBMIT)) != 0))
		return ring_put_flags(ch, op, src, dst, len, flags);
	return ring_write(ch, op, src, dst, len);
}

int
ioat_ring_copy(void *dev_private, uint16_t vchan __rte_unused, rte_iova_t src, rte_iova_t dst,
               uint32_t length, uint64_t flags)
{
	return ring_put(dev_private, DESC_CTRL_OP(IOAT_OP_COPY), src, dst, length, flags);
}

int
ioat_ring_fill(void *dev_private, uint16_t vchan __rte_unused, uint64_t pattern, rte_iova_t dst,
               uint32_t length, uint64_t flags)
{
	return ring_put(dev_private, DESC_CTRL_OP(IOAT_OP_FILL), pattern, dst, length, flags);
}

int
ioat_ring_submit(void *dev_private, uint16_t vchan __rte_unused)
{
	struct ioat_chan *ch = dev_private;

	if (ch->tail == ch->rung)
		return ch->lost ? -EIO : 0;
	ring_kick(ch);
	return 0;
}

uint16_t
ioat_ring_burst_capacity(const void *dev_private, uint16_t vchan __rte_unused)
{
	const struct ioat_chan *ch = dev_private;

	return ch->lost ? 0 : (uint16_t)(ch->mask - (ch->tail - ch->head));
}

/* Operations from op_head on that can be reported as successful, for a caller who takes max. */
static __rte_always_inline uint16_t
ring_good(struct ioat_chan *ch, uint16_t max)
{
	uint64_t word = __atomic_load_n(ch->status, __ATOMIC_ACQUIRE);
	uint16_t n;

	if (unlikely(ch->odd.failed))
		return ch->failure.op - ch->op_head;
	if (unlikely(ch->odd.cut)) {
		n = ch->cut.op - ch->op_head;
		return n <= (uint16_t)(ch->op_rung - ch->op_head) ? n : 0;
	}
	if (unlikely((word & CHANSTS_STATE) == IOAT_STATE_HALTED))
		return ioat_ring_halted(ch, word);
	return ring_ops_done(ch, ring_descs_done(ch, word), max);
}

/* Take n operations that consist of more descriptors than n off the ring. */
static __rte_noinline void
ring_retire_more(struct ioat_chan *ch, uint16_t n)
{
	uint8_t *more;

	while (n > 0) {
		more = &ch->more[ch->head++ & ch->mask];
		if (*more == 0) {
			n--;
		} else {
			*more = 0;
			ch->nb_more--;
		}
	}
}

/* Give back the descriptors of the n operations from op_head on; they are finished. */
static __rte_always_inline void
ring_retire(struct ioat_chan *ch, uint16_t n)
{
	if (unlikely(ch->nb_more != 0))
		ring_retire_more(ch, n);
	else
		ch->head += n;
	ch->limit = ch->head + ch->mask;
	ch->op_head += n;
	ch->completed += n;
}

/* Whether the operation at op_head is known to have failed, and how. */
static __rte_always_inline bool
ring_bad(const struct ioat_chan *ch, enum rte_dma_status_code *status)
{
	if (unlikely(ch->odd.failed && ch->failure.op == ch->op_head)) {
		*status = ch->failure.status;
		return true;
	}
	if (unlikely(ch->odd.cut && !ch->odd.failed && ch->op_head != ch->op_rung)) {
		*status = ch->op_head == ch->cut.op ? ch->cut.first : ch->cut.rest;
		return true;
	}
	return false;
}

/* The failed operation at op_head was reported. */
static void
ring_forgive(struct ioat_chan *ch)
{
	ch->errors++;
	ch->odd.failed = false;
	ring_retire(ch, 1);
}

/*
 * Report up to max operations in order. Without room for statuses the walk ends at the first that
 * failed, which stays at the front. Each turn reports at least one operation or is the last.
 */
static __rte_noinline uint16_t
ring_reap(struct ioat_chan *ch, uint16_t max, uint16_t *last_idx, bool *has_error,
          enum rte_dma_status_code *status)
{
	enum rte_dma_status_code bad;
	uint16_t n = 0, k, i;

	while (n < max) {
		k = ring_good(ch, max - n);
		k = RTE_MIN(k, (uint16_t)(max - n));
		ring_retire(ch, k);
		if (status != NULL)
			for (i = 0; i < k; i++)
				status[n + i] = RTE_DMA_STATUS_SUCCESSFUL;
		n += k;
		if (n == max)
			break;
		if (!ring_bad(ch, &bad)) {
			if ((!ch->odd.asked && (n != 0 || ch->op_head == ch->op_rung)) ||
			    !ioat_ring_watch(ch))
				break;
			continue;
		}
		if (status == NULL) {
			*has_error = true;
			break;
		}
		ring_forgive(ch);
		status[n++] = bad;
	}
	*last_idx = ch->op_head - 1;
	return n;
}

/*
 * What nearly all calls find: operations of one descriptor each that succeeded. Takes up to max of
 * them; 0: the case is another, and ring_reap() for it.
 */
static __rte_always_inline uint16_t
ring_reap_plain(struct ioat_chan *ch, uint16_t max, uint16_t *last_idx)
{
	uint64_t word = __atomic_load_n(ch->status, __ATOMIC_ACQUIRE);
	uint16_t n;

	if (unlikely(ch->nb_more != 0 || ch->odd.any != 0 ||
	             (word & CHANSTS_STATE) == IOAT_STATE_HALTED))
		return 0;
	n = ring_descs_done(ch, word);
	n = RTE_MIN(n, max);
	ring_retire(ch, n);
	*last_idx = ch->op_head - 1;
	return n;
}

uint16_t
ioat_ring_completed(void *dev_private, uint16_t vchan __rte_unused, const uint16_t nb_cpls,
                    uint16_t *last_idx, bool *has_error)
{
	uint16_t n = ring_reap_plain(dev_private, nb_cpls, last_idx);

	return likely(n != 0) ? n : ring_reap(dev_private, nb_cpls, last_idx, has_error, NULL);
}

uint16_t
ioat_ring_completed_status(void *dev_private, uint16_t vchan __rte_unused, const uint16_t nb_cpls,
                           uint16_t *last_idx, enum rte_dma_status_code *status)
{
	uint16_t n = ring_reap_plain(dev_private, nb_cpls, last_idx), i;

	if (unlikely(n == 0))
		return ring_reap(dev_private, nb_cpls, last_idx, NULL, status);
	for (i = 0; i < n; i++)
		status[i] = RTE_DMA_STATUS_SUCCESSFUL;
	return n;
}

void
ioat_ring_install(struct rte_dma_fp_object *fp)
{
	fp->copy = ioat_ring_copy;
	fp->copy_sg = ioat_ring_copy_sg;
	fp->fill = ioat_ring_fill;
	fp->submit = ioat_ring_submit;
	fp->completed = ioat_ring_completed;
	fp->completed_status = ioat_ring_completed_status;
	fp->burst_capacity = ioat_ring_burst_capacity;
}
