/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Silent mode: nobody asks for completions, so whoever enqueues, submits or asks for room takes
 * finished operations off the ring. Halts are found and recovered from there, too.
 *
 * A secondary process has these functions wherever the mode is offered: the primary may choose it
 * later, or leave it, so that they look at the channel each time.
 */

#include <errno.h>

#include "ioat_ring.h"

void
ioat_silent_reclaim(struct ioat_chan *ch)
{
	enum rte_dma_status_code status[32];
	uint16_t last;

	if (!ch->silent)
		return;
	/* Nobody makes completion calls, which let an engine without a thread work. */
	if (rte_eal_process_type() == RTE_PROC_PRIMARY && ch->regs.ops->work != NULL)
		ch->regs.ops->work(ch->regs.ctx);
	/* Bounded: each turn takes at least one of the rung operations off. */
	while (ioat_ring_completed_status(ch, 0, RTE_DIM(status), &last, status) > 0)
		;
}

static int
silent_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
            uint64_t flags)
{
	int idx = ioat_ring_copy(dev_private, vchan, src, dst, length, flags);

	if (likely(idx != -ENOSPC))
		return idx;
	ioat_silent_reclaim(dev_private);
	return ioat_ring_copy(dev_private, vchan, src, dst, length, flags);
}

static int
silent_copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
               const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags)
{
	int idx = ioat_ring_copy_sg(dev_private, vchan, src, dst, nb_src, nb_dst, flags);

	if (likely(idx != -ENOSPC))
		return idx;
	ioat_silent_reclaim(dev_private);
	return ioat_ring_copy_sg(dev_private, vchan, src, dst, nb_src, nb_dst, flags);
}

static int
silent_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst, uint32_t length,
            uint64_t flags)
{
	int idx = ioat_ring_fill(dev_private, vchan, pattern, dst, length, flags);

	if (likely(idx != -ENOSPC))
		return idx;
	ioat_silent_reclaim(dev_private);
	return ioat_ring_fill(dev_private, vchan, pattern, dst, length, flags);
}

static int
silent_submit(void *dev_private, uint16_t vchan)
{
	int rc = ioat_ring_submit(dev_private, vchan);

	ioat_silent_reclaim(dev_private);
	return rc;
}

static uint16_t
silent_burst_capacity(const void *dev_private, uint16_t vchan)
{
	/* dmadev's rules for threads are those of an enqueue: the channel may be changed. */
	ioat_silent_reclaim((struct ioat_chan *)(uintptr_t)dev_private);
	return ioat_ring_burst_capacity(dev_private, vchan);
}

static uint16_t
silent_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
                 bool *has_error)
{
	const struct ioat_chan *ch = dev_private;

	if (!ch->silent)
		return ioat_ring_completed(dev_private, vchan, nb_cpls, last_idx, has_error);
	ioat_silent_reclaim(dev_private);
	*last_idx = ch->op_head - 1;
	return 0;
}

static uint16_t
silent_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
                        uint16_t *last_idx, enum rte_dma_status_code *status)
{
	const struct ioat_chan *ch = dev_private;

	if (!ch->silent)
		return ioat_ring_completed_status(dev_private, vchan, nb_cpls, last_idx, status);
	return silent_completed(dev_private, vchan, nb_cpls, last_idx, NULL);
}

void
ioat_silent_install(struct rte_dma_fp_object *fp)
{
	fp->copy = silent_copy;
	fp->copy_sg = silent_copy_sg;
	fp->fill = silent_fill;
	fp->submit = silent_submit;
	fp->completed = silent_completed;
	fp->completed_status = silent_completed_status;
	fp->burst_capacity = silent_burst_capacity;
}
